"""Word vectors and synonyms of the text studies, fixed before any corpus is seen."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np

from knn_cert.text import SynonymNetwork
from knn_cert.text.encoders import WordVectorEncoder, sif_weights

from .data import SHARED

WordVectors = tuple[list[str], np.ndarray]  # n words, (n, d)

SIF = 0.1  # for 1 / rank in the place of a word's share
ROUNDS = 4  # from synonym to synonym


def word_vectors(folder: str | None) -> WordVectors | None:
    """The words and vectors of wordvec/glove6b_50d_subset.npz, or None where the file is not there."""
    path = _found(folder, "wordvec", "glove6b_50d_subset.npz")
    if path is None:
        return None
    with np.load(path, allow_pickle=False) as archive:
        return [word.decode() for word in archive["words"]], archive["vectors"].astype(np.float64)


def synonyms(folder: str | None) -> SynonymNetwork | None:
    """The table of counter-fitted synonyms, or None where its file is not there."""
    path = _found(folder, "synonyms", "counterfitted_neighbors.json.gz")
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
    """The encoder that text_knn.py found best on dev sentences of SST-2."""
    words, rows = vectors
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    weights = rank_weights(words)
    if network is not None:
        words, unit, weights = with_synonyms(words, unit, weights, network)
    return WordVectorEncoder(words, unit, weights=weights, normalize=True)


def _found(folder: str | None, *names: str) -> Path | None:
    path = Path(folder or os.environ.get("KNN_CERT_DATA") or SHARED / "data").joinpath(*names)
    return path if path.exists() else None
