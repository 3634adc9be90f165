"""Read a user's table (a file or a data frame) into clean numbers and labels, or refuse it; hold rows out."""

from .coding import Coding, ColumnCoding
from .doubts import TableWarning, warn_of_same_rows, warn_of_unknown_labels
from .holdout import Split, holdout_rows, split_holdout
from .reading import Queries, Table, read_queries, read_table

__all__ = [
    "Coding",
    "ColumnCoding",
    "Split",
    "Queries",
    "Table",
    "TableWarning",
    "holdout_rows",
    "read_queries",
    "read_table",
    "split_holdout",
    "warn_of_same_rows",
    "warn_of_unknown_labels",
]
