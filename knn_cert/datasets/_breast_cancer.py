"""Breast cancer (Wisconsin, diagnostic): the table that ships with scikit-learn, with a fixed scaling."""

from __future__ import annotations

import numpy as np

from ..tables import split_holdout
from ._dataset import Dataset

FEATURE_MAPS = ("scaled", "plain")

# One unit of the scaled table, for each measurement: its mean over the cells of a sample, its standard error,
# and the mean of the three largest cells. The columns differ in scale by a factor of 100,000, so without a
# scaling the areas alone decide who is near, and one sigma cannot fit all columns.
#
# The constants are written down here and not computed from the table: a scaler fitted on a table that an
# attacker may have touched moves with the attack, and then no certificate holds for the rows it has scaled.
# Each is about a sixth of the range published with the data set (W. Wolberg, W. Street, O. Mangasarian,
# 1995), rounded to 1, 2 or 5 times a power of ten, which makes one unit roughly one standard deviation: sigma
# and radii read in those.
_UNITS = {
    "radius": (5.0, 0.5, 5.0),
    "texture": (5.0, 1.0, 5.0),
    "perimeter": (20.0, 5.0, 50.0),
    "area": (500.0, 100.0, 500.0),
    "smoothness": (0.02, 0.005, 0.02),
    "compactness": (0.05, 0.02, 0.2),
    "concavity": (0.1, 0.05, 0.2),
    "concave points": (0.05, 0.01, 0.05),
    "symmetry": (0.05, 0.01, 0.1),
    "fractal dimension": (0.01, 0.005, 0.02),
}
SCALE = {
    **{f"mean {name}": units[0] for name, units in _UNITS.items()},
    **{f"{name} error": units[1] for name, units in _UNITS.items()},
    **{f"worst {name}": units[2] for name, units in _UNITS.items()},
}


def load(*, feature_map: str, test_size: float, random_state: int) -> Dataset:
    """Return the breast cancer table with a stratified, shuffled hold-out."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    names = [str(name) for name in bunch.feature_names]
    X = np.asarray(bunch.data, dtype=np.float64)
    note = "30 plain measurements"
    if feature_map == "scaled":
        X = X / np.array([SCALE[name] for name in names])
        note = "30 measurements, each divided by a fixed constant"
    X_train, X_test, y_train, y_test = split_holdout(
        X, bunch.target.astype(np.int64), test_size, random_state
    )
    return Dataset(
        name="breast-cancer",
        X_train=X_train,
        y_train=y_train,
        X_test=X_test,
        y_test=y_test,
        feature_names=names,
        class_names={i: str(name) for i, name in enumerate(bunch.target_names)},
        description=(
            f"Breast cancer Wisconsin (diagnostic): 569 samples, {note}; stratified hold-out. W. Wolberg, O. "
            "Mangasarian, N. Street, W. Street (1995), UCI Machine Learning Repository, CC BY 4.0; ships "
            "with scikit-learn."
        ),
    )
