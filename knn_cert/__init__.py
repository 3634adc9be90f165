"""Exact certificates that a smoothed K-NN prediction survives tampering with the training table.

Public names, nothing else. They are looked up on first use, so that ``import knn_cert`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from ._config import get_include, show_config
    from .auditing import Audit, audit
    from .bounds import gaussian_radius, uniform_certified, uniform_radius
    from .certificates import Certificates
    from .datasets import load_dataset
    from .exact.budgets import largest_budget, worst_case_probability
    from .exact.distance_law import ncx2_cdf, ncx2_logcdf, ncx2_logsf, ncx2_sf
    from .exact.edges import rab_edges
    from .exact.estimator import SmoothedKNNClassifier
    from .exact.probabilities import race_probability, vote_probabilities
    from .pipelines import certified_accuracy_scorer, certify_sklearn
    from .scaling import FixedScaler
    from .shards import Summary, summarise
    from .threats import (
        BlackBoxBall,
        Deletions,
        Insertions,
        LabelFlips,
        QueryShift,
        Replacements,
        RowShift,
    )

__all__ = [
    "Audit",
    "BlackBoxBall",
    "Certificates",
    "Deletions",
    "FixedScaler",
    "Insertions",
    "LabelFlips",
    "QueryShift",
    "Replacements",
    "RowShift",
    "SmoothedKNNClassifier",
    "Summary",
    "__version__",
    "audit",
    "certified_accuracy_scorer",
    "certify_sklearn",
    "gaussian_radius",
    "get_include",
    "largest_budget",
    "load_dataset",
    "ncx2_cdf",
    "ncx2_logcdf",
    "ncx2_logsf",
    "ncx2_sf",
    "rab_edges",
    "race_probability",
    "show_config",
    "summarise",
    "uniform_certified",
    "uniform_radius",
    "vote_probabilities",
    "worst_case_probability",
]

_LAZY = {
    "Audit": ".auditing",
    "BlackBoxBall": ".threats",
    "Certificates": ".certificates",
    "Deletions": ".threats",
    "FixedScaler": ".scaling",
    "Insertions": ".threats",
    "LabelFlips": ".threats",
    "QueryShift": ".threats",
    "Replacements": ".threats",
    "RowShift": ".threats",
    "SmoothedKNNClassifier": ".exact.estimator",
    "Summary": ".shards",
    "audit": ".auditing",
    "certified_accuracy_scorer": ".pipelines",
    "certify_sklearn": ".pipelines",
    "gaussian_radius": ".bounds",
    "get_include": "._config",
    "largest_budget": ".exact.budgets",
    "load_dataset": ".datasets",
    "ncx2_cdf": ".exact.distance_law",
    "ncx2_logcdf": ".exact.distance_law",
    "ncx2_logsf": ".exact.distance_law",
    "ncx2_sf": ".exact.distance_law",
    "rab_edges": ".exact.edges",
    "race_probability": ".exact.probabilities",
    "show_config": "._config",
    "summarise": ".shards",
    "uniform_certified": ".bounds",
    "uniform_radius": ".bounds",
    "vote_probabilities": ".exact.probabilities",
    "worst_case_probability": ".exact.budgets",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name], __name__), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
