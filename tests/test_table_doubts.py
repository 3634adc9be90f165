"""Columns that are left out, and warnings of tables that are hardly what was meant."""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import pytest

from knn_cert.tables import (
    TableWarning,
    read_queries,
    read_table,
    warn_of_same_rows,
    warn_of_unknown_labels,
)


@contextlib.contextmanager
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_columns_can_be_left_out_by_name(write, tmp_path):
    path = write("id,when,a,y\n7,2024-01-01,1.5,p\n9,2024-01-02,2.5,q\n")
    with no_warning():
        table = read_table(path, "y", drop=["id", "when"])
    assert table.feature_names == ["a"] and table.X.tolist() == [[1.5], [2.5]]
    X, y, _ = read_queries(path, ["a"], "y", drop=["id", "when"])
    assert X.tolist() == [[1.5], [2.5]] and y.tolist() == ["p", "q"]
    assert read_queries(write("a\n1\n", "q.csv"), ["a"], "y", drop=["id"])[0].tolist() == [[1]]
    np.savez(tmp_path / "t.npz", X=np.eye(3)[:2], y=[0, 1], feature_names=["a", "b", "c"])
    assert read_table(tmp_path / "t.npz", None, drop=["b"]).X.tolist() == [[1, 0], [0, 0]]
    assert read_queries(tmp_path / "t.npz", ["a", "c"], drop=["b"])[0].tolist() == [[1, 0], [0, 0]]
    np.savez(tmp_path / "t.npz", X=np.eye(3)[:2], y=[0, 1])
    assert read_table(tmp_path / "t.npz", None, drop=["x1"]).feature_names == ["x0", "x2"]
    assert read_queries(tmp_path / "t.npz", ["x0", "x2"], drop=["x1"])[0].tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize(
    ("drop", "error", "message"),
    [
        (["c"], ValueError, "there is no column 'c' to leave out; the columns are a, b, y"),
        (["y"], ValueError, "the label column 'y' cannot be left out"),
        (["a", "b"], ValueError, "expected feature columns beside the label"),
        ("ab", TypeError, "drop must be a list of column names"),
        ([1], TypeError, "drop must be a list of column names"),
    ],
)
def test_columns_that_cannot_be_left_out_are_named(write, drop, error, message):
    with pytest.raises(error, match=message):
        read_table(write("a,b,y\n1.5,2,p\n3,2,q\n"), "y", drop=drop)


@pytest.mark.parametrize("name", ["id", "ID", "row_id", "userId", "Unnamed: 0", "index", "Patient Number"])
def test_a_column_of_ids_is_named_in_a_warning(write, name):
    path = write(f"{name},a,y\n17,1.5,p\n4,1.5,q\n8,2,p\n")
    with pytest.warns(
        TableWarning, match=rf"a different whole number in every row.*: column '{name}'; .*--drop"
    ):
        assert read_table(path, "y").feature_names == [name, "a"]


def test_a_column_that_counts_the_rows_is_named_whatever_it_is_called(write):
    rows = "".join(f"{i},{i % 3},{i % 2}\n" for i in np.random.default_rng(0).permutation(20) + 5)
    with pytest.warns(TableWarning, match="a different whole number in every row.*: column 'a';"):
        read_table(write("a,b,y\n" + rows), "y")


def test_measurements_are_not_taken_for_row_numbers(write):
    with no_warning():
        read_table(write("id,width,y\n1,7,p\n1,3,q\n2,5,p\n"), "y")  # an id that repeats says something
        read_table(write("id,width,y\n1.5,7,p\n1,3,q\n2,5,p\n"), "y")
        read_table(write("width,height,y\n7,1,p\n3,2,q\n5,3,p\n"), "y")
        read_table(write("humidity,paid,y\n7,1,p\n3,2,q\n5,3,p\n"), "y")


def test_the_same_rows_as_table_and_as_queries_give_a_warning():
    X = np.random.default_rng(0).standard_normal((30, 3))
    with pytest.warns(TableWarning, match="TEST is TRAIN: the nearest row of each query is the query itself"):
        warn_of_same_rows(X, X.copy())
    with pytest.warns(TableWarning, match="every row of TEST is also a row of TRAIN"):
        warn_of_same_rows(X, X[[4, 2, 9]])
    with no_warning():
        warn_of_same_rows(X, np.vstack([X[:5], X[:1] + 1e-9]))
        few = np.tile([[0.0, 1.0], [1.0, 0.0], [-0.0, 0.0]], (10, 1))  # all rows of so small a space repeat
        warn_of_same_rows(few, few[:4])


def test_zero_is_the_same_with_either_sign():
    X = np.array([[0.0, 1.0], [2.0, 3.0]])
    with pytest.warns(TableWarning, match="every row|TEST is TRAIN"):
        warn_of_same_rows(X, np.array([[-0.0, 1.0]]))


def test_labels_that_the_training_table_lacks_are_named():
    train = np.array(["tall", "short", "tall"])
    with no_warning():
        assert warn_of_unknown_labels(train, np.array(["short"]))
    with pytest.warns(TableWarning, match=r"'TALL' \(2 row\(s\), TRAIN has 'tall'\); .* they count as wrong"):
        assert warn_of_unknown_labels(train, np.array(["TALL", "short", "TALL"]))
    with pytest.warns(
        TableWarning, match=r"'0' \(1 row\(s\)\), '1' .* TRAIN has 'short', 'tall', so accuracy is left out"
    ):
        assert not warn_of_unknown_labels(train, np.array(["0", "1"]))
    with pytest.warns(TableWarning, match=r"0 \(2 row\(s\)\); no prediction can be right"):
        assert warn_of_unknown_labels(np.array([1, 2]), np.array([0, 1, 0]))
    with pytest.warns(TableWarning, match=r" and 5 more; "):
        assert not warn_of_unknown_labels(train, np.arange(10).astype(str))
