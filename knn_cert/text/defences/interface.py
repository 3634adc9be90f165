"""What every empirical defence offers: fit on texts that may be poisoned, predict labels and rejections."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ...gate.errors import InvalidInput
from ...gate.labels import number_classes
from ...gate.numbers import as_whole_number
from ..corpus import Corpus, check_texts, tokenize

__all__ = ["Defence", "Defended", "NoDefence"]

# Few calls for a vectoriser, and bounded rows for a model with dense features.
_TEXTS_AT_ONCE = 1 << 14


class Defended(NamedTuple):
    """What a defence answers.

    Attributes
    ----------
    labels : ndarray, shape (n,)
        Predicted labels, those of rejected texts too.
    rejected : ndarray of bool, shape (n,)
        True where the text was judged to carry a trigger.
    """

    labels: NDArray[Any]
    rejected: NDArray[np.bool_]


class Labelled(NamedTuple):
    """Texts that passed the gate, cut into tokens, and their labels."""

    texts: list[str]
    corpus: Corpus
    labels: NDArray[Any]


class Victim(Protocol):
    """What every defence asks of a model; most of them also ask for ``predict_proba`` and ``classes_``."""

    def predict(self, texts: list[str]) -> ArrayLike:
        """Return the label of each text."""


class ProbableVictim(Victim, Protocol):
    """A model with probabilities."""

    classes_: NDArray[Any]

    def predict_proba(self, texts: list[str]) -> ArrayLike:
        """Return the probability of each class of ``classes_``, shape (n, C)."""


_Defence = TypeVar("_Defence", bound="Defence")

# What trains a victim: texts, labels and a seed in, a model out. What it offers is checked when it is there.
Trainer = Callable[[list[str], NDArray[Any], int], Any]


class Defence(BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn comes without types
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

    def __init__(self, trainer: Trainer, *, tokenizer: Callable[[str], Sequence[str]] = tokenize) -> None:
        self.trainer = trainer
        self.tokenizer = tokenizer

    def fit(
        self: _Defence,
        texts: Iterable[str],
        labels: ArrayLike,
        *,
        clean_texts: Iterable[str] | None = None,
        clean_labels: ArrayLike | None = None,
        random_state: int = 0,
    ) -> _Defence:
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
        if self._needs_clean:
            clean = self._clean(clean_texts, clean_labels)
        else:
            clean = Labelled([], Corpus.from_texts([]), train.labels[:0])
        self.kept_ = np.ones(len(train.texts), dtype=bool)
        self.model_ = self._fit(train, clean, seed)
        return self

    def predict(self, texts: Iterable[str]) -> Defended:
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
        queries, corpus = self._queries(texts)
        if not queries:
            return Defended(self.classes_[:0], np.zeros(0, dtype=bool))
        return self._predict(queries, corpus)

    def _check_settings(self) -> None:
        """Raise for settings out of range, before anything is trained."""

    @abstractmethod
    def _fit(self, train: Labelled, clean: Labelled, seed: int) -> Any:
        """Return the model that answers; what else is learned goes to attributes.

        There are no clean texts unless ``_needs_clean``.
        """

    @abstractmethod
    def _predict(self, texts: list[str], corpus: Corpus) -> Defended:
        """Answer texts, at least one, whose tokens are in ``corpus``."""

    def _train(self, texts: list[str], labels: NDArray[Any], seed: int) -> Any:
        """Return the victim, after a look at what it offers."""
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
            raise InvalidInput(
                f"the trainer's model has classes_ {model.classes_!r}, expected the sorted labels of the "
                f"training texts, {self.classes_!r}"
            )
        return model

    def _queries(self, texts: Iterable[str]) -> tuple[list[str], Corpus]:
        check_is_fitted(self, "model_")
        queries = check_texts(texts)
        return queries, self._corpus(queries, "texts")

    def _labels(self, texts: list[str]) -> NDArray[Any]:
        return predicted(self.model_, texts)

    def _labelled(self, texts: Iterable[str], labels: ArrayLike, name: str, label_name: str) -> Labelled:
        checked, truth = check_texts(texts, name), np.asarray(labels)
        if truth.shape != (len(checked),):
            raise InvalidInput(
                f"{label_name} must have shape ({len(checked)},), one label a text, got {truth.shape}"
            )
        if not checked:
            raise InvalidInput(f"{name} is empty, expected texts of at least two classes")
        try:
            number_classes(truth)
        except ValueError as error:
            raise InvalidInput(f"{label_name}: {error}") from None
        return Labelled(checked, self._corpus(checked, name), truth)

    def _clean(self, texts: Iterable[str] | None, labels: ArrayLike | None) -> Labelled:
        if texts is None or labels is None:
            raise InvalidInput(
                f"{type(self).__name__} needs clean_texts and clean_labels: held-out texts that no attacker "
                "has touched"
            )
        clean = self._labelled(texts, labels, "clean_texts", "clean_labels")
        unknown = np.setdiff1d(clean.labels, self.classes_).tolist()
        if unknown:
            raise InvalidInput(
                f"clean_labels has {unknown[0]!r}, which is no label of the training texts: {self.classes_}"
            )
        return clean

    def _corpus(self, texts: list[str], name: str) -> Corpus:
        try:
            return Corpus.from_texts(texts, self.tokenizer)
        except ValueError as error:
            raise InvalidInput(f"{name}: {error}") from None


class NoDefence(Defence):
    """The victim alone, trained on all rows: the column to compare defences with. It rejects nothing."""

    def _fit(self, train: Labelled, clean: Labelled, seed: int) -> Any:
        return self._train(train.texts, train.labels, seed)

    def _predict(self, texts: list[str], corpus: Corpus) -> Defended:
        return Defended(self._labels(texts), np.zeros(len(texts), dtype=bool))


def predicted(model: Victim, texts: list[str]) -> NDArray[Any]:
    """Return the labels that a model predicts, shape (n,); InvalidInput if it gives another shape."""
    labels = np.asarray(model.predict(texts))
    if labels.shape != (len(texts),):
        raise InvalidInput(
            f"{type(model).__name__}.predict must give one label a text, shape ({len(texts)},), got "
            f"{labels.shape}"
        )
    return labels


def probabilities(model: ProbableVictim, texts: Iterable[str]) -> NDArray[np.float64]:
    """Return the class probabilities of a model, shape (n, C), asked in few large calls.

    Raises
    ------
    ValueError
        If the model gives another shape, or what is no probability.
    """
    n_classes, rest = len(model.classes_), iter(texts)
    parts = [np.empty((0, n_classes))]
    while batch := list(itertools.islice(rest, _TEXTS_AT_ONCE)):
        part = np.asarray(model.predict_proba(batch), dtype=np.float64)
        # Written so that NaN fails.
        if part.shape != (len(batch), n_classes) or not ((part >= 0.0) & (part <= 1.0)).all():
            raise InvalidInput(
                f"{type(model).__name__}.predict_proba must give probabilities of shape ({len(batch)}, "
                f"{n_classes}), one column a class of classes_; got shape {part.shape} with values from "
                f"{part.min(initial=np.inf)} to {part.max(initial=-np.inf)}"
            )
        parts.append(part)
    return np.concatenate(parts)


def rejection_threshold(clean_scores: NDArray[np.float64], false_rejection_rate: float) -> float:
    """Return the largest clean score below which at most that share of the clean scores lies."""
    return float(np.sort(clean_scores)[int(false_rejection_rate * len(clean_scores))])
