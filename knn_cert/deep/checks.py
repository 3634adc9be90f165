"""The gate of this folder: labels, devices and networks from outside, checked once; numbers: `knn_cert.gate`.

TypeError for a wrong type, ValueError for a wrong value; each says expected, got, remedy.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from ..gate.errors import InvalidInput
from ..gate.labels import number_classes
from .determinism import initial_module, reproducible

__all__ = ["check_device", "check_network", "network_name", "numbered_labels"]

# cuBLAS sums in a fixed order only with one of these in $CUBLAS_WORKSPACE_CONFIG when it starts.
_FIXED_WORKSPACES = (":4096:8", ":16:8")


def numbered_labels(y: ArrayLike, n: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the classes, sorted and read-only, and each label's position among them, int64 of shape (n,)."""
    labels = np.asarray(y)
    if labels.shape != (n,) or n == 0:
        raise InvalidInput(
            f"y must have the shape ({n},), one label for each of the rows of X and at least two rows, got "
            f"{labels.shape}"
        )
    if labels.dtype == object:
        # Classes are kept in files without pickle: what Python objects stand for has to have a type.
        kinds = {type(label) for label in labels.tolist()}
        if len(kinds) == 1:
            labels = np.array(labels.tolist())
        if labels.dtype.kind not in "iufbUS":
            raise TypeError(
                "y must hold labels of one type, strings or numbers, got objects of type "
                f"{', '.join(sorted(kind.__name__ for kind in kinds))}; drop rows without a label or convert "
                "all labels"
            )
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise InvalidInput("y must not hold NaN; drop rows without a label")
    classes, positions = number_classes(labels)
    classes.flags.writeable = False
    return classes, positions


def check_device(device: str | torch.device) -> str:
    """Return the name of a device that torch can compute on here, and give the same numbers twice."""
    if not isinstance(device, (str, torch.device)):
        raise TypeError(f"device must be a string such as 'cpu' or 'cuda', got {device!r}")
    try:
        kind = torch.device(device).type
        if kind == "meta":
            raise RuntimeError("it holds no numbers")
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        reason = str(error).strip().split("\n")[0]
        raise InvalidInput(
            f"device must be one that torch can use here, {', '.join(_devices())}; got {str(device)!r} "
            f"({reason})"
        ) from None
    if kind == "cuda" and os.environ.get("CUBLAS_WORKSPACE_CONFIG") not in _FIXED_WORKSPACES:
        raise InvalidInput(
            "device 'cuda' gives the same model twice only with a fixed workspace; start Python with "
            f"CUBLAS_WORKSPACE_CONFIG={_FIXED_WORKSPACES[0]} in the environment"
        )
    return str(device)


def _devices() -> list[str]:
    found = ["cpu", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    return [*found, "mps"] if torch.backends.mps.is_available() else found


def check_network(
    network: Callable[[int, tuple[int, int, int]], nn.Module], image_shape: tuple[int, int, int]
) -> nn.Module:
    """Return what the network is for two classes, after a look at its layers and its output."""
    if not callable(network) or isinstance(network, nn.Module):
        raise TypeError(
            "network must be callable as (n_classes, image_shape) and return a torch.nn.Module, got "
            f"{type(network).__name__}; pass the function, such as mnist_cnn, not what it returns"
        )
    with reproducible():
        module = initial_module(network, 2, image_shape, 0)
        if not isinstance(module, nn.Module):
            raise TypeError(
                "network must be callable as (n_classes, image_shape) and return a torch.nn.Module, got "
                f"{type(module).__name__} from it"
            )
        for name, layer in module.named_modules():
            _check_layer(name, layer)
        if not any(parameter.requires_grad for parameter in module.parameters()):
            raise InvalidInput("network must have parameters to train, got none")
        height, width, channels = image_shape
        with torch.no_grad():
            logits = module(torch.zeros(3, channels, height, width, device="cpu"))
    if logits.shape != (3, 2):
        raise InvalidInput(
            "network must give logits of shape (n, n_classes), got "
            f"{tuple(logits.shape)} for 3 images and 2 classes"
        )
    return module


def _check_layer(name: str, layer: nn.Module) -> None:
    if isinstance(layer, nn.modules.batchnorm._BatchNorm):
        raise InvalidInput(
            f"layer {name!r} is batch normalisation: what a model says of a row would depend on other rows, "
            "and its running state cannot be stacked; use torch.nn.GroupNorm"
        )
    if isinstance(layer, nn.modules.dropout._DropoutNd):
        raise InvalidInput(
            f"layer {name!r} is dropout: it draws from the random numbers of the process, not from the "
            "model's seed; leave it out"
        )


def network_name(network: Callable[..., Any]) -> str:
    """Return the name under which Python finds the network, with the arguments of a partial."""
    if isinstance(network, functools.partial):
        given = [repr(a) for a in network.args] + [f"{k}={v!r}" for k, v in sorted(network.keywords.items())]
        return f"{network_name(network.func)}({', '.join(given)})"
    named = network if hasattr(network, "__qualname__") else type(network)
    return f"{named.__module__}.{named.__qualname__}"
