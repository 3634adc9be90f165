"""The last step of every encoder: rows in single precision, divided by their norms if that is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def finished(rows: NDArray[np.floating[Any]], normalize: bool) -> NDArray[np.float32]:
    """Return the rows as float32, each divided by its own norm if asked for: no row looks at another one."""
    if normalize:
        rows = rows.astype(np.float64)
        norms = np.sqrt((rows * rows).sum(axis=1))[:, None]
        rows = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0.0)
    return rows.astype(np.float32, copy=False)


def normalization_note(normalize: bool) -> str:
    """Return what `finished` does, as the rest of a description."""
    return ", each row divided by its norm" if normalize else ""
