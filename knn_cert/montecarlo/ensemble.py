"""Algorithm 1 of RAB for any trainer: models trained on rows with noise of their own, and what they certify.

Each model is a function of its noised rows and a seed of its own. The noise is drawn once and kept. A query
is classified with noise too, which is drawn from a generator seeded with the SHA-256 of the model's
parameters and nothing else: it is then part of the model (section 6.1 of RAB).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from ..certificates import Certificates
from ..fingerprint import parameters_digest
from ..gate.arrays import reject_text_columns
from ..gate.labels import number_classes
from ..smoothing import Noise
from ..threats import BlackBoxBall
from .checkpoint import Checkpoint
from .copies import Copies
from .independence import Probes, Seen, Tables, check_alike, check_distinct, check_trainer
from .trainer import Job, Trainer, once_more, train_job, train_small
from .training import ModelSeed, exchange_between, first_of_each, in_turn, model_seeds
from .votes import certify_votes
from .voting import VotingEnsemble

__all__ = ["SmoothedEnsemble"]

_CHECK_ROWS = 256
_PROBES = 64
_QUERY_BYTES = 64 << 20  # of the copies of queries, one for each model of a group, that are held at a time


class SmoothedEnsemble(VotingEnsemble):
    """N models trained on independently noised rows, whose votes certify predictions: Algorithm 1 of RAB.

    Parameters
    ----------
    model_factory : callable (X, y, seed) -> predictor
        Trains one model: X of shape (n, d), noised; y the labels; seed a non-negative int below 2**63, the
        only source of randomness it may use. The model must be a function of these three alone and a new
        object each time, so a scikit-learn model serves as ``lambda X, y, seed: clone(model).fit(X, y)``. It
        must stay as it is, and answer each query as it would answer it alone. The predictor has
        ``predict(Q)``, or is itself callable, and gives labels of shape (m,) or probabilities of shape
        (m, C), columns as in ``classes_``. `fit` tries all this, see docs/ensembles.md.
        It may also have ``train_many(noised, y, seeds)``, which trains ``models_at_once`` models together;
        ``dtype``, the type it wants the rows in; ``predict_many``; ``settings()``, ``pack`` and ``unpack``
        for checkpoints: see `knn_cert.deep.TorchTrainer`.
    sigma : float > 0
        Standard deviation of the noise on each feature, in the units of the features.
    n_models : int >= 1
        N, models that vote.
    noise : {"gaussian", "uniform"}
        Uniform noise lies on an interval of length sqrt(12) sigma.
    alpha : float, 0 < alpha < 1
        Probability that a certificate is wrong, over the noise.
    n_pilot : int >= 0
        Further models that choose the label to certify. With 0 the N models choose it, and alpha pays.
    test_noise : bool, default=True
        Whether each model sees queries with noise drawn from its parameters. Without it models that have only
        seen noised rows classify rows without noise, and are often wrong.
    simultaneous : bool, default=False
        Whether alpha is for all queries of a call of `certify` together.
    random_state : int or None
        Seed of the noise and of the models' seeds. It must be chosen after the attacker is done.
    n_jobs : int or None
        Processes that train, one thread each, -1 for one a core; None trains here, one model or group after
        the other. The models are the same, but where a trainer's rounding depends on its threads.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
    n_features_in_, n_samples_fit_ : int
    models_, pilot_models_ : list
        The predictors.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from knn_cert.montecarlo import SmoothedEnsemble
    >>> X = np.concatenate([np.full((20, 2), -1.0), np.full((20, 2), 1.0)])
    >>> y = np.repeat(["left", "right"], 20)
    >>> train = lambda X, y, seed: LogisticRegression(random_state=seed % 2**32).fit(X, y)
    >>> ensemble = SmoothedEnsemble(train, sigma=0.5, n_models=50, random_state=0).fit(X, y)
    >>> cert = ensemble.certify([[-1.0, -1.0]])
    >>> str(cert.label[0]), bool(cert.radius[0] > 0.2)
    ('left', True)
    """

    def __init__(
        self,
        model_factory,
        sigma=1.0,
        n_models=1000,
        *,
        noise="gaussian",
        alpha=0.001,
        n_pilot=0,
        test_noise=True,
        simultaneous=False,
        random_state=None,
        n_jobs=None,
    ):
        self.model_factory = model_factory
        self.sigma = sigma
        self.n_models = n_models
        self.noise = noise
        self.alpha = alpha
        self.n_pilot = n_pilot
        self.test_noise = test_noise
        self.simultaneous = simultaneous
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        X,
        y,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> SmoothedEnsemble:
        """Train the models.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Training rows, dense; float32 is kept as it is.
        y : array_like of shape (n,)
            At least two classes.
        checkpoint : path-like, optional
            A folder, made if need be, where models are kept as they are trained. A later fit with the same
            rows, settings and seed continues there.
        progress : callable (done, total), optional
            Called as models are done; `knn_cert.progress.ProgressBar` draws a bar.

        Returns
        -------
        SmoothedEnsemble

        Raises
        ------
        TypeError
            If the trainer is not callable, or has not what a checkpoint needs.
        ValueError
            If rows, labels or parameters are wrong, n_models is too small for any certificate at alpha, or
            the checkpoint belongs to another ensemble.
        UnsoundTrainer
            If the trainer gives different models for the same rows and seed, one model for different ones, or
            models that move when others are trained, or answer otherwise when they are asked again or alone.

        Notes
        -----
        The trainer is tried on at most 256 rows first, then one model more than asked for is trained on all
        rows, by a copy of the trainer, to be compared with the last one (two more where the trainer trains
        several at once).
        """
        trainer = Trainer(self.model_factory)
        noise = Noise(self.sigma, self.noise)
        self._check_settings()
        reject_text_columns(X)
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], order="C")
        self.classes_, numbers = number_classes(y)
        self.n_samples_fit_ = len(X)
        self._check_enough(len(self.classes_))
        seeds = model_seeds(self.random_state, self.n_models + self.n_pilot)
        self._noise, self._trainer = noise, trainer
        copies = Copies(self.model_factory)
        probes = self._try(copies, X, y, numbers, seeds)

        keep = None
        if checkpoint is not None:
            if self.random_state is None:
                raise ValueError("a checkpoint needs random_state: nothing can be continued without a seed")
            keep = Checkpoint(Path(checkpoint), trainer, lambda: self._fingerprint(X, y))
        groups = {
            start: seeds[start : start + trainer.models_at_once]
            for start in range(0, len(seeds), trainer.models_at_once)
        }
        found = {
            start: None if keep is None else keep.load(start, len(group)) for start, group in groups.items()
        }
        missing = [start for start in groups if found[start] is None]
        done = len(seeds) - sum(len(groups[start]) for start in missing)
        if progress is not None:
            progress(done, len(seeds))
        jobs = [Job(trainer, groups[start]) for start in missing]
        again = once_more(trainer, copies, seeds)
        trained = in_turn(partial(train_job, X, y, noise), jobs + again, self.n_jobs)
        first = None if found[0] is None else probes.look(found[0][0])
        for start in missing:
            found[start] = group = next(trained)
            if first is None:
                first = probes.look(group[0])  # before the next ones are trained
            if keep is not None:
                keep.save(start, group)
            done += len(group)
            if progress is not None:
                progress(done, len(seeds))
        models = [model for start in groups for model in found[start]]
        compared = max(groups) if copies else 0
        loaded = compared not in missing
        self._check_trained(models, [model for (model,) in trained], probes, first, bool(copies), loaded)
        self._watch = probes, first
        self.pilot_models_, self.models_ = models[: self.n_pilot], models[self.n_pilot :]
        return self

    def votes(
        self, X, *, pilot: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray:
        """Count the models' votes.

        Parameters
        ----------
        X : array_like of shape (n_queries, d)
        pilot : bool, default=False
            Whether the pilot models vote instead.
        progress : callable (done, total), optional
            Called as models have voted.

        Returns
        -------
        ndarray of int64, shape (n_queries, C)

        Raises
        ------
        UnsoundTrainer
            If a model gives labels that do not occur in training, or probabilities that are not finite, or
            the first model is no longer what it was when it was trained.
        """
        X = self._checked_queries(X)
        self._check_unmoved("since the ensemble was fitted")
        models = self.pilot_models_ if pilot else self.models_
        counts = np.zeros((len(X), len(self.classes_)), dtype=np.int64)
        every = np.arange(len(X))
        for start in range(0, len(models), self._trainer.models_at_once):
            if progress is not None:
                progress(start, len(models))
            group = models[start : start + self._trainer.models_at_once]
            offsets = [self._offset(model) for model in group]
            for part in _parts(len(X), len(group) * X.shape[1] * self._trainer.dtype.itemsize):
                queries = [(X[part] + offset).astype(self._trainer.dtype) for offset in offsets]
                for labels in self._trainer.predict(group, queries, self.classes_):
                    counts[every[part], labels] += 1
        if progress is not None:
            progress(len(models), len(models))
        return counts

    def certify(
        self, X, threat: BlackBoxBall | None = None, *, progress: Callable[[int, int], None] | None = None
    ) -> Certificates:
        """Certify predictions against training tables within a ball.

        Parameters
        ----------
        X : array_like of shape (n_queries, d)
        threat : BlackBoxBall, optional
            Any number of rows or at most some, and the norm; see `certify_votes`.
        progress : callable (done, total), optional
            Called as models have voted.

        Returns
        -------
        Certificates

        Raises
        ------
        TypeError, ValueError
            As `certify_votes`.
        UnsoundTrainer
            As `votes`.
        """
        X = self._checked_queries(X)
        # What is wrong with the question should show before the models are asked.
        certify = {
            "noise": self._noise,
            "n_features": self.n_features_in_,
            "n_train": self.n_samples_fit_,
            "classes": self.classes_,
            "alpha": self.alpha,
            "simultaneous": self.simultaneous,
            "threat": threat,
            "trainer": self._trainer.name,
            "test_noise": self.test_noise,
        }
        unanimous = np.zeros((len(X), len(self.classes_)), dtype=np.int64)
        unanimous[:, 0] = len(self.models_)
        pilots = unanimous if self.pilot_models_ else None
        certify_votes(unanimous, pilot=pilots, **certify)
        pilot = self.votes(X, pilot=True) if self.pilot_models_ else None
        return certify_votes(self.votes(X, progress=progress), pilot=pilot, **certify)

    def _try(self, copies: Copies, X, y, numbers, seeds: Sequence[ModelSeed]) -> Probes:
        """Try the trainer on a few rows of every class, and return the queries that models are asked."""
        noise, rows = self._noise, first_of_each(numbers, _CHECK_ROWS)
        X, y, numbers = X[rows], y[rows], numbers[rows]
        some = first_of_each(numbers, _PROBES)
        queries = noise.add_to(X[some], np.random.default_rng(0), self._trainer.dtype)
        probes = Probes(
            partial(self._trainer.ask, queries, self.classes_), len(queries), digests_needed=self.test_noise
        )
        same, other = seeds[0], seeds[-1]._replace(training=seeds[0].training)
        one = (X, y, same)
        tables = Tables(one, (X, y, other), one, (X[exchange_between(numbers)], y, same))
        check_trainer(copies, partial(train_small, noise, X, same), probes, tables)
        return probes

    def _check_trained(
        self, models: list, again: list, probes: Probes, first: Seen, fresh: bool, loaded: bool
    ) -> None:
        """Raise unless the models are distinct, the first one is as it was, and one more is as expected."""
        check_distinct(models)
        probes.check_unmoved(models[0], first, "when the others were trained")
        if len(again) == 2:
            expected, got = map(probes.look, again)
        else:
            expected, got = probes.look(models[-1 if fresh else 0]), probes.look(again[0])
            if loaded and not expected.same(got):
                raise ValueError(
                    "a model of the checkpoint is not what the trainer gives here for the same rows and seed "
                    f"({expected.difference(got)}): it was trained on another machine, with other versions "
                    "or by another trainer. Continue where it was begun, or choose another folder"
                )
        check_alike(expected, got, fresh=fresh)

    def _check_unmoved(self, when: str) -> None:
        probes, first = self._watch
        probes.check_unmoved((self.pilot_models_ + self.models_)[0], first, when)

    def _checked_queries(self, X) -> np.ndarray:
        check_is_fitted(self, "models_")
        reject_text_columns(X)
        return validate_data(self, X, dtype=[np.float64, np.float32], order="C", reset=False)

    def _offset(self, model) -> np.ndarray:
        """The noise that a model puts on every query: a function of its parameters (RAB, section 6.1)."""
        if not self.test_noise:
            return np.zeros(self.n_features_in_)
        seed = np.random.SeedSequence(int.from_bytes(parameters_digest(model), "big"))
        return self._noise.draw(self.n_features_in_, np.random.Generator(np.random.PCG64(seed)))

    def _fingerprint(self, X: np.ndarray, y: np.ndarray) -> str:
        settings = {
            "sigma": self._noise.sigma,
            "noise": self._noise.kind,
            "n_models": int(self.n_models),
            "n_pilot": int(self.n_pilot),
            "random_state": int(self.random_state),
            "models_at_once": self._trainer.models_at_once,
            "trainer": self._trainer.settings(),
            "rows": parameters_digest([X, y]).hex(),
        }
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _parts(n: int, bytes_each: int) -> list[slice]:
    size = max(1, _QUERY_BYTES // max(1, bytes_each))
    return [slice(start, start + size) for start in range(0, n, size)]
