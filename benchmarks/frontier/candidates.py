"""The package's classifiers as candidates: every setting, and on which queries each certificate holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from knn_cert import Certificates, SmoothedKNNClassifier
from knn_cert.threats import Threat

from ..common.choice import Candidate, Column, Score
from .study import (
    BALL,
    BELOW_BEST,
    MOVE,
    MOVED,
    OPEN,
    RELABELLED,
    REPLACED,
    ball_columns,
    move,
    row_columns,
)

PLAIN, SMOOTHED, RADIUS = "plain K-NN", "smoothed K-NN", "radius neighbours"


class Asked(NamedTuple):
    """A training table, and queries in random order with their labels."""

    X: np.ndarray
    y: np.ndarray
    queries: np.ndarray
    truth: np.ndarray

    def fitted(self, **parameters) -> SmoothedKNNClassifier:
        """Fit a classifier to the table: the labels that it has are all that an attacker can use."""
        return SmoothedKNNClassifier(classes=np.unique(self.y), **parameters).fit(self.X, self.y)


def floor(scores: Iterable[Score]) -> float:
    """Return the accuracy on the choosing half below which no setting is chosen, from that of plain K-NN."""
    return max(s.accuracy.chosen for s in scores if s.family == PLAIN) - BELOW_BEST


def plain_candidates(asked: Asked, n_neighbors: Sequence[int]) -> Iterator[Candidate]:
    """Yield K-NN without noise for each K."""
    grid = asked.fitted(sigma=0.0).certify_grid(
        asked.queries, n_neighbors=n_neighbors, threats=_every_threat(len(asked.X))
    )
    for k in n_neighbors:
        found = {point.threat: c for point, c in grid.items() if point.n_neighbors == k}
        yield _from_all(PLAIN, f"K = {k}", found, asked)


def radius_candidates(asked: Asked, radii: Iterable[float]) -> Iterator[Candidate]:
    """Yield radius neighbours without noise for each radius."""
    for radius in radii:
        grid = asked.fitted(radius=radius, sigma=0.0).certify_grid(
            asked.queries, threats=_every_threat(len(asked.X))
        )
        yield _from_all(RADIUS, f"radius {radius:g}", {point.threat: c for point, c in grid.items()}, asked)


def smoothed_candidates(
    asked: Asked, n_neighbors: Sequence[int], sigmas: Sequence[float]
) -> Iterator[Candidate]:
    """Yield K-NN with noise for each K and sigma; moved rows are asked only where nothing else decides."""
    classifier = asked.fitted()
    for k in n_neighbors:
        for sigma in sigmas:
            grid = classifier.certify_grid(
                asked.queries, n_neighbors=[k], sigma=[sigma], threats=list(OPEN.values())
            )
            by_name = dict(zip(OPEN, grid.values(), strict=True))
            right = by_name[BALL].label == asked.truth
            holds = _open_columns(by_name, len(asked.X))
            classifier.set_params(n_neighbors=k, sigma=sigma)
            _add_moves(holds, classifier, asked, right, by_name[BALL])
            yield Candidate(SMOOTHED, f"K = {k}, sigma {sigma:g}", right, holds)


def _every_threat(n_rows: int) -> list[Threat]:
    moves = [move(c, rows) for c, rows in row_columns(n_rows).items() if c.threat in (MOVED, RELABELLED)]
    return [*OPEN.values(), *moves]


def _from_all(family: str, setting: str, found: Mapping[Threat, Certificates], asked: Asked) -> Candidate:
    holds = _open_columns({name: found[threat] for name, threat in OPEN.items()}, len(asked.X))
    for column, rows in row_columns(len(asked.X)).items():
        if column not in holds:
            holds[column] = found[move(column, rows)].certified(MOVE)
    return Candidate(family, setting, found[OPEN[BALL]].label == asked.truth, holds)


def _open_columns(by_name: Mapping[str, Certificates], n_rows: int) -> dict[Column, np.ndarray]:
    """Answer the columns of threats whose budget was left open."""
    budgets = row_columns(n_rows) | ball_columns()
    return {c: by_name[c.threat].certified(budget) for c, budget in budgets.items() if c.threat in by_name}


def _add_moves(
    holds: dict[Column, np.ndarray],
    classifier: SmoothedKNNClassifier,
    asked: Asked,
    right: np.ndarray,
    ball: Certificates,
) -> None:
    """Answer the columns of moved rows; of wrong predictions they say False, for nobody counts them.

    A certificate against replaced rows covers rows that are moved and relabelled, that one covers rows that
    are moved, and so does the ball that holds them all. What is certified for more rows is for fewer, so the
    largest number is found by halving.
    """
    rows = [count for column, count in row_columns(len(asked.X)).items() if column.threat == MOVED]
    names = [column.budget for column in row_columns(len(asked.X)) if column.threat == MOVED]
    sure = [right & holds[Column(REPLACED, name)] for name in names]
    for threat in (RELABELLED, MOVED):
        if threat == MOVED:
            radii = MOVE * np.sqrt(rows) * _UP
            sure = [s | (right & ball.certified(radius)) for s, radius in zip(sure, radii, strict=True)]
        columns = [Column(threat, name) for name in names]
        least = np.max([(i + 1) * s for i, s in enumerate(sure)], axis=0)
        most = _most(columns, rows, classifier, asked, np.where(right, least, 0), right)
        sure = [most > i for i in range(len(rows))]
        holds.update(zip(columns, sure, strict=True))


def _most(
    columns: Sequence[Column],
    rows: Sequence[int],
    classifier: SmoothedKNNClassifier,
    asked: Asked,
    least: np.ndarray,
    right: np.ndarray,
) -> np.ndarray:
    """Return how many of the columns, from the first on, each right prediction is certified for."""
    low, high = least, np.where(right, len(rows), 0)
    while (open_ones := np.flatnonzero(low < high)).size:
        tried = (low[open_ones] + high[open_ones] + 1) // 2
        for count in np.unique(tried):
            queries = open_ones[tried == count]
            threat = move(columns[count - 1], rows[count - 1])
            certified = classifier.certify(asked.queries[queries], threat).certified(MOVE)
            low[queries[certified]] = count
            high[queries[~certified]] = count - 1
    return low


# The square root and the product are each rounded by half an eps.
_UP = 1.0 + 4.0 * float(np.finfo(np.float64).eps)
