"""What `knn-cert certify` prints: the setting, Table 1 of RAB, the price, and where the certificates are."""

from __future__ import annotations

import argparse
import sys
import warnings
from typing import TYPE_CHECKING

from knn_cert._printing import printable, shortened

if TYPE_CHECKING:
    from knn_cert.certificates import Certificates

    from .certify_data import Data

_CLASSES_SHOWN = 5
_CLASS_WIDTH = 24


def report(
    args: argparse.Namespace, data: Data, certificates: Certificates, seconds: float, n_threads: int
) -> str:
    """Return what the user reads; names out of the table stand in it as `printable` makes them."""
    n, d = data.X_train.shape
    m = len(certificates)
    backend = getattr(certificates.classifier, "backend", "")
    kernel = f"{backend}, " if backend else ""
    price = f"{_duration(seconds)} in all; {kernel}{_plural(n_threads, 'thread')}"
    lines = [
        ("data set", f"{printable(data.title)}; queries: {printable(data.source)}"),
        ("training table", f"n = {_plural(n, 'row')}, d = {_plural(d, 'feature')}"),
        ("classes", _classes(data)),
        ("classifier", _vote(certificates)),
        ("threat", certificates.threat.describe(certificates.classifier.norm)),
        None,
        ("time per query", f"{_duration(seconds / m)} ({price})"),
        (
            "certificates",
            "not written (--out FILE)" if args.out is None else f"written to {printable(args.out)}",
        ),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of unknown labels, which were named with their table
        table = str(certificates.summary(data.y_test, args.budgets))
    return "\n".join(table if line is None else f"{line[0]:<24}  {line[1]}" for line in lines)


def _vote(certificates: Certificates) -> str:
    from knn_cert.smoothing import Noise, SmoothedKNN

    classifier, noise = certificates.classifier, certificates.noise
    assert isinstance(noise, Noise)  # as this command makes it
    if isinstance(classifier, SmoothedKNN):
        kind = "continuous" if classifier.edges is None else f"{len(classifier.edges) + 1} distance buckets"
        return f"smoothed K-NN, K = {classifier.n_neighbors}, sigma = {noise.sigma:g}, {kind}"
    sigma = f"sigma = {noise.sigma:g}" if noise.sigma > 0.0 else "without noise"
    return f"{classifier.describe().removeprefix('the ')}, {sigma}"


def _classes(data: Data) -> str:
    import numpy as np

    classes, counts = np.unique(data.y_train, return_counts=True)
    if len(classes) > _CLASSES_SHOWN:
        return f"{len(classes)}, of {counts.min()} to {counts.max()} rows"
    shown = []
    for label, count in zip(classes.tolist(), counts.tolist(), strict=True):
        name = str(label) if label not in data.class_names else f"{label} {data.class_names[label]}"
        shown.append(f"{shortened(printable(name), _CLASS_WIDTH)} ({_plural(count, 'row')})")
    return f"{len(classes)}: {', '.join(shown)}"


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _duration(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{1e6 * seconds:.3g} us"
    return f"{1e3 * seconds:.3g} ms" if seconds < 1.0 else f"{seconds:.3g} s"


def print_report(text: str) -> None:
    # Labels and file names may hold characters that the terminal cannot show; the result is written already.
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))
