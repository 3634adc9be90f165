"""Rivals without noise: what an attacker has to do for another class to win the vote within a radius.

With v_c rows of class c within the radius, class A keeps the prediction against class b exactly while its
lead v_A - v_b + t_b is at least 1, where t_b = 1 if ties go to A, that is if b comes after it. Tampering with
one row takes from the lead at most

====================================  ===========================================================
tampering with one row                taken from the lead over b
====================================  ===========================================================
a label flipped                       2 for a row of A that becomes one of b; rows outside: 0
a row replaced                        2 for a row of A that becomes one of b at the query
a row deleted                         1 for a row of A
a row inserted                        1 for a row of b at the query
a row moved by at most eps            1 for a row of A that leaves, or a row of b that enters
... and relabelled at will            2 for a row of A that becomes one of b
====================================  ===========================================================

so that r rows take the lead exactly where r times this is at least the lead. There are always enough rows of
A for it: the lead is at most v_A + 1, which is at most 2 v_A. Two more rivals have no rows: a new class that
comes before all others, where the attacker may bring one (its lead is v_A, every other new class has a larger
one), and the empty vote, which is no prediction: where A has lost all its v_A rows nobody certifies it. The
attacker cannot give rows to the empty vote, only take A's away.

Rows that move cross the radius: a row of A at distance a leaves if it moves by more than radius - a, a row of
b at distance b > radius enters if it moves by b - radius. These are the costs of a rival, and whoever
knows them in increasing order knows the cheapest attack. A moved query changes every distance by at most its
move, so the same costs decide how far it may go (soundly: no query may be able to cross them all at once).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..._types import FloatArray
from ...threats import BlackBoxBall, Deletions, Insertions, LabelFlips, QueryShift, Replacements, RowShift
from ...threats.rows import RowBudget
from ...threats.shifts import given

__all__ = ["Rival", "radius_against", "rounded_down", "taken_by_a_row"]

_EPS = float(np.finfo(np.float64).eps)

# The table above: what one row takes from the lead over a class, and over the empty vote.
_TAKEN: dict[type[RowBudget], tuple[int, int]] = {
    LabelFlips: (2, 0),
    Replacements: (2, 1),
    Deletions: (1, 1),
    Insertions: (1, 0),
}
_TAKEN_BY_RELABELLED_MOVES = (2, 1)


@dataclass(frozen=True, eq=False)
class Rival:
    """A class other than the target, or the empty vote.

    Attributes
    ----------
    lead : int
        v_A - v_b + t_b; the rival wins if it is 0 or less.
    gains : bool
        Whether tampered rows can become rows of it: not of the empty vote.
    leaving : ndarray
        Lower bounds on what it costs each row of A within the radius to leave it.
    entering : ndarray
        Lower bounds on what it costs each row of the rival outside the radius to enter it.
    """

    lead: int
    gains: bool
    leaving: FloatArray
    entering: FloatArray

    @cached_property
    def costs(self) -> FloatArray:
        """Costs of all rows that can cross the radius to the rival's good, increasing."""
        return np.sort(np.concatenate([self.leaving, self.entering]))

    def cost_of(self, n_rows: int) -> float:
        """Return the largest cost of the n_rows >= 1 cheapest rows; infinite if there are fewer."""
        return float(self.costs[n_rows - 1]) if n_rows <= len(self.costs) else np.inf

    def total_cost(self) -> float:
        """Return a lower bound on the L2 norm of the costs of the cheapest rows that take the lead."""
        dearest = self.cost_of(self.lead)
        if dearest in (0.0, np.inf):
            return dearest
        # in units of the dearest, so that no square overflows; one rounding a sum, a few for the rest
        shares = self.costs[: self.lead] / dearest
        norm = dearest * float(np.sqrt(np.sum(shares * shares)))
        return norm * (1.0 - (self.lead + 8.0) * _EPS)


def taken_by_a_row(threat: RowBudget | RowShift) -> tuple[int, int]:
    """Return what one row that may go anywhere takes from the lead over a class, and over the empty vote."""
    return _TAKEN_BY_RELABELLED_MOVES if isinstance(threat, RowShift) else _TAKEN[type(threat)]


def rounded_down(costs: FloatArray) -> FloatArray:
    """Return differences that were rounded once as lower bounds, at least 0."""
    lower: FloatArray = np.maximum(np.nextafter(costs, -np.inf), 0.0)
    return lower


def radius_against(rival: Rival, threat: BlackBoxBall | RowShift | QueryShift, n_rows: int) -> float:
    """Return the largest radius at which the target keeps a lead of at least 1, negative without any.

    The radius that the threat gives is not looked at. Moves of rows and of the query may have the length of
    the radius, changes within the ball are shorter.
    """
    if isinstance(threat, BlackBoxBall):
        return _ball_against(rival, threat, n_rows)
    if isinstance(threat, QueryShift):
        return _query_shift_against(rival, threat.training, n_rows)
    rows = threat.tampered_rows(n_rows)
    if threat.relabel:
        return np.inf if _left_by_rows(rival, threat, rows) >= 1 else -1.0
    return np.inf if rows < rival.lead else _shorter(rival.cost_of(rival.lead))


def _ball_against(rival: Rival, ball: BlackBoxBall, n_rows: int) -> float:
    """Return the radius of the open ball: every change within it is smaller, so an empty one is no answer."""
    if ball.rows is None:
        radius = rival.total_cost()
    else:
        enough = ball.tampered_rows(n_rows) >= rival.lead
        radius = rival.cost_of(rival.lead) if enough else np.inf
    return radius if radius > 0.0 else -1.0


def _query_shift_against(rival: Rival, training: RowBudget | RowShift | None, n_rows: int) -> float:
    """Return how far the query can move after the training rows were tampered with.

    Rows moved by at most eps before the query moves can cross where the two moves together are long enough,
    the others where the query's alone is. So while fewer rows than the lead are in reach of both, or fewer
    than the lead less the moved rows in reach of the query's move, not enough of them cross.
    """
    if training is None:
        return _shorter(rival.cost_of(rival.lead))
    rows = training.tampered_rows(n_rows)
    if isinstance(training, RowShift) and not training.relabel:
        left, dearest = rival.lead - rows, rival.cost_of(rival.lead)
        alone = _shorter(rival.cost_of(left)) if left >= 1 else -1.0
        together = np.inf if dearest == np.inf else np.nextafter(dearest - given(training.radius), -np.inf)
        return max(alone, float(together))
    left = _left_by_rows(rival, training, rows)
    return _shorter(rival.cost_of(left)) if left >= 1 else -1.0


def _left_by_rows(rival: Rival, threat: RowBudget | RowShift, rows: int) -> int:
    """Return what so many rows that may go anywhere leave of the lead."""
    of_class, of_nobody = taken_by_a_row(threat)
    return rival.lead - rows * (of_class if rival.gains else of_nobody)


def _shorter(cost: float) -> float:
    """Return the largest move that is shorter than the cost, or none at all: nothing crosses by that."""
    return float(np.maximum(np.nextafter(cost, -np.inf), 0.0)) if cost < np.inf else np.inf
