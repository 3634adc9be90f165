"""Votes of many neighbours: the time of a vote and of a worst case hardly depends on K.

Run ``python -m benchmarks.speed.any_k [--save]`` in a source checkout; see benchmarks/README.md.
Answers are checked against the recurrence before anything is timed. Distances are not part of the
times; tables of the distance law are warm, as they are after the first queries of a call.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from knn_cert import kernels
from knn_cert.exact.classifiers import checked_vote, threatened
from knn_cert.exact.measured import Measured
from knn_cert.kernels.families import RaceFamily, pack
from knn_cert.threats import Deletions, Insertions, LabelFlips, Replacements
from knn_cert.threats.rows import RowBudget

from ..common.command import study
from ..common.report import SEED, Report, duration, require, spread
from .tables import AGREEMENT, Table, from_dataset

_LISTS_ADD_UP = 1e-11  # what both probabilities together may be off one
_THREATS: dict[str, type[RowBudget]] = {
    "flips": LabelFlips,
    "replacements": Replacements,
    "deletions": Deletions,
    "insertions": Insertions,
}
_TOLERANCES = (1e-3, 0.0)  # what a search of budgets asks for first, and full accuracy


class _Setting(NamedTuple):
    """A table, distances of its queries, and how many votes count."""

    table: Table
    distances: np.ndarray
    sigma: float
    n_neighbors: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.table.name}, n = {len(self.table.rows)}, sigma = {self.sigma:g}"


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if an answer is wrong."""
    return study("speed.any_k", __doc__, _run, argv, saved_as="any_k")


def _run(report: Report, options: argparse.Namespace) -> None:
    report.opening("Votes of many neighbours", SEED, " One thread.")
    native = kernels.get_backend("native")
    if not hasattr(native, "simd_level"):
        report.text("The compiled kernel is not installed: nothing to measure.")
        return
    report.text(f"Instruction set: {native.simd_level()}.")
    settings = _settings(report, options)
    if not settings:
        return
    _agreement(report, settings, quick=options.quick)
    _votes(report, settings, runs=1 if options.quick else 5)
    _worst_cases(report, settings, runs=1 if options.quick else 3)
    _budgets(report, settings, runs=1 if options.quick else 3)


def _settings(report: Report, options: argparse.Namespace) -> list[_Setting]:
    n_queries = 2 if options.quick else 8
    sizes = (61, 101) if options.quick else (101, 501, 1001, 3001)
    out = []
    for name, sigmas in (("spambase", (0.25, 1.0)), ("mnist-01", (0.5, 1.0))):
        dataset = options.source.table(report, name)
        if dataset is None:
            continue
        table = from_dataset(dataset, n_queries)
        distances = kernels.get_backend("native").distances(table.queries, table.rows, n_threads=1)
        # so many votes that the smaller class might still win
        most = 2 * int(np.bincount(table.labels).min()) - 1
        n_neighbors = tuple(k for k in sizes if k <= most)
        out += [_Setting(table, distances, sigma, n_neighbors) for sigma in sigmas]
    return out


def _vote(setting: _Setting, query: int, n_neighbors: int, *, recurrence: bool = False) -> tuple:
    return kernels.get_backend("native").vote(
        setting.distances[query : query + 1],
        setting.table.labels,
        n_classes=2,
        n_neighbors=n_neighbors,
        sigma=setting.sigma,
        dof=float(setting.table.rows.shape[1]),
        recurrence=recurrence,
        n_threads=1,
    )


def _agreement(report: Report, settings: list[_Setting], *, quick: bool) -> None:
    report.heading("Agreement with the recurrence")
    rows = []
    for setting in settings:
        for n_neighbors in setting.n_neighbors:
            off_one = difference = share = 0.0
            for query in range(len(setting.distances)):
                p, error = _vote(setting, query, n_neighbors)
                off_one = max(off_one, abs(float(p.sum()) - 1.0))
                if query > 0 and not quick:
                    continue
                wanted, errors = _vote(setting, query, n_neighbors, recurrence=True)
                gap = np.abs(p - wanted)
                require(bool(np.all(gap <= error + errors)), f"{setting.name}: beyond the errors reported")
                difference = max(difference, float(gap.max()))
                share = max(share, float((gap / (error + errors)).max()))
            require(off_one <= _LISTS_ADD_UP, f"{setting.name}, K = {n_neighbors}: off one by {off_one}")
            require(difference <= AGREEMENT, f"{setting.name}, K = {n_neighbors}: differs by {difference}")
            rows.append(
                [setting.name, str(n_neighbors), f"{difference:.1e}", f"{share:.1e}", f"{off_one:.1e}"]
            )
    report.table(("table", "K", "difference", "... over errors reported", "sum less 1"), rows)


def _votes(report: Report, settings: list[_Setting], *, runs: int) -> None:
    report.heading("A vote")
    report.text("Median (smallest to largest) over the queries, each the best of some runs.")
    rows = []
    for setting in settings:
        for n_neighbors in setting.n_neighbors:
            times = [
                _best(runs, partial(_vote, setting, query, n_neighbors))
                for query in range(len(setting.distances))
            ]
            rows.append([setting.name, str(n_neighbors), spread(times, duration)])
    report.table(("table", "K", "a query"), rows)


def _worst_cases(report: Report, settings: list[_Setting], *, runs: int) -> None:
    report.heading("Worst cases of a threat")
    report.text(
        "A family of ten numbers of rows up to K / 2: the time of one member, medians over the queries, "
        "asked to an absolute error of 1e-3 / in full."
    )
    rows = []
    for setting in settings:
        for n_neighbors in setting.n_neighbors:
            cells = []
            for threat in _THREATS.values():
                times: dict[float, list[float]] = {tolerance: [] for tolerance in _TOLERANCES}
                for query in range(min(4, len(setting.distances))):
                    family = _family(setting, query, n_neighbors, threat)
                    _check_family(setting, family, n_neighbors)
                    for tolerance in _TOLERANCES:
                        call = partial(_race_family, setting, family, n_neighbors, tolerance)
                        times[tolerance].append(_best(runs, call) / family.n_members)
                cells.append(" / ".join(duration(statistics.median(times[t])) for t in _TOLERANCES))
            rows.append([setting.name, str(n_neighbors), *cells])
    report.table(("table", "K", *_THREATS), rows)


def _family(setting: _Setting, query: int, n_neighbors: int, threat: type[RowBudget]) -> RaceFamily:
    votes, _ = _vote(setting, query, n_neighbors)
    wins = setting.table.labels == int(votes[0].argmax())
    distances = setting.distances[query]
    numbers = np.linspace(0, n_neighbors // 2, 10).astype(np.int64)
    return threat().worst_rows(np.sort(distances[wins]), np.sort(distances[~wins]), np.unique(numbers))


def _race_family(
    setting: _Setting, family: RaceFamily, n_neighbors: int, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    m = np.array([(n_neighbors + 1) // 2])
    return kernels.get_backend("native").race_families(
        *pack([family]),
        m,
        m,
        sigma=setting.sigma,
        dof=float(setting.table.rows.shape[1]),
        tolerance=tolerance,
        n_threads=1,
    )


def _check_family(setting: _Setting, family: RaceFamily, n_neighbors: int) -> None:
    """Require that rough answers are within their errors of exact ones, and these add up to one."""
    (rough, rough_error), (p, error) = (
        _race_family(setting, family, n_neighbors, tolerance) for tolerance in _TOLERANCES
    )
    require(bool(np.all(np.abs(rough - p) <= rough_error + error)), f"{setting.name}: rough answers are off")
    require(bool(np.all(np.abs(p.sum(axis=1) - 1.0) <= _LISTS_ADD_UP)), f"{setting.name}: sums are off one")


def _budgets(report: Report, settings: list[_Setting], *, runs: int) -> None:
    report.heading("The largest number of tampered rows")
    report.text(
        "A query of all that are searched together, the best of some runs: sorting and search included."
    )
    rows = []
    for setting in settings:
        for n_neighbors in setting.n_neighbors:
            vote = checked_vote(
                n_neighbors=n_neighbors,
                sigma=setting.sigma,
                dof=setting.table.rows.shape[1],
                n_classes=2,
                labels_are_classes=True,
                n_rows=len(setting.table.rows),
                backend="native",
                n_threads=1,
            )
            found = vote.vote(Measured(setting.distances, setting.table.labels, 0.0))
            targets = np.argmax(found[0], axis=1)

            def search(threat: RowBudget, vote=vote, found=found, targets=targets, setting=setting) -> None:
                measured = Measured(setting.distances, setting.table.labels, 0.0)
                threatened(vote, measured, targets, found).largest_budget(threat)

            cells = [
                duration(_best(runs, partial(search, threat())) / len(setting.distances))
                for threat in _THREATS.values()
            ]
            rows.append([setting.name, str(n_neighbors), *cells])
    report.table(("table", "K", *_THREATS), rows)


def _best(runs: int, call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    sys.exit(main())
