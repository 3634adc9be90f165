"""Benchmark data and corpora by name, found on disk or downloaded with a pinned checksum; image folders.

Scalings are fixed constants, never fitted on the rows: a scaler fitted on a poisoned table would void its
certificates. Importing this package imports neither NumPy nor scikit-learn nor Pillow.
"""

from __future__ import annotations

import importlib
import os
import re
from typing import TYPE_CHECKING

from ._dataset import Dataset, TextDataset

if TYPE_CHECKING:  # "as" says that the name is meant for others: no type checker reads an __all__ with a star
    from ._corpora import list_corpora as list_corpora
    from ._corpora import load_corpus as load_corpus
    from ._images import load_image_folder as load_image_folder
    from ._openbackdoor import read_openbackdoor as read_openbackdoor

# Names that are looked up on first use, and the modules that have them: these need NumPy, which whoever only
# lists the names does not.
_LAZY = {
    "list_corpora": "_corpora",
    "load_corpus": "_corpora",
    "load_image_folder": "_images",
    "read_openbackdoor": "_openbackdoor",
}

__all__ = ["Dataset", "TextDataset", "list_datasets", "load_dataset", *_LAZY]

_NAMES = (
    "breast-cancer",
    "spambase",
    "mnist",
    "mnist-01",
    "mnist-68",
    "cifar10",
    "cifar-airplane-bird",
    "cifar-automobile-dog",
)


def list_datasets() -> list[str]:
    """Return the names that `load_dataset` knows, without the further pairs of MNIST and CIFAR-10.

    Any pair of digits is ``mnist-AB`` and any pair of CIFAR-10 classes ``cifar-CLASS-CLASS``.
    """
    return list(_NAMES)


def load_dataset(
    name: str,
    *,
    feature_map: str | None = None,
    test_size: float = 0.2,
    random_state: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
) -> Dataset:
    """Load a benchmark data set, split into training and test rows.

    Files are looked for in ``data_dir`` (else in the folder that the environment variable ``KNN_CERT_DATA``
    names), then in the cache (``KNN_CERT_CACHE``, else ``knn_cert`` in the platform's cache folder), then
    downloaded into the cache. Wherever a file comes from, its content is hashed before it is used; CIFAR-10
    in unpacked files or in a pair file has no published checksum and is read with a warning.

    Parameters
    ----------
    name : str
        ``"breast-cancer"`` (ships with scikit-learn, needs no file), ``"spambase"``, ``"mnist"`` (ten
        classes), ``"mnist-01"``, ``"mnist-68"`` or any other ``"mnist-AB"``, ``"cifar10"`` (ten classes, from
        the original binary files only), ``"cifar-airplane-bird"``, ``"cifar-automobile-dog"`` or any other
        ``"cifar-CLASS-CLASS"``.
    feature_map : str, optional
        ``"rab"`` (the default) or ``"plain"`` for Spambase: RAB's 56 features, or the 57 columns as they are;
        ``"scaled"`` (the default) or ``"plain"`` for breast cancer: columns divided by fixed constants, or
        not; ``"unit"`` (the default) for images: pixels divided by 255.
    test_size : float in (0, 1) or int
        Fraction or number of rows held out of Spambase and breast cancer. MNIST and CIFAR-10 keep their own
        test sets and ignore it, and ``random_state``.
    random_state : int
        Seed of the stratified, shuffled split.
    data_dir : path-like, optional
        Folder to look in instead of ``$KNN_CERT_DATA``.
    download : bool
        Whether a file that is nowhere may be downloaded.

    Returns
    -------
    Dataset
        Float64 features, int64 labels that are the class numbers of the original data.

    Raises
    ------
    ValueError
        If the name, the feature map or the test size is unknown, or a file is not the pinned one, cut off or
        malformed.
    FileNotFoundError, ConnectionError
        If a file is nowhere and may not or cannot be downloaded; the message says what to put where.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, one of {', '.join(_NAMES)}; got {type(name).__name__}")
    if name == "breast-cancer":
        from . import _breast_cancer

        return _breast_cancer.load(
            feature_map=_choose_map(name, feature_map, _breast_cancer.FEATURE_MAPS),
            test_size=test_size,
            random_state=random_state,
        )
    if name == "spambase":
        from . import _spambase

        return _spambase.load(
            feature_map=_choose_map(name, feature_map, _spambase.FEATURE_MAPS),
            test_size=test_size,
            random_state=random_state,
            data_dir=data_dir,
            download=download,
        )
    digits = re.fullmatch(r"mnist(?:-([0-9])([0-9]))?", name)
    if digits:
        from . import _mnist

        classes = tuple(range(10))
        if digits[1] is not None:
            classes = tuple(sorted({int(digits[1]), int(digits[2])}))
        if len(classes) >= 2:
            _choose_map(name, feature_map, ("unit",))
            canonical = "mnist" if len(classes) == 10 else f"mnist-{classes[0]}{classes[1]}"
            return _mnist.load(classes=classes, name=canonical, data_dir=data_dir, download=download)
    pictures = re.fullmatch(r"cifar(?:10|-([a-z]+)-([a-z]+))", name)
    if pictures:
        from . import _cifar10

        known = _cifar10.CLASS_NAMES
        classes = tuple(range(10))
        if pictures[1] is not None:
            classes = tuple(sorted({known.index(c) for c in pictures.groups() if c in known}))
        if len(classes) >= 2:
            _choose_map(name, feature_map, ("unit",))
            canonical = "-".join(("cifar", *(known[c] for c in classes))) if len(classes) == 2 else "cifar10"
            return _cifar10.load(classes=classes, name=canonical, data_dir=data_dir, download=download)
    raise ValueError(
        f"unknown data set {name!r}; expected one of {', '.join(_NAMES)}, another pair of digits mnist-AB, "
        "or another pair cifar-CLASS-CLASS of airplane, automobile, bird, cat, deer, dog, frog, horse, ship, "
        "truck"
    )


def _choose_map(name: str, feature_map: str | None, known: tuple[str, ...]) -> str:
    """Return the feature map asked for, or the first of those known."""
    if feature_map is None:
        return known[0]
    if feature_map not in known:
        raise ValueError(
            f"unknown feature_map {feature_map!r} for {name}; expected one of {', '.join(known)}"
        )
    return feature_map


if not TYPE_CHECKING:  # to a type checker, a module with __getattr__ has every name

    def __getattr__(name: str) -> object:
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
        globals()[name] = value  # the next look-up does not come here
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
