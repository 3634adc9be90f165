"""Threat models: what the attacker may have done to training rows, to words and to the query."""

from __future__ import annotations

from .ball import BlackBoxBall
from .rows import Deletions, Insertions, LabelFlips, Replacements
from .shifts import QueryShift, RowShift, StructuredThreat

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
]

Threat = BlackBoxBall | StructuredThreat
