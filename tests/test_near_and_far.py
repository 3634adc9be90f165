"""Far rows by moments and distances by products against the recurrence: the native kernel's fast path.

The recurrence is checked against oracles elsewhere; here it is the oracle. Nothing of the fast path is shared
with it but the cells of the near rows.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

core = pytest.importorskip("knn_cert._core", reason="the compiled kernel is not installed")

ONE_THREAD = {"n_threads": 1}


@pytest.fixture(params=core.simd_levels())
def level(request):
    core.force_simd_level(request.param)
    yield request.param
    core.force_simd_level("")


def both_ways(sq_distances, labels, n_classes=2, n_neighbors=5, sigma=1.0, dof=10.0):
    """(p, error) by moments and (p, error) by the recurrence, of one query."""
    answers = []
    for recurrence in (False, True):
        p, errors = core.vote(
            np.sqrt(np.atleast_2d(sq_distances)),
            labels,
            n_classes=n_classes,
            n_neighbors=n_neighbors,
            sigma=sigma,
            dof=dof,
            recurrence=recurrence,
            n_threads=1,
        )
        answers.append((p[0], errors[0]))
    return answers


def assert_same(fast, plain, rtol=1e-10):
    """Within 1e-10 and within the errors that both report, without slack; tiny ones within 1e-4."""
    (p, e), (q, f) = fast, plain
    assert np.all(np.abs(p - q) <= e + f), (p, q, e, f)
    large = q > 1e-10
    np.testing.assert_allclose(p[large], q[large], rtol=rtol)
    small = ~large & (q > 1e-290)
    np.testing.assert_allclose(p[small], q[small], rtol=1e-4)


def cloud(n, d, n_classes, seed, spread=1.0):
    rng = np.random.default_rng(seed)
    return spread * rng.chisquare(d, n), rng.integers(0, n_classes, n)


@pytest.mark.parametrize("n_neighbors", [1, 2, 5, 12, 31, 51])
@pytest.mark.parametrize("dof", [1.0, 2.0, 8.0, 100.0, 3072.0])
def test_two_classes_and_any_number_of_neighbours(n_neighbors, dof):
    sq_distances, labels = cloud(1500, max(4, dof / 3), 2, seed=int(dof) + n_neighbors)
    assert_same(*both_ways(sq_distances, labels, n_neighbors=n_neighbors, dof=dof))


@pytest.mark.parametrize("n_classes", [3, 7])
@pytest.mark.parametrize("n_neighbors", [1, 4, 9])
def test_many_classes(level, n_classes, n_neighbors):
    sq_distances, labels = cloud(2000, 30, n_classes, seed=n_classes * n_neighbors)
    labels[: n_classes // 2] = 0
    sq_distances[labels == 1] += 300.0  # a class that is far away
    assert_same(*both_ways(sq_distances, labels, n_classes=n_classes, n_neighbors=n_neighbors, dof=20.0))


@pytest.mark.parametrize("sigma", [0.05, 0.3, 3.0, 40.0])
def test_any_amount_of_noise(level, sigma):
    sq_distances, labels = cloud(1200, 12, 2, seed=3)
    assert_same(*both_ways(sq_distances, labels, sigma=sigma, dof=12.0))


@pytest.mark.parametrize("gap", [5.0, 9.0, 15.0, 19.0])
def test_tiny_probabilities_of_a_class_that_is_far_away(gap):
    rng = np.random.default_rng(1)
    s = np.concatenate([rng.uniform(0.0, 3.0, 700), gap + rng.uniform(0.0, 3.0, 700)])
    labels = np.repeat([0, 1], 700)
    fast, plain = both_ways(s**2, labels, dof=6.0)
    assert 1e-290 < plain[0][1] < 1e-6
    assert_same(fast, plain)


@pytest.mark.parametrize(
    "rows", ["at the query", "at one distance", "in two clusters", "in pairs", "in order", "backwards"]
)
def test_tables_with_structure(level, rows):
    rng = np.random.default_rng(4)
    n = 1000
    s = {
        "at the query": np.where(np.arange(n) % 3 == 0, 0.0, rng.uniform(0, 12, n)),
        "at one distance": np.full(n, 4.25),
        "in two clusters": np.where(np.arange(n) % 2 == 0, 2.0, 14.0) + 1e-3 * rng.normal(size=n),
        "in pairs": np.repeat(rng.uniform(0, 10, n // 2), 2),
        "in order": np.sort(rng.uniform(0, 25, n)),
        "backwards": -np.sort(-rng.uniform(0, 25, n)),
    }[rows]
    labels = rng.integers(0, 2, n)
    for n_neighbors in (3, 20):
        assert_same(*both_ways(np.square(s), labels, n_neighbors=n_neighbors, dof=5.0))


def test_rows_far_beyond_the_pieces_do_not_disturb():
    rng = np.random.default_rng(5)
    s = np.concatenate([rng.uniform(0, 8, 400), rng.uniform(500.0, 1e7, 400)])
    labels = rng.integers(0, 2, 800)
    assert_same(*both_ways(s**2, labels, dof=7.0))
    assert_same(*both_ways((s + 900.0) ** 2, labels, dof=7.0))


@given(
    seed=st.integers(0, 2**32 - 1),
    dof=st.floats(1.0, 300.0),
    n_neighbors=st.integers(1, 20),
    scale=st.floats(0.05, 5.0),
    power=st.floats(0.3, 3.0),
)
@settings(max_examples=40)
def test_any_table(seed, dof, n_neighbors, scale, power):
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 5))
    n = int(rng.integers(200, 900))
    sq_distances = dof * scale * rng.uniform(size=n) ** power
    labels = rng.integers(0, n_classes, n)
    assert_same(*both_ways(sq_distances, labels, n_classes=n_classes, n_neighbors=n_neighbors, dof=dof))


def test_races_and_families_agree_with_the_recurrence():
    rng = np.random.default_rng(6)
    a, b = np.sqrt(np.sort(rng.chisquare(20, 900))), np.sqrt(np.sort(rng.chisquare(21, 1100)))
    fast = core.race(a, 3, b, 2, sigma=1.0, dof=9.0)
    plain = core.race(a, 3, b, 2, sigma=1.0, dof=9.0, recurrence=True)
    np.testing.assert_allclose(fast[:2], plain[:2], rtol=1e-10)
    # 6 members: the i-th has lost the i nearest rows of A to B
    members = 6
    distances = np.concatenate([a, a[: members - 1], b])
    first = np.concatenate([np.zeros(900), np.arange(1, members), np.zeros(1100)]).astype(np.int64)
    end = np.concatenate(
        [np.arange(1, members), np.full(900 - 5, members), np.full(5 + 1100, members)]
    ).astype(np.int64)
    arguments = [np.array(v, dtype=np.int64) for v in ([0, 900, 2005], [members], [3], [3])]
    for tolerance, rtol in ((0.0, 1e-10), (1e-6, 1e-5)):
        fast, plain = (
            core.race_families(
                distances,
                first,
                end,
                *arguments,
                sigma=1.0,
                dof=9.0,
                tolerance=tolerance,
                recurrence=recurrence,
                **ONE_THREAD,
            )
            for recurrence in (False, True)
        )
        np.testing.assert_allclose(fast[0], plain[0], rtol=rtol)
        assert np.all(np.abs(fast[0] - plain[0]) <= fast[1] + plain[1])


# ------------------------------------------------------------------------------------------------------------
# The scan


def scan(queries, rows, labels, n_neighbors=(5,), sigma=(1.0,), n_threads=1, n_classes=2):
    p, errors, shift = core.vote_scan(
        queries,
        rows,
        labels,
        n_classes=n_classes,
        n_neighbors=np.array(n_neighbors),
        sigma=np.array(sigma),
        dof=float(rows.shape[1]),
        n_threads=n_threads,
    )
    assert not shift.any()
    return p, errors


def exact_sq_distances(queries, rows):
    """Rounded once, from extended precision."""
    gaps = queries[:, None, :].astype(np.longdouble) - rows
    return (gaps * gaps).sum(axis=2).astype(np.float64)


def table(n, d, m, n_classes=2, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    rows, queries = offset + rng.normal(size=(n, d)), offset + rng.normal(size=(m, d))
    return queries, rows, rng.integers(0, n_classes, n)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (7, 3, 2), (255, 16, 9), (256, 17, 1), (257, 130, 17), (900, 40, 130)]
)
def test_the_scan_votes_as_exact_distances_do(level, shape):
    n, d, m = shape
    queries, rows, labels = table(n, d, m, seed=n)
    labels[0], numbers, sigmas = 1, [1, min(n, 5), min(n, 8)], [0.5, 2.0]
    p, errors = scan(queries, rows, labels, numbers, sigmas)
    sq_distances = exact_sq_distances(queries, rows)
    for i, sigma in enumerate(sigmas):
        for k, number in enumerate(numbers):
            for query in range(0, m, 13):
                plain = both_ways(sq_distances[query], labels, n_neighbors=number, sigma=sigma, dof=float(d))[
                    1
                ]
                assert_same((p[query, i, k], errors[query, i, k]), plain)


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_an_offset_of_all_rows_and_an_outlier_do_no_harm(level, offset):
    queries, rows, labels = table(400, 6, 5, seed=2, offset=offset)
    rows[7] = 40.0 * offset
    queries[4] = rows[7] + 0.5
    p, errors = scan(queries, rows, labels)
    sq_distances = exact_sq_distances(queries, rows)
    for query in range(5):
        plain = both_ways(sq_distances[query], labels, dof=6.0)[1]
        (p_fast, e_fast), (q, f) = (p[query, 0, 0], errors[query, 0, 0]), plain
        assert np.all(np.abs(p_fast - q) <= e_fast + f)
        if query < 4:
            np.testing.assert_allclose(p_fast, q, rtol=1e-9)


def test_a_query_gets_the_same_answer_in_any_company():
    queries, rows, labels = table(700, 30, 140, n_classes=3, seed=8)
    whole = scan(queries, rows, labels, (1, 6), (0.7, 1.5), n_classes=3)
    for n_threads in (2, 3):
        for alone, together in zip(
            scan(queries, rows, labels, (1, 6), (0.7, 1.5), n_threads, 3), whole, strict=True
        ):
            np.testing.assert_array_equal(alone, together)
    for part in (slice(0, 1), slice(37, 90), slice(139, 140)):
        single = scan(queries[part].copy(), rows, labels, (1, 6), (0.7, 1.5), n_classes=3)
        np.testing.assert_array_equal(single[0], whole[0][part])
        np.testing.assert_array_equal(single[1], whole[1][part])


def test_all_rows_together_and_a_single_class_vote_with_certainty():
    queries, rows, labels = table(12, 3, 4, seed=3)
    labels[:] = np.arange(12) % 3 > 0
    p, errors = scan(queries, rows, labels, (12, 3))
    np.testing.assert_array_equal(p[:, 0, 0], [[0.0, 1.0]] * 4)
    assert np.all((p[:, 0, 1] > 0.0) & (p[:, 0, 1] < 1.0))
    p, errors = scan(queries, rows, np.ones(12, dtype=np.int64), (3,), n_classes=4)
    np.testing.assert_array_equal(p[:, 0, 0], [[0.0, 1.0, 0.0, 0.0]] * 4)
    assert not errors.any()


def test_arrays_that_do_not_fit_together_are_refused():
    queries, rows, labels = table(12, 3, 4)
    with pytest.raises(ValueError, match="queries"):
        scan(queries[:, :2].copy(), rows, labels)
    with pytest.raises(ValueError, match="n_neighbors"):
        scan(queries, rows, labels, (13,))
    with pytest.raises(ValueError, match="labels"):
        scan(queries, rows, labels + 1)
