"""Clopper-Pearson: one-sided bounds on a probability from independent trials, exact and rounded outwards."""

from __future__ import annotations

import math
from typing import overload

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaincc, betainccinv, betaincinv, betaln, xlog1py, xlogy

from .._types import FloatArray, Real, Whole, WholeArray, Wholes
from .arguments import check_level, successes
from .rounding import EPS, plain

__all__ = ["clopper_pearson_lower", "clopper_pearson_upper"]

# Where a search for a bound begins at the least: above the subnormal numbers, where steps lose their digits.
_LEAST_START = 1e-300

# Newton's method doubles the digits with each step, so these are enough from any start with one or two.
_NEWTON_STEPS = 4

# Each push outwards is twice as long as the one before, from 2 eps on. As many as these move x by 5e-4 of
# itself, while Newton's method ends within the rounding of the tail.
_PUSHES = 40


@overload
def clopper_pearson_lower(k: Whole, n: Whole, alpha: Real) -> float: ...
@overload
def clopper_pearson_lower(k: Wholes, n: ArrayLike, alpha: Real) -> FloatArray: ...
@overload
def clopper_pearson_lower(k: ArrayLike, n: Wholes, alpha: Real) -> FloatArray: ...
@overload
def clopper_pearson_lower(k: ArrayLike, n: ArrayLike, alpha: Real) -> float | FloatArray: ...
def clopper_pearson_lower(k: ArrayLike, n: ArrayLike, alpha: Real) -> float | FloatArray:
    """Return what is at most q with probability at least 1 - alpha over ``k``, a Binomial(n, q) count.

    Parameters
    ----------
    k : int or array of int, 0 <= k <= n
        Number of successes.
    n : int or array of int, >= 1
        Number of independent trials.
    alpha : float, 0 < alpha < 1
        Probability of error, one-sided.

    Returns
    -------
    float or array
        The largest q with P(Binomial(n, q) >= k) <= alpha, rounded down; 0.0 for k = 0, alpha**(1/n) for k =
        n.

    Raises
    ------
    TypeError
        If ``k`` or ``n`` is not integer or ``alpha`` not a number.
    ValueError
        If a value is outside its range.
    """
    k, n = successes(k, n)
    alpha = check_level(alpha)
    inner = (k > 0) & (k < n)
    a, b = np.where(inner, k, 1.0), np.where(inner, n - k + 1.0, 1.0)
    bound = _beta_bound(a, b, n, alpha, upper=False)
    bound = np.where(k == n, _unanimous(n, alpha), bound)
    bound = np.where(k == 0, 0.0, bound)
    return plain(bound)


@overload
def clopper_pearson_upper(k: Whole, n: Whole, alpha: Real) -> float: ...
@overload
def clopper_pearson_upper(k: Wholes, n: ArrayLike, alpha: Real) -> FloatArray: ...
@overload
def clopper_pearson_upper(k: ArrayLike, n: Wholes, alpha: Real) -> FloatArray: ...
@overload
def clopper_pearson_upper(k: ArrayLike, n: ArrayLike, alpha: Real) -> float | FloatArray: ...
def clopper_pearson_upper(k: ArrayLike, n: ArrayLike, alpha: Real) -> float | FloatArray:
    """Return what is at least q with probability at least 1 - alpha over ``k``, a Binomial(n, q) count.

    Parameters
    ----------
    k : int or array of int, 0 <= k <= n
        Number of successes.
    n : int or array of int, >= 1
        Number of independent trials.
    alpha : float, 0 < alpha < 1
        Probability of error, one-sided.

    Returns
    -------
    float or array
        The smallest q with P(Binomial(n, q) <= k) <= alpha, rounded up; 1.0 for k = n, 1 - alpha**(1/n) for k
        = 0.

    Raises
    ------
    TypeError
        If ``k`` or ``n`` is not integer or ``alpha`` not a number.
    ValueError
        If a value is outside its range.
    """
    k, n = successes(k, n)
    alpha = check_level(alpha)
    inner = (k > 0) & (k < n)
    a, b = np.where(inner, k + 1.0, 1.0), np.where(inner, n - k, 1.0)
    bound = _beta_bound(a, b, n, alpha, upper=True)
    # 1 - alpha^(1/n) from its own end: it is about log(1/alpha) / n, far below the resolution of a difference
    # from 1. Logarithm, quotient and expm1 err by an eps or two each.
    empty = -np.expm1(math.log(alpha) / n) * (1.0 + 8.0 * EPS)
    bound = np.where(k == 0, np.minimum(empty, 1.0), bound)
    bound = np.where(k == n, 1.0, bound)
    return plain(bound)


def _unanimous(n: WholeArray, alpha: float) -> FloatArray:
    """Return alpha**(1/n) rounded down."""
    # the exponent log(alpha)/n errs by eps relative, its exponential by eps
    exponent = math.log(alpha) / n
    bound: FloatArray = np.exp(exponent) * (1.0 - 4.0 * EPS * (1.0 - exponent))
    return bound


def _beta_bound(a: FloatArray, b: FloatArray, n: WholeArray, alpha: float, *, upper: bool) -> FloatArray:
    """Return the x where the binomial tail meets alpha, moved outward until the tail is below alpha for sure.

    P(Binomial(n, x) >= k) = I_x(k, n-k+1) increases in x, P(Binomial(n, x) <= k) = 1 - I_x(k+1, n-k)
    decreases. The library's inverse is only a start: it is off by 1e-7 relative where n is 1e7. Its forward
    functions are accurate to 13 eps (16 + sqrt(n)) (measured against mpmath for n up to 1e8 and alpha down to
    1e-40), so a tail that they put below alpha by four times as much is below alpha. What cannot be brought
    there gets the trivial bound.
    """
    tail, inverse, outward = (betaincc, betainccinv, 1.0) if upper else (betainc, betaincinv, -1.0)
    slack = 64.0 * EPS * (16.0 + np.sqrt(n))
    start = np.nan_to_num(inverse(a, b, alpha * (1.0 - 2.0 * slack)), nan=0.5)
    x: FloatArray = np.clip(start, _LEAST_START, 1.0 - EPS)
    with np.errstate(all="ignore"):
        for _ in range(_NEWTON_STEPS):
            value = tail(a, b, x)
            density = np.exp(xlogy(a - 1.0, x) + xlog1py(b - 1.0, -x) - betaln(a, b))
            step = np.log(value / (alpha * (1.0 - 2.0 * slack))) * value / density
            better = x + outward * step
            x = np.where((better > 0.0) & (better < 1.0), better, x)
    trivial = 1.0 if upper else 0.0
    push = 2.0 * EPS
    for _ in range(_PUSHES):
        below = tail(a, b, x) <= alpha * (1.0 - slack)
        if np.all(below):
            return x
        x = np.where(below, x, np.clip(x * (1.0 + outward * push), 0.0, 1.0))
        push *= 2.0
    return np.where(below, x, trivial)
