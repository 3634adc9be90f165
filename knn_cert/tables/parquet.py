"""Tables from Parquet files, by pandas and pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._printing import one_line
from ..gate.errors import InvalidInput
from .cells import kind_of_text
from .columns import Columns, Select, check_names
from .defects import Defects, check_finite
from .size import check_unpacked_size

if TYPE_CHECKING:
    from pathlib import Path

_DATES = ("m", "M")


def read_parquet(file: Path, select: Select) -> Columns:
    """Read the columns that ``select`` chooses; an index that pandas gave a name is a column, the first."""
    frame = _read_frame(file)
    names = [str(name).strip() for name in frame.columns]
    check_names(names)
    features, label = select(names)
    if not len(frame):
        raise InvalidInput("expected rows, got none")
    defects = Defects("row")
    X = np.empty((len(frame), len(features)))
    for k, j in enumerate(features):
        X[:, k] = _numbers(frame.iloc[:, j], names[j], defects)
    y = None if label is None else _labels(frame.iloc[:, label], defects)
    defects.check()
    feature_names = [names[j] for j in features]
    check_finite(X, feature_names, "row", range(1, len(X) + 1))
    return Columns(X, y, feature_names, None if label is None else names[label])


def _read_frame(file: Path) -> Any:
    try:
        import pandas as pd
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            f"reading Parquet needs pandas and pyarrow ({error}); install them with "
            "pip install 'knn-cert[parquet]', or save the table as CSV"
        ) from error
    try:
        with pyarrow.parquet.ParquetFile(file) as parquet:
            # Runs of equal values take no room in the file, but as numbers they do.
            check_unpacked_size(8 * parquet.metadata.num_rows * parquet.metadata.num_columns, file)
        frame = pd.read_parquet(file, engine="pyarrow")
        named = [level for level, name in enumerate(frame.index.names) if name is not None]
        return frame.reset_index(level=named, allow_duplicates=True) if named else frame
    except InvalidInput:
        raise
    except Exception as error:  # a damaged file also breaks pandas' own notes in it, in any manner
        raise InvalidInput(
            f"expected a whole Parquet file, got one that cannot be read: {one_line(error)}"
        ) from error


def _numbers(column: Any, name: str, defects: Defects) -> NDArray[np.float64] | float:
    """Return a column as numbers, missing ones as NaN; note a defect and return 0 where it holds none."""
    import pandas as pd

    dtype = column.dtype
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        values: NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return values
    filled = np.flatnonzero(column.notna().to_numpy())
    if not filled.size:
        defects.add("missing values", name, 1)
        return 0.0
    cell = str(column.iloc[filled[0]])
    kind = "dates or times" if getattr(dtype, "kind", "O") in _DATES else kind_of_text(cell)
    defects.add(kind, name, int(filled[0]) + 1, cell)
    return 0.0


def _labels(column: Any, defects: Defects) -> Any:
    import pandas as pd

    for row in np.flatnonzero(column.isna().to_numpy()):
        defects.add_label(int(row) + 1, "")
    if column.isna().any():
        return None
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return [str(value) for value in column]
    y = column.to_numpy()
    return np.array(y.tolist()) if y.dtype == object else y  # pandas' nullable numbers
