"""What must hold before a frontier is printed: certificates against each other and against real attacks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..common.choice import Candidate, Column
from ..common.report import require
from ..rivals.count_certificate import plain_votes
from .study import (
    DELETED,
    FLIPS,
    INSERTED,
    MOVE,
    MOVED,
    RELABELLED,
    REPLACED,
    SHARES,
    share_name,
)

# What allows more, and what it covers.
_COVERS = (
    (REPLACED, FLIPS),
    (REPLACED, DELETED),
    (REPLACED, INSERTED),
    (REPLACED, RELABELLED),
    (RELABELLED, MOVED),
    (RELABELLED, FLIPS),
)

_SPLITS = 16  # of the moved rows between those of the class and those of the rival


def check_order(candidates: Iterable[Candidate]) -> None:
    """Require that more rows, or a threat that allows more, certify no more.

    Raises
    ------
    Disagreement
        If they do.
    """
    for one in candidates:
        for (threat, budget), holds in one.holds.items():
            covered = [Column(less, budget) for more, less in _COVERS if more == threat]
            budgets = [column.budget for column in one.holds if column.threat == threat]
            place = budgets.index(budget)
            if place:
                covered.append(Column(threat, budgets[place - 1]))
            for column in covered:
                if column in one.holds:
                    wrong = np.flatnonzero(one.right & holds & ~one.holds[column])
                    what = f"{one.family}, {one.setting}: {threat} {budget} certified, {column} not"
                    require(not wrong.size, f"{what}, queries {wrong}")


def check_counts(plain: Sequence[Candidate], counted: Sequence[Candidate], ties: np.ndarray) -> None:
    """Require that plain K-NN withstands as many replaced rows as the count certificate says.

    Both are exact there. Flipped labels may be certified further, and are not for two classes.

    Parameters
    ----------
    plain, counted : sequence of Candidate
        The same settings of the package and of the count certificate.
    ties : ndarray of bool, shape (m, settings)
        Queries with rows at the same distance about the K-th: there the package takes the worst order, and
        the count certificate that of the table.
    """
    for one, other, tied in zip(plain, counted, ties.T, strict=True):
        require(one.setting == other.setting, f"{one.setting} is not {other.setting}")
        require(np.array_equal(one.right[~tied], other.right[~tied]), f"{one.setting}: other predictions")
        for column, survived in other.holds.items():
            holds = one.right & one.holds[column]
            fewer = np.flatnonzero(~tied & one.right & survived & ~holds)
            if column.threat in (REPLACED, FLIPS):
                require(not fewer.size, f"{one.setting}, {column}: fewer than the counts, queries {fewer}")
            if column.threat == REPLACED:
                more = np.flatnonzero(holds & ~survived)
                require(not more.size, f"{one.setting}, {column}: more than the counts, queries {more}")


def tied_at(distances: np.ndarray, n_neighbors: Sequence[int]) -> np.ndarray:
    """Whether two rows about the K-th have the same distance, for each query and K."""
    ordered = np.sort(distances, axis=1)
    last = ordered.shape[1] - 1
    ties = [
        np.isclose(ordered[:, k - 1], ordered[:, min(k, last)], rtol=1e-9) if k <= last else ordered[:, 0] < 0
        for k in n_neighbors
    ]
    return np.stack(ties, axis=1)


class CarriedOut(NamedTuple):
    """Attacks carried out on predictions that are right and not certified, and how many of them worked."""

    tried: int
    worked: int


def carry_out(
    plain: Mapping[int, Candidate], distances: np.ndarray, labels: np.ndarray, n_classes: int, n_queries: int
) -> dict[str, CarriedOut]:
    """Attack plain K-NN, its predictions counted anew from the tampered distances.

    Parameters
    ----------
    plain : mapping of int to Candidate
        By K.
    distances : ndarray of shape (m, n)
    labels : ndarray of int, shape (n,)
        Classes 0..C-1.
    n_classes : int
        C.
    n_queries : int
        The first so many are attacked.

    Raises
    ------
    Disagreement
        If an attack within the budget changes a certified prediction.
    """
    counts: dict[str, CarriedOut] = {}
    for (k, one), share, i in itertools.product(plain.items(), SHARES, range(n_queries)):
        votes = plain_votes(distances[i : i + 1], labels, n_neighbors=k, n_classes=n_classes)[0]
        label = int(votes.argmax())
        rivals = [c for c in np.argsort(-votes, kind="stable") if c != label][:2]
        rows = math.ceil(share * len(labels))
        for threat in (FLIPS, REPLACED, DELETED, INSERTED, MOVED, RELABELLED):
            changed = False
            for rival in rivals:
                for places, classes in _attacks(threat, distances[i], labels, label, int(rival), rows, k):
                    got = plain_votes(places[None, :], classes, n_neighbors=k, n_classes=n_classes)
                    changed = changed or int(got.argmax()) != label
            certified = bool(one.holds[Column(threat, share_name(share))][i] and one.right[i])
            what = f"{one.family}, {one.setting}, {threat} {share_name(share)}, query {i}"
            require(not (certified and changed), f"{what}: certified, and an attack changes it")
            if one.right[i] and not certified:
                tried, worked = counts.get(threat, CarriedOut(0, 0))
                counts[threat] = CarriedOut(tried + 1, worked + changed)
    return counts


def _attacks(
    threat: str, distances: np.ndarray, labels: np.ndarray, label: int, rival: int, rows: int, k: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield distances and labels of tampered tables, the worst for two classes."""
    order = np.argsort(distances, kind="stable")
    every_own, others = order[labels[order] == label], order[labels[order] == rival]
    own = every_own[:rows]
    classes = labels.copy()
    if threat == FLIPS:
        classes[own] = rival
        yield distances, classes
    elif threat == DELETED:
        yield np.delete(distances, own), np.delete(labels, own)
    elif threat == INSERTED:
        yield np.r_[np.zeros(rows), distances], np.r_[np.full(rows, rival), labels]
    elif threat == REPLACED:
        places = distances.copy()
        places[own], classes[own] = -1.0, rival  # before any other, however near
        yield places, classes
    elif threat == RELABELLED:
        places = distances.copy()
        places[own], classes[own] = np.maximum(distances[own] - MOVE, 0.0), rival
        yield places, classes
    else:
        # The prediction falls when the m-th row of the class is no nearer than the (K+1-m)-th of the rival:
        # rows from the m-th on go away, and those of the rival up to its rank come near.
        m = (k + 1) // 2
        for away in sorted({*np.linspace(0, rows, _SPLITS + 1).astype(int)}):
            places = distances.copy()
            places[every_own[m - 1 : m - 1 + away]] += MOVE
            near = others[max(k + 1 - m - (rows - away), 0) : k + 1 - m]
            places[near] = np.maximum(distances[near] - MOVE, 0.0)
            yield places, labels
