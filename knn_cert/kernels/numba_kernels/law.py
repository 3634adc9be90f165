"""The distance law of a row at radii: F = P(R <= t), U = P(R > t), f = dF/dt, each relatively exact.

csrc/include/knn_cert/poisson_gamma.hpp and ncx2.hpp have the lemmas. Letters: w(k, m) = e^-m m^k / Gamma(k +
1); a = dof/2, mu = s^2/2, y = t^2/2, p_j = w(j, mu), g_j = w(a + j, y); F = sum_j p_j P(a + j, y), U = sum_j
p_j Q(a + j, y), f = t sum_j p_j g_{j-1}: P, Q and g at a block of nodes serve all rows. Where the sums would
be long, an integral over a circle takes their place.
"""

from __future__ import annotations

import math

import numpy as np

from .. import reference_loops as reference
from .jit import inner, kernel

# Nodes or edges that are worked out together: long against the processor's vectors, short against a window.
NODES = 32

# A row is not farther than this from where it is expected, in binary64: exp(-OUT_OF_REACH^2 / 2) is zero.
OUT_OF_REACH = 38.7

# Up to this radius there are sums, of at most 16384 terms; beyond, what is not certain has (t^2 + s^2) / 2 >
# 1e4, which is plenty for the circle.
LAST_SUMMED = 150.0
CHUNK = 256  # terms that are made together

# Loader's two functions: log Gamma(x + 1) against Stirling's formula, and x log(x / m) + m - x.
_stirling_error, _deviance = inner(reference._stirling_error), inner(reference._deviance)


@inner
def _split_square(x):
    """Return x^2 and what its rounding left over (Dekker): far out the last bit moves a weight a lot."""
    square = x * x
    if not 1e-140 < x < 1e150:
        return square, 0.0
    c = 134217729.0 * x  # 2^27 + 1
    high = c - (c - x)
    low = x - high
    return square, ((high * high - square) + 2.0 * high * low) + low * low


@inner
def _split_sum(a, b):
    """Return a + b and what its rounding left over."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@inner
def _log_weight(k, k_rest, m, m_rest):
    """Return log w(k, m), k >= 0, by Loader's saddle point.

    Both arguments with what their rounding left over: the derivatives are -log(k / m) and k / m - 1.
    """
    if m == 0.0:
        return 0.0 if k == 0.0 else -math.inf
    weight = -m if k == 0.0 else -_deviance(k, m) - _stirling_error(k) - 0.5 * math.log(2.0 * math.pi * k)
    weight += (k / m - 1.0) * m_rest
    return weight if k_rest == 0.0 else weight - k_rest * math.log(k / m)


@inner
def _by_circle(dof, s, s_rest, t):
    """Return (F, U, f) by 62 nodes on a circle; csrc/include/knn_cert/ncx2.hpp derives it."""
    s2, s2_rest = _split_square(s)
    t2, t2_rest = _split_square(t)
    gap, gap_rest = _split_sum(t2, -s2)
    lower = gap < dof
    a, mu, y = 0.5 * dof, 0.5 * s2, 0.5 * t2
    excess, rest = _split_sum(0.5 * gap, -a)
    excess += rest + 0.5 * (gap_rest + (t2_rest - s2_rest)) - s * s_rest
    root = math.hypot(a, 2.0 * math.sqrt(mu) * math.sqrt(y))
    z0 = (a + root) / (2.0 * y)
    curvature = a + 2.0 * mu / z0
    b = 2.0 * y - a
    e0 = -2.0 * excess / (b + root) if b > 0.0 else (root - b) / (2.0 * y)
    side = 1.0 if lower else -1.0
    reach = math.hypot(e0, 2.0 * z0 / math.sqrt(curvature))
    if side * e0 > 0.0:
        e = 0.5 * (e0 + side * reach)
    else:
        e = 2.0 * z0 * (z0 / curvature) / (side * reach - e0)
    if abs(e) < 0.5:
        # arranged so that nothing of the size of y or a cancels; any circle near the best one does, but 1 + e
        # must be r itself
        r = 1.0 + e
        e = r - 1.0
        log_scale = e * (excess + e * (y - a)) / r + a * _deviance(1.0, r)
        tilt = (excess + e * (b + e * y)) / r
    else:
        moved = z0 / e * (z0 / curvature)
        r = z0 + moved
        log_scale = e * (y - mu / r) - a * math.log(r)
        tilt = (y * r + mu / z0) / r * moved
    bell = mu / r + y * r
    step = 0.15 / math.sqrt(bell)
    tail, density = 0.0, 0.0
    for k in range(62):  # conjugate nodes together
        angle = k * step
        sine, half_sine = math.sin(angle), math.sin(0.5 * angle)
        dip = 2.0 * half_sine * half_sine
        square = angle * angle
        bend = angle * square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0 * (1.0 - square / 72.0)))
        size = (0.5 if k == 0 else 1.0) * math.exp(-bell * dip)
        phase = tilt * sine - a * bend
        real, imag = size * math.cos(phase), size * math.sin(phase)
        x, u = 1.0 - dip, e / r - dip  # z = r (x + i sine), z - 1 = r (u + i sine)
        z_real, z_imag = real * x - imag * sine, real * sine + imag * x
        density += z_real
        tail += (z_real * u + z_imag * sine) / (u * u + sine * sine)
    scale = math.exp(log_scale) * step / math.pi
    own, f = min(1.0, scale * side * tail), scale * t * r * density
    return (own, 1.0 - own, f) if lower else (1.0 - own, own, f)


# ------------------------------------------------------------------------------------------------------------
# Sums


@inner
def largest_term(dof, s, t):
    """Return the j with the largest p_j g_j at node t: j (j + a) = mu y."""
    a, product = 0.5 * dof, 0.25 * s * s * t * t
    return math.floor(product / (0.5 * a + math.sqrt(0.25 * a * a + product)))


@inner
def reach(peak):
    """How far from the largest the terms of F, U and f are below 1e-19 of their sums: ten deviations."""
    return 11.0 * math.sqrt(peak + 20.0) + 40.0


@inner
def _weights(order, m, m_rest, n, out, at, stride):
    """Write w(order + i, m) = e^-m m^k / Gamma(k + 1), k = order + i, i < n, to out[at + i stride].

    From the largest of 64 both ways: errors do not pile up, and nothing starts from what has underflowed.
    """
    for start in range(0, n, 64):
        end = min(n, start + 64)
        top = start + int(min(end - start - 1.0, max(0.0, math.floor(m - (order + start)))))
        k, rest = _split_sum(order, float(top))
        if k >= 0.0:
            value = math.exp(_log_weight(k, rest, m, m_rest))
        else:  # -1/2: one feature
            value = math.exp(_log_weight(k + 1.0, rest, m, m_rest)) * ((k + 1.0) / m)
        out[at + top * stride] = value
        for i in range(top + 1, end):
            out[at + i * stride] = out[at + (i - 1) * stride] * (m / (order + i))
        for i in range(top - 1, start - 1, -1):
            out[at + i * stride] = out[at + (i + 1) * stride] * ((order + (i + 1)) / m)


@kernel
def fill_terms(dof, t, first_order, first_q, terms):
    """Fill terms[j][3][node] with P(a + j, y), Q(a + j, y), w(a + j - 1, y), a = dof / 2, y = t^2 / 2.

    first_q[node] = Q(first_order, y), a whole number of orders below a. Both tails are positive sums, P(b) =
    w(b) + P(b + 1) from the top, where it is out of reach, and Q(b + 1) = w(b) + Q(b).
    """
    step, n = 3 * NODES, terms.size // (3 * NODES)
    n_below = int(round(0.5 * dof - first_order))
    below = np.empty(n_below)
    for node in range(NODES):
        y, y_rest = _split_square(t[node])
        y, y_rest = 0.5 * y, 0.5 * y_rest
        P, Q = 0.0, 1.0
        if y > 0.0 and t[node] <= LAST_SUMMED:
            _weights(0.5 * dof - 1.0, y, y_rest, n, terms, 2 * NODES + node, step)
            _weights(first_order, y, y_rest, n_below, below, 0, 1)
            Q = first_q[node] * math.exp(-y_rest)
            for i in range(n_below):
                Q += below[i]
        else:
            for j in range(n):
                terms[j * step + 2 * NODES + node] = 0.0
        for j in range(n):
            terms[j * step + NODES + node] = Q
            if j + 1 < n:
                Q += terms[(j + 1) * step + 2 * NODES + node]
        for j in range(n - 1, -1, -1):
            terms[j * step + node] = P
            P += terms[j * step + 2 * NODES + node]


@inner
def _sure(dof, s, t):
    """Return 1 where F = 1 and U = 0 in binary64, -1 the other way round, else 0."""
    whole, below, above = math.floor(dof), t + OUT_OF_REACH, t - OUT_OF_REACH
    if below <= s or below * below <= s * s + whole - 1.0:
        return -1
    if above > s and above * above >= s * s + whole + 1.0:
        return 1
    return 0


@inner
def _law_at(dof, t, terms, s, s_rest, weights, out):
    """Work out F, U, f of a row at s + s_rest at all nodes; `weights` is scratch."""
    step = 3 * NODES
    n = terms.size // step
    if s < 1e-140:  # its square would lose its digits
        s = s_rest = 0.0
    for i in range(step):
        out[i] = 0.0
    if n > 0:
        t_first, t_last = LAST_SUMMED, 0.0
        for node in range(NODES):
            if 0.0 < t[node] <= LAST_SUMMED:
                t_first, t_last = min(t_first, t[node]), max(t_last, t[node])
        s2, s2_rest = _split_square(s)
        mu, low, high = 0.5 * s2, 0, 1
        if mu > 0.0:
            # F's and U's terms are largest between mu and the peak of f's
            least = min(mu, largest_term(dof, s, min(t_first, t_last)))
            most = max(min(mu, float(n)), largest_term(dof, s, t_last))
            low = int(max(0.0, min(float(n - 1), least - reach(least))))
            high = int(min(float(n), most + reach(most) + 1.0))
        _weights(float(low), mu, 0.5 * s2_rest + s * s_rest, high - low, weights, 0, 1)
        for j in range(low, high):
            p, at = weights[j - low], j * step
            for i in range(step):
                out[i] += p * terms[at + i]
    for node in range(NODES):
        F, U, f = out[node], out[NODES + node], out[2 * NODES + node] * t[node]
        # The larger tail as the complement: its sum errs by about 1e-14, the same way for all rows, and
        # thousands of factors U near 1 would add that up.
        if t[node] > LAST_SUMMED:
            sure = _sure(dof, s, t[node])
            F, U, f = (1.0, 0.0, 0.0) if sure > 0 else (0.0, 1.0, 0.0)
            if sure == 0:
                F, U, f = _by_circle(dof, s, s_rest, t[node])
        elif (t[node] - s) * (t[node] + s) < dof:
            F = min(1.0, F)
            U = 1.0 - F
        else:
            U = min(1.0, U)
            F = 1.0 - U
        out[node], out[NODES + node], out[2 * NODES + node] = F, U, f


@kernel
def laws(dof, t, terms, s, s_rest, out):
    """Fill out[i][3][node] with F, U, f of a row at s[i] + s_rest[i]."""
    weights = np.empty(max(1, terms.size // (3 * NODES)))
    for i in range(s.size):
        _law_at(dof, t, terms, s[i], s_rest[i], weights, out[i])
