"""One attack run on one training table: what it does to plain K-NN, and what holds against it, checked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from knn_cert import SmoothedKNNClassifier, show_config, vote_probabilities
from knn_cert.datasets import Dataset

from ..common.choice import Score
from ..common.report import require
from ..rivals.count_certificate import certified_rows, plain_votes
from .plain import plain_scores
from .settings import N_NEIGHBORS, Experiment
from .tables import Run, Tables

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
    """Figures of one attack; the norms are those of the changes of the poisoned rows.

    Attributes
    ----------
    plain : list of Score
        K-NN without noise at every K (`plain_scores`).
    n_judged : int
        Test rows with the trigger on which no K was chosen.
    """

    n_rows: int
    norm: float
    total_norm: float
    success: float
    counted: Share
    smoothed: list[Smoothed]
    plain: list[Score]
    n_judged: int


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
    n_threads = n_threads or show_config("dict")["threads"]
    run = Run.of(data, experiment, trigger, poisoned, limit, n_threads)
    tables = Tables(run)

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
        plain=plain_scores(run, tables),
        n_judged=run.halves.judged.stop - run.halves.judged.start,
    )


def _smoothed(run: Run, tables: Tables, sigma: float) -> Smoothed:
    classifier = SmoothedKNNClassifier(N_NEIGHBORS, sigma, n_threads=run.n_threads)
    classifier.fit(run.poisoned.X, run.poisoned.y)
    box = classifier.certify(run.queries)
    worst = float(np.abs(box.probabilities.sum(axis=1) - 1.0).max())
    require(worst <= _ROUNDING, f"probabilities add up to 1 only within {worst:.1e}")
    right = box.label == run.experiment.source_class
    within = box.radius > run.total
    without_trigger = _probabilities(run, tables, "moved", sigma)
    tables.check("the black box", box.label, within, without_trigger)

    shares = {}
    for name, threat in run.threats().items():
        certificates = classifier.certify(run.queries, threat=threat)
        require(np.array_equal(certificates.label, box.label), f"{threat}: another prediction")
        certified = ~certificates.abstained
        there = without_trigger if name == "moved" else _probabilities(run, tables, name, sigma)
        tables.check(f"{threat}", box.label, certified, there)
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


def _probabilities(run: Run, tables: Tables, name: str, sigma: float) -> np.ndarray:
    """Return class probabilities from the table without what the threat of this name allows."""
    distances, labels = tables.without(name)
    return vote_probabilities(
        distances**2,
        labels,
        n_neighbors=N_NEIGHBORS,
        sigma=sigma,
        dof=run.queries.shape[1],
        n_classes=2,
    )


def _share(certified: np.ndarray, right: np.ndarray) -> Share:
    return Share(float(np.mean(certified)), float(np.mean(certified & right)))
