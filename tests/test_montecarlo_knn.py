"""Monte Carlo K-NN: its intervals hold the exact probabilities, its votes are a K-NN's, a seed fixes them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from knn_cert.bounds import clopper_pearson_lower, clopper_pearson_upper, vote_bounds
from knn_cert.montecarlo import knn, monte_carlo_vote

RNG = np.random.default_rng(5)
DISTANCES = RNG.exponential(size=(4, 30)) * 6.0
LABELS = np.arange(30) % 3
SETTINGS = {"n_neighbors": 5, "sigma": 0.8, "dof": 4, "n_samples": 300, "random_state": 7}


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))


# --- the law that is sampled ---


def test_exact_probabilities_of_the_oracle_lie_inside_the_intervals(oracle_folder):
    cases = json.loads((oracle_folder / "continuous.json").read_text())
    checked = 0
    for seed, case in enumerate(cases):
        vote = monte_carlo_vote(
            np.array(case["sq_distances"], dtype=float),
            np.array(case["labels"]),
            n_neighbors=case["n_neighbors"],
            sigma=case["sigma"],
            dof=case["dof"],
            n_samples=2000,
            alpha=1e-9,
            random_state=seed,
            n_classes=case["n_classes"],
        )
        exact = np.array(case["probabilities"], dtype=float)
        assert np.all(vote.interval_lower <= exact)
        assert np.all(exact <= vote.interval_upper)
        assert vote.p_lower <= exact[vote.label]
        checked += 1
    assert checked == len(cases) > 0


@pytest.mark.parametrize("dof", [1, 2, 7])
def test_a_race_of_two_rows_at_equal_distance_is_even(dof):
    vote = monte_carlo_vote(
        [3.0, 3.0], [0, 1], n_neighbors=1, sigma=1.0, dof=dof, n_samples=20_000, alpha=1e-9, random_state=0
    )
    assert vote.interval_lower[0] <= 0.5 <= vote.interval_upper[0]


def test_one_dimension_agrees_with_the_exact_race_of_a_row_at_the_query_and_one_far_away():
    # One dimension, rows at 0 and s: |g| < |s + g'| with g, g' normal. Rotated by 45 degrees this is a union
    # of two quadrants, of probability Phi(s/sqrt 2)^2 + (1 - Phi(s/sqrt 2))^2.
    s = 1.3
    phi = 0.5 * math.erfc(-s / 2.0)
    vote = monte_carlo_vote(
        [0.0, s * s * 4.0],
        [0, 1],
        n_neighbors=1,
        sigma=2.0,
        dof=1,
        n_samples=50_000,
        alpha=1e-9,
        random_state=0,
    )
    assert vote.interval_lower[0] <= phi**2 + (1 - phi) ** 2 <= vote.interval_upper[0]
    assert vote.interval_upper[0] - vote.interval_lower[0] < 0.03


@pytest.mark.parametrize("dof", [2, 4])
def test_even_dimensions_agree_with_the_exact_race_of_a_row_at_the_query_and_one_far_away(dof):
    # With X the squared distance of the far row, non-central with l = s^2, the far row wins with probability
    # E[P(chi2_d > X)]: E[exp(-X/2)] for d = 2, E[(1 + X/2) exp(-X/2)] for d = 4, from the generating function
    # (1 - 2t)^(-d/2) exp(l t / (1 - 2t)) and its derivative at t = -1/2.
    l_ = 2.0
    far = {2: 0.5 * math.exp(-l_ / 4.0), 4: 0.25 * math.exp(-l_ / 4.0) * (2.0 + l_ / 8.0)}[dof]
    vote = monte_carlo_vote(
        [0.0, 9.0 * l_],
        [0, 1],
        n_neighbors=1,
        sigma=3.0,
        dof=dof,
        n_samples=200_000,
        alpha=1e-9,
        random_state=0,
    )
    assert vote.interval_lower[1] <= far <= vote.interval_upper[1]
    assert vote.interval_upper[1] - vote.interval_lower[1] < 0.015


def test_sampled_distances_follow_noise_added_in_full_dimension():
    # The same law drawn the long way: noise in every feature of every row, then distances.
    rng = np.random.default_rng(11)
    rows, query, labels = rng.normal(size=(12, 3)), np.zeros(3), np.arange(12) % 2
    noisy = rows + 0.7 * rng.normal(size=(20_000, 12, 3))
    nearest = np.argsort(((noisy - query) ** 2).sum(axis=2), axis=1)[:, :3]
    votes = int((labels[nearest].sum(axis=1) >= 2).sum())
    vote = monte_carlo_vote(
        ((rows - query) ** 2).sum(axis=1),
        labels,
        n_neighbors=3,
        sigma=0.7,
        dof=3,
        n_samples=20_000,
        alpha=1e-6,
        random_state=3,
    )
    # Two independent intervals for one probability must overlap.
    assert vote.interval_lower[1] <= clopper_pearson_upper(votes, 20_000, 5e-7)
    assert clopper_pearson_lower(votes, 20_000, 5e-7) <= vote.interval_upper[1]


# --- the vote ---


def test_with_all_rows_voting_the_majority_wins_and_ties_go_to_the_lowest_class():
    for labels, winner in (([2, 2, 1], 2), ([1, 2, 1, 2], 1), ([2, 0, 1], 0)):
        vote = monte_carlo_vote(
            np.ones(len(labels)),
            labels,
            n_neighbors=len(labels),
            sigma=1.0,
            dof=3,
            n_samples=10,
            n_pilot=0,
            n_classes=3,
        )
        assert vote.counts.tolist() == [10 if c == winner else 0 for c in range(3)]
        assert vote.label == winner


def test_rows_far_beyond_the_noise_never_vote():
    distances = [1.0, 2.0, 3.0, 1e12, 1e12, 1e12]
    vote = monte_carlo_vote(
        distances, [1, 1, 1, 0, 0, 0], n_neighbors=3, sigma=1.0, dof=5, n_samples=50, random_state=0
    )
    assert vote.counts.tolist() == [0, 50]
    assert vote.label == 1


def test_bounds_and_intervals_are_those_of_the_counts():
    vote = monte_carlo_vote(DISTANCES, LABELS, alpha=0.01, **SETTINGS)
    assert np.all(vote.counts.sum(axis=1) == 300)
    bounds = vote_bounds(vote.counts, 0.01, label=vote.label, selection="pilot")
    np.testing.assert_array_equal(vote.p_lower, bounds.p_lower)
    np.testing.assert_array_equal(vote.p_upper, bounds.p_upper)
    np.testing.assert_array_equal(vote.interval_lower, clopper_pearson_lower(vote.counts, 300, 0.005))
    np.testing.assert_array_equal(vote.interval_upper, clopper_pearson_upper(vote.counts, 300, 0.005))


def test_without_pilot_draws_the_label_is_that_of_the_counts_and_alpha_pays_for_it():
    vote = monte_carlo_vote(DISTANCES, LABELS, n_pilot=0, **SETTINGS)
    bounds = vote_bounds(vote.counts, 0.001)
    np.testing.assert_array_equal(vote.label, bounds.label)
    np.testing.assert_array_equal(vote.p_lower, bounds.p_lower)


# --- reproducible and independent of how it was computed ---


def test_a_seed_fixes_the_result_and_another_seed_changes_it():
    one = monte_carlo_vote(DISTANCES, LABELS, **SETTINGS)
    assert same(one, monte_carlo_vote(DISTANCES, LABELS, **SETTINGS))
    assert not same(one, monte_carlo_vote(DISTANCES, LABELS, **{**SETTINGS, "random_state": 8}))


@pytest.mark.parametrize("block", [1, 7 * 30, 100 * 30])
def test_results_do_not_depend_on_the_size_of_a_block(block, monkeypatch):
    one = monte_carlo_vote(DISTANCES, LABELS, **SETTINGS)
    monkeypatch.setattr(knn, "_BLOCK", block)
    assert same(one, monte_carlo_vote(DISTANCES, LABELS, **SETTINGS))


def test_the_first_queries_do_not_depend_on_those_that_follow():
    together = monte_carlo_vote(DISTANCES, LABELS, **SETTINGS)
    first = monte_carlo_vote(DISTANCES[:2], LABELS, **SETTINGS)
    np.testing.assert_array_equal(together.counts[:2], first.counts)
    alone = monte_carlo_vote(DISTANCES[0], LABELS, **SETTINGS)
    np.testing.assert_array_equal(together.counts[0], alone.counts)
    assert alone.counts.shape == (3,)
    assert np.ndim(alone.label) == np.ndim(alone.p_lower) == 0


def test_queries_draw_noise_of_their_own():
    vote = monte_carlo_vote(np.repeat(DISTANCES[:1], 2, axis=0), LABELS, **SETTINGS)
    assert not np.array_equal(vote.counts[0], vote.counts[1])


def test_a_generator_moves_on_and_a_seed_sequence_does_not():
    generator = np.random.default_rng(3)
    results = [
        monte_carlo_vote(DISTANCES, LABELS, **{**SETTINGS, "random_state": generator}) for _ in range(2)
    ]
    assert not same(*results)
    again = monte_carlo_vote(DISTANCES, LABELS, **{**SETTINGS, "random_state": np.random.default_rng(3)})
    assert same(results[0], again)
    sequence = np.random.SeedSequence(7)
    results = [
        monte_carlo_vote(DISTANCES, LABELS, **{**SETTINGS, "random_state": sequence}) for _ in range(2)
    ]
    assert same(*results)


def test_read_only_and_non_contiguous_and_float32_input_is_taken():
    one = monte_carlo_vote(DISTANCES.astype(np.float32).astype(float), LABELS, **SETTINGS)
    assert same(one, monte_carlo_vote(DISTANCES.astype(np.float32), LABELS, **SETTINGS))
    strided = np.asfortranarray(DISTANCES.astype(np.float32).astype(float))
    strided.setflags(write=False)
    assert same(one, monte_carlo_vote(strided, LABELS, **SETTINGS))


def test_no_queries_give_empty_results():
    vote = monte_carlo_vote(DISTANCES[:0], LABELS, **SETTINGS)
    assert vote.counts.shape == vote.interval_lower.shape == (0, 3)
    assert vote.label.shape == vote.p_lower.shape == (0,)


# --- bad input ---


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"sq_distances": [[1.0, math.nan]]}, ValueError, "sq_distances"),
        ({"sq_distances": [[1.0, -1.0]]}, ValueError, "sq_distances"),
        ({"sq_distances": [[[1.0, 2.0]]]}, ValueError, "sq_distances"),
        ({"sq_distances": []}, ValueError, "sq_distances"),
        ({"labels": [0, 1, 1]}, ValueError, "labels"),
        ({"labels": [0, -1]}, ValueError, "labels"),
        ({"labels": [0, 0]}, ValueError, "2 classes"),
        ({"labels": [0.0, 1.0]}, TypeError, "labels"),
        ({"n_neighbors": 3}, ValueError, "n_neighbors"),
        ({"n_neighbors": 0}, ValueError, "n_neighbors"),
        ({"sigma": 0.0}, ValueError, "sigma"),
        ({"sigma": 1e-140, "sq_distances": [1e300, 1.0]}, ValueError, "overflow"),
        ({"dof": 0}, ValueError, "dof"),
        ({"dof": 0.5}, ValueError, "dof"),
        ({"n_samples": 0}, ValueError, "n_samples"),
        ({"n_samples": 10.0}, TypeError, "n_samples"),
        ({"n_pilot": -1}, ValueError, "n_pilot"),
        ({"alpha": 0.0}, ValueError, "alpha"),
        ({"alpha": 1.5}, ValueError, "alpha"),
        ({"random_state": "seed"}, TypeError, "random_state"),
        ({"random_state": -1}, ValueError, "random_state"),
        ({"n_classes": 1}, ValueError, "n_classes"),
    ],
)
def test_bad_input_is_named(change, error, message):
    arguments = {
        "sq_distances": [1.0, 2.0],
        "labels": [0, 1],
        "n_neighbors": 1,
        "sigma": 1.0,
        "dof": 2,
        **change,
    }
    with pytest.raises(error, match=message):
        monte_carlo_vote(arguments.pop("sq_distances"), arguments.pop("labels"), **arguments)
