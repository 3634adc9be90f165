"""Families of races whose lists are made of the same rows: how they are described, packed and taken apart.

Worst cases of tampering differ by a few rows from one another: each of n members is a race, and each row is
in the members 0..e-1 or in the members f..n-1, for some e or f. The native kernel works a whole family out in
the time of a few races.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np


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
    """One race a member: the rows of list A and those of list B."""

    n_members: int
    a: FamilyRows
    b: FamilyRows


class PackedFamilies(NamedTuple):
    """Families as the kernels take them, in the order of their arguments."""

    distances: np.ndarray
    first: np.ndarray
    end: np.ndarray
    start: np.ndarray  # of list A of family f at 2 f, of list B at 2 f + 1
    n_members: np.ndarray


def one_race(a: np.ndarray, b: np.ndarray) -> RaceFamily:
    """The one race of two lists, as a family."""
    return RaceFamily(
        1, *(FamilyRows(side, np.zeros(len(side), int), np.ones(len(side), int)) for side in (a, b))
    )


def join(*lists: FamilyRows) -> FamilyRows:
    """The rows of several lists as one."""
    return FamilyRows(*(np.concatenate(columns) for columns in zip(*lists, strict=True)))


def pack(families: Sequence[RaceFamily]) -> PackedFamilies:
    """Put families, at least one of them, into flat arrays."""
    lists = []
    for family in families:
        for side in (family.a, family.b):
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


def members(packed: PackedFamilies) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Take families apart: yield (family, distances of A, of B) for each member of each of them."""
    for family, n_members in enumerate(packed.n_members.tolist()):
        start_a, start_b, end_b = packed.start[2 * family : 2 * family + 3].tolist()
        rows = FamilyRows(packed.distances, packed.first, packed.end)
        a = FamilyRows(*(column[start_a:start_b] for column in rows))
        b = FamilyRows(*(column[start_b:end_b] for column in rows))
        for member in range(n_members):
            yield family, a.of_member(member), b.of_member(member)
