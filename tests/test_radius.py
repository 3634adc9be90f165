"""The radius classifier: its votes, and certificates against all tampering of small tables."""

from __future__ import annotations

import itertools
import math
import random
from functools import partial

import naive_radius as naive
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mpmath import mpf
from naive_radius import Row
from scipy.stats import ncx2

from knn_cert.exact.measured import Measured
from knn_cert.exact.radius.chances import Ball, chances_within
from knn_cert.exact.radius.many_tails import tails_by_distance
from knn_cert.exact.radius.queries import PlainRadiusQueries, SmoothedRadiusQueries
from knn_cert.exact.radius.settings import RadiusSettings
from knn_cert.exact.radius.worst_counts import splits
from knn_cert.smoothing import Noise, RadiusNeighbors
from knn_cert.threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
)

RADIUS = 2.25

ROW_KINDS = {
    LabelFlips: naive.flipped,
    Deletions: naive.deleted,
    Insertions: naive.inserted,
    Replacements: naive.replaced,
}
row_kinds = pytest.mark.parametrize("kind", ROW_KINDS, ids=lambda kind: kind.__name__)


def settings(n_classes, *, sigma=0.0, labels_are_classes=True, radius=RADIUS, dof=3, backend="auto"):
    return RadiusSettings.checked(
        radius=radius,
        sigma=sigma,
        dof=dof,
        n_classes=n_classes,
        labels_are_classes=labels_are_classes,
        backend=backend,
        n_threads=1,
    )


def measured(distances, labels, relative_error=0.0):
    return Measured(np.atleast_2d(np.asarray(distances, dtype=float)), np.asarray(labels), relative_error)


def plain(table, n_classes, target, **more):
    """Labels of a naive table are 2, 4, 6, ...; there is room for others before, between and behind them."""
    relative_error = more.pop("relative_error", 0.0)
    of_rows = measured([r.distance for r in table], [r.label // 2 - 1 for r in table], relative_error)
    return PlainRadiusQueries(settings(n_classes, **more), of_rows, np.array([target // 2 - 1]))


def labels_of(n_classes, *, known):
    """What an attacker may call a row: one of the classes, or anything."""
    return [2 * c + 2 for c in range(n_classes)] if known else list(range(1, 2 * n_classes + 2))


@st.composite
def tables(draw, most_rows=5, distances=(0.0, 0.5, 1.5, 2.0, 2.5, 3.0, 5.0)):
    n_classes = draw(st.integers(2, 3))
    labels = st.sampled_from([2 * c + 2 for c in range(n_classes)])
    rows = draw(st.lists(st.builds(Row, st.sampled_from(distances), labels), min_size=1, max_size=most_rows))
    return tuple(rows), n_classes


# ------------------------------------------------------------------------------------------------------------
# Settings


def test_certificates_name_the_classifier_and_its_noise():
    for sigma, backend in ((0.0, ""), (1.0, "native")):
        of_vote = settings(3, sigma=sigma, labels_are_classes=False, backend="native")
        assert of_vote.classifier == RadiusNeighbors(RADIUS, "euclidean", backend, False)
        assert of_vote.noise == Noise(sigma)
        assert of_vote.key == (0, sigma)


# ------------------------------------------------------------------------------------------------------------
# Without noise


@given(case=tables(most_rows=7, distances=(0.0, 1.0, 2.0, 3.0)))
def test_the_class_with_most_rows_within_the_radius_is_predicted(case):
    table, n_classes = case
    one = measured([r.distance for r in table], [r.label // 2 - 1 for r in table])
    probabilities, errors = settings(n_classes).vote(one)
    label = naive.predict(table, RADIUS)
    if label is None:
        assert probabilities.tolist() == [[1.0] + [0.0] * (n_classes - 1)]
        assert errors.tolist() == [[1.0] * n_classes]
        return
    assert np.flatnonzero(probabilities[0]).tolist() == [label // 2 - 1]
    assert probabilities.max() == 1.0
    assert errors.tolist() == [[0.0] * n_classes]


@row_kinds
@pytest.mark.parametrize("known", [True, False], ids=["known labels", "any labels"])
@given(case=tables(most_rows=4))
def test_the_largest_number_of_rows_is_that_of_the_enumeration(kind, known, case):
    table, n_classes = case
    labels = labels_of(n_classes, known=known)
    for target in labels_of(n_classes, known=True):
        queries = plain(table, n_classes, target, labels_are_classes=known)
        budget = queries.largest_budget(kind())[0]
        assert (budget >= 0) == (naive.predict(table, RADIUS) == target)
        if budget < 0:
            continue
        for rows in range(3):
            if rows > len(table) and kind is not Insertions:
                break
            changes = any(
                naive.predict(tampered, RADIUS) != target for tampered in ROW_KINDS[kind](table, rows, labels)
            )
            assert changes == (rows > budget), (table, rows, budget)
            assert queries.withstands(kind(rows))[0] == (rows <= budget)


def least_cost(table, target, most, total=naive.dearest):
    return naive.cheapest_crossing(table, RADIUS, target, total, most)


def agree(got, least):
    """The largest certified radius is just below the least at which something changes."""
    if math.isnan(got):
        return least == 0.0
    return got == least if math.isinf(least) else least * (1 - 1e-12) - 1e-12 <= got <= least


@given(case=tables(), rows=st.integers(1, 5))
def test_radii_of_moved_rows_and_of_the_ball_are_those_of_the_enumeration(case, rows):
    table, n_classes = case
    target = naive.predict(table, RADIUS)
    if target is None:
        return
    queries = plain(table, n_classes, target, labels_are_classes=False)
    n = len(table)
    assert agree(queries.largest_budget(RowShift(rows))[0], least_cost(table, target, rows))
    assert agree(queries.largest_budget(BlackBoxBall(rows))[0], least_cost(table, target, rows))
    assert agree(queries.largest_budget(BlackBoxBall())[0], least_cost(table, target, n, naive.norm))
    assert agree(queries.largest_budget(QueryShift())[0], least_cost(table, target, n))


@given(case=tables(most_rows=4), rows=st.integers(1, 3), length=st.sampled_from([0.0, 0.3, 0.6, 1.0, 9.0]))
@pytest.mark.parametrize("relabel", [False, True])
@pytest.mark.parametrize("known", [True, False])
def test_rows_moved_so_far_change_a_prediction_exactly_where_some_attack_does(
    case, rows, length, relabel, known
):
    table, n_classes = case
    target = naive.predict(table, RADIUS)
    if target is None:
        return
    attacks = naive.moved(table, rows, labels_of(n_classes, known=known), length=length, relabel=relabel)
    changes = any(naive.predict(tampered, RADIUS) != target for tampered in attacks)
    queries = plain(table, n_classes, target, labels_are_classes=known)
    assert queries.withstands(RowShift(rows, length, relabel))[0] == (not changes)
    assert queries.smallest_probability(RowShift(rows, length, relabel))[0] == float(not changes)


@given(case=tables(most_rows=4), rows=st.integers(0, 2), known=st.booleans())
@pytest.mark.parametrize(
    ("threat", "attack"),
    [
        (LabelFlips, naive.flipped),
        (Deletions, naive.deleted),
        (Insertions, naive.inserted),
        (Replacements, naive.replaced),
        (lambda rows: RowShift(rows, 0.6), partial(naive.moved, length=0.6)),
        (lambda rows: RowShift(rows, 0.6, True), partial(naive.moved, length=0.6, relabel=True)),
    ],
)
def test_a_query_moves_after_its_table_was_tampered_with_as_far_as_distances_allow(
    case, rows, known, threat, attack
):
    """Distances alone are enumerated: each changes by at most the move, whatever the others do."""
    table, n_classes = case
    target = naive.predict(table, RADIUS)
    if target is None:
        return
    least = min(
        least_cost(tampered, target, len(tampered))
        for tampered in attack(table, rows, labels_of(n_classes, known=known))
    )
    queries = plain(table, n_classes, target, labels_are_classes=known)
    got = queries.largest_budget(QueryShift(None, threat(rows)))[0]
    assert agree(got, least), (table, got, least)
    if math.isfinite(least):
        assert not queries.withstands(QueryShift(least + 1e-9, threat(rows)))[0]
        if least > 0.0:
            assert queries.withstands(QueryShift(least * (1 - 1e-9), threat(rows)))[0]


@row_kinds
@given(case=tables(most_rows=4, distances=(0.0, 1.0, RADIUS, 3.0)))
def test_rows_that_cannot_be_told_from_the_radius_count_for_the_attacker(kind, case):
    """Rows at the radius are within it or not, each as it hurts: the least budget over all of these."""
    table, n_classes = case
    at_radius = [i for i, row in enumerate(table) if row.distance == RADIUS]
    true_tables = []
    for sides in itertools.product([2.0, 3.0], repeat=len(at_radius)):
        rows = list(table)
        for i, side in zip(at_radius, sides, strict=True):
            rows[i] = Row(side, rows[i].label)
        true_tables.append(tuple(rows))
    target = naive.predict(table, RADIUS) or 2
    for relative_error in (0.0, 1e-9):
        got = plain(table, n_classes, target, relative_error=relative_error).largest_budget(kind())[0]
        assert got == min(plain(one, n_classes, target).largest_budget(kind())[0] for one in true_tables)
    one = measured([r.distance for r in table], [r.label // 2 - 1 for r in table])
    _, errors = settings(n_classes).vote(one)
    sure = len({naive.predict(one, RADIUS) for one in true_tables} - {None}) == 1 and all(
        naive.predict(one, RADIUS) is not None for one in true_tables
    )
    assert errors.tolist() == [[0.0 if sure else 1.0] * n_classes]


def test_distances_are_told_from_the_radius_within_their_errors():
    for relative_error, sure in ((1e-9, True), (1e-3, False)):
        one = measured([[2.2499, 2.0], [2.2501, 2.0], [9.0, 2.2499]], [0, 1], relative_error)
        _, errors = settings(2).vote(one)
        assert errors[:, 0].tolist() == [0.0 if sure else 1.0] * 3
        queries = PlainRadiusQueries(settings(2), one, np.array([0, 1, 1]))
        assert (queries.largest_budget(LabelFlips()) >= 0).tolist() == [sure] * 3


def test_errors_may_be_relative_to_the_true_distances():
    """A row measured at 1 with an error of two fifths may be at 1 / 0.6, beyond the radius, or at 0.6."""
    one = measured([[1.0, 9.0]], [0, 1], 0.4)
    for radius, sure in ((1.5, False), (1.7, True)):
        assert settings(2, radius=radius).vote(one)[1].any() != sure


def test_many_queries_are_answered_one_by_one():
    rng = np.random.default_rng(0)
    distances, labels = rng.uniform(1.0, 4.0, size=(6, 80)), rng.integers(0, 3, size=80)
    together = PlainRadiusQueries(settings(3), measured(distances, labels), np.array([0, 1, 2, 0, 1, 2]))
    for threat in (LabelFlips(), Deletions(), RowShift(5), BlackBoxBall(), QueryShift(None, Deletions(1))):
        whole = together.largest_budget(threat)
        for i in range(6):
            alone = PlainRadiusQueries(settings(3), measured(distances[i], labels), np.array([i % 3]))
            np.testing.assert_array_equal(alone.largest_budget(threat), whole[i : i + 1])


def test_squares_of_costs_neither_overflow_nor_vanish():
    for scale in (1e-120, 1e120):
        table = measured([1.0 * scale, 3.0 * scale, 3.5 * scale], [0, 1, 1])
        queries = PlainRadiusQueries(settings(2, radius=2.0 * scale), table, np.array([0]))
        # the row of class 0 out, or both of class 1 in: the former is the empty vote
        assert queries.largest_budget(BlackBoxBall())[0] == pytest.approx(1.0 * scale, rel=1e-9)
        assert queries.claims(BlackBoxBall()).budget[0] == pytest.approx(1.0 * scale, rel=1e-9)


def test_what_is_out_of_range_is_refused():
    for radius, kind in ((0.0, ValueError), (-1.0, ValueError), ("2", TypeError), (1e200, ValueError)):
        with pytest.raises(kind, match="radius"):
            settings(2, radius=radius)
    with pytest.raises(ValueError, match="distances overflow"):
        settings(2).check_distances(np.array([[1.0, np.inf]]))
    with pytest.raises(ValueError, match="sigma is too small against the radius"):
        settings(2, sigma=1e-13)
    law = {"radius": 1.0, "dof": 3, "n_classes": 2, "labels_are_classes": True, "backend": "auto"}
    with pytest.raises(ValueError, match="euclidean"):
        RadiusSettings.checked(**law, sigma=1.0, metric="manhattan")
    queries = plain((Row(1.0, 2),), 2, 2)
    assert not queries.withstands(Insertions(10**20))[0]
    with pytest.raises(ValueError, match="leaves its budget open"):
        queries.withstands(LabelFlips())
    with pytest.raises(ValueError, match="certifies norm"):
        queries.largest_budget(BlackBoxBall(norm="l1"))


# ------------------------------------------------------------------------------------------------------------
# With noise

LAWS = [
    (0.3, 1),
    (1.0, 2),
    (1.0, 7),
    (2.5, 40),
]  # sigma and dof: the radius is below, among and above the rows
laws = pytest.mark.parametrize(("sigma", "dof"), LAWS)

AT_MOST = 30  # tampered tables of one example where they are too many to be listed: the first and some others


def some(tampered):
    """Some of the different tables, the same ones every time."""
    different = list(dict.fromkeys(tampered))
    if len(different) <= AT_MOST:
        return different
    return different[:4] + random.Random(0).sample(different[4:], AT_MOST - 4)


def noisy(table, n_classes, target, *, sigma, dof, **more):
    of_rows = measured([r.distance for r in table], [r.label // 2 - 1 for r in table])
    of_vote = settings(n_classes, sigma=sigma, dof=dof, **more)
    return SmoothedRadiusQueries(of_vote, of_rows, np.array([target // 2 - 1]))


def true_vote(table, classes, sigma, dof):
    return naive.noisy_vote(table, RADIUS, sigma, dof, classes)


@laws
@given(case=tables(most_rows=7))
def test_noisy_votes_are_those_of_all_outcomes_within_their_errors(case, sigma, dof, backend):
    table, n_classes = case
    one = measured([r.distance for r in table], [r.label // 2 - 1 for r in table])
    probabilities, errors = settings(n_classes, sigma=sigma, dof=dof, backend=backend).vote(one)
    classes = labels_of(n_classes, known=True)
    for p, error, truth in zip(
        probabilities[0], errors[0], true_vote(table, classes, sigma, dof).values(), strict=True
    ):
        assert abs(mpf(float(p)) - truth) <= error
        assert error <= 1e-10 * truth + 1e-140


def test_small_probabilities_keep_their_digits_and_the_smallest_are_known_to_be_small():
    for distance, known in ((20.0, True), (33.0, False)):
        table = (Row(distance, 4), Row(0.0, 2), Row(0.0, 2))
        one = measured([r.distance for r in table], [1, 0, 0])
        p, error = (values[0, 1] for values in settings(2, sigma=1.0, dof=3, radius=3.0).vote(one))
        truth = naive.noisy_vote(table, 3.0, 1.0, 3, [2, 4])[4]
        assert abs(mpf(float(p)) - truth) <= error
        assert (error <= 1e-10 * p) == known
        assert error < 1e-100 or known
    # nearly all of a few thousand rows are within: the loser is far below what 1 - p could tell
    rng = np.random.default_rng(0)
    distances, labels = rng.uniform(0.0, 2.0, size=3000), np.repeat([0, 1], [1540, 1460])
    p, error = settings(2, sigma=1.0, dof=3, radius=4.0).vote(measured(distances, labels))
    assert 1e-60 < p[0, 1] < 1e-17
    assert error[0, 1] < 1e-7 * p[0, 1]


def all_worst(table, attack, rows, target, n_classes, sigma, dof):
    classes = labels_of(n_classes, known=True)
    return min(true_vote(one, classes, sigma, dof)[target] for one in set(attack(table, rows, classes)))


@row_kinds
@laws
@given(case=tables(most_rows=4), rows=st.integers(0, 2), data=st.data())
def test_for_two_classes_the_worst_case_is_that_of_the_enumeration(kind, sigma, dof, case, rows, data):
    table, _ = case
    table = tuple(Row(r.distance, min(r.label, 4)) for r in table)
    target = data.draw(st.sampled_from([2, 4]))
    least = all_worst(table, ROW_KINDS[kind], rows, target, 2, sigma, dof)
    queries = noisy(table, 2, target, sigma=sigma, dof=dof)
    got = mpf(float(queries.smallest_probability(kind(rows))[0]))
    assert 0 <= least - got <= 1e-10 * least + 1e-140 or rows > sum(r.label == target for r in table)
    assert got <= least
    budget = queries.largest_budget(kind())[0]
    for number in (budget, budget + 1):
        if 0 <= number <= len(table):
            bound = queries.smallest_probability(kind(int(number)))[0]
            assert (bound > 0.5) == (number == budget)


@laws
@pytest.mark.parametrize("relabel", [False, True])
@given(case=tables(most_rows=4), rows=st.integers(0, 4), length=st.sampled_from([0.0, 0.3, 1.0, 9.0]))
def test_no_moved_rows_beat_the_bound_and_all_rows_moved_attain_it(sigma, dof, relabel, case, rows, length):
    table, n_classes = case
    classes = labels_of(n_classes, known=True)
    for target in classes:
        queries = noisy(table, n_classes, target, sigma=sigma, dof=dof)
        got = mpf(float(queries.smallest_probability(RowShift(rows, length, relabel))[0]))
        for tampered in some(naive.moved(table, rows, classes, length=length, relabel=relabel)):
            assert got <= true_vote(tampered, classes, sigma, dof)[target]
        if n_classes == 2 and not relabel and rows >= len(table):
            least = true_vote(_against(table, target, length), classes, sigma, dof)[target]
            assert got >= least * (1 - mpf(10) ** -10) - mpf(10) ** -140


@laws
@given(
    case=tables(most_rows=4),
    rows=st.integers(0, 2),
    length=st.sampled_from([0.2, 1.0]),
    signs=st.lists(st.sampled_from([-1, 1]), min_size=8, max_size=8),
    data=st.data(),
)
def test_no_moved_query_beats_the_bound_with_and_without_tampered_rows(
    sigma, dof, case, rows, length, signs, data
):
    table, n_classes = case
    classes = labels_of(n_classes, known=True)
    attacks = [
        (None, lambda table, rows, labels: [table]),
        *((kind(rows), attack) for kind, attack in ROW_KINDS.items()),
        (RowShift(rows, 0.5), partial(naive.moved, length=0.5)),
        (RowShift(rows, 0.5, True), partial(naive.moved, length=0.5, relabel=True)),
    ]
    target = data.draw(st.sampled_from(classes))
    queries = noisy(table, n_classes, target, sigma=sigma, dof=dof)
    threat, attack = data.draw(st.sampled_from(attacks))
    got = mpf(float(queries.smallest_probability(QueryShift(length, threat))[0]))
    for tampered in some(attack(table, rows, classes)):
        for against in (True, False):
            moved = tuple(
                Row(max(d + length * (1 if y == target else -1) * (1 if against else sign), 0.0), y)
                for (d, y), sign in zip(tampered, signs, strict=False)
            )
            assert got <= true_vote(moved, classes, sigma, dof)[target]


THREATS = [
    LabelFlips(),
    Deletions(),
    Insertions(),
    Replacements(),
    RowShift(1),
    RowShift(2),
    RowShift(1, None, True),
    QueryShift(),
    QueryShift(None, LabelFlips(1)),
    QueryShift(None, Deletions(1)),
]


@pytest.mark.parametrize("known", [True, False], ids=["known labels", "any labels"])
@pytest.mark.parametrize("threat", THREATS, ids=repr)
@given(case=tables(most_rows=5, distances=(0.0, 0.5, 1.0, 2.0, 3.0)), law=st.sampled_from(LAWS))
@example(case=((Row(0.0, 2), Row(0.0, 4)), 2), law=LAWS[0])
@example(case=((Row(3.0, 2), Row(3.0, 2), Row(3.0, 4)), 2), law=LAWS[3])
@example(case=((Row(3.0, 4), Row(0.0, 4), Row(3.0, 2)), 2), law=LAWS[3])
def test_nothing_within_a_certified_budget_changes_the_prediction(known, threat, case, law):
    (table, n_classes), (sigma, dof) = case, law
    labels = labels_of(n_classes, known=known)
    if not known and len({row.label for row in table}) < n_classes:
        return  # classes that nobody gave are those of the table
    vote = true_vote(table, labels_of(n_classes, known=True), sigma, dof)
    target = max(vote, key=lambda label: (vote[label], -label))
    queries = noisy(table, n_classes, target, sigma=sigma, dof=dof, labels_are_classes=known)
    budget = queries.largest_budget(threat)[0]
    if not budget >= 0:
        return
    if type(threat) in ROW_KINDS:
        tables_within = ROW_KINDS[type(threat)](table, min(int(budget), 2), labels)
        assert queries.at_budget(type(threat)(int(budget)))[1][0]
    else:
        length = min(float(budget), 50.0)
        rows = len(table) if isinstance(threat, QueryShift) else threat.rows
        attack = partial(naive.moved, length=length)
        if isinstance(threat, QueryShift) and threat.training is not None:
            before = list(ROW_KINDS[type(threat.training)](table, 1, labels))
            tables_within = (_against(one, target, length) for one in before)
        elif isinstance(threat, QueryShift):
            tables_within = [_against(table, target, length)]
        else:
            tables_within = partial(attack, relabel=threat.relabel)(table, rows, labels)
    for tampered in some(tables_within):
        there = labels_of(n_classes, known=True) if known else sorted({row.label for row in tampered})
        if not there:  # a table without rows
            continue
        after = true_vote(tampered, there, sigma, dof)
        assert target in after, (table, tampered)
        assert all(after[target] > p for label, p in after.items() if label != target), (table, tampered)


def _against(table, target, length):
    """The table for a query that moved away from the rows of the target and towards all others."""
    return tuple(Row(d + length if y == target else max(d - length, 0.0), y) for d, y in table)


@given(case=tables(most_rows=7), rows=st.integers(0, 4))
def test_a_larger_budget_never_leaves_more(case, rows):
    table, n_classes = case
    queries = noisy(table, n_classes, 2, sigma=1.0, dof=3)
    for more in (LabelFlips, Deletions, Insertions, Replacements, lambda r: RowShift(r, 0.7)):
        less = [queries.smallest_probability(more(r))[0] for r in (rows, rows + 1)]
        assert less[1] <= less[0] * (1 + 1e-10) + 1e-140
    by_radius = [queries.smallest_probability(RowShift(rows, e))[0] for e in (0.1, 0.5, math.inf)]
    assert by_radius[2] <= by_radius[1] * (1 + 1e-10) + 1e-140 <= by_radius[0] * (1 + 1e-9) + 1e-139


def test_many_rows_and_votes():
    """More rows than are multiplied at once, classes of unlike size, rows that surely are within or not."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [45, 36, 2])
    distances = rng.choice([0.0, 1.0, 2.0, 3.0, 40.0], size=83)
    one = measured(distances, labels)
    p, error = settings(3, sigma=0.5, dof=3).vote(one)
    table = tuple(Row(float(d), int(y)) for d, y in zip(distances, labels, strict=True))
    truth = naive.noisy_vote(table, RADIUS, 0.5, 3, [0, 1, 2])
    for c in range(3):
        assert abs(mpf(float(p[0, c])) - truth[c]) <= error[0, c] <= 1e-9 * truth[c] + 1e-140
    queries = SmoothedRadiusQueries(settings(3, sigma=0.5, dof=3), one, np.array([int(p.argmax())]))
    for kind in (LabelFlips, Deletions, Insertions, Replacements):
        budget = int(queries.largest_budget(kind())[0])
        assert budget > 0
        assert queries.at_budget(kind(budget))[1][0]
        assert not queries.at_budget(kind(budget + 1))[1][0]


@pytest.mark.parametrize(
    ("radius", "dof", "nearest", "farthest"),
    [
        (29.3, 784, 5.0, 12.0),
        (13.0, 57, 3.0, 20.0),
        (2.25, 3, 0.0, 6.0),
        (5.0, 1, 0.0, 12.0),
        (0.01, 2, 0.0, 1.0),
    ],
)
def test_chances_of_many_rows_are_those_of_each_within_their_doubts(radius, dof, nearest, farthest, kernel):
    distances = np.linspace(nearest, farthest, 40 if kernel.__name__.endswith("reference") else 1200)
    chances = chances_within(Ball(radius, 1.0, dof, kernel), distances)
    assert chances.doubt.max(where=np.minimum(*chances[:2]) > 1e-20, initial=0.0) < 1e-10
    for i in range(0, len(distances), len(distances) // 17):
        truths = naive.chances(float(distances[i]), radius, 1.0, dof)
        for got, truth in zip((chances.inside[i], chances.outside[i]), truths, strict=True):
            assert abs(mpf(float(got)) - truth) <= max(chances.doubt[i] * truth, mpf(10) ** -150)


def test_pieces_of_many_rows_were_interpolated():
    """Else the test before this one says nothing about them."""
    asked = []

    def tail(s):
        asked.append(len(s))
        return ncx2.cdf(25.0, 3, s * s)

    distances = np.random.default_rng(0).uniform(2.0, 7.0, size=4000)
    values, errors, _ = tails_by_distance(tail, distances, falls=True)
    assert sum(asked) < 1000
    np.testing.assert_allclose(values, ncx2.cdf(25.0, 3, distances**2), rtol=1e-11)
    assert errors.max() < 1e-10


@pytest.mark.parametrize(
    "threat", [Insertions(250), Replacements(150), LabelFlips(150), Deletions(300)], ids=repr
)
def test_many_tampered_rows_leave_what_the_plain_recurrence_says(threat):
    """Rows of one kind, one after the other: probabilities of counts in doubles, all terms positive."""
    rng = np.random.default_rng(1)
    own, theirs = np.sort(rng.uniform(1.0, 3.0, size=700)), np.sort(rng.uniform(1.5, 3.0, size=300))
    one = measured(np.concatenate([own, theirs]), np.repeat([0, 1], [700, 300]))
    got = SmoothedRadiusQueries(settings(2, sigma=1.0, dof=3), one, np.array([0])).smallest_probability(
        threat
    )[0]
    new = [] if isinstance(threat, Deletions) else [0.0] * threat.rows
    if isinstance(threat, LabelFlips):
        new = own[: threat.rows]
    kept = own if isinstance(threat, Insertions) else own[threat.rows :]

    def counts(distances):
        law = np.ones(1)
        for p in ncx2.cdf(RADIUS**2, 3, np.square(distances)):
            law = np.append(law * (1 - p), 0.0) + np.append(0.0, law * p)
        return law

    ours, others = counts(kept), np.append(counts([*theirs, *new]), np.zeros(1000))
    truth = np.dot(ours, np.cumsum(others)[: len(ours)])
    assert 1e-40 < truth < 1 - 1e-6
    assert truth * (1 - 1e-7) <= got <= truth


def test_a_class_that_may_be_lost_with_all_its_rows_is_not_certified_by_the_empty_vote():
    """Class 0 wins where nothing votes, but without a row of it only if the classes were given."""
    table = (Row(9.0, 2), Row(9.0, 4))
    for known, most in ((True, 2), (False, 0)):
        queries = noisy(table, 2, 2, sigma=1.0, dof=3, labels_are_classes=known)
        assert queries.largest_budget(Deletions())[0] == most
    assert noisy(table, 2, 2, sigma=1.0, dof=3, labels_are_classes=False).largest_budget(LabelFlips())[0] == 0
    assert noisy(table, 2, 2, sigma=1.0, dof=3).largest_budget(LabelFlips())[0] == 2


def test_radii_near_the_largest_are_certified_and_a_little_more_is_not():
    rng = np.random.default_rng(0)
    distances, labels = rng.uniform(0.5, 4.0, size=(4, 200)), rng.integers(0, 2, size=200)
    distances[:, labels == 0] -= 0.4
    queries = SmoothedRadiusQueries(
        settings(2, sigma=1.0, dof=3), measured(distances, labels), np.zeros(4, int)
    )
    for make in (
        lambda radius: RowShift(150, radius),
        lambda radius: QueryShift(radius),
        lambda radius: QueryShift(radius, LabelFlips(2)),
    ):
        radii = queries.largest_budget(make(None))
        assert (radii > 0.01).any()
        for i, radius in enumerate(radii):
            if np.isfinite(radius):
                assert queries.at_budget(make(radius))[1][i]
                assert not queries.at_budget(make(radius * 1.003 + 1e-6))[1][i]


def test_few_rows_that_move_a_little_stay_within_the_ball_of_the_table():
    """Many classes, each rival nearly as likely: the sum over rivals says nothing, Eq. (15) does."""
    distances, labels = np.array([1.0, *[1.2] * 5]), np.arange(6)
    of_vote = settings(6, sigma=1.0, dof=3)
    vote = of_vote.vote(measured(distances, labels))
    target = np.argmax(vote[0], axis=1)
    for known in (vote, None):
        queries = SmoothedRadiusQueries(of_vote, measured(distances, labels), target, found=known)
        worst, certified = queries.at_budget(RowShift(1, 0.01))
        assert worst[0] < 0.5
        assert certified[0]
        assert not queries.at_budget(RowShift(6, 3.0))[1][0]
        assert 0.01 < queries.largest_budget(RowShift(1))[0] < 1.0


def test_every_split_of_relabelled_rows_is_covered():
    for rows, n_others, n_theirs in itertools.product((0, 1, 5, 40, 100), (0, 3, 60), (0, 2, 70)):
        rows = min(rows, n_others + n_theirs)
        covering = splits(rows, n_others, n_theirs)
        for p in range(max(0, rows - n_theirs), min(rows, n_others) + 1):
            assert any(p <= most_p and rows - p <= most_q for most_p, most_q in covering)


@given(case=tables(most_rows=7), known=st.booleans())
def test_with_hardly_any_noise_budgets_are_those_without(case, known):
    """All but the empty vote, which the first class wins under noise if nobody can bring or take a class."""
    table, n_classes = case
    target = naive.predict(table, RADIUS)
    if target is None or target == 2:
        return
    smoothed = noisy(table, n_classes, target, sigma=1e-4, dof=3, labels_are_classes=known)
    without = plain(table, n_classes, target, labels_are_classes=known)
    for kind in ROW_KINDS:
        assert smoothed.largest_budget(kind())[0] == without.largest_budget(kind())[0]
    for threat in (RowShift(2), QueryShift(), QueryShift(None, LabelFlips(1)), RowShift(2, None, True)):
        radii = [queries.largest_budget(threat)[0] for queries in (smoothed, without)]
        np.testing.assert_allclose(*radii, rtol=5e-3, atol=1e-3)
