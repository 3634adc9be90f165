"""The best K in the studies of threats and of RAB's Table 5: its halves, and that its checks can fail."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("benchmarks_can_be_imported")


def module(name):
    return importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def attacked():
    """One-pixel attack of RAB on a made-up table of two digits: what it left behind, and its tables."""
    settings, tables = module("rab.settings"), module("rab.tables")
    data = module("common.standins").table("mnist-01")
    experiment = settings.EXPERIMENTS["mnist-01"]
    trigger = experiment.triggers["one"](1.0)
    poisoned = experiment.poison(data, trigger, 0.1, in_place=True)
    run = tables.Run.of(data, experiment, trigger, poisoned, None, 1)
    return run, tables.Tables(run), data


def rows_of(data, X):
    """Places in the test table of rows of it, which has none twice."""
    places = {row.tobytes(): i for i, row in enumerate(data.X_test)}
    return [places[row.tobytes()] for row in X]


def test_a_test_row_is_in_one_half_with_and_without_its_trigger(attacked):
    run, _, data = attacked
    clean = rows_of(data, run.clean)
    assert sorted(clean) == list(range(len(data.X_test)))
    source = [i for i in clean if data.y_test[i] == run.experiment.source_class]
    chosen, judged = (set(clean[half]) for half in run.clean_halves)
    assert not chosen & judged
    # The rows with the trigger are in the order of the clean ones.
    assert len(run.queries) == len(source)
    differ = [int(np.sum(query != data.X_test[i])) for query, i in zip(run.queries, source, strict=True)]
    assert max(differ) <= 1
    assert set(source[run.halves.chosen]) <= chosen and set(source[run.halves.judged]) <= judged
    assert len(source[run.halves.chosen]) > 0 < len(source[run.halves.judged])


def test_the_scores_of_plain_neighbours_are_those_of_scikit_learn(attacked):
    from sklearn.neighbors import KNeighborsClassifier

    run, tables, _ = attacked
    plain = module("rab.plain")
    for score in plain.plain_scores(run, tables):
        k = int(score.setting.removeprefix("K = "))
        knn = KNeighborsClassifier(k).fit(run.poisoned.X, run.poisoned.y)
        right = knn.predict(run.queries) == run.experiment.source_class
        on_clean = knn.predict(run.clean) == run.clean_labels
        assert score.certified[plain.RIGHT] == tuple(np.mean(right[half]) for half in run.halves)
        assert score.accuracy == tuple(np.mean(on_clean[half]) for half in run.clean_halves)
        for name in run.threats():
            shares = zip(score.certified[plain.column(name)], score.certified[plain.RIGHT], strict=True)
            assert all(certified <= right for certified, right in shares)


def test_a_certified_prediction_that_is_not_that_of_the_clean_table_stops_the_study(attacked, monkeypatch):
    run, tables, _ = attacked
    plain, report = module("rab.plain"), module("common.report")
    without = tables.without

    def wrong(name):
        distances, labels = without(name)
        return distances, 1 - labels

    monkeypatch.setattr(tables, "without", wrong)
    with pytest.raises(report.Disagreement, match="not the prediction of the clean table"):
        plain.plain_scores(run, tables)


def scored(setting, accuracy, family="plain K-NN"):
    choice = module("common.choice")
    return choice.Score(family, setting, choice.Shares(*accuracy), {})


def test_no_setting_is_chosen_far_below_the_accuracy_of_plain_neighbours():
    candidates, study = module("frontier.candidates"), module("frontier.study")
    scores = [
        scored("K = 1", (0.9, 0.5)),
        scored("K = 5", (0.8, 1.0)),
        scored("K = 5, sigma 1", (1.0, 1.0), "smoothed K-NN"),
    ]
    assert candidates.floor(scores) == pytest.approx(0.9 - study.BELOW_BEST)


def test_saved_scores_of_other_rows_or_another_classifier_stop_the_study():
    best, report = module("threats.best"), module("common.report")
    here = [scored("K = 1", (0.9, 0.5))]
    best._require_the_same_accuracy([scored("K = 1", (0.90004, 0.5))], here)
    for saved in ([scored("K = 1", (0.9, 0.495))], [scored("K = 2", (0.9, 0.5))]):
        with pytest.raises(report.Disagreement):
            best._require_the_same_accuracy(saved, here)


def test_plain_neighbours_on_more_rows_are_chosen_on_half_of_them(capsys):
    choice, more_rows, study = module("common.choice"), module("frontier.more_rows"), module("frontier.study")
    report = module("common.report")
    column = study.GOALS["mnist-01"][0].column
    scores = [
        choice.Score("plain K-NN", f"K = {k}", choice.Shares(*accuracy), {column: choice.Shares(*certified)})
        for k, accuracy, certified in ((1, (1.0, 0.9), (0.2, 0.9)), (5, (0.95, 0.9), (0.4, 0.3)))
    ]
    more_rows._one_column(report.Report(), scores, column, choice.Halves.of(40))
    printed = capsys.readouterr().out
    assert "chosen K = 5, certified and right 0.300" in printed
    assert "0.5500" in printed and "0.3500" in printed  # both halves together


def test_table_5_of_plain_neighbours_alone_has_no_figures_with_noise(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("KNN_CERT_DATA", str(tmp_path / "none"))
    assert (
        module("rab.table5").main(["--quick", "--plain", "--datasets", "mnist-01", "--attacks", "one"]) == 0
    )
    printed = capsys.readouterr().out
    assert "best K" in printed and "| sigma |" not in printed
