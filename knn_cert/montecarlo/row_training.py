"""Training on noised rows: the user's trainer, called in one way, and the models that it makes of a table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..fingerprint import parameters_digest
from ..gate.numbers import as_whole_number
from ..smoothing import Noise
from .checkpoint import Checkpoint
from .copies import Copies
from .independence import Probes
from .model_training import ModelTraining
from .models import UnsoundTrainer, check_callable, class_positions, description_of, predict_of
from .protocols import (
    KeepableTrainer,
    RowPredictor,
    RowTrainer,
    StackPredictor,
    StackTrainer,
    TrainerWithType,
    having,
)
from .seeds import ModelSeed
from .trial import Tables, check_trainer, exchange_between, first_of_each

__all__ = ["CheckedTrainer", "RowTraining"]

_CHECK_ROWS = 256
_PROBES = 64


class CheckedTrainer:
    """What a user gave as trainer of rows, called in one way: the only place that knows what it may have.

    Parameters
    ----------
    given : RowTrainer
        With any of the optional members that `protocols` lists.

    Attributes
    ----------
    models_at_once : int
    dtype : numpy.dtype
        Type of the rows and queries that it wants.
    name : str
        What a guarantee calls it.
    """

    def __init__(self, given: RowTrainer) -> None:
        check_callable(given, "model_factory", "(X, y, seed)")
        self.given = given
        self._stacks: StackTrainer | None = having(given, "train_many")
        self._asks_together: StackPredictor | None = having(given, "predict_many")
        self._keeps: KeepableTrainer | None = having(given, "settings", "pack", "unpack")
        self.models_at_once = 1
        if self._stacks is not None:
            self.models_at_once = as_whole_number(
                getattr(given, "models_at_once", 1), "models_at_once", least=1
            )
        typed: TrainerWithType | None = having(given, "dtype")
        self.dtype = np.dtype(np.float64 if typed is None else typed.dtype)
        self.name = description_of(given)

    def train(
        self, tables: Sequence[NDArray[Any]], y: NDArray[Any], seeds: Sequence[ModelSeed], noise: Noise
    ) -> list[Any]:
        """Train a model on each table with noise of its own; each gets labels that it may overwrite."""
        pairs = zip(tables, seeds, strict=True)
        noised = [noise.add_to(X, seed.generator(), self.dtype) for X, seed in pairs]
        if self._stacks is None or self.models_at_once == 1:
            return [
                self.given(rows, y.copy(), seed.training) for rows, seed in zip(noised, seeds, strict=True)
            ]
        models = list(self._stacks.train_many(noised, y.copy(), [seed.training for seed in seeds]))
        if len(models) != len(seeds):
            raise UnsoundTrainer(
                f"train_many was given {len(seeds)} tables and returned {len(models)} models"
            )
        return models

    def predict(
        self, models: Sequence[Any], queries: Sequence[NDArray[Any]], classes: NDArray[Any]
    ) -> NDArray[np.int64]:
        """Return positions in classes, shape (models, queries), of what each model says of its queries."""
        answers: list[ArrayLike]
        if len(models) > 1 and self._asks_together is not None:
            answers = list(self._asks_together.predict_many(models, queries))
        else:
            answers = [predict_of(model)(rows) for model, rows in zip(models, queries, strict=True)]
        return np.stack(
            [
                class_positions(answer, len(rows), classes)
                for answer, rows in zip(answers, queries, strict=True)
            ]
        )

    def ask(
        self, queries: NDArray[Any], classes: NDArray[Any], model: RowPredictor, rows: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return positions of the labels that one model gives to some of the queries, in one call."""
        labels: NDArray[np.int64] = self.predict([model], [queries[rows]], classes)[0]
        return labels

    @property
    def keeps(self) -> KeepableTrainer:
        """The trainer as one whose models a checkpoint can hold.

        Raises
        ------
        TypeError
            If it cannot describe itself, or turn models into arrays and back.
        """
        if self._keeps is None:
            raise TypeError(
                "a checkpoint needs a trainer with settings(), pack(models) and unpack(arrays), such as "
                "knn_cert.deep.TorchTrainer; leave out checkpoint"
            )
        return self._keeps


@dataclass
class RowTraining(ModelTraining):
    """The training of models on one table, each on its rows with noise of its own.

    Attributes
    ----------
    trainer : CheckedTrainer
    noise : Noise
    X, y : ndarray of shape (n, d) and (n,)
    numbers : ndarray of int, shape (n,)
        Positions of the labels in ``classes``.
    classes : ndarray of shape (C,)
    digests_needed : bool
        Whether noise on queries is drawn from the models' parameters.
    """

    trainer: CheckedTrainer
    noise: Noise
    X: NDArray[Any]
    y: NDArray[Any]
    numbers: NDArray[np.int64]
    classes: NDArray[Any]
    digests_needed: bool

    @property
    def given(self) -> RowTrainer:
        return self.trainer.given

    @property
    def stacked(self) -> bool:
        return self.trainer.models_at_once > 1

    def by(self, given: RowTrainer) -> RowTraining:
        return replace(self, trainer=CheckedTrainer(given))

    def group_size(self, n_jobs: int | None) -> int:
        return self.trainer.models_at_once

    def train(self, seeds: Sequence[ModelSeed]) -> list[Any]:
        return self.trainer.train([self.X] * len(seeds), self.y, seeds, self.noise)

    def try_trainer(self, copies: Copies, seeds: Sequence[ModelSeed]) -> Probes:
        rows = first_of_each(self.numbers, _CHECK_ROWS)
        X, y, numbers = self.X[rows], self.y[rows], self.numbers[rows]
        some = first_of_each(numbers, _PROBES)
        queries = self.noise.add_to(X[some], np.random.default_rng(0), self.trainer.dtype)
        probes = Probes(
            partial(self.trainer.ask, queries, self.classes), len(queries), digests_needed=self.digests_needed
        )
        same, other = seeds[0], seeds[-1]._replace(training=seeds[0].training)
        one = (X, y, same)
        tables = Tables(one, (X, y, other), one, (X[exchange_between(numbers)], y, same))
        check_trainer(copies, partial(_train_small, self.noise, X, same), probes, tables)
        return probes

    def open_store(self, folder: Path, settings: dict[str, int]) -> Checkpoint:
        trainer = self.trainer.keeps
        return Checkpoint(folder, trainer, lambda: self._fingerprint(trainer, settings))

    def _fingerprint(self, trainer: KeepableTrainer, settings: dict[str, int]) -> str:
        """Return a digest of everything that the models depend on."""
        depends_on = settings | {
            "sigma": self.noise.sigma,
            "noise": self.noise.kind,
            "models_at_once": self.trainer.models_at_once,
            "trainer": trainer.settings(),
            "rows": parameters_digest([self.X, self.y]).hex(),
        }
        return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()


def _train_small(
    noise: Noise,
    X_first: NDArray[Any],
    first: ModelSeed,
    given: RowTrainer,
    table: tuple[NDArray[Any], NDArray[Any], ModelSeed],
) -> Any:
    """Train on a table (X, y, seed): alone, or as the second of a stack whose first is always the same."""
    X, y, seed = table
    trainer = CheckedTrainer(given)
    if trainer.models_at_once == 1:
        return trainer.train([X], y, [seed], noise)[0]
    return trainer.train([X_first, X], y, [first, seed], noise)[1]
