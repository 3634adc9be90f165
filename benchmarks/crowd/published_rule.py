"""What CROWD's released program counts as certified: a rule about one model and synonyms in the query.

It is kept here to be set beside certificates, and is none: see docs/crowd-erratum.md. A query counts if

    share - 1 + product over its words of overlap(word) >= 1/2 + 0.01,

where share is how many randomised copies of the query *one* model labels correctly, and overlap(word) is the
least |S and S'| / |S| over the synonyms, as for uniform choice from the sets S.
"""

from __future__ import annotations

import numpy as np

from knn_cert.text import Composition, Corpus, SynonymNetwork
from knn_cert.text.sampling import Sampler

MONTE_CARLO_ERROR = 0.01  # of the released program


def overlaps(network: SynonymNetwork) -> dict[str, float]:
    """The program's table: the least |S and S'| / |S| of each word; 1 for words that are not in it."""
    table = {}
    for word in network.words:
        mine = set(network.candidates(word))
        table[word] = min(
            len(mine & set(network.candidates(other))) / len(mine) for other in network.neighbours(word)
        )
    return table


def claimed(
    model, law: Composition, queries: Corpus, labels: np.ndarray, table: dict[str, float], *, n_draws: int
) -> np.ndarray:
    """Which queries the rule counts as certified, shape (n_queries,).

    Parameters
    ----------
    model : model with ``predict_corpus``
        One model, trained on one noised corpus.
    law : Composition
        What queries are randomised with.
    queries : Corpus
    labels : ndarray of shape (n_queries,)
        Their true labels.
    table : dict
        As `overlaps` gives it.
    n_draws : int
        Randomised copies of each query; 2000 in the program.
    """
    sampler = Sampler(law, queries.vocabulary)
    correct = np.zeros(len(queries))
    for draw in range(n_draws):
        copies = sampler.queries(queries, np.random.default_rng(draw))
        correct += model.predict_corpus(copies) == labels
    product = np.array(
        [np.prod([table.get(word, 1.0) for word in queries.words(i)]) for i in range(len(queries))]
    )
    return correct / n_draws - 1.0 + product >= 0.5 + MONTE_CARLO_ERROR
