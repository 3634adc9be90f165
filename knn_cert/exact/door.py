"""The functional door: squared distances and labels from outside, checked and rooted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..gate.distances import check_query_distances
from ..gate.labels import check_labels, check_n_classes
from .classifiers import checked_vote
from .measured import Measured
from .vote import Vote

__all__ = ["CheckedQueries", "checked_queries"]


class CheckedQueries(NamedTuple):
    """Queries as everything inside takes them.

    Attributes
    ----------
    settings : Vote
    measured : Measured
        Exact: the squares are those that their user has.
    single : bool
        Whether there was one query, without an axis.
    """

    settings: Vote
    measured: Measured
    single: bool


def checked_queries(
    sq_distances: ArrayLike,
    labels: ArrayLike,
    *,
    n_neighbors: int | None,
    sigma: float,
    dof: float | None,
    radius: float | None,
    n_classes: int | None,
    backend: str,
    edges: ArrayLike | None = None,
) -> CheckedQueries:
    """Check what the public functions were given, and raise what their documentation says.

    Labels are 0..C-1 for everybody: nobody can bring one that is none of the classes.
    """
    squares = check_query_distances(sq_distances)
    n_rows = squares.shape[-1]
    checked_labels = check_labels(labels, n_rows)
    if (n_neighbors is None) == (radius is None):
        raise TypeError("expected n_neighbors or radius, one of them")
    settings = checked_vote(
        n_neighbors=n_neighbors,
        sigma=sigma,
        dof=dof,
        radius=radius,
        n_classes=check_n_classes(n_classes, checked_labels),
        labels_are_classes=True,
        n_rows=n_rows,
        backend=backend,
        edges=edges,
    )
    distances = np.sqrt(np.atleast_2d(squares))
    settings.check_distances(distances)
    return CheckedQueries(settings, Measured(distances, checked_labels, 0.0), squares.ndim == 1)
