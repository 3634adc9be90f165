"""Plain K-NN on more test rows than the other families: it is cheap, and its figures get sharper."""

from __future__ import annotations

from knn_cert.datasets import Dataset

from ..common.choice import Column, Halves, Score, best, draw_queries
from ..common.report import Report, wilson
from ..common.sets import TITLES
from .candidates import Asked, floor, plain_candidates
from .checks import check_order
from .study import BELOW_BEST, GOALS, Grid


def plain_on_more_rows(report: Report, name: str, data: Dataset, grid: Grid) -> None:
    """Print accuracy and certificates of every K, at the budgets of the figures aimed at."""
    queries, truth = draw_queries(data, grid.more_queries)
    halves = Halves.of(len(queries))
    asked = Asked(data.X_train, data.y_train, queries, truth)
    plain = list(plain_candidates(asked, [k for k in grid.plain if k <= len(data.X_train)]))
    check_order(plain)
    scores = [one.score(halves) for one in plain]
    report.heading(f"Plain K-NN on {len(queries):,} test rows")
    report.text(
        f"The figures aimed at on {TITLES[name]}, for every K and on more rows. The first "
        f"{halves.judged.start:,} in random order choose K, within {BELOW_BEST:g} of the best accuracy "
        "there, and its figure is that of the others. Both halves together are for a K that was named "
        "beforehand."
    )
    for column in dict.fromkeys(goal.column for goal in GOALS[name]):
        _one_column(report, scores, column, halves)


def _one_column(report: Report, scores: list[Score], column: Column, halves: Halves) -> None:
    n_chosen, n_judged = halves.judged.start, halves.judged.stop - halves.judged.start
    n = n_chosen + n_judged
    rows = []
    for one in scores:
        cells = [one.setting]
        for shares in (one.accuracy, one.certified[column]):
            both = (n_chosen * shares.chosen + n_judged * shares.judged) / n
            cells += [f"{shares.chosen:.3f}", f"{shares.judged:.3f}", f"{both:.4f}"]
        rows.append([*cells, wilson(both, n)])
    chosen = best(scores, column, floor(scores))
    assert chosen is not None  # the most accurate one is accurate enough
    judged = chosen.certified[column].judged
    report.text(
        f"{', '.join(column)}: chosen {chosen.setting}, certified and right {judged:.3f} "
        f"({wilson(judged, n_judged)}) at accuracy {chosen.accuracy.judged:.3f}."
    )
    header = ["choosing half", "judged half", "both"]
    report.table(
        [
            "plain K-NN",
            *(f"accuracy, {half}" for half in header),
            *(f"certified, {half}" for half in header),
            "95 % (Wilson)",
        ],
        rows,
    )
