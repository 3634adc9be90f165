"""Tables from Parquet files and from folders of them, by pandas and pyarrow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from .._printing import one_line, printable
from ..gate.errors import InvalidInput
from .columns import Select, check_names
from .frames import names_of, read_pandas
from .lines import Progress
from .raw import Raw
from .size import check_unpacked_bytes, check_unpacked_size

if TYPE_CHECKING:
    from pathlib import Path


def read_parquet(file: Path, select: Select) -> Raw:
    """Read the columns that ``select`` chooses; an index that pandas gave a name is a column, the first.

    A folder is one table, of all Parquet files in it; what its subfolders are called (``year=2024``) are
    columns.
    """
    with _errors():
        import pandas as pd
        import pyarrow.parquet

        if file.is_dir():
            frame = _checked_folder(file).to_table().to_pandas()
        else:
            with pyarrow.parquet.ParquetFile(file) as parquet:
                # Runs of equal values take no room in the file, but as numbers they do.
                check_unpacked_size(8 * parquet.metadata.num_rows * parquet.metadata.num_columns, file)
            frame = pd.read_parquet(file, engine="pyarrow", partitioning=None)
    return read_pandas(frame, select)


class ParquetHead(NamedTuple):
    """What a Parquet file says of itself.

    Attributes
    ----------
    names : list of str
        Its columns, as `read_parquet` names them.
    groups : list of int
        How many rows each row group has.
    singles, wholes : frozenset of str
        Columns of floats that single precision holds, and of integers.
    """

    names: list[str]
    groups: list[int]
    singles: frozenset[str]
    wholes: frozenset[str]

    @classmethod
    def of(cls, file: Path) -> ParquetHead:
        """Read the end of a file, and none of its rows.

        Raises
        ------
        InvalidInput
            If it is damaged, or columns have no names of their own.
        """
        with _errors():
            import pandas  # noqa: F401  which is how pyarrow needs it
            import pyarrow as pa
            import pyarrow.parquet

            with pa.parquet.ParquetFile(file) as parquet:
                schema = parquet.schema_arrow
                groups = [parquet.metadata.row_group(k).num_rows for k in range(parquet.num_row_groups)]
            empty = schema.empty_table().to_pandas()
            empty.index = _index(schema, 0, 0, sum(groups), empty.index)
            names = names_of(empty)
            singles, wholes = (
                frozenset(field.name.strip() for field in schema if is_one(field.type))
                for is_one in (lambda kind: kind in (pa.float32(), pa.float16()), pa.types.is_integer)
            )
        check_names(names)
        return cls(names, groups, singles, wholes)


class ParquetParts:
    """A Parquet file or a folder of them, read some rows at a time.

    Attributes
    ----------
    n_rows : int
    """

    def __init__(self, file: Path, select: Select) -> None:
        self._file, self._select = file, select
        with _errors():
            import pandas  # noqa: F401  which is how pyarrow needs it
            import pyarrow.parquet

            if file.is_dir():
                folder = _checked_folder(file)
                self.n_rows, self._schema = folder.count_rows(), folder.schema
            else:
                with pyarrow.parquet.ParquetFile(file) as parquet:
                    self.n_rows, self._schema = parquet.metadata.num_rows, parquet.schema_arrow
        if not self.n_rows:
            raise InvalidInput("expected rows, got none")

    def count(self, progress: Progress | None = None) -> int:
        """Return the number of rows, which the file says."""
        return int(self.n_rows)

    def first(self) -> Raw:
        """Return the first row."""
        return next(self.parts(1))

    def check_labels(self, labels: list[str]) -> None:
        """Refuse nothing: names are no rows here."""

    def parts(self, size: int, start: int = 0) -> Iterator[Raw]:
        """Yield rows from ``start`` on, ``size`` at a time, the last ones perhaps fewer."""
        for table in self._tables(size, start, None):
            with _errors():
                frame = table.to_pandas()
                frame.index = _index(self._schema, start, len(frame), self.n_rows, frame.index)
            places = range(start + 1, start + 1 + len(frame))
            yield replace(read_pandas(frame, self._select), places=places)
            start += len(frame)

    def labels(self, size: int, name: str, start: int = 0) -> Iterator[Raw]:
        """Yield rows from ``start`` on without their features, ``size`` at a time."""
        stored = [one for one in self._schema.names if one.strip() == name]
        if len(stored) != 1:  # the name of a folder
            yield from self.parts(size, start)
            return
        for table in self._tables(size, start, stored):
            with _errors():
                frame = table.replace_schema_metadata(None).to_pandas()
            places = range(start + 1, start + 1 + len(frame))
            yield replace(read_pandas(frame, lambda names: ([], 0)), places=places)
            start += len(frame)

    def _tables(self, size: int, start: int, columns: list[str] | None) -> Iterator[Any]:
        import pyarrow as pa

        batches, waiting, at_end = self._batches(size, start, columns), pa.table({}), False
        while not at_end:
            with _errors():
                batch = next(batches, None)
                at_end = batch is None
                if batch is not None and batch.num_rows:
                    more = pa.Table.from_batches([batch])
                    waiting = pa.concat_tables([waiting, more]) if waiting.num_rows else more
            while waiting.num_rows >= size or (at_end and waiting.num_rows):
                yield waiting.slice(0, size)
                waiting = waiting.slice(size)

    def _batches(self, size: int, start: int, columns: list[str] | None) -> Iterator[Any]:
        """Yield batches of rows from ``start`` on; row groups above it are not read."""
        import pyarrow.parquet

        if self._file.is_dir():
            found = _checked_folder(self._file).to_batches(
                columns, batch_size=size, batch_readahead=1, fragment_readahead=1, use_threads=False
            )
            for batch in found:
                skipped = min(start, batch.num_rows)
                start -= skipped
                yield batch.slice(skipped)
            return
        with pyarrow.parquet.ParquetFile(self._file) as parquet:
            # Group by group: who reads several at once keeps all of them.
            for group in range(parquet.num_row_groups):
                n_rows = parquet.metadata.row_group(group).num_rows
                if start >= n_rows:
                    start -= n_rows
                    continue
                for batch in parquet.iter_batches(
                    size, row_groups=[group], columns=columns, use_threads=False
                ):
                    skipped = min(start, batch.num_rows)
                    start -= skipped
                    yield batch.slice(skipped)


def _index(schema: Any, start: int, n_rows: int, n_all: int, otherwise: Any) -> Any:
    """Return the index of some rows of a table, where pandas wrote it as a range, else another.

    Pandas gives a range its name, with which it is a column, where it has as many numbers as rows are read.
    So parts would have this column or not, depending on how many rows they have.
    """
    import pandas as pd

    (kept, *more) = (schema.pandas_metadata or {}).get("index_columns") or [None]
    if more or not isinstance(kept, dict):
        return otherwise
    whole = pd.RangeIndex(kept["start"], kept["stop"], kept["step"], name=kept["name"])
    if len(whole) != n_all:
        return pd.RangeIndex(n_rows)
    return whole[start : start + n_rows]


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Say what is missing, or that a file is damaged."""
    try:
        yield
    except InvalidInput:
        raise
    except ImportError as error:
        raise ImportError(
            f"reading Parquet needs pandas and pyarrow ({error}); install them with "
            "pip install 'knn-cert[parquet]', or save the table as CSV"
        ) from error
    except Exception as error:  # a damaged file also breaks pandas' own notes in it, in any manner
        raise InvalidInput(
            f"expected a whole Parquet file, got one that cannot be read: {one_line(error)}"
        ) from error


def parquet_files(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder and its subfolders, in the order of their names."""
    files = sorted(path for pattern in ("*.parquet", "*.pq") for path in folder.rglob(pattern))
    return [
        path
        for path in files
        if path.is_file() and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    ]


def _checked_folder(folder: Path) -> Any:
    """Return the files of a folder as one data set, if all have the same columns."""
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
    return dataset
