"""What is run for the tables of CROWD: corpora, attacks, laws, and the files they need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knn_cert.attacks import AddSentence, BadNets, poison_texts, triggered_queries
from knn_cert.datasets import TextDataset, read_openbackdoor

from ..text.settings import TARGET

CORPORA = {"sst2": "SST-2", "offenseval": "OffensEval", "hsol": "HSOL"}
# Poison rates of the paper's Table 2.
ATTACKS = {"badnets": 0.1, "addsent": 0.01, "synbkd": 0.1, "stylebkd": 0.1}
RATES = (0.01, 0.02, 0.05, 0.1)

_TRIGGERS = {"badnets": BadNets(), "addsent": AddSentence()}


@dataclass(frozen=True, eq=False)
class Attacked:
    """A poisoned corpus, and the queries to ask of it.

    Attributes
    ----------
    texts, labels
        Training texts as the victim sees them.
    n_poisoned, n_inserted : int
        Poisoned rows, and how many words came into each; 0 where whole sentences were rewritten.
    queries, truth
        Test texts of other classes than the target's, with the trigger, and their true labels.
    """

    texts: list[str]
    labels: np.ndarray
    n_poisoned: int
    n_inserted: int
    queries: list[str]
    truth: np.ndarray


def attack(data: TextDataset, name: str, rate: float, generated: Path | None) -> Attacked | None:
    """Poison a corpus, or read a poisoned one; None where there is no such file."""
    if name in _TRIGGERS:
        trigger = _TRIGGERS[name]
        bad = poison_texts(data.train_texts, data.train_labels, trigger, target_class=TARGET, ratio=rate)
        asked = triggered_queries(data.test_texts, data.test_labels, trigger, target_class=TARGET)
        return Attacked(bad.texts, bad.labels, len(bad.rows), bad.n_inserted, asked.texts, asked.labels)
    if generated is None:
        return None
    folder = generated / data.name / name
    paths = [folder / "train-poison.csv", folder / "test-poison.csv", folder / "test-clean.csv"]
    if not all(path.exists() for path in paths):
        return None
    train, test, clean = map(read_openbackdoor, paths)
    # Poisoned test texts stand in the order of the clean ones of other classes, with the target's label.
    truth = clean.labels[clean.labels != TARGET]
    queries = [text for text, flag in zip(test.texts, test.poisoned, strict=True) if flag]
    if len(truth) != len(queries):
        raise ValueError(
            f"{folder}: expected a poisoned text for each of the {len(truth)} clean ones of other classes, "
            f"got {len(queries)}"
        )
    return Attacked(train.texts, train.labels, int(train.poisoned.sum()), 0, queries, truth)
