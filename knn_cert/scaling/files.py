"""Files of constants: JSON that people read, compare and write by hand."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._printing import listed, printable, quoted
from .._reading import read_text
from .._writing import whole_or_nothing
from ..certificates.head import parse_json
from ..gate.errors import InvalidInput
from .constants import Constants

__all__ = ["read_constants", "write_constants"]

_FORMAT, _VERSION = "knn_cert constants", 1
_FIELDS = ("center", "scale", "log")
_FORM = (
    '{"format": "knn_cert constants", "version": 1, "columns": '
    '{"NAME": {"center": 0, "scale": 1, "log": null}}}'
)


def write_constants(
    path: str | os.PathLike[str], names: Sequence[str], constants: Constants, source: str | None
) -> None:
    """Write constants under the names of their columns, whole or not at all.

    Raises
    ------
    InvalidInput
        If two columns have one name.
    OSError
        If the file cannot be written.
    """
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InvalidInput(
            f"constants are kept by the names of columns, and some occur twice: {listed(twice, 5)}; give "
            "every column a name of its own"
        )
    document: dict[str, Any] = {"format": _FORMAT, "version": _VERSION}
    if source is not None:
        document["source"] = source
    rows = zip(names, *(one.tolist() for one in constants), strict=True)
    document["columns"] = {
        name: {"center": center, "scale": scale, "log": None if math.isnan(unit) else unit}
        for name, center, scale, unit in rows
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    with whole_or_nothing(Path(path)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_constants(path: str | os.PathLike[str]) -> tuple[list[str], Constants, str | None]:
    """Return names of columns, their constants, and where these came from, as a file has them.

    Raises
    ------
    InvalidInput
        If the file is no such file; the message names it.
    OSError
        If it cannot be read.
    """
    shown = printable(path)
    text = read_text(Path(path), remedy="write it anew")
    try:
        document = parse_json(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{shown}: expected JSON such as {_FORM}, got none: {error}") from None
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise InvalidInput(f"{shown}: expected constants such as {_FORM}, got something else")
    if document.get("version") != _VERSION or isinstance(document["version"], bool):
        raise InvalidInput(f"{shown}: expected version {_VERSION}, got {quoted(document.get('version'))}")
    unknown = set(document) - {"format", "version", "source", "columns"}
    columns, source = document.get("columns"), document.get("source")
    if unknown or not isinstance(columns, dict) or not columns:
        what = f"also {listed(sorted(unknown), 3)}" if unknown else "no columns by their names"
        raise InvalidInput(f"{shown}: expected {_FORM}, got {what}")
    if source is not None and not isinstance(source, str):
        raise InvalidInput(f"{shown}: expected a text as source, got {quoted(source)}")
    numbers = np.array([_numbers(shown, name, one) for name, one in columns.items()])
    return list(columns), Constants(*numbers.T.copy()), source


def _numbers(shown: str, name: str, one: Any) -> tuple[float, float, float]:
    """Return center, scale and unit of one column; without "log" no logarithm is taken."""
    if isinstance(one, dict) and {"center", "scale"} <= set(one) <= set(_FIELDS):
        center, scale, unit = one["center"], one["scale"], one.get("log")
        if _is_number(center) and _is_number(scale) and (unit is None or _is_number(unit)):
            return float(center), float(scale), math.nan if unit is None else float(unit)
    raise InvalidInput(
        f'{shown}: expected {{"center": 0, "scale": 1, "log": null}} for column {quoted(name)}, with a '
        f"number as log where a logarithm is taken, got {quoted(one)}"
    )


def _is_number(value: object) -> bool:
    # a whole number beyond double precision would not become a float
    return type(value) is float or (type(value) is int and abs(value) <= 2**1000)
