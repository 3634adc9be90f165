"""The functional door: vote, race and distance law, checked against closed forms and against each other."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import knn_cert
from knn_cert import (
    LabelFlips,
    largest_budget,
    ncx2_cdf,
    ncx2_logcdf,
    ncx2_logsf,
    ncx2_sf,
    race_probability,
    vote_probabilities,
    worst_case_probability,
)

SQ_DISTANCES = np.array([[0.5, 2.0, 3.5, 6.0, 1.0, 9.0, 4.0], [4.0, 1.0, 0.25, 2.0, 8.0, 3.0, 5.0]])
LABELS = np.array([0, 1, 2, 1, 0, 2, 0])
EDGES = np.array([1.0, 3.0, 6.0])


def normal_cdf(z):
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def first_of_two_on_a_line(a, b):
    """P(|a + Z1| < |b + Z2|): |x| < |y| iff (x - y)(x + y) < 0, and x - y, x + y are independent normals."""
    minus, plus = (a - b) / math.sqrt(2.0), (a + b) / math.sqrt(2.0)
    return normal_cdf(minus) * normal_cdf(-plus) + normal_cdf(-minus) * normal_cdf(plus)


def call(backend, sq_distances=SQ_DISTANCES, labels=LABELS, **changes):
    arguments = {"n_neighbors": 3, "sigma": 1.0, "dof": 3} | changes
    return vote_probabilities(sq_distances, labels, backend=backend, **arguments)


# ------------------------------------------------------------------------------------------------------------
# Vote


@pytest.mark.parametrize("edges", [None, EDGES], ids=["continuous", "bucketed"])
def test_one_query_gives_a_vector_and_many_give_its_rows(backend, edges):
    table = call(backend, edges=edges)
    assert table.shape == (2, 3)
    for query, expected in zip(SQ_DISTANCES, table, strict=True):
        one = call(backend, query, edges=edges)
        assert one.shape == (3,)
        np.testing.assert_array_equal(one, expected)


@pytest.mark.parametrize("edges", [None, EDGES], ids=["continuous", "bucketed"])
@pytest.mark.parametrize("n_neighbors", [1, 2, 5, 7])
def test_probabilities_add_up_to_one_without_being_made_to(backend, n_neighbors, edges):
    total = call(backend, n_neighbors=n_neighbors, edges=edges).sum(axis=1)
    np.testing.assert_allclose(total, 1.0, rtol=0.0, atol=1e-12)


def test_no_queries_give_no_rows(backend):
    assert call(backend, np.empty((0, 7))).shape == (0, 3)


@pytest.mark.parametrize(("a", "b"), [(0.0, 0.0), (0.5, 1.5), (3.0, 0.1), (0.0, 6.0)])
def test_two_rows_on_a_line_win_as_the_closed_form_says(backend, a, b):
    sigma = 0.5
    p = vote_probabilities(
        np.array([a, b]) ** 2 * sigma**2, [0, 1], n_neighbors=1, sigma=sigma, dof=1, backend=backend
    )
    expected = [first_of_two_on_a_line(a, b), first_of_two_on_a_line(b, a)]
    np.testing.assert_allclose(p, expected, rtol=1e-11)


def test_all_rows_voting_is_a_plain_majority_with_ties_to_the_lowest_class(backend):
    p = call(backend, SQ_DISTANCES[0, :4], [1, 0, 1, 0], n_neighbors=4)
    np.testing.assert_allclose(p, [1.0, 0.0], rtol=0.0, atol=1e-12)


def test_a_class_without_rows_never_wins(backend):
    p = call(backend, labels=LABELS * 2, n_classes=6)
    assert p.shape == (2, 6)
    np.testing.assert_array_equal(p[:, [1, 3, 5]], 0.0)
    np.testing.assert_allclose(p[:, ::2], call(backend), rtol=1e-13)


def test_boolean_labels_are_two_classes(backend):
    np.testing.assert_array_equal(
        call(backend, labels=LABELS == 0), call(backend, labels=(LABELS == 0).astype(int))
    )


def test_renaming_the_classes_renames_the_probabilities(backend):
    # An odd K and two classes: no ties of votes, so no class is favoured.
    labels = (LABELS == 0).astype(int)
    np.testing.assert_allclose(
        call(backend, labels=1 - labels)[:, ::-1], call(backend, labels=labels), rtol=1e-12
    )


@pytest.mark.parametrize("edges", [None, EDGES], ids=["continuous", "bucketed"])
@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        lambda a: a.astype(np.float32),
        lambda a: a.tolist(),
        lambda a: np.lib.stride_tricks.as_strided(a, writeable=False),
    ],
    ids=["fortran", "strided", "float32", "list", "read-only"],
)
def test_probabilities_do_not_depend_on_the_layout_of_the_distances(backend, layout, edges):
    # These distances are the same numbers in float32.
    np.testing.assert_array_equal(
        call(backend, layout(SQ_DISTANCES), edges=edges), call(backend, edges=edges)
    )


def test_the_order_of_the_rows_does_not_matter_to_the_continuous_vote(backend):
    order = np.random.default_rng(0).permutation(7)
    permuted = call(backend, SQ_DISTANCES[:, order], LABELS[order])
    np.testing.assert_allclose(permuted, call(backend), rtol=1e-12)


@pytest.mark.parametrize("edges", [None, EDGES], ids=["continuous", "bucketed"])
def test_only_distances_in_units_of_sigma_matter(backend, edges):
    scaled = call(backend, SQ_DISTANCES * 9.0, sigma=3.0, edges=None if edges is None else edges * 9.0)
    np.testing.assert_allclose(scaled, call(backend, edges=edges), rtol=1e-12)


def test_one_bucket_edge_far_away_means_the_first_rows_win(backend):
    # Everything falls into the first bucket, where the lowest indices win: their labels are 0, 1, 1.
    p = call(backend, labels=[0, 1, 1, 0, 0, 0, 0], edges=[1e6])
    np.testing.assert_allclose(p, [[0.0, 1.0]] * 2, atol=1e-12)


def test_inputs_are_left_as_they_were(backend):
    sq_distances, labels, edges = SQ_DISTANCES.copy(), LABELS.copy(), EDGES.copy()
    call(backend, sq_distances, labels, edges=edges)
    np.testing.assert_array_equal(sq_distances, SQ_DISTANCES)
    np.testing.assert_array_equal(labels, LABELS)
    np.testing.assert_array_equal(edges, EDGES)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"sq_distances": [1.0, np.nan, 2.0]},
            ValueError,
            "sq_distances must be finite, got nan at position 1",
        ),
        ({"sq_distances": [1.0, np.inf, 2.0]}, ValueError, "sq_distances must be finite, got inf"),
        ({"sq_distances": [1.0, -2.0, 2.0]}, ValueError, "sq_distances must be >= 0"),
        ({"sq_distances": []}, ValueError, r"n >= 1, got \(0,\)"),
        ({"sq_distances": np.empty((2, 0))}, ValueError, r"n >= 1, got \(2, 0\)"),
        ({"sq_distances": 1.0}, ValueError, r"shape \(n,\) or \(n_queries, n\).*got \(\)"),
        ({"sq_distances": np.ones((1, 1, 3))}, ValueError, r"got \(1, 1, 3\)"),
        (
            {"sq_distances": [1e308, 1.0, 1.0], "sigma": 0.1},
            ValueError,
            "overflow.*divide the features and sigma",
        ),
        ({"sq_distances": ["a", "b", "c"]}, TypeError, "array of real numbers"),
        ({"labels": None}, TypeError, "labels are missing"),
        ({"labels": [0, 1]}, ValueError, r"labels must have shape \(3,\)"),
        ({"labels": [1, 2, 3], "n_classes": 3}, ValueError, r"0\.\.C-1 with C = n_classes = 3, got label 3"),
        ({"labels": [-1, 0, 1]}, ValueError, r"0\.\.C-1, got -1"),
        ({"labels": [0.0, 1.0, 1.0]}, TypeError, r"integers 0\.\.C-1, got dtype float64"),
        ({"labels": ["a", "b", "b"]}, TypeError, r"integers 0\.\.C-1"),
        ({"labels": [0, 0, 0]}, ValueError, "at least 2 classes.*one class"),
        ({"n_neighbors": 4}, ValueError, "n_neighbors = 4 is more than the 3 training rows"),
        ({"n_neighbors": 0}, ValueError, "n_neighbors must be at least 1"),
        ({"n_neighbors": 1.0}, TypeError, "n_neighbors must be a whole number"),
        ({"sigma": float("inf")}, ValueError, "sigma must be finite and > 0"),
        ({"sigma": -1.0}, ValueError, "sigma must be at least 0"),
        ({"dof": 0}, ValueError, "dof must be from 1 to 1e9"),
        ({"edges": [2.0, 1.0]}, ValueError, "edges must be strictly increasing"),
        ({"edges": [1.0, 1.0]}, ValueError, "edges must be strictly increasing"),
        ({"edges": [1e308], "sigma": 0.1}, ValueError, "edges overflow"),
        ({"backend": "gpu"}, ValueError, "backend must be one of"),
    ],
)
def test_bad_input_to_the_vote_is_refused_with_a_clear_error(changes, error, message):
    arguments = {
        "sq_distances": [1.0, 2.0, 3.0],
        "labels": [0, 1, 1],
        "n_neighbors": 1,
        "sigma": 1.0,
        "dof": 2,
        "backend": "reference",
    } | changes
    with pytest.raises(error, match=message):
        vote_probabilities(arguments.pop("sq_distances"), arguments.pop("labels"), **arguments)


# ------------------------------------------------------------------------------------------------------------
# Race


@pytest.mark.parametrize(("a", "b"), [(0.0, 0.0), (0.5, 1.5), (0.0, 6.0), (12.0, 0.0)])
def test_a_race_of_two_rows_on_a_line_is_the_closed_form(backend, a, b):
    p = race_probability([4.0 * a * a], 1, [4.0 * b * b], 1, sigma=2.0, dof=1, backend=backend)
    assert isinstance(p, float)
    assert p == pytest.approx(first_of_two_on_a_line(a, b), rel=1e-11)


@pytest.mark.parametrize("n_neighbors", [1, 2, 3, 4])
def test_a_binary_vote_is_a_race(backend, n_neighbors):
    labels = (LABELS == 0).astype(int)
    query = SQ_DISTANCES[0]
    zeros, ones = query[labels == 0], query[labels == 1]
    # A tie of votes goes to class 0: for even K it needs K / 2 votes and class 1 one more.
    m_0, m_1 = (n_neighbors + 1) // 2, n_neighbors // 2 + 1
    races = [
        race_probability(zeros, m_0, ones, m_1, sigma=1.0, dof=3, backend=backend),
        race_probability(ones, m_1, zeros, m_0, sigma=1.0, dof=3, backend=backend),
    ]
    np.testing.assert_allclose(races, call(backend, query, labels, n_neighbors=n_neighbors), rtol=1e-11)
    assert sum(races) == pytest.approx(1.0, abs=1e-12)


def test_a_list_that_is_too_short_never_comes(backend):
    assert race_probability([1.0], 2, [5.0, 6.0], 2, sigma=1.0, dof=3, backend=backend) == 0.0
    assert race_probability([1.0, 9.0], 2, [], 1, sigma=1.0, dof=3, backend=backend) == 1.0


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"m_a": 2, "m_b": 2}, ValueError, "nobody wins this race: list A has 1 rows and m_a = 2"),
        ({"m_a": 0}, ValueError, "m_a must be at least 1"),
        ({"m_b": 1.0}, TypeError, "m_b must be a whole number"),
        ({"sq_distances_a": [np.nan]}, ValueError, "sq_distances_a must be finite"),
        ({"sq_distances_b": [-1.0]}, ValueError, "sq_distances_b must be >= 0"),
        ({"sq_distances_b": [[1.0]]}, ValueError, r"sq_distances_b must have shape \(n,\), got \(1, 1\)"),
        ({"sq_distances_a": [1e308], "sigma": 0.01}, ValueError, "sq_distances_a overflow"),
        ({"sigma": 0}, ValueError, "sigma must be finite and > 0"),
        ({"dof": -1}, ValueError, "dof must be from 1 to 1e9"),
    ],
)
def test_bad_input_to_the_race_is_refused_with_a_clear_error(changes, error, message):
    arguments = {
        "sq_distances_a": [1.0],
        "m_a": 1,
        "sq_distances_b": [2.0],
        "m_b": 1,
        "sigma": 1.0,
        "dof": 2,
    } | changes
    with pytest.raises(error, match=message):
        race_probability(**arguments, backend="reference")


# ------------------------------------------------------------------------------------------------------------
# Distance law


@given(st.floats(0.0, 8.0), st.floats(1e-3, 12.0))
@settings(max_examples=50)
def test_one_degree_of_freedom_is_a_shifted_normal(shift, root):
    # P((Z + s)^2 <= x) = Phi(sqrt x - s) - Phi(-sqrt x - s).
    x = root * root
    expected = normal_cdf(root - shift) - normal_cdf(-root - shift)
    assert ncx2_cdf(x, 1, shift**2, backend="reference") == pytest.approx(expected, rel=1e-9, abs=1e-15)
    tail = normal_cdf(shift - root) + normal_cdf(-root - shift)
    assert ncx2_sf(x, 1, shift**2, backend="reference") == pytest.approx(tail, rel=1e-9, abs=1e-300)


def test_two_degrees_of_freedom_without_shift_are_exponential(backend):
    x = np.array([1e-12, 0.5, 3.0, 80.0, 1200.0])
    np.testing.assert_allclose(ncx2_logsf(x, 2, 0.0, backend=backend), -x / 2, rtol=1e-12)
    np.testing.assert_allclose(ncx2_cdf(x, 2, 0.0, backend=backend), -np.expm1(-x / 2), rtol=1e-12)


def test_logarithms_belong_to_the_probabilities_and_survive_their_underflow(backend):
    x, dof, nonc = np.array([0.5, 20.0, 60.0]), 5.0, 16.0
    np.testing.assert_allclose(
        ncx2_logcdf(x, dof, nonc, backend=backend),
        np.log(ncx2_cdf(x, dof, nonc, backend=backend)),
        rtol=1e-11,
    )
    np.testing.assert_allclose(
        ncx2_logsf(x, dof, nonc, backend=backend), np.log(ncx2_sf(x, dof, nonc, backend=backend)), rtol=1e-11
    )
    assert ncx2_cdf(1.0, 5.0, 1e4, backend=backend) == 0.0
    assert -6000.0 < ncx2_logcdf(1.0, 5.0, 1e4, backend=backend) < -4000.0


def test_scalars_give_a_float_and_arrays_their_broadcast_shape(backend):
    assert isinstance(ncx2_cdf(1, 2, 3, backend=backend), float)
    table = ncx2_cdf(np.array([[1.0], [2.0]]), [2, 3, 4], 1.5, backend=backend)
    assert table.shape == (2, 3)
    assert table[1, 2] == ncx2_cdf(2.0, 4, 1.5, backend=backend)
    assert ncx2_cdf(np.empty((0, 2)), 1, 1, backend=backend).shape == (0, 2)


@pytest.mark.parametrize(
    ("function", "at_zero", "at_infinity"),
    [(ncx2_cdf, 0.0, 1.0), (ncx2_sf, 1.0, 0.0), (ncx2_logcdf, -np.inf, 0.0), (ncx2_logsf, 0.0, -np.inf)],
)
def test_the_law_at_the_ends_of_the_line(backend, function, at_zero, at_infinity):
    values = function([-np.inf, -1.0, -0.0, 0.0, np.inf], 3, 2.0, backend=backend)
    np.testing.assert_array_equal(values, [at_zero] * 4 + [at_infinity])


@pytest.mark.parametrize("function", [ncx2_cdf, ncx2_sf, ncx2_logcdf, ncx2_logsf])
def test_nan_stays_where_it_came_in(backend, function):
    values = function(
        [np.nan, 1.0, 1.0, 1.0], [2.0, np.nan, 2.0, 2.0], [1.0, 1.0, np.nan, 1.0], backend=backend
    )
    assert np.isnan(values).tolist() == [True, True, True, False]
    assert np.isnan(function(-1.0, np.nan, 1.0, backend=backend))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1.0, 0.0, 1.0), ValueError, "dof must be from 1e-3 to 1e12, got 0.0"),
        ((1.0, [3.0, -1.0], 1.0), ValueError, "dof must be from 1e-3 to 1e12, got -1.0"),
        ((1.0, np.inf, 1.0), ValueError, "dof must be from"),
        ((1.0, 1.0, -0.5), ValueError, "nonc must be from 0 to 1e15, got -0.5"),
        ((1.0, 1.0, np.inf), ValueError, "nonc must be from"),
        (([1.0, 2.0], 1.0, [1.0, 2.0, 3.0]), ValueError, "broadcast"),
        (("1", 1.0, 1.0), TypeError, "x must be an array of real numbers"),
    ],
)
def test_bad_input_to_the_law_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        ncx2_cdf(*arguments, backend="reference")


def test_the_functional_names_are_public():
    assert knn_cert.vote_probabilities is vote_probabilities
    assert knn_cert.race_probability is race_probability


def test_a_sigma_that_double_precision_cannot_resolve_is_refused(backend):
    far = [1.0e24, 1.1e24, 1.2e24]
    with pytest.raises(ValueError, match="sigma is too small against the distances"):
        vote_probabilities(far, [0, 1, 0], n_neighbors=1, sigma=1.0, dof=3, backend=backend)
    # one far row is no obstacle where the K nearest are close
    q = vote_probabilities([1.0, 2.0, 1.2e24], [0, 1, 0], n_neighbors=1, sigma=1.0, dof=3, backend=backend)
    assert abs(q.sum() - 1.0) < 1e-12


# ------------------------------------------------------------------------------------------------------------
# Errors


def mirrored_tables():
    """Two classes with the same rows: the truth is exactly one half for every law."""
    rng = np.random.default_rng(0)
    for _ in range(400):
        distances = rng.uniform(0.0, 5.0, size=rng.integers(2, 8))
        yield (
            np.concatenate([distances, distances]) ** 2,
            np.repeat([0, 1], len(distances)),
            {
                "n_neighbors": 2 * int(rng.integers(0, len(distances))) + 1,
                "sigma": 1.0,
                "dof": int(rng.integers(1, 9)),
            },
        )


def test_a_class_with_half_of_the_probability_is_never_said_to_be_above_it():
    for sq, labels, law in mirrored_tables():
        for target in (0, 1):
            assert worst_case_probability(sq, labels, LabelFlips(0), target_class=target, **law) <= 0.5
            assert largest_budget(sq, labels, LabelFlips(), target_class=target, **law) == -1


def test_errors_hold_the_truth_where_it_is_known(backend):
    for sq, labels, law in itertools.islice(mirrored_tables(), None, None, 1 if backend == "native" else 20):
        p, error = vote_probabilities(sq, labels, with_errors=True, backend=backend, **law)
        assert np.all(np.abs(p - 0.5) <= error)
        m = (law["n_neighbors"] + 1) // 2
        a, b = sq[labels == 0], sq[labels == 1]
        p, error = race_probability(a, m, b, m, sigma=1.0, dof=law["dof"], with_errors=True, backend=backend)
        assert abs(p - 0.5) <= error < 1e-6


@pytest.mark.parametrize("edges", [None, EDGES], ids=["continuous", "bucketed"])
def test_errors_come_with_the_shape_of_the_probabilities(backend, edges):
    p, errors = call(backend, edges=edges, with_errors=True)
    np.testing.assert_array_equal(p, call(backend, edges=edges))
    assert errors.shape == p.shape and np.all(errors >= 0.0) and np.all(errors < 1e-6)
    one, error = call(backend, SQ_DISTANCES[0], edges=edges, with_errors=True)
    np.testing.assert_array_equal(one, p[0])
    np.testing.assert_array_equal(error, errors[0])
    none, no_errors = call(backend, np.empty((0, 7)), edges=edges, with_errors=True)
    assert none.shape == no_errors.shape == (0, 3)


def test_a_race_that_is_decided_has_no_error(backend):
    law = {"sigma": 1.0, "dof": 3, "with_errors": True, "backend": backend}
    assert race_probability([], 1, [1.0], 1, **law) == (0.0, 0.0)
    assert race_probability([1.0], 1, [2.0], 2, **law) == (1.0, 0.0)


def test_no_probability_is_above_one(backend):
    """Rounding once gave 1 + 1.6e-14 here, and scoring rules refuse that."""
    rng = np.random.default_rng(0)
    n_queries = 40 if backend == "native" else 4
    sq = np.append(
        rng.uniform(0.0, 0.1, size=(n_queries, 8)), rng.uniform(9.0, 25.0, size=(n_queries, 4)), axis=1
    )
    labels = np.repeat([0, 1, 2], [8, 2, 2])
    assert vote_probabilities(sq, labels, n_neighbors=5, sigma=0.1, dof=4, backend=backend).max() <= 1.0
