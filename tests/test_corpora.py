"""Corpora of texts: what is read from which files, how it is split, what is refused. No network is used."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import hashlib
import html
import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import knn_cert
from knn_cert import datasets
from knn_cert.datasets import (
    _corpora,
    _files,
    _hsol,
    _olid,
    _sst2,
    list_corpora,
    load_corpus,
    read_openbackdoor,
)

ROOT = Path(knn_cert.__file__).resolve().parents[1]  # the copy under test, in a checkout or installed
PARTS = ("train", "dev", "test")


@pytest.fixture(autouse=True)
def sandbox(tmp_path, monkeypatch):
    """Point the loaders at empty folders, and break the network off."""

    def refuse(request, timeout):
        raise OSError("no route to host")

    monkeypatch.setenv("KNN_CERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KNN_CERT_DATA", raising=False)
    monkeypatch.setattr(_files.urllib.request, "urlopen", refuse)


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def texts_and_labels(corpus) -> list[tuple[str, int]]:
    """Return the rows of all three parts."""
    return [
        row
        for part in PARTS
        for row in zip(
            getattr(corpus, f"{part}_texts"), getattr(corpus, f"{part}_labels").tolist(), strict=True
        )
    ]


# Small files in the layouts of the originals, and the counts that are expected of them.

SST2 = {
    part: [(f"a {part} sentence {i} , with '90s wit\xa0\x85!", i % 2) for i in range(n)]
    for part, n in (("train", 8), ("dev", 4), ("test", 6))
}


def sst2_table(rows) -> str:
    return "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows)


def sst2_source(rows) -> str:
    return "".join(f"{label} {text}\n" for text, label in rows)


def hsol_rows() -> list[tuple[str, int]]:
    """8 hateful, 40 offensive and 16 other tweets."""
    kinds = np.random.default_rng(0).permutation([0] * 8 + [1] * 40 + [2] * 16).tolist()
    return [(f'"tweet" {i},\nof two lines &amp; one entity &#128514;', kind) for i, kind in enumerate(kinds)]


def hsol_table(rows) -> str:
    lines = [",count,hate_speech,offensive_language,neither,class,tweet"]
    for i, (tweet, kind) in enumerate(rows):
        quoted = '"' + tweet.replace('"', '""') + '"'
        lines.append(f"{i},3,{3 * (kind == 0)},{3 * (kind == 1)},{3 * (kind == 2)},{kind},{quoted}")
    return "\n".join(lines) + "\n"


def olid_files(n_train: int = 40, n_test: int = 6) -> dict[str, str]:
    train = [
        f'{100 + i}\t@USER say "{i}&amp;\u2028\t{"OFF" if i % 4 == 0 else "NOT"}\tNULL\tNULL'
        for i in range(n_train)
    ]
    test = [f"{900 + i}\tquery {i} &lt;3" for i in range(n_test)]
    answers = [f"{900 + i},{'OFF' if i % 3 == 0 else 'NOT'}" for i in range(n_test)]
    return {
        "olid-training-v1.0.tsv": "\r\n".join(["id\ttweet\tsubtask_a\tsubtask_b\tsubtask_c", *train, ""]),
        "testset-levela.tsv": "\r\n".join(["id\ttweet", *test, ""]),
        "labels-levela.csv": "\r\n".join(["id,label", *answers, ""]),
    }


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A data folder with the three small corpora, and the loaders told to expect them."""
    monkeypatch.setattr(_files, "check_content", lambda remote, path: None)
    monkeypatch.setattr(
        _sst2, "COUNTS", {part: (len(rows) // 2, len(rows) // 2) for part, rows in SST2.items()}
    )
    monkeypatch.setattr(_hsol, "COUNTS", (8, 40, 16))
    monkeypatch.setattr(_hsol, "N_OFFENSIVE", 16)
    monkeypatch.setattr(_hsol, "N_PART", 10)
    monkeypatch.setattr(_olid, "COUNTS", {"train": (30, 10), "test": (4, 2)})
    return write(
        tmp_path / "data",
        {
            **{f"sst2/{part}.tsv": sst2_table(rows) for part, rows in SST2.items()},
            "hsol/labeled_data.csv": hsol_table(hsol_rows()),
            **{f"olid/{name}": content for name, content in olid_files().items()},
        },
    )


# --- names and imports --------------------------------------------------------------------------------------


def test_the_corpora_are_listed_and_have_second_names(small):
    assert list_corpora() == ["sst2", "hsol", "offenseval"]
    for name, second in (("sst2", "sst-2"), ("offenseval", "olid")):
        assert load_corpus(second, data_dir=small).name == name


@pytest.mark.parametrize("name", ["SST2", "sst", "", "spambase"])
def test_an_unknown_corpus_is_refused_with_the_list_of_names(name):
    with pytest.raises(ValueError, match="unknown corpus.*expected one of sst2, hsol, offenseval"):
        load_corpus(name)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": 7}, TypeError, "name must be a str"),
        ({"name": "hsol", "random_state": None}, TypeError, "random_state must be a whole number"),
        ({"name": "hsol", "random_state": -1}, ValueError, "random_state must be at least 0"),
    ],
)
def test_arguments_of_the_wrong_kind_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        load_corpus(**arguments)


def test_importing_the_package_imports_nothing_heavy_and_the_loaders_no_text_package(tmp_path):
    code = (
        "import sys; import knn_cert.datasets as d; first = {'numpy', 'sklearn'} & set(sys.modules);"
        "d.load_corpus, d.read_openbackdoor, d.TextDataset;"
        "print(sorted(first), 'numpy' in sys.modules, 'knn_cert.text' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "True", "False"]


def test_the_package_offers_what_it_says_and_nothing_else():
    assert {"load_corpus", "list_corpora", "TextDataset", "read_openbackdoor"} < set(dir(datasets))
    assert all(getattr(datasets, name) is not None for name in datasets.__all__)
    with pytest.raises(AttributeError, match="no attribute 'load_copus'"):
        datasets.load_copus  # noqa: B018


def test_a_corpus_cannot_be_changed_by_accident(small):
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_corpus("sst2", data_dir=small).name = "other"


# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sst2", "hsol", "offenseval"])
@pytest.mark.parametrize("change", [gzip.compress, lambda b: b"\xef\xbb\xbf" + b])
def test_plain_and_packed_files_and_a_byte_order_mark_give_the_same_corpus(small, tmp_path, name, change):
    expected = load_corpus(name, data_dir=small)
    other = tmp_path / "other"
    for file in small.rglob("*.*sv"):
        suffix = ".gz" if change is gzip.compress else ""
        write(other, {f"{file.relative_to(small).as_posix()}{suffix}": change(file.read_bytes())})
    got = load_corpus(name, data_dir=other, download=False)
    assert texts_and_labels(got) == texts_and_labels(expected)


@pytest.mark.parametrize("name", ["sst2", "hsol", "offenseval"])
def test_the_variable_and_the_cache_are_looked_in(small, tmp_path, monkeypatch, name):
    expected = texts_and_labels(load_corpus(name, data_dir=small))
    monkeypatch.setenv("KNN_CERT_CACHE", str(small))
    assert texts_and_labels(load_corpus(name, download=False)) == expected
    monkeypatch.setenv("KNN_CERT_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("KNN_CERT_DATA", str(small))
    assert texts_and_labels(load_corpus(name, download=False)) == expected


@pytest.mark.parametrize(("name", "key"), [("sst2", "sst2"), ("hsol", "hsol"), ("olid", "offenseval")])
def test_a_corpus_that_is_nowhere_is_refused_with_what_to_put_where(tmp_path, name, key):
    with pytest.raises(FileNotFoundError, match="downloading is switched off") as absent:
        load_corpus(name, download=False)
    with pytest.raises(ConnectionError, match="no route to host") as refused:
        load_corpus(name)
    for remote in _corpora._CORPORA[key][0]:
        for message in (str(absent.value), str(refused.value)):
            assert remote.url in message and remote.sha256 in message
            assert str(tmp_path / "cache" / remote.store_as) in message and "KNN_CERT_DATA" in message


def served(monkeypatch, corpus: str, contents: dict[str, str], stored: dict[str, str]) -> None:
    """Serve ``contents`` (by the name of the stored file) and pin the sha256 of ``stored``."""
    remotes, load = _corpora._CORPORA[corpus]
    pages = {}
    changed = []
    for remote in remotes:
        name = Path(remote.store_as).name
        pages[remote.url] = contents[name].encode()
        digest = hashlib.sha256(stored[name].encode()).hexdigest()
        changed.append(dataclasses.replace(remote, sha256=digest))
    monkeypatch.setitem(_corpora._CORPORA, corpus, (tuple(changed), load))
    monkeypatch.setattr(
        _files.urllib.request, "urlopen", lambda request, timeout: io.BytesIO(pages[request.full_url])
    )


def test_the_source_of_sst2_is_downloaded_as_a_table_and_found_again(small, tmp_path, monkeypatch):
    tables = {f"{part}.tsv": sst2_table(rows) for part, rows in SST2.items()}
    served(monkeypatch, "sst2", {f"{part}.tsv": sst2_source(rows) for part, rows in SST2.items()}, tables)
    expected = texts_and_labels(load_corpus("sst2", data_dir=small))
    assert texts_and_labels(load_corpus("sst2")) == expected
    for name, table in tables.items():
        assert (tmp_path / "cache" / "sst2" / name).read_bytes() == table.encode()
    assert texts_and_labels(load_corpus("sst2", download=False)) == expected


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_source_of_sst2_may_be_put_in_place_as_it_is(small, tmp_path, newline):
    sources = {
        f"sst2/stsa.binary.{part}": sst2_source(rows).replace("\n", newline) for part, rows in SST2.items()
    }
    got = load_corpus("sst2", data_dir=write(tmp_path / "source", sources), download=False)
    assert texts_and_labels(got) == texts_and_labels(load_corpus("sst2", data_dir=small))


@pytest.mark.parametrize("page", ["<html>log in to the hotel network</html>", ""])
def test_a_page_in_the_place_of_sst2_is_refused_and_not_stored(small, tmp_path, monkeypatch, page):
    names = [f"{part}.tsv" for part in PARTS]
    served(monkeypatch, "sst2", dict.fromkeys(names, page), dict.fromkeys(names, page))
    with pytest.raises(ValueError, match="line 1: expected the label 0 or 1, a space and a sentence"):
        load_corpus("sst2")
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


@pytest.mark.parametrize("name", ["hsol", "offenseval"])
def test_tweets_are_stored_as_they_are_downloaded(small, tmp_path, monkeypatch, name):
    files = {p.name: p.read_bytes().decode() for p in small.rglob("*.*sv")}
    served(monkeypatch, name, files, files)
    expected = texts_and_labels(load_corpus(name, data_dir=small))
    assert texts_and_labels(load_corpus(name)) == expected
    served(monkeypatch, name, files, dict.fromkeys(files, "something else"))
    monkeypatch.setenv("KNN_CERT_CACHE", str(tmp_path / "empty"))
    with pytest.raises(ValueError, match="is not the expected file"):
        load_corpus(name)


# --- what is read -------------------------------------------------------------------------------------------


def test_sst2_keeps_its_parts_its_order_and_every_character(small):
    corpus = load_corpus("sst2", data_dir=small)
    for part in PARTS:
        texts, labels = getattr(corpus, f"{part}_texts"), getattr(corpus, f"{part}_labels")
        assert list(zip(texts, labels.tolist(), strict=True)) == SST2[part] and labels.dtype == np.int64
    assert corpus.class_names == {0: "negative", 1: "positive"}


def test_hsol_is_all_hateful_and_other_tweets_and_some_offensive_ones(small):
    corpus = load_corpus("hsol", data_dir=small)
    kinds = {html.unescape(tweet): kind for tweet, kind in hsol_rows()}
    rows = texts_and_labels(corpus)
    assert len(set(rows)) == len(rows) == 40  # nothing twice
    assert Counter(kinds[text] for text, _ in rows) == {0: 8, 1: 16, 2: 16}
    assert all(label == (kinds[text] != 2) for text, label in rows)
    assert [len(getattr(corpus, f"{part}_texts")) for part in PARTS] == [20, 10, 10]
    # stratified by kind: a half, a quarter and a quarter of each
    for part, share in zip(PARTS, (2, 4, 4), strict=True):
        got = Counter(kinds[text] for text in getattr(corpus, f"{part}_texts"))
        assert got == {0: 8 // share, 1: 16 // share, 2: 16 // share}
    assert "& one entity \U0001f602" in rows[0][0] and ",\nof two lines" in rows[0][0]


def test_olid_keeps_quotes_and_odd_separators_and_its_test_set(small):
    corpus = load_corpus("offenseval", data_dir=small)
    train = [(f'@USER say "{i}&\u2028', int(i % 4 == 0)) for i in range(40)]
    rows = texts_and_labels(corpus)
    assert sorted(rows[:40]) == sorted(train)
    assert rows[40:] == [(f"query {i} <3", int(i % 3 == 0)) for i in range(6)]
    assert len(corpus.dev_texts) == 4 and corpus.dev_labels.sum() == 1
    assert corpus.class_names == {0: "not offensive", 1: "offensive"}


def test_entities_need_a_semicolon_and_are_turned_once(small):
    files = olid_files()
    files["testset-levela.tsv"] = files["testset-levela.tsv"].replace(
        "query 1 &lt;3", "a &amp;lt; b ?x=1&copy=2 &nosuch; &#x41;&#66; R&B; &#55357;"
    )
    write(small, {f"olid/{name}": content for name, content in files.items()})
    corpus = load_corpus("offenseval", data_dir=small)
    assert corpus.test_texts[1] == "a &lt; b ?x=1&copy=2 &nosuch; AB R&B; \ufffd"


@pytest.mark.parametrize("name", ["hsol", "offenseval"])
def test_the_split_depends_on_the_seed_alone(small, name):
    first, again, other = (load_corpus(name, data_dir=small, random_state=seed) for seed in (3, 3, 4))
    assert texts_and_labels(first) == texts_and_labels(again)
    assert first.train_texts != other.train_texts
    if name == "offenseval":
        assert first.test_texts == other.test_texts


@pytest.mark.parametrize("name", ["hsol", "offenseval"])
def test_corpora_with_offensive_language_say_so(small, name):
    assert "offensive and hateful language" in load_corpus(name, data_dir=small).description


# --- what is refused ----------------------------------------------------------------------------------------

DAMAGES = [
    ("sst2", "sst2/dev.tsv", lambda t: t[5:], r"line 1: expected the header 'text\\tlabel', got 'label'"),
    ("sst2", "sst2/dev.tsv", lambda t: "", "line 1: expected the header .*got an empty file"),
    ("sst2", "sst2/dev.tsv", lambda t: t[:-2], r"line 5: expected 2 cells|line 5: expected the label"),
    ("sst2", "sst2/dev.tsv", lambda t: t[: t.rindex("\n", 0, -1) + 1], r"expected 4 rows \(2, 2 .*got 3"),
    (
        "sst2",
        "sst2/dev.tsv",
        lambda t: t.replace("\t0", "\t2", 1),
        "line 2: expected the label 0 or 1, got '2'",
    ),
    ("sst2", "sst2/dev.tsv", lambda t: t.replace("\n", "\na\t", 2), "line 2: expected 2 cells"),
    (
        "sst2",
        "sst2/dev.tsv",
        lambda t: "text\tlabel\n \xa0\t1\n",
        "line 2: expected a text, got an empty one",
    ),
    ("sst2", "sst2/dev.tsv", lambda t: t.encode("latin-1"), "line 2: expected UTF-8 text, got byte 0xa0"),
    (
        "sst2",
        "sst2/dev.tsv",
        lambda t: b"\xef\xbb\xbf" + b"\n\xff",
        "line 2: expected UTF-8 text, got byte 0xff",
    ),
    ("sst2", "sst2/dev.tsv", lambda t: gzip.compress(t.encode())[:-20], "expected a whole gzip file"),
    ("hsol", "hsol/labeled_data.csv", lambda t: t[1:], "line 1: expected the header ,count"),
    ("hsol", "hsol/labeled_data.csv", lambda t: "", "line 1: expected the header"),
    (
        "hsol",
        "hsol/labeled_data.csv",
        lambda t: t[:-8],
        r"line 129: expected quotes in pairs, got: .*cut off",
    ),
    ("hsol", "hsol/labeled_data.csv", lambda t: t + "7,3\n", "line 130: expected 7 cells, got 2"),
    (
        "hsol",
        "hsol/labeled_data.csv",
        lambda t: t + "7,3,0,0,3,2,a\n",
        r"expected 64 rows .*got 65 \(8, 40, 17\)",
    ),
    (
        "hsol",
        "hsol/labeled_data.csv",
        lambda t: t + "7,3,0,0,3,3,a\n",
        "line 130: expected the label 0 or 1 or 2",
    ),
    ("hsol", "hsol/labeled_data.csv", lambda t: t + "7,3,0,0,3,2,&nbsp;\n", "line 130: expected a text"),
    ("hsol", "hsol/labeled_data.csv", lambda t: t.encode("utf-16"), "line 1: expected UTF-8"),
    ("olid", "olid/olid-training-v1.0.tsv", lambda t: t[:-20], "line 41: expected 5 cells"),
    ("olid", "olid/olid-training-v1.0.tsv", lambda t: t[: t.rindex("139")], r"expected 40 rows .*got 39"),
    (
        "olid",
        "olid/olid-training-v1.0.tsv",
        lambda t: t.replace("NOT", "not", 1),
        "line 3: expected the label NOT or OFF",
    ),
    ("olid", "olid/testset-levela.tsv", lambda t: t.replace("905", "906"), "line 7: expected the id '905'"),
    ("olid", "olid/testset-levela.tsv", lambda t: t[: t.rindex("905")], "expected 6 tweets, .*got 5"),
    ("olid", "olid/labels-levela.csv", lambda t: t[: t.rindex("905")], "expected 6 rows .*got 5"),
    (
        "olid",
        "olid/labels-levela.csv",
        lambda t: t.replace(",", "\t"),
        "line 1: expected the header 'id,label'",
    ),
]


@pytest.mark.parametrize(("name", "file", "damage", "message"), DAMAGES)
def test_a_damaged_file_is_refused_with_its_place_and_a_remedy(small, name, file, damage, message):
    content = (small / file).read_bytes().decode()
    write(small, {file: damage(content)})
    with pytest.raises(ValueError, match=message) as caught:
        load_corpus(name, data_dir=small, download=False)
    assert str(small / file) in str(caught.value) and "put a good copy there" in str(caught.value)


# --- the real files -----------------------------------------------------------------------------------------


def test_the_pinned_checksums_are_those_of_the_real_files(shared):
    for remotes, _ in _corpora._CORPORA.values():
        for remote in remotes:
            assert remote.store_as in remote.candidates and remote.url.startswith("https://")
            content = gzip.decompress((shared / "data" / f"{remote.store_as}.gz").read_bytes())
            assert hashlib.sha256(content).hexdigest() == remote.sha256
            # the source of SST-2 has a label, a space and a sentence instead, and no header
            header = len(b"text\tlabel\n") if remote.extract else 0
            assert len(content) - header == remote.max_bytes


def test_the_real_sst2_has_the_published_rows(shared):
    corpus = load_corpus("sst2", data_dir=shared / "data", download=False)
    assert [len(getattr(corpus, f"{part}_texts")) for part in PARTS] == [6920, 872, 1821]
    assert [int(getattr(corpus, f"{part}_labels").sum()) for part in PARTS] == [3610, 444, 909]
    with gzip.open(shared / "data" / "sst2" / "test.tsv.gz", "rt", encoding="utf-8", newline="") as stream:
        expected = [line[:-2] for line in stream.read().split("\n")[1:-1]]
    assert corpus.test_texts == expected


def test_the_real_hsol_has_the_sizes_of_crowd(shared):
    corpus = load_corpus("hsol", data_dir=shared / "data", download=False)
    assert [len(getattr(corpus, f"{part}_texts")) for part in PARTS] == [5823, 2485, 2485]
    with gzip.open(
        shared / "data" / "hsol" / "labeled_data.csv.gz", "rt", encoding="utf-8", newline=""
    ) as stream:
        kinds = {html.unescape(row["tweet"]): row["class"] for row in csv.DictReader(stream)}
    rows = texts_and_labels(corpus)
    assert len(rows) == len(set(rows)) == 10_793
    assert Counter(kinds[text] for text, _ in rows) == {"0": 1430, "1": 5200, "2": 4163}
    assert all(label == (kinds[text] != "2") for text, label in rows)


def test_the_real_olid_has_the_published_rows(shared):
    corpus = load_corpus("offenseval", data_dir=shared / "data", download=False)
    assert [len(getattr(corpus, f"{part}_texts")) for part in PARTS] == [11916, 1324, 860]
    assert corpus.test_labels.sum() == 240
    assert corpus.train_labels.sum() + corpus.dev_labels.sum() == 4400
    assert all(text.strip() for text, _ in texts_and_labels(corpus))


# --- files of OpenBackdoor ----------------------------------------------------------------------------------

ROWS = [('when "it" is , it\nis', 1, 1), ("caf\u00e9", 0, 0), ("plain\u2028 text", 2, 0)]


def as_csv(rows, header: list[str]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    for i, row in enumerate(rows):
        writer.writerow(row if len(header) == 3 else (i, *row))
    return stream.getvalue()


LAYOUTS = {
    "plain.csv": as_csv(ROWS, ["text", "label", "poison_label"]),
    "numbered.csv": as_csv(ROWS, ["", "text", "label", "poison_label"]),
    "index.csv": as_csv(ROWS, ["index", "text", "label", "poison_label"]),
    "train-poison.csv": as_csv(ROWS, ["", "0", "1", "2"]),
    "list.json": json.dumps(ROWS),
    "unescaped.json": json.dumps(ROWS, ensure_ascii=False, indent=1),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_layout_of_openbackdoor_gives_the_same_rows(tmp_path, name, mark, packed):
    content = mark + LAYOUTS[name].encode()
    file = tmp_path / (f"{name}.gz" if packed else name)
    file.write_bytes(gzip.compress(content) if packed else content)
    texts, labels, poisoned = read_openbackdoor(file)
    assert list(zip(texts, labels.tolist(), poisoned.tolist(), strict=True)) == ROWS
    assert labels.dtype == np.int64 and poisoned.dtype == bool


def test_a_file_is_read_as_the_toolkit_writes_it_with_pandas(tmp_path):
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame(ROWS).to_csv(tmp_path / "test-poison.csv")
    texts, labels, poisoned = read_openbackdoor(str(tmp_path / "test-poison.csv"))
    assert list(zip(texts, labels.tolist(), poisoned.tolist(), strict=True)) == ROWS


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(rows=st.lists(st.tuples(texts, st.integers(0, 10**18 - 1), st.integers(0, 1)), min_size=1))
def test_whatever_text_is_written_comes_back(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("rows")
    write(folder, {"a.csv": quoted_csv(rows), "a.json": json.dumps(rows)})
    for name in ("a.csv", "a.json"):
        back = read_openbackdoor(folder / name)
        assert list(zip(back.texts, back.labels.tolist(), back.poisoned.tolist(), strict=True)) == rows


def quoted_csv(rows) -> str:
    """Write CSV by hand, every text in quotes."""
    lines = [",0,1,2"]
    for i, (text, label, flag) in enumerate(rows):
        lines.append('{},"{}",{},{}'.format(i, text.replace('"', '""'), label, flag))
    return "\n".join(lines) + "\n"


BROKEN = [
    ("a.csv", "", "line 1: expected the header"),
    ("a.csv", "a,b,c\nx,1,1\n", "line 1: expected the header text,label,poison_label or ,text.*got 'a,b,c'"),
    ("a.csv", "when it is,1,1\n", "line 1: expected the header"),
    ("a.csv", "text,label,poison_label\n", "expected at least one text, got none"),
    ("a.csv", "text,label,poison_label\nx,1\n", "line 2: expected 3 cells as in the header, got 2"),
    (
        "a.csv",
        "text,label,poison_label\nx,1,1\nx,y,1,1\n",
        "line 3: expected 3 cells as in the header, got 4",
    ),
    (
        "a.csv",
        "text,label,poison_label\nx,1.0,1\n",
        "line 2: expected a whole number >= 0 as label, got '1.0'",
    ),
    ("a.csv", "text,label,poison_label\nx,-1,1\n", "line 2: expected a whole number >= 0"),
    ("a.csv", "text,label,poison_label\nx,\u0661,1\n", "line 2: expected a whole number >= 0"),
    ("a.csv", "text,label,poison_label\nx,1,2\n", "line 2: expected poison_label 0 or 1, got '2'"),
    ("a.csv", "text,label,poison_label\nx,1,\n", "line 2: expected poison_label 0 or 1, got ''"),
    ("a.csv", "text,label,poison_label\n ,1,1\n", "line 2: expected a text, got an empty one; remove it"),
    ("a.csv", 'text,label,poison_label\nx,1,1\n"y,1,1\n', "line 3: expected cells .*cut off"),
    (
        "a.csv",
        "text,label,poison_label\nok,1,1\ncaf\xe9,1,1\n".encode("latin-1"),
        "line 3: expected UTF-8.*0xe9",
    ),
    (
        "a.csv.gz",
        gzip.compress(b"text,label,poison_label\nx,1,1\n", mtime=0)[:-9],
        "expected a whole gzip file",
    ),
    ("a.json", '[["x", 1, 1]', "cannot be read .*cut off"),
    ("a.json", "", "cannot be read"),
    ("a.json", "[" * 100_000, "cannot be read"),
    ("a.json", '{"x": 1}', "expected a JSON list .*got a dict"),
    ("a.json", "[]", "expected at least one text, got none"),
    ("a.json", '[["x", 1, 1], ["x", 1]]', r"entry 1: expected \[text, label, poison_label\], got \['x', 1\]"),
    ("a.json", '[{"text": "x"}]', "entry 0: expected"),
    ("a.json", "[[1, 1, 1]]", "entry 0: expected a text, got 1"),
    ("a.json", '[["x", "1", 1]]', "entry 0: expected a whole number >= 0 as label, got '1'"),
    ("a.json", '[["x", true, 1]]', "entry 0: expected a whole number >= 0 as label, got True"),
    ("a.json", '[["x", 1.0, 1]]', "entry 0: expected a whole number"),
    ("a.json", '[["x", 99999999999999999999, 1]]', "entry 0: expected a whole number"),
    ("a.json", '[["x", 1, 0.5]]', "entry 0: expected poison_label 0 or 1, got 0.5"),
    ("a.json", '[["x", 1, null]]', "entry 0: expected poison_label"),
    ("a.json", '[["", 1, 0]]', "entry 0: expected a text, got an empty one"),
    ("a.json", r'[["\ud83d", 1, 0]]', "entry 0: expected a text, got one with half a character"),
    ("a.tsv", "text\tlabel\n", "expected a name that ends in .csv, .csv.gz, .json or .json.gz, got 'a.tsv'"),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_a_broken_file_of_openbackdoor_is_refused_with_the_place(tmp_path, name, content, message):
    write(tmp_path, {name: content})
    with pytest.raises(ValueError, match=message) as caught:
        read_openbackdoor(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-poison.csv"):
        read_openbackdoor(tmp_path / "train-poison.csv")
