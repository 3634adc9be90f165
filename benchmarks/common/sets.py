"""The data sets of studies that compare classifiers: those of the package, and tables read here.

Features are mapped row by row with constants that are written down, never fitted on the training rows: a
scaler fitted on a poisoned table would void the certificates of moved rows.
"""

from __future__ import annotations

import argparse
import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np

from knn_cert.datasets import Dataset
from knn_cert.tables import split_holdout

from .report import Report
from .source import Source

TITLES = {
    "spambase": "Spambase",
    "spambase-log": "Spambase, log(1+x)",
    "mnist-01": "MNIST 0/1",
    "mnist-68": "MNIST 6/8",
    "mnist": "MNIST, ten classes",
    "cifar-airplane-bird": "CIFAR-10 airplane/bird",
    "cifar-automobile-dog": "CIFAR-10 automobile/dog",
    "breast-cancer": "Breast cancer",
    "magic04": "MAGIC gamma telescope",
    "letter": "Letter recognition",
}

QUICK = ("spambase-log", "mnist-01", "letter")  # each form of a table once: enough for a quick run

# Units of the ten features of MAGIC: about one standard deviation each, 1, 2 or 5 times a power of ten.
_MAGIC_UNITS = (50.0, 20.0, 0.5, 0.2, 0.1, 50.0, 50.0, 20.0, 20.0, 100.0)

_FILES = {"magic04": "magic04.data.gz", "letter": "letter-recognition.data.gz"}


def names_of(options: argparse.Namespace) -> list[str]:
    """Return the data sets of `--datasets`; a quick run for which none was chosen takes a few."""
    chosen: list[str] = options.datasets
    return list(QUICK) if options.quick and len(chosen) == len(TITLES) else chosen


def read_set(report: Report, source: Source, name: str) -> Dataset | None:
    """Return one of `TITLES`, or None and a line in the report if its file is not here."""
    if name in _FILES and not source.quick:
        path = source.file("tabular", _FILES[name])
        if path is None:
            report.text(f"{name} is left out: tabular/{_FILES[name]} is not in the folder of the data sets.")
            return None
        return _table(name, path)
    if name == "spambase-log":
        data = source.table(report, "spambase")
        return None if data is None else _log(data)
    return source.table(report, name)


def _log(data: Dataset) -> Dataset:
    """Return Spambase with log(1+x) of each feature, none of which is negative but in made-up stand-ins."""
    return replace(
        data,
        name="spambase-log",
        X_train=np.log1p(np.maximum(data.X_train, 0.0)),
        X_test=np.log1p(np.maximum(data.X_test, 0.0)),
        description=f"{data.description} log(1+x) of each feature.",
    )


def _table(name: str, path: Path) -> Dataset:
    """Read a table of comma-separated numbers and one letter, the class, and hold a fifth of it out."""
    with gzip.open(path, "rt", encoding="ascii") as lines:
        cells = np.array([line.strip().split(",") for line in lines if line.strip()])
    if name == "magic04":
        X, letters = cells[:, :-1].astype(np.float64) / _MAGIC_UNITS, cells[:, -1]
    else:
        X, letters = cells[:, 1:].astype(np.float64), cells[:, 0]
    classes, y = np.unique(letters, return_inverse=True)
    X_train, X_test, y_train, y_test = split_holdout(X, y.astype(np.int64))
    return Dataset(
        name=name,
        X_train=X_train,
        y_train=y_train,
        X_test=X_test,
        y_test=y_test,
        feature_names=[f"feature_{i}" for i in range(X.shape[1])],
        class_names={i: str(letter) for i, letter in enumerate(classes)},
        description=f"{TITLES[name]}, UCI Machine Learning Repository, CC BY 4.0; stratified hold-out.",
    )
