"""Certificates from sampled votes: the baselines that exact probabilities are compared with."""

from __future__ import annotations

from .knn import MonteCarloVote, monte_carlo_vote

__all__ = ["MonteCarloVote", "monte_carlo_vote"]
