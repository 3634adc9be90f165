"""Radii of Theorem 1 of RAB for uniform noise, and whether one tampering is certified; rounded to be sound.

Everything here takes ``p_a``, a lower bound on the probability of the predicted class, and ``p_b``, an upper
bound on the probability of every other class. The guarantee is strict: tampering of a size *below* the radius
is covered. A radius of 0.0 certifies nothing; whether to call that an abstention is the caller's business.
"""

from __future__ import annotations

import math
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._types import FloatArray, Real, Reals, Whole
from .arguments import (
    InvalidInput,
    broadcast,
    check_choice,
    positive_reals,
    real_probabilities,
    reals,
    whole_numbers,
)
from .rounding import EPS, FORMULA_ERROR, plain, scaled_below

__all__ = ["uniform_certified", "uniform_radius"]


@overload
def uniform_radius(
    p_a: Real,
    p_b: Real,
    width: Real,
    *,
    norm: str = "l1",
    rows: Whole | None = None,
    dim: Whole | None = None,
) -> float: ...
@overload
def uniform_radius(
    p_a: Reals,
    p_b: ArrayLike,
    width: ArrayLike,
    *,
    norm: str = "l1",
    rows: ArrayLike | None = None,
    dim: ArrayLike | None = None,
) -> FloatArray: ...
@overload
def uniform_radius(
    p_a: ArrayLike,
    p_b: ArrayLike,
    width: ArrayLike,
    *,
    norm: str = "l1",
    rows: ArrayLike | None = None,
    dim: ArrayLike | None = None,
) -> float | FloatArray: ...
def uniform_radius(
    p_a: ArrayLike,
    p_b: ArrayLike,
    width: ArrayLike,
    *,
    norm: str = "l1",
    rows: ArrayLike | None = None,
    dim: ArrayLike | None = None,
) -> float | FloatArray:
    """Return the certified norm-ball radius of uniform noise: the exact worst case of Eqs. (17), (18) of RAB.

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
    check_choice(norm, "norm", ("l1", "l2", "linf"))
    if rows is None and norm != "l1":
        raise InvalidInput(
            f'rows must be the number of training rows that carry the pattern for norm="{norm}", got None; '
            'give it, or use norm="l1" for the total over all rows'
        )
    if dim is None and norm != "l1":
        raise InvalidInput(f'dim must be the number of features for norm="{norm}", got None')
    features = whole_numbers(1 if dim is None else dim, "dim", least=1)
    p_a, p_b, width, carriers, features = broadcast(
        p_a=real_probabilities(p_a, "p_a"),
        p_b=real_probabilities(p_b, "p_b"),
        width=positive_reals(width, "width"),
        rows=whole_numbers(1 if rows is None else rows, "rows", least=1),
        dim=np.asarray(1) if norm == "l1" else features,
    )
    margin = _half_margin(p_a, p_b)
    if rows is None:
        return scaled_below(margin, width)
    # 1 - (1 - m)^(1/(r d)) without cancellation. For r d = 1 it is m again, up to rounding.
    share: FloatArray = -np.expm1(np.log1p(-margin) / (carriers.astype(np.float64) * features))
    if norm == "l2":
        share = share * np.sqrt(features)
    return scaled_below(share, width)


@overload
def uniform_certified(
    p_a: Real, p_b: Real, deltas: ArrayLike, width: Real, *, rows: Whole | None = None
) -> bool: ...
@overload
def uniform_certified(
    p_a: Reals, p_b: ArrayLike, deltas: ArrayLike, width: Real, *, rows: Whole | None = None
) -> NDArray[np.bool_]: ...
@overload
def uniform_certified(
    p_a: ArrayLike, p_b: ArrayLike, deltas: ArrayLike, width: Real, *, rows: Whole | None = None
) -> bool | NDArray[np.bool_]: ...
def uniform_certified(
    p_a: ArrayLike, p_b: ArrayLike, deltas: ArrayLike, width: Real, *, rows: Whole | None = None
) -> bool | NDArray[np.bool_]:
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
    p_a, p_b = broadcast(p_a=real_probabilities(p_a, "p_a"), p_b=real_probabilities(p_b, "p_b"))
    length = positive_reals(width, "width")
    if length.ndim:
        raise InvalidInput(f"width must be one number, got shape {length.shape}")
    shifts = np.abs(reals(deltas, "deltas"))
    if not np.all(np.isfinite(shifts)):
        raise InvalidInput("deltas must be finite, got NaN or infinity")
    if rows is None and shifts.ndim != 2:
        raise InvalidInput(
            f"deltas must have shape (n_rows, d) when rows is None, got {shifts.ndim} dimension(s); give "
            "rows for one pattern of shape (d,)"
        )
    if rows is not None and shifts.ndim != 1:
        raise InvalidInput(
            f"deltas must be one pattern of shape (d,) beside rows, got {shifts.ndim} dimension(s)"
        )
    repeats = whole_numbers(1 if rows is None else rows, "rows", least=1)
    if repeats.ndim:
        raise InvalidInput(f"rows must be one whole number, got shape {repeats.shape}")

    # Both sides as -log: sums of positive terms. A coordinate moved by width or more, or already by more than
    # the largest possible margin 1/2, is never certified; below that -log1p(-x) is well conditioned.
    moved = shifts[shifts > 0.0]
    with np.errstate(over="ignore", under="ignore"):
        shares = np.nextafter(moved / float(length), np.inf)
    if np.any(shares >= 0.5):
        spent = np.inf
    else:
        spent = float(repeats) * math.fsum(-np.log1p(-shares)) * (1.0 + FORMULA_ERROR)
    budget = -np.log1p(-_half_margin(p_a, p_b)) * (1.0 - FORMULA_ERROR)
    certified: NDArray[np.bool_] = spent < budget
    return plain(certified)


def _half_margin(p_a: FloatArray, p_b: FloatArray) -> FloatArray:
    """Return (p_a - min(p_b, 1 - p_a)) / 2 rounded down, 0 where negative; at most 1/2."""
    # Where 1 - p_a < p_b matters, p_a is at least 1/2 and 1 - p_a is exact. The factor covers the rounding of
    # the difference and p_a == 1.0 standing for a number just below it; nextafter covers subnormal results.
    margin = 0.5 * (p_a - np.minimum(p_b, 1.0 - p_a))
    half: FloatArray = np.maximum(np.nextafter(margin * (1.0 - 4.0 * EPS), -np.inf), 0.0)
    return half
