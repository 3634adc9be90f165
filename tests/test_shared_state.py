"""State that trainings share where a copied trainer cannot have its own: in classes, caches, wrappers."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from knn_cert.montecarlo import SmoothedEnsemble, UnsoundTrainer

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(0.0, 1.0, (30, 2)), RNG.normal(3.0, 1.0, (30, 2))])
Y = np.repeat([0, 1], 30)


class Preparation:
    """Fits a scaler once and keeps it in the class."""

    fitted: dict = {}

    def of(self, X):
        if "scaler" not in self.fitted:
            self.fitted["scaler"] = StandardScaler().fit(X)
        return self.fitted["scaler"]


preparation = Preparation()
KINDS = {"usual": Preparation}


@functools.lru_cache
def one_scaler():
    return StandardScaler()


def with_class_attribute(X, y, seed):
    return scaled(preparation.of(X), X, y)


class WithHelper:
    def __init__(self):
        self.preparation = Preparation()

    def __call__(self, X, y, seed):
        return scaled(self.preparation.of(X), X, y)


def with_cached_factory(X, y, seed):
    scaler = one_scaler()
    if not hasattr(scaler, "mean_"):
        scaler.fit(X)
    return scaled(scaler, X, y)


def through_a_container(X, y, seed):
    return scaled(KINDS["usual"]().of(X), X, y)


def logged(function):
    @functools.wraps(function)
    def call(*arguments):
        return function(*arguments)

    return call


class Decorated:
    @logged
    def __call__(self, X, y, seed):
        return scaled(preparation.of(X), X, y)


def scaled(scaler, X, y):
    model = LogisticRegression().fit(scaler.transform(X), y)
    return lambda queries: model.predict(scaler.transform(queries))


@pytest.mark.parametrize(
    "trainer",
    [with_class_attribute, WithHelper(), with_cached_factory, through_a_container, Decorated()],
    ids=["class attribute", "helper of the trainer", "cached factory", "container", "decorated"],
)
def test_what_trainings_share_through_classes_and_caches_is_found(trainer):
    Preparation.fitted.clear()
    one_scaler.cache_clear()
    with pytest.raises(UnsoundTrainer, match="the trainer changes .* when it trains"):
        SmoothedEnsemble(trainer, sigma=0.5, n_models=20, alpha=0.01, random_state=0).fit(X, Y)


class Settings:
    """Holds an object of its own kind, as configurations do."""

    def __init__(self, C):
        self.C = C


Settings.DEFAULT = Settings(2.0)


def honest(X, y, seed):
    return clone(LogisticRegression(C=Settings.DEFAULT.C)).fit(X, y)


def test_a_class_that_holds_objects_of_its_own_kind_is_no_obstacle():
    ensemble = SmoothedEnsemble(honest, sigma=0.5, n_models=20, alpha=0.01, random_state=0).fit(X, Y)
    assert len(ensemble.models_) == 20


def centred(X, y, seed):
    model = LogisticRegression().fit(X, y)

    def predict(queries):
        height = model.decision_function(queries)
        return (height - height.mean() * (len(height) > 1) > 0).astype(int)

    return predict


def test_a_model_that_centres_its_queries_is_found_though_the_probes_are_balanced():
    with pytest.raises(UnsoundTrainer, match="must not depend on the other queries of the call"):
        SmoothedEnsemble(centred, sigma=0.5, n_models=20, alpha=0.01, random_state=0).fit(X, Y)
