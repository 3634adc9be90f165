"""Trainers that run on a CPU: bags of words, and sentence embeddings, each with a linear classifier on top.

A model is a function of its noised texts alone. The columns of a bag of words are therefore hashes of the
words, not places in a vocabulary that somebody else's words would shift, and idf weights are those of the
noised texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.utils import murmurhash3_32
from threadpoolctl import threadpool_limits

from ..gate.errors import InvalidInput
from ..gate.numbers import as_positive, as_whole_number
from ..montecarlo.protocols import having
from .corpus import Corpus
from .text_protocols import CorpusEncoder, SentenceEncoder

__all__ = ["BagOfWords", "BagOfWordsModel", "Embeddings"]

# Odd, so that the second word of a pair counts differently from the first.
_PAIR = np.uint64(0x9E3779B97F4A7C15)


class BagOfWords:
    """TF-IDF weights of words and pairs of words, with logistic regression or Naive Bayes.

    Parameters
    ----------
    classifier : {"logistic", "naive-bayes"}
    ngrams : {1, 2}
        1: words; 2: pairs of neighbouring words as well.
    C : float > 0
        Inverse strength of the L2 penalty of logistic regression.
    balanced : bool, default=True
        Whether all classes count alike, however many texts they have. Noise leaves little of each text, and a
        model that leans to the larger class says nothing else then.
    """

    def __init__(
        self, classifier: str = "logistic", *, ngrams: int = 1, C: float = 4.0, balanced: bool = True
    ) -> None:
        if classifier not in ("logistic", "naive-bayes"):
            raise InvalidInput(f'classifier must be "logistic" or "naive-bayes", got {classifier!r}')
        if as_whole_number(ngrams, "ngrams", least=1) > 2:
            raise InvalidInput(f"ngrams must be 1 or 2, got {ngrams}")
        self.classifier, self.ngrams, self.C = classifier, int(ngrams), as_positive(C, "C")
        self.balanced = bool(balanced)

    @property
    def description(self) -> str:
        """What certificates call it."""
        name = "logistic regression" if self.classifier == "logistic" else "Naive Bayes"
        return f"{name} on TF-IDF weights of {'words' if self.ngrams == 1 else 'words and pairs of words'}"

    def __call__(self, texts: Sequence[str], labels: ArrayLike, seed: int = 0) -> BagOfWordsModel:
        """Train on texts whose tokens are separated by spaces, or that `tokenize` has not seen.

        Parameters
        ----------
        texts : sequence of n str
            May be empty ones.
        labels : array of shape (n,)
        seed : int
            Not used: nothing here is random.

        Returns
        -------
        BagOfWordsModel
        """
        return self.train_corpus(_corpus(texts), np.asarray(labels), seed)

    def train_corpus(self, corpus: Corpus, labels: NDArray[Any], seed: int = 0) -> BagOfWordsModel:
        """Train on numbered tokens, as `SmoothedTextEnsemble` hands them over."""
        classes = np.unique(labels)
        terms, rows = self._terms(corpus)
        columns, places = np.unique(terms, return_inverse=True)
        if not len(columns) or len(classes) < 2:
            # Nothing is left to learn from: the most frequent class, the lowest of equals.
            values, counts = np.unique(labels, return_counts=True)
            return BagOfWordsModel(self, classes, columns, None, values[np.argmax(counts)])
        counts = _counts(rows, places, (len(corpus), len(columns)))
        weighting = TfidfTransformer().fit(counts)
        weights = weighting.transform(counts)
        if self.classifier == "logistic":
            solver = "liblinear" if len(classes) == 2 else "lbfgs"
            # liblinear asks the threads of BLAS for millions of tiny sums: with several it is many times
            # slower, and its last digits would depend on their number.
            with threadpool_limits(1):
                fitted = LogisticRegression(
                    C=self.C, solver=solver, max_iter=200, class_weight="balanced" if self.balanced else None
                ).fit(weights, labels)
        else:
            fitted = MultinomialNB(fit_prior=not self.balanced).fit(weights, labels)
        return BagOfWordsModel(self, classes, columns, weighting, fitted)

    def _terms(self, corpus: Corpus) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Return a hash for each term of each text, and the text."""
        hashes = _hashes_of(corpus.vocabulary)[corpus.tokens]
        rows = corpus.row_of_token()
        if self.ngrams == 1:
            return hashes, rows
        together = rows[1:] == rows[:-1]
        pairs = (hashes[:-1] * _PAIR + hashes[1:] + np.uint64(1))[together]
        return np.concatenate([hashes, pairs]), np.concatenate([rows, rows[1:][together]])


class BagOfWordsModel:
    """What `BagOfWords` trains.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        The classes of its training texts.
    """

    def __init__(
        self,
        trainer: BagOfWords,
        classes: NDArray[Any],
        columns: NDArray[np.uint64],
        weighting: Any,  # None where nothing was left to learn from, and fitted a label
        fitted: Any,
    ) -> None:
        self.classes_ = classes
        self._trainer, self._columns, self._weighting, self._fitted = trainer, columns, weighting, fitted

    def predict(self, texts: Sequence[str]) -> NDArray[Any]:
        """Return the labels of texts, shape (m,)."""
        return self.predict_corpus(_corpus(texts))

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the probabilities of ``classes_``, shape (m, C)."""
        corpus = _corpus(texts)
        if self._weighting is None:
            return np.tile(np.asarray(self.classes_ == self._fitted, dtype=np.float64), (len(corpus), 1))
        probabilities: NDArray[np.float64] = self._fitted.predict_proba(self._weights(corpus))
        return probabilities

    def predict_corpus(self, corpus: Corpus) -> NDArray[Any]:
        """Return the labels of numbered tokens, shape (m,)."""
        if self._weighting is None:
            return np.full(len(corpus), self._fitted)
        labels: NDArray[Any] = self._fitted.predict(self._weights(corpus))
        return labels

    def _weights(self, corpus: Corpus) -> sp.csr_array:
        terms, rows = self._trainer._terms(corpus)
        places = np.minimum(np.searchsorted(self._columns, terms), len(self._columns) - 1)
        known = self._columns[places] == terms
        counts = _counts(rows[known], places[known], (len(corpus), len(self._columns)))
        return self._weighting.transform(counts)


class Embeddings:
    """Fixed sentence embeddings with logistic regression on top: only the top layer is trained.

    Parameters
    ----------
    encoder : SentenceEncoder, an object with encode(texts) -> array of shape (n, d)
        Fixed independently of the training texts, such as `TransformerEncoder` or `WordVectorEncoder`. It may
        also have ``encode_corpus(corpus)``, for a `Corpus` of noised texts.
    C : float > 0
        Inverse strength of the L2 penalty.
    balanced : bool, default=True
        Whether all classes count alike, however many texts they have.
    """

    def __init__(self, encoder: SentenceEncoder, *, C: float = 1.0, balanced: bool = True) -> None:
        if having(encoder, "encode") is None:
            raise TypeError(
                f"encoder must have encode(texts), got {type(encoder).__name__}; see knn_cert.text.encoders"
            )
        self.encoder, self.C, self.balanced = encoder, as_positive(C, "C"), bool(balanced)

    @property
    def description(self) -> str:
        """What certificates call it."""
        return f"logistic regression on sentence embeddings of {type(self.encoder).__name__}"

    def __call__(self, texts: Sequence[str], labels: ArrayLike, seed: int = 0) -> EmbeddingsModel:
        """Train on n texts, at least two of the labels different."""
        return self.train_corpus(_corpus(texts), np.asarray(labels), seed)

    def train_corpus(self, corpus: Corpus, labels: NDArray[Any], seed: int = 0) -> EmbeddingsModel:
        """Train on numbered tokens, as `SmoothedTextEnsemble` hands them over."""
        rows = _encoded(self.encoder, corpus)
        with threadpool_limits(1):
            top = LogisticRegression(
                C=self.C, max_iter=1000, class_weight="balanced" if self.balanced else None
            ).fit(rows, labels)
        return EmbeddingsModel(self.encoder, top)


class EmbeddingsModel:
    """What `Embeddings` trains.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
    """

    def __init__(self, encoder: SentenceEncoder, top: LogisticRegression) -> None:
        self._encoder, self._top = encoder, top
        self.classes_ = top.classes_

    def predict(self, texts: Sequence[str]) -> NDArray[Any]:
        """Return the labels of texts, shape (m,)."""
        return self.predict_corpus(_corpus(texts))

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the probabilities of ``classes_``, shape (m, C)."""
        rows = _encoded(self._encoder, _corpus(texts))
        probabilities: NDArray[np.float64] = self._top.predict_proba(rows)
        return probabilities

    def canonical_parameters(self) -> dict[str, NDArray[Any]]:
        """Return what was trained: the top layer. The encoder is fixed."""
        return {
            "classes": self.classes_,
            "coefficients": self._top.coef_,
            "intercept": self._top.intercept_,
        }

    def predict_corpus(self, corpus: Corpus) -> NDArray[Any]:
        """Return the labels of numbered tokens, shape (m,)."""
        labels: NDArray[Any] = self._top.predict(_encoded(self._encoder, corpus))
        return labels


@lru_cache(maxsize=2)  # all models of an ensemble are asked about one vocabulary, that of the queries
def _hashes_of(vocabulary: tuple[str, ...]) -> NDArray[np.uint64]:
    """Return 64 bits a word."""
    halves = [[murmurhash3_32(word, seed=seed, positive=True) for word in vocabulary] for seed in (0, 1)]
    low, high = np.array(halves, dtype=np.uint64).reshape(2, -1)
    hashes: NDArray[np.uint64] = low | (high << np.uint64(32))
    hashes.flags.writeable = False
    return hashes


def _encoded(encoder: SentenceEncoder, corpus: Corpus) -> ArrayLike:
    by_numbers: CorpusEncoder | None = having(encoder, "encode_corpus")
    return encoder.encode(corpus.texts()) if by_numbers is None else by_numbers.encode_corpus(corpus)


def _corpus(texts: Sequence[str]) -> Corpus:
    return Corpus.from_texts(texts, allow_empty=True)


def _counts(rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]) -> sp.csr_array:
    places = rows.astype(np.int32), columns.astype(np.int32)  # liblinear takes no wider ones
    return sp.coo_array((np.ones(len(rows)), places), shape=shape).tocsr()
