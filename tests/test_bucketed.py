"""Theorem 3 of RAB against the listing of all level assignments, and what must hold for any buckets."""

from __future__ import annotations

import functools
import json
import math

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf


def vote_bucketed(kernel, sq_distances, labels, edges, **parameters):
    """(probabilities, errors) of one query as lists."""
    parameters = {"n_classes": 2, "sigma": 1.0, "dof": 3, "n_threads": 1} | parameters
    p, errors = kernel.vote_bucketed(
        np.sqrt(np.array([sq_distances], dtype=np.float64)),
        np.array(labels, dtype=np.int64),
        edges=np.array(edges, dtype=np.float64),
        **parameters,
    )
    assert p.shape == errors.shape == (1, parameters["n_classes"])
    return p[0].tolist(), errors[0].tolist()


def assert_agrees(got, errors, wanted, oracle_error=0):
    for value, error, truth in zip(got, errors, wanted, strict=True):
        difference = abs(mpf(value) - truth)
        assert difference <= 1e-13, (got, [mp.nstr(w, 20) for w in wanted])
        assert difference <= 1e-10 * truth + 1e-290, (got, [mp.nstr(w, 20) for w in wanted])
        # The reported error covers the true one without slack.
        assert difference <= mpf(error) + oracle_error, (value, error, mp.nstr(truth, 20))


# ------------------------------------------------------------------------------------------------------------
# Reference values and enumeration


@pytest.mark.parametrize("index", range(60))
def test_probabilities_match_theorem_3_and_lie_within_their_errors(kernel, oracle_folder, index):
    cases = json.loads((oracle_folder / "bucketed.json").read_text())
    assert len(cases) == 60
    case = cases[index]
    parameters = {name: case[name] for name in ("n_classes", "n_neighbors", "sigma", "dof")}
    got, errors = vote_bucketed(kernel, case["sq_distances"], case["labels"], case["edges"], **parameters)
    with mp.workdps(40):
        # The truth is printed with 30 digits.
        assert_agrees(got, errors, [mpf(p) for p in case["probabilities"]], oracle_error=mpf(10) ** -29)


def bucketed_case(seed):
    """A small problem with edges around the distances; more classes than rows, empty buckets, exact ties."""
    case = naive.random_case(1000 + seed, max_rows=5, max_classes=4)
    rng = np.random.default_rng(seed)
    top = max(case["sq_distances"]) + 3 * case["dof"] * case["sigma"] ** 2
    edges = sorted({round(float(v), 6) for v in rng.uniform(0.02, 1.0, size=rng.integers(1, 5)) * top})
    if seed % 3 == 0:
        edges = [*edges, top * 1e6]
    return case | {"edges": edges}


@functools.cache
def enumerated(seed):
    case = bucketed_case(seed)
    return case, naive.vote_bucketed(**case)


@pytest.mark.parametrize("seed", range(20))
def test_small_problems_match_the_listing_of_all_assignments(kernel, seed):
    case, wanted = enumerated(seed)
    got, errors = vote_bucketed(kernel, **case)
    assert_agrees(got, errors, wanted, oracle_error=mpf(10) ** -20)


@functools.cache
def many_levels():
    case = {
        "sq_distances": [3.0, 5.0],
        "labels": [1, 0],
        "n_classes": 2,
        "n_neighbors": 1,
        "sigma": 0.75,
        "dof": 5,
        "edges": np.linspace(0.25, 40.0, 120).tolist(),
    }
    return case, naive.vote_bucketed(**case)


def test_many_narrow_buckets_stay_within_their_errors(kernel):
    case, wanted = many_levels()
    got, errors = vote_bucketed(kernel, **case)
    assert_agrees(got, errors, wanted, oracle_error=mpf(10) ** -20)


@functools.cache
def far_case(distance):
    case = {
        "sq_distances": [0.0, distance**2, 1.0],
        "labels": [0, 1, 0],
        "n_classes": 2,
        "n_neighbors": 1,
        "sigma": 1.0,
        "dof": 3,
        "edges": [2.0, 9.0, 60.0, 200.0, 400.0],
    }
    return case, naive.vote_bucketed(**case)


@pytest.mark.parametrize("distance", [8.0, 20.0, 33.0])
def test_tiny_probabilities_keep_their_relative_accuracy(kernel, distance):
    case, wanted = far_case(distance)
    assert wanted[1] < 1e-8
    got, errors = vote_bucketed(kernel, **case)
    assert_agrees(got, errors, wanted, oracle_error=wanted[1] * mpf(10) ** -20)


# ------------------------------------------------------------------------------------------------------------
# Exact answers

SQ_DISTANCES = [4.0, 1.0, 9.0, 2.25, 16.0, 0.25, 6.25]
LABELS = [0, 2, 1, 1, 0, 2, 0]


@pytest.mark.parametrize("edge", [1e-40, 1e9], ids=["all beyond", "all within"])
@pytest.mark.parametrize("n_neighbors", range(1, 8))
def test_in_a_single_bucket_the_first_rows_vote(kernel, n_neighbors, edge):
    got, errors = vote_bucketed(
        kernel, SQ_DISTANCES, LABELS, [edge], n_classes=3, n_neighbors=n_neighbors, dof=4
    )
    wanted = [0.0, 0.0, 0.0]
    wanted[naive.winner(LABELS[:n_neighbors], 3)] = 1.0
    np.testing.assert_allclose(got, wanted, rtol=0.0, atol=1e-13)
    assert all(error <= 1e-9 for error in errors)


@pytest.mark.parametrize("edge", [0.5, 4.0])
def test_of_two_equal_rows_the_lower_index_wins_the_ties(kernel, edge):
    # One edge: row 0 is beaten only where it is beyond the edge and row 1 within.
    got, errors = vote_bucketed(kernel, [2.0, 2.0], [1, 0], [edge], n_neighbors=1, dof=3)
    with mp.workdps(40):
        cdf, sf, _ = naive.ncx2(edge, 3, 2.0)
        assert_agrees(got, errors, [sf * cdf, 1 - sf * cdf])


@pytest.mark.parametrize("n_neighbors", range(1, 8))
def test_little_noise_gives_the_plain_answer_on_levels(kernel, n_neighbors):
    edges = [0.5, 3.0, 7.0]
    levels = np.searchsorted(edges, SQ_DISTANCES, side="right").tolist()
    got, _ = vote_bucketed(
        kernel, SQ_DISTANCES, LABELS, edges, n_classes=3, n_neighbors=n_neighbors, sigma=1e-4, dof=4
    )
    wanted = [0.0, 0.0, 0.0]
    wanted[naive.plain_knn(levels, LABELS, n_neighbors, 3)] = 1.0
    np.testing.assert_allclose(got, wanted, rtol=0.0, atol=1e-13)


def test_all_rows_together_vote_with_certainty(kernel):
    got, _ = vote_bucketed(kernel, SQ_DISTANCES, LABELS, [1.0, 5.0], n_classes=3, n_neighbors=7)
    np.testing.assert_allclose(got, [1.0, 0.0, 0.0], rtol=0.0, atol=1e-13)


def test_an_absent_class_never_wins(kernel):
    got, errors = vote_bucketed(
        kernel, [1.0, 2.0, 3.0, 0.5], [0, 3, 3, 0], [2.0, 4.0], n_classes=5, n_neighbors=3, dof=4
    )
    for c in (1, 2, 4):
        assert got[c] == 0.0
        assert errors[c] <= 1e-290
    assert got[0] + got[3] == pytest.approx(1.0, abs=1e-12)


def test_rows_at_a_distance_of_1e8_never_come_first(kernel):
    near = vote_bucketed(kernel, [1.0, 4.0], [0, 1], [2.0, 8.0], n_neighbors=1, dof=5)[0]
    got, _ = vote_bucketed(
        kernel, [1.0, 1e16, 4.0, 1e16], [0, 1, 1, 0], [2.0, 8.0, 1e10], n_neighbors=1, dof=5
    )
    # The edge at 1e10 parts the near rows, all within it, from the far ones.
    np.testing.assert_allclose(
        got, vote_bucketed(kernel, [1.0, 4.0], [0, 1], [2.0, 8.0, 1e10], n_neighbors=1, dof=5)[0], rtol=1e-13
    )
    np.testing.assert_allclose(got, near, rtol=1e-12)


def test_fine_buckets_approach_the_continuous_classifier(kernel):
    # Rows share one of 1600 buckets with a chance of about 1e-3; their ties shift little probability.
    sq_distances, labels = [2.0, 3.0, 7.0, 1.0], [0, 1, 1, 0]
    parameters = {"n_classes": 2, "n_neighbors": 3, "sigma": 1.0, "dof": 6, "n_threads": 1}
    continuous, _ = kernel.vote(np.sqrt([sq_distances]), np.array(labels), **parameters)
    gaps = []
    for n_edges in (200, 1600):
        edges = np.linspace(0.1, 60.0, n_edges)
        got, _ = vote_bucketed(kernel, sq_distances, labels, edges, **parameters)
        gaps.append(abs(got[0] - continuous[0, 0]))
    assert gaps[1] < gaps[0] / 4
    assert gaps[1] < 2e-3


# ------------------------------------------------------------------------------------------------------------
# Properties


@st.composite
def problems(draw, max_rows=6, max_classes=4):
    n = draw(st.integers(2, max_rows))
    distance = st.one_of(st.just(0.0), st.sampled_from([1.0, 4.0]), st.floats(0.0, 60.0))
    n_classes = draw(st.integers(2, max_classes))
    edges = draw(st.lists(st.integers(1, 400), min_size=1, max_size=6, unique=True))
    return {
        "sq_distances": draw(st.lists(distance, min_size=n, max_size=n)),
        "labels": draw(st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n)),
        "edges": [edge / 4 for edge in sorted(edges)],
        "n_classes": n_classes,
        "n_neighbors": draw(st.integers(1, n)),
        "sigma": draw(st.sampled_from([0.25, 1.0, 2.0])),
        "dof": draw(st.sampled_from([1, 2, 5, 57])),
    }


@given(problem=problems())
def test_probabilities_add_up_to_one_without_being_made_to(kernel, problem):
    got, errors = vote_bucketed(kernel, **problem)
    assert abs(sum(got) - 1.0) <= 1e-11
    assert abs(sum(got) - 1.0) <= sum(errors) + 2e-16 * len(got)
    assert all(p >= 0.0 for p in got)
    assert all(0.0 <= error <= 1e-9 for error in errors)


@given(problem=problems(), factor=st.sampled_from([0.125, 0.3, 3.7, 1e3]))
def test_only_distances_in_units_of_the_noise_matter(kernel, problem, factor):
    scaled = problem | {
        "sq_distances": [value * factor**2 for value in problem["sq_distances"]],
        "edges": [value * factor**2 for value in problem["edges"]],
        "sigma": problem["sigma"] * factor,
    }
    np.testing.assert_allclose(
        vote_bucketed(kernel, **scaled)[0], vote_bucketed(kernel, **problem)[0], rtol=1e-10, atol=1e-14
    )


@given(problem=problems())
def test_an_edge_that_no_row_can_reach_changes_nothing(kernel, problem):
    more = problem | {"edges": [1e-60, *problem["edges"], 1e7]}
    np.testing.assert_allclose(
        vote_bucketed(kernel, **more)[0], vote_bucketed(kernel, **problem)[0], rtol=1e-10, atol=1e-13
    )


@given(problem=problems(), seed=st.integers(0, 2**16))
def test_rows_of_one_class_that_follow_each_other_may_be_exchanged(kernel, problem, seed):
    order = np.random.default_rng(seed).permutation(len(problem["labels"]))
    # A block of one class: neighbours in index with one label are interchangeable, whatever their distances.
    labels = sorted(problem["labels"])
    blocks = problem | {"labels": labels}
    within = sorted(range(len(labels)), key=lambda i: (labels[i], order[i]))
    exchanged = blocks | {"sq_distances": [problem["sq_distances"][i] for i in within]}
    np.testing.assert_allclose(
        vote_bucketed(kernel, **exchanged)[0], vote_bucketed(kernel, **blocks)[0], rtol=1e-10, atol=1e-13
    )


# ------------------------------------------------------------------------------------------------------------
# Many queries, many rows


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_query_is_answered_alike_alone_and_among_others_by_any_number_of_threads(kernel, n_classes):
    rng = np.random.default_rng(5)
    table = np.sqrt(rng.uniform(0, 40, size=(4, 8)) * np.array([[0.01], [1.0], [3.0], [50.0]]))
    labels = np.array([0, 1, 2, 1, 0, 2, 2, 1]) % n_classes
    parameters = {
        "n_classes": n_classes,
        "n_neighbors": 3,
        "sigma": 1.0,
        "dof": 6,
        "edges": np.array([1.0, 5.0, 9.0, 12.0, 20.0, 45.0, 80.0, 200.0, 900.0]),
    }
    p, errors = kernel.vote_bucketed(table, labels, n_threads=1, **parameters)
    for n_threads in (2, 3):
        p_again, errors_again = kernel.vote_bucketed(table, labels, n_threads=n_threads, **parameters)
        np.testing.assert_array_equal(p_again, p)
        np.testing.assert_array_equal(errors_again, errors)
    for query, expected in zip(table, p, strict=True):
        alone, _ = kernel.vote_bucketed(query[None, :].copy(), labels, n_threads=1, **parameters)
        np.testing.assert_array_equal(alone[0], expected)


@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("n_neighbors", [1, 2, 5, 20])
def test_hundreds_of_rows_in_200_buckets_still_add_up_to_one(backend, kernel, n_neighbors, n_classes):
    if backend == "reference":
        pytest.skip("hundreds of rows take the reference backend minutes")
    rng = np.random.default_rng(n_neighbors)
    dof = 56
    table = np.sqrt(rng.uniform(20.0, 200.0, size=(2, 400)))
    labels = rng.integers(0, n_classes, size=400)
    for sigma in (0.25, 1.0, 2.0):
        low, high = dof * sigma**2 * 0.4, 200.0 + dof * sigma**2 * 2 + 60 * sigma * math.sqrt(200.0)
        p, errors = kernel.vote_bucketed(
            table,
            labels,
            n_classes=n_classes,
            n_neighbors=n_neighbors,
            sigma=sigma,
            dof=dof,
            edges=np.linspace(low, high, 199),
            n_threads=2,
        )
        np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0.0, atol=1e-11)
        assert errors.max() <= 1e-9
