"""Counterexamples are real: the table they describe is within the budget, and has another prediction."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone

from knn_cert import SmoothedKNNClassifier
from knn_cert.threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
)

K, SIGMA = 3, 0.7


def table(n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 3))
    y = np.array(["ant", "bee", "cow"])[
        np.clip(np.digitize(X[:, 0] + 0.3 * rng.normal(size=40), [-0.4, 0.5][: n_classes - 1]), 0, 2)
    ]
    return X, y, rng.normal(size=(8, 3))


def fitted(X, y):
    return SmoothedKNNClassifier(K, SIGMA).fit(X, y)


def check(example, X, y, query, threat, label, clf=None):
    """Apply the counterexample by hand and predict; then look whether it stayed within the budget."""
    tampered_X, tampered_y = example.apply(X, y)
    tampered = fitted(tampered_X, tampered_y) if clf is None else clone(clf).fit(tampered_X, tampered_y)
    assert tampered.predict(example.query[None])[0] == example.label != label
    query_threat = threat if isinstance(threat, QueryShift) else None
    shift = np.linalg.norm(example.query - query)
    assert shift <= (0.0 if query_threat is None else query_threat.radius)
    threat = threat.training if query_threat is not None else threat
    n_changed = len(example.rows)
    if threat is None:
        assert n_changed == 0 and len(example.inserted_y) == 0
    elif isinstance(threat, Insertions):
        assert n_changed == 0 and len(example.inserted_y) <= threat.rows
    else:
        assert len(example.inserted_y) == 0 and n_changed <= threat.rows
    if isinstance(threat, (LabelFlips, RowShift)):
        moves = np.linalg.norm(example.X - X[example.rows], axis=1)
        assert np.all(moves <= (threat.radius if isinstance(threat, RowShift) else 0.0))
        if isinstance(threat, RowShift) and not threat.relabel:
            np.testing.assert_array_equal(example.y, y[example.rows])


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "threat",
    [
        LabelFlips(9),
        Deletions(14),
        Insertions(9),
        Replacements(6),
        RowShift(12, 1.5),
        RowShift(6, 0.5, relabel=True),
        QueryShift(2.5),
        QueryShift(1.5, LabelFlips(2)),
        QueryShift(1.5, RowShift(3, 0.5)),
    ],
    ids=repr,
)
def test_what_is_found_is_a_tampering_within_the_budget_that_changes_the_prediction(threat, n_classes):
    X, y, Q = table(n_classes)
    found = fitted(X, y).falsify(Q, threat)
    assert found.found.any()
    np.testing.assert_array_equal(np.isnan(found.budget), ~found.found)
    for example, query, label, certified in zip(
        found.counterexamples, Q, found.label, found.certified, strict=True
    ):
        if example is not None:
            assert np.isnan(certified)  # a certificate and a counterexample exclude one another
            check(example, X, y, query, threat, label)


@pytest.mark.parametrize("kind", [LabelFlips, Deletions, Insertions, Replacements])
def test_for_two_classes_the_smallest_number_found_is_the_certified_one_and_one_more(kind):
    X, y, Q = table()
    found = fitted(X, y).falsify(Q, kind())
    sure = ~np.isnan(found.certified)
    assert found.found.all()
    np.testing.assert_array_equal(found.budget[sure], found.certified[sure] + 1)


@pytest.mark.parametrize(
    "threat", [RowShift(40), RowShift(8), RowShift(4, relabel=True), QueryShift()], ids=repr
)
def test_the_smallest_radius_found_lies_beyond_the_certified_one(threat):
    X, y, Q = table()
    found = fitted(X, y).falsify(Q, threat)
    assert found.found.sum() >= 4
    both = found.found & ~np.isnan(found.certified)
    assert np.all(found.budget[both] > found.certified[both])
    if threat == RowShift(40):  # exact where all rows may move; radii are known to 0.1 % and 1 %
        assert np.all(found.budget[both] <= 1.03 * found.certified[both])


def test_sparse_tables_are_attacked_like_dense_ones():
    X, y, Q = table()
    X, Q = np.where(np.abs(X) > 0.5, X, 0.0), np.where(np.abs(Q) > 0.5, Q, 0.0)
    dense = fitted(X, y).falsify(Q[:3], RowShift(10))
    sparse = fitted(sp.csr_matrix(X), y).falsify(sp.csr_matrix(Q[:3]), RowShift(10))
    np.testing.assert_allclose(sparse.budget, dense.budget)


def test_rows_of_third_classes_that_cannot_help_do_not_stop_the_attack():
    """Three rows may move, but there is one of the prediction and one of the runner-up."""
    clf = SmoothedKNNClassifier(1).fit([[0.0], [5.0], [6.0], [7.0]], [0, 1, 2, 2])
    found = clf.falsify([[0.0]], RowShift(3))
    assert found.found[0] and found.budget[0] > found.certified[0]


def test_moves_are_no_longer_than_allowed_far_from_the_origin():
    far = 1e6
    X, y = far + np.array([[0.0], [0.5], [2.0], [3.0]]), [0, 0, 1, 1]
    query = np.array([[far - 0.3]])
    for threat in (QueryShift(), RowShift(4), QueryShift(None, RowShift(2, 0.3))):
        found = SmoothedKNNClassifier(1).fit(X, y).falsify(query, threat)
        assert found.found[0]
        example, budget = found.counterexamples[0], found.budget[0]
        rows, of_the_query = (budget, 0.0) if isinstance(threat, RowShift) else (0.3, budget)
        assert np.all(np.abs(example.query - query[0]) <= of_the_query)
        assert np.all(np.abs(example.X - X[example.rows]) <= rows)


def test_new_labels_of_a_counterexample_are_neither_cut_off_nor_converted():
    X = [[0.0], [0.1], [0.2], [9.0]]
    for y, classes in (
        (["", "", "", "bee"], ["", "Zebra", "bee"]),
        ([False, False, False, True], [-1, 0, 1]),
    ):
        clf = SmoothedKNNClassifier(4, 1.0, classes=classes).fit(X, y)
        example = clf.falsify([[0.0]], Replacements()).counterexamples[0]
        tampered_X, tampered_y = example.apply(X, y)
        assert set(tampered_y.tolist()) <= set(classes)
        assert clf.fit(tampered_X, tampered_y).predict([[0.0]])[0] == example.label


@pytest.mark.parametrize("threat", [Insertions(2**70), Deletions(2**70), LabelFlips(2**70)], ids=repr)
def test_an_attack_with_more_rows_than_there_are_ends(threat):
    X, y, Q = table()
    found = fitted(X, y).falsify(Q[:1], threat)
    assert found.found[0] or isinstance(threat, Deletions)


def test_progress_is_reported_and_wrong_threats_are_refused():
    X, y, Q = table()
    calls = []
    fitted(X, y).falsify(Q[:2], LabelFlips(1), progress=lambda *done: calls.append(done))
    assert calls == [(0, 2), (1, 2), (2, 2)]
    with pytest.raises(TypeError, match="threat must be one of"):
        fitted(X, y).falsify(Q, BlackBoxBall())


# ------------------------------------------------------------------------------------------------------------
# Influence


@pytest.mark.parametrize("n_classes", [2, 3])
def test_influence_is_what_the_probability_loses_without_the_row(n_classes):
    X, y, Q = table(n_classes)
    clf = fitted(X, y)
    influence = clf.influence(Q, top=5)
    classes = clf.classes_.tolist()
    for i, (query, label) in enumerate(zip(Q, influence.label, strict=True)):
        p = clf.predict_proba([query])[0, classes.index(label)]
        assert influence.probability[i] == pytest.approx(p, rel=1e-12)
        changes = np.array(
            [
                fitted(np.delete(X, row, axis=0), np.delete(y, row)).predict_proba([query])[
                    0, classes.index(label)
                ]
                - p
                for row in range(len(X))
            ]
        )
        # The rows are those of the largest losses of all, found without looking at all.
        np.testing.assert_allclose(influence.change[i], np.sort(changes)[:5], atol=1e-12)
        np.testing.assert_allclose(changes[influence.rows[i]], influence.change[i], atol=1e-12)


@pytest.mark.parametrize("n_classes", [3, 4])
def test_the_most_influential_row_may_be_of_a_third_class(n_classes):
    """Brute force over every row; rows of third classes split the votes of the rivals."""
    rng = np.random.default_rng(n_classes)
    third = 0
    for _ in range(60):
        n, k = 12, int(rng.integers(1, 6))
        X, y = np.round(rng.uniform(0.0, 4.0, size=(n, 1)), 1), rng.integers(0, n_classes, size=n)
        y[:n_classes] = np.arange(n_classes)
        clf = SmoothedKNNClassifier(k, 0.5, classes=range(n_classes)).fit(X, y)
        influence = clf.influence([[0.0]], top=3)
        p = clf.predict_proba([[0.0]])[0]
        label = int(np.argmax(p))
        changes = [
            SmoothedKNNClassifier(k, 0.5, classes=range(n_classes))
            .fit(np.delete(X, row, axis=0), np.delete(y, row))
            .predict_proba([[0.0]])[0, label]
            - p[label]
            for row in range(n)
        ]
        np.testing.assert_allclose(influence.change[0], np.sort(changes)[:3], atol=1e-11)
        third += np.any(y[influence.rows[0]] != label)
    assert third > 5


def test_influence_refuses_what_has_no_answer():
    X, y, Q = table()
    with pytest.raises(ValueError, match="top"):
        fitted(X, y).influence(Q, top=0)
    with pytest.raises(ValueError, match="none can be removed"):
        SmoothedKNNClassifier(40).fit(X, y).influence(Q)
    with pytest.raises(ValueError, match="without edges"):
        SmoothedKNNClassifier(3, edges=[1.0]).fit(X, y).influence(Q)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("n_neighbors", [5, 12, 21])
def test_moved_rows_without_noise_are_broken_just_beyond_the_exact_radius(n_classes, n_neighbors):
    rng = np.random.default_rng(n_classes)
    y = np.arange(150) % n_classes
    X = rng.normal(size=(150, 4)) + 1.5 * np.eye(n_classes, 4)[y]
    Q = rng.normal(size=(15, 4)) + 1.5 * np.eye(n_classes, 4)[np.arange(15) % n_classes]
    clf = SmoothedKNNClassifier(n_neighbors, sigma=0).fit(X, y)
    found = clf.falsify(Q, RowShift(8))
    some = np.isfinite(found.certified) & (found.certified > 0.0)
    assert some.sum() >= 5
    assert np.all(found.budget[some] > found.certified[some])
    assert np.all(found.budget[some] <= 1.02 * found.certified[some])
    for i in np.flatnonzero(some):
        check(found.counterexamples[i], X, y, Q[i], RowShift(8, found.budget[i]), found.label[i], clf)


def test_a_counterexample_says_that_the_query_moves_and_refuses_another_table():
    X, y, Q = table()
    clf = fitted(X, y)
    (moved,) = clf.falsify(Q[:1], QueryShift(3.0, LabelFlips(2))).counterexamples
    assert "the query is moved" in repr(moved) and moved.moves_query
    assert clf.predict(moved.query[None])[0] != clf.predict(Q[:1])[0] or len(moved.rows)
    (flips,) = clf.falsify(Q[:1], LabelFlips(30)).counterexamples
    assert not flips.moves_query
    for wrong in ((X[:3], y[:3]), (X[:, :1], y), (X, y[:5])):
        with pytest.raises(ValueError, match="table that was attacked"):
            flips.apply(*wrong)
