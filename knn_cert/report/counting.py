"""How many queries are right and certified at a budget: the one formula of the page and its script."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby

__all__ = ["certified_count", "coarsened", "finite", "run_lengths"]


def certified_count(right_budgets: Sequence[float | None], budget: float) -> int:
    """Return the number of budgets that are at least this one; None, which is infinite, always is.

    Parameters
    ----------
    right_budgets : sequence of float or None
        In increasing order, None at the end, as a document has them.
    budget : float >= 0
    """
    known = finite(right_budgets)
    return len(right_budgets) - bisect_left(known, budget)


def finite(right_budgets: Sequence[float | None]) -> list[float]:
    """Return the budgets that are not infinite."""
    return [one for one in right_budgets if one is not None]


def run_lengths(right_budgets: Sequence[float | None]) -> list[tuple[float | None, int]]:
    """Return each budget once, with how often it occurs."""
    return [(budget, len(list(group))) for budget, group in groupby(right_budgets)]


def coarsened(right_budgets: Sequence[float | None], step: Fraction) -> list[float | None]:
    """Return the budgets rounded down to whole multiples of a step.

    As many as before are at least j steps, for every j: none falls below a multiple that it had reached.
    """
    return [None if one is None else _multiple_below(one, step) for one in right_budgets]


def _multiple_below(budget: float, step: Fraction) -> float:
    # A reader's budget is the float nearest to a multiple, which may be a budget and yet below that multiple.
    number = Fraction(budget) // step + 1
    while float(number * step) > budget:
        number -= 1
    return float(number * step)
