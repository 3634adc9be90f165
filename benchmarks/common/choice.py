"""Settings chosen on one half of the queries, figures from the other: none is judged where it was chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


class Halves(NamedTuple):
    """The queries on which settings are chosen, and those that are judged."""

    chosen: slice
    judged: slice

    @classmethod
    def of(cls, n_queries: int) -> Halves:
        """Return the two halves of queries that are in random order."""
        return cls(slice(0, n_queries // 2), slice(n_queries // 2, n_queries))


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

    def score(self, halves: Halves) -> Score:
        """Return the shares of both halves."""
        return Score(
            self.family,
            self.setting,
            _shares(self.right, halves),
            {column: _shares(self.right & holds, halves) for column, holds in self.holds.items()},
        )


class Shares(NamedTuple):
    """A share of the choosing half and of the judged half."""

    chosen: float
    judged: float


class Score(NamedTuple):
    """Shares of a candidate: predicted right, and predicted right and certified."""

    family: str
    setting: str
    accuracy: Shares
    certified: Mapping[Column, Shares]


def draw_queries(data: Dataset, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most so many test rows in random order, and their labels."""
    order = np.random.default_rng(SEED).permutation(len(data.X_test))[:limit]
    return data.X_test[order], data.y_test[order]


def best(scores: Iterable[Score], column: Column, floor: float = 0.0) -> Score | None:
    """Return who certifies most on the choosing half among those of at least this accuracy there.

    Among equals the more accurate one; None if nobody is that accurate or has such a certificate.
    """
    able = [s for s in scores if column in s.certified and s.accuracy.chosen >= floor - _SAME_SHARE]
    return max(able, key=lambda s: (s.certified[column].chosen, s.accuracy.chosen), default=None)


def frontier(scores: Iterable[Score], column: Column) -> list[Score]:
    """Return those whom nobody beats in accuracy and in certificates on the choosing half, by accuracy."""
    able = [s for s in scores if column in s.certified]
    able.sort(key=lambda s: (s.accuracy.chosen, s.certified[column].chosen), reverse=True)
    kept: list[Score] = []
    for one in able:
        if not kept or one.certified[column].chosen > kept[-1].certified[column].chosen:
            kept.append(one)
    return kept[::-1]


def cell(scores: Iterable[Score], column: Column, n_judged: int, floor: float = 0.0) -> str:
    """Return "certified (95 % interval) at accuracy; setting" of the judged half for the best of them."""
    able = [s for s in scores if column in s.certified]
    if not able:
        return "no certificate"
    found = best(able, column, floor)
    if found is None:
        return "none so accurate"
    certified = found.certified[column].judged
    return f"{certified:.3f} ({wilson(certified, n_judged)}) at {found.accuracy.judged:.3f}; {found.setting}"


def _shares(which: np.ndarray, halves: Halves) -> Shares:
    return Shares(float(np.mean(which[halves.chosen])), float(np.mean(which[halves.judged])))
