"""What a table is like: its classes, rows that stand in it twice, and what that means for K-NN."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from .._printing import listed, quoted
from .._types import FloatArray, WholeArray

__all__ = ["Description", "Duplicates", "describe", "known_rows"]

# Nearest rows are looked for from at most so many rows, among at most so many: a second at 50 columns.
_MOST_LOOKED_AT, _MOST_AMONG = 2000, 20_000

# Two rows are nearly the same if they are so much nearer than a row and its nearest row usually are.
_NEAR = 0.1

_EXAMPLES = 5

# So large a share of the reported rows may be training rows as well, before it is said.
_KNOWN = 0.05
# Fewer different ones than this share of the reported rows are worth a remark.
_DIFFERENT = 0.5

# A class is rare below this share of the rows, and one is nearly all of the table above this.
_RARE, _NEARLY_ALL = 0.05, 0.9


@dataclass(frozen=True)
class Duplicates:
    """Rows that stand in a table more than once.

    Attributes
    ----------
    rows : int
        Rows with the same features as another one.
    other_label : int
        Those of them whose twin has another label.
    near_other_label : int
        Rows of those `looked_at` that lie next to a row of another label, but are no twin of it: nearer than
        a tenth of the usual distance between a row and its nearest.
    looked_at : int
        How many rows were looked at for that.
    examples : list of (int, int)
        Pairs of rows with other labels, twins first.
    """

    rows: int
    other_label: int
    near_other_label: int
    looked_at: int
    examples: list[tuple[int, int]]


@dataclass(frozen=True)
class Description:
    """What a table is like.

    Attributes
    ----------
    classes : list of (label, number of rows)
        The largest class first.
    duplicates : Duplicates
    usual_distance : float
        Median distance between a row and its nearest row that is no twin of it, in scaled units.
    remarks : list of str
        What is noteworthy, in plain sentences, the serious ones first.
    """

    classes: list[tuple[Any, int]]
    duplicates: Duplicates
    usual_distance: float
    remarks: list[str] = field(default_factory=list)


def describe(
    X: FloatArray,
    y: NDArray[Any],
    *,
    seed: int,
    unscaled: FloatArray | None = None,
    numbers: WholeArray | None = None,
) -> Description:
    """Describe a table of scaled features.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Scaled, or the nearest rows mean nothing.
    y : ndarray of shape (n,)
    seed : int
        Which rows are looked at where there are many.
    unscaled : ndarray of shape (n, d), optional
        The rows as they were read, by which twins are found; left out, X.
    numbers : ndarray of int, shape (n,), optional
        What the rows are called in examples; left out, their positions.
    """
    labels, counts = np.unique(y, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    classes = [(labels[k], int(counts[k])) for k in order]
    twins, with_other, pairs = _twins(X if unscaled is None else unscaled, y)
    near, looked_at, near_pairs, usual = _near_others(X, y, seed)
    called = np.arange(len(y)) if numbers is None else numbers
    examples = [(int(called[a]), int(called[b])) for a, b in [*pairs, *near_pairs][:_EXAMPLES]]
    duplicates = Duplicates(twins, with_other, near, looked_at, examples)
    return Description(classes, duplicates, usual, _remarks(classes, len(y), X.shape[1], duplicates))


def _twins(X: FloatArray, y: NDArray[Any]) -> tuple[int, int, list[tuple[int, int]]]:
    """Return how many rows have a twin, how many one of another label, and pairs of these."""
    _, group = np.unique(y, return_inverse=True)
    rows: dict[bytes, list[int]] = {}
    for i, row in enumerate(X + 0.0):  # -0.0 and 0.0 are the same number
        rows.setdefault(row.tobytes(), []).append(i)
    twins = [members for members in rows.values() if len(members) > 1]
    mixed = [members for members in twins if len({int(group[i]) for i in members}) > 1]
    pairs = [
        (members[0], next(i for i in members if group[i] != group[members[0]]))
        for members in mixed[:_EXAMPLES]
    ]
    return sum(map(len, twins)), sum(map(len, mixed)), pairs


def known_rows(X_train: FloatArray, X_report: FloatArray) -> list[str]:
    """Return remarks on reported rows that were trained or chosen on too, or are the same, where many are.

    Parameters
    ----------
    X_train : ndarray of shape (n, d)
        Rows that were trained or chosen on.
    X_report : ndarray of shape (m, d)
    """
    trained = {row.tobytes() for row in X_train + 0.0}
    reported = [row.tobytes() for row in X_report + 0.0]
    known, different = sum(row in trained for row in reported), len(set(reported))
    few = (
        [f"Only {different} of the {len(reported)} reported rows are different ones: shares say less."]
        if different < _DIFFERENT * len(reported)
        else []
    )
    if known <= _KNOWN * len(X_report):
        return few
    if np.array_equal(X_train, X_report):
        return ["TEST is TRAIN: each query is its own nearest row; shares say nothing of rows that are new."]
    return [
        f"{known} of the {len(X_report)} reported rows are also training rows, or were chosen on: shares say "
        "less of rows that are new.",
        *few,
    ]


def _near_others(X: FloatArray, y: NDArray[Any], seed: int) -> tuple[int, int, list[tuple[int, int]], float]:
    """Return how many rows lie next to one of another label, of how many, pairs, and the usual distance."""
    rng = np.random.default_rng(seed)
    among = _sample(len(X), _MOST_AMONG, rng)
    looked_at = among[_sample(len(among), _MOST_LOOKED_AT, rng)]
    k = min(11, len(among))
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(X[among])
    found = search.kneighbors(X[looked_at], return_distance=False)
    # products of matrices lose the digits of small distances
    gaps = np.linalg.norm(X[among[found]] - X[looked_at][:, None], axis=2)
    gaps[gaps == 0.0] = np.inf  # the row itself, and its twins
    nearest = gaps.min(axis=1)
    known = nearest[np.isfinite(nearest)]
    usual = float(np.median(known)) if known.size else 0.0
    others = np.where(y[among[found]] != y[looked_at][:, None], gaps, np.inf)
    close = np.flatnonzero(others.min(axis=1) <= _NEAR * usual)
    pairs = [
        (int(looked_at[i]), int(among[found[i, np.argmin(others[i])]]))
        for i in close[np.argsort(others[close].min(axis=1), kind="stable")][:_EXAMPLES]
    ]
    once = list(dict.fromkeys((min(pair), max(pair)) for pair in pairs))
    return len(close), len(looked_at), once, usual


def _sample(n: int, most: int, rng: np.random.Generator) -> WholeArray:
    return np.arange(n) if n <= most else np.sort(rng.choice(n, most, replace=False))


def _remarks(classes: list[tuple[Any, int]], n: int, d: int, duplicates: Duplicates) -> list[str]:
    remarks = []
    largest, most = classes[0]
    if most >= _NEARLY_ALL * n:
        remarks.append(
            f"{100.0 * most / n:.1f} % of the rows are of class {quoted(largest)}: a classifier that always "
            "says so is right as often, and no attack changes it. Look at the accuracy of each class."
        )
    few = [label for label, count in classes if count < 3]
    if few:
        remarks.append(
            f"{len(few)} class(es) have fewer than 3 rows ({listed(map(quoted, few), 5)}): they are trained "
            "on, and none of their rows is held out."
        )
    rare = [label for label, count in classes if 3 <= count < _RARE * n]
    if rare and len(classes) <= 20:
        remarks.append(
            f"Rare class(es), below 5 % of the rows: {listed(map(quoted, rare), 5)}. With a large K these "
            "are never predicted."
        )
    if len(classes) > 20:
        remarks.append(f"{len(classes)} classes: K-NN needs several rows of each near a query.")
    if duplicates.other_label:
        remarks.append(
            f"{duplicates.other_label} rows have a twin with other labels: one of the two is wrong, or the "
            "features do not tell them apart (rows "
            f"{listed([f'{a} and {b}' for a, b in duplicates.examples[:3]])})."
        )
    if duplicates.rows:
        remarks.append(
            f"{duplicates.rows} of {n} rows stand in the table more than once; a query that has a twin in "
            "the training rows is easier than a new one."
        )
    if duplicates.near_other_label:
        share = 100.0 * duplicates.near_other_label / duplicates.looked_at
        remarks.append(
            f"{share:.1f} % of {duplicates.looked_at} rows lie right beside a row with another label, which "
            "may be mislabelled."
        )
    if d > n:
        remarks.append(f"More features ({d}) than rows ({n}): distances say little.")
    return remarks
