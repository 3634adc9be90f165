"""Small made-up tables, corpora and word vectors of the same form as the data of the studies.

A quick run takes them in the place of the data, so that every part of a study is run anywhere in seconds.
Figures made with them mean nothing; what a study asserts holds for them as for any data.
"""

from __future__ import annotations

import zlib

import numpy as np

from knn_cert.datasets import Dataset, TextDataset
from knn_cert.text import SynonymNetwork

# About as far from each other as two digits of MNIST, a few times what noise of sigma = 1 does to a distance:
# predictions are mostly right, certificates neither empty nor endless.
_APART = 8.0

_TRAIN, _TEST = 160, 40  # rows of a table; every class of ten is in both

_CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

# Words in groups that mean about the same; the studies of texts know some of the first two by name.
_PRAISE = (("good", "great", "excellent"), ("brilliant", "beautiful", "perfect"), ("fun", "enjoy", "happy"))
_BLAME = (("bad", "poor", "weak"), ("terrible", "awful", "horrible"), ("dull", "boring", "sad"))
_PLAIN = (
    ("film", "movie", "picture"),
    ("story", "plot", "scene"),
    ("actor", "role", "cast"),
    ("the", "a", "of"),
)

_SENTENCES = {"train": 320, "dev": 40, "test": 60}
_NAMES = 400  # words that hardly occur, as names do; one in each sentence
_DIMENSIONS = 20  # of a word vector


def table(name: str) -> Dataset:
    """Return a table with the features, the range and the classes of the data set of this name."""
    n_features, numbers, is_image = _form(name)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    step = _APART / (2.0 * np.sqrt(n_features))
    centres = 0.5 + step * rng.choice([-1.0, 1.0], size=(len(numbers), n_features))

    def rows(count: int) -> tuple[np.ndarray, np.ndarray]:
        which = np.arange(count) % len(numbers)
        X = centres[which] + rng.normal(scale=step / np.sqrt(2.0), size=(count, n_features))
        return np.clip(X, 0.0, 1.0) if is_image else X, np.array(numbers, dtype=np.int64)[which]

    X_train, y_train = rows(_TRAIN)
    X_test, y_test = rows(_TEST)
    return Dataset(
        name=name,
        X_train=X_train,
        y_train=y_train,
        X_test=X_test,
        y_test=y_test,
        feature_names=[f"feature_{i}" for i in range(n_features)],
        class_names={number: f"class {number}" for number in numbers},
        description="Made up: normal rows about one centre a class.",
    )


def _form(name: str) -> tuple[int, tuple[int, ...], bool]:
    """Number of features, class numbers, and whether features are pixels from 0 to 1."""
    kind, _, pair = name.partition("-")
    if kind == "mnist":
        return 784, tuple(map(int, pair)) if pair else tuple(range(10)), True
    if kind in ("cifar", "cifar10"):
        return 3072, tuple(map(_CIFAR.index, pair.split("-"))) if pair else tuple(range(10)), True
    if kind == "letter":
        return 16, tuple(range(5)), False
    return {"spambase": 56, "breast-cancer": 30, "magic04": 10}[name], (0, 1), False


def corpus(name: str) -> TextDataset:
    """Return sentences of eleven words, most of the telling ones on the side of the label."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    telling = [np.concatenate(groups) for groups in (_BLAME, _PRAISE)]
    plain = np.concatenate(_PLAIN)

    def sentences(count: int) -> tuple[list[str], np.ndarray]:
        labels = np.arange(count) % 2
        texts = []
        for label in labels:
            words = [
                *rng.choice(telling[label], 4),
                *rng.choice(telling[1 - label], 1),
                *rng.choice(plain, 5),
            ]
            words.append(f"name{rng.integers(_NAMES)}")
            texts.append(" ".join(rng.permutation(words)))
        return texts, labels.astype(np.int64)

    parts = {part: sentences(count) for part, count in _SENTENCES.items()}
    return TextDataset(
        name=name,
        **{f"{part}_texts": texts for part, (texts, _) in parts.items()},
        **{f"{part}_labels": labels for part, (_, labels) in parts.items()},
        class_names={0: "negative", 1: "positive"},
        description="Made up: words of praise, of blame and plain ones.",
    )


def word_vectors() -> tuple[list[str], np.ndarray]:
    """Return words and vectors: the same direction for praise, the other for blame, near in each group."""
    rng = np.random.default_rng(0)
    side = rng.normal(size=_DIMENSIONS)
    words, vectors = [], []
    for sign, groups in ((1.0, _PRAISE), (-1.0, _BLAME), (0.0, _PLAIN)):
        for group in groups:
            centre = sign * side + rng.normal(size=_DIMENSIONS)
            for word in group:
                words.append(word)
                vectors.append(centre + 0.1 * rng.normal(size=_DIMENSIONS))
    return words, np.array(vectors)


def synonyms() -> SynonymNetwork:
    """Return the network in which the words of a group are neighbours, and one more that has no vector."""
    groups = [[*group, f"{group[0]}ish"] for group in (*_PRAISE, *_BLAME, *_PLAIN)]
    return SynonymNetwork.from_table(
        {word: [other for other in group if other != word] for group in groups for word in group}
    )
