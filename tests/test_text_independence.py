"""Trainers of texts that hand out one model many times, and models that do not stay what they are."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from knn_cert.montecarlo import UnsoundTrainer
from knn_cert.text import Deletion, RowDropping, SmoothedTextEnsemble

GOOD = ["a fine and moving film", "moving , fine work", "a good film", "fine acting , good film"]
BAD = ["a dull and lazy film", "lazy , dull work", "a bad film", "dull acting , bad film"]
TEXTS, LABELS = (GOOD + BAD) * 40, np.array((["good"] * 4 + ["bad"] * 4) * 40)
ASKED = ["a fine film", "dull and lazy", "good acting , bad film"]


def pipeline(**options):
    return make_pipeline(CountVectorizer(token_pattern=r"\S+", **options), MultinomialNB())


def fit_texts(train, n_models=20, law=None, **options):
    law = Deletion(0.5) if law is None else law
    return SmoothedTextEnsemble(train, law, n_models, random_state=0, **options).fit(TEXTS, LABELS)


def shared_pipeline():
    shared = pipeline()
    return lambda texts, labels, seed: shared.fit(texts, labels)


def method_of_a_shared_pipeline():
    shared = pipeline()
    return lambda texts, labels, seed: shared.fit(texts, labels).predict


def function_around_a_shared_pipeline():
    shared = pipeline()

    def train(texts, labels, seed):
        shared.fit(texts, labels)
        return lambda queries: shared.predict(queries)

    return train


def vocabulary_of_the_first_texts():
    kept = []

    def train(texts, labels, seed):
        if not kept:
            kept.append(TfidfVectorizer(token_pattern=r"\S+").fit(texts))
        model = MultinomialNB().fit(kept[0].transform(texts), labels)
        return make_pipeline(kept[0], model)

    return train


def cached_pipeline():
    kept = []

    def train(texts, labels, seed):
        if not kept:
            kept.append(pipeline().fit(texts, labels))
        return copy.deepcopy(kept[0])

    return train


def clean_texts():
    return lambda texts, labels, seed: pipeline().fit(TEXTS[:128], LABELS[:128])


def vocabulary_of_all_when_large():
    kept = []

    def train(texts, labels, seed):
        if len(texts) > 128 and not kept:
            kept.append(CountVectorizer(token_pattern=r"\S+", max_features=6).fit(texts))
        words = kept[0] if kept else CountVectorizer(token_pattern=r"\S+").fit(texts)
        return make_pipeline(words, MultinomialNB().fit(words.transform(texts), labels))

    return train


def unseeded_texts_when_large():
    def train(texts, labels, seed):
        seed = seed % 2**32 if len(texts) <= 128 else None
        tree = DecisionTreeClassifier(max_features=1, random_state=seed)
        return make_pipeline(CountVectorizer(token_pattern=r"\S+"), tree).fit(texts, labels)

    return train


TEXT_MISTAKES = [
    (shared_pipeline, "models 0 and 1 are one object, a Pipeline.*clone"),
    (method_of_a_shared_pipeline, "models 0 and 1 are one object, a Pipeline.*clone"),
    (function_around_a_shared_pipeline, "the first one moved when another one was trained"),
    (vocabulary_of_the_first_texts, "never trained before gives another model"),
    (cached_pipeline, "never trained before gives another model"),
    (clean_texts, "must depend on the noised rows"),
    (vocabulary_of_all_when_large, "never trained before gives another model"),
    (unseeded_texts_when_large, "never trained before gives another model"),
]


@pytest.mark.parametrize(("make", "message"), TEXT_MISTAKES, ids=[make.__name__ for make, _ in TEXT_MISTAKES])
def test_a_trainer_of_texts_that_gives_one_model_many_times_is_refused(make, message):
    with pytest.raises(UnsoundTrainer, match=message):
        fit_texts(make())


@pytest.mark.parametrize("make", [shared_pipeline, vocabulary_of_the_first_texts, unseeded_texts_when_large])
def test_a_trainer_of_texts_is_tried_where_processes_train_too(make):
    with pytest.raises(UnsoundTrainer):
        fit_texts(make(), n_jobs=2)


def test_pipelines_made_anew_are_accepted():
    prototype = pipeline()
    train = lambda texts, labels, seed: clone(prototype).fit(texts, labels)  # noqa: E731
    one, two = fit_texts(train), fit_texts(train, n_jobs=2)
    assert np.array_equal(one.votes(ASKED), two.votes(ASKED))
    assert one.predict(ASKED)[:2].tolist() == ["good", "bad"]


def test_a_model_of_texts_that_moves_or_answers_for_its_company_is_refused():
    def sorts(texts, labels, seed):
        model = pipeline().fit(texts, labels)
        return lambda queries: model.predict(sorted(queries))

    with pytest.raises(UnsoundTrainer, match="must not depend on the other queries"):
        fit_texts(sorts)
    ensemble = fit_texts(lambda texts, labels, seed: pipeline().fit(texts, labels))
    ensemble.models_[0].fit(TEXTS, LABELS)
    with pytest.raises(UnsoundTrainer, match="moved since the ensemble was fitted"):
        ensemble.certify(ASKED)


def test_a_model_cannot_change_the_queries_of_the_next_one():
    def careless(texts, labels, seed):
        model = pipeline().fit(texts, labels)

        def predict(queries):
            answer = model.predict(queries)
            queries.reverse()
            return answer

        return predict

    honest = fit_texts(lambda texts, labels, seed: pipeline().fit(texts, labels))
    assert np.array_equal(fit_texts(careless).votes(ASKED), honest.votes(ASKED))


def test_the_model_that_is_compared_is_one_that_was_trained():
    """Where the noise leaves one class the model is a constant, and says nothing of the trainer."""

    def train(texts, labels, seed):
        model = pipeline().fit(texts, labels)
        if len(texts) > 80:
            model[-1].feature_log_prob_ += 1e-3 * np.random.normal(size=2)[:, None]  # noqa: NPY002
        return model

    rare = np.where(np.arange(len(TEXTS)) == 0, "bad", "good")
    ensemble = SmoothedTextEnsemble(train, RowDropping(0.7), 20, random_state=0)
    with pytest.raises(UnsoundTrainer, match="never trained before"):
        ensemble.fit(TEXTS, rare)
    honest = lambda texts, labels, seed: pipeline().fit(texts, labels)  # noqa: E731
    ensemble = SmoothedTextEnsemble(honest, RowDropping(0.7), 20, random_state=0).fit(TEXTS, rare)
    kinds = [type(model).__name__ for model in ensemble.models_]
    assert kinds[-1] == "_Constant" and "Pipeline" in kinds


def test_noise_that_leaves_nothing_to_compare_is_no_reason_to_refuse():
    """Nearly all words deleted: models of different noise are equal, and honestly so."""
    ensemble = fit_texts(None, law=Deletion(0.999))
    assert ensemble.votes(ASKED).sum() == 60
