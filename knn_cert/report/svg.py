"""Elements of charts as SVG. The page's style sheet has their colours and fonts, for light, dark and print.

Nothing is told by colour alone: lines have labels, marks have shapes.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from markupsafe import Markup

from .axes import Axis

__all__ = ["CHARACTER", "Box", "chart", "element", "frame", "label", "share_bar"]

# Width of a character of the labels in units of the charts, about: for a label that must not leave its chart.
CHARACTER = 6.2


class Box(NamedTuple):
    """Where the inside of a chart is."""

    left: float
    right: float
    top: float
    bottom: float


def element(name: str, content: str | Markup = "", **attributes: Any) -> Markup:
    """Return an element; content and values are escaped unless they are elements themselves.

    Names of attributes have ``_`` in the place of ``-``, and at the end where Python has the word for itself.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), value)
        for key, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, content)


def chart(
    drawn: list[Markup], width: int, height: int, spoken: str, identifier: str, **attributes: Any
) -> Markup:
    """Return a chart of these elements; spoken is what a screen reader says of it."""
    title = element("title", spoken, id=f"{identifier}-title")
    return element(
        "svg",
        title + Markup("").join(drawn),
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby=f"{identifier}-title",
        **attributes,
    )


def frame(x: Axis, y: Axis, box: Box, name: str, *, per_cent: bool = False) -> list[Markup]:
    """Return both axes with their ticks; the vertical one has shares, name and per_cent are of the other."""
    drawn = []
    for tick in y.ticks:
        at = y.at(tick)
        drawn.append(element("line", x1=box.left, x2=box.right, y1=at, y2=at, class_="grid"))
        drawn.append(element("text", _per_cent(tick), x=box.left - 6, y=at + 4, text_anchor="end"))
    for tick in x.ticks:
        at, shown = x.at(tick), _per_cent(tick) if per_cent else f"{float(tick):,.10g}"
        drawn.append(element("line", x1=at, x2=at, y1=box.bottom, y2=box.bottom + 4, class_="axis"))
        drawn.append(element("text", shown, x=at, y=box.bottom + 17, text_anchor="middle"))
    drawn.append(
        element("line", x1=box.left, x2=box.right, y1=box.bottom, y2=box.bottom, class_="axis"),
    )
    drawn.append(element("text", name, x=box.right, y=box.bottom + 34, text_anchor="end"))
    return drawn


def label(x: float, y: float, words: str, box: Box, class_: str) -> Markup:
    """Return a text centred at x, but moved so that it stays beside the inside of the chart."""
    half = len(words) * CHARACTER / 2
    # Ticks and margins are as wide as what it may stick out on either side.
    centre = min(max(x, box.left + half - 36), box.right - half + 10)
    return element("text", words, x=round(centre, 1), y=y, text_anchor="middle", class_=class_)


def share_bar(share: float) -> Markup:
    """Return a bar of a share beside its number; a screen reader has the number and leaves it out."""
    full, height = 100, 7
    drawn = element("rect", width=full, height=height, class_="rest")
    drawn += element("rect", width=round(full * share, 1), height=height)
    return element("svg", drawn, viewBox=f"0 0 {full} {height}", aria_hidden="true")


def _per_cent(value: Fraction) -> str:
    return f"{float(100 * value):.4g}%"
