"""The report as Markdown, for a pull request or a model card: the verdict, short tables, what is left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from . import wording
from .document import Document, validate
from .frontier import candidate_words
from .view import Shown, View, first

__all__ = ["render_markdown"]

# Rows of tables: who wants more reads the page or the JSON.
_MOST_ROWS = 10
_MOST_SENTENCES = 20

# What Markdown takes for its own, wherever it stands, and what makes a list or a heading of a line.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|&~$^])")
_START = re.compile(r"^()([-+#=])|^(\d+)([.)])(?=\s|$)")

# What becomes a link by itself; mail addresses, names of people and numbers of issues do so after Markdown
# has been rendered, where only a character between helps, and it has no width.
_LINK = re.compile(r"://|(?<=www)\.", re.IGNORECASE)
_MENTION = re.compile(
    r"(?<![A-Za-z0-9_])@(?=\w)|@(?=[\w-]+\.)|#(?=\d)|\bGH-(?=\d)|:(?=[a-z0-9_+-]+:)", re.IGNORECASE
)
_NOTHING = "\u200b"


def render_markdown(document: Document) -> str:
    """Return an audit document as Markdown, as GitHub and model cards show it.

    Parameters
    ----------
    document : dict
        An audit document, see `validate`.

    Returns
    -------
    str
        What comes from the table is escaped: it makes no link, no markup, no line, and calls nobody.

    Raises
    ------
    TypeError, ValueError
        If this is no audit document (`validate`).
    """
    validate(document)
    view = View(document)
    blocks = [
        *_verdict(view),
        "## Certified accuracy",
        _attackers(view),
        *(_escaped(words) for words in filter(None, map(view.together, view.attackers))),
        "## What is not covered",
        _bullets(first(document["not_covered"], _MOST_SENTENCES), "sentences"),
        *_classes(view),
        *_choice(view),
        *_queries(view),
        *_hinges(view),
        *_remarks(view),
        "## How this was made",
        "\n".join(f"- {name}: {_escaped(value)}" for name, value in view.made),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _verdict(view: View) -> Iterator[str]:
    yield f"# {_escaped(view.headline)}"
    if view.warning:
        yield f"**{_escaped(view.warning)}**"
    table = view.document["table"]
    yield (
        f"Audit of **{_name(table['name'])}**, label {_name(table['label'])}. {_escaped(view.place)} "
        f"Certified is the prediction of {_name(view.document['classifier']['words'])}."
    )
    if view.bars_words:
        shown = first(view.bars, _MOST_ROWS)
        yield f"**{view.bars_words}**"
        yield _table(
            ("Result", "Needed", "Found", "Bar"),
            [
                ("✓ passed" if one["passed"] else "✗ failed", one["needed"], one["share"], one["bar"])
                for one in shown.items
            ],
            "lrrl",
        ) + _left_out(shown, "bars")
    yield _table(("", "Value", "Of what"), view.key_figures, "lrl")


def _attackers(view: View) -> str:
    rows = [
        (
            view.title(one),
            view.asked(one),
            f"{view.certified(one)} ({wording.count(view.n_certified(one, one['asked']))} of "
            f"{wording.count(one['n_queries'])})",
            view.likely(one),
            view.median(one),
        )
        for one in view.attackers
    ]
    head = ("Attacker", "Budget", "Certified accuracy", "For rows like these (95 %)", "Median survives")
    return _table(head, rows, "llrll")


def _classes(view: View) -> Iterator[str]:
    shown = view.classes(_MOST_ROWS)
    if not shown.items:
        return
    yield "## Classes"
    yield (
        _table(
            ("Class", "Queries", "Accuracy", f"Certified: {view.title(view.main)}"),
            [
                (
                    wording.text(one["label"]),
                    wording.count(one["queries"]),
                    wording.share(one["accuracy"]),
                    wording.share(one["certified"].get(view.main["name"])),
                )
                for one in shown.items
            ],
            "lrrr",
        )
        + _left_out(shown, "classes")
    )


def _choice(view: View) -> Iterator[str]:
    yield "## Choice of the classifier"
    choice = view.document["choice"]
    if choice is None:
        yield f"The settings were given: {candidate_words(view.document['classifier'])}."
        return
    yield _sentence(choice["why"])
    shown = view.candidates(_MOST_ROWS)
    if shown.items:
        rows = [
            (
                candidate_words(one) + (" (chosen)" if one["chosen"] else ""),
                wording.share(one["accuracy"]),
                wording.share(one["certified_accuracy"]),
            )
            for one in shown.items
        ]
        yield _table(("Candidate", "Accuracy", "Certified accuracy"), rows, "lrr") + _left_out(
            shown, "candidates"
        )


def _queries(view: View) -> Iterator[str]:
    shown = first(view.document["queries"]["weakest"], _MOST_ROWS // 2)
    if shown.items:
        yield "## Weakest predictions"
        place = view.attackers.index(view.main)
        unit = "rows" if view.main["unit"] == "rows" else "distance"
        yield (
            _table(
                ("Query", "Predicted", "True", f"Survives ({view.title(view.main)}, {unit})"),
                [
                    (
                        str(one["query"]),
                        wording.text(one["label"]),
                        wording.text(one["true"]),
                        view.budgets(one)[place],
                    )
                    for one in shown.items
                ],
                "rllr",
            )
            + _left_out(shown, "predictions")
        )
    examples = first(view.document["examples"], _MOST_ROWS // 2)
    if examples.items:
        yield "Attacks that were carried out and work:"
        yield _bullets(Shown([view.example(one) for one in examples.items], examples.left_out), "attacks")


def _hinges(view: View) -> Iterator[str]:
    hinges = view.document["hinges"]
    if hinges is None or not hinges["rows"]:
        return
    shown = first(hinges["rows"], _MOST_ROWS)
    yield "## Rows that certificates hinge on"
    yield f"{_sentence(hinges['words'])} Rows are counted from 0."
    rows = [
        (
            str(one["row"]),
            wording.text(one["label"]),
            wording.count(one["queries"]),
            wording.count(one["weak"]),
        )
        for one in shown.items
    ]
    yield _table(("Row", "Label", "Queries", "Weak ones"), rows, "rlrr") + _left_out(shown, "rows")


def _remarks(view: View) -> Iterator[str]:
    remarks = first(view.document["table"]["remarks"], _MOST_SENTENCES)
    sentences = [*remarks.items, *([view.duplicates] if view.duplicates else [])]
    yield "## The table"
    yield _sentence(view.document["scaling"]["meaning"])
    yield _bullets(Shown(sentences, remarks.left_out), "remarks")


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]], sides: str) -> str:
    """Return a table; cells are texts that are not escaped yet, sides has "l" or "r" for every column."""
    written = [[_escaped(cell) for cell in line] for line in (head, *rows)]
    written.insert(1, ["---:" if side == "r" else "---" for side in sides])
    return "\n".join(f"| {' | '.join(line)} |" for line in written)


def _bullets(shown: Shown[str], what: str) -> str:
    return "\n".join(f"- {_sentence(one)}" for one in shown.items) + _left_out(shown, what)


def _left_out(shown: Shown[Any], what: str) -> str:
    if not shown.left_out:
        return ""
    number = wording.count(shown.left_out)
    return f"\n\n{number} more {what} are left out here; the JSON of this report has them all."


def _name(value: str) -> str:
    return _escaped(wording.text(value))


def _sentence(value: str) -> str:
    return _escaped(wording.sentence(value))


def _with_backslash(found: re.Match[str]) -> str:
    before, mark = (one for one in found.groups() if one is not None)
    return f"{before}\\{mark}"


def _escaped(text: str) -> str:
    """Return a text of one line that Markdown shows as it is."""
    # Spaces in front would make code of it.
    text = _START.sub(_with_backslash, _SPECIAL.sub(r"\\\1", text.strip()))
    text = _LINK.sub(lambda found: "".join(f"\\{one}" for one in found.group()), text)
    return _MENTION.sub(lambda found: found.group() + _NOTHING, text)
