"""NPZ files that are closed again, whatever they hold."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import numpy as np
from numpy.lib.npyio import NpzFile


@contextlib.contextmanager
def open_npz(path: str | os.PathLike[str]) -> Iterator[NpzFile]:
    """Open an NPZ file for reading, without pickles, and close it on every path.

    `numpy.load` leaves a file that it opened itself open where the content is no NPZ file.

    Parameters
    ----------
    path : path-like

    Yields
    ------
    NpzFile
        For a file that is no zip archive `numpy.load` raises, or returns one array where the file is NPY;
        such an array is refused here.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError, EOFError, zipfile.BadZipFile
        If it is not an NPZ file.
    """
    with open(path, "rb") as file:
        loaded = np.load(file, allow_pickle=False)
        if not isinstance(loaded, NpzFile):
            raise ValueError("expected an NPZ file of several arrays, got a single array (.npy)")
        with loaded as archive:
            yield archive
