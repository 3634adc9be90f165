"""Line plots for reports that are saved; without matplotlib the tables have to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .command import RESULTS
from .report import Report


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

    figure, axes = pyplot.subplots(figsize=(6, 3.5), dpi=110)
    for label, (xs, ys) in lines.items():
        axes.plot(xs, ys, drawstyle="steps-post" if steps else "default", label=label)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_ylim(0.0, 1.02)
    axes.legend()
    figure.tight_layout()
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / f"{name}.png")
    pyplot.close(figure)
    report.text(f"![{y} against {x}]({name}.png)")
