"""A training table as tasks: what comes in as arrays of Dask, cut along rows, and what its labels are."""

from __future__ import annotations

import itertools
import uuid
from typing import Any, NamedTuple

import dask
import numpy as np
from distributed import Client
from numpy.typing import ArrayLike, NDArray

from ..gate.arrays import reject_text_columns
from ..gate.errors import InvalidInput
from ..gate.labels import check_kind_of_labels, number_classes, sorted_labels

__all__ = ["Parts", "checked_array", "connected", "cut", "labels_of_part"]

# When parts are asked for the first time, each keeps so many times its share of the near rows, and some more:
# enough if rows lie in any order but that of their distances. Else queries are in doubt, and parts keep all.
_TIMES_SHARE, _MORE_THAN_SHARE = 2, 64


class Parts(NamedTuple):
    """Parts of a training table.

    Attributes
    ----------
    X, y : list of Delayed
        Features and labels of each part.
    rows : tuple of int
        How many rows each part has.
    places : list of str
        Which rows these are, in words.
    n_features : int
    """

    X: list[Any]
    y: list[Any]
    rows: tuple[int, ...]
    places: list[str]
    n_features: int

    @classmethod
    def of(cls, X: Any, y: Any) -> Parts:
        """Cut arrays of Dask into parts, along rows.

        Raises
        ------
        InvalidInput
            If shapes do not fit together, or are unknown.
        """
        X, y = checked_array(X, "X", 2), checked_array(y, "y", 1)
        if X.shape[0] != y.shape[0]:
            raise InvalidInput(f"X and y must have as many rows, got {X.shape[0]} and {y.shape[0]}")
        if not X.shape[0] or not X.shape[1]:
            raise InvalidInput(f"X must have rows and features, got the shape {X.shape}")
        reject_text_columns(X)
        if X.dtype.kind not in "fiuO":
            raise TypeError(f"X must hold numbers, got {X.dtype}; convert them, as X.astype(float) does it")
        X = cut(X, (X.chunks[0], (X.shape[1],)), "X")
        if y.chunks[0] != X.chunks[0]:
            # Put together, labels get the type of the first of them: texts its length, numbers its size.
            y = y.map_blocks(_as_objects, dtype=object).rechunk((X.chunks[0],))
        rows = [int(n) for n in X.chunks[0]]
        places = getattr(X, "places", None) or _places(rows)
        kept = [k for k, n in enumerate(rows) if n]  # parts without rows say nothing
        Xs, ys = X.to_delayed().ravel(), y.to_delayed().ravel()
        return cls(
            [Xs[k] for k in kept],
            [ys[k] for k in kept],
            tuple(rows[k] for k in kept),
            [places[k] for k in kept],
            X.shape[1],
        )

    def near(self, n_near: int | None) -> list[int | None]:
        """Return how many near rows of each class each part keeps at first, where so many are needed."""
        if n_near is None:
            return [None] * len(self.rows)
        n = sum(self.rows)
        shares = (-(-_TIMES_SHARE * n_near * rows // n) + _MORE_THAN_SHARE for rows in self.rows)
        return [min(n_near, share) for share in shares]

    def classes(self, client: Client, given: ArrayLike | None) -> NDArray[Any]:
        """Look at all labels, each part where it lies, and return the classes.

        Raises
        ------
        InvalidInput
            If there are less than two, if one is none of those that were given, if some are numbers and
            others texts, or fractions; if parts have other rows than the arrays say.
        """
        name = uuid.uuid4().hex[:12]
        counted = [
            dask.delayed(_labels_of, pure=False)(y, n_rows, place, dask_key_name=f"labels-{name}-{k}")
            for k, (y, n_rows, place) in enumerate(zip(self.y, self.rows, self.places, strict=True))
        ]
        futures = client.compute(counted)
        try:
            found: list[NDArray[Any]] = client.gather(futures)
        finally:
            for future in futures:
                future.release()
        are_texts = [labels.dtype.kind in "USO" for labels in found]
        if len(set(are_texts)) > 1:
            numbers, texts = (self.places[are_texts.index(kind)] for kind in (False, True))
            raise InvalidInput(
                f"labels of all parts must have one type, got numbers in {numbers} and texts in {texts}; "
                "write them in the same way"
            )
        labels, _ = sorted_labels(np.concatenate(found))
        classes, _ = number_classes(labels, given)
        if given is None:
            check_kind_of_labels(classes)
        if labels.dtype.kind == "f" and not np.array_equal(labels, np.trunc(labels)):
            fraction = labels[labels != np.trunc(labels)][0]
            raise InvalidInput(
                f"labels must be classes, got the fraction {fraction}; number the classes, or write them as "
                "words"
            )
        return classes


def cut(array: Any, chunks: tuple[tuple[int, ...], ...], name: str) -> Any:
    """Return an array in other chunks.

    Chunks that are put together get the type of the first of them, so all must be of the type that the array
    says.
    """
    if array.chunks == chunks:
        return array
    return array.map_blocks(_of_type, array.dtype, name, dtype=array.dtype).rechunk(chunks)


def labels_of_part(y: Any) -> NDArray[Any]:
    """Return the labels of a part, objects as what they are: texts or numbers."""
    labels = np.asarray(y)
    return np.array(labels.tolist()) if labels.dtype.kind == "O" else labels


def connected(client: Client | None) -> Client:
    """Return the client that is used.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    if client is not None:
        if not isinstance(client, Client):
            raise TypeError(f"client must be a distributed.Client, got {type(client).__name__}")
        return client
    try:
        return Client.current()
    except ValueError:
        raise InvalidInput(
            "expected a cluster to work on, got none; start one on this machine (from dask.distributed "
            "import Client; client = Client(n_workers=2, threads_per_worker=1)) or name the scheduler of "
            "another (Client('tcp://ADDRESS:8786'))"
        ) from None


def checked_array(array: Any, name: str, n_dimensions: int) -> Any:
    """Return an array of Dask whose shape is known.

    Raises
    ------
    TypeError, InvalidInput
        With the remedy.
    """
    import dask.array as da

    if not isinstance(array, da.Array):
        raise TypeError(
            f"{name} must be an array or a frame of Dask, got {type(array).__module__}."
            f"{type(array).__name__}; give dask.array.from_array({name}, chunks=...), or use "
            "SmoothedKNNClassifier, which takes it so"
        )
    if array.ndim != n_dimensions:
        raise InvalidInput(f"{name} must have {n_dimensions} dimension(s), got the shape {array.shape}")
    if np.isnan(array.shape).any():
        raise InvalidInput(
            f"{name} has parts of unknown size; call {name}.compute_chunk_sizes(), or give the frame that it "
            "was made of"
        )
    return array


def _places(rows: list[int]) -> list[str]:
    ends = list(itertools.accumulate(rows))
    return [f"rows {end - n} to {end - 1} of the training table" for n, end in zip(rows, ends, strict=True)]


def _labels_of(y: Any, n_rows: int, place: str) -> NDArray[Any]:
    """Return the different labels of a part."""
    labels = np.asarray(y)
    if labels.shape != (n_rows,):
        raise InvalidInput(
            f"in {place}: y must have the rows that it says, {n_rows}, got the shape {labels.shape}"
        )
    try:
        if labels.dtype.kind == "O":  # sorted as they are, which None, NaN and words among numbers are not
            distinct, _ = sorted_labels(np.array([*dict.fromkeys(labels.tolist())], dtype=object))
            labels = labels_of_part(distinct)
        different, _ = sorted_labels(labels)
    except InvalidInput as error:
        raise InvalidInput(f"in {place}: {error}") from None
    return different


def _as_objects(labels: Any) -> NDArray[Any]:
    return np.asarray(labels).astype(object)


def _of_type(block: Any, dtype: np.dtype[Any], name: str) -> Any:
    if block.dtype != dtype:
        raise InvalidInput(
            f"{name} must have one type in all chunks that are put together, got {block.dtype} where it says "
            f"{dtype}; give {name} in chunks of whole rows, or convert them ({name}.map_blocks(...))"
        )
    return block
