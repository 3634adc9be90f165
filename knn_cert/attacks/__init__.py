"""Backdoor attacks to evaluate defences with: fixed triggers, and training tables poisoned with them.

The three attacks of RAB, section 7.1, as plain functions on arrays: a trigger on one or four pixels of an
image (one or four columns of a table), or noise blended into the whole row. For texts, rare words or a fixed
sentence among the words. Nothing here certifies anything.
"""

from __future__ import annotations

from .poisoning import Poisoned, poison
from .text import (
    AddSentence,
    BadNets,
    PoisonedTexts,
    TextTrigger,
    TriggeredTexts,
    poison_texts,
    triggered_queries,
)
from .triggers import (
    Trigger,
    Triggered,
    apply_trigger,
    blending,
    four_dimension,
    four_pixel,
    one_dimension,
    one_pixel,
)

__all__ = [
    "AddSentence",
    "BadNets",
    "Poisoned",
    "PoisonedTexts",
    "TextTrigger",
    "Trigger",
    "Triggered",
    "TriggeredTexts",
    "apply_trigger",
    "blending",
    "four_dimension",
    "four_pixel",
    "one_dimension",
    "one_pixel",
    "poison",
    "poison_texts",
    "triggered_queries",
]
