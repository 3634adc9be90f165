"""The one result object of every route: a record that is issued, summarised, saved and read again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..smoothing import Classifier, Noise
from ..threats import BlackBoxBall
from ..threats import Threat as TableThreat
from ..threats.base import check_threat
from .files import columns, read, write
from .issue import Bounds, Claims, default_ball, enclose, issue_ball
from .record import Record
from .summary import Summary, summarize

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Certificates"]


class Certificates(Record):
    """Predictions of a smoothed classifier and how much tampering each of them provably survives.

    The method ``certify`` of `SmoothedKNNClassifier`, `SmoothedEnsemble` and `SmoothedTextEnsemble` makes
    these; ``cert[i]``, ``cert[a:b]`` and ``cert[mask]`` are the certificates of some of the queries,
    ``len(cert)`` is their number.

    Attributes
    ----------
    query : ndarray of int, shape (n_queries,)
        Which query: its position in the call, or the row of the table it was taken from.
    label : ndarray of shape (n_queries,)
        Predicted class, in the type of the training labels.
    probabilities : ndarray of shape (n_queries, C)
        Probability of each class under the noise, as computed, not renormalised, or the share of the models'
        votes; columns as in ``classes``.
    p_lower : ndarray of shape (n_queries,)
        Lower bound on the probability of the predicted class.
    p_upper : ndarray of shape (n_queries,)
        Upper bound on the largest probability of any other class.
    tail_upper : ndarray of shape (n_queries,)
        Upper bound on the probability of all other classes together: ``1 - p_lower`` without its rounding.
    budget : ndarray of shape (n_queries,)
        How much tampering the prediction provably survives: a radius in the units of the features, or a
        number of rows or words, see ``threat``. Where the threat leaves it open, the largest that is
        certified, else the one that was asked for; 0 where the classifier abstained.
    worst_probability : ndarray of shape (n_queries,)
        Lower bound on the probability of the predicted class over everything within the budget that was asked
        for; NaN where the threat leaves it open. Above 1/2 it certifies, but there are other ways to
        (docs/threats.md).
    abstained : ndarray of bool, shape (n_queries,)
        True where nothing is certified: not even the untampered table, or not the budget asked for.
    classes : ndarray of shape (C,)
    classifier : SmoothedKNN, PlainKNN, RadiusNeighbors, AfterSteps or VotingModels
        Whose predictions these are: its settings, and how its probabilities became known.
    noise : Noise or DiscreteNoise
        What was smoothed with: ``noise.sigma`` on each feature, or the law on words, labels and rows.
    n_features : int or None
        None for texts.
    n_train : int
    threat : threat
        What the attacker may have done, one of `knn_cert.threats` or `knn_cert.word_threats`.
    version : str
        What computed this.
    errors : ndarray of shape (n_queries, C), optional
        Bound on how far each of the probabilities is from the truth. NaN, and NaN if left out, for shares of
        votes: how far these are off is for ``p_lower`` and ``p_upper`` to say.
    table_shift : ndarray of shape (n_queries,), optional
        How far the table must be moved, in L2 norm over all rows, to have exactly the distances that the
        probabilities were computed from: what a radius gave away for it. 0 if left out.
    """

    @classmethod
    def from_probabilities(
        cls,
        probabilities: NDArray[np.float64],
        errors: NDArray[np.float64],
        *,
        classes: NDArray[Any],
        noise: Noise,
        classifier: Classifier,
        n_features: int,
        n_train: int,
        version: str,
        distance_error: NDArray[np.float64] | float = 0.0,
        threat: TableThreat | None = None,
        claims: Claims | None = None,
    ) -> Certificates:
        """Certify the most probable class of each query, known exactly.

        Parameters
        ----------
        probabilities, errors : ndarray of shape (n_queries, C)
            Class probabilities and a bound on how far each of them is from the truth.
        classes : ndarray of shape (C,)
            Labels of the columns, increasing.
        noise, classifier, n_features, n_train, version
            As `Certificates` has them.
        distance_error : ndarray of shape (n_queries,) or float
            How far the table must be moved, in L2 norm over all rows, to have exactly the distances that the
            probabilities were computed from.
        threat : threat, optional
            `BlackBoxBall`: whether any number of rows is tampered with, Eqs. (14), (17), or at most some,
            Eqs. (15), (18). Left out, any number, in the norm that the noise certifies. Any other threat
            comes with its claims.
        claims : Claims, optional
            What is claimed of each query, where more than its probabilities is known.
        """
        winner, bounds = enclose(probabilities, errors)
        return cls.from_bounds(
            classes[winner],
            *bounds,
            probabilities=probabilities,
            errors=errors,
            classes=classes,
            noise=noise,
            classifier=classifier,
            n_features=n_features,
            n_train=n_train,
            version=version,
            distance_error=distance_error,
            threat=threat,
            claims=claims,
        )

    @classmethod
    def from_bounds(
        cls,
        label: NDArray[Any],
        p_lower: NDArray[np.float64],
        p_upper: NDArray[np.float64],
        tail_upper: NDArray[np.float64],
        *,
        probabilities: NDArray[np.float64],
        classes: NDArray[Any],
        noise: Noise,
        classifier: Classifier,
        n_features: int,
        n_train: int,
        version: str,
        errors: NDArray[np.float64] | None = None,
        distance_error: NDArray[np.float64] | float = 0.0,
        threat: TableThreat | None = None,
        claims: Claims | None = None,
    ) -> Certificates:
        """Certify labels from bounds on their probabilities.

        Parameters
        ----------
        label : ndarray of shape (n_queries,)
        p_lower, p_upper, tail_upper : ndarray of shape (n_queries,)
            Lower bound on the probability of the label; upper bounds on that of every other class, and of all
            others together. Where p_lower is not greater than p_upper, no ball is certified.
        probabilities : ndarray of shape (n_queries, C)
            What is known of the probabilities of the classes, for the reader.
        errors : ndarray of shape (n_queries, C), optional
            How far each of them may be from the truth, where the bounds follow from that.
        classes, noise, classifier, n_features, n_train, version, distance_error, threat, claims
            As in `from_probabilities`.

        Raises
        ------
        ValueError
            If the noise has no radius in the norm of the threat.
        """
        if threat is None:
            threat = default_ball(noise)
        if claims is None:
            claims = issue_ball(
                Bounds(p_lower, p_upper, tail_upper),
                noise=noise,
                threat=check_threat(threat, (BlackBoxBall,)),
                n_train=n_train,
                n_features=n_features,
                distance_error=distance_error,
            )
        return cls(
            query=np.arange(len(label)),
            label=label,
            probabilities=probabilities,
            p_lower=p_lower,
            p_upper=p_upper,
            tail_upper=tail_upper,
            budget=claims.budget,
            worst_probability=claims.worst_probability,
            abstained=claims.abstained,
            classes=classes.copy(),
            classifier=classifier,
            noise=noise,
            n_features=n_features,
            n_train=n_train,
            threat=threat,
            version=version,
            errors=np.full(probabilities.shape, np.nan) if errors is None else errors,
            table_shift=np.broadcast_to(np.asarray(distance_error, dtype=np.float64), len(label)),
        )

    def summary(self, y_true: ArrayLike | None = None, budgets: Sequence[float] | None = None) -> Summary:
        """Count what was certified, Table 1 of RAB.

        Parameters
        ----------
        y_true : array_like of shape (n_queries,), optional
            True labels; without them nothing is said about accuracy.
        budgets : sequence of float >= 0, optional
            Budgets at which certificates are counted: radii in the units of the features, or numbers of rows
            or words. Left out, the budget that was asked for, or 0.1, 0.5 and 1.0, or 1, 10 and 100 rows as
            far as the table has so many, or 1, 2 and 3 words.

        Returns
        -------
        Summary
            ``print(cert.summary(y_true))`` shows it as a table.

        Raises
        ------
        TypeError
            If y_true is text and the labels of training are numbers, or the other way round.
        ValueError
            If y_true has not one label a query, or none of its labels is one of ``classes``, or a budget is
            negative or NaN, or there are no queries.

        Warns
        -----
        UserWarning
            If some of the labels are not among ``classes``: such a query can only count as wrong.
        """
        return summarize(self, y_true, budgets)

    def plot(self, y_true: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
        """Plot the share of queries that are predicted right and certified, for every budget.

        Parameters
        ----------
        y_true : array_like of shape (n_queries,), optional
            True labels; without them the share that is certified, right or not.
        ax : matplotlib.axes.Axes, optional
            Where it is drawn; a new figure if left out.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError, ValueError
            As `summary`.

        See Also
        --------
        knn_cert.plotting : several results in one plot, and other plots.
        """
        from ..plotting import certified_accuracy

        return certified_accuracy(self, y_true, ax)

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas.DataFrame with one row a query and the columns of the CSV file.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "to_frame() needs pandas, which is not installed: pip install 'knn-cert[pandas]'; "
                "save('x.csv') works without it"
            ) from error
        return pd.DataFrame({name: values.copy() for name, values in columns(self)})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a .csv, .json or .npz file, whole or not at all.

        CSV holds one row a query: query, label, p_lower, p_upper, radius, rows or words, worst_probability
        where a budget was asked for, abstained and ``p(<class>)`` for every class; a label that a spreadsheet
        would run as a formula has an apostrophe in front. JSON and NPZ also hold
        the settings and the guarantee in words, and `load` reads them.
        Numbers are written with all their digits. A file keeps the permissions of the one it replaces.

        Raises
        ------
        ValueError
            If the name ends otherwise.
        TypeError
            If JSON or NPZ cannot hold labels of this type.
        OSError
            If the file cannot be written; a file that was there before is then untouched.
        """
        write(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Certificates:
        """Read certificates from a .json or .npz file that `save` wrote.

        What can be known without the training table and the queries is checked: the bounds follow from the
        probabilities and their errors or from the votes, a radius from the bounds, the guarantee from the
        settings. The file is not signed: who changes probabilities, bounds and budget together, or a budget
        of rows, is found only by certifying again.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        OSError
            If it cannot be read.
        ValueError
            If the file is cut off, or no such file of certificates, or of another version of the format, or
            its content contradicts itself, or a CSV file, which has no settings.
        """
        return read(cls, path)
