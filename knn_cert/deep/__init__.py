"""Neural networks as the models of a smoothed ensemble: trained by PyTorch, each a function of rows and seed.

Needs the extra ``knn-cert[torch]``; differentially private training also ``knn-cert[dp]``. Nothing outside of
this folder imports torch.
"""

from __future__ import annotations

try:
    import torch  # noqa: F401  (asked for here, so that one message serves every module of the folder)
except ImportError as error:
    raise ImportError(
        f"knn_cert.deep needs torch ({error}); install it with pip install 'knn-cert[torch]'"
    ) from error

from .networks import mnist_cnn, resnet20
from .predictor import TorchPredictor
from .private import DPSGD
from .training import TorchTrainer

__all__ = ["DPSGD", "TorchPredictor", "TorchTrainer", "mnist_cnn", "resnet20"]
