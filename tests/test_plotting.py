"""Plots show what an independent count gives."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  after the backend

from knn_cert import (  # noqa: E402
    BlackBoxBall,
    Certificates,
    LabelFlips,
    QueryShift,
    SmoothedKNNClassifier,
    plotting,
)
from knn_cert._pareto import unbeaten  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    y = np.where(X[:, 0] + 0.4 * rng.normal(size=120) > 0, "yes", "no")
    return X[:80], y[:80], X[80:], y[80:]


@pytest.fixture(scope="module")
def certify(data):
    def _certify(threat, n_neighbors=15, sigma=0.0):
        knn = SmoothedKNNClassifier(n_neighbors=n_neighbors, sigma=sigma).fit(*data[:2])
        return knn.certify(data[2], threat)

    return _certify


def height(line, x):
    """What a line of steps is at x, by its corners as matplotlib draws them."""
    corners = line.get_path().vertices
    assert np.all(np.diff(corners[:, 0]) >= 0)
    return corners[np.searchsorted(corners[:, 0], x, side="left"), 1]


def count(cert, budget, y_true=None, *, is_open=False):
    """The share of certified predictions, by a loop."""
    number = 0
    for i in range(len(cert)):
        covered = cert.budget[i] > budget if is_open else cert.budget[i] >= budget
        if covered and not cert.abstained[i] and (y_true is None or cert.label[i] == y_true[i]):
            number += 1
    return number / len(cert)


@pytest.mark.parametrize("with_labels", [True, False])
@pytest.mark.parametrize("threat", [LabelFlips(), QueryShift(), LabelFlips(3)], ids=repr)
def test_a_curve_is_the_share_at_every_budget(certify, data, threat, with_labels):
    cert, y_true = certify(threat), data[3] if with_labels else None
    axes = cert.plot(y_true)
    (line,) = axes.lines
    budgets = np.unique(cert.budget)
    between = np.concatenate([budgets, (budgets[:-1] + budgets[1:]) / 2, np.nextafter(budgets, 0)[1:]])
    for budget in between:
        assert height(line, budget) == pytest.approx(count(cert, budget, y_true))
    assert axes.get_ylabel() == ("certified accuracy" if with_labels else "certified rate")
    assert line.get_xdata()[-1] > budgets[-1] or not threat.is_open


def test_the_curve_of_a_ball_is_open(certify, data):
    """A ball is certified below its radius: at it the prediction no longer counts."""
    cert = certify(BlackBoxBall(), n_neighbors=5, sigma=0.5)
    (line,) = cert.plot(data[3]).lines
    for budget in np.unique(cert.budget[cert.budget > 0]):
        assert height(line, np.nextafter(budget, 0)) == pytest.approx(count(cert, budget, data[3]))
        assert height(line, np.nextafter(budget, np.inf)) == pytest.approx(
            count(cert, budget, data[3], is_open=True)
        )


def test_many_budgets_are_counted_in_parts(certify, data, monkeypatch):
    cert = certify(QueryShift())
    whole = cert.plot(data[3]).lines[0].get_ydata()
    monkeypatch.setattr(plotting, "_BLOCK", 3 * len(cert))
    assert cert.plot(data[3]).lines[0].get_ydata().tolist() == whole.tolist()


def test_several_results_have_a_line_and_a_name_each(certify, data):
    some = [certify(LabelFlips(), n_neighbors=k) for k in (5, 5, 25)]
    axes = plotting.certified_accuracy(some, data[3])
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert len(axes.lines) == 3 and len(set(names)) == 3 and "K = 25" in names[2]
    styles = {(line.get_linestyle(), line.get_color()) for line in axes.lines}
    assert len({style for style, _ in styles}) == len({colour for _, colour in styles}) == 3
    named = plotting.certified_accuracy({"a": some[0], "cost $x_1$\n": some[1]}, data[3], ax=pyplot.gca())
    assert named is pyplot.gca()
    named.figure.canvas.draw()
    assert named.get_legend().get_texts()[-1].get_text() == r"cost \$x_1\$\n"


def test_budgets_of_different_kinds_do_not_share_an_axis(certify, data):
    with pytest.raises(ValueError, match="radius and rows"):
        plotting.certified_accuracy([certify(LabelFlips()), certify(QueryShift())], data[3])
    with pytest.raises(ValueError, match="at least one query"):
        plotting.certified_accuracy([])
    with pytest.raises(ValueError, match="at least one query"):
        plotting.budgets(certify(LabelFlips())[:0])


def test_the_frontier_shows_every_setting_and_joins_the_unbeaten(data):
    X, y, queries, y_true = data
    grid = (
        SmoothedKNNClassifier()
        .fit(X, y)
        .certify_grid(queries, n_neighbors=[1, 5, 15, 31], sigma=[0.0, 0.5], threats=[LabelFlips()])
    )
    axes = plotting.frontier(grid, y_true, 2)
    axes.figure.canvas.draw()
    expected = {
        (point.n_neighbors, point.sigma): (np.mean(cert.label == y_true), count(cert, 2, y_true))
        for point, cert in grid.items()
    }
    plain, noised, joined = axes.lines
    for line, sigma in ((plain, 0.0), (noised, 0.5)):
        shown = sorted(zip(line.get_xdata(), line.get_ydata(), strict=True))
        assert np.allclose(shown, sorted(value for key, value in expected.items() if key[1] == sigma))
    assert plain.get_marker() != noised.get_marker()
    best = {
        merit
        for merit in expected.values()
        if not any(o[0] >= merit[0] and o[1] >= merit[1] and o != merit for o in expected.values())
    }
    assert np.allclose(sorted(zip(joined.get_xdata(), joined.get_ydata(), strict=True)), sorted(best))
    texts = [text.get_text() for text in axes.texts]
    assert len(texts) == len(best) and all(text.startswith("K = ") for text in texts)


def test_a_frontier_is_of_one_threat(data):
    X, y, queries, y_true = data
    grid = (
        SmoothedKNNClassifier(n_neighbors=3, sigma=0)
        .fit(X, y)
        .certify_grid(queries, threats=[LabelFlips(), QueryShift()])
    )
    with pytest.raises(ValueError, match="one threat, got 2"):
        plotting.frontier(grid, y_true, 1)
    with pytest.raises(ValueError, match="at least one setting"):
        plotting.frontier({}, y_true, 1)


def test_bars_count_predictions_by_their_budget(certify):
    cert = certify(LabelFlips())
    axes = plotting.budgets(cert)
    bars = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in axes.patches}
    for budget in range(int(cert.budget.max()) + 1):
        assert bars.pop(budget) == sum(cert.budget[~cert.abstained] == budget)
    assert not bars
    assert axes.get_title() == f"40 predictions, {sum(cert.abstained)} without a certificate"


def test_bins_of_radii_hold_every_prediction(certify):
    cert = certify(QueryShift())
    axes = plotting.budgets(cert)
    assert sum(bar.get_height() for bar in axes.patches) == 40 - sum(cert.abstained)
    edges = [bar.get_x() for bar in axes.patches]
    for bar, left in zip(axes.patches, edges, strict=True):
        right = left + bar.get_width()
        if bar is not axes.patches[-1]:
            known = cert.budget[~cert.abstained]
            assert bar.get_height() == sum((known >= left) & (known < right))


def test_predictions_that_nothing_changes_are_named(certify):
    import dataclasses

    cert = certify(QueryShift())
    budget = np.array(cert.budget)
    budget[:7] = np.inf
    infinite = dataclasses.replace(cert, budget=budget)
    assert "7 that nothing changes" in plotting.budgets(infinite).get_title()
    (line,) = infinite.plot().lines
    assert line.get_ydata()[-1] == 7 / 40
    alone = dataclasses.replace(cert, budget=np.full(40, np.inf))
    assert sum(bar.get_height() for bar in plotting.budgets(alone).patches) == 0
    assert alone.plot().lines[0].get_ydata().tolist() == [1.0, 1.0]


def test_influence_is_added_up_over_queries(data):
    X, y, queries, _ = data
    found = SmoothedKNNClassifier(n_neighbors=3, sigma=0.5).fit(X, y).influence(queries[:6], top=4)
    total = {}
    for rows, changes in zip(found.rows.tolist(), found.change.tolist(), strict=True):
        for row, change in zip(rows, changes, strict=True):
            total[row] = total.get(row, 0.0) - change
    axes = plotting.influence(found, most=5)
    axes.figure.canvas.draw()
    names = [text.get_text() for text in axes.get_yticklabels()]
    widths = [bar.get_width() for bar in axes.patches]
    expected = sorted(total.items(), key=lambda item: -item[1])[:5]
    assert np.allclose(widths, [value for _, value in expected])
    assert np.allclose([total[int(name)] for name in names], widths)
    with pytest.raises(ValueError, match="most must be at least 1"):
        plotting.influence(found, most=0)


def test_the_unbeaten_are_those_of_the_definition():
    rng = np.random.default_rng(1)
    for _ in range(200):
        merits = [tuple(pair) for pair in rng.integers(0, 5, size=(8, 2)).tolist()]
        found = unbeaten(merits)
        best = {
            one for one in merits if not any(o[0] >= one[0] and o[1] >= one[1] and o != one for o in merits)
        }
        assert {merits[i] for i in found} == best and len(found) == len(best)
        assert [merits[i][0] for i in found] == sorted((one[0] for one in best), reverse=True)


def test_without_matplotlib_the_error_says_what_to_install():
    program = textwrap.dedent("""
        import sys
        sys.modules["matplotlib"] = None
        import numpy as np
        from knn_cert import LabelFlips, SmoothedKNNClassifier
        cert = SmoothedKNNClassifier(n_neighbors=1, sigma=0).fit([[0.0], [1.0]], [0, 1]).certify(
            [[0.0]], LabelFlips())
        try:
            cert.plot()
        except ImportError as error:
            print(error)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'knn-cert[plot]'" in done.stdout


def test_certificates_do_not_load_matplotlib():
    program = "import sys, knn_cert; knn_cert.Certificates; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_certificates_that_were_read_are_plotted_as_well(certify, data, tmp_path):
    cert = certify(LabelFlips())
    cert.save(tmp_path / "c.json")
    read = Certificates.load(tmp_path / "c.json")
    assert (
        read.plot(data[3]).lines[0].get_ydata().tolist() == cert.plot(data[3]).lines[0].get_ydata().tolist()
    )
