"""The house as docs/architecture.md has it: rooms on floors, arrows that point down, files of one idea."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "knn_cert"
PAGE = ROOT / "docs" / "architecture.md"

# From the bottom up. A room may import from its own floor only itself, and from every floor below.
FLOORS = [
    {
        "_arithmetic",
        "_types",
        "_version",
        "_npz",
        "_pareto",
        "_printing",
        "_reading",
        "_writing",
        "fingerprint",
        "progress",
    },
    {"gate"},
    {"kernels", "bounds", "smoothing", "report", "plotting"},
    {"threats"},
    {"certificates", "word_threats"},
    {"exact", "tables", "scaling", "_config"},
    {"montecarlo", "datasets", "deep", "pipelines", "shards"},
    {"text"},
    {"attacks", "auditing", "distributed", "streaming"},
    {"__init__"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

# Plain loops that say what the other backends have to compute.
LONG_FILES = {"kernels/reference_loops.py"}
MOST_LINES = 400


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def name_of(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts


def imports_of(path: Path, *, at_import: bool) -> set[tuple[str, ...]]:  # noqa: C901  one case a kind of import
    """Modules of the package that a file imports: all of them, or those that are loaded with it."""
    known = {name_of(one) for one in modules()}
    package = list(path.relative_to(PACKAGE).parent.parts)
    found = set()

    def visit(node):  # noqa: C901
        if at_import and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return
        if at_import and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - node.level + 1]
            elif node.module and node.module.split(".")[0] == "knn_cert":
                base = []
            else:
                return
            rest = (node.module or "").split(".") if node.module else []
            if not node.level:
                rest = rest[1:]
            for alias in node.names:
                for candidate in ((*base, *rest, alias.name), (*base, *rest)):
                    if candidate in known or candidate == ():
                        found.add(candidate or ("__init__",))
                        break
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = tuple(alias.name.split("."))
                if parts[0] == "knn_cert":
                    found.add(parts[1:] if parts[1:] in known else ("__init__",))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found - {name_of(path)}


def test_every_room_stands_on_a_floor():
    assert {name_of(path)[0] for path in modules()} == set(FLOOR)


def test_arrows_point_down():
    up = {
        f"{'.'.join(name_of(path))} -> {'.'.join(target)}"
        for path in modules()
        for target in imports_of(path, at_import=False)
        if target[0] != name_of(path)[0] and FLOOR[target[0]] >= FLOOR[name_of(path)[0]]
    }
    assert up == set()


def test_no_file_is_imported_in_a_circle():
    arrows = {name_of(path): imports_of(path, at_import=True) for path in modules()}
    done: set[tuple[str, ...]] = set()

    def walk(module, above):
        assert module not in above, " -> ".join(".".join(one) for one in (*above, module))
        if module not in done:
            for target in sorted(arrows.get(module, ())):
                walk(target, (*above, module))
            done.add(module)

    for module in arrows:
        walk(module, ())


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_file_is_too_long_to_hold_one_idea(path):
    if path.relative_to(PACKAGE).as_posix() not in LONG_FILES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_the_page_names_every_module_and_no_other():
    """A folder's line may name its files, or stand for all of them where it names none."""
    page = PAGE.read_text(encoding="utf-8")
    block = page[page.index("\nknn_cert/\n") :].split("```")[0]
    named = set(re.findall(r"\b[\w/]+\.py\b", block))
    files = {path.relative_to(PACKAGE).as_posix() for path in modules()}
    names = {file.rsplit("/", 1)[-1] for file in files}
    assert {name.rsplit("/", 1)[-1] for name in named} <= names
    missing = {
        file
        for file in files
        if not file.endswith("__init__.py")
        and file.rsplit("/", 1)[-1] not in {n.rsplit("/", 1)[-1] for n in named}
    }
    assert missing == set()
