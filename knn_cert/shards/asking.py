"""Parts of a table, asked again with more near rows for the queries that are in doubt."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np

from .._types import BoolArray, WholeArray
from ..certificates import Certificates
from ..threats import Threat
from .needs import MOST_NEAR
from .summary import Summary

__all__ = ["MOST_NEAR", "Answer", "Ask", "DoubtWarning", "certify_asking", "warn_of_doubt"]

# So many times the near rows, whenever parts are asked again: each time costs a pass over the whole table.
_TIMES = 8

# While parts are put together, near rows are held about so often.
_COPIES = 4


class DoubtWarning(UserWarning):
    """Of some queries the whole table might certify more than what its parts have kept."""


class Answer(NamedTuple):
    """What all parts together say of some queries.

    Attributes
    ----------
    certificates : Certificates
    in_doubt : ndarray of bool
        Where more near rows would leave less in doubt.
    n_near : int
        How many near rows of each class were kept for every query, at least.
    most_rows : int
        How many rows the largest class has.
    """

    certificates: Certificates
    in_doubt: BoolArray
    n_near: int
    most_rows: int

    @classmethod
    def of(cls, summary: Summary, threat: Threat, n_neighbors: int, n_threads: int | None) -> Answer:
        """Return what the summary of all parts says."""
        certificates, in_doubt = summary.certify(threat, n_neighbors=n_neighbors, n_threads=n_threads)
        return cls(certificates, in_doubt, summary.least_near, int(summary.rows_of_classes.max(initial=0)))


class Ask(Protocol):
    """Asks all parts of a table, and puts their answers together."""

    def __call__(self, rows: WholeArray | None, n_near: int | None) -> Answer:
        """Answer for all queries, or some by their numbers; with n_near, by so many near rows at least."""


def certify_asking(
    ask: Ask,
    *,
    first_near: int | None = None,
    most_near: int = MOST_NEAR,
    most_bytes: int = 2**28,
) -> tuple[Certificates, BoolArray]:
    """Certify queries; ask again for those that are in doubt, until none is, or too many rows were kept.

    Parameters
    ----------
    ask : Ask
        For as many queries as one summary can hold.
    first_near : int, optional
        How many near rows of each class are asked for first; left out, what the vote needs.
    most_near : int
        No more near rows of each class are asked for.
    most_bytes : int
        About what the summaries may take that are asked for again; more queries are asked for one after the
        other.

    Returns
    -------
    Certificates, ndarray of bool
        Of which queries more near rows would leave less in doubt.
    """
    certificates, in_doubt, n_near, most_rows = ask(None, first_near)
    largest = min(most_near, most_rows)
    bytes_a_row = 8 * len(certificates.classes) * _COPIES
    while in_doubt.any() and n_near < largest:
        n_near = min(_TIMES * max(1, n_near), largest)
        at_once = max(1, most_bytes // (n_near * bytes_a_row))
        in_doubt = in_doubt.copy()
        for rows in _groups(np.flatnonzero(in_doubt), at_once):
            better = ask(rows, n_near)
            certificates = _with(certificates, rows, better.certificates)
            in_doubt[rows] = better.in_doubt
    return certificates, in_doubt


def warn_of_doubt(n_in_doubt: int, n_queries: int, n_near: int) -> None:
    """Say of how many queries the budgets may be smaller than those of the whole table."""
    if n_in_doubt:
        warnings.warn(
            f"{n_in_doubt} of {n_queries} queries: what is certified holds, but the whole table might "
            f"certify more; its parts have kept the {n_near} nearest rows of each class at most",
            DoubtWarning,
            stacklevel=3,
        )


def _groups(rows: WholeArray, size: int) -> Iterator[WholeArray]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _with(certificates: Certificates, rows: WholeArray, better: Certificates) -> Certificates:
    """Return certificates in which those of some queries are others."""
    changed = {}
    for name in certificates.PER_QUERY:
        if name != "query":  # which numbers them
            changed[name] = getattr(certificates, name).copy()
            changed[name][rows] = getattr(better, name)
    return dataclasses.replace(certificates, **changed)
