"""Families of races at a block of nodes: every row's law once a node, whatever the number of members.

A member's list is the rows that all members have and the first ones only, times those that the last ones
only have: tallies of the former are kept for each member, from the last one down; the latter grow with the
member. Of the product of both only one coefficient is asked for: O(D) per member and node.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .jit import inner, kernel
from .limits import NODES, by_law
from .tallies import add_rows, start_tally, tally_size

# What is found for each member and list: four sums of the weighted density of "this list wins", over every
# fourth node; what they may err by the law; P(the list is complete) at the first node; P(neither list is)
# at the last one.
PHASES, LAW, BELOW, ABOVE = 0, 4, 5, 6
ANSWERS = 7

# Members of a family that, without noise, are decided farther apart than this (in sigma) have little in common.
_TOGETHER = 4.0


@inner
def _arrival(one, two, degree, out):
    """A[D - 1] of the product of two tallies to out[0 :], and G[0] + ... + G[D - 1] to out[NODES :]."""
    n, a = NODES, degree * NODES
    for j in range(2 * NODES):
        out[j] = 0.0
    for j in range(NODES):
        out[2 * n + j] = 0.0
    for k in range(degree):
        own, rest = k * n, (degree - 1 - k) * n
        for j in range(NODES):  # G[0] + ... + G[k] of the second
            out[2 * n + j] += two[own + j]
        for j in range(NODES):
            out[j] += one[a + rest + j] * two[own + j] + one[rest + j] * two[a + own + j]
        for j in range(NODES):
            out[n + j] += one[rest + j] * out[2 * n + j]


@inner
def _complete(one, two, degree):
    """P(at least D rows), D = degree, at the first node."""
    at_least = two[(2 * degree + 1) * NODES]
    total = one[(2 * degree + 1) * NODES]
    for k in range(degree):  # D - 1 - k rows of the first, k + 1 or more of the second
        total += one[(degree - 1 - k) * NODES] * (at_least + _from(two, k + 1, degree))
    return min(1.0, total)


@inner
def _from(tally, k, degree):
    """G[k] + ... + G[D - 1] at the first node."""
    total = 0.0
    for i in range(degree - 1, k - 1, -1):
        total += tally[i * NODES]
    return total


@kernel
def race_block(block, rows, offsets, degrees, n_members, weight, work, kept, growing, arrivals, answers):
    """All members of a family at one block -> answers[member][list]; -1, or a row whose cell is missing.

    offsets: of the rows of each list by kind: those of all members; of members 0 .. m, m from the last but
    one down; of members from m on, m from 1 up.
    """
    limits = np.empty(2)
    n_kinds = 2 * n_members - 1
    for c in range(2):
        degree, first = degrees[c], c * n_kinds
        size = tally_size(degree)
        limits[0] = -1.0
        for member in range(n_members - 1, -1, -1):
            tally = kept[c, member]
            if member == n_members - 1:
                start_tally(tally, degree)
            else:
                for j in range(size):
                    tally[j] = kept[c, member + 1, j]
            at = first + n_members - 1 - member
            missing = add_rows(block, rows, offsets[at], offsets[at + 1], degree, tally, work, limits)
            if missing >= 0:
                return missing
        start_tally(growing[c], degree)
        arrivals[c, 4 * NODES] = limits[0]
        arrivals[c, 4 * NODES + 1] = limits[1]
    decided = float(degrees[0] + degrees[1] - 1)
    for member in range(n_members):
        for c in range(2):
            degree, at = degrees[c], c * n_kinds + n_members - 1 + member
            if member > 0:
                limits[0], limits[1] = arrivals[c, 4 * NODES], arrivals[c, 4 * NODES + 1]
                missing = add_rows(
                    block, rows, offsets[at], offsets[at + 1], degree, growing[c], work, limits
                )
                if missing >= 0:
                    return missing
            _arrival(kept[c, member], growing[c], degree, arrivals[c])
            mean = 2 * degree * NODES
            for j in range(NODES):
                arrivals[c, 3 * NODES + j] = kept[c, member, mean + j] + growing[c, mean + j]
            answers[member, c, BELOW] = _complete(kept[c, member], growing[c], degree)
        for c in range(2):
            for i in range(LAW + 1):
                answers[member, c, i] = 0.0
            for j in range(NODES):
                density = weight[j] * (arrivals[c, j] * arrivals[1 - c, NODES + j])
                if density > 0.0:
                    mean = arrivals[0, 3 * NODES + j] + arrivals[1, 3 * NODES + j]
                    answers[member, c, j % 4] += density
                    answers[member, c, LAW] += density * by_law(decided, mean)
            answers[member, c, ABOVE] = arrivals[0, 2 * NODES - 1] * arrivals[1, 2 * NODES - 1]
    return -1


@kernel
def arrivals_without_noise(s, first, end, degree, out):
    """out[m] = the s of the degree-th row of member m, infinite if there are fewer; the rows sorted by s."""
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

    def __init__(
        self,
        s: NDArray[np.float64],
        offsets: NDArray[np.int64],
        n_members: int,
        degrees: tuple[int, int],
        decided: float,
    ):
        self.s, self.decided = s, decided
        self.n_neighbors = degrees[0] + degrees[1] - 1
        self.shape = (n_members, 2)
        self.possible = np.ones(self.shape, dtype=bool)
        self.tally_size = tally_size.py_func(max(degrees))
        self._offsets, self._degrees = offsets, np.array(degrees, dtype=np.int64)
        self._scratch = (
            np.empty((2, n_members, self.tally_size)),
            np.empty((2, self.tally_size)),
            np.empty((2, 4 * NODES + 2)),
        )
        self._answers = np.empty((*self.shape, ANSWERS))

    def at_block(self, block: tuple, rows: tuple, weight, work: tuple) -> tuple[int, NDArray[np.float64]]:
        """Return the first row whose cell is missing, or -1, and the answers."""
        missing = race_block(
            block, rows, self._offsets, self._degrees, self.shape[0], weight, work, *self._scratch, self._answers
        )
        return missing, self._answers


def family_parts(s, is_b, first, end, n_members: int, degrees: tuple[int, int]):
    """Take a family apart where its members are decided far from one another; yield (members, RaceFamily).

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
