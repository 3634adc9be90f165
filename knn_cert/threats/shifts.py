"""Threats that move rows or the query: `RowShift`, `QueryShift`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from .._types import FloatArray, WholeArray
from ..gate.errors import InvalidInput
from ..gate.numbers import as_flag, as_radius, check_rows
from ..kernels.families import PairFamily, RaceFamily
from ..kernels.moves import MovedRows
from . import worst_rows
from .base import SYMMETRIC, RowsThreat, length_in_words, share_of_rows
from .racing import PairThreat, RaceThreat
from .rows import Deletions, Insertions, LabelFlips, Replacements, RowBudget
from .worst_pairs import PairRows, Splits, after_giving

__all__ = ["QueryShift", "RowShift", "StructuredThreat", "given"]


@dataclass(frozen=True)
class RowShift(RowsThreat, PairThreat):
    """At most `rows` training rows are moved, each by at most `radius`; with `relabel` also their labels.

    Parameters
    ----------
    rows : int, or float in (0, 1]
        A number of rows, or a share of the training table (rounded up; 1.0 is all of it).
    radius : float >= 0, optional
        L2 norm of the change of each row, in the units of the features; infinite means anywhere. None leaves
        it open: the largest radius is computed.
    relabel : bool, default=False
        The attacker also chose the labels of the rows that he moved.
    """

    rows: int | float = None  # type: ignore[assignment]  # refused below, with the reason
    radius: float | None = None
    relabel: bool = False
    budget_name: ClassVar[Literal["radius", "rows", "words"]] = "radius"

    def __post_init__(self) -> None:
        if self.rows is None:
            raise TypeError(
                "RowShift needs a number of rows, or a share of the table; only its radius may be open"
            )
        check_rows(self.rows)
        if self.radius is not None:
            object.__setattr__(self, "radius", as_radius(self.radius))
        object.__setattr__(self, "relabel", as_flag(self.relabel, "relabel"))

    @property
    def relabels(self) -> bool:
        """Whether tampered rows may carry any label."""
        return self.relabel

    def is_beyond(self, n_rows: int, n_neighbors: int) -> bool:
        """Whether the threat tampers with more rows than are ever certified: moved rows never do."""
        return False

    def worst_rows(
        self, a: FloatArray, b: FloatArray, rows: WholeArray | None = None, *, crossing: float = 1.0
    ) -> RaceFamily:
        """Return the races after each split of the rows between the class and the others."""
        moved = self.tampered_rows(len(a) + len(b))
        return worst_rows.after_moves(
            a, b, moved, given(self.radius), relabel=self.relabel, crossing=crossing
        )

    def most_third_rows(self, tampered: int, n_third: int) -> int:
        """Return how many of the moved rows are worth taking from third classes: none where nothing moves."""
        moves = self.relabel or given(self.radius) > 0.0
        return super().most_third_rows(tampered, n_third) if moves else 0

    def worst_pairs(self, rows: PairRows, splits: Splits) -> PairFamily:
        """Return a member for each split: as many rows of the class are moved as of the rival.

        That is more than the budget allows, but one family has all splits.
        """
        radius = given(self.radius)
        family = worst_rows.after_moves_on_both_sides(
            rows.a, rows.rival, splits.own, radius, relabel=self.relabel, crossing=rows.crossing
        )
        return after_giving(family, rows, splits.third, np.maximum(rows.given - radius, 0.0))

    def moved_rows(self, a: FloatArray, b: FloatArray) -> MovedRows | None:
        """Return the moved rows; None with `relabel`, where they also change sides."""
        if self.relabel or not np.isfinite(given(self.radius)):
            return None
        return MovedRows(a, b, self.tampered_rows(len(a) + len(b)), given(self.radius))

    def touched_rows(self, near: FloatArray, far: FloatArray, rows: WholeArray | None = None) -> RaceFamily:
        """Return the race of the moved rows against those left alone, see `RaceThreat.touched_rows`."""
        moved = self.tampered_rows(len(near))
        return worst_rows.touched_by_moves(near, far, moved, given(self.radius), relabel=self.relabel)

    def ball_of_table(self, n_rows: int) -> float | None:
        """Return sqrt(rows) radius, Eq. (15) of RAB, rounded up; None where labels change too."""
        if self.relabel:
            return None
        moved = self.tampered_rows(n_rows)
        if moved == 0:
            return 0.0
        # three operations, each rounded by half an eps
        with np.errstate(over="ignore"):  # infinitely far is far enough
            return float(given(self.radius) * np.sqrt(moved) * (1.0 + 4.0 * np.finfo(np.float64).eps))

    def not_covered(self) -> str:
        """Return what else could be done and is not covered."""
        also = "added or deleted rows, a changed query"
        return also if self.relabel else f"changed labels, {also}"

    def consequence(self) -> str:
        """Return what follows for the clean table."""
        return SYMMETRIC

    def describe(self, norm: str = "L2 norm") -> str:
        """Return what is done to the table, as the end of a sentence."""
        also = " and relabelled at will" if self.relabel else ""
        moved = f"at most {share_of_rows(self.rows)} moved"
        return f"{moved}, each by at most {length_in_words(self.radius)} in {norm}{also}"


@dataclass(frozen=True)
class QueryShift(RaceThreat):
    """The query is moved by at most `radius` (evasion), alone or together with tampered training rows.

    Parameters
    ----------
    radius : float >= 0, optional
        L2 norm of the change of the query, in the units of the features. None leaves it open: the largest
        radius is computed.
    training : threat, optional
        What was done to the training rows besides; nothing of it may be open.
    """

    radius: float | None = None
    training: LabelFlips | Deletions | Insertions | Replacements | RowShift | None = None
    budget_name: ClassVar[Literal["radius", "rows", "words"]] = "radius"
    moves_query: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.radius is not None:
            object.__setattr__(self, "radius", as_radius(self.radius))
        if self.training is None:
            return
        if not isinstance(self.training, (RowBudget, RowShift)):
            raise TypeError(
                "training of QueryShift must be LabelFlips, Deletions, Insertions, Replacements or RowShift, "
                f"got {self.training!r}"
            )
        if self.training.is_open:
            raise InvalidInput(
                f"{self!r} leaves a budget of its training threat open; only its own radius may be"
            )

    @property
    def of_training(self) -> LabelFlips | Deletions | Insertions | Replacements | RowShift | None:
        """What is done to the training table besides, or None."""
        return self.training

    @property
    def relabels(self) -> bool:
        """Whether tampered training rows may carry any label."""
        return self.training is not None and self.training.relabels

    @property
    def whole_rows(self) -> bool:
        """Whether whole training rows or labels are tampered with."""
        return self.training is not None and self.training.whole_rows

    def is_beyond(self, n_rows: int, n_neighbors: int) -> bool:
        """Whether the training threat tampers with more rows than are ever certified."""
        return self.training is not None and self.training.is_beyond(n_rows, n_neighbors)

    def worst_rows(
        self, a: FloatArray, b: FloatArray, rows: WholeArray | None = None, *, crossing: float = 1.0
    ) -> RaceFamily:
        """Return the races of the training threat, with every distance changed by at most the radius."""
        if self.training is None:
            family = worst_rows.untampered(a, b)
        else:
            family = self.training.worst_rows(a, b, crossing=crossing)
        return worst_rows.moved_query(family, given(self.radius))

    def moved_rows(self, a: FloatArray, b: FloatArray) -> MovedRows | None:
        """Return the moved rows of the training threat, after the query was moved against the class."""
        moves = None if self.training is None else self.training.moved_rows(a, b)
        return None if moves is None else worst_rows.after_query_moved(moves, given(self.radius))

    def touched_rows(self, near: FloatArray, far: FloatArray, rows: WholeArray | None = None) -> None:
        """Return None: a moved query touches every row."""
        return

    def not_covered(self) -> str:
        """Return what else could be done and is not covered."""
        return "any other change of the table" if self.training else "any change of the training table"

    def consequence(self) -> str:
        """Return what follows for the clean table and the clean query."""
        # the two changes are independent: what was observed of the table may be what the attacker left of it
        training = "" if self.training is None else f"{self.training.consequence()} "
        return f"{training}The query may be the observed one or any other within its radius."

    def describe(self, norm: str = "L2 norm") -> str:
        """Return what is done to the table and the query, as the end of a sentence."""
        alone = f"the query moved by at most {length_in_words(self.radius)} in {norm}"
        return alone if self.training is None else f"{self.training.describe(norm)}, and {alone}"


StructuredThreat = LabelFlips | Deletions | Insertions | Replacements | RowShift | QueryShift


def given(radius: float | None) -> float:
    """Return a radius that is not open."""
    if radius is None:
        raise InvalidInput("the radius of this threat is open; give it")
    return radius
