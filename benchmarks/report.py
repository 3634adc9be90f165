"""A report that is printed while it grows and can be saved: the same Markdown on the terminal and in the file."""

from __future__ import annotations

import os
import platform
from pathlib import Path


class Report:
    """Lines of Markdown, printed as they come."""

    def __init__(self):
        self._lines: list[str] = []

    def text(self, line: str = "") -> None:
        """Add a line, or a paragraph of its own."""
        self._lines += [line, ""]
        print(f"{line}\n", flush=True)

    def heading(self, title: str, level: int = 2) -> None:
        self.text(f"{'#' * level} {title}")

    def table(self, header: list[str], rows: list[list[str]]) -> None:
        """Add a table; columns are padded so that it can be read on a terminal too."""
        cells = [header, *([str(cell) for cell in row] for row in rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
        lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        self.text("\n".join(lines))

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(self._lines).rstrip() + "\n", encoding="utf-8")


def machine() -> str:
    """Return the processor's model and how many of its cores this process may use."""
    from knn_cert._validation import default_n_threads

    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass  # not Linux
    return f"{model}, {default_n_threads()} cores, {platform.system()} {platform.machine()}"


def versions() -> str:
    """Return what computed the figures: this package, how it was compiled, and the libraries beneath."""
    import importlib.metadata

    from knn_cert import show_config

    facts = show_config("dict")
    parts = [f"knn_cert {facts['version']} (backends: {', '.join(facts['backends'])})"]
    if facts["simd"]:
        parts.append(f"native kernel {facts['simd']}, compiler {facts['compiler']}")
    parts.append(f"Python {facts['python']}")
    for name in ("numpy", "scipy", "scikit-learn", "numba"):
        try:
            parts.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    return "; ".join(parts)


def load_average() -> str:
    """Return how busy the machine was in the last minute; times taken on a busy one are too long."""
    if not hasattr(os, "getloadavg"):
        return "unknown"
    return f"{os.getloadavg()[0]:.2f}"
