"""Features made comparable by constants that no later table moves."""

from __future__ import annotations

from .fixed import FixedScaler

__all__ = ["FixedScaler"]
