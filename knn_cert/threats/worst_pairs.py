"""Lists of the worst case for a class against one rival, where there are more than two classes.

The rival beats the class A where it has as many of the K votes, or more where A wins their ties: D = v_A -
v_b is at most 0 or -1. Rows of third classes count by the places that they take, so there are three lists: A,
the rival, the third classes. Of a budget of r rows some are rows of third classes, o of them, and the others
are of A or of the rival. What makes P(D <= x) largest:

==================  ====================  =====================================  ===========================
tampering           list of A             list of the rival                      third rows
==================  ====================  =====================================  ===========================
labels flipped      drop a_1..a_(r-o)     b, a_1..a_(r-o) and c_1..c_o           drop c_1..c_o
rows deleted        drop a_1..a_(r-o)     b and c_1..c_o                         drop c_1..c_o
rows inserted       a                     b and r zeros                          c
rows replaced       drop a_1..a_(r-o)     b, r zeros and c_1..c_o                drop c_1..c_o
moved by eps        r - o rows moved out  r - o moved in, c_1..c_o, c_1..c_o-eps  drop c_1..c_o
==================  ====================  =====================================  ===========================

for some o. Flips and insertions are attained; so are deletions with o = 0. Rows are moved out and in as in
`worst_rows`; where they are relabelled, A drops them and the rival has them, nearer by eps.

*Monotone.* Take one outcome of the noise. If a row of A comes to lie farther out, or goes, it leaves the K
nearest or stays: where it leaves, A loses a vote and gains at most the one of the row that enters. If a row
of the rival comes nearer, or is added, it enters: the rival gains a vote, and A loses one or nobody or the
rival does. Giving a row to the rival takes one from D, or two. None of these raises D.

*Exchange.* Give row i to the rival and not row k, of the same class and nearer. Let r_1 < r_2 be where the
two come to lie, given all other rows. The ratio of the densities of i and k grows with the distance (chi laws
have a monotone likelihood ratio), so k is at r_1 with probability 1/2 at least. If both places are among the
K nearest, or none is, D is the same either way; else D is less where the rival has the row at r_1. So giving
k makes every {D <= x} likelier: the nearest rows are the worst to give.

*Flips.* Other flips are no better than flips to the rival. *Deleted rows of A*: the rows that stay are
farthest out where the nearest go. *Deleted third rows*: each among the K nearest lets in one vote for the
rival at most; giving it to the rival does that and more. *Inserted rows*: all best at the query and the
rival's. *Replaced or moved third rows* are taken for rows that are deleted, which is the same as being given
where they lie, and for rows of the rival besides, as near as they get. *Rows of A and of the rival* that are
replaced or moved are the worst of the race of A against the rival, list by list.

Only for third rows does it matter on which side of the truth a distance lies; they are taken as measured.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._types import FloatArray, WholeArray
from ..kernels.families import FamilyRows, PairFamily, RaceFamily, join

__all__ = ["PairRows", "Splits", "after_giving"]


class PairRows(NamedTuple):
    """Increasing distances of one query to the rows of three lists.

    Attributes
    ----------
    a, rival : ndarray
        At least, and at most, as large as the true ones.
    third : ndarray
        As measured.
    given : ndarray
        The same rows for a list of the rival: at most as large as the true ones.
    crossing : float
        Factor on the distances of rows of A that go over to the rival, as in `worst_rows`.
    lead : int
        1 where the rival has to have more votes than A, 0 where as many will do.
    """

    a: FloatArray
    rival: FloatArray
    third: FloatArray
    given: FloatArray
    crossing: float
    lead: int


class Splits(NamedTuple):
    """Ways to spend a budget: each covers all with up to so many rows of A and the rival, and third rows.

    Attributes
    ----------
    own : ndarray of int
        Rows of A and the rival, not decreasing.
    third : ndarray of int
        Third rows, not increasing.
    """

    own: WholeArray
    third: WholeArray


def after_giving(
    family: RaceFamily, rows: PairRows, third: WholeArray, placed: FloatArray | None = None
) -> PairFamily:
    """Return the pairs of A and the rival of a family after so many third rows were given to the rival.

    Parameters
    ----------
    family : RaceFamily
        What is left of the lists of A and the rival.
    rows : PairRows
    third : ndarray of int
        How many are given in each member, not increasing.
    placed : ndarray, optional
        Where third rows come to lie as rows of the rival besides, in the order of ``rows.third``.
    """
    n, n_members = len(rows.third), len(third)
    until = np.searchsorted(-third, -np.arange(n), side="left")  # the first member that leaves row j alone
    kept = FamilyRows(rows.third, until, np.full(n, n_members))
    is_given = until > 0
    zeros = np.zeros(np.count_nonzero(is_given), dtype=np.int64)
    lists = [family.b, FamilyRows(rows.given[is_given], zeros, until[is_given])]
    if placed is not None:
        lists.append(FamilyRows(placed[is_given], zeros, until[is_given]))
    return PairFamily(n_members, family.a, join(*lists), kept, rows.lead)
