"""Parquet files as arrays of Dask: the client reads what files say of themselves, workers read the rows."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

from .._printing import listed, printable, quoted
from ..gate.errors import InvalidInput
from ..gate.numbers import as_whole_number
from ..tables import parquet_files
from ..tables.coding import note_labels
from ..tables.columns import as_names, column_position, select_training
from ..tables.defects import Defects
from ..tables.files import PARQUET, errors_name, naming
from ..tables.labels import as_labels
from ..tables.parquet import ParquetHead, ParquetParts
from ..tables.plain import plain_numbers
from .chunks import even_chunks
from .frames import ReadArray

__all__ = ["read_parquet"]

# A chunk has no more bytes than that as float64.
_PART_BYTES = 64 << 20


@overload
def read_parquet(
    path: str | os.PathLike[str],
    label: None,
    *,
    columns: Sequence[str] | None = None,
    drop: Collection[str] = (),
    rows_a_part: int | None = None,
) -> Any: ...


@overload
def read_parquet(
    path: str | os.PathLike[str],
    label: str | int,
    *,
    columns: Sequence[str] | None = None,
    drop: Collection[str] = (),
    rows_a_part: int | None = None,
) -> tuple[Any, Any]: ...


def read_parquet(
    path: str | os.PathLike[str],
    label: str | int | None,
    *,
    columns: Sequence[str] | None = None,
    drop: Collection[str] = (),
    rows_a_part: int | None = None,
) -> Any:
    """Return a table in Parquet as arrays of Dask, without reading its rows.

    Parameters
    ----------
    path : path-like
        A file or a folder of files, which every worker can open under this name (made absolute here). Files
        must stay as they are until the work is done: size and times are compared whenever rows are read.
    label : str, int or None
        The column with the labels, by its name or position as in `knn_cert.tables.read_table`; all others are
        features. None for queries without labels: X alone is returned.
    columns : sequence of str, optional
        The features, in this order, where others are to be left out.
    drop : collection of str
        Names of columns that are left out; from queries without labels they may be absent.
    rows_a_part : int, optional
        How many rows a chunk has at most; left out, as many as are 64 MB as float64. Row groups are put
        together, and large ones are cut, as evenly as it goes. Who reads from the middle of a row group reads
        what lies before it as well: row groups of about this size are read fastest.

    Returns
    -------
    X : dask.array.Array of shape (n, d)
        float32 where all features of all files are stored so, else float64; ``X.feature_names`` are the
        names of its columns.
    y : dask.array.Array of shape (n,)
        int64 where all files store integers, else objects: texts, or whole numbers. To compute it reads this
        column alone.

    Raises
    ------
    TypeError, InvalidInput, OSError
        If there is no table or no such column, or files differ in their columns. What is wrong with cells is
        said by the worker that reads them.
    """
    wanted = _Wanted.of(label, columns, drop)
    with errors_name(path) as (found, kind):
        root = found.absolute()
        if kind not in PARQUET:
            raise InvalidInput(
                f"expected a Parquet file or a folder of them, got {kind}; save the table as Parquet"
            )
        files = parquet_files(root) if root.is_dir() else [root]
        if any("=" in part for file in files if file != root for part in file.relative_to(root).parts[:-1]):
            raise InvalidInput(
                "expected a folder whose subfolders are no columns, got one with name=value; write the "
                "column into the files"
            )
    written = [_written(file) for file in files]
    heads = [_head(file) for file in files]
    with naming(files[0]):
        features, label_at = wanted.select(heads[0].names)
    names = [heads[0].names[j] for j in features]
    for file, head in zip(files, heads, strict=True):
        if head.names != heads[0].names:
            odd = next(iter(sorted({*head.names} ^ {*heads[0].names})), "another order")
            raise InvalidInput(
                f"{printable(file)}: expected the columns of {printable(files[0])} in their order, got "
                f"another: {printable(odd)}"
            )
    most = max(1, _PART_BYTES // (8 * len(names)))
    if rows_a_part is not None:
        most = as_whole_number(rows_a_part, "rows_a_part", least=1)
    parts = [
        _Part(str(file), when, wanted, rows.start, rows.stop)
        for file, when, head in zip(files, written, heads, strict=True)
        for rows in even_chunks(head.groups, most)
    ]
    if not parts:
        raise InvalidInput(f"{printable(path)}: expected rows, got none")
    # One type for all parts, or they are cut to that of one of them where they are put together: texts of
    # fixed lengths, too.
    is_single = all(head.singles.issuperset(names) for head in heads)
    dtype = np.dtype(np.float32 if is_single else np.float64)
    xs = [
        da.from_delayed(dask.delayed(_features, pure=True)(part, dtype), (part.n, len(names)), dtype=dtype)
        for part in parts
    ]
    X = ReadArray.of(da.concatenate(xs), names, [part.place for part in parts])
    if label_at is None:
        return X
    name = heads[0].names[label_at]
    is_whole = all(name in head.wholes for head in heads)
    kind_of_y = np.dtype(np.int64 if is_whole else object)
    ys = [
        da.from_delayed(dask.delayed(_labels, pure=True)(part, name, kind_of_y), (part.n,), dtype=kind_of_y)
        for part in parts
    ]
    return X, da.concatenate(ys)


class _Wanted(NamedTuple):
    """Which columns are features, and which one is the label."""

    label: str | None
    columns: list[str] | None
    drop: list[str]

    @classmethod
    def of(cls, label: str | int | None, columns: Sequence[str] | None, drop: Collection[str]) -> _Wanted:
        """Check what was asked for."""
        if not (label is None or isinstance(label, (str, int))) or isinstance(label, bool):
            raise TypeError(f"label must be a column name or position, or None, got {type(label).__name__}")
        named = None if label is None else str(label)
        if columns is None:
            return cls(named, None, as_names(drop))
        if isinstance(columns, str) or not all(isinstance(name, str) for name in columns):
            raise TypeError(f"columns must be a list of column names, got {columns!r}")
        if as_names(drop):
            raise InvalidInput("columns and drop both say what is left out; give one of them")
        if not len(columns) or len(set(columns)) < len(columns):
            raise InvalidInput(f"columns must be different names, at least one, got {listed(columns)}")
        return cls(named, list(columns), [])

    def select(self, names: list[str]) -> tuple[list[int], int | None]:
        """Return the positions of the features, and of the label if there is one.

        Raises
        ------
        InvalidInput
            If there are no such columns.
        """
        if self.columns is not None:
            label_at = None if self.label is None else column_position(names, self.label)
            for name in self.columns:
                if name not in names or names.index(name) == label_at:
                    got = "the label" if name in names else "no such column"
                    raise InvalidInput(
                        f"expected a feature {quoted(name)}, got {got}; the columns are {listed(names)}"
                    )
            return [names.index(name) for name in self.columns], label_at
        if self.label is not None:
            return select_training(names, self.label, self.drop)
        features = [j for j, name in enumerate(names) if name not in self.drop]
        if not features:
            raise InvalidInput("expected feature columns, got none that is not left out")
        return features, None


class _Part(NamedTuple):
    """Some rows of a file, as it was when its head was read: a file that is written anew is another."""

    file: str
    written: tuple[int, int, int]
    wanted: _Wanted
    start: int
    stop: int

    @property
    def n(self) -> int:
        """How many rows there are."""
        return self.stop - self.start

    @property
    def place(self) -> str:
        """Which rows these are, counted from 1 as all rows of files."""
        return f"rows {self.start + 1} to {self.stop} of {printable(self.file)}"

    @contextlib.contextmanager
    def reading(self) -> Iterator[ParquetParts]:
        """Give the file, name it in what is wrong, and refuse it where it is another now, or becomes one."""
        self._check()
        with naming(self.file):
            try:
                yield ParquetParts(Path(self.file), self.wanted.select)
            finally:
                self._check()

    def _check(self) -> None:
        if _written(Path(self.file)) != self.written:
            raise InvalidInput(
                f"{printable(self.file)}: expected the file that read_parquet saw, got another: the file has "
                "changed since read_parquet (its size or times have); read and fit again, and leave it alone "
                "until the work is done. Copies on several machines have times of their own: let all workers "
                "open the same file"
            )


def _written(file: Path) -> tuple[int, int, int]:
    """Return how large a file is, and when it was written and changed; it is opened, for shares to look."""
    try:
        with open(file, "rb") as opened:
            facts = os.fstat(opened.fileno())
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{printable(file)}: expected the file that read_parquet saw, got none; every worker must be "
            "able to open it under this name"
        ) from None
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _head(file: Path) -> ParquetHead:
    with naming(file):
        return ParquetHead.of(file)


def _features(part: _Part, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read the features of a part, which single precision holds where that is asked for."""
    with part.reading() as parts:
        raw = next(parts.parts(part.n, part.start))
        return plain_numbers(raw).astype(dtype, copy=False)


def _labels(part: _Part, name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read the labels of a part: whole numbers where all of these are, else texts."""
    with part.reading() as parts:
        raw = next(parts.labels(part.n, name, part.start))
        defects = Defects(raw.unit)
        note_labels(raw, defects)
        defects.check()
        try:
            return as_labels(raw.labels).astype(dtype, copy=False)
        except InvalidInput as error:  # which counts the rows that it got
            row = re.compile(r"(?<= in row )\d+(?=;)")
            raise InvalidInput(row.sub(lambda at: str(part.start + int(at[0])), str(error))) from None
