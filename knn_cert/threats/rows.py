"""Threat models of tables: what the attacker may have done to training rows and to the query.

What is compared is always the observed table, which may be poisoned, with every table within the budget:
where the attacker stayed within it, the clean table is one of them, and has the same prediction. The rows of
each worst case are those of `knn_cert.threats.worst_rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from .._types import FloatArray, WholeArray
from ..gate.numbers import check_rows
from ..kernels.families import PairFamily, RaceFamily
from . import worst_rows
from .base import SYMMETRIC, RowsThreat, share_of_rows
from .racing import PairThreat, RaceThreat
from .worst_pairs import PairRows, Splits, after_giving

__all__ = [
    "Deletions",
    "Insertions",
    "LabelFlips",
    "RaceThreat",
    "Replacements",
    "RowBudget",
]


@dataclass(frozen=True)
class RowBudget(RowsThreat, PairThreat):
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

    def worst_pairs(self, rows: PairRows, splits: Splits) -> PairFamily:
        """Return a member for each split, see `PairThreat.worst_pairs`."""
        family = self.worst_rows(rows.a, rows.rival, splits.own, crossing=rows.crossing)
        return after_giving(family, rows, splits.third, self._placed(rows))

    def _placed(self, rows: PairRows) -> FloatArray | None:
        """Return where tampered third rows come to lie as rows of the rival; None where nowhere else."""
        return None

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

    scored_as: ClassVar[Literal["flipped", "deleted"] | None] = "flipped"

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

    scored_as: ClassVar[Literal["flipped", "deleted"] | None] = "deleted"

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

    def most_third_rows(self, tampered: int, n_third: int) -> int:
        """Return 0: rows of the table are left alone."""
        return 0

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

    def _placed(self, rows: PairRows) -> FloatArray:
        """Return the query for all of them."""
        return np.zeros(len(rows.given))

    def touched_rows(self, near: FloatArray, far: FloatArray, rows: WholeArray | None = None) -> RaceFamily:
        """Return the race of replaced rows against those left alone, see `RaceThreat.touched_rows`."""
        return worst_rows.touched_by_replacements(near, far, self._counts(rows, len(near)))

    def describe(self, norm: str = "L2 norm") -> str:
        """Return what is done to the table, as the end of a sentence."""
        return f"at most {share_of_rows(self.rows)} replaced, features and labels"
