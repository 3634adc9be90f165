"""Random damage to files of certificates: to a value anywhere in the document, or to bytes."""

from __future__ import annotations

import json
import math
import random
import warnings
from pathlib import Path

import numpy as np

from knn_cert import Certificates

# What a value may become; raw text goes into the JSON as it is.
RAW = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5000, "[" * 20_000, '"\\ud800"', "")


class Raw(str):
    """Text that stands in the file as it is."""


def saved_document(certificates: Certificates, folder: Path) -> dict:
    certificates.save(folder / "whole.json")
    return json.loads((folder / "whole.json").read_text(encoding="utf-8"))


def write_json(document, path: Path) -> None:
    texts: list[Raw] = []

    def mark(value):
        if isinstance(value, Raw):
            texts.append(value)
            return f"@raw {len(texts) - 1}@"
        if isinstance(value, dict):
            return {key: mark(one) for key, one in value.items()}
        return [mark(one) for one in value] if isinstance(value, list) else value

    text = json.dumps(mark(document))
    for number, raw in enumerate(texts):
        text = text.replace(f'"@raw {number}@"', raw)
    path.write_text(text, encoding="utf-8")


def write_npz(head, arrays: dict, path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, head=np.array(json.dumps(head)), **arrays)


def places(value, here=()) -> list[tuple]:
    """The paths of everything in a document."""
    found = [here]
    if isinstance(value, dict):
        found += [place for key in value for place in places(value[key], (*here, key))]
    if isinstance(value, list):
        found += [place for i, one in enumerate(value) for place in places(one, (*here, i))]
    return found


def damage(document, rng: random.Random, raw: bool = True) -> str:
    """Change one thing in a document, and say what."""
    place = rng.choice(places(document)[1:])
    parent = document
    for step in place[:-1]:
        parent = parent[step]
    key, old = place[-1], parent[place[-1]]
    ways = ["replace", "replace", "replace", "delete", "copy", "swap"]
    way = rng.choice(ways)
    if way == "delete":
        del parent[key]
        return f"delete {place}"
    if way == "copy" and isinstance(parent, list):
        parent.insert(rng.randrange(len(parent) + 1), old)
        return f"copy {place}"
    if way == "copy":
        parent[f"{key} "] = old
        return f"copy {place}"
    if way == "swap":
        other = rng.choice(list(parent) if isinstance(parent, dict) else range(len(parent)))
        parent[key], parent[other] = parent[other], parent[key]
        return f"swap {place} and {other}"
    parent[key] = other_value(old, rng, raw)
    return f"{place}: {str(old)[:60]!r} becomes {str(parent[key])[:60]!r}"


def other_value(old, rng: random.Random, raw: bool):
    values = [None, True, False, 0, 1, -1, 2**70, -(2**63), "", "x", [], {}, [[]], 0.5, 1e-320, 1e308, "inf"]
    if raw:
        values += map(Raw, RAW)
    if isinstance(old, bool):
        values += [not old] * 20
    elif isinstance(old, (int, float)):
        near = [
            old * (1 + 1e-15),
            old * (1 + 1e-9),
            old * 1.5,
            old * 1000,
            old / 2,
            old - 1,
            old + 1,
            -old,
            1 - old,
        ]
        values += [one for one in (*near, math.nextafter(old, 9), math.nextafter(old, -9)) for _ in (0, 1)]
    elif isinstance(old, str):
        values += [old + "x", old[:-1], old.upper(), old + "\0"] * 3
    return rng.choice(values)


def damage_arrays(arrays: dict, rng: random.Random) -> str:
    """Change one array of an NPZ file, and say what."""
    name = rng.choice(sorted(arrays))
    array = arrays[name]
    ways = ["entry"] * 8 + ["dtype", "shape", "cut", "missing", "more", "order"]
    way = rng.choice(ways)
    if way == "entry" and array.size:
        changed = array.copy()
        where = tuple(rng.randrange(n) for n in array.shape)
        value = other_value(array[where].item(), rng, raw=False)
        if array.dtype.kind == "f" and rng.random() < 0.2:
            value = rng.choice([math.nan, math.inf, -math.inf])
        try:
            changed[where] = value
        except (TypeError, ValueError, OverflowError):
            changed[where] = 1 - array[where] if array.dtype.kind != "b" else not array[where]
        arrays[name] = changed
        return f"{name}{list(where)}: {array[where]} becomes {changed[where]}"
    if way == "dtype":
        dtype = rng.choice(
            [np.float64, np.float32, np.int64, np.int32, np.uint64, bool, "U8", "c16", ">f8", ">i8"]
        )
        with np.errstate(invalid="ignore"), warnings.catch_warnings(action="ignore"):
            arrays[name] = array.astype(dtype)
        return f"{name} as {dtype}"
    if way == "shape":
        arrays[name] = rng.choice([array[None], array.ravel(), array[..., None], array.T])
    elif way == "cut":
        arrays[name] = array[: len(array) // 2]
    elif way == "missing":
        del arrays[name]
    elif way == "more":
        arrays[name + "2"] = array
    else:
        arrays[name] = array[::-1]
    return f"{name}: {way}"


def damage_bytes(content: bytes, rng: random.Random) -> bytes:
    way = rng.choice(["flip", "flip", "flip", "cut", "drop", "double"])
    start = rng.randrange(len(content))
    end = min(len(content), start + rng.choice([1, 1, 4, 64]))
    if way == "flip":
        noise = bytes(byte ^ (1 << rng.randrange(8)) for byte in content[start:end])
        return content[:start] + noise + content[end:]
    if way == "cut":
        return content[:start]
    return content[:start] + (content[start:end] * 2 if way == "double" else b"") + content[end:]


def changed(*path):
    """A change that sets one value, or what a function makes of it."""

    def change(document):
        *steps, last, value = path
        for step in steps:
            document = document[step]
        document[last] = value(document[last]) if callable(value) else value

    return change


def both(*changes):
    def change(document):
        for one in changes:
            one(document)

    return change
