"""Files of certificates hold everything to the last digit, and whatever is no such file is refused."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
import sys
from fractions import Fraction

import numpy as np
import pytest
from certified import ROUTES, certify, four_queries

from knn_cert import (
    Certificates,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
)
from knn_cert.certificates import check_writable


@pytest.fixture
def some():
    return four_queries()


def equal(one: Certificates, other: Certificates) -> bool:
    """Whether nothing but the types of whole numbers differs."""
    for name in Certificates.__dataclass_fields__:
        left, right = getattr(one, name), getattr(other, name)
        if name == "classifier":
            np.testing.assert_equal(vars(left), vars(right))
        elif isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right)
            assert left.dtype == right.dtype
        else:
            assert left == right
    return True


# ------------------------------------------------------------------------------------------------------------
# What is read back


@pytest.mark.parametrize("route", ROUTES)
def test_certificates_of_every_route_are_read_back_as_they_were(route, tmp_path):
    cert = ROUTES[route]()
    for suffix in ("json", "npz"):
        cert.save(tmp_path / f"c.{suffix}")
        loaded = Certificates.load(tmp_path / f"c.{suffix}")
        assert equal(loaded, cert)
        assert loaded.guarantee == cert.guarantee


@pytest.mark.parametrize(
    "threat",
    [
        LabelFlips(),
        Deletions(3),
        Insertions(0.1),
        Replacements(np.int64(2)),
        RowShift(3, math.inf, relabel=True),
        RowShift(0.5),
        QueryShift(0.2, RowShift(1, np.float64(0.5))),
    ],
    ids=repr,
)
@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_files_hold_every_threat_and_budgets_without_end(some, threat, suffix, tmp_path):
    rows = threat.budget_name == "rows"
    budget = np.array([3, 1, 0, 0]) if rows else np.array([math.inf, 0.25, 0.0, 0.0])
    worst = np.full(4, math.nan)
    if not threat.is_open:
        budget = np.where(some.abstained, 0, threat.asked_budget(some.n_train))
        worst = np.array([0.75, 0.625, 0.375, 0.25])
    cert = dataclasses.replace(some, threat=threat, budget=budget, worst_probability=worst)
    cert.save(tmp_path / f"cert.{suffix}")
    loaded = Certificates.load(tmp_path / f"cert.{suffix}")
    assert loaded.threat == threat
    assert loaded.budget.dtype == budget.dtype
    np.testing.assert_array_equal(loaded.budget, budget)
    np.testing.assert_array_equal(loaded.worst_probability, worst)
    assert loaded.guarantee == cert.guarantee
    assert threat.describe() in cert.guarantee


def test_json_is_plain_json_that_explains_itself(tmp_path, some):
    some.save(tmp_path / "c.json")
    document = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert document["noise"] == {"kind": "gaussian", "sigma": 2.0}
    assert document["guarantee"] == some.guarantee
    assert document["queries"]["label"] == some.label.tolist()
    assert document["queries"]["budget"] == some.radius.tolist()


def test_csv_has_the_promised_columns_and_all_digits(tmp_path):
    cert = certify([[1 / 3, 2 / 3], [0.5, 0.5]], 1e-15, classes=["a, b", 'c"d'])
    cert.save(tmp_path / "c.csv")
    with (tmp_path / "c.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["query", "label", "p_lower", "p_upper", "radius", "abstained", "p(a, b)", 'p(c"d)']
    assert [row[0] for row in rows] == ["0", "1"]
    assert [row[1] for row in rows] == cert.label.tolist()
    assert [row[5] for row in rows] == ["False", "True"]
    for column, name in ((2, "p_lower"), (3, "p_upper"), (4, "radius")):
        assert [float(row[column]) for row in rows] == getattr(cert, name).tolist()
    assert [[float(x) for x in row[6:]] for row in rows] == cert.probabilities.tolist()


def test_a_spreadsheet_runs_no_label_of_a_csv_file(tmp_path):
    classes = sorted(
        ["=1+1", "+cmd|' /C calc'!A0", "-2", "-a", "@SUM(A1)", "\t=1", "\r=1", "plain", "\x1b[2J"]
    )
    cert = certify(np.eye(len(classes)), classes=classes)
    cert.save(tmp_path / "c.csv")
    with (tmp_path / "c.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    for name, row in zip(classes, rows, strict=True):
        expected = {
            "-2": "-2",
            "plain": "plain",
            "\t=1": "\\t=1",
            "\r=1": "\\r=1",
            "\x1b[2J": "\\x1b[2J",
        }
        assert row[1] == expected.get(name, "'" + name)
    assert all(name.isprintable() and name[0] not in "=+-@" for name in header)
    cert.save(tmp_path / "c.json")
    assert Certificates.load(tmp_path / "c.json").label.tolist() == classes


def test_a_frame_and_the_csv_are_the_same_table(tmp_path, some):
    pd = pytest.importorskip("pandas")
    some.save(tmp_path / "c.csv")
    pd.testing.assert_frame_equal(some.to_frame(), pd.read_csv(tmp_path / "c.csv"), check_dtype=False)


def test_a_frame_without_pandas_names_the_extra(monkeypatch, some):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"knn-cert\[pandas\]"):
        some.to_frame()


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_labels_that_a_file_cannot_hold_are_refused_and_nothing_is_written(tmp_path, suffix):
    cert = certify([0.9, 0.1], classes=np.array([Fraction(1, 3), Fraction(1, 2)], dtype=object))
    with pytest.raises(TypeError, match=r"labels of dtype object cannot be kept.*save as \.csv"):
        cert.save(tmp_path / f"c{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".csv", ".json", ".npz"])
def test_a_save_that_fails_leaves_the_old_file_and_no_pieces(tmp_path, monkeypatch, some, suffix):
    path = tmp_path / f"c{suffix}"
    path.write_text("old")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match=rf"cannot write .*c\{suffix}: No space left on device"):
        some.save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_saved_file_has_the_usual_permissions(tmp_path, some):
    (tmp_path / "other").touch()
    some.save(tmp_path / "c.csv")
    assert (tmp_path / "c.csv").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_symbolic_link_stays_and_its_target_is_written(tmp_path, some):
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.touch()
    try:
        link.symlink_to(target)
    except OSError as error:
        pytest.skip(f"no symbolic links here: {error}")
    some.save(link)
    assert link.is_symlink()
    assert target.read_text().startswith("query,")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("c.txt", ValueError, r"must end in \.csv, \.json, \.npz, got '\.txt'"),
        ("c", ValueError, "must end in"),
        ("missing/c.csv", FileNotFoundError, "there is no folder .*missing; create it first"),
        ("file/c.csv", FileNotFoundError, "there is no folder"),
        ("folder.csv", FileExistsError, "a folder of that name is in the way"),
    ],
)
def test_a_path_that_cannot_be_written_is_found_before_the_work(tmp_path, some, name, error, message):
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(error, match=message):
        check_writable(tmp_path / name)
    with pytest.raises(error, match=message):
        some.save(tmp_path / name)


def test_a_path_is_a_path():
    with pytest.raises(TypeError):
        check_writable(3)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_protected_folder_or_file_is_found_before_the_work(tmp_path):
    path = tmp_path / "c.csv"
    path.touch(mode=0o444)
    with pytest.raises(PermissionError, match="write-protected"):
        check_writable(path)
    tmp_path.chmod(0o555)
    with pytest.raises(PermissionError, match="cannot write"):
        check_writable(tmp_path / "new.csv")
    tmp_path.chmod(0o755)


def test_checking_a_path_leaves_nothing_behind(tmp_path):
    assert check_writable(str(tmp_path / "C.CSV")) == (tmp_path / "C.CSV").resolve()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_refused(tmp_path, some, suffix, kept):
    path = tmp_path / f"c{suffix}"
    some.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: math.floor(kept * len(whole))])
    with pytest.raises(ValueError, match="no complete file of certificates"):
        Certificates.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format="other"), "expected format"),
        (lambda d: d.update(format_version=99), "version 99"),
        (lambda d: d["queries"].pop("budget"), "budget"),
        (lambda d: d["queries"]["budget"].pop(), "different lengths"),
        (lambda d: d["noise"].pop("sigma"), "sigma"),
    ],
)
def test_another_json_file_is_refused(tmp_path, some, change, message):
    path = tmp_path / "c.json"
    some.save(path)
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        Certificates.load(path)


def test_a_csv_file_cannot_be_loaded_and_the_error_says_why(tmp_path, some):
    some.save(tmp_path / "c.csv")
    with pytest.raises(ValueError, match=r"without the settings.*pandas\.read_csv"):
        Certificates.load(tmp_path / "c.csv")


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Certificates.load(tmp_path / "none.json")


def test_a_device_is_no_file_of_certificates(tmp_path):
    link = tmp_path / "c.json"
    if not os.path.exists("/dev/zero"):
        pytest.skip("no devices here")
    link.symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="got a device or a pipe"):
        Certificates.load(link)


def test_a_folder_is_a_folder(tmp_path):
    for name in ("c.json", "c.npz"):
        (tmp_path / name).mkdir()
        with pytest.raises(OSError, match="directory|Permission"):
            Certificates.load(tmp_path / name)
