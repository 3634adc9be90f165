"""Every file that a page of the documentation names or links to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "csrc/README.md", "benchmarks/README.md"),
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


def listed():
    """Paths of the list of rooms: names at the start of a line, in the folder of the line above them."""
    block = text_of("docs/architecture.md").split("## Rooms")[1].split("```")[1]
    folders: list[tuple[int, Path]] = []
    for line in block.strip("\n").splitlines():
        indent = len(line) - len(line.lstrip())
        names = re.match(r"[\w.*/<>]+( [\w.*/<>]+)*(?=  |$)", line.strip())
        if indent > 8 or names is None:
            continue  # the line above goes on
        while folders and folders[-1][0] >= indent:
            folders.pop()
        for name in re.sub(r"<\w+>", "*", names[0]).split(" "):
            path = (folders[-1][1] if folders else Path()) / name
            yield path
        if name.endswith("/"):
            folders.append((indent, path))


def test_the_list_of_rooms_has_files_that_are_there():
    paths = list(listed())
    assert len(paths) > 80
    assert not [str(path) for path in paths if not list(ROOT.glob(str(path)))]


def test_every_room_of_the_package_is_in_the_list_of_rooms():
    rooms = {path.parent.relative_to(ROOT) for path in (ROOT / "knn_cert").glob("*/__init__.py")}
    assert not {str(room) for room in rooms - set(listed())}
