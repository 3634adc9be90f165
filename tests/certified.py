"""Certificates of every route, for tests of the record and of its files."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

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
    rab_edges,
)
from knn_cert.montecarlo import certify_votes, monte_carlo_vote
from knn_cert.smoothing import Noise, SmoothedKNN
from knn_cert.text import (
    Deletion,
    LabelNoise,
    Masking,
    QueryWords,
    RowDropping,
    SynonymNetwork,
    TrainingWords,
    UniformSubstitution,
    certify_text_votes,
    compose,
)

SETTINGS = {"n_features": 2, "n_train": 10, "version": "0"}


def certify(probabilities, errors=0.0, *, sigma=1.0, classes=None, edges=None, **changes):
    """Certificates of probabilities that are given."""
    probabilities = np.array(probabilities, dtype=float, ndmin=2)
    classes = np.arange(probabilities.shape[1]) if classes is None else np.array(classes)
    errors = np.broadcast_to(np.asarray(errors, dtype=float), probabilities.shape)
    classifier = SmoothedKNN(3, None if edges is None else np.array(edges), "reference")
    return Certificates.from_probabilities(
        probabilities,
        errors,
        classes=classes,
        noise=changes.pop("noise", Noise(sigma)),
        classifier=classifier,
        **SETTINGS | changes,
    )


def four_queries():
    """Four queries: certain, likely, undecided, and one that the runner-up could win."""
    p = [[0.99, 0.01, 0.0], [0.2, 0.7, 0.1], [0.4, 0.2, 0.4], [0.5, 0.3, 0.2]]
    e = [[0.0] * 3, [0.0] * 3, [0.0] * 3, [0.15, 0.15, 0.0]]
    return certify(p, e, classes=["bird", "cat", "dog"], sigma=2.0)


@functools.cache
def _table():
    rng = np.random.default_rng(7)
    X = np.concatenate([rng.normal(size=(20, 3)) + shift for shift in (0.0, 1.5, 3.0)])
    return X, np.repeat([1, 4, 9], 20), np.concatenate([X[::9] + 0.1, [[1e3, 0.0, 0.0]]])


def exact(threat=None, *, classes=(1, 4, 9), n_queries=None, backend="native", n_neighbors=5, **options):
    """The estimator's certificates."""
    X, y, queries = _table()
    y = np.array(classes)[np.searchsorted([1, 4, 9], y) % len(classes)]
    levels = options.pop("levels", None)
    options["classes"] = options.pop("given", None)
    if levels is not None:
        options["edges"] = rab_edges(3, options.get("sigma", 1.0), levels=levels)
    model = SmoothedKNNClassifier(n_neighbors, options.pop("sigma", 1.0), backend=backend, **options)
    return model.fit(X, y).certify(queries[:n_queries], threat)


COUNTS = np.array([[1000, 0, 0], [0, 900, 100], [501, 499, 0], [340, 330, 330], [10, 40, 950]])


def votes(counts=COUNTS, *, noise=None, **options):
    return certify_votes(
        counts, noise=Noise(0.5) if noise is None else noise, n_features=4, n_train=50, **options
    )


def sampled(n_pilot):
    X, y, queries = _table()
    squares = ((queries[:6, None] - X) ** 2).sum(axis=2)
    labels = np.unique(y, return_inverse=True)[1]
    found = monte_carlo_vote(
        squares, labels, n_neighbors=3, sigma=1.0, dof=3, n_samples=400, n_pilot=0, random_state=0
    )
    pilot = None
    if n_pilot:
        pilot = monte_carlo_vote(
            squares, labels, n_neighbors=3, sigma=1.0, dof=3, n_samples=n_pilot, n_pilot=0, random_state=1
        ).counts
    return votes(found.counts, pilot=pilot, classes=np.unique(y))


_NETWORK = SynonymNetwork.from_table(
    {"fine": ["good", "moving"], "good": ["fine"], "moving": ["fine"], "dull": ["bad"], "bad": ["dull"]}
)
_WORDS = [text.split() for text in ("a fine film", "dull and bad", "a good film", "the", "moving dull work")]


def texts(law, threat, *, counts=COUNTS, **options):
    return certify_text_votes(
        counts,
        law=compose(law) if not isinstance(law, tuple) else compose(*law),
        n_train=40,
        threat=threat,
        queries=_WORDS[: len(counts)],
        training_words=sorted({word for text in _WORDS for word in text}),
        query_noise=isinstance(threat, QueryWords),
        **options,
    )


# Every way to certificates, by its name; each is called once a test.
ROUTES = {
    "given": four_queries,
    "ball": exact,
    "ball, some rows": lambda: exact(BlackBoxBall(3)),
    "ball, more rows than there are": lambda: exact(BlackBoxBall(10**6)),
    "ball, reference": lambda: exact(backend="reference", n_queries=2),
    "ball, small noise": lambda: exact(sigma=0.2, n_queries=3),
    "ball, held-out rows": lambda: dataclasses.replace(exact(n_queries=3), query=np.array([17, 3, 40])),
    "ball, large noise": lambda: exact(sigma=30.0),
    "ball, distances that err": lambda: certify(
        [[0.9, 0.1], [0.6, 0.4]], 1e-3, distance_error=np.array([0.5, 0.5])
    ),
    "ball, a share of the rows": lambda: exact(BlackBoxBall(0.07)),
    "buckets": lambda: exact(levels=20),
    "uniform noise": lambda: certify([[0.9, 0.1], [0.5, 0.5]], noise=Noise(2.0, "uniform")),
    "label flips": lambda: exact(LabelFlips()),
    "label flips, asked": lambda: exact(LabelFlips(2)),
    "label flips, too many": lambda: exact(LabelFlips(1000)),
    "deletions": lambda: exact(Deletions(), classes=(1, 4), n_neighbors=3),
    "label flips among the classes": lambda: exact(
        LabelFlips(), classes=(1, 4), given=[0, 1, 4], n_neighbors=4
    ),
    "label flips, new labels": lambda: exact(LabelFlips(), classes=(1, 4), n_neighbors=4),
    "deletions, as many as can be": lambda: exact(Deletions(55)),
    "deletions, too many": lambda: exact(Deletions(56)),
    "all rows moved": lambda: exact(RowShift(1.0, 0.01)),
    "deletions, a share": lambda: exact(Deletions(0.05)),
    "insertions": lambda: exact(Insertions()),
    "insertions, asked": lambda: exact(Insertions(1)),
    "replacements": lambda: exact(Replacements()),
    "rows moved": lambda: exact(RowShift(2)),
    "rows moved, asked": lambda: exact(RowShift(2, 1)),
    "rows moved and relabelled": lambda: exact(RowShift(1, 0.5, relabel=True)),
    "rows moved anywhere": lambda: exact(RowShift(1, math.inf)),
    "query moved": lambda: exact(QueryShift()),
    "query moved, asked": lambda: exact(QueryShift(0.5)),
    "query and rows": lambda: exact(QueryShift(0.25, RowShift(1, np.float64(0.5)))),
    "query, too many rows": lambda: exact(QueryShift(training=Deletions(56))),
    "query, rows given": lambda: exact(QueryShift(training=LabelFlips(1)), classes=(1, 4)),
    "votes": votes,
    "votes, simultaneous": lambda: votes(simultaneous=True),
    "votes, some of a simultaneous statement": lambda: votes(simultaneous=True)[1:3],
    "votes, uniform noise": lambda: votes(noise=Noise(0.5, "uniform")),
    "votes, uniform noise, some rows": lambda: votes(
        noise=Noise(0.5, "uniform"), threat=BlackBoxBall(2, norm="linf")
    ),
    "votes, hoeffding": lambda: votes(method="hoeffding", alpha=0.05),
    "votes, complement": lambda: votes(runner_up="complement"),
    "votes, two classes": lambda: votes(COUNTS[:3, :2] + COUNTS[:3, [2, 2]] * [[0, 1]], trainer="trees"),
    "votes, pilot of another opinion": lambda: votes(pilot=COUNTS[::-1], test_noise=True),
    "sampled K-NN": lambda: sampled(0),
    "sampled K-NN, pilot": lambda: sampled(100),
    "texts": lambda: texts(Deletion(0.7), TrainingWords("inserted")),
    "texts, asked": lambda: texts(Deletion(0.7), TrainingWords("inserted", rows=1)),
    "texts, rows added": lambda: texts(RowDropping(0.3), Deletions()),
    "texts, rows removed": lambda: texts(RowDropping(0.9), Insertions(), simultaneous=True),
    "texts, labels": lambda: texts(LabelNoise(0.4), LabelFlips(1)),
    "texts, query": lambda: texts(Deletion(0.7), QueryWords("inserted")),
    "texts, query asked": lambda: texts(Masking(0.7), QueryWords("replaced", 1)),
    "texts, both": lambda: texts(
        (RowDropping(0.5), Deletion(0.7)), QueryWords("inserted", training=TrainingWords("inserted", rows=1))
    ),
    "texts, synonyms of the query": lambda: texts(UniformSubstitution(_NETWORK), QueryWords("synonyms")),
    "texts, synonyms asked": lambda: texts(UniformSubstitution(_NETWORK), QueryWords("synonyms", 2)),
    "texts, synonyms in training": lambda: texts(UniformSubstitution(_NETWORK), TrainingWords("synonyms")),
    "abstained everywhere": lambda: exact(Replacements(20)),
    "abstained everywhere, votes": lambda: votes(COUNTS[3:4]),
    "no queries": lambda: four_queries()[:0],
    "no queries, votes": lambda: votes(np.zeros((0, 3), dtype=int)),
    "no queries, flips": lambda: exact(LabelFlips())[:0],
    "labels of text": lambda: exact(classes=["c\u00e4t", 'do, "g"', "\u0939\u093f"]),
    "labels of text objects": lambda: exact(classes=np.array(["a", "b", "c"], dtype=object)),
    "labels that are objects": lambda: certify([0.7, 0.2, 0.1], classes=np.array([1, 2.5, 3], dtype=object)),
    "labels of whole numbers": lambda: exact(classes=[-5, 3, 10**12]),
    "labels of small numbers": lambda: exact(classes=np.array([0, 1, 255], dtype=np.uint8)),
    "labels of real numbers": lambda: exact(classes=np.array([-1.0, 0.0, 2.0], dtype=np.float32)),
    "labels true and false": lambda: exact(classes=[False, True]),
}
