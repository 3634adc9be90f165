"""Shares of queries that are predicted right, and certified: Table 1 of RAB."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._printing import listed, quoted
from ..gate.arrays import as_float_array
from ..gate.errors import InvalidInput
from .record import Record, Threat

# Budgets of a summary that was not asked for others.
_BUDGETS = {"radius": (0.1, 0.5, 1.0), "rows": (1, 10, 100), "words": (1, 2, 3)}

# What a summary calls a budget, by its letter and in words.
_BUDGET_TITLES = {
    "radius": ("R", "radius R"),
    "rows": ("r", "tampered rows r"),
    "words": ("R", "edited words R"),
}

# Of labels that the classifier does not know a message names so many.
_LABELS_NAMED = 5


@dataclass(frozen=True, eq=False)
class Summary:
    """Shares of the queries, Table 1 of RAB; ``str()`` of it is a table to read.

    A query for which the classifier abstained has a prediction all the same, but it is not certified.

    Attributes
    ----------
    n_queries : int
    budget_name : str
        "radius", "rows" or "words".
    budgets : ndarray of shape (n_budgets,)
        R in the units of the features, r rows, or R words.
    prediction_accuracy : float or None
        Share of the queries predicted as ``y_true``, abstained or not: what the classifier can do, whatever
        budget was asked for. None without ``y_true``.
    answered_accuracy : float or None
        The same share among the queries for which the classifier did not abstain. None without ``y_true``,
        or if it always abstained.
    certified_rate : ndarray of shape (n_budgets,)
        Share of queries certified for this budget (`BlackBoxBall`: with a radius above R, strictly).
    certified_accuracy : ndarray of shape (n_budgets,) or None
        Share of queries predicted as ``y_true`` and certified; None without ``y_true``.
    abstained : float
        Share of queries without a certificate.
    """

    n_queries: int
    budget_name: str
    budgets: NDArray[np.float64]
    prediction_accuracy: float | None
    answered_accuracy: float | None
    certified_rate: NDArray[np.float64]
    certified_accuracy: NDArray[np.float64] | None
    abstained: float

    def __str__(self) -> str:
        lines = [_table_line("queries", [str(self.n_queries)])]
        if self.prediction_accuracy is not None:
            lines.append(_table_line("accuracy", [_share(self.prediction_accuracy)]))
            lines.append(_table_line("accuracy, not abstained", [_share(self.answered_accuracy)]))
        lines.append(_table_line("abstained", [_share(self.abstained)]))
        letter, title = _BUDGET_TITLES[self.budget_name]
        lines.append(_table_line(title, [f"{budget:g}" for budget in self.budgets]))
        lines.append(_table_line(f"certified rate at {letter}", map(_share, self.certified_rate)))
        if self.certified_accuracy is not None:
            lines.append(_table_line(f"certified accuracy at {letter}", map(_share, self.certified_accuracy)))
        return "\n".join(lines)


def summarize(certificates: Record, y_true: ArrayLike | None, budgets: Sequence[float] | None) -> Summary:
    """Count what was certified; parameters and errors as in `Certificates.summary`."""
    correct = None
    if y_true is not None and len(certificates):
        correct = equal_labels(certificates.label, y_true, certificates.classes)
    return summarize_correct(certificates, correct, budgets)


def summarize_correct(
    certificates: Record, correct: NDArray[np.bool_] | None, budgets: Sequence[float] | None
) -> Summary:
    """Count what was certified, where it is known which predictions are right."""
    if len(certificates) == 0:
        raise InvalidInput("a summary needs at least one query, got none")
    threat, n_train = certificates.threat, certificates.n_train
    asked = checked_budgets(_default_budgets(certificates) if budgets is None else budgets, threat, n_train)
    beyond = np.stack([certificates.certified(budget) for budget in asked], axis=1)
    accuracy = answered_accuracy = certified_accuracy = None
    if correct is not None:
        accuracy = float(np.mean(correct))
        answered = correct[~certificates.abstained]
        answered_accuracy = float(np.mean(answered)) if len(answered) else None
        certified_accuracy = np.mean(beyond & correct[:, None], axis=0)
    return Summary(
        n_queries=len(certificates),
        budget_name=certificates.threat.budget_name,
        budgets=asked,
        prediction_accuracy=accuracy,
        answered_accuracy=answered_accuracy,
        certified_rate=np.mean(beyond, axis=0),
        certified_accuracy=certified_accuracy,
        abstained=float(np.mean(certificates.abstained)),
    )


def combine(summaries: Sequence[Summary]) -> Summary:
    """Return the summary of all queries, at least one, from those of some of them for the same budgets."""
    n_queries = sum(one.n_queries for one in summaries)

    def counted(shares: Iterable[Any], of: Iterable[int]) -> Any:
        # Shares of so few queries as there can be are their counts, but for a rounding.
        return sum(np.rint(np.multiply(share, n)) for share, n in zip(shares, of, strict=True))

    sizes = [one.n_queries for one in summaries]
    abstained = [int(counted([one.abstained], [one.n_queries])) for one in summaries]
    answered = [n - without for n, without in zip(sizes, abstained, strict=True)]
    accuracy = answered_accuracy = certified_accuracy = None
    if summaries[0].prediction_accuracy is not None:
        accuracy = float(counted([one.prediction_accuracy for one in summaries], sizes) / n_queries)
        right = counted([one.answered_accuracy or 0.0 for one in summaries], answered)
        answered_accuracy = float(right / sum(answered)) if sum(answered) else None
        certified_accuracy = counted([one.certified_accuracy for one in summaries], sizes) / n_queries
    return Summary(
        n_queries=n_queries,
        budget_name=summaries[0].budget_name,
        budgets=summaries[0].budgets,
        prediction_accuracy=accuracy,
        answered_accuracy=answered_accuracy,
        certified_rate=counted([one.certified_rate for one in summaries], sizes) / n_queries,
        certified_accuracy=certified_accuracy,
        abstained=sum(abstained) / n_queries,
    )


def checked_budgets(budgets: Sequence[float], threat: Threat, n_train: int) -> NDArray[np.float64]:
    """Return the budgets of a summary as an array, shape (n_budgets,), if there can be such ones.

    Parameters
    ----------
    budgets : sequence of float >= 0
    threat : threat
        What is certified; where it leaves its budget open, every budget can be asked for.
    n_train : int
        Number of training rows.

    Raises
    ------
    InvalidInput
        If one of them is negative, no whole number of rows or words, or beyond what was certified.
    """
    asked = np.atleast_1d(as_float_array(budgets, "budgets"))
    if asked.ndim != 1 or not np.all(asked >= 0.0):
        raise InvalidInput(f"budgets must be a 1-D sequence of numbers >= 0, got {asked!r}")
    if asked.size == 0:
        raise InvalidInput("budgets must hold at least one number, got none; leave it out for the usual ones")
    unit = threat.budget_name
    if unit != "radius" and np.any(asked != np.floor(asked)):
        raise InvalidInput(
            f"budgets must be whole numbers of {unit}, got {listed(asked.tolist())}; for a share of the "
            "table give that share times its number of rows"
        )
    if not threat.is_open:
        largest = float(threat.asked_budget(n_train))
        if np.any(asked > largest):
            raise InvalidInput(
                f"budgets must be at most {largest:g}, the one that was asked for, got "
                f"{listed([f'{budget:g}' for budget in asked])}; nothing is known beyond: leave the {unit} "
                "of the threat open to have the largest one"
            )
    return asked


def _default_budgets(certificates: Record) -> Sequence[float]:
    threat, n_train = certificates.threat, certificates.n_train
    if not threat.is_open:
        return [threat.asked_budget(n_train)]
    budgets = _BUDGETS[threat.budget_name]
    # Nobody can tamper with more rows than there are, but for those that he adds.
    limit = threat.row_limit(n_train) if threat.budget_name == "rows" else None
    return budgets if limit is None else [budget for budget in budgets if budget <= limit]


def equal_labels(label: NDArray[Any], y_true: ArrayLike, classes: NDArray[Any]) -> NDArray[np.bool_]:
    """Where the prediction is the true label; a query whose true label is no class can only be wrong."""
    y_true = np.asarray(y_true)
    if y_true.shape != label.shape:
        raise InvalidInput(
            f"y_true must have shape {label.shape}, one label for each query, got {y_true.shape}"
        )
    # Text never equals a number: an accuracy of zero would hide that "1" was read for 1.
    kinds = {array.dtype.kind for array in (y_true, label)}
    if kinds & set("US") and kinds & set("biuf"):
        raise TypeError(
            f"y_true has dtype {y_true.dtype} and the labels of training have {label.dtype}, which are never "
            "equal; convert y_true to the type of the training labels"
        )
    # As Python's objects, which have an answer for any two types.
    true, known = y_true.tolist(), set(classes.tolist())
    unknown = [one not in known for one in true]
    if any(unknown):
        strange = dict.fromkeys(
            quoted(one) for one, is_strange in zip(true, unknown, strict=True) if is_strange
        )
        message = (
            f"y_true has labels that the classifier does not know: {listed(strange, _LABELS_NAMED)}; "
            f"expected those of training: {listed(map(quoted, classes.tolist()), _LABELS_NAMED)}"
        )
        if all(unknown):
            raise InvalidInput(f"{message}; no query has one of them, so nothing is right or wrong")
        warnings.warn(
            f"{message}; {sum(unknown)} of {len(true)} queries have another and count as wrong", stacklevel=4
        )
    predicted = label.tolist()
    return np.array([one == other for one, other in zip(predicted, true, strict=True)], dtype=bool)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.4f}"


def _table_line(name: str, cells: Iterable[str]) -> str:
    return f"{name:<24}" + "".join(f"{cell:>9}" for cell in cells)
