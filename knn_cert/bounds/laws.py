"""Noise whose likelihood ratio takes several values: one changed unit of each scheme, as `Atoms`."""

from __future__ import annotations

from fractions import Fraction

from .arguments import chance, count
from .atoms import Atoms
from .overlap import deletion, unless_lost

__all__ = ["drop_then_delete", "label_noise", "vocabulary_noise"]


def vocabulary_noise(size, keep):
    """A token kept with probability ``keep``, else any other of the vocabulary, for one token replaced.

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
    return _kept_or_uniform(count("size", size, least=2), *chance("keep", keep))


def label_noise(n_classes, flip):
    """A label replaced, with probability ``flip``, by another class drawn uniformly; for one label changed.

    Parameters
    ----------
    n_classes : int >= 2
    flip : number, in [0, 1]
        Probability that the label is replaced.

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
    flip, exact = chance("flip", flip)
    return _kept_or_uniform(count("n_classes", n_classes, least=2), 1 - flip, exact)


def drop_then_delete(pi, p, *, only_observed=0, only_other=0, substituted=0):
    """A training row dropped with probability ``pi``, else each token deleted with probability ``p``.

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
        For one row; r rows are its r-th power. With tokens inserted into the observed row its ratios are 1
        (dropped) and ``p**-only_observed``, so it is no `Overlap`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not such a number.
    """
    chance("pi", pi)
    stays = deletion(p, only_observed=only_observed, only_other=only_other, substituted=substituted)
    return unless_lost(pi, stays).atoms()


def _kept_or_uniform(size, keep, exact):
    other = (1 - keep) / Fraction(size - 1)
    neither = (size - 2) * other
    pair = Atoms.from_laws([keep, other, neither], [other, keep, neither])
    return pair if exact else pair.rounded()
