"""What users hand over: trainers of rows and the models that they return, what these must have and may have.

A trainer must be callable, and a model has ``predict`` or is itself callable. Everything else is optional: a
trainer that has more is asked for more. Trainers of texts: `knn_cert.text.text_protocols`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = [
    "DescribedTrainer",
    "FingerprintedModel",
    "KeepableTrainer",
    "Progress",
    "RowModel",
    "RowPredictor",
    "RowTrainer",
    "StackPredictor",
    "StackTrainer",
    "TrainerWithType",
    "having",
]

Progress: TypeAlias = Callable[[int, int], object]
"""Called with (done, total); `knn_cert.progress.ProgressBar` draws a bar."""


class RowModel(Protocol):
    """A model of rows. Its answer to a query is a function of the model and of that query alone."""

    def predict(self, X: NDArray[Any], /) -> ArrayLike:
        """Return labels of shape (m,), or probabilities of shape (m, C), columns in the order of labels."""


RowPredictor: TypeAlias = RowModel | Callable[[NDArray[Any]], ArrayLike]
"""A model of rows, or the function by which it predicts."""


class FingerprintedModel(Protocol):
    """A model that says itself what its parameters are; others are taken whole, attribute by attribute."""

    def canonical_parameters(self) -> Mapping[str, ArrayLike]:
        """Return everything that the model's answers depend on, and nothing that they do not."""


class RowTrainer(Protocol):
    """Trains one model. The model is a function of the three arguments, and a new object each time."""

    def __call__(self, X: NDArray[Any], y: NDArray[Any], seed: int, /) -> RowPredictor:
        """Return a model trained on noised rows (n, d) and labels (n,); all randomness is the seed's."""


class DescribedTrainer(Protocol):
    """A trainer with words for itself; others go by ``__name__``, or by the name of their class."""

    @property
    def description(self) -> str:
        """What the guarantee calls the trainer, as in "the smoothed classifier of ..."."""


class TrainerWithType(RowTrainer, Protocol):
    """A trainer that wants rows and queries in a type of its own; others get float64."""

    @property
    def dtype(self) -> DTypeLike:
        """A type of floats."""


class StackTrainer(RowTrainer, Protocol):
    """A trainer that trains several models together. The bits of a model may depend on its stack."""

    @property
    def models_at_once(self) -> int:
        """How many models are trained together, at least 1; 1 where it is missing."""

    def train_many(
        self, noised: Sequence[NDArray[Any]], y: NDArray[Any], seeds: Sequence[int], /
    ) -> Iterable[RowPredictor]:
        """Return a model for each table of noised rows, all with the labels y."""


class StackPredictor(RowTrainer, Protocol):
    """A trainer that asks several of its models together."""

    def predict_many(self, models: Sequence[Any], queries: Sequence[NDArray[Any]], /) -> Iterable[ArrayLike]:
        """Return the answer of each model to queries of its own, exactly as its ``predict`` gives it."""


class KeepableTrainer(RowTrainer, Protocol):
    """A trainer whose models can be kept in a checkpoint, without pickle."""

    def settings(self) -> dict[str, Any]:
        """Return everything but rows, labels and seeds that a model depends on, as JSON takes it."""

    def pack(self, models: Sequence[Any], /) -> Mapping[str, ArrayLike]:
        """Return models as plain arrays."""

    def unpack(self, arrays: dict[str, NDArray[np.generic]], /) -> Iterable[RowPredictor]:
        """Return the models that `pack` was given, exactly."""


def having(given: object, *members: str) -> Any | None:
    """Return what was given if it has all of these members, else None: how optional members are found."""
    return given if all(hasattr(given, member) for member in members) else None
