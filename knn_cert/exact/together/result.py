"""Together: what is certified of several predictions at once, under one attack."""

from __future__ import annotations

from dataclasses import dataclass

from ...certificates import Certificates
from ...threats.rows import RowBudget

__all__ = ["Together"]


@dataclass(frozen=True, eq=False, repr=False)
class Together:
    """How many of several predictions one attack changes at most; `certify_together` makes these.

    Attributes
    ----------
    changed_at_most : int
        No attack changes more of the predictions. Those that are not certain without an attack count as
        changed.
    changed_at_least : int
        As many are changed by an attack that was tried.
    right_at_least : int or None
        As many predictions are right under every attack; None without true labels.
    alone : Certificates
        The certificates one by one, with the largest number of rows that each prediction survives, whatever
        number the threat has. To compare, ask for that number: ``alone.summary(y, budgets=[rows])``, where
        a share of the table is that share times ``alone.n_train``, rounded up.
    threat : threat
        What the attacker may do, with its number of rows.
    """

    changed_at_most: int
    changed_at_least: int
    right_at_least: int | None
    alone: Certificates
    threat: RowBudget

    @property
    def is_exact(self) -> bool:
        """Whether `changed_at_most` is the largest number: an attack is known that reaches it."""
        return self.changed_at_most == self.changed_at_least

    @property
    def accuracy_at_least(self) -> float | None:
        """Share of the predictions that are right under every attack; None without true labels."""
        return None if self.right_at_least is None else self.right_at_least / len(self)

    @property
    def guarantee(self) -> str:
        """What is guaranteed and what is not, in plain words."""
        classifier, stay = self.alone.classifier, len(self) - self.changed_at_most
        follows = self.threat.consequence().replace(
            "this is the prediction", f"at least {stay} of them are the predictions"
        )
        right = ""
        if self.right_at_least is not None:
            right = f" At least {self.right_at_least} are right in every one of these tables."
        return (
            f"Of the {len(self)} predictions of {classifier.describe()} {self.alone.noise.describe()}, at "
            f"most {self.changed_at_most} are not the same for what is observed, possibly tampered with, and "
            f"for any one table that can be made of it with {self.threat.describe(classifier.norm)}. That is "
            f"one table for all queries; which of them change is not said.{right} {follows} Not covered: "
            f"{self.threat.not_covered()}, and whatever else was computed from tampered data, such as a "
            f"scaler, selected features or any parameter.{classifier.conditions()}"
        )

    def __len__(self) -> int:
        return len(self.alone)

    def __repr__(self) -> str:
        exact = "exactly" if self.is_exact else "at most"
        right = "" if self.accuracy_at_least is None else f", accuracy at least {self.accuracy_at_least:.4f}"
        name, attack = type(self).__name__, f"{type(self.threat).__name__}(rows={self.threat.rows})"
        return f"<{name} of {len(self)} queries under {attack}: {exact} {self.changed_at_most} change{right}>"
