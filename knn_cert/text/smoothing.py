"""Smoothing laws of texts, and what each of them certifies: the pair of laws behind a threat.

A law says what happens to every training text, independently: words are drawn from their synonyms, masked or
deleted, labels replaced, whole rows left out. The certificate of a threat is Theorem 1 for the pair (P0, P1)
of the law at the observed texts and at the ones the guarantee is about. A law that leaves nothing in common
to the two, as substitution does with inserted words, certifies nothing: that is said, not computed.

A word is a token here, whatever the tokeniser of the ensemble makes of a text.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from numbers import Real

from ..bounds import (
    IDENTICAL,
    Overlap,
    TradeOff,
    deletion,
    label_noise,
    row_dropping,
    unless_lost,
)
from ..smoothing import DiscreteNoise
from ..threats import Deletions, Insertions, LabelFlips, Replacements
from ..threats.words import EDITS, QueryWords, RowThreat, TrainingWords, WordThreat
from .substitution import SubstitutionLaw
from .swaps import Swaps

__all__ = ["Composition", "Deletion", "LabelNoise", "Masking", "RowDropping", "TextLaw", "compose"]

_DISJOINT = Overlap(0, 0)

# Pairs of laws with rational parameters are kept in rationals for so many rows; beyond, digits grow too long.
_MOST_EXACT = 16


@dataclass(frozen=True)
class _OneChance:
    """What laws with one probability, and nothing else, share."""

    def __post_init__(self):
        (field,) = fields(self)
        value = getattr(self, field.name)
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{field.name} must be a number between 0 and 1, got {value!r}")
        if not 0 < value < 1:
            raise ValueError(
                f"{field.name} must lie strictly between 0 and 1, got {value!r}: with 0 nothing is smoothed, "
                "with 1 nothing is left to learn from"
            )

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

    rho: float

    def describe(self) -> str:
        return f"masked with probability {self.rho}"


@dataclass(frozen=True)
class Deletion(_OneChance):
    """Every word is deleted with probability `p` (RS-Del), and the others close up.

    Certifies inserted, removed and replaced words, in training texts and queries.

    Parameters
    ----------
    p : number, 0 < p < 1
    """

    p: float

    def describe(self) -> str:
        return f"deleted with probability {self.p}"


@dataclass(frozen=True)
class LabelNoise(_OneChance):
    """Every training label is replaced, with probability `flip`, by another class drawn uniformly.

    Certifies flipped labels.

    Parameters
    ----------
    flip : number, 0 < flip < 1
    """

    flip: float

    def describe(self) -> str:
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

    pi: float

    def describe(self) -> str:
        return f"every training text left out with probability {self.pi}"


# In the order in which they are applied; at most one of each.
_PARTS = (RowDropping, LabelNoise, SubstitutionLaw, Masking, Deletion)


@dataclass(frozen=True, eq=False)
class Composition:
    """Several laws one after the other; made by `compose`.

    Rows are left out first, then labels replaced, words substituted, masked and deleted.

    Attributes
    ----------
    parts : tuple of laws
        At most one of each kind, in the order in which they are applied.
    """

    parts: tuple[TextLaw, ...]

    def part(self, kind):
        """The part of this kind, or None."""
        return next((part for part in self.parts if isinstance(part, kind)), None)

    @property
    def on_words(self) -> bool:
        """Whether words are touched, and so a query can be smoothed too."""
        return any(isinstance(part, (SubstitutionLaw, Masking, Deletion)) for part in self.parts)

    def __str__(self) -> str:
        return " then ".join(map(str, self.parts))

    def describe(self) -> str:
        """The law in words, as the rest of a sentence."""
        rows = [part.describe() for part in self.parts if isinstance(part, (RowDropping, LabelNoise))]
        words = [part.phrase() for part in self.parts if isinstance(part, SubstitutionLaw)]
        words += [part.describe() for part in self.parts if isinstance(part, (Masking, Deletion))]
        if words:
            rows.append(f"every token of every training text {', then '.join(words)}")
        return ", ".join(rows)

    def noise(self, *, query_noise: bool, tokenizer: str = "the given tokens") -> DiscreteNoise:
        """What a certificate says of this law, and of what tokens are."""
        words = self.describe()
        if query_noise:
            words += ", and the tokens of the query likewise"
        return DiscreteNoise(str(self), words, tokenizer)

    def coverage(self) -> str:
        """What votes under this law can certify, a line for each kind of threat."""
        whole = {
            "added": Deletions(1),
            "removed": Insertions(1),
            "changed at will": Replacements(1),
            "relabelled": LabelFlips(1),
        }
        asked = {
            "words of the query": {edit: QueryWords(edit, 1) for edit in EDITS},
            "words of training texts": {edit: TrainingWords(edit, rows=1) for edit in EDITS},
            "whole training texts": whole,
        }
        lines = []
        for title, threats in asked.items():
            covered = [name for name, threat in threats.items() if self.covers(threat)]
            lines.append(f"{title}: {', '.join(covered) or 'nothing'}")
        return "\n".join(lines)

    # --- pairs of laws ---

    def pair(self, threat: TrainingWords | RowThreat, rows: int, *, n_classes: int, words=None) -> TradeOff:
        """The pair of laws at the observed training texts, and at others of which so many rows differ.

        Parameters
        ----------
        threat : TrainingWords, Deletions, Insertions, Replacements or LabelFlips
            How each of the rows differs; the number of rows in it is ignored.
        rows : int >= 0
        n_classes : int
        words : iterable of str, optional
            Distinct words of the training texts; needed where synonyms may have been swapped in them.

        Returns
        -------
        TradeOff
            Errs towards pairs that are easier to tell apart.

        Raises
        ------
        ValueError
            If words are needed and left out.
        """
        pair = self._row_pair(threat, n_classes, words)
        return (pair if rows <= _MOST_EXACT else pair.rounded()) ** rows

    def query_pair(self, edit: str, budget: int, query) -> TradeOff:
        """The pair of laws at the observed query, and at others that differ by so many edits.

        Parameters
        ----------
        edit : str
            As in `QueryWords`.
        budget : int >= 0
        query : sequence of str
            Its words; used where they may have been swapped for synonyms.

        Returns
        -------
        TradeOff
        """
        swaps = self.swaps(edit)
        return self._edited(edit, budget, query) if swaps is None else swaps.pair(query, budget)

    def swaps(self, edit: str, training: TradeOff = IDENTICAL) -> Swaps | None:
        """What exchanged words of a query can do, where that depends on which words it has; else None."""
        law = self.part(SubstitutionLaw)
        if edit != "synonyms" or law is None:
            return None
        thins = self.part(Masking) is not None or self.part(Deletion) is not None
        return Swaps(law, self._thinned if thins else None, training)

    def covers(self, threat: WordThreat | RowThreat) -> bool:
        """Whether this law can certify anything about the threat, with enough models that agree."""
        try:
            self.check(threat)
        except ValueError:
            return False
        return True

    def check(self, threat: WordThreat | RowThreat) -> None:
        """Raise ValueError where the law has nothing in common at the texts that the threat relates.

        Raises
        ------
        TypeError
            If this is no threat of texts.
        ValueError
            If the law certifies nothing about it, whatever the votes.
        """
        if isinstance(threat, QueryWords):
            if threat.training is not None:
                self.check(threat.training)
            covered = self._covers_words(threat.edit)
        elif isinstance(threat, TrainingWords):
            covered = self.part(RowDropping) is not None or self._covers_words(threat.edit)
        elif isinstance(threat, LabelFlips):
            covered = self.part(RowDropping) is not None or self.part(LabelNoise) is not None
        elif isinstance(threat, (Deletions, Insertions, Replacements)):
            covered = self.part(RowDropping) is not None
        else:
            raise TypeError(
                "threat must be TrainingWords, QueryWords, Deletions, Insertions, Replacements or "
                f"LabelFlips, got {threat!r}"
            )
        if not covered:
            raise ValueError(
                f"{self} certifies nothing against {threat!r}: one such change makes noised texts that the "
                f"other ones never become, so no votes can say anything. {_REMEDIES[_kind_of(threat)]}"
            )

    def _covers_words(self, edit: str) -> bool:
        if edit in ("inserted", "removed", "any"):
            return self.part(Deletion) is not None
        thinned = self.part(Deletion) is not None or self.part(Masking) is not None
        return thinned or (edit == "synonyms" and self.part(SubstitutionLaw) is not None)

    def _row_pair(self, threat, n_classes: int, words) -> TradeOff:
        """One training text tampered with."""
        drop = self.part(RowDropping)
        pi = Fraction(0) if drop is None else drop.pi
        if isinstance(threat, Deletions):
            return row_dropping(pi, only_observed=1)
        if isinstance(threat, Insertions):
            return row_dropping(pi, only_other=1)
        if isinstance(threat, Replacements):
            return row_dropping(pi, modified=1)
        if isinstance(threat, LabelFlips):
            flips = self.part(LabelNoise)
            changed = _DISJOINT if flips is None else label_noise(n_classes, flips.flip)
        else:
            changed = self._edited(threat.edit, threat.words, words)
        return changed if drop is None else unless_lost(pi, changed)

    def _edited(self, edit: str, budget: int, words) -> TradeOff:
        """One text in which so many words were edited; ``words`` are all that may be swapped for synonyms."""
        thinning = self.part(Deletion)
        p = Fraction(0) if thinning is None else thinning.p
        if edit == "inserted":
            return deletion(p, only_observed=budget)
        if edit == "removed":
            return deletion(p, only_other=budget)
        if edit == "any":
            # A replaced word counts for both laws, so this is below any mix, masked or not.
            return deletion(p, substituted=budget)
        law = self.part(SubstitutionLaw)
        if edit == "synonyms" and law is not None:
            if words is None:
                raise ValueError(
                    "the worst exchange of synonyms in training texts depends on their words, got none; give "
                    "the distinct words of the training texts"
                )
            return self._thinned(law.hull_of(words)) ** budget
        return self._thinned(_DISJOINT) ** budget

    def _thinned(self, pair: TradeOff) -> TradeOff:
        """A word in a known place that was drawn as ``pair`` says, then masked or deleted."""
        for part in self.parts:
            if isinstance(part, Masking):
                pair = unless_lost(part.rho, pair)
            elif isinstance(part, Deletion):
                pair = unless_lost(part.p, pair)
        return pair


TextLaw = RowDropping | LabelNoise | SubstitutionLaw | Masking | Deletion


def compose(*laws: TextLaw | Composition) -> Composition:
    """Apply several laws to every training text: row dropping and deletion, say.

    Parameters
    ----------
    *laws : laws
        At most one of each kind, in any order: they are always applied as `Composition` says.

    Returns
    -------
    Composition

    Raises
    ------
    TypeError
        If something is no law.
    ValueError
        If there is no law, or two of a kind.
    """
    parts = []
    for law in laws:
        parts += law.parts if isinstance(law, Composition) else [law]
    if not parts:
        raise ValueError("a smoothing needs at least one law, got none")
    for part in parts:
        if not isinstance(part, _PARTS):
            names = ", ".join(kind.__name__ for kind in _PARTS)
            raise TypeError(f"a law must be one of {names}, got {part!r}")
    for kind in _PARTS:
        if sum(isinstance(part, kind) for part in parts) > 1:
            raise ValueError(f"there must be at most one {kind.__name__}, got several; merge them into one")
    order = {kind: number for number, kind in enumerate(_PARTS)}
    return Composition(
        tuple(sorted(parts, key=lambda part: next(order[kind] for kind in _PARTS if isinstance(part, kind))))
    )


_REMEDIES = {
    "inserted": "Use Deletion, or RowDropping for training texts",
    "removed": "Use Deletion, or RowDropping for training texts",
    "any": "Use Deletion, or RowDropping for training texts",
    "replaced": "Use Masking or Deletion, or RowDropping for training texts",
    "synonyms": "Use a substitution law, Masking or Deletion, or RowDropping for training texts",
    "labels": "Use LabelNoise or RowDropping",
    "rows": "Use RowDropping",
}


def _kind_of(threat) -> str:
    if isinstance(threat, LabelFlips):
        return "labels"
    return getattr(threat, "edit", "rows")
