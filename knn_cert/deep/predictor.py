"""One trained network as the predictor that an ensemble asks: rows in, labels of the training's kind out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from ..gate.errors import InvalidInput
from .determinism import reproducible
from .images import image_rows, to_images
from .state import state_of

__all__ = ["TorchPredictor"]

# Entries of the rows that are classified at once, 4 MB. Networks hold several times their input in between.
_ENTRIES_AT_ONCE = 1 << 20


class TorchPredictor:
    """A trained network. Made by `TorchTrainer`.

    What it says of a row does not depend on the other rows but for the rounding of single precision.

    Attributes
    ----------
    classes : ndarray of shape (C,)
        The labels of training, sorted.
    image_shape : (H, W, C)
        Of the rows it takes.
    """

    def __init__(self, module: nn.Module, classes: NDArray[Any], image_shape: tuple[int, int, int]) -> None:
        self._module = module.requires_grad_(False).eval()
        self.classes = classes
        self.image_shape = image_shape

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class with the largest logit, the first of equals.

        Parameters
        ----------
        X : array_like of shape (m, d)
            Images flattened in C order of (H, W, C), in the units of training.

        Returns
        -------
        ndarray of shape (m,)
            Labels, in the type of those of training.

        Raises
        ------
        TypeError, ValueError
            If X is no table of finite numbers with d columns, or the network gives logits that are not
            finite.
        """
        labels: NDArray[Any] = self.classes[np.argmax(self._logits(X), axis=1)]
        return labels

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the softmax of the logits, float64 of shape (m, C), columns as in ``classes``.

        Parameters and errors are those of `predict`.
        """
        logits = self._logits(X).astype(np.float64)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
        return probabilities

    def canonical_parameters(self) -> dict[str, NDArray[Any]]:
        """Return all that was trained and the network's constants: read-only arrays, sorted by name."""
        arrays = {name: tensor.cpu().numpy() for name, tensor in state_of(self._module).items()}
        for array in arrays.values():
            array.flags.writeable = False
        return arrays

    def _logits(self, X: ArrayLike) -> NDArray[np.float32]:
        rows = image_rows(X, self.image_shape)
        logits = np.empty((len(rows), len(self.classes)), dtype=np.float32)
        device = next(self._module.parameters()).device
        step = max(1, _ENTRIES_AT_ONCE // rows.shape[1])
        with reproducible(), torch.no_grad():
            for start in range(0, len(rows), step):
                part = torch.from_numpy(rows[start : start + step]).to(device)
                logits[start : start + step] = self._module(to_images(part, self.image_shape)).cpu().numpy()
        bad = np.flatnonzero(~np.isfinite(logits).all(axis=1))
        if bad.size:
            raise InvalidInput(
                f"the network gives logits that are not finite for row {bad[0]} of X; its entries reach "
                f"{float(np.abs(rows[bad[0]]).max()):g} and are probably not in the units of training"
            )
        return logits
