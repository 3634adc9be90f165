"""The distance law of rows at a block of nodes: by sums that all rows share, and by polynomials in s.

For a fixed node t the functions s -> F, U, f are entire, so on a cell of width 1/16 in s a polynomial of 14
terms does, and one of 10 where they change little. What a cell holds depends on (dof, nodes, its number),
never on who asked first: answers depend neither on threads nor on the company of other queries.
"""

from __future__ import annotations

import math
import threading

import numpy as np
from numpy.typing import NDArray

from .jit import inner, kernel
from .law import gamma_tails, law_values, log_split_weight, split_square, split_sum
from .limits import NODES

CELLS_PER_UNIT = 16.0
LONG, SHORT = 14, 10  # terms of a cell's polynomials
# What the terms beyond SHORT may add, of the least value in the cell, for them to be dropped.
_DROPPED = 1e-14

# A row is not farther than this from where it is expected, in binary64: exp(-OUT_OF_REACH^2 / 2) is zero.
OUT_OF_REACH = 38.7

# A cell: 14 coefficients of f and 14 of the smaller tail, each at all nodes; then three numbers a node, (a,
# b, c), with which F = a + b tail and U = c - b tail; then whether the long polynomials are needed.
_TAIL = LONG * NODES
_ENDS = 2 * LONG * NODES
_IS_LONG = _ENDS + 3 * NODES
_CELL_SIZE = _IS_LONG + 1

_CHUNK = 256  # terms that are made together
_MOST_TERMS = 32 * _CHUNK  # if a block needs more, every node is worked out by itself
_ABSENT = -1


# ------------------------------------------------------------------------------------------------------------
# Sums: F = sum_j p_j P_j, U = sum_j p_j Q_j, f = t sum_j p_j g_{j-1}; P, Q and g serve all rows


@inner
def _peak(dof, s, t):
    """The j with the largest p_j g_j at node t: j (j + a) = mu y."""
    a, product = 0.5 * dof, 0.25 * s * s * t * t
    return math.floor(product / (0.5 * a + math.sqrt(0.25 * a * a + product)))


@inner
def _reach(peak):
    """The terms of F, U and f on both sides of the largest are below 1e-19 of their sums ten deviations off."""
    return 11.0 * math.sqrt(peak + 20.0) + 40.0


@inner
def _weights(order, m, m_rest, n, out, at, stride):
    """w(order + i, m) = e^-m m^k / Gamma(k + 1), k = order + i, i < n, to out[at + i stride].

    From the largest of 64 both ways: errors do not pile up, and nothing starts from what has underflowed.
    """
    for start in range(0, n, 64):
        end = min(n, start + 64)
        top = start + int(min(end - start - 1.0, max(0.0, math.floor(m - (order + start)))))
        k, rest = split_sum(order, float(top))
        if k >= 0.0:
            value = math.exp(log_split_weight(k, rest, m, m_rest))
        else:  # -1/2: one feature
            value = math.exp(log_split_weight(k + 1.0, rest, m, m_rest)) * ((k + 1.0) / m)
        out[at + top * stride] = value
        for i in range(top + 1, end):
            out[at + i * stride] = out[at + (i - 1) * stride] * (m / (order + i))
        for i in range(top - 1, start - 1, -1):
            out[at + i * stride] = out[at + (i + 1) * stride] * ((order + (i + 1)) / m)


@kernel
def fill_terms(dof, t, terms):
    """terms[j][3][node]: P(a + j, y), Q(a + j, y), w(a + j - 1, y), a = dof / 2, y = t^2 / 2."""
    step = 3 * NODES
    n = terms.size // step
    for node in range(NODES):
        y, y_rest = split_square(t[node])
        y, y_rest = 0.5 * y, 0.5 * y_rest
        if y == 0.0 or y == math.inf:
            for j in range(n):
                terms[j * step + node] = 0.0 if y == 0.0 else 1.0
                terms[j * step + NODES + node] = 1.0 if y == 0.0 else 0.0
                terms[j * step + 2 * NODES + node] = 0.0
            continue
        _weights(0.5 * dof - 1.0, y, y_rest, n, terms, 2 * NODES + node, step)
        for first in range(0, n, _CHUNK):  # positive sums, of at most 256 terms
            last = first + _CHUNK - 1
            a = 0.5 * dof + first
            terms[last * step + node] = gamma_tails(a + (_CHUNK - 1), y, y_rest)[0]
            for j in range(last - 1, first - 1, -1):
                at = j * step + node
                terms[at] = terms[at + step] + terms[at + step + 2 * NODES]
            terms[first * step + NODES + node] = gamma_tails(a, y, y_rest)[1]
            for j in range(first + 1, last + 1):
                at = j * step + NODES + node
                terms[at] = terms[at - step] + terms[at + NODES]


@inner
def _sure(dof, s, t):
    """1 where F = 1 and U = 0 in binary64, -1 the other way round, else 0."""
    whole, below, above = math.floor(dof), t + OUT_OF_REACH, t - OUT_OF_REACH
    if below <= s or below * below <= s * s + whole - 1.0:
        return -1
    if above > s and above * above >= s * s + whole + 1.0:
        return 1
    return 0


@inner
def law_at(dof, t, terms, s, s_rest, weights, out, to):
    """F, U, f of a row at s + s_rest at all nodes to out[to :]; `weights` is scratch."""
    step = 3 * NODES
    n = terms.size // step
    if n == 0:
        for node in range(NODES):
            F, U, f = 1.0, 0.0, 0.0
            sure = _sure(dof, s, t[node])
            if sure < 0:
                F, U = 0.0, 1.0
            elif sure == 0:
                F, U, f = law_values(dof, s, s_rest, t[node])
            out[to + node], out[to + NODES + node], out[to + 2 * NODES + node] = F, U, f
        return
    t_first, t_last = math.inf, 0.0
    for node in range(NODES):
        if 0.0 < t[node] < math.inf:
            t_first, t_last = min(t_first, t[node]), max(t_last, t[node])
    s2, s2_rest = split_square(s)
    s2_rest += 2.0 * s * s_rest
    mu, low, high = 0.5 * s2, 0, 1
    if mu > 0.0:
        # F's and U's terms are largest between mu and the peak of f's
        least = min(mu, _peak(dof, s, min(t_first, t_last)))
        most = max(min(mu, float(n)), _peak(dof, s, t_last))
        low = int(max(0.0, min(float(n - 1), least - _reach(least))))
        high = int(min(float(n), most + _reach(most) + 1.0))
    _weights(float(low), mu, 0.5 * s2_rest, high - low, weights, 0, 1)
    for i in range(to, to + step):
        out[i] = 0.0
    for j in range(low, high):
        p, at = weights[j - low], j * step
        for i in range(step):
            out[to + i] += p * terms[at + i]
    for node in range(NODES):
        # The larger tail as the complement: its sum errs by about 1e-14, the same way for all rows, and
        # thousands of factors U near 1 would add that up.
        if (t[node] - s) * (t[node] + s) < dof:
            out[to + node] = min(1.0, out[to + node])
            out[to + NODES + node] = 1.0 - out[to + node]
        else:
            out[to + NODES + node] = min(1.0, out[to + NODES + node])
            out[to + node] = 1.0 - out[to + NODES + node]
        out[to + 2 * NODES + node] *= t[node] if t[node] < math.inf else 0.0


# ------------------------------------------------------------------------------------------------------------
# Cells


def _powers() -> NDArray[np.float64]:
    """Return [k][i]: the values at the Chebyshev points i -> the coefficients of x^k, two tables.

    The second one is of the polynomial whose Chebyshev coefficients from SHORT on are dropped.
    """
    k = np.arange(LONG)[:, None]
    transform = np.where(k == 0, 1.0, 2.0) / LONG * np.cos(np.pi * k * (np.arange(LONG) + 0.5) / LONG)
    powers = np.zeros((LONG, LONG))  # [m][k]: the coefficient of x^k in T_m
    powers[0, 0] = powers[1, 1] = 1.0
    for m in range(2, LONG):  # T_m = 2 x T_{m-1} - T_{m-2}
        powers[m, 1:] = 2.0 * powers[m - 1, :-1]
        powers[m] -= powers[m - 2]
    return np.stack([powers.T @ transform, powers[:SHORT].T @ transform[:SHORT]])


_POINTS = np.cos(np.pi * (np.arange(LONG) + 0.5) / LONG)
_TO_POWERS = _powers()
_LAST_TERMS = np.cos(np.pi * np.arange(SHORT, LONG)[:, None] * (np.arange(LONG) + 0.5) / LONG) * 2.0 / LONG


@inner
def _fit(values, first, is_long, cell, at):
    """The coefficients of one function, [power][node], from its values at the points."""
    for k in range(LONG):
        for node in range(NODES):
            cell[at + k * NODES + node] = 0.0
        for i in range(LONG):
            weight, row = _TO_POWERS[0 if is_long else 1, k, i], 3 * NODES * i + first
            for node in range(NODES):
                cell[at + k * NODES + node] += weight * values[row + node]


@inner
def _needs_long(values, first):
    """Whether the last terms of a function matter at any node, beside its least value in the cell."""
    for node in range(NODES):
        least, dropped = math.inf, 0.0
        for i in range(LONG):
            least = min(least, values[3 * NODES * i + first + node])
        for k in range(LONG - SHORT):
            total = 0.0
            for i in range(LONG):
                total += _LAST_TERMS[k, i] * values[3 * NODES * i + first + node]
            dropped += abs(total)
        if dropped > _DROPPED * least:
            return True
    return False


@inner
def _build_cell(dof, t, terms, number, weights, values, cell):
    for i in range(LONG):
        # s at the point, exactly: far out the last bit of s would cost F and U several
        s, rest = split_sum(number + 0.5, 0.5 * _POINTS[i])
        s, rest = s / CELLS_PER_UNIT, rest / CELLS_PER_UNIT  # a power of 2
        law_at(dof, t, terms, s, rest, weights, values, 3 * NODES * i)
    for node in range(NODES):
        largest_F, largest_U = 0.0, 0.0
        for i in range(LONG):
            largest_F = max(largest_F, values[3 * NODES * i + node])
            largest_U = max(largest_U, values[3 * NODES * i + NODES + node])
        by_F = largest_F <= largest_U
        cell[_ENDS + node] = 0.0 if by_F else 1.0
        cell[_ENDS + NODES + node] = 1.0 if by_F else -1.0
        cell[_ENDS + 2 * NODES + node] = 1.0 if by_F else 0.0
        if not by_F:  # the smaller tail takes the place of F
            for i in range(LONG):
                values[3 * NODES * i + node] = values[3 * NODES * i + NODES + node]
    is_long = _needs_long(values, 0) or _needs_long(values, 2 * NODES)
    cell[_IS_LONG] = 1.0 if is_long else 0.0
    _fit(values, 2 * NODES, is_long, cell, 0)
    _fit(values, 0, is_long, cell, _TAIL)


@kernel
def build_cells(dof, t, terms, numbers, first, places, cells, n_cells, end):
    """Build the cells of `numbers` that are absent, as far as there is room, up to `end` in all; how many now."""
    weights = np.empty(_MOST_TERMS)
    values = np.empty(3 * NODES * LONG)
    built = n_cells
    for i in range(numbers.size):
        place = numbers[i] - first
        if built == min(end, cells.shape[0]):
            break
        if 0 <= place < places.size and places[place] == _ABSENT:
            _build_cell(dof, t, terms, float(numbers[i]), weights, values, cells[built])
            places[place] = built
            built += 1
    return built


@inner
def _polynomial(cell, at, is_long, x, law, to):
    """The polynomial at x, by Horner's rule for all nodes at once; written out, it runs in vector registers."""
    n = NODES
    if is_long:
        for j in range(NODES):
            v = cell[at + 13 * n + j] * x + cell[at + 12 * n + j]
            law[to + j] = (v * x + cell[at + 11 * n + j]) * x + cell[at + 10 * n + j]
        for j in range(NODES):
            v = (law[to + j] * x + cell[at + 9 * n + j]) * x + cell[at + 8 * n + j]
            v = (v * x + cell[at + 7 * n + j]) * x + cell[at + 6 * n + j]
            v = (v * x + cell[at + 5 * n + j]) * x + cell[at + 4 * n + j]
            v = (v * x + cell[at + 3 * n + j]) * x + cell[at + 2 * n + j]
            law[to + j] = (v * x + cell[at + n + j]) * x + cell[at + j]
    else:
        for j in range(NODES):
            v = cell[at + 9 * n + j] * x + cell[at + 8 * n + j]
            v = (v * x + cell[at + 7 * n + j]) * x + cell[at + 6 * n + j]
            v = (v * x + cell[at + 5 * n + j]) * x + cell[at + 4 * n + j]
            v = (v * x + cell[at + 3 * n + j]) * x + cell[at + 2 * n + j]
            law[to + j] = (v * x + cell[at + n + j]) * x + cell[at + j]


FOUND, BEYOND, MISSING = range(3)


@inner
def row_law(dof, t, terms, first, places, cells, s, number, x, weights, law, with_density):
    """F, U, f of a row in cell `number`, at x there, to law[0 : 3 NODES]: FOUND, or BEYOND if F = f = 0.

    Without places the row is worked out by itself. MISSING if its cell has not been built.
    """
    if places.size == 0:
        law_at(dof, t, terms, s, 0.0, weights, law, 0)
        return FOUND
    place = number - first
    if place < 0 or place >= places.size:
        inside = place < 0
        for j in range(NODES):
            law[j] = 1.0 if inside or t[j] == math.inf else 0.0
            law[NODES + j] = 1.0 - law[j]
            law[2 * NODES + j] = 0.0
        return FOUND if inside else BEYOND
    if places[place] == _ABSENT:
        return MISSING
    cell = cells[places[place]]
    is_long = cell[_IS_LONG] == 1.0
    if with_density:
        _polynomial(cell, 0, is_long, x, law, 2 * NODES)
    _polynomial(cell, _TAIL, is_long, x, law, NODES)
    for j in range(NODES):
        tail = cell[_ENDS + NODES + j] * law[NODES + j]
        law[j] = cell[_ENDS + j] + tail
        law[NODES + j] = cell[_ENDS + 2 * NODES + j] - tail
    return FOUND


class Block:
    """The law at a block of nodes, increasing radii in units of sigma; 0 and infinity are allowed."""

    def __init__(self, dof: float, t: NDArray[np.float64], one_by_one: bool):
        self._dof, self.t = dof, t
        finite = t[np.isfinite(t)]
        first, last = float(finite[0]), float(finite[-1])
        n_terms = 0
        if last < 1e4:
            peak = _peak.py_func(dof, last + OUT_OF_REACH, last)
            n_terms = _CHUNK * -(-int(peak + _reach.py_func(peak)) // _CHUNK)
        self.terms = np.empty(3 * NODES * n_terms if n_terms <= _MOST_TERMS else 0)
        if self.terms.size:
            fill_terms(dof, t, self.terms)
        # Rows nearer than the first place have F = 1, rows beyond the last one F = 0, both in binary64.
        low = max(0.0, max(0.0, first - OUT_OF_REACH) ** 2 - math.floor(dof) - 1.0)
        high = min(last + OUT_OF_REACH, math.sqrt(max(0.0, (last + OUT_OF_REACH) ** 2 - math.floor(dof) + 1.0)))
        self.first = int(math.sqrt(low) * CELLS_PER_UNIT)
        n_places = 0 if one_by_one else int(high * CELLS_PER_UNIT) + 1 - self.first
        self._n_cells = 0
        # Where the cells are, and they. Replaced, never changed: other threads may be reading.
        self._places_and_cells = (
            np.full(n_places, _ABSENT, dtype=np.int32),
            np.empty((0 if one_by_one else 16, _CELL_SIZE)),
        )

    def build(self, numbers: NDArray[np.int64], most: int) -> None:
        """Build those cells that are absent, at most so many."""
        places, cells = self._places_and_cells
        places, end = places.copy(), self._n_cells + most
        while True:
            self._n_cells = build_cells(
                self._dof, self.t, self.terms, numbers, self.first, places, cells, self._n_cells, end
            )
            if self._n_cells < len(cells) or self._n_cells == end:
                break
            more = np.empty((2 * len(cells), _CELL_SIZE))
            more[: self._n_cells] = cells
            cells = more
        self._places_and_cells = places, cells

    @property
    def arguments(self) -> tuple:
        """What the kernels want to know."""
        return self._dof, self.t, self.terms, self.first, *self._places_and_cells

    @property
    def size(self) -> int:
        """Bytes."""
        return self.terms.nbytes + sum(array.nbytes for array in self._places_and_cells)


# Bytes of all blocks of a law; a table that has more starts afresh.
_TABLE_SIZE = 256 << 20


class LawTable:
    """The blocks of one law, shared by queries and threads."""

    def __init__(self, dof: float):
        self.dof = dof
        self._blocks: dict = {}
        self._lock = threading.Lock()

    def block(self, key: tuple, radii, one_by_one: bool) -> Block:
        """Return the block of that key; `radii` makes its nodes out of the key where it is new."""
        key = (*key, one_by_one)
        block = self._blocks.get(key)
        if block is None:
            block = Block(self.dof, radii(*key[:-1]), one_by_one)
            with self._lock:
                if sum(other.size for other in list(self._blocks.values())) > _TABLE_SIZE:
                    self._blocks.clear()
                block = self._blocks.setdefault(key, block)
        return block

    def build(self, block: Block, numbers: NDArray[np.int64], most: int = 16) -> None:
        """Build those cells of the block that are absent, at most so many."""
        with self._lock:
            block.build(numbers, most)
