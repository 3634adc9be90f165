"""K-NN without noise against one attack that was run: every K, chosen on one half of the test rows."""

from __future__ import annotations

import numpy as np

from knn_cert import SmoothedKNNClassifier

from ..common.choice import Candidate, Column, Score
from ..common.report import require
from ..frontier.candidates import PLAIN
from ..frontier.study import PLAIN_NEIGHBORS
from ..rivals.count_certificate import first_votes, ordered_labels
from .tables import Run, Tables

# Predicted right, whether certified or not.
RIGHT = Column("no certificate", "")


def column(threat: str) -> Column:
    """Return the column of one of `Run.threats`."""
    return Column(threat, "as many rows as were poisoned")


def plain_scores(run: Run, tables: Tables) -> list[Score]:
    """Certify with every K, and check each certified prediction against the table that it speaks of.

    Returns
    -------
    list of Score
        Accuracy is that on clean test rows; what is certified and right, also against `RIGHT`, is of the rows
        of the source class with the trigger.
    """
    classifier = SmoothedKNNClassifier(sigma=0.0, n_threads=run.n_threads)
    classifier.fit(run.poisoned.X, run.poisoned.y)
    ks = [k for k in PLAIN_NEIGHBORS if k <= len(run.poisoned.X)]
    threats = run.threats()
    grid = classifier.certify_grid(run.queries, n_neighbors=ks, threats=list(threats.values()))
    clean = classifier.certify_grid(run.clean, n_neighbors=ks)
    on_clean = {point.n_neighbors: c.label == run.clean_labels for point, c in clean.items()}
    there = {name: ordered_labels(*tables.without(name)) for name in threats}
    scores = []
    for k in ks:
        found = {
            name: next(c for p, c in grid.items() if p.n_neighbors == k and p.threat == threat)
            for name, threat in threats.items()
        }
        label = found["moved"].label
        holds = {RIGHT: np.ones(len(label), dtype=bool)}
        for name, certificates in found.items():
            what = f"plain K-NN, K = {k}, {name}"
            require(np.array_equal(certificates.label, label), f"{what}: another prediction")
            holds[column(name)] = ~certificates.abstained
            votes = first_votes(there[name], n_neighbors=k, n_classes=2)
            tables.check(what, label, ~certificates.abstained, votes)
        right = label == run.experiment.source_class
        attacked = Candidate(PLAIN, f"K = {k}", right, holds).score(run.halves)
        accuracy = Candidate(PLAIN, f"K = {k}", on_clean[k], {}).score(run.clean_halves).accuracy
        scores.append(attacked._replace(accuracy=accuracy))
    return scores
