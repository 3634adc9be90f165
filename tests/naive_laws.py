"""Independent oracles for pairs of discrete laws, never importing the package: enumeration and HiGHS.

A law is a dictionary of outcomes to probabilities.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
from scipy.optimize import linprog

# HiGHS takes a constraint for kept that is violated by 1e-7, which is more than answers may differ by here.
_EXACT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def trade_off(p0, p1, p):
    """min {E1 phi : E0 phi >= p}, Neyman-Pearson: outcomes by increasing ratio until P0 reaches p."""
    outcomes = [(p0.get(z, 0), p1.get(z, 0)) for z in {**p0, **p1}]
    outcomes = sorted((o for o in outcomes if o[0]), key=lambda o: o[1] / o[0])
    value = 0 * p
    for m0, m1 in outcomes:
        share = min(p / m0, 1)
        value += share * m1
        p -= share * m0
        if p <= 0:
            break
    return value


def total_variation(p0, p1):
    return sum(max(p0.get(z, 0) - p1.get(z, 0), 0) for z in {**p0, **p1})


def product(*laws):
    """The law of independent draws: outcomes are tuples."""
    result = {(): 1}
    for law in laws:
        result = {(*z, x): m * n for z, m in result.items() for x, n in law.items()}
    return result


def programme(p0, p1, p):
    """min E1 phi over tests phi with E0 phi >= p, by HiGHS."""
    outcomes = list({**p0, **p1})
    m0 = np.array([float(p0.get(z, 0)) for z in outcomes])
    m1 = np.array([float(p1.get(z, 0)) for z in outcomes])
    solution = linprog(m1, A_ub=-m0[None, :], b_ub=[-float(p)], bounds=(0, 1), method="highs", options=_EXACT)
    assert solution.status == 0
    return solution.fun


def joint_programme(p0, p1, p_a, p_b):
    """min E1 [phi_A - phi_B] over phi_A + phi_B <= 1 with E0 phi_A >= p_a, E0 phi_B <= p_b, by HiGHS."""
    outcomes = list({**p0, **p1})
    m0 = np.array([float(p0.get(z, 0)) for z in outcomes])
    m1 = np.array([float(p1.get(z, 0)) for z in outcomes])
    none, every = np.zeros(len(outcomes)), np.eye(len(outcomes))
    limits = np.vstack([np.r_[-m0, none], np.r_[none, m0], np.hstack([every, every])])
    bounds = np.r_[-float(p_a), float(p_b), np.ones(len(outcomes))]
    objective = np.r_[m1, -m1]
    solution = linprog(objective, A_ub=limits, b_ub=bounds, bounds=(0, 1), method="highs", options=_EXACT)
    assert solution.status == 0
    return solution.fun


def attacks(options, budget):
    """Every choice of at most ``budget`` positions and one option at each, as lists of options."""
    for changes in range(budget + 1):
        for positions in itertools.combinations(range(len(options)), changes):
            yield from itertools.product(*(options[i] for i in positions))


# --- smoothing schemes, by every outcome of the noise ---


def _law(outcomes):
    law = {}
    for outcome, mass in outcomes:
        law[outcome] = law.get(outcome, 0) + mass
    return law


def masked(text, rho):
    """Each word masked with probability rho."""
    return _law(
        (
            tuple(None if m else w for m, w in zip(mask, text, strict=True)),
            math.prod(rho if m else 1 - rho for m in mask),
        )
        for mask in itertools.product([True, False], repeat=len(text))
    )


def kept(text, keep):
    """Exactly ``keep`` words kept, the others masked."""
    share = Fraction(1, math.comb(len(text), keep))
    return _law(
        (tuple(w if i in chosen else None for i, w in enumerate(text)), share)
        for chosen in itertools.combinations(range(len(text)), keep)
    )


def deleted(text, p):
    """Each token deleted with probability p, the others moved together."""
    return _law(
        (
            tuple(w for m, w in zip(mask, text, strict=True) if not m),
            math.prod(p if m else 1 - p for m in mask),
        )
        for mask in itertools.product([True, False], repeat=len(text))
    )


def dropped_then_deleted(rows, pi, p):
    """Each row dropped with probability pi, else its tokens deleted with probability p."""
    laws = []
    for row in rows:
        law = {z: (1 - pi) * m for z, m in deleted(row, p).items()}
        law["dropped"] = pi
        laws.append(law)
    return product(*laws)


def replaced(token, vocabulary, keep):
    """The token kept with probability ``keep``, else any other one of the vocabulary."""
    other = (1 - keep) / Fraction(vocabulary - 1)
    return {z: keep if z == token else other for z in range(vocabulary)}
