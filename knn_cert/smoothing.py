"""What a certificate is about: the noise on the training rows, and the classifier that was smoothed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .gate.errors import InvalidInput
from .gate.numbers import check_sigma_or_none

__all__ = [
    "AfterSteps",
    "Classifier",
    "DiscreteNoise",
    "NearestNeighbors",
    "Noise",
    "PlainKNN",
    "RadiusNeighbors",
    "SmoothedKNN",
    "VotingModels",
]

KINDS = ("gaussian", "uniform")

# Noise is drawn for so many numbers at a time: the result does not depend on it, only the memory does.
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Noise:
    """Independent noise of mean 0 on every feature of every training row.

    Parameters
    ----------
    sigma : float >= 0
        Standard deviation, in the units of the features; 0 is no noise.
    kind : {"gaussian", "uniform"}
        Uniform noise lies within sqrt(3) sigma, on an interval of length `width`.
    """

    sigma: float
    kind: str = "gaussian"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", check_sigma_or_none(self.sigma))
        if self.kind not in KINDS:
            raise InvalidInput(f"noise must be one of {', '.join(KINDS)}, got {self.kind!r}")

    @property
    def width(self) -> float:
        """Length b - a of the interval of uniform noise, in the units of the features: sqrt(12) sigma."""
        return math.sqrt(12.0) * self.sigma

    def draw(self, shape: int | tuple[int, ...], generator: np.random.Generator) -> NDArray[np.float64]:
        """Draw noise of this shape: float64, in the units of the features."""
        noise: NDArray[np.float64]
        if self.kind == "gaussian":
            noise = self.sigma * generator.standard_normal(shape)
        else:
            noise = self.width * (generator.random(shape) - 0.5)
        return noise

    def add_to(self, X: NDArray[Any], generator: np.random.Generator, dtype: DTypeLike) -> NDArray[Any]:
        """Return X of shape (n, d) with noise on it: summed in float64, kept as ``dtype``."""
        noised = np.empty(X.shape, dtype=dtype)
        rows = max(1, _BLOCK // max(1, X.shape[1]))
        for start in range(0, len(X), rows):
            part = X[start : start + rows]
            noised[start : start + rows] = part + self.draw(part.shape, generator)
        return noised

    def describe(self) -> str:
        """Return with which noise, as the rest of a sentence."""
        if self.sigma == 0.0:
            return "without noise"
        return f"under {self._law()} on every feature of every training row"

    def __str__(self) -> str:
        return f"sigma={self.sigma:g}"

    def _law(self) -> str:
        if self.kind == "gaussian":
            return f"Gaussian noise of standard deviation {self.sigma:g}"
        return f"noise uniform on an interval of length {self.width:g} (standard deviation {self.sigma:g})"


@dataclass(frozen=True)
class DiscreteNoise:
    """Noise on words, labels and rows, as a certificate names it; `knn_cert.text` has the laws themselves.

    Parameters
    ----------
    law : str
        The law and its parameters, to look it up by.
    words : str
        What it does, as the rest of a sentence that begins with "under".
    tokenizer : str
        What makes tokens of texts, and so what is one token.
    """

    law: str
    words: str
    tokenizer: str

    def describe(self) -> str:
        """Return with which noise, as the rest of a sentence."""
        return (
            f"under {self.words} (tokens: {self.tokenizer}; labels are among the classes of this certificate)"
        )

    def __str__(self) -> str:
        return self.law


@dataclass(frozen=True, eq=False)
class SmoothedKNN:
    """A smoothed K-NN classifier, its probabilities worked out exactly.

    Parameters
    ----------
    n_neighbors : int
    edges : ndarray or None
        Edges of the buckets on the squared distance; None for the continuous classifier.
    backend : str
        What computed the probabilities.
    labels_are_classes : bool
        Whether the classifier was given its classes, and refuses tables with other labels.
    """

    n_neighbors: int
    edges: NDArray[np.float64] | None = None
    backend: str = ""
    labels_are_classes: bool = False
    # moves of rows are measured as distances are
    norm: ClassVar[str] = "L2 norm"

    def describe(self) -> str:
        kind = "continuous" if self.edges is None else f"{len(self.edges) + 1} distance buckets"
        return f"the smoothed K-NN classifier (K = {self.n_neighbors}, {kind})"

    def confidence(self, n_queries: int) -> str:
        """How sure the guarantee is, as the beginning of a sentence."""
        return "The prediction"

    def conditions(self) -> str:
        """What else the guarantee asks of whoever computed it, as sentences."""
        return _enough_rows(self.n_neighbors) + _known_labels(self.labels_are_classes)


@dataclass(frozen=True)
class PlainKNN:
    """K-NN without noise: the K nearest rows vote, ties of the vote go to the class that comes first.

    Parameters
    ----------
    n_neighbors : int
    metric : str
        What distances are, and moves of rows and queries with them.
    labels_are_classes : bool
        Whether the classifier was given its classes, and refuses tables with other labels.
    """

    n_neighbors: int
    metric: str = "euclidean"
    labels_are_classes: bool = False

    @property
    def norm(self) -> str:
        """What moves of rows are measured in."""
        return _norm_of(self.metric)

    def describe(self) -> str:
        return f"the K-NN classifier (K = {self.n_neighbors}{_metric_in_words(self.metric)})"

    def confidence(self, n_queries: int) -> str:
        """How sure the guarantee is, as the beginning of a sentence."""
        return "The prediction"

    def conditions(self) -> str:
        """What else the guarantee asks of whoever computed it, as sentences."""
        order = " It holds in whichever order rows at equal distances are taken."
        return _enough_rows(self.n_neighbors) + order + _known_labels(self.labels_are_classes)


@dataclass(frozen=True)
class RadiusNeighbors:
    """The radius classifier: all rows within a radius vote, ties go to the class that comes first.

    Parameters
    ----------
    radius : float
        In the units of the features; rows at this distance vote.
    metric : str
        What distances are, and moves of rows and queries with them.
    backend : str
        What computed the probabilities under noise; empty without noise.
    labels_are_classes : bool
        Whether the classifier was given its classes, and refuses tables with other labels.
    """

    radius: float
    metric: str = "euclidean"
    backend: str = ""
    labels_are_classes: bool = False

    @property
    def norm(self) -> str:
        """What moves of rows are measured in."""
        return _norm_of(self.metric)

    def describe(self) -> str:
        return f"the radius classifier (radius = {self.radius:g}{_metric_in_words(self.metric)})"

    def confidence(self, n_queries: int) -> str:
        """How sure the guarantee is, as the beginning of a sentence."""
        return "The prediction"

    def conditions(self) -> str:
        """What else the guarantee asks of whoever computed it, as sentences."""
        return _known_labels(self.labels_are_classes, "Labels of tables")


NearestNeighbors = SmoothedKNN | PlainKNN | RadiusNeighbors


@dataclass(frozen=True, eq=False)
class AfterSteps:
    """A K-NN classifier behind steps that make its features of a row, each the same map whatever the table.

    Parameters
    ----------
    nearest : SmoothedKNN, PlainKNN or RadiusNeighbors
        What the steps end in.
    steps : str
        Their names and kinds.
    from_data : str
        Those of them that are taken as they are, though their numbers came from some data; empty if none is.
    by_functions : str
        Those that are functions of the user; empty if none is.
    """

    nearest: NearestNeighbors
    steps: str
    from_data: str = ""
    by_functions: str = ""

    @property
    def norm(self) -> str:
        """What moves of rows are measured in."""
        return f"{self.nearest.norm}, on the features behind the steps"

    def describe(self) -> str:
        return f"the pipeline of {self.steps} and {self.nearest.describe()}"

    def confidence(self, n_queries: int) -> str:
        """How sure the guarantee is, as the beginning of a sentence."""
        return self.nearest.confidence(n_queries)

    def conditions(self) -> str:
        """What else the guarantee asks of whoever computed it, as sentences."""
        units = (
            " Rows may be tampered with before the first step. Noise, and radii of moved rows or queries, "
            "are in the units of the features behind the steps. Tables are such as the steps accept."
        )
        taken = (
            f" Taken as they are, whatever the table: {self.from_data}. Fitted anew, or with constants taken "
            "anew, they would be other steps: what an attacker did to the data that they were fitted on is "
            "not covered."
        )
        functions = f" {self.by_functions} must make of each row what it makes of that row alone."
        return (
            self.nearest.conditions()
            + units
            + (taken if self.from_data else "")
            + (functions if self.by_functions else "")
        )


def _norm_of(metric: str) -> str:
    return "L2 norm" if metric == "euclidean" else f"the metric {metric} of the classifier"


def _metric_in_words(metric: str) -> str:
    return "" if metric == "euclidean" else f", metric = {metric}"


def _enough_rows(n_neighbors: int) -> str:
    return f" Tables have at least K = {n_neighbors} rows."


def _known_labels(labels_are_classes: bool, whose: str = "Their labels") -> str:
    if not labels_are_classes:
        return ""
    return f" {whose} are among the classes that the classifier was given; it refuses others."


@dataclass(frozen=True)
class VotingModels:
    """A smoothed classifier that is known by votes of models, each trained on rows with noise of its own.

    Parameters
    ----------
    n_models : int
        Number of models whose votes were counted, N.
    alpha : float
        Probability that the certificate of a query is wrong, over the noise of the models.
    n_pilot : int
        Number of further models that chose the label; 0: the votes that were counted chose it.
    method : str
        The one-sided bound, "clopper-pearson" or "hoeffding".
    simultaneous : bool
        Whether alpha is the probability that any certificate of the queries is wrong.
    trainer : str
        What trained the models, in words.
    test_noise : bool
        Whether each model classifies a query with noise that is a function of the model.
    """

    n_models: int
    alpha: float
    n_pilot: int = 0
    method: str = "clopper-pearson"
    simultaneous: bool = False
    trainer: str = ""
    test_noise: bool = False
    norm: ClassVar[str] = "L2 norm"

    def describe(self) -> str:
        of = f" of {self.trainer}" if self.trainer else ""
        where = ", queries with noise drawn from each model's parameters" if self.test_noise else ""
        return f"the smoothed classifier{of} (votes of {self.n_models} models{where})"

    def confidence(self, n_queries: int) -> str:
        """How sure the guarantee is, as the beginning of a sentence."""
        scope = f"for all {n_queries} queries together" if self.simultaneous else "for each query"
        return (
            f"With probability at least 1 - {self.alpha:g} over the noise of the models, {scope}, the "
            "prediction"
        )

    def conditions(self) -> str:
        """What else the guarantee asks of whoever computed it, as sentences."""
        return (
            " It holds if each model is a function of its noised rows and an independent seed alone: the "
            "noise drawn once and kept for all epochs, after the attacker was done, and whatever stops or "
            "tunes the training noised too."
        )


Classifier = NearestNeighbors | AfterSteps | VotingModels
