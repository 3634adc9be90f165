"""Standing: how firmly the prediction of each query stands, whatever the number of classes."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..._types import BoolArray, FloatArray, WholeArray
from ...threats import RowShift
from ...threats.rows import RowBudget

__all__ = ["Standing", "Training"]

# What else is done when the query is moved; of rows that move and are relabelled, see `kind_of_relabelling`.
Training = RowBudget | RowShift | None


class Standing(ABC):
    """What tampering is needed to change the predictions of some queries.

    A limit is a radius: nothing smaller changes the prediction. Where it is not positive, the prediction may
    be another one without any tampering.
    """

    @property
    @abstractmethod
    def is_sure(self) -> BoolArray:
        """Whether the target is the prediction for every order of rows that cannot be told apart."""

    @abstractmethod
    def most_rows(self, kind: type[RowBudget], new_labels: bool) -> WholeArray:
        """Return the largest numbers of tampered rows that change nothing, -1 where 0 are too many.

        Parameters
        ----------
        kind : type
            What is done to rows.
        new_labels : bool
            Whether they may be given labels that are none of the classes.
        """

    @abstractmethod
    def shift_limit(self, rows: int) -> FloatArray:
        """Return how far so many rows can be moved each."""

    @abstractmethod
    def query_limit(self, training: Training, new_labels: bool) -> FloatArray:
        """Return how far the query can be moved, after training rows were tampered with."""

    @abstractmethod
    def ball_limit(self) -> FloatArray:
        """Return how far the table can be moved, in L2 norm over all rows."""
