"""What an attack that works looks like: the cheapest one found against a prediction that is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._printing import listed, quoted
from .._types import FloatArray, WholeArray
from ..exact.counterexample import Counterexample
from ..exact.estimator import SmoothedKNNClassifier
from ..report import wording
from .attacked import Attacked

__all__ = ["Example", "find_example"]

_ROWS_NAMED = 5


@dataclass(frozen=True)
class Example:
    """A tampering that changes a prediction.

    Attributes
    ----------
    attacker : str
    query : int
        Position among the reported rows.
    label, becomes
        The prediction, and what it becomes.
    budget : float
        How many rows, or which radius, it takes.
    words : str
        What is done, in a sentence.
    """

    attacker: str
    query: int
    label: Any
    becomes: Any
    budget: float
    words: str


def find_example(
    classifier: SmoothedKNNClassifier,
    X: FloatArray,
    attacked: Attacked,
    row_names: tuple[WholeArray, WholeArray],
) -> Example | None:
    """Return an attack on the weakest prediction that is right and certified; None where none was found.

    Parameters
    ----------
    classifier : SmoothedKNNClassifier
        Fitted.
    X : ndarray of shape (m, d)
        Reported rows, scaled.
    attacked : Attacked
    row_names : (ndarray of int, ndarray of int)
        What the training rows and the reported rows are called: their numbers in the tables.
    """
    certificates = attacked.certificates
    held = attacked.right & ~certificates.abstained & np.isfinite(certificates.budget)
    if not held.any():
        return None
    one = int(np.argmin(np.where(held, certificates.budget, np.inf)))
    query = int(attacked.positions[one])
    found = classifier.falsify(X[query : query + 1], attacked.asked.open_threat)
    example = found.counterexamples[0]
    if example is None:
        return None
    label, becomes = certificates.label[one], example.label
    budget, certified = float(found.budget[0]), float(certificates.budget[one])
    words = (
        f"Row {row_names[1][query]} is predicted {quoted(label)}, certified up to "
        f"{_certified(attacked, certified)}. {_deed(example, row_names[0], attacked, budget)} makes it "
        f"{quoted(becomes)}."
    )
    return Example(attacked.asked.attacker.name, query, label, becomes, budget, words)


# What is done to rows of the table by each attacker.
_VERBS = {
    "mislabelled": "Relabelling",
    "planted": "Leaving out",
    "replaced": "Replacing",
    "backdoor": "Moving and relabelling",
    "moved": "Moving",
}


def _deed(example: Counterexample, train_rows: WholeArray, attacked: Attacked, budget: float) -> str:
    """Return what was done, to the beginning of a sentence."""
    attacker = attacked.asked.attacker
    if not attacker.some_rows:
        return f"Moving it by {_found(budget)}"
    rows = [str(train_rows[row]) for row in example.rows]
    parts = []
    if rows:
        parts.append(f"{_VERBS[attacker.name]} {len(rows)} training row(s) ({listed(rows, _ROWS_NAMED)})")
    if len(example.inserted_y):
        parts.append(f"{'and adding' if rows else 'Adding'} {len(example.inserted_y)} row(s)")
    return " ".join(parts) + ("" if attacker.counts_rows else f", by {_found(budget)} each,")


def _certified(attacked: Attacked, value: float) -> str:
    return wording.amount(value, "rows" if attacked.asked.attacker.counts_rows else "radius")


def _found(value: float) -> str:
    """Return the radius of an attack, rounded up: it works with a larger one, too."""
    return wording.length(value * (1.0 + 1.1e-3))
