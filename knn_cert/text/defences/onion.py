"""ONION: words that a language model finds out of place are taken out of the inputs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...gate.errors import InvalidInput
from ...gate.numbers import as_real_within, as_whole_number
from ..corpus import Corpus, tokenize
from .interface import Defence, Defended, Labelled, Trainer, Victim, predicted
from .ngrams import NGramModel

__all__ = ["ONION", "LanguageModel"]

# Parts of the clean texts, each judged by a model of the others: as usual in cross-validation.
_FOLDS = 5

# Shares of the clean words that the thresholds tried would remove; with more than half of the words gone
# nothing is corrected any more.
_REMOVED = np.arange(51) / 100


class LanguageModel(Protocol):
    """What ONION asks of a language model.

    It may also have ``leave_one_out(tokens) -> sequence of float``: the value of ``log_prob`` without each
    token in turn, which saves scoring every shortened sentence anew.
    """

    def log_prob(self, tokens: list[str]) -> float:
        """Natural logarithm of the probability of a sentence, its end included; finite."""


class ONION(Defence):
    """Outlier word detection: remove words without which the text is much more likely, then classify.

    F. Qi et al., "ONION: A Simple and Effective Defense Against Textual Backdoor Attacks", EMNLP 2021. The
    suspicion of word i is f_i = p_0 - p_i, the perplexity of the text less that without the word. Words with
    f_i above a threshold are removed. The threshold is as small as possible with the accuracy on clean
    held-out texts at most ``max_accuracy_loss`` below that on the same texts unchanged; 0.02 in the paper.

    Adapted: the paper's language model is GPT-2. Any object of the form `LanguageModel` can take its place;
    the default is an `NGramModel` fitted on the clean texts, and the suspicions from which the threshold is
    chosen come from models that did not see the text (five folds, drawn with ``random_state``). Thresholds
    tried remove 0, 1, ..., 50 in 100 of the clean words, and the first that costs too much ends the search.
    The end of a text counts as a word of the perplexity, exp(-log_prob / (n + 1)). A text is never emptied:
    its least suspicious word stays.

    Assumes clean held-out texts, and a trigger of words that the language model finds out of place while the
    words of the task are not. An n-gram model of few clean texts knows too few words for that: it suspects
    every word it has not seen, and the bound on the loss of accuracy then lets common triggers through. A
    trigger that is a fluent sentence goes through whatever the language model. It rejects nothing.

    Parameters
    ----------
    trainer, tokenizer
        See `Defence`.
    language_model : LanguageModel, optional
        Used as it is. Left out, an `NGramModel` of ``order`` is fitted on the clean texts.
    order : int >= 1
        Words of an n-gram of that model.
    max_accuracy_loss : float in [0, 1)
        Loss of accuracy on the clean texts that is accepted, a share of them.

    Attributes
    ----------
    model_, kept_, classes_
        See `Defence`; all rows are kept.
    language_model_ : LanguageModel
    threshold_ : float
        Fall of the perplexity above which a word is removed.
    """

    _needs_clean = True

    def __init__(
        self,
        trainer: Trainer,
        *,
        language_model: LanguageModel | None = None,
        order: int = 2,
        max_accuracy_loss: float = 0.02,
        tokenizer: Callable[[str], Sequence[str]] = tokenize,
    ) -> None:
        super().__init__(trainer, tokenizer=tokenizer)
        self.language_model = language_model
        self.order = order
        self.max_accuracy_loss = max_accuracy_loss

    def remove_outliers(self, texts: Iterable[str]) -> list[str]:
        """Return the texts without their suspicious words; a text that has none is returned as it is."""
        queries, corpus = self._queries(texts)
        suspicions = [_suspicion(self.language_model_, corpus.words(i)) for i in range(len(queries))]
        return _without_outliers(queries, corpus, suspicions, self.threshold_)

    def _check_settings(self) -> None:
        as_real_within(self.max_accuracy_loss, "max_accuracy_loss", 0, 1, ends="[)")
        as_whole_number(self.order, "order", least=1)
        if self.language_model is not None and not hasattr(self.language_model, "log_prob"):
            raise TypeError(
                f"language_model must have log_prob(tokens), got {type(self.language_model).__name__}"
            )

    def _fit(self, train: Labelled, clean: Labelled, seed: int) -> Any:
        model = self._train(train.texts, train.labels, seed)
        self.language_model_: LanguageModel
        if self.language_model is None:
            self.language_model_ = self._language_model(clean.texts)
            suspicions = self._suspicions_of_unseen(clean, np.random.default_rng(seed))
        else:
            self.language_model_ = self.language_model
            suspicions = [
                _suspicion(self.language_model, clean.corpus.words(i)) for i in range(len(clean.texts))
            ]
        self.threshold_ = self._threshold(model, clean, suspicions)
        return model

    def _predict(self, texts: list[str], corpus: Corpus) -> Defended:
        return Defended(self._labels(self.remove_outliers(texts)), np.zeros(len(texts), dtype=bool))

    def _language_model(self, texts: list[str]) -> NGramModel:
        return NGramModel(self.order, tokenizer=self.tokenizer).fit(texts)

    def _suspicions_of_unseen(self, clean: Labelled, rng: np.random.Generator) -> list[NDArray[np.float64]]:
        """Return suspicions under models of the other folds: nothing is out of place where it was seen."""
        suspicions = [np.empty(0)] * len(clean.texts)
        for fold in np.array_split(rng.permutation(len(clean.texts)), min(_FOLDS, len(clean.texts))):
            out = set(fold.tolist())
            model = self._language_model([text for i, text in enumerate(clean.texts) if i not in out])
            for i in fold:
                suspicions[i] = _suspicion(model, clean.corpus.words(i))
        return suspicions

    def _threshold(self, model: Victim, clean: Labelled, suspicions: list[NDArray[np.float64]]) -> float:
        """Return the smallest of falling thresholds before the accuracy on the clean texts is too low."""
        thresholds = np.quantile(np.concatenate(suspicions), 1.0 - _REMOVED)
        needed = np.mean(predicted(model, clean.texts) == clean.labels) - self.max_accuracy_loss
        for best, threshold in itertools.pairwise(thresholds):
            texts = _without_outliers(clean.texts, clean.corpus, suspicions, threshold)
            if np.mean(predicted(model, texts) == clean.labels) < needed:
                return float(best)
        return float(thresholds[-1])


def _suspicion(model: LanguageModel, words: list[str]) -> NDArray[np.float64]:
    """Return f_i = p_0 - p_i, the fall of the perplexity when word i is left out, shape (n,)."""
    if hasattr(model, "leave_one_out"):
        shortened = model.leave_one_out(words)
    else:
        shortened = [model.log_prob(words[:i] + words[i + 1 :]) for i in range(len(words))]
    n = len(words)
    with np.errstate(over="ignore", invalid="ignore"):
        # n words and the end of the sentence are predicted, one word less without word i.
        without = np.exp(-np.asarray(shortened, dtype=np.float64) / n)
        suspicion: NDArray[np.float64] = np.exp(-model.log_prob(words) / (n + 1)) - without
    if not np.isfinite(suspicion).all():
        raise InvalidInput(
            f"the language model gives {' '.join(words)!r}, or a part of it, no finite perplexity; its "
            "log_prob must be finite for every sentence: smooth it"
        )
    return suspicion


def _without_outliers(
    texts: list[str], corpus: Corpus, suspicions: list[NDArray[np.float64]], threshold: float
) -> list[str]:
    results = []
    for i, (text, suspicion) in enumerate(zip(texts, suspicions, strict=True)):
        # Not only what is below the threshold: the least suspicious word stays in any case.
        kept = suspicion <= max(threshold, suspicion.min())
        results.append(
            text if kept.all() else " ".join(w for w, k in zip(corpus.words(i), kept, strict=True) if k)
        )
    return results
