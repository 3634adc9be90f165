"""Section 3 of the scoreboard: how the cost of a query grows, on one thread unless threads are what grows."""

from __future__ import annotations

import statistics

import numpy as np

from knn_cert import _core, kernels, rab_edges
from knn_cert.datasets import Dataset

from ..common.report import Report, duration
from .tables import (
    Engine,
    Table,
    from_dataset,
    gaussian,
    median_ratio,
    neighbor_search,
    paired,
    with_jitter,
)


def scaling(report: Report, spambase: Dataset, largest: int, runs: int) -> None:
    """Tables of times a query and of ratios to ``kneighbors``; ``largest`` is the largest number of rows."""
    lines = []
    for n in (1_000, 10_000, 100_000, 1_000_000):
        if n <= largest:
            lines.append(_line(f"n = {n:,}", with_jitter(spambase, n, 64), runs))
    for d in (8, 64, 512, 2048):
        if d <= largest:
            lines.append(_line(f"d = {d}", gaussian(5_000, d, 64), runs))
    table = from_dataset(spambase, 256)
    lines += [_line(f"K = {k}", table, runs, n_neighbors=k) for k in (1, 5, 15, 51, 151)]
    lines += [_line(f"C = {c}", table.with_classes(c), runs) for c in (2, 5, 10, 30)]
    lines += [_line(f"{t} thread(s)", table, runs, n_threads=t) for t in (1, 2)]
    report.table(["what", "table", "a query", "ratio to kneighbors"], lines)
    _levels(report, table, runs)


def _line(what: str, table: Table, runs: int, n_neighbors: int = 5, n_threads: int = 1) -> list[str]:
    ours, theirs = paired(
        [Engine(table, n_neighbors, n_threads).checked(2), neighbor_search(table, n_neighbors)],
        runs,
        n_threads,
    )
    name = f"{table.name}, n = {len(table.rows):,}"
    each = statistics.median(ours) / len(table.queries)
    return [what, name, duration(each), f"{median_ratio(ours, theirs):.2f}"]


def _levels(report: Report, table: Table, runs: int) -> None:
    """Buckets, and the instruction sets that this machine runs."""
    native = kernels.get_backend("native")
    distances = native.distances(table.queries[:16], table.rows, n_threads=1)
    law = {"n_classes": 2, "n_neighbors": 5, "sigma": 1.0, "dof": table.rows.shape[1], "n_threads": 1}

    def bucketed(levels: int):
        edges = rab_edges(table.rows.shape[1], 1.0, levels)
        return lambda: native.vote_bucketed(distances, table.labels, edges=edges, **law)

    levels = (50, 200, 800)
    lines = []
    for count in levels:
        (seconds,) = paired([bucketed(count)], runs)
        lines.append(
            [
                f"{count} buckets, distances given",
                duration(statistics.median(seconds) / len(distances)),
                "",
            ]
        )
    wanted, slowest = None, None
    try:
        for level in _core.simd_levels():
            _core.force_simd_level(level)
            engine = Engine(table)
            probabilities = engine().probabilities
            wanted = probabilities if wanted is None else wanted
            np.testing.assert_allclose(probabilities, wanted, rtol=0.0, atol=1e-10)
            (seconds,) = paired([engine], runs)
            each = statistics.median(seconds) / len(table.queries)
            slowest = each if slowest is None else slowest
            lines.append(
                [f"certify, instructions {level}", duration(each), f"{slowest / each:.2f} x as fast"]
            )
    finally:
        _core.force_simd_level("")
    report.table(["what", "a query", "against the first level"], lines)
