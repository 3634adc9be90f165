"""Where a moved query does most harm: directions that follow the gradient of the vote."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .._types import FloatArray, WholeArray

__all__ = ["harmful_directions"]

# The direction is worked out anew at the place where the last one leads, so many times.
_STEPS = 5
# Without noise these shares of ranks to either side of the decisive one stand for its row.
_WIDTHS = (0.25, 1.0)


def harmful_directions(
    query: FloatArray,
    sides: tuple[WholeArray, WholeArray],
    ranks: tuple[int, int],
    distances_from: Callable[[FloatArray], FloatArray],
    rows: Callable[[WholeArray], FloatArray],
    sigma: float,
    reach: float,
) -> Iterator[FloatArray]:
    """Yield directions of length 1, each worked out a distance ``reach`` along the one before.

    The derivative of the vote by the distance of a row is the chance that this row decides. Both sides have
    the same in total, so the direction of steepest descent leads from the mean of the rows of the class that
    may decide, to the mean of those of the others; at its end other rows decide, and it is taken anew.

    Parameters
    ----------
    query : ndarray of shape (d,)
    sides : tuple of two ndarrays of int
        Rows of the class under attack, and of the rival.
    ranks : tuple of int
        m and m' of their race.
    distances_from : callable
        A query -> its distances to all rows.
    rows : callable
        Numbers of rows -> their features.
    sigma : float
    reach : float
    """
    for width in _WIDTHS:
        here = query
        for _ in range(_STEPS):
            distances = distances_from(here)
            means = []
            for side, rank in zip(sides, ranks, strict=True):
                if len(side) == 0:
                    return
                near = side[np.argsort(distances[side], kind="stable")]
                weights = _weights(distances[near], rank, sigma, len(query), width)
                some = np.flatnonzero(weights > 0.0)
                means.append(weights[some] @ rows(near[some]) / weights[some].sum())
            direction = means[1] - means[0]
            length = float(np.linalg.norm(direction))
            if length == 0.0:
                break
            here = query + direction * (reach / length)
            yield direction / length
        if sigma > 0.0:
            return


def _weights(distances: FloatArray, rank: int, sigma: float, dof: int, width: float) -> FloatArray:
    """Return about how likely each row of a side is the one that decides; nearest first."""
    places = np.arange(len(distances))
    decisive = min(rank, len(distances)) - 1
    if sigma == 0.0:
        return (np.abs(places - decisive) <= width * rank).astype(np.float64)
    # the noisy distance of a row is about normal around this, with a deviation of 1
    expected = np.hypot(distances / sigma, np.sqrt(dof))
    weights: FloatArray = np.exp(-0.5 * (expected - expected[decisive]) ** 2) / expected
    return np.where(weights > 1e-4 * weights.max(), weights, 0.0)
