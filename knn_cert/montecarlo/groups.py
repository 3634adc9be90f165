"""The models of an ensemble in groups: a group is trained by one job, and kept as one, if it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from .seeds import ModelSeed

__all__ = ["Groups", "ModelStore", "NothingKept"]


class ModelStore(Protocol):
    """A place where groups of trained models are kept, each under the position of its first model."""

    def load(self, start: int, n_models: int) -> list[Any] | None:
        """Return the models that were saved here, or None."""

    def save(self, start: int, models: Sequence[Any]) -> None:
        """Keep these models."""


class NothingKept:
    """The store of an ensemble that has none."""

    def load(self, start: int, n_models: int) -> list[Any] | None:
        """Return None."""
        return None

    def save(self, start: int, models: Sequence[Any]) -> None:
        """Keep nothing."""


class Groups:
    """Models by groups: those that a store has already, and the others as they are added.

    Parameters
    ----------
    seeds : sequence of ModelSeed
        Of all models.
    size : int >= 1
        Models of a group; the last one may have fewer.
    store : ModelStore

    Attributes
    ----------
    missing : dict of int to list of ModelSeed
        Seeds of the groups that the store did not have, by the position of their first model.
    """

    def __init__(self, seeds: Sequence[ModelSeed], size: int, store: ModelStore) -> None:
        self._size, self._store = size, store
        self._models: dict[int, list[Any]] = {}
        self.missing: dict[int, list[ModelSeed]] = {}
        for start in range(0, len(seeds), size):
            group = list(seeds[start : start + size])
            kept = store.load(start, len(group))
            if kept is None:
                self.missing[start] = group
            else:
                self._models[start] = kept

    def start_of(self, position: int) -> int:
        """Return the position of the first model of the group that a model belongs to."""
        return position // self._size * self._size

    def has(self, position: int) -> bool:
        """Whether this model is there already."""
        return self.start_of(position) in self._models

    def model(self, position: int) -> Any:
        """Return a model that is there."""
        start = self.start_of(position)
        return self._models[start][position - start]

    def add(self, start: int, models: list[Any]) -> None:
        """Take the models of a group that was missing."""
        self._models[start] = models

    def save(self, start: int) -> None:
        """Keep the models of a group in the store."""
        self._store.save(start, self._models[start])

    def in_order(self) -> list[Any]:
        """Return the models that are there, in the order of their seeds."""
        return [model for start in sorted(self._models) for model in self._models[start]]
