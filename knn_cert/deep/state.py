"""The numbers that a network consists of, by name: what is hashed, compared and kept in files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

__all__ = ["load_state", "shapes_of", "state_of", "structure_digest"]


def state_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return parameters and constants (torch's buffers), sorted by name: the tensors, not copies."""
    state = dict(module.named_parameters()) | dict(module.named_buffers())
    return {name: state[name].detach() for name in sorted(state)}


def shapes_of(state: Mapping[str, torch.Tensor | NDArray[Any]]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor or array."""
    return {name: tuple(value.shape) for name, value in state.items()}


def load_state(module: nn.Module, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Copy arrays into a network that has exactly these."""
    with torch.no_grad():
        for name, tensor in state_of(module).items():
            tensor.copy_(torch.from_numpy(np.array(arrays[name])))


def structure_digest(module: nn.Module) -> str:
    """Return the SHA-256 of names and shapes, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(shapes_of(state_of(module))).encode()).hexdigest()
