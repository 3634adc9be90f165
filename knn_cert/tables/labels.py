"""Labels as a table writes them, turned into integers where all of them are, else into text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from .._printing import quoted
from ..gate.errors import InvalidInput
from ..gate.labels import reads_as_number
from .cells import is_missing
from .defects import Defects

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}(\.0*)?")
_INT64 = np.iinfo(np.int64)


def as_labels(values: Any, y_train: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return labels as int64 if all are integers (1.0 is one), else as str; or in the type of ``y_train``.

    Raises
    ------
    InvalidInput
        If a label is missing, or is a word for a missing value, or is text where ``y_train`` holds integers,
        or if all labels are numbers, but not all of them whole ones.
    """
    cells = cells_of_labels(values)
    missing = Defects("row")
    different = dict.fromkeys(cells)  # in the order in which they come
    if any(map(is_missing, different)):
        for row, cell in enumerate(cells, start=1):
            if is_missing(cell):
                missing.add_label(row, cell)
    missing.check()
    odd = next((cell for cell in different if not _is_integer(cell)), None)
    kind = None if y_train is None else np.asarray(y_train).dtype.kind
    if odd is not None and kind in ("i", "u"):
        raise InvalidInput(
            f"expected integer labels, as in the training table, got {quoted(odd)} in row "
            f"{cells.index(odd) + 1}; give both tables the same labels"
        )
    # As text 10 would come before 2, and 1 and 1.0 would be two classes: one such row must not do that.
    if odd is not None and kind is None and all(map(reads_as_number, different)):
        raise InvalidInput(
            f"labels that are numbers must be whole ones of at most 64 bits, got {quoted(odd)} in row "
            f"{cells.index(odd) + 1}; correct it, or write all labels as words"
        )
    if odd is not None or kind in ("U", "S", "O"):
        return np.array(cells, dtype=str)
    values = {cell: _integer(cell) for cell in different}
    return np.array([values[cell] for cell in cells], dtype=np.int64)


def cells_of_labels(values: Any) -> list[str]:
    """Return labels as a table of text would write them: true and false as 1 and 0, numbers in full."""
    return [text_of(value) for value in _as_list(values)]


def text_of(value: Any) -> str:
    """Return a label or a name as text without spaces around it."""
    if isinstance(value, float) and value != value:
        return ""  # NaN is how arrays write a missing label
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()


def _as_list(values: Any) -> list[Any]:
    if not isinstance(values, np.ndarray):  # true and false, where some labels of a column are missing
        return [int(value) if isinstance(value, bool) else value for value in values]
    if values.dtype.kind == "b":
        values = values.astype(np.int64)
    elif values.dtype.kind in ("m", "M"):  # tolist() would count nanoseconds
        values = values.astype(str)
    as_list: list[Any] = values.tolist()
    return as_list


def _is_integer(cell: str) -> bool:
    return bool(_INTEGER.fullmatch(cell)) and _INT64.min <= _integer(cell) <= _INT64.max


def _integer(cell: str) -> int:
    return int(cell.partition(".")[0])
