"""Two dumps side by side: names lost, added or changed, numbers equal bit by bit or how far apart."""

from __future__ import annotations

import math
import struct
from collections import Counter
from dataclasses import dataclass, field

# Where users import from: a name lost here breaks their programs. The names of other modules may move.
DOORS = {
    "knn_cert",
    *(
        f"knn_cert.{room}"
        for room in (
            "attacks bounds certificates datasets deep kernels montecarlo progress smoothing tables text "
            "text.defences text.encoders threats"
        ).split()
    ),
}

# What an answer can be, from harmless to grave.
SAME, NEAR, TEXT, MORE, NEW = ("same bits", "few ulp", "other words", "more is told", "only in the second")
NUMBERS, OTHER, LOST = "other numbers", "another answer", "only in the first"
ORDER = (SAME, NEAR, TEXT, MORE, NEW, NUMBERS, OTHER, LOST)
GRAVE = (NUMBERS, OTHER, LOST)


@dataclass
class Difference:
    """One question that the two versions answer differently."""

    door: str
    backend: str
    question: str
    kind: str
    what: str
    relative: dict[str, float]  # of numbers that differ: the largest difference by path


@dataclass
class Comparison:
    """All that differs; `counts` has the number of answers of each kind by door and backend.

    Names of modules that are no doors are counted as moved.
    """

    lost: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    changed: list[tuple[str, str, str]] = field(default_factory=list)
    moved: int = 0
    counts: dict[tuple[str, str], Counter] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether no name was lost or changed and no number differs, in more than `ulp`."""
        grave = any(counter[kind] for counter in self.counts.values() for kind in GRAVE)
        return not (self.lost or self.changed or grave)


def compare(first: dict, second: dict, *, ulp: int = 0) -> Comparison:
    """Compare two dumps; floats may differ by ``ulp`` units in the last place."""
    result = Comparison()
    names, others = ({n: s for n, s in dump["names"].items() if _at_a_door(n)} for dump in (first, second))
    inside = [{n for n in dump["names"] if not _at_a_door(n)} for dump in (first, second)]
    result.moved = len(inside[0] - inside[1])
    result.lost = sorted(set(names) - set(others))
    result.added = sorted(set(others) - set(names))
    result.changed = [
        (n, names[n], others[n]) for n in sorted(set(names) & set(others)) if names[n] != others[n]
    ]
    a, b = first["answers"], second["answers"]
    for door in sorted(set(a) | set(b)):
        backends = sorted(set(a.get(door, {})) | set(b.get(door, {})))
        for backend in backends:
            mine, theirs = a.get(door, {}).get(backend, {}), b.get(door, {}).get(backend, {})
            counter = result.counts.setdefault((door, backend), Counter())
            for question in sorted(set(mine) | set(theirs)):
                kind, what, relative = _answers(mine.get(question), theirs.get(question), ulp)
                counter[kind] += 1
                if kind != SAME:
                    found = Difference(door, backend, question, kind, what, relative)
                    result.differences.append(found)
    return result


def _at_a_door(name: str) -> bool:
    """Whether users import this name, or what it is a member of, from a door."""
    home = name.split(".")
    if any(part.startswith("_") and part != "__version__" for part in home):
        return False
    # a name is MODULE.NAME or MODULE.CLASS.MEMBER
    return ".".join(home[:-1]) in DOORS or (home[-2][:1].isupper() and ".".join(home[:-2]) in DOORS)


def _answers(first: dict | None, second: dict | None, ulp: int) -> tuple[str, str, dict[str, float]]:
    missing = [answer is None or "absent" in answer for answer in (first, second)]
    if all(missing):
        return SAME, "", {}
    if missing[0]:
        return NEW, (first or {}).get("absent", ""), {}
    if missing[1]:
        return LOST, (second or {}).get("absent", ""), {}
    assert first is not None and second is not None
    worst, what = SAME, ""
    relative: dict[str, float] = {}
    for path in sorted(set(first) | set(second)):
        kind, how, apart = _values(path, first.get(path), second.get(path), ulp)
        if ORDER.index(kind) > ORDER.index(worst):
            worst, what = kind, f"{path}: {how}"
        if apart:
            # numbers of one array, whatever its shape
            name = path.split("[")[0]
            relative[name] = max(relative.get(name, 0.0), apart)
    return worst, what, relative


def _values(path: str, first: str | None, second: str | None, ulp: int) -> tuple[str, str, float]:
    """Kind, what differs, and of numbers the largest relative difference."""
    if first == second:
        return SAME, "", 0.0
    how = f"{_short(first)} -> {_short(second)}"
    if first is None or second is None:
        return (MORE if first is None else OTHER), how, 0.0
    if path.endswith("(text)"):
        return TEXT, how, 0.0
    a, b = first.split(" "), second.split(" ")
    if len(a) != len(b):
        return OTHER, how, 0.0
    apart = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
    try:
        floats = [(float.fromhex(x), float.fromhex(y)) for x, y in apart if "0x" in x or "0x" in y]
    except ValueError:
        floats = []
    if len(floats) < len(apart):
        return OTHER, how, 0.0
    steps = max(_ulps(x, y) for x, y in floats)
    relative = max(_relative(x, y) for x, y in floats)
    x, y = max(floats, key=lambda pair: _relative(*pair))
    how = f"{len(apart)} of {len(a)} numbers, {steps} ulp, relative {relative:.1e}: {x!r} -> {y!r}"
    # zeros of different sign are no ulp apart, and have different bits
    return (NEAR if 0 < ulp >= steps else NUMBERS), how, relative


def _ulps(x: float, y: float) -> int:
    """Number of doubles from x to y."""

    def place(value: float) -> int:
        bits = struct.unpack("<q", struct.pack("<d", value))[0]
        return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)

    return abs(place(x) - place(y))


def _relative(x: float, y: float) -> float:
    if x == y:
        return 0.0
    apart = abs(x - y)
    return apart / max(abs(x), abs(y)) if math.isfinite(apart) else math.inf


def _short(text: str | None) -> str:
    if text is None:
        return "nothing"
    return text if len(text) <= 70 else f"{text[:67]}..."
