"""Tables from NPZ files: the arrays X, y and, if the file has them, feature_names."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._npz import open_npz
from .._printing import listed, one_line, printable, quoted
from ..gate.errors import InvalidInput
from .columns import check_names, select_queries, select_training
from .defects import check_finite
from .labels import text_of
from .raw import Raw
from .size import check_unpacked_size

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class Arrays(NamedTuple):
    """What an NPZ file holds; ``labels`` are not converted yet, ``names`` are None if it has none."""

    X: NDArray[np.float64]
    labels: Any
    names: list[str] | None
    label_name: str

    def without(self, drop: list[str]) -> Arrays:
        """Leave columns out."""
        if not drop:
            return self
        # The label is an array of its own, so no position is wanted of it.
        names = [*(self.names or default_names(self.X.shape[1])), ""]
        kept, _ = select_training(names, "", drop)
        return self._replace(X=np.ascontiguousarray(self.X[:, kept]), names=[names[j] for j in kept])

    def wanted(self, names: list[str], drop: list[str]) -> Arrays:
        """Return the columns with these names, or all of them in their own order if they have none."""
        own = self.names
        if own is None and drop and self.X.shape[1] != len(names):
            own = default_names(self.X.shape[1])
        if own is not None:
            kept, _ = select_queries(own, names, None, drop)
            return self._replace(X=np.ascontiguousarray(self.X[:, kept]), names=names)
        if self.X.shape[1] != len(names):
            raise InvalidInput(
                f"expected {len(names)} columns in X, as in the training table, got {self.X.shape[1]}; both "
                "need the same features"
            )
        return self._replace(names=names)

    def as_raw(self) -> Raw:
        """Return the arrays as what other kinds of files hold."""
        names = self.names or default_names(self.X.shape[1])
        places = range(1, len(self.X) + 1)
        return Raw(names, list(self.X.T), self.labels, self.label_name, "row", places, matrix=self.X)


def read_npz(file: Path, label: str, *, required: bool, complete: bool) -> Arrays:
    """Read the arrays of an NPZ file.

    ``label`` names the array of labels; where it is absent and not ``required``, ``y`` is taken. With
    ``complete`` a value that is missing or infinite is refused.
    """
    if not zipfile.is_zipfile(file):
        raise InvalidInput("expected a whole NPZ file, got one that is cut off or something else")
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        check_unpacked_size(unpacked, file)
        with open_npz(file) as archive:
            arrays = archive.files
            listing = f"the file has: {listed(arrays) or 'no arrays'}"
            if "X" not in arrays:
                raise InvalidInput(f"expected an array X (n, d) of features; {listing}")
            name = label if label in arrays else "y"
            if label == "X" or (required and label not in arrays):
                raise InvalidInput(f"expected an array {quoted(label)} with the labels, beside X; {listing}")
            X = archive["X"]
            y = archive[name] if name in arrays else None
            names = archive["feature_names"] if "feature_names" in arrays else None
    except InvalidInput:
        raise
    except ValueError as error:  # NumPy's refusal to unpickle
        raise InvalidInput(one_line(error)) from error
    except Exception as error:  # zipfile and NumPy name no closed set of errors for a damaged file
        raise InvalidInput(
            f"expected a whole NPZ file, got one that cannot be read: {one_line(error)}"
        ) from error
    _check_shapes(X, y, name)
    listed_names = None
    if names is not None:
        if names.shape != X.shape[1:]:
            raise InvalidInput(
                f"expected {X.shape[1]} feature_names, as X has columns, got the shape {names.shape}"
            )
        listed_names = [text_of(v) for v in names.tolist()]
        check_names(listed_names)
    X = np.ascontiguousarray(X, dtype=np.float64)
    if complete:
        check_finite(X, listed_names or default_names(X.shape[1]), "row", range(1, len(X) + 1))
    return Arrays(X, y, listed_names, name)


def default_names(n_columns: int) -> list[str]:
    """Return the names of columns that have none."""
    return [f"x{j}" for j in range(n_columns)]


def _check_shapes(X: np.ndarray, y: np.ndarray | None, name: str) -> None:
    if X.ndim != 2:
        raise InvalidInput(
            f"expected X of shape (n, d), got {X.shape}; flatten each row, X.reshape(len(X), -1)"
        )
    if X.dtype.kind in ("m", "M"):
        raise InvalidInput(
            f"expected numbers in X, got dates or times ({X.dtype}); turn them into numbers, for example "
            "days since a fixed day"
        )
    if X.dtype.kind not in "biuf":
        raise InvalidInput(f"expected numbers in X, got the type {X.dtype}; encode text as numbers")
    if X.size == 0:
        raise InvalidInput(f"expected rows and columns in X, got the shape {X.shape}")
    if y is not None and y.shape != X.shape[:1]:
        raise InvalidInput(f"expected one label a row, {printable(name)} of shape ({len(X)},), got {y.shape}")
