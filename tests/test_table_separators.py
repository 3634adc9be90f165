"""Separators, decimal commas and comments of a text are found out, or the text is refused."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knn_cert.tables import read_queries, read_table

# --- separators ---------------------------------------------------------------------------------------------

X = [[1.5, 2.0], [-3.0, 400.0], [0.5, 6.0]]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "t.data", "t.csv.gz", "t.TXT"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_whatever_the_file_is_called(write, name, separator):
    text = "a,b,y\n1.5,2,p\n-3,4e2,q\n.5, 6 ,p\n".replace(",", separator)
    table = read_table(write(gzip.compress(text.encode()) if name.endswith("gz") else text, name), "y")
    assert table.X.tolist() == X and table.feature_names == ["a", "b"] and table.y.tolist() == ["p", "q", "p"]


@pytest.mark.parametrize("name", ["t.txt", "t.data", "t.data.gz"])
@pytest.mark.parametrize("blanks", [" ", "   ", " \t "])
def test_runs_of_blanks_separate_cells_in_files_called_txt_and_data(write, name, blanks):
    text = "  a,b,y \n 1.5,2,p\n-3,4e2,q\n.5,6,p".replace(",", blanks)
    table = read_table(write(gzip.compress(text.encode()) if name.endswith("gz") else text, name), "y")
    assert table.X.tolist() == X and table.feature_names == ["a", "b"]


def test_blanks_separate_cells_of_a_csv_file_only_on_request(write):
    path = write("a b y\n1.5 2 p\n3 4 q\n")
    with pytest.raises(ValueError, match="no label column 'y'"):
        read_table(path, "y")
    assert read_table(path, "y", separator="blanks").X.tolist() == [[1.5, 2], [3, 4]]
    assert read_table(path, "y", separator=" ").X.tolist() == [[1.5, 2], [3, 4]]


@pytest.mark.parametrize(
    ("content", "expected", "labels"),
    [
        # a comma in text, quoted or not, is no separator
        ('x;y\n1;"Smith, J"\n2;"Wong, K"\n', [[1], [2]], ["Smith, J", "Wong, K"]),
        (
            "x;z;y\n1;2;Smith, J\n2;3;Wong, K\n4;5;Li\n",
            [[1, 2], [2, 3], [4, 5]],
            ["Smith, J", "Wong, K", "Li"],
        ),
        # lists in cells, under a header without such a sign
        ("x,z,y\n1,2,Drama|Comedy\n3,4,Drama\n5,6,A|B|C\n", [[1, 2], [3, 4], [5, 6]], None),
        ("x,z,y\n1,2,Drama|Comedy\n3,4,Drama|A\n5,6,A|B\n", [[1, 2], [3, 4], [5, 6]], None),
        # decimal commas in every row, without and with a header
        ("1,5;2,5;p\n3,5;4,5;q\n", [[1.5, 2.5], [3.5, 4.5]], ["p", "q"]),
        ("x;z;y\n1,5;2,5;p\n3,5;4,5;q\n", [[1.5, 2.5], [3.5, 4.5]], ["p", "q"]),
        # times and dates of blanks
        ("x|y\n1|2024-01-01 10:00\n2|2024-01-02 11:00\n", [[1], [2]], None),
    ],
)
def test_signs_inside_cells_separate_nothing(write, content, expected, labels):
    header = content.startswith("x")
    table = read_table(write(content), "y" if header else "-1", header=header)
    assert table.X.tolist() == expected
    assert labels is None or table.y.tolist() == labels


def test_numbers_between_blanks_are_cells_of_their_own(write):
    """As in the file of fuel consumptions of UCI: blanks between the numbers, a tab in front of the name."""
    rows = '18.0   8   307.0      70\t"chevrolet chevelle"\n15.0   8   350.0      70\t"buick skylark 320"\n'
    table = read_table(write(rows, "auto.data"), "-1", header=False)
    assert table.X.tolist() == [[18, 8, 307, 70], [15, 8, 350, 70]]
    assert table.y.tolist() == ["chevrolet chevelle", "buick skylark 320"]
    table = read_table(write("1,5 2,5 p\n3,5 4,25 q\n", "t.data"), "-1", header=False)
    assert table.X.tolist() == [[1.5, 2.5], [3.5, 4.25]]
    table = read_table(write("New York\t5\tp\nLos Angeles\t6\tq\n", "t.txt"), "-1", header=False, drop=["0"])
    assert table.X.tolist() == [[5], [6]]


@pytest.mark.parametrize(
    "content", ["a,b;y\n1,2;3\n4,5;6\n", "a;b,y|z\n1;2,3|4\n", "p;q,1;2\nr;s;t,1\nu,1;2\n"]
)
def test_a_text_that_can_be_cut_in_two_ways_is_refused_with_the_remedy(write, content):
    path = write(content)
    with pytest.raises(ValueError, match=r"expected one separator .*say which one it is, .*--separator ';'"):
        read_table(path, "-1")
    assert read_table(write("a,b;y\n1,2;3\n4,5;6\n"), "y", separator=";", decimal=",").X.tolist() == [
        [1.2],
        [4.5],
    ]


@pytest.mark.parametrize(
    ("separator", "sign"),
    [("tab", "\t"), ("\\t", "\t"), ("semicolon", ";"), (";", ";"), (":", ":"), ("^", "^")],
)
def test_a_separator_can_be_said(write, separator, sign):
    path = write("a,b,y\n1,2,p\n3,4,q\n".replace(",", sign))
    assert read_table(path, "y", separator=separator).X.tolist() == [[1, 2], [3, 4]]
    X, y, _ = read_queries(path, ["b", "a"], "y", separator=separator)
    assert X.tolist() == [[2, 1], [4, 3]] and y.tolist() == ["p", "q"]


@pytest.mark.parametrize("separator", ["", "ab", "a", "1", ".", '"', "\n", "-"])
def test_what_can_separate_no_cells_is_refused(write, separator):
    with pytest.raises(ValueError, match="separator must be one character"):
        read_table(write("a,y\n1,2\n"), "y", separator=separator)


def test_a_quoted_cell_of_many_lines_may_be_cut_where_the_looking_ends(write):
    rows = (
        [f"{j},5;2;p" for j in range(99)]
        + ['99,5;2;"p; \nq, r; s"']
        + [f"{j},5;2;p" for j in range(100, 120)]
    )
    table = read_table(write("\n".join(rows)), "-1", header=False)
    assert table.X.tolist() == [[j + 0.5, 2] for j in range(120)] and table.y[99] == "p; \nq, r; s"


@pytest.mark.parametrize("line", ["sep=;\n", "SEP=;\r\n", '"sep=;"\n', "\ufeffsep=;\n"])
def test_a_first_line_of_excel_says_the_separator(write, line):
    path = write(line + "a;b;y\n1,5;2;p\n3;4;q\n")
    assert read_table(path, "y").X.tolist() == [[1.5, 2], [3, 4]]
    with pytest.raises(ValueError, match="line 4: expected 3 cells"):
        read_table(write(line + "a;b;y\n1,5;2;p\n3;4\n"), "y")


def test_options_for_texts_are_refused_for_other_files(tmp_path):
    np.savez(tmp_path / "t.npz", X=np.eye(2), y=[0, 1])
    for options in ({"separator": ";"}, {"decimal": ","}):
        with pytest.raises(ValueError, match="are for texts; leave them out"):
            read_table(tmp_path / "t.npz", None, **options)
    (tmp_path / "t.csv").write_text("a,y\n1,2\n")
    with pytest.raises(ValueError, match="decimal must be '.' or ','"):
        read_table(tmp_path / "t.csv", "y", decimal="'")


def test_blanks_are_named_where_they_alone_cut_a_file(write):
    for content in ("a b y\n1 2 p\n3 4 q\n", "1   2 3\n4 5   6\n"):
        with pytest.raises(ValueError, match="cells seem to be separated by blanks: say --separator blanks"):
            read_table(write(content), "-1", header=content[0] != "1")
    with pytest.raises(ValueError, match="expected feature columns beside the label 'a', got none$"):
        read_table(write("a\n1 2\n3\n"), "a")


def test_a_table_of_one_column_has_no_separator(write):
    assert read_queries(write("a\n1\n2\n"), ["a"])[0].tolist() == [[1], [2]]
    assert read_queries(write("a\n1,5\n2,25\n"), ["a"], separator=";")[0].tolist() == [[1.5], [2.25]]


# --- decimal commas -----------------------------------------------------------------------------------------


def test_decimal_commas_are_found_where_they_are_beyond_doubt(write):
    table = read_table(write("a;b;c;y\n1,5;1,234;7;p\n-,25;1e3;8;q\n3;2,5e-1;9;p\n"), "y")
    assert table.X.tolist() == [[1.5, 1.234, 7], [-0.25, 1000, 8], [3, 0.25, 9]]


@pytest.mark.parametrize(
    "content",
    [
        "a;y\n1,234;p\n2,345;q\n",  # thousands or decimals
        "a;b;y\n1,5;2.5;p\n3;4;q\n",  # both signs
        "a;b;y\n1,5;x, y;p\n3;z;q\n",  # a comma in a text
        "a;b;y\n1,5;2,345,678;p\n3;4;q\n",  # a comma that is none of a decimal
        'a,b,y\n"1,5",2,p\n3,4,q\n',  # cells are separated by commas
        "a;y\n1.234,5;p\n3;q\n",
    ],
)
def test_doubtful_commas_are_refused_with_advice(write, content):
    with pytest.raises(ValueError, match=r"'a' \(e\.g\. '1[.0-9]*,[0-9]+', line 2\).*--decimal ,"):
        read_table(write(content), "y")


def test_points_between_thousands_are_never_read_as_decimals_beside_decimal_commas(write):
    # 1.000 and 2.000 are numbers, but here they are 1000 and 2000.
    with pytest.raises(ValueError, match=r"'b' \(e\.g\. '1.000', line 2\)"):
        read_table(write("a;b;y\n1,5;1.000;p\n3,25;2.000;q\n"), "y")


def test_the_decimal_sign_can_be_said(write):
    path = write("a;y\n1,234;p\n2,345;q\n")
    assert read_table(path, "y", decimal=",").X.tolist() == [[1.234], [2.345]]
    with pytest.raises(ValueError, match="numbers with separators"):
        read_table(path, "y", decimal=".")
    assert read_queries(path, ["a"], "y", decimal=",")[0].tolist() == [[1.234], [2.345]]
    assert read_table(write('a,y\n"1,5",p\n"2,5",q\n'), "y", decimal=",").X.tolist() == [[1.5], [2.5]]


# --- comments -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "comments",
    [
        "# made by me\n",
        "# made by me, on Monday\n",
        "# so, many, words, here\n",
        "# two, words\n",  # as many as in the table, and a header of words follows
        "%comment\n",
        "# it's \"open, and, so\n\n% on\n#\n",
    ],
)
def test_comments_on_top_are_skipped(write, comments):
    for end in ("\n", "\r\n"):
        path = write((comments + "a,y\n1,p\n2,q\n").replace("\n", end))
        table = read_table(path, "y")
        assert table.feature_names == ["a"] and table.X.tolist() == [[1], [2]]
    if "two" not in comments:
        table = read_table(write(comments + "1,p\n2,q\n"), "-1", header=False)
        assert table.X.tolist() == [[1], [2]] and table.y.tolist() == ["p", "q"]


def test_places_count_the_lines_of_comments_and_empty_lines(write):
    with pytest.raises(ValueError, match=r"'a' \(e.g. 'red', line 7\)"):
        read_table(write("# one\n\n# three\na,y\n1,p\n\nred,q\n"), "y")


def test_a_header_that_starts_with_a_sign_is_no_comment(write):
    for content, name in (("#,y\n7,p\n7,q\n", "#"), ("# of rooms,y\n7,p\n8,q\n", "# of rooms")):
        table = read_table(write(content), "y")
        assert table.feature_names == [name] and len(table.X) == 2


def test_rows_and_headers_are_never_skipped_as_comments(write):
    with pytest.raises(ValueError, match="line 1 starts with '#', .*it may be a row"):
        read_table(write("#,1,2\np,3,4\n"), "0", header=False)
    with pytest.raises(ValueError, match="line 1 starts with '#', .*it may be the header"):
        read_table(write("#colour,size,y\nred,big,p\nblue,small,q\n"), "y")
    with pytest.raises(ValueError, match="line 3 starts with '#', .*it may be the header"):
        read_table(write("#a,b,y\n# or this: a,b,y\n# c,d,e\n1,2,p\n"), "y")
    with pytest.raises(ValueError, match="got comments alone"):
        read_table(write("#a\n#b\n"), "y")


# --- any table, written and read back -----------------------------------------------------------------------

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def tables(draw):
    """Draw numbers, labels, and the manner in which they are written."""
    d = draw(st.integers(1, 4))
    rows = draw(st.lists(st.tuples(*[NUMBERS] * d), min_size=1, max_size=6))
    labels = [draw(st.sampled_from(["p", "q, r", 'say "s"', "t;u", "v|w", "x y", "z\u00e9"])) for _ in rows]
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    decimal = draw(st.sampled_from(".,")) if separator != "," else "."
    quote_all, end = draw(st.booleans()), draw(st.sampled_from(["\n", "\r\n"]))
    return rows, labels, separator, decimal, quote_all, end


def written(rows, labels, separator, decimal, quote_all, end):
    def cell(text):
        odd = quote_all or any(sign in text for sign in (separator, '"', "\n"))
        return '"' + text.replace('"', '""') + '"' if odd else text

    header = [f"c{j}" for j in range(len(rows[0]))] + ["label"]
    lines = [header] + [
        [repr(value).replace(".", decimal) for value in row] + [label]
        for row, label in zip(rows, labels, strict=True)
    ]
    return end.join(separator.join(map(cell, line)) for line in lines) + end


@given(tables())
def test_a_table_written_in_any_manner_is_read_back_to_the_last_bit(tmp_path_factory, table):
    rows, labels, separator, decimal, _, _ = table
    path = tmp_path_factory.mktemp("written") / "t.csv"
    path.write_bytes(written(*table).encode())
    read = read_table(path, "label", separator=separator, decimal=decimal)
    assert read.X.tobytes() == np.array(rows).tobytes() and read.y.tolist() == labels


@given(tables())
def test_a_table_written_in_any_manner_is_read_as_it_was_meant_or_refused(tmp_path_factory, table):
    rows, labels, _, _, _, _ = table
    path = tmp_path_factory.mktemp("written") / "t.csv"
    path.write_bytes(written(*table).encode())
    try:
        read = read_table(path, "label")
    except ValueError as error:
        assert "separator" in str(error) or "--decimal" in str(error)  # noqa: PT017  some are read
    else:
        assert read.X.tobytes() == np.array(rows).tobytes() and read.y.tolist() == labels
