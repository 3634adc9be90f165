"""The only home of Theorem 1's radii and of the confidence bounds that turn votes into probabilities."""

from __future__ import annotations

from .confidence import (
    VoteBounds,
    clopper_pearson_lower,
    clopper_pearson_upper,
    fewest_votes,
    hoeffding_epsilon,
    models_needed,
    vote_bounds,
)
from .radii import gaussian_radius, uniform_certified, uniform_radius

__all__ = [
    "VoteBounds",
    "clopper_pearson_lower",
    "clopper_pearson_upper",
    "fewest_votes",
    "gaussian_radius",
    "hoeffding_epsilon",
    "models_needed",
    "uniform_certified",
    "uniform_radius",
    "vote_bounds",
]
