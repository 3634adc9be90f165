"""Tables of an attacker, tables without end and tables too large: refused at once, in one printable line."""

from __future__ import annotations

import gc
import gzip
import os
import struct
import time
import warnings

import numpy as np
import pytest

from knn_cert.tables import (
    delimited,
    read_queries,
    read_table,
    size,
    source,
)

# --- names and labels of an attacker ------------------------------------------------------------------------

ESCAPES = "\x1b[2J\u202e\n\x9b"


@pytest.mark.parametrize(
    "content",
    [
        'a,"b{0}",y\n1,x{0},p\n',
        '"a{0}","b{0}",y\n1,2,p\n1,2\n',
        '"a{0}","a{0}",y\n1,2,p\n',
        '"a{0}",b,z\n1,2,p\n',
        '"{0}t{0}"\n1,2,p\n',
        'a,b,y\n"x{0}",2,p\n',
    ],
)
def test_messages_show_names_and_cells_of_the_table_as_escapes(write, content):
    path = write(content.format(ESCAPES.replace("\n", "") if "x{0}" in content else ESCAPES))
    with pytest.raises(ValueError, match="t.csv") as caught:
        read_table(path, "y")
    assert str(caught.value).isprintable()


def test_messages_show_the_name_of_the_file_as_escapes(tmp_path):
    try:
        path = tmp_path / f"t{ESCAPES}.csv"
        path.write_text("a,b\n1,2\n")
    except OSError:
        pytest.skip("this file system has no such names")
    for act in (lambda: read_table(path, "y"), lambda: read_table(path.with_suffix(".tsv"), "y")):
        with pytest.raises((ValueError, OSError)) as caught:
            act()
        assert str(caught.value).isprintable()


def test_many_columns_do_not_make_an_endless_message(write):
    names = ",".join(f"c{j}" for j in range(5000))
    with pytest.raises(ValueError, match="t.csv") as caught:
        read_table(write(f"{names}\n{','.join('1' * 5000)}\n"), "y")
    assert len(str(caught.value)) < 500


# --- size and time ------------------------------------------------------------------------------------------


def test_a_small_file_that_unpacks_to_a_huge_table_is_refused_at_once(write, monkeypatch):
    monkeypatch.setattr(size, "_ALWAYS_ALLOWED", 1 << 22)
    message = (
        "expected a table of at most 4 MiB once unpacked .256 MiB, or 100 times the [0-9]+ bytes of the file"
    )
    for content in (b"a,b,y\n" + b"1,2,0\n" * 10**6, bytes(1 << 23)):
        with pytest.raises(ValueError, match=message):
            read_table(write(gzip.compress(content), "t.csv.gz"), "y")


def test_a_small_npz_or_parquet_file_of_a_huge_table_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(size, "_ALWAYS_ALLOWED", 1 << 22)
    np.savez_compressed(tmp_path / "t.npz", X=np.zeros((2**18, 4)), y=np.zeros(2**18))
    with pytest.raises(ValueError, match="expected a table of at most 4 MiB once unpacked"):
        read_table(tmp_path / "t.npz", None)
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pd.DataFrame({"a": np.zeros(2**19), "y": np.zeros(2**19)}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="expected a table of at most 4 MiB once unpacked"):
        read_table(tmp_path / "t.parquet", "y")


def test_a_regular_table_is_read_however_well_it_packs(write, monkeypatch):
    monkeypatch.setattr(size, "_ALWAYS_ALLOWED", 1 << 10)
    rows = "".join(f"{i % 7},{i % 3},{i % 2}\n" for i in range(2000))
    assert len(read_table(write(gzip.compress(f"a,b,y\n{rows}".encode()), "t.csv.gz"), "y").y) == 2000


@pytest.mark.skipif(os.name == "nt", reason="no devices and pipes in the file system there")
def test_a_device_or_a_pipe_is_no_table(tmp_path):
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("zero.csv", "pipe.csv"):
        with pytest.raises(ValueError, match="expected a file, got a device, a pipe or a socket"):
            read_table(tmp_path / name, "y")


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("knn_cert.tables.lines.LONGEST_LINE", 1000)
    with open(tmp_path / "t.csv", "wb") as file:
        file.truncate(1 << 20)
    with pytest.raises(ValueError, match="line 1: expected lines of less than 1000 characters"):
        read_table(tmp_path / "t.csv", "y")


def test_the_time_for_column_names_grows_with_their_number_alone(write, monkeypatch):
    monkeypatch.setattr(source, "read_delimited", delimited.read_delimited)  # one reader, as users have it

    def seconds(d):
        path = write(",".join(f"c{j}" for j in range(d)) + ",y\n" + "1," * d + "0\n")
        start = time.process_time()  # what others do on the machine does not count
        read_queries(path, read_table(path, "y").feature_names, "y")
        return time.process_time() - start

    assert min(seconds(40_000) for _ in range(2)) < 16 * max(min(seconds(5_000) for _ in range(3)), 0.02)


def test_a_broken_npz_file_is_closed_again(tmp_path):
    # The end of a zip archive that promises one entry of 46 bytes, and something else in its place.
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 46, 0, 0)
    (tmp_path / "t.npz").write_bytes(b"PK\x03\x04" + bytes(42) + end)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match="expected a whole NPZ file"):
            read_table(tmp_path / "t.npz", None)
        gc.collect()
    assert [w for w in seen if w.category is ResourceWarning] == []


def test_an_error_of_pyarrow_is_told_in_one_line(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "t.parquet").write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    with pytest.raises(
        ValueError, match="expected a whole Parquet file, got one that cannot be read"
    ) as caught:
        read_table(tmp_path / "t.parquet", "y")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 600
