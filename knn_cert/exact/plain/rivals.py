"""Rivals: the rows of the target of each query, those of each other class, and who wins a tie of votes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..._types import WholeArray
from ..measured import Measured, TieGroups
from .ranked import Ranked, everything, of_classes

__all__ = ["Rivals"]


@dataclass(frozen=True, eq=False)
class Rivals:
    """What the target of each query stands against: one column a rival, c of them.

    A rival wins against the target if it has ``lead`` more votes than it, or more still.

    Attributes
    ----------
    own : Ranked
        Rows of the target, (n_queries, 1).
    others : Ranked
        Rows of each rival, (n_queries, c).
    everything : Ranked
        All rows, (n_queries, 1).
    groups : TieGroups
        Which of all rows cannot be told apart.
    classes : ndarray of int, shape (n_queries, c)
        Who they are; -1 is a label that is none of the classes and sorts before them.
    lead : ndarray of int, shape (n_queries, c)
        1 for classes that come after the target, 0 for those before it.
    """

    own: Ranked
    others: Ranked
    everything: Ranked
    groups: TieGroups
    classes: WholeArray
    lead: WholeArray

    @classmethod
    def of(cls, measured: Measured, targets: WholeArray, n_classes: int, *, new_labels: bool) -> Rivals:
        """Return all rivals of each target, a new label among them if there may be one."""
        own = targets[:, None]
        classes = np.arange(n_classes - 1) + (np.arange(n_classes - 1) >= own)
        if new_labels:
            classes = np.hstack([classes, np.full_like(own, -1)])
        return cls(
            of_classes(measured, own),
            of_classes(measured, classes),
            everything(measured),
            measured.tie_groups,
            classes,
            (classes > own).astype(np.int64),
        )

    def votes(self, n_nearest: WholeArray) -> tuple[WholeArray, WholeArray]:
        """Return the votes of the target and of each rival among so many nearest rows: arrays (n_queries, c).

        Of rows that cannot be told apart a rival's come first, the target's last. For every number of nearest
        rows that gives the target the fewest votes and the rival the most.
        """
        n_nearest = np.broadcast_to(n_nearest, self.lead.shape)
        order = self.everything.lines
        rank = np.clip(n_nearest - 1, 0, order.shape[1] - 1)
        first, last = (np.take_along_axis(ranks, rank, axis=1) for ranks in self.groups)
        nearest, farthest = (np.take_along_axis(order, ranks, axis=1) for ranks in (first, last))
        own, others = self.own.nearer(nearest), self.others.nearer(nearest)
        own_tied = self.own.within(farthest) - own
        others_tied = self.others.within(farthest) - others
        # of the last group only so many are among the nearest
        taken = n_nearest - first
        third_or_other = last + 1 - first - own_tied
        own = own + np.maximum(taken - third_or_other, 0)
        others = others + np.minimum(taken, others_tied)
        nobody = n_nearest <= 0
        return np.where(nobody, 0, own), np.where(nobody, 0, others)
