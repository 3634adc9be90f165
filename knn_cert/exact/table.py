"""The training rows as they are kept, dense or CSR: their distances to queries, and some rows themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from .._types import FloatArray, WholeArray
from ..gate.distances import is_resolved
from ..gate.errors import InvalidInput
from ..gate.numbers import MOST_FEATURES
from ..kernels.contract import Kernel
from ..kernels.scans import relative_distance_error
from .measured import Measured

__all__ = ["Table", "dense"]


class _CsrArrays(NamedTuple):
    """A CSR matrix in the order in which the kernel takes it."""

    indptr: WholeArray
    indices: WholeArray
    data: FloatArray


@dataclass(frozen=True, eq=False)
class Table:
    """Checked training rows with their labels.

    Attributes
    ----------
    labels : ndarray of int64, shape (n,)
        Positions in the classes.
    shape : (n, d)
    largest : float
        The largest feature, without its sign.
    """

    labels: WholeArray
    shape: tuple[int, int]
    largest: float
    _rows: FloatArray | _CsrArrays

    @classmethod
    def of(cls, X: Any, labels: WholeArray) -> Table:
        """Keep checked rows, dense or CSR, without a copy where they are float64 already.

        Raises
        ------
        InvalidInput
            If there are more features than answers have been checked for.
        """
        if X.shape[1] > MOST_FEATURES:
            raise InvalidInput(f"X must have at most {MOST_FEATURES:g} features, got {X.shape[1]}")
        # Made before anything looks at the values: SciPy tidies a sparse matrix in place when asked for its
        # maximum.
        rows = _csr_arrays(X) if sp.issparse(X) else X
        values = rows.data if isinstance(rows, _CsrArrays) else rows
        largest = float(max(values.max(initial=0.0), -values.min(initial=0.0)))
        return cls(labels, X.shape, largest, rows)

    @property
    def farthest_square(self) -> float:
        """Bound on the squared distance of two rows: overflow shows up before any work."""
        with np.errstate(over="ignore"):
            return float(self.shape[1] * (2.0 * np.float64(self.largest)) ** 2)

    def can_be_scanned(self, X: Any, sigmas: list[float]) -> bool:
        """Whether the kernel can measure the distances as it goes, and none of them has to be checked."""
        if isinstance(self._rows, _CsrArrays) or sp.issparse(X) or X.shape[0] == 0:
            return False
        # No row and no query are farther apart than this.
        with np.errstate(over="ignore"):
            farthest = np.sqrt(self.shape[1] * (np.abs(X).max(initial=0.0) + np.float64(self.largest)) ** 2)
        return all(is_resolved(farthest, sigma) for sigma in sigmas)

    @property
    def dense_rows(self) -> FloatArray:
        """The rows as an array of shape (n, d), for a scan."""
        if isinstance(self._rows, _CsrArrays):
            raise TypeError("sparse rows cannot be scanned")
        return self._rows

    def distances(self, queries: Any, kernel: Kernel, n_threads: int) -> FloatArray:
        """Return (m, n) distances by direct differences; queries take the storage of the training rows."""
        if isinstance(self._rows, _CsrArrays):
            of_queries = _csr_arrays(sp.csr_array(queries))
            return kernel.distances_csr(*of_queries, *self._rows, n_threads=n_threads)
        return kernel.distances(np.ascontiguousarray(dense(queries)), self._rows, n_threads=n_threads)

    def measured(self, queries: Any, kernel: Kernel, n_threads: int) -> Measured:
        """Return the distances of queries with how far they may be wrong."""
        distances = self.distances(queries, kernel, n_threads)
        error = relative_distance_error(self.shape[1])
        return Measured(
            distances, self.labels, error, partial(self.between, kernel=kernel, n_threads=n_threads)
        )

    def between(self, some: WholeArray, others: WholeArray, kernel: Kernel, n_threads: int) -> FloatArray:
        """Return distances of some training rows to others, by direct differences."""
        if isinstance(self._rows, _CsrArrays):
            matrix = self._matrix(self._rows)
            first, second = _csr_arrays(matrix[some]), _csr_arrays(matrix[others])
            return kernel.distances_csr(*first, *second, n_threads=n_threads)
        return kernel.distances(self._rows[some], self._rows[others], n_threads=n_threads)

    def rows(self, indices: WholeArray) -> FloatArray:
        """Return the features of some training rows, dense."""
        if not isinstance(self._rows, _CsrArrays):
            return self._rows[indices]
        rows: FloatArray = self._matrix(self._rows)[indices].toarray()
        return rows

    def _matrix(self, rows: _CsrArrays) -> sp.csr_array:
        """Return the rows of a sparse table as a matrix."""
        return sp.csr_array((rows.data, rows.indices, rows.indptr), shape=self.shape)


def dense(X: Any) -> FloatArray:
    """Return a matrix as an array."""
    array: FloatArray = X.toarray() if sp.issparse(X) else X
    return array


def _csr_arrays(matrix: Any) -> _CsrArrays:
    """Return what the kernel takes: sorted indices without duplicates. The caller's matrix stays as it is."""
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    return _CsrArrays(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data)
