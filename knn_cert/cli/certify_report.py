"""What `knn-cert certify` prints: the setting, Table 1 of RAB, the price, and where the certificates are."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

from knn_cert._printing import printable

from . import report_parts
from .report_parts import duration, plural

if TYPE_CHECKING:
    from knn_cert.certificates import Certificates, Summary

    from .certify_data import Data
    from .report_parts import Line


class Facts(NamedTuple):
    """What was certified: where tables come from, and how large they are."""

    title: str
    source: str
    n_rows: int
    n_features: int
    classes: str

    @classmethod
    def of(cls, data: Data) -> Facts:
        """Return those of tables in memory."""
        classes = report_parts.classes(data.y_train, "row", data.class_names)
        n, d = data.X_train.shape
        return cls(data.title, data.source, n, d, classes)


def report(
    args: argparse.Namespace,
    facts: Facts,
    example: Certificates,
    summary: Summary,
    time: Line,
) -> str:
    """Return what the user reads; names out of the table stand in it as `printable` makes them.

    ``example`` are any of the certificates, ``time`` says what the work took.
    """
    n, d = plural(facts.n_rows, "row"), plural(facts.n_features, "feature")
    return report_parts.report(
        args,
        summary,
        above=[
            ("data set", f"{printable(facts.title)}; queries: {printable(facts.source)}"),
            ("training table", f"n = {n}, d = {d}"),
            ("classes", facts.classes),
            ("classifier", _vote(example)),
            ("threat", example.threat.describe(example.classifier.norm)),
        ],
        below=[time],
    )


def price(seconds: float, n_queries: int, example: Certificates, n_threads: int) -> Line:
    """Return the line that says what a query took, and all together."""
    backend = getattr(example.classifier, "backend", "")
    kernel = f"{backend}, " if backend else ""
    whole = f"{duration(seconds)} in all; {kernel}{plural(n_threads, 'thread')}"
    return "time per query", f"{duration(seconds / n_queries)} ({whole})"


def _vote(certificates: Certificates) -> str:
    from knn_cert.smoothing import Noise, SmoothedKNN

    classifier, noise = certificates.classifier, certificates.noise
    assert isinstance(noise, Noise)  # as this command makes it
    if isinstance(classifier, SmoothedKNN):
        kind = "continuous" if classifier.edges is None else f"{len(classifier.edges) + 1} distance buckets"
        return f"smoothed K-NN, K = {classifier.n_neighbors}, sigma = {noise.sigma:g}, {kind}"
    sigma = f"sigma = {noise.sigma:g}" if noise.sigma > 0.0 else "without noise"
    return f"{classifier.describe().removeprefix('the ')}, {sigma}"
