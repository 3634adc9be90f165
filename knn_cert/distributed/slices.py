"""Summaries of some of the queries of a block: what one task certifies, while others certify the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..certificates import joined
from ..kernels.summaries import SummaryArrays
from ..shards import Summary
from ..shards.asking import Answer
from ..shards.summary import SummaryVote

__all__ = ["joined_answers", "joined_votes", "slices_of", "sliced"]

# A task costs milliseconds, and a certificate with noise as many.
_LEAST_QUERIES = 16

# More than two tasks a slot, and the scheduler hands them to whoever is free, not to who has the summary.
_SLICES_A_SLOT = 4


def slices_of(n_queries: int, n_slots: int) -> list[slice]:
    """Cut queries into even slices, some for each slot of the cluster."""
    n_slices = max(1, min(_SLICES_A_SLOT * n_slots, n_queries // _LEAST_QUERIES))
    ends = [n_queries * k // n_slices for k in range(n_slices + 1)]
    return [slice(*pair) for pair in zip(ends[:-1], ends[1:], strict=True)]


def sliced(summary: Summary, queries: slice) -> Summary:
    """Return the summary of the same rows for some of the queries, which are next to each other."""
    whole, n_classes = summary.arrays, len(summary.classes)
    lists = slice(queries.start * n_classes, queries.stop * n_classes)

    def some(values: NDArray[Any], starts: NDArray[Any], width: int = 1) -> NDArray[Any]:
        return values[width * int(starts[lists.start]) : width * int(starts[lists.stop])]

    def starts_of(starts: NDArray[Any]) -> NDArray[Any]:
        found: NDArray[Any] = starts[lists.start : lists.stop + 1] - starts[lists.start]
        return found

    n_moments = len(whole.moments) // max(1, len(whole.piece))
    arrays = SummaryArrays(
        near=some(whole.near, whole.near_start),
        near_start=starts_of(whole.near_start),
        bound=whole.bound[lists],
        n_rows=whole.n_rows[lists],
        n_merged=whole.n_merged[lists],
        complete=whole.complete[lists],
        piece=some(whole.piece, whole.piece_start),
        piece_start=starts_of(whole.piece_start),
        moments=some(whole.moments, whole.piece_start, n_moments),
        squares=whole.squares[lists],
    )
    # Summaries of other queries have another name, and are not put together with these.
    asked = summary.asked._replace(queries=f"{summary.asked.queries}[{queries.start}:{queries.stop}]")
    return replace(summary, n_queries=queries.stop - queries.start, arrays=arrays, asked=asked)


def joined_answers(answers: Sequence[Answer]) -> Answer:
    """Return the answer for all queries from those for slices of them."""
    certificates = joined(
        [one.certificates for one in answers], np.arange(sum(len(one.certificates) for one in answers))
    )
    in_doubt = np.concatenate([one.in_doubt for one in answers])
    n_near = min(one.n_near for one in answers)
    return answers[0]._replace(certificates=certificates, in_doubt=in_doubt, n_near=n_near)


def joined_votes(votes: Sequence[SummaryVote]) -> SummaryVote:
    """Return the vote for all queries from those for slices of them."""
    return SummaryVote(*(np.concatenate(of_slices) for of_slices in zip(*votes, strict=True)))
