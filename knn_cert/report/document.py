"""What an audit document is: its shape, and what its numbers have to agree in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from .consistency import check_consistency
from .shape import check_shape

__all__ = ["Document", "schema", "validate"]

# Nested keys of many types: the schema says what is where, and `validate` that it is.
Document = dict[str, Any]


def validate(document: Document) -> None:
    """Refuse what is no audit document, or one whose numbers contradict each other.

    Parameters
    ----------
    document : dict
        As `json.loads` gives it: texts, numbers, lists, dicts, None.

    Raises
    ------
    TypeError
        If it is no dict.
    ValueError
        If it has not the shape of ``audit.schema.json``, or a share in it is not what its budgets give, or it
        refers to an attacker that it does not have; the message names the place.
    """
    if not isinstance(document, dict):
        raise TypeError(
            f"document must be a dict, as json.loads gives it, got {type(document).__name__}; of an audit, "
            "hand over its document"
        )
    check_shape(document, schema())
    check_consistency(document)


@cache
def schema() -> Mapping[str, Any]:
    """Return the published JSON Schema of audit documents."""
    loaded: Mapping[str, Any] = json.loads(
        files(__package__).joinpath("audit.schema.json").read_text(encoding="utf-8")
    )
    return loaded
