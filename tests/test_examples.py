"""What the README and the examples show runs as it stands."""

from __future__ import annotations

import csv
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from knn_cert import LabelFlips, SmoothedKNNClassifier, load_dataset
from knn_cert.cli import audit as audit_command
from knn_cert.cli import ensemble as ensemble_command
from knn_cert.cli import main
from knn_cert.cli import text as text_command
from knn_cert.datasets import Dataset
from knn_cert.montecarlo import SmoothedEnsemble

ROOT = Path(__file__).parents[1]


# Commands as they stand in a block, in a line, or in what --help prints.
COMMAND = re.compile(r"knn-cert ((?:audit|ensemble|text) (?!--help|TABLE)[^`\n]*)")
PAGES = {
    **{
        page: (ROOT / page).read_text(encoding="utf-8")
        for page in ("README.md", "docs/audit.md", "docs/ensembles.md", "docs/text.md")
    },
    "audit --help": audit_command.EPILOG,
    "ensemble --help": ensemble_command.EPILOG,
    "text --help": text_command.EPILOG,
}
COMMANDS = [(page, command) for page, content in PAGES.items() for command in COMMAND.findall(content)]


def programs(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.S)


def write_tables(words):
    """Write the tables that a command names, with its columns and classes."""
    options = dict(zip(words, words[1:], strict=False))
    classes = options.get("--classes", "bad,good").split(",")
    label = options.get("--label", "1")
    rows = np.random.default_rng(0).normal(size=(60, 2))
    for name in (word for word in words if re.fullmatch(r"t\w+\.csv|mails\.tsv", word)):
        with open(name, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter="\t" if name.endswith(".tsv") else ",")
            if words[0] == "ensemble":
                writer.writerow(["width", "height", label])
                writer.writerows([*row, classes[int(row[0] > 0.0)]] for row in rows)
            else:
                names = ["text", "kind"] if label == "1" else [options["--text"], label]
                writer.writerow(names)
                writer.writerows([("a dull film", "a fine film")[i % 2], classes[i % 2]] for i in range(60))


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    assert "certified rate" in capsys.readouterr().out


def test_the_first_programs_of_the_readme_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fitted, first, second, together, grid, ensemble, texts, verifiers = programs("README.md")
    names = {}
    for program in (fitted, first, second, together, grid):
        exec(compile(program, "README.md", "exec"), names)
    assert 0.0 < names["together"].accuracy_at_least <= 1.0
    exec(compile(ensemble.replace("200", "20"), "README.md", "exec"), names)
    assert names["ensemble"].n_models == 20
    exec(compile(texts, "README.md", "exec"), names)
    assert names["cert"].label.tolist() == ["good"] and names["cert"].budget[0] > 0
    exec(compile(verifiers, "README.md", "exec"), names)
    assert names["q"].shape == (1, 2)
    assert "certified accuracy" in capsys.readouterr().out
    assert (tmp_path / "certificates.json").exists()


def test_the_program_of_the_page_on_threats_runs(capsys):
    data = load_dataset("breast-cancer")
    clf = SmoothedKNNClassifier(n_neighbors=5, sigma=1.0).fit(data.X_train, data.y_train)
    program = programs("docs/threats.md")[0]
    exec(compile(program, "threats.md", "exec"), {"clf": clf, "X": data.X_test, "y": data.y_test})
    assert "Not covered" in capsys.readouterr().out


def test_the_programs_of_the_page_on_choosing_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for program in programs("docs/choosing.md"):
        exec(compile(program, "choosing.md", "exec"), names)
    assert names["search"].best_params_["knn__n_neighbors"] > 1
    assert (names["cert"].budget > 0).any() and names["scaler"].source == "the table of 2025"
    assert "OneHotEncoder" in capsys.readouterr().out


def test_the_program_of_the_page_on_tables_in_parts_runs(capsys):
    program, *on_a_cluster = programs("docs/scaling.md")
    assert len(on_a_cluster) == 2 and all("DistributedKNNClassifier" in one for one in on_a_cluster)
    names = {}
    exec(compile(program, "scaling.md", "exec"), names)
    assert "bytes a query" in capsys.readouterr().out and not names["in_doubt"].any()
    knn = SmoothedKNNClassifier(15, sigma=0.5).fit(names["X"], names["y"])
    expected = knn.certify(names["queries"], LabelFlips())
    assert np.array_equal(names["certificates"].budget, expected.budget)


@pytest.mark.parametrize(("which", "n_queries"), [(1, 10), (2, 100)])
def test_the_programs_of_the_page_on_clusters_run(tmp_path, which, n_queries):
    pytest.importorskip("distributed")
    (tmp_path / "program.py").write_text(programs("docs/scaling.md")[which], encoding="utf-8")
    command = [sys.executable, str(tmp_path / "program.py")]
    # the package may be found by where the tests were started
    paths = os.pathsep.join(path for path in sys.path if path)
    ended = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    assert re.fullmatch(rf"\[\d+(\s+\d+){{{n_queries - 1}}}\]", ended.stdout.strip())


def test_the_programs_of_the_page_on_audits_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for program in programs("docs/audit.md"):
        names = {}
        exec(compile(program, "audit.md", "exec"), names)
    assert "verdict:" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.html", "constants.json"]
    (program,) = programs("docs/report.md")
    exec(compile(program, "report.md", "exec"), {"document": names["found"].document})


def test_the_program_of_the_page_on_ensembles_runs(capsys):
    names = {}
    exec(compile(programs("docs/ensembles.md")[0], "ensembles.md", "exec"), names)
    assert "certified accuracy" in capsys.readouterr().out
    assert len(names["ensemble"].models_) == 100


def test_the_programs_of_the_page_on_texts_run(shared, monkeypatch, capsys):
    monkeypatch.setenv("KNN_CERT_DATA", str(shared / "data"))
    first, second = programs("docs/text.md")
    names = {}
    exec(compile(first.replace("n_models=200", "n_models=50"), "text.md", "exec"), names)
    assert "certified accuracy" in capsys.readouterr().out and len(names["cert"]) == 1821
    with np.load(shared / "data" / "wordvec" / "glove6b_50d_subset.npz") as archive:
        names["words"] = [word.decode() for word in archive["words"]]
        names["vectors"] = archive["vectors"]
    second = second.replace("encode(data.test_texts)", "encode(data.test_texts[:20])")
    with pytest.warns(UserWarning, match="3 of 6920 texts have no word with a vector"):
        exec(compile(second, "text.md", "exec"), names)
    assert names["knn"].n_samples_fit_ == 6920


def test_the_nets_of_the_page_on_ensembles_run(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch", reason="nets need torch")
    rows = np.random.default_rng(0).random((60, 784))
    small = Dataset("mnist-01", rows, np.repeat([0, 1], 30), rows[::3], np.repeat([0, 1], 10), [], {}, "")
    monkeypatch.chdir(tmp_path)
    names = {"SmoothedEnsemble": SmoothedEnsemble, "load_dataset": lambda name: small}
    program = programs("docs/ensembles.md")[1].replace("n_models=50", "n_models=12")
    exec(compile(program, "ensembles.md", "exec"), names)
    assert "certified accuracy" in capsys.readouterr().out
    assert len(list((tmp_path / "mnist-nets").glob("models-*.npz"))) == 12


def write_audited(words):
    """Write the tables that an audit names: of 200 rows, or no share of rows would be certified."""
    rng = np.random.default_rng(0)
    label = words[words.index("--label") + 1]
    for name in (word for word in words if word.endswith(".csv")):
        Path(name).parent.mkdir(exist_ok=True)
        with open(name, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["age", "balance", label])
            for _ in range(200):
                kind = rng.integers(0, 2)
                writer.writerow([rng.normal() + 3 * kind, rng.normal(), ("no", "yes")[kind]])


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page}: {words}" for page, words in COMMANDS])
def test_a_command_of_the_pages_and_of_help_runs(page, command, tmp_path, monkeypatch, capsys, request):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)
    if words[0] == "audit":
        write_audited(words)
        assert main(words) == 0
        assert all(Path(word).exists() for word in words if word.startswith("audit."))
        return
    write_tables(words)
    if "--dataset" in words:
        monkeypatch.setenv("KNN_CERT_DATA", str(request.getfixturevalue("shared") / "data"))
    assert main([*words, "--n-models", "20", "--jobs", "1", "--limit", "5"]) == 0
    assert "certified rate at" in capsys.readouterr().out


def test_every_page_shows_commands():
    assert {page for page, _ in COMMANDS} == set(PAGES)
