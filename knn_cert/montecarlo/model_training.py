"""What an ensemble asks of the training of its models, and how that is done here or in several processes."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from joblib import Parallel, delayed, parallel_config

from ..gate.errors import InvalidInput
from ..gate.numbers import as_whole_number
from .copies import Copies
from .groups import ModelStore
from .independence import Probes
from .seeds import ModelSeed

__all__ = ["Job", "ModelTraining", "check_n_jobs", "train_in_order", "train_job"]

Item = TypeVar("Item")
Trained = TypeVar("Trained")


class ModelTraining(ABC):
    """How the models of one ensemble are trained: by whom, on what, under which noise.

    Processes get a copy, so it holds what training needs and no more.
    """

    @property
    @abstractmethod
    def given(self) -> Callable[..., Any]:
        """The trainer as the user gave it."""

    @property
    def stacked(self) -> bool:
        """Whether the bits of a model are those of its group: trained alone, it may be another one."""
        return False

    @abstractmethod
    def by(self, given: Callable[..., Any]) -> ModelTraining:
        """Return the same training by another trainer, such as a copy."""

    @abstractmethod
    def try_trainer(self, copies: Copies, seeds: Sequence[ModelSeed]) -> Probes:
        """Try the trainer on a few rows of every class, and return the queries that models are asked."""

    @abstractmethod
    def group_size(self, n_jobs: int | None) -> int:
        """Return how many models one job trains, and one file of a checkpoint holds."""

    def worth_a_look(self, seeds: Sequence[ModelSeed]) -> tuple[int, int]:
        """Return the positions of the first and of the last model that say something about the trainer."""
        return 0, len(seeds) - 1

    def open_store(self, folder: Path, settings: dict[str, int]) -> ModelStore:
        """Return the models that are kept in a folder, for an ensemble with these numbers and this seed."""
        raise TypeError("models of this kind cannot be kept; leave out checkpoint")

    @abstractmethod
    def train(self, seeds: Sequence[ModelSeed]) -> list[Any]:
        """Train the models of one group."""


class Job(NamedTuple):
    """Models that one process trains in a row."""

    training: ModelTraining
    seeds: list[ModelSeed]


def train_job(job: Job) -> list[Any]:
    """Train the models of a job, here or in a process of its own."""
    return job.training.train(job.seeds)


def check_n_jobs(n_jobs: object) -> None:
    """Raise unless n_jobs is a number of processes, -1 for one a core, or None."""
    if n_jobs is not None and as_whole_number(n_jobs, "n_jobs", least=-1) == 0:
        raise InvalidInput("n_jobs must be at least 1, or -1 for all cores, got 0")


def train_in_order(
    train: Callable[[Item], Trained], items: Sequence[Item], n_jobs: int | None
) -> Iterator[Trained]:
    """Yield what ``train`` makes of each item, in their order, as they are done."""
    if n_jobs is None or n_jobs == 1:
        return (train(item) for item in items)
    with parallel_config(backend="loky", n_jobs=n_jobs, inner_max_num_threads=1):
        parallel = Parallel(return_as="generator")
    made: Iterator[Trained] = parallel(delayed(_train_and_stay)(train, item) for item in items)
    return made


def _train_and_stay(train: Callable[[Item], Trained], item: Item) -> Trained:
    """Train in a process of a pool, which joblib is not to replace because its memory grew.

    Where psutil is installed, joblib takes 300 MB for a leak, and a first import of torch is as much. When
    all processes of a pool that was used before leave at once, tasks that they were handed are waited for in
    vain.
    """
    pool = sys.modules.get("joblib.externals.loky.process_executor")
    if pool is not None:
        pool._USE_PSUTIL = False  # type: ignore[attr-defined]
    return train(item)
