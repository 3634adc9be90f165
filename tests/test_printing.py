"""Text out of a table as it is shown: it cannot move the cursor, forge a line or be run as a formula."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knn_cert._printing import listed, one_line, printable, quoted, shortened, spreadsheet_cell

HOSTILE = [
    ("\x1b[2J", r"\x1b[2J"),  # clears the screen
    ("\x1b]0;title\x07", r"\x1b]0;title\x07"),  # renames the window
    ("\x9b31m", r"\x9b31m"),  # the same introducer in one character
    ("ham\ncertified rate 1.0", r"ham\ncertified rate 1.0"),
    ("ham\rspam\ttab\x00\x7f", r"ham\rspam\ttab\x00\x7f"),
    ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
    ("\u202egnp.exe\u202c\u2066\u200f", r"\u202egnp.exe\u202c\u2066\u200f"),  # the direction of writing
    ("in\u200bvis\u200dible\ufeff\u00ad", r"in\u200bvis\u200dible\ufeff\xad"),
    ("half\udc80", r"half\udc80"),
    ("tag\U000e0041", r"tag\U000e0041"),
]


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_what_a_terminal_obeys_is_written_as_an_escape(text, shown):
    assert printable(text) == shown
    assert quoted(text) == f"'{shown}'"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain text",
        "caf\u00e9",
        "\u30b9\u30d1\u30e0",
        "\u0928\u092e\u0938\u094d\u0924\u0947",
        r"C:\tables\new",
        "a\u00a0b",
        "\U0001f600",
    ],
)
def test_letters_of_every_script_stay_what_they_are(text):
    assert printable(text) == text


@given(st.text(st.characters(exclude_categories=[])))
def test_nothing_that_is_shown_has_a_control_format_or_separating_character(text):
    for shown in (
        printable(text),
        quoted(text),
        listed([text, text]),
        one_line(text),
        spreadsheet_cell(text),
    ):
        assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]
        assert len(shown.splitlines()) <= 1


def test_long_texts_and_long_lists_are_cut():
    assert shortened("x" * 41) == "x" * 37 + "..." and shortened("x" * 40) == "x" * 40
    assert listed([f"c{j}" for j in range(25)], 3) == "c0, c1, c2 and 22 more"
    assert listed(["a", "b"]) == "a, b"


def test_a_number_too_long_to_be_written_is_described():
    assert shortened(10**5000) == "a number of thousands of digits"
    assert quoted(7) == "7"


def test_the_lines_of_another_program_become_one():
    assert one_line("first\n  second\tthird\x1b") == r"first second third\x1b"


@pytest.mark.parametrize(
    "text",
    ["=cmd|' /C calc'!A0", "+1+2", "-2+3", "@SUM(A1)", "\uff1d1+1", " =1+1", "=\t1", "-", "+", "=1.0x"],
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text):
    assert spreadsheet_cell(text) == "'" + printable(text)


@pytest.mark.parametrize("value", ["-1", "+2.5", "-1e-5", "ham", "a=b", "", "'=1", 3, -4.5, None])
def test_numbers_and_plain_texts_stay_what_they_are_in_a_spreadsheet(value):
    assert spreadsheet_cell(value) == value


@pytest.mark.parametrize("start", "\t\r\n")
def test_no_formula_hides_behind_a_control_character(start):
    assert spreadsheet_cell(f"{start}=1+1")[0] == "\\"
