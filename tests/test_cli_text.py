"""`knn-cert text`: certificates against poisoned texts, how tables of texts are read, and what is refused."""

from __future__ import annotations

import csv
import gzip
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

from knn_cert import Certificates, Deletions, Insertions, LabelFlips, Replacements
from knn_cert.cli import main
from knn_cert.cli.text_table import read_texts
from knn_cert.progress import ProgressBar
from knn_cert.tables import holdout_rows
from knn_cert.text import (
    BagOfWords,
    Deletion,
    LabelNoise,
    Masking,
    QueryWords,
    RowDropping,
    SmoothedTextEnsemble,
    TrainingWords,
    compose,
)

GOOD = ["a fine and moving film", "moving , fine work", "a good film", "fine acting , good film"]
BAD = ["a dull and lazy film", "lazy , dull work", "a bad film", "dull acting , bad film"]
TEXTS = (GOOD + BAD) * 6
LABELS = np.array((["good"] * 4 + ["bad"] * 4) * 6)
QUERIES = ["a fine film", "dull and lazy", "good acting , bad film"]
TRUE = ["good", "bad", "good"]
COLUMNS = ("--text", "review", "--label", "mood")
COMMON = (*COLUMNS, "--n-models", "40", "--noise-seed", "5", "--jobs", "1")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with train.csv and test.csv, both labelled, with a column of ids besides."""
    monkeypatch.chdir(tmp_path)
    write_table("train.csv", enumerate_rows(TEXTS, LABELS))
    write_table("test.csv", enumerate_rows(QUERIES, TRUE))
    return tmp_path


def enumerate_rows(texts, labels):
    return [(f"id {i}", text, label) for i, (text, label) in enumerate(zip(texts, labels, strict=True))]


def write_table(path, rows, header=("id", "review", "mood"), delimiter=","):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows] if header else rows)


def certify(*words):
    return main(["text", *map(str, words)])


def by_hand(law=None, threat=None, *, rows=None, queries=QUERIES, trainer=None, **options):
    """The same certificates from Python."""
    rows = range(len(TEXTS)) if rows is None else rows
    options = {"n_models": 40, "random_state": 5} | options
    law = Deletion(0.9) if law is None else law
    ensemble = SmoothedTextEnsemble(BagOfWords() if trainer is None else trainer, law, **options)
    ensemble.fit([TEXTS[i] for i in rows], LABELS[list(rows)])
    return ensemble.certify(queries, TrainingWords("inserted") if threat is None else threat)


def same(path, expected):
    found = Certificates.load(path)
    assert found.label.tolist() == expected.label.tolist()
    assert found.budget.tolist() == expected.budget.tolist()
    assert found.probabilities.tolist() == expected.probabilities.tolist()
    assert found.guarantee == expected.guarantee
    return found


# --- what a user gets ---------------------------------------------------------------------------------------


CLASSES = ["bad", "good"]
DROPPED = RowDropping(0.9)
THREATS = [
    ([], Deletion(0.9), TrainingWords("inserted")),
    (["--words", "3", "--rows", "2"], Deletion(0.9), TrainingWords("inserted", 3, 2)),
    (["--trigger", "C.F., cf"], Deletion(0.9), TrainingWords("inserted", 6)),
    (["--threat", "words-removed", "--rows", "0.1"], Deletion(0.9), TrainingWords("removed", 1, 0.1)),
    (["--threat", "words-replaced"], Deletion(0.9), TrainingWords("replaced")),
    (["--threat", "words-replaced", "--mask", "0.8"], Masking(0.8), TrainingWords("replaced")),
    (["--threat", "words-edited", "--delete", "0.8"], Deletion(0.8), TrainingWords("any")),
    (["--threat", "texts-added"], DROPPED, Deletions()),
    (["--threat", "texts-removed", "--rows", "2"], DROPPED, Insertions(2)),
    (["--threat", "texts-changed", "--drop-texts", "0.8"], RowDropping(0.8), Replacements()),
    (["--threat", "labels-flipped"], DROPPED, LabelFlips()),
    (
        ["--threat", "labels-flipped", "--flip-labels", "0.2", "--drop-texts", "0.5"],
        compose(RowDropping(0.5), LabelNoise(0.2)),
        LabelFlips(),
    ),
    (["--threat", "query-words"], Deletion(0.8), QueryWords("any")),
    (["--threat", "query-words", "--words", "1"], Deletion(0.8), QueryWords("any", 1)),
    (
        ["--threat", "query-words", "--edit", "inserted", "--trigger", "c f"],
        Deletion(0.8),
        QueryWords("inserted", 2),
    ),
    (
        ["--rows", "2", "--query-words"],
        Deletion(0.9),
        QueryWords("inserted", None, TrainingWords("inserted", 1, 2)),
    ),
    (
        ["--rows", "2", "--query-words", "1", "--edit", "replaced"],
        Deletion(0.9),
        QueryWords("replaced", 1, TrainingWords("inserted", 1, 2)),
    ),
    (
        ["--threat", "texts-changed", "--rows", "1", "--query-words", "2"],
        compose(DROPPED, Deletion(0.9)),
        QueryWords("any", 2, Replacements(1)),
    ),
]


@pytest.mark.parametrize(("words", "law", "threat"), THREATS, ids=lambda value: str(value)[:60])
def test_every_threat_can_be_asked_for_and_gets_the_certificates_of_python(
    folder, capsys, words, law, threat
):
    whole = threat.whole_rows
    given = ["--classes", ",".join(CLASSES)] if whole else []
    assert certify("train.csv", "test.csv", *COMMON, *words, *given, "--out", "out.json") == 0
    assert threat.describe() in capsys.readouterr().out
    expected = by_hand(law, threat, query_noise=threat.moves_query, classes=CLASSES if whole else None)
    found = same("out.json", expected)
    assert found.threat == threat and found.noise == expected.noise


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--model", "naive-bayes"], {"trainer": BagOfWords("naive-bayes")}),
        (["--n-pilot", "12", "--alpha", "0.01"], {"n_pilot": 12, "alpha": 0.01}),
        (["--simultaneous"], {"simultaneous": True}),
        (["--classes", "bad,good,none of both"], {"classes": [*CLASSES, "none of both"]}),
    ],
)
def test_every_option_reaches_the_ensemble(folder, words, options):
    assert certify("train.csv", "test.csv", *COMMON, "--delete", "0.5", *words, "--out", "out.json") == 0
    same("out.json", by_hand(Deletion(0.5), **options))


def test_without_test_rows_are_held_out_stratified_and_seeded(folder, capsys):
    assert certify("train.csv", *COMMON, "--test-size", "8", "--seed", "3", "--out", "out.json") == 0
    kept, held_out = holdout_rows(LABELS, 8, 3)
    found = same("out.json", by_hand(rows=kept, queries=[TEXTS[i] for i in held_out]))
    assert found.query.tolist() == held_out.tolist()
    assert "held-out rows, seed 3" in capsys.readouterr().out


def test_the_summary_says_what_was_certified_and_how(folder, capsys):
    words = ("--delete", "0.5", "--out", "out.csv", "--budgets", "0,1")
    assert certify("train.csv", "test.csv", *COMMON, *words) == 0
    out, err = capsys.readouterr()
    lines = {line[:24].strip(): line[24:].strip() for line in out.splitlines()}
    assert lines["data set"] == "train.csv; queries: rows of test.csv"
    assert lines["training texts"] == "n = 48 texts, 4 words in the median"
    assert lines["classes"] == "2: bad (24 texts), good (24 texts)"
    assert lines["models"] == "40 of logistic regression on TF-IDF weights of words"
    assert lines["noise"] == "every token of every training text deleted with probability 0.5"
    assert lines["certificates hold"] == "with probability 1 - 0.001 over the noise, for each query"
    assert lines["tampered rows r"].split() == ["0", "1"]
    assert lines["queries"] == "3" and float(lines["accuracy"]) == pytest.approx(2 / 3, abs=1e-4)
    assert "--noise-seed 5 repeats it" in lines["time"]
    assert lines["certificates"] == "written to out.csv"
    assert err == ""


def test_queries_may_do_without_labels(folder, capsys):
    write_table("queries.csv", [(text,) for text in QUERIES], header=("review",))
    assert certify("train.csv", "queries.csv", *COMMON, "--limit", "2", "--out", "out.json") == 0
    same("out.json", by_hand(queries=QUERIES[:2]))
    out = capsys.readouterr().out
    assert "accuracy" not in out and "rows of queries.csv, without labels" in out


def test_labels_that_are_numbers_stay_numbers(folder):
    write_table("numbers.csv", enumerate_rows(TEXTS, (LABELS == "good").astype(int)))
    assert certify("numbers.csv", *COMMON, "--out", "out.json") == 0
    assert Certificates.load("out.json").classes.tolist() == [0, 1]


def test_the_noise_is_new_each_time_and_its_seed_repeats_it(folder, capsys):
    """Noise that everybody knows beforehand certifies nothing against those who knew it."""
    words = ("train.csv", "test.csv", *COLUMNS, "--n-models", "40", "--jobs", "1")
    seeds = []
    for i in range(2):
        assert certify(*words, "--out", f"{i}.csv") == 0
        seeds.append(re.search("--noise-seed ([0-9]+) repeats it", capsys.readouterr().out)[1])
    assert seeds[0] != seeds[1]
    assert certify(*words, "--out", "again.csv", "--noise-seed", seeds[1]) == 0
    assert Path("again.csv").read_bytes() == Path("1.csv").read_bytes()


def test_quiet_writes_the_file_and_says_nothing(folder, capsys):
    assert certify("train.csv", "test.csv", *COMMON, "--quiet", "--out", "out.csv") == 0
    assert capsys.readouterr() == ("", "")
    assert len(Path("out.csv").read_text().splitlines()) == 4


def test_ctrl_c_ends_with_130_and_no_file(folder, capsys, monkeypatch):
    before = sorted(folder.iterdir())
    monkeypatch.setattr(ProgressBar, "__call__", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    assert certify("train.csv", "test.csv", *COMMON, "--out", "out.csv") == 130
    assert capsys.readouterr() == ("", "knn-cert: interrupted\n")
    assert sorted(folder.iterdir()) == before


def test_long_training_is_followed_on_stderr_with_the_time_left(folder, capsys, monkeypatch):
    ticks = iter(range(0, 10**6, 4))
    monkeypatch.setattr("knn_cert.progress.time.monotonic", lambda: next(ticks))
    assert certify("train.csv", "test.csv", *COMMON) == 0
    out, err = capsys.readouterr()
    assert re.search("^training models: [0-9]+ of 40, 0:[0-9]{2} gone, about [0-9]:[0-9]{2} left$", err, re.M)
    assert "gone" not in out


# --- tables of texts ----------------------------------------------------------------------------------------

HARD = ['He said "no", twice', "a; b | c", "two\nlines, one text", "tab\there", "caf\u00e9 \u2014 \u4e2d"]
KINDS = ["x", "y", "x", "y", "x"]


@pytest.mark.parametrize(
    ("name", "delimiter"), [("t.csv", ","), ("t.tsv", "\t"), ("t.csv", ";"), ("t.txt", "|")]
)
def test_texts_come_back_as_they_were_written_whatever_separates_them(tmp_path, name, delimiter):
    write_table(tmp_path / name, enumerate_rows(HARD, KINDS), delimiter=delimiter)
    found = read_texts(str(tmp_path / name), "review", "mood")
    assert (found.texts, found.labels) == (HARD, KINDS)


def test_a_name_with_a_separator_in_it_stays_whole(tmp_path):
    write_table(tmp_path / "t.csv", [("fine", "x"), ("dull", "y")], header=("review, in full", "mood; or so"))
    found = read_texts(str(tmp_path / "t.csv"), "review, in full", "mood; or so")
    assert (found.texts, found.labels) == (["fine", "dull"], ["x", "y"])


def test_a_packed_table_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(
        gzip.compress("\ufeffreview,mood\r\nfine,x\r\n\r\ndull,y\r\n".encode())
    )
    found = read_texts(str(tmp_path / "t.csv.gz"), "review", "mood")
    assert (found.texts, found.labels) == (["fine", "dull"], ["x", "y"])


def test_columns_may_be_given_by_position_with_a_header_or_without(tmp_path):
    write_table(tmp_path / "t.csv", enumerate_rows(HARD, KINDS))
    assert read_texts(str(tmp_path / "t.csv"), "1", "-1").texts == HARD
    for delimiter in ",;|":
        write_table(
            tmp_path / "u.csv", enumerate_rows(["fine", *HARD], ["x", *KINDS]), None, delimiter=delimiter
        )
        found = read_texts(str(tmp_path / "u.csv"), "1", "2", header=False)
        assert (found.texts, found.labels) == (["fine", *HARD], ["x", *KINDS])


def test_quotes_may_be_part_of_the_texts(tmp_path):
    """Files of GLUE are written without quoting."""
    (tmp_path / "t.tsv").write_text('review\tmood\n"fine" work\tx\n" dull\tx\nlazy "\ty\n')
    found = read_texts(str(tmp_path / "t.tsv"), "review", "mood", quotes=False)
    assert found.texts == ['"fine" work', '" dull', 'lazy "']


def test_a_word_for_a_missing_value_is_a_text(tmp_path):
    (tmp_path / "t.csv").write_text("review,mood\nnan,x\nnone,y\n")
    assert read_texts(str(tmp_path / "t.csv"), "review", "mood").texts == ["nan", "none"]


def test_a_text_of_the_longest_kind_is_read_and_the_limit_of_csv_stays(tmp_path):
    before = csv.field_size_limit()
    write_table(tmp_path / "t.csv", [("1", "word " * 60_000, "x"), ("2", "short", "y")])
    assert read_texts(str(tmp_path / "t.csv"), "review", "mood").n_tokens == [60_000, 1]
    assert csv.field_size_limit() == before


def test_test_that_is_train_gets_a_warning(folder, capsys):
    assert certify("train.csv", "train.csv", *COMMON, "--out", "out.csv") == 0
    assert "every text of TEST is also one of TRAIN" in capsys.readouterr().err


# --- what is wrong is said in one line, and nothing is written ----------------------------------------------


def failure(folder, capsys, *words):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert certify(*words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("knn-cert: error: ") and err.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    return err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--text COLUMN"),
        (["--text", "review"], "--label COLUMN"),
        ([*COLUMNS, "--words", "2", "--trigger", "cf"], "leave one of them out"),
        ([*COLUMNS, "--trigger", " "], "--trigger has no word"),
        ([*COLUMNS, "--words", "0"], ">= 1"),
        ([*COLUMNS, "--threat", "texts-added"], "--classes bad,good"),
        ([*COLUMNS, "--threat", "labels-flipped", "--classes", "a,b", "--words", "2"], "--words goes with"),
        ([*COLUMNS, "--threat", "query-words", "--rows", "2"], "leave it out"),
        ([*COLUMNS, "--query-words"], "--query-words needs --rows"),
        ([*COLUMNS, "--edit", "removed"], "add --query-words"),
        ([*COLUMNS, "--edit", "synonyms"], "synonyms"),
        ([*COLUMNS, "--mask", "0.5"], "add --delete 0.9"),
        ([*COLUMNS, "--flip-labels", "0.5"], "add --delete 0.9"),
        ([*COLUMNS, "--threat", "query-words", "--drop-texts", "0.5"], "add --delete 0.8"),
        (
            [*COLUMNS, "--threat", "texts-changed", "--classes", "bad,good", "--delete", "0.5"],
            "add --drop-texts 0.9",
        ),
        ([*COLUMNS, "--delete", "1"], "between 0 and 1"),
        ([*COLUMNS, "--n-models", "10"], "train at least 11"),
        ([*COLUMNS, "--classes", "good,fair"], "bad"),
        ([*COLUMNS, "--threat", "magic"], "trigger-inserted"),
        ([*COLUMNS, "--budgets", "1.5"], "whole numbers of rows"),
        ([*COLUMNS, "--rows", "2", "--budgets", "1,3"], "budgets must be at most 2"),
        ([*COLUMNS, "--quiet"], "--out"),
        ([*COLUMNS, "--out", "train.csv"], "overwrite"),
        ([*COLUMNS, "--out", "out.txt"], ".json"),
        ([*COLUMNS, "--sigma", "1"], "unknown option --sigma"),
        (["--text", "reviw", "--label", "mood"], "did you mean 'review'"),
        (["--text", "review", "--label", "class"], "no label column 'class'"),
        (["--text", "review", "--label", "review"], "columns of their own"),
        (["--text", "7", "--label", "mood"], "text column between 0 and 2"),
    ],
)
def test_options_that_do_not_go_together_are_named(folder, capsys, words, said):
    words = ["train.csv", *words, "--jobs", "1"]
    assert said in failure(
        folder, capsys, *(words if "--n-models" in words else [*words, "--n-models", "20"])
    )


def test_budgets_are_looked_at_before_the_models_are_trained(folder, capsys, monkeypatch):
    monkeypatch.setattr(SmoothedTextEnsemble, "fit", lambda *_, **__: pytest.fail("trained"))
    assert "whole numbers" in failure(folder, capsys, "train.csv", *COMMON, "--budgets", "0.5")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "expected a table (TRAIN.csv [TEST.csv]), got none"),
        (["a.csv", "b.csv", "c.csv"], "at most two tables"),
        (["train.csv", "test.csv", "--test-size", "2"], "--test-size"),
        (["train.csv", "--test-size", "1"], "stratified hold-out"),
        (["nowhere.csv"], "nowhere.csv: there is no such file"),
        (["train.parquet"], "there is no such file"),
    ],
)
def test_tables_that_cannot_be_used_are_named(folder, capsys, words, said):
    assert said in failure(folder, capsys, *words, *COLUMNS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty first line"),
        (b"review,mood\n", "got none"),
        (b"review,mood\nfine,good\n,bad\n", "line 3: expected a text in column 'review', got none"),
        (b'review,mood\nfine,good\n" ",bad\n', "line 3: expected a text"),
        (b"review,mood\nfine,good\ndull,\n", "line 3: expected a label in column 'mood', got none"),
        (
            b"review,mood\nfine,good\ndull,NA\n",
            "line 3: expected a label in column 'mood', got the word 'NA'",
        ),
        (b"review,mood\nfine,good\ndull, lazy,bad\n", "line 3: expected 2 cells as in the first line, got 3"),
        (b"review,mood\nfine,good\ndull\n", "line 3: expected 2 cells"),
        (b'review,mood\nfine,good\n"dull,bad\n', "say --no-quotes"),
        (
            b"review,mood\nfine,good\ncaf\xe9,bad\n",
            "line 3 (byte 0xe9); name its encoding (--encoding cp1252, say)",
        ),
        (b"review,review,mood\na,b,c\n", "expected one column 'review', got 2"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_with_its_line(folder, capsys, content, said):
    Path("bad.csv").write_bytes(content)
    message = failure(folder, capsys, "bad.csv", "test.csv", *COMMON)
    assert said in message


def test_texts_of_one_class_are_refused(folder, capsys):
    write_table("one.csv", enumerate_rows(TEXTS, ["good"] * len(TEXTS)))
    assert "one class" in failure(folder, capsys, "one.csv", *COMMON)


def test_quotes_that_swallow_lines_of_a_file_of_tabs_are_found(folder, capsys):
    Path("bad.tsv").write_text('review\tmood\n"fine work\tgood\nlazy work "\tbad\ndull\tbad\n')
    assert "say --no-quotes" in failure(folder, capsys, "bad.tsv", *COMMON)


def test_a_first_line_of_data_is_no_header(folder, capsys):
    write_table("bare.csv", enumerate_rows(TEXTS, LABELS), header=None)
    assert "--no-header" in failure(folder, capsys, "bare.csv", "--text", "1", "--label", "2")


def test_a_class_may_have_the_name_of_its_column(folder):
    write_table("spam.csv", enumerate_rows(TEXTS, LABELS), header=("id", "text", "good"))
    assert certify("spam.csv", "--text", "text", "--label", "good", *COMMON[4:], "--out", "out.csv") == 0


def test_a_damaged_packed_table_is_recognised(folder, capsys):
    Path("t.csv.gz").write_bytes(gzip.compress(Path("train.csv").read_bytes())[:-9])
    assert "cut off" in failure(folder, capsys, "t.csv.gz", *COMMON)


def test_labels_that_only_test_has_get_a_warning(folder, capsys):
    write_table("odd.csv", enumerate_rows(QUERIES, ["good", "bad", "fair"]))
    assert certify("train.csv", "odd.csv", *COMMON) == 0
    assert "TEST has labels that TRAIN does not have: 'fair' (1 row(s))" in capsys.readouterr().err
