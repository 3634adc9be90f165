"""Poisoned training tables: rows of a source class that carry a trigger and the label of a target class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..gate.arrays import as_float_array
from ..gate.errors import InvalidInput
from ..gate.numbers import as_real_within
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

    X: NDArray[np.float64]
    y: NDArray[Any]
    rows: NDArray[np.int64]
    clean_rows: NDArray[np.int64]
    norms: NDArray[np.float64]


def poison(
    X: ArrayLike,
    y: ArrayLike,
    trigger: Trigger,
    *,
    source_class: object,
    target_class: object,
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
    table, labels = as_float_array(X, "X"), np.asarray(y)
    if table.ndim < 2 or labels.ndim != 1 or len(table) != len(labels):
        raise InvalidInput(
            f"expected rows X of shape (n, ...) and labels y of shape (n,), got {table.shape} and "
            f"{labels.shape}"
        )
    check_source_and_target(labels, source_class, target_class, "y")
    clean_rows = draw_rows(
        labels == source_class, ratio, random_state, holder=f"the source class {source_class!r} has"
    )
    count = len(clean_rows)
    triggered, norms = apply_trigger(table[clean_rows], trigger)
    if not in_place:
        return Poisoned(
            X=np.concatenate([table, triggered]),
            y=np.concatenate([labels, full_of(target_class, count, labels)]),
            rows=np.arange(len(labels), len(labels) + count),
            clean_rows=clean_rows,
            norms=norms,
        )
    table, labels = table.copy(), labels.copy()
    table[clean_rows], labels[clean_rows] = triggered, target_class
    return Poisoned(X=table, y=labels, rows=clean_rows.copy(), clean_rows=clean_rows, norms=norms)


def full_of(label: object, count: int, labels: NDArray[Any]) -> NDArray[Any]:
    """Return one label ``count`` times, in the type of the other labels."""
    same: NDArray[Any] = np.empty(count, dtype=labels.dtype)
    same[:] = label
    return same


def check_source_and_target(y: NDArray[Any], source_class: object, target_class: object, name: str) -> None:
    """Raise unless both classes occur among the labels, and differ."""
    for role, label in (("source_class", source_class), ("target_class", target_class)):
        check_occurs(y, label, role, name)
    if source_class == target_class:
        raise InvalidInput(f"source_class and target_class must differ, got {source_class!r} twice")


def check_occurs(y: NDArray[Any], label: object, role: str, name: str) -> None:
    """Raise unless a class occurs among the labels, which the message calls ``name``."""
    if not np.any(y == label):
        raise InvalidInput(f"{role} {label!r} does not occur in {name}; its classes are {np.unique(y)}")


def draw_rows(
    eligible: NDArray[np.bool_], ratio: float, random_state: int | np.random.Generator, *, holder: str
) -> NDArray[np.int64]:
    """Draw round(ratio * n) of n rows without replacement, from those that are eligible.

    Parameters
    ----------
    eligible : ndarray of bool, shape (n,)
    ratio : float in [0, 1]
    random_state : int or numpy.random.Generator
    holder : str
        Whose rows are eligible: the beginning of "... has 15" in the message.

    Raises
    ------
    InvalidInput
        If no row would be drawn though ratio > 0, or more than are eligible.
    """
    n, candidates = len(eligible), np.flatnonzero(eligible)
    ratio = as_real_within(ratio, "ratio", 0.0, 1.0, remedy="it is the share of poisoned rows")
    count = round(ratio * n)
    if count == 0 and ratio > 0.0:
        raise InvalidInput(
            f"ratio = {ratio} of {n} rows are none: the poisoned set would be empty; choose ratio >= "
            f"{1.0 / n:.4g}, or 0 for a clean table"
        )
    if count > len(candidates):
        raise InvalidInput(
            f"ratio = {ratio} of {n} rows are {count}, but {holder} {len(candidates)}; choose ratio <= "
            f"{len(candidates) / n:.4g}"
        )
    drawn: NDArray[np.int64] = np.random.default_rng(random_state).choice(candidates, count, replace=False)
    return drawn
