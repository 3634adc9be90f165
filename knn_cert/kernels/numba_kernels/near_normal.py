"""The distance law of rows far from the query, where it is nearly normal, or certain in binary64.

The twin of csrc/include/knn_cert/near_normal.hpp, where it is derived: U = phi(w) (t / s)^p sum_j c_j t^-j
M_j(w), w = t - s, with binomial and Hankel coefficients in c_j and M_j the moments of a normal tail.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .jit import inner, merged

_HANKEL, _TERMS, _RATIOS = 12, 40, 64
_NEAREST, _REACH = 12.0, 45.0
# Farther than this from where it is expected a row is not, in binary64.
OUT_OF_REACH = 38.7

_MEAN_OF_HALF = 0.79788456080286535588  # M_1(0) / M_0(0)


class NearNormal(NamedTuple):
    """Coefficients for one number of features, and scratch."""

    state: np.ndarray  # dof, p, the nearest row that is served; dof = -1: nothing is set
    hankel: np.ndarray  # h_k
    binomial: np.ndarray  # binom(p - k, j) at k * _TERMS + j
    z: np.ndarray  # scratch: h_k (s t)^-k
    ratio: np.ndarray  # scratch: M_j / M_{j-1}


def new_near_normal() -> NearNormal:
    return NearNormal(
        np.full(3, -1.0),
        np.empty(_HANKEL),
        np.empty(_HANKEL * _TERMS),
        np.empty(_HANKEL),
        np.empty(_TERMS + 1),
    )


@inner
def _set_dof(law, dof):
    p = 0.5 * (dof - 1.0)
    order = p - 0.5
    law.hankel[0] = 1.0
    for k in range(1, _HANKEL):
        odd = 2.0 * k - 1.0
        law.hankel[k] = law.hankel[k - 1] * (odd * odd - 4.0 * order * order) / (8.0 * k)
    for k in range(_HANKEL):
        law.binomial[k * _TERMS] = 1.0
        for j in range(1, _TERMS):
            law.binomial[k * _TERMS + j] = law.binomial[k * _TERMS + j - 1] * (p - k - (j - 1)) / j
    nearest = max(_NEAREST, 2.0 * abs(p))
    while not _converges(law, nearest):
        nearest *= 1.25
    law.state[0], law.state[1], law.state[2] = dof, p, nearest


@inner
def _converges(law, t):
    """Whether the last terms that are kept are negligible from t on."""
    power, even, odd, last = 1.0, 1.0, 0.8, 1.0
    for j in range(1, _TERMS):
        power /= t
        last = abs(law.binomial[j]) * power * (odd if j % 2 else even)
        if j % 2:
            odd *= j + 1
        else:
            even *= j + 1
        if last < 1e-18:
            break
    rest = 1.0
    for k in range(_HANKEL):
        rest = abs(law.hankel[k]) * (t * t) ** -k
        if rest < 1e-18:
            break
    return last < 1e-18 and rest < 1e-18


@inner
def certainly(dof, s, t):
    """1 where F = 1 and U = 0 in binary64, -1 the other way round, else 0."""
    whole, below, above = float(math.floor(dof)), t + OUT_OF_REACH, t - OUT_OF_REACH
    if below <= s or below * below <= s * s + whole - 1.0:
        return -1
    if above > s and above * above >= s * s + whole + 1.0:
        return 1
    return 0


@inner
def applies(law, dof, s, t):
    """Whether the law of a row at s is had at t in this way."""
    if law.state[0] != dof:
        _set_dof(law, dof)
    return min(s, t) >= law.state[2] and abs(t - s) <= _REACH


@inner
def mills_ratio(v):
    """P(N > v) / phi(v), v >= -1 or so."""
    if v < 4.0:
        return 1.2533141373155002512 * math.exp(0.5 * v * v) * math.erfc(v * 0.70710678118654752440)
    n = 28 if v < 8.0 else 10 if v < 16.0 else 6
    r = 0.0
    for k in range(n, 0, -1):
        r = k / (v + r)
    return 1.0 / (v + r)


@inner
def moment_ratios(v, n, ratio):
    """M_j / M_{j-1}, 1 <= j < n, of the moments M_j of e^{-v x - x^2 / 2}, x > 0; for v >= 3, n <= 41."""
    r = 0.5 * (math.sqrt(v * v + 4.0 * _RATIOS) - v)
    for j in range(_RATIOS, 0, -1):
        r = j / (v + r)
        if j < n:
            ratio[j] = r


@merged
def near_normal(law, dof, s, s_rest, t):
    """F, U, f at t for a row at s + s_rest."""
    p, z, ratio = law.state[1], law.z, law.ratio
    w, inverse = (t - s) - s_rest, 1.0 / (s * t)
    lower = (t - s) * (t + s) < dof
    v, x = (-w, -1.0 / t) if lower else (w, 1.0 / t)
    n_hankel, power = 0, 1.0
    while n_hankel < _HANKEL:
        z[n_hankel] = law.hankel[n_hankel] * power
        if abs(z[n_hankel]) < 1e-18:
            break
        n_hankel += 1
        power *= inverse
    c0 = 0.0
    for k in range(n_hankel - 1, -1, -1):
        c0 += z[k]
    upwards = v <= 0.5 * t and v * abs(p) <= 1.5 * t
    if upwards:
        before = mills_ratio(v)
        moment = 1.0 - v * before
    else:
        moment_ratios(v, _TERMS + 1, ratio)
        before = 1.0 / (v + ratio[1])
        moment = ratio[1] * before
    tail = c0 * before
    power, even, odd = 1.0, 1.0, _MEAN_OF_HALF
    for j in range(1, _TERMS):
        power *= x
        c = 0.0
        for k in range(n_hankel - 1, -1, -1):
            c += z[k] * law.binomial[k * _TERMS + j]
        tail += c * power * moment
        largest = odd if j % 2 else even
        if abs(law.binomial[j] * power) * largest < 1e-18 and abs(c * power) * even < 1e-18:
            break
        if j % 2:
            odd *= j + 1
        else:
            even *= j + 1
        following = j * before - v * moment if upwards else ratio[j + 1] * moment
        before, moment = moment, following
    scale = math.exp(p * math.log1p(w / s) - 0.5 * w * w) * 0.39894228040143267794
    own = min(1.0, scale * tail)
    if lower:
        return own, 1.0 - own, scale * c0
    return 1.0 - own, own, scale * c0
