"""Tables whose columns have names: frames of Dask as arrays, and arrays that know where they come from."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import dask.array as da
import numpy as np
from distributed import Client
from sklearn.utils.validation import validate_data

from ..gate.arrays import reject_text_columns

__all__ = ["ReadArray", "as_array", "check_names", "has_names"]

_NUMBERS = ("f", "i", "u")


class ReadArray(da.Array):  # type: ignore[misc]  # untyped
    """An array of Dask that knows the names of its columns, also when it is persisted.

    Attributes
    ----------
    feature_names : list of str
    places : list of str
        Where each chunk of rows comes from, in words.
    """

    feature_names: list[str]
    places: list[str]

    @classmethod
    def of(cls, array: Any, feature_names: Sequence[str], places: Sequence[str]) -> ReadArray:
        """Return an array with names."""
        named = cls(array.dask, array.name, array.chunks, dtype=array.dtype)
        named.feature_names, named.places = list(feature_names), list(places)
        return named

    def __dask_postpersist__(self) -> tuple[Callable[..., Any], Any]:
        rebuild, settings = super().__dask_postpersist__()
        return functools.partial(_rebuilt, rebuild, self.feature_names, self.places), settings


def _rebuilt(
    rebuild: Callable[..., Any], names: list[str], places: list[str], graph: Any, *settings: Any, **more: Any
) -> ReadArray:
    return ReadArray.of(rebuild(graph, *settings, **more), names, places)


def as_array(client: Client, table: Any) -> Any:
    """Return a frame or a column of Dask as an array of Dask; anything else as it is.

    The rows of each part are counted on the cluster, by one column.

    Raises
    ------
    InvalidInput
        If a column of a frame holds no numbers.
    """
    if not (hasattr(table, "to_dask_array") and hasattr(table, "map_partitions")):
        return table
    is_frame = table.ndim == 2
    if is_frame:
        from dask.dataframe.utils import meta_nonempty

        reject_text_columns(meta_nonempty(table._meta))
    column = table[table.columns[0]] if is_frame and len(table.columns) else table
    counted = client.compute(column.map_partitions(len))
    try:
        lengths = tuple(int(n) for n in client.gather(counted))
    finally:
        counted.release()
    if is_frame:
        # Numbers and truth values side by side would be objects, and so are columns that may lack values.
        if np.asarray(table._meta).dtype.kind not in _NUMBERS:
            table = table.astype(np.float64)
    elif not isinstance(table.dtype, np.dtype):
        table = table.astype(object)
    return table.to_dask_array(lengths=lengths)


def has_names(table: Any) -> bool:
    """Whether a table says what its columns are called."""
    return hasattr(table, "feature_names") or hasattr(table, "columns")


def check_names(estimator: Any, table: Any, *, reset: bool) -> None:
    """Note the names of the columns, or compare them with those of the fit, as scikit-learn does it.

    Raises
    ------
    ValueError
        In the words of scikit-learn.
    """
    names = getattr(table, "feature_names", None)
    if names is None and has_names(table):
        names = list(table.columns)
    if names is None:
        columns: Any = np.empty((0, table.shape[1] if reset else estimator.n_features_in_))
    else:
        import pandas as pd

        columns = pd.DataFrame(columns=names)
    validate_data(estimator, columns, reset=reset, skip_check_array=True)
