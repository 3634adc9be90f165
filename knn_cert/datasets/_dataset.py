"""The value every loader returns: a training table, a test table and what their columns and labels mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set, ready to be fitted and certified.

    Attributes
    ----------
    name : str
        Canonical name, for instance ``"mnist-01"``.
    X_train, X_test : ndarray of shape (n_train, d) and (n_test, d), float64
        Features after the feature map. Float32 from `load_image_folder`, whose tables are the large ones.
    y_train, y_test : ndarray of shape (n_train,) and (n_test,), int64
        Labels, as the class numbers of the original data (a pair of MNIST digits keeps its digits).
    feature_names : list of str, length d
    class_names : dict of int to str
        Name of each class number that occurs in ``y_train``.
    description : str
        One paragraph: what it is, the feature map, the split, the licence.
    """

    name: str
    X_train: NDArray[np.floating]
    y_train: NDArray[np.int64]
    X_test: NDArray[np.floating]
    y_test: NDArray[np.int64]
    feature_names: list[str]
    class_names: dict[int, str]
    description: str


def rgb_feature_names(side: int) -> list[str]:
    """Name the columns of a square colour image that was flattened row by row, colours fastest."""
    return [f"pixel_{r}_{c}_{colour}" for r in range(side) for c in range(side) for colour in "rgb"]
