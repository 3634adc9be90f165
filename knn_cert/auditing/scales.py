"""Which constants make features comparable: proposed from the training rows, or brought by the user."""

from __future__ import annotations

from .._types import BoolArray, FloatArray
from ..scaling import FixedScaler

__all__ = ["FROM_TABLE", "GIVEN", "UNSCALED", "proposed_scalers"]

FROM_TABLE = (
    "Each column is divided by its spread in the training rows, rounded to two digits. These constants are "
    "part of the classifier that is certified: every table that an attacker may have made is scaled by "
    "these same numbers. What he did to the constants themselves, by what the table held when they were "
    "worked out, is not covered. Give constants that do not come from the table (--constants FILE) to "
    "close that door."
)
GIVEN = (
    "Features are scaled by constants that were given, the same for every table; as long as they do not "
    "come from a table that an attacker may have reached, that door is closed."
)
UNSCALED = "Features are used as they are: there are no constants that could be tampered with."

# A column of numbers >= 0 is skewed where its spread is so many times its mean, as counts and amounts are.
_SKEWED = 1.0


def proposed_scalers(X: FloatArray, names: list[str], fixed: BoolArray) -> list[FixedScaler]:
    """Return scalers to choose from: by spread, and with logarithms of skewed columns first if there are any.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Training rows.
    names : list of str, length d
    fixed : ndarray of bool, shape (d,)
        Features that stay as they are: codes of words, 0 and 1.
    """
    kept = fixed.tolist()
    scalers = [FixedScaler.from_table(X, names=names, keep=kept)]
    mean, spread = X.mean(axis=0), X.std(axis=0)
    skewed = ~fixed & (X.min(axis=0) >= 0.0) & (spread > _SKEWED * mean)
    if skewed.any():
        scalers.append(FixedScaler.from_table(X, names=names, keep=kept, log=skewed.tolist()))
    return scalers
