"""Noise whose likelihood ratio takes several values: one changed unit of each scheme, as `Atoms`."""

from __future__ import annotations

from fractions import Fraction

from .._types import Whole
from .arguments import as_whole_number, chance
from .atoms import Atoms
from .mixing import unless_lost
from .overlap_laws import deletion
from .rounding import Number

__all__ = ["drop_then_delete", "label_noise", "vocabulary_noise"]


def vocabulary_noise(size: Whole, keep: Number) -> Atoms:
    """Return the laws of a token kept with probability ``keep``, else any other, for one token replaced.

    Parameters
    ----------
    size : int >= 2
        Number of tokens V of the vocabulary.
    keep : number, in [0, 1]
        Probability a that the token is kept; each other one has ``b = (1 - a) / (V - 1)``.

    Returns
    -------
    Atoms
        Ratios b/a, 1 and a/b: the observed token, the V - 2 that neither text holds, the other text's token.

    Raises
    ------
    TypeError, ValueError
        If an argument is not such a number.
    """
    return _kept_or_uniform(as_whole_number(size, "size", least=2), *chance(keep, "keep"))


def label_noise(n_classes: Whole, flip: Number) -> Atoms:
    """Return the laws of a label replaced with probability ``flip`` by another class, for one label changed.

    Parameters
    ----------
    n_classes : int >= 2
    flip : number, in [0, 1]
        Probability that the label is replaced, by a class drawn uniformly from the others.

    Returns
    -------
    Atoms
        `vocabulary_noise` with the classes as tokens. A row whose text is changed too has the product with
        the pair of its text.

    Raises
    ------
    TypeError, ValueError
        If an argument is not such a number.
    """
    flipped, exact = chance(flip, "flip")
    return _kept_or_uniform(as_whole_number(n_classes, "n_classes", least=2), 1 - flipped, exact)


def drop_then_delete(
    pi: Number, p: Number, *, only_observed: Whole = 0, only_other: Whole = 0, substituted: Whole = 0
) -> Atoms:
    """Return the laws of a row dropped with probability ``pi``, else its tokens deleted with ``p`` each.

    Parameters
    ----------
    pi : number, in [0, 1]
        Probability that the row is dropped.
    p : number, in [0, 1]
        Probability that a token of a row that stays is deleted.
    only_observed, only_other, substituted : int >= 0
        How the row differs from itself in the other set, as in `deletion`.

    Returns
    -------
    Atoms
        The pair for one row; r rows are its r-th power. With tokens inserted into the observed row its ratios
        are 1 (dropped) and ``p**-only_observed``, so it is no `Overlap`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not such a number.
    """
    chance(pi, "pi")
    stays = deletion(p, only_observed=only_observed, only_other=only_other, substituted=substituted)
    return unless_lost(pi, stays).atoms()


def _kept_or_uniform(size: int, keep: Fraction, exact: bool) -> Atoms:
    other = (1 - keep) / Fraction(size - 1)
    neither = (size - 2) * other
    pair = Atoms.from_laws([keep, other, neither], [other, keep, neither])
    return pair if exact else pair.rounded()
