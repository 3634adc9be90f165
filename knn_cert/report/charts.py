"""Charts as SVG: certified accuracy against the budget, and what the candidates would have given.

Colours and fonts are those of the page's style sheet, so that charts follow light, dark and print. Nothing is
told by colour alone: lines have labels, marks have shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from markupsafe import Markup

from . import wording
from .axes import Axis, round_step, round_up
from .counting import certified_count, run_lengths

__all__ = ["Curve", "candidate_words", "frontier", "step_curve"]

_ONE = Fraction(1)

# Where the curves of attackers begin and end, of 360 units.
_LEFT, _RIGHT = 42, 346

# Width of a character of the labels in units of the charts, about: for a label that must not leave its chart.
_CHARACTER = 6.2


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
        return Axis(Fraction(0), self.high, _LEFT, _RIGHT, most_ticks=5, step=least)

    @property
    def table(self) -> list[Fraction]:
        """The budgets of a short table: the ticks of the axis and what was asked for."""
        return sorted({*self.x.ticks, Fraction(self.asked)})


def step_curve(curve: Curve, identifier: str) -> Markup:
    """Return the share of queries that are right and certified at every budget, as a curve of steps.

    The script of the page finds where it draws the reader's budget in the attributes data-left, data-right,
    data-top and data-bottom: the pixels of budgets 0 and ``high``, and of shares 1 and 0.
    """
    width, height, left, right, top, bottom = 360, 222, _LEFT, _RIGHT, 22, 178
    x = curve.x
    y = Axis(Fraction(0), _ONE, bottom, top, most_ticks=5)
    path = _staircase(curve, x, y)
    at_asked = certified_count(curve.right_budgets, curve.asked)
    asked, words = x.at(curve.asked), wording.budget(curve.asked, curve.unit)
    levels = [
        *_level(curve.accuracy, "right", y, left, right, above=True),
        *_level(curve.majority_accuracy, "always one label", y, left, right, above=False),
    ]
    drawn = [
        *_frame(x, y, left, right, top, bottom, "rows" if curve.unit == "rows" else "distance"),
        _element("path", d=f"{path}V{bottom}H{left}Z", class_="area"),
        *levels[::2],
        _element("path", d=path, class_="curve"),
        *levels[1::2],
        _element("line", x1=asked, x2=asked, y1=top - 4, y2=bottom, class_="asked"),
        _label(asked, top - 9, f"asked: {words}", left, right, "asked-label"),
        _element("circle", cx=asked, cy=y.at(at_asked / curve.n_queries), r=4, class_="asked-dot"),
        _element("line", x1=asked, x2=asked, y1=top, y2=bottom, class_="cursor"),
        _element("circle", cx=asked, cy=y.at(at_asked / curve.n_queries), r=5, class_="cursor-dot"),
    ]
    spoken = (
        f"{curve.title}: certified accuracy falls from "
        f"{wording.part(len(curve.right_budgets), curve.n_queries)} without tampering to "
        f"{wording.part(at_asked, curve.n_queries)} at {words}."
    )
    return _svg(
        drawn,
        width,
        height,
        spoken,
        identifier,
        data_left=left,
        data_right=right,
        data_top=top,
        data_bottom=bottom,
        data_high=float(curve.high),
    )


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


def frontier(
    candidates: Sequence[dict[str, Any]], majority_accuracy: float, attack: str, identifier: str
) -> Markup:
    """Return the candidates by accuracy and certified accuracy; below and left of the line each is beaten.

    Candidates without noise are circles, those with noise triangles; the chosen one is filled, with a ring.
    """
    width, height, left, right, top, bottom = 480, 340, 46, 462, 16, 290
    x = Axis(*_range([one["accuracy"] for one in candidates]), left, right, most_ticks=6)
    y = Axis(*_range([one["certified_accuracy"] for one in candidates]), bottom, top, most_ticks=6)
    best = _unbeaten(candidates)
    steps = "".join(f"H{px:g}V{py:g}" for px, py in (_place(one, x, y) for one in best))
    drawn = [
        *_frame(x, y, left, right, top, bottom, "accuracy"),
        _element("path", d=f"M{_place(best[0], x, y)[0]:g} {bottom}{steps}H{left}", class_="front"),
    ]
    if majority_accuracy > x.low:
        at = x.at(majority_accuracy)
        drawn.append(_element("line", x1=at, x2=at, y1=top, y2=bottom, class_="level"))
        drawn.append(_label(at, bottom - 6, "always one label", left, right, "level-label"))
    # The chosen one comes last, above the others, and its label first.
    ordered = sorted(candidates, key=lambda one: one["chosen"])
    drawn += [_mark(one, *_place(one, x, y)) for one in ordered]
    # The line leaves a candidate to the left and downwards, so labels are tried above and to the right first.
    taken = [(px - 5, py - 5, px + 5, py + 5) for px, py in (_place(one, x, y) for one in candidates)]
    for one in [ordered[-1], *(one for one in best if not one["chosen"])]:
        label = _candidate_label(one, *_place(one, x, y), right, taken)
        if label:
            drawn.append(label)
    chosen = next(one for one in candidates if one["chosen"])
    spoken = (
        f"Accuracy and certified accuracy ({attack}) of {len(candidates)} candidates. Chosen: "
        f"{candidate_words(chosen)}, accuracy {wording.share(chosen['accuracy'])}, certified "
        f"{wording.share(chosen['certified_accuracy'])}."
    )
    return _svg(drawn, width, height, spoken, identifier)


def candidate_words(one: dict[str, Any]) -> str:
    """Return the settings of a candidate."""
    noise = f", σ = {one['sigma']:g}" if one["sigma"] > 0.0 else ""
    return f"K = {int(one['n_neighbors'])}{noise}"


def _unbeaten(candidates: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the candidates that no other one beats in both, the most accurate one first."""
    found: list[dict[str, Any]] = []
    for one in sorted(candidates, key=lambda one: (-one["accuracy"], -one["certified_accuracy"])):
        if not found or one["certified_accuracy"] > found[-1]["certified_accuracy"]:
            found.append(one)
    return found


def _range(shares: Sequence[float]) -> tuple[Fraction, Fraction]:
    """Return the ends of an axis that has all shares on it, and no more of the others than it must."""
    low, high = Fraction(min(shares)), Fraction(max(shares))
    room = max((high - low) / 10, Fraction(1, 50))
    step = round_step(high - low + 2 * room, 6)
    return max(Fraction(0), round_up(low - room, step) - step), min(_ONE, round_up(high + room, step))


def _place(one: dict[str, Any], x: Axis, y: Axis) -> tuple[float, float]:
    return x.at(one["accuracy"]), y.at(one["certified_accuracy"])


def _mark(one: dict[str, Any], px: float, py: float) -> Markup:
    kind = "candidate chosen" if one["chosen"] else "candidate"
    title = _element("title", candidate_words(one))
    if one["sigma"] > 0.0:
        mark = _element("path", title, d=f"M {px} {py - 5:.1f} l 5 9 h -10 z", class_=kind)
    else:
        mark = _element("circle", title, cx=px, cy=py, r=4.5, class_=kind)
    ring = _element("circle", cx=px, cy=py, r=9, class_="ring") if one["chosen"] else Markup("")
    return ring + mark


def _candidate_label(
    one: dict[str, Any], px: float, py: float, right: float, taken: list[tuple[float, float, float, float]]
) -> Markup | None:
    """Return a label beside a mark where there is room, or None."""
    words = candidate_words(one)
    wide, gap = len(words) * _CHARACTER, 12.0 if one["chosen"] else 8.0
    for anchor, lx, ly in (
        ("start", px + gap, py - 3),
        ("end", px + 6, py - gap - 2),
        ("end", px - gap, py - gap),
        ("start", px + gap, py + 16),
        ("end", px - gap, py + 18),
    ):
        x0 = lx - wide if anchor == "end" else lx
        box = (x0, ly - 11, x0 + wide, ly + 3)
        inside = box[0] > 46 and box[2] < right + 16
        if inside and all(box[2] < t[0] or t[2] < box[0] or box[3] < t[1] or t[3] < box[1] for t in taken):
            taken.append(box)
            kind = "chosen-label" if one["chosen"] else "mark-label"
            return _element("text", words, x=round(lx, 1), y=round(ly, 1), text_anchor=anchor, class_=kind)
    return None


def _frame(x: Axis, y: Axis, left: float, right: float, top: float, bottom: float, name: str) -> list[Markup]:
    """Return ticks with their numbers, the lines across, and the name of the horizontal axis."""
    drawn = []
    for tick in y.ticks:
        drawn.append(_element("line", x1=left, x2=right, y1=y.at(tick), y2=y.at(tick), class_="grid"))
        drawn.append(_element("text", _tick(tick), x=left - 6, y=y.at(tick) + 4, text_anchor="end"))
    is_share = name == "accuracy"
    for tick in x.ticks:
        shown = _tick(tick) if is_share else f"{float(tick):,.10g}"
        drawn.append(_element("line", x1=x.at(tick), x2=x.at(tick), y1=bottom, y2=bottom + 4, class_="axis"))
        drawn.append(_element("text", shown, x=x.at(tick), y=bottom + 17, text_anchor="middle"))
    drawn.append(_element("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis"))
    drawn.append(_element("text", name, x=right, y=bottom + 36, text_anchor="end", class_="name"))
    return drawn


def _tick(value: Fraction) -> str:
    return f"{float(100 * value):.4g}%"


def _level(value: float, words: str, y: Axis, left: float, right: float, *, above: bool) -> list[Markup]:
    """Return a line across, and what it is."""
    py = y.at(value)
    return [
        _element("line", x1=left, x2=right, y1=py, y2=py, class_="level"),
        _element(
            "text",
            f"{words} {wording.share(value)}",
            x=right - 2,
            y=py + (-4 if above else 13),
            text_anchor="end",
            class_="level-label",
        ),
    ]


def _label(x: float, y: float, words: str, left: float, right: float, class_: str) -> Markup:
    """Return a text centred at x, but moved so that it stays between left and right."""
    half = len(words) * _CHARACTER / 2
    centre = min(max(x, left + half - 36), right - half + 10)
    return _element("text", words, x=round(centre, 1), y=y, text_anchor="middle", class_=class_)


def _svg(
    drawn: list[Markup], width: int, height: int, spoken: str, identifier: str, **attributes: Any
) -> Markup:
    title = _element("title", spoken, id=f"{identifier}-title")
    return _element(
        "svg",
        title + Markup("").join(drawn),
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby=f"{identifier}-title",
        **attributes,
    )


def _element(name: str, content: str | Markup = "", **attributes: Any) -> Markup:
    """Return an element; content and values are escaped unless they are elements themselves."""
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_") if key.endswith("_") else key.replace("_", "-"), value)
        for key, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, content)
