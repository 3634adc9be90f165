"""Races of which some rows are moved, in plain loops: the specification of `MovedRaces` in contract.py.

Letters of docs/moved-rows.md. Split by split and node by node: hulls within hulls until they stay (Theorem
2), then Theorem 1 with the attack of the split. What the sums over nodes err by is bounded for all races at
once by `reference_strip`.
"""

from __future__ import annotations

import math

import numpy as np

from .reference_loops import counts_at_least, distance_law, node, race, tallies
from .reference_strip import MovedList, end_error, sum_errors

__all__ = ["moved_races"]

FIRST_STEP = 1 / 16
PRICE = 1e-9  # what may happen beyond the window
LARGEST_ERROR = 1e-8  # of sums over nodes
PER_EXCHANGE = 1e-11  # see csrc/include/knn_cert/moved_list.hpp
UNEVEN = 3e-12
ROUNDING = 1e-12  # of sums of some hundred terms that add up to 1, by laws that err by 1e-14
WIDER = 1e-8  # of the bracket of alpha / beta


def moved_races(distances, start, m_a, m_b, rows, radius, *, sigma, dof, above, n_threads):
    """See contract.py; ``n_threads`` is accepted and ignored."""
    n = len(m_a)
    lower, attack, error = np.zeros(n), np.zeros(n), np.zeros(n)
    moved = np.zeros(len(distances), dtype=np.int64)
    for i in range(n):
        begin, middle, end = start[2 * i : 2 * i + 3].tolist()
        a, b = distances[begin:middle], distances[middle:end]
        contest = _Contest(a, b, int(m_a[i]), int(m_b[i]), float(radius[i]), sigma, dof)
        lower[i], attack[i], error[i], at_a, at_b = contest.worst(int(rows[i]), above)
        moved[[begin + row for row in at_a] + [middle + row for row in at_b]] = 1
    return lower, attack, error, moved


class _Contest:
    """One race whose rows may be moved by a radius."""

    def __init__(self, a, b, m_a, m_b, radius, sigma, dof):
        self.a, self.b, self.m_a, self.m_b = a, b, m_a, m_b
        self.radius, self.sigma, self.dof = radius, sigma, dof
        self.moved_a, self.moved_b = a + radius, np.maximum(b - radius, 0.0)

    def worst(self, rows, above):
        """(lower bound, the best attack's probability, its error, rows of A and of B that it moves)."""
        n_a, n_b = len(self.a), len(self.b)
        if n_a < self.m_a:
            return 0.0, 0.0, 0.0, [], []
        if n_b < self.m_b:
            return 1.0, 1.0, 0.0, [], []
        rows = min(rows, n_a + n_b)
        self.set_nodes(rows)
        splits = range(max(0, rows - n_b), min(rows, n_a) + 1)
        tried = {p: [self.attack(*moved) for moved in self.candidates(p, rows - p)] for p in splits}
        best = min((attack for each in tried.values() for attack in each), key=lambda each: each[0])
        if best[0] <= above:
            return 0.0, *best
        lower = min(max(self.bound(p, rows - p, attack) for attack in tried[p]) for p in splits)
        return max(0.0, lower), *best

    def set_nodes(self, rows):
        """Nodes beyond which both lists decide nothing, whichever rows are moved; and the laws there."""
        closing = min(self.moved_a[self.m_a - 1], self.b[self.m_b - 1]) / self.sigma
        middle = math.sqrt(closing**2 + self.dof)
        self.step = FIRST_STEP
        first = last = round((middle if middle > 40 else math.log(math.expm1(middle))) / self.step)

        def open_(t):
            a = _ranks(self.laws(t, self.a), self.laws(t, self.moved_a), rows, True)
            return sum(tallies(a, self.m_a - 1)[0]) * sum(tallies(self.laws(t, self.b), self.m_b - 1)[0])

        def arrived(t):
            b = _ranks(self.laws(t, self.b), self.laws(t, self.moved_b), rows, False)
            a = counts_at_least(self.laws(t, self.a), self.m_a)[self.m_a]
            return a + counts_at_least(b, self.m_b)[self.m_b]

        while open_(node(last * self.step)[0]) > PRICE or self.end_error(last, rows) > PRICE:
            last += 4
        while arrived(node(first * self.step)[0]) > PRICE or self.end_error(first, rows) > PRICE:
            first -= 4
        self.outside = 3.0 * open_(node(last * self.step)[0]) + arrived(node(first * self.step)[0])
        positions = [j * self.step for j in range(first, last + 1)]
        while True:
            lists = self.lists(positions, rows)
            a_first, b_first, self.a_mass, self.b_mass = sum_errors(positions, self.step, *lists, self.dof)
            self.sums = max(a_first, b_first)
            if self.sums <= LARGEST_ERROR:
                break
            self.step /= 2.0
            positions = [j * self.step for j in range(2 * first - 1, 2 * last + 2)]
            first, last = 2 * first - 1, 2 * last + 1
        self.nodes = [
            (self.step * node(u)[1], *laws)
            for u, *laws in zip(
                positions, lists[0].still, lists[0].moved, lists[1].still, lists[1].moved, strict=True
            )
        ]

    def lists(self, positions, rows):
        """Both lists at some nodes."""
        found = []
        for s, moved, m in ((self.a, self.moved_a, self.m_a), (self.b, self.moved_b, self.m_b)):
            at = [[self.laws(node(u)[0], x) for u in positions] for x in (s, moved)]
            found.append(
                MovedList((s / self.sigma).tolist(), (moved / self.sigma).tolist(), *at, min(rows, len(s)), m)
            )
        return found

    def end_error(self, index, rows):
        """What a window that ends at a node adds to the errors of sums."""
        positions = [index * self.step]
        return max(end_error(positions, self.step, *self.lists(positions, rows), self.dof, 0)[:2])

    def laws(self, t, distances):
        return [distance_law(t, (s / self.sigma) ** 2, self.dof) for s in distances.tolist()]

    def candidates(self, p, q):
        """The nearest rows of each list; and those that do most to the race of these, to first order."""
        nearest = list(range(p)), list(range(q))
        effect_a, effect_b = np.zeros(len(self.a)), np.zeros(len(self.b))
        for weight, a, moved_a, b, moved_b in self.nodes:
            law_a, law_b = _with_moved(a, moved_a, nearest[0]), _with_moved(b, moved_b, nearest[1])
            (g_a, a_a), (g_b, a_b) = tallies(law_a, self.m_a - 1), tallies(law_b, self.m_b - 1)
            effect_a += [weight * a_b[-1] * g_a[-1] * (x[0] - y[0]) for x, y in zip(a, moved_a, strict=True)]
            effect_b += [weight * a_a[-1] * g_b[-1] * (y[0] - x[0]) for x, y in zip(b, moved_b, strict=True)]
        by_effect = np.argsort(-effect_a, kind="stable")[:p], np.argsort(-effect_b, kind="stable")[:q]
        return [nearest, tuple(order.tolist() for order in by_effect)]

    def attack(self, at_a, at_b):
        """(P(A first) when these rows are moved, its error, the rows)."""
        a, b = self.a.copy(), self.b.copy()
        a[at_a], b[at_b] = self.moved_a[at_a], self.moved_b[at_b]
        p, _, error = race(a, self.m_a, b, self.m_b, sigma=self.sigma, dof=self.dof)
        return p, error, at_a, at_b

    def bound(self, p, q, attack):
        """Theorem 1 for one split, with the sets of an attack on it; errors are taken off."""
        _, _, at_a, at_b = attack
        one, two = 0.0, 1.0
        c_a = c_b = 0.0
        for weight, a, moved_a, b, moved_b in self.nodes:
            (g_a, a_a), (g_b, a_b) = (
                tallies(_with_moved(side, moved, rows), m - 1)
                for side, moved, rows, m in ((a, moved_a, at_a, self.m_a), (b, moved_b, at_b, self.m_b))
            )
            most_a = _worst_count(a, moved_a, p, self.m_a, True)  # P(fewer than m), 1 - L
            least_b = _worst_count(b, moved_b, q, self.m_b, False)  # 1 - H
            c_a, c_b = max(c_a, most_a - sum(g_a)), max(c_b, sum(g_b) - least_b)
            one += weight * least_b * a_a[-1]
            two -= weight * most_a * a_b[-1]
        found = max(one - c_a * (1.0 + self.b_mass), two - c_b * (1.0 + self.a_mass))
        return found - 3.0 * self.sums - self.outside - ROUNDING - (p + q) * PER_EXCHANGE


def _with_moved(still, moved, rows):
    laws = list(still)
    for row in rows:
        laws[row] = moved[row]
    return laws


def _ranks(still, moved, n_moved, outward, hull=None):
    """Laws that bound every list with so many rows of the hull moved, rank by rank; as they are outside."""
    low, high = (0, len(still)) if hull is None else hull
    laws = list(still)
    for j in range(low, high):
        laws[j] = moved[j]
        other = j + n_moved if outward else j - n_moved
        if low <= other < high and (still[other][0] > moved[j][0]) == outward:
            laws[j] = still[other]
    return laws


def _worst_count(still, moved, n_moved, m, outward):
    """P(fewer than m rows within): at most (outward), or at least, whichever rows are moved."""
    n = len(still)
    low, high = 0, n
    while 0 < n_moved < high - low:
        ends = []
        for least in (True, False):
            laws = _ranks(still, moved, n_moved, outward, (low, high)) if least != outward else list(still)
            if not least:
                laws = laws[:low] + laws[low + 2 :]  # without the two nearest of the hull
            ends.append(_window(still, moved, low, high, n_moved, *_bracket(laws, m, least)))
        narrower = min(first for first, _ in ends), max(end for _, end in ends)
        if narrower == (low, high):
            break
        low, high = narrower
    return sum(tallies(_ranks(still, moved, min(n_moved, n), outward, (low, high)), m - 1)[0])


def _bracket(laws, m, least):
    """(alpha, beta): an end of what P(m - 2) / P(m - 1) may be."""
    counts = tallies(laws, m - 1)[0]
    alpha, beta = (counts[m - 2] if m > 1 else 0.0), counts[m - 1]
    if alpha + beta < 1e-290:
        return (0.0, 1.0) if least else (1.0, 0.0)
    return (alpha * (1.0 - WIDER), beta) if least else (alpha * (1.0 + WIDER), beta)


def _window(still, moved, low, high, n_moved, alpha, beta):
    """First and last of the rows of a hull that are worth as much as the n_moved-th best."""
    scores = [_score(still[j], moved[j], alpha, beta) for j in range(low, high)]
    least = sorted(scores)[-n_moved]
    best = sorted(range(len(scores)), key=lambda j: -scores[j])[:n_moved]  # ties may be broken in any way
    good = [j for j, x in enumerate(scores) if x > least + UNEVEN * (1.0 + least)] + best
    return low + min(good), low + max(good) + 1


def _score(still, moved, alpha, beta):
    """|log kappa(F) - log kappa(F')| / |alpha - beta|, kappa = beta U + alpha F, both over the larger one."""
    larger = max(alpha, beta)
    alpha, beta = alpha / larger, beta / larger
    small = max(still[0], moved[0]) <= 0.5
    change = abs(still[0] - moved[0] if small else moved[1] - still[1])
    kappa, kappa_moved = (max(beta * law[1] + alpha * law[0], 1e-300) for law in (still, moved))
    z = (alpha - beta) * (change if still[0] >= moved[0] else -change) / kappa_moved
    if abs(z) > 0.25:  # 1 + z may have lost its digits
        quotient = math.log(kappa / kappa_moved) / z
    else:
        quotient = math.log1p(z) / z if abs(z) > 1e-9 else 1.0 - z / 2
    return abs(change / kappa_moved * quotient)
