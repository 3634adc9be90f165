"""RaceThreat, PairThreat: what a threat says of the rows that it leaves to K-NN at worst."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

from .._types import FloatArray, WholeArray
from ..kernels.families import PairFamily, RaceFamily
from ..kernels.moves import MovedRows
from .base import ThreatModel
from .worst_pairs import PairRows, Splits

__all__ = ["PairThreat", "RaceThreat"]


class RaceThreat(ThreatModel):
    """A threat whose worst cases are races of the rows: for K-NN that compares distances, not buckets.

    Attributes
    ----------
    scored_as : {"flipped", "deleted"} or None
        What is done to rows whose costs add up (`knn_cert.exact.scores`); None where more can be done.
    """

    scored_as: ClassVar[Literal["flipped", "deleted"] | None] = None

    @abstractmethod
    def worst_rows(
        self, a: FloatArray, b: FloatArray, rows: WholeArray | None = None, *, crossing: float = 1.0
    ) -> RaceFamily:
        """Return races the smallest of which bounds every attack within the budget.

        Parameters
        ----------
        a, b : ndarray
            Increasing distances of the rows of the attacked class, and of all others.
        rows : ndarray of int, optional
            Increasing numbers of tampered rows, for a threat whose budget counts rows: one race for each of
            them, in the place of the threat's own budget.
        crossing : float
            Factor on the distances of rows that go over from the class to the others. Where distances are
            rounded against the class, this turns the rounding of theirs round.
        """

    def moved_rows(self, a: FloatArray, b: FloatArray) -> MovedRows | None:
        """Return what is moved, where that is all that is done to the rows; None elsewhere."""
        return None

    @abstractmethod
    def touched_rows(
        self, near: FloatArray, far: FloatArray, rows: WholeArray | None = None
    ) -> RaceFamily | None:
        """Return races of what is touched, as near as it gets, against the K-th of the rows left alone.

        None where every row is touched. The increasing distances of all rows lie between ``near`` and
        ``far``; ``rows`` as for `worst_rows`.
        """

    @abstractmethod
    def is_beyond(self, n_rows: int, n_neighbors: int) -> bool:
        """Whether the threat tampers with more rows than are ever certified."""

    def ball_of_table(self, n_rows: int) -> float | None:
        """Return the L2 norm of the largest change of a whole table, or None if labels or rows change."""
        return None


class PairThreat(RaceThreat):
    """A threat of which the worst case for a class against one of several rivals is known too.

    A moved query is none: the places that third classes take could then be any.
    """

    @abstractmethod
    def tampered_rows(self, n_rows: int) -> int:
        """Return how many rows of a table are tampered with."""

    @abstractmethod
    def worst_pairs(self, rows: PairRows, splits: Splits) -> PairFamily:
        """Return the pair of a class and a rival that each split leaves at worst, see `worst_pairs`."""

    def most_third_rows(self, tampered: int, n_third: int) -> int:
        """Return how many of the tampered rows are worth taking from third classes."""
        return min(tampered, n_third)
