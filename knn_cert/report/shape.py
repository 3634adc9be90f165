"""The shape of a document, by a JSON Schema: the part of draft 2020-12 that the schema beside this file uses.

The schema is published for others to validate with; that we check by it too, without a library, leaves no
second list of keys that could differ from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .._printing import listed, quoted
from ..gate.errors import InvalidInput

__all__ = ["check_shape"]

Schema = Mapping[str, Any]

_WORDS = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a finite number",
    "boolean": "true or false",
    "null": "null",
}

# What says nothing about values, and what is read together with "properties" or elsewhere.
_SILENT = {"$schema", "$id", "$defs", "title", "description", "required", "additionalProperties"}


def check_shape(value: Any, schema: Schema) -> None:
    """Refuse a value that the schema refuses.

    Raises
    ------
    ValueError
        With the place in the document, what was expected there and what was got.
    NotImplementedError
        If the schema has a keyword that is not known here.
    """
    _check(value, schema, "document", schema)


def _check(value: Any, schema: Schema, place: str, root: Schema) -> None:
    # The type comes first: what is said about values of one type says nothing about others.
    for keyword in sorted(schema, key=lambda one: one != "type"):
        if keyword in _CHECKS:
            _CHECKS[keyword](value, schema, place, root)
        elif keyword not in _SILENT:
            raise NotImplementedError(f"the schema has the keyword {keyword!r}, which is not known here")
    if isinstance(value, dict) and "properties" not in schema and "additionalProperties" in schema:
        _check_properties(value, schema, place, root)


def _check_reference(value: Any, schema: Schema, place: str, root: Schema) -> None:
    _check(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], place, root)


def _check_type(value: Any, schema: Schema, place: str, root: Schema) -> None:
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if not any(_is(value, one) for one in types):
        _refuse(place, " or ".join(_WORDS[one] for one in types), value)


def _check_properties(value: Any, schema: Schema, place: str, root: Schema) -> None:
    if not isinstance(value, dict):
        return
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for key in schema.get("required", ()):
        if key not in value:
            raise InvalidInput(f"{place} must have the key '{key}', got {_keys(value)}")
    for key, item in value.items():
        if not isinstance(key, str):
            raise InvalidInput(f"{place} must have texts as keys, got {quoted(key)}")
        below = f"{place}.{quoted(key)[1:-1]}"
        if key in known:
            _check(item, known[key], below, root)
        elif others is False:
            raise InvalidInput(
                f"{place} has the key {quoted(key)}, which is not known; known: {_keys(known)}"
            )
        elif others is not True:
            _check(item, others, below, root)


def _check_items(value: Any, schema: Schema, place: str, root: Schema) -> None:
    if isinstance(value, list):
        for number, item in enumerate(value):
            _check(item, schema["items"], f"{place}[{number}]", root)


def _check_any(value: Any, schema: Schema, place: str, root: Schema) -> None:
    reasons = []
    for one in schema["anyOf"]:
        try:
            return _check(value, one, place, root)
        except InvalidInput as error:
            reasons.append(error)
    # What fits none is explained by the first, which says most.
    raise reasons[0]


def _check_least_items(value: Any, schema: Schema, place: str, root: Schema) -> None:
    if isinstance(value, list) and len(value) < schema["minItems"]:
        _refuse(place, f"a list of at least {schema['minItems']}", value)


def _check_most_items(value: Any, schema: Schema, place: str, root: Schema) -> None:
    if isinstance(value, list) and len(value) > schema["maxItems"]:
        _refuse(place, f"a list of at most {schema['maxItems']}", value)


def _check_minimum(value: Any, schema: Schema, place: str, root: Schema) -> None:
    if _is(value, "number") and value < schema["minimum"]:
        _refuse(place, f"at least {schema['minimum']}", value)


def _check_maximum(value: Any, schema: Schema, place: str, root: Schema) -> None:
    if _is(value, "number") and value > schema["maximum"]:
        _refuse(place, f"at most {schema['maximum']}", value)


def _check_enum(value: Any, schema: Schema, place: str, root: Schema) -> None:
    if not any(_is_equal(value, one) for one in schema["enum"]):
        _refuse(place, " or ".join(map(quoted, schema["enum"])), value)


def _check_const(value: Any, schema: Schema, place: str, root: Schema) -> None:
    if not _is_equal(value, schema["const"]):
        _refuse(place, quoted(schema["const"]), value)


_CHECKS: dict[str, Callable[[Any, Schema, str, Schema], None]] = {
    "$ref": _check_reference,
    "type": _check_type,
    "properties": _check_properties,
    "items": _check_items,
    "anyOf": _check_any,
    "minItems": _check_least_items,
    "maxItems": _check_most_items,
    "minimum": _check_minimum,
    "maximum": _check_maximum,
    "enum": _check_enum,
    "const": _check_const,
}


def _is(value: Any, kind: str) -> bool:
    if kind == "null":
        return value is None
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "string":
        return isinstance(value, str)
    if kind == "object":
        return isinstance(value, dict)
    if kind == "array":
        return isinstance(value, list)
    # JSON has neither NaN nor infinity, and what is true is no number.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return is_number and (kind == "number" or float(value).is_integer())


def _is_equal(value: Any, other: Any) -> bool:
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


def _refuse(place: str, expected: str, value: Any) -> None:
    shown = f"a list of {len(value)}" if isinstance(value, list) else quoted(value)
    if isinstance(value, dict):
        shown = "an object"
    raise InvalidInput(f"{place} must be {expected}, got {shown} ({type(value).__name__})")


def _keys(mapping: Mapping[Any, Any]) -> str:
    return listed(map(quoted, mapping)) or "none"
