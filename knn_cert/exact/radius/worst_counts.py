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
... and relabelled          for p + q = r: A without its p nearest, the rival with q rows moved, and with the
                            p nearest of all others moved towards the query
query moved by at most eps  every distance of A longer by eps, every other one shorter
==========================  =======================================================================

The first four are attained where all others are rows of A, so they are exact against all other classes
together, and for two classes: if r rows of A go and one could exchange one of them for another, the nearest
is worth most, because + x_i - x_j for two rows with p_i > p_j is stochastically larger than - x_i + x_j. The
others are sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._types import BoolArray, FloatArray, WholeArray
from ...threats import Deletions, Insertions, LabelFlips, Replacements, RowShift
from .chances import Chances
from .counting import LEAST, CountLaw, Duel, add, count_rows, duel, repeat
from .sorted_rows import SortedRows

__all__ = ["Sides", "Tampering", "WorstCase", "splits"]

# Ways to split a budget of relabelled rows are covered by at most so many ranges of them.
_MOST_SPLITS = 8

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
    own : SortedRows
        The rows of the target, farther by the errors of their distances.
    near : SortedRows
        All rows, nearer by the errors of their distances.
    is_theirs : ndarray of bool
        Which of all rows are the rival's; the others can be made its own.
    """

    own: SortedRows
    near: SortedRows
    is_theirs: BoolArray

    def duel(self, case: WorstCase, *, wins_ties: bool) -> Duel:
        """Bound the chance that the target stays ahead."""
        if case.moves_rows:
            return self._after_moves(case, wins_ties=wins_ties)
        if isinstance(case.kind, RowShift):
            return self._after_relabelling(case, wins_ties=wins_ties)
        theirs = self._theirs(case.query_moved)
        if isinstance(case.kind, LabelFlips):
            theirs = Chances.join(theirs, self._others(case.query_moved).take(slice(case.rows)))
        law = count_rows(theirs)
        if isinstance(case.kind, Insertions | Replacements):
            law = add(law, repeat(count_rows(self.near.at_the_query()), case.rows))
        takes_rows = case.kind is not None and not isinstance(case.kind, Insertions)
        own = self.own.count_without_nearest(case.rows if takes_rows else 0, case.query_moved)
        return duel(own, law, wins_ties=wins_ties)

    def rows_to_expect(self, kind: Tampering, limit: int) -> int:
        """Return about how many rows it takes for the rival to have as many votes in the mean."""
        own, theirs, others = self.own.chances(0.0).inside, self._theirs(0.0).inside, self._others(0.0).inside
        lead = float(own.sum() - theirs.sum())
        brings_rows = isinstance(kind, Insertions | Replacements)
        from_afar = float(self.near.at_the_query().inside[0]) if brings_rows else 0.0
        if isinstance(kind, Insertions):
            return int(min(lead / max(from_afar, 1e-300), float(limit))) if lead > 0.0 else 0
        given: FloatArray = np.arange(1.0, limit + 1.0) * from_afar
        if isinstance(kind, LabelFlips):
            given = np.cumsum(others)
        taken = _lengthened(np.cumsum(own), limit) + _lengthened(given, limit)
        return int(np.searchsorted(taken, lead))

    def _after_relabelling(self, case: WorstCase, *, wins_ties: bool) -> Duel:
        """Bound the chance after p rows were moved and made the rival's, and q of the rival's were moved."""
        theirs = self._theirs(case.query_moved)
        nearer, others = (rows(case.query_moved + case.moved) for rows in (self._theirs, self._others))
        duels = [
            duel(
                self.own.count_without_nearest(p, case.query_moved),
                count_rows(Chances.join(_moved_in(theirs, nearer, q), others.take(slice(p)))),
                wins_ties=wins_ties,
            )
            for p, q in splits(case.rows, len(self.is_theirs) - self._n_theirs, self._n_theirs)
        ]
        return Duel(min(one.win_lower for one in duels), max(one.loss_upper for one in duels))

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
        n_theirs = CountLaw(self._n_theirs, np.ones(1), 0.0, 0.0)
        return duel(count_rows(_at_least(before, after, case.rows)), n_theirs, wins_ties=wins_ties)

    def _counting(self, moved: float) -> Chances:
        """Return rows of A within and rows of the rival not within, the likeliest first."""
        rows = Chances.join(self.own.chances(moved), self._theirs(moved).opposite())
        return rows.take(np.argsort(-_log_odds(rows), kind="stable"))

    @property
    def _n_theirs(self) -> int:
        return int(np.count_nonzero(self.is_theirs))

    def _theirs(self, moved: float) -> Chances:
        return self.near.chances(moved).take(np.flatnonzero(self.is_theirs))

    def _others(self, moved: float) -> Chances:
        return self.near.chances(moved).take(np.flatnonzero(~self.is_theirs))


def splits(rows: int, n_others: int, n_theirs: int) -> list[tuple[int, int]]:
    """Return (p, q) such that every way to spend the rows, p of the others and q of the rival's, is in one.

    More rows never help the target, so (last, rows - first) covers first <= p <= last.
    """
    first, last = max(0, rows - n_theirs), min(rows, n_others)
    ends = np.unique(np.linspace(first - 1, last, _MOST_SPLITS + 1).astype(int)).tolist()
    return [(end, rows - start - 1) for start, end in zip(ends[:-1], ends[1:], strict=True)]


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
    return _chosen(stays, reached, after)


def _moved_in(before: Chances, after: Chances, rows: int) -> Chances:
    """Return min(p_(j - rows), p'_j), p_j = 1 for j < 1, for decreasing chances before and after a move.

    Of chances that grow for at most so many rows, the j-th largest is no larger.
    """
    n = len(before.inside)
    earlier = np.arange(n) - min(rows, n)
    reached = before.take(np.maximum(earlier, 0)) if n else before
    stays = (earlier >= 0) & (_log_odds(reached) <= _log_odds(after))
    return _chosen(stays, reached, after)


def _chosen(stays: BoolArray, reached: Chances, after: Chances) -> Chances:
    """Return some chances of one list, the others of another; all may be wrong by as much as the worst.

    They were ordered as they were worked out: then the j-th largest is wrong by no more than any of them.
    """
    inside, outside = (np.where(stays, one, other) for one, other in zip(reached[:2], after[:2], strict=True))
    doubts = [
        rows.doubt[(rows.inside >= LEAST) & (rows.outside >= LEAST)].max(initial=0.0)
        for rows in (reached, after)
    ]
    return Chances(inside, outside, np.full(len(inside), max(doubts)))


def _lengthened(sums: NDArray[Any], n: int) -> FloatArray:
    """Return the first n of some sums, and the last one wherever there are fewer."""
    if len(sums) == 0:
        return np.zeros(n)
    places: WholeArray = np.minimum(np.arange(n), len(sums) - 1)
    return np.asarray(sums[places], dtype=np.float64)
