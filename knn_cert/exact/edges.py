"""Bucket edges of RAB's K-NN, on the squared distance, from the dimension and the noise alone."""

from __future__ import annotations

import numpy as np
from scipy.special import chndtrix, gammaincinv

from .._types import FloatArray, Whole
from ..gate.errors import InvalidInput
from ..gate.numbers import as_positive, as_whole_number, check_dof, check_sigma

__all__ = ["rab_edges"]

# RAB's choice: the edges span all but this much of the distances of a row at the query and of a row as far as
# the noise.
_TAIL = 1e-4


def rab_edges(dof: float, sigma: float, levels: Whole = 200, shrink: float = 1.0) -> FloatArray:
    """Return the edges of RAB's buckets on the squared distance: ``levels - 1`` of them, equally spaced.

    They run from the 1e-4 quantile of chi-square with ``shrink * dof`` degrees of freedom (a row at the
    query) to the 1 - 1e-4 quantile of non-central chi-square with ``shrink * dof`` degrees of freedom and
    non-centrality ``shrink * dof / sigma**2`` (a row that differs by 1 in each feature), times ``sigma**2``.

    The edges depend on no training row. They must not: a bucketed classifier is certified as itself, and
    edges that followed the rows would let an attacker who moves rows change the classifier that the
    certificate speaks of.

    Parameters
    ----------
    dof : float, from 1 to 1e9
        Number of features, d.
    sigma : float > 0
        Standard deviation of the noise on each feature, in the units of the features.
    levels : int >= 2
        Number of buckets.
    shrink : float > 0
        Factor on ``dof``, for features of which a part is constant.

    Returns
    -------
    array, (levels - 1,)
        Strictly increasing edges, in squared units of the features.

    Raises
    ------
    TypeError
        If an argument is not a number, or ``levels`` is not an integer.
    ValueError
        If an argument is outside its range, or so extreme that the edges cannot be told apart or computed.
    """
    dof = check_dof(dof)
    sigma = check_sigma(sigma)
    shrink = as_positive(shrink, "shrink")
    levels = as_whole_number(levels, "levels", least=2, remedy="two levels have one edge between them")

    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        freedom = shrink * dof
        variance = np.float64(sigma) * sigma
        lowest = 2.0 * gammaincinv(0.5 * freedom, _TAIL)
        # The upper quantile is asked for as 1 - 1e-4 itself: it is the definition, and no small tail is lost
        # in it.
        highest = chndtrix(1.0 - _TAIL, freedom, freedom / variance)
        edges: FloatArray = variance * np.linspace(lowest, highest, levels - 1)
    if not np.all(np.isfinite(edges)) or not 0.0 <= lowest < highest or np.any(np.diff(edges) <= 0.0):
        raise InvalidInput(
            f"edges cannot be computed for dof={dof!r}, sigma={sigma!r}, levels={levels}, shrink={shrink!r}: "
            "they are not finite and increasing. Scale the features so that sigma is nearer to 1, or use "
            "fewer levels."
        )
    return edges
