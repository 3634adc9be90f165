"""What a vote and a threat need of each part of a table, and which threats parts can answer for.

A part leaves its nearest rows of each class one by one, and sums over the others. That is enough

* for the vote itself, and with it for the ball of the whole table;
* for flipped labels, deleted, inserted and replaced rows: the worst case changes the nearest rows alone;
* without noise for moved rows: where more rows move than are kept, all of them are taken to move.

With noise, an even K, and labels that tampered rows may bring though the table has none of them, what is
certified is a strict majority: sound, and sometimes less than with the whole table.

It is not enough where rows that are known by sums alone are moved under noise, where the query moves (without
noise its certificate compares training rows with one another), or where more than two classes vote with noise
and rows are changed: what such rows cost is worked out row by row. These threats are refused.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .. import kernels
from ..gate.errors import InvalidInput
from ..gate.numbers import is_whole_number
from ..kernels.summaries import SummaryKernel
from ..threats import BlackBoxBall, Deletions, RowShift, Threat
from ..threats.rows import RowBudget

__all__ = [
    "MOST_NEAR",
    "Needs",
    "bytes_of_summary",
    "check_offered",
    "first_near",
    "needs_of",
    "summary_kernel",
]

# Near rows a query and class beyond which nobody is asked again: 128 kB of distances.
MOST_NEAR = 1 << 14

# Rows of each class that are kept beside those that the vote needs, where budgets are open: a first guess.
_SPARE = 64


# What far rows of one class leave to a query, at most: 16 moments for each of some 40 pieces.
_FAR_BYTES = 6 << 10

# Far rows leave little in doubt beside so many times the near rows that a vote needs, and who asks the
# parts again waits for all of them.
_MORE_NEAR = 8


def summary_kernel() -> SummaryKernel:
    """Return the functions of the compiled kernel that know summaries.

    Raises
    ------
    ImportError
        If there is none.
    """
    kernel = kernels.get_backend("native").summaries
    if kernel is None:
        raise ImportError("the native backend knows no summaries; reinstall knn-cert")
    return kernel


def bytes_of_summary(n_near: int, n_classes: int, *, with_far: bool) -> int:
    """Return about what a summary weighs for each query, at most: a list keeps a quarter more than asked."""
    return n_classes * (10 * n_near + (_FAR_BYTES if with_far else 0))


class Needs(NamedTuple):
    """What each part keeps of its rows.

    Attributes
    ----------
    n_near : int
        How many of the nearest rows of each class.
    far_kind : str
        What the others leave, see `knn_cert.kernels.summaries.SummaryKernel`.
    """

    n_near: int
    far_kind: str


def needs_of(
    kernel: SummaryKernel, *, n_neighbors: int, n_classes: int, sigma: float, threat: Threat | None
) -> Needs:
    """Return what each part keeps for a vote of K neighbours, and for a threat if there is one."""
    rows = getattr(threat, "rows", None)
    known = int(rows) if is_whole_number(rows) else None
    if sigma == 0.0:
        # no more than K flipped, inserted or replaced rows are ever survived
        more = 0 if threat is None else n_neighbors if known is None else min(known, n_neighbors)
        if isinstance(threat, (Deletions, RowShift)):
            more = max(more, known or 0) + _SPARE
        return Needs(n_neighbors + more, "none")
    n_near, by_contours = kernel.needs_of_vote(n_classes, n_neighbors)
    n_near = _SPARE if by_contours else _MORE_NEAR * n_near
    if isinstance(threat, RowBudget):
        n_near += _SPARE if known is None else known
    return Needs(n_near, "all" if by_contours else "counting")


def first_near(threat: Threat, sigma: float, n_rows: int) -> int | None:
    """Return how many near rows of each class are asked for first, None for what the vote needs.

    Budgets that are open grow with the table, and who was too modest reads all of it again. Little more than
    half of what is kept at most is not worth a second reading.
    """
    grows = (
        isinstance(threat, RowBudget) and threat.is_open and (sigma > 0.0 or isinstance(threat, Deletions))
    )
    if not grows:
        return None
    n_near = 4 * math.isqrt(n_rows)
    return n_near if 2 * n_near <= MOST_NEAR else MOST_NEAR


def check_offered(threat: Threat, *, sigma: float, n_classes: int) -> None:
    """Refuse a threat that parts of a table cannot answer for.

    Raises
    ------
    InvalidInput
        With the reason.
    """
    offered = "LabelFlips, Deletions, Insertions and Replacements"
    if isinstance(threat, RowBudget):
        if sigma > 0.0 and n_classes > 2:
            raise InvalidInput(
                f"{threat!r} is not certified for a table in parts with noise and {n_classes} classes: what "
                "rows cost each rival is worked out row by row; take sigma=0, or certify with the whole table"
            )
        return
    if isinstance(threat, BlackBoxBall):
        if sigma > 0.0 or threat.rows is not None or n_classes == 2:
            return
        raise InvalidInput(
            f"{threat!r} is not certified for a table in parts without noise and {n_classes} classes; give "
            f"the ball a number of rows, take sigma > 0, or ask for {offered}"
        )
    if isinstance(threat, RowShift) and sigma == 0.0:
        return
    remedy = f"take sigma=0, or ask for {offered}" if isinstance(threat, RowShift) else f"ask for {offered}"
    raise InvalidInput(
        f"{threat!r} is not certified for a table in parts: rows that are known by sums alone would have to "
        f"be compared one by one; {remedy}, or certify with the whole table"
    )
