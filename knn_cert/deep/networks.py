"""The networks of RAB's experiments, section 7.1: a small CNN for MNIST, ResNet-20 for CIFAR-10 and ImageNet.

Functions of the number of classes and the shape of an image that return plain modules: initial parameters
come from torch's generator, which `TorchTrainer` seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from ..gate.numbers import as_whole_number
from .images import check_image_shape

__all__ = ["mnist_cnn", "resnet20"]

# In every width: 2, 4 and 8 channels a group. All channels in one group would make them one scale; a group
# for each channel would remove its mean over the image, which tells classes apart.
_GROUPS = 8

# Sides above this get the stem that quarters them: 224 pixels would cost 49 times the work of 32.
_LARGEST_PLAIN_SIDE = 64


def mnist_cnn(n_classes: int, image_shape: Sequence[int] = (28, 28, 1)) -> nn.Module:
    """Return the small CNN of Gowal et al. (2018), which RAB uses on MNIST.

    Convolutions with 16 filters of 4 x 4, stride 2, and 32 filters of 4 x 4, stride 1, both without padding,
    a fully connected layer of 100, and the logits; ReLU between them.

    Parameters
    ----------
    n_classes : int >= 2
    image_shape : (H, W) or (H, W, C)
        Sides of at least 10 pixels.

    Returns
    -------
    torch.nn.Module
        Takes images (n, C, H, W), gives logits (n, n_classes).

    Raises
    ------
    TypeError, ValueError
        If there are less than two classes or the image is too small.
    """
    n_classes = as_whole_number(n_classes, "n_classes", least=2)
    height, width, channels = check_image_shape(image_shape)
    if min(height, width) < 10:
        raise ValueError(
            f"mnist_cnn needs images of at least 10 x 10 pixels, got {height} x {width}: its two filters of "
            "4 x 4 leave nothing of smaller ones"
        )
    left = [(side - 4) // 2 + 1 - 3 for side in (height, width)]
    return nn.Sequential(
        nn.Conv2d(channels, 16, 4, stride=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * left[0] * left[1], 100),
        nn.ReLU(),
        nn.Linear(100, n_classes),
    )


def resnet20(n_classes: int, image_shape: Sequence[int] = (32, 32, 3)) -> nn.Module:
    """Return ResNet-20 of He et al. (2016), section 4.2, with group normalisation.

    A convolution of 3 x 3, three stages of three blocks with 16, 32 and 64 channels, the mean over the image
    and the logits; shortcuts without parameters (their option A). Images with a side above 64 pixels first
    pass a stem of a convolution of 7 x 7, stride 2, and max pooling, stride 2, in place of the convolution of
    3 x 3.

    Group normalisation (Wu and He, 2018) takes the place of batch normalisation, because statistics of a
    batch would make what a model says of one row depend on the other rows of the batch, have a running
    state that models trained in a stack cannot share, and mix the rows' gradients that DP-SGD has to clip one
    by one. It has as many parameters.

    Parameters
    ----------
    n_classes : int >= 2
    image_shape : (H, W) or (H, W, C)

    Returns
    -------
    torch.nn.Module
        Takes images (n, C, H, W), gives logits (n, n_classes).

    Raises
    ------
    TypeError, ValueError
        If there are less than two classes, or image_shape is none.
    """
    n_classes = as_whole_number(n_classes, "n_classes", least=2)
    height, width, channels = check_image_shape(image_shape)
    if max(height, width) > _LARGEST_PLAIN_SIDE:
        stem = [nn.Conv2d(channels, 16, 7, stride=2, padding=3, bias=False), *_norm_and_relu(16)]
        stem.append(nn.MaxPool2d(3, stride=2, padding=1))
    else:
        stem = [nn.Conv2d(channels, 16, 3, padding=1, bias=False), *_norm_and_relu(16)]
    blocks = []
    before = 16
    for width_of_stage in (16, 32, 64):
        for _ in range(3):
            blocks.append(_Block(before, width_of_stage))
            before = width_of_stage
    network = nn.Sequential(*stem, *blocks, _MeanOverImage(), nn.Linear(64, n_classes))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            # He et al. (2015), by the number of outputs: gradients keep their size on the way back.
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def _norm_and_relu(channels: int) -> list[nn.Module]:
    return [nn.GroupNorm(_GROUPS, channels), nn.ReLU()]


class _Block(nn.Module):
    """Two convolutions and a shortcut; more channels than before go with half the resolution."""

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.stride = 1 if channels == before else 2
        self.more_channels = channels - before
        self.residual = nn.Sequential(
            nn.Conv2d(before, channels, 3, stride=self.stride, padding=1, bias=False),
            *_norm_and_relu(channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.GroupNorm(_GROUPS, channels),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        shortcut = images
        if self.more_channels:
            # Option A: every second pixel, and channels of zeros.
            shortcut = F.pad(
                images[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more_channels)
            )
        return F.relu(self.residual(images) + shortcut)


class _MeanOverImage(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(2, 3))
