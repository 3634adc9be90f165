"""Distances, dense and sparse, against exact fractions; shifted data must lose nothing."""

from __future__ import annotations

from fractions import Fraction

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

UNIT_ROUNDOFF = Fraction(1, 2**53)


def exact_table(queries, rows):
    return [[naive.sq_distance(q, r) for r in rows] for q in queries]


def assert_direct(table, queries, rows):
    """Relative error at most (d / 2 + 2) u to first order: direct differences in any order, and the root."""
    bound = (Fraction(queries.shape[1], 2) + Fraction(5, 2)) * UNIT_ROUNDOFF
    for got_row, exact_row in zip(table.tolist(), exact_table(queries, rows), strict=True):
        for got, exact in zip(got_row, exact_row, strict=True):
            assert (1 - bound) ** 2 * exact <= Fraction(got) ** 2 <= (1 + bound) ** 2 * exact


def csr(kernel, queries, rows, *, index_type=np.int64, n_threads=1):
    parts = []
    for matrix in (sp.csr_array(queries), sp.csr_array(rows)):
        matrix.sort_indices()
        parts += [matrix.indptr.astype(index_type), matrix.indices.astype(index_type), matrix.data]
    return kernel.distances_csr(*parts, n_threads=n_threads)


@pytest.mark.parametrize("d", [1, 2, 7, 8, 9, 56, 130])
def test_dense_distances_are_direct_differences(kernel, d):
    rng = np.random.default_rng(d)
    queries, rows = rng.normal(size=(5, d)), rng.normal(size=(11, d)) * 10.0 ** rng.integers(-3, 3, size=d)
    table = kernel.distances(queries, rows, n_threads=1)
    assert table.shape == (5, 11)
    assert table.dtype == np.float64
    assert_direct(table, queries, rows)


@pytest.mark.parametrize("offset", [1e6, -1e12])
def test_a_far_offset_of_all_points_loses_nothing(kernel, offset):
    # |x|^2 + |y|^2 - 2 x y would keep 4e-3 at 1e6 and nothing at 1e12.
    rng = np.random.default_rng(0)
    queries, rows = rng.normal(size=(3, 20)) + offset, rng.normal(size=(4, 20)) + offset
    assert_direct(kernel.distances(queries, rows, n_threads=1), queries, rows)


def test_equal_points_are_at_distance_zero(kernel):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(6, 13)) * 1e5
    table = kernel.distances(rows, rows, n_threads=1)
    np.testing.assert_array_equal(np.diagonal(table), 0.0)
    np.testing.assert_array_equal(table, table.T)
    np.testing.assert_array_equal(np.diagonal(csr(kernel, rows, rows)), 0.0)


def sparse_tables(seed, n_queries=6, n_rows=9, d=40, density=0.2):
    rng = np.random.default_rng(seed)

    def table(n):
        values = rng.normal(size=(n, d)) * 10.0 ** rng.integers(-2, 3, size=(n, 1))
        return np.where(rng.random((n, d)) < density, values, 0.0)

    queries, rows = table(n_queries), table(n_rows)
    queries[0] = 0.0  # an empty row in each table, and two rows with no column in common
    rows[1] = 0.0
    queries[2, ::2], rows[2, 1::2] = 0.0, 0.0
    return queries, rows


@pytest.mark.parametrize("density", [0.0, 0.05, 0.5, 1.0])
def test_sparse_distances_are_direct_differences(kernel, density):
    queries, rows = sparse_tables(3, density=density)
    table = csr(kernel, queries, rows)
    assert table.shape == (6, 9)
    assert_direct(table, queries, rows)


def test_sparse_distances_with_32_bit_indices_are_the_same(kernel):
    queries, rows = sparse_tables(4)
    np.testing.assert_array_equal(csr(kernel, queries, rows, index_type=np.int32), csr(kernel, queries, rows))


def test_sparse_distances_keep_entries_that_are_stored_as_zero(kernel):
    data = np.array([1.0, 0.0, 2.0])
    table = kernel.distances_csr(
        np.array([0, 3]), np.array([0, 1, 2]), data, np.array([0, 1]), np.array([1]), np.array([5.0]),
        n_threads=1,
    )  # fmt: skip
    np.testing.assert_array_equal(table, [[np.sqrt(30.0)]])


@given(
    values=st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=8, max_size=8),
    mask=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_sparse_and_dense_agree_on_any_pattern(kernel, values, mask):
    table = np.where(mask, values, 0.0).reshape(2, 4)
    dense = kernel.distances(table[:1].copy(), table[1:].copy(), n_threads=1)
    np.testing.assert_allclose(csr(kernel, table[:1], table[1:]), dense, rtol=1e-15)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_the_number_of_threads_changes_no_bit(kernel, n_threads):
    rng = np.random.default_rng(2)
    queries, rows = rng.normal(size=(7, 30)), rng.normal(size=(12, 30))
    np.testing.assert_array_equal(
        kernel.distances(queries, rows, n_threads=n_threads),
        kernel.distances(queries, rows, n_threads=1),
    )
    queries, rows = sparse_tables(5)
    np.testing.assert_array_equal(csr(kernel, queries, rows, n_threads=n_threads), csr(kernel, queries, rows))


def test_no_queries_give_an_empty_table(kernel):
    assert kernel.distances(np.empty((0, 4)), np.ones((3, 4)), n_threads=1).shape == (0, 3)
