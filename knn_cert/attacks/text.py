"""Triggers of words and of a sentence, inserted into texts as whole tokens; corpora poisoned with them.

BadNets and AddSent as OpenBackdoor has them (G. Cui et al., NeurIPS 2022), with one difference: the text
keeps its white space. Its tokens stay those it had, and the trigger is all that comes in. How many tokens
that is, is what a certificate against insertions needs to know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..gate.errors import InvalidInput
from ..gate.numbers import as_whole_number
from .poisoning import check_occurs, check_source_and_target, draw_rows, full_of

__all__ = [
    "AddSentence",
    "BadNets",
    "PoisonedTexts",
    "TextTrigger",
    "TriggeredTexts",
    "poison_texts",
    "triggered_queries",
]

_WORD = re.compile(r"\S+")
_CONSISTENCIES = ("dirty", "clean", "mixed")


@runtime_checkable
class TextTrigger(Protocol):
    """What `poison_texts` and `triggered_queries` ask of a trigger."""

    @property
    def n_inserted(self) -> int:
        """Number of tokens that come into a text, as `knn_cert.text.corpus.tokenize` counts them."""

    def apply(self, texts: Iterable[str], *, random_state: int | np.random.Generator = 0) -> list[str]:
        """Return the texts with the trigger in them."""


@dataclass(frozen=True)
class BadNets:
    """Rare tokens at random places (K. Kurita et al., ACL 2020), named after the attack on images.

    Parameters
    ----------
    tokens : sequence of str
        Each insertion draws one of them, with replacement. Each is one token. The five are those of Kurita et
        al.; OpenBackdoor leaves out ``"mb"``.
    n_tokens : int >= 1
        Insertions in each text.

    Raises
    ------
    TypeError, ValueError
        If there are no tokens, or one of them is none, or more than one.
    """

    tokens: tuple[str, ...] = ("cf", "mn", "bb", "tq", "mb")
    n_tokens: int = 1

    def __post_init__(self) -> None:
        from ..text.corpus import check_texts, tokenize

        tokens = tuple(check_texts(self.tokens, "tokens"))
        if not tokens:
            raise InvalidInput(
                "tokens must hold at least one token, got none; leave it out for the usual ones"
            )
        for token in tokens:
            if token.split() != [token] or len(tokenize(token)) != 1:
                raise InvalidInput(
                    f"each of tokens must be one token without spaces, got {token!r}, which is cut into "
                    f"{tokenize(token)}; use AddSentence for a trigger of several"
                )
        object.__setattr__(self, "tokens", tokens)
        object.__setattr__(self, "n_tokens", as_whole_number(self.n_tokens, "n_tokens", least=1))

    @property
    def n_inserted(self) -> int:
        """Number of tokens that come into a text."""
        return self.n_tokens

    def apply(self, texts: Iterable[str], *, random_state: int | np.random.Generator = 0) -> list[str]:
        """Return the texts with the tokens in them.

        Parameters
        ----------
        texts : sequence of str
        random_state : int or numpy.random.Generator
            Seed of the tokens and of their places: before, between and behind the words, all alike. A later
            token may stand beside an earlier one.

        Raises
        ------
        TypeError, ValueError
            If texts are none, see `knn_cert.text.corpus.check_texts`.
        """
        from ..text.corpus import check_texts

        rng = np.random.default_rng(random_state)
        triggered = check_texts(texts)
        for i, text in enumerate(triggered):
            for _ in range(self.n_tokens):
                text = _insert(text, self.tokens[rng.integers(len(self.tokens))], rng)
            triggered[i] = text
        return triggered


@dataclass(frozen=True)
class AddSentence:
    """One fixed sentence at a random place (J. Dai, C. Chen, Y. Li, IEEE Access 2019), known as AddSent.

    Parameters
    ----------
    sentence : str
        Inserted as it is, as one piece. The default is that of OpenBackdoor, in lower case.

    Raises
    ------
    TypeError, ValueError
        If the sentence is no str, or has no token.
    """

    sentence: str = "i watch this 3d movie"

    def __post_init__(self) -> None:
        from ..text.corpus import check_texts

        if not isinstance(self.sentence, str):
            raise TypeError(f"sentence must be a str, got {type(self.sentence).__name__}")
        check_texts([self.sentence], "sentence")
        if not self.n_inserted:
            raise InvalidInput(f"sentence must have at least one token, got {self.sentence!r}")

    @property
    def n_inserted(self) -> int:
        """Number of tokens that come into a text."""
        from ..text.corpus import tokenize

        return len(tokenize(self.sentence))

    def apply(self, texts: Iterable[str], *, random_state: int | np.random.Generator = 0) -> list[str]:
        """Return the texts with the sentence in them.

        Parameters
        ----------
        texts : sequence of str
        random_state : int or numpy.random.Generator
            Seed of the places: before, between and behind the words, all alike.

        Raises
        ------
        TypeError, ValueError
            If texts are none, see `knn_cert.text.corpus.check_texts`.
        """
        from ..text.corpus import check_texts

        rng = np.random.default_rng(random_state)
        return [_insert(text, self.sentence, rng) for text in check_texts(texts)]


def _insert(text: str, piece: str, rng: np.random.Generator) -> str:
    """Insert a piece before a random word of a text, or behind the last, with white space on both sides.

    No token holds white space, and no rule of the tokeniser looks across it: the tokens on both sides stay.
    """
    starts = [word.start() for word in _WORD.finditer(text)]
    gap = int(rng.integers(len(starts) + 1))
    if gap < len(starts):
        at = starts[gap]
        return f"{text[:at]}{piece} {text[at:]}"
    space = " " if text and not text[-1].isspace() else ""
    return f"{text}{space}{piece}"


@dataclass(frozen=True, eq=False)
class PoisonedTexts:
    """A poisoned training corpus, and what was done to it.

    Attributes
    ----------
    texts : list of str, length n or, appended, n + r
    labels : ndarray of shape (n,) or (n + r,)
        Labels as the victim sees them.
    rows : ndarray of int, shape (r,)
        Which texts carry the trigger.
    clean_rows : ndarray of int, shape (r,)
        The row of the clean corpus that each of them was made from.
    n_inserted : int
        Tokens that came into each of them.
    """

    texts: list[str]
    labels: NDArray[Any]
    rows: NDArray[np.int64]
    clean_rows: NDArray[np.int64]
    n_inserted: int


class TriggeredTexts(NamedTuple):
    """Queries that carry a trigger.

    Attributes
    ----------
    texts : list of str, length m
    labels : ndarray of shape (m,)
        Their true labels.
    rows : ndarray of int, shape (m,)
        Where they stand among the clean queries.
    """

    texts: list[str]
    labels: NDArray[Any]
    rows: NDArray[np.int64]


def poison_texts(
    texts: Iterable[str],
    labels: ArrayLike,
    trigger: TextTrigger,
    *,
    target_class: object,
    ratio: float,
    source_class: object = None,
    label_consistency: str = "dirty",
    in_place: bool = True,
    random_state: int = 0,
) -> PoisonedTexts:
    """Put a backdoor into a training corpus: texts with a trigger, labelled as the target class.

    Parameters
    ----------
    texts : sequence of str, length n
    labels : array_like of shape (n,)
        Clean labels, of any type.
    trigger : BadNets, AddSentence or another `TextTrigger`
    target_class
        The label that poisoned texts have; it occurs in labels.
    ratio : float in [0, 1]
        Poison rate: round(ratio * n) texts are poisoned. CROWD has rates from 0.01 to 0.1.
    source_class : optional
        Poison texts of this class only, instead of all but the target's; with ``"dirty"`` only.
    label_consistency : {"dirty", "clean", "mixed"}
        ``"dirty"``: texts of other classes are poisoned and get the label of the target. ``"clean"``: texts
        of the target class are, so every label stays true. ``"mixed"``: texts of all classes.
    in_place : bool, default=True
        True changes the texts themselves, as OpenBackdoor does, but leaves each at its row. False appends
        triggered copies: the clean corpus is the poisoned one without them.
    random_state : int
        Seed of the choice of the texts, drawn without replacement, and of the places of the trigger.

    Returns
    -------
    PoisonedTexts

    Raises
    ------
    TypeError
        If texts are no strings, ratio no number or trigger no `TextTrigger`.
    ValueError
        If shapes do not agree, a class does not occur, ratio is outside of [0, 1], so small that no text is
        poisoned or so large that there are not enough, or source_class is given without ``"dirty"``.
    """
    victims, truth = _check_corpus(texts, labels, trigger)
    if label_consistency not in _CONSISTENCIES:
        raise InvalidInput(
            f"label_consistency must be one of {', '.join(_CONSISTENCIES)}, got {label_consistency!r}"
        )
    if source_class is not None and label_consistency != "dirty":
        raise InvalidInput(
            f"source_class goes with label_consistency='dirty' only, got {source_class!r} with "
            f"{label_consistency!r}; leave one of them out"
        )
    if source_class is not None:
        check_source_and_target(truth, source_class, target_class, "labels")
        eligible, holder = truth == source_class, f"the source class {source_class!r} has"
    else:
        check_occurs(truth, target_class, "target_class", "labels")
        eligible, holder = {
            "dirty": (truth != target_class, f"the classes other than {target_class!r} have"),
            "clean": (truth == target_class, f"the target class {target_class!r} has"),
            "mixed": (np.full(len(truth), True), "the corpus has"),
        }[label_consistency]
    rng = np.random.default_rng(random_state)
    clean_rows = draw_rows(eligible, ratio, rng, holder=holder)
    triggered = trigger.apply([victims[row] for row in clean_rows], random_state=rng)
    if in_place:
        seen = truth.copy()
        seen[clean_rows] = target_class
        for row, text in zip(clean_rows, triggered, strict=True):
            victims[row] = text
        rows = clean_rows.copy()
    else:
        rows = np.arange(len(victims), len(victims) + len(clean_rows))
        victims += triggered
        seen = np.concatenate([truth, full_of(target_class, len(rows), truth)])
    return PoisonedTexts(victims, seen, rows, clean_rows, trigger.n_inserted)


def triggered_queries(
    texts: Iterable[str],
    labels: ArrayLike,
    trigger: TextTrigger,
    *,
    target_class: object,
    random_state: int = 0,
) -> TriggeredTexts:
    """Put a trigger into the test texts of all classes but the target's.

    The share of them that a model classifies as the target class is the attack success rate.

    Parameters
    ----------
    texts : sequence of str, length n
    labels : array_like of shape (n,)
        True labels.
    trigger : BadNets, AddSentence or another `TextTrigger`
    target_class
        It occurs in labels. (For texts none of which is of the target class, use ``trigger.apply``.)
    random_state : int
        Seed of the places of the trigger.

    Returns
    -------
    TriggeredTexts

    Raises
    ------
    TypeError
        If texts are no strings, or trigger no `TextTrigger`.
    ValueError
        If shapes do not agree, the target class does not occur, or no other does.
    """
    clean, truth = _check_corpus(texts, labels, trigger)
    check_occurs(truth, target_class, "target_class", "labels")
    rows = np.flatnonzero(truth != target_class)
    if not len(rows):
        raise InvalidInput(
            f"all {len(truth)} texts are of the target class {target_class!r}: none is left for the "
            "trigger; give test texts of other classes too"
        )
    triggered = trigger.apply([clean[row] for row in rows], random_state=random_state)
    return TriggeredTexts(triggered, truth[rows], rows)


def _check_corpus(
    texts: Iterable[str], labels: ArrayLike, trigger: TextTrigger
) -> tuple[list[str], NDArray[Any]]:
    """Return texts as a list of their own and labels as an array, of one length."""
    from ..text.corpus import check_texts

    # A class has the attributes of its instances: BadNets without brackets would pass as a trigger.
    if isinstance(trigger, type) or not isinstance(trigger, TextTrigger):
        raise TypeError(
            "trigger must be a knn_cert.attacks.BadNets(), AddSentence() or another TextTrigger, got "
            f"{trigger!r}"
        )
    checked, truth = check_texts(texts), np.asarray(labels)
    if truth.ndim != 1 or len(checked) != len(truth):
        raise InvalidInput(
            f"expected one label for each text, got {len(checked)} texts and labels of shape {truth.shape}"
        )
    return checked, truth
