"""What a user gave as trainer of tables, called in one way, and the jobs that processes do with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..gate.numbers import as_whole_number
from ..smoothing import Noise
from .copies import Copies
from .models import UnsoundTrainer, check_callable, name_of, positions, predict_of
from .training import ModelSeed

__all__ = ["Job", "Trainer", "once_more", "train_job", "train_small"]


class Trainer:
    """What a user gave as trainer, called in one way, and distrusted."""

    def __init__(self, train):
        check_callable(train, "model_factory", "(X, y, seed)")
        self._train = train
        together = hasattr(train, "train_many")
        self.models_at_once = (
            as_whole_number(getattr(train, "models_at_once", 1), "models_at_once", least=1) if together else 1
        )
        self.dtype = np.dtype(getattr(train, "dtype", np.float64))
        self.name = name_of(train)

    def train(self, X, y, seeds: Sequence[ModelSeed], noise: Noise) -> list:
        return self.train_on([X] * len(seeds), y, seeds, noise)

    def train_on(self, tables: Sequence, y, seeds: Sequence[ModelSeed], noise: Noise) -> list:
        """Train on tables of their own; each training gets labels that it may overwrite."""
        pairs = zip(tables, seeds, strict=True)
        noised = [noise.add_to(X, seed.generator(), self.dtype) for X, seed in pairs]
        if self.models_at_once == 1:
            return [
                self._train(rows, y.copy(), seed.training) for rows, seed in zip(noised, seeds, strict=True)
            ]
        models = list(self._train.train_many(noised, y.copy(), [seed.training for seed in seeds]))
        if len(models) != len(seeds):
            raise UnsoundTrainer(
                f"train_many was given {len(seeds)} tables and returned {len(models)} models"
            )
        return models

    def ask(self, queries: np.ndarray, classes: np.ndarray, model, rows: np.ndarray) -> np.ndarray:
        """Positions of the labels that one model gives to some of the queries, in one call."""
        return self.predict([model], [queries[rows]], classes)[0]

    def predict(self, models: Sequence, queries: Sequence[np.ndarray], classes: np.ndarray) -> np.ndarray:
        """Positions in classes, shape (models, queries)."""
        if len(models) > 1 and hasattr(self._train, "predict_many"):
            answers = list(self._train.predict_many(models, queries))
        else:
            answers = [predict_of(model)(rows) for model, rows in zip(models, queries, strict=True)]
        return np.stack(
            [positions(answer, len(rows), classes) for answer, rows in zip(answers, queries, strict=True)]
        )

    def settings(self) -> dict:
        return self._train.settings()

    def can_be_kept(self) -> bool:
        return all(hasattr(self._train, name) for name in ("settings", "pack", "unpack"))

    def pack(self, models: Sequence) -> dict[str, np.ndarray]:
        return self._train.pack(models)

    def unpack(self, arrays: dict[str, np.ndarray]) -> list:
        return list(self._train.unpack(arrays))


class Job(NamedTuple):
    """Models to train together, and by whom."""

    trainer: Trainer
    seeds: list[ModelSeed]


def train_job(X, y, noise: Noise, job: Job) -> list:
    return job.trainer.train(X, y, job.seeds, noise)


def train_small(noise: Noise, X_first: np.ndarray, first: ModelSeed, train, table):
    """Train on a table (X, y, seed): alone, or as the second of a stack whose first is always the same."""
    X, y, seed = table
    trainer = Trainer(train)
    if trainer.models_at_once == 1:
        return trainer.train(X, y, [seed], noise)[0]
    return trainer.train_on([X_first, X], y, [first, seed], noise)[1]


def once_more(trainer: Trainer, copies: Copies, seeds: list[ModelSeed]) -> list[Job]:
    """Jobs that train a model again on all rows, by a copy of the trainer if there is one.

    The bits of a model are those of its stack: where several are trained together, two are trained alone.
    """
    fresh = Trainer(copies.make())
    if trainer.models_at_once > 1:
        return [Job(trainer, seeds[-1:]), Job(fresh, seeds[-1:])]
    return [Job(fresh, seeds[-1:] if copies else seeds[:1])]
