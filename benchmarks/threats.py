"""Figures of the threat models: correctness, certified accuracy, gaps to attacks found, and only then times.

Run ``python -m benchmarks.threats [--save]`` in a source checkout; see benchmarks/README.md.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from .command import study
from .data import load
from .fresh import SEED
from .report import Report
from .threats_accuracy import accuracy
from .threats_gap import gaps
from .threats_oracle import oracle
from .threats_plurality import ten_classes, tiny_tables
from .threats_study import FULL, QUICK
from .threats_times import times

_TWO_CLASSES = ("spambase", "mnist-01", "breast-cancer")


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a figure that must hold does not."""
    return study("threats", __doc__, _run, argv)


def _run(report: Report, oracle_dir: Path, folder: str | None, *, quick: bool) -> None:
    study = QUICK if quick else FULL
    began = time.perf_counter()
    report.opening("Figures of the threat models", SEED)
    if quick:
        report.text("QUICK RUN: few queries, one run each; its times are no measurement.")
    report.text("Sections 1 to 4 are asserted: a run in which a check fails stops before any time.")

    oracle(report, oracle_dir)
    data = {name: dataset for name in _TWO_CLASSES if (dataset := load(report, name, folder)) is not None}
    accuracy(report, data, study)
    gaps(report, data, study)
    tiny_tables(report, study)
    ten_classes(report, load(report, "mnist", folder), study)
    times(report, data.get("spambase"), folder, study, judge=not quick)
    report.heading("What the figures show")
    for sentence in _FINDINGS:
        report.text(f"- {sentence}")
    report.text(f"The whole run took {time.perf_counter() - began:.0f} s.")


_FINDINGS = (
    "The worst cases are those of the enumeration on every backend, and the falsifier breaks a prediction "
    "with one flipped, deleted, inserted or replaced row more than is certified: for two classes these four "
    "certificates leave no gap.",
    "What the structure is worth: for moved rows the certified radius is several times that of the black "
    "box, which on MNIST 0/1 certifies nothing at radii where the structured certificate still holds for "
    "nearly all test rows. The count certificate of plain K-NN ends at two rows, and smoothing carries "
    "numbers far beyond; on Spambase it pays for that with accuracy.",
    "Moved rows: with all rows moved, certificate and attack meet within what the searches leave open. With "
    "a tenth of the rows they nearly meet on MNIST 0/1, but a gap stays on Spambase and breast cancer: the "
    "bound lets the attacker choose the rows that he moves anew for every rank of both lists, and which side "
    "of the gap is nearer to the truth is open.",
    "A moved query has the widest gap. It is certified like rows that all move by its radius, each in its "
    "own worst direction, and one query cannot do that in many dimensions; the falsifier, for its part, "
    "tries three directions only.",
    "More than two classes: nothing that is not robust was certified. The majority event alone leaves most "
    "MNIST queries of ten classes without any certificate, since their class rarely has a majority; what is "
    "touched must be among the nearest K, and that bound certifies nearly all of them for some rows. The "
    "bound on single rivals helps little: a rival can win with one or two votes of five.",
    "Times carry the load of the machine with them; the column with the goal says which goals this run met "
    "or missed. The ratio to a plain search for neighbours is large, since that is mostly one product of "
    "matrices.",
)


if __name__ == "__main__":
    sys.exit(main())
