"""Certificates err on the safe side only, say what they mean, and reach the disk whole or not at all."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
import sys
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from knn_cert import Certificates
from knn_cert.certificates import check_writable
from knn_cert.smoothing import Noise, SmoothedKNN
from knn_cert.threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
)

SETTINGS = {"n_features": 2, "n_train": 10, "version": "0"}


def certify(probabilities, errors=0.0, *, sigma=1.0, classes=None, edges=None, **changes):
    probabilities = np.array(probabilities, dtype=float, ndmin=2)
    classes = np.arange(probabilities.shape[1]) if classes is None else np.array(classes)
    errors = np.broadcast_to(np.asarray(errors, dtype=float), probabilities.shape)
    classifier = SmoothedKNN(3, None if edges is None else np.array(edges), "reference")
    return Certificates.from_probabilities(
        probabilities,
        errors,
        classes=classes,
        noise=Noise(sigma),
        classifier=classifier,
        **SETTINGS | changes,
    )


def quantile(p):
    return NormalDist().inv_cdf(p)


@pytest.fixture
def some():
    """Four queries: certain, likely, undecided, and one that the runner-up could win."""
    p = [[0.99, 0.01, 0.0], [0.2, 0.7, 0.1], [0.4, 0.2, 0.4], [0.5, 0.3, 0.2]]
    e = [[0.0] * 3, [0.0] * 3, [0.0] * 3, [0.15, 0.15, 0.0]]
    return certify(p, e, classes=["bird", "cat", "dog"], sigma=2.0)


# ------------------------------------------------------------------------------------------------------------
# Bounds


def test_the_radius_is_equation_14(some):
    expected = 2.0 / 2 * (quantile(0.7) - quantile(0.2))
    assert some.label[1] == "cat"
    assert some.radius[1] == pytest.approx(expected, rel=1e-12)


def test_the_radius_for_some_rows_is_equation_15():
    radius = certify([0.8, 0.2], sigma=0.5, threat=BlackBoxBall(9)).radius[0]
    assert radius == pytest.approx(0.5 / 2 * (quantile(0.8) - quantile(0.2)) / 3, rel=1e-12)


def test_a_tiny_runner_up_has_its_true_radius():
    # Phi^-1(1e-80) = -18.9916... by mpmath; 1 - 1e-80 is 1.0 in double precision.
    cert = certify([[1.0, 1e-80], [1e-80, 1.0]])
    np.testing.assert_allclose(cert.radius, 18.991635878820071, rtol=1e-11)
    assert cert.label.tolist() == [0, 1]


def test_a_probability_that_underflowed_gives_a_large_radius_but_no_infinite_one():
    cert = certify([1.0, 0.0, 0.0])
    assert 36.0 < cert.radius[0] < 38.0
    assert cert.p_upper[0] > 0.0


def test_a_tie_goes_to_the_first_class_and_is_not_certified():
    cert = certify([0.2, 0.4, 0.4])
    assert cert.label.tolist() == [1]
    assert cert.abstained.tolist() == [True]
    assert cert.radius.tolist() == [0.0]


@pytest.mark.parametrize(
    ("p", "e"),
    [([0.5, 0.5], 0.0), ([0.6, 0.4], 0.1), ([0.6, 0.4], 0.2), ([np.nan, 0.1], 0.0), ([0.9, 0.1], np.nan)],
)
def test_what_the_errors_leave_open_is_not_certified(p, e):
    cert = certify(p, e)
    assert cert.abstained.tolist() == [True]
    assert cert.radius.tolist() == [0.0]


@st.composite
def estimates(draw):
    p = draw(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4))
    e = draw(st.lists(st.floats(0.0, 0.3) | st.floats(0.0, 1e-12), min_size=len(p), max_size=len(p)))
    return p, e


@given(estimates())
def test_bounds_hold_for_every_truth_within_the_errors(estimate):
    p, e = estimate
    cert = certify(p, e)
    winner = p.index(max(p))
    exact_p, exact_e = [Fraction(x) for x in p], [Fraction(x) for x in e]
    others = [exact_p[c] + exact_e[c] for c in range(len(p)) if c != winner]
    # A truth adds up to one: the winner has at least what the others cannot have, and they at most the rest.
    winner_lower = max(exact_p[winner] - exact_e[winner], 1 - sum(others), Fraction(0))
    assert Fraction(cert.p_lower[0]) <= winner_lower
    assert Fraction(cert.tail_upper[0]) >= min(1 - winner_lower, 1)
    assert Fraction(cert.p_upper[0]) >= min(max(others), 1 - winner_lower, 1)


@given(estimates())
def test_bounds_lose_only_rounding(estimate):
    p, e = estimate
    winner = p.index(max(p))
    cert = certify(p, e)
    assert cert.p_lower[0] >= min(1.0, p[winner] - e[winner]) - 4e-16
    others = [p[c] + e[c] for c in range(len(p)) if c != winner]
    assert cert.p_upper[0] <= max(max(others), 1e-300) * (1 + 1e-15)


@given(estimates(), st.floats(0.0, 1.0))
def test_the_radius_is_that_of_the_published_bounds_or_an_abstention(estimate, distance_error):
    cert = certify(*estimate, distance_error=distance_error)
    lower, upper, tail = cert.p_lower[0], cert.p_upper[0], cert.tail_upper[0]
    if lower <= upper:
        assert cert.abstained[0]
        return
    assume(min(upper, tail, 1.0 - tail) > 1e-12)
    expected = 0.5 * (-quantile(tail) - quantile(upper)) - distance_error
    assert cert.radius[0] == pytest.approx(max(expected, 0.0), rel=1e-8, abs=1e-8)
    assert cert.abstained[0] == (cert.radius[0] == 0.0)


def test_larger_errors_never_enlarge_a_radius():
    radii = [certify([0.7, 0.2, 0.1], e).radius[0] for e in (0.0, 1e-12, 1e-6, 1e-3, 0.1, 0.24, 0.25, 0.4)]
    assert radii == sorted(radii, reverse=True)
    assert radii[-2:] == [0.0, 0.0]


def test_a_distance_error_larger_than_the_radius_leaves_nothing():
    cert = certify([[0.9, 0.1]] * 2, distance_error=np.array([1.0, 2.0]))
    assert cert.radius[0] == pytest.approx(quantile(0.9) - 1.0, rel=1e-9)
    assert cert.abstained.tolist() == [False, True]
    assert cert.radius[1] == 0.0


# ------------------------------------------------------------------------------------------------------------
# The object


def test_arrays_have_one_entry_a_query_and_cannot_be_changed(some):
    assert len(some) == 4
    for name in ("label", "p_lower", "p_upper", "tail_upper", "budget", "abstained"):
        array = getattr(some, name)
        assert array.shape == (4,)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    assert some.probabilities.shape == (4, 3)
    assert some.abstained.tolist() == [False, False, True, True]


@pytest.mark.parametrize("index", [slice(1, 3), [1, 2], np.array([False, True, True, False])])
def test_a_part_keeps_its_settings(some, index):
    part = some[index]
    assert len(part) == 2
    np.testing.assert_array_equal(part.radius, some.radius[1:3])
    np.testing.assert_array_equal(part.probabilities, some.probabilities[1:3])
    assert part.noise == some.noise


def test_iterating_gives_certificates_of_one_query_each(some):
    assert [one.label.tolist() for one in some] == [[label] for label in some.label.tolist()]
    assert some[-1].radius.tolist() == [some.radius[3]]
    with pytest.raises(IndexError, match="query 4"):
        some[4]


def test_the_threat_says_what_is_covered_and_what_is_not(some):
    for words in (
        "K = 3",
        "continuous",
        "sqrt(sum of ||delta_i||^2) < radius",
        "Eq. (14)",
        "Not covered: changed labels",
    ):
        assert words in some.guarantee
    other = certify([0.9, 0.1], threat=BlackBoxBall(5), edges=np.array([1.0, 2.0]))
    for words in ("at most 5 training rows with changed features", "Eq. (15)", "3 distance buckets"):
        assert words in other.guarantee
    assert "4 queries" in repr(some)


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
    budget = np.array([3, 0, 0, 7]) if rows else np.array([math.inf, 0.25, 0.0, 0.0])
    worst = np.array([0.75, math.nan, 0.5, 0.25])
    cert = dataclasses.replace(some, threat=threat, budget=budget, worst_probability=worst)
    cert.save(tmp_path / f"cert.{suffix}")
    loaded = Certificates.load(tmp_path / f"cert.{suffix}")
    assert loaded.threat == threat
    assert loaded.budget.dtype == budget.dtype
    np.testing.assert_array_equal(loaded.budget, budget)
    np.testing.assert_array_equal(loaded.worst_probability, worst)
    assert loaded.guarantee == cert.guarantee
    assert threat.describe() in cert.guarantee


def test_a_number_of_rows_is_no_radius(some):
    cert = dataclasses.replace(some, threat=LabelFlips(), budget=np.array([5, 1, 0, 0]))
    with pytest.raises(AttributeError, match="number of rows"):
        cert.radius  # noqa: B018
    assert cert.certified(1).tolist() == [True, True, False, False]
    summary = cert.summary(["bird", "dog", "bird", "bird"])
    assert summary.budget_name == "rows"
    assert summary.budgets.tolist() == [1, 10, 100]
    assert summary.certified_rate.tolist() == [0.5, 0.0, 0.0]
    assert summary.certified_accuracy.tolist() == [0.25, 0.0, 0.0]
    assert "tampered rows r" in str(summary)
    asked = dataclasses.replace(cert, threat=Deletions(0.2), budget=np.array([2, 0, 0, 0]))
    assert asked.summary().budgets.tolist() == [2]  # of the 10 training rows


# ------------------------------------------------------------------------------------------------------------
# Summary


def test_the_summary_is_table_1_of_the_paper(some):
    radius = some.radius[1]  # the likely one; the certain one is beyond it
    summary = some.summary(["bird", "dog", "bird", "bird"], budgets=[0.0, radius, 100.0])
    assert summary.n_queries == 4
    assert summary.prediction_accuracy == 0.25  # abstained queries are not predictions
    assert summary.abstained == 0.5
    # Strictly beyond R: the query with exactly this radius does not count.
    assert summary.certified_rate.tolist() == [0.5, 0.25, 0.0]
    assert summary.certified_accuracy.tolist() == [0.25, 0.25, 0.0]
    assert summary.budgets.tolist() == [0.0, radius, 100.0]


def test_the_summary_reads_as_a_table(some):
    text = str(some.summary(["bird", "cat", "dog", "dog"], budgets=(0.1, 2)))
    lines = text.splitlines()
    assert lines[3].split() == ["radius", "R", "0.1", "2"]
    assert lines[-1].split() == ["certified", "accuracy", "at", "R", "0.5000", "0.2500"]
    assert len({len(line) for line in lines[3:]}) == 1


def test_without_true_labels_nothing_is_said_about_accuracy(some):
    summary = some.summary()
    assert summary.prediction_accuracy is None
    assert summary.certified_accuracy is None
    assert "accuracy" not in str(summary)
    assert len(summary.budgets) == len(summary.certified_rate)


@pytest.mark.parametrize(
    ("y_true", "budgets", "error", "message"),
    [
        (["bird"], [0.1], ValueError, r"y_true must have shape \(4,\).*got \(1,\)"),
        ([0, 1, 2, 0], [0.1], TypeError, "never equal"),
        (None, [-0.1], ValueError, "budgets must be"),
        (None, [np.nan], ValueError, "budgets must be"),
        (None, ["a"], TypeError, "budgets must be"),
    ],
)
def test_a_summary_that_would_mislead_is_refused(some, y_true, budgets, error, message):
    with pytest.raises(error, match=message):
        some.summary(y_true, budgets)


def test_a_summary_of_nothing_is_refused(some):
    with pytest.raises(ValueError, match="at least one query"):
        some[:0].summary()


# ------------------------------------------------------------------------------------------------------------
# Files

LABELS = {
    "integers": [-5, 3, 10**12],
    "floats": [-0.5, 1.0, 2.25],
    "text": ["bird", 'cät, "big"', "dog"],
    "text objects": np.array(["a", "b", "c"], dtype=object),
    "booleans": [False, True],
}


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("classes", LABELS.values(), ids=LABELS.keys())
def test_what_is_saved_is_loaded_to_the_last_digit(tmp_path, suffix, classes):
    rng = np.random.default_rng(0)
    cert = certify(
        rng.dirichlet(np.ones(len(classes)), 6), 1e-14, sigma=0.1, classes=classes, edges=np.array([0.1, 0.7])
    )
    cert.save(tmp_path / f"c{suffix}")
    loaded = Certificates.load(tmp_path / f"c{suffix}")
    for name in Certificates.__dataclass_fields__:
        saved, read = getattr(cert, name), getattr(loaded, name)
        if name == "classifier":
            np.testing.assert_equal(vars(read), vars(saved))
            continue
        np.testing.assert_array_equal(read, saved)
        if isinstance(saved, np.ndarray):
            assert read.dtype == saved.dtype
    assert loaded.threat == cert.threat


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_no_queries_can_be_saved_too(tmp_path, some, suffix):
    some[:0].save(tmp_path / f"c{suffix}")
    assert Certificates.load(tmp_path / f"c{suffix}").probabilities.shape == (0, 3)


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
    with pytest.raises(ValueError, match=f"no complete file of certificates.*{message}"):
        Certificates.load(path)


def test_a_csv_file_cannot_be_loaded_and_the_error_says_why(tmp_path, some):
    some.save(tmp_path / "c.csv")
    with pytest.raises(ValueError, match=r"without the settings.*pandas\.read_csv"):
        Certificates.load(tmp_path / "c.csv")


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Certificates.load(tmp_path / "none.json")
