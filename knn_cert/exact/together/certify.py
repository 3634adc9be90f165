"""One attack on all queries: certificates one by one in, the most queries that change together out."""

from __future__ import annotations

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
from .program import Demands, Program
from .reach import Vote, deletion_demands, flip_demands
from .result import Together
from .search import Bounds, most_changed
from .trial import Trial, nearest_rows

__all__ = ["OpenQueries", "TogetherThreat", "certify_together", "check_together"]

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


class OpenQueries:
    """Queries that one attack can change, as far as their certificates alone say: gathered some at a time.

    Of their distances is kept what bounds and attacks need; of the others, which of them are unsure.

    Parameters
    ----------
    vote : Vote
        What decides the votes.
    threat : threat
        As `check_together` returns it.
    n_train : int
        Number of training rows.
    """

    def __init__(self, vote: Vote, threat: RowBudget, n_train: int):
        self.threat = threat
        self._vote, self._rows = vote, threat.tampered_rows(n_train)
        # so many rows are certified for nobody
        self._is_beyond = self._rows > threat.most_rows(n_train, vote.n_neighbors)
        self._labels = np.zeros(0, dtype=np.int64)
        self._unsure: list[BoolArray] = []
        self._open: list[BoolArray] = []
        self._targets: list[WholeArray] = []
        self._budgets: list[WholeArray] = []
        self._nearest: list[tuple[WholeArray, BoolArray]] = []
        self._demands: list[Demands] = []
        self._needed: list[WholeArray] = [np.zeros(0, dtype=np.int64)]

    def add(self, measured: Measured, targets: WholeArray, budgets: WholeArray) -> None:
        """Take the next queries, with their predictions and the rows that these survive, -1 where none.

        Parameters
        ----------
        measured : Measured
        targets, budgets : ndarray of int, shape (n_queries,)
            Budgets as they are certified for the same kind of threat, with its number of rows left open.
        """
        vote, rows, threat = self._vote, self._rows, self.threat
        unsure = np.full(len(budgets), True) if self._is_beyond else budgets < 0
        is_open = ~unsure & (budgets < rows)
        chosen = Measured(measured.distances[is_open], measured.labels, measured.relative_error)
        targets, budgets = targets[is_open], budgets[is_open]
        self._labels = measured.labels
        self._unsure.append(unsure)
        self._open.append(is_open)
        self._targets.append(targets)
        self._budgets.append(budgets)
        if isinstance(threat, Replacements):
            self._needed.append(arrivals_needed(chosen, targets, vote, rows))
        elif isinstance(threat, Deletions):
            self._demands.append(deletion_demands(chosen, targets, budgets, vote, rows))
        else:
            self._demands.append(flip_demands(chosen, targets, budgets, vote))
        deleted = rows if isinstance(threat, Deletions) else 0
        self._nearest.append(nearest_rows(chosen, min(vote.n_neighbors + deleted, measured.n_rows)))

    @property
    def unsure(self) -> BoolArray:
        """Which of all queries have no certificate for this number of rows to be had, or none at all."""
        return np.concatenate(self._unsure)

    @property
    def is_open(self) -> BoolArray:
        """Which of all queries are these."""
        return np.concatenate(self._open)

    def problem(self) -> _Problem:
        """Return what is asked of all of them."""
        targets = np.concatenate(self._targets)
        trial = Trial(
            order=np.concatenate([order for order, _ in self._nearest]),
            told_apart=np.concatenate([told_apart for _, told_apart in self._nearest]),
            labels=self._labels,
            targets=targets,
            needs=np.concatenate(self._budgets) + 1,
            vote=self._vote,
            rows=self._rows,
            deletes=isinstance(self.threat, Deletions),
        )
        program = Program.of_parts(self._demands, self._rows) if self._demands else None
        return _Problem(trial, program, np.concatenate(self._needed))


def certify_together(
    alone: Certificates,
    queries: OpenQueries,
    y_true: ArrayLike | None = None,
    seconds: float = 5.0,
) -> Together:
    """Bound how many predictions of K-NN without noise one attack changes.

    Parameters
    ----------
    alone : Certificates
        Of all queries, for the same kind of threat with its number of rows left open.
    queries : OpenQueries
        All queries in their order, as those certificates have them.
    y_true : array_like of shape (n_queries,), optional
        True labels; without them nothing is said about accuracy.
    seconds : float
        For about how long smaller bounds are looked for: for all queries, then for those that are right.
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
    unsure, is_open, problem = queries.unsure, queries.is_open, queries.problem()

    asks_twice = right is not None and not right[is_open].all()
    seconds = seconds / 2.0 if asks_twice else seconds
    changed = problem.most(np.ones(np.count_nonzero(is_open), dtype=bool), seconds)
    right_at_least = None
    if right is not None:
        changed_right = changed.at_most
        if asks_twice:
            # those that are right, among all that change, are not more than all
            changed_right = min(changed_right, problem.most(right[is_open], seconds).at_most)
        right_at_least = int(np.count_nonzero(right & ~unsure)) - changed_right
    return Together(
        changed_at_most=int(np.count_nonzero(unsure)) + changed.at_most,
        changed_at_least=changed.at_least,
        right_at_least=right_at_least,
        alone=alone,
        threat=queries.threat,
    )


class _Problem(NamedTuple):
    """What is asked of the open queries.

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
