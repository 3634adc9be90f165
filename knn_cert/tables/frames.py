"""Tables that are in memory already: data frames of pandas and polars, tables of Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..gate.errors import InvalidInput
from .columns import Select, check_names
from .raw import Raw, Words, recoded, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DATES = "dates or times"
_DATE_KINDS = ("m", "M")


def is_frame(table: Any) -> bool:
    """Whether this is a data frame of pandas or polars, or a table of Arrow; none of them is imported."""
    kind = type(table)
    return (kind.__module__.split(".")[0], kind.__name__) in (
        ("pandas", "DataFrame"),
        ("polars", "DataFrame"),
        ("pyarrow", "Table"),
    )


def read_frame(table: Any, select: Select) -> Raw:
    """Take the columns that ``select`` chooses from a frame; an index with a name is a column, the first.

    Raises
    ------
    ImportError
        If a table of Arrow comes and pandas is not installed.
    """
    library = type(table).__module__.split(".")[0]
    if library == "pyarrow":
        return read_pandas(to_pandas(table), select)
    return read_pandas(table, select) if library == "pandas" else _read_polars(table, select)


def to_pandas(table: Any) -> Any:
    """Return a table of Arrow as a frame of pandas."""
    try:
        import pandas  # noqa: F401  which is how pyarrow needs it
    except ImportError as error:
        raise ImportError(
            f"reading a table of Arrow needs pandas ({error}); install it with pip install "
            "'knn-cert[parquet]'"
        ) from error
    return table.to_pandas()


def read_pandas(frame: Any, select: Select) -> Raw:
    """Take the columns that ``select`` chooses from a frame of pandas."""
    frame = _with_named_index(frame)
    return _read_columns(
        names_of(frame),
        len(frame),
        select,
        lambda j: _pandas_column(frame.iloc[:, j]),
        lambda j: _pandas_labels(frame.iloc[:, j]),
    )


def names_of(frame: Any) -> list[str]:
    """Return the names of the columns that `read_pandas` knows."""
    return [str(name).strip() for name in _with_named_index(frame).columns]


def _with_named_index(frame: Any) -> Any:
    named = [level for level, name in enumerate(frame.index.names) if name is not None]
    return frame.reset_index(level=named, allow_duplicates=True) if named else frame


def _read_polars(frame: Any, select: Select) -> Raw:
    return _read_columns(
        [name.strip() for name in frame.columns],
        frame.height,
        select,
        lambda j: _polars_column(frame.to_series(j)),
        lambda j: ["" if value is None else value for value in frame.to_series(j).to_list()],
    )


def _read_columns(
    names: list[str],
    n_rows: int,
    select: Select,
    column: Callable[[int], NDArray[np.float64] | Words],
    labels: Callable[[int], Any],
) -> Raw:
    check_names(names)
    features, label = select(names)
    if not n_rows:
        raise InvalidInput("expected rows, got none")
    return Raw(
        names=[names[j] for j in features],
        columns=[column(j) for j in features],
        labels=None if label is None else labels(label),
        label_name=None if label is None else names[label],
        unit="row",
        places=range(1, n_rows + 1),
    )


def _pandas_column(column: Any) -> NDArray[np.float64] | Words:
    """Return a column as numbers, missing ones as NaN, or as words."""
    import pandas as pd

    dtype = column.dtype
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        values: NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return values
    missing = column.isna().to_numpy()
    if missing.all():
        return np.full(len(column), np.nan)
    if getattr(dtype, "kind", "O") in _DATE_KINDS or isinstance(dtype, pd.PeriodDtype):
        cells = ["" if is_na else str(value) for value, is_na in zip(column, missing.tolist(), strict=True)]
        return words_of(cells, kind=DATES, typed=True)
    try:
        codes, distinct = pd.factorize(column)
    except TypeError:  # lists and the like have no hash
        return words_of(map(str, column), typed=True)
    cells = [str(value) for value in distinct]
    if missing.any():
        codes, cells = np.where(codes < 0, len(cells), codes), [*cells, ""]
    return recoded(codes.astype(np.int64), cells, typed=True)


def _pandas_labels(column: Any) -> Any:
    import pandas as pd

    missing = column.isna().to_numpy()
    if missing.any():
        return [
            "" if is_na else value for value, is_na in zip(column.tolist(), missing.tolist(), strict=True)
        ]
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return [str(value) for value in column]
    y = column.to_numpy()
    return np.array(y.tolist()) if y.dtype == object else y  # pandas' nullable numbers


def _polars_column(series: Any) -> NDArray[np.float64] | Words:
    import polars as pl

    if series.dtype.is_numeric() or series.dtype == pl.Boolean:
        values: NDArray[np.float64] = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return values
    if series.null_count() == len(series):
        return np.full(len(series), np.nan)
    kind = DATES if series.dtype.is_temporal() else None
    cells = ("" if value is None else str(value) for value in series.to_list())
    return words_of(cells, kind=kind, typed=True)
