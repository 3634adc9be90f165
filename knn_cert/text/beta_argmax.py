"""The law of CROWD's program, by quadrature: the largest of several products of Beta draw and similarity."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from ..gate.errors import InvalidInput
from ..gate.numbers import as_positive

__all__ = ["beta_argmax", "fit_beta"]

# Errors of the probabilities go together with that of their sum, which is known.
_QUADRATURE_ERROR = 1e-10

# Probability that may lie below the first point of the quadrature: nothing beside its error.
_LOST = 1e-18

# Where that point may be, as shares of s_j; each is nearer to 1 than the one before by a factor of 2**(1/4).
_CUTS = np.append(0.0, 1.0 - 2.0 ** (-np.arange(1, 160) / 4.0))

# sinh of the farthest point: a distance from the end of exp(-pi times that), 1e-300, is a double still.
_FARTHEST = 220.0

# Values of F that are held at once: 4 MB.
_QUADRATURE_BLOCK = 1 << 19


def fit_beta(similarities: ArrayLike) -> tuple[float, float]:
    """Return the Beta law with the mean and the population variance of the similarities, by moments.

    Parameters
    ----------
    similarities : array_like of shape (m,)

    Returns
    -------
    alpha, beta : float > 0
        ``mu k`` and ``(1 - mu) k`` with ``k = mu (1 - mu) / sigma**2 - 1``.

    Raises
    ------
    ValueError
        If there is no such law; the message says what the released code does then.
    """
    s = np.asarray(similarities, dtype=np.float64)
    if s.ndim != 1 or not s.size:
        raise InvalidInput(f"similarities must be a sequence of numbers, got {similarities!r:.80}")
    mean, variance = s.mean(), s.var()
    if np.all(s == s[0]):
        raise InvalidInput(
            f"all similarities are equal ({s[0]:g}), so their variance is 0; the released code divides by "
            "it, gets NaN and takes the first candidate every time, without any noise"
        )
    if s.min() < 0.0:
        raise InvalidInput(
            f"a similarity is negative ({s.min():.6g}); the released code fails if mean or variance are out "
            "of range, else it divides the products by their sum, and a negative sum turns their order"
        )
    with np.errstate(over="ignore"):
        k = mean * (1.0 - mean) / variance - 1.0
    if not (0.0 < mean < 1.0 and 0.0 < k < np.inf):
        raise InvalidInput(
            f"no Beta law has mean {mean:.6g} and variance {variance:.6g}; the released code stops with a "
            "ValueError of numpy"
        )
    return float(mean * k), float((1.0 - mean) * k)


def beta_argmax(similarities: ArrayLike, alpha: float, beta: float) -> NDArray[np.float64]:
    """Return the law of ``argmax_j B_j s_j`` with independent B_j of one Beta law, as real numbers.

    Doubles that are drawn from a Beta law round to 0 or 1 with a probability that is not small where alpha or
    beta are far below 1. That is not part of this law.

    ``P(j) = integral of f(x / s_j) / s_j prod_{k != j} F(min(1, x / s_k)) dx`` over x in (0, s_j), with
    density f and distribution function F.

    Parameters
    ----------
    similarities : array_like of shape (m,), in [0, 1]
        Not all 0.
    alpha, beta : float > 0

    Returns
    -------
    ndarray of shape (m,), float64
        Errors below 1e-10: they are checked to add up to 1 within that.

    Raises
    ------
    ValueError
        If a number is out of range, or the Beta law is too narrow, or too close to 0 and 1, to be integrated.
    """
    s = np.asarray(similarities, dtype=np.float64)
    if s.ndim != 1 or not np.all((s >= 0.0) & (s <= 1.0)) or not s.any():
        raise InvalidInput(
            f"similarities must be a sequence of numbers in [0, 1], not all 0; got {similarities!r:.80}"
        )
    alpha, beta = as_positive(alpha, "alpha"), as_positive(beta, "beta")
    # Each time twice as fine. The sum of the law shows the error, whatever the Beta law.
    for points_per_unit in (10, 20, 40, 80):
        law = np.zeros(len(s))
        law[s > 0.0] = _argmax_law(s[s > 0.0], alpha, beta, points_per_unit)
        if abs(math.fsum(law) - 1.0) < _QUADRATURE_ERROR:
            return law
    raise InvalidInput(
        f"the products with a Beta law of alpha = {alpha:.3g} and beta = {beta:.3g} cannot be integrated to "
        f"{_QUADRATURE_ERROR:g}: it is too narrow, or too close to 0 and 1"
    )


@np.errstate(all="ignore")  # whether it went well is seen from the sum of the law
def _argmax_law(
    s: NDArray[np.float64], alpha: float, beta: float, points_per_unit: int
) -> NDArray[np.float64]:
    """Integrate by one tanh-sinh quadrature between all neighbouring s_k, the kinks of F(min(1, x / s_k))."""
    order = np.argsort(-s, kind="stable")
    s = s[order]
    # All of the n candidates from s_j upwards stay below s_j t with probability at most F(t)**n.
    lost = _LOST ** (1.0 / np.arange(1, len(s) + 1))
    start = np.max(s * _CUTS[np.searchsorted(special.betainc(alpha, beta, _CUTS), lost, side="right") - 1])
    ends = np.unique(s[s > start])
    starts = np.append(start, ends[:-1])
    # The density is a power of the distance from 0 and from s_k: so far out that this power is lost too.
    reach = np.arcsinh(min(-math.log(_LOST) / math.pi / min(alpha, beta, 1.0), _FARTHEST))
    t = np.linspace(-reach, reach, int(2 * points_per_unit * reach) + 1)
    from_start, from_end = special.expit(math.pi * np.sinh(t)), special.expit(-math.pi * np.sinh(t))
    weights = (t[1] - t[0]) * math.pi * np.cosh(t) * from_start * from_end
    law = np.zeros(len(s))
    size = max(1, _QUADRATURE_BLOCK // (len(t) * len(s)))
    for i in range(0, len(ends), size):
        end = ends[i : i + size, None]
        length = end - starts[i : i + size, None]
        # Both x and its distance from the end are needed to full relative precision.
        x = (starts[i : i + size, None] + from_start * length).ravel()
        distance = (from_end * length).ravel()
        end = np.repeat(end.ravel(), len(t))
        k, point = np.nonzero(s[:, None] >= end)
        ratio, missing = x[point] / s[k], (distance[point] + (s[k] - end[point])) / s[k]
        near = missing < 0.5
        logs = np.where(near, np.log1p(-missing), np.log(ratio))
        density, below = np.zeros((len(s), len(x))), np.ones((len(s), len(x)))
        density[k, point] = np.exp(
            (alpha - 1.0) * logs + (beta - 1.0) * np.log(missing) - special.betaln(alpha, beta)
        )
        below[k[near], point[near]] = 1.0 - special.betainc(beta, alpha, missing[near])
        below[k[~near], point[~near]] = special.betainc(alpha, beta, ratio[~near])
        # The product of all others, without dividing by what may be 0.
        one = np.ones((1, len(x)))
        before = np.cumprod(np.concatenate([one, below[:-1]]), axis=0)
        after = np.cumprod(np.concatenate([one, below[:0:-1]]), axis=0)[::-1]
        law += (density * before * after) @ (weights * length).ravel() / s
    result = np.empty(len(s))
    result[order] = law
    return result
