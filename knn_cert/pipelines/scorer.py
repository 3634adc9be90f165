"""certified_accuracy_scorer: what a search for parameters should look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from numpy.typing import ArrayLike

from ..gate.errors import InvalidInput
from ..threats import Threat
from ..threats.base import check_threat
from .certify import certify_sklearn
from .steps import trusted_names

if TYPE_CHECKING:
    from ..exact.fitted_table import Matrix

__all__ = ["certified_accuracy_scorer"]


@dataclass(frozen=True)
class _CertifiedAccuracy:
    """A scorer that says what it counts when it is printed, and that other processes can be handed."""

    threat: Threat
    trusted_steps: bool | str | tuple[str, ...] = False

    def __call__(self, estimator: Any, X: Matrix, y: ArrayLike) -> float:
        found = certify_sklearn(estimator, X, self.threat, trusted_steps=self.trusted_steps)
        asked = self.threat.asked_budget(found.n_train)
        accuracy = found.summary(y, budgets=[asked]).certified_accuracy
        assert accuracy is not None  # as there are true labels
        return float(accuracy[0])


def certified_accuracy_scorer(
    threat: Threat, *, trusted_steps: bool | str | Sequence[str] = False
) -> Callable[[Any, Matrix, ArrayLike], float]:
    """Return a scorer of scikit-learn: the share of rows that are predicted right and certified.

    For ``GridSearchCV(..., scoring=...)``, ``cross_val_score`` and whatever else takes a scorer. Search on
    rows that no attacker could reach, such as an older table, and keep what was found: parameters that were
    chosen on a tampered table are one more thing that the attacker has influenced, and no certificate covers
    that.

    Parameters
    ----------
    threat : threat
        With its budget: ``LabelFlips(0.05)``, ``RowShift(rows=0.1, radius=0.5)``. A share of the rows means
        the same in every fold, a number of rows does not: folds are smaller than the table.
    trusted_steps : names of steps, or True for all, default=False
        As in `certify_sklearn`.

    Returns
    -------
    callable(estimator, X, y) -> float
        For fitted KNeighborsClassifier, `SmoothedKNNClassifier`, and pipelines that end with one. It can be
        pickled.

    Raises
    ------
    TypeError
        If threat is no threat, or trusted_steps no names.
    ValueError
        If the threat leaves its budget open, as `BlackBoxBall` always does.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from knn_cert import LabelFlips, certified_accuracy_scorer
    >>> X, y = load_iris(return_X_y=True)
    >>> scorer = certified_accuracy_scorer(LabelFlips(0.05))
    >>> cross_val_score(KNeighborsClassifier(25), X, y, scoring=scorer).round(2).tolist()
    [0.77, 0.93, 0.73, 0.87, 0.9]
    """
    check_threat(threat, get_args(Threat))
    if threat.is_open:
        remedy = (
            "ask for moved rows with a radius, such as RowShift(rows=0.1, radius=0.5)"
            if threat.is_ball
            else f"give {threat.budget_name}=..., what your attacker may have done"
        )
        raise InvalidInput(
            f"{threat!r} leaves its budget open, and a score needs one number for each classifier; {remedy}"
        )
    trusted_names(trusted_steps)
    trusted = trusted_steps if isinstance(trusted_steps, (bool, str)) else tuple(trusted_steps)
    return _CertifiedAccuracy(threat, trusted)
