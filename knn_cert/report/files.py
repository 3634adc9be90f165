"""A report as a file: the ending of its name says what is written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from .._writing import whole_or_nothing
from ..gate.errors import InvalidInput
from .document import Document, validate
from .markdown import render_markdown
from .page import render_html

__all__ = ["REPORT_SUFFIXES", "check_suffix", "write"]


def _render_json(document: Document) -> str:
    validate(document)
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


_RENDERERS: dict[str, Callable[[Document], str]] = {
    ".html": render_html,
    ".md": render_markdown,
    ".json": _render_json,
}

REPORT_SUFFIXES = tuple(_RENDERERS)


def check_suffix(path: str | os.PathLike[str]) -> str:
    """Return the ending of a path, or refuse it: worth asking before an audit, not after it.

    Raises
    ------
    ValueError
        If no report is written to files of this ending.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _RENDERERS:
        raise InvalidInput(
            f"a report is written to {', '.join(_RENDERERS)}, got {os.fspath(path)!r}; the ending says which"
        )
    return suffix


def write(document: Document, path: str | os.PathLike[str]) -> None:
    """Write a report to a .html, .md or .json file, whole or not at all.

    Parameters
    ----------
    document : dict
        An audit document, see `validate`.
    path : path
        A file that is there is replaced, and its permissions stay.

    Raises
    ------
    TypeError, ValueError
        If this is no audit document (`validate`), or the name ends otherwise.
    OSError
        If the file cannot be written; a file that was there before is then untouched.
    """
    text = _RENDERERS[check_suffix(path)](document)
    with whole_or_nothing(Path(path)) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
