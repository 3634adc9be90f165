"""What attacks found: concrete tampering that changes a prediction, and how to do it to a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._types import FloatArray, WholeArray
from ..gate.errors import InvalidInput
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
    moves_query : bool
        Whether the query is moved.
    """

    rows: WholeArray
    X: FloatArray | None
    y: NDArray[Any] | None
    inserted_X: FloatArray
    inserted_y: NDArray[Any]
    query: FloatArray
    label: Any
    probability: float
    moves_query: bool = False

    def __repr__(self) -> str:
        done = f"{len(self.rows)} rows {'deleted' if self.X is None else 'changed'}" if len(self.rows) else ""
        added = f"{len(self.inserted_y)} rows inserted" if len(self.inserted_y) else ""
        moved = "the query is moved" if self.moves_query else ""
        how = ", ".join(part for part in (done, added, moved) if part) or "nothing is changed"
        label = self.label.item() if isinstance(self.label, np.generic) else self.label
        return f"<{type(self).__name__}: {how}; now {label!r}>"

    def apply(self, X: ArrayLike, y: ArrayLike) -> tuple[FloatArray, NDArray[Any]]:
        """Make the tampered table of a training table, which is copied; the query to predict is `query`.

        Parameters
        ----------
        X : array_like of shape (n, d)
        y : array_like of shape (n,)

        Returns
        -------
        ndarray of shape (m, d), ndarray of shape (m,)

        Raises
        ------
        ValueError
            If it cannot be the table that was attacked.
        """
        rows, labels = np.array(X, dtype=np.float64), np.array(y)
        self._check(rows, labels)
        if self.X is None or self.y is None:
            rows, labels = np.delete(rows, self.rows, axis=0), np.delete(labels, self.rows)
        else:
            # together first: new labels may need another type
            labels = np.concatenate([labels, self.y])[: len(labels)]
            rows[self.rows], labels[self.rows] = self.X, self.y
        return np.concatenate([rows, self.inserted_X]), np.concatenate([labels, self.inserted_y])

    def _check(self, X: FloatArray, y: NDArray[Any]) -> None:
        """Raise InvalidInput where this cannot be the table that was attacked."""
        n, d = int(self.rows.max(initial=-1)) + 1, len(self.query)
        if X.ndim != 2 or X.shape[1] != d or len(X) < n or y.shape != (len(X),):
            raise InvalidInput(
                f"expected the training table that was attacked, of {n} rows at least with {d} features and "
                f"a label each, got features of shape {X.shape} and labels of shape {y.shape}"
            )


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
        Budget with which a tampering was found that does: the one asked for (of rows no more than there are)
        or, if it was left open, the smallest; NaN where none was found.
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
