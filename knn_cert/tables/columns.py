"""The columns of a table: their names, which one is the label, which ones are left out."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from .._printing import listed, quoted
from ..gate.errors import InvalidInput

# From the column names: the positions of the features, in the order wanted, and of the label if there is one.
Select = Callable[[list[str]], "tuple[list[int], int | None]"]


def check_names(names: Sequence[str]) -> None:
    """Raise InvalidInput unless every column has a name of its own."""
    if not all(names):
        column = list(names).index("") + 1
        last = " (it may be the label)" if column == len(names) else ""
        first = ", or say --encode (encode=True), which leaves row numbers out" if column == 1 else ""
        raise InvalidInput(
            f"expected a name for every column, got none for column {column} (counting from 1); name "
            f"it{last} or remove it if it only numbers the rows (pandas: to_csv(..., index=False)){first}"
        )
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        quotes = listed(quoted(name) for name in repeated)
        raise InvalidInput(f"expected different column names, got {quotes} more than once; rename them")


def select_training(names: list[str], label: str, drop: Collection[str]) -> tuple[list[int], int]:
    """Return the positions of all columns that are neither the label nor dropped, and the label's."""
    position = column_position(names, label)
    unknown = [name for name in drop if name not in names]
    if unknown:
        raise InvalidInput(
            f"there is no column {quoted(unknown[0])} to leave out; the columns are {listed(names)}"
        )
    dropped = set(drop)
    if names[position] in dropped:
        raise InvalidInput(f"the label column {quoted(names[position])} cannot be left out as well")
    features = [j for j, name in enumerate(names) if j != position and name not in dropped]
    if not features:
        raise InvalidInput(f"expected feature columns beside the label {quoted(names[position])}, got none")
    return features, position


def selecting_training(label: str | int | None, drop: Collection[str]) -> Select:
    """Return `select_training` for a label and columns that are left out.

    Raises
    ------
    InvalidInput
        If nobody named a label.
    """
    if label is None:
        raise InvalidInput("expected the name of the label column, got none; name it (--label COLUMN)")
    return lambda names: select_training(names, str(label), drop)


def column_position(names: list[str], column: str, what: str = "label") -> int:
    """Return where a column stands that is given by its name or its position: 0 is the first, -1 the last.

    Raises
    ------
    InvalidInput
        If there is no such column; ``what`` says what it should hold.
    """
    if column in names:
        return names.index(column)
    if re.fullmatch(r"-?[0-9]{1,9}", column):
        if -len(names) <= int(column) < len(names):
            return int(column) % len(names)
        raise InvalidInput(
            f"expected a {what} column between 0 and {len(names) - 1} (or -1 for the last), got "
            f"{column}; the columns are {listed(names)}"
        )
    near = difflib.get_close_matches(column, names[:1000], n=1)
    hint = f" (did you mean {quoted(near[0])}?)" if near else ""
    raise InvalidInput(f"there is no {what} column {quoted(column)}{hint}; the columns are {listed(names)}")


def select_queries(
    names: list[str], wanted: Sequence[str], label: str | None, drop: Collection[str]
) -> tuple[list[int], int | None]:
    """Return the position of each wanted feature, and the label's; no other column may be left over."""
    position = {name: j for j, name in enumerate(names)}
    label_at = position.get(label) if label is not None else None
    missing = [name for name in wanted if position.get(name, label_at) == label_at]
    known = {*wanted, *drop}
    extra = [name for j, name in enumerate(names) if j != label_at and name not in known]
    if missing or extra:
        got = [
            f"{what}: {listed(which)}"
            for what, which in (("missing", missing), ("not expected", extra))
            if which
        ]
        raise InvalidInput(
            f"expected the {len(wanted)} feature columns of the training table (in any order), got "
            f"{len(names)} columns; {'; '.join(got)}"
        )
    return [position[name] for name in wanted], label_at


def as_names(drop: Collection[str]) -> list[str]:
    """Return the names of columns that are left out."""
    if isinstance(drop, str) or not all(isinstance(name, str) for name in drop):
        raise TypeError(f"drop must be a list of column names, got {drop!r}")
    return list(drop)
