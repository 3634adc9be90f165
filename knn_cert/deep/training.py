"""Training of neural networks: a model is a function of its noised rows, the labels and a seed.

`TorchTrainer` is a ``model_factory`` of `knn_cert.montecarlo.SmoothedEnsemble`, Algorithm 1 of RAB.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from ..gate.errors import InvalidInput
from ..gate.numbers import as_positive, as_real_within, as_whole_number
from .checks import check_device, check_network, network_name, numbered_labels
from .determinism import Streams, initial_module, reproducible
from .images import check_image_shape, image_rows, to_images
from .predictor import TorchPredictor
from .private import DPSGD, PrivateModel, check_private
from .state import load_state, shapes_of, state_of, structure_digest
from .updates import OneModel, StackOfModels

__all__ = ["TorchTrainer"]


@dataclass(frozen=True)
class TorchTrainer:
    """Trains networks by stochastic gradient descent with momentum on the cross-entropy.

    ``trainer(X, y, seed)`` is a function of its arguments and the settings: neither other random numbers of
    the process nor torch's switches have a part in it, and both are as before afterwards. It gives the same
    parameters bit for bit on the same machine with the same number of threads and the same versions of torch
    and NumPy; elsewhere they differ by rounding, which grows in training.

    Parameters
    ----------
    network : callable (n_classes, image_shape) -> torch.nn.Module
        `mnist_cnn`, `resnet20` or another one; image_shape comes as (H, W, C). The module takes images
        (n, C, H, W) and gives logits (n, n_classes). No batch normalisation, no dropout.
    image_shape : (H, W) or (H, W, C)
        Rows are images flattened in C order.
    epochs : int >= 1
        Passes over the rows, each in a new random order.
    batch_size : int >= 1
        Rows of an update. The last batch of an epoch holds what is left.
    learning_rate : float > 0
        That of the first update. From there it falls to zero linearly, so that a model's vote does not hang
        on its last few batches. For pixels in [0, 1] with noise, 0.1 suits `mnist_cnn` and 0.03 `resnet20`.
    momentum : float, 0 <= momentum < 1
    weight_decay : float >= 0
        Added to the gradient, times the parameter.
    models_at_once : int >= 1
        How many models `train_many` trains as one stack. A stack saves calls, which a GPU with small networks
        waits for; on a CPU it gains nothing, see Notes.
    device : str
        "cpu", "cuda", "cuda:1", ... Everything is computed there in single precision.
    private : DPSGD, optional
        Clip and noise gradients; with ``models_at_once=1`` only.

    Raises
    ------
    TypeError, ValueError
        If a parameter is wrong, the network does not fit image_shape or has layers that make a model depend
        on more than rows and seed, or torch has no such device here.
    ImportError
        If private is given and Opacus is not installed.

    Notes
    -----
    On a CPU one small network already keeps the arithmetic units busy, and stacks gain nothing. To use many
    cores for many models, run one process for each with one thread (``OMP_NUM_THREADS=1``).
    """

    network: Callable[[int, tuple[int, int, int]], nn.Module]
    _: KW_ONLY
    image_shape: Sequence[int]
    epochs: int
    batch_size: int = 128
    learning_rate: float
    momentum: float = 0.9
    weight_decay: float = 0.0
    models_at_once: int = 1
    device: str = "cpu"
    private: DPSGD | None = None
    _structure: str = field(init=False, repr=False, compare=False, default="")

    def __post_init__(self) -> None:
        checked = {
            "image_shape": check_image_shape(self.image_shape),
            "epochs": as_whole_number(self.epochs, "epochs", least=1),
            "batch_size": as_whole_number(self.batch_size, "batch_size", least=1),
            "learning_rate": as_positive(self.learning_rate, "learning_rate"),
            "momentum": as_real_within(self.momentum, "momentum", 0.0, 1.0, ends="[)"),
            "weight_decay": as_real_within(self.weight_decay, "weight_decay", 0.0, math.inf, ends="[)"),
            "models_at_once": as_whole_number(self.models_at_once, "models_at_once", least=1),
            "device": check_device(self.device),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        module = check_network(self.network, self._shape)
        if self.private is not None:
            if not isinstance(self.private, DPSGD):
                raise TypeError(
                    f"private must be a knn_cert.deep.DPSGD or None, got {type(self.private).__name__}"
                )
            if self.models_at_once > 1:
                raise InvalidInput(
                    f"models_at_once must be 1 with private, got {self.models_at_once}: Opacus trains one "
                    "model after the other"
                )
            check_private(module)
        object.__setattr__(self, "_structure", structure_digest(module))

    @property
    def _shape(self) -> tuple[int, int, int]:
        """The shape of an image, which has been checked."""
        height, width, channels = self.image_shape
        return height, width, channels

    @property
    def dtype(self) -> type[np.float32]:
        """The type that rows are trained on, and best handed over in."""
        return np.float32

    def __call__(self, X: ArrayLike, y: ArrayLike, seed: int) -> TorchPredictor:
        """Train one model.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Images flattened in C order of ``image_shape``, any finite values. Best of the size of one:
            pixels in [0, 1] with noise, not in [0, 255].
        y : array_like of shape (n,)
            Labels of one type, of at least two classes.
        seed : int >= 0
            Decides the initial parameters, the order of the rows and the noise of `DPSGD`.

        Returns
        -------
        TorchPredictor

        Raises
        ------
        TypeError
            If X is no array of numbers, labels are of mixed types, or the seed is none.
        ValueError
            If a shape is wrong, values are not finite, there is one class only, or the training diverges.
        """
        return self._train([X], y, [seed], stacked=False)[0]

    def train_many(
        self, noised: Sequence[ArrayLike], y: ArrayLike, seeds: Sequence[int]
    ) -> list[TorchPredictor]:
        """Train one model for each table of rows, ``models_at_once`` of them together.

        Model k is what ``trainer(noised[k], y, seeds[k])`` gives, whatever the other models, but for the
        rounding of single precision: stacked kernels sum in another order. So ``models_at_once`` is one of
        the settings: the bits of a model, from which an ensemble draws noise, are those of its stack.

        Parameters
        ----------
        noised : sequence of M array_like of shape (n, d)
            Taken from the sequence as they are needed.
        y : array_like of shape (n,)
        seeds : sequence of M int >= 0

        Returns
        -------
        list of M TorchPredictor

        Raises
        ------
        TypeError, ValueError
            As for a single model; ValueError also if there are not as many tables as seeds, or they have not
            all the same number of rows.
        """
        if len(noised) != len(seeds):
            raise InvalidInput(
                f"noised and seeds must be of the same length, got {len(noised)} and {len(seeds)}"
            )
        predictors: list[TorchPredictor] = []
        for start in range(0, len(seeds), self.models_at_once):
            group = range(start, min(start + self.models_at_once, len(seeds)))
            predictors += self._train(
                [noised[k] for k in group], y, [seeds[k] for k in group], stacked=self.models_at_once > 1
            )
        return predictors

    def predict_many(
        self, predictors: Sequence[TorchPredictor], queries_of_each: Sequence[ArrayLike]
    ) -> NDArray[Any]:
        """Return what each model says of queries of its own, exactly as its ``predict`` does.

        Parameters
        ----------
        predictors : sequence of M TorchPredictor, M >= 1
        queries_of_each : sequence of M array_like of shape (m, d)

        Returns
        -------
        ndarray of shape (M, m)
            Labels.

        Raises
        ------
        TypeError, ValueError
            As `TorchPredictor.predict`; ValueError also if the lengths do not fit.
        """
        if len(predictors) != len(queries_of_each) or not len(predictors):
            raise InvalidInput(
                "predictors and queries_of_each must be of the same length, at least 1, got "
                f"{len(predictors)} and {len(queries_of_each)}"
            )
        # One by one: a stacked pass rounds differently, and a vote must not depend on who votes beside it.
        labels = [
            predictor.predict(queries) for predictor, queries in zip(predictors, queries_of_each, strict=True)
        ]
        if len({len(answer) for answer in labels}) > 1:
            raise InvalidInput(
                "all models must have the same number of queries, got "
                f"{sorted({len(answer) for answer in labels})}"
            )
        return np.stack(labels)

    def settings(self) -> dict[str, Any]:
        """Return everything but rows, labels and seeds that a model depends on, as JSON takes it."""
        return {
            "trainer": "knn_cert.deep.TorchTrainer",
            "network": network_name(self.network),
            "structure": self._structure,
            "image_shape": list(self.image_shape),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "schedule": "linear to zero",
            "momentum": self.momentum,
            "weight_decay": self.weight_decay,
            "models_at_once": self.models_at_once,
            "device": self.device,
            "private": None if self.private is None else self.private.settings(),
        }

    def pack(self, predictors: Sequence[TorchPredictor]) -> dict[str, NDArray[Any]]:
        """Return models as plain arrays, which ``numpy.savez`` keeps without pickle; `unpack` reads them.

        Parameters
        ----------
        predictors : sequence of M TorchPredictor
            Models of one network and the same classes; at least one.

        Returns
        -------
        dict
            "classes", shape (C,), and for every parameter "parameters.NAME", shape (M, ...).

        Raises
        ------
        ValueError
            If there is none, or they differ in classes or network.
        """
        if not len(predictors):
            raise InvalidInput("predictors must hold at least one model, got none")
        classes = predictors[0].classes
        states = [predictor.canonical_parameters() for predictor in predictors]
        for predictor, state in zip(predictors, states, strict=True):
            if predictor.classes.dtype != classes.dtype or not np.array_equal(predictor.classes, classes):
                raise InvalidInput(
                    f"models of one training have the same classes, got {list(classes)} and "
                    f"{list(predictor.classes)}"
                )
            if shapes_of(state) != shapes_of(states[0]):
                raise InvalidInput("models of one training have the same network, got different parameters")
        arrays = {f"parameters.{name}": np.stack([state[name] for state in states]) for name in states[0]}
        return {"classes": classes.copy(), **arrays}

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> list[TorchPredictor]:
        """Return the models that `pack` was given, exactly.

        Raises
        ------
        ValueError
            If the arrays are not those of this network.
        """
        states = {name: np.asarray(array) for name, array in arrays.items()}
        classes = states.pop("classes", None)
        if classes is None or classes.ndim != 1 or len(classes) < 2:
            raise InvalidInput(f"expected the arrays of TorchTrainer.pack, got {sorted(arrays)}")
        module = self._initial(len(classes), 0)
        n_models = {len(array) for array in states.values() if array.ndim}
        wanted = {f"parameters.{name}": shape for name, shape in shapes_of(state_of(module)).items()}
        if len(n_models) != 1 or {name: shape[1:] for name, shape in shapes_of(states).items()} != wanted:
            raise InvalidInput(
                f"the arrays are not those of the network {network_name(self.network)} for {len(classes)} "
                f"classes and images of {self.image_shape}; unpack them with the trainer that packed them"
            )
        classes = classes.copy()
        classes.flags.writeable = False
        predictors = []
        for k in range(n_models.pop()):
            model = copy.deepcopy(module)
            load_state(model, {name: states[f"parameters.{name}"][k] for name in state_of(module)})
            predictors.append(TorchPredictor(model, classes, self._shape))
        return predictors

    def _train(
        self, tables: Sequence[ArrayLike], y: ArrayLike, seeds: Sequence[int], *, stacked: bool
    ) -> list[TorchPredictor]:
        """Train one group of models, each on its own table and by its own seed."""
        seeds = [as_whole_number(seed, "seed", least=0) for seed in seeds]
        rows = [torch.from_numpy(image_rows(X, self._shape)).to(self.device) for X in tables]
        n = len(rows[0])
        if any(len(table) != n for table in rows):
            raise InvalidInput(
                f"all tables must have the same number of rows, got {sorted({len(t) for t in rows})}"
            )
        classes, labels = numbered_labels(y, n)
        with reproducible():
            streams = [Streams.of(seed) for seed in seeds]
            learner = self._learner(len(classes), streams, min(self.batch_size, n), stacked=stacked)
            self._descend(learner, rows, torch.from_numpy(labels).to(self.device), seeds, streams)
            modules = learner.finish()
        for module, seed in zip(modules, seeds, strict=True):
            if not all(bool(torch.isfinite(tensor).all()) for tensor in state_of(module).values()):
                raise self._diverged(seed, self.epochs - 1, "a parameter")
        return [TorchPredictor(module, classes, self._shape) for module in modules]

    def _learner(
        self, n_classes: int, streams: Sequence[Streams], batch_size: int, *, stacked: bool
    ) -> OneModel | StackOfModels:
        modules = [self._initial(n_classes, stream.initialisation).train() for stream in streams]
        if stacked:
            return StackOfModels(modules, self._optimizer)
        if self.private is None:
            return OneModel(modules[0], self._optimizer)
        return PrivateModel(
            modules[0], self._optimizer, self.private, batch_size=batch_size, seed=streams[0].noise
        )

    def _descend(
        self,
        learner: OneModel | StackOfModels,
        rows: Sequence[torch.Tensor],
        labels: torch.Tensor,
        seeds: Sequence[int],
        streams: Sequence[Streams],
    ) -> None:
        """Run all epochs: each model meets its own rows in its own order."""
        n = len(labels)
        updates = [(epoch, start) for epoch in range(self.epochs) for start in range(0, n, self.batch_size)]
        for done, (epoch, start) in enumerate(updates):
            if start == 0:
                orders = [torch.from_numpy(s.order.permutation(n)).to(self.device) for s in streams]
                losses = torch.zeros(len(seeds), device=self.device)
            for group in learner.optimizer.param_groups:
                group["lr"] = self.learning_rate * (1.0 - done / len(updates))
            picked = [order[start : start + self.batch_size] for order in orders]
            images = [to_images(table[p], self._shape) for table, p in zip(rows, picked, strict=True)]
            losses += learner.step(torch.stack(images), torch.stack([labels[p] for p in picked]))
            if start + self.batch_size >= n:
                # Once an epoch: a number read from a GPU waits for all that it has been told to do.
                bad = torch.nonzero(~torch.isfinite(losses)).flatten().tolist()
                if bad:
                    raise self._diverged(seeds[bad[0]], epoch, "the loss")

    def _initial(self, n_classes: int, seed: int) -> nn.Module:
        with reproducible():
            return initial_module(self.network, n_classes, self._shape, seed).to(self.device)

    def _optimizer(self, parameters: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            parameters, lr=self.learning_rate, momentum=self.momentum, weight_decay=self.weight_decay
        )

    def _diverged(self, seed: int, epoch: int, what: str) -> ValueError:
        return ValueError(
            f"the training with seed {seed} diverged: {what} is not finite in epoch {epoch + 1} of "
            f"{self.epochs}; lower learning_rate, now {self.learning_rate:g}, or scale the rows to the size "
            "of one"
        )
