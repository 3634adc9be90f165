"""Bars that an audit has to clear: ``0.8@mislabelled:1%``, the share that has to be right and certified."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import NamedTuple

from .._printing import quoted
from ..gate.errors import InvalidInput
from .attackers import Asked, parse_asked

__all__ = ["Bar", "parse_bar"]


# No share has a larger exponent.
_MOST_DIGITS = 30


class Bar(NamedTuple):
    """A share of the reported rows that has to be predicted right and certified at a budget."""

    share: Fraction
    asked: Asked

    def __str__(self) -> str:
        return f"{float(self.share):g}@{self.asked}"


def parse_bar(text: str) -> Bar:
    """Return the bar that ``SHARE@ATTACKER:BUDGET`` means.

    Parameters
    ----------
    text : str
        A share from 0 to 1 (or in percent, ``80%``), then what `parse_asked` reads, with its budget.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    share_text, sign, asked_text = text.partition("@")
    if not sign or ":" not in asked_text:
        raise InvalidInput(f"expected SHARE@ATTACKER:BUDGET, such as 0.8@mislabelled:1%, got {quoted(text)}")
    word = share_text.strip()
    try:
        if abs(Decimal(word.removesuffix("%")).adjusted()) > _MOST_DIGITS:
            raise ValueError  # which takes long to be made a fraction of
        # as the decimal number that was written: 7.2% of 500 rows are 36
        share = Fraction(word[:-1]) / 100 if word.endswith("%") else Fraction(word)
    except (ValueError, ZeroDivisionError, InvalidOperation):
        share = Fraction(-1)
    if not 0 <= share <= 1 or "_" in word or "/" in word:
        raise InvalidInput(f"expected a share from 0 to 1 before @, got {quoted(word)} in {quoted(text)}")
    return Bar(share, parse_asked(asked_text.strip()))
