"""The comparison of benchmarks/frontier/: how settings are chosen and kept, and that its checks can fail."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("benchmarks_can_be_imported")


def module(name):
    return importlib.import_module(f"benchmarks.{name}")


def score(family, setting, accuracy, certified):
    choice = module("common.choice")
    column = choice.Column("rows replaced", "1 %")
    return choice.Score(family, setting, choice.Shares(*accuracy), {column: choice.Shares(*certified)})


def test_settings_are_chosen_on_one_half_and_judged_on_the_other():
    choice = module("common.choice")
    column = choice.Column("rows replaced", "1 %")
    lucky = score("a", "lucky", (0.9, 0.5), (0.8, 0.1))
    steady = score("a", "steady", (0.9, 0.9), (0.7, 0.7))
    accurate = score("a", "accurate", (0.95, 0.9), (0.5, 0.6))
    scores = [steady, accurate, lucky]
    assert choice.best(scores, column) is lucky
    assert choice.best(scores, column, floor=0.95) is accurate
    assert choice.best(scores, column, floor=0.96) is None
    assert choice.frontier(scores, column) == [lucky, accurate]
    assert choice.cell(scores, column, 100).startswith("0.100 (")
    assert choice.cell(scores, choice.Column("ball", "1"), 100) == "no certificate"


def test_the_two_halves_share_no_query():
    choice = module("common.choice")
    for n in (2, 7, 40):
        halves = choice.Halves.of(n)
        queries = list(range(n))
        assert queries[halves.chosen] + queries[halves.judged] == queries
    right = np.array([True, False, True, True])
    column = choice.Column("rows replaced", "1 %")
    one = choice.Candidate("a", "", right, {column: np.array([False, True, True, False])})
    assert one.score(choice.Halves.of(4)) == score("a", "", (0.5, 1.0), (0.0, 0.5))


def test_scores_that_are_saved_are_read_again(monkeypatch, tmp_path):
    saved = module("frontier.saved")
    monkeypatch.setattr(saved, "RESULTS", tmp_path)
    scores = [score("a", "K = 1", (0.9, 0.8), (0.25, 0.1234)), score("b", "", (0.5, 0.5), (0.0, 1.0))]
    measured = saved.Measured("spambase", 100, 5, 2, 20, 0.6, scores)
    assert saved.Measured.load("spambase") is None
    measured.save()
    assert saved.Measured.load("spambase") == measured


@pytest.fixture
def plain():
    """K-NN with K = 5 and an exact certificate of its own on a random table, two classes."""
    choice, counts, study = (
        module(n) for n in ("common.choice", "rivals.count_certificate", "frontier.study")
    )
    rng = np.random.default_rng(3)
    distances, labels = rng.uniform(1.0, 4.0, size=(30, 60)), rng.integers(2, size=60)
    votes = counts.plain_votes(distances, labels, n_neighbors=5, n_classes=2)
    label, survived = counts.certified_rows(votes)
    holds = {column: survived >= rows for column, rows in study.row_columns(60).items()}
    truth = np.zeros(30, dtype=int)
    return choice.Candidate("plain", "K = 5", label == truth, holds), distances, labels


def test_attacks_that_are_carried_out_break_every_prediction_beyond_an_exact_certificate(plain):
    study, checks = module("frontier.study"), module("frontier.checks")
    one, distances, labels = plain
    worked = checks.carry_out({5: one}, distances, labels, 2, len(distances))
    for threat in (study.FLIPS, study.REPLACED):  # the count certificate is exact there
        assert worked[threat].tried == worked[threat].worked > 0


def test_a_certificate_that_an_attack_breaks_stops_the_study(plain):
    checks, report = module("frontier.checks"), module("common.report")
    one, distances, labels = plain
    for column, holds in one.holds.items():
        if column.threat in ("labels flipped", "rows inserted") and column.budget == "10 %":
            wrong = one._replace(holds={**one.holds, column: np.ones_like(holds)})
            with pytest.raises(report.Disagreement, match="an attack changes it"):
                checks.carry_out({5: wrong}, distances, labels, 2, len(distances))
            with pytest.raises(report.Disagreement):
                checks.check_order([wrong])


def test_plain_neighbours_that_differ_from_their_counts_stop_the_study(plain):
    checks, report, study = module("frontier.checks"), module("common.report"), module("frontier.study")
    one, distances, _ = plain
    ties = checks.tied_at(distances, [5])
    assert not ties.any()
    checks.check_counts([one], [one], ties)
    for column, holds in one.holds.items():
        if column.threat == study.REPLACED:
            for wrong in (holds & False, holds | True):
                if (wrong & one.right).tolist() != (holds & one.right).tolist():
                    changed = one._replace(holds={**one.holds, column: wrong})
                    with pytest.raises(report.Disagreement):
                        checks.check_counts([changed], [one], ties)
