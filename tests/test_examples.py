"""What the README and the examples show runs as it stands."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from knn_cert import SmoothedKNNClassifier, load_dataset

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    assert "certified rate" in capsys.readouterr().out


def test_the_first_programs_of_the_readme_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    first, second, *_ = blocks
    names = {}
    exec(compile(first, "README.md", "exec"), names)
    exec(compile(second, "README.md", "exec"), names)
    assert "certified accuracy" in capsys.readouterr().out
    assert (tmp_path / "certificates.json").exists()


def test_the_program_of_the_page_on_threats_runs(capsys):
    data = load_dataset("breast-cancer")
    clf = SmoothedKNNClassifier(n_neighbors=5, sigma=1.0).fit(data.X_train, data.y_train)
    page = (ROOT / "docs" / "threats.md").read_text(encoding="utf-8")
    program = page.split("```python\n")[1].split("```")[0]
    exec(compile(program, "threats.md", "exec"), {"clf": clf, "X": data.X_test, "y": data.y_test})
    assert "Not covered" in capsys.readouterr().out
