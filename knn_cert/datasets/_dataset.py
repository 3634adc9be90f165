"""The values that loaders return: tables or texts, in parts, and what their columns and labels mean."""

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


@dataclass(frozen=True, eq=False)
class TextDataset:
    """A labelled corpus, ready to be poisoned and certified.

    Attributes
    ----------
    name : str
        Canonical name, one of `knn_cert.datasets.list_corpora`.
    train_texts, dev_texts, test_texts : list of str
        None of them is empty.
    train_labels, dev_labels, test_labels : ndarray of shape (n,), int64
    class_names : dict of int to str
        Name of each class number.
    description : str
        One paragraph: what it is, what was done to the texts, the splits, the licence, and whether there is
        offensive language in it.
    """

    name: str
    train_texts: list[str]
    train_labels: NDArray[np.int64]
    dev_texts: list[str]
    dev_labels: NDArray[np.int64]
    test_texts: list[str]
    test_labels: NDArray[np.int64]
    class_names: dict[int, str]
    description: str


def rgb_feature_names(side: int) -> list[str]:
    """Name the columns of a square colour image that was flattened row by row, colours fastest."""
    return [f"pixel_{r}_{c}_{colour}" for r in range(side) for c in range(side) for colour in "rgb"]
