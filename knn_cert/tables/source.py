"""What tables are read from: a file of any kind, or a frame, opened and handed to the reader of its kind."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..gate.errors import InvalidInput
from .archives import table_in
from .arrow import read_arrow
from .columns import Select
from .delimited import read_delimited
from .encodings import check_encoding, in_utf8
from .excel import read_excel
from .files import ARROW, PARQUET, TEXT, errors_name
from .frames import is_frame, read_frame
from .layout import Manner
from .parquet import read_parquet
from .raw import Raw

_FRAME = "frame"


@contextlib.contextmanager
def source(path: Any, manner: Manner) -> Iterator[tuple[Any, str]]:
    """Give what is read and its kind; options for texts are refused for what is none."""
    if is_frame(path):
        try:
            _check_manner(manner, _FRAME)
            yield path, _FRAME
        except InvalidInput as error:
            raise InvalidInput(f"{type(path).__name__}: {error}") from error.__cause__
        return
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(
            "a table must be a path, a DataFrame of pandas or polars, or a Table of pyarrow, got "
            f"{type(path).__module__}.{type(path).__name__}"
        )
    with errors_name(path) as (file, kind):
        _check_manner(manner, kind)
        if kind == ".zip":
            with table_in(file) as member, in_utf8(member, manner.encoding) as text:
                yield text, text.suffix
        elif kind in TEXT:
            with in_utf8(file, manner.encoding) as text:
                yield text, kind
        else:
            yield file, kind


def read_raw(table: Any, kind: str, select: Select, manner: Manner) -> Raw:
    """Read the columns that ``select`` chooses from what `source` gave."""
    if kind == _FRAME:
        return read_frame(table, select)
    if kind in PARQUET:
        return read_parquet(table, select)
    if kind in ARROW:
        return read_arrow(table, select)
    if kind == ".xlsx":
        return read_excel(table, select, header=manner.header, encode=manner.encode)
    return read_delimited(table, select, named(table, manner))


def named(file: Path, manner: Manner) -> Manner:
    """Add what the name of a text says of it."""
    name = file.name.lower().removesuffix(".gz")
    return manner._replace(
        usual="\t" if name.endswith(".tsv") else ",", blanks=name.endswith((".txt", ".data"))
    )


def _check_manner(manner: Manner, kind: str) -> None:
    if not manner.header and kind not in (*TEXT, ".zip", ".xlsx"):
        raise InvalidInput("--no-header (header=False) is for CSV and TSV, texts and workbooks; leave it out")
    if (manner.separator or manner.decimal or manner.encoding) and kind not in (*TEXT, ".zip"):
        raise InvalidInput(
            "--separator, --decimal and --encoding (separator=, decimal=, encoding=) are for texts; leave "
            "them out"
        )
    check_encoding(manner.encoding)
