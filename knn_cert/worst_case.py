"""What a threat model leaves to a class: its smallest probability, and the largest budget it survives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, get_args

import numpy as np
from scipy.special import ndtri

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
from .certificates.issue import Bounds, enclose, issue_ball
from .kernels.families import RaceFamily, pack
from .smoothing import Noise
from .threats import (
    BlackBoxBall,
    RowShift,
    StructuredThreat,
    is_beyond,
    is_open,
    tampered_rows,
    votes_needed,
    votes_that_can_win,
)

# Rows of races that are in memory at a time, in bytes; the answers do not depend on it.
_CHUNK_BYTES = 32 * 2**20

# Budgets in rows are looked for up to here first: few predictions survive more, and rows that no worst case
# in question touches cost next to nothing.
_FIRST_COUNTS = 256

# Numbers of rows are looked at many at once: most of the work is common to them while K is small. The more
# votes count, the more each costs by itself; these two were found by timing K = 5 to 1001.
_VOTES_AT_ONCE, _FEWEST_AT_ONCE = 8192, 12

# From so many votes on, one race costs more than a look at the votes without noise.
_MANY_VOTES = 200

# A search asks for probabilities to the first of these absolute errors, to the next where it is too large.
_SEARCH_TOLERANCES = (1e-3, 1e-6, 0.0)

# What is loose by far more than this need not be known better.
_ROUGH = 1e-4

# Radii are found to this relative accuracy, from below.
_RADIUS_ACCURACY = 1e-3


def worst_case_probability(
    sq_distances,
    labels,
    threat: StructuredThreat,
    *,
    target_class,
    n_neighbors: int,
    sigma: float,
    dof: float,
    n_classes: int | None = None,
    backend: str = "auto",
) -> float | np.ndarray:
    """Lower bound on the probability of a class over everything that an attacker may have done.

    The observed table is compared with every table within the budget of the threat whose labels are all among
    0..C-1. If the answer is above 1/2, the class is the prediction for all of them: the bound on the error of
    the computation has been taken off. See `knn_cert.threats` for the lists behind it.

    Parameters
    ----------
    sq_distances : array_like of shape (n,) or (n_queries, n)
        Squared Euclidean distances from a query to each training row, in squared units of the features.
    labels : array_like of int, shape (n,)
        Class of each row, 0..C-1.
    threat : threat
        One of `LabelFlips`, `Deletions`, `Insertions`, `Replacements`, `RowShift`, `QueryShift`.
    target_class : int, or array_like of int, shape (n_queries,)
        The class whose probability is bounded from below. Vote ties go to the lowest class: if an attacker
        may also bring labels that sort before all of yours, number your classes from 1.
    n_neighbors : int
        K, between 1 and n; even numbers are allowed.
    sigma : float > 0
        Standard deviation of the noise on each feature, in the units of the features.
    dof : float, from 1 to 1e9
        d, the number of features that carry noise.
    n_classes : int, optional
        C >= 2; one more than the largest label if left out. Classes without rows count: tampered rows may
        carry their labels.
    backend : {"auto", "native", "numba", "reference"}
        Which kernel computes.

    Returns
    -------
    float for 1-D distances, ndarray of shape (n_queries,) for 2-D
        For two classes and `LabelFlips`, `Deletions`, `Insertions` or `Replacements`, below the smallest
        probability by no more than the error of the computation; else a lower bound that may be lower. For
        more classes the class wins at least where it has a majority of the votes (half of them for class 0,
        to which ties go). 0 where a table within the budget has fewer than n_neighbors rows.

    Raises
    ------
    TypeError
        If labels or target_class are not integers, or threat is no threat.
    ValueError
        As `vote_probabilities`, and if target_class is not 0..C-1 or has the wrong shape.
    """
    check_threat(threat)
    if is_open(threat):
        raise ValueError(f"{threat!r} leaves its budget open; give it, or ask largest_budget for the largest")
    queries, single = _checked_queries(
        sq_distances,
        labels,
        target_class,
        n_neighbors=n_neighbors,
        sigma=sigma,
        dof=dof,
        n_classes=n_classes,
        backend=backend,
    )
    smallest = queries.smallest_probability(threat)
    return float(smallest[0]) if single else smallest


def largest_budget(
    sq_distances,
    labels,
    threat: StructuredThreat,
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
    with it, so the end can be closed in on. A budget counts as certified where the smallest probability, less
    the bound on its error, is above 1/2. With more than two classes it also counts if that is above the
    largest probability that any other class can reach, or if what is touched is too rarely among the K
    nearest rows to make up for the margin of the untampered vote.

    Parameters
    ----------
    sq_distances, labels, target_class, n_neighbors, sigma, dof, n_classes, backend
        As for `worst_case_probability`.
    threat : threat
        With one budget left open: ``LabelFlips()``, ``RowShift(rows=0.1)``, ``QueryShift()``, ...

    Returns
    -------
    int or float for 1-D distances, ndarray of shape (n_queries,) for 2-D
        Rows: the largest certified number, -1 where the class is not certified even without tampering.
        Radius: a certified radius that is at most a relative 1e-3 below the largest, infinite where rows
        moved anywhere change nothing, NaN where the class is not certified even without tampering.

    Raises
    ------
    TypeError, ValueError
        As `worst_case_probability`; ValueError also if the threat leaves no budget open.
    """
    check_threat(threat)
    if not is_open(threat):
        raise ValueError(f"{threat!r} leaves no budget open; leave out its {threat.budget_name}")
    queries, single = _checked_queries(
        sq_distances,
        labels,
        target_class,
        n_neighbors=n_neighbors,
        sigma=sigma,
        dof=dof,
        n_classes=n_classes,
        backend=backend,
    )
    found = queries.largest_budget(threat)
    return found[0].item() if single else found


def check_threat(threat, kinds=StructuredThreat) -> None:
    """Raise TypeError unless it is a threat of one of these kinds, those whose worst cases are races."""
    if isinstance(threat, get_args(kinds)):
        return
    if isinstance(threat, type) and issubclass(threat, get_args(kinds)):
        raise TypeError(
            f"threat must be an object, got the class {threat.__name__}; call it: {threat.__name__}()"
        )
    names = ", ".join(kind.__name__ for kind in get_args(kinds))
    raise TypeError(
        f"threat must be one of {names} from knn_cert.threats, such as LabelFlips(), got {threat!r}"
    )


class Law(NamedTuple):
    """The smoothed classifier, all but its rows: checked settings."""

    n_neighbors: int
    sigma: float
    dof: float
    n_classes: int
    kernel: object
    n_threads: int
    labels_are_classes: bool = True  # nobody can bring a label that is none of the classes


class WorstCases:
    """Some queries, and what tampering can leave of one class for each of them.

    Parameters
    ----------
    distances : ndarray of shape (n_queries, n)
        Euclidean, in the units of the features.
    labels : ndarray of int, shape (n,)
    targets : ndarray of int, shape (n_queries,)
        The class of each query that is to win.
    law : Law
    distance_error : float
        Relative error of the distances; it is taken against the target.
    vote : tuple of two ndarrays of shape (n_queries, C), optional
        Probabilities without tampering, and their errors; worked out where needed if not known.
    """

    def __init__(self, distances, labels, targets, law: Law, *, distance_error: float = 0.0, vote=None):
        self._distances, self._labels, self._targets, self._law = distances, labels, targets, law
        # moving and squaring distances costs some roundings more
        self._widening = distance_error + 8.0 * np.finfo(np.float64).eps
        self._farthest = float(distances.max(initial=0.0))
        self._sides: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._vote = vote
        self._balls: dict[int, float] = {}
        self._untampered: dict[int, tuple[Bounds, float]] = {}

    def __len__(self) -> int:
        return len(self._targets)

    @property
    def n_rows(self) -> int:
        return len(self._labels)

    def smallest_probability(self, threat: StructuredThreat) -> np.ndarray:
        """Lower bound on the probability of each query's target over everything within the budget."""
        if self._is_beyond(threat):
            return np.zeros(len(self))
        requests = [
            _Request(threat.worst_cases(*self._lists(i)), self._needed(i, threat)) for i in range(len(self))
        ]
        lowest = [float(bounds.lower().min()) for bounds in self._evaluate(requests, 0.0)]
        return np.maximum(np.array(lowest, dtype=np.float64), 0.0)

    def at_budget(self, threat: StructuredThreat) -> tuple[np.ndarray, np.ndarray]:
        """`smallest_probability`, and whether the target provably stays the prediction."""
        worst = self.smallest_probability(threat)
        certified = worst > 0.5
        if not certified.all() and not self._is_beyond(threat):
            rest = np.flatnonzero(~certified)
            certified[rest] = self._margins([_Case(int(i), threat) for i in rest]) > 0.0
        return worst, certified

    def largest_budget(self, threat: StructuredThreat) -> np.ndarray:
        """The budget that the threat leaves open, as `largest_budget` returns it."""
        if self._is_beyond(threat):  # whatever was done besides what is open
            return np.full(len(self), np.nan)
        return self._largest_count(threat) if threat.budget_name == "rows" else self._largest_radius(threat)

    def _is_beyond(self, threat: StructuredThreat) -> bool:
        return is_beyond(threat, self.n_rows, self._law.n_neighbors)

    # ------------------------------------------------------------------------------------------- searches

    def _largest_count(self, threat) -> np.ndarray:
        """Largest certified number of rows, -1 if 0 is not, for each query."""
        limit = threat.most_rows(self.n_rows, self._law.n_neighbors)
        low, high = np.full(len(self), -1), np.full(len(self), limit + 1)
        at_once = min(
            self._law.kernel.FAMILY_SIZE, max(_FEWEST_AT_ONCE, _VOTES_AT_ONCE // self._law.n_neighbors)
        )
        counts = None
        if self._law.n_neighbors >= _MANY_VOTES:
            expected = [self._count_without_noise(i, threat, limit) for i in range(len(self))]
            counts = [_counts_near(one, limit) for one in expected]
        while (active := np.flatnonzero(high - low > 1)).size:
            if counts is None:
                ends = [(int(low[i]), int(high[i])) for i in active]
                counts = [_counts_between(*both, both[1] > limit, at_once) for both in ends]
            cases = [_Case(int(i), threat, rows) for i, rows in zip(active, counts, strict=True)]
            for i, rows, margins in zip(active, counts, self._member_margins(cases), strict=True):
                # the worst case only grows: what follows the first failure is not looked at
                n_good = len(rows) if np.all(margins > 0.0) else int(np.argmin(margins > 0.0))
                low[i] = rows[n_good - 1] if n_good else low[i]
                high[i] = rows[n_good] if n_good < len(rows) else high[i]
            counts = None
        return low

    def _count_without_noise(self, i: int, threat, limit: int) -> int:
        """Number of rows that the vote survives without noise: with many votes about as many as with it."""
        m, m_rest = self._needed(i, threat)
        low, high = -1, limit + 1
        while high - low > 1:
            middle = (low + high) // 2
            family = threat.family(*self._lists(i), np.array([middle]))
            a, b = family.a.of_member(0), family.b.of_member(0)
            arrives = np.partition(a, m - 1)[m - 1] if len(a) >= m else np.inf
            others = np.partition(b, m_rest - 1)[m_rest - 1] if len(b) >= m_rest else np.inf
            low, high = (middle, high) if arrives < others else (low, middle)
        return low

    def _largest_radius(self, threat) -> np.ndarray:
        """Largest certified radius to a relative 1e-3, inf if any is, NaN if 0 is not, for each query.

        False position on the normal quantile of the probability, nearly a straight line in the radius.
        """

        def heights(active: np.ndarray, radii: np.ndarray) -> np.ndarray:
            return self._margins(
                [
                    _Case(int(i), replace(threat, radius=float(radius)))
                    for i, radius in zip(active, radii, strict=True)
                ]
            )

        sigma = self._law.sigma
        n = len(self)
        low, high = np.zeros(n), np.full(n, np.inf)
        at_low, at_high = heights(np.arange(n), low), np.full(n, -np.inf)
        low[~(at_low > 0.0)] = np.nan
        # the end that was moved last stood there before
        previous, at_previous = np.full(n, np.nan), np.full(n, np.nan)
        active = np.flatnonzero(np.isfinite(low))
        step = 0
        while active.size:
            step += 1
            if step == 4:  # still no end for some: is there any?
                open_end = active[np.isinf(high[active])]
                low[open_end[heights(open_end, high[open_end]) > 0.0]] = np.inf
                active = active[np.isfinite(low[active])]
            lo, hi = low[active], high[active]
            slack = 0.3 * _RADIUS_ACCURACY * np.maximum(lo, 1e-5 * sigma)
            crossing = _crossing(
                (lo, at_low[active]), (hi, at_high[active]), (previous[active], at_previous[active])
            )
            # one end only: along the line through two points, or along one as steep as most are
            first_guess = lo + sigma * np.minimum(at_low[active], 4.0) / 3.0
            onward = np.where(np.isnan(crossing), first_guess, np.clip(1.2 * crossing, 1.05 * lo, 4.0 * lo))
            onward = np.maximum(onward, (0.0 if step < 8 else 2.0) * lo + 1e-3 * sigma)
            # else just short of the crossing or, where that has been seen, just beyond it
            inner = np.where(crossing - slack > lo + slack, crossing - slack, crossing + slack)
            inside = (inner > lo + 0.1 * slack) & (inner < hi - 0.1 * slack) & (step % 8 > 0)
            with np.errstate(invalid="ignore"):
                inner = np.where(inside, inner, lo + 0.5 * (hi - lo))
            radii = np.where(np.isinf(hi), onward, inner)
            height = heights(active, radii)
            for ends, at_ends, moved in ((low, at_low, height > 0.0), (high, at_high, ~(height > 0.0))):
                which = active[moved]
                previous[which], at_previous[which] = ends[which], at_ends[which]
                ends[which], at_ends[which] = radii[moved], height[moved]
            # A query that moved this far has the target's rows as good as infinitely far away and all others
            # at hand: if the target still wins, the others are too few to win anywhere.
            low[low > 1e6 * sigma + 2.0 * self._farthest] = np.inf
            active = active[np.isfinite(low[active])]
            wide = high[active] - low[active] > _RADIUS_ACCURACY * np.maximum(low[active], 1e-5 * sigma)
            active = active[wide]
        return low

    # -------------------------------------------------------------------------------------------- margins

    def _margins(self, cases: list[_Case]) -> np.ndarray:
        """The smallest margin of each case."""
        return np.array([margins.min() for margins in self._member_margins(cases)])

    def _member_margins(self, cases: list[_Case]) -> list[np.ndarray]:
        """Positive for each member of each case whose target provably wins.

        The normal quantile of the smallest probability where one half decides, less the bound on its error.
        Unless each member counts alone, they are no more exact than it takes to know the sign of the
        smallest.
        """
        requests = [
            _Request(case.worst_cases(*self._lists(case.query)), self._needed(case.query, case.threat))
            for case in cases
        ]
        margins = self._quantiles(requests, alone=bool(cases) and cases[0].alone)
        for k, case in enumerate(cases):
            for otherwise in self._other_ways(case):
                if np.any(margins[k] <= 0.0):
                    # where it does not certify either, the margin stays what the search steers by
                    more = np.minimum(otherwise(case), 1e-3)
                    margins[k] = np.where((margins[k] <= 0.0) & (more > 0.0), more, margins[k])
        return margins

    def _other_ways(self, case: _Case) -> list[Callable[[_Case], np.ndarray]]:
        """Margins that also certify where the majority alone does not."""
        ways = []
        if isinstance(case.threat, RowShift) and not case.threat.relabel:
            ways.append(self._margins_of_the_ball)
        # For two classes the majority is the vote itself, unless a new label can take the ties of the first.
        target, n_neighbors = int(self._targets[case.query]), self._law.n_neighbors
        is_the_vote = self._needed(case.query, case.threat) == votes_needed(target, n_neighbors)
        if self._law.n_classes > 2 or not is_the_vote:
            ways += [self._margins_untouched, self._margins_over_rivals]
        return ways

    def _quantiles(self, requests: list[_Request], alone: bool) -> list[np.ndarray]:
        """Of p - error of every member; first roughly, and more exactly where it would not be clear."""
        bounds: list[_Bounds] = [None] * len(requests)
        unclear = list(range(len(requests)))
        for tolerance in _SEARCH_TOLERANCES:
            for k, found in zip(
                unclear, self._evaluate([requests[k] for k in unclear], tolerance), strict=True
            ):
                bounds[k] = found
            unclear = [k for k in unclear if _is_unclear(bounds[k], alone)]
        return [ndtri(np.clip(b.lower(), 1e-300, 1.0 - 1e-16)) for b in bounds]

    def _margins_over_rivals(self, case: _Case) -> np.ndarray:
        """Smallest probability of the target's majority less the largest that another class can have.

        A class wins at least with a majority, and at most where it has enough votes to win at all; both are
        races. The worst case for the other class is that for all rows that are not of it. Members that do not
        count alone are ways to spend one budget: any one of the one race with any one of the other.

        Where tampered rows may carry labels that are none of the classes, one more rival stands for all of
        them. Let any class y win, and give it all rows of other new labels, which the attacker might have
        done: with g votes before and G more now, K <= C g - (classes before y) + G, so it has the votes that
        `votes_that_can_win` asks for. What remains is a rival without rows, and the fewest votes are enough
        for one that comes first, among C + 1 classes.
        """
        i, target = case.query, self._targets[case.query]
        n_neighbors, n_classes = self._law.n_neighbors, self._law.n_classes
        request = _Request(case.worst_cases(*self._lists(i)), self._needed(i, case.threat))
        (own,) = self._evaluate([request], _ROUGH)
        smallest = own.lower()
        largest = np.zeros(len(smallest))
        rivals = [
            (self._labels == rival, votes_that_can_win(rival, n_neighbors, n_classes))
            for rival in range(n_classes)
            if rival != target
        ]
        if self._brings_new_labels(case.threat):
            nobody = np.zeros(self.n_rows, dtype=bool)
            rivals.append((nobody, votes_that_can_win(0, n_neighbors, n_classes + 1)))
        for is_rival, (m, m_rest) in rivals:
            family = case.worst_cases(*self._sorted(i, ~is_rival))
            (other,) = self._evaluate([_Request(family, (m_rest, m))], _ROUGH)
            reached = other.upper(1)
            largest = np.maximum(largest, reached if case.alone else reached.max())
        if case.alone:
            return smallest - largest
        return np.full(len(smallest), smallest.min() - largest.max())

    def _margins_untouched(self, case: _Case) -> np.ndarray:
        """Margin of the untampered vote less twice the probability that anything touched is among the K.

        Else the K nearest rows and their labels are the same before and after, and so is the vote. Replacing
        a touched row by a nearer one only makes it likelier to be among them, so the nearest rows decide.
        """
        everything = np.ones(self.n_rows, dtype=bool)
        (far, _), (_, near) = (self._sorted(case.query, which) for which in (everything, ~everything))
        family = case.touches(near, far)
        if family is None:
            return np.array([-1.0])
        (race,) = self._evaluate([_Request(family, (1, self._law.n_neighbors))], _ROUGH)
        touched = race.upper(0)
        bounds, _ = self._untampered_vote(case.query)
        return bounds.p_lower - bounds.p_upper - 2.0 * touched

    def _margins_of_the_ball(self, case: _Case) -> np.ndarray:
        """Eq. (15) of RAB: few rows that move a little move the table by less than its radius."""
        rows = tampered_rows(case.threat, self.n_rows)
        needed = case.threat.radius * np.sqrt(rows) * (1.0 + 4.0 * np.finfo(np.float64).eps)
        return np.array([self._ball(case.query) - needed])

    def _ball(self, i: int) -> float:
        """Radius of Eq. (14), -1 where there is none."""
        if i not in self._balls:
            bounds, moved = self._untampered_vote(i)
            ball = issue_ball(
                bounds,
                noise=Noise(self._law.sigma),
                threat=BlackBoxBall(),
                n_train=self.n_rows,
                n_features=None,
                distance_error=moved,
            )
            self._balls[i] = -1.0 if ball.abstained[0] else float(ball.radius[0])
        return self._balls[i]

    def _untampered_vote(self, i: int) -> tuple[Bounds, float]:
        """Bounds on the probabilities of the target and of all others, and what distances err.

        The last is the length by which the whole table must be moved to have exactly these distances.
        """
        if i not in self._untampered:
            law = self._law
            if self._vote is not None:
                p, error = (values[i : i + 1] for values in self._vote)
            else:
                p, error = law.kernel.vote(
                    self._distances[i : i + 1],
                    self._labels,
                    n_classes=law.n_classes,
                    n_neighbors=law.n_neighbors,
                    sigma=law.sigma,
                    dof=law.dof,
                    n_threads=1,
                )
            # By Corollary 1 a probability then changes by less than moved / (sigma sqrt(2 pi)).
            moved = self._widening * float(np.linalg.norm(self._distances[i]))
            _, bounds = enclose(p, error + 0.4 * moved / law.sigma, self._targets[i : i + 1])
            self._untampered[i] = bounds, moved
        return self._untampered[i]

    # --------------------------------------------------------------------------------------------- races

    def _needed(self, i: int, threat: StructuredThreat) -> tuple[int, int]:
        return votes_needed(
            int(self._targets[i]), self._law.n_neighbors, new_labels=self._brings_new_labels(threat)
        )

    def _brings_new_labels(self, threat: StructuredThreat) -> bool:
        """Whether tampered rows may carry labels that are none of the classes."""
        return threat.relabels and not self._law.labels_are_classes

    def _lists(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Increasing distances of the rows of the target, and of all others; kept for the next budget."""
        if i not in self._sides:
            self._sides[i] = self._sorted(i, self._labels == self._targets[i])
        return self._sides[i]

    def _sorted(self, i: int, is_to_win: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Increasing distances of some rows and of all others; what they may err is against the former."""
        distances = self._distances[i]
        return (
            np.sort(distances[is_to_win]) * (1.0 + self._widening),
            np.sort(distances[~is_to_win]) * (1.0 - self._widening),
        )

    def _evaluate(self, requests: list[_Request], tolerance: float) -> list[_Bounds]:
        """Probabilities of A and B, and their errors, for every member of every request."""
        answers, chunk, size = [], [], 0
        for k, request in enumerate(requests):
            chunk.append(request)
            size += 40 * (len(request.family.a.distances) + len(request.family.b.distances))
            if size > _CHUNK_BYTES or k == len(requests) - 1:
                answers += self._evaluate_chunk(chunk, tolerance)
                chunk, size = [], 0
        return answers

    def _evaluate_chunk(self, requests: list[_Request], tolerance: float) -> list[_Bounds]:
        m_a, m_b = np.array([request.needed for request in requests], dtype=np.int64).T
        p, error = self._law.kernel.race_families(
            *pack([request.family for request in requests]),
            np.ascontiguousarray(m_a),
            np.ascontiguousarray(m_b),
            sigma=self._law.sigma,
            dof=self._law.dof,
            tolerance=tolerance,
            n_threads=self._law.n_threads,
        )
        ends = np.cumsum([request.family.n_members for request in requests])
        return [
            _Bounds(p[end - n : end], error[end - n : end])
            for end, n in zip(ends, np.diff(ends, prepend=0), strict=True)
        ]


def _is_unclear(bounds: _Bounds, alone: bool) -> bool:
    """Whether some member (or, unless each counts alone, the smallest) may be on either side of one half."""
    p, error = bounds.p[:, 0], bounds.error[:, 0]
    return bool(np.any(np.abs(p - 0.5) <= error)) and (alone or not np.any(p + error < 0.5))


def _crossing(low: tuple, high: tuple, previous: tuple) -> np.ndarray:
    """Where a falling curve through (x, y) at both ends crosses zero: by inverse quadratic interpolation.

    `previous` is a third point, or NaN; with an infinite `high` it is the second. By a line where the
    parabola would leave the bracket; NaN where there are not two points.
    """
    (x0, y0), (x1, y1), (x2, y2) = low, high, previous
    with np.errstate(invalid="ignore", divide="ignore"):
        line = np.where(np.isinf(x1), x0 + (x0 - x2) * y0 / (y2 - y0), x0 + (x1 - x0) * y0 / (y0 - y1))
        parabola = (
            x0 * y1 * y2 / ((y0 - y1) * (y0 - y2))
            + x1 * y0 * y2 / ((y1 - y0) * (y1 - y2))
            + x2 * y0 * y1 / ((y2 - y0) * (y2 - y1))
        )
        return np.where((parabola > x0) & (parabola < x1), parabola, line)


def _counts_near(expected: int, limit: int) -> np.ndarray:
    """Numbers of rows to look at first, increasing, if the answer is expected here."""
    steps = np.array([-1.0, -0.3, -0.1, -0.03, -0.01, 0.0, 0.01, 0.03, 0.1, 0.3])
    near = np.concatenate([expected * (1.0 + steps), [expected - 1, expected + 1]])
    return np.unique(near.round().clip(0, limit).astype(np.int64))


def _counts_between(low: int, high: int, open_end: bool, at_once: int) -> np.ndarray:
    """Numbers of rows to look at, increasing: over orders of magnitude while none has failed, then evenly."""
    if open_end:
        start, end = max(low + 1, 1), min(high - 1, max(_FIRST_COUNTS, 4 * low))
        n_between = min(at_once, (end // start).bit_length() + 1)
        spread = np.geomspace(start, max(end, start), max(n_between, 2)).round().astype(np.int64)
        return np.unique([low + 1, *spread.clip(low + 1, end), end])
    return np.unique(np.linspace(low + 1, high - 1, min(at_once, high - low - 1)).astype(int))


class _Case(NamedTuple):
    """A query under a threat whose budget is given, or under one for some numbers of rows."""

    query: int
    threat: StructuredThreat
    rows: np.ndarray | None = None

    @property
    def alone(self) -> bool:
        """Whether each member is a budget of its own; else they are ways to spend one."""
        return self.rows is not None

    def worst_cases(self, a: np.ndarray, b: np.ndarray) -> RaceFamily:
        return self.threat.worst_cases(a, b) if self.rows is None else self.threat.family(a, b, self.rows)

    def touches(self, near: np.ndarray, far: np.ndarray) -> RaceFamily | None:
        if self.rows is None:
            return self.threat.touches(near, far)
        return self.threat.touched(near, far, self.rows)


class _Request(NamedTuple):
    """Races of one query."""

    family: RaceFamily
    needed: tuple[int, int]  # (m, m')


class _Bounds(NamedTuple):
    """Of every member: (n, 2) probabilities that A or B comes first, and bounds on their errors."""

    p: np.ndarray
    error: np.ndarray

    def lower(self) -> np.ndarray:
        """Lower bound on the probability that A comes first, of each member."""
        return np.nextafter(self.p[:, 0] - self.error[:, 0], -np.inf)

    def upper(self, who: int) -> np.ndarray:
        """Upper bound on the probability that A (0) or B (1) comes first, of each member."""
        return np.nextafter(self.p[:, who] + self.error[:, who], np.inf)


def _checked_queries(
    sq_distances, labels, target_class, *, n_neighbors, sigma, dof, n_classes, backend
) -> tuple[WorstCases, bool]:
    """The gate of the functional door; the flag tells whether there was one query without an axis."""
    sigma, dof = check_sigma(sigma), check_dof(dof)
    sq_distances = check_query_distances(sq_distances)
    n_rows = sq_distances.shape[-1]
    labels = check_labels(labels, n_rows)
    n_classes = check_n_classes(n_classes, labels)
    n_neighbors = check_n_neighbors(n_neighbors, n_rows)
    table = np.atleast_2d(sq_distances)
    targets = _check_targets(target_class, len(table), n_classes)
    kernel = kernels.get_backend(backend)
    if table.size:
        check_scale(table.max(), sigma)
    distances = np.sqrt(table)
    if table.size:
        check_resolution(distances, n_neighbors, sigma)
    law = Law(n_neighbors, sigma, dof, n_classes, kernel, check_n_threads(None))
    return WorstCases(distances, labels, targets, law), sq_distances.ndim == 1


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
