"""The kernel without a C++ compiler: the algorithms of the headers, compiled by numba on first use.

The contract is in docs/architecture.md; each function here hands arrays to its twin ``*_njit``. The first
call of each compiles for some seconds; machine code is kept on disk for later processes where numba finds a
folder to write to.
"""

from __future__ import annotations

import threading

import numpy as np

from ...gate.distances import FARTHEST_NEIGHBOR
from ..families import PackedFamilies, members
from ..scans import scan_by
from .accuracy import NOT_ONE, SOLVED, WINDOW_TOO_SMALL
from .bucketed import BucketQuery, BucketRows, bucket_nodes, new_bucket_work, solve_bucketed_njit
from .continuous import (
    FEWEST_NODES,
    MOST_NODES,
    Query,
    goes_one_by_one,
    new_rows,
    new_work,
    solve_njit,
    starting_position,
)
from .distance_law import CDF, LOGCDF, LOGSF, SF, ncx2_njit
from .distances import QUERIES, new_sums, sq_distances_csr_njit, sq_distances_njit
from .law_table import new_table
from .threads import for_each_query
from .winner import race_contest, vote_contest

__all__ = [
    "FAMILY_SIZE",
    "distances",
    "distances_csr",
    "ncx2_cdf",
    "ncx2_logcdf",
    "ncx2_logsf",
    "ncx2_sf",
    "race",
    "race_families",
    "vote",
    "vote_bucketed",
    "vote_scan",
]

# Members of a family that are worth asking for at once: here each is a race of its own.
FAMILY_SIZE = 4


# ------------------------------------------------------------------------------------------------------------
# Distance law


def ncx2_cdf(x, dof, nonc):
    """P(X <= x), X non-central chi-square; three float64 arrays of one length."""
    return _ncx2(CDF, x, dof, nonc)


def ncx2_sf(x, dof, nonc):
    """P(X > x)."""
    return _ncx2(SF, x, dof, nonc)


def ncx2_logcdf(x, dof, nonc):
    """log P(X <= x)."""
    return _ncx2(LOGCDF, x, dof, nonc)


def ncx2_logsf(x, dof, nonc):
    """log P(X > x)."""
    return _ncx2(LOGSF, x, dof, nonc)


def _ncx2(what, x, dof, nonc):
    out = np.empty(x.shape)
    # copies: numba would compile anew for arrays that cannot be written to
    x, dof, nonc = (np.array(values, dtype=np.float64) for values in (x, dof, nonc))
    for first in range(0, x.size, 4096):  # Ctrl-C is heard between slices
        part = slice(first, first + 4096)
        ncx2_njit(what, x[part], dof[part], nonc[part], out[part])
    return out


# ------------------------------------------------------------------------------------------------------------
# Votes and races


def vote(distances, labels, *, n_classes, n_neighbors, sigma, dof, n_threads):
    """The continuous classifier: distances (m, n), labels (n,) -> probabilities, errors (m, C).

    Raises
    ------
    RuntimeError
        If the kernel cannot answer to its stated accuracy.
    """
    classes = _Classes(distances, labels, n_classes, n_neighbors)
    probabilities, errors = np.zeros((2, len(distances), n_classes))
    if classes.certain_winner is not None:
        probabilities[:, classes.certain_winner] = 1.0
        return probabilities, errors
    contest = vote_contest(len(classes.present), n_neighbors)

    def make_worker():
        solver = _ContinuousSolver(classes.offsets, contest, float(dof), n_threads)

        def worker(query):
            np.divide(distances[query, classes.order], sigma, out=solver.s)
            solver.solve()
            probabilities[query, classes.present] = solver.q
            errors[query, classes.present] = solver.error

        return worker, solver.close

    for_each_query(len(distances), n_threads, make_worker)
    return probabilities, errors


def vote_bucketed(distances, labels, *, n_classes, n_neighbors, sigma, dof, edges, n_threads):
    """As `vote`, the bucketed classifier of Theorem 3 of RAB; edges on the squared distance, increasing."""
    classes = _Classes(distances, labels, n_classes, n_neighbors)
    probabilities, errors = np.zeros((2, len(distances), n_classes))
    if classes.certain_winner is not None:
        probabilities[:, classes.certain_winner] = 1.0
        return probabilities, errors
    contest = vote_contest(len(classes.present), n_neighbors)
    nodes = bucket_nodes(np.asarray(edges), sigma)

    def make_worker():
        solver = _BucketedSolver(classes, contest, float(dof), nodes, n_threads)

        def worker(query):
            np.divide(distances[query], sigma, out=solver.s)
            solver.solve()
            probabilities[query, classes.present] = solver.q
            errors[query, classes.present] = solver.error

        return worker, solver.close

    for_each_query(len(distances), n_threads, make_worker)
    return probabilities, errors


def race(distances_a, m_a, distances_b, m_b, *, sigma, dof):
    """(p_a, p_b, error): the m_a-th of A comes first; the m_b-th of B does. A short list never arrives."""
    if m_a < 1 or m_b < 1:
        raise ValueError("m_a and m_b must be at least 1")
    a_arrives, b_arrives = len(distances_a) >= m_a, len(distances_b) >= m_b
    if not (a_arrives and b_arrives):
        return float(a_arrives), float(b_arrives), 0.0
    offsets = np.cumsum([0, len(distances_a), len(distances_b)])
    solver = _ContinuousSolver(offsets, race_contest(m_a, m_b), float(dof), 1)
    np.divide(np.concatenate([distances_a, distances_b]), sigma, out=solver.s)
    solver.solve()
    solver.close()
    return float(solver.q[0]), float(solver.q[1]), float(solver.error.max())


def race_families(
    distances,
    first,
    end,
    start,
    n_members,
    m_a,
    m_b,
    *,
    sigma,
    dof,
    tolerance,
    n_threads,
):
    """Every member of every family by `race` -> (p, errors), each (n_members, 2); see families.py.

    Always to full accuracy: `tolerance` is accepted and ignored.
    """
    packed = PackedFamilies(distances, first, end, start, n_members)
    races = list(members(packed))
    probabilities, errors = np.zeros((2, len(races), 2))

    def worker(member):
        family, a, b = races[member]
        p_a, p_b, error = race(a, m_a[family], b, m_b[family], sigma=sigma, dof=dof)
        probabilities[member], errors[member] = (p_a, p_b), error

    for_each_query(len(races), n_threads, lambda: (worker, None))
    return probabilities, errors


class _Classes:
    """Classes that have rows, in the order of their index: they become the lists of the contest."""

    def __init__(self, distances, labels, n_classes, n_neighbors):
        if distances.ndim != 2 or labels.ndim != 1 or distances.shape[1] != labels.size:
            raise ValueError("distances must be (m, n) and labels (n,)")
        if not 1 <= n_neighbors <= labels.size:
            raise ValueError("n_neighbors out of range")
        if labels.min() < 0 or labels.max() >= n_classes:
            raise ValueError("labels must be 0 .. n_classes - 1")
        self.present, self.lists = np.unique(labels, return_inverse=True)
        self.counts = np.bincount(self.lists)
        self.order = np.argsort(self.lists, kind="stable")  # rows by list
        self.offsets = np.concatenate([[0], np.cumsum(self.counts)])
        # All rows vote, or all have one class: the noise decides nothing. Ties go to the lowest class.
        self.certain_winner = None
        if self.present.size == 1 or n_neighbors == labels.size:
            self.certain_winner = self.present[np.argmax(self.counts)]


# Doubles of cells in all tables that work at one time, and in each at least. A table that has more starts
# afresh.
_TABLES_SIZE, _TABLE_SIZE = (128 << 20) // 8, (16 << 20) // 8


class _Tables:
    """Tables of one law that wait for the next call."""

    def __init__(self):
        self._lock = threading.Lock()
        self._law = None
        self._idle = []

    def take(self, law):
        with self._lock:
            if law != self._law:
                self._law = law
                self._idle.clear()
            return self._idle.pop() if self._idle else new_table()

    def give_back(self, law, table):
        with self._lock:
            if law == self._law:
                self._idle.append(table)


_TABLES = _Tables()


class _Solver:
    """The lists of one contest and what is kept between its queries; `s` is filled in before each `solve`."""

    def __init__(self, law, n_rows, n_lists, n_threads):
        self._law = law
        self._table_size = max(_TABLE_SIZE, _TABLES_SIZE // n_threads)
        self.table = _TABLES.take(law)
        self.s = np.empty(n_rows)
        self.q, self.error = np.empty(n_lists), np.empty(n_lists)

    def close(self):
        _TABLES.give_back(self._law, self.table)

    def start_afresh_if_full(self):
        if self.table.used[0] > self._table_size:
            self.table.used[:] = 0

    @staticmethod
    def check_resolution(distance):
        if distance > FARTHEST_NEIGHBOR:
            raise RuntimeError(
                f"sigma is too small against the distances: the K-th nearest row lies at {distance:g} sigma, "
                f"expected at most {FARTHEST_NEIGHBOR:g}; use a larger sigma, or rescale the features"
            )

    @staticmethod
    def check_status(status, total, report):
        if status == SOLVED:
            return
        if status == NOT_ONE:
            raise RuntimeError(
                f"the class probabilities add up to {total:f}, not to 1 within 1e-9: no certificate is "
                f"issued; please report {report}"
            )
        raise RuntimeError("the window of the integral does not close; please report this table")


def _distance_of(s, k):
    """Where the k-th row lies."""
    return float(np.partition(s, k - 1)[k - 1])


class _ContinuousSolver(_Solver):
    def __init__(self, offsets, contest, dof, n_threads):
        super().__init__(dof, offsets[-1], contest.n_lists, n_threads)
        self._rows = new_rows(self.s, offsets)
        self._contest, self._dof = contest, dof
        self._work = new_work(contest, self.table)

    def solve(self):
        s, offsets = self.s, self._rows.offsets
        # Without noise the contest is decided where the first list is complete, or by the K-th of all rows.
        decided = _distance_of(s, min(self._contest.n_neighbors, s.size))
        if self._contest.is_race:
            for c, degree in enumerate(self._contest.degree):
                own = s[offsets[c] : offsets[c + 1]]
                if own.size >= degree:
                    decided = min(decided, _distance_of(own, degree))
        self.check_resolution(decided)
        start = starting_position(decided, self._dof)
        one_by_one = goes_one_by_one(s.size, start)
        if one_by_one:
            for first, end in zip(offsets[:-1], offsets[1:], strict=True):
                s[first:end].sort()
        self.start_afresh_if_full()
        n_nodes = FEWEST_NODES
        while True:
            query = Query(self._rows, self._contest, self._dof, one_by_one, decided, self._work)
            status, total = solve_njit(query, start, self.q, self.error)
            if status != WINDOW_TOO_SMALL or n_nodes == MOST_NODES:
                break
            n_nodes *= 2
            self._work = new_work(self._contest, self.table, n_nodes)
        self.check_status(status, total, "this table")


class _BucketedSolver(_Solver):
    def __init__(self, classes, contest, dof, nodes, n_threads):
        super().__init__((dof, nodes.tobytes()), classes.lists.size, contest.n_lists, n_threads)
        self._classes = classes
        self._q_of_tails = np.empty(contest.n_lists)
        rows = BucketRows(self.s, classes.lists, classes.counts)
        work = new_bucket_work(contest, self.s.size, self.table)
        self._query = BucketQuery(rows, contest, dof, nodes, work)

    def solve(self):
        # the nearest of all lists' rows of the rank at which the list is complete
        by_list, offsets = self.s[self._classes.order], self._classes.offsets
        start = np.inf
        for first, end, degree in zip(offsets[:-1], offsets[1:], self._query.contest.degree, strict=True):
            nth = min(degree, end - first) - 1
            start = min(start, float(np.partition(by_list[first:end], nth)[nth]))
        self.check_resolution(start)
        self.start_afresh_if_full()
        status = solve_bucketed_njit(self._query, start, self.q, self._q_of_tails, self.error)
        self.check_status(*status, "this table and these edges")


# ------------------------------------------------------------------------------------------------------------
# Distances


def distances(queries, rows, *, n_threads):
    """(m, d), (n, d) float64 -> (m, n) Euclidean distances by direct differences."""
    if queries.ndim != 2 or rows.ndim != 2 or queries.shape[1] != rows.shape[1]:
        raise ValueError("queries (m, d) and rows (n, d) expected")
    out = np.empty((len(queries), len(rows)))

    def make_worker():  # Ctrl-C is heard between groups of queries
        sums = new_sums()

        def worker(group):
            part = slice(group * QUERIES, (group + 1) * QUERIES)
            sq_distances_njit(queries[part], rows, sums, out[part])
            np.sqrt(out[part], out=out[part])

        return worker, None

    for_each_query(-(-len(queries) // QUERIES), n_threads, make_worker)
    return out


def distances_csr(q_indptr, q_indices, q_data, r_indptr, r_indices, r_data, *, n_threads):
    """Two CSR matrices with sorted column indices, none twice -> (m, n) Euclidean distances."""
    for indptr, indices, data in ((q_indptr, q_indices, q_data), (r_indptr, r_indices, r_data)):
        if indptr.size == 0 or indices.size != data.size or indptr[0] != 0 or indptr[-1] != indices.size:
            raise ValueError("indptr, indices and data do not fit together")
        if (np.diff(indptr) < 0).any():
            raise ValueError("indptr must not decrease")
    out = np.empty((q_indptr.size - 1, r_indptr.size - 1))

    def worker(query):
        sq_distances_csr_njit(query, q_indptr, q_indices, q_data, r_indptr, r_indices, r_data, out[query])
        np.sqrt(out[query], out=out[query])

    for_each_query(len(out), n_threads, lambda: (worker, None))
    return out


vote_scan = scan_by(distances, vote)
