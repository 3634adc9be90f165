"""Tables whose distances are huge or tiny against the noise, or that have many classes: the same answers."""

from __future__ import annotations

import math

import naive
import numpy as np
import pytest
from mpmath import mp, mpf

from knn_cert import SmoothedKNNClassifier, kernels
from knn_cert.kernels.families import FamilyRows, RaceFamily, pack
from knn_cert.threats import RowShift


def votes(kernel, sq_distances, labels, **parameters):
    """(probabilities, errors) of the queries."""
    parameters = {"n_classes": 2, "n_neighbors": 3, "sigma": 1.0, "dof": 2.0, "n_threads": 1} | parameters
    return kernel.vote(np.sqrt(np.atleast_2d(sq_distances)), np.asarray(labels, dtype=np.int64), **parameters)


def unscaled(factor):
    """Rows `factor` apart, one query near one of them: what a table without scaling looks like."""
    rng = np.random.default_rng(0)
    rows = np.c_[rng.normal(size=30), np.arange(30.0)] * factor
    query = rows[7] + rng.normal(size=2) * 0.3
    return ((rows - query) ** 2).sum(axis=1), np.arange(30) % 2


def small_table(n_classes, n=40, d=5):
    rng = np.random.default_rng(n_classes)
    rows, query = rng.normal(size=(n, d)), rng.normal(size=d)
    return ((rows - query) ** 2).sum(axis=1), rng.integers(0, n_classes, size=n)


# ------------------------------------------------------------------------------------------------------------
# Far apart: plain K-NN


@pytest.mark.parametrize("factor", [1e2, 1e4, 1e6, 1e8, 1e10])
def test_rows_that_cannot_meet_are_ranked_as_plain_neighbours(kernel, factor):
    sq_distances, labels = unscaled(factor)
    p, errors = votes(kernel, sq_distances, labels)
    wanted = naive.plain_knn(sq_distances.tolist(), labels.tolist(), 3, 2)
    assert np.isfinite(p).all()
    assert p[0].argmax() == wanted
    assert abs(p[0, wanted] - 1.0) <= errors[0, wanted] < 1e-3
    assert p[0, 1 - wanted] < 1e-20
    assert p.min() >= 0.0


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("sigma", [1e-10, 1e-8, 1e-6, 1e-4])
def test_little_noise_leaves_the_plain_neighbours(kernel, sigma, n_classes):
    sq_distances, labels = small_table(n_classes)
    p, errors = votes(kernel, sq_distances, labels, n_classes=n_classes, n_neighbors=5, sigma=sigma, dof=5.0)
    wanted = naive.plain_knn(sq_distances.tolist(), labels.tolist(), 5, n_classes)
    assert p[0].argmax() == wanted
    assert abs(p[0, wanted] - 1.0) <= errors[0, wanted] < 1e-2


@pytest.mark.parametrize("sigma", [1e3, 1.0, 0.1, 0.03, 0.01, 0.003, 0.001])
def test_fast_backends_agree_at_every_noise(kernel, backend, sigma):
    if backend == "native":
        pytest.skip("it is what the others are compared with")
    native = pytest.importorskip("knn_cert.kernels.native")
    for n_classes in (2, 5):
        sq_distances, labels = small_table(n_classes, n=16)
        arguments = {"n_classes": n_classes, "n_neighbors": 5, "sigma": sigma, "dof": 5.0}
        p, errors = votes(kernel, sq_distances, labels, **arguments)
        wanted, wanted_errors = votes(native, sq_distances, labels, **arguments)
        assert np.all(np.abs(p - wanted) <= errors + wanted_errors)


# ------------------------------------------------------------------------------------------------------------
# Far away, and near one another: the noise decides


def first_of_two(s_a, s_b, dof):
    """P(R_a < R_b) of two rows in 40 digits: R^2 is nearly normal, so by its own law in Gauss panels."""
    return naive.race([s_a * s_a], 1, [s_b * s_b], 1, sigma=1.0, dof=dof)


@pytest.mark.parametrize("gap", [0.0, 1.0, 6.0, 20.0])
@pytest.mark.parametrize("distance", [30.0, 1e3, 1e6, 1e9])
def test_two_far_rows_on_a_line_come_in_the_order_of_their_noise(kernel, distance, gap):
    # d = 1 far from the query: R = s + N, so the farther row comes first with probability Phi(-gap / sqrt 2).
    rows = np.array([distance, distance + gap])
    p, errors = votes(kernel, rows**2, [0, 1], n_neighbors=1, dof=1.0)
    with mp.workdps(40):
        # the distances that the squares stand for
        s = [mp.sqrt(mpf(float(square))) for square in rows**2]
        wanted = [mp.ncdf((s[1] - s[0]) / mp.sqrt(2)), mp.ncdf((s[0] - s[1]) / mp.sqrt(2))]
    for value, error, truth in zip(p[0], errors[0], wanted, strict=True):
        assert abs(mpf(float(value)) - truth) <= mpf(float(error))
        # tiny probabilities are charged fifty times as much for the law
        assert error <= ((1e-10 if truth > 1e-40 else 1e-9) + 1e-13 * distance * (1.0 + gap)) * truth + 1e-290


@pytest.mark.parametrize("dof", [1, 2, 5, 57])
@pytest.mark.parametrize("distance", [13.0, 26.5, 45.0])  # from 28 on the law is a table
def test_the_law_of_rows_far_out_meets_the_sums_it_takes_over_from(kernel, distance, dof):
    wanted = first_of_two(distance, distance + 5.0, dof)
    p, errors = votes(kernel, [distance**2, (distance + 5.0) ** 2], [0, 1], n_neighbors=1, dof=float(dof))
    for value, error, truth in zip(p[0], errors[0], wanted, strict=True):
        assert abs(mpf(float(value)) - truth) <= mpf(float(error)) + 2 * abs(1 - sum(wanted))
        assert abs(mpf(float(value)) - truth) <= 1e-10 * truth


@pytest.mark.parametrize("dof", [1.0, 784.0, 5000.0, 150528.0])
@pytest.mark.parametrize("sigma", [10.0, 1.0, 0.1, 0.01])
def test_rows_at_one_distance_are_an_urn_at_any_distance(kernel, backend, dof, sigma):
    if backend == "reference" and dof * sigma > 1000:
        pytest.skip("minutes of plain Python")
    labels = [0, 1, 1, 2, 0, 2, 2]
    wanted = naive.equidistant_vote(labels, 3, 3)
    p, errors = votes(kernel, np.full(7, 2.0 * dof), labels, n_classes=3, sigma=sigma, dof=dof)
    for value, error, truth in zip(p[0], errors[0], wanted, strict=True):
        assert abs(float(value) - float(truth)) <= error < 1e-9


@pytest.mark.parametrize("seed", range(24))
def test_the_fast_path_is_within_its_error_of_the_recurrence_on_tables_of_all_kinds(seed):
    native = pytest.importorskip("knn_cert.kernels.native")
    rng = np.random.default_rng(seed)
    n, n_classes = int(rng.integers(5, 120)), int(rng.integers(2, 7))
    dof = float(rng.choice([1, 2, 5, 20, 200, 784, 5000]))
    sigma = 10.0 ** rng.uniform(-9, 3)
    sq_distances = rng.chisquare(dof, size=n) * 10.0 ** rng.uniform(-2, 2)
    sq_distances[: n // 4] = sq_distances[n // 4 : 2 * (n // 4)]  # duplicated rows
    if seed % 3 == 0:
        sq_distances[-1] = 0.0
    labels = rng.integers(0, n_classes, size=n)
    arguments = {
        "n_classes": n_classes,
        "n_neighbors": int(rng.integers(1, min(n, 12))),
        "sigma": sigma,
        "dof": dof,
    }
    p, errors = votes(native, sq_distances, labels, **arguments)
    wanted, wanted_errors = votes(native, sq_distances, labels, recurrence=True, **arguments)
    assert np.all(np.abs(p - wanted) <= errors + wanted_errors)
    assert abs(p.sum() - 1.0) <= errors.sum()
    assert np.all((p >= 0.0) & (p <= 1.0 + errors))


def test_a_scan_knows_the_plain_neighbours_as_well_as_distances_do():
    """Distances by products once left a doubt of 2 in a probability at sigma = 1e-6."""
    native = pytest.importorskip("knn_cert.kernels.native")
    rng = np.random.default_rng(0)
    rows, queries, labels = rng.normal(size=(40, 5)), rng.normal(size=(2, 5)), rng.integers(0, 3, size=40)
    sigmas = np.array([0.01, 1e-4, 1e-6, 1e-8])
    p, errors, _ = native.vote_scan(
        queries, rows, labels, n_classes=3, n_neighbors=np.array([5]), sigma=sigmas, dof=5.0, n_threads=1
    )
    squares = native.distances(queries, rows, n_threads=1) ** 2
    for i, sigma in enumerate(sigmas):
        wanted, wanted_errors = votes(
            native, squares, labels, n_classes=3, n_neighbors=5, sigma=float(sigma), dof=5.0
        )
        assert np.all(np.abs(p[:, i, 0] - wanted) <= errors[:, i, 0] + wanted_errors)
        assert errors[:, i, 0].max() < 1e-12 / sigma + 1e-9


@pytest.mark.parametrize("sigma", [1e-2, 1e-4, 1e-6])
def test_numbers_of_neighbours_that_are_decided_far_apart_are_scanned_together(sigma):
    native = pytest.importorskip("knn_cert.kernels.native")
    rng = np.random.default_rng(0)
    rows, queries, labels = rng.normal(size=(60, 3)), rng.normal(size=(2, 3)), rng.integers(0, 3, size=60)
    arguments = {"n_classes": 3, "sigma": np.array([sigma]), "dof": 3.0, "n_threads": 1}
    p, errors, _ = native.vote_scan(queries, rows, labels, n_neighbors=np.array([1, 4, 9]), **arguments)
    for k, number in enumerate((1, 4, 9)):
        alone, alone_errors, _ = native.vote_scan(
            queries, rows, labels, n_neighbors=np.array([number]), **arguments
        )
        assert np.all(np.abs(p[:, 0, k] - alone[:, 0, 0]) <= errors[:, 0, k] + alone_errors[:, 0, 0])


# ------------------------------------------------------------------------------------------------------------
# Races, families, budgets, buckets


@pytest.mark.parametrize("factor", [1e2, 1e6, 1e10])
def test_a_race_of_lists_that_cannot_meet_is_decided(kernel, factor):
    rng = np.random.default_rng(1)
    near, far = np.arange(1.0, 6.0) * factor, np.arange(7.0, 12.0) * factor + rng.normal()
    p_near, p_far, error = kernel.race(near, 3, far, 3, sigma=1.0, dof=3.0)
    assert abs(p_near - 1.0) <= error < 1e-3
    assert 0.0 <= p_far < 1e-20


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6, 1e9])
def test_races_of_a_family_are_races_by_themselves_at_any_distance(backend, kernel, scale):
    if backend == "reference":
        pytest.skip("there each is a race by itself")
    rng = np.random.default_rng(int(np.log10(scale)))
    n, n_members = 20, 4
    sides = []
    for _ in range(2):
        first = np.where(np.arange(n) % 2, 0, rng.integers(0, n_members + 1, n))
        end = np.where(first == 0, rng.integers(2, n_members + 1, n), n_members)
        first[:4], end[:4] = 0, n_members
        sides.append(FamilyRows(np.abs(rng.normal(size=n)) * scale, first, end))
    packed = pack([RaceFamily(n_members, *sides)])
    places = np.array([2]), np.array([3])
    p, errors = kernel.race_families(*packed, *places, sigma=1.0, dof=5.0, tolerance=0.0, n_threads=1)
    for member in range(n_members):
        a, b = (side.of_member(member) for side in sides)
        *wanted, error = kernel.race(a, 2, b, 3, sigma=1.0, dof=5.0)
        assert np.all(np.abs(p[member] - wanted) <= errors[member] + error)


@pytest.mark.parametrize("query", [1e3, 1e6, 1e8])
def test_a_query_far_from_the_table_has_a_radius_against_moved_rows(query):
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(60, 3)), rng.integers(0, 5, size=60)
    model = SmoothedKNNClassifier(n_neighbors=3, sigma=1.0, backend="native").fit(rows, labels)
    certificates = model.certify(np.array([[query, 0.0, 0.0]]), RowShift(1))
    # far away only the first coordinate counts: the radius no longer depends on where the query is
    near = model.certify(np.array([[1e3, 0.0, 0.0]]), RowShift(1))
    assert certificates.label.tolist() == near.label.tolist()
    if query <= 1e6:
        assert certificates.radius[0] == pytest.approx(near.radius[0], rel=0.02)


@pytest.mark.parametrize("sigma", [1.0, 1e-3])
def test_buckets_far_from_one_another_hold_the_plain_neighbours(kernel, sigma):
    sq_distances, labels = small_table(3, n=12)
    order = np.sort(sq_distances)
    edges = 0.5 * (order[:-1] + order[1:])
    p, errors = kernel.vote_bucketed(
        np.sqrt(sq_distances)[None] * 1e3,
        labels,
        n_classes=3,
        n_neighbors=3,
        sigma=sigma,
        dof=5.0,
        edges=edges * 1e6,
        n_threads=1,
    )
    wanted = naive.plain_knn(sq_distances.tolist(), labels.tolist(), 3, 3)
    assert abs(p[0].sum() - 1.0) <= errors.sum()
    if sigma < 1.0:
        assert abs(p[0, wanted] - 1.0) <= errors[0, wanted]


# ------------------------------------------------------------------------------------------------------------
# Many classes


@pytest.mark.parametrize("n_neighbors", [1, 3, 4])
@pytest.mark.parametrize("spread", [0.0, 4.0])
def test_many_classes_of_two_rows_have_the_probabilities_of_rows_one_by_one(n_neighbors, spread):
    native = pytest.importorskip("knn_cert.kernels.native")
    rng = np.random.default_rng(2)
    n_classes = 120
    centres = rng.normal(size=(n_classes, 8)) * spread
    rows = np.repeat(centres, 2, axis=0) + rng.normal(size=(2 * n_classes, 8))
    labels = np.repeat(np.arange(n_classes), 2)
    sq_distances = ((rows - rows[0] - 0.3) ** 2).sum(axis=1)
    arguments = {"n_neighbors": n_neighbors, "dof": 8.0}
    p, errors = votes(native, sq_distances, labels, n_classes=n_classes, **arguments)
    assert abs(p.sum() - 1.0) <= errors.sum()
    # classes 60 .. 119 as one cannot win more seldom than the sum of what they win alone, if K = 1
    few = np.minimum(labels, 5)
    merged, merged_errors = votes(native, sq_distances, few, n_classes=6, **arguments)
    if n_neighbors == 1:
        wanted = np.bincount(few[::2], weights=p[0], minlength=6)
        assert np.all(np.abs(wanted - merged[0]) <= merged_errors[0] + errors.sum())
    # the nine lists of which each row is in a class of its own agree with lists that are tallied one by one
    eight = sq_distances[:16], labels[:16]
    nine = sq_distances[:18], labels[:18]
    for squares, names in (eight, nine):
        got, got_errors = votes(native, squares, names, n_classes=9, **arguments)
        numba = kernels.get_backend("numba")
        wanted, wanted_errors = votes(numba, squares, names, n_classes=9, **arguments)
        assert np.all(np.abs(got - wanted) <= got_errors + wanted_errors)


def test_the_probabilities_of_thousands_of_classes_add_up_to_one():
    native = pytest.importorskip("knn_cert.kernels.native")
    rng = np.random.default_rng(3)
    n_classes = 3000
    sq_distances = rng.chisquare(8, size=2 * n_classes)
    labels = np.repeat(np.arange(n_classes), 2)
    p, errors = votes(native, sq_distances, labels, n_classes=n_classes, dof=8.0)
    assert abs(p.sum() - 1.0) <= errors.sum()
    assert math.isclose(p.sum(), 1.0, abs_tol=1e-9)
