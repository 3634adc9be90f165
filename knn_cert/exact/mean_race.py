"""Where the mean counts of a race put the largest number of tampered rows: a guess, nothing is claimed by it.

The target survives about as many rows as let it and the others arrive at the same distance when every count
of rows within a distance is taken for its mean. That is the largest certified number to within a few rows,
and costs a few arrays of a few thousand numbers.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from .._types import FloatArray
from ..kernels.families import FamilyRows, RaceFamily

__all__ = ["expected_count"]

# So many distances are looked at together, until they are so close, in units of sigma.
_NODES, _FINEST_STEP = 14, 0.03
# The next ones reach beyond the two between which the answer lies by this share of their distance.
_BEYOND = 0.25

# A noisy distance is as good as certain beyond so many units of sigma: its standard deviation is at most one.
_CERTAIN = 6.0
# Rows are grouped anew while that leaves so much less of them to group.
_MUCH_LESS = 0.7

# Neighbouring rows are taken together, in so many groups a list; the first and the last groups are the
# smallest, for the nearest rows decide, or those that are left.
_GROUPS = 40
_EVEN = np.linspace(0.0, 1.0, _GROUPS + 1)
_SHARES = _EVEN * _EVEN * (3.0 - 2.0 * _EVEN)

# The m-th of many rows arrives about where their mean count is half a row less than m.
_HALF_A_ROW = 0.5

# What a row more than there are would add to a mean count: nothing, but it has to be divided by.
_NO_ROW = 1e-6


def expected_count(family: RaceFamily, ranks: tuple[int, int], *, sigma: float, dof: float) -> float:
    """Return about how many tampered rows the target survives; negative if not even none.

    Parameters
    ----------
    family : RaceFamily
        Two races: of the table as it is, and with the largest number in question. Rows of one of them alone
        go, or come, in the order in which they are listed; all others increase.
    ranks : tuple of int
        m and m' of the race.
    sigma, dof : float
    """
    lists = [rows for side in (family.a, family.b) for rows in _staying_and_changing(side, sigma)]
    farthest = max(float(rows[-1]) for rows in lists if len(rows))
    low, high = max(np.sqrt(dof) - _CERTAIN, 0.0), np.hypot(farthest, np.sqrt(dof)) + _CERTAIN
    groups = _Groups(lists, low, high, dof)
    while True:
        nodes = np.linspace(low, high, _NODES)
        means = groups.mean_counts(nodes)
        stay_a, go, stay_b, come = means.transpose(1, 0, 2)
        # rows that may go until the target arrives at the node, and that have to come until the others do
        may_go = _number_for(groups.edges[1], go, stay_a[:, -1] + go[:, -1] - (ranks[0] - _HALF_A_ROW))
        must_come = _number_for(groups.edges[3], come, ranks[1] - _HALF_A_ROW - stay_b[:, -1])
        lead = may_go - must_come
        after = min(max(np.count_nonzero(lead < 0.0), 1), _NODES - 1)
        step = nodes[1] - nodes[0]
        if step <= _FINEST_STEP:
            break
        low, high = nodes[after - 1] - _BEYOND * step, nodes[after] + _BEYOND * step
        if high - low + 2.0 * _CERTAIN < _MUCH_LESS * groups.reach:
            groups = _Groups(lists, low, high, dof)
    before, behind = float(lead[after - 1]), float(lead[after])
    share = min(max(before / (before - behind), 0.0), 1.0) if before != behind else 0.0
    return float(may_go[after - 1] + share * (may_go[after] - may_go[after - 1]))


def _staying_and_changing(rows: FamilyRows, sigma: float) -> tuple[FloatArray, FloatArray]:
    """Return rows of both races, and rows of one of them alone, in units of sigma."""
    stays = (rows.first == 0) & (rows.end == 2)
    return rows.distances[stays] / sigma, rows.distances[~stays] / sigma


def _number_for(edges: FloatArray, means: FloatArray, wanted: FloatArray) -> FloatArray:
    """Return how many rows of a list have the wanted mean count, at each node.

    Parameters
    ----------
    edges : ndarray of shape (n,)
        Numbers of rows, increasing from 0.
    means : ndarray of shape (n_nodes, n)
        Mean counts of so many rows.
    wanted : ndarray of shape (n_nodes,)
    """
    node = np.arange(len(wanted))
    after = np.count_nonzero(means <= wanted[:, None], axis=1).clip(1, len(edges) - 1)
    rows, mean = edges[after - 1], means[node, after - 1]
    in_group, mean_of_group = edges[after] - rows, means[node, after] - mean
    # beyond the ends of the list further rows are as good as none
    share = ((wanted - mean) / np.maximum(mean_of_group, _NO_ROW)).clip(0.0, 1.0)
    beyond = np.minimum(wanted, 0.0) + np.maximum(wanted - means[:, -1], 0.0)
    return rows + in_group * share + beyond / _NO_ROW


class _Groups:
    """Rows of some lists in groups: those that are not certain to be within, or without, some distances.

    The mean, variance v and third cumulant of the noisy distance of a row are those of the square root of its
    noisy square, to the first orders; v grows by the variance of rows spread evenly over the group.
    """

    def __init__(self, lists: list[FloatArray], low: float, high: float, dof: float):
        self.reach = high - low + 2.0 * _CERTAIN
        inside = np.sqrt(max(max(low - _CERTAIN, 0.0) ** 2 - dof, 0.0))
        outside = np.sqrt(max((high + _CERTAIN) ** 2 - dof, 0.0))
        first = np.array([rows.searchsorted(inside) for rows in lists])[:, None]
        end = np.array([rows.searchsorted(outside, side="right") for rows in lists])[:, None]
        edges = first + ((end - first) * _SHARES).astype(np.int64)
        nearest, farthest = np.zeros((2, len(lists), _GROUPS))
        for k, rows in enumerate(lists):
            if len(rows):
                nearest[k] = rows.take(edges[k, :-1], mode="clip")
                farthest[k] = rows.take(edges[k, 1:] - 1, mode="clip")
        s_squared = (0.5 * (nearest + farthest)) ** 2
        mean_square = s_squared + dof
        variance = (0.5 * dof + s_squared) / mean_square
        self._mean = np.sqrt(np.maximum(mean_square - variance, 0.0))
        variance += (farthest - nearest) ** 2 / 12.0 * s_squared / mean_square
        self._deviation = np.sqrt(variance)
        third = dof * (0.25 * dof + s_squared) / mean_square**2.5
        self._skew = third / (6.0 * variance * self._deviation)
        self._first, self._n_rows = first, np.diff(edges)
        # edges of the groups, in rows from the nearest of each list on
        self.edges = np.concatenate([np.zeros_like(first), edges], axis=1).astype(np.float64)

    def mean_counts(self, nodes: FloatArray) -> FloatArray:
        """Return mean counts of the rows up to each edge within each distance: (n_nodes, n_lists, n_edges).

        The probability of a row to be within a distance follows by one term of Edgeworth's series.
        """
        z = (nodes[:, None, None] - self._mean) / self._deviation
        # far out the series is of no use
        probability = ndtr(z - self._skew * (np.minimum(z * z, _CERTAIN**2) - 1.0))
        counts = np.zeros((len(nodes), *self.edges.shape))
        counts[:, :, 1:] = self._first
        counts[:, :, 2:] += np.cumsum(probability * self._n_rows, axis=2)
        return counts
