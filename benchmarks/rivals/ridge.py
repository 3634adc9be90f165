"""Ridge regression, and exactly how many flipped labels its predictions survive.

A score of ridge regression is alpha . z, where alpha depends on the features and the query alone and z holds
the labels, 1 for the rows of a class and 0 for the others: one score a class, and the largest wins. Flipping
labels leaves alpha as it is. So between the predicted class a and a rival b a flipped row i takes from the
lead of a

    a row of a, now b:           2 max(alpha_i, 0),
    a row of b, now a:           2 max(-alpha_i, 0),
    a row of neither, now a or b:  |alpha_i|,

whatever the other rows do, and no other label takes more. The r flips that take most are those of the r
largest of these numbers: what they take is all that r flips can. The prediction changes if and only if some
rival catches up: exact for two classes and for more, but that a rival who is level counts as ahead.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["RidgeWeights", "survived_flips"]

# Rounding of alpha and of its sums is far below this part of the sum of |alpha|; closer leads count as lost.
_ROUNDING = 1e-9


class RidgeWeights:
    """The weights alpha of ridge regression on a table, for any strength of the penalty.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    standardised : bool
        Features less their mean, divided by their standard deviation in the table. Label flips leave both
        alone, so here, unlike with moved rows, a scaler may be fitted.
    intercept : bool
        A constant that is not penalised.
    """

    def __init__(self, X: np.ndarray, *, standardised: bool, intercept: bool):
        mean = X.mean(axis=0)
        self._shift = mean if standardised or intercept else np.zeros_like(mean)
        scale = X.std(axis=0)
        self._scale = np.where(scale > 0.0, scale, 1.0) if standardised else np.ones_like(scale)
        self._constant = 1.0 / len(X) if intercept else 0.0
        features = self._features(X)
        n, d = features.shape
        self._size = float(np.sum(features**2))
        if d <= n:  # the smaller of the two Gram matrices is taken apart
            self._values, self._vectors = np.linalg.eigh(features.T @ features)
            self._rows = features @ self._vectors
        else:
            self._values, self._rows = np.linalg.eigh(features @ features.T)
            self._vectors = features.T @ self._rows

    @property
    def mean_eigenvalue(self) -> float:
        """Mean eigenvalue of the Gram matrix of the features: penalties are given in multiples of it."""
        return self._size / len(self._shift)

    def of(self, queries: np.ndarray, penalty: float) -> np.ndarray:
        """Return alpha of each query, (m, n), for a penalty > 0 on the squared norm of the coefficients."""
        turned = self._features(queries) @ self._vectors
        return (turned / (np.maximum(self._values, 0.0) + penalty)) @ self._rows.T + self._constant

    def _features(self, X: np.ndarray) -> np.ndarray:
        return (X - self._shift) / self._scale


def survived_flips(
    alpha: np.ndarray, labels: np.ndarray, *, n_classes: int, rows: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Prediction of each query, and whether it is the same however so many labels are flipped.

    Parameters
    ----------
    alpha : ndarray of shape (m, n)
    labels : ndarray of int, shape (n,)
        Classes 0..C-1; flipped labels are among them.
    rows : sequence of int
        Numbers of flipped labels, from 0 to n.

    Returns
    -------
    label : ndarray of int, shape (m,)
    survives : ndarray of bool, shape (m, len(rows))
    """
    scores = np.stack([alpha @ (labels == c) for c in range(n_classes)], axis=1)
    label = scores.argmax(axis=1)
    survives = np.ones((len(alpha), len(rows)), dtype=bool)
    for i, weights in enumerate(alpha):
        slack = _ROUNDING * np.abs(weights).sum()
        for rival in range(n_classes):
            if rival != label[i]:
                lead = scores[i, label[i]] - scores[i, rival]
                taken = _taken(weights, labels, int(label[i]), rival, rows)
                survives[i] &= lead > taken + slack
    return label, survives


def _taken(weights: np.ndarray, labels: np.ndarray, own: int, rival: int, rows: Sequence[int]) -> np.ndarray:
    """Return the most that so many flips take from the lead of the own class, for each number of rows."""
    each = np.abs(weights)
    each = np.where(labels == own, 2.0 * np.maximum(weights, 0.0), each)
    each = np.where(labels == rival, 2.0 * np.maximum(-weights, 0.0), each)
    places = sorted({len(each) - r for r in rows if 0 < r < len(each)})
    if places:
        each = np.partition(each, places)
    return np.array([each[len(each) - r :].sum() for r in rows])
