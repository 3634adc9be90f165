"""From the votes of models on noised texts to certificates: Theorem 1 for the law and the threat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import __version__
from ..bounds import IDENTICAL, TradeOff, largest_certified
from ..certificates import Certificates
from ..certificates.issue import Bounds, tells_apart
from ..gate.numbers import as_whole_number
from ..montecarlo.votes import bounds_of_votes
from ..smoothing import VotingModels
from ..threats import Deletions, Insertions, LabelFlips
from ..threats.words import QueryWords, RowThreat, TrainingWords, WordThreat
from .composition import Composition, compose
from .laws import TextLaw

__all__ = ["certify_text_votes", "default_threat"]

# What a law is asked about where nobody asks: the first of these that it covers.
_DEFAULTS = (
    TrainingWords("inserted"),
    Deletions(),
    TrainingWords("replaced"),
    TrainingWords("synonyms"),
    LabelFlips(),
)


def default_threat(law: TextLaw | Composition) -> WordThreat | RowThreat:
    """The threat that is certified where none is named: inserted words, added rows, ..., if the law can."""
    law = compose(law)
    return next(threat for threat in _DEFAULTS if law.covers(threat))


def certify_text_votes(
    counts,
    *,
    law: TextLaw | Composition,
    n_train: int,
    threat: WordThreat | RowThreat | None = None,
    queries: Sequence[Sequence[str]] | None = None,
    training_words: Sequence[str] | None = None,
    query_noise: bool = False,
    tokenizer: str = "the given tokens",
    classes=None,
    alpha: float = 0.001,
    pilot=None,
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
    label, p_lower, p_upper, tail_upper = votes.bounds
    if isinstance(threat, QueryWords) and (queries is None or len(queries) != len(label)):
        raise ValueError(
            f"{threat!r} needs the words of every query: expected queries of length {len(label)}, got "
            f"{None if queries is None else len(queries)}"
        )
    worst_cases = _WorstCases(law, threat, n_train, len(votes.classes), training_words)
    budget = np.zeros(len(label), dtype=np.int64)
    worst = np.full(len(label), np.nan)
    abstained = ~tells_apart(Bounds(p_lower, p_upper, tail_upper))
    for members, words in _alike(p_lower, p_upper, queries if worst_cases.per_query else None):
        p_a, p_b = float(p_lower[members[0]]), float(p_upper[members[0]])
        if threat.is_open:
            largest = worst_cases.largest(words, p_a, p_b)
            budget[members] = max(largest, 0)
            abstained[members] |= largest < 0
        else:
            asked = threat.asked_budget(n_train)
            certified, worst[members] = worst_cases.answer(words, asked, p_a, p_b)
            budget[members] = asked
            abstained[members] |= not certified
    budget[abstained] = 0
    return Certificates(
        query=np.arange(len(label)),
        label=label,
        probabilities=votes.shares,
        p_lower=p_lower,
        p_upper=p_upper,
        tail_upper=tail_upper,
        budget=budget,
        worst_probability=worst,
        abstained=abstained,
        classes=votes.classes,
        classifier=VotingModels(trainer=trainer, **votes.settings),
        noise=law.noise(query_noise=query_noise, tokenizer=tokenizer),
        n_features=None,
        n_train=n_train,
        threat=threat,
        version=__version__,
    )


def check_question(law: Composition, threat: WordThreat | RowThreat, *, query_noise: bool) -> None:
    """Raise where no votes can answer: the law does not cover the threat, or queries were not noised."""
    law.check(threat)
    if isinstance(threat, QueryWords) and not query_noise:
        raise ValueError(
            f"{threat!r} needs queries that were noised as well: set query_noise=True, or ask about the "
            "training texts alone (TrainingWords)"
        )


class _WorstCases:
    """The pairs of laws of one threat by its budget; those that do not depend on the query are kept."""

    def __init__(self, law: Composition, threat, n_train: int, n_classes: int, training_words):
        self._law, self._threat, self._n_train = law, threat, n_train
        self._n_classes, self._words = n_classes, training_words
        self._found: dict[int, TradeOff] = {}
        self.per_query = isinstance(threat, QueryWords)
        self._training, self._swaps = IDENTICAL, None
        if self.per_query:
            if threat.training is not None:
                rows = threat.training.tampered_rows(n_train)
                self._training = self._of_rows(threat.training, rows)
            self._swaps = law.swaps(threat.edit, self._training)

    def largest(self, words, p_a: float, p_b: float) -> int:
        """The largest budget that is certified, -1 for none."""
        if self._swaps is not None:
            found = self._swaps.largest(words, p_a, p_b)
            # Where all words with neighbours may be exchanged, any number of words may.
            return len(words) if found == self._swaps.n_swappable(words) else found
        if self.per_query:
            most = None if self._threat.edit in ("removed", "any") else len(words)
        else:
            most = None if isinstance(self._threat, Insertions) else self._n_train
        return largest_certified(lambda budget: self._pair(words, budget), p_a, p_b, most=most)

    def answer(self, words, budget: int, p_a: float, p_b: float) -> tuple[bool, float]:
        """Whether this budget is certified, and the least probability that it leaves to class A."""
        if self._swaps is None:
            pair = self._pair(words, budget)
            return pair.certified(p_a, p_b), pair.lower(p_a)
        enough = min(budget, self._swaps.n_swappable(words))
        return self._swaps.largest(words, p_a, p_b) >= enough, self._swaps.lower(words, budget, p_a)

    def _pair(self, words, budget: int) -> TradeOff:
        if budget not in self._found:
            self._found[budget] = (
                self._law.query_pair(self._threat.edit, budget, words) * self._training
                if self.per_query
                else self._of_rows(self._threat, budget)
            )
        return self._found[budget]

    def _of_rows(self, threat, rows: int) -> TradeOff:
        return self._law.pair(threat, rows, n_classes=self._n_classes, words=self._words)


def _alike(p_lower: np.ndarray, p_upper: np.ndarray, words) -> list:
    """Queries that have the same answer, each group with the words of its first one."""
    if words is not None:
        return [(np.array([i]), words[i]) for i in range(len(p_lower))]
    if not len(p_lower):
        return []
    _, group = np.unique(np.stack([p_lower, p_upper]), axis=1, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    ends = np.flatnonzero(np.diff(group.ravel()[order])) + 1
    return [(members, None) for members in np.split(order, ends)]
