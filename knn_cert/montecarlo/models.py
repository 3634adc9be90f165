"""What trainers and models are asked for, and distrusted with: labels that count as votes, or an error."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np

__all__ = ["UnsoundTrainer", "check_callable", "name_of", "positions", "predict_of"]


class UnsoundTrainer(ValueError):
    """A trainer or a model does what makes its votes worthless: no certificate can be drawn from them."""


def check_callable(train, name: str, arguments: str) -> None:
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


def name_of(train) -> str:
    """What a guarantee calls a trainer; nothing for a lambda."""
    name = getattr(train, "__name__", type(train).__name__)
    return "" if name == "<lambda>" else name


def predict_of(model) -> Callable:
    """The function by which a model predicts."""
    predict = getattr(model, "predict", model)
    if not callable(predict):
        raise UnsoundTrainer(
            f"the trainer returned a {type(model).__name__}, expected an object with predict(Q), or a "
            "function; does it return the fitted model?"
        )
    return predict


def positions(answer, n_queries: int, classes: np.ndarray) -> np.ndarray:
    """Labels, or probabilities in the order of classes, as positions in classes."""
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
        return np.argmax(answer, axis=1)
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
