"""The rows that certificates hinge on as a CSV file inside the page."""

from __future__ import annotations

import base64
import csv
import io
from typing import Any

from .._printing import spreadsheet_cell

__all__ = ["csv_link"]

# A page of half a megabyte has room for about this much; the JSON has all rows.
_MOST_CHARACTERS = 60_000


def csv_link(rows: list[dict[str, Any]]) -> tuple[str, int]:
    """Return a link of the kind ``data:``, which loads nothing from anywhere, and how many rows are in it.

    A label that a spreadsheet would run as a formula has an apostrophe in front.
    """
    text, n_written = _line("row", "label", "queries", "weak"), 0
    for row in rows:
        line = _line(row["row"], row["label"], row["queries"], row["weak"])
        if len(text) + len(line) > _MOST_CHARACTERS:
            break
        text, n_written = text + line, n_written + 1
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(text.encode()).decode("ascii"), n_written


def _line(*cells: Any) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow([spreadsheet_cell(cell) for cell in cells])
    return buffer.getvalue()
