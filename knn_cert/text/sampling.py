"""Draws from the laws of texts: noised training texts of one model, and noised queries."""

from __future__ import annotations

import numpy as np

from .corpus import Corpus
from .smoothing import Composition, Deletion, LabelNoise, Masking, RowDropping
from .substitution import SubstitutionLaw

__all__ = ["MASK", "Sampler"]

# What stands in the place of a masked word. `tokenize` never makes it of a text.
MASK = "[MASK]"


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

    def __init__(self, law: Composition, vocabulary: tuple[str, ...]):
        self._rows, self._labels = law.part(RowDropping), law.part(LabelNoise)
        self._masking, self._deletion = law.part(Masking), law.part(Deletion)
        substitution = law.part(SubstitutionLaw)
        self._table = None
        if substitution is not None:
            vocabulary, *self._table = substitution.table(tuple(vocabulary))
        vocabulary = tuple(vocabulary)
        if self._masking is not None:
            self._mask = vocabulary.index(MASK) if MASK in vocabulary else len(vocabulary)
            if self._mask == len(vocabulary):
                vocabulary = (*vocabulary, MASK)
        self._vocabulary = vocabulary

    def training(
        self, corpus: Corpus, labels: np.ndarray, n_classes: int, generator: np.random.Generator
    ) -> tuple[Corpus, np.ndarray]:
        """Draw the noised training texts of one model.

        Parameters
        ----------
        corpus : Corpus
            Of the vocabulary of this sampler.
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
            kept = generator.random(len(corpus)) >= self._rows.pi
            tokens = tokens[np.repeat(kept, np.diff(starts))]
            starts = np.concatenate([[0], np.cumsum(np.diff(starts)[kept])])
            labels = labels[kept]
        if self._labels is not None:
            flipped = generator.random(len(labels)) < self._labels.flip
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

    def _words(self, tokens: np.ndarray, starts: np.ndarray, uniforms: np.ndarray) -> Corpus:
        """Substitute, mask and delete, each by uniform numbers of its own."""
        if self._table is not None:
            tokens = _drawn(tokens, uniforms[0], *self._table)
        if self._masking is not None:
            tokens = np.where(uniforms[1] < self._masking.rho, self._mask, tokens)
        if self._deletion is not None:
            kept = uniforms[2] >= self._deletion.p
            tokens = tokens[kept]
            starts = np.concatenate([[0], np.cumsum(kept)])[starts]
        return Corpus(tokens, starts, self._vocabulary).renumbered()


def _drawn(tokens, uniforms, starts, candidates, cumulative) -> np.ndarray:
    """For each token the first of its candidates whose cumulative probability exceeds its number."""
    low, high = starts[tokens], starts[tokens + 1] - 1
    while np.any(low < high):
        middle = (low + high) // 2
        beyond = uniforms >= cumulative[middle]
        low, high = np.where(beyond, middle + 1, low), np.where(beyond, high, middle)
    return candidates[low]
