"""Which coding a table gets: the kind of each column, and the columns that are left out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._printing import quoted
from ..gate.errors import InvalidInput
from .cells import is_missing, kind_of_text, number
from .coding import MISSING, Coding, ColumnCoding, count_values
from .columns import check_names
from .dates import AmbiguousDates, order_of
from .defects import Defects
from .doubts import TableWarning, is_name_of_id, numbers_rows
from .frames import DATES
from .missing import Fills
from .raw import Raw, Words, as_numbers
from .written import decimal_sign, grouped_number, reads_the_same, split_unit, truth

if TYPE_CHECKING:
    from numpy.typing import NDArray

# More words than this are names and remarks more often than categories.
_MOST_CATEGORIES = 50
_UNITS = ("percentages", "numbers with a unit")
_SHOWN = 8


def decide(raw: Raw, fills: Fills, *, drop_missing: bool) -> Coding:
    """Return what each column becomes, text included.

    Raises
    ------
    InvalidInput
        If numbers or dates can be read in two ways, or no column is left.

    Warns
    -----
    TableWarning
        Which columns are left out, and why.
    """
    defects = Defects(raw.unit)
    signs = _Signs(raw.decimal, raw.decimal or decimal_sign_of(raw))
    columns = []
    for name, column in zip(raw.names, raw.columns, strict=True):
        try:
            columns.append(_decide(name, column, fills, signs))
        except _Unclear as unclear:
            words = unclear.words
            defects.add(
                unclear.kind, name, raw.places[words.first_row(unclear.code)], words.distinct[unclear.code]
            )
    defects.check()
    coding = Coding(tuple(columns), drop_missing)
    left_out = [f"{quoted(column.name)} ({column.remark})" for column in columns if not column.features]
    if not coding.feature_names:
        raise InvalidInput(
            f"expected some column to become a feature, got none: {', '.join(left_out[:_SHOWN])}"
        )
    check_names(coding.feature_names)
    if left_out:
        more = f" and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
        warnings.warn(
            f"{len(left_out)} column(s) left out: {', '.join(left_out[:_SHOWN])}{more}; say --drop COLUMN "
            "(drop=[...]) to leave them out without this warning",
            TableWarning,
            stacklevel=3,
        )
    return coding


class _Signs(NamedTuple):
    """The sign in front of decimals: as it was said or found in the file, and as other columns have it."""

    known: str | None
    likely: str | None

    def of(self, numbers: list[str]) -> str | None:
        """Return the sign of a column; None if there are two ways to read it."""
        if self.known is not None:
            return self.known
        return decimal_sign(numbers) or self.likely or ("." if reads_the_same(numbers) else None)


class _Unclear(Exception):
    """A cell that can be read in two ways."""

    def __init__(self, kind: str, words: Words, code: int) -> None:
        self.kind, self.words, self.code = kind, words, code


def _decide(name: str, column: NDArray[np.float64] | Words, fills: Fills, signs: _Signs) -> ColumnCoding:
    distinct, n_missing = count_values(column)
    coding = ColumnCoding(
        name, "number", (name,), distinct, n_missing, decimal=signs.known or ".", encoded=True
    )
    if not distinct:
        return _left_out(coding, "no value in any row")
    if isinstance(column, Words) and column.kind is None:
        column = as_numbers(column, signs.known or ".")
    if not isinstance(column, Words):
        return _decide_numbers(coding, column, fills.of_number(name))
    present = np.unique(column.codes).tolist()
    codes = [code for code in present if not is_missing(column.distinct[code])]
    cells = [column.distinct[code] for code in codes]
    if column.kind == DATES or (column.kind is None and all(kind_of_text(cell) == DATES for cell in cells)):
        try:
            order = order_of(cells)
        except AmbiguousDates:
            raise _Unclear("dates that can be read in two ways", column, codes[0]) from None
        if order is None:
            raise _Unclear(DATES, column, codes[0])
        coding = replace(coding, kind="date", order=order)
    elif all(_is_truth(cell) for cell in cells):
        coding = replace(coding, kind="0 and 1")
    else:
        written = _as_written(coding, column, codes, signs)
        if written is None:
            return _decide_words(coding, len(column.codes), cells, fills)
        coding = written
    read = {code: coding.number(column.distinct[code]) for code in codes}
    values = np.array(
        [np.nan if (v := read.get(code)) is None else v for code in range(len(column.distinct))]
    )
    decided = _decide_numbers(coding, values[column.codes], _fill_of(coding, fills))
    return replace(decided, kind=coding.kind) if decided.features else decided


def _as_written(
    coding: ColumnCoding, column: Words, codes: Sequence[int], signs: _Signs
) -> ColumnCoding | None:
    """Return the coding of numbers with separators or one unit, or None if the cells are words."""
    cells = [column.distinct[code] for code in codes]
    if not all(_may_be_number(cell) for cell in cells):
        return None
    parts = [split_unit(cell) for cell in cells]
    units = {part[1] for part in parts if part is not None}
    if units and None not in parts and len(units) == 1:
        unit = units.pop()
        numbers = [part[0] for part in parts if part is not None]
    elif units and all(number(cell) is not None or kind_of_text(cell) in _UNITS for cell in cells):
        odd = next(code for code, part in zip(codes, parts, strict=True) if part != parts[0])
        raise _Unclear("numbers in different units", column, odd)
    else:
        unit, numbers = "", cells
    possible = [sign for sign in ".," if all(grouped_number(one, sign) is not None for one in numbers)]
    if not possible:
        return None
    if signs.known is not None and signs.known not in possible:
        raise _Unclear("numbers with separators", column, codes[0])
    decimal = signs.of(numbers)
    if decimal is None:
        odd = next(c for c, one in zip(codes, numbers, strict=True) if not reads_the_same([one]))
        raise _Unclear("numbers that can be read in two ways", column, odd)
    kind = "percentage" if unit.strip() == "%" else "number with separators"
    remark = f"in {unit.strip()}" if unit and kind != "percentage" else None
    return replace(coding, kind=kind, unit=unit, decimal=decimal, remark=remark)


def _may_be_number(cell: str) -> bool:
    return split_unit(cell) is not None or any(grouped_number(cell, sign) is not None for sign in ".,")


def _decide_numbers(coding: ColumnCoding, values: NDArray[np.float64], fill: float | None) -> ColumnCoding:
    if fill is not None:
        coding = replace(coding, fill=fill)
        values = np.where(np.isnan(values), fill, values)
    if np.isnan(values).any():
        return coding  # refused, wherever the table is coded
    if (values == values[0]).all():
        return _left_out(coding, "the same value in every row")
    if not coding.unit and coding.kind == "number" and numbers_rows(values, coding.name):
        return _left_out(coding, "a different whole number in every row, as ids have")
    return replace(coding, kind="0 and 1") if np.isin(values, (0.0, 1.0)).all() else coding


def _decide_words(coding: ColumnCoding, n_rows: int, cells: list[str], fills: Fills) -> ColumnCoding:
    n_filled = n_rows - coding.missing
    name = coding.name
    given = fills.columns.get(name, MISSING if fills.default is not None else None)
    fill = None if given is None else str(given)
    if len(cells) == 1 and (fill is None or not coding.missing):
        return _left_out(coding, "the same word in every row")
    if len(cells) == n_filled:
        return _left_out(coding, f"a different word in every row, as ids have{_but(cells)}")
    if is_name_of_id(name):
        return _left_out(coding, "its name is that of an id")
    if len(cells) > _MOST_CATEGORIES or 2 * len(cells) > n_rows:
        return _left_out(coding, f"text with {len(cells)} different words in {n_rows} rows{_but(cells)}")
    categories = tuple(sorted({*cells, *(() if fill is None else (fill,))}))
    features = tuple(f"{name}={word or '(missing)'}" for word in categories)
    return replace(coding, kind="category", features=features, categories=categories, fill=fill)


def _but(cells: list[str]) -> str:
    """Name a word that keeps a column from being one of numbers, where most of its cells are numbers."""
    words = [cell for cell in cells if number(cell) is None]
    return f", most of them numbers, but not {quoted(words[0])}" if 2 * len(words) < len(cells) else ""


def _left_out(coding: ColumnCoding, remark: str) -> ColumnCoding:
    return ColumnCoding(coding.name, "left out", (), coding.distinct, coding.missing, remark, encoded=True)


def _fill_of(coding: ColumnCoding, fills: Fills) -> float | None:
    """Return the constant of a column, which may be written as its cells are."""
    given = fills.columns.get(coding.name)
    value = coding.number(given.strip()) if isinstance(given, str) else None
    return fills.of_number(coding.name) if value is None else value


def _is_truth(cell: str) -> bool:
    return truth(cell) in (0.0, 1.0)


def decimal_sign_of(raw: Raw) -> str | None:
    """Return the sign in front of decimals that the columns of a table agree on beyond doubt, if any.

    Raises
    ------
    InvalidInput
        If some columns have a point there and others a comma.
    """
    signs: dict[str, str] = {}
    for name, column in zip(raw.names, raw.columns, strict=True):
        sign = None
        if not isinstance(column, Words):
            # Only in a text were the decimals read from signs.
            sign = "." if raw.unit == "line" and _has_decimals(column) else None
        elif column.kind is None:
            cells = [cell for cell in column.distinct if not is_missing(cell)]
            if all(_may_be_number(cell) for cell in cells):
                sign = decimal_sign((split_unit(cell) or (cell, ""))[0] for cell in cells)
        if sign is not None:
            signs.setdefault(sign, name)
    if len(signs) > 1:
        raise InvalidInput(
            f"expected one sign in front of decimals, got a point in column {quoted(signs['.'])} and a comma "
            f"in column {quoted(signs[','])}; say which it is: --decimal . or --decimal , (decimal='.')"
        )
    return next(iter(signs), None)


def _has_decimals(column: NDArray[np.float64]) -> bool:
    finite = column[np.isfinite(column)]
    return bool((finite != np.floor(finite)).any())
