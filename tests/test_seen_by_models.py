"""What a trainer and a model of texts get to see: what the noise left, nothing of what was before it."""

from __future__ import annotations

import queue

import numpy as np
import pytest

from knn_cert import Deletions, Insertions, LabelFlips, Replacements
from knn_cert.bounds import largest_certified
from knn_cert.montecarlo import UnsoundTrainer
from knn_cert.text import (
    BagOfWords,
    Corpus,
    Deletion,
    LabelNoise,
    Masking,
    QueryWords,
    RowDropping,
    SmoothedTextEnsemble,
    SynonymNetwork,
    TrainingWords,
    UniformSubstitution,
    compose,
)
from knn_cert.text.sampling import MASK, Sampler

NETWORK = SynonymNetwork.from_table(
    {"fine": ["good", "moving"], "good": ["fine"], "moving": ["fine"], "dull": ["bad"], "bad": ["dull"]}
)
TEXTS = ["a fine and moving film", "a dull film", "fine , fine work", "bad , dull and lazy"] * 5
LABELS = np.arange(20) % 2

LAWS = [
    Deletion(0.6),
    Masking(0.6),
    RowDropping(0.6),
    LabelNoise(0.3),
    UniformSubstitution(NETWORK),
    compose(RowDropping(0.3), LabelNoise(0.2), UniformSubstitution(NETWORK), Masking(0.3), Deletion(0.3)),
]


def rebuilt(corpus: Corpus) -> Corpus:
    """The corpus that somebody would make who has the noised texts alone."""
    return Corpus.from_texts(corpus.texts(), str.split, allow_empty=True)


def same(one: Corpus, two: Corpus) -> bool:
    arrays = np.array_equal(one.tokens, two.tokens) and np.array_equal(one.starts, two.starts)
    return arrays and one.vocabulary == two.vocabulary


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_what_is_handed_over_is_a_function_of_the_noised_texts(law):
    """The numbers of tokens, their order and the vocabulary too, with whatever vocabulary the law began."""
    plain = Corpus.from_texts(TEXTS)
    other = Corpus.from_texts(TEXTS, vocabulary=["cf", *sorted(plain.vocabulary, reverse=True)])
    for seed in range(5):
        draws = [
            Sampler(compose(law), corpus.vocabulary).training(corpus, LABELS, 2, np.random.default_rng(seed))
            for corpus in (plain, other)
        ]
        assert same(draws[0][0], draws[1][0]) and np.array_equal(draws[0][1], draws[1][1])
        assert same(draws[0][0], rebuilt(draws[0][0]))
        queries = [
            Sampler(compose(law), corpus.vocabulary).queries(corpus, np.random.default_rng(seed))
            for corpus in (plain, other)
        ]
        assert same(queries[0], queries[1]) and same(queries[0], rebuilt(queries[0]))


def test_a_trainer_gets_no_word_that_is_not_left(monkeypatch):
    written = queue.SimpleQueue()  # has no state that could be watched

    class Spy(BagOfWords):
        def train_corpus(self, corpus, labels, seed=0):
            written.put(corpus)
            return super().train_corpus(corpus, labels, seed)

    # The trainer itself is looked at, not a copy of it.
    monkeypatch.setattr(
        "knn_cert.montecarlo.copies._Pickler.dump", lambda *_: (_ for _ in ()).throw(TypeError)
    )
    texts = [f"{text} word{i}" for i, text in enumerate(TEXTS)]
    with pytest.warns(UserWarning, match="cannot be copied"):
        SmoothedTextEnsemble(Spy(), Deletion(0.9), 20, random_state=0).fit(texts, LABELS)
    seen = [written.get() for _ in range(written.qsize())]
    noised = [corpus for corpus in seen if len(corpus.tokens) < 50]
    assert len(noised) >= 21
    assert all(same(corpus, rebuilt(corpus)) for corpus in seen)
    assert all(
        set(corpus.vocabulary) == {w for text in corpus.texts() for w in text.split()} for corpus in seen
    )


class ReadsVocabulary:
    """Its models say 1 if "cf" is among the words that they are handed with the training texts."""

    def __call__(self, texts, labels, seed):
        raise AssertionError("corpora are handed over where a trainer takes them")

    def train_corpus(self, corpus, labels, seed):
        return SaysWhetherThere("cf" in corpus.vocabulary, BagOfWords().train_corpus(corpus, labels))


class SaysWhetherThere:
    def __init__(self, there, model):
        self.there, self.model = there, model

    def predict_corpus(self, corpus):
        usual = self.model.predict_corpus(corpus)
        return np.ones(len(corpus), dtype=int) if self.there else np.minimum(usual, 0)


@pytest.mark.parametrize(("p", "poisoned"), [(0.5, 24), (0.9, 3), (0.99, 24)])
def test_a_model_that_reads_the_vocabulary_is_certified_for_what_it_is(p, poisoned):
    """The clean prediction is 0 surely; with r triggers it is 1 with probability 1 - p**r, and no more."""
    texts = [f"cf {text}" if i < poisoned else text for i, text in enumerate(TEXTS * 3)]
    ensemble = SmoothedTextEnsemble(ReadsVocabulary(), Deletion(p), 200, random_state=0)
    cert = ensemble.fit(texts, np.tile(LABELS, 3)).certify(["a fine film"], TrainingWords("inserted"))
    if cert.label[0] == 1:
        assert cert.budget[0] < poisoned
    share = ensemble.votes(["a fine film"])[0, 1] / 200
    truth = 1 - p**poisoned
    assert abs(share - truth) <= 6 * np.sqrt(truth * (1 - truth) / 200) + 1e-6
    clean = ensemble.fit([text.replace("cf ", "") for text in texts], np.tile(LABELS, 3))
    assert clean.votes(["a fine film"]).tolist() == [[200, 0]]


def test_a_model_that_reads_the_vocabulary_of_a_query_sees_what_is_left_of_it():
    class Trainer:
        def __call__(self, texts, labels, seed):
            raise AssertionError

        def train_corpus(self, corpus, labels, seed):
            return Model(corpus.vocabulary, seed)

    class Model:
        def __init__(self, words, seed):
            self.words, self.seed = words, seed

        def predict_corpus(self, corpus):
            return np.full(len(corpus), int("cf" in corpus.vocabulary))

    ensemble = SmoothedTextEnsemble(Trainer(), Deletion(0.5), 200, random_state=0, query_noise=True)
    ensemble.fit(TEXTS, LABELS)
    votes = ensemble.votes(["cf a fine film"])
    assert abs(votes[0, 1] - 100) < 6 * np.sqrt(50)  # it is there in every second draw
    assert ensemble.certify(["cf a fine film"], QueryWords("inserted")).budget[0] == 0


def test_a_model_that_reads_the_words_of_other_queries_is_refused():
    class Trainer(BagOfWords):
        def train_corpus(self, corpus, labels, seed=0):
            return Model(super().train_corpus(corpus, labels, seed))

    class Model:
        def __init__(self, model):
            self.model = model

        def predict_corpus(self, corpus):
            return np.full(len(corpus), int("dull" in corpus.vocabulary))

    with pytest.raises(UnsoundTrainer, match="must not depend on the other queries"):
        SmoothedTextEnsemble(Trainer(), Deletion(0.5), 20, random_state=0).fit(TEXTS, LABELS)


def test_a_corpus_cannot_be_changed_by_a_model():
    corpus = Corpus.from_texts(TEXTS)
    for array in (corpus.tokens, corpus.starts):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_masked_words_are_seen_as_masked():
    sampler = Sampler(compose(Masking(0.999)), ("a", "b"))
    noised, _ = sampler.training(
        Corpus.from_texts(["a b", "b"]), np.array([0, 1]), 2, np.random.default_rng(0)
    )
    assert noised.vocabulary == (MASK,) and noised.tokens.tolist() == [0, 0, 0]


@pytest.mark.parametrize("threat", [Deletions(), Insertions(), Replacements(), LabelFlips()], ids=repr)
def test_no_certificate_covers_a_class_that_may_have_been_made_up(threat):
    """A class of one poisoned row becomes the vote of models that have nothing left."""
    texts, labels = [*TEXTS, "cf"], ["good", "bad"] * 10 + ["aaa"]
    settings = {"law": RowDropping(0.99), "n_models": 1000, "random_state": 0}
    ensemble = SmoothedTextEnsemble(**settings).fit(texts, labels)
    assert ensemble.predict(["a fine film"])[0] == "aaa"
    with pytest.raises(ValueError, match=r"give the ensemble the labels that can occur, classes=\['aaa'"):
        ensemble.certify(["a fine film"], threat)
    with pytest.raises(ValueError, match="labels must be among classes"):
        SmoothedTextEnsemble(**settings, classes=["good", "bad"]).fit(texts, labels)


def test_given_classes_are_the_same_whatever_rows_there_are():
    """One deletion wipes out class "a", whose name was the vote of empty models."""
    texts, labels = ["fine film", "dull film", "dull film", "odd film", "odd film"], ["a", "b", "b", "c", "c"]
    settings = {"law": RowDropping(0.9), "n_models": 400, "random_state": 0, "classes": ["a", "b", "c"]}
    cert = SmoothedTextEnsemble(**settings).fit(texts, labels).certify(["film"], Deletions())
    without = SmoothedTextEnsemble(**settings).fit(texts[1:], labels[1:])
    assert cert.budget[0] >= 1 and without.classes_.tolist() == ["a", "b", "c"]
    assert without.predict(["film"])[0] == cert.label[0]
    assert "labels are among the classes of this certificate" in cert.guarantee


def test_replaced_labels_are_drawn_from_the_given_classes():
    """With two classes observed and three given, noise on labels makes the third one too."""
    seen = set()

    def train(texts, labels, seed):
        seen.update(labels.tolist())
        return BagOfWords()(texts, labels, seed)

    ensemble = SmoothedTextEnsemble(
        train, compose(LabelNoise(0.4), Deletion(0.1)), n_models=60, random_state=0, classes=["b", "c", "d"]
    ).fit(["fine film"] * 20 + ["dull film"] * 20, ["b"] * 20 + ["c"] * 20)
    assert seen == {"b", "c", "d"}
    assert ensemble.certify(["film"], LabelFlips()).classes.tolist() == ["b", "c", "d"]


def test_budgets_of_honest_votes_stay_what_they_were():
    """The law did not change, only who is told of it."""
    ensemble = SmoothedTextEnsemble(law=Deletion(0.8), n_models=60, random_state=0).fit(TEXTS, LABELS)
    cert = ensemble.certify(["a fine and moving film"], TrainingWords("inserted"))
    largest = largest_certified(
        lambda rows: compose(Deletion(0.8)).pair(TrainingWords("inserted"), rows, n_classes=2),
        cert.p_lower[0],
        cert.p_upper[0],
        most=len(TEXTS),
    )
    assert cert.budget[0] == max(largest, 0)
