"""Algorithm 1 of RAB for any trainer: models trained on rows with noise of their own, and what they certify.

Each model is a function of its noised rows and a seed of its own. The noise is drawn once and kept. A query
is classified with noise too, which is drawn from a generator seeded with the SHA-256 of the model's
parameters and nothing else: it is then part of the model (section 6.1 of RAB).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import validate_data

from ..certificates import Certificates
from ..certificates.issue import default_ball
from ..fingerprint import parameters_digest
from ..gate.arrays import reject_text_columns
from ..gate.labels import number_classes
from ..gate.numbers import check_sigma
from ..smoothing import Noise
from ..threats import BlackBoxBall
from .base import VotingEnsemble
from .protocols import Progress, RowTrainer
from .row_training import CheckedTrainer, RowTraining
from .seeds import ModelSeed
from .votes import certify_votes, check_question

__all__ = ["SmoothedEnsemble"]

_QUERY_BYTES = 64 << 20  # of the copies of queries, one for each model of a group, that are held at a time


class SmoothedEnsemble(VotingEnsemble[NDArray[Any], BlackBoxBall]):
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
        for checkpoints; ``description``, what guarantees call it: see `knn_cert.montecarlo.protocols`, and
        `knn_cert.deep.TorchTrainer`, which has most of these.
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
        model_factory: RowTrainer,
        sigma: float = 1.0,
        n_models: int = 1000,
        *,
        noise: str = "gaussian",
        alpha: float = 0.001,
        n_pilot: int = 0,
        test_noise: bool = True,
        simultaneous: bool = False,
        random_state: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
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
        X: ArrayLike,
        y: ArrayLike,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
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
        self._fit(X, y, progress=progress, checkpoint=checkpoint)
        return self

    def votes(
        self, X: ArrayLike, *, pilot: bool = False, progress: Progress | None = None
    ) -> NDArray[np.int64]:
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
        return self._count(X, pilot=pilot, progress=progress)

    def certify(
        self, X: ArrayLike, threat: BlackBoxBall | None = None, *, progress: Progress | None = None
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
        return self._certify(X, threat, progress)

    def _read_parameters(self) -> None:
        self._trainer = CheckedTrainer(self.model_factory)
        self._noise = Noise(check_sigma(self.sigma), self.noise)

    def _training(self, rows: Any, labels: Any) -> RowTraining:
        reject_text_columns(rows)
        X, y = validate_data(self, rows, labels, dtype=[np.float64, np.float32], order="C")
        self.classes_, numbers = number_classes(y)
        self.n_samples_fit_ = len(X)
        return RowTraining(
            self._trainer, self._noise, X, y, numbers, self.classes_, digests_needed=self.test_noise
        )

    def _checked_queries(self, queries: Any, *, least: int) -> NDArray[Any]:
        reject_text_columns(queries)
        # At least one is asked for in any case.
        X: NDArray[Any] = validate_data(self, queries, dtype=[np.float64, np.float32], order="C", reset=False)
        return X

    def _checked_threat(self, threat: BlackBoxBall | None) -> BlackBoxBall:
        threat = default_ball(self._noise) if threat is None else threat
        check_question(self._noise, threat)
        return threat

    @property
    def _asked_at_once(self) -> int:
        return self._trainer.models_at_once

    def _answers(
        self, queries: NDArray[Any], models: Sequence[Any], seeds: Sequence[ModelSeed]
    ) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        dtype = self._trainer.dtype
        offsets = [self._offset(model) for model in models]
        for part in _parts(len(queries), len(models) * queries.shape[1] * dtype.itemsize):
            seen = [(queries[part] + offset).astype(dtype) for offset in offsets]
            for labels in self._trainer.predict(models, seen, self.classes_):
                yield part, labels

    def _offset(self, model: object) -> NDArray[np.float64]:
        """Return the noise that a model puts on every query: a function of its parameters alone."""
        if not self.test_noise:
            return np.zeros(self.n_features_in_)
        seed = np.random.SeedSequence(int.from_bytes(parameters_digest(model), "big"))
        return self._noise.draw(self.n_features_in_, np.random.Generator(np.random.PCG64(seed)))

    def _issue(
        self,
        counts: NDArray[np.int64],
        pilot: NDArray[np.int64] | None,
        queries: NDArray[Any],
        threat: BlackBoxBall,
    ) -> Certificates:
        return certify_votes(
            counts,
            pilot=pilot,
            noise=self._noise,
            n_features=self.n_features_in_,
            n_train=self.n_samples_fit_,
            classes=self.classes_,
            alpha=self.alpha,
            simultaneous=self.simultaneous,
            threat=threat,
            trainer=self._trainer.name,
            test_noise=self.test_noise,
        )


def _parts(n: int, bytes_each: int) -> list[slice]:
    """Cut n queries into parts whose copies, one for each model of a group, fit in memory."""
    size = max(1, _QUERY_BYTES // max(1, bytes_each))
    return [slice(start, start + size) for start in range(0, n, size)]
