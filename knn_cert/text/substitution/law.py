"""What a law of substitution is: its probabilities, pairs and table for draws; laws with one ratio a pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...bounds import IDENTICAL, Atoms, Overlap, envelope, uniform_sets
from ..synonyms import SynonymNetwork
from .grid import law_of_weights
from .hull import Pair, hull_of_laws, hull_of_overlaps, undominated

# Candidates that a table for draws may list in all: half a GB.
_MOST_ENTRIES = 1 << 25

Weigh = Callable[[SynonymNetwork, str], tuple[Sequence[str], ArrayLike]]
Distribution = tuple[tuple[str, ...], NDArray[np.float64]]
Table = tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class SubstitutionLaw:
    """Which word is put for a word, drawn independently for every word of a text.

    Parameters
    ----------
    network : SynonymNetwork
        Words outside it, and words without neighbours, stay as they are.
    name : str
        For reports.
    weigh : callable (network, word) -> (candidates, weights)
        Distinct words, and numbers >= 0 that the probabilities are proportional to. It must not look at
        training texts: laws that depend on them certify nothing.
    meaning : str
        The law in plain words: what is done to a word.
    """

    network: SynonymNetwork
    name: str
    weigh: Weigh = field(repr=False)
    meaning: str = field(repr=False)
    _laws: dict[str, Distribution] = field(default_factory=dict, init=False, repr=False)
    _hulls: dict[str, Pair | None] = field(default_factory=dict, init=False, repr=False)
    _fronts: dict[str, list[Overlap]] = field(default_factory=dict, init=False, repr=False)

    def distribution(self, word: str) -> Distribution:
        """Return the candidates of a word and their probabilities.

        Parameters
        ----------
        word : str

        Returns
        -------
        candidates : tuple of m str
        probabilities : ndarray of shape (m,), float64, read-only
            Multiples of 2**-53 that add up to exactly 1, so their running sums are exact.

        Raises
        ------
        ValueError
            If the law does not exist for this word; the message names it.
        """
        law = self._laws.get(word)
        if law is None:
            names, weights = self._weighed(word)
            candidates = tuple(names)
            law = self._laws[word] = candidates, law_of_weights(word, candidates, weights)
        return law

    def pairs(self, word: str) -> Sequence[Pair]:
        """Return the pair of laws for every word that ``word`` may have been made from.

        Parameters
        ----------
        word : str
            The observed word.

        Returns
        -------
        list of TradeOff
            One for each neighbour u, in their order: P0 is the law of the observed word, P1 that of u.
            Neighbours are the reverse relation, since the network is symmetric. Empty for a word without
            neighbours.

        Raises
        ------
        ValueError
            As `distribution`.
        """
        observed = self._mapping(word)
        return [Atoms.from_laws(observed, self._mapping(other)) for other in self.network.neighbours(word)]

    def hull(self, word: str) -> Pair | None:
        """Return one pair that dominates all `pairs` of a word, computed once; None if there are none.

        Raises
        ------
        ValueError
            As `distribution`.
        """
        if word not in self._hulls:
            self._hulls[word] = self._hull(word) if self.network.neighbours(word) else None
        return self._hulls[word]

    def overlaps(self, word: str) -> list[Overlap] | None:
        """Return the `pairs` that no other dominates where each has one likelihood ratio, else None."""
        return None

    def hull_of(self, words: Iterable[str]) -> Pair:
        """Return one pair that dominates all `pairs` of all these words.

        It is the one of a change in a training set: its R-th power is that of R changes.

        Parameters
        ----------
        words : iterable of str
            The words of the observed texts, repeated or not.

        Returns
        -------
        TradeOff
            The pair of two equal laws if no word has a neighbour.

        Raises
        ------
        ValueError
            As `distribution`.
        """
        hulls = [hull for word in dict.fromkeys(words) if (hull := self.hull(word)) is not None]
        return envelope(hulls) if hulls else IDENTICAL

    def __str__(self) -> str:
        return f"substitution ({self.name})"

    def phrase(self) -> str:
        """Return what is done to a word, in plain words, as the rest of a sentence."""
        return (
            f"drawn anew ({self.meaning}, in a network of {len(self.network)} words, sha256 "
            f"{self.network.digest})"
        )

    def describe(self) -> str:
        """Return the law in plain words: what is drawn, on which network, what may be exchanged."""
        return (
            f"{self.name}: every word is drawn anew and independently: {self.meaning}. Words without "
            f"synonyms stay as they are. The synonyms are those of a network of {len(self.network)} words, "
            f"sha256 {self.network.digest}. Covered are words that were exchanged for synonyms of this "
            "network; inserted, deleted and other words are not."
        )

    def table(self, vocabulary: Sequence[str]) -> Table:
        """Return the laws of many words as flat arrays, to draw from all of them at once.

        With u uniform in [0, 1), token t becomes the first of its candidates whose cumulative probability
        exceeds u.

        Parameters
        ----------
        vocabulary : sequence of n distinct str

        Returns
        -------
        words : tuple of str
            The vocabulary, then candidates that it lacks.
        starts : ndarray of shape (n + 1,), int64
            Token t has the entries ``starts[t]:starts[t + 1]`` of the next two.
        candidates : ndarray of int64
            Positions in ``words``.
        cumulative : ndarray of float64
            Running sums of the probabilities of each token; the last one is exactly 1.

        Raises
        ------
        ValueError
            If a word occurs twice, the table would be too large, or as `distribution`.
        """
        numbers: dict[str, int] = {}
        for word in vocabulary:
            if numbers.setdefault(word, len(numbers)) != len(numbers) - 1:
                raise ValueError(f"the word {word!r} occurs twice in the vocabulary; words must be distinct")
        starts = np.zeros(len(numbers) + 1, dtype=np.int64)
        candidates = [np.zeros(0, dtype=np.int64)]
        cumulative = [np.zeros(0)]
        for t, word in enumerate(vocabulary):
            names, probabilities = self.distribution(word)
            starts[t + 1] = starts[t] + len(names)
            if starts[t + 1] > _MOST_ENTRIES:
                raise ValueError(
                    f"the laws of the first {t + 1} of {len(vocabulary)} words have {starts[t + 1]} "
                    f"candidates, more than the {_MOST_ENTRIES} that are kept. Laws on whole components need "
                    "small ones: raise the threshold of the network, or lower its n_neighbors"
                )
            candidates.append(
                np.fromiter((numbers.setdefault(name, len(numbers)) for name in names), np.int64, len(names))
            )
            cumulative.append(np.cumsum(probabilities))
        return tuple(numbers), starts, np.concatenate(candidates), np.concatenate(cumulative)

    def _weighed(self, word: str) -> tuple[Sequence[str], ArrayLike]:
        return self.weigh(self.network, word) if self.network.neighbours(word) else ((word,), [1.0])

    def _mapping(self, word: str) -> dict[str, float]:
        candidates, probabilities = self.distribution(word)
        return dict(zip(candidates, probabilities.tolist(), strict=True))

    def _hull(self, word: str) -> Pair:
        candidates, null = self.distribution(word)
        laws = map(self._mapping, self.network.neighbours(word))
        return hull_of_laws(null, np.array([[law.get(z, 0.0) for z in candidates] for law in laws]))


class OverlappingLaw(SubstitutionLaw):
    """A law whose pairs have one likelihood ratio each, known exactly."""

    def pairs(self, word: str) -> list[Overlap]:
        """Return the pairs of `SubstitutionLaw.pairs`, exactly."""
        raise NotImplementedError

    def overlaps(self, word: str) -> list[Overlap]:
        """Return the `pairs` that no other dominates."""
        if word not in self._fronts:
            self._fronts[word] = undominated(self.pairs(word))
        return self._fronts[word]

    def hull_of(self, words: Iterable[str]) -> Pair:
        """Return one pair that dominates all `pairs` of all these words, from the undominated ones alone."""
        return hull_of_overlaps({pair for word in dict.fromkeys(words) for pair in self.overlaps(word)})

    def _hull(self, word: str) -> Pair:
        return hull_of_overlaps(self.overlaps(word))


class UniformSubstitution(OverlappingLaw):
    """Every candidate of a word is equally likely, the word itself among them (SAFER, Ye et al. 2020).

    Parameters
    ----------
    network : SynonymNetwork
    name : str

    Notes
    -----
    Pairs are exact: with the candidate sets S of the observed word and S' of the other one they are
    ``uniform_sets(|S|, |S'|, |S & S'|)``. SAFER's table ``|S & S'| / |S|`` is one side of it only.
    """

    def __init__(self, network: SynonymNetwork, name: str = "uniform"):
        meaning = "it becomes itself or one of its synonyms, all equally likely"
        super().__init__(network, name, _equal_weights, meaning)

    def pairs(self, word: str) -> list[Overlap]:
        """Return the pairs of `SubstitutionLaw.pairs`, exactly."""
        observed = set(self.network.candidates(word))
        others = [self.network.candidates(other) for other in self.network.neighbours(word)]
        return [uniform_sets(len(observed), len(other), len(observed & set(other))) for other in others]


class ClusterShared(OverlappingLaw):
    """One law for all words of a connected component: they cannot be told apart."""

    def distribution(self, word: str) -> Distribution:
        """Return the law of the first word of the component, which is that of all of them."""
        return super().distribution(self.network.component(word)[0])

    def pairs(self, word: str) -> list[Overlap]:
        """Return pairs of two equal laws."""
        return [Overlap(1, 1) for _ in self.network.neighbours(word)]


def _equal_weights(network: SynonymNetwork, word: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    candidates = network.candidates(word)
    return candidates, np.ones(len(candidates))
