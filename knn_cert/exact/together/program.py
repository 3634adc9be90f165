"""Program: how many queries one set of tampered rows can change, bounded by a linear program and its dual.

An attack picks at most r rows: x_j = 1 for those, else 0. A query changes (e_i = 1) only if its conditions
hold, each of them a demand for rows,

    e_i <= sum_j a_kj x_j     for every condition k of the query i, with a_kj >= 0.

Theorem (weak duality). For any numbers u_k >= 0, with U_i the sum of those of query i, every attack has

    sum_i w_i e_i <= sum_i max(w_i - U_i, 0) + the sum of the r largest of the numbers s_j = sum_k u_k a_kj.

Proof. w_i e_i <= max(w_i - U_i, 0) e_i + U_i e_i. The first terms are at most max(w_i - U_i, 0) since e_i
<= 1; U_i e_i is at most the sum of u_k a_kj x_j over the conditions of i. Summed over i that is sum_j s_j
x_j, and of the s_j >= 0 at most r are picked.

The least right-hand side is the optimum of the program with fractions for x and e, and its solver finds
good u. But no claim rests on the solver: whatever u it returns, the bound is worked out from them here,
rounded up. Without a solver u = 0 says that all queries change, and u = w that they change in proportion to
their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from ..._types import BoolArray, FloatArray, WholeArray

__all__ = ["Demands", "Program", "Relaxed", "largest_sum"]

_EPS = float(np.finfo(np.float64).eps)


class Demands(NamedTuple):
    """Conditions of the queries of one chunk, as `Program` has them."""

    conditions: Any
    owner: WholeArray
    n_queries: int


class Relaxed(NamedTuple):
    """The program with fractions: its bound, the duals that prove it, and how far each query changes."""

    bound: float
    duals: FloatArray
    changed: FloatArray


@dataclass(frozen=True, eq=False)
class Program:
    """What an attack must pick to change each query.

    Attributes
    ----------
    conditions : csr_array of shape (n_conditions, n_rows)
        a_kj, where rounded then upwards.
    owner : ndarray of int, shape (n_conditions,)
        The query of each condition. A query without any changes by itself.
    n_queries : int
    rows : int
        r, how many rows an attack picks at most.
    """

    conditions: Any
    owner: WholeArray
    n_queries: int
    rows: int

    @classmethod
    def of_parts(cls, parts: Sequence[Demands], rows: int) -> Program:
        """Return the program of all queries of several chunks, in their order."""
        start = np.cumsum([0, *(part.n_queries for part in parts)])
        return cls(
            sp.vstack([part.conditions for part in parts]).tocsr(),
            np.concatenate([first + part.owner for first, part in zip(start, parts, strict=False)]),
            int(start[-1]),
            rows,
        )

    def of(self, members: BoolArray) -> Program:
        """Return the program of some of the queries, in their order."""
        kept = members[self.owner]
        number = np.cumsum(members) - 1
        return Program(
            self.conditions[np.flatnonzero(kept)],
            number[self.owner[kept]],
            int(np.count_nonzero(members)),
            self.rows,
        )

    def bound(self, duals: FloatArray, weights: FloatArray) -> float:
        """Upper bound on the sum of the weights of the queries that an attack changes, by any duals >= 0."""
        by_query = np.bincount(self.owner, weights=duals, minlength=self.n_queries)
        alone = float(np.maximum(weights - by_query, 0.0).sum())
        picked = largest_sum(self.conditions.T @ duals, self.rows)
        return self.rounded_up(alone + picked, float(weights.sum()))

    def rounded_up(self, bound: float, weight: float) -> float:
        """Return a bound that rounding has not made too small.

        It is a sum of sums of products of numbers >= 0, and of w_i - U_i. A sum of p such terms is wrong by
        less than p eps of itself, w_i - U_i by less than p eps of the larger of both, which matters where it
        is w_i: all of these have the sum ``weight``. There are half as many terms as counted here.
        """
        terms = 2 * (len(self.owner) + self.n_queries + self.rows + 8)
        return (bound + weight) * (1.0 + terms * _EPS) - weight

    def relax(self, weights: FloatArray, seconds: float) -> Relaxed:
        """Return the program with fractions, or what is known without a solver where that fails."""
        found = self._solve(weights, seconds)
        in_proportion = self._in_proportion(weights)
        candidates = [np.zeros(len(self.owner)), in_proportion]
        changed = np.zeros(self.n_queries)
        if found is not None:
            candidates.insert(0, found[0])
            changed = found[1]
        bounds = [self.bound(duals, weights) for duals in candidates]
        best = int(np.argmin(bounds))
        return Relaxed(bounds[best], candidates[best], changed)

    def _in_proportion(self, weights: FloatArray) -> FloatArray:
        """Return duals that give the whole weight of a query to its first condition."""
        duals = np.zeros(len(self.owner))
        queries, first = np.unique(self.owner, return_index=True)
        duals[first] = weights[queries]
        return duals

    def _solve(self, weights: FloatArray, seconds: float) -> tuple[FloatArray, FloatArray] | None:
        """Return duals of the conditions and e, as a solver has them; None where it failed."""
        # nobody needs to pick rows that no condition asks for
        used = np.flatnonzero(np.diff(self.conditions.tocsc().indptr))
        n_conditions, n_queries = len(self.owner), self.n_queries
        if n_conditions == 0 or seconds <= 0.0:
            return None
        wants = sp.csr_array(
            (np.ones(n_conditions), (np.arange(n_conditions), self.owner)), shape=(n_conditions, n_queries)
        )
        picked = sp.csr_array(np.concatenate([np.zeros(n_queries), np.ones(len(used))])[None])
        demands = sp.hstack([wants, -self.conditions[:, used]])
        solution = linprog(
            -np.concatenate([weights, np.zeros(len(used))]),
            A_ub=sp.vstack([demands, picked]).tocsr(),
            b_ub=np.concatenate([np.zeros(n_conditions), [float(self.rows)]]),
            bounds=(0.0, 1.0),
            method="highs",
            options={"time_limit": seconds},
        )
        if solution.status != 0:
            return None
        duals = -np.asarray(solution.ineqlin.marginals, dtype=np.float64)[:n_conditions]
        changed = np.asarray(solution.x, dtype=np.float64)[:n_queries]
        if not (np.isfinite(duals).all() and np.isfinite(changed).all()):
            return None
        return np.maximum(duals, 0.0), np.clip(changed, 0.0, 1.0)


def largest_sum(numbers: FloatArray, count: int) -> float:
    """Return the sum of the so many largest numbers, none of which is negative."""
    if count == 0:
        return 0.0
    if count < len(numbers):
        numbers = np.partition(numbers, len(numbers) - count)[len(numbers) - count :]
    return float(numbers.sum())
