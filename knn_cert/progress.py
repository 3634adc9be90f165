"""A progress bar on a terminal, nothing anywhere else: one line, wiped when the work ends or fails."""

from __future__ import annotations

import shutil
import sys
import time

_REDRAW_SECONDS = 0.1
"""Ten pictures a second look smooth and cost nothing beside a batch of certificates."""


class ProgressBar:
    """Draws how many queries are certified; call it with `(done, total)`, use it as a context manager.

    Parameters
    ----------
    label : str
        What is being counted, in front of the bar.
    enabled : bool, default=True
        False keeps it silent even on a terminal.
    stream : text stream, default=sys.stderr
        Where to draw. What is no terminal is never written to: control characters have no place in a log.
    """

    def __init__(self, label, *, enabled=True, stream=None):
        self._stream = sys.stderr if stream is None else stream
        self._label = label
        self._enabled = enabled and self._stream is not None and self._stream.isatty()
        self._start = time.monotonic()
        self._last_drawn = None

    def __enter__(self):
        self._start = time.monotonic()
        return self

    def __exit__(self, *exception):
        if self._last_drawn is not None:
            self._stream.write("\r\x1b[K")  # ANSI: clear to the end of the line
            self._stream.flush()
            self._last_drawn = None

    def __call__(self, done, total):
        """Draw the bar at `done` of `total`; calls that come too quickly are skipped, the last never is."""
        if not self._enabled or total <= 0:
            return
        now = time.monotonic()
        if self._last_drawn is not None and done < total and now - self._last_drawn < _REDRAW_SECONDS:
            return
        self._last_drawn = now
        width = shutil.get_terminal_size().columns
        self._stream.write("\r" + _line(self._label, done, total, now - self._start, width) + "\x1b[K")
        self._stream.flush()


def _line(label, done, total, elapsed, width):
    """One line of at most `width - 1` characters: a full last column makes some terminals wrap."""
    fraction = min(done / total, 1.0)
    left = f"{label} "
    right = f" {done}/{total}"
    if 0 < done < total:
        right += f"  {_clock(elapsed * (total - done) / done)} left"
    cells = min(width - 1 - len(left) - len(right) - 2, 40)
    if cells < 5:
        return f"{label}{right}"[: max(width - 1, 0)]
    filled = int(fraction * cells)
    return f"{left}[{'#' * filled}{'.' * (cells - filled)}]{right}"


def _clock(seconds):
    """`75.2` -> `1:15`; hours appear only when there are any."""
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
