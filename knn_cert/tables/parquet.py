"""Tables from Parquet files and from folders of them, by pandas and pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._printing import one_line, printable
from ..gate.errors import InvalidInput
from .columns import Select
from .frames import read_pandas
from .raw import Raw
from .size import check_unpacked_bytes, check_unpacked_size

if TYPE_CHECKING:
    from pathlib import Path


def read_parquet(file: Path, select: Select) -> Raw:
    """Read the columns that ``select`` chooses; an index that pandas gave a name is a column, the first.

    A folder is one table, of all Parquet files in it; what its subfolders are called (``year=2024``) are
    columns.
    """
    try:
        import pandas as pd
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            f"reading Parquet needs pandas and pyarrow ({error}); install them with "
            "pip install 'knn-cert[parquet]', or save the table as CSV"
        ) from error
    try:
        if file.is_dir():
            frame = _read_folder(file)
        else:
            with pyarrow.parquet.ParquetFile(file) as parquet:
                # Runs of equal values take no room in the file, but as numbers they do.
                check_unpacked_size(8 * parquet.metadata.num_rows * parquet.metadata.num_columns, file)
            frame = pd.read_parquet(file, engine="pyarrow", partitioning=None)
    except InvalidInput:
        raise
    except Exception as error:  # a damaged file also breaks pandas' own notes in it, in any manner
        raise InvalidInput(
            f"expected a whole Parquet file, got one that cannot be read: {one_line(error)}"
        ) from error
    return read_pandas(frame, select)


def parquet_files(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder and its subfolders, in the order of their names."""
    files = sorted(path for pattern in ("*.parquet", "*.pq") for path in folder.rglob(pattern))
    return [
        path
        for path in files
        if path.is_file() and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    ]


def _read_folder(folder: Path) -> Any:
    import pyarrow.dataset

    files = parquet_files(folder)
    dataset = pyarrow.dataset.dataset(
        [str(path) for path in files],
        format="parquet",
        partitioning=pyarrow.dataset.partitioning(flavor="hive"),
        partition_base_dir=str(folder),
    )
    n_rows, first = 0, None
    for path, fragment in zip(files, dataset.get_fragments(), strict=True):
        n_rows += fragment.metadata.num_rows
        names = fragment.physical_schema.names
        first = names if first is None else first
        if set(names) != set(first):
            odd = sorted(set(names) ^ set(first))[0]
            raise InvalidInput(
                f"expected the same columns in every file, got {printable(odd)!r} in some and not in "
                f"{printable(path.relative_to(folder))}, or there alone"
            )
    packed = sum(path.stat().st_size for path in files)
    check_unpacked_bytes(8 * n_rows * len(dataset.schema.names), packed)
    return dataset.to_table().to_pandas()
