"""One ensemble of nets on one training table: what the attack does to a plain net, what votes certify."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from knn_cert import Certificates
from knn_cert.attacks import Trigger, apply_trigger
from knn_cert.datasets import Dataset
from knn_cert.montecarlo import SmoothedEnsemble
from knn_cert.progress import ProgressBar

from ..common.report import SEED, require
from ..common.source import spread
from .settings import Task

ALPHA = 0.001


class Options(NamedTuple):
    """What the command line says of every run."""

    n_models: int | None
    epochs: int | None
    models_at_once: int
    jobs: int
    device: str
    limit: int | None
    checkpoint: Path | None


class Cell(NamedTuple):
    """Figures of one ensemble; accuracies of clean rows and of triggered rows of the source class."""

    n_models: int
    n_clean: int
    n_backdoored: int
    clean: float
    backdoored: float
    certified_accuracy: list[float]
    certified_rate: list[float]
    fit_seconds: float
    seconds: float
    certificates: Certificates


class Victim(NamedTuple):
    """A plain net on the same table: how often it takes triggered rows for the target, and its accuracies."""

    success: float
    n_clean: int
    clean: float
    backdoored: float
    norm: float


class Attack(NamedTuple):
    """A training table as the victim gets it, and the rows to classify."""

    X: np.ndarray
    y: np.ndarray
    queries: np.ndarray
    norm: float


def attacked(data: Dataset, task: Task, trigger: Trigger | None, ratio: float, limit: int | None) -> Attack:
    """Poison rows of the source class in place; without a trigger the table stays as it is."""
    experiment = task.experiment
    queries = spread(data.X_test[data.y_test == experiment.source_class], limit)
    if trigger is None:
        return Attack(data.X_train, data.y_train, queries, 0.0)
    poisoned = experiment.poison(data, trigger, ratio, in_place=True)
    return Attack(poisoned.X, poisoned.y, apply_trigger(queries, trigger).X, float(poisoned.norms.max()))


def make_trainer(task: Task, options: Options, *, private: bool, victim: bool = False):
    from knn_cert import deep

    training = task.training
    # Gradients with noise teach slowly: such nets train as long as a victim.
    epochs = training.victim_epochs if private else training.epochs
    return deep.TorchTrainer(
        getattr(deep, training.network),
        image_shape=training.image_shape,
        epochs=training.victim_epochs if victim else options.epochs or epochs,
        batch_size=training.batch_size,
        learning_rate=training.private_learning_rate if private else training.learning_rate,
        models_at_once=1 if private or victim else options.models_at_once,
        device=options.device,
        private=deep.DPSGD(*training.private) if private else None,
    )


def run_victim(data: Dataset, task: Task, attack: Attack, options: Options, *, private: bool) -> Victim:
    """Train one net without noise and attack it."""
    net = make_trainer(task, options, private=private, victim=True)(attack.X, attack.y, SEED)
    answers = net.predict(attack.queries)
    clean = spread(data.X_test, options.limit)
    return Victim(
        success=float(np.mean(answers == task.experiment.target_class)),
        n_clean=len(clean),
        clean=float(np.mean(net.predict(clean) == spread(data.y_test, options.limit))),
        backdoored=float(np.mean(answers == task.experiment.source_class)),
        norm=attack.norm,
    )


def run_ensemble(
    data: Dataset,
    task: Task,
    attack: Attack,
    sigma: float,
    options: Options,
    *,
    private: bool = False,
    label: str = "nets",
) -> Cell:
    """Train N nets on noised tables, certify triggered rows of the source class, count right clean rows.

    Raises
    ------
    Disagreement
        If a certified label is not the most voted one, or certificates are not what their radii say.
    """
    began = time.perf_counter()
    n_models = options.n_models or task.training.n_models
    ensemble = SmoothedEnsemble(
        make_trainer(task, options, private=private),
        sigma=sigma,
        n_models=n_models,
        alpha=ALPHA,
        random_state=SEED,
        n_jobs=options.jobs,
    )
    folder = None if options.checkpoint is None else options.checkpoint / label.replace(" ", "_")
    with ProgressBar(label) as progress:
        ensemble.fit(attack.X, attack.y, checkpoint=folder, progress=progress)
    fitted = time.perf_counter()
    certificates = ensemble.certify(attack.queries)
    certified_at = time.perf_counter()
    right = certificates.label == task.experiment.source_class
    shares = certificates.probabilities
    require(
        np.array_equal(certificates.label, ensemble.classes_[shares.argmax(axis=1)]),
        "a certificate is not of the most voted class",
    )
    clean, labels = spread(data.X_test, options.limit), spread(data.y_test, options.limit)
    summary = certificates.summary(
        np.full(len(right), task.experiment.source_class), budgets=task.experiment.radii
    )
    certified = [float(np.mean(certificates.certified(radius))) for radius in task.experiment.radii]
    require(np.allclose(certified, summary.certified_rate), "the summary counts other certificates")
    return Cell(
        n_models=n_models,
        n_clean=len(labels),
        n_backdoored=len(right),
        clean=float(np.mean(ensemble.predict(clean) == labels)),
        backdoored=float(np.mean(right)),
        certified_accuracy=[float(share) for share in summary.certified_accuracy],
        certified_rate=certified,
        fit_seconds=fitted - began,
        seconds=certified_at - began,
        certificates=certificates,
    )


class Runs:
    """Ensembles of one study, each trained once however many tables ask for it."""

    def __init__(self, tasks: Mapping[str, Task], load: Callable[[str], Dataset | None], options: Options):
        self._tasks, self._load, self._options = tasks, load, options
        self._data: dict[str, Dataset | None] = {}
        self._cells: dict[tuple, Cell] = {}
        self._victims: dict[tuple, Victim] = {}

    def task(self, name: str) -> Task:
        return self._tasks[name]

    def data(self, name: str) -> Dataset | None:
        if name not in self._data:
            self._data[name] = self._load(name)
        return self._data[name]

    def cell(
        self, name: str, task: Task, attack: str | None, setting, sigma: float, *, private=False, portion=1.0
    ) -> Cell:
        key = (name, attack, setting, sigma, private, portion)
        if key not in self._cells:
            data = self.data(name)
            label = " ".join(str(part) for part in key if part not in (None, False))
            self._cells[key] = run_ensemble(
                data,
                task,
                self._attack(_first(data, portion), task, attack, setting),
                sigma,
                self._options,
                private=private,
                label=label,
            )
        return self._cells[key]

    def victim(self, name: str, task: Task, attack: str | None, setting, *, private=False) -> Victim:
        key = (name, attack, setting, private)
        if key not in self._victims:
            data = self.data(name)
            self._victims[key] = run_victim(
                data, task, self._attack(data, task, attack, setting), self._options, private=private
            )
        return self._victims[key]

    def _attack(self, data: Dataset, task: Task, attack: str | None, setting) -> Attack:
        if attack is None:
            return attacked(data, task, None, 0.0, self._options.limit)
        norm, ratio = setting
        return attacked(data, task, task.experiment.triggers[attack](norm), ratio, self._options.limit)


def fewer_rows(data: Dataset) -> Dataset:
    """Return a table with so many training rows that a net is trained on them in no time."""
    return replace(data, X_train=data.X_train[:100], y_train=data.y_train[:100])


def _first(data: Dataset, portion: float) -> Dataset:
    """The data set with a random portion of its training rows."""
    if portion == 1.0:
        return data
    order = np.random.default_rng(SEED).permutation(len(data.y_train))
    kept = np.sort(order[: max(2, round(portion * len(order)))])
    return replace(data, X_train=data.X_train[kept], y_train=data.y_train[kept])
