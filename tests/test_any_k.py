"""Votes of many neighbours by the contour through the saddle point: the native kernel against the recurrence.

The recurrence is checked against oracles elsewhere; here it is the oracle, and for some races one in higher
precision that shares nothing with the package.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp

core = pytest.importorskip("knn_cert._core", reason="the compiled kernel is not installed")


@pytest.fixture(params=core.simd_levels())
def level(request):
    core.force_simd_level(request.param)
    yield request.param
    core.force_simd_level("")


def vote(distances, labels, n_neighbors, *, sigma=1.0, dof=20.0, recurrence=False, n_threads=1):
    """(p, error) of each query."""
    return core.vote(
        np.atleast_2d(distances),
        labels,
        n_classes=2,
        n_neighbors=n_neighbors,
        sigma=sigma,
        dof=float(dof),
        recurrence=recurrence,
        n_threads=n_threads,
    )


def family(a, b, m, *, sigma=1.0, dof=20.0, tolerance=0.0, recurrence=False):
    """(p, error) of each member; a and b are (distances, first, end), or distances of all members."""
    n_members = 1
    for rows in (a, b):
        if isinstance(rows, tuple):
            n_members = int(max(rows[1].max(initial=0), rows[2].max(initial=0)))
    lists = [
        rows if isinstance(rows, tuple) else (rows, np.zeros(len(rows)), np.full(len(rows), n_members))
        for rows in (a, b)
    ]
    distances, first, end = (np.concatenate(columns) for columns in zip(*lists, strict=True))
    return core.race_families(
        distances,
        first.astype(np.int64),
        end.astype(np.int64),
        np.array([0, len(lists[0][0]), len(distances)]),
        np.array([n_members]),
        *(np.array([value]) for value in m),
        sigma=sigma,
        dof=float(dof),
        tolerance=tolerance,
        recurrence=recurrence,
        n_threads=1,
    )


def assert_same(fast, plain, rtol=1e-10):
    """Within 1e-10 and within the errors that both report, without slack; tiny ones within 1e-8."""
    (p, e), (q, f) = fast, plain
    assert np.isfinite(p).all()
    assert np.isfinite(e).all()
    assert np.all(np.abs(p - q) <= e + f), (p, q, e, f)
    large = q > 1e-10
    np.testing.assert_allclose(p[large], q[large], rtol=rtol)
    small = ~large & (q > 1e-280)
    np.testing.assert_allclose(p[small], q[small], rtol=1e-8)
    np.testing.assert_allclose(p.sum(axis=-1), 1.0, rtol=0.0, atol=1e-11)


def cloud(n, dof, seed, shift=0.0, spread=3.0):
    """Distances and labels; the rows of class 1 are farther by `shift`."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    distances = spread * np.sqrt(rng.chisquare(max(2.0, dof / 8.0), n)) + shift * labels
    return distances, labels


# ------------------------------------------------------------------------------------------------------------
# Votes and races


@pytest.mark.parametrize("n_neighbors", [20, 50, 61, 62, 101, 201, 501])
@pytest.mark.parametrize("dof", [1, 2, 8, 100, 3072])
def test_votes_agree_with_the_recurrence(n_neighbors, dof):
    for seed, shift in ((0, 0.0), (1, 0.3), (2, 3.0))[: 3 if n_neighbors < 200 else 1]:
        distances, labels = cloud(1100, dof, seed=seed + n_neighbors, shift=shift)
        arguments = {"n_neighbors": n_neighbors, "dof": dof}
        assert_same(
            vote(distances, labels, **arguments), vote(distances, labels, recurrence=True, **arguments)
        )


@pytest.mark.parametrize("sigma", [1e-2, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("n_neighbors", [101, 202])
def test_any_amount_of_noise(sigma, n_neighbors):
    distances, labels = cloud(1200, 30, seed=n_neighbors, shift=0.1)
    arguments = {"n_neighbors": n_neighbors, "dof": 30, "sigma": sigma}
    assert_same(vote(distances, labels, **arguments), vote(distances, labels, recurrence=True, **arguments))


def test_every_instruction_set(level):
    distances, labels = cloud(1200, 50, seed=3, shift=0.2)
    for n_neighbors in (101, 301):
        arguments = {"n_neighbors": n_neighbors, "dof": 50}
        assert_same(
            vote(distances, labels, **arguments), vote(distances, labels, recurrence=True, **arguments)
        )


def test_the_contour_is_what_answers():
    """Else all comparisons here would be of the recurrence with itself."""
    distances, labels = cloud(1200, 50, seed=4, shift=0.1)
    fast, _ = vote(distances, labels, 301, dof=50)
    plain, _ = vote(distances, labels, 301, dof=50, recurrence=True)
    assert not np.array_equal(fast, plain)


def test_tiny_probabilities_keep_their_relative_accuracy():
    smallest = []
    for shift in (0.5, 1.5, 2.5, 3.5):
        distances, labels = cloud(1500, 20, seed=5, shift=shift)
        fast, plain = (vote(distances, labels, 201, recurrence=flag) for flag in (False, True))
        assert_same(fast, plain)
        smallest.append(plain[0].min())
    assert min(smallest) < 1e-60


def test_rows_at_the_query_and_ties_everywhere():
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 2, 900)
    for values in ([0.0], [0.0, 1.0], [2.0, 2.5, 3.0], [7.0]):
        distances = rng.choice(values, 900)
        for dof in (1, 2, 40):
            arguments = {"n_neighbors": 101, "dof": dof}
            assert_same(
                vote(distances, labels, **arguments), vote(distances, labels, recurrence=True, **arguments)
            )


@pytest.mark.parametrize("m", [(101, 101), (1, 300), (300, 1), (150, 30), (400, 400), (399, 2), (2, 400)])
def test_races_of_any_two_ranks(m):
    rng = np.random.default_rng(7)
    a, b = rng.gamma(4.0, 1.0, 400), rng.gamma(4.0, 1.1, 400)
    fast = core.race(a, m[0], b, m[1], sigma=0.5, dof=12.0)
    plain = core.race(a, m[0], b, m[1], sigma=0.5, dof=12.0, recurrence=True)
    assert_same(*((np.array(answer[:2]), answer[2]) for answer in (fast, plain)))


def test_lists_that_are_too_short_never_arrive():
    a, b = np.linspace(1.0, 3.0, 300), np.linspace(1.0, 3.0, 50)
    assert core.race(a, 101, b, 101, sigma=1.0, dof=9.0) == (1.0, 0.0, 0.0)
    labels = np.r_[np.zeros(300, dtype=int), np.ones(50, dtype=int)]
    p, error = vote(np.r_[a, b], labels, 201)
    assert p.tolist() == [[1.0, 0.0]]
    assert error.max() == 0.0


def test_rows_beyond_every_table_do_not_matter():
    distances, labels = cloud(1500, 20, seed=8)
    far = np.where(np.arange(1500) % 3 == 0, 1e6, distances)
    assert_same(vote(far, labels, 101), vote(far, labels, 101, recurrence=True))


def test_answers_do_not_depend_on_threads_or_company():
    rng = np.random.default_rng(9)
    labels = rng.integers(0, 2, 1000)
    distances = rng.gamma(6.0, 1.0, (7, 1000))
    together = vote(distances, labels, 201, n_threads=1)
    for other in (vote(distances, labels, 201, n_threads=3), vote(distances[::-1].copy(), labels, 201)):
        order = slice(None) if other[0][0, 0] == together[0][0, 0] else slice(None, None, -1)
        np.testing.assert_array_equal(other[0][order], together[0])
        np.testing.assert_array_equal(other[1][order], together[1])


def test_scans_of_features_give_the_same_votes():
    rng = np.random.default_rng(10)
    rows, labels = rng.normal(size=(1200, 12)), rng.integers(0, 2, 1200)
    queries = rng.normal(size=(3, 12))
    n_neighbors, sigmas = np.array([5, 101, 302]), np.array([0.5, 1.0])
    p, error, _ = core.vote_scan(
        queries, rows, labels, n_classes=2, n_neighbors=n_neighbors, sigma=sigmas, dof=12.0, n_threads=1
    )
    distances = np.sqrt(((queries[:, None] - rows) ** 2).sum(axis=2))
    for i, sigma in enumerate(sigmas):
        for k, number in enumerate(n_neighbors):
            wanted, errors = vote(distances, labels, int(number), sigma=sigma, dof=12, recurrence=True)
            assert np.all(np.abs(p[:, i, k] - wanted) <= error[:, i, k] + errors)
            np.testing.assert_allclose(p[:, i, k], wanted, atol=1e-9)


# ------------------------------------------------------------------------------------------------------------
# Errors that are reported are never too small


@given(data=st.data())
def test_the_error_covers_the_difference_to_the_recurrence(data):
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    dof = draw(st.sampled_from([1, 2, 3, 10, 60, 784]))
    n_a, n_b = (draw(st.integers(40, 400)) for _ in range(2))
    m_a, m_b = draw(st.integers(1, n_a)), draw(st.integers(1, n_b))
    sigma = draw(st.sampled_from([0.02, 0.2, 1.0, 5.0]))
    a = rng.gamma(draw(st.sampled_from([0.5, 3.0, 50.0])), 1.0, n_a)
    b = rng.gamma(draw(st.sampled_from([0.5, 3.0, 50.0])), 1.0, n_b)
    for rows in (a, b):
        if draw(st.booleans()):
            rows[: len(rows) // 3] = draw(st.sampled_from([0.0, 1.0]))
        if draw(st.booleans()):
            rows[:] = np.round(rows, 1)
    tolerance = draw(st.sampled_from([0.0, 1e-6, 1e-3]))
    fast = family(a, b, (m_a, m_b), sigma=sigma, dof=dof, tolerance=tolerance)
    plain = family(a, b, (m_a, m_b), sigma=sigma, dof=dof, recurrence=True)
    assert np.isfinite(fast[0]).all()
    assert np.all(np.abs(fast[0] - plain[0]) <= fast[1] + plain[1]), (fast, plain)
    if tolerance:
        assert fast[1].max() <= 10.0 * tolerance + 1e-5 * (m_a + m_b)


@functools.cache
def in_higher_precision(dof, seed, shift):
    """A race of 200 against 200 rows: extended precision, the law by the error function in 30 digits."""
    rng = np.random.default_rng(seed)
    a, b = (np.sort(rng.uniform(2.0, 7.0, 200)) for _ in range(2))
    b = b + shift
    m = 81
    nodes = np.arange(64.0, 256.0) / 32.0
    nodes = nodes[np.abs(nodes - np.hypot(0.5 * (a[m - 1] + b[m - 1]), np.sqrt(dof - 1.0))) < 1.3]

    def extended(value):
        high = float(value)
        return np.longdouble(high) + np.longdouble(float(value - high))

    def law(s):
        columns = []
        with mp.workdps(30):
            for t in nodes:
                t, s = mp.mpf(float(t)), mp.mpf(float(s))
                low, high = (mp.exp(-(x**2) / 2) / mp.sqrt(2 * mp.pi) for x in (t - s, t + s))
                U, f = sum(mp.erfc(x / mp.sqrt(2)) for x in (t - s, t + s)) / 2, low + high
                if dof == 3:
                    U, f = U + (low - high) / s, (low - high) * t / s
                columns.append([extended(value) for value in (1 - U, U, f)])
        return np.array(columns, dtype=np.longdouble).T

    def counts(rows):
        G = np.zeros((m, len(nodes)), dtype=np.longdouble)
        G[0] = 1.0
        A = np.zeros_like(G)
        for s in rows:
            F, U, f = law(s)
            A[1:] = U * A[1:] + F * A[:-1] + f * G[1:]
            A[0] = U * A[0] + f * G[0]
            G[1:] = U * G[1:] + F * G[:-1]
            G[0] = U * G[0]
        return A[m - 1], G.sum(axis=0)

    (density_a, few_a), (density_b, few_b) = counts(a), counts(b)
    return a, b, m, [float((x * y).sum() / 32) for x, y in ((density_a, few_b), (density_b, few_a))]


@pytest.mark.parametrize(("dof", "seed", "shift"), [(1, 0, 0.0), (3, 1, 0.2)])
def test_races_match_a_recurrence_in_higher_precision(dof, seed, shift):
    a, b, m, wanted = in_higher_precision(dof, seed, shift)
    assert sum(wanted) == pytest.approx(1.0, abs=1e-13)
    p, error = family(a, b, (m, m), dof=dof)
    assert np.all(np.abs(p[0] - wanted) <= error[0])
    np.testing.assert_allclose(p[0], wanted, rtol=1e-10)
    for tolerance in (1e-3, 1e-6):
        p, error = family(a, b, (m, m), dof=dof, tolerance=tolerance)
        assert np.all(np.abs(p[0] - wanted) <= error[0])
        assert error.max() <= 2.0 * tolerance


# ------------------------------------------------------------------------------------------------------------
# Families


def tampered(distances, labels, kind, numbers):
    """Rows of both lists when the nearest rows of class 0 are tampered with, a member for each number."""
    a, b = np.sort(distances[labels == 0]), np.sort(distances[labels == 1])
    n = len(numbers)
    rank = np.arange(max(numbers))
    begins = np.searchsorted(numbers, rank, side="right")
    all_a = (a, np.zeros(len(a)), np.full(len(a), n))
    all_b = (b, np.zeros(len(b)), np.full(len(b), n))
    lost = all_a[:2] + (np.searchsorted(numbers, np.arange(len(a)), side="right"),)
    nearest = (a[rank], begins, np.full(len(rank), n))
    zeros = (np.zeros(len(rank)), begins, np.full(len(rank), n))

    def joined(*lists):
        return tuple(np.concatenate(columns) for columns in zip(*lists, strict=True))

    return {
        "flipped": (lost, joined(all_b, nearest)),
        "replaced": (lost, joined(all_b, zeros)),
        "deleted": (lost, all_b),
        "inserted": (all_a, joined(all_b, zeros)),
    }[kind]


@pytest.mark.parametrize("kind", ["flipped", "replaced", "deleted", "inserted"])
@pytest.mark.parametrize("tolerance", [0.0, 1e-3])
def test_families_agree_with_the_recurrence_and_with_single_races(kind, tolerance):
    distances, labels = cloud(1400, 60, seed=11, shift=0.8)
    numbers = np.array([0, 1, 5, 20, 60, 90, 150])
    m = (76, 76)
    a, b = tampered(distances, labels, kind, numbers)
    p, error = family(a, b, m, dof=60, tolerance=tolerance)
    wanted, errors = family(a, b, m, dof=60, recurrence=True)
    assert np.all(np.abs(p - wanted) <= error + errors)
    np.testing.assert_allclose(p, wanted, atol=max(1e-10, tolerance))
    for member in range(len(numbers)):
        one = [rows[0][(rows[1] <= member) & (member < rows[2])] for rows in (a, b)]
        single = core.race(one[0], m[0], one[1], m[1], sigma=1.0, dof=60.0)
        assert np.all(np.abs(p[member] - single[:2]) <= error[member] + single[2])


@pytest.mark.parametrize("dof", [2, 784])
def test_inserted_rows_that_are_enough_by_themselves(dof):
    """At dof = 784 all inserted rows are within where any other is, so that the count is certain."""
    distances, labels = cloud(1200, dof, seed=12, spread=3.0)
    distances = distances + (40.0 if dof == 784 else 0.0)
    m = (126, 126)
    numbers = np.array([0, 100, 120, 124, 125, 126, 127, 130, 160])
    a, b = tampered(distances, labels, "inserted", numbers)
    p, error = family(a, b, m, dof=dof)
    wanted, errors = family(a, b, m, dof=dof, recurrence=True)
    assert_same((p, error), (wanted, errors))
    rough, rough_error = family(a, b, m, dof=dof, tolerance=1e-3)
    assert np.all(np.abs(rough - wanted) <= rough_error + errors)


def test_members_that_rows_begin_and_end_at_in_any_order():
    rng = np.random.default_rng(13)
    n_members = 5
    lists = []
    for size in (700, 600):
        distances = rng.gamma(9.0, 0.5, size)
        first, end = np.zeros(size), np.full(size, n_members)
        some = rng.choice(size, 120, replace=False)
        end[some[:60]] = rng.integers(0, n_members + 1, 60)
        first[some[60:]] = rng.integers(0, n_members + 1, 60)
        lists.append((distances, first, end))
    fast = family(*lists, (101, 90), dof=15)
    assert_same(fast, family(*lists, (101, 90), dof=15, recurrence=True))


def test_members_too_short_to_arrive_stand_beside_others():
    distances, labels = cloud(500, 20, seed=14)
    n_a = int((labels == 0).sum())
    numbers = np.array([0, n_a - 150, n_a - 101, n_a - 100])
    a, b = tampered(distances, labels, "deleted", numbers)
    p, error = family(a, b, (101, 101))
    assert_same((p, error), family(a, b, (101, 101), recurrence=True))
    assert p[3].tolist() == [0.0, 1.0]
