"""Kinds of files and frames: each gives the same table; bombs and damaged files are refused in one line."""

from __future__ import annotations

import gzip
import io
import struct
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knn_cert.tables import read_queries, read_table, size

X = [[1.5, 2.0], [-3.0, 400.0], [0.5, 6.0]]
COLUMNS = {"a": [1.5, -3.0, 0.5], "b": [2, 400, 6], "y": ["p", "q", "p"]}
CSV = "a,b,y\n1.5,2,p\n-3,400,q\n.5,6,p\n"


@pytest.fixture
def pd():
    return pytest.importorskip("pandas")


def zipped(**members: str | bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("r__", "r/").replace("_dot_", "."), text)
    return content.getvalue()


# --- zip ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members",
    [
        {"t_dot_csv": CSV},
        {"folder__t_dot_data": CSV, "folder__Index": "words", "__MACOSX/t_dot_csv": b"\0"},
        {"README_dot_txt": "words, and\nwords", "t_dot_tsv": CSV.replace(",", "\t"), "t_dot_names": "words"},
        {"t_dot_txt": CSV.replace(",", " ")},
    ],
)
def test_the_only_table_of_an_archive_is_read(write, members):
    table = read_table(write(zipped(**members), "t.zip"), "y")
    assert table.X.tolist() == X and table.y.tolist() == ["p", "q", "p"]
    assert read_queries(write(zipped(**members), "t.csv.zip"), ["b", "a"], "y")[0][:, 1].tolist() == [
        1.5,
        -3,
        0.5,
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped(a_dot_csv=CSV, b_dot_csv=CSV), "expected one table .*got a.csv, b.csv; unpack it"),
        (zipped(a_dot_txt=CSV, b_dot_txt=CSV), "expected one table .*got a.txt, b.txt"),
        (zipped(a_dot_pdf=CSV), "expected one table .*got a.pdf"),
        (zipped(), "expected one table .*got nothing"),
        (zipped(a_dot_zip=zipped(t_dot_csv=CSV)), "expected one table"),
        (zipped(t_dot_csv=CSV)[:-8], "expected a whole zip archive"),
        (zipped(t_dot_csv=CSV)[:40], "expected a whole zip archive"),
        (b"PK\x03\x04", "expected a whole zip archive"),
        (b"", "expected a whole zip archive"),
        (zipped(t_dot_csv=CSV.replace("6", "x")), r"t.csv: expected numbers .*'b' \(e.g. 'x', line 4\)"),
    ],
    ids=range(10),  # the bytes of an archive hold the time
)
def test_an_archive_without_one_sound_table_is_refused(write, content, message):
    path = write(content, "t.zip")
    with pytest.raises(ValueError, match=message) as caught:
        read_table(path, "y")
    assert str(path) in str(caught.value) and str(caught.value).isprintable()


def test_a_member_leads_to_no_other_folder(write, tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../../escaped.csv", CSV)
    assert read_table(write(content.getvalue(), "t.zip"), "y").X.tolist() == X
    assert not list(tmp_path.parent.parent.glob("escaped*"))


def test_an_archive_that_unpacks_to_too_much_is_refused_whatever_it_says_of_its_size(write, monkeypatch):
    monkeypatch.setattr(size, "_ALWAYS_ALLOWED", 1 << 20)
    bomb = zipped(t_dot_csv="a,y\n" + "1,p\n" * 10**6)
    message = "expected a table of at most 1 MiB once unpacked"
    with pytest.raises(ValueError, match=message):
        read_table(write(bomb, "t.zip"), "y")
    lying = bytearray(bomb)
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", lying, bomb.index(signature) + offset, 1000)
    with pytest.raises(ValueError, match=message + "|expected a whole zip archive|no end|line"):
        read_table(write(bytes(lying), "t.zip"), "y")


def test_an_archive_with_a_password_is_refused(write):
    content = bytearray(zipped(t_dot_csv=CSV))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    with pytest.raises(ValueError, match="without a password, got one that cannot be read"):
        read_table(write(bytes(content), "t.zip"), "y")


# --- Excel --------------------------------------------------------------------------------------------------


@pytest.fixture
def workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")

    def _write(*sheets):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for k, rows in enumerate(sheets):
            sheet = book.create_sheet(f"sheet {k}")
            for row in rows:
                sheet.append(row)
        book.save(tmp_path / "t.xlsx")
        return tmp_path / "t.xlsx"

    return _write


def test_a_workbook_with_one_table_is_read(workbook):
    rows = [["a", " b ", "y"], [1.5, 2, "p"], [-3, 400, "q"], [0.5, "6", "p"]]
    for sheets in ([rows], [[], rows, [[None], [None, ""]]], [[[], [None], *rows, []]]):
        table = read_table(workbook(*sheets), "y")
        assert (
            table.X.tolist() == X
            and table.feature_names == ["a", "b"]
            and table.y.tolist() == ["p", "q", "p"]
        )
    queries, y, _ = read_queries(workbook([["b", "a"], [2, 1.5]]), ["a", "b"], "y")
    assert queries.tolist() == [[1.5, 2]] and y is None
    assert read_table(workbook(rows[1:]), "-1", header=False).feature_names == ["0", "1"]


@pytest.mark.parametrize(
    ("sheets", "message"),
    [
        ([[["a", "y"], [1, "p"]]] * 2, "expected one sheet with a table, got 2: 'sheet 0', 'sheet 1'"),
        ([[]], "an empty workbook"),
        ([[["a", "y"]]], "expected rows below the header line"),
        ([[[1.5, 2.5], [3, 4]]], "the first line seems to hold data"),
        ([[["a", "y"], [1, "p"], ["red", "q"]]], r"1 text column\(s\): 'a' \(e.g. 'red', row 3\)"),
        ([[[], ["a", "y"], [], [None, "p"]]], r"missing values in 1 column\(s\): 'a' \(first in row 4\)"),
        ([[["a", "y"], [1, "p"], [2, None]]], "expected a label in every row, got none in row 3"),
        ([[["My table"], ["a", "b", "y"], [1, 2, "p"]]], "row 2: expected 1 cells as in row 1, got 3; name"),
        ([[["a", "y"], ["#DIV/0!", "p"]]], "'#DIV/0!', row 2"),
    ],
)
def test_a_workbook_that_is_no_table_is_refused_with_its_row(workbook, sheets, message):
    with pytest.raises(ValueError, match=message):
        read_table(workbook(*sheets), "y")


def test_dates_of_a_workbook_are_dates(workbook):
    import datetime as dt

    rows = [["when", "y"], [dt.datetime(2024, 1, 2, 12), "p"], [dt.datetime(1970, 1, 2), "q"]]
    with pytest.raises(ValueError, match=r"1 column\(s\) of dates or times: 'when'"):
        read_table(workbook(rows), "y")
    assert read_table(workbook(rows), "y", encode=True).X.tolist() == [[19724.5], [1]]


def test_a_small_workbook_of_a_huge_table_is_refused(workbook, monkeypatch):
    path = workbook([["a", "y"], *([1, "p"] for _ in range(20_000))])
    monkeypatch.setattr(size, "_ALWAYS_ALLOWED", 1 << 16)
    monkeypatch.setattr(size, "_LARGEST_RATIO", 1)
    with pytest.raises(ValueError, match="expected a table of at most 0 MiB once unpacked"):
        read_table(path, "y")


def test_one_cell_far_away_does_not_fill_the_memory(workbook, tmp_path, monkeypatch):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["a", "y"])
    book.active["XFD9999"] = 1
    book.save(tmp_path / "far.xlsx")
    monkeypatch.setattr(size, "_ALWAYS_ALLOWED", 1 << 18)
    with pytest.raises(ValueError, match="once unpacked"):
        read_table(tmp_path / "far.xlsx", "y")


def test_a_damaged_workbook_is_refused_and_a_missing_package_named(workbook, write, monkeypatch):
    content = workbook([["a", "y"], [1, "p"]]).read_bytes()
    for damaged in (content[:-30], content[:200], b"", b"a,y\n1,p\n", zipped(t_dot_csv=CSV)):
        with pytest.raises(ValueError, match="expected a whole workbook of Excel"):
            read_table(write(damaged, "t.xlsx"), "y")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ImportError, match=r"pip install 'knn-cert\[excel\]'"):
        read_table(write(content, "t.xlsx"), "y")


# --- Arrow --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t.feather", "t.arrow"])
@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_feather_and_arrow_files_are_read(tmp_path, pd, name, compression):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({**COLUMNS, "y": pd.Categorical(COLUMNS["y"])})
    frame.to_feather(tmp_path / name, compression=compression)
    table = read_table(tmp_path / name, "y")
    assert table.X.tolist() == X and table.y.tolist() == ["p", "q", "p"]


def test_streams_of_arrow_are_read(tmp_path, pd):
    pa = pytest.importorskip("pyarrow")
    data = pa.table({**COLUMNS, "b": pa.chunked_array([[2], [400, 6]])})
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink, pa.ipc.new_stream(sink, data.schema) as writer:
        writer.write_table(data)
    assert read_table(tmp_path / "t.arrow", "y").X.tolist() == X


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
@pytest.mark.parametrize(
    "columns",
    [
        {"a": np.zeros(2**19), "y": np.zeros(2**19)},
        {"a": ["0" * 2**22], "y": ["p"]},  # few rows, a large cell
    ],
)
def test_a_small_arrow_file_of_a_huge_table_is_refused(tmp_path, pd, monkeypatch, columns, compression):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(size, "_ALWAYS_ALLOWED", 1 << 20)
    pd.DataFrame(columns).to_feather(tmp_path / "t.feather", compression=compression)
    with pytest.raises(ValueError, match="expected a table of at most [0-9]+ MiB once unpacked"):
        read_table(tmp_path / "t.feather", "y")


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_arrow_file_or_archive_is_refused_or_read(tmp_path_factory, data):
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    folder = tmp_path_factory.getbasetemp()
    name = data.draw(st.sampled_from(["t.feather", "t.zip"]))
    if name == "t.feather":
        pandas.DataFrame(COLUMNS).to_feather(folder / name, compression="lz4")
        content = bytearray((folder / name).read_bytes())
    else:
        content = bytearray(zipped(t_dot_csv=CSV))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        stop = start + data.draw(st.sampled_from([0, 1, 8, len(content)]))
        content[start:stop] = data.draw(st.sampled_from([b"", b"\xff" * 4, b"\0", b"PK", b"\x7f" * 8]))
    path = folder / f"damaged-{name}"
    path.write_bytes(bytes(content))
    try:
        table = read_table(path, "y")
    except ValueError as error:
        assert str(path) in str(error) and str(error).isprintable()  # noqa: PT017  some are read
    else:
        assert np.isfinite(table.X).all()


# --- folders of Parquet files -------------------------------------------------------------------------------


def test_a_folder_of_parquet_files_is_one_table_and_its_subfolders_are_columns(tmp_path, pd):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({**COLUMNS, "year": [2024, 2023, 2024], "place": ["x", "x", "z"]})
    frame.to_parquet(tmp_path / "t", partition_cols=["year", "place"])
    (tmp_path / "t" / "_SUCCESS").write_text("")
    table = read_table(tmp_path / "t", "y", drop=["place"])
    assert table.feature_names == ["a", "b", "year"]
    assert sorted(table.X.tolist()) == sorted([[1.5, 2, 2024], [-3, 400, 2023], [0.5, 6, 2024]])
    encoded = read_table(tmp_path / "t", "y", encode=True, drop=["place"])
    assert sorted(encoded.X.tolist()) == sorted(table.X.tolist())
    by_place = read_table(tmp_path / "t", "place", drop=["y"])
    assert sorted(by_place.y.tolist()) == ["x", "x", "z"]
    queries, y, _ = read_queries(tmp_path / "t", ["year", "b"], "y", drop=["a", "place"])
    assert sorted(queries.tolist()) == [[2023, 400], [2024, 2], [2024, 6]] and sorted(y) == ["p", "p", "q"]


def test_the_rows_of_a_folder_come_in_the_order_of_its_file_names(tmp_path, pd):
    pytest.importorskip("pyarrow")
    for k in (2, 0, 1):
        pd.DataFrame({"a": [10.0 * k, 10.0 * k + 1], "y": [k, k]}).to_parquet(tmp_path / f"part-{k}.parquet")
    assert read_table(tmp_path, "y").X[:, 0].tolist() == [0, 1, 10, 11, 20, 21]


def test_a_folder_that_is_no_table_is_refused(tmp_path, pd, monkeypatch):
    pytest.importorskip("pyarrow")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "t.csv").write_text(CSV)
    with pytest.raises(IsADirectoryError, match="a folder of Parquet files, got a folder without any"):
        read_table(tmp_path / "empty", "y")
    pd.DataFrame(COLUMNS).to_parquet(tmp_path / "t0.parquet")
    pd.DataFrame({**COLUMNS, "c": 1}).to_parquet(tmp_path / "t1.parquet")
    with pytest.raises(ValueError, match="expected the same columns in every file, got 'c' in some"):
        read_table(tmp_path, "y")
    (tmp_path / "t1.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="expected a whole Parquet file"):
        read_table(tmp_path, "y")
    zeros = pd.DataFrame({"a": np.zeros(2**19), "y": np.zeros(2**19)})
    for k in range(2):
        zeros.to_parquet(tmp_path / f"t{k}.parquet")
    monkeypatch.setattr(size, "_ALWAYS_ALLOWED", 1 << 20)
    with pytest.raises(ValueError, match="once unpacked"):
        read_table(tmp_path, "y")


# --- frames -------------------------------------------------------------------------------------------------


@pytest.fixture(params=["pandas", "polars", "pyarrow"])
def make(request):
    """Return the function of a library that makes a frame of columns."""
    library = pytest.importorskip(request.param)
    return library.table if request.param == "pyarrow" else library.DataFrame


def test_a_frame_is_read_in_the_place_of_a_file(make):
    table = read_table(make({**COLUMNS, " c ": [True, False, True]}), "y")
    assert table.X.tolist() == [[1.5, 2, 1], [-3, 400, 0], [0.5, 6, 1]] and table.y.tolist() == [
        "p",
        "q",
        "p",
    ]
    assert table.feature_names == ["a", "b", "c"] and table.label_name == "y" and table.X.flags.c_contiguous
    queries, y, _ = read_queries(make({"b": [2], "a": [1.5]}), ["a", "b"], "y")
    assert queries.tolist() == [[1.5, 2]] and y is None


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1, 2], "b": ["x", "z"]}, r"1 text column\(s\): 'b' \(e.g. 'x', row 1\)"),
        ({"a": [1, None], "b": [1, 2]}, r"missing values in 1 column\(s\): 'a' \(first in row 2\)"),
        ({"a": [1.0, float("nan")], "b": [1, 2]}, r"missing values in 1 column\(s\): 'a' \(first in row 2\)"),
        ({"a": [None, None], "b": [1, 2]}, r"missing values in 1 column\(s\): 'a' \(first in row 1\)"),
        ({"a": [1.0, float("inf")], "b": [1, 2]}, r"infinity in 1 column\(s\): 'a' \(first in row 2\)"),
        ({"a": ["1", "2"], "b": [1, 2]}, r"numbers stored as text: 'a' \(e.g. '1', row 1\)"),
        ({"a": [1, 2], "": [1, 2]}, "got none for column 2"),
        ({"a": [1, 2], " a": [1, 2]}, "got 'a' more than once"),
        ({"a": [], "b": []}, "expected rows, got none"),
    ],
)
def test_a_defective_frame_is_refused_with_its_row(make, columns, message):
    y = {"y": ["p"] * len(columns["a"])}
    with pytest.raises(ValueError, match=message) as caught:
        read_table(make({**columns, **y}), "y")
    assert str(caught.value).startswith(("DataFrame: ", "Table: "))


def test_dates_and_labels_of_a_polars_frame(pd):
    pl = pytest.importorskip("polars")
    import datetime as dt

    frame = pl.DataFrame({"when": [dt.date(1970, 1, 2), dt.date(1970, 1, 4)], "y": [None, 1]})
    with pytest.raises(
        ValueError, match=r"dates or times: 'when' .*no label in 1 row\(s\) \(first in row 1\)"
    ):
        read_table(frame, "y")
    table = read_table(frame.with_columns(y=pl.Series([2, 1])), "y", encode=True)
    assert table.X.tolist() == [[1], [3]] and table.y.tolist() == [2, 1]


def test_an_index_with_a_name_is_a_column_of_a_frame(pd):
    frame = pd.DataFrame(COLUMNS)
    assert read_table(frame.set_index("a"), "y").feature_names == ["a", "b"]
    assert read_table(frame.set_axis([7, 3, 5]), "y").feature_names == ["a", "b"]
    assert frame.columns.tolist() == ["a", "b", "y"], "the frame of the user stays as it was"


@pytest.mark.parametrize("kind", ["series", "list", "array", "lazy"])
def test_what_is_no_frame_is_a_type_error(pd, kind):
    if kind == "lazy":
        source = pytest.importorskip("polars").DataFrame(COLUMNS).lazy()
    else:
        source = {"series": pd.Series([1]), "list": [[1]], "array": np.eye(2)}[kind]
    with pytest.raises(
        TypeError, match="a table must be a path, a DataFrame of pandas or polars, or a Table"
    ):
        read_table(source, "y")


def test_options_for_texts_are_refused_for_frames(pd):
    with pytest.raises(ValueError, match=r"DataFrame: --no-header \(header=False\) is for"):
        read_table(pd.DataFrame(COLUMNS), "y", header=False)


# --- text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"ARROW1\0\0rest", "an Arrow file; rename it to .arrow"),
        (b"\xd0\xcf\x11\xe0rest", "a workbook of an old Excel; save it as .xlsx or CSV"),
        (b"@relation iris\n@attribute a real\n@data\n1,p\n", "an ARFF file; save it as CSV"),
    ],
)
@pytest.mark.parametrize("name", ["t.csv", "t.data", "t.txt"])
def test_what_is_no_table_of_text_is_recognised_in_any_text(write, content, got, name):
    with pytest.raises(ValueError, match=f"got {got}"):
        read_table(write(content, name), "y")


def test_a_column_may_be_called_as_in_mail(write):
    assert read_table(write("@timestamp,y\n7,p\n9,q\n"), "y").feature_names == ["@timestamp"]


def test_a_packed_text_may_be_called_txt_or_data(write):
    for name in ("t.txt.gz", "t.data.gz"):
        assert read_table(write(gzip.compress(CSV.encode()), name), "y").X.tolist() == X
