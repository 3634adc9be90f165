"""Classifiers of scikit-learn as users have them: behind the steps of a pipeline, and in a search."""

from __future__ import annotations

from .certify import certify_sklearn
from .scorer import certified_accuracy_scorer

__all__ = ["certified_accuracy_scorer", "certify_sklearn"]
