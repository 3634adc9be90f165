"""What is installed here: show_config() for people and bug reports, get_include() for C++ builds."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any, Literal, overload


@overload
def show_config(mode: Literal["print"] = "print") -> None: ...
@overload
def show_config(mode: Literal["dict"]) -> dict[str, object]: ...
def show_config(mode: str = "print") -> dict[str, object] | None:
    """Print, or return, the version, the backends and the machine that knn_cert sees.

    Parameters
    ----------
    mode : {"print", "dict"}
        "dict" returns the same facts and prints nothing.

    Returns
    -------
    dict or None
        Keys ``version``, ``backend`` (what "auto" gives, or why it gives nothing), ``backends`` (all that can
        be imported), ``simd`` and ``compiler`` (of the native kernel; None without it), ``threads`` (the
        default), ``python``, ``numpy``, ``platform``.
    """
    if mode not in ("print", "dict"):
        raise ValueError(f"mode must be 'print' or 'dict', got {mode!r}")
    import numpy as np

    from . import kernels
    from ._arithmetic import FloatEnvironmentError
    from ._version import __version__
    from .gate.numbers import default_n_threads

    backends = kernels.available_backends()
    try:
        chosen = kernels.backend_name(kernels.get_backend())
    except (ImportError, ValueError, FloatEnvironmentError) as error:
        chosen = f"none: {error}"
    native: Any = None
    if "native" in backends:
        from .kernels import native
    facts = {
        "version": __version__,
        "backend": chosen,
        "backends": backends,
        "simd": native.simd_level() if native else None,
        "compiler": native.compiler() if native else None,
        "threads": default_n_threads(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
    }
    if mode == "dict":
        return facts
    for name, value in facts.items():
        print(f"{name:10s}{', '.join(value) if isinstance(value, tuple) else value}")
    return None


def get_include() -> str:
    """Return the folder for a C++ compiler's ``-I``; sources then say ``#include <knn_cert/ncx2.hpp>``.

    Raises
    ------
    FileNotFoundError
        If this copy of the package came without its headers.
    """
    package = Path(__file__).resolve().parent
    # An installed package carries the headers inside it; a source checkout has them beside it.
    folders = [package / "include", package.parent / "csrc" / "include"]
    for folder in folders:
        if (folder / "knn_cert").is_dir():
            return str(folder)
    raise FileNotFoundError(
        f"the C++ headers of knn_cert are neither in {folders[0]} nor in {folders[1]}; reinstall knn-cert "
        "from its source distribution or from a wheel"
    )
