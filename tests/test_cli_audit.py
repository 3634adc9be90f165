"""knn-cert audit: exit codes, reports and the words for what is wrong."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from knn_cert import audit
from knn_cert.cli import main
from knn_cert.report import validate


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table as a bank might have it: an id, a date, words, yes and no, a column without news, a label."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 240)
    with open("bank.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "opened", "job", "member", "balance", "branch", "churned"])
        for i, label in enumerate(y):
            job = rng.choice(["clerk", "smith", "none of these"])
            member = "yes" if rng.random() < 0.3 + 0.4 * label else "no"
            day = f"20{rng.integers(10, 20)}-0{rng.integers(1, 9)}-1{rng.integers(0, 9)}"
            writer.writerow([1000 + i, day, job, member, round(rng.normal() + 2 * label, 3), "north", label])
    return "bank.csv"


def test_ten_lines_and_exit_codes_by_the_bars(table, capsys):
    assert main(["audit", table, "--label", "churned", "--fail-under", "0.01@mislabelled:1"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("verdict:") and "FAILED" not in said
    assert main(["audit", table, "--label", "churned", "--fail-under", "1@mislabelled:50%", "--quiet"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("FAILED: 1@mislabelled:50%: ") and said.count("\n") == 1


def test_reports_are_of_the_audit_that_python_makes(table):
    reports = [word for name in ("a.json", "a.html", "a.md") for word in ("--report", name)]
    words = ["audit", table, "--label", "churned", *reports]
    assert main([*words, "--against", "planted:3", "--k", "5", "--k", "9", "--sigma", "0", "--quiet"]) == 0
    with open("a.json") as file:
        document = json.load(file)
    validate(document)
    found = audit(table, "churned", against="planted:3", n_neighbors=[5, 9], sigma=[0.0]).document
    document.pop("made_by"), found.pop("made_by")
    for one in (*document["attackers"], *found["attackers"]):
        one.pop("seconds"), one.pop("together")
    document.pop("lines"), found.pop("lines")
    assert document == found
    kinds = {column["name"]: column["kind"] for column in document["table"]["columns"]}
    assert kinds["id"] == kinds["branch"] == "left out"
    assert (kinds["opened"], kinds["job"], kinds["member"], kinds["balance"]) == (
        "date",
        "category",
        "0 and 1",
        "number",
    )
    assert any("id" in remark for remark in document["table"]["remarks"])
    with open("a.html") as page, open("a.md") as text:
        assert "<html" in page.read() and "Mislabelled rows" in text.read()


def test_words_are_equally_far_apart_and_not_scaled(table):
    found = audit(table, "churned")
    job = next(column for column in found.document["table"]["columns"] if column["name"] == "job")
    assert (job["features"], job["scale"]) == (3, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["audit"], "expected a table"),
        (["audit", "nowhere.csv", "--label", "y"], "there is no such file"),
        (["audit", "bank.csv"], "--label"),
        (["audit", "bank.csv", "--label", "churn"], "churn"),
        (["audit", "bank.csv", "--label", "churned", "--against", "thief:1%"], "expected an attacker"),
        (["audit", "bank.csv", "--label", "churned", "--fail-under", "0.8"], "SHARE@ATTACKER"),
        (["audit", "bank.csv", "--label", "churned", "--report", "a.pdf"], ".html, .md, .json"),
        (["audit", "bank.csv", "--label", "churned", "--report", "no/a.md"], "there is no folder"),
        (["audit", "bank.csv", "--label", "churned", "--constants", "bank.csv"], "bank.csv"),
        (["audit", "bank.csv", "--label", "branch"], "two classes"),
        (
            ["audit", "bank.csv", "--label", "churned", "--report", "a.md", "--report", "./a.md"],
            "another result",
        ),
        (
            ["audit", "bank.csv", "--label", "churned", "--report", "a.json", "--save-constants", "a.json"],
            "another",
        ),
        (["audit", "bank.csv", "--label", "churned", "--report", "/proc/a.md"], "/proc/a.md"),
        (["audit", "bank.csv", "--label", "churned", "--fail-under", "1e-99999999@mislabelled:1"], "a share"),
        (["audit", "bank.csv", "--label", "churned", "--encoding", "nonsense"], "encoding must be one"),
        (["audit", "bank.csv", "--label", "id"], "classes that have 3 rows"),
        (["audit", "bank.csv", "--label", "churned", "--k", "100000"], "n_neighbors"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_nothing_is_written(table, words, said, capsys, tmp_path):
    before = sorted(tmp_path.iterdir())
    assert main(words) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("knn-cert: error: ") and said in error
    assert sorted(tmp_path.iterdir()) == before


def test_a_second_table_is_reported_on(table, capsys):
    assert main(["audit", table, table, "--label", "churned", "--k", "15", "--sigma", "0"]) == 0
    assert "reported on 240 others" in capsys.readouterr().out


def test_no_folder_of_the_machine_stands_in_the_report(table, tmp_path, monkeypatch):
    words = ["audit", str(tmp_path / table), "--label", "churned", f"--report={tmp_path}/a.json", "--quiet"]
    monkeypatch.setattr("sys.argv", ["knn-cert", *words])
    assert main(words) == 0
    text = (tmp_path / "a.json").read_text()
    assert str(tmp_path) not in text
    command = "knn-cert audit bank.csv --label churned --report=a.json --quiet"
    assert json.loads(text)["made_by"]["command"] == command


def test_the_command_of_a_report_is_what_was_run_but_for_folders(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = [[*row, f"c{row[0] > 0}", 1.0] for row in rng.normal(size=(60, 2)).tolist()]
    with open("t.csv", "w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "km/h", "x/y"], *rows])
    words = ["audit", "./t.csv", "--label", "km/h", "--drop", "x/y", f"--report={tmp_path}/r.json", "--quiet"]
    monkeypatch.setattr("sys.argv", ["knn-cert", *words])
    assert main(words) == 0
    with open("r.json") as file:
        command = json.load(file)["made_by"]["command"]
    assert command == "knn-cert audit t.csv --label km/h --drop x/y --report=r.json --quiet"


def test_a_share_that_misses_a_bar_by_a_row_is_told_by_rows(capsys):
    from types import SimpleNamespace

    from knn_cert.cli.audit import _share_of_rows

    found = SimpleNamespace(document={"attackers": [{"name": "mislabelled", "n_queries": 5000}]})
    bar = {"bar": "0.8@mislabelled:1%", "share": 3999 / 5000}
    assert _share_of_rows(bar, found) == "3999 of 5000 rows (80.0 %)"


def test_constants_are_saved_and_brought_again(table, capsys):
    words = ["audit", table, table, "--label", "churned", "--k", "15", "--sigma", "0", "--quiet"]
    assert main([*words, "--save-constants", "c.json", "--report", "a.json"]) == 0
    assert main([*words, "--constants", "c.json", "--report", "b.json"]) == 0
    with open("b.json") as file:
        document = json.load(file)
    assert document["scaling"]["from"] == "c.json" and document["split"]["train"] == 240
    assert main([*words, "--constants", "c.json", "--save-constants", "c.json"]) == 2
    assert "would overwrite" in capsys.readouterr().err


def test_no_bar_is_cleared_where_no_use_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    with open("noise.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "kind"])
        writer.writerows([*rng.normal(size=2), int(rng.random() < 0.03)] for _ in range(400))
    assert main(["audit", "noise.csv", "--label", "kind", "--fail-under", "0.5@mislabelled:1"]) == 1
    assert "FAILED: no use of the classifier is shown" in capsys.readouterr().out
