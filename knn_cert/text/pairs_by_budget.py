"""The pairs of laws of one threat to texts by its budget, and the budgets for which they certify."""

from __future__ import annotations

from collections.abc import Sequence

from ..bounds import IDENTICAL, TradeOff, largest_certified
from ..threats.words import QueryWords, RowThreat, TrainingWords, WordThreat
from .composition import Composition
from .swaps import Swaps

__all__ = ["PairsByBudget"]


class PairsByBudget:
    """The pairs of laws of one threat by its budget; those that do not depend on the query are kept.

    Parameters
    ----------
    law : Composition
    threat : threat to words or rows
    n_train : int
    n_classes : int
    training_words : sequence of str, optional
        Distinct words of the training texts; needed where synonyms may have been swapped in them.

    Attributes
    ----------
    per_query : bool
        Whether the pairs depend on the words of the query.
    """

    def __init__(
        self,
        law: Composition,
        threat: WordThreat | RowThreat,
        n_train: int,
        n_classes: int,
        training_words: Sequence[str] | None,
    ) -> None:
        self._law, self._threat, self._n_train = law, threat, n_train
        self._n_classes, self._words = n_classes, training_words
        self._found: dict[int, TradeOff] = {}
        self.per_query = isinstance(threat, QueryWords)
        self._training: TradeOff = IDENTICAL
        self._swaps: Swaps | None = None
        if isinstance(threat, QueryWords):
            if threat.training is not None:
                rows = threat.training.tampered_rows(n_train)
                self._training = self._of_rows(threat.training, rows)
            self._swaps = law.swaps(threat.edit, self._training)

    def largest(self, words: Sequence[str], p_a: float, p_b: float) -> int:
        """Return the largest budget that is certified, -1 for none; words matter where ``per_query``."""
        if self._swaps is not None:
            found = self._swaps.largest(words, p_a, p_b)
            # Where all words with neighbours may be exchanged, any number of words may.
            return len(words) if found == self._swaps.n_swappable(words) else found
        most: int | None
        if isinstance(self._threat, QueryWords):
            most = None if self._threat.edit in ("removed", "any") else len(words)
        else:
            most = self._threat.row_limit(self._n_train)
        return int(largest_certified(lambda budget: self._pair(words, budget), p_a, p_b, most=most))

    def is_certified_at(self, budget: int, words: Sequence[str], p_a: float, p_b: float) -> bool:
        """Whether the prediction is the same within this budget."""
        if self._swaps is None:
            return bool(self._pair(words, budget).certified(p_a, p_b))
        enough = min(budget, self._swaps.n_swappable(words))
        return self._swaps.largest(words, p_a, p_b) >= enough

    def lower_at(self, budget: int, words: Sequence[str], p_a: float) -> float:
        """Return a lower bound on the probability that this budget leaves to a class that had ``p_a``."""
        if self._swaps is None:
            return float(self._pair(words, budget).lower(p_a))
        return self._swaps.lower(words, budget, p_a)

    def _pair(self, words: Sequence[str], budget: int) -> TradeOff:
        if budget not in self._found:
            self._found[budget] = (
                self._law.query_pair(self._threat.edit, budget, words) * self._training
                if isinstance(self._threat, QueryWords)
                else self._of_rows(self._threat, budget)
            )
        return self._found[budget]

    def _of_rows(self, threat: TrainingWords | RowThreat, rows: int) -> TradeOff:
        return self._law.pair(threat, rows, n_classes=self._n_classes, words=self._words)
