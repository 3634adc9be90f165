"""What a result of certification holds: predictions, their bounds, and how much tampering they survive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._arithmetic import check_float_environment
from ..smoothing import Classifier, DiscreteNoise, Noise
from ..threats import Threat as TableThreat
from ..threats.words import WordThreat

__all__ = ["Record", "Threat", "joined"]

Threat = TableThreat | WordThreat

_Self = TypeVar("_Self", bound="Record")


@dataclass(frozen=True, eq=False, repr=False)
class Record:
    """The content of `Certificates`, which says what each attribute is."""

    PER_QUERY: ClassVar[tuple[str, ...]] = (
        "query",
        "label",
        "probabilities",
        "errors",
        "p_lower",
        "p_upper",
        "tail_upper",
        "budget",
        "worst_probability",
        "abstained",
        "table_shift",
    )

    query: NDArray[np.int64]
    label: NDArray[Any]
    probabilities: NDArray[np.float64]
    p_lower: NDArray[np.float64]
    p_upper: NDArray[np.float64]
    tail_upper: NDArray[np.float64]
    budget: NDArray[np.float64] | NDArray[np.int64]
    worst_probability: NDArray[np.float64]
    abstained: NDArray[np.bool_]
    classes: NDArray[Any]
    classifier: Classifier
    noise: Noise | DiscreteNoise
    n_features: int | None
    n_train: int
    threat: Threat
    version: str
    errors: NDArray[np.float64] = None  # type: ignore[assignment]  # filled in where left out
    table_shift: NDArray[np.float64] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        check_float_environment()  # or bounds were not rounded outwards
        if self.table_shift is None:
            object.__setattr__(self, "table_shift", np.zeros(len(self.label)))
        if self.errors is None:
            object.__setattr__(self, "errors", np.full(self.probabilities.shape, np.nan))
        # Files keep labels as positions, and ties go to the first: both mean the increasing order.
        if not np.all(self.classes[:-1] < self.classes[1:]):
            raise ValueError(
                "classes must be increasing, each of them once, as numpy.unique gives them; got "
                f"{self.classes.tolist()!r}"
            )
        # A certificate is a statement, not a workspace: its arrays are read-only views.
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value = value.view()
                value.flags.writeable = False
                object.__setattr__(self, field.name, value)

    @property
    def radius(self) -> NDArray[np.float64]:
        """The budget, where it is a radius.

        Raises
        ------
        AttributeError
            If the threat counts rows or words.
        """
        if self.threat.budget_name != "radius":
            raise AttributeError(
                f"{self.threat!r} has no radius: its budget is a number of {self.threat.budget_name}, see "
                ".budget"
            )
        return self.budget.astype(np.float64, copy=False)

    @property
    def guarantee(self) -> str:
        """What the certificates guarantee and what they do not, in plain words."""
        tampering = self.threat.describe(self.classifier.norm)
        if isinstance(self.noise, Noise) and self.noise.sigma > 0.0:
            tampering += self.threat.source()
        return (
            f"{self.classifier.confidence(len(self))} of {self.classifier.describe()} "
            f"{self.noise.describe()} is the same for what is observed, possibly tampered with, and for "
            f"everything that can be made of it with {tampering}. {self.threat.consequence()} "
            f"Not covered: {self.threat.not_covered()}, and whatever else was computed from tampered data, "
            f"such as a scaler, selected features or any parameter.{self.classifier.conditions()} Where the "
            "classifier abstained, nothing is guaranteed."
        )

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self: _Self, index: Any) -> _Self:
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise IndexError(f"query {index} is not among the {len(self)} queries of this result")
            index = [index]
        return replace(self, **{name: getattr(self, name)[index] for name in self.PER_QUERY})

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} of {len(self)} queries: {len(self.classes)} classes, "
            f"{type(self.classifier).__name__}, {self.noise}, "
            f"{int(np.count_nonzero(self.abstained))} abstained>"
        )

    def certified(self, budget: float) -> NDArray[np.bool_]:
        """Whether each prediction is certified for this budget, in the units of ``budget``.

        The ball of RAB is open, its radius has to be larger; all other budgets may be used up.
        """
        return self.threat.withstands(self.budget, budget) & ~self.abstained


def joined(parts: Sequence[_Self], query: NDArray[np.int64]) -> _Self:
    """Return certificates of several parts, at least one, of which all but the queries is the same."""
    per_query: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in parts[0].PER_QUERY
    }
    return replace(parts[0], **(per_query | {"query": query}))
