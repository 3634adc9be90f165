"""Training on noised texts: the user's trainer, called in one way, and the models it makes of a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..montecarlo.copies import Copies
from ..montecarlo.independence import Probes, Seen, check_distinct
from ..montecarlo.model_training import ModelTraining
from ..montecarlo.models import check_callable, description_of
from ..montecarlo.protocols import having
from ..montecarlo.seeds import ModelSeed
from ..montecarlo.trial import Tables, check_trainer, exchange_between, first_of_each
from .corpus import Corpus
from .sampling import Sampler
from .text_protocols import CorpusTrainer, TextTrainer
from .text_queries import labels_of

__all__ = ["CheckedTextTrainer", "TextTraining"]

_CHECK_TEXTS = 64  # of each class
_SEEDS_LOOKED_AT = 16
# Models that one process trains in a row: what it is handed, the texts, is then handed over less often.
_MODELS_A_TASK = 16

NumberedTexts = tuple[Corpus, NDArray[np.int64]]
"""Texts and the positions of their labels among the classes."""


class _Constant:
    """The model of noised texts that have nothing to tell apart: one class is left, or none."""

    def __init__(self, label: Any) -> None:
        self._label = label

    def predict(self, texts: Sequence[str]) -> NDArray[Any]:
        return np.full(len(texts), self._label)


class CheckedTextTrainer:
    """What a user gave as trainer of texts, called in one way: the only place that knows what it may have.

    Parameters
    ----------
    given : TextTrainer
        With any of the optional members that `text_protocols` lists.

    Attributes
    ----------
    name : str
        What a guarantee calls it.
    """

    def __init__(self, given: TextTrainer) -> None:
        check_callable(given, "trainer", "(texts, labels, seed)")
        self.given = given
        self._takes_corpora: CorpusTrainer | None = having(given, "train_corpus")
        self.name = description_of(given)

    def train(self, noised: Corpus, labels: NDArray[Any], seed: int) -> Any:
        """Train a model on texts of at least two classes."""
        if self._takes_corpora is not None:
            return self._takes_corpora.train_corpus(noised, labels, seed)
        return self.given(noised.texts(), labels, seed)


@dataclass
class TextTraining(ModelTraining):
    """The training of models on one corpus, each on its texts with noise of its own.

    Attributes
    ----------
    trainer : CheckedTextTrainer
    sampler : Sampler
        Of the law, for the vocabulary of the corpus.
    corpus : Corpus
    numbers : ndarray of int, shape (n,)
        Positions of the labels in ``classes``.
    classes : ndarray of shape (C,)
    probes : Probes, optional
        What models are asked to see whether they stay what they are; `try_trainer` makes them.
    """

    trainer: CheckedTextTrainer
    sampler: Sampler
    corpus: Corpus
    numbers: NDArray[np.int64]
    classes: NDArray[Any]
    probes: Probes | None = None

    @property
    def given(self) -> TextTrainer:
        return self.trainer.given

    def by(self, given: TextTrainer) -> TextTraining:
        return replace(self, trainer=CheckedTextTrainer(given))

    def group_size(self, n_jobs: int | None) -> int:
        # Here, each model is looked at before the next one is trained.
        return 1 if n_jobs in (None, 1) else _MODELS_A_TASK

    def worth_a_look(self, seeds: Sequence[ModelSeed]) -> tuple[int, int]:
        # Models that the noise left two classes to tell apart; of others the trainer knows nothing.
        return self._first_with_classes(seeds), len(seeds) - 1 - self._first_with_classes(seeds[::-1])

    def train(self, seeds: Sequence[ModelSeed]) -> list[Any]:
        """Train models, and raise where the first of them moved meanwhile: its copies will not show it."""
        models: list[Any] = []
        watched: tuple[Any, Seen] | None = None
        for seed in seeds:
            models.append(self._model(self._noised(seed), seed.training))
            may_be_watched = len(seeds) > 1 and not isinstance(models[-1], _Constant)
            if watched is None and may_be_watched and self.probes is not None:
                watched = models[-1], self.probes.look(models[-1])
        check_distinct(models)
        if watched is not None and self.probes is not None:
            self.probes.check_unmoved(*watched, "when the others were trained")
        return models

    def try_trainer(self, copies: Copies, seeds: Sequence[ModelSeed]) -> Probes:
        rows = first_of_each(self.numbers, _CHECK_TEXTS * len(self.classes))
        few = replace(self, corpus=self.corpus.some(rows), numbers=self.numbers[rows])
        texts, seed = few.corpus.renumbered(), seeds[0].training

        def noised(draw: ModelSeed) -> NumberedTexts:
            corpus, numbers = few._noised(draw)
            # What the trainer would not get to see is no trial.
            return (corpus, numbers) if len(np.unique(numbers)) > 1 else (texts, few.numbers)

        def train(given: TextTrainer, table: NumberedTexts) -> Any:
            return self.by(given)._model(table, seed)

        order = exchange_between(few.numbers)
        exchanged = few.corpus.some(order).renumbered()
        pairs = [sorted(zip(some.texts(), few.numbers, strict=True)) for some in (texts, exchanged)]
        alike = pairs[0] == pairs[1]
        plain = (None, None) if alike else ((texts, few.numbers), (exchanged, few.numbers))
        self.probes = Probes(partial(_ask, texts, self.classes), len(texts))
        check_trainer(copies, train, self.probes, Tables(noised(seeds[0]), noised(seeds[-1]), *plain))
        return self.probes

    def _noised(self, seed: ModelSeed) -> NumberedTexts:
        """Return the texts that are left for one model and the positions of their labels."""
        return self.sampler.training(self.corpus, self.numbers, len(self.classes), seed.generator())

    def _first_with_classes(self, seeds: Sequence[ModelSeed]) -> int:
        """Return the position of the first seed, of a few, whose noise leaves two classes; 0 if none does."""
        some = (
            i for i, seed in enumerate(seeds[:_SEEDS_LOOKED_AT]) if len(np.unique(self._noised(seed)[1])) > 1
        )
        return next(some, 0)

    def _model(self, noised: NumberedTexts, seed: int) -> Any:
        """Return a function of the noised texts, their labels and the seed alone: what a model has to be."""
        corpus, numbers = noised
        if len(np.unique(numbers)) < 2:
            return _Constant(self.classes[numbers[0] if len(numbers) else 0])
        return self.trainer.train(corpus, self.classes[numbers], seed)


def _ask(texts: Corpus, classes: NDArray[Any], model: object, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return positions of the labels that a model gives to some texts, which are all that it gets to see."""
    return labels_of(model, texts.some(rows).renumbered(), None, classes)
