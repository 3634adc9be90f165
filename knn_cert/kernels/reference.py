"""The reference: plain loops by other mathematics than the kernels', hundreds of times slower."""

from __future__ import annotations

from .reference_loops import (
    distances,
    distances_csr,
    ncx2_cdf,
    ncx2_logcdf,
    ncx2_logsf,
    ncx2_sf,
    pair_families,
    race,
    race_families,
    rival_scores,
    vote,
    vote_bucketed,
    vote_scan,
)
from .reference_moves import moved_races

summaries = None  # all rows are looked at one by one here

__all__ = [
    "distances",
    "distances_csr",
    "moved_races",
    "ncx2_cdf",
    "ncx2_logcdf",
    "ncx2_logsf",
    "ncx2_sf",
    "pair_families",
    "race",
    "race_families",
    "rival_scores",
    "summaries",
    "vote",
    "vote_bucketed",
    "vote_scan",
]
