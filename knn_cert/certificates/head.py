"""The settings of certificates as a JSON object, and back: every field there, of its type, and no other."""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from ..smoothing import Classifier, DiscreteNoise, Noise
from .record import Record, Threat

__all__ = [
    "MOST_LABEL_BYTES",
    "expect_keys",
    "head_of",
    "label_values",
    "parse_json",
    "real_numbers",
    "settings_of",
    "whole_number",
]

_Kind = TypeVar("_Kind")

_FORMAT = "knn_cert.certificates"
# Raised by whoever changes what a file holds, how `issue.enclose` rounds, or the words of a guarantee.
_FORMAT_VERSION = 4

_SETTINGS = ("n_features", "n_train", "version")
_HEAD = (
    "format",
    "format_version",
    "guarantee",
    "threat",
    "classifier",
    "noise",
    "settings",
    "classes",
    "classes_dtype",
)

# Types of labels by the letter of their dtype: booleans, whole numbers, real numbers, text, objects.
_LABEL_TYPES: dict[str, Any] = {
    "b": bool,
    "i": int,
    "u": int,
    "f": (int, float),
    "U": str,
    "O": (str, int, float),
}
_LABEL_DTYPE = re.compile(r"[<>|][biufUO]\d{0,6}")

# A dtype can ask for any amount of memory a label; nobody's labels need more than this together.
MOST_LABEL_BYTES = 1 << 30


def parse_json(text: str) -> object:
    """Parse JSON as the standard has it: a key stands once in its object, and a number is finite.

    Raises
    ------
    ValueError, RecursionError
        If it is none.
    """
    return json.loads(
        text, object_pairs_hook=_unique_keys, parse_constant=_no_constant, parse_float=_finite_number
    )


def head_of(certificates: Record) -> dict[str, Any]:
    """Everything but the queries, as JSON holds it.

    Raises
    ------
    TypeError
        If JSON has no values for these labels.
    """
    classes = certificates.classes
    head = {
        "format": _FORMAT,
        "format_version": _FORMAT_VERSION,
        "guarantee": certificates.guarantee,
        "threat": _record_of(certificates.threat),
        "classifier": _record_of(certificates.classifier),
        "noise": _fields_of(certificates.noise),
        "settings": {name: _json_value(getattr(certificates, name)) for name in _SETTINGS},
        "classes": classes.tolist(),
        "classes_dtype": classes.dtype.str,
    }
    try:
        label_values(head["classes"], head["classes_dtype"])
        json.dumps(head["classes"], allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"labels of dtype {classes.dtype} cannot be kept in JSON or NPZ ({error}); save as .csv, or "
            "train on labels that are numbers or strings"
        ) from None
    return head


def settings_of(head: Any) -> dict[str, Any]:
    """Those arguments of `Certificates` that are not about the queries.

    Raises
    ------
    ValueError, TypeError
        If this is no head of the present version, or a part of it cannot be.
    """
    if not isinstance(head, dict) or head.get("format") != _FORMAT:
        raise ValueError(f"expected format {_FORMAT}, got {reprlib.repr(head)}")
    if head.get("format_version") != _FORMAT_VERSION or isinstance(head["format_version"], (bool, float)):
        raise ValueError(
            f"expected format {_FORMAT} version {_FORMAT_VERSION}, got version "
            f"{reprlib.repr(head.get('format_version'))}; versions up to 3 do not hold the errors of the "
            "probabilities, without which bounds cannot be checked: certify again"
        )
    expect_keys(head, _HEAD, "the head")
    expect_keys(head["settings"], _SETTINGS, "settings")
    settings = head["settings"]
    return {
        "n_features": None
        if settings["n_features"] is None
        else whole_number(settings["n_features"], "n_features"),
        "n_train": whole_number(settings["n_train"], "n_train"),
        "version": _value(settings["version"], str, "version"),
        "threat": _part(head["threat"], get_args(Threat), "threat"),
        "classifier": _part(head["classifier"], get_args(Classifier), "classifier"),
        "noise": _noise(head["noise"]),
        "classes": label_values(head["classes"], head["classes_dtype"]),
    }


def label_values(values: Any, dtype: Any) -> NDArray[Any]:
    """Labels as an array of this dtype that holds exactly these values.

    Raises
    ------
    ValueError
        If it cannot, or is no dtype of labels.
    """
    if not isinstance(dtype, str) or not _LABEL_DTYPE.fullmatch(dtype):
        raise ValueError(f"labels must be numbers or strings, got dtype {reprlib.repr(dtype)}")
    if not isinstance(values, list):
        raise ValueError(f"labels must be a list, got {reprlib.repr(values)}")
    kind = np.dtype(dtype).kind
    wrong = [
        one
        for one in values
        if not isinstance(one, _LABEL_TYPES[kind]) or (isinstance(one, bool) and kind not in "bO")
    ]
    if wrong:
        raise ValueError(f"labels of dtype {dtype} must be of its type, got {reprlib.repr(wrong[0])}")
    if np.dtype(dtype).itemsize * len(values) > MOST_LABEL_BYTES:
        raise ValueError(f"labels of dtype {dtype} need more than {MOST_LABEL_BYTES} bytes")
    array = np.array(values, dtype=dtype)
    if array.tolist() != values:
        raise ValueError(f"dtype {dtype} cannot hold the labels {reprlib.repr(values)}")
    return array


def expect_keys(record: Any, names: Iterable[str], where: str) -> None:
    """Raise ValueError unless this is an object with these keys and no other."""
    if not isinstance(record, dict):
        raise ValueError(f"{where} must be an object, got {reprlib.repr(record)}")
    missing, extra = sorted(set(names) - record.keys()), sorted(record.keys() - set(names))
    if missing or extra:
        raise ValueError(f"{where} lacks {missing or 'nothing'} and has {extra or 'nothing'} besides")


def whole_number(value: Any, name: str) -> int:
    """A whole number as JSON writes it, that fits into 64 bits."""
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise ValueError(f"{name} must be a whole number of at most 64 bits, got {reprlib.repr(value)}")
    return value


def real_number(value: Any, name: str, *, infinite: bool = False, missing: bool = False) -> float:
    """A real number as JSON writes it; also "inf" where it may be infinite, null where it may be missing."""
    if type(value) is float:
        return value
    if type(value) is int and abs(value) <= 2**53:
        return float(value)
    if infinite and value == "inf":
        return math.inf
    if missing and value is None:
        return math.nan
    raise ValueError(f"{name} must be a number, got {reprlib.repr(value)}")


def real_numbers(values: list[Any], name: str, **options: bool) -> NDArray[np.float64]:
    """A list of real numbers; options as in `real_number`."""
    if set(map(type, values)) <= {float}:  # nearly always: no need to look at each of millions
        return np.array(values, dtype=np.float64)
    return np.array([real_number(value, name, **options) for value in values], dtype=np.float64)


def _record_of(part: Any) -> dict[str, Any]:
    """A threat or a classifier with the name of its kind."""
    return {"kind": type(part).__name__} | _fields_of(part)


def _fields_of(part: Any) -> dict[str, Any]:
    return {field.name: _json_value(getattr(part, field.name)) for field in fields(part)}


def _json_value(value: Any) -> Any:
    """JSON has neither infinity nor numbers of NumPy's types."""
    if is_dataclass(value):
        return _record_of(value)
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    return "inf" if value == math.inf else value


def _part(record: Any, kinds: tuple[type, ...], where: str) -> Any:
    """The threat or classifier of a record."""
    by_name = {kind.__name__: kind for kind in kinds}
    name = record.get("kind") if isinstance(record, dict) else None
    if not isinstance(name, str) or name not in by_name:
        raise ValueError(f"{where} must be one of {', '.join(by_name)}, got {reprlib.repr(record)}")
    values = {key: value for key, value in record.items() if key != "kind"}
    return _made(by_name[name], values, where)


def _noise(record: Any) -> Noise | DiscreteNoise:
    if isinstance(record, dict) and "law" in record:
        return _made(DiscreteNoise, record, "noise")
    return _made(Noise, record, "noise")


def _made(kind: type[_Kind], values: Any, where: str) -> _Kind:
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # all kinds are dataclasses
    expect_keys(values, names, where)
    hints = get_type_hints(kind)
    return kind(**{name: _value(values[name], hints[name], f"{where}.{name}") for name in names})


def _value(value: Any, hint: Any, where: str) -> Any:
    """A value of a field, if JSON can mean one of the types in its annotation by it."""
    types = get_args(hint) or (hint,)
    if type(value) in types and not isinstance(value, (list, dict)):
        return value
    if float in types and (type(value) is int or value == "inf"):
        return real_number(value, where, infinite=True)
    if isinstance(value, list) and any(get_origin(one) is np.ndarray for one in types):
        return real_numbers(value, where)
    parts: tuple[Any, ...] = tuple(one for one in types if is_dataclass(one))
    if parts and isinstance(value, dict):
        return _part(value, parts, where)
    raise ValueError(f"{where} must be of type {hint}, got {reprlib.repr(value)}")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        twice = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
        raise ValueError(f"the keys {reprlib.repr(twice)} occur twice in one object")
    return record


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number in JSON")


def _finite_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is beyond double precision")
    return value
