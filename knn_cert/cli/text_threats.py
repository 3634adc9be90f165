"""What the attacker may have done to texts, in the words of `knn-cert text`; which noise answers it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    from knn_cert.text import Composition
    from knn_cert.text.laws import TextLaw
    from knn_cert.threats.words import RowThreat, TrainingWords, WordThreat

# What was done to words of training texts, by the name of the threat.
WORD_EDITS = {
    "trigger-inserted": "inserted",
    "words-removed": "removed",
    "words-replaced": "replaced",
    "words-edited": "any",
}
# The other tables that a guarantee is about are the observed one with the opposite done to it.
WHOLE_TEXTS = {
    "texts-added": "Deletions",
    "texts-removed": "Insertions",
    "texts-changed": "Replacements",
    "labels-flipped": "LabelFlips",
}
THREATS = (*WORD_EDITS, *WHOLE_TEXTS, "query-words")
QUERY_EDITS = ("inserted", "removed", "replaced", "any")

# Chosen on SST-2 (sentences of 19 words, 1000 models). Right, and certified for one and for three texts:
# with a trigger 0.69 and 0.59 at 0.9, 0.69 and 0.56 at 0.8, 0.68 and 0.61 at 0.95, which costs accuracy;
# changed texts 0.61 and 0.43 at 0.9, 0.60 and 0.10 at 0.8, 0.60 and 0.49 at 0.95. For any edit of one word
# of the query: 0.14 at 0.8, 0.13 at 0.7, and 0.16 at 0.9, where accuracy falls from 0.79 to 0.71.
_DELETE, _DELETE_FOR_QUERY, _DROP = 0.9, 0.8, 0.9


def check(args: argparse.Namespace) -> None:
    """Refuse options of the threat that contradict each other, or that would silently do nothing.

    Raises
    ------
    InputError
    """
    threat = args.threat
    if args.trigger is not None and args.words is not None:
        raise InputError("--trigger and --words say both how many words were edited; leave one of them out")
    if threat in WHOLE_TEXTS and (args.words is not None or args.trigger is not None):
        option = "--words" if args.trigger is None else "--trigger"
        raise InputError(f"{option} goes with edited words, not with --threat {threat}; leave it out")
    if threat == "query-words":
        for option, given in (("--rows", args.rows), ("--query-words", args.query_words)):
            if given is not None:
                raise InputError(
                    f"{option} goes with a threat to the training texts, not with query-words; leave it out "
                    "(--words N says how many words of the query)"
                )
    elif args.query_words is not None and args.rows is None:
        raise InputError(
            f"--query-words needs --rows: in how many training texts --threat {threat} was at work besides"
        )
    if args.edit is not None and not _on_query(args):
        raise InputError("--edit is what was done to the query: add --query-words, or leave it out")
    if threat in WHOLE_TEXTS and args.classes is None:
        raise InputError(
            f"--threat {threat} needs --classes: all labels that there can be, between commas, such as "
            "--classes bad,good; whoever adds, removes or relabels texts could make a class up, or wipe one "
            "out"
        )


def threat(args: argparse.Namespace) -> WordThreat | RowThreat:
    """Return the threat that the options name, which `check` has let pass."""
    from knn_cert.threats.words import QueryWords

    if args.threat == "query-words":
        words = None if args.words is None and args.trigger is None else _n_words(args)
        return QueryWords("any" if args.edit is None else args.edit, words)
    training = _of_training(args)
    if args.query_words is None:
        return training
    (words,) = args.query_words
    usual = WORD_EDITS.get(args.threat, "any")
    return QueryWords(usual if args.edit is None else args.edit, words, training)


def law(args: argparse.Namespace, threat: WordThreat | RowThreat) -> Composition:
    """Return the noise that the options ask for; without any, one that can answer the threat.

    Raises
    ------
    InputError
        If what was asked for certifies nothing against the threat, whatever the votes.
    """
    from knn_cert.text import Deletion, LabelNoise, Masking, RowDropping, compose

    given = [
        kind(chance)
        for kind, chance in (
            (RowDropping, args.drop_texts),
            (LabelNoise, args.flip_labels),
            (Masking, args.mask),
            (Deletion, args.delete),
        )
        if chance is not None
    ]
    usual: list[TextLaw] = []
    options = []
    if args.threat in WHOLE_TEXTS:
        usual.append(RowDropping(_DROP))
        options.append(f"--drop-texts {_DROP}")
    if args.threat in WORD_EDITS or _on_query(args):
        p = _DELETE_FOR_QUERY if args.threat == "query-words" else _DELETE
        usual.append(Deletion(p))
        options.append(f"--delete {p}")
    asked = compose(*given or usual)
    if not asked.covers(threat):
        raise InputError(
            f"{asked} certifies nothing against --threat {args.threat}, whatever the votes: such tampering "
            f"shows through it; add {' '.join(options)}, or give no noise at all to have just that"
        )
    return asked


def _on_query(args: argparse.Namespace) -> bool:
    return args.threat == "query-words" or args.query_words is not None


def _of_training(args: argparse.Namespace) -> TrainingWords | RowThreat:
    from knn_cert import threats
    from knn_cert.threats.words import TrainingWords

    if args.threat in WORD_EDITS:
        return TrainingWords(WORD_EDITS[args.threat], _n_words(args), args.rows)
    made: RowThreat = getattr(threats, WHOLE_TEXTS[args.threat])(args.rows)
    return made


def _n_words(args: argparse.Namespace) -> int:
    """Return how many tokens were edited in one text."""
    if args.trigger is None:
        return 1 if args.words is None else args.words
    from knn_cert.text.tokens import normalized, tokenize

    n_words = len(tokenize(normalized(args.trigger)))
    if not n_words:
        raise InputError("--trigger has no word; give the words that were inserted, or --words N")
    return n_words
