"""What the numba backend promises: shares that may be left out, and what is charged for the law."""

from __future__ import annotations

import math

from .jit import inner

# Nodes or edges that are worked out together: long enough for the processor's vectors, short against a window.
NODES = 32

FEW_ROWS = 48  # up to here the law of each row is worked out by itself, without cells

# What may be left out of the integral, or of the buckets: this share of each q(y), or this much.
RELATIVE_TARGET = 1e-13
FLOOR = 1e-300

LARGEST_DEFECT = 1e-9  # of the sum of the probabilities; beyond, no answer is given
# Beyond this many sigma the spacing of doubles is no longer small against the noise of 1.
LARGEST_DISTANCE = 1e11
# Relative error of f and of the smaller one of F and U, to which the other is the complement: measured
# (tests), not proven.
LAW_ERROR = 1e-12
UNIT = 2.0**-53


@inner
def by_law(deciding_arrival, mean):
    """Relative error by the law of a product of F of at most K rows and U of all others.

    `mean` bounds the sum of F over the rows. A row inside errs by LAW_ERROR; a row outside by that, or by F
    / U times that where U is the complement, which it is for F <= 3/4 at most: by 4 F LAW_ERROR either way.
    """
    return math.expm1(LAW_ERROR * (deciding_arrival + 1.0 + 4.0 * mean))
