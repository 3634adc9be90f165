"""Columns of text become numbers on request: what each becomes, what is left out, queries in the same way."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knn_cert.tables import Coding, TableWarning, read_queries, read_table
from knn_cert.tables.dates import days

HALF = 1.0 / math.sqrt(2.0)


@contextlib.contextmanager
def left_out():
    """Expect a warning of columns that are left out; give its text, once it is known."""
    text = []
    with pytest.warns(TableWarning, match="left out") as seen:
        yield text
    text.extend(str(warning.message) for warning in seen)


def column(write, cells, name="a", **options):
    """Read one column, beside one that counts nothing and a label."""
    rows = "".join(f'"{cell}";{j % 7};p\n' for j, cell in enumerate(cells))
    return read_table(write(f"{name};other;y\n{rows}"), "y", encode=True, **options)


# --- what a column becomes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1.5", "2", "-3e2"], "number", [1.5, 2, -300]),
        (["0", "1", "1.0"], "0 and 1", [0, 1, 1]),
        (["true", "FALSE", "True"], "0 and 1", [1, 0, 1]),
        (["yes", "No", "1"], "0 and 1", [1, 0, 1]),
        (["5 %", "12.5%", "-1 %"], "percentage", [0.05, 0.125, -0.01]),
        (["5 %", "1,234.5 %", "0 %"], "percentage", [0.05, 12.345, 0]),
        (["0,123", "1,234", "7"], "number", [0.123, 1.234, 7]),  # no thousands begin with 0
        (["1,234.5", "7", "-1,234,567"], "number with separators", [1234.5, 7, -1234567]),
        (["1.234,5", "7", "0,25"], "number with separators", [1234.5, 7, 0.25]),
        (["1 234", "1 234 567,5", "8"], "number with separators", [1234, 1234567.5, 8]),
        (["1'234", "1\u2019234.5", "8"], "number with separators", [1234, 1234.5, 8]),
        (["1_000", "2", "3"], "number with separators", [1000, 2, 3]),
        (["$1,234.50", "-$5", "$ 7"], "number with separators", [1234.5, -5, 7]),
        (["1,5 \u20ac", "20 \u20ac", "1.234,5 \u20ac"], "number with separators", [1.5, 20, 1234.5]),
        (["5 kg", "7.5 kg", "0 kg"], "number with separators", [5, 7.5, 0]),
        (["5km/h", "7km/h", "0km/h"], "number with separators", [5, 7, 0]),
        (["USD 5", "USD 7", "USD 0"], "number with separators", [5, 7, 0]),
        (["20 \u00b0C", "-7 \u00b0C", "0 \u00b0C"], "number with separators", [20, -7, 0]),
        (["1970-01-01", "1970-01-11", "1969-12-31"], "date", [0, 10, -1]),
        (["1970/1/2", "2024/02/29", "2000/1/1"], "date", [1, 19782, 10957]),
        (["1970-01-01T12:00", "1970-01-02 06:00:00", "1970-01-03"], "date", [0.5, 1.25, 2]),
        (
            ["1970-01-01T12:00Z", "1970-01-01T12:00+06:00", "1970-01-01 12:00:00-0600"],
            "date",
            [0.5, 0.25, 0.75],
        ),
        (["2 Jan 1970", "3-Feb-1970", "Mar 1, 1970"], "date", [1, 33, 59]),
        (["31/01/1970", "01/02/1970", "02.01.1970"], "date", [30, 31, 1]),
        (["01/31/1970", "02/01/1970", "3/1/1970"], "date", [30, 31, 59]),
        (["02.01.1970", "03.01.1970", "01.02.1970"], "date", [1, 2, 31]),
    ],
)
def test_a_column_that_can_be_one_number_becomes_one(write, cells, kind, values):
    table = column(write, cells)
    assert table.feature_names == ["a", "other"] and table.X[:, 0].tolist() == values
    coding = table.coding.columns[0]
    assert (coding.name, coding.kind, coding.features) == ("a", kind, ("a",))
    assert coding.distinct == len(set(cells)) - ("1.0" in cells) and coding.missing == 0


def test_units_are_told(write):
    assert column(write, ["5 kg", "7 kg"]).coding.columns[0].remark == "in kg"
    assert column(write, ["5 %", "7 %"]).coding.columns[0].remark is None


def test_a_few_words_become_one_feature_each(write):
    table = column(write, ["red", "blue", " red ", "green", "blue", "red"])
    assert table.feature_names == ["a=blue", "a=green", "a=red", "other"]
    assert table.X[:, :3].tolist() == [
        [0, 0, HALF],
        [HALF, 0, 0],
        [0, 0, HALF],
        [0, HALF, 0],
        [HALF, 0, 0],
        [0, 0, HALF],
    ]
    coding = table.coding.columns[0]
    assert coding.kind == "category" and coding.categories == ("blue", "green", "red")
    assert coding.features == ("a=blue", "a=green", "a=red") and coding.distinct == 3


def test_different_words_are_at_distance_one_and_equal_ones_at_zero(write):
    words = ["red", "blue", "green", "black"] * 3
    codes = column(write, words).X[:, :-1]
    for (a, x), (b, z) in itertools.combinations(zip(words, codes, strict=True), 2):
        assert np.linalg.norm(x - z) == pytest.approx(float(a != b), abs=1e-15)


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("a", ["x", "x", "x"], "the same word in every row"),
        ("a", ["7", "7", "7.0"], "the same value in every row"),
        ("a", ["yes", "true", "yes"], "the same value in every row"),
        ("a", ["5 %"] * 3, "the same value in every row"),
        ("a", ["1970-01-01"] * 3, "the same value in every row"),
        ("a", ["x", "z", "w"], "a different word in every row, as ids have"),
        (
            "a",
            ["7", "8", "unknown", "9.5", "9.5"],
            "text with 4 different words in 5 rows, most of them numbers, but not 'unknown'",
        ),
        (
            "a",
            ["7", "8", "9", "<5", "6"],
            "a different word in every row, as ids have, most of them numbers, but not '<5'",
        ),
        ("a", ["x", "z", "z"], "text with 2 different words in 3 rows"),
        ("a", ["x", "z", "w", "w", "v"], "text with 4 different words in 5 rows"),
        ("a", [f"w{j}" for j in range(51)] * 3, "text with 51 different words in 153 rows"),
        ("id", ["3", "1", "7"], "a different whole number in every row, as ids have"),
        ("a", [str(j) for j in range(12)], "a different whole number in every row, as ids have"),
        ("user_id", ["x", "x", "z", "z", "z"], "its name is that of an id"),
        ("a", ["", "NA", "?"], "no value in any row"),
    ],
)
def test_a_column_that_says_nothing_of_other_rows_is_left_out_with_a_warning(write, name, cells, why):
    with left_out() as text:
        table = column(write, cells, name)
    assert f"1 column(s) left out: '{name}' ({why}); say --drop COLUMN" in text[0]
    assert table.feature_names == ["other"] and table.coding.left_out == [name]
    coding = table.coding.columns[0]
    assert (coding.kind, coding.features, coding.remark) == ("left out", (), why)


def test_50_words_are_still_categories(write):
    assert len(column(write, [f"w{j}" for j in range(50)] * 2).feature_names) == 51
    assert len(column(write, ["x", "z", "w", "w", "v", "v", "v", "v"]).feature_names) == 5


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1,234", "5,678"], "numbers that can be read in two ways: 'a' .* --decimal , "),
        (["$1,234", "$5,678"], "numbers that can be read in two ways"),
        (["01/02/2024", "03/04/2024"], "dates that can be read in two ways: 'a' .*write the year first"),
        (["2024-01-31", "31.01.2024"], "dates or times: 'a'.*best as 2024-01-31"),
        (["12:30", "13:15"], "dates or times"),
        (["1 Jan 24", "2 Jan 24"], "dates or times"),
        (["2024-02-30", "2024-01-01"], "dates or times"),
        (["2024-01-01T10:00Z", "2024-01-01T10:00"], "dates or times"),
        (["5 kg", "7 lb"], r"numbers in different units: 'a' \(e.g. '7 lb', line 3\).*one unit"),
        (["5 %", "7"], "numbers in different units"),
        (["$5", "7 \u20ac"], "numbers in different units"),
        (["1", "1e999"], "infinity in 1 column"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_advice(write, cells, message):
    with pytest.raises(ValueError, match=message):
        column(write, cells)
    assert column(write, cells, drop=["a"]).feature_names == ["other"]


def test_a_known_sign_of_the_decimals_decides(write):
    assert column(write, ["1,234", "5,678"], decimal=".").X[:, 0].tolist() == [1234, 5678]
    table = read_table(write("a;y\n1,234;p\n5,678;q\n"), "y", encode=True, decimal=",")
    assert table.X.tolist() == [[1.234], [5.678]]
    # other columns of the file say that a comma is it, and so what the points are
    table = read_table(
        write("a;b;c;y\n1,234;1,5 kg;1.000;p\n5,678;2 kg;2.500;q\n"), "y", encode=True, decimal=","
    )
    assert table.X.tolist() == [[1.234, 1.5, 1000], [5.678, 2, 2500]]
    table = read_table(write("a;b;c;y\n1,234;1,5 kg;1.000;p\n5,678;2 kg;2.000;q\n"), "y", encode=True)
    assert table.X.tolist() == [[1.234, 1.5, 1000], [5.678, 2, 2000]]
    with pytest.raises(ValueError, match=r"numbers with separators: 'a' \(e.g. '1,5', line 2\)"):
        column(write, ["1,5", "5,25"], decimal=".")
    with pytest.raises(ValueError, match="a point in column 'c' and a comma in column 'b'; say which"):
        read_table(write("a;b;c;y\n1,234;1,5 kg;1.000;p\n5,678;2 kg;2.5;q\n"), "y", encode=True)


def test_numbers_among_words_are_words(write):
    table = column(write, ["7", "red", "7", "7.0", "red", "7.0"])
    assert table.feature_names[:3] == ["a=7", "a=7.0", "a=red"]


def test_nothing_is_encoded_unless_it_is_asked_for(write):
    path = write("a,y\nred,p\nblue,q\n")
    with pytest.raises(ValueError, match=r"text column.*--encode, encode=True"):
        read_table(path, "y")


@pytest.mark.parametrize(
    ("cell", "advice"),
    [
        ("yes", "encode=True"),
        ("5 %", "encode=True"),
        ("2024-01-31", "encode=True"),
        ("1,234.5", "encode=True"),
        ("$7", "encode=True"),
        ("red", "encode=True"),
        ("NA", "--fill 0, --fill COLUMN=VALUE; fill=.*--drop-missing; missing='drop-rows'"),
    ],
)
def test_messages_name_the_options_that_help(write, cell, advice):
    with pytest.raises(ValueError, match=advice):
        read_table(write(f'a,b,y\n1,2,p\n"{cell}",3,q\n'), "y")


def test_a_table_in_which_nothing_is_left_is_refused(write):
    with pytest.raises(ValueError, match="expected some column to become a feature, got none: 'a'"):
        read_table(write("a,y\nx,p\nx,q\n"), "y", encode=True)


def test_an_index_of_pandas_is_left_out_if_it_numbers_the_rows(write):
    path = write(",a,y\n0,1.5,p\n1,2.5,q\n2,3.5,q\n")
    with pytest.raises(ValueError, match=r"got none for column 1 .*or say --encode \(encode=True\)"):
        read_table(path, "y")
    with left_out() as text:
        table = read_table(path, "y", encode=True)
    assert table.feature_names == ["a"] and "'Unnamed: 0' (a different whole number" in text[0]
    assert read_table(path, "y", encode=True, drop=["Unnamed: 0"]).feature_names == ["a"]
    X, _, _ = read_queries(write(",a\n7,1.5\n"), ["a"], "y", coding=table.coding)
    assert X.tolist() == [[1.5]]
    with pytest.raises(ValueError, match="got none for column 2"):
        read_table(write("a,,y\n0,1.5,p\n1,2.5,q\n"), "y", encode=True)


def test_names_of_features_may_not_be_those_of_columns(write):
    with pytest.raises(ValueError, match="'a=x' more than once"):
        read_table(write("a,a=x,y\nx,1,p\nz,2,q\nx,1,p\nz,3,p\n"), "y", encode=True)


# --- codes depend on their own row alone --------------------------------------------------------------------


@given(st.lists(st.sampled_from(["red", "blue", "green"]), min_size=6, max_size=12), st.integers(0, 5))
def test_tampering_with_other_rows_changes_no_code_under_the_same_coding(tmp_path_factory, words, kept):
    path = tmp_path_factory.getbasetemp() / "tampered.csv"
    rows = [f"{word},{j}.5,{j % 2}" for j, word in enumerate(words)]

    def write(lines):
        path.write_text("a,b,y\n" + "\n".join(lines))

    write(["red,1.25,0", "blue,2,1", "red,3,0", "blue,3,0", "green,7,1", "green,8,1", *rows])
    table = read_table(path, "y", encode=True)
    write([row if j == kept else "black,99,1" for j, row in enumerate(rows)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)
        X, _, _ = read_queries(path, table.feature_names, "y", coding=table.coding)
    assert X[kept].tolist() == table.X[6 + kept].tolist()


# --- missing values -----------------------------------------------------------------------------------------

HOLES = (
    "n,w,r,d,t,y\n1,red,5 %,1970-01-02,yes,p\n,red,,,,q\n3,blue,7 %,1970-01-04,no,p\n"
    "4.5,blue,7 %,1970-01-05,no,p\n5,,7 %,1970-01-05,no,q\n"
)


def test_missing_values_are_refused_unless_something_is_said(write):
    with pytest.raises(
        ValueError, match=r"missing values in 5 column\(s\): 'n' \(first in line 3\), .*'w' \(first in line 6"
    ):
        read_table(write(HOLES), "y", encode=True)


def test_missing_values_are_filled_with_constants(write):
    table = read_table(write(HOLES), "y", encode=True, fill=0)
    assert table.feature_names == ["n", "w=(missing)", "w=blue", "w=red", "r", "d", "t"]
    assert table.X.tolist() == [
        [1, 0, 0, HALF, 0.05, 1, 1],
        [0, 0, 0, HALF, 0, 0, 0],
        [3, 0, HALF, 0, 0.07, 3, 0],
        [4.5, 0, HALF, 0, 0.07, 4, 0],
        [5, HALF, 0, 0, 0.07, 4, 0],
    ]
    assert [c.missing for c in table.coding.columns] == [1, 1, 1, 1, 1]
    fill = {None: -1, "w": "red", "r": "10 %", "d": "1970-01-11", "t": "yes", "n": 2.5}
    table = read_table(write(HOLES), "y", encode=True, fill=fill)
    assert table.feature_names == ["n", "w=blue", "w=red", "r", "d", "t"]
    assert table.X[1].tolist() == [2.5, 0, HALF, 0.1, 10, 1] and table.X[4, :3].tolist() == [5, 0, HALF]
    table = read_table(write(HOLES), "y", encode=True, fill={None: 0, "w": "unknown"})
    assert table.feature_names[1:4] == ["w=blue", "w=red", "w=unknown"]


def test_numbers_are_filled_without_encoding(write, tmp_path):
    assert read_table(write("a,b,y\n1,,p\n,3,q\n"), "y", fill={"b": -1, None: 7}).X.tolist() == [
        [1, -1],
        [7, 3],
    ]
    with pytest.raises(ValueError, match=r"missing values in 1 column\(s\): 'a' \(first in line 3\)"):
        read_table(write("a,b,y\n1,,p\n,3,q\n"), "y", fill={"b": -1})
    with pytest.raises(ValueError, match="1 text column"):
        read_table(write("a,b,y\n1,,p\nred,3,q\n"), "y", fill=0)
    np.savez(tmp_path / "t.npz", X=[[1, np.nan], [2, 3]], y=[0, 1])
    assert read_table(tmp_path / "t.npz", None, fill=0).X.tolist() == [[1, 0], [2, 3]]


@pytest.mark.parametrize(
    ("fill", "error", "message"),
    [
        ("median", ValueError, "medians and the like come from the table"),
        ({None: "mean"}, ValueError, "medians and the like come from the table"),
        ({"c": 0}, ValueError, "there is no feature 'c' to fill; the features are a, b"),
        ({"y": 0}, ValueError, "there is no feature 'y' to fill"),
        ({"a": "red"}, ValueError, "column 'a': expected a finite number to fill in, got 'red'"),
        (float("nan"), ValueError, "finite"),
        (True, TypeError, "fill must be a number"),
        ([0], TypeError, "fill must be a number"),
        ({1: 0}, TypeError, "fill must name columns by texts"),
    ],
)
def test_a_fill_that_is_no_constant_is_refused(write, fill, error, message):
    for encode in (False, True):
        with pytest.raises(error, match=message):
            read_table(write("a,b,y\n1,,p\n,3,q\n5,6,p\n"), "y", fill=fill, encode=encode)


def test_missing_labels_are_refused_whatever_is_filled(write):
    with pytest.raises(ValueError, match="expected a label in every row, got none in line 3"):
        read_table(write("a,y\n1,p\n2,\n"), "y", fill=0, encode=True)


def test_rows_with_missing_values_are_left_out_each_for_itself(write):
    content = "a,b,y\n1,2,p\n,2,p\n3,x,p\n4,2,\n5,x,q\n6,2,q\n"
    with pytest.warns(
        TableWarning, match="2 of 6 rows have missing values and are left out; row numbers count"
    ):
        table = read_table(write(content), "y", encode=True, missing="drop-rows")
    assert table.X[:, 0].tolist() == [1, 3, 5, 6] and table.y.tolist() == ["p", "p", "q", "q"]
    assert table.coding.drop_missing and [c.missing for c in table.coding.columns] == [0, 0]
    with pytest.warns(TableWarning, match="1 of 2 rows have missing values"):
        X, y, _ = read_queries(write("b,y,a\n,p,3\n2,q,8\n"), table.feature_names, "y", coding=table.coding)
    assert X[:, 0].tolist() == [8] and y.tolist() == ["q"]
    with pytest.warns(TableWarning, match="1 of 2 rows"):
        assert read_table(write("a,y\n1,p\n,q\n"), "y", missing="drop-rows").X.tolist() == [[1]]
    with pytest.raises(ValueError, match="expected some row without missing values, .*as in 'b'"):
        read_table(write("a,b,y\n1,,p\n,,q\n"), "y", missing="drop-rows")
    with pytest.raises(ValueError, match="missing must be 'refuse' or 'drop-rows'"):
        read_table(write("a,y\n1,p\n"), "y", missing="mean")


def test_a_complete_table_loses_no_row(write):
    assert len(read_table(write("a,y\n1,p\n2,q\n"), "y", missing="drop-rows").X) == 2


# --- queries ------------------------------------------------------------------------------------------------

TRAIN = (
    "id,c,r,when,v,k,y\n7,red,5 %,2024-01-01,1.5,x,p\n3,blue,7 %,2024-01-02,2,x,q\n"
    "9,red,9 %,2024-01-03,3,x,p\n1,blue,9 %,2024-01-03,4,x,p\n"
)


@pytest.fixture
def train(write):
    with left_out():
        return read_table(write(TRAIN, "train.csv"), "y", encode=True)


def test_queries_are_coded_as_the_training_table(write, train):
    assert train.feature_names == ["c=blue", "c=red", "r", "when", "v"]
    X, y, _ = read_queries(write(TRAIN), train.feature_names, "y", coding=train.coding)
    assert X.tolist() == train.X.tolist() and y.tolist() == train.y.tolist()
    # what is left out may be absent, and columns come in any order
    rows = "v,when,c,r\n5,1970-01-01,blue,100 %\n"
    X, y, _ = read_queries(write(rows), train.feature_names, "y", coding=train.coding)
    assert X.tolist() == [[HALF, 0, 1, 0, 5]] and y is None
    with pytest.raises(ValueError, match="missing: r; not expected: z"):
        read_queries(
            write("v,when,c,z\n5,1970-01-01,blue,1\n"), train.feature_names, "y", coding=train.coding
        )


def test_words_that_are_no_category_are_far_from_all_and_counted(write, train):
    rows = "c,r,when,v\nred,1 %,1970-01-01,5\nblack,1 %,1970-01-01,5\nwhite,1 %,1970-01-01,5\n"
    with pytest.warns(TableWarning, match=r"in column 'c' \(2 row\(s\), e.g. 'black'\): no category"):
        X, _, _ = read_queries(write(rows), train.feature_names, "y", coding=train.coding)
    assert X[:, :2].tolist() == [[0, HALF], [0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "red,5,2024-01-01,5",
            r"1 column\(s\) of other kinds: 'r' \(e.g. '5', line 2\); write the column as in",
        ),
        ("red,5 %,01.01.2024,5", "other kinds: 'when'"),
        ("red,5 %,2024-01-01,five", "other kinds: 'v'"),
        ("red,5 %,,5", "missing values in 1 column"),
        (",5 %,2024-01-01,5", r"missing values in 1 column\(s\): 'c'"),
    ],
)
def test_queries_of_another_kind_are_refused(write, train, row, message):
    with pytest.raises(ValueError, match=message):
        read_queries(write(f"c,r,when,v\n{row}\n"), train.feature_names, "y", coding=train.coding)


def test_numbers_of_queries_are_read_as_those_of_the_training_table(write):
    """1.234 is 1234 where the training table wrote 1.234,5; and 01 is another word than 1."""
    table = column(write, ["1.234,5", "7", "0,25"])
    X, _, _ = read_queries(write("a;other\n1.234;1\n2.000;2\n"), ["a", "other"], coding=table.coding)
    assert X.tolist() == [[1234, 1], [2000, 2]]
    table = column(write, ["01", "x", "1", "01", "x", "1"])
    X, _, _ = read_queries(write("a;other\n1;1\n01;2\n"), table.feature_names, coding=table.coding)
    assert X.tolist() == [[0, HALF, 0, 1], [HALF, 0, 0, 2]]


def test_the_sign_of_the_decimals_of_the_training_table_holds_for_queries(write):
    table = read_table(write("a;c;y\n1,5;u;p\n2,25;v;q\n3;u;p\n4;v;p\n"), "y", encode=True)
    X, _, _ = read_queries(write("a;c\n1,234;u\n7;v\n"), table.feature_names, coding=table.coding)
    assert X.tolist() == [[1.234, HALF, 0], [7, 0, HALF]]
    with pytest.raises(ValueError, match=r"other kinds: 'a' \(e.g. '1.000', line 2\)"):
        read_queries(write("a;c\n1.000;u\n"), table.feature_names, coding=table.coding)
    X, _, _ = read_queries(write("a;c\n1.5;u\n"), table.feature_names, coding=table.coding, decimal=".")
    assert X.tolist() == [[1.5, HALF, 0]]


def test_queries_may_be_frames(train):
    pd = pytest.importorskip("pandas")
    when = pd.to_datetime(["1970-01-03 00:00", "1970-01-01 12:00"])
    frame = pd.DataFrame({"c": ["red", "blue"], "r": ["1 %", "2 %"], "when": when, "v": [1, 2]})
    X, _, _ = read_queries(frame, train.feature_names, coding=train.coding)
    assert X.tolist() == [[0, HALF, 0.01, 2, 1], [HALF, 0, 0.02, 0.5, 2]]
    with pytest.raises(ValueError, match="other kinds: 'r'"):
        read_queries(frame.assign(r=[0.01, 0.02]), train.feature_names, coding=train.coding)


def test_queries_without_a_header_are_coded_by_position(write):
    table = read_table(write("red,1,p\nblue,2.5,q\nred,3,p\nblue,4,p\n"), "-1", header=False, encode=True)
    assert table.feature_names == ["0=blue", "0=red", "1"]
    for rows in ("blue,7\n", "blue,7,p\n"):
        X, _, _ = read_queries(write(rows), table.feature_names, "2", header=False, coding=table.coding)
        assert X.tolist() == [[HALF, 0, 7]]


def test_fills_hold_for_queries_too(write):
    table = read_table(write("a,c,y\n1,x,p\n2.5,x,q\n3,z,p\n4,z,p\n"), "y", encode=True, fill={None: 9})
    X, _, _ = read_queries(write("a,c\n,\n"), table.feature_names, coding=table.coding)
    assert X.tolist() == [[9, HALF, 0, 0]] and table.feature_names == ["a", "c=(missing)", "c=x", "c=z"]


def test_the_features_have_to_be_those_of_the_coding(write, train):
    with pytest.raises(ValueError, match="expected the features of the coding"):
        read_queries(write(TRAIN), ["c", "v"], "y", coding=train.coding)


# --- the coding itself --------------------------------------------------------------------------------------


def test_a_coding_is_written_and_read_back(train, write):
    document = json.loads(json.dumps(train.coding.to_dict()))
    again = Coding.from_dict(document)
    assert again == train.coding
    X, _, _ = read_queries(write(TRAIN), train.feature_names, "y", coding=again)
    assert X.tolist() == train.X.tolist()
    assert [entry["kind"] for entry in document["columns"]] == [
        "left out",
        "category",
        "percentage",
        "date",
        "number",
        "left out",
    ]


def test_a_table_of_numbers_has_a_coding_too(write):
    table = read_table(write("a,b,y\n1,0,p\n2,1,q\n2,1,p\n"), "y")
    assert (
        table.coding.to_dict()
        == read_table(write("a,b,y\n1,0,p\n2,1,q\n2,1,p\n"), "y", fill=None).coding.to_dict()
    )
    assert [(c.name, c.kind, c.features, c.distinct, c.missing) for c in table.coding.columns] == [
        ("a", "number", ("a",), 2, 0),
        ("b", "0 and 1", ("b",), 2, 0),
    ]
    X, y, _ = read_queries(write("b,a,y\n0.5,7,p\n"), ["a", "b"], "y", coding=table.coding)
    assert X.tolist() == [[7, 0.5]] and y.tolist() == ["p"]
    with pytest.raises(ValueError, match="1 text column"):
        read_queries(write("b,a\nx,7\n"), ["a", "b"], coding=table.coding)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("columns"), "expected a coding with columns"),
        (lambda d: d.update(columns={}), "expected a list of columns"),
        (lambda d: d.update(drop_missing=1), "expected a list of columns"),
        (lambda d: d["columns"][1].pop("unit"), "expected a column of a coding"),
        (lambda d: d["columns"][1].update(kind="word"), "expected a name, a kind"),
        (lambda d: d["columns"][1].update(name=7), "expected a name, a kind"),
        (lambda d: d["columns"][1].update(features=["c=blue"]), "that fits together"),
        (lambda d: d["columns"][1].update(features="ab"), "expected a list of texts"),
        (lambda d: d["columns"][1].update(categories=[]), "that fits together"),
        (lambda d: d["columns"][1].update(fill="black"), "that fits together"),
        (lambda d: d["columns"][2].update(decimal="x"), "that fits together"),
        (lambda d: d["columns"][3].update(order="any"), "that fits together"),
        (lambda d: d["columns"][4].update(fill=math.inf), "that fits together"),
        (lambda d: d["columns"][4].update(name="c"), "'c' more than once"),
    ],
)
def test_a_document_that_is_no_coding_is_refused(train, change, message):
    document = train.coding.to_dict()
    change(document)
    with pytest.raises(ValueError, match=message):
        Coding.from_dict(document)


# --- dates, against the calendar of the standard library ----------------------------------------------------


@given(st.dates())
def test_days_are_those_of_the_calendar(date):
    import datetime as dt

    expected = (date - dt.date(1970, 1, 1)).days
    assert days(date.isoformat(), "year first") == expected
    assert days(f"{date.day}.{date.month}.{date.year:04d}", "day first") == expected
    assert days(f"{date.month}/{date.day}/{date.year:04d}", "month first") == expected


@given(st.datetimes(timezones=st.sampled_from([None])), st.integers(-14 * 60, 14 * 60))
def test_times_are_fractions_of_a_day_in_utc(moment, offset):
    import datetime as dt

    zone = f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
    seconds = (moment - dt.datetime(1970, 1, 1)).total_seconds() - 60 * offset
    got = days(moment.isoformat() + zone, "year first")
    assert got == pytest.approx(seconds / 86400, rel=1e-15, abs=1e-9)
