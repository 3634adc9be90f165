"""Races under a threat: what is left to a list of rows, by the best of all bounds.

A threat to the rows of a race is bounded by races of the lists that it leaves at worst
(`knn_cert.threats.worst_rows`). Where rows are only moved, kernels that know how bound all attacks at once
and nearly meet the best one (`knn_cert.exact.moved_races`): the larger bound counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._types import FloatArray, WholeArray
from ..threats.rows import RaceThreat
from .moved_races import MovedRace, MovedRequest, evaluate_moves, has_moves
from .races import RaceRequest, evaluate_races, margins_to_half
from .settings import VoteSettings

__all__ = [
    "MOVED",
    "Outcomes",
    "ThreatenedRace",
    "margins",
    "margins_by_lists",
    "outcomes",
    "outcomes_by_lists",
]

# A moved distance, or one that went over, is rounded a few times more: its error relative to itself.
MOVED = 4.0 * float(np.finfo(np.float64).eps)

# Moves and distances up to here have squares in units of sigma.
_FARTHEST = 1e100

# Where there are many rows, lists are not asked if they could add no more than this to a probability, as a
# share of it: there they never did.
_NEARLY_MET, _MANY_ROWS = 2e-3, 256


class ThreatenedRace(NamedTuple):
    """A race of one query under a threat: within its budget or, for some numbers of rows, within each.

    Attributes
    ----------
    threat : RaceThreat
    rows : ndarray of int or None
        Increasing numbers of rows in the place of the threat's budget.
    a, b : ndarray
        Increasing distances of the rows under attack, and of all others; widened against the former.
    ranks : tuple of int
        m and m' of the race.
    widening : float
        By how much distances were widened, relative to themselves.
    """

    threat: RaceThreat
    rows: WholeArray | None
    a: FloatArray
    b: FloatArray
    ranks: tuple[int, int]
    widening: float

    @property
    def members_are_budgets(self) -> bool:
        """True: members are different budgets. False: different attacks with the same budget."""
        return self.rows is not None

    def by_lists(self) -> RaceRequest:
        """Return the races of the lists that are left at worst; moves are rounded against A too."""
        crossing = (1.0 - self.widening) ** 2  # what was lengthened is shortened, with one factor for each
        family = self.threat.worst_rows(self.a, self.b, self.rows, crossing=crossing)
        family = family._replace(
            a=family.a._replace(distances=family.a.distances * (1.0 + MOVED)),
            b=family.b._replace(distances=family.b.distances * (1.0 - MOVED)),
        )
        return RaceRequest(family, self.ranks)

    def by_moves(self) -> MovedRequest | None:
        """Return the race of the moved rows, None where they are not all that there is."""
        moves = None if self.rows is not None else self.threat.moved_rows(self.a, self.b)
        if moves is None or moves.radius > _FARTHEST or moves.a.max(initial=0.0) > _FARTHEST:
            return None  # squares would overflow; the lists know what is left then
        if not 0 < moves.rows < len(self.a) + len(self.b) or moves.radius == 0.0:
            return None  # where no row is moved, or every one, the lists are the tables of the attack
        a, b, radius = moves.a * (1.0 + MOVED), moves.b * (1.0 - MOVED), moves.radius * (1.0 + MOVED)
        return MovedRequest(moves._replace(a=a, b=b, radius=radius), self.ranks)


class Outcomes(NamedTuple):
    """What every attack leaves: a lower bound for list A, and an upper one for B, for each member.

    Members that are attacks with one budget may be fewer than those of `ThreatenedRace.by_lists`: the
    smallest lower bound and the largest upper one count. Refuted: under an attack that was found A
    provably has no more than half.
    """

    lower: FloatArray
    upper: FloatArray
    refuted: bool = False


def outcomes(settings: VoteSettings, races: Sequence[ThreatenedRace], tolerance: float) -> list[Outcomes]:
    """Return the best bounds of each race; ``tolerance`` as for `races.evaluate_races`."""
    moved = _by_moves(settings, races, above=0.0)
    found = [None if race is None else _outcomes_of_moves(race) for race in moved]
    rest = [
        k
        for k, race in enumerate(moved)
        if race is None
        or len(races[k].a) + len(races[k].b) < _MANY_ROWS
        or race.gap > _NEARLY_MET * race.attack
    ]
    for k, by_lists in zip(
        rest, outcomes_by_lists(settings, [races[k] for k in rest], tolerance), strict=True
    ):
        better = found[k]
        if better is not None:
            lower = np.maximum(by_lists.lower, better.lower)
            by_lists = Outcomes(lower, np.minimum(by_lists.upper, better.upper), better.refuted)
        found[k] = by_lists
    return [each for each in found if each is not None]


def outcomes_by_lists(
    settings: VoteSettings, races: Sequence[ThreatenedRace], tolerance: float
) -> list[Outcomes]:
    """Return the bounds that the lists alone give."""
    found = evaluate_races(settings, [race.by_lists() for race in races], tolerance)
    return [Outcomes(bounds.lower(), bounds.upper(1)) for bounds in found]


def margins(settings: VoteSettings, races: Sequence[ThreatenedRace]) -> list[FloatArray]:
    """Return a margin for each member of each race, positive where list A provably has more than half.

    It is the normal quantile of the smallest probability, less the bound on its error.
    """
    moved = _by_moves(settings, races, above=0.5)
    found = [None if race is None else race.margin() for race in moved]
    rest = [k for k, race in enumerate(moved) if race is None or not (race.certifies or race.refutes)]
    for k, margin in zip(rest, margins_by_lists(settings, [races[k] for k in rest]), strict=True):
        better = found[k]
        found[k] = margin if better is None else np.maximum(margin, better)
    return [each for each in found if each is not None]


def margins_by_lists(settings: VoteSettings, races: Sequence[ThreatenedRace]) -> list[FloatArray]:
    """Return the margins that the lists alone give."""
    members_are_budgets = bool(races) and races[0].members_are_budgets
    requests = [race.by_lists() for race in races]
    return margins_to_half(settings, requests, members_are_budgets=members_are_budgets)


def _by_moves(
    settings: VoteSettings, races: Sequence[ThreatenedRace], *, above: float
) -> list[MovedRace | None]:
    """Return what moved rows leave to each race, where they are all that there is and the kernel has it."""
    found: list[MovedRace | None] = [None] * len(races)
    if not has_moves(settings):
        return found
    requests = {k: request for k, race in enumerate(races) if (request := race.by_moves()) is not None}
    for k, moved in zip(
        requests, evaluate_moves(settings, list(requests.values()), above=above), strict=True
    ):
        found[k] = moved
    return found


def _outcomes_of_moves(race: MovedRace) -> Outcomes:
    upper = np.nextafter(1.0 - race.lower, np.inf)
    return Outcomes(np.array([race.lower]), np.array([upper]), race.refutes)
