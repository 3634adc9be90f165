"""Of several offers with two merits each, those that no other one beats."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["unbeaten"]


def unbeaten(merits: Sequence[tuple[float, float]]) -> list[int]:
    """Return the positions of offers that no other one equals in one merit and exceeds in the other.

    Parameters
    ----------
    merits : sequence of (float, float)
        Two numbers an offer, the larger the better.

    Returns
    -------
    list of int
        The largest first merit in front, so that the second one increases. Of equal offers the first one.
    """
    found: list[int] = []
    for i in sorted(range(len(merits)), key=lambda i: (-merits[i][0], -merits[i][1])):
        if not found or merits[i][1] > merits[found[-1]][1]:
            found.append(i)
    return found
