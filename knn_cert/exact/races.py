"""Families of races through the kernel: bounds on the probabilities, and how far they are from one half."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from .._types import FloatArray
from ..certificates.issue import RaceBounds
from ..kernels.families import RaceFamily, far_rows, pack
from .search import margin_to_half
from .settings import VoteSettings

__all__ = ["RaceRequest", "bounds_about_half", "evaluate_races", "margins_to_half"]

# Rows of races that are in memory at a time, in bytes; the answers do not depend on it.
_CHUNK_BYTES = 32 * 2**20
# A row of a packed family is five arrays of eight bytes at most.
_BYTES_PER_ROW = 40

# Tolerances of the kernel, tried in turn: probabilities are asked for to the first of these absolute errors,
# and to the next one where the sign of the margin is then undecided.
_TOLERANCES = (1e-3, 1e-6, 0.0)


class RaceRequest(NamedTuple):
    """Races of one query, with m and m' of the race, see `knn_cert.exact.majority`.

    Attributes
    ----------
    family : RaceFamily
    ranks : tuple of int
    more_error : float
        What probabilities may be off besides the errors that the kernel knows.
    """

    family: RaceFamily
    ranks: tuple[int, int]
    more_error: float = 0.0


def evaluate_races(settings: VoteSettings, requests: list[RaceRequest], tolerance: float) -> list[RaceBounds]:
    """Return bounds on both outcomes of every member of every request.

    Parameters
    ----------
    settings : VoteSettings
    requests : list of RaceRequest
    tolerance : float
        Absolute error that is enough; 0 for full relative accuracy.
    """
    answers: list[RaceBounds] = []
    chunk: list[RaceRequest] = []
    size = 0
    for k, request in enumerate(requests):
        chunk.append(request)
        size += _BYTES_PER_ROW * (len(request.family.a.distances) + len(request.family.b.distances))
        if size > _CHUNK_BYTES or k == len(requests) - 1:
            answers += _evaluate_chunk(settings, chunk, tolerance)
            chunk, size = [], 0
    return answers


def margins_to_half(
    settings: VoteSettings, requests: list[RaceRequest], *, members_are_budgets: bool
) -> list[FloatArray]:
    """Return the normal quantile of p - error of each member: positive where A provably has more than half.

    See `bounds_about_half`.
    """
    bounds = bounds_about_half(settings, requests, members_are_budgets=members_are_budgets)
    return [margin_to_half(found.lower()) for found in bounds]


def bounds_about_half(
    settings: VoteSettings, requests: list[RaceRequest], *, members_are_budgets: bool
) -> list[RaceBounds]:
    """Return bounds on the outcomes of every member, close enough to tell whether A has more than half.

    Members are evaluated again with a tighter tolerance where that is undecided. Where members are different
    attacks with one budget, only the smallest has to be decided.
    """
    bounds = evaluate_races(settings, requests, _TOLERANCES[0])
    for tolerance in _TOLERANCES[1:]:
        unclear = [k for k, found in enumerate(bounds) if _is_unclear(found, members_are_budgets)]
        again = evaluate_races(settings, [requests[k] for k in unclear], tolerance)
        for k, found in zip(unclear, again, strict=True):
            bounds[k] = found
    return bounds


def _is_unclear(bounds: RaceBounds, members_are_budgets: bool) -> bool:
    """Whether a member that matters may be on either side of one half."""
    p, error = bounds.p[:, 0], bounds.error[:, 0]
    undecided = bool(np.any(np.abs(p - 0.5) <= error))
    return undecided and (members_are_budgets or not np.any(p + error < 0.5))


def _evaluate_chunk(
    settings: VoteSettings, requests: list[RaceRequest], tolerance: float
) -> list[RaceBounds]:
    m_a, m_b = np.array([request.ranks for request in requests], dtype=np.int64).T
    families = [request.family for request in requests]
    far, evaluate = far_rows(families), settings.kernel.race_families
    if far is not None:
        if settings.kernel.summaries is None:
            raise TypeError(
                f"{settings.kernel.__name__} knows no far rows by sums"
            )  # never left out silently
        arrays, lists, kind = far
        evaluate = partial(settings.kernel.summaries.race_families, far=(arrays, lists), far_kind=kind)
    p, error = evaluate(
        *pack(families),
        np.ascontiguousarray(m_a),
        np.ascontiguousarray(m_b),
        sigma=settings.sigma,
        dof=settings.dof,
        tolerance=tolerance,
        n_threads=settings.n_threads,
    )
    ends = np.cumsum([request.family.n_members for request in requests])
    return [
        RaceBounds(p[end - n : end], error[end - n : end] + request.more_error)
        for request, end, n in zip(requests, ends, np.diff(ends, prepend=0), strict=True)
    ]
