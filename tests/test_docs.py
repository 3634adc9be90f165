"""Every file that a page of the documentation names or links to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "csrc/README.md",
        "benchmarks/README.md",
    ),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
]

# A path below the root in backticks: folders, then a file with an ending or a slash.
PATH = re.compile(r"`((?:knn_cert|csrc|tests|docs|benchmarks|examples)/(?:[\w-]+/)*(?:[\w-]+\.\w+)?)`")


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#\s]+)", text_of(page))
    missing = [
        target
        for target in targets
        if not target.startswith("http") and not (ROOT / page).parent.joinpath(target).exists()
    ]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page):
    assert not [path for path in PATH.findall(text_of(page)) if not (ROOT / path).exists()]


def test_the_page_for_contributors_names_files():
    assert len(PATH.findall(text_of("CONTRIBUTING.md"))) > 15


@pytest.mark.parametrize("page", ["docs/architecture.md", "csrc/README.md"])
def test_headers_that_are_named_are_there(page):
    headers = set(re.findall(r"\b\w+\.hpp\b", text_of(page)))
    there = {path.name for path in (ROOT / "csrc").rglob("*.hpp")}
    assert headers and headers <= there
