"""What every threat model knows of itself: its budget, its words, and what it does not cover."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..gate.errors import InvalidInput
from ..gate.numbers import is_whole_number

__all__ = ["RowsThreat", "ThreatModel", "check_threat", "length_in_words", "share_of_rows"]

# For symmetric threats: what turns the clean table into the observed one can be undone within the budget.
SYMMETRIC = "So if the attacker did no more than that, this is the prediction of the clean table."


class ThreatModel(ABC):
    """What an attacker may have done. One number of it, the budget, may be left open: it is then computed.

    Attributes
    ----------
    budget_name : {"radius", "rows", "words"}
        What the budget counts, and the name of the parameter that gives it.
    is_ball : bool
        Whether the probabilities of the classes alone decide, whatever the smoothed classifier is.
    moves_query : bool
        Whether the query may have been tampered with as well.
    """

    budget_name: ClassVar[Literal["radius", "rows", "words"]]
    is_ball: ClassVar[bool] = False
    moves_query: ClassVar[bool] = False

    @property
    def is_open(self) -> bool:
        """Whether the threat leaves its budget to be computed."""
        return getattr(self, self.budget_name) is None

    @property
    def of_training(self) -> ThreatModel | None:
        """What of the threat is done to the training data: all of it, but for threats to the query."""
        return self

    @property
    def relabels(self) -> bool:
        """Whether tampered rows may carry any label."""
        return False

    @property
    def whole_rows(self) -> bool:
        """Whether whole rows or labels are tampered with, so that a class may come or go."""
        return False

    def row_limit(self, n_rows: int) -> int | None:
        """Return the largest number of rows that can be tampered with; None where there is no end."""
        return None

    def asked_budget(self, n_rows: int) -> float | int:
        """Budget of a threat that leaves none open: of rows, those of a table with n_rows."""
        budget: float | int = getattr(self, self.budget_name)
        return budget

    def withstands(self, budget: NDArray[Any], asked: float) -> NDArray[np.bool_]:
        """Whether certificates for some budgets cover the asked one; it may be used up."""
        covers: NDArray[np.bool_] = budget >= asked
        return covers

    @abstractmethod
    def describe(self, norm: str = "L2 norm") -> str:
        """Return what is done to the table or the query, as the end of a sentence.

        Moves of rows and queries are measured in ``norm``, where the threat does not name its own.
        """

    def source(self) -> str:
        """Return where the budget of a smoothed classifier comes from, in brackets, or nothing."""
        return ""

    @abstractmethod
    def not_covered(self) -> str:
        """Return what else could be done and is not covered."""

    @abstractmethod
    def consequence(self) -> str:
        """Return what follows for the clean table or the clean query, as a sentence."""


class RowsThreat(ThreatModel):
    """A threat to some training rows: a number of them or a share of the table, or None."""

    rows: int | float | None

    def row_limit(self, n_rows: int) -> int | None:
        """Return the largest number of rows that can be tampered with: all of the table."""
        return n_rows

    def tampered_rows(self, n_rows: int) -> int:
        """Return how many rows of a table with n_rows may be tampered with, where ``rows`` is given.

        A share is the decimal number that was written, rounded up: 0.07 of 100 rows are 7, though the nearest
        binary number is a little more than 0.07.
        """
        if self.rows is None:
            raise InvalidInput(f"{self!r} leaves its number of rows open")
        if is_whole_number(self.rows):
            asked = int(self.rows)
        else:
            asked = math.ceil(Fraction(repr(float(self.rows))) * n_rows)
        limit = self.row_limit(n_rows)
        return asked if limit is None else min(asked, limit)

    def asked_budget(self, n_rows: int) -> float | int:
        """Budget of a threat that leaves none open: of rows, those of a table with n_rows."""
        return self.tampered_rows(n_rows) if self.budget_name == "rows" else super().asked_budget(n_rows)


_Kind = TypeVar("_Kind", bound=ThreatModel)


def check_threat(threat: object, kinds: tuple[type[_Kind], ...]) -> _Kind:
    """Return the threat, or raise TypeError unless it is one of these kinds."""
    if isinstance(threat, kinds):
        return threat
    if isinstance(threat, type) and issubclass(threat, kinds):
        arguments = "rows=0.1" if threat.__name__ == "RowShift" else ""
        raise TypeError(
            f"threat must be an object, got the class {threat.__name__}; call it: "
            f"{threat.__name__}({arguments})"
        )
    names = ", ".join(kind.__name__ for kind in kinds)
    raise TypeError(
        f"threat must be one of {names} from knn_cert.threats, such as LabelFlips(), got {threat!r}"
    )


def share_of_rows(rows: int | float | None) -> str:
    """Return a number or a share of training rows in words."""
    if rows is None:
        return "the stated number of training rows"
    if is_whole_number(rows):
        return f"{rows} training row{'' if rows == 1 else 's'}"
    return f"{100.0 * rows:.6g} % of the training rows"


def length_in_words(radius: float | None) -> str:
    """Return a radius in words."""
    return "the stated radius" if radius is None else f"{radius:g}"
