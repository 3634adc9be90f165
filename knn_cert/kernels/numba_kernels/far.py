"""Far rows of two lists: sums of smooth functions of s, for which moments of the rows in each cell do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .jit import kernel
from .law import NODES
from .law_table import FAR_CELLS, MOST_FAR_CELLS, POINTS, TRANSFORM, Array, Block, LawTable, far_functions
from .tallies import FAR_ERROR


@kernel
def add_moments(s, first, moments):
    """Add T_k(x) of each row, x its place in its cell, to moments[cell][k]; s is sorted."""
    for i in range(s.size):
        cell = np.floor(s[i] * FAR_CELLS)
        if cell - first >= moments.shape[0]:
            break
        at = int(cell) - first
        x = 2.0 * (s[i] * FAR_CELLS - cell) - 1.0
        before, now = 1.0, x
        moments[at, 0] += 1.0
        for k in range(1, POINTS):
            moments[at, k] += now
            before, now = now, 2.0 * x * now - before


class FarRows:
    """The far rows of each list, sorted by s, at any block of nodes.

    Up to D = n_powers powers of the odds F / U are summed.
    """

    def __init__(self, lists: Sequence[Array], n_powers: int):
        self._n_powers, self.counts = n_powers, np.array([float(s.size) for s in lists])
        nearest, farthest = min(s[0] for s in lists), max(s[-1] for s in lists)
        self._first = int(np.floor(nearest * FAR_CELLS))
        self._end = int(min(farthest * FAR_CELLS, self._first + MOST_FAR_CELLS - 1)) + 1
        moments = np.zeros((len(lists), self._end - self._first, POINTS))
        for s, out in zip(lists, moments, strict=True):
            add_moments(s, self._first, out)
        self._in_cells = moments[:, :, 0].copy()
        self._weights = moments @ TRANSFORM

    def sums(self, law: LawTable, block: Block) -> Array:
        """Return [2][list][function][node]: the sums, and bounds of their size plus error / FAR_ERROR."""
        values, errors = block.far(self._first, self._end, self._n_powers, law.lock)
        n = len(values)
        sums = self._weights[:, :n].reshape(len(self.counts), -1) @ values.reshape(n * POINTS, -1)
        in_cells = self._in_cells[:, :n]
        error = in_cells @ errors.reshape(n, -1)
        # all functions fall in s out there: rows beyond the last cell have less than its last point
        error += (self.counts - in_cells.sum(axis=1))[:, None] * np.abs(values[-1, 0].ravel())
        both = np.stack([sums, np.abs(sums) + error / FAR_ERROR])
        return both.reshape(2, len(self.counts), far_functions(self._n_powers), NODES)
