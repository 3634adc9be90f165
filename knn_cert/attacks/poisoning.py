"""Poisoned training tables: rows of a source class that carry a trigger and the label of a target class."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..gate.arrays import as_float_array
from .triggers import Trigger, apply_trigger

__all__ = ["Poisoned", "poison"]


@dataclass(frozen=True, eq=False)
class Poisoned:
    """A poisoned training table, and what was done to it.

    Attributes
    ----------
    X : ndarray of float64, shape (n + r, ...) or, in place, (n, ...)
        Features; what shape the rows had, they keep.
    y : ndarray of shape (n + r,) or (n,)
        Labels as the victim sees them.
    rows : ndarray of int, shape (r,)
        Which rows of X carry the trigger.
    clean_rows : ndarray of int, shape (r,)
        The row of the clean table that each of them was made from.
    norms : ndarray of shape (r,)
        L2 norm of the change of each of them, after clipping, in the units of the features.
    """

    X: np.ndarray
    y: np.ndarray
    rows: np.ndarray
    clean_rows: np.ndarray
    norms: np.ndarray


def poison(
    X,
    y,
    trigger: Trigger,
    *,
    source_class,
    target_class,
    ratio: float,
    random_state: int = 0,
    in_place: bool = False,
) -> Poisoned:
    """Put a backdoor into a training table: triggered rows of the source class, labelled as the target class.

    RAB, section 7.1: "we add r_p backdoor training instances whose ground truth is the source class aiming to
    mislead the prediction of test instances with the pattern to the adversarial target".

    Parameters
    ----------
    X : array_like of shape (n, d), (n, H, W) or (n, H, W, C)
        Clean rows; images may come flattened.
    y : array_like of shape (n,)
        Clean labels, of any type.
    trigger : Trigger
    source_class, target_class
        Label of the rows that are poisoned, and the label they get; both occur in y.
    ratio : float in [0, 1]
        r_p: round(ratio * n) rows are poisoned, n the number of rows of the clean table.
    random_state : int
        Seed of the choice of the rows, drawn without replacement.
    in_place : bool, default=False
        False appends triggered copies: the clean table is the poisoned one without them. True changes the
        rows themselves, label included: nobody has their originals any more.

    Returns
    -------
    Poisoned

    Raises
    ------
    TypeError
        If X or ratio are not numbers, or trigger is no `Trigger`.
    ValueError
        If shapes do not agree, a class does not occur, ratio is outside of [0, 1] or so small that no row is
        poisoned, or the source class has fewer rows than are to be poisoned: a row drawn twice would be
        poisoned once.
    """
    X = as_float_array(X, "X")
    y = np.asarray(y)
    if X.ndim < 2 or y.ndim != 1 or len(X) != len(y):
        raise ValueError(
            f"expected rows X of shape (n, ...) and labels y of shape (n,), got {X.shape} and {y.shape}"
        )
    check_source_and_target(y, source_class, target_class, "y")
    clean_rows = draw_rows(
        y == source_class, ratio, random_state, holder=f"the source class {source_class!r} has"
    )
    count = len(clean_rows)
    triggered, norms = apply_trigger(X[clean_rows], trigger)
    if not in_place:
        return Poisoned(
            X=np.concatenate([X, triggered]),
            y=np.concatenate([y, np.full(count, target_class, dtype=y.dtype)]),
            rows=np.arange(len(y), len(y) + count),
            clean_rows=clean_rows,
            norms=norms,
        )
    X, y = X.copy(), y.copy()
    X[clean_rows], y[clean_rows] = triggered, target_class
    return Poisoned(X=X, y=y, rows=clean_rows.copy(), clean_rows=clean_rows, norms=norms)


def check_source_and_target(y: np.ndarray, source_class, target_class, name: str) -> None:
    """Raise unless both classes occur among the labels, and differ."""
    for role, label in (("source_class", source_class), ("target_class", target_class)):
        check_occurs(y, label, role, name)
    if source_class == target_class:
        raise ValueError(f"source_class and target_class must differ, got {source_class!r} twice")


def check_occurs(y: np.ndarray, label, role: str, name: str) -> None:
    """Raise unless a class occurs among the labels, which the message calls ``name``."""
    if not np.any(y == label):
        raise ValueError(f"{role} {label!r} does not occur in {name}; its classes are {np.unique(y)}")


def draw_rows(
    eligible: np.ndarray, ratio: float, random_state: int | np.random.Generator, *, holder: str
) -> np.ndarray:
    """Draw round(ratio * n) of n rows without replacement, only such as are eligible, a boolean mask (n,).

    Raises where that would be none (but for ratio = 0), or more than the eligible; ``holder`` begins the
    message's "... has 15".
    """
    n, candidates = len(eligible), np.flatnonzero(eligible)
    count = round(_check_ratio(ratio) * n)
    if count == 0 and ratio > 0.0:
        raise ValueError(
            f"ratio = {ratio} of {n} rows are none: the poisoned set would be empty; choose ratio >= "
            f"{1.0 / n:.4g}, or 0 for a clean table"
        )
    if count > len(candidates):
        raise ValueError(
            f"ratio = {ratio} of {n} rows are {count}, but {holder} {len(candidates)}; choose ratio <= "
            f"{len(candidates) / n:.4g}"
        )
    return np.random.default_rng(random_state).choice(candidates, count, replace=False)


def _check_ratio(ratio: float) -> float:
    if isinstance(ratio, bool) or not isinstance(ratio, (int, float, np.integer, np.floating)):
        raise TypeError(f"ratio must be a number, got {ratio!r}")
    if not (math.isfinite(ratio) and 0.0 <= ratio <= 1.0):
        raise ValueError(f"ratio must lie between 0 and 1, the share of poisoned rows, got {ratio!r}")
    return float(ratio)
