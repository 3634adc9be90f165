"""Tables in which every column is a feature of numbers, as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from .coding import Coding, ColumnCoding, count_values, note_labels
from .defects import Defects
from .raw import Raw, Words, side_by_side

if TYPE_CHECKING:
    from numpy.typing import NDArray


def plain_numbers(raw: Raw) -> NDArray[np.float64]:
    """Return the columns of a table of numbers.

    Raises
    ------
    InvalidInput
        If a cell is missing, infinite or text.
    """
    numbers = [column for column in raw.columns if not isinstance(column, Words)]
    if len(numbers) == len(raw.columns):
        X = raw.matrix
        if X is None:
            X = side_by_side(numbers, len(raw.places), len(numbers))
        if np.isfinite(X).all():
            labels = Defects(raw.unit, can_encode=raw.can_encode)
            note_labels(raw, labels)
            labels.check()
            return X
    return plain_coding(raw.names).apply(raw)  # which tells what is wrong where


def plain_coding(
    names: Iterable[str],
    fill: Callable[[str], float | None] = lambda name: None,
    *,
    drop_missing: bool = False,
) -> Coding:
    """Return the coding of a table in which every column is a feature of numbers; nothing is counted."""
    columns = (ColumnCoding(name, "number", (name,), 0, 0, fill=fill(name)) for name in names)
    return Coding(tuple(columns), drop_missing)


def coding_of_numbers(
    names: Iterable[str],
    columns: Iterable[NDArray[np.float64] | Words],
    fill: Callable[[str], float | None] = lambda name: None,
    *,
    drop_missing: bool = False,
) -> Coding:
    """Return the coding of a table in which every column is a feature of numbers."""
    described = []
    for name, column in zip(names, columns, strict=True):
        distinct, missing = count_values(column)
        is_binary = not isinstance(column, Words) and distinct and bool(_is_0_or_1(column).all())
        kind = "0 and 1" if is_binary else "number"
        described.append(ColumnCoding(name, kind, (name,), distinct, missing, fill=fill(name)))
    return Coding(tuple(described), drop_missing)


def _is_0_or_1(column: NDArray[np.float64]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.isnan(column) | (column == 0.0) | (column == 1.0)
    return found
