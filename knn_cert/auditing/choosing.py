"""Which K, how much noise: by certified accuracy at the budget that was asked about, on rows held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._types import BoolArray, FloatArray
from ..exact.estimator import SmoothedKNNClassifier
from .attackers import Asked
from .splits import sample

__all__ = [
    "Candidate",
    "Choice",
    "Rows",
    "balanced_accuracy",
    "candidates",
    "choose",
    "majority_share",
    "tells_apart",
]

# On a geometric scale; beyond a third of the table the largest class wins nearly everywhere.
_NEIGHBORS = (1, 5, 15, 31, 51, 101, 151, 251, 501, 1001, 1501, 2501, 5001, 10001, 25001, 50001)
_LARGEST_SHARE = 1.0 / 3.0

# Noise for small K: a vote of many rows is hardly moved by it, and without noise costs next to nothing. With
# more than two classes its certificates take longer, and with very many minutes.
_NOISY_NEIGHBORS, _NOISY_NEIGHBORS_MORE_CLASSES, _MOST_NOISY_CLASSES = (5, 15, 51), (5, 15), 10
# Standard deviations, as shares of the usual distance between a row and its nearest one.
_NOISE_SHARES = (0.1, 0.3, 1.0)
# With noise a certificate costs milliseconds, more the larger the table: as many queries as take seconds.
_NOISY_QUERIES, _NOISY_QUERIES_MORE_CLASSES, _LARGE_TABLE = 200, 50, 20_000

# So many rows of a class say something of it.
_TESTED = 5

# Accuracy that may be given up for certificates, and how near two shares are that count as equal.
_ACCURACY_LOSS, _SAME = 0.1, 0.01


@dataclass(frozen=True)
class Rows:
    """Scaled rows with their labels."""

    X: FloatArray
    y: NDArray[Any]


@dataclass(frozen=True)
class Candidate:
    """A setting, and how it did on the rows to choose on.

    Attributes
    ----------
    scaling : int
        Which of the proposed scalings.
    n_neighbors : int
    sigma : float
    accuracy : float
        Share predicted right.
    balanced : float
        The same share, as the mean over the classes.
    certified : tuple of float
        Share predicted right and certified at each of the asked budgets.
    tells : bool
        Whether it is shown to tell the classes apart, see `tells_apart`.
    chosen : bool
    """

    scaling: int
    n_neighbors: int
    sigma: float
    accuracy: float
    balanced: float
    certified: tuple[float, ...]
    tells: bool = True
    chosen: bool = False

    @property
    def certified_accuracy(self) -> float:
        """What candidates are chosen by: the mean over the asked budgets."""
        return sum(self.certified) / len(self.certified)


@dataclass(frozen=True)
class Choice:
    """What was chosen among which candidates, and why.

    Attributes
    ----------
    candidates : list of Candidate
        Those of the chosen scaling, one of them chosen.
    majority_accuracy : float
        Share of the rows to choose on that are of the largest class of the training rows.
    why : str
        In a plain sentence.
    """

    candidates: list[Candidate]
    majority_accuracy: float
    why: str

    @property
    def chosen(self) -> Candidate:
        """The candidate that was chosen."""
        return next(one for one in self.candidates if one.chosen)


def choose(
    scaled: Sequence[tuple[Rows, Rows]],
    usual_distances: Sequence[float],
    asked: Sequence[Asked],
    *,
    neighbors: Sequence[int] | None = None,
    sigmas: Sequence[float] | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    n_threads: int | None = None,
) -> Choice:
    """Try all candidates and choose one.

    Parameters
    ----------
    scaled : sequence of (Rows, Rows)
        The training rows and the rows to choose on, under each proposed scaling.
    usual_distances : sequence of float
        Median distance of a training row from its nearest, under each.
    asked : sequence of Asked
        The budgets to choose for, at least one.
    neighbors, sigmas : sequence of numbers, optional
        What to choose from, where not all are to be tried.
    seed : int, default=0
        Which rows settings with noise are tried on, where they take too long for all.
    progress : callable(done, total), optional
    n_threads : int, optional

    Notes
    -----
    Every scaling is tried without noise, and the better one with noise as well. Who always says the same is
    certified everywhere, so candidates are left out that are far less accurate than the best, or that tell
    the classes apart less than half as well.
    """
    n_train, n_classes = len(scaled[0][0].y), len(np.unique(scaled[0][0].y))
    noises = _noises(usual_distances, sigmas)
    tried: list[Candidate] = []
    done, total = 0, len(scaled) + max(map(len, noises))
    best = 0
    if sigmas is None or 0.0 in sigmas:
        for k, (train, queries) in enumerate(scaled):
            plain = _plain_neighbors(n_train) if neighbors is None else neighbors
            tried += candidates(train, queries, asked, plain, [0.0], k, n_threads)
            done = _report(progress, done, total)
        best = _best(tried, n_classes).scaling
    train, queries = scaled[best]
    few = n_classes > 2 or n_train > _LARGE_TABLE
    some = sample(queries.y, _NOISY_QUERIES_MORE_CLASSES if few else _NOISY_QUERIES, seed)
    queries = Rows(queries.X[some], queries.y[some])
    noisy = _noisy_neighbors(n_train, n_classes) if neighbors is None else neighbors
    for sigma in noises[best] if noisy else ():
        tried += candidates(train, queries, asked, noisy, [sigma], best, n_threads)
        done = _report(progress, done, total)
    chosen = _best(tried, n_classes)
    majority = majority_share(train.y, scaled[best][1].y)
    of_scaling = [replace(one, chosen=one is chosen) for one in tried if one.scaling == chosen.scaling]
    n_noisy = len(queries.y) if any(one.sigma > 0.0 for one in tried) else 0
    given = neighbors is not None and sigmas is not None and len(neighbors) == len(sigmas) == 1
    why = _GIVEN if given else _reason(chosen, tried, majority, asked, n_noisy)
    return Choice(of_scaling, majority, why)


def candidates(
    train: Rows,
    queries: Rows,
    asked: Sequence[Asked],
    neighbors: Sequence[int],
    sigmas: Sequence[float],
    scaling: int,
    n_threads: int | None = None,
) -> list[Candidate]:
    """Return what each K and sigma reaches on these queries."""
    classifier = SmoothedKNNClassifier(n_threads=n_threads).set_params(n_neighbors=neighbors[0])
    grid = classifier.fit(train.X, train.y).certify_grid(
        queries.X, n_neighbors=neighbors, sigma=sigmas, threats=[one.threat for one in asked]
    )
    found: dict[tuple[int, float], list[tuple[BoolArray, BoolArray]]] = {}
    for point, certificates in grid.items():
        right = certificates.label == queries.y
        found.setdefault((point.n_neighbors, point.sigma), []).append(
            (right, right & ~certificates.abstained)
        )
    return [
        Candidate(
            scaling=scaling,
            n_neighbors=int(k),
            sigma=float(sigma),
            accuracy=float(np.mean(shares[0][0])),
            balanced=balanced_accuracy(shares[0][0], queries.y),
            certified=tuple(float(np.mean(held)) for _, held in shares),
            tells=tells_apart(shares[0][0], queries.y),
        )
        for (k, sigma), shares in found.items()
    ]


def balanced_accuracy(right: BoolArray, y: NDArray[Any]) -> float:
    """Return the share of right predictions, as the mean over the classes of y."""
    return float(np.mean([np.mean(right[y == label]) for label in np.unique(y)]))


def tells_apart(right: BoolArray, y: NDArray[Any]) -> bool:
    """Whether predictions are right more often, class by class, than guesses would be by chance.

    Guesses that say each class equally often are right with probability 1/C in every class; the mean over the
    classes has to be 1.64 of its standard deviations above that, which one of twenty such guesses reaches. Of
    one class alone nothing can be told. Classes of very few rows, whose chance would decide, are left out
    where there are two others.
    """
    labels, counts = np.unique(y, return_counts=True)
    if np.count_nonzero(counts >= _TESTED) >= 2:
        tested = np.isin(y, labels[counts >= _TESTED])
        right, y, counts = right[tested], y[tested], counts[counts >= _TESTED]
    if len(counts) < 2:
        return False
    chance = 1.0 / len(counts)
    deviation = np.sqrt(np.sum(chance * (1.0 - chance) / counts)) / len(counts)
    return balanced_accuracy(right, y) > chance + 1.64 * float(deviation)


def majority_share(y_train: NDArray[Any], y: NDArray[Any]) -> float:
    """Return the share of y that always saying the largest class of y_train gets right."""
    labels, counts = np.unique(y_train, return_counts=True)
    return float(np.mean(y == labels[np.argmax(counts)]))


def _best(tried: list[Candidate], n_classes: int) -> Candidate:
    """Return the candidate with the largest certified accuracy among the useful ones.

    Of nearly equal ones the more accurate is taken, then the one without noise, then the smallest K.
    """
    chance = 1.0 / n_classes
    tried = [one for one in tried if one.tells] or tried
    telling = max(one.balanced for one in tried)
    useful = [one for one in tried if one.balanced >= telling - 0.5 * max(telling - chance, 0.0)]
    accurate = max(one.accuracy for one in useful)
    useful = [one for one in useful if one.accuracy >= accurate - _ACCURACY_LOSS]
    certified = max(one.certified_accuracy for one in useful)
    level = [one for one in useful if one.certified_accuracy >= certified - _SAME]
    return min(level, key=lambda one: (-one.accuracy, -one.certified_accuracy, one.sigma, one.n_neighbors))


_GIVEN = "K and the noise were given. Of the proposed scalings the better one was taken."


def _reason(
    chosen: Candidate, tried: list[Candidate], majority: float, asked: Sequence[Asked], n_noisy: int
) -> str:
    budgets = ", ".join(map(str, asked)) + (" (in the mean)" if len(asked) > 1 else "")
    if chosen.certified_accuracy == 0.0:
        most = max(tried, key=lambda one: (one.certified_accuracy, one.accuracy))
        other = (
            f" Others are: K = {most.n_neighbors}, sigma = {most.sigma:g} is right for "
            f"{100 * most.accuracy:.1f} %, and right and certified for {100 * most.certified_accuracy:.1f} % "
            f"(--k {most.n_neighbors} --sigma {most.sigma:g})."
            if most.certified_accuracy > 0.0
            else ""
        )
        return (
            f"None of the settings that tell the classes apart well, with an accuracy within "
            f"{_ACCURACY_LOSS:g} of the best of these, is certified at {budgets} anywhere; the most accurate "
            f"of them was taken.{other}"
        )
    beats = (
        "" if chosen.accuracy > majority else " It is not more accurate than always saying the largest class."
    )
    noisy = f" Settings with noise were tried on {n_noisy} of the rows." if n_noisy else ""
    return (
        f"Among settings whose accuracy is within {_ACCURACY_LOSS:g} of the best and that tell the classes "
        f"apart, those were looked for that are right and certified most at {budgets}; of those within "
        f"{_SAME:g} of the most the more accurate one was taken.{noisy}{beats}"
    )


def _plain_neighbors(n_train: int) -> list[int]:
    return [k for k in _NEIGHBORS if k <= max(1, int(_LARGEST_SHARE * n_train))]


def _noisy_neighbors(n_train: int, n_classes: int) -> list[int]:
    if n_classes > _MOST_NOISY_CLASSES:
        return []
    few = _NOISY_NEIGHBORS if n_classes == 2 else _NOISY_NEIGHBORS_MORE_CLASSES
    return [k for k in few if k <= _LARGEST_SHARE * n_train]


def _noises(usual_distances: Sequence[float], sigmas: Sequence[float] | None) -> list[list[float]]:
    """Return the standard deviations above 0 to try, under each scaling."""
    if sigmas is not None:
        return [[sigma for sigma in sigmas if sigma > 0.0]] * len(usual_distances)
    proposed = [[_two_digits(share * usual) for share in _NOISE_SHARES] for usual in usual_distances]
    return [[sigma for sigma in some if sigma > 0.0] for some in proposed]


def _two_digits(value: float) -> float:
    return float(f"{value:.1e}")


def _report(progress: Callable[[int, int], None] | None, done: int, total: int) -> int:
    if progress is not None:
        progress(done + 1, total)
    return done + 1
