"""What every ensemble of voting models is: a classifier that predicts the most voted class."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ..bounds.arguments import check_level
from ..gate.numbers import as_whole_number
from .training import check_n_jobs
from .votes import check_enough

__all__ = ["VotingEnsemble"]


class VotingEnsemble(ClassifierMixin, BaseEstimator):
    """A base for ensembles: parameters n_models, n_pilot, alpha, n_jobs; ``votes`` counts the models' votes.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
    models_, pilot_models_ : list
    """

    def predict(self, X) -> np.ndarray:
        """Return the most voted class of each query, the lowest of equals: the one that `certify` certifies.

        Returns
        -------
        ndarray of shape (n_queries,)
        """
        check_is_fitted(self, "models_")
        return self.classes_[np.argmax(self.votes(X, pilot=bool(self.pilot_models_)), axis=1)]

    def predict_proba(self, X) -> np.ndarray:
        """Return the shares of the votes, Eq. (19) of RAB: (n_queries, C), columns as in ``classes_``."""
        check_is_fitted(self, "models_")
        return self.votes(X) / len(self.models_)

    def _check_settings(self) -> None:
        """Raise for parameters that no data could mend."""
        check_level(self.alpha)
        check_n_jobs(self.n_jobs)
        as_whole_number(self.n_models, "n_models", least=1)
        as_whole_number(self.n_pilot, "n_pilot", least=0)

    def _check_enough(self, n_classes: int) -> None:
        """Raise where so few models cannot certify anything: before hours of training, not after them."""
        check_enough(self.n_models, n_classes, self.alpha, selection="pilot" if self.n_pilot else "none")
