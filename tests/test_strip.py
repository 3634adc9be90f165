"""Sums over nodes for integrals: bounds beside the real axis, by mpmath; errors, by sums of finer steps."""

from __future__ import annotations

import functools
import itertools
import math

import mpmath as mp
import naive_races
import numpy as np
import pytest
from scipy.stats import ncx2

from knn_cert.kernels import reference_strip as strip


@functools.lru_cache(4096)  # points on the axis come up with every width of the strip
def law(t, s, d):
    """(F, U, f) at a complex t, |t| of a few units, by the series of the density; 25 digits.

    The density is analytic: some 40 nodes of Gauss and Legendre have all the digits.
    """
    with mp.workdps(25):
        t, s, half = mp.mpc(t), mp.mpf(s), mp.mpf(d) / 2
        unit = 2 ** (half - 1) * mp.gamma(half)

        def f(x):
            scale = mp.exp(-(x * x + s * s) / 2) * x ** (d - 1) / unit
            return scale * mp.hyp0f1(half, (s * x / 2) ** 2)

        F, error = mp.quad(lambda r: t * f(r * t), [0, 1], method="gauss-legendre", error=True)
        assert error < 1e-15
        return F, 1 - F, f(t)


@pytest.mark.parametrize("d", [1, 3, 20])
@pytest.mark.parametrize("s", [0.0, 0.7, 6.0])
def test_no_law_beside_the_axis_is_above_its_bounds(d, s):
    tight = []
    for u, step, w in itertools.product([-1.0, 0.5, 2.0, 4.0], [1 / 8, 1 / 16], [0.1, 0.28]):
        t = math.log1p(math.exp(u))
        F, U, f = ncx2.cdf(t**2, d, s**2), ncx2.sf(t**2, d, s**2), 2.0 * t * ncx2.pdf(t**2, d, s**2)
        if min(F, U) < 1e-12:
            continue
        box = strip._box(u, step, w, float(d))
        both, density = strip._row_bounds(box, s, (F, U, f), float(d))
        for share, height in itertools.product([-0.5, 0.0, 0.5], [0.0, 0.6, 1.0]):
            at = mp.log(1 + mp.exp(mp.mpc(u + share * step, height * w)))
            assert abs(mp.re(at) - t) <= box.delta * (1 + 1e-12)
            assert 0 <= mp.im(at) <= box.y * (1 + 1e-12)
            slope = abs(1 / (1 + mp.exp(-mp.mpc(u + share * step, height * w))))
            assert slope <= box.speed * (1 + 1e-12)
            F_at, U_at, f_at = (abs(value) for value in law(at, s, d))
            assert f_at <= density * (1 + 1e-9)
            for rho in strip.RHO:
                size = U_at + rho * F_at
                assert size <= both(rho) * (1 + 1e-9)
                tight.append(float(size / both(rho)))
    assert not tight or np.median(tight) > 0.6


def sums(a, b, m_a, m_b, positions, step, d):
    """Sums over nodes of f_A P(N_B < m_b) and of f_B P(N_A < m_a)."""
    t = np.logaddexp(0.0, np.array(positions))[:, None]
    weight = -np.expm1(-t[:, 0]) * step
    (fewer_a, f_a), (fewer_b, f_b) = naive_races.counts(a, m_a, t, d), naive_races.counts(b, m_b, t, d)
    return weight @ np.stack([f_a * fewer_b, f_b * fewer_a, f_a, f_b], axis=1)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("step", [1.0, 0.5, 0.25])
def test_no_race_of_moved_rows_errs_by_more_than_is_said_of_all(seed, step):
    rng = np.random.default_rng(seed)
    d = float(rng.integers(1, 12))
    n, m_a, m_b = 7, int(rng.integers(1, 4)), int(rng.integers(1, 4))
    a, b = np.sort(rng.uniform(0.0, 4.0, n)), np.sort(rng.uniform(0.0, 4.0, n))
    radius, rows = rng.uniform(0.1, 2.0), 3
    far, close = a + radius, np.maximum(b - radius, 0.0)
    positions = [step * j for j in range(round(-4 / step), round(7 / step) + 1)]

    def laws(s):
        t = np.logaddexp(0.0, np.array(positions))[:, None]
        values = ncx2.cdf(t**2, d, s**2), ncx2.sf(t**2, d, s**2), 2.0 * t * ncx2.pdf(t**2, d, s**2)
        return np.stack(values, axis=2).tolist()

    lists = [
        strip.MovedList(s.tolist(), s_moved.tolist(), laws(s), laws(s_moved), rows, m)
        for s, s_moved, m in ((a, far, m_a), (b, close, m_b))
    ]
    claimed = np.array(strip.sum_errors(positions, step, *lists, d))
    # the same window, which ends half a step beyond the nodes, in cells of a sixty-fourth of the step
    fine = step / 64
    first, last = positions[0] - step / 2, positions[-1] + step / 2
    finer = np.arange(first + fine / 2, last, fine)
    for p in range(rows + 1):
        S, T = rng.permutation(n)[:p], rng.permutation(n)[: rows - p]
        moved_a, moved_b = a.copy(), b.copy()
        moved_a[S], moved_b[T] = far[S], close[T]
        rough = sums(moved_a, moved_b, m_a, m_b, positions, step, d)
        truth = sums(moved_a, moved_b, m_a, m_b, finer, fine, d)
        missed = np.abs(rough - truth)
        assert np.all(missed <= claimed + 1e-4 * fine)  # midpoint sums in cells err at the ends of the window
    if step == 0.25:
        assert claimed[:2].max() < 0.05
