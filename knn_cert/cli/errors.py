"""Which failures are the user's to repair: these become an InputError, all others keep their traceback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

_GATE = "knn_cert._validation"


class InputError(Exception):
    """Something that was passed in is wrong; the message says what, and what to do about it."""


@contextlib.contextmanager
def input_errors() -> Iterator[None]:
    """Around reading and checking: ValueError, OSError, ImportError (a missing extra) are the input's."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        raise InputError(_message(error)) from error


@contextlib.contextmanager
def gate_errors() -> Iterator[None]:
    """Around computations: a ValueError from the package's gate is the input's, any other is a defect."""
    try:
        yield
    except ValueError as error:
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        if traceback is None or traceback.tb_frame.f_globals.get("__name__") != _GATE:
            raise
        raise InputError(_message(error)) from error


def _message(error: Exception) -> str:
    # str() of an OSError starts with "[Errno 13]", which helps nobody.
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
