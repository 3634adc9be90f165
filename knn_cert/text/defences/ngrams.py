"""An interpolated Kneser-Ney model of n-grams: all next words, the unknown one included, sum to 1."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ...gate.errors import InvalidInput
from ...gate.numbers import as_real_within, as_whole_number
from ..corpus import Corpus, tokenize
from ..laws import Number

__all__ = ["NGramModel"]

# Numbers of what is no word; words follow, so that no spelling can be mistaken for one of them.
_END, _START, _UNKNOWN, _FIRST_WORD = 0, 1, 2, 3


class NGramModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn comes without types
    """Language model of n-grams with interpolated Kneser-Ney smoothing and a mass for unknown words.

    R. Kneser and H. Ney (1995), in the interpolated form of S. Chen and J. Goodman (1999), one discount D::

        P(w | h) = (c(h w) - D)_+ / c(h) + D T(h) / c(h) P(w | h'),        c(h) = sum_w c(h w)
        P(w)     = (1 - u) c(w) / sum_v c(v),    P(unknown) = u

    h are the n - 1 words before w and h' all but the first of them, T(h) is the number of words seen after h,
    and c counts n-grams, or, below the highest order, the different words seen before them. An h that never
    occurred gives way to h'. All words that did not occur in training are one word, "unknown"; a sentence
    starts with n - 1 start symbols, which are never predicted, and ends with a word of its own.

    Parameters
    ----------
    order : int >= 1
        n.
    discount : number in (0, 1)
        D. Rationals (fractions.Fraction) make `probability` exact where unknown_mass is rational too.
    unknown_mass : number in (0, 1), optional
        u. Left out, an unknown word counts like one seen once more: u = 1 / (1 + sum_v c(v)).
    tokenizer : callable (str) -> sequence of str

    Attributes
    ----------
    vocabulary_ : tuple of str
        The known words.
    unknown_mass_ : number

    Examples
    --------
    >>> from knn_cert.text.defences import NGramModel
    >>> model = NGramModel(2).fit(["the cat sat", "the dog sat"])
    >>> model.probability("cat", ["the"]) > model.probability("sat", ["the"])
    True
    """

    def __init__(
        self,
        order: int = 2,
        *,
        discount: Number = 0.75,
        unknown_mass: Number | None = None,
        tokenizer: Callable[[str], Sequence[str]] = tokenize,
    ) -> None:
        self.order = order
        self.discount = discount
        self.unknown_mass = unknown_mass
        self.tokenizer = tokenizer

    def fit(self, texts: Iterable[str]) -> NGramModel:
        """Count the n-grams of texts, at least one, each of at least one token.

        Raises
        ------
        TypeError, ValueError
            If texts or settings are not as they should be.
        """
        order = as_whole_number(self.order, "order", least=1)
        as_real_within(self.discount, "discount", 0, 1, ends="()")
        if self.unknown_mass is not None:
            as_real_within(self.unknown_mass, "unknown_mass", 0, 1, ends="()")
        corpus = Corpus.from_texts(texts, self.tokenizer)
        if not len(corpus):
            raise InvalidInput("texts is empty: a language model needs at least one text")
        self.vocabulary_ = corpus.vocabulary
        self._numbers = {word: number for number, word in enumerate(corpus.vocabulary, _FIRST_WORD)}
        grams: Counter[tuple[int, ...]] = Counter()
        for i in range(len(corpus)):
            sentence = self._padded(corpus.words(i))
            grams.update(zip(*(sentence[k:] for k in range(order)), strict=False))
        # From the highest order down: after each, what is counted is the different words before an n-gram.
        self._after: list[dict[tuple[int, ...], dict[int, int]]] = []
        self._totals: list[dict[tuple[int, ...], int]] = []
        for _ in range(order):
            after: dict[tuple[int, ...], dict[int, int]] = {}
            for gram, count in grams.items():
                after.setdefault(gram[:-1], {})[gram[-1]] = count
            self._after.insert(0, after)
            self._totals.insert(0, {context: sum(counts.values()) for context, counts in after.items()})
            grams = Counter(gram[1:] for gram in grams)
        self.unknown_mass_ = 1 / (1 + self._totals[0][()]) if self.unknown_mass is None else self.unknown_mass
        return self

    def probability(self, token: str | None, context: Sequence[str] = ()) -> Number:
        """Return the probability of the next token of a sentence; None stands for its end.

        Parameters
        ----------
        token : str or None
            Any token that is not in ``vocabulary_`` gets the probability that the next word is unknown.
        context : sequence of str
            The tokens of the sentence so far, from its beginning.

        Returns
        -------
        float, or Fraction where discount and unknown_mass are rational
        """
        check_is_fitted(self, "vocabulary_")
        before = self._padded(context)[:-1]
        number = _END if token is None else self._numbers.get(token, _UNKNOWN)
        return self._probability(number, tuple(before[len(before) - self.order + 1 :]))

    def log_prob(self, tokens: Sequence[str]) -> float:
        """Return the natural logarithm of the probability of a sentence, its end included."""
        check_is_fitted(self, "vocabulary_")
        return math.fsum(self._terms(self._padded(tokens)))

    def leave_one_out(self, tokens: Sequence[str]) -> list[float]:
        """Return `log_prob` without each of the tokens; only n-grams around the gap are rescored."""
        check_is_fitted(self, "vocabulary_")
        sentence, reach = self._padded(tokens), self.order - 1
        terms = self._terms(sentence)
        results = []
        for i in range(len(tokens)):
            # Tokens up to i + reach saw token i in their contexts.
            around = [*sentence[i : reach + i], *sentence[reach + i + 1 : reach + i + 1 + reach]]
            changed = self._terms(around)
            results.append(math.fsum([*terms[:i], *changed, *terms[i + 1 + len(changed) :]]))
        return results

    def _padded(self, tokens: Sequence[str]) -> list[int]:
        numbers = [self._numbers.get(token, _UNKNOWN) for token in tokens]
        return [_START] * (self.order - 1) + numbers + [_END]

    def _terms(self, sentence: list[int]) -> list[float]:
        """Return the log-probability of each token that has order - 1 others before it."""
        reach = self.order - 1
        return [
            math.log(self._probability(sentence[j], tuple(sentence[j - reach : j])))
            for j in range(reach, len(sentence))
        ]

    def _probability(self, number: int, context: tuple[int, ...]) -> Number:
        # From the shortest context to the longest, which need not have occurred.
        if number == _UNKNOWN:
            p = self.unknown_mass_
        else:
            p = (1 - self.unknown_mass_) * self._after[0][()][number] / self._totals[0][()]
        for length in range(1, len(context) + 1):
            seen = self._after[length].get(context[len(context) - length :])
            if seen is None:
                break
            total = self._totals[length][context[len(context) - length :]]
            p = self.discount * len(seen) / total * p
            if number in seen:
                p += (seen[number] - self.discount) / total
        return p
