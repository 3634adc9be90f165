"""Threat models of texts under the name by which programs import them: `knn_cert.threats.words`."""

from __future__ import annotations

from .threats.words import EDITS, QueryWords, RowThreat, TrainingWords, WordThreat

__all__ = ["EDITS", "QueryWords", "RowThreat", "TrainingWords", "WordThreat"]
