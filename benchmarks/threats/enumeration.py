"""Certificates of small tables against every tampering that can be enumerated: does any table refute one?

Run ``python -m benchmarks.threats.enumeration [--save]`` in a source checkout; see benchmarks/README.md.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..common.command import parse, report_on, study_parser
from ..common.report import SEED, Report, require

# The oracle and the audit are those of the tests, which import each other by name.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from attack_audit import falsify, influence
from naive_tampering import random_table
from tampering_audit import LABEL_VALUES, ROW_THREATS, Audit, Tally, named

from knn_cert.threats import BlackBoxBall

# One table in so many has buckets: for it, only the ball is certified.
_BUCKETED = 6

_N_CLASSES = (2, 3, 4)


class Study(NamedTuple):
    """How much one run looks at."""

    tables: int = 150
    limit: int = 900  # tampered tables of one budget, about
    digits: int = 10  # bounds that are compared with the enumeration in many digits
    asked_tables: int = 30  # of these also given budgets, counterexamples and influence


FULL = Study()
QUICK = Study(tables=6, limit=60, digits=4, asked_tables=3)  # each number of classes, and buckets


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a certificate is refuted."""
    parser = study_parser("threats.enumeration", __doc__)
    parser.add_argument("--tables", type=int, help="how many tables, instead of the usual number")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parse(parser, argv)
    if options.save and (options.tables or options.seed != SEED):
        parser.error("--save keeps the figures of the full run; leave out --tables and --seed")
    study = QUICK if options.quick else FULL
    if options.tables:
        study = study._replace(tables=options.tables)
    return report_on(lambda report: _run(report, study, options.seed), options, "enumerate_tampering")


def _run(report: Report, study: Study, seed: int) -> None:
    began = time.perf_counter()
    report.opening("Certificates against enumerated tampering", seed)
    report.text(
        f"{study.tables} random tables of 3 to 8 rows, 2 to 4 classes, d = 1 or 3, K from 1 to n, odd and "
        "even, with ties, duplicates, rows at the query, mirrored classes and far rows. Labels are numbers, "
        "texts or booleans, and the attacker has up to three that the table lacks, before, between and after "
        "its own. Each certificate is asked for with its budget open: from a classifier that knows the "
        "labels of its table, from one that is given all of them (`classes`), and from `largest_budget`. "
        f"Then what lies within the budget is enumerated, about {study.limit} tables at most (rows and "
        "queries move by the radius, by half of it or not at all), and each is voted on by listing all sets "
        "of K rows. A violation is a table with another most probable label; where doubles cannot tell, many "
        "digits decide."
    )
    rng, tally = np.random.default_rng(seed), Tally(study.digits)
    for number in range(study.tables):
        table = random_table(
            rng,
            n_classes=_N_CLASSES[number % len(_N_CLASSES)],
            bucketed=number % _BUCKETED == _BUCKETED - 1,
        )
        fitting = [values for values in LABEL_VALUES if len(values) >= table.n_labels]
        audit = Audit(table, fitting[rng.integers(len(fitting))], tally, limit=study.limit, rng=rng)
        for threat in audit.threats():
            audit.open_budget(threat)
        if number < study.asked_tables and table.edges is None:
            _other_questions(audit)
    _tables_of_counts(report, tally)
    for violation in tally.violations:
        report.text(f"- {violation}")
    require(not tally.violations, f"{len(tally.violations)} violations")
    report.text(f"The whole run took {time.perf_counter() - began:.0f} s.")


def _other_questions(audit: Audit) -> None:
    influence(audit)
    for threat in audit.threats_at_a_budget():
        audit.fixed_budget(threat)
    for threat in audit.threats():
        if not isinstance(threat, BlackBoxBall):
            falsify(audit, threat)


def _tables_of_counts(report: Report, tally: Tally) -> None:
    kinds = sorted({kind for kind, _ in tally.counts} - {"falsify", "influence"})
    exact = {named(kind) for kind in ROW_THREATS}
    columns = (
        "certificates",
        "with a budget above 0",
        "tampered tables",
        "certificates at a budget",
        "violations",
    )
    rows = [
        [kind, *(f"{tally.of(kind, column):,}" for column in columns), _broken(tally, kind, exact)]
        for kind in kinds
    ]
    totals = [sum(tally.of(kind, column) for kind in kinds) for column in columns]
    rows.append(["all", *(f"{number:,}" for number in totals), ""])
    report.table(["threat", *columns, "broken by one row more"], rows)
    compared = sum(tally.of(kind, "bounds compared in many digits") for kind in kinds)
    undecided = sum(tally.of(kind, "undecided by doubles") for kind in kinds)
    report.text(
        f"Within certified budgets {undecided:,} tampered tables were left undecided by doubles. Of the "
        f"bounds `worst_probability` and `worst_case_probability` {compared:,} came so near to the least "
        "that was found that many digits had to compare. `falsify` was asked "
        f"{tally.of('falsify', 'certificates'):,} times and changed "
        f"{tally.of('falsify', 'broken by one row more'):,} predictions, all checked; `influence` was "
        f"compared with {tally.of('influence', 'tampered tables'):,} removals of one row."
    )


def _broken(tally: Tally, kind: str, exact: set[str]) -> str:
    return f"{tally.of(kind, 'broken by one row more'):,}" if kind in exact else "-"


if __name__ == "__main__":
    sys.exit(main())
