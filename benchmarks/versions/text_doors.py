"""Questions to `knn_cert.text`: what laws of noise certify, ensembles of text models, empirical defences."""

from __future__ import annotations

import numpy as np
from answers import Answers
from estimator_doors import told

_GROUPS = (("good", "great", "fine"), ("bad", "poor", "weak"), ("film", "movie"))

TEXTS = (
    ["a fine and moving film"] * 15
    + ["a good great movie"] * 15
    + ["a dull and weak film"] * 15
    + ["a bad poor movie"] * 15
)
LABELS = ["good"] * 30 + ["bad"] * 30
_ASKED = ["a moving film", "weak and bad", "a good film", "nothing known here"]


def _network():
    from knn_cert.text import SynonymNetwork

    pairs = {word: [other for other in group if other != word] for group in _GROUPS for word in group}
    similarities = {
        (word, other): 0.8 + 0.02 * abs(len(word) - len(other))
        for word, others in pairs.items()
        for other in others
    }
    return SynonymNetwork(pairs, similarities)


def _laws_of_texts(answers: Answers) -> None:
    from knn_cert import Deletions, Insertions, LabelFlips, Replacements, text

    counts = np.array([[990, 10], [900, 100], [700, 300], [510, 490], [1000, 0]])
    queries = [
        ["a", "good", "film"],
        ["bad", "movie"],
        ["good", "great", "film", "movie"],
        ["x"],
        ["weak", "film"],
    ]
    network = _network()
    substitutions = {
        "UniformSubstitution": lambda: text.UniformSubstitution(network),
        "beta_cdf": lambda: text.beta_cdf(network),
        "crowd_paper": lambda: text.crowd_paper(network),
        "crowd_released": lambda: text.crowd_released(network),
        "similarity_power": lambda: text.similarity_power(network, 4.0),
        "similarity_softmax": lambda: text.similarity_softmax(network, 0.2),
        "cluster_shared": lambda: text.cluster_shared(network),
        "floored": lambda: text.floored(text.similarity_power(network, 4.0), 0.1),
    }
    for name, law in substitutions.items():
        answers.ask(
            f"text, {name}",
            "budgets",
            lambda f=law: [text.largest_word_budget(f(), q, p) for q in queries for p in (0.7, 0.95, 0.999)],
        )
        answers.ask(
            f"text, {name}",
            "synonyms in a query",
            lambda f=law: told(
                text.certify_text_votes(
                    counts,
                    law=f(),
                    n_train=100,
                    queries=queries,
                    query_noise=True,
                    threat=text.QueryWords("synonyms"),
                    classes=["bad", "good"],
                )
            ),
        )
    laws = {
        "deletion": text.Deletion(0.9),
        "masking": text.Masking(0.9),
        "row dropping": text.RowDropping(0.9),
        "rows and words": text.compose(text.RowDropping(0.9), text.Deletion(0.9)),
        "rows and labels": text.compose(text.RowDropping(0.9), text.LabelNoise(0.2)),
        "labels": text.LabelNoise(0.3),
    }
    asked = {
        "inserted": text.TrainingWords("inserted"),
        "any": text.TrainingWords("any", words=2),
        "replaced": text.TrainingWords("replaced", words=2),
        "3 rows": text.TrainingWords("inserted", words=2, rows=3),
        "deletions": Deletions(),
        "insertions": Insertions(),
        "replacements": Replacements(),
        "label flips": LabelFlips(),
        "query": text.QueryWords("inserted"),
    }
    for law_name, law in laws.items():
        for name, threat in asked.items():
            answers.ask(
                f"certify_text_votes, {law_name}",
                name,
                lambda law=law, t=threat, query=name == "query": told(
                    text.certify_text_votes(
                        counts,
                        law=law,
                        n_train=100,
                        threat=t,
                        queries=queries if query else None,
                        query_noise=query,
                        classes=["bad", "good"],
                    )
                ),
            )
    answers.ask("tokenize", "a sentence", lambda: text.tokenize("It's a GOOD film, isn't it? Naïve 3d..."))


def _text_ensemble(answers: Answers) -> None:
    from knn_cert import Deletions, text
    from knn_cert.text.encoders import WordVectorEncoder, sif_weights

    words = sorted({word for group in _GROUPS for word in group} | {"a", "and", "moving", "dull"})
    vectors = np.random.default_rng(5).normal(size=(len(words), 6))

    def encoder():
        return WordVectorEncoder(
            words, vectors, weights=sif_weights(np.arange(1, len(words) + 1) / 100), normalize=True
        )

    answers.ask("WordVectorEncoder", "encode", lambda: encoder().encode(TEXTS[::15] + _ASKED))
    for question, (law, threat, trainer) in {
        "deletion": (text.Deletion(0.8), text.TrainingWords("inserted"), None),
        "rows": (text.RowDropping(0.5), Deletions(), None),
        "rows, classes": (text.RowDropping(0.5), Deletions(), "classes"),
        "rows and words": (
            text.compose(text.RowDropping(0.5), text.Deletion(0.8)),
            text.TrainingWords("inserted", words=2),
            text.BagOfWords("naive-bayes"),
        ),
        "embeddings": (text.Deletion(0.5), text.TrainingWords("inserted"), "embeddings"),
        "substitution": (text.UniformSubstitution(_network()), text.TrainingWords("synonyms"), None),
    }.items():

        def certified(law=law, threat=threat, trainer=trainer):
            known = {"classes": ["bad", "good"]} if trainer == "classes" else {}
            if isinstance(trainer, str):
                trainer = text.Embeddings(encoder()) if trainer == "embeddings" else None
            ensemble = text.SmoothedTextEnsemble(trainer, law, 40, 0.01, 0, **known).fit(TEXTS, LABELS)
            return {"votes": ensemble.votes(_ASKED), "certify": told(ensemble.certify(_ASKED, threat))}

        answers.ask("SmoothedTextEnsemble", question, certified)


def _defences(answers: Answers) -> None:
    from knn_cert.text import BagOfWords
    from knn_cert.text.defences import BKI, ONION, RAP, STRIP, NoDefence

    rare = [f"{text} name{i}" for i, text in enumerate(TEXTS)]  # RAP looks for words that hardly occur
    for question, make in {
        "NoDefence": lambda: NoDefence(BagOfWords()),
        "BKI": lambda: BKI(BagOfWords()),
        "ONION": lambda: ONION(BagOfWords()),
        "STRIP": lambda: STRIP(BagOfWords()),
        "RAP": lambda: RAP(BagOfWords(), protected_class=1, max_frequency=0.1),
    }.items():

        def answered(make=make):
            labels = np.array([int(label == "good") for label in LABELS])
            defence = make()
            defence.fit(rare, labels, clean_texts=rare[::2], clean_labels=labels[::2], random_state=0)
            return defence.predict(_ASKED)

        answers.ask("text defences", question, answered)


PARTS = (_laws_of_texts, _text_ensemble, _defences)
