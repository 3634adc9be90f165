"""Oracle of K-NN without noise, never importing the package: every set of K rows, for many tables at once.

A set of K rows can be the K nearest if none of them is farther than a row outside. So an attack must bring
the rows of a set that votes for another class within some t and all others beyond it; with any rows that move
and any errors of distances, each set is the worst for itself: near rows are as near as can be, others as far.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np
from naive_plain import vote


def losing_sets(labels, n_neighbors, target):
    """Which rows are in each set of K that does not vote for the target: an array (sets, n) of bool."""
    n = len(labels)
    chosen = itertools.combinations(range(n), n_neighbors)
    sets = [one for one in chosen if vote([labels[i] for i in one]) != target]
    inside = np.zeros((len(sets), n), dtype=bool)
    for line, one in zip(inside, sets, strict=True):
        line[list(one)] = True
    return inside


def _worst(distances, inside, error):
    """Distances (tables, sets, n), each as the errors make it best for its set."""
    distances = np.asarray(distances, dtype=float)[:, None]
    return np.where(inside, distances * (1.0 - error), distances / (1.0 - error))


def shift_limits(distances, inside, error=0.0):
    """The least radii at which at most 0, 1, ..., n rows can be moved for a set to be the nearest.

    Each row of the set that moves comes, each other one leaves: a row at d_i in the set is as near as one at
    d_j outside from the radius (d_i - d_j) / (number of them that move) on. An array (n + 1, tables).
    """
    n = inside.shape[1]
    moved = np.array(list(itertools.product([0, 1], repeat=n)))
    limits = np.full((n + 1, len(distances)), np.inf)
    for line in inside:
        worst = _worst(distances, line, error)[:, 0]
        gaps = worst[:, line, None] - worst[:, None, ~line]
        n_moved = moved[:, line, None] + moved[:, None, ~line]
        with np.errstate(divide="ignore", invalid="ignore"):  # no set of all rows has a gap
            radii = np.where(gaps[:, None] <= 0, 0.0, gaps[:, None] / n_moved)
        radii = radii.reshape(*radii.shape[:2], -1).max(axis=2, initial=0.0)
        for rows in range(n + 1):
            few = moved.sum(axis=1) <= rows
            limits[rows] = np.minimum(limits[rows], radii[:, few].min(axis=1))
    return limits


def ball_limits(distances, inside, error=0.0):
    """The least L2 norms of changes of all distances with which a set is the nearest, (tables,).

    All rows of the set beyond some t move in to it, and all others within it out to it. Between neighbouring
    distances the sum of squares is least at the mean of those that move, or at an end.
    """
    worst = _worst(distances, inside, error)
    ends = np.sort(worst, axis=2)
    least = np.full(worst.shape[:2], np.inf)
    for low, high in itertools.pairwise(np.moveaxis(ends, 2, 0)):
        comes, goes = inside & (worst >= high[..., None]), ~inside & (worst <= low[..., None])
        moves = comes | goes
        mean = (worst * moves).sum(axis=2) / np.maximum(moves.sum(axis=2), 1)
        t = np.clip(mean, low, high)[..., None]
        moved = np.where(inside, np.maximum(worst - t, 0.0), np.maximum(t - worst, 0.0))
        least = np.minimum(least, (moved**2).sum(axis=2))
    if worst.shape[2] == 1 or not len(inside):
        least = np.where(inside.all(axis=1), 0.0, least)
    return np.sqrt(least.min(axis=1, initial=np.inf))


@functools.cache
def _can_lose(labels, added, flipped, target, alphabet):
    """Whether votes are lost after so many new ones, and so many that are changed."""
    for kept in set(itertools.combinations(labels, len(labels) - flipped)):
        for new in itertools.combinations_with_replacement(alphabet, added + flipped):
            if vote([*kept, *new]) != target:
                return True
    return False


def query_limits(
    distances, labels, n_neighbors, target, alphabet, error=0.0, *, added=0, removed=0, flipped=0
):
    """The least moves of the query after rows were added at it, removed or given other labels, (tables,).

    A move by q brings every row of a set nearer by q and every other one farther. With so many rows added, a
    set of K is one of fewer old rows; the nearest ones outside are those to remove.
    """
    distances, labels = np.asarray(distances, dtype=float), list(labels)
    n = len(labels)
    limits = np.full(len(distances), np.inf)
    for old in itertools.combinations(range(n), n_neighbors - added):
        few = min(flipped, len(old))
        if not _can_lose(tuple(sorted(labels[i] for i in old)), added, few, target, alphabet):
            continue
        rest = np.sort(distances[:, [i for i in range(n) if i not in old]], axis=1) / (1.0 - error)
        first = rest[:, removed] if removed < rest.shape[1] else np.inf
        last = distances[:, old].max(axis=1, initial=0.0) * (1.0 - error)
        limits = np.minimum(limits, np.maximum((last - first) / 2.0, 0.0))
    return limits


def limits_after_moves(distances, inside, rows, radius, error=0.0):
    """The least moves of the query after so many rows were moved by at most a radius each, (tables,)."""
    n = inside.shape[1]
    moved = np.array([m for m in itertools.product([0, 1], repeat=n) if sum(m) <= rows])
    limits = np.full(len(distances), np.inf)
    for line in inside:
        worst = _worst(distances, line, error)[:, 0]
        gaps = worst[:, line, None] - worst[:, None, ~line]
        n_moved = moved[:, line, None] + moved[:, None, ~line]
        gaps = gaps[:, None] - radius * n_moved
        limits = np.minimum(
            limits, gaps.reshape(*gaps.shape[:2], -1).max(axis=2, initial=0.0).min(axis=1) / 2.0
        )
    return limits
