"""How likely each noisy row is within the radius: both tails of its law, and how far they may be wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from ..._types import FloatArray, WholeArray
from ...kernels.contract import Kernel
from .many_tails import tails_by_distance

__all__ = ["Ball", "Chances", "chances_within"]

_UNIT = float(np.finfo(np.float64).eps) / 2.0

# A radius is divided and squared with fewer roundings than this.
_ROUNDINGS = 8.0 * _UNIT

# A row h = 27 sigma beyond the radius is not within it, one sqrt(d) + h sigma on this side of it is:
# for R >= s + Z_1 and R <= s + |Z|, where P(|Z| > sqrt(d) + h) <= exp(-h^2 / 2), anything else is less likely
# than 1e-158.
_OUT_OF_REACH = 27.0


class Ball(NamedTuple):
    """Where noisy rows vote: within a radius of the query.

    Attributes
    ----------
    radius, sigma : float
    dof : int or float
    kernel : Kernel
        What has the law of a row.
    """

    radius: float
    sigma: float
    dof: int | float
    kernel: Kernel

    def rounded(self, side: int) -> Ball:
        """Return a ball that is larger, or for -1 smaller, by more than rounding makes of it."""
        return self._replace(radius=self.radius * (1.0 + side * _ROUNDINGS))


class Chances(NamedTuple):
    """Independent rows, each of which is within the radius or not.

    Attributes
    ----------
    inside, outside : ndarray of shape (n,)
        Probabilities that the row is within the radius, and that it is not.
    doubt : ndarray of shape (n,)
        Bound on the relative error of both.
    """

    inside: FloatArray
    outside: FloatArray
    doubt: FloatArray

    def take(self, rows: WholeArray | slice) -> Chances:
        """Return some of the rows."""
        return Chances(*(column[rows] for column in self))

    def opposite(self) -> Chances:
        """Return rows that count where these do not."""
        return Chances(self.outside, self.inside, self.doubt)

    @classmethod
    def join(cls, *parts: Chances) -> Chances:
        """Return the rows of several as one."""
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def chances_within(ball: Ball, distances: FloatArray) -> Chances:
    """Return the chances of rows at these distances from the query.

    The tail on the other side of the mean is worked out, the one that the mean is in is its complement: it is
    not small, so nothing is lost. Their relative error is that of the law, and of t = radius / sigma and
    s = distance / sigma, whose squares are rounded three times: t and s by less than 2 u of them. A row that
    is farther by h comes within t at least where it came within t - h, so F and U change by no more than the
    density f times the changes of t and of s. With a = dof / 2, y = t^2 / 2, mu = s^2 / 2 and
    F = sum_j p_j P(a + j, y):

      t f / F <= 2 (a + mu)   for y P'(b, y) <= b P(b, y), and the mean of j by p_j P(a + j, y) is below mu
      t f / U <= 2 y + 1      for Gamma(b, y) >= y^b e^-y / (y + 1/2) where b >= 1/2
    """
    t, s, n = ball.radius / ball.sigma, distances / ball.sigma, len(distances)
    with np.errstate(over="ignore"):
        x, nonc = t * t, s * s
    with np.errstate(invalid="ignore"):  # a row that was moved infinitely far
        far, near = s - t > _OUT_OF_REACH, t - s > np.sqrt(ball.dof) + _OUT_OF_REACH
    is_lower = x < ball.dof + nonc
    small, large = np.zeros(n), np.ones(n)
    of_law, growth = np.zeros(n), np.ones(n)
    for law, which in ((ball.kernel.ncx2_cdf, is_lower & ~far), (ball.kernel.ncx2_sf, ~is_lower & ~near)):
        if which.any():
            tail = partial(_tails, law, x, float(ball.dof))
            small[which], of_law[which], growth[which] = tails_by_distance(
                tail, s[which], falls=law is ball.kernel.ncx2_cdf
            )
            large[which] = 1.0 - small[which]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        of_complement = np.maximum(1.0, small / large)
        slope = np.maximum(x + 1.0, ball.dof + nonc) / t
        doubt = of_law * of_complement + 2.0 * _UNIT + 2.0 * _UNIT * slope * (t + s) * growth
    return Chances(np.where(is_lower, small, large), np.where(is_lower, large, small), doubt)


def _tails(
    law: Callable[[FloatArray, FloatArray, FloatArray], FloatArray], x: float, dof: float, s: FloatArray
) -> FloatArray:
    return law(np.full(len(s), x), np.full(len(s), dof), s * s)
