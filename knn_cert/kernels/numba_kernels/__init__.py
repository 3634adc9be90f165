"""A plain fallback for where no compiler was at hand when the package was installed; numba compiles it.

The answers are the compiled kernel's within the errors that both report. Measured on one thread, a vote of
two classes takes 3 to 10 times as long, a budget of flipped labels 4 to 8, the bucketed vote 7. Far rows are
known by their moments in races for at most 12 rows a list, which are votes of two classes with K <= 23; with
more neighbours or classes every row is counted at every node, which takes 10 to 30 times as long. The first
queries at a new number of features or a small sigma are slower still: tables of the law are made on the way.
`vote_scan` works out all distances first. The functions of the distance law are those of `reference`, in
plain Python. It lacks `pair_families` and `rival_scores`: certificates for more than two classes are the
smaller ones that need only races.

The first call of a function compiles for some seconds; machine code is kept on disk for later processes where
numba finds a folder to write to. The contract is in contract.py beside this folder.
"""

from __future__ import annotations

import threading

import numpy as np

from ..reference_loops import ncx2_cdf, ncx2_logcdf, ncx2_logsf, ncx2_sf
from ..scans import scan_by
from .bucketed import Buckets
from .continuous import check_total, integrate
from .distances import QUERIES, dense, sparse
from .law_table import LawTable
from .races import RaceFamily, family_parts
from .threads import for_each_query
from .winner import Vote, votes_to_win

__all__ = [
    "distances",
    "distances_csr",
    "moved_races",
    "ncx2_cdf",
    "ncx2_logcdf",
    "ncx2_logsf",
    "ncx2_sf",
    "pair_families",
    "race",
    "race_families",
    "rival_scores",
    "summaries",
    "vote",
    "vote_bucketed",
    "vote_scan",
]


# ------------------------------------------------------------------------------------------------------------
# Votes and races

# The table of the law asked for last: answers do not depend on it, but the next call may be for the same.
_LAST_TABLE: dict = {}
_TABLE_LOCK = threading.Lock()


def _table(dof, *nodes):
    """The table of a law, at nodes of its own if any are named; kept until another one is asked for."""
    with _TABLE_LOCK:
        key = (dof, *nodes)
        if key not in _LAST_TABLE:
            _LAST_TABLE.clear()
            _LAST_TABLE[key] = LawTable(dof)
        return _LAST_TABLE[key]


def _in_sigma(distances, sigma):
    """Distances over sigma, cut off where no node comes near: numbers of cells have to be exact."""
    with np.errstate(over="ignore"):  # infinitely far is far enough
        return np.minimum(distances / sigma, 1e15)


def vote(distances, labels, *, n_classes, n_neighbors, sigma, dof, n_threads):
    """The continuous classifier: distances (m, n), labels (n,) -> probabilities, errors (m, C).

    Raises
    ------
    RuntimeError
        If the kernel cannot answer to its stated accuracy.
    """
    classes = _Classes(distances, labels, n_classes, n_neighbors)
    degrees = ((n_neighbors + 1) // 2, n_neighbors // 2 + 1)
    law, offsets = _table(float(dof)), classes.offsets
    is_race = classes.present.size == 2

    def answer(query):
        s = _in_sigma(distances[query, classes.order], sigma)
        for first, end in zip(offsets[:-1], offsets[1:], strict=True):
            s[first:end].sort()
        if is_race:  # the lower class wins with K/2 votes if K is even, both need (K + 1)/2 if it is odd
            decided = float(min(s[degrees[0] - 1], s[offsets[1] + degrees[1] - 1]))
            q, error = integrate(law, RaceFamily(s, offsets, 1, degrees, decided))
            q, error = q[0], error[0]
        else:
            q, error = integrate(law, Vote(s, offsets, n_neighbors))
        check_total(float(q.sum()))
        return q, error

    return _votes(classes, answer, len(distances), n_threads)


def vote_bucketed(distances, labels, *, n_classes, n_neighbors, sigma, dof, edges, n_threads):
    """As `vote`, the bucketed classifier of Theorem 3 of RAB; edges on the squared distance, increasing."""
    classes = _Classes(distances, labels, n_classes, n_neighbors)
    edges = _in_sigma(np.sqrt(np.asarray(edges, dtype=np.float64)), sigma)
    law = _table(float(dof), edges.tobytes())

    def answer_alone():
        buckets = Buckets(law, edges, classes.lists, classes.present.size, n_neighbors)
        return lambda query: buckets.vote(_in_sigma(distances[query], sigma))

    local = threading.local()

    def answer(query):
        if not hasattr(local, "answer"):
            local.answer = answer_alone()
        return local.answer(query)

    return _votes(classes, answer, len(distances), n_threads)


def _votes(classes, answer, n_queries, n_threads):
    """Probabilities and errors of all classes, (m, C) each, from those of the classes that have rows."""
    probabilities, errors = np.zeros((2, n_queries, classes.n_classes))
    if classes.certain_winner is not None:
        probabilities[:, classes.certain_winner] = 1.0
        return probabilities, errors

    def work(query):
        probabilities[query, classes.present], errors[query, classes.present] = answer(query)

    for_each_query(n_queries, n_threads, work)
    return probabilities, errors


def race(distances_a, m_a, distances_b, m_b, *, sigma, dof):
    """(p_a, p_b, error): the m_a-th of A comes first; the m_b-th of B does. A short list never arrives."""
    if m_a < 1 or m_b < 1:
        raise ValueError("m_a and m_b must be at least 1")
    n = len(distances_a) + len(distances_b)
    p, error = race_families(
        np.concatenate([distances_a, distances_b]).astype(np.float64),
        np.zeros(n, dtype=np.int64),
        np.ones(n, dtype=np.int64),
        np.array([0, len(distances_a), n]),
        np.array([1]),
        np.array([m_a]),
        np.array([m_b]),
        sigma=sigma,
        dof=dof,
        tolerance=0.0,
        n_threads=1,
    )
    return float(p[0, 0]), float(p[0, 1]), float(error.max())


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
    """Every member of every family -> (p, errors), each (members of all, 2); kernels/families.py says how.

    `tolerance` is the absolute error that is enough, 0 for full relative accuracy.
    """
    law = _table(float(dof))
    begin = np.cumsum([0, *n_members])
    probabilities, errors = np.zeros((2, begin[-1], 2))

    def work(family):
        rows = slice(start[2 * family], start[2 * family + 2])
        s = _in_sigma(distances[rows], sigma)
        is_b = np.arange(s.size) >= start[2 * family + 1] - start[2 * family]
        degrees = int(m_a[family]), int(m_b[family])
        p, error = probabilities[begin[family] : begin[family + 1]], errors[begin[family] : begin[family + 1]]
        for c in range(2):  # where a list is too short the other one comes first, if it is not
            own = is_b if c else ~is_b
            steps = np.zeros(len(p) + 1, dtype=np.int64)
            np.add.at(steps, first[rows][own], 1)
            np.add.at(steps, end[rows][own], -1)
            p[:, c] = np.cumsum(steps[:-1]) >= degrees[c]
        for members, part in family_parts(s, is_b, first[rows], end[rows], len(p), degrees):
            p[members], error[members] = integrate(law, part, tolerance)
            for one in p[members]:
                check_total(float(one.sum()), tolerance)

    for_each_query(len(n_members), n_threads, work)
    return probabilities, errors


moved_races = None
pair_families = None
rival_scores = None
summaries = None


class _Classes:
    """Classes that have rows, in the order of their index: they become the lists of the contest."""

    def __init__(self, distances, labels, n_classes, n_neighbors):
        if distances.ndim != 2 or labels.ndim != 1 or distances.shape[1] != labels.size:
            raise ValueError("distances must be (m, n) and labels (n,)")
        if not 1 <= n_neighbors <= labels.size:
            raise ValueError("n_neighbors out of range")
        if labels.min() < 0 or labels.max() >= n_classes:
            raise ValueError("labels must be 0 .. n_classes - 1")
        self.n_classes = n_classes
        self.present, self.lists = np.unique(labels, return_inverse=True)
        counts = np.bincount(self.lists)
        self.order = np.argsort(self.lists, kind="stable")  # rows by list
        self.offsets = np.concatenate([[0], np.cumsum(counts)])
        # Where all rows vote, or one class alone has the rows to win, the noise decides nothing.
        enough = np.flatnonzero(counts >= votes_to_win(counts.size, n_neighbors))
        self.certain_winner = None
        if n_neighbors == labels.size:  # ties go to the lowest class
            self.certain_winner = self.present[np.argmax(counts)]
        elif enough.size == 1:
            self.certain_winner = self.present[enough[0]]


# ------------------------------------------------------------------------------------------------------------
# Distances


def distances(queries, rows, *, n_threads):
    """(m, d), (n, d) float64 -> (m, n) Euclidean distances by direct differences."""
    if queries.ndim != 2 or rows.ndim != 2 or queries.shape[1] != rows.shape[1]:
        raise ValueError("queries (m, d) and rows (n, d) expected")
    out = np.empty((len(queries), len(rows)))
    parts = [slice(first, first + QUERIES) for first in range(0, len(queries), QUERIES)]
    for_each_query(len(parts), n_threads, lambda i: dense(queries[parts[i]], rows, out[parts[i]]))
    return out


def distances_csr(q_indptr, q_indices, q_data, r_indptr, r_indices, r_data, *, n_threads):
    """Two CSR matrices with sorted column indices, none twice -> (m, n) Euclidean distances."""
    for indptr, indices, data in ((q_indptr, q_indices, q_data), (r_indptr, r_indices, r_data)):
        if indptr.size == 0 or indices.size != data.size or indptr[0] != 0 or indptr[-1] != indices.size:
            raise ValueError("indptr, indices and data do not fit together")
        if (np.diff(indptr) < 0).any():
            raise ValueError("indptr must not decrease")
    out = np.empty((q_indptr.size - 1, r_indptr.size - 1))

    def work(query):
        ends = q_indptr[query], q_indptr[query + 1]
        sparse(*ends, q_indices, q_data, r_indptr, r_indices, r_data, out[query])

    for_each_query(len(out), n_threads, work)
    return out


vote_scan = scan_by(distances, vote)
