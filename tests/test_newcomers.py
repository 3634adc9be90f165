"""What people stumble over when they are new: messages that say what, expected, got and the remedy."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from knn_cert import LabelFlips, SmoothedKNNClassifier, certify_sklearn, race_probability
from knn_cert.cli import main
from knn_cert.exact.counterexample import Counterexample


@pytest.fixture
def table():
    return np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": ["0", "1", "2"]}, r"classes, '0', '1', '2', got 0, 1, 2; .*one type"),
        ({"classes": "012"}, r"sequence of labels, such as \[0, 1\], got .*012"),
        ({"classes": 3}, r"sequence of labels, such as \[0, 1\], got .*3"),
        ({"sigma": float("nan")}, r"sigma must be at least 0, got nan"),
    ],
)
def test_a_fit_says_what_it_expected(table, settings, message):
    with pytest.raises(ValueError, match=message):
        SmoothedKNNClassifier(**settings).fit(*table)


def test_a_missing_value_is_named_by_row_and_column(table):
    X, y = table
    X[4, 1] = np.nan
    with pytest.raises(ValueError, match=r"row 4 of column 1 is NaN; drop such rows, or fill them by a rule"):
        SmoothedKNNClassifier().fit(X, y)


def test_a_metric_that_leaves_values_missing_is_named(table):
    X, y = table
    X[4] = np.nan
    knn = KNeighborsClassifier(3, metric="nan_euclidean").fit(X, y)
    with pytest.raises(ValueError, match="by metric 'nan_euclidean' must be finite.*fill them"):
        certify_sklearn(knn, X[:2], LabelFlips())


def test_a_summary_reports_no_budget_that_was_never_asked_for(table):
    X, y = table
    clf = SmoothedKNNClassifier(sigma=0).fit(X, y)
    asked = clf.certify(X[:3], LabelFlips(1))
    assert asked.summary(y[:3], budgets=[0, 1]).certified_rate.shape == (2,)
    with pytest.raises(ValueError, match="at most 1, the one that was asked for.*leave the rows .* open"):
        asked.summary(budgets=[1, 5])
    with pytest.raises(ValueError, match="at least one number, got none"):
        asked.summary(budgets=[])
    assert clf.certify(X[:3], LabelFlips()).summary(budgets=[1, 5]).certified_rate.shape == (2,)


def test_each_outcome_of_a_race_has_an_error_of_its_own():
    far, near = np.full(3000, 83.6**2), np.full(1000, 77.5**2)
    p, error = race_probability(far, 300, near, 900, sigma=1.0, dof=1.0, with_errors=True)
    assert 0.0 <= p <= error < 1e-100


def test_a_counterexample_shows_the_plain_label():
    one = Counterexample(
        rows=np.array([3]),
        X=np.zeros((1, 2)),
        y=np.array([1]),
        inserted_X=np.zeros((0, 2)),
        inserted_y=np.zeros(0),
        query=np.zeros(2),
        label=np.int64(1),
        probability=0.4,
    )
    assert repr(one).endswith("now 1>")


def test_the_command_line_takes_the_classes(tmp_path, capsys):
    rng = np.random.default_rng(1)
    rows = [f"{a:.3f},{b:.3f},{k % 2}" for k, (a, b) in enumerate(rng.normal(size=(40, 2)))]
    path = tmp_path / "table.csv"
    path.write_text("a,b,y\n" + "\n".join(rows))
    options = ["certify", str(path), "--label", "y", "--sigma", "0", "--k", "3", "--quiet", "--out"]
    assert main([*options, str(tmp_path / "out.csv"), "--classes", "0, 1, 2"]) == 0
    assert main([*options, str(tmp_path / "more.csv"), "--classes", "0, one"]) != 0
    assert "--classes: the labels of the table are numbers" in capsys.readouterr().err
    assert main([*options, str(tmp_path / "less.csv"), "--classes", "0, 3"]) != 0
