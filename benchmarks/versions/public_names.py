"""Public names of knn_cert and their signatures, as text that two versions can be compared by."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from types import ModuleType


def public_names() -> dict[str, str]:
    """Return {"module.name": signature} of all modules without an underscore in their path.

    Members of classes are listed as "module.Class.member". Annotations are left out: better ones change
    nothing for a caller.
    """
    found = {}
    for module in _modules():
        for name in _exported(module):
            path = f"{module.__name__}.{name}"
            value = getattr(module, name)
            found[path] = _signature(value)
            if inspect.isclass(value):
                members = {member for member in dir(value) if not member.startswith("_")}
                fields = getattr(value, "__dataclass_fields__", {})
                members |= {name for name in fields if not name.startswith("_")}
                for member in sorted(members):
                    found[f"{path}.{member}"] = _member(value, member)
    return found


def _modules() -> list[ModuleType]:
    import knn_cert

    modules = [knn_cert]
    for info in pkgutil.walk_packages(knn_cert.__path__, "knn_cert.", onerror=lambda name: None):
        if any(part.startswith("_") for part in info.name.split(".")):
            continue
        try:
            modules.append(importlib.import_module(info.name))
        except ImportError:
            continue  # something that is optional is not installed
    return modules


def _exported(module: ModuleType) -> list[str]:
    """Names of ``__all__``, or else those that the module defines itself."""
    if hasattr(module, "__all__"):
        return sorted(name for name in module.__all__ if hasattr(module, name))
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    )


def _member(owner: type, name: str) -> str:
    value = getattr(owner, name, None)  # a property is no callable here, a field without a default is None
    return _signature(value) if callable(value) else "attribute"


def _signature(value: object) -> str:
    if not callable(value):
        return type(value).__name__
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return "class" if inspect.isclass(value) else "callable"
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()
    ]
    text = str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    return re.sub(r" at 0x[0-9a-f]+", "", text)
