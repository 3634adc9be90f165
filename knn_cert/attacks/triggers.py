"""Triggers: a fixed pattern of a given L2 norm, added to a row and clipped where bounds are given.

The three kinds of RAB, section 7.1: one pixel in the middle of the image, four pixels, and random noise
blended into the whole image; one column, four columns and noise for a table. The paper shows the places only
in a figure, so they can be chosen; the defaults are ours, except for the arrangement of the four pixels,
which is that of the experiments its authors released.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..gate.arrays import as_float_array
from ..gate.errors import InvalidInput
from ..gate.numbers import as_positive, as_real, as_whole_number

__all__ = [
    "Trigger",
    "Triggered",
    "apply_trigger",
    "blending",
    "four_dimension",
    "four_pixel",
    "one_dimension",
    "one_pixel",
]

# (row, column) of the four pixels, counted from the middle of the pattern.
_FOUR = ((-1, 1), (0, 0), (1, -1), (1, 1))


@dataclass(frozen=True, eq=False)
class Trigger:
    """What is added to a row, and where the sum is clipped.

    Parameters
    ----------
    pattern : array_like of the shape of one row: (d,), (H, W) or (H, W, C)
        Added to the row, in the units of the features.
    low, high : float, optional
        Smallest and largest value a feature can have; None does not clip on that side.
    """

    pattern: NDArray[np.float64]
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        pattern = as_float_array(self.pattern, "pattern").copy()
        if pattern.ndim not in (1, 2, 3) or not pattern.size:
            raise InvalidInput(
                f"pattern must have the shape (d,), (H, W) or (H, W, C) of one row, got {pattern.shape}"
            )
        if not np.isfinite(pattern).all():
            raise InvalidInput("pattern must be finite, got NaN or infinity")
        for name in ("low", "high"):
            bound = getattr(self, name)
            if bound is not None and math.isnan(as_real(bound, name)):
                raise InvalidInput(f"{name} must be a number, got NaN; None does not clip on that side")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise InvalidInput(f"low must be below high, got {self.low!r} and {self.high!r}")
        pattern.flags.writeable = False
        object.__setattr__(self, "pattern", pattern)

    @property
    def norm(self) -> float:
        """L2 norm of the pattern: what each row changes by where nothing is clipped."""
        return float(np.linalg.norm(self.pattern))


class Triggered(NamedTuple):
    """Rows that carry a trigger, in the shape they came in, and by how much each of them changed."""

    X: NDArray[np.float64]
    norms: NDArray[np.float64]


def apply_trigger(X: ArrayLike, trigger: Trigger) -> Triggered:
    """Add a trigger to every row.

    As in RAB, the pattern is added and the sum clipped: a pixel that is white already shows no white trigger,
    and the norm reached for that row says so. A trigger of negative sign is ``Trigger(-t.pattern, ...)``.

    Parameters
    ----------
    X : array_like of shape (n, d), (n, H, W) or (n, H, W, C)
        Rows, whole numbers included; images may come flattened to (n, d).
    trigger : Trigger

    Returns
    -------
    Triggered
        X : ndarray of float64, the shape of the rows given; a copy.
        norms : ndarray of shape (n,), the L2 norm of the change of each row after clipping.

    Raises
    ------
    TypeError
        If X is no dense array of numbers, or trigger no `Trigger`.
    ValueError
        If the shape of the rows is not that of the pattern, or X has NaN, infinity or, where the trigger has
        bounds, values outside of them.
    """
    if not isinstance(trigger, Trigger):
        raise TypeError(f"trigger must be a knn_cert.attacks.Trigger, got {type(trigger).__name__}")
    rows = as_float_array(X, "X")
    shape = trigger.pattern.shape
    if rows.ndim == 0 or rows.shape[1:] not in (shape, (trigger.pattern.size,)):
        wanted = f"(n, {', '.join(map(str, shape))})"
        flat = "" if len(shape) == 1 else f" or, flattened, (n, {trigger.pattern.size})"
        raise InvalidInput(f"X must have the shape {wanted}{flat} of the trigger, got {rows.shape}")
    _check_range(rows, trigger)
    changed = rows + trigger.pattern.reshape(rows.shape[1:])
    if trigger.low is not None or trigger.high is not None:
        changed = np.clip(changed, trigger.low, trigger.high)
    # The change that the stored rows really show, rounding included.
    norms = np.linalg.norm((changed - rows).reshape(len(rows), trigger.pattern.size), axis=1)
    return Triggered(changed, norms)


def one_pixel(
    image_shape: Sequence[int],
    norm: float,
    *,
    position: tuple[int, int] | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Trigger:
    """Return a trigger of one pixel: "a one-pixel pattern in the middle of the image" (RAB, 7.1).

    All channels of the pixel change alike.

    Parameters
    ----------
    image_shape : (H, W) or (H, W, C)
    norm : float > 0
        L2 norm of the pattern, in the units of the features.
    position : (row, column), optional
        Which pixel; None takes the middle, (H // 2, W // 2).
    low, high : float, optional
        Where to clip, see `Trigger`.

    Returns
    -------
    Trigger

    Raises
    ------
    TypeError, ValueError
        If shape, norm or position are none, or the pixel lies outside of the image.
    """
    shape = _check_image_shape(image_shape)
    return _pixels(shape, [_check_position(position, shape, "position")], norm, low=low, high=high)


def four_pixel(
    image_shape: Sequence[int],
    norm: float,
    *,
    center: tuple[int, int] | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Trigger:
    """Return a trigger of four pixels: a middle one and its diagonal neighbours but the upper left.

    RAB, 7.1, has "a four-pixel pattern"; this arrangement is that of the experiments its authors released.

    Parameters
    ----------
    image_shape, norm, low, high
        As for `one_pixel`.
    center : (row, column), optional
        The middle pixel of the pattern; None takes the middle of the image, (H // 2, W // 2).

    Returns
    -------
    Trigger

    Raises
    ------
    TypeError, ValueError
        As `one_pixel`; ValueError also if one of the four pixels lies outside of the image.
    """
    shape = _check_image_shape(image_shape)
    row, column = _check_position(center, shape, "center")
    places = [_check_position((row + down, column + right), shape, "a pixel") for down, right in _FOUR]
    return _pixels(shape, places, norm, low=low, high=high)


def one_dimension(
    n_features: int,
    norm: float,
    *,
    dimension: int = -1,
    low: float | None = None,
    high: float | None = None,
) -> Trigger:
    """Return a trigger of one column of a table, by default the last: RAB, section 7.3.

    RAB does not name the column; the default is our choice.

    Parameters
    ----------
    n_features : int
    norm : float > 0
        L2 norm of the pattern, in the units of the features.
    dimension : int
        Which column; negative numbers count from the end.
    low, high : float, optional
        Where to clip, see `Trigger`. A bound holds for every column.

    Returns
    -------
    Trigger

    Raises
    ------
    TypeError, ValueError
        If one of them is no number, or there is no such column.
    """
    return _columns(n_features, (dimension,), norm, low=low, high=high)


def four_dimension(
    n_features: int,
    norm: float,
    *,
    dimensions: Sequence[int] = (-4, -3, -2, -1),
    low: float | None = None,
    high: float | None = None,
) -> Trigger:
    """Return a trigger of four columns of a table, by default the last four; otherwise as `one_dimension`.

    Parameters
    ----------
    n_features, norm, low, high
        As for `one_dimension`.
    dimensions : four int
        Which columns, all different; negative numbers count from the end.

    Returns
    -------
    Trigger
    """
    dimensions = tuple(dimensions)
    if len(dimensions) != 4:
        raise InvalidInput(f"dimensions must name four columns, got {len(dimensions)}: {dimensions}")
    return _columns(n_features, dimensions, norm, low=low, high=high)


def blending(
    row_shape: int | Sequence[int],
    norm: float,
    *,
    random_state: int = 0,
    low: float | None = None,
    high: float | None = None,
) -> Trigger:
    """Return a trigger of fixed random noise over the whole row, scaled to the norm (RAB, 7.1).

    Parameters
    ----------
    row_shape : int, (d,), (H, W) or (H, W, C)
        Shape of one row; a number for a table of so many columns.
    norm : float > 0
        L2 norm of the pattern, in the units of the features.
    random_state : int
        Seed of the standard normal noise: the same seed gives the same pattern.
    low, high : float, optional
        Where to clip, see `Trigger`. RAB does not clip this one.

    Returns
    -------
    Trigger

    Raises
    ------
    TypeError, ValueError
        If shape, norm or seed are none.
    """
    sizes = tuple(row_shape) if isinstance(row_shape, Iterable) else (row_shape,)
    if len(sizes) == 1:
        shape: tuple[int, ...] = (as_whole_number(sizes[0], "row_shape", least=1),)
    else:
        shape = _check_image_shape(sizes)
    noise = np.random.default_rng(random_state).standard_normal(shape)
    return Trigger(noise * (as_positive(norm, "norm") / np.linalg.norm(noise)), low, high)


def _pixels(
    shape: tuple[int, ...],
    places: Iterable[tuple[int, int]],
    norm: float,
    *,
    low: float | None,
    high: float | None,
) -> Trigger:
    pattern = np.zeros(shape)
    for row, column in places:
        pattern[row, column] = 1.0
    return _scaled(pattern, norm, low=low, high=high)


def _columns(
    n_features: int, dimensions: Sequence[int], norm: float, *, low: float | None, high: float | None
) -> Trigger:
    n_features = as_whole_number(n_features, "n_features", least=1)
    pattern = np.zeros(n_features)
    for dimension in dimensions:
        column = as_whole_number(dimension, "a dimension", least=None)
        if not -n_features <= column < n_features:
            raise InvalidInput(
                f"a dimension must lie between {-n_features} and {n_features - 1}, got {column}; the table "
                f"has {n_features} columns"
            )
        pattern[column] = 1.0
    if np.count_nonzero(pattern) < len(dimensions):
        raise InvalidInput(f"dimensions must be different columns, got {tuple(dimensions)}")
    return _scaled(pattern, norm, low=low, high=high)


def _scaled(mask: NDArray[np.float64], norm: float, *, low: float | None, high: float | None) -> Trigger:
    # Equal entries: k of them have the norm |v| sqrt(k).
    return Trigger(mask * (as_positive(norm, "norm") / math.sqrt(np.count_nonzero(mask))), low, high)


def _check_image_shape(image_shape: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(image_shape, Iterable):
        raise TypeError(f"image_shape must be (H, W) or (H, W, C), got {image_shape!r}")
    shape = tuple(as_whole_number(size, "image_shape", least=1) for size in image_shape)
    if len(shape) not in (2, 3):
        raise InvalidInput(f"image_shape must be (H, W) or (H, W, C), got {shape}")
    return shape


def _check_position(position: Sequence[int] | None, shape: tuple[int, ...], name: str) -> tuple[int, int]:
    """Return a place on the image, by default its middle."""
    if position is None:
        return shape[0] // 2, shape[1] // 2
    where = tuple(position)
    if len(where) != 2:
        raise InvalidInput(f"{name} must be two whole numbers, (row, column), got {position!r}")
    remedy = "give two whole numbers, (row, column)"
    row, column = (as_whole_number(index, name, least=None, remedy=remedy) for index in where)
    if not (0 <= row < shape[0] and 0 <= column < shape[1]):
        raise InvalidInput(
            f"{name} at {(row, column)} lies outside of the image of {shape[0]} x {shape[1]} pixels; rows "
            "and columns count from 0"
        )
    return row, column


def _check_range(X: NDArray[np.float64], trigger: Trigger) -> None:
    """Raise unless rows are finite and within the bounds of the trigger."""
    if not np.isfinite(X).all():
        raise InvalidInput("X must be finite, got NaN or infinity; clean the rows before they get a trigger")
    # Clipping would silently change features that the pattern does not touch.
    below = trigger.low is not None and X.min(initial=math.inf) < trigger.low
    above = trigger.high is not None and X.max(initial=-math.inf) > trigger.high
    if below or above:
        raise InvalidInput(
            f"X has values from {X.min():g} to {X.max():g}, outside of the bounds {trigger.low} to "
            f"{trigger.high} of the trigger; give bounds in the units of the features"
        )
