"""Read a user's table, of any kind, into clean numbers and labels, or refuse it."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._printing import printable, quoted
from ..gate.errors import InvalidInput
from .columns import Columns, Select, select_queries, select_training
from .delimited import read_delimited
from .doubts import warn_of_row_numbers
from .labels import as_labels
from .npz import default_names, read_npz
from .parquet import read_parquet

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_PARQUET = (".parquet", ".pq")
_KNOWN = ".csv, .tsv, .csv.gz, .tsv.gz, .parquet, .npz"
_BY_SUFFIX = {
    ".xlsx": "save the sheet as CSV (in Excel: Save As, CSV UTF-8)",
    ".xls": "save the sheet as CSV (in Excel: Save As, CSV UTF-8)",
    ".ods": "save the sheet as CSV",
    ".data": "if its cells are separated by commas, rename it to .csv; without a header line say --no-header",
    ".txt": "rename it to .csv if its cells are separated by commas, to .tsv if by tabs",
    ".arff": "save it as CSV: the names behind @attribute make the header line, what follows @data the rows",
    ".zip": "unpack it and give the table in it",
    ".bz2": "unpack it, or pack it with gzip",
    ".xz": "unpack it, or pack it with gzip",
    ".npy": "save X and y with numpy.savez as .npz",
    ".pkl": "save it as Parquet or CSV; pickles can run code and are never read",
    ".pickle": "save it as Parquet or CSV; pickles can run code and are never read",
}


@dataclass(frozen=True, eq=False)
class Table:
    """A labelled table.

    Attributes
    ----------
    X : ndarray of shape (n, d), float64
        Finite numbers.
    y : ndarray of shape (n,)
        int64 if every label is an integer, else str.
    feature_names : list of str, length d
        The columns of ``X``, in the order of the file.
    label_name : str
    """

    X: NDArray[np.float64]
    y: NDArray[Any]
    feature_names: list[str]
    label_name: str


def read_table(
    path: str | os.PathLike[str],
    label: str | int | None,
    *,
    header: bool = True,
    drop: Collection[str] = (),
) -> Table:
    """Read a labelled table.

    Parameters
    ----------
    path : path-like
        ``.csv`` or ``.tsv``, UTF-8, also gzipped; ``.parquet`` (needs pandas and pyarrow), where an index
        with a name is a column; ``.npz`` with the arrays ``X`` (n, d) and ``y`` (n,), and optionally
        ``feature_names`` (d,). A compressed file may unpack to 256 MiB, or to 100 times its size if that is
        more.
    label : str, int or None
        Name of the label column, or its position (0 is the first column, -1 the last) if no column has that
        name. For NPZ the name of the array with the labels. None means ``y`` in an NPZ file and is an error
        elsewhere.
    header : bool, default=True
        Whether the first line of a CSV or TSV file names the columns; without it they are called 0, 1, 2, ...
    drop : collection of str
        Names of columns that are left out.

    Returns
    -------
    Table
        Every other column is a feature.

    Raises
    ------
    FileNotFoundError, OSError
        If the file cannot be opened.
    ValueError
        If the label column is missing; a label is missing or a word for a missing value (NA, ?, nan, none);
        a feature holds text, missing values or infinity; a line has too many or too few cells; names repeat,
        or are numbers as in a row of data; the table is empty or too large; the file is cut off, not UTF-8 or
        of an unknown kind.
    ImportError
        If Parquet is asked for without pandas and pyarrow.

    Warns
    -----
    TableWarning
        If a feature seems to number the rows.
    """
    if not (label is None or isinstance(label, (str, int))) or isinstance(label, bool):
        raise TypeError(f"label must be a column name or position, got {type(label).__name__}")
    drop = _as_names(drop)
    with _errors_name(path) as file:
        kind = _kind(file)
        _check_header(header, kind)
        if kind == ".npz":
            columns = _without(drop, read_npz(file, "y" if label is None else str(label), required=True))
        elif label is None:
            raise InvalidInput("expected the name of the label column, got none; name it (--label COLUMN)")
        else:
            columns = _read(file, kind, lambda names: select_training(names, str(label), drop), header=header)
        names = columns.feature_names or default_names(columns.X.shape[1])
        table = Table(columns.X, as_labels(columns.labels), names, str(columns.label_name))
    warn_of_row_numbers(table.X, names)
    return table


def read_queries(
    path: str | os.PathLike[str],
    feature_names: Sequence[str],
    label: str | None = None,
    *,
    y_train: NDArray[Any] | None = None,
    header: bool = True,
    drop: Collection[str] = (),
) -> tuple[NDArray[np.float64], NDArray[Any] | None]:
    """Read a table of queries whose columns have the names of a training table's.

    Parameters
    ----------
    path : path-like
        As in `read_table`.
    feature_names : sequence of str
        The training table's features. Columns may come in any order; an NPZ file without ``feature_names``,
        and a file without a header line and without labels, is taken in its own order.
    label : str, optional
        The training table's label name. The column may be absent. (An NPZ file without an array of this name
        gives its ``y``, if it has one.)
    y_train : ndarray, optional
        The training labels: labels are then given in their type, so that the two can be compared.
    header, drop
        As in `read_table`; a column that is left out may be absent.

    Returns
    -------
    X : ndarray of shape (m, d), float64, columns in the order of ``feature_names``
    y : ndarray of shape (m,), or None if the file has no labels

    Raises
    ------
    ValueError
        If columns are missing or superfluous, or for the reasons of `read_table`.
    FileNotFoundError, OSError, ImportError
        As in `read_table`.
    """
    wanted, drop = list(feature_names), _as_names(drop)
    with _errors_name(path) as file:
        kind = _kind(file)
        _check_header(header, kind)
        if kind == ".npz":
            columns = read_npz(file, label or "y", required=False)
            X = _features_of_npz(columns, wanted, drop)
        else:

            def select(names: list[str]) -> tuple[list[int], int | None]:
                if not header and len(names) == len(wanted):
                    return list(range(len(wanted))), None
                return select_queries(names, wanted, label, drop)

            columns = _read(file, kind, select, header=header)
            X = columns.X
        return X, None if columns.labels is None else as_labels(columns.labels, y_train)


def _read(file: Path, kind: str, select: Select, *, header: bool) -> Columns:
    if kind in _PARQUET:
        return read_parquet(file, select)
    return read_delimited(file, _DELIMITERS[kind], select, header=header)


def _without(drop: list[str], columns: Columns) -> Columns:
    """Leave columns of an NPZ file out."""
    if not drop:
        return columns
    # The label is an array of its own, so no position is wanted of it.
    names = [*(columns.feature_names or default_names(columns.X.shape[1])), ""]
    kept, _ = select_training(names, "", drop)
    return columns._replace(
        X=np.ascontiguousarray(columns.X[:, kept]), feature_names=[names[j] for j in kept]
    )


def _features_of_npz(columns: Columns, wanted: list[str], drop: list[str]) -> NDArray[np.float64]:
    X, names = columns.X, columns.feature_names
    if names is None and drop and X.shape[1] != len(wanted):
        names = default_names(X.shape[1])
    if names is not None:
        return np.ascontiguousarray(X[:, select_queries(names, wanted, None, drop)[0]])
    if X.shape[1] != len(wanted):
        raise InvalidInput(
            f"expected {len(wanted)} columns in X, as in the training table, got {X.shape[1]}; both need the "
            "same features"
        )
    return X


def _as_names(drop: Collection[str]) -> list[str]:
    if isinstance(drop, str) or not all(isinstance(name, str) for name in drop):
        raise TypeError(f"drop must be a list of column names, got {drop!r}")
    return list(drop)


# --- files --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _errors_name(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the file, which has to be one that can be read; name it in whatever is wrong with its content."""
    file = Path(path).expanduser()
    shown = printable(file)
    if file.is_dir():
        raise IsADirectoryError(f"{shown}: expected a file ({_KNOWN}), got a folder")
    if not file.exists():
        raise FileNotFoundError(f"{shown}: there is no such file; check the path")
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe may never come, a device never end
            raise InvalidInput("expected a file, got a device, a pipe or a socket; save the table as a file")
        open(file, "rb").close()  # a file that may not be read fails here, as an OSError that says so
        yield file
    except InvalidInput as error:
        raise InvalidInput(f"{shown}: {error}") from error.__cause__
    except ImportError as error:
        raise ImportError(f"{shown}: {error}") from error.__cause__


def _kind(file: Path) -> str:
    """Return the suffix that says how to read the file, in lower case and without .gz."""
    name = file.name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    if suffix in _DELIMITERS or (suffix in (*_PARQUET, ".npz") and not name.endswith(".gz")):
        return suffix
    remedy = "unpack it" if suffix in (*_PARQUET, ".npz") else _BY_SUFFIX.get(suffix, "rename or convert it")
    raise InvalidInput(
        f"expected a file name that ends in one of {_KNOWN}, got {quoted(file.name)}; {remedy}"
    )


def _check_header(header: bool, kind: str) -> None:
    if not header and kind not in _DELIMITERS:
        raise InvalidInput("--no-header (header=False) is for CSV and TSV; leave it out")
