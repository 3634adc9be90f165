"""Section 2 of the figures of the threat models: certified accuracy against the budget, two baselines."""

from __future__ import annotations

import math

import numpy as np

from knn_cert import Certificates, SmoothedKNNClassifier, kernels
from knn_cert.datasets import Dataset
from knn_cert.threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
)

from ..common.report import Report, require
from ..frontier.checks import tied_at
from ..rivals.count_certificate import certified_rows, plain_votes
from ..rivals.tampered_tables import check_counts
from .best import best_settings
from .study import N_NEIGHBORS, RADII, SIGMA, Study

_COUNTS = (1, 10, 50, 200)
_SHARE, _RELABELLED_SHARE = 0.1, 0.01

# Radii are certified to this relative accuracy from below, so two that are equal may differ by it.
_RADIUS_ACCURACY = 1e-3

_MORE_ROWS = {
    "label flips": LabelFlips(),
    "deletions": Deletions(),
    "insertions": Insertions(),
    "replacements": Replacements(),
}


_NO_NOISE = ", no noise"


def accuracy(report: Report, data: dict[str, Dataset], study: Study, *, quick: bool) -> None:
    """Tables of certified accuracy for each data set."""
    report.heading("2. Certified accuracy against the budget")
    looked_at = check_counts()
    report.text(
        f"K = {N_NEIGHBORS}, sigma = {SIGMA:g}, and K = {N_NEIGHBORS} without noise where a line says so; "
        "the best K and sigma follow in tables of their own. Share of the test rows predicted right and "
        "certified for the budget; a number of rows counts training rows, a radius is in the units "
        "of the features. Every budget is left open, so one call of `certify` gives a line. The black box is "
        "Eq. (15) of RAB for as many rows, and says nothing of labels. The count certificate (Jia et al.) "
        "speaks of K-NN without noise, and of any change of so many rows, one kind at a time; it "
        f"held against {looked_at:,} tamperings of small tables. Checked: the prediction is the same under "
        "every threat, no threat that allows more certifies more than one that allows less, and without "
        "noise exactly as many replaced rows are certified as the count certificate says."
    )
    for name, n_queries in study.accuracy_queries.items():
        if name in data:
            _one_data_set(report, data[name], n_queries)
            best_settings(report, name, data[name], quick=quick)


def _one_data_set(report: Report, data: Dataset, n_queries: int | None) -> None:
    queries, truth = data.X_test[:n_queries], data.y_test[:n_queries]
    n = len(data.X_train)
    classifier = SmoothedKNNClassifier(N_NEIGHBORS, SIGMA, n_threads=1).fit(data.X_train, data.y_train)
    by_rows = {name: classifier.certify(queries, threat) for name, threat in _MORE_ROWS.items()}
    tenth, hundredth = f"{_SHARE:.0%} of the rows", f"{_RELABELLED_SHARE:.0%} of the rows"
    moved, black_box = f"{tenth} moved", f"{tenth} moved, black box"
    by_radius = {
        moved: classifier.certify(queries, RowShift(_SHARE)),
        black_box: classifier.certify(queries, BlackBoxBall(math.ceil(_SHARE * n))),
        "all rows moved": classifier.certify(queries, RowShift(n)),
        f"{hundredth} moved and relabelled": classifier.certify(
            queries, RowShift(_RELABELLED_SHARE, relabel=True)
        ),
        "query moved": classifier.certify(queries, QueryShift()),
        "query moved, 10 labels flipped": classifier.certify(queries, QueryShift(training=LabelFlips(10))),
    }
    everything = by_rows | by_radius
    for name, certificates in everything.items():
        require(
            np.array_equal(certificates.label, by_radius[black_box].label),
            f"{data.name}, {name}: another prediction",
        )
    for less, more in (
        ("label flips", "replacements"),
        ("deletions", "replacements"),
        ("insertions", "replacements"),
        ("deletions", "label flips"),
        (moved, "all rows moved"),
        (moved, black_box),
        ("query moved", "query moved, 10 labels flipped"),
    ):
        _require_no_more(data.name, less, everything[less], more, everything[more])

    plain, survived, tied = _plain(data, queries)
    right = plain == truth
    exact = SmoothedKNNClassifier(N_NEIGHBORS, 0.0, n_threads=1).fit(data.X_train, data.y_train)
    exact_rows = {name: exact.certify(queries, threat) for name, threat in _MORE_ROWS.items()}
    exact_moved = exact.certify(queries, RowShift(_SHARE))
    for name, certificates in (exact_rows | {moved: exact_moved}).items():
        same = certificates.label == plain
        require(bool(np.all(same | tied)), f"{data.name}, {name}{_NO_NOISE}: another prediction")
    for less in ("label flips", "deletions", "insertions"):
        _require_no_more(data.name, less, exact_rows[less], "replacements", exact_rows["replacements"])
    counted_rows = np.where(tied, survived, exact_rows["replacements"].budget)
    require(np.array_equal(counted_rows, survived), f"{data.name}: other numbers of rows than by the counts")
    smoothed = float(np.mean(by_radius[black_box].label == truth))
    report.heading(f"{data.name}: {len(queries)} test rows, n = {n:,}, d = {data.X_train.shape[1]}", level=3)
    report.text(
        f"Accuracy of the smoothed classifier {smoothed:.3f}, of K-NN without noise {np.mean(right):.3f}."
    )
    counted = [_cell(right & (survived >= r)) for r in _COUNTS]
    report.table(
        ["threat", *(f"r = {r}" for r in _COUNTS), "median rows"],
        [
            *(
                [name + suffix, *_cells(c, truth, _COUNTS), f"{np.median(c.budget):g}"]
                for suffix, members in (("", by_rows), (_NO_NOISE, exact_rows))
                for name, c in members.items()
            ),
            ["any one of them, count certificate", *counted, f"{np.median(survived):g}"],
        ],
    )
    beyond = _cell(right & (survived >= math.ceil(_SHARE * n)))
    report.table(
        ["threat", *(f"radius {radius:g}" for radius in RADII), "median radius"],
        [
            *(
                [name, *_cells(c, truth, RADII), f"{np.median(c.budget):.3g}"]
                for name, c in (by_radius | {moved + _NO_NOISE: exact_moved}).items()
            ),
            [f"{tenth} moved, count certificate", *[beyond] * len(RADII), ""],
        ],
    )


def _require_no_more(data: str, less: str, a: Certificates, more: str, b: Certificates) -> None:
    """Require that what allows `more` certifies no larger budget than what allows `less`."""
    slack = 0.0 if a.threat.budget_name == "rows" else 2.0 * _RADIUS_ACCURACY * (b.budget + SIGMA)
    # inf - inf would be NaN
    fine = (a.budget >= b.budget) | (a.budget + slack >= b.budget)
    wrong = np.flatnonzero(~b.abstained & (a.abstained | ~fine))
    require(not wrong.size, f"{data}: {more} certified further than {less}, queries {wrong}")


def _plain(data: Dataset, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prediction of K-NN without noise, how many rows it survives, and whether rows tie about the K-th."""
    classes, labels = np.unique(data.y_train, return_inverse=True)
    distances = kernels.get_backend().distances(queries, data.X_train, n_threads=1)
    votes = plain_votes(distances, labels, n_neighbors=N_NEIGHBORS, n_classes=len(classes))
    numbers, survived = certified_rows(votes)
    return classes[numbers], survived, tied_at(distances, [N_NEIGHBORS])[:, 0]


def _cells(certificates: Certificates, truth: np.ndarray, budgets: tuple[float, ...]) -> list[str]:
    right = certificates.label == truth
    return [_cell(right & certificates.certified(budget)) for budget in budgets]


def _cell(which: np.ndarray) -> str:
    return f"{np.mean(which):.3f}"
