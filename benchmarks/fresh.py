"""One measurement in one fresh process: what an earlier call has built or touched cannot flatter it.

The engine keeps the tables of the distance law for the next call, and a process never forgets its largest
size; so times "tables included" and peak memory are taken here, one process each.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

SEED = 20240607
LEVELS = 200


def measure(task: str, **parameters) -> dict:
    """Run ``time_certify`` or ``peak_memory`` in a process of its own and return its figures."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fresh", json.dumps({"task": task, **parameters})],
        cwd=Path(__file__).resolve().parents[1],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def time_certify(
    dataset: str, *, data_dir: str | None, n_neighbors: int, sigma: float, bucketed: bool, n_queries: int
) -> dict:
    """Seconds on one thread: certify, its distances alone, and scikit-learn's brute-force kneighbors."""
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    from knn_cert import SmoothedKNNClassifier, kernels, load_dataset, rab_edges

    data = load_dataset(dataset, data_dir=data_dir, download=False)
    queries, dof = data.X_test[:n_queries], data.X_train.shape[1]
    edges = rab_edges(dof, sigma, LEVELS) if bucketed else None
    kernel = kernels.get_backend("auto")  # loading the library is no part of answering a query
    classifier = SmoothedKNNClassifier(n_neighbors, sigma, edges=edges, n_threads=1)
    classifier.fit(data.X_train, data.y_train)
    neighbors = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(data.X_train)

    with threadpool_limits(limits=1):
        certify, certify_cpu, certificates = _seconds(lambda: classifier.certify(queries))
        distances, _, _ = _seconds(lambda: kernel.distances(queries, data.X_train, n_threads=1))
        # scikit-learn may warm up, the engine above may not: the ratio errs on the cautious side.
        neighbors.kneighbors(queries[:8])
        scan, scan_cpu, _ = _seconds(lambda: neighbors.kneighbors(queries))
    return {
        "n_queries": len(queries),
        "certify": certify,
        "distances": distances,
        "kneighbors": scan,
        "cpu_per_second": max(certify_cpu / certify, scan_cpu / scan),
        "worst_sum": float(abs(certificates.probabilities.sum(axis=1) - 1.0).max()),
    }


def peak_memory(*, data_dir: str | None, n_rows: int, n_queries: int, bucketed: bool) -> dict:
    """Megabytes that fit and certify need beyond the data, at their worst moment, on all cores.

    The data are the rows of Spambase, repeated, each feature moved by noise of standard deviation 0.01: as
    many distinct rows as asked for, with the distances of real ones.
    """
    import numpy as np

    from knn_cert import SmoothedKNNClassifier, kernels, load_dataset, rab_edges

    data = load_dataset("spambase", data_dir=data_dir, download=False)
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


def _seconds(call) -> tuple[float, float, object]:
    """Return wall time, CPU time of all threads, and what the call returned."""
    cpu, wall = time.process_time(), time.perf_counter()
    answer = call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, cpu, answer


def _forget_peak() -> float:
    """Return the memory in use now, in MB, and let the record of the peak begin here where that is possible.

    ru_maxrss alone will not do on Linux: it is inherited from the process that started this one, and it
    remembers the loading of the data, so that a difference of two readings can hide anything.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass  # the peak then includes the loading of the data: the figure can only become larger
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


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    run = {"time_certify": time_certify, "peak_memory": peak_memory}[request.pop("task")]
    print(json.dumps(run(**request)))
