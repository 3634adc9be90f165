"""Parts of a table, asked again with more near rows for the queries that are in doubt."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from .._types import BoolArray, FloatArray, WholeArray
from ..certificates import Certificates
from ..threats import Threat
from .needs import check_offered
from .summary import Summary

__all__ = ["MOST_NEAR", "Ask", "DoubtWarning", "certify_asking", "warn_of_doubt"]

# Near rows a query and class beyond which nobody is asked again: 128 kB of distances.
MOST_NEAR = 1 << 14

# So many times the near rows, whenever parts are asked again: each time costs a pass over the whole table.
_TIMES = 8

# While parts are put together, near rows are held about so often.
_COPIES = 4


class DoubtWarning(UserWarning):
    """Of some queries the whole table might certify more than what its parts have kept."""


class Ask(Protocol):
    """Asks all parts of a table, and puts their answers together."""

    def __call__(self, queries: FloatArray, n_near: int | None) -> Summary:
        """Return the summary of the whole table; with n_near, at least so many near rows of each class."""


def certify_asking(
    ask: Ask,
    queries: FloatArray,
    threat: Threat,
    *,
    n_neighbors: int,
    first_near: int | None = None,
    most_near: int = MOST_NEAR,
    most_bytes: int = 2**28,
    n_threads: int | None = None,
) -> tuple[Certificates, BoolArray]:
    """Certify queries; ask again for those that are in doubt, until none is, or too many rows were kept.

    Parameters
    ----------
    ask : Ask
    queries : ndarray of shape (m, d)
        As many as one summary can hold.
    threat : threat
    n_neighbors : int
    first_near : int, optional
        How many near rows of each class are asked for first; left out, what the vote needs.
    most_near : int
        No more near rows of each class are asked for.
    most_bytes : int
        About what the summaries may take that are asked for again; more queries are asked for one after the
        other.
    n_threads : int, optional

    Returns
    -------
    Certificates, ndarray of bool
        Of which queries more near rows would leave less in doubt.
    """
    summary = ask(queries, first_near)
    check_offered(threat, sigma=summary.asked.sigma, n_classes=len(summary.classes))
    certificates, in_doubt = summary.certify(threat, n_neighbors=n_neighbors, n_threads=n_threads)
    n_near, largest = summary.n_near, min(most_near, int(summary.rows_of_classes.max(initial=0)))
    bytes_a_row = 8 * len(summary.classes) * _COPIES
    del summary
    while in_doubt.any() and n_near < largest:
        n_near = min(_TIMES * n_near, largest)
        at_once = max(1, most_bytes // (n_near * bytes_a_row))
        for rows in _groups(np.flatnonzero(in_doubt), at_once):
            summary = ask(np.ascontiguousarray(queries[rows]), n_near)
            better, still = summary.certify(threat, n_neighbors=n_neighbors, n_threads=n_threads)
            certificates = _with(certificates, rows, better)
            in_doubt[rows] = still
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
