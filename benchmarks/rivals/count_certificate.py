"""The count certificate of plain K-NN and radius neighbours (Jia et al., AAAI 2022): rows a vote survives.

A row inserted, deleted or modified takes at most one vote from the predicted class a and gives at most one to
a rival b: of K-NN since it changes the K nearest by at most one row, of radius neighbours since it is one
voter. With s_a and s_b votes, e rows leave a in front as long as s_a - e > s_b + e, or = where a tie goes to
a: e <= (s_a - s_b - [a > b]) / 2, for every rival b. No noise, no probability; of K-NN never more than K / 2
rows. It is the same number for tables of any number of classes, and for any mixture of insertions, deletions
and modifications: the tampered table has at most e rows that the other has not, and lacks at most e of its
rows.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "certified_rows",
    "first_votes",
    "ordered_labels",
    "plain_votes",
    "radius_votes",
    "votes_needed",
]


def plain_votes(distances: np.ndarray, labels: np.ndarray, *, n_neighbors: int, n_classes: int) -> np.ndarray:
    """Votes of the K nearest rows, (m, C); rows at one distance come in the order of the table.

    Parameters
    ----------
    distances : ndarray of shape (m, n)
    labels : ndarray of int, shape (n,) or (m, n)
        Classes 0..C-1.
    """
    return first_votes(ordered_labels(distances, labels), n_neighbors=n_neighbors, n_classes=n_classes)


def ordered_labels(distances: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels of the rows by their distance, (m, n), for several K; parameters as in `plain_votes`."""
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(np.broadcast_to(labels, distances.shape), order, axis=1)


def first_votes(ordered: np.ndarray, *, n_neighbors: int, n_classes: int) -> np.ndarray:
    """Votes of the first K of `ordered_labels`, (m, C)."""
    voting = ordered[:, :n_neighbors]
    return np.stack([(voting == c).sum(axis=1) for c in range(n_classes)], axis=1)


def radius_votes(distances: np.ndarray, labels: np.ndarray, *, radius: float, n_classes: int) -> np.ndarray:
    """Votes of all rows within a radius, (m, C); parameters as in `plain_votes`.

    Where no row is within it, no class has a vote, which is a tie of all classes.
    """
    within = distances <= radius
    return np.stack([(within & (labels == c)).sum(axis=1) for c in range(n_classes)], axis=1)


def votes_needed(votes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Prediction of each query, ties to the lowest class, and the votes by which some rival has to catch up.

    Parameters
    ----------
    votes : ndarray of int, shape (m, C)

    Returns
    -------
    label, needed : ndarray of int, shape (m,)
        The prediction changes if and only if votes taken from it and votes given to one rival add up to
        `needed` of that rival; this is the smallest of them, at least 1.
    """
    label = votes.argmax(axis=1)
    classes = np.arange(votes.shape[1])
    own = np.take_along_axis(votes, label[:, None], axis=1)
    needed = own - votes + (label[:, None] < classes)
    needed[np.arange(len(votes)), label] = np.iinfo(needed.dtype).max
    return label, needed.min(axis=1)


def certified_rows(votes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Prediction of each query, ties to the lowest class, and the number of rows that it survives.

    Parameters
    ----------
    votes : ndarray of int, shape (m, C)

    Returns
    -------
    label, rows : ndarray of int, shape (m,)
        The prediction is the same for every table that differs by at most so many rows inserted, deleted or
        modified. Exact for modified rows, a lower bound for the others.
    """
    label, needed = votes_needed(votes)
    return label, (needed - 1) // 2
