"""Seeds of the models of an ensemble: where the noise of each comes from, and what its trainer gets."""

from __future__ import annotations

import operator
from typing import NamedTuple, SupportsIndex

import numpy as np

from ..gate.errors import InvalidInput

__all__ = ["ModelSeed", "model_seeds"]


class ModelSeed(NamedTuple):
    """Where the noise of one model comes from, and the seed its trainer gets."""

    noise: np.random.SeedSequence
    training: int
    queries: np.random.SeedSequence

    def generator(self) -> np.random.Generator:
        """Return the source of the noise on training rows."""
        return np.random.Generator(np.random.PCG64(self.noise))

    def query_generator(self) -> np.random.Generator:
        """Return the source of noise on queries, where that is part of what is smoothed."""
        return np.random.Generator(np.random.PCG64(self.queries))


def model_seeds(random_state: SupportsIndex | None, n: int) -> list[ModelSeed]:
    """Return seeds of n models: the first ones are the same for any number of them."""
    if random_state is not None:
        try:
            random_state = operator.index(random_state)
        except TypeError:
            raise TypeError(
                f"random_state must be an int or None, got {type(random_state).__name__}"
            ) from None
        if random_state < 0:
            raise InvalidInput(f"random_state must not be negative, got {random_state}")
    seeds = []
    for child in np.random.SeedSequence(random_state).spawn(n):
        noise, training, queries = child.spawn(3)
        seed = int(training.generate_state(1, np.uint64)[0] >> np.uint64(1))
        seeds.append(ModelSeed(noise, seed, queries))
    return seeds
