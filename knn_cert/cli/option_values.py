"""What options take: words of the command line turned into numbers, or refused in words for `argparse`."""

from __future__ import annotations

import argparse
import math
import re

from knn_cert._printing import quoted

# More digits than any number of rows, threads or levels has.
_MOST_DIGITS = 18


def whole(text: str) -> int:
    """Return a whole number."""
    try:
        value = int(text) if len(text) <= _MOST_DIGITS else None
    except ValueError:
        value = None
    if value is None:
        raise argparse.ArgumentTypeError(
            f"expected a whole number of at most {_MOST_DIGITS} digits, got {quoted(text)}"
        )
    return value


def count(text: str) -> int:
    """Return a whole number that is at least 1."""
    value = whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number >= 1, got {quoted(text)}")
    return value


def seed(text: str) -> int:
    """Return a seed of NumPy."""
    value = whole(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to 2**32 - 1, got {quoted(text)}")
    return value


def number(text: str) -> float:
    """Return a number, or NaN for what is none; Python's 1_000 is none here."""
    try:
        return float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan


def sigma(text: str) -> float:
    """Return the size of noise: finite, 0 is none."""
    sigma = number(text)
    if not 0.0 <= sigma < math.inf:
        raise argparse.ArgumentTypeError(f"expected a finite number >= 0, got {quoted(text)}")
    return sigma


def number_or_share(text: str, what: str) -> float | int:
    """Return a whole number, or a share above 0 and at most 1."""
    try:
        return whole(text)
    except argparse.ArgumentTypeError:
        share = number(text)
    if not 0.0 < share <= 1.0:
        raise argparse.ArgumentTypeError(f"expected {what}, got {quoted(text)}")
    return share


def test_size(text: str) -> float | int:
    """Return how much is held out: a fraction of the rows, or their number."""
    expected = "a fraction in (0, 1) or a number of rows"
    size = number_or_share(text, expected)
    if isinstance(size, float) and size == 1.0:
        raise argparse.ArgumentTypeError(f"expected {expected}, got {quoted(text)}")
    return size


def rows(text: str) -> float | int:
    """Return how many rows are tampered with, or which share of them."""
    return number_or_share(text, "a number of rows, or a share like 0.1")


def radius(text: str) -> float:
    """Return a radius, possibly infinite."""
    radius = number(text)
    if not radius >= 0.0:
        raise argparse.ArgumentTypeError(f"expected a radius >= 0, got {quoted(text)}")
    return radius


def budgets(text: str) -> tuple[float, ...]:
    """Return budgets of a summary."""
    budgets = tuple(map(number, text.split(",")))
    if not all(0.0 <= budget < math.inf for budget in budgets):
        raise argparse.ArgumentTypeError(f"expected numbers >= 0 such as 0.1,0.5,1.0, got {quoted(text)}")
    return budgets


def chance(text: str) -> float:
    """Return a probability that is neither 0 nor 1."""
    chance = number(text)
    if not 0.0 < chance < 1.0:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, got {quoted(text)}")
    return chance


def size(text: str) -> int:
    """Return a size of memory in bytes: 2GB, 500MB, 1.5GiB."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([MGT])(i?)B?", text, re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(
            f"expected a size with its unit, such as 2GB or 500MB, got {quoted(text)}"
        )
    power = "MGT".index(found[2].upper()) + 2
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)
