"""Oracle, never importing the package: how probable each set of K rows is to be the nearest, d = 1 or 3.

A row at distance s from the query (in units of sigma) has its noisy distance within t with probability F,
beyond it with U, and the density f; for one and for three features these have closed forms. Sets are listed
row by row: each is inside or outside, and one of those inside is the K-th nearest, just at t. The same lines
run in doubles, on many tables at once, and in many digits. Labels play no part until the end: all labellings
of one table share the sets.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np
from mpmath import mp, mpf
from scipy.special import erfc

# Probabilities in doubles are compared up to this; what is closer is computed in many digits. A test keeps
# their error below 1e-14.
UNDECIDED = 1e-12

# In many digits, what is closer than this is equal: it is so only where a symmetry makes it so.
EQUAL = mpf(10) ** -22

DIGITS = 30

# Beyond so many sigma from its distance no row is found: exp(-9.5^2 / 2) is 3e-20, exp(-11.5^2 / 2) 2e-29.
_REACH, _FARTHER = 9.5, 11.5

# Panels of Gauss-Legendre, two sigma wide: nodes in doubles, and in many digits.
_WIDTH, _NODES, _MANY_NODES = 2, 18, 28

_TABLES_AT_ONCE = 8


class Laws(NamedTuple):
    """F, U and f at some radii, for some rows."""

    inside: np.ndarray
    outside: np.ndarray
    density: np.ndarray


class Sets(NamedTuple):
    """Sets of K rows as a (sets, n) table of 0 and 1, and their (tables, sets) probabilities."""

    members: np.ndarray
    probability: np.ndarray


def laws(t, s, n_features: int, *, precise: bool = False) -> Laws:
    """Of a row at distance s, at radius t > 0, in units of sigma."""
    c = _in_many_digits() if precise else _in_doubles()
    near = c.bell(t - s)
    outside = c.tail(t - s) + c.tail(t + s)
    inside = 1 - outside  # absolute accuracy is all that is asked for here
    if n_features == 1:
        return Laws(inside, outside, near + c.bell(t + s))
    if n_features != 3:
        raise ValueError(f"the law has a closed form here for 1 and 3 features, got {n_features}")
    difference = near * c.quotient(t, s)  # (bell(t - s) - bell(t + s)) / s, also at s = 0
    return Laws(inside - difference, outside + difference, t * difference)


class _Functions(NamedTuple):
    bell: object  # normal density
    tail: object  # P(N > x)
    quotient: object  # (1 - exp(-2 t s)) / s


@functools.cache
def _in_doubles() -> _Functions:
    def quotient(t, s):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(s == 0.0, 2.0 * t + 0.0 * s, -np.expm1(-2.0 * t * s) / s)

    return _Functions(
        lambda x: np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi),
        lambda x: 0.5 * erfc(x / math.sqrt(2.0)),
        quotient,
    )


@functools.cache
def _in_many_digits() -> _Functions:
    def quotient(t, s):
        return 2 * t if s == 0 else -mp.expm1(-2 * t * s) / s

    functions = (lambda x: mp.npdf(x), lambda x: mp.erfc(x / mp.sqrt(2)) / 2, quotient)
    return _Functions(*(_elementwise(function) for function in functions))


def _elementwise(function):
    return lambda *values: np.frompyfunc(function, len(values), 1)(*values)


_rule = functools.cache(np.polynomial.legendre.leggauss)


def _panels(distances: np.ndarray, n_neighbors: int, reach: float) -> list[int]:
    """Panels that one of the K nearest rows can reach: the K-th noisy row is there."""
    nearest = np.partition(distances, n_neighbors - 1, axis=1)[:, :n_neighbors]
    first = np.floor(np.maximum(nearest - reach, 0.0) / _WIDTH).astype(np.int64)
    last = np.floor((nearest + reach) / _WIDTH).astype(np.int64)
    ends = set(zip(first.ravel().tolist(), last.ravel().tolist(), strict=True))
    return sorted({panel for a, b in ends for panel in range(a, b + 1)})


def _nodes(distances: np.ndarray, n_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    """Radii and weights."""
    x, w = _rule(_NODES)
    t = _WIDTH * (np.array(_panels(distances, n_neighbors, _REACH))[:, None] + 0.5 * (x + 1.0))
    return t.ravel(), np.broadcast_to(0.5 * _WIDTH * w, t.shape).ravel()


@functools.cache
def _many_digit_rule() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss-Legendre on (0, 1), polished from NumPy's."""
    nodes, weights = [], []
    with mp.workdps(DIGITS):
        for guess in np.polynomial.legendre.leggauss(_MANY_NODES)[0]:
            x = mpf(float(guess))
            for _ in range(4):
                slope = (
                    _MANY_NODES
                    * (mp.legendre(_MANY_NODES - 1, x) - x * mp.legendre(_MANY_NODES, x))
                    / (1 - x * x)
                )
                x -= mp.legendre(_MANY_NODES, x) / slope
            nodes.append((x + 1) / 2)
            weights.append(1 / ((1 - x * x) * slope * slope))
    return np.array(nodes, dtype=object), np.array(weights, dtype=object)


def _list_sets(found: Laws, weights: np.ndarray, n_neighbors: int) -> Sets:
    """Laws of shape (tables, n, radii) -> the sets and their probabilities: one of the K rows is at t, the
    others of the set are inside, all else is outside; integrated over t.
    """
    n_tables, n, n_nodes = found.inside.shape
    members = np.zeros((1, n), dtype=np.int8)
    size = np.zeros(1, dtype=np.int64)
    product = np.ones((n_tables, 1, n_nodes), dtype=found.inside.dtype)  # nobody at t
    at_t = 0 * product  # one of those inside is at t
    for j in range(n):
        inside, outside, density = (law[:, j, None, :] for law in found)
        stays, enters = size + (n - 1 - j) >= n_neighbors, size < n_neighbors
        before, entering = product[:, enters], members[enters]
        entering[:, j] = 1
        at_t = np.concatenate([at_t[:, stays] * outside, at_t[:, enters] * inside + before * density], axis=1)
        product = np.concatenate([product[:, stays] * outside, before * inside], axis=1)
        members, size = (
            np.concatenate([members[stays], entering]),
            np.concatenate([size[stays], size[enters] + 1]),
        )
    return Sets(members, (at_t * weights).sum(axis=-1))


def nearest_sets(distances: np.ndarray, n_neighbors: int, n_features: int) -> Sets:
    """Continuous classifier: (tables, n) distances in units of sigma -> each set and its probability."""
    found = []
    for start in range(0, len(distances), _TABLES_AT_ONCE):
        part = distances[start : start + _TABLES_AT_ONCE]
        t, weights = _nodes(part, n_neighbors)
        found.append(_list_sets(laws(t, part[:, :, None], n_features), weights, n_neighbors))
    return Sets(found[0].members, np.concatenate([one.probability for one in found]))


def nearest_sets_in_many_digits(distances, n_neighbors: int, n_features: int) -> Sets:
    """The same of one table."""
    x, w = _many_digit_rule()
    panels = _panels(np.array([distances], dtype=np.float64), n_neighbors, _FARTHER)
    with mp.workdps(DIGITS):
        t = np.concatenate([_WIDTH * (panel + x) for panel in panels])
        weights = np.concatenate([_WIDTH * w] * len(panels))
        s = np.array([mpf(value) for value in distances], dtype=object)
        return _list_sets(laws(t, s[None, :, None], n_features, precise=True), weights, n_neighbors)


@functools.cache
def _assignments(n: int, n_levels: int, n_neighbors: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every way to put n rows into levels, the sets that are nearest in some, and which set in each."""
    levels = np.array(list(itertools.product(range(n_levels), repeat=n)))
    order = np.argsort(levels, axis=1, kind="stable")[:, :n_neighbors]  # ties to the lower index
    members = np.zeros(levels.shape, dtype=np.int8)
    np.put_along_axis(members, order, 1, axis=1)
    sets, which = np.unique(members, axis=0, return_inverse=True)
    return levels, sets, which.ravel()


def nearest_sets_in_buckets(
    distances, n_neighbors: int, n_features: int, edges, *, precise: bool = False
) -> Sets:
    """Bucketed classifier, Theorem 3 of RAB: edges on the squared distance, in units of sigma squared.

    Rows of one bucket are ordered as in the table, so the order of the rows counts.
    """
    n = np.shape(distances)[-1]
    levels, sets, which = _assignments(n, len(edges) + 1, n_neighbors)
    with mp.workdps(DIGITS):
        if precise:
            distances = np.array([mpf(value) for value in np.ravel(distances)], dtype=object).reshape(-1, n)
            t = np.array([mp.sqrt(mpf(edge)) for edge in edges], dtype=object)
        else:
            t = np.sqrt(np.asarray(edges, dtype=np.float64))
        up_to = laws(t, distances[:, :, None], n_features, precise=precise).inside
        ends = np.zeros_like(up_to[:, :, :1])
        chance = np.diff(np.concatenate([ends, up_to, ends + 1], axis=2), axis=2)
        product = chance[:, 0, levels[:, 0]]
        for j in range(1, n):
            product = product * chance[:, j, levels[:, j]]
        probability = np.zeros((len(product), len(sets)), dtype=product.dtype)
        np.add.at(probability, (slice(None), which), product)
    return Sets(sets, probability)


def votes(sets: Sets, which: np.ndarray, labels: np.ndarray, n_labels: int) -> np.ndarray:
    """Probability of each label 0..n_labels-1 to win the vote; ties of votes go to the lowest label.

    Table i is that of row ``which[i]`` of the sets' probabilities, with ``labels[i]``. Labels that no row has
    get no vote, so it does not matter which classes a classifier would know of.
    """
    one_hot = (labels[:, :, None] == np.arange(n_labels)).astype(np.float32)
    winner = np.argmax(np.matmul(sets.members.astype(np.float32), one_hot), axis=2)  # the first of equals
    p = sets.probability[which]
    return np.stack([np.where(winner == label, p, 0 * p).sum(axis=1) for label in range(n_labels)], axis=1)
