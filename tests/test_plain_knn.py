"""K-NN without noise through every door: estimator, functions, files, command line, scikit-learn."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from knn_cert import (
    BlackBoxBall,
    Certificates,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
    SmoothedKNNClassifier,
    certify_sklearn,
    largest_budget,
    vote_probabilities,
    worst_case_probability,
)
from knn_cert.cli import main
from knn_cert.gate.errors import InvalidInput

THREATS = {
    "flips": LabelFlips(),
    "deletions": Deletions(),
    "insertions": Insertions(),
    "replacements": Replacements(),
    "moved": RowShift(rows=0.1),
    "moved and relabelled": RowShift(rows=0.1, relabel=True),
    "query": QueryShift(),
    "query and flips": QueryShift(training=LabelFlips(2)),
    "ball": BlackBoxBall(),
    "ball of rows": BlackBoxBall(rows=3),
}
GIVEN = {
    "flips": LabelFlips(3),
    "deletions": Deletions(0.1),
    "insertions": Insertions(2),
    "replacements": Replacements(2),
    "moved": RowShift(rows=0.1, radius=0.2),
    "moved and relabelled": RowShift(rows=0.1, radius=0.2, relabel=True),
    "query": QueryShift(0.1),
    "query and flips": QueryShift(0.1, LabelFlips(2)),
}


def table(n=60, d=3, n_classes=2, seed=0):
    generator = np.random.default_rng(seed)
    y = generator.integers(n_classes, size=n)
    X = generator.normal(size=(n, d)) + 1.5 * y[:, None]
    queries = generator.normal(size=(12, d)) + 1.5 * generator.integers(n_classes, size=12)[:, None]
    return X, y, queries


def predicted(X, y, query, k):
    """What K-NN predicts, by itself: ties of distance to the lower row, of votes to the lowest class."""
    order = np.argsort(np.linalg.norm(X - query, axis=1), kind="stable")[:k]
    return np.argmax(np.bincount(y[order], minlength=y.max() + 1))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("k", [1, 4, 7, 60])
def test_the_prediction_is_that_of_the_nearest_rows(n_classes, k):
    X, y, queries = table(n_classes=n_classes)
    clf = SmoothedKNNClassifier(n_neighbors=k, sigma=0).fit(X, y)
    expected = [predicted(X, y, query, k) for query in queries]
    assert clf.predict(queries).tolist() == expected
    probabilities = clf.predict_proba(queries)
    assert set(np.unique(probabilities)) <= {0.0, 1.0}
    assert np.argmax(probabilities, axis=1).tolist() == expected
    assert clf.predict(queries).tolist() == KNeighborsClassifier(k).fit(X, y).predict(queries).tolist()


@pytest.mark.parametrize("name", THREATS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("radius", [None, 2.0])
def test_open_and_given_budgets_agree_and_files_hold_them(name, n_classes, radius, tmp_path):
    X, y, queries = table(n_classes=n_classes)
    clf = SmoothedKNNClassifier(n_neighbors=15 if radius is None else 5, sigma=0, radius=radius).fit(X, y)
    certificates = clf.certify(queries, THREATS[name])
    assert name == "moved and relabelled" or not certificates.abstained.all()
    assert "without noise" in certificates.guarantee
    assert "smoothed" not in certificates.guarantee
    assert ("radius classifier (radius = 2)" in certificates.guarantee) == (radius is not None)
    for suffix in ("json", "npz", "csv"):
        certificates.save(tmp_path / f"c.{suffix}")
    for suffix in ("json", "npz"):
        again = Certificates.load(tmp_path / f"c.{suffix}")
        assert again.guarantee == certificates.guarantee
        assert np.array_equal(again.budget, certificates.budget)
        assert np.array_equal(again.abstained, certificates.abstained)
    if name in GIVEN:
        asked = clf.certify(queries, GIVEN[name])
        asked.save(tmp_path / "asked.json")
        Certificates.load(tmp_path / "asked.json")
        budget = GIVEN[name].asked_budget(len(X))
        assert np.array_equal(~asked.abstained, certificates.certified(budget))
        assert set(asked.worst_probability) <= {0.0, 1.0}
        assert np.array_equal(asked.worst_probability == 1.0, ~asked.abstained)


def test_a_grid_has_plain_and_smoothed_beside_each_other():
    X, y, queries = table()
    threats = [LabelFlips(), BlackBoxBall(), RowShift(rows=3)]
    grid = (
        SmoothedKNNClassifier()
        .fit(X, y)
        .certify_grid(queries, n_neighbors=[3, 9], sigma=[0, 0.5], threats=threats)
    )
    assert [(point.n_neighbors, point.sigma) for point in grid][::3] == [
        (3, 0.0),
        (3, 0.5),
        (9, 0.0),
        (9, 0.5),
    ]
    for point, certificates in grid.items():
        alone = SmoothedKNNClassifier(point.n_neighbors, point.sigma).fit(X, y).certify(queries, point.threat)
        np.testing.assert_allclose(alone.budget, certificates.budget, rtol=1e-9)
        assert alone.guarantee == certificates.guarantee


def test_tampering_within_the_budget_changes_nothing():
    """What the certificate says, done to the table: the worst flips, deletions and replacements by hand."""
    X, y, queries = table()
    k = 15
    clf = SmoothedKNNClassifier(n_neighbors=k, sigma=0).fit(X, y)
    flips, deletions = (clf.certify(queries, threat) for threat in (LabelFlips(), Deletions()))
    for i, query in enumerate(queries):
        label = predicted(X, y, query, k)
        order = np.argsort(np.linalg.norm(X - query, axis=1))
        own = order[y[order] == label]
        for extra in (0, 1):
            changed = y.copy()
            changed[own[: flips.budget[i] + extra]] = 1 - label
            assert (predicted(X, changed, query, k) == label) == (extra == 0)
            gone = own[: deletions.budget[i] + extra]
            if len(X) - len(gone) >= k and len(gone) == deletions.budget[i] + extra:
                left = np.delete(np.arange(len(X)), gone)
                assert (predicted(X[left], y[left], query, k) == label) == (extra == 0)


def test_functions_take_no_noise():
    X, y, queries = table()
    squares = ((queries[:, None] - X) ** 2).sum(axis=2)
    clf = SmoothedKNNClassifier(n_neighbors=9, sigma=0).fit(X, y)
    p, errors = vote_probabilities(squares, y, n_neighbors=9, sigma=0, with_errors=True)
    assert np.array_equal(p, clf.predict_proba(queries))
    assert not errors.any()
    target = np.argmax(p, axis=1)
    for threat in (LabelFlips(), RowShift(rows=4), QueryShift(), BlackBoxBall()):
        found = largest_budget(squares, y, threat, target_class=target, n_neighbors=9, sigma=0)
        certificates = clf.certify(queries, threat)
        expected = np.where(certificates.abstained, -1.0, certificates.budget)
        got = np.where(np.isnan(found), -1.0, found)
        if isinstance(threat, QueryShift):  # the classifier also knows the distances between its rows
            assert np.all(got <= expected * (1.0 + 1e-12))
        else:
            np.testing.assert_allclose(got, expected, rtol=1e-12)
    worst = worst_case_probability(squares, y, LabelFlips(2), target_class=target, n_neighbors=9, sigma=0)
    assert np.array_equal(worst == 1.0, clf.certify(queries, LabelFlips(2)).worst_probability == 1.0)


def test_rows_at_one_distance_leave_nothing_certified_where_their_order_decides():
    X, y = np.ones((6, 2)), np.array([0, 1, 0, 1, 1, 1])
    clf = SmoothedKNNClassifier(n_neighbors=3, sigma=0).fit(X, y)
    certificates = clf.certify([[0.0, 0.0]], LabelFlips())
    assert clf.predict([[0.0, 0.0]])[0] == 0  # rows 0, 1, 2
    assert certificates.abstained[0]
    assert certificates.errors.tolist() == [[1.0, 1.0]]
    all_rows = SmoothedKNNClassifier(n_neighbors=6, sigma=0).fit(X, y)
    assert all_rows.certify([[0.0, 0.0]], LabelFlips(0)).worst_probability[0] == 1.0


def test_the_counterexamples_of_counted_rows_begin_where_certificates_end():
    X, y, queries = table(n=40)
    clf = SmoothedKNNClassifier(n_neighbors=9, sigma=0, classes=[0, 1]).fit(X, y)
    for threat in (LabelFlips(), Deletions(), Insertions(), Replacements()):
        found = clf.falsify(queries, threat)
        hit = found.found
        assert hit.any()
        assert np.array_equal(found.budget[hit], found.certified[hit] + 1)
        for i in np.flatnonzero(hit):
            rows, labels = found.counterexamples[i].apply(X, y)
            assert predicted(rows, labels, queries[i], 9) == found.counterexamples[i].label
            assert found.counterexamples[i].label != found.label[i]
    moved = clf.falsify(queries, RowShift(rows=6))
    assert moved.found.sum() >= 6
    assert np.all(moved.budget[moved.found] >= moved.certified[moved.found])


# ------------------------------------------------------------------------------------------- scikit-learn


@pytest.mark.parametrize("algorithm", ["brute", "kd_tree", "ball_tree"])
def test_a_fitted_classifier_of_scikit_learn_has_the_same_certificates(algorithm):
    X, y, queries = table(n_classes=3)
    names = np.array(["a", "b", "c"])[y]
    knn = KNeighborsClassifier(9, algorithm=algorithm).fit(X, names)
    clf = SmoothedKNNClassifier(n_neighbors=9, sigma=0).fit(X, names)
    for threat in THREATS.values():
        one, other = certify_sklearn(knn, queries, threat), clf.certify(queries, threat)
        assert one.label.tolist() == knn.predict(queries).tolist()
        if threat.budget_name == "rows":
            assert np.array_equal(one.budget, other.budget)
        else:  # a little is taken off for what the rounding of the fitted classifier may exchange
            if not isinstance(threat, QueryShift):  # where pairs of rows are looked at besides
                np.testing.assert_allclose(one.budget, other.budget, rtol=1e-6, atol=1e-6)
            assert np.all(one.budget <= other.budget)
        assert one.guarantee == other.guarantee


@pytest.mark.parametrize(
    ("metric", "parameters"),
    [("manhattan", {}), ("chebyshev", {}), ("minkowski", {"p": 3}), ("cosine", {}), ("canberra", {})],
)
def test_other_metrics_count_the_same_rows(metric, parameters, tmp_path):
    X, y, queries = table()
    knn = KNeighborsClassifier(9, metric=metric, **parameters).fit(X, y)
    certificates = certify_sklearn(knn, queries)
    near = knn.kneighbors(queries, return_distance=False)
    votes = np.array([np.bincount(y[rows], minlength=2) for rows in near])
    a, b = votes.max(axis=1), votes.min(axis=1)
    assert certificates.budget.tolist() == ((a - b + 1) // 2 - 1).tolist()
    assert metric in certificates.guarantee
    certificates.save(tmp_path / "c.json")
    assert Certificates.load(tmp_path / "c.json").guarantee == certificates.guarantee
    moved = RowShift(rows=6)
    if metric == "cosine":
        with pytest.raises(InvalidInput, match="triangle inequality"):
            certify_sklearn(knn, queries, moved)
    else:
        found = certify_sklearn(knn, queries, moved)
        assert (found.budget > 0).any()
        assert f"metric {metric}" in found.guarantee
        with pytest.raises(InvalidInput, match="Euclidean"):
            certify_sklearn(knn, queries, BlackBoxBall())


def test_moves_are_measured_in_the_metric():
    """On one axis Manhattan is Euclid: the same radii."""
    X, y, queries = table(d=1)
    for threat in (RowShift(rows=5), QueryShift()):
        one = certify_sklearn(KNeighborsClassifier(9, metric="manhattan").fit(X, y), queries, threat)
        other = certify_sklearn(KNeighborsClassifier(9).fit(X, y), queries, threat)
        np.testing.assert_allclose(one.budget, other.budget, rtol=1e-9)


def test_distances_that_were_measured_before():
    X, y, queries = table()
    far = np.linalg.norm(X[:, None] - X, axis=2), np.linalg.norm(queries[:, None] - X, axis=2)
    knn = KNeighborsClassifier(9, metric="precomputed").fit(far[0], y)
    expected = certify_sklearn(KNeighborsClassifier(9).fit(X, y), queries)
    assert np.array_equal(certify_sklearn(knn, far[1]).budget, expected.budget)
    with pytest.raises(InvalidInput, match="triangle inequality"):
        certify_sklearn(knn, far[1], QueryShift())


@pytest.mark.parametrize("metric", ["euclidean", "l2", "nan_euclidean", "sqeuclidean"])
def test_rows_that_the_rounding_of_scikit_learn_may_exchange_are_not_told_apart(metric):
    """It expands |x - q|^2, which says nothing of rows that are near to each other and far from 0."""
    X = np.array([[100.0000005], [99.9999994], [100.0000002], [99.9999999]])
    y = np.array([0, 0, 1, 0])
    knn = KNeighborsClassifier(1, metric=metric, algorithm="brute").fit(X, y)
    certificates = certify_sklearn(knn, [[100.0]], Deletions())
    assert certificates.abstained[0] or certificates.budget[0] == 0


@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
@pytest.mark.parametrize("offset", [0.0, 1e5, 1e9])
def test_deletions_within_the_budget_leave_what_scikit_learn_predicts(algorithm, offset):
    generator = np.random.default_rng(1)
    X = generator.normal(size=(120, 4))
    X[:, 0] = offset + generator.integers(0, 3, len(X))
    y = (X[:, 1] > 0).astype(int)
    queries = generator.normal(size=(40, 4))
    queries[:, 0] = offset + generator.integers(0, 3, len(queries))
    certificates = certify_sklearn(
        KNeighborsClassifier(5, algorithm=algorithm).fit(X, y), queries, Deletions()
    )
    if offset < 1e9 or algorithm == "kd_tree":
        assert certificates.abstained.mean() < 0.2
    for i in np.flatnonzero(~certificates.abstained):
        order = np.argsort(np.linalg.norm(X - queries[i], axis=1))
        own = order[y[order] == certificates.label[i]]
        left = np.delete(np.arange(len(X)), own[: certificates.budget[i]])
        again = KNeighborsClassifier(5, algorithm=algorithm).fit(X[left], y[left])
        assert again.predict(queries[i : i + 1])[0] == certificates.label[i]


def test_near_parallel_rows_are_not_told_apart_by_the_cosine():
    X = np.array([[1.00000007, 1.00000003], [1.0, 0.99999996], [0.99999996, 0.99999991]])
    knn = KNeighborsClassifier(1, metric="cosine").fit(X, [0, 1, 1])
    assert certify_sklearn(knn, [[1.0, 1.0]]).abstained[0]


@pytest.mark.parametrize("threat", [LabelFlips(), LabelFlips(1), RowShift(rows=3)])
def test_nothing_is_certified_where_the_classifier_itself_predicts_otherwise(threat):
    X, y, queries = table()
    plain, contrary = (KNeighborsClassifier(9).fit(X, y) for _ in range(2))

    def predict(Q):  # something else than the nearest rows, as other rounding may give
        found = plain.predict(Q)
        return np.where(np.asarray(Q)[:, 0] > 1.0, y.min() + y.max() - found, found)

    contrary.predict = predict
    others = queries[:, 0] > 1.0
    expected, found = certify_sklearn(plain, queries, threat), certify_sklearn(contrary, queries, threat)
    assert found.abstained[others].all() and not expected.abstained[others].all()
    assert not found.budget[others].any()
    assert np.array_equal(found.abstained[~others], expected.abstained[~others])
    assert np.array_equal(found.budget[~others], expected.budget[~others])


@pytest.mark.parametrize("metric", ["infinity", "p", "l1", "cityblock"])
def test_other_names_of_metrics(metric):
    X, y, queries = table()
    names = {"infinity": "chebyshev", "p": "euclidean", "l1": "manhattan", "cityblock": "manhattan"}
    one = certify_sklearn(KNeighborsClassifier(9, metric=metric).fit(X, y), queries, RowShift(rows=3))
    other = certify_sklearn(
        KNeighborsClassifier(9, metric=names[metric]).fit(X, y), queries, RowShift(rows=3)
    )
    np.testing.assert_allclose(one.budget, other.budget, rtol=1e-9)


def test_the_guarantee_names_the_parameters_of_the_metric():
    X, y, queries = table()
    knn = KNeighborsClassifier(9, metric="minkowski", p=3).fit(X, y)
    assert "metric = minkowski, p = 3" in certify_sklearn(knn, queries).guarantee
    knn = KNeighborsClassifier(9, metric="mahalanobis", metric_params={"VI": np.diag([1.0, 2.0, 3.0])}).fit(
        X, y
    )
    assert "metric = mahalanobis, VI given" in certify_sklearn(knn, queries, RowShift(rows=2)).guarantee
    knn = KNeighborsClassifier(9, metric="mahalanobis", metric_params={"VI": np.diag([1.0, 2.0, -3.0])}).fit(
        X, y
    )
    with pytest.raises(InvalidInput, match="positive definite"):
        certify_sklearn(knn, queries)


def test_what_cannot_be_certified_is_refused():
    X, y, queries = table()
    with pytest.raises(InvalidInput, match="weighed by distance"):
        certify_sklearn(KNeighborsClassifier(9, weights="distance").fit(X, y), queries)
    with pytest.raises(InvalidInput, match="'standardscaler' .*learns its constants from the training table"):
        certify_sklearn(make_pipeline(StandardScaler(), KNeighborsClassifier()).fit(X, y), queries)
    with pytest.raises(TypeError, match="KNeighborsClassifier, .*got RadiusNeighborsClassifier; .*radius="):
        certify_sklearn(RadiusNeighborsClassifier().fit(X, y), queries)
    with pytest.raises(InvalidInput, match="several outputs"):
        certify_sklearn(KNeighborsClassifier().fit(X, np.stack([y, y], axis=1)), queries)
    with pytest.raises(InvalidInput, match="one class"):
        certify_sklearn(KNeighborsClassifier().fit(X, np.zeros(len(X))), queries)
    with pytest.raises(Exception, match="not fitted"):
        certify_sklearn(KNeighborsClassifier(), queries)
    with pytest.raises(ValueError, match="features"):
        certify_sklearn(KNeighborsClassifier().fit(X, y), queries[:, :2])
    with pytest.raises(TypeError, match="threat must be"):
        certify_sklearn(KNeighborsClassifier().fit(X, y), queries, "flips")


# ------------------------------------------------------------------------------------------- wrong input


def test_distances_whose_squares_underflow_are_refused():
    X, y = np.array([[4, 28], [27, 13], [-29, -17]]) * 1e-163, [0, 1, 1]
    with pytest.raises(InvalidInput, match="too small"):
        SmoothedKNNClassifier(1, sigma=0).fit(X, y).certify([[0.0, 0.0]], Deletions())
    twice = np.array([[1.0, 2.0], [1.0, 2.0], [3.0, 4.0]])  # rows at distance 0 are no matter
    assert SmoothedKNNClassifier(1, sigma=0).fit(twice, y).predict([[1.0, 2.0]])[0] == 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sigma": -1.0}, "sigma must be at least 0"),
        ({"sigma": 0, "n_neighbors": 61}, "more than the 60 training rows"),
        ({"sigma": 0, "edges": [1.0, 2.0]}, "edges are for smoothed K-NN"),
        ({"radius": -1.0}, "radius must be finite and > 0"),
        ({"radius": 1.0, "edges": [1.0, 2.0]}, "edges are for smoothed K-NN"),
        ({"sigma": float("nan")}, "sigma must be"),
    ],
)
def test_wrong_parameters_are_refused(parameters, message):
    X, y, _ = table()
    with pytest.raises(InvalidInput, match=message):
        SmoothedKNNClassifier(**parameters).fit(X, y)


def test_influence_needs_noise():
    X, y, queries = table()
    with pytest.raises(InvalidInput, match="Deletions"):
        SmoothedKNNClassifier(sigma=0).fit(X, y).influence(queries)


def test_functions_say_what_they_need():
    with pytest.raises(TypeError, match="dof is needed"):
        vote_probabilities([1.0, 2.0], [0, 1], n_neighbors=1, sigma=1.0)
    with pytest.raises(TypeError, match="n_neighbors or radius"):
        vote_probabilities([1.0, 2.0], [0, 1], sigma=0)
    with pytest.raises(TypeError, match="n_neighbors or radius"):
        vote_probabilities([1.0, 2.0], [0, 1], n_neighbors=1, radius=1.0, sigma=0)


# ------------------------------------------------------------------------------------------- command line


def test_the_command_line_certifies_plain_knn(tmp_path, capsys):
    X, y, _ = table(n=80)
    path, out = tmp_path / "table.csv", tmp_path / "out.json"
    np.savetxt(path, np.column_stack([X, y]), "%.12g", ",", header="a,b,c,y", comments="")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = ["certify", str(path), "--label", "y", "--sigma", "0", "--out", str(out)]
        assert main([*arguments, "--k", "9", "--threat", "replacements"]) == 0
        printed = capsys.readouterr().out
        assert "K-NN classifier (K = 9), without noise" in printed
        assert json.loads(out.read_text())["classifier"]["kind"] == "PlainKNN"
        assert main([*arguments, "--vote-radius", "2.0", "--threat", "label-flips"]) == 0
        assert "radius classifier (radius = 2), without noise" in capsys.readouterr().out
        assert main([*arguments, "--k", "9", "--vote-radius", "2.0"]) != 0
        assert main([*arguments, "--levels", "9"]) != 0
