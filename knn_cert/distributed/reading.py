"""Parquet files as arrays of Dask: the client reads what files say of themselves, workers read the rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

from .._printing import listed, printable
from ..gate.errors import InvalidInput
from ..tables import parquet_files
from ..tables.coding import note_labels
from ..tables.columns import select_training
from ..tables.defects import Defects
from ..tables.files import PARQUET, errors_name, naming
from ..tables.labels import as_labels
from ..tables.parquet import ParquetHead, ParquetParts
from ..tables.plain import plain_numbers

__all__ = ["read_parquet"]

# Row groups are put together until they have so many bytes as float64.
_PART_BYTES = 64 << 20


def read_parquet(path: str | os.PathLike[str], label: str) -> tuple[Any, Any]:
    """Return a table in Parquet as arrays of Dask, without reading its rows.

    Parameters
    ----------
    path : path-like
        A file or a folder of files, which every worker can open under this name.
    label : str
        The column with the labels; all others are features.

    Returns
    -------
    X : dask.array.Array of shape (n, d)
        float32 where all features of all files are stored so, else float64. Some row groups a chunk, about
        64 MB as float64, or one row group if that is more.
    y : dask.array.Array of shape (n,)
        int64 where all files store integers, else objects: texts, or whole numbers. To compute it reads this
        column alone.

    Raises
    ------
    InvalidInput, OSError
        If there is no table, or files differ in their columns. What is wrong with cells is said by the worker
        that reads them.
    """
    with errors_name(path) as (root, kind):
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
    heads = [_head(file) for file in files]
    with naming(files[0]):
        features, label_at = select_training(heads[0].names, str(label), ())
    names, label_name = [heads[0].names[j] for j in features], heads[0].names[label_at]
    for file, head in zip(files, heads, strict=True):
        if head.names != heads[0].names:
            odd = next(iter(sorted({*head.names} ^ {*heads[0].names})), "another order")
            raise InvalidInput(
                f"{printable(file)}: expected the columns of {printable(files[0])} in their order, got "
                f"another: {printable(odd)}"
            )
    is_single = all(head.singles.issuperset(names) for head in heads)
    is_whole = all(label_name in head.wholes for head in heads)
    # One type for all parts, or they are cut to that of one of them where they are put together: texts of
    # fixed lengths, too.
    types = np.dtype(np.float32 if is_single else np.float64), np.dtype(np.int64 if is_whole else object)
    xs, ys = [], []
    for file, head in zip(files, heads, strict=True):
        start, facts = 0, file.stat()
        written = facts.st_size, facts.st_mtime_ns
        for n_rows in _joined(head.groups, max(1, _PART_BYTES // (8 * len(names)))):
            part = _Part(str(file), written, names, label_name, start, n_rows)
            X = dask.delayed(_features, pure=True)(part, types[0])
            y = dask.delayed(_labels, pure=True)(part, types[1])
            xs.append(da.from_delayed(X, (n_rows, len(names)), dtype=types[0]))
            ys.append(da.from_delayed(y, (n_rows,), dtype=types[1]))
            start += n_rows
    if not xs:
        raise InvalidInput(f"{printable(path)}: expected rows, got none")
    return da.concatenate(xs), da.concatenate(ys)


class _Part(NamedTuple):
    """Some rows of a file, as it was when its head was read: a file that is written anew is another."""

    file: str
    written: tuple[int, int]  # bytes, and when
    names: list[str]
    label_name: str
    start: int
    n_rows: int

    def select(self, names: list[str]) -> tuple[list[int], int]:
        """Return the place of each column that was there when the head was read."""
        features, label = select_training(names, self.label_name, ())
        found = [names[j] for j in features]
        if found != self.names:
            raise InvalidInput(f"expected the columns {listed(self.names)}, got {listed(found)}; {_CHANGED}")
        return features, label

    def check(self, n_rows: int) -> None:
        """Refuse rows that are more or less than there were."""
        if n_rows != self.n_rows:
            raise InvalidInput(
                f"expected {self.n_rows} rows from row {self.start + 1} on, got {n_rows}; {_CHANGED}"
            )


_CHANGED = "the file has changed since read_parquet"


def _head(file: Path) -> ParquetHead:
    with naming(file):
        return ParquetHead.of(file)


def _joined(groups: list[int], most: int) -> list[int]:
    """Put row groups together."""
    sizes: list[int] = []
    for n_rows in groups:
        if sizes and sizes[-1] + n_rows <= most:
            sizes[-1] += n_rows
        elif n_rows:
            sizes.append(n_rows)
    return sizes


def _features(part: _Part, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read the features of a part, which single precision holds where that is asked for."""
    with naming(part.file):
        raw = next(ParquetParts(Path(part.file), part.select).parts(part.n_rows, part.start), None)
        part.check(0 if raw is None else len(raw.places))
        assert raw is not None  # for mypy: there are no parts without rows
        return plain_numbers(raw).astype(dtype, copy=False)


def _labels(part: _Part, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read the labels of a part: whole numbers where all of these are, else texts."""
    with naming(part.file):
        parts = ParquetParts(Path(part.file), part.select)
        raw = next(parts.labels(part.n_rows, part.label_name, part.start), None)
        part.check(0 if raw is None else len(raw.places))
        assert raw is not None  # for mypy
        defects = Defects(raw.unit)
        note_labels(raw, defects)
        defects.check()
        labels = as_labels(raw.labels)
        if dtype.kind == "i" != labels.dtype.kind:
            raise InvalidInput(f"expected whole numbers as labels, got words; {_CHANGED}")
        return labels.astype(dtype, copy=False)
