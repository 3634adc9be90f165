"""From a stranger's table to a decision: describe, scale, choose, certify, and say it in plain words."""

from .result import Audit
from .run import audit

__all__ = ["Audit", "audit"]
