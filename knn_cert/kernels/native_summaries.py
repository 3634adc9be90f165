"""What the compiled kernel does with summaries of rows (summaries.py), as `Kernel.summaries`."""

from __future__ import annotations

from knn_cert._core import (
    check_summaries,
    merge_summaries,
    needs_of_vote,
    race_families,
    summarise,
    vote_summaries,
)

__all__ = [
    "check_summaries",
    "merge_summaries",
    "needs_of_vote",
    "race_families",
    "summarise",
    "vote_summaries",
]
