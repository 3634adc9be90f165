"""Draws from the laws of texts: noised training texts of one model, and noised queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from .composition import Composition
from .corpus import Corpus
from .laws import Deletion, LabelNoise, Masking, Number, RowDropping
from .substitution import SubstitutionLaw

__all__ = ["MASK", "Sampler"]

# What stands in the place of a masked word. `tokenize` never makes it of a text.
MASK = "[MASK]"


class _Table(NamedTuple):
    """The laws of words as `SubstitutionLaw.table` gives them, ready for draws."""

    starts: NDArray[np.int64]
    candidates: NDArray[np.int64]
    cumulative: NDArray[np.float64]

    def drawn(self, tokens: NDArray[np.int64], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return for each token the first candidate whose cumulative probability exceeds its number."""
        low, high = self.starts[tokens], self.starts[tokens + 1] - 1
        while np.any(low < high):
            middle = (low + high) // 2
            beyond = uniforms >= self.cumulative[middle]
            low, high = np.where(beyond, middle + 1, low), np.where(beyond, high, middle)
        return self.candidates[low]


class Sampler:
    """A law, made ready for texts with a vocabulary.

    Parameters
    ----------
    law : Composition
    vocabulary : sequence of str
        Tokens by number.

    Noised texts are numbered anew: which tokens there were before the noise, and in which order they came,
    cannot be told from what `training` and `queries` give.
    """

    def __init__(self, law: Composition, vocabulary: Sequence[str]) -> None:
        self._rows, self._labels = law.part(RowDropping), law.part(LabelNoise)
        self._masking, self._deletion = law.part(Masking), law.part(Deletion)
        substitution = law.part(SubstitutionLaw)
        words = tuple(vocabulary)
        self._table: _Table | None = None
        if substitution is not None:
            words, starts, candidates, cumulative = substitution.table(words)
            self._table = _Table(starts, candidates, cumulative)
        if self._masking is not None and MASK not in words:
            words = (*words, MASK)
        self._mask = words.index(MASK) if self._masking is not None else -1
        self._vocabulary = words

    def training(
        self, corpus: Corpus, labels: NDArray[np.int64], n_classes: int, generator: np.random.Generator
    ) -> tuple[Corpus, NDArray[np.int64]]:
        """Draw the noised training texts of one model.

        Parameters
        ----------
        corpus : Corpus
            Texts numbered by the vocabulary of this sampler.
        labels : ndarray of int, shape (n,)
            Positions of the classes, below ``n_classes``.
        n_classes : int
        generator : numpy.random.Generator

        Returns
        -------
        corpus : Corpus
            Maybe with fewer texts, and with empty ones; numbered as `Corpus.renumbered` does.
        labels : ndarray of int
        """
        tokens, starts = corpus.tokens, corpus.starts
        if self._rows is not None:
            kept = ~_below(generator.random(len(corpus)), self._rows.pi)
            tokens = tokens[np.repeat(kept, np.diff(starts))]
            starts = np.concatenate([[0], np.cumsum(np.diff(starts)[kept])])
            labels = labels[kept]
        if self._labels is not None:
            flipped = _below(generator.random(len(labels)), self._labels.flip)
            others = (labels + 1 + generator.integers(n_classes - 1, size=len(labels))) % n_classes
            labels = np.where(flipped, others, labels)
        return self._words(tokens, starts, generator.random((3, len(tokens)))), labels

    def queries(self, corpus: Corpus, generator: np.random.Generator) -> Corpus:
        """Draw noised queries, all from the same uniform numbers: what one model sees.

        The words in one place of different queries share their number, so a query is noised alike whichever
        others come with it. Each query has the law; different queries are not independent, which no
        certificate of a single query asks for.
        """
        lengths = np.diff(corpus.starts)
        uniforms = generator.random((int(lengths.max(initial=0)), 3)).T
        place = np.arange(len(corpus.tokens)) - np.repeat(corpus.starts[:-1], lengths)
        return self._words(corpus.tokens, corpus.starts, uniforms[:, place])

    def _words(
        self, tokens: NDArray[np.int64], starts: NDArray[np.int64], uniforms: NDArray[np.float64]
    ) -> Corpus:
        """Substitute, mask and delete, each by uniform numbers of its own."""
        if self._table is not None:
            tokens = self._table.drawn(tokens, uniforms[0])
        if self._masking is not None:
            tokens = np.where(_below(uniforms[1], self._masking.rho), self._mask, tokens)
        if self._deletion is not None:
            kept = ~_below(uniforms[2], self._deletion.p)
            tokens = tokens[kept]
            starts = np.concatenate([[0], np.cumsum(kept)])[starts]
        return Corpus(tokens, starts, self._vocabulary).renumbered()


def _below(uniforms: NDArray[np.float64], chance: Number) -> NDArray[np.bool_]:
    """Return where a uniform number is below a probability; a Fraction is compared as it is, unrounded."""
    return uniforms < cast("float", chance)
