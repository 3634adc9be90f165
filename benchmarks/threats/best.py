"""Section 2, second part: beside K = 5 and sigma = 1, the best K and sigma for each threat and budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from knn_cert.datasets import Dataset
from knn_cert.threats import LabelFlips, QueryShift, RowShift, Threat

from ..common.choice import Candidate, Column, Halves, Score, cell, draw_queries
from ..common.report import Report, require, wilson
from ..frontier.candidates import PLAIN, SMOOTHED, Asked, floor
from ..frontier.figures import measure
from ..frontier.saved import Measured
from ..frontier.study import BELOW_BEST, GRIDS, THREATS, Grid
from ..rivals.candidates import N_NEIGHBORS as COUNTED
from .study import N_NEIGHBORS, RADII, SIGMA

_DEFAULT = f"K = {N_NEIGHBORS}, sigma {SIGMA:g}"
_SAVED_DIGITS = 1e-4  # shares are saved with four digits

_QUERY, _QUERY_AND_LABELS = "query moved", "query moved, 10 labels flipped"


def best_settings(report: Report, name: str, data: Dataset, *, quick: bool) -> None:
    """Print K = 5 and sigma = 1, K = 5 without noise and the best K and sigma, threat by threat."""
    grid = GRIDS[name]
    report.heading(f"{name}: the best K and sigma", level=3)
    if quick:
        grid = grid.quick()._replace(sigmas=(SIGMA,))
        found: Measured | None = measure(report, name, data, grid)
    else:
        found = Measured.load(name)
    if found is None:
        report.text(
            f"Left out: `frontier/{name}.json` is not there; "
            f"`python -m benchmarks.frontier.figures --datasets {name} --save` makes it."
        )
        return
    queries, truth = draw_queries(data, grid.n_queries)
    moved = list(_moved(Asked(data.X_train, data.y_train, queries, truth), grid))
    here = [one.score(Halves.of(len(queries))) for one in moved]
    _require_the_same_accuracy(found.scores, here)

    source = "A quick run" if quick else f"Read from `frontier/{name}.json`"
    report.text(
        f"Share of {found.n_judged} test rows predicted right and certified (95 % interval, Wilson), at its "
        "accuracy. The best K and sigma are those that certify most on "
        f"{len(queries) - found.n_judged} other rows, at each threat and budget anew, among those whose "
        f"accuracy there is at most {BELOW_BEST:g} below that of the best K-NN without noise: a classifier "
        "that always says the same survives anything (here it would be right for "
        f"{found.constant:.3f}). Where no sigma is named there is no noise. The count certificate, which is "
        f"about K-NN without noise, has its best K too. {source}, measured and checked by "
        "`benchmarks.frontier.figures`; the second table, about what is not in there, is measured here, on "
        "the same rows with the same settings. Checked: the accuracies of both are the same."
    )
    columns = [c for c in found.scores[0].certified if c.threat in THREATS]
    columns.sort(key=lambda column: THREATS.index(column.threat))
    _table(report, found.scores, columns, found.n_judged)
    _table(report, here, list(here[0].certified), found.n_judged)


def _moved(asked: Asked, grid: Grid) -> Iterator[Candidate]:
    """Yield K-NN with and without noise at each setting, certified against threats that move every row."""
    threats: dict[str, Threat] = {
        "all rows moved": RowShift(len(asked.X)),
        _QUERY: QueryShift(),
        _QUERY_AND_LABELS: QueryShift(training=LabelFlips(10)),
    }
    classifier = asked.fitted(n_threads=1)
    for sigma in (0.0, *grid.sigmas):
        ks = [k for k in (grid.smoothed if sigma else grid.plain) if k <= len(asked.X)]
        certified = classifier.certify_grid(
            asked.queries, n_neighbors=ks, sigma=[sigma], threats=list(threats.values())
        )
        for k in ks:
            by_name = {
                name: next(c for p, c in certified.items() if p.n_neighbors == k and p.threat == threat)
                for name, threat in threats.items()
            }
            holds = {
                Column(name, f"radius {radius:g}"): c.certified(radius)
                for name, c in by_name.items()
                for radius in RADII
            }
            for (name, budget), more in holds.items():
                if name == _QUERY_AND_LABELS:
                    wrong = np.flatnonzero(more & ~holds[Column(_QUERY, budget)])
                    require(not wrong.size, f"K = {k}, sigma {sigma:g}: {name} certified alone, rows {wrong}")
            setting = f"K = {k}, sigma {sigma:g}" if sigma else f"K = {k}"
            right = by_name[_QUERY].label == asked.truth
            yield Candidate(SMOOTHED if sigma else PLAIN, setting, right, holds)


def _require_the_same_accuracy(saved: Sequence[Score], here: Sequence[Score]) -> None:
    """Require that both speak of the same classifiers and the same rows."""
    by_setting = {s.setting: s.accuracy for s in saved if s.family in (PLAIN, SMOOTHED)}
    for one in here:
        require(one.setting in by_setting, f"{one.setting} was not measured before")
        apart = np.abs(np.subtract(by_setting[one.setting], one.accuracy)).max()
        require(apart <= _SAVED_DIGITS, f"{one.setting}: another accuracy, {apart:.4f} away")


def _table(report: Report, scores: Sequence[Score], columns: Sequence[Column], n_judged: int) -> None:
    least = floor(scores)
    ours = [s for s in scores if s.family in (PLAIN, SMOOTHED)]
    counted = [s for s in scores if s.family == COUNTED]
    fixed = [s for setting in (_DEFAULT, f"K = {N_NEIGHBORS}") for s in ours if s.setting == setting]
    rows = []
    for column in columns:
        shares = [s.certified[column].judged for s in fixed]
        cells = [f"{share:.3f} ({wilson(share, n_judged)})" for share in shares]
        line = [column.threat, column.budget, *cells, cell(ours, column, n_judged, least)]
        rows.append([*line, cell(counted, column, n_judged, least)] if counted else line)
    names = (f"K = {N_NEIGHBORS}, sigma = {SIGMA:g}", f"K = {N_NEIGHBORS}, no noise")
    report.table(
        [
            "threat",
            "budget",
            *(f"{n}: at {s.accuracy.judged:.3f}" for n, s in zip(names, fixed, strict=True)),
            "best K and sigma",
            *["count certificate, best K"] * bool(counted),
        ],
        rows,
    )
