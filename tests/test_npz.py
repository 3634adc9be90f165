"""NPZ files are closed again, whatever they hold."""

from __future__ import annotations

import gc
import warnings
import zipfile

import numpy as np
import pytest

from knn_cert._npz import open_npz


def whole_file(folder):
    path = folder / "whole.npz"
    np.savez(path, X=np.arange(6.0).reshape(3, 2), y=np.array([0, 1, 1]))
    return path


def broken_files(folder):
    """Cut off anywhere, not a zip archive, empty, a lone array, an archive of no arrays."""
    content = whole_file(folder).read_bytes()
    for name, data in {
        "empty": b"",
        "cut off early": content[:20],
        "cut off late": content[:-30],
        "text": b"x,y\n1,2\n",
    }.items():
        path = folder / f"{name}.npz"
        path.write_bytes(data)
        yield path
    with open(folder / "array.npz", "wb") as file:
        np.save(file, np.arange(3))
    yield folder / "array.npz"


def test_an_npz_file_is_read_and_closed(tmp_path):
    with open_npz(whole_file(tmp_path)) as archive:
        assert archive["y"].tolist() == [0, 1, 1]
    assert archive.zip is None  # closed


def test_a_broken_npz_file_is_refused_and_closed(tmp_path):
    for path in broken_files(tmp_path):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            with pytest.raises((ValueError, EOFError, zipfile.BadZipFile)), open_npz(path):
                pass
            gc.collect()  # a file that was left open says so when it is collected
        assert [str(warning.message) for warning in seen] == [], path


def test_no_pickle_is_ever_loaded_from_an_npz_file(tmp_path):
    path = tmp_path / "pickle.npz"
    np.savez(path, X=np.array([{"a": 1}], dtype=object))
    with open_npz(path) as archive, pytest.raises(ValueError, match="pickle"):
        archive["X"]
