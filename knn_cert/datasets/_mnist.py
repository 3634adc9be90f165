"""MNIST: handwritten digits from the four original idx files, ten classes or a pair; pixels over 255."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ._dataset import Dataset
from ._files import REPLACE, RemoteFile, obtain, read_bytes

N_TRAIN, N_TEST, SIDE = 60_000, 10_000, 28

_MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"


def _remote(stem: str, n_bytes: int, sha256: str, sha256_unpacked: str) -> RemoteFile:
    dotted = stem.replace("-idx", ".idx")  # the name the files have once some unpackers are done with them
    names = (f"{stem}.gz", stem, dotted)
    return RemoteFile(
        title=f"MNIST ({stem}.gz)",
        url=f"{_MIRROR}{stem}.gz",
        store_as=f"mnist/{stem}.gz",
        sha256=sha256,
        sha256_unpacked=sha256_unpacked,
        max_bytes=n_bytes,
        candidates=tuple(f"{folder}{name}" for folder in ("mnist/", "", "MNIST/raw/") for name in names),
    )


_REMOTES = (
    _remote(
        "train-images-idx3-ubyte",
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    _remote(
        "train-labels-idx1-ubyte",
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    _remote(
        "t10k-images-idx3-ubyte",
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    _remote(
        "t10k-labels-idx1-ubyte",
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


def parse_idx(path: Path, *, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read an idx file of unsigned bytes (plain or gzip) that must have exactly this shape.

    The format: two zero bytes, 0x08 for unsigned bytes, the number of dimensions, each dimension as a
    big-endian 32-bit integer, then the values, last dimension fastest.

    Raises
    ------
    ValueError
        If the header, the shape or the length is another.
    """
    data = read_bytes(path)
    ndim = len(shape)
    magic = bytes((0, 0, 8, ndim))
    if data[:4] != magic:
        raise ValueError(
            f"{path}: expected an idx file of unsigned bytes with {ndim} dimension(s) (first bytes "
            f"{magic.hex()}), got {data[:4].hex() or 'an empty file'}; {REPLACE}"
        )
    start = 4 + 4 * ndim
    got_shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, start, 4))
    if got_shape != shape:
        raise ValueError(f"{path}: expected the shape {shape} in its header, got {got_shape}; {REPLACE}")
    expected = start + prod(shape)
    if len(data) != expected:
        raise ValueError(
            f"{path}: expected {expected} bytes for the shape {shape}, got {len(data)}: the file is "
            f"{'cut off' if len(data) < expected else 'too long'}; {REPLACE}"
        )
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)


def _part(
    images_path: Path, labels_path: Path, n_images: int, classes: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the images of some classes as rows in [0, 1], in the original order, and their digits."""
    labels = parse_idx(labels_path, shape=(n_images,))
    if labels.max(initial=0) > 9:
        raise ValueError(f"{labels_path}: expected digits 0 to 9, got the label {labels.max()}; {REPLACE}")
    images = parse_idx(images_path, shape=(n_images, SIDE, SIDE))
    rows = np.isin(labels, classes)
    # A fixed divisor, not a scaler fitted on the data: an attacker of the table cannot move it.
    return images[rows].reshape(-1, SIDE * SIDE) / 255.0, labels[rows].astype(np.int64)


def load(
    *, classes: tuple[int, ...], name: str, data_dir: str | os.PathLike[str] | None, download: bool
) -> Dataset:
    """Return MNIST, reduced to some digits, with its own training and test sets."""
    train_images, train_labels, test_images, test_labels = obtain(
        _REMOTES, data_dir=data_dir, download=download
    )
    X_train, y_train = _part(train_images, train_labels, N_TRAIN, classes)
    X_test, y_test = _part(test_images, test_labels, N_TEST, classes)
    return Dataset(
        name=name,
        X_train=X_train,
        y_train=y_train,
        X_test=X_test,
        y_test=y_test,
        feature_names=[f"pixel_{r}_{c}" for r in range(SIDE) for c in range(SIDE)],
        class_names={digit: str(digit) for digit in classes},
        description=(
            f"MNIST, digits {', '.join(map(str, classes))}: 28 x 28 grey pixels divided by 255, original "
            "training and test sets. Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0."
        ),
    )
