"""Plots of certificates with matplotlib, which is optional: ``pip install 'knn-cert[plot]'``.

What is drawn was counted by the certificates themselves, as their ``summary`` has it. Each function draws
into ``ax``, or into a new figure if it is left out, and returns the axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._pareto import unbeaten
from ._printing import printable, shortened
from .gate.errors import InvalidInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["budgets", "certified_accuracy", "frontier", "influence"]

_AXIS = {"radius": "distance", "rows": "tampered rows", "words": "edited words"}

# Told apart also in black and white. The colours are those of Okabe and Ito, safe for the colour-blind.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_LINES = ("-", "--", "-.", ":")

# Of so many comparisons of a query with a budget a table is made at once, a byte each.
_BLOCK = 1 << 22

# Up to so many whole numbers have a bar each; more, and radii, are put into bins.
_BARS = 60


class _Certificates(Protocol):
    """What is read of `Certificates`, which stand above this module."""

    @property
    def budget(self) -> NDArray[Any]: ...
    @property
    def abstained(self) -> NDArray[np.bool_]: ...
    @property
    def threat(self) -> Any: ...
    @property
    def classifier(self) -> Any: ...
    @property
    def noise(self) -> Any: ...
    def summary(self, y_true: ArrayLike | None = ..., budgets: Sequence[float] | None = ...) -> Any: ...
    def __len__(self) -> int: ...


class _Influence(Protocol):
    """What is read of `Influence`."""

    @property
    def rows(self) -> NDArray[Any]: ...
    @property
    def change(self) -> NDArray[np.float64]: ...


def certified_accuracy(
    certificates: _Certificates | Sequence[_Certificates] | Mapping[str, _Certificates],
    y_true: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot the share of queries that are predicted right and certified, for every budget.

    Parameters
    ----------
    certificates : Certificates, or a sequence of them, or a mapping of names to them
        Of the same queries, with budgets of the same kind.
    y_true : array_like of shape (n_queries,), optional
        True labels; without them the share that is certified, right or not.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        With one line for each of the certificates. Where the threat named its budget, a line ends there:
        nothing is known beyond.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there are no certificates, or of different kinds of budgets, or as `Certificates.summary`.
    """
    named = _named(certificates)
    unit = _one_unit(list(named.values()))
    axes = _axes(ax)
    for (name, one), colour, line in zip(named.items(), cycle(_COLOURS), cycle(_LINES)):
        x, share = _curve(one, y_true)
        # A ball is open: at its own radius a prediction is no longer certified.
        where: Literal["pre", "post"] = "post" if one.threat.is_ball else "pre"
        axes.step(x, share, where=where, color=colour, linestyle=line, label=_shown(name))
    axes.set_xlabel(_AXIS[unit])
    axes.set_ylabel("certified rate" if y_true is None else "certified accuracy")
    axes.set_ylim(0.0, 1.02)
    axes.set_xlim(left=0.0)
    axes.legend()
    return axes


def frontier(
    grid: Mapping[Any, _Certificates], y_true: ArrayLike, budget: float, ax: Axes | None = None
) -> Axes:
    """Plot accuracy and certified accuracy of several settings, and join those that no other one beats.

    Parameters
    ----------
    grid : mapping of GridPoint to Certificates
        What `SmoothedKNNClassifier.certify_grid` returns, with one threat.
    y_true : array_like of shape (n_queries,)
        True labels.
    budget : float
        At which certified accuracy is counted, in the units of the budgets.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        With a circle for each setting without noise and a triangle for each with noise; those that no other
        one beats have their K and sigma beside them.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the grid is empty or has several threats, or as `Certificates.summary`.
    """
    if not grid:
        raise InvalidInput("grid must hold at least one setting, got none")
    threats = {repr(threat) for _, _, threat in grid}
    if len(threats) > 1:
        raise InvalidInput(
            f"grid must have one threat, got {len(threats)}: {', '.join(sorted(threats))}; take one of them, "
            "such as {point: grid[point] for point in grid if point.threat == threat}"
        )
    summaries = [one.summary(y_true, [budget]) for one in grid.values()]
    merits = [(one.prediction_accuracy, float(one.certified_accuracy[0])) for one in summaries]
    axes = _axes(ax)
    for marker, with_noise, label in (("o", False, "without noise"), ("^", True, "with noise")):
        chosen = [
            merit for (_, sigma, _), merit in zip(grid, merits, strict=True) if (sigma > 0) == with_noise
        ]
        if chosen:
            colour = _COLOURS[with_noise]
            axes.plot(*zip(*chosen, strict=True), marker, color=colour, fillstyle="none", label=label)
    best, points = unbeaten(merits), list(grid)
    axes.step(*zip(*(merits[i] for i in best), strict=True), where="post", color="0.6", zorder=0)
    for i in best:
        n_neighbors, sigma, _ = points[i]
        words = f"K = {n_neighbors}" + (f", sigma = {sigma:g}" if sigma > 0 else "")
        axes.annotate(words, merits[i], xytext=(5, 5), textcoords="offset points", fontsize="small")
    # Room for the words beside the marks.
    axes.margins(x=0.14, y=0.08)
    unit = next(iter(grid.values())).threat.budget_name
    axes.set_xlabel("accuracy")
    axes.set_ylabel(f"certified accuracy, {_AXIS[unit]}: {budget:g}")
    axes.legend()
    return axes


def budgets(certificates: _Certificates, ax: Axes | None = None) -> Axes:
    """Plot how many predictions are certified for which budget.

    Parameters
    ----------
    certificates : Certificates
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        With a bar for each number of rows or words, or for each of many bins. Predictions without a
        certificate and those that nothing changes have no bar; the title counts them.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there are no certificates.
    """
    unit = _one_unit([certificates])
    answered = np.asarray(certificates.budget, dtype=np.float64)[~certificates.abstained]
    known = answered[np.isfinite(answered)]
    axes = _axes(ax)
    largest = known.max(initial=0.0)
    if unit != "radius" and largest < _BARS:
        edges = np.arange(largest + 2.0) - 0.5
    else:
        edges = np.histogram_bin_edges(known, bins="auto", range=(0.0, largest or 1.0))
    axes.hist(known, bins=edges.tolist(), color=_COLOURS[0], edgecolor="white")
    axes.set_xlabel(f"certified budget: {_AXIS[unit]}")
    axes.set_ylabel("predictions")
    title = f"{len(certificates)} predictions, {len(certificates) - len(answered)} without a certificate"
    n_infinite = len(answered) - len(known)
    axes.set_title(title + (f", {n_infinite} that nothing changes" if n_infinite else ""))
    return axes


def influence(influence: _Influence, most: int = 20, ax: Axes | None = None) -> Axes:
    """Plot which training rows the predictions lean on: what they lose in total when single rows go.

    Parameters
    ----------
    influence : Influence
        What `SmoothedKNNClassifier.influence` returns. Of each query only the rows in it are counted.
    most : int, default=20
        How many rows are shown.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        With a bar for each row: by how much the probabilities of the predictions fall without it, added up
        over the queries; where they rise, the bar is negative.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If most is below 1, or there are no rows.
    """
    if most < 1:
        raise InvalidInput(f"most must be at least 1, got {most!r}")
    rows, place = np.unique(np.asarray(influence.rows), return_inverse=True)
    if rows.size == 0:
        raise InvalidInput("influence must be of at least one query and one row, got none")
    total = np.bincount(place.ravel(), weights=-np.asarray(influence.change).ravel(), minlength=len(rows))
    order = np.argsort(-total, kind="stable")[:most]
    axes = _axes(ax)
    axes.barh([str(row) for row in rows[order]], total[order], color=_COLOURS[0])
    axes.invert_yaxis()
    axes.set_xlabel("probability lost without the row, all queries together")
    axes.set_ylabel("training row")
    return axes


def _curve(certificates: _Certificates, y_true: ArrayLike | None) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return budgets at which the share of certified queries changes, and that share at each of them."""
    known = np.asarray(certificates.budget, dtype=np.float64)
    known = np.unique(known[np.isfinite(known)])
    x = np.unique(np.append(known, 0.0))
    if certificates.threat.is_open:
        # A little farther, where only those are left that nothing changes.
        beyond = 1.05 * x[-1] or 1.0
        x = np.append(x, beyond if certificates.threat.budget_name == "radius" else np.ceil(x[-1] + 1.0))
    size = max(1, _BLOCK // len(certificates))
    shares = []
    for start in range(0, len(x), size):
        summary = certificates.summary(y_true, x[start : start + size].tolist())
        shares.append(summary.certified_rate if y_true is None else summary.certified_accuracy)
    return x, np.concatenate(shares)


def _named(
    certificates: _Certificates | Sequence[_Certificates] | Mapping[str, _Certificates],
) -> dict[str, _Certificates]:
    """Return certificates by the names that stand in the legend."""
    if isinstance(certificates, Mapping):
        return dict(certificates)
    if isinstance(certificates, (list, tuple)):
        # Different results may have the same settings.
        return {f"{number}. {_settings(one)}": one for number, one in enumerate(certificates, 1)}
    one: _Certificates = certificates  # type: ignore[assignment]  # no other sequence is a result
    return {_settings(one): one}


def _settings(certificates: _Certificates) -> str:
    classifier = certificates.classifier.describe().removeprefix("the ")
    return f"{type(certificates.threat).__name__}, {classifier}, {certificates.noise}"


def _one_unit(certificates: Sequence[_Certificates]) -> str:
    """Return the kind of budget that all have."""
    if not certificates or not all(len(one) for one in certificates):
        raise InvalidInput("there must be certificates of at least one query, got none")
    units = sorted({one.threat.budget_name for one in certificates})
    if len(units) > 1:
        raise InvalidInput(f"certificates must have budgets of one kind, got {' and '.join(units)}")
    return str(units[0])


def _shown(name: str) -> str:
    # Between dollar signs matplotlib sets formulas.
    return shortened(printable(name), 70).replace("$", r"\$")


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "plots need matplotlib, which is not installed: pip install 'knn-cert[plot]'"
        ) from error
    axes: Axes = pyplot.subplots(layout="constrained")[1]
    return axes
