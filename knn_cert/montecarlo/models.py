"""What is checked about trainers and models: that they can be called, and that an answer is a vote."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .protocols import DescribedTrainer, having

__all__ = ["UnsoundTrainer", "check_callable", "class_positions", "description_of", "predict_of"]


class UnsoundTrainer(ValueError):
    """A trainer or a model does what makes its votes worthless: no certificate can be drawn from them."""


def check_callable(train: object, name: str, arguments: str) -> None:
    """Raise TypeError unless a trainer can be called with three arguments."""
    if not callable(train):
        raise TypeError(
            f"{name} must be callable as {arguments} and return a predictor, got {type(train).__name__}"
        )
    try:
        inspect.signature(train).bind(None, None, None)
    except TypeError as error:
        raise TypeError(f"{name} must be callable as {arguments}: {error}") from None
    except ValueError:
        pass  # of some functions written in C nobody knows what they take


def description_of(train: object) -> str:
    """Return what a guarantee calls a trainer: its description or its name; nothing for a lambda."""
    described: DescribedTrainer | None = having(train, "description")
    if described is not None and isinstance(described.description, str):
        return described.description
    name = str(getattr(train, "__name__", type(train).__name__))
    return "" if name == "<lambda>" else name


def predict_of(model: object) -> Callable[[Any], ArrayLike]:
    """Return the function by which a model predicts."""
    predict = getattr(model, "predict", model)
    if not callable(predict):
        raise UnsoundTrainer(
            f"the trainer returned a {type(model).__name__}, expected an object with predict(Q), or a "
            "function; does it return the fitted model?"
        )
    return predict


def class_positions(answer: ArrayLike, n_queries: int, classes: NDArray[Any]) -> NDArray[np.int64]:
    """Return labels, or probabilities in the order of classes, as positions in classes."""
    answer = np.asarray(answer)
    if answer.ndim == 2:
        if answer.shape != (n_queries, len(classes)) or answer.dtype.kind not in "fiu":
            raise UnsoundTrainer(
                f"expected probabilities of shape ({n_queries}, {len(classes)}), got {answer.shape} of dtype "
                f"{answer.dtype}"
            )
        if not np.isfinite(answer).all():
            raise UnsoundTrainer(
                "a model gave probabilities that are NaN or infinite; its vote counts nothing"
            )
        most_probable: NDArray[np.int64] = np.argmax(answer, axis=1)
        return most_probable
    if answer.shape != (n_queries,):
        raise UnsoundTrainer(f"a model gave labels of shape {answer.shape} for {n_queries} queries")
    if (answer.dtype.kind in "USO") != (classes.dtype.kind in "USO"):
        known = np.zeros(n_queries, dtype=bool)
    else:
        known = np.isin(answer, classes)
    if not known.all():
        wrong = answer[~known][0]
        raise UnsoundTrainer(
            f"a model predicted {wrong!r}, which is none of the classes {list(classes)} of training"
        )
    return np.searchsorted(classes, answer)
