"""Every study of benchmarks/ runs in full on small stand-ins for its data, and what it asserts holds."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "benchmarks"

pytestmark = pytest.mark.usefixtures("benchmarks_can_be_imported")


def studies():
    """Names of the modules that can be run: a new study is found by itself."""
    paths = [path for path in sorted(BENCHMARKS.glob("*/*.py")) if path.stem != "__main__"]
    runnable = [path for path in paths if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in runnable]


@pytest.fixture
def _one_thread_of_torch():
    # Threads that wait for each other on busy cores take a hundred times as long.
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def _what_it_needs(request):
    """Skip a study where what it needs beyond the package is not installed."""
    name = request.getfixturevalue("name")
    if name.startswith("benchmarks.nets."):
        pytest.importorskip("torch", reason="ensembles of nets need torch: pip install 'knn-cert[torch]'")
    if name == "benchmarks.scaling.cluster":
        pytest.importorskip("distributed", reason="a cluster needs Dask: pip install 'knn-cert[distributed]'")
    if name == "benchmarks.exact.law_balls":
        pytest.importorskip("flint", reason="ball arithmetic needs python-flint")


def test_the_studies_are_found():
    assert {name.split(".")[1] for name in studies()} >= {
        "exact",
        "speed",
        "rivals",
        "threats",
        "rab",
        "nets",
        "text",
    }


@pytest.mark.parametrize("name", studies())
@pytest.mark.usefixtures("_what_it_needs", "_one_thread_of_torch")
def test_a_study_runs_on_stand_ins(name, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("KNN_CERT_DATA", str(tmp_path / "none"))  # it has to do without files
    study = importlib.import_module(name)
    assert study.main(["--quick"]) == 0
    printed = capsys.readouterr().out
    assert "QUICK RUN" in printed and "\n| " in printed
    assert "Skipped" not in printed and "left out" not in printed


@pytest.mark.parametrize("name", studies())
@pytest.mark.usefixtures("_what_it_needs")
def test_a_study_says_how_it_is_run(name, capsys):
    study = importlib.import_module(name)
    assert f"python -m {name}" in study.__doc__
    with pytest.raises(SystemExit, match="^0$"):
        study.main(["--help"])
    assert f"usage: python -m {name} " in capsys.readouterr().out


@pytest.mark.parametrize("name", studies())
def test_a_quick_run_is_not_saved(name, capsys):
    study = importlib.import_module(name)
    with pytest.raises(SystemExit, match="^2$"):
        study.main(["--quick", "--save"])
    assert "leave out --quick" in capsys.readouterr().err


def test_a_study_ends_with_1_where_a_figure_does_not_hold(monkeypatch, capsys):
    threats = importlib.import_module("benchmarks.threats.figures")
    oracle = importlib.import_module("benchmarks.threats.oracle")
    monkeypatch.setattr(oracle, "RELATIVE", dict.fromkeys(oracle.RELATIVE, 0.0))
    assert threats.main(["--quick"]) == 1
    assert "STOPPED, nothing is saved" in capsys.readouterr().err


def test_no_folder_of_studies_imports_one_that_imports_it():
    """Folders of benchmarks/ stand in an order in which each imports only those before it."""
    arrows: dict[str, set[str]] = {}
    for path in BENCHMARKS.glob("*/*.py"):
        own = arrows.setdefault(path.parent.name, set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 2:
                own |= {(node.module or "").split(".")[0]} if node.module else {n.name for n in node.names}
    while arrows:
        free = {folder for folder, needed in arrows.items() if not needed & set(arrows)}
        assert free, f"these import each other: {sorted(arrows)}"
        arrows = {folder: needed for folder, needed in arrows.items() if folder not in free}
