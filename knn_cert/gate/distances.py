"""Checked distances, and edges of buckets on them: finite, not negative, in the range of double precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import as_float_array
from .errors import InvalidInput


def check_edges(edges: ArrayLike) -> NDArray[np.float64]:
    """Return bucket edges on the squared distance: 1-D float64, finite, positive, strictly increasing."""
    checked: NDArray[np.float64] = as_float_array(edges, "edges").copy()
    if checked.ndim != 1 or checked.size == 0:
        raise InvalidInput(
            f"edges must be a 1-D array with at least one entry, got shape {checked.shape}; leave edges out "
            "for the continuous classifier"
        )
    bad = np.flatnonzero(~np.isfinite(checked) | (checked <= 0.0))
    if bad.size:
        raise InvalidInput(
            f"edges must be finite and > 0, got {checked[bad[0]]!r} at position {bad[0]}; they cut the "
            "squared distance into buckets, and 0 and infinity are implied"
        )
    bad = np.flatnonzero(np.diff(checked) <= 0.0)
    if bad.size:
        i = int(bad[0])
        raise InvalidInput(
            f"edges must be strictly increasing, got {checked[i]!r} followed by {checked[i + 1]!r} at "
            f"position {i + 1}; numpy.unique(edges) sorts and drops repeats"
        )
    return checked


def check_sq_distances(sq_distances: ArrayLike, name: str = "sq_distances") -> NDArray[np.float64]:
    """Return squared distances as a C-contiguous float64 array: finite and >= 0, of any shape."""
    squares = as_float_array(sq_distances, name)
    if squares.size == 0:
        return squares
    # min and max see every entry, and a NaN makes both NaN: no temporary of the size of the array.
    smallest, largest = squares.min(), squares.max()
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        where = _first(~np.isfinite(squares))
        raise InvalidInput(
            f"{name} must be finite, got {float(squares[where])!r} at {_position(where)}; drop or "
            "repair rows with missing values, rescale features whose squares overflow"
        )
    if smallest < 0.0:
        where = _first(squares < 0.0)
        raise InvalidInput(
            f"{name} must be >= 0, got {float(squares[where])!r} at {_position(where)}; if it came from "
            "|x|^2 + |y|^2 - 2xy, use direct differences, which cannot go below zero"
        )
    # Adding zero turns -0.0 into 0.0, which a kernel may divide by or take the sign of.
    if smallest == 0.0 and np.signbit(squares).any():
        squares = squares + 0.0
    return squares


def check_query_distances(sq_distances: ArrayLike) -> NDArray[np.float64]:
    """Return checked squared distances of one query (n,) or several (n_queries, n); n is at least 1."""
    squares = check_sq_distances(sq_distances)
    if squares.ndim not in (1, 2) or squares.shape[-1] == 0:
        raise InvalidInput(
            f"sq_distances must have shape (n,) or (n_queries, n) with n >= 1, got {squares.shape}; "
            "the last axis runs over the training rows"
        )
    return squares


def check_scale(largest_square: float, sigma: float, what: str = "squared distances") -> None:
    """Raise where squares, or squares over sigma^2, leave the range of double precision."""
    with np.errstate(over="ignore"):
        scaled = np.float64(largest_square) / sigma / sigma
    if not np.isfinite(scaled):
        raise InvalidInput(
            f"{what} overflow: the largest is {float(largest_square):g} with sigma = {sigma!r}, and its "
            "ratio to sigma^2 must be finite in double precision; divide the features and sigma by the "
            "same number, which changes no probability"
        )


# Beyond so many sigma the spacing of doubles is no longer small against the noise.
FARTHEST_NEIGHBOR = 1e11


def is_resolved(distance: float, sigma: float) -> bool:
    """Whether double precision tells the noise at this distance."""
    return bool(distance <= FARTHEST_NEIGHBOR * sigma)


def check_resolution(distances: NDArray[np.float64], n_neighbors: int, sigma: float) -> None:
    """Raise where the K-th nearest row of a query is so far away that double precision loses the noise."""
    if is_resolved(distances.max(initial=0.0), sigma):
        return
    kth = np.partition(distances, n_neighbors - 1, axis=-1)[..., n_neighbors - 1].max()
    if not is_resolved(kth, sigma):
        raise InvalidInput(
            f"sigma is too small against the distances: the {n_neighbors}-th nearest row of a query is "
            f"{kth / sigma:.3g} sigma away, expected at most {FARTHEST_NEIGHBOR:g}; use a larger "
            "sigma, or plain K-NN, which the smoothed classifier then equals"
        )


def _first(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))


def _position(where: tuple[int, ...]) -> str:
    return (
        f"query {where[0]}, row {where[1]}" if len(where) == 2 else f"position {', '.join(map(str, where))}"
    )
