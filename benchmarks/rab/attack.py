"""One attack run on one training table: what it does to plain K-NN, and what holds against it, checked.

Every certificate speaks about tables that the evaluator, unlike the victim, has at hand: the same table
without the trigger, with the true labels too, or without the poisoned rows. So each certified prediction is
compared with the prediction made from that very table; the first that differs stops the study.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from knn_cert import SmoothedKNNClassifier, kernels, show_config, vote_probabilities
from knn_cert.attacks import Poisoned, apply_trigger
from knn_cert.datasets import Dataset
from knn_cert.threats import Deletions, RowShift

from ..common.report import require
from ..common.source import spread
from ..rivals.count_certificate import certified_rows, plain_votes
from .settings import N_NEIGHBORS, Experiment

# Two evaluations of one probability agree to about 1e-12; a wrong table or a wrong list would show far above.
_ROUNDING = 1e-9


class Share(NamedTuple):
    """Of the test rows: certified, and certified with the right label."""

    certified: float
    right: float


class Smoothed(NamedTuple):
    """Figures of the smoothed classifier at one sigma; the lists have one entry for each radius."""

    sigma: float
    clean: float
    backdoored: float
    accuracy: list[float]
    rate: list[float]
    black_box: Share
    threats: dict[str, Share]


class Outcome(NamedTuple):
    """Figures of one attack; the norms are those of the changes of the poisoned rows."""

    n_rows: int
    norm: float
    total_norm: float
    success: float
    counted: Share
    smoothed: list[Smoothed]


def run_attack(
    data: Dataset,
    experiment: Experiment,
    attack: str,
    setting: tuple[float, float],
    *,
    limit: int | None,
    append: bool,
    n_threads: int | None,
) -> Outcome:
    """Poison the training table, attack the test rows of the source class, certify and check.

    Raises
    ------
    Disagreement
        If probabilities do not add up, or a certified prediction is not that of the table it speaks of.
    """
    norm, ratio = setting
    trigger = experiment.triggers[attack](norm)
    poisoned = experiment.poison(data, trigger, ratio, in_place=not append)
    victims = spread(data.X_test[data.y_test == experiment.source_class], limit)
    n_threads = n_threads or show_config("dict")["threads"]
    run = _Run(
        experiment=experiment,
        poisoned=poisoned,
        queries=apply_trigger(victims, trigger).X,
        clean=spread(data.X_test, limit),
        clean_labels=spread(data.y_test, limit),
        # Rounded up: the norms are computed, the certificates are about the true ones.
        radius=float(poisoned.norms.max()) * (1.0 + 1e-12),
        total=math.sqrt(float(np.square(poisoned.norms).sum())) * (1.0 + 1e-12),
        n_threads=n_threads,
    )
    originals = np.ascontiguousarray(data.X_train[poisoned.clean_rows])
    tables = _Tables(run, originals)

    votes = plain_votes(tables.observed, tables.labels, n_neighbors=N_NEIGHBORS, n_classes=2)
    numbers, survived = certified_rows(votes)
    plain = tables.classes[numbers]
    return Outcome(
        n_rows=len(poisoned.rows),
        norm=run.radius,
        total_norm=run.total,
        success=float(np.mean(plain == experiment.target_class)),
        counted=_share(survived >= len(poisoned.rows), plain == experiment.source_class),
        smoothed=[_smoothed(run, tables, sigma) for sigma in experiment.sigmas],
    )


class _Run(NamedTuple):
    """What one attack left behind: the poisoned table, the rows to classify, the norms of the changes."""

    experiment: Experiment
    poisoned: Poisoned
    queries: np.ndarray
    clean: np.ndarray
    clean_labels: np.ndarray
    radius: float
    total: float
    n_threads: int


def _smoothed(run: _Run, tables: _Tables, sigma: float) -> Smoothed:
    classifier = SmoothedKNNClassifier(N_NEIGHBORS, sigma, n_threads=run.n_threads)
    classifier.fit(run.poisoned.X, run.poisoned.y)
    box = classifier.certify(run.queries)
    worst = float(np.abs(box.probabilities.sum(axis=1) - 1.0).max())
    require(worst <= _ROUNDING, f"probabilities add up to 1 only within {worst:.1e}")
    right = box.label == run.experiment.source_class
    within = box.radius > run.total
    without_trigger = tables.probabilities("moved", sigma)
    _check("the black box", box.label, within, without_trigger, tables.classes)

    count = len(run.poisoned.rows)
    threats = {
        "moved": RowShift(rows=count, radius=run.radius),
        "relabelled": RowShift(rows=count, radius=run.radius, relabel=True),
        "deleted": Deletions(rows=count),
    }
    shares = {}
    for name, threat in threats.items():
        certificates = classifier.certify(run.queries, threat=threat)
        require(np.array_equal(certificates.label, box.label), f"{threat}: another prediction")
        certified = ~certificates.abstained
        there = without_trigger if name == "moved" else tables.probabilities(name, sigma)
        _check(f"{threat}", box.label, certified, there, tables.classes)
        own = there[np.arange(len(there)), np.searchsorted(tables.classes, box.label)]
        below = np.flatnonzero(own < certificates.worst_probability - _ROUNDING)
        require(not below.size, f"{threat}: less probable than in the worst case, rows {below}")
        shares[name] = _share(certified, right)
    return Smoothed(
        sigma=sigma,
        clean=float(np.mean(classifier.predict(run.clean) == run.clean_labels)),
        backdoored=float(np.mean(right)),
        accuracy=[float(np.mean((box.radius > r) & right)) for r in run.experiment.radii],
        rate=[float(np.mean(box.radius > r)) for r in run.experiment.radii],
        black_box=_share(within, right),
        threats=shares,
    )


class _Tables:
    """The observed table and the three that its certificates speak of, as distances and labels 0 and 1."""

    def __init__(self, run: _Run, originals: np.ndarray):
        kernel, rows = kernels.get_backend(), run.poisoned.rows
        self.classes, self.labels = np.unique(run.poisoned.y, return_inverse=True)
        self._dof, self._rows = run.queries.shape[1], rows
        self.observed = kernel.distances(run.queries, run.poisoned.X, n_threads=run.n_threads)
        self._untriggered = self.observed.copy()
        self._untriggered[:, rows] = kernel.distances(run.queries, originals, n_threads=run.n_threads)
        self._true_labels = self.labels.copy()
        self._true_labels[rows] = np.searchsorted(self.classes, run.experiment.source_class)

    def probabilities(self, name: str, sigma: float) -> np.ndarray:
        """Class probabilities from the table without what the threat of this name allows."""
        if name == "deleted":
            distances = np.delete(self.observed, self._rows, axis=1)
            labels = np.delete(self.labels, self._rows)
        else:
            distances = self._untriggered
            labels = self._true_labels if name == "relabelled" else self.labels
        return vote_probabilities(
            distances**2, labels, n_neighbors=N_NEIGHBORS, sigma=sigma, dof=self._dof, n_classes=2
        )


def _check(what: str, label, certified, there: np.ndarray, classes: np.ndarray) -> None:
    """Compare every certified prediction with the one made from the table that the certificate is about."""
    wrong = np.flatnonzero(certified & (classes[there.argmax(axis=1)] != label))
    require(not wrong.size, f"{what}: certified, but not the prediction of the clean table, rows {wrong}")


def _share(certified: np.ndarray, right: np.ndarray) -> Share:
    return Share(float(np.mean(certified)), float(np.mean(certified & right)))
