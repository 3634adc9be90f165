"""The continuous classifier against ball arithmetic, enumeration, combinatorics and its own symmetries."""

from __future__ import annotations

import functools
import json
import math

import naive
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mpmath import mp, mpf


def vote(kernel, sq_distances, labels, **parameters):
    """(probabilities, errors) of one query as lists."""
    parameters = {"n_classes": 2, "sigma": 1.0, "dof": 3, "n_threads": 1} | parameters
    p, errors = kernel.vote(
        np.sqrt(np.array([sq_distances], dtype=np.float64)), np.array(labels, dtype=np.int64), **parameters
    )
    assert p.shape == errors.shape == (1, parameters["n_classes"])
    return p[0].tolist(), errors[0].tolist()


def assert_agrees(got, wanted, rtol=1e-10, floor=1e-250):
    for value, truth in zip(got, wanted, strict=True):
        if truth > floor:
            assert abs(mpf(value) - truth) <= rtol * truth, (got, [mp.nstr(w, 20) for w in wanted])
        else:
            assert 0.0 <= value <= 2 * floor


def assert_covered(got, errors, wanted, oracle_error=0):
    """The truth lies within the reported error, without slack; an inexact oracle says how far it may err."""
    for value, error, truth in zip(got, errors, wanted, strict=True):
        assert abs(mpf(value) - truth) <= mpf(error) + oracle_error, (value, error, mp.nstr(truth, 20))


# ------------------------------------------------------------------------------------------------------------
# Reference values and enumeration


@pytest.mark.parametrize("index", range(30))
def test_probabilities_match_ball_arithmetic_and_lie_within_their_errors(kernel, oracle_folder, index):
    cases = json.loads((oracle_folder / "continuous.json").read_text())
    assert len(cases) == 30
    case = cases[index]
    parameters = {name: case[name] for name in ("n_classes", "n_neighbors", "sigma", "dof")}
    got, errors = vote(kernel, case["sq_distances"], case["labels"], **parameters)
    with mp.workdps(40):
        wanted = [mpf(p) for p in case["probabilities"]]
        assert_agrees(got, wanted)
        # The truth is printed with 20 digits.
        assert_covered(got, errors, wanted, oracle_error=mpf(10) ** -20)


@functools.cache
def enumerated(seed):
    case = naive.random_case(seed)
    return case, naive.vote(**case)


@pytest.mark.parametrize("seed", [1, 3, 7, 8, 12, 16, 20, 23])
def test_small_problems_match_the_enumeration_of_nearer_rows(kernel, seed):
    case, wanted = enumerated(seed)
    got, errors = vote(kernel, **case)
    assert_agrees(got, wanted, rtol=1e-12)
    assert_covered(got, errors, wanted, oracle_error=2 * abs(1 - sum(wanted)))


def far_tail(distance, dof, n_neighbors):
    near = [0.0, 0.25, 0.5]
    return {
        "sq_distances": [*near[:n_neighbors], distance**2, (distance + 1.0) ** 2],
        "labels": [0] * n_neighbors + [1, 1],
        "n_classes": 2,
        "n_neighbors": n_neighbors,
        "sigma": 1.0,
        "dof": dof,
    }


@functools.cache
def far_tail_truth(*case):
    return naive.vote(**far_tail(*case))


@pytest.mark.parametrize("case", [(12.0, 3, 1), (20.0, 2, 1), (28.0, 5, 1), (12.0, 1, 3)])
def test_tiny_probabilities_keep_their_relative_accuracy(kernel, case):
    wanted = far_tail_truth(*case)
    assert wanted[1] < 1e-15
    got, errors = vote(kernel, **far_tail(*case))
    assert_agrees(got, wanted)
    assert_covered(got, errors, wanted, oracle_error=2 * abs(1 - sum(wanted)) * wanted[1])


def test_a_probability_near_the_floor_is_not_lost(kernel):
    # On a line the farther row comes first with probability 2 Phi(-z) Phi(z), z = s / sqrt 2.
    s = 46.0
    (p_near, p_far), (error_near, error_far) = vote(kernel, [0.0, s * s], [0, 1], n_neighbors=1, dof=1)
    with mp.workdps(40):
        z = mpf(s) / mp.sqrt(2)
        wanted = 2 * mp.ncdf(-z) * mp.ncdf(z)
        assert 1e-250 < wanted < 1e-220
        assert_agrees([p_near, p_far], [1 - wanted, wanted])
        assert_covered([p_near, p_far], [error_near, error_far], [1 - wanted, wanted])


# ------------------------------------------------------------------------------------------------------------
# Exact answers


@pytest.mark.parametrize("dof", [1, 2, 3, 5, 57])
@pytest.mark.parametrize("sq_distance", [0.0, 1e-4, 7.0])
def test_rows_at_one_distance_are_drawn_like_balls_from_an_urn(kernel, dof, sq_distance):
    labels = [0, 1, 1, 2, 0, 2, 2]
    for n_neighbors in range(1, len(labels) + 1):
        wanted = [mpf(p.numerator) / p.denominator for p in naive.equidistant_vote(labels, n_neighbors, 3)]
        got, errors = vote(kernel, [sq_distance] * 7, labels, n_classes=3, n_neighbors=n_neighbors, dof=dof)
        assert_agrees(got, wanted, rtol=1e-12)
        assert_covered(got, errors, wanted)


@pytest.mark.parametrize("n_neighbors", range(1, 8))
def test_little_noise_gives_the_plain_k_nn_answer(kernel, n_neighbors):
    sq_distances = [4.0, 1.0, 9.0, 2.25, 16.0, 0.25, 6.25]
    labels = [0, 2, 1, 1, 0, 2, 0]
    for sigma in (1e-2, 1e-7):
        got, _ = vote(kernel, sq_distances, labels, n_classes=3, n_neighbors=n_neighbors, sigma=sigma, dof=4)
        wanted = [0.0, 0.0, 0.0]
        wanted[naive.plain_knn(sq_distances, labels, n_neighbors, 3)] = 1.0
        np.testing.assert_allclose(got, wanted, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("labels", [[0, 1, 1, 0], [1, 0, 0, 1, 1], [2, 1, 1, 2, 0, 3]])
def test_all_rows_together_vote_with_certainty(kernel, labels):
    n_classes = max(labels) + 1
    rng = np.random.default_rng(len(labels))
    got, errors = vote(
        kernel, rng.uniform(0, 20, len(labels)), labels, n_classes=n_classes, n_neighbors=len(labels)
    )
    wanted = [0.0] * n_classes
    wanted[naive.winner(labels, n_classes)] = 1.0
    np.testing.assert_allclose(got, wanted, rtol=0.0, atol=1e-12)
    assert_covered(got, errors, wanted)


def test_rows_at_a_distance_of_1e8_neither_fail_nor_vote(kernel):
    got, errors = vote(
        kernel, [1.0, 1e16, 4.0, 1e16, 1e14], [0, 1, 2, 1, 1], n_classes=3, n_neighbors=1, dof=5
    )
    near, near_errors = vote(kernel, [1.0, 4.0], [0, 2], n_classes=3, n_neighbors=1, dof=5)
    np.testing.assert_allclose(got, near, rtol=1e-12)
    assert got[1] <= errors[1] <= 1e-290
    assert_covered(near, near_errors, got, oracle_error=max(errors))


@pytest.mark.parametrize("scale", [1e3, 1e5, 1e8])
def test_a_boundary_between_very_far_rows_is_still_resolved(kernel, scale):
    # Radially the noise of a far row is normal: P(row 0 first) = Phi((b - a) / sqrt 2), up to 1/scale.
    gap = 1.0
    a, b = scale, scale + gap
    got, errors = vote(kernel, [a * a, b * b], [0, 1], n_neighbors=1, dof=3)
    wanted = 0.5 * math.erfc(-gap / 2)
    np.testing.assert_allclose(got, [wanted, 1 - wanted], rtol=0.0, atol=2.0 / scale + 1e-16 * scale)
    assert abs(sum(got) - 1.0) <= max(1e-11, sum(errors))
    assert max(errors) <= 1e-14 * scale + 1e-11


def test_an_absent_class_never_wins(kernel):
    got, errors = vote(kernel, [1.0, 2.0, 3.0, 0.5], [0, 3, 3, 0], n_classes=5, n_neighbors=3, dof=4)
    for c in (1, 2, 4):
        assert got[c] == 0.0
        assert errors[c] <= 1e-290
    assert got[0] + got[3] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("n_neighbors", [1, 2, 3, 4, 5])
def test_two_classes_are_answered_alike_by_the_race_and_by_the_general_vote(kernel, n_neighbors):
    rng = np.random.default_rng(n_neighbors)
    sq_distances, labels = rng.uniform(0, 30, 9), [0, 1, 0, 1, 1, 0, 1, 0, 1]
    two, _ = vote(kernel, sq_distances, labels, n_neighbors=n_neighbors, n_classes=2)
    three, _ = vote(kernel, sq_distances, labels, n_neighbors=n_neighbors, n_classes=3)
    np.testing.assert_allclose(two, three[:2], rtol=1e-11)


# ------------------------------------------------------------------------------------------------------------
# Properties


@st.composite
def problems(draw, max_rows=6, max_classes=3):
    n = draw(st.integers(2, max_rows))
    # Zero and repeated distances are normal, so they are drawn often.
    distance = st.one_of(st.just(0.0), st.sampled_from([1.0, 4.0]), st.floats(0.0, 60.0))
    n_classes = draw(st.integers(2, max_classes))
    return {
        "sq_distances": draw(st.lists(distance, min_size=n, max_size=n)),
        "labels": draw(st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n)),
        "n_classes": n_classes,
        "n_neighbors": draw(st.integers(1, n)),
        "sigma": draw(st.sampled_from([0.5, 1.0, 2.0])),
        "dof": draw(st.sampled_from([1, 2, 3, 57])),
    }


@given(problem=problems())
def test_probabilities_add_up_to_one_without_being_made_to(kernel, problem):
    got, errors = vote(kernel, **problem)
    assert abs(sum(got) - 1.0) <= 1e-11
    assert abs(sum(got) - 1.0) <= sum(errors) + 2e-16 * len(got)
    assert all(p >= 0.0 for p in got)
    assert all(0.0 <= error <= 1e-9 for error in errors)


@given(problem=problems(), seed=st.integers(0, 2**16))
def test_the_order_of_the_rows_does_not_matter(kernel, problem, seed):
    order = np.random.default_rng(seed).permutation(len(problem["labels"]))
    shuffled = problem | {name: [problem[name][i] for i in order] for name in ("sq_distances", "labels")}
    np.testing.assert_allclose(
        vote(kernel, **shuffled)[0], vote(kernel, **problem)[0], rtol=1e-11, atol=1e-290
    )


@given(problem=problems(), factor=st.sampled_from([0.125, 0.3, 3.7, 1e3]))
def test_only_distances_in_units_of_the_noise_matter(kernel, problem, factor):
    scaled = problem | {
        "sq_distances": [value * factor**2 for value in problem["sq_distances"]],
        "sigma": problem["sigma"] * factor,
    }
    np.testing.assert_allclose(vote(kernel, **scaled)[0], vote(kernel, **problem)[0], rtol=1e-11, atol=1e-290)


@given(problem=problems(max_classes=2), row=st.integers(0, 5), nearer=st.floats(0.0, 1.0))
def test_moving_a_row_closer_never_helps_the_other_class(kernel, problem, row, nearer):
    assume(problem["n_classes"] == 2)
    row %= len(problem["labels"])
    moved = list(problem["sq_distances"])
    moved[row] *= nearer
    own = problem["labels"][row]
    before, before_errors = vote(kernel, **problem)
    after, after_errors = vote(kernel, **(problem | {"sq_distances": moved}))
    # Enclosures: the upper end after the move is not below the lower end before it.
    assert after[own] + after_errors[own] >= before[own] - before_errors[own]
    assert after[1 - own] - after_errors[1 - own] <= before[1 - own] + before_errors[1 - own]


@given(problem=problems(max_rows=5), seed=st.integers(0, 2**16))
def test_names_of_classes_matter_only_for_ties(kernel, problem, seed):
    """With K = 1 no votes tie, so classes may be renamed."""
    names = np.random.default_rng(seed).permutation(problem["n_classes"])
    single = problem | {"n_neighbors": 1}
    renamed = single | {"labels": [int(names[label]) for label in problem["labels"]]}
    got, again = vote(kernel, **single)[0], vote(kernel, **renamed)[0]
    np.testing.assert_allclose([again[name] for name in names], got, rtol=1e-11, atol=1e-290)


# ------------------------------------------------------------------------------------------------------------
# Many queries, many rows


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_query_is_answered_alike_alone_and_among_others_by_any_number_of_threads(kernel, n_classes):
    rng = np.random.default_rng(5)
    table = np.sqrt(rng.uniform(0, 40, size=(3, 6)) * np.array([[0.01], [1.0], [20.0]]))
    labels = np.array([0, 1, 2, 1, 0, 2]) % n_classes
    parameters = {"n_classes": n_classes, "n_neighbors": 3, "sigma": 1.0, "dof": 6}
    p, errors = kernel.vote(table, labels, n_threads=1, **parameters)
    for n_threads in (2, 3):
        p_again, errors_again = kernel.vote(table, labels, n_threads=n_threads, **parameters)
        np.testing.assert_array_equal(p_again, p)
        np.testing.assert_array_equal(errors_again, errors)
    for query, expected in zip(table, p, strict=True):
        alone, _ = kernel.vote(query[None, :].copy(), labels, n_threads=1, **parameters)
        np.testing.assert_array_equal(alone[0], expected)


def test_no_queries_give_empty_tables(kernel):
    p, errors = kernel.vote(
        np.empty((0, 3)), np.array([0, 1, 0]), n_classes=2, n_neighbors=1, sigma=1.0, dof=2, n_threads=1
    )
    assert p.shape == errors.shape == (0, 2)


@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("n_neighbors", [1, 2, 5, 20, 51])
def test_thousands_of_rows_still_add_up_to_one(backend, kernel, n_neighbors, n_classes):
    if backend == "reference":
        pytest.skip("thousands of rows take the reference backend minutes")
    rng = np.random.default_rng(n_neighbors)
    dof = 56
    rows, query = rng.normal(size=(2000, dof)), rng.normal(size=(3, dof))
    table = np.linalg.norm(query[:, None, :] - rows[None, :, :], axis=2)
    labels = rng.integers(0, n_classes, size=2000)
    for sigma in (0.25, 1.0, 2.0):
        p, errors = kernel.vote(
            table, labels, n_classes=n_classes, n_neighbors=n_neighbors, sigma=sigma, dof=dof, n_threads=2
        )
        np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0.0, atol=1e-11)
        assert errors.max() <= 1e-9
