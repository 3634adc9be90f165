"""The rivals as candidates: every setting of each, and on which queries each of their certificates holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from knn_cert.datasets import Dataset

from ..common.choice import Candidate, Column
from .count_certificate import certified_rows, first_votes, ordered_labels, radius_votes
from .ridge import RidgeWeights, survived_flips

N_NEIGHBORS, RADIUS, RIDGE = "count, K-NN", "count, radius", "ridge, exact"

# Penalties in multiples of the mean eigenvalue of the Gram matrix: from almost none to almost nothing else.
_PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)


def count_candidates(
    distances: np.ndarray,
    labels: np.ndarray,
    truth: np.ndarray,
    *,
    n_classes: int,
    n_neighbors: Sequence[int],
    radii: Sequence[float],
    rows: Mapping[Column, int],
) -> Iterator[Candidate]:
    """Yield K-NN for each K and radius neighbours for each radius, with the count certificate.

    Parameters
    ----------
    distances : ndarray of shape (m, n)
    labels : ndarray of int, shape (n,)
        Classes 0..C-1, as those of `truth`, shape (m,).
    n_classes : int
        C.
    n_neighbors, radii : sequence
    rows : mapping of Column to int
        How many rows are tampered with, in whatever way.
    """
    ordered = ordered_labels(distances, labels)
    for k in n_neighbors:
        votes = first_votes(ordered, n_neighbors=k, n_classes=n_classes)
        yield _counted(N_NEIGHBORS, f"K = {k}", votes, truth, rows)
    for radius in radii:
        votes = radius_votes(distances, labels, radius=radius, n_classes=n_classes)
        yield _counted(RADIUS, f"radius {radius:g}", votes, truth, rows)


def ridge_candidates(
    data: Dataset,
    queries: np.ndarray,
    labels: np.ndarray,
    truth: np.ndarray,
    *,
    n_classes: int,
    rows: Mapping[Column, int],
) -> Iterator[Candidate]:
    """Yield ridge regression with its exact certificate against flipped labels; parameters as above."""
    for standardised, intercept in itertools.product((False, True), repeat=2):
        weights = RidgeWeights(data.X_train, standardised=standardised, intercept=intercept)
        for factor in _PENALTIES:
            penalty = factor * weights.mean_eigenvalue
            label, survives = survived_flips(
                weights.of(queries, penalty), labels, n_classes=n_classes, rows=list(rows.values())
            )
            parts = [f"penalty {penalty:.2g}", *["standardised"] * standardised, *["intercept"] * intercept]
            yield Candidate(RIDGE, ", ".join(parts), label == truth, dict(zip(rows, survives.T, strict=True)))


def spread_radii(distances: np.ndarray, shares: Sequence[float]) -> list[float]:
    """Return radii that hold these shares of the rows in the median query, of three digits."""
    held = np.quantile(distances, shares, axis=1)
    return sorted({float(f"{radius:.3g}") for radius in np.median(held, axis=1)})


def _counted(
    family: str, setting: str, votes: np.ndarray, truth: np.ndarray, rows: Mapping[Column, int]
) -> Candidate:
    label, survived = certified_rows(votes)
    holds = {column: survived >= count for column, count in rows.items()}
    return Candidate(family, setting, label == truth, holds)
