"""What one cell of a table holds: a number, a missing value, or which kind of text."""

from __future__ import annotations

import re

# The words that pandas and R write or read for a missing value, in lower case.
_MISSING = frozenset(
    "na n/a n.a. nan -nan <na> #n/a #na nat null none ? 1.#ind -1.#ind 1.#qnan -1.#qnan".split()
) | {"", "#n/a n/a"}

_DIGITS = r"[0-9]+(?:[.,][0-9]+)?"
_DATE = (
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[ t].*)?",
    r"[0-9]{1,4}[./][0-9]{1,2}[./][0-9]{1,4}(?: .*)?",
    r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?",
    r"[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}(?:[ t].*)?",
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? [0-9]{1,2},? [0-9]{4}",
    r"[0-9]{1,2}[ -](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ -][0-9]{2,4}",
)
_SEPARATED = (
    r"[+-]?[0-9]{1,3}(?:[,.'_ \u00a0\u202f\u2019][0-9]{3})+(?:[.,][0-9]+)?",
    r"[+-]?[0-9]*,[0-9]+(?:e[+-]?[0-9]+)?",
    r"[+-]?[0-9]+(?:_[0-9]+)+(?:\.[0-9]+)?",
)
_UNIT = (
    rf"[$\u20ac\u00a3\u00a5] ?[+-]?{_DIGITS}",
    rf"[+-]?{_DIGITS} ?(?:[$\u20ac\u00a3\u00a5]| [^\W\d_]{{1,4}})",
)

# In this order: 1.234 of a list of dates is no date, 12.03.2024 no number.
_KINDS = {
    "true and false": re.compile(r"true|false|yes|no"),
    "percentages": re.compile(rf"[+-]?{_DIGITS} ?%"),
    "dates or times": re.compile("|".join(_DATE)),
    "numbers with separators": re.compile("|".join(_SEPARATED)),
    "numbers with a unit": re.compile("|".join(_UNIT)),
}


def is_missing(cell: str) -> bool:
    """Whether the cell is empty or one of the words for a missing value, in any case."""
    return cell.strip().lower() in _MISSING


def number(cell: str, decimal: str = ".") -> float | None:
    """Return the number in a cell, which may be NaN or infinite, or None; Python's 1_000 is none in a table.

    ``decimal`` is the sign in front of the decimals, a point or a comma; the other one stands in no number.
    """
    if decimal == ",":
        if "." in cell:
            return None
        cell = cell.replace(",", ".")
    try:
        value = float(cell)
    except ValueError:
        return None
    return None if "_" in cell else value


def is_number(cell: str) -> bool:
    """Whether the cell is a number with a decimal point, if any."""
    return number(cell) is not None


def kind_of_text(cell: str, decimal: str = ".") -> str:
    """Return which kind of text a cell holds that is no number: the key of its remedy in `defects`.

    ``decimal`` is the sign in front of the decimals of other numbers in the table.
    """
    cell = cell.strip().lower()
    if decimal == "," and "." in cell and is_number(cell):
        return "numbers with a point"
    if is_number(cell):
        return "numbers stored as text"
    return next((kind for kind, pattern in _KINDS.items() if pattern.fullmatch(cell)), "text")
