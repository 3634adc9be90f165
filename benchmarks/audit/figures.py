"""What an audit finds, what it takes, and whether its report says what the classifier says.

Run ``python -m benchmarks.audit.figures [--save]`` in a source checkout; see benchmarks/README.md. Shares of
the document are asserted against certificates that are worked out anew.
"""

from __future__ import annotations

import argparse
import csv
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from knn_cert import SmoothedKNNClassifier, audit, load_dataset
from knn_cert.auditing import Audit, parse_asked
from knn_cert.datasets import Dataset

from ..common.command import study
from ..common.fresh import measure
from ..common.report import SEED, Report, require

_TABLES = ("spambase", "breast-cancer", "mnist-68")


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a share is not that of the certificates."""
    return study("audit.figures", __doc__, _run, argv, saved_as="audit")


def _run(report: Report, options: argparse.Namespace) -> None:
    report.opening("Audits", SEED)
    report.text(
        "All rows of a data set in one CSV, audited with a page as report in a process of its own: seconds "
        "with the import, largest memory of the process, size of the page. Shares at 1 % of the training "
        "rows; *together*: under one attack on all reported rows."
    )
    rows, said = [], []
    for name in _TABLES:
        dataset = options.source.table(report, name)
        if dataset is None:
            continue
        if name == "spambase" and not options.quick:
            dataset = load_dataset(name, feature_map="plain", data_dir=options.source.folder, download=False)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.csv"
            _write(path, dataset)
            found = measure(_audited, path)
        rows.append([name, *found["cells"]])
        said.append((name, found["lines"]))
    columns = ("table", "rows", "seconds", "MB", "page, kB", "setting", "accuracy", "majority")
    report.table((*columns, "mislabelled", "together", "planted", "removed", "query 0.5"), rows)
    for name, lines in said:
        report.heading(name)
        report.text("\n".join(f"    {line}" for line in lines))


def _write(path: Path, dataset: Dataset) -> None:
    X = np.concatenate([dataset.X_train, dataset.X_test])
    y = np.concatenate([dataset.y_train, dataset.y_test])
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"f{j}" for j in range(X.shape[1])), "label"])
        writer.writerows([*map(repr, row), label] for row, label in zip(X.tolist(), y.tolist(), strict=True))


def _audited(path: Path) -> dict:
    """Audit a table and check what its document says; in a process of its own."""
    began = time.perf_counter()
    found = audit(path, "label")
    page = path.with_suffix(".html")
    found.save(page)
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    _check(found)
    document = found.document
    share = {one["name"]: one["certified_accuracy"] for one in document["attackers"]}
    together = document["attackers"][0]["together"]
    chosen = document["classifier"]
    return {
        "lines": document["lines"],
        "cells": [
            str(document["table"]["n_rows"]),
            f"{seconds:.1f}",
            f"{memory:.0f}",
            f"{page.stat().st_size / 1000.0:.0f}",
            f"K = {chosen['n_neighbors']}, sigma = {chosen['sigma']:g}",
            f"{chosen['accuracy']:.3f}",
            f"{chosen['majority_accuracy']:.3f}",
            f"{share['mislabelled']:.3f}",
            "-" if together is None else f"{together['accuracy_at_least']:.3f}",
            *(f"{share[name]:.3f}" for name in ("planted", "removed", "query")),
        ],
    }


def _check(found: Audit) -> None:
    """Assert that shares are those of certificates with the budget given, not left open."""
    classifier: SmoothedKNNClassifier = found.classifier
    for one in found.document["attackers"]:
        asked = parse_asked(f"{one['name']}:1%" if one["name"] != "query" else "query:0.5")
        certificates = found.certificates[one["name"]]
        held = np.count_nonzero([budget is None or budget >= one["asked"] for budget in one["right_budgets"]])
        require(one["certified_accuracy"] == held / one["n_queries"], f"{one['name']}: the share is no count")
        require(asked.budget(classifier.n_samples_fit_) == one["asked"], f"{one['name']}: another budget")
        require(len(certificates) == one["n_queries"], f"{one['name']}: another number of rows")


if __name__ == "__main__":
    sys.exit(main())
