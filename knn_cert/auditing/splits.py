"""Three parts of a table: rows to train on, rows to choose settings on, rows to report on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._types import WholeArray
from ..gate.errors import InvalidInput

__all__ = ["Parts", "sample", "split"]

# Reported figures rest on at most so many rows, choices on so many; with 500 a share is known to 0.02.
_MOST_REPORTED, _MOST_CHOSEN_ON = 500, 300
_SHARE = 0.2

# A class needs a row in each part to be tested at all.
_FEWEST_OF_A_CLASS = 3


class Parts(NamedTuple):
    """Row numbers of each part; together all rows of the table."""

    train: WholeArray
    choose: WholeArray
    report: WholeArray


def split(y: NDArray[Any], *, choose: bool = True, report: bool = True, seed: int) -> Parts:
    """Hold rows out, each class in proportion, to choose on and to report on, if wanted; the rest trains.

    Classes of fewer than three rows stay in the training table.

    Parameters
    ----------
    y : ndarray of shape (n,)
    choose, report : bool
        Whether rows to choose on, and to report on, are held out.
    seed : int

    Raises
    ------
    InvalidInput
        If so few rows are left that nothing can be held out.
    """
    rng = np.random.default_rng(seed)
    _, inverse, counts = np.unique(y, return_inverse=True, return_counts=True)
    testable = np.flatnonzero(counts[inverse] >= _FEWEST_OF_A_CLASS)
    sizes = [min(int(_SHARE * len(testable)), most) for most in (_MOST_REPORTED, _MOST_CHOSEN_ON)]
    reported, chosen_on = sizes[0] if report else 0, sizes[1] if choose else 0
    if (choose and chosen_on < 1) or (report and reported < 1):
        raise InvalidInput(
            f"an audit holds rows out to choose settings and to report on, and needs 5 rows at least of "
            f"classes that have 3 rows or more, got {len(testable)}; give a larger table (and check that "
            "the label column is not a measurement)"
        )
    to_report = _spread(testable, inverse, reported, rng)
    rest = np.setdiff1d(testable, to_report)
    to_choose = _spread(rest, inverse, chosen_on, rng)
    train = np.setdiff1d(np.arange(len(y)), np.concatenate([to_report, to_choose]))
    return Parts(train, to_choose, to_report)


def sample(y: NDArray[Any], most: int, seed: int) -> WholeArray:
    """Return at most so many rows, each class in proportion, drawn by the seed whatever their order is."""
    if len(y) <= most:
        return np.arange(len(y))
    _, inverse = np.unique(y, return_inverse=True)
    return _spread(np.arange(len(y)), inverse, most, np.random.default_rng(seed))


def _spread(rows: WholeArray, inverse: WholeArray, size: int, rng: np.random.Generator) -> WholeArray:
    """Take rows at equal steps from a list that is in order of classes and shuffled within each."""
    if not size:
        return np.empty(0, dtype=np.int64)
    order = rng.permutation(rows)
    order = order[np.argsort(inverse[order], kind="stable")]
    step = len(order) / size
    positions = ((np.arange(size) + rng.random()) * step).astype(np.int64)
    return np.sort(order[np.minimum(positions, len(order) - 1)])
