"""K-NN without noise: every budget against enumeration of small tables, in every order of tied rows."""

from __future__ import annotations

import json
import math

import naive_plain
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from knn_cert import kernels
from knn_cert.exact.measured import Measured
from knn_cert.exact.plain import moves
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
COUNTS = {
    LabelFlips: naive_plain.flips,
    Deletions: naive_plain.deletions,
    Insertions: naive_plain.insertions,
    Replacements: naive_plain.replacements,
}
# Rounding is taken against a certificate: a radius may lie so far below the truth, relative to distances.
TIGHT = 1e-12


def settings_of(n_neighbors, n_classes, *, known=True):
    return PlainSettings(n_neighbors, n_classes, known, KERNEL, 1)


def ask(table, relative_error=0.0):
    """The queries of a table, one: what is certified of its target."""
    measured = Measured(
        np.array([table["distances"]], dtype=float), np.array(table["labels"]), relative_error
    )
    settings = settings_of(table["n_neighbors"], table["n_classes"], known=table["known"])
    return PlainQueries(settings, measured, np.array([table["target"]]))


def budget(table, threat, relative_error=0.0):
    return ask(table, relative_error).largest_budget(threat)[0]


@st.composite
def tables(draw, most_rows=5, most_classes=4, least_classes=2, farthest=9):
    """Small tables in increasing order, with whole even distances: ties are many and halves are whole."""
    n = draw(st.integers(1, most_rows))
    n_classes = draw(st.integers(least_classes, most_classes))
    steps = draw(st.sampled_from([2, farthest]))
    distances = sorted(2 * d for d in draw(st.lists(st.integers(0, steps), min_size=n, max_size=n)))
    labels = draw(st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n))
    n_neighbors = draw(st.integers(1, n))
    known = draw(st.booleans())
    return {
        "distances": distances,
        "labels": labels,
        "n_classes": n_classes,
        "n_neighbors": n_neighbors,
        "known": known,
        # mostly the prediction: of another target nothing is certified
        "target": draw(
            st.sampled_from([naive_plain.vote(labels[:n_neighbors])] * 3 + list(range(n_classes)))
        ),
        # -1 sorts before all classes, n_classes after them
        "alphabet": list(range(n_classes)) + ([] if known else [-1, n_classes]),
    }


def of_table(table):
    return table["distances"], table["labels"], table["n_neighbors"], table["target"]


def assert_is_just_below(radius, limit):
    """The certified radius is the largest number below the radius that an attack needs, but for rounding."""
    if limit is None:
        assert radius == math.inf
    elif limit == 0:
        assert math.isnan(radius)
    else:
        assert float(limit) * (1.0 - TIGHT) - 30.0 * TIGHT <= radius < limit


# --------------------------------------------------------------------------------------- the reference values


def test_budgets_are_those_of_the_enumeration_of_all_tamperings(oracle_folder):
    threats = {
        "label_flips": LabelFlips(),
        "deletions": Deletions(),
        "insertions": Insertions(),
        "replacements": Replacements(),
    }
    cases = json.loads((oracle_folder / "plain.json").read_text(encoding="utf-8"))
    assert len(cases) == 400
    for case in cases:
        measured = Measured(np.array([case["distances"]]), np.array(case["labels"]), 0.0)
        settings = settings_of(case["n_neighbors"], case["n_classes"])
        probabilities, errors = settings.vote(measured)
        assert np.argmax(probabilities[0]) == case["label"] and not errors.any()
        queries = PlainQueries(settings, measured, np.array([case["label"]]))
        for name, threat in threats.items():
            assert queries.largest_budget(threat)[0] == case[name], (name, case)


# --------------------------------------------------------------------------------------------------- the vote


@given(table=tables(most_rows=8))
def test_the_vote_is_that_of_the_nearest_rows_and_sure_where_no_order_of_ties_changes_it(table):
    distances, labels, n_neighbors, _ = of_table(table)
    measured = Measured(np.array([distances], dtype=float), np.array(labels), 0.0)
    probabilities, errors = settings_of(n_neighbors, table["n_classes"]).vote(measured)
    expected = np.zeros((1, table["n_classes"]))
    expected[0, naive_plain.vote(labels[:n_neighbors])] = 1.0
    assert np.array_equal(probabilities, expected)
    sure = len(naive_plain.predictions(distances, labels, n_neighbors)) == 1
    assert np.array_equal(errors, np.zeros_like(expected) if sure else np.ones_like(expected))


def test_ties_of_distance_go_to_the_lower_row_wherever_it_stands():
    measured = Measured(np.array([[3.0, 1.0, 3.0, 3.0]]), np.array([2, 1, 0, 2]), 0.0)
    for n_neighbors, label in ((1, 1), (2, 1), (3, 0), (4, 2)):
        probabilities, errors = settings_of(n_neighbors, 3).vote(measured)
        assert np.argmax(probabilities[0]) == label
        assert errors.any() == (n_neighbors in (2, 3))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_at_one_distance_leave_nothing_certified_where_their_order_decides(n_classes):
    """Three rows at one distance, two of them vote; of four rows all vote, and their order is nothing."""
    table = {"distances": [2.0] * 3, "labels": [1, 1, 0], "n_neighbors": 2, "n_classes": n_classes}
    table |= {"known": True, "target": 1}
    for threat in (LabelFlips(), Deletions(), Insertions(), Replacements()):
        assert budget(table, threat) == -1
        assert not ask(table).withstands(type(threat)(0))[0]
    for threat in (RowShift(1), RowShift(1, relabel=True), QueryShift(), BlackBoxBall(), BlackBoxBall(1)):
        assert math.isnan(budget(table, threat))
    table |= {"distances": [2.0] * 4, "labels": [1, 1, 1, 0], "n_neighbors": 4}
    assert [budget(table, threat) for threat in (LabelFlips(), Deletions())] == [0, 0]
    assert budget(table, QueryShift()) == math.inf


# -------------------------------------------------------------------------------------------- numbers of rows


@settings(max_examples=60)
@given(table=tables())
def test_numbers_of_rows_are_those_of_the_enumeration_in_every_order_of_ties(table):
    for kind, tamper in COUNTS.items():
        expected = naive_plain.most_rows(tamper, *of_table(table), table["alphabet"])
        assert budget(table, kind()) == expected
        queries = ask(table)
        for rows in range(expected + 3):
            assert queries.withstands(kind(rows))[0] == (rows <= expected)


def test_a_class_without_rows_and_a_label_of_no_class_are_rivals():
    """Class 0, with all votes of an even number, wins ties against class 1, not against a new first label."""
    table = {"distances": [1.0, 2.0, 3.0, 4.0], "labels": [0] * 4, "target": 0, "known": True}
    for n_classes in (2, 3):
        table["n_classes"] = n_classes
        for n_neighbors, known, new in ((4, 2, 1), (2, 1, 0), (1, 0, 0), (3, 1, 1)):
            table["n_neighbors"] = n_neighbors
            assert budget(table | {"known": True}, LabelFlips()) == known
            assert budget(table | {"known": False}, LabelFlips()) == new
    # deleted rows bring no labels
    table["n_neighbors"] = 2
    assert budget(table | {"known": False}, Deletions()) == budget(table, Deletions()) == 2


# ------------------------------------------------------------------------------------------------- moved rows


@settings(max_examples=60)
@given(table=tables(most_rows=6), rows=st.integers(0, 6))
def test_moved_rows_survive_exactly_the_radii_that_the_enumeration_says(table, rows):
    limit = naive_plain.shift_limit(*of_table(table), rows)
    radius = budget(table, RowShift(rows))
    assert_is_just_below(radius, limit)
    queries = ask(table)
    assert queries.withstands(RowShift(rows, math.inf))[0] == (limit is None)
    if limit:
        assert queries.withstands(RowShift(rows, radius))[0]
        assert not queries.withstands(RowShift(rows, float(limit)))[0]
    if rows:
        # the ball is open: its radius is that of the moves, or rounded down from it
        ball = budget(table, BlackBoxBall(rows))
        assert ball == radius or (math.isnan(ball) and math.isnan(radius))


@settings(max_examples=150)
@given(table=tables(most_rows=7, least_classes=3), rows=st.integers(1, 3))
def test_third_classes_can_be_in_the_way_of_moved_rows_or_help_them(table, rows):
    assert_is_just_below(budget(table, RowShift(rows)), naive_plain.shift_limit(*of_table(table), rows))


@given(table=tables(most_rows=4, most_classes=3), rows=st.integers(0, 4))
def test_rows_that_move_and_are_relabelled_do_what_flips_and_replacements_do(table, rows):
    """At no radius can they do less than at 0, or more than anywhere; both are the same."""
    distances, labels, n_neighbors, target = of_table(table)
    beaten = {
        radius: any(
            naive_plain.may_lose(*changed, n_neighbors, target)
            for changed in naive_plain.relabelled_moves(distances, labels, rows, radius, table["alphabet"])
        )
        for radius in (0, 3, 100)
    }
    assert len(set(beaten.values())) == 1
    radius = budget(table, RowShift(rows, relabel=True))
    assert math.isnan(radius) if beaten[0] else radius == math.inf
    assert ask(table).withstands(RowShift(rows, 1.0, relabel=True))[0] == (not beaten[0])


@pytest.mark.parametrize("seed", range(12))
def test_moved_rows_and_the_ball_in_tables_of_many_rows_of_many_classes(seed):
    """Against the numbers of rows of each class that are left, all of them tried."""
    rng = np.random.default_rng(seed)
    n, n_classes, n_neighbors, rows = 24, 2 + seed % 3, 7 + seed % 2, 1 + seed % 4
    labels = rng.integers(0, n_classes, size=n)
    distances = 2 * rng.permutation(60)[:n] + 21 * (labels != 1)
    target = naive_plain.vote(labels[np.argsort(distances)[:n_neighbors]].tolist())
    table = {"distances": distances.tolist(), "labels": labels.tolist(), "n_neighbors": n_neighbors}
    table |= {"n_classes": n_classes, "known": True, "target": target}
    radius = budget(table, RowShift(rows))
    if radius == math.inf:
        assert naive_plain.moves_needed(*of_table(table), 1000.0) > rows
    else:
        gaps = sorted({abs(x - y) / k for x in distances for y in distances for k in (1, 2)})
        limit = gaps[np.searchsorted(gaps, radius)]
        assert radius == pytest.approx(limit, rel=1e-9)
        assert naive_plain.moves_needed(*of_table(table), limit) <= rows
        assert naive_plain.moves_needed(*of_table(table), radius - 0.01) > rows
    ball = budget(table, BlackBoxBall())
    squares = [naive_plain.ball_at(*of_table(table), t) for t in np.linspace(0.0, 140.0, 281)]
    assert min(squares) * 0.99 <= ball**2 <= min(squares)


def test_third_rows_that_leave_together_with_the_rivals_that_come_beat_the_target():
    """K = 1: the third row at 2 can move to 3, where the rival from 4 meets it: two moves of 1."""
    table = {"distances": [2.0, 4.0, 100.0], "labels": [2, 1, 0], "n_neighbors": 1, "n_classes": 3}
    table |= {"known": True, "target": 2}
    assert budget(table, RowShift(2)) == pytest.approx(1.0)
    assert budget(table, RowShift(1)) == pytest.approx(2.0)
    # the same rows, and the third one is no target: two of three votes are the target's
    table = {"distances": [1.0, 2.0, 4.0, 5.0], "labels": [0, 2, 1, 1], "n_neighbors": 2, "n_classes": 3}
    table |= {"known": True, "target": 0}
    assert_is_just_below(budget(table, RowShift(2)), naive_plain.shift_limit(*of_table(table), 2))


# ---------------------------------------------------------------------------------------------- a moved query


@settings(max_examples=150)
@given(table=tables(most_rows=6))
def test_a_moved_query_survives_what_every_row_moved_at_will_survives(table):
    limit = naive_plain.shift_limit(*of_table(table), len(table["labels"]))
    assert_is_just_below(budget(table, QueryShift()), limit)


@settings(max_examples=60)
@given(table=tables(most_rows=4, most_classes=3), rows=st.integers(0, 2), data=st.data())
def test_no_query_moves_across_after_rows_were_tampered_with(table, rows, data):
    distances, labels, n_neighbors, target = of_table(table)
    kind = data.draw(st.sampled_from([*COUNTS, RowShift]))
    if kind is RowShift:
        threat = RowShift(rows, data.draw(st.sampled_from([1.0, 4.0])))
        tampered = naive_plain.moves(distances, labels, rows, threat.radius)
    else:
        threat = kind(rows)
        allowed = kind is not Deletions or rows <= len(labels) - n_neighbors
        tampered = (
            COUNTS[kind](distances, labels, min(rows, len(labels)), table["alphabet"]) if allowed else ()
        )
    radius = budget(table, QueryShift(training=threat))
    if kind is Deletions and rows > len(labels) - n_neighbors:
        assert math.isnan(radius)
    if math.isnan(radius):
        return
    assert ask(table).withstands(QueryShift(radius, threat))[0]
    for changed_distances, changed_labels in tampered:
        limit = naive_plain.shift_limit(
            changed_distances, changed_labels, n_neighbors, target, len(changed_labels)
        )
        assert limit is None or radius < limit


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_query_that_moves_after_flips_has_what_the_flips_leave(n_classes):
    table = {"distances": [1.0, 2.0, 3.0, 9.0, 11.0], "labels": [1, 1, 1, 0, 0], "n_neighbors": 3}
    table |= {"n_classes": n_classes, "known": True, "target": 1}
    assert budget(table, QueryShift()) == pytest.approx((11.0 - 2.0) / 2)
    # what is relabelled need not move far
    relabelled = [RowShift(1, relabel=True, radius=radius) for radius in (0.0, 0.1, 5.0)]
    for training in (LabelFlips(1), Replacements(1), *relabelled):
        assert budget(table, QueryShift(training=training)) == pytest.approx((9.0 - 3.0) / 2)
    assert budget(table, QueryShift(training=Insertions(1))) == pytest.approx((9.0 - 2.0) / 2)
    assert budget(table, QueryShift(training=Deletions(1))) == pytest.approx((11.0 - 3.0) / 2)
    for labels in (table["labels"], [1] * 5):  # K rows must be left, whatever they are
        assert math.isnan(budget(table | {"labels": labels}, QueryShift(training=Deletions(3))))
    assert budget(table, QueryShift(training=RowShift(5, 1.0))) == pytest.approx((10.0 - 3.0) / 2)


def test_moved_rows_are_split_in_every_way_however_many_ways_there_are(monkeypatch):
    """A few splits are looked at together; the worst of them may be the first or the last."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, size=40)
    measured = Measured(rng.uniform(2.0, 9.0, size=(12, 40)) + 2.0 * (labels != 1), labels, 0.0)
    queries = PlainQueries(settings_of(17, 2), measured, np.ones(12, dtype=int))
    threats = [RowShift(rows) for rows in (3, 9)]
    threats += [QueryShift(training=RowShift(rows, radius)) for rows in (3, 9) for radius in (0.5, math.inf)]
    at_once = [queries.largest_budget(threat) for threat in threats]
    assert any(np.unique(found).size > 6 for found in at_once)
    for few in (12, 24, 60):
        monkeypatch.setattr(moves, "_AT_ONCE", few)
        for threat, expected in zip(threats, at_once, strict=True):
            np.testing.assert_array_equal(queries.largest_budget(threat), expected)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_moved_anywhere_bring_no_votes_to_a_class_that_has_too_few(n_classes):
    table = {"distances": [1.0, 2.0, 3.0, 4.0], "labels": [1, 1, 1, 0], "n_neighbors": 3}
    table |= {"n_classes": n_classes, "known": True, "target": 1}
    for rows in (1, 2, 4):
        assert budget(table, RowShift(rows)) == math.inf
        assert budget(table, QueryShift(training=RowShift(rows, math.inf))) == math.inf


# ------------------------------------------------------------------------------------------------ the L2 ball


@settings(max_examples=150)
@given(table=tables(most_rows=7, least_classes=3))
def test_the_ball_is_that_of_the_cheapest_choice_of_nearest_rows(table):
    limit = naive_plain.ball_limit(*of_table(table))
    radius = budget(table, BlackBoxBall())
    if limit == 0.0:
        assert math.isnan(radius)
    else:
        assert radius <= limit and radius >= limit * (1.0 - 1e-4)


@settings(max_examples=150)
@given(table=tables(most_rows=8, most_classes=2))
def test_the_ball_of_two_classes_is_attained_by_a_table(table):
    """With the least sum of squares that another solver finds."""
    limit = naive_plain.ball_limit(*of_table(table))
    radius = budget(table, BlackBoxBall())
    if limit in (0.0, math.inf):
        assert math.isnan(radius) if limit == 0.0 else radius == math.inf
        return
    assert limit * (1.0 - 1e-9) <= radius < limit
    target, n_neighbors = table["target"], table["n_neighbors"]
    own = sorted(d for d, y in zip(table["distances"], table["labels"], strict=True) if y == target)
    others = sorted(d for d, y in zip(table["distances"], table["labels"], strict=True) if y != target)
    m = n_neighbors // 2 + 1 if target else (n_neighbors + 1) // 2
    m_rest = n_neighbors + 1 - m

    def change(t):
        moved = naive_plain.cheapest_table(own, others, m, m_rest, t)
        assert naive_plain.may_lose(
            sum(moved, []), [target] * len(own) + [1 - target] * len(others), n_neighbors, target
        )
        return sum((new - old) ** 2 for new, old in zip(sum(moved, []), own + others, strict=True))

    bounds = (own[m - 1], others[m_rest - 1])
    found = minimize_scalar(change, bounds=bounds, method="bounded", options={"xatol": 1e-10})
    assert radius < math.sqrt(found.fun) <= radius * (1.0 + 1e-6)


@given(table=tables(most_rows=9), seed=st.integers(0, 2**32 - 1))
def test_no_table_within_the_ball_changes_the_prediction(table, seed):
    """Few rows or many moved, all by about as much or all but one by little."""
    distances, labels, n_neighbors, target = of_table(table)
    radius = min(budget(table, BlackBoxBall()), 1e3)
    if math.isnan(radius):
        assert naive_plain.shift_limit(*of_table(table), len(labels)) == 0
        return
    rng = np.random.default_rng(seed)
    for _ in range(60):
        change = rng.normal(size=len(labels)) * (rng.random(len(labels)) < rng.random())
        change *= rng.random(len(labels)) ** rng.integers(0, 4)
        if rng.random() < 0.7:  # a rival comes, all others leave
            rival = rng.integers(0, table["n_classes"])
            change = np.abs(change) * np.where(np.array(labels) == rival, -1.0, 1.0)
        change *= radius * (1.0 - 1e-9) / max(np.linalg.norm(change), 1e-300)
        moved = np.maximum(np.array(distances) + change, 0.0).tolist()
        assert not naive_plain.may_lose(moved, labels, n_neighbors, target)


def test_the_ball_of_distances_too_large_or_too_small_to_square():
    for scale in (1e-200, 1e200):
        table = {"distances": [scale, 3.0 * scale], "labels": [0, 1], "n_neighbors": 1, "n_classes": 2}
        table |= {"known": True, "target": 0}
        assert budget(table, BlackBoxBall()) == pytest.approx(math.sqrt(2.0) * scale)


def test_the_ball_in_another_norm_is_refused():
    table = {"distances": [1.0, 3.0], "labels": [0, 1], "n_neighbors": 1, "n_classes": 2}
    with pytest.raises(ValueError, match="l2"):
        budget(table | {"known": True, "target": 0}, BlackBoxBall(norm="l1"))


# ----------------------------------------------------------------------------------------------------- errors


@settings(max_examples=150)
@given(table=tables(most_rows=4, most_classes=3), error=st.sampled_from([0.01, 0.1, 0.4]), data=st.data())
def test_what_is_certified_holds_for_all_true_distances_within_the_error(table, error, data):
    distances, labels, n_neighbors, target = of_table(table)
    threats = [*(kind() for kind in COUNTS), RowShift(1), RowShift(2), QueryShift(), BlackBoxBall()]
    certified = [budget(table, threat, error) for threat in threats]
    measured = Measured(np.array([distances], dtype=float), np.array(labels), error)
    sure = not settings_of(n_neighbors, table["n_classes"]).vote(measured)[1].any()
    # what the target needs the least, or anything
    against = [1 if y == target else -1 for y in labels]
    anything = st.lists(st.sampled_from([-1, 0, 1]), min_size=len(labels), max_size=len(labels))
    factors = data.draw(st.one_of(st.just(against), anything))
    # relative to the true distances or to the known ones
    true = [
        d * (1 + f * error) if f < 0 else d / (1 - f * error) for d, f in zip(distances, factors, strict=True)
    ]
    if sure:
        assert naive_plain.predictions(true, labels, n_neighbors) == {naive_plain.vote(labels[:n_neighbors])}
    exact = table | {"distances": true}
    for threat, found in zip(threats, certified, strict=True):
        # the ball is rounded down where there are more than two classes
        ball = isinstance(threat, BlackBoxBall)
        truth = naive_plain.ball_limit(*of_table(exact)) if ball else budget(exact, threat)
        if not math.isnan(found):
            assert found <= truth, threat


def test_queries_at_once_are_answered_as_one_by_one():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, size=60)
    distances = np.round(rng.uniform(0.0, 6.0, size=(25, 60)) + (labels != 1), 1)
    threats = [*(kind() for kind in COUNTS), *(kind(3) for kind in COUNTS), RowShift(0.1), RowShift(60)]
    threats += [QueryShift(), QueryShift(training=RowShift(3, 0.1)), BlackBoxBall(), BlackBoxBall(5)]
    for n_classes, some in ((2, labels % 2), (5, labels)):
        settings = settings_of(9, n_classes, known=False)
        measured = Measured(distances, some, 1e-13)
        targets = np.argmax(settings.vote(measured)[0], axis=1)
        together = PlainQueries(settings, measured, targets)
        for threat in threats:
            alone = [
                PlainQueries(settings, measured.of(slice(i, i + 1)), targets[i : i + 1]).largest_budget(
                    threat
                )
                for i in range(25)
            ]
            assert np.array_equal(together.largest_budget(threat), np.concatenate(alone), equal_nan=True)


def test_distances_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        settings_of(1, 2).check_distances(np.array([[1.0, np.inf]]))


def test_claims_are_those_of_the_budgets():
    table = {"distances": [1.0, 2.0, 3.0, 9.0], "labels": [0, 0, 0, 1], "n_neighbors": 3, "n_classes": 2}
    queries = ask(table | {"known": True, "target": 0})
    claims = queries.claims(LabelFlips())
    assert claims.budget[0] == 1 and not claims.abstained[0]
    claims = queries.claims(LabelFlips(2))
    assert claims.budget[0] == 0 and claims.abstained[0] and claims.worst_probability[0] == 0.0
    assert np.array_equal(queries.smallest_probability(LabelFlips(1)), [1.0])
