"""Reading a user's table: what is accepted in which type, what is refused with which message, and the
hold-out.
"""

from __future__ import annotations

import gzip
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import knn_cert
from knn_cert.tables import TableWarning, holdout_rows, read_queries, read_table, split_holdout

ROOT = Path(knn_cert.__file__).resolve().parents[1]  # the copy under test, in a checkout or installed
CSV = "a,b,label\n1,2.5,0\n-3,4e2,1\n.5, 6 ,0\n"
X = np.array([[1, 2.5], [-3, 400], [0.5, 6]])


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and returns its path."""

    def _write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


# --- CSV and TSV --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", CSV.encode()),
        ("t.CSV", CSV.encode()),
        ("bom.csv", b"\xef\xbb\xbf" + CSV.encode()),
        ("crlf.csv", CSV.replace("\n", "\r\n").encode()),
        ("no_end.csv", CSV.rstrip("\n").encode()),
        ("blank.csv", ("\n" + CSV + "\n\n").encode()),
        ("quoted.csv", b'"a","b","label"\n"1","2.5","0"\n-3,"4e2",1\n.5," 6 ","0"\n'),
        ("t.tsv", CSV.replace(",", "\t").encode()),
        ("t.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("t.tsv.gz", gzip.compress(CSV.replace(",", "\t").encode(), mtime=0)),
        ("unpacked.csv.gz", CSV.encode()),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_table_is_the_same_whatever_its_dress(write, name, content):
    table = read_table(write(name, content), "label")
    assert table.X.dtype == np.float64 and np.array_equal(table.X, X)
    assert table.y.dtype == np.int64 and table.y.tolist() == [0, 1, 0]
    assert table.feature_names == ["a", "b"] and table.label_name == "label"


def test_a_quoted_cell_may_hold_the_delimiter_quotes_and_line_breaks(write):
    table = read_table(write("t.csv", 'a,"the ""b"", really",label\n1,2,"x,\ny"\n3,4,z\n'), "label")
    assert table.feature_names == ["a", 'the "b", really'] and table.y.tolist() == ["x,\ny", "z"]


def test_numbers_are_read_to_the_last_bit(write):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((200, 7)) * 10.0 ** rng.integers(-300, 300, (200, 7))
    text = "c0,c1,c2,c3,c4,c5,c6,y\n" + "".join(",".join(map(repr, row)) + ",1\n" for row in values.tolist())
    assert np.array_equal(read_table(write("t.csv", text), "y").X, values)


@pytest.mark.parametrize(("label", "expected"), [("label", "label"), ("0", "a"), ("-1", "label"), (1, "b")])
def test_the_label_is_found_by_name_or_position(write, label, expected):
    table = read_table(write("t.csv", "a,b,label\n1,5,7\n2,6,8\n"), label)
    assert table.label_name == expected and table.feature_names == [
        n for n in "a b label".split() if n != expected
    ]


def test_a_column_called_2_comes_before_position_2(write):
    table = read_table(write("t.csv", "2,a,b\n1,2,3\n1,5,6\n"), "2")
    assert table.label_name == "2" and table.feature_names == ["a", "b"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0", "1", "-7"], np.array([0, 1, -7])),
        (["1.0", "2", "+3"], np.array([1, 2, 3])),
        (["spam", "ham", " spam "], np.array(["spam", "ham", "spam"])),
        (["1", "2", "x"], np.array(["1", "2", "x"])),
        (["9223372036854775807", "1", "2"], np.array([2**63 - 1, 1, 2])),
        (["-0.5x", "1st", "9" * 5000], np.array(["-0.5x", "1st", "9" * 5000])),
    ],
)
def test_labels_are_integers_if_all_of_them_are_and_text_otherwise(write, cells, expected):
    y = read_table(write("t.csv", "a,y\n" + "".join(f"1,{c}\n" for c in cells)), "y").y
    assert y.dtype.kind == expected.dtype.kind and y.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "got an empty file"),
        ("\n\n", "got an empty file"),
        ("a,b,label\n", "expected rows below the header line, got none"),
        ("a,b,klass\n1,2,3\n", r"no label column 'label'; the columns are a, b, klass"),
        ("a,b,Label\n1,2,3\n", r"did you mean 'Label'\?"),
        ("label\n1\n", "expected feature columns beside the label"),
        ("a,a,label\n1,2,3\n", "expected different column names, got 'a' more than once"),
        (",a,label\n0,2,3\n", r"got none for column 1 \(counting from 1\).*numbers the rows"),
        ("0,0.5,1\n1,2,3\n", "expected a header line with column names, got numbers"),
        (
            "a,b,label\n1,2,0\n1,2\n",
            "line 3: expected 3 cells as in the header, got 2; the file seems to be cut off here",
        ),
        ("a,b,label\n1,2\n1,2,0\n", "line 2: expected 3 cells as in the header, got 2; correct the line"),
        ("a,b,label\n1,2,0,9\n", "line 2: expected 3 cells as in the header, got 4; correct the line"),
        ('a,b,label\n1,2,0\n1,2,"0', "line 3: .*the file may be cut off"),
        ("a,b,label\n1,2,0\n1,,0\n", r"missing values in 1 column\(s\): 'b' \(first in line 3\)"),
        ("a,b,label\n1,2,0\n1,nan,0\n", r"missing values in 1 column\(s\): 'b' \(first in line 3\)"),
        (
            "a,b,label\n1,NA,0\n?,3,0\n",
            r"missing values in 2 column\(s\): 'b' \(first in line 2\), 'a' \(first in line 3\)",
        ),
        ("a,b,label\n1,2,0\n1,2, \n", "expected a label in every row, got none in line 3; remove rows"),
        ("a,b,label\n1,2,0\n1,inf,0\n", r"infinity in 1 column\(s\): 'b' \(first in line 3\)"),
        ("a,b,label\n1,2,0\n-1e999,3,0\n", r"infinity in 1 column\(s\): 'a' \(first in line 3\)"),
        ("a,b,label\n1,x y,0\n1,2,0\n", r"1 text column\(s\): 'b' \(e.g. 'x y', line 2\); encode them"),
        (
            "a,b,label\n1,2,0\n1,,0\nTrue,no,0\n",
            r"2 column\(s\) of true and false: 'a' \(e.g. 'True', line 4\), 'b' \(e.g. 'no', line 4\)",
        ),
        ('a,b,label\n1,"1,5",0\n', r"'b' \(e.g. '1,5', line 2\)"),
        ("a,b,label\n1,1_000,0\n", r"'b' \(e.g. '1_000', line 2\)"),
        ('a,b,label\n1,2,"x\ny"\n\n1,z,0\n', "e.g. 'z', line 5"),
    ],
)
def test_a_defective_table_is_refused_with_the_place(write, content, message):
    path = write("t.csv", content)
    with pytest.raises(ValueError, match=message) as caught:
        read_table(path, "label")
    assert str(path) in str(caught.value)


def test_a_header_that_numbers_the_columns_is_a_header(write):
    table = read_table(write("t.csv", "0,1,2\n5,6,7\n8,9,7\n"), "2")
    assert table.feature_names == ["0", "1"] and table.X.tolist() == [[5, 6], [8, 9]]


def test_many_text_columns_are_counted_and_the_first_ones_named(write):
    header, row = ",".join(f"c{j}" for j in range(9)), ",".join("x" * 60 for _ in range(9))
    with pytest.raises(ValueError, match=r"9 text column\(s\): 'c0' \(e.g. 'x{37}\.\.\.'.* and 4 more;"):
        read_table(write("t.csv", f"{header},label\n{row},1\n"), "label")


def test_text_that_is_not_utf8_is_refused_with_its_line(write):
    content = CSV.encode() + "1,2,Köln\n".encode("latin-1")
    for name, data in (("t.csv", content), ("t.csv.gz", gzip.compress(content))):
        with pytest.raises(
            ValueError, match=r"expected UTF-8 text, got something else in line 5 \(byte 0xf6\)"
        ):
            read_table(write(name, data), "label")
    with pytest.raises(ValueError, match=r"in line 5 .*name its encoding \(--encoding cp1252, say\)"):
        read_table(write("u.csv", content), "label")


CITIES = "city;size;label\nKöln;1,5;gro\u00df\nOpole;2,25;klein\nKöln;3,5;gro\u00df\nOpole;4,5;klein\n"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (CITIES.encode("cp1252"), "cp1252"),
        (CITIES.encode("latin-1"), "ISO-8859-1"),
        (CITIES.encode("utf-16-be"), "utf-16-be"),
        (CITIES.encode("utf-16"), None),
        (CITIES.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + CITIES.encode("utf-16-be"), None),
        (CITIES.encode("utf-8-sig"), None),
        (CITIES.encode(), "UTF8"),
    ],
    ids=["cp1252", "latin-1", "utf-16-be", "marked", "utf-16", "marked-be", "utf-8-sig", "utf-8"],
)
def test_a_text_in_another_encoding_is_the_same_table(write, content, encoding, packed):
    path = write("t.csv.gz" if packed else "t.csv", gzip.compress(content) if packed else content)
    table = read_table(path, "label", encoding=encoding, encode=True)
    assert table.y.tolist() == ["groß", "klein"] * 2
    assert table.feature_names == ["city=Köln", "city=Opole", "size"]
    assert table.X[:, 2].tolist() == [1.5, 2.25, 3.5, 4.5]
    queries = read_queries(
        path, table.feature_names, "label", y_train=table.y, coding=table.coding, encoding=encoding
    )
    assert np.array_equal(queries.X, table.X) and queries.y.tolist() == table.y.tolist()


def test_a_text_in_a_zip_may_have_another_encoding(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("t.csv", CITIES.encode("cp1252"))
    table = read_table(tmp_path / "t.zip", "label", encoding="cp1252", encode=True)
    assert table.y.tolist() == ["groß", "klein"] * 2


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-be"])
def test_wide_characters_without_a_mark_are_no_table(write, encoding):
    content = "a,visits,label\n1,2,0\n3,4,1\n"
    with pytest.raises(ValueError, match="NUL character|UTF-8"):
        read_table(write("t.csv", content.encode(encoding)), "label")
    assert read_table(write("u.csv", content.encode("utf-32")), "label").X.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="got the mark of UTF-8"):
        read_table(write("v.csv", content.encode("utf-8-sig")), "label", encoding="cp1252")
    with pytest.raises(ValueError, match="line 3: expected text, got a NUL character"):
        read_table(write("w.csv", "a,label\n1,yes\n2,yes\0\n"), "label")


def test_a_first_line_with_decimal_numbers_is_doubted(write):
    path = write("t.data", "-0.90,a,0.205,u,R\n" + "0.5,b,0.1,u,L\n0.7,a,0.3,v,R\n" * 4)
    with pytest.warns(TableWarning, match=r"decimal numbers \('-0.90', '0.205'\).*--no-header"):
        read_table(path, "-1", encode=True)
    read_table(path, "-1", encode=True, header=False)


def test_the_column_for_whose_holes_rows_are_lost_is_named(write):
    rows = "".join(f"{i},{'' if i % 3 else i},x{i % 2}\n" for i in range(20))
    with pytest.warns(TableWarning, match="have none in column 'b': --drop that column"):
        read_table(write("t.csv", "a,b,label\n" + rows), "label", missing="drop-rows", drop=[])


@pytest.mark.parametrize("encoding", ["nonsense", "", "hex", "rot13", "utf-8\0", 7])
def test_what_is_no_encoding_of_text_is_refused(write, encoding):
    with pytest.raises(ValueError, match="encoding must be one that Python knows"):
        read_table(write("t.csv", CSV), "label", encoding=encoding)


def test_a_wrong_encoding_is_told_with_the_line(write):
    with pytest.raises(ValueError, match="in the encoding ascii|expected UTF-8"):
        read_table(write("t.csv", CITIES.encode("cp1252")), "label", encoding="ascii")
    with pytest.raises(ValueError, match=r"text in the encoding utf-16.* below line \d"):
        read_table(write("t.csv", CITIES.encode("utf-16-le")[:-1]), "label", encoding="utf-16-le")
    arrays = write("t.npz", b"")
    np.savez(arrays, X=np.eye(2), y=[0, 1])
    with pytest.raises(ValueError, match="--encoding .* are for texts"):
        read_table(arrays, encoding="cp1252", label="y")


def test_rows_of_queries_are_called_by_their_numbers_in_the_file(write):
    text = "a,b,label\n1,5,x\n,5,x\n2,6,y\n3,,y\n4,9,x\n"
    with pytest.warns(TableWarning, match="2 of 5 rows"):
        train = read_table(write("t.csv", text), "label", missing="drop-rows")
    with pytest.warns(TableWarning, match="2 of 5 rows"):
        queries = read_queries(
            write("q.csv", text), train.feature_names, "label", y_train=train.y, coding=train.coding
        )
    assert queries.row_numbers.tolist() == train.row_numbers.tolist() == [0, 2, 4]
    assert queries.y.tolist() == ["x", "y", "x"]


def test_a_gzip_file_that_is_cut_off_or_damaged_is_refused(write):
    rng = np.random.default_rng(0)
    text = "a,b,label\n" + "".join(f"{u},{v},1\n" for u, v in rng.random((500, 2)))
    packed = gzip.compress(text.encode())
    for damaged in (packed[:-9], packed[: len(packed) // 2], packed[:300] + b"\0" * 50 + packed[350:]):
        with pytest.raises(ValueError, match="expected a whole gzip file|expected UTF-8|line"):
            read_table(write("t.csv.gz", damaged), "label")


def test_a_path_that_is_no_table_is_refused(write, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        read_table(tmp_path / "none.csv", "label")
    with pytest.raises(IsADirectoryError, match="got a folder"):
        read_table(tmp_path, "label")
    for name in ("t.xls", "t", "t.npz.gz", "t.sav"):
        with pytest.raises(ValueError, match="expected a file name that ends in one of .csv, .tsv"):
            read_table(write(name, CSV), "label")
    with pytest.raises(TypeError, match="label must be a column name"):
        read_table(write("t.csv", CSV), 1.0)
    with pytest.raises(ValueError, match="expected the name of the label column, got none"):
        read_table(write("t.csv", CSV), None)
    for label in ("3", "-4"):
        with pytest.raises(ValueError, match=f"between 0 and 2 .*got {label}; the columns are a, b, label"):
            read_table(write("t.csv", CSV), label)


def test_reading_csv_does_not_import_pandas_or_scikit_learn(write):
    code = (
        "import sys; from knn_cert.tables import read_table; read_table(sys.argv[1], 'label');"
        "print(sorted({'pandas', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    argv = [sys.executable, "-c", code, str(write("t.csv", CSV))]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_values_of_a_table_may_be_changed_by_their_owner(write):
    table = read_table(write("t.csv", CSV), "label")
    table.X[0, 0] = 7.0
    assert table.X.flags.c_contiguous and table.X[0, 0] == 7.0


# --- NPZ ----------------------------------------------------------------------------------------------------


def npz(tmp_path: Path, **arrays) -> Path:
    np.savez(tmp_path / "t.npz", **arrays)
    return tmp_path / "t.npz"


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, np.uint8, bool])
def test_npz_features_become_float64(tmp_path, dtype):
    values = np.array([[0, 1], [1, 0], [1, 1]]).astype(dtype)
    table = read_table(npz(tmp_path, X=values, y=np.array([1, 2, 1])), "y")
    assert table.X.dtype == np.float64 and np.array_equal(table.X, values.astype(float))
    assert table.feature_names == ["x0", "x1"] and table.label_name == "y"


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.array([1, 0, 1], np.uint8), [1, 0, 1]),
        (np.array([True, False, True]), [1, 0, 1]),
        (np.array([1.0, 0.0, 1.0], np.float32), [1, 0, 1]),
        (np.array(["ham", "spam", "ham"]), ["ham", "spam", "ham"]),
        (np.array([b"ham", b"spam", b"ham"]), ["ham", "spam", "ham"]),
    ],
)
def test_npz_labels_follow_the_rule_of_csv(tmp_path, y, expected):
    got = read_table(npz(tmp_path, X=X, y=y), None).y
    assert got.tolist() == expected and got.dtype.kind in "iU"


def test_npz_may_name_its_features_and_another_array_of_labels(tmp_path):
    path = npz(tmp_path, X=X, y=np.zeros(3), other=np.array([3, 4, 5]), feature_names=np.array(["a", "b"]))
    table = read_table(path, "other")
    assert table.y.tolist() == [3, 4, 5] and table.label_name == "other" and table.feature_names == ["a", "b"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": X}, "expected an array 'y' with the labels, beside X; the file has: X"),
        ({"data": X, "y": np.zeros(3)}, "expected an array X .* of features; the file has: data, y"),
        (
            {"X": X.reshape(1, 3, 2), "y": np.zeros(1)},
            r"expected X of shape \(n, d\), got \(1, 3, 2\).*reshape",
        ),
        ({"X": X.astype(str), "y": np.zeros(3)}, "expected numbers in X, got the type <U"),
        ({"X": X.astype(complex), "y": np.zeros(3)}, "expected numbers in X, got the type complex128"),
        ({"X": X[:0], "y": np.zeros(0)}, r"expected rows and columns in X, got the shape \(0, 2\)"),
        ({"X": X[:, :0], "y": np.zeros(3)}, r"got the shape \(3, 0\)"),
        ({"X": X, "y": np.zeros(2)}, r"expected one label a row, y of shape \(3,\), got \(2,\)"),
        ({"X": X, "y": np.zeros((3, 1))}, r"got \(3, 1\)"),
        ({"X": X, "y": np.array([0, 1, np.nan])}, "expected a label in every row, got none in row 3"),
        ({"X": X, "y": np.array(["a", "", "b"])}, "expected a label in every row, got none in row 2"),
        (
            {"X": np.where(X == 6, np.nan, X), "y": np.zeros(3)},
            r"missing values in 1 column\(s\): 'x1' \(first in row 3\)",
        ),
        ({"X": np.where(X == 6, -np.inf, X), "y": np.zeros(3)}, r"infinity in 1 column\(s\): 'x1'"),
        ({"X": X, "y": np.zeros(3), "feature_names": np.array(["a"])}, "expected 2 feature_names"),
        ({"X": X, "y": np.zeros(3), "feature_names": np.array(["a", "a"])}, "got 'a' more than once"),
        ({"X": np.array([{}, {}]), "y": np.zeros(2)}, "allow_pickle=False"),
    ],
)
def test_a_defective_npz_file_is_refused(tmp_path, arrays, message):
    path = npz(tmp_path, **arrays)
    with pytest.raises(ValueError, match=message) as caught:
        read_table(path, "y")
    assert str(path) in str(caught.value)


def test_the_features_of_an_npz_file_cannot_be_its_labels(tmp_path):
    with pytest.raises(ValueError, match="expected an array 'X' with the labels, beside X"):
        read_table(npz(tmp_path, X=X, y=np.zeros(3)), "X")


def test_an_npz_file_that_is_cut_off_is_refused(tmp_path):
    path = npz(tmp_path, X=X, y=np.zeros(3))
    content = path.read_bytes()
    damaged = bytearray(content)
    damaged[140:150] = b"\xff" * 10
    for data in (content[:-10], b"", b"X,y\n1,2\n", bytes(damaged)):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="expected a whole NPZ file"):
            read_table(path, "y")


# --- Parquet ------------------------------------------------------------------------------------------------


def parquet(tmp_path: Path, **columns) -> Path:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pd.DataFrame(columns).to_parquet(tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_parquet_gives_what_csv_gives(tmp_path):
    pd = pytest.importorskip("pandas")
    path = parquet(
        tmp_path,
        a=pd.array([1, -3, 0], dtype="Int64"),
        b=np.array([2.5, 400, 6], np.float32),
        c=[True, False, True],
        label=pd.Categorical(["spam", "ham", "spam"]),
    )
    table = read_table(path, "label")
    assert table.X.dtype == np.float64 and table.X.tolist() == [[1, 2.5, 1], [-3, 400, 0], [0, 6, 1]]
    assert table.y.tolist() == ["spam", "ham", "spam"] and table.feature_names == ["a", "b", "c"]


def test_parquet_labels_follow_the_rule_of_csv(tmp_path):
    pd = pytest.importorskip("pandas")
    for label, expected in (
        ([0, 1, 1], [0, 1, 1]),
        ([0.0, 1.0, 1.0], [0, 1, 1]),
        (["0", "1", "1"], [0, 1, 1]),
        (pd.array([0, 1, 1], dtype="Int64"), [0, 1, 1]),
        (["a", "1", "1"], ["a", "1", "1"]),
    ):
        assert read_table(parquet(tmp_path, a=[1, 2, 3], label=label), "label").y.tolist() == expected


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1, 2], "b": ["x", "y"], "label": [0, 1]}, r"1 text column\(s\): 'b' \(e.g. 'x', row 1\)"),
        ({"a": [1, None], "label": [0, 1]}, r"missing values in 1 column\(s\): 'a' \(first in row 2\)"),
        ({"a": [1, np.inf], "label": [0, 1]}, r"infinity in 1 column\(s\): 'a' \(first in row 2\)"),
        ({"a": [1, 2], "label": ["x", None]}, "a label in every row, got none in row 2"),
        ({"a": [1, 2], "b": [3, 4]}, "no label column 'label'; the columns are a, b"),
        ({"a": np.zeros(0), "label": np.zeros(0)}, "expected rows, got none"),
    ],
)
def test_a_defective_parquet_file_is_refused(tmp_path, columns, message):
    with pytest.raises(ValueError, match=message):
        read_table(parquet(tmp_path, **columns), "label")


def test_a_parquet_file_that_is_cut_off_is_refused(tmp_path):
    path = parquet(tmp_path, a=[1, 2], label=[0, 1])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="expected a whole Parquet file"):
        read_table(path, "label")


def test_without_pandas_a_parquet_file_names_the_extra_to_install(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'knn-cert\[parquet\]'"):
        read_table(write("t.parquet", b"PAR1"), "label")


# --- damage -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound_files(tmp_path_factory):
    """Return a folder and the bytes of one sound table of each kind, by file name."""
    folder = tmp_path_factory.mktemp("damage")
    values = np.random.default_rng(0).standard_normal((30, 3))
    text = "a,b,c,y\n" + "".join(
        f"{u!r},{v!r},{w!r},{i % 3}\n" for i, (u, v, w) in enumerate(values.tolist())
    )
    np.savez(folder / "t.npz", X=values, y=np.arange(30) % 3, feature_names=np.array(["a", "b", "c"]))
    files = {"t.csv": text.encode(), "t.csv.gz": gzip.compress(text.encode())}
    files["t.npz"] = (folder / "t.npz").read_bytes()
    if importlib.util.find_spec("pandas") and importlib.util.find_spec("pyarrow"):
        files["t.parquet"] = parquet(folder, a=values[:, 0], b=values[:, 1], y=np.arange(30) % 3).read_bytes()
    return folder, files


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_damaged_file_gives_finite_numbers_or_a_value_error_that_names_it(sound_files, data):
    folder, files = sound_files
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        stop = start + data.draw(st.sampled_from([0, 1, 20, len(content)]))
        content[start:stop] = data.draw(st.sampled_from([b"", b'"', b",", b"\n", b"\0", b"nan", b"\xff"]))
    path = folder / name
    path.write_bytes(bytes(content))
    try:
        table = read_table(path, "y")
    except ValueError as error:
        assert str(path) in str(error)  # noqa: PT017  some of these tables are read
    else:
        assert np.isfinite(table.X).all() and table.X.shape == (len(table.y), len(table.feature_names))


# --- queries ------------------------------------------------------------------------------------------------


def test_query_columns_are_matched_by_name(write):
    queries, y, _ = read_queries(write("q.csv", "label,b,a\n1,2,3\n0,5,6\n"), ["a", "b"], "label")
    assert queries.tolist() == [[3, 2], [6, 5]] and y.tolist() == [1, 0]


def test_queries_need_no_label_column(write):
    queries, y, _ = read_queries(write("q.csv", "b,a\n2,3\n"), ["a", "b"], "label")
    assert queries.tolist() == [[3, 2]] and y is None
    queries, y, _ = read_queries(write("q.csv", "a\n2\n3\n"), ["a"])
    assert queries.tolist() == [[2], [3]] and y is None


def test_missing_and_superfluous_query_columns_are_both_listed(write):
    path = write("q.csv", "a,B,c,label\n1,2,3,0\n")
    with pytest.raises(ValueError, match="expected the 2 feature columns.*missing: b; not expected: B, c"):
        read_queries(path, ["a", "b"], "label")
    with pytest.raises(ValueError, match="not expected: label"):
        read_queries(write("q.csv", "a,b,label\n1,2,0\n"), ["a", "b"])


def test_query_labels_take_the_type_of_the_training_labels(write):
    path = write("q.csv", "a,y\n1,2\n2,3\n")
    assert read_queries(path, ["a"], "y", y_train=np.array(["2", "x"]))[1].tolist() == ["2", "3"]
    assert read_queries(path, ["a"], "y", y_train=np.array([2, 3]))[1].tolist() == [2, 3]
    with pytest.raises(
        ValueError, match="expected integer labels, as in the training table, got 'x' in row 2"
    ):
        read_queries(write("q.csv", "a,y\n1,2\n2,x\n"), ["a"], "y", y_train=np.array([2, 3]))


def test_queries_from_npz_are_matched_by_name_or_else_by_position(tmp_path):
    path = npz(tmp_path, X=X, feature_names=np.array(["a", "b"]), y=np.array([0, 1, 0]))
    queries, y, _ = read_queries(path, ["b", "a"], "label")
    assert np.array_equal(queries, X[:, ::-1]) and queries.flags.c_contiguous and y.tolist() == [0, 1, 0]
    queries, y, _ = read_queries(npz(tmp_path, X=X), ["b", "a"], "label")
    assert np.array_equal(queries, X) and y is None
    with pytest.raises(ValueError, match="expected 3 columns in X, as in the training table, got 2"):
        read_queries(npz(tmp_path, X=X), ["a", "b", "c"])


def test_queries_from_parquet_are_matched_by_name(tmp_path):
    queries, y, _ = read_queries(parquet(tmp_path, b=[1, 2], a=[3, 4]), ["a", "b"], "label")
    assert queries.tolist() == [[3, 1], [4, 2]] and y is None


def test_a_defect_among_the_queries_is_placed_by_its_own_column(write):
    with pytest.raises(ValueError, match=r"'a' \(e.g. 'x', line 3\)"):
        read_queries(write("q.csv", "b,a\n1,2\n1,x\n"), ["a", "b"])


# --- hold-out -----------------------------------------------------------------------------------------------


def test_a_holdout_is_a_stratified_partition_of_the_rows():
    y = np.repeat([0, 1, 2], [50, 30, 20])
    train, test = holdout_rows(y, 0.2, 0)
    assert sorted([*train, *test]) == list(range(100))
    assert np.bincount(y[test]).tolist() == [10, 6, 4]
    assert not np.array_equal(test, np.sort(test)), "rows are shuffled"


def test_a_holdout_depends_on_the_seed_alone():
    y = np.repeat([0, 1], 50)
    assert np.array_equal(holdout_rows(y, 0.2, 1)[1], holdout_rows(y.copy(), 0.2, 1)[1])
    assert not np.array_equal(holdout_rows(y, 0.2, 1)[1], holdout_rows(y, 0.2, 2)[1])


def test_rows_keep_their_labels_through_a_holdout():
    y = np.array(["a", "b"] * 20)
    values = np.column_stack([np.arange(40.0), y == "a"])
    split = split_holdout(values, y, 10)
    assert split.X_train.shape == (30, 2) and split.X_test.shape == (10, 2)
    assert np.array_equal(split.X_train[:, 1] == 1, split.y_train == "a")
    assert np.array_equal(split.X_test[:, 1] == 1, split.y_test == "a")
    assert set(split.X_train[:, 0]) | set(split.X_test[:, 0]) == set(range(40))


@pytest.mark.parametrize("test_size", [0.0, 1.0, -0.1, float("nan"), 0, 6, -1])
def test_a_test_size_out_of_range_is_refused(test_size):
    with pytest.raises(
        ValueError, match=r"test_size must be a fraction in \(0, 1\) or a number of rows in \[1, 6\)"
    ):
        holdout_rows(np.array([0, 0, 0, 1, 1, 1]), test_size)


@pytest.mark.parametrize("test_size", [True, "0.2", None])
def test_a_test_size_that_is_no_number_is_a_type_error(test_size):
    with pytest.raises(TypeError, match="test_size must be a number"):
        holdout_rows(np.array([0, 0, 1, 1]), test_size)


def test_a_class_of_one_row_is_refused_by_name():
    with pytest.raises(
        ValueError, match=r"at least 2 rows of every class, got 1 of 2 class\(es\): 'b', 'c'; add rows"
    ):
        holdout_rows(np.array(["a", "a", "b", "a", "c"]))


@pytest.mark.parametrize(
    ("test_size", "sizes"), [(0.1, "9 training and 1 test"), (9, "1 training and 9 test")]
)
def test_a_side_too_small_for_every_class_is_refused(test_size, sizes):
    with pytest.raises(ValueError, match=f"at least one row of each of 2 classes on both sides, got {sizes}"):
        holdout_rows(np.repeat([0, 1], 5), test_size)
