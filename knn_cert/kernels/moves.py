"""Races of which some rows are moved: how they are described and packed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._types import FloatArray, WholeArray

__all__ = ["MovedRows", "PackedMoves", "pack_moves"]


class MovedRows(NamedTuple):
    """Two lists of rows, of which the attacker moves some: those of A away from the query, those of B to it.

    Attributes
    ----------
    a, b : ndarray
        Increasing distances of the rows of both lists, in the units of the features; finite.
    rows : int
        How many rows of both lists together may be moved.
    radius : float
        How far each of them may be moved; finite.
    """

    a: FloatArray
    b: FloatArray
    rows: int
    radius: float


class PackedMoves(NamedTuple):
    """Moved races as the kernels take them, in the order of their arguments."""

    distances: FloatArray
    start: WholeArray  # of list A of race i at 2 i, of list B at 2 i + 1
    m_a: WholeArray
    m_b: WholeArray
    rows: WholeArray
    radius: FloatArray


def pack_moves(moves: Sequence[MovedRows], ranks: Sequence[tuple[int, int]]) -> PackedMoves:
    """Put races, at least one of them, into flat arrays; ``ranks`` are m and m' of each."""
    sides = [side for each in moves for side in (each.a, each.b)]
    m_a, m_b = np.array(ranks, dtype=np.int64).T
    return PackedMoves(
        distances=np.concatenate(sides),
        start=np.cumsum([0, *(len(side) for side in sides)]).astype(np.int64),
        m_a=np.ascontiguousarray(m_a),
        m_b=np.ascontiguousarray(m_b),
        rows=np.array([each.rows for each in moves], dtype=np.int64),
        radius=np.array([each.radius for each in moves], dtype=np.float64),
    )
