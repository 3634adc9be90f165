"""What one attack left behind, and the tables that certificates against it speak of.

The evaluator, unlike the victim, has these at hand: the same table without the trigger, with the true labels
too, or without the poisoned rows. So each certified prediction is compared with the prediction made from that
very table; the first that differs stops the study.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from knn_cert import kernels
from knn_cert.attacks import Poisoned, Trigger, apply_trigger
from knn_cert.datasets import Dataset
from knn_cert.threats import Deletions, RowShift, Threat

from ..common.choice import Halves, draw_queries
from ..common.report import require
from ..common.source import spread
from .settings import Experiment


class Run(NamedTuple):
    """The poisoned table, the rows to classify (in random order, with halves), the norms of the changes."""

    experiment: Experiment
    poisoned: Poisoned
    originals: np.ndarray
    queries: np.ndarray
    halves: Halves
    clean: np.ndarray
    clean_labels: np.ndarray
    clean_halves: Halves
    radius: float
    total: float
    n_threads: int

    @classmethod
    def of(
        cls,
        data: Dataset,
        experiment: Experiment,
        trigger: Trigger,
        poisoned: Poisoned,
        limit: int | None,
        n_threads: int,
    ) -> Run:
        """Put the trigger into test rows of the source class; with it or not, no row is in both halves."""
        X, y = draw_queries(data, len(data.X_test))
        middle = len(y) // 2
        victims = spread(np.flatnonzero(y == experiment.source_class), limit)
        clean = spread(np.arange(len(y)), limit)
        return cls(
            experiment=experiment,
            poisoned=poisoned,
            originals=np.ascontiguousarray(data.X_train[poisoned.clean_rows]),
            queries=apply_trigger(X[victims], trigger).X,
            halves=_halves(victims, middle),
            clean=X[clean],
            clean_labels=y[clean],
            clean_halves=_halves(clean, middle),
            # Rounded up: the norms are computed, the certificates are about the true ones.
            radius=float(poisoned.norms.max()) * (1.0 + 1e-12),
            total=math.sqrt(float(np.square(poisoned.norms).sum())) * (1.0 + 1e-12),
            n_threads=n_threads,
        )

    def threats(self) -> dict[str, Threat]:
        """Return the threats that cover the attack, or part of it, by the table that each speaks of."""
        count = len(self.poisoned.rows)
        return {
            "moved": RowShift(rows=count, radius=self.radius),
            "relabelled": RowShift(rows=count, radius=self.radius, relabel=True),
            "deleted": Deletions(rows=count),
        }


class Tables:
    """The observed table and the three that its certificates speak of, as distances and labels 0 and 1."""

    def __init__(self, run: Run):
        kernel, rows = kernels.get_backend(), run.poisoned.rows
        self.classes, self.labels = np.unique(run.poisoned.y, return_inverse=True)
        self._rows = rows
        self.observed = kernel.distances(run.queries, run.poisoned.X, n_threads=run.n_threads)
        self._untriggered = self.observed.copy()
        self._untriggered[:, rows] = kernel.distances(run.queries, run.originals, n_threads=run.n_threads)
        self._true_labels = self.labels.copy()
        self._true_labels[rows] = np.searchsorted(self.classes, run.experiment.source_class)

    def without(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return distances and labels of the table without what the threat of this name allows."""
        if name == "deleted":
            return np.delete(self.observed, self._rows, axis=1), np.delete(self.labels, self._rows)
        return self._untriggered, self._true_labels if name == "relabelled" else self.labels

    def check(self, what: str, label: np.ndarray, certified: np.ndarray, there: np.ndarray) -> None:
        """Require that every certified prediction is that of the table that the certificate is about.

        Parameters
        ----------
        what : str
            The certificate, for the message.
        label : ndarray, shape (m,)
            Predictions of the observed table.
        certified : ndarray of bool, shape (m,)
        there : ndarray of shape (m, 2)
            Probabilities or votes of the classes in the other table.
        """
        wrong = np.flatnonzero(certified & (self.classes[there.argmax(axis=1)] != label))
        require(not wrong.size, f"{what}: certified, but not the prediction of the clean table, rows {wrong}")


def _halves(places: np.ndarray, middle: int) -> Halves:
    """Return the halves of rows at these places of the test table, in ascending order, cut at its middle."""
    first = int(np.searchsorted(places, middle))
    return Halves(slice(0, first), slice(first, len(places)))
