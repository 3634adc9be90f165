"""Threat models of texts: what the attacker may have done to words, of training texts and of the query.

Edits name what was done to the *observed* text; the guarantee is about every text from which it can have been
made so. For a text that is clean as observed and may be edited later, ask for the reverse: whoever will
insert words is answered by "removed". A "word" is a token of the tokeniser that the certificate names: what a
reader takes for one word, such as a web address, may be a dozen of them. Tampering with whole rows, labels
included, is `knn_cert.threats`: `Deletions`, `Insertions`, `Replacements`, `LabelFlips`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..gate.errors import InvalidInput
from ..gate.numbers import as_whole_number, check_rows
from .base import RowsThreat, ThreatModel, share_of_rows
from .rows import Deletions, Insertions, LabelFlips, Replacements

__all__ = ["EDITS", "QueryWords", "RowThreat", "TrainingWords", "WordThreat"]

# Each edit in words: how the other text is made of the observed one.
EDITS = {
    "inserted": "taken out, wherever they stand",
    "removed": "put in, whatever they are and wherever",
    "replaced": "replaced by any others",
    "synonyms": "replaced by neighbours in the synonym network",
    "any": "taken out, put in or replaced, in any mix",
}

RowThreat = Deletions | Insertions | Replacements | LabelFlips
ROW_KINDS = (Deletions, Insertions, Replacements, LabelFlips)


@dataclass(frozen=True)
class TrainingWords(RowsThreat):
    """Words of at most `rows` training texts were edited, at most `words` in each; labels are as they were.

    Parameters
    ----------
    edit : {"inserted", "removed", "replaced", "synonyms", "any"}
        What the attacker did to the texts as they are observed. "inserted": he put words in (BadNets,
        AddSent), so the other texts lack them; "removed": they have words that were taken out; "replaced":
        they have other words in the same places; "synonyms": neighbours in the synonym network of the law;
        "any": all of it.
    words : int >= 1
        R, tokens of one text: the length of the trigger as the tokeniser counts it,
        ``len(tokenize(trigger))``.
    rows : int, or float in (0, 1), optional
        r, a number of training texts or a share of them. None leaves it open: the largest is computed.
    """

    edit: str
    words: int = 1
    rows: int | float | None = None
    budget_name: ClassVar[Literal["radius", "rows", "words"]] = "rows"

    def __post_init__(self) -> None:
        _check_edit(self.edit)
        as_whole_number(self.words, "words", least=1)
        if self.rows is not None:
            check_rows(self.rows)

    def not_covered(self) -> str:
        """Return what else could be done and is not covered."""
        return "changed labels, added or deleted texts, any other change of a text, a changed query"

    def consequence(self) -> str:
        """Return what follows for the clean texts."""
        return _MEANING

    def describe(self, norm: str = "L2 norm") -> str:
        """Return what is done to the texts, as the end of a sentence."""
        return f"{_words(self.words)} {EDITS[self.edit]}, in each of at most {share_of_rows(self.rows)}"


@dataclass(frozen=True)
class QueryWords(ThreatModel):
    """Words of the query were edited, alone or together with the training texts (a backdoor's trigger).

    Parameters
    ----------
    edit : {"inserted", "removed", "replaced", "synonyms", "any"}
        What the attacker did to the query as it is observed; see `TrainingWords`.
    words : int >= 0, optional
        R, tokens of the query. None leaves it open: the largest number is computed.
    training : TrainingWords, Deletions, Insertions, Replacements or LabelFlips, optional
        What was done to the training texts besides; nothing of it may be open.
    """

    edit: str
    words: int | None = None
    training: TrainingWords | RowThreat | None = None
    budget_name: ClassVar[Literal["radius", "rows", "words"]] = "words"
    moves_query: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_edit(self.edit)
        if self.words is not None:
            as_whole_number(self.words, "words", least=0)
        if self.training is None:
            return
        if not isinstance(self.training, (TrainingWords, *ROW_KINDS)):
            raise TypeError(
                "training of QueryWords must be TrainingWords, Deletions, Insertions, Replacements or "
                f"LabelFlips, got {self.training!r}"
            )
        if self.training.is_open:
            raise InvalidInput(
                f"{self!r} leaves the rows of its training threat open; only its own words may be"
            )

    @property
    def of_training(self) -> TrainingWords | RowThreat | None:
        """What is done to the training texts besides, or None."""
        return self.training

    @property
    def relabels(self) -> bool:
        """Whether tampered training texts may carry any label."""
        return self.training is not None and self.training.relabels

    @property
    def whole_rows(self) -> bool:
        """Whether whole training texts or labels are tampered with."""
        return self.training is not None and self.training.whole_rows

    def not_covered(self) -> str:
        """Return what else could be done and is not covered."""
        other = "any other change of the query"
        return f"{other}, {'any other' if self.training else 'any'} change of the training texts"

    def consequence(self) -> str:
        """Return what follows for the clean texts."""
        if self.training is None:
            return "So if the attacker did no more than that, this is the prediction of the clean query."
        return (
            f"{self.training.consequence()} The same holds for the query: both may have been tampered with."
        )

    def describe(self, norm: str = "L2 norm") -> str:
        """Return what is done to the texts, as the end of a sentence."""
        number = f"the stated number of tokens {_CUT}" if self.words is None else _words(self.words)
        alone = f"{number} of the query {EDITS[self.edit]}"
        return alone if self.training is None else f"{self.training.describe(norm)}, and {alone}"


WordThreat = TrainingWords | QueryWords

_CUT = "(as the named tokeniser cuts them)"
_MEANING = "So if the attacker did no more than that, this is the prediction for the clean training texts."


def _words(number: int) -> str:
    return f"at most {number} token{'' if number == 1 else 's'} {_CUT}"


def _check_edit(edit: object) -> None:
    if edit not in EDITS:
        raise InvalidInput(f"edit must be one of {', '.join(EDITS)}, got {edit!r}")
