"""The command line: what it prints and writes, and what it says when something passed in is wrong."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import knn_cert
from knn_cert import Certificates, SmoothedKNNClassifier, __version__, rab_edges
from knn_cert.cli import main
from knn_cert.progress import ProgressBar
from knn_cert.tables import holdout_rows
from knn_cert.threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
)

ROOT = Path(knn_cert.__file__).resolve().parents[1]  # the copy under test, in a checkout or installed
HEAVY = ("numpy", "scipy", "sklearn", "numba", "pandas", "pyarrow")

# Two classes, told apart by x and mixed in y; ham and spam alternate.
ROWS = [(0.1 * i + 2.0 * (i % 2), 0.5 * (i % 3), ("ham", "spam")[i % 2]) for i in range(12)]
QUERIES = [(2.2, 0.4, "spam"), (0.3, 0.1, "ham"), (1.4, 0.9, "spam"), (-0.5, 0.0, "ham")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with train.csv, test.csv (labelled) and queries.csv (not labelled)."""
    monkeypatch.chdir(tmp_path)
    write_table("train.csv", ROWS)
    write_table("test.csv", QUERIES)
    write_table("queries.csv", [row[:2] for row in QUERIES], header=("x", "y"))
    return tmp_path


def write_table(path, rows, header=("x", "y", "kind")):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def read_certificates(path="out.csv"):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def certify(*words):
    """Run `knn-cert certify` for K = 3 unless the words say otherwise."""
    return main(["certify", *(() if "--k" in words else ("--k", "3")), *map(str, words)])


def run_python(*words, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=120, env=environment, **options
    )


# --- what a user gets -----------------------------------------------------------------------------


def test_certificates_are_those_of_the_estimator_in_the_order_of_test(folder):
    assert certify("train.csv", "test.csv", "--label", "kind", "--sigma", "0.5", "--out", "out.csv") == 0
    clf = SmoothedKNNClassifier(n_neighbors=3, sigma=0.5).fit([r[:2] for r in ROWS], [r[2] for r in ROWS])
    expected = clf.certify([q[:2] for q in QUERIES])
    written = read_certificates()
    assert [row["query"] for row in written] == ["0", "1", "2", "3"]
    assert [row["label"] for row in written] == expected.label.tolist()
    assert [float(row["radius"]) for row in written] == expected.radius.tolist()
    assert [float(row["p(spam)"]) for row in written] == expected.probabilities[:, 1].tolist()


def test_the_summary_says_what_was_certified_and_where_the_certificates_are(folder, capsys):
    words = [
        "train.csv",
        "test.csv",
        "--label",
        "kind",
        "--sigma",
        "0.5",
        "--budgets",
        "0,0.25",
        "--out",
        "out.csv",
    ]
    assert certify(*words) == 0
    out, err = capsys.readouterr()
    certificates = read_certificates()
    correct = [row["label"] == q[2] for row, q in zip(certificates, QUERIES, strict=True)]
    beyond = [float(row["radius"]) > 0.25 for row in certificates]
    lines = {line[:24].strip(): line[24:].split() for line in out.splitlines()}
    assert lines["training table"][:3] == ["n", "=", "12"]
    assert "d = 2" in out and "K = 3" in out and "sigma = 0.5" in out and "ham (6 rows), spam (6 rows)" in out
    assert lines["queries"] == ["4"]
    assert float(lines["accuracy"][0]) == pytest.approx(np.mean(correct), abs=5e-5)
    assert lines["accuracy, not abstained"] == lines["accuracy"]  # nobody abstained
    assert lines["radius R"] == ["0", "0.25"]
    assert float(lines["certified rate at R"][1]) == pytest.approx(np.mean(beyond), abs=5e-5)
    both = np.logical_and(beyond, correct)
    assert float(lines["certified accuracy at R"][1]) == pytest.approx(np.mean(both), abs=5e-5)
    assert "abstained" in lines and "time per query" in lines
    assert lines["certificates"] == ["written", "to", "out.csv"]
    assert err == ""


def test_without_labels_in_test_the_accuracies_are_left_out_and_the_rate_stays(folder, capsys):
    assert certify("train.csv", "queries.csv", "--label", "kind") == 0
    out = capsys.readouterr().out
    assert "certified rate at R" in out
    assert "accuracy" not in out
    assert "not written" in out


def test_options_may_stand_between_the_tables(folder):
    assert certify("train.csv", "--label", "kind", "test.csv", "--out", "out.csv") == 0
    assert len(read_certificates()) == len(QUERIES)


def test_without_test_a_seeded_share_of_the_rows_is_held_out(folder, capsys):
    def held_out(seed):
        assert (
            certify("train.csv", "--label", "kind", "--test-size", "4", "--seed", seed, "--out", "out.csv")
            == 0
        )
        return read_certificates()

    first, again, other = held_out(1), held_out(1), held_out(2)
    assert len(first) == 4
    assert first == again
    assert first != other
    assert "n = 8 rows" in capsys.readouterr().out


def test_rows_of_a_hold_out_are_those_of_holdout_rows_in_its_order(folder):
    out = ("--test-size", "4", "--seed", "1", "--out", "out.csv")
    assert certify("train.csv", "--label", "kind", *out) == 0
    kept, held_out = holdout_rows(np.array([row[2] for row in ROWS]), 4, 1)
    clf = SmoothedKNNClassifier(n_neighbors=3)
    clf.fit([ROWS[i][:2] for i in kept], [ROWS[i][2] for i in kept])
    expected = clf.certify([ROWS[i][:2] for i in held_out])
    assert [float(row["radius"]) for row in read_certificates()] == expected.radius.tolist()
    assert [int(row["query"]) for row in read_certificates()] == held_out.tolist()


def test_limit_certifies_the_first_queries_only(folder):
    assert certify("train.csv", "test.csv", "--label", "kind", "--out", "all.csv") == 0
    assert certify("train.csv", "test.csv", "--label", "kind", "--limit", "2", "--out", "two.csv") == 0
    assert read_certificates("two.csv") == read_certificates("all.csv")[:2]


def test_rows_divides_the_radius_by_their_square_root(folder):
    """Eq. (15) of RAB against Eq. (14)."""
    assert certify("train.csv", "test.csv", "--label", "kind", "--out", "all.csv") == 0
    assert certify("train.csv", "test.csv", "--label", "kind", "--rows", "4", "--out", "four.csv") == 0
    whole = [float(row["radius"]) for row in read_certificates("all.csv")]
    each = [float(row["radius"]) for row in read_certificates("four.csv")]
    assert each == pytest.approx([radius / 2.0 for radius in whole], rel=1e-9)


@pytest.mark.parametrize(
    ("words", "threat", "column"),
    [
        (["label-flips"], LabelFlips(), "rows"),
        (["label-flips", "--rows", "1"], LabelFlips(1), "rows"),
        (["deletions", "--rows", "0.1"], Deletions(0.1), "rows"),
        (["black-box", "--rows", "0.1"], BlackBoxBall(0.1), "radius"),
        (["row-shift", "--rows", "1.0", "--radius", "0.1"], RowShift(1.0, 0.1), "radius"),
        (["insertions"], Insertions(), "rows"),
        (["replacements"], Replacements(), "rows"),
        (["row-shift", "--rows", "3"], RowShift(3), "radius"),
        (["row-shift", "--rows", "3", "--radius", "0.2", "--relabel"], RowShift(3, 0.2, True), "radius"),
        (["query-shift", "--radius", "0.1"], QueryShift(0.1), "radius"),
        (["label-flips", "--rows", "1", "--query-shift", "0.1"], QueryShift(0.1, LabelFlips(1)), "radius"),
        (["deletions", "--rows", "1", "--query-shift"], QueryShift(None, Deletions(1)), "radius"),
    ],
)
def test_every_threat_can_be_asked_for(folder, capsys, words, threat, column):
    words = ["train.csv", "test.csv", "--label", "kind", "--sigma", "0.5", "--threat", *words]
    assert certify(*words, "--out", "out.json") == 0
    assert threat.describe() in capsys.readouterr().out
    cert = Certificates.load("out.json")
    assert cert.threat == threat
    assert certify(*words, "--out", "out.csv", "--quiet") == 0
    assert [float(row[column]) for row in read_certificates("out.csv")] == cert.budget.tolist()


def test_levels_and_shrink_choose_the_bucketed_classifier(folder, capsys):
    words = ["train.csv", "test.csv", "--label", "kind", "--sigma", "0.5", "--levels", "7", "--shrink", "0.5"]
    assert certify(*words, "--out", "out.json") == 0
    edges = rab_edges(2, 0.5, levels=7, shrink=0.5)
    assert Certificates.load("out.json").classifier.edges.tolist() == edges.tolist()
    assert "7 distance buckets" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".csv", ".json", ".npz"])
def test_the_suffix_of_out_is_the_format(folder, suffix):
    out = "out" + suffix
    assert certify("train.csv", "test.csv", "--label", "kind", "--out", out) == 0
    start = Path(out).read_bytes()[:2]
    assert start == {".csv": b"qu", ".json": b'{"', ".npz": b"PK"}[suffix]


def test_threads_and_their_number_change_nothing(folder):
    for n in ("1", "2"):
        assert certify("train.csv", "test.csv", "--label", "kind", "--threads", n, "--out", f"{n}.csv") == 0
    assert Path("1.csv").read_bytes() == Path("2.csv").read_bytes()


def test_a_benchmark_data_set_is_certified_by_name(folder, capsys, monkeypatch):
    monkeypatch.setenv("KNN_CERT_CACHE", str(folder / "cache"))
    assert certify("--dataset", "breast-cancer", "--no-download", "--limit", "1", "--out", "out.csv") == 0
    assert len(read_certificates()) == 1
    out = capsys.readouterr().out
    assert "breast-cancer" in out and "d = 30" in out and "malignant" in out


@pytest.mark.parametrize(("feature_map", "d"), [("rab", 56), ("plain", 57)])
def test_spambase_is_read_from_the_data_folder(folder, shared, capsys, feature_map, d):
    words = [
        "--dataset",
        "spambase",
        "--data-dir",
        shared / "data",
        "--no-download",
        "--feature-map",
        feature_map,
    ]
    assert certify(*words, "--levels", "3", "--k", "1", "--limit", "1") == 0
    out = capsys.readouterr().out
    assert f"n = 3680 rows, d = {d} features" in out


def test_quiet_writes_the_file_and_says_nothing(folder, capsys):
    assert certify("train.csv", "test.csv", "--label", "kind", "--quiet", "--out", "out.csv") == 0
    assert len(read_certificates()) == len(QUERIES)
    assert capsys.readouterr() == ("", "")


def test_a_certificate_file_that_was_there_is_replaced(folder):
    Path("out.csv").write_text("old")
    assert certify("train.csv", "test.csv", "--label", "kind", "--out", "out.csv") == 0
    assert len(read_certificates()) == len(QUERIES)


def test_info_prints_the_configuration(capsys):
    assert main(["info"]) == 0
    assert __version__ in capsys.readouterr().out


def test_version_prints_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"knn-cert {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [["--version"], ["--help"], *([name, "--help"] for name in ("certify", "ensemble", "text", "info"))],
)
def test_help_imports_nothing_heavy(words):
    code = f"""
import sys
from knn_cert.cli import main
code = main({words!r})
heavy = [name for name in {HEAVY!r} if name in sys.modules]
sys.exit(f"imported {{heavy}}" if heavy else code)
"""
    done = run_python("-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_help_warns_of_scalers_fitted_on_the_table(capsys):
    assert main(["certify", "--help"]) == 0
    assert "voids every certificate" in capsys.readouterr().out


def test_the_package_runs_as_a_program_and_is_silent_in_a_pipe(folder):
    words = ["certify", "train.csv", "test.csv", "--label", "kind", "--k", "3", "--out", "out.csv"]
    done = run_python("-W", "ignore", "-m", "knn_cert", *words, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "certified rate at R" in done.stdout
    assert len(read_certificates()) == len(QUERIES)


# --- the progress bar -----------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_a_bar_and_is_left_clean(folder, capsys, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert certify("train.csv", "test.csv", "--label", "kind") == 0
    drawn = terminal.getvalue()
    assert "4/4" in drawn
    assert drawn.endswith("\r\x1b[K")
    assert "\x1b" not in capsys.readouterr().out


def test_long_work_in_a_pipe_is_followed_on_stderr_and_never_on_stdout(folder, capsys, monkeypatch):
    ticks = iter(range(0, 10**6, 4))
    monkeypatch.setattr("knn_cert.progress.time.monotonic", lambda: next(ticks))
    words = ["train.csv", "test.csv", "--label", "kind", "--threads", "1"]
    assert certify(*words) == 0
    out, err = capsys.readouterr()
    assert re.search("^certifying: 1 of 4, 0:[0-9]{2} gone, about 0:[0-9]{2} left$", err, re.MULTILINE)
    assert "gone" not in out
    assert certify(*words, "--quiet", "--out", "out.csv") == 0
    assert capsys.readouterr().err == ""


# --- what is wrong is said in one line, and nothing is written ------------------------------------


def failure(capsys, *words):
    """Run a command that must fail on its input; return its message."""
    before = sorted(Path().iterdir())
    code = certify(*words)
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.startswith("knn-cert: error: ")
    assert "Traceback" not in err
    assert sorted(Path().iterdir()) == before
    return err.removeprefix("knn-cert: error: ")


def one_line_failure(capsys, *words):
    message = failure(capsys, *words)
    assert message.count("\n") == 1
    return message


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--dataset"),
        (["train.csv", "--label", "kind", "--dataset", "spambase"], "got both"),
        (["--label", "kind", "--dataset", "spambase"], "--label"),
        (["a.csv", "b.csv", "c.csv", "--label", "kind"], "at most two tables"),
        (["train.csv"], "--label COLUMN"),
        (["train.csv", "--label", "kind", "--feature-map", "rab"], "--feature-map"),
        (["train.csv", "--label", "kind", "--data-dir", "."], "--data-dir"),
        (["train.csv", "--label", "kind", "--no-download"], "--no-download"),
        (["train.csv", "test.csv", "--label", "kind", "--test-size", "0.5"], "--test-size"),
        (["train.csv", "--label", "kind", "--shrink", "0.5"], "--levels"),
        (["train.csv", "--label", "kind", "--quiet"], "--out"),
        (["train.csv", "--label", "kind", "--radius", "0.1"], "--radius goes with --threat row-shift"),
        (["train.csv", "--label", "kind", "--relabel"], "--relabel goes with --threat row-shift"),
        (["train.csv", "--label", "kind", "--threat", "row-shift"], "needs --rows"),
        (["train.csv", "--label", "kind", "--threat", "query-shift", "--rows", "2"], "leave it out"),
        (["train.csv", "--label", "kind", "--query-shift", "0.2"], "--threat query-shift"),
        (
            ["train.csv", "--label", "kind", "--threat", "deletions", "--query-shift", "0.2"],
            "training threat open",
        ),
        (["train.csv", "--label", "kind", "--threat", "deletions", "--levels", "9"], "--levels"),
        (["train.csv", "--label", "kind", "--threat", "magic"], "magic"),
        (["train.csv", "--label", "kind", "--colour"], "--colour"),
        (["train.csv", "--lab", "kind"], "--lab"),
        (["train.csv", "--label", "kind", "--backend", "fast"], "fast"),
    ],
)
def test_options_that_do_not_go_together_are_named(folder, capsys, words, said):
    assert said in one_line_failure(capsys, *words)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--k", "13", "13"),
        ("--k", "0", "at least 1"),
        ("--k", "2.5", "2.5"),
        ("--sigma", "inf", "sigma"),
        ("--sigma", "-1", "sigma"),
        ("--sigma", "nan", "sigma"),
        ("--sigma", "1e-200", "sigma"),
        ("--sigma", "wide", "wide"),
        ("--rows", "0", "rows"),
        ("--rows", "1.5", "1.5"),
        ("--radius", "-1", "-1"),
        ("--levels", "1", "levels"),
        ("--threads", "0", "n_threads"),
        ("--limit", "0", ">= 1"),
        ("--limit", "few", "few"),
        ("--budgets", "0.1,-1", "0.1,-1"),
        ("--budgets", "0.1,nan", "0.1,nan"),
        ("--budgets", "0.1;0.5", "0.1;0.5"),
        ("--seed", "-1", "-1"),
        ("--seed", "dice", "dice"),
    ],
)
def test_a_number_out_of_its_range_is_named(folder, capsys, option, value, said):
    words = ["train.csv", "test.csv", "--label", "kind", "--out", "out.csv", option, value]
    assert said in one_line_failure(capsys, *words)


def test_shrink_must_be_positive(folder, capsys):
    words = ["train.csv", "--label", "kind", "--levels", "5", "--shrink", "0"]
    assert "shrink" in one_line_failure(capsys, *words)


@pytest.mark.parametrize("size", ["0", "1.5", "12", "half"])
def test_a_hold_out_of_an_impossible_size_is_refused(folder, capsys, size):
    message = one_line_failure(capsys, "train.csv", "--label", "kind", "--test-size", size)
    assert size in message


def test_more_neighbours_than_rows_says_both_numbers(folder, capsys):
    message = one_line_failure(
        capsys, "train.csv", "test.csv", "--label", "kind", "--k", "13", "--out", "out.csv"
    )
    assert "13" in message and "12" in message


def test_a_missing_label_column_lists_the_columns(folder, capsys):
    message = one_line_failure(capsys, "train.csv", "--label", "class", "--out", "out.csv")
    assert "'class'" in message and "x, y, kind" in message


def test_a_text_column_is_named(folder, capsys):
    write_table("train.csv", [(*row, "red") for row in ROWS], header=("x", "y", "kind", "colour"))
    assert "'colour'" in one_line_failure(capsys, "train.csv", "--label", "kind", "--out", "out.csv")


@pytest.mark.parametrize("cell", ["nan", "", "inf"])
def test_a_cell_that_is_no_finite_number_is_located(folder, capsys, cell):
    write_table("train.csv", [*ROWS[:6], (1.0, cell, "ham"), *ROWS[6:]])
    message = one_line_failure(capsys, "train.csv", "--label", "kind", "--out", "out.csv")
    assert "'y'" in message and "line 8" in message


def test_a_wrong_number_of_columns_in_test_is_explained(folder, capsys):
    write_table("test.csv", [(1.0, "ham")], header=("x", "kind"))
    message = one_line_failure(capsys, "train.csv", "test.csv", "--label", "kind", "--out", "out.csv")
    assert "test.csv" in message and "missing: y" in message


def test_a_file_that_is_cut_off_is_recognised(folder, capsys):
    whole = Path("train.csv").read_bytes()
    Path("train.csv").write_bytes(whole[: whole.rindex(b",")])
    message = one_line_failure(capsys, "train.csv", "--label", "kind", "--out", "out.csv")
    assert "train.csv" in message and "cut off" in message
    Path("train.csv.gz").write_bytes(gzip.compress(whole)[:-9])
    assert "cut off" in one_line_failure(capsys, "train.csv.gz", "--label", "kind", "--out", "out.csv")


def test_a_table_that_is_not_there_is_named(folder, capsys):
    assert "nowhere.csv" in one_line_failure(capsys, "nowhere.csv", "--label", "kind", "--out", "out.csv")


def test_a_table_of_one_class_is_refused(folder, capsys):
    write_table("train.csv", [row for row in ROWS if row[2] == "ham"])
    assert "one class" in one_line_failure(capsys, "train.csv", "--label", "kind", "--out", "out.csv")


def test_an_empty_table_is_refused(folder, capsys):
    write_table("train.csv", [])
    assert "train.csv" in one_line_failure(capsys, "train.csv", "--label", "kind", "--out", "out.csv")


@pytest.mark.parametrize("table", ["train.csv", "test.csv"])
def test_features_whose_squares_overflow_are_refused(folder, capsys, table):
    rows = {"train.csv": ROWS, "test.csv": QUERIES}[table]
    write_table(table, [*rows, (1e200, 0.0, "ham")])
    message = one_line_failure(
        capsys, "train.csv", "test.csv", "--label", "kind", "--k", "1", "--out", "out.csv"
    )
    assert "overflow" in message


def test_labels_of_another_type_in_test_are_refused(folder, capsys):
    write_table("train.csv", [(x, y, int(kind == "spam")) for x, y, kind in ROWS])
    message = one_line_failure(capsys, "train.csv", "test.csv", "--label", "kind", "--out", "out.csv")
    assert "integer labels" in message


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("nowhere/out.csv", "no folder"),
        ("taken.csv", "folder"),
        ("out.txt", ".json"),
        ("out", ".json"),
    ],
)
def test_an_output_that_cannot_be_written_is_found_before_the_work(folder, capsys, out, said):
    Path("taken.csv").mkdir()
    # The table does not exist either: that the message is about --out shows which was looked at first.
    message = one_line_failure(capsys, "nowhere.csv", "--label", "kind", "--out", out)
    assert said in message and "nowhere.csv" not in message


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="the superuser may write everywhere")
def test_an_output_folder_without_permission_is_found_before_the_work(folder, capsys):
    Path("locked").mkdir(mode=0o500)
    assert "locked" in one_line_failure(capsys, "nowhere.csv", "--label", "kind", "--out", "locked/out.csv")


def test_the_output_never_replaces_an_input(folder, capsys):
    before = Path("train.csv").read_bytes()
    message = one_line_failure(capsys, "train.csv", "--label", "kind", "--out", folder / "train.csv")
    assert "overwrite" in message
    assert Path("train.csv").read_bytes() == before


def test_a_full_disk_leaves_no_half_written_file(folder, capsys, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    message = one_line_failure(capsys, "train.csv", "test.csv", "--label", "kind", "--out", "out.csv")
    assert "out.csv" in message and "No space left on device" in message


def test_an_unknown_data_set_lists_the_known_ones(folder, capsys):
    message = one_line_failure(capsys, "--dataset", "spam")
    assert "spambase" in message


def test_a_feature_map_that_the_data_set_lacks_is_refused(folder, capsys):
    assert "plain" in one_line_failure(capsys, "--dataset", "spambase", "--feature-map", "log")


def test_a_missing_data_set_without_network_says_what_to_put_where(folder, capsys, monkeypatch):
    def no_network(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    monkeypatch.setenv("KNN_CERT_CACHE", str(folder / "cache"))
    (folder / "data").mkdir()
    (folder / "cache").mkdir()
    for words in ([], ["--no-download"]):
        message = failure(capsys, "--dataset", "spambase", "--data-dir", folder / "data", *words)
        assert "KNN_CERT_DATA" in message and "sha256" in message


def test_a_data_folder_that_is_not_there_is_refused(folder, capsys):
    assert "nowhere" in one_line_failure(capsys, "--dataset", "spambase", "--data-dir", "nowhere")


def test_a_backend_that_is_missing_says_why(folder, capsys, monkeypatch):
    monkeypatch.setenv("KNN_CERT_BACKEND", "abacus")
    assert "abacus" in one_line_failure(capsys, "train.csv", "--label", "kind")


@pytest.mark.parametrize("words", [[], ["nonsense"], ["info", "certify"], ["--colour"]])
def test_a_command_that_is_missing_or_unknown_gets_one_line(capsys, words):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("knn-cert: error: ") and err.count("\n") == 1


def test_a_failing_program_exits_with_two_and_no_traceback(folder):
    done = run_python("-m", "knn_cert", "certify", "train.csv", "--label", "class", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("knn-cert: error: ") and done.stderr.count("\n") == 1


# --- interruptions, defects, warnings -------------------------------------------------------------


def test_ctrl_c_ends_with_130_and_no_file(folder, capsys, monkeypatch):
    before = sorted(folder.iterdir())
    monkeypatch.setattr(ProgressBar, "__call__", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    assert certify("train.csv", "test.csv", "--label", "kind", "--out", "out.csv") == 130
    out, err = capsys.readouterr()
    assert (out, err) == ("", "knn-cert: interrupted\n")
    assert sorted(folder.iterdir()) == before


def test_ctrl_c_while_writing_leaves_the_old_file(folder, monkeypatch):
    Path("out.csv").write_text("old")
    before = sorted(folder.iterdir())
    monkeypatch.setattr(os, "replace", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    assert certify("train.csv", "test.csv", "--label", "kind", "--out", "out.csv") == 130
    assert Path("out.csv").read_text() == "old"
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("defect", [RuntimeError, ValueError, TypeError, KeyError])
def test_a_defect_of_the_program_keeps_its_traceback(folder, monkeypatch, defect):
    def broken(*args, **kwargs):
        raise defect("a defect")

    monkeypatch.setattr(SmoothedKNNClassifier, "certify", broken)
    with pytest.raises(defect, match="a defect"):
        certify("train.csv", "test.csv", "--label", "kind", "--out", "out.csv")
    assert not Path("out.csv").exists()


def test_a_warning_is_one_line_on_stderr(capsys, monkeypatch):
    def warn(args):
        warnings.simplefilter("always")
        warnings.warn("slow today", RuntimeWarning, stacklevel=2)
        return 0

    monkeypatch.setattr("knn_cert.cli.info.run", warn)
    before = warnings.showwarning
    assert main(["info"]) == 0
    assert capsys.readouterr().err == "knn-cert: warning: slow today\n"
    assert warnings.showwarning is before


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe is no signal there")
def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    code = "import os, sys; from knn_cert.cli import main; sys.stdin.read(); sys.exit(main(['info']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    process.stdout.close()  # before the program may go on
    process.stdin.close()
    with process.stderr as stderr:
        said = stderr.read()
    assert (process.wait(timeout=60), said) == (141, b"")


def test_labels_that_the_terminal_cannot_show_do_not_break_the_summary(folder):
    names = {"ham": "jambon d'\u00e9t\u00e9", "spam": "\u30b9\u30d1\u30e0"}
    write_table("train.csv", [(x, y, names[kind]) for x, y, kind in ROWS])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    words = ["certify", "train.csv", "--label", "kind", "--k", "3", "--out", "out.json"]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "knn_cert", *words],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert names["spam"] in json.loads(Path("out.json").read_text(encoding="utf-8"))["classes"]


def test_budgets_that_are_no_numbers_of_rows_are_the_users_to_repair(tmp_path, capsys):
    table = tmp_path / "t.csv"
    table.write_text("x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(20)))
    words = ["certify", str(table), "--label", "y", "--threat", "label-flips", "--budgets", "1.5", "--k", "3"]
    assert main(words) == 2
    assert "budgets must be whole numbers of rows" in capsys.readouterr().err
