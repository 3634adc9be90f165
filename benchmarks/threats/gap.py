"""Section 3 of the figures of the threat models: how far certificates are from an attack that is found."""

from __future__ import annotations

import numpy as np

from knn_cert import SmoothedKNNClassifier
from knn_cert.datasets import Dataset
from knn_cert.threats import Deletions, Insertions, LabelFlips, QueryShift, Replacements, RowShift

from ..common.report import Report, require
from .study import N_NEIGHBORS, SIGMA, Study

# So many counterexamples of each threat are applied to the data and classified anew.
_APPLIED = 2

# A certificate may be missing for some: so many test rows are looked at for each one that is wanted.
_CANDIDATES = 3

_COUNTED = (LabelFlips(), Deletions(), Insertions(), Replacements())


def gaps(report: Report, data: dict[str, Dataset], study: Study) -> None:
    """Bracket the truth between certificate and counterexample for each data set of two classes."""
    report.heading("3. Gap between certificate and falsifier")
    report.text(
        f"K = {N_NEIGHBORS}, sigma = {SIGMA:g}. The first {study.gap_queries} test rows that have a "
        f"certificate ({study.gap_query_shifts} for a moved query), of the first "
        f"{_CANDIDATES * study.gap_queries}; `certify` and `falsify` with an open budget. Checked: what is "
        "found is beyond the certificate, within its budget, and changes the prediction of a classifier that "
        f"is fitted anew to the tampered table (the first {_APPLIED} of each threat); for rows flipped, "
        "deleted, inserted or replaced it is the very next number of rows."
    )
    counted, shifted = [], []
    for name, dataset in data.items():
        n = len(dataset.X_train)
        target = _Target(dataset, _CANDIDATES * study.gap_queries)
        for threat in _COUNTED:
            counted.append([name, type(threat).__name__, *target.next_rows(threat, study.gap_queries)])
        for title, threat, wanted in (
            ("10 % of the rows", RowShift(0.1), study.gap_queries),
            ("20 rows", RowShift(20), study.gap_queries),
            ("all rows", RowShift(n), study.gap_queries),
            ("10 rows, relabelled", RowShift(10, relabel=True), study.gap_queries),
            ("the query", QueryShift(), study.gap_query_shifts),
        ):
            shifted.append([name, title, *target.radius_ratios(threat, wanted)])
    if not counted:
        report.text("Skipped: none of the data sets is here.")
        return
    report.table(["data", "threat", "queries", "median certified rows", "found = certified + 1"], counted)
    report.text(
        "Radii: found / certified, over the queries with a finite certificate and a counterexample. "
        "`any radius`: certified however far the rows go, so there is nothing to find. `nothing found`: a "
        "finite certificate and no counterexample."
    )
    report.table(
        [
            "data",
            "moved",
            "queries",
            "any radius",
            "nothing found",
            "found / certified, median",
            "quartiles",
        ],
        shifted,
    )


class _Target:
    """A classifier fitted to a data set, and its test rows."""

    def __init__(self, data: Dataset, n_candidates: int):
        self._data, self._n_candidates = data, n_candidates
        self._classifier = self._fitted(data.X_train, data.y_train)

    def next_rows(self, threat, wanted: int) -> list[str]:
        certified, found = self._bracketed(threat, wanted)
        exact = found == certified + 1
        require(
            bool(exact.all()),
            f"{self._data.name}, {threat}: certified {certified[~exact]}, found {found[~exact]}",
        )
        if not len(certified):
            return ["0", "", ""]
        return [str(len(certified)), f"{np.median(certified):g}", f"{np.mean(exact):.0%}"]

    def radius_ratios(self, threat, wanted: int) -> list[str]:
        certified, found = self._bracketed(threat, wanted)
        if not len(certified):
            return ["0", *[""] * 4]
        anywhere, nothing = np.isinf(certified), np.isnan(found)
        cells = [str(len(certified)), f"{np.mean(anywhere):.0%}", f"{np.mean(nothing & ~anywhere):.0%}"]
        # a certificate of radius zero exactly has no ratio
        both = ~nothing & (certified > 0.0)
        if not both.any():
            return [*cells, "", ""]
        low, median, high = np.quantile(found[both] / certified[both], (0.25, 0.5, 0.75))
        return [*cells, f"{median:.2f}", f"{low:.2f} to {high:.2f}"]

    def _bracketed(self, threat, wanted: int) -> tuple[np.ndarray, np.ndarray]:
        """Certified budgets and those found, NaN where nothing is, of so many queries with a certificate."""
        candidates = self._data.X_test[: self._n_candidates]
        sure = np.flatnonzero(~self._classifier.certify(candidates, threat).abstained)[:wanted]
        if not sure.size:
            return np.empty(0), np.empty(0)
        queries = candidates[sure]
        falsified = self._classifier.falsify(queries, threat)
        certified, found = falsified.certified, falsified.budget
        wrong = np.flatnonzero(falsified.found & ~(found > certified))
        require(
            not wrong.size,
            f"{self._data.name}, {threat}: broken within the certificate, queries {sure[wrong]}",
        )
        for i in np.flatnonzero(falsified.found)[:_APPLIED]:
            self._apply(threat, queries[i], falsified.label[i], found[i], falsified.counterexamples[i])
        return certified, found

    def _apply(self, threat, query, label, budget: float, example) -> None:
        """Carry the tampering out: it has to keep to its budget and to change the prediction."""
        what = f"{self._data.name}, {threat}, budget {budget}"
        X, y = self._data.X_train, self._data.y_train
        if threat.budget_name == "rows":
            size = len(example.rows) + len(example.inserted_y)
            require(size <= budget, f"{what}: {size} rows were changed")
        elif isinstance(threat, RowShift):
            size = np.linalg.norm(example.X - X[example.rows], axis=1).max(initial=0.0)
            require(size <= budget, f"{what}: a row was moved by {size}")
        size = np.linalg.norm(example.query - query)
        allowed = budget if isinstance(threat, QueryShift) else 0.0
        require(size <= allowed, f"{what}: the query was moved by {size}")
        tampered = self._fitted(*example.apply(X, y)).predict(example.query[None])[0]
        require(tampered != label, f"{what}: the prediction stays {label}")

    @staticmethod
    def _fitted(X, y) -> SmoothedKNNClassifier:
        return SmoothedKNNClassifier(N_NEIGHBORS, SIGMA, n_threads=1).fit(X, y)
