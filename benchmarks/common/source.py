"""Where the studies get their data: from files, never by a download, or in a quick run from stand-ins."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from knn_cert import load_dataset
from knn_cert.datasets import Dataset, TextDataset, load_corpus

from . import standins
from .report import Report

# Data sets may lie beside the checkout.
SHARED = Path(__file__).resolve().parents[3] / "shared"

Found = TypeVar("Found", Dataset, TextDataset)


@dataclass(frozen=True)
class Source:
    """Data sets and corpora by name.

    Attributes
    ----------
    folder : str or None
        Where the files are; None for what the loaders look through themselves.
    quick : bool
        Small stand-ins of the same form instead of the data: no file is read.
    """

    folder: str | None
    quick: bool = False

    def read(self, name: str) -> Dataset:
        """Return a data set; `FileNotFoundError` if its files are not here."""
        if self.quick:
            return standins.table(name)
        return load_dataset(name, data_dir=self.folder, download=False)

    def table(self, report: Report, name: str) -> Dataset | None:
        """Return a data set, or None and a line in the report if its files are not here."""
        return self._or_line(report, self.read, "knn_cert.load_dataset", name)

    def corpus(self, report: Report, name: str) -> TextDataset | None:
        """Return a corpus, or None and a line in the report if its files are not here."""
        return self._or_line(report, self._read_corpus, "knn_cert.datasets.load_corpus", name)

    def file(self, *names: str) -> Path | None:
        """Return the path of a file that belongs to no data set, or None where it is not there."""
        folder = Path(self.folder or os.environ.get("KNN_CERT_DATA") or SHARED / "data")
        path = folder.joinpath(*names)
        return path if path.exists() else None

    def _read_corpus(self, name: str) -> TextDataset:
        if self.quick:
            return standins.corpus(name)
        return load_corpus(name, data_dir=self.folder, download=False)

    @staticmethod
    def _or_line(report: Report, read: Callable[[str], Found], called: str, name: str) -> Found | None:
        try:
            return read(name)
        except FileNotFoundError:
            report.text(
                f"{name} is left out: its files are not here. Name their folder with `--data-dir`, or call "
                f'`{called}("{name}")` once, which downloads them.'
            )
            return None


def data_dir(chosen: str | None) -> str | None:
    """Return the folder to look in, or None for what the loaders look through themselves."""
    if chosen is not None:
        return str(Path(chosen).resolve())
    beside = SHARED / "data"
    return str(beside) if beside.is_dir() and not os.environ.get("KNN_CERT_DATA") else None


def spread(rows: np.ndarray, limit: int | None) -> np.ndarray:
    """Return at most so many rows, evenly over the table: some tables have one class after the other."""
    if limit is None or limit >= len(rows):
        return rows
    return rows[np.linspace(0, len(rows) - 1, limit).astype(int)]
