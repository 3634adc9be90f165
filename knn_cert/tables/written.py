"""Numbers as people write them: 1,234.5 and 1.234,5, 5 %, $3 and 7 kg, true and no."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .cells import number

_TRUE, _FALSE = ("true", "yes"), ("false", "no")
_BLANKS = " \u00a0\u202f"
# Between the thousands; the sign of the decimals is the other one of comma and point.
_GROUPED = {
    decimal: re.compile(
        rf"[+-]?[1-9][0-9]{{0,2}}([{other}'_\u2019{_BLANKS}])[0-9]{{3}}(?:\1[0-9]{{3}})*(?:[{decimal}][0-9]+)?"
    )
    for decimal, other in ((".", ","), (",", "."))
}
_THOUSANDS = re.compile(r"[,.'_\u2019 \u00a0\u202f]")
_CURRENCY = "$\u20ac\u00a3\u00a5"
_WITH_UNIT = re.compile(
    rf"(?P<sign>[+-]?)(?P<before>[{_CURRENCY}]|[A-Z]{{3}}(?= ))? ?"
    rf"(?P<number>[+-]?[0-9](?:[0-9.,'_\u2019{_BLANKS}]*[0-9])?(?:[eE][+-]?[0-9]+)?)"
    rf"[{_BLANKS}]?(?P<after>%|[{_CURRENCY}]|(?:[^\W\d_]|\u00b0)[^\s\d.,;%'\"+-]{{0,4}})?"
)


def truth(cell: str) -> float | None:
    """Return 1 for true and yes, 0 for false and no, the number of a number; None for other words."""
    word = cell.lower()
    return 1.0 if word in _TRUE else 0.0 if word in _FALSE else number(cell)


def grouped_number(cell: str, decimal: str) -> float | None:
    """Return a number that may have signs between its thousands, or None."""
    if _GROUPED[decimal].fullmatch(cell):
        whole, _, rest = cell.partition(decimal)
        return float(_THOUSANDS.sub("", whole) + "." + rest)
    return number(cell, decimal)


def split_unit(cell: str) -> tuple[str, str] | None:
    """Return a number as it is written, and its unit: what is before it, a blank, what is after it."""
    match = _WITH_UNIT.fullmatch(cell)
    if match is None or not (match["before"] or match["after"]):
        return None
    return match["sign"] + match["number"], f"{match['before'] or ''} {match['after'] or ''}"


def decimal_sign(cells: Iterable[str]) -> str | None:
    """Return the sign in front of the decimals that lets all cells be numbers; None if either or none does.

    A cell such as 1,234 may be either; 1,5 and 1,234,567 may not.
    """
    cells = list(cells)
    possible = [sign for sign in ".," if all(grouped_number(cell, sign) is not None for cell in cells)]
    return possible[0] if len(possible) == 1 else None


def reads_the_same(cells: Iterable[str]) -> bool:
    """Whether all cells are the same numbers with either sign in front of the decimals."""
    return all(grouped_number(cell, ".") == grouped_number(cell, ",") is not None for cell in cells)
