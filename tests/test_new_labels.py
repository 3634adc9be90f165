"""Labels that the observed table does not have: attackers may bring them, unless the classes were given."""

from __future__ import annotations

import numpy as np
import pytest

from knn_cert import SmoothedKNNClassifier, largest_budget
from knn_cert.threats import Deletions, Insertions, LabelFlips, QueryShift, Replacements, RowShift


def classifier(distances, labels, **settings):
    settings = {"n_threads": 1} | settings
    return SmoothedKNNClassifier(**settings).fit(np.reshape(distances, (-1, 1)), labels)


def certificate(distances, labels, threat, **settings):
    return classifier(distances, labels, **settings).certify([[0.0]], threat)


# Two classes, K even, the first class predicted: one row that comes before it takes its ties.
NEAR_AND_FAR = {"distances": [0.0, 0.1, 20.0, 21.0], "labels": [1, 1, 2, 2], "n_neighbors": 2}


def test_an_inserted_label_that_sorts_first_takes_the_ties_of_the_first_class(backend):
    table = {"distances": [0, 9, 9.5, 10, 11], "labels": [1, 1, 1, 2, 2]}
    cert = certificate(**table, threat=Insertions(), n_neighbors=2, backend=backend)
    assert (cert.label[0], cert.budget[0], cert.abstained[0]) == (1, 0, False)
    tampered = classifier([*table["distances"], 0.0], [*table["labels"], 0], n_neighbors=2, backend=backend)
    assert tampered.predict([[0.0]])[0] == 0


@pytest.mark.parametrize(
    "threat",
    [
        LabelFlips(1),
        Replacements(1),
        RowShift(1, 0.0, relabel=True),
        QueryShift(0.0, LabelFlips(1)),
        QueryShift(0.0, RowShift(1, 0.0, relabel=True)),
    ],
    ids=repr,
)
def test_one_row_with_a_new_label_that_sorts_first_is_enough_for_two_neighbours(threat, backend):
    assert certificate(**NEAR_AND_FAR, threat=threat, backend=backend).abstained[0]
    tampered = classifier(NEAR_AND_FAR["distances"], [0, 1, 2, 2], n_neighbors=2, backend=backend)
    assert tampered.predict([[0.0]])[0] == 0
    if isinstance(threat, (LabelFlips, Replacements)):
        cert = certificate(**NEAR_AND_FAR, threat=type(threat)(), backend=backend)
        assert (cert.budget[0], cert.abstained[0]) == (0, False)


def test_a_rival_without_rows_is_a_rival_of_three_classes(backend):
    table = {"distances": [0.0, 9.75, 10.0, 10.0], "labels": [1, 1, 2, 3]}
    assert certificate(**table, threat=Insertions(1), n_neighbors=3, backend=backend).abstained[0]
    tampered = classifier([*table["distances"], 0.0], [*table["labels"], 0], n_neighbors=3, backend=backend)
    assert tampered.predict([[0.0]])[0] == 0
    q = tampered.predict_proba([[0.0]])[0]
    assert q == pytest.approx([0.594, 0.406, 0.0, 0.0], abs=1e-3)


def test_threats_that_change_no_label_certify_as_before(backend):
    for threat in (Deletions(1), RowShift(1, 1.0), QueryShift(1.0)):
        assert not certificate(**NEAR_AND_FAR, threat=threat, backend=backend).abstained[0]


# ------------------------------------------------------------------------------------------------------------
# The classes are given


@pytest.mark.parametrize(
    "threat", [LabelFlips(1), Replacements(1), Insertions(1), RowShift(1, 0.0, relabel=True)], ids=repr
)
def test_given_classes_keep_the_ties_of_the_first_class(threat, backend):
    cert = certificate(**NEAR_AND_FAR, threat=threat, classes=[1, 2], backend=backend)
    assert not cert.abstained[0]
    assert "among the classes that the classifier was given" in cert.guarantee
    # ... and a class without rows that comes first takes them
    assert certificate(**NEAR_AND_FAR, threat=threat, classes=[0, 1, 2], backend=backend).abstained[0]
    assert "was given" not in certificate(**NEAR_AND_FAR, threat=threat, backend=backend).guarantee


def test_given_classes_are_the_classes_whatever_the_table_has():
    clf = classifier([0.0, 1.0, 2.0], ["b", "b", "b"], n_neighbors=1, classes=["c", "a", "b"])
    assert clf.classes_.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(clf.predict_proba([[0.0]]), [[0.0, 1.0, 0.0]], atol=1e-12)
    assert clf.predict([[0.0]])[0] == "b"


def test_a_table_with_a_label_outside_the_given_classes_is_refused():
    with pytest.raises(ValueError, match=r"among classes.*got 'TALL'"):
        classifier([0.0, 1.0], ["tall", "TALL"], n_neighbors=1, classes=["tall", "short"])
    with pytest.raises(ValueError, match="at least two"):
        classifier([0.0, 1.0], [1, 1], n_neighbors=1, classes=[1])
    with pytest.raises(ValueError, match="sequence of labels"):
        classifier([0.0, 1.0], [1, 1], n_neighbors=1, classes=[[1, 2]])
    with pytest.raises(ValueError, match="sorted"):
        classifier([0.0, 1.0], [1, 1], n_neighbors=1, classes=np.array([1, "b", None], dtype=object))


def test_the_functional_door_reckons_with_the_classes_that_it_is_told(backend):
    """Labels 1 and 2 of three classes: class 0, which has no rows, may take the ties of class 1."""
    sq = np.array(NEAR_AND_FAR["distances"]) ** 2
    law = {"target_class": 1, "n_neighbors": 2, "sigma": 1.0, "dof": 1, "backend": backend}
    assert largest_budget(sq, [1, 1, 2, 2], LabelFlips(), **law) == 0
    # numbered from 0, the first class has the ties
    law["target_class"] = 0
    assert largest_budget(sq, [0, 0, 1, 1], LabelFlips(), **law) == 1


# ------------------------------------------------------------------------------------------------------------
# Any new labels, any number of them


def table_with_a_near_majority(rng):
    """Labels 10, 20, ...; most of the near rows have one of them, so that something is certified."""
    n, n_classes = rng.integers(3, 10), rng.integers(2, 5)
    distances = np.round(rng.uniform(0.0, 6.0, size=n), 1)
    labels = 10 * rng.integers(1, n_classes + 1, size=n)
    labels[np.argsort(distances)[: 2 * n // 3]] = 10 * rng.integers(1, n_classes + 1)
    labels[np.argmax(distances)] = 10 if labels[np.argmin(distances)] != 10 else 20
    return distances, labels


@pytest.mark.parametrize("kind", [LabelFlips, Insertions, Replacements])
def test_no_new_labels_however_many_change_a_certified_prediction(kind):
    rng = np.random.default_rng(0)
    n_certified = 0
    for _ in range(80):
        distances, labels = table_with_a_near_majority(rng)
        settings = {"n_neighbors": int(rng.integers(1, len(labels) + 1)), "sigma": rng.choice([0.2, 1.0])}
        cert = certificate(distances, labels, kind(), **settings)
        rows = int(min(cert.budget[0], 4))
        n_certified += rows > 0
        own = np.argsort(distances + 100.0 * (labels != cert.label[0]))[:rows]
        for _ in range(6 if rows else 0):
            # each row its own new label, or some the same; before, between or after the classes
            new = rng.choice(
                [1, 2, 3, 4, 15, 25, 35, 90, *labels.tolist()], size=rows, replace=bool(rng.integers(2))
            )
            if kind is Insertions:
                tampered = np.append(distances, np.zeros(rows)), np.append(labels, new)
            else:
                tampered = distances.copy(), labels.copy()
                tampered[1][own] = new[: len(own)]
                if kind is Replacements:
                    tampered[0][own] = 0.0
            if len(set(tampered[1].tolist())) > 1:
                assert classifier(*tampered, **settings).predict([[0.0]])[0] == cert.label[0]
    assert n_certified > 20


# ------------------------------------------------------------------------------------------------------------
# The order of the classes


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("spam", "numbers or words, got both: 10, 2, and spam"),
        ("0x1", "numbers or words"),
        ("nan", "numbers or words"),
        ("3", "must sort like these, got 10, 2, 3"),
        ("2.5", "must sort like these"),
        ("1_0", "must sort like these"),
        ("\u0663", "must sort like these"),
    ],
)
def test_one_text_among_numbers_cannot_exchange_the_classes(label, message):
    """Vote ties go to 2 before 10, but to "10" before "2"."""
    X, y = np.zeros((20, 1)), [2] * 10 + [10] * 10
    assert SmoothedKNNClassifier(2).fit(X, y).certify([[0.0]], LabelFlips()).label[0] == 2
    with pytest.raises(ValueError, match=message):
        SmoothedKNNClassifier(2).fit(X, [*y[:-1], label])
    given = SmoothedKNNClassifier(2, classes=["10", "2", label]).fit(X, np.array([*y[:-1], label]))
    assert given.predict([[0.0]])[0] == "10"


def test_one_text_among_numbers_cannot_split_a_class_nor_a_fraction_merge_two():
    with pytest.raises(ValueError, match="must sort like these, got 1, 1.0, 2, 3"):
        classifier([0.0] * 4, np.array([1, 1.0, 2, "3"], dtype=object).astype(str), n_neighbors=1)
    with pytest.raises(ValueError, match="below 2..53"):
        classifier([0.0] * 3, np.array([2.0**53, 4.0, 3.0]), n_neighbors=1)
    assert classifier([0.0] * 2, np.array([2**53 + 1, 2**53]), n_neighbors=1).classes_.tolist() == [
        2**53,
        2**53 + 1,
    ]


@pytest.mark.parametrize(
    "labels", [["0", "1", "9"], ["a1", "b2"], ["Nan", "Bob"], ["", "1st"], ["True", "False"]]
)
def test_labels_of_one_kind_are_taken(labels):
    distances = range(len(labels))
    assert classifier(distances, labels, n_neighbors=1).classes_.tolist() == sorted(labels)
