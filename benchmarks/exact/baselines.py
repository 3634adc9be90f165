"""The same queries through the exact engine, through Monte Carlo and through Theorem 3 as it is printed."""

from __future__ import annotations

import numpy as np

from knn_cert import SmoothedKNNClassifier, kernels, rab_edges, vote_probabilities
from knn_cert.certificates import Certificates
from knn_cert.datasets import Dataset
from knn_cert.montecarlo import MonteCarloVote, monte_carlo_vote

from ..common.fresh import LEVELS
from ..common.report import SEED
from .literal_theorem3 import nearest_row_vote

N_NEIGHBORS = 5
SIGMA = 1.0


class Baselines:
    """The first test rows of a table with two classes; every method takes the first ``n_queries`` of them."""

    def __init__(self, dataset: Dataset, n_queries: int):
        self._dataset = dataset
        self._labels = np.unique(dataset.y_train, return_inverse=True)[1]
        self._distances = kernels.get_backend().distances(
            dataset.X_test[:n_queries], dataset.X_train, n_threads=1
        )
        self._sq_distances = self._distances**2
        self._edges = rab_edges(dataset.X_train.shape[1], SIGMA, LEVELS)
        self._law = {"sigma": SIGMA, "dof": dataset.X_train.shape[1], "n_classes": 2}

    def __len__(self):
        return len(self._sq_distances)

    def exact(self, n_queries: int) -> np.ndarray:
        """Probabilities of the continuous classifier."""
        return vote_probabilities(
            self._sq_distances[:n_queries], self._labels, n_neighbors=N_NEIGHBORS, **self._law
        )

    def certified(self, n_queries: int) -> Certificates:
        """Certificates of the continuous classifier."""
        classifier = SmoothedKNNClassifier(N_NEIGHBORS, SIGMA)
        classifier.fit(self._dataset.X_train, self._dataset.y_train)
        return classifier.certify(self._dataset.X_test[:n_queries])

    def sampled(self, n_queries: int, n_samples: int) -> MonteCarloVote:
        """Monte Carlo votes for the same probabilities."""
        return monte_carlo_vote(
            self._sq_distances[:n_queries],
            self._labels,
            n_neighbors=N_NEIGHBORS,
            n_samples=n_samples,
            random_state=SEED,
            **self._law,
        )

    def nearest_bucketed(self, n_queries: int) -> np.ndarray:
        """Probabilities of the bucketed classifier with K = 1, by the engine, on one thread."""
        probabilities, _ = kernels.get_backend().vote_bucketed(
            self._distances[:n_queries],
            self._labels,
            n_neighbors=1,
            edges=self._edges,
            n_threads=1,
            **self._law,
        )
        return probabilities

    def nearest_literal(self, n_queries: int) -> np.ndarray:
        """The same probabilities by the equations of Theorem 3 as they are printed."""
        return np.array(
            [
                nearest_row_vote(row, self._labels, edges=self._edges, **self._law)
                for row in self._sq_distances[:n_queries]
            ]
        )
