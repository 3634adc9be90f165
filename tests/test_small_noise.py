"""With little noise the certificates of counted rows are those without noise, tied distances apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knn_cert import largest_budget
from knn_cert.threats import Deletions, Insertions, LabelFlips, Replacements

# How many of the nearest rows of the class go, and whether as many come: where they were, or at the query.
COUNTED = {
    LabelFlips: (1, "where they were"),
    Replacements: (1, "at the query"),
    Insertions: (0, "at the query"),
    Deletions: (1, None),
}


def wins(a, b, m, m_rest, *, wins_ties):
    """Whether the m-th of A comes before the m'-th of B: a rank, with ties to one of them."""
    if len(a) < m or len(b) < m_rest:
        return len(a) >= m
    first, other = np.sort(a)[m - 1], np.sort(b)[m_rest - 1]
    return bool(first <= other if wins_ties else first < other)


def without_noise(distances, labels, kind, *, target, n_neighbors, wins_ties):
    """The largest number of tampered rows that the vote survives, from its definition."""
    a, b = np.sort(distances[labels == target]), distances[labels != target]
    m = (n_neighbors + 1) // 2 if target == 0 else n_neighbors // 2 + 1
    goes, comes = COUNTED[kind]
    largest = -1
    for r in range(kind().most_rows(len(distances), n_neighbors) + 1):
        come = {"where they were": a[:r], "at the query": np.zeros(r), None: np.zeros(0)}[comes]
        if not wins(a[goes * r :], np.concatenate([b, come]), m, n_neighbors + 1 - m, wins_ties=wins_ties):
            break
        largest = r
        if r > len(distances):
            return math.inf  # nothing more to take
    return largest


@st.composite
def tables(draw, *, ties):
    """Distances that are whole numbers, and labels of two classes."""
    n = draw(st.integers(3, 60))
    least = 0 if ties else 1
    values = st.integers(least, n // 2 + 1 if ties else 2000)
    distances = draw(st.lists(values, min_size=n, max_size=n, unique=not ties))
    labels = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    n_neighbors = draw(st.integers(1, n))
    return np.array(distances, dtype=float), np.array(labels), n_neighbors


LAW = {"n_classes": 2, "sigma": 1e-3}


@pytest.mark.parametrize("kind", COUNTED)
@given(table=tables(ties=False), target=st.integers(0, 1), dof=st.sampled_from([1, 3, 57]))
def test_budgets_are_those_without_noise(kind, table, target, dof):
    distances, labels, n_neighbors = table
    wanted = without_noise(distances, labels, kind, target=target, n_neighbors=n_neighbors, wins_ties=False)
    found = largest_budget(
        distances**2, labels, kind(), target_class=target, n_neighbors=n_neighbors, dof=dof, **LAW
    )
    assert found == wanted


@pytest.mark.parametrize("kind", COUNTED)
@given(table=tables(ties=True), target=st.integers(0, 1), dof=st.sampled_from([1, 3, 57]))
def test_where_distances_tie_noise_decides_between_all_orders_of_ties(kind, table, target, dof):
    """A certificate without noise holds for every order of ties; with noise all orders have their share."""
    distances, labels, n_neighbors = table
    found = largest_budget(
        distances**2, labels, kind(), target_class=target, n_neighbors=n_neighbors, dof=dof, **LAW
    )
    low, high = (
        without_noise(distances, labels, kind, target=target, n_neighbors=n_neighbors, wins_ties=wins_ties)
        for wins_ties in (False, True)
    )
    assert low <= found <= high


@pytest.mark.parametrize("kind", COUNTED)
def test_budgets_of_a_large_table_join_those_without_noise(kind):
    """The smaller the noise the nearer, and equal in the end: one query after the other, K up to 301."""
    rng = np.random.default_rng(1)
    n = 1200
    labels = rng.integers(0, 2, size=n)
    # an even spread: every gap is 1 at least
    distances = rng.permutation(np.arange(1.0, 3 * n))[:n] * np.where(labels == 1, 1.0, 0.5)
    for n_neighbors in (5, 60, 301):
        wanted = without_noise(distances, labels, kind, target=0, n_neighbors=n_neighbors, wins_ties=False)
        found = [
            largest_budget(
                distances**2, labels, kind(), target_class=0, n_neighbors=n_neighbors, sigma=sigma, dof=4
            )
            for sigma in (30.0, 1.0, 0.01)
        ]
        assert abs(found[1] - wanted) <= 2 + abs(found[0] - wanted)
        assert found[2] == wanted
