"""What is wrong with the cells of a table: found column by column, told in one message with the remedies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._printing import quoted
from ..gate.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHOWN = 5  # columns of one kind that a message lists

_ENCODE = "or let --encode (encode=True) do it"
_REMEDIES = {
    "text": "encode them as numbers (--encode, encode=True, makes one-hot codes of a few words) or leave "
    "them out (--drop COLUMN)",
    "true and false": f"write 1 and 0, {_ENCODE}",
    "percentages": f"write 5 % as 0.05, or as 5 in the whole column, {_ENCODE}",
    "dates or times": "turn them into numbers, for example days since a fixed day (--encode, encode=True, "
    "does so where all are written alike, best as 2024-01-31), or leave them out (--drop COLUMN)",
    "dates that can be read in two ways": "day and month cannot be told apart: write the year first, as "
    "2024-01-31, or leave them out (--drop COLUMN)",
    "numbers with separators": "write 1234.5, with a decimal point and nothing between the thousands, or "
    f"say --decimal , (decimal=',') where a comma is the decimal sign, {_ENCODE}",
    "numbers that can be read in two ways": "say what the sign of the decimals is: --decimal . or "
    "--decimal , (decimal='.')",
    "numbers with a point": "other numbers of the table have commas in front of decimals, or --decimal says "
    "so: write one sign for decimals in the whole table, and nothing between thousands",
    "numbers with a unit": f"write the number alone, in one unit for the whole column, {_ENCODE}",
    "numbers in different units": "write all cells of a column in one unit, or leave it out (--drop COLUMN)",
    "numbers stored as text": f"store them as numbers, in pandas with astype(float), {_ENCODE}",
    "other kinds": "write the column as in the training table",
    "missing values": "distances need every value: fill them in with constants that do not come from the "
    "table (--fill 0, --fill COLUMN=VALUE; fill=), or remove those rows (--drop-missing; "
    "missing='drop-rows')",
    "infinity": "distances need finite values: remove those rows or put in finite values",
}


# Where the table is read in parts.
_WITHOUT_ENCODE = {
    "text": "encode them as numbers beforehand, or leave them out (--drop COLUMN)",
    "dates or times": "turn them into numbers beforehand, for example days since a fixed day, or leave them "
    "out (--drop COLUMN)",
}


class Defects:
    """The first defect of each kind in each column, and the rows without a label.

    Parameters
    ----------
    unit : str
        What a place counts: "line" or "row".
    can_encode : bool, default=True
        Whether --encode is a remedy.
    """

    def __init__(self, unit: str, *, can_encode: bool = True) -> None:
        self._unit, self._can_encode = unit, can_encode
        self._found: dict[str, dict[str, tuple[int, str]]] = {kind: {} for kind in _REMEDIES}
        self._unlabelled: list[tuple[int, str]] = []

    def add(self, kind: str, column: str, place: int, cell: str = "") -> None:
        """Note a defect, unless the column has an earlier one of its kind."""
        self._found[kind].setdefault(column, (place, cell))

    def has(self, kind: str, column: str) -> bool:
        """Whether the column has a defect of this kind already."""
        return column in self._found[kind]

    def add_label(self, place: int, cell: str) -> None:
        """Note a row whose label is missing."""
        self._unlabelled.append((place, cell))

    @property
    def has_text(self) -> bool:
        """Whether some feature is no number at all."""
        return any(found for kind, found in self._found.items() if kind not in ("missing values", "infinity"))

    def check(self) -> None:
        """Raise InvalidInput if there is any defect."""
        parts = [self._told(kind, found) for kind, found in self._found.items() if found]
        if parts:
            if self._unlabelled:
                place, _ = self._unlabelled[0]
                parts.append(f"no label in {len(self._unlabelled)} row(s) (first in {self._unit} {place})")
            what = "numbers" if self.has_text else "a finite value"
            raise InvalidInput(f"expected {what} in every column but the label, got {'; and '.join(parts)}")
        if self._unlabelled:
            place, cell = self._unlabelled[0]
            more = f" and {len(self._unlabelled) - 1} more row(s)" if len(self._unlabelled) > 1 else ""
            got = f"the word {quoted(cell)}" if cell.strip() else "none"
            hint = f", or write another word if {quoted(cell)} is a class" if cell.strip() else ""
            raise InvalidInput(
                f"expected a label in every row, got {got} in {self._unit} {place}{more}; remove rows whose "
                f"label is missing{hint}; queries may do without the whole column"
            )

    def _told(self, kind: str, found: dict[str, tuple[int, str]]) -> str:
        found = dict(sorted(found.items(), key=lambda entry: entry[1][0]))  # in the order of the file
        if kind in ("missing values", "infinity"):
            title = f"{kind} in {len(found)} column(s)"
            places = (f"(first in {self._unit} {place})" for place, _ in found.values())
        else:
            title = f"{len(found)} text column(s)" if kind == "text" else f"{len(found)} column(s) of {kind}"
            places = (f"(e.g. {quoted(cell)}, {self._unit} {place})" for place, cell in found.values())
        remedy = _REMEDIES[kind]
        if not self._can_encode:
            remedy = _WITHOUT_ENCODE.get(kind, remedy.replace(f", {_ENCODE}", ""))
        return f"{title}: {_listed(zip(found, places, strict=True))}; {remedy}"


def check_finite(X: NDArray[np.float64], names: Sequence[str], unit: str, places: Sequence[int]) -> None:
    """Raise InvalidInput that names the columns with NaN or infinity; ``places`` numbers the rows."""
    if np.isfinite(X).all():
        return
    defects = Defects(unit)
    for bad, kind in ((np.isnan(X), "missing values"), (np.isinf(X), "infinity")):
        for j in np.flatnonzero(bad.any(axis=0)).tolist():
            defects.add(kind, names[j], places[int(np.argmax(bad[:, j]))])
    defects.check()


def _listed(entries: Iterable[tuple[str, str]]) -> str:
    entries = list(entries)
    more = f" and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else ""
    return ", ".join(f"{quoted(column)} {place}" for column, place in entries[:_SHOWN]) + more
