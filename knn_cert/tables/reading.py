"""Read a user's table, of any kind, into clean numbers and labels, or refuse it."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._printing import listed
from ..gate.errors import InvalidInput
from .archives import table_in
from .arrow import read_arrow
from .coding import Coding
from .columns import Select, select_queries, select_training
from .deciding import decide, decimal_sign_of
from .delimited import read_delimited
from .doubts import warn_of_row_numbers
from .encodings import check_encoding, in_utf8
from .excel import read_excel
from .files import ARROW, PARQUET, TEXT, errors_name
from .frames import is_frame, read_frame
from .labels import as_labels
from .layout import Manner
from .missing import Fills, as_fills, drop_incomplete
from .npz import Arrays, default_names, read_npz
from .parquet import read_parquet
from .plain import coding_of_numbers, plain_numbers
from .raw import Raw

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FRAME = "frame"


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
    decided : Coding or None
        The coding by which ``X`` was made, where more than numbers was read; see `coding`.
    row_numbers : ndarray of shape (n,), or None
        Which rows of the file these are, from 0, where others were left out.
    """

    X: NDArray[np.float64]
    y: NDArray[Any]
    feature_names: list[str]
    label_name: str
    decided: Coding | None = None
    row_numbers: NDArray[np.int64] | None = None

    @functools.cached_property
    def coding(self) -> Coding:
        """What became of each column but the label; `read_queries` codes another table in the same way."""
        return self.decided or coding_of_numbers(self.feature_names, self.X.T)


class Queries(NamedTuple):
    """Rows to certify.

    Attributes
    ----------
    X : ndarray of shape (m, d), float64
        Finite numbers, columns in the order of the training table's features.
    y : ndarray of shape (m,), or None
        Labels, if the file has any.
    row_numbers : ndarray of shape (m,)
        Which rows of the file these are, from 0.
    """

    X: NDArray[np.float64]
    y: NDArray[Any] | None
    row_numbers: NDArray[np.int64]


def read_table(
    path: Any,
    label: str | int | None,
    *,
    header: bool = True,
    drop: Collection[str] = (),
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    encode: bool = False,
    fill: Any = None,
    missing: str = "refuse",
) -> Table:
    """Read a labelled table.

    Parameters
    ----------
    path : path-like or data frame
        Text: ``.csv``, ``.tsv``, ``.txt``, ``.data``, also gzipped, or alone in a ``.zip``; lines on
        top that begin with # or % are comments. ``.xlsx`` with one sheet that is not empty (needs openpyxl).
        ``.parquet``, a folder of them, whose subfolders ``name=value`` are columns, ``.feather`` and
        ``.arrow`` (need pandas and pyarrow), where an index with a name is a column. ``.npz`` with the arrays
        ``X`` (n, d) and ``y`` (n,), and optionally ``feature_names`` (d,). A compressed file may unpack to
        256 MiB, or to 100 times its size if that is more. In the place of a file: a DataFrame of pandas or
        polars, or a Table of pyarrow.
    label : str, int or None
        Name of the label column, or its position (0 is the first column, -1 the last) if no column has that
        name. For NPZ the name of the array with the labels. None means ``y`` in an NPZ file and is an error
        elsewhere.
    header : bool, default=True
        Whether the first line of a text or a sheet names the columns; without it they are called 0, 1, 2, ...
    drop : collection of str
        Names of columns that are left out.
    separator : str, optional
        What stands between the cells of a text: one character, "tab", or "blanks" for runs of blanks. By
        default it is found out.
    decimal : {".", ","}, optional
        The sign in front of decimals in a text. By default it is found out: a comma where the separator is
        another one, every cell with a comma is a number with one, and not all of these may be thousands.
    encoding : str, optional
        That of a text, by a name that Python knows, such as "cp1252". By default UTF-8, or UTF-16 where the
        first bytes say so.
    encode : bool, default=False
        Whether columns of text become numbers: true and false, yes and no become 1 and 0; 5 % becomes 0.05;
        1,234.5 and $7 become numbers; dates become days since 1970-01-01; text with at most 50 different
        words, and at most half as many as rows, becomes one feature a word, in which 1/sqrt(2) stands for
        yes, so that two rows of different words are at distance 1. Text with more words, columns of ids and
        columns with one value are left out, which a warning says. See `Coding` for what a certificate then
        says.
    fill : float or mapping, optional
        A constant that stands in for missing values, or constants by column names (None names all others).
        Missing text becomes a category of its own, or the word that is given for its column.
    missing : {"refuse", "drop-rows"}, default="refuse"
        Whether a table with missing values is refused, or rows with one are left out, each for itself.

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
        a feature holds text, missing values or infinity and nothing is said of them; a line has too many or
        too few cells; names repeat, or are numbers as in a row of data; the table is empty or too large; the
        file is cut off, not UTF-8 or of an unknown kind; separators, numbers or dates are ambiguous.
    ImportError
        If a package is missing that this kind of file needs; the message says how to install it.

    Warns
    -----
    TableWarning
        If a feature seems to number the rows; if columns or rows are left out.
    """
    if not (label is None or isinstance(label, (str, int))) or isinstance(label, bool):
        raise TypeError(f"label must be a column name or position, got {type(label).__name__}")
    drop, fills, drop_missing = _as_names(drop), as_fills(fill), _as_choice(missing)
    is_plain = not encode and not drop_missing and fill is None
    manner = Manner(header, separator, decimal, encode=encode, encoding=encoding)
    with _source(path, manner) as (file, kind):
        if kind == ".npz":
            name = "y" if label is None else str(label)
            arrays = read_npz(file, name, required=True, complete=is_plain).without(drop)
            if is_plain:
                names = arrays.names or default_names(arrays.X.shape[1])
                table = Table(arrays.X, as_labels(arrays.labels), names, arrays.label_name)
            else:
                table = _coded(_raw_of(arrays), fills, encode=encode, drop_missing=drop_missing)
        elif label is None:
            raise InvalidInput("expected the name of the label column, got none; name it (--label COLUMN)")
        else:

            def select(names: list[str]) -> tuple[list[int], int | None]:
                return select_training(names, str(label), drop)

            raw = _read(file, kind, select, manner)
            if encode and raw.unit == "line" and raw.decimal is None and decimal_sign_of(raw) == ",":
                # Other columns may have a point between thousands, which was read as if decimals followed.
                raw = _read(file, kind, select, manner._replace(decimal=","))
            if is_plain:
                table = Table(plain_numbers(raw), as_labels(raw.labels), raw.names, str(raw.label_name))
            else:
                table = _coded(raw, fills, encode=encode, drop_missing=drop_missing)
    if not encode:
        warn_of_row_numbers(table.X, table.feature_names)
    return table


def _coded(raw: Raw, fills: Fills, *, encode: bool, drop_missing: bool) -> Table:
    fills.check_names(raw.names)
    row_numbers = None
    if drop_missing:
        raw, row_numbers = _complete(raw)
    if encode:
        coding = decide(raw, fills, drop_missing=drop_missing)
    else:
        coding = coding_of_numbers(raw.names, raw.columns, fills.of_number, drop_missing=drop_missing)
    used = set(coding.column_names)
    X = coding.apply(raw.with_columns([name in used for name in raw.names]))
    return Table(X, as_labels(raw.labels), coding.feature_names, str(raw.label_name), coding, row_numbers)


def _complete(raw: Raw) -> tuple[Raw, NDArray[np.int64]]:
    """Leave out rows with missing values, and return the numbers of the others as well."""
    every = np.asarray(raw.places)
    raw = drop_incomplete(raw)
    return raw, np.searchsorted(every, np.asarray(raw.places))


def read_queries(
    path: Any,
    feature_names: Sequence[str],
    label: str | None = None,
    *,
    y_train: NDArray[Any] | None = None,
    header: bool = True,
    drop: Collection[str] = (),
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    coding: Coding | None = None,
) -> Queries:
    """Read a table of queries whose columns have the names of a training table's.

    Parameters
    ----------
    path : path-like or data frame
        As in `read_table`.
    feature_names : sequence of str
        The training table's features. Columns may come in any order; an NPZ file without ``feature_names``,
        and a file without a header line and without labels, is taken in its own order.
    label : str, optional
        The training table's label name. The column may be absent. (An NPZ file without an array of this name
        gives its ``y``, if it has one.)
    y_train : ndarray, optional
        The training labels: labels are then given in their type, so that the two can be compared.
    header, drop, separator, decimal, encoding
        As in `read_table`; a column that is left out may be absent.
    coding : Coding, optional
        The training table's coding: columns become features in the same way, missing values are filled or
        their rows left out as there, and columns that it leaves out may be absent.

    Returns
    -------
    Queries

    Raises
    ------
    ValueError
        If columns are missing or superfluous, if the coding makes other features, or for the reasons of
        `read_table`.
    FileNotFoundError, OSError, ImportError
        As in `read_table`.

    Warns
    -----
    TableWarning
        If words are no category of the coding (their features are all 0), or rows are left out.
    """
    drop = _as_names(drop)
    if coding is not None and coding.feature_names != list(feature_names):
        raise InvalidInput(
            f"expected the features of the coding ({listed(coding.feature_names)}), got "
            f"{listed(feature_names)}"
        )
    manner = Manner(header, separator, decimal, encoding=encoding)
    wanted = in_order = list(feature_names)
    if coding is not None:
        wanted, in_order = coding.column_names, [column.name for column in coding.columns]
        drop += coding.left_out
        manner = _as_coded(coding, manner)

    def select(names: list[str]) -> tuple[list[int], int | None]:
        if not header and len(names) == len(in_order):
            position = {name: j for j, name in enumerate(in_order)}
            return [position[name] for name in wanted], None
        return select_queries(names, wanted, label, drop)

    with _source(path, manner) as (file, kind):
        if kind == ".npz":
            arrays = read_npz(file, label or "y", required=False, complete=coding is None)
            arrays = arrays.wanted(wanted, drop)
            if coding is None:
                y = None if arrays.labels is None else as_labels(arrays.labels, y_train)
                return Queries(arrays.X, y, np.arange(len(arrays.X)))
            raw = _raw_of(arrays)
        else:
            raw = _read(file, kind, select, manner)
        row_numbers = np.arange(len(raw.places))
        if coding is not None and coding.drop_missing:
            raw, row_numbers = _complete(raw)
        X = plain_numbers(raw) if coding is None else coding.apply(raw)
        return Queries(X, None if raw.labels is None else as_labels(raw.labels, y_train), row_numbers)


def _as_coded(coding: Coding, manner: Manner) -> Manner:
    """Add how the file of the training table was read."""
    # What a point in front of three digits means has been settled there.
    signs = {column.decimal for column in coding.columns if column.encoded and column.features}
    return manner._replace(
        encode=any(column.encoded for column in coding.columns),
        likely_decimal="," if signs == {","} else None,
        words=frozenset(column.name for column in coding.columns if column.is_written),
    )


@contextlib.contextmanager
def _source(path: Any, manner: Manner) -> Iterator[tuple[Any, str]]:
    """Give what is read and its kind; options for texts are refused for what is none."""
    if is_frame(path):
        try:
            _check_manner(manner, _FRAME)
            yield path, _FRAME
        except InvalidInput as error:
            raise InvalidInput(f"{type(path).__name__}: {error}") from error.__cause__
        return
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(
            "a table must be a path, a DataFrame of pandas or polars, or a Table of pyarrow, got "
            f"{type(path).__module__}.{type(path).__name__}"
        )
    with errors_name(path) as (file, kind):
        _check_manner(manner, kind)
        if kind == ".zip":
            with table_in(file) as member, in_utf8(member, manner.encoding) as text:
                yield text, text.suffix
        elif kind in TEXT:
            with in_utf8(file, manner.encoding) as text:
                yield text, kind
        else:
            yield file, kind


def _read(source: Any, kind: str, select: Select, manner: Manner) -> Raw:
    if kind == _FRAME:
        return read_frame(source, select)
    if kind in PARQUET:
        return read_parquet(source, select)
    if kind in ARROW:
        return read_arrow(source, select)
    if kind == ".xlsx":
        return read_excel(source, select, header=manner.header, encode=manner.encode)
    return read_delimited(source, select, _named(source, manner))


def _named(file: Path, manner: Manner) -> Manner:
    """Add what the name of a text says of it."""
    name = file.name.lower().removesuffix(".gz")
    return manner._replace(
        usual="\t" if name.endswith(".tsv") else ",", blanks=name.endswith((".txt", ".data"))
    )


def _raw_of(arrays: Arrays) -> Raw:
    names = arrays.names or default_names(arrays.X.shape[1])
    places = range(1, len(arrays.X) + 1)
    return Raw(names, list(arrays.X.T), arrays.labels, arrays.label_name, "row", places)


def _check_manner(manner: Manner, kind: str) -> None:
    if not manner.header and kind not in (*TEXT, ".zip", ".xlsx"):
        raise InvalidInput("--no-header (header=False) is for CSV and TSV, texts and workbooks; leave it out")
    if (manner.separator or manner.decimal or manner.encoding) and kind not in (*TEXT, ".zip"):
        raise InvalidInput(
            "--separator, --decimal and --encoding (separator=, decimal=, encoding=) are for texts; leave "
            "them out"
        )
    check_encoding(manner.encoding)


def _as_names(drop: Collection[str]) -> list[str]:
    if isinstance(drop, str) or not all(isinstance(name, str) for name in drop):
        raise TypeError(f"drop must be a list of column names, got {drop!r}")
    return list(drop)


def _as_choice(missing: str) -> bool:
    """Return whether rows with missing values are left out."""
    if missing not in ("refuse", "drop-rows"):
        raise InvalidInput(f"missing must be 'refuse' or 'drop-rows', got {missing!r}")
    return missing == "drop-rows"
