"""Triggers: a fixed pattern of a given L2 norm, added to a row and clipped where bounds are given.

The three kinds of RAB, section 7.1: one pixel in the middle of the image, four pixels, and random noise
blended into the whole image; one column, four columns and noise for a table. The paper shows the places only
in a figure, so they can be chosen; the defaults are ours, except for the arrangement of the four pixels,
which is that of the experiments its authors released.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..gate.arrays import as_float_array

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

    pattern: np.ndarray
    low: float | None = None
    high: float | None = None

    def __post_init__(self):
        pattern = as_float_array(self.pattern, "pattern").copy()
        if pattern.ndim not in (1, 2, 3) or not pattern.size:
            raise ValueError(
                f"pattern must have the shape (d,), (H, W) or (H, W, C) of one row, got {pattern.shape}"
            )
        if not np.isfinite(pattern).all():
            raise ValueError("pattern must be finite, got NaN or infinity")
        for name in ("low", "high"):
            _check_bound(getattr(self, name), name)
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low!r} and {self.high!r}")
        pattern.flags.writeable = False
        object.__setattr__(self, "pattern", pattern)

    @property
    def norm(self) -> float:
        """L2 norm of the pattern: what each row changes by where nothing is clipped."""
        return float(np.linalg.norm(self.pattern))


class Triggered(NamedTuple):
    """Rows that carry a trigger, in the shape they came in, and by how much each of them changed."""

    X: np.ndarray
    norms: np.ndarray


def apply_trigger(X, trigger: Trigger) -> Triggered:
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
    X = as_float_array(X, "X")
    shape = trigger.pattern.shape
    if X.ndim == 0 or X.shape[1:] not in (shape, (trigger.pattern.size,)):
        wanted = f"(n, {', '.join(map(str, shape))})"
        flat = "" if len(shape) == 1 else f" or, flattened, (n, {trigger.pattern.size})"
        raise ValueError(f"X must have the shape {wanted}{flat} of the trigger, got {X.shape}")
    _check_rows(X, trigger)
    changed = X + trigger.pattern.reshape(X.shape[1:])
    if trigger.low is not None or trigger.high is not None:
        changed = np.clip(changed, trigger.low, trigger.high)
    # The change that the stored rows really show, rounding included.
    norms = np.linalg.norm((changed - X).reshape(len(X), trigger.pattern.size), axis=1)
    return Triggered(changed, norms)


def one_pixel(
    image_shape: Sequence[int],
    norm: float,
    *,
    position: tuple[int, int] | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Trigger:
    """One pixel, all its channels alike: "a one-pixel pattern in the middle of the image" (RAB, 7.1).

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
    """Four pixels alike: a middle pixel and its diagonal neighbours, without the upper left one.

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
    """One column of a table, by default the last: the one-dimension attack of RAB, section 7.3.

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
    """Four columns of a table alike, by default the last four; otherwise as `one_dimension`.

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
        raise ValueError(f"dimensions must name four columns, got {len(dimensions)}: {dimensions}")
    return _columns(n_features, dimensions, norm, low=low, high=high)


def blending(
    row_shape: int | Sequence[int],
    norm: float,
    *,
    random_state: int = 0,
    low: float | None = None,
    high: float | None = None,
) -> Trigger:
    """Fixed random noise over the whole row, scaled to the norm (RAB, 7.1).

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
    shape = (row_shape,) if _is_whole(row_shape) else tuple(row_shape)
    if len(shape) == 1:
        shape = (_check_size(shape[0], "row_shape"),)
    else:
        shape = _check_image_shape(shape)
    noise = np.random.default_rng(random_state).standard_normal(shape)
    return Trigger(noise * (_check_norm(norm) / np.linalg.norm(noise)), low, high)


def _pixels(shape, places, norm: float, *, low, high) -> Trigger:
    pattern = np.zeros(shape)
    for row, column in places:
        pattern[row, column] = 1.0
    return _scaled(pattern, norm, low=low, high=high)


def _columns(n_features: int, dimensions: Sequence[int], norm: float, *, low, high) -> Trigger:
    pattern = np.zeros(_check_size(n_features, "n_features"))
    for dimension in dimensions:
        if not _is_whole(dimension):
            raise TypeError(f"a dimension must be a whole number, got {dimension!r}")
        if not -len(pattern) <= dimension < len(pattern):
            raise ValueError(f"there is no dimension {dimension} in a table of {len(pattern)} columns")
        pattern[dimension] = 1.0
    if np.count_nonzero(pattern) < len(dimensions):
        raise ValueError(f"dimensions must be different columns, got {tuple(dimensions)}")
    return _scaled(pattern, norm, low=low, high=high)


def _scaled(mask: np.ndarray, norm: float, *, low, high) -> Trigger:
    # Equal entries: k of them have the norm |v| sqrt(k).
    return Trigger(mask * (_check_norm(norm) / math.sqrt(np.count_nonzero(mask))), low, high)


def _check_norm(norm: float) -> float:
    if isinstance(norm, bool) or not isinstance(norm, (int, float, np.integer, np.floating)):
        raise TypeError(f"norm must be a number, got {norm!r}")
    if not (math.isfinite(norm) and norm > 0.0):
        raise ValueError(f"norm must be finite and > 0, the L2 norm of the pattern, got {norm!r}")
    return float(norm)


def _check_bound(bound, name: str) -> None:
    if bound is None:
        return
    if isinstance(bound, bool) or not isinstance(bound, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number or None, got {bound!r}")
    if math.isnan(bound):
        raise ValueError(f"{name} must be a number or None, got NaN")


def _check_image_shape(image_shape: Sequence[int]) -> tuple[int, ...]:
    if _is_whole(image_shape):
        raise TypeError(f"image_shape must be (H, W) or (H, W, C), got the number {image_shape}")
    shape = tuple(_check_size(size, "image_shape") for size in image_shape)
    if len(shape) not in (2, 3):
        raise ValueError(f"image_shape must be (H, W) or (H, W, C), got {shape}")
    return shape


def _check_size(size, name: str) -> int:
    if not _is_whole(size):
        raise TypeError(f"{name} must hold whole numbers, got {size!r}")
    if size < 1:
        raise ValueError(f"{name} must hold numbers >= 1, got {size}")
    return int(size)


def _check_position(position, shape: tuple[int, ...], name: str) -> tuple[int, int]:
    if position is None:
        return shape[0] // 2, shape[1] // 2
    position = tuple(position)
    if len(position) != 2 or not all(_is_whole(index) for index in position):
        raise TypeError(f"{name} must be two whole numbers, (row, column), got {position!r}")
    if not (0 <= position[0] < shape[0] and 0 <= position[1] < shape[1]):
        raise ValueError(
            f"{name} at {position} lies outside of the image of {shape[0]} x {shape[1]} pixels; rows and "
            "columns count from 0"
        )
    return int(position[0]), int(position[1])


def _is_whole(value) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))


def _check_rows(X: np.ndarray, trigger: Trigger) -> None:
    if not np.isfinite(X).all():
        raise ValueError("X must be finite, got NaN or infinity; clean the rows before they get a trigger")
    # Clipping would silently change features that the pattern does not touch.
    below = trigger.low is not None and X.min(initial=math.inf) < trigger.low
    above = trigger.high is not None and X.max(initial=-math.inf) > trigger.high
    if below or above:
        raise ValueError(
            f"X has values from {X.min():g} to {X.max():g}, outside of the bounds {trigger.low} to "
            f"{trigger.high} of the trigger; give bounds in the units of the features"
        )
