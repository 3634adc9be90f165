"""Independent oracles, never importing the package: definitions in high precision or by enumeration."""

from __future__ import annotations

import functools
import itertools
import math
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction

import numpy as np
from mpmath import mp, mpf

# ------------------------------------------------------------------------------------------------------------
# The distance law


DIGITS = 50
mp.dps = DIGITS


@functools.cache
def ncx2(x, dof, nonc):
    """(cdf, sf, pdf) of non-central chi-square as mpf with 40 digits or more, however small.

    The Poisson mixture taken at its word: below the mean F = sum_j p_j P(a+j, y) from the top down, above it
    U = sum_j p_j Q(a+j, y) from j = 0 up, only positive terms; the other tail, above about 1/3, by
    complement.
    """
    below_mean = x < dof + nonc
    # From j = 0 up takes too long for very far rows: there U is a complement, in digits enough to spare.
    complement = not below_mean and nonc > 4e4
    digits = DIGITS
    if complement:
        digits += math.ceil((math.sqrt(x) - math.sqrt(nonc)) ** 2 / 2 / math.log(10) + dof)
    with mp.workdps(digits), localcontext(_decimals(digits)):
        mu, y, a = mpf(nonc) / 2, mpf(x) / 2, mpf(dof) / 2
        if below_mean or complement:
            cdf, pdf = _from_the_top(mu, y, a, digits)
            return cdf, 1 - cdf, pdf
        sf, pdf = _from_the_bottom(mu, y, a, digits)
        return 1 - sf, sf, pdf


def _decimals(digits):
    return Context(prec=digits, Emin=MIN_EMIN, Emax=MAX_EMAX)


def _from_the_top(mu, y, a, digits):
    # Poisson tail: below exp(-w^2 / (2 (mu + w))) outside mu +- w
    log_tail = digits * math.log(10)
    w = math.ceil(log_tail + math.sqrt(log_tail * log_tail + 2 * log_tail * float(mu)))
    last = int(mu) + w if mu > 0 else 0
    p = mp.exp(-mu) * mu**last / mp.factorial(last)
    g = y ** (a + last) * mp.exp(-y) / mp.gamma(a + last + 1)  # P(a+last) - P(a+last+1)
    # The loops run in decimal, which is ten times faster than mpf.
    p, g, mu, y, a = (_decimal(value) for value in (p, g, mu, y, a))
    cumulative = _gamma_series(a + last, y) * g
    cdf = pdf = previous = Decimal(0)
    for j in range(last, -1, -1):
        g *= (a + j) / y  # now g_(j-1)
        term = p * cumulative
        cdf += term
        pdf += p * g / 2
        if term < previous and cdf + term * Decimal(10) ** 6 == cdf:
            break
        previous = term
        cumulative += g
        p *= j / mu if mu else 1
    return mpf(str(cdf)), mpf(str(pdf))


def _from_the_bottom(mu, y, a, digits):
    order = a - mp.floor(a) if a != mp.floor(a) else mpf(1)
    cumulative = mp.gammainc(order, y, mp.inf, regularized=True)
    g = y**order * mp.exp(-y) / mp.gamma(order + 1)
    p = mp.exp(-mu)
    p, g, cumulative, mu, y, a, order = (_decimal(v) for v in (p, g, cumulative, mu, y, a, order))
    while order < a:
        cumulative += g
        order += 1
        g *= y / (order)
    # now cumulative = Q(a), g = g_0
    sf = pdf = previous = Decimal(0)
    j = 0
    while True:
        term = p * cumulative
        sf += term
        pdf += p * g * (a + j) / y / 2
        if term < previous and sf + term * Decimal(10) ** 6 == sf or mu == 0:
            return mpf(str(sf)), mpf(str(pdf))
        previous = term
        cumulative += g
        j += 1
        g *= y / (a + j)
        p *= mu / j


def _decimal(value):
    return Decimal(mp.nstr(value, mp.dps, strip_zeros=False, min_fixed=0, max_fixed=0))


def _gamma_series(order, y):
    """P(order, y) in units of y^order e^-y / Gamma(order + 1)."""
    total = term = Decimal(1)
    k = 0
    while total + term != total:
        k += 1
        term *= y / (order + k)
        total += term
    return total


def ncx2_logs(x, dof, nonc):
    """(log cdf, log sf) as mpf."""
    cdf, sf, _ = ncx2(x, dof, nonc)
    with mp.workdps(DIGITS):
        return (mp.log(cdf), mp.log1p(-cdf)) if cdf < sf else (mp.log1p(-sf), mp.log(sf))


@functools.cache
def radial_law(t, sq_distance, sigma, dof):
    """(F, U, f) of the distance from the query to a noisy row, in units of sigma, at radius t."""
    if t == 0:
        return mpf(0), mpf(1), mpf(0)
    with mp.workdps(30):
        cdf, sf, pdf = ncx2(t * t, dof, mpf(sq_distance) / mpf(sigma) ** 2)
        return +cdf, +sf, 2 * t * pdf


# ------------------------------------------------------------------------------------------------------------
# Votes


def winner(labels, n_classes):
    """Class with most votes, the lowest of those that tie."""
    votes = [sum(label == c for label in labels) for c in range(n_classes)]
    return votes.index(max(votes))


def plain_knn(sq_distances, labels, n_neighbors, n_classes):
    """Vote of the K nearest rows, ties in distance to the lower index."""
    order = sorted(range(len(labels)), key=lambda i: (sq_distances[i], i))
    return winner([labels[i] for i in order[:n_neighbors]], n_classes)


def equidistant_vote(labels, n_neighbors, n_classes):
    """Exact class probabilities where all rows have one law: all sets of K rows are equally likely."""
    wins = [0] * n_classes
    for nearest in itertools.combinations(labels, n_neighbors):
        wins[winner(nearest, n_classes)] += 1
    return [Fraction(count, math.comb(len(labels), n_neighbors)) for count in wins]


def vote(sq_distances, labels, *, n_classes, n_neighbors, sigma, dof):
    """Continuous classifier: the sets of rows nearer than the boundary row, listed and integrated."""

    def outcome(boundary, nearer):
        if len(nearer) != n_neighbors - 1:
            return None
        return winner([labels[i] for i in (*nearer, boundary)], n_classes)

    return _boundary_events(tuple(sq_distances), sigma, dof, n_classes, outcome)


def race(sq_distances_a, m_a, sq_distances_b, m_b, *, sigma, dof):
    """[p_a, p_b]: the boundary row is the m-th of its list and the other list is still short of its own m."""
    n_a = len(sq_distances_a)

    def outcome(boundary, nearer):
        inside = (sum(i < n_a for i in nearer), sum(i >= n_a for i in nearer))
        if boundary < n_a:
            return 0 if inside[0] == m_a - 1 and inside[1] < m_b else None
        return 1 if inside[1] == m_b - 1 and inside[0] < m_a else None

    return _boundary_events((*sq_distances_a, *sq_distances_b), sigma, dof, 2, outcome)


def _boundary_events(sq_distances, sigma, dof, n_outcomes, outcome):
    """Sum over boundary rows and sets of nearer rows of the integral of f_i prod F prod U."""
    n = len(sq_distances)
    events = []
    for boundary in range(n):
        others = [i for i in range(n) if i != boundary]
        for size in range(n):
            for nearer in itertools.combinations(others, size):
                y = outcome(boundary, nearer)
                if y is not None:
                    events.append((y, boundary, nearer, tuple(set(others) - set(nearer))))
    totals = [mpf(0)] * n_outcomes
    with mp.workdps(30):
        for t, weight in _gauss_panels(sq_distances, sigma, dof):
            laws = [radial_law(t, value, sigma, dof) for value in sq_distances]
            for y, boundary, nearer, farther in events:
                product = weight * laws[boundary][2]
                for i in nearer:
                    product *= laws[i][0]
                for i in farther:
                    product *= laws[i][1]
                totals[y] += product
    return totals


def _gauss_panels(sq_distances, sigma, dof):
    """Gauss-Legendre nodes over the radii (in units of sigma) that any row can reach: 20 for every 2 units.

    Whole dimensions only: the densities are then analytic at t = 0 too. Ten units beyond a row's typical
    radius leave exp(-50), far below the differences that the tests look at.
    """
    typical = [math.sqrt(dof + value / sigma**2) for value in sq_distances]
    low, high = max(0.0, min(typical) - 10), max(typical) + 10
    n_panels = math.ceil((high - low) / 2)
    width = mpf(high - low) / n_panels
    for k in range(n_panels):
        for node, weight in _gauss_rule(20):
            yield low + width * (k + (node + 1) / 2), weight * width / 2


@functools.cache
def _gauss_rule(n):
    """Nodes and weights of Gauss-Legendre in 30 digits, polished from NumPy's."""
    rule = []
    with mp.workdps(30):
        for guess in np.polynomial.legendre.leggauss(n)[0]:
            node = mp.findroot(lambda z: mp.legendre(n, z), mpf(float(guess)))
            slope = n * (mp.legendre(n - 1, node) - node * mp.legendre(n, node)) / (1 - node * node)
            rule.append((node, 2 / ((1 - node * node) * slope * slope)))
    return rule


def vote_bucketed(sq_distances, labels, *, n_classes, n_neighbors, sigma, dof, edges):
    """Theorem 3 of RAB by listing every assignment of levels to rows; ties to the lower index."""
    with mp.workdps(30):
        scaled = [mpf(edge) / mpf(sigma) ** 2 for edge in edges]
        levels = []
        for value in sq_distances:
            nonc = mpf(value) / mpf(sigma) ** 2
            cdf = [mpf(0), *(ncx2(x, dof, nonc)[0] for x in scaled), mpf(1)]
            sf = [mpf(1), *(ncx2(x, dof, nonc)[1] for x in scaled), mpf(0)]
            levels.append(
                [
                    cdf[k + 1] - cdf[k] if cdf[k + 1] < 0.5 else sf[k] - sf[k + 1]
                    for k in range(len(edges) + 1)
                ]
            )
        totals = [mpf(0)] * n_classes
        for assignment in itertools.product(range(len(edges) + 1), repeat=len(labels)):
            probability = mp.fprod(levels[i][level] for i, level in enumerate(assignment))
            totals[plain_knn(assignment, labels, n_neighbors, n_classes)] += probability
        return totals


# ------------------------------------------------------------------------------------------------------------
# Distances


def sq_distance(query, row):
    """Squared Euclidean distance of two rows of floats as an exact fraction."""
    return sum((Fraction(float(a)) - Fraction(float(b))) ** 2 for a, b in zip(query, row, strict=True))


def random_case(seed, *, max_rows=4, max_classes=3, dofs=(1, 2, 3, 5, 57)):
    """A small classification problem: duplicated rows, rows at the query and far rows included."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, max_rows + 1))
    dof = int(rng.choice(dofs))
    sigma = float(rng.choice([0.25, 0.5, 1.0, 2.0]))
    scale = float(rng.choice([0.5, 2.0, 6.0]))
    sq_distances = [round(float(v), 6) for v in (rng.normal(size=n) * scale * sigma) ** 2]
    if rng.random() < 0.3:
        sq_distances[0] = 0.0
    if n > 2 and rng.random() < 0.3:
        sq_distances[1] = sq_distances[2]
    n_classes = int(rng.integers(2, max_classes + 1))
    return {
        "sq_distances": sq_distances,
        "labels": [int(v) for v in rng.integers(0, n_classes, size=n)],
        "n_classes": n_classes,
        "n_neighbors": int(rng.integers(1, n + 1)),
        "sigma": sigma,
        "dof": dof,
    }
