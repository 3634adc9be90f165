"""K-NN without noise: every radius against all sets of K rows, in many small tables."""

from __future__ import annotations

import math

import naive_plain_sets
import numpy as np
import pytest

from knn_cert import kernels
from knn_cert.exact.measured import Measured
from knn_cert.exact.plain import ball, rival_ball
from knn_cert.exact.plain.few_rows import Attacked, limit_of_some_moved
from knn_cert.exact.plain.queries import PlainQueries
from knn_cert.exact.plain.settings import PlainSettings
from knn_cert.threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
)

KERNEL = kernels.get_backend("reference")
# Rounding is taken against a certificate: a radius may lie so far below the truth, relative to distances.
TIGHT = 1e-12
# The ball of more than two classes is found up to a share of its square.
TIGHT_BALL = 1e-4
# Far apart, so that most tables differ; near each other, so that most rows tie; both.
PLACES = (3, 10, 40)


def a_case(seed, most_rows):
    """Some tables of the same labels: even distances, labels, K, the number of classes and the target."""
    rng = np.random.default_rng(seed)
    n_classes, n = int(rng.integers(2, 5)), int(rng.integers(2, most_rows + 1))
    n_neighbors = int(rng.integers(1, n + 1))
    labels = rng.integers(0, n_classes, size=n)
    distances = 2.0 * rng.integers(0, PLACES[seed % 3], size=(24, n))
    return distances, labels, n_neighbors, n_classes, int(rng.integers(0, n_classes))


def a_crowd(seed):
    """Some tables of few rows of the target, deep among the K, and crowds of others that are about as far.

    The K nearest rows of the cheapest change often meet where, as the table is, too few or too many vote:
    third rows make room for rivals from a little farther, or take the place of the target's rows.
    """
    rng = np.random.default_rng(seed)
    target = seed % 2
    labels = np.repeat([target, 1 - target, 2], [rng.integers(1, 4), rng.integers(2, 4), rng.integers(2, 5)])
    n = len(labels)
    places = np.where(labels == 2, 3.0, np.where(labels == target, 0.0, rng.choice([1.0, 3.0, 3.2], size=n)))
    distances = places + rng.choice([0.0, 0.125, 0.25, 0.5, 1.0], size=(24, n))
    return distances, labels, int(rng.integers(2, n)), 3, target


def a_scatter(seed):
    """Some tables of many classes with few rows each: third rows fill the K, and no rival has many votes."""
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(4, 7))
    more = rng.integers(0, n_classes, size=int(rng.integers(0, 9 - n_classes)))
    labels = np.append(np.arange(n_classes), more)
    target = int(rng.integers(0, n_classes))
    labels[: 1 + seed % 2] = target  # two classes have no rows of their own then, or one
    distances = 0.25 * rng.integers(0, (4, 12)[seed // 2 % 2], size=(24, len(labels))) + (labels != target)
    return distances, labels, int(rng.integers(1, len(labels))), n_classes, target


def queries_of(case, relative_error=0.0, *, known=True):
    distances, labels, n_neighbors, n_classes, target = case
    settings = PlainSettings(n_neighbors, n_classes, known, KERNEL, 1)
    return PlainQueries(
        settings, Measured(distances, labels, relative_error), np.full(len(distances), target)
    )


def losing_sets(case):
    _, labels, n_neighbors, _, target = case
    return naive_plain_sets.losing_sets(labels.tolist(), n_neighbors, target)


def assert_sound(radii, limits):
    """No slack: a radius that reaches its limit is one too many."""
    certified = ~np.isnan(radii)
    assert np.all(~certified | (radii < limits) | (np.isposinf(radii) & np.isposinf(limits)))


def assert_just_below(radii, limits, share=TIGHT):
    """Each radius is the largest number below its limit, but for rounding; NaN where that is not above 0."""
    assert_sound(radii, limits)
    least = limits * (1.0 - share) - 100.0 * TIGHT
    assert np.all((radii >= least) | (np.isnan(radii) & (least <= 0.0)))
    assert np.array_equal(np.isposinf(radii), np.isposinf(limits))


@pytest.mark.parametrize("seed", range(90))
def test_radii_of_moved_rows_and_of_the_ball_are_those_of_the_best_set(seed):
    """With errors, every order of the rows and all true distances that they leave open."""
    case = a_case(seed, 7)
    error = (0.0, 0.25, 0.05)[seed // 3 % 3]
    *table, n_classes, _ = case
    for target in range(n_classes):
        case = (*table, n_classes, target)
        inside, queries = losing_sets(case), queries_of(case, error)
        limits = naive_plain_sets.shift_limits(case[0], inside, error)
        for rows, limit in enumerate(limits):
            radii = queries.largest_budget(RowShift(rows))
            if error and n_classes > 2:
                assert_sound(radii, limit)
            else:
                assert_just_below(radii, limit)
        assert_just_below(queries.largest_budget(QueryShift()), limits[-1])
        share = TIGHT if n_classes == 2 else TIGHT_BALL
        limit = naive_plain_sets.ball_limits(case[0], inside, error)
        assert_just_below(queries.largest_budget(BlackBoxBall()), limit, share)


@pytest.mark.parametrize("seed", range(60))
def test_the_ball_of_more_rows_is_that_of_the_best_set(seed):
    rng = np.random.default_rng(seed)
    n, n_classes = int(rng.integers(8, 12)), int(rng.integers(3, 5))
    n_neighbors = int(rng.integers(2, n - 1))
    labels = rng.integers(0, n_classes, size=n)
    distances = rng.integers(1, 60, size=(8, n)) + float(rng.choice([0, 30])) * (labels != 0)
    case = (distances, labels, n_neighbors, n_classes, 0)
    limit = naive_plain_sets.ball_limits(distances, losing_sets(case))
    assert_just_below(queries_of(case).largest_budget(BlackBoxBall()), limit, TIGHT_BALL)


@pytest.mark.parametrize("seed", range(60))
def test_a_query_that_moves_after_rows_were_tampered_with_has_what_the_best_set_leaves(seed):
    case = a_case(seed, 6)
    distances, labels, n_neighbors, n_classes, target = case
    known, error = bool(seed // 3 % 2), (0.0, 0.25, 0.05)[seed // 6 % 3]
    alphabet = tuple(range(n_classes)) if known else (-1, *range(n_classes), n_classes)
    queries = queries_of(case, error, known=known)

    def limit(**kinds):
        return naive_plain_sets.query_limits(distances, labels, n_neighbors, target, alphabet, error, **kinds)

    for rows in range(4):
        some = range(min(rows, n_neighbors) + 1)
        limits = {LabelFlips: limit(flipped=rows), Insertions: np.min([limit(added=i) for i in some], axis=0)}
        limits[Replacements] = np.min([limit(added=i, removed=i) for i in some], axis=0)
        if rows <= len(labels) - n_neighbors:
            limits[Deletions] = np.min([limit(removed=i) for i in range(rows + 1)], axis=0)
        for kind, least in limits.items():
            training = kind(rows)
            if not training.is_beyond(len(labels), n_neighbors):
                radii = queries.largest_budget(QueryShift(training=training))
                assert_just_below(radii, least)
        # moved rows: exact for two classes
        check = assert_just_below if n_classes == 2 else assert_sound
        least = naive_plain_sets.limits_after_moves(distances, losing_sets(case), rows, 3.0, error)
        check(queries.largest_budget(QueryShift(training=RowShift(rows, 3.0))), least)


@pytest.mark.parametrize("seed", range(30))
def test_crowds_of_third_rows_make_room_or_take_it(seed):
    case, error = a_crowd(seed), (0.0, 0.05)[seed // 2 % 2]
    limit = naive_plain_sets.ball_limits(case[0], losing_sets(case), error)
    assert_just_below(queries_of(case, error).largest_budget(BlackBoxBall()), limit, TIGHT_BALL)


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("seed", range(12))
def test_the_ball_is_proven_wherever_its_search_ends(seed, steps, monkeypatch):
    """After a few steps alone it is too small, and never too large."""
    monkeypatch.setattr(ball, "_MOST_STEPS", steps)
    monkeypatch.setattr(rival_ball, "_MOST_CUTS", steps)
    monkeypatch.setattr(rival_ball, "_PIECES", 1 + seed % 3)
    distances, labels, n_neighbors, n_classes, target = a_case(seed, 9) if seed % 2 else a_crowd(seed)
    if seed % 4 < 2:
        n_classes, labels = 2, np.minimum(labels, 1)
        target = min(target, 1)
    case, error = (distances, labels, n_neighbors, n_classes, target), (0.0, 0.05)[seed // 4 % 2]
    limit = naive_plain_sets.ball_limits(distances, losing_sets(case), error)
    assert_sound(queries_of(case, error).largest_budget(BlackBoxBall()), limit)


@pytest.mark.parametrize("seed", range(40))
def test_many_classes_of_few_rows_leave_what_the_best_set_leaves(seed):
    case, error = a_scatter(seed), (0.0, 0.05)[seed // 4 % 2]
    inside, queries = losing_sets(case), queries_of(case, error)
    limits = naive_plain_sets.shift_limits(case[0], inside, error)
    for rows, limit in enumerate(limits):
        check = assert_sound if error else assert_just_below
        check(queries.largest_budget(RowShift(rows)), limit)
    assert_just_below(queries.largest_budget(QueryShift()), limits[-1])
    limit = naive_plain_sets.ball_limits(case[0], inside, error)
    assert_just_below(queries.largest_budget(BlackBoxBall()), limit, TIGHT_BALL)


@pytest.mark.parametrize("seed", range(18))
def test_distances_in_other_units_change_the_units_of_radii_alone(seed):
    """To the last bit, in units of powers of two: no distance is large or small in itself."""
    distances, labels, n_neighbors, n_classes, target = a_case(seed, 9) if seed % 3 else a_crowd(seed)
    distances = distances[:6] + np.random.default_rng(seed).uniform(size=(6, len(labels))) * (seed // 3 % 2)
    known, error = bool(seed % 2), (0.0, 1e-12, 0.05)[seed // 3 % 3]

    def radii(unit):
        queries = queries_of((distances * unit, labels, n_neighbors, n_classes, target), error, known=known)
        shifts = [RowShift(rows) for rows in range(4)]
        moved = [QueryShift(training=RowShift(rows, 3.0 * unit)) for rows in range(3)]
        flipped = [QueryShift(training=kind(1)) for kind in (LabelFlips, Deletions, Insertions)]
        threats = [*shifts, QueryShift(), *moved, *flipped, BlackBoxBall()]
        return np.array([queries.largest_budget(threat) for threat in threats])

    for exponent in (-400, -4, 300):
        unit = 2.0**exponent
        np.testing.assert_array_equal(radii(unit), radii(1.0) * unit)


def test_a_rival_may_win_by_one_vote_each_where_the_target_keeps_one():
    """At 0.8 meet the target's second row, from 0.5, the rival's, from 1.1, and a third one, from 1."""
    case = (np.array([[1.1, 0.0, 0.5, 1.0, 1.0, 1.0]]), np.array([0, 1, 1, 2, 3, 4]), 3, 5, 1)
    limits = naive_plain_sets.shift_limits(case[0], losing_sets(case))
    assert limits[-1, 0] == pytest.approx(0.3)
    assert_just_below(queries_of(case).largest_budget(QueryShift()), limits[-1])
    for rows, limit in enumerate(limits):
        assert_just_below(queries_of(case).largest_budget(RowShift(rows)), limit)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize(
    ("distances", "labels", "moved", "meeting"),
    [
        ([0.0, 1.0, 2.9, 2.9, 3.1], [0, 1, 2, 2, 1], [2, 3, 4], 8.9 / 3.0),
        ([1.0, 2.0, 3.0, 3.0], [0, 1, 2, 3], [0, 2, 3], 7.0 / 3.0),
    ],
)
def test_rows_meet_beyond_where_votes_suffice_or_before_they_are_too_many(
    distances, labels, moved, meeting, offset
):
    """Two rows at 2.9 go out to where the one at 3.1 comes; two at 3 come in to where the one at 1 goes."""
    case = (np.array([distances]) + offset, np.array(labels), 3, 4, 0)
    expected = math.sqrt(sum((distances[i] - meeting) ** 2 for i in moved))
    limit = naive_plain_sets.ball_limits(case[0], losing_sets(case))
    assert limit[0] == pytest.approx(expected)
    assert_just_below(queries_of(case).largest_budget(BlackBoxBall()), limit, TIGHT_BALL)


def test_of_few_moved_rows_enough_are_the_targets_own():
    """One row cannot both leave and come: the target's at 5 goes out to 13, where class 2 has two votes."""
    distances = np.array([[5.0, 9.0, 13.0, 17.0, 21.0, 24.0, 26.0, 52.0]])
    case = (distances, np.array([1, 2, 2, 0, 1, 0, 2, 2]), 2, 3, 1)
    limit = naive_plain_sets.shift_limits(distances, losing_sets(case))[1]
    assert limit[0] == 8.0
    assert_just_below(queries_of(case).largest_budget(RowShift(1)), limit)


def test_a_rival_without_votes_needs_a_row_of_its_own_to_win():
    """That one third row leaves is not enough for two of them to lose against it: its only row must come."""
    none, third = np.array([]), np.array([5.0, 21.0, 30.0])
    assert limit_of_some_moved(Attacked(none, np.array([53.0]), third, 1), 2, 1) == 53.0 - 21.0


@pytest.mark.parametrize("seed", [*range(12), 157, 166, 169, 217, 303, 361, 397])
def test_rows_that_errors_may_exchange_are_moved_no_less_far_than_the_worst_order_needs(seed):
    """Some are nearer to each other than their errors, and are worked with as if at one distance.

    In the tables of the last seeds that decides: their radii are too large if nothing is taken off for it.
    """
    distances, labels, *others = a_scatter(seed) if seed % 3 == 1 else a_crowd(seed)
    rng = np.random.default_rng(seed)
    error = float(rng.choice([0.002, 0.01, 0.03]))
    distances = distances[:8] + 5.0
    distances = distances + rng.choice([0, 0.01, 0.03, 0.1], size=distances.shape)
    case = (distances, labels, *others)
    limits = naive_plain_sets.shift_limits(distances, losing_sets(case), error)
    for rows in range(1, 5):
        assert_sound(queries_of(case, error).largest_budget(RowShift(rows)), limits[min(rows, len(labels))])


def test_rows_that_errors_can_bring_together_are_not_told_apart():
    """At 4 and 10, with errors of two fifths of what is known or true: 6.66... and 6 is another order."""
    case = (np.array([[4.0, 10.0]]), np.array([0, 1]), 1, 3, 0)
    for threat in (RowShift(0), RowShift(1), QueryShift(), BlackBoxBall()):
        assert math.isnan(queries_of(case, 0.4).largest_budget(threat)[0])
