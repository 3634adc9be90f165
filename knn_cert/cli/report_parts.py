"""Parts of what commands print: classes, numbers of things, times, and the lines around a summary."""

from __future__ import annotations

import argparse
import sys
import warnings
from typing import TYPE_CHECKING, Any

from knn_cert._printing import printable, shortened

from .errors import input_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from knn_cert.certificates import Certificates, Summary

    Line = tuple[str, str]  # a title and what is said under it

_CLASSES_SHOWN = 5
_CLASS_WIDTH = 24


def report(
    args: argparse.Namespace, summary: Summary, *, above: Sequence[Line], below: Sequence[Line]
) -> str:
    """Return lines, the summary of certificates between them, and where the certificates are."""
    place = "not written (--out FILE)" if args.out is None else f"written to {printable(args.out)}"
    below = [*below, ("certificates", place)]
    return "\n".join([*map(_line, above), str(summary), *map(_line, below)])


def summary_of(args: argparse.Namespace, certificates: Certificates, y_test: NDArray[Any] | None) -> Summary:
    """Return the summary of certificates for the budgets that were asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of unknown labels, which were named with their table
        return certificates.summary(y_test, args.budgets)


def _line(line: Line) -> str:
    title, text = line
    return f"{title:<24}  {text}"


def classes(y_train: NDArray[Any], what: str, class_names: Mapping[Any, str]) -> str:
    """Return how many rows, or texts, each class has; of many classes how few and how many."""
    import numpy as np

    labels, counts = np.unique(y_train, return_counts=True)
    return counted_classes(labels, counts, what, class_names)


def counted_classes(
    labels: NDArray[Any], counts: NDArray[np.int64], what: str, class_names: Mapping[Any, str]
) -> str:
    """Return the same of classes whose rows are counted already."""
    if len(labels) > _CLASSES_SHOWN:
        return f"{len(labels)}, of {counts.min()} to {counts.max()} {what}s"
    shown = []
    for label, count in zip(labels.tolist(), counts.tolist(), strict=True):
        name = str(label) if label not in class_names else f"{label} {class_names[label]}"
        shown.append(f"{shortened(printable(name), _CLASS_WIDTH)} ({plural(count, what)})")
    return f"{len(labels)}: {', '.join(shown)}"


def plural(count: int, what: str) -> str:
    """Return a number of things: 1 row, 2 rows, 2 processes."""
    if count == 1:
        return f"1 {what}"
    return f"{count} {what}{'es' if what.endswith('s') else 's'}"


def duration(seconds: float) -> str:
    """Return a time with three digits, in the unit that suits it."""
    if seconds < 1e-3:
        return f"{1e6 * seconds:.3g} us"
    return f"{1e3 * seconds:.3g} ms" if seconds < 1.0 else f"{seconds:.3g} s"


def deliver(args: argparse.Namespace, certificates: Certificates, text: str) -> None:
    """Write certificates where --out says, and print what the command reports.

    Raises
    ------
    InputError
        If the file cannot be written, as on a full disk. There is none then, or the old one.
    """
    if args.out is not None:
        with input_errors():
            certificates.save(args.out)
    if not args.quiet:
        print_report(text)


def print_report(text: str) -> None:
    """Print what a command reports on stdout."""
    # Labels and file names may hold characters that the terminal cannot show; the result is written already.
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))
