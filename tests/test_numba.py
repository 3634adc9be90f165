"""What only the numba backend has: the law by interpolation, far rows by sums of their moments, its cache."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from knn_cert.kernels import reference_loops as reference
from knn_cert.kernels.families import pack
from knn_cert.threats.worst_rows import after_flips

numba_kernels = pytest.importorskip("knn_cert.kernels.numba_kernels")
law_table = pytest.importorskip("knn_cert.kernels.numba_kernels.law_table")
races = pytest.importorskip("knn_cert.kernels.numba_kernels.races")


@pytest.mark.parametrize("dof", [1.0, 2.0, 3.7, 57.0, 784.0, 20000.0, 1e9])
@pytest.mark.parametrize("middle", [1.0, 9.0, 30.0, 149.0, 400.0])
def test_the_law_at_a_block_has_the_relative_error_that_is_charged_for_it(dof, middle):
    t = np.sqrt(dof + middle**2) - 1.0 + np.arange(32) / 16
    s = np.abs(middle + np.array([-36.0, -20.0, -7.0, -0.3, 2.0, 15.0, 33.0])) + 0.01
    block = law_table.Block(dof, t)
    alone, _ = block.rows_one_by_one(s)
    cell, weights = law_table.lagrange(s)
    cells, index = block.rows(cell, threading.Lock())
    for i in range(s.size):
        for law in (alone[i, 0], weights[i] @ cells[index[i]]):
            for node in (0, 15, 31):
                F, U, f = (law[node + 32 * k] for k in range(3))
                wanted = reference.distance_law(float(t[node]), float(s[i]) ** 2, dof)
                smaller = (F, wanted[0]) if wanted[0] < wanted[1] else (U, wanted[1])
                for got, truth in (smaller, (f, wanted[2])):
                    # the reference takes the square, whose rounding moves the law as well
                    assert abs(got - truth) <= (races.LAW_ERROR + 1e-16 * s[i] * 40.0) * truth + 1e-300


def table(n=700, dof=20, seed=0):
    rng = np.random.default_rng(seed)
    return np.sqrt(rng.noncentral_chisquare(dof, 10.0, size=(5, n))), rng.integers(0, 2, n)


@pytest.mark.parametrize("n_neighbors", [1, 5, 12, 23])
@pytest.mark.parametrize("sigma", [0.05, 0.4, 2.0])
def test_far_rows_by_sums_are_within_the_error_of_rows_one_by_one(monkeypatch, n_neighbors, sigma):
    distances, labels = table()
    law = {"n_classes": 2, "n_neighbors": n_neighbors, "sigma": sigma, "dof": 20.0, "n_threads": 1}
    p, errors = numba_kernels.vote(distances, labels, **law)
    monkeypatch.setattr(races, "_MOST_POWERS", 0)
    wanted, wanted_errors = numba_kernels.vote(distances, labels, **law)
    assert np.all(np.abs(p - wanted) <= errors + wanted_errors)
    assert errors.max() <= 1e-9
    # the sums themselves: the rest of both errors is the same
    assert np.all(np.abs(p - wanted) <= 1e-12)


def test_there_are_far_rows_where_the_test_above_says_so():
    distances, _ = table()
    s = np.sort(distances[0]).reshape(2, -1)
    s.sort(axis=1)
    family = races.RaceFamily(s.ravel(), np.array([0, 350, 700]), 1, (3, 3), float(s[:, 2].min()))
    (near, far), (everything, none) = family.ways()
    assert near.size == 64
    assert everything.size == 700
    assert far is not None
    assert none is None


def test_families_with_far_rows_agree_with_the_races_of_their_members():
    distances, labels = table(seed=1)
    a, b = (np.sort(distances[0, labels == c]) for c in (0, 1))
    flipped = np.array([0, 1, 2, 10, 33])
    places = np.array([3]), np.array([3])
    law = {"sigma": 1.0, "dof": 20.0}
    p, errors = numba_kernels.race_families(
        *pack([after_flips(a, b, flipped)]), *places, tolerance=0.0, n_threads=1, **law
    )
    for r, values, bounds in zip(flipped, p, errors, strict=True):
        *wanted, error = numba_kernels.race(a[r:], 3, np.concatenate([b, a[:r]]), 3, **law)
        assert np.all(np.abs(values - wanted) <= bounds + error)
        np.testing.assert_allclose(values, wanted, rtol=1e-11)


def test_answers_with_far_rows_do_not_depend_on_threads_or_company():
    distances, labels = table(seed=2)
    law = {"n_classes": 2, "n_neighbors": 5, "sigma": 0.7, "dof": 20.0}
    together = numba_kernels.vote(distances, labels, n_threads=1, **law)
    for n_threads in (2, 3):
        for got, wanted in zip(
            numba_kernels.vote(distances, labels, n_threads=n_threads, **law), together, strict=True
        ):
            np.testing.assert_array_equal(got, wanted)
    numba_kernels.vote(distances[:1], labels, n_threads=1, **(law | {"dof": 3.0}))  # another table of the law
    for i in (3, 0):
        alone = numba_kernels.vote(distances[i : i + 1], labels, n_threads=1, **law)
        np.testing.assert_array_equal(alone[0][0], together[0][i])
        np.testing.assert_array_equal(alone[1][0], together[1][i])


@pytest.mark.parametrize("n", [0, 300])
def test_rows_beyond_all_numbers_of_cells_are_never_near(n):
    rng = np.random.default_rng(n)
    near = np.concatenate([[1.0, 2.5], rng.uniform(3.0, 9.0, n)])[None]
    labels = np.arange(n + 2) % 2
    far, more = np.concatenate([near, [[1e150, 1e20, 3e15]]], axis=1), np.concatenate([labels, [0, 1, 0]])
    law = {"n_classes": 2, "n_neighbors": 1, "sigma": 0.5, "dof": 4.0, "n_threads": 1}
    np.testing.assert_allclose(
        numba_kernels.vote(far, more, **law)[0], numba_kernels.vote(near, labels, **law)[0], rtol=1e-12
    )
    edges = np.array([4.0, 9.0, 25.0, 1e12, 1e40, 1e290])
    np.testing.assert_allclose(
        numba_kernels.vote_bucketed(far, more, edges=edges, **law)[0],
        numba_kernels.vote_bucketed(near, labels, edges=edges, **law)[0],
        rtol=1e-12,
    )
