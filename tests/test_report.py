"""The report of an audit: documents, page, Markdown and JSON; texts from outside attack in vain."""

from __future__ import annotations

import base64
import copy
import csv
import hashlib
import html.parser
import io
import json
import random
import re
import subprocess
import sys
import unicodedata
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
import report_documents
from hypothesis import given, settings
from hypothesis import strategies as st

from knn_cert import report
from knn_cert.report import wording
from knn_cert.report.axes import Axis, round_step
from knn_cert.report.budgets import reach_of
from knn_cert.report.counting import certified_count, coarsened
from knn_cert.report.document import schema
from knn_cert.report.shape import check_shape

KINDS = ("real", "useless", "small", "hostile", "large")
TAGS = set(
    "html head meta title link style body a header h1 h2 h3 p strong bdi dl div dt dd nav ul li main section "
    "table thead tbody tr th td span article output svg line text path circle rect label input details "
    "summary footer script br".split()
)


@pytest.fixture(scope="module", params=KINDS)
def document(request):
    return getattr(report_documents, request.param)()


@pytest.fixture
def real():
    return report_documents.real()


class Page(html.parser.HTMLParser):
    """Elements and texts of a page, by another program than a browser."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.stack, self.scripts = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append([dict(attrs), ""])
        self.stack.append(tag)

    def handle_endtag(self, tag):
        while self.stack and self.stack.pop() != tag:
            pass

    def handle_data(self, data):
        if self.stack and self.stack[-1] == "script":
            self.scripts[-1][1] += data
        elif data.strip() and "style" not in self.stack:
            self.texts.append(data.strip())

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def share_words(number, n):
    """A share of whole numbers in per cent with one decimal, halves up."""
    tenths = (Decimal(1000) * number / n).quantize(Decimal(1), ROUND_HALF_UP)
    if tenths == 0 and number > 0:
        return "under 0.1 %"
    return "over 99.9 %" if tenths == 1000 and number < n else f"{tenths / 10:.1f} %"


# The document


def test_documents_fit_the_published_schema_and_our_own_checks(document):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(document, schema(), cls=jsonschema.Draft202012Validator)
    report.validate(document)


def test_the_schema_allows_no_other_keys_anywhere():
    def walk(one):
        if isinstance(one, dict):
            if one.get("type") == "object":
                others = one["additionalProperties"]
                assert others is False or (isinstance(others, dict) and "properties" not in one)
            for item in one.values():
                walk(item)
        elif isinstance(one, list):
            for item in one:
                walk(item)

    walk(dict(schema()))


def places(value, path=()):
    """Every place in a document, as the keys that lead there."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))


def shortened(value):
    """The same with two items of every list at most."""
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    return [shortened(item) for item in value[:2]] if isinstance(value, list) else value


def changed(document, path, change):
    document = copy.deepcopy(document)
    *before, last = path
    place = document
    for key in before:
        place = place[key]
    change(place, last)
    return document


def complaint_about(document):
    try:
        check_shape(document, schema())
    except ValueError as error:
        return str(error)
    return None


def test_our_checks_of_shape_agree_with_a_validator_of_json_schema(real):
    """Every place of a document is damaged in several ways; both refuse the same."""
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(dict(schema()))
    rng = random.Random(0)
    values = [None, True, -1, 0, 0.5, 1.0, 2, 7.5, "x", "knn_cert audit", [], {}, [1], {"a": 1}]
    refused = accepted = 0
    real = shortened(real)
    for path in list(places(real))[1:]:
        damages = [
            lambda place, key, value=value: place.__setitem__(key, value) for value in rng.sample(values, 4)
        ]
        damages.append(lambda place, key: place.__delitem__(key))
        damages.append(
            lambda place, key: place[key].update(unheard=1) if isinstance(place[key], dict) else None
        )
        for damage in damages:
            damaged = changed(real, path, damage)
            complaint = complaint_about(damaged)
            ours = complaint is None
            assert ours or complaint.startswith("document")
            assert ours == validator.is_valid(damaged), (path, damaged)
            refused, accepted = refused + (not ours), accepted + ours
    assert refused > 500 and accepted > 50


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_write_is_refused(real, value):
    real["classifier"]["accuracy"] = value
    with pytest.raises(ValueError, match=r"document\.classifier\.accuracy must be .* finite number"):
        report.validate(real)


def test_a_schema_with_a_word_that_is_not_known_is_not_taken_for_checked():
    with pytest.raises(NotImplementedError, match="pattern"):
        check_shape("x", {"type": "string", "pattern": "y"})


def test_other_types_than_a_dict_are_refused():
    with pytest.raises(TypeError, match=r"must be a dict, as json\.loads gives it, got str"):
        report.validate("{}")


def set_in(*path, value):
    def change(document):
        place = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            set_in("attackers", 0, "certified_accuracy", value=0.5),
            "but 0.9174311926605505 of the queries have",
        ),
        (set_in("attackers", 0, "asked", value=12.5), "but 0.0 of the queries"),
        (set_in("attackers", 0, "right_budgets", value=[2, 1]), "in increasing order"),
        (set_in("attackers", 0, "right_budgets", value=[None, 1]), "null at the end"),
        (set_in("attackers", 0, "n_queries", value=10), "103 budgets, but there are 10 queries"),
        (set_in("classifier", "accuracy", value=0.8), "more than are right"),
        (set_in("attackers", 0, "certified_interval", value=[0.0, 0.9]), "must hold certified_accuracy"),
        (set_in("attackers", 1, "name", value="mislabelled"), "must differ"),
        (set_in("choice", "asked", "attacker", value="other"), r"choice\.asked\.attacker names 'other'"),
        (set_in("hinges", "attacker", value="other"), r"hinges\.attacker names 'other'"),
        (set_in("examples", 0, "attacker", value="other"), r"examples\[0\]\.attacker names 'other'"),
        (set_in("classes", 1, "certified", value={"other": 0.5}), r"classes\[1\]\.certified names 'other'"),
        (
            set_in("queries", "weakest", 0, "budgets", value={"other": 1}),
            r"weakest\[0\]\.budgets names 'other'",
        ),
        (set_in("choice", "candidates", 0, "chosen", value=True), "got 2 chosen"),
        (set_in("bars", 0, "passed", value=False), r"bars\[0\]\.passed must say"),
    ],
)
def test_documents_that_contradict_themselves_are_refused(real, change, message):
    change(real)
    with pytest.raises(ValueError, match=message):
        report.validate(real)
    for render in (report.render_html, report.render_markdown):
        with pytest.raises(ValueError, match=message):
            render(real)


# Numbers


def test_counts_are_those_of_a_loop():
    rng = random.Random(1)
    for _ in range(300):
        known = sorted(
            rng.choice([rng.randrange(5), rng.random(), 0.1 * rng.randrange(40)]) for _ in range(9)
        )
        budgets = known + [None] * rng.randrange(3)
        for asked in (*known, 0, 0.3, 2.5, 99):
            assert certified_count(budgets, asked) == report_documents.count(budgets, asked)


def test_budgets_that_are_kept_coarsely_are_counted_right_at_every_step():
    rng = random.Random(2)
    for step in (Fraction(1, 100), Fraction(1, 5), Fraction(5)):
        budgets = sorted(
            rng.choice([rng.gammavariate(2, 1), float(step * rng.randrange(40))]) for _ in range(300)
        )
        coarse = coarsened([*budgets, None], step)
        for j in range(60):
            at = float(step * j)
            assert report_documents.count(coarse, at) == report_documents.count([*budgets, None], at)


def test_a_slider_reaches_every_budget_and_the_one_that_was_asked_for(document):
    for attacker in document["attackers"]:
        for most in (3, 10**6):
            reach = reach_of(attacker, most)
            known = [one for one in attacker["right_budgets"] if one is not None]
            assert max([attacker["asked"], *known]) < reach.high
            assert (reach.high / reach.step).denominator == 1
            assert sum(number for _, number in reach.runs) + reach.n_infinite == len(
                attacker["right_budgets"]
            )
            at = [float(Fraction(reach.slider["step"]) * j) for j in range(0, 1000, 7)]
            for b in at:
                counted = reach.n_infinite + sum(number for budget, number in reach.runs if budget >= b)
                assert counted == report_documents.count(attacker["right_budgets"], b)


def test_shares_are_rounded_as_written_and_never_to_all_or_nothing():
    for n in (1, 3, 16, 109, 1000, 4001):
        for number in range(0, n + 1, max(1, n // 97)):
            assert wording.part(number, n) == wording.share(number / n) == share_words(number, n)
    assert wording.part(1, 16) == "6.3 %"
    assert wording.part(1, 10**6) == wording.share(1e-6) == "under 0.1 %"
    assert wording.part(10**6 - 1, 10**6) == wording.share(1 - 1e-6) == "over 99.9 %"
    assert (wording.part(0, 9), wording.part(9, 9)) == ("0.0 %", "100.0 %")
    assert [wording.rate(one) for one in (0.01, 0.07, 0.001, 1.0)] == ["1 %", "7 %", "0.1 %", "100 %"]


def test_radii_are_rounded_down():
    rng = random.Random(3)
    for _ in range(500):
        radius = rng.random() * 10.0 ** rng.randrange(-7, 12)
        shown = Decimal(wording.length(radius))
        assert shown <= Decimal(repr(radius))
        assert shown >= Decimal(repr(radius)) * Decimal("0.999")
    assert [wording.length(one) for one in (0.0, 0.1, 2.0, 1234.5678, 1e-12)] == [
        "0",
        "0.1",
        "2",
        "1234",
        "1.000e-12",
    ]


def test_budgets_are_told_with_their_unit():
    shown = [wording.budget(one, "rows") for one in (0, 1, 2.5, 1234, None)]
    assert shown == ["0 rows", "1 row", "2.5 rows", "1,234 rows", "any number of rows"]
    assert [wording.budget(one, "radius") for one in (0.25, None)] == ["distance 0.25", "any distance"]


def test_ticks_are_round_and_within_their_axis():
    rng = random.Random(4)
    for _ in range(300):
        low, span = Fraction(rng.randrange(100)), Fraction(rng.random() * 10.0 ** rng.randrange(-6, 7))
        axis = Axis(low, low + span, 0, 100, most_ticks=5)
        assert 1 <= len(axis.ticks) <= 6
        assert all(low <= tick <= low + span for tick in axis.ticks)
        step = round_step(span, 5)
        assert Decimal(step.numerator) / Decimal(step.denominator) == Decimal(float(step).__repr__())
        assert float(step).__repr__().strip("0.").split("e")[0] in ("1", "2", "5")
    assert Axis(Fraction(0), Fraction(2), 0, 1, most_ticks=5, step=Fraction(1)).ticks == [0, 1, 2]


# The page


@pytest.fixture(scope="module")
def page(document):
    return report.render_html(document)


def test_a_page_is_below_half_a_megabyte(page):
    assert len(page.encode()) < 500_000


def test_long_names_of_quotes_do_not_swell_a_page():
    document, name = report_documents.large(), '"' * 5000
    table, queries = document["table"], document["queries"]
    for one in (*document["classes"], *table["classes"], *document["hinges"]["rows"], *document["examples"]):
        one["label"] = name
    for one in table["columns"]:
        one.update(name=name, remark=f"Column {name[:40]} is left out.")
    for one in (*queries["weakest"], *queries["strongest"]):
        one.update(label=name, true=name)
    page = report.render_html(document)
    assert len(page.encode()) < 500_000
    assert re.search(r"Download the first \d+ of 20,000 rows as CSV", page)


def test_a_page_has_only_its_own_elements_and_loads_nothing(page):
    parsed = Page(page)
    assert {tag for tag, _ in parsed.elements} <= TAGS
    for tag, attributes in parsed.elements:
        assert not [
            name for name in attributes if name.startswith("on") or name in ("src", "style", "action")
        ]
        target = attributes.get("href", "#")
        assert target.startswith(("#", "data:text/csv;charset=utf-8;base64,", "data:,")), (tag, target)
    assert len(parsed.scripts) == 2
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest|innerHTML|eval\(", page)


def test_the_policy_allows_the_inline_style_and_script_and_no_other(page):
    policy = next(
        attributes["content"]
        for tag, attributes in Page(page).elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL).group(1)
    for name, content in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_the_script_has_the_budgets_of_the_document(document, page):
    attributes, content = Page(page).scripts[0]
    assert attributes == {"type": "application/json", "id": "budgets"}
    assert not set("<>&") & set(content)
    for attacker, one in zip(document["attackers"], json.loads(content), strict=True):
        assert (one["n"], one["unit"]) == (attacker["n_queries"], attacker["unit"])
        assert one["infinite"] == attacker["right_budgets"].count(None)
        written = [budget for budget, times in one["budgets"] for _ in range(times)]
        known = [budget for budget in attacker["right_budgets"] if budget is not None]
        assert len(written) == len(known)
        if len(known) < 500:
            assert written == known


def test_texts_of_the_document_are_shown_and_not_obeyed():
    document = report_documents.hostile()
    page = report.render_html(document)
    assert "<img" not in page and "<svg onload" not in page and "\u202e" not in page and "\x1b" not in page
    text = Page(page).text
    for shown in (
        "</script><img src=x onerror=alert(1)>",
        "{{ 7 * 7 }} {% raw %}",
        r"\u202egnp.exe\u202c",
        r"\x1b[2J",
    ):
        assert shown in text


def with_names(name):
    """The real document with one name in many places."""
    document = report_documents.real()
    document["table"].update(name=name, label=name, remarks=[name], fingerprint=name)
    document["classifier"]["words"] = document["scaling"]["meaning"] = document["choice"]["why"] = name
    document["lines"] = document["not_covered"] = [name, f"Column {name} is left out."]
    document["hinges"]["words"] = document["made_by"]["command"] = name
    for one in document["attackers"]:
        one.update(title=name, nist=name, story=name, threat=name, guarantee=name, not_covered=name)
    for one in document["classes"] + document["hinges"]["rows"]:
        one["label"] = name
    for one in document["queries"]["weakest"]:
        one["label"] = one["true"] = name
    for one in document["queries"]["strongest"]:
        one["label"] = one["true"]
    return document


NAMES = st.text(
    st.characters(codec="utf-8") | st.sampled_from("<>&\"'`/{}%|*_[]()#-=\\@!:~+.1 \u202e\0"), min_size=1
)


@given(NAMES)
def test_no_name_changes_what_a_page_is_made_of(name):
    page, harmless = (Page(report.render_html(with_names(one))) for one in (name, "name"))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in harmless.elements]
    assert [list(attributes) for _, attributes in page.elements] == [list(a) for _, a in harmless.elements]


@given(NAMES)
def test_no_page_hides_a_character(name):
    shown = report.render_html(with_names(name)).replace("\n", "")
    assert {one for one in shown if unicodedata.category(one)[0] == "C"} == set()


@settings(max_examples=60)
@given(NAMES)
def test_no_name_changes_what_a_markdown_is_made_of(name):
    markdown_it = pytest.importorskip("markdown_it")
    shown = markdown_it.MarkdownIt("gfm-like", {"linkify": False, "html": True}).render
    found, harmless = (
        [tag for tag, _ in Page(shown(report.render_markdown(with_names(one)))).elements if tag != "strong"]
        for one in (name, "name")
    )  # a name that begins or ends with a space, or with a point, may be no bold text
    assert found == harmless


def test_a_sealed_json_ends_no_script():
    from knn_cert.report.page import _inline_json

    attack = ["</script><img src=x onerror=alert(1)>", "<!--<script>", "&amp;"]
    written = str(_inline_json(attack))
    assert not set("<>&") & set(written)
    assert json.loads(written) == attack


def test_numbers_on_the_page_are_counted_from_the_budgets(document, page):
    text = Page(page).text
    for attacker in document["attackers"]:
        n, asked = attacker["n_queries"], attacker["asked"]
        number = report_documents.count(attacker["right_budgets"], asked)
        assert f": {share_words(number, n)} ({number:,} of {n:,})" in text


def test_long_tables_are_cut_and_say_so():
    text = Page(report.render_html(report_documents.large())).text
    for left_out in (
        "260 more classes", "940 more columns", "990 more predictions", "470 more candidates",
        "19,980 more rows", "188 more attacks", "40 more sentences", "260 more labels",
    ):  # fmt: skip
        assert f"{left_out} are left out here; the JSON of this report has them all." in text
    assert "the last column has a remark" in text


def test_the_weakest_classes_are_those_that_stay():
    document = report_documents.large()
    name = document["choice"]["asked"]["attacker"]
    for number, one in enumerate(document["classes"]):
        one["label"] = f"class {number}"
        one["certified"][name] = 0.1 if number in (7, 298) else 0.9
    rows = re.findall(r'<th scope="row"><bdi>(class \d+)</bdi>', report.render_html(document))
    assert {"class 7", "class 298"} <= set(rows)


def test_a_useless_classifier_is_called_so_in_the_first_line():
    document = report_documents.useless()
    page = report.render_html(document)
    assert Page(page[page.index("<header>") :]).texts[0].startswith("No use shown")
    assert report.render_markdown(document).startswith("# No use shown")
    assert "useless" not in report.render_markdown(report_documents.real())


def test_a_classifier_that_is_no_better_than_one_label_has_a_warning(real):
    majority = real["classifier"]["majority_accuracy"]
    real["classifier"]["majority_accuracy"] = real["classifier"]["accuracy"]
    warning = "always saying the most frequent label would be right on"
    assert warning in report.render_html(real) and warning in report.render_markdown(real)
    real["classifier"]["majority_accuracy"] = majority
    assert warning not in report.render_html(real)


def test_bars_are_counted(real):
    assert "1 of 2 bars failed." in report.render_html(real)
    real["bars"] = real["bars"][:1]
    assert "The bar was passed." in report.render_html(real)
    real["bars"] *= 2
    assert "All 2 bars were passed." in report.render_markdown(real)
    real["bars"] = []
    assert "bar" not in report.render_markdown(real)


def test_the_link_holds_the_rows_as_csv_and_runs_no_formula():
    document = report_documents.hostile()
    for number, row in enumerate(document["hinges"]["rows"]):
        row["label"] = report_documents.HOSTILE[number % len(report_documents.HOSTILE)]
    link = re.search(
        r'href="data:text/csv;charset=utf-8;base64,([^"]*)"', report.render_html(document)
    ).group(1)
    head, *rows = csv.reader(io.StringIO(base64.b64decode(link).decode(), newline=""))
    assert head == ["row", "label", "queries", "weak"]
    expected = [
        (str(one["row"]), str(one["queries"]), str(one["weak"])) for one in document["hinges"]["rows"]
    ]
    assert [(one[0], one[2], one[3]) for one in rows] == expected
    assert not [one for one in rows if one[1].startswith(("=", "+", "-", "@"))]
    assert any(one[1].startswith("'=cmd") for one in rows)


def test_every_attack_that_is_infinitely_certified_has_a_chart(real):
    for attacker in real["attackers"]:
        attacker["right_budgets"] = [0] * 50 + [None] * 50
        attacker["certified_accuracy"] = 50 / attacker["n_queries"]
        attacker["certified_interval"] = [0.0, 1.0]
    assert "any number of rows" not in report.render_html(real).split("<details")[0]
    assert report.render_html(real).count('class="curve"') == len(real["attackers"])


@pytest.mark.parametrize("largest", [5e-324, 1e-300, 1e-9, 1e15, 1e300])
@pytest.mark.parametrize("unit", ["rows", "radius"])
def test_budgets_of_any_size_are_drawn(real, largest, unit):
    attacker = real["attackers"][0]
    if unit == "rows":
        largest = max(1, int(largest))
    attacker.update(
        unit=unit, asked=largest, right_budgets=[0, largest], median_budget=largest, together=None,
        certified_accuracy=1 / attacker["n_queries"], certified_interval=[0.0, 1.0],
    )  # fmt: skip
    for name in ("choice", "hinges"):
        real[name] = None
    page = report.render_html(real)
    curve = re.search(r'd="([^"]*)" class="curve"', page).group(1)
    corners = [float(one) for one in re.findall(r"[MHV ]([0-9.]+)", curve)]
    assert len(corners) == 7 and all(0 <= one <= 360 for one in corners)
    assert "nan" not in curve and len(page) < 500_000
    assert report.render_markdown(real)


def test_rendering_twice_gives_the_same_and_changes_nothing(document):
    before = copy.deepcopy(document)
    for render in (report.render_html, report.render_markdown):
        assert render(document) == render(document)
    assert document == before


# Markdown


def test_markdown_shows_texts_and_obeys_none():
    markdown_it = pytest.importorskip("markdown_it")
    shown = markdown_it.MarkdownIt("gfm-like", {"linkify": False, "html": True}).render
    document = report_documents.hostile()
    parsed = Page(shown(report.render_markdown(document)))
    harmless = Page(shown(report.render_markdown(report_documents.real())))
    tags = [tag for tag, _ in parsed.elements]
    assert set(tags) <= {"h1", "h2", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    for tag in ("h1", "h2", "table"):
        assert tags.count(tag) == [one for one, _ in harmless.elements].count(tag)
    assert "</script><img src=x onerror=alert(1)>" in parsed.text
    assert r"a | b ` c ` * _ [x](javascript:alert(1))\n# forged" in parsed.text


@pytest.mark.parametrize(
    "text",
    "# x;1. x;12) x;- x;+ x;= x;* x;> x;***;---;a  b;`x`;~~x~~;![x](y);<b>x</b>;&lt x;[x]: y;| x |;http://x.y;"
    "www.x.y;\\;_x_;    x;- [ ] x;$x$;{x}".split(";"),
)
def test_each_markup_is_shown_as_it_is_written(text):
    markdown_it = pytest.importorskip("markdown_it")
    from knn_cert.report.markdown import _escaped

    shown = markdown_it.MarkdownIt("gfm-like", {"linkify": False, "html": True}).render
    assert shown(f"- {_escaped(text)}").count("<li>") == 1
    parsed = Page(shown(f"- {_escaped(text)}"))
    assert [tag for tag, _ in parsed.elements] == ["ul", "li"]
    assert parsed.text == " ".join(text.split())
    cell = Page(shown(f"| a | b |\n| --- | --- |\n| {_escaped(text)} | c |"))
    assert [tag for tag, _ in cell.elements] == [
        "table",
        "thead",
        "tr",
        "th",
        "th",
        "tbody",
        "tr",
        "td",
        "td",
    ]


def test_nobody_is_called_by_a_label():
    from knn_cert.report.markdown import _escaped

    text = "@somebody #12 http://x www.x a@b.org a.b@c-d.e.f é@x"
    assert re.findall(r"@\w|#\d|://|www\.", _escaped(text)) == []
    assert "GH-12" not in _escaped("see GH-12") and ":x:" not in _escaped("a :x: b")
    assert _escaped("0.8@mislabelled:1%") == "0.8@mislabelled:1%"


def test_markdown_is_short(document):
    assert len(report.render_markdown(document)) < 30_000


# Files


def test_the_ending_says_what_is_written(tmp_path, document):
    for ending in report.REPORT_SUFFIXES:
        report.write(document, tmp_path / f"r{ending}")
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == report.render_html(document)
    assert (tmp_path / "r.md").read_text(encoding="utf-8") == report.render_markdown(document)
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8")) == document
    report.write(document, str(tmp_path / "R.HTML"))
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("name", ["r.pdf", "r", ".html", "r.html.gz"])
def test_other_endings_are_refused(tmp_path, real, name):
    with pytest.raises(ValueError, match=r"written to \.html, \.md, \.json"):
        report.write(real, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", report.REPORT_SUFFIXES)
def test_a_document_that_is_refused_leaves_the_old_report(tmp_path, real, ending):
    path = tmp_path / f"r{ending}"
    path.write_text("old")
    real["attackers"][0]["certified_accuracy"] = 0.0
    with pytest.raises(ValueError, match="certified_accuracy"):
        report.write(real, path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path, real):
    with pytest.raises(OSError, match=r"cannot write .*missing"):
        report.write(real, tmp_path / "missing" / "r.html")


def test_the_report_needs_neither_numpy_nor_a_certificate():
    program = (
        "import sys, knn_cert.report; print(sorted({'numpy', 'scipy', 'knn_cert.exact'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
