"""Families of races at a block of nodes: every row's law once a node, whatever the number of members.

A member's list is the rows that all members have and the first ones only, times those that the last ones
only have: tallies of the former are kept for each member, from the last one down; the latter grow with the
member. Of the product of both only one coefficient is asked for: O(D) per member and node.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .far import FarRows
from .jit import inner, kernel
from .law import NODES
from .law_table import Array
from .tallies import FAR_ERROR, add_rows, start_far, start_tally, tally_size

# What is found for each member and list: four sums of the weighted density of "this list wins", over every
# fourth node; what they may err by the law, and by the sums over far rows; P(the list is complete) at the
# first node; P(neither list is) at the last one.
LAW, FAR, BELOW, ABOVE = 4, 5, 6, 7
ANSWERS = 8

# Relative error of f and of the smaller one of F and U, to which the other is the complement: measured
# (tests), not proven.
LAW_ERROR = 1e-12

# Members of a family that without noise are decided farther apart than this (in sigma) share little.
_TOGETHER = 4.0
# Far rows are those of all members but so many nearest of each list, where there are twice as many and not
# more powers than this.
_FEWEST_NEAR, _MOST_POWERS = 32, 12


@inner
def by_law(deciding_arrival, mean):
    """Bound the relative error by the law of a product of F of at most K rows and U of all others.

    `mean` bounds the sum of F over the rows. A row inside errs by LAW_ERROR; a row outside by that, or by F
    / U times that where U is the complement, which it is for F <= 3/4 at most: by 4 F LAW_ERROR either way.
    """
    return math.expm1(LAW_ERROR * (deciding_arrival + 1.0 + 4.0 * mean))


@inner
def _arrival(one, two, degree, out):
    """Write A[D - 1] of the product of two tallies, G[0] + ... + G[D - 1] and the expected number to out."""
    n, a = NODES, degree * NODES
    for j in range(NODES):
        out[j] = out[n + j] = out[3 * n + j] = 0.0
        out[2 * n + j] = one[2 * a + j] + two[2 * a + j]
    for k in range(degree):
        own, rest = k * n, (degree - 1 - k) * n
        for j in range(NODES):
            out[3 * n + j] += two[own + j]  # G[0] + ... + G[k] of the second
            out[j] += one[a + rest + j] * two[own + j] + one[rest + j] * two[a + own + j]
            out[n + j] += one[rest + j] * out[3 * n + j]


@inner
def _complete(one, two, degree):
    """Return P(at least D rows), D = degree, at the first node."""
    at_least = two[(2 * degree + 1) * NODES]
    total = one[(2 * degree + 1) * NODES]
    for k in range(degree - 1, -1, -1):  # D - 1 - k rows of the first, k + 1 or more of the second
        total += one[(degree - 1 - k) * NODES] * at_least
        at_least += two[k * NODES]
    return min(1.0, total)


@kernel
def race_block(rows, offsets, degrees, weight, n_tallies, sums, kept, growing, arrivals, answers):
    """Work out all members of a family at one block -> answers[member][list].

    offsets: of the rows of each list by kind: those of all members; of members 0 .. m, m from the last but
    one down; of members from m on, m from 1 up. Two tallies if there are far rows, one if not.
    """
    n_members = answers.shape[0]
    n_kinds = 2 * n_members - 1
    for c in range(2):
        degree, last = degrees[c], n_members - 1
        for which in range(n_tallies):
            if n_tallies == 1:
                start_tally(kept[c, last, which], degree)
            else:
                start_far(sums[which, c], sums[0, c, 0], degree, 1.0 - 2.0 * which, kept[c, last, which])
            start_tally(growing[c, which], degree)
        for member in range(last, -1, -1):
            if member < last:
                for which in range(n_tallies):
                    for j in range(tally_size(degree)):
                        kept[c, member, which, j] = kept[c, member + 1, which, j]
            at = c * n_kinds + last - member
            add_rows(rows, offsets[at], offsets[at + 1], degree, kept[c, member], n_tallies)
    arrival = float(degrees[0] + degrees[1] - 1)
    bounding = n_tallies - 1
    for member in range(n_members):
        for c in range(2):
            at = c * n_kinds + n_members - 1 + member
            if member > 0:
                add_rows(rows, offsets[at], offsets[at + 1], degrees[c], growing[c], n_tallies)
            for which in range(n_tallies):
                _arrival(kept[c, member, which], growing[c, which], degrees[c], arrivals[which, c])
            answers[member, c, BELOW] = _complete(kept[c, member, bounding], growing[c, bounding], degrees[c])
        for c in range(2):
            for i in range(BELOW):
                answers[member, c, i] = 0.0
            for j in range(NODES):
                density = weight[j] * (arrivals[0, c, j] * arrivals[0, 1 - c, NODES + j])
                mean = arrivals[0, 0, 2 * NODES + j] + arrivals[0, 1, 2 * NODES + j]
                answers[member, c, j % 4] += density
                answers[member, c, LAW] += abs(density) * by_law(arrival, mean)
                if n_tallies == 2:  # by the powers of S and T, and by log U
                    share = FAR_ERROR * (2.0 * arrival + 4.0 + sums[1, 0, 0, j] + sums[1, 1, 0, j])
                    bound = arrivals[1, c, j] * arrivals[1, 1 - c, NODES + j]
                    answers[member, c, FAR] += weight[j] * bound * share
            last = 2 * NODES - 1
            answers[member, c, ABOVE] = min(1.0, arrivals[bounding, 0, last] * arrivals[bounding, 1, last])


@kernel
def arrivals_without_noise(s, first, end, degree, out):
    """Set out[m] to the s of the degree-th row of member m, infinite if there are fewer; s is sorted."""
    for member in range(out.size):
        out[member] = math.inf
        n = 0
        for i in range(s.size):
            if first[i] <= member < end[i]:
                n += 1
                if n == degree:
                    out[member] = s[i]
                    break


class RaceFamily:
    """A family as `continuous.integrate` asks for it.

    Parameters
    ----------
    s : ndarray of shape (n_rows,)
        Distance / sigma, by list and kind of row (`race_block`), sorted within each.
    offsets : ndarray of int64, shape (2 (2 n_members - 1) + 1,)
        Where the rows of each list and kind begin.
    degrees : (m_a, m_b)
        The m_a-th row of list 0 races against the m_b-th of list 1; in each member both lists have so many.
    decided : float
        Where, without noise, the first of the members that is decided last is decided.
    """

    def __init__(self, s: Array, offsets, n_members: int, degrees: tuple[int, int], decided: float):
        self.n_rows, self.decided = s.size, decided
        self.n_neighbors = degrees[0] + degrees[1] - 1
        self.shape = (n_members, 2)
        self.possible = np.ones(self.shape, dtype=bool)
        self._s, self._offsets, self._degrees = s, np.asarray(offsets), np.array(degrees, dtype=np.int64)

    def ways(self) -> Iterator[tuple[Array, FarRows | None]]:
        """Yield what to count one by one and the far rows, the faster way first; see `use`."""
        n_kinds = 2 * self.shape[0] - 1
        starts = self._offsets[[0, n_kinds]]
        counts = self._offsets[[1, n_kinds + 1]] - starts
        most = int(self._degrees.max())
        n_near = max(_FEWEST_NEAR, 8 * most)
        if most <= _MOST_POWERS and counts.min() >= 2 * n_near:
            far = [np.arange(start + n_near, start + n) for start, n in zip(starts, counts, strict=True)]
            yield np.delete(self._s, np.concatenate(far)), FarRows([self._s[rows] for rows in far], most)
        yield self._s, None

    def use(self, far: FarRows | None) -> None:
        """Prepare for blocks with the rows of one of the `ways`."""
        self._far, self._near_offsets, n_members = far, self._offsets.copy(), self.shape[0]
        if far is not None:
            n_kinds = 2 * n_members - 1
            self._near_offsets[1:] -= int(far.counts[0])
            self._near_offsets[n_kinds + 1 :] -= int(far.counts[1])
        n_tallies, room = 1 if far is None else 2, tally_size.py_func(int(self._degrees.max()))
        self._scratch = (
            np.empty((2, n_members, n_tallies, room)),
            np.empty((2, n_tallies, room)),
            np.empty((n_tallies, 2, 4 * NODES)),
            np.empty((*self.shape, ANSWERS)),
        )

    def at_block(self, law, block, rows: tuple, weight: Array) -> Array:
        """Return the answers."""
        sums = np.empty((0, 0, 0, 0)) if self._far is None else self._far.sums(law, block)
        n_tallies = 1 if self._far is None else 2
        race_block(rows, self._near_offsets, self._degrees, weight, n_tallies, sums, *self._scratch)
        return self._scratch[-1]


def family_parts(
    s, is_b, first, end, n_members: int, degrees: tuple[int, int]
) -> Iterator[tuple[slice, RaceFamily]]:
    """Take a family apart where its members are decided far from one another.

    Members of which a list is too short are left out: those races are decided.
    """
    order = np.lexsort((s, is_b))
    s, first, end = s[order], first[order], end[order]
    n_a = s.size - int(np.count_nonzero(is_b))
    decided = np.empty((2, n_members))
    for c, part in enumerate((slice(0, n_a), slice(n_a, None))):
        arrivals_without_noise(s[part], first[part], end[part], degrees[c], decided[c])
    runs = np.all(np.isfinite(decided), axis=0)
    decided = decided.min(axis=0)
    member = 0
    while member < n_members:
        stop = member + 1
        if runs[member]:
            while stop < n_members and runs[stop] and abs(decided[stop] - decided[member]) <= _TOGETHER:
                stop += 1
            n = stop - member
            begins, ends = np.clip(first - member, 0, n), np.clip(end - member, 0, n)
            kind = np.where(begins == 0, n - ends, n - 1 + begins)
            kind[n_a:] += 2 * n - 1
            rows = np.flatnonzero(begins < ends)
            rows = rows[np.argsort(kind[rows], kind="stable")]
            offsets = np.searchsorted(kind[rows], np.arange(4 * n - 1))
            yield slice(member, stop), RaceFamily(s[rows], offsets, n, degrees, decided[member:stop].max())
        member = stop
