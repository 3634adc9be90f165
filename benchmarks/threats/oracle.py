"""Section 1 of the figures of the threat models: worst cases against the enumeration of all tamperings."""

from __future__ import annotations

import json
from pathlib import Path

from mpmath import mp, mpf

from knn_cert import worst_case_probability
from knn_cert.threats import Deletions, Insertions, LabelFlips, Replacements, RowShift

from ..common.report import Report, require
from .study import Study

# How far below the truth, relative to it, a lower bound may lie; slower backends bound their errors loosely.
RELATIVE = {"native": 1e-10, "numba": 1e-5, "reference": 1e-7}

_DIGITS = 60

# A relative error says nothing of a truth that is zero, or nearly one; the answer has to be one, too.
_SMALLEST, _ZERO = mpf("1e-280"), mpf("1e-290")

_QUANTITIES = {
    "clean": lambda case: LabelFlips(0),
    "label_flips": lambda case: LabelFlips(case["budget"]),
    "deletions": lambda case: Deletions(case["budget"]),
    "insertions": lambda case: Insertions(case["budget"]),
    "replacements": lambda case: Replacements(case["budget"]),
    "all_rows_shift": lambda case: RowShift(len(case["labels"]), case["epsilon"]),
}


def _shift(case: dict) -> RowShift:
    return RowShift(case["budget"], case["epsilon"])


def oracle(report: Report, folder: Path, study: Study) -> None:
    """Compare every backend with ``threats.json`` in ``folder``, if it is there."""
    report.heading("1. Worst cases against reference values")
    path = folder / "threats.json"
    if not path.is_file():
        report.text("Skipped: no threats.json here; name its folder with `--oracle-dir`.")
        return
    cases = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    with mp.workdps(_DIGITS):
        for backend in study.backends():
            errors = {name: _worst_error(cases, name, backend) for name in _QUANTITIES}
            for name, error in errors.items():
                require(
                    error <= RELATIVE[backend], f"{backend}, {name}: {error:.2e} below the truth, relatively"
                )
            passed = _largest_share_of_attack(cases, backend)
            rows.append([backend, *(f"{error:.1e}" for error in errors.values()), f"{passed:.6f}"])
    report.text(
        f"How far the lower bound lies below the truth at most, relative to it, over {len(cases)} cases; "
        f"limits {', '.join(f'{limit:.0e} ({name})' for name, limit in RELATIVE.items())}; never above. "
        "Last column: the bound on moved rows as a share of the probability that the best straight attack "
        "leaves, at its largest; above 1 the bound would be wrong."
    )
    report.table(["backend", *_QUANTITIES, "bound / attack"], rows)


def _worst_error(cases: list[dict], name: str, backend: str) -> float:
    worst = mpf(0)
    for case in cases:
        got, truth = _smallest(case, _QUANTITIES[name](case), backend), mpf(case[name])
        require(not mp.isnan(got), f"{backend}, {name}: NaN for {case}")
        require(got <= truth, f"{backend}, {name}: {got} is no lower bound on {truth} in {case}")
        if truth > _SMALLEST:
            worst = max(worst, (truth - got) / truth)
        else:
            require(abs(got - truth) <= _ZERO, f"{backend}, {name}: {got} for {truth} in {case}")
    return float(worst)


def _largest_share_of_attack(cases: list[dict], backend: str) -> float:
    """Require that the bound never passes an attack that is possible; return how close it comes."""
    shares = [mpf(0)]
    for case in cases:
        bound = _smallest(case, _shift(case), backend)
        attack = mpf(case["row_shift_best_straight_attack"])
        require(
            bound <= attack,
            f"{backend}: a bound of {bound} where an attack leaves {attack}, {case}",
        )
        if attack > _SMALLEST:
            shares.append(bound / attack)
    return float(max(shares))


def _smallest(case: dict, threat, backend: str) -> mpf:
    return mpf(
        worst_case_probability(
            case["sq_distances"],
            case["labels"],
            threat,
            target_class=case["target_class"],
            n_neighbors=case["n_neighbors"],
            sigma=case["sigma"],
            dof=case["dof"],
            n_classes=2,
            backend=backend,
        )
    )
