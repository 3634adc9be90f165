"""Counting polynomials of rows at a block of nodes: how many of a list lie within, and with one at the node.

G[k] = P(k rows within t), the coefficients of prod (U_i + F_i z), and A[k] = density of "a row at t, k others
within". One row more: A[k] <- U A[k] + F A[k-1] + f G[k]; G[k] <- U G[k] + F G[k-1]. A tally is a flat array
[G, A, mean, T][node]: D = degree powers of G and of A, the expected number of rows within, and P(the list
holds at least D rows).

Of far rows, G = exp(S_0) exp(sum_m (-1)^(m+1) S_m z^m / m), A = G sum_m (-z)^m T_m with S_0 = sum log U, S_m
= sum (F / U)^m, T_m = sum (f / U) (F / U)^m. The signs alternate: a second tally, with all of them positive,
bounds what relative errors of S and T do to everything that is made of the first.
"""

from __future__ import annotations

import math

import numpy as np

from .jit import inner
from .law import NODES
from .law_table import BEYOND

# Relative error of sums over far rows, but for what the interpolation is seen to err by: measured (tests).
FAR_ERROR = 2e-13
_UNDERFLOW = 1e-304


@inner
def tally_size(degree):
    """Return the number of doubles of a tally that keeps that many powers."""
    return (2 * degree + 2) * NODES


@inner
def start_tally(tally, degree):
    """Begin without rows."""
    for j in range(tally_size(degree)):
        tally[j] = 1.0 if j < NODES else 0.0


@inner
def start_far(sums, log_scale, degree, sign, tally):
    """Begin with far rows, by their sums [function][node] and S_0; sign is -1 for the tally of bounds."""
    n, a, D = NODES, degree * NODES, (sums.shape[0] - 1) // 2
    for j in range(NODES):
        tally[j] = 1.0
        for k in range(1, degree):
            total, alternating = 0.0, 1.0
            for m in range(1, k + 1):
                total += alternating * sums[m, j] * tally[(k - m) * n + j]
                alternating *= -sign
            tally[k * n + j] = total / k
        at_least = 1.0  # D rows of them: at most S_1^D / D!
        for k in range(degree):
            total, alternating = 0.0, 1.0
            for m in range(k + 1):
                total += alternating * sums[1 + D + m, j] * tally[(k - m) * n + j]
                alternating *= -sign
            tally[a + k * n + j] = total
            at_least *= sums[1, j] / (k + 1)
        tally[2 * a + j] = sums[1, j]
        tally[2 * a + n + j] = min(1.0, at_least)
    for j in range(NODES):
        scale = math.exp(log_scale[j])
        for k in range(0, 2 * a, n):
            tally[k + j] *= scale


@inner
def interpolate(cell, weights, n, law):
    """Work out the first n of F, U, f of a row at all nodes, one after the other, from its cell's points."""
    for j in range(n):
        law[j] = 0.0
    for p in range(weights.size):
        weight, values = weights[p], cell[p]
        for j in range(n):
            law[j] += weight * values[j]


@inner
def _add_row(old, new, degree, law):
    """Write a tally with one row more to other memory: the compiler then sees that all nodes go together."""
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
def add_rows(rows, begin, end, degree, tallies, n_tallies):
    """Add the rows begin .. end - 1, sorted by s, to each of the tallies.

    rows: cells [cell][point][F, U, f], the cell of each row, and its weights [row][point].
    """
    cells, index, weights = rows
    law = np.empty(3 * NODES)
    other = np.empty(tally_size(degree))
    for i in range(begin, end):
        if index[i] == BEYOND and weights.shape[1] > 1:
            break
        interpolate(cells[index[i]], weights[i], 3 * NODES, law)
        for which in range(n_tallies):
            _add_row(tallies[which], other, degree, law)
            # on the way to underflow numbers lose their digits, and processors their speed
            for j in range(tally_size(degree)):
                tallies[which, j] = other[j] if abs(other[j]) > _UNDERFLOW else 0.0
