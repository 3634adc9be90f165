"""The report of an audit: one document, as a page, as Markdown and as JSON.

document.py says what a document is (shape.py: the JSON Schema beside it; consistency.py: what its numbers
have to agree in), view.py chooses what is shown of it, page.py and markdown.py show it, curve.py and
frontier.py draw, files.py writes. Nothing here computes a claim: the one thing that is counted (counting.py)
is how many of the budgets in the document reach the budget that a reader asks about.
"""

from __future__ import annotations

from .document import validate
from .files import REPORT_SUFFIXES, check_suffix, write
from .markdown import render_markdown
from .page import render_html

__all__ = ["REPORT_SUFFIXES", "check_suffix", "render_html", "render_markdown", "validate", "write"]
