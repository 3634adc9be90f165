"""Tables that can be read but may not be what was meant: said in a warning, and used as they are."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._printing import listed, quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Names that say a column numbers the rows or names what they are about.
_ID_NAME = re.compile(
    r"(?i:(?:.*[ _.-])?(?:id|idx|index|key|nr|no|number|row|rownumber|uid|uuid|guid)"
    r"|unnamed: [0-9]+|level_[0-9]+|#)|.*[a-z]I[dD]"
)
# So few rows are numbered by chance.
_FEWEST_NUMBERED = 10
_SHOWN = 5  # labels that a message lists


class TableWarning(UserWarning):
    """A table is not what it seems to be, or what was meant."""


def warn_of_row_numbers(X: NDArray[np.float64], names: Sequence[str]) -> None:
    """Warn of columns that hold a different whole number in every row and are named id, or count the rows."""
    _warn_of_numbers(X, names, "every row")


def warn_of_first_row_numbers(X: NDArray[np.float64], names: Sequence[str]) -> None:
    """Warn as `warn_of_row_numbers`, of the first rows of a table that goes on."""
    _warn_of_numbers(X, names, f"every one of the first {len(X)} rows")


def _warn_of_numbers(X: NDArray[np.float64], names: Sequence[str], where: str) -> None:
    suspects = [name for name, column in zip(names, X.T, strict=True) if numbers_rows(column, name)]
    if suspects:
        warnings.warn(
            f"a different whole number in {where}, as row numbers are: column "
            f"{listed(map(quoted, suspects))}; as a feature this decides which rows are near: leave it out "
            "with --drop COLUMN (drop=[...]) unless it is a measurement",
            TableWarning,
            stacklevel=4,
        )


def numbers_rows(column: NDArray[np.float64], name: str) -> bool:
    """Whether a column holds a different whole number in every row and is named id, or counts the rows."""
    n = len(column)
    counts = n >= _FEWEST_NUMBERED and column.max() - column.min() == n - 1
    if n < 2 or not (counts or is_name_of_id(name)):  # most columns need no sorting
        return False
    return bool((column == np.floor(column)).all()) and len(np.unique(column)) == n


def is_name_of_id(name: str) -> bool:
    """Whether a name says that a column numbers the rows or names what they are about."""
    return _ID_NAME.fullmatch(name) is not None


def warn_of_same_rows(X_train: NDArray[np.float64], X_test: NDArray[np.float64]) -> None:
    """Warn where every query is a training row: the nearest row of each is then itself."""
    known = set(map(_hash, X_train))
    if 2 * len(known) >= len(X_train) and all(_hash(row) in known for row in X_test):
        is_same = np.array_equal(X_train, X_test)
        _warn_of_own_rows("TEST is TRAIN" if is_same else "every row of TEST is also a row of TRAIN", 3)


def warn_of_same_file() -> None:
    """Warn as `warn_of_same_rows`, where the file of TEST is known to be that of TRAIN, or a copy of it."""
    _warn_of_own_rows("TEST is TRAIN", 3)


def _warn_of_own_rows(what: str, stacklevel: int) -> None:
    warnings.warn(
        f"{what}: the nearest row of each query is the query itself, so accuracy and certificates say "
        "nothing about other queries; give rows of their own, or leave TEST out for a hold-out",
        TableWarning,
        stacklevel=stacklevel,
    )


def _hash(row: NDArray[np.float64]) -> int:
    # 0.0 and -0.0 are the same number and have different bytes.
    return hash((row + 0.0).tobytes())


def warn_of_unknown_labels(y_train: NDArray[Any], y_test: NDArray[Any]) -> bool:
    """Warn of labels in TEST that TRAIN does not have, and return whether any label of TEST is known."""
    labels, counts = np.unique(y_test, return_counts=True)
    found = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    return warn_of_unknown_counts(np.unique(y_train).tolist(), found)


def warn_of_unknown_counts(classes: Sequence[Any], found: Mapping[Any, int]) -> bool:
    """Warn as `warn_of_unknown_labels`, of labels that are counted already."""
    known = set(classes)
    unknown = {label: count for label, count in found.items() if label not in known}
    if not unknown:
        return True
    folded = {str(label).casefold(): label for label in classes}
    shown = [
        f"{quoted(label)} ({count} row(s){_meant(label, folded)})"
        for label, count in list(unknown.items())[:_SHOWN]
    ]
    more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    some_known = len(unknown) < len(found)
    effect = (
        "no prediction can be right for these rows, and they count as wrong"
        if some_known
        else f"TRAIN has {listed(map(quoted, classes), _SHOWN)}, so accuracy is left out"
    )
    warnings.warn(
        f"TEST has labels that TRAIN does not have: {', '.join(shown)}{more}; {effect}. Write the labels of "
        "both tables in the same way",
        TableWarning,
        stacklevel=2,
    )
    return some_known


def _meant(label: Any, folded: dict[str, Any]) -> str:
    other = folded.get(str(label).casefold())
    return "" if other is None else f", TRAIN has {quoted(other)}"
