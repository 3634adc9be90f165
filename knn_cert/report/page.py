"""The page: one HTML file that loads nothing, from a template that escapes all it is given."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from . import wording
from .budgets import Reach, reach_of
from .csv_link import csv_link
from .curve import Curve, step_curve
from .document import Document, validate
from .frontier import candidate_words, frontier
from .svg import share_bar
from .view import View, first

__all__ = ["render_html"]

# Rows of tables, so that a page of many classes, columns and queries stays below half a megabyte.
_MOST = {
    "attackers": 16, "bars": 40, "candidates": 30, "classes": 40, "columns": 60, "examples": 12, "hinges": 20,
    "queries": 10, "sentences": 40,
}  # fmt: skip

# Different budgets of all attackers together in the script of the page, of about 25 characters each.
_MOST_RUNS = 4000


def render_html(document: Document) -> str:
    """Return an audit document as one HTML page that needs no network and no other file.

    Parameters
    ----------
    document : dict
        An audit document, see `validate`.

    Returns
    -------
    str
        Below 500 kB: long tables are cut, and say how much is left out. All texts of the document are
        escaped; the page forbids by its policy whatever it does not bring along itself.

    Raises
    ------
    TypeError, ValueError
        If this is no audit document (`validate`).
    """
    validate(document)
    view, style, script = View(document), _asset("page.css"), _asset("page.js")
    shown = first(view.attackers, _MOST["attackers"])
    reaches = [reach_of(one, _MOST_RUNS // len(shown.items)) for one in shown.items]
    return (
        _environment()
        .get_template("page.html")
        .render(
            view=view,
            document=document,
            most=_MOST,
            style=Markup(style),
            script=Markup(script),
            policy=(
                f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
                "base-uri 'none'; form-action 'none'"
            ),
            data=_inline_json([_script_data(*pair) for pair in zip(shown.items, reaches, strict=True)]),
            attackers=[
                _attacker(view, one, reach, number)
                for number, (one, reach) in enumerate(zip(shown.items, reaches, strict=True))
            ],
            n_attackers_left_out=shown.left_out,
            frontier=_frontier(view),
            csv=None if document["hinges"] is None else csv_link(document["hinges"]["rows"]),
        )
    )


def _attacker(view: View, attacker: dict[str, Any], reach: Reach, number: int) -> dict[str, Any]:
    """Return what the template shows of one attacker."""
    classifier = view.document["classifier"]
    curve = Curve(
        right_budgets=attacker["right_budgets"],
        n_queries=attacker["n_queries"],
        unit=attacker["unit"],
        asked=attacker["asked"],
        accuracy=classifier["accuracy"],
        majority_accuracy=classifier["majority_accuracy"],
        high=reach.high,
        title=view.title(attacker),
    )
    return {
        "number": number,
        "it": attacker,
        "chart": step_curve(curve, f"curve-{number}"),
        "bar": share_bar(view.n_certified(attacker, attacker["asked"]) / attacker["n_queries"]),
        "slider": reach.slider,
        "reading": _reading(view, attacker),
        "points": [
            (wording.budget(float(one), attacker["unit"]), view.certified(attacker, float(one)))
            for one in curve.table
        ],
    }


def _reading(view: View, attacker: dict[str, Any]) -> str:
    """Return what the slider says at the asked budget, in the words of the script."""
    number = view.n_certified(attacker, attacker["asked"])
    return f"{view.certified(attacker)} ({wording.count(number)} of {wording.count(attacker['n_queries'])})"


def _script_data(attacker: dict[str, Any], reach: Reach) -> dict[str, Any]:
    return {
        "unit": attacker["unit"],
        "n": attacker["n_queries"],
        "infinite": reach.n_infinite,
        "budgets": reach.runs,
    }


def _frontier(view: View) -> Markup | None:
    choice = view.document["choice"]
    if choice is None or not choice["candidates"]:
        return None
    attack = f"{view.title(view.main)}, {view.asked(view.main)}"
    return frontier(choice["candidates"], choice["majority_accuracy"], attack, "frontier")


def _inline_json(value: Any) -> Markup:
    """Return JSON that may stand inside a script element: nothing in it can end that element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _digest(text: str) -> str:
    """Return the hash by which a content security policy allows one inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _asset(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("knn_cert.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        budget=wording.budget,
        candidate=candidate_words,
        count=wording.count,
        guarantee=wording.guarantee,
        first=first,
        measure=wording.measure,
        seconds=wording.seconds,
        sentence=wording.sentence,
        share=wording.share,
        text=wording.text,
    )
    return environment
