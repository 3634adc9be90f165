"""Threat models: what the attacker may have done to training rows, to words and to the query."""

from __future__ import annotations

from .rows import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
    StructuredThreat,
    Threat,
    asked_budget,
    check_rows,
    is_beyond,
    is_open,
    share_of_rows,
    tampered_rows,
    votes_needed,
    votes_that_can_win,
)

__all__ = [
    "BlackBoxBall",
    "Deletions",
    "Insertions",
    "LabelFlips",
    "QueryShift",
    "Replacements",
    "RowShift",
    "StructuredThreat",
    "Threat",
    "asked_budget",
    "check_rows",
    "is_beyond",
    "is_open",
    "share_of_rows",
    "tampered_rows",
    "votes_needed",
    "votes_that_can_win",
]
