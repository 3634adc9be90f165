"""A moved query of K-NN without noise: radii by pairs of rows against searches that do not use them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from knn_cert import (
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
    SmoothedKNNClassifier,
)
from knn_cert.exact.plain import contest, duel


def _may_lose(X, y, query, target, n_neighbors, n_classes):
    """Whether some order of rows at equal distances makes another class win; ties go to the lowest class."""
    squares = ((X - query) ** 2).sum(axis=1)
    last = np.sort(squares)[n_neighbors - 1]
    inside, tied = y[squares < last], y[squares == last]
    seats = n_neighbors - len(inside)
    for rival in range(n_classes):
        if rival == target:
            continue
        own, other = (inside == target).sum(), (inside == rival).sum()
        other += min(seats, (tied == rival).sum())
        own += max(0, seats - (tied != target).sum())
        if other > own or (other == own and rival < target):
            return True
    return False


def _directions(X, random):
    """Return unit vectors: random ones, and those between rows, in which pairs swap soonest."""
    between = (X[:, None] - X[None]).reshape(-1, X.shape[1])
    vectors = np.vstack([random.normal(size=(200, X.shape[1])), between[np.any(between != 0.0, axis=1)]])
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def _smallest_found(X, y, query, target, n_neighbors, n_classes, random):
    """Return an upper bound on the smallest move that changes the prediction, by a search of lines.

    On a line every change happens where two rows are equally far; between those the prediction is constant.
    """
    best, gaps = np.inf, X - query
    squares = (gaps**2).sum(axis=1)
    upper = np.triu_indices(len(X), 1)
    rise = (squares[:, None] - squares[None])[upper]
    for direction in _directions(X, random):
        along = gaps @ direction
        slope = 2.0 * (along[:, None] - along[None])[upper]
        with np.errstate(all="ignore"):
            radii = rise / slope
        radii = np.unique(radii[np.isfinite(radii) & (radii > 0.0)])
        middles = np.append((radii[:-1] + radii[1:]) / 2.0, radii[-1:] * 2.0)
        for radius, middle in zip(radii, middles, strict=True):
            if radius >= best:
                break
            # just behind the equality the change has happened
            if _may_lose(X, y, query + middle * direction, target, n_neighbors, n_classes):
                best = radius
                break
    return best


def _tables(seed, n_classes):
    random = np.random.default_rng(seed)
    n, d = int(random.integers(6, 14)), int(random.integers(1, 4))
    X = random.normal(size=(n, d)).round(1 if seed % 2 else 6)  # rounded: ties and duplicates
    if seed % 3 == 0:
        X[1] = X[0]
    y = random.permutation(np.arange(n) % n_classes)
    return random, X, y, random.normal(size=d).round(1), int(random.integers(1, min(6, n)))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("seed", range(40))
def test_no_move_within_the_radius_changes_the_prediction(seed, n_classes, monkeypatch):
    random, X, y, query, n_neighbors = _tables(seed, n_classes)
    clf = SmoothedKNNClassifier(n_neighbors=n_neighbors, sigma=0.0, backend="reference").fit(X, y)
    found = clf.certify(query[None], QueryShift())
    radius = found.budget[0]
    for module in (duel, contest):
        monkeypatch.setattr(module, "limits_by_pairs", lambda measured, targets, m, rest, limits: limits)
    before = clf.certify(query[None], QueryShift())
    # a radius of 0 is one without a certificate
    assert before.abstained[0] or not found.abstained[0]
    assert radius >= before.budget[0]
    if found.abstained[0]:
        return
    target = int(clf.predict(query[None])[0])
    # the search itself rounds: its radii are quotients of a few roundings
    smallest = _smallest_found(X, y, query, target, n_neighbors, n_classes, random)
    assert radius <= smallest * (1.0 + 1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_no_move_with_tampered_rows_within_the_radius_changes_the_prediction(seed):
    random, X, y, query, n_neighbors = _tables(seed, 2)
    clf = SmoothedKNNClassifier(n_neighbors=n_neighbors, sigma=0.0, classes=[0, 1], backend="reference")
    clf.fit(X, y)
    target = int(clf.predict(query[None])[0])
    for kind in (LabelFlips, Replacements, Deletions, Insertions):
        found = clf.certify(query[None], QueryShift(training=kind(1)))
        radius = found.budget[0]
        if found.abstained[0] or np.isinf(radius):
            continue
        for direction in _directions(X, random):
            place = query + radius * (1.0 - 1e-12) * direction
            for table, labels in _tampered(kind, X, y, place, target):
                assert not _may_lose(table, labels, place, target, n_neighbors, 2)


def _tampered(kind, X, y, place, target):
    """Yield every table with one row tampered with, where new rows are of the rival and at the query."""
    new_X, rival = np.vstack([X, place]), np.append(y, 1 - target)
    if kind is Insertions:
        yield new_X, rival
        return
    for i in range(len(X)):
        if kind is LabelFlips:
            yield X, np.where(np.arange(len(X)) == i, 1 - y, y)
        elif kind is Deletions:
            yield np.delete(X, i, axis=0), np.delete(y, i)
        else:
            yield np.delete(new_X, i, axis=0), np.delete(rival, i)


def test_one_neighbour_gets_the_distance_to_the_bisector():
    X, y = np.array([[0.0, 0.0], [1.0, 3.0]]), np.array([0, 1])
    clf = SmoothedKNNClassifier(n_neighbors=1, sigma=0.0).fit(X, y)
    query = np.array([[1.0, 0.0]])
    radius = clf.certify(query, QueryShift()).budget[0]
    exact = (9.0 - 1.0) / (2.0 * np.sqrt(10.0))
    assert exact * (1.0 - 1e-12) < radius < exact


def test_pairs_are_found_when_many_rows_are_looked_at_in_blocks(monkeypatch):
    random = np.random.default_rng(1)
    X = np.vstack([random.normal(size=(400, 3)), random.normal(size=(400, 3)) + 2.0])
    y, queries = np.repeat([0, 1], 400), random.normal(size=(10, 3))
    clf = SmoothedKNNClassifier(n_neighbors=9, sigma=0.0).fit(X, y)
    whole = clf.certify(queries, QueryShift()).budget
    sparse = SmoothedKNNClassifier(n_neighbors=9, sigma=0.0).fit(sp.csr_array(X), y)
    np.testing.assert_allclose(sparse.certify(queries, QueryShift()).budget, whole, rtol=1e-12)
    monkeypatch.setattr("knn_cert.exact.plain.pairs._AT_ONCE", 100)
    np.testing.assert_array_equal(clf.certify(queries, QueryShift()).budget, whole)


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_a_moved_query_is_certified_where_all_rows_may_move_as_far(sigma):
    """Moving the query is moving all rows the other way, each by the same: a weaker attack."""
    rng = np.random.default_rng(3)
    y = np.arange(90) % 3
    X = rng.normal(size=(90, 4)) + 1.2 * np.eye(3, 4)[y]
    Q = rng.normal(size=(20, 4)) + 1.2 * np.eye(3, 4)[np.arange(20) % 3]
    clf = SmoothedKNNClassifier(5, sigma=sigma).fit(X, y)
    rows, query = clf.certify(Q, RowShift(1.0)), clf.certify(Q, QueryShift())
    assert rows.budget.max() > 0.0
    assert np.all(query.budget >= 0.999 * rows.budget)
    assert np.all(query.abstained <= rows.abstained)
    for radius in (0.0, 0.05):
        given = clf.certify(Q, QueryShift(radius)).abstained
        assert np.all(given <= clf.certify(Q, RowShift(1.0, radius)).abstained)
