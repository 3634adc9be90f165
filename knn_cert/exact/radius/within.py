"""Rows within the radius: how many certainly are, and how many can be, for all that distances are rounded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..._types import BoolArray, WholeArray
from ..measured import Measured

__all__ = ["Counts", "certain_leads", "count_within"]


class Counts(NamedTuple):
    """Votes of each query: arrays of shape (n_queries, C).

    Attributes
    ----------
    nominal : ndarray of int
        Rows of each class within the radius, by the distances as they were measured.
    certain : ndarray of int
        Rows that are within the radius whatever the errors of the distances are.
    possible : ndarray of int
        Rows that can be.
    """

    nominal: WholeArray
    certain: WholeArray
    possible: WholeArray


def count_within(measured: Measured, radius: float, n_classes: int) -> Counts:
    """Count the rows of each class within the radius."""
    nearest, farthest = measured.bounds
    return Counts(
        *(
            _by_class(distances <= radius, measured.labels, n_classes)
            for distances in (measured.distances, farthest, nearest)
        )
    )


def certain_leads(counts: Counts, targets: WholeArray) -> WholeArray:
    """Return (n_queries, C) leads of each target, however the distances err: at least 1 where it wins.

    Its lead over another class is how many rows it has more, and 1 more if ties go to it. In the column of
    the target itself is its lead over the empty vote, which is no prediction: all rows that it has.
    """
    query, n_classes = np.arange(len(targets)), counts.certain.shape[1]
    own = counts.certain[query, targets][:, None]
    ties_go_to_target = np.arange(n_classes) > targets[:, None]
    leads: WholeArray = own - counts.possible + ties_go_to_target
    leads[query, targets] = own[:, 0]
    return leads


def _by_class(inside: BoolArray, labels: WholeArray, n_classes: int) -> WholeArray:
    query, row = np.nonzero(inside)
    votes = np.bincount(query * n_classes + labels[row], minlength=len(inside) * n_classes)
    return votes.reshape(len(inside), n_classes)
