"""The gate: numbers and arrays from outside leave here as what the kernels take, or not at all.

Every check raises TypeError for a wrong type and InvalidInput, a ValueError, for a wrong value, and says what
was expected, what came and what to do about it. Kernels behind this gate check nothing again.
"""
