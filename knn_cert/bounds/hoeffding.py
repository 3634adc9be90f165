"""Hoeffding's inequality: one-sided bounds on the mean of independent values in [0, 1], rounded outwards."""

from __future__ import annotations

import math
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from .._types import FloatArray, Real, Whole, WholeArray, Wholes
from .arguments import check_level, whole_numbers
from .rounding import EPS, plain

__all__ = ["hoeffding_epsilon", "hoeffding_lower", "hoeffding_upper"]


@overload
def hoeffding_epsilon(n: Whole, alpha: Real) -> float: ...
@overload
def hoeffding_epsilon(n: Wholes, alpha: Real) -> FloatArray: ...
@overload
def hoeffding_epsilon(n: ArrayLike, alpha: Real) -> float | FloatArray: ...
def hoeffding_epsilon(n: ArrayLike, alpha: Real) -> float | FloatArray:
    """Return by how much the mean of ``n`` values in [0, 1] errs to one side, except with probability alpha.

    The n values are independent. On votes Clopper-Pearson is never longer; this is for means of several draws
    a model, where the draws are not independent votes.

    Parameters
    ----------
    n : int or array of int, >= 1
        Number of independent values.
    alpha : float, 0 < alpha < 1
        Probability of error, one-sided.

    Returns
    -------
    float or array
        sqrt(log(1 / alpha) / (2 n)), rounded up.

    Raises
    ------
    TypeError
        If ``n`` is not integer or ``alpha`` not a number.
    ValueError
        If a value is outside its range.
    """
    n = whole_numbers(n, "n", least=1)
    # logarithm, quotient and root err by less than two eps together
    epsilon: FloatArray = np.sqrt(-math.log(check_level(alpha)) / (2.0 * n)) * (1.0 + 4.0 * EPS)
    return plain(epsilon)


def hoeffding_lower(k: WholeArray, n: WholeArray, alpha: float) -> FloatArray:
    """Return lower bounds on the probabilities of which ``k`` of ``n`` votes are counts, rounded down."""
    return np.maximum(np.nextafter(k / n - hoeffding_epsilon(n, alpha), -1.0), 0.0)


def hoeffding_upper(k: WholeArray, n: WholeArray, alpha: float) -> FloatArray:
    """Return upper bounds on the probabilities of which ``k`` of ``n`` votes are counts, rounded up."""
    return np.minimum(np.nextafter(k / n + hoeffding_epsilon(n, alpha), 2.0), 1.0)
