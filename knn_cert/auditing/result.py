"""Audit: what was found about a table, as an object, a document and ten lines."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ..certificates import Certificates
from ..exact.estimator import SmoothedKNNClassifier
from ..report import write
from ..scaling import FixedScaler

__all__ = ["Audit"]


@dataclass(frozen=True, eq=False, repr=False)
class Audit:
    """What `knn_cert.audit` found about a table; ``print(audit)`` shows the ten lines that matter.

    Attributes
    ----------
    document : dict
        Everything, as JSON holds it; its form is ``knn_cert/report/audit.schema.json``.
    classifier : SmoothedKNNClassifier
        The chosen one, fitted on the scaled training rows.
    scaler : FixedScaler or None
        What queries go through before they reach it: ``classifier.predict(scaler.transform(X))``.
    certificates : dict of str to Certificates
        By the name of the attacker, with the largest budget that each reported prediction survives.
    """

    document: dict[str, Any]
    classifier: SmoothedKNNClassifier
    scaler: FixedScaler | None
    certificates: dict[str, Certificates]

    @property
    def passed(self) -> bool:
        """Whether every bar was cleared; True where there is none. None is where no use is shown."""
        return all(bar["passed"] for bar in self.document["bars"])

    def certified_accuracy(self, attacker: str, budget: float) -> float:
        """Return the share of the reported rows that are predicted right and certified at a budget.

        Parameters
        ----------
        attacker : str
            One of `certificates`.
        budget : float >= 0
            Training rows, or a radius in scaled units.

        Raises
        ------
        KeyError
            If the attacker was not looked at.
        """
        one = next((one for one in self.document["attackers"] if one["name"] == attacker), None)
        if one is None:
            raise KeyError(f"no attacker {attacker!r}; there are {', '.join(self.certificates)}")
        held = sum(found is None or found >= budget for found in one["right_budgets"])
        return float(held / one["n_queries"])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the report: ``.html`` a page for readers, ``.md`` for a pull request, ``.json`` for programs.

        The file is written whole or not at all.

        Raises
        ------
        ValueError
            If the name ends in none of these.
        OSError
            If it cannot be written.
        """
        write(self.document, path)

    def __str__(self) -> str:
        return "\n".join(self.document["lines"])

    def __repr__(self) -> str:
        table, chosen = self.document["table"], self.document["classifier"]
        return (
            f"<{type(self).__name__} of {table['n_rows']} rows: K = {chosen['n_neighbors']}, sigma = "
            f"{chosen['sigma']:g}, accuracy {chosen['accuracy']:.3f}>"
        )
