"""The one error class that says: what was passed in is wrong, and whoever passed it in can repair it."""

from __future__ import annotations


class InvalidInput(ValueError):
    """A value from outside that is refused; the message says what was expected, what came and what to do.

    The command line prints the message in one line. Any other `ValueError` out of a computation is a defect
    of the program there, and keeps its traceback.
    """
