"""The page of an audit in a real browser: its numbers, its widths, its console, its keys."""

from __future__ import annotations

import os
import time
from decimal import ROUND_HALF_UP, Decimal

import chromium
import pytest
import report_documents

from knn_cert import report

pytestmark = pytest.mark.skipif(
    chromium.find() is None or os.name != "posix",
    reason="no Chromium (chromium, google-chrome) on the path, or no POSIX to talk to it by pipes",
)

KINDS = ("real", "useless", "small", "hostile", "large")

# Sets a control as a user does, and returns what the page then says.
SET = """((card, kind, event, value) => {
  const one = document.querySelector(`[data-attacker="${card}"]`);
  const control = one.querySelector(`input[type=${kind}]`);
  control.value = value;
  control.dispatchEvent(new Event(event, {bubbles: true}));
  return [one.querySelector("input[type=range]").value, one.querySelector("output").textContent,
          one.querySelector(".at").textContent, one.querySelector("input[type=range]").ariaValueText,
          one.querySelector("input[type=number]").value];
})"""


@pytest.fixture(scope="module")
def browser():
    with chromium.browser() as one:
        yield one


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    documents = {kind: getattr(report_documents, kind)() for kind in KINDS}
    some_infinite = report_documents.real()
    for attacker in some_infinite["attackers"]:
        n_right = len(attacker["right_budgets"])
        attacker["right_budgets"][n_right // 2 :] = [None] * (n_right - n_right // 2)
        attacker["certified_accuracy"] = (
            report_documents.count(attacker["right_budgets"], attacker["asked"]) / attacker["n_queries"]
        )
    documents["infinite"] = some_infinite
    for kind, document in documents.items():
        report.write(document, folder / f"{kind}.html")
    return folder, documents


def reading(attacker, budget):
    """What the page has to say at a budget, by a count of its own."""
    number, n = report_documents.count(attacker["right_budgets"], budget), attacker["n_queries"]
    tenths = (Decimal(1000) * number / n).quantize(Decimal(1), ROUND_HALF_UP)
    share = f"{tenths / 10:.1f} %"
    if tenths == 0 and number > 0:
        share = "under 0.1 %"
    if tenths == 1000 and number < n:
        share = "over 99.9 %"
    return f"{share} ({number:,} of {n:,})"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_a_page_fits_its_window_asks_for_nothing_and_has_no_errors(browser, pages, kind, width, dark):
    path = pages[0] / f"{kind}.html"
    browser.open(path, width=width, dark=dark)
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    beyond = """[...document.querySelectorAll("body *")]
        .filter(one => !one.closest(".scroll, svg, .skip"))
        .filter(one => one.getBoundingClientRect().right > innerWidth + 0.5)
        .map(one => one.outerHTML.slice(0, 200))"""
    assert browser.evaluate(beyond) == []
    assert browser.messages == []
    assert [url for url in browser.requests if not url.startswith("data:")] == [path.as_uri()]


@pytest.mark.parametrize("kind", [*KINDS, "infinite"])
def test_the_slider_says_what_python_counts(browser, pages, kind):
    folder, documents = pages
    browser.open(folder / f"{kind}.html", width=1000)
    for number, attacker in enumerate(documents[kind]["attackers"]):
        card = f"document.querySelector('[data-attacker=\"{number}\"]')"
        assert browser.evaluate(f"{card}.querySelector('output').textContent") == reading(
            attacker, attacker["asked"]
        )
        top = float(browser.evaluate(f"{card}.querySelector('input[type=range]').max"))
        step = float(browser.evaluate(f"{card}.querySelector('input[type=range]').step"))
        known = [one for one in attacker["right_budgets"] if one is not None]
        near = [shift + one for one in known[:: max(1, len(known) // 4)] for shift in (-step, 0.0, step)]
        for wanted in (0.0, top, *(top * k / 11 for k in range(11)), *near):
            value, said, at, spoken, field = browser.evaluate(f"{SET}({number}, 'range', 'input', {wanted})")
            budget = float(value)
            assert said == reading(attacker, budget)
            assert value == field
            assert spoken == f"{at}: {said}"
            words = f"{int(budget):,} row{'s' if budget != 1 else ''}"
            assert at == (words if attacker["unit"] == "rows" else f"distance {value}")
            value, said, *_ = browser.evaluate(f"{SET}({number}, 'number', 'change', {wanted})")
            assert said == reading(attacker, float(value))
    assert browser.messages == []


def test_the_mark_on_the_curve_is_where_the_number_is(browser, pages):
    folder, documents = pages
    browser.open(folder / "real.html", width=1000)
    attacker = documents["real"]["attackers"][2]
    value, *_ = browser.evaluate(f"{SET}(2, 'range', 'input', 100)")
    chart = "document.querySelector('[data-attacker=\"2\"] svg')"
    sides = browser.evaluate(f"({{...{chart}.dataset}})")
    left, right, top, bottom, high = (float(sides[one]) for one in ("left", "right", "top", "bottom", "high"))
    share = report_documents.count(attacker["right_budgets"], 100) / attacker["n_queries"]
    at = f"{chart}.querySelector('.cursor-dot').getAttribute"
    assert float(browser.evaluate(f"{at}('cx')")) == pytest.approx(left + (right - left) * 100 / high)
    assert float(browser.evaluate(f"{at}('cy')")) == pytest.approx(bottom - (bottom - top) * share)
    # the curve goes through the mark: below it on one side, or at it
    hit = f"""(() => {{
      const path = {chart}.querySelector(".curve"), length = path.getTotalLength();
      let best = 1e9;
      for (let k = 0; k <= 4000; k++) {{
        const point = path.getPointAtLength(length * k / 4000);
        best = Math.min(best, Math.hypot(point.x - {at}("cx"), point.y - {at}("cy")));
      }}
      return best;
    }})()"""
    assert browser.evaluate(hit) < 1.0


def test_the_slider_moves_with_the_keys(browser, pages):
    folder, documents = pages
    browser.open(folder / "real.html", width=1000)
    attacker = documents["real"]["attackers"][0]
    slider = "document.querySelector('[data-attacker=\"0\"] input[type=range]')"
    browser.evaluate(f"{slider}.focus()")
    for key, budget in (("ArrowRight", 5), ("ArrowRight", 6), ("ArrowLeft", 5), ("Home", 0)):
        browser.press(key)
        assert browser.evaluate(f"{slider}.value") == str(budget)
        output = browser.evaluate("document.querySelector('[data-attacker=\"0\"] output').textContent")
        assert output == reading(attacker, budget)


def test_the_rows_can_be_downloaded(browser, pages, tmp_path):
    folder, documents = pages
    browser.open(folder / "real.html", width=1000)
    browser("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.evaluate("document.querySelector('a[download]').click()")
    deadline = time.monotonic() + 20
    while not (tmp_path / "rows.csv").exists():
        assert time.monotonic() < deadline, "nothing was downloaded"
        browser.evaluate("new Promise(done => setTimeout(done, 50))")
    lines = (tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "row,label,queries,weak"
    first = documents["real"]["hinges"]["rows"][0]
    assert lines[1] == f"{first['row']},{first['label']},{first['queries']},{first['weak']}"
    assert len(lines) == 1 + len(documents["real"]["hinges"]["rows"])
    assert browser.messages == []


def test_texts_from_outside_run_nothing(browser, pages):
    browser.open(pages[0] / "hostile.html", width=1000)
    assert browser.evaluate("document.querySelectorAll('img, iframe, object, embed, form, base').length") == 0
    assert browser.evaluate("document.querySelectorAll('script').length") == 2
    attributes = """[...document.querySelectorAll("*")].flatMap(one => [...one.attributes])
        .filter(one => one.name.startsWith("on") || /^javascript:/i.test(one.value)).length"""
    assert browser.evaluate(attributes) == 0


def test_what_is_brought_in_later_does_not_run(browser, pages):
    """The policy of the page stops a script, a handler and an image that somebody put into it."""
    browser.open(pages[0] / "real.html", width=1000)
    browser.evaluate(
        """const script = document.createElement("script");
        script.textContent = "window.broken = 1";
        document.body.append(script);
        const box = document.createElement("div");
        box.innerHTML = "<img src='https://example.invalid/x.png' onerror='window.broken = 2'>";
        document.body.append(box);"""
    )
    browser.evaluate("new Promise(done => setTimeout(done, 300))")
    assert browser.evaluate("window.broken === undefined")
    assert any("Content Security Policy" in message for message in browser.messages)


def test_everything_has_a_name_that_can_be_read_aloud(browser, pages):
    browser.open(pages[0] / "real.html", width=1000)
    tree = browser("Accessibility.getFullAXTree")["nodes"]
    wanted = {"slider", "spinbutton", "link", "region", "image", "heading", "navigation", "article"}
    seen = set()
    for node in tree:
        role = node.get("role", {}).get("value")
        if not node.get("ignored") and role in wanted:
            seen.add(role)
            assert node.get("name", {}).get("value"), node
    assert seen == wanted
    assert browser.evaluate("document.querySelectorAll('th:not([scope])').length") == 0
    assert browser.evaluate("document.querySelectorAll('output:not([aria-live=polite])').length") == 0
    levels = browser.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(one => +one.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))
    assert browser.evaluate("new Set([...document.querySelectorAll('[id]')].map(one => one.id)).size") == (
        browser.evaluate("document.querySelectorAll('[id]').length")
    )
    links = browser.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].map(one => one.hash.slice(1))")
    assert all(browser.evaluate(f"document.getElementById('{one}') !== null") for one in links)


def test_on_paper_all_numbers_are_seen_without_the_slider(browser, pages):
    folder, documents = pages
    browser.open(folder / "real.html", width=800, media="print", dark=True)
    controls = "[...document.querySelectorAll('.controls, nav, .cursor')]"
    assert browser.evaluate(f"{controls}.filter(one => one.checkVisibility()).length") == 0
    browser.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    text = browser.evaluate("document.body.innerText")
    for attacker in documents["real"]["attackers"]:
        assert reading(attacker, attacker["asked"]) in text
        assert " ".join(attacker["guarantee"].split()) in " ".join(text.split())
    browser.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert browser.evaluate("document.querySelectorAll('details[open]').length") == 0
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("dark", [False, True])
def test_texts_stand_out_from_what_is_behind_them(browser, pages, dark):
    """The contrast of every text colour with paper and card is at least 4.5 (WCAG AA)."""
    browser.open(pages[0] / "useless.html", width=1000, dark=dark)
    names = ["ink", "soft", "curve", "asked", "good", "bad", "paper", "card", "tint", "warn-paper"]
    probe = """(names => names.map(name => {
        const style = getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
        return [1, 3, 5].map(k => parseInt(style.slice(k, k + 2), 16) / 255);
    }))"""
    colours = dict(zip(names, browser.evaluate(f"{probe}({names})"), strict=True))

    def luminance(name):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colours[name]]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for text in names[:6]:
        for behind in names[6:]:
            high, low = sorted((luminance(text), luminance(behind)), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, (text, behind)
