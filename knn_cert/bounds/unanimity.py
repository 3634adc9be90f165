"""How many votes a certificate needs at the least: as many as certify when all of them agree."""

from __future__ import annotations

import math

import numpy as np

from .._types import Real, Whole
from .arguments import InvalidInput, as_whole_number, check_level, real
from .confidence import vote_bounds
from .rounding import EPS

__all__ = ["fewest_votes", "models_needed"]


def fewest_votes(
    n_classes: Whole,
    alpha: Real,
    *,
    selection: str = "none",
    method: str = "clopper-pearson",
    runner_up: str | None = None,
) -> int:
    """Return the fewest unanimous votes for which `vote_bounds` claims anything: fewer certify no query.

    Parameters
    ----------
    n_classes : int >= 2
    alpha : float, 0 < alpha < 1
        Probability of error for one query.
    selection, method, runner_up : str
        As in `vote_bounds`.

    Returns
    -------
    int
        The number of votes.

    Raises
    ------
    TypeError, ValueError
        As `vote_bounds`.
    """
    n_classes = as_whole_number(n_classes, "n_classes", least=2)

    def enough(n: int) -> bool:
        counts = np.zeros(n_classes, dtype=np.int64)
        counts[0] = n
        label = 0 if selection == "pilot" else None
        bounds = vote_bounds(
            counts, alpha, label=label, selection=selection, method=method, runner_up=runner_up
        )
        return bool(bounds.p_lower > bounds.p_upper)

    most = 1
    while not enough(most):
        most *= 2
    least = most // 2  # not enough, or 0
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if enough(middle) else (middle, most)
    return most


def models_needed(threshold: Real, alpha: Real) -> int:
    """Return the fewest unanimous votes whose Clopper-Pearson margin, 2 p_lower - 1, exceeds ``threshold``.

    Unanimous votes of N models give ``p_lower = alpha**(1/N)`` and no more: N must exceed
    ``log(alpha) / log((1 + threshold) / 2)``.

    Parameters
    ----------
    threshold : float, 0 <= threshold < 1
        The margin p_A - p_B that a certificate must exceed.
    alpha : float, 0 < alpha < 1
        Probability of error that the lower bound may spend: all of it for a label chosen by a pilot, half of
        it for one chosen from the votes themselves (see `vote_bounds`).

    Returns
    -------
    int
        The number of models. Where rounding leaves it open whether one less would do, it would not.

    Raises
    ------
    TypeError
        If an argument is not a number.
    ValueError
        If an argument is outside its range.
    """
    margin = real(threshold, "threshold")
    if not 0.0 <= margin < 1.0:
        raise InvalidInput(f"threshold must lie in [0, 1), got {margin!r}")
    ratio = math.log(check_level(alpha)) / math.log1p(0.5 * (margin - 1.0))
    # Strictly more than the ratio, whose rounding is a few eps; the float of a large integer is that integer.
    return math.floor(ratio * (1.0 + 8.0 * EPS)) + 1
