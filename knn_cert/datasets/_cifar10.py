"""CIFAR-10: ten classes from the binary version of the original, pairs also from a pair file; never a pickle.

The two sources of a pair hold the same pictures in different orders. Its rows are given in one order
whatever the source: the two classes take turns, each in its original order. So the same name always means the
same table, row for row, and any first part of it is balanced. The ten classes have one source, whose order is
kept.
"""

from __future__ import annotations

import os
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._npz import open_npz
from ._dataset import Dataset, rgb_feature_names
from ._files import REPLACE, RemoteFile, find, obtain, warn_of_no_checksum

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECORDS_PER_FILE = 10_000  # in each of the six files of the binary version
SIDE = 32
RECORD_BYTES = 1 + 3 * SIDE * SIDE  # the label, then the red, green and blue planes, row by row
N_TRAIN_CLASS, N_TEST_CLASS = 5_000, 1_000
TRAIN_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST_FILES = ("test_batch.bin",)

_FOLDER = "cifar-10-batches-bin"
_ARCHIVE = "cifar-10-binary.tar.gz"
_REMOTE = RemoteFile(
    title="CIFAR-10, binary version",
    url=f"https://www.cs.toronto.edu/~kriz/{_ARCHIVE}",
    store_as=f"cifar10/{_ARCHIVE}",
    # The authors publish only an md5, c32a1d4ab5d03f1284b67883e8d87530. This sha256 of the same 170,052,171
    # bytes is not from them: it is the one that independent projects pin, torchvision for Ruby among them.
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    max_bytes=170_052_171,
    candidates=tuple(
        f"{folder}{name}" for folder in ("cifar10/", "") for name in (f"{_FOLDER}/{TRAIN_FILES[0]}", _ARCHIVE)
    )
    + (TRAIN_FILES[0],),
    without_sha256=TRAIN_FILES,
    by_hand=(
        "(162 MB; published md5 c32a1d4ab5d03f1284b67883e8d87530; the Python version of CIFAR-10 is not "
        "read: its files are pickles, which can run code; a file cifar10_CLASS_CLASS.npz holds two of the "
        "ten classes and serves this pair only)"
    ),
)

_Images = NDArray[np.uint8]
_Labels = NDArray[np.int64]
_Parts = tuple[_Images, _Labels, _Images, _Labels]


def parse_records(data: bytes, *, source: str) -> tuple[_Images, _Labels]:
    """Read one file of the binary version.

    Returns
    -------
    images : ndarray of shape (10000, 32, 32, 3), uint8: row, column, colour
    labels : ndarray of shape (10000,), int64

    Raises
    ------
    ValueError
        If the length or a label is wrong; ``source`` names the file.
    """
    expected = RECORDS_PER_FILE * RECORD_BYTES
    if len(data) != expected:
        raise ValueError(
            f"{source}: expected {RECORDS_PER_FILE} records of {RECORD_BYTES} bytes ({expected} in all), got "
            f"{len(data)} bytes: the file is {'cut off' if len(data) < expected else 'too long'}; {REPLACE}"
        )
    records = np.frombuffer(data, dtype=np.uint8).reshape(RECORDS_PER_FILE, RECORD_BYTES)
    labels = records[:, 0].astype(np.int64)
    if labels.max() > 9:
        record = int(np.argmax(labels > 9))
        raise ValueError(
            f"{source}, record {record}: expected a label from 0 to 9, got {labels[record]}; {REPLACE}"
        )
    return records[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), labels


def _files_in_folder(folder: Path) -> dict[str, bytes]:
    """Return the six files of an unpacked archive."""
    wanted = (*TRAIN_FILES, *TEST_FILES)
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"{folder}: expected the files {', '.join(wanted)}, {', '.join(missing)} missing; {REPLACE}"
        )
    return {name: (folder / name).read_bytes() for name in wanted}


def _files_in_archive(path: Path) -> dict[str, bytes]:
    """Return the six files from the archive, read in place: nothing is unpacked to the disk."""
    wanted = {f"{_FOLDER}/{name}": name for name in (*TRAIN_FILES, *TEST_FILES)}
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = wanted.get(member.name.removeprefix("./"))
                if name is None or not member.isfile():
                    continue
                stream = archive.extractfile(member)
                # One byte more than a good file has is enough to see that it is too long.
                found[name] = stream.read(RECORDS_PER_FILE * RECORD_BYTES + 1) if stream is not None else b""
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise ValueError(
            f"{path}: expected the whole archive {_ARCHIVE}, got a file that is cut off or corrupt "
            f"({error}); {REPLACE}"
        ) from error
    missing = [name for name in wanted.values() if name not in found]
    if missing:
        raise ValueError(
            f"{path}: expected the files {', '.join(wanted)}, {', '.join(missing)} missing; {REPLACE}"
        )
    return found


def _from_binary(path: Path, classes: tuple[int, ...]) -> _Parts:
    """Return the images and labels of some classes, in the original order.

    ``path`` is the archive of the binary version, or one of the unpacked files.
    """
    files = _files_in_archive(path) if path.name == _ARCHIVE else _files_in_folder(path.parent)

    def part(names: tuple[str, ...]) -> tuple[_Images, _Labels]:
        images, labels = [], []
        for name in names:
            all_images, all_labels = parse_records(files[name], source=f"{path} ({name})")
            rows = np.isin(all_labels, classes)
            images.append(all_images[rows])
            labels.append(all_labels[rows])
        return np.concatenate(images), np.concatenate(labels)

    return *part(TRAIN_FILES), *part(TEST_FILES)


def _from_pair_file(path: Path) -> _Parts:
    """Return the images and labels of an NPZ file with X_train, y_train, X_test, y_test."""
    wanted = ("X_train", "y_train", "X_test", "y_test")
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path}: expected a whole NPZ file, got one that is cut off or something else; {REPLACE}"
        )
    try:
        with open_npz(path) as archive:
            missing = [name for name in wanted if name not in archive.files]
            if missing:
                raise ValueError(
                    f"expected the arrays {', '.join(wanted)}, got {', '.join(archive.files) or 'none'}"
                )
            X_train, y_train, X_test, y_test = (archive[name] for name in wanted)
    except Exception as error:  # zipfile and NumPy name no closed set of errors for a damaged file
        raise ValueError(f"{path}: expected a whole NPZ file of plain arrays: {error}; {REPLACE}") from error
    for images, labels, part in ((X_train, y_train, "train"), (X_test, y_test, "test")):
        if (
            images.dtype != np.uint8
            or images.shape[1:] != (SIDE, SIDE, 3)
            or labels.shape != images.shape[:1]
        ):
            raise ValueError(
                f"{path}: expected X_{part} of shape (n, 32, 32, 3) and type uint8 with n labels, got "
                f"{images.shape}, {images.dtype} and {labels.shape}; {REPLACE}"
            )
        if labels.dtype.kind not in "iu":
            raise ValueError(f"{path}: expected integers in y_{part}, got {labels.dtype}; {REPLACE}")
    return X_train, y_train.astype(np.int64), X_test, y_test.astype(np.int64)


def _rows(
    images: _Images, labels: _Labels, classes: tuple[int, ...], n_class: int, *, source: str
) -> tuple[NDArray[np.float64], _Labels]:
    """Check that every class is complete; return rows in [0, 1] and labels, two classes taking turns."""
    of_class = [np.flatnonzero(labels == c) for c in classes]
    if any(len(rows) != n_class for rows in of_class) or len(labels) != len(classes) * n_class:
        counts = {int(c): int(k) for c, k in zip(*np.unique(labels, return_counts=True), strict=True)}
        wanted = f"{', '.join(map(str, classes[:-1]))} and {classes[-1]}"
        raise ValueError(
            f"{source}: expected {n_class} images each of the classes {wanted}, got the counts {counts}; "
            f"{REPLACE}"
        )
    if len(classes) == 2:
        rows = np.column_stack(of_class).ravel()
        images, labels = images[rows], labels[rows]
    # A fixed divisor, not a scaler fitted on the data: an attacker of the table cannot move it.
    return images.reshape(len(labels), -1) / 255.0, labels


def load(
    *, classes: tuple[int, ...], name: str, data_dir: str | os.PathLike[str] | None, download: bool
) -> Dataset:
    """Return two or all ten classes of CIFAR-10 (increasing numbers), with its own training and test sets."""
    path = None
    if len(classes) == 2:
        pair_file = f"cifar10_{CLASS_NAMES[classes[0]]}_{CLASS_NAMES[classes[1]]}.npz"
        path = find((f"cifar10/{pair_file}", pair_file), data_dir)
    if path is not None:
        warn_of_no_checksum(path)
        parts = _from_pair_file(path)
    else:
        (path,) = obtain([_REMOTE], data_dir=data_dir, download=download)
        parts = _from_binary(path, classes)
    X_train, y_train = _rows(parts[0], parts[1], classes, N_TRAIN_CLASS, source=f"{path} (train)")
    X_test, y_test = _rows(parts[2], parts[3], classes, N_TEST_CLASS, source=f"{path} (test)")
    order = "the two classes taking turns" if len(classes) == 2 else "in the original order"
    return Dataset(
        name=name,
        X_train=X_train,
        y_train=y_train,
        X_test=X_test,
        y_test=y_test,
        feature_names=rgb_feature_names(SIDE),
        class_names={c: CLASS_NAMES[c] for c in classes},
        description=(
            f"CIFAR-10, {', '.join(CLASS_NAMES[c] for c in classes)}: {SIDE} x {SIDE} RGB pixels divided by "
            f"255, original training and test sets, {order}. A. Krizhevsky, Learning Multiple Layers of "
            "Features from Tiny Images (2009)."
        ),
    )
