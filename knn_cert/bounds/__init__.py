"""The only home of Theorem 1: its radii, discrete laws, and the bounds that turn votes into probabilities."""

from __future__ import annotations

from .accountant import Grid
from .atoms import IDENTICAL, Atoms, envelope, mixture
from .attacker import (
    WorstCase,
    worst_by_enumeration,
    worst_by_envelopes,
    worst_by_hull,
    worst_by_total_variation,
    worst_case,
    worst_overlaps,
)
from .confidence import (
    VoteBounds,
    clopper_pearson_lower,
    clopper_pearson_upper,
    fewest_votes,
    hoeffding_epsilon,
    models_needed,
    vote_bounds,
)
from .laws import drop_then_delete, label_noise, vocabulary_noise
from .overlap import (
    Overlap,
    box_noise,
    deletion,
    fixed_keep,
    largest_fixed_keep_budget,
    mask_or_synonym,
    masking,
    row_dropping,
    uniform_sets,
    unless_lost,
)
from .radii import gaussian_radius, uniform_certified, uniform_radius
from .tradeoff import TradeOff, largest_certified

__all__ = [
    "Atoms",
    "Grid",
    "IDENTICAL",
    "Overlap",
    "TradeOff",
    "VoteBounds",
    "WorstCase",
    "box_noise",
    "clopper_pearson_lower",
    "clopper_pearson_upper",
    "deletion",
    "drop_then_delete",
    "envelope",
    "fewest_votes",
    "fixed_keep",
    "gaussian_radius",
    "hoeffding_epsilon",
    "label_noise",
    "largest_certified",
    "largest_fixed_keep_budget",
    "mask_or_synonym",
    "masking",
    "mixture",
    "models_needed",
    "row_dropping",
    "uniform_certified",
    "uniform_radius",
    "uniform_sets",
    "unless_lost",
    "vocabulary_noise",
    "vote_bounds",
    "worst_by_enumeration",
    "worst_by_envelopes",
    "worst_by_hull",
    "worst_by_total_variation",
    "worst_case",
    "worst_overlaps",
]
