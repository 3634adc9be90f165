"""Axes of charts: round numbers at equal distances."""

from __future__ import annotations

from fractions import Fraction

__all__ = ["Axis", "round_step", "round_up"]


def round_step(span: Fraction, most: int) -> Fraction:
    """Return the smallest of 1, 2, 5, 10, ... (and of tenths, ...) that fits at most so often into a span."""
    step = Fraction(1)
    while step * most >= span:
        step /= 10
    while True:
        for factor in (1, 2, 5):
            if step * factor * most >= span:
                return step * factor
        step *= 10


def round_up(value: Fraction, step: Fraction) -> Fraction:
    """Return the smallest multiple of a step that is not below a value."""
    return -(-value // step) * step


class Axis:
    """An axis from low to high, drawn from one pixel to another; its ticks are round numbers within it.

    Parameters
    ----------
    low, high : Fraction
        With low < high.
    start, end : float
        Where they are drawn.
    most_ticks : int
        About how many distances between ticks there may be.
    step : Fraction, optional
        The smallest distance between ticks that makes sense, such as 1 for numbers of rows.
    """

    def __init__(
        self,
        low: Fraction,
        high: Fraction,
        start: float,
        end: float,
        *,
        most_ticks: int,
        step: Fraction = Fraction(0),
    ) -> None:
        self.low, self.high = low, high
        self._start, self._width, self._span = start, end - start, high - low
        between = max(round_step(high - low, most_ticks), step)
        first = round_up(low, between)
        self.ticks = [first + k * between for k in range(int((high - first) // between) + 1)]

    def at(self, value: float | Fraction) -> float:
        """Return where a value is drawn, to a tenth of a pixel."""
        # The quotient is of ordinary size, however large or small both are.
        return round(self._start + self._width * float((Fraction(value) - self.low) / self._span), 1)
