"""Tables in parts: what each part leaves to the queries, put together, and certificates from that alone."""

from __future__ import annotations

from .summary import Summary, summarise

__all__ = ["Summary", "summarise"]
