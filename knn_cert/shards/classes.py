"""Classes of all parts of a table, of which a part may know some only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._printing import listed
from .._types import WholeArray
from ..gate.errors import InvalidInput
from ..kernels.summaries import SummaryArrays
from .arrays import no_rows

__all__ = ["among_classes", "classes_of_all"]

_KINDS = {
    "b": "numbers",
    "i": "numbers",
    "u": "numbers",
    "f": "numbers",
    "c": "complex numbers",
    "U": "texts",
    "S": "bytes",
    "M": "dates",
    "m": "durations",
    "O": "objects",
}
_REMEDY = "write the labels of all parts in the same way"


def classes_of_all(classes: list[NDArray[Any]], *, are_given: set[bool]) -> NDArray[Any]:
    """Return the labels of all parts, increasing.

    Parameters
    ----------
    classes : list of ndarray
        Of each part, increasing.
    are_given : set of bool
        Whether parts were told which labels there can be.

    Raises
    ------
    InvalidInput
        If labels of parts cannot be compared, if a label would change, or if parts were told different things
        of which labels there can be: what is certified rests on it.
    """
    if len(are_given) > 1:
        raise InvalidInput(
            "summaries can be merged that all were told the classes, or none, got both; give classes= for "
            "every part, or for none"
        )
    if True in are_given:
        first = classes[0]
        other = next((one for one in classes if not _is_same(first, one)), None)
        if other is not None:
            raise InvalidInput(
                f"summaries can be merged that were told the same classes, got {listed(first.tolist())} and "
                f"{listed(other.tolist())}; give the same classes= for every part"
            )
        return first
    known = [one for one in classes if len(one)]
    if not known:
        return classes[0]
    kinds = sorted({_KINDS.get(one.dtype.kind, str(one.dtype)) for one in known})
    if len(kinds) > 1:
        raise InvalidInput(
            f"summaries can be merged whose labels have one type, got {listed(kinds)}; {_REMEDY}"
        )
    try:
        found: NDArray[Any] = np.unique(np.concatenate(known))
    except TypeError as error:
        raise InvalidInput(
            f"labels of all parts must be of one kind that can be sorted ({error}); {_REMEDY}"
        ) from None
    for one in known:
        changed = [label for label in one.tolist() if label not in set(one.astype(found.dtype).tolist())]
        if changed:  # integers that are rounded beside fractions may become equal
            raise InvalidInput(
                f"labels of all parts must fit into one type, got {listed(changed)}, which {found.dtype} "
                f"cannot hold; {_REMEDY}"
            )
    return found


def among_classes(
    arrays: SummaryArrays, n_queries: int, mine: NDArray[Any], classes: NDArray[Any]
) -> SummaryArrays:
    """Return lists of the classes of a part in their order among all classes, others without rows."""
    if len(classes) == len(mine):
        return arrays
    place = np.searchsorted(classes, mine)
    lists = np.full((n_queries, len(classes)), -1)
    lists[:, place] = np.arange(n_queries * len(mine)).reshape(n_queries, -1)
    return _spread(arrays, lists.ravel())


def _is_same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return a.dtype.kind == b.dtype.kind and a.tolist() == b.tolist()


def _spread(arrays: SummaryArrays, lists: WholeArray) -> SummaryArrays:
    """Return lists of summaries in their order among others, -1 for those without rows."""
    empty = no_rows(len(lists))
    known = lists >= 0

    def filled(of_none: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
        out: NDArray[Any] = of_none.copy()
        out[known] = values[lists[known]]
        return out

    def starts(old: WholeArray) -> WholeArray:
        sizes = np.where(known, np.diff(old)[lists.clip(0)] if len(old) > 1 else 0, 0)
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    return arrays._replace(
        near_start=starts(arrays.near_start),
        piece_start=starts(arrays.piece_start),
        **{
            name: filled(getattr(empty, name), getattr(arrays, name))
            for name in ("bound", "n_rows", "n_merged", "complete", "squares")
        },
    )
