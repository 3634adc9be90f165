"""What is claimed of each prediction: the one result object of every route, its summary and its files.

issue.py is the only place that turns probabilities with errors into bounds and radii, certificate.py the
record of them, summary.py Table 1 of RAB, files.py what is written and read, consistency.py what a file must
satisfy that is read.
"""

from __future__ import annotations

from .certificate import Certificates
from .files import FILE_SUFFIXES, check_writable, write_parts
from .record import joined
from .summary import Summary, combine, summarize_correct

__all__ = [
    "FILE_SUFFIXES",
    "Certificates",
    "Summary",
    "check_writable",
    "combine",
    "joined",
    "summarize_correct",
    "write_parts",
]
