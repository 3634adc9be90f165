"""How a text is cut into tokens, the units that laws delete and certificates count; names of tokenisers."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Sequence

__all__ = ["TOKENIZER", "normalized", "tokenize", "tokenizer_name"]

# The name of `tokenize` in certificates. Whoever changes what it does to any text changes the number.
TOKENIZER = "knn_cert.text.tokenize, rule 2"

# In the shadow of a text, _MARK stands for all that belongs to the character before it. Private characters of
# a text are shadowed by a symbol, so that none of them is mistaken for it.
_MARK = "\ue000"
_SYMBOL = "$"

# Words with their apostrophes, hyphens, # and @; every other character that is no space stands by itself.
_TOKEN = re.compile(rf"[\w#@][\w'’#@{_MARK}-]*|['’]\w[\w{_MARK}]*|[^\w\s]{_MARK}*")


class _Shadow(dict[int, str]):
    """What the rule sees of each character, for `str.translate`; looked up once for each of them."""

    def __missing__(self, code: int) -> str:
        category = unicodedata.category(chr(code))
        if category[0] == "M" or category == "Cf":
            seen = _MARK
        else:
            seen = _SYMBOL if category == "Co" else chr(code)
        self[code] = seen
        return seen


_SHADOW = _Shadow()


def normalized(text: str) -> str:
    """Return the text in the normal form NFC of Unicode: a letter and its accent become one character."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def tokenize(text: str) -> list[str]:
    """Cut a text into lower-case tokens: words, and every other symbol by itself.

    The text is brought into the normal form NFC first. Combining marks and characters of no width belong to
    the character before them. A fixed rule: a tokeniser that was learned from the training texts would void
    their certificates. What a reader calls a word may be several tokens: "c.f." is four, a web address a
    dozen.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
        None of them is empty or holds a space.
    """
    if text.isascii():
        return _TOKEN.findall(text.lower())
    # Lower case may take composed letters apart.
    text = normalized(normalized(text).lower())
    return [text[match.start() : match.end()] for match in _TOKEN.finditer(text.translate(_SHADOW))]


def tokenizer_name(tokenizer: Callable[[str], Sequence[str]]) -> str:
    """Return what a certificate calls a tokeniser: its rule, or the name of the user's function."""
    if tokenizer is tokenize:
        return TOKENIZER
    if isinstance(tokenizer, functools.partial):
        arguments = [repr(value) for value in tokenizer.args]
        arguments += [f"{name}={value!r}" for name, value in sorted(tokenizer.keywords.items())]
        return f"{tokenizer_name(tokenizer.func)} with {', '.join(arguments)}"
    named = tokenizer if hasattr(tokenizer, "__qualname__") else type(tokenizer)
    module = getattr(named, "__module__", None)
    name = f"{module}.{named.__qualname__}" if module else named.__qualname__
    return f"the user's tokeniser {name}"
