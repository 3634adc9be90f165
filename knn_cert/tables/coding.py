"""What each column of a table becomes as numbers: decided once, written down, applied to any table."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from .._printing import listed, quoted
from ..gate.errors import InvalidInput
from .cells import is_missing, kind_of_text, number
from .columns import check_names
from .dates import ORDERS, days
from .defects import Defects
from .doubts import TableWarning
from .labels import text_of
from .raw import Raw, Words, missing_in, side_by_side
from .written import grouped_number, split_unit, truth

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = (
    "number",
    "0 and 1",
    "category",
    "date",
    "percentage",
    "number with separators",
    "left out",
)
# Two rows of different categories differ in two features by this: their distance is 1, as between 0 and 1.
ONE_HOT = 1.0 / math.sqrt(2.0)
# The category of a missing value, where a fill makes one: no cell that holds something is empty.
MISSING = ""


@dataclass(frozen=True)
class ColumnCoding:
    """What one column becomes.

    Attributes
    ----------
    name : str
    kind : str
        One of "number", "0 and 1", "category", "date", "percentage", "number with separators" (also with a
        unit) and "left out".
    features : tuple of str
        The names of the features made of it.
    distinct, missing : int
        How many different values and how many missing ones the table has in this column.
    remark : str or None
        Why it is left out, and what else is to be known.
    categories : tuple of str
        The word of each feature of a category; an empty one stands for missing values.
    fill : float, str or None
        What stands in for a missing value: a number, or a category. None: a missing value is refused.
    decimal, unit, order : str
        How numbers and dates are written in this column.
    encoded : bool
        Whether text is read as well; False: only numbers are.
    """

    name: str
    kind: str
    features: tuple[str, ...]
    distinct: int
    missing: int
    remark: str | None = None
    categories: tuple[str, ...] = ()
    fill: float | str | None = None
    decimal: str = "."
    unit: str = ""
    order: str = ""
    encoded: bool = False

    @property
    def is_written(self) -> bool:
        """Whether the cells of the column say more than plain numbers can."""
        return self.kind not in ("number", "0 and 1", "left out")

    def number(self, cell: str, decimal: str = ".") -> float | None:
        """Return the number that a cell becomes, or None if it is not of this column's kind.

        ``decimal`` is the sign in front of the decimals of plain numbers in the file.
        """
        if not self.encoded or self.kind == "number":
            return number(cell, decimal)
        if self.kind == "0 and 1":
            return truth(cell)
        if self.kind == "date":
            return days(cell, self.order)
        if self.unit:
            parts = split_unit(cell)
            if parts is None or parts[1] != self.unit:
                return None
            cell = parts[0]
        value = grouped_number(cell, self.decimal)
        return value / 100.0 if value is not None and self.kind == "percentage" else value


@dataclass(frozen=True)
class Coding:
    """What each column of a table becomes, in the order of the file.

    Distances between one-hot codes depend on nothing but whether two words are equal, and every other number
    depends on its own cell alone; so tampering with other rows does not change the code of a row, as long as
    the coding is kept. The coding itself (which words are categories, which columns are left out) was worked
    out on the table and is a part of the certified classifier: a certificate holds for tables that are coded
    by it.

    Attributes
    ----------
    columns : tuple of ColumnCoding
    drop_missing : bool
        Whether rows with a missing value are left out.
    """

    columns: tuple[ColumnCoding, ...]
    drop_missing: bool = False

    @property
    def feature_names(self) -> list[str]:
        """The names of all features."""
        return [name for column in self.columns for name in column.features]

    @property
    def column_names(self) -> list[str]:
        """The names of the columns that features are made of."""
        return [column.name for column in self.columns if column.features]

    @property
    def left_out(self) -> list[str]:
        """The names of the columns that no feature is made of; another table may lack them."""
        return [column.name for column in self.columns if not column.features]

    def to_dict(self) -> dict[str, Any]:
        """Return the coding as dicts, lists, texts and numbers, for JSON."""
        columns = [
            {**asdict(column), "features": list(column.features), "categories": list(column.categories)}
            for column in self.columns
        ]
        return {"columns": columns, "drop_missing": self.drop_missing}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Coding:
        """Return the coding that `to_dict` wrote.

        Raises
        ------
        ValueError
            If it is no such document.
        """
        if not isinstance(document, Mapping) or set(document) != {"columns", "drop_missing"}:
            raise InvalidInput(f"expected a coding with columns and drop_missing, got {quoted(document)}")
        if not isinstance(document["columns"], list) or not isinstance(document["drop_missing"], bool):
            raise InvalidInput("expected a list of columns and drop_missing true or false in a coding")
        coding = cls(tuple(map(_column_from, document["columns"])), document["drop_missing"])
        check_names([column.name for column in coding.columns])
        check_names(coding.feature_names)
        return coding

    def apply(self, raw: Raw) -> NDArray[np.float64]:
        """Return the columns of a table as numbers.

        ``raw`` has the columns of `column_names`, in this order.

        Raises
        ------
        InvalidInput
            If a cell is missing without a fill, infinite, or not of its column's kind.

        Warns
        -----
        TableWarning
            If a table has words that are no category: all features of their column are 0.
        """
        defects = Defects(raw.unit, can_encode=raw.can_encode)
        note_labels(raw, defects)
        unknown: dict[str, tuple[int, str]] = {}
        used = [column for column in self.columns if column.features]
        parts = [
            _code_category(coding, column, raw.places, defects, unknown)
            if coding.kind == "category"
            else _code_numbers(coding, column, raw.places, defects, raw.decimal or ".")
            for coding, column in zip(used, raw.columns, strict=True)
        ]
        defects.check()
        if unknown:
            told = [
                f"{quoted(name)} ({n} row(s), e.g. {quoted(word)})" for name, (n, word) in unknown.items()
            ]
            warnings.warn(
                f"words that the training table does not have, in column {', '.join(told[:5])}"
                f"{' and more' if len(told) > 5 else ''}: no category, so its features are all 0 there",
                TableWarning,
                stacklevel=3,
            )
        return side_by_side(parts, len(raw.places), len(self.feature_names))


def count_values(column: NDArray[np.float64] | Words) -> tuple[int, int]:
    """Return how many different values a column has, and how many missing ones."""
    missing = missing_in(column)
    if isinstance(column, Words):
        present = np.unique(column.codes[~missing])
        return len(present), int(missing.sum())
    return len(np.unique(column[~missing])), int(missing.sum())


def note_labels(raw: Raw, defects: Defects) -> None:
    """Note rows whose label is missing."""
    labels = raw.labels
    if labels is None or (isinstance(labels, np.ndarray) and labels.dtype.kind in "biu"):
        return
    missing = {label for label in set(map(text_of, labels)) if is_missing(label)}
    if missing:
        for place, label in zip(raw.places, map(text_of, labels), strict=True):
            if label in missing:
                defects.add_label(place, label)


def _code_category(
    coding: ColumnCoding,
    column: NDArray[np.float64] | Words,
    places: Sequence[int],
    defects: Defects,
    unknown: dict[str, tuple[int, str]],
) -> NDArray[np.float64]:
    words = column if isinstance(column, Words) else _as_words(column)
    place = {word: k for k, word in enumerate(coding.categories)}
    known = np.full(len(words.distinct), -1)
    for code, cell in enumerate(words.distinct):
        known[code] = place.get(str(coding.fill) if is_missing(cell) else cell, -1)
    categories = known[words.codes]
    rows = np.flatnonzero(categories >= 0)
    features = np.zeros((len(categories), len(coding.categories)))
    features[rows, categories[rows]] = ONE_HOT
    others = np.flatnonzero(categories < 0)
    missing = words.missing[others]
    if missing.any() and coding.fill is None:
        defects.add("missing values", coding.name, places[int(others[np.argmax(missing)])])
    if others.size:
        unknown[coding.name] = (len(others), words.distinct[words.codes[others[0]]])
    return features


def _as_words(column: NDArray[np.float64]) -> Words:
    """Return numbers as words, which they are where another table has text in this column."""
    values, codes = np.unique(column, return_inverse=True)
    words = ["" if np.isnan(v) else str(int(v)) if float(v).is_integer() else repr(float(v)) for v in values]
    return Words(codes.reshape(-1), words)


def _code_numbers(
    coding: ColumnCoding,
    column: NDArray[np.float64] | Words,
    places: Sequence[int],
    defects: Defects,
    decimal: str,
) -> NDArray[np.float64]:
    if isinstance(column, Words):
        values = _numbers_of(coding, column, places, defects, decimal)
    elif coding.kind in ("date", "percentage") or coding.unit:
        defects.add("other kinds", coding.name, places[0], repr(float(column[0])))
        return column
    else:
        values = column
    if np.isfinite(values).all():
        return values
    missing = np.isnan(values)
    if missing.any():
        if coding.fill is None:
            defects.add("missing values", coding.name, places[int(np.argmax(missing))])
        else:
            values = np.where(missing, float(coding.fill), values)
    infinite = np.isinf(values)
    if infinite.any():
        defects.add("infinity", coding.name, places[int(np.argmax(infinite))])
    return values


def _numbers_of(
    coding: ColumnCoding, column: Words, places: Sequence[int], defects: Defects, decimal: str
) -> NDArray[np.float64]:
    values = np.full(len(column.distinct), np.nan)
    # In a file with types a number among words is one that was stored as text.
    is_text = (column.kind is not None or column.typed) and not coding.encoded
    for code in np.unique(column.codes).tolist():
        cell = column.distinct[code]
        if is_missing(cell):
            continue
        value = None if is_text else coding.number(cell, decimal)
        if value is None:
            kind = "other kinds" if coding.encoded else column.kind or kind_of_text(cell, decimal)
            if not defects.has(kind, coding.name):
                defects.add(kind, coding.name, places[column.first_row(code)], cell)
            value = 0.0
        values[code] = value
    return values[column.codes]


def _column_from(document: Any) -> ColumnCoding:
    names = {field.name for field in fields(ColumnCoding)}
    if not isinstance(document, Mapping) or set(document) != names:
        raise InvalidInput(
            f"expected a column of a coding with {listed(sorted(names))}, got {quoted(document)}"
        )
    column = ColumnCoding(
        **{
            **document,
            "features": _texts(document["features"]),
            "categories": _texts(document["categories"]),
        }
    )
    texts = (column.name, column.unit, column.decimal, column.order)
    if not all(isinstance(text, str) for text in texts) or column.kind not in KINDS:
        raise InvalidInput(f"expected a name, a kind ({listed(KINDS)}) and texts, got {quoted(document)}")
    n_features = 0 if column.kind == "left out" else len(column.categories) if column.categories else 1
    fill_fits = column.fill is None or (
        column.fill in column.categories
        if column.kind == "category"
        else isinstance(column.fill, (int, float)) and math.isfinite(column.fill)
    )
    if (
        len(column.features) != n_features
        or not fill_fits
        or column.decimal not in (".", ",")
        or (column.kind == "date") != (column.order in ORDERS)
        or bool(column.categories) != (column.kind == "category")
    ):
        raise InvalidInput(f"expected the coding of a column that fits together, got {quoted(document)}")
    return column


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(text, str) for text in value):
        raise InvalidInput(f"expected a list of texts, got {quoted(value)}")
    return tuple(value)
