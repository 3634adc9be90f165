"""From votes to probabilities: the split of alpha that makes a certificate hold.

Votes are independent draws of the smoothed classifier's label, alpha is the probability of error *for one
query*. For a statement about all of m queries that share the votes' noise, use alpha / m.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .._types import FloatArray, Real, WholeArray
from .arguments import InvalidInput, check_choice, check_level, whole_numbers
from .clopper_pearson import clopper_pearson_lower, clopper_pearson_upper
from .hoeffding import hoeffding_lower, hoeffding_upper

__all__ = ["VoteBounds", "vote_bounds"]

# A one-sided bound: of the votes for a class, all votes, and the probability of error.
_Bound: TypeAlias = Callable[[WholeArray, WholeArray, float], FloatArray]

_METHODS: dict[str, tuple[_Bound, _Bound]] = {
    "clopper-pearson": (clopper_pearson_lower, clopper_pearson_upper),
    "hoeffding": (hoeffding_lower, hoeffding_upper),
}


class VoteBounds(NamedTuple):
    """What votes say about class probabilities: the label and its bounds, scalars or arrays over queries."""

    label: int | WholeArray
    p_lower: float | FloatArray
    p_upper: float | FloatArray


def vote_bounds(
    counts: ArrayLike,
    alpha: Real,
    *,
    label: ArrayLike | None = None,
    selection: str = "none",
    method: str = "clopper-pearson",
    runner_up: str | None = None,
) -> VoteBounds:
    """Return bounds that are, with probability at least 1 - alpha, true or have ``p_lower <= p_upper``.

    True means q(label) >= p_lower, and q(c) <= p_upper for every other class c. So a certificate drawn from
    them, which needs p_lower > p_upper, is wrong with probability at most alpha. Where p_lower <= p_upper the
    caller must abstain: the bounds then claim nothing.

    Parameters
    ----------
    counts : array of int, (n_classes,) or (n_queries, n_classes)
        Votes of independent draws, at least two classes.
    alpha : float, 0 < alpha < 1
        Probability of error for one query.
    label : int or array of int (n_queries,), optional
        The label under test, chosen *without* looking at ``counts``. Required for, and only for,
        ``selection="pilot"``.
    selection : {"none", "pilot"}
        "pilot": the label was chosen from other votes. "none": the label is the most voted class of
        ``counts``, the lowest index among equals, and alpha pays for the choice.
    method : {"clopper-pearson", "hoeffding"}
        The one-sided bound. Clopper-Pearson is never longer.
    runner_up : {"complement", "votes"}, optional
        "complement": p_upper = 1 - p_lower. "votes": p_upper also from the votes of the strongest other
        class. Default: "complement" for two classes, "votes" for more. Fix it before looking at the votes.

    Returns
    -------
    VoteBounds
        ``(label, p_lower, p_upper)``: scalars for counts of shape (n_classes,), arrays (n_queries,)
        otherwise.

    Raises
    ------
    TypeError
        If ``counts`` or ``label`` is not integer or ``alpha`` not a number.
    ValueError
        If counts are negative, empty or of one class, a value is outside its range, or an option is unknown.

    Notes
    -----
    How alpha is spent, with LCB and UCB the one-sided bounds at the level named:

    ========= ============ ============================= =============================================
    selection runner_up    p_lower                       p_upper
    ========= ============ ============================= =============================================
    pilot     complement   LCB(n_A; alpha)               1 - p_lower
    pilot     votes        LCB(n_A; alpha/2)             min(UCB(max n_c; alpha/2), 1 - p_lower)
    none      complement   LCB(n_A; alpha/2)             1 - p_lower
    none      votes        LCB(n_A; alpha/(2C))          min(UCB(max n_c; alpha/4), 1 - p_lower)
    ========= ============ ============================= =============================================

    *pilot, votes*: no union over the C - 1 other classes, since the true runner-up is one fixed class and has
    at most max n_c votes.

    *none, complement*: halving pays for every C. p_lower > 1/2 is wrong only if LCB(n_a) > q_a for the class
    with q_a > 1/2 (at most alpha/2), or LCB(n_c) > 1/2 for a class with q_c <= 1/2. The latter is
    P(Binomial(N, q_c) >= k*) with k* > N/2, convex in q_c on [0, 1/2], at most alpha/2 at q_c = 1/2 and 0 at
    0, so at most alpha q_c. These add up to alpha/2 + alpha (1 - q_a) < alpha, and without such a class a to
    at most alpha.

    *none, votes*: one of C lower bounds fails (alpha/2), or the upper bound of the true runner-up fails
    (alpha/4: the label is the true top class), or that of the true top class fails (alpha/4: the label is
    another).
    """
    votes, single = _votes(counts)
    n_queries, n_classes = votes.shape
    n = votes.sum(axis=1)
    alpha = check_level(alpha)
    check_choice(selection, "selection", ("pilot", "none"))
    check_choice(method, "method", tuple(_METHODS))
    if runner_up is None:
        runner_up = "complement" if n_classes == 2 else "votes"
    check_choice(runner_up, "runner_up", ("complement", "votes"))

    pilot = selection == "pilot"
    if not pilot and label is not None:
        raise InvalidInput(
            f'label must be None when selection="none", got {label!r}; a label that was chosen from other '
            'votes needs selection="pilot"'
        )
    labels = _chosen(label, single, n_queries, n_classes) if pilot else np.argmax(votes, axis=1)

    lower, upper = _METHODS[method]
    every = np.arange(n_queries)
    if runner_up == "complement":
        p_lower = lower(votes[every, labels], n, alpha if pilot else alpha / 2)
        p_upper = _complement(p_lower)
    else:
        p_lower = lower(votes[every, labels], n, alpha / 2 if pilot else alpha / (2 * n_classes))
        others = votes.copy()
        others[every, labels] = -1
        strongest = upper(others.max(axis=1), n, alpha / 2 if pilot else alpha / 4)
        p_upper = np.minimum(_complement(p_lower), strongest)
    if single:
        return VoteBounds(int(labels[0]), float(p_lower[0]), float(p_upper[0]))
    return VoteBounds(labels, p_lower, p_upper)


def _complement(p_lower: FloatArray) -> FloatArray:
    """Return 1 - p_lower rounded up: exact from 1/2 on, the only case in which a certificate can follow."""
    return np.where(p_lower >= 0.5, 1.0 - p_lower, np.minimum(np.nextafter(1.0 - p_lower, 2.0), 1.0))


def _votes(counts: ArrayLike) -> tuple[WholeArray, bool]:
    """Return the votes as (n_queries, n_classes), and whether they were those of one query, (n_classes,)."""
    votes = whole_numbers(counts, "counts")
    if votes.ndim not in (1, 2):
        raise InvalidInput(
            f"counts must have shape (n_classes,) or (n_queries, n_classes), got {votes.shape}"
        )
    if votes.shape[-1] < 2:
        raise InvalidInput(f"counts must have at least two classes in its last axis, got {votes.shape[-1]}")
    if np.any(votes < 0):
        raise InvalidInput(f"counts must not be negative, got {int(votes.min())}")
    if np.any(votes.sum(axis=-1) == 0):
        raise InvalidInput("counts must hold at least one vote for each query, got a query with none")
    return np.atleast_2d(votes), votes.ndim == 1


def _chosen(label: ArrayLike | None, single: bool, n_queries: int, n_classes: int) -> WholeArray:
    """Return the labels under test (n_queries,), each below the number of classes."""
    if label is None:
        raise InvalidInput(
            'label must be the class that the pilot votes chose when selection="pilot", got None'
        )
    labels = whole_numbers(label, "label")
    expected = () if single else (n_queries,)
    if labels.shape != expected:
        raise InvalidInput(f"label must have shape {expected}, one entry a query, got {labels.shape}")
    outside = (labels < 0) | (labels >= n_classes)
    if np.any(outside):
        raise InvalidInput(f"label must lie in 0..{n_classes - 1}, got {labels[outside][0]}")
    return np.atleast_1d(labels)
