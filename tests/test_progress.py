"""How far the work is: a bar on a terminal, lines of text in a log, nothing where quiet was asked for."""

from __future__ import annotations

import io
import re

import pytest

from knn_cert import SmoothedKNNClassifier, progress
from knn_cert.exact.settings import VoteSettings
from knn_cert.progress import ProgressBar, paced


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


# --- on a terminal ------------------------------------------------------------------------------------------


def test_a_bar_is_silent_on_a_terminal_where_asked_to_be():
    terminal = Terminal()
    with ProgressBar("working", enabled=False, stream=terminal) as bar:
        bar(2, 2)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("width", [1, 12, 30, 80, 300])
@pytest.mark.parametrize("done", [0, 1, 70_000])
def test_a_bar_fits_on_its_line(monkeypatch, width, done):
    monkeypatch.setenv("COLUMNS", str(width))
    terminal = Terminal()
    ProgressBar("working", stream=terminal)(done, 70_000)
    line = terminal.getvalue().removeprefix("\r").removesuffix("\x1b[K")
    assert len(line) <= max(width - 1, 0)


def test_a_bar_grows_with_the_work(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    cells = []
    for done in (0, 5, 10):
        terminal = Terminal()
        ProgressBar("working", stream=terminal)(done, 10)
        cells.append(terminal.getvalue().count("#"))
    assert cells == [0, 20, 40]


def test_a_bar_says_how_long_the_rest_will_take(monkeypatch, clock):
    monkeypatch.setenv("COLUMNS", "80")
    terminal = Terminal()
    with ProgressBar("working", stream=terminal) as bar:
        clock.now += 30.0
        bar(1, 4)
    assert "1/4  1:30 left" in terminal.getvalue()


# --- in a log -----------------------------------------------------------------------------------------------


def log_of(clock, seconds, total=1000, each=0.5):
    """Work on ``total`` queries for so many seconds; return the lines of the log and when they came."""
    log, times = io.StringIO(), []
    with ProgressBar("certifying", stream=log) as bar:
        start, written = clock.now, 0
        bar(0, total)
        while clock.now - start < seconds:
            clock.now += each
            bar(round(total * (clock.now - start) / seconds), total)
            if len(log.getvalue()) > written:
                times.append(clock.now - start)
            written = len(log.getvalue())
    return log.getvalue().splitlines(), times


def test_short_work_says_nothing_in_a_log(clock):
    assert log_of(clock, seconds=9.5) == ([], [])


def test_a_log_gets_an_estimate_after_ten_seconds_and_then_ever_more_rarely(clock):
    lines, times = log_of(clock, seconds=100)
    assert lines[0] == "certifying: 100 of 1000, 0:10 gone, about 1:30 left"
    assert lines[1] == "certifying: 200 of 1000, 0:20 gone, about 1:20 left"
    assert times == [10, 20, 40, 80]
    _, times = log_of(clock, seconds=7200)
    assert times[:7] == [10, 20, 40, 80, 160, 320, 640]
    assert max(b - a for a, b in zip(times, times[1:], strict=False)) <= 600


def test_what_was_done_before_does_not_count_as_fast_work(clock):
    """An ensemble that goes on from a checkpoint: 900 of 1000 models are there when it begins."""
    log = io.StringIO()
    with ProgressBar("training", stream=log) as bar:
        clock.now += 5.0  # the trainer is tried, and models are read
        bar(900, 1000)
        clock.now += 10.0
        bar(910, 1000)
    assert log.getvalue() == "training: 910 of 1000, 0:15 gone, about 1:30 left\n"


def test_what_processes_take_to_start_does_not_count_as_slow_work(clock):
    log = io.StringIO()
    with ProgressBar("training", stream=log) as bar:
        bar(0, 1000)
        clock.now += 13.0
        bar(1, 1000)
        clock.now += 10.0
        bar(101, 1000)
    assert log.getvalue().splitlines() == [
        "training: 1 of 1000, 0:13 gone",
        "training: 101 of 1000, 0:23 gone, about 1:30 left",
    ]


def test_rare_reports_of_slow_work_do_not_pile_up(clock):
    lines, times = log_of(clock, seconds=400, total=4, each=100)
    assert times == [100, 200]
    assert lines[0] == "certifying: 1 of 4, 1:40 gone, about 5:00 left"


def test_a_log_holds_lines_of_text_and_no_control_characters(clock):
    log = io.StringIO()
    with ProgressBar("working", stream=log) as bar:
        clock.now += 3700.0
        bar(1, 3)
    assert log.getvalue() == "working: 1 of 3, 1:01:40 gone, about 2:03:20 left\n"
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", log.getvalue())


def test_a_log_says_nothing_where_asked_to_be_quiet(clock):
    log = io.StringIO()
    with ProgressBar("working", enabled=False, stream=log) as bar:
        clock.now += 100.0
        bar(1, 2)
    assert log.getvalue() == ""


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_a_log_that_cannot_be_written_does_not_stop_the_work(clock, kind):
    class Full(kind):
        def write(self, text):
            raise OSError(28, "No space left on device")

    with ProgressBar("working", stream=Full()) as bar:
        clock.now += 100.0
        bar(1, 2)
        bar(2, 2)


def test_no_stderr_is_no_reason_to_stop(monkeypatch, clock):
    monkeypatch.setattr("sys.stderr", None)
    with ProgressBar("working") as bar:
        clock.now += 100.0
        bar(1, 2)


# --- parts of the work --------------------------------------------------------------------------------------


def sizes(clock, total, seconds_each, least=2, most=256):
    parts = []
    for part in paced(total, least=least, most=most):
        clock.now += seconds_each * (part.stop - part.start)
        parts.append(part)
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == total
    return [part.stop - part.start for part in parts]


def test_quick_work_soon_comes_in_large_parts(clock):
    assert sizes(clock, 1000, 0.0) == [2, 16, 128, 256, 256, 256, 86]


def test_slow_work_comes_in_parts_of_seconds(clock):
    assert sizes(clock, 12, 17.0) == [2] * 6
    parts = sizes(clock, 1000, 0.02)
    assert parts[:3] == [2, 16, 128] and max(parts) * 0.02 <= 4.0


def test_work_that_becomes_slow_comes_in_smaller_parts(clock):
    parts = []
    for part in paced(2000, least=1, most=512):
        parts.append(part.stop - part.start)
        clock.now += 0.001 if part.start < 300 else 0.1 * parts[-1]
    assert parts[:4] == [1, 8, 64, 512] and parts[-2] <= 20


@pytest.mark.parametrize(("total", "least", "most"), [(1, 4, 256), (5, 4, 1), (3, 1, 1), (7, 8, 3)])
def test_parts_keep_to_their_bounds_and_cover_the_work(clock, total, least, most):
    assert all(size <= most for size in sizes(clock, total, 0.0, least, most))


def test_no_work_has_no_parts(clock):
    assert list(paced(0, least=1, most=5)) == []


def test_slow_queries_are_reported_long_before_the_first_hundred_is_done(clock, monkeypatch):
    clf = SmoothedKNNClassifier(n_neighbors=1, n_threads=1).fit([[0.0], [1.0]], [0, 1])
    votes = VoteSettings.scan

    def slow(self, queries, *others):
        clock.now += 10.0 * len(queries)
        return votes(self, queries, *others)

    monkeypatch.setattr(VoteSettings, "scan", slow)
    log, reports = io.StringIO(), []
    with ProgressBar("certifying", stream=log) as bar:

        def report(done, total):
            reports.append(done)
            bar(done, total)

        clf.certify([[0.3]] * 40, progress=report)
    assert reports[:3] == [0, 1, 2]
    assert log.getvalue().splitlines()[0] == "certifying: 1 of 40, 0:10 gone, about 6:30 left"
