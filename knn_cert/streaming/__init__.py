"""Long runs: queries and tables some rows at a time, certificates in parts that outlive a kill."""

from __future__ import annotations

from .digests import bytes_of_files, digest_of_files, state_of_files
from .head import Head
from .journal import Journal, JournalWarning
from .memory import (
    Plan,
    as_option,
    check_memory,
    check_unpacked_fits,
    memory_for_whole,
    plan_of,
    whole_table_fits,
)
from .passes import Passes
from .run import Asked, Counted, InMemory, certify_with_passes, certify_with_table, finish

__all__ = [
    "Asked",
    "Counted",
    "Head",
    "InMemory",
    "Journal",
    "JournalWarning",
    "Passes",
    "Plan",
    "as_option",
    "bytes_of_files",
    "certify_with_passes",
    "certify_with_table",
    "check_memory",
    "check_unpacked_fits",
    "digest_of_files",
    "finish",
    "memory_for_whole",
    "plan_of",
    "state_of_files",
    "whole_table_fits",
]
