"""`knn-cert certify --memory`: what is refused and when, in which words, and what is said meanwhile."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from long_runs import (
    N_TEST,
    N_TRAIN,
    THREATS,
    D,
    certify,
    failure,
    in_small_parts,
    no_table_fits,
    numbers,
    stopped,
    write_table,
)

from knn_cert import Certificates
from knn_cert.cli import certify_in_parts, certify_resume, main
from knn_cert.progress import ProgressBar
from knn_cert.streaming import journal, memory
from knn_cert.tables import TableStream, delimited, quick

BEGIN = [*THREATS[0], "--memory", "30GB"]
RESUME = [*BEGIN, "--resume"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with tables, of which parts are small."""
    return in_small_parts(tmp_path, monkeypatch)


@pytest.fixture
def in_parts(monkeypatch):
    """The training table does not fit."""
    no_table_fits(monkeypatch)


def forbidden(*args, **options):
    raise AssertionError("too early")


# --- what is refused, and when ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "expected the 3 feature columns of the training table"),
        (("--k", "0"), "--k: expected a whole number >= 1, got 0"),
        (("--threat", "query-shift"), "--threat query-shift is not certified"),
        (("--memory", "20MB"), "expected at least"),
    ],
)
def test_what_can_be_known_is_refused_before_tables_are_read(
    folder, in_parts, monkeypatch, capsys, more, said
):
    if not more:
        write_table(folder / "test.csv", numbers(5, 1)[0][:, 1:], numbers(5, 1)[1])
        monkeypatch.setattr(TableStream, "count", forbidden)
    monkeypatch.setattr("knn_cert.streaming.digest_of_files", forbidden)
    monkeypatch.setattr(TableStream, "labels", forbidden)
    assert said in failure(capsys, "out.csv", *BEGIN, *more)
    assert sorted(path.name for path in folder.iterdir()) == ["test.csv", "train.csv"]


def test_options_of_another_run_are_told_before_tables_are_read(folder, monkeypatch, capsys):
    stopped(folder, monkeypatch, "--budgets", "1,2")
    monkeypatch.setattr("knn_cert.streaming.digest_of_files", forbidden)
    monkeypatch.setattr(TableStream, "count", forbidden)
    for more, said in [
        (("--limit", "9", "--budgets", "1,2"), "--limit was not given, and is 9"),
        ((), "--budgets was 1.0,2.0, and is not given"),
        (("--drop-missing", "--budgets", "1,2"), "--drop-missing was not given, and is given"),
        (("--budgets", "1,2", "--sigma", "0.5"), "--sigma was 0.0, and is 0.5"),
    ]:
        assert said in failure(capsys, "out.csv", *RESUME, *more)


def test_more_neighbours_than_rows_are_refused_before_the_work(folder, in_parts, monkeypatch, capsys):
    monkeypatch.setattr(journal.Journal, "open", forbidden)
    said = failure(capsys, "out.csv", *BEGIN, "--k", str(N_TRAIN + 1))
    assert f"--k: expected at most {N_TRAIN}, as many as TRAIN has rows" in said
    assert "labels must be among classes" in failure(capsys, "out.csv", *BEGIN, "--classes", "ham,eggs")


def test_a_text_is_counted_once(folder, in_parts, monkeypatch):
    counted = []
    count = quick.count_plain_rows

    def counting(file, *args):
        counted.append(file.name)
        return count(file, *args)

    monkeypatch.setattr(delimited.quick, "count_plain_rows", counting)
    certify("out.csv", *BEGIN)
    assert sorted(counted) == ["test.csv", "train.csv"]


class Recorded(ProgressBar):
    """A bar that notes what it was told."""

    told: dict[str, list[tuple[int, int]]] = {}

    def __init__(self, label, *, enabled=True):
        super().__init__(label, enabled=enabled)
        self.label, self.is_enabled = label, enabled

    def __call__(self, done, total):
        Recorded.told.setdefault((self.label, self.is_enabled), []).append((done, total))


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
@pytest.mark.parametrize("reader", ["auto", "own"])
def test_passes_over_the_tables_show_how_far_they_are(folder, in_parts, monkeypatch, quiet, reader):
    monkeypatch.setattr(delimited, "_reader", reader)
    monkeypatch.setattr(Recorded, "told", {})
    for module in (certify_in_parts, certify_resume):
        monkeypatch.setattr(module, "ProgressBar", Recorded)
    certify("out.csv", *BEGIN, *quiet)
    labels = (
        "bytes of TRAIN counted",
        "bytes of TEST counted",
        "bytes looked at",
        "labels read",
        "certifying",
    )
    assert set(Recorded.told) == {(label, not quiet) for label in labels}
    both = sum((folder / name).stat().st_size for name in ("train.csv", "test.csv"))
    assert Recorded.told["bytes looked at", not quiet][-1] == (both, both)
    assert Recorded.told["labels read", not quiet][-1] == (N_TRAIN, N_TRAIN)
    for told in Recorded.told.values():
        assert told == sorted(told) and all(0 <= done <= total for done, total in told)


# --- --resume, and runs in memory ---------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[], ["--limit", "3"]])
def test_nothing_is_resumed_after_the_end(folder, capsys, more):
    certify("out.csv", *RESUME)  # where there is nothing, a run begins
    before = (folder / "out.csv").read_bytes()
    said = failure(capsys, "out.csv", *RESUME, *more)
    assert "nothing is left to go on with: out.csv is written" in said and "leave --resume out" in said
    assert (folder / "out.csv").read_bytes() == before
    certify("out.csv", *BEGIN, "--limit", "3")
    assert len((folder / "out.csv").read_text().splitlines()) == 4


def test_a_run_in_memory_does_not_pass_over_a_run_that_was_stopped(folder, monkeypatch, capsys):
    stopped(folder, monkeypatch)
    said = failure(capsys, "out.csv", *THREATS[0])
    assert said == failure(capsys, "out.csv", *BEGIN)
    assert "from a run that was stopped; add --resume to go on with it" in said
    assert not (folder / "out.csv").exists()
    shutil.rmtree(folder / "out.csv.parts")
    (folder / "out.csv.parts").mkdir()  # of somebody else
    (folder / "out.csv.parts" / "notes").touch()
    certify("out.csv", *THREATS[0])


# --- the words of options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "n_classes", "takes"),
    [
        (("--threat", "label-flips", "--sigma", "1"), 3, "take --sigma 0, or --threat black-box, or allow"),
        (
            ("--threat", "row-shift", "--rows", "2", "--sigma", "1"),
            2,
            "take --sigma 0, or --threat label-flips,",
        ),
        (("--sigma", "0"), 3, "take --sigma above 0, or --rows R, or --threat label-flips,"),
        (
            ("--threat", "deletions", "--rows", "2", "--query-shift", "0.1", "--sigma", "0"),
            2,
            "no --query-shift",
        ),
        (
            ("--threat", "query-shift", "--sigma", "0"),
            2,
            "take --threat label-flips, deletions, insertions or",
        ),
    ],
)
def test_what_parts_cannot_certify_is_refused_in_the_words_of_options(
    folder, in_parts, capsys, words, n_classes, takes
):
    write_table(folder / "train.csv", *numbers(N_TRAIN, 0, n_classes))
    write_table(folder / "test.csv", *numbers(N_TEST, 1, n_classes))
    said = failure(capsys, "out.csv", *words, "--memory", "30GB")
    assert takes in said and "is not certified with" in said
    assert re.search(r"or allow --memory [0-9]+MB, with which the table is read whole$", said.strip())
    assert not re.search(r"sigma=|LabelFlips|Deletions|QueryShift|'None'", said)


@pytest.mark.parametrize("table", ["train.csv", "test.csv"])
@pytest.mark.parametrize("cell", ["red", "7 %", "2020-01-31", "x1,5"])
def test_tables_in_parts_are_not_offered_to_be_encoded(folder, in_parts, capsys, table, cell):
    lines = (folder / table).read_text().splitlines()
    lines[5] = ",".join([f'"{cell}"', *lines[5].split(",")[1:]])
    (folder / table).write_text("\n".join(lines))
    said = failure(capsys, "out.csv", *BEGIN)
    assert "line 6" in said and "encode=" not in said and "--encode" not in said


@pytest.mark.parametrize("more", [("--fill", "0.5"), ("--fill", "x0=2", "--fill", "1"), ("--drop-missing",)])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_missing_values_are_filled_or_left_out_in_parts_as_in_the_whole(
    folder, monkeypatch, capsys, more, kind
):
    tables = []
    for number, name in enumerate(("train", "test")):
        frame = pd.read_csv(folder / f"{name}.csv")
        rng = np.random.default_rng(number)
        for column in ("x0", "x2"):
            frame.loc[rng.random(len(frame)) < 0.2, column] = np.nan
        if number == 0:
            frame.loc[0:120, "x1"] = np.nan  # in a whole part no row is left
            if more == ("--drop-missing",):
                frame.loc[200, "kind"] = None
        tables.append(f"{name}.{kind}")
        frame.to_csv(tables[-1], index=False) if kind == "csv" else frame.to_parquet(tables[-1])
    for threat in (THREATS[1], THREATS[3]):
        certify("once.json", *threat, *more, tables=tables)
        capsys.readouterr()
        with monkeypatch.context() as patch:
            no_table_fits(patch)
            certify("parts.json", *threat, "--memory", "30GB", *more, tables=tables)
        once, parts = (Certificates.load(name) for name in ("once.json", "parts.json"))
        np.testing.assert_allclose(parts.probabilities, once.probabilities, rtol=0, atol=1e-12)
        assert np.array_equal(parts.budget, once.budget) and np.array_equal(parts.label, once.label)
        err = capsys.readouterr().err
        assert ("rows of TRAIN have missing values and are left out" in err) == ("--drop-missing" in more)


def test_encoded_tables_are_read_whole_with_their_fills(folder, capsys):
    for name, n in (("train.csv", N_TRAIN), ("test.csv", N_TEST)):
        lines = (folder / name).read_text().splitlines()
        colours = ["colour", *("red" if row % 3 else "" for row in range(n))]
        numbered = ["", *map(str, range(n))]  # a first column without a name
        (folder / name).write_text("\n".join(map(",".join, zip(numbered, colours, lines, strict=True))))
    more = ("--encode", "--fill", "colour=blue")
    certify("once.csv", *THREATS[0], *more)
    certify("parts.csv", *THREATS[0], *more, "--memory", "30GB")
    assert (folder / "parts.csv").read_bytes() == (folder / "once.csv").read_bytes()


# --- memory -------------------------------------------------------------------------------------------------


@pytest.fixture
def resident(monkeypatch):
    """How much the process takes, in bytes, to be set."""
    found = [200 << 20]
    monkeypatch.setattr(memory, "_resident_bytes", lambda: found[0])
    return found


@pytest.mark.parametrize(("n", "d"), [(100, 3), (40_000, 20), (100_000, 56), (10**6, 2)])
def test_a_table_that_is_said_to_fit_leaves_room_for_queries(resident, n, d):
    begun, said = resident[0], set()
    for megabytes in range(330, 3000, 3):
        resident[0] = begun
        memory.check_memory(10**6 * megabytes)
        fits = memory.whole_table_fits(n, d, 10**6 * megabytes)
        said.add(fits)
        if fits:
            resident[0] = begun + n * (32 * d + 128)
            assert 10**6 * megabytes - resident[0] - memory._OVERHEAD >= memory._LEAST_ROOM
    assert said == ({True} if n == 100 else {True, False})


def size_said(message):
    return 10**6 * int(re.search(r"--memory ([0-9]+)MB", message)[1])


def test_the_memory_that_is_said_to_be_enough_is_enough(resident):
    with pytest.raises(ValueError, match="expected at least .* got 99MB; allow --memory") as caught:
        memory.check_memory(99 * 10**6)
    enough = size_said(str(caught.value))
    memory.check_memory(enough)
    resident[0] += 60 << 20  # of what is read since
    plan = memory.plan_of(enough, n_features=1000, n_classes=2, n_near=100)
    assert min(plan) >= 1
    resident[0] = 200 << 20
    for n, d in [(10**5, 4), (10**7, 100)]:
        assert memory.whole_table_fits(n, d, memory.memory_for_whole(n, d))


def test_a_table_of_a_kind_that_is_read_whole_has_to_fit(folder, resident, capsys):
    rng = np.random.default_rng(0)
    np.savez("big.npz", X=rng.normal(size=(40_000, 100)), y=rng.integers(0, 2, 40_000))
    np.savez("small.npz", X=rng.normal(size=(5, 100)), y=rng.integers(0, 2, 5))
    for tables in (("big.npz", "small.npz"), ("small.npz", "big.npz"), ("big.npz",)):
        capsys.readouterr()
        words = ["certify", *tables, "--sigma", "0", "--memory", "400MB", "--out", "out.csv"]
        assert main(words) == 2
        err = capsys.readouterr().err
        assert "big.npz: expected a table that fits into --memory" in err and "got one of 33MB" in err
        assert "save it as CSV or Parquet, or allow --memory" in err
    words = ["certify", "big.npz", "small.npz", "--sigma", "0", "--out", "out.csv"]
    assert main([*words, "--memory", f"{size_said(err) // 10**6}MB"]) == 0


# --- doubts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("train_is", ["whole", "in parts"])
def test_a_copy_of_the_training_table_as_test_is_doubted(folder, monkeypatch, capsys, train_is):
    monkeypatch.setattr("knn_cert.streaming.whole_table_fits", lambda *size: train_is == "whole")
    shutil.copy("train.csv", "copy.csv")
    certify("out.csv", *BEGIN, tables=("train.csv", "copy.csv"))
    assert "warning: TEST is TRAIN: the nearest row" in capsys.readouterr().err
    certify("out.csv", *BEGIN)
    assert "TEST is TRAIN" not in capsys.readouterr().err


def test_row_numbers_in_parts_are_doubted(folder, in_parts, capsys):
    for name, n, seed in (("train.csv", N_TRAIN, 0), ("test.csv", N_TEST, 1)):
        X, y = numbers(n, seed)
        X[:, 1] = np.arange(n)
        write_table(folder / name, X, y)
    certify("out.csv", *BEGIN)
    err = capsys.readouterr().err
    assert err.count("a different whole number in every one of the first 110 rows") == 1 and "'x1'" in err
    assert D == 3 and "'x0'" not in err
