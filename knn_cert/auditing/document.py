"""The audit as a document that JSON can hold: what reports are made of."""

from __future__ import annotations

import hashlib
import math
import platform
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import sklearn
from numpy.typing import NDArray

from .._printing import listed, quoted
from .._types import BoolArray, FloatArray, WholeArray
from .._version import __version__
from ..bounds import clopper_pearson_lower, clopper_pearson_upper
from ..exact.estimator import SmoothedKNNClassifier
from ..exact.together.result import Together
from ..report import wording
from ..threats.base import RowsThreat
from .attacked import Attacked
from .bars import Bar
from .choosing import Choice, majority_share, tells_apart
from .describing import Description
from .examples import Example
from .hinges import WORDS, Hinge

__all__ = ["Findings", "fingerprint", "document_of"]

FORMAT, VERSION = "knn_cert audit", 1

_QUERIES_SHOWN = 10
# Probability that a share lies below its interval, and that it lies above.
_HALF_ERROR = 0.025
# Of a class with fewer reported rows than these nothing is said.
_FEW = 5

_OF_CHOICE = (
    "The choice of K, of the noise and of the columns looked at rows of this same table: an attacker who "
    "reached those rows may have influenced it. Choose on rows that nobody could reach, or keep the settings "
    "of an earlier audit."
)
NOT_COVERED = (
    "How cells became numbers was decided on this table: which columns are left out, which words are "
    "categories, how dates are read. One planted row can change that. The certificates hold for tables "
    "that are read in this same way; a table that is audited anew may be read otherwise.",
    "Budgets count changes of the training rows that were used here. With other rows in the table other "
    "rows are held out, and others are trained on; with a TEST table, and one K, one noise and the "
    "constants given, all rows are trained on.",
    _OF_CHOICE,
    "Whatever else was computed from the table before it came here: features, filled-in values, selected "
    "columns.",
    "Attacks on the program itself, on the queries (but for the attacker of that name), or on what happens "
    "after a prediction.",
    "A certificate says that the prediction stays the same, not that it is right. The shares above count "
    "right ones, by the labels of the reported rows, and hold for rows like these.",
)


class Findings(NamedTuple):
    """All that an audit found; rows are called by their numbers in the tables."""

    table: dict[str, Any]
    columns: list[dict[str, Any]]
    remarks: list[str]
    description: Description
    scaling: dict[str, str]
    seed: int
    numbers: tuple[WholeArray, int, WholeArray]  # of the training rows, how many chose, of the reported rows
    report_from: str
    choice: Choice | None
    classifier: SmoothedKNNClassifier
    y_train: NDArray[Any]
    X_report: FloatArray
    y_report: NDArray[Any]
    attacked: list[Attacked]
    hinges: list[Hinge]
    examples: list[Example]
    bars: list[tuple[Bar, Fraction]]
    seconds: float
    date: str
    command: str


def document_of(found: Findings) -> dict[str, Any]:
    """Return the document, without the lines that say it in words."""
    classifier, first = found.classifier, found.attacked[0]
    train_rows, n_choose, report_rows = found.numbers
    labels = classifier.predict(found.X_report)
    right = labels == found.y_report
    useless = len(np.unique(labels)) == 1 or not tells_apart(right, found.y_report)
    return {
        "format": FORMAT,
        "version": VERSION,
        "made_by": {
            "knn_cert": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "backend": classifier.backend,
            "date": found.date,
            "seconds": found.seconds,
            "command": found.command,
        },
        "table": {
            **found.table,
            "classes": [
                {"label": str(label), "rows": rows, "share": rows / found.table["n_rows"]}
                for label, rows in found.description.classes
            ],
            "columns": found.columns,
            "duplicates": _duplicates(found.description),
            "remarks": found.remarks,
        },
        "scaling": found.scaling,
        "split": {
            "seed": found.seed,
            "train": len(train_rows),
            "choose": n_choose,
            "report": len(report_rows),
            "report_from": found.report_from,
        },
        "choice": None if found.choice is None else _choice(found.choice, first),
        "classifier": {
            "n_neighbors": int(classifier.n_neighbors),
            "sigma": float(classifier.sigma),
            "words": _in_words(classifier),
            "useless": useless,
            "warning": _warning(found, first, right),
            "accuracy": float(np.mean(right)),
            "accuracy_interval": _interval(right),
            "majority_accuracy": majority_share(found.y_train, found.y_report),
            "n_queries": len(right),
        },
        "classes": _classes(found, right),
        "attackers": [_attacker(one, len(train_rows)) for one in found.attacked],
        "queries": _queries(found, labels),
        "hinges": {
            "attacker": first.asked.attacker.name,
            "words": WORDS,
            "rows": [
                {
                    "row": int(train_rows[one.row]),
                    "label": str(one.label),
                    "queries": one.queries,
                    "weak": one.weak,
                }
                for one in found.hinges
            ],
        },
        "examples": [
            {
                "attacker": one.attacker,
                "query": int(report_rows[one.query]),
                "label": str(one.label),
                "becomes": str(one.becomes),
                "budget": one.budget,
                "words": one.words,
            }
            for one in found.examples
        ],
        "bars": [
            {
                "bar": str(bar),
                "share": float(share),
                "needed": float(bar.share),
                "passed": not useless and share >= bar.share,
            }
            for bar, share in found.bars
        ],
        "not_covered": [one for one in NOT_COVERED if found.choice is not None or one is not _OF_CHOICE],
    }


def fingerprint(X: FloatArray, y: NDArray[Any] | None) -> str:
    """Return the SHA-256 of a table's numbers and labels, however it was written."""
    digest = hashlib.sha256(repr(X.shape).encode())
    digest.update(np.ascontiguousarray(X + 0.0, dtype="<f8").tobytes())
    for label in () if y is None else y.tolist():
        digest.update(str(label).encode() + b"\0")
    return digest.hexdigest()


def _warning(found: Findings, first: Attacked, right: BoolArray) -> str | None:
    """Return what shares over all classes hide: a constant answer does as well, a class has nothing."""
    said = []
    share = first.certified_accuracy(first.budget)
    majority = majority_share(found.y_train, found.y_report)
    if share <= majority < float(np.mean(right)):
        said.append(
            f"Against this attacker no more is right and certified ({wording.share(share)}) than always "
            f"saying the largest class would get right ({wording.share(majority)})."
        )
    y, held = found.y_report[first.positions], first.right_and_certified
    tested = [label for label in np.unique(y) if np.count_nonzero(y == label) >= _FEW]
    nothing = [label for label in tested if not held[y == label].any()]
    if nothing and held.any():
        said.append(f"Of the class(es) {listed(map(quoted, nothing), 5)} nothing is right and certified.")
    return " ".join(said) or None


def _duplicates(description: Description) -> dict[str, Any]:
    found = description.duplicates
    return {
        "rows": found.rows,
        "other_label": found.other_label,
        "near_other_label": found.near_other_label,
        "examples": [list(pair) for pair in found.examples],
    }


def _choice(choice: Choice, first: Attacked) -> dict[str, Any]:
    return {
        "asked": {
            "attacker": first.asked.attacker.name,
            "budget": first.budget,
            "share": first.asked.rows if isinstance(first.asked.rows, float) else None,
        },
        "majority_accuracy": choice.majority_accuracy,
        "why": choice.why,
        "candidates": [
            {
                "n_neighbors": one.n_neighbors,
                "sigma": one.sigma,
                "accuracy": one.accuracy,
                "certified_accuracy": one.certified[0],
                "chosen": one.chosen,
            }
            for one in choice.candidates
        ],
    }


def _classes(found: Findings, right: BoolArray) -> list[dict[str, Any]]:
    lines = []
    for label in np.unique(found.y_report):
        of_class = found.y_report == label
        certified = {}
        for one in found.attacked:
            some = of_class[one.positions]
            if some.any():
                certified[one.asked.attacker.name] = float(np.mean(one.right_and_certified[some]))
        lines.append(
            {
                "label": str(label),
                "queries": int(np.count_nonzero(of_class)),
                "accuracy": float(np.mean(right[of_class])),
                "certified": certified,
            }
        )
    return lines


def _attacker(one: Attacked, n_train: int) -> dict[str, Any]:
    attacker, asked, certificates = one.asked.attacker, one.asked, one.certificates
    budgets = np.where(certificates.abstained, 0, certificates.budget)
    share = None
    if isinstance(asked.threat, RowsThreat):
        share = asked.threat.tampered_rows(n_train) / n_train  # shares are rounded up to whole rows
        share = share if share <= 1.0 else None  # more rows may be removed than there are
    return {
        "name": attacker.name,
        "title": attacker.title,
        "nist": attacker.nist,
        "story": attacker.story,
        "threat": repr(asked.open_threat),
        "threat_words": asked.open_threat.describe(certificates.classifier.norm),
        "unit": "rows" if attacker.counts_rows else "radius",
        "asked": _number(one.budget),
        "asked_share": share,
        "n_queries": len(certificates),
        "right_budgets": [_number(budget) for budget in one.right_budgets],
        "certified_accuracy": one.certified_accuracy(one.budget),
        "certified_interval": _interval(one.right_and_certified),
        "median_budget": _number(np.quantile(budgets, 0.5, method="lower")),
        "guarantee": certificates.guarantee,
        "not_covered": asked.open_threat.not_covered(),
        "seconds": one.seconds,
        "together": None if one.together is None else _together(one.together, one.budget),
    }


def _interval(held: BoolArray) -> list[float]:
    """Return where a share lies for rows like the reported ones, with 95 % confidence."""
    k, n = int(np.count_nonzero(held)), len(held)
    return [clopper_pearson_lower(k, n, _HALF_ERROR), clopper_pearson_upper(k, n, _HALF_ERROR)]


def _together(together: Together, rows: float | int) -> dict[str, Any]:
    return {
        "rows": int(rows),
        "changed_at_most": together.changed_at_most,
        "accuracy_at_least": together.accuracy_at_least,
        "is_exact": together.is_exact,
        "guarantee": together.guarantee,
    }


def _queries(found: Findings, labels: NDArray[Any]) -> dict[str, list[dict[str, Any]]]:
    first = found.attacked[0]
    strength = np.where(first.certificates.abstained, -1.0, first.certificates.budget.astype(np.float64))
    looked_at = first.positions
    for one in found.attacked:
        looked_at = np.intersect1d(looked_at, one.positions)  # by every attacker
    order = np.argsort(strength, kind="stable")
    order = order[np.isin(first.positions[order], looked_at)]
    report_rows = found.numbers[2]

    def line(i: int) -> dict[str, Any]:
        query = int(first.positions[i])
        budgets = {}
        for one in found.attacked:
            at = np.flatnonzero(one.positions == query)
            if at.size:
                lost = bool(one.certificates.abstained[at[0]])
                budgets[one.asked.attacker.name] = 0 if lost else _number(one.certificates.budget[at[0]])
        return {
            "query": int(report_rows[query]),
            "label": str(labels[query]),
            "true": str(found.y_report[query]),
            "budgets": budgets,
        }

    shown = min(_QUERIES_SHOWN, len(order))
    return {
        "weakest": [line(int(i)) for i in order[:shown]],
        "strongest": [line(int(i)) for i in order[::-1][:shown]],
    }


def _in_words(classifier: SmoothedKNNClassifier) -> str:
    sigma = float(classifier.sigma)
    noise = "without noise" if sigma == 0.0 else f"with noise of {sigma:g} on each scaled feature"
    return f"K-NN {noise}, K = {classifier.n_neighbors}"


def _number(value: Any) -> int | float | None:
    """Return a number as JSON has it; infinity is null."""
    number = float(value)
    if math.isinf(number):
        return None
    return int(number) if number == int(number) and isinstance(value, (int, np.integer)) else number
