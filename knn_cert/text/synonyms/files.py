"""Files of synonyms: JSON with words and their lists, or text with two words a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..._reading import read_text
from ...gate.errors import InvalidInput
from .entries import first_repeated


def is_json(path: Path) -> bool:
    """Whether the name of a file says that it holds JSON."""
    return path.name.endswith((".json", ".json.gz"))


def read_table(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file: its words, and whatever it has for them."""
    text = _text(path)
    try:
        table: object = json.loads(text, object_pairs_hook=_distinct_keys)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"{path}, line {error.lineno}: expected JSON, got something else or a file that is cut off "
            f"({error.msg}); fetch it again"
        ) from None
    except ValueError as error:
        raise InvalidInput(f"{path}: {error}") from None
    if not isinstance(table, dict):
        raise InvalidInput(
            f"{path}: expected a JSON object of words and lists of words, got "
            f"{type(table).__name__} at the top"
        )
    return table


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Return the two words of each line of a file."""
    lines = _text(path).split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise InvalidInput(f"{path} is empty, expected lines with two words each")
    pairs = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if len(words) != 2:
            raise InvalidInput(f"{path}, line {number}: expected two words, got {line[:60]!r}")
        pairs.append((words[0], words[1]))
    return pairs


def _distinct_keys(items: list[tuple[str, object]]) -> dict[str, object]:
    # Python would keep the last of two.
    twice = first_repeated(word for word, _ in items)
    if twice is not None:
        raise InvalidInput(f"the word {twice!r} has two entries; join them")
    return dict(items)


def _text(path: Path) -> str:
    return read_text(path, remedy="fetch it again", remedy_encoding="convert it, for instance with iconv")
