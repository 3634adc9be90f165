"""Copies of a trainer that have never trained: what it kept from earlier trainings, they do not know."""

from __future__ import annotations

import contextlib
import functools
import io
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, BinaryIO

from ..fingerprint import parameters_digest

try:
    import cloudpickle
except ImportError:  # joblib before 1.6 brings its own
    from joblib.externals import cloudpickle

__all__ = ["Copies"]


# Containers with more members than these hold data, not parts of a program.
_MOST_MEMBERS = 64


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # untyped base
    """Leaves classes where they are: made anew from bytes, they would overwrite those of the user."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.classes: list[type] = []

    def persistent_id(self, value: object) -> int | None:
        if not isinstance(value, type):
            return None
        self.classes.append(value)
        return len(self.classes) - 1


class _Unpickler(pickle.Unpickler):
    def __init__(self, pickled: bytes, classes: list[type]) -> None:
        super().__init__(io.BytesIO(pickled))
        self._classes = classes

    def persistent_load(self, number: Any) -> type:
        kind: type = self._classes[number]
        return kind


class Copies:
    """Copies of a trainer as it is now, before it has trained anything here.

    What the trainer's functions hold and refer to in their own module is copied with it, so a copy shares no
    cache, model or vocabulary with the trainer. Classes, and what their methods refer to, are not copied:
    `shared` watches those of the trainer's module. Other modules, files and devices are neither copied nor
    watched.

    Parameters
    ----------
    trainer : callable
    """

    def __init__(self, trainer: Callable[..., Any]) -> None:
        self.trainer = trainer
        self._pickled = b""
        self._classes: list[type] = []
        try:
            self._pickle(_by_value(_module_of(trainer)))
        except Exception:  # what cannot be pickled says so by errors of many kinds
            try:
                self._pickle(contextlib.nullcontext())
            except Exception as reason:
                # Shown at the line that called `fit`, which asks the base, which asks for copies.
                self.give_up(reason, stacklevel=5)

    def _pickle(self, scope: contextlib.AbstractContextManager[None]) -> None:
        """Pickle the trainer within a scope, and see whether that can be read again."""
        with scope, io.BytesIO() as file:
            pickler = _Pickler(file)
            pickler.dump(self.trainer)
            pickled = file.getvalue()
        _Unpickler(pickled, pickler.classes).load()
        self._pickled, self._classes = pickled, pickler.classes

    def give_up(self, reason: Exception, *, stacklevel: int = 2) -> None:
        """Warn that there are no copies, and make none."""
        self._pickled, self._classes = b"", []
        warnings.warn(
            f"the trainer cannot be copied ({type(reason).__name__}: {reason}), so it was not seen whether "
            "it keeps something from one training to the next; hold no open files or locks in it, and no "
            "model in a global variable",
            stacklevel=stacklevel,
        )

    def __bool__(self) -> bool:
        return bool(self._pickled)

    def make(self) -> Callable[..., Any]:
        """Return a new copy; the trainer itself where it cannot be copied."""
        if not self._pickled:
            return self.trainer
        copy: Callable[..., Any] = _Unpickler(self._pickled, self._classes).load()
        return copy

    def shared(self) -> dict[str, bytes | None]:
        """Return digests, by name, of what the trainer's class and the functions and classes it uses hold.

        Only of its own module; None for what has no canonical bytes.
        """
        start = _function_of(self.trainer)
        kind = start if isinstance(start, FunctionType) else type(start)
        if _own_module(kind.__module__):
            return {}
        found: dict[str, bytes | None] = {}
        waiting: list[tuple[str, Any]] = [("trainer", start), ("trainer", kind)]
        seen: dict[int, Any] = {}
        while waiting:
            name, part = waiting.pop()
            if id(part) in seen:
                continue
            seen[id(part)] = part  # kept, so that no other object gets its number
            if isinstance(part, functools._lru_cache_wrapper):
                found[f"the cache of {name}"] = str(part.cache_info().currsize).encode()
            for inner, value in list(_held_by(part, kind.__module__)):
                value = getattr(value, "__func__", value)
                if isinstance(value, ModuleType):
                    continue
                waiting.append((inner, value))
                if isinstance(part, (FunctionType, type)) and not isinstance(value, (FunctionType, type)):
                    found[f"{inner} of {part.__qualname__}"] = _digest_of(value)
        return found


def _held_by(part: Any, module: str) -> Iterator[tuple[str, Any]]:
    """Yield what a part of a trainer holds, by name; of classes and functions only those of its module.

    Attributes of a class, and of an object, with its class; members of a container; what a wrapper wraps;
    variables of its module, and of the functions around it, that a function refers to.
    """
    if isinstance(part, type):
        for owner in part.__mro__ if part.__module__ == module else ():
            if owner.__module__ == module:
                # a list: naming the state of an object may add to its class
                held = list(vars(owner).items())
                yield from ((name, v) for name, v in held if not name.startswith("__") or callable(v))
        return
    if isinstance(part, property):
        yield from (("property", f) for f in (part.fget, part.fset) if f is not None)
        return
    if isinstance(part, (dict, list, tuple, set, frozenset)):
        if len(part) <= _MOST_MEMBERS:
            yield from (("member", v) for v in list(part.values() if isinstance(part, dict) else part))
        return
    if hasattr(part, "__wrapped__"):
        yield getattr(part, "__name__", "wrapper"), part.__wrapped__
    if not isinstance(part, FunctionType):
        if type(part).__module__ == module:
            yield type(part).__name__, type(part)
            yield from list(getattr(part, "__dict__", {}).items())
        return
    if part.__module__ != module:
        return
    around = zip(part.__code__.co_freevars, part.__closure__ or (), strict=True)
    yield from ((name, cell.cell_contents) for name, cell in around if _is_set(cell))
    codes = [part.__code__]
    while codes:
        code = codes.pop()
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        yield from ((name, part.__globals__[name]) for name in code.co_names if name in part.__globals__)


def _is_set(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _digest_of(value: object) -> bytes | None:
    try:
        return parameters_digest(value)
    except Exception:  # a variable may hold anything, whose state is nobody's business
        return None


def _own_module(name: str | None) -> bool:
    """Whether a module belongs to this library, whose trainers keep nothing. Executed text has no module."""
    return name is not None and name.partition(".")[0] == __name__.partition(".")[0]


def _function_of(trainer: Any) -> Any:
    """Return the function behind partial arguments; the object whose method a trainer is."""
    while isinstance(trainer, (functools.partial, MethodType)):
        trainer = trainer.func if isinstance(trainer, functools.partial) else trainer.__self__
    return trainer


def _module_of(trainer: Callable[..., Any]) -> ModuleType | None:
    """Return the user's module that a trainer is defined in, if it is one that may be copied."""
    trainer = _function_of(trainer)
    name = getattr(trainer, "__module__", None) or type(trainer).__module__
    if name in ("__main__", "builtins") or _own_module(name):
        return None
    return sys.modules.get(name)


@contextlib.contextmanager
def _by_value(module: ModuleType | None) -> Iterator[None]:
    """Within: what a module defines is pickled whole, with the variables it refers to, not by name."""
    if module is None or module.__name__ in cloudpickle.list_registry_pickle_by_value():
        yield
        return
    cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(module)
