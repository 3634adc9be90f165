"""Rows of a file in chunks of about one size, which begin and end with row groups where it goes."""

from __future__ import annotations

import itertools

__all__ = ["even_chunks"]


def even_chunks(groups: list[int], most: int) -> list[range]:
    """Put row groups together, and cut those that are too large.

    Parameters
    ----------
    groups : list of int
        How many rows each has.
    most : int
        How many rows a chunk may have.

    Returns
    -------
    list of range
        As few chunks as there can be when row groups are cut evenly, and the largest as small as it can be.
    """
    pieces = [size for n in groups for size in _cut(n, most)]
    if not pieces:
        return []
    fewest = len(_gathered(pieces, most))
    enough, too_few = most, max(pieces) - 1
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        if len(_gathered(pieces, middle)) == fewest:
            enough = middle
        else:
            too_few = middle
    ends = [0, *itertools.accumulate(_gathered(pieces, enough))]
    return [range(start, end) for start, end in itertools.pairwise(ends)]


def _cut(n: int, most: int) -> list[int]:
    """Return sizes that differ by one at most."""
    parts = -(-n // most)
    return [n * (k + 1) // parts - n * k // parts for k in range(parts)]


def _gathered(pieces: list[int], most: int) -> list[int]:
    """Return the sizes of as few runs of pieces as there can be."""
    sizes: list[int] = []
    for n in pieces:
        if sizes and sizes[-1] + n <= most:
            sizes[-1] += n
        else:
            sizes.append(n)
    return sizes
