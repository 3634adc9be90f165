"""Ten odd tables as strangers have them, each with what should come of it, written by hand."""

from __future__ import annotations

import datetime as dt
import io
import math
import zipfile

import numpy as np
import pytest

from knn_cert.cli import main
from knn_cert.tables import TableWarning, read_queries, read_table

HALF = 1.0 / math.sqrt(2.0)

BANK = """\
"id";"age";"job";"balance";"since";"loan";"rate";"remark";"y"
1001;30;"admin.";"1.787,50";"19.10.2014";"no";"1,5 %";"called, twice";"no"
1002;33;"services";"4.789";"11.05.2015";"yes";"2 %";"";"no"
1003;;"admin.";"1.350";"16.04.2015";"no";"0,25 %";"moved";"yes"
1004;40;"unknown";"-200";"03.06.2015";"no";"2 %";"x";"no"
1005;59;"services";"0";"05.05.2014";"no";"1 %";"see file";"no"
1006;35;"admin.";"747";"23.02.2015";"yes";"2 %";"?";"yes"
"""


def test_a_bank_with_ids_dates_words_and_holes(write):
    path = write(BANK, "bank.csv")
    with (
        pytest.raises(ValueError, match="missing values in 1 column.*'age' .first in line 4"),
        pytest.warns(TableWarning, match="left out"),
    ):
        read_table(path, "y", encode=True)
    said = r"2 column\(s\) left out: 'id' \(a different whole .*'remark' \(a different word in every row"
    with pytest.warns(TableWarning, match=said):
        table = read_table(path, "y", encode=True, fill={"age": 0})
    assert table.feature_names == [
        "age",
        "job=admin.",
        "job=services",
        "job=unknown",
        "balance",
        "since",
        "loan",
        "rate",
    ]
    day = [(date - dt.date(1970, 1, 1)).days for date in (dt.date(2014, 10, 19), dt.date(2015, 5, 11))]
    assert table.X[:3].tolist() == [
        [30, HALF, 0, 0, 1787.5, day[0], 0, 0.015],
        [33, 0, HALF, 0, 4789, day[1], 1, 0.02],
        [0, HALF, 0, 0, 1350, (dt.date(2015, 4, 16) - dt.date(1970, 1, 1)).days, 0, 0.0025],
    ]
    assert table.X[3:, 4].tolist() == [-200, 0, 747]
    assert table.y.tolist() == ["no", "no", "yes", "no", "no", "yes"]


def test_a_file_of_uci_without_a_header(write):
    rows = "5.1,3.5,1.4,0.2,Iris-setosa\n4.9,3.0,1.4,0.2,Iris-setosa\n7.0,3.2,4.7,1.4,Iris-versicolor\n\n"
    path = write(rows, "iris.data")
    with pytest.raises(ValueError, match="the first line seems to hold data; .*--no-header"):
        read_table(path, "-1")
    table = read_table(path, "-1", header=False)
    assert table.X.tolist() == [[5.1, 3.5, 1.4, 0.2], [4.9, 3.0, 1.4, 0.2], [7.0, 3.2, 4.7, 1.4]]
    assert table.y.tolist() == ["Iris-setosa", "Iris-setosa", "Iris-versicolor"] and table.label_name == "4"


def test_a_file_of_uci_with_blanks_behind_commas_and_question_marks(write):
    rows = (
        "39, State-gov, 77516, Male, <=50K\n50, Private, 83311, Male, <=50K\n38, Private, 215646, Female, "
        ">50K\n53, ?, 234721, Male, >50K\n28, State-gov, 338409, Female, <=50K\n37, Private, 284582, "
        "Female, >50K\n"
    )
    path = write(rows, "adult.data")
    table = read_table(path, "-1", header=False, encode=True, fill=0)
    assert table.feature_names == [
        "0",
        "1=(missing)",
        "1=Private",
        "1=State-gov",
        "2",
        "3=(missing)",
        "3=Female",
        "3=Male",
    ]
    assert table.X[3].tolist() == [53, HALF, 0, 0, 234721, 0, 0, HALF]
    assert table.y.tolist() == ["<=50K", "<=50K", ">50K", ">50K", "<=50K", ">50K"]
    with pytest.warns(TableWarning, match="1 of 6 rows"):
        assert len(read_table(path, "-1", header=False, encode=True, missing="drop-rows").X) == 5


def test_a_table_of_a_german_spreadsheet(write):
    text = "\ufeffL\u00e4nge;Gewicht;Art\r\n1,5;1200,25;Hecht\r\n-0,75;,5;Aal\r\n12;3;Hecht\r\n"
    table = read_table(write(text), "Art")
    assert table.feature_names == ["L\u00e4nge", "Gewicht"] and table.y.tolist() == ["Hecht", "Aal", "Hecht"]
    assert table.X.tolist() == [[1.5, 1200.25], [-0.75, 0.5], [12, 3]]


def test_columns_aligned_with_blanks_below_comments(write):
    text = "% measured by hand\n%\n  length   width  kind\n    1.5      20     1\n   -2e1    3.25     2\n"
    table = read_table(write(text, "fish.txt"), "kind")
    assert table.X.tolist() == [[1.5, 20], [-20, 3.25]] and table.y.tolist() == [1, 2]


def test_passengers_with_names_tickets_and_cabins(write):
    rows = """\
PassengerId,Survived,Pclass,Name,Sex,Age,Ticket,Fare,Cabin,Embarked
1,0,3,"Braund, ""Owen"" Harris",male,22,A/5 21171,7.25,,S
2,1,1,"Cumings, Mrs. John",female,38,PC 17599,71.2833,C85,C
3,1,3,"Heikkinen, Miss. Laina",female,26,STON/O2. 3101282,7.925,,S
4,1,1,"Futrelle, Mrs. Jacques",female,35,113803,53.1,C123,S
5,0,3,"Allen, Mr. William",male,,373450,8.05,,S
6,0,3,"Moran, Mr. James",male,2,330877,8.4583,,C
"""
    with pytest.warns(TableWarning, match=r"4 column\(s\) left out: 'PassengerId' .*'Ticket' .*'Cabin'"):
        table = read_table(write(rows), "Survived", encode=True, fill={"Age": 30})
    assert table.feature_names == "Pclass Sex=female Sex=male Age Fare Embarked=C Embarked=S".split()
    assert table.X[4].tolist() == [3, 0, HALF, 30, 8.05, 0, HALF] and table.y.tolist() == [0, 1, 1, 1, 0, 0]
    queries = "Embarked,Fare,Age,Sex,Pclass\nQ,7.5,,male,3\n"
    with pytest.warns(TableWarning, match=r"'Embarked' \(1 row\(s\), e.g. 'Q'\)"):
        X, y, _ = read_queries(write(queries), table.feature_names, "Survived", coding=table.coding)
    assert X.tolist() == [[3, 0, HALF, 30, 7.5, 0, 0]] and y is None


def test_a_parquet_file_with_an_index_dates_and_nothing(tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(
        {
            "when": pd.to_datetime(["1970-01-03", "1970-01-02", "1970-01-05 12:00"], format="ISO8601"),
            "size": pd.array([1, None, 3], dtype="Int64"),
            "kind": pd.Categorical(["p", "q", "p"]),
        },
        index=pd.Index([7.5, 2.5, 3.5], name="depth"),
    )
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet", "kind", encode=True, fill=-1)
    assert table.feature_names == ["depth", "when", "size"]
    assert table.X.tolist() == [[7.5, 2, 1], [2.5, 1, -1], [3.5, 4.5, 3]]
    assert table.y.tolist() == ["p", "q", "p"]


def test_a_folder_of_a_data_lake(tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    for year, place in ((2024, "x"), (2023, "z"), (2024, "z")):
        folder = tmp_path / "lake" / f"year={year}" / f"place={place}"
        folder.mkdir(parents=True)
        pd.DataFrame({"a": [year + 0.5, 1.5], "y": [0, 1]}).to_parquet(folder / "part-0.parquet", index=False)
    table = read_table(tmp_path / "lake", "y", encode=True)
    assert table.feature_names == ["a", "year", "place=x", "place=z"]
    assert table.X.tolist() == [
        [2023.5, 2023, 0, HALF],
        [1.5, 2023, 0, HALF],
        [2024.5, 2024, HALF, 0],
        [1.5, 2024, HALF, 0],
        [2024.5, 2024, 0, HALF],
        [1.5, 2024, 0, HALF],
    ]


def test_a_zipped_table_with_units_and_prices(write):
    text = (
        "weight\tprice\tgrowth\tlast\tgood\n5 kg\t$1,200.50\t5%\tJan 2, 1970\tyes\n"
        "7.5 kg\t$3\t-2.5%\tFeb 1, 1970\tno\n"
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("data/README.txt", "prices, weights\nand growth")
        archive.writestr("data/shop.csv", text)
    table = read_table(write(content.getvalue(), "shop.zip"), "good", encode=True)
    assert table.feature_names == ["weight", "price", "growth", "last"]
    assert table.X.tolist() == [[5, 1200.5, 0.05, 1], [7.5, 3, -0.025, 31]]


def test_a_frame_of_polars_with_everything():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(
        {
            "n": [1, None, 3, 4],
            "flag": [True, False, True, False],
            "colour": pl.Series(["red", "blue", "red", None], dtype=pl.Categorical),
            "day": [dt.date(1970, 1, 2), dt.date(1970, 1, 3), dt.date(1970, 1, 4), dt.date(1970, 1, 6)],
            "label": ["p", "q", "p", "q"],
        }
    )
    table = read_table(frame, "label", encode=True, fill={None: 0, "colour": "none"})
    assert table.feature_names == ["n", "flag", "colour=blue", "colour=none", "colour=red", "day"]
    assert table.X.tolist() == [
        [1, 1, 0, 0, HALF, 1],
        [0, 0, HALF, 0, 0, 2],
        [3, 1, 0, 0, HALF, 3],
        [4, 0, 0, HALF, 0, 5],
    ]


# --- the command line ---------------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Write tables of 60 and 6 rows and go to their folder."""
    rng = np.random.default_rng(0)

    def rows(n):
        for j in range(n):
            good = j % 2
            colour = ["red", "blue"][good] if rng.random() < 0.9 else "green"
            size = "" if j == 3 else f"{good + rng.random():.3f}".replace(".", ",")
            yield f"A{j};{colour};{size};{['yes', 'no'][j % 3 == 0]};{['bad', 'good'][good]}"

    monkeypatch.chdir(tmp_path)
    for name, n in (("train.txt", 60), ("test.txt", 6)):
        (tmp_path / name).write_text("code;colour;size;new;class\n" + "\n".join(rows(n)) + "\n")
    return tmp_path


def run(capsys, *words):
    code = main(["certify", *words, "--k", "5", "--sigma", "0"])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_a_table_of_words_is_certified_in_one_command(shop, capsys):
    words = ("train.txt", "test.txt", "--label", "class")
    code, _, err = run(capsys, *words)
    assert code == 2 and "--encode" in err and "--fill" in err and err.count("\n") == 1
    code, out, err = run(capsys, *words, "--encode", "--fill", "size=0", "--out", "c.json")
    assert code == 0 and "d = 5 features" in out and (shop / "c.json").is_file()
    assert "'code' (a different word in every row, as ids have)" in err and "Traceback" not in err
    code, out, err = run(capsys, *words, "--encode", "--drop-missing", "--drop", "code")
    assert code == 0 and "1 of 60 rows have missing values" in err and "left out:" not in err
    words_of_one = ("train.txt", "--label", "class", "--encode", "--fill", "0")
    code, out, err = run(capsys, *words_of_one, "--separator", ";")
    assert code == 0 and "d = 6 features" in out  # one more for a colour that is missing
    code, out, err = run(capsys, *words, "--encode", "--fill", "0", "--decimal", ".")
    assert code == 2 and "expected numbers" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--fill", "median"), "medians and the like come from the table"),
        (("--fill", "size="), "expected a number, or COLUMN=VALUE"),
        (("--fill", "nan"), "expected a number, or COLUMN=VALUE"),
        (("--fill", "sice=0"), "there is no feature 'sice' to fill"),
        (("--separator", "ab"), "separator must be one character"),
        (("--decimal", "'"), "--decimal"),
    ],
)
def test_options_that_make_no_sense_are_one_line(shop, capsys, words, message):
    try:
        code, _, err = run(capsys, "train.txt", "--label", "class", "--encode", *words)
    except SystemExit as exit:
        code, err = exit.code, capsys.readouterr().err
    assert code == 2 and message in err and "Traceback" not in err
