"""What is audited: a table from a file, a frame or arrays, as numbers with names."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_X_y

from .._printing import listed, quoted
from .._types import BoolArray, FloatArray, WholeArray
from ..gate.arrays import as_float_array, reject_missing_values, reject_text_columns
from ..gate.errors import InvalidInput
from ..scaling import FixedScaler
from ..scaling.constants import constants_for
from ..tables import Table, TableWarning, read_queries, read_table, warn_of_unknown_labels

__all__ = ["Source", "read_source"]


# Codes of words, and 0 and 1, are as far apart as one spread of a column of numbers: they are not scaled.
_CODES = ("category", "0 and 1")


class Test(NamedTuple):
    """Rows to report on, with labels, and what they are called: their numbers in the file, from 0."""

    X: FloatArray
    y: NDArray[Any]
    row_numbers: WholeArray


@dataclass(frozen=True, eq=False)
class Source:
    """A table to audit.

    Attributes
    ----------
    name : str
    table : Table
    test : Test or None
        Rows to report on, where the user gave some.
    test_name : str
    remarks : list of str
        Warnings of the reader.
    """

    name: str
    table: Table
    test: Test | None
    test_name: str
    remarks: list[str]

    @property
    def X(self) -> FloatArray:
        """Features, not scaled."""
        return self.table.X

    @property
    def y(self) -> NDArray[Any]:
        """Labels."""
        return self.table.y

    @property
    def fixed(self) -> BoolArray:
        """Which features are not scaled: codes of words, 0 and 1."""
        return np.array([kind in _CODES for kind, n in self._kinds() for _ in range(n)], dtype=bool)

    @property
    def row_numbers(self) -> WholeArray:
        """What the rows are called: their numbers in the file, from 0."""
        numbers = self.table.row_numbers
        return np.arange(len(self.y)) if numbers is None else numbers

    def columns(self, scaler: FixedScaler | None) -> list[dict[str, Any]]:
        """Return a line for each column, as the document has it."""
        lines, first = [], 0
        names = self.table.feature_names
        constants = None
        if scaler is not None:
            constants = constants_for(
                len(names), names, center=scaler.center, scale=scaler.scale, log=scaler.log
            )
        for column in self.table.coding.columns:
            n = len(column.features)
            line: dict[str, Any] = {
                "name": column.name,
                "kind": column.kind,
                "features": n,
                "distinct": column.distinct,
                "missing": column.missing,
                **dict.fromkeys(("low", "median", "high", "center", "scale")),
                "log": False,
                "log_unit": None,
                "remark": column.remark,
            }
            if n == 1:
                values = self.X[:, first]
                line |= {"low": values.min(), "median": np.median(values), "high": values.max()}
                if constants is not None and (constants.center[first], constants.scale[first]) != (0.0, 1.0):
                    line |= {"center": constants.center[first], "scale": constants.scale[first]}
                    if np.isfinite(constants.unit[first]):
                        line |= {"log": True, "log_unit": constants.unit[first]}
            lines.append({key: float(x) if isinstance(x, np.floating) else x for key, x in line.items()})
            first += n
        return lines

    def _kinds(self) -> list[tuple[str, int]]:
        return [(column.kind, len(column.features)) for column in self.table.coding.columns]


def read_source(table: Any, label: Any, test: Any, reading: dict[str, Any]) -> Source:
    """Read what is audited, with words encoded; what the reader warns of becomes a remark.

    Raises
    ------
    TypeError, ValueError, OSError, ImportError
        As `read_table`; ValueError also for one class, or test rows without labels.
    """
    if not isinstance(label, (str, int, type(None))):
        return _of_arrays(table, label, test, reading)
    rows = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TableWarning)
        found = read_table(table, label, **{"encode": True, **reading})
        if test is not None:
            found_test = read_queries(
                test,
                found.feature_names,
                found.label_name,
                y_train=found.y,
                coding=found.coding,
                **{key: reading[key] for key in _OF_QUERIES if key in reading},
            )
            if found_test.y is None:
                raise InvalidInput(
                    "an audit reports on rows with labels, and the test table has no column "
                    f"{quoted(found.label_name)}; add it, or leave the test table out for a hold-out"
                )
            rows = Test(found_test.X, found_test.y, found_test.row_numbers)
            _check_labels(found.y, rows.y)
    remarks = [str(one.message).replace(_COUNTED, "") for one in caught]
    return _source(found, _name_of(table), rows, _name_of(test), remarks)


# What the reader says of row numbers; an audit calls rows by their numbers in the file.
_COUNTED = "; row numbers count those that are left"

# What `read_queries` wants to be told again; the rest is in the coding.
_OF_QUERIES = ("header", "drop", "separator", "decimal", "encoding")


def _source(
    found: Table,
    name: str,
    test: Test | None,
    test_name: str,
    remarks: list[str],
) -> Source:
    if len(np.unique(found.y)) < 2:
        raise InvalidInput(
            f"{name}: expected labels of two classes at least in column {quoted(found.label_name)}, got "
            f"{quoted(found.y[0])} alone: there is nothing to predict; name another column (--label COLUMN)"
        )
    return Source(name, found, test, test_name, remarks)


def _of_arrays(X: ArrayLike, y: ArrayLike, test: Any, reading: dict[str, Any]) -> Source:
    """Return features and labels that came as arrays, checked."""
    if reading:
        raise InvalidInput(
            f"options of the reader ({', '.join(reading)}) are for tables, got arrays; leave them out"
        )
    names = [str(name) for name in getattr(X, "columns", [])]
    checked, labels = _checked(X, y)
    rows = None
    if test is not None:
        if not isinstance(test, tuple) or len(test) != 2:
            raise TypeError(
                f"test must be (X, y), as the table is given in arrays, got {type(test).__name__}"
            )
        X_test, y_test = _checked(*test)
        if X_test.shape[1] != checked.shape[1]:
            raise InvalidInput(
                f"test must have {checked.shape[1]} features, as the table has, got {X_test.shape[1]}"
            )
        rows = Test(X_test, y_test, np.arange(len(y_test)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TableWarning)
        if rows is not None:
            _check_labels(labels, rows.y)
    table = Table(checked, labels, names or [str(j) for j in range(checked.shape[1])], "y")
    return _source(table, "arrays", rows, "arrays", [str(one.message) for one in caught])


def _check_labels(y_train: NDArray[Any], y_test: NDArray[Any]) -> None:
    if not warn_of_unknown_labels(y_train, y_test):
        raise InvalidInput(
            f"expected labels of the table in the test rows ({listed(map(quoted, np.unique(y_train)), 5)}), "
            f"got others alone ({listed(map(quoted, np.unique(y_test)), 5)}); write both in the same way"
        )


def _checked(X: Any, y: Any) -> tuple[FloatArray, NDArray[Any]]:
    """Return features and labels as arrays; what is no number, or is missing, is named by its place."""
    reject_text_columns(X)
    columns = getattr(X, "columns", None)
    features = as_float_array(X, "the features")
    if features.ndim == 2:
        reject_missing_values(features, None if columns is None else list(columns), "rows")
    checked, labels = check_X_y(features, y, dtype=np.float64)
    return np.ascontiguousarray(checked), labels


def _name_of(table: Any) -> str:
    if isinstance(table, (str, os.PathLike)):
        return os.path.basename(os.fspath(table))
    return "" if table is None else f"a {type(table).__name__}"
