"""Whether numbers are rounded as IEEE 754 has it by default, which every bound here rests on.

Any library in the process may change that for the thread that calls it, and for threads that this one starts:
some set flush-to-zero when they are loaded, to be faster.
"""

from __future__ import annotations

import sys

__all__ = ["FloatEnvironmentError", "check_float_environment"]

_HALF_ULP = sys.float_info.epsilon / 2.0  # of 1
_SMALLEST_NORMAL = sys.float_info.min


class FloatEnvironmentError(RuntimeError):
    """Numbers are not rounded to the nearest, or small ones are taken for zero: nothing is certified."""


def check_float_environment() -> None:
    """Raise unless this thread rounds to the nearest double and knows those below 2.2e-308.

    Raises
    ------
    FloatEnvironmentError
        With what was found, and the remedy.
    """
    # Names, not literals: what is written out would be worked out when the module is compiled.
    one, half_ulp, smallest = 1.0, _HALF_ULP, _SMALLEST_NORMAL
    if not (one + half_ulp == one and -one - half_ulp == -one and one + 3.0 * (half_ulp / 2.0) > one):
        _refuse("another rounding mode than to the nearest", "in C by fesetround(FE_TONEAREST)")
    subnormal = smallest / 2.0
    if subnormal == 0.0 or subnormal * 2.0 != smallest:
        _refuse(
            "numbers below 2.2e-308 taken for zero (flush-to-zero)",
            "where PyTorch set it, by torch.set_flush_denormal(False)",
        )


def _refuse(found: str, remedy: str) -> None:
    raise FloatEnvironmentError(
        f"expected the default arithmetic of IEEE 754, got {found}: a library in this process set it, and no "
        f"bound holds; restore it before anything is certified ({remedy}), or certify in a process of its own"
    )
