"""The distance law of any row at eight nodes at once.

The twin of the first half of csrc/include/knn_cert/law_block.hpp.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .distance_law import (
    gamma_tails,
    law_values,
    log_poisson_weight,
    log_split_weight,
    split_square,
    split_sum,
)
from .jit import inner, merged
from .lanes import LANES, fused, load, mul, spread, store
from .many_features import ManyFeatures, are_many, many_features, new_many_features
from .near_normal import NearNormal, applies, certainly, near_normal, new_near_normal

_CHUNK = 256  # terms that are made together

# Beyond this s t, or t, one evaluation after the other is faster than the sums and the gamma tails.
_LONG_SUM, _FAR_NODE = 4e5, 4500.0

# s t <= _LONG_SUM and |s - t| < 38 (beyond, the law is evaluated one by one) leave j < 2.4e5.
_MAX_CHUNKS = 1024

_NEGLIGIBLE = 1e-19  # a term's share of its sum


class NodeLaw(NamedTuple):
    """F = sum_j p_j P_j, U = sum_j p_j Q_j, f = t sum_j p_j g_{j-1}: the nodes' P, Q, g serve all rows."""

    t: np.ndarray  # [8] increasing radii in units of sigma; 0 and infinity are allowed
    has_chunk: np.ndarray  # whether terms 256 i .. 256 i + 255 have been made for these nodes
    terms: np.ndarray  # [j][3][lane]: P(a + j), Q(a + j), g_{j-1}
    sums: np.ndarray  # scratch: [3][8] sums, [3][8] last terms
    far: NearNormal  # of far rows
    many: ManyFeatures  # of rows in many dimensions


def new_node_law() -> NodeLaw:
    """Without nodes yet. Memory that is not touched is not taken."""
    return NodeLaw(
        np.empty(LANES),
        np.zeros(_MAX_CHUNKS, dtype=np.bool_),
        np.empty(_MAX_CHUNKS * _CHUNK * 3 * LANES),
        np.empty(6 * LANES),
        new_near_normal(),
        new_many_features(),
    )


@inner
def forget_terms(law):
    """To be called when t has changed."""
    for chunk in range(law.has_chunk.size):
        law.has_chunk[chunk] = False


@inner
def _peak(dof, s, t):
    """The j with the largest p_j g_j at node t: j (j + a) = mu y."""
    a, product = 0.5 * dof, 0.25 * s * s * t * t
    return float(math.floor(product / (0.5 * a + math.sqrt(0.25 * a * a + product))))


@merged
def _make_chunk(law, dof, chunk):
    """P_j, Q_j, g_{j-1} of one chunk: they depend on the nodes, not on what was asked for before."""
    terms, step = law.terms, 3 * LANES
    a = 0.5 * dof + chunk * _CHUNK  # the order of the first term
    for lane in range(LANES):
        P = chunk * _CHUNK * step + lane
        Q, g = P + LANES, P + 2 * LANES
        y, y_rest = split_square(law.t[lane])
        y, y_rest = 0.5 * y, 0.5 * y_rest
        if y == 0.0 or y == math.inf:
            for j in range(0, _CHUNK * step, step):
                terms[P + j] = 0.0 if y == 0.0 else 1.0
                terms[Q + j] = 1.0 if y == 0.0 else 0.0
                terms[g + j] = 0.0
            continue
        # w(a + j - 1, y) from the largest of 64 both ways: errors do not pile up, and nothing starts from a
        # number that has underflowed
        for start in range(0, _CHUNK, 64):
            top = start + int(min(63.0, max(0.0, float(math.floor(y - (a + start))))))
            order, order_rest = split_sum(a, float(top))
            if order >= 1.0:
                terms[g + top * step] = math.exp(log_split_weight(order - 1.0, order_rest, y, y_rest))
            else:
                weight = math.exp(log_split_weight(order, order_rest, y, y_rest))
                terms[g + top * step] = weight * (order / y)
            for j in range(top + 1, start + 64):
                terms[g + j * step] = terms[g + (j - 1) * step] * (y / (a + (j - 1)))
            for j in range(top - 1, start - 1, -1):
                terms[g + j * step] = terms[g + (j + 1) * step] * ((a + j) / y)
        terms[P + (_CHUNK - 1) * step] = gamma_tails(a + (_CHUNK - 1), y, y_rest)[0]
        for j in range((_CHUNK - 2) * step, -step, -step):
            terms[P + j] = terms[P + j + step] + terms[g + j + step]
        terms[Q] = gamma_tails(a, y, y_rest)[1]
        for j in range(step, _CHUNK * step, step):
            terms[Q + j] = terms[Q + j - step] + terms[g + j]


@merged
def _law_sums(law, mu, j0, p_j0, first, end):
    """Both directions from j0 in steps of 16 terms, until the last term is negligible in every sum.

    The terms are log-concave in j: once one is below the sum of those before it, the later ones fall faster
    than a geometric series.
    """
    terms, sums = law.terms, law.sums
    per_mu = 1.0 / mu if mu > 0.0 else 0.0
    F = spread(0.0)
    U = spread(0.0)
    f = spread(0.0)
    for upwards in (True, False):
        p = p_j0 if upwards else p_j0 * (j0 * per_mu)
        j = j0 if upwards else j0 - 1
        more = True
        while more:
            stop = min(j + 16, end) if upwards else max(j - 16, first - 1)
            if j < first or j >= end:
                break
            more = abs(stop - j) == 16
            weight = spread(p)
            at = 0
            while j != stop:
                weight = spread(p)
                at = j * 3 * LANES
                F = fused(weight, load(terms, at), F)
                U = fused(weight, load(terms, at + LANES), U)
                f = fused(weight, load(terms, at + 2 * LANES), f)
                if upwards:
                    j += 1
                    p *= mu / j
                else:
                    p *= j * per_mu
                    j -= 1
            if more:
                store(sums, 3 * LANES, mul(weight, load(terms, at)))
                store(sums, 4 * LANES, mul(weight, load(terms, at + LANES)))
                store(sums, 5 * LANES, mul(weight, load(terms, at + 2 * LANES)))
                store(sums, 0, F)
                store(sums, LANES, U)
                store(sums, 2 * LANES, f)
                more = False
                for i in range(3 * LANES):
                    if sums[3 * LANES + i] > _NEGLIGIBLE * sums[i]:
                        more = True
                        break
    store(sums, 0, F)
    store(sums, LANES, U)
    store(sums, 2 * LANES, f)


@inner
def _without_sums(law, dof, s, s_rest, out, at):
    """As `evaluate` where each node is out of the row's reach, or the row's law is nearly normal there."""
    for lane in range(LANES):
        t = law.t[lane]
        sure = certainly(dof, s, t)
        if sure != 0:
            F, U, f = (1.0, 0.0, 0.0) if sure > 0 else (0.0, 1.0, 0.0)
        elif applies(law.far, dof, s, t):
            F, U, f = near_normal(law.far, dof, s, s_rest, t)
        elif are_many(dof, s, t):
            F, U, f = many_features(law.many, dof, s, s_rest, t)
        else:
            return False
        out[at + lane], out[at + LANES + lane], out[at + 2 * LANES + lane] = F, U, f
    return True


@inner
def evaluate(law, dof, s, s_rest, out, at):
    """F, U, f of the row at s + s_rest at the nodes to out[at : at + 24]."""
    if _without_sums(law, dof, s, s_rest, out, at):
        return
    t = law.t
    # the node nearest to the middle of the law: its largest term is the largest of all
    middle = math.sqrt(s * s + dof)
    nearest = 0
    smallest, largest = math.inf, 0.0  # of the finite nodes
    for lane in range(LANES):
        if abs(t[lane] - middle) < abs(t[nearest] - middle):
            nearest = lane
        if t[lane] < math.inf:
            smallest = min(smallest, t[lane])
            largest = max(largest, t[lane])
    summable = 0.0 < t[nearest] < math.inf and s * largest <= _LONG_SUM and largest <= _FAR_NODE
    s2, s2_rest = split_square(s)
    s2_rest += 2.0 * s * s_rest
    mu = 0.5 * s2
    j0, log_p = 0.0, 0.0
    first, end = 0, 0
    if summable:
        j0 = _peak(dof, s, t[nearest])
        log_p = log_split_weight(j0, 0.0, mu, 0.5 * s2_rest)
        summable = log_p + log_poisson_weight(0.5 * dof + j0, 0.5 * t[nearest] * t[nearest]) >= -690.0
    if summable:
        # F's and U's terms peak between mu and s t / 2 - a / 2 or so, and are below 1e-19 of their sums ten
        # deviations off
        low, high = min(mu, j0, _peak(dof, s, smallest)), max(mu, j0, _peak(dof, s, largest))
        first = max(0, int(low - 11.0 * math.sqrt(low + 20.0) - 40.0))
        end = int(high + 11.0 * math.sqrt(high + 20.0) + 40.0) + 1
        summable = end <= _MAX_CHUNKS * _CHUNK
    if not summable:
        for lane in range(LANES):
            F, U, f = law_values(dof, s, s_rest, t[lane])
            out[at + lane], out[at + LANES + lane], out[at + 2 * LANES + lane] = F, U, f
        return
    for chunk in range(first // _CHUNK, (end + _CHUNK - 1) // _CHUNK):
        if not law.has_chunk[chunk]:
            _make_chunk(law, dof, chunk)
            law.has_chunk[chunk] = True
    _law_sums(law, mu, int(j0), math.exp(log_p), first, end)
    sums = law.sums
    for lane in range(LANES):
        # The larger tail as the complement: its sum errs by about 1e-14, the same way for all rows, and
        # thousands of factors U near 1 would add that up.
        F, U = sums[lane], sums[LANES + lane]
        if F <= U:
            U = 1.0 - F
        else:
            F = 1.0 - U
        out[at + lane], out[at + LANES + lane] = F, U
        out[at + 2 * LANES + lane] = t[lane] * sums[2 * LANES + lane] if t[lane] < math.inf else 0.0
