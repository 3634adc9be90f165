"""Counting polynomials of rows at a block of nodes: how many of a list lie within, and with one at the node.

G[k] = P(k rows within t), the coefficients of prod (U_i + F_i z), and A[k] = density of "a row at t, k others
within". One row more, by sums of positive products only: A[k] <- U A[k] + F A[k-1] + f G[k]; G[k] <- U G[k] +
F G[k-1]. A tally is a flat array [4][row of numbers]: G, A, and then the expected number of rows within and
P(the list holds at least D rows), D being the number of powers that are kept.
"""

from __future__ import annotations

import numpy as np

from .jit import inner
from .law_table import BEYOND, MISSING, row_law
from .limits import NODES

# Relative change of a list's polynomials by the rows left out of a tally.
SKIP = 1e-15


@inner
def tally_size(degree):
    """Doubles of a tally that keeps that many powers."""
    return (2 * degree + 2) * NODES


@inner
def start_tally(tally, degree):
    """No rows."""
    for j in range(tally_size(degree)):
        tally[j] = 1.0 if j < NODES else 0.0


@inner
def _add_row(old, new, degree, law):
    """The tally with one row more; into other memory, as the compiler then sees that all nodes go together."""
    n, a = NODES, degree * NODES
    for j in range(NODES):
        new[2 * a + j] = old[2 * a + j] + law[j]
    for j in range(NODES):
        new[2 * a + n + j] = old[2 * a + n + j] + law[j] * old[a - n + j]
    for j in range(NODES):
        new[a + j] = law[n + j] * old[a + j] + law[2 * n + j] * old[j]
    for j in range(NODES):
        new[j] = law[n + j] * old[j]
    for k in range(n, a, n):
        for j in range(NODES):
            new[a + k + j] = law[n + j] * old[a + k + j] + (
                law[j] * old[a + k - n + j] + law[2 * n + j] * old[k + j]
            )
        for j in range(NODES):
            new[k + j] = law[n + j] * old[k + j] + law[j] * old[k - n + j]


@inner
def add_rows(block, rows, begin, end, degree, tally, work, limits):
    """Add the rows begin .. end - 1, sorted by s; -1, or the first row whose cell has not been built.

    `limits`: F and f at the last node up to which rows beyond it are left out. Where limits[0] < 0 they are
    set here: the rows are those that all lists have which these rows are added to. Rows beyond the D-th
    one, D = degree, are left out where F <= F_D SKIP / (n D) and f <= f_D SKIP / n there and s >= t, from
    where on both fall in s: placed_rows.hpp shows that G and A change by factors between exp(-2 SKIP) and
    exp(2 SKIP) at most.
    """
    dof, t, terms, first, places, cells = block
    s, number, x = rows
    law, weights, other = work
    size = tally_size(degree)
    sets_limits = limits[0] < 0.0
    if sets_limits:
        limits[0] = limits[1] = 0.0
    old, new, n_added = tally, other, 0
    for i in range(begin, end):
        found = row_law(dof, t, terms, first, places, cells, s[i], number[i], x[i], weights, law, True)
        if found == MISSING:
            return i
        last_F, last_f = law[NODES - 1], law[3 * NODES - 1]
        if found == BEYOND or last_F == 0.0:
            break
        if last_F <= limits[0] and last_f <= limits[1] and s[i] >= t[NODES - 1]:
            break
        _add_row(old, new, degree, law)
        old, new, n_added = new, old, n_added + 1
        if sets_limits and i - begin == degree - 1:
            limits[0] = last_F * SKIP / (float(s.size) * degree)
            limits[1] = last_f * SKIP / float(s.size)
    if n_added % 2 == 1:
        for j in range(size):
            tally[j] = old[j]
    return -1
