"""What the package certifies of small tables, held against the oracle that enumerates the tampering.

A violation is a certified budget within which some enumerated table has another most probable label. Nothing
is allowed for on the unsafe side: what doubles cannot tell is computed in many digits.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import naive_tampering as naive
import numpy as np
from mpmath import mp, mpf
from naive_nearest_sets import DIGITS
from naive_tampering import Table, Tampered

from knn_cert import SmoothedKNNClassifier, largest_budget, worst_case_probability
from knn_cert.threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
)

ROW_THREATS = {
    LabelFlips: naive.flipped,
    Deletions: naive.deleted,
    Insertions: naive.inserted,
    Replacements: naive.replaced,
}

# Label values in their order; a table uses some of them, the attacker all.
LABEL_VALUES = (
    (-7, -1, 0, 3, 10, 99),
    ("", "Zebra", "ant", "bee", "bee2", "\u00e9"),
    (-3.0, 0.0, 1.0, 2.0, 7.0, 1e9),
    (False, True),
)

# Sets of K rows among so many are few enough to list.
_MOST_ROWS = 11

# A certificate loses no more than this to the bound on its error.
LOOSE = 1e-9

# The oracle's own rounding in many digits.
_ROUNDING = 1e-24

# Where the oracle's doubles are this close to a bound, digits decide; in so far as the caller pays for them.
CLOSE = 1e-11


class Violation(NamedTuple):
    """A claim that an enumerated table refutes."""

    threat: object
    door: str
    claimed: object
    why: str
    table: Table
    names: tuple

    def __str__(self):
        t = self.table
        names = [self.names[label] for label in t.labels]
        return (
            f"{self.threat!r}, {self.door}: claimed {self.claimed}, but {self.why}; X = {t.rows.tolist()}, "
            f"y = {names}, query {t.query.tolist()}, labels {self.names[: t.n_labels]}, K = {t.n_neighbors}, "
            f"sigma = {t.sigma}, edges = {None if t.edges is None else t.edges.tolist()}"
        )


@dataclass
class Tally:
    """Counts by threat, and what went wrong; how many bounds may still be compared in many digits."""

    digits: int = 0
    counts: Counter = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def add(self, threat, what: str, number: int = 1) -> None:
        self.counts[named(threat), what] += number

    def of(self, threat_name: str, what: str) -> int:
        return self.counts[threat_name, what]


def named(threat) -> str:
    """A threat without its numbers."""
    if isinstance(threat, type):
        return threat.__name__
    if isinstance(threat, str):
        return threat
    if isinstance(threat, QueryShift):
        return "QueryShift" if threat.training is None else f"QueryShift + {named(threat.training)}"
    if isinstance(threat, RowShift):
        return "RowShift, relabel" if threat.relabel else "RowShift"
    if isinstance(threat, BlackBoxBall):
        return "BlackBoxBall" if threat.rows is None else "BlackBoxBall(rows)"
    return type(threat).__name__


class Audit:
    """One table, all threats.

    Parameters
    ----------
    table : Table
    names : tuple
        Values of the labels, increasing.
    tally : Tally
    limit : int
        Tampered tables of one budget at most.
    rng : numpy.random.Generator
    """

    def __init__(self, table: Table, names: tuple, tally: Tally, *, limit: int, rng):
        self.table, self.names, self.tally = table, names, tally
        self.limit, self.rng = limit, rng
        self.y = np.array([names[label] for label in table.labels])
        settings = {"sigma": table.sigma, "edges": table.edges, "n_threads": 1}
        given = np.array(names[: table.n_labels])
        self.classifiers = {
            "certify": SmoothedKNNClassifier(table.n_neighbors, **settings),
            "certify with classes": SmoothedKNNClassifier(table.n_neighbors, classes=given, **settings),
        }
        for classifier in self.classifiers.values():
            classifier.fit(table.rows, self.y)
        self.label = naive.predicted(table, table.distances, table.labels)
        self.n_labels_seen = len(np.unique(table.labels))

    def threats(self) -> Iterator[object]:
        """Every threat with its budget open."""
        n = len(self.table.labels)
        some, eps = (
            int(self.rng.integers(1, n + 1)),
            float(self.rng.choice([0.0, 0.25, 1.0])) * self.table.sigma,
        )
        yield from (BlackBoxBall(), BlackBoxBall(rows=some))
        if self.table.edges is not None:
            return
        yield from (kind() for kind in ROW_THREATS)
        for relabel, rows in itertools.product((False, True), {1, some}):
            yield RowShift(rows, relabel=relabel)
        yield QueryShift()
        few = int(self.rng.integers(1, 3))
        for training in (
            *(kind(few) for kind in ROW_THREATS),
            RowShift(few, eps),
            RowShift(few, eps, relabel=True),
        ):
            yield QueryShift(None, training)

    def threats_at_a_budget(self) -> Iterator[object]:
        """Some threats with a small budget."""
        n = len(self.table.labels)
        few, radius = (
            int(self.rng.integers(0, 3)),
            float(self.rng.choice([0.0, 0.125, 0.5, 2.0])) * self.table.sigma,
        )
        for kind in ROW_THREATS:
            yield kind(few)
            yield QueryShift(radius, kind(few))
        for relabel in (False, True):
            yield RowShift(min(few, n), radius, relabel=relabel)
            yield QueryShift(radius, RowShift(1, radius, relabel=relabel))
        yield QueryShift(radius)

    # ------------------------------------------------------------------------------------------- budgets

    def open_budget(self, threat) -> None:
        """Ask for the largest budget, and try everything within it."""
        claims = dict(self._claims(threat))
        self.tally.add(threat, "certificates", len(claims))
        sure = {door: budget for door, budget in claims.items() if budget is not None}
        self.tally.add(threat, "with a budget above 0", sum(budget > 0 for budget in sure.values()))
        if threat.budget_name == "radius":
            self._try(threat, sure)
            return
        self._open_count(threat, claims, sure)

    def _open_count(self, threat, claims: dict, sure: dict) -> None:
        for rows in range(max(sure.values(), default=0) + 2):
            if isinstance(threat, Insertions) and len(self.table.labels) + rows > _MOST_ROWS:
                return
            claimants = [door for door in sure if sure[door] >= rows]
            tampered = self.within(replace(threat, rows=rows))
            if tampered is None:
                for door in claimants:
                    self.violation(threat, door, sure[door], f"{rows} rows less leave fewer than K")
                return
            outcome = self._outcome(threat, tampered, to_the_end=bool(claimants))
            if outcome.broken:
                for door in claimants:
                    self._refute(threat, door, sure[door], outcome, f"with {rows} rows")
                self.tally.add(
                    threat, "broken by one row more", sum(budget == rows - 1 for budget in sure.values())
                )
                return
            for door in sure:
                if sure[door] == rows - 1 and self.is_exact(threat, door):
                    self._must_break(threat, door, rows, outcome)

    def is_exact(self, threat, door: str) -> bool:
        """Two classes, and one row more than certified changes the prediction (docs/threats.md)."""
        if self.n_labels_seen > 2 or not isinstance(threat, tuple(ROW_THREATS)):
            return False
        if door != "certify":
            return self.table.n_labels == 2
        # With K even the first class wins ties, but not from a label that comes before it: that is reckoned
        # with, though such a label does not have the rows of the second class.
        wins_ties = self.label == self.table.labels.min() and self.table.n_neighbors % 2 == 0
        return not (wins_ties and not isinstance(threat, Deletions))

    def _must_break(self, threat, door: str, rows: int, outcome: naive.Outcome) -> None:
        self.tally.add(threat, "must break")
        # at one half the first class stays, and what is within its error of one half is not certified
        if outcome.smallest > 0.5 + LOOSE:
            self.violation(threat, door, rows - 1, f"NOT TIGHT: {rows} rows leave {outcome.smallest}")

    def fixed_budget(self, threat) -> None:
        """Ask whether a budget is certified, and try everything within it; and what is left at worst."""
        certified, bounds = [], {}
        for door, classifier in self.classifiers.items():
            self.tally.add(threat, "certificates at a budget")
            certificate = classifier.certify(self.table.query[None], threat)
            if self.names.index(certificate.label[0]) != self.label:
                return  # as in `_claims`
            bounds[door] = float(certificate.worst_probability[0])
            certified += [] if certificate.abstained[0] else [door]
        bounds["worst_case_probability"] = worst_case_probability(
            *self._functional(), threat, **self._settings()
        )
        tampered = self.within(threat)
        if tampered is None:
            for door in certified + [door for door in bounds if bounds[door] > 0.0]:
                self.violation(threat, door, bounds[door], "fewer than K rows are left")
            return
        outcome = self._outcome(threat, tampered, to_the_end=bool(certified))
        for door in certified:
            self._refute(threat, door, "certified", outcome, "at the budget that was asked for")
        for door, bound in bounds.items():
            self._compare(threat, door, bound, outcome)

    def _claims(self, threat) -> Iterator[tuple[str, float | int | None]]:
        for door, classifier in self.classifiers.items():
            certificate = classifier.certify(self.table.query[None], threat)
            label = self.names.index(certificate.label[0])
            if label == self.label:
                yield door, None if certificate.abstained[0] else certificate.budget[0].item()
            elif not certificate.abstained[0]:  # else a tie of probabilities, decided by rounding
                self.violation(threat, door, "label", f"the prediction is {self.names[self.label]!r}")
        if not isinstance(threat, BlackBoxBall):
            budget = largest_budget(*self._functional(), threat, **self._settings())
            yield "largest_budget", budget if budget >= 0 else None

    def _functional(self) -> tuple[np.ndarray, np.ndarray]:
        return self.table.distances**2, self.table.labels

    def _settings(self) -> dict:
        return {
            "target_class": self.label,
            "n_neighbors": self.table.n_neighbors,
            "sigma": self.table.sigma,
            "dof": len(self.table.query),
            "n_classes": max(self.table.n_labels, 2),
        }

    # ------------------------------------------------------------------------------------------ tampering

    def within(self, threat) -> Tampered | None:
        """Tables within the budget, as the query sees them; None where too few rows would be left."""
        table, limit, rng = self.table, self.limit, self.rng
        if not isinstance(threat, QueryShift):
            return rows_tampered(table, threat, limit, rng)
        queries = list(naive.moved_queries(table, threat.radius, max(8, limit // 20), rng))
        limit = max(40, 2 * limit // len(queries))
        parts = [rows_tampered(moved, threat.training, limit, rng) for moved in queries]
        if None in parts:
            return None
        return Tampered(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _try(self, threat, sure: dict) -> None:
        """Try the largest radius that any door claims: what is within a smaller one is within it, too."""
        for radius in sorted(set(sure.values()), reverse=True):
            if not isinstance(threat, BlackBoxBall):
                tampered = self.within(replace(threat, radius=radius))
            elif threat.rows is None:
                tampered = naive.in_a_ball(self.table, radius, self.limit, self.rng)
            else:
                tampered = naive.moved(self.table, threat.rows, radius, self.limit, self.rng)
            claimants = [door for door in sure if sure[door] == radius]
            outcome = None if tampered is None else self._outcome(threat, tampered)
            for door in claimants:
                if outcome is None:
                    self.violation(threat, door, radius, "fewer than K rows are left")
                else:
                    self._refute(threat, door, radius, outcome, f"within {radius}")
            if outcome is not None and not outcome.broken:
                return

    def _outcome(self, threat, tampered: Tampered, *, to_the_end: bool = True) -> naive.Outcome:
        outcome = naive.outcome(self.table, tampered, self.label, to_the_end=to_the_end)
        self.tally.add(threat, "undecided by doubles", outcome.n_undecided if to_the_end else 0)
        self.tally.add(threat, "tampered tables", outcome.n_tables)
        return outcome

    def some_door(self) -> str:
        """One of the classifiers, at random."""
        return str(self.rng.choice(list(self.classifiers)))

    # ----------------------------------------------------------------------------------------- judgements

    def _refute(self, threat, door: str, claimed, outcome: naive.Outcome, where: str) -> None:
        if outcome.broken:
            distances, labels = outcome.broken[0]
            p = naive.probabilities(self.table, Tampered(distances[None], labels[None]))[0]
            labels = [self.names[label] for label in labels]
            self.violation(
                threat,
                door,
                claimed,
                f"{where} distances {distances.tolist()} with labels {labels} leave {p.tolist()}",
            )

    def _compare(self, threat, door: str, bound: float, outcome: naive.Outcome) -> None:
        """A lower bound must not exceed the least that was found."""
        excess = bound - outcome.smallest
        if excess <= -CLOSE:
            return
        if excess <= CLOSE:
            if self.tally.digits <= 0:
                return
            self.tally.digits -= 1
            self.tally.add(threat, "bounds compared in many digits")
            exact = naive.exact_probabilities(self.table, *outcome.at_smallest)[self.label]
            with mp.workdps(DIGITS):
                excess = float(mpf(bound) - exact)
            if excess <= _ROUNDING:
                return
        distances, labels = (column.tolist() for column in outcome.at_smallest)
        self.violation(
            threat, door, bound, f"{excess:.1e} less is left at distances {distances}, labels {labels}"
        )

    def violation(self, threat, door: str, claimed, why: str) -> None:
        self.tally.add(threat, "violations")
        self.tally.violations.append(Violation(threat, door, claimed, why, self.table, self.names))


def rows_tampered(table: Table, threat, limit: int, rng) -> Tampered | None:
    """What a threat to the training rows, or none, makes of a table; None where too few rows are left."""
    if threat is None:
        return Tampered(table.distances[None], table.labels[None])
    if isinstance(threat, RowShift):
        return naive.moved(table, threat.rows, threat.radius, limit, rng, relabel=threat.relabel)
    return ROW_THREATS[type(threat)](table, threat.rows, limit, rng)
