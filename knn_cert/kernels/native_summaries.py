"""What the compiled kernel does with summaries of rows (summaries.py), as `Kernel.summaries`."""

from __future__ import annotations

from knn_cert._core import merge_summaries, needs_of_vote, race_families, summarise, vote_summaries

__all__ = ["merge_summaries", "needs_of_vote", "race_families", "summarise", "vote_summaries"]
