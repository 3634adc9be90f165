"""The distance law for one row and one radius: both tails of non-central chi-square, logarithms, density.

The twin of csrc/include/knn_cert/poisson_gamma.hpp and ncx2.hpp, where the lemmas stand beside the loops.
Letters: w(k, m) = e^-m m^k / Gamma(k + 1); a = dof/2, mu = s^2/2, y = t^2/2, p_j = w(j, mu), g_j = w(a + j,
y); F = sum_j p_j P(a + j, y), U = sum_j p_j Q(a + j, y), density of R = t sum_j p_j g_{j-1}.
"""

from __future__ import annotations

import math

from .jit import inner, kernel

CDF, SF, LOGCDF, LOGSF = range(4)

# From sqrt(a^2 + (s t)^2) on the circle takes over in single evaluations: the sums have more terms than it
# nodes.
_LONG_SUMS = 1e4

_HALF_LOG_2_PI = 0.91893853320467274178

# Terms below this share of a sum of positive terms are dropped; what they leave out is bounded by a geometric
# series of ratio < 1 - 1e-4 wherever this is used, hence below 1e-15 of the sum.
_NEGLIGIBLE = 1e-19


# ------------------------------------------------------------------------------------------------------------
# Poisson weights and the incomplete gamma function


@inner
def _stirling_series(x):
    r = 1.0 / x
    r2 = r * r
    series = 1.0 / 1188.0 - r2 * 691.0 / 360360.0
    series = 1.0 / 360.0 - r2 * (1.0 / 1260.0 - r2 * (1.0 / 1680.0 - r2 * series))
    return r * (1.0 / 12.0 - r2 * series)


@inner
def _stirling_error(x):
    """log Gamma(x + 1) - (x + 1/2) log x + x - log(2 pi)/2, x > 0; six terms leave 1e-18 from 16 on."""
    if x >= 16.0:
        return _stirling_series(x)
    product, z = 1.0, x
    while z < 16.0:
        z += 1.0
        product *= z
    log_gamma = (z + 0.5) * math.log(z) - z + _HALF_LOG_2_PI + _stirling_series(z) - math.log(product)
    return log_gamma - (x + 0.5) * math.log(x) + x - _HALF_LOG_2_PI


@inner
def _deviance(x, m):
    """x log(x / m) + m - x >= 0, x, m > 0, without cancellation near x = m (a series in (x - m)/(x + m))."""
    if abs(x - m) < 0.6 * (x + m):
        v = (x - m) / (x + m)
        total, power, j = (x - m) * v, 2.0 * x * v, 3
        while True:
            power *= v * v
            longer = total + power / j
            if longer == total:
                return total
            total = longer
            j += 2
    return x * math.log(x / m) + m - x


@inner
def log_poisson_weight(k, m):
    """log w(k, m) for real k >= 0 by Loader's saddle point."""
    if m == 0.0:
        return 0.0 if k == 0.0 else -math.inf
    if k == 0.0:
        return -m
    return -_deviance(k, m) - _stirling_error(k) - _HALF_LOG_2_PI - 0.5 * math.log(k)


@inner
def split_square(x):
    """x^2 and what its rounding left over (Dekker): far out the last bit moves a Poisson weight a lot."""
    square = x * x
    if not 1e-140 < x < 1e150:
        return square, 0.0
    c = 134217729.0 * x  # 2^27 + 1
    high = c - (c - x)
    low = x - high
    return square, ((high * high - square) + 2.0 * high * low) + low * low


@inner
def split_sum(a, b):
    """a + b and what its rounding left over."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@inner
def log_split_weight(k, k_rest, m, m_rest):
    """`log_poisson_weight` of numbers before they were rounded: derivatives -log(k / m) and k / m - 1."""
    weight = log_poisson_weight(k, m)
    if m == 0.0:
        return weight
    weight += (k / m - 1.0) * m_rest
    return weight if k_rest == 0.0 else weight - k_rest * math.log(k / m)


@inner
def _sum_upwards(term, k, y):
    """w(k, y) + w(k + 1, y) + ..., the first of them given."""
    total = 0.0
    while term > _NEGLIGIBLE * total:
        total += term
        k += 1.0
        term *= y / k
    return total


@inner
def _gamma_q_over_weight(alpha, y):
    """Q(alpha, y) / w(alpha, y), 0 < alpha <= 1, y > 0: a quotient, as both underflow where it does not."""
    if y < 1.5:
        weight = math.exp(log_poisson_weight(alpha, y))
        if alpha == 1.0:
            return math.exp(-y) / weight
        if alpha == 0.5:
            return math.erfc(math.sqrt(y)) / weight
        return (1.0 - _sum_upwards(weight, alpha, y)) / weight  # P is at most 0.96 here
    # Legendre's continued fraction by Lentz's method: Q = e^-y y^alpha / Gamma(alpha) h
    b = y + 1.0 - alpha
    c, d = 1e300, 1.0 / b
    h = d
    for i in range(1, 500):
        an = -i * (i - alpha)
        b += 2.0
        d = 1.0 / (an * d + b)
        c = b + an / c
        h *= d * c
        if abs(d * c - 1.0) < 1e-16:
            break
    return alpha * h


@inner
def gamma_tails(a, y, y_rest):
    """(P, Q) of Gamma(a, 1) at y: the smaller one as a sum, the other as its complement."""
    if y == 0.0:
        return 0.0, 1.0
    if y == math.inf:
        return 1.0, 0.0
    if y < a + 0.5:
        total = _sum_upwards(math.exp(log_split_weight(a, 0.0, y, y_rest)), a, y)
        return total, 1.0 - total
    # Q(a) = w(a-1) + w(a-2) + ... + Q(alpha), 0 < alpha <= 1
    order, total = a - 1.0, 0.0
    if order > 0.0:
        term = math.exp(log_split_weight(order, 0.0, y, y_rest))
        while True:
            if term <= _NEGLIGIBLE * total:
                return 1.0 - total, total
            total += term
            if order <= 1.0:
                break
            term *= order / y
            order -= 1.0
    else:
        order += 1.0
    total += _gamma_q_over_weight(order, y) * math.exp(log_split_weight(order, 0.0, y, y_rest))
    return 1.0 - total, total


# ------------------------------------------------------------------------------------------------------------
# The mixture, relative to its largest product p_j0 g_j0. pi = p_j g_j; p_j and g_j alone would overflow.


@inner
def _lower_sum(a, mu, y, j0):
    """(F, density of R), relative, for x below the mean; c = P(a + j) / g_j."""
    pi, j = 1.0, j0
    # up without summing, until what lies above is negligible (pi must not underflow: the way back divides)
    while mu > 0.0:
        rho_g = y / (a + j + 1.0)
        rho = rho_g * (mu / (j + 1.0))
        if not (rho >= 1.0) and not (pi * rho > _NEGLIGIBLE * (1.0 - rho_g) * (1.0 - rho)):
            break
        pi *= rho
        j += 1.0
    c = _sum_upwards(1.0, a + j, y)
    tail, density = 0.0, 0.0
    while True:
        term = pi * c
        tail += term
        density += pi * ((a + j) / y)
        if j == 0.0:
            break
        pi_next, c_next = pi * ((j / mu) * ((a + j) / y)), 1.0 + c * (y / (a + j))
        ratio = (pi_next * c_next) / term
        if j <= j0 and not (ratio >= 1.0) and not (term * ratio > _NEGLIGIBLE * tail * (1.0 - ratio)):
            break
        pi, c = pi_next, c_next
        j -= 1.0
    return tail, density * math.sqrt(2.0 * y)


@inner
def _upper_sum(a, mu, y, j0):
    """(U, density of R), relative, for x above the mean; c = Q(a + j) / g_j."""
    pi, j = 1.0, j0
    # down without summing
    while j > 0.0:
        rho_g = (a + j) / y
        rho = rho_g * (j / mu)
        if not (rho >= 1.0) and not (pi * rho > _NEGLIGIBLE * (1.0 - rho_g) * (1.0 - rho)):
            break
        pi *= rho
        j -= 1.0
    # Q(a + j) = g_{j-1} + g_{j-2} + ... + Q(alpha, y), 0 < alpha <= 1
    c, order, term = 0.0, a + j, 1.0
    reached_bottom = True
    while order > 1.0:
        term *= order / y
        order -= 1.0
        if term <= _NEGLIGIBLE * c:
            reached_bottom = False
            break
        c += term
    if reached_bottom:
        c += term * _gamma_q_over_weight(order, y)
    tail, density = 0.0, 0.0
    while True:
        now = pi * c
        tail += now
        density += pi * ((a + j) / y)
        if mu == 0.0:
            break
        pi_next = pi * ((mu / (j + 1.0)) * (y / (a + j + 1.0)))
        c_next = (1.0 + c) * ((a + j + 1.0) / y)
        ratio = (pi_next * c_next) / now
        if j >= j0 and not (ratio >= 1.0) and not (now * ratio > _NEGLIGIBLE * tail * (1.0 - ratio)):
            break
        pi, c = pi_next, c_next
        j += 1.0
    return tail, density * math.sqrt(2.0 * y)


# ------------------------------------------------------------------------------------------------------------
# The integral over a circle, where the sums are long


@inner
def _contour(a, mu, y, excess, lower):
    """(log_scale, tail, density of R) by 62 nodes on a circle; csrc/include/knn_cert/ncx2.hpp derives it."""
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
    per_node = step / math.pi
    return log_scale, side * per_node * tail, math.sqrt(2.0 * y) * r * per_node * density


# ------------------------------------------------------------------------------------------------------------
# One row, one radius


@inner
def distance_law(d, s2, s2_rest, t2, t2_rest):
    """(log_scale, tail, density, lower): e^log_scale times the smaller tail, F if lower, and R's density.

    Both squares with what their rounding left over.
    """
    gap, gap_rest = split_sum(t2, -s2)
    lower = gap < d
    if t2 == 0.0:
        at_zero = math.sqrt(2.0 / math.pi) * math.exp(-0.5 * s2) if d == 1.0 else 0.0
        return 0.0, 0.0, at_zero, True
    if t2 == math.inf:
        return 0.0, 0.0, 0.0, False
    a, mu, y = 0.5 * d, 0.5 * s2, 0.5 * t2
    product = mu * y
    if a * a + 4.0 * product > _LONG_SUMS * _LONG_SUMS and a < 1e90 * y and mu < 1e180 * y:
        excess, rest = split_sum(0.5 * gap, -a)
        excess += rest + 0.5 * (gap_rest + (t2_rest - s2_rest))
        log_scale, tail, density = _contour(a, mu, y, excess, lower)
        return log_scale, tail, density, lower
    j0 = float(math.floor(product / (0.5 * a + math.sqrt(0.25 * a * a + product))))  # j0 (j0 + a) = mu y
    order, order_rest = split_sum(a, j0)
    log_scale = log_split_weight(j0, 0.0, mu, 0.5 * s2_rest)
    log_scale += log_split_weight(order, order_rest, y, 0.5 * t2_rest)
    if lower:
        tail, density = _lower_sum(a, mu, y, j0)
    else:
        tail, density = _upper_sum(a, mu, y, j0)
    return log_scale, tail, density, lower


@inner
def law_values(d, s, s_rest, t):
    """(F, U, f), f the density of R at t."""
    s2, s2_rest = split_square(s)
    s2_rest += 2.0 * s * s_rest
    t2, t2_rest = split_square(t)
    log_scale, tail, density, lower = distance_law(d, s2, s2_rest, t2, t2_rest)
    own = min(1.0, math.exp(log_scale) * tail)
    f = math.exp(log_scale) * density
    return (own, 1.0 - own, f) if lower else (1.0 - own, own, f)


@inner
def _ncx2(what, x, dof, nonc):
    """Special values first, in one order: NaN, domain, zero, infinity, regimes."""
    if math.isnan(x) or math.isnan(dof) or math.isnan(nonc):
        return math.nan
    if not (dof > 0.0) or dof == math.inf or nonc < 0.0 or nonc == math.inf:
        return math.nan
    want_cdf = what == CDF or what == LOGCDF
    want_log = what == LOGCDF or what == LOGSF
    if x <= 0.0 or x == math.inf:
        one = (x == math.inf) == want_cdf
        if want_log:
            return 0.0 if one else -math.inf
        return 1.0 if one else 0.0
    log_scale, tail, _, lower = distance_law(dof, nonc, 0.0, x, 0.0)
    own = min(1.0, math.exp(log_scale) * tail)
    if want_log:
        return min(0.0, log_scale + math.log(tail)) if want_cdf == lower else math.log1p(-own)
    return own if want_cdf == lower else 1.0 - own


@kernel
def ncx2_njit(what, x, dof, nonc, out):
    """out[i] = the tail named by `what` at x[i], dof[i], nonc[i]."""
    for i in range(x.size):
        out[i] = _ncx2(what, x[i], dof[i], nonc[i])
