"""The attacks of RAB, Table 5: data, classes, triggers, their places, noise and radii, all in one table.

Section 7.1 names the kinds of trigger and their norms. What it leaves open is set as in the experiments that
its authors released: the places of the pixels and columns, clipping at white for pixels and none otherwise,
the direction 1 -> 0 on MNIST. On Spambase the direction is the one whose figures are like the printed ones.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from knn_cert.attacks import (
    Poisoned,
    Trigger,
    blending,
    four_dimension,
    four_pixel,
    one_dimension,
    one_pixel,
    poison,
)
from knn_cert.datasets import Dataset

from ..common.report import SEED

N_NEIGHBORS = 5
# (norm of the trigger, share r_p of the training rows that carry it)
SETTINGS = ((1.0, 0.1), (0.1, 0.02))


class Experiment(NamedTuple):
    """One block of the table; triggers by name, each a function of the norm."""

    title: str
    source_class: int
    target_class: int
    sigmas: tuple[float, ...]
    radii: tuple[float, ...]
    triggers: dict[str, Callable[[float], Trigger]]

    def poison(self, data: Dataset, trigger: Trigger, ratio: float, *, in_place: bool) -> Poisoned:
        """Put the trigger into rows of the source class of the training table."""
        return poison(
            data.X_train,
            data.y_train,
            trigger,
            source_class=self.source_class,
            target_class=self.target_class,
            ratio=ratio,
            random_state=SEED,
            in_place=in_place,
        )

    def reversed(self) -> Experiment:
        """Return the attack in the other direction."""
        return self._replace(source_class=self.target_class, target_class=self.source_class)


def on_images(shape: tuple[int, ...], position, center) -> dict[str, Callable[[float], Trigger]]:
    return {
        "one": partial(one_pixel, shape, position=position, high=1.0),
        "four": partial(four_pixel, shape, center=center, high=1.0),
        "blending": partial(blending, shape, random_state=SEED),
    }


EXPERIMENTS = {
    "mnist-01": Experiment(
        title="MNIST 0/1",
        source_class=1,
        target_class=0,
        sigmas=(1.0, 2.0),
        radii=(0.2, 0.5, 1.0, 2.0),
        triggers=on_images((28, 28), position=(23, 23), center=(19, 19)),
    ),
    "cifar-airplane-bird": Experiment(
        title="CIFAR-10 airplane/bird",
        source_class=0,
        target_class=2,
        sigmas=(0.5, 1.0),
        radii=(0.05, 0.1, 0.2, 0.5),
        triggers=on_images((32, 32, 3), position=(15, 15), center=(15, 15)),
    ),
    "spambase": Experiment(
        title="Spambase",
        source_class=0,
        target_class=1,
        sigmas=(1.0, 2.0),
        radii=(0.05, 0.1, 0.2, 0.5),
        triggers={
            "one": partial(one_dimension, 56, dimension=25),
            "four": partial(four_dimension, 56, dimensions=(25, 26, 27, 50)),
            "blending": partial(blending, 56, random_state=SEED),
        },
    ),
}
