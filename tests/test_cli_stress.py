"""The command line under stress: labels of an attacker, numbers out of all bounds, no room for the answer."""

from __future__ import annotations

import csv
import gzip
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import knn_cert
from knn_cert import SmoothedKNNClassifier
from knn_cert.cli import main
from knn_cert.tables import size

ROOT = Path(knn_cert.__file__).resolve().parents[1]  # the copy under test, in a checkout or installed
CONTROLS = "".join(map(chr, [*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2066, 0x200B]))
WORDS = ("train.csv", "test.csv", "--label", "kind", "--k", "3")

ROWS = [(0.1 * i + 2.0 * (i % 2), 0.5 * (i % 3), ("ham", "spam")[i % 2]) for i in range(12)]
QUERIES = [(2.2, 0.4, "spam"), (0.3, 0.1, "ham"), (1.4, 0.9, "spam"), (-0.5, 0.0, "ham")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with train.csv and test.csv, both labelled."""
    monkeypatch.chdir(tmp_path)
    write_table("train.csv", ROWS)
    write_table("test.csv", QUERIES)
    return tmp_path


def write_table(path, rows, header=("x", "y", "kind")):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows] if header else rows)


def renamed(rows, names):
    return [(x, y, names.get(kind, kind)) for x, y, kind in rows]


def warnings_of(capsys, *words, code=0):
    """Run a command; return the lines of its warnings, and its output."""
    assert main(["certify", *map(str, words)]) == code
    out, err = capsys.readouterr()
    assert all(line.startswith("knn-cert: warning: ") for line in err.splitlines())
    return err.splitlines(), out


def failure(capsys, *words):
    """Run a command that has to fail with one line; return it."""
    assert main(["certify", *map(str, words)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("knn-cert: error: ") and err.count("\n") == 1
    return err


# --- labels and names of an attacker ------------------------------------------------------------------------


def test_labels_cannot_forge_the_report_or_reach_the_terminal(folder, capsys):
    forged = "ham\ncertified rate at R      1.0000" + CONTROLS.replace("\x00", "")
    for name in ("train.csv", "test.csv"):
        write_table(name, renamed(ROWS if name == "train.csv" else QUERIES, {"ham": forged}))
    lines, out = warnings_of(capsys, *WORDS)
    assert lines == []
    assert not set(out) & (set(CONTROLS) - {"\n"})
    assert sum(line.startswith("certified rate at R") for line in out.splitlines()) == 1
    assert r"ham\ncertified rate" in out


def test_names_of_columns_and_files_reach_the_terminal_as_escapes(folder, capsys):
    evil = "x\x1b[2J\u202e\nknn-cert: all is certified"
    write_table("train.csv", ROWS, header=(evil, "y", "kind"))
    train = ("train.csv", "--label", "kind")
    for words in (WORDS, (*train[:2], "none"), (f"no{evil}.csv", *train[1:]), (train[0], evil, *train[1:])):
        message = failure(capsys, *words)
        assert message.rstrip("\n").isprintable()
    assert failure(capsys, *WORDS, f"--{evil}").rstrip("\n").isprintable()
    assert failure(capsys, *WORDS, "--out", f"{evil}/out.csv").rstrip("\n").isprintable()


def test_a_file_whose_name_would_obey_the_terminal_is_shown_as_escapes(folder, capsys):
    try:
        os.rename("train.csv", "tr\x1b[2J\nain.csv")
    except OSError:
        pytest.skip("this file system has no such names")
    _, out = warnings_of(capsys, "tr\x1b[2J\nain.csv", *WORDS[1:], "--out", "o\x1but.csv")
    assert r"tr\x1b[2J\nain.csv; queries" in out and r"written to o\x1but.csv" in out
    assert "\x1b" not in out


def test_a_warning_is_one_printable_line(folder, capsys):
    write_table("test.csv", renamed(QUERIES, {"ham": "HAM\x1b[2J\nknn-cert: fine"}))
    lines, _ = warnings_of(capsys, *WORDS)
    assert len(lines) == 1 and lines[0].isprintable()


# --- what was hardly meant ----------------------------------------------------------------------------------


def test_labels_of_test_that_train_lacks_are_named_and_the_accuracy_stays(folder, capsys):
    write_table("test.csv", renamed(QUERIES, {"ham": "HAM"}))
    lines, out = warnings_of(capsys, *WORDS)
    assert len(lines) == 1 and "'HAM' (2 row(s), TRAIN has 'ham')" in lines[0] and "accuracy" in out


def test_without_one_known_label_the_accuracy_is_left_out_and_not_zero(folder, capsys):
    for names in ({"ham": "HAM", "spam": "SPAM"}, {"ham": "0", "spam": "1"}):
        write_table("test.csv", renamed(QUERIES, names))
        lines, out = warnings_of(capsys, *WORDS)
        assert len(lines) == 1 and "accuracy is left out" in lines[0]
        assert "accuracy" not in out and "certified rate at R" in out


def test_quiet_still_warns(folder, capsys):
    write_table("test.csv", renamed(QUERIES, {"ham": "HAM"}))
    lines, out = warnings_of(capsys, *WORDS, "--quiet", "--out", "out.csv")
    assert len(lines) == 1 and out == ""


def test_warnings_are_said_once_a_command_whatever_python_was_told_of_warnings(folder, capsys):
    write_table("test.csv", renamed(QUERIES, {"ham": "HAM"}))
    for action in ("ignore", "error", "once"):
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            assert [len(warnings_of(capsys, *WORDS)[0]) for _ in range(2)] == [1, 1]


def test_the_same_table_twice_and_an_id_give_a_warning(folder, capsys):
    rows = [(7 * i, *row) for i, row in enumerate(ROWS)]
    write_table("train.csv", rows, header=("id", "x", "y", "kind"))
    lines, _ = warnings_of(capsys, "train.csv", "train.csv", *WORDS[2:])
    assert len(lines) == 2 and "'id'" in lines[0] and "TEST is TRAIN" in lines[1]
    write_table("test.csv", QUERIES)
    lines, out = warnings_of(capsys, *WORDS, "--drop", "id")
    assert lines == [] and "d = 2 features" in out


def test_tables_without_a_header_are_certified_as_those_with_one(folder, capsys):
    with_header = warnings_of(capsys, *WORDS, "--out", "with.csv")
    write_table("train.csv", ROWS, header=None)
    write_table("test.csv", QUERIES, header=None)
    assert "--no-header" in failure(capsys, "train.csv", "test.csv", "--label", "-1")
    words = ("train.csv", "test.csv", "--label", "-1", "--k", "3", "--no-header")
    without = warnings_of(capsys, *words, "--out", "without.csv")
    assert Path("with.csv").read_bytes() == Path("without.csv").read_bytes()
    assert with_header[0] == without[0] == []
    _, out = warnings_of(capsys, *words, "--drop", "1")
    assert "d = 1 feature" in out


@pytest.mark.parametrize(
    "words",
    [
        ("--drop", "x"),
        ("--no-header",),
        ("--separator", "tab"),
        ("--decimal", ","),
        ("--encode",),
        ("--fill", "0"),
        ("--drop-missing",),
    ],
)
def test_options_for_tables_do_not_go_with_a_data_set(folder, capsys, words):
    assert f"{words[0]} goes with a table" in failure(capsys, "--dataset", "breast-cancer", *words)


# --- numbers out of all bounds ------------------------------------------------------------------------------


OPTIONS = [
    *([option] for option in ("--rows", "--limit", "--seed", "--k", "--threads", "--levels", "--test-size")),
    *(
        ["--threat", threat, "--rows"]
        for threat in ("label-flips", "deletions", "insertions", "replacements")
    ),
]


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
@pytest.mark.parametrize("digits", [21, 401, 5001])
def test_a_number_of_any_length_is_answered_in_one_short_line(folder, capsys, options, digits):
    assert len(failure(capsys, *WORDS, *options, "1" + "0" * (digits - 1))) < 250


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e400", "-1e400", "1_0", "nan", "0x10"])
@pytest.mark.parametrize("option", ["--sigma", "--budgets"])
def test_a_number_that_is_none_or_too_large_is_refused(folder, capsys, option, number):
    assert len(failure(capsys, *WORDS, option, number)) < 250


def test_a_lack_of_memory_is_one_line(folder, capsys, monkeypatch):
    def hungry(*args, **kwargs):
        np.empty(2**50)

    monkeypatch.setattr(SmoothedKNNClassifier, "certify", hungry)
    assert "not enough memory (Unable to allocate" in failure(capsys, *WORDS)


def test_a_table_that_unpacks_to_too_much_is_one_line(folder, capsys, monkeypatch):
    monkeypatch.setattr(size, "_ALWAYS_ALLOWED", 1 << 20)
    Path("big.csv.gz").write_bytes(gzip.compress(b"x,y,kind\n" + b"1,2,ham\n" * 10**6))
    assert "at most 1 MiB once unpacked" in failure(capsys, "big.csv.gz", "--label", "kind")


# --- no room for the answer ---------------------------------------------------------------------------------

shell = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")


def run_in_shell(command, folder):
    """Run the program with redirections; return its exit code, stdout and stderr."""
    program = f'"{sys.executable}" -W ignore -m knn_cert'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", command.replace("knn-cert", program)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


CERTIFY = "knn-cert certify " + " ".join(WORDS)


@shell
@pytest.mark.parametrize("command", [CERTIFY, "knn-cert info", "knn-cert --help", "knn-cert --version"])
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_stdout_that_is_full_or_closed_is_one_line_and_not_success(folder, monkeypatch, command, buffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", buffered)
    code, _, err = run_in_shell(f"{command} >/dev/full", folder)
    assert (code, err) == (2, "knn-cert: error: cannot write to standard output: No space left on device\n")
    code, _, err = run_in_shell(f"{command} >&-", folder)
    assert code == 2
    assert err.startswith("knn-cert: error: standard output is closed") and err.count("\n") == 1


@shell
def test_quiet_needs_no_stdout(folder):
    assert run_in_shell(f"{CERTIFY} --quiet --out out.csv >&-", folder) == (0, "", "")
    assert (folder / "out.csv").exists()


@shell
def test_errors_never_go_to_stdout_and_nobody_is_needed_to_read_them(folder):
    for stderr in ("2>&-", "2>/dev/full"):
        assert run_in_shell(f"knn-cert certify none.csv --label kind {stderr}", folder) == (2, "", "")
        code, out, _ = run_in_shell(f"{CERTIFY} {stderr}", folder)
        assert code == 0 and "certified rate at R" in out


def test_an_os_error_with_a_file_is_a_defect_that_keeps_its_traceback(folder, monkeypatch):
    def broken(*args, **kwargs):
        raise FileNotFoundError(2, "No such file or directory", "inner.dat")

    monkeypatch.setattr(SmoothedKNNClassifier, "certify", broken)
    with pytest.raises(FileNotFoundError):
        main(["certify", *WORDS])
