"""Certified accuracy against the budget, as a curve of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from markupsafe import Markup

from . import wording
from .axes import Axis
from .counting import certified_count, run_lengths
from .svg import Box, chart, element, frame, label

__all__ = ["Curve", "step_curve"]

_WIDTH, _HEIGHT = 360, 220
_BOX = Box(left=42, right=346, top=22, bottom=178)


@dataclass(frozen=True)
class Curve:
    """What the chart of one attacker shows.

    Attributes
    ----------
    right_budgets : sequence of float or None
    n_queries : int
    unit : {"rows", "radius"}
    asked : float
    accuracy, majority_accuracy : float
        Of the classifier, and of always the same label.
    high : Fraction
        Where the axis of budgets ends.
    title : str
    """

    right_budgets: Sequence[float | None]
    n_queries: int
    unit: str
    asked: float
    accuracy: float
    majority_accuracy: float
    high: Fraction
    title: str

    @property
    def x(self) -> Axis:
        """The axis of budgets."""
        least = Fraction(1 if self.unit == "rows" else 0)
        return Axis(Fraction(0), self.high, _BOX.left, _BOX.right, most_ticks=5, step=least)

    @property
    def table(self) -> list[Fraction]:
        """The budgets of a short table: the ticks of the axis and what was asked for."""
        return sorted({*self.x.ticks, Fraction(self.asked)})


def step_curve(curve: Curve, identifier: str) -> Markup:
    """Return the share of queries that are right and certified at every budget.

    The script of the page finds where it draws the reader's budget in the attributes data-left, data-right,
    data-top and data-bottom, the pixels of budgets 0 and data-high, and of shares 1 and 0.
    """
    x, y = curve.x, Axis(Fraction(0), Fraction(1), _BOX.bottom, _BOX.top, most_ticks=5)
    path = _staircase(curve, x, y)
    number, words = certified_count(curve.right_budgets, curve.asked), wording.budget(curve.asked, curve.unit)
    asked, height = x.at(curve.asked), y.at(number / curve.n_queries)
    lines, labels = zip(
        _level(y.at(curve.accuracy), -4, f"right {wording.share(curve.accuracy)}"),
        _level(
            y.at(curve.majority_accuracy), 13, f"always one label {wording.share(curve.majority_accuracy)}"
        ),
        strict=True,
    )
    drawn = [
        *frame(x, y, _BOX, "rows" if curve.unit == "rows" else "distance"),
        element("path", d=f"{path}V{_BOX.bottom}H{_BOX.left}Z", class_="area"),
        *lines,
        element("path", d=path, class_="curve"),
        *labels,
        element("line", x1=asked, x2=asked, y1=_BOX.top - 4, y2=_BOX.bottom, class_="asked"),
        label(asked, _BOX.top - 9, f"asked: {words}", _BOX, "asked-label"),
        element("circle", cx=asked, cy=height, r=4, class_="asked-dot"),
        element("line", x1=asked, x2=asked, y1=_BOX.top, y2=_BOX.bottom, class_="cursor"),
        element("circle", cx=asked, cy=height, r=5, class_="cursor-dot"),
    ]
    n_right = len(curve.right_budgets)
    spoken = (
        f"{curve.title}: certified accuracy falls from {wording.part(n_right, curve.n_queries)} without "
        f"tampering to {wording.part(number, curve.n_queries)} at {words}."
    )
    places = {f"data_{side}": value for side, value in _BOX._asdict().items()}
    return chart(drawn, _WIDTH, _HEIGHT, spoken, identifier, **places, data_high=float(curve.high))


def _staircase(curve: Curve, x: Axis, y: Axis) -> str:
    """Return the path of the curve; steps within half a pixel fall together."""
    left = len(curve.right_budgets)
    start = y.at(left / curve.n_queries)
    steps: dict[float, float] = {}
    for budget, number in run_lengths(curve.right_budgets):
        if budget is not None:
            left -= number
            steps[round(2.0 * x.at(budget)) / 2.0] = y.at(left / curve.n_queries)
    drops = "".join(f"H{px:g}V{py:g}" for px, py in steps.items())
    return f"M{x.at(0):g} {start:g}{drops}H{x.at(curve.high):g}"


def _level(y: float, below: float, words: str) -> tuple[Markup, Markup]:
    """Return a line across, and its label."""
    line = element("line", x1=_BOX.left, x2=_BOX.right, y1=y, y2=y, class_="level")
    text = element("text", words, x=_BOX.right - 2, y=y + below, text_anchor="end", class_="level-label")
    return line, text
