"""Which classifier parameters ask for, and what tampering leaves to its predictions."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from .. import kernels
from .._types import FloatArray, WholeArray
from ..gate.errors import InvalidInput
from ..gate.numbers import check_n_neighbors, check_n_threads, check_sigma_or_none
from .measured import Measured
from .plain.queries import PlainQueries
from .plain.settings import PlainSettings
from .radius.queries import PlainRadiusQueries, SmoothedRadiusQueries
from .radius.settings import RadiusSettings
from .settings import VoteSettings
from .threatened import ThreatenedQueries
from .vote import Vote
from .worst_case import SmoothedQueries

__all__ = ["checked_vote", "threatened"]


def checked_vote(
    *,
    n_neighbors: object,
    sigma: object,
    dof: object,
    n_classes: int,
    labels_are_classes: bool,
    n_rows: int,
    backend: str,
    radius: object = None,
    n_threads: object = None,
    edges: ArrayLike | None = None,
    metric: str = "euclidean",
) -> Vote:
    """Check parameters from outside; ``n_classes`` and ``n_rows`` are those of a checked table.

    Parameters
    ----------
    n_neighbors : int
        K; of no account where a radius is given.
    sigma : float >= 0
        0: no noise.
    dof : int or float or None
        d; of no account without noise.
    radius : float, optional
        For the radius classifier.
    metric : str
        What distances are; noise is for Euclidean ones.

    Raises
    ------
    TypeError, ValueError, ImportError
        As the public functions say it.
    """
    amount = check_sigma_or_none(sigma)
    if edges is not None and (amount == 0.0 or radius is not None):
        raise InvalidInput("edges are for smoothed K-NN, with sigma > 0 and without radius; leave them out")
    if amount > 0.0 and dof is None:
        raise TypeError("dof is needed with noise: d, the number of features that carry noise")
    if radius is not None:
        return RadiusSettings.checked(
            radius=radius,
            sigma=amount,
            dof=1 if dof is None else dof,
            n_classes=n_classes,
            labels_are_classes=labels_are_classes,
            backend=backend,
            n_threads=n_threads,
            metric=metric,
        )
    if amount == 0.0:
        return PlainSettings(
            n_neighbors=check_n_neighbors(n_neighbors, n_rows),
            n_classes=n_classes,
            labels_are_classes=labels_are_classes,
            kernel=kernels.get_backend(backend),
            n_threads=check_n_threads(n_threads),
            metric=metric,
        )
    return VoteSettings.checked(
        n_neighbors=n_neighbors,
        sigma=amount,
        dof=dof,
        n_classes=n_classes,
        labels_are_classes=labels_are_classes,
        n_rows=n_rows,
        backend=backend,
        n_threads=n_threads,
        edges=edges,
    )


def threatened(
    vote: Vote, measured: Measured, targets: WholeArray, found: tuple[FloatArray, FloatArray] | None = None
) -> ThreatenedQueries[Any]:
    """Return what tampering leaves to the targets of some queries.

    Parameters
    ----------
    vote : Vote
    measured : Measured
    targets : ndarray of int, shape (n_queries,)
    found : tuple of two ndarrays of shape (n_queries, C), optional
        What ``vote`` said of them untampered: probabilities and errors, if known.
    """
    if isinstance(vote, PlainSettings):
        return PlainQueries(vote, measured, targets)
    if isinstance(vote, RadiusSettings):
        if vote.sigma == 0.0:
            return PlainRadiusQueries(vote, measured, targets)
        return SmoothedRadiusQueries(vote, measured, targets, found=found)
    if isinstance(vote, VoteSettings):
        return SmoothedQueries(vote, measured, targets, found=found)
    raise TypeError(f"nothing is known of tampering with {vote!r}")
