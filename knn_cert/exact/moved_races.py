"""Races of which some rows are moved, through the kernel: bounds on the worst case, and the best attack."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._types import BoolArray, FloatArray, WholeArray
from ..certificates.issue import wins
from ..kernels.families import one_race
from ..kernels.moves import MovedRows, pack_moves
from .races import RaceRequest, evaluate_races
from .search import margin_to_half
from .settings import VoteSettings

__all__ = [
    "MovedAttacks",
    "MovedRace",
    "MovedRequest",
    "best_moves",
    "evaluate_moves",
    "has_moves",
]

# Rows of races that are in memory at a time; the answers do not depend on it.
_CHUNK_ROWS = 2**20

# Tolerance of probabilities that only say about where an attack begins to succeed.
_ROUGH = 1e-6


class MovedRequest(NamedTuple):
    """Moved rows of one query, with m and m' of the race, see `knn_cert.exact.majority`."""

    moves: MovedRows
    ranks: tuple[int, int]


class MovedRace(NamedTuple):
    """What moved rows can leave to list A.

    Attributes
    ----------
    lower : float
        Lower bound on the probability that A comes first, over all attacks.
    attack, error : float
        Probability that A comes first under the best attack that was found, and how far it may be wrong.
    a, b : ndarray of bool
        Which rows of both lists that attack moves.
    """

    lower: float
    attack: float
    error: float
    a: BoolArray
    b: BoolArray

    @property
    def certifies(self) -> bool:
        """Whether A provably has more than half under every attack."""
        return bool(wins(np.float64(self.lower)))

    @property
    def refutes(self) -> bool:
        """Whether A has no more than half under the attack that was found.

        Provably where the bound was asked for; else by an error that is estimated and at least 0.1.
        """
        return self.attack + self.error <= 0.5

    @property
    def gap(self) -> float:
        """How much another lower bound could be larger, at most."""
        return self.attack + self.error - self.lower

    def margin(self) -> FloatArray:
        """Return what a search steers by, of shape (1,): positive where A is certified to win."""
        return margin_to_half(np.array([self.attack + self.error if self.refutes else self.lower]))


def has_moves(settings: VoteSettings) -> bool:
    """Return whether the kernel has races of moved rows, and what it relies on holds: d is whole."""
    return settings.kernel.moved_races is not None and float(settings.dof).is_integer()


def evaluate_moves(
    settings: VoteSettings, requests: list[MovedRequest], *, above: float = 0.0
) -> list[MovedRace]:
    """Return the worst case of every request, by a kernel that has it.

    Parameters
    ----------
    settings : VoteSettings
    requests : list of MovedRequest
    above : float
        Lower bounds are worked out where the best attack leaves more than this, and 0 elsewhere: 0.5 for
        whoever only decides, 1 for the attack alone.
    """
    found: list[MovedRace] = []
    chunk: list[MovedRequest] = []
    size = 0
    for k, request in enumerate(requests):
        chunk.append(request)
        size += len(request.moves.a) + len(request.moves.b)
        if size > _CHUNK_ROWS or k == len(requests) - 1:
            found += _evaluate_chunk(settings, chunk, above)
            chunk, size = [], 0
    return found


def best_moves(
    settings: VoteSettings,
    distances: FloatArray,
    is_a: BoolArray,
    ranks: tuple[int, int],
    rows: int,
    radius: float,
) -> tuple[WholeArray, WholeArray]:
    """Return which rows of A, and of the others, the best attack on one race moves: away, and closer.

    Parameters
    ----------
    settings : VoteSettings
        Of a kernel that has races of moved rows.
    distances : ndarray of shape (n,)
        Of all rows, in any order.
    is_a : ndarray of bool, shape (n,)
    ranks : tuple of int
        m and m' of the race.
    rows : int
    radius : float
    """
    order = np.argsort(distances, kind="stable")
    in_a, in_b = order[is_a[order]], order[~is_a[order]]
    moves = MovedRows(distances[in_a], distances[in_b], rows, radius)
    (found,) = evaluate_moves(settings, [MovedRequest(moves, ranks)], above=1.0)
    return in_a[found.a], in_b[found.b]


class MovedAttacks:
    """Attacks on the races of some queries, as `radius_search.Attacks` has them.

    Parameters
    ----------
    settings : VoteSettings
    request_at : callable
        A query and a radius -> the race.
    by_other_bounds : callable
        Queries and radii -> margins; asked where the race is neither certified nor refuted.
    """

    def __init__(
        self,
        settings: VoteSettings,
        request_at: Callable[[int, float], MovedRequest],
        by_other_bounds: Callable[[WholeArray, FloatArray], FloatArray],
    ):
        self._settings, self._request_at = settings, request_at
        self._by_other_bounds = by_other_bounds
        self._last: dict[int, tuple[MovedRequest, MovedRace]] = {}

    def meet(self, queries: WholeArray, radii: FloatArray, *, bounded: bool) -> tuple[FloatArray, FloatArray]:
        """Find the best attack on each query at a radius -> margins of the bound, and of the attack."""
        requests = [self._request_at(int(i), float(r)) for i, r in zip(queries, radii, strict=True)]
        found = evaluate_moves(self._settings, requests, above=0.5 if bounded else 1.0)
        self._last.update(zip(queries.tolist(), zip(requests, found, strict=True), strict=True))
        margins = margin_to_half(np.array([race.lower for race in found]))
        if bounded:
            open_ = np.flatnonzero([not (race.certifies or race.refutes) for race in found])
            others = self._by_other_bounds(queries[open_], radii[open_])
            margins[open_] = np.maximum(margins[open_], others)
        return margins, margin_to_half(np.array([race.attack + race.error for race in found]))

    def follow(self, queries: WholeArray, radii: FloatArray) -> FloatArray:
        """Repeat the attacks at other radii -> their margins."""
        requests = [
            _attack_request(*self._last[int(i)], float(r)) for i, r in zip(queries, radii, strict=True)
        ]
        upper = [bounds.upper(0)[0] for bounds in evaluate_races(self._settings, requests, _ROUGH)]
        return margin_to_half(np.array(upper))


def _attack_request(request: MovedRequest, found: MovedRace, radius: float) -> RaceRequest:
    """Return the one race in which the rows of an attack are moved by a radius."""
    a, b = request.moves.a, request.moves.b
    moved_a = np.where(found.a, a + radius, a)
    moved_b = np.where(found.b, np.maximum(b - radius, 0.0), b)
    return RaceRequest(one_race(moved_a, moved_b), request.ranks)


def _evaluate_chunk(settings: VoteSettings, requests: list[MovedRequest], above: float) -> list[MovedRace]:
    if settings.kernel.moved_races is None:
        raise TypeError(f"{settings.kernel.__name__} has no moved_races")
    packed = pack_moves([request.moves for request in requests], [request.ranks for request in requests])
    lower, attack, error, moved = settings.kernel.moved_races(
        *packed, sigma=settings.sigma, dof=settings.dof, above=above, n_threads=settings.n_threads
    )
    found = []
    for i in range(len(requests)):
        start, middle, end = packed.start[2 * i : 2 * i + 3]
        rows = moved.astype(bool)
        found.append(
            MovedRace(
                float(lower[i]), float(attack[i]), float(error[i]), rows[start:middle], rows[middle:end]
            )
        )
    return found
