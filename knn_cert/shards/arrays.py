"""The plain arrays of a summary: how they are named, and what is refused as none of a summary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..gate.errors import InvalidInput
from ..gate.numbers import MOST_FEATURES, check_dof, check_sigma_or_none
from ..kernels.summaries import SummaryArrays
from .needs import summary_kernel

__all__ = ["Head", "no_rows", "packed_arrays"]

_FAR_KINDS = ("counting", "all", "none")
_OF_FLOATS = ("near", "bound", "moments", "squares")


@dataclass(frozen=True, eq=False)
class Head:
    """What a summary knows besides its rows, see `Summary`.

    Attributes
    ----------
    classes : ndarray of shape (C,)
    n_queries, n_near : int
    classes_are_given : bool
    queries : str
        Their digest.
    sigma, dof : float
    n_features : int
    far_kind : str
    """

    classes: NDArray[Any]
    n_queries: int
    n_near: int
    classes_are_given: bool
    queries: str
    sigma: float
    dof: int | float
    n_features: int
    far_kind: str

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return it as named arrays."""
        return {
            "classes": self.classes,
            "counts": np.array([self.n_queries, self.n_near, int(self.classes_are_given)]),
            "queries": np.array(self.queries),
            "settings": np.array([self.sigma, self.dof, self.n_features], dtype=np.float64),
            "far_kind": np.array(self.far_kind),
        }

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Head:
        """Return that of arrays, perhaps by way of Arrow.

        Raises
        ------
        InvalidInput
            If they are none of a summary.
        """
        try:
            n_queries, n_near, given = (_whole(one) for one in np.asarray(arrays["counts"]))
            sigma, dof, n_features = (float(one) for one in np.asarray(arrays["settings"]))
            queries, far_kind = (str(np.asarray(arrays[name]).item()) for name in ("queries", "far_kind"))
            classes = np.asarray(arrays["classes"])
            if classes.dtype == object and all(isinstance(label, str) for label in classes):  # Arrow's texts
                classes = np.array(classes.tolist())
            is_increasing = classes.ndim == 1 and bool(np.all(classes[:-1] < classes[1:]))
            n_features = _whole(n_features)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            _refuse(f"others: {error!r}")
        if not is_increasing or classes.dtype.kind == "O":
            _refuse("classes that do not increase")
        in_range = n_queries >= 0 and n_near >= 1 and 0 <= n_features <= MOST_FEATURES
        if not in_range or given not in (0, 1) or far_kind not in _FAR_KINDS:
            _refuse(
                f"{n_queries} queries of {n_features} features, {n_near} near rows, {far_kind!r} of far rows"
            )
        return cls(
            classes,
            n_queries,
            n_near,
            bool(given),
            queries=queries,
            sigma=check_sigma_or_none(sigma),
            dof=check_dof(dof),
            n_features=n_features,
            far_kind=far_kind,
        )


def packed_arrays(arrays: Mapping[str, NDArray[Any]], n_classes: int, n_queries: int) -> SummaryArrays:
    """Return the lists of a summary, one for each query and class.

    Raises
    ------
    InvalidInput
        If no rows can leave such arrays.
    """
    packed: list[Any] = []
    for name in SummaryArrays._fields:
        if name not in arrays:
            _refuse(f"none that is called {name!r}")
        array = np.asarray(arrays[name])
        kinds, dtype = ("f", np.float64) if name in _OF_FLOATS else ("iu", np.int64)
        if array.ndim != 1 or array.dtype.kind not in kinds:
            _refuse(f"{name} of shape {array.shape} and type {array.dtype}")
        packed.append(np.ascontiguousarray(array, dtype=dtype))
    found = SummaryArrays(*packed)
    if len(found.bound) != n_queries * n_classes:
        _refuse(f"{len(found.bound)} lists for {n_queries} queries and {n_classes} classes")
    if n_classes:
        try:
            summary_kernel().check_summaries(found, n_classes=n_classes)
        except ValueError as error:
            _refuse(f"others: {error}")
    return found


def no_rows(n_lists: int) -> SummaryArrays:
    """Return lists without rows."""
    zeros = np.zeros(n_lists, dtype=np.int64)
    return SummaryArrays(
        near=np.empty(0),
        near_start=np.zeros(n_lists + 1, dtype=np.int64),
        bound=np.full(n_lists, np.inf),
        n_rows=zeros,
        n_merged=zeros,
        complete=np.ones(n_lists, dtype=np.int64),
        piece=np.empty(0, dtype=np.int64),
        piece_start=np.zeros(n_lists + 1, dtype=np.int64),
        moments=np.empty(0),
        squares=np.zeros(n_lists),
    )


def _whole(value: Any) -> int:
    number = float(value)
    if not math.isfinite(number) or number != int(number):
        raise ValueError(f"{value!r} is no whole number")
    return int(number)


def _refuse(got: str) -> NoReturn:
    raise InvalidInput(
        f"expected the arrays of a summary, got {got}; give all that to_arrays() gave, as it was"
    )
