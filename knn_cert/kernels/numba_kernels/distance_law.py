"""The distance law for one row and one radius: both tails of non-central chi-square, logarithms, density.

The twin of csrc/include/knn_cert/poisson_gamma.hpp and ncx2.hpp, where the lemmas stand beside the loops.
Letters: w(k, m) = e^-m m^k / Gamma(k + 1); a = dof/2, mu = s^2/2, y = t^2/2, p_j = w(j, mu), g_j = w(a + j,
y); F = sum_j p_j P(a + j, y), U = sum_j p_j Q(a + j, y), density of R = t sum_j p_j g_{j-1}.
"""

from __future__ import annotations

import math

from .jit import inner, kernel, merged

CDF, SF, LOGCDF, LOGSF = range(4)

# Above this product s t the sums have more than a few thousand terms, and the integral takes over.
LARGE_PRODUCT = 4e5

_HALF_LOG_2_PI = 0.91893853320467274178
_SQRT_HALF = 0.70710678118654752440

# Terms below this share of a sum of positive terms are dropped; what they leave out is bounded by a geometric
# series of ratio < 1 - 1e-4 wherever this is used, hence below 1e-15 of the sum.
_NEGLIGIBLE = 1e-19

_STEP = 0.125  # of the trapezoid rule in the integral: its error is exp(-(2 pi / step) pi / 2) or less


# ------------------------------------------------------------------------------------------------------------
# Poisson weights and the incomplete gamma function


@merged
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
    if abs(x - m) < 0.1 * (x + m):
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
def gamma_tails(a, y):
    """(P, Q) of Gamma(a, 1) at y: the smaller one as a sum, the other as its complement."""
    if y == 0.0:
        return 0.0, 1.0
    if y == math.inf:
        return 1.0, 0.0
    if y < a + 0.5:
        total = _sum_upwards(math.exp(log_poisson_weight(a, y)), a, y)
        return total, 1.0 - total
    # Q(a) = w(a-1) + w(a-2) + ... + Q(alpha), 0 < alpha <= 1
    order, total = a - 1.0, 0.0
    if order > 0.0:
        term = math.exp(log_poisson_weight(order, y))
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
    total += _gamma_q_over_weight(order, y) * math.exp(log_poisson_weight(order, y))
    return 1.0 - total, total


# ------------------------------------------------------------------------------------------------------------
# The mixture, relative to its largest product p_j0 g_j0. pi = p_j g_j; p_j and g_j alone would overflow.


@merged
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


@merged
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
# The integral over the part of the noise across the row's direction, for large s t


@merged
def _log_normal_tail(z):
    """log P(N > z); Mills' ratio far out: what is left out is below 10395 / z^12 < 3e-15."""
    if z < 36.0:
        return math.log(0.5 * math.erfc(z * _SQRT_HALF))
    r = 1.0 / (z * z)
    mills = math.log1p(-r * (1.0 - r * (3.0 - r * (15.0 - r * (105.0 - r * 945.0)))))
    return -0.5 * z * z - _HALF_LOG_2_PI - math.log(z) + mills


@inner
def _add_integrand(log_weight, v, s, t, gap, lower, sums):
    """Add the value at v to sums = (log_scale, tail, density); returns the log of the tail's term too."""
    log_scale, tail, density = sums
    tau2 = (t - v) * (t + v)
    log_density = -math.inf
    if tau2 <= 0.0:
        if lower:
            return -math.inf, sums
        log_tail = log_weight
    else:
        tau = math.sqrt(tau2)
        z = (gap - v * v) / (tau + s)  # tau - s
        log_density = log_weight - 0.5 * z * z - _HALF_LOG_2_PI + math.log(t / tau)
        log_tail = log_weight + _log_normal_tail(-z if lower else z)
    if log_tail > log_scale:
        shrink = 0.0 if log_scale == -math.inf else math.exp(log_scale - log_tail)
        tail *= shrink
        density *= shrink
        log_scale = log_tail
    if log_tail > -math.inf:
        tail += math.exp(log_tail - log_scale)
    if log_density > -math.inf:
        density += math.exp(log_density - log_scale)
    return log_tail, (log_scale, tail, density)


@inner
def _add_node(u, half, s, t, gap, lower, sums):
    """The node u; chi's density at v is v w(half - 1, v^2/2), half = (d - 1)/2."""
    v = u if u > 36.0 else math.log1p(math.exp(u))
    y = 0.5 * v * v
    if half >= 1.0:
        log_chi = math.log(v) + log_poisson_weight(half - 1.0, y)
    else:
        log_chi = math.log(v) + log_poisson_weight(half, y) + math.log(half / y)
    return _add_integrand(log_chi + math.log(_STEP) + math.log(-math.expm1(-v)), v, s, t, gap, lower, sums)


@inner
def _large_law(d, s, t, gap, lower):
    """(log_scale, tail, density of R) by the trapezoid rule in u, v = log(1 + e^u), d >= 1."""
    sums = (-math.inf, 0.0, 0.0)
    if d <= 1.0:
        return _add_integrand(0.0, 0.0, s, t, gap, lower, sums)[1]
    half = 0.5 * (d - 1.0)
    # from inside (0, t), near the peak: chi's own, drawn in when R is forced to be small
    centre = math.sqrt(max(d - 1.5, 0.25)) * min(1.0, t / math.sqrt(s * s + d))
    u0 = centre if centre > 36.0 else math.log(math.expm1(centre))
    first, previous = 0.0, 0.0
    for side in (0, 1):
        previous = first
        sign = 2.0 * side - 1.0
        for k in range(side, 100000):
            now, sums = _add_node(u0 + sign * _STEP * k, half, s, t, gap, lower, sums)
            if k == 0:
                first = now
            elif now <= previous and (now < sums[0] - 44.0 or now == -math.inf):
                break
            previous = now
    return sums


@inner
def _large_law_any(d, s, t, gap, lower):
    """As `_large_law`, for any d > 0: below one degree of freedom from d + 2 and d + 4.

    With densities in x = t^2:
    F_d = F_{d+2} + 2 f_{d+2}, U_d = U_{d+2} - 2 f_{d+2} (a small share of it here), f_d = (s^2 f_{d+4} + d
    f_{d+2}) / t^2.
    """
    if d >= 1.0:
        return _large_law(d, s, t, gap, lower)
    log_scale, tail, density = _large_law(d + 2.0, s, t, gap, lower)
    log_scale_4, _, density_4 = _large_law(d + 4.0, s, t, gap, lower)
    tail += (1.0 if lower else -1.0) * density / t
    return log_scale, tail, (s * s * density_4 * math.exp(log_scale_4 - log_scale) + d * density) / (t * t)


# ------------------------------------------------------------------------------------------------------------
# One row, one radius


@inner
def distance_law(d, s2, t2, gap):
    """(log_scale, tail, density, lower): e^log_scale times the smaller tail, F if lower, and R's density.

    gap = t^2 - s^2, which the caller knows best: from the squares if he has them, as (t - s)(t + s) if not.
    """
    lower = gap < d
    if t2 == 0.0:
        at_zero = math.sqrt(2.0 / math.pi) * math.exp(-0.5 * s2) if d == 1.0 else 0.0
        return 0.0, 0.0, at_zero, True
    if t2 == math.inf:
        return 0.0, 0.0, 0.0, False
    s, t = math.sqrt(s2), math.sqrt(t2)
    if s * t > LARGE_PRODUCT:
        log_scale, tail, density = _large_law_any(d, s, t, gap, lower)
        return log_scale, tail, density, lower
    a, mu, y = 0.5 * d, 0.5 * s2, 0.5 * t2
    j0 = float(math.floor(mu * y / (0.5 * a + math.sqrt(0.25 * a * a + mu * y))))  # j0 (j0 + a) = mu y
    log_scale = log_poisson_weight(j0, mu) + log_poisson_weight(a + j0, y)
    if lower:
        tail, density = _lower_sum(a, mu, y, j0)
    else:
        tail, density = _upper_sum(a, mu, y, j0)
    return log_scale, tail, density, lower


@inner
def law_values(d, s, t):
    """(F, U, f), f the density of R at t."""
    log_scale, tail, density, lower = distance_law(d, s * s, t * t, (t - s) * (t + s))
    own = min(1.0, math.exp(log_scale) * tail)
    f = math.exp(log_scale) * density
    return (own, 1.0 - own, f) if lower else (1.0 - own, own, f)


@merged
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
    log_scale, tail, _, lower = distance_law(dof, nonc, x, x - nonc)
    own = min(1.0, math.exp(log_scale) * tail)
    if want_log:
        return min(0.0, log_scale + math.log(tail)) if want_cdf == lower else math.log1p(-own)
    return own if want_cdf == lower else 1.0 - own


@kernel
def ncx2_njit(what, x, dof, nonc, out):
    """out[i] = the tail named by `what` at x[i], dof[i], nonc[i]."""
    for i in range(x.size):
        out[i] = _ncx2(what, x[i], dof[i], nonc[i])
