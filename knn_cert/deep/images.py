"""Rows of a table as images: the shape of an image, the gate for rows, and the order torch wants them in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ..gate.errors import InvalidInput
from ..gate.numbers import as_whole_number

__all__ = ["check_image_shape", "image_rows", "to_images"]


def check_image_shape(image_shape: Sequence[int]) -> tuple[int, int, int]:
    """Return (H, W, C); images given as (H, W) have one channel."""
    if isinstance(image_shape, (str, bytes)) or not isinstance(image_shape, Sequence):
        raise TypeError(f"image_shape must be (H, W) or (H, W, C), got {image_shape!r}")
    shape = tuple(as_whole_number(size, "image_shape", least=1) for size in image_shape)
    if len(shape) not in (2, 3):
        raise InvalidInput(f"image_shape must be (H, W) or (H, W, C), got {shape}")
    return shape[0], shape[1], shape[2] if len(shape) == 3 else 1


def image_rows(X: ArrayLike, image_shape: tuple[int, int, int], name: str = "X") -> NDArray[np.float32]:
    """Return rows as a C-contiguous, writable float32 array (n, d), copied only where needed.

    Raises
    ------
    TypeError
        If they are no dense array of real numbers.
    ValueError
        If a row has not d = H W C entries, or holds NaN, infinity or what is infinite in float32.
    """
    rows = np.asarray(X)
    if rows.dtype.kind not in "iuf":
        raise TypeError(
            f"{name} must be a dense array of real numbers, got {type(X).__name__} of dtype {rows.dtype}"
        )
    d = int(np.prod(image_shape))
    if rows.ndim != 2 or rows.shape[1] != d:
        height, width, channels = image_shape
        raise InvalidInput(
            f"{name} must have the shape (n, {d}), images of {height} x {width} x {channels} flattened in C "
            f"order, got {rows.shape}; reshape the images to (n, {d}), or name another image_shape"
        )
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused in the next line
        # Writable, because torch takes the memory of an array as it is and warns of any other.
        rows = np.require(rows, np.float32, ["C", "W"])
    if not np.isfinite(rows).all():
        raise InvalidInput(
            f"{name} must be finite in single precision, got NaN, infinity or a value above 3e38"
        )
    return rows


def to_images(rows: torch.Tensor, image_shape: tuple[int, int, int]) -> torch.Tensor:
    """Return rows (n, H W C) as (n, C, H, W), in memory of torch's own.

    A copy in any case: torch aligns what it allocates, and a library that sums in another order for another
    alignment then sums as it did the last time.
    """
    return rows.reshape(-1, *image_shape).permute(0, 3, 1, 2).clone(memory_format=torch.contiguous_format)
