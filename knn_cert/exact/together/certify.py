"""One attack on all queries: certificates one by one in, the most queries that change together out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike

from ..._types import BoolArray, WholeArray
from ...certificates import Certificates
from ...certificates.summary import equal_labels
from ...gate.errors import InvalidInput
from ...gate.numbers import as_radius
from ...threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
)
from ...threats.base import check_threat
from ...threats.rows import RowBudget
from ..measured import Measured
from .arrivals import arrivals_needed, most_changed_by_labels
from .program import Program
from .reach import Vote, deletion_demands, flip_demands
from .result import Together
from .search import Bounds, most_changed
from .trial import Trial, nearest_rows

__all__ = ["TogetherThreat", "certify_together", "check_together"]

TogetherThreat = LabelFlips | Deletions | Replacements

_KINDS = get_args(TogetherThreat)

# Why others are refused.
_REASONS = {
    Insertions: "one inserted row can be among the nearest of every query, so that one attack on all is as "
    "strong as attacks one by one; certify() says all that is known",
    RowShift: "a moved row can leave some queries and come near to others, for which no bound on one attack "
    "is worked out; certify() holds for every query",
    QueryShift: "every query is moved by itself, so that certificates one by one hold together as they are; "
    "use certify()",
    BlackBoxBall: "it limits how far the table moves, not how many rows do; name a number of rows with "
    "one of these threats, or use certify()",
}


def check_together(threat: object) -> TogetherThreat:
    """Return a threat that is certified for several queries together.

    Raises
    ------
    TypeError
        If it is no threat, or one for which there is no such certificate.
    InvalidInput
        If it leaves its number of rows open.
    """
    for kind, reason in _REASONS.items():
        if isinstance(threat, kind):
            names = ", ".join(one.__name__ for one in _KINDS)
            raise TypeError(f"one attack on all queries is certified for {names}, not {threat!r}: {reason}")
    checked: TogetherThreat = check_threat(threat, _KINDS)
    if checked.rows is None:
        name = type(checked).__name__
        raise InvalidInput(
            f"{checked!r} leaves its number of rows open; one attack on all queries needs one, such as "
            f"{name}(rows=10) or {name}(rows=0.01)"
        )
    return checked


def certify_together(
    alone: Certificates,
    parts: Iterable[Measured],
    vote: Vote,
    threat: RowBudget,
    y_true: ArrayLike | None = None,
    seconds: float = 5.0,
) -> Together:
    """Bound how many predictions of K-NN without noise one attack changes.

    Parameters
    ----------
    alone : Certificates
        Of all queries, for the same kind of threat with its number of rows left open.
    parts : iterable of Measured
        Distances of the queries in their order, some at a time.
    vote : Vote
        What decides the votes.
    threat : threat
        As `check_together` returns it.
    y_true : array_like of shape (n_queries,), optional
        True labels; without them nothing is said about accuracy.
    seconds : float
        For about how long smaller bounds are looked for, for all queries and again for those that are right.
        A bound holds whenever the search ends: it is proven, step by step, without trust in any solver.

    Returns
    -------
    Together

    Raises
    ------
    TypeError, ValueError
        If there are no queries, seconds is no number >= 0, or y_true does not fit, as `Certificates.summary`
        says it.
    """
    if len(alone) == 0:
        raise InvalidInput("an attack on all queries needs at least one query, got none")
    seconds = as_radius(seconds, "seconds")
    right = None if y_true is None else equal_labels(alone.label, y_true, alone.classes)
    rows = threat.tampered_rows(alone.n_train)
    unsure = np.array(alone.abstained)
    if rows > threat.most_rows(alone.n_train, vote.n_neighbors):
        unsure[:] = True  # so many rows are certified for nobody
    is_open = ~unsure & (alone.budget < rows)
    targets = np.searchsorted(alone.classes, alone.label)
    problem = _Problem.of(parts, targets, alone.budget.astype(np.int64), is_open, vote, threat, rows)

    changed = problem.most(np.ones(np.count_nonzero(is_open), dtype=bool), seconds)
    right_at_least = None
    if right is not None:
        changed_right = changed.at_most
        if not right[is_open].all():
            # those that are right, among all that change, are not more than all
            changed_right = min(changed_right, problem.most(right[is_open], seconds).at_most)
        right_at_least = int(np.count_nonzero(right & ~unsure)) - changed_right
    return Together(
        changed_at_most=int(np.count_nonzero(unsure)) + changed.at_most,
        changed_at_least=changed.at_least,
        right_at_least=right_at_least,
        alone=alone,
        threat=threat,
    )


class _Problem(NamedTuple):
    """The open queries: those that an attack can change, as far as their certificates alone say.

    Attributes
    ----------
    trial : Trial
        Real attacks on them.
    program : Program or None
        What each query demands of an attack; None for replaced rows.
    needed : ndarray of int, shape (n_open,)
        How many rows must come with other labels, for replaced rows.
    """

    trial: Trial
    program: Program | None
    needed: WholeArray

    @classmethod
    def of(
        cls,
        parts: Iterable[Measured],
        targets: WholeArray,
        budgets: WholeArray,
        is_open: BoolArray,
        vote: Vote,
        threat: RowBudget,
        rows: int,
    ) -> _Problem:
        """Measure the open queries, chunk by chunk."""
        deletes = isinstance(threat, Deletions)
        orders, demands, needed, labels = [], [], [np.zeros(0, dtype=np.int64)], np.zeros(0, dtype=np.int64)
        start = 0
        for part in parts:
            chosen = np.flatnonzero(is_open[start : start + len(part)])
            labels = part.labels
            chunk = Measured(part.distances[chosen], part.labels, part.relative_error)
            depth = min(vote.n_neighbors + rows, part.n_rows) if deletes else vote.n_neighbors
            orders.append(nearest_rows(chunk, depth))
            of_chunk = chunk, targets[start + chosen], budgets[start + chosen], vote
            if isinstance(threat, Replacements):
                needed.append(arrivals_needed(chunk, of_chunk[1], vote, rows))
            else:
                demands.append(deletion_demands(*of_chunk, rows) if deletes else flip_demands(*of_chunk))
            start += len(part)
        trial = Trial(
            order=np.concatenate([order for order, _ in orders]),
            told_apart=np.concatenate([told_apart for _, told_apart in orders]),
            labels=labels,
            targets=targets[is_open],
            needs=budgets[is_open] + 1,
            vote=vote,
            rows=rows,
            deletes=deletes,
        )
        program = Program.of_parts(demands, rows) if demands else None
        return cls(trial, program, np.concatenate(needed))

    def most(self, counted: BoolArray, seconds: float) -> Bounds:
        """Bound how many of some of the queries one attack changes."""
        trial = self.trial.of(counted)
        if self.program is not None:
            return most_changed(self.program.of(counted), trial.changed, seconds)
        # flipped labels are replaced rows too
        reached = trial.changed(np.zeros(len(trial)))
        return Bounds(
            most_changed_by_labels(self.needed[counted], trial.targets, trial.vote, trial.rows), reached
        )
