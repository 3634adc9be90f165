"""What both classifiers of the numba backend promise, and the answers of their kernels."""

from __future__ import annotations

# Answers of the kernels.
SOLVED, WINDOW_TOO_SMALL, NOT_ONE = range(3)

FEW_ROWS = 48  # up to here rows are evaluated one by one, without cells

# What may be left out of the integral, or of the buckets: this share of each q(y), or this much.
RELATIVE_TARGET = 1e-14
FLOOR = 1e-300

LARGEST_DEFECT = 1e-9  # of the sum of the probabilities; beyond, no answer is given
LAW_ERROR = 1e-12  # relative error of F, U, f: measured below 5e-13
UNIT = 2.0**-53
