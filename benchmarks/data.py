"""Where the benchmarks find their data sets; nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from knn_cert import load_dataset
from knn_cert.datasets import Dataset, TextDataset, load_corpus

from .report import Report

# Data sets and reference values may lie beside the checkout.
SHARED = Path(__file__).resolve().parents[2] / "shared"


def data_dir(chosen: str | None) -> str | None:
    """Return the folder to look in, or None for what the loaders look through themselves."""
    if chosen is not None:
        return str(Path(chosen).resolve())
    beside = SHARED / "data"
    return str(beside) if beside.is_dir() and not os.environ.get("KNN_CERT_DATA") else None


def load(report: Report, name: str, folder: str | None) -> Dataset | None:
    """Return a data set, or None and a line in the report if its files are not here."""
    return _load(report, load_dataset, "knn_cert.load_dataset", name, folder)


def load_texts(report: Report, name: str, folder: str | None) -> TextDataset | None:
    """Return a corpus, or None and a line in the report if its files are not here."""
    return _load(report, load_corpus, "knn_cert.datasets.load_corpus", name, folder)


def _load(report: Report, loader: Callable, called: str, name: str, folder: str | None):
    # A benchmark does not begin with a download that nobody asked for.
    try:
        return loader(name, data_dir=folder, download=False)
    except FileNotFoundError:
        report.text(
            f"{name} is left out: its files are not here. Name their folder with `--data-dir`, or call "
            f'`{called}("{name}")` once, which downloads them.'
        )
        return None


def spread(rows: np.ndarray, limit: int | None) -> np.ndarray:
    """Return at most so many rows, evenly over the table: some tables have one class after the other."""
    if limit is None or limit >= len(rows):
        return rows
    return rows[np.linspace(0, len(rows) - 1, limit).astype(int)]
