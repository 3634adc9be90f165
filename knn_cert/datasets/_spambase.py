"""Spambase (UCI): 4,601 e-mails, 57 counts each, spam or not; with the feature map of RAB."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from array import array
from typing import TYPE_CHECKING

import numpy as np

from ..tables import split_holdout
from ._dataset import Dataset
from ._files import REPLACE, RemoteFile, obtain, read_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

N_FEATURES = 57
CLASS_COUNTS = (2788, 1813)
CLASS_NAMES = {0: "not spam", 1: "spam"}
FEATURE_MAPS = ("rab", "plain")
_MAX_BYTES = 1 << 24  # the file has 0.7 MB and the archive less; what is longer is something else

_WORDS = (
    "make address all 3d our over remove internet order mail receive will people report addresses free "
    "business email you credit your font 000 money hp hpl george 650 lab labs telnet 857 data 415 85 "
    "technology 1999 parts pm direct cs meeting original project re edu table conference"
).split()
FEATURE_NAMES = [
    *(f"word_freq_{word}" for word in _WORDS),
    *(f"char_freq_{char}" for char in ";([!$#"),
    "capital_run_length_average",
    "capital_run_length_longest",
    "capital_run_length_total",
]


def _take_out_of_zip(data: bytes) -> bytes:
    """Return spambase.data from UCI's archive, with LF line ends, to which the pinned sha256 belongs."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open("spambase.data") as member:
            content = member.read(_MAX_BYTES)
    except (zipfile.BadZipFile, KeyError, EOFError, OSError, RuntimeError, zlib.error) as error:
        raise ValueError(
            f"Spambase: expected a zip archive holding spambase.data, got something else ({error}); nothing "
            f"was stored. Fetch spambase.data by hand and name its folder in KNN_CERT_DATA"
        ) from error
    return content.replace(b"\r\n", b"\n")


_REMOTE = RemoteFile(
    title="Spambase",
    url="https://archive.ics.uci.edu/static/public/94/spambase.zip",
    store_as="spambase/spambase.data",
    sha256="ebec58cfca94ea61c77df632314acae15bad410f4769d38b1a66cb41050e3431",
    max_bytes=_MAX_BYTES,
    candidates=tuple(
        f"{folder}{name}"
        for folder in ("spambase/", "")
        for name in ("spambase.data", "spambase.data.csv.gz", "spambase.data.gz", "spambase.data.csv")
    ),
    extract=_take_out_of_zip,
    by_hand="(take spambase.data out of the zip archive; the sha256 is its own, with LF line ends)",
)


def parse_spambase(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read spambase.data (plain or gzip) in its original row order.

    Returns
    -------
    X : ndarray of shape (4601, 57), float64
    y : ndarray of shape (4601,), int64, 1 = spam

    Raises
    ------
    ValueError
        If any line, number, label or count is not that of the original.
    """
    try:
        lines = read_bytes(path).decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: expected plain numbers and commas, got byte {error.start}: {error}; {REPLACE}"
        ) from None
    while lines and not lines[-1].strip():
        lines.pop()
    values = array("d")
    for number, line in enumerate(lines, start=1):
        cells = line.split(",")
        if len(cells) != N_FEATURES + 1:
            raise ValueError(
                f"{path}, line {number}: expected {N_FEATURES + 1} comma-separated numbers, got "
                f"{len(cells)}; {REPLACE}"
            )
        try:
            values.extend(map(float, cells))
        except ValueError as error:
            hint = " (the original has no header line)" if number == 1 else ""
            raise ValueError(
                f"{path}, line {number}: expected numbers, got text: {error}{hint}; {REPLACE}"
            ) from None
    table = np.frombuffer(values, dtype=np.float64).reshape(-1, N_FEATURES + 1)
    if not np.isfinite(table).all():
        row = int(np.argwhere(~np.isfinite(table))[0, 0])
        raise ValueError(f"{path}, line {row + 1}: expected finite numbers, got NaN or infinity; {REPLACE}")
    labels = table[:, -1]
    if not np.isin(labels, (0.0, 1.0)).all():
        row = int(np.flatnonzero(~np.isin(labels, (0.0, 1.0)))[0])
        raise ValueError(f"{path}, line {row + 1}: expected label 0 or 1, got {labels[row]:g}; {REPLACE}")
    counts = (int((labels == 0).sum()), int((labels == 1).sum()))
    if counts != CLASS_COUNTS:
        raise ValueError(
            f"{path}: expected {sum(CLASS_COUNTS)} rows ({CLASS_COUNTS[0]} not spam, {CLASS_COUNTS[1]} "
            f"spam), got {sum(counts)} ({counts[0]} and {counts[1]}); {REPLACE}"
        )
    return table[:, :-1].copy(), labels.astype(np.int64)


def rab_feature_map(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply the feature map of RAB's Spambase experiment.

    Columns 0-53 are kept; columns 54 and 55 (average and longest run of capitals) are each divided by column
    56 (the total), which is dropped. It looks at one row at a time, so nobody can move it by other rows.

    Parameters
    ----------
    X : ndarray of shape (n, 57)

    Returns
    -------
    ndarray of shape (n, 56)

    Raises
    ------
    ValueError
        If column 56 is not positive somewhere (it counts letters and is at least 1 in the original).
    """
    total = X[:, 56]
    if not (total > 0).all():
        row = int(np.flatnonzero(~(total > 0))[0])
        raise ValueError(
            "the feature map 'rab' divides by column 56 (capital_run_length_total): expected values > 0, "
            f"got {total[row]:g} in row {row}; use feature_map='plain'"
        )
    return np.column_stack([X[:, :54], X[:, 54] / total, X[:, 55] / total])


def load(
    *,
    feature_map: str,
    test_size: float,
    random_state: int,
    data_dir: str | os.PathLike[str] | None,
    download: bool,
) -> Dataset:
    """Return Spambase with a stratified, shuffled hold-out (see `knn_cert.datasets.load_dataset`)."""
    (path,) = obtain([_REMOTE], data_dir=data_dir, download=download)
    X, y = parse_spambase(path)
    names = list(FEATURE_NAMES)
    note = "57 plain features"
    if feature_map == "rab":
        X = rab_feature_map(X)
        names = [*names[:54], f"{names[54]}/{names[56]}", f"{names[55]}/{names[56]}"]
        note = "RAB's feature map, 56 features"
    X_train, X_test, y_train, y_test = split_holdout(X, y, test_size, random_state)
    return Dataset(
        name="spambase",
        X_train=X_train,
        y_train=y_train,
        X_test=X_test,
        y_test=y_test,
        feature_names=names,
        class_names=dict(CLASS_NAMES),
        description=(
            f"Spambase: 4,601 e-mails, {note}; stratified hold-out. M. Hopkins, E. Reeber, G. Forman, "
            "J. Suermondt (1999), UCI Machine Learning Repository, CC BY 4.0."
        ),
    )
