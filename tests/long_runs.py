"""Long runs of the command line for tests: small tables, small parts, runs that are stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import knn_cert
from knn_cert.cli import main
from knn_cert.streaming import journal, memory, passes, run

ROOT = Path(knn_cert.__file__).resolve().parents[1]  # the copy under test, in a checkout or installed
N_TRAIN, N_TEST, D = 300, 40, 3


def write_table(path, X, y, label="kind"):
    names = [f"x{j}" for j in range(X.shape[1])]
    lines = [",".join([*map(repr, row), str(one)]) for row, one in zip(X.tolist(), y, strict=True)]
    path.write_text("\n".join([",".join([*names, label]), *lines]) + "\n")


def numbers(n, seed, n_classes=2):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    return rng.normal(size=(n, D)) + 1.5 * y[:, None], np.array(["ham", "spam", "eggs"])[y]


def in_small_parts(folder, monkeypatch):
    """Make a working folder with train.csv and test.csv; parts are small, and everything is kept at once."""
    monkeypatch.chdir(folder)
    write_table(folder / "train.csv", *numbers(N_TRAIN, 0))
    write_table(folder / "test.csv", *numbers(N_TEST, 1))
    monkeypatch.setattr(memory, "_MOST_QUERIES", 14)
    monkeypatch.setattr(memory, "_MOST_ROWS", 110)
    monkeypatch.setattr(run, "_SECONDS_A_PART", 0.0)
    monkeypatch.setattr(passes, "_SECONDS_BETWEEN", 0.0)
    return folder


def no_table_fits(monkeypatch):
    """Have every training table read in parts."""
    monkeypatch.setattr("knn_cert.streaming.whole_table_fits", lambda *size: False)


def words(out, *more, tables=("train.csv", "test.csv")):
    return ["certify", *tables, "--label", "kind", "--k", "5", "--out", str(out), *more]


def certify(out, *more, tables=("train.csv", "test.csv"), code=0):
    assert main(words(out, *more, tables=tables)) == code


def failure(capsys, out, *more, **options):
    capsys.readouterr()
    certify(out, *more, code=2, **options)
    err = capsys.readouterr().err
    assert err.startswith("knn-cert: error: ") and err.count("\n") == 1
    return err


THREATS = [
    ("--sigma", "0", "--threat", "label-flips"),
    ("--sigma", "0", "--threat", "deletions"),
    ("--sigma", "0", "--threat", "row-shift", "--rows", "2"),
    ("--sigma", "0.5", "--threat", "label-flips"),
    ("--sigma", "0.5", "--threat", "replacements", "--rows", "3"),
    ("--sigma", "0.5"),
]


class Killed(BaseException):
    """In the place of SIGKILL: nobody catches it, and nothing is tidied up behind a file that was written."""


def stopped(folder, monkeypatch, *more):
    """Leave a run behind that was stopped after some parts."""
    add = journal.Journal.add

    def dying(self, *args):
        if len(self.parts) == 2:
            raise Killed
        add(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(journal.Journal, "add", dying)
        with pytest.raises(Killed):
            certify("out.csv", *THREATS[0], "--memory", "30GB", *more)
    assert (folder / "out.csv.parts").is_dir() and not (folder / "out.csv").exists()
