"""The ball of RAB: changed features of training rows, for any smoothed classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..gate.errors import InvalidInput
from ..gate.numbers import check_rows
from .base import SYMMETRIC, RowsThreat, share_of_rows

__all__ = ["BlackBoxBall"]


@dataclass(frozen=True)
class BlackBoxBall(RowsThreat):
    """Feature rows changed within a ball: Eqs. (14) and (15) of RAB, which hold for any smoothed classifier.

    The radius is what a certificate computes: it bounds sqrt(sum ||delta_i||^2) over all rows or, with
    `rows`, the norm of the change of each of at most so many rows. With noise only the probabilities of the
    classes are used, nothing of how K-NN works, so it holds for the bucketed classifier as well; without noise
    the distances decide.

    Parameters
    ----------
    rows : int >= 1, or float in (0, 1], optional
        How many training rows may have been changed, or which share of the training table (rounded up); None
        for any number.
    norm : {"l2", "l1", "linf"}
        Norm of the radius. Gaussian noise certifies L2 only; uniform noise L1 over all rows, and any of them
        with `rows`.
    """

    rows: int | float | None = None
    norm: str = "l2"
    budget_name: ClassVar[Literal["radius", "rows", "words"]] = "radius"
    is_ball: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.norm not in ("l1", "l2", "linf"):
            raise InvalidInput(f'norm of BlackBoxBall must be "l1", "l2" or "linf", got {self.norm!r}')
        if self.rows is None:
            return
        check_rows(self.rows)
        if self.rows == 0:
            raise InvalidInput("rows of BlackBoxBall must be at least 1, got 0; leave it out for any number")

    @property
    def is_open(self) -> bool:
        """Whether the threat leaves its budget to be computed: the radius is always computed."""
        return True

    def withstands(self, budget: NDArray[Any], asked: float) -> NDArray[np.bool_]:
        """Whether certificates for some radii cover the asked one: the ball is open, they must be larger."""
        covers: NDArray[np.bool_] = budget > asked
        return covers

    def check_noise(self, kind: str) -> None:
        """Raise ValueError if noise of this kind, "gaussian" or "uniform", has no radius in this norm."""
        if kind == "gaussian" and self.norm != "l2":
            raise InvalidInput(
                f'Gaussian noise, or none, certifies norm="l2", got {self.norm!r}; use uniform noise for it'
            )
        if kind == "uniform" and self.rows is None and self.norm != "l1":
            raise InvalidInput(
                f'uniform noise certifies the total over all rows in norm="l1", got {self.norm!r}; ask for '
                "that, or give rows, how many of them may have been changed"
            )

    def not_covered(self) -> str:
        """Return what else could be done and is not covered."""
        return "changed labels, added or deleted rows, a changed query"

    def consequence(self) -> str:
        """Return what follows for the clean table."""
        return SYMMETRIC

    def describe(self, norm: str = "L2 norm") -> str:
        """Return what is done to the table, as the end of a sentence."""
        if self.rows is None:
            size = "sum of ||delta_i||_1" if self.norm == "l1" else "sqrt(sum of ||delta_i||^2)"
            return (
                f"training feature rows changed by delta_1, ..., delta_n with {size} < radius, over any "
                "number of rows"
            )
        name = {"l1": "L1", "l2": "L2", "linf": "L-infinity"}[self.norm]
        changed = f"at most {share_of_rows(self.rows)} with changed features"
        return f"{changed}, each by less than radius in {name} norm"

    def source(self) -> str:
        """Return where the radius of a smoothed classifier comes from."""
        if self.rows is not None:
            return " (Eq. (15) of RAB; for uniform noise Eq. (18))"
        return " (Eq. (17) of RAB)" if self.norm == "l1" else " (Eq. (14) of RAB)"
