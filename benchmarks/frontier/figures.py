"""Who certifies most at which accuracy: plain and smoothed K-NN, radius neighbours, counts, ridge regression.

Run ``python -m benchmarks.frontier.figures [--save]`` in a source checkout; see benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np

from knn_cert import kernels
from knn_cert.datasets import Dataset

from ..common.choice import Column, Halves, cell, draw_queries, frontier
from ..common.command import add_choice, parse, positive, report_on, study_parser
from ..common.plots import save_panels
from ..common.report import SEED, Report, wilson
from ..common.sets import TITLES, names_of, read_set
from ..rivals.candidates import N_NEIGHBORS as COUNTED
from ..rivals.candidates import RIDGE, count_candidates, ridge_candidates, spread_radii
from ..rivals.tampered_tables import check_rivals
from .candidates import (
    PLAIN,
    RADIUS,
    SMOOTHED,
    Asked,
    plain_candidates,
    radius_candidates,
    smoothed_candidates,
)
from .checks import carry_out, check_counts, check_order, tied_at
from .more_rows import plain_on_more_rows
from .saved import Measured
from .study import BALL, BALLS, FLIPS, GOALS, GRIDS, SHARES, THREATS, Grid, row_columns, share_name

FAMILIES = (PLAIN, SMOOTHED, RADIUS, COUNTED, RIDGE)
_BELOW_BEST = (0.02, 0.05, 0.1, 1.0)  # how much accuracy may be given up for certificates
_ATTACKED_QUERIES, _ATTACKED_NEIGHBORS = 10, (5, 101, 1001, 3001)


def main(argv: list[str] | None = None) -> int:
    """Run the study, one report a data set; return 1 if a figure that must hold does not."""
    parser = study_parser("frontier.figures", __doc__)
    add_choice(parser, "--datasets", list(TITLES))
    parser.add_argument("--limit", type=positive, help="test rows (default: those of the study, up to 400)")
    options = parse(parser, argv)
    return max(
        report_on(lambda report, name=name: _run(report, name, options), options, f"frontier/{name}")
        for name in names_of(options)
    )


def _run(report: Report, name: str, options: argparse.Namespace) -> None:
    began = time.perf_counter()
    report.opening(f"Certified accuracy at each accuracy: {TITLES[name]}", SEED)
    data = read_set(report, options.source, name)
    if data is None:
        return
    grid = GRIDS[name].quick() if options.quick else GRIDS[name]
    measured = measure(report, name, data, grid._replace(n_queries=options.limit or grid.n_queries))
    _tables(report, measured)
    if not options.quick:
        report_goals(report, [measured])
    if grid.more_queries and name in GOALS:
        plain_on_more_rows(report, name, data, grid)
    if options.save:
        _plot(report, measured)
        measured.save()
    report.text(f"The whole run took {time.perf_counter() - began:.0f} s.")


def measure(report: Report, name: str, data: Dataset, grid: Grid) -> Measured:
    """Certify with every setting, and check before anything is printed."""
    queries, truth = draw_queries(data, grid.n_queries)
    halves = Halves.of(len(queries))
    asked = Asked(data.X_train, data.y_train, queries, truth)
    classes, labels = np.unique(data.y_train, return_inverse=True)
    n, n_classes, numbers = len(labels), len(classes), np.searchsorted(classes, truth)
    distances = kernels.get_backend().distances(queries, data.X_train, n_threads=1)
    ks = [k for k in grid.plain if k <= n]
    radii = spread_radii(distances[halves.chosen], grid.held)
    rows = row_columns(n)

    plain = list(plain_candidates(asked, ks))
    counted = list(
        count_candidates(distances, labels, numbers, n_classes=n_classes, n_neighbors=ks, radii=(), rows=rows)
    )
    radius = list(radius_candidates(asked, radii))
    smoothed = list(smoothed_candidates(asked, [k for k in grid.smoothed if k <= n], grid.sigmas))
    flips = {column: count for column, count in rows.items() if column.threat == FLIPS}
    ridge = list(ridge_candidates(data, queries, labels, numbers, n_classes=n_classes, rows=flips))

    checked = check_rivals()
    check_counts(plain, counted, tied_at(distances, ks))
    check_order([*plain, *radius, *(smoothed if n_classes == 2 else ())])
    attacked = {k: one for k, one in zip(ks, plain, strict=True) if k in _ATTACKED_NEIGHBORS}
    worked = carry_out(attacked, distances, labels, n_classes, min(_ATTACKED_QUERIES, len(queries)))

    n_judged = halves.judged.stop - halves.judged.start
    constant = float(np.mean(numbers[halves.judged] == np.bincount(labels).argmax()))
    report.text(
        f"n = {n:,}, d = {data.X_train.shape[1]}, {n_classes} classes; {len(queries)} test rows in random "
        f"order. Settings are chosen on the first half of them, figures are of the other {n_judged}. Naming "
        f"the class that most rows have is right for {constant:.3f}: a certified accuracy near that at that "
        "accuracy shows no skill."
    )
    report.text(
        f"Settings: K without noise {_listed(ks)}; with noise K {_listed(grid.smoothed)}, sigma "
        f"{_listed(grid.sigmas)}; radii {_listed(radii)}; count certificate (Jia et al.): the same K; ridge "
        "regression: seven penalties, with and without intercept, features as they are and standardised. "
        "The count certificate holds for any rows inserted, deleted or modified, so also for those moved or "
        "relabelled; ridge regression has a certificate for flipped labels only, and that is exact."
    )
    report.text(
        f"Checked: the rivals' certificates on tiny tables ({sum(checked):,} tampered ones); plain K-NN "
        "withstands exactly as many replaced rows as the count certificate says; what allows more rows, or "
        "more to be done to them, certifies no more. Attacks carried out on plain K-NN at "
        f"K = {_listed(list(attacked))}, first {min(_ATTACKED_QUERIES, len(queries))} queries: no certified "
        f"prediction changed; of those right and not certified, changed: {_worked(worked)}."
    )
    scores = [c.score(halves) for c in (*plain, *smoothed, *radius, *counted, *ridge)]
    return Measured(name, n, data.X_train.shape[1], n_classes, n_judged, constant, scores)


def _tables(report: Report, measured: Measured) -> None:
    top = max(s.accuracy.chosen for s in measured.of(PLAIN))
    columns = list(dict.fromkeys(column for s in measured.scores for column in s.certified))
    columns.sort(key=lambda column: THREATS.index(column.threat))
    for below in _BELOW_BEST:
        title = (
            f"Accuracy within {below:g} of the best plain K-NN ({top:.3f})" if below < 1.0 else "Any accuracy"
        )
        report.heading(title)
        report.text(
            "Right and certified (95 % interval, Wilson) at its accuracy; the setting that certifies most on "
            "the choosing half among those so accurate there."
        )
        report.table(
            ["attacker", "budget", *FAMILIES],
            [
                [
                    column.threat,
                    column.budget,
                    *(
                        cell(measured.of(family), column, measured.n_judged, top - below)
                        for family in FAMILIES
                    ),
                ]
                for column in columns
            ],
        )


def report_goals(report: Report, sets: Sequence[Measured]) -> None:
    """Print the figures aimed at on these data sets, and which are met."""
    rows = []
    for measured in sets:
        for goal in GOALS.get(measured.name, []):
            (score,) = [s for s in measured.of(PLAIN) if s.setting == f"K = {goal.n_neighbors}"]
            share = score.certified[goal.column].judged
            rows.append(
                [
                    TITLES[measured.name],
                    ", ".join(goal.column),
                    score.setting,
                    f"{score.accuracy.judged:.3f}",
                    f"{share:.3f} ({wilson(share, measured.n_judged)})",
                    f"{goal.share:.2f}: {'met' if share >= goal.share else 'MISSED'}",
                ]
            )
    if rows:
        report.heading("Figures aimed at")
        report.table(["data", "attacker", "plain K-NN", "accuracy", "right and certified", "goal"], rows)


def _plot(report: Report, measured: Measured) -> None:
    """Draw the frontiers of the choosing half with the figures of the judged half."""
    panels = {}
    for threat in THREATS:
        budget = f"radius {BALLS[1]:g}" if threat == BALL else share_name(SHARES[-1])
        column = Column(threat, budget)
        lines = {}
        for family in FAMILIES:
            kept = frontier(measured.of(family), column)
            points = sorted((s.accuracy.judged, s.certified[column].judged) for s in kept)
            if points:
                lines[family] = tuple(zip(*points, strict=True))
        panels[f"{threat}, {budget}"] = lines
    save_panels(report, f"frontier/{measured.name}", panels, x="accuracy", y="right and certified")


def _worked(worked: dict) -> str:
    return ", ".join(f"{threat} {one.worked} of {one.tried}" for threat, one in worked.items())


def _listed(values) -> str:
    return ", ".join(f"{value:g}" for value in values)


if __name__ == "__main__":
    sys.exit(main())
