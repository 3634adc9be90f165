"""Long runs: queries and tables some rows at a time, certificates in parts that outlive a kill."""

from __future__ import annotations

from .journal import Journal, digest_of_files, state_of_files
from .memory import Plan, plan_of, whole_table_fits
from .passes import Passes, first_near
from .run import Asked, Counted, InMemory, certify_with_passes, certify_with_table, finish

__all__ = [
    "Asked",
    "Counted",
    "InMemory",
    "Journal",
    "Passes",
    "Plan",
    "certify_with_passes",
    "certify_with_table",
    "digest_of_files",
    "finish",
    "first_near",
    "plan_of",
    "state_of_files",
    "whole_table_fits",
]
