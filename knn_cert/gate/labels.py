"""Checked labels: the classes of the rows, their order and their number."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._printing import listed, quoted
from .errors import InvalidInput
from .numbers import as_whole_number

# Classes without rows that are taken in good faith: those of a table of which only some rows are passed.
_SPARE_CLASSES, _CLASSES_PER_ROW = 10_000, 10

# Up to here a float tells integers apart.
_EXACT_INTEGERS = 2.0**53


def check_labels(labels: ArrayLike | None, n_rows: int) -> NDArray[np.int64]:
    """Return labels as an int64 array of length n_rows with entries >= 0; booleans count as 0 and 1."""
    if labels is None:
        raise TypeError(f"labels are missing; pass one label 0..C-1 for each of the {n_rows} training rows")
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.shape[0] != n_rows:
        raise InvalidInput(
            f"labels must have shape ({n_rows},), one for each column of the distances, got {labels.shape}"
        )
    if labels.dtype.kind not in "iub":
        raise TypeError(
            f"labels must be integers 0..C-1, got dtype {labels.dtype}; "
            "numpy.unique(labels, return_inverse=True)[1] numbers any labels"
        )
    # Compared before conversion: an unsigned 64-bit label may not fit.
    bad = np.flatnonzero((labels < 0) | (labels > np.iinfo(np.int32).max))
    if bad.size:
        raise InvalidInput(
            f"labels must be 0..C-1, got {labels[bad[0]]} at position {bad[0]}; "
            "numpy.unique(labels, return_inverse=True)[1] numbers any labels"
        )
    return np.ascontiguousarray(labels, dtype=np.int64)


def check_n_classes(n_classes: int | None, labels: NDArray[np.int64]) -> int:
    """Return C >= 2; None means one more than the largest label.

    Classes without rows cost time and memory all the same, so their number is limited: a label far beyond the
    number of rows is a number that names something, not one of 0..C-1.
    """
    needed = int(labels.max()) + 1
    most = _SPARE_CLASSES + _CLASSES_PER_ROW * labels.size
    if needed > most:
        raise InvalidInput(
            f"labels must be 0..C-1 with at most C = {most} classes for {labels.size} rows, got label "
            f"{needed - 1}; numpy.unique(labels, return_inverse=True)[1] numbers any labels"
        )
    if n_classes is None:
        n_classes = needed
    else:
        n_classes = as_whole_number(
            n_classes, "n_classes", least=0, remedy="leave it out for one more than the largest label"
        )
    if n_classes < needed:
        raise InvalidInput(
            f"labels must be 0..C-1 with C = n_classes = {n_classes}, got label {needed - 1}; pass "
            f"n_classes={needed} or leave it out"
        )
    if n_classes > most:
        raise InvalidInput(
            f"n_classes must be at most {most} for {labels.size} rows, got {n_classes}; classes without rows "
            "change no probability, leave n_classes out"
        )
    if n_classes < 2:
        raise InvalidInput(
            f"at least 2 classes are needed, got {n_classes} (one class always wins); pass n_classes=2 if "
            "the other class has no rows here"
        )
    return n_classes


def number_classes(y: ArrayLike, allowed: ArrayLike | None = None) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the sorted classes, at least two, and the position of each label among them as (n,) int64.

    The classes are the allowed ones or, if there are none such, those of the labels.
    """
    classes, labels = sorted_labels(y)
    if allowed is None:
        if len(classes) < 2:
            raise InvalidInput(
                f"at least two classes are needed, got one class: {quoted(classes.tolist()[0])}; a table of "
                f"one class (here with n_samples = {len(labels)}) has nothing to decide"
            )
        return classes, labels
    allowed, _ = sorted_labels(np.asarray(allowed), "classes")
    if len(allowed) < 2:
        raise InvalidInput(f"classes must hold at least two labels, got {listed(allowed.tolist())}")
    unknown = [label for label in classes.tolist() if label not in set(allowed.tolist())]
    if unknown:
        raise InvalidInput(
            f"labels must be among classes, {_in_full(allowed.tolist())}, got {_in_full(unknown)}; correct "
            "these rows, add the label to classes, or give both one type"
        )
    return allowed, np.searchsorted(allowed, classes).astype(np.int64)[labels]


def check_kind_of_labels(classes: NDArray[Any]) -> None:
    """Raise ValueError where order or identity of sorted classes hangs on what other labels there are.

    One text among numbers turns them all into text, where 10 comes before 2, and 1 and 1.0 are two; one
    fraction among integers turns them into floats, of which large ones are equal. Who adds such a row, or
    removes it, exchanges, splits or merges classes. So no accepted table differs from another one in that.
    """
    remedy = "correct or rename them or, in Python, say which labels there are by classes=[...]"
    texts = [label for label in classes.tolist() if isinstance(label, str)]
    numbers = [label for label in texts if reads_as_number(label)]
    if 0 < len(numbers) < len(classes):
        words = [label for label in classes.tolist() if label not in set(numbers)]
        raise InvalidInput(
            f"labels must be numbers or words, got both: {listed(numbers)}, and {listed(words)}; {remedy}"
        )
    values = [float(text) for text in numbers]
    if any(not before < after for before, after in itertools.pairwise(values)):
        raise InvalidInput(
            f"labels that are the text of numbers must sort like these, got {listed(numbers)}; make them "
            f"numbers, or {remedy}"
        )
    if classes.dtype.kind == "f" and np.abs(classes).max() >= _EXACT_INTEGERS:
        raise InvalidInput(
            f"labels of type {classes.dtype} must be below 2**53, beyond which integers are rounded, got "
            f"{np.abs(classes).max():g}; {remedy}"
        )


def _in_full(labels: list[Any]) -> str:
    """Return labels as Python writes them: text in quotes, numbers without."""
    return listed([repr(label) for label in labels])


def _shape_of(y: ArrayLike) -> str:
    """Return what is there in the place of a sequence."""
    return repr(np.asarray(y).item()) if np.ndim(y) == 0 else f"an array of shape {np.shape(y)}"


def reads_as_number(text: str) -> bool:
    """Whether a label that is text is the text of a number."""
    try:
        return math.isfinite(float(text))  # Nan and Inf are names too
    except ValueError:
        return False


def sorted_labels(y: ArrayLike, name: str = "labels") -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the sorted different labels and the position of each label among them."""
    if np.ndim(y) != 1:
        raise InvalidInput(f"{name} must be a sequence of labels, such as [0, 1], got {_shape_of(y)}")
    try:
        classes, positions = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise InvalidInput(
            f"{name} must be of one type that can be sorted, and none may be missing ({error}); drop rows "
            "without a label or give all labels one type"
        ) from None
    if classes.dtype.kind == "f" and np.isnan(classes).any():
        raise InvalidInput(f"{name} must not be NaN; drop rows without a label")
    return classes, positions.astype(np.int64).reshape(-1)
