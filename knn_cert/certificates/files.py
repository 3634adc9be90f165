"""Files of certificates: CSV to look at, JSON and NPZ to keep; read back only if everything agrees."""

from __future__ import annotations

import csv
import errno
import itertools
import json
import os
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.lib.format as npy
from numpy.typing import NDArray

from .._npz import open_npz
from .._printing import spreadsheet_cell
from .._writing import errors_name, temporary_sibling, whole_or_nothing
from .consistency import check
from .head import (
    MOST_LABEL_BYTES,
    expect_keys,
    head_of,
    label_values,
    parse_json,
    real_numbers,
    settings_of,
    whole_number,
)
from .record import Record

__all__ = ["FILE_SUFFIXES", "check_writable", "columns", "read", "write", "write_parts"]

_Record = TypeVar("_Record", bound=Record)

FILE_SUFFIXES = (".csv", ".json", ".npz")

# Numbers that may be infinite, or missing: NaN in the record and in NPZ, null in JSON.
_INFINITE = ("budget", "errors")
_MISSING = ("worst_probability", "errors")


def write(certificates: Record, path: str | os.PathLike[str]) -> None:
    """Write a file, whole or not at all; errors as in `Certificates.save`."""
    write_parts([certificates], path)


def write_parts(parts: Sequence[Record], path: str | os.PathLike[str]) -> None:
    """Write certificates that come in parts, for which all else is the same, as if they were one record.

    Parts are looked at one by one, and more than once.
    """
    target = check_writable(path)
    writer = {".csv": _write_csv, ".json": _write_json, ".npz": _write_npz}[target.suffix.lower()]
    with whole_or_nothing(target) as temporary:
        writer(parts, temporary)


def read(kind: type[_Record], path: str | os.PathLike[str]) -> _Record:
    """Read a file and check it; errors as in `Certificates.load`."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".json", ".npz"):
        raise ValueError(
            f"cannot load certificates from {path}: expected a .json or .npz file; a CSV file holds the "
            "columns without the settings, read it with pandas.read_csv"
        )
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError(f"cannot load certificates from {path}: expected a file, got a device or a pipe")
    # A damaged file makes zipfile, NumPy, json and whatever reads their answers raise almost anything.
    try:
        head, settings, arrays = (_read_json if suffix == ".json" else _read_npz)(path)
        certificates = kind(**arrays, **settings)
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # of the file system; a zip archive that points before its start is EINVAL
        raise ValueError(
            f"{path} is no complete file of certificates ({type(error).__name__}: {error}); certify and save "
            "again"
        ) from error
    try:
        check(certificates)
        _check_guarantee(certificates, head["guarantee"])
    except Exception as error:
        raise ValueError(
            f"{path} holds certificates that nobody can have issued: {error}; certify again"
        ) from error
    return certificates


def columns(certificates: Record) -> list[tuple[str, NDArray[Any]]]:
    """The columns of a table with one row a query, by their names."""
    result = [(name, getattr(certificates, name)) for name in ("query", "label", "p_lower", "p_upper")]
    result.append((certificates.threat.budget_name, certificates.budget))
    if not certificates.threat.is_open:
        result.append(("worst_probability", certificates.worst_probability))
    result.append(("abstained", certificates.abstained))
    for c, label in enumerate(certificates.classes):
        result.append((f"p({label})", certificates.probabilities[:, c]))
    return result


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Return the path of a result file after making sure that it can be written; leaves nothing behind.

    Raises
    ------
    TypeError
        If path is not a path.
    ValueError
        If the name does not end in .csv, .json or .npz.
    OSError
        If the folder is missing or not writable, or something that is not a file is in the way.
    """
    # Through symbolic links: what they point to is replaced, not they.
    path = Path(os.path.realpath(os.fspath(path)))
    if path.suffix.lower() not in FILE_SUFFIXES:
        raise ValueError(
            f"cannot write {path}: its name must end in {', '.join(FILE_SUFFIXES)}, got {path.suffix!r}"
        )
    if path.exists() and not path.is_file():
        kind = "folder" if path.is_dir() else "special file"
        raise FileExistsError(
            f"cannot write {path}: a {kind} of that name is in the way; choose another name"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}; create it first")
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(
            f"cannot write {path}: the file is there and write-protected; choose another name"
        )
    # Permissions, quotas and read-only file systems are best asked by doing it.
    with errors_name(path):
        trial = temporary_sibling(path)
        trial.touch()
        trial.unlink(missing_ok=True)  # somebody who saves to the same path may take it for abandoned
    return path


def _write_csv(parts: Sequence[Record], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for number, part in enumerate(parts):
            table = columns(part)
            if number == 0:
                writer.writerow([spreadsheet_cell(name) for name, _ in table])
            # tolist() gives Python floats, which csv writes by repr: the shortest digits that read back the
            # same. Labels are texts of whoever made the table.
            cells = (
                map(spreadsheet_cell, values.tolist()) if name == "label" else values.tolist()
                for name, values in table
            )
            writer.writerows(zip(*cells, strict=True))


def _write_json(parts: Sequence[Record], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        # In ASCII: a label can hold what a terminal obeys, or what no encoding takes.
        head = json.dumps(head_of(parts[0]), allow_nan=False)
        file.write(f'{head.removesuffix("}")}, "queries": {{')
        for number, name in enumerate(parts[0].PER_QUERY):
            file.write(f"{', ' if number else ''}{json.dumps(name)}: [")
            is_first = True
            for part in parts:
                values = part.label.tolist() if name == "label" else _array_of(part, name).tolist()
                if name in (*_INFINITE, *_MISSING):
                    values = _json_values(values)
                if values:
                    text = json.dumps(values, allow_nan=False)
                    file.write(f"{'' if is_first else ', '}{text[1:-1]}")
                    is_first = False
            file.write("]")
        file.write("}}\n")


def _write_npz(parts: Sequence[Record], path: Path) -> None:
    n_queries = sum(map(len, parts))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:

        def add(name: str, array: NDArray[Any], rest: Iterable[NDArray[Any]] = ()) -> None:
            # As numpy.savez writes it, but some rows at a time.
            shape = array.shape if array.ndim == 0 else (n_queries, *array.shape[1:])
            head = {"descr": npy.dtype_to_descr(array.dtype), "fortran_order": False, "shape": shape}
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                npy.write_array_header_1_0(file, head)
                for piece in itertools.chain([array], rest):
                    file.write(np.ascontiguousarray(piece).tobytes())

        add("head", np.array(json.dumps(head_of(parts[0]))))
        for name in ("label_position", *_types(parts[0].threat.budget_name)):
            arrays = (_array_of(part, name) for part in parts)
            add(name, next(arrays), arrays)


def _array_of(certificates: Record, name: str) -> NDArray[Any]:
    """What is kept of the queries, in the type of a file."""
    if name == "label_position":
        # Object arrays of labels would need pickle, which can run code when read.
        return np.searchsorted(certificates.classes, certificates.label).astype(np.int64)
    return np.asarray(getattr(certificates, name), dtype=_types(certificates.threat.budget_name)[name])


def _types(budget_name: str) -> dict[str, np.dtype[Any]]:
    whole, real = np.dtype(np.int64), np.dtype(np.float64)
    return {
        "query": whole,
        "probabilities": real,
        "errors": real,
        "p_lower": real,
        "p_upper": real,
        "tail_upper": real,
        "budget": real if budget_name == "radius" else whole,
        "worst_probability": real,
        "abstained": np.dtype(bool),
        "table_shift": real,
    }


def _read_json(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    document: Any = parse_json(path.read_bytes().decode("utf-8"))
    # The head and the queries share one object; settings_of looks at the type of what is left.
    queries: Any = document.pop("queries", None) if isinstance(document, dict) else None
    settings = settings_of(document)
    types = _types(settings["threat"].budget_name)
    expect_keys(queries, (*types, "label"), "queries")
    if not all(isinstance(values, list) for values in queries.values()):
        raise ValueError("every entry of queries must be a list")
    n_classes = len(settings["classes"])
    arrays = {name: _array(name, dtype, queries[name], n_classes) for name, dtype in types.items()}
    known = {label: position for position, label in enumerate(settings["classes"].tolist())}
    labels = label_values(queries["label"], document["classes_dtype"]).tolist()
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise ValueError(f"label must be one of the classes, got {unknown[0]!r}")
    arrays["label"] = settings["classes"][np.array([known[label] for label in labels], dtype=np.int64)]
    return document, settings, arrays


def _array(name: str, dtype: np.dtype[Any], values: list[Any], n_classes: int) -> NDArray[Any]:
    """One list of the queries of a JSON file as an array."""
    options = {"infinite": name in _INFINITE, "missing": name in _MISSING}
    if name in ("probabilities", "errors"):
        if not all(isinstance(row, list) and len(row) == n_classes for row in values):
            raise ValueError(f"{name} must have one number a class in every row")
        flat = real_numbers([value for row in values for value in row], name, **options)
        return flat.reshape(len(values), n_classes)
    if dtype.kind == "b":
        if not all(type(value) is bool for value in values):
            raise ValueError(f"{name} must be true or false for every query")
        return np.array(values, dtype=dtype)
    if dtype.kind == "i":
        return np.array([whole_number(value, name) for value in values], dtype=dtype)
    return real_numbers(values, name, **options)


def _read_npz(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    with open_npz(path) as archive:
        members = cast(zipfile.ZipFile, archive.zip).infolist()
        # A packed archive can unpack to any size, and of two members of one name only one would be read.
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("its arrays are compressed, which save() never does")
        head_array = archive["head"]
        if head_array.dtype.kind != "U" or head_array.ndim:
            raise ValueError(f"head must be one string, got dtype {head_array.dtype}")
        head: Any = parse_json(str(head_array))
        settings = settings_of(head)
        types = _types(settings["threat"].budget_name) | {"label_position": np.dtype(np.int64)}
        names = sorted(member.filename for member in members)
        if names != sorted(f"{name}.npy" for name in (*types, "head")):
            raise ValueError(f"expected the arrays {sorted((*types, 'head'))}, got {names}")
        arrays = {}
        for name, dtype in types.items():
            array = archive[name]
            if array.dtype.newbyteorder("=") != dtype:
                raise ValueError(f"{name} must have dtype {dtype}, got {array.dtype}")
            arrays[name] = array.astype(dtype)
    position, classes = arrays.pop("label_position"), settings["classes"]
    if position.ndim != 1 or np.any((position < 0) | (position >= len(classes))):
        raise ValueError(f"label_position must lie in 0..{len(classes) - 1} for every query")
    if classes.itemsize * len(position) > MOST_LABEL_BYTES:
        raise ValueError(f"labels need more than {MOST_LABEL_BYTES} bytes")
    arrays["label"] = classes[position]
    return head, settings, arrays


def _check_guarantee(certificates: Record, guarantee: object) -> None:
    if guarantee != certificates.guarantee:
        raise ValueError(
            "guarantee must be the one that follows from the settings, got another text; the file says that "
            f"version {certificates.version} wrote it"
        )


def _json_values(values: list[Any]) -> list[Any]:
    """JSON has neither infinity nor NaN: "inf" and null."""
    return [_json_values(one) if isinstance(one, list) else _json_value(one) for one in values]


def _json_value(value: Any) -> Any:
    if value != value:
        return None
    return "inf" if value == float("inf") else value
