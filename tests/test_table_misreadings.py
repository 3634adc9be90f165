"""Tables that used to be read as something else: now they are refused with advice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knn_cert.tables import (
    read_queries,
    read_table,
)

# --- no header line -----------------------------------------------------------------------------------------

HEADERLESS = [
    "1.1,2.1,p\n5.1,6.1,q\n",
    "p,1.1,2.1\nq,5.1,6.1\n",
    "1,2,p\n3,4,p\n5,6,q\n",  # the numbers of the first row count the columns, but p is a label
    "1,p\n3,p\n",
    "7,7,p\n3,4,q\n",
    "1.5,NA,p\n3,4,q\n",
    "1.5,,p\n3,4,q\n",
    "-1,1e3,p\n3,4,q\n",
    "5.1,3.5,1\n4.9,3.0,2\n",
    "0,1\n3,0\n2,1\n",
    "1,2,3\n3,4,3\n",
]


@pytest.mark.parametrize("content", HEADERLESS)
@pytest.mark.parametrize("label", ["-1", "kind"])
def test_a_first_line_of_data_is_not_taken_for_a_header(write, content, label):
    label = "0" if content.startswith("p") and label == "-1" else label
    # Where the numbers count the columns, all that is sure at once is that there is no such label.
    counts = label == "kind" and content.startswith(("1,2,p", "1,p"))
    said = "no label column" if counts else "the first line seems to hold data; .*--no-header.*header=False"
    with pytest.raises(ValueError, match=said):
        read_table(write(content), label)


def test_a_first_line_of_data_is_not_taken_for_a_header_of_queries(write):
    with pytest.raises(ValueError, match="the first line seems to hold data"):
        read_queries(write("1.5,2.5,ham\n1,2,spam\n"), ["x", "y"], "kind")


@pytest.mark.parametrize(
    ("content", "features"),
    [
        ("0,1,2,kind\n5,6,7,p\n8,9,7,q\n", ["0", "1", "2"]),  # how pandas names columns without names
        ("kind,1,2\np,5,6\nq,8,9\n", ["1", "2"]),
        ("0,1,kind,3\n5,6,p,7\n8,9,q,7\n", ["0", "1", "3"]),
        ("x1,2,kind\n5,6,p\n8,9,q\n", ["x1", "2"]),
    ],
)
def test_numbers_that_count_the_columns_make_a_header(write, content, features):
    assert read_table(write(content), "kind").feature_names == features


def test_without_a_header_columns_are_called_by_their_position(write):
    path = write("1.1,2.1,p\n\n5.1,6.1,q\n")
    for label in ("-1", "2", 2):
        table = read_table(path, label, header=False)
        assert table.X.tolist() == [[1.1, 2.1], [5.1, 6.1]] and table.y.tolist() == ["p", "q"]
        assert table.feature_names == ["0", "1"] and table.label_name == "2"
    with pytest.raises(ValueError, match="line 4: expected 3 cells as in the first line, got 2"):
        read_table(write("1.1,2.1,p\n\n5.1,6.1,q\n1,2\n"), "-1", header=False)


def test_queries_without_a_header_are_taken_by_position_with_and_without_labels(write):
    names, label = ["1", "2"], "0"
    X, y, _ = read_queries(write("p,1.5,2.5\nq,3,4\n"), names, label, header=False)
    assert X.tolist() == [[1.5, 2.5], [3, 4]] and y.tolist() == ["p", "q"]
    X, y, _ = read_queries(write("1.5,2.5\n3,4\n"), names, label, header=False)
    assert X.tolist() == [[1.5, 2.5], [3, 4]] and y is None


def test_only_text_files_can_be_without_a_header(tmp_path):
    np.savez(tmp_path / "t.npz", X=np.eye(2), y=[0, 1])
    with pytest.raises(ValueError, match="is for CSV and TSV"):
        read_table(tmp_path / "t.npz", None, header=False)


# --- missing labels -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    ["NA", "na", "N/A", "n.a.", "nan", "NaN", "-nan", "<NA>", "#N/A", "NULL", "null", "None", "?", "NaT"],
)
def test_a_word_for_a_missing_value_is_no_class(write, tmp_path, word):
    hint = "remove rows whose label is missing, or write another word if"
    with pytest.raises(
        ValueError, match=rf"expected a label in every row, got the word .* in line 3; {hint}"
    ):
        read_table(write(f"a,y\n1,p\n2, {word} \n3,q\n"), "y")
    np.savez(tmp_path / "t.npz", X=np.eye(3), y=np.array(["p", word, "q"]))
    with pytest.raises(ValueError, match=f"got the word .* in row 2; {hint}"):
        read_table(tmp_path / "t.npz", None)
    with pytest.raises(ValueError, match="in line 2"):
        read_queries(write(f"a,y\n1,{word}\n"), ["a"], "y", y_train=np.array(["p", "q"]))


def test_missing_labels_of_a_parquet_file_are_refused(tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    for missing in (None, "NA", float("nan")):
        pd.DataFrame({"a": [1, 2, 3], "y": ["p", missing, missing]}).to_parquet(tmp_path / "t.parquet")
        with pytest.raises(
            ValueError, match=r"expected a label in every row, got .* in row 2 and 1 more row\(s\)"
        ):
            read_table(tmp_path / "t.parquet", "y")


@pytest.mark.parametrize("word", ["neither", "nah", "nant", "-", "+", "no", "0", "unknown"])
def test_words_that_may_be_classes_are_classes(write, word):
    assert read_table(write(f"a,y\n1,{word}\n2,x\n"), "y").y.tolist() == [word, "x"]


# --- Parquet: indices, dates --------------------------------------------------------------------------------


@pytest.fixture
def parquet(tmp_path):
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")

    def _write(frame) -> Path:
        frame.to_parquet(tmp_path / "t.parquet")
        return tmp_path / "t.parquet"

    return _write


def test_an_index_with_a_name_is_a_column_of_a_parquet_file(parquet):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.5, 2, 3.5], "b": [2, 2, 2], "y": ["p", "q", "p"]})
    table = read_table(parquet(frame.set_index("a")), "y")
    assert table.feature_names == ["a", "b"] and table.X.tolist() == [[1.5, 2], [2, 2], [3.5, 2]]
    table = read_table(parquet(frame.set_index("y")), "y")
    assert table.feature_names == ["a", "b"] and table.y.tolist() == ["p", "q", "p"]
    table = read_table(parquet(frame.set_index(["a", "y"])), "y")
    assert table.feature_names == ["a", "b"]


def test_an_index_without_a_name_only_numbers_the_rows(parquet):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.5, 2, 3.5], "y": ["p", "q", "p"]})
    for index in (None, [7, 3, 5]):
        table = read_table(parquet(frame if index is None else frame.set_axis(index)), "y")
        assert table.feature_names == ["a"]


def test_an_index_named_as_a_column_is_refused(parquet):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.5, 2], "y": ["p", "q"]}, index=pd.Index([3, 4], name="a"))
    try:
        path = parquet(frame)
    except Exception:
        pytest.skip("this pyarrow does not write such a file")
    with pytest.raises(ValueError, match="'a' more than once|cannot be read"):
        read_table(path, "y")


def test_dates_are_no_numbers_of_nanoseconds(parquet, tmp_path):
    pd = pytest.importorskip("pandas")
    days = pd.date_range("2024-03-01", periods=3)
    for column in (
        days,
        days.tz_localize("UTC"),
        days - days[0],
        [d.date() for d in days],
    ):
        frame = pd.DataFrame({"a": [1, 2, 3], "day": column, "y": ["p", "q", "p"]})
        with pytest.raises(
            ValueError, match=r"1 column\(s\) of dates or times: 'day' .* row 1\); turn them into"
        ):
            read_table(parquet(frame), "y")
    for dates in (days.values, (days - days[0]).values):
        np.savez(tmp_path / "t.npz", X=np.column_stack([dates, dates]), y=np.zeros(3))
        with pytest.raises(ValueError, match="expected numbers in X, got dates or times"):
            read_table(tmp_path / "t.npz", None)


def test_dates_may_be_labels_and_are_not_counted_in_nanoseconds(tmp_path):
    dates = np.array(["2024-03-01", "2024-03-02"], dtype="M8[ns]")
    np.savez(tmp_path / "t.npz", X=np.eye(2), y=dates.astype("M8[D]"), z=dates)
    assert read_table(tmp_path / "t.npz", None).y.tolist() == ["2024-03-01", "2024-03-02"]
    assert read_table(tmp_path / "t.npz", "z").y[0].startswith("2024-03-01T")


# --- advice that fits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "advice"),
    [
        (
            ["1,234.5", "1.234,5", "1 234", "1'234'567", "1,5", "-,5", "1_000"],
            "write 1234.5, with a decimal point",
        ),
        (["5 %", "5%", "-1.5 %", "0,5 %"], "write 5 % as 0.05"),
        (
            ["2024-01-31", "31/01/2024", "31.1.24", "2024-01-31T10:00", "12:30", "3 Jan 2024"],
            "days since a fixed day",
        ),
        (["true", "FALSE", "yes", "No"], "write 1 and 0"),
        (["$5", "5 kg", "3.5 \u20ac"], "write the number alone"),
        (["red", "3d", "1.2.3.4.5", "0x1F", "1-2"], "one-hot"),
    ],
)
def test_the_advice_fits_the_kind_of_cell(write, cells, advice):
    for cell in cells:
        with pytest.raises(
            ValueError, match=r"1 (text )?column\(s\).*'a' \(e\.g\. .* line 3\); .*"
        ) as caught:
            read_table(write(f'a,y\n1,p\n"{cell}",q\n'), "y")
        assert advice in str(caught.value), cell


def test_each_kind_of_defect_has_its_own_advice_in_one_message(write):
    content = 'a,b,c,d,y\n1,red,,inf,p\n"1,5",blue,2,3,\n'
    with pytest.raises(ValueError, match="column") as caught:
        read_table(write(content), "y")
    message = str(caught.value)
    for said in (
        "1 text column(s): 'b' (e.g. 'red', line 2); encode them",
        "1 column(s) of numbers with separators: 'a' (e.g. '1,5', line 3); write 1234.5",
        "missing values in 1 column(s): 'c' (first in line 2); distances need every value: fill them in",
        "infinity in 1 column(s): 'd' (first in line 2)",
        "no label in 1 row(s) (first in line 3)",
    ):
        assert said in message
    assert message.count("\n") == 0


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("t.xls", "save the sheet as .xlsx or CSV"),
        ("t.ods", "save the sheet as CSV"),
        ("t.arff", "@attribute make the header line"),
        ("t.csv.bz2", "unpack it"),
        ("t.zip.gz", "unpack it"),
        ("t.parquet.gz", "unpack it"),
        ("t.pkl", "pickles can run code"),
        ("t.sav", "rename or convert it"),
    ],
)
def test_the_advice_fits_the_kind_of_file(write, name, advice):
    with pytest.raises(ValueError, match="expected a file name that ends in one of .csv, .tsv") as caught:
        read_table(write("a,y\n1,2\n", name), "y")
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"PK\x03\x04rest", "a zip archive; rename it to .zip, or to .xlsx if it is a workbook"),
        (b"PAR1rest", "a Parquet file; rename it to .parquet"),
        (b"\x93NUMPY", "an array of NumPy; save X and y with numpy.savez"),
    ],
)
def test_what_is_no_text_is_recognised_whatever_it_is_called(write, content, got):
    with pytest.raises(ValueError, match=f"expected text, got {got}"):
        read_table(write(content), "y")


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("// made by me\na,b,y\n1,2,p\n", "line 1 starts with '//', as comments do: remove it"),
        ("@relation iris\n@data\n1,2,p\n", "got an ARFF file; .*@attribute make the header line"),
        ("% iris\n@ATTRIBUTE a REAL\n1,2,p\n", "got an ARFF file"),
        ("My table\n\na,b,y\n1,2,p\n", "line 1, 'My table', seems to be a title: remove it"),
        ("a,b\n1,2,p\n3,4,q\n", "if every line has 3 cells, name every column in the header"),
        ("a,b,\n1,2,p\n", r"got none for column 3 \(counting from 1\); name it \(it may be the label\)"),
    ],
)
@pytest.mark.parametrize("label", ["y", "-1"])
def test_a_line_above_the_header_and_a_missing_name_are_explained(write, content, advice, label):
    with pytest.raises(ValueError, match=advice):
        read_table(write(content), label)


def test_a_column_called_by_a_comment_sign_is_a_column(write):
    assert read_table(write("#,a,y\n7,2,p\n7,3,q\n"), "y").feature_names == ["#", "a"]


@pytest.mark.parametrize(
    "odd", ["2.5", ".5", "1e0", "1_0", "9223372036854775808", "\u0663", "99999999999999999999"]
)
@pytest.mark.parametrize("name", ["t.csv", "t.npz"])
def test_labels_that_are_numbers_are_whole_numbers(tmp_path, name, odd):
    """As text, 10 would come before 2, and 1 and 1.0 would be two classes: one such row would do that."""
    path = tmp_path / name
    labels = ["2", "10", "1", "1.0", odd]
    if name == "t.csv":
        path.write_text("x,y\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels)), "utf-8")
    else:
        np.savez(path, X=np.arange(5.0)[:, None], y=np.array(labels))
    with pytest.raises(ValueError, match="numbers must be whole ones of at most 64 bits, got"):
        read_table(path, "y" if name == "t.csv" else None)
