"""Answers of one version as text: numbers as hex floats, so that not a bit is lost."""

from __future__ import annotations

import dataclasses
import numbers
import warnings
from collections.abc import Callable, Iterable
from fractions import Fraction
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
    if value is None or isinstance(value, (bool, np.bool_)):
        return {path: str(value)}
    if isinstance(value, Fraction):
        return {path: f"{value.numerator}/{value.denominator}"}
    if isinstance(value, numbers.Number):
        return {path: _number(value)}
    if isinstance(value, str):
        return {f"{path} (text)" if " " in value else path: value}
    if isinstance(value, bytes):
        return {path: value.hex()}
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return flat(value.tolist(), path)
        shape = "x".join(map(str, value.shape))
        return {f"{path}[{shape}]": " ".join(_number(one) for one in value.ravel().tolist())}
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif hasattr(value, "_asdict"):
        value = value._asdict()
    elif hasattr(value, "lower") and hasattr(value, "total_variation"):
        return _trade_off(value, path)
    if isinstance(value, dict):
        items = [(str(name), one) for name, one in value.items() if name not in _NOT_ANSWERS]
    elif isinstance(value, (list, tuple)):
        if all(isinstance(one, numbers.Number) and not isinstance(one, (bool, Fraction)) for one in value):
            return {f"{path}[{len(value)}]": " ".join(map(_number, value))}
        items = [(str(i), one) for i, one in enumerate(value)]
    else:
        return {}
    answers: dict[str, str] = {}
    for name, one in items:
        answers |= flat(one, f"{path}.{name}" if path else name)
    return answers


def _number(value: object) -> str:
    if isinstance(value, (float, np.floating)):
        return float(value).hex()
    return str(value)


def _trade_off(pair: object, path: str) -> dict[str, str]:
    """A pair of laws of `knn_cert.bounds` by what it certifies."""
    levels = [0.5, 0.6, 0.75, 0.9, 0.99, 0.999]
    values = {
        "lower": [float(pair.lower(p)) for p in levels],
        "upper": [float(pair.upper(1.0 - p)) for p in levels],
        "least_p_a": float(pair.least_p_a),
        "total_variation": float(pair.total_variation),
    }
    return flat(values, path)
