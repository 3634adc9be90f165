"""Pandas and our own reader accept and refuse the same texts with the same words, to the last bit.

Every text that any test of tables reads goes through both (two_readers.py); here are those made for it.
"""

from __future__ import annotations

import gzip
import sys
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knn_cert.tables import TableWarning, delimited, quick, read_table, source

PIECES = st.sampled_from(
    [
        ",",
        ",",
        ",",
        "\n",
        "\n",
        "\n",
        "\r\n",
        "\r",
        '"',
        '""',
        '"x"',
        '"1"',
        '"1,5"',
        '"a\nb"',
        " ",
        "\t",
        "\0",
    ]
    + [
        "1",
        "2.5",
        "-3e2",
        "1e999",
        "nan",
        "NA",
        "?",
        "inf",
        "1_0",
        "0x1F",
        "\u0663",
        "1.",
        ".5",
        "+7",
        "1e",
        "- 1",
    ]
    + ["x", "y", "red", "\u00e9", "\ufeff", "True", "#", "%", ";", "|", "1,2\n", "3,4\n", "p,q\n"]
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES, max_size=25), st.booleans(), st.sampled_from([",", None]), st.booleans())
def test_both_readers_agree_on_any_text(tmp_path_factory, pieces, header, separator, encode):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes((("a,y\n1,p\n" if header else "1,p\n") + "".join(pieces)).encode())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TableWarning)
            table = read_table(path, "-1", header=header, separator=separator, encode=encode)
    except ValueError as error:
        assert str(path) in str(error)  # noqa: PT017  some of these are read
    else:
        assert np.isfinite(table.X).all() and len(table.X) == len(table.y)


@given(st.lists(st.text("0123456789eE.+-_ xnaif", max_size=8), min_size=2, max_size=2), st.sampled_from(".,"))
def test_both_readers_agree_on_what_a_number_is(tmp_path_factory, cells, decimal):
    path = tmp_path_factory.getbasetemp() / "cell.csv"
    for cell in cells:
        path.write_text(f"a;b;y\n1;2;p\n{cell.replace('.', decimal)};3;q\n")
        try:
            values = read_table(path, "y", decimal=decimal).X[:, 0]
        except ValueError:
            continue
        assert values.tolist() == [1.0, float(cell)]


@pytest.fixture
def seen_by_pandas(monkeypatch):
    """Return a list of what pandas reads: rows, or None where it leaves a text to our own reader."""
    pytest.importorskip("pandas")
    seen = []
    read = quick.read_quickly

    def noted(*args):
        raw = read(*args)
        seen.append(None if raw is None else len(raw.places))
        return raw

    monkeypatch.setattr(quick, "read_quickly", noted)
    monkeypatch.setattr(delimited, "_reader", "pandas")
    return seen


@pytest.mark.parametrize(
    "content",
    [
        "a,b,y\n1,2,p\n3,4,q\n",
        "a;b;y\r\n1,5;2;p\r\n3;4;q",
        '"a","b","y"\n"1",2,"p, q"\n3,4,"q"\n\n',
        "# comment\n\na\tb\ty\n1\t2\tp\n3\t4\tq\n",
        "\ufeff1,2,p\n3,4,q\n",
        gzip.compress(b"a,b,y\n1,2,p\n3,4,q\n", mtime=0),
        "a,b,y\n1,2,p\nnan,4,q\n",
        "a,b,y\n1,red,p\n3,blue,q\n",
        "a,b,y\n1,\u00e9,p\n3,,q\n",
    ],
)
def test_pandas_reads_what_is_beyond_doubt(write, seen_by_pandas, content):
    header = content[:1] != "\ufeff"
    try:
        read_table(write(content), "-1", header=header)
    except ValueError as error:
        assert "expected numbers" in str(error) or "finite" in str(error)  # noqa: PT017
    assert 2 in seen_by_pandas and set(seen_by_pandas) <= {2, None}


@pytest.mark.parametrize(
    "content",
    [
        "a,b,y\n1,2,p\n3,4\n",  # pandas fills up
        "a,b,y\n1,2,p\n3,4,q,5\n",
        "a,b,y\n1,2,p\n\n3,4,q\n",
        "a,b,y\n1,2,p\n  \n3,4,q\n",  # pandas leaves such lines out
        'a,b,y\n1,2,"p"x\n3,4,q\n',  # pandas takes px
        'a,b,y\n1,2,"p""x"\n3,4,q\n',
        'a,b,y\n1,2,"p\nx"\n3,4,q\n',
        "a,b,y\n1,2,p\n3,4,\0q\n",
        "a,b,y\n1,2,p\r3,4,q\n",
        'a,b,y\n1,2,p\n3,4,"q\n',
    ],
)
def test_pandas_leaves_what_is_odd_to_our_own_reader(write, seen_by_pandas, content):
    try:
        read_table(write(content), "y")
    except ValueError as error:
        assert "line" in str(error)  # noqa: PT017  three of them are read
    assert set(seen_by_pandas) <= {None}


def test_without_pandas_our_own_reader_reads(write, monkeypatch, seen_by_pandas):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert read_table(write("a,y\n1,p\n2,q\n"), "y").X.tolist() == [[1], [2]]
    assert set(seen_by_pandas) == {None}


def test_pandas_is_asked_where_its_import_pays(write, monkeypatch):
    path = write("a,y\n1,p\n2,q\n")
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    monkeypatch.setattr(quick, "_PAYS_A_COLUMN", 4)
    assert not quick.pays(path, 2)
    monkeypatch.setattr(quick, "_PAYS_FROM", 5)
    assert quick.pays(path, 2)
    monkeypatch.setattr(quick, "_PAYS_FROM", 1 << 20)
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert quick.pays(path, 2)
    assert not quick.pays(path, 10), "pandas takes long for each column"


def test_a_table_of_many_rows_is_the_same_by_both_readers(tmp_path, seen_by_pandas):
    """Several blocks and chunks; numbers of all sizes, words, holes far from the first rows."""
    rng = np.random.default_rng(0)
    n = 5000
    values = rng.standard_normal((n, 15)) * 10.0 ** rng.integers(-300, 300, (n, 15))
    words = rng.choice(["red", "blue", " green", "", "nan"], n)
    holes = np.where(rng.random(n) < 0.001, "", rng.integers(0, 9, n).astype(str))
    rows = (
        ",".join([*map(repr, row), word, hole, str(label)])
        for row, word, hole, label in zip(values.tolist(), words, holes, rng.integers(0, 3, n), strict=True)
    )
    path = tmp_path / "t.csv"
    path.write_text(",".join(f"c{j}" for j in range(17)) + ",y\n" + "\n".join(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quick, "_CHUNK", 1 << 16)
        table = read_table(path, "y", encode=True, fill=0)
    assert np.array_equal(table.X[:, :15], values)
    assert table.feature_names[15:] == ["c15=(missing)", "c15=blue", "c15=green", "c15=red", "c16"]
    assert n in seen_by_pandas
    assert source.read_delimited.__name__ == "read_twice", "both readers were compared"
