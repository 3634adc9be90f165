"""What every empirical defence offers: fit on texts that may be poisoned, predict labels and rejections."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ...gate.labels import number_classes
from ...gate.numbers import as_real, as_whole_number
from ..corpus import Corpus, check_texts, tokenize

__all__ = ["Defence", "Defended", "NoDefence"]

_TEXTS_AT_ONCE = 1 << 14  # few calls for a vectoriser, and bounded rows for a model with dense features


class Defended(NamedTuple):
    """What a defence answers.

    Attributes
    ----------
    labels : ndarray, shape (n,)
        Predicted labels, those of rejected texts too.
    rejected : ndarray of bool, shape (n,)
        True where the text was judged to carry a trigger.
    """

    labels: np.ndarray
    rejected: np.ndarray


class Labelled(NamedTuple):
    """Texts that passed the gate, cut into tokens, and their labels."""

    texts: list[str]
    corpus: Corpus
    labels: np.ndarray


class Defence(BaseEstimator, ABC):
    """A victim model behind an empirical defence against backdoors. Nothing here is a certificate.

    Subclasses say what they filter, reject or correct in ``_fit`` and ``_predict``.

    Parameters
    ----------
    trainer : callable (texts, labels, seed) -> model
        Trains the victim: texts a list of str, labels of shape (n,), seed an int. The model has
        ``predict(texts) -> (n,)`` and, where the defence reads probabilities, ``predict_proba(texts) ->
        (n, C)`` and ``classes_`` of shape (C,), sorted. It must take texts of tokens joined by single spaces.
    tokenizer : callable (str) -> sequence of str

    Attributes
    ----------
    model_
        The model that answers.
    kept_ : ndarray of bool, shape (n,)
        Training rows that it was trained on.
    classes_ : ndarray, shape (C,)
        Labels of the training texts, sorted.
    """

    _needs_clean = False
    _needs_probabilities = False

    def __init__(self, trainer, *, tokenizer: Callable[[str], Sequence[str]] = tokenize):
        self.trainer = trainer
        self.tokenizer = tokenizer

    def fit(self, texts, labels, *, clean_texts=None, clean_labels=None, random_state: int = 0) -> Defence:
        """Train the victim on texts that may be poisoned, and set up the defence.

        Parameters
        ----------
        texts : sequence of str
            Training texts, each with at least one token.
        labels : array_like, shape (n,)
            At least two classes.
        clean_texts, clean_labels : optional
            A held-out set that no attacker has touched, of at least two classes, all of them in ``labels``.
            Looked at only by defences that need it.
        random_state : int >= 0
            The seed that the trainer gets, and of whatever the defence draws.

        Returns
        -------
        Defence

        Raises
        ------
        TypeError
            If texts are no strings, the trainer is not callable, or its model lacks what is needed.
        ValueError
            If texts are empty, shapes do not agree, a set has only one class, the clean set is missing where
            it is needed, or a setting is out of range.
        """
        seed = as_whole_number(random_state, "random_state", least=0)
        if not callable(self.trainer):
            raise TypeError(
                f"trainer must be callable as trainer(texts, labels, seed), got {type(self.trainer).__name__}"
            )
        self._check_settings()
        train = self._labelled(texts, labels, "texts", "labels")
        self.classes_ = np.unique(train.labels)
        clean = self._clean(clean_texts, clean_labels) if self._needs_clean else None
        self.kept_ = np.ones(len(train.texts), dtype=bool)
        self.model_ = self._fit(train, clean, seed)
        return self

    def predict(self, texts) -> Defended:
        """Classify texts, and say which of them are judged to carry a trigger.

        The answer to a text does not depend on the other texts of the call.

        Parameters
        ----------
        texts : sequence of str
            Each with at least one token.

        Returns
        -------
        Defended

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        TypeError, ValueError
            If texts are no strings, or one has no token.
        """
        texts, corpus = self._queries(texts)
        if not texts:
            return Defended(self.classes_[:0], np.zeros(0, dtype=bool))
        return self._predict(texts, corpus)

    def _check_settings(self) -> None:
        """Raise for settings out of range, before anything is trained."""

    @abstractmethod
    def _fit(self, train: Labelled, clean: Labelled | None, seed: int):
        """Return the model that answers; what else is learned goes to attributes."""

    @abstractmethod
    def _predict(self, texts: list[str], corpus: Corpus) -> Defended:
        """Answer texts, at least one, whose tokens are in ``corpus``."""

    def _train(self, texts: list[str], labels: np.ndarray, seed: int):
        model = self.trainer(texts, labels, seed)
        needed = ["predict"] + ["predict_proba", "classes_"] * self._needs_probabilities
        missing = [name for name in needed if not hasattr(model, name)]
        if missing:
            raise TypeError(
                f"{type(self).__name__} needs a model with {' and '.join(needed)}; the trainer's "
                f"{type(model).__name__} lacks {' and '.join(missing)}; any scikit-learn "
                "classifier gets probabilities by sklearn.calibration.CalibratedClassifierCV"
            )
        if self._needs_probabilities and not np.array_equal(model.classes_, self.classes_):
            raise ValueError(
                f"the trainer's model has classes_ {model.classes_!r}, expected the sorted labels of the "
                f"training texts, {self.classes_!r}"
            )
        return model

    def _queries(self, texts) -> tuple[list[str], Corpus]:
        check_is_fitted(self, "model_")
        texts = check_texts(texts)
        return texts, self._corpus(texts, "texts")

    def _labels(self, texts: list[str]) -> np.ndarray:
        return predicted(self.model_, texts)

    def _labelled(self, texts, labels, name: str, label_name: str) -> Labelled:
        texts, labels = check_texts(texts, name), np.asarray(labels)
        if labels.shape != (len(texts),):
            raise ValueError(
                f"{label_name} must have shape ({len(texts)},), one label a text, got {labels.shape}"
            )
        if not texts:
            raise ValueError(f"{name} is empty, expected texts of at least two classes")
        try:
            number_classes(labels)
        except ValueError as error:
            raise ValueError(f"{label_name}: {error}") from None
        return Labelled(texts, self._corpus(texts, name), labels)

    def _clean(self, texts, labels) -> Labelled:
        if texts is None or labels is None:
            raise ValueError(
                f"{type(self).__name__} needs clean_texts and clean_labels: held-out texts that no attacker "
                "has touched"
            )
        clean = self._labelled(texts, labels, "clean_texts", "clean_labels")
        unknown = np.setdiff1d(clean.labels, self.classes_).tolist()
        if unknown:
            raise ValueError(
                f"clean_labels has {unknown[0]!r}, which is no label of the training texts: {self.classes_}"
            )
        return clean

    def _corpus(self, texts: list[str], name: str) -> Corpus:
        try:
            return Corpus.from_texts(texts, self.tokenizer)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


class NoDefence(Defence):
    """The victim alone, trained on all rows: the column to compare defences with. It rejects nothing."""

    def _fit(self, train, clean, seed):
        return self._train(train.texts, train.labels, seed)

    def _predict(self, texts, corpus):
        return Defended(self._labels(texts), np.zeros(len(texts), dtype=bool))


def predicted(model, texts: list[str]) -> np.ndarray:
    """Labels that a model predicts, shape (n,); ValueError if it gives another shape."""
    labels = np.asarray(model.predict(texts))
    if labels.shape != (len(texts),):
        raise ValueError(
            f"{type(model).__name__}.predict must give one label a text, shape ({len(texts)},), got "
            f"{labels.shape}"
        )
    return labels


def probabilities(model, texts: Iterable[str]) -> np.ndarray:
    """Class probabilities of a model, shape (n, C), asked in few large calls.

    Raises
    ------
    ValueError
        If the model gives another shape, or what is no probability.
    """
    n_classes, texts = len(model.classes_), iter(texts)
    parts = [np.empty((0, n_classes))]
    while batch := list(itertools.islice(texts, _TEXTS_AT_ONCE)):
        part = np.asarray(model.predict_proba(batch), dtype=np.float64)
        # Written so that NaN fails.
        if part.shape != (len(batch), n_classes) or not ((part >= 0.0) & (part <= 1.0)).all():
            raise ValueError(
                f"{type(model).__name__}.predict_proba must give probabilities of shape ({len(batch)}, "
                f"{n_classes}), one column a class of classes_; got shape {part.shape} with values from "
                f"{part.min(initial=np.inf)} to {part.max(initial=-np.inf)}"
            )
        parts.append(part)
    return np.concatenate(parts)


def rejection_threshold(clean_scores: np.ndarray, false_rejection_rate: float) -> float:
    """The largest clean score below which at most that share of the clean scores lies."""
    return float(np.sort(clean_scores)[int(false_rejection_rate * len(clean_scores))])


def check_share(value, name: str, *, positive: bool = False) -> None:
    """Raise unless value is a number in [0, 1), or in (0, 1) if it must be positive."""
    if not 0.0 <= as_real(value, name) < 1.0 or (positive and value == 0.0):
        raise ValueError(f"{name} must lie in {'(' if positive else '['}0, 1), got {value!r}")
