"""The count certificate of plain K-NN (Jia et al., AAAI 2022): how many rows its prediction survives.

A row inserted, deleted or modified changes the K nearest by at most one row: one vote less for the predicted
class a, one more for its rival b. With s_a and s_b votes, e rows leave a in front as long as
s_a - e > s_b + e, or = where a tie goes to a: e <= (s_a - s_b - [a > b]) / 2, for every rival b. No noise, no
probability; and never more than K / 2 rows.
"""

from __future__ import annotations

import itertools

import numpy as np

from ..common.report import require


def plain_votes(distances: np.ndarray, labels: np.ndarray, *, n_neighbors: int, n_classes: int) -> np.ndarray:
    """Votes of the K nearest rows, (m, C); rows at one distance come in the order of the table.

    Parameters
    ----------
    distances : ndarray of shape (m, n)
    labels : ndarray of int, shape (n,)
        Classes 0..C-1.
    """
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
    return (labels[nearest][:, :, None] == np.arange(n_classes)).sum(axis=1)


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
    label = votes.argmax(axis=1)
    classes = np.arange(votes.shape[1])
    own = np.take_along_axis(votes, label[:, None], axis=1)
    budget = (own - votes - (label[:, None] > classes)) // 2
    budget[np.arange(len(votes)), label] = np.iinfo(budget.dtype).max
    return label, budget.min(axis=1)


def check_certificate(n_tables: int = 60, seed: int = 0) -> int:
    """Compare with every tampering of tiny tables; return how many were looked at.

    Raises
    ------
    Disagreement
        If one within the budget changes a prediction, or none of one modified row more does.
    """
    rng = np.random.default_rng(seed)
    looked_at = 0
    for _ in range(n_tables):
        n_classes, n_neighbors = int(rng.integers(2, 4)), int(rng.integers(1, 5))
        n = n_neighbors + 3
        distances = rng.integers(0, 4, size=n) + 0.5
        # Mostly one class, at random which: evenly mixed rows would survive nothing.
        others = (rng.random(n) < 0.2) * rng.integers(1, n_classes, size=n)
        labels = (rng.integers(n_classes) + others) % n_classes
        label, rows = _certify(distances, labels, n_neighbors, n_classes)
        for tampered in _tamperings(distances, labels, rows, n_classes):
            looked_at += 1
            got, _ = _certify(*tampered, n_neighbors, n_classes)
            require(got == label, f"plain K-NN, {rows} rows: {distances}, {labels} became {tampered}")
        # Nobody has more than all rows to modify; K = 1 wins with any single row.
        beyond = _modifications(distances, labels, rows + 1, n_classes)
        flipped = any(_certify(*t, n_neighbors, n_classes)[0] != label for t in beyond)
        require(flipped, f"plain K-NN: no {rows + 1} modified rows change {distances}, {labels}")
    return looked_at


def _certify(distances, labels, n_neighbors: int, n_classes: int) -> tuple[int, int]:
    votes = plain_votes(distances[None, :], labels, n_neighbors=n_neighbors, n_classes=n_classes)
    label, rows = certified_rows(votes)
    return int(label[0]), int(rows[0])


# Where a tampered row may lie: at the query, among the rows (0.5 to 3.5, and between them), far away.
_PLACES = (0.0, 1.0, 9.0)


def _tamperings(distances, labels, count: int, n_classes: int):
    yield from _modifications(distances, labels, count, n_classes)
    for rows in itertools.combinations(range(len(labels)), count):
        yield np.delete(distances, rows), np.delete(labels, rows)
    for new in itertools.product(itertools.product(_PLACES, range(n_classes)), repeat=count):
        places, classes = zip(*new, strict=True) if new else ((), ())
        for first in (True, False):  # rows at one distance count in the order of the table
            order = slice(None, None, -1) if first else slice(None)
            yield (
                np.concatenate([distances, places][order]).astype(float),
                np.concatenate([labels, classes][order]).astype(int),
            )


def _modifications(distances, labels, count: int, n_classes: int):
    for rows in itertools.combinations(range(len(labels)), count):
        for new in itertools.product(itertools.product(_PLACES, range(n_classes)), repeat=count):
            moved, relabelled = distances.copy(), labels.copy()
            for row, (place, label) in zip(rows, new, strict=True):
                moved[row], relabelled[row] = place, label
            yield moved, relabelled
