"""Summaries of rows, list by list: how they lie in flat arrays, and what a kernel does with them."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from .._types import FloatArray, WholeArray

__all__ = ["FarRows", "SummaryArrays", "SummaryKernel", "without_near_rows"]


class SummaryArrays(NamedTuple):
    """Summaries of lists 0, 1, ..., one after the other; list ``query * C + class`` are rows of one class.

    Attributes
    ----------
    near : ndarray
        Distances of near rows in units of sigma, in any order: list i has ``near_start[i]`` to ``near_start[i
        + 1] - 1``.
    near_start : ndarray of int, shape (n_lists + 1,)
    bound : ndarray of shape (n_lists,)
        Near rows are not farther, others not nearer; infinite where all rows are near.
    n_rows : ndarray of int, shape (n_lists,)
        Near and far.
    n_merged : ndarray of int, shape (n_lists,)
        How many summaries were put together, besides one: roundings are counted by it.
    complete : ndarray of int, shape (n_lists,)
        0 where far rows lie beyond the reach of the pieces though they may count.
    piece : ndarray of int
        Which pieces of s, of width 1/2, hold far rows; list i has ``piece_start[i]`` to ``piece_start[i + 1]
        - 1``, increasing.
    piece_start : ndarray of int, shape (n_lists + 1,)
    moments : ndarray of shape (16 times as long as ``piece``,)
        Sums over the rows of each piece of the products of some of x, T_2(x), T_4(x), T_8(x), x in [-1, 1].
    squares : ndarray of shape (n_lists,)
        The sum of the squares of all distances, in units of sigma.
    """

    near: FloatArray
    near_start: WholeArray
    bound: FloatArray
    n_rows: WholeArray
    n_merged: WholeArray
    complete: WholeArray
    piece: WholeArray
    piece_start: WholeArray
    moments: FloatArray
    squares: FloatArray

    @property
    def nbytes(self) -> int:
        """Size of all arrays in bytes."""
        return sum(array.nbytes for array in self)

    @property
    def n_near(self) -> WholeArray:
        """How many rows of each list are near."""
        return np.diff(self.near_start)

    def increasing(self, which: int) -> FloatArray:
        """Return the near rows of a list, the nearest first."""
        return np.sort(self.near[self.near_start[which] : self.near_start[which + 1]])


class FarRows(NamedTuple):
    """The far rows of both lists of a race: lists ``a`` and ``b`` of summaries without near rows.

    Attributes
    ----------
    summaries : SummaryArrays
    kind : str
        What is left of far rows, see `SummaryKernel`.
    a, b : int
    """

    summaries: SummaryArrays
    kind: str
    a: int
    b: int


class SummaryKernel(Protocol):
    """The functions of a kernel that knows summaries.

    ``far_kind`` says what rows leave that are not near: "counting" moments of those that count beside the
    near ones, and the number of the others; "all" moments of all of them; "none" their number alone.
    """

    def needs_of_vote(self, n_lists: int, n_neighbors: int) -> tuple[int, bool]:
        """Return how many rows of each class a vote needs near, and whether it asks the contours.

        These take all rows by moments, and need none near.
        """

    def check_summaries(self, summaries: SummaryArrays, *, n_classes: int) -> int:
        """Return the number of queries; raise ValueError for arrays that no rows can leave.

        The other functions check the same, but for the number of rows of each class, which all queries share.
        """

    def summarise(
        self,
        queries: FloatArray,
        rows: FloatArray,
        labels: WholeArray,
        *,
        n_classes: int,
        n_near: int,
        far_kind: str,
        sigma: float,
        dof: float,
        before: SummaryArrays | None = None,
        n_threads: int,
    ) -> tuple[Any, ...]:
        """(m, d), (n, d), (n,) -> the arrays of `SummaryArrays`, distances by direct differences.

        With those of rows before, the result stands for all of them.
        """

    def merge_summaries(
        self,
        parts: list[SummaryArrays],
        *,
        n_near: int,
        far_kind: str,
        dof: float,
        n_threads: int,
    ) -> tuple[Any, ...]:
        """Summaries of the same lists, of other rows each -> those of all of them."""

    def vote_summaries(
        self,
        summaries: SummaryArrays,
        *,
        n_classes: int,
        n_neighbors: int,
        far_kind: str,
        dof: float,
        dim: int,
        n_threads: int,
    ) -> tuple[FloatArray, FloatArray, WholeArray]:
        """-> probabilities (m, C), errors (m, C), whether more near rows would make these smaller (m,).

        An error of 1 says that nothing is known. The errors have those of distances of d = ``dim`` features.
        """

    def race_families(
        self,
        distances: FloatArray,
        first: WholeArray,
        end: WholeArray,
        start: WholeArray,
        n_members: WholeArray,
        m_a: WholeArray,
        m_b: WholeArray,
        *,
        sigma: float,
        dof: float,
        tolerance: float,
        far: tuple[SummaryArrays, WholeArray],
        far_kind: str,
        n_threads: int,
    ) -> tuple[FloatArray, FloatArray]:
        """As `Kernel.race_families`, with far rows of every member: a list of the summaries for each side."""


def without_near_rows(summaries: SummaryArrays) -> SummaryArrays:
    """Return summaries of the far rows alone."""
    return summaries._replace(
        near=np.empty(0),
        near_start=np.zeros_like(summaries.near_start),
        n_rows=summaries.n_rows - summaries.n_near,
    )
