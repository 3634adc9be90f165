"""What the candidates would have given: accuracy across, certified accuracy up."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from markupsafe import Markup

from .._pareto import unbeaten
from . import wording
from .axes import Axis, round_step, round_up
from .svg import CHARACTER, Box, chart, element, frame, label

__all__ = ["candidate_words", "frontier"]

_ONE = Fraction(1)
_WIDTH, _HEIGHT = 380, 310
_BOX = Box(left=42, right=362, top=22, bottom=266)

Candidate = dict[str, Any]


def frontier(
    candidates: Sequence[Candidate], majority_accuracy: float, attack: str, identifier: str
) -> Markup:
    """Return the candidates by accuracy and certified accuracy; below and left of the line each is beaten.

    Candidates without noise are circles, those with noise triangles; the chosen one is filled, with a ring.
    """
    x = Axis(*_range([one["accuracy"] for one in candidates]), _BOX.left, _BOX.right, most_ticks=5)
    y = Axis(*_range([one["certified_accuracy"] for one in candidates]), _BOX.bottom, _BOX.top, most_ticks=6)
    places = [(x.at(one["accuracy"]), y.at(one["certified_accuracy"])) for one in candidates]
    best = unbeaten([(one["accuracy"], one["certified_accuracy"]) for one in candidates])
    chosen = next(i for i, one in enumerate(candidates) if one["chosen"])
    steps = "".join(f"H{px:g}V{py:g}" for px, py in (places[i] for i in best))
    drawn = [
        *frame(x, y, _BOX, "accuracy", per_cent=True),
        element("path", d=f"M{places[best[0]][0]:g} {_BOX.bottom}{steps}H{_BOX.left}", class_="front"),
    ]
    if majority_accuracy > x.low:
        at = x.at(majority_accuracy)
        drawn.append(element("line", x1=at, x2=at, y1=_BOX.top, y2=_BOX.bottom, class_="level"))
        drawn.append(label(at, _BOX.top - 8, "always one label", _BOX, "level-label"))
    # The chosen one comes last, above the others.
    drawn += [_mark(candidates[i], *places[i]) for i in range(len(candidates)) if i != chosen]
    drawn.append(_mark(candidates[chosen], *places[chosen]))
    taken = [(px - 5, py - 5, px + 5, py + 5) for px, py in places]
    for i in [chosen, *(i for i in best if i != chosen)]:
        drawn.append(_mark_label(candidates[i], *places[i], taken))
    spoken = (
        f"Accuracy and certified accuracy ({attack}) of {len(candidates)} candidates. Chosen: "
        f"{candidate_words(candidates[chosen])}, accuracy {wording.share(candidates[chosen]['accuracy'])}, "
        f"certified {wording.share(candidates[chosen]['certified_accuracy'])}."
    )
    return chart(drawn, _WIDTH, _HEIGHT, spoken, identifier)


def candidate_words(one: Candidate) -> str:
    """Return the settings of a candidate."""
    noise = f", σ = {one['sigma']:g}" if one["sigma"] > 0.0 else ""
    return f"K = {int(one['n_neighbors'])}{noise}"


def _range(shares: Sequence[float]) -> tuple[Fraction, Fraction]:
    """Return the ends of an axis that has all shares on it, and no more of the others than it must."""
    low, high = Fraction(min(shares)), Fraction(max(shares))
    room = max((high - low) / 10, Fraction(1, 50))
    step = round_step(high - low + 2 * room, 6)
    return max(Fraction(0), round_up(low - room, step) - step), min(_ONE, round_up(high + room, step))


def _mark(one: Candidate, px: float, py: float) -> Markup:
    kind = "candidate chosen" if one["chosen"] else "candidate"
    title = element("title", candidate_words(one))
    if one["sigma"] > 0.0:
        mark = element("path", title, d=f"M{px:g} {py - 5:g}l5 9h-10z", class_=kind)
    else:
        mark = element("circle", title, cx=px, cy=py, r=4.5, class_=kind)
    return element("circle", cx=px, cy=py, r=9, class_="ring") + mark if one["chosen"] else mark


def _mark_label(
    one: Candidate, px: float, py: float, taken: list[tuple[float, float, float, float]]
) -> Markup:
    """Return the label of a mark where there is room for it; the chosen one has one in any case."""
    words = candidate_words(one)
    wide, gap = len(words) * CHARACTER, 12.0 if one["chosen"] else 8.0
    # The line leaves a candidate to the left and downwards, so above and to the right is tried first.
    for anchor, lx, ly in (
        ("start", px + gap, py - 3),
        ("end", px + 6, py - gap - 2),
        ("end", px - gap, py - gap),
        ("start", px + gap, py + 16),
        ("end", px - gap, py + 18),
    ):
        x0 = lx - wide if anchor == "end" else lx
        box = (x0, ly - 11, x0 + wide, ly + 3)
        inside = box[0] > _BOX.left and box[2] < _WIDTH
        if inside and (one["chosen"] or not any(_overlap(box, other) for other in taken)):
            taken.append(box)
            kind = "chosen-label" if one["chosen"] else "mark-label"
            return element("text", words, x=round(lx, 1), y=round(ly, 1), text_anchor=anchor, class_=kind)
    return Markup("")


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
