"""A table on a cluster of two worker processes: throughput against one process, traffic, memory.

Run ``python -m benchmarks.scaling.cluster [--save]`` in a source checkout; see benchmarks/README.md. The full
study writes 2.3 GB of Parquet to a temporary folder (--folder names another place).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knn_cert import LabelFlips, SmoothedKNNClassifier, summarise
from knn_cert.shards.needs import first_near
from knn_cert.tables import stream_table

from ..common.command import parse, report_on, study_parser
from ..common.report import SEED, Report, duration, require
from .simulation import Constants, Table, simulate
from .tables import rows, write_table

if TYPE_CHECKING:
    import pandas as pd

_D, _PART, _PARTS_MEASURED = 56, 100_000, 8


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a result is wrong."""
    parser = study_parser("scaling.cluster", __doc__)
    parser.add_argument("--folder", help="where the table is written (default: a temporary folder)")
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the table (default: %(default)s)")
    options = parse(parser, argv)
    return report_on(lambda report: _run(report, options), options, "cluster")


def _run(report: Report, options: argparse.Namespace) -> None:
    from distributed import Client, LocalCluster

    n, m = (6_000, 40) if options.quick else (options.rows, 1000)
    report.opening("A table on a cluster of two worker processes", SEED)
    queries = rows(m, _D, np.random.default_rng(SEED))[0].astype(np.float64)
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        _check(Path(folder), options.quick)
        path = Path(folder) / "table.parquet"
        write_table(path, n, _D, seed=7)
        lines, measured = [], []
        for sigma in (0.0, 1.0):
            n_near = first_near(LabelFlips(), sigma, n)
            one = _one_process(path, queries, sigma, 1, n_near)
            two = _one_process(path, queries, sigma, 2, n_near)
            many = _cluster(client, path, queries, sigma)
            pace = n * m / many["seconds"]
            lines.append(
                [
                    f"{sigma:g}",
                    duration(one["seconds"]),
                    duration(two["seconds"]),
                    duration(many["seconds"]),
                    f"{one['seconds'] / many['seconds']:.2f}",
                    f"{two['seconds'] / many['seconds']:.2f}",
                    f"{pace:.2g}",
                    f"{one['bytes']:.0f}",
                    f"{many['moved'] / 1e6:.0f}",
                    " ".join(f"{name} {peak:.0f}" for name, peak in many["peaks"].items()),
                ]
            )
            constants = _constants(path, queries, sigma, n, one["certify_byte"])
            measured.append((sigma, one, many, constants))
    report.text(
        f"{n:.0e} rows of {_D} features (float32, Parquet, row groups of {_PART:,} rows), {m} queries, "
        "K = 5, flipped labels. Threads: one process without Dask reads the same row groups one after the "
        "other on one thread, adds them to one summary and certifies, on one or two. Both keep as many near "
        "rows as open budgets need; the cluster asks again for queries in doubt besides, and reads the table "
        "once for each block of queries, of which a worker may hold 400 MB of summaries. The scheduler lives "
        "in the process of the client."
    )
    report.table(
        (
            "sigma",
            "one thread",
            "two threads",
            "two workers",
            "one thread / workers",
            "two threads / workers",
            "rows x queries a second",
            "summary, bytes a query",
            "MB moved",
            "peak MB",
        ),
        lines,
    )
    _simulated(report, measured, n, m)


def _check(folder: Path, quick: bool) -> None:
    from knn_cert.distributed import DistributedKNNClassifier, read_parquet

    n = 2_000 if quick else 20_000
    write_table(folder / "small.parquet", n, _D, seed=8)
    with stream_table(folder / "small.parquet", "kind") as stream:
        ((X, y),) = stream.parts(n, stream.labels(n).meaning)
    expected = SmoothedKNNClassifier(5, 1.0).fit(X, y).certify(X[:20] + 0.5, LabelFlips())
    classifier = DistributedKNNClassifier(5, 1.0).fit(*read_parquet(folder / "small.parquet", "kind"))
    found = classifier.certify(_named(X[:20] + 0.5), LabelFlips())
    require(np.array_equal(found.budget, expected.budget), "a cluster certifies what the whole table does")


def _one_process(path: Path, queries: np.ndarray, sigma: float, n_threads: int, n_near: int | None) -> dict:
    settings = {**_asked(sigma, n_near), "n_threads": n_threads}
    began = time.perf_counter()
    whole = None
    with stream_table(path, "kind") as stream:
        for X, y in stream.parts(_PART, stream.labels(_PART).meaning):
            whole = summarise(queries, X, y, before=whole, **settings)
    before = time.perf_counter()
    certificates, _ = whole.certify(LabelFlips(), n_neighbors=5, n_threads=n_threads)
    ended = time.perf_counter()
    return {
        "seconds": ended - began,
        "certificates": certificates,
        "bytes": whole.nbytes / len(queries),
        "certify_byte": (ended - before) / whole.nbytes,
    }


def _asked(sigma: float, n_near: int | None) -> dict:
    return {"n_neighbors": 5, "sigma": sigma, "threat": LabelFlips(), "n_near": n_near, "n_threads": 1}


def _constants(path: Path, queries: np.ndarray, sigma: float, n: int, certify_byte: float) -> Constants:
    """Measure what a worker takes for a part, on a few parts, with as many near rows as they keep."""
    table = Table(n, len(queries), min(_PART, n), _near(sigma, n))
    leaves, n_rows = [], 0
    with stream_table(path, "kind") as stream:
        meaning = stream.labels(_PART).meaning
        began = time.perf_counter()
        parts = []
        for X, y in stream.parts(_PART, meaning):
            parts.append((X, y))
            n_rows += len(X)
            if len(parts) == _PARTS_MEASURED:
                break
        read = time.perf_counter()
        leaves = [summarise(queries, X, y, **_asked(sigma, table.near_of_part)) for X, y in parts]
    summarised = time.perf_counter()
    leaves[0].merge(*leaves[1:], n_near=table.n_near, n_threads=1)
    merged = time.perf_counter()
    n_bytes = sum(leaf.nbytes for leaf in leaves)
    near_bytes = sum(leaf.arrays.near.nbytes for leaf in leaves)
    return Constants(
        read_row=(read - began) / n_rows,
        row_and_query=(summarised - read) / (n_rows * len(queries)),
        merge_byte=(merged - summarised) / n_bytes,
        certify_byte=certify_byte,
        far_bytes=(n_bytes - near_bytes) / (len(leaves) * len(queries)),
    )


def _near(sigma: float, n: int) -> int:
    """Return how many near rows of each class are kept: K and K flipped ones, or what open budgets need."""
    return first_near(LabelFlips(), sigma, n) or 10


def _cluster(client, path: Path, queries: np.ndarray, sigma: float) -> dict:
    from knn_cert.distributed import DistributedKNNClassifier, read_parquet

    classifier = DistributedKNNClassifier(5, sigma).fit(*read_parquet(path, "kind", rows_a_part=_PART))
    pids = {
        "client": os.getpid(),
        **{f"worker {k}": pid for k, pid in enumerate(client.run(os.getpid).values())},
    }
    moved_before = sum(client.run(_bytes_moved).values())
    peaks = dict.fromkeys(pids, 0.0)
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.2):
            for name, pid in pids.items():
                peaks[name] = max(peaks[name], _resident(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    certificates = classifier.certify(_named(queries), LabelFlips())
    seconds = time.perf_counter() - began
    stop.set()
    watcher.join()
    moved = sum(client.run(_bytes_moved).values()) - moved_before
    return {"seconds": seconds, "certificates": certificates, "peaks": peaks, "moved": moved}


def _named(queries: np.ndarray) -> pd.DataFrame:
    """Return queries with the names that the columns of the table have."""
    import pandas as pd

    return pd.DataFrame(queries, columns=[f"x{j}" for j in range(_D)])


def _bytes_moved(dask_worker) -> int:
    return (
        int(dask_worker.transfer_incoming_bytes_total)
        if hasattr(dask_worker, "transfer_incoming_bytes_total")
        else sum(one["total"] for one in dask_worker.transfer_incoming_log)
    )


def _resident(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/statm").read_text()
    except OSError:
        return 0.0
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _simulated(report: Report, measured: list, n: int, m: int) -> None:
    report.heading("From these constants")
    for sigma, one, many, c in measured:
        require(
            np.array_equal(one["certificates"].label, many["certificates"].label)
            and bool(np.all(one["certificates"].budget <= many["certificates"].budget)),
            "both certify the same, but for what one process left in doubt",
        )
        table = Table(n, m, min(_PART, n), _near(sigma, n))
        expected = simulate(c, table, n_workers=2)
        report.text(
            f"sigma = {sigma:g}: reading {1e6 * c.read_row:.2f} us a row, {1e9 * c.row_and_query:.1f} ns a "
            f"row and query, merging {1e9 * c.merge_byte:.2f} ns a byte, certifying "
            f"{1e9 * c.certify_byte:.1f} ns a byte, {c.far_bytes:.0f} bytes a query and part besides 16 for "
            f"each near row. Simulated for the cluster above {duration(expected.seconds)} and "
            f"{expected.bytes_moved / 1e6:.0f} MB moved, "
            f"measured {duration(many['seconds'])} and {many['moved'] / 1e6:.0f} MB. Then on parts of "
            f"{10 * _PART:,} rows, one pass for each block of queries:"
        )
        lines = []
        for n_rows, n_queries in ((10**7, 10**3), (10**8, 10**4), (10**9, 10**4), (10**9, 10**6)):
            larger = Table(n_rows, n_queries, 10 * _PART, _near(sigma, n_rows))
            times = [simulate(c, larger, n_workers=n_workers) for n_workers in (1, 4, 64)]
            cells = [f"{one.seconds / 3600:.3g} h" for one in times]
            moved = f"{times[-1].bytes_moved / 1e9:.3g} GB"
            lines.append([f"{n_rows:.0e}", f"{n_queries:.0e}", *cells, moved])
        report.table(("rows", "queries", "1 worker", "4 workers", "64 workers", "moved among 64"), lines)


if __name__ == "__main__":
    sys.exit(main())
