"""The audit from beginning to end: read, describe, scale, choose, report, and say it in words."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._types import FloatArray, WholeArray
from ..exact.estimator import SmoothedKNNClassifier
from ..gate.errors import InvalidInput
from ..gate.numbers import check_sigma_or_none
from ..scaling import FixedScaler
from . import document as documents
from .attacked import Attacked, attack_report
from .attackers import DEFAULT_ATTACKERS, DEFAULT_SHARE, Asked, parse_asked
from .bars import Bar, parse_bar
from .choosing import Rows, choose
from .describing import describe, known_rows
from .examples import Example, find_example
from .hinges import hinges
from .lines import lines_of
from .result import Audit
from .scales import FROM_TABLE, GIVEN, UNSCALED, proposed_scalers
from .source import Source, read_source
from .splits import split

__all__ = ["audit"]

# Attacks are shown for these, where they are looked at; on large tables the search for directions of a
# query takes minutes.
_EXAMPLES_OF, _EXAMPLES_OF_LARGE = ("mislabelled", "planted", "backdoor", "query"), ("mislabelled", "planted")
_LARGE_TABLE = 20_000

Progress = Callable[[str, int, int], None]


def audit(
    table: Any,
    label: Any = None,
    *,
    test: Any = None,
    against: str | Sequence[str] = "mislabelled:1%",
    attackers: Sequence[str] = DEFAULT_ATTACKERS,
    bars: Sequence[str] = (),
    constants: FixedScaler | str | os.PathLike[str] | None = None,
    scale: bool = True,
    n_neighbors: int | Sequence[int] | None = None,
    sigma: float | Sequence[float] | None = None,
    reading: Mapping[str, Any] | None = None,
    seed: int = 0,
    n_threads: int | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> Audit:
    """Look at a table, choose a K-NN classifier for it, and say which attacks its predictions survive.

    Parameters
    ----------
    table : path-like, data frame or array_like of shape (n, d)
        A table with labels, as `knn_cert.tables.read_table` reads it, with words encoded; or features alone.
    label : str, int or array_like of shape (n,)
        The label column, by name or position; for an array of features, the labels.
    test : path-like, data frame or (array_like, array_like), optional
        Rows with labels to report on. Left out, rows of the table are held out for that.
    against : str or sequence of str, default="mislabelled:1%"
        The attackers, with their budgets, that the settings are chosen for: ``NAME:ROWS`` (a number, or a
        share of the training rows: ``1%``), ``backdoor:ROWS:RADIUS`` or ``query:RADIUS``.
    attackers : sequence of str
        Whom to report on besides, with or without a budget (then a hundredth of the rows, and a radius of
        0.5).
    bars : sequence of str
        ``SHARE@NAME:BUDGET``: shares that have to be predicted right and certified; see `Audit.passed`.
    constants : FixedScaler or path-like, optional
        Scaling constants that do not come from this table.
    scale : bool, default=True
        Whether constants are proposed where none are given. False takes features as they are.
    n_neighbors, sigma : number or sequence of numbers, optional
        What to choose from; left out, K on a geometric scale, without noise and with noise of several sizes.
    reading : mapping, optional
        Further arguments for `knn_cert.tables.read_table`, such as ``{"drop": ["id"], "fill": 0}``.
    seed : int, default=0
        Which rows are held out.
    n_threads : int, optional
        None takes every core of this process.
    progress : callable(what, done, total), optional
    command : str
        What made the report, as it should say.

    Returns
    -------
    Audit

    Raises
    ------
    TypeError, ValueError
        If the table cannot be read or is too small, or an attacker or a bar is none.
    """
    began = time.perf_counter()
    tell = progress or (lambda what, done, total: None)
    asked, cleared = _asked(against, attackers, bars)
    neighbors, sigmas = _as_list(n_neighbors, "n_neighbors"), _as_list(sigma, "sigma")
    for one in sigmas or ():
        check_sigma_or_none(one)
    scaled_as_given = constants is not None or not scale
    settled = len(neighbors or ()) == 1 and len(sigmas or ()) == 1 and scaled_as_given
    tell("reading", 0, 1)
    source = read_source(table, label, test, dict(reading or {}))
    parts = split(source.y, choose=not settled, report=source.test is None, seed=seed)
    X_train, y_train = source.X[parts.train], source.y[parts.train]
    X_report, y_report, report_rows = _reported(source, parts.report)
    scaling, scalers = _scalers(source, X_train, constants, scale)

    tell("describing", 0, 1)
    scaled = [
        (_rows(scaler, X_train, y_train), _rows(scaler, source.X[parts.choose], source.y[parts.choose]))
        for scaler in scalers
    ]
    described = [describe(train.X, train.y, seed=seed) for train, _ in scaled]
    choice, scaling_chosen = None, 0
    settings = {"n_neighbors": (neighbors or [0])[0], "sigma": (sigmas or [0.0])[0]}
    if not settled:
        choice = choose(
            scaled,
            [one.usual_distance for one in described],
            [one for one, chosen_for in asked if chosen_for],
            neighbors=neighbors,
            sigmas=sigmas,
            seed=seed,
            progress=lambda done, total: tell("choosing", done, total),
            n_threads=n_threads,
        )
        chosen = choice.chosen
        scaling_chosen = chosen.scaling
        settings = {"n_neighbors": chosen.n_neighbors, "sigma": chosen.sigma}
    scaler, train = scalers[scaling_chosen], scaled[scaling_chosen][0]
    classifier = SmoothedKNNClassifier(n_threads=n_threads).set_params(**settings)
    classifier.fit(train.X, train.y)
    reported = _rows(scaler, X_report, y_report)
    attacked = []
    for k, (each, _) in enumerate(asked):
        tell("certifying", k, len(asked))
        barred = any(bar.asked.attacker is each.attacker for bar in cleared)
        attacked.append(attack_report(classifier, reported.X, reported.y, each, seed=seed, all_rows=barred))
    tell("looking for attacks", 0, 1)
    known = np.sort(np.concatenate([parts.train, parts.choose]))
    whole = describe(
        _transform(scaler, source.X), source.y, seed=seed, unscaled=source.X, numbers=source.row_numbers
    )
    first = attacked[0]
    found = documents.Findings(
        table={
            "name": source.name,
            "fingerprint": documents.fingerprint(source.X, source.y),
            "query_fingerprint": documents.fingerprint(X_report, y_report),
            "n_rows": len(source.y),
            "label": source.table.label_name,
        },
        columns=source.columns(scaler),
        remarks=[*known_rows(source.X[known], X_report), *source.remarks, *whole.remarks],
        description=whole,
        scaling=scaling,
        seed=seed,
        numbers=(source.row_numbers[parts.train], len(parts.choose), report_rows),
        report_from="held-out rows" if source.test is None else f"rows of {source.test_name}",
        choice=choice,
        classifier=classifier,
        y_train=y_train,
        X_report=reported.X,
        y_report=y_report,
        attacked=attacked,
        hinges=hinges(
            classifier,
            (train.X, train.y),
            reported.X[first.positions],
            first.certificates.budget,
            first.certificates.abstained,
            first.budget,
        ),
        examples=_examples(classifier, reported.X, attacked, (source.row_numbers[parts.train], report_rows)),
        bars=[(bar, _share(bar, attacked)) for bar in cleared],
        seconds=time.perf_counter() - began,
        date=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        command=command,
    )
    result = documents.document_of(found)
    result["lines"] = lines_of(result)
    return Audit(
        document=result,
        classifier=classifier,
        scaler=scaler,
        certificates={one.asked.attacker.name: one.certificates for one in attacked},
    )


class _Purpose(NamedTuple):
    """An attacker, and whether the settings are chosen for him."""

    asked: Asked
    chosen_for: bool


def _asked(
    against: str | Sequence[str], attackers: Sequence[str], bars: Sequence[str]
) -> tuple[list[_Purpose], list[Bar]]:
    """Return whom to look at, each once, and the bars.

    One attacker may be asked about at several budgets: the first is reported, and certificates with open
    budgets answer for the others. But shares of moved rows are a part of the threat.
    """
    chosen_for = [parse_asked(text) for text in ([against] if isinstance(against, str) else against)]
    twice = {
        one.attacker.name for one in chosen_for if sum(o.attacker is one.attacker for o in chosen_for) > 1
    }
    if twice:
        raise InvalidInput(
            f"against must name every attacker once, got {', '.join(sorted(twice))} several times; the "
            "report has all budgets of each"
        )
    if not chosen_for:
        raise InvalidInput("against must name at least one attacker, such as mislabelled:1%, got none")
    cleared = [parse_bar(text) for text in bars]
    share = next((one.rows for one in chosen_for if isinstance(one.rows, float)), DEFAULT_SHARE)
    also = [*(bar.asked for bar in cleared), *(parse_asked(text, share) for text in attackers)]
    purposes: dict[str, _Purpose] = {}
    for one, chosen in [*((one, True) for one in chosen_for), *((one, False) for one in also)]:
        known = purposes.setdefault(one.attacker.name, _Purpose(one, chosen))
        if known.asked.open_threat != one.open_threat and (chosen or one in [bar.asked for bar in cleared]):
            raise InvalidInput(
                f"{one} and {known.asked} move different numbers of rows; ask for one of them at a time"
            )
    return list(purposes.values()), cleared


def _reported(source: Source, rows: WholeArray) -> tuple[FloatArray, NDArray[Any], WholeArray]:
    if source.test is None:
        return source.X[rows], source.y[rows], source.row_numbers[rows]
    return source.test


def _scalers(
    source: Source, X_train: FloatArray, constants: FixedScaler | str | os.PathLike[str] | None, scale: bool
) -> tuple[dict[str, str], list[FixedScaler | None]]:
    names = source.table.feature_names
    if constants is not None:
        given = constants if isinstance(constants, FixedScaler) else FixedScaler.load(constants, names=names)
        name = "given constants" if isinstance(constants, FixedScaler) else os.path.basename(constants)
        meaning = GIVEN if given.source is None else f"{GIVEN} They were taken from: {given.source}."
        return {"from": name, "meaning": meaning}, [given]
    if not scale:
        return {"from": "none", "meaning": UNSCALED}, [None]
    return {"from": "this table", "meaning": FROM_TABLE}, [*proposed_scalers(X_train, names, source.fixed)]


def _transform(scaler: FixedScaler | None, X: FloatArray) -> FloatArray:
    # no rows to choose on, where nothing is to be chosen
    return X if scaler is None or not len(X) else np.ascontiguousarray(scaler.transform(X))


def _rows(scaler: FixedScaler | None, X: FloatArray, y: NDArray[Any]) -> Rows:
    return Rows(_transform(scaler, X), y)


def _as_list(values: Any, name: str) -> list[Any] | None:
    if values is None:
        return None
    listed = [values] if np.ndim(values) == 0 else list(values)
    if not listed:
        raise InvalidInput(f"{name} is empty; give at least one, or leave it out")
    return listed


def _examples(
    classifier: SmoothedKNNClassifier,
    X: FloatArray,
    attacked: list[Attacked],
    row_names: tuple[WholeArray, WholeArray],
) -> list[Example]:
    names = _EXAMPLES_OF if classifier.n_samples_fit_ <= _LARGE_TABLE else _EXAMPLES_OF_LARGE
    shown = [one for one in attacked if one.asked.attacker.name in names]
    found = [find_example(classifier, X, one, row_names) for one in shown]
    return [one for one in found if one is not None]


def _share(bar: Bar, attacked: list[Attacked]) -> Fraction:
    one = next(one for one in attacked if one.asked.attacker is bar.asked.attacker)
    budget = bar.asked.budget(one.certificates.n_train)
    held = np.count_nonzero(one.right & one.certificates.certified(budget))
    return Fraction(int(held), len(one.right))
