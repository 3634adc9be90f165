"""Word vectors and synonyms of the text studies, fixed before any corpus is seen."""

from __future__ import annotations

import warnings

import numpy as np

from knn_cert.text import SynonymNetwork
from knn_cert.text.encoders import WordVectorEncoder, sif_weights

from ..common import standins
from ..common.source import Source

WordVectors = tuple[list[str], np.ndarray]  # n words, (n, d)

SIF = 0.1  # for 1 / rank in the place of a word's share
ROUNDS = 4  # from synonym to synonym

_LARGEST_CLUSTER = 100  # of SAFER and of CROWD's program


def word_vectors(source: Source) -> WordVectors | None:
    """The words and vectors of wordvec/glove6b_50d_subset.npz, or None where the file is not there."""
    if source.quick:
        return standins.word_vectors()
    path = source.file("wordvec", "glove6b_50d_subset.npz")
    if path is None:
        return None
    with np.load(path, allow_pickle=False) as archive:
        return [word.decode() for word in archive["words"]], archive["vectors"].astype(np.float64)


def synonyms(source: Source) -> SynonymNetwork | None:
    """The table of counter-fitted synonyms, or None where its file is not there."""
    if source.quick:
        return standins.synonyms()
    path = source.file("synonyms", "counterfitted_neighbors.json.gz")
    if path is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # entries without their reverse, which it gets
        return SynonymNetwork.read(path)


def rank_weights(words: list[str]) -> np.ndarray:
    """SIF weights of words that are listed by how often they occur, as GloVe lists them."""
    return sif_weights(1.0 / np.arange(1, len(words) + 1), a=SIF)


def with_synonyms(
    words: list[str], vectors: np.ndarray, weights: np.ndarray, network: SynonymNetwork
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Words that have neighbours with a vector get their mean; again with those that have one now.

    They weigh what the rarest listed word weighs.
    """
    table = dict(zip(words, vectors, strict=True))
    for _ in range(ROUNDS):
        new = {}
        for word in network.words:
            if word not in table:
                known = [table[other] for other in network.neighbours(word) if other in table]
                if known:
                    new[word] = np.mean(known, axis=0)
        table |= new
    padded = np.append(weights, np.full(len(table) - len(words), weights[-1]))
    return list(table), np.array(list(table.values())), padded


def sentence_encoder(vectors: WordVectors, network: SynonymNetwork | None) -> WordVectorEncoder:
    """The encoder that knn.py found best on dev sentences of SST-2."""
    words, rows = vectors
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    weights = rank_weights(words)
    if network is not None:
        words, unit, weights = with_synonyms(words, unit, weights, network)
    return WordVectorEncoder(words, unit, weights=weights, normalize=True)


def perturbation_network(words: list[str], vectors: np.ndarray, *, threshold: float) -> SynonymNetwork:
    """Synonyms as SAFER and CROWD use them: all of a cluster of at most 100 words, else the neighbours.

    Similarities are cosines of the vectors as they are, as in the program, where sets come from processed
    vectors. A few of them are negative, for which its law is not defined; those pairs are left out.

    Parameters
    ----------
    words, vectors
        Word vectors, after counter-fitting or as they are; all-but-the-top is applied here.
    threshold : float
        Least cosine similarity of neighbours.
    """
    near = SynonymNetwork.from_vectors(
        words, vectors, threshold=threshold, n_neighbors=_LARGEST_CLUSTER, all_but_the_top=2
    )
    units = dict(zip(words, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), strict=True))
    sets = {}
    for word in near.words:
        cluster = near.component(word)
        within = cluster if len(cluster) <= _LARGEST_CLUSTER else near.neighbours(word)
        sets[word] = [other for other in within if other != word and units[word] @ units[other] > 0.01]
    table = {word: others for word, others in sets.items() if others}
    return SynonymNetwork.from_table(table).with_similarities(words, vectors)
