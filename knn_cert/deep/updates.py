"""Updates of parameters from one batch: of one network, or of a stack of networks at once.

Both have ``optimizer``, ``step(images, labels)``, which takes a batch for each model and returns their losses
before the update, and ``finish()``, which returns the trained modules. The optimiser is torch's own: it works
entry by entry, so that it does not see whether a parameter is that of one model or of many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.optim import Optimizer

__all__ = ["MakeOptimizer", "OneModel", "StackOfModels"]

MakeOptimizer = Callable[[Sequence[torch.Tensor]], Optimizer]

_Tensors = dict[str, torch.Tensor]


class OneModel:
    """One network, by torch's ordinary automatic differentiation."""

    def __init__(self, module: nn.Module, make_optimizer: MakeOptimizer) -> None:
        self._module = module
        self._loss: Callable[..., Any] = F.cross_entropy
        self.optimizer = make_optimizer([p for p in module.parameters() if p.requires_grad])

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Update from images (1, B, C, H, W) and labels (1, B); return the loss, shape (1,)."""
        self.optimizer.zero_grad()
        loss: Any = self._loss(self._module(images[0]), labels[0])
        loss.backward()
        self.optimizer.step()
        losses: torch.Tensor = loss.detach()[None]
        return losses

    def finish(self) -> list[nn.Module]:
        """Return the trained network."""
        self.optimizer.zero_grad()
        return [self._module]


class StackOfModels:
    """M networks of one kind: every parameter an array (M, ...), one pass for all of them.

    One update then costs the arithmetic of M networks and the calls of one, which is what a GPU waits for
    where networks are small. Nothing is summed over models.
    """

    def __init__(self, modules: Sequence[nn.Module], make_optimizer: MakeOptimizer) -> None:
        self._modules = list(modules)
        parameters, buffers = stack_module_state(self._modules)
        self._trained = {name: p for name, p in parameters.items() if p.requires_grad}
        self._constant = buffers | {n: p for n, p in parameters.items() if n not in self._trained}
        self.optimizer = make_optimizer(list(self._trained.values()))
        structure = self._modules[0]

        def loss(
            trained: _Tensors, constant: _Tensors, images: torch.Tensor, labels: torch.Tensor
        ) -> torch.Tensor:
            return F.cross_entropy(functional_call(structure, trained | constant, (images,)), labels)

        # "error": a layer that draws random numbers would draw those of the process, not of the seed.
        self._gradients = vmap(grad_and_value(loss), randomness="error")

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Update from images (M, B, C, H, W) and labels (M, B); return the losses, shape (M,)."""
        with torch.no_grad():  # no gradient of the gradients
            gradients: _Tensors
            losses: torch.Tensor
            gradients, losses = self._gradients(self._trained, self._constant, images, labels)
        for name, parameter in self._trained.items():
            parameter.grad = gradients[name]
        self.optimizer.step()
        return losses

    def finish(self) -> list[nn.Module]:
        """Return the trained networks, in their order."""
        with torch.no_grad():
            for k, module in enumerate(self._modules):
                parameters = dict(module.named_parameters())
                for name, stacked in self._trained.items():
                    parameters[name].copy_(stacked[k])
        return self._modules
