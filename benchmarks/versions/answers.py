"""Answers of one version as text: numbers as hex floats, so that not a bit is lost."""

from __future__ import annotations

import dataclasses
import numbers
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

ORACLE = Path(__file__).resolve().parents[2] / "tests" / "oracle"
BACKENDS = ("native", "numba", "reference")

# Say who computed, or where: another version is allowed to say something else.
_NOT_ANSWERS = ("version", "classifier", "noise", "threat")


class Answers:
    """Answers by door, backend and question."""

    def __init__(self):
        self.found: dict[str, dict[str, dict[str, dict[str, str]]]] = {}

    def ask(self, door: str, question: str, call: Callable[[], object], backend: str = "-") -> None:
        """Write down what a call returns, what it raises, or that this version has no such door."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                answer = flat(call())
            except (ImportError, AttributeError, TypeError, NotImplementedError) as error:
                answer = {"absent": f"{type(error).__name__}: {error}"}
            except (ValueError, ArithmeticError, RuntimeError) as error:
                answer = {"raises": "ValueError" if isinstance(error, ValueError) else type(error).__name__}
        self.found.setdefault(door, {}).setdefault(backend, {})[question] = answer

    def ask_all(
        self, door: str, question: str, call: Callable[[str], object], backends: Iterable[str] = BACKENDS
    ) -> None:
        """Ask every backend: ``call(backend)``."""
        for backend in backends:
            self.ask(door, question, lambda backend=backend: call(backend), backend)


def flat(value: object, path: str = "") -> dict[str, str]:
    """Return {path: values} of anything made of numbers, texts, arrays, records and sequences.

    Paths of texts that are written for people end in "(text)".
    """
    leaf = _leaf(value)
    if leaf is not None:
        ending, text = leaf
        return {f"{path}{ending}": text}
    answers: dict[str, str] = {}
    for name, one in _parts(value).items():
        answers |= flat(one, f"{path}.{name}" if path else name)
    return answers


def _leaf(value: object) -> tuple[str, str] | None:
    """What is written down as it is: the ending of its path and its text."""
    if value is None or isinstance(value, (bool, np.bool_)):
        return "", str(value)
    if isinstance(value, numbers.Number):
        return "", _number(value)
    if isinstance(value, str):
        return " (text)" if " " in value else "", value
    if isinstance(value, bytes):
        return "", value.hex()
    if isinstance(value, np.ndarray) and value.dtype != object:
        shape = "x".join(map(str, value.shape))
        return f"[{shape}]", " ".join(map(_number, value.ravel().tolist()))
    return None


def _parts(value: object) -> dict[str, object]:
    """The members of a record or a sequence; nothing of what is neither."""
    if dataclasses.is_dataclass(value):
        fields = [field.name for field in dataclasses.fields(value)]
        return {name: getattr(value, name) for name in fields if name not in _NOT_ANSWERS}
    if hasattr(value, "_asdict"):
        return value._asdict()
    if hasattr(value, "lower") and hasattr(value, "total_variation"):
        return _trade_off(value)
    if isinstance(value, dict):
        return {str(name): one for name, one in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return {str(i): one for i, one in enumerate(value)}
    return {}


def _number(value: object) -> str:
    if isinstance(value, (float, np.floating)):
        return float(value).hex()
    return str(value)  # also fractions


def _trade_off(pair) -> dict[str, object]:
    """A pair of laws of `knn_cert.bounds` by what it certifies."""
    levels = [0.5, 0.6, 0.75, 0.9, 0.99, 0.999]
    return {
        "lower": np.array([float(pair.lower(p)) for p in levels]),
        "upper": np.array([float(pair.upper(1.0 - p)) for p in levels]),
        "least_p_a": float(pair.least_p_a),
        "total_variation": float(pair.total_variation),
    }
