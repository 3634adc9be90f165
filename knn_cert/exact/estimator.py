"""SmoothedKNNClassifier: K-NN with noise or without as a scikit-learn estimator, exact and certified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ..certificates import Certificates
from ..gate.errors import InvalidInput
from ..gate.numbers import as_whole_number
from ..threats import BlackBoxBall, StructuredThreat, Threat
from ..threats.base import check_threat
from .counterexample import Counterexample, Falsification
from .evaluate import Evaluation, Question, certificates_of, evaluate
from .falsify import attack_all
from .fitted_table import DEFAULT_NEIGHBORS, FittedTable
from .grid import GridPoint, as_axis
from .influence import Influence, influence_of
from .measured import Measured
from .plain.settings import PlainSettings
from .settings import VoteSettings
from .table import dense
from .together.certify import OpenQueries, TogetherThreat, certify_together, check_together
from .together.result import Together
from .victim import Victim

if TYPE_CHECKING:
    from .fitted_table import Matrix

__all__ = ["SmoothedKNNClassifier"]


class SmoothedKNNClassifier(FittedTable):
    """K-nearest-neighbours vote, under Gaussian noise on every training row or plain, exact and certified.

    The probability of class y is that of the K nearest rows of the noisy training table to vote for y, Eq.
    (21) of RAB. The prediction is the most probable class; ties of probabilities and of votes go to the class
    that comes first in ``classes_``. Without noise (``sigma=0``) this is K-NN as everybody knows it: the K
    nearest rows vote, and a certificate holds for every order of rows at equal distances. Fitting stores the
    table; parameters may be changed afterwards and take effect at once.

    Parameters
    ----------
    n_neighbors : int, default=5
        K, odd or even, at most the number of training rows.
    sigma : float >= 0, default=1.0
        Standard deviation of the noise on each feature, in the units of the features; 0 is plain K-NN. Scale
        features beforehand with constants that do not come from the training table (`FixedScaler`), or the
        certificates do not hold.
    radius : float, optional
        In the place of `n_neighbors`, which is then left out: all rows within this distance of the query
        vote, however many. It must not be chosen from the training table. Where nobody votes, the class that
        comes first is predicted; without noise nothing is then certified. Noise makes distances longer, to
        about sqrt(distance^2 + sigma^2 d), so the radius has to grow with it.
    edges : array_like of shape (L - 1,), optional
        Increasing edges on the squared distance: rows whose noisy distances fall into one bucket are ordered
        by their index, the quantised classifier of Theorem 3 of RAB; see `rab_edges`. Edges must not be
        chosen from the training table. None compares distances exactly.
    classes : array_like of shape (C,), optional
        All labels that a training table can have; `fit` refuses any other. Certificates against tampered
        labels then reckon with these alone. None takes those of y, and an attacker may bring new ones: ties
        of the vote go to the class that comes first, and one that he adds may come before all others.
    backend : {"auto", "native", "numba", "reference"}, default="auto"
        Which kernel computes; see `knn_cert.show_config`.
    n_threads : int, optional
        Threads over queries; None takes every core of this process. The answers do not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        ``classes`` or, without them, the labels of y, sorted.
    n_features_in_ : int
        d.
    n_samples_fit_ : int
        n.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if X had any.

    Examples
    --------
    >>> from knn_cert import SmoothedKNNClassifier
    >>> X, y = [[0.0], [0.5], [4.0], [4.5]], ["no", "no", "yes", "yes"]
    >>> cert = SmoothedKNNClassifier(n_neighbors=1, sigma=0.5).fit(X, y).certify([[0.2]])
    >>> print(cert.label[0], cert.abstained[0])
    no False
    """

    def __init__(
        self,
        n_neighbors: int = DEFAULT_NEIGHBORS,
        sigma: float = 1.0,
        *,
        radius: float | None = None,
        edges: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        backend: str = "auto",
        n_threads: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.sigma = sigma
        self.radius = radius
        self.edges = edges
        self.classes = classes
        self.backend = backend
        self.n_threads = n_threads

    def certify(
        self,
        X: Matrix,
        threat: Threat | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> Certificates:
        """Predict, and say how much tampering each prediction provably survives.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n_queries, d)
            Queries, as the classifier will see them.
        threat : threat, optional
            What the attacker may have done, from `knn_cert.threats`: ``BlackBoxBall()`` (Eq. (14) of RAB, the
            default), ``LabelFlips()``, ``Deletions()``, ``Insertions()``, ``Replacements()``,
            ``RowShift(rows=0.1)``, ``QueryShift()``. Where it leaves its budget open, the largest that each
            prediction survives is computed; where it gives one, whether each prediction survives that.
        progress : callable(done, total), optional
            Called after each chunk of queries, and once before the first with done = 0.

        Returns
        -------
        Certificates
            ``certificates.guarantee`` says in words what is guaranteed and what is not.

        Raises
        ------
        TypeError
            If threat is no threat.
        ValueError
            If X has the wrong shape or values, or if the classifier has edges and the threat is not
            `BlackBoxBall`.
        """
        check_is_fitted(self, "classes_")
        question = Question.of(self._settings(), BlackBoxBall() if threat is None else threat)
        (found,) = evaluate(self._table, self._checked_queries(X), [question], progress)
        return certificates_of(question, found, self.classes_, self._table)

    def certify_grid(
        self,
        X: Matrix,
        *,
        n_neighbors: Sequence[int] | None = None,
        sigma: Sequence[float] | None = None,
        threats: Sequence[Threat] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[GridPoint, Certificates]:
        """Certify with several K, several sigma and several threats, and measure the distances only once.

        Many values of K cost about as much as the largest of them.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n_queries, d)
            Queries, as the classifier will see them.
        n_neighbors : sequence of int, optional
            Values of K; the classifier's own if left out.
        sigma : sequence of float, optional
            Standard deviations of the noise; the classifier's own if left out.
        threats : sequence of threats, optional
            As in `certify`; ``BlackBoxBall()`` if left out.
        progress : callable(done, total), optional
            As in `certify`.

        Returns
        -------
        dict of GridPoint to Certificates
            One for every K, sigma and threat, in this order; a key is also the tuple
            ``(n_neighbors, sigma, threat)``.

        Raises
        ------
        TypeError, ValueError
            As `certify`; ValueError also if a sequence is empty.

        Examples
        --------
        >>> from knn_cert import SmoothedKNNClassifier
        >>> X, y = [[0.0], [0.5], [4.0], [4.5]], ["no", "no", "yes", "yes"]
        >>> grid = SmoothedKNNClassifier().set_params(n_neighbors=1).fit(X, y).certify_grid(
        ...     [[0.2]], n_neighbors=[1, 3], sigma=[0.25, 0.5])
        >>> [(point.n_neighbors, point.sigma, str(cert.label[0])) for point, cert in grid.items()]
        [(1, 0.25, 'no'), (1, 0.5, 'no'), (3, 0.25, 'no'), (3, 0.5, 'no')]
        """
        check_is_fitted(self, "classes_")
        if self.radius is not None and n_neighbors is not None:
            raise InvalidInput("n_neighbors are of no account with radius: leave out the one or the other")
        questions = [
            Question.of(self._settings(one_k, one_sigma), threat)
            for one_k in as_axis(n_neighbors, "n_neighbors", self.n_neighbors)
            for one_sigma in as_axis(sigma, "sigma", self.sigma)
            for threat in as_axis(threats, "threats", BlackBoxBall())
        ]
        evaluations = evaluate(self._table, self._checked_queries(X), questions, progress)
        return {
            GridPoint(*question.settings.key, question.threat): certificates_of(
                question, found, self.classes_, self._table
            )
            for question, found in zip(questions, evaluations, strict=True)
        }

    def certify_together(
        self,
        X: Matrix,
        threat: TogetherThreat,
        y_true: ArrayLike | None = None,
        *,
        seconds: float = 5.0,
    ) -> Together:
        """Bound how many of these predictions one attack can change: one tampered table serves all queries.

        One by one, the attacker may tamper anew for every query. Here he has one table to make, so that far
        more predictions are certain to be left as they are. For K-NN without noise.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n_queries, d)
            Queries, at least one.
        threat : LabelFlips, Deletions or Replacements
            With its number of rows.
        y_true : array_like of shape (n_queries,), optional
            True labels, for a bound on the accuracy under the attack.
        seconds : float, default=5.0
            For about how long a smaller bound is looked for. What is reported holds whenever that ends.

        Returns
        -------
        Together
            ``.changed_at_most``, ``.accuracy_at_least``, ``.is_exact``, ``.guarantee`` in words, and
            ``.alone``: the certificates one by one.

        Raises
        ------
        TypeError
            If threat is none of these, with the reason.
        ValueError
            If the threat leaves its number of rows open, if there is noise, a radius or no query, or as
            `certify`.
        """
        check_is_fitted(self, "classes_")
        given, settings = check_together(threat), self._settings()
        if not isinstance(settings, PlainSettings):
            raise InvalidInput(
                "one attack on all queries is certified for K-NN without noise: expected sigma = 0 and no "
                f"radius, got sigma = {self.sigma!r} and radius = {self.radius!r}"
            )
        question = Question.of(settings, type(given)())
        queries = OpenQueries(settings, given, self.n_samples_fit_)

        def gather(measured: Measured, evaluations: list[Evaluation]) -> None:
            (one,) = evaluations
            budgets = np.where(one.claims.abstained, -1, one.claims.budget).astype(np.int64)
            queries.add(measured, np.argmax(one.probabilities, axis=1), budgets)

        (found,) = evaluate(self._table, self._checked_queries(X), [question], gather=gather)
        alone = certificates_of(question, found, self.classes_, self._table)
        return certify_together(alone, queries, y_true, seconds)

    def falsify(
        self,
        X: Matrix,
        threat: StructuredThreat,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> Falsification:
        """Look for concrete tampering that changes the predictions, checked by exact evaluation.

        The certificate says that none exists up to its budget; what is found here says that some does at a
        larger one. Where nothing is found, nothing is shown.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n_queries, d)
        threat : threat
            With its budget: is there such a tampering? Left open: the smallest budget at which one is found.
            Not for `BlackBoxBall`.
        progress : callable(done, total), optional
            Called after each query, and once before the first with done = 0.

        Returns
        -------
        Falsification

        Raises
        ------
        TypeError, ValueError
            As `certify`; TypeError also for `BlackBoxBall`.
        """
        check_is_fitted(self, "classes_")
        check_threat(threat, get_args(StructuredThreat))
        certificates = self.certify(X, threat)
        certified = np.where(certificates.abstained, np.nan, certificates.budget.astype(np.float64))
        predictions = np.searchsorted(self.classes_, certificates.label)
        victim = Victim(self._table, self._settings())
        queries = dense(self._checked_queries(X))
        budgets, found = attack_all(victim, queries, predictions, threat, certified, progress)
        examples = tuple(None if example is None else self._with_labels(example) for example in found)
        return Falsification(threat, certificates.label, certified, budgets, examples)

    def influence(self, X: Matrix, *, top: int = 10) -> Influence:
        """Which training rows the predictions hinge on: those whose removal lowers their probability most.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n_queries, d)
        top : int, default=10
            How many rows of each query.

        Returns
        -------
        Influence

        Raises
        ------
        ValueError
            As `predict`, and if top is not at least 1, or the classifier has edges, or n_neighbors is n.
        TypeError
            If top is no whole number.
        """
        check_is_fitted(self, "classes_")
        settings = self._settings()
        if not isinstance(settings, VoteSettings) or settings.edges is not None:
            raise InvalidInput(
                "influence is for smoothed K-NN that compares distances, with sigma > 0, without edges and "
                "radius; without noise ask certify(X, Deletions()) how many rows a prediction hinges on"
            )
        top = as_whole_number(top, "top", least=1, remedy="it is a number of rows")
        if settings.n_neighbors == self.n_samples_fit_:
            raise InvalidInput(
                f"n_neighbors = {settings.n_neighbors} is the number of training rows: none can be removed"
            )
        found = influence_of(self._table, self._checked_queries(X), settings, top)
        return Influence(self.classes_[found[0]], *found[1:])

    def _with_labels(self, example: Counterexample) -> Counterexample:
        """Return a counterexample with labels in the place of positions in classes_."""
        return replace(
            example,
            y=None if example.y is None else self.classes_[example.y],
            inserted_y=self.classes_[example.inserted_y],
            label=self.classes_[example.label],
        )
