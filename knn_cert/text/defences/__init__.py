"""Empirical defences against textual backdoors, behind one interface: baselines without any certificate."""

from __future__ import annotations

from .bki import BKI
from .interface import Defence, Defended, NoDefence
from .ngrams import NGramModel
from .onion import ONION, LanguageModel
from .rap import RAP
from .strip import STRIP

__all__ = [
    "BKI",
    "ONION",
    "RAP",
    "STRIP",
    "Defence",
    "Defended",
    "LanguageModel",
    "NGramModel",
    "NoDefence",
]
