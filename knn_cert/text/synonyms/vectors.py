"""Word vectors and their cosines: which words are near, the same whatever else is computed beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...gate.arrays import as_float_array
from ...gate.errors import InvalidInput
from .entries import as_word, first_repeated

# Cosines that are held at once while neighbours are searched: 128 MB.
_BLOCK = 1 << 24

# Cosines from a matrix product differ from those that count by rounding, far less than this.
_ROUNDING = 1e-9


def check_vectors(words: Sequence[str], vectors: ArrayLike) -> tuple[list[str], NDArray[np.float64]]:
    """Return distinct words, and their vectors as finite rows (n, d).

    Raises
    ------
    TypeError, ValueError
        If they are something else; the message names the word.
    """
    if isinstance(words, (str, bytes)):
        raise TypeError("words must be a sequence of words, got one string")
    names = [as_word(word) for word in words]
    rows = as_float_array(vectors, "vectors")
    if rows.ndim != 2 or rows.shape[0] != len(names) or not rows.size:
        raise InvalidInput(
            f"vectors must have shape ({len(names)}, d), one row for each word, and not be empty; got "
            f"{rows.shape}"
        )
    twice = first_repeated(names)
    if twice is not None:
        raise InvalidInput(f"the word {twice!r} occurs twice in words; keep one of its vectors")
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if bad.size:
        raise InvalidInput(
            f"the vector of {names[bad[0]]!r} must be finite, got NaN or infinity; leave the word out"
        )
    return names, rows


def without_top(rows: NDArray[np.float64], n_components: int) -> NDArray[np.float64]:
    """Return the rows without their mean and without their first principal components."""
    if n_components >= min(rows.shape):
        raise InvalidInput(
            f"all_but_the_top must be less than {min(rows.shape)}, the rank that {rows.shape[0]} vectors of "
            f"{rows.shape[1]} numbers can have; got {n_components}"
        )
    centred = rows - rows.mean(axis=0)
    # eigh sorts upwards: the largest eigenvalues come last.
    top = np.linalg.eigh(centred.T @ centred)[1][:, rows.shape[1] - n_components :]
    left: NDArray[np.float64] = centred - (centred @ top) @ top.T
    return left


def unit_rows(rows: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the rows divided by their norms; InvalidInput, with the name of the row, for one of zeros."""
    # Scaled first: squares of huge or tiny entries leave the range of doubles.
    largest = np.abs(rows).max(axis=1, keepdims=True)
    zero = np.flatnonzero(largest == 0.0)
    if zero.size:
        raise InvalidInput(
            f"the vector of {names[zero[0]]!r} is zero and has no direction; leave the word out"
        )
    rows = rows / largest
    units: NDArray[np.float64] = rows / np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    return units


def cosines_of(units: NDArray[np.float64], first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Return the cosines of pairs of unit rows, the same whatever else is computed beside them."""
    first, second = np.asarray(first, dtype=np.intp), np.asarray(second, dtype=np.intp)
    size = max(1, _BLOCK // units.shape[1])
    parts = [
        np.einsum("ij,ij->i", units[first[i : i + size]], units[second[i : i + size]])
        for i in range(0, len(first), size)
    ]
    cosines: NDArray[np.float64] = np.clip(np.concatenate([np.zeros(0), *parts]), -1.0, 1.0)
    return cosines


def nearest(units: NDArray[np.float64], threshold: float, n_neighbors: int) -> Iterator[dict[int, float]]:
    """Yield the nearest others of each unit row with their cosines: at most ``n_neighbors``, none too far.

    Too far is whatever has a cosine below the threshold. Of equally near rows the first ones are taken.
    """
    n = len(units)
    size = max(1, _BLOCK // n)
    for start in range(0, n, size):
        block = units[start : start + size] @ units.T
        rows = np.arange(len(block))
        block[rows, start + rows] = -np.inf
        least = np.full(len(block), threshold)
        if n_neighbors < n:
            least = np.maximum(least, np.partition(block, n - n_neighbors, axis=1)[:, n - n_neighbors])
        # A little more than needed, then the choice by cosines that do not depend on the block.
        row, column = np.nonzero(block >= least[:, None] - _ROUNDING)
        low, high = np.minimum(start + row, column), np.maximum(start + row, column)
        cosines = cosines_of(units, low, high)
        order = np.lexsort((column, -cosines, row))
        row, column, cosines = row[order], column[order], cosines[order]
        ends = np.searchsorted(row, np.arange(len(block) + 1))
        for i in rows:
            taken = slice(ends[i], min(ends[i] + n_neighbors, ends[i + 1]))
            yield {
                j: cosine
                for j, cosine in zip(column[taken].tolist(), cosines[taken].tolist(), strict=True)
                if cosine >= threshold
            }
