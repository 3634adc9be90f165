"""What makes a training a function of rows, labels, seed and settings: switches of torch, random streams.

Everything that the caller has set in torch is as before afterwards, his random numbers too.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

__all__ = ["Streams", "initial_module", "reproducible"]

_lock = threading.RLock()
_inside = 0
_callers: _Switches | None = None  # what is to be restored, while someone is inside


class Streams(NamedTuple):
    """The independent sources of randomness of one training run."""

    initialisation: int
    order: np.random.Generator
    noise: int

    @classmethod
    def of(cls, seed: int) -> Streams:
        """Return the sources of a seed, a whole number >= 0 of any size."""
        initialisation, order, noise = np.random.SeedSequence(seed).spawn(3)
        return cls(
            _torch_seed(initialisation), np.random.Generator(np.random.PCG64(order)), _torch_seed(noise)
        )


def _torch_seed(sequence: np.random.SeedSequence) -> int:
    # torch's generator for CPUs looks at 32 bits of a seed only. Models whose initial parameters are the same
    # by chance still have noise and an order of the rows of their own.
    return int(sequence.generate_state(1, np.uint32)[0])


class _Switches(NamedTuple):
    """What holds for the whole process."""

    deterministic: bool
    warn_only: bool
    dtype: torch.dtype
    benchmark: bool
    precisions: tuple[str, ...]


def _precision_owners() -> list[Any]:
    """Return torch's objects with a precision of their own, of which older versions have fewer."""
    libraries = (torch.backends.mkldnn, torch.backends.cuda, torch.backends.cudnn)
    owners = [getattr(library, kind, None) for library in libraries for kind in ("matmul", "conv")]
    return [owner for owner in owners if hasattr(owner, "fp32_precision")]


def _read_switches() -> _Switches:
    return _Switches(
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.get_default_dtype(),
        torch.backends.cudnn.benchmark,
        tuple(owner.fp32_precision for owner in _precision_owners()),
    )


def _set_switches(switches: _Switches) -> None:
    torch.use_deterministic_algorithms(switches.deterministic, warn_only=switches.warn_only)
    torch.set_default_dtype(switches.dtype)
    torch.backends.cudnn.benchmark = switches.benchmark
    for owner, precision in zip(_precision_owners(), switches.precisions, strict=True):
        owner.fp32_precision = precision


@contextlib.contextmanager
def reproducible() -> Iterator[None]:
    """Set deterministic algorithms, true single precision and gradients within; afterwards all is as before.

    Some of these switches hold for the whole process. Where several threads are inside, the first one that
    comes sets them and the last one that leaves restores them.
    """
    global _inside, _callers
    with _lock:
        if not _inside:
            _callers = _read_switches()
            # No benchmark: the fastest algorithm this time may be another one the next time. "ieee": TF32 and
            # bfloat16 cost digits, and whoever allows them elsewhere shall not change a model.
            precisions = ("ieee",) * len(_callers.precisions)
            _set_switches(_Switches(True, False, torch.float32, False, precisions))
        _inside += 1
    try:
        with contextlib.ExitStack() as stack:
            # These belong to the thread.
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
                stack.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside and _callers is not None:
                _set_switches(_callers)


def initial_module(
    network: Callable[[int, tuple[int, int, int]], nn.Module],
    n_classes: int,
    image_shape: tuple[int, int, int],
    seed: int,
) -> nn.Module:
    """Return a network whose initial parameters are a function of the seed, on the CPU."""
    # Modules draw from torch's one generator for CPUs and know no other: it is lent to them and put back.
    # Seeded itself, because torch.manual_seed would seed the generators of other devices too.
    with _lock, torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        return network(n_classes, image_shape)
