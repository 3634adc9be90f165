"""The nets of RAB, Tables 2, 3, 4, 6 and C.7: data, attacks, noise, radii and training, all in one table.

Data, classes, noise, radii and the settings of DP-SGD are those of section 7.1. The paper does not say how
long and at what rate it trains; ours are chosen on rows without a trigger. Triggers are those of Table 5,
with the places of the experiments the authors released.
"""

from __future__ import annotations

from typing import NamedTuple

from ..rab.settings import EXPERIMENTS, Experiment, on_images

ATTACKS = {"one": "one-pixel", "four": "four-pixel", "blending": "blending"}
RADII = {"mnist": (0.2, 0.5, 1.0, 2.0), "others": (0.05, 0.1, 0.2, 0.5)}


class Training(NamedTuple):
    """How one net is trained; `private` is (clip norm, noise multiplier) of Table 4, which has its own rate.

    The victim, one net without noise, trains longer: the attack is on a net that has learnt all it can.
    """

    network: str
    image_shape: tuple[int, int, int]
    epochs: int
    victim_epochs: int
    batch_size: int
    learning_rate: float
    private: tuple[float, float]
    private_learning_rate: float
    n_models: int


class Task(NamedTuple):
    """A data set with its attacks and its training; `classes` are sub-folders of --images, if it has any."""

    experiment: Experiment
    training: Training
    classes: tuple[str, str] | None = None


_MNIST = Training("mnist_cnn", (28, 28, 1), 1, 10, 128, 0.1, (5.0, 4.0), 0.01, 1000)
_CIFAR = Training("resnet20", (32, 32, 3), 20, 40, 128, 0.03, (100.0, 0.1), 0.03, 1000)
_IMAGES = Training("resnet20", (224, 224, 3), 20, 40, 64, 0.03, (1000.0, 0.01), 0.03, 200)


def _mnist(title: str, source: int, target: int, sigmas: tuple[float, ...]) -> Task:
    triggers = EXPERIMENTS["mnist-01"].triggers
    return Task(Experiment(title, source, target, sigmas, RADII["mnist"], triggers), _MNIST)


def _cifar(title: str, source: int, target: int, sigmas: tuple[float, ...]) -> Task:
    triggers = EXPERIMENTS["cifar-airplane-bird"].triggers
    return Task(Experiment(title, source, target, sigmas, RADII["others"], triggers), _CIFAR)


def _images(title: str, classes: tuple[str, str]) -> Task:
    triggers = on_images((224, 224, 3), position=None, center=None)
    # load_image_folder numbers classes in the order in which they are asked for
    return Task(Experiment(title, 0, 1, (0.5, 1.0), RADII["others"], triggers), _IMAGES, classes)


TASKS = {
    "mnist-01": _mnist("MNIST 0/1", 1, 0, (1.0, 2.0)),
    "cifar-airplane-bird": _cifar("CIFAR-10 airplane/bird", 0, 2, (0.5, 1.0)),
    "cats-dogs": _images("ImageNet cat/dog", ("cat", "dog")),
    "mnist-68": _mnist("MNIST 6/8", 6, 8, (1.0, 2.0)),
    "cifar-automobile-dog": _cifar("CIFAR-10 automobile/dog", 1, 5, (0.5, 1.0)),
    "dogs-fish": _images("ImageNet dog/fish", ("dog", "fish")),
    "mnist": _mnist("MNIST, ten classes", 1, 0, (0.5, 1.0, 2.0)),
    "cifar10": _cifar("CIFAR-10, ten classes", 0, 2, (0.25, 0.5, 1.0)),
}


def quick_task(task: Task) -> Task:
    """Return a task with one noise and short training."""
    return task._replace(
        experiment=task.experiment._replace(sigmas=task.experiment.sigmas[:1]),
        training=task.training._replace(epochs=1, victim_epochs=1),
    )


# Data sets of each table, and (norm, r_p) of its attacks.
_ALL, _SMALL = ((1.0, 0.1), (0.1, 0.02)), ((0.1, 0.02),)
TABLES = {
    "2": (("mnist-01", "cifar-airplane-bird", "cats-dogs"), _ALL),
    "3": (("mnist-01", "cifar-airplane-bird", "cats-dogs"), _SMALL),
    "4": (("mnist-01", "cifar-airplane-bird", "cats-dogs"), _ALL),
    "6": (("mnist", "cifar10"), _SMALL),
    "C7": (("mnist-68", "cifar-automobile-dog", "dogs-fish"), _ALL),
}
