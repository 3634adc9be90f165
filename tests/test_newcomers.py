"""What people stumble over when they are new: messages that say what, expected, got and the remedy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier

from knn_cert import LabelFlips, RowShift, SmoothedKNNClassifier, certify_sklearn, race_probability
from knn_cert.cli import main
from knn_cert.exact.counterexample import Counterexample


@pytest.fixture
def table():
    return np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": ["0", "1", "2"]}, r"classes, '0', '1', '2', got 0, 1, 2; .*one type"),
        ({"classes": "012"}, r"sequence of labels, such as \[0, 1\], got '012'$"),
        ({"classes": 3}, r"sequence of labels, such as \[0, 1\], got 3$"),
        ({"n_neighbors": 7, "radius": 1.0}, r"got n_neighbors = 7 and radius = 1.0; leave one of them out"),
        ({"sigma": float("nan")}, r"sigma must be at least 0, got nan"),
    ],
)
def test_a_fit_says_what_it_expected(table, settings, message):
    with pytest.raises(ValueError, match=message):
        SmoothedKNNClassifier(**settings).fit(*table)


def test_a_radius_is_refused_beside_neighbours_at_any_time_and_not_before_fit(table):
    fitted = SmoothedKNNClassifier(radius=1.0, sigma=0).fit(*table)
    assert SmoothedKNNClassifier(n_neighbors=None, radius=1.0, sigma=0).fit(*table).predict(table[0][:1]).size
    both = clone(SmoothedKNNClassifier(n_neighbors=7, radius=1.0))
    assert both.get_params()["n_neighbors"] == 7
    with pytest.raises(ValueError, match="n_neighbors and radius"):
        fitted.set_params(n_neighbors=7).predict(table[0][:1])


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix, sp.csr_array, lambda X: X.astype(object), list])
def test_a_missing_value_is_named_by_row_and_column(table, kind):
    X, y = table
    fitted = SmoothedKNNClassifier().fit(X, y)
    missing = X.copy()
    missing[4, 1] = missing[7, 0] = np.nan
    with pytest.raises(ValueError, match=r"row 4 of column 1 is NaN; drop such rows, or fill them by a rule"):
        SmoothedKNNClassifier().fit(kind(missing), y)
    metric = "nan_euclidean" if kind is np.asarray else "euclidean"
    plain = KNeighborsClassifier(3, metric=metric).fit(X, y)
    for ask in (fitted.predict, fitted.certify, lambda X: certify_sklearn(plain, X)):
        with pytest.raises(ValueError, match=r"row 4 of column 1 is NaN; drop such queries, or fill them"):
            ask(kind(missing))


def test_a_missing_value_of_a_data_frame_is_named_by_its_column(table):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(table[0], columns=["a", "b", "c"]).astype({"a": "Float64"})
    frame.loc[4, "b"] = None
    with pytest.raises(ValueError, match="row 4 of column 'b' is NaN"):
        SmoothedKNNClassifier().fit(frame, table[1])
    frame["b"], frame.loc[6, "a"] = 0.0, pandas.NA
    with pytest.raises(ValueError, match="row 6 of column 'a' is NaN"):
        SmoothedKNNClassifier().fit(frame, table[1])


@pytest.mark.filterwarnings("error:X does not have valid feature names")
def test_a_data_frame_that_was_fitted_may_be_certified_as_one(table):
    pandas = pytest.importorskip("pandas")
    X, y = pandas.DataFrame(table[0], columns=["a", "b", "c"]), table[1]
    knn = KNeighborsClassifier(3).fit(X, y)
    assert certify_sklearn(knn, X[:4]).label.tolist() == knn.predict(X[:4]).tolist()


def test_one_attack_is_named_where_its_bound_is_shown(table):
    X, y = table
    together = SmoothedKNNClassifier(sigma=0).fit(X, y).certify_together(X[:6], LabelFlips(0.05), y[:6])
    assert "of 6 queries under LabelFlips(rows=0.05): " in repr(together)
    rows = together.threat.tampered_rows(together.alone.n_train)
    alone = together.alone.summary(y[:6], budgets=[rows])
    assert rows == 2
    assert alone.certified_accuracy[0] <= together.accuracy_at_least


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
    with pytest.raises(
        ValueError, match="at most 1, the one that was asked for, got 1, 5; .*leave the rows .* open"
    ):
        asked.summary(budgets=[1, 5])
    moved = clf.certify(X[:3], RowShift(2, radius=0.1))
    assert moved.summary(y[:3], budgets=[0.05, 0.1]).certified_rate.shape == (2,)
    with pytest.raises(ValueError, match="at most 0.1, .* got 0.1, 0.2; .*leave the radius .* open"):
        moved.summary(budgets=[0.1, 0.2])
    with pytest.raises(ValueError, match="at least one number, got none"):
        asked.summary(budgets=[])
    assert clf.certify(X[:3], LabelFlips()).summary(budgets=[1, 5]).certified_rate.shape == (2,)


def test_an_outcome_that_cannot_be_has_hardly_an_error():
    far, near = np.full(3000, 83.6**2), np.full(1000, 77.5**2)
    p, error = race_probability(far, 300, near, 900, sigma=1.0, dof=1.0, with_errors=True)
    assert 0.0 <= p <= error < 1e-100


def test_each_outcome_of_a_race_has_an_error_of_its_own(backend):
    far, near = np.full(30, 83.6**2), np.full(10, 77.5**2)
    rare, small = race_probability(far, 10, near, 3, sigma=1.0, dof=1.0, with_errors=True, backend=backend)
    often, large = race_probability(near, 3, far, 10, sigma=1.0, dof=1.0, with_errors=True, backend=backend)
    assert rare == pytest.approx(9.504001666847e-43, rel=1e-9)
    assert abs(often - 1.0) <= large
    if backend != "reference":  # plain loops state one error for both
        assert small < 1e-7 * rare < large


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
    assert main([*options, str(tmp_path / "huge.csv"), "--classes", "0, 1, 99999999999999999999"]) != 0
    assert "--classes: the labels of the table are numbers" in capsys.readouterr().err
