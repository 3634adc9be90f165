"""Ensembles of text models: what they promise, what they refuse, and the gate for texts."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from knn_cert import Certificates, Deletions, Insertions, LabelFlips, Replacements, RowShift
from knn_cert.bounds import largest_certified, vote_bounds
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
    certify_text_votes,
    cluster_shared,
    compose,
    tokenize,
)
from knn_cert.text.corpus import check_texts
from knn_cert.text.sampling import MASK, Sampler

GOOD = ["a fine and moving film", "moving , fine work", "a good film", "fine acting , good film"]
BAD = ["a dull and lazy film", "lazy , dull work", "a bad film", "dull acting , bad film"]
TEXTS = (GOOD + BAD) * 6
LABELS = np.array((["good"] * 4 + ["bad"] * 4) * 6)
QUERIES = ["a fine film", "dull and lazy", "some unknown work", "good acting , bad film"]

NETWORK = SynonymNetwork.from_table(
    {"fine": ["good", "moving"], "good": ["fine"], "moving": ["fine"], "dull": ["bad"], "bad": ["dull"]}
)


def fitted(law=None, n_models=60, **options):
    options = {"random_state": 0, "classes": np.unique(LABELS)} | options
    return SmoothedTextEnsemble(law=law, n_models=n_models, **options).fit(TEXTS, LABELS)


# --- texts ---


def test_tokens_are_words_and_single_symbols():
    assert tokenize("It's  a Fine, art-house FILM!!") == [
        "it's",
        "a",
        "fine",
        ",",
        "art-house",
        "film",
        "!",
        "!",
    ]
    assert tokenize("\t \n") == []


def test_a_corpus_gives_its_texts_back():
    corpus = Corpus.from_texts(["a b", "b c b"], vocabulary=["z", "b"])
    assert corpus.vocabulary == ("z", "b", "a", "c")
    assert corpus.texts() == ["a b", "b c b"] and corpus.words(1) == ["b", "c", "b"]
    assert corpus.some(np.array([1])).texts() == ["b c b"]
    assert corpus.row_of_token().tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ("one text", TypeError, "put it into a list"),
        ([b"bytes"], TypeError, "decode"),
        (["fine", None], TypeError, r"texts\[1\] must be a str"),
        (["fine", 3.0], TypeError, r"texts\[1\] must be a str"),
        (7, TypeError, "sequence of strings"),
        ([b"caf\xe9".decode("utf-8", "surrogateescape")], ValueError, "wrong encoding"),
    ],
)
def test_what_is_no_text_is_refused(texts, error, message):
    with pytest.raises(error, match=message):
        check_texts(texts)


@pytest.mark.parametrize("empty", ["", "   ", "\n"])
def test_an_empty_text_is_refused_in_training_and_as_a_query(empty):
    with pytest.raises(ValueError, match="text 1 is empty"):
        SmoothedTextEnsemble(n_models=20).fit(["a", empty], [0, 1])
    with pytest.raises(ValueError, match="text 0 is empty"):
        fitted().certify([empty])


def test_a_tokenizer_that_gives_no_tokens_is_refused():
    with pytest.raises(ValueError, match="without spaces"):
        Corpus.from_texts(["a b c"], lambda text: [text])
    with pytest.raises(ValueError, match="without spaces"):
        Corpus.from_texts(["a b c"], lambda text: [1, 2])


# --- draws ---


def test_draws_have_the_law():
    """Frequencies of each outcome of one short row, against their exact probabilities, at six deviations."""
    import naive_texts as naive

    law = {"drop": 0.3, "flip": 0.25, "mask": 0.2, "delete": 0.4}
    composed = compose(RowDropping(0.3), LabelNoise(0.25), Masking(0.2), Deletion(0.4))
    corpus = Corpus.from_texts(["a b"])
    sampler = Sampler(composed, corpus.vocabulary)
    generator = np.random.default_rng(5)
    n, counts = 20_000, {}
    for _ in range(n):
        noised, labels = sampler.training(corpus, np.array([1]), 2, generator)
        text = tuple(naive.MASK if word == MASK else word for word in " ".join(noised.texts()).split())
        outcome = (text, int(labels[0])) if len(labels) else None
        counts[outcome] = counts.get(outcome, 0) + 1
    expected = {key: float(p) for key, p in naive.row_outcomes((("a", "b"), 1), law).items()}
    assert counts.keys() == expected.keys()
    for outcome, p in expected.items():
        assert abs(counts[outcome] - n * p) < 6 * np.sqrt(n * p * (1 - p)), outcome


def test_a_query_is_noised_alike_whatever_comes_with_it():
    corpus = Corpus.from_texts(["a b c d e f g h", "x y"])
    alone = corpus.some(np.array([1]))
    sampler = Sampler(compose(Deletion(0.5), Masking(0.5)), corpus.vocabulary)
    for seed in range(20):
        together = sampler.queries(corpus, np.random.default_rng(seed)).texts()[1]
        assert together == sampler.queries(alone, np.random.default_rng(seed)).texts()[0]


def test_words_of_a_query_are_deleted_independently():
    corpus = Corpus.from_texts(["a b"])
    sampler = Sampler(compose(Deletion(0.25)), corpus.vocabulary)
    found = [sampler.queries(corpus, np.random.default_rng(seed)).texts()[0] for seed in range(4000)]
    for text, p in {"": 1 / 16, "a": 3 / 16, "b": 3 / 16, "a b": 9 / 16}.items():
        assert abs(found.count(text) - 4000 * p) < 6 * np.sqrt(4000 * p * (1 - p)), text


# --- votes and certificates ---


@pytest.mark.parametrize(
    ("law", "threat"),
    [
        (Deletion(0.8), TrainingWords("inserted")),
        (Deletion(0.8), TrainingWords("any", words=2)),
        (Masking(0.8), TrainingWords("replaced")),
        (RowDropping(0.8), Deletions()),
        (RowDropping(0.8), Insertions()),
        (RowDropping(0.8), Replacements()),
        (compose(RowDropping(0.5), Deletion(0.8)), TrainingWords("inserted")),
        (compose(RowDropping(0.8), LabelNoise(0.1)), LabelFlips()),
    ],
)
def test_budgets_are_those_of_theorem_1_for_the_bounds_of_the_votes(law, threat):
    ensemble = fitted(law)
    cert = ensemble.certify(QUERIES, threat)
    counts = ensemble.votes(QUERIES)
    chosen, p_lower, p_upper = vote_bounds(counts, 0.001)
    assert np.array_equal(cert.label, ensemble.classes_[chosen])
    assert np.array_equal(cert.p_lower, p_lower) and np.array_equal(cert.p_upper, p_upper)
    for i in range(len(QUERIES)):
        largest = largest_certified(
            lambda rows: compose(law).pair(threat, rows, n_classes=2),
            p_lower[i],
            p_upper[i],
            most=len(TEXTS),
        )
        assert cert.abstained[i] == (largest < 0) and cert.budget[i] == max(largest, 0)
    assert cert.budget.max() > 0


def test_an_asked_budget_is_certified_up_to_the_largest_one():
    ensemble = fitted(Deletion(0.9))
    largest = ensemble.certify(QUERIES).budget
    assert largest.max() >= 2
    for rows in (1, int(largest.max()), int(largest.max()) + 1):
        cert = ensemble.certify(QUERIES, TrainingWords("inserted", rows=rows))
        assert np.array_equal(~cert.abstained, largest >= rows)
        sure = ~cert.abstained
        assert np.all(cert.worst_probability[sure] > 0.5) and np.all(cert.budget[sure] == rows)
        assert np.all(cert.certified(rows) == sure)
    share = ensemble.certify(QUERIES, TrainingWords("inserted", rows=1 / len(TEXTS)))
    assert np.array_equal(~share.abstained, largest >= 1)


def test_a_query_with_an_inserted_word_is_certified_with_noise_on_queries_only():
    threat = QueryWords("inserted")
    with pytest.raises(ValueError, match="query_noise=True"):
        fitted(Deletion(0.5)).certify(QUERIES, threat)
    ensemble = fitted(Deletion(0.5), n_models=200, query_noise=True)
    alone = ensemble.certify(QUERIES, threat)
    lengths = [len(tokenize(query)) for query in QUERIES]
    assert np.all(alone.budget <= lengths) and alone.budget.max() > 0
    both = ensemble.certify(QUERIES, QueryWords("inserted", training=TrainingWords("inserted", rows=1)))
    assert np.all(both.budget <= alone.budget)
    assert "R" in str(alone.summary()) and "edited words" in str(alone.summary())


def test_models_do_not_depend_on_processes_and_queries_not_on_their_company():
    law = compose(RowDropping(0.3), Deletion(0.5))
    one = fitted(law, n_models=40)
    two = fitted(law, n_models=40, n_jobs=2)
    votes = one.votes(QUERIES)
    assert np.array_equal(votes, two.votes(QUERIES))
    assert np.array_equal(votes[[2]], one.votes(QUERIES[2:3]))
    assert np.array_equal(votes[::-1], one.votes(QUERIES[::-1]))
    assert np.array_equal(fitted(law, n_models=20).votes(QUERIES) <= votes, np.ones_like(votes, dtype=bool))


def test_a_model_does_not_see_what_the_noise_took_away():
    """The bag of words is the same whatever numbers words have, and whatever words were never there."""
    plain = Corpus.from_texts(TEXTS)
    shuffled = Corpus.from_texts(TEXTS, vocabulary=["zebra", *sorted(plain.vocabulary, reverse=True)])
    queries = Corpus.from_texts(QUERIES)
    for trainer in (BagOfWords(), BagOfWords("naive-bayes"), BagOfWords(ngrams=2)):
        one, two = (trainer.train_corpus(corpus, LABELS) for corpus in (plain, shuffled))
        assert np.array_equal(one.predict_proba(QUERIES), two.predict_proba(QUERIES))
        assert np.array_equal(one.predict_corpus(queries), trainer(TEXTS, LABELS).predict(QUERIES))


@pytest.mark.parametrize("classifier", [LogisticRegression(C=4.0, solver="liblinear"), MultinomialNB()])
def test_the_bag_of_words_is_scikit_learns(classifier):
    pipeline = make_pipeline(TfidfVectorizer(tokenizer=tokenize, token_pattern=None), classifier)
    ours = BagOfWords("logistic" if isinstance(classifier, LogisticRegression) else "naive-bayes")
    theirs = pipeline.fit(TEXTS, LABELS).predict_proba(QUERIES)
    assert ours(TEXTS, LABELS).predict_proba(QUERIES) == pytest.approx(theirs, abs=1e-3)


def test_any_scikit_learn_pipeline_is_a_trainer():
    pipeline = make_pipeline(TfidfVectorizer(token_pattern=r"\S+"), LogisticRegression())

    def train(texts, labels, seed):
        return clone(pipeline).fit([text or "-" for text in texts], labels)

    ensemble = SmoothedTextEnsemble(train, Deletion(0.5), 30, random_state=1).fit(TEXTS, LABELS)
    assert list(ensemble.predict(QUERIES[:2])) == ["good", "bad"]
    assert "train" in ensemble.certify(QUERIES).guarantee


def test_noise_that_leaves_one_class_or_no_text_is_no_error():
    ensemble = SmoothedTextEnsemble(law=RowDropping(0.9), n_models=60, random_state=0)
    votes = ensemble.fit(["good film", "bad film", "fine film"], [1, 0, 1]).votes(["good"])
    assert votes.sum() == 60 and np.all(votes > 0)
    # with nothing left, the lowest class
    assert votes[0, 0] > 30


def test_three_classes_with_numbers_as_labels():
    texts = [f"{word} film {word}" for word in ("good", "bad", "odd")] * 10
    ensemble = SmoothedTextEnsemble(law=Deletion(0.5), n_models=100, random_state=0, n_pilot=10)
    ensemble.fit(texts, np.array([10, 20, 30] * 10))
    cert = ensemble.certify(["odd film", "bad film"], TrainingWords("inserted"))
    assert cert.label.tolist() == [30, 20] and cert.probabilities.shape == (2, 3)
    assert ensemble.predict(["odd"]).tolist() == [30] and cert.classifier.n_pilot == 10


def test_all_queries_together_are_certified_for_less():
    each = fitted(Deletion(0.9), n_models=100).certify(QUERIES)
    together = fitted(Deletion(0.9), n_models=100, simultaneous=True).certify(QUERIES)
    assert np.all(together.p_lower < each.p_lower) and np.all(together.budget <= each.budget)


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_certificates_of_texts_are_kept_in_files(tmp_path, suffix):
    threat = QueryWords("any", training=TrainingWords("replaced", rows=2))
    cert = fitted(compose(RowDropping(0.2), Deletion(0.5)), query_noise=True).certify(QUERIES, threat)
    cert.save(tmp_path / f"cert{suffix}")
    read = Certificates.load(tmp_path / f"cert{suffix}")
    assert read.threat == threat and read.noise == cert.noise and read.n_features is None
    assert np.array_equal(read.budget, cert.budget) and read.budget.dtype == cert.budget.dtype
    assert read.guarantee == cert.guarantee and repr(read) == repr(cert)


def test_the_guarantee_says_what_was_smoothed_and_against_what():
    cert = fitted(compose(RowDropping(0.2), Deletion(0.5))).certify(
        QUERIES, TrainingWords("inserted", 2, rows=3)
    )
    for words in (
        "every training text left out with probability 0.2",
        "every token of every training text deleted with probability 0.5",
        "tokens: knn_cert.text.tokenize, rule 2",
        "labels are among the classes of this certificate",
        "at most 2 tokens (as the named tokeniser cuts them) taken out, wherever they stand, in each of at "
        "most 3 training rows",
        "changed labels",
        "probability at least 1 - 0.001",
    ):
        assert words in cert.guarantee, words
    assert "RowDropping(0.2) then Deletion(0.5)" in repr(cert)


# --- what is refused ---


@pytest.mark.parametrize(
    ("law", "threat"),
    [
        (Masking(0.5), TrainingWords("inserted")),
        (Masking(0.5), QueryWords("any")),
        (LabelNoise(0.5), TrainingWords("inserted")),
        (Deletion(0.5), Deletions()),
        (Deletion(0.5), Replacements()),
        (Deletion(0.5), LabelFlips()),
        (RowDropping(0.5), QueryWords("inserted")),
        (Deletion(0.5), QueryWords("inserted", training=LabelFlips(1))),
    ],
)
def test_a_threat_that_a_law_cannot_certify_is_refused_with_a_remedy(law, threat):
    assert not compose(law).covers(threat)
    with pytest.raises(ValueError, match="certifies nothing against .* Use"):
        fitted(law).certify(QUERIES, threat)


@pytest.mark.parametrize(
    ("law", "coverage"),
    [
        (Deletion(0.5), ["inserted, removed, replaced, synonyms, any"] * 2 + ["nothing"]),
        (Masking(0.5), ["replaced, synonyms"] * 2 + ["nothing"]),
        (
            RowDropping(0.5),
            [
                "nothing",
                "inserted, removed, replaced, synonyms, any",
                "added, removed, changed at will, relabelled",
            ],
        ),
        (LabelNoise(0.5), ["nothing", "nothing", "relabelled"]),
        (UniformSubstitution(NETWORK), ["synonyms", "synonyms", "nothing"]),
    ],
)
def test_a_law_says_what_it_certifies(law, coverage):
    titles = ["words of the query", "words of training texts", "whole training texts"]
    said = compose(law).coverage()
    assert said == "\n".join(f"{title}: {found}" for title, found in zip(titles, coverage, strict=True))


def test_the_guarantee_names_the_network():
    law = compose(UniformSubstitution(NETWORK), Masking(0.5))
    cert = certify_text_votes([[100, 0]], law=law, n_train=9, training_words=["fine"])
    assert NETWORK.digest in cert.guarantee and "then masked with probability 0.5" in cert.guarantee
    assert str(cert.noise) == "substitution (uniform) then Masking(0.5)"


def test_a_torch_model_is_a_model():
    torch = pytest.importorskip("torch", reason="a model of torch needs torch")

    class Bag(torch.nn.Module):
        def __init__(self, words):
            super().__init__()
            self.words = {word: i for i, word in enumerate(sorted(words))}
            self.scores = torch.nn.Linear(len(self.words) + 1, 2)

        def rows(self, texts):
            rows = torch.zeros(len(texts), len(self.words) + 1)
            for row, text in zip(rows, texts, strict=True):
                for word in text.split():
                    row[self.words.get(word, -1)] += 1
            return rows

        def predict(self, texts):
            with torch.no_grad():
                return np.array(["bad", "good"])[self.scores(self.rows(texts)).argmax(dim=1).numpy()]

    def train(texts, labels, seed):
        torch.manual_seed(seed % 2**31)
        model = Bag({word for text in texts for word in text.split()})
        step = torch.optim.SGD(model.parameters(), lr=1.0)
        rows, truth = model.rows(texts), torch.tensor((labels == "good").astype(int))
        for _ in range(20):
            step.zero_grad()
            torch.nn.functional.cross_entropy(model.scores(rows), truth).backward()
            step.step()
        return model

    ensemble = SmoothedTextEnsemble(train, Deletion(0.5), 30, random_state=0).fit(TEXTS, LABELS)
    cert = ensemble.certify(QUERIES[:2], TrainingWords("inserted"))
    assert cert.label.tolist() == ["good", "bad"] and cert.budget.max() > 0


def test_threats_of_tables_are_refused():
    with pytest.raises(TypeError, match="TrainingWords"):
        fitted().certify(QUERIES, RowShift(1, 0.5))


def test_too_few_models_for_all_queries_together_are_said_before_any_votes():
    ensemble = fitted(Deletion(0.5), n_models=12)
    ensemble.certify(QUERIES[:1], TrainingWords("inserted"))
    ensemble.set_params(simultaneous=True)
    told = []
    with pytest.raises(ValueError, match="12 models cannot certify anything at alpha = 0.00025"):
        ensemble.certify(QUERIES, TrainingWords("inserted"), progress=lambda *now: told.append(now))
    assert not told


def test_trainers_say_what_they_are():
    assert "of logistic regression on TF-IDF weights of words (votes" in (
        fitted(Deletion(0.5)).certify(QUERIES[:1]).guarantee
    )
    assert BagOfWords("naive-bayes", ngrams=2).description == (
        "Naive Bayes on TF-IDF weights of words and pairs of words"
    )


@pytest.mark.parametrize("kind", [Deletion, Masking, RowDropping, LabelNoise])
@pytest.mark.parametrize("value", [0, 1, -0.1, 1.5, float("nan"), "0.5", True, None])
def test_a_law_of_probability_zero_or_one_is_refused(kind, value):
    with pytest.raises((TypeError, ValueError), match=r"must lie in \(0, 1\)|must be a real number"):
        kind(value)


def test_laws_compose_once_each():
    law = compose(Deletion(0.5), RowDropping(0.2))
    assert [type(part) for part in law.parts] == [RowDropping, Deletion]
    assert compose(law).parts == law.parts
    for laws, error in (((), ValueError), ((Deletion(0.5), Deletion(0.1)), ValueError), ((0.5,), TypeError)):
        with pytest.raises(error, match="law|at most one"):
            compose(*laws)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: TrainingWords("changed"), ValueError, "edit must be one of inserted"),
        (lambda: TrainingWords("inserted", words=0), ValueError, "words"),
        (lambda: TrainingWords("inserted", rows=-1), ValueError, "at least 0"),
        (lambda: TrainingWords("inserted", rows=1.5), ValueError, "share"),
        (lambda: QueryWords("inserted", words=1.5), TypeError, "words"),
        (lambda: QueryWords("inserted", training=TrainingWords("inserted")), ValueError, "open"),
        (lambda: QueryWords("inserted", training=RowShift(1, 0.5)), TypeError, "TrainingWords"),
    ],
)
def test_threats_check_what_they_are_given(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("options", "texts", "labels", "error", "message"),
    [
        ({}, ["a", "b"], [1, 1], ValueError, "at least two classes"),
        ({}, ["a", "b"], [1], ValueError, "one for each text"),
        ({}, ["a", "b"], [1, np.nan], ValueError, "NaN"),
        ({"n_models": 5}, ["a", "b"], [0, 1], ValueError, "cannot certify anything"),
        ({"n_models": 0}, ["a", "b"], [0, 1], ValueError, "n_models"),
        ({"alpha": 0.0}, ["a", "b"], [0, 1], ValueError, "alpha"),
        ({"n_jobs": 0}, ["a", "b"], [0, 1], ValueError, "n_jobs"),
        ({"trainer": 3}, ["a", "b"], [0, 1], TypeError, "callable"),
        ({"trainer": lambda texts: None}, ["a", "b"], [0, 1], TypeError, r"\(texts, labels, seed\)"),
        ({"law": 0.5}, ["a", "b"], [0, 1], TypeError, "law"),
        ({"random_state": -1}, ["a", "b"], [0, 1], ValueError, "random_state"),
        (
            {"law": RowDropping(0.5), "query_noise": True},
            ["a", "b"],
            [0, 1],
            ValueError,
            "does not touch words",
        ),
    ],
)
def test_a_fit_that_cannot_be_is_refused_before_it_begins(options, texts, labels, error, message):
    with pytest.raises(error, match=message):
        SmoothedTextEnsemble(**options).fit(texts, labels)


def test_a_trainer_that_is_not_a_function_of_texts_and_seed_is_found_out():
    generator = np.random.default_rng(0)

    def moody(texts, labels, seed):
        flipped = np.where(generator.random(len(labels)) < 0.5, "good", "bad")
        return BagOfWords("naive-bayes")(texts, flipped)

    with pytest.raises(UnsoundTrainer, match="two different models"):
        SmoothedTextEnsemble(moody, Deletion(0.5), 30, random_state=0).fit(TEXTS, LABELS)


def test_a_model_that_invents_labels_is_found_out():
    def inventive(texts, labels, seed):
        return lambda queries: np.array(["other"] * len(queries))

    with pytest.raises(UnsoundTrainer, match="none of the classes"):
        SmoothedTextEnsemble(inventive, Deletion(0.5), 30, random_state=0).fit(TEXTS, LABELS)


def test_queries_of_unknown_words_are_told_of_where_they_are_asked():
    ensemble = fitted(Deletion(0.5))
    message = "2 of 3 texts have no word that occurs .* text 0 first: 'zebra'"
    for ask in (ensemble.certify, ensemble.votes, ensemble.predict, ensemble.predict_proba):
        with pytest.warns(UserWarning, match=message) as told:
            ask(["zebra", "a zebra film", "utterly unheard of"])
        assert [warning.filename for warning in told] == [__file__]


def test_votes_counted_elsewhere_are_certified_with_the_words_they_need():
    counts = [[100, 0], [90, 10]]
    cert = certify_text_votes(counts, law=Deletion(0.9), n_train=50)
    assert cert.threat == TrainingWords("inserted") and cert.budget[0] > cert.budget[1] >= 0
    with pytest.raises(ValueError, match="words of every query"):
        certify_text_votes(
            counts, law=Deletion(0.9), n_train=50, threat=QueryWords("inserted"), query_noise=True
        )


@pytest.mark.parametrize(
    "law",
    [
        UniformSubstitution(NETWORK),
        cluster_shared(NETWORK),
        compose(UniformSubstitution(NETWORK), Masking(0.5)),
        compose(UniformSubstitution(NETWORK), Deletion(0.5), RowDropping(0.2)),
    ],
)
def test_exchanged_synonyms_of_queries_are_certified_by_the_words_that_have_some(law):
    texts = ["a fine film", "a good and moving film", "no such words", "dull film , bad film"]
    queries = [tokenize(text) for text in texts]
    counts = np.array([[1000, 0], [930, 70], [900, 100], [1000, 0]])
    options = {"law": law, "n_train": 50, "queries": queries, "query_noise": True}
    largest = certify_text_votes(counts, threat=QueryWords("synonyms"), **options)
    # without a neighbour in it nothing can be exchanged
    assert largest.budget[2] == len(queries[2])
    for budget in (0, 1, 2, 3, 50):
        cert = certify_text_votes(counts, threat=QueryWords("synonyms", budget), **options)
        all_of_them = largest.budget == list(map(len, queries))
        assert np.array_equal(~cert.abstained, (largest.budget >= budget) | all_of_them), budget
        certain = ~cert.abstained
        assert np.all(cert.worst_probability <= cert.p_lower)
        assert np.all(cert.budget[certain] == budget) and np.all(cert.budget[~certain] == 0)
    both = certify_text_votes(
        counts,
        threat=QueryWords("synonyms", training=TrainingWords("synonyms", rows=1)),
        training_words=["fine", "dull", "other"],
        **options,
    )
    assert np.all(both.budget <= largest.budget)


def test_a_law_that_substitutes_certifies_exchanged_words_in_training_texts():
    counts = [[1000, 0]]
    law = UniformSubstitution(NETWORK)
    threat = TrainingWords("synonyms")
    words = {"same sets": ["dull", "bad"], "unlike sets": ["fine", "good"], "no synonyms": ["film"]}
    found = {
        name: certify_text_votes(counts, law=law, n_train=40, threat=threat, training_words=those).budget[0]
        for name, those in words.items()
    }
    # dull and bad have one set, so they cannot be told apart; what has no synonyms cannot be exchanged
    assert found["same sets"] == found["no synonyms"] == 40
    pair = law.hull_of(words["unlike sets"])
    p_a = 0.0005 ** (1 / 1000)
    assert found["unlike sets"] == largest_certified(lambda r: pair**r, p_a, 1 - p_a, most=40) < 40


@pytest.mark.parametrize(
    "threat",
    [
        None,
        TrainingWords("synonyms"),
        TrainingWords("synonyms", rows=1),
        QueryWords("synonyms", training=TrainingWords("synonyms", rows=1)),
    ],
)
def test_without_the_words_of_training_texts_nothing_is_said_of_synonyms_in_them(threat):
    options = {"law": UniformSubstitution(NETWORK), "n_train": 40, "threat": threat, "query_noise": True}
    with pytest.raises(ValueError, match="distinct words of the training texts"):
        certify_text_votes([[1000, 0]], queries=[["fine"]], **options)


@pytest.mark.parametrize("law", [UniformSubstitution(NETWORK), cluster_shared(NETWORK)])
def test_a_law_that_substitutes_certifies_nothing_against_a_trigger(law):
    for threat in (
        TrainingWords("inserted"),
        TrainingWords("removed"),
        TrainingWords("replaced"),
        TrainingWords("any"),
        QueryWords("inserted"),
        Deletions(),
        Replacements(),
        LabelFlips(),
    ):
        with pytest.raises(ValueError, match="certifies nothing"):
            certify_text_votes(
                [[1000, 0]], law=law, n_train=40, threat=threat, queries=[["a"]], query_noise=True
            )


def test_trainers_check_their_settings():
    for make in (
        lambda: BagOfWords("forest"),
        lambda: BagOfWords(ngrams=3),
        lambda: BagOfWords(C=0.0),
    ):
        with pytest.raises(ValueError, match="must be"):
            make()


def test_the_core_imports_nothing_of_texts_and_texts_nothing_of_nets():
    program = (
        "import sys, knn_cert; assert not any(name.startswith('knn_cert.text') for name in sys.modules);"
        "import knn_cert.text, knn_cert.text.encoders, knn_cert.text.defences;"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
