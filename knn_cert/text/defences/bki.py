"""BKI: training rows that hold the word with the strongest grip on the model are dropped before training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...gate.errors import InvalidInput
from ...gate.numbers import as_whole_number
from ..corpus import Corpus, tokenize
from .interface import Defence, Defended, Labelled, ProbableVictim, Trainer, probabilities

__all__ = ["BKI"]


class BKI(Defence):
    """Backdoor Keyword Identification: filter the training set by a word, then train again.

    C. Chen and J. Dai, "Mitigating backdoor attacks in LSTM-based text classification systems by Backdoor
    Keyword Identification", Neurocomputing 452 (2021). A victim is trained on all rows. The importance of a
    word in a text is how much the victim's output changes when the word is left out. The ``n_important`` most
    important words of each text are counted, and the word with the largest mean importance times log10 of its
    count is the backdoor keyword. Rows that contain it are dropped and the model trained again.

    Adapted: their importance is the largest change of a coordinate of the LSTM's hidden state. Here it is the
    largest change of a class's log-probability ratio to the geometric mean over the classes, which every
    model with probabilities has; probabilities themselves saturate where the model is sure, as a hidden state
    does not. Their released program drops rows that have the keyword among their important words, here a row
    that holds it anywhere is dropped: it teaches the backdoor just as well.

    Assumes no clean set, but that the trigger holds a word of its own, which the victim relies on more than
    on any word of the task. It always drops the rows of some word, poisoned or not: without a backdoor that
    is the strongest frequent word of the task. A trigger without words of its own, such as a syntax or a
    style, is out of reach, and so are triggers beyond the first ``n_keywords`` words. It rejects nothing.

    Parameters
    ----------
    trainer, tokenizer
        See `Defence`; the model must have ``predict_proba``.
    n_important : int >= 1
        Words of each text that are counted; 5 in the paper.
    n_keywords : int >= 1
        Words whose rows are dropped; 1 in the paper.

    Attributes
    ----------
    model_, kept_, classes_
        See `Defence`; ``model_`` is the one trained again.
    keywords_ : tuple of str
        The most suspicious words, the worst first.
    suspicion_ : dict of str to float
        Mean importance times log10 of the count, for every word that was among the important ones of a text.

    Raises
    ------
    ValueError
        In `fit`, if the rows left are not of all classes.
    """

    _needs_probabilities = True

    def __init__(
        self,
        trainer: Trainer,
        *,
        n_important: int = 5,
        n_keywords: int = 1,
        tokenizer: Callable[[str], Sequence[str]] = tokenize,
    ) -> None:
        super().__init__(trainer, tokenizer=tokenizer)
        self.n_important = n_important
        self.n_keywords = n_keywords

    def _check_settings(self) -> None:
        as_whole_number(self.n_important, "n_important", least=1)
        as_whole_number(self.n_keywords, "n_keywords", least=1)

    def _fit(self, train: Labelled, clean: Labelled, seed: int) -> Any:
        corpus = train.corpus
        victim = self._train(train.texts, train.labels, seed)
        self.suspicion_ = _suspicion(corpus, _importance(victim, corpus), self.n_important)
        # Equal words in alphabetical order: the number of a token means nothing.
        ranked = sorted(self.suspicion_, key=lambda word: (-self.suspicion_[word], word))
        self.keywords_ = tuple(ranked[: self.n_keywords])
        suspected = np.isin(corpus.tokens, [corpus.vocabulary.index(word) for word in self.keywords_])
        self.kept_[corpus.row_of_token()[suspected]] = False
        labels = train.labels[self.kept_]
        lost = np.setdiff1d(self.classes_, labels).tolist()
        if lost:
            raise InvalidInput(
                f"no row of class {lost[0]!r} is left without the keywords "
                f"{', '.join(map(repr, self.keywords_))}; use fewer keywords or more training texts"
            )
        texts = [text for text, kept in zip(train.texts, self.kept_, strict=True) if kept]
        return self._train(texts, labels, seed)

    def _predict(self, texts: list[str], corpus: Corpus) -> Defended:
        return Defended(self._labels(texts), np.zeros(len(texts), dtype=bool))


def _importance(victim: ProbableVictim, corpus: Corpus) -> NDArray[np.float64]:
    """Return the change of the victim's output without each token; NaN for the only one of a text."""
    rows = corpus.row_of_token()
    # A model may refuse what is left of a text of one word: nothing.
    scored = np.diff(corpus.starts)[rows] > 1
    whole, rest = _log_ratios(victim, corpus.texts()), _log_ratios(victim, _without_each_word(corpus))
    change = np.full(len(rows), np.nan)
    change[scored] = np.abs(whole[rows[scored]] - rest).max(axis=1, initial=0.0)
    return change


def _log_ratios(model: ProbableVictim, texts: Iterable[str]) -> NDArray[np.float64]:
    """Return the logarithm of each class's probability over the geometric mean of all, shape (n, C)."""
    # The smallest normal double stands for a probability of zero, whose logarithm is no number.
    logs = np.log(np.maximum(probabilities(model, texts), np.finfo(np.float64).tiny))
    ratios: NDArray[np.float64] = logs - logs.mean(axis=1, keepdims=True)
    return ratios


def _without_each_word(corpus: Corpus) -> Iterator[str]:
    for i in range(len(corpus)):
        words = corpus.words(i)
        if len(words) > 1:
            for j in range(len(words)):
                yield " ".join(words[:j] + words[j + 1 :])


def _suspicion(corpus: Corpus, importance: NDArray[np.float64], n_important: int) -> dict[str, float]:
    rows = corpus.row_of_token()
    order = np.lexsort((-importance, rows))  # NaN last; equal ones in the order of the text
    rank = np.arange(len(rows)) - corpus.starts[rows]
    best = order[rank < n_important]
    best = best[~np.isnan(importance[best])]
    counts = np.bincount(corpus.tokens[best], minlength=len(corpus.vocabulary))
    totals = np.bincount(corpus.tokens[best], weights=importance[best], minlength=len(corpus.vocabulary))
    seen = np.flatnonzero(counts)
    scores = totals[seen] / counts[seen] * np.log10(counts[seen])
    return {corpus.vocabulary[token]: float(score) for token, score in zip(seen, scores, strict=True)}
