"""Audits: what is said of a table is true by independent counts, and what is of no use is called so."""

from __future__ import annotations

import csv
import itertools
import json
import re
import warnings
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binomtest

from knn_cert import FixedScaler, SmoothedKNNClassifier, audit
from knn_cert.auditing import attackers, bars, choosing, describing, splits
from knn_cert.report import render_markdown, validate, wording
from knn_cert.threats import Deletions, LabelFlips, QueryShift, RowShift


def blobs(n=400, d=4, apart=2.0, share=0.5, seed=0, n_classes=2):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int) if n_classes == 2 else rng.integers(0, n_classes, n)
    return rng.normal(size=(n, d)) + apart * y[:, None] * (np.arange(d) < 2), y


@pytest.fixture(scope="module")
def found():
    X, y = blobs()
    return audit(X, y, bars=["0.5@mislabelled:1%", "0.99@planted:20%"])


# --- the parts of a table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [12, 57, 400, 5000])
@pytest.mark.parametrize("n_classes", [2, 3, 20])
def test_parts_are_the_table_and_every_class_stays_in_training(n, n_classes):
    y = np.random.default_rng(n).permutation(np.arange(n) % min(n_classes, n // 3))
    parts = splits.split(y, report=True, seed=1)
    assert sorted(np.concatenate(parts)) == list(range(n))
    assert set(y[parts.train]) == set(y)
    assert 1 <= len(parts.report) <= 500
    assert 1 <= len(parts.choose) <= 300
    if n == 5000 and n_classes == 2:
        assert np.mean(y[parts.report]) == pytest.approx(np.mean(y), abs=1 / 500)


def test_classes_of_fewer_than_three_rows_are_never_held_out():
    y = np.array([0] * 50 + [1] * 50 + [2, 2, 3])
    for seed in range(20):
        parts = splits.split(y, report=True, seed=seed)
        assert not set(y[np.concatenate([parts.choose, parts.report])]) & {2, 3}


def test_too_few_rows_to_hold_any_out_are_refused():
    with pytest.raises(ValueError, match="needs 5 rows at least"):
        splits.split(np.array([0, 0, 1, 1]), report=True, seed=0)


# --- description --------------------------------------------------------------------------------------------


def test_twins_are_counted_as_pairs_of_equal_rows_show():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 3, (60, 3)).astype(float), rng.integers(0, 2, 60)
    X[3] *= -0.0 if X[3].any() else 1.0
    twins, other = set(), set()
    for i, j in itertools.permutations(range(60), 2):
        if (X[i] == X[j]).all():
            twins.add(i)
            other |= {i} if len({int(y[k]) for k in range(60) if (X[k] == X[i]).all()}) > 1 else set()
    duplicates = describing.describe(X, y, seed=0).duplicates
    assert (duplicates.rows, duplicates.other_label) == (len(twins), len(other))
    for a, b in duplicates.examples[:1]:
        assert (X[a] == X[b]).all() and y[a] != y[b]


def test_rows_beside_another_label_are_those_within_a_tenth_of_the_usual_distance():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(200, 2)), np.zeros(200, dtype=int)
    X[1], y[1] = X[0] + 1e-4, 1
    apart = np.linalg.norm(X[:, None] - X[None], axis=2) + np.where(np.eye(200), np.inf, 0.0)
    usual = np.median(apart.min(axis=1))
    close = (np.where(y[:, None] != y[None], apart, np.inf).min(axis=1) <= 0.1 * usual).sum()
    description = describing.describe(X, y, seed=0)
    assert description.usual_distance == pytest.approx(usual)
    assert description.duplicates.near_other_label == close == 2
    assert (0, 1) in description.duplicates.examples


# --- attackers and bars -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "threat", "open_threat"),
    [
        ("mislabelled:1%", LabelFlips(0.01), LabelFlips()),
        ("label-flips:37", LabelFlips(37), LabelFlips()),
        ("planted:0.05", Deletions(0.05), Deletions()),
        ("backdoor:2%:0.25", RowShift(0.02, 0.25, relabel=True), RowShift(0.02, relabel=True)),
        ("moved:3:1", RowShift(3, 1.0), RowShift(3)),
        ("query:0.5", QueryShift(0.5), QueryShift()),
        ("query", QueryShift(0.5), QueryShift()),
        ("mislabelled", LabelFlips(0.01), LabelFlips()),
    ],
)
def test_attackers_are_threats_with_budgets(text, threat, open_threat):
    asked = attackers.parse_asked(text)
    assert (asked.threat, asked.open_threat) == (threat, open_threat)
    assert attackers.parse_asked(str(asked)) == asked


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("burglar:1%", "one of mislabelled, planted"),
        ("mislabelled:1%:0.5", "expected mislabelled:ROWS"),
        ("mislabelled:many", "number of rows"),
        ("mislabelled:150%", "number of rows"),
        ("mislabelled:-3", "number of rows"),
        ("query:-1", "radius >= 0"),
        ("backdoor:1%:far", "radius >= 0"),
        ("query:nan", "radius >= 0"),
        ("backdoor:1%:inf", "finite radius"),
    ],
)
def test_what_is_no_attacker_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        attackers.parse_asked(text)


@pytest.mark.parametrize(
    "text", ["0.8", "mislabelled:1%", "2@mislabelled:1%", "0.8@mislabelled", "x@query:1"]
)
def test_what_is_no_bar_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        bars.parse_bar(text)


def test_a_bar_is_cleared_by_the_share_that_it_names():
    assert all(Fraction(n, 500) >= bars.parse_bar(f"{n / 5:.1f}%@query:1").share for n in range(501))


def test_more_rows_than_there_are_can_be_asked_about():
    X, y = blobs(n=120)
    found = audit(X, y, against="removed:5000", n_neighbors=5, sigma=0.0)
    assert found.document["attackers"][0]["asked"] == 5000
    validate(found.document)


def test_bars_are_read_in_percent_as_well():
    assert bars.parse_bar("80%@query:0.5") == bars.parse_bar("0.8@query-shift:0.5")


# --- the choice ---------------------------------------------------------------------------------------------


def candidate(k, accuracy, balanced, certified, sigma=0.0):
    return choosing.Candidate(0, k, sigma, accuracy, balanced, (certified,))


def test_who_always_says_the_same_is_not_chosen():
    always, useful = candidate(501, 0.97, 0.5, 0.97), candidate(5, 0.98, 0.9, 0.6)
    assert choosing._best([always, useful], 2) is useful


def test_accuracy_is_given_up_for_certificates_within_limits():
    exact, strong, weak = (
        candidate(5, 0.95, 0.95, 0.2),
        candidate(51, 0.88, 0.88, 0.8),
        candidate(501, 0.8, 0.8, 0.8),
    )
    assert choosing._best([exact, strong, weak], 2) is strong


def test_guesses_do_not_tell_classes_apart():
    rng = np.random.default_rng(0)
    y = (rng.random(400) < 0.1).astype(int)
    passed = [choosing.tells_apart(rng.integers(0, 2, 400) == y, y) for _ in range(1000)]
    assert 0.02 < np.mean(passed) < 0.09
    assert not choosing.tells_apart(y == 0, y)
    assert choosing.tells_apart(np.ones(400, bool), y)
    # one row of a third class decides nothing
    right = rng.random(400) < 0.8
    assert choosing.tells_apart(right, y)
    y[0], right[0] = 2, False
    assert choosing.tells_apart(right, y)
    assert not choosing.tells_apart(y == 0, y)
    assert choosing.tells_apart(np.ones(40, bool), np.arange(40) % 20)


def test_candidates_are_what_the_classifier_says():
    X, y = blobs()
    train, queries = choosing.Rows(X[:300], y[:300]), choosing.Rows(X[300:], y[300:])
    asked = [attackers.parse_asked("mislabelled:3"), attackers.parse_asked("query:0.2")]
    (one,) = choosing.candidates(train, queries, asked, [15], [0.0], 0)
    clf = SmoothedKNNClassifier(15, sigma=0).fit(*(train.X, train.y))
    held = []
    for each in asked:
        cert = clf.certify(queries.X, each.threat)
        held.append(np.mean((cert.label == queries.y) & ~cert.abstained))
    assert one.certified_accuracy == pytest.approx(np.mean(held))
    assert one.accuracy == np.mean(clf.predict(queries.X) == queries.y)


# --- the whole ----------------------------------------------------------------------------------------------


def test_the_report_is_that_of_the_classifier_on_rows_that_nothing_was_chosen_on(found):
    X, y = blobs()
    parts = splits.split(y, report=True, seed=0)
    clf = SmoothedKNNClassifier().set_params(**found.classifier.get_params())
    clf.fit(found.scaler.transform(X[parts.train]), y[parts.train])
    queries = found.scaler.transform(X[parts.report])
    right = clf.predict(queries) == y[parts.report]
    assert found.document["classifier"]["accuracy"] == np.mean(right)
    for one in found.document["attackers"]:
        asked = attackers.parse_asked(one["name"])
        cert = clf.certify(queries, asked.open_threat)
        for budget in (0.0, one["asked"], 2 * one["asked"]):
            share = np.mean(right & cert.certified(budget))
            assert found.certified_accuracy(one["name"], budget) == share
        assert one["certified_accuracy"] == np.mean(right & cert.certified(one["asked"]))


def test_bars_compare_the_share_at_their_budget(found):
    first, second = found.document["bars"]
    assert first["share"] == found.certified_accuracy("mislabelled", 3)
    assert (first["passed"], second["passed"], found.passed) == (True, False, False)
    assert second["share"] == found.certified_accuracy("planted", 48)


def test_the_document_is_json_with_stable_names(found):
    again = json.loads(json.dumps(found.document, allow_nan=False))
    assert again == found.document
    assert str(found) == "\n".join(found.document["lines"])
    assert 8 <= len(found.document["lines"]) <= 14


def test_the_same_table_gives_the_same_audit(found):
    X, y = blobs()
    again = audit(X, y, bars=["0.5@mislabelled:1%", "0.99@planted:20%"]).document
    for volatile in ("made_by", "attackers", "lines"):
        again.pop(volatile)
    assert again == {key: value for key, value in found.document.items() if key in again}


def test_examples_are_attacks_that_work(found):
    X, y = blobs()
    parts = splits.split(y, report=True, seed=0)
    rows = found.scaler.transform(X[parts.train])
    assert found.document["examples"]
    for one in found.document["examples"]:
        if one["attacker"] == "query":
            continue
        asked = attackers.parse_asked(one["attacker"])
        query = found.scaler.transform(X[[one["query"]]])
        threat = asked.attacker.threat(int(one["budget"])) if asked.attacker.counts_rows else None
        if threat is None:
            continue
        example = found.classifier.falsify(query, threat).counterexamples[0]
        tampered = SmoothedKNNClassifier().set_params(**found.classifier.get_params())
        tampered.fit(*example.apply(rows, y[parts.train]))
        assert str(tampered.predict(query)[0]) == one["becomes"] != one["label"]


def test_hinges_vote_for_the_predictions_that_are_counted(found):
    X, y = blobs()
    parts = splits.split(y, report=True, seed=0)
    rows, queries = found.scaler.transform(X[parts.train]), found.scaler.transform(X[parts.report])
    k, labels = found.classifier.n_neighbors, found.classifier.predict(queries)
    budgets = found.certificates["mislabelled"]
    weak = budgets.abstained | (budgets.budget <= found.document["attackers"][0]["asked"])
    position = {int(row): i for i, row in enumerate(parts.train)}
    assert found.document["choice"]["candidates"]
    for one in found.document["hinges"]["rows"][:5]:
        i = position[one["row"]]
        near = [
            i in np.argsort(np.linalg.norm(rows - q, axis=1), kind="stable")[:k]
            and y[parts.train][i] == label
            for q, label in zip(queries, labels, strict=True)
        ]
        assert (one["queries"], one["weak"]) == (sum(near), int(np.sum(np.array(near) & weak)))


def test_fewer_rows_are_a_fair_sample_whatever_order_they_are_in():
    y = np.arange(199) % 2
    some = splits.sample(y, 100, seed=3)
    assert len(set(some.tolist())) == 100
    assert abs(np.mean(y[some]) - np.mean(y)) < 0.02


def test_rows_are_called_by_their_numbers_in_the_file(tmp_path):
    X, y = blobs(n=120)
    with open(tmp_path / "holes.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", "d", "kind"])
        writer.writerows([["", 1, 1, 1, 0]] * 10)
        writer.writerows([*row, label] for row, label in zip(X.tolist(), y, strict=True))
    holes = audit(tmp_path / "holes.csv", "kind", reading={"missing": "drop-rows"}, n_neighbors=5, sigma=0.0)
    whole = audit(X, y, n_neighbors=5, sigma=0.0)
    rows = [[one["row"] for one in found.document["hinges"]["rows"]] for found in (holes, whole)]
    assert rows[0] == [row + 10 for row in rows[1]]


def test_rows_of_a_test_table_are_called_by_their_numbers_in_the_file(tmp_path):
    X, y = blobs()
    rows = [[*row, f"k{label}"] for row, label in zip(X.tolist(), y, strict=True)]
    for name, written in (("train.csv", rows[:300]), ("test.csv", [["", 1, 1, 1, "k0"]] * 7 + rows[300:])):
        with open(tmp_path / name, "w", newline="") as file:
            csv.writer(file).writerows([["a", "b", "c", "d", "kind"], *written])
    given = {"n_neighbors": 15, "sigma": 0.0, "reading": {"missing": "drop-rows"}}
    said = audit(tmp_path / "train.csv", "kind", test=tmp_path / "test.csv", **given).document
    shown = {one["query"] for kind in said["queries"].values() for one in kind}
    assert shown and min(shown) >= 7 and max(shown) > 100 - 7
    assert "7 of 107 rows have missing values and are left out" in said["table"]["remarks"]


def test_shares_of_few_rows_are_told_with_their_interval():
    X, y = blobs(n=60)
    said = audit(X, y, n_neighbors=5, sigma=0.0)
    for one in said.document["attackers"]:
        k = sum(budget is None or budget >= one["asked"] for budget in one["right_budgets"])
        low, high = binomtest(k, one["n_queries"]).proportion_ci(0.95, "exact")
        assert one["certified_interval"] == pytest.approx([low, high], abs=1e-12)
    k = round(said.document["classifier"]["accuracy"] * 12)
    interval = binomtest(k, 12).proportion_ci(0.95, "exact")
    assert said.document["classifier"]["accuracy_interval"] == pytest.approx(list(interval), abs=1e-12)
    assert "of others like them" in said.document["lines"][0]
    many = audit(*blobs(n=4000, apart=4.0), n_neighbors=15, sigma=0.0)
    assert "of others like them" not in many.document["lines"][0]


def test_no_bar_is_passed_where_no_use_is_shown():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(300, 2)), (rng.random(300) < 0.1).astype(int)
    said = audit(X, y, bars=["0.5@mislabelled:1%"], n_neighbors=101, sigma=0.0)
    assert said.document["classifier"]["useless"] and said.document["bars"][0]["share"] >= 0.5
    assert not said.passed and not said.document["bars"][0]["passed"]
    validate(said.document)


def test_of_rows_of_one_class_nothing_is_said():
    X, y = blobs(apart=4.0)
    said = audit(X[:300], y[:300], test=(X[300:][y[300:] == 1], y[300:][y[300:] == 1])).document
    assert said["classifier"]["accuracy"] > 0.9
    assert "rows of one class alone can show nothing" in said["lines"][0]


def test_a_setting_that_is_not_shown_to_tell_classes_apart_is_not_taken_while_there_are_others():
    blind = choosing.Candidate(0, 151, 0.0, 0.74, 0.6, (0.7,), tells=False)
    telling = choosing.Candidate(0, 5, 0.0, 0.74, 0.7, (0.5,))
    assert choosing._best([blind, telling], 2) is telling
    assert choosing._best([blind], 2) is blind


def test_where_nothing_useful_is_certified_the_best_of_the_others_is_named():
    accurate, strong = candidate(1, 0.82, 0.8, 0.0), candidate(31, 0.66, 0.7, 0.45)
    asked = [attackers.parse_asked("mislabelled:1%")]
    said = choosing._reason(accurate, [accurate, strong], 0.5, asked, 0)
    assert "K = 31, sigma = 0 is right for 66.0 %, and right and certified for 45.0 % (--k 31" in said
    assert "noise" not in said and "noise" in choosing._reason(strong, [strong], 0.5, asked, 200)


def test_what_was_given_is_not_called_chosen():
    X, y = blobs()
    said = audit(X, y, n_neighbors=15, sigma=0.0).document
    assert said["choice"]["why"].startswith("K and the noise were given")
    whole = audit(X[:300], y[:300], test=(X[300:], y[300:]), n_neighbors=15, sigma=0.0, scale=False).document
    assert not any("choice of K" in one for one in whole["not_covered"])
    assert any("choice of K" in one for one in audit(X, y).document["not_covered"])


def test_twins_are_twins_as_they_were_read():
    y = np.arange(120) % 2
    X = np.column_stack([np.where(np.arange(120) == 0, 1e16, 1e-3 * (1 + np.arange(120)))])
    remarks = audit(X, y, n_neighbors=5, sigma=0.0).document["table"]["remarks"]
    assert not any("more than once" in one for one in remarks)


def test_columns_of_tiny_numbers_are_scaled():
    X, y = blobs(apart=4.0)
    assert not audit(1e-170 * X, y, n_neighbors=15, sigma=0.0).document["classifier"]["useless"]


def test_numbers_in_lines_are_those_of_the_report_and_radii_are_rounded_down(found):
    markdown = render_markdown(found.document)
    for one in found.document["attackers"]:
        share = wording.share(one["certified_accuracy"])
        line = next(line for line in found.document["lines"] if line.startswith(one["name"] + ":"))
        assert line.split(":", 1)[1].strip().startswith(f"{share} right") and share in markdown
        if one["unit"] == "radius" and one["median_budget"] is not None:
            told = float(re.search(r"half of the predictions survive ([0-9.e-]+)", line)[1])
            assert one["median_budget"] * (1 - 1e-3) <= told <= one["median_budget"]


def test_labels_cannot_forge_what_is_said_of_them():
    X, y = blobs(n=300)
    labels = np.where(y == 1, "spam 99.9 %, ham", "none): all is well (").astype(object)
    labels[:2] = "rare): fine ("
    lines = audit(X, labels.astype(str), n_neighbors=5, sigma=0.0).document
    table = next(line for line in lines["lines"] if line.startswith("table:"))
    assert "'spam 99.9 %, ham'" in table
    assert any("('rare): fine (')" in one for one in lines["table"]["remarks"])


def test_noise_is_called_of_no_use():
    X, y = blobs(apart=0.0)
    said = audit(X, y)
    assert said.document["classifier"]["useless"]
    assert said.document["lines"][0].startswith("verdict:     NO USE SHOWN")


def test_rare_classes_are_not_given_up_for_certificates():
    X, y = blobs(n=1500, share=0.03, apart=2.5)
    said = audit(X, y).document
    rare = next(one for one in said["classes"] if one["label"] == "1")
    assert not said["classifier"]["useless"]
    assert rare["accuracy"] > 0.2
    assert any("97." in remark or "96." in remark for remark in said["table"]["remarks"])


def test_a_class_of_which_nothing_is_certified_is_named():
    X, y = blobs(n=1500, share=0.03, apart=1.8, seed=2)
    said = audit(X, y, sigma=0.0, n_neighbors=51).document
    rare = next(one for one in said["classes"] if one["label"] == "1")
    assert rare["certified"]["mislabelled"] == 0.0
    assert "class(es) 1 nothing is right and certified" in said["classifier"]["warning"]
    told = said["lines"][0 if said["classifier"]["useless"] else 1]
    assert told.startswith(("beware:", "verdict:     NO USE SHOWN"))


def test_rows_that_are_training_rows_are_told_of():
    X, y = blobs()
    said = audit(X[:350], y[:350], test=(X[200:], y[200:])).document
    told = "150 of the 200 reported rows are also training rows, or were chosen on"
    assert any(told in one for one in said["table"]["remarks"])
    twice = audit(X[:200], y[:200], test=(np.tile(X[200:202], (50, 1)), np.tile(y[200:202], 50))).document
    assert any("Only 2 of the 100 reported rows are different" in one for one in twice["table"]["remarks"])
    given = {"n_neighbors": 15, "sigma": 0.0, "scale": False}
    same = audit(X, y, test=(X, y), **given).document
    assert sum("TEST is TRAIN" in one for one in same["table"]["remarks"]) == 1


def test_nothing_is_held_out_to_choose_on_where_all_is_given():
    X, y = blobs()
    given = {"test": (X[300:], y[300:]), "n_neighbors": 15, "sigma": 0.0, "scale": False}
    document = audit(X[:300], y[:300], **given).document
    assert (document["split"]["train"], document["split"]["choose"], document["choice"]) == (300, 0, None)
    clf = SmoothedKNNClassifier(15, sigma=0).fit(X[:300], y[:300])
    assert document["classifier"]["accuracy"] == np.mean(clf.predict(X[300:]) == y[300:])
    # whoever plants a row has the same rows trained, and his own
    planted = audit(np.vstack([X[:300], [[9.0] * 4]]), np.append(y[:300], 1), **given).document
    assert planted["split"]["train"] == 301


def test_given_constants_scale_and_are_named(tmp_path):
    X, y = blobs(n=150)
    scaler = FixedScaler([1.0] * 4, [2.0] * 4, names=list("0123"))
    scaler.save(tmp_path / "constants.json")
    by_file, by_object = audit(X, y, constants=tmp_path / "constants.json"), audit(X, y, constants=scaler)
    assert by_file.document["scaling"]["from"] == "constants.json"
    assert (
        by_file.document["attackers"][0]["right_budgets"]
        == by_object.document["attackers"][0]["right_budgets"]
    )
    assert "that door is closed" in by_file.document["scaling"]["meaning"]
    assert audit(X, y, scale=False).document["scaling"]["from"] == "none"


def test_rows_of_another_table_are_reported_on(tmp_path):
    X, y = blobs()
    for name, part in (("train.csv", slice(0, 300)), ("test.csv", slice(300, 400))):
        with open(tmp_path / name, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["a", "b", "c", "d", "kind"])
            writer.writerows(
                [*row, f"k{label}"] for row, label in zip(X[part].tolist(), y[part], strict=True)
            )
    said = audit(tmp_path / "train.csv", "kind", test=tmp_path / "test.csv").document
    assert said["split"]["report"] == 100
    assert said["split"]["report_from"] == "rows of test.csv"
    assert [column["name"] for column in said["table"]["columns"]] == ["a", "b", "c", "d"]
    assert said["table"]["name"] == "train.csv"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"against": []}, "at least one attacker"),
        ({"against": ["mislabelled:1%", "mislabelled:8%"]}, "every attacker once"),
        ({"against": "thief:1%"}, "expected an attacker"),
        ({"bars": ["0.8"]}, "SHARE@ATTACKER"),
        ({"against": "backdoor:1%:0.5", "bars": ["0.5@backdoor:2%:0.5"]}, "different numbers of rows"),
        ({"n_neighbors": 10_000}, "n_neighbors"),
        ({"sigma": -1.0}, "sigma"),
    ],
)
def test_wrong_arguments_are_refused(arguments, said):
    X, y = blobs()
    with pytest.raises(ValueError, match=said):
        audit(X, y, **arguments)


def test_labels_that_the_table_does_not_have_are_told_of_once():
    X, y = blobs()
    other = y[:50] + 0
    other[3] = 7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = audit(X[50:], y[50:], test=(X[:50], other)).document
    assert (
        sum("labels that TRAIN does not have: 7 (1 row(s))" in one for one in said["table"]["remarks"]) == 1
    )
    assert not said["classifier"]["useless"]
    with pytest.raises(ValueError, match="expected labels of the table in the test rows"):
        audit(X[50:], y[50:], test=(X[:50], y[:50] + 5))


@pytest.mark.parametrize("where", ["table", "test"])
def test_holes_and_words_in_arrays_are_named_by_their_place(where):
    X, y = blobs()
    holes = X.copy()
    holes[7, 2] = np.nan
    words = X.astype(object)
    words[3, 1] = "x"
    for features, kind, said in (
        (holes, ValueError, "row 7 of column 2 is NaN"),
        (words, TypeError, "the features must be an array of real numbers"),
    ):
        arguments = (features, y) if where == "table" else (X, y)
        with pytest.raises(kind, match=said):
            audit(*arguments, test=(features, y) if where == "test" else None)


def test_one_class_is_refused():
    X, _ = blobs()
    with pytest.raises(ValueError, match="two classes at least"):
        audit(X, np.zeros(len(X), dtype=int))
