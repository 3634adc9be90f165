"""Trainers of scikit-learn by name, as an ensemble wants them: functions of rows, labels and a seed alone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What help and guarantees call each model; the first is the default. The settings are small, for there are
# hundreds of them, and each sees its rows through noise.
DESCRIPTIONS = {
    "logistic-regression": "logistic regression on columns scaled by the noised rows",
    "linear-svm": "a linear support vector machine on columns scaled by the noised rows",
    "naive-bayes": "Gaussian Naive Bayes",
    "decision-tree": "a decision tree of depth 8",
    "random-forest": "a random forest of 25 trees of depth 12",
}


@dataclass(frozen=True)
class NamedTrainer:
    """Trains one model of scikit-learn; the same call gives the same model, in whichever process.

    What scales the columns is fitted on the noised rows, so it is a part of the model.

    Parameters
    ----------
    name : str
        One of `DESCRIPTIONS`.
    """

    name: str

    @property
    def description(self) -> str:
        """What guarantees call the trainer."""
        return DESCRIPTIONS[self.name]

    def __call__(self, X: NDArray[Any], y: NDArray[Any], seed: int) -> Any:
        """Return a model trained on rows (n, d) and labels (n,)."""
        from sklearn.exceptions import ConvergenceWarning
        from threadpoolctl import threadpool_limits

        # Sums in several threads could differ in their last digit from those of another number of them.
        with threadpool_limits(1), warnings.catch_warnings():
            # A model that stopped early is a function of its rows all the same, and hundreds would say so.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return self._untrained(seed % 2**32).fit(X, y)

    def _untrained(self, seed: int) -> Any:
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.naive_bayes import GaussianNB
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import LinearSVC
        from sklearn.tree import DecisionTreeClassifier

        if self.name == "logistic-regression":
            return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        if self.name == "linear-svm":
            return make_pipeline(StandardScaler(), LinearSVC(random_state=seed))
        if self.name == "naive-bayes":
            return GaussianNB()
        if self.name == "decision-tree":
            return DecisionTreeClassifier(max_depth=8, random_state=seed)
        assert self.name == "random-forest"
        return RandomForestClassifier(n_estimators=25, max_depth=12, random_state=seed)
