"""Texts as rows of tokens, and what texts are refused at the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gate.errors import InvalidInput
from .tokens import normalized, tokenize

__all__ = ["Corpus", "check_texts", "tokenize"]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Texts as numbered tokens, row after row.

    Attributes
    ----------
    tokens : ndarray of int64, shape (n_tokens,), read-only
        Positions in ``vocabulary``.
    starts : ndarray of int64, shape (n + 1,), read-only
        Text i is ``tokens[starts[i]:starts[i + 1]]``.
    vocabulary : tuple of str
        Distinct tokens. What a model is handed has those that occur, numbered as they come: a function of
        its texts alone, as `renumbered` makes it.
    """

    tokens: NDArray[np.int64]
    starts: NDArray[np.int64]
    vocabulary: tuple[str, ...]

    def __post_init__(self) -> None:
        # Many models are asked about one corpus; none of them shall change it for the next.
        for name in ("tokens", "starts"):
            array = getattr(self, name).view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        tokenizer: Callable[[str], Sequence[str]] = tokenize,
        *,
        vocabulary: Sequence[str] = (),
        allow_empty: bool = False,
    ) -> Corpus:
        """Bring texts into the normal form NFC of Unicode and cut them into tokens.

        Parameters
        ----------
        texts : iterable of str
        tokenizer : callable (str) -> sequence of str
        vocabulary : sequence of str
            Tokens that keep the first numbers; new ones follow.
        allow_empty : bool, default=False
            Noised texts may have lost all of their words; texts that somebody brings may not.

        Raises
        ------
        TypeError, ValueError
            As `check_texts`, and if the tokeniser finds no token in a text, or gives something else than
            strings without spaces.
        """
        numbers = {token: number for number, token in enumerate(vocabulary)}
        tokens: list[int] = []
        starts = [0]
        for i, text in enumerate(check_texts(texts)):
            words = tokenizer(normalized(text))
            if not len(words) and not allow_empty:
                raise InvalidInput(
                    f"text {i} is empty: no word is left of {text!r}. Leave such texts out, of training and "
                    "of queries"
                )
            for word in words:
                if word not in numbers:
                    if not isinstance(word, str) or not word or word.split() != [word]:
                        raise InvalidInput(
                            f"the tokenizer made {word!r} of text {i}; tokens must be strings without spaces"
                        )
                    numbers[word] = len(numbers)
                tokens.append(numbers[word])
            starts.append(len(tokens))
        return cls(np.array(tokens, dtype=np.int64), np.array(starts, dtype=np.int64), tuple(numbers))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def words(self, i: int) -> list[str]:
        """Return the tokens of text i."""
        return [self.vocabulary[t] for t in self.tokens[self.starts[i] : self.starts[i + 1]]]

    def texts(self) -> list[str]:
        """Return the texts again, tokens joined by single spaces; a text without tokens is empty."""
        return [" ".join(self.words(i)) for i in range(len(self))]

    def some(self, rows: NDArray[np.integer[Any]]) -> Corpus:
        """Return the texts at some positions."""
        lengths = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(starts[-1]) + np.repeat(self.starts[:-1][rows] - starts[:-1], lengths)
        return Corpus(self.tokens[places], starts, self.vocabulary)

    def renumbered(self) -> Corpus:
        """Return the texts as `from_texts` gives them: with the tokens that occur, numbered as they come.

        Which tokens were there before some were deleted cannot be told from it.
        """
        n = len(self.tokens)
        place = np.full(len(self.vocabulary), n)
        # Of equal indices the last one counts: backwards, that is the first place of the token.
        place[self.tokens[::-1]] = np.arange(n)[::-1]
        occur = np.flatnonzero(place < n)
        occur = occur[np.argsort(place[occur])]
        number = np.empty(len(self.vocabulary), dtype=np.int64)
        number[occur] = np.arange(len(occur))
        return Corpus(
            number[self.tokens], self.starts.copy(), tuple(self.vocabulary[t] for t in occur.tolist())
        )

    def row_of_token(self) -> NDArray[np.int64]:
        """Return the text that each token belongs to, shape (n_tokens,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))


def check_texts(texts: Iterable[str], name: str = "texts") -> list[str]:
    """Return texts as a list of str, or say what is wrong with them.

    Raises
    ------
    TypeError
        If texts are one string, or one of them is bytes, a number or missing.
    ValueError
        If a text was decoded with the wrong encoding: it has surrogates, which no encoding has.
    """
    if isinstance(texts, (str, bytes)):
        raise TypeError(
            f"{name} must be a sequence of strings, got one {type(texts).__name__}; put it into a list"
        )
    try:
        texts = list(texts)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of strings, got {type(texts).__name__}") from None
    for i, text in enumerate(texts):
        if isinstance(text, bytes):
            raise TypeError(
                f"{name}[{i}] is bytes, expected str; decode all texts with the encoding they were written "
                'in, such as text.decode("utf-8")'
            )
        if not isinstance(text, str):
            raise TypeError(f"{name}[{i}] must be a str, got {text!r}; leave texts that are missing out")
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise InvalidInput(
                f"{name}[{i}] was decoded with the wrong encoding: it has bytes that are no text "
                f"({text[:40]!r}); read the file with the encoding it was written in"
            )
    return texts
