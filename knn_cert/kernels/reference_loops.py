"""The kernel in plain Python: the specification that the fast backends are tested against. Small n only.

Scalar loops and the ``math`` module; NumPy carries arrays in and out and computes nothing. Each function
stands beside the lemma it rests on. Letters: R is the distance from the query to a noisy row in units of
sigma, X = R^2 is non-central chi-square with d = ``dof`` degrees of freedom and non-centrality lambda =
``nonc`` = (distance / sigma)^2, and F = P(R <= t), U = P(R > t), f = dF/dt. K = ``n_neighbors``, C =
``n_classes``.

The distance law is a Poisson mixture, O(s) steps for a row at s = sqrt(lambda); far rows go by a contour
integral.
"""

from __future__ import annotations

import cmath
import math
from fractions import Fraction

import numpy as np

from .families import PackedFamilies, members
from .scans import scan_by

__all__ = [
    "distances",
    "distances_csr",
    "ncx2_cdf",
    "ncx2_logcdf",
    "ncx2_logsf",
    "ncx2_sf",
    "pair_families",
    "race",
    "race_families",
    "rival_scores",
    "vote",
    "vote_bucketed",
    "vote_scan",
]

UNIT_ROUNDOFF = 2.0**-53

# A series is cut where the proven rest is below this part of its sum: an eighth of a rounding error.
SERIES_TAIL = UNIT_ROUNDOFF / 8

# The integration window is cut where the proven rest is below this part of the class's own probability, so
# that the cut costs about as much as ten rounding errors; or below WINDOW_FLOOR, where even the law itself is
# about to underflow.
WINDOW_TAIL = 1e-15
WINDOW_FLOOR = 1e-300

# x (1 + nonc) below which the first term of the power series of F is F to the last digit.
TINY = 2.0**-60

# a^2/4 + mu y from which the mixture, then longer than about 600 terms, gives way to the contour integral: so
# far out that its circle does not overflow.
CONTOUR_FROM = 1e7

# A row is not farther than this from where it is expected, in binary64: exp(-OUT_OF_REACH^2 / 2) is zero.
OUT_OF_REACH = 38.7

FIRST_STEP = 1 / 16
SMALLEST_STEP = 1 / 1024
# Step h is taken when the error at 2h, relative to the integral, is seen to be below this. For a function
# analytic in a strip the error is exp(-c/h): 1e-8 at 2h means 1e-16 at h.
ERROR_AT_TWICE_THE_STEP = 1e-8


# ------------------------------------------------------------------------------------------------------------
# The distance law


def _stirling_error(n):
    """log Gamma(n+1) - [n log n - n + log(2 pi n)/2] for n > 0 (Loader 2000)."""
    if n < 16:
        return math.lgamma(n + 1) - (n + 0.5) * math.log(n) + n - 0.5 * math.log(2 * math.pi)
    r = 1 / (n * n)
    # Stirling's series; its first omitted term is below 1e-17 at n = 16.
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - (1 / 1188 - 691 / 360360 * r) * r) * r) * r) * r) / n


def _deviance(n, mean):
    """n log(n/mean) + mean - n >= 0 without cancellation, n > 0, mean > 0 (Loader's bd0).

    With v = (n - mean)/(n + mean): n log(n/mean) = 2 n atanh(v) and mean - n = -v (n + mean), so the leading
    terms combine to v (n - mean). Only where n and mean differ by more than a factor 4 is the closed form as
    accurate.
    """
    v = (n - mean) / (n + mean)
    if abs(v) > 0.6:
        return n * math.log(n / mean) + (mean - n)
    total, power, k = v * (n - mean), 2 * n * v, 1
    while True:
        power *= v * v
        k += 2
        before, total = total, total + power / k
        if total == before:
            return total


def _log_poisson(n, mean):
    """log of mean^n e^-mean / Gamma(n+1) for real n >= 0, mean > 0, in saddle-point form (Loader 2000)."""
    if n == 0:
        return -mean
    return -_deviance(n, mean) - _stirling_error(n) - 0.5 * math.log(2 * math.pi * n)


def _log_gamma_density(order, y):
    """log of y^(order-1) e^-y / Gamma(order) for order > 0, which is g_(j-1) at order = a + j."""
    if order < 1:  # a tiny order would vanish in order - 1
        return math.log(order) - math.log(y) + _log_poisson(order, y)
    return _log_poisson(order - 1, y)


def _mills(order, y):
    """Gamma(order, y) / (y^(order-1) e^-y) for 0 < order <= 1: where the upward recurrence of U starts.

    For y >= 1/2 the Stieltjes fraction, whose elements are all positive, converges like exp(-4 sqrt(y n)):
      y/(y+ (1-order)/(1+ 1/(y+ (2-order)/(1+ 2/(y+ ...))))).
    For y < 1/2, without any Gamma function and as good for orders near 0 as for 1:
      Gamma(order, y) = Gamma(order, 1) + sum_n (-1)^n/n! (1 - y^(order+n)) / (order+n).
    """
    if y >= 0.5:
        pairs = 10 + math.ceil(120 / y)
        value = y
        for k in range(pairs, 0, -1):
            value = y + (k - order) / (1 + k / value)
        return y / value
    terms = [_mills(order, 1.0) * math.exp(-1.0)]
    factor = 1.0
    for n in range(20):  # 1/20! < 1e-18
        terms.append(-factor * math.expm1((order + n) * math.log(y)) / (order + n))
        factor /= -(n + 1)
    return math.fsum(terms) * math.exp(y) * y ** (1 - order)


class _Mixture:
    """The terms v_j = p_j g_(j-1) that carry density and both tails, in units of the largest of them.

    p_j = e^-mu mu^j / j!,  g_k = y^(a+k) e^-y / Gamma(a+k+1),  a = dof/2, mu = nonc/2, y = x/2. v_(j+1) / v_j
    = mu y / ((j+1)(a+j)) falls with j, so v is log-concave and largest at j* with j*(a+j*-1) = mu y.
    """

    def __init__(self, x, dof, nonc):
        self.a, self.mu, self.y = dof / 2, nonc / 2, x / 2
        self.muy = self.mu * self.y
        b = self.a - 1
        root = math.sqrt(b * b + 4 * self.muy)
        self.peak = int(2 * self.muy / (b + root)) if b > 0 else int((root - b) / 2)
        if self.muy == 0:
            self.peak = 0
        log_p = _log_poisson(self.peak, self.mu) if self.mu > 0 else 0.0
        self.log_unit = log_p + _log_gamma_density(self.a + self.peak, self.y)

    def ratio(self, j):
        """v_(j+1) / v_j."""
        return self.muy / ((j + 1) * (self.a + j))

    def terms_above(self):
        """v_(j*), v_(j*+1), ... until all that follow add up to less than SERIES_TAIL."""
        j, v = self.peak, 1.0
        terms = [v]
        while True:
            r = self.ratio(j)
            if r < 1 and v * r <= SERIES_TAIL * (1 - r):
                return terms
            v *= r
            j += 1
            terms.append(v)

    def terms_below(self):
        """v_(j*), v_(j*-1), ... until all that follow add up to less than SERIES_TAIL, or to j = 0."""
        j, v = self.peak, 1.0
        terms = [v]
        while j > 0:
            r = 1 / self.ratio(j - 1)
            if r < 1 and v * r <= SERIES_TAIL * (1 - r):
                break
            v *= r
            j -= 1
            terms.append(v)
        return terms

    def lower(self):
        """(F, 2 f_X) in units of v_(j*):  F = sum_j p_j P(a+j, y) = sum_j v_j h_j, h_j = P(a+j, y) / g_(j-1).

        P(a+j) = P(a+j+1) + g_j, so  h_(j-1) = y/(a+j-1) (1 + h_j): downward, positive. h_j = sum_k
        prod_(i<=k) y/(a+j+i) falls with j: what the terms v_j beyond the top leave out is negligible for F
        too.  P(a+j) is log-concave in j (tail sums of the log-concave g), hence so is p_j P(a+j): going down,
        the ratio of terms falls and a geometric series bounds the rest.
        """
        a, y = self.a, self.y
        above = self.terms_above()
        top = self.peak + len(above) - 1
        h = self._lower_start(top)
        density, total = [], []
        running, previous = 0.0, 0.0
        j, v = top, above[-1]
        while True:
            term = v * h
            density.append(v)
            total.append(term)
            running += term
            if j == 0 or (j < self.peak and _geometric_rest(term, previous) <= SERIES_TAIL * running):
                return math.fsum(total), math.fsum(density)
            previous = term
            h = y / (a + (j - 1)) * (1 + h)
            v = above[j - 1 - self.peak] if j > self.peak else v / self.ratio(j - 1)
            j -= 1

    def _lower_start(self, j):
        terms, term, k = [], 1.0, 0
        running = 0.0
        while True:
            term *= self.y / (self.a + j + k)
            terms.append(term)
            running += term
            k += 1
            r = self.y / (self.a + j + k)
            if r < 1 and term * r <= SERIES_TAIL * running * (1 - r):
                return math.fsum(terms)

    def upper(self):
        """(U, 2 f_X) in units of v_(j*):  U = sum_j p_j Q(a+j, y) = sum_j v_j V_j, V_j = Q(a+j, y) / g_(j-1).

        Q(a+j+1) = Q(a+j) + g_j, so  V_(j+1) = 1 + (a+j)/y V_j: upward, positive.  V_j grows with j: what the
        terms v_j below the bottom leave out is negligible for U too.  Q(a+j) is log-concave in j, hence so is
        p_j Q(a+j): going up, the ratio of terms falls and a geometric series bounds the rest.
        """
        a, y = self.a, self.y
        below = self.terms_below()
        bottom = self.peak - len(below) + 1
        big_v = self._upper_start(bottom)
        density, total = [], []
        running, previous = 0.0, 0.0
        j, v = bottom, below[-1]
        while True:
            term = v * big_v
            density.append(v)
            total.append(term)
            running += term
            if self.muy == 0 or (j > self.peak and _geometric_rest(term, previous) <= SERIES_TAIL * running):
                return math.fsum(total), math.fsum(density)
            previous = term
            big_v = 1 + (a + j) / y * big_v
            v = below[self.peak - j - 1] if j < self.peak else v * self.ratio(j)
            j += 1

    def _upper_start(self, j):
        """V_j = sum_k prod_(i=1..k) (a+j-i)/y down to an order in (0, 1], and there the Mills ratio.

        V grows with its order, so the part not yet summed is at most (product so far) * V_j.
        """
        order, product, terms = self.a + j, 1.0, []
        while order > 1:
            terms.append(product)
            j -= 1
            order = self.a + j
            product *= order / self.y
            if product <= SERIES_TAIL:
                return math.fsum(terms)
        terms.append(product * _mills(order, self.y))
        return math.fsum(terms)


def _contour(dof, mu, y, excess, lower):
    """(log unit, tail / unit, 2 f_X / unit) by a contour integral, where a or mu y is large.

    excess = y - mu - a, as exactly as the caller has it: what it loses, the logarithm loses |e| times
    (below).


    Inverting the moment generating function at theta = (1 - z)/2 gives, on a circle |z| = r about the origin,
      2 f_X = 1/(2 pi i) contour exp(psi(z)) dz,  psi(z) = -mu - y + mu/z + y z - a log z,
      F     = 1/(2 pi i) contour exp(psi(z)) dz/(z-1) for r > 1,  and U = -(the same) for r < 1.
    psi has its saddle at z0, the positive root of y z^2 - a z - mu = 0, with psi'' = N / z0^2, N = a + 2
    mu/z0. The pole's factor moves it to r with (r - z0)(r - 1) = z0^2 / N, r > 1 for F and r < 1 for U. There
    all terms of the sum are of the size of the result: both tails keep their relative accuracy. The integrand
    is a bell of width 1/sqrt(B) in the angle, B = mu/r + y r >= 2 sqrt(mu y): what the far side of the circle
    (and the cut of z^-a) adds is exp(-2B).
    """
    a = dof / 2
    root = math.hypot(a, 2 * math.sqrt(mu) * math.sqrt(y))
    z0 = (a + root) / (2 * y)
    curvature = a + 2 * mu / z0
    # e0 = z0 - 1 is the root of y e^2 + b e + c = 0 with b = 2 y - a, c = y - mu - a
    b, c = 2 * y - a, excess
    e0 = -2 * c / (b + root) if b > 0 else (root - b) / (2 * y)
    side = 1 if lower else -1
    root = math.hypot(e0, 2 * z0 / math.sqrt(curvature))
    e = (e0 + side * root) / 2 if side * e0 > 0 else 2 * z0 * (z0 / curvature) / (side * root - e0)
    if abs(e) < 0.5:
        # Any circle near the best one does, but 1 + e must be r itself.
        r = 1 + e
        e = r - 1
        # psi(r) = e (y - mu/r) - a log r and tilt = y r - mu/r - a, rearranged so that nothing of the size of
        # y or a cancels
        log_unit = e * (c + e * (y - a)) / r + a * _deviance(1.0, r)
        tilt = (c + e * (b + e * y)) / r
    else:
        moved = z0 / e * (z0 / curvature)
        r = z0 + moved
        log_unit = e * (y - mu / r) - a * math.log(r)
        # y (r - z0)(r - z1)/r with the other root z1 = -mu/(y z0)
        tilt = (y * r + mu / z0) / r * moved
    bell = mu / r + y * r
    # Errors of the trapezoid rule: exp(-2 pi |e| / step) from the pole at |e| >= about 1/sqrt(B), and
    # exp(-(62 step)^2 B/2) beyond the last node; both below 1e-17.
    step = 0.15 / math.sqrt(bell)
    tail, density = [], []
    for k in range(62):
        angle = k * step
        dip = 2 * math.sin(angle / 2) ** 2  # 1 - cos(angle)
        # psi(z) - psi(r) with y r - mu/r = tilt + a; half the weight at 0, conjugate nodes add up to twice
        # the real part
        exponent = complex(-bell * dip, tilt * math.sin(angle) - a * _angle_minus_sine(angle))
        value = (1 if k else 0.5) * cmath.exp(exponent)
        z = complex(r * math.cos(angle), r * math.sin(angle))
        tail.append((value * (z / complex(e - r * dip, z.imag))).real)
        density.append((value * z).real)
    return log_unit, side * step / math.pi * math.fsum(tail), step / math.pi * math.fsum(density)


def _angle_minus_sine(angle):
    """angle - sin(angle) for small angles: its series, since the difference cancels."""
    square = angle * angle
    return angle * square / 6 * (1 - square / 20 * (1 - square / 42 * (1 - square / 72)))


def _tail(x, dof, nonc, excess, lower):
    """(log unit, tail / unit, 2 f_X / unit) of the tail that is wanted, by mixture or contour."""
    if dof * dof + 4 * nonc * x > 16 * CONTOUR_FROM and dof < 1e90 * x and nonc < 1e180 * x:
        return _contour(dof, nonc / 2, x / 2, excess / 2, lower)
    mixture = _Mixture(x, dof, nonc)
    return (mixture.log_unit, *(mixture.lower() if lower else mixture.upper()))


def _geometric_rest(term, previous):
    """What follows `term` in a log-concave sequence: at most term r/(1-r), r = term/previous, once r < 1."""
    if term >= previous:
        return math.inf
    return term * term / (previous - term)


def _scaled(log_unit, total):
    """exp(log_unit) * total, formed in the order that neither overflows nor loses a subnormal."""
    if abs(log_unit) < 600:
        return math.exp(log_unit) * total
    exponent = log_unit + math.log(total)
    return math.exp(exponent) if exponent < 709 else math.inf


def _special_law(x, dof, nonc):
    """(F, U, log F, log U) at special arguments, or None. Order: NaN, domain, zero, infinity."""
    if math.isnan(x) or math.isnan(dof) or math.isnan(nonc):
        return (math.nan,) * 4
    if not (0 < dof < math.inf and 0 <= nonc < math.inf):
        return (math.nan,) * 4
    if x <= 0:
        return 0.0, 1.0, -math.inf, 0.0
    if x == math.inf:
        return 1.0, 0.0, 0.0, -math.inf
    return None


def _tails(x, dof, nonc, excess):
    """(F, U, 2 f_X, log F, log U) at an ordinary point; excess = x - nonc - dof, exact if it can be.

    The tail that is expected to be small is summed natively and the other is its complement; should it turn
    out above 1/2 (skewed laws: dof < 1), the other one is summed natively too. So neither suffers from
    cancellation.
    """
    if x * (1 + nonc) < TINY:
        # F = e^-mu y^a / Gamma(a+1), all else is below a rounding error
        log_cdf = dof / 2 * (math.log(x) - math.log(2)) - math.lgamma(dof / 2 + 1) - nonc / 2
        cdf, sf = math.exp(log_cdf), -math.expm1(log_cdf)
        return cdf, sf, cdf * dof / x, log_cdf, math.log1p(-cdf) if cdf < 0.5 else math.log(sf)
    lower = excess < 0
    unit, total, density = _tail(x, dof, nonc, excess, lower)
    small = _scaled(unit, total)
    if small > 0.5:
        lower = not lower
        unit, total, density = _tail(x, dof, nonc, excess, lower)
        small = _scaled(unit, total)
    log_small = unit + math.log(total)
    if lower:
        return small, 1 - small, _scaled(unit, density), log_small, math.log1p(-small)
    return 1 - small, small, _scaled(unit, density), math.log1p(-small), log_small


def ncx2_tails(x, dof, nonc):
    """(F, U, log F, log U) of the non-central chi-square law at one point."""
    special = _special_law(x, dof, nonc)
    if special is not None:
        return special
    cdf, sf, _, log_cdf, log_sf = _tails(x, dof, nonc, math.fsum((x, -nonc, -dof)))
    return cdf, sf, log_cdf, log_sf


def distance_law(t, nonc, dof):
    """(F, U, f) of the distance R = sqrt(X) at t >= 0: both tails and the density dF/dt = 2 t f_X(t^2)."""
    x = t * t
    if x <= 0:
        return 0.0, 1.0, 0.0
    s = math.sqrt(nonc)
    if t <= s - OUT_OF_REACH:  # F <= 2 exp(-(s - t)^2 / 2)
        return 0.0, 1.0, 0.0
    if t >= math.sqrt(nonc + dof + 1) + OUT_OF_REACH:  # U <= exp(-x^2 / 2), x beyond a bound of the mean
        return 1.0, 0.0, 0.0
    # The rounding of t^2 alone would be noise of size eps t^2 / 2 in the exponent, from node to node.
    cdf, sf, density, _, _ = _tails(x, dof, nonc, math.fsum((x, _square_rest(t), -nonc, -dof)))
    return cdf, sf, t * density


def _square_rest(t):
    """What the rounding of t^2 leaves over (Dekker's product)."""
    if not 1e-140 < t < 1e150:
        return 0.0
    c = 134217729.0 * t  # 2^27 + 1
    high = c - (c - t)
    low = t - high
    return ((high * high - t * t) + 2.0 * high * low) + low * low


def _law_column(column, x, dof, nonc):
    rows = zip(np.ravel(x).tolist(), np.ravel(dof).tolist(), np.ravel(nonc).tolist(), strict=True)
    return np.array([ncx2_tails(*row)[column] for row in rows], dtype=np.float64)


def ncx2_cdf(x, dof, nonc):
    """P(X <= x) for arrays of one length."""
    return _law_column(0, x, dof, nonc)


def ncx2_sf(x, dof, nonc):
    """P(X > x) for arrays of one length, never formed as 1 - cdf where it is small."""
    return _law_column(1, x, dof, nonc)


def ncx2_logcdf(x, dof, nonc):
    """log P(X <= x) for arrays of one length, finite far beyond the underflow of the cdf."""
    return _law_column(2, x, dof, nonc)


def ncx2_logsf(x, dof, nonc):
    """log P(X > x) for arrays of one length, finite far beyond the underflow of the sf."""
    return _law_column(3, x, dof, nonc)


# ------------------------------------------------------------------------------------------------------------
# Counting polynomials


def tallies(laws, degree):
    """Counting polynomials (G, A) up to `degree` of rows with laws (F, U, f).

    G[k] = P(k rows within t) = [z^k] prod_i (U_i + F_i z), and
    A[k] = density of "a row exactly at t, k others within" = sum_i f_i [z^k] prod_(j != i) (U_j + F_j z).

    One row more, by sums of positive products only:
      A[k] <- U A[k] + F A[k-1] + f G[k];  G[k] <- U G[k] + F G[k-1].
    """
    big_g = [1.0] + [0.0] * degree
    big_a = [0.0] * (degree + 1)
    for cdf, sf, density in laws:
        for k in range(degree, 0, -1):
            big_a[k] = sf * big_a[k] + cdf * big_a[k - 1] + density * big_g[k]
            big_g[k] = sf * big_g[k] + cdf * big_g[k - 1]
        big_a[0] = sf * big_a[0] + density * big_g[0]
        big_g[0] *= sf
    return big_g, big_a


def counts_at_least(laws, most):
    """T[m] = P(at least m rows within t) for m = 0..most, natively: m is an absorbing state.

    One row more: T[m] <- T[m] + F G[m-1].
    """
    big_g = [1.0] + [0.0] * most
    tail = [1.0] + [0.0] * most
    for cdf, sf, _ in laws:
        for m in range(most, 0, -1):
            tail[m] += cdf * big_g[m - 1]
            big_g[m] = sf * big_g[m] + cdf * big_g[m - 1]
        big_g[0] *= sf
    return tail


# ------------------------------------------------------------------------------------------------------------
# The vote


def _cap(c, winner, votes):
    """The most votes class c may hold while `winner` wins with `votes`: ties go to the lower class index."""
    return votes - 1 if c < winner else votes


def smallest_winning_count(winner, class_sizes, n_neighbors):
    """Least number of votes with which `winner` can win, or None if it cannot win at all.

    The others hold at most min(class size, cap) votes each and all votes add up to K; the room grows with the
    winner's votes, so the least g that leaves room for K votes is the answer.
    """
    for votes in range(1, min(n_neighbors, class_sizes[winner]) + 1):
        room = sum(min(n, _cap(c, winner, votes)) for c, n in enumerate(class_sizes) if c != winner)
        if votes + room >= n_neighbors:
            return votes
    return None


def _dual_product(p, q, degree):
    """Product over the dual numbers (eps^2 = 0) up to `degree`; a polynomial is a pair (real, eps)."""
    real = [0.0] * (degree + 1)
    eps = [0.0] * (degree + 1)
    for i, (p_real, p_eps) in enumerate(zip(*p, strict=True)):
        for k, (q_real, q_eps) in enumerate(zip(*q, strict=True)):
            if i + k <= degree:
                real[i + k] += p_real * q_real
                eps[i + k] += p_real * q_eps + p_eps * q_real
    return real, eps


def winner_mass(class_polynomials, least, n_neighbors):
    """Mass of "y wins" for each class y, from a dual polynomial G_c[k] + eps A_c[k-1] of each class c.

    k counts the votes of c. The eps coefficient at z^K holds all tallies of K votes with exactly one boundary
    row, whatever its class. For winner y with g votes the other classes' polynomials are capped and
    multiplied: no tally is ever listed.
    """
    masses = []
    for winner, first in enumerate(least):
        parts = []
        own_real, own_eps = class_polynomials[winner]
        for votes in range(first, n_neighbors + 1) if first is not None else ():
            if own_real[votes] == 0 and own_eps[votes] == 0:
                continue
            degree = n_neighbors - votes
            rest = ([1.0], [0.0])
            for c, (real, eps) in enumerate(class_polynomials):
                if c != winner:
                    cap = min(_cap(c, winner, votes), degree) + 1
                    rest = _dual_product(rest, (real[:cap], eps[:cap]), degree)
            real, eps = rest
            if len(real) > degree:
                parts.append(own_real[votes] * eps[degree] + own_eps[votes] * real[degree])
        masses.append(math.fsum(parts))
    return masses


# ------------------------------------------------------------------------------------------------------------
# Quadrature


def node(u):
    """(t, dt/du) of t = log(1 + e^u), which is u for large u and e^u near t = 0.

    Below about 10 dimensions the integrand need not vanish smoothly at t = 0; in u it does, and a uniform
    step in u serves every dimension.
    """
    t = u if u > 40 else math.log1p(math.exp(u))
    return t, -math.expm1(-t)


def _negligible(rests, sums):
    return all(
        rest <= max(WINDOW_TAIL * total, WINDOW_FLOOR) for rest, total in zip(rests, sums, strict=True)
    )


def _trapezoid(integrand, below, above, start):
    """Integrate a vector of non-negative integrands over t in (0, inf) by the trapezoid rule in u.

    The rule speaks of the sum over all nodes of the line: `below(t)` and `above(t)` bound what the nodes
    from t downwards and upwards add to it (`nodes_below`, `nodes_above`). The window grows from `start`
    until both are negligible for every component relative to its own integral; the step is halved until the
    error at twice the step is small. Returns integrals and, for each, truncation (proven) plus step error
    (estimated); and the window's upper end.
    """
    seen = {}

    def values_at(u):
        if u not in seen:
            t, weight = node(u)
            seen[u] = [weight * value for value in integrand(t)]
        return seen[u]

    step = FIRST_STEP
    while True:
        lo, hi = _window(values_at, below, above, round(start / step), step)
        columns = [values_at(j * step) for j in range(lo, hi + 1)]
        totals = [step * math.fsum(values) for values in zip(*columns, strict=True)]
        coarse_errors = [
            _error_at_twice_the_step(values) if total > WINDOW_FLOOR else 0.0
            for values, total in zip(zip(*columns, strict=True), totals, strict=True)
        ]
        if max(coarse_errors) <= ERROR_AT_TWICE_THE_STEP or step <= SMALLEST_STEP:
            break
        step /= 2
    t_lo, t_hi = node(lo * step)[0], node(hi * step)[0]
    # A hundredth more for what the rests themselves err by. The floor stands for what underflows on the way.
    errors = [
        1.01 * (rest_below + rest_above) + coarse**2 * total + WINDOW_FLOOR
        for rest_below, rest_above, coarse, total in zip(
            below(t_lo), above(t_hi), coarse_errors, totals, strict=True
        )
    ]
    return totals, errors, t_hi


def nodes_below(t, probability, n_rows, most, dof):
    """What the nodes below t add, given P(y wins with the deciding row within t) or a bound of it.

    The integrand is a sum over rows i of f_i P(i at t, K - 1 others within, y wins), K at most `most`.
    Count i as within: f_i = (f_i/F_i) F_i, and each configuration of K rows within is met K times, so it is
    at most K max(f/F) P(K within, y wins). f(rt)/f(t) >= r^(d-1+st) for r < 1, since log 0F1(; d/2; z^2/4)
    has a slope in [0, 1] for d >= 1; hence f/F <= d/t + s, and times dt/du, which is min(1, t) at most, d +
    s. (Rows with s > t + 40 have f < exp(-800).) P falls in t. Below t = 1, F(rt) <= r^d exp(1/2) F(t): of
    the n rows at most that are within, one is within rt at least, so P falls as min(1, n exp(1/2) r^d), r
    <= exp(-v/2) v units of u below; this adds up to (2 log n + 1)/d units, and step + 2/d more.
    """
    units = _position(t) - min(_position(t), _position(1.0)) + (2 * math.log(n_rows) + 3) / dof + 1
    return most * (dof + t + 40) * units * probability


def nodes_above(t, probability, n_rows, most, closing, dof):
    """What the nodes above t add, given P(the contest is open at t, and y may win) or a bound of it.

    Count the row at t as outside: f_i = (f_i/U_i) U_i, and the integrand is at most sum(f/U) P(K - 1
    within, y wins with i), f/U <= t + 1 (f(t+w)/f(t) >= exp(-tw - w^2/2), and Mills' ratio is at least 2/(t
    + sqrt(t^2 + 4))). For w = t - sqrt(s^2 + d - 1) > 0, f falls at the rate w at least (its logarithm's
    derivative is at most one that is 0 at w = 0 and has a slope below -1), so U(t + x) <= exp(-wx) U(t).
    While the contest is open, one of K rows that would close it, none of them beyond s = `closing`, is
    outside: it is open at t + x with at most K exp(-wx) times the probability that it is open at t. From w
    = 1 on (t >= 1, where 1/2 in u is 0.31 or more in t) the cells of width 1/2 add up to the first one and
    5 K times as much, with t + 2 in the place of t + 1; before that it is no more likely to be open than at
    t.
    """
    late = max(t, math.sqrt(closing * closing + max(0.0, dof - 1)) + 1)
    cells = 2 * (_position(late) - _position(t)) + 1 + 5 * most
    return 0.5 * n_rows * (late + 2) * cells * probability


def _position(t):
    """u of the node at t."""
    return t if t > 40 else math.log(math.expm1(t))


def _window(values_at, below, above, start, step):
    """First and last node index: outside, every component's rest is negligible relative to what is inside."""
    lo = hi = start
    sums = [step * value for value in values_at(start * step)]
    while not _negligible(below(node(lo * step)[0]), sums):
        lo -= 1
        sums = [total + step * value for total, value in zip(sums, values_at(lo * step), strict=True)]
    while not _negligible(above(node(hi * step)[0]), sums):
        hi += 1
        sums = [total + step * value for total, value in zip(sums, values_at(hi * step), strict=True)]
    return lo, hi


def _error_at_twice_the_step(values):
    """Relative error of the trapezoid rule with step 2h, from the sums over every fourth node of step h.

    A quarter sum with phase k misses the mean by c_1 cos(pi k/2 + angle) + c_2 cos(pi k + angle') + ... The
    two half sums differ by 2 c_2 cos(angle'), which vanishes by accident where the angle is unlucky. Of c_1
    both components are seen, whatever its angle; being the error at 4h, it is the root of that at 2h.
    """
    s0, s1, s2, s3 = (math.fsum(values[phase::4]) for phase in range(4))
    total = s0 + s1 + s2 + s3
    at_two = abs((s0 + s2) - (s1 + s3)) / total
    at_four = 2 * math.hypot(s0 - s2, s1 - s3) / total
    return max(at_two, at_four**2)


def law_rounding(t, log_value=0.0):
    """First-order bound on the relative error of F, U or f at t, in terms of the unit roundoff.

    The mixture's terms are reached in a chain of about sqrt(j*) <= t rounded steps to either side, the
    saddle-point logarithm carries the size of the result, and the roundings of t^2 and of lambda act through
    d log F / d log x <= t sqrt(-log F) or so. There are four of them, so that each may be of size u: one of
    t^2, three of lambda (`_noncentralities`).
    """
    depth = -log_value
    return UNIT_ROUNDOFF * (16 + 8 * t + 4 * depth + 4 * t * math.sqrt(depth))


def _rounding(value, t_hi, n_active):
    """First-order rounding error of a probability made of products of `n_active` laws, all terms positive."""
    if value <= 0:
        return 0.0
    log_value = min(0.0, math.log(value))
    return value * (n_active * law_rounding(t_hi) + law_rounding(t_hi, log_value))


def _start(noncs, dof, m):
    """u near the typical distance of the m-th nearest row: E X = dof + lambda."""
    return math.sqrt(dof + sorted(noncs)[m - 1])


def _noncentralities(distances, sigma):
    """lambda = (distance / sigma)^2 of each row, rounded once.

    Against a square of which the distance is the rounded root, that is a relative error of 3 u: the root errs
    by u, its square by 2 u.
    """
    square = Fraction(sigma) ** 2
    return [
        _float_of(Fraction(distance) ** 2 / square)
        for distance in np.asarray(distances, dtype=np.float64).tolist()
    ]


def _float_of(value):
    """The nearest float of a fraction; infinity where that is too large."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _laws_at(noncs, dof):
    """t -> list of (F, U, f), remembered."""
    seen = {}

    def laws(t):
        if t not in seen:
            seen[t] = [distance_law(t, nonc, dof) for nonc in noncs]
        return seen[t]

    return laws


def _active_rows(laws, n_neighbors):
    """Rows that add an error of the law: K inside, the others min(1, F/U) <= 2 F of one (U = 1 - F)."""
    return n_neighbors + math.ceil(2 * math.fsum(cdf for cdf, _, _ in laws))


# ------------------------------------------------------------------------------------------------------------
# Entry points


def race(distances_a, m_a, distances_b, m_b, *, sigma, dof):
    """(p_a, p_b, error): the m_a-th nearest row of A comes before the m_b-th nearest of B, and the reverse.

    p_a = integral of A_A[m_a-1](t) H_B(t) dt with H_B = P(N_B < m_b), and p_b by exchanging the lists. A list
    with fewer than m rows never gets there. `error` covers both probabilities.
    """
    nonc_a, nonc_b = _noncentralities(distances_a, sigma), _noncentralities(distances_b, sigma)
    (p_a, p_b), (error_a, error_b) = _race(nonc_a, m_a, nonc_b, m_b, dof)
    return p_a, p_b, max(error_a, error_b)


def race_families(
    distances,
    first,
    end,
    start,
    n_members,
    m_a,
    m_b,
    *,
    sigma,
    dof,
    tolerance,
    n_threads,
):
    """Every member of every family by `race` -> (p, errors), each (n_members, 2); see families.py.

    Always to full accuracy: `tolerance` and `n_threads` are accepted and ignored.
    """
    packed = PackedFamilies(distances, first, end, start, n_members)
    answers = [
        race(a, int(m_a[family]), b, int(m_b[family]), sigma=sigma, dof=dof)
        for family, (a, b) in members(packed)
    ]
    probabilities = np.array([(p_a, p_b) for p_a, p_b, _ in answers])
    return probabilities, np.array([(error, error) for _, _, error in answers])


def _race(nonc_a, m_a, nonc_b, m_b, dof):
    a_arrives, b_arrives = len(nonc_a) >= m_a, len(nonc_b) >= m_b
    if not (a_arrives and b_arrives):
        return (float(a_arrives), float(b_arrives)), (0.0, 0.0)
    laws_a, laws_b = _laws_at(nonc_a, dof), _laws_at(nonc_b, dof)
    n_rows = len(nonc_a) + len(nonc_b)
    closing = math.sqrt(min(sorted(nonc_a)[m_a - 1], sorted(nonc_b)[m_b - 1]))

    def integrand(t):
        g_a, a_a = tallies(laws_a(t), m_a - 1)
        g_b, a_b = tallies(laws_b(t), m_b - 1)
        return [a_a[m_a - 1] * math.fsum(g_b), a_b[m_b - 1] * math.fsum(g_a)]

    def below(t):
        # A's m-th row within t, whatever B does; and the reverse.
        first = counts_at_least(laws_a(t), m_a)[m_a], counts_at_least(laws_b(t), m_b)[m_b]
        return [nodes_below(t, p, n_rows, max(m_a, m_b), dof) for p in first]

    def above(t):
        # Whoever comes first comes after t: both lists are still short.
        both = math.fsum(tallies(laws_a(t), m_a - 1)[0]) * math.fsum(tallies(laws_b(t), m_b - 1)[0])
        return [nodes_above(t, both, n_rows, max(m_a, m_b), closing, dof)] * 2

    start = min(_start(nonc_a, dof, m_a), _start(nonc_b, dof, m_b))
    values, errors, t_hi = _trapezoid(integrand, below, above, start)
    n_active = _active_rows(laws_a(t_hi) + laws_b(t_hi), m_a + m_b - 1)
    return values, [
        error + _rounding(value, t_hi, n_active) for value, error in zip(values, errors, strict=True)
    ]


def pair_families(
    distances,
    first,
    end,
    start,
    n_members,
    lead,
    *,
    n_neighbors,
    sigma,
    dof,
    tolerance,
    n_threads,
):
    """Every member of every family of pairs -> (p, errors), each (n_members, 2): A is ahead; it is not.

    Always to full accuracy: `tolerance` and `n_threads` are accepted and ignored.
    """
    packed = PackedFamilies(distances, first, end, start, n_members)
    answers = [
        _pair([_noncentralities(rows, sigma) for rows in lists], int(lead[family]), n_neighbors, dof)
        for family, lists in members(packed, 3)
    ]
    return _two_arrays(answers, 2)


def _pair(noncs, lead, n_neighbors, dof):
    """([P(i - j + lead > 0), P(i - j + lead <= 0)], errors), i and j the votes of the first two lists.

    The tally of the K nearest has one row at the node and the others within: real and eps part of a product
    of dual polynomials, one a list. Fewer than K rows have no K nearest: the rival is taken to win.
    """
    every = [nonc for rows in noncs for nonc in rows]
    big_k = n_neighbors
    if len(every) < big_k:
        return [0.0, 1.0], [0.0, 0.0]
    laws = [_laws_at(rows, dof) for rows in noncs]
    closing = math.sqrt(sorted(every)[big_k - 1])

    def integrand(t):
        duals = []
        for law in laws:
            big_g, big_a = tallies(law(t), big_k)
            duals.append((big_g, [0.0, *big_a[:big_k]]))
        parts = [[], []]
        for i in range(big_k + 1):
            for j in range(big_k + 1 - i):
                one_tally = [(duals[c][0][k], duals[c][1][k]) for c, k in enumerate((i, j, big_k - i - j))]
                parts[i - j + lead <= 0].append(_eps_of_product(one_tally))
        return [math.fsum(part) for part in parts]

    def below(t):
        every_law = [law for of_list in laws for law in of_list(t)]
        rest = nodes_below(t, counts_at_least(every_law, big_k)[big_k], len(every), big_k, dof)
        return [rest, rest]

    def above(t):
        every_law = [law for of_list in laws for law in of_list(t)]
        late = math.fsum(tallies(every_law, big_k - 1)[0])
        rest = nodes_above(t, late, len(every), big_k, closing, dof)
        return [rest, rest]

    values, errors, t_hi = _trapezoid(integrand, below, above, _start(every, dof, big_k))
    n_active = _active_rows([law for of_list in laws for law in of_list(t_hi)], big_k)
    return values, [
        error + _rounding(value, t_hi, n_active) for value, error in zip(values, errors, strict=True)
    ]


def _eps_of_product(duals):
    """The eps part of a product of dual numbers (real, eps)."""
    real, eps = 1.0, 0.0
    for other_real, other_eps in duals:
        real, eps = real * other_real, real * other_eps + eps * other_real
    return eps


def rival_scores(distances, labels, caps, *, n_classes, n_neighbors, target, deletions, sigma, dof):
    """What each row of one query may cost the target against each rival, at most: (caps, n_classes, n).

    Tally by tally and row by row: row i is among the K nearest with v, or it is the next row after them,
    which counts for deletions. Its class has one row less then, and the other classes all of theirs.
    """
    labels, noncs = np.asarray(labels).tolist(), _noncentralities(distances, sigma)
    n, big_k = len(labels), n_neighbors
    laws = _laws_at(noncs, dof)
    ballots = list(_tallies_of([labels.count(c) for c in range(n_classes)], big_k))
    prices = [_prices(ballots, int(cap), target, deletions) for cap in np.asarray(caps).tolist()]
    closing = math.sqrt(sorted(noncs)[big_k])

    def integrand(t):
        at_t = laws(t)
        every = [tallies([at_t[i] for i in range(n) if labels[i] == c], big_k) for c in range(n_classes)]
        sums = [0.0] * (len(prices) * n_classes * n)
        for i, y in enumerate(labels):
            others = [at_t[j] for j in range(n) if j != i and labels[j] == y]
            polynomials = [*every[:y], tallies(others, big_k), *every[y + 1 :]]
            cdf, _, density = at_t[i]
            for v, votes in enumerate(ballots):
                left = [*votes[:y], votes[y] - 1, *votes[y + 1 :]]
                for z in range(n_classes):
                    mass = cdf * _mass_of_next(polynomials, left, z) if votes[y] else 0.0
                    if deletions and z == y:
                        mass += density * math.prod(
                            big_g[k] for (big_g, _), k in zip(polynomials, votes, strict=True)
                        )
                    if mass == 0.0:
                        continue
                    for r, of_cap in enumerate(prices):
                        for b in range(n_classes):
                            sums[(r * n_classes + b) * n + i] += mass * of_cap[v, z, b, y]
        return sums

    def below(t):
        rest = nodes_below(t, counts_at_least(laws(t), big_k + 1)[big_k + 1], n, big_k + 1, dof)
        return [2 * rest] * (len(prices) * n_classes * n)

    def above(t):
        late = math.fsum(tallies(laws(t), big_k)[0])
        rest = nodes_above(t, late, n, big_k + 1, closing, dof)
        return [2 * rest] * (len(prices) * n_classes * n)

    values, errors, t_hi = _trapezoid(integrand, below, above, _start(noncs, dof, big_k + 1))
    n_active = _active_rows(laws(t_hi), big_k + 1)
    bounds = [
        value + error + _rounding(value, t_hi, n_active) for value, error in zip(values, errors, strict=True)
    ]
    return np.array(bounds).reshape(len(prices), n_classes, n)


def _mass_of_next(polynomials, votes, z):
    """Density of these votes within the node and a row of class z at it."""
    return math.prod(
        (big_a if c == z else big_g)[k]
        for c, ((big_g, big_a), k) in enumerate(zip(polynomials, votes, strict=True))
    )


def _tallies_of(class_sizes, n_neighbors):
    """All votes of K rows, no more for a class than it has rows."""
    if len(class_sizes) == 1:
        if n_neighbors <= class_sizes[0]:
            yield (n_neighbors,)
        return
    for votes in range(min(class_sizes[0], n_neighbors) + 1):
        for rest in _tallies_of(class_sizes[1:], n_neighbors - votes):
            yield (votes, *rest)


def _prices(ballots, cap, target, deletions):
    """What a row costs: {(ballot, class of the next row, rival, class of the row): cost}.

    With w the winner, a tampered rows of w and o others near: class c passes w only if 2 a + o >= g, and in
    no more than `cap` rows. (alpha, beta) with 1{2 a + o >= g} <= alpha a + beta o are (2, 1) / g for an even
    g and (1, 1) / T for an odd one, T = (g + 1) / 2.
    """

    def slopes(gap):
        fewest = (gap + 1) // 2
        if fewest > cap:
            return Fraction(0), Fraction(0)
        if gap % 2:
            return Fraction(1, fewest), Fraction(1, fewest)
        return Fraction(2, gap), Fraction(1, gap)

    found = {}
    for v, votes in enumerate(ballots):
        classes = range(len(votes))
        w = votes.index(max(votes))
        for z in classes:
            gaps = [votes[w] - votes[c] + (c > w) for c in classes]
            if deletions:
                gaps = [gap + 1 - (z == c) + (z == w) for c, gap in enumerate(gaps)]
            for b in classes:
                costs = (Fraction(0),) * 3  # of a row of the winner, of the rival, of any other class
                third = slopes(min((gaps[c] for c in classes if c not in (w, b)), default=2 * cap + 1))
                alpha, beta = slopes(gaps[b]) if b != w else costs[:2]
                if target not in (b, w):
                    costs = alpha, Fraction(0), beta
                elif w == target != b:
                    costs = max(third[0], 2 * alpha), third[1], max(third[1], 2 * beta)
                for y in classes:
                    found[v, z, b, y] = float(costs[0 if y == w else 1 if y == b else 2])
    return found


def vote(distances, labels, *, n_classes, n_neighbors, sigma, dof, n_threads):
    """Class probabilities of the continuous smoothed K-NN classifier: (m, C) probabilities and (m, C) errors.

    Not renormalised: that the probabilities add up to 1 is a check. `n_threads` is accepted and ignored.
    """
    labels = np.asarray(labels).tolist()
    answers = [_vote(_noncentralities(row, sigma), labels, n_classes, n_neighbors, dof) for row in distances]
    return _two_arrays(answers, n_classes)


def _two_arrays(answers, n_classes):
    probabilities = np.array([p for p, _ in answers], dtype=np.float64).reshape(len(answers), n_classes)
    errors = np.array([e for _, e in answers], dtype=np.float64).reshape(len(answers), n_classes)
    return probabilities, errors


def _certain_vote(least, n_classes):
    """One-hot answer where only one class can win (K = n, too few rows of the others), else None."""
    possible = [y for y in range(n_classes) if least[y] is not None]
    if len(possible) > 1:
        return None
    return [float(y in possible) for y in range(n_classes)], [0.0] * n_classes


def _vote(noncs, labels, n_classes, n_neighbors, dof):
    rows = [[nonc for nonc, label in zip(noncs, labels, strict=True) if label == c] for c in range(n_classes)]
    least = [smallest_winning_count(y, [len(r) for r in rows], n_neighbors) for y in range(n_classes)]
    certain = _certain_vote(least, n_classes)
    if certain is not None:
        return certain
    if n_classes == 2:
        # Class 0 wins iff its m-th nearest comes before the (K+1-m)-th nearest of class 1; a tie of votes is
        # class 0's.
        return _race(rows[0], n_neighbors - n_neighbors // 2, rows[1], n_neighbors // 2 + 1, dof)
    laws = [_laws_at(r, dof) for r in rows]
    big_k = n_neighbors
    closing = math.sqrt(sorted(noncs)[big_k - 1])

    def integrand(t):
        polynomials = []
        for law in laws:
            big_g, big_a = tallies(law(t), big_k)
            polynomials.append((big_g, [0.0] + big_a[:big_k]))
        return winner_mass(polynomials, least, big_k)

    def own_and_others(t, y):
        return laws[y](t), [law for c in range(n_classes) if c != y for law in laws[c](t)]

    def below(t):
        # K rows within t, at least g_min of them of class y.
        rests = []
        for y, g_min in enumerate(least):
            if g_min is None:
                rests.append(0.0)
                continue
            own, others = own_and_others(t, y)
            own_g, _ = tallies(own, big_k)
            others_tail = counts_at_least(others, big_k)
            rest = math.fsum(own_g[k] * others_tail[big_k - k] for k in range(g_min, big_k))
            rest += counts_at_least(own, big_k)[big_k]
            rests.append(nodes_below(t, min(1.0, rest), len(noncs), big_k, dof))
        return rests

    def above(t):
        # Fewer than K rows within t; the winner needs g_min of the K, so at most K - g_min others.
        rests = []
        for y, g_min in enumerate(least):
            if g_min is None:
                rests.append(0.0)
                continue
            own, others = own_and_others(t, y)
            own_g, _ = tallies(own, big_k - 1)
            others_g, _ = tallies(others, big_k - g_min)
            rest = math.fsum(others_g[k] * math.fsum(own_g[: big_k - k]) for k in range(big_k - g_min + 1))
            rests.append(nodes_above(t, rest, len(noncs), big_k, closing, dof))
        return rests

    values, errors, t_hi = _trapezoid(integrand, below, above, _start(noncs, dof, big_k))
    n_active = _active_rows([law for of_class in laws for law in of_class(t_hi)], big_k)
    return values, [
        0.0 if g_min is None else error + _rounding(value, t_hi, n_active)
        for value, error, g_min in zip(values, errors, least, strict=True)
    ]


def vote_bucketed(distances, labels, *, n_classes, n_neighbors, sigma, dof, edges, n_threads):
    """Class probabilities of the bucketed classifier, Theorem 3 of RAB (eqs. 70-80), any K and C.

    `edges` b_1 < ... < b_(L-1) are on the squared distance; bucket l is [b_(l-1), b_l) with b_0 = 0 and b_L =
    inf. Ties inside a bucket go to the lower row index, ties of votes to the lower class. `n_threads` is
    accepted and ignored.
    """
    labels = np.asarray(labels).tolist()
    square = Fraction(sigma) ** 2
    edges = [float(Fraction(edge) / square) for edge in np.asarray(edges, dtype=np.float64).tolist()]
    answers = [
        _vote_bucketed(_noncentralities(row, sigma), labels, n_classes, n_neighbors, dof, edges)
        for row in distances
    ]
    return _two_arrays(answers, n_classes)


def _bucket_probability(left, right):
    """P(left <= X < right) and its rounding scale, as the difference of whichever tail is small (eq. 70)."""
    (cdf_left, sf_left), (cdf_right, sf_right) = left, right
    if cdf_right <= 0.5:
        return cdf_right - cdf_left, cdf_right + cdf_left
    return sf_left - sf_right, sf_left + sf_right


def _vote_bucketed(noncs, labels, n_classes, n_neighbors, dof, edges):
    n, big_k = len(noncs), n_neighbors
    least = [
        smallest_winning_count(y, [labels.count(c) for c in range(n_classes)], big_k)
        for y in range(n_classes)
    ]
    certain = _certain_vote(least, n_classes)
    if certain is not None:
        return certain
    # tails[l][i] = (F, U) of row i at the upper end of bucket l; tails[0] is the left end of the first
    # bucket.
    tails = [[(0.0, 1.0)] * n]
    tails += [[ncx2_tails(x, dof, nonc)[:2] for nonc in noncs] for x in edges]
    tails += [[(1.0, 0.0)] * n]
    parts = [[] for _ in range(n_classes)]
    difference_errors = [[] for _ in range(n_classes)]
    for left, right in zip(tails[:-1], tails[1:], strict=True):
        for i in range(n):
            mass, scale = _bucket_probability(left[i], right[i])
            if scale == 0:
                continue
            # Rows before i beat it from the same bucket, rows after i only from a smaller one (eqs. 78, 79).
            inside = right[:i] + left[i:]
            polynomials = []
            for c in range(n_classes):
                rivals = [(*inside[j], 0.0) for j in range(n) if labels[j] == c and j != i]
                big_g, _ = tallies(rivals, big_k)
                zero = [0.0] * (big_k + 1)
                polynomials.append((zero, [0.0] + big_g[:big_k]) if labels[i] == c else (big_g, zero))
            for y, weight in enumerate(winner_mass(polynomials, least, big_k)):
                parts[y].append(mass * weight)
                difference_errors[y].append(scale * weight)
    values = [math.fsum(p) for p in parts]
    # Every tail carries law_rounding at its own edge, none larger than at the outermost edge that matters. A
    # difference of tails carries it relative to the tails, not to the difference.
    x_hi = max(
        [x for x, column in zip(edges, tails[1:-1], strict=True) if any(sf > 0 for _, sf in column)],
        default=0.0,
    )
    t_hi = math.sqrt(max(x_hi, 0.0))
    unit = law_rounding(t_hi)
    errors = [
        0.0 if g_min is None else _rounding(value, t_hi, n) + unit * math.fsum(difference) + WINDOW_FLOOR
        for value, difference, g_min in zip(values, difference_errors, least, strict=True)
    ]
    return values, errors


# ------------------------------------------------------------------------------------------------------------
# Distances


def distances(queries, rows, *, n_threads):
    """(m, d), (n, d) -> (m, n) Euclidean distances by direct differences: no cancellation on shifted data."""
    rows = np.asarray(rows, dtype=np.float64).tolist()
    queries = np.asarray(queries, dtype=np.float64).tolist()
    table = [
        [math.sqrt(math.fsum((a - b) * (a - b) for a, b in zip(q, r, strict=True))) for r in rows]
        for q in queries
    ]
    return np.array(table, dtype=np.float64).reshape(len(queries), len(rows))


def distances_csr(q_indptr, q_indices, q_data, r_indptr, r_indices, r_data, *, n_threads):
    """Distances between rows of two CSR matrices with sorted indices: a merge, then direct differences."""
    queries = _csr_rows(q_indptr, q_indices, q_data)
    rows = _csr_rows(r_indptr, r_indices, r_data)
    table = [[_merged_distance(q, r) for r in rows] for q in queries]
    return np.array(table, dtype=np.float64).reshape(len(queries), len(rows))


def _csr_rows(indptr, indices, data):
    indptr, indices = np.asarray(indptr).tolist(), np.asarray(indices).tolist()
    data = np.asarray(data, dtype=np.float64).tolist()
    return [
        list(zip(indices[lo:hi], data[lo:hi], strict=True))
        for lo, hi in zip(indptr[:-1], indptr[1:], strict=True)
    ]


def _merged_distance(q, r):
    squares = []
    i = k = 0
    while i < len(q) or k < len(r):
        if k == len(r) or (i < len(q) and q[i][0] < r[k][0]):
            difference = q[i][1]
            i += 1
        elif i == len(q) or r[k][0] < q[i][0]:
            difference = r[k][1]
            k += 1
        else:
            difference = q[i][1] - r[k][1]
            i += 1
            k += 1
        squares.append(difference * difference)
    return math.sqrt(math.fsum(squares))


vote_scan = scan_by(distances, vote)
