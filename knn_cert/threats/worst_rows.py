"""Lists of the worst case: which distances an attacker leaves to the rows of a class and to all others.

A smoothed K-NN vote of class A against the rest is a race: A wins if and only if its m-th nearest noisy row
comes before the m'-th nearest noisy row of the others, m' = K + 1 - m. The noisy distance of a row grows
stochastically with its distance to the query, and the race is monotone in the distance of every row, so
sorting decides the worst case. With a_1 <= a_2 <= ... the distances of A and b_1 <= b_2 <= ... those of the
others, tampering with at most r rows gives at worst these lists:

==============================  ============================  ============================================
tampering                       list of A                     list of the others
==============================  ============================  ============================================
labels flipped                  drop a_1..a_r                 b and a_1..a_r
rows deleted                    drop a_1..a_r                 b
rows inserted anywhere          a                             b and r zeros
rows replaced                   drop a_1..a_r                 b and r zeros
rows moved by at most eps       min(a_{j+p}, a_j + eps)       max(b_j - eps, b_{j-q}, 0), for p + q = r
... and relabelled at will      drop a_1..a_p                 the same, and max(a_j - eps, 0) for j <= p
query moved by at most eps      a_j + eps                     max(b_j - eps, 0)
==============================  ============================  ============================================

The first four are attained by an attack, so they are exact for two classes; the others are sound. Where rows
may carry labels that the table does not have, m is a strict majority for the first class too (for an even K
the bound is then sound, not exact). Tables keep at least K rows. For moved rows the attacker splits his
budget, p rows of A and q of the others, and the smallest probability over the splits counts. All distances
are in the units of the features.

Where distances are only known to lie between two, those of A are taken as the larger ones and all others as
the smaller; ``crossing`` is the factor that turns the one into the other, for rows that go over.

Functions come in families: one member a race, for each of some increasing ``counts`` of tampered rows or for
each split. Distances ``a`` and ``b`` increase.

What is touched is also set against the rows left alone: while the first touched row comes after the K-th of
the others, the K nearest rows and their labels are those of the untampered table. There the increasing
distances of all rows lie between ``near`` and ``far``; touched rows are taken to be as near as they can be.
"""

from __future__ import annotations

import numpy as np

from .._types import FloatArray, WholeArray
from ..kernels.families import FamilyRows, RaceFamily, join
from ..kernels.moves import MovedRows

__all__ = [
    "after_deletions",
    "after_flips",
    "after_insertions",
    "after_moves",
    "after_moves_on_both_sides",
    "after_query_moved",
    "after_replacements",
    "moved_query",
    "touched_by_insertions",
    "touched_by_moves",
    "touched_by_replacements",
    "touched_rows",
    "untampered",
]


# Up to so many splits of a budget of moved rows are looked at one by one; more are covered by so many ranges.
_MOST_SPLITS = 96


def untampered(a: FloatArray, b: FloatArray) -> RaceFamily:
    """Return the one race of the table as it is."""
    return RaceFamily(1, _in_all(a, 1), _in_all(b, 1))


def after_flips(a: FloatArray, b: FloatArray, counts: WholeArray, crossing: float = 1.0) -> RaceFamily:
    """Return the races after so many labels were flipped."""
    kept, lost = _nearest_lost(a, counts)
    lost = lost._replace(distances=lost.distances * crossing)
    return RaceFamily(len(counts), kept, join(lost, _in_all(b, len(counts))))


def after_deletions(a: FloatArray, b: FloatArray, counts: WholeArray) -> RaceFamily:
    """Return the races after so many rows were deleted."""
    kept, _ = _nearest_lost(a, counts)
    return RaceFamily(len(counts), kept, _in_all(b, len(counts)))


def after_insertions(a: FloatArray, b: FloatArray, counts: WholeArray) -> RaceFamily:
    """Return the races after so many rows were inserted."""
    n_members = len(counts)
    return RaceFamily(n_members, _in_all(a, n_members), join(_at_the_query(counts), _in_all(b, n_members)))


def after_replacements(a: FloatArray, b: FloatArray, counts: WholeArray) -> RaceFamily:
    """Return the races after so many rows were replaced, at most all of them."""
    replaced = np.minimum(counts, len(a) + len(b))
    kept, _ = _nearest_lost(a, replaced)
    return RaceFamily(len(counts), kept, join(_at_the_query(replaced), _in_all(b, len(counts))))


def after_moves(
    a: FloatArray, b: FloatArray, rows: int, radius: float, *, relabel: bool, crossing: float = 1.0
) -> RaceFamily:
    """Return the races after ``rows`` rows were moved by at most ``radius``, one for each split of them."""
    if radius == 0.0 and not relabel:
        rows = 0  # nothing moves, however the budget is split
    p, q = _splits(rows, len(a), len(b))
    others = _moved_in(b, radius, q)
    if relabel:
        kept, lost = _nearest_lost(a, p)
        lost = lost._replace(distances=lost.distances * crossing)
        return RaceFamily(len(p), kept, join(others, _nearer(lost, radius)))
    return RaceFamily(len(p), _moved_out(a, radius, p), others)


def after_moves_on_both_sides(
    a: FloatArray, b: FloatArray, counts: WholeArray, radius: float, *, relabel: bool, crossing: float = 1.0
) -> RaceFamily:
    """Return the races after so many rows of the class, and as many of the others, were moved."""
    n_members = len(counts)
    from_last = _moved_in(b, radius, counts[::-1])
    others = from_last._replace(first=n_members - from_last.end, end=n_members - from_last.first)
    if relabel:
        kept, lost = _nearest_lost(a, counts)
        lost = lost._replace(distances=lost.distances * crossing)
        return RaceFamily(n_members, kept, join(others, _nearer(lost, radius)))
    return RaceFamily(n_members, _moved_out(a, radius, counts), others)


def moved_query(family: RaceFamily, radius: float) -> RaceFamily:
    """Return races with every distance changed by at most the radius, against the class.

    Each list of a training threat bounds, rank by rank, the distances of every table within its budget;
    moving the query changes each of those by at most the radius, and a bound on every rank stays one.
    """
    with np.errstate(over="ignore"):  # infinitely far is far enough
        farther = family.a.distances + radius
    return family._replace(a=family.a._replace(distances=farther), b=_nearer(family.b, radius))


def after_query_moved(moves: MovedRows, radius: float) -> MovedRows | None:
    """Return moved rows whose distances the query has changed before, by at most the radius.

    Moving rows only lengthens distances of A and shortens those of B, whatever they were, and longer and
    shorter distances before are longer and shorter ones after it. None where the query is moved anywhere.
    """
    if not np.isfinite(radius):
        return None
    return moves._replace(a=moves.a + radius, b=np.maximum(moves.b - radius, 0.0))


def touched_rows(near: FloatArray, far: FloatArray, counts: WholeArray) -> RaceFamily:
    """Return so many touched rows that stay where they are, against the rows left alone."""
    return RaceFamily(len(counts), _nearest_lost(near, counts)[1], _nearest_lost(far, counts)[0])


def touched_by_insertions(near: FloatArray, far: FloatArray, counts: WholeArray) -> RaceFamily:
    """Return so many rows at the query, against all rows of the table."""
    return RaceFamily(len(counts), _at_the_query(counts), _in_all(far, len(counts)))


def touched_by_replacements(near: FloatArray, far: FloatArray, counts: WholeArray) -> RaceFamily:
    """Return so many rows before and after they were replaced, against the rows left alone."""
    _, lost = _nearest_lost(near, counts)
    kept, _ = _nearest_lost(far, counts)
    return RaceFamily(len(counts), join(lost, _at_the_query(np.minimum(counts, len(near)))), kept)


def touched_by_moves(
    near: FloatArray, far: FloatArray, rows: int, radius: float, *, relabel: bool
) -> RaceFamily:
    """Return moved rows, as near as they get, against the rows left alone.

    A moved row is before and after no nearer than one that moved straight to the query.
    """
    counts = np.array([0 if radius == 0.0 and not relabel else rows])
    _, lost = _nearest_lost(near, counts)
    return RaceFamily(1, _nearer(lost, radius), _nearest_lost(far, counts)[0])


def _in_all(distances: FloatArray, n_members: int) -> FamilyRows:
    """Return rows that belong to every member."""
    n = len(distances)
    return FamilyRows(distances, np.zeros(n, dtype=np.int64), np.full(n, n_members))


def _nearer(rows: FamilyRows, radius: float) -> FamilyRows:
    """Return rows moved straight to the query."""
    return rows._replace(distances=np.maximum(rows.distances - radius, 0.0))


def _nearest_lost(distances: FloatArray, counts: WholeArray) -> tuple[FamilyRows, FamilyRows]:
    """Return the rows that each member keeps when it loses so many of the nearest, and those lost."""
    n, n_members = len(distances), len(counts)
    loses = np.searchsorted(counts, np.arange(n), side="right")  # the first member that loses row i
    lost = loses < n_members
    kept = FamilyRows(distances, np.zeros(n, dtype=np.int64), loses)
    return kept, FamilyRows(distances[lost], loses[lost], np.full(np.count_nonzero(lost), n_members))


def _at_the_query(counts: WholeArray) -> FamilyRows:
    """Return so many rows at distance zero."""
    n = int(counts[-1])
    return FamilyRows(
        np.zeros(n), np.searchsorted(counts, np.arange(n), side="right"), np.full(n, len(counts))
    )


def _moved_out(a: FloatArray, eps: float, ranks: WholeArray) -> FamilyRows:
    """Return min(a_{j+p}, a_j + eps) for every j, and for each p of some increasing ranks.

    Of the rows of this list max(N - p, M) lie within t, where N rows of a do, and M of those moved by eps.
    Going outwards, a row of a raises that where p <= N - M (as of before it), and a moved row where p >= N -
    M.
    """
    n = len(a)
    with np.errstate(over="ignore"):
        moved = a + eps
    nearer = np.searchsorted(a, moved, side="right")  # rows of a up to each moved row, N
    gap_at_moved = nearer - np.arange(n)
    passed = np.cumsum(np.bincount(nearer, minlength=n + 1))[:n]  # moved rows before each row of a, M
    gap_at_row = np.arange(n) - passed
    zeros, ends = np.zeros(n, dtype=np.int64), np.full(n, len(ranks))
    return join(
        FamilyRows(a, zeros, np.searchsorted(ranks, gap_at_row, side="right")),
        FamilyRows(moved, np.searchsorted(ranks, gap_at_moved, side="left"), ends),
    )


def _moved_in(b: FloatArray, eps: float, ranks: WholeArray) -> FamilyRows:
    """Return max(b_j - eps, b_{j-q}, 0) for every j, and for each q of some decreasing ranks.

    Of the rows of this list min(N + q, M) lie within t, where N rows of b do, and M of those moved by eps.
    Going outwards, a moved row raises that where q > M - N (as of before it), and a row of b where q < M - N.
    """
    n = len(b)
    moved_before = np.searchsorted(b - eps, b, side="right")  # moved rows up to each row of b, M
    gap_at_row = moved_before - np.arange(n)
    passed = np.cumsum(np.bincount(moved_before, minlength=n + 1))[:n]  # rows of b before each moved row, N
    gap_at_moved = np.arange(n) - passed
    zeros, ends = np.zeros(n, dtype=np.int64), np.full(n, len(ranks))
    return join(
        FamilyRows(b, np.searchsorted(-ranks, -gap_at_row, side="right"), ends),
        FamilyRows(np.maximum(b - eps, 0.0), zeros, np.searchsorted(-ranks, -gap_at_moved, side="left")),
    )


def _splits(r: int, n_a: int, n_b: int) -> tuple[WholeArray, WholeArray]:
    """Return numbers (p, q), p increasing, such that every split of r is dominated by one of them.

    More rows never help the target, in either list. So the splits first <= p <= last are all covered by
    (last, r - first).
    """
    first, last = max(0, r - n_b), min(r, n_a)
    if last - first < _MOST_SPLITS:
        p = np.arange(first, last + 1)
        return p, r - p
    ends = np.linspace(first - 1, last, _MOST_SPLITS + 1).astype(int)
    return ends[1:], r - (ends[:-1] + 1)
