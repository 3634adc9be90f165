"""The comparison of two versions finds a name that is lost and a number that is off by one bit."""

from __future__ import annotations

import copy
import importlib
import json
import math
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import knn_cert

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks" / "versions"


@pytest.fixture
def tool(monkeypatch):
    """Return a function that imports a module of the tool, which is run as a folder and not as a package."""
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    return importlib.import_module


@pytest.fixture
def dump(tool):
    """A dump with one answer of each kind."""
    answers = tool("answers").Answers()
    answers.ask("numbers", "three", lambda: np.array([0.1, -0.0, math.inf]), "native")
    answers.ask("numbers", "exact", lambda: Fraction(1, 3), "native")
    answers.ask("record", "both", lambda: {"label": "bee", "guarantee": "Nothing is sure.", "rows": [1, 2]})
    answers.ask("refused", "of course", lambda: int("no"))
    answers.ask("door", "closed", lambda: getattr(math, "no_such_door"))  # noqa: B009
    names = {"knn_cert.f": "(x, y=1)", "knn_cert.g": "()", "knn_cert.inner.h": "()"}
    return {"version": "1", "names": names, "answers": answers.found}


def changed(dump, door, backend, question, path, value):
    other = copy.deepcopy(dump)
    other["answers"][door][backend][question][path] = value
    return other


def test_the_same_dump_is_the_same(tool, dump):
    comparison = tool("comparison").compare(dump, json.loads(json.dumps(dump)))
    assert comparison.same and not comparison.differences


def test_one_bit_is_seen_and_can_be_allowed(tool, dump):
    compare = tool("comparison").compare
    one_up = " ".join([math.nextafter(0.1, 1.0).hex(), (-0.0).hex(), "inf"])
    other = changed(dump, "numbers", "native", "three", "[3]", one_up)
    (difference,) = compare(dump, other).differences
    assert not compare(dump, other).same
    assert difference.kind == "other numbers" and "1 of 3 numbers, 1 ulp" in difference.what
    assert compare(dump, other, ulp=1).same


@pytest.mark.parametrize(
    ("question", "path", "value"),
    [
        (("numbers", "native", "three"), "[3]", f"{(0.1).hex()} {(0.0).hex()} inf"),  # another zero
        (("numbers", "native", "three"), "[3]", f"{(0.1).hex()} {(-0.0).hex()} nan"),
        (("numbers", "native", "three"), "[3]", (0.1).hex()),
        (("numbers", "native", "exact"), "", "1/4"),
        (("record", "-", "both"), "label", "ant"),
        (("record", "-", "both"), "rows.1", "3"),
        (("refused", "-", "of course"), "raises", "TypeError"),
    ],
)
def test_other_answers_are_differences(tool, dump, question, path, value):
    assert path in dump["answers"][question[0]][question[1]][question[2]]
    comparison = tool("comparison").compare(dump, changed(dump, *question, path, value))
    assert not comparison.same


def test_other_words_are_told_and_are_no_other_number(tool, dump):
    other = changed(dump, "record", "-", "both", "guarantee (text)", "All is sure.")
    comparison = tool("comparison").compare(dump, other)
    assert comparison.same
    assert [difference.kind for difference in comparison.differences] == ["other words"]


def test_names_and_doors_that_are_lost_or_changed_are_found(tool, dump):
    compare = tool("comparison").compare
    lost = compare(dump, dump | {"names": {"knn_cert.f": "(x, y=1)"}})
    assert lost.lost == ["knn_cert.g"] and not lost.same
    assert lost.moved == 1
    other = compare(dump, dump | {"names": dump["names"] | {"knn_cert.f": "(x)", "knn_cert.h": "()"}})
    assert other.changed == [("knn_cert.f", "(x, y=1)", "(x)")] and other.added == ["knn_cert.h"]
    assert not other.same
    closed = copy.deepcopy(dump)
    closed["answers"]["numbers"]["native"]["three"] = {"absent": "ImportError: gone"}
    assert not compare(dump, closed).same
    assert compare(closed, dump).same  # a door that is new


def test_public_names_have_signatures_without_annotations(tool):
    names = tool("public_names").public_names()
    assert names["knn_cert.rab_edges"] == "(dof, sigma, levels=200, shrink=1.0)"
    assert "knn_cert.SmoothedKNNClassifier.certify" in names
    assert names["knn_cert.Certificates.radius"] == "attribute"
    assert [name for name in names if "._" in name] == ["knn_cert.__version__"]


def test_the_tool_runs_and_finds_this_version_to_be_itself(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(knn_cert.__file__).parents[1])}

    def run(*arguments):
        command = [sys.executable, str(FOLDER), *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    for name in ("a.json", "b.json"):
        assert run("dump", name, "--parts", "bounds").returncode == 0
    compared = run("compare", "a.json", "b.json")
    assert compared.returncode == 0, compared.stdout
    assert "0 names lost" in compared.stdout and "Same." in compared.stdout
    assert "absent" not in (tmp_path / "a.json").read_text()
