"""Line plots for reports that are saved; without matplotlib the tables have to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .command import RESULTS
from .report import Report

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
    try:
        import matplotlib
    except ImportError:
        report.text("No plot: matplotlib is not installed.")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

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
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / f"{name}.png")
    pyplot.close(figure)
    report.text(f"![{y} against {x}]({name}.png)")
