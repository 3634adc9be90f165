"""The smoothing laws of texts: what happens to every training text, independently of all others.

Words are drawn from their synonyms (`knn_cert.text.substitution`), masked or deleted, labels replaced, whole
rows left out. A word is a token here, whatever the tokeniser of the ensemble makes of a text.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction

from ..gate.numbers import as_real_within
from .substitution import SubstitutionLaw

__all__ = ["Deletion", "LabelNoise", "Masking", "Number", "RowDropping", "TextLaw"]

# A probability. With a Fraction or an int, pairs of laws are exact.
Number = float | Fraction


@dataclass(frozen=True)
class _OneChance:
    """What laws with one probability, and nothing else, share."""

    def __post_init__(self) -> None:
        (field,) = fields(self)
        remedy = "with 0 nothing is smoothed, with 1 nothing is left to learn from"
        as_real_within(getattr(self, field.name), field.name, 0, 1, ends="()", remedy=remedy)

    def __str__(self) -> str:
        (field,) = fields(self)
        return f"{type(self).__name__}({getattr(self, field.name)})"


@dataclass(frozen=True)
class Masking(_OneChance):
    """Every word is masked with probability `rho` (RanMASK); the number of words stays.

    Certifies words replaced by any others, in training texts and queries. Not inserted or removed words:
    texts of different lengths stay different.

    Parameters
    ----------
    rho : number, 0 < rho < 1
    """

    rho: Number

    def describe(self) -> str:
        """Return what is done to a word, as the rest of a sentence."""
        return f"masked with probability {self.rho}"


@dataclass(frozen=True)
class Deletion(_OneChance):
    """Every word is deleted with probability `p` (RS-Del), and the others close up.

    Certifies inserted, removed and replaced words, in training texts and queries.

    Parameters
    ----------
    p : number, 0 < p < 1
    """

    p: Number

    def describe(self) -> str:
        """Return what is done to a word, as the rest of a sentence."""
        return f"deleted with probability {self.p}"


@dataclass(frozen=True)
class LabelNoise(_OneChance):
    """Every training label is replaced, with probability `flip`, by another class drawn uniformly.

    Certifies flipped labels.

    Parameters
    ----------
    flip : number, 0 < flip < 1
    """

    flip: Number

    def describe(self) -> str:
        """Return what is done to the labels, as the rest of a sentence."""
        return f"every training label replaced by another class with probability {self.flip}"


@dataclass(frozen=True)
class RowDropping(_OneChance):
    """Every training text is left out with probability `pi`.

    Certifies training texts that were added, removed or changed in any way, labels included: rewritten
    sentences (SynBkd, StyleBkd) and flipped labels too. Nothing about the query.

    Parameters
    ----------
    pi : number, 0 < pi < 1
    """

    pi: Number

    def describe(self) -> str:
        """Return what is done to the texts, as the rest of a sentence."""
        return f"every training text left out with probability {self.pi}"


TextLaw = RowDropping | LabelNoise | SubstitutionLaw | Masking | Deletion
