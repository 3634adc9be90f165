"""Choose a backend: every module here has the functions of the kernel's contract (contract.py).

``native`` is the compiled kernel, ``numba`` a smaller and slower one for where no compiler was at hand,
``reference`` plain Python loops: the specification, hundreds of times slower, and taken only by those who ask
for it by name.
"""

from __future__ import annotations

import functools
import importlib
import os
import warnings
from typing import cast

from .._arithmetic import check_float_environment
from .contract import Kernel

ENVIRONMENT_VARIABLE = "KNN_CERT_BACKEND"

_MODULES = {
    "native": "knn_cert.kernels.native",
    "numba": "knn_cert.kernels.numba_kernels",
    "reference": "knn_cert.kernels.reference",
}
_REMEDIES = {
    "native": "install knn-cert where there is a C++17 compiler; in a folder with the sources, which hide "
    "what is installed, use 'pip install -e .' or another folder",
    "numba": "install it with 'pip install numba'",
    "reference": "reinstall knn-cert: this backend needs nothing but Python and NumPy",
}


def get_backend(name: str = "auto") -> Kernel:
    """Return the backend module of that name.

    Parameters
    ----------
    name : {"auto", "native", "numba", "reference"}
        "auto" takes ``$KNN_CERT_BACKEND`` where it is set, else native, else numba with one warning a
        process.

    Returns
    -------
    module
        With the functions of the kernel's contract.

    Raises
    ------
    ImportError
        If a backend was asked for by name (also by the environment variable) and cannot be imported, or if
        "auto" finds neither native nor numba. Slower code is never chosen silently.
    ValueError
        If there is no backend of that name.
    FloatEnvironmentError
        If this thread does not round as every backend expects it.
    """
    check_float_environment()
    if not isinstance(name, str):
        raise TypeError(f"backend must be a string, got {name!r} of type {type(name).__name__}")
    if name != "auto":
        return _forced(name, "backend")
    wanted = os.environ.get(ENVIRONMENT_VARIABLE, "") or "auto"
    if wanted != "auto":
        return _forced(wanted, f"${ENVIRONMENT_VARIABLE}")

    native, native_error = _load("native")
    if native is not None:
        return native
    numba, numba_error = _load("numba")
    if numba is None:
        raise ImportError(
            f"no fast backend can be imported from {os.path.dirname(__file__)}. native: {native_error}; "
            f"{_REMEDIES['native']}. numba: {numba_error}; {_REMEDIES['numba']}. backend='reference' always "
            "works, hundreds of times slower"
        )
    _warn_of_fallback(native_error)
    return numba


def available_backends() -> tuple[str, ...]:
    """Return the names of the backends that can be imported here, fastest first."""
    return tuple(name for name in _MODULES if _load(name)[0] is not None)


def backend_name(backend: Kernel) -> str:
    """Return the name under which ``get_backend`` gives this module."""
    return next(name for name, module in _MODULES.items() if module == backend.__name__)


def _forced(name: str, origin: str) -> Kernel:
    if name not in _MODULES:
        raise ValueError(f"{origin} must be one of auto, {', '.join(_MODULES)}, got {name!r}")
    module, error = _load(name)
    if module is None:
        raise ImportError(
            f"the {name} backend, asked for by {origin}, cannot be imported: {error}; {_REMEDIES[name]}"
        )
    return module


@functools.cache
def _load(name: str) -> tuple[Kernel | None, str]:
    """Return the module, or None and the reason; asked once, because a failing import is slow."""
    try:
        return cast(Kernel, importlib.import_module(_MODULES[name])), ""
    except ImportError as error:
        return None, str(error)


@functools.cache
def _warn_of_fallback(reason: str) -> None:
    """Warn once a process, whatever the warning filters say about repeats."""
    warnings.warn(
        f"the compiled kernel cannot be imported ({reason}); using numba, which gives the same numbers "
        "within the errors that both report, compiles for seconds on its first calls and is 3 to 30 times "
        f"slower. To get the compiled kernel, {_REMEDIES['native']}; to silence "
        f"this, set {ENVIRONMENT_VARIABLE}=numba",
        RuntimeWarning,
        stacklevel=4,
    )
