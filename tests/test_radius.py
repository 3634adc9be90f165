"""The radius classifier: its votes, and certificates against all tampering of small tables."""

from __future__ import annotations

import itertools
import math
from functools import partial

import naive_radius as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_radius import Row

from knn_cert.exact.measured import Measured
from knn_cert.exact.radius.queries import PlainRadiusQueries
from knn_cert.exact.radius.settings import RadiusSettings
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
    queries = plain((Row(1.0, 2),), 2, 2)
    with pytest.raises(ValueError, match="leaves its budget open"):
        queries.withstands(LabelFlips())
    with pytest.raises(ValueError, match="certifies norm"):
        queries.largest_budget(BlackBoxBall(norm="l1"))
