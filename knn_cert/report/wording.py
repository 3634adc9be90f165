"""Numbers and texts of a document as a reader sees them."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from .._printing import printable, shortened

__all__ = [
    "amount",
    "budget",
    "count",
    "guarantee",
    "interval",
    "length",
    "measure",
    "part",
    "rate",
    "seconds",
    "sentence",
    "share",
    "text",
]

# Longer ones are cut; the JSON has them whole. A guarantee has up to some thousand characters.
_NAME_WIDTH = 80
_SENTENCE_WIDTH = 1000
_GUARANTEE_WIDTH = 4000

# Digits of a radius: more say nothing to a reader.
_DIGITS = 4


def text(value: Any, width: int = _NAME_WIDTH) -> str:
    """Return a name or a label on one line: what is hidden is written as an escape, what is long is cut."""
    return shortened(printable(value), width) or "(empty)"


def sentence(value: Any) -> str:
    """Return a sentence or two of the document on one line."""
    return text(value, _SENTENCE_WIDTH)


def guarantee(value: Any) -> str:
    """Return what is guaranteed, in full."""
    return text(value, _GUARANTEE_WIDTH)


def share(value: float | None) -> str:
    """Return a share in per cent, with one decimal; what is not all or nothing does not look like it."""
    if value is None:
        return "–"
    # The shortest decimal number is what was meant, and halves go up: so does the script of the page.
    tenths = int((Decimal(repr(float(value))) * 1000).to_integral_value(ROUND_HALF_UP))
    return _per_cent(tenths, value <= 0.0, value >= 1.0)


def part(number: int, n: int) -> str:
    """Return the share that a number of n is, as `share` writes it, without a division of floats."""
    return _per_cent((2000 * number + n) // (2 * n), number == 0, number == n)


def interval(shares: list[float]) -> str:
    """Return where a share lies, in per cent, with one decimal: the bounds of 95 % confidence."""
    low, high = (int(one * 1000) for one in shares)
    return f"{low // 10}.{low % 10} to {share(min(1.0, (high + 1) / 1000))}"


def rate(value: float) -> str:
    """Return a share that somebody asked for, in per cent, with three digits: 1 % and not 1.0 %."""
    return f"{(Decimal(f'{value:.2e}') * 100).normalize():f} %"


def _per_cent(tenths: int, is_nothing: bool, is_all: bool) -> str:
    if tenths == 0 and not is_nothing:
        return "under 0.1 %"
    if tenths == 1000 and not is_all:
        return "over 99.9 %"
    return f"{tenths // 10}.{tenths % 10} %"


def count(number: float) -> str:
    """Return a whole number with commas between thousands."""
    return f"{int(number):,}"


def length(value: float) -> str:
    """Return a radius with a few digits, rounded down: a smaller one is certified as well."""
    number = Decimal(repr(float(value)))
    if number == 0:
        return "0"
    last = number.adjusted() - _DIGITS + 1
    if not -_DIGITS <= number.adjusted() < 9:
        return f"{number.quantize(Decimal(1).scaleb(last), ROUND_DOWN):.{_DIGITS - 1}e}"
    return f"{number.quantize(Decimal(1).scaleb(min(last, 0)), ROUND_DOWN).normalize():f}"


def measure(value: float | None) -> str:
    """Return a number of a column, with a few digits."""
    return "–" if value is None else f"{value:.{_DIGITS}g}"


def budget(value: float | None, unit: str) -> str:
    """Return a budget with its unit; None is infinite."""
    if value is None:
        return "any number of rows" if unit == "rows" else "any distance"
    if unit == "rows":
        return f"{amount(value, unit)} row" if value == 1 else f"{amount(value, unit)} rows"
    return f"distance {amount(value, unit)}"


def amount(value: float | None, unit: str) -> str:
    """Return a budget without its unit, for tables whose head has it."""
    if value is None:
        return "any"
    if unit == "radius":
        return length(value)
    # The median of an even number of budgets may lie between two of them.
    return count(value) if float(value).is_integer() else f"{value:,.1f}"


def seconds(value: float) -> str:
    """Return a duration."""
    if value < 0.1:
        return "under 0.1 s"
    return f"{value:.1f} s" if value < 60 else f"{int(value) // 60} min {int(value) % 60} s"
