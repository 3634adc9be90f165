"""The only home of Theorem 1: its radii, discrete laws, and the bounds that turn votes into probabilities."""

from __future__ import annotations

from .accountant import Grid
from .atom_laws import drop_then_delete, label_noise, vocabulary_noise
from .atoms import IDENTICAL, Atoms
from .attacker import worst_by_enumeration, worst_by_envelopes, worst_by_hull, worst_case
from .clopper_pearson import clopper_pearson_lower, clopper_pearson_upper
from .confidence import VoteBounds, vote_bounds
from .gaussian import gaussian_radius
from .hoeffding import hoeffding_epsilon
from .hulls import envelope
from .mixing import mixture, unless_lost
from .overlap import Overlap
from .overlap_attacks import worst_by_total_variation, worst_overlaps
from .overlap_laws import (
    box_noise,
    deletion,
    fixed_keep,
    largest_fixed_keep_budget,
    mask_or_synonym,
    masking,
    row_dropping,
    uniform_sets,
)
from .tradeoff import TradeOff, largest_certified
from .unanimity import fewest_votes, models_needed
from .uniform import uniform_certified, uniform_radius
from .worst_pair import WorstCase

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
