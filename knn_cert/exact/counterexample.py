"""What attacks found: concrete tampering that changes a prediction, and how to do it to a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._types import FloatArray, WholeArray
from ..threats import StructuredThreat

__all__ = ["Counterexample", "Falsification"]


@dataclass(frozen=True, eq=False, repr=False)
class Counterexample:
    """What was done to a table, and to a query, to change a prediction.

    Attributes
    ----------
    rows : ndarray of int, shape (r,)
        Training rows that are changed or deleted.
    X : ndarray of shape (r, d) or None
        Their new features; None where they are deleted.
    y : ndarray of shape (r,) or None
        Their new labels; None where they are deleted.
    inserted_X, inserted_y : ndarray of shape (s, d), (s,)
        Rows that are added at the end.
    query : ndarray of shape (d,)
        The query, moved or not.
    label
        What the classifier predicts now.
    probability : float
        Probability of the class that was predicted before.
    """

    rows: WholeArray
    X: FloatArray | None
    y: NDArray[Any] | None
    inserted_X: FloatArray
    inserted_y: NDArray[Any]
    query: FloatArray
    label: Any
    probability: float

    def __repr__(self) -> str:
        done = f"{len(self.rows)} rows {'deleted' if self.X is None else 'changed'}" if len(self.rows) else ""
        added = f"{len(self.inserted_y)} rows inserted" if len(self.inserted_y) else ""
        how = ", ".join(part for part in (done, added) if part) or "only the query is moved"
        label = self.label.item() if isinstance(self.label, np.generic) else self.label
        return f"<{type(self).__name__}: {how}; now {label!r}>"

    def apply(self, X: ArrayLike, y: ArrayLike) -> tuple[FloatArray, NDArray[Any]]:
        """Make the tampered table of a training table, which is copied.

        Parameters
        ----------
        X : array_like of shape (n, d)
        y : array_like of shape (n,)

        Returns
        -------
        ndarray of shape (m, d), ndarray of shape (m,)
        """
        rows, labels = np.array(X, dtype=np.float64), np.array(y)
        if self.X is None or self.y is None:
            rows, labels = np.delete(rows, self.rows, axis=0), np.delete(labels, self.rows)
        else:
            # together first: new labels may need another type
            labels = np.concatenate([labels, self.y])[: len(labels)]
            rows[self.rows], labels[self.rows] = self.X, self.y
        return np.concatenate([rows, self.inserted_X]), np.concatenate([labels, self.inserted_y])


@dataclass(frozen=True, eq=False, repr=False)
class Falsification:
    """What was found against the predictions of some queries; `SmoothedKNNClassifier.falsify` makes these.

    Attributes
    ----------
    threat : threat
        What the attacker may do.
    label : ndarray of shape (n_queries,)
        The predictions under attack.
    certified : ndarray of shape (n_queries,)
        Budget up to which no tampering changes them, NaN where there is no certificate.
    budget : ndarray of float, shape (n_queries,)
        Budget with which a tampering was found that does: the one asked for or, if it was left open, the
        smallest; NaN where none was found.
    counterexamples : tuple of (Counterexample or None), one for each query
    """

    threat: StructuredThreat
    label: NDArray[Any]
    certified: FloatArray
    budget: FloatArray
    counterexamples: tuple[Counterexample | None, ...]

    def __repr__(self) -> str:
        found = int(np.count_nonzero(self.found))
        return f"<{type(self).__name__} of {len(self.label)} queries by {self.threat!r}: {found} found>"

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether a tampering was found, for each query."""
        return np.array([example is not None for example in self.counterexamples], dtype=bool)
