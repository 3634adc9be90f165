"""A report that is printed while it grows and can be saved: one Markdown text for terminal and file."""

from __future__ import annotations

import contextlib
import datetime
import math
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

SEED = 20240607  # of all random numbers that a study draws


class Disagreement(Exception):
    """A figure that must hold does not: nothing may be timed."""


class Report:
    """Lines of Markdown, printed as they come; of a quick run its opening says so."""

    def __init__(self, *, quick: bool = False):
        self._parts: list[str] = []
        self._quick = quick

    def text(self, paragraph: str) -> None:
        """Add a paragraph."""
        self._parts.append(paragraph)
        print(f"{paragraph}\n", flush=True)

    def heading(self, title: str, level: int = 2) -> None:
        """Add a heading."""
        self.text(f"{'#' * level} {title}")

    def opening(self, title: str, seed: int, more: str = "") -> None:
        """Say what this is, and what it was made with."""
        self.heading(title, level=1)
        self.text(f"Machine: {machine()}.")
        self.text(f"Versions: {versions()}.")
        self.text(f"Date: {datetime.date.today().isoformat()}. Seed: {seed}.{more}")
        if self._quick:
            self.text("QUICK RUN on stand-ins for the data, few queries: its figures are no measurement.")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table; columns are padded so that it can be read on a terminal too."""
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
            for row in (header, *rows)
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        self.text("\n".join(lines))

    def save(self, path: Path) -> None:
        """Write all that was added to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n\n".join(self._parts) + "\n", encoding="utf-8")


def require(holds: bool, message: str) -> None:
    """Raise `Disagreement` unless it holds; unlike ``assert``, also under ``python -O``."""
    if not holds:
        raise Disagreement(message)


def duration(seconds: float) -> str:
    if seconds >= 1.0:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.3g} ms"


def spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    """Return "median (smallest to largest)"."""
    median = show(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({show(min(values))} to {show(max(values))})"


def wilson(share: float, n: int) -> str:
    """Return the 95 % interval of a share of n trials (Wilson), as "0.951-0.984"."""
    z = 1.959963984540054
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return f"{max(middle - half, 0.0):.3f}-{min(middle + half, 1.0):.3f}"


def listed(values: Sequence[float]) -> str:
    """Return "{1, 2, 5}"."""
    return "{" + ", ".join(f"{value:g}" for value in values) + "}"


def machine() -> str:
    """Return the processor's model and how many of its cores this process may use."""
    from knn_cert import show_config

    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass  # not Linux
    return f"{model}, {show_config('dict')['threads']} cores, {platform.system()} {platform.machine()}"


def versions() -> str:
    """Return what computed the figures: this package, how it was compiled, and the libraries beneath."""
    import importlib.metadata

    from knn_cert import show_config

    facts = show_config("dict")
    parts = [f"knn_cert {facts['version']}, backend {facts['backend']} of {', '.join(facts['backends'])}"]
    if facts["simd"]:
        parts.append(f"native kernel {facts['simd']}, compiler {facts['compiler']}")
    parts.append(f"Python {facts['python']}")
    for name in ("numpy", "scipy", "scikit-learn", "numba", "torch"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            parts.append(f"{name} {importlib.metadata.version(name)}")
    return "; ".join(parts)


def load_average() -> str:
    """Return how busy the machine was in the last minute: times taken on a busy one are too long."""
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"
