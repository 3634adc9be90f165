"""The arithmetic under the discrete bounds, step by step against rationals: no result on the wrong side."""

from __future__ import annotations

import math
import sys
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knn_cert.bounds import Atoms, Grid
from knn_cert.bounds.arguments import probability
from knn_cert.bounds.rounding import (
    down,
    float_above,
    float_below,
    group_sums_below,
    power_below,
    product_below,
    running_sum_below,
    up,
)

F = Fraction
share = st.one_of(st.floats(0.0, 1.0), st.floats(-320.0, 0.0).map(lambda e: 10.0**e))
positive = st.floats(5e-324, sys.float_info.max)


@given(st.fractions())
def test_floats_next_to_a_rational_enclose_it(x):
    assert F(float_below(x)) <= x <= F(float_above(x))
    assert float_above(x) <= math.nextafter(float_below(x), math.inf)


def test_rationals_beyond_the_floats_are_enclosed():
    assert float_below(F(10) ** 400) == sys.float_info.max
    assert float_above(F(10) ** 400) == math.inf
    assert float_below(-(F(10) ** 400)) == -math.inf
    assert float_below(F(1, 10**400)) == 0.0 < float_above(F(1, 10**400)) == 5e-324


def test_rationals_are_not_moved():
    assert down(F(1, 3)) == up(F(1, 3)) == F(1, 3)
    assert product_below(F(1, 3), F(3, 7)) == F(1, 7)
    assert power_below(F(2, 3), 3) == F(8, 27)


@given(positive, positive)
def test_products_are_never_above(x, y):
    for product in (product_below(x, y), float(product_below(np.array([x]), np.array([y]))[0])):
        assert 0.0 <= product <= sys.float_info.max
        assert F(product) <= F(x) * F(y)
        assert F(product) >= min(F(x) * F(y) * (1 - F(2) ** -51), F(sys.float_info.max)) - F(1e-323)
    assert product_below(x, 1.0) == product_below(1.0, np.array(x)) == x


@given(share, st.integers(0, 60))
def test_powers_are_never_above(x, n):
    power = power_below(x, n)
    assert 0 <= F(power) <= F(x) ** n
    assert F(x) ** n - F(power) <= F(x) ** n * F(1e-14) + F(1e-322)


def test_powers_of_many_factors_are_never_above():
    rng = np.random.default_rng(7)
    with mp.workdps(60):
        for x, n in zip(1.0 - rng.exponential(1e-4, 300), rng.integers(1, 10**6, 300), strict=True):
            assert power_below(float(x), int(n)) <= mp.mpf(float(x)) ** int(n)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
def test_sums_are_never_above(n):
    rng = np.random.default_rng(8)
    for _ in range(30 if n < 1000 else 3):
        # the same term over and over rounds to one side, which is the worst for a sum
        x = np.full(n, rng.uniform()) if rng.integers(2) else rng.uniform(size=n) ** rng.integers(1, 9)
        true = np.cumsum([F(value) for value in x])
        for sums in (running_sum_below(x), group_sums_below(x, [0])):
            truth = true[-len(sums) :]
            assert all(F(s) <= t for s, t in zip(sums, truth, strict=True))
            assert all(t - F(s) <= t * n * F(2) ** -51 for s, t in zip(sums, truth, strict=True))
        assert np.all(np.diff(running_sum_below(x)) >= 0.0)


@given(st.fractions(0, 1))
def test_probabilities_become_floats_on_the_side_that_is_asked_for(p):
    below = float(probability(p, "p", exact=False, side="below"))
    above = float(probability(p, "p", exact=False, side="above"))
    assert F(below) <= p <= F(above)
    assert probability(p, "p", exact=True, side="below") == p


# --- the grid ---


def random_pair(rng, n):
    ratios = np.exp(rng.normal(0.0, rng.choice([0.01, 1.0, 20.0]), n))
    masses = rng.dirichlet(np.ones(n))
    return Atoms(ratios, masses / max(1.0, 2.0 * float(ratios @ masses)) / (1.0 + 1e-12))


@pytest.mark.parametrize("step", [1.0, 0.1, 0.003, 2.0**-20])
def test_splitting_an_atom_gives_neither_law_more_mass(step):
    rng = np.random.default_rng(9)
    with mp.workdps(40):
        for _ in range(60):
            pair = random_pair(rng, 1)
            grid = Grid.of(pair, step)
            mass, ratio = mp.mpf(float(pair.masses[0])), mp.mpf(float(pair.ratios[0]))
            bins = [mp.mpf(float(m)) for m in grid.masses]
            one = mp.fsum(mp.exp(mp.mpf(step) * (grid.first + k)) * m for k, m in enumerate(bins))
            assert mass * (1 - mp.mpf(10) ** -12) <= mp.fsum(bins) <= mass
            assert mass * ratio * (1 - mp.mpf(10) ** -12) <= one <= mass * ratio


def test_splitting_many_atoms_gives_neither_law_more_mass():
    rng = np.random.default_rng(10)
    with mp.workdps(40):
        for n in (2, 50):
            pair = random_pair(rng, n)
            grid = Grid.of(pair, 0.5)
            assert sum(F(m) for m in grid.masses) <= sum(F(m) for m in pair.masses)
            one = mp.fsum(
                mp.exp(mp.mpf(0.5) * (grid.first + k)) * float(m) for k, m in enumerate(grid.masses)
            )
            assert one <= mp.fsum(
                mp.mpf(float(r)) * float(m) for r, m in zip(pair.ratios, pair.masses, strict=True)
            )


@pytest.mark.parametrize("size", [1, 2, 7, 150])
def test_no_bin_of_a_convolution_is_above_the_true_one(size):
    rng = np.random.default_rng(11)
    for _ in range(3):
        one, two = (Grid(0.5, -size // 2, rng.dirichlet(np.ones(size))) for _ in range(2))
        true = [F(0)] * (2 * size - 1)
        for i, m in enumerate(one.masses):
            for j, n in enumerate(two.masses):
                true[i + j] += F(m) * F(n)
        both = one * two
        for k, mass in enumerate(both.masses, start=both.first - one.first - two.first):
            assert F(mass) <= true[k] <= F(mass) * (1 + size * F(2) ** -50) + F(2) ** -60


@pytest.mark.parametrize("step", [0.7, 0.01, 2.0**-20])
def test_no_ratio_of_a_bin_is_above_the_true_one(step):
    for first in (-900, 0, 650):
        k = int(first / step)
        grid = Grid(step, k, np.full(5, 0.1))
        atoms = grid.atoms()
        with mp.workdps(40):
            true = [mp.exp(mp.mpf(step) * (k + i)) for i in range(5)]
            for ratio, truth in zip(atoms.ratios, true, strict=False):
                assert truth * (1 - mp.mpf(10) ** -12) <= mp.mpf(float(ratio)) <= truth
        assert len(atoms) == (0 if first < -800 else 5)
