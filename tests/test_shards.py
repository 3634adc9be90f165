"""Tables in parts: votes and certificates are those of the whole table, however it is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knn_cert import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
    SmoothedKNNClassifier,
    summarise,
)
from knn_cert.shards.asking import Answer, DoubtWarning, certify_asking, warn_of_doubt

ROWS = [LabelFlips(), Deletions(), Insertions(), Replacements(), LabelFlips(3), Deletions(0.05)]
BALLS = [BlackBoxBall(), BlackBoxBall(rows=4)]
MOVES = [
    RowShift(rows=3),
    RowShift(rows=1.0),
    RowShift(0.1),
    RowShift(5, radius=0.2),
    RowShift(2, relabel=True),
]


def table(n, d, n_classes, seed, *, rounded=False, m=8):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    X, Q = rng.normal(size=(n, d)) + 0.6 * y[:, None], rng.normal(size=(m, d)) + 0.3
    return (np.round(X), y, np.round(Q)) if rounded else (X, y, Q)


def splits(y, n_parts, how, seed=0):
    """The part of each row: at random, a class a part, or all but nothing in the first."""
    rng = np.random.default_rng(seed)
    return {"random": rng.integers(0, n_parts, len(y)), "classes": y % n_parts, "one": np.zeros(len(y), int)}[
        how
    ]


def together(Q, X, y, part, n_parts, order=None, **settings):
    parts = [summarise(Q, X[part == k], y[part == k], **settings) for k in range(n_parts)]
    parts = [parts[k] for k in (range(n_parts) if order is None else order)]
    return parts[0].merge(*parts[1:])


def assert_as_the_whole_table(whole, clf, Q, threat, n_neighbors):
    expected, (found, in_doubt) = clf.certify(Q, threat), whole.certify(threat, n_neighbors=n_neighbors)
    vote = whole.vote(n_neighbors)
    known = (vote.errors.max(axis=1) < 1.0) & (expected.errors.max(axis=1) < 1.0)
    assert known.any()
    np.testing.assert_allclose(vote.probabilities[known], expected.probabilities[known], rtol=0, atol=1e-12)
    ours, theirs = (np.where(one.abstained, -1, one.budget) for one in (found, expected))
    if threat.budget_name == "rows":
        assert np.all(ours <= theirs)
        assert np.array_equal(ours[~in_doubt], theirs[~in_doubt])
    else:
        np.testing.assert_allclose(ours[~in_doubt], theirs[~in_doubt], rtol=1e-8)
        assert np.all(ours[in_doubt] <= theirs[in_doubt] + 1e-8 * np.abs(theirs[in_doubt]))
    if threat.is_open:
        assert np.array_equal(found.label[known], expected.label[known])
    assert found.n_train == expected.n_train
    return in_doubt


@pytest.mark.parametrize("how", ["random", "classes", "one"])
@pytest.mark.parametrize("n_parts", [1, 3, 7, 50])
def test_parts_certify_what_the_whole_table_does_without_noise(n_parts, how):
    for seed, (n_classes, n_neighbors, rounded) in enumerate(
        [(2, 5, False), (2, 6, True), (2, 31, False), (3, 5, False), (4, 8, True), (2, 1, True)]
    ):
        X, y, Q = table(500, 3, n_classes, seed, rounded=rounded)
        clf = SmoothedKNNClassifier(n_neighbors, sigma=0).fit(X, y)
        for threat in ROWS + MOVES + BALLS[1:] + (BALLS[:1] if n_classes == 2 else []):
            settings = {"n_neighbors": n_neighbors, "sigma": 0.0, "threat": threat, "n_classes": n_classes}
            part = splits(y, n_parts, how)
            order = np.random.default_rng(seed).permutation(n_parts)
            whole = together(Q, X, y, part, n_parts, order, **settings)
            assert_as_the_whole_table(whole, clf, Q, threat, n_neighbors)


@pytest.mark.parametrize("how", ["random", "classes", "one"])
@pytest.mark.parametrize("n_parts", [1, 3, 7, 50])
def test_parts_certify_what_the_whole_table_does_with_noise(n_parts, how):
    for seed, (d, n_neighbors, sigma) in enumerate([(3, 5, 0.3), (8, 15, 1.0), (2, 1, 0.1), (20, 101, 1.0)]):
        X, y, Q = table(900, d, 2, seed)
        clf = SmoothedKNNClassifier(n_neighbors, sigma=sigma).fit(X, y)
        for threat in [*ROWS, *BALLS]:
            settings = {"n_neighbors": n_neighbors, "sigma": sigma, "threat": threat}
            whole = together(Q, X, y, splits(y, n_parts, how), n_parts, **settings)
            assert_as_the_whole_table(whole, clf, Q, threat, n_neighbors)


@pytest.mark.parametrize("n_classes", [3, 5])
def test_votes_of_many_classes_are_those_of_the_whole_table(n_classes):
    X, y, Q = table(1500, 5, n_classes, 1)
    clf = SmoothedKNNClassifier(7, sigma=0.5).fit(X, y)
    for n_parts in (1, 3, 7, 50):
        whole = together(
            Q, X, y, splits(y, n_parts, "random"), n_parts, n_neighbors=7, sigma=0.5, n_classes=n_classes
        )
        assert not assert_as_the_whole_table(whole, clf, Q, BlackBoxBall(), 7).any()


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.2, 1.0]), st.integers(1, 9), st.integers(2, 3))
def test_a_random_table_in_random_parts_is_itself(seed, sigma, n_neighbors, n_classes):
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(40, 300)), int(rng.integers(1, 6))
    X, y, Q = table(n, d, n_classes, seed, rounded=bool(rng.random() < 0.5), m=4)
    y[:n_classes] = np.arange(n_classes)
    # with an even K, noise and labels that nobody knows yet the whole table has more ways to certify
    classes = np.arange(n_classes) if n_neighbors % 2 == 0 or seed % 2 else None
    clf = SmoothedKNNClassifier(n_neighbors, sigma=sigma, classes=classes).fit(X, y)
    n_parts = int(rng.integers(1, 9))
    threat = BlackBoxBall() if sigma and n_classes > 2 else LabelFlips()
    settings = {"n_neighbors": n_neighbors, "sigma": sigma, "threat": threat, "n_classes": n_classes}
    settings["classes"] = classes
    whole = together(Q, X, y, rng.integers(0, n_parts, n), n_parts, rng.permutation(n_parts), **settings)
    expected, (found, in_doubt) = clf.certify(Q, threat), whole.certify(threat, n_neighbors=n_neighbors)
    ours, theirs = (np.where(one.abstained, -1.0, one.budget) for one in (found, expected))
    # a small radius is as far off as the probabilities from which it is
    np.testing.assert_allclose(ours[~in_doubt], theirs[~in_doubt], rtol=1e-8, atol=1e-10)
    assert np.all(ours <= theirs + 1e-8 * np.abs(theirs) + 1e-10)


def test_merging_is_associative_and_commutative():
    X, y, Q = table(4000, 6, 2, 3)
    part = splits(y, 4, "random")
    a, b, c, d = (summarise(Q, X[part == k], y[part == k], n_neighbors=5, sigma=0.5) for k in range(4))
    ways = [
        a.merge(b, c, d),
        d.merge(c).merge(b.merge(a)),
        a.merge(b.merge(c.merge(d))),
        c.merge(a, d).merge(b),
    ]
    for other in ways[1:]:
        np.testing.assert_allclose(other.probabilities(5), ways[0].probabilities(5), rtol=0, atol=1e-13)
        assert np.array_equal(other.rows_of_classes, ways[0].rows_of_classes) and other.n_rows == 4000


@pytest.mark.parametrize("sigma", [0.0, 0.5])
@pytest.mark.parametrize("n_neighbors", [5, 101])
def test_rows_that_are_added_to_a_summary_are_those_that_are_merged(n_neighbors, sigma):
    X, y, Q = table(4000, 6, 2, 3)
    names = np.array(["a", "b"])[y]
    asked = {"n_neighbors": n_neighbors, "sigma": sigma, "threat": LabelFlips()}
    parts = [np.flatnonzero(names == "b")[:700], np.arange(0, 4000, 2), np.arange(0), np.arange(1, 4000, 2)]
    parts[1] = np.setdiff1d(parts[1], parts[0])
    parts[3] = np.setdiff1d(parts[3], parts[0])
    added = None
    for rows in parts:
        added = summarise(Q, X[rows], names[rows], before=added, **asked)
    whole = SmoothedKNNClassifier(n_neighbors, sigma=sigma).fit(X, names)
    in_doubt = assert_as_the_whole_table(added, whole, Q, LabelFlips(), n_neighbors)
    merged = summarise(Q, X[parts[0]], names[parts[0]], **asked).merge(
        *(summarise(Q, X[rows], names[rows], **asked) for rows in parts[1:])
    )
    found, in_doubt_of_merged = merged.certify(LabelFlips(), n_neighbors=n_neighbors)
    assert np.array_equal(in_doubt, in_doubt_of_merged) and added.n_rows == 4000
    assert np.array_equal(added.certify(LabelFlips(), n_neighbors=n_neighbors)[0].budget, found.budget)
    with pytest.raises(ValueError, match="same queries"):
        summarise(Q + 1.0, X, names, before=added, **asked)
    with pytest.raises(TypeError, match="expected a Summary"):
        summarise(Q, X, names, before=X, **asked)


@pytest.mark.parametrize("threat", [LabelFlips(), Deletions(), Replacements()])
def test_races_whose_near_rows_are_too_few_are_unknown_and_end_well(threat):
    rng = np.random.default_rng(16)
    n, d = int(rng.integers(20, 400)), int(rng.integers(1, 4))
    rng.choice(6), rng.choice(4)
    X, y = rng.normal(size=(n, d)) * 3, rng.integers(0, 2, n)
    y[:2] = [0, 1]
    Q = rng.normal(size=(2, d))
    whole = SmoothedKNNClassifier(70, sigma=0.3).fit(np.vstack([X, X]), np.hstack([y, y])).certify(Q, threat)
    part = summarise(Q, X, y, n_neighbors=70, sigma=0.3, threat=threat)
    for n_near in (2, 4, 5):
        found, in_doubt = part.merge(part, n_near=n_near).certify(threat, n_neighbors=70)
        assert in_doubt.all() and np.all(found.budget <= whole.budget)


def test_merging_the_nearest_rows_alone_is_wrong_and_that_is_not_what_is_done():
    X, y, Q = table(6000, 200, 2, 0)
    clf = SmoothedKNNClassifier(5, sigma=1.0).fit(X, y)
    whole = together(Q, X, y, splits(y, 4, "random"), 4, n_neighbors=5, sigma=1.0)
    np.testing.assert_allclose(whole.probabilities(5), clf.certify(Q).probabilities, rtol=0, atol=1e-12)
    near = np.argsort(np.linalg.norm(Q[0] - X, axis=1))[:200]
    alone = SmoothedKNNClassifier(5, sigma=1.0).fit(X[near], y[near]).certify(Q[:1]).probabilities
    assert np.abs(alone - whole.probabilities(5)[:1]).max() > 1e-3


def test_the_size_of_a_summary_does_not_depend_on_the_number_of_rows():
    sizes = []
    for n in (2000, 20000):
        X, y, Q = table(n, 10, 2, 0)
        sizes.append(summarise(Q, X, y, n_neighbors=5, sigma=1.0).nbytes / len(Q))
    assert sizes[1] < 1.2 * sizes[0] < 20_000


def test_too_few_near_rows_are_doubted_and_more_settle_it():
    X, y, Q = table(3000, 4, 2, 5)
    X, Q = X + 3.0 * y[:, None], Q + np.where(np.arange(len(Q)) % 2, 3.3, -0.3)[:, None]
    few = together(Q, X, y, splits(y, 3, "random"), 3, n_neighbors=5, sigma=0.0, threat=Deletions())
    clf = SmoothedKNNClassifier(5, sigma=0).fit(X, y)
    expected = clf.certify(Q, Deletions())
    found, in_doubt = few.certify(Deletions(), n_neighbors=5)
    assert in_doubt.any() and np.all(found.budget <= expected.budget)
    assert np.array_equal(few.doubt(5, Deletions()), in_doubt)
    more = together(
        Q, X, y, splits(y, 3, "random"), 3, n_neighbors=5, sigma=0.0, threat=Deletions(), n_near=3000
    )
    found, in_doubt = more.certify(Deletions(), n_neighbors=5)
    assert not in_doubt.any() and np.array_equal(found.budget, expected.budget)


def test_a_summary_for_fewer_neighbours_says_that_it_knows_nothing():
    X, y, Q = table(3000, 4, 2, 5)
    for sigma in (0.0, 0.5):
        part = summarise(Q, X, y, n_neighbors=3, sigma=sigma)
        vote = part.vote(1001)
        assert vote.in_doubt.all() and np.all(vote.errors.max(axis=1) == 1.0)
        found, in_doubt = part.certify(LabelFlips(), n_neighbors=1001)
        assert in_doubt.all() and found.abstained.all()


def test_rows_of_float32_are_those_of_float64():
    X, y, Q = table(500, 4, 2, 5)
    X = X.astype(np.float32)
    both = [summarise(Q, rows, y, n_neighbors=3, sigma=0.5) for rows in (X, X.astype(np.float64))]
    assert np.array_equal(both[0].probabilities(3), both[1].probabilities(3))


def test_parts_without_rows_and_without_queries():
    X, y, Q = table(200, 4, 2, 5)
    none = summarise(Q, X[:0], y[:0], n_neighbors=3, sigma=0.5)
    whole = none.merge(summarise(Q, X, y, n_neighbors=3, sigma=0.5), none)
    assert whole.n_rows == 200 and none.n_rows == 0
    assert np.array_equal(
        whole.probabilities(3), summarise(Q, X, y, n_neighbors=3, sigma=0.5).probabilities(3)
    )
    empty = summarise(Q[:0], X, y, n_neighbors=3, sigma=0.5)
    assert empty.n_queries == 0


@pytest.mark.parametrize(
    ("threat", "sigma", "n_classes", "said"),
    [
        (QueryShift(), 0.0, 2, "QueryShift.* is not certified for a table in parts"),
        (QueryShift(), 1.0, 2, "QueryShift.* is not certified for a table in parts"),
        (RowShift(rows=3), 1.0, 2, "take sigma=0"),
        (LabelFlips(), 1.0, 3, "with noise and 3 classes"),
        (BlackBoxBall(), 0.0, 3, "give the ball a number of rows"),
    ],
)
def test_what_parts_cannot_answer_for_is_refused(threat, sigma, n_classes, said):
    X, y, Q = table(200, 4, n_classes, 5)
    with pytest.raises(ValueError, match=said):
        summarise(Q, X, y, n_neighbors=3, sigma=sigma, threat=threat)
    part = summarise(Q, X, y, n_neighbors=3, sigma=sigma)
    with pytest.raises(ValueError, match=said):
        part.certify(threat, n_neighbors=3)


def test_summaries_that_do_not_belong_together_are_refused():
    X, y, Q = table(200, 4, 2, 5)
    part = summarise(Q, X, y, n_neighbors=3, sigma=0.5)
    for other, said in (
        (summarise(Q + 1.0, X, y, n_neighbors=3, sigma=0.5), "same queries"),
        (summarise(Q, X, y, n_neighbors=3, sigma=0.25), "same sigma"),
        (summarise(Q, X, y, n_neighbors=3, sigma=0.5, dof=9), "same dof"),
        (summarise(Q, X, y, n_neighbors=101, sigma=0.5), "same far kind"),
        (summarise(Q, X, y.astype(str), n_neighbors=3, sigma=0.5), "labels have one type"),
    ):
        with pytest.raises(ValueError, match=said):
            part.merge(other)
    with pytest.raises(TypeError, match="expected a Summary"):
        part.merge(X)


def test_an_offset_of_all_features_changes_nothing():
    X, y, Q = table(300, 4, 2, 5)
    X, Q = (np.round(rows * 2.0**12) * 2.0**-12 for rows in (X, Q))
    for sigma, offset in ((2.0**-18, 2.0**22), (0.5, -(2.0**30))):
        here, there = (
            summarise(Q + by, X + by, y, n_neighbors=5, sigma=sigma).vote(5) for by in (0.0, offset)
        )
        np.testing.assert_allclose(there.probabilities, here.probabilities, rtol=0, atol=1e-12)


@pytest.mark.parametrize("threat", [LabelFlips(), Deletions(), Insertions(), Replacements(3)])
def test_between_few_votes_and_many_nothing_is_lost(threat):
    """Around 61 and 75 votes near rows and sums take turns in the kernel."""
    rng = np.random.default_rng(0)
    y = (rng.random(3000) < 0.3).astype(int)
    X, Q = rng.normal(size=(3000, 5)), rng.normal(size=(3, 5))
    X[:, 0] += 2 * y
    for n_neighbors in (59, 61, 63, 69, 75, 81, 101, 129):
        clf = SmoothedKNNClassifier(n_neighbors, sigma=0.5).fit(X, y)
        whole = together(
            Q, X, y, splits(y, 3, "random"), 3, n_neighbors=n_neighbors, sigma=0.5, threat=threat
        )
        in_doubt = assert_as_the_whole_table(whole, clf, Q, threat, n_neighbors)
        assert in_doubt.all() or (clf.certify(Q, threat).budget[~in_doubt] > 0).any()


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"X": [[np.nan] * 4]}, ValueError, "NaN"),
        ({"X": [[np.inf] * 4]}, ValueError, "infinity"),
        ({"Q": [[np.nan] * 4]}, ValueError, "NaN"),
        ({"X": [[1.0] * 3]}, ValueError, "must have 4 features"),
        ({"X": [1.0] * 4}, ValueError, r"shape \(n, d\)"),
        ({"y": [0, 1]}, ValueError, "one label a row"),
        ({"y": [7]}, ValueError, "labels must be among classes"),
        ({"sigma": -1.0}, ValueError, "sigma must be at least 0"),
        ({"sigma": 1e-100}, ValueError, "sigma"),
        ({"n_neighbors": 0}, ValueError, "n_neighbors"),
        ({"n_near": 0}, ValueError, "n_near"),
    ],
)
def test_wrong_arguments_are_refused(changes, kind, said):
    given = {"Q": [[0.0] * 4], "X": [[1.0] * 4], "y": [0], "n_neighbors": 1, "sigma": 0.5, "classes": [0, 1]}
    given |= changes
    with pytest.raises(kind, match=said):
        summarise(given.pop("Q"), given.pop("X"), given.pop("y"), **given)


def test_more_neighbours_than_rows_and_one_class_are_refused():
    X, y, Q = table(20, 4, 2, 5)
    with pytest.raises(ValueError, match="n_neighbors = 21 is more than the 20 training rows"):
        summarise(Q, X, y, n_neighbors=21, sigma=0.5).vote(21)
    with pytest.raises(ValueError, match="at least two classes"):
        summarise(Q, X, np.zeros(20, int), n_neighbors=3, sigma=0.5).vote(3)


def clear_table():
    """Two classes apart from each other, where many rows must be deleted to change a prediction."""
    X, y, Q = table(6000, 2, 2, 5, m=30)
    X[:, 0] += 4.0 * y
    return X, y, np.ascontiguousarray(Q * np.linspace(0.2, 4.0, 30)[:, None])


def asking(Q, X, y, n_parts, asked, **settings):
    """Ask parts of a table, and note how many queries were asked for with how many near rows."""

    def ask(rows, n_near):
        queries = Q if rows is None else Q[rows]
        asked.append((len(queries), n_near))
        parts = [
            summarise(queries, X[k::n_parts], y[k::n_parts], n_near=n_near, **settings)
            for k in range(n_parts)
        ]
        whole = parts[0].merge(*parts[1:])
        return Answer.of(whole, settings["threat"], settings["n_neighbors"], None)

    return ask


@pytest.mark.parametrize("threat", [Deletions(), LabelFlips(), BlackBoxBall()])
@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_parts_are_asked_again_until_nothing_is_in_doubt(threat, sigma):
    X, y, Q = clear_table()
    asked = []
    ask = asking(Q, X, y, 5, asked, n_neighbors=5, sigma=sigma, threat=threat)
    found, in_doubt = certify_asking(ask, most_bytes=2**16)
    expected = SmoothedKNNClassifier(5, sigma=sigma).fit(X, y).certify(Q, threat)
    assert not in_doubt.any() and np.array_equal(found.query, np.arange(30))
    np.testing.assert_allclose(found.budget, expected.budget, rtol=1e-8, atol=1e-10)
    assert np.array_equal(found.label, expected.label)
    assert asked[0] == (30, None) and all(n < 30 for n, _ in asked[1:])
    if isinstance(threat, Deletions):
        assert len(asked) > 1


def test_who_keeps_few_rows_certifies_less_and_says_so():
    X, y, Q = clear_table()
    ask = asking(Q, X, y, 3, [], n_neighbors=5, sigma=0.0, threat=Deletions())
    found, in_doubt = certify_asking(ask, most_near=80)
    expected = SmoothedKNNClassifier(5, sigma=0.0).fit(X, y).certify(Q, Deletions())
    assert in_doubt.any() and np.all(found.budget <= expected.budget)
    assert np.array_equal(found.budget[~in_doubt], expected.budget[~in_doubt])
    with pytest.warns(DoubtWarning, match=f"{in_doubt.sum()} of 30 queries"):
        warn_of_doubt(int(in_doubt.sum()), 30, 80)
