"""Rows held out for testing: shuffled, stratified by class, reproducible."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._printing import quoted, shortened
from ..gate.errors import InvalidInput
from ..gate.numbers import is_whole_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHOWN = 5  # classes that a message lists


class Split(NamedTuple):
    """The four parts of a hold-out split, in scikit-learn's order."""

    X_train: NDArray[Any]
    X_test: NDArray[Any]
    y_train: NDArray[Any]
    y_test: NDArray[Any]


def split_holdout(X: NDArray[Any], y: NDArray[Any], test_size: float = 0.2, random_state: int = 0) -> Split:
    """Hold rows out for testing: shuffled, stratified by class, reproducible.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    test_size : float in (0, 1) or int in [1, n)
        Fraction of the rows to hold out (rounded up), or their number.
    random_state : int
        Seed: the same rows, labels and seed give the same split.

    Returns
    -------
    Split
        ``X_train, X_test, y_train, y_test``.

    Raises
    ------
    ValueError
        If a class has fewer than two rows, or the test size leaves fewer rows than classes on either side.
    """
    train, test = holdout_rows(y, test_size, random_state)
    return Split(X[train], X[test], y[train], y[test])


def holdout_rows(
    y: NDArray[Any], test_size: float = 0.2, random_state: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the row numbers (train, test) of the split that `split_holdout` makes."""
    y = np.asarray(y)
    n = len(y)
    whole = is_whole_number(test_size)
    if not whole and not isinstance(test_size, (float, np.floating)):
        raise TypeError(f"test_size must be a number, got {type(test_size).__name__}")
    if not (1 <= test_size < n if whole else 0 < test_size < 1):
        raise InvalidInput(
            f"test_size must be a fraction in (0, 1) or a number of rows in [1, {n}), got "
            f"{shortened(test_size)}"
        )
    classes, counts = np.unique(y, return_counts=True)
    if (counts < 2).any():
        rare = ", ".join(quoted(c.item()) for c in classes[counts < 2][:_SHOWN])
        raise InvalidInput(
            f"a stratified hold-out needs at least 2 rows of every class, got 1 of {(counts < 2).sum()} "
            f"class(es): {rare}; add rows, remove these classes, or give the test rows as a table of their "
            "own (and check that the label column is not a measurement)"
        )
    n_test = int(test_size) if whole else math.ceil(test_size * n)
    if min(n_test, n - n_test) < len(classes):
        raise InvalidInput(
            f"a stratified hold-out needs at least one row of each of {len(classes)} classes on both sides, "
            f"got {n - n_test} training and {n_test} test rows; change test_size"
        )
    from sklearn.model_selection import train_test_split  # imported late: it takes a second

    train, test = train_test_split(np.arange(n), test_size=test_size, random_state=random_state, stratify=y)
    return train, test
