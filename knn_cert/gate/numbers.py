"""Checked numbers: counts, shares, sizes of noise, numbers of features; True and False."""

from __future__ import annotations

import math
import numbers
import os
import sys
from typing import TypeGuard, cast

import numpy as np

from .._printing import shortened
from .errors import InvalidInput

# What Python or NumPy take for numbers, and nobody else does.
_NO_NUMBERS = (bool, np.bool_, np.timedelta64)

# The largest n_threads that a kernel's C++ int takes without a second thought; nobody has more cores.
_MAX_THREADS = 4096

# Longer whole numbers can hardly be shown in a message.
_TOO_LONG = 10**30

# A difference of 1e-162 has the square 0: with d of them a distance errs by sqrt(d) times as much, which must
# be nothing beside sigma. And the square of the farthest neighbour must be finite.
_LEAST_SIGMA, _LARGEST_SIGMA = 1e-140, 1e140

# The bounds of the integral are proven from one feature on; with more features than these, the answers have
# not been checked against anything.
FEWEST_FEATURES, MOST_FEATURES = 1.0, 1e9


def is_whole_number(value: object) -> TypeGuard[int]:
    """Whether this is an integer of Python or NumPy; True, False and spans of time are no numbers.

    This is the only place that decides what a whole number is.
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, _NO_NUMBERS)


def as_whole_number(value: object, name: str, *, least: int | None, remedy: str = "") -> int:
    """Return an int that is not below ``least``, or any int for None.

    Raises
    ------
    TypeError
        If it is no integer of Python or NumPy.
    InvalidInput
        If it is below ``least``, or has more than 30 digits.
    """
    remedy = f"; {remedy}" if remedy else ""
    if not is_whole_number(value):
        raise TypeError(
            f"{name} must be a whole number, got {value!r} of type {type(value).__name__}{remedy}"
        )
    whole = int(value)
    if least is not None and whole < least:
        raise InvalidInput(f"{name} must be at least {least}, got {shortened(whole)}{remedy}")
    if abs(whole) > _TOO_LONG:
        raise InvalidInput(f"{name} must have at most 30 digits, got {shortened(whole)}{remedy}")
    return whole


def as_real(value: object, name: str) -> float:
    """Return a float, or raise TypeError."""
    if isinstance(value, _NO_NUMBERS) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {value!r} of type {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:  # an integer or a fraction that no float holds
        raise InvalidInput(
            f"{name} must be a number of double precision, at most {sys.float_info.max:g} in size, got a "
            "larger one"
        ) from None


def as_positive(value: object, name: str) -> float:
    """Return a float that is finite and > 0."""
    value = as_real(value, name)
    if not 0.0 < value < math.inf:
        raise InvalidInput(f"{name} must be finite and > 0, got {value!r}")
    return value


def as_real_within(
    value: object, name: str, low: float, high: float, *, ends: str = "[]", remedy: str = ""
) -> float:
    """Return a float from ``low`` to ``high``; a bracket of ``ends`` that is round leaves its end out.

    The value itself is compared, not its float: a fraction next to an end is on its own side of it.
    """
    number, given = as_real(value, name), cast("float", value)
    above = given >= low if ends[0] == "[" else given > low
    below = given <= high if ends[1] == "]" else given < high
    if not (above and below):  # written so that NaN fails
        remedy = f"; {remedy}" if remedy else ""
        raise InvalidInput(f"{name} must lie in {ends[0]}{low:g}, {high:g}{ends[1]}, got {value!r}{remedy}")
    return number


def as_flag(value: object, name: str) -> bool:
    """Return True or False, or raise TypeError."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r} of type {type(value).__name__}")
    return bool(value)


def as_radius(value: object, name: str = "radius") -> float:
    """Return a float that is >= 0, possibly infinite."""
    value = as_real(value, name)
    if not value >= 0.0:
        raise InvalidInput(f"{name} must be at least 0, got {value!r}")
    return value


def check_rows(rows: object, *, least: int = 0) -> None:
    """Raise unless this is a number of rows, or a share of them: a float above 0 and at most 1.

    Raises
    ------
    TypeError
        If it is neither a whole number nor a float.
    InvalidInput
        If it is out of its range.
    """
    # NumPy's shorter floats are not the decimal numbers that were written.
    if isinstance(rows, float):
        if not 0.0 < rows <= 1.0:
            raise InvalidInput(
                f"rows as a share must lie above 0 and not above 1, got {rows}; pass an int for a number of "
                "rows"
            )
        return
    if not is_whole_number(rows):
        raise TypeError(f"rows must be a whole number or a share of the table between 0 and 1, got {rows!r}")
    if rows < least:  # however long it is: more rows than there are, are all of them
        raise InvalidInput(f"rows must be at least {least}, got {shortened(rows)}")


def check_n_threads(n_threads: object) -> int:
    """Return a number of threads >= 1; None means every core this process may use."""
    if n_threads is None:
        return default_n_threads()
    value = as_whole_number(n_threads, "n_threads", least=1, remedy="None means every core")
    if value > _MAX_THREADS:
        raise InvalidInput(f"n_threads must be at most {_MAX_THREADS}, got {value}; None means every core")
    return value


def default_n_threads() -> int:
    """Return the number of cores this process may run on."""
    # cpu_count() counts the machine, which in a batch job or a container is more than what was given to us.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def check_sigma(sigma: object) -> float:
    """Return the noise as a float, in a range where squares of distances are neither zero nor infinite."""
    value = as_real(sigma, "sigma")
    if not (math.isfinite(value) and value > 0.0):
        raise InvalidInput(
            f"sigma must be finite and > 0, got {value!r}; it is the standard deviation of the noise on "
            "every feature, in the units of the features"
        )
    if not _LEAST_SIGMA <= value <= _LARGEST_SIGMA:
        raise InvalidInput(
            f"sigma must be from {_LEAST_SIGMA:g} to {_LARGEST_SIGMA:g}, got {value!r}; divide the features "
            "and sigma by the same number, which changes no probability"
        )
    return value


def check_sigma_or_none(sigma: object) -> float:
    """Return the noise as a float: 0, which is none, or what `check_sigma` returns."""
    value = as_real(sigma, "sigma")
    if value == 0.0:
        return 0.0
    if not value >= 0.0:  # nor NaN
        raise InvalidInput(f"sigma must be at least 0, got {value!r}; 0 is plain K-NN, without noise")
    return check_sigma(value)


def check_neighborhood(radius: object) -> float:
    """Return the radius within which rows vote as a float whose square is no zero and finite."""
    value = as_positive(radius, "radius")
    if not _LEAST_SIGMA <= value <= _LARGEST_SIGMA:
        raise InvalidInput(
            f"radius must be from {_LEAST_SIGMA:g} to {_LARGEST_SIGMA:g}, got {value!r}; divide the features "
            "and the radius by the same number, which changes no vote"
        )
    return value


def check_dof(dof: object) -> int | float:
    """Return the degrees of freedom, the number of noisy features d, as a number from 1 to 1e9."""
    value = as_real(dof, "dof")
    if not FEWEST_FEATURES <= value <= MOST_FEATURES:
        raise InvalidInput(
            f"dof must be from 1 to 1e9, got {value!r}; it is the number of features that carry noise"
        )
    return int(value) if value.is_integer() else value


def check_n_neighbors(n_neighbors: object, n_rows: int) -> int:
    """Return K as an int with 1 <= K <= n_rows."""
    value = as_whole_number(
        n_neighbors, "n_neighbors", least=1, remedy="it is the number of neighbours that vote"
    )
    if value > n_rows:
        raise InvalidInput(
            f"n_neighbors = {value} is more than the {n_rows} training rows (n_samples = {n_rows}); "
            f"choose n_neighbors <= {n_rows} or give more rows"
        )
    return value


def check_rank(rank: object, name: str) -> int:
    """Return m of "the m-th nearest row" as an int >= 1."""
    return as_whole_number(
        rank, name, least=1, remedy="it says which nearest row of the list counts: 1 is the nearest"
    )
