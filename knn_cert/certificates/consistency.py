"""What certificates must satisfy that come from a file: all that is known without the table and the queries.

Every check follows from how certificates are issued and leaves no room but for rounding, which is explained
where it is left. What it takes the training table to know is not looked at: whether the probabilities are
those of the queries, and whether a number of rows or words, or a radius of moved rows, is right.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import vote_bounds
from ..bounds.arguments import check_level
from ..bounds.confidence import VoteBounds
from ..gate.distances import check_edges
from ..gate.numbers import as_radius, as_whole_number, check_sigma
from ..smoothing import (
    AfterSteps,
    DiscreteNoise,
    NearestNeighbors,
    Noise,
    PlainKNN,
    RadiusNeighbors,
    SmoothedKNN,
    VotingModels,
)
from ..threats import BlackBoxBall
from ..threats import Threat as TableThreat
from ..threats.rows import RaceThreat, RowBudget
from ..threats.words import RowThreat, WordThreat
from .issue import Bounds, enclose, issue_ball, room_of_builds, rows_of_ball, tells_apart, wins
from .record import Record

__all__ = ["check"]

_EPS = float(np.finfo(np.float64).eps)

_VERSION = re.compile(
    r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+(\.[a-z0-9]+)*)?", re.ASCII
)
_BACKENDS = ("native", "numba", "reference")

# Votes are counted in doubles, which are exact so far.
_MOST_MODELS = 2**53

# A bound on votes is pushed outwards until its tail is below alpha by a share of 64 eps (16 + sqrt N), and
# not by more than three times that; another build of SciPy may end elsewhere in between. In the bound itself
# that is at most 3 * 64 eps (16 + sqrt N) * 1.3 * 0.5 / sqrt N for alpha up to 1/2: less than this for any N.
_ROOM_OF_VOTES = 1e-12


def check(certificates: Record) -> None:
    """Raise ValueError or TypeError, with what was expected and what came, if these cannot be."""
    if isinstance(certificates.classifier, AfterSteps):
        # fixed steps change nothing but what a feature is
        certificates = replace(certificates, classifier=certificates.classifier.nearest)
    _check_shapes(certificates)
    _check_settings(certificates)
    _check_numbers_of_queries(certificates)
    bounds = Bounds(certificates.p_lower, certificates.p_upper, certificates.tail_upper)
    if not isinstance(certificates.classifier, VotingModels):
        _check_exact(certificates, bounds)
    elif len(certificates):
        _check_votes(certificates, certificates.classifier, bounds)
    _check_abstentions(certificates, bounds)
    _check_worst_probability(certificates)
    if _is_certain(certificates):
        _check_certain(certificates)
    if isinstance(certificates.threat, BlackBoxBall) and not _is_certain(certificates):
        _check_ball(certificates, certificates.threat, bounds)
    else:
        _check_budget(certificates)


def _check_shapes(certificates: Record) -> None:
    lengths = {name: len(getattr(certificates, name)) for name in certificates.PER_QUERY}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"its arrays have different lengths: {lengths}")
    n_queries, n_classes = len(certificates), len(certificates.classes)
    if n_classes < 2:
        raise ValueError(f"classes must be at least two, got {n_classes}")
    for name in certificates.PER_QUERY:
        shape = (n_queries, n_classes) if name in ("probabilities", "errors") else (n_queries,)
        if getattr(certificates, name).shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {getattr(certificates, name).shape}")


def _check_settings(certificates: Record) -> None:
    noise, threat, classifier = certificates.noise, certificates.threat, certificates.classifier
    if not _VERSION.fullmatch(certificates.version):
        raise ValueError(f"version must be one such as 0.1.0, got {certificates.version!r}")
    as_whole_number(certificates.n_train, "n_train", least=1)
    if isinstance(noise, DiscreteNoise) != (certificates.n_features is None):
        raise ValueError(f"n_features must be null for texts alone, got {certificates.n_features!r}")
    if certificates.n_features is not None:
        as_whole_number(certificates.n_features, "n_features", least=1)
    if not isinstance(classifier, VotingModels):
        assert not isinstance(classifier, AfterSteps)  # taken off by `check`
        _check_nearest_neighbors(certificates, classifier)
        possible = isinstance(noise, Noise) and isinstance(threat, TableThreat)
    else:
        _check_models(certificates, classifier)
        possible = isinstance(threat, BlackBoxBall if isinstance(noise, Noise) else RowThreat | WordThreat)
    if not possible:
        raise ValueError(f"{type(classifier).__name__} with {noise!r} certifies nothing about {threat!r}")
    if isinstance(threat, BlackBoxBall) and isinstance(noise, Noise):
        threat.check_noise(noise.kind)


def _check_nearest_neighbors(certificates: Record, classifier: NearestNeighbors) -> None:
    sigma = certificates.noise.sigma if isinstance(certificates.noise, Noise) else math.nan
    if isinstance(classifier, RadiusNeighbors):
        as_radius(classifier.radius)
    else:
        as_whole_number(classifier.n_neighbors, "n_neighbors", least=1)
        if classifier.n_neighbors > certificates.n_train:
            raise ValueError(
                f"n_neighbors must be at most n_train = {certificates.n_train}, got {classifier.n_neighbors}"
            )
    if isinstance(classifier, SmoothedKNN) or (isinstance(classifier, RadiusNeighbors) and sigma > 0.0):
        if classifier.backend not in _BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(_BACKENDS)}, got {classifier.backend!r}")
    elif isinstance(classifier, RadiusNeighbors) and classifier.backend:
        raise ValueError(f"backend must be empty without noise, got {classifier.backend!r}")
    edges = classifier.edges if isinstance(classifier, SmoothedKNN) else None
    if edges is not None:
        check_edges(edges)
    if isinstance(classifier, SmoothedKNN):
        check_sigma(sigma)
    elif isinstance(classifier, PlainKNN) and sigma != 0.0:
        raise ValueError(f"sigma must be 0 for K-NN without noise, got {sigma!r}")
    elif classifier.metric != "euclidean" and (sigma != 0.0 or certificates.threat.is_ball):
        raise ValueError(f"noise and the L2 ball are for metric euclidean, got {classifier.metric!r}")
    continuous = edges is None and getattr(certificates.noise, "kind", None) == "gaussian"
    if not (continuous or certificates.threat.is_ball):
        raise ValueError(f"{certificates.threat!r} is for the continuous classifier under Gaussian noise")


def _check_models(certificates: Record, models: VotingModels) -> None:
    if isinstance(certificates.noise, Noise):
        check_sigma(certificates.noise.sigma)
    check_level(models.alpha)
    as_whole_number(models.n_models, "n_models", least=1 if len(certificates) else 0)
    as_whole_number(models.n_pilot, "n_pilot", least=0)
    if models.n_models > _MOST_MODELS:
        raise ValueError(f"n_models must be at most {_MOST_MODELS}, got {models.n_models}")
    if models.method not in ("clopper-pearson", "hoeffding"):
        raise ValueError(f"method must be clopper-pearson or hoeffding, got {models.method!r}")


def _check_numbers_of_queries(certificates: Record) -> None:
    query = certificates.query
    _expect(query >= 0, "query must be a number from 0 on", query)
    numbers, counts = np.unique(query, return_counts=True)
    if np.any(counts > 1):
        raise ValueError(f"query must name every query once, got {numbers[counts > 1][0]} more than once")


def _check_exact(certificates: Record, bounds: Bounds) -> None:
    """Probabilities can be those of a law; label and bounds are those of `issue.enclose`, bit by bit."""
    p, error = certificates.probabilities, certificates.errors
    _expect((error >= 0.0).all(axis=1), "errors must be at least 0", error)
    # Outwards by an ulp for the one operation, by C + 2 eps for the sums.
    lower, upper = np.nextafter(p - error, -np.inf), np.nextafter(p + error, np.inf)
    in_range = ((lower <= 1.0) & (upper >= 0.0)).all(axis=1)
    _expect(in_range, "probabilities must lie in [0, 1] within errors", p)
    room = (p.shape[1] + 2) * _EPS
    below, above = lower.sum(axis=1), upper.sum(axis=1)
    _expect((below <= 1.0 + room) & (above >= 1.0 - room), "probabilities must add up to 1 within errors", p)
    winner, expected = enclose(p, error)
    _expect_labels(certificates, winner)
    for name, bound, issued in zip(Bounds._fields, bounds, expected, strict=True):
        _expect(bound == issued, f"{name} must be what probabilities and errors give", bound, issued)


def _check_votes(certificates: Record, models: VotingModels, bounds: Bounds) -> None:
    """Probabilities are shares of votes; label and bounds are those of `bounds.confidence.vote_bounds`."""
    p, errors = certificates.probabilities, certificates.errors
    _expect(np.isnan(errors).all(axis=1), "errors must be missing for votes", errors)
    _expect(((p >= 0.0) & (p <= 1.0)).all(axis=1), "probabilities must lie in [0, 1]", p)
    counts = np.rint(p * models.n_models).astype(np.int64)
    whole = (counts / models.n_models == p).all(axis=1) & (counts.sum(axis=1) == models.n_models)
    _expect(whole, f"probabilities must be shares of {models.n_models} votes", p)
    label = None
    if models.n_pilot:
        label = np.searchsorted(certificates.classes, certificates.label)
    else:
        _expect_labels(certificates, np.argmax(counts, axis=1))
    # Some of the queries of a simultaneous statement keep their smaller share of alpha, and claim less.
    alpha = models.alpha / len(certificates) if models.simultaneous else models.alpha
    selection = "pilot" if models.n_pilot else "none"
    rules = [
        vote_bounds(counts, alpha, method=models.method, selection=selection, label=label, runner_up=rule)
        for rule in ("votes", "complement")
    ]
    misfit = np.stack([_misfit(bounds, rule, models.simultaneous) for rule in rules])
    # One rule was fixed for all queries before the votes were counted.
    best = misfit.max(axis=1).argmin()
    _expect(
        misfit[best] <= _ROOM_OF_VOTES,
        f"p_lower and p_upper must be what the votes give with alpha = {models.alpha!r}",
        np.stack(bounds[:2], axis=1),
        np.stack(rules[best][1:], axis=1),
    )
    # 1 - p_lower is rounded to the nearest and then up.
    least = 1.0 - bounds.p_lower
    most = np.minimum(np.nextafter(np.nextafter(least, 2.0), 2.0), 1.0)
    tail = bounds.tail_upper
    _expect((tail >= least) & (tail <= most), "tail_upper must be 1 - p_lower", tail, least)


def _misfit(bounds: Bounds, expected: VoteBounds, claims_less: bool) -> NDArray[np.float64]:
    """How far the bounds of each query are from the expected ones, or claim more than these."""
    lower, upper = bounds.p_lower - expected.p_lower, expected.p_upper - bounds.p_upper
    misfit = np.maximum(lower, upper) if claims_less else np.maximum(np.abs(lower), np.abs(upper))
    in_range = (bounds.p_lower >= 0.0) & (bounds.p_upper <= 1.0)
    return np.where(in_range & ~np.isnan(misfit), misfit, np.inf)


def _check_abstentions(certificates: Record, bounds: Bounds) -> None:
    abstained, budget = certificates.abstained, certificates.budget
    _expect(budget >= 0, "budget must be a number of at least 0", budget)
    _expect(~abstained | (budget == 0), "budget must be 0 where the classifier abstained", budget)
    shift = certificates.table_shift
    exact = not isinstance(certificates.classifier, VotingModels)
    _expect((shift >= 0.0) & (shift < math.inf), "table_shift must be finite and at least 0", shift)
    _expect(exact | (shift == 0.0), "table_shift must be 0 for votes", shift)
    if not exact or certificates.threat.is_ball:
        sure = tells_apart(bounds)
        expected = "p_lower > p_upper"
    else:
        # Order of distances is decided by races, with errors of their own that may be smaller. But both are
        # bounds: a label that races prove the most probable is not below another by more than the errors.
        p, error = certificates.probabilities, certificates.errors
        upper = np.nextafter(p + error, np.inf).max(axis=1, where=_is_label(certificates), initial=-np.inf)
        sure = upper >= np.nextafter(p - error, -np.inf).max(axis=1)
        expected = "a label that can be the most probable"
    _expect(abstained | sure, f"abstained must be true without {expected}", np.stack(bounds[:2], axis=1))


def _check_worst_probability(certificates: Record) -> None:
    worst = certificates.worst_probability
    if certificates.threat.is_open:
        _expect(np.isnan(worst), "worst_probability must be missing where no budget was asked for", worst)
        return
    # The table as it is lies within every budget.
    if isinstance(certificates.classifier, VotingModels):
        most = certificates.p_lower
    else:
        upper = np.nextafter(certificates.probabilities + certificates.errors, np.inf)
        most = upper.max(axis=1, where=_is_label(certificates), initial=0.0)
        decided = ~certificates.abstained | ~wins(worst)
        _expect(decided, "abstained must be false where worst_probability is above 1/2", worst)
        if _is_exact(certificates):
            _expect(
                certificates.abstained | wins(worst),
                "abstained must be true unless worst_probability is above 1/2",
                worst,
            )
    _expect(worst >= 0.0, "worst_probability must be at least 0", worst)
    _expect(worst <= most, "worst_probability must be at most the probability untampered", worst, most)


def _is_exact(certificates: Record) -> bool:
    """Whether the race of the majority alone decides, with nothing else to certify by."""
    classifier, threat = certificates.classifier, certificates.threat
    if _is_certain(certificates):
        return True
    if not isinstance(classifier, SmoothedKNN) or not isinstance(threat, RowBudget):
        return False
    return len(certificates.classes) == 2 and (
        classifier.labels_are_classes or classifier.n_neighbors % 2 == 1
    )


def _is_certain(certificates: Record) -> bool:
    """Whether there is no noise, so that every vote is certain."""
    return isinstance(certificates.noise, Noise) and certificates.noise.sigma == 0.0


def _check_ball(certificates: Record, threat: BlackBoxBall, bounds: Bounds) -> None:
    """Radii are those that the bounds give, up to the last digits in which builds of the libraries differ."""
    noise, n_features, n_train = certificates.noise, certificates.n_features, certificates.n_train
    budget, abstained = certificates.budget, certificates.abstained
    if not isinstance(noise, Noise) or n_features is None:
        raise ValueError(f"{noise!r} has no radius")
    issued = issue_ball(
        bounds,
        noise=noise,
        threat=threat,
        n_train=n_train,
        n_features=n_features,
        distance_error=certificates.table_shift,
    ).budget
    room = room_of_builds(
        bounds, issued + certificates.table_shift, noise=noise, rows=rows_of_ball(threat, n_train)
    )
    _expect(abstained | (budget > 0.0), "budget must be above 0, or the classifier abstain", budget)
    _expect(np.abs(budget - issued) <= room, "budget must be what the bounds give", budget, issued)


def _check_certain(certificates: Record) -> None:
    """Without noise one class has all of the probability, or nothing is known."""
    p, error, worst = certificates.probabilities, certificates.errors, certificates.worst_probability
    one = (p == _is_label(certificates)).all(axis=1)
    _expect(one, "probabilities must be 1 for the label and 0 for all others without noise", p)
    known = (error == 0.0).all(axis=1) | (error == 1.0).all(axis=1)
    _expect(known, "errors must be 0, or 1 where the label is not sure, without noise", error)
    shift = certificates.table_shift
    _expect(shift == 0.0, "table_shift must be 0 without noise", shift)
    certain = np.isnan(worst) | (worst == 0.0) | (worst == 1.0)
    _expect(certain, "worst_probability must be 0 or 1 without noise", worst)
    if certificates.threat.is_ball:
        _expect(
            certificates.abstained | (certificates.budget > 0.0),
            "budget must be above 0, or the classifier abstain",
            certificates.budget,
        )


def _check_budget(certificates: Record) -> None:
    """The budget that was asked for, or one that the threat can have; of rows no more than are certified."""
    threat, n_train, budget = certificates.threat, certificates.n_train, certificates.budget
    abstained = certificates.abstained
    most = threat.row_limit(n_train) if threat.budget_name == "rows" else None
    if isinstance(certificates.classifier, SmoothedKNN | PlainKNN) and isinstance(threat, RaceThreat):
        n_neighbors = certificates.classifier.n_neighbors
        if isinstance(threat, RowBudget):
            most = threat.most_rows(n_train, n_neighbors)
        beyond = threat.is_beyond(n_train, n_neighbors)
        _expect(abstained | (not beyond), "abstained must be true: too few rows would be left", abstained)
    if threat.budget_name == "rows" and _is_certain(certificates):
        most = _most_rows_without_noise(certificates)
    if most is not None:
        _expect(budget <= most, f"budget must be at most {most} rows", budget)
    if not threat.is_open:
        asked = threat.asked_budget(n_train)
        issued = abstained | (budget == asked)
        _expect(issued, f"budget must be {asked}, which was asked for, or the classifier abstain", budget)


def _most_rows_without_noise(certificates: Record) -> int:
    """Return how many tampered rows a vote can survive: half of the votes, but for rows that are deleted."""
    classifier, n_train = certificates.classifier, certificates.n_train
    if isinstance(classifier, PlainKNN):
        n_neighbors = classifier.n_neighbors
        return n_neighbors // 2 if certificates.threat.relabels else n_train - n_neighbors
    # every row may be within the radius; a row that comes takes one vote of the lead
    return n_train


def _is_label(certificates: Record) -> NDArray[np.bool_]:
    """Return which class is the label: (n_queries, C)."""
    is_label: NDArray[np.bool_] = certificates.label[:, None] == certificates.classes
    return is_label


def _expect_labels(certificates: Record, positions: NDArray[np.int64]) -> None:
    label, expected = certificates.label, certificates.classes[positions]
    _expect(label == expected, "label must be the most probable class, the first of equals", label, expected)


def _expect(
    holds: NDArray[np.bool_] | np.bool_,
    what: str,
    got: NDArray[Any],
    expected: NDArray[Any] | None = None,
) -> None:
    """Raise ValueError for the first query of which something does not hold."""
    if not np.all(holds):
        i = int(np.argmin(holds))
        instead = "" if expected is None else f", expected {expected[i].tolist()!r}"
        raise ValueError(f"{what}, got {got[i].tolist()!r} at position {i}{instead}")
