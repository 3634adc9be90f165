"""SHA-256 of a model's parameters: of what they are, not of a file or of where they lie in memory."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["parameters_digest"]

# What scikit-learn notes in its models without being a parameter: its version, an address in memory.
_NOTES = ("_sklearn_version", "_stop_words_id")

# Its trees. Whole numbers in them are sizes, which the arrays have too, and counts of questions asked.
_TREES = ("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree")


def parameters_digest(model: object) -> bytes:
    """Return the SHA-256 of the canonical bytes of a model's parameters.

    The same parameters give the same digest in any process and on any machine; it changes with any of them.
    A model that has ``canonical_parameters()`` is asked for its parameters, a mapping of names to arrays.
    Of other objects, scikit-learn's estimators among them, the whole state is taken: attributes by name,
    containers item by item, arrays and tensors of torch as type, shape and little-endian bytes, functions as
    their name and the variables that they hold.

    Parameters
    ----------
    model : object

    Returns
    -------
    bytes
        32 of them.

    Raises
    ------
    TypeError
        If the state holds something that has no canonical bytes, such as an open file.
    """
    digest = hashlib.sha256()
    if hasattr(model, "canonical_parameters") and not isinstance(model, type):
        parameters = model.canonical_parameters()
        if not isinstance(parameters, Mapping):
            raise TypeError(
                "canonical_parameters() must return a mapping of names to arrays, got "
                f"{type(parameters).__name__}"
            )
        _Walk(digest).feed({name: np.asarray(value) for name, value in parameters.items()})
    else:
        _Walk(digest).feed(model)
    return digest.digest()


class _Walk:
    """Feeds a digest with one value after the other: a tag, a length, the content."""

    def __init__(self, digest: _Hash) -> None:
        self._digest = digest
        self._seen: dict[int, int] = {}
        self._kept: list[object] = []  # so that no address is used twice

    def feed(self, value: Any) -> None:
        """Feed the canonical bytes of a value, with all that it holds."""
        if value is None or isinstance(value, (bool, np.bool_)):
            self._put("constant", repr(None if value is None else bool(value)).encode())
        elif isinstance(value, (int, np.integer)):
            self._put("int", str(int(value)).encode())
        elif isinstance(value, (float, np.floating)):
            self._put("float", struct.pack("<d", float(value)))
        elif isinstance(value, (str, np.str_)):
            self._put("str", str(value).encode())
        elif isinstance(value, (bytes, bytearray)):
            self._put("bytes", bytes(value))
        elif isinstance(value, np.ndarray):
            self._array(value)
        elif _is_tensor(value):
            # What a tensor is pickled by also says where it lies.
            self._array(value.detach().cpu().numpy())
        elif isinstance(value, np.dtype):
            self._put("dtype", value.str.encode())
        elif isinstance(value, type):
            self._put("name", _name_of(value).encode())
        elif callable(value) and hasattr(value, "__qualname__"):
            self._function(value)
        else:
            self._composite(value)

    def _put(self, tag: str, content: bytes) -> None:
        self._digest.update(f"{tag}:{len(content)}:".encode())
        self._digest.update(content)

    def _function(self, function: Any) -> None:
        """Feed a function: its name and what it holds, the object it is bound to, variables, defaults."""
        if self._again(function):
            return
        self._put("function", _name_of(function).encode())
        held = getattr(function, "__self__", None)
        if held is not None and not isinstance(held, ModuleType):
            self.feed(held)
        cells = getattr(function, "__closure__", None) or ()
        for part in (*(cell.cell_contents for cell in cells), getattr(function, "__defaults__", None)):
            self.feed(part)

    def _array(self, array: NDArray[Any]) -> None:
        if array.dtype.names is not None:
            # Field by field: what lies between the fields of a record is not part of it.
            self._put("record", repr((array.dtype.names, array.shape)).encode())
            for name in array.dtype.names:
                self._array(array[name])
            return
        if array.dtype.hasobject:
            self._put("objects", repr(array.shape).encode())
            for item in array.ravel().tolist():
                self.feed(item)
            return
        plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        self._put("array", f"{plain.dtype.str}{array.shape}".encode())
        self._digest.update(plain.tobytes())

    def _again(self, value: object) -> bool:
        """Whether this very object was fed before; what holds itself would never end."""
        if id(value) in self._seen:
            self._put("again", str(self._seen[id(value)]).encode())
            return True
        self._seen[id(value)] = len(self._seen)
        self._kept.append(value)
        return False

    def _composite(self, value: Any) -> None:
        if self._again(value):
            return
        if isinstance(value, Mapping):
            items = sorted(value.items(), key=lambda item: (type(item[0]).__name__, str(item[0])))
            self._put("mapping", str(len(items)).encode())
            for key, item in items:
                self.feed(key)
                self.feed(item)
        elif isinstance(value, (list, tuple)):
            self._put("sequence", str(len(value)).encode())
            for item in value:
                self.feed(item)
        elif isinstance(value, (set, frozenset)):
            digests = sorted(parameters_digest(item) for item in value)
            self._put("set", b"".join(digests))
        else:
            self._put("object", _name_of(type(value)).encode())
            for part in _state_of(value):
                self.feed(part)


def _is_tensor(value: object) -> bool:
    """Whether this is a tensor of torch, which is not imported here."""
    return type(value).__module__.startswith("torch") and hasattr(value, "detach") and hasattr(value, "cpu")


def _state_of(value: object) -> tuple[object, ...]:
    """Return what an object would be pickled by, without pickling it."""
    try:
        reduced = value.__reduce_ex__(2)
    except TypeError as error:
        raise _no_bytes(value) from error
    if isinstance(reduced, str):
        return (reduced,)
    make, arguments, *rest = reduced
    state, items, pairs = (*rest[:3], None, None, None)[:3]
    if isinstance(state, dict):
        state = {name: item for name, item in state.items() if name not in _NOTES}
    if type(value).__module__ in _TREES:
        state = [item for item in state if not isinstance(item, (int, np.integer))]
    return make, arguments, state, list(items or ()), list(pairs or ())


def _no_bytes(value: object) -> TypeError:
    return TypeError(
        f"a {_name_of(type(value))} among the model's parameters has no canonical bytes; give the model a "
        "method canonical_parameters() that returns its parameters, a mapping of names to arrays"
    )


def _name_of(thing: Any) -> str:
    return f"{getattr(thing, '__module__', '')}.{thing.__qualname__}"
