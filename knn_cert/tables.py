"""Read a user's table (CSV, TSV, Parquet, NPZ) into clean numbers and labels, or refuse it; hold rows out."""

from __future__ import annotations

import contextlib
import csv
import difflib
import gzip
import io
import math
import os
import re
import zipfile
import zlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_PARQUET = (".parquet", ".pq")
_KNOWN = ".csv, .tsv, .csv.gz, .tsv.gz, .parquet, .npz"
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}(\.0*)?")
_INT64 = np.iinfo(np.int64)
_SHOWN = 5  # defects of one kind that a message lists


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


class Split(NamedTuple):
    """The four parts of a hold-out split, in scikit-learn's order."""

    X_train: NDArray[Any]
    X_test: NDArray[Any]
    y_train: NDArray[Any]
    y_test: NDArray[Any]


# From the column names: the positions of the features, in the order wanted, and of the label if there is one.
_Select = Callable[[list[str]], "tuple[list[int], int | None]"]


class _Columns(NamedTuple):
    """What a reader of one kind of file returns; ``labels`` are not converted yet."""

    X: NDArray[np.float64]
    labels: Any
    feature_names: list[str] | None
    label_name: str | None


def read_table(path: str | os.PathLike[str], label: str | int | None) -> Table:
    """Read a labelled table.

    Parameters
    ----------
    path : path-like
        ``.csv`` or ``.tsv`` with a header line, UTF-8, also gzipped; ``.parquet`` (needs pandas and pyarrow);
        ``.npz`` with the arrays ``X`` (n, d) and ``y`` (n,), and optionally ``feature_names`` (d,).
    label : str, int or None
        Name of the label column, or its position (0 is the first column, -1 the last) if no column has that
        name. For NPZ the name of the array with the labels. None means ``y`` in an NPZ file and is an error
        elsewhere.

    Returns
    -------
    Table
        Every column but the label is a feature.

    Raises
    ------
    FileNotFoundError, OSError
        If the file cannot be opened.
    ValueError
        If the label column is missing; a feature holds text, missing values or infinity; a line has too many
        or too few cells; names repeat; the table is empty; the file is cut off, not UTF-8 or of an unknown
        kind.
    ImportError
        If Parquet is asked for without pandas and pyarrow.
    """
    if not (label is None or isinstance(label, (str, int))) or isinstance(label, bool):
        raise TypeError(f"label must be a column name or position, got {type(label).__name__}")
    file = _existing_file(path)
    if _kind(file) == ".npz":
        columns = _read_npz(file, "y" if label is None else str(label), required=True)
    elif label is None:
        raise ValueError(f"{file}: expected the name of the label column, got none; name it (--label COLUMN)")
    else:
        columns = _read_columns(file, lambda names: _all_but(names, str(label), file))
    names = columns.feature_names or [f"x{j}" for j in range(columns.X.shape[1])]
    return Table(columns.X, _as_labels(columns.labels, file), names, str(columns.label_name))


def read_queries(
    path: str | os.PathLike[str],
    feature_names: Sequence[str],
    label: str | None = None,
    *,
    y_train: NDArray[Any] | None = None,
) -> tuple[NDArray[np.float64], NDArray[Any] | None]:
    """Read a table of queries whose columns have the names of a training table's.

    Parameters
    ----------
    path : path-like
        As in `read_table`.
    feature_names : sequence of str
        The training table's features. Columns may come in any order; an NPZ file without ``feature_names`` is
        taken in its own order.
    label : str, optional
        The training table's label name. The column may be absent. (An NPZ file without an array of this name
        gives its ``y``, if it has one.)
    y_train : ndarray, optional
        The training labels: labels are then given in their type, so that the two can be compared.

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
    wanted = list(feature_names)
    file = _existing_file(path)
    if _kind(file) == ".npz":
        columns = _read_npz(file, label or "y", required=False)
        X = columns.X
        if columns.feature_names is not None:
            X = np.ascontiguousarray(X[:, _match(columns.feature_names, wanted, None, file)])
        elif X.shape[1] != len(wanted):
            raise ValueError(
                f"{file}: expected {len(wanted)} columns in X, as in the training table, got {X.shape[1]}; "
                "both need the same features"
            )
    else:

        def select(names: list[str]) -> tuple[list[int], int | None]:
            position = names.index(label) if label is not None and label in names else None
            return _match(names, wanted, position, file), position

        columns = _read_columns(file, select)
        X = columns.X
    return X, None if columns.labels is None else _as_labels(columns.labels, file, y_train)


def split_holdout(X: NDArray[Any], y: NDArray[Any], test_size: float = 0.2, random_state: int = 0) -> Split:
    """Hold rows out for testing: shuffled, stratified by class, reproducible.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    test_size : float in (0, 1) or int in [1, n)
        Fraction of the rows to hold out (rounded up), or their number.
    random_state : int
        Seed: the same rows, labels and seed give the same split.

    Returns
    -------
    Split
        ``X_train, X_test, y_train, y_test``.

    Raises
    ------
    ValueError
        If a class has fewer than two rows, or the test size leaves fewer rows than classes on either side.
    """
    train, test = holdout_rows(y, test_size, random_state)
    return Split(X[train], X[test], y[train], y[test])


def holdout_rows(
    y: NDArray[Any], test_size: float = 0.2, random_state: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the row numbers (train, test) of the split that `split_holdout` makes."""
    y = np.asarray(y)
    n = len(y)
    if isinstance(test_size, bool) or not isinstance(test_size, (int, float, np.integer, np.floating)):
        raise TypeError(f"test_size must be a number, got {type(test_size).__name__}")
    whole = isinstance(test_size, (int, np.integer))
    if not (1 <= test_size < n if whole else 0 < test_size < 1):
        raise ValueError(
            f"test_size must be a fraction in (0, 1) or a number of rows in [1, {n}), got {test_size}"
        )
    classes, counts = np.unique(y, return_counts=True)
    if (counts < 2).any():
        rare = ", ".join(repr(c.item()) for c in classes[counts < 2][:_SHOWN])
        raise ValueError(
            f"a stratified hold-out needs at least 2 rows of every class, got 1 of {(counts < 2).sum()} "
            f"class(es): {rare}; add rows, remove these classes, or give the test rows as a table of their "
            "own (and check that the label column is not a measurement)"
        )
    n_test = int(test_size) if whole else math.ceil(test_size * n)
    if min(n_test, n - n_test) < len(classes):
        raise ValueError(
            f"a stratified hold-out needs at least one row of each of {len(classes)} classes on both sides, "
            f"got {n - n_test} training and {n_test} test rows; change test_size"
        )
    from sklearn.model_selection import train_test_split  # imported late: it takes a second

    train, test = train_test_split(np.arange(n), test_size=test_size, random_state=random_state, stratify=y)
    return train, test


# --- files --------------------------------------------------------------------------------------------------


def _existing_file(path: str | os.PathLike[str]) -> Path:
    file = Path(path).expanduser()
    if file.is_dir():
        raise IsADirectoryError(f"{file}: expected a file ({_KNOWN}), got a folder")
    if not file.exists():
        raise FileNotFoundError(f"{file}: there is no such file; check the path")
    _kind(file)
    open(file, "rb").close()  # a file that may not be read fails here, as an OSError that says so
    return file


def _kind(file: Path) -> str:
    """Return the suffix that says how to read the file, in lower case and without .gz."""
    name = file.name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    if suffix in _DELIMITERS or (suffix in (*_PARQUET, ".npz") and not name.endswith(".gz")):
        return suffix
    raise ValueError(
        f"{file}: expected a file name that ends in one of {_KNOWN}, got {file.name!r}; rename or convert it"
    )


def _read_columns(file: Path, select: _Select) -> _Columns:
    kind = _kind(file)
    if kind in _PARQUET:
        return _read_parquet(file, select)
    return _read_delimited(file, _DELIMITERS[kind], select)


def _read_delimited(file: Path, delimiter: str, select: _Select) -> _Columns:
    """Read the columns that ``select`` chooses from a CSV or TSV file."""
    try:
        with open(file, "rb") as raw:
            # Told by the first bytes: what is called .csv.gz has often been unpacked on the way.
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            binary = gzip.GzipFile(fileobj=raw) if packed else raw
            with io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as stream:
                # strict: a quote left open (a file that is cut off) is an error instead of one enormous cell
                reader = csv.reader(stream, delimiter=delimiter, strict=True)
                try:
                    return _read_rows(file, reader, delimiter, select)
                except csv.Error as error:
                    raise ValueError(
                        f"{file}, line {reader.line_num}: expected cells separated by {delimiter!r} and "
                        f"quotes in pairs, got: {error}; the file may be cut off"
                    ) from error
    except UnicodeDecodeError:
        raise _encoding_error(file) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{file}: expected a whole gzip file, got one that is cut off or corrupt: {error}"
        ) from error


def _read_rows(file: Path, reader: Any, delimiter: str, select: _Select) -> _Columns:
    header = next(reader, None)
    while header is not None and not any(cell.strip() for cell in header):
        header = next(reader, None)
    if header is None:
        raise ValueError(f"{file}: expected a header line and rows, got an empty file")
    names = [cell.strip() for cell in header]
    _check_names(names, file)
    if len(names) == 1:
        for other in (";", "\t", ",", "|"):
            if other in names[0]:
                raise ValueError(
                    f"{file}: expected columns separated by {delimiter!r}, got {other!r} in the header line; "
                    f"save it with {delimiter!r}, or as .tsv if it is separated by tabs"
                )
    if all(_is_number(name) for name in names) and names != [str(j) for j in range(len(names))]:
        raise ValueError(
            f"{file}: expected a header line with column names, got numbers ({', '.join(names[:3])}, ...); "
            "add a header"
        )
    features, label = select(names)
    d, n_columns = len(features), len(names)
    pick = itemgetter(*features) if d > 1 else lambda row: (row[features[0]],)
    values, lines, labels = array("d"), array("q"), []
    defects = _Defects(file, "line")
    for row in reader:
        if not row:  # an empty line, at the end of many files
            continue
        if len(row) != n_columns:
            line = reader.line_num
            is_last = next(reader, None) is None
            remedy = (
                "the file seems to be cut off here"
                if is_last and len(row) < n_columns
                else "correct the line"
            )
            raise ValueError(
                f"{file}, line {line}: expected {n_columns} cells as in the header, got {len(row)}; {remedy}"
            )
        cells = pick(row)
        lines.append(reader.line_num)
        if label is not None:
            labels.append(row[label].strip())
            if not labels[-1]:
                defects.add("missing", names[label], reader.line_num, "")
        if not defects.text:
            try:
                # Python's float() takes 1_000 for 1000; a table that says so means text
                if "_" in "".join(cells):
                    raise ValueError
                values.extend(map(float, cells))
                continue
            except ValueError:
                pass
        for j, cell in zip(features, cells, strict=True):
            _note_defect(defects, names[j], reader.line_num, cell)
        if not defects.text:
            # Only missing values so far; they will be reported at the end, and the row only keeps its place.
            del values[(len(lines) - 1) * d :]
            values.extend([0.0] * d)
    if not lines:
        raise ValueError(f"{file}: expected rows below the header line, got none")
    defects.check()
    X = np.frombuffer(values, dtype=np.float64).reshape(-1, d)
    feature_names = [names[j] for j in features]
    _check_finite(X, feature_names, _Defects(file, "line"), lines)
    if label is None:
        return _Columns(X, None, feature_names, None)
    return _Columns(X, labels, feature_names, names[label])


def _read_parquet(file: Path, select: _Select) -> _Columns:
    """Read the columns that ``select`` chooses from a Parquet file."""
    try:
        import pandas as pd
        import pyarrow  # noqa: F401  (pandas asks for it only later, with another message)
    except ImportError as error:
        raise ImportError(
            f"{file}: reading Parquet needs pandas and pyarrow ({error}); install them with "
            "pip install 'knn-cert[parquet]', or save the table as CSV"
        ) from error
    try:
        frame = pd.read_parquet(file, engine="pyarrow")
    except Exception as error:  # a damaged file also breaks pandas' own notes in it, in any manner
        raise ValueError(
            f"{file}: expected a whole Parquet file, got one that cannot be read: {error}"
        ) from error
    names = [str(name).strip() for name in frame.columns]
    _check_names(names, file)
    features, label = select(names)
    if not len(frame):
        raise ValueError(f"{file}: expected rows, got none")
    defects = _Defects(file, "row")
    X = np.empty((len(frame), len(features)))
    for k, j in enumerate(features):
        column = frame.iloc[:, j]
        if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype):
            X[:, k] = column.to_numpy(dtype=np.float64, na_value=np.nan)
            continue
        X[:, k] = 0.0
        filled = np.flatnonzero(column.notna().to_numpy())
        if filled.size:
            defects.add("text", names[j], int(filled[0]) + 1, str(column.iloc[filled[0]]))
        else:
            defects.add("missing", names[j], 1, "")
    y = None
    if label is not None:
        column = frame.iloc[:, label]
        for row in np.flatnonzero(column.isna().to_numpy())[:_SHOWN]:
            defects.add("missing", names[label], int(row) + 1, "")
        if not defects.missing:
            plain = pd.api.types.is_numeric_dtype(column.dtype)
            y = column.to_numpy() if plain else np.array([str(v) for v in column])
            if y.dtype == object:  # pandas' nullable numbers
                y = np.array(y.tolist())
    defects.check()
    feature_names = [names[j] for j in features]
    _check_finite(X, feature_names, _Defects(file, "row"), range(1, len(X) + 1))
    return _Columns(X, y, feature_names, None if label is None else names[label])


def _read_npz(file: Path, label: str, *, required: bool) -> _Columns:
    """Read the arrays of an NPZ file; feature names are None if it has none."""
    if not zipfile.is_zipfile(file):
        raise ValueError(f"{file}: expected a whole NPZ file, got one that is cut off or something else")
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = archive.files
            listing = f"the file has: {', '.join(arrays) or 'no arrays'}"
            if "X" not in arrays:
                raise ValueError(f"expected an array X (n, d) of features; {listing}")
            name = label if label in arrays else "y"
            if label == "X" or (required and label not in arrays):
                raise ValueError(f"expected an array {label!r} with the labels, beside X; {listing}")
            X = archive["X"]
            y = archive[name] if name in arrays else None
            names = archive["feature_names"] if "feature_names" in arrays else None
    except ValueError as error:  # ours, and NumPy's refusal to unpickle
        raise ValueError(f"{file}: {error}") from error
    except Exception as error:  # zipfile and NumPy name no closed set of errors for a damaged file
        raise ValueError(
            f"{file}: expected a whole NPZ file, got one that cannot be read: {error}"
        ) from error
    if X.ndim != 2:
        raise ValueError(
            f"{file}: expected X of shape (n, d), got {X.shape}; flatten each row, X.reshape(len(X), -1)"
        )
    if X.dtype.kind not in "biuf":
        raise ValueError(f"{file}: expected numbers in X, got the type {X.dtype}; encode text as numbers")
    if X.size == 0:
        raise ValueError(f"{file}: expected rows and columns in X, got the shape {X.shape}")
    if y is not None and y.shape != X.shape[:1]:
        raise ValueError(f"{file}: expected one label a row, {name} of shape ({len(X)},), got {y.shape}")
    if y is not None and y.dtype.kind == "f" and np.isnan(y).any():
        row = int(np.argmax(np.isnan(y))) + 1
        raise ValueError(f"{file}: expected a label in every row, got NaN in row {row} of {name}")
    listed = None
    if names is not None:
        if names.shape != X.shape[1:]:
            raise ValueError(
                f"{file}: expected {X.shape[1]} feature_names, as X has columns, got the shape {names.shape}"
            )
        listed = [_text(v) for v in names.tolist()]
        _check_names(listed, file)
    X = np.ascontiguousarray(X, dtype=np.float64)
    shown = listed or [f"x{j}" for j in range(X.shape[1])]
    _check_finite(X, shown, _Defects(file, "row"), range(1, len(X) + 1))
    return _Columns(X, y, listed, name)


def _encoding_error(file: Path) -> ValueError:
    """Find the line that is not UTF-8 (the decoder works in blocks and does not know)."""
    where = ""
    # Where the gzip stream breaks off before that line is found, the line stays unnamed.
    with open(file, "rb") as raw, contextlib.suppress(EOFError, OSError, zlib.error):
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        for number, line in enumerate(gzip.GzipFile(fileobj=raw) if packed else raw, start=1):
            try:
                line.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                where = f" in line {number} (byte 0x{line[error.start]:02x})"
                break
    return ValueError(
        f"{file}: expected UTF-8 text, got something else{where}; save the table with the encoding UTF-8"
    )


# --- columns ------------------------------------------------------------------------------------------------


def _check_names(names: list[str], file: Path) -> None:
    if not all(names):
        raise ValueError(
            f"{file}: expected a name for every column, got none for column {names.index('') + 1} (counting "
            "from 1); name it, or remove it if it only numbers the rows"
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"{file}: expected different column names, got {', '.join(map(repr, repeated))} more than once"
        )


def _all_but(names: list[str], label: str, file: Path) -> tuple[list[int], int]:
    """Return the positions of all columns but the label, and the label's."""
    position = _label_position(names, label, file)
    features = [j for j in range(len(names)) if j != position]
    if not features:
        raise ValueError(f"{file}: expected feature columns beside the label {names[position]!r}, got none")
    return features, position


def _label_position(names: list[str], label: str, file: Path) -> int:
    if label in names:
        return names.index(label)
    if re.fullmatch(r"-?[0-9]+", label):
        if -len(names) <= int(label) < len(names):
            return int(label) % len(names)
        raise ValueError(
            f"{file}: expected a label column between 0 and {len(names) - 1} (or -1 for the last), got "
            f"{label}; the columns are {', '.join(names)}"
        )
    near = difflib.get_close_matches(label, names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(f"{file}: there is no label column {label!r}{hint}; the columns are {', '.join(names)}")


def _match(names: list[str], wanted: list[str], label: int | None, file: Path) -> list[int]:
    """Return the position of each wanted feature; every column but the label must be wanted."""
    position = {name: j for j, name in enumerate(names)}
    missing = [name for name in wanted if name not in position or position[name] == label]
    known = set(wanted)
    extra = [name for j, name in enumerate(names) if j != label and name not in known]
    if missing or extra:
        got = [
            f"{what}: {', '.join(which)}"
            for what, which in (("missing", missing), ("not expected", extra))
            if which
        ]
        raise ValueError(
            f"{file}: expected the {len(wanted)} feature columns of the training table (in any order), got "
            f"{len(names)} columns; {'; '.join(got)}"
        )
    return [position[name] for name in wanted]


class _Defects:
    """What is wrong with the cells of a table: the first defect of each column, reported in one message."""

    def __init__(self, file: Path, unit: str) -> None:
        self._file = file
        self._unit = unit
        self.text: dict[str, tuple[int, str]] = {}
        self.missing: dict[str, int] = {}
        self.infinite: dict[str, int] = {}

    def add(self, kind: str, column: str, place: int, cell: str) -> None:
        """Note the first defect of a kind in a column."""
        if kind == "text":
            self.text.setdefault(column, (place, cell))
        else:
            getattr(self, kind).setdefault(column, place)

    def check(self) -> None:
        """Raise ValueError if there is any."""
        if self.text:
            where = self._list(
                f"{column!r} (e.g. {_short(cell)!r}, {self._unit} {place})"
                for column, (place, cell) in self.text.items()
            )
            raise ValueError(
                f"{self._file}: expected numbers in every column but the label, got {len(self.text)} text "
                f"column(s): {where}; encode them as numbers (for example one-hot) or remove them"
            )
        for what, found, remedy in (
            ("missing values", self.missing, "fill them in or remove those rows"),
            ("infinity", self.infinite, "remove those rows or put in finite values"),
        ):
            if found:
                where = self._list(
                    f"{column!r} (first in {self._unit} {place})" for column, place in found.items()
                )
                raise ValueError(
                    f"{self._file}: expected a finite value in every cell, got {what} in {len(found)} "
                    f"column(s): {where}; distances need every value: {remedy}"
                )

    @staticmethod
    def _list(entries: Any) -> str:
        entries = list(entries)
        more = f" and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else ""
        return ", ".join(entries[:_SHOWN]) + more


def _note_defect(defects: _Defects, column: str, line: int, cell: str) -> None:
    if cell.strip().lower() in _MISSING:
        defects.add("missing", column, line, cell)
    elif not _is_number(cell):
        defects.add("text", column, line, cell)
    elif not math.isfinite(float(cell)):
        defects.add("infinite", column, line, cell)


def _check_finite(X: NDArray[np.float64], names: list[str], defects: _Defects, places: Sequence[int]) -> None:
    if np.isfinite(X).all():
        return
    for bad, kind in ((np.isnan(X), "missing"), (np.isinf(X), "infinite")):
        for j in np.flatnonzero(bad.any(axis=0)):
            defects.add(kind, names[j], places[int(np.argmax(bad[:, j]))], "")
    defects.check()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _short(cell: str) -> str:
    return cell if len(cell) <= 40 else cell[:37] + "..."


# --- labels -------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()


def _is_integer(cell: str) -> bool:
    return bool(_INTEGER.fullmatch(cell)) and _INT64.min <= _integer(cell) <= _INT64.max


def _integer(cell: str) -> int:
    return int(cell.partition(".")[0])


def _as_labels(values: Any, file: Path, y_train: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return labels as int64 if all are integers (1.0 is one), else as str; or in the type of ``y_train``."""
    if isinstance(values, np.ndarray):
        values = (values.astype(np.int64) if values.dtype.kind == "b" else values).tolist()
    cells = [_text(value) for value in values]
    if "" in cells:
        raise ValueError(f"{file}: expected a label in every row, got none in row {cells.index('') + 1}")
    odd = next((cell for cell in dict.fromkeys(cells) if not _is_integer(cell)), None)
    kind = None if y_train is None else np.asarray(y_train).dtype.kind
    if odd is not None and kind in ("i", "u"):
        raise ValueError(
            f"{file}: expected integer labels, as in the training table, got {_short(odd)!r} in row "
            f"{cells.index(odd) + 1}; give both tables the same labels"
        )
    if odd is not None or kind in ("U", "S", "O"):
        return np.array(cells, dtype=str)
    return np.array([_integer(cell) for cell in cells], dtype=np.int64)
