"""Training of models of texts one after the other, the trial of their trainer, and the labels they give."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..montecarlo.copies import Copies
from ..montecarlo.independence import Probes, Tables, check_distinct, check_trainer
from ..montecarlo.models import positions, predict_of
from ..montecarlo.training import ModelSeed, exchange_between, first_of_each
from .corpus import Corpus
from .sampling import Sampler

__all__ = ["Job", "Training", "labels_of", "train_job"]

_CHECK_TEXTS = 64  # of each class
_SEEDS_LOOKED_AT = 16


class _Constant:
    """The model of noised texts that have nothing to tell apart: one class is left, or none."""

    def __init__(self, label):
        self._label = label

    def predict(self, texts) -> np.ndarray:
        return np.full(len(texts), self._label)


class Training(NamedTuple):
    """What a process needs to train models: the trainer, the law, the texts and the positions of labels."""

    trainer: Any
    sampler: Sampler
    corpus: Corpus
    numbers: np.ndarray
    classes: np.ndarray

    def noised(self, seed: ModelSeed) -> tuple[Corpus, np.ndarray]:
        """The texts that are left for one model and the positions of their labels."""
        return self.sampler.training(self.corpus, self.numbers, len(self.classes), seed.generator())

    def first_with_classes(self, seeds: Sequence[ModelSeed]) -> int:
        """Position of the first seed, of a few, whose noise leaves two classes; 0 if there is none."""
        some = (
            i for i, seed in enumerate(seeds[:_SEEDS_LOOKED_AT]) if len(np.unique(self.noised(seed)[1])) > 1
        )
        return next(some, 0)

    def model(self, noised: Corpus, numbers: np.ndarray, seed: int):
        """A function of the noised texts, their labels and the seed alone, as every model has to be."""
        if len(np.unique(numbers)) < 2:
            return _Constant(self.classes[numbers[0] if len(numbers) else 0])
        labels = self.classes[numbers]
        if hasattr(self.trainer, "train_corpus"):
            return self.trainer.train_corpus(noised, labels, seed)
        return self.trainer(noised.texts(), labels, seed)

    def tried(self, copies: Copies, seeds: Sequence[ModelSeed]) -> Probes:
        """Try the trainer on a few texts of every class, and return the texts that models are asked about."""
        rows = first_of_each(self.numbers, _CHECK_TEXTS * len(self.classes))
        few = self._replace(corpus=self.corpus.some(rows), numbers=self.numbers[rows])
        texts, seed = few.corpus.renumbered(), seeds[0].training
        probes = Probes(partial(_ask, texts, self.classes), len(texts))

        def noised(draw: ModelSeed):
            corpus, numbers = few.noised(draw)
            # What the trainer would not get to see is no trial.
            return (corpus, numbers) if len(np.unique(numbers)) > 1 else (texts, few.numbers)

        order = exchange_between(few.numbers)
        exchanged = few.corpus.some(order).renumbered()
        pairs = [sorted(zip(some.texts(), few.numbers, strict=True)) for some in (texts, exchanged)]
        plain = (None, None) if pairs[0] == pairs[1] else ((texts, few.numbers), (exchanged, few.numbers))
        check_trainer(
            copies,
            lambda trainer, table: self._replace(trainer=trainer).model(*table, seed),
            probes,
            Tables(noised(seeds[0]), noised(seeds[-1]), *plain),
        )
        return probes


class Job(NamedTuple):
    """Models that one process trains in a row."""

    training: Training
    probes: Probes
    seeds: list[ModelSeed]


def train_job(job: Job) -> list:
    """Train the models of a job, and raise where the first of them moved meanwhile: its copies will not."""
    models, watched, seen = [], None, None
    for seed in job.seeds:
        models.append(job.training.model(*job.training.noised(seed), seed.training))
        if watched is None and len(job.seeds) > 1 and not isinstance(models[-1], _Constant):
            watched, seen = models[-1], job.probes.look(models[-1])
    check_distinct(models)
    if watched is not None:
        job.probes.check_unmoved(watched, seen, "when the others were trained")
    return models


def _ask(texts: Corpus, classes: np.ndarray, model, rows: np.ndarray) -> np.ndarray:
    """Positions of the labels that a model gives to some of the texts, which are all that it gets to see."""
    return labels_of(model, texts.some(rows).renumbered(), None, classes)


def labels_of(model, corpus: Corpus, texts: list[str] | None, classes: np.ndarray) -> np.ndarray:
    """Positions of the labels that a model gives."""
    if hasattr(model, "predict_corpus"):
        answer = model.predict_corpus(corpus)
    else:
        answer = predict_of(model)(corpus.texts() if texts is None else list(texts))
    return positions(answer, len(corpus), classes)
