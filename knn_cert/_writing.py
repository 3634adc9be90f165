"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_or_nothing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that takes its place only if the body succeeds."""
    temporary = beside(path)
    try:
        with named_in_errors(path):
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def named_in_errors(path: Path) -> Iterator[None]:
    """Name the file in errors of the operating system."""
    try:
        yield
    except OSError as error:
        # OSError picks the subclass from the number.
        raise OSError(error.errno, f"cannot write {path}: {error.strerror or error}") from error


def beside(path: Path) -> Path:
    """Return the path of a temporary file in the same folder."""
    # Not tempfile: its files are for their owner alone, and a result should have the user's usual mode.
    return path.with_name(f".{path.stem[:64]}-{uuid.uuid4().hex}.part")
