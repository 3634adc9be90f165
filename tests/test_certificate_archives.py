"""NPZ files of certificates: arrays that nobody can have written are refused, and no file stays open."""

from __future__ import annotations

import gc
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tampered
from certified import exact

from knn_cert import Certificates


@pytest.fixture
def archive(tmp_path):
    """Head and arrays of the NPZ file of the ball, and where to write others."""
    path = tmp_path / "c.npz"
    exact().save(path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return json.loads(str(arrays.pop("head"))), arrays, path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a["label_position"].__setitem__(0, 99), r"label_position must lie in 0\.\.2"),
        (lambda a: a["label_position"].__setitem__(0, -1), r"label_position must lie in 0\.\.2"),
        (lambda a: a.update(label_position=a["label_position"][None]), "label_position must lie"),
        (
            lambda a: a.update(label_position=a["label_position"] * 1.0),
            "label_position must have dtype int64",
        ),
        (lambda a: a.update(budget=a["budget"].astype(np.float32)), "budget must have dtype float64"),
        (lambda a: a.update(budget=a["budget"].astype(complex)), "budget must have dtype float64"),
        (lambda a: a.update(budget=a["budget"] * np.nan), "budget must be a number of at least 0"),
        (lambda a: a.update(abstained=a["abstained"].astype(int)), "abstained must have dtype bool"),
        (lambda a: a.update(query=a["query"].astype(np.uint64)), "query must have dtype int64"),
        (lambda a: a.update(query=a["query"][:, None]), r"query must have shape \(8,\)"),
        (lambda a: a.update(query=np.int64(3)), "no complete file|len"),
        (lambda a: a.update(probabilities=a["probabilities"].T), "different lengths"),
        (
            lambda a: a.update(probabilities=a["probabilities"][:, :2]),
            r"probabilities must have shape \(8, 3\)",
        ),
        (lambda a: a.update(more=a["query"]), "expected the arrays"),
        (lambda a: a.pop("errors"), "expected the arrays"),
        (lambda a: a.update(budget=np.array([{}] * 8, dtype=object)), "expected|pickle|allow_pickle"),
    ],
)
def test_arrays_that_nobody_can_have_written_are_refused(archive, change, message):
    head, arrays, path = archive
    change(arrays)
    tampered.write_npz(head, arrays, path)
    with pytest.raises(ValueError, match=message):
        Certificates.load(path)


def test_an_archive_that_packs_or_repeats_its_arrays_is_refused(archive):
    head, arrays, path = archive
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("budget.npy", b"")
    with pytest.raises(ValueError, match="no complete file of certificates"):
        Certificates.load(path)
    np.savez_compressed(path, head=np.array(json.dumps(head)), **arrays)
    with pytest.raises(ValueError, match="compressed"):
        Certificates.load(path)
    np.savez(path, head=np.array(3), **arrays)
    with pytest.raises(ValueError, match="head must be one string"):
        Certificates.load(path)


def test_arrays_of_the_other_byte_order_are_read(archive):
    head, arrays, path = archive
    swapped = {name: array.astype(array.dtype.newbyteorder()) for name, array in arrays.items()}
    tampered.write_npz(head, swapped, path)
    loaded = Certificates.load(path)
    np.testing.assert_array_equal(loaded.budget, exact().budget)
    assert loaded.budget.dtype == np.float64


def test_no_file_stays_open_after_failed_loads(archive):
    _, _, path = archive
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("no /proc here")
    content = path.read_bytes()
    gc.collect()
    before, errors = len(list(descriptors.iterdir())), []
    for end in np.linspace(0, len(content) - 1, 20).astype(int):
        path.write_bytes(content[:end])
        with pytest.raises(ValueError, match="no complete file of certificates") as error:
            Certificates.load(path)
        errors.append(error)  # whoever keeps the error keeps what it refers to
    assert len(list(descriptors.iterdir())) == before
