"""Line plots for reports that are saved; without matplotlib the tables have to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .command import RESULTS
from .report import Report

_PANELS_A_ROW = 4
_BESIDE = 6  # with more lines than that, their names stand beside the plot


def save_lines(
    report: Report,
    name: str,
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    x: str,
    y: str,
    steps: bool = False,
) -> None:
    """Draw named lines (x values, y values) to results/NAME.png and put the picture into the report."""
    if (pyplot := _pyplot(report)) is None:
        return
    many = len(lines) > _BESIDE
    figure, axes = pyplot.subplots(figsize=(9 if many else 6, 3.5), dpi=110)
    for number, (label, (xs, ys)) in enumerate(lines.items()):
        # there are ten colours
        style = "-" if number < 10 else "--"
        axes.plot(xs, ys, style, drawstyle="steps-post" if steps else "default", label=label)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_ylim(0.0, 1.02)
    if many:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    else:
        axes.legend()
    figure.tight_layout()
    _save(report, pyplot, figure, name, f"{y} against {x}")


def save_panels(
    report: Report,
    name: str,
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
    *,
    x: str,
    y: str,
) -> None:
    """Draw panels side by side, each with named lines through points, to results/NAME.png.

    A line has the same colour in every panel; the names stand beside the last.
    """
    if (pyplot := _pyplot(report)) is None:
        return
    columns = min(len(panels), _PANELS_A_ROW)
    rows = -(-len(panels) // columns)
    figure, grid = pyplot.subplots(rows, columns, figsize=(3.4 * columns, 3.0 * rows), dpi=90, squeeze=False)
    names = list(dict.fromkeys(label for lines in panels.values() for label in lines))
    handles = {}
    for axes, (title, lines) in zip(grid.flat, panels.items(), strict=False):
        for label, (xs, ys) in lines.items():
            marker = "os^Dvx"[names.index(label) % 6]
            colour = f"C{names.index(label)}"
            (handles[label],) = axes.plot(xs, ys, marker=marker, markersize=4, color=colour)
        axes.set_title(title, fontsize=9)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
    for axes in list(grid.flat)[len(panels) :]:
        axes.axis("off")
    figure.legend(
        [handles[label] for label in names], names, loc="lower center", ncols=len(names), fontsize=9
    )
    figure.tight_layout(rect=(0.0, 0.05, 1.0, 1.0))
    _save(report, pyplot, figure, name, f"{y} against {x}")


def _pyplot(report: Report):
    """Return matplotlib's pyplot, or None and a line in the report without it."""
    try:
        import matplotlib
    except ImportError:
        report.text("No plot: matplotlib is not installed.")
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(report: Report, pyplot, figure, name: str, what: str) -> None:
    path = RESULTS / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    pyplot.close(figure)
    report.text(f"![{what}]({path.name})")
