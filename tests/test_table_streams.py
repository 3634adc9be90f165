"""Tables that are read some rows at a time hold what they hold when they are read at once."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from knn_cert.tables import (
    bytes_read_whole,
    delimited,
    read_queries,
    read_table,
    stream_or_none,
    stream_queries,
    stream_table,
)

TEXTS = {
    "plain": "a,b,y\n" + "".join(f"{i / 7},{i * i},{'yes' if i % 3 else 'no'}\n" for i in range(200)),
    "semicolons": "a;b;y\n" + "".join(f"{i},{i % 10};{-i % 7};{i % 2}\n" for i in range(100)),
    "quotes": 'a,"b",y\n' + "".join(f'"{i % 8}",{i / 3},"x, ""{i % 2}"""\n' for i in range(90)),
    "comments": "# of 2020\n# by hand\na,b,y\n" + "".join(f"{i % 7},{i / 3},{i % 4}.0\n" for i in range(60)),
    "blank lines": "a,b,y\n\n" + "".join(f"{i % 9},{i / 2},{i % 2}\n\n" for i in range(50)),
    "late text": "a,b,y\n" + "".join(f"{i / 9},{i % 3},{i % 2}\r\n" for i in range(120)) + '"7",8,1\r\n',
    "tabs": "sep=\t\na\tb\ty\n" + "".join(f"{i % 5}\t1e{i % 9}\t{i % 2}\n" for i in range(70)),
}
SIZES = [1, 7, 64, 10**6]


@pytest.fixture(params=[*TEXTS, "gzip", "parquet", "folder"])
def file(request, tmp_path):
    """A table of each kind: its path."""
    if request.param in TEXTS:
        path = tmp_path / "t.csv"
        path.write_text(TEXTS[request.param], newline="")
        return path
    if request.param == "gzip":
        path = tmp_path / "t.csv.gz"
        path.write_bytes(gzip.compress(TEXTS["plain"].encode()))
        return path
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.normal(size=230).astype("f4"), "b": np.arange(230) % 50, "y": np.arange(230) % 3}
    )
    if request.param == "parquet":
        frame.set_index("b").to_parquet(tmp_path / "t.parquet", row_group_size=50)
        return tmp_path / "t.parquet"
    for k, year in enumerate((2020, 2021, 2022)):
        part = tmp_path / "many" / f"year={year}"
        part.mkdir(parents=True)
        frame[70 * k : 70 * (k + 1)].to_parquet(part / "part.parquet", row_group_size=30)
    return tmp_path / "many"


def joined(parts):
    Xs, ys = zip(*parts, strict=True)
    return np.concatenate(Xs), np.concatenate(ys)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("reader", ["auto", "own"])
def test_a_training_table_in_parts_is_the_table(file, size, reader, monkeypatch):
    monkeypatch.setattr(delimited, "_reader", reader)
    table = read_table(file, "y")
    with stream_table(file, "y") as stream:
        labels = stream.labels(size)
        assert stream.feature_names == table.feature_names and stream.label_name == "y"
        assert stream.n_rows == len(table.X)
        parts = list(stream.parts(size, labels.meaning))
        assert all(len(X) == min(size, stream.n_rows) for X, _ in parts[:-1])
        X, y = joined(parts)
        middle = stream.n_rows // 2 + 1
        X_rest, y_rest = joined(stream.parts(size, labels.meaning, middle))
    np.testing.assert_array_equal(X, table.X)
    np.testing.assert_array_equal(y, table.y)
    np.testing.assert_array_equal(X_rest, table.X[middle:])
    np.testing.assert_array_equal(y_rest, table.y[middle:])
    classes, counts = np.unique(table.y, return_counts=True)
    np.testing.assert_array_equal(labels.classes, classes)
    np.testing.assert_array_equal(labels.counts, counts)


@pytest.mark.parametrize("size", SIZES)
def test_queries_in_parts_are_the_queries(file, size):
    table = read_table(file, "y")
    expected = read_queries(file, table.feature_names, "y", y_train=table.y)
    with stream_queries(file, table.feature_names, "y", y_train=table.y) as stream:
        assert stream.n_rows == len(expected.X)
        parts = list(stream.parts(size, 3))
    np.testing.assert_array_equal(np.concatenate([part.X for part in parts]), expected.X[3:])
    np.testing.assert_array_equal(np.concatenate([part.y for part in parts]), expected.y[3:])
    np.testing.assert_array_equal(np.concatenate([p.row_numbers for p in parts]), expected.row_numbers[3:])


@pytest.mark.parametrize("size", SIZES)
def test_coded_queries_in_parts_are_the_queries_and_rows_with_gaps_are_left_out(tmp_path, size):
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    rows = [f"{i % 17},{'red' if i % 2 else 'blue'},{i % 3 == 0}" for i in range(40)]
    train.write_text("\n".join(["n,colour,y", *rows]))
    rows[4], rows[30], rows[31] = "NA,red,True", "3,,False", ",blue,False"
    test.write_text("\n".join(["n,colour,y", *rows]))
    table = read_table(train, "y", encode=True, missing="drop-rows")
    options = {"y_train": table.y, "coding": table.decided}
    with pytest.warns(UserWarning, match="left out"):
        expected = read_queries(test, table.feature_names, "y", **options)
    with stream_queries(test, table.feature_names, "y", **options) as stream:
        parts = list(stream.parts(size))
    np.testing.assert_array_equal(np.concatenate([part.X for part in parts]), expected.X)
    found = np.concatenate([part.row_numbers for part in parts])
    np.testing.assert_array_equal(found, expected.row_numbers)
    assert not {4, 30, 31} & set(found.tolist())


def test_kinds_that_are_read_whole_give_the_same_queries(tmp_path):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(30, 2)), rng.integers(0, 2, 30)
    np.savez(tmp_path / "t.npz", X=X, y=y)
    with stream_queries(tmp_path / "t.npz", ["x0", "x1"], "y", y_train=y) as stream:
        parts = list(stream.parts(8))
    np.testing.assert_array_equal(np.concatenate([part.X for part in parts]), X)
    np.testing.assert_array_equal(np.concatenate([part.y for part in parts]), y)
    for label in ("y", None):
        with stream_or_none(tmp_path / "t.npz", label) as stream:
            assert stream is None
    with (
        pytest.raises(ValueError, match="t.npz: expected a training table in text or Parquet"),
        stream_table(tmp_path / "t.npz", "y"),
    ):
        pass


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1,x,0", "text"),
        ("1,,0", "missing"),
        ("1,inf,0", "infinity"),
        ("1,2", "expected 3 cells"),
        ("1,2,", "a label in every row"),
        ("1,2,NA", "a label in every row"),
        ("1,2_000,0", "separators"),
    ],
)
@pytest.mark.parametrize("at", [0, 5000])
def test_what_is_wrong_is_said_with_its_file_and_line(tmp_path, line, said, at):
    lines = [f"{i},{i},{i % 2}" for i in range(6000)]
    lines[at] = line
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(["a,b,y", *lines]))
    with (  # noqa: PT012  which of them raises is no matter
        pytest.raises(ValueError, match=rf"bad\.csv: .*{said}") as caught,
        stream_table(path, "y") as stream,
    ):
        labels = stream.labels(1000)
        list(stream.parts(1000, labels.meaning))
    assert str(at + 2) in str(caught.value)


def test_labels_that_are_numbers_in_some_parts_alone_are_texts(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(50)) + "3,two\n")
    with stream_table(path, "y") as stream:
        labels = stream.labels(10)
        assert labels.classes.tolist() == ["0", "1", "two"]
        assert {y.dtype.kind for _, y in stream.parts(10, labels.meaning)} == {"U"}
    np.testing.assert_array_equal(labels.counts, [25, 25, 1])


def whole_and_parts(path, size=7):
    """Return the labels of a table that is read whole, and in parts."""
    whole = read_table(path, "y")
    with stream_table(path, "y") as stream:
        labels = stream.labels(size)
        X, y = joined(stream.parts(size, labels.meaning))
    np.testing.assert_array_equal(X, whole.X)
    return whole.y, y, labels


LABELS = {
    "true and false": pa.array([True, False, True] * 10),
    "singles": pa.array(np.array([0, 1, 2] * 10, dtype=np.float32)),
    "large singles": pa.array(np.array([0, 2**24, 2**40] * 10, dtype=np.float32)),
    "halves": pa.array(np.array([0, 1, 2] * 10, dtype=np.float16)),
    "bytes": pa.array(np.array([0, 1, 200] * 10, dtype=np.uint8)),
    "words": pa.array(["a", "b", "10"] * 10),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_type_are_the_same_in_parts(tmp_path, kind):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": np.arange(30) / 7, "y": LABELS[kind]}), path, row_group_size=11)
    whole, parts, labels = whole_and_parts(path)
    np.testing.assert_array_equal(parts, whole)
    assert parts.dtype == whole.dtype
    np.testing.assert_array_equal(labels.classes, np.unique(whole))


def test_single_precision_words_are_refused_alike(tmp_path):
    path = tmp_path / "t.parquet"
    values = pa.array(np.array([0.1, 1, 2] * 10, dtype=np.float32))
    pq.write_table(pa.table({"a": np.arange(30) / 7, "y": values}), path)
    for read in (read_table, lambda *words: whole_and_parts(path)):
        with pytest.raises(ValueError, match=r"must be whole ones of at most 64 bits, got '0\.10000000149"):
            read(path, "y")


@pytest.mark.parametrize("missing", [7, 29])
def test_true_and_false_with_gaps_are_the_same_in_parts(tmp_path, missing):
    path = tmp_path / "t.parquet"
    cells = [None if row == missing else row % 3 == 0 for row in range(30)]
    pq.write_table(pa.table({"a": np.arange(30) / 7, "y": pa.array(cells)}), path, row_group_size=11)
    with pytest.warns(UserWarning, match="left out"):
        whole = read_table(path, "y", missing="drop-rows")
    with stream_table(path, "y", missing="drop-rows") as stream:
        labels = stream.labels(4)
        X, y = joined(stream.parts(4, labels.meaning))
    np.testing.assert_array_equal(X, whole.X)
    np.testing.assert_array_equal(y, whole.y)
    assert y.dtype == np.int64


N_ROWS = 6000  # more than those that tell the sign in front of decimals
LATE = {
    "a point": ("1.5", "numbers with a point"),
    "a point in front of thousands": ("1.234", "numbers with a point"),
    "a power": ("1.5e3", "numbers with a point"),
}


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize("n_late", [1, 1500])  # in whole parts no cell has a comma
@pytest.mark.parametrize("decimal", [None, ","])
@pytest.mark.parametrize("reader", ["auto", "own"])
def test_a_late_decimal_point_among_commas_is_refused(
    tmp_path, monkeypatch, late, column, n_late, decimal, reader
):
    monkeypatch.setattr(delimited, "_reader", reader)
    cell, said = LATE[late]
    rows = [[f"{row},5", f"{row % 3}", f"{row % 2}"] for row in range(N_ROWS)]
    for row in rows[-n_late:]:
        row[column] = cell
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a;b;y", *map(";".join, rows)]))
    with pytest.raises(ValueError, match=f"separators|{said}" if decimal is None else said):
        read_table(path, "y", decimal=decimal)
    with (
        pytest.raises(
            ValueError, match=rf"{said}: '.' \(e\.g\. '{cell}', line {N_ROWS + 2 - n_late}\); other numbers"
        ),
        stream_table(path, "y", decimal=decimal) as stream,
    ):
        list(stream.parts(1000, stream.labels(1000).meaning))


@pytest.mark.parametrize("reader", ["auto", "own"])
def test_late_decimal_commas_are_refused_with_the_remedy(tmp_path, monkeypatch, reader):
    monkeypatch.setattr(delimited, "_reader", reader)
    rows = [f"{row}{',5' if row == N_ROWS - 5 else ''};{row % 3};{row % 2}" for row in range(N_ROWS)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a;b;y", *rows]))
    whole = read_table(path, "y")
    with (
        pytest.raises(ValueError, match=rf"'{N_ROWS - 5},5', line {N_ROWS - 3}.*say --decimal ,") as caught,
        stream_table(path, "y") as stream,
    ):
        list(stream.parts(1000, stream.labels(1000).meaning))
    assert "encode" not in str(caught.value)
    with stream_table(path, "y", decimal=",") as stream:
        X, _ = joined(stream.parts(1000, stream.labels(1000).meaning))
    np.testing.assert_array_equal(X, whole.X)


@pytest.mark.parametrize("reader", ["auto", "own"])
def test_points_in_labels_are_no_points_in_numbers(tmp_path, monkeypatch, reader):
    monkeypatch.setattr(delimited, "_reader", reader)
    path = tmp_path / "t.csv"
    path.write_text(
        "a;b;y\n" + "".join(f"{row},5;{row % 3};{'v.1' if row % 2 else 'w'}\n" for row in range(90))
    )
    whole, parts, _ = whole_and_parts(path)
    np.testing.assert_array_equal(parts, whole)


def test_a_header_that_is_a_row_is_refused_in_parts(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "1,2,yes\n" + "".join(f"{row},{row % 3},{'yes' if row % 2 else 'no'}\n" for row in range(9))
    )
    for read in (lambda: read_table(path, "yes"), lambda: stream_labels(path, "yes")):
        with pytest.raises(ValueError, match="the first line seems to hold data"):
            read()


def stream_labels(path, label):
    with stream_table(path, label) as stream:
        return stream.labels(4)


def test_a_label_that_was_not_there_before_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    text = "a,y\n" + "".join(f"{row},{row % 2}\n" for row in range(9))
    path.write_text(text)
    with stream_table(path, "y") as stream:
        labels = stream.labels(4)
        path.write_text(text.replace("6,0", "6,3"))
        with pytest.raises(
            ValueError, match=r"expected the labels .* got '3' in line 8; leave the table alone"
        ):
            list(stream.parts(4, labels.meaning))


@pytest.mark.parametrize("suffix", ["npz", "feather", "xlsx"])
def test_what_a_table_unpacks_to_is_known_before_it_is_read(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    X = np.ones((3000, 4))
    frame = pd.DataFrame(X, columns=list("abcd"))
    if suffix == "npz":
        np.savez_compressed(path, X=X, y=np.arange(3000) % 2)
    else:
        (frame.to_feather if suffix == "feather" else frame.to_excel)(path)
    n_bytes = bytes_read_whole(path)
    assert n_bytes is not None and n_bytes >= X.nbytes > path.stat().st_size
    frame.to_csv(tmp_path / "t.csv")
    assert bytes_read_whole(tmp_path / "t.csv") is None
    path.write_bytes(b"damaged")
    assert bytes_read_whole(path) == 7


@pytest.mark.parametrize("reader", ["auto", "own"])
def test_a_late_decimal_point_is_refused_in_a_column_with_gaps_too(tmp_path, monkeypatch, reader):
    monkeypatch.setattr(delimited, "_reader", reader)
    late = N_ROWS - 1500
    rows = [f"{row},5;{'NA' if row == 3 else 1 if row < late else 1.5};{row % 2}" for row in range(N_ROWS)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a;b;y", *rows]))
    with (
        pytest.raises(ValueError, match=rf"numbers with a point: 'b' \(e\.g\. '1\.5', line {late + 2}\)"),
        stream_table(path, "y", missing="drop-rows") as stream,
    ):
        list(stream.parts(500, stream.labels(500).meaning))
