"""What a table of synonyms may hold, checked: words, their lists, and a similarity for every edge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ...gate.errors import InvalidInput
from ...gate.numbers import as_real_within

Similarities = Mapping[tuple[str, str], float] | Callable[[str, str], float]


def as_word(word: object) -> str:
    """Return a word as a plain str, or raise TypeError; InvalidInput for an empty one."""
    if not isinstance(word, str):
        remedy = "; decode it" if isinstance(word, bytes) else ""
        raise TypeError(f"every word must be a str, got {word!r} of type {type(word).__name__}{remedy}")
    if not word:
        raise InvalidInput("every word must have a character, got an empty one")
    return str(word)


def as_words(word: str, others: object) -> set[str]:
    """Return the entry of a word: the others of its list, each once."""
    if isinstance(others, (str, bytes, Mapping)) or not isinstance(others, Iterable):
        raise TypeError(f"the entry of {word!r} must be a sequence of words, got {others!r:.60}")
    return {as_word(other) for other in others} - {word}


def first_repeated(words: Iterable[str]) -> str | None:
    """Return the first word that comes a second time, or None."""
    seen: set[str] = set()
    for word in words:
        if word in seen:
            return word
        seen.add(word)
    return None


def checked_similarities(
    neighbours: Mapping[str, Sequence[str]], similarities: Similarities
) -> dict[tuple[str, str], float]:
    """Return the similarity of every edge (a, b) with a < b.

    Raises
    ------
    TypeError
        If a similarity is no number.
    InvalidInput
        If one is missing, outside [-1, 1] or given in two ways.
    """
    checked: dict[tuple[str, str], float] = {}
    for word, others in neighbours.items():
        for other in others:
            if word > other:
                continue
            name = f"the similarity of {word!r} and {other!r}"
            if callable(similarities):
                values = [similarities(word, other)]
            else:
                values = [
                    similarities[pair] for pair in ((word, other), (other, word)) if pair in similarities
                ]
            for value in values:
                as_real_within(value, name, -1.0, 1.0)
            if not values:
                raise InvalidInput(f"{name} is missing; give one for every edge, or leave the edge out")
            if values[0] != values[-1]:
                raise InvalidInput(f"{name} must be the same both ways, got {values[0]!r} and {values[1]!r}")
            checked[word, other] = float(values[0])
    return checked
