"""Read a user's table, of any kind, into clean numbers and labels, or refuse it."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .coding import Coding
from .columns import as_names, selecting_training
from .deciding import decide, decimal_sign_of
from .doubts import warn_of_row_numbers
from .labels import as_labels
from .layout import Manner
from .missing import Fills, as_choice, as_fills, complete
from .npz import default_names, read_npz
from .plain import coding_of_numbers, plain_numbers
from .raw import Raw
from .source import read_raw, source

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    drop, fills, drop_missing = as_names(drop), as_fills(fill), as_choice(missing)
    is_plain = not encode and not drop_missing and fill is None
    manner = Manner(header, separator, decimal, encode=encode, encoding=encoding)
    with source(path, manner) as (file, kind):
        if kind == ".npz":
            name = "y" if label is None else str(label)
            arrays = read_npz(file, name, required=True, complete=is_plain).without(drop)
            if is_plain:
                names = arrays.names or default_names(arrays.X.shape[1])
                table = Table(arrays.X, as_labels(arrays.labels), names, arrays.label_name)
            else:
                table = _coded(arrays.as_raw(), fills, encode=encode, drop_missing=drop_missing)
        else:
            select = selecting_training(label, drop)
            raw = read_raw(file, kind, select, manner)
            if encode and raw.unit == "line" and raw.decimal is None and decimal_sign_of(raw) == ",":
                # Other columns may have a point between thousands, which was read as if decimals followed.
                raw = read_raw(file, kind, select, manner._replace(decimal=","))
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
        raw, row_numbers = complete(raw)
    if encode:
        coding = decide(raw, fills, drop_missing=drop_missing)
    else:
        coding = coding_of_numbers(raw.names, raw.columns, fills.of_number, drop_missing=drop_missing)
    used = set(coding.column_names)
    X = coding.apply(raw.with_columns([name in used for name in raw.names]))
    return Table(X, as_labels(raw.labels), coding.feature_names, str(raw.label_name), coding, row_numbers)
