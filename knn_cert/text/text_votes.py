"""From the votes of models on noised texts to certificates: Theorem 1 for the law and the threat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._version import __version__
from ..certificates import Certificates
from ..certificates.issue import Bounds, claim_asked, claim_largest, tells_apart
from ..gate.errors import InvalidInput
from ..gate.numbers import as_whole_number
from ..montecarlo.votes import bounds_of_votes
from ..threats import Deletions, LabelFlips
from ..threats.words import RowThreat, TrainingWords, WordThreat
from .composition import Composition, compose
from .laws import TextLaw
from .pairs_by_budget import PairsByBudget

__all__ = ["certify_text_votes", "check_question", "default_threat"]

# What a law is asked about where nobody asks: the first of these that it covers.
_DEFAULTS = (
    TrainingWords("inserted"),
    Deletions(),
    TrainingWords("replaced"),
    TrainingWords("synonyms"),
    LabelFlips(),
)


def default_threat(law: TextLaw | Composition) -> WordThreat | RowThreat:
    """Return the threat to certify where none is named: inserted words, added rows, ..., if the law can."""
    law = compose(law)
    return next(threat for threat in _DEFAULTS if law.covers(threat))


def certify_text_votes(
    counts: ArrayLike,
    *,
    law: TextLaw | Composition,
    n_train: int,
    threat: WordThreat | RowThreat | None = None,
    queries: Sequence[Sequence[str]] | None = None,
    training_words: Sequence[str] | None = None,
    query_noise: bool = False,
    tokenizer: str = "the given tokens",
    classes: ArrayLike | None = None,
    alpha: float = 0.001,
    pilot: ArrayLike | None = None,
    simultaneous: bool = False,
    trainer: str = "",
) -> Certificates:
    """Certify the most voted class of each text against tampered training texts, or a tampered query.

    Each of N models was trained on training texts with noise of its own and has one vote a query. With
    probability at least 1 - alpha over that noise, what is certified of a query is true.

    Parameters
    ----------
    counts : array of int, shape (n_queries, C)
        Votes by class; every query has the votes of the same N models.
    law : law
        What every model's training texts were noised with, drawn once for each model; with ``query_noise``
        its part on words also noised the query of each model, independently of its training texts.
    n_train : int
        Number of training texts.
    threat : threat, optional
        One of `knn_cert.word_threats`, or `Deletions`, `Insertions`, `Replacements`, `LabelFlips`. Left out,
        the first that the law covers of: one inserted word a row, deleted rows, one replaced word, one
        synonym, flipped labels.
    queries : sequence of n_queries sequences of str, optional
        The tokens of each query; needed for `QueryWords`.
    training_words : sequence of str, optional
        Distinct tokens of the training texts; needed where synonyms may have been swapped in them.
    query_noise : bool
    tokenizer : str
        What made tokens of texts, for the guarantee in words: budgets of words count its tokens.
    classes, alpha, pilot, simultaneous, trainer
        As in `knn_cert.montecarlo.certify_votes`.

    Returns
    -------
    Certificates
        ``budget`` counts rows, or words of the query. Abstained where the bounds do not separate the classes,
        or the budget asked for is not certified.

    Raises
    ------
    TypeError
        If something is not of its kind.
    ValueError
        If the law certifies nothing about the threat, or queries or training words are missing for it; and
        as `knn_cert.montecarlo.certify_votes`.
    """
    law = compose(law)
    n_train = as_whole_number(n_train, "n_train", least=1)
    if threat is None:
        threat = default_threat(law)
    check_question(law, threat, query_noise=query_noise)
    votes = bounds_of_votes(counts, classes=classes, alpha=alpha, pilot=pilot, simultaneous=simultaneous)
    n_queries = len(votes.label)
    if threat.moves_query and (queries is None or len(queries) != n_queries):
        raise InvalidInput(
            f"{threat!r} needs the words of every query: expected queries of length {n_queries}, got "
            f"{None if queries is None else len(queries)}"
        )
    pairs = PairsByBudget(law, threat, n_train, len(votes.classes), training_words)
    alike = _alike(votes.bounds, queries if pairs.per_query else None)
    undecided = ~tells_apart(votes.bounds)
    if threat.is_open:
        claims = claim_largest(_largest_budgets(pairs, votes.bounds, alike), undecided)
    else:
        asked = int(threat.asked_budget(n_train))
        claims = claim_asked(asked, *_certified_at(asked, pairs, votes.bounds, alike), undecided)
    return Certificates(
        query=np.arange(n_queries),
        label=votes.label,
        probabilities=votes.shares,
        **votes.bounds._asdict(),
        **claims._asdict(),
        classes=votes.classes,
        classifier=replace(votes.voters, trainer=trainer),
        noise=law.noise(query_noise=query_noise, tokenizer=tokenizer),
        n_features=None,
        n_train=n_train,
        threat=threat,
        version=__version__,
    )


def check_question(law: Composition, threat: WordThreat | RowThreat, *, query_noise: bool) -> None:
    """Raise where no votes can answer: the law does not cover the threat, or queries were not noised."""
    law.check(threat)
    if threat.moves_query and not query_noise:
        raise InvalidInput(
            f"{threat!r} needs queries that were noised as well: set query_noise=True, or ask about the "
            "training texts alone (TrainingWords)"
        )


Alike = list[tuple[NDArray[np.int64], Sequence[str]]]
"""Positions of queries that have the same answer, and the words that it depends on."""


def _largest_budgets(pairs: PairsByBudget, bounds: Bounds, alike: Alike) -> NDArray[np.int64]:
    """Return the largest budget that is certified for each query, -1 for none."""
    largest = np.full(len(bounds.p_lower), -1, dtype=np.int64)
    for members, words in alike:
        p_a, p_b = float(bounds.p_lower[members[0]]), float(bounds.p_upper[members[0]])
        largest[members] = pairs.largest(words, p_a, p_b)
    return largest


def _certified_at(
    asked: int, pairs: PairsByBudget, bounds: Bounds, alike: Alike
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return whether each query is certified for the budget asked for, and the probability it leaves."""
    certified = np.zeros(len(bounds.p_lower), dtype=bool)
    worst = np.full(len(bounds.p_lower), np.nan)
    for members, words in alike:
        p_a, p_b = float(bounds.p_lower[members[0]]), float(bounds.p_upper[members[0]])
        certified[members] = pairs.is_certified_at(asked, words, p_a, p_b)
        worst[members] = pairs.lower_at(asked, words, p_a)
    return certified, worst


def _alike(bounds: Bounds, queries: Sequence[Sequence[str]] | None) -> Alike:
    """Return queries that have the same answer, each group with the words of its first one."""
    n_queries = len(bounds.p_lower)
    if queries is not None:
        return [(np.array([i]), queries[i]) for i in range(n_queries)]
    if not n_queries:
        return []
    _, group = np.unique(np.stack([bounds.p_lower, bounds.p_upper]), axis=1, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    ends = np.flatnonzero(np.diff(group.ravel()[order])) + 1
    return [(members, ()) for members in np.split(order, ends)]
