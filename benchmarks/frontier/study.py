"""What the frontier study asks: attackers and their budgets, settings of each data set, figures aimed at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from knn_cert.threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    Replacements,
    RowShift,
    Threat,
)

from ..common.choice import Column

SHARES = (0.001, 0.01, 0.05, 0.1)  # of the training rows, rounded up
MOVE = 1.0  # L2 norm by which each moved row is moved: that of the attack of RAB's experiments
BALLS = (1.0, 4.0, 16.0)  # radii of the ball over all rows together

FLIPS, REPLACED, DELETED, INSERTED = "labels flipped", "rows replaced", "rows deleted", "rows inserted"
MOVED, RELABELLED, BALL = f"rows moved by {MOVE:g}", f"rows moved by {MOVE:g}, relabelled", "ball, all rows"

# The number of rows is left open: one answer serves all budgets.
OPEN: Mapping[str, Threat] = {
    FLIPS: LabelFlips(),
    REPLACED: Replacements(),
    DELETED: Deletions(),
    INSERTED: Insertions(),
    BALL: BlackBoxBall(),
}
THREATS = (FLIPS, REPLACED, DELETED, INSERTED, MOVED, RELABELLED, BALL)


def share_name(share: float) -> str:
    """Return "10 %"."""
    return f"{100.0 * share:g} %"


def row_columns(n_rows: int) -> dict[Column, int]:
    """Columns of threats that count rows, and their numbers of rows."""
    return {
        Column(threat, share_name(share)): math.ceil(share * n_rows)
        for threat in THREATS
        if threat != BALL
        for share in SHARES
    }


def ball_columns() -> dict[Column, float]:
    """Columns of the ball, and their radii."""
    return {Column(BALL, f"radius {radius:g}"): radius for radius in BALLS}


def move(column: Column, rows: int) -> RowShift:
    """Return the threat of a column of moved rows."""
    return RowShift(rows, MOVE, relabel=column.threat == RELABELLED)


# K without noise, as far as the table has so many rows.
PLAIN_NEIGHBORS = (
    *(1, 5, 15, 31, 51, 101, 201, 301, 501, 701, 1001),
    *(1501, 2001, 2501, 3001, 4001, 5001, 7001, 10001),
)


class Grid(NamedTuple):
    """The settings that are tried on one data set."""

    sigmas: tuple[float, ...]
    plain: tuple[int, ...] = PLAIN_NEIGHBORS
    smoothed: tuple[int, ...] = (5, 15, 51, 151, 501, 1501)
    # Shares of the rows that the radii hold in the median query of the choosing half.
    held: tuple[float, ...] = (0.001, 0.003, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
    n_queries: int = 400
    # Test rows that plain K-NN alone is asked about, for the attackers of the figures aimed at; 0: none.
    more_queries: int = 0

    def quick(self) -> Grid:
        """Return a few settings for small stand-ins."""
        return self._replace(
            sigmas=self.sigmas[:1],
            plain=(1, 5, 51, 101),
            smoothed=(5,),
            held=(0.1, 0.4),
            n_queries=24,
            more_queries=40,
        )


# How much accuracy may be given up for certificates, below that of the best plain K-NN, where one figure has
# to do: a classifier that always says the same survives anything.
BELOW_BEST = 0.1

# The noise of a set: from what hardly changes who is near to what costs the accuracy that may be given up.
GRIDS = {
    "spambase": Grid(sigmas=(0.25, 1.0), smoothed=(5, 51, 501, 1501)),
    "spambase-log": Grid(sigmas=(0.1, 0.25, 0.5)),
    "mnist-01": Grid(sigmas=(1.0,), smoothed=(5, 501, 1501, 4001)),
    "mnist-68": Grid(sigmas=(1.0,), smoothed=(5, 501, 1501, 4001)),
    "mnist": Grid(sigmas=(1.0,), smoothed=(5,), n_queries=200),
    "cifar-airplane-bird": Grid(sigmas=(0.5,), smoothed=(5, 501, 1501, 4001), more_queries=2000),
    "cifar-automobile-dog": Grid(sigmas=(0.5,), smoothed=(5, 501, 1501, 4001)),
    "breast-cancer": Grid(sigmas=(0.25, 0.5, 1.0), smoothed=(5, 15, 51, 101, 201)),
    "magic04": Grid(sigmas=(0.25, 0.5), smoothed=(5, 51, 501, 2001, 5001)),
    "letter": Grid(sigmas=(1.0,), smoothed=(5,)),
}


class Goal(NamedTuple):
    """A figure aimed at: plain K-NN at this K certifies at least this share of the judged half."""

    n_neighbors: int
    column: Column
    share: float


GOALS = {
    "mnist-01": [Goal(3001, Column(REPLACED, "10 %"), 0.80)],
    "mnist-68": [Goal(4001, Column(REPLACED, "10 %"), 0.55)],
    "cifar-airplane-bird": [Goal(2001, Column(MOVED, "10 %"), 0.42)],
    "spambase-log": [
        Goal(1501, Column(REPLACED, "1 %"), 0.80),
        Goal(1501, Column(MOVED, "10 %"), 0.50),
    ],
}
