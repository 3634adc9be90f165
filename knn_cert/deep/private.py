"""Training by DP-SGD through Opacus, the smoothing of section 6.2 of RAB. Opacus is imported on use only."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..gate.numbers import as_positive, as_real_within
from .updates import MakeOptimizer, OneModel

__all__ = ["DPSGD", "PrivateModel", "check_private"]


@dataclass(frozen=True)
class DPSGD:
    """Differentially private stochastic gradient descent (Abadi et al., 2016) for `TorchTrainer`.

    Each row's gradient is clipped to an L2 norm of at most ``clip_norm``; to the sum over a batch comes
    Gaussian noise of standard deviation ``noise_multiplier * clip_norm`` per parameter, and the whole is
    divided by ``batch_size``, or by the number of rows if that is less. RAB, sections 6.2 and 7.1, trains
    with

    ========  =========  ================
    data      clip_norm  noise_multiplier
    ========  =========  ================
    MNIST           5.0               4.0
    CIFAR-10      100.0               0.1
    ImageNet     1000.0              0.01
    ========  =========  ================

    Parameters
    ----------
    clip_norm : float > 0
    noise_multiplier : float >= 0

    Raises
    ------
    TypeError, ValueError
        If one of them is no such number.

    Notes
    -----
    The purpose is a smoother training rule; no privacy is claimed and none is accounted for. Batches are
    those of ordinary training, every row once an epoch, not the Poisson samples that a privacy bound by
    Opacus's accountants rests on, and the noise comes from the seed and not from a secure generator.
    """

    clip_norm: float
    noise_multiplier: float

    def __post_init__(self) -> None:
        noise_multiplier = as_real_within(self.noise_multiplier, "noise_multiplier", 0.0, math.inf, ends="[)")
        object.__setattr__(self, "clip_norm", as_positive(self.clip_norm, "clip_norm"))
        object.__setattr__(self, "noise_multiplier", noise_multiplier)

    def settings(self) -> dict[str, float]:
        """Return both numbers, as JSON takes them."""
        return dataclasses.asdict(self)


def check_private(module: nn.Module) -> None:
    """Raise ImportError where Opacus is missing, ValueError where it knows no gradients of single rows."""
    try:
        from opacus.grad_sample import GradSampleModuleFastGradientClipping
    except ImportError as error:
        raise ImportError(
            f"training with DPSGD needs opacus ({error}); install it with pip install 'knn-cert[dp]'"
        ) from error
    problems = GradSampleModuleFastGradientClipping.validate(module)
    if problems:
        raise ValueError(
            "network must consist of layers whose gradients Opacus knows row by row, got: "
            f"{'; '.join(map(str, problems))}"
        )


class PrivateModel(OneModel):
    """One network whose updates go through Opacus: gradients of single rows, clipped, summed, noised."""

    def __init__(
        self, module: nn.Module, make_optimizer: MakeOptimizer, how: DPSGD, *, batch_size: int, seed: int
    ):
        from opacus.grad_sample import GradSampleModuleFastGradientClipping
        from opacus.optimizers import DPOptimizerFastGradientClipping
        from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

        # Ghost clipping: norms of the rows' gradients without the gradients, then the gradient of the rows'
        # losses with the weights that clip them. With each row's gradient in memory, the 320,000 weights of a
        # layer of mnist_cnn alone cost five times as much.
        device = next(module.parameters()).device
        wrapped = GradSampleModuleFastGradientClipping(module, max_grad_norm=how.clip_norm)
        super().__init__(wrapped, make_optimizer)
        self._wrapped: Any = wrapped
        self.optimizer = DPOptimizerFastGradientClipping(
            self.optimizer,
            noise_multiplier=how.noise_multiplier,
            max_grad_norm=how.clip_norm,
            # Also of the last, smaller batch of an epoch: each row then counts the same.
            expected_batch_size=batch_size,
            generator=torch.Generator(device).manual_seed(seed),
        )
        self._loss = DPLossFastGradientClipping(wrapped, self.optimizer, nn.CrossEntropyLoss())

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Update as `OneModel`."""
        # Opacus listens where gradients pass through a layer, and torch warns where there is none to pass on:
        # so the images have gradients too, which nobody looks at.
        return super().step(images.requires_grad_(), labels)

    def finish(self) -> list[nn.Module]:
        """Return the trained network, without Opacus's hooks."""
        self.optimizer.zero_grad(set_to_none=True)
        return [self._wrapped.to_standard_module()]
