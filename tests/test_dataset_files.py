"""Files of data sets in a folder or in the cache: hashed before they are used. No network is used."""

from __future__ import annotations

import gc
import gzip
import hashlib
import struct
import warnings
from pathlib import Path

import pytest

from knn_cert import _reading
from knn_cert.datasets import _files, _mnist, load_dataset


@pytest.fixture
def data(tmp_path, monkeypatch):
    """An empty data folder that KNN_CERT_DATA names, and an empty cache."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("KNN_CERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KNN_CERT_DATA", str(folder))
    return folder


def remote_file(content: bytes, **changes) -> _files.RemoteFile:
    """Return a file with this content that nobody serves."""
    values = {
        "title": "Thing",
        "url": "file:///nowhere/thing.bin",
        "store_as": "things/thing.bin",
        "sha256": hashlib.sha256(content).hexdigest(),
        "max_bytes": len(content),
        "candidates": ("things/thing.bin",),
    }
    return _files.RemoteFile(**{**values, **changes})


def test_a_file_that_is_found_is_hashed_every_time_it_is_used(tmp_path, data):
    remote = remote_file(b"payload")
    for folder in (data, tmp_path / "cache"):
        found = folder / "things" / "thing.bin"
        found.parent.mkdir(parents=True)
        found.write_bytes(b"payload")
        assert _files.obtain([remote], download=False) == [found]
        found.write_bytes(b"tampered with")
        got = hashlib.sha256(b"tampered with").hexdigest()
        with pytest.raises(
            ValueError, match=f"expected Thing with the sha256 {remote.sha256}, got {got}.*"
        ) as caught:
            _files.obtain([remote])
        assert str(found) in str(caught.value) and "put a good copy there" in str(caught.value)
        found.unlink()


def test_a_file_that_is_not_the_published_one_is_no_data_set(data):
    (data / "spambase.data").write_text("1,2,3\n")
    with pytest.raises(ValueError, match="this is not the published file; delete the file.*read_table"):
        load_dataset("spambase", download=False)


def test_a_folder_in_the_place_of_a_file_is_refused(data):
    (data / "spambase.data").mkdir()
    with pytest.raises(ValueError, match="expected a file, got a folder"):
        load_dataset("spambase", download=False)


@pytest.mark.parametrize(
    "dress",
    [
        gzip.compress,
        lambda b: b.replace(b"\n", b"\r\n"),
        lambda b: b"\xef\xbb\xbf" + b,
        lambda b: gzip.compress(b.replace(b"\n", b"\r\n")),
    ],
    ids=["packed", "CRLF", "mark", "CRLF packed"],
)
def test_the_checksum_is_that_of_the_content_in_any_dress(tmp_path, data, dress):
    remote = remote_file(b"one\ntwo\n")
    (data / "things").mkdir()
    (data / "things" / "thing.bin").write_bytes(dress(b"one\ntwo\n"))
    assert _files.obtain([remote], download=False) == [data / "things" / "thing.bin"]
    (data / "things" / "thing.bin").write_bytes(dress(b"one\nTwo\n"))
    with pytest.raises(ValueError, match="not the published file"):
        _files.obtain([remote], download=False)


def test_the_checksum_is_that_of_what_is_extracted(tmp_path, data):
    remote = remote_file(b"ABC", extract=bytes.lower, sha256=hashlib.sha256(b"abc").hexdigest())
    (data / "things").mkdir()
    (data / "things" / "thing.bin").write_bytes(b"ABC")
    assert _files.obtain([remote], download=False)
    (data / "things" / "thing.bin").write_bytes(b"ABD")
    with pytest.raises(ValueError, match="not the published file"):
        _files.obtain([remote], download=False)


def test_a_file_that_unpacks_to_more_than_any_file_holds_is_refused(tmp_path, data, monkeypatch):
    monkeypatch.setattr(_reading, "LARGEST_CONTENT", 1 << 20)
    (data / "spambase.data.gz").write_bytes(gzip.compress(bytes(1 << 22)))
    with pytest.raises(ValueError, match="expected at most 1 MiB once unpacked, got more"):
        load_dataset("spambase", download=False)


@pytest.mark.parametrize("change", [lambda b: b, lambda b: b[:-1] + b"\x01"])
def test_real_mnist_files_may_be_unpacked_but_not_changed(shared, data, change):
    for remote in _mnist._REMOTES:
        name = Path(remote.store_as).name
        content = gzip.decompress((shared / "data" / "mnist" / name).read_bytes())
        (data / name.removesuffix(".gz")).write_bytes(change(content))
    if change(b"ab") == b"ab":
        assert load_dataset("mnist-01", download=False).X_train.shape == (12_665, 784)
    else:
        with pytest.raises(ValueError, match="not the published file"):
            load_dataset("mnist-01", download=False)


@pytest.mark.filterwarnings("default:.*no checksum is known")
def test_files_without_a_published_checksum_are_read_with_a_warning(data, shared):
    pair = "cifar10_airplane_bird.npz"
    (data / pair).symlink_to(shared / "data" / "cifar10" / pair)
    with pytest.warns(UserWarning, match=f"{pair}: no checksum is known for this file"):
        load_dataset("cifar-airplane-bird", download=False)
    (data / "data_batch_1.bin").write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="data_batch_1.bin: no checksum is known"),
        pytest.raises(ValueError, match="expected the files"),
    ):
        load_dataset("cifar10", download=False)


def test_a_cifar_archive_that_is_not_the_published_one_is_refused(data):
    (data / "cifar-10-binary.tar.gz").write_bytes(b"another archive")
    with pytest.raises(ValueError, match="not the published file"):
        load_dataset("cifar10", download=False)


def test_a_pair_file_that_cannot_be_read_is_closed_again(data):
    # The end of a zip archive that promises one entry of 46 bytes, and something else in its place.
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 46, 0, 0)
    (data / "cifar10_airplane_bird.npz").write_bytes(b"PK\x03\x04" + bytes(42) + end)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match="expected a whole NPZ file"):
            load_dataset("cifar-airplane-bird", download=False)
        gc.collect()
    assert [w for w in seen if w.category is ResourceWarning] == []
