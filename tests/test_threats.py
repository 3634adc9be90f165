"""Worst cases of threat models against enumeration, and against random and deliberate tampering."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mpf

from knn_cert import (
    SmoothedKNNClassifier,
    kernels,
    largest_budget,
    race_probability,
    vote_probabilities,
    worst_case_probability,
)
from knn_cert.kernels.families import pack
from knn_cert.threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
)
from knn_cert.threats.worst_rows import untampered

# How far below the truth, relative to it, a lower bound may lie that only rounding and the quadrature keep
# from it: the slower backends have looser bounds on their errors.
TIGHTNESS = {"native": 1e-10, "numba": 1e-5, "reference": 1e-7}
TIGHT = max(TIGHTNESS.values())
# ... and where moved rows are bounded by sums over nodes, absolutely.
SUMS = 1e-6


def oracle_cases():
    threats = {
        "label_flips": lambda case: LabelFlips(case["budget"]),
        "deletions": lambda case: Deletions(case["budget"]),
        "insertions": lambda case: Insertions(case["budget"]),
        "replacements": lambda case: Replacements(case["budget"]),
        "all_rows_shift": lambda case: RowShift(len(case["labels"]), case["epsilon"]),
    }
    return pytest.mark.parametrize(("name", "make"), threats.items(), ids=threats)


@oracle_cases()
def test_the_worst_case_is_that_of_the_enumeration_of_all_tamperings(oracle_folder, backend, name, make):
    for case in json.loads((oracle_folder / "threats.json").read_text()):
        got = worst_case_probability(
            case["sq_distances"],
            case["labels"],
            make(case),
            target_class=case["target_class"],
            n_neighbors=case["n_neighbors"],
            sigma=case["sigma"],
            dof=case["dof"],
            backend=backend,
        )
        truth = mpf(case[name])
        assert 0 <= truth - got <= max(TIGHTNESS[backend] * truth, mpf("1e-290")), (name, case, got)


def test_the_row_shift_bound_lies_between_the_lists_and_a_possible_attack(oracle_folder, backend):
    # a case takes the reference backend half a second
    every = 3 if backend == "reference" else 1
    for case in json.loads((oracle_folder / "threats.json").read_text())[::every]:
        got = worst_case_probability(
            case["sq_distances"],
            case["labels"],
            RowShift(case["budget"], case["epsilon"]),
            target_class=case["target_class"],
            n_neighbors=case["n_neighbors"],
            sigma=case["sigma"],
            dof=case["dof"],
            backend=backend,
        )
        # not below the bound by lists either
        assert mpf(case["row_shift_bound"]) * (1 - mpf(TIGHTNESS[backend])) <= got
        assert got <= mpf(case["row_shift_best_straight_attack"])


@st.composite
def tables(draw, max_classes=3):
    n = draw(st.integers(3, 9))
    n_classes = draw(st.integers(2, max_classes))
    labels = draw(st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n))
    distances = draw(st.lists(st.floats(0.0, 8.0), min_size=n, max_size=n))
    return {
        "distances": np.array(distances),
        "labels": np.array(labels),
        "n_classes": n_classes,
        "target": draw(st.integers(0, n_classes - 1)),
        "n_neighbors": draw(st.integers(1, n)),
        "sigma": draw(st.sampled_from([0.3, 1.0, 2.5])),
        "dof": draw(st.sampled_from([1, 2, 7, 60])),
    }


def bound_of(table, threat):
    return worst_case_probability(
        table["distances"] ** 2,
        table["labels"],
        threat,
        target_class=table["target"],
        n_neighbors=table["n_neighbors"],
        sigma=table["sigma"],
        dof=table["dof"],
        n_classes=table["n_classes"],
    )


def probabilities_of(table, distances, labels, **also):
    return vote_probabilities(
        np.asarray(distances) ** 2,
        labels,
        n_neighbors=table["n_neighbors"],
        sigma=table["sigma"],
        dof=table["dof"],
        n_classes=table["n_classes"],
        **also,
    )


def probability_of(table, distances, labels):
    """The largest that the probability of the target can be, whatever the error of the computation is."""
    probabilities, errors = probabilities_of(table, distances, labels, with_errors=True)
    return probabilities[table["target"]] + errors[table["target"]]


@given(table=tables(), rows=st.integers(0, 4), data=st.data())
def test_no_choice_of_flipped_labels_beats_the_bound(table, rows, data):
    bound = bound_of(table, LabelFlips(rows))
    n = len(table["labels"])
    chosen = data.draw(st.lists(st.integers(0, n - 1), max_size=rows, unique=True))
    labels = table["labels"].copy()
    for i in chosen:
        labels[i] = data.draw(st.integers(0, table["n_classes"] - 1))
    assert bound <= probability_of(table, table["distances"], labels)


@given(table=tables(max_classes=2), rows=st.integers(0, 3))
def test_for_two_classes_some_choice_of_flipped_labels_attains_the_bound(table, rows):
    bound = bound_of(table, LabelFlips(rows))
    members = np.flatnonzero(table["labels"] == table["target"])
    smallest = math.inf
    for chosen in itertools.combinations(members, min(rows, len(members))):
        labels = table["labels"].copy()
        labels[list(chosen)] = 1 - table["target"]
        smallest = min(smallest, probability_of(table, table["distances"], labels))
    assert 0.0 <= smallest - bound <= max(TIGHT * smallest, 1e-290)


@given(table=tables(), rows=st.integers(0, 3), data=st.data())
def test_no_deleted_inserted_or_replaced_rows_beat_the_bound(table, rows, data):
    n, K = len(table["labels"]), table["n_neighbors"]
    chosen = data.draw(st.lists(st.integers(0, n - 1), max_size=rows, unique=True))
    new = data.draw(
        st.lists(st.tuples(st.floats(0.0, 8.0), st.integers(0, table["n_classes"] - 1)), max_size=rows)
    )
    kept = np.setdiff1d(np.arange(n), chosen)
    if len(kept) >= K:
        p = probability_of(table, table["distances"][kept], table["labels"][kept])
        assert bound_of(table, Deletions(rows)) <= p
    p = probability_of(
        table,
        np.concatenate([table["distances"], [d for d, _ in new]]),
        np.concatenate([table["labels"], [y for _, y in new]]).astype(int),
    )
    assert bound_of(table, Insertions(rows)) <= p
    distances, labels = table["distances"].copy(), table["labels"].copy()
    for i, (d, y) in zip(chosen, new, strict=False):
        distances[i], labels[i] = d, y
    assert bound_of(table, Replacements(rows)) <= probability_of(table, distances, labels)


@given(
    table=tables(), rows=st.integers(0, 9), radius=st.floats(0.0, 4.0), relabel=st.booleans(), data=st.data()
)
def test_no_moved_rows_beat_the_bound(table, rows, radius, relabel, data):
    bound = bound_of(table, RowShift(rows, radius, relabel=relabel))
    distances, labels = table["distances"].copy(), table["labels"].copy()
    for i in data.draw(st.lists(st.integers(0, len(labels) - 1), max_size=rows, unique=True)):
        # deliberate: straight away or towards the query; or anywhere in between
        step = data.draw(st.sampled_from([-radius, radius]) | st.floats(-radius, radius))
        distances[i] = max(distances[i] + step, 0.0)
        if relabel:
            labels[i] = data.draw(st.integers(0, table["n_classes"] - 1))
    assert bound <= probability_of(table, distances, labels)


def test_relabelled_shifts_also_cover_rows_of_other_classes_that_come_closer():
    """Dropping rows of A and adding them to the others is not the worst that relabelled shifts can do."""
    table = {
        "distances": np.array([12.0, 12.0, 12.0, 10.0]),
        "labels": np.array([0, 0, 0, 1]),
        "n_classes": 2,
        "target": 0,
        "n_neighbors": 1,
        "sigma": 1.0,
        "dof": 3,
    }
    bound = bound_of(table, RowShift(1, 3.0, relabel=True))
    assert bound <= probability_of(table, [12.0, 12.0, 12.0, 7.0], table["labels"])


@given(table=tables(), radius=st.floats(0.0, 3.0), rows=st.integers(0, 2), data=st.data())
def test_no_moved_query_beats_the_bound_with_and_without_flipped_labels(table, radius, rows, data):
    steps = data.draw(
        st.lists(st.floats(-radius, radius), min_size=len(table["labels"]), max_size=len(table["labels"]))
    )
    moved = np.maximum(table["distances"] + steps, 0.0)
    p = probability_of(table, moved, table["labels"])
    assert bound_of(table, QueryShift(radius)) <= p
    labels = table["labels"].copy()
    for i in data.draw(st.lists(st.integers(0, len(labels) - 1), max_size=rows, unique=True)):
        labels[i] = data.draw(st.integers(0, table["n_classes"] - 1))
    p = probability_of(table, moved, labels)
    assert bound_of(table, QueryShift(radius, LabelFlips(rows))) <= p


@given(
    a=st.lists(st.integers(0, 12).map(lambda v: v / 2) | st.floats(0, 6), max_size=9),
    b=st.lists(st.integers(0, 12).map(lambda v: v / 2) | st.floats(0, 6), max_size=9),
    rows=st.integers(0, 12),
    radius=st.sampled_from([0.0, 0.5, 1.0, 2.2, math.inf]),
    relabel=st.booleans(),
)
def test_the_family_of_moved_rows_has_the_lists_of_the_table_for_every_split(a, b, rows, radius, relabel):
    a, b = np.sort(np.array(a, dtype=float)), np.sort(np.array(b, dtype=float))
    family = RowShift(rows, radius, relabel).worst_rows(a, b)
    r = min(rows, len(a) + len(b))
    splits = [(p, r - p) for p in range(max(0, r - len(b)), min(r, len(a)) + 1)]
    if radius == 0.0 and not relabel:
        splits = [(0, 0)]
    assert family.n_members == len(splits)
    for member, (p, q) in enumerate(splits):
        wanted_a = np.minimum(np.concatenate([a[p:], np.full(p, np.inf)]), a + radius)
        wanted_b = np.maximum(np.concatenate([np.zeros(q), b[: len(b) - q]]), np.maximum(b - radius, 0.0))
        if relabel:
            wanted_a, wanted_b = a[p:], np.concatenate([wanted_b, np.maximum(a[:p] - radius, 0.0)])
        np.testing.assert_array_equal(np.sort(family.a.of_member(member)), np.sort(wanted_a))
        np.testing.assert_array_equal(np.sort(family.b.of_member(member)), np.sort(wanted_b))


@given(table=tables(), radius=st.floats(0.0, 3.0))
def test_a_larger_budget_never_leaves_more(table, radius):
    for kind in (LabelFlips, Deletions, Insertions, Replacements, lambda r: RowShift(r, radius)):
        values = [bound_of(table, kind(r)) for r in range(6)]
        for less, more in itertools.pairwise(values):
            assert more <= less * (1.0 + TIGHT) + (SUMS if isinstance(kind(1), RowShift) else 0.0)


def test_many_splits_are_covered_by_few_ranges_that_stay_below():
    rng = np.random.default_rng(0)
    a, b = (np.sort(rng.uniform(2.0, 9.0, size=200)) for _ in range(2))
    kernel = kernels.get_backend()

    def races(families):
        m = np.full(len(families), 3)
        settings = {"sigma": 1.0, "dof": 10.0, "tolerance": 0.0, "n_threads": 1}
        p, error = kernel.race_families(*pack(families), m, m, **settings)
        return p[:, 0], error[:, 0]

    family = RowShift(150, 0.5).worst_rows(a, b)
    assert family.n_members == 96
    covered, error = races([family])
    exact, _ = races([untampered(*moved_lists(a, b, 0.5, p, 150 - p)) for p in range(151)])
    assert covered.min() - error.max() <= exact.min()
    assert covered.min() >= 0.9 * exact.min()


def moved_lists(a, b, radius, p, q):
    moved_a = np.minimum(np.concatenate([a[p:], np.full(p, np.inf)]), a + radius)
    moved_b = np.maximum(np.concatenate([np.zeros(q), b[: len(b) - q]]), np.maximum(b - radius, 0.0))
    return np.sort(moved_a), np.sort(moved_b)


@given(table=tables(max_classes=2))
def test_the_largest_number_of_rows_is_certified_and_one_more_is_not(table):
    arguments = {name: table[name] for name in ("n_neighbors", "sigma", "dof", "n_classes")}
    for kind in (LabelFlips, Deletions, Insertions, Replacements):
        rows = largest_budget(
            table["distances"] ** 2, table["labels"], kind(), target_class=table["target"], **arguments
        )
        assert isinstance(rows, int)
        if rows >= 0:
            assert bound_of(table, kind(rows)) > 0.5
        if rows < len(table["labels"]):
            assert bound_of(table, kind(rows + 1)) <= 0.5


@given(table=tables(max_classes=2), rows=st.integers(1, 9), relabel=st.booleans())
def test_the_largest_radius_is_certified_and_a_little_more_is_not(table, rows, relabel):
    arguments = {name: table[name] for name in ("n_neighbors", "sigma", "dof", "n_classes")}
    makers = (
        lambda r: RowShift(rows, r, relabel),
        lambda r: QueryShift(r),
        lambda r: QueryShift(r, LabelFlips(1)),
    )
    for make in makers:
        radius = largest_budget(
            table["distances"] ** 2, table["labels"], make(None), target_class=table["target"], **arguments
        )
        if math.isnan(radius):
            assert bound_of(table, make(0.0)) <= 0.5
        else:
            certified = make(min(radius, 1e5))
            # or the ball of the table covers so few moved rows, which searches ask besides
            assert bound_of(table, certified) > 0.5
            if math.isfinite(radius):
                beyond = radius * (1 + 2e-3) + 1e-7 * table["sigma"]
                assert bound_of(table, make(beyond)) <= 0.5


@given(table=tables(max_classes=4), data=st.data())
def test_no_tampering_within_a_certified_number_of_rows_changes_the_prediction(table, data):
    n, K = len(table["labels"]), table["n_neighbors"]
    arguments = {name: table[name] for name in ("n_neighbors", "sigma", "dof", "n_classes")}
    table["target"] = int(np.argmax(probabilities_of(table, table["distances"], table["labels"])))
    for threat in (LabelFlips(), Deletions(), Replacements(), Insertions()):
        rows = largest_budget(
            table["distances"] ** 2, table["labels"], threat, target_class=table["target"], **arguments
        )
        if rows <= 0:
            continue
        distances, labels = table["distances"].copy(), table["labels"].copy()
        # the nearest rows of the target, which hurt most, or any
        nearest = np.argsort(distances + 100.0 * (labels != table["target"]))[:rows]
        chosen = data.draw(st.sampled_from([nearest.tolist(), list(range(min(rows, n)))]))
        new_label = data.draw(st.integers(0, table["n_classes"] - 1))
        if isinstance(threat, Deletions):
            distances, labels = np.delete(distances, chosen), np.delete(labels, chosen)
        elif isinstance(threat, Insertions):
            distances = np.concatenate([distances, np.zeros(min(rows, 20))])
            labels = np.concatenate([labels, np.full(min(rows, 20), new_label)])
        else:
            labels[chosen] = new_label
            if isinstance(threat, Replacements):
                distances[chosen] = 0.0
        if len(labels) >= K:
            assert np.argmax(probabilities_of(table, distances, labels)) == table["target"]


@given(table=tables(max_classes=4), rows=st.integers(1, 9), relabel=st.booleans(), data=st.data())
def test_no_shift_within_a_certified_radius_changes_the_prediction(table, rows, relabel, data):
    n = len(table["labels"])
    arguments = {name: table[name] for name in ("n_neighbors", "sigma", "dof", "n_classes")}
    table["target"] = int(np.argmax(probabilities_of(table, table["distances"], table["labels"])))
    radius = largest_budget(
        table["distances"] ** 2,
        table["labels"],
        RowShift(rows, relabel=relabel),
        target_class=table["target"],
        **arguments,
    )
    if math.isnan(radius):
        return
    radius = min(radius, 1e4)
    distances, labels = table["distances"].copy(), table["labels"].copy()
    rival = data.draw(st.integers(0, table["n_classes"] - 1))
    for i in data.draw(st.lists(st.integers(0, n - 1), max_size=rows, unique=True)):
        away = labels[i] != rival and not relabel
        distances[i] = distances[i] + radius if away else max(distances[i] - radius, 0.0)
        labels[i] = rival if relabel else labels[i]
    assert np.argmax(probabilities_of(table, distances, labels)) == table["target"]


def test_a_class_can_be_certified_without_a_majority():
    """Of four classes, the target has 0.4 of the votes, and the others share the rest."""
    sq, labels = np.full(10, 4.0), np.array([2, 2, 2, 2, 0, 0, 1, 1, 3, 3])
    arguments = {"n_neighbors": 1, "sigma": 1.0, "dof": 2, "target_class": 2}
    assert worst_case_probability(sq, labels, LabelFlips(0), **arguments) == pytest.approx(0.4)
    assert largest_budget(sq, labels, LabelFlips(), **arguments) == 0
    assert largest_budget(sq, labels, Deletions(), **arguments) == 1
    assert largest_budget(sq, labels, QueryShift(), **arguments) > 0.1


@given(table=tables(max_classes=4), rows=st.integers(0, 3), radius=st.floats(0.0, 3.0), data=st.data())
def test_no_probability_changes_by_more_than_what_is_touched_is_among_the_nearest(table, rows, radius, data):
    """|q'(y) - q(y)| <= P(something touched among the K nearest), for every class and every tampering."""
    n, K = len(table["labels"]), table["n_neighbors"]
    before = probabilities_of(table, table["distances"], table["labels"])
    chosen = data.draw(st.lists(st.integers(0, n - 1), max_size=rows, unique=True))
    new = data.draw(st.lists(st.floats(0.0, 8.0), min_size=rows, max_size=rows))
    some = st.integers(0, table["n_classes"] - 1)
    for threat in (
        LabelFlips(rows),
        Deletions(rows),
        Insertions(rows),
        Replacements(rows),
        RowShift(rows, radius, relabel=True),
    ):
        distances, labels = table["distances"].copy(), table["labels"].copy()
        if isinstance(threat, Deletions):
            distances, labels = np.delete(distances, chosen), np.delete(labels, chosen)
        elif isinstance(threat, Insertions):
            distances = np.concatenate([distances, new])
            labels = np.concatenate([labels, [data.draw(some) for _ in new]]).astype(int)
        else:
            for i, d in zip(chosen, new, strict=False):
                labels[i] = data.draw(some)
                if isinstance(threat, Replacements):
                    distances[i] = d
                elif isinstance(threat, RowShift):
                    distances[i] = max(distances[i] + data.draw(st.floats(-radius, radius)), 0.0)
        if len(labels) < K:
            continue
        ordered = np.sort(table["distances"])
        family = threat.touched_rows(ordered, ordered)
        a, b = (side.of_member(0) for side in (family.a, family.b))
        law = {"sigma": table["sigma"], "dof": table["dof"]}
        touched = race_probability(a**2, 1, b**2, K, **law) if len(a) else 0.0
        after = probabilities_of(table, distances, labels)
        assert np.abs(after - before).max() <= touched + 1e-12


def test_one_row_moved_anywhere_cannot_change_a_clear_majority():
    sq, labels = np.array([0.1, 0.2, 0.3, 0.4, 90.0, 95.0]), np.array([0, 0, 0, 0, 1, 1])
    arguments = {"target_class": 0, "n_neighbors": 3, "sigma": 0.1, "dof": 2}
    assert largest_budget(sq, labels, RowShift(1), **arguments) == math.inf
    assert 0 < largest_budget(sq, labels, RowShift(4), **arguments) < math.inf
    # and where the others are too few to win a vote, nothing that is moved can make them win
    assert largest_budget(sq[:5], labels[:5], RowShift(5), **arguments) == math.inf
    assert largest_budget(sq[:5], labels[:5], QueryShift(), **arguments) == math.inf


def test_a_threat_with_and_without_an_open_budget_goes_to_the_right_function():
    arguments = {"target_class": 0, "n_neighbors": 1, "sigma": 1.0, "dof": 2}
    with pytest.raises(ValueError, match="leaves its budget open"):
        worst_case_probability([1.0, 2.0], [0, 1], LabelFlips(), **arguments)
    with pytest.raises(ValueError, match="leaves no budget open"):
        largest_budget([1.0, 2.0], [0, 1], LabelFlips(1), **arguments)
    with pytest.raises(ValueError, match="training threat open"):
        QueryShift(None, LabelFlips())
    with pytest.raises(TypeError, match="threat must be one of"):
        largest_budget([1.0, 2.0], [0, 1], BlackBoxBall(), **arguments)


def test_no_tampering_leaves_the_probability_as_it_is(backend):
    sq, labels = [1.0, 2.0, 3.0, 4.0, 5.0], [0, 1, 0, 1, 1]
    arguments = {"n_neighbors": 4, "sigma": 1.0, "dof": 3, "backend": backend}
    q = vote_probabilities(sq, labels, **arguments)
    for target in (0, 1):
        for threat in (
            LabelFlips(0),
            Deletions(0),
            Insertions(0),
            Replacements(0),
            RowShift(5, 0.0),
            QueryShift(0.0),
        ):
            p = worst_case_probability(sq, labels, threat, target_class=target, **arguments)
            assert 0.0 <= q[target] - p <= TIGHT


def test_queries_of_a_table_are_answered_one_by_one():
    rng = np.random.default_rng(1)
    sq, labels = rng.uniform(0, 30, size=(5, 60)), rng.integers(0, 3, size=60)
    arguments = {"n_neighbors": 5, "sigma": 1.0, "dof": 9}
    targets = [0, 1, 2, 0, 1]
    threat = RowShift(0.1, 0.5)
    whole = worst_case_probability(sq, labels, threat, target_class=targets, **arguments)
    for i, target in enumerate(targets):
        alone = worst_case_probability(sq[i], labels, threat, target_class=target, **arguments)
        assert whole[i] == alone


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: LabelFlips(-1), ValueError, "at least 0"),
        (lambda: LabelFlips(1.5), ValueError, "above 0 and not above 1"),
        (lambda: Deletions("3"), TypeError, "whole number or a share"),
        (lambda: Insertions(True), TypeError, "whole number or a share"),
        (lambda: RowShift(3, -0.5), ValueError, "at least 0"),
        (lambda: RowShift(3, float("nan")), ValueError, "at least 0"),
        (lambda: RowShift(None, 0.5), TypeError, "only its radius may be open"),
        (lambda: QueryShift("far"), TypeError, "number"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize(
    ("threat", "target", "kind", "message"),
    [
        ("flips", 0, TypeError, "threat must be one of"),
        (LabelFlips(1), 2, ValueError, "0..1"),
        (LabelFlips(1), 0.0, TypeError, "integer"),
        (LabelFlips(1), [0, 1], ValueError, "shape"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(threat, target, kind, message):
    with pytest.raises(kind, match=message):
        worst_case_probability(
            [1.0, 2.0, 3.0], [0, 1, 0], threat, target_class=target, n_neighbors=1, sigma=1.0, dof=2
        )


def test_more_rows_can_be_inserted_than_the_table_has():
    """Class 0 needs one of two votes: ten rows inserted beside its ten do not beat it, a hundred do."""
    sq, labels = np.zeros(10), np.zeros(10, dtype=int)
    arguments = {"target_class": 0, "n_neighbors": 2, "sigma": 1.0, "dof": 3, "n_classes": 2}
    for rows in (10, 30, 100):
        n = 10 + rows
        both_inserted = rows * (rows - 1) / (n * (n - 1))
        p = worst_case_probability(sq, labels, Insertions(rows), **arguments)
        assert 0.0 <= (1.0 - both_inserted) - p <= TIGHT
    largest = largest_budget(sq, labels, Insertions(), **arguments)
    assert worst_case_probability(sq, labels, Insertions(largest), **arguments) > 0.5
    assert worst_case_probability(sq, labels, Insertions(largest + 1), **arguments) <= 0.5
    assert largest > 10


def test_numpy_numbers_are_numbers_of_rows():
    arguments = {"target_class": 0, "n_neighbors": 1, "sigma": 1.0, "dof": 3}
    for number in (np.int64(1), np.int32(1)):
        p = worst_case_probability([1.0, 2.0, 3.0], [0, 1, 0], LabelFlips(number), **arguments)
        assert p == worst_case_probability([1.0, 2.0, 3.0], [0, 1, 0], LabelFlips(1), **arguments)
    p = worst_case_probability([1.0, 2.0, 3.0], [0, 1, 0], LabelFlips(np.float64(0.3)), **arguments)
    assert p == worst_case_probability([1.0, 2.0, 3.0], [0, 1, 0], LabelFlips(1), **arguments)


def test_a_far_query_among_many_classes_has_a_certificate_for_moved_rows():
    """The errors of ten classes add up to more than the complement of the winner's probability."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 30)), rng.integers(0, 10, size=500)
    clf = SmoothedKNNClassifier(5, 1e-3).fit(X, y)
    assert clf.certify(X[:1] + 1e4, RowShift(3)).budget[0] >= 0.0


def test_with_many_votes_the_search_for_a_count_begins_near_it_and_ends_at_the_same():
    """From 200 votes on the search begins where the vote without noise changes."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [400, 200])
    distances = np.concatenate([rng.uniform(2.0, 6.0, size=400), rng.uniform(4.0, 8.0, size=200)])
    law = {"target_class": 0, "n_neighbors": 201, "sigma": 1.0, "dof": 3}
    for kind in (LabelFlips, Deletions, Insertions, Replacements):
        rows = largest_budget(distances**2, labels, kind(), **law)
        assert rows > 5
        assert worst_case_probability(distances**2, labels, kind(rows), **law) > 0.5
        assert worst_case_probability(distances**2, labels, kind(rows + 1), **law) <= 0.5
