"""The rows of a part of a table, and queries, as they come from outside: checked, some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._types import FloatArray, WholeArray
from ..gate.arrays import as_float_array, reject_missing_values, reject_text_columns
from ..gate.distances import check_scale, is_resolved
from ..gate.errors import InvalidInput
from ..gate.labels import number_classes, sorted_labels

__all__ = ["Rows", "check_reach", "features", "numbered"]

# Rows are converted, and summarised, so many bytes at a time.
_CHUNK_BYTES = 64 * 2**20


class Rows(NamedTuple):
    """Feature rows of any type of floats, as they came."""

    values: Any
    n: int
    dim: int

    @classmethod
    def of(cls, X: ArrayLike, name: str) -> Rows:
        """Take rows of any kind; those of floats stay as they are."""
        reject_text_columns(X)
        values = X if isinstance(X, np.ndarray) and X.dtype.kind == "f" else as_float_array(X, name)
        if values.ndim != 2:
            raise InvalidInput(f"{name} must have shape (n, d), got {values.shape}")
        return cls(values, *values.shape)

    def chunks(self) -> Iterator[tuple[slice, FloatArray]]:
        """Yield slices of the rows, and these as checked float64."""
        size = max(1, _CHUNK_BYTES // (8 * max(1, self.dim)))
        for start in range(0, self.n, size):
            part = slice(start, min(start + size, self.n))
            yield part, features(self.values[part], "X")


def features(X: ArrayLike, name: str) -> FloatArray:
    """Return features as finite float64 of shape (n, d)."""
    reject_text_columns(X)
    values = as_float_array(X, name)
    if values.ndim != 2:
        raise InvalidInput(f"{name} must have shape (n, d), got {values.shape}")
    reject_missing_values(values, None, "queries" if name == "Q" else "rows")
    if not np.isfinite(values).all():
        raise InvalidInput(f"{name} must hold finite numbers, got infinity")
    return values


def check_reach(queries: FloatArray, rows: FloatArray, sigma: float) -> None:
    """Refuse distances whose squares overflow, or at which double precision loses the noise."""
    if not len(queries) or not len(rows):
        return
    with np.errstate(over="ignore"):  # feature by feature: a common offset brings nobody farther apart
        beyond = np.maximum(queries.max(axis=0) - rows.min(axis=0), rows.max(axis=0) - queries.min(axis=0))
        square = np.float64(np.sum(beyond * beyond))
    check_scale(square, sigma or 1.0)
    if sigma > 0.0 and not is_resolved(float(np.sqrt(square)), sigma):
        raise InvalidInput(
            f"sigma is too small against the features: rows may be {np.sqrt(square) / sigma:.3g} sigma from "
            "a query, expected at most 1e11; use a larger sigma, or 0, which the smoothed classifier then "
            "equals"
        )


def numbered(labels: NDArray[Any], classes: ArrayLike | None) -> tuple[NDArray[Any], WholeArray]:
    """Return the classes, and the position of each label among them."""
    if labels.dtype == object and {_kind_of(label) for label in labels.tolist()} in ({"texts"}, {"numbers"}):
        labels = np.array(labels.tolist())  # as who has no column of objects writes them
    if classes is None:
        return sorted_labels(labels)
    if not len(labels):
        return sorted_labels(classes, "classes")[0], np.empty(0, dtype=np.int64)
    return number_classes(labels, classes)


def _kind_of(label: Any) -> str:
    """Return "texts" or "numbers", of which arrays have types of their own, or nothing."""
    if isinstance(label, str):
        return "texts"
    return "numbers" if isinstance(label, (int, float, np.number, np.bool_)) else ""
