"""Settings chosen on one half of the queries, figures from the other: none is judged where it was chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from knn_cert.datasets import Dataset

from .report import SEED, wilson

# Shares of at most a million queries are further apart than this; sums of floats are not.
_SAME_SHARE = 1e-9


class Column(NamedTuple):
    """What is asked of a certificate: what the attacker does, and how much of it."""

    threat: str
    budget: str


class Candidate(NamedTuple):
    """One classifier at one setting, and how it does on each query.

    Attributes
    ----------
    family : str
        What kind of classifier; settings are chosen within a family.
    setting : str
    right : ndarray of bool, shape (m,)
        Whether the query is predicted right.
    holds : mapping of Column to ndarray of bool, shape (m,)
        Whether the prediction is certified; a threat that the family has no certificate for is not there.
    """

    family: str
    setting: str
    right: np.ndarray
    holds: Mapping[Column, np.ndarray]

    def accuracy(self, queries: slice) -> float:
        """Return the share of these queries that is predicted right."""
        return float(np.mean(self.right[queries]))

    def certified(self, column: Column, queries: slice) -> float:
        """Return the share of these queries that is predicted right and certified."""
        return float(np.mean((self.right & self.holds[column])[queries]))


class Halves(NamedTuple):
    """The queries on which settings are chosen, and those that are judged."""

    chosen: slice
    judged: slice
    n_judged: int

    @classmethod
    def of(cls, n_queries: int) -> Halves:
        """Return the two halves of queries that are in random order."""
        half = n_queries // 2
        return cls(slice(0, half), slice(half, n_queries), n_queries - half)


def draw_queries(data: Dataset, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most so many test rows in random order, and their labels."""
    order = np.random.default_rng(SEED).permutation(len(data.X_test))[:limit]
    return data.X_test[order], data.y_test[order]


def best(
    candidates: Iterable[Candidate], column: Column, halves: Halves, floor: float = 0.0
) -> Candidate | None:
    """Return who certifies most on the choosing half among those of at least this accuracy there.

    Among equals the more accurate one; None if nobody is that accurate or has such a certificate.
    """
    able = [c for c in candidates if column in c.holds and c.accuracy(halves.chosen) >= floor - _SAME_SHARE]
    return max(
        able,
        key=lambda c: (c.certified(column, halves.chosen), c.accuracy(halves.chosen)),
        default=None,
    )


def frontier(candidates: Sequence[Candidate], column: Column, halves: Halves) -> list[Candidate]:
    """Return those whom nobody beats in accuracy and in certificates on the choosing half, by accuracy."""
    able = [c for c in candidates if column in c.holds]
    able.sort(key=lambda c: (c.accuracy(halves.chosen), c.certified(column, halves.chosen)), reverse=True)
    kept: list[Candidate] = []
    for one in able:
        if not kept or one.certified(column, halves.chosen) > kept[-1].certified(column, halves.chosen):
            kept.append(one)
    return kept[::-1]


def cell(candidates: Iterable[Candidate], column: Column, halves: Halves, floor: float) -> str:
    """Return "certified (95 % interval) at accuracy; setting" of the judged half for the best candidate."""
    found = best(candidates, column, halves, floor)
    if found is None:
        return "none"
    certified = found.certified(column, halves.judged)
    interval = wilson(certified, halves.n_judged)
    return f"{certified:.3f} ({interval}) at {found.accuracy(halves.judged):.3f}; {found.setting}"
