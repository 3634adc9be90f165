"""Which words may stand for which: a symmetric graph of words, fixed before any training text is seen."""

from __future__ import annotations

from .network import SynonymNetwork

__all__ = ["SynonymNetwork"]
