"""The largest number for which something holds that ceases to hold once, from a good guess."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["largest_count"]

# From the guess on each step is so many times as long, until the number is between two trials.
_LONGER = 4


def largest_count(holds: Callable[[int], bool], limit: int, guess: int) -> int:
    """Return the largest number from 0 to the limit for which it holds, -1 if it does not hold for 0.

    A guess that is right, or one too many, takes two trials.
    """
    low, high = -1, limit + 1
    trial, step = min(max(guess, 0), limit), 1
    while high - low > 1:
        if holds(trial):
            low = trial
        else:
            high = trial
        if low == -1 or high == limit + 1:
            trial = min(max(low + step if low >= 0 else high - step, low + 1), high - 1)
            step *= _LONGER
        else:
            trial = (low + high) // 2
    return low
