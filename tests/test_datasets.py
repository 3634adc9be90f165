"""Loaders of benchmark data: where they look, what they download, what they refuse. No network is used."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import knn_cert
from knn_cert.datasets import (
    Dataset,
    _breast_cancer,
    _cifar10,
    _files,
    _mnist,
    _spambase,
    list_datasets,
    load_dataset,
)

# Pair files of CIFAR-10 have no published checksum, and every test that reads one would say so.
pytestmark = pytest.mark.filterwarnings("ignore:.*no checksum is known")

ROOT = Path(knn_cert.__file__).resolve().parents[1]  # the copy under test, in a checkout or installed


@pytest.fixture(autouse=True)
def sandbox(tmp_path, monkeypatch):
    """Point the loaders at empty folders, so that no test sees the data or the cache of who runs it."""
    monkeypatch.setenv("KNN_CERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KNN_CERT_DATA", raising=False)


@pytest.fixture
def made_up(monkeypatch):
    """Let files in whose content is made up, as those of the tests are."""
    monkeypatch.setattr(_files, "check_content", lambda remote, path: None)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(request, timeout):
        raise OSError("no route to host")

    monkeypatch.setattr(_files.urllib.request, "urlopen", refuse)


@pytest.fixture
def data(tmp_path, monkeypatch):
    """An empty data folder that KNN_CERT_DATA names."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("KNN_CERT_DATA", str(folder))
    return folder


def files_below(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


# --- names --------------------------------------------------------------------------------------------------


def test_an_unknown_name_is_refused_with_the_list_of_names():
    with pytest.raises(ValueError, match="spambas") as caught:
        load_dataset("spambas")
    assert all(name in str(caught.value) for name in list_datasets())


@pytest.mark.parametrize(
    "name",
    [
        *("mnist-00", "mnist-0", "mnist-012", "mnist-٠١"),
        *("cifar-dog-dog", "cifar-dog-duck", "cifar-10", "cifar100", "cifar-", "cifar10-dog-cat"),
        *("Spambase", ""),
    ],
)
def test_names_that_only_look_like_a_data_set_are_refused(name):
    with pytest.raises(ValueError, match="unknown data set"):
        load_dataset(name)


def test_a_name_that_is_no_text_is_a_type_error():
    with pytest.raises(TypeError, match="name must be a str"):
        load_dataset(7)


@pytest.mark.parametrize("name", ["breast-cancer", "spambase", "mnist-01", "cifar10", "cifar-airplane-bird"])
def test_an_unknown_feature_map_is_refused_before_any_file_is_sought(name, no_network):
    with pytest.raises(ValueError, match="unknown feature_map 'pca'.*expected one of"):
        load_dataset(name, feature_map="pca")


def test_listing_the_data_sets_imports_nothing_heavy():
    code = (
        "import sys; import knn_cert.datasets as d; d.list_datasets();"
        "print(sorted({'numpy', 'sklearn', 'pandas', 'scipy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_data_set_cannot_be_changed_by_accident():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_dataset("breast-cancer").name = "other"


# --- folders ------------------------------------------------------------------------------------------------


def test_the_cache_is_chosen_by_its_own_variable_then_xdg_then_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KNN_CERT_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert _files.cache_dir() == tmp_path / "mine"
    monkeypatch.delenv("KNN_CERT_CACHE")
    assert _files.cache_dir() == tmp_path / "xdg" / "knn_cert"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    monkeypatch.setattr(_files.Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(_files.sys, "platform", "linux")
    assert _files.cache_dir() == tmp_path / "home" / ".cache" / "knn_cert"
    monkeypatch.setattr(_files.sys, "platform", "darwin")
    assert _files.cache_dir() == tmp_path / "home" / "Library" / "Caches" / "knn_cert"


def test_the_argument_comes_before_the_variable_and_the_variable_before_the_cache(tmp_path, data):
    for folder, text in ((tmp_path / "arg", "arg"), (data, "variable"), (tmp_path / "cache", "cache")):
        (folder / "d").mkdir(parents=True)
        (folder / "d" / "f.txt").write_text(text)
    assert _files.find(["d/f.txt"], tmp_path / "arg").read_text() == "arg"
    assert _files.find(["d/f.txt"], None).read_text() == "variable"
    (data / "d" / "f.txt").unlink()
    assert _files.find(["d/f.txt"], None).read_text() == "cache"
    (tmp_path / "cache" / "d" / "f.txt").unlink()
    assert _files.find(["d/f.txt"], None) is None


def test_a_data_folder_that_does_not_exist_is_an_error_not_a_download(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("KNN_CERT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(NotADirectoryError, match="KNN_CERT_DATA must name an existing folder.*nowhere"):
        load_dataset("spambase")
    with pytest.raises(NotADirectoryError, match="data_dir must name an existing folder"):
        load_dataset("mnist-01", data_dir=tmp_path / "typo")


def test_an_empty_data_variable_counts_as_not_set(data, monkeypatch):
    assert _files.data_folder(None) == data
    monkeypatch.setenv("KNN_CERT_DATA", "")
    assert _files.data_folder(None) is None


# --- downloads ----------------------------------------------------------------------------------------------


def served(tmp_path: Path, content: bytes, **changes) -> _files.RemoteFile:
    """Return a remote file whose URL is a local file with this content."""
    source = tmp_path / "server" / "thing.bin"
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(content)
    values = {
        "title": "Thing",
        "url": source.as_uri(),
        "store_as": "things/thing.bin",
        "sha256": hashlib.sha256(content).hexdigest(),
        "max_bytes": len(content),
        "candidates": ("things/thing.bin",),
    }
    return _files.RemoteFile(**{**values, **changes})


def test_a_download_with_the_right_checksum_is_stored_and_not_fetched_again(tmp_path):
    remote = served(tmp_path, b"payload" * 1000)
    (path,) = _files.obtain([remote])
    assert path == tmp_path / "cache" / "things" / "thing.bin"
    assert path.read_bytes() == b"payload" * 1000
    (tmp_path / "server" / "thing.bin").unlink()
    assert _files.obtain([remote]) == [path]
    assert files_below(tmp_path / "cache") == ["things/thing.bin"]


def test_a_download_with_the_wrong_checksum_leaves_nothing_behind(tmp_path):
    remote = served(tmp_path, b"tampered", sha256="0" * 64)
    got = hashlib.sha256(b"tampered").hexdigest()
    with pytest.raises(ValueError, match=f"expected sha256 {'0' * 64}, got {got}"):
        _files.obtain([remote])
    assert files_below(tmp_path / "cache") == []


def test_a_download_that_is_too_long_is_given_up(tmp_path):
    remote = served(tmp_path, b"x" * 100, max_bytes=99)
    with pytest.raises(ValueError, match="at most 99 bytes"):
        _files.obtain([remote])
    assert files_below(tmp_path / "cache") == []


def test_a_download_that_breaks_off_leaves_nothing_behind(tmp_path, monkeypatch):
    class Breaking(io.BytesIO):
        def read(self, size=-1):
            if self.tell():
                raise TimeoutError("timed out")
            return super().read(3)

    monkeypatch.setattr(_files.urllib.request, "urlopen", lambda request, timeout: Breaking(b"payload"))
    with pytest.raises(ConnectionError, match="could not be downloaded.*timed out"):
        _files.obtain([served(tmp_path, b"payload")])
    assert files_below(tmp_path / "cache") == []


def test_an_interrupt_while_downloading_leaves_nothing_behind(tmp_path, monkeypatch):
    class Interrupted(io.BytesIO):
        def read(self, size=-1):
            if self.tell():
                raise KeyboardInterrupt
            return super().read(3)

    monkeypatch.setattr(_files.urllib.request, "urlopen", lambda request, timeout: Interrupted(b"payload"))
    with pytest.raises(KeyboardInterrupt):
        _files.obtain([served(tmp_path, b"payload")])
    assert files_below(tmp_path / "cache") == []


def test_a_wrong_download_does_not_replace_a_file_that_is_there(tmp_path):
    target = tmp_path / "cache" / "things" / "thing.bin"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"good")
    with pytest.raises(ValueError, match="not the expected file"):
        _files.fetch(served(tmp_path, b"bad", sha256="0" * 64))
    assert target.read_bytes() == b"good"


def test_without_a_network_the_message_says_what_to_put_where(tmp_path, no_network):
    with pytest.raises(ConnectionError) as caught:
        load_dataset("mnist-01")
    message = str(caught.value)
    for remote in _mnist._REMOTES:
        assert remote.url in message
        assert remote.sha256 in message
        assert str(tmp_path / "cache" / remote.store_as) in message
    assert "KNN_CERT_DATA" in message and "no route to host" in message


@pytest.mark.parametrize("name", ["spambase", "mnist", "cifar10", "cifar-airplane-bird"])
def test_with_downloads_switched_off_nothing_is_opened(name, monkeypatch):
    def forbidden(request, timeout):
        pytest.fail("a download was started")

    monkeypatch.setattr(_files.urllib.request, "urlopen", forbidden)
    with pytest.raises(FileNotFoundError, match="downloading is switched off"):
        load_dataset(name, download=False)


def test_a_cache_that_cannot_be_written_is_named_with_the_remedy(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KNN_CERT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="could not be stored.*set KNN_CERT_CACHE"):
        _files.obtain([served(tmp_path, b"payload")])


@pytest.mark.parametrize(
    "remote", [_spambase._REMOTE, *_mnist._REMOTES, _cifar10._REMOTE], ids=lambda r: r.store_as
)
def test_every_remote_file_is_found_again_where_it_is_stored_and_pinned(remote):
    assert remote.store_as in remote.candidates
    assert len(bytes.fromhex(remote.sha256)) == 32
    assert remote.url.startswith("https://")


# --- Spambase -----------------------------------------------------------------------------------------------


def spam_text(n_ham: int = 30, n_spam: int = 20, seed: int = 0) -> str:
    """Return a table in the layout of spambase.data, spam first."""
    rng = np.random.default_rng(seed)
    labels = [1] * n_spam + [0] * n_ham
    rows = np.column_stack(
        [rng.integers(0, 500, (len(labels), 56)) / 100, rng.integers(1, 99, len(labels)), labels]
    )
    return "".join(",".join(f"{v:g}" for v in row) + "\n" for row in rows)


@pytest.fixture
def small_spambase(monkeypatch, made_up):
    monkeypatch.setattr(_spambase, "CLASS_COUNTS", (30, 20))


@pytest.mark.parametrize(
    "place", ["spambase/spambase.data", "spambase.data", "spambase/spambase.data.csv.gz"]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_spambase_is_read_from_each_layout(data, small_spambase, place, newline):
    content = spam_text().replace("\n", newline).encode()
    (data / place).parent.mkdir(exist_ok=True)
    (data / place).write_bytes(gzip.compress(content) if place.endswith(".gz") else content)
    dataset = load_dataset("spambase", feature_map="plain", download=False)
    expected = np.array([[float(v) for v in line.split(",")] for line in spam_text().split()])
    got = np.column_stack([np.r_[dataset.X_train, dataset.X_test], np.r_[dataset.y_train, dataset.y_test]])
    assert np.array_equal(got[np.lexsort(got.T)], expected[np.lexsort(expected.T)])
    assert dataset.X_train.shape == (40, 57) and dataset.X_test.shape == (10, 57)


def test_the_archive_of_uci_is_unpacked_with_its_line_ends_made_lf_and_then_checked(
    tmp_path, monkeypatch, small_spambase
):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as handle:
        handle.writestr("spambase.names", "other")
        handle.writestr("spambase.data", spam_text().replace("\n", "\r\n"))
    remote = served(tmp_path, archive.getvalue())
    remote = dataclasses.replace(
        _spambase._REMOTE, url=remote.url, sha256=hashlib.sha256(spam_text().encode()).hexdigest()
    )
    monkeypatch.setattr(_spambase, "_REMOTE", remote)
    assert load_dataset("spambase").X_train.shape == (40, 56)
    assert (tmp_path / "cache" / "spambase" / "spambase.data").read_text() == spam_text()


def test_a_page_in_the_place_of_ucis_archive_is_refused_and_not_stored(tmp_path, monkeypatch):
    url = served(tmp_path, b"<html>log in to the hotel network</html>").url
    monkeypatch.setattr(_spambase, "_REMOTE", dataclasses.replace(_spambase._REMOTE, url=url))
    with pytest.raises(ValueError, match="expected a zip archive holding spambase.data"):
        load_dataset("spambase")
    assert files_below(tmp_path / "cache") == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t[:-30], r"line 50: expected 58 comma-separated numbers, got \d+"),
        (lambda t: t[: t.rindex("\n", 0, -1) + 1], r"expected 50 rows \(30 not spam, 20 spam\), got 49"),
        (lambda t: "", "expected 50 rows .* got 0"),
        (
            lambda t: ",".join(_spambase.FEATURE_NAMES) + ",class\n" + t,
            "line 1.*the original has no header line",
        ),
        (lambda t: t.replace("\n", ",1\n", 1), "line 1: expected 58 comma-separated numbers, got 59"),
        (lambda t: t[:-2] + "2\n", "line 50: expected label 0 or 1, got 2"),
        (lambda t: "nan" + t[t.index(",") :], "line 1: expected finite numbers"),
        (lambda t: "é" + t, "expected plain numbers and commas"),
    ],
    ids=["cut in a line", "cut after a line", "empty", "header", "long line", "label", "nan", "not ascii"],
)
def test_a_damaged_spambase_is_refused_with_the_place(data, small_spambase, damage, message):
    (data / "spambase.data").write_text(damage(spam_text()), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        load_dataset("spambase", download=False)
    assert str(data / "spambase.data") in str(caught.value) and "download it" in str(caught.value)


def test_a_gzip_file_that_is_cut_off_is_refused(data, small_spambase):
    (data / "spambase.data.csv.gz").write_bytes(gzip.compress(spam_text().encode())[:-100])
    with pytest.raises(ValueError, match="expected a whole gzip file, got one that is cut off"):
        load_dataset("spambase", download=False)


def test_the_rab_feature_map_refuses_a_row_without_letters():
    X = np.ones((3, 57))
    X[1, 56] = 0.0
    with pytest.raises(ValueError, match="expected values > 0, got 0 in row 1"):
        _spambase.rab_feature_map(X)


def test_spambase_has_the_published_counts_and_splits_into_3680_and_921(shared):
    dataset = load_dataset("spambase", data_dir=shared / "data", download=False)
    assert dataset.X_train.shape == (3680, 56) and dataset.X_test.shape == (921, 56)
    assert dataset.X_train.dtype == np.float64 and dataset.y_train.dtype == np.int64
    y = np.r_[dataset.y_train, dataset.y_test]
    assert np.bincount(y).tolist() == [2788, 1813]
    assert abs(dataset.y_test.mean() - y.mean()) < 1e-3
    assert len(set(dataset.feature_names)) == 56 and dataset.class_names == {0: "not spam", 1: "spam"}


def test_the_rab_feature_map_of_spambase_equals_a_hand_written_one(shared):
    rows = []
    with gzip.open(shared / "data" / "spambase" / "spambase.data.csv.gz", "rt") as stream:
        for line in stream:
            v = [float(cell) for cell in line.split(",")]
            rows.append((*v[0:54], v[54] / v[56], v[55] / v[56], v[57]))
    dataset = load_dataset("spambase", feature_map="rab", data_dir=shared / "data", download=False)
    X, y = np.r_[dataset.X_train, dataset.X_test], np.r_[dataset.y_train, dataset.y_test]
    assert sorted(map(tuple, np.column_stack([X, y]).tolist())) == sorted(rows)


def test_spambase_feature_names_are_those_of_the_documentation(shared):
    names = (shared / "data" / "spambase" / "feature_names.txt").read_text().split()
    dataset = load_dataset("spambase", feature_map="plain", data_dir=shared / "data", download=False)
    assert dataset.feature_names == names


def test_the_split_of_spambase_depends_on_the_seed_alone(shared, monkeypatch):
    monkeypatch.setenv("KNN_CERT_DATA", str(shared / "data"))
    first, again, other = (load_dataset("spambase", random_state=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.X_train, again.X_train) and np.array_equal(first.y_test, again.y_test)
    assert not np.array_equal(first.X_train, other.X_train)


# --- MNIST --------------------------------------------------------------------------------------------------


def idx(values: np.ndarray) -> bytes:
    return (
        bytes((0, 0, 8, values.ndim))
        + b"".join(n.to_bytes(4, "big") for n in values.shape)
        + values.tobytes()
    )


@pytest.fixture
def small_mnist(monkeypatch, made_up):
    """Return the idx files of 60 + 20 small pictures, by name."""
    monkeypatch.setattr(_mnist, "N_TRAIN", 60)
    monkeypatch.setattr(_mnist, "N_TEST", 20)
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 60), ("t10k", 20)):
        arrays[f"{part}-images-idx3-ubyte"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"{part}-labels-idx1-ubyte"] = rng.permutation(np.arange(n, dtype=np.uint8) % 10)
    return arrays


@pytest.mark.parametrize("folder", ["mnist", "."])
@pytest.mark.parametrize("packed", [True, False])
def test_mnist_pairs_keep_their_digits_their_order_and_the_original_test_set(
    data, small_mnist, folder, packed
):
    (data / folder).mkdir(exist_ok=True)
    for name, values in small_mnist.items():
        content = gzip.compress(idx(values)) if packed else idx(values)
        (data / folder / (f"{name}.gz" if packed else name)).write_bytes(content)
    dataset = load_dataset("mnist-68", download=False)
    labels = small_mnist["t10k-labels-idx1-ubyte"]
    rows = [i for i in range(20) if labels[i] in (6, 8)]
    assert dataset.y_test.tolist() == [labels[i] for i in rows]
    expected = [[int(p) / 255 for p in small_mnist["t10k-images-idx3-ubyte"][i].ravel()] for i in rows]
    assert np.array_equal(dataset.X_test, expected)
    assert dataset.X_train.shape == (12, 784) and dataset.class_names == {6: "6", 8: "8"}


def test_the_ten_digits_come_whole_and_a_pair_has_one_name_in_either_order(data, small_mnist):
    for name, values in small_mnist.items():
        (data / name).write_bytes(idx(values))
    everything = load_dataset("mnist", download=False)
    assert everything.X_train.shape == (60, 784) and len(everything.class_names) == 10
    pair, turned = load_dataset("mnist-01", download=False), load_dataset("mnist-10", download=False)
    assert pair.name == turned.name == "mnist-01" and np.array_equal(pair.X_train, turned.X_train)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (
            "train-images-idx3-ubyte",
            lambda b: b[:-1],
            "expected 47056 bytes .* got 47055: the file is cut off",
        ),
        ("train-images-idx3-ubyte", lambda b: b + b"\0", "too long"),
        ("train-images-idx3-ubyte", lambda b: b[:9], "expected the shape"),
        ("train-images-idx3-ubyte", lambda b: b"", "got an empty file"),
        ("t10k-images-idx3-ubyte", lambda b: b[:7] + b"\x13" + b[8:], r"expected the shape \(20, 28, 28\)"),
        (
            "train-labels-idx1-ubyte",
            lambda b: b[:2] + b"\x09" + b[3:],
            r"first bytes 00000801\), got 00000901",
        ),
        ("t10k-labels-idx1-ubyte", lambda b: b[:-1] + b"\x0a", "expected digits 0 to 9, got the label 10"),
    ],
)
def test_a_damaged_mnist_file_is_refused_by_name(data, small_mnist, name, damage, message):
    for other, values in small_mnist.items():
        (data / other).write_bytes(damage(idx(values)) if other == name else idx(values))
    with pytest.raises(ValueError, match=message) as caught:
        load_dataset("mnist-01", download=False)
    assert str(data / name) in str(caught.value)


def test_only_the_mnist_files_that_are_missing_are_downloaded(tmp_path, data, small_mnist, monkeypatch):
    remotes, asked = [], []
    for remote in _mnist._REMOTES:
        name = Path(remote.store_as).name
        content = gzip.compress(idx(small_mnist[name.removesuffix(".gz")]))
        (tmp_path / name).write_bytes(content)
        remotes.append(
            dataclasses.replace(
                remote, url=(tmp_path / name).as_uri(), sha256=hashlib.sha256(content).hexdigest()
            )
        )
    (data / "train-images-idx3-ubyte").write_bytes(idx(small_mnist["train-images-idx3-ubyte"]))
    monkeypatch.setattr(_mnist, "_REMOTES", tuple(remotes))
    fetch = _files.fetch
    monkeypatch.setattr(_files, "fetch", lambda remote: asked.append(remote.store_as) or fetch(remote))
    assert load_dataset("mnist-01").X_train.shape == (12, 784)
    assert asked == [f"mnist/{n}.gz" for n in list(small_mnist)[1:]]


@pytest.mark.parametrize(
    ("name", "counts", "test_counts"),
    [("mnist-01", {0: 5923, 1: 6742}, {0: 980, 1: 1135}), ("mnist-68", {6: 5918, 8: 5851}, {6: 958, 8: 974})],
)
def test_real_mnist_pairs_have_the_published_counts(shared, name, counts, test_counts):
    dataset = load_dataset(name, data_dir=shared / "data", download=False)
    for y, expected in ((dataset.y_train, counts), (dataset.y_test, test_counts)):
        assert dict(zip(*(v.tolist() for v in np.unique(y, return_counts=True)), strict=True)) == expected
    assert dataset.X_train.shape[1] == 784 and dataset.X_train.dtype == np.float64
    assert dataset.X_train.min() == 0.0 and dataset.X_train.max() == 1.0


def test_the_pinned_checksums_of_mnist_and_spambase_are_those_of_the_real_files(shared):
    for remote in _mnist._REMOTES:
        content = (shared / "data" / remote.store_as).read_bytes()
        assert hashlib.sha256(content).hexdigest() == remote.sha256 and len(content) == remote.max_bytes
    content = gzip.decompress((shared / "data" / "spambase" / "spambase.data.csv.gz").read_bytes())
    assert hashlib.sha256(content).hexdigest() == _spambase._REMOTE.sha256


# --- CIFAR-10 -----------------------------------------------------------------------------------------------


@pytest.fixture
def small_cifar(monkeypatch, made_up):
    """Return the six files of the binary version with 30 records each (3 of every class), by name."""
    monkeypatch.setattr(_cifar10, "RECORDS_PER_FILE", 30)
    monkeypatch.setattr(_cifar10, "N_TRAIN_CLASS", 15)
    monkeypatch.setattr(_cifar10, "N_TEST_CLASS", 3)
    rng = np.random.default_rng(0)
    files = {}
    for name in (*_cifar10.TRAIN_FILES, *_cifar10.TEST_FILES):
        records = rng.integers(0, 256, (30, 3073), dtype=np.uint8)
        records[:, 0] = rng.permutation(np.arange(30) % 10)
        files[name] = records.tobytes()
    return files


def write_folder(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def archive_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in {"readme.html": b"text", **files}.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def images_of(files: dict[str, bytes], names: tuple[str, ...], label: int) -> list[np.ndarray]:
    """Return the images (32, 32, 3) of one class, pixel by pixel from the documented layout."""
    images = []
    for name in names:
        for start in range(0, len(files[name]), 3073):
            record = files[name][start : start + 3073]
            if record[0] == label:
                planes = [np.frombuffer(record[1 + 1024 * k : 1025 + 1024 * k], np.uint8) for k in range(3)]
                images.append(np.stack([plane.reshape(32, 32) for plane in planes], axis=-1))
    return images


def test_the_two_classes_of_cifar_take_turns_in_their_original_order(data, small_cifar):
    write_folder(data / "cifar-10-batches-bin", small_cifar)
    dataset = load_dataset("cifar-dog-automobile", download=False)
    assert dataset.name == "cifar-automobile-dog" and dataset.class_names == {1: "automobile", 5: "dog"}
    assert dataset.y_train.tolist() == [1, 5] * 15 and dataset.y_test.tolist() == [1, 5] * 3
    for label, offset in ((1, 0), (5, 1)):
        expected = np.array(images_of(small_cifar, _cifar10.TRAIN_FILES, label)).reshape(15, 3072) / 255
        assert np.array_equal(dataset.X_train[offset::2], expected)
        expected = np.array(images_of(small_cifar, _cifar10.TEST_FILES, label)).reshape(3, 3072) / 255
        assert np.array_equal(dataset.X_test[offset::2], expected)
    at = dataset.feature_names.index("pixel_2_3_g")
    assert dataset.X_train[0, at] == images_of(small_cifar, _cifar10.TRAIN_FILES, 1)[0][2, 3, 1] / 255


def test_cifar_is_the_same_table_from_the_folder_the_archive_the_download_and_the_pair_file(
    tmp_path, small_cifar, monkeypatch
):
    write_folder(tmp_path / "a" / "cifar10" / "cifar-10-batches-bin", small_cifar)
    write_folder(tmp_path / "b", {"cifar-10-binary.tar.gz": archive_of(small_cifar)})
    arrays = {}
    for part, names in (("train", _cifar10.TRAIN_FILES), ("test", _cifar10.TEST_FILES)):
        by_class = [images_of(small_cifar, names, label) for label in (0, 2)]
        arrays[f"X_{part}"] = np.array(by_class[0] + by_class[1])
        arrays[f"y_{part}"] = np.repeat(np.array([0, 2], np.uint8), len(by_class[0]))
    (tmp_path / "c" / "cifar10").mkdir(parents=True)
    np.savez(tmp_path / "c" / "cifar10" / "cifar10_airplane_bird.npz", **arrays)
    remote = served(tmp_path, archive_of(small_cifar))
    monkeypatch.setattr(
        _cifar10, "_REMOTE", dataclasses.replace(_cifar10._REMOTE, url=remote.url, sha256=remote.sha256)
    )
    first, *others = (
        load_dataset("cifar-airplane-bird", data_dir=folder)
        for folder in (tmp_path / "a", tmp_path / "b", tmp_path / "c", None)
    )
    for other in others:
        for field in ("X_train", "y_train", "X_test", "y_test"):
            assert np.array_equal(getattr(first, field), getattr(other, field))


def test_all_ten_classes_of_cifar_keep_their_original_order_and_numbers(data, small_cifar):
    write_folder(data / "cifar10" / "cifar-10-batches-bin", small_cifar)
    dataset = load_dataset("cifar10", download=False)
    assert dataset.name == "cifar10" and len(dataset.feature_names) == 3072
    names = "airplane automobile bird cat deer dog frog horse ship truck".split()
    assert dataset.class_names == dict(enumerate(names))
    for X, y, files in (
        (dataset.X_train, dataset.y_train, [f"data_batch_{i}.bin" for i in (1, 2, 3, 4, 5)]),
        (dataset.X_test, dataset.y_test, ["test_batch.bin"]),
    ):
        stream = b"".join(small_cifar[name] for name in files)
        assert y.tolist() == list(stream[::3073]) and y.dtype == np.int64
        assert X.shape == (len(y), 3072) and X.dtype == np.float64
        # Byte 1 + 1024 c + 32 r + k of a record is colour c in row r and column k.
        for row, r, k, c in ((0, 0, 0, 0), (7, 2, 3, 1), (len(y) - 1, 31, 30, 2)):
            byte = stream[3073 * row + 1 + 1024 * c + 32 * r + k]
            assert X[row, dataset.feature_names.index(f"pixel_{r}_{k}_{'rgb'[c]}")] == byte / 255
        for label in range(10):
            expected = np.array(images_of(small_cifar, tuple(files), label)).reshape(-1, 3072) / 255
            assert np.array_equal(X[y == label], expected)


def test_the_ten_classes_are_the_same_table_from_the_folder_the_archive_and_the_download(
    tmp_path, small_cifar, monkeypatch
):
    write_folder(tmp_path / "a", small_cifar)
    write_folder(tmp_path / "b", {"cifar-10-binary.tar.gz": archive_of(small_cifar)})
    remote = served(tmp_path, archive_of(small_cifar))
    monkeypatch.setattr(
        _cifar10, "_REMOTE", dataclasses.replace(_cifar10._REMOTE, url=remote.url, sha256=remote.sha256)
    )
    first, *others = (
        load_dataset("cifar10", data_dir=folder) for folder in (tmp_path / "a", tmp_path / "b", None)
    )
    for other in others:
        for field in ("X_train", "y_train", "X_test", "y_test"):
            assert np.array_equal(getattr(first, field), getattr(other, field))


def test_a_pair_of_cifar_holds_the_rows_that_its_classes_have_among_the_ten(data, small_cifar):
    write_folder(data, small_cifar)
    ten = load_dataset("cifar10", download=False)
    pair = load_dataset("cifar-cat-truck", download=False)
    for label in (3, 9):
        assert np.array_equal(pair.X_train[pair.y_train == label], ten.X_train[ten.y_train == label])
        assert np.array_equal(pair.X_test[pair.y_test == label], ten.X_test[ten.y_test == label])


def test_pair_files_do_not_stand_in_for_the_ten_classes(shared, no_network):
    folder = shared / "data"
    assert load_dataset("cifar-airplane-bird", data_dir=folder).name == "cifar-airplane-bird"
    with pytest.raises(ConnectionError) as refused:
        load_dataset("cifar10", data_dir=folder)
    with pytest.raises(FileNotFoundError, match="downloading is switched off") as absent:
        load_dataset("cifar10", data_dir=folder, download=False)
    for message in (str(refused.value), str(absent.value)):
        assert "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz" in message
        assert _cifar10._REMOTE.sha256 in message and "KNN_CERT_DATA" in message
        assert "cifar10_CLASS_CLASS.npz holds two of the ten classes" in message


def test_ten_classes_that_are_not_balanced_are_refused(data, small_cifar):
    content = small_cifar["test_batch.bin"]
    small_cifar["test_batch.bin"] = bytes([(content[0] + 1) % 10]) + content[1:]
    write_folder(data, small_cifar)
    with pytest.raises(
        ValueError, match=r"\(test\): expected 3 images each of the classes 0, 1, .*, 8 and 9"
    ):
        load_dataset("cifar10", download=False)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b[:-1], "expected 30 records of 3073 bytes .* the file is cut off"),
        (lambda b: b[:-3073], "the file is cut off"),
        (lambda b: b + b"\0", "too long"),
        (lambda b: b"\x0a" + b[1:], "record 0: expected a label from 0 to 9, got 10"),
        (lambda b: bytes([(b[0] + 1) % 10]) + b[1:], "expected 15 images each of the classes"),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_a_damaged_cifar_file_is_refused_by_name(data, small_cifar, damage, message, packed):
    small_cifar["data_batch_3.bin"] = damage(small_cifar["data_batch_3.bin"])
    if packed:
        write_folder(data, {"cifar-10-binary.tar.gz": archive_of(small_cifar)})
    else:
        write_folder(data / "cifar-10-batches-bin", small_cifar)
    labels = [small_cifar["data_batch_3.bin"][0], (small_cifar["data_batch_3.bin"][0] - 1) % 10]
    labels = sorted(label for label in labels if label < 10)
    first, second = (_cifar10.CLASS_NAMES[c] for c in (labels if len(labels) == 2 else (0, 9)))
    with pytest.raises(ValueError, match=message):
        load_dataset(f"cifar-{first}-{second}", download=False)


def test_an_incomplete_cifar_folder_names_the_files_that_are_missing(data, small_cifar):
    del small_cifar["data_batch_4.bin"]
    write_folder(data / "cifar-10-batches-bin", small_cifar)
    with pytest.raises(ValueError, match="data_batch_4.bin missing"):
        load_dataset("cifar-cat-dog", download=False)


def test_a_cifar_archive_that_is_cut_off_is_refused(data, small_cifar):
    write_folder(data, {"cifar-10-binary.tar.gz": archive_of(small_cifar)[:-5000]})
    with pytest.raises(ValueError, match="cut off or corrupt|missing"):
        load_dataset("cifar-cat-dog", download=False)


def test_the_pickled_version_of_cifar_is_never_read(data, no_network):
    bomb = b"cos\nsystem\n(S'touch opened'\ntR."
    write_folder(
        data / "cifar-10-batches-py", {f"data_batch_{i}": bomb for i in range(1, 6)} | {"test_batch": bomb}
    )
    with pytest.raises(ConnectionError, match="pickles"):
        load_dataset("cifar-airplane-bird")


def test_a_pair_file_with_pickled_arrays_is_refused(data):
    np.savez(
        data / "cifar10_airplane_bird.npz",
        **dict.fromkeys(("X_train", "y_train", "X_test", "y_test"), {"a": 1}),
    )
    with pytest.raises(ValueError, match="expected a whole NPZ file of plain arrays.*allow_pickle"):
        load_dataset("cifar-airplane-bird", download=False)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"X_train": np.zeros((4, 32, 32, 3), np.uint8)},
            "expected the arrays X_train, y_train, X_test, y_test",
        ),
        ({"X_train": np.zeros((4, 3072), np.uint8)}, "expected X_train of shape"),
        ({"X_test": np.zeros((4, 32, 32, 3))}, "type uint8"),
        ({"y_train": np.zeros(4)}, "expected integers in y_train"),
        ({"y_train": np.zeros(3, np.uint8)}, "with n labels"),
        ({}, "expected 5000 images each of the classes 0 and 2, got the counts {0: 4}"),
    ],
)
def test_a_wrong_pair_file_is_refused(data, arrays, message):
    good = {f"X_{part}": np.zeros((4, 32, 32, 3), np.uint8) for part in ("train", "test")}
    good |= {f"y_{part}": np.zeros(4, np.uint8) for part in ("train", "test")}
    content = arrays if message.startswith("expected the arrays") else good | arrays
    np.savez(data / "cifar10_airplane_bird.npz", **content)
    with pytest.raises(ValueError, match=message):
        load_dataset("cifar-airplane-bird", download=False)


def test_a_pair_file_that_is_cut_off_is_refused(data):
    np.savez(data / "cifar10_airplane_bird.npz", X_train=np.zeros(1000))
    content = (data / "cifar10_airplane_bird.npz").read_bytes()
    (data / "cifar10_airplane_bird.npz").write_bytes(content[:-200])
    with pytest.raises(ValueError, match="cut off"):
        load_dataset("cifar-airplane-bird", download=False)


def test_a_real_cifar_pair_holds_the_pictures_of_its_file(shared):
    dataset = load_dataset("cifar-airplane-bird", data_dir=shared / "data", download=False)
    assert dataset.X_train.shape == (10_000, 3072) and dataset.X_test.shape == (2000, 3072)
    assert dataset.y_train.tolist() == [0, 2] * 5000
    with np.load(shared / "data" / "cifar10" / "cifar10_airplane_bird.npz", allow_pickle=False) as pair:
        X, y = pair["X_test"], pair["y_test"]
    assert np.array_equal(dataset.X_test[0::2] * 255, X[y == 0].reshape(1000, 3072))
    assert np.array_equal(dataset.X_test[1::2] * 255, X[y == 2].reshape(1000, 3072))


# --- breast cancer ------------------------------------------------------------------------------------------


def test_the_breast_cancer_table_is_split_and_keeps_every_row():
    dataset = load_dataset("breast-cancer", feature_map="plain")
    assert isinstance(dataset, Dataset)
    assert dataset.X_train.shape == (455, 30) and dataset.X_test.shape == (114, 30)
    assert np.bincount(np.r_[dataset.y_train, dataset.y_test]).tolist() == [212, 357]
    assert dataset.class_names == {0: "malignant", 1: "benign"} and len(dataset.feature_names) == 30


def test_the_scaling_of_breast_cancer_does_not_depend_on_the_rows():
    scaled, plain = load_dataset("breast-cancer"), load_dataset("breast-cancer", feature_map="plain")
    constants = plain.X_train[0] / scaled.X_train[0]
    assert constants == pytest.approx([_breast_cancer.SCALE[name] for name in plain.feature_names], rel=1e-14)
    assert np.array_equal(
        scaled.X_test, plain.X_test / [_breast_cancer.SCALE[name] for name in plain.feature_names]
    )


def test_one_unit_of_scaled_breast_cancer_is_about_one_standard_deviation():
    dataset = load_dataset("breast-cancer")
    deviations = np.r_[dataset.X_train, dataset.X_test].std(axis=0)
    assert deviations.min() > 0.4 and deviations.max() < 1.6


def test_the_test_size_and_the_seed_reach_the_split():
    small = load_dataset("breast-cancer", test_size=0.5, random_state=1)
    assert small.X_test.shape[0] == 285
    other = load_dataset("breast-cancer", test_size=0.5, random_state=2)
    assert not np.array_equal(small.X_test, other.X_test)
