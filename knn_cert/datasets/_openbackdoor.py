"""Poisoned corpora as OpenBackdoor stores them, read strictly: texts, labels, and which are poisoned."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._files import read_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FlaggedTexts", "read_openbackdoor"]

_REMEDY = "correct it, or generate the file again"
_NAMES = ["text", "label", "poison_label"]
# A pandas frame without column names numbers its columns; the first header cell is that of the row numbers.
_HEADERS = (_NAMES, ["", *_NAMES], ["", "0", "1", "2"], ["index", *_NAMES])
# Up to 18 digits, which an int64 always holds.
_WHOLE = re.compile(r"[0-9]{1,18}")


class FlaggedTexts(NamedTuple):
    """A corpus, some texts of which may be poisoned.

    Attributes
    ----------
    texts : list of str, length n
    labels : ndarray of shape (n,), int64
        As the victim sees them: the label of a poisoned text is the attacker's.
    poisoned : ndarray of shape (n,), bool
    """

    texts: list[str]
    labels: NDArray[np.int64]
    poisoned: NDArray[np.bool_]


def read_openbackdoor(path: str | os.PathLike[str]) -> FlaggedTexts:
    """Read a corpus that was poisoned beforehand, such as one of SynBkd or StyleBkd.

    Their triggers, syntax and style, need models that are not in this package; the toolkit OpenBackdoor (G.
    Cui et al., NeurIPS 2022) writes what they make of a corpus as ``train-poison.csv``, ``test-poison.csv``,
    ``dev-clean.csv`` and so on.

    Parameters
    ----------
    path : path-like
        UTF-8, with or without a byte order mark, plain or gzip. The name ends in

        ``.csv`` or ``.csv.gz``: commas, quotes as in CSV, one of the headers ``text,label,poison_label``, the
        same after a column of row numbers (``,text,...`` or ``index,text,...``), or ``,0,1,2``, which the
        toolkit writes;

        ``.json`` or ``.json.gz``: a list of ``[text, label, poison_label]``.

    Returns
    -------
    FlaggedTexts
        ``(texts, labels, poisoned)``, in the order of the file. Labels are whole numbers >= 0. In a file of
        poisoned test texts all labels are the target class: take the true ones from the clean file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is of another kind, cut off, malformed or not UTF-8, or a text is empty; the message names the
        line or the entry.
    """
    file = Path(path).expanduser()
    kind = Path(file.name.removesuffix(".gz")).suffix
    readers = {".csv": _read_csv, ".json": _read_json}
    if kind not in readers:
        raise ValueError(
            f"{file}: expected a name that ends in .csv, .csv.gz, .json or .json.gz, got {file.name!r}; "
            "rename it if it is one of these"
        )
    texts, labels, flags = readers[kind](file, read_text(file, remedy="save it as UTF-8"))
    if not texts:
        raise ValueError(f"{file}: expected at least one text, got none; {_REMEDY}")
    return FlaggedTexts(texts, np.array(labels, dtype=np.int64), np.array(flags, dtype=bool))


def _read_csv(file: Path, content: str) -> tuple[list[str], list[int], list[bool]]:
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    texts, labels, flags = [], [], []
    try:
        header = next(reader, [])
        if header not in _HEADERS:
            raise ValueError(
                f"{file}, line 1: expected the header {' or '.join(','.join(h) for h in _HEADERS)}, got "
                f"{','.join(header)[:80]!r}; {_REMEDY}"
            )
        for row in reader:
            if not row:  # an empty line, at the end of many files
                continue
            where = f"{file}, line {reader.line_num}"
            if len(row) != len(header):
                raise ValueError(
                    f"{where}: expected {len(header)} cells as in the header, got {len(row)}; {_REMEDY}"
                )
            text, label, flag = row[-3:]
            if not _WHOLE.fullmatch(label):
                raise ValueError(f"{where}: expected a whole number >= 0 as label, got {label!r}; {_REMEDY}")
            texts.append(_check_text(text, where))
            labels.append(int(label))
            flags.append(_check_flag({"0": 0, "1": 1}.get(flag, flag), where))
    except csv.Error as error:
        raise ValueError(
            f"{file}, line {reader.line_num}: expected cells separated by commas and quotes in pairs, got: "
            f"{error}; the file may be cut off"
        ) from error
    return texts, labels, flags


def _read_json(file: Path, content: str) -> tuple[list[str], list[int], list[bool]]:
    try:
        entries = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{file}: expected a JSON list of [text, label, poison_label], got what cannot be read "
            f"({error}); the file may be cut off"
        ) from None
    if not isinstance(entries, list):
        raise ValueError(
            f"{file}: expected a JSON list of [text, label, poison_label], got a {type(entries).__name__}; "
            f"{_REMEDY}"
        )
    texts, labels, flags = [], [], []
    for number, entry in enumerate(entries):
        where = f"{file}, entry {number}"
        if not isinstance(entry, list) or len(entry) != 3:
            raise ValueError(f"{where}: expected [text, label, poison_label], got {_short(entry)}; {_REMEDY}")
        text, label, flag = entry
        if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < 10**18:
            raise ValueError(
                f"{where}: expected a whole number >= 0 as label, got {_short(label)}; {_REMEDY}"
            )
        texts.append(_check_text(text, where))
        labels.append(label)
        flags.append(_check_flag(flag, where))
    return texts, labels, flags


def _check_text(text: Any, where: str) -> str:
    if not isinstance(text, str):
        raise ValueError(f"{where}: expected a text, got {_short(text)}; {_REMEDY}")
    if not text.strip():
        raise ValueError(f"{where}: expected a text, got an empty one; remove it from the file")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # JSON can write half of a character
        raise ValueError(f"{where}: expected a text, got one with half a character; {_REMEDY}") from None
    return text


def _check_flag(flag: Any, where: str) -> bool:
    if not isinstance(flag, int) or flag not in (0, 1):
        raise ValueError(f"{where}: expected poison_label 0 or 1, got {_short(flag)}; {_REMEDY}")
    return bool(flag)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
