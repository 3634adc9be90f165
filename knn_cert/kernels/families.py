"""Families of races whose lists are made of the same rows: how they are described, packed and taken apart.

Worst cases of tampering differ by a few rows from one another: each of n members is a race, and each row is
in the members 0..e-1 or in the members f..n-1, for some e or f. The native kernel works a whole family out in
the time of a few races.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .summaries import FarRows, SummaryArrays


class FamilyRows(NamedTuple):
    """Rows of one list: row i belongs to the members first[i], ..., end[i] - 1.

    Attributes
    ----------
    distances : ndarray of shape (n_rows,)
        In any order, in the units of the features. A row at infinity never arrives.
    first, end : ndarray of int, shape (n_rows,)
        Between 0 and the number of members; first[i] is 0 or end[i] the number of members.
    """

    distances: np.ndarray
    first: np.ndarray
    end: np.ndarray

    def of_member(self, member: int) -> np.ndarray:
        return self.distances[(self.first <= member) & (member < self.end)]


class RaceFamily(NamedTuple):
    """One race a member: the rows of list A and those of list B, and far rows of every member, if any."""

    n_members: int
    a: FamilyRows
    b: FamilyRows
    far: FarRows | None = None


class PairFamily(NamedTuple):
    """One pair a member: the rows of a class A, those of a rival and all others; whoever has more votes wins.

    Attributes
    ----------
    n_members : int
    a, rival, others : FamilyRows
    lead : int
        1 where the rival needs more of the K votes than A has, 0 where as many will do.
    """

    n_members: int
    a: FamilyRows
    rival: FamilyRows
    others: FamilyRows
    lead: int


class PackedFamilies(NamedTuple):
    """Families as the kernels take them, in the order of their arguments.

    ``start[k]`` is where list k begins: two of each family of races, three of each family of pairs.
    """

    distances: np.ndarray
    first: np.ndarray
    end: np.ndarray
    start: np.ndarray
    n_members: np.ndarray


def one_race(a: np.ndarray, b: np.ndarray) -> RaceFamily:
    """The one race of two lists, as a family."""
    in_both = [FamilyRows(side, np.zeros(len(side), int), np.ones(len(side), int)) for side in (a, b)]
    return RaceFamily(1, in_both[0], in_both[1])


def join(*lists: FamilyRows) -> FamilyRows:
    """The rows of several lists as one."""
    return FamilyRows(*(np.concatenate(columns) for columns in zip(*lists, strict=True)))


def pack(families: Sequence[RaceFamily]) -> PackedFamilies:
    """Put families, at least one of them, into flat arrays."""
    return _pack([side for family in families for side in (family.a, family.b)], families)


def far_rows(families: Sequence[RaceFamily]) -> tuple[SummaryArrays, np.ndarray, str] | None:
    """Return the far rows of families, the list of each side and their kind; None where there are none.

    All of them are lists of the same summaries.
    """
    known = [family.far for family in families if family.far is not None]
    if not known:
        return None
    lists = [[-1, -1] if family.far is None else [family.far.a, family.far.b] for family in families]
    return known[0].summaries, np.array(lists, dtype=np.int64).ravel(), known[0].kind


def pack_pairs(families: Sequence[PairFamily]) -> PackedFamilies:
    """Put families of pairs, at least one of them, into flat arrays."""
    return _pack([side for family in families for side in (family.a, family.rival, family.others)], families)


def _pack(sides: list[FamilyRows], families: Sequence[RaceFamily | PairFamily]) -> PackedFamilies:
    """Put the lists of families, those of each one after the other, into flat arrays."""
    lists = []
    for side in sides:
        arrives = np.isfinite(side.distances)
        lists.append(side if arrives.all() else FamilyRows(*(column[arrives] for column in side)))
    rows = join(*lists)
    return PackedFamilies(
        distances=rows.distances,
        first=rows.first.astype(np.int64, copy=False),
        end=rows.end.astype(np.int64, copy=False),
        start=np.cumsum([0, *(len(side.distances) for side in lists)]).astype(np.int64),
        n_members=np.array([family.n_members for family in families], dtype=np.int64),
    )


def members(packed: PackedFamilies, n_lists: int = 2) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Take families apart: yield (family, distances of each of its lists) for each member of each of them."""
    rows = FamilyRows(packed.distances, packed.first, packed.end)
    for family, n_members in enumerate(packed.n_members.tolist()):
        ends = packed.start[n_lists * family : n_lists * (family + 1) + 1].tolist()
        lists = [
            FamilyRows(*(column[start:stop] for column in rows))
            for start, stop in zip(ends[:-1], ends[1:], strict=True)
        ]
        for member in range(n_members):
            yield family, [of_list.of_member(member) for of_list in lists]
