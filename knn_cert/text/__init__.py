"""Smoothed classifiers of texts, with certificates that hold: CROWD, made sound."""

from __future__ import annotations

from ..threats.words import QueryWords, TrainingWords
from .composition import Composition, compose
from .corpus import Corpus, tokenize
from .ensemble import SmoothedTextEnsemble
from .laws import Deletion, LabelNoise, Masking, RowDropping
from .substitution import (
    SubstitutionLaw,
    UniformSubstitution,
    beta_cdf,
    beta_race,
    cluster_shared,
    crowd_paper,
    crowd_released,
    floored,
    similarity_power,
    similarity_softmax,
)
from .swaps import largest_word_budget
from .synonyms import SynonymNetwork
from .text_votes import certify_text_votes
from .trainers import BagOfWords, Embeddings

__all__ = [
    "BagOfWords",
    "Composition",
    "Corpus",
    "Deletion",
    "Embeddings",
    "LabelNoise",
    "Masking",
    "QueryWords",
    "RowDropping",
    "SmoothedTextEnsemble",
    "SubstitutionLaw",
    "SynonymNetwork",
    "TrainingWords",
    "UniformSubstitution",
    "beta_cdf",
    "beta_race",
    "certify_text_votes",
    "cluster_shared",
    "compose",
    "crowd_paper",
    "crowd_released",
    "floored",
    "largest_word_budget",
    "similarity_power",
    "similarity_softmax",
    "tokenize",
]
