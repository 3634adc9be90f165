"""Probabilities on the grid of the doubles that draw from them: multiples of 2**-53 that add up to 1."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...gate.errors import InvalidInput

# numpy draws uniform doubles from the multiples of 2**-53 below 1.
UNITS = 1 << 53


def law_of_weights(word: str, candidates: Sequence[str], weights: ArrayLike) -> NDArray[np.float64]:
    """Return probabilities proportional to the weights, multiples of 2**-53 that add up to 1, read-only.

    Parameters
    ----------
    word : str
        The word that has this law, for messages.
    candidates : sequence of m str
        Distinct.
    weights : array_like of shape (m,)
        Finite and >= 0, not all 0.

    Raises
    ------
    TypeError, ValueError
        If candidates or weights are something else.
    """
    try:
        given = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"the weights of {word!r} must be real numbers, got {weights!r:.80}") from None
    if given.shape != (len(candidates),) or len(set(candidates)) != len(candidates):
        raise InvalidInput(
            f"the law of {word!r} must have one weight for each of its candidates, and these must be "
            f"distinct; got {len(candidates)} candidates, {len(set(candidates))} of them distinct, and "
            f"weights of shape {given.shape}"
        )
    wrong = ~(np.isfinite(given) & (given >= 0.0))
    if wrong.any():
        raise InvalidInput(
            f"the weights of {word!r} must be finite and >= 0, got {given[wrong][0]} for "
            f"{candidates[int(np.argmax(wrong))]!r}"
        )
    largest = given.max(initial=0.0)
    if largest == 0.0:
        raise InvalidInput(
            f"all candidates of {word!r} have weight 0, so none can be drawn; give one of them, such as the "
            "word itself, a weight > 0"
        )
    shares = given / largest
    units = np.rint(shares / math.fsum(shares) * UNITS).astype(np.int64)
    # What rounding left over is next to nothing for the most likely one.
    units[np.argmax(units)] += UNITS - int(units.sum())
    probabilities: NDArray[np.float64] = units / UNITS
    probabilities.setflags(write=False)
    return probabilities
