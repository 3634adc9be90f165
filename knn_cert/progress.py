"""How far the work is, on stderr: a bar on a terminal, wiped at the end, and lines of text elsewhere."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator
from typing import TextIO

_REDRAW_SECONDS = 0.1
"""Ten pictures a second look smooth and cost nothing beside a batch of certificates."""

_FIRST_LINE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 600.0
"""A log says nothing of short work; of longer work at 10, 20, 40, 80 seconds, later every ten minutes."""

_LEAST_SHARE = 0.01
"""The first news of long work has what processes take to start in its time: of less than this share it is no
measure of the rest."""

_SHORT_SECONDS, _LONG_SECONDS = 0.5, 2.0
"""Parts of the work that take about a second give news often enough, and hold enough work to be done well."""


def paced(total: int, *, least: int, most: int) -> Iterator[slice]:
    """Cut work into parts of a second or so: the first is the smallest, so that slow work has news early.

    Parameters
    ----------
    total : int
    least, most : int >= 1
        Bounds on the size of a part (the last one may be smaller).

    Yields
    ------
    slice
        The next part follows on the time that was spent on the one before.
    """
    start, size = 0, min(least, most)
    while start < total:
        part = slice(start, min(start + size, total))
        began = time.monotonic()
        yield part
        seconds = time.monotonic() - began
        start = part.stop
        if seconds < _SHORT_SECONDS:
            size = min(8 * size, most)
        elif seconds > _LONG_SECONDS:
            size = max(size // 2, min(least, most))


class ProgressBar:
    """Shows how many queries are certified; call it with `(done, total)`, use it as a context manager.

    Parameters
    ----------
    label : str
        What is being counted, in front of the bar.
    enabled : bool, default=True
        False keeps it silent.
    stream : text stream, default=sys.stderr
        Where to write. What is no terminal gets a line of text with the time left, first after ten seconds
        and then ever more rarely, and never a control character.

    Notes
    -----
    The time left follows from the pace since the first part of the work was done, or where no other is, since
    the first call: what was done in an earlier run took no time of this one, and preparations are over.
    """

    def __init__(self, label: str, *, enabled: bool = True, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._label = label
        self._enabled = enabled and self._stream is not None
        self._is_terminal = self._enabled and self._stream.isatty()
        self._start = time.monotonic()
        self._last_drawn: float | None = None
        self._next_line = _FIRST_LINE_SECONDS
        self._marks: list[tuple[int, float]] = []

    def __enter__(self) -> ProgressBar:
        self._start = time.monotonic()
        self._marks = []
        return self

    def __exit__(self, *exception: object) -> None:
        if self._last_drawn is not None:
            self._write("\r\x1b[K")  # ANSI: clear to the end of the line
            self._last_drawn = None

    def __call__(self, done: int, total: int) -> None:
        """Show `done` of `total`; calls that come too quickly are skipped, but a bar is always filled."""
        if not self._enabled or total <= 0:
            return
        now = time.monotonic()
        if len(self._marks) < 2 and (not self._marks or done > self._marks[0][0]):
            self._marks.append((done, now))  # the first call, and the first that has news
        if self._is_terminal:
            self._draw(done, total, now)
        else:
            self._tell(done, total, now)

    def _draw(self, done: int, total: int, now: float) -> None:
        if self._last_drawn is not None and done < total and now - self._last_drawn < _REDRAW_SECONDS:
            return
        self._last_drawn = now
        width = shutil.get_terminal_size().columns
        line = _line(self._label, done, total, self._time_left(done, total, now), width)
        self._write(f"\r{line}\x1b[K")

    def _tell(self, done: int, total: int, now: float) -> None:
        elapsed = now - self._start
        if elapsed < self._next_line or not 0 < done < total:
            return
        left = self._time_left(done, total, now)
        estimate = f", about {left} left" if left else ""
        self._write(f"{self._label}: {done} of {total}, {_clock(elapsed)} gone{estimate}\n")
        while self._next_line <= elapsed:
            self._next_line += min(self._next_line, _LONGEST_PAUSE_SECONDS)

    def _time_left(self, done: int, total: int, now: float) -> str:
        """Return about how long the rest takes; nothing where too little is done to tell, or all of it."""
        known = [mark for mark in self._marks if mark[0] < done]
        before, since = known[-1] if known else (0, self._start)
        is_guess = len(known) < 2 and done - before < _LEAST_SHARE * total
        if not before < done < total or is_guess:
            return ""
        return _clock((now - since) * (total - done) / (done - before))

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:  # a full disk or a reader that left is no reason to lose the work
            self._enabled = False
            with contextlib.suppress(OSError):
                self._stream.flush()


def _line(label: str, done: int, total: int, time_left: str, width: int) -> str:
    """One line of at most `width - 1` characters: a full last column makes some terminals wrap."""
    fraction = min(done / total, 1.0)
    left = f"{label} "
    right = f" {done}/{total}"
    if time_left:
        right += f"  {time_left} left"
    cells = min(width - 1 - len(left) - len(right) - 2, 40)
    if cells < 5:
        return f"{label}{right}"[: max(width - 1, 0)]
    filled = int(fraction * cells)
    return f"{left}[{'#' * filled}{'.' * (cells - filled)}]{right}"


def _clock(seconds: float) -> str:
    """`75.2` -> `1:15`; hours appear only when there are any."""
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
