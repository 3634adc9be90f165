"""Which failures are the user's to repair: these become an InputError, all others keep their traceback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from knn_cert._printing import printable
from knn_cert.gate.errors import InvalidInput


class InputError(Exception):
    """Something that was passed in is wrong; the message says what, and what to do about it.

    Parameters
    ----------
    message : str
    several_lines : bool, default=False
        Whether line breaks in the message are our own; otherwise they come from names, and are shown as such.
    """

    def __init__(self, message: str, *, several_lines: bool = False) -> None:
        super().__init__(message if several_lines else printable(message))


@contextlib.contextmanager
def input_errors(*, several_lines: bool = False) -> Iterator[None]:
    """Around reading and checking: ValueError, OSError, ImportError (a missing extra) are the input's."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        raise InputError(message_of(error), several_lines=several_lines) from error


@contextlib.contextmanager
def gate_errors() -> Iterator[None]:
    """Around computations: what is refused as `InvalidInput` is the input's, all else is a defect."""
    try:
        yield
    except InvalidInput as error:
        raise InputError(message_of(error)) from error


@contextlib.contextmanager
def work_errors() -> Iterator[None]:
    """Around computations that read and write as they go: files and packages are the input's as well."""
    try:
        yield
    except (InvalidInput, OSError, ImportError) as error:
        raise InputError(message_of(error)) from error


def message_of(error: BaseException) -> str:
    """Return what an error says, without what only a programmer wants to know."""
    # str() of an OSError starts with "[Errno 13]", which helps nobody.
    if isinstance(error, OSError) and error.strerror:
        return f"{printable(error.filename)}: {error.strerror}" if error.filename else error.strerror
    return str(error)
