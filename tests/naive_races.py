"""How many of some rows are within t, and how densely the m-th nearest comes at t: an oracle for races."""

from __future__ import annotations

import numpy as np
from scipy.stats import ncx2


def counts(s, m, t, d):
    """Return P(fewer than m rows are within t) and the density of the m-th nearest, at each of a column of t.

    Rows have distances s before the noise of sigma 1 in d dimensions.
    """
    F, f = ncx2.cdf(t**2, d, s**2), 2.0 * t * ncx2.pdf(t**2, d, s**2)
    G, A = np.zeros((m, len(t))), np.zeros((m, len(t)))
    G[0] = 1.0
    for i in range(len(s)):
        A = A * (1.0 - F[:, i]) + f[:, i] * G + F[:, i] * np.vstack([np.zeros(len(t)), A[:-1]])
        G = G * (1.0 - F[:, i]) + F[:, i] * np.vstack([np.zeros(len(t)), G[:-1]])
    return G.sum(axis=0), A[m - 1]
