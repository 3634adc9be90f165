"""The race of two lists against enumeration, exact combinatorics and the worst cases of threat models."""

from __future__ import annotations

import functools
import json
import math
from fractions import Fraction

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from knn_cert.kernels.families import FamilyRows, RaceFamily, pack
from knn_cert.threats import LabelFlips


def race(kernel, sq_distances_a, m_a, sq_distances_b, m_b, *, sigma=1.0, dof=3):
    """(p_a, p_b, error) as floats."""
    answer = kernel.race(
        np.sqrt(np.array(sq_distances_a, dtype=np.float64)),
        m_a,
        np.sqrt(np.array(sq_distances_b, dtype=np.float64)),
        m_b,
        sigma=sigma,
        dof=dof,
    )
    assert len(answer) == 3
    return tuple(float(value) for value in answer)


# ------------------------------------------------------------------------------------------------------------
# Enumeration and reference values


def race_case(seed):
    rng = np.random.default_rng(seed)
    n_a, n_b = (int(v) for v in rng.integers(1, 4, size=2))
    sigma = float(rng.choice([0.5, 1.0, 2.0]))

    def rows(n):
        return [round(float(v), 6) for v in (rng.normal(size=n) * sigma * rng.choice([0.5, 3.0])) ** 2]

    return rows(n_a), int(rng.integers(1, n_a + 1)), rows(n_b), int(rng.integers(1, n_b + 1)), sigma


@functools.cache
def enumerated(seed):
    a, m_a, b, m_b, sigma = race_case(seed)
    dof = (1, 2, 3, 5, 57)[seed % 5]
    return (a, m_a, b, m_b, sigma, dof), naive.race(a, m_a, b, m_b, sigma=sigma, dof=dof)


@pytest.mark.parametrize("seed", range(8))
def test_races_match_the_enumeration_of_nearer_rows(kernel, seed):
    (a, m_a, b, m_b, sigma, dof), wanted = enumerated(seed)
    p_a, p_b, error = race(kernel, a, m_a, b, m_b, sigma=sigma, dof=dof)
    oracle_error = 2 * abs(1 - sum(wanted))
    for value, truth in zip((p_a, p_b), wanted, strict=True):
        assert abs(mpf(value) - truth) <= 1e-10 * truth
        # The reported error covers the true one without slack.
        assert abs(mpf(value) - truth) <= mpf(error) + oracle_error


def tampered(case, attack):
    """The two worst lists of an attack on at most r rows, (target's, others'); each sorted."""
    rows = zip(case["sq_distances"], case["labels"], strict=True)
    a = sorted(v for v, label in rows if label == case["target_class"])
    rows = zip(case["sq_distances"], case["labels"], strict=True)
    b = sorted(v for v, label in rows if label != case["target_class"])
    r = case["budget"]
    return {
        "clean": (a, b),
        "label_flips": (a[r:], b + a[:r]),
        "deletions": (a[r:], b),
        "insertions": (a, b + [0.0] * r),
        "replacements": (a[r:], b + [0.0] * r),
    }[attack]


@pytest.mark.parametrize("attack", ["clean", "label_flips", "deletions", "insertions", "replacements"])
def test_worst_case_lists_give_the_worst_tampering_of_all(kernel, oracle_folder, attack):
    cases = json.loads((oracle_folder / "threats.json").read_text())
    assert len(cases) == 24
    for case in cases:
        k = case["n_neighbors"]
        # Class 0 wins an even vote that ties, class 1 does not.
        m = (k + 1) // 2 if case["target_class"] == 0 else k // 2 + 1
        a, b = tampered(case, attack)
        p_a, _, error = race(kernel, a, m, b, k + 1 - m, sigma=case["sigma"], dof=case["dof"])
        with mp.workdps(30):
            wanted = mpf(case[attack])
            assert abs(mpf(p_a) - wanted) <= 1e-10 * wanted
            assert abs(mpf(p_a) - wanted) <= mpf(error) + wanted * mpf(10) ** -19


# ------------------------------------------------------------------------------------------------------------
# Families


def random_side(rng, n_members):
    n = int(rng.integers(0, 9))
    cut, before = rng.integers(0, n_members + 1, n), rng.random(n) < 0.5
    return FamilyRows(rng.uniform(0, 6, n), np.where(before, 0, cut), np.where(before, cut, n_members))


@pytest.mark.parametrize("tolerance", [0.0, 1e-3])
@pytest.mark.parametrize("seed", range(6))
def test_every_member_of_a_family_is_a_race_of_its_own_rows(kernel, seed, tolerance):
    rng = np.random.default_rng(seed)
    dof, sigma = (1, 2, 3, 7, 60, 784)[seed], 0.8
    families = [RaceFamily(n, random_side(rng, n), random_side(rng, n)) for n in (1, 2, 5, 8)]
    m_a, m_b = rng.integers(1, 4, size=(2, 4))
    p, error = kernel.race_families(
        *pack(families), m_a, m_b, sigma=sigma, dof=dof, tolerance=tolerance, n_threads=2
    )
    assert p.shape == error.shape == (16, 2)
    member = 0
    for family, needed_a, needed_b in zip(families, m_a, m_b, strict=True):
        for i in range(family.n_members):
            a, b = (side.distances[(side.first <= i) & (i < side.end)] ** 2 for side in (family.a, family.b))
            wanted = race(kernel, a, int(needed_a), b, int(needed_b), sigma=sigma, dof=dof)
            for value, bound, truth in zip(p[member], error[member], wanted[:2], strict=True):
                assert abs(value - truth) <= bound + wanted[2]
                assert bound <= max(1e-9 * max(wanted[:2]), tolerance)
            member += 1


def test_a_family_of_many_rows_agrees_with_the_races_of_its_members(kernel, backend):
    if backend == "reference":
        pytest.skip("hundreds of rows take the reference backend minutes")
    rng = np.random.default_rng(0)
    a, b = np.sort(rng.uniform(2, 9, 300)), np.sort(rng.uniform(2, 9, 200))
    flipped = np.array([0, 1, 2, 10, 33])
    family = LabelFlips().worst_rows(a, b, flipped)
    p, _ = kernel.race_families(
        *pack([family]), np.array([3]), np.array([3]), sigma=1.0, dof=20, tolerance=0.0, n_threads=1
    )
    for r, values in zip(flipped, p, strict=True):
        wanted = race(kernel, a[r:] ** 2, 3, np.concatenate([b, a[:r]]) ** 2, 3, dof=20)
        np.testing.assert_allclose(values, wanted[:2], rtol=1e-12)


@pytest.mark.parametrize("dof", [1, 2, 10, 56, 784, 3072])
def test_rough_answers_are_within_the_error_that_they_report(kernel, backend, dof):
    if backend == "reference":
        pytest.skip("hundreds of rows take the reference backend minutes")
    rng = np.random.default_rng(dof)
    for m_a, m_b, spread in ((1, 1, 0.5), (3, 3, 4.0), (2, 9, 20.0)):
        sides = []
        for n in (150, 90):
            cut, before = rng.integers(0, 8, n), rng.random(n) < 0.5
            distances = np.abs(rng.normal(rng.uniform(0, 15), spread, n))
            sides.append(FamilyRows(distances, np.where(before, 0, cut), np.where(before, cut, 7)))
        packed = pack([RaceFamily(7, *sides)])
        arguments = {"sigma": 1.0, "dof": float(dof), "n_threads": 1}
        needed = np.array([m_a]), np.array([m_b])
        exact, exact_error = kernel.race_families(*packed, *needed, tolerance=0.0, **arguments)
        for tolerance in (1e-3, 1e-4, 1e-6):
            p, error = kernel.race_families(*packed, *needed, tolerance=tolerance, **arguments)
            assert np.all(np.abs(p - exact) <= error + exact_error)
            assert error.max() <= tolerance


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f | {"end": np.array([9])},
        lambda f: f | {"first": np.array([1]), "end": np.array([1])},
        lambda f: f | {"start": np.array([0, 2, 1])},
        lambda f: f | {"n_members": np.array([0])},
    ],
)
def test_the_native_kernel_refuses_families_that_would_corrupt_memory(change):
    native = pytest.importorskip("knn_cert.kernels.native")
    family = change(
        {
            "distances": np.ones(1),
            "first": np.array([0]),
            "end": np.array([2]),
            "start": np.array([0, 1, 1]),
            "n_members": np.array([2]),
        }
    )
    one = np.array([1])
    with pytest.raises(ValueError, match="famil|member|row"):
        native.race_families(**family, m_a=one, m_b=one, sigma=1.0, dof=1.0, tolerance=0.0, n_threads=1)


# ------------------------------------------------------------------------------------------------------------
# Exact answers


@pytest.mark.parametrize("dof", [1, 2, 57])
@pytest.mark.parametrize(
    ("n_a", "m_a", "n_b", "m_b"), [(1, 1, 1, 1), (4, 2, 3, 1), (3, 3, 5, 2), (2, 1, 6, 6)]
)
def test_rows_at_one_distance_race_like_balls_from_an_urn(kernel, dof, n_a, m_a, n_b, m_b):
    # The m_a-th of A precedes the m_b-th of B iff at least m_a of the first m_a + m_b - 1 rows are of A.
    first = m_a + m_b - 1
    wins = sum(math.comb(n_a, k) * math.comb(n_b, first - k) for k in range(m_a, first + 1))
    wanted = Fraction(wins, math.comb(n_a + n_b, first))
    for sq_distance in (0.0, 5.0):
        p_a, p_b, error = race(kernel, [sq_distance] * n_a, m_a, [sq_distance] * n_b, m_b, dof=dof)
        assert p_a == pytest.approx(float(wanted), rel=1e-12)
        assert abs(Fraction(p_a) - wanted) <= Fraction(error)
        assert abs(Fraction(p_b) - (1 - wanted)) <= Fraction(error)


def test_a_list_that_is_too_short_never_arrives(kernel):
    assert race(kernel, [1.0], 2, [3.0, 4.0], 2)[:2] == (0.0, 1.0)
    assert race(kernel, [1.0, 2.0], 2, [3.0], 2)[:2] == (1.0, 0.0)
    assert race(kernel, [], 1, [3.0], 1)[:2] == (0.0, 1.0)
    assert race(kernel, [1.0], 3, [3.0], 2)[:2] == (0.0, 0.0)


@pytest.mark.parametrize("n_neighbors", range(1, 8))
def test_the_binary_vote_is_a_race(kernel, n_neighbors):
    rng = np.random.default_rng(n_neighbors)
    sq_distances, labels = rng.uniform(0.0, 25.0, 8), np.array([0, 1, 1, 0, 1, 0, 0, 1])
    p, _ = kernel.vote(
        np.sqrt(sq_distances)[None, :],
        labels,
        n_classes=2,
        n_neighbors=n_neighbors,
        sigma=1.5,
        dof=4,
        n_threads=1,
    )
    m = (n_neighbors + 1) // 2
    p_a, p_b, _ = race(
        kernel,
        sq_distances[labels == 0],
        m,
        sq_distances[labels == 1],
        n_neighbors + 1 - m,
        sigma=1.5,
        dof=4,
    )
    np.testing.assert_allclose([p_a, p_b], p[0], rtol=1e-12)


def test_the_smaller_probability_keeps_its_relative_accuracy(kernel):
    # On a line the farther row comes first with probability 2 Phi(-z) Phi(z), z = s / sqrt 2.
    with mp.workdps(40):
        for s in (2.0, 12.0, 40.0):
            z = mpf(s) / mp.sqrt(2)
            wanted = 2 * mp.ncdf(-z) * mp.ncdf(z)
            p_a, p_b, error = race(kernel, [s * s], 1, [0.0], 1, dof=1)
            assert abs(mpf(p_a) - wanted) <= 1e-12 * wanted
            assert abs(mpf(p_b) - (1 - wanted)) <= mpf(error)


# ------------------------------------------------------------------------------------------------------------
# Properties

lists = st.lists(st.one_of(st.just(0.0), st.floats(0.0, 50.0)), min_size=1, max_size=5)
dofs = st.sampled_from([1, 2, 3, 57])


@given(a=lists, b=lists, dof=dofs, data=st.data())
def test_one_of_the_two_comes_first(kernel, a, b, dof, data):
    m_a = data.draw(st.integers(1, len(a)))
    m_b = data.draw(st.integers(1, len(b)))
    p_a, p_b, error = race(kernel, a, m_a, b, m_b, dof=dof)
    assert abs(p_a + p_b - 1.0) <= 1e-11
    assert abs(p_a + p_b - 1.0) <= 2 * error + 4e-16
    assert 0.0 <= error <= 1e-9
    swapped = race(kernel, b, m_b, a, m_a, dof=dof)
    np.testing.assert_allclose(swapped[:2], (p_b, p_a), rtol=1e-11, atol=1e-290)


@given(a=lists, b=lists, dof=dofs, row=st.integers(0, 4), nearer=st.floats(0.0, 1.0), data=st.data())
def test_a_row_that_comes_closer_never_slows_its_list(kernel, a, b, dof, row, nearer, data):
    m_a = data.draw(st.integers(1, len(a)))
    m_b = data.draw(st.integers(1, len(b)))
    closer = list(a)
    closer[row % len(a)] *= nearer
    before, _, before_error = race(kernel, a, m_a, b, m_b, dof=dof)
    after, _, after_error = race(kernel, closer, m_a, b, m_b, dof=dof)
    assert after + after_error >= before - before_error


@given(a=lists, b=lists, dof=dofs, data=st.data())
def test_asking_for_one_row_more_never_helps(kernel, a, b, dof, data):
    m_a = data.draw(st.integers(1, len(a)))
    m_b = data.draw(st.integers(1, len(b)))
    before, _, before_error = race(kernel, a, m_a, b, m_b, dof=dof)
    after, _, after_error = race(kernel, a, m_a + 1, b, m_b, dof=dof)
    assert after - after_error <= before + before_error


@given(a=lists, b=lists, dof=dofs, seed=st.integers(0, 2**16))
def test_the_order_of_a_list_does_not_matter(kernel, a, b, dof, seed):
    shuffled = np.random.default_rng(seed).permutation(a)
    np.testing.assert_allclose(
        race(kernel, shuffled, 1, b, 1, dof=dof)[:2],
        race(kernel, a, 1, b, 1, dof=dof)[:2],
        rtol=1e-11,
        atol=1e-290,
    )
