"""Parquet files as arrays of Dask: row groups are read where they are needed, their sizes by the client."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

from .._printing import printable
from ..gate.errors import InvalidInput
from ..tables import parquet_files, stream_table

__all__ = ["read_parquet"]

# Row groups are put together until they have so many bytes as float64.
_PART_BYTES = 64 << 20


def read_parquet(path: str | os.PathLike[str], label: str) -> tuple[Any, Any]:
    """Return a table in Parquet as arrays of Dask, without reading it.

    Parameters
    ----------
    path : path-like
        A file or a folder of files, which every worker can open under this name.
    label : str
        The column with the labels; all others are features.

    Returns
    -------
    X : dask.array.Array of shape (n, d), float64
        Some row groups a chunk, about 64 MB or one row group if that is more.
    y : dask.array.Array of shape (n,)

    Raises
    ------
    InvalidInput, OSError
        If there is no table, or files differ in their columns. What is wrong with cells is said by the worker
        that reads them.
    """
    import pyarrow.parquet as pq

    root = Path(path).expanduser()
    files = parquet_files(root) if root.is_dir() else [root]
    if any("=" in part for file in files if file != root for part in file.relative_to(root).parts[:-1]):
        raise InvalidInput(
            f"{printable(root)}: expected a folder whose subfolders are no columns, got one with name=value; "
            "write the column into the files"
        )
    first: list[str] | None = None
    features, labels = [], []
    for file in files or [root]:
        with stream_table(file, label) as stream:
            names, kind = stream.feature_names, stream.labels_of(0, 1).dtype
        first = names if first is None else first
        if names != first:
            odd = next(iter(sorted({*names} ^ {*first})), "another order")
            raise InvalidInput(
                f"{printable(file)}: expected the columns of {printable(files[0])} in their order, got "
                f"another: {printable(odd)}"
            )
        with pq.ParquetFile(file) as parquet:
            groups = [parquet.metadata.row_group(k).num_rows for k in range(parquet.num_row_groups)]
        start = 0
        for n_rows in _joined(groups, max(1, _PART_BYTES // (8 * len(names)))):
            X = dask.delayed(_features, pure=True)(str(file), label, start, n_rows)
            y = dask.delayed(_labels, pure=True)(str(file), label, start, n_rows)
            features.append(da.from_delayed(X, (n_rows, len(names)), dtype=np.float64))
            labels.append(da.from_delayed(y, (n_rows,), dtype=kind))
            start += n_rows
    return da.concatenate(features), da.concatenate(labels)


def _joined(groups: list[int], most: int) -> list[int]:
    """Put row groups together."""
    sizes: list[int] = []
    for n_rows in groups:
        if sizes and sizes[-1] + n_rows <= most:
            sizes[-1] += n_rows
        elif n_rows:
            sizes.append(n_rows)
    return sizes


def _features(file: str, label: str, start: int, n_rows: int) -> NDArray[np.float64]:
    with stream_table(file, label) as stream:
        return stream.features(start, n_rows)


def _labels(file: str, label: str, start: int, n_rows: int) -> NDArray[Any]:
    with stream_table(file, label) as stream:
        return stream.labels_of(start, n_rows)
