"""The radius of Theorem 1 of RAB for Gaussian noise, rounded so that it never exceeds the true one.

It takes ``p_a``, a lower bound on the probability of the predicted class, and ``p_b``, an upper bound on the
probability of every other class. The guarantee is strict: tampering of a size *below* the radius is covered.
A radius of 0.0 certifies nothing; whether to call that an abstention is the caller's business.
"""

from __future__ import annotations

import math
from typing import overload

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfcx, ndtr, ndtri, ndtri_exp

from .._types import FloatArray, Real, Reals, Whole
from .arguments import (
    broadcast,
    check_agreement,
    logarithms,
    positive_reals,
    real_probabilities,
    whole_numbers,
)
from .rounding import EPS, scaled_below

__all__ = ["gaussian_radius", "worst_probability"]

# A binary64 1.0 may stand for any real number above the midpoint 1 - 2^-54, and a binary64 0.0 for any
# positive number that underflowed. These are the tails that such floats justify without a logarithm beside
# them.
_TAIL_OF_ONE = 2.0**-54
_LEAST_PROBABILITY = 2.0**-1074

# Relative error allowed to Phi^-1. ndtri states 7.2e-16 (about 3 eps) and shows 2 eps against mpmath; the
# Newton step below ends at 3 eps. The rest is room for other builds of the library.
_QUANTILE_ERROR = 16.0 * EPS

# Phi of less is no normal number.
_NOTHING_LEFT = 37.0

# Below this logarithm exp() nears the subnormal numbers and loses digits: solve for the quantile in the
# logarithm.
_LOG_SMALL = -700.0


@overload
def gaussian_radius(
    p_a: Real,
    p_b: Real,
    sigma: Real,
    *,
    rows: Whole | None = None,
    log_p_b: Real | None = None,
    log_tail_a: Real | None = None,
) -> float: ...
@overload
def gaussian_radius(
    p_a: Reals,
    p_b: ArrayLike,
    sigma: ArrayLike,
    *,
    rows: ArrayLike | None = None,
    log_p_b: ArrayLike | None = None,
    log_tail_a: ArrayLike | None = None,
) -> FloatArray: ...
@overload
def gaussian_radius(
    p_a: ArrayLike,
    p_b: ArrayLike,
    sigma: ArrayLike,
    *,
    rows: ArrayLike | None = None,
    log_p_b: ArrayLike | None = None,
    log_tail_a: ArrayLike | None = None,
) -> float | FloatArray: ...
def gaussian_radius(
    p_a: ArrayLike,
    p_b: ArrayLike,
    sigma: ArrayLike,
    *,
    rows: ArrayLike | None = None,
    log_p_b: ArrayLike | None = None,
    log_tail_a: ArrayLike | None = None,
) -> float | FloatArray:
    """Return the certified L2 radius of Gaussian smoothing: Eq. (14) of RAB, or Eq. (15) with ``rows``.

    The prediction does not change while ``sqrt(sum_i ||delta_i||_2^2)`` is below
    ``sigma / 2 * (Phi^-1(p_a) - Phi^-1(p_b))``; for one pattern in at most ``rows`` training rows, while
    ``||delta||_2`` is below that divided by ``sqrt(rows)``.

    Parameters
    ----------
    p_a : float or array, in [0, 1]
        Lower bound on the probability of the predicted class.
    p_b : float or array, in [0, 1]
        Upper bound on the probability of every other class. It is used as given; where ``p_a + p_b > 1`` the
        bound ``1 - p_a`` is also valid and gives more.
    sigma : float or array, > 0
        Standard deviation of the noise on each feature, in the units of the features.
    rows : int or array of int, >= 1, optional
        Number of training rows that may carry the one pattern, Eq. (15). None: total over all rows, Eq. (14).
    log_p_b : float or array, <= 0, optional
        Natural logarithm of ``p_b``, for probabilities that underflow.
    log_tail_a : float or array, <= 0, optional
        Natural logarithm of an upper bound on ``1 - p_a``, for ``p_a`` next to 1. With two classes it is
        ``log_p_b``.

    Returns
    -------
    float or array
        Radius in the units of ``sigma``, of the broadcast shape of the arguments; 0.0 where ``p_a <= p_b``.
        Finite, and never above the true radius of the given numbers.

    Raises
    ------
    TypeError
        If an argument is not numeric, or ``rows`` is not an integer.
    ValueError
        If a value is outside its range or NaN, if shapes do not broadcast, or if a logarithm contradicts the
        probability it stands for.

    Notes
    -----
    Where a logarithm is given it replaces the probability, which then only checks it. A logarithm of -inf
    says no more than the probability beside it.

    A lower bound ``p_a == 1.0`` leaves nothing for the other classes; it is trusted no further than the small
    tail that comes with it: ``1 - p_a`` then counts as ``p_b``, as it is with two classes, so that
    ``gaussian_radius(1.0, 1e-80, 1.0)`` is 18.99. With more classes pass ``log_tail_a``, which may be up to
    C - 1 times as large. Without a small tail (``p_b == 0.0`` and no logarithm) floats carry what they can
    and no more: ``p_a == 1.0`` counts as ``1 - 2**-54`` (any number above it rounds to 1.0) and ``p_b`` as
    ``2**-1074`` (the smallest positive float).
    """
    p_a, p_b, sigma, rows, log_p_b, log_tail_a = broadcast(
        p_a=real_probabilities(p_a, "p_a"),
        p_b=real_probabilities(p_b, "p_b"),
        sigma=positive_reals(sigma, "sigma"),
        rows=whole_numbers(1 if rows is None else rows, "rows", least=1),
        log_p_b=logarithms(log_p_b, "log_p_b"),
        log_tail_a=logarithms(log_tail_a, "log_tail_a"),
    )
    check_agreement(log_p_b, "log_p_b", p_b, "p_b")
    check_agreement(log_tail_a, "log_tail_a", 1.0 - p_a, "1 - p_a")

    # 1 - p_a is exact for p_a in [1/2, 1]; below 1/2 the quantile is taken of p_a itself.
    z_a = _quantile(p_a, tail=np.maximum(1.0 - p_a, _TAIL_OF_ONE))
    z_b = _quantile(np.maximum(p_b, _LEAST_PROBABILITY), tail=1.0 - p_b)
    by_log_a = np.isfinite(log_tail_a)
    by_log_b = np.isfinite(log_p_b)
    z_a = np.where(by_log_a, -_quantile_of_log(np.where(by_log_a, log_tail_a, -1.0)), z_a)
    z_b = np.where(by_log_b, _quantile_of_log(np.where(by_log_b, log_p_b, -1.0)), z_b)
    small_tail = (p_a == 1.0) & ~by_log_a & (by_log_b | (p_b > 0.0))
    z_a = np.where(small_tail, np.maximum(z_a, -z_b), z_a)

    # z_a and z_b may cancel, so the allowance is absolute: an error of each quantile. exp() of a logarithm
    # near log(1/2) errs by eps while its quantile is near zero, hence one allowance more where a logarithm
    # was used.
    allowance = _QUANTILE_ERROR * (np.abs(z_a) + np.abs(z_b) + by_log_a + by_log_b)
    gap = np.maximum((z_a - z_b) - allowance, 0.0)
    return scaled_below(0.5 * gap / np.sqrt(rows), sigma)


def worst_probability(p_a: FloatArray, radius: float, sigma: float) -> FloatArray:
    """Return the smallest probability that is left to a class within a ball, rounded down.

    By the theorem behind Eq. (14) of RAB it is ``Phi(Phi^-1(p_a) - radius / sigma)`` at least.

    Parameters
    ----------
    p_a : ndarray, in [0, 1]
        Lower bounds on the probability of the class.
    radius : float >= 0
        L2 norm of the change, in the units of ``sigma``.
    sigma : float > 0
    """
    z = np.maximum(_quantile(p_a, tail=np.maximum(1.0 - p_a, _TAIL_OF_ONE)), -_NOTHING_LEFT)
    steps = min(radius / sigma, 2.0 * _NOTHING_LEFT)
    lowest = z - steps - _QUANTILE_ERROR * (np.abs(z) + steps)
    # Phi itself is rounded, relative to itself by a few units of its argument's square
    left = ndtr(lowest) * (1.0 - _QUANTILE_ERROR * (1.0 + np.minimum(lowest, 0.0) ** 2))
    return np.where(lowest > -_NOTHING_LEFT, left, 0.0)


def _quantile(p: FloatArray, *, tail: FloatArray) -> FloatArray:
    """Return Phi^-1(p), from p or from tail = 1 - p, whichever is below 1/2."""
    quantile: FloatArray = np.where(p <= 0.5, ndtri(np.minimum(p, 0.5)), -ndtri(np.minimum(tail, 0.5)))
    return quantile


def _quantile_of_log(log_p: FloatArray) -> FloatArray:
    """Return Phi^-1(exp(log_p)) for finite log_p <= 0."""
    p = np.exp(np.maximum(log_p, _LOG_SMALL))
    z = _quantile(p, tail=-np.expm1(log_p))
    # Far tail: one Newton step on log Phi(z) = -z^2/2 + log(erfcx(-z/sqrt 2) / 2), which takes the 1e-12 of
    # ndtri_exp to the rounding of z^2/2. The derivative of log Phi is sqrt(2/pi) / erfcx(-z/sqrt 2), free of
    # overflow.
    far = np.minimum(log_p, _LOG_SMALL)
    start = ndtri_exp(far)
    scaled = erfcx(-start / math.sqrt(2.0))
    with np.errstate(over="ignore", invalid="ignore"):
        step = ((-0.5 * start) * start + np.log(0.5 * scaled) - far) * scaled / math.sqrt(2.0 / math.pi)
    # Beyond 1e300 the square overflows; there z = -sqrt(-2 log p) is correct to the last place.
    newton = np.where(far > -1e300, start - step, -math.sqrt(2.0) * np.sqrt(-far))
    return np.where(log_p < _LOG_SMALL, newton, z)
