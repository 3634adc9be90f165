"""Threat models of tables: what the attacker may have done to training rows and to the query.

What is compared is always the observed table, which may be poisoned, with every table within the budget:
where the attacker stayed within it, the clean table is one of them, and has the same prediction. The rows of
each worst case are those of `knn_cert.threats.worst_rows`.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from .._types import FloatArray, WholeArray
from ..gate.numbers import check_rows
from ..kernels.families import RaceFamily
from ..kernels.moves import MovedRows
from . import worst_rows
from .base import SYMMETRIC, RowsThreat, ThreatModel, share_of_rows

__all__ = [
    "Deletions",
    "Insertions",
    "LabelFlips",
    "RaceThreat",
    "Replacements",
    "RowBudget",
]


class RaceThreat(ThreatModel):
    """A threat whose worst cases are races of the rows: for K-NN that compares distances, not buckets."""

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


@dataclass(frozen=True)
class RowBudget(RowsThreat, RaceThreat):
    """What threats with a number of rows, and nothing else, share."""

    rows: int | float | None = None
    budget_name: ClassVar[Literal["radius", "rows", "words"]] = "rows"

    def __post_init__(self) -> None:
        if self.rows is not None:
            check_rows(self.rows)

    @property
    def relabels(self) -> bool:
        """Whether tampered rows may carry any label."""
        return True

    @property
    def whole_rows(self) -> bool:
        """Whether whole rows or labels are tampered with: always."""
        return True

    def not_covered(self) -> str:
        """Return what else could be done and is not covered."""
        return "any other change of the table, a changed query"

    def consequence(self) -> str:
        """Return what follows for the clean table."""
        return SYMMETRIC

    def most_rows(self, n_rows: int, n_neighbors: int) -> int:
        """Return the largest number that can be certified at all; more are as many, or never certified."""
        return n_rows

    def is_beyond(self, n_rows: int, n_neighbors: int) -> bool:
        """Whether the threat tampers with more rows than are ever certified, see `most_rows`."""
        return self.rows is not None and self.tampered_rows(n_rows) > self.most_rows(n_rows, n_neighbors)

    def touched_rows(self, near: FloatArray, far: FloatArray, rows: WholeArray | None = None) -> RaceFamily:
        """Return the race of the touched rows against those left alone, see `RaceThreat.touched_rows`."""
        return worst_rows.touched_rows(near, far, self._counts(rows, len(near)))

    def _counts(self, rows: WholeArray | None, n_rows: int) -> WholeArray:
        return np.array([self.tampered_rows(n_rows)]) if rows is None else rows


class LabelFlips(RowBudget):
    """At most `rows` training rows carry a wrong label; features are as they were.

    Parameters
    ----------
    rows : int, or float in (0, 1], optional
        A number of rows, or a share of the training table (rounded up; 1.0 is all of it). None leaves it
        open: the largest number is computed.
    """

    def worst_rows(
        self, a: FloatArray, b: FloatArray, rows: WholeArray | None = None, *, crossing: float = 1.0
    ) -> RaceFamily:
        """Return the races after the nearest rows of the class went over to the others."""
        return worst_rows.after_flips(a, b, self._counts(rows, len(a) + len(b)), crossing)

    def describe(self, norm: str = "L2 norm") -> str:
        """Return what is done to the table, as the end of a sentence."""
        return f"the labels of at most {share_of_rows(self.rows)} changed"


class Deletions(RowBudget):
    """At most `rows` training rows are deleted; parameters as in `LabelFlips`.

    The certificate that answers an attacker who *added* so many rows: the clean table is the observed one
    less these. Tables with fewer than K rows have no K nearest, so no more than n - K rows are certified.
    """

    @property
    def relabels(self) -> bool:
        """Whether tampered rows may carry any label: deleted rows carry none."""
        return False

    def consequence(self) -> str:
        """Return what follows for the clean table."""
        return "So if the attacker added no more rows than that, this is the prediction of the clean table."

    def most_rows(self, n_rows: int, n_neighbors: int) -> int:
        """Return n - K: tables with fewer than K rows have no K nearest."""
        return n_rows - n_neighbors

    def worst_rows(
        self, a: FloatArray, b: FloatArray, rows: WholeArray | None = None, *, crossing: float = 1.0
    ) -> RaceFamily:
        """Return the races after the nearest rows of the class went."""
        return worst_rows.after_deletions(a, b, self._counts(rows, len(a) + len(b)))

    def describe(self, norm: str = "L2 norm") -> str:
        """Return what is done to the table, as the end of a sentence."""
        return f"at most {share_of_rows(self.rows)} deleted"


class Insertions(RowBudget):
    """At most `rows` rows, with any features and labels, are added; parameters as in `LabelFlips`.

    The certificate that answers an attacker who *removed* so many rows. There may be more of them than the
    table has rows.
    """

    def consequence(self) -> str:
        """Return what follows for the clean table."""
        return "So if the attacker removed no more rows than that, this is the prediction of the clean table."

    def row_limit(self, n_rows: int) -> None:
        """Return None: any number of rows can be added."""
        return

    def most_rows(self, n_rows: int, n_neighbors: int) -> int:
        """Return 64 (n + K): with so many rows of one rival at the query no class beats the rival.

        The n rows of the table are then at most K / 65 of the K nearest in the mean, and no class beats the
        rival unless they are half of them: by Markov's inequality with a probability of at most 2 / 65.
        """
        return 64 * (n_rows + n_neighbors)

    def worst_rows(
        self, a: FloatArray, b: FloatArray, rows: WholeArray | None = None, *, crossing: float = 1.0
    ) -> RaceFamily:
        """Return the races after rows of the others were put at the query."""
        return worst_rows.after_insertions(a, b, self._counts(rows, len(a) + len(b)))

    def touched_rows(self, near: FloatArray, far: FloatArray, rows: WholeArray | None = None) -> RaceFamily:
        """Return the race of the inserted rows against the table, see `RaceThreat.touched_rows`."""
        return worst_rows.touched_by_insertions(near, far, self._counts(rows, len(near)))

    def describe(self, norm: str = "L2 norm") -> str:
        """Return what is done to the table, as the end of a sentence."""
        return f"at most {share_of_rows(self.rows)} inserted, with any features and labels"


class Replacements(RowBudget):
    """At most `rows` training rows have any features and labels; parameters as in `LabelFlips`."""

    def worst_rows(
        self, a: FloatArray, b: FloatArray, rows: WholeArray | None = None, *, crossing: float = 1.0
    ) -> RaceFamily:
        """Return the races after the nearest rows of the class went, and as many others came to the query."""
        return worst_rows.after_replacements(a, b, self._counts(rows, len(a) + len(b)))

    def touched_rows(self, near: FloatArray, far: FloatArray, rows: WholeArray | None = None) -> RaceFamily:
        """Return the race of replaced rows against those left alone, see `RaceThreat.touched_rows`."""
        return worst_rows.touched_by_replacements(near, far, self._counts(rows, len(near)))

    def describe(self, norm: str = "L2 norm") -> str:
        """Return what is done to the table, as the end of a sentence."""
        return f"at most {share_of_rows(self.rows)} replaced, features and labels"
