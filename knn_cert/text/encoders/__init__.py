"""Sentence embeddings that are fixed before the training table is seen: a row of numbers for each text.

A certificate of a classifier on embeddings says what r tampered texts can do by changing r rows. That holds
only if no text can move the row of another one: parameters, vocabulary, word weights and every later scaling
must come from elsewhere than the training table, and must not be tuned on it.

Importing this module imports neither torch nor transformers; making a `TransformerEncoder` does.
"""

from __future__ import annotations

from .transformer import TransformerEncoder
from .word_vectors import Coverage, WordVectorEncoder, sif_weights

__all__ = ["Coverage", "TransformerEncoder", "WordVectorEncoder", "sif_weights"]
