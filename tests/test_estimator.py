"""SmoothedKNNClassifier: the scikit-learn contract, and answers that depend on the table alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from knn_cert import (
    SmoothedKNNClassifier,
    kernels,
    largest_budget,
    rab_edges,
    vote_probabilities,
    worst_case_probability,
)
from knn_cert.exact import evaluate
from knn_cert.smoothing import Noise
from knn_cert.threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
)

# scikit-learn's checks ask some ten thousand queries, which is minutes on the reference.
FAST_BACKENDS = [name for name in kernels.available_backends() if name != "reference"]

EDGES = np.array([0.5, 2.0, 5.0])


def small_table(n=9, d=3, n_classes=3, seed=0):
    """Rows and queries that are the same numbers in float32, some of their entries zero."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-8, 9, (n, d)) / 4.0
    y = np.arange(n) % n_classes
    return X, y, rng.integers(-8, 9, (4, d)) / 4.0


def brute_force_sq_distances(queries, rows):
    return ((queries[:, None, :] - rows[None, :, :]) ** 2).sum(axis=2)


@parametrize_with_checks([SmoothedKNNClassifier(backend=name) for name in FAST_BACKENDS])
def test_scikit_learn_accepts_the_estimator(estimator, check):
    check(estimator)


# ------------------------------------------------------------------------------------------------------------
# Answers


@pytest.mark.parametrize("edges", [None, EDGES], ids=["continuous", "bucketed"])
@pytest.mark.parametrize("n_neighbors", [1, 4, 9])
def test_probabilities_are_those_of_the_distances(backend, n_neighbors, edges):
    X, y, Q = small_table()
    clf = SmoothedKNNClassifier(n_neighbors, 0.7, edges=edges, backend=backend).fit(X, y)
    expected = vote_probabilities(
        brute_force_sq_distances(Q, X),
        y,
        n_neighbors=n_neighbors,
        sigma=0.7,
        dof=3,
        edges=edges,
        backend=backend,
    )
    np.testing.assert_allclose(clf.predict_proba(Q), expected, rtol=1e-12)
    np.testing.assert_array_equal(clf.predict(Q), np.argmax(expected, axis=1))


def test_default_parameters_are_the_documented_ones():
    assert SmoothedKNNClassifier().get_params() == {
        "n_neighbors": 5,
        "sigma": 1.0,
        "radius": None,
        "edges": None,
        "classes": None,
        "backend": "auto",
        "n_threads": None,
    }


@pytest.mark.parametrize(
    "names",
    [
        np.array(["no", "yes", "maybe"]),
        np.array(["no", "yes", "maybe"], dtype=object),
        np.array([7, -2, 10**12]),
        np.array([2.0, 1.0, -3.0]),
    ],
    ids=["text", "text objects", "integers", "whole floats"],
)
def test_labels_of_any_type_come_back(backend, names):
    X, y, Q = small_table()
    clf = SmoothedKNNClassifier(3, backend=backend).fit(X, names[y])
    assert clf.classes_.tolist() == sorted(names.tolist())
    by_number = SmoothedKNNClassifier(3, backend=backend).fit(X, np.argsort(np.argsort(names))[y])
    np.testing.assert_array_equal(clf.predict_proba(Q), by_number.predict_proba(Q))
    np.testing.assert_array_equal(clf.predict(Q), np.sort(names)[by_number.predict(Q)])
    np.testing.assert_array_equal(clf.certify(Q).label, clf.predict(Q))


def test_boolean_labels_come_back_as_booleans(backend):
    X, y, Q = small_table(n_classes=2)
    predicted = SmoothedKNNClassifier(3, backend=backend).fit(X, y == 1).predict(Q)
    assert predicted.dtype == bool


def test_duplicated_rows_constant_columns_and_a_query_on_a_row_are_normal(backend):
    X, y, _ = small_table()
    X = np.column_stack([np.repeat(X[:3], 3, axis=0), np.full(9, 5.0)])
    clf = SmoothedKNNClassifier(3, 0.5, backend=backend).fit(X, y)
    p = clf.predict_proba(X[:3])
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0.0, atol=1e-12)
    np.testing.assert_array_equal(p[0], p[1])  # rows 0 and 1 are the same


def test_parameters_set_after_fit_take_effect(backend):
    X, y, Q = small_table()
    clf = SmoothedKNNClassifier(3, 1.0, backend=backend).fit(X, y)
    clf.set_params(sigma=0.4, n_neighbors=2, edges=EDGES)
    fresh = SmoothedKNNClassifier(2, 0.4, edges=EDGES, backend=backend).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(Q), fresh.predict_proba(Q))
    clf.set_params(n_neighbors=10)
    with pytest.raises(ValueError, match="n_neighbors = 10 is more than the 9 training rows"):
        clf.predict(Q)


def test_the_papers_edges_can_be_passed_and_cloned(backend):
    X, y, Q = small_table()
    clf = SmoothedKNNClassifier(3, 1.0, edges=rab_edges(3, 1.0, levels=20), backend=backend)
    p = clone(clf).fit(X, y).predict_proba(Q)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0.0, atol=1e-12)


# ------------------------------------------------------------------------------------------------------------
# Independence


@pytest.mark.parametrize("edges", [None, EDGES], ids=["continuous", "bucketed"])
def test_answers_do_not_depend_on_the_size_of_chunks(backend, edges, monkeypatch):
    X, y, Q = small_table()
    clf = SmoothedKNNClassifier(3, edges=edges, backend=backend, n_threads=1).fit(X, y)
    at_once = clf.certify(Q)
    for queries in (1, 3, 4):
        monkeypatch.setattr(evaluate, "_CHUNK_BYTES", 8 * len(X) * queries)
        monkeypatch.setattr(evaluate, "_QUERIES_PER_REPORT", queries)
        seen = []
        chunked = clf.certify(Q, progress=lambda done, total, seen=seen: seen.append(done))
        assert seen[0] == 0 and seen[-1] == 4 and 1 <= min(np.diff(seen)) <= max(np.diff(seen)) <= queries
        np.testing.assert_array_equal(chunked.probabilities, at_once.probabilities)
        np.testing.assert_array_equal(chunked.radius, at_once.radius)


def test_answers_do_not_depend_on_the_number_of_threads(backend):
    X, y, Q = small_table()
    one, two = (
        SmoothedKNNClassifier(3, backend=backend, n_threads=n_threads).fit(X, y).certify(Q)
        for n_threads in (1, 2)
    )
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    np.testing.assert_array_equal(one.radius, two.radius)


def test_answers_do_not_depend_on_the_order_of_the_rows(backend):
    X, y, Q = small_table()
    order = np.random.default_rng(1).permutation(len(X))
    p = SmoothedKNNClassifier(3, backend=backend).fit(X, y).predict_proba(Q)
    permuted = SmoothedKNNClassifier(3, backend=backend).fit(X[order], y[order]).predict_proba(Q)
    np.testing.assert_allclose(permuted, p, rtol=1e-12)


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        lambda a: a[::-1].copy()[::-1],
        lambda a: a.astype(np.float32),
        lambda a: (4 * a).astype(np.int32) / np.float32(4),
        lambda a: np.lib.stride_tricks.as_strided(a, writeable=False),
        lambda a: a.tolist(),
    ],
    ids=["fortran", "strided", "reversed", "float32", "float32 from integers", "read-only", "list"],
)
def test_answers_do_not_depend_on_the_layout_of_the_table(backend, layout):
    X, y, Q = small_table()
    expected = SmoothedKNNClassifier(3, backend=backend).fit(X, y).predict_proba(Q)
    p = SmoothedKNNClassifier(3, backend=backend).fit(layout(X), y).predict_proba(layout(Q))
    np.testing.assert_array_equal(p, expected)


def test_float32_is_computed_in_float64(backend):
    X, y, Q = small_table()
    X, Q = (X / 3).astype(np.float32), (Q / 3).astype(np.float32)
    p = SmoothedKNNClassifier(3, backend=backend).fit(X, y).predict_proba(Q)
    assert p.dtype == np.float64
    expected = (
        SmoothedKNNClassifier(3, backend=backend).fit(X.astype(float), y).predict_proba(Q.astype(float))
    )
    np.testing.assert_array_equal(p, expected)


@pytest.mark.parametrize("format_of_rows", [np.asarray, sp.csr_matrix, sp.csr_array, sp.csc_matrix])
@pytest.mark.parametrize("format_of_queries", [np.asarray, sp.csr_matrix, sp.coo_array])
def test_sparse_and_dense_tables_give_the_same_answers(backend, format_of_rows, format_of_queries):
    X, y, Q = small_table()
    expected = SmoothedKNNClassifier(3, backend=backend).fit(X, y).certify(Q)
    cert = SmoothedKNNClassifier(3, backend=backend).fit(format_of_rows(X), y).certify(format_of_queries(Q))
    np.testing.assert_allclose(cert.probabilities, expected.probabilities, rtol=1e-12)
    np.testing.assert_allclose(cert.radius, expected.radius, rtol=1e-9)


def test_sparse_rows_may_have_repeated_and_unsorted_entries_and_stay_as_they_are(backend):
    y = [0, 1, 0]
    indptr, indices, data = (
        np.array([0, 3, 5, 6]),
        np.array([2, 0, 2, 1, 0, 2]),
        np.array([1.0, 2, 3, 4, 5, 6]),
    )
    messy = sp.csr_matrix((data.copy(), indices.copy(), indptr.copy()), shape=(3, 3))
    tidy = [[2.0, 0.0, 4.0], [5.0, 4.0, 0.0], [0.0, 0.0, 6.0]]
    p = SmoothedKNNClassifier(1, backend=backend).fit(messy, y).predict_proba(messy)
    np.testing.assert_array_equal(messy.indices, indices)
    np.testing.assert_array_equal(messy.data, data)
    expected = SmoothedKNNClassifier(1, backend=backend).fit(tidy, y).predict_proba(tidy)
    np.testing.assert_allclose(p, expected, rtol=1e-12)


def test_a_far_offset_of_all_rows_loses_nothing(backend):
    # |x|^2 + |y|^2 - 2xy about the origin would keep three digits here.
    X, y, Q = small_table()
    expected = SmoothedKNNClassifier(3, backend=backend).fit(X, y).predict_proba(Q)
    p = SmoothedKNNClassifier(3, backend=backend).fit(X + 2.0**20, y).predict_proba(Q + 2.0**20)
    np.testing.assert_allclose(p, expected, rtol=1e-13)


# ------------------------------------------------------------------------------------------------------------
# Certificates from the estimator


def test_certificates_carry_what_they_were_made_with(backend):
    X, y, Q = small_table()
    cert = SmoothedKNNClassifier(3, 0.5, edges=EDGES, backend=backend).fit(X, y).certify(Q, BlackBoxBall(2))
    assert (cert.classifier.n_neighbors, cert.noise, cert.n_features, cert.n_train) == (3, Noise(0.5), 3, 9)
    assert cert.threat == BlackBoxBall(2)
    assert cert.classifier.backend == backend
    np.testing.assert_array_equal(cert.classifier.edges, EDGES)
    np.testing.assert_array_equal(cert.classes, [0, 1, 2])


def test_bounds_enclose_the_probabilities(backend):
    X, y, Q = small_table()
    cert = SmoothedKNNClassifier(3, 0.5, backend=backend).fit(X, y).certify(Q)
    ordered = np.sort(cert.probabilities, axis=1)
    assert np.all(cert.p_lower < ordered[:, -1])
    assert np.all(cert.p_upper > ordered[:, -2])
    np.testing.assert_allclose(cert.p_lower, ordered[:, -1], rtol=1e-10)
    np.testing.assert_allclose(cert.p_upper, ordered[:, -2], rtol=1e-10)


def test_an_attack_inside_the_radius_never_changes_the_prediction():
    X, y, Q = small_table(n=8, d=2, n_classes=2, seed=3)
    clf = SmoothedKNNClassifier(3, 0.6, backend="reference").fit(X, y)
    cert = clf.certify(Q)
    assert not cert.abstained.all()
    for query, label, radius in zip(Q, cert.label, cert.radius, strict=True):
        # The worst direction: rows of the winner straight away from the query, others straight to it.
        delta = np.where((y == label)[:, None], X - query, query - X)
        delta *= 0.999999 * radius / np.linalg.norm(delta)
        tampered = SmoothedKNNClassifier(3, 0.6, backend="reference").fit(X + delta, y)
        assert tampered.predict([query]) == [label]


def test_a_bound_on_tampered_rows_divides_the_radius_by_its_root(backend):
    X, y, Q = small_table()
    clf = SmoothedKNNClassifier(3, backend=backend).fit(X, y)
    np.testing.assert_allclose(clf.certify(Q, BlackBoxBall(4)).radius, clf.certify(Q).radius / 2, rtol=1e-9)


def test_rounding_of_distances_is_taken_off_the_radius(backend):
    # A third class so far away that computed distances to it are uncertain by more than the radius.
    X = np.array([[0.0, 0.0], [1.0, 0.0], [1e18, 1e18]])
    clf = SmoothedKNNClassifier(1, 1.0, backend=backend)
    near = clf.fit(X[:2], [0, 1]).certify([[0.0, 0.0]])
    far = clf.fit(X, [0, 1, 2]).certify([[0.0, 0.0]])
    np.testing.assert_allclose(far.probabilities[0, :2], near.probabilities[0], rtol=1e-12)
    assert near.radius[0] > 0.1
    assert far.radius[0] == 0.0
    assert far.abstained[0]


@pytest.mark.parametrize(
    ("rows", "error"), [(0, ValueError), (1.5, ValueError), ("2", TypeError), (True, TypeError)]
)
def test_a_wrong_number_of_tampered_rows_is_refused(rows, error):
    with pytest.raises(error, match="rows"):
        BlackBoxBall(rows)


# ------------------------------------------------------------------------------------------------------------
# Threats that use the structure


STRUCTURED = (
    LabelFlips(),
    LabelFlips(1),
    Deletions(),
    Insertions(0.2),
    Replacements(),
    RowShift(2),
    RowShift(0.2, 0.3, relabel=True),
    QueryShift(),
    QueryShift(0.1, Deletions(1)),
)


@pytest.mark.parametrize("threat", STRUCTURED, ids=repr)
def test_a_threat_is_certified_as_by_the_functional_door(backend, threat):
    is_slow = backend == "reference" and threat == RowShift(2)  # minutes, to search for a radius
    X, y, Q = small_table(n=6 if is_slow else 11, n_classes=2)
    Q = Q[:1] if is_slow else Q
    clf = SmoothedKNNClassifier(3, 0.5, backend=backend).fit(X, y)
    cert = clf.certify(Q, threat)
    arguments = {"target_class": cert.label, "n_neighbors": 3, "sigma": 0.5, "dof": 3, "backend": backend}
    sq = brute_force_sq_distances(Q, X)
    assert cert.threat == threat
    if getattr(threat, threat.budget_name) is None:
        budget = largest_budget(sq, y, threat, **arguments)
        np.testing.assert_array_equal(cert.abstained, ~(budget >= 0))
        np.testing.assert_allclose(cert.budget, np.where(cert.abstained, 0, budget), rtol=2e-3)
        assert np.isnan(cert.worst_probability).all()
    else:
        worst = worst_case_probability(sq, y, threat, **arguments)
        np.testing.assert_array_equal(cert.abstained, worst <= 0.5)
        np.testing.assert_allclose(cert.worst_probability, worst, rtol=1e-8, atol=1e-10)
        assert np.all(cert.worst_probability < worst)  # less what it may err
    np.testing.assert_allclose(cert.probabilities, clf.predict_proba(Q))


def test_answers_for_a_threat_do_not_depend_on_chunks_or_threads(monkeypatch):
    X, y, Q = small_table(n=30, n_classes=3)
    whole = SmoothedKNNClassifier(3, n_threads=2).fit(X, y).certify(Q, RowShift(4))
    monkeypatch.setattr("knn_cert.exact.evaluate._CHUNK_BYTES", 1)
    parts = SmoothedKNNClassifier(3, n_threads=1).fit(X, y).certify(Q, RowShift(4))
    np.testing.assert_allclose(parts.budget, whole.budget, rtol=2e-3)
    np.testing.assert_array_equal(parts.abstained, whole.abstained)


def test_what_distances_may_err_is_taken_against_the_prediction(monkeypatch):
    X, y, Q = small_table(n=20, n_classes=2)
    clf = SmoothedKNNClassifier(3, 0.5).fit(X, y)
    monkeypatch.setattr("knn_cert.exact.table.relative_distance_error", lambda n_features: 0.1)
    flips, deletions = clf.certify(Q, LabelFlips(1)), clf.certify(Q, Deletions(1))
    distances = np.sqrt(brute_force_sq_distances(Q, X))
    for i, label in enumerate(flips.label):
        # longer by an error relative to the true distance, which is more than one relative to the known one
        against = np.where(y == label, 1.0 / 0.9, 0.9) * distances[i]
        expected = {"target_class": int(label), "n_neighbors": 3, "sigma": 0.5, "dof": 3}
        worst = worst_case_probability(against**2, y, Deletions(1), **expected)
        assert deletions.worst_probability[i] == pytest.approx(worst, rel=1e-9)
        # the flipped row, the nearest of the class, is one of the others: now it is shortened
        nearest = np.argmin(np.where(y == label, distances[i], np.inf))
        flipped = np.where(np.arange(len(y)) == nearest, 1 - label, y)
        against[nearest] = 0.9 * distances[i][nearest]
        worst = worst_case_probability(against**2, flipped, LabelFlips(0), **expected)
        assert flips.worst_probability[i] == pytest.approx(worst, rel=1e-9)


def test_buckets_are_certified_against_the_ball_only():
    X, y, Q = small_table()
    clf = SmoothedKNNClassifier(3, edges=EDGES).fit(X, y)
    with pytest.raises(ValueError, match="leave out edges"):
        clf.certify(Q, LabelFlips())
    with pytest.raises(TypeError, match="threat must be one of"):
        clf.certify(Q, "flips")


def test_a_grid_answers_as_one_certificate_after_the_other(backend):
    is_slow = backend == "reference"
    X, y, Q = small_table(n=4 if is_slow else 15, n_classes=2)
    Q = Q[:2] if is_slow else Q  # each takes it seconds
    ks = (3, 1, 2) if is_slow else (5, 1, 2)
    clf = SmoothedKNNClassifier(ks[0], backend=backend).fit(X, y)
    threats = [BlackBoxBall(2), LabelFlips(), LabelFlips(1)]
    for given, asked in (({}, [BlackBoxBall()]), ({"threats": threats}, threats)):
        grid = clf.certify_grid(Q, n_neighbors=list(ks), sigma=[0.5, 1.0], **given)
        assert list(grid) == list(itertools.product(ks, (0.5, 1.0), asked))
        for (k, sigma, threat), cert in grid.items():
            alone = SmoothedKNNClassifier(k, sigma, backend=backend).fit(X, y).certify(Q, threat)
            assert (cert.classifier.n_neighbors, cert.noise.sigma, cert.threat) == (k, sigma, threat)
            np.testing.assert_allclose(cert.probabilities, alone.probabilities, rtol=1e-12, atol=1e-300)
            np.testing.assert_array_equal(cert.label, alone.label)
            np.testing.assert_array_equal(cert.abstained, alone.abstained)
            np.testing.assert_allclose(cert.budget, alone.budget, rtol=1e-9)


def test_a_grid_of_a_single_value_is_told_what_a_sequence_is():
    clf = SmoothedKNNClassifier(1).fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match=r"n_neighbors must be a sequence, such as \[5\], got 5"):
        clf.certify_grid([[0.0]], n_neighbors=5)
    with pytest.raises(TypeError, match="threats must be a sequence"):
        clf.certify_grid([[0.0]], threats=LabelFlips())


def test_a_grid_with_nothing_in_it_is_refused():
    X, y, Q = small_table()
    clf = SmoothedKNNClassifier(3).fit(X, y)
    with pytest.raises(ValueError, match="sigma is empty"):
        clf.certify_grid(Q, sigma=[])
    with pytest.raises(ValueError, match="n_neighbors"):
        clf.certify_grid(Q, n_neighbors=[3, 100])


@pytest.mark.parametrize("sigma", [1e-3, 1e-6])
def test_without_noise_to_speak_of_the_prediction_is_that_of_the_plain_vote(backend, sigma):
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(12, 3)), rng.integers(0, 3, 12)
    Q = rng.normal(size=(2, 3))
    nearest = np.argsort(brute_force_sq_distances(Q, X), axis=1)
    for n_neighbors, n_classes in ((7, 3), (7, 2), (2, 2)):
        labels = np.minimum(y, n_classes - 1)
        votes = [np.bincount(labels[row[:n_neighbors]], minlength=n_classes) for row in nearest]
        clf = SmoothedKNNClassifier(n_neighbors, sigma, backend=backend).fit(X, labels)
        np.testing.assert_array_equal(clf.predict(Q), np.argmax(votes, axis=1))


def test_without_noise_to_speak_of_the_certificate_is_that_of_the_plain_vote():
    """sigma -> 0: a label-flip budget is the number of flips that leaves a majority of the K nearest."""
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    Q = rng.normal(size=(12, 3))
    cert = SmoothedKNNClassifier(7, 1e-6).fit(X, y).certify(Q, LabelFlips())
    nearest = np.argsort(brute_force_sq_distances(Q, X), axis=1)[:, :7]
    votes = (y[nearest] == cert.label[:, None]).sum(axis=1)
    assert np.all(votes >= 4)
    np.testing.assert_array_equal(cert.budget, votes - 4)


# ------------------------------------------------------------------------------------------------------------
# Bad input


def spoiled(value):
    X, _, _ = small_table()
    X[4, 1] = value
    return X


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"X": spoiled(np.nan)}, ValueError, "NaN"),
        ({"X": spoiled(np.inf)}, ValueError, "infinity"),
        ({"X": np.empty((0, 3)), "y": []}, ValueError, r"0 sample\(s\).*minimum of 1"),
        ({"X": np.empty((9, 0))}, ValueError, r"0 feature\(s\).*minimum of 1"),
        ({"y": np.zeros(9)}, ValueError, "at least two classes are needed, got one class"),
        ({"y": [0, 1]}, ValueError, "inconsistent numbers of samples"),
        ({"y": None}, ValueError, "requires y"),
        ({"y": np.array(["a", None] * 4 + ["a"], dtype=object)}, ValueError, "none may be missing"),
        ({"y": np.array([0.0, np.nan] * 4 + [1.0])}, ValueError, "NaN"),
        ({"y": np.linspace(0, 1, 9)}, ValueError, "Unknown label type"),
        ({"X": [["a", "b", "c"]] * 9}, ValueError, "could not convert string to float"),
        ({"X": spoiled(1e200)}, ValueError, "overflow.*divide the features and sigma"),
        ({"sigma": 1e-140, "X": spoiled(1e30)}, ValueError, "overflow.*divide the features and sigma"),
        ({"n_neighbors": 10}, ValueError, "n_neighbors = 10 is more than the 9 training rows"),
        ({"n_neighbors": 0}, ValueError, "n_neighbors must be at least 1"),
        ({"n_neighbors": 2.0}, TypeError, "n_neighbors must be a whole number"),
        ({"sigma": float("inf")}, ValueError, "sigma must be finite and > 0"),
        ({"sigma": -1.0}, ValueError, "sigma must be at least 0"),
        ({"sigma": "1"}, TypeError, "sigma must be a real number"),
        ({"edges": [3.0, 1.0]}, ValueError, "edges must be strictly increasing"),
        ({"n_threads": 0}, ValueError, "n_threads must be at least 1"),
        ({"backend": "gpu"}, ValueError, "backend must be one of"),
    ],
)
def test_bad_input_to_fit_is_refused_with_a_clear_error(changes, error, message):
    X, y, _ = small_table()
    arguments = {"X": X, "y": y, "backend": "reference"} | changes
    X, y = arguments.pop("X"), arguments.pop("y")
    with pytest.raises(error, match=message):
        SmoothedKNNClassifier(**({"n_neighbors": 3} | arguments)).fit(X, y)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "certify"])
@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([[1.0, 2.0]], "X has 2 features, but SmoothedKNNClassifier is expecting 3 features"),
        ([[1.0, np.nan, 2.0]], "NaN"),
        ([[1.0, np.inf, 2.0]], "infinity"),
        (np.empty((0, 3)), r"0 sample\(s\)"),
        ([1.0, 2.0, 3.0], "Expected 2D array"),
        ([[1.0, 1e200, 2.0]], "squared distances overflow.*divide the features and sigma"),
    ],
)
def test_bad_queries_are_refused_with_a_clear_error(method, queries, message):
    X, y, _ = small_table()
    clf = SmoothedKNNClassifier(3, backend="reference").fit(X, y)
    with pytest.raises(ValueError, match=message):
        getattr(clf, method)(queries)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "certify"])
def test_an_unfitted_classifier_says_so(method):
    with pytest.raises(NotFittedError, match="not fitted"):
        getattr(SmoothedKNNClassifier(), method)([[1.0]])


def test_text_columns_are_named():
    pd = pytest.importorskip("pandas")
    X, y, Q = small_table()
    frame = pd.DataFrame(X, columns=["age", "height", "weight"])
    clf = SmoothedKNNClassifier(3, backend="reference").fit(frame, y)
    assert clf.feature_names_in_.tolist() == ["age", "height", "weight"]
    with pytest.raises(ValueError, match="columns are not: city; drop"):
        SmoothedKNNClassifier(3, backend="reference").fit(frame.assign(city="here"), y)
    with pytest.raises(ValueError, match="columns are not: height; drop"):
        clf.predict(pd.DataFrame(Q, columns=frame.columns).assign(height="tall"))


def test_a_failed_fit_leaves_no_half_fitted_classifier():
    X, _, Q = small_table()
    clf = SmoothedKNNClassifier(3, backend="reference")
    with pytest.raises(ValueError, match="one class"):
        clf.fit(X, np.zeros(9))
    with pytest.raises(NotFittedError):
        clf.predict(Q)


def test_a_failed_second_fit_does_not_mix_two_tables():
    X, y, Q = small_table()
    clf = SmoothedKNNClassifier(3, backend="reference").fit(X, y)
    with pytest.raises(ValueError, match="one class"):
        clf.fit(X[:, :2], np.zeros(9))
    with pytest.raises(NotFittedError):
        clf.predict(Q[:, :2])


def test_probabilities_can_be_scored():
    """A probability of 1 + 1e-14 made every score of a cross-validation NaN."""
    X, y = load_iris(return_X_y=True)
    clf = SmoothedKNNClassifier(sigma=0.1)
    assert clf.fit(X, y).predict_proba(X).max() == 1.0
    assert np.isfinite(cross_val_score(clf, X, y, scoring="neg_log_loss", error_score="raise")).all()
