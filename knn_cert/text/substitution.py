"""Laws P(. | word) on a synonym network, each a vector of probabilities, and the pairs that certify them.

What is drawn and what is certified are the same numbers: every law is rounded to multiples of 2**-53, the
grid of the uniform doubles that draw from it. Uniform laws are the exception: they are certified as 1/m,
which a draw meets to 2**-53.

Words must be exchanged within the network. Nothing here certifies inserted, deleted or foreign words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from scipy import special

from ..bounds import (
    IDENTICAL,
    Atoms,
    Overlap,
    TradeOff,
    envelope,
    uniform_sets,
)
from ..bounds.arguments import chance
from ..gate.numbers import as_positive, as_real
from .beta_argmax import beta_argmax, fit_beta
from .synonyms import SynonymNetwork

__all__ = [
    "SubstitutionLaw",
    "UniformSubstitution",
    "beta_cdf",
    "beta_race",
    "cluster_shared",
    "crowd_paper",
    "crowd_released",
    "floored",
    "similarity_power",
    "similarity_softmax",
]

# numpy draws uniform doubles from the multiples of 2**-53 below 1.
_UNITS = 1 << 53

# Candidates that a table for draws may list in all: half a GB.
_MOST_ENTRIES = 1 << 25

Weigh = Callable[[SynonymNetwork, str], tuple[tuple[str, ...], Any]]


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
    _laws: dict = field(default_factory=dict, init=False, repr=False)
    _hulls: dict = field(default_factory=dict, init=False, repr=False)
    _fronts: dict = field(default_factory=dict, init=False, repr=False)

    def distribution(self, word: str) -> tuple[tuple[str, ...], np.ndarray]:
        """The candidates of a word and their probabilities.

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
            if self.network.neighbours(word):
                candidates, weights = self.weigh(self.network, word)
            else:
                candidates, weights = (word,), [1.0]
            law = self._laws[word] = _law(word, tuple(candidates), weights)
        return law

    def pairs(self, word: str) -> list[TradeOff]:
        """For every word that ``word`` may have been made from: what tells the two laws apart.

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

    def hull(self, word: str) -> TradeOff | None:
        """One pair that dominates all `pairs` of a word, computed once; None if there are none.

        Raises
        ------
        ValueError
            As `distribution`.
        """
        if word not in self._hulls:
            self._hulls[word] = self._hull(word) if self.network.neighbours(word) else None
        return self._hulls[word]

    def overlaps(self, word: str) -> list[Overlap] | None:
        """The `pairs` that none of the others dominates, where each has one ratio; None: not for this law."""
        return None

    def hull_of(self, words: Iterable[str]) -> TradeOff:
        """One pair that dominates all `pairs` of all these words: for training sets, raised to all changes.

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
        return self._hull_of([word for word in dict.fromkeys(words) if self.network.neighbours(word)])

    def __str__(self) -> str:
        return f"substitution ({self.name})"

    def phrase(self) -> str:
        """What is done to a word, in plain words, as the rest of a sentence."""
        return (
            f"drawn anew ({self.meaning}, in a network of {len(self.network)} words, sha256 "
            f"{self.network.digest})"
        )

    def describe(self) -> str:
        """The law in plain words, for reports: what is drawn, on which network, what may be exchanged."""
        return (
            f"{self.name}: every word is drawn anew and independently: {self.meaning}. Words without "
            f"synonyms stay as they are. The synonyms are those of a network of {len(self.network)} words, "
            f"sha256 {self.network.digest}. Covered are words that were exchanged for synonyms of this "
            "network; inserted, deleted and other words are not."
        )

    def table(self, vocabulary: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray]:
        """The laws of many words as flat arrays, to draw from all of them at once.

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
        candidates: list[np.ndarray] = []
        cumulative: list[np.ndarray] = []
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
        return (
            tuple(numbers),
            starts,
            np.concatenate([np.zeros(0, dtype=np.int64), *candidates]),
            np.concatenate([np.zeros(0), *cumulative]),
        )

    def _mapping(self, word: str) -> dict[str, float]:
        candidates, probabilities = self.distribution(word)
        return dict(zip(candidates, probabilities.tolist(), strict=True))

    def _hull(self, word: str) -> TradeOff:
        candidates, null = self.distribution(word)
        laws = map(self._mapping, self.network.neighbours(word))
        return _hull_of_laws(null, np.array([[law.get(z, 0.0) for z in candidates] for law in laws]))

    def _hull_of(self, words: Sequence[str]) -> TradeOff:
        return envelope([self.hull(word) for word in words]) if words else IDENTICAL


class _OverlappingLaw(SubstitutionLaw):
    """A law whose pairs have one likelihood ratio each, known exactly."""

    def _hull(self, word: str) -> TradeOff:
        return _hull_of_overlaps(self.overlaps(word))

    def _hull_of(self, words: Sequence[str]) -> TradeOff:
        return _hull_of_overlaps({pair for word in words for pair in self.overlaps(word)})

    def overlaps(self, word: str) -> list[Overlap]:
        """The `pairs` that none of the others dominates."""
        if word not in self._fronts:
            self._fronts[word] = _undominated(self.pairs(word))
        return self._fronts[word]


class UniformSubstitution(_OverlappingLaw):
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

    def pairs(self, word: str) -> list[TradeOff]:
        observed = set(self.network.candidates(word))
        others = [self.network.candidates(other) for other in self.network.neighbours(word)]
        return [uniform_sets(len(observed), len(other), len(observed & set(other))) for other in others]


class _ClusterShared(_OverlappingLaw):
    """One law for all words of a connected component: they cannot be told apart."""

    def distribution(self, word: str) -> tuple[tuple[str, ...], np.ndarray]:
        return super().distribution(self.network.component(word)[0])

    def pairs(self, word: str) -> list[TradeOff]:
        return [Overlap(1, 1) for _ in self.network.neighbours(word)]


# --- the laws ---

_PROPORTIONAL = (
    "it becomes one of its candidates, itself with similarity 1 among them, with probability proportional to"
)


def crowd_paper(network: SynonymNetwork) -> UniformSubstitution:
    """CROWD's sampler as printed, Eqs. (5) to (7): the uniform law, whatever the similarities.

    The weights theta_1, ..., theta_m of the candidates are independent draws of one Beta law without atoms,
    so they are exchangeable and never equal: each of them is the largest with probability 1/m. Dividing by
    their sum does not move the largest.

    Parameters
    ----------
    network : SynonymNetwork
    """
    return UniformSubstitution(network, "CROWD as printed")


def crowd_released(network: SynonymNetwork) -> SubstitutionLaw:
    """CROWD's sampler as released: the candidate with the largest product of a Beta draw and its similarity.

    The Beta law is fitted, for each word, to the similarities of its candidates, of which the word itself has
    1; see `fit_beta` and `beta_argmax`. The factor s_j is in the released code and not in the paper.

    Parameters
    ----------
    network : SynonymNetwork
        With similarities.

    Raises
    ------
    ValueError
        If the network has no similarities. The law itself raises it for a word whose similarities are all
        equal, negative, or too spread for a Beta law; the message says what the released code does there.
    """
    return SubstitutionLaw(
        _with_similarities(network),
        "CROWD as released",
        _released_weights,
        "it becomes the candidate, itself with similarity 1 among them, with the largest product of its "
        "similarity and an independent draw of a Beta law fitted to these similarities",
    )


def beta_race(
    network: SynonymNetwork, weights: Callable[[str, str], float] | Mapping[str, float]
) -> SubstitutionLaw:
    """The largest of independent Beta(alpha_j, 1) draws: ``P(j) = alpha_j / sum alpha``, exactly.

    The probability that draw j is the largest is the integral over b in [0, 1] of its density
    ``alpha_j b**(alpha_j - 1)`` times the distribution functions ``b**alpha_k`` of the others.

    Parameters
    ----------
    network : SynonymNetwork
    weights : callable (word, candidate) -> float, or mapping from candidate to float
        The alpha_j >= 0 of a candidate; 0 is never drawn. The word itself is a candidate too.

    Raises
    ------
    TypeError
        If ``weights`` is neither.
    """
    if not callable(weights) and not isinstance(weights, Mapping):
        raise TypeError(
            "weights must be callable with (word, candidate), or map every candidate to a number; got "
            f"{type(weights).__name__}"
        )
    return SubstitutionLaw(
        network,
        "beta race",
        partial(_given_weights, weights),
        "it becomes one of its candidates, itself among them, with probability proportional to given weights",
    )


def similarity_power(network: SynonymNetwork, gamma: float) -> SubstitutionLaw:
    """Probability proportional to ``max(similarity, 0)**gamma``; the word itself has similarity 1.

    Parameters
    ----------
    network : SynonymNetwork
        With similarities.
    gamma : float >= 0
        0 is the uniform law on the candidates of positive similarity.

    Raises
    ------
    TypeError, ValueError
        If ``gamma`` is no such number, or the network has no similarities.
    """
    gamma = as_real(gamma, "gamma")
    if not 0.0 <= gamma < math.inf:
        raise ValueError(f"gamma must be finite and >= 0, got {gamma!r}")
    return SubstitutionLaw(
        _with_similarities(network),
        f"similarity to the power {gamma:g}",
        partial(_power_weights, gamma),
        f"{_PROPORTIONAL} the similarity to the power {gamma!r}",
    )


def similarity_softmax(network: SynonymNetwork, tau: float) -> SubstitutionLaw:
    """Probability proportional to ``exp(similarity / tau)``; the word itself has similarity 1.

    Parameters
    ----------
    network : SynonymNetwork
        With similarities.
    tau : float > 0
        The smaller, the more often a word stays.

    Raises
    ------
    TypeError, ValueError
        If ``tau`` is no such number, or the network has no similarities.
    """
    tau = as_positive(tau, "tau")
    return SubstitutionLaw(
        _with_similarities(network),
        f"soft-max of similarities, tau = {tau:g}",
        partial(_softmax_weights, tau),
        f"{_PROPORTIONAL} exp(similarity / {tau!r})",
    )


def beta_cdf(network: SynonymNetwork) -> SubstitutionLaw:
    """Probability proportional to ``F(similarity)``, the distribution function of the Beta law of `fit_beta`.

    It grows with the similarity, as the density does not: that is 0 or infinite at the word itself.

    Parameters
    ----------
    network : SynonymNetwork
        With similarities.

    Raises
    ------
    ValueError
        If the network has no similarities; the law itself raises it for a word that has no Beta law.
    """
    return SubstitutionLaw(
        _with_similarities(network),
        "Beta distribution function of similarities",
        _cdf_weights,
        f"{_PROPORTIONAL} the distribution function, at the similarity, of a Beta law fitted to these "
        "similarities",
    )


def cluster_shared(
    network: SynonymNetwork, weights: Callable[[str], float] | Mapping[str, float] | None = None
) -> SubstitutionLaw:
    """One law for all words of a connected component, so that exchanging them costs nothing.

    It equals replacing every word by the name of its component. Components grow fast with the number of
    edges: look at ``network.component`` first.

    Parameters
    ----------
    network : SynonymNetwork
    weights : callable (candidate) -> float, or mapping from candidate to float, optional
        Numbers >= 0 that the probabilities are proportional to. They may depend on the candidate, not on the
        word. None: uniform.

    Raises
    ------
    TypeError
        If ``weights`` is none of these.
    """
    if weights is not None and not callable(weights) and not isinstance(weights, Mapping):
        raise TypeError(
            "weights must be callable with a candidate, or map every candidate to a number; got "
            f"{type(weights).__name__}"
        )
    drawn = "all equally likely" if weights is None else "with probability proportional to given weights"
    return _ClusterShared(
        network,
        "shared by clusters",
        partial(_component_weights, weights),
        f"it becomes a word of its connected component of the network, {drawn} and the same for all words "
        "of the component",
    )


def floored(law: SubstitutionLaw, eta: float) -> SubstitutionLaw:
    """With probability ``eta`` a uniform word of the connected component instead: ratios become bounded.

    Parameters
    ----------
    law : SubstitutionLaw
        Whose candidates lie in the component of their word.
    eta : float, in [0, 1]

    Returns
    -------
    SubstitutionLaw
        Every word has its whole component as candidates; any two of one component overlap by at least eta.

    Raises
    ------
    TypeError, ValueError
        If ``eta`` is no such number.
    """
    eta = float(chance(eta, "eta")[0])
    return SubstitutionLaw(
        law.network,
        f"{law.name}, floor {eta:g}",
        partial(_floored_weights, law, eta),
        f"with probability {eta!r} it becomes a word of its connected component of the network, all equally "
        f"likely, and else the following: {law.meaning}",
    )


# --- weights ---


def _equal_weights(network, word):
    candidates = network.candidates(word)
    return candidates, np.ones(len(candidates))


def _given_weights(weights, network, word):
    candidates = network.candidates(word)
    if callable(weights):
        return candidates, [weights(word, candidate) for candidate in candidates]
    return candidates, _looked_up(weights, candidates)


def _component_weights(weights, network, word):
    candidates = network.component(word)
    if weights is None:
        return candidates, np.ones(len(candidates))
    if callable(weights):
        return candidates, [weights(candidate) for candidate in candidates]
    return candidates, _looked_up(weights, candidates)


def _looked_up(weights, candidates):
    missing = [candidate for candidate in candidates if candidate not in weights]
    if missing:
        raise ValueError(
            f"the weight of the candidate {missing[0]!r} is missing; give one for every word of the "
            "network, 0 for one that is never to be drawn"
        )
    return [weights[candidate] for candidate in candidates]


def _floored_weights(law, eta, network, word):
    candidates, probabilities = law.distribution(word)
    component = network.component(word)
    drawn = dict(zip(candidates, probabilities.tolist(), strict=True))
    foreign = drawn.keys() - set(component)
    if foreign:
        raise ValueError(
            f"the law {law.name!r} puts {min(foreign)!r} for {word!r}, which is not in its component; a "
            "floor needs candidates of the component"
        )
    return component, [(1.0 - eta) * drawn.get(z, 0.0) + eta / len(component) for z in component]


def _power_weights(gamma, network, word):
    candidates, similarities = _similarities(network, word)
    weights = np.zeros(len(similarities))
    weights[similarities > 0.0] = similarities[similarities > 0.0] ** gamma
    return candidates, weights


def _softmax_weights(tau, network, word):
    candidates, similarities = _similarities(network, word)
    return candidates, np.exp((similarities - similarities.max()) / tau)


def _cdf_weights(network, word):
    candidates, similarities = _similarities(network, word)
    alpha, beta = _fitted(word, similarities)
    return candidates, special.betainc(alpha, beta, similarities)


def _released_weights(network, word):
    candidates, similarities = _similarities(network, word)
    alpha, beta = _fitted(word, similarities)
    try:
        return candidates, beta_argmax(similarities, alpha, beta)
    except ValueError as error:
        raise ValueError(f"the word {word!r} has no law as CROWD released it: {error}") from None


def _fitted(word, similarities):
    try:
        return fit_beta(similarities)
    except ValueError as error:
        raise ValueError(
            f"the word {word!r} has no Beta law: {error}. Take another law, or a network without the edges "
            "of this word"
        ) from None


def _similarities(network, word):
    candidates = network.candidates(word)
    return candidates, np.array([network.similarity(word, candidate) for candidate in candidates])


def _with_similarities(network: SynonymNetwork) -> SynonymNetwork:
    if not network.has_similarities:
        raise ValueError(
            "this law needs a network with similarities; build it with SynonymNetwork.from_vectors, or "
            "attach them by network.with_similarities(words, vectors)"
        )
    return network


def _law(word: str, candidates: tuple[str, ...], weights) -> tuple[tuple[str, ...], np.ndarray]:
    """Candidates and probabilities proportional to the weights, multiples of 2**-53 that add up to 1."""
    try:
        weights = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"the weights of {word!r} must be real numbers, got {weights!r:.80}") from None
    if weights.shape != (len(candidates),) or len(set(candidates)) != len(candidates):
        raise ValueError(
            f"the law of {word!r} must have one weight for each of its candidates, and these must be "
            f"distinct; got {len(candidates)} candidates, {len(set(candidates))} of them distinct, and "
            f"weights of shape {weights.shape}"
        )
    wrong = ~(np.isfinite(weights) & (weights >= 0.0))
    if wrong.any():
        raise ValueError(
            f"the weights of {word!r} must be finite and >= 0, got {weights[wrong][0]} for "
            f"{candidates[int(np.argmax(wrong))]!r}"
        )
    largest = weights.max(initial=0.0)
    if largest == 0.0:
        raise ValueError(
            f"all candidates of {word!r} have weight 0, so none can be drawn; give one of them, such as the "
            "word itself, a weight > 0"
        )
    shares = weights / largest
    units = np.rint(shares / math.fsum(shares) * _UNITS).astype(np.int64)
    # What rounding left over is next to nothing for the most likely one.
    units[np.argmax(units)] += _UNITS - int(units.sum())
    probabilities = units / _UNITS
    probabilities.setflags(write=False)
    return candidates, probabilities


def _undominated(pairs: Iterable[Overlap]) -> list[Overlap]:
    """The overlaps of which no other is at most as large under both laws."""
    found: list[Overlap] = []
    for pair in sorted(set(pairs), key=lambda pair: (pair.o0, pair.o1)):
        if not found or pair.o1 < found[-1].o1:
            found.append(pair)
    return found


def _hull_of_overlaps(pairs: Iterable[Overlap]) -> TradeOff:
    pairs = _undominated(pairs)
    if not pairs:
        return IDENTICAL
    return pairs[0] if len(pairs) == 1 else envelope(pairs)


def _hull_of_laws(null: np.ndarray, alternatives: np.ndarray) -> Atoms:
    """The `envelope` of the pairs of one law with several, all of multiples of 2**-53: computed in integers.

    Parameters
    ----------
    null : ndarray of shape (m,)
    alternatives : ndarray of shape (n, m)
        Probabilities of the same outcomes; those that ``null`` cannot draw may be left out.
    """
    drawn = null > 0.0
    null, alternatives = null[drawn], alternatives[:, drawn]
    # Rounding keeps the order of quotients, so only equal ones need a second look.
    ratios = alternatives / null
    order = np.argsort(ratios, axis=1, kind="stable")
    ranked = np.take_along_axis(ratios, order, axis=1)
    for row in np.flatnonzero(((ranked[:, 1:] == ranked[:, :-1]) & (ranked[:, 1:] > 0.0)).any(axis=1)):
        order[row] = sorted(order[row], key=lambda z: Fraction(alternatives[row, z]) / Fraction(null[z]))
    # Sums of multiples of 2**-53 up to 1 are exact.
    p = np.cumsum(null[order], axis=1) * _UNITS
    value = np.cumsum(np.take_along_axis(alternatives, order, axis=1), axis=1) * _UNITS
    lowest = {0: 0}
    vertices = np.stack([p, value], axis=-1).astype(np.int64).reshape(-1, 2)
    for x, y in vertices.tolist():
        if y < lowest.get(x, _UNITS + 1):
            lowest[x] = y
    hull: list[tuple[int, int]] = []
    for x, y in sorted(lowest.items()):
        while len(hull) > 1:
            (x0, y0), (x1, y1) = hull[-2:]
            if (y1 - y0) * (x - x0) < (y - y0) * (x1 - x0):
                break
            hull.pop()
        hull.append((x, y))
    steps = [(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in zip(hull[:-1], hull[1:], strict=True) if y1 > y0]
    return Atoms([Fraction(y, x) for x, y in steps], [Fraction(x, _UNITS) for x, _ in steps]).rounded()
