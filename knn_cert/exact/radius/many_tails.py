"""One tail of the laws of many rows at one radius, by interpolation in their distances.

For a fixed radius t the tails F and U are entire functions of s: F(s) = int phi(z - s) G(z) dz with a G >= 0
that does not know s, and the same for U. As |phi(z - s - iy)| = exp(y^2 / 2) phi(z - s), both are bounded by
|F(s + iy)| <= exp(y^2 / 2) F(s). On a piece of half width h, the polynomial of degree n through Chebyshev's
points differs from F by at most 4 M rho^-n / (rho - 1), where M bounds |F| on the ellipse of Bernstein with
half axes h (rho + 1/rho) / 2 and h (rho - 1/rho) / 2 (Trefethen, Approximation Theory, theorem 8.2). F falls
and U grows with s, so M is known from one more value. Where this is not small against the least value on the
piece, and where few rows share one, the rows are worked out one by one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..._types import FloatArray, WholeArray

__all__ = ["LAW_ERROR", "tails_by_distance"]

_UNIT = float(np.finfo(np.float64).eps) / 2.0

# The law of one row, one by one, has this relative error: measured, see csrc/README.md.
LAW_ERROR = 1e-12

# Pieces of 1/4 with degree 16: at most 8 standard deviations out the truncation is below 1e-15.
_HALF, _DEGREE, _RHO = 0.125, 16, 16.0
_REACH = _HALF * (_RHO + 1.0 / _RHO) / 2.0
_HEIGHT = _HALF * (_RHO - 1.0 / _RHO) / 2.0
_TRUNCATION = float(4.0 * np.exp(0.5 * _HEIGHT * _HEIGHT) * _RHO**-_DEGREE / (_RHO - 1.0))

# What errors at the points can become in between: 1 + 2 / pi log(n + 1) times as much at most. Transform and
# Clenshaw's recurrence round less than 8 n^2 times.
_GROWTH = float(1.0 + 2.0 / np.pi * np.log(_DEGREE + 1.0))
_ROUNDING = 8.0 * _DEGREE * _DEGREE * _UNIT

# Fewer rows on a piece than this are worked out one by one.
_FEWEST_ROWS = 2 * (_DEGREE + 2)
# A relative error that pieces may have.
_LARGEST_ERROR = 1e-10

_ANGLES = np.pi * np.arange(_DEGREE + 1) / _DEGREE
_POINTS = np.cos(_ANGLES)
# values at the points -> coefficients of Chebyshev's polynomials
_HALVED = np.where((np.arange(_DEGREE + 1) == 0) | (np.arange(_DEGREE + 1) == _DEGREE), 0.5, 1.0)
_TRANSFORM = (
    2.0 / _DEGREE * _HALVED[:, None] * np.cos(np.arange(_DEGREE + 1)[:, None] * _ANGLES) * _HALVED[None, :]
)


def tails_by_distance(
    tail: Callable[[FloatArray], FloatArray], distances: FloatArray, *, falls: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return tails, bounds on their relative errors, and how much errors of the distances may have grown.

    Parameters
    ----------
    tail : callable
        Distances in units of sigma -> tails, one by one.
    distances : ndarray of shape (n,)
    falls : bool
        Whether the tail falls with the distance: F does, U grows.
    """
    values, errors = np.empty(len(distances)), np.full(len(distances), LAW_ERROR)
    growth = np.ones(len(distances))
    number = np.floor(distances / (2.0 * _HALF))
    pieces, piece, n_rows = np.unique(number, return_inverse=True, return_counts=True)
    centers = (pieces[n_rows >= _FEWEST_ROWS] + 0.5) * 2.0 * _HALF
    by_itself = np.ones(len(distances), dtype=bool)
    if len(centers):
        farthest = np.maximum(centers - _REACH, 0.0) if falls else centers + _REACH
        points = np.column_stack([centers[:, None] + _HALF * _POINTS, farthest])
        at_points = tail(points.ravel()).reshape(points.shape)
        at_points, largest_modulus = at_points[:, :-1], at_points[:, -1]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            least = at_points.min(axis=1)
            grown = _GROWTH * at_points.max(axis=1) / least
            error = (LAW_ERROR + _ROUNDING) * grown + _TRUNCATION * largest_modulus / least
        good = np.full(len(pieces), -1)
        good[n_rows >= _FEWEST_ROWS] = np.where(error <= _LARGEST_ERROR, np.arange(len(centers)), -1)
        of_row = good[piece]
        by_itself = of_row < 0
        rows = np.flatnonzero(~by_itself)
        place = of_row[rows]
        values[rows] = _clenshaw(at_points @ _TRANSFORM.T, place, (distances[rows] - centers[place]) / _HALF)
        errors[rows], growth[rows] = error[place], 1.0 + grown[place]
    if by_itself.any():
        values[by_itself] = tail(distances[by_itself])
    return values, errors, growth


def _clenshaw(coefficients: FloatArray, piece: WholeArray, x: FloatArray) -> FloatArray:
    """Return the polynomial of its piece at each x in [-1, 1]."""
    after, last = np.zeros(len(x)), np.zeros(len(x))
    for k in range(_DEGREE, 0, -1):
        after, last = 2.0 * x * after - last + coefficients[piece, k], after
    result: FloatArray = x * after - last + coefficients[piece, 0]
    return result
