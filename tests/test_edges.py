"""Bucket edges of RAB: the quantiles they run between, recomputed in high precision, and their shape."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest

from knn_cert.exact.edges import rab_edges


def chi_square_lower(x, dof):
    return mp.gammainc(mp.mpf(dof) / 2, 0, mp.mpf(x) / 2, regularized=True)


def noncentral_upper(x, dof, nonc):
    """P(X > x) as the Poisson mixture of central upper tails, each from the one before."""
    half, x = mp.mpf(nonc) / 2, mp.mpf(x) / 2
    shape = mp.mpf(dof) / 2
    weight, covered, total, j = mp.exp(-half), mp.mpf(0), mp.mpf(0), 0
    tail = mp.gammainc(shape, x, regularized=True)
    step = mp.exp(shape * mp.log(x) - x - mp.loggamma(shape + 1))
    while 1 - covered > mp.mpf(10) ** -20:
        total += weight * tail
        covered += weight
        tail += step
        step *= x / (shape + 1 + j)
        j += 1
        weight *= half / j
    return total


@pytest.mark.parametrize(
    ("dof", "sigma", "shrink"),
    [(1, 1.0, 1.0), (2, 0.5, 1.0), (56, 1.0, 1.0), (56, 0.25, 0.5), (57, 2.0, 1.0), (784, 1.0, 0.3)],
)
def test_the_edges_run_between_the_two_quantiles(dof, sigma, shrink):
    edges = rab_edges(dof, sigma, shrink=shrink)
    freedom = shrink * dof
    with mp.workdps(40):
        low = chi_square_lower(edges[0] / sigma**2, freedom)
        high = noncentral_upper(edges[-1] / sigma**2, freedom, freedom / sigma**2)
    assert float(low) == pytest.approx(1e-4, rel=1e-9)
    assert float(high) == pytest.approx(1e-4, rel=1e-9)


@pytest.mark.parametrize("levels", [2, 3, 10, 200, 1000])
def test_there_is_one_edge_less_than_levels_and_all_steps_are_equal(levels):
    edges = rab_edges(56, 1.0, levels)
    assert edges.shape == (levels - 1,)
    assert edges.dtype == np.float64
    assert np.all(np.diff(edges) > 0.0)
    if levels > 2:
        np.testing.assert_allclose(np.diff(edges), (edges[-1] - edges[0]) / (levels - 2), rtol=1e-9)
    assert edges[0] == rab_edges(56, 1.0, 200)[0]


def test_the_default_is_two_hundred_levels_without_shrinking():
    np.testing.assert_array_equal(rab_edges(56, 1.0), rab_edges(56, 1.0, 200, 1.0))


@pytest.mark.parametrize("sigma", [1e-2, 1e3])
@pytest.mark.parametrize("dof", [1, 3072, 150_528])
def test_edges_exist_for_large_dimensions_and_far_noise(dof, sigma):
    edges = rab_edges(dof, sigma)
    assert np.all(np.isfinite(edges))
    assert np.all(np.diff(edges) > 0.0)
    assert edges[0] < dof * sigma**2 < edges[-1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 1.0), ValueError, "dof"),
        ((math.nan, 1.0), ValueError, "dof"),
        (("56", 1.0), TypeError, "dof"),
        ((56, 0.0), ValueError, "sigma"),
        ((56, -1.0), ValueError, "sigma"),
        ((56, math.inf), ValueError, "sigma"),
        ((56, 1e-6), ValueError, "cannot be computed"),
        ((56, 1.0, 1), ValueError, "levels"),
        ((56, 1.0, 200.0), TypeError, "levels"),
        ((56, 1.0, True), TypeError, "levels"),
        ((56, 1.0, 200, 0.0), ValueError, "shrink"),
        ((56, 1.0, 200, "1"), TypeError, "shrink"),
    ],
)
def test_bad_input_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        rab_edges(*arguments)
