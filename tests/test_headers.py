"""The table of headers in csrc/README.md names each; a header includes only what stands above it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSRC = Path(__file__).resolve().parents[1] / "csrc"

if not CSRC.is_dir():
    pytest.skip("not a source checkout", allow_module_level=True)

HEADERS = sorted(path.name for path in (CSRC / "include" / "knn_cert").glob("*.hpp"))


def rows_of_the_table() -> list[list[str]]:
    """Return the headers of each row, from the top."""
    lines = (CSRC / "README.md").read_text(encoding="utf-8").splitlines()
    start = lines.index("| header | what |") + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append(re.findall(r"`(\w+\.hpp)`", line.split("|")[1]))
    return rows


def test_the_table_names_every_header_once_and_no_other():
    assert sorted(name for row in rows_of_the_table() for name in row) == HEADERS


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_includes_only_what_stands_above_it_in_the_table(name):
    rows = rows_of_the_table()
    place = next(i for i, row in enumerate(rows) if name in row)
    above = {other for row in rows[: place + 1] for other in row} - {name}
    text = (CSRC / "include" / "knn_cert" / name).read_text(encoding="utf-8")
    assert set(re.findall(r'#include "(.+)"', text)) <= above


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_begins_with_its_name_and_its_contract(name):
    first = (CSRC / "include" / "knn_cert" / name).read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(f"// {name}: ")
