"""The certificates of rivals in benchmarks/rivals: each against another way to the same answer."""

from __future__ import annotations

import importlib
import itertools

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier

pytestmark = pytest.mark.usefixtures("benchmarks_can_be_imported")


def module(name):
    return importlib.import_module(f"benchmarks.rivals.{name}")


def random_table(rng, n_classes, n=5):
    labels = np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=n - n_classes)])
    return rng.normal(size=(n, 2)), labels


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("standardised", [False, True])
def test_flips_of_ridge_are_those_of_all_labellings_fitted_anew(n_classes, intercept, standardised):
    ridge = module("ridge")
    rng = np.random.default_rng(n_classes)
    found = 0
    for _ in range(12):
        X, labels = random_table(rng, n_classes)
        queries, penalty = rng.normal(size=(4, 2)), float(10.0 ** rng.uniform(-2.0, 1.0))
        alpha = ridge.RidgeWeights(X, standardised=standardised, intercept=intercept).of(queries, penalty)
        rows = range(len(labels) + 1)
        label, survives = ridge.survived_flips(alpha, labels, n_classes=n_classes, rows=rows)
        changed = np.zeros_like(survives)
        shift, scale = (X.mean(axis=0), X.std(axis=0)) if standardised else (0.0, 1.0)
        every = np.array(list(itertools.product(range(n_classes), repeat=len(labels))))
        targets = np.moveaxis(np.eye(n_classes)[every], 0, 1).reshape(len(labels), -1)
        model = Ridge(penalty, fit_intercept=intercept).fit((X - shift) / scale, targets)
        fitted = model.predict((queries - shift) / scale).reshape(len(queries), len(every), n_classes)
        for flips, scores in zip(np.sum(every != labels, axis=1), np.moveaxis(fitted, 1, 0), strict=True):
            sure = survives[:, flips]
            assert np.all(scores.argmax(axis=1)[sure] == label[sure])
            scores[np.arange(len(queries)), label] -= 1e-9  # a rival who is level counts as ahead
            changed[:, flips] |= scores.argmax(axis=1) != label
        assert np.array_equal(~np.logical_or.accumulate(changed, axis=1), survives)
        found += changed.sum()
    assert found > 50


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("shape", [(30, 5), (5, 30)])
def test_the_weights_of_ridge_give_the_scores_of_scikit_learn(shape, intercept):
    rng = np.random.default_rng(4)
    X, queries, target = rng.normal(size=shape), rng.normal(size=(7, shape[1])), rng.normal(size=shape[0])
    weights = module("ridge").RidgeWeights(X, standardised=False, intercept=intercept)
    expected = Ridge(0.3, fit_intercept=intercept).fit(X, target).predict(queries)
    assert weights.of(queries, 0.3) @ target == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert weights.mean_eigenvalue > 0.0


def test_the_flips_that_are_certified_do_not_grow_with_the_number_of_flips():
    ridge = module("ridge")
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(200, 4)), rng.integers(3, size=200)
    alpha = ridge.RidgeWeights(X, standardised=False, intercept=True).of(rng.normal(size=(20, 4)), 1.0)
    _, survives = ridge.survived_flips(alpha, labels, n_classes=3, rows=[0, 1, 2, 5, 10, 100, 200])
    assert np.all(survives[:, :-1] >= survives[:, 1:])
    assert survives[:, 0].all() and not survives[:, -1].any()


def test_votes_are_those_of_scikit_learn():
    counts = module("count_certificate")
    rng = np.random.default_rng(1)
    X, labels, queries = rng.normal(size=(60, 3)), rng.integers(3, size=60), rng.normal(size=(20, 3))
    distances = np.linalg.norm(queries[:, None] - X, axis=2)
    votes = counts.plain_votes(distances, labels, n_neighbors=7, n_classes=3)
    model = KNeighborsClassifier(7).fit(X, labels)
    assert np.array_equal(votes / 7, model.predict_proba(queries))
    assert np.array_equal(counts.certified_rows(votes)[0], model.predict(queries))


@pytest.mark.parametrize(
    ("votes", "label", "rows"),
    [
        ([5, 0], 0, 2),
        ([0, 5], 1, 2),
        ([4, 0], 0, 2),  # a tie goes to the lowest class: 2 to 2 is still class 0
        ([0, 4], 1, 1),
        ([2, 2, 0], 0, 0),
        ([1, 3, 3], 1, 0),
        ([0, 0, 9], 2, 4),
    ],
)
def test_the_count_certificate_of_small_votes(votes, label, rows):
    found = module("count_certificate").certified_rows(np.array([votes]))
    assert (int(found[0][0]), int(found[1][0])) == (label, rows)


def test_a_group_changes_no_more_queries_than_one_by_one_and_sometimes_fewer():
    grouped = module("grouped")
    # Each needs 3 votes: with 2 rows, 2 votes come from rows put in, and one row of its own class has to go.
    # Two queries of one class can share that row; those of three classes need three.
    assert grouped.most_changed(np.array([0, 0]), np.array([3, 3]), 2) == 2
    assert grouped.most_changed(np.array([0, 1, 2]), np.array([3, 3, 3]), 2) == 2
    assert grouped.most_changed(np.array([0, 1]), np.array([4, 3]), 2) == 1
    assert grouped.most_changed(np.array([0, 1]), np.array([5, 2]), 2) == 1
    rng = np.random.default_rng(2)
    for _ in range(200):
        label, needed = rng.integers(3, size=30), rng.integers(1, 40, size=30)
        bounds = [grouped.most_changed(label, needed, rows) for rows in range(25)]
        assert all(np.sum(needed <= r) <= b <= np.sum(needed <= 2 * r) for r, b in enumerate(bounds))


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        ("check_counts", ("certified_rows", lambda found: (found[0], found[1] + 1))),
        ("check_counts", ("certified_rows", lambda found: (found[0], np.maximum(found[1] - 1, 0)))),
        ("check_grouped", ("most_changed", lambda found: found - 1)),
        ("check_ridge", ("survived_flips", lambda found: (found[0], np.roll(found[1], 1, axis=1)))),
    ],
)
def test_the_checks_find_a_wrong_certificate(monkeypatch, check, wrong):
    checks = module("tampered_tables")
    report = importlib.import_module("benchmarks.common.report")
    name, change = wrong
    right = getattr(checks, name)
    monkeypatch.setattr(checks, name, lambda *args, **more: change(right(*args, **more)))
    with pytest.raises(report.Disagreement):
        getattr(checks, check)()
