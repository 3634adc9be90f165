"""What tampering leaves of the votes of two sides within a radius, under noise: the worst chances of rows.

Side A keeps ahead of its rival, some class or all others together, if it has more votes, or as many where
ties are its own. That is monotone: it is the likelier, the likelier each row of A is within the radius and
the less likely each row of the rival is; and a row is the likelier within, the nearer it is to the query. So
the worst that r tampered rows can do is

==========================  =======================================================================
tampering                   what is left
==========================  =======================================================================
labels flipped              A without its r nearest, the rival with the r nearest rows of all others
rows deleted                A without its r nearest
rows inserted               the rival with r rows at the query
rows replaced               A without its r nearest, the rival with r rows at the query
rows moved by at most eps   see `after_moves`
... and relabelled          A without its r nearest, rows of the rival moved, and the r nearest of all others
                            moved towards the query
query moved by at most eps  every distance of A longer by eps, every other one shorter
==========================  =======================================================================

The first four are attained where all others are rows of A, so they are exact against all other classes
together, and for two classes: if r rows of A go and one could exchange one of them for another, the nearest
is worth most, because + x_i - x_j for two rows with p_i > p_j is stochastically larger than - x_i + x_j. The
others are sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._types import FloatArray, WholeArray
from ...threats import Deletions, Insertions, LabelFlips, Replacements, RowShift
from .chances import Ball, Chances, chances_within
from .counting import CountLaw, Duel, add, count_rows, duel, repeat

__all__ = ["Sides", "Tampering", "WorstCase"]

# Moving a distance takes fewer roundings than this, relative to what comes out.
_ROUNDINGS = 4.0 * float(np.finfo(np.float64).eps)

Tampering = LabelFlips | Deletions | Insertions | Replacements | RowShift


class WorstCase(NamedTuple):
    """What is done: rows tampered with in one way, then the query moved.

    Attributes
    ----------
    kind : threat or None
        What is done to rows; its own numbers are not looked at.
    rows : int
        How many rows are tampered with.
    moved : float
        How far each of them is moved, where they are.
    query_moved : float
    """

    kind: Tampering | None
    rows: int
    moved: float = 0.0
    query_moved: float = 0.0

    @property
    def moves_rows(self) -> bool:
        """Whether rows are moved and keep their labels."""
        return isinstance(self.kind, RowShift) and not self.kind.relabel


@dataclass(frozen=True, eq=False)
class Sides:
    """A target and its rival, some class or all others together, before anything was tampered with.

    Attributes
    ----------
    ball : Ball
    own : ndarray
        Increasing distances of the rows of the target, lengthened by their errors.
    theirs : ndarray
        Increasing distances of the rows of the rival, shortened by their errors.
    others : ndarray
        Increasing distances of all rows but the rival's, shortened by their errors: they can be made its own.
    """

    ball: Ball
    own: FloatArray
    theirs: FloatArray
    others: FloatArray

    def duel(self, case: WorstCase, *, wins_ties: bool) -> Duel:
        """Bound the chance that the target stays ahead."""
        if case.moves_rows:
            return self._after_moves(case, wins_ties=wins_ties)
        takes_rows = case.kind is not None and not isinstance(case.kind, Insertions)
        own = self._own(case.query_moved).take(slice(case.rows if takes_rows else 0, None))
        return duel(count_rows(own), self._law_of_theirs(case), wins_ties=wins_ties)

    def rows_to_expect(self, kind: Tampering, limit: int) -> int:
        """Return about how many rows it takes for the rival to have as many votes in the mean."""
        own, theirs, others = (chances.inside for chances in self._untouched)
        lead = float(own.sum() - theirs.sum())
        brings_rows = isinstance(kind, Insertions | Replacements)
        from_afar = float(self._nearest_chance().inside[0]) if brings_rows else 0.0
        if isinstance(kind, Insertions):
            return int(min(lead / max(from_afar, 1e-300), float(limit))) if lead > 0.0 else 0
        given: FloatArray = np.arange(1.0, limit + 1.0) * from_afar
        if isinstance(kind, LabelFlips):
            given = np.cumsum(others)
        taken = _lengthened(np.cumsum(own), limit) + _lengthened(given, limit)
        return int(np.searchsorted(taken, lead))

    def _law_of_theirs(self, case: WorstCase) -> CountLaw:
        kind, rows = case.kind, case.rows
        theirs, others = self._theirs(-case.query_moved), self._others(-case.query_moved)
        if isinstance(kind, LabelFlips):
            return count_rows(Chances.join(theirs, others.take(slice(rows))))
        if isinstance(kind, RowShift):
            nearer = self._theirs(-case.query_moved - case.moved)
            moved_in = self._others(-case.query_moved - case.moved).take(slice(rows))
            return count_rows(Chances.join(_moved_in(theirs, nearer, rows), moved_in))
        law = count_rows(theirs)
        if isinstance(kind, Insertions | Replacements):
            law = add(law, repeat(count_rows(self._nearest_chance()), rows))
        return law

    def _after_moves(self, case: WorstCase, *, wins_ties: bool) -> Duel:
        """Bound the chance that the target stays ahead after rows were moved.

        The rows of A within the radius and those of the rival that are not within add up to a number S, and A
        is ahead if S is larger than (or, with ties, as large as) the number of all rows of the rival. A moved
        row only becomes less likely to count. With p_1 >= p_2 >= ... the chances to count of all rows of
        both, and p'_1 >= p'_2 >= ... those after all of them moved, the j-th largest chance after at most r
        of them moved is at least max(p_(j + r), p'_j): at least that many chances are as large. S only grows
        with the sorted chances, so these leave the least to A. Exact if all rows may move.
        """
        before = self._counting(case.query_moved)
        after = self._counting(case.query_moved + case.moved)
        n_theirs = CountLaw(len(self.theirs), np.ones(1), 0.0, 0.0)
        return duel(count_rows(_at_least(before, after, case.rows)), n_theirs, wins_ties=wins_ties)

    def _counting(self, moved: float) -> Chances:
        """Return rows of A within and rows of the rival not within, the likeliest first."""
        rows = Chances.join(self._own(moved), self._theirs(-moved).opposite())
        return rows.take(np.argsort(-_log_odds(rows), kind="stable"))

    @cached_property
    def _untouched(self) -> tuple[Chances, Chances, Chances]:
        far = self.ball.rounded(-1), self.ball.rounded(1), self.ball.rounded(1)
        rows = self.own, self.theirs, self.others
        own, theirs, others = (chances_within(*pair) for pair in zip(far, rows, strict=True))
        return own, theirs, others

    def _own(self, moved: float) -> Chances:
        if moved == 0.0:
            return self._untouched[0]
        with np.errstate(over="ignore"):  # infinitely far is far enough
            farther = (self.own + moved) * (1.0 + _ROUNDINGS)
        return chances_within(self.ball.rounded(-1), farther)

    def _theirs(self, moved: float) -> Chances:
        return self._untouched[1] if moved == 0.0 else self._near(self.theirs + moved)

    def _others(self, moved: float) -> Chances:
        return self._untouched[2] if moved == 0.0 else self._near(self.others + moved)

    def _near(self, distances: FloatArray) -> Chances:
        return chances_within(self.ball.rounded(1), np.maximum(distances * (1.0 - _ROUNDINGS), 0.0))

    def _nearest_chance(self) -> Chances:
        """Return the chance of one row at the query: no row anywhere has a larger one."""
        return self._near(np.zeros(1))


def _log_odds(rows: Chances) -> FloatArray:
    """Return what orders chances near 0 as well as near 1."""
    with np.errstate(divide="ignore"):
        log_odds: FloatArray = np.log(rows.inside) - np.log(rows.outside)
    return log_odds


def _at_least(before: Chances, after: Chances, rows: int) -> Chances:
    """Return max(p_(j + rows), p'_j) for decreasing chances before and after a move."""
    n = len(before.inside)
    later = np.arange(n) + min(rows, n)
    reached = before.take(np.minimum(later, n - 1)) if n else before
    stays = (later < n) & (_log_odds(reached) >= _log_odds(after))
    return Chances(*(np.where(stays, one, other) for one, other in zip(reached, after, strict=True)))


def _moved_in(before: Chances, after: Chances, rows: int) -> Chances:
    """Return min(p_(j - rows), p'_j), p_j = 1 for j < 1, for decreasing chances before and after a move.

    Of chances that grow for at most so many rows, the j-th largest is no larger.
    """
    n = len(before.inside)
    earlier = np.arange(n) - min(rows, n)
    reached = before.take(np.maximum(earlier, 0)) if n else before
    stays = (earlier >= 0) & (_log_odds(reached) <= _log_odds(after))
    return Chances(*(np.where(stays, one, other) for one, other in zip(reached, after, strict=True)))


def _lengthened(sums: NDArray[Any], n: int) -> FloatArray:
    """Return the first n of some sums, and the last one wherever there are fewer."""
    if len(sums) == 0:
        return np.zeros(n)
    places: WholeArray = np.minimum(np.arange(n), len(sums) - 1)
    return np.asarray(sums[places], dtype=np.float64)
