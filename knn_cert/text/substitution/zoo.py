"""The laws by name: CROWD as printed and as released, races, powers, soft-max, clusters, floors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ...gate.errors import InvalidInput
from ...gate.numbers import as_positive, as_real_within
from ..beta_argmax import beta_argmax, fit_beta
from ..synonyms import SynonymNetwork
from .law import ClusterShared, SubstitutionLaw, UniformSubstitution

__all__ = [
    "beta_cdf",
    "beta_race",
    "cluster_shared",
    "crowd_paper",
    "crowd_released",
    "floored",
    "similarity_power",
    "similarity_softmax",
]

# What a law hands over for one word: its candidates and their weights.
_Weighed = tuple[tuple[str, ...], Sequence[float] | NDArray[np.float64]]

_PROPORTIONAL = (
    "it becomes one of its candidates, itself with similarity 1 among them, with probability proportional to"
)


def crowd_paper(network: SynonymNetwork) -> UniformSubstitution:
    """Return CROWD's sampler as printed, Eqs. (5) to (7): the uniform law, whatever the similarities.

    The weights theta_1, ..., theta_m of the candidates are independent draws of one Beta law without atoms,
    so they are exchangeable and never equal: each of them is the largest with probability 1/m. Dividing by
    their sum does not move the largest.

    Parameters
    ----------
    network : SynonymNetwork
    """
    return UniformSubstitution(network, "CROWD as printed")


def crowd_released(network: SynonymNetwork) -> SubstitutionLaw:
    """Return CROWD's sampler as released: the largest product of a Beta draw and a similarity wins.

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
    """Return the law of the largest of Beta(alpha_j, 1) draws: ``P(j) = alpha_j / sum alpha``, exactly.

    The draws are independent. The probability that draw j is the largest is the integral over b in [0, 1] of
    its density ``alpha_j b**(alpha_j - 1)`` times the distribution functions ``b**alpha_k`` of the others.

    Parameters
    ----------
    network : SynonymNetwork
    weights : callable (word, candidate) -> float, or mapping from candidate to float
        The alpha_j >= 0 of a candidate; one with 0 is never drawn. The word itself is a candidate too.

    Raises
    ------
    TypeError
        If ``weights`` is neither.
    """
    _check_weights(weights, "(word, candidate)")
    return SubstitutionLaw(
        network,
        "beta race",
        partial(_given_weights, weights),
        "it becomes one of its candidates, itself among them, with probability proportional to given weights",
    )


def similarity_power(network: SynonymNetwork, gamma: float) -> SubstitutionLaw:
    """Return the law proportional to ``max(similarity, 0)**gamma``; the word itself has similarity 1.

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
    gamma = as_real_within(gamma, "gamma", 0.0, math.inf, ends="[)")
    return SubstitutionLaw(
        _with_similarities(network),
        f"similarity to the power {gamma:g}",
        partial(_power_weights, gamma),
        f"{_PROPORTIONAL} the similarity to the power {gamma!r}",
    )


def similarity_softmax(network: SynonymNetwork, tau: float) -> SubstitutionLaw:
    """Return the law proportional to ``exp(similarity / tau)``; the word itself has similarity 1.

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
    """Return the law proportional to ``F(similarity)``, F the distribution function of `fit_beta`'s Beta law.

    F grows with the similarity. The density does not: it is 0 or infinite at the word itself.

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
    """Return one law for all words of a connected component, so that exchanging them costs nothing.

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
    if weights is not None:
        _check_weights(weights, "a candidate")
    drawn = "all equally likely" if weights is None else "with probability proportional to given weights"
    return ClusterShared(
        network,
        "shared by clusters",
        partial(_component_weights, weights),
        f"it becomes a word of its connected component of the network, {drawn} and the same for all words "
        "of the component",
    )


def floored(law: SubstitutionLaw, eta: float) -> SubstitutionLaw:
    """Return the law that puts, with probability ``eta``, a uniform word of the connected component instead.

    Likelihood ratios of two words of one component become bounded by it.

    Parameters
    ----------
    law : SubstitutionLaw
        The candidates of each word lie in its component.
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
    eta = as_real_within(eta, "eta", 0.0, 1.0)
    return SubstitutionLaw(
        law.network,
        f"{law.name}, floor {eta:g}",
        partial(_floored_weights, law, eta),
        f"with probability {eta!r} it becomes a word of its connected component of the network, all equally "
        f"likely, and else the following: {law.meaning}",
    )


def _check_weights(weights: object, arguments: str) -> None:
    if not callable(weights) and not isinstance(weights, Mapping):
        raise TypeError(
            f"weights must be callable with {arguments}, or map every candidate to a number, got "
            f"{type(weights).__name__}"
        )


def _given_weights(
    weights: Callable[[str, str], float] | Mapping[str, float], network: SynonymNetwork, word: str
) -> _Weighed:
    candidates = network.candidates(word)
    if callable(weights):
        return candidates, [weights(word, candidate) for candidate in candidates]
    return candidates, _looked_up(weights, candidates)


def _component_weights(
    weights: Callable[[str], float] | Mapping[str, float] | None, network: SynonymNetwork, word: str
) -> _Weighed:
    candidates = network.component(word)
    if weights is None:
        return candidates, np.ones(len(candidates))
    if callable(weights):
        return candidates, [weights(candidate) for candidate in candidates]
    return candidates, _looked_up(weights, candidates)


def _looked_up(weights: Mapping[str, float], candidates: Sequence[str]) -> list[float]:
    missing = [candidate for candidate in candidates if candidate not in weights]
    if missing:
        raise InvalidInput(
            f"the weight of the candidate {missing[0]!r} is missing; give one for every word of the "
            "network, 0 for one that is never to be drawn"
        )
    return [weights[candidate] for candidate in candidates]


def _floored_weights(law: SubstitutionLaw, eta: float, network: SynonymNetwork, word: str) -> _Weighed:
    candidates, probabilities = law.distribution(word)
    component = network.component(word)
    drawn = dict(zip(candidates, probabilities.tolist(), strict=True))
    foreign = drawn.keys() - set(component)
    if foreign:
        raise InvalidInput(
            f"the law {law.name!r} puts {min(foreign)!r} for {word!r}, which is not in its component; a "
            "floor needs candidates of the component"
        )
    return component, [(1.0 - eta) * drawn.get(z, 0.0) + eta / len(component) for z in component]


def _power_weights(gamma: float, network: SynonymNetwork, word: str) -> _Weighed:
    candidates, similarities = _similarities(network, word)
    weights = np.zeros(len(similarities))
    weights[similarities > 0.0] = similarities[similarities > 0.0] ** gamma
    return candidates, weights


def _softmax_weights(tau: float, network: SynonymNetwork, word: str) -> _Weighed:
    candidates, similarities = _similarities(network, word)
    return candidates, np.exp((similarities - similarities.max()) / tau)


def _cdf_weights(network: SynonymNetwork, word: str) -> _Weighed:
    candidates, similarities = _similarities(network, word)
    alpha, beta = _fitted(word, similarities)
    return candidates, special.betainc(alpha, beta, similarities)


def _released_weights(network: SynonymNetwork, word: str) -> _Weighed:
    candidates, similarities = _similarities(network, word)
    alpha, beta = _fitted(word, similarities)
    try:
        return candidates, beta_argmax(similarities, alpha, beta)
    except ValueError as error:
        raise InvalidInput(f"the word {word!r} has no law as CROWD released it: {error}") from None


def _fitted(word: str, similarities: NDArray[np.float64]) -> tuple[float, float]:
    try:
        return fit_beta(similarities)
    except ValueError as error:
        raise InvalidInput(
            f"the word {word!r} has no Beta law: {error}. Take another law, or a network without the edges "
            "of this word"
        ) from None


def _similarities(network: SynonymNetwork, word: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    candidates = network.candidates(word)
    return candidates, np.array([network.similarity(word, candidate) for candidate in candidates])


def _with_similarities(network: SynonymNetwork) -> SynonymNetwork:
    if not network.has_similarities:
        raise InvalidInput(
            "this law needs a network with similarities; build it with SynonymNetwork.from_vectors, or "
            "attach them by network.with_similarities(words, vectors)"
        )
    return network
