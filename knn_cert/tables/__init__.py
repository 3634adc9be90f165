"""Read a user's table (a file or a data frame) into clean numbers and labels, or refuse it; hold rows out."""

from .coding import Coding, ColumnCoding
from .doubts import (
    TableWarning,
    warn_of_first_row_numbers,
    warn_of_same_file,
    warn_of_same_rows,
    warn_of_unknown_counts,
    warn_of_unknown_labels,
)
from .holdout import Split, holdout_rows, split_holdout
from .parquet import parquet_files
from .queries import Queries, read_queries
from .reading import Table, read_table
from .streams import Labels, QueryStream, TableStream, stream_or_none, stream_queries, stream_table
from .whole import bytes_read_whole

__all__ = [
    "Coding",
    "ColumnCoding",
    "Split",
    "Labels",
    "Queries",
    "QueryStream",
    "Table",
    "TableStream",
    "TableWarning",
    "bytes_read_whole",
    "holdout_rows",
    "parquet_files",
    "read_queries",
    "read_table",
    "split_holdout",
    "warn_of_first_row_numbers",
    "warn_of_same_file",
    "warn_of_same_rows",
    "stream_or_none",
    "stream_queries",
    "stream_table",
    "warn_of_unknown_counts",
    "warn_of_unknown_labels",
]
