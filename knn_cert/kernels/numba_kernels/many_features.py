"""The distance law of one row where all distances are large because there are many features.

The twin of csrc/include/knn_cert/many_features.hpp, where it is derived.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .jit import inner, merged
from .near_normal import mills_ratio, moment_ratios

_TERMS = 34
_NEAREST, _REACH = 150.0, 45.0


class ManyFeatures(NamedTuple):
    """Scratch."""

    a: np.ndarray  # of x^k in log f(t + x), or in log f(t - x)
    g: np.ndarray  # of y^k in S(t + t y) / S(t)
    G: np.ndarray  # of the exponential of the terms from the third on
    moments: np.ndarray
    ratio: np.ndarray


def new_many_features() -> ManyFeatures:
    return ManyFeatures(*(np.empty(_TERMS) for _ in range(5)))


@inner
def are_many(dof, s, t):
    """Whether the law of a row at s is had at t in this way."""
    middle = math.sqrt(s * s + dof)
    return dof >= 2.0 and middle >= _NEAREST and abs(t - middle) <= _REACH


@inner
def _difference(s, t, more):
    """t^2 - s^2 - more, to every digit: by halves of 26 bits, whose squares are exact."""
    t_high, s_high = 134217729.0 * t, 134217729.0 * s
    t_high, s_high = t_high - (t_high - t), s_high - (s_high - s)
    t_low, s_low = t - t_high, s - s_high
    first, second = t_high * t_high, s_high * s_high
    total = first - second
    back = total - first
    rest = (first - (total - back)) - (second + back)
    result = total - more
    back = result - total
    rest += (total - (result - back)) - (more + back)
    return result + (rest + 2.0 * (t_high * t_low - s_high * s_low) + (t_low * t_low - s_low * s_low))


@inner
def _excess(h):
    """h - log(1 + h): with v = h / (2 + h), log(1 + h) = 2 atanh(v) and h - 2 v = v h."""
    v = h / (2.0 + h)
    if abs(v) > 0.3:
        return h - math.log1p(h)
    total = 0.0
    for k in range(33, 2, -2):
        total = total * v * v + 1.0 / k
    return v * (h - 2.0 * v * v * total)


@inner
def _debye(q, S):
    first, second = (3.0 - 5.0 * q) / 24.0, (81.0 - q * (462.0 - 385.0 * q)) / 1152.0
    third = (30375.0 - q * (369603.0 - q * (765765.0 - 425425.0 * q))) / 414720.0
    return 1.0 + (first + (second + third / S) / S) / S


@inner
def _terms_needed(middle):
    term, j = 1.0, 1
    while 3 * j + 1 < _TERMS:
        term /= 3.0 * middle * j
        moment = term
        for k in range(3 * j - 1, 1, -2):
            moment *= k
        if moment < 1e-17:
            break
        j += 1
    return 3 * j + 1


@inner
def _series(law, n_terms, n, t, delta, S, q, c, lower):
    a, g = law.a, law.g
    g[0], g[1] = 1.0, c
    for k in range(1, max(n_terms, 4) - 1):
        g[k + 1] = c * ((1 - 2 * k) * g[k] + (2 - k) * g[k - 1]) / (k + 1)
    i2, i3 = c * c - g[2], -c * c * c + 2.0 * c * g[2] - g[3]
    j2, j3 = 6.0 * c * c - 3.0 * g[2], -10.0 * c * c * c + 12.0 * c * g[2] - 3.0 * g[3]
    sign, power, root, v, v_before = 1.0, 1.0, 1.0, 1.0, 0.0
    for k in range(n_terms - 1):
        if k == 0:
            b = 1.0 - t * t * delta / (t * t - n + S) - 0.5 * c
            b += (-3.0 * c + 15.0 * q * c) / (24.0 * S) + c * (-2.0 + q * (24.0 - 30.0 * q)) / (16.0 * S * S)
        else:
            root = g[k] - root
            following = (1.0 if k == 1 else 0.0) - 2.0 * c * v - c * v_before
            v, v_before = following, v
            b = sign * (n + 1.0) + S * root - 0.5 * c * v
            if k == 1:
                b += 2.0 * (3.0 * i2 - 5.0 * q * j2) / (24.0 * S) - t * t
            elif k == 2:
                b += 3.0 * (3.0 * i3 - 5.0 * q * j3) / (24.0 * S)
        power *= -t if lower else t
        a[k + 1] = b / ((k + 1) * power)
        sign = -sign


@merged
def many_features(law, dof, s, s_rest, t):
    """F, U, f at t for a row at s + s_rest."""
    n, a, G, moments = 0.5 * dof - 1.0, law.a, law.G, law.moments
    gap = (t - s) * (t + s)
    S = math.sqrt(n * n + s * s * t * t)
    delta = _difference(s, t, 2.0 * n) - 2.0 * s * s_rest
    e = s * s * delta / (S + s * s + n)
    h = (delta - e) / (s * s + 2.0 * n + e)
    q, c = (n / S) * (n / S), (s * t / S) * (s * t / S)
    density = t / math.sqrt(6.28318530717958647692 * S) * _debye(q, S)
    density *= math.exp(-0.5 * e * h - n * _excess(h))
    lower = gap < dof
    n_terms = _terms_needed(math.sqrt(s * s + dof))
    _series(law, n_terms, n, t, delta, S, q, c, lower)
    scale = 1.0 / math.sqrt(-2.0 * a[2])
    power = scale * scale
    for k in range(3, n_terms):
        power *= scale
        a[k] *= k * power
    G[0], G[1], G[2] = 1.0, 0.0, 0.0
    for j in range(3, n_terms):
        total = 0.0
        for k in range(3, j + 1):
            total += a[k] * G[j - k]
        G[j] = total / j
    v = -a[1] * scale
    if v <= 3.0:
        moments[0] = mills_ratio(v)
        moments[1] = 1.0 - v * moments[0]
        for j in range(1, n_terms - 1):
            moments[j + 1] = j * moments[j - 1] - v * moments[j]
    else:
        moment_ratios(v, n_terms, law.ratio)
        moments[0] = 1.0 / (v + law.ratio[1])
        for j in range(1, n_terms):
            moments[j] = law.ratio[j] * moments[j - 1]
    tail = 0.0
    for k in range(n_terms - 1, -1, -1):
        tail += G[k] * moments[k]
    own = min(1.0, density * scale * tail)
    if lower:
        return own, 1.0 - own, density
    return 1.0 - own, own, density
