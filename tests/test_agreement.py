"""All backends give the same numbers: to 1e-12 absolute, and to 1e-10 relative in far tails."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from knn_cert import kernels

NAMES = ("native", "numba", "reference")
# The reference backend is plain Python loops: it joins in where there are few rows.
ROWS_FOR_ALL, ROWS_FOR_FAST = 15, 200


def modules(*names):
    found, reasons = [], []
    for name in names:
        try:
            found.append(kernels.get_backend(name))
        except ImportError as error:
            reasons.append(str(error))
    if len(found) < 2:
        pytest.skip(f"fewer than two of {', '.join(names)} can be imported: {'; '.join(reasons)}")
    return found


PAIRS = list(itertools.combinations(NAMES, 2))
SIZES = [(pair, ROWS_FOR_ALL) for pair in PAIRS] + [(("native", "numba"), ROWS_FOR_FAST)]
pairs_and_sizes = pytest.mark.parametrize(("pair", "n"), SIZES, ids=[f"{'-'.join(p)}-{n}" for p, n in SIZES])


def assert_same(first, second):
    """Absolute 1e-12, and relative 1e-10 down to where results underflow."""
    np.testing.assert_allclose(first, second, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(first, second, rtol=1e-10, atol=1e-280)


def problem(seed, n):
    """Distances of a random table to one query: from rows at the query to rows that hardly matter."""
    rng = np.random.default_rng(seed)
    dof = int(rng.choice([1, 2, 3, 10, 57, 784]))
    sigma = float(rng.choice([0.25, 1.0, 2.0]))
    n_classes = int(rng.integers(2, 5))
    spread = float(rng.choice([0.3, 3.0, 12.0]))
    distances = rng.gamma(2.0, 1.0, size=(1, n)) * spread * sigma
    distances[0, rng.random(n) < 0.1] = 0.0
    labels = rng.integers(0, n_classes, size=n)
    if rng.random() < 0.5:
        # Classes at different distances: some probabilities are tiny.
        distances[0] = np.hypot(distances[0], labels * 5.0 * sigma)
    n_neighbors = int(rng.choice([1, 2, 3, 5, min(n - 1, 9)]))
    return (
        distances,
        labels,
        {"n_classes": n_classes, "n_neighbors": n_neighbors, "sigma": sigma, "dof": dof},
    )


@pairs_and_sizes
@pytest.mark.parametrize("seed", range(8))
def test_backends_agree_on_the_continuous_vote(pair, n, seed):
    first, second = modules(*pair)
    distances, labels, parameters = problem(seed, n)
    p, errors = first.vote(distances, labels, n_threads=1, **parameters)
    q, other_errors = second.vote(distances, labels, n_threads=1, **parameters)
    assert_same(p, q)
    # Both enclose one truth, so their enclosures meet.
    assert (np.abs(p - q) <= errors + other_errors).all()


@pairs_and_sizes
@pytest.mark.parametrize("seed", range(8))
def test_backends_agree_on_the_bucketed_vote(pair, n, seed):
    first, second = modules(*pair)
    distances, labels, parameters = problem(100 + seed, n)
    scale = parameters["sigma"] ** 2
    edges = np.linspace(0.2, 1.2, 7 if n == ROWS_FOR_ALL else 60) * (
        parameters["dof"] * scale + np.quantile(distances**2, 0.3)
    )
    p, errors = first.vote_bucketed(distances, labels, edges=edges, n_threads=1, **parameters)
    q, other_errors = second.vote_bucketed(distances, labels, edges=edges, n_threads=1, **parameters)
    assert_same(p, q)
    assert (np.abs(p - q) <= errors + other_errors).all()


@pairs_and_sizes
@pytest.mark.parametrize("seed", range(8))
def test_backends_agree_on_the_race(pair, n, seed):
    first, second = modules(*pair)
    distances, labels, parameters = problem(200 + seed, n)
    a, b = distances[0, labels == 0], distances[0, labels != 0]
    m_a, m_b = min(3, max(1, len(a))), min(2, max(1, len(b)))
    arguments = (np.ascontiguousarray(a), m_a, np.ascontiguousarray(b), m_b)
    sigma, dof = parameters["sigma"], parameters["dof"]
    *p, error = first.race(*arguments, sigma=sigma, dof=dof)
    *q, other_error = second.race(*arguments, sigma=sigma, dof=dof)
    assert_same(p, q)
    assert (np.abs(np.subtract(p, q)) <= error + other_error).all()


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_backends_agree_on_the_distance_law(pair):
    first, second = modules(*pair)
    rng = np.random.default_rng(0)
    n = 400
    dof = rng.choice([1.0, 2.0, 3.0, 7.5, 57.0, 784.0, 3072.0, 150528.0], size=n)
    nonc = np.where(rng.random(n) < 0.2, 0.0, 10.0 ** rng.uniform(-8, 7, size=n))
    x = (np.sqrt(dof + nonc) + rng.uniform(-25, 25, size=n)) ** 2 + 1e-6
    for name in ("ncx2_cdf", "ncx2_sf", "ncx2_logcdf", "ncx2_logsf"):
        p, q = getattr(first, name)(x, dof, nonc), getattr(second, name)(x, dof, nonc)
        # Each is within 1e-12 of the truth above 1e-300.
        np.testing.assert_allclose(p, q, rtol=2e-12, atol=1e-300, err_msg=name)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_backends_agree_on_distances(pair):
    first, second = modules(*pair)
    rng = np.random.default_rng(1)
    queries, rows = rng.normal(size=(4, 33)) + 1e5, rng.normal(size=(9, 33)) + 1e5
    np.testing.assert_allclose(
        first.distances(queries, rows, n_threads=1),
        second.distances(queries, rows, n_threads=1),
        rtol=1e-14,
    )


# More rows than the fast backends evaluate one by one: here they use their tables.
ROWS_FOR_TABLES = 60
against_the_reference = pytest.mark.parametrize("name", ["native", "numba"])


def two_clusters(dof, gap, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size=ROWS_FOR_TABLES)
    distances = np.abs(rng.normal(size=ROWS_FOR_TABLES)) * 0.3 + labels * gap
    return distances[None], labels, {"n_classes": 2, "sigma": 1.0, "dof": dof, "n_threads": 1}


@against_the_reference
@pytest.mark.parametrize(("dof", "gap"), [(2, 24.0), (5, 22.0), (57, 20.0)])
def test_tables_keep_their_digits_in_far_tails(name, dof, gap):
    """Rows at 25 standard deviations: polynomials of 12 terms were wrong in the tenth digit there."""
    fast, reference = modules(name, "reference")
    distances, labels, parameters = two_clusters(dof, gap, seed=3)
    p, errors = fast.vote(distances, labels, n_neighbors=3, **parameters)
    wanted, wanted_errors = reference.vote(distances, labels, n_neighbors=3, **parameters)
    assert 1e-290 < wanted.min() < 1e-90
    np.testing.assert_allclose(p, wanted, rtol=1e-11)
    assert np.all(np.abs(p - wanted) <= errors + wanted_errors)


@against_the_reference
@pytest.mark.parametrize(("dof", "gap"), [(2, 24.0), (57, 20.0)])
def test_far_rows_with_a_low_index_count_where_they_win_ties_in_a_bucket(name, dof, gap):
    """The nearest row of a class may lose ties that a farther row of lower index wins: none is dropped."""
    fast, reference = modules(name, "reference")
    distances, labels, parameters = two_clusters(dof, gap, seed=3)
    order = np.lexsort((distances[0], -labels))  # the far class first, its farthest rows at the front
    order = np.concatenate([order[: labels.sum()][::-1], order[labels.sum() :]])
    distances, labels = np.ascontiguousarray(distances[:, order]), labels[order]
    parameters["edges"] = np.array([(0.4 * gap) ** 2, (0.8 * gap) ** 2, (gap + 2.0) ** 2])
    p, errors = fast.vote_bucketed(distances, labels, n_neighbors=1, **parameters)
    wanted, wanted_errors = reference.vote_bucketed(distances, labels, n_neighbors=1, **parameters)
    assert 1e-290 < wanted.min() < 1e-20
    np.testing.assert_allclose(p, wanted, rtol=1e-11)
    assert np.all(np.abs(p - wanted) <= errors + wanted_errors)
