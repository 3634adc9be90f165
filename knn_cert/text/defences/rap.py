"""RAP: inputs whose probability hardly falls when a word against it is put in front are rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...gate.errors import InvalidInput
from ...gate.numbers import as_real_within, as_whole_number
from ..corpus import Corpus, tokenize
from .interface import (
    Defence,
    Defended,
    Labelled,
    ProbableVictim,
    Trainer,
    predicted,
    probabilities,
    rejection_threshold,
)

__all__ = ["RAP"]


class RAP(Defence):
    """Robustness-Aware Perturbation: reject texts of the protected class that a rare word does not shake.

    W. Yang et al., "RAP: Robustness-Aware Perturbations for Defending against Backdoor Attacks on NLP
    Models", EMNLP 2021. A perturbation is made that lowers the probability of the protected class, the one a
    backdoor would aim at, by a wanted amount on clean texts of that class. A trigger holds its label more
    firmly than clean words do: an input of that class whose probability falls by less than a threshold is
    rejected. At most ``false_rejection_rate`` of the clean texts of that class are below the threshold.

    Adapted, and more than the other defences: the paper learns the embedding of one rare word by gradient
    descent, with the model's other weights fixed. A model without embeddings has no such word to make. Here
    words are searched that it already has: rare ones of the training texts (in at most ``max_frequency`` of
    them), of which those ``n_candidates`` with the lowest probability of the protected class by themselves
    are tried in front of the clean texts, one after the other while the paper's loss falls, at most
    ``max_words`` of them. The loss is the mean distance of the fall from the interval ``wanted_fall``.

    Assumes clean held-out texts, and that the class the attacker aims at is known. Found words are ordinary
    words of the other classes, not a perturbation made to tell triggers apart. Where the model adds up words,
    as a linear one does, a trigger does not make a text more robust: the probability falls less only where it
    is close to one, on clean and clear texts as well, and much of an attack goes through. Words that the
    attacker put into the training texts may be chosen, and a model that cuts words at hyphens may know the
    parts of a rare one well.

    Parameters
    ----------
    trainer, tokenizer
        See `Defence`; the model must have ``predict_proba``.
    protected_class
        The label to protect, one of the training labels.
    false_rejection_rate : float in [0, 1)
        Share of the clean texts, labelled and predicted as the protected class, that may be rejected.
    wanted_fall : (float, float)
        Smallest and largest wanted fall of the probability; (0.1, 0.3) in the paper.
    max_frequency : float in (0, 1)
        Share of the training texts up to which a word is rare.
    n_candidates, max_words : int >= 1
        Words tried, and words put in front at most.

    Attributes
    ----------
    model_, kept_, classes_
        See `Defence`; all rows are kept.
    words_ : tuple of str
        The words put in front of an input.
    fall_ : float
        Mean fall of the probability on the clean texts.
    threshold_ : float
        Fall of the probability below which an input of the protected class is rejected.

    Raises
    ------
    ValueError
        In `fit`, if no clean text is predicted as the protected class, or no rare word lowers its
        probability.
    """

    _needs_clean = True
    _needs_probabilities = True

    def __init__(
        self,
        trainer: Trainer,
        *,
        protected_class: object,
        false_rejection_rate: float = 0.05,
        wanted_fall: tuple[float, float] = (0.1, 0.3),
        max_frequency: float = 0.01,
        n_candidates: int = 50,
        max_words: int = 5,
        tokenizer: Callable[[str], Sequence[str]] = tokenize,
    ) -> None:
        super().__init__(trainer, tokenizer=tokenizer)
        self.protected_class = protected_class
        self.false_rejection_rate = false_rejection_rate
        self.wanted_fall = wanted_fall
        self.max_frequency = max_frequency
        self.n_candidates = n_candidates
        self.max_words = max_words

    def _check_settings(self) -> None:
        as_real_within(self.false_rejection_rate, "false_rejection_rate", 0, 1, ends="[)")
        as_real_within(self.max_frequency, "max_frequency", 0, 1, ends="()")
        as_whole_number(self.n_candidates, "n_candidates", least=1)
        as_whole_number(self.max_words, "max_words", least=1)
        if len(self.wanted_fall) != 2:
            raise InvalidInput(f"wanted_fall must be a pair (smallest, largest), got {self.wanted_fall!r}")
        for end in self.wanted_fall:
            as_real_within(end, "wanted_fall", 0, 1, ends="()")
        if self.wanted_fall[0] > self.wanted_fall[1]:
            raise InvalidInput(f"wanted_fall must have its smallest fall first, got {self.wanted_fall!r}")

    def _fit(self, train: Labelled, clean: Labelled, seed: int) -> Any:
        if self.protected_class not in self.classes_.tolist():
            raise InvalidInput(
                f"protected_class {self.protected_class!r} is no label of the training texts: {self.classes_}"
            )
        model = self._train(train.texts, train.labels, seed)
        chosen = (clean.labels == self.protected_class) & (
            predicted(model, clean.corpus.texts()) == self.protected_class
        )
        if not chosen.any():
            raise InvalidInput(
                f"no clean text is both labelled and predicted as the protected class "
                f"{self.protected_class!r}; give more clean texts of that class"
            )
        texts = [text for text, wanted in zip(clean.corpus.texts(), chosen, strict=True) if wanted]
        self.words_, falls = self._search(model, texts, self._candidates(model, train.corpus))
        self.fall_ = float(falls.mean())
        self.threshold_ = rejection_threshold(falls, self.false_rejection_rate)
        return model

    def _predict(self, texts: list[str], corpus: Corpus) -> Defended:
        labels, texts = self._labels(texts), corpus.texts()
        falls = self._probability(self.model_, texts) - self._probability(self.model_, self._behind(texts))
        return Defended(labels, (labels == self.protected_class) & (falls < self.threshold_))

    def _probability(self, model: ProbableVictim, texts: Iterable[str]) -> NDArray[np.float64]:
        column = self.classes_.tolist().index(self.protected_class)
        return probabilities(model, texts)[:, column]

    def _behind(self, texts: list[str]) -> list[str]:
        front = " ".join(self.words_)
        return [f"{front} {text}" for text in texts]

    def _candidates(self, model: ProbableVictim, corpus: Corpus) -> list[str]:
        """Return the rare words that by themselves give the protected class the lowest probability."""
        rows = np.unique(corpus.row_of_token() * len(corpus.vocabulary) + corpus.tokens)
        documents = np.bincount(rows % len(corpus.vocabulary), minlength=len(corpus.vocabulary))
        # A word that occurs at all counts as rare where the training set is small.
        rare = np.flatnonzero(documents <= max(1.0, self.max_frequency * len(corpus)))
        words = sorted(corpus.vocabulary[token] for token in rare)
        if not words:
            raise InvalidInput(
                f"no word is in at most {self.max_frequency:g} of the training texts; raise max_frequency"
            )
        alone = self._probability(model, words)
        return [words[i] for i in np.argsort(alone, kind="stable")[: self.n_candidates]]

    def _search(
        self, model: ProbableVictim, texts: list[str], candidates: list[str]
    ) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Return words chosen one after the other while the loss falls, and the fall on each text."""
        smallest, largest = self.wanted_fall
        before = self._probability(model, texts)
        words: tuple[str, ...] = ()
        best_falls, best_loss = np.zeros(len(texts)), smallest
        for _ in range(self.max_words):
            trials = [(*words, word) for word in candidates if word not in words]
            if not trials:
                break
            inputs = (f"{' '.join(trial)} {text}" for trial in trials for text in texts)
            falls = before - self._probability(model, inputs).reshape(len(trials), len(texts))
            losses = np.mean(np.maximum(smallest - falls, 0.0) + np.maximum(falls - largest, 0.0), axis=1)
            best = int(np.argmin(losses))
            if losses[best] >= best_loss:
                break
            words, best_falls, best_loss = trials[best], falls[best], losses[best]
        if not best_falls.mean() > 0.0:
            raise InvalidInput(
                f"none of {len(candidates)} rare words lowers the probability of class "
                f"{self.protected_class!r} on clean texts; raise max_frequency or n_candidates"
            )
        return words, best_falls
