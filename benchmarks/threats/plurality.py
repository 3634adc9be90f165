"""Section 4 of the figures of the threat models: more than two classes, majority and all bounds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from knn_cert import kernels, largest_budget, vote_probabilities, worst_case_probability
from knn_cert.datasets import Dataset
from knn_cert.threats import LabelFlips

from ..common.report import SEED, Report, require
from .study import N_NEIGHBORS, Study

_SIGMAS = (1.0, 4.0)
_ASKED_ROWS = 10

# Tiny tables: neighbours, numbers of classes, features, and how far rows lie at most. Their classes are
# unequal: evenly mixed rows would survive nothing.
_TINY_NEIGHBORS, _TINY_CLASSES, _TINY_DOF, _TINY_FARTHEST = (1, 2, 3, 4), (3, 4), 2, 6.0
_TINY_CONCENTRATION = 0.7

# Where both are computed, the majority event is looked at again through the other door.
_CHECKED_QUERIES = 3


def tiny_tables(report: Report, study: Study) -> None:
    """Count what is robust to every flip of one and of two labels, and what of it is certified."""
    report.heading("4. More than two classes")
    rng = np.random.default_rng(SEED)
    rows = []
    for n_classes, n_neighbors in itertools.product(_TINY_CLASSES, _TINY_NEIGHBORS):
        counts = np.zeros((2, 3), dtype=int)
        for _ in range(study.label_vectors):
            n = int(rng.integers(6, 9))
            labels = rng.choice(n_classes, size=n, p=rng.dirichlet(np.full(n_classes, _TINY_CONCENTRATION)))
            sq_distances = rng.uniform(0.0, _TINY_FARTHEST, size=(study.tables, n)) ** 2
            counts += _Tables(sq_distances, labels, n_neighbors, n_classes).counts()
        for r, (robust, majority, rivals) in enumerate(counts.tolist(), start=1):
            rows.append(
                [
                    str(n_classes),
                    str(n_neighbors),
                    str(r),
                    str(study.label_vectors * study.tables),
                    str(robust),
                    _share(majority, robust),
                    _share(rivals, robust),
                ]
            )
    report.text(
        f"Random tables of 6 to 8 rows (d = {_TINY_DOF}, sigma = 1, distances uniform up to "
        f"{_TINY_FARTHEST:g}, labels from random proportions), every flip of r = 1 and of 2 labels "
        "enumerated with `vote_probabilities`. Robust: the prediction never changes. Certified: by the "
        "majority event alone (`worst_case_probability` above one half), and by `largest_budget`, which has "
        "two more bounds (docs/threats.md), each as a share of the robust tables. Checked: nothing is "
        "certified that is not robust, and the three lose nothing that the majority event certifies."
    )
    report.table(["C", "K", "r", "tables", "robust", "majority alone", "all three bounds"], rows)


def ten_classes(report: Report, data: Dataset | None, study: Study) -> None:
    """Label-flip budgets on MNIST with all its digits, by the majority event alone and by all bounds."""
    if data is None:
        return
    X, y = data.X_train[: study.ten_class_rows], data.y_train[: study.ten_class_rows]
    queries = data.X_test[: study.ten_class_queries]
    classes, labels = np.unique(y, return_inverse=True)
    sq_distances = kernels.get_backend().distances(queries, X, n_threads=1) ** 2
    rows = []
    for sigma in _SIGMAS:
        settings = {"n_neighbors": N_NEIGHBORS, "sigma": sigma, "dof": X.shape[1]}
        p = vote_probabilities(sq_distances, labels, n_classes=len(classes), **settings)
        predicted = p.argmax(axis=1)
        rivals = largest_budget(
            sq_distances, labels, LabelFlips(), target_class=predicted, n_classes=len(classes), **settings
        )
        majority = _majority_budgets(sq_distances, labels, predicted, settings)
        _check_majority(sq_distances, labels, predicted, majority, len(classes), settings)
        require(bool((rivals >= majority).all()), f"ten classes, sigma {sigma}: rivals lose to the majority")
        right = classes[predicted] == data.y_test[: study.ten_class_queries]
        for title, budgets in (("majority alone", majority), ("all three bounds", rivals)):
            rows.append(
                [
                    f"{sigma:g}",
                    f"{np.mean(right):.2f}",
                    f"{np.median(p.max(axis=1)):.2f}",
                    title,
                    f"{np.median(budgets):g}",
                    f"{np.median(sure):g}" if (sure := budgets[budgets >= 0]).size else "none",
                    f"{np.mean(budgets < 0):.0%}",
                    f"{np.mean(budgets >= _ASKED_ROWS):.0%}",
                ]
            )
    report.text(
        f"{data.name}: the first {len(X):,} training rows, {len(queries)} test rows, {len(classes)} classes, "
        f"K = {N_NEIGHBORS}; the largest number of flipped labels that is certified, -1 where the untampered "
        "table is not. The majority event alone is the problem of two classes, the predicted one against the "
        "rest. Checked: it agrees with `worst_case_probability` of ten classes on some queries."
    )
    report.table(
        [
            "sigma",
            "accuracy",
            "median probability",
            "certificate",
            "median r",
            "where certified",
            "not certified at all",
            f"certified at r = {_ASKED_ROWS}",
        ],
        rows,
    )


class _Tables:
    """Tiny tables that share their labels; the predicted class of each is the target."""

    def __init__(self, sq_distances: np.ndarray, labels: np.ndarray, n_neighbors: int, n_classes: int):
        self._sq_distances, self._labels, self._n_classes = sq_distances, labels, n_classes
        self._settings = {
            "n_neighbors": n_neighbors,
            "sigma": 1.0,
            "dof": _TINY_DOF,
            "n_classes": n_classes,
        }
        self._target = self._predicted(np.arange(len(sq_distances)), labels)

    def counts(self) -> np.ndarray:
        """For r = 1 and 2: tables robust, certified by the majority event, and by the bound on rivals."""
        budgets = largest_budget(
            self._sq_distances, self._labels, LabelFlips(), target_class=self._target, **self._settings
        )
        robust = np.ones(len(self._target), dtype=bool)
        counts = []
        for r in (1, 2):
            for flipped in _flips(self._labels, r, self._n_classes):
                left = np.flatnonzero(robust)
                if not left.size:
                    break
                robust[left] = self._predicted(left, flipped) == self._target[left]
            worst = worst_case_probability(
                self._sq_distances, self._labels, LabelFlips(r), target_class=self._target, **self._settings
            )
            majority, rivals = worst > 0.5, budgets >= r
            what = f"labels {self._labels}, {self._settings}, r = {r}, tables"
            for title, wrong in (
                ("certified, not robust", rivals & ~robust),
                ("lost to the majority", majority & ~rivals),
            ):
                require(not wrong.any(), f"{title}: {what} {self._sq_distances[wrong].tolist()}")
            counts.append([robust.sum(), (majority & robust).sum(), rivals.sum()])
        return np.array(counts)

    def _predicted(self, which: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return vote_probabilities(self._sq_distances[which], labels, **self._settings).argmax(axis=1)


def _flips(labels: np.ndarray, r: int, n_classes: int) -> Iterator[np.ndarray]:
    """Every labelling with exactly r other labels."""
    for rows in itertools.combinations(range(len(labels)), r):
        for steps in itertools.product(range(1, n_classes), repeat=r):
            flipped = labels.copy()
            flipped[list(rows)] = (flipped[list(rows)] + steps) % n_classes
            yield flipped


def _majority_budgets(sq_distances, labels, predicted, settings: dict) -> np.ndarray:
    """Largest number of flipped labels that the majority event alone certifies, -1 if none.

    For two classes the majority decides, so this is the budget of the predicted class against the union of
    the others. Class 0, to which ties go, stays class 0.
    """
    budgets = np.empty(len(predicted), dtype=np.int64)
    for target in np.unique(predicted):
        which = np.flatnonzero(predicted == target)
        own = 0 if target == 0 else 1
        two = np.where(labels == target, own, 1 - own)
        budgets[which] = largest_budget(
            sq_distances[which], two, LabelFlips(), target_class=own, n_classes=2, **settings
        )
    return budgets


def _check_majority(sq_distances, labels, predicted, budgets, n_classes: int, settings: dict) -> None:
    for i in range(min(_CHECKED_QUERIES, len(predicted))):
        for rows, certified in ((budgets[i], True), (budgets[i] + 1, False)):
            if rows < 0:
                continue
            worst = worst_case_probability(
                sq_distances[i],
                labels,
                LabelFlips(int(rows)),
                target_class=int(predicted[i]),
                n_classes=n_classes,
                **settings,
            )
            require((worst > 0.5) == certified, f"majority event of query {i}: {worst} at r = {rows}")


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.0%})" if whole else "none"
