"""Seeds of the models of an ensemble, and their training in several processes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed, parallel_config

from ..gate.numbers import as_whole_number

__all__ = ["ModelSeed", "check_n_jobs", "exchange_between", "first_of_each", "in_turn", "model_seeds"]


class ModelSeed(NamedTuple):
    """Where the noise of one model comes from, and the seed its trainer gets."""

    noise: np.random.SeedSequence
    training: int
    queries: np.random.SeedSequence

    def generator(self) -> np.random.Generator:
        """Of the noise on training rows."""
        return np.random.Generator(np.random.PCG64(self.noise))

    def query_generator(self) -> np.random.Generator:
        """Of noise on queries, where it is part of what is smoothed."""
        return np.random.Generator(np.random.PCG64(self.queries))


def model_seeds(random_state, n: int) -> list[ModelSeed]:
    """Seeds of the models: the first ones are the same for any number of them."""
    if random_state is not None:
        try:
            random_state = operator.index(random_state)
        except TypeError:
            raise TypeError(
                f"random_state must be an int or None, got {type(random_state).__name__}"
            ) from None
        if random_state < 0:
            raise ValueError(f"random_state must not be negative, got {random_state}")
    seeds = []
    for child in np.random.SeedSequence(random_state).spawn(n):
        noise, training, queries = child.spawn(3)
        training = int(training.generate_state(1, np.uint64)[0] >> np.uint64(1))
        seeds.append(ModelSeed(noise, training, queries))
    return seeds


def first_of_each(numbers: np.ndarray, most: int) -> np.ndarray:
    """Positions of the first rows of every class, in their order: at most so many, or one a class."""
    n_classes = int(numbers.max()) + 1
    each = max(1, most // n_classes) if len(numbers) > most else len(numbers)
    return np.sort(np.concatenate([np.flatnonzero(numbers == c)[:each] for c in range(n_classes)]))


def exchange_between(numbers: np.ndarray) -> np.ndarray:
    """A permutation of rows that exchanges those of the first classes with those of the last ones."""
    order = np.argsort(numbers, kind="stable")
    permutation = np.empty_like(order)
    permutation[order] = order[::-1]
    return permutation


def check_n_jobs(n_jobs) -> None:
    """Raise unless n_jobs is a number of processes, -1 for one a core, or None."""
    if n_jobs is not None and as_whole_number(n_jobs, "n_jobs", least=-1) == 0:
        raise ValueError("n_jobs must be at least 1, or -1 for all cores, got 0")


def in_turn(train: Callable, items: Sequence, n_jobs: int | None) -> Iterator:
    """Give what ``train`` makes of one item after the other, in order, as they are done."""
    if n_jobs is None or n_jobs == 1:
        return (train(item) for item in items)
    with parallel_config(backend="loky", n_jobs=n_jobs, inner_max_num_threads=1):
        parallel = Parallel(return_as="generator")
    return parallel(delayed(train)(item) for item in items)
