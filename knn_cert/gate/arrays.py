"""Checked arrays of features: numbers, and nothing that could be taken for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._printing import listed
from .errors import InvalidInput

# The kinds of NumPy's dates and times: converted, they would become nanoseconds.
_DATES = ("m", "M")

_NUMBERS = ("b", "i", "u", "f")


def reject_text_columns(X: Any) -> None:
    """Raise InvalidInput for the columns of a data frame that are not numbers, and for an array of dates.

    Anything else passes.
    """
    if getattr(getattr(X, "dtype", None), "kind", "") in _DATES:
        raise InvalidInput(
            f"every feature must be a number, but the array holds dates or times ({X.dtype}); turn them into "
            "numbers, for example days since a fixed day"
        )
    if not (hasattr(X, "columns") and hasattr(X, "dtypes")):
        return
    kinds = [getattr(dtype, "kind", "O") for dtype in X.dtypes]
    text = [
        name
        for j, (name, kind) in enumerate(zip(X.columns, kinds, strict=True))
        if kind in (*_DATES, "c") or (kind not in _NUMBERS and not _is_numeric(X, j, name))
    ]
    if text:
        raise InvalidInput(
            f"every feature must be a number, but these columns are not: {listed(text)}; drop them or "
            "encode them as numbers (dates for example as days since a fixed day)"
        )


def reject_missing_values(X: Any, names: Sequence[Any] | None, whose: Literal["rows", "queries"]) -> None:
    """Raise InvalidInput for the first NaN of a float array or CSR matrix whose columns may have names."""
    sparse = hasattr(X, "tocoo")
    values = X.data if sparse else X
    if values.size == 0 or not np.isnan(values.min()):  # the smallest is NaN where any is
        return
    if sparse:
        entries = X.tocoo()
        missing = np.isnan(entries.data)
        places = zip(entries.row[missing].tolist(), entries.col[missing].tolist(), strict=True)
        row, column = min(places)
    else:
        row, column = np.argwhere(np.isnan(X))[0].tolist()
    name = column if names is None else names[column]
    raise InvalidInput(
        f"every feature must be a number, but row {row} of column {name!r} is NaN; drop such {whose}, or "
        "fill them by a rule that was fixed beforehand: what is learned from the training table, such as the "
        "mean of a column, may be what the attacker made of it"
    )


def as_float_array(values: ArrayLike | None, name: str) -> NDArray[np.float64]:
    """Return values as C-contiguous float64, copied only where needed; what is no number is a TypeError."""
    if values is None:
        raise TypeError(f"{name} is missing; expected an array of numbers")
    if hasattr(values, "toarray"):
        raise TypeError(
            f"{name} must be a dense array, got a sparse {type(values).__name__}; pass {name}.toarray()"
        )
    try:
        array = np.asarray(values)
        if array.dtype.kind in "iuf":
            converted = np.ascontiguousarray(array, dtype=np.float64)
        elif array.dtype.kind == "O":
            converted = np.ascontiguousarray(array.astype(np.float64))
        else:
            raise TypeError(f"dtype {array.dtype}")
    except OverflowError:
        raise InvalidInput(f"{name} must be numbers of double precision, got one that is larger") from None
    except (TypeError, ValueError) as error:
        kind = type(values).__name__
        raise TypeError(f"{name} must be an array of real numbers, got {kind} ({error})") from None
    # ascontiguousarray makes 0-d arrays 1-d; the caller's checks of the shape shall see what was passed.
    return converted.reshape(array.shape)


def _is_numeric(frame: Any, j: int, name: Any) -> bool:
    column = frame.iloc[:, j] if hasattr(frame, "iloc") else frame[name]
    try:
        np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return True
