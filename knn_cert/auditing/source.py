"""What is audited: a table from a file, a frame or arrays, as numbers with names."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_X_y

from .._types import BoolArray, FloatArray
from ..gate.errors import InvalidInput
from ..scaling import FixedScaler
from ..tables import Table, TableWarning, read_queries, read_table

__all__ = ["Source", "read_source"]


@dataclass(frozen=True, eq=False)
class Source:
    """A table to audit.

    Attributes
    ----------
    name, label_name : str
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    names : list of str, length d
    fixed : ndarray of bool, shape (d,)
        Features that are not scaled: codes of words, 0 and 1.
    test : (ndarray, ndarray) or None
        Rows to report on, where the user gave some.
    test_name : str
    remarks : list of str
        Warnings of the reader.
    """

    name: str
    label_name: str
    X: FloatArray
    y: NDArray[Any]
    names: list[str]
    fixed: BoolArray
    test: tuple[FloatArray, NDArray[Any]] | None
    test_name: str
    remarks: list[str]
    coding: Any = None

    def columns(self, scaler: FixedScaler | None) -> list[dict[str, Any]]:
        """Return a line for each column, as the document has it."""
        lines = []
        for j, name in enumerate(self.names):
            values = self.X[:, j]
            lines.append(
                {
                    "name": name,
                    "kind": "0 and 1" if self.fixed[j] else "number",
                    "features": 1,
                    "distinct": len(np.unique(values)),
                    "missing": 0,
                    "low": float(values.min()),
                    "median": float(np.median(values)),
                    "high": float(values.max()),
                    "center": None if scaler is None else float(scaler.center[j]),
                    "scale": None if scaler is None else float(scaler.scale[j]),
                    "log": scaler is not None
                    and scaler.log_unit is not None
                    and not np.isnan(scaler.log_unit[j]),
                    "remark": "always the same" if values.min() == values.max() else None,
                }
            )
        return lines


def read_source(table: Any, label: Any, test: Any, reading: dict[str, Any]) -> Source:
    """Read what is audited; what the reader warns of becomes a remark.

    Raises
    ------
    TypeError, ValueError, OSError, ImportError
        As `read_table`; ValueError also for one class, or test rows without labels.
    """
    if not isinstance(label, (str, int, type(None))):
        return _of_arrays(table, label, test, reading)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TableWarning)
        found = read_table(table, label, **reading)
        rows = None
        if test is not None:
            X, y = read_queries(
                test, found.feature_names, found.label_name, y_train=found.y, **_for_queries(reading)
            )
            if y is None:
                raise InvalidInput(
                    "an audit reports on rows with labels, and the test table has no column "
                    f"{found.label_name!r}; "
                    "add it, or leave the test table out for a hold-out"
                )
            rows = X, y
    return _source(found, _name_of(table), rows, _name_of(test), [str(one.message) for one in caught])


def _source(
    found: Table,
    name: str,
    test: tuple[FloatArray, NDArray[Any]] | None,
    test_name: str,
    remarks: list[str],
) -> Source:
    if len(np.unique(found.y)) < 2:
        raise InvalidInput(
            f"expected labels of two classes at least in {found.label_name!r}, got one: there is nothing to "
            "predict"
        )
    fixed = np.array([bool(np.isin(column, (0.0, 1.0)).all()) for column in found.X.T])
    return Source(
        name=name,
        label_name=found.label_name,
        X=found.X,
        y=found.y,
        names=found.feature_names,
        fixed=fixed,
        test=test,
        test_name=test_name,
        remarks=remarks,
    )


def _of_arrays(X: ArrayLike, y: ArrayLike, test: Any, reading: dict[str, Any]) -> Source:
    """Return features and labels that came as arrays, checked."""
    if reading:
        raise InvalidInput(
            f"options of the reader ({', '.join(reading)}) are for tables, got arrays; leave them out"
        )
    names = [str(name) for name in getattr(X, "columns", [])]
    checked, labels = check_X_y(X, y, dtype=np.float64, ensure_min_samples=2)
    rows = None
    if test is not None:
        if not isinstance(test, tuple) or len(test) != 2:
            raise TypeError(
                f"test must be (X, y), as the table is given in arrays, got {type(test).__name__}"
            )
        X_test, y_test = check_X_y(*test, dtype=np.float64)
        if X_test.shape[1] != checked.shape[1]:
            raise InvalidInput(
                f"test must have {checked.shape[1]} features, as the table has, got {X_test.shape[1]}"
            )
        rows = np.ascontiguousarray(X_test), y_test
    table = Table(
        np.ascontiguousarray(checked), labels, names or [str(j) for j in range(checked.shape[1])], "y"
    )
    return _source(table, "arrays", rows, "arrays", [])


def _for_queries(reading: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in reading.items() if name in ("header", "drop")}


def _name_of(table: Any) -> str:
    if isinstance(table, (str, os.PathLike)):
        return os.path.basename(os.fspath(table))
    return "" if table is None else f"a {type(table).__name__}"
