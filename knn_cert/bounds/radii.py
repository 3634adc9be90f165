"""Radii of Theorem 1 of RAB for Gaussian and uniform noise, rounded so that none exceeds the true one.

Everything here takes ``p_a``, a lower bound on the probability of the predicted class, and ``p_b``, an upper
bound on the probability of every other class. The guarantee is strict: tampering of a size *below* the radius
is covered. A radius of 0.0 certifies nothing; whether to call that an abstention is the caller's business.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfcx, ndtri, ndtri_exp

__all__ = ["gaussian_radius", "uniform_certified", "uniform_radius"]

_EPS = float(np.finfo(np.float64).eps)
_LARGEST = float(np.finfo(np.float64).max)
_SMALLEST = float(np.finfo(np.float64).smallest_subnormal)

# A binary64 1.0 may stand for any real number above the midpoint 1 - 2^-54, and a binary64 0.0 for any
# positive number that underflowed. These are the tails that such floats justify without a logarithm beside
# them.
_TAIL_OF_ONE = 2.0**-54
_LEAST_PROBABILITY = _SMALLEST

# Relative error allowed to Phi^-1. ndtri states 7.2e-16 (about 3 eps) and shows 2 eps against mpmath; the
# Newton step below ends at 3 eps. The rest is room for other builds of the library.
_QUANTILE_ERROR = 16.0 * _EPS

# Below this logarithm exp() nears the subnormal numbers and loses digits: solve for the quantile in the
# logarithm.
_LOG_SMALL = -700.0

# A logarithm that tells another story than the probability beside it by more than this is a slip (a wrong
# base, a tail of another class), not the widening by an error bound.
_STORY_TOLERANCE = 1e-6


def gaussian_radius(p_a, p_b, sigma, *, rows=None, log_p_b=None, log_tail_a=None):
    """Certified L2 radius of Gaussian smoothing: Eq. (14) of RAB, or Eq. (15) when ``rows`` is given.

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
    p_a = _probabilities("p_a", p_a)
    p_b = _probabilities("p_b", p_b)
    sigma = _positive("sigma", sigma)
    rows = np.asarray(1) if rows is None else _counts("rows", rows)
    log_p_b = _logarithms("log_p_b", log_p_b)
    log_tail_a = _logarithms("log_tail_a", log_tail_a)
    p_a, p_b, sigma, rows, log_p_b, log_tail_a = _broadcast(
        p_a=p_a, p_b=p_b, sigma=sigma, rows=rows, log_p_b=log_p_b, log_tail_a=log_tail_a
    )
    _same_story("log_p_b", log_p_b, "p_b", p_b)
    _same_story("log_tail_a", log_tail_a, "1 - p_a", 1.0 - p_a)

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
    return _rounded_down(0.5 * gap / np.sqrt(rows), sigma)


def uniform_radius(p_a, p_b, width, *, norm="l1", rows=None, dim=None):
    """Certified norm-ball radius of uniform noise: the exact worst case of Eqs. (17), (18) of RAB.

    With ``m = (p_a - p_b) / 2`` and noise uniform on an interval of length ``width`` on each feature, the
    prediction does not change

    * for any tampering with ``sum_i ||delta_i||_1 < width * m`` (``rows=None``, ``norm="l1"``);
    * for one pattern in at most ``rows`` training rows, r for short, of dimension d, with
      ``||delta||_1 < width * (1 - (1 - m)**(1/r))``,
      ``||delta||_2 < width * sqrt(d) * (1 - (1 - m)**(1/(r d)))``, or
      ``||delta||_inf < width * (1 - (1 - m)**(1/(r d)))``.

    The worst tampering moves one coordinate for L1 and all coordinates alike for L2 and L-infinity.

    Parameters
    ----------
    p_a, p_b : float or array, in [0, 1]
        Lower bound on the probability of the predicted class, upper bound on that of every other class.
        ``p_b`` is replaced by ``1 - p_a`` where that is less: it bounds the other classes too.
    width : float or array, > 0
        Length b - a of the noise interval [a, b], in the units of the features.
    norm : {"l1", "l2", "linf"}
        Norm of the radius.
    rows : int or array of int, >= 1, optional
        Number of training rows that may carry the one pattern. None: total over all rows, L1 only.
    dim : int or array of int, >= 1, optional
        Number of features; needed for "l2" and "linf".

    Returns
    -------
    float or array
        Radius in the units of ``width``; 0.0 where ``p_a <= p_b``. Never above the true radius of the given
        numbers.

    Raises
    ------
    TypeError
        If an argument is not numeric, or ``rows`` or ``dim`` is not an integer.
    ValueError
        If a value is outside its range or NaN, if the norm is unknown, or if ``rows`` or ``dim`` is missing
        for it.

    Notes
    -----
    No logarithms of tails are needed here: m is at most 1/2, and a tail below 2**-54 changes it by less than
    the rounding that is already allowed for.
    """
    if norm not in ("l1", "l2", "linf"):
        raise ValueError(f'norm must be "l1", "l2" or "linf"; got {norm!r}.')
    if rows is None and norm != "l1":
        raise ValueError(
            f'norm="{norm}" needs rows, the number of training rows that carry the pattern; got rows=None. '
            'Give rows, or use norm="l1" for the total over all rows.'
        )
    if dim is None and norm != "l1":
        raise ValueError(f'norm="{norm}" needs dim, the number of features; got dim=None.')
    p_a = _probabilities("p_a", p_a)
    p_b = _probabilities("p_b", p_b)
    width = _positive("width", width)
    rows_ = np.asarray(1) if rows is None else _counts("rows", rows)
    dim_ = np.asarray(1) if dim is None else _counts("dim", dim)
    if norm == "l1":
        dim_ = np.asarray(1)
    p_a, p_b, width, rows_, dim_ = _broadcast(p_a=p_a, p_b=p_b, width=width, rows=rows_, dim=dim_)
    margin = _half_margin(p_a, p_b)
    if rows is None:
        return _rounded_down(margin, width)
    # 1 - (1 - m)^(1/(r d)) without cancellation. For r d = 1 it is m again, up to rounding.
    share = -np.expm1(np.log1p(-margin) / (rows_.astype(np.float64) * dim_))
    if norm == "l2":
        share = share * np.sqrt(dim_)
    return _rounded_down(share, width)


def uniform_certified(p_a, p_b, deltas, width, *, rows=None):
    """Whether uniform noise certifies one given tampering: Eq. (17) of RAB, or Eq. (18) with ``rows``.

    True only if ``1 - (p_a - p_b) / 2 < prod_ij (1 - |delta_ij| / width)_+``, strictly and with rounding on
    the safe side; with ``rows`` = r, only if it holds with the product over one pattern raised to the power
    r.

    Parameters
    ----------
    p_a, p_b : float or array, in [0, 1]
        Lower bound on the probability of the predicted class, upper bound on that of every other class.
        ``p_b`` is replaced by ``1 - p_a`` where that is less.
    deltas : array, (n_rows, d) if ``rows`` is None, else (d,)
        The change of each tampered training row, or the one pattern. Rows that are not tampered with may be
        left out.
    width : float > 0
        Length b - a of the noise interval [a, b], in the units of ``deltas``.
    rows : int >= 1, optional
        Number of training rows that carry the one pattern ``deltas`` (Eq. (18)).

    Returns
    -------
    bool or array of bool
        One answer for each entry of the broadcast shape of ``p_a`` and ``p_b``.

    Raises
    ------
    TypeError
        If an argument is not numeric, or ``rows`` is not an integer.
    ValueError
        If a value is outside its range, NaN or infinite, or ``deltas`` has the wrong number of dimensions.
    """
    p_a = _probabilities("p_a", p_a)
    p_b = _probabilities("p_b", p_b)
    width = _positive("width", width)
    if width.ndim:
        raise ValueError(f"width must be one number; got shape {width.shape}.")
    deltas = np.abs(_numeric("deltas", deltas))
    if not np.all(np.isfinite(deltas)):
        raise ValueError("deltas must be finite; got NaN or infinity.")
    if rows is None:
        if deltas.ndim != 2:
            raise ValueError(
                f"deltas must have shape (n_rows, d) when rows is None; got {deltas.ndim} dimension(s). "
                "Give rows for one pattern of shape (d,)."
            )
        repeats = 1.0
    else:
        rows_ = _counts("rows", rows)
        if rows_.ndim:
            raise ValueError(f"rows must be one integer; got shape {rows_.shape}.")
        if deltas.ndim != 1:
            raise ValueError(
                f"deltas must be one pattern of shape (d,) beside rows; got {deltas.ndim} dimension(s)."
            )
        repeats = float(rows_)
    p_a, p_b = _broadcast(p_a=p_a, p_b=p_b)

    # Both sides as -log: sums of positive terms. A coordinate moved by width or more, or already by more than
    # the largest possible margin 1/2, is never certified; below that -log1p(-x) is well conditioned.
    moved = deltas[deltas > 0.0]
    with np.errstate(over="ignore", under="ignore"):
        shares = np.nextafter(moved / float(width), np.inf)
    if np.any(shares >= 0.5):
        spent = np.inf
    else:
        spent = repeats * math.fsum(-np.log1p(-shares)) * (1.0 + 16.0 * _EPS)
    budget = -np.log1p(-_half_margin(p_a, p_b)) * (1.0 - 16.0 * _EPS)
    certified = spent < budget
    return certified if np.ndim(certified) else bool(certified)


def _half_margin(p_a, p_b):
    """(p_a - min(p_b, 1 - p_a)) / 2 rounded down, 0 where negative; at most 1/2."""
    # Where 1 - p_a < p_b matters, p_a is at least 1/2 and 1 - p_a is exact. The factor covers the rounding of
    # the difference and p_a == 1.0 standing for a number just below it; nextafter covers subnormal results.
    margin = 0.5 * (p_a - np.minimum(p_b, 1.0 - p_a))
    return np.maximum(np.nextafter(margin * (1.0 - 4.0 * _EPS), -np.inf), 0.0)


def _rounded_down(share, scale):
    """``share * scale`` minus a few units in the last place, never infinite; a float for scalars."""
    with np.errstate(over="ignore", under="ignore"):
        # the share may be subnormal, where its last place is a large part of it
        product = np.minimum(np.nextafter(share * (1.0 - 16.0 * _EPS), 0.0) * scale, _LARGEST)
    radius = np.where(product > 0.0, np.nextafter(product, 0.0), 0.0)
    return radius if radius.ndim else float(radius)


def _quantile(p, *, tail):
    """Phi^-1(p), from p or from tail = 1 - p, whichever is below 1/2."""
    return np.where(p <= 0.5, ndtri(np.minimum(p, 0.5)), -ndtri(np.minimum(tail, 0.5)))


def _quantile_of_log(log_p):
    """Phi^-1(exp(log_p)) for finite log_p <= 0."""
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


def _numeric(name, value):
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise TypeError(
            f"{name} must be a real number or an array of real numbers; got {_described(value, array)}."
        )
    return array.astype(np.float64)


def _described(value, array):
    return type(value).__name__ if array.ndim == 0 else f"an array of dtype {array.dtype}"


def _probabilities(name, value):
    array = _numeric(name, value)
    wrong = ~((array >= 0.0) & (array <= 1.0))
    if np.any(wrong):
        raise ValueError(f"{name} must lie in [0, 1]; got {array[wrong].flat[0]!r}.")
    return array


def _positive(name, value):
    array = _numeric(name, value)
    wrong = ~((array > 0.0) & np.isfinite(array))
    if np.any(wrong):
        raise ValueError(f"{name} must be positive and finite; got {array[wrong].flat[0]!r}.")
    return array


def _counts(name, value):
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an integer or an array of integers; got {_described(value, array)}.")
    if np.any(array < 1):
        raise ValueError(f"{name} must be at least 1; got {int(array.min())}.")
    return array


def _logarithms(name, value):
    """Logarithms of probabilities; -inf (nothing known) where ``value`` is None."""
    if value is None:
        return np.asarray(-np.inf)
    array = _numeric(name, value)
    wrong = ~(array <= 0.0)
    if np.any(wrong):
        raise ValueError(
            f"{name} must be the natural logarithm of a probability, at most 0; got {array[wrong].flat[0]!r}."
        )
    return array


def _same_story(log_name, log_p, name, p):
    differs = np.isfinite(log_p) & (np.abs(np.exp(log_p) - p) > _STORY_TOLERANCE)
    if np.any(differs):
        raise ValueError(
            f"{log_name} must be the natural logarithm of {name}; got exp({log_p[differs].flat[0]!r}) beside "
            f"{p[differs].flat[0]!r}."
        )


def _broadcast(**arrays):
    try:
        return np.broadcast_arrays(*arrays.values())
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items() if array.ndim)
        raise ValueError(f"shapes must broadcast to one another; got {shapes}.") from None
