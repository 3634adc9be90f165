"""What the files of all corpora share: where they lie, lines of cells, labels, counts, entities of HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ._files import REPLACE, RemoteFile

OFFENSIVE = "It holds offensive and hateful language."

# Only entities with their semicolon: html.unescape alone also reads "&copy=2" in an address as a sign.
_ENTITY = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")


def lines_of(text: str) -> list[str]:
    """Cut a text at line ends, LF or CRLF; empty lines at the end are left out.

    str.splitlines would also cut at the rarer separators of Unicode, which are part of a tweet.
    """
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def cells_of(lines: list[str], header: str, path: Path, separator: str = "\t") -> list[list[str]]:
    """Return the cells of all lines below the header line, which has to be this one. No quoting."""
    if not lines or lines[0] != header:
        got = repr(lines[0][:80]) if lines else "an empty file"
        raise ValueError(f"{path}, line 1: expected the header {header!r}, got {got}; {REPLACE}")
    width = header.count(separator) + 1
    rows = [line.split(separator) for line in lines[1:]]
    for number, row in enumerate(rows, start=2):
        if len(row) != width:
            raise ValueError(
                f"{path}, line {number}: expected {width} cells separated by {separator!r}, got {len(row)}; "
                f"{REPLACE}"
            )
    return rows


def number_label(cell: str, numbers: Mapping[str, int], path: Path, line: int) -> int:
    """Return the class number of a label as the file writes it."""
    if cell not in numbers:
        raise ValueError(
            f"{path}, line {line}: expected the label {' or '.join(numbers)}, got {cell[:40]!r}; {REPLACE}"
        )
    return numbers[cell]


def check_not_empty(text: str, path: Path, line: int) -> str:
    """Return the text, or raise ValueError where it is empty."""
    if not text.strip():
        raise ValueError(f"{path}, line {line}: expected a text, got an empty one; {REPLACE}")
    return text


def check_counts(labels: NDArray[np.int64], expected: tuple[int, ...], path: Path) -> None:
    """Raise unless each class has its number of rows: a file cut off after a line looks whole."""
    counts = tuple(np.bincount(labels, minlength=len(expected)).tolist())
    if counts != expected:
        raise ValueError(
            f"{path}: expected {sum(expected)} rows ({', '.join(map(str, expected))} of the classes 0 to "
            f"{len(expected) - 1}), got {sum(counts)} ({', '.join(map(str, counts))}); {REPLACE}"
        )


def unescape(tweet: str) -> str:
    """Turn HTML entities into their characters, once; those of half a character become U+FFFD."""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), tweet)


def remote_file(
    title: str,
    folder: str,
    name: str,
    source: str,
    sha256: str,
    n_bytes: int,
    *,
    other_places: tuple[str, ...],
    by_hand: str,
    extract: Callable[[bytes], bytes] | None = None,
) -> RemoteFile:
    """Describe a file of a repository on GitHub, which may also lie packed or in some other places."""
    return RemoteFile(
        title=f"{title} ({name})",
        url=f"https://raw.githubusercontent.com/{source}",
        store_as=f"{folder}/{name}",
        sha256=sha256,
        max_bytes=n_bytes,
        candidates=(f"{folder}/{name}", f"{folder}/{name}.gz", *other_places),
        extract=extract,
        by_hand=by_hand,
    )
