"""One attacker's budgets on the page: the axis, the steps of the slider, and what the script counts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from .axes import round_step, round_up
from .counting import coarsened, finite, run_lengths

__all__ = ["Reach", "reach_of"]

# How many positions a slider of radii has at most, and so how finely budgets are kept that are too many.
_POSITIONS = 400

# What is drawn beyond the largest budget, so that its step is seen.
_MARGIN = Fraction(21, 20)


@dataclass(frozen=True)
class Reach:
    """Budgets of one attacker on the page.

    Attributes
    ----------
    high : Fraction
        The largest budget that a reader can ask about: none that is finite is larger, nor the one asked for.
    step : Fraction
        Between positions of the slider.
    runs : list of (float, int)
        Finite budgets and how often each occurs. Where these would be too many they are rounded down to
        multiples of the step; the count at every position of the slider stays what it was.
    n_infinite : int
        How many budgets are infinite.
    """

    high: Fraction
    step: Fraction
    runs: list[tuple[float | None, int]]
    n_infinite: int

    @property
    def slider(self) -> dict[str, str]:
        """The attributes max and step of the slider, as decimal numbers without rounding."""
        return {"max": _decimal(self.high), "step": _decimal(self.step)}


def reach_of(attacker: dict[str, Any], most_runs: int) -> Reach:
    """Return the reach of one attacker of a document, with at most about so many different budgets."""
    budgets, counts_rows = attacker["right_budgets"], attacker["unit"] == "rows"
    known = finite(budgets)
    largest = max(Fraction(attacker["asked"]), Fraction(known[-1]) if known else Fraction(0))
    if largest == 0:
        largest = Fraction(1)
    elif len(known) < len(budgets):
        largest *= 2  # those that nothing changes are seen to go on
    step = round_step(largest * _MARGIN, _POSITIONS)
    runs = run_lengths(known)
    if counts_rows and (len(runs) <= most_runs or step < 1):
        step = Fraction(1)
    elif len(runs) > most_runs:
        runs = run_lengths(coarsened(known, step))
    return Reach(round_up(largest * _MARGIN, step), step, runs, len(budgets) - len(known))


def _decimal(number: Fraction) -> str:
    # Steps are 1, 2 or 5 times a power of ten, and these divide: the quotient has an end.
    return f"{Decimal(number.numerator) / Decimal(number.denominator):f}"
