"""What a threat model leaves to a class: its smallest probability, and the largest budget it survives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np

from . import kernels
from ._validation import (
    check_dof,
    check_labels,
    check_n_classes,
    check_n_neighbors,
    check_n_threads,
    check_query_distances,
    check_resolution,
    check_scale,
    check_sigma,
)
from .threats import MOST_ENTRIES, Insertions, RaceLists, Threat, open_budget, votes_needed

# Lists of rows that are in memory at a time, in bytes; the answers do not depend on it.
_CHUNK_BYTES = 32 * 2**20

# Where the search for a number of inserted rows would end; enough of them beat any class long before.
_MOST_INSERTED = 2**31


def worst_case_probability(
    sq_distances,
    labels,
    threat: Threat,
    *,
    target_class,
    n_neighbors: int,
    sigma: float,
    dof: float,
    n_classes: int | None = None,
    backend: str = "auto",
) -> float | np.ndarray:
    """Smallest probability of a class over everything that an attacker may have done.

    The observed table is compared with every table within the budget of the threat. If the answer is above
    1/2, the class is the prediction for all of them; see `knn_cert.threats` for the lists behind it.

    Parameters
    ----------
    sq_distances : array_like of shape (n,) or (n_queries, n)
        Squared Euclidean distances from a query to each training row, in squared units of the features.
    labels : array_like of int, shape (n,)
        Class of each row, 0..C-1.
    threat : Threat
        One of `LabelFlips`, `Deletions`, `Insertions`, `Replacements`, `RowShift`, `QueryShift`.
    target_class : int, or array_like of int, shape (n_queries,)
        The class whose probability is bounded from below.
    n_neighbors : int
        K, between 1 and n; even numbers are allowed.
    sigma : float > 0
        Standard deviation of the noise on each feature, in the units of the features.
    dof : float > 0
        d, the number of features that carry noise.
    n_classes : int, optional
        C >= 2; one more than the largest label if left out.
    backend : {"auto", "native", "numba", "reference"}
        Which kernel computes.

    Returns
    -------
    float for 1-D distances, ndarray of shape (n_queries,) for 2-D
        For two classes exact for `LabelFlips`, `Deletions`, `Insertions` and `Replacements`, and a lower
        bound for the others. For more classes a lower bound: the class wins at least where it has a majority
        of the votes (half of them for class 0, to which ties go).

    Raises
    ------
    TypeError
        If labels or target_class are not integers, or threat is no threat.
    ValueError
        As `vote_probabilities`, and if target_class is not 0..C-1 or has the wrong shape.
    """
    if _open_budget(threat) is not None:
        raise ValueError(f"{threat!r} leaves its budget open; give it, or ask largest_budget for the largest")
    queries = _Queries(
        sq_distances,
        labels,
        target_class,
        n_neighbors=n_neighbors,
        sigma=sigma,
        dof=dof,
        n_classes=n_classes,
        backend=backend,
    )
    smallest, _ = queries.smallest_probability(np.arange(len(queries)), [threat] * len(queries))
    return float(smallest[0]) if queries.single else smallest


def largest_budget(
    sq_distances,
    labels,
    threat: Threat,
    *,
    target_class,
    n_neighbors: int,
    sigma: float,
    dof: float,
    n_classes: int | None = None,
    backend: str = "auto",
) -> float | int | np.ndarray:
    """Largest budget of a threat at which a class provably stays the prediction.

    The budget that the threat leaves open is searched for, ``rows`` or ``radius``: the worst case only grows
    with it, so a search by halving finds the end. A budget counts as certified where the smallest
    probability, less the bound on its error, is above 1/2.

    Parameters
    ----------
    sq_distances, labels, target_class, n_neighbors, sigma, dof, n_classes, backend
        As for `worst_case_probability`.
    threat : Threat
        With one budget left open: ``LabelFlips()``, ``RowShift(rows=0.1)``, ``QueryShift()``, ...

    Returns
    -------
    int or float for 1-D distances, ndarray of shape (n_queries,) for 2-D
        Rows: the largest certified number, -1 where the class is not certified even without tampering.
        Radius: a certified radius that is at most a relative 1e-4 below the largest, infinite where rows
        moved anywhere change nothing, NaN where the class is not certified even without tampering.

    Raises
    ------
    TypeError, ValueError
        As `worst_case_probability`; ValueError also if the threat leaves no budget open.
    """
    name = _open_budget(threat)
    if name is None:
        raise ValueError(f"{threat!r} leaves no budget open; leave out its rows or its radius")
    queries = _Queries(
        sq_distances,
        labels,
        target_class,
        n_neighbors=n_neighbors,
        sigma=sigma,
        dof=dof,
        n_classes=n_classes,
        backend=backend,
    )

    def certified(members: np.ndarray, budgets: np.ndarray) -> np.ndarray:
        number = int if name == "rows" else float
        threats = [replace(threat, **{name: number(budget)}) for budget in budgets]
        smallest, error = queries.smallest_probability(members, threats)
        return smallest - error > 0.5

    if name == "rows":
        limit = _MOST_INSERTED if isinstance(threat, Insertions) else queries.n_rows
        found = _largest_count(certified, len(queries), limit)
    else:
        found = _largest_radius(certified, len(queries), queries.sigma, queries.farthest)
    return found[0].item() if queries.single else found


def _open_budget(threat) -> str | None:
    if not isinstance(threat, get_args(Threat)):
        names = ", ".join(kind.__name__ for kind in get_args(Threat))
        raise TypeError(f"threat must be one of {names} from knn_cert.threats, got {threat!r}")
    training = getattr(threat, "training", None)
    if training is not None and open_budget(training) is not None:
        raise ValueError(
            f"{threat!r} leaves a budget of its training threat open; only its own radius may be"
        )
    return open_budget(threat)


def _largest_count(certified: Callable, n_queries: int, limit: int) -> np.ndarray:
    """Largest whole number up to limit that is certified, -1 if 0 is not; doubling, then halving."""
    low, high = np.full(n_queries, -1), np.full(n_queries, limit + 1)
    while (active := np.flatnonzero(high - low > 1)).size:
        doubled = np.maximum(2 * low[active], low[active] + 1)
        between = (low[active] + high[active]) // 2
        budgets = np.where(high[active] > limit, np.minimum(doubled, limit), between)
        good = certified(active, budgets)
        low[active[good]] = budgets[good]
        high[active[~good]] = budgets[~good]
    return low


def _largest_radius(certified: Callable, n_queries: int, scale: float, farthest: float) -> np.ndarray:
    """Largest radius that is certified to a relative 1e-4, inf if any is, NaN if 0 is not."""
    low, high = np.zeros(n_queries), np.full(n_queries, np.inf)
    low[~certified(np.arange(n_queries), low)] = np.nan
    sure = np.flatnonzero(~np.isnan(low))
    low[sure[certified(sure, high[sure])]] = np.inf
    # A query that moved this far has the target's rows as good as infinitely far away and all others at hand:
    # if the target still wins, the others are too few to win anywhere.
    boundless = 1e6 * scale + 2.0 * farthest
    active = np.flatnonzero(np.isfinite(low))
    while active.size:
        lowest, highest = low[active], high[active]
        doubled = np.maximum(2.0 * lowest, scale)
        budgets = np.where(
            np.isinf(highest), doubled, 0.5 * lowest + 0.5 * np.where(np.isinf(highest), 0.0, highest)
        )
        good = certified(active, budgets)
        low[active[good]] = np.where(budgets[good] > boundless, np.inf, budgets[good])
        high[active[~good]] = budgets[~good]
        active = active[np.isfinite(low[active])]
        width, reach = high[active] - low[active], np.maximum(low[active], 1e-5 * scale)
        active = active[width > 1e-4 * reach]
    return low


class _Queries:
    """Checked queries: for each, the sorted distances of its target class and of the others."""

    def __init__(self, sq_distances, labels, target_class, *, n_neighbors, sigma, dof, n_classes, backend):
        self.sigma, self._dof = check_sigma(sigma), check_dof(dof)
        sq_distances = check_query_distances(sq_distances)
        self.single = sq_distances.ndim == 1
        self.n_rows = sq_distances.shape[-1]
        labels = check_labels(labels, self.n_rows)
        n_classes = check_n_classes(n_classes, labels)
        n_neighbors = check_n_neighbors(n_neighbors, self.n_rows)
        table = np.atleast_2d(sq_distances)
        targets = _check_targets(target_class, len(table), n_classes)
        self._kernel = kernels.get_backend(backend)
        if table.size:
            check_scale(table.max(), self.sigma)
            check_resolution(table, n_neighbors, self.sigma)
        self._n_threads = check_n_threads(None)
        self.farthest = float(np.sqrt(table.max(initial=0.0)))
        self._lists = [
            _sorted_lists(row, labels == target) for row, target in zip(table, targets, strict=True)
        ]
        self._needed = np.array([votes_needed(int(target), n_neighbors, n_classes) for target in targets])

    def __len__(self) -> int:
        return len(self._lists)

    def smallest_probability(self, members: np.ndarray, threats: list) -> tuple[np.ndarray, np.ndarray]:
        """Worst cases of some queries, each under a threat of its own: probabilities and their errors."""
        smallest, errors = np.empty(len(members)), np.empty(len(members))
        chunk = max(1, _CHUNK_BYTES // (8 * self.n_rows * MOST_ENTRIES))
        for first in range(0, len(members), chunk):
            part = np.arange(first, min(first + chunk, len(members)))
            lists = {i: threats[i].worst_lists(*self._lists[members[i]]) for i in part}
            for needed in {tuple(pair) for pair in self._needed[members[part]].tolist()}:
                same = [i for i in part if tuple(self._needed[members[i]]) == needed]
                smallest[same], errors[same] = self._races([lists[i] for i in same], *needed)
        return smallest, errors

    def _races(self, lists, m: int, m_others: int) -> tuple[np.ndarray, np.ndarray]:
        """The smallest race of each query over its entries, and the largest error of any of them."""
        entries = [entry for query in lists for entry in query]
        sq_a, start_a = _concatenated([entry.a for entry in entries])
        sq_b, start_b = _concatenated([entry.b for entry in entries])
        probabilities, errors = self._kernel.races(
            sq_a,
            start_a,
            m,
            sq_b,
            start_b,
            m_others,
            sigma=self.sigma,
            dof=self._dof,
            n_threads=self._n_threads,
        )
        starts = np.cumsum([0, *(len(query) for query in lists)])[:-1]
        return np.minimum.reduceat(probabilities[:, 0], starts), np.maximum.reduceat(errors[:, 0], starts)


def _check_targets(target_class, n_queries: int, n_classes: int) -> np.ndarray:
    targets = np.asarray(target_class)
    if targets.dtype.kind not in "iu":
        raise TypeError(f"target_class must be an integer, or one for each query, got dtype {targets.dtype}")
    if targets.ndim > 1 or (targets.ndim == 1 and len(targets) != n_queries):
        raise ValueError(
            f"target_class must be one integer or have shape ({n_queries},), got {targets.shape}"
        )
    if targets.size and not (0 <= targets.min() and targets.max() < n_classes):
        raise ValueError(f"target_class must be 0..{n_classes - 1}, got {targets.min()}..{targets.max()}")
    return np.broadcast_to(targets, (n_queries,)).astype(np.int64)


def _sorted_lists(sq_distances: np.ndarray, is_target: np.ndarray) -> RaceLists:
    return RaceLists(np.sort(np.sqrt(sq_distances[is_target])), np.sort(np.sqrt(sq_distances[~is_target])))


def _concatenated(lists: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Squares of all lists in one array, and where each begins; a row at infinity never arrives."""
    squares = [values[np.isfinite(values)] ** 2 for values in lists]
    starts = np.cumsum([0, *(len(values) for values in squares)])
    return np.concatenate([*squares, np.empty(0)]), starts.astype(np.int64)
