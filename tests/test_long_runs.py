"""Long runs of the command line: in parts, stopped anywhere, and gone on with, the result is the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from long_runs import (
    N_TEST,
    ROOT,
    THREATS,
    Killed,
    certify,
    failure,
    in_small_parts,
    no_table_fits,
    numbers,
    stopped,
    words,
    write_table,
)

import knn_cert
from knn_cert import Certificates, LabelFlips, SmoothedKNNClassifier
from knn_cert._writing import whole_or_nothing
from knn_cert.certificates import combine, write_parts
from knn_cert.cli import main
from knn_cert.streaming import journal, passes, run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with tables, of which parts are small."""
    return in_small_parts(tmp_path, monkeypatch)


@pytest.fixture(params=["whole", "in parts"])
def train_is(request, monkeypatch):
    """Whether the training table is in memory."""
    if request.param == "in parts":
        no_table_fits(monkeypatch)
    return request.param


@pytest.mark.parametrize("threat", THREATS)
@pytest.mark.parametrize("suffix", [".csv", ".json", ".npz"])
def test_certificates_in_parts_are_those_of_one_run(folder, suffix, threat, capsys):
    certify(f"once{suffix}", *threat)
    once = capsys.readouterr().out
    certify(f"parts{suffix}", *threat, "--memory", "30GB")
    parts = capsys.readouterr().out
    assert (folder / f"parts{suffix}").read_bytes() == (folder / f"once{suffix}").read_bytes()
    differing = ("certificates", "time")
    ours, theirs = (
        [line for line in text.splitlines() if not line.startswith(differing)] for text in (parts, once)
    )
    assert ours == theirs
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["train.csv", "test.csv", f"once{suffix}", f"parts{suffix}"]
    )


@pytest.mark.parametrize("threat", THREATS)
def test_a_training_table_in_parts_certifies_what_the_whole_one_does(folder, threat, monkeypatch):
    certify("once.json", *threat)
    monkeypatch.setattr("knn_cert.streaming.whole_table_fits", lambda *size: False)
    certify("parts.json", *threat, "--memory", "30GB")
    once, parts = (Certificates.load(name) for name in ("once.json", "parts.json"))
    np.testing.assert_allclose(parts.probabilities, once.probabilities, rtol=0, atol=1e-12)
    np.testing.assert_allclose(parts.budget, once.budget, rtol=1e-8, atol=1e-10)
    assert np.array_equal(parts.label, once.label) and np.array_equal(parts.query, once.query)
    assert np.array_equal(parts.abstained, once.abstained)


@pytest.mark.parametrize(("threat", "suffix"), [(THREATS[1], ".csv"), (THREATS[3], ".npz")])
def test_a_run_that_dies_at_any_file_goes_on_with_the_same_result(
    folder, train_is, threat, suffix, monkeypatch, capsys
):
    certify(f"once{suffix}", *threat, "--memory", "30GB")
    expected = (folder / f"once{suffix}").read_bytes()
    replace, left = os.replace, [0]

    def dying(old, new):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        replace(old, new)

    monkeypatch.setattr(os, "replace", dying)
    n_deaths = 0
    for n_files in range(0, 100, 4):
        out, left[0] = f"out{n_files}{suffix}", n_files
        try:
            certify(out, *threat, "--memory", "30GB")
        except Killed:
            n_deaths += 1
        else:
            break
        left[0] = 10**9
        certify(out, *threat, "--memory", "30GB", "--resume")
        assert (folder / out).read_bytes() == expected
        assert not (folder / f"{out}.parts").exists()
    assert n_deaths >= 2


def test_what_is_done_is_not_done_again(folder, train_is, monkeypatch, capsys):
    threat = THREATS[3]

    def die(*args, **options):
        raise Killed

    monkeypatch.setattr(run, "write_parts", die)
    with pytest.raises(Killed):
        certify("out.csv", *threat, "--memory", "30GB")
    monkeypatch.setattr(run, "write_parts", write_parts)
    monkeypatch.setattr(SmoothedKNNClassifier, "certify", die)
    monkeypatch.setattr(passes.Passes, "summary", die)
    certify("out.csv", *threat, "--memory", "30GB", "--resume")
    assert (
        f"nothing was left to certify; {N_TEST} certificates from an earlier run" in capsys.readouterr().out
    )
    monkeypatch.undo()


def test_a_run_that_was_stopped_is_not_overwritten_or_mixed_with_another(
    folder, train_is, monkeypatch, capsys
):
    stopped(folder, monkeypatch)
    again = [*THREATS[0], "--memory", "30GB"]
    assert "add --resume to go on with it, or delete the folder" in failure(capsys, "out.csv", *again)
    assert (
        "options" in (err := failure(capsys, "out.csv", *again, "--resume", "--limit", "30"))
        or "limit" in err
    )
    test = (folder / "test.csv").read_text()
    (folder / "test.csv").write_text(test.replace("ham", "spam", 1))
    assert "table of queries was" in failure(capsys, "out.csv", *again, "--resume")
    (folder / "test.csv").write_text(test)
    train = (folder / "train.csv").read_text()
    (folder / "train.csv").write_text(train.replace("spam", "ham", 1))
    assert "training table was" in failure(capsys, "out.csv", *again, "--resume")
    (folder / "train.csv").write_text(train)
    certify("out.csv", *again, "--resume", "--quiet")
    assert len((folder / "out.csv").read_text().splitlines()) == N_TEST + 1


@pytest.mark.skipif(sys.platform == "win32", reason="no locks of this kind")
def test_two_processes_do_not_work_on_one_run(folder, monkeypatch, capsys):
    stopped(folder, monkeypatch)
    import fcntl

    with (folder / "out.csv.parts" / "lock").open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        said = failure(capsys, "out.csv", *THREATS[0], "--resume")
    assert "another process works on this run" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            ("--memory", "20MB"),
            "MB of memory, most of it for the program itself, got 20MB; allow --memory",
        ),
        (("--memory", "2"), "expected a size with its unit"),
        (("--memory", "-2GB"), "expected"),
    ],
)
def test_too_little_memory_is_refused_before_the_work(folder, more, said, capsys):
    assert said in failure(capsys, "out.csv", *THREATS[0], *more)
    assert sorted(path.name for path in folder.iterdir()) == ["test.csv", "train.csv"]


def test_parts_need_a_file_and_what_cannot_be_read_in_parts_is_refused(folder, capsys, monkeypatch):
    assert main(["certify", "train.csv", "--label", "kind", "--resume"]) == 2
    assert "--resume keeps certificates in parts beside the result; add --out" in capsys.readouterr().err
    monkeypatch.setattr("knn_cert.streaming.whole_table_fits", lambda *size: False)
    begin = ["--sigma", "0", "--memory", "30GB"]
    assert "without TEST" in failure(capsys, "out.csv", *begin, tables=("train.csv",))
    assert "with --encode" in failure(capsys, "out.csv", *begin, "--encode")
    said = failure(capsys, "out.csv", "--memory", "30GB", "--threat", "query-shift")
    assert "is not certified with noise" in said and "for a training table that is read in parts" in said
    assert sorted(path.name for path in folder.iterdir()) == ["test.csv", "train.csv"]


def test_held_out_rows_limits_and_gaps_in_parts(folder, capsys, monkeypatch):
    for number, (more, tables) in enumerate(
        [
            (("--test-size", "0.3"), ("train.csv",)),
            (("--limit", "17"), ("train.csv", "test.csv")),
            (("--limit", "17"), ("train.csv",)),
        ]
    ):
        certify(f"once{number}.csv", *THREATS[0], *more, tables=tables)
        certify(f"parts{number}.csv", *THREATS[0], *more, "--memory", "30GB", tables=tables)
        once, parts = (folder / f"{name}{number}.csv" for name in ("once", "parts"))
        assert once.read_bytes() == parts.read_bytes()
    lines = (folder / "test.csv").read_text().splitlines()
    for row in [2, *range(14, 28)]:  # a whole part has gaps
        lines[row + 1] = ",".join(["", *lines[row + 1].split(",")[1:]])
    (folder / "test.csv").write_text("\n".join(lines))
    certify("once.csv", *THREATS[0], "--drop-missing")
    capsys.readouterr()
    certify("parts.csv", *THREATS[0], "--drop-missing", "--memory", "30GB")
    assert "15 of 40 rows of TEST have missing values and are left out" in capsys.readouterr().err
    once, parts = ((folder / name).read_text().splitlines() for name in ("once.csv", "parts.csv"))
    assert [line.split(",")[1:] for line in once] == [line.split(",")[1:] for line in parts]
    kept = [str(row) for row in range(N_TEST) if row not in {2, *range(14, 28)}]
    assert [line.split(",")[0] for line in parts[1:]] == kept


def test_labels_that_training_does_not_have_are_named_once(folder, capsys):
    test = (folder / "test.csv").read_text()
    (folder / "test.csv").write_text(test.replace("spam", "Spam", 2))
    certify("parts.csv", *THREATS[0], "--memory", "30GB")
    err = capsys.readouterr().err
    assert err.count("TEST has labels that TRAIN does not have") == 1 and "'Spam' (2 row(s)" in err
    (folder / "test.csv").write_text(test.replace("spam", "Spam").replace("ham", "Ham"))
    certify("parts.csv", *THREATS[0], "--memory", "30GB")
    captured = capsys.readouterr()
    assert "so accuracy is left out" in captured.err and "accuracy" not in captured.out


def test_a_summary_of_parts_is_that_of_the_whole():
    X, y = numbers(200, 3, 3)
    Q, truth = numbers(60, 4, 3)
    found = SmoothedKNNClassifier(5, sigma=0).fit(X, y).certify(Q, LabelFlips())
    cuts = [slice(0, 1), slice(1, 20), slice(20, 60)]
    for labels in (truth, None):
        parts = [found[cut].summary(None if labels is None else labels[cut]) for cut in cuts]
        assert str(combine(parts)) == str(found.summary(labels))


@pytest.mark.parametrize("suffix", [".csv", ".json", ".npz"])
def test_a_file_of_parts_is_that_of_the_whole(tmp_path, suffix):
    X, y = numbers(200, 3, 3)
    found = SmoothedKNNClassifier(5, sigma=0.4).fit(X, y).certify(numbers(30, 5)[0])
    found.save(tmp_path / f"whole{suffix}")
    write_parts([found[:1], found[1:1], found[1:25], found[25:]], tmp_path / f"parts{suffix}")
    assert (tmp_path / f"parts{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
def test_a_process_that_is_killed_is_gone_on_with(tmp_path):
    write_table(tmp_path / "train.csv", *numbers(4000, 0))
    write_table(tmp_path / "test.csv", *numbers(600, 1))
    command = [
        sys.executable,
        "-m",
        "knn_cert",
        *words("out.csv", "--sigma", "0.5", "--threat", "label-flips"),
    ]
    options = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": str(ROOT)}}
    subprocess.run([*command, "--quiet"], check=True, **options)
    expected = (tmp_path / "out.csv").read_bytes()
    (tmp_path / "out.csv").unlink()
    running = subprocess.Popen([*command, "--memory", "4GB", "--quiet"], **options)
    while not (tmp_path / "out.csv.parts" / "run.json").exists():
        time.sleep(0.01)
        assert running.poll() is None
    running.kill()
    running.wait()
    assert not (tmp_path / "out.csv").exists()
    subprocess.run([*command, "--resume", "--quiet"], check=True, **options)
    assert (tmp_path / "out.csv").read_bytes() == expected


def test_the_head_says_what_a_run_is_about(folder, monkeypatch):
    stopped(folder, monkeypatch, "--limit", "35")
    head = json.loads((folder / "out.csv.parts" / "run.json").read_text())
    assert head["knn_cert"] == knn_cert.__version__ and set(head["about"]["sha256"]) == {
        "training table",
        "table of queries",
    }
    options = head["about"]["options"]
    assert options["--limit"] == "35" and options["--threat"] == "label-flips" and "--memory" not in options
    with whole_or_nothing(folder / "run") as temporary:  # nothing of ours is left open
        temporary.write_text("x")


def test_who_interrupts_is_told_how_to_go_on(folder, monkeypatch, capsys):
    add = journal.Journal.add

    def stopping(self, *args):
        if len(self.parts) == 1:
            raise KeyboardInterrupt
        add(self, *args)

    monkeypatch.setattr(journal.Journal, "add", stopping)
    certify("out.csv", *THREATS[0], "--memory", "30GB", code=130)
    err = capsys.readouterr().err
    assert "knn-cert: interrupted: 1 certificate kept in" in err and "out.csv.parts; --resume goes on" in err


def test_a_table_that_is_written_to_meanwhile_is_noticed(folder, train_is, monkeypatch, capsys):
    add = journal.Journal.add

    def writing(self, *args):
        add(self, *args)
        (folder / "train.csv").write_text((folder / "train.csv").read_text().replace("ham", "spam", 1))

    monkeypatch.setattr(journal.Journal, "add", writing)
    assert "got one that was written to" in failure(capsys, "out.csv", *THREATS[0], "--memory", "30GB")
    assert not (folder / "out.csv").exists()
    monkeypatch.setattr(journal.Journal, "add", add)
    assert "training table was" in failure(capsys, "out.csv", *THREATS[0], "--memory", "30GB", "--resume")
