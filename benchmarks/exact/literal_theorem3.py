"""Theorem 3 of RAB for K = 1, Eqs. (70) to (80) as they are printed, in NumPy: a baseline, not a tool."""

from __future__ import annotations

import numpy as np
from scipy.special import chndtr


def nearest_row_vote(sq_distances, labels, *, n_classes: int, sigma: float, dof: float, edges) -> np.ndarray:
    """Probability of each class to own the nearest noisy row, rows of one bucket ordered by their index.

    Parameters
    ----------
    sq_distances : ndarray of shape (n,)
        Squared distances from the query to the rows, without noise.
    labels : ndarray of int, shape (n,)
    edges : ndarray of shape (L - 1,)
        Edges on the squared distance.

    Returns
    -------
    ndarray of shape (C,)

    Notes
    -----
    With K = 1 a tally has a single one, at the class c of the boundary row i, so that (76) needs r = 0 only:
    P_c' = R_c'(i, 0) Q_c'(i, 0) for every class. Time is O(n L C). Tails come as complements, as
    in the paper: tiny probabilities have no accuracy of their own here.
    """
    n = len(sq_distances)
    # Eqs. (70), (71): P(S_i = beta_l), bucket l running from the nearest to the farthest.
    law = chndtr(edges[None, :] / sigma**2, dof, sq_distances[:, None] / sigma**2)
    law = np.column_stack([np.zeros(n), law, np.ones(n)])
    p = np.diff(law, axis=1)
    # alpha_i^l = P(S_i <= beta_l), the sum of p_i^s over s >= l; no level is below the last.
    alpha = np.cumsum(p[:, ::-1], axis=1)[:, ::-1]
    alpha_next = np.column_stack([alpha[:, 1:], np.zeros(n)])

    probability_of_tally = np.ones_like(p)
    for c in range(n_classes):
        own = (labels == c)[:, None]
        # Eq. (78) at r = 0: no row of class c after i is in a nearer bucket; recursion from i = n downwards.
        R = np.ones_like(p)
        R[:-1] = np.cumprod(np.where(own, alpha, 1.0)[:0:-1], axis=0)[::-1]
        # Eq. (79) at r = 0: none before i is in the same or a nearer bucket; Eq. (80) from i = 1 upwards.
        Q = np.ones_like(p)
        Q[1:] = np.cumprod(np.where(own, alpha_next, 1.0)[:-1], axis=0)
        probability_of_tally *= R * Q
    # Eq. (77): the boundary events (76) of all rows and levels, added up by the class of the row.
    events = (p * probability_of_tally).sum(axis=1)
    return np.bincount(labels, weights=events, minlength=n_classes)
