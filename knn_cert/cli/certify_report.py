"""What `knn-cert certify` prints: the setting, Table 1 of RAB, the price, and where the certificates are."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from knn_cert._printing import printable

from . import report_parts
from .report_parts import duration, plural

if TYPE_CHECKING:
    from knn_cert.certificates import Certificates

    from .certify_data import Data


def report(
    args: argparse.Namespace, data: Data, certificates: Certificates, seconds: float, n_threads: int
) -> str:
    """Return what the user reads; names out of the table stand in it as `printable` makes them."""
    n, d = data.X_train.shape
    backend = getattr(certificates.classifier, "backend", "")
    kernel = f"{backend}, " if backend else ""
    price = f"{duration(seconds)} in all; {kernel}{plural(n_threads, 'thread')}"
    return report_parts.report(
        args,
        certificates,
        data.y_test,
        above=[
            ("data set", f"{printable(data.title)}; queries: {printable(data.source)}"),
            ("training table", f"n = {plural(n, 'row')}, d = {plural(d, 'feature')}"),
            ("classes", report_parts.classes(data.y_train, "row", data.class_names)),
            ("classifier", _vote(certificates)),
            ("threat", certificates.threat.describe(certificates.classifier.norm)),
        ],
        below=[("time per query", f"{duration(seconds / len(certificates))} ({price})")],
    )


def _vote(certificates: Certificates) -> str:
    from knn_cert.smoothing import Noise, SmoothedKNN

    classifier, noise = certificates.classifier, certificates.noise
    assert isinstance(noise, Noise)  # as this command makes it
    if isinstance(classifier, SmoothedKNN):
        kind = "continuous" if classifier.edges is None else f"{len(classifier.edges) + 1} distance buckets"
        return f"smoothed K-NN, K = {classifier.n_neighbors}, sigma = {noise.sigma:g}, {kind}"
    sigma = f"sigma = {noise.sigma:g}" if noise.sigma > 0.0 else "without noise"
    return f"{classifier.describe().removeprefix('the ')}, {sigma}"
