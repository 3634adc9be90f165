"""From a stranger's table to a decision: describe, scale, choose, certify, and say it in plain words."""

from .attackers import parse_asked
from .bars import parse_bar
from .result import Audit
from .run import audit

__all__ = ["Audit", "audit", "parse_asked", "parse_bar"]
