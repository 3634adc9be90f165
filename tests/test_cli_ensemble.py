"""`knn-cert ensemble`: certificates by votes of models of scikit-learn, and what is refused."""

from __future__ import annotations

import csv
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

from knn_cert import BlackBoxBall, Certificates
from knn_cert.cli import main
from knn_cert.cli.ensemble_models import DESCRIPTIONS, NamedTrainer
from knn_cert.montecarlo import SmoothedEnsemble
from knn_cert.progress import ProgressBar
from knn_cert.tables import holdout_rows

# Two clouds of rows, and some in between.
GENERATOR = np.random.default_rng(0)
X = np.concatenate([GENERATOR.normal(-1.0, 0.5, (20, 2)), GENERATOR.normal(1.0, 0.5, (20, 2))]).round(2)
Y = np.repeat(["ham", "spam"], 20)
QUERIES = np.array([[-1.0, -1.0], [1.2, 0.8], [0.1, 0.0]])
TRUE = ["ham", "spam", "ham"]
COMMON = ("--label", "kind", "--n-models", "20", "--noise-seed", "5", "--jobs", "1")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with train.csv and test.csv, both labelled."""
    monkeypatch.chdir(tmp_path)
    write_table("train.csv", X, Y)
    write_table("test.csv", QUERIES, TRUE)
    return tmp_path


def write_table(path, rows, labels, header=("x", "y", "kind")):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [header, *([*row, label] for row, label in zip(rows, labels, strict=True))]
        )


def certify(*words):
    return main(["ensemble", *map(str, words)])


def by_hand(model="logistic-regression", sigma=0.5, threat=None, rows=None, queries=QUERIES, **options):
    """The same certificates from Python."""
    rows = np.arange(len(X)) if rows is None else rows
    options = {"n_models": 20, "random_state": 5} | options
    ensemble = SmoothedEnsemble(NamedTrainer(model), sigma=sigma, **options).fit(X[rows], Y[rows])
    return ensemble.certify(queries, threat)


def same(path, expected):
    found = Certificates.load(path)
    assert found.label.tolist() == expected.label.tolist()
    assert found.budget.tolist() == expected.budget.tolist()
    assert found.probabilities.tolist() == expected.probabilities.tolist()
    assert found.guarantee == expected.guarantee
    return found


# --- what a user gets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", DESCRIPTIONS)
def test_certificates_are_those_of_the_ensemble_in_python(folder, model):
    words = ("train.csv", "test.csv", *COMMON, "--model", model, "--sigma", "0.5", "--out", "out.json")
    assert certify(*words) == 0
    same("out.json", by_hand(model))


@pytest.mark.parametrize(
    ("words", "threat", "options"),
    [
        (["--rows", "4"], BlackBoxBall(4), {}),
        (["--rows", "0.1"], BlackBoxBall(0.1), {}),
        (["--noise", "uniform"], BlackBoxBall(norm="l1"), {"noise": "uniform"}),
        (
            ["--noise", "uniform", "--rows", "2", "--norm", "linf"],
            BlackBoxBall(2, "linf"),
            {"noise": "uniform"},
        ),
        (["--n-pilot", "12", "--alpha", "0.01"], BlackBoxBall(), {"n_pilot": 12, "alpha": 0.01}),
        (["--simultaneous"], BlackBoxBall(), {"simultaneous": True}),
    ],
)
def test_every_option_reaches_the_ensemble(folder, words, threat, options):
    assert certify("train.csv", "test.csv", *COMMON, "--sigma", "0.5", *words, "--out", "out.json") == 0
    assert same("out.json", by_hand(threat=threat, **options)).threat == threat


def test_without_test_rows_are_held_out_as_by_certify(folder):
    assert certify("train.csv", *COMMON, "--sigma", "0.5", "--test-size", "6", "--out", "out.json") == 0
    kept, held_out = holdout_rows(Y, 6, 0)
    found = same("out.json", by_hand(rows=kept, queries=X[held_out]))
    assert found.query.tolist() == held_out.tolist()


def test_the_number_of_processes_changes_no_certificate(folder):
    for jobs in ("1", "2"):
        words = ("train.csv", "test.csv", *COMMON[:-1], jobs, "--out", f"{jobs}.csv")
        assert certify(*words) == 0
    assert Path("1.csv").read_bytes() == Path("2.csv").read_bytes()


def test_the_summary_names_models_noise_seed_and_times(folder, capsys):
    assert certify("train.csv", "test.csv", *COMMON, "--sigma", "0.5", "--budgets", "0.1,0.2") == 0
    out, err = capsys.readouterr()
    lines = {line[:24].strip(): line[24:].strip() for line in out.splitlines()}
    assert lines["training table"] == "n = 40 rows, d = 2 features"
    assert lines["classes"] == "2: ham (20 rows), spam (20 rows)"
    assert lines["models"] == f"20 of {DESCRIPTIONS['logistic-regression']}"
    assert lines["noise"] == "gaussian, sigma = 0.5, on every feature of every training row"
    assert lines["certificates hold"] == "with probability 1 - 0.001 over the noise, for each query"
    assert lines["threat"] == BlackBoxBall().describe()
    assert lines["radius R"].split() == ["0.1", "0.2"]
    assert "1 process; --noise-seed 5 repeats it" in lines["time"]
    assert lines["certificates"] == "not written (--out FILE)"
    assert err == ""


def test_the_noise_is_new_each_time_and_its_seed_repeats_it(folder, capsys):
    """Noise that everybody knows beforehand certifies nothing against those who knew it."""
    words = ("train.csv", "test.csv", "--label", "kind", "--n-models", "20", "--jobs", "1")
    seeds, votes = [], []
    for i in range(2):
        assert certify(*words, "--out", f"{i}.csv") == 0
        seeds.append(re.search("--noise-seed ([0-9]+) repeats it", capsys.readouterr().out)[1])
        votes.append(Path(f"{i}.csv").read_bytes())
    assert seeds[0] != seeds[1]
    assert certify(*words, "--out", "again.csv", "--noise-seed", seeds[1]) == 0
    assert Path("again.csv").read_bytes() == votes[1]


def test_tables_are_read_as_certify_reads_them(folder, capsys):
    """With words, holes, another separator and a decimal comma."""
    with open("odd.txt", "w", encoding="utf-8") as file:
        file.write("x;colour;y;kind\n")
        for i, ((x, y), label) in enumerate(zip(X, Y, strict=True)):
            cell = "" if i == 3 else f"{y:.2f}".replace(".", ",")
            file.write(f"{f'{x:.2f}'.replace('.', ',')};{('red', 'blue')[i % 2]};{cell};{label}\n")
    assert certify("odd.txt", *COMMON, "--encode", "--fill", "y=0", "--out", "out.csv") == 0
    assert "n = 32 rows, d = 4 features" in capsys.readouterr().out
    assert certify("odd.txt", *COMMON, "--encode", "--out", "out.csv") == 2
    assert "--fill" in capsys.readouterr().err
    assert certify("--dataset", "spambase", "--encode") == 2
    assert "--encode goes with a table" in capsys.readouterr().err


def test_a_data_set_is_certified_by_name(folder, capsys, monkeypatch):
    monkeypatch.setenv("KNN_CERT_CACHE", str(folder / "cache"))
    words = ("--dataset", "breast-cancer", "--no-download", "--limit", "3", "--model", "naive-bayes")
    assert certify(*words, *COMMON[2:], "--out", "out.csv") == 0
    assert "malignant" in capsys.readouterr().out
    assert len(Path("out.csv").read_text().splitlines()) == 4


def test_quiet_writes_the_file_and_says_nothing(folder, capsys):
    assert certify("train.csv", "test.csv", *COMMON, "--quiet", "--out", "out.csv") == 0
    assert capsys.readouterr() == ("", "")
    assert len(Path("out.csv").read_text().splitlines()) == 4


def test_a_trainer_is_a_function_of_rows_labels_and_seed():
    for name in DESCRIPTIONS:
        trainer = NamedTrainer(name)
        first, again = trainer(X, Y, 7).predict(QUERIES), trainer(X, Y, 7).predict(QUERIES)
        assert first.tolist() == again.tolist()
        assert set(first) <= {"ham", "spam"}


# --- progress, interruptions --------------------------------------------------------------------------------


def test_long_training_is_followed_on_stderr_and_never_on_stdout(folder, capsys, monkeypatch):
    ticks = iter(range(0, 10**6, 4))
    monkeypatch.setattr("knn_cert.progress.time.monotonic", lambda: next(ticks))
    assert certify("train.csv", "test.csv", *COMMON) == 0
    out, err = capsys.readouterr()
    told = re.findall("^training models: [0-9]+ of 20, 0:([0-9]{2}) gone, about 0:[0-9]{2} left$", err, re.M)
    assert told and int(told[0]) >= 10
    assert "asking models: " in err and "gone" not in out
    assert certify("train.csv", "test.csv", *COMMON, "--quiet", "--out", "out.csv") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("label", ["training models", "asking models"])
def test_ctrl_c_ends_with_130_and_no_file(folder, capsys, monkeypatch, label):
    before = sorted(folder.iterdir())

    def interrupt(bar, *_):
        if bar._label == label:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ProgressBar, "__call__", interrupt)
    assert certify("train.csv", "test.csv", *COMMON, "--out", "out.csv") == 130
    assert capsys.readouterr() == ("", "knn-cert: interrupted\n")
    assert sorted(folder.iterdir()) == before


# --- what is wrong is said in one line, and nothing is written ----------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--dataset"),
        (["train.csv"], "--label COLUMN"),
        (["train.csv", "--label", "kind", "--sigma", "0"], "knn-cert certify --sigma 0"),
        (["train.csv", "--label", "kind", "--sigma", "1e-200"], "sigma must be from"),
        (["train.csv", "--label", "kind", "--norm", "l1"], "--noise uniform"),
        (["train.csv", "--label", "kind", "--noise", "uniform", "--norm", "linf"], "add --rows R"),
        (["train.csv", "--label", "kind", "--n-models", "5"], "train at least 11"),
        (["train.csv", "--label", "kind", "--n-models", "0"], ">= 1"),
        (["train.csv", "--label", "kind", "--n-pilot", "-1"], "n_pilot"),
        (["train.csv", "--label", "kind", "--alpha", "1"], "between 0 and 1"),
        (["train.csv", "--label", "kind", "--rows", "0"], "rows of BlackBoxBall must be at least 1"),
        (["train.csv", "--label", "kind", "--model", "oracle"], "logistic-regression"),
        (["train.csv", "--label", "kind", "--quiet"], "--out"),
        (["train.csv", "--label", "kind", "--threat", "deletions"], "unknown option --threat"),
        (["train.csv", "--label", "kind", "--classes", "ham,spam"], "unknown option --classes"),
        (["train.csv", "test.csv", "--label", "kind", "--test-size", "3"], "--test-size"),
        (["train.csv", "--label", "kind", "--dataset", "spambase"], "got both"),
        (["train.csv", "--label", "class"], "x, y, kind"),
        (["nowhere.csv", "--label", "kind", "--out", "out.txt"], ".json"),
        (["train.csv", "--label", "kind", "--out", "train.csv"], "overwrite"),
        (["nowhere.csv", "--label", "kind"], "nowhere.csv"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folder, capsys, words, said):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    words = [*words, "--jobs", "1"]
    assert certify(*(words if "--n-models" in words else [*words, "--n-models", "20"])) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("knn-cert: error: ") and err.count("\n") == 1 and said in err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("model", DESCRIPTIONS)
@pytest.mark.parametrize(("table", "size"), [("train.csv", 1e39), ("test.csv", -1e39), ("train.csv", 1e200)])
def test_features_that_are_too_large_for_a_model_are_refused(folder, capsys, model, table, size):
    rows, labels = {"train.csv": (X, Y), "test.csv": (QUERIES, TRUE)}[table]
    write_table(table, [*rows, (size, 0.0)], [*labels, "ham"])
    assert certify("train.csv", "test.csv", *COMMON, "--model", model) == 2
    assert "divide both by the same constant" in capsys.readouterr().err


@pytest.mark.parametrize("model", DESCRIPTIONS)
@pytest.mark.parametrize("sigma", ["1e-100", "1e30"])
def test_features_of_any_other_size_are_taken(folder, model, sigma):
    write_table("odd.csv", [(1e30, 0.0), (-1e30, 1e-30)] * 6, ["a", "b"] * 6)
    assert certify("odd.csv", *COMMON, "--model", model, "--sigma", sigma) == 0


def test_help_says_what_is_not_covered(capsys):
    assert main(["ensemble", "--help"]) == 0
    out = capsys.readouterr().out
    assert "Changed\n  labels, added and deleted rows are not covered" in out
    assert all(name in out for name in DESCRIPTIONS)
