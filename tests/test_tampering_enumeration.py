"""Certificates against the enumeration of tampered tables: none within a certified budget votes otherwise."""

from __future__ import annotations

import functools

import naive
import naive_nearest_sets as nearest
import naive_tampering as tampering
import numpy as np
import pytest
from attack_audit import falsify, influence
from mpmath import mp, mpf
from naive_tampering import Table, Tampered
from tampering_audit import LABEL_VALUES, ROW_THREATS, Audit, Tally

from knn_cert.threats import BlackBoxBall, Deletions, LabelFlips, QueryShift, RowShift

LIMIT = 50  # tampered tables of one budget, beyond those that come first


def audited(tables, what, audit=Audit, *, digits: int = 0) -> Tally:
    """Counts and violations of some (table, label values)."""
    tally, rng = Tally(digits), np.random.default_rng(len(tables))
    for table, names in tables:
        what(audit(table, names, tally, limit=LIMIT, rng=rng))
    return tally


@functools.cache
def tables(n_classes: int, parity: int, number: int = 2, *, bucketed: bool = False):
    """Random small tables and what their labels are called; K odd or even."""
    rng = np.random.default_rng([n_classes, parity, bucketed])
    found = []
    while len(found) < number:
        table = tampering.random_table(rng, n_classes=n_classes, bucketed=bucketed)
        if table.n_neighbors % 2 == parity:
            fitting = [values for values in LABEL_VALUES if len(values) >= table.n_labels]
            found.append((table, fitting[rng.integers(len(fitting))]))
    return found


def line(positions, labels, n_labels, n_neighbors):
    """A table on a line, the query at 0, labels 0, 1, 2, ... of which it may lack some."""
    rows = np.array(positions, dtype=np.float64)[:, None]
    return Table(rows, np.array(labels), np.zeros(1), n_labels, n_neighbors, 1.0), tuple(range(n_labels))


# Certificates of these were false once, or could be easily.
PITFALLS = {
    "a new label wins the ties of the first": line([0.0, 9.0, 9.5, 10.0, 11.0], [1, 1, 1, 2, 2], 3, 2),
    "a new label wins the ties of two": line([0.0, 0.1, 20.0, 21.0], [1, 1, 2, 2], 3, 2),
    "a new label wins with a third of the votes": line([0.0, 9.75, 10.0, 10.0], [1, 1, 2, 3], 4, 3),
    "fewer than K rows are left": line([0.0, 0.1, 0.2, 0.3, 0.4, 9.0], [0, 0, 0, 0, 0, 1], 2, 5),
    "all rows vote": line([0.0, 0.0, 1.0, 2.0, 5.0], [2, 2, 2, 1, 3], 5, 5),
    "mirrored": line([1.0, -1.0, 2.0, -2.0], [1, 2, 1, 2], 3, 2),
}


def assert_no_violation(tally: Tally) -> None:
    assert not tally.violations, "\n".join(map(str, tally.violations[:5]))


def total(tally: Tally, what: str) -> int:
    return sum(number for (_, counted), number in tally.counts.items() if counted == what)


each_kind = pytest.mark.parametrize("n_classes", [2, 3, 4])
each_parity = pytest.mark.parametrize("parity", [0, 1], ids=["even", "odd"])


def largest_budgets(audit: Audit) -> None:
    for threat in audit.threats():
        audit.open_budget(threat)


def given_budgets(audit: Audit) -> None:
    for threat in audit.threats_at_a_budget():
        audit.fixed_budget(threat)


@each_kind
@each_parity
def test_no_table_within_a_certified_budget_has_another_prediction(n_classes, parity):
    tally = audited(tables(n_classes, parity), largest_budgets)
    assert_no_violation(tally)
    assert len({kind for kind, _ in tally.counts}) == 15
    assert total(tally, "with a budget above 0") >= 12
    assert total(tally, "tampered tables") >= 400


@pytest.mark.parametrize("pitfall", PITFALLS)
def test_no_table_within_a_certified_budget_has_another_prediction_where_that_was_so_once(pitfall):
    def row_threats(audit):
        for kind in ROW_THREATS:
            audit.open_budget(kind())
            audit.open_budget(QueryShift(None, kind(1)))
        audit.open_budget(RowShift(1, relabel=True))

    tally = audited([PITFALLS[pitfall]], row_threats)
    assert_no_violation(tally)


@each_kind
@each_parity
def test_no_table_within_a_given_budget_leaves_less_than_the_worst_probability(n_classes, parity):
    tally = audited(tables(n_classes, parity)[:1], given_budgets, digits=1)
    assert_no_violation(tally)
    assert total(tally, "tampered tables") >= 100


@each_kind
@each_parity
def test_no_ball_of_the_bucketed_classifier_holds_a_table_with_another_prediction(n_classes, parity):
    tally = audited(tables(n_classes, parity, bucketed=True), largest_budgets)
    assert_no_violation(tally)
    assert tally.of("BlackBoxBall", "with a budget above 0") >= 2
    assert tally.of("BlackBoxBall", "tampered tables") >= 100


def test_one_row_more_than_certified_changes_the_prediction_for_two_classes():
    some = [case for parity in (0, 1) for case in tables(2, parity, 4)]

    def count(audit):
        for kind in ROW_THREATS:
            audit.open_budget(kind())

    tally = audited(some, count)
    assert_no_violation(tally)
    for kind in ROW_THREATS:
        assert tally.of(kind.__name__, "broken by one row more") >= 5


@each_parity
def test_what_falsify_finds_is_within_the_budget_and_it_misses_nothing_that_is_exact(parity):
    def attack(audit):
        for threat in audit.threats():
            if not isinstance(threat, BlackBoxBall):
                falsify(audit, threat)

    tally = audited([*tables(2, parity, 2), *tables(3, parity, 2)], attack)
    assert_no_violation(tally)
    assert tally.of("falsify", "broken by one row more") >= 10


def test_influence_finds_the_largest_effects_of_removing_one_row():
    some = [case for n_classes in (2, 3, 4) for parity in (0, 1) for case in tables(n_classes, parity, 4)]
    tally = audited(some, influence)
    assert_no_violation(tally)
    assert tally.of("influence", "tampered tables") >= 50


# ------------------------------------------------------------------------------------------------------------
# The oracle and the audit themselves


class Boastful(Audit):
    """Claims a little more than is certified."""

    def _claims(self, threat):
        for door, budget in super()._claims(threat):
            if budget is None:
                yield door, None
            else:
                yield door, budget + 1 if threat.budget_name == "rows" else 1.5 * budget


def test_the_audit_finds_claims_of_one_row_or_half_a_radius_more():
    some = [case for parity in (0, 1) for case in tables(2, parity, 4)]
    for kind in ROW_THREATS:
        tally = audited(some, lambda audit, kind=kind: audit.open_budget(kind()), Boastful)
        assert len(tally.violations) >= 5
    # all rows move: the worst case is one of those that are tried
    tally = audited(some, lambda audit: audit.open_budget(RowShift(8)), Boastful)
    assert len(tally.violations) >= 5


def test_the_audit_finds_deletions_that_leave_fewer_than_k_rows():
    tally = audited(
        [PITFALLS["fewer than K rows are left"]], lambda audit: audit.open_budget(Deletions()), Boastful
    )
    assert "fewer than K" in tally.violations[0].why


def test_the_audit_finds_new_labels_that_win_ties():
    """The right claim for classes that are numbered from 0; here the attacker has a label before them."""
    table, names = PITFALLS["a new label wins the ties of two"]

    class Unaware(Audit):
        def _claims(self, threat):
            yield "certify", 1

    tally = audited([(table, names)], lambda audit: audit.open_budget(LabelFlips()), Unaware)
    assert "with 1 rows" in tally.violations[0].why


@pytest.mark.parametrize("n_features", [1, 3])
def test_the_oracle_in_doubles_agrees_with_the_definition_in_many_digits(n_features):
    rng = np.random.default_rng(n_features)
    for n, n_neighbors in ((2, 1), (3, 2)):
        distances, labels = rng.uniform(0.0, 6.0, size=n), rng.integers(0, 3, size=n)
        distances[0] = 0.0
        table = Table(distances[:, None], labels, np.zeros(1), 3, n_neighbors, 1.0)
        table = table._replace(rows=distances[:, None] * np.eye(n_features)[0], query=np.zeros(n_features))
        quick = tampering.probabilities(table, Tampered(distances[None], labels[None]))[0]
        exact = tampering.exact_probabilities(table, distances, labels)
        listed = naive.vote(
            [mpf(s) ** 2 for s in distances],
            labels.tolist(),
            n_classes=3,
            n_neighbors=n_neighbors,
            sigma=1.0,
            dof=n_features,
        )
        with mp.workdps(40):
            assert max(abs(a - b) for a, b in zip(exact, listed, strict=True)) < 1e-22
            assert max(abs(a - b) for a, b in zip(exact, quick, strict=True)) < 1e-14


@pytest.mark.parametrize("n_features", [1, 3])
def test_the_bucketed_oracle_agrees_with_the_listing_of_all_levels(n_features):
    rng = np.random.default_rng(n_features)
    for n, n_neighbors in ((3, 2), (3, 1)):
        distances, labels = rng.uniform(0.0, 5.0, size=n), rng.integers(0, 3, size=n)
        edges = np.sort(rng.uniform(0.2, 30.0, size=3))
        sets = nearest.nearest_sets_in_buckets(distances[None], n_neighbors, n_features, edges)
        got = nearest.votes(sets, np.zeros(1, dtype=int), labels[None], 3)[0]
        listed = naive.vote_bucketed(
            [mpf(s) ** 2 for s in distances],
            labels.tolist(),
            n_classes=3,
            n_neighbors=n_neighbors,
            sigma=1.0,
            dof=n_features,
            edges=edges.tolist(),
        )
        assert max(abs(a - b) for a, b in zip(got, listed, strict=True)) < 1e-14


def test_a_small_number_of_flips_and_insertions_is_listed_in_full():
    table, _ = line([0.0, 1.0, 2.0], [0, 1, 2], 3, 1)
    rng = np.random.default_rng(0)
    flips = tampering.flipped(table, 2, 1000, rng)
    assert len(np.unique(flips.labels, axis=0)) == 1 + 3 * 2 + 3 * 4  # none, one or two of three labels
    # multisets of two out of 3 places x 3 labels
    assert len(np.unique(tampering.inserted(table, 2, 1000, rng).labels, axis=0)) <= 45
    assert len(tampering.inserted(table, 2, 1000, rng).labels) == 45
    assert len(tampering.deleted(table, 2, 1000, rng).labels) == 3
    assert tampering.deleted(table, 3, 1000, rng) is None
