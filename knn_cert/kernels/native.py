"""The compiled kernel: thin names over ``knn_cert._core``, which releases the GIL and listens to Ctrl-C."""

from __future__ import annotations

from knn_cert._core import (
    compiler,
    distances,
    distances_csr,
    moved_races,
    ncx2_cdf,
    ncx2_logcdf,
    ncx2_logsf,
    ncx2_sf,
    pair_families,
    race,
    race_families,
    rival_scores,
    simd_level,
    vote,
    vote_bucketed,
    vote_scan,
)

from . import native_summaries as summaries

__all__ = [
    "compiler",
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
    "simd_level",
    "summaries",
    "vote",
    "vote_bucketed",
    "vote_scan",
]
