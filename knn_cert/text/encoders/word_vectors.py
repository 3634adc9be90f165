"""Means of fixed word vectors, weighted by fixed weights: what a text's words say, whatever their order."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ...fingerprint import parameters_digest
from ...gate.arrays import as_float_array
from ...gate.errors import InvalidInput
from ...gate.numbers import as_flag, as_positive
from ..corpus import Corpus, check_texts, tokenize
from .rows import finished, normalization_note

# The smallest weight, as a share of the largest. With less, a text of such words alone has a sum of weights
# that loses digits, and at last is zero.
_SMALLEST_WEIGHT = 1e-12


class Coverage(NamedTuple):
    """How much of some texts a `WordVectorEncoder` knows.

    Attributes
    ----------
    tokens, known_tokens : int
        Tokens of all texts, and those of them that have a vector.
    types, known_types : int
        Distinct tokens, and those of them that have a vector.
    without_known : ndarray of int64
        Positions of the texts that have no known word. They are all the same to a classifier.
    """

    tokens: int
    known_tokens: int
    types: int
    known_types: int
    without_known: NDArray[np.int64]


class WordVectorEncoder:
    """The mean of the fixed vectors of a text's words, weighted by fixed weights or not at all.

    Words, vectors and weights must not come from the training table: vectors that were learned from it, or
    weights by how often a word occurs in it, let one text move the rows of all others, and certificates on
    them are void. `knn_cert.text.corpus.tokenize` cuts the texts; words without a vector are skipped.

    Parameters
    ----------
    words : sequence of str, length n
        In lower case, as `tokenize` gives them; no word twice.
    vectors : array_like of shape (n, d)
        Finite.
    weights : array_like of shape (n,), optional
        Weight of each word, finite and > 0, such as `sif_weights`; only their ratios count. None weighs all
        words alike.
    normalize : bool, default=False
        Divide each row by its own L2 norm. A row of zeros stays one.

    Attributes
    ----------
    n_features : int
        d.

    Raises
    ------
    TypeError
        If words are not strings, or vectors or weights not numbers.
    ValueError
        If the shapes do not fit, a word comes twice, a number is NaN or infinite, a weight not > 0, or no
        word is one that `tokenize` can find.

    Examples
    --------
    >>> from knn_cert.text.encoders import WordVectorEncoder
    >>> encoder = WordVectorEncoder(["good", "bad"], [[1.0, 0.0], [0.0, 1.0]])
    >>> encoder.encode(["Good, not bad!", "good"]).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        normalize: bool = False,
    ) -> None:
        words = _check_words(words)
        # Single precision, as they are published: in double whole sets of word vectors take gigabytes.
        with np.errstate(over="ignore"):
            rows = as_float_array(vectors, "vectors").astype(np.float32)
        if rows.ndim != 2 or len(rows) != len(words) or rows.shape[1] == 0:
            raise InvalidInput(
                f"vectors must have the shape ({len(words)}, d), one row for each of the words, got "
                f"{rows.shape}"
            )
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if bad.size:
            raise InvalidInput(
                f"vectors must be finite in single precision, got {rows[bad[0]]} for {words[bad[0]]!r}; "
                "leave such words out"
            )
        self._numbers = {word: number for number, word in enumerate(words)}
        self._vectors = rows
        self._weights = np.ones(len(words)) if weights is None else _check_weights(weights, words)
        self._normalize = as_flag(normalize, "normalize")
        self._warned = False
        self._vocabulary: tuple[str, ...] = ()
        self._places = np.zeros(0, dtype=np.int64)

    @property
    def n_features(self) -> int:
        """Number of features of a row, d."""
        return int(self._vectors.shape[1])

    @property
    def digest(self) -> str:
        """SHA-256 of words, vectors, weights and settings, in hexadecimal."""
        return parameters_digest(
            {
                "words": list(self._numbers),
                "vectors": self._vectors,
                "weights": self._weights,
                "normalize": self._normalize,
            }
        ).hex()

    def canonical_parameters(self) -> dict[str, NDArray[Any]]:
        """Return all that rows depend on, by name."""
        return {
            "words": np.array(list(self._numbers)),
            "vectors": self._vectors,
            "weights": self._weights,
            "normalize": np.array(self._normalize),
        }

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the row of each text, float32; a text without a known word gets zeros.

        The first time that happens there is a warning; `coverage` tells which texts they are. A row is bit
        for bit a function of its own text.

        Parameters
        ----------
        texts : sequence of str, length m

        Returns
        -------
        ndarray of float32, shape (m, d)

        Raises
        ------
        TypeError, ValueError
            As `knn_cert.text.corpus.check_texts`.
        """
        texts = check_texts(texts)
        known = [self._known(tokenize(text)) for text in texts]
        unknown = [i for i, numbers in enumerate(known) if not numbers]
        if unknown and not self._warned:
            self._warned = True
            warnings.warn(
                f"{len(unknown)} of {len(texts)} texts have no word with a vector, text {unknown[0]} first; "
                "their rows are zeros, all the same. coverage(texts) lists them",
                stacklevel=2,
            )
        starts = np.cumsum([0, *map(len, known)])
        return self._rows(np.array([number for text in known for number in text], dtype=np.int64), starts)

    def encode_corpus(self, corpus: Corpus) -> NDArray[np.float32]:
        """Return the rows of numbered tokens, as `encode` does, without a warning: noise may leave nothing.

        Parameters
        ----------
        corpus : Corpus
            m texts; empty ones too.

        Returns
        -------
        ndarray of float32, shape (m, d)
        """
        if self._vocabulary is not corpus.vocabulary:
            # All models of an ensemble share a vocabulary.
            places = [self._numbers.get(word, -1) for word in corpus.vocabulary]
            self._vocabulary, self._places = corpus.vocabulary, np.array(places, dtype=np.int64)
        found = self._places[corpus.tokens]
        known = found >= 0
        return self._rows(found[known], np.concatenate([[0], np.cumsum(known)])[corpus.starts])

    def coverage(self, texts: Sequence[str]) -> Coverage:
        """Count how much of the texts has a vector.

        Parameters
        ----------
        texts : sequence of str

        Returns
        -------
        Coverage

        Raises
        ------
        TypeError, ValueError
            As `encode`.
        """
        n_tokens = n_known = 0
        types: set[str] = set()
        without = []
        for i, text in enumerate(check_texts(texts)):
            tokens = tokenize(text)
            known = len(self._known(tokens))
            types.update(tokens)
            n_tokens, n_known = n_tokens + len(tokens), n_known + known
            if not known:
                without.append(i)
        return Coverage(
            n_tokens,
            n_known,
            len(types),
            sum(word in self._numbers for word in types),
            np.array(without, dtype=np.int64),
        )

    def describe(self) -> str:
        """Return what a row is, in plain words, for reports."""
        weighted = "weighted mean" if np.ptp(self._weights) > 0.0 else "mean"
        return (
            f"{weighted} of the fixed vectors of a text's words, {len(self._numbers):,} words, "
            f"{self.n_features} features{normalization_note(self._normalize)}"
        )

    def _known(self, tokens: Sequence[str]) -> list[int]:
        return [self._numbers[token] for token in tokens if token in self._numbers]

    def _rows(self, known: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the rows of texts, of which text i has the words ``known[starts[i]:starts[i + 1]]``."""
        shape = len(starts) - 1, len(self._weights)
        weights = sp.csr_array((self._weights[known], known, starts), shape=shape)
        totals = weights @ np.ones(shape[1])
        # A sparse product adds word by word, in the order of the text; a dense one may round a row by its
        # neighbours.
        shares = self._weights[known] / np.repeat(totals, np.diff(starts))
        return finished(sp.csr_array((shares, known, starts), shape=shape) @ self._vectors, self._normalize)


def sif_weights(frequencies: ArrayLike, *, a: float = 1e-3) -> NDArray[np.float64]:
    """Weigh frequent words down: a / (a + p), the smooth inverse frequency of Arora, Liang and Ma (2017).

    The frequencies must be those of another corpus than the training table. Where only the order is known,
    as for GloVe, ``1 / rank`` serves, with a larger `a`: shares of words fall about like that.

    Parameters
    ----------
    frequencies : array_like of shape (n,)
        Share p of each word, or anything proportional to it, finite and >= 0.
    a : float > 0
        Words of this frequency weigh a half.

    Returns
    -------
    ndarray of float64, shape (n,)
        In (0, 1].
    """
    shares = as_float_array(frequencies, "frequencies")
    a = as_positive(a, "a")
    if shares.ndim != 1 or not (np.isfinite(shares) & (shares >= 0.0)).all():
        raise InvalidInput(
            f"frequencies must be a 1-D array of finite numbers >= 0, got shape {shares.shape}, "
            f"smallest {shares.min(initial=np.inf):g}"
        )
    weights: NDArray[np.float64] = a / (a + shares)
    return weights


def _check_words(words: Sequence[str]) -> list[str]:
    if isinstance(words, (str, bytes)):
        raise TypeError(f"words must be a sequence of strings, got one {type(words).__name__}")
    words = list(words)
    seen: dict[str, int] = {}
    for i, word in enumerate(words):
        if not isinstance(word, str):
            hint = '; decode them, word.decode("utf-8")' if isinstance(word, bytes) else ""
            raise TypeError(f"words[{i}] must be a str, got {word!r}{hint}")
        if word in seen:
            raise InvalidInput(
                f"words must not repeat, got {word!r} at {seen[word]} and {i}; keep one vector of each word"
            )
        seen[word] = i
    if not any(tokenize(word) == [word] for word in words):
        raise InvalidInput(
            f"words must hold some that tokenize() can find in a text, got none among {len(words)}; it gives "
            "words in lower case and without spaces"
        )
    return [str(word) for word in words]


def _check_weights(weights: ArrayLike, words: Sequence[str]) -> NDArray[np.float64]:
    """Return the weights of the words, divided by the largest of them."""
    given = as_float_array(weights, "weights")
    if given.shape != (len(words),):
        raise InvalidInput(
            f"weights must have the shape ({len(words)},), one for each of the words, got {given.shape}"
        )
    fine = np.isfinite(given)
    largest = given[fine].max(initial=0.0)
    bad = np.flatnonzero(~(fine & (given > _SMALLEST_WEIGHT * largest)))
    if bad.size:
        raise InvalidInput(
            f"weights must be finite, > 0 and above {_SMALLEST_WEIGHT:g} of the largest, got "
            f"{given[bad[0]]} for {words[bad[0]]!r}; leave words that shall not count out of the list"
        )
    shares: NDArray[np.float64] = given / largest
    return shares
