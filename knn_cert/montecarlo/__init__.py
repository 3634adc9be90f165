"""Certificates from sampled votes: any classifier, and the K-NN baseline of the exact engine."""

from __future__ import annotations

from ..fingerprint import parameters_digest
from .knn import MonteCarloVote, monte_carlo_vote
from .models import UnsoundTrainer
from .rows import SmoothedEnsemble
from .votes import certify_votes

__all__ = [
    "MonteCarloVote",
    "SmoothedEnsemble",
    "UnsoundTrainer",
    "certify_votes",
    "monte_carlo_vote",
    "parameters_digest",
]
