"""Text from outside, made fit to be shown: it cannot move the cursor, forge a line or be run as a formula.

Labels, column names and file names belong to whoever made the table, and he may be the attacker.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

_CELL_WIDTH = 40
_NAMES_SHOWN = 20
# What spreadsheets take for the beginning of a formula, in narrow and in full width.
_FORMULA_STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"


def printable(text: Any) -> str:
    """Return the text with everything that a terminal obeys, hides or breaks a line at written as an escape.

    That is every character of Unicode's categories C (control, format, which includes the marks that turn
    the direction of writing, halves of characters, private and unassigned ones) and its line and paragraph
    separators: ESC becomes ``\\x1b`` and a line break ``\\n``, as in Python.

    Parameters
    ----------
    text : object
        Anything; `str` of it is shown.

    Returns
    -------
    str
        A single line. Letters, marks, digits, signs and spaces of every script stay what they are.
    """
    shown = _as_text(text)
    if shown.isprintable():
        return shown
    return "".join(_escape(character) if _is_hidden(character) else character for character in shown)


def shortened(text: Any, width: int = _CELL_WIDTH) -> str:
    """Return the beginning of a long text, with an ellipsis."""
    shown = _as_text(text)
    return shown if len(shown) <= width else shown[: width - 3] + "..."


def quoted(value: Any) -> str:
    """Return a cell or a name as it stands in a message: printable, not too long, in quotes if it is text."""
    shown = shortened(printable(value))
    return f"'{shown}'" if isinstance(value, str) else shown


def listed(names: Iterable[Any], shown: int = _NAMES_SHOWN) -> str:
    """Return names separated by commas, printable; of many the first ones and the number of the others."""
    names = list(names)
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(shortened(printable(name)) for name in names[:shown]) + more


def one_line(text: Any, width: int = 200) -> str:
    """Return a message of another program as one line of bounded length."""
    return shortened(printable(" ".join(str(text).split())), width)


def spreadsheet_cell(value: Any) -> Any:
    """Return a value as it may stand in a CSV file that somebody opens in a spreadsheet or prints.

    A text that a spreadsheet would take for a formula (``=cmd|...``) gets an apostrophe in front, which makes
    it a text there; what a terminal would obey is written as an escape. Numbers, also in the form of texts,
    stay what they are.
    """
    if not isinstance(value, str):
        return value
    text = printable(value)
    if text.lstrip()[:1] in tuple(_FORMULA_STARTS) and not _is_number(text):
        return "'" + text
    return text


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except ValueError:  # Python writes no integer of more than some thousand digits
        return "a number of thousands of digits"


def _is_hidden(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp")


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
