"""The gate: numbers and arrays from outside leave here as what the kernels take, or not at all.

Every check raises TypeError for a wrong type and InvalidInput, a ValueError, for a wrong value, and says what
was expected, what came and what to do about it. Kernels behind this gate check nothing again.
"""

from __future__ import annotations

import itertools
import math
import numbers
import os
import sys

import numpy as np

from ._errors import InvalidInput
from ._printing import listed, quoted, shortened

# The largest n_threads a kernel's C++ int takes without a second thought; nobody has more cores.
_MAX_THREADS = 4096
_TOO_LONG = 10**30
# The kinds of NumPy's dates and times: converted, they would become nanoseconds.
_DATES = ("m", "M")
_NUMBERS = ("b", "i", "u", "f")
# Classes without rows that are taken in good faith: those of a table of which only some rows are passed.
_SPARE_CLASSES, _CLASSES_PER_ROW = 10_000, 10


def check_n_threads(n_threads: int | None) -> int:
    """Return a number of threads >= 1; None means every core this process may use."""
    if n_threads is None:
        return default_n_threads()
    n_threads = _integer(n_threads, "n_threads", "pass a whole number, or None for every core")
    if not 1 <= n_threads <= _MAX_THREADS:
        raise InvalidInput(
            f"n_threads must be between 1 and {_MAX_THREADS}, got {n_threads}; None means every core"
        )
    return n_threads


def default_n_threads() -> int:
    """Return the number of cores this process may run on."""
    # cpu_count() counts the machine, which in a batch job or a container is more than what was given to us.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def as_whole_number(value, name: str, *, least: int) -> int:
    """Return an int that is not below ``least``."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number, got {value!r} of type {type(value).__name__}")
    if value < least:
        raise InvalidInput(f"{name} must be at least {least}, got {shortened(value)}")
    return int(value)


def as_real(value, name: str) -> float:
    """Return a float, or raise TypeError."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {value!r} of type {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:  # an integer or a fraction that no float holds
        raise InvalidInput(
            f"{name} must be a number of double precision, at most {sys.float_info.max:g} in size, got a "
            "larger one"
        ) from None


def as_positive(value, name: str) -> float:
    """Return a float that is finite and > 0."""
    value = as_real(value, name)
    if not 0.0 < value < math.inf:
        raise InvalidInput(f"{name} must be finite and > 0, got {value!r}")
    return value


# A difference of 1e-162 has the square 0: with d of them a distance errs by sqrt(d) times as much, which must
# be nothing beside sigma. And the square of the farthest neighbour must be finite.
_LEAST_SIGMA, _LARGEST_SIGMA = 1e-140, 1e140


def check_sigma(sigma: float) -> float:
    """Return the noise as a float, in a range where squares of distances are neither zero nor infinite."""
    sigma = as_real(sigma, "sigma")
    if not (math.isfinite(sigma) and sigma > 0.0):
        raise InvalidInput(
            f"sigma must be finite and > 0, got {sigma!r}; it is the standard deviation of the noise on "
            "every feature, in the units of the features"
        )
    if not _LEAST_SIGMA <= sigma <= _LARGEST_SIGMA:
        raise InvalidInput(
            f"sigma must be from {_LEAST_SIGMA:g} to {_LARGEST_SIGMA:g}, got {sigma!r}; divide the features "
            "and sigma by the same number, which changes no probability"
        )
    return sigma


# Up to here a float tells integers apart.
_EXACT_INTEGERS = 2.0**53

# The bounds of the integral are proven from one feature on; with more features than these, the answers have
# not been checked against anything.
FEWEST_FEATURES, MOST_FEATURES = 1.0, 1e9


def check_dof(dof: float) -> int | float:
    """Return the degrees of freedom, the number of noisy features d, as a number from 1 to 1e9."""
    value = as_real(dof, "dof")
    if not FEWEST_FEATURES <= value <= MOST_FEATURES:
        raise InvalidInput(
            f"dof must be from 1 to 1e9, got {value!r}; it is the number of features that carry noise"
        )
    return int(value) if value.is_integer() else value


def check_n_neighbors(n_neighbors: int, n_rows: int) -> int:
    """Return K as an int with 1 <= K <= n_rows."""
    n_neighbors = _integer(n_neighbors, "n_neighbors", "the number of neighbours that vote is a whole number")
    if n_neighbors < 1:
        raise InvalidInput(f"n_neighbors must be at least 1, got {n_neighbors}")
    if n_neighbors > n_rows:
        raise InvalidInput(
            f"n_neighbors = {n_neighbors} is more than the {n_rows} training rows (n_samples = {n_rows}); "
            f"choose n_neighbors <= {n_rows} or give more rows"
        )
    return n_neighbors


def check_rank(rank: int, name: str) -> int:
    """Return m of "the m-th nearest row" as an int >= 1."""
    rank = _integer(rank, name, "it says which nearest row of the list counts: 1 is the nearest")
    if rank < 1:
        raise InvalidInput(f"{name} must be at least 1, got {rank}; 1 means the nearest row of the list")
    return rank


def check_n_classes(n_classes: int | None, labels: np.ndarray) -> int:
    """Return C >= 2; None means one more than the largest label.

    Classes without rows cost time and memory all the same, so their number is limited: a label far beyond the
    number of rows is a number that names something, not one of 0..C-1.
    """
    needed = int(labels.max()) + 1
    most = _SPARE_CLASSES + _CLASSES_PER_ROW * labels.size
    if needed > most:
        raise InvalidInput(
            f"labels must be 0..C-1 with at most C = {most} classes for {labels.size} rows, got label "
            f"{needed - 1}; numpy.unique(labels, return_inverse=True)[1] numbers any labels"
        )
    if n_classes is None:
        n_classes = needed
    else:
        n_classes = _integer(n_classes, "n_classes", "the number of classes is a whole number, or None")
    if n_classes < needed:
        raise InvalidInput(
            f"labels must be 0..C-1 with C = n_classes = {n_classes}, got label {needed - 1}; pass "
            f"n_classes={needed} or leave it out"
        )
    if n_classes > most:
        raise InvalidInput(
            f"n_classes must be at most {most} for {labels.size} rows, got {n_classes}; classes without rows "
            "change no probability, leave n_classes out"
        )
    if n_classes < 2:
        raise InvalidInput(
            f"at least 2 classes are needed, got {n_classes} (one class always wins); pass n_classes=2 if "
            "the other class has no rows here"
        )
    return n_classes


def check_edges(edges) -> np.ndarray:
    """Return bucket edges on the squared distance: 1-D float64, finite, positive, strictly increasing."""
    edges = as_float_array(edges, "edges").copy()
    if edges.ndim != 1 or edges.size == 0:
        raise InvalidInput(
            f"edges must be a 1-D array with at least one entry, got shape {edges.shape}; leave edges out "
            "for the continuous classifier"
        )
    bad = np.flatnonzero(~np.isfinite(edges) | (edges <= 0.0))
    if bad.size:
        raise InvalidInput(
            f"edges must be finite and > 0, got {edges[bad[0]]!r} at position {bad[0]}; they cut the squared "
            "distance into buckets, and 0 and infinity are implied"
        )
    bad = np.flatnonzero(np.diff(edges) <= 0.0)
    if bad.size:
        i = int(bad[0])
        raise InvalidInput(
            f"edges must be strictly increasing, got {edges[i]!r} followed by {edges[i + 1]!r} at position "
            f"{i + 1}; numpy.unique(edges) sorts and drops repeats"
        )
    return edges


def check_sq_distances(sq_distances, name: str = "sq_distances") -> np.ndarray:
    """Return squared distances as a C-contiguous float64 array: finite and >= 0, of any shape."""
    sq_distances = as_float_array(sq_distances, name)
    if sq_distances.size == 0:
        return sq_distances
    # min and max see every entry, and a NaN makes both NaN: no temporary of the size of the array.
    smallest, largest = sq_distances.min(), sq_distances.max()
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        where = _first(~np.isfinite(sq_distances))
        raise InvalidInput(
            f"{name} must be finite, got {float(sq_distances[where])!r} at {_position(where)}; drop or "
            "repair rows with missing values, rescale features whose squares overflow"
        )
    if smallest < 0.0:
        where = _first(sq_distances < 0.0)
        raise InvalidInput(
            f"{name} must be >= 0, got {float(sq_distances[where])!r} at {_position(where)}; if it came from "
            "|x|^2 + |y|^2 - 2xy, use direct differences, which cannot go below zero"
        )
    # Adding zero turns -0.0 into 0.0, which a kernel may divide by or take the sign of.
    return sq_distances + 0.0 if smallest == 0.0 and np.signbit(sq_distances).any() else sq_distances


def check_query_distances(sq_distances) -> np.ndarray:
    """As `check_sq_distances`, for one query (n,) or several (n_queries, n) and at least one training row."""
    sq_distances = check_sq_distances(sq_distances)
    if sq_distances.ndim not in (1, 2) or sq_distances.shape[-1] == 0:
        raise InvalidInput(
            f"sq_distances must have shape (n,) or (n_queries, n) with n >= 1, got {sq_distances.shape}; "
            "the last axis runs over the training rows"
        )
    return sq_distances


def check_scale(largest_square: float, sigma: float, what: str = "squared distances") -> None:
    """Raise where squares, or squares over sigma^2, leave the range of double precision."""
    with np.errstate(over="ignore"):
        scaled = np.float64(largest_square) / sigma / sigma
    if not np.isfinite(scaled):
        raise InvalidInput(
            f"{what} overflow: the largest is {float(largest_square):g} with sigma = {sigma!r}, and its "
            "ratio to sigma^2 must be finite in double precision; divide the features and sigma by the "
            "same number, which changes no probability"
        )


# Beyond so many sigma the spacing of doubles is no longer small against the noise.
FARTHEST_NEIGHBOR = 1e11


def is_resolved(distance: float, sigma: float) -> bool:
    """Whether double precision tells the noise at this distance."""
    return bool(distance <= FARTHEST_NEIGHBOR * sigma)


def check_resolution(distances: np.ndarray, n_neighbors: int, sigma: float) -> None:
    """Raise where the K-th nearest row of a query is so far away that double precision loses the noise."""
    if is_resolved(distances.max(initial=0.0), sigma):
        return
    kth = np.partition(distances, n_neighbors - 1, axis=-1)[..., n_neighbors - 1].max()
    if not is_resolved(kth, sigma):
        raise InvalidInput(
            f"sigma is too small against the distances: the {n_neighbors}-th nearest row of a query is "
            f"{kth / sigma:.3g} sigma away, expected at most {FARTHEST_NEIGHBOR:g}; use a larger "
            "sigma, or plain K-NN, which the smoothed classifier then equals"
        )


def check_labels(labels, n_rows: int) -> np.ndarray:
    """Return labels as an int64 array of length n_rows with entries >= 0; booleans count as 0 and 1."""
    if labels is None:
        raise TypeError(f"labels are missing; pass one label 0..C-1 for each of the {n_rows} training rows")
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.shape[0] != n_rows:
        raise InvalidInput(
            f"labels must have shape ({n_rows},), one for each column of the distances, got {labels.shape}"
        )
    if labels.dtype.kind not in "iub":
        raise TypeError(
            f"labels must be integers 0..C-1, got dtype {labels.dtype}; "
            "numpy.unique(labels, return_inverse=True)[1] numbers any labels"
        )
    # Compared before conversion: an unsigned 64-bit label may not fit.
    bad = np.flatnonzero((labels < 0) | (labels > np.iinfo(np.int32).max))
    if bad.size:
        raise InvalidInput(
            f"labels must be 0..C-1, got {labels[bad[0]]} at position {bad[0]}; "
            "numpy.unique(labels, return_inverse=True)[1] numbers any labels"
        )
    return np.ascontiguousarray(labels, dtype=np.int64)


def number_classes(y: np.ndarray, allowed=None) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted classes, at least two, and the position of each label among them as (n,) int64.

    The classes are the allowed ones or, if there are none such, those of the labels.
    """
    classes, labels = _sorted_labels(y)
    if allowed is None:
        if len(classes) < 2:
            raise InvalidInput(
                f"at least two classes are needed, got one class: {quoted(classes.tolist()[0])}; a table of "
                f"one class (here with n_samples = {len(y)}) has nothing to decide"
            )
        return classes, labels
    allowed, _ = _sorted_labels(np.asarray(allowed), "classes")
    if len(allowed) < 2:
        raise InvalidInput(f"classes must hold at least two labels, got {listed(allowed.tolist())}")
    unknown = [label for label in classes.tolist() if label not in set(allowed.tolist())]
    if unknown:
        raise InvalidInput(
            f"labels must be among classes, {listed(allowed.tolist())}, got {listed(unknown)}; correct these "
            "rows, or add the label to classes"
        )
    return allowed, np.searchsorted(allowed, classes).astype(np.int64)[labels]


def check_kind_of_labels(classes: np.ndarray) -> None:
    """Raise ValueError where order or identity of sorted classes hangs on what other labels there are.

    One text among numbers turns them all into text, where 10 comes before 2, and 1 and 1.0 are two; one
    fraction among integers turns them into floats, of which large ones are equal. Who adds such a row, or
    removes it, exchanges, splits or merges classes. So no accepted table differs from another one in that.
    """
    remedy = "correct or rename them or, in Python, say which labels there are by classes=[...]"
    texts = [label for label in classes.tolist() if isinstance(label, str)]
    numbers = [label for label in texts if reads_as_number(label)]
    if 0 < len(numbers) < len(classes):
        words = [label for label in classes.tolist() if label not in set(numbers)]
        raise InvalidInput(
            f"labels must be numbers or words, got both: {listed(numbers)}, and {listed(words)}; {remedy}"
        )
    values = [float(text) for text in numbers]
    if any(not before < after for before, after in itertools.pairwise(values)):
        raise InvalidInput(
            f"labels that are the text of numbers must sort like these, got {listed(numbers)}; make them "
            f"numbers, or {remedy}"
        )
    if classes.dtype.kind == "f" and np.abs(classes).max() >= _EXACT_INTEGERS:
        raise InvalidInput(
            f"labels of type {classes.dtype} must be below 2**53, beyond which integers are rounded, got "
            f"{np.abs(classes).max():g}; {remedy}"
        )


def reads_as_number(text: str) -> bool:
    """Whether a label that is text is the text of a number."""
    try:
        return math.isfinite(float(text))  # Nan and Inf are names too
    except ValueError:
        return False


def _sorted_labels(y: np.ndarray, name: str = "labels") -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted different labels and the position of each label among them."""
    if np.ndim(y) != 1:
        raise InvalidInput(f"{name} must have one axis, got shape {np.shape(y)}")
    try:
        classes, positions = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise InvalidInput(
            f"{name} must be of one type that can be sorted, and none may be missing ({error}); drop rows "
            "without a label or give all labels one type"
        ) from None
    if classes.dtype.kind == "f" and np.isnan(classes).any():
        raise InvalidInput(f"{name} must not be NaN; drop rows without a label")
    return classes, positions.astype(np.int64).reshape(-1)


def reject_text_columns(X) -> None:
    """Raise InvalidInput for the columns of a data frame that are not numbers, and for an array of dates.

    Anything else passes.
    """
    if getattr(getattr(X, "dtype", None), "kind", "") in _DATES:
        raise InvalidInput(
            f"every feature must be a number, but the array holds dates or times ({X.dtype}); turn them into "
            "numbers, for example days since a fixed day"
        )
    if not (hasattr(X, "columns") and hasattr(X, "dtypes")):
        return
    kinds = [getattr(dtype, "kind", "O") for dtype in X.dtypes]
    text = [
        name
        for j, (name, kind) in enumerate(zip(X.columns, kinds, strict=True))
        if kind in (*_DATES, "c") or (kind not in _NUMBERS and not _is_numeric(X, j, name))
    ]
    if text:
        raise InvalidInput(
            f"every feature must be a number, but these columns are not: {listed(text)}; drop them or "
            "encode them as numbers (dates for example as days since a fixed day)"
        )


def as_float_array(values, name: str) -> np.ndarray:
    """Return values as C-contiguous float64, copied only where needed; what is no number is a TypeError."""
    if values is None:
        raise TypeError(f"{name} is missing; expected an array of numbers")
    if hasattr(values, "toarray"):
        raise TypeError(
            f"{name} must be a dense array, got a sparse {type(values).__name__}; pass {name}.toarray()"
        )
    try:
        array = np.asarray(values)
        if array.dtype.kind in "iuf":
            converted = np.ascontiguousarray(array, dtype=np.float64)
        elif array.dtype.kind == "O":
            converted = np.ascontiguousarray(array.astype(np.float64))
        else:
            raise TypeError(f"dtype {array.dtype}")
    except OverflowError:
        raise InvalidInput(f"{name} must be numbers of double precision, got one that is larger") from None
    except (TypeError, ValueError) as error:
        kind = type(values).__name__
        raise TypeError(f"{name} must be an array of real numbers, got {kind} ({error})") from None
    # ascontiguousarray makes 0-d arrays 1-d; the caller's checks of the shape shall see what was passed.
    return converted.reshape(array.shape)


def _is_numeric(frame, j: int, name) -> bool:
    column = frame.iloc[:, j] if hasattr(frame, "iloc") else frame[name]
    try:
        np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return True


def _integer(value, name: str, remedy: str) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {value!r} of type {type(value).__name__}; {remedy}")
    if not -_TOO_LONG < value < _TOO_LONG:  # longer ones can hardly be shown
        raise InvalidInput(f"{name} is a number of more than 30 digits; {remedy}")
    return int(value)


def _first(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))


def _position(where: tuple[int, ...]) -> str:
    return (
        f"query {where[0]}, row {where[1]}" if len(where) == 2 else f"position {', '.join(map(str, where))}"
    )
