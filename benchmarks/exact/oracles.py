"""How far a backend is from the reference values: worst errors, taken in 60 digits and not in doubles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mpmath import mp, mpf

FILES = ("ncx2.json", "bucketed.json", "continuous.json")

_DIGITS = 60

# Below these a relative error says nothing: doubles end at 1e-308, and the engine promises relative accuracy
# of probabilities above 1e-250 only.
_SMALLEST_LAW = mpf("1e-300")
_SMALLEST_PROBABILITY = mpf("1e-250")

# Where log1p(-other tail) and the printed logarithm differ by more than this, relatively, they contradict
# each other: the file prints 30 digits.
_PRINTED = mpf("1e-20")


class LawErrors(NamedTuple):
    """Worst relative error of each function; number and magnitude of the printed logarithms replaced."""

    n_cases: int
    n_contradictions: int
    largest_contradiction: float
    worst: dict[str, float]


class VoteErrors(NamedTuple):
    """Worst errors over all probabilities of all cases; relative ones where the truth is above 1e-250."""

    n_cases: int
    n_relative: int
    absolute: float
    relative: float


def law_errors(folder: Path, kernel) -> LawErrors:
    """Compare ncx2_cdf, sf, logcdf and logsf with ``ncx2.json``.

    A few printed logarithms of probabilities next to 1 contradict the other tail printed beside them: they
    are the rounding of the logarithm of 1, not -tail. There log1p(-tail) is the truth.
    """
    cases = _read(folder / "ncx2.json")
    x, dof, nonc = (np.array([float(case[name]) for case in cases]) for name in ("x", "dof", "nonc"))
    worst, contradictions = {}, [mpf(0)]
    with mp.workdps(_DIGITS):
        for name, other in (("cdf", None), ("sf", None), ("logcdf", "sf"), ("logsf", "cdf")):
            wanted = [mpf(case[name]) for case in cases]
            if other is not None:
                for i, case in enumerate(cases):
                    if 0 < mpf(case[other]) < 0.01:
                        from_tail = mp.log1p(-mpf(case[other]))
                        if abs(wanted[i] - from_tail) > _PRINTED * abs(from_tail):
                            wanted[i] = from_tail
                            contradictions.append(abs(from_tail))
            got = getattr(kernel, f"ncx2_{name}")(x, dof, nonc).tolist()
            worst[name] = max(
                _relative(value, truth)
                for value, truth in zip(got, wanted, strict=True)
                if abs(truth) > _SMALLEST_LAW
            )
    return LawErrors(len(cases), len(contradictions) - 1, float(max(contradictions)), worst)


def vote_errors(folder: Path, kernel, *, bucketed: bool) -> VoteErrors:
    """Compare class probabilities with ``bucketed.json`` or ``continuous.json``."""
    cases = _read(folder / ("bucketed.json" if bucketed else "continuous.json"))
    absolute, relative = [], []
    with mp.workdps(_DIGITS):
        for case in cases:
            arguments = {name: case[name] for name in ("n_classes", "n_neighbors", "sigma", "dof")}
            vote = kernel.vote
            if bucketed:
                vote, arguments["edges"] = kernel.vote_bucketed, np.array(case["edges"], dtype=np.float64)
            probabilities, _ = vote(
                np.sqrt(np.array([case["sq_distances"]], dtype=np.float64)),
                np.array(case["labels"], dtype=np.int64),
                n_threads=1,
                **arguments,
            )
            for value, printed in zip(probabilities[0].tolist(), case["probabilities"], strict=True):
                truth = mpf(printed)
                absolute.append(_number(abs(mpf(value) - truth)))
                if truth > _SMALLEST_PROBABILITY:
                    relative.append(_relative(value, truth))
    return VoteErrors(len(cases), len(relative), max(absolute), max(relative))


def _read(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))


def _relative(value: float, truth: mpf) -> float:
    return _number(abs(mpf(value) - truth) / abs(truth))


def _number(error: mpf) -> float:
    # NaN compares with nothing and would vanish in a maximum.
    return float("inf") if mp.isnan(error) else float(error)
