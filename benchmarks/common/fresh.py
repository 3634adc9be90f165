"""One measurement in one fresh process: what an earlier call has built or touched cannot flatter it.

The engine keeps the tables of the distance law for the next call, and a process never forgets its largest
size; so times "tables included" and peak memory are taken here, one process each.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from knn_cert import SmoothedKNNClassifier, kernels, rab_edges

from .report import SEED
from .source import Source

LEVELS = 200

Answer = TypeVar("Answer")


def measure(task: Callable[..., Answer], *arguments, **more) -> Answer:
    """Call a function of a module in a process of its own and return its answer."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(task, *arguments, **more).result()


def time_certify(
    source: Source, dataset: str, *, n_neighbors: int, sigma: float, bucketed: bool, n_queries: int
) -> dict:
    """Seconds on one thread: certify, its distances alone, and scikit-learn's brute-force kneighbors."""
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    data = source.read(dataset)
    queries, dof = data.X_test[:n_queries], data.X_train.shape[1]
    edges = rab_edges(dof, sigma, LEVELS) if bucketed else None
    kernel = kernels.get_backend("auto")  # loading the library is no part of answering a query
    classifier = SmoothedKNNClassifier(n_neighbors, sigma, edges=edges, n_threads=1)
    classifier.fit(data.X_train, data.y_train)
    neighbors = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(data.X_train)

    with threadpool_limits(limits=1):
        certify, certify_cpu, certificates = seconds(lambda: classifier.certify(queries))
        distances, _, _ = seconds(lambda: kernel.distances(queries, data.X_train, n_threads=1))
        # scikit-learn may warm up, the engine above may not: the ratio errs on the cautious side.
        neighbors.kneighbors(queries[:8])
        scan, scan_cpu, _ = seconds(lambda: neighbors.kneighbors(queries))
    return {
        "n_queries": len(queries),
        "certify": certify,
        "distances": distances,
        "kneighbors": scan,
        "one_thread": is_one_thread(certify, certify_cpu) and is_one_thread(scan, scan_cpu),
        "worst_sum": float(abs(certificates.probabilities.sum(axis=1) - 1.0).max()),
    }


def peak_memory(source: Source, *, n_rows: int, n_queries: int, bucketed: bool) -> dict:
    """Megabytes that fit and certify need beyond the data, at their worst moment, on all cores.

    The data are the rows of Spambase, repeated, each feature moved by noise of standard deviation 0.01: as
    many distinct rows as asked for, with the distances of real ones.
    """
    data = source.read("spambase")
    rng = np.random.default_rng(SEED)
    X = np.empty((n_rows, data.X_train.shape[1]))
    y = np.resize(data.y_train, n_rows)
    for start in range(0, n_rows, len(data.X_train)):
        part = X[start : start + len(data.X_train)]
        part[:] = data.X_train[: len(part)]
        part += rng.normal(scale=0.01, size=part.shape)
    queries = data.X_test[:n_queries]
    dof = X.shape[1]
    edges = rab_edges(dof, 1.0, LEVELS) if bucketed else None
    kernels.get_backend("auto")

    before = _forget_peak()
    classifier = SmoothedKNNClassifier(5, 1.0, edges=edges).fit(X, y)
    certificates = classifier.certify(queries)
    return {
        "n_queries": len(queries),
        "data": (X.nbytes + y.nbytes) / 1e6,
        "beyond": _peak() - before,
        "worst_sum": float(abs(certificates.probabilities.sum(axis=1) - 1.0).max()),
    }


def seconds(call: Callable[[], Answer]) -> tuple[float, float, Answer]:
    """Return wall time, CPU time of all threads, and what the call returned."""
    cpu, wall = time.process_time(), time.perf_counter()
    answer = call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, cpu, answer


def is_one_thread(wall: float, cpu: float) -> bool:
    """Whether a call used one thread: at most 1.1 CPU seconds a second.

    A clock tick more in a call that is over at once is no second thread.
    """
    return cpu <= 1.1 * wall + 0.02


def _forget_peak() -> float:
    """Return the memory in use now, in MB, and let the record of the peak begin here where that is possible.

    ru_maxrss alone will not do on Linux: it is inherited from the process that started this one, and it
    remembers the loading of the data, so that a difference of two readings can hide anything.
    """
    # where this cannot be written, the peak includes the loading of the data and can only become larger
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM")


def _status(field: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # not Linux: all there is
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024 / 1e6
