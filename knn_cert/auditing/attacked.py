"""What each attacker leaves of a classifier: certificates one by one, and under one attack on all rows."""

from __future__ import annotations

import sys
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._types import BoolArray, FloatArray, WholeArray
from ..certificates import Certificates
from ..exact.estimator import SmoothedKNNClassifier
from ..exact.together.result import Together
from ..threats import Deletions, LabelFlips, Replacements
from .attackers import Asked
from .splits import sample

__all__ = ["Attacked", "attack_report"]

# Certificates that take longer are worked out for fewer rows: those with noise (milliseconds each), of radii
# with noise (tens of them), of more than two classes with noise, and of moved queries without noise, which
# compare each of K rows with each of K others.
_NOISY, _NOISY_RADII, _NOISY_MORE_CLASSES = 500, 100, 50
_PAIRS = 500 * 501**2

# On large tables all take ten times as long, and so does the search for one attack on all.
_LARGE_TABLE, _ON_LARGE, _NOISY_ON_LARGE = 20_000, 100, 50

# For one attack on all queries a smaller bound is looked for so long.
_SECONDS_TOGETHER = 2.0


@dataclass(frozen=True)
class Attacked:
    """What one attacker leaves.

    Attributes
    ----------
    asked : Asked
        Who, and the budget that was asked about.
    budget : int or float
        The same for the training table at hand: rows, or the radius.
    certificates : Certificates
        With the largest budget that each prediction survives.
    right : ndarray of bool, shape (n_queries,)
        Which predictions are right.
    positions : ndarray of int, shape (n_queries,)
        Which of the reported rows these are, where not all were certified.
    together : Together or None
        One attack on all rows, for numbers of rows and K-NN without noise.
    seconds : float
    """

    asked: Asked
    budget: float | int
    certificates: Certificates
    right: BoolArray
    positions: WholeArray
    together: Together | None
    seconds: float

    @property
    def right_budgets(self) -> NDArray[Any]:
        """Budgets of the predictions that are right and certified, increasing; perhaps infinite."""
        held = self.right & ~self.certificates.abstained
        return np.sort(self.certificates.budget[held])

    @property
    def right_and_certified(self) -> BoolArray:
        """Which predictions are right and certified at the budget that was asked about."""
        return self.right & self.certificates.certified(self.budget)

    def certified_accuracy(self, budget: float) -> float:
        """Return the share of the rows that are predicted right and certified at this budget."""
        return float(np.mean(self.right & self.certificates.certified(budget)))


def attack_report(
    classifier: SmoothedKNNClassifier,
    X: FloatArray,
    y: NDArray[Any],
    asked: Asked,
    *,
    seed: int = 0,
    all_rows: bool = False,
) -> Attacked:
    """Certify rows against an attacker, with the largest budget that each prediction survives.

    Parameters
    ----------
    classifier : SmoothedKNNClassifier
        Fitted.
    X, y : ndarray of shape (m, d), (m,)
        Rows with true labels.
    asked : Asked
    seed : int, default=0
        Which rows are taken where certificates take too long for all.
    all_rows : bool, default=False
        Whether all are taken, however long that is: where a bar has to be cleared.
    """
    began = time.perf_counter()
    noisy = float(classifier.sigma) > 0.0
    positions = sample(y, sys.maxsize if all_rows else _most_rows(classifier, asked), seed)
    certificates = classifier.certify(X[positions], asked.open_threat)
    together = None
    if not noisy and isinstance(asked.threat, (LabelFlips, Deletions, Replacements)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of unknown labels, which a remark names
            together = classifier.certify_together(
                X[positions], asked.threat, y[positions], seconds=_SECONDS_TOGETHER
            )
    return Attacked(
        asked=asked,
        budget=asked.budget(classifier.n_samples_fit_),
        certificates=certificates,
        right=certificates.label == y[positions],
        positions=positions,
        together=together,
        seconds=time.perf_counter() - began,
    )


def _most_rows(classifier: SmoothedKNNClassifier, asked: Asked) -> int:
    """Return for how many rows certificates are worked out."""
    large = classifier.n_samples_fit_ > _LARGE_TABLE
    if float(classifier.sigma) > 0.0:
        most = _NOISY if asked.attacker.counts_rows else _NOISY_RADII
        if len(classifier.classes_) > 2:
            most = _NOISY_MORE_CLASSES
        return min(most, _NOISY_ON_LARGE) if large else most
    most = (
        max(25, _PAIRS // int(classifier.n_neighbors) ** 2) if asked.attacker.name == "query" else sys.maxsize
    )
    return min(most, _ON_LARGE) if large else most
