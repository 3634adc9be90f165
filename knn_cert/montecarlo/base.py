"""What every ensemble of voting models is: how it is fitted, how its models vote, how votes are certified."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence, Sized
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ..bounds.arguments import check_level
from ..certificates import Certificates
from ..gate.errors import InvalidInput
from ..gate.numbers import as_whole_number
from .copies import Copies
from .groups import Groups, ModelStore, NothingKept
from .independence import Probes, Watched, check_alike, check_distinct
from .model_training import Job, ModelTraining, check_n_jobs, train_in_order, train_job
from .protocols import Progress
from .seeds import ModelSeed, model_seeds
from .votes import check_enough, level_of_one

__all__ = ["VotingEnsemble"]


Q = TypeVar("Q", bound=Sized)  # queries, checked and ready for the models
T = TypeVar("T")  # the threats that an ensemble can be asked about


def _heard(progress: Progress | None) -> Progress:
    """Return who is told of progress: where nobody asked, someone who does not listen."""
    return (lambda done, total: None) if progress is None else progress


class VotingEnsemble(ClassifierMixin, BaseEstimator, ABC, Generic[Q, T]):  # type: ignore[misc]  # untyped bases
    """A base for ensembles of models that are trained on noised data, each with one vote a query.

    It decides in which order trainer, models and questions are checked, trained and asked. An ensemble gives
    what is its own: `_read_parameters`, `_training`, `_checked_queries`, `_checked_threat`, `_answers`,
    `_issue`; and public methods that say what these are for.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
    n_samples_fit_ : int
    models_, pilot_models_ : list
    """

    n_models: int
    n_pilot: int
    alpha: float
    simultaneous: bool
    random_state: int | None
    n_jobs: int | None
    classes_: NDArray[Any]
    n_samples_fit_: int
    models_: list[Any]
    pilot_models_: list[Any]

    # --- what an ensemble gives ---

    @abstractmethod
    def _read_parameters(self) -> None:
        """Check the trainer and the noise, which are parameters of their own kind, and keep them."""

    @abstractmethod
    def _training(self, rows: Any, labels: Any) -> ModelTraining:
        """Check training data, set ``classes_`` and ``n_samples_fit_``, and return how models are trained."""

    @abstractmethod
    def _checked_queries(self, queries: Any, *, least: int) -> Q:
        """Return queries, at least so many, as `_answers` takes them."""

    @abstractmethod
    def _checked_threat(self, threat: T | None) -> T:
        """Return the threat to certify against, or raise where no votes could answer."""

    @property
    def _asked_at_once(self) -> int:
        """How many models are asked together."""
        return 1

    @abstractmethod
    def _answers(
        self, queries: Q, models: Sequence[Any], seeds: Sequence[ModelSeed]
    ) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        """Yield parts of the queries and positions of the labels that a model gives to them."""

    @abstractmethod
    def _issue(
        self, counts: NDArray[np.int64], pilot: NDArray[np.int64] | None, queries: Q, threat: T
    ) -> Certificates:
        """Return what the votes certify."""

    # --- fit ---

    def _fit(
        self,
        rows: Any,
        labels: Any,
        *,
        progress: Progress | None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> None:
        """Check everything that could be wrong, the cheapest first, then train the models."""
        # If this fails, models of other parameters must not be left to vote.
        self.__dict__.pop("models_", None)
        self._read_parameters()
        self._check_settings()
        training = self._training(rows, labels)
        self._check_enough(self.n_models, self.n_pilot)
        seeds = model_seeds(self.random_state, self.n_models + self.n_pilot)
        copies = Copies(training.given)
        probes = training.try_trainer(copies, seeds)
        store: ModelStore = NothingKept()
        if checkpoint is not None:
            if self.random_state is None:
                raise InvalidInput("a checkpoint needs random_state: nothing can be continued without a seed")
            settings = {
                "n_models": int(self.n_models),
                "n_pilot": int(self.n_pilot),
                "random_state": int(self.random_state),
            }
            store = training.open_store(Path(checkpoint), settings)
        models, watched = self._train(training, seeds, copies, probes, store, progress)
        self._watched, self._seeds = watched, seeds
        self.pilot_models_, self.models_ = models[: self.n_pilot], models[self.n_pilot :]

    def _train(
        self,
        training: ModelTraining,
        seeds: list[ModelSeed],
        copies: Copies,
        probes: Probes,
        store: ModelStore,
        progress: Progress | None,
    ) -> tuple[list[Any], Watched]:
        """Train the models that the store lacks, and one of all once more, to be compared with itself.

        Returns
        -------
        models : list
            All of them, in the order of their seeds.
        watched : Watched
            The one that has to stay what it was until it has voted.
        """
        told = _heard(progress)
        groups = Groups(seeds, training.group_size(self.n_jobs), store)
        loaded = len(seeds) - sum(map(len, groups.missing.values()))
        told(loaded, len(seeds))
        first, last = training.worth_a_look(seeds)
        # Once more by a copy of the trainer, if there is one. Where the bits of a model are those of its
        # group, it is not compared with itself in the ensemble, but with itself trained alone.
        compared = last if copies or training.stacked else first
        fresh = training.by(copies.make())
        again = [training, fresh] if training.stacked else [fresh]
        jobs = [Job(training, group) for group in groups.missing.values()]
        jobs += [Job(one, [seeds[compared]]) for one in again]
        trained = train_in_order(train_job, jobs, self.n_jobs)

        seen = probes.look(groups.model(first)) if groups.has(first) else None
        done = loaded
        for start in groups.missing:
            groups.add(start, next(trained))
            if seen is None and groups.has(first):
                seen = probes.look(groups.model(first))  # before the next ones are trained
            groups.save(start)
            done += len(groups.missing[start])
            told(done, len(seeds))
        models, twins = groups.in_order(), [model for (model,) in trained]

        check_distinct(models)
        assert seen is not None  # every group was loaded or trained
        watched = Watched(probes, first, seen)
        watched.check(models, "when the others were trained")
        expected = probes.look(twins[0] if training.stacked else models[compared])
        got = probes.look(twins[-1])
        was_loaded = groups.start_of(compared) not in groups.missing
        if was_loaded and not training.stacked and not expected.same(got):
            raise InvalidInput(
                "a model of the checkpoint is not what the trainer gives here for the same rows and seed "
                f"({expected.difference(got)}): it was trained on another machine, with other versions "
                "or by another trainer. Continue where it was begun, or choose another folder"
            )
        check_alike(expected, got, fresh=bool(copies))
        return models, watched

    def _check_settings(self) -> None:
        """Raise for parameters that no data could mend."""
        check_level(self.alpha)
        check_n_jobs(self.n_jobs)
        as_whole_number(self.n_models, "n_models", least=1)
        as_whole_number(self.n_pilot, "n_pilot", least=0)

    def _check_enough(self, n_models: int, n_pilot: int, n_queries: int = 1) -> None:
        """Raise where so few models cannot certify anything: before hours of work, not after them."""
        level = level_of_one(self.alpha, n_queries, simultaneous=self.simultaneous)
        check_enough(n_models, len(self.classes_), level, selection="pilot" if n_pilot else "none")

    # --- votes ---

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most voted class of each query, the lowest of equals: the one that `certify` certifies.

        Returns
        -------
        ndarray of shape (n_queries,)
        """
        check_is_fitted(self, "models_")
        counts = self._count(X, pilot=bool(self.pilot_models_))
        labels: NDArray[Any] = self.classes_[np.argmax(counts, axis=1)]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the shares of the votes, Eq. (19) of RAB: (n_queries, C), columns as in ``classes_``."""
        return self._count(X) / len(self.models_)

    def _count(
        self, queries: Any, *, pilot: bool = False, progress: Progress | None = None
    ) -> NDArray[np.int64]:
        """Check queries and count the votes for them."""
        check_is_fitted(self, "models_")
        return self._votes(self._checked_queries(queries, least=0), pilot, progress)

    def _votes(self, queries: Q, pilot: bool, progress: Progress | None) -> NDArray[np.int64]:
        """Count the votes of the models, or of the pilot models."""
        told = _heard(progress)
        every_model, n_pilot = self.pilot_models_ + self.models_, len(self.pilot_models_)
        self._watched.check(every_model, "since the ensemble was fitted")
        voters = slice(None, n_pilot) if pilot else slice(n_pilot, None)
        models, seeds = every_model[voters], self._seeds[voters]
        counts = np.zeros((len(queries), len(self.classes_)), dtype=np.int64)
        every = np.arange(len(queries))
        size = self._asked_at_once
        for start in range(0, len(models), size):
            told(start, len(models))
            group = slice(start, start + size)
            for part, labels in self._answers(queries, models[group], seeds[group]):
                counts[every[part], labels] += 1
        told(len(models), len(models))
        return counts

    # --- certificates ---

    def _certify(self, queries: Any, threat: T | None, progress: Progress | None) -> Certificates:
        """Check the question before the models are asked; then let them vote, and say what it certifies."""
        check_is_fitted(self, "models_")
        threat = self._checked_threat(threat)
        checked = self._checked_queries(queries, least=1)
        self._check_enough(len(self.models_), len(self.pilot_models_), len(checked))
        pilot = self._votes(checked, True, None) if self.pilot_models_ else None
        return self._issue(self._votes(checked, False, progress), pilot, checked, threat)
