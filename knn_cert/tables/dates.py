"""Dates as days since 1970-01-01, where what is day and what is month is beyond doubt."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

# The order of the parts; a column keeps to one.
ORDERS = ("year first", "month in letters", "day first", "month first")
_MONTHS = {
    name: k for k, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)
}
_TIME = (
    r"(?:[Tt ]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?"
    r"\s*(?P<zone>[Zz]|[+-]\d{2}:?\d{2})?)?"
)
_MONTH = r"(?P<name>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)"
_PATTERNS = {
    "year first": (rf"(?P<year>\d{{4}})([-/.])(?P<month>\d{{1,2}})\2(?P<day>\d{{1,2}}){_TIME}",),
    "month in letters": (
        rf"(?P<day>\d{{1,2}})[ -]{_MONTH}[ -](?P<year>\d{{4}}){_TIME}",
        rf"{_MONTH}\.? (?P<day>\d{{1,2}}),? (?P<year>\d{{4}}){_TIME}",
    ),
    "day first": (rf"(?P<day>\d{{1,2}})([-/.])(?P<month>\d{{1,2}})\2(?P<year>\d{{4}}){_TIME}",),
    # With points between the parts the day comes first, wherever dates are written so.
    "month first": (rf"(?P<month>\d{{1,2}})([-/])(?P<day>\d{{1,2}})\2(?P<year>\d{{4}}){_TIME}",),
}
_COMPILED = {
    order: [re.compile(pattern, re.IGNORECASE) for pattern in patterns]
    for order, patterns in _PATTERNS.items()
}
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_SECONDS_A_DAY = 86400.0


class AmbiguousDates(Exception):
    """Day and month of some dates cannot be told apart."""


def days(cell: str, order: str) -> float | None:
    """Return the days since 1970-01-01 of a date, with its time as a fraction; None if it is no such date.

    A time with a zone is turned into UTC.
    """
    match = next((found for pattern in _COMPILED[order] if (found := pattern.fullmatch(cell))), None)
    if match is None:
        return None
    parts = match.groupdict()
    month = _MONTHS[parts["name"][:3].lower()] if parts.get("name") else int(parts["month"])
    try:
        whole = datetime.date(int(parts["year"]), month, int(parts["day"])).toordinal() - _EPOCH
    except ValueError:  # there is no such day
        return None
    if parts["hour"] is None:
        return float(whole)
    hour, minute, second = int(parts["hour"]), int(parts["minute"]), float(parts["second"] or 0.0)
    if hour > 23 or minute > 59 or second >= 60.0:
        return None
    return whole + (3600 * hour + 60 * minute + second - _zone(parts["zone"])) / _SECONDS_A_DAY


def _zone(zone: str | None) -> int:
    """Return how many seconds a zone is ahead of UTC."""
    if zone is None or zone in "Zz":
        return 0
    seconds = 3600 * int(zone[1:3]) + 60 * int(zone[-2:])
    return -seconds if zone[0] == "-" else seconds


def has_zone(cell: str) -> bool:
    """Whether a date has a time with a zone."""
    return any(
        found["zone"] is not None
        for patterns in _COMPILED.values()
        for pattern in patterns
        if (found := pattern.fullmatch(cell))
    )


def order_of(cells: Sequence[str]) -> str | None:
    """Return the order that all cells have, or None if there is none.

    Raises
    ------
    AmbiguousDates
        If day and month cannot be told apart.
    """
    possible = [order for order in ORDERS if all(days(cell, order) is not None for cell in cells)]
    if not possible or len({has_zone(cell) for cell in cells}) > 1:
        return None
    if len(possible) > 1:
        raise AmbiguousDates
    return possible[0]
