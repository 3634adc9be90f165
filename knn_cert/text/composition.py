"""Laws of texts one after the other, and what they certify: the pair of laws behind each threat.

The certificate of a threat is Theorem 1 for the pair (P0, P1) of the law at the observed texts and at the
ones the guarantee is about. A law that leaves nothing in common to the two, as substitution does with
inserted words, certifies nothing: that is said, not computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import singledispatch, singledispatchmethod
from typing import TypeVar

from ..bounds import (
    IDENTICAL,
    Overlap,
    TradeOff,
    deletion,
    label_noise,
    row_dropping,
    unless_lost,
)
from ..gate.errors import InvalidInput
from ..smoothing import DiscreteNoise
from ..threats import Deletions, Insertions, LabelFlips, Replacements
from ..threats.words import EDITS, QueryWords, RowThreat, TrainingWords, WordThreat
from .laws import Deletion, LabelNoise, Masking, Number, RowDropping, TextLaw
from .substitution import SubstitutionLaw
from .substitution.hull import Pair
from .swaps import Swaps

__all__ = ["Composition", "compose"]

_Part = TypeVar("_Part")

# The kinds of laws, in the order in which they are applied; at most one of each.
_PARTS = (RowDropping, LabelNoise, SubstitutionLaw, Masking, Deletion)

# The pair of two laws that have nothing in common.
_DISJOINT = Overlap(0, 0)

# Pairs of laws with rational parameters are kept in rationals for so many rows; beyond, digits grow too long.
_MOST_EXACT = 16


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

    def part(self, kind: type[_Part]) -> _Part | None:
        """Return the part of this kind, or None."""
        return next((part for part in self.parts if isinstance(part, kind)), None)

    @property
    def on_words(self) -> bool:
        """Whether words are touched, and so a query can be smoothed too."""
        return any(isinstance(part, (SubstitutionLaw, Masking, Deletion)) for part in self.parts)

    def __str__(self) -> str:
        return " then ".join(map(str, self.parts))

    def describe(self) -> str:
        """Return the law in words, as the rest of a sentence."""
        rows = [part.describe() for part in self.parts if isinstance(part, (RowDropping, LabelNoise))]
        words = [part.phrase() for part in self.parts if isinstance(part, SubstitutionLaw)]
        words += [part.describe() for part in self.parts if isinstance(part, (Masking, Deletion))]
        if words:
            rows.append(f"every token of every training text {', then '.join(words)}")
        return ", ".join(rows)

    def noise(self, *, query_noise: bool, tokenizer: str = "the given tokens") -> DiscreteNoise:
        """Return what a certificate says of this law, and of what tokens are."""
        words = self.describe()
        if query_noise:
            words += ", and the tokens of the query likewise"
        return DiscreteNoise(str(self), words, tokenizer)

    def coverage(self) -> str:
        """Return what votes under this law can certify, a line for each kind of threat."""
        asked: dict[str, dict[str, WordThreat | RowThreat]] = {
            "words of the query": {edit: QueryWords(edit, 1) for edit in EDITS},
            "words of training texts": {edit: TrainingWords(edit, rows=1) for edit in EDITS},
            "whole training texts": {
                "added": Deletions(1),
                "removed": Insertions(1),
                "changed at will": Replacements(1),
                "relabelled": LabelFlips(1),
            },
        }
        lines = []
        for title, threats in asked.items():
            covered = [name for name, threat in threats.items() if self.covers(threat)]
            lines.append(f"{title}: {', '.join(covered) or 'nothing'}")
        return "\n".join(lines)

    # --- pairs of laws ---

    def pair(
        self,
        threat: TrainingWords | RowThreat,
        rows: int,
        *,
        n_classes: int,
        words: Iterable[str] | None = None,
    ) -> TradeOff:
        """Return the pair of laws at the observed training texts, and at others of which so many rows differ.

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

    def query_pair(self, edit: str, budget: int, query: Sequence[str]) -> TradeOff:
        """Return the pair of laws at the observed query, and at others that differ by so many edits.

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
        """Return what exchanged words of a query can do; None where their number alone decides that."""
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
        if not self._reaches(threat):
            raise InvalidInput(
                f"{self} certifies nothing against {threat!r}: one such change makes noised texts that the "
                f"other ones never become, so no votes can say anything. {_remedy(threat)}"
            )

    @singledispatchmethod
    def _reaches(self, threat: object) -> bool:
        """Whether the laws at the texts that the threat relates have something in common."""
        raise TypeError(
            "threat must be TrainingWords, QueryWords, Deletions, Insertions, Replacements or LabelFlips, "
            f"got {threat!r}"
        )

    @_reaches.register(Deletions)
    @_reaches.register(Insertions)
    @_reaches.register(Replacements)
    def _(self, threat: Deletions | Insertions | Replacements) -> bool:
        return self.part(RowDropping) is not None

    @_reaches.register(LabelFlips)
    def _(self, threat: LabelFlips) -> bool:
        return self.part(RowDropping) is not None or self.part(LabelNoise) is not None

    @_reaches.register(TrainingWords)
    def _(self, threat: TrainingWords) -> bool:
        return self.part(RowDropping) is not None or self._reaches_words(threat.edit)

    @_reaches.register(QueryWords)
    def _(self, threat: QueryWords) -> bool:
        if threat.training is not None:
            self.check(threat.training)
        return self._reaches_words(threat.edit)

    def _reaches_words(self, edit: str) -> bool:
        """Whether the laws at a text and at an edited one have something in common."""
        if edit in ("inserted", "removed", "any"):
            return self.part(Deletion) is not None
        thinned = self.part(Deletion) is not None or self.part(Masking) is not None
        return thinned or (edit == "synonyms" and self.part(SubstitutionLaw) is not None)

    @singledispatchmethod
    def _row_pair(self, threat: object, n_classes: int, words: Iterable[str] | None) -> Pair:
        """Return the pair of laws of one training text that was tampered with."""
        raise TypeError(f"threat must be one to the training texts, got {threat!r}")

    @_row_pair.register(Deletions)
    def _(self, threat: Deletions, n_classes: int, words: Iterable[str] | None) -> Pair:
        return row_dropping(self._loss, only_observed=1)

    @_row_pair.register(Insertions)
    def _(self, threat: Insertions, n_classes: int, words: Iterable[str] | None) -> Pair:
        return row_dropping(self._loss, only_other=1)

    @_row_pair.register(Replacements)
    def _(self, threat: Replacements, n_classes: int, words: Iterable[str] | None) -> Pair:
        return row_dropping(self._loss, modified=1)

    @_row_pair.register(LabelFlips)
    def _(self, threat: LabelFlips, n_classes: int, words: Iterable[str] | None) -> Pair:
        flips = self.part(LabelNoise)
        return self._unless_dropped(_DISJOINT if flips is None else label_noise(n_classes, flips.flip))

    @_row_pair.register(TrainingWords)
    def _(self, threat: TrainingWords, n_classes: int, words: Iterable[str] | None) -> Pair:
        return self._unless_dropped(self._edited(threat.edit, threat.words, words))

    @property
    def _loss(self) -> Number:
        """Probability that a training text is left out."""
        drop = self.part(RowDropping)
        return Fraction(0) if drop is None else drop.pi

    def _unless_dropped(self, changed: Pair) -> Pair:
        """Return the pair of a row that is left out, or else drawn as ``changed``."""
        drop = self.part(RowDropping)
        return changed if drop is None else unless_lost(drop.pi, changed)

    def _edited(self, edit: str, budget: int, words: Iterable[str] | None) -> Pair:
        """Return the pair of one text in which so many words were edited; ``words`` may be exchanged."""
        thinning = self.part(Deletion)
        p: Number = Fraction(0) if thinning is None else thinning.p
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
                raise InvalidInput(
                    "the worst exchange of synonyms in training texts depends on their words, got none; give "
                    "the distinct words of the training texts"
                )
            return self._thinned(law.hull_of(words)) ** budget
        return self._thinned(_DISJOINT) ** budget

    def _thinned(self, pair: Pair) -> Pair:
        """Return the pair of a word in a known place, drawn as ``pair`` says, then masked or deleted."""
        for part in self.parts:
            if isinstance(part, Masking):
                pair = unless_lost(part.rho, pair)
            elif isinstance(part, Deletion):
                pair = unless_lost(part.p, pair)
        return pair


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
    parts: list[TextLaw] = []
    for law in laws:
        parts += law.parts if isinstance(law, Composition) else [law]
    if not parts:
        raise InvalidInput("a smoothing needs at least one law, got none")
    for part in parts:
        if not isinstance(part, _PARTS):
            names = ", ".join(kind.__name__ for kind in _PARTS)
            raise TypeError(f"a law must be one of {names}, got {part!r}")
    ordered: list[TextLaw] = []
    for kind in _PARTS:
        of_kind = [part for part in parts if isinstance(part, kind)]
        if len(of_kind) > 1:
            raise InvalidInput(f"there must be at most one {kind.__name__}, got several; merge them into one")
        ordered += of_kind
    return Composition(tuple(ordered))


_REMEDIES = {
    "inserted": "Use Deletion, or RowDropping for training texts",
    "removed": "Use Deletion, or RowDropping for training texts",
    "any": "Use Deletion, or RowDropping for training texts",
    "replaced": "Use Masking or Deletion, or RowDropping for training texts",
    "synonyms": "Use a substitution law, Masking or Deletion, or RowDropping for training texts",
}


@singledispatch
def _remedy(threat: object) -> str:
    """Return which laws certify something about the threat."""
    return "Use RowDropping"


@_remedy.register(LabelFlips)
def _(threat: LabelFlips) -> str:
    return "Use LabelNoise or RowDropping"


@_remedy.register(TrainingWords)
@_remedy.register(QueryWords)
def _(threat: WordThreat) -> str:
    return _REMEDIES[threat.edit]
