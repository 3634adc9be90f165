"""What the package certifies of small tables, held against the oracle that enumerates the tampering.

A violation is a certified budget within which some enumerated table has another most probable label. Nothing is
allowed for on the unsafe side: what doubles cannot tell is computed in 30 digits.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import naive_tampering as naive
import numpy as np
from mpmath import mpf
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

# Where the oracle's doubles are this close to a bound, digits decide; in so far as the caller pays for them.
_CLOSE = 1e-11


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
            f"{self.threat!r}, {self.door}: claimed {self.claimed}, but {self.why}; X = {t.rows.tolist()}, y = {names}, "
            f"query {t.query.tolist()}, labels {self.names[: t.n_labels]}, K = {t.n_neighbors}, sigma = {t.sigma}, "
            f"edges = {None if t.edges is None else t.edges.tolist()}"
        )


@dataclass
class Tally:
    """Counts by threat, and what went wrong."""

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
    digits : int
        How many bounds may be compared in 30 digits.
    """

    def __init__(self, table: Table, names: tuple, tally: Tally, *, limit: int, rng, digits: int = 0):
        self.table, self.names, self.tally = table, names, tally
        self.limit, self.rng, self.digits = limit, rng, digits
        self.y = np.array([names[label] for label in table.labels])
        self.classifier = SmoothedKNNClassifier(
            table.n_neighbors, table.sigma, edges=table.edges, n_threads=1
        ).fit(table.rows, self.y)
        self.label = naive.predicted(table, table.distances, table.labels)
        self.n_labels_seen = len(np.unique(table.labels))

    def threats(self) -> Iterator[object]:
        """Every threat with its budget open."""
        n = len(self.table.labels)
        some, eps = int(self.rng.integers(1, n + 1)), float(self.rng.choice([0.0, 0.25, 1.0])) * self.table.sigma
        yield from (BlackBoxBall(), BlackBoxBall(rows=some))
        if self.table.edges is not None:
            return
        yield from (kind() for kind in ROW_THREATS)
        for relabel, rows in itertools.product((False, True), {1, some}):
            yield RowShift(rows, relabel=relabel)
        yield QueryShift()
        few = int(self.rng.integers(1, 3))
        for training in (*(kind(few) for kind in ROW_THREATS), RowShift(few, eps), RowShift(few, eps, relabel=True)):
            yield QueryShift(None, training)

    def threats_at_a_budget(self) -> Iterator[object]:
        """Some threats with a small budget."""
        n = len(self.table.labels)
        few, radius = int(self.rng.integers(0, 3)), float(self.rng.choice([0.0, 0.125, 0.5, 2.0])) * self.table.sigma
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
            for door, radius in sure.items():
                self._try(threat, door, radius)
            return
        self._open_count(threat, claims, sure)

    def _open_count(self, threat, claims: dict, sure: dict) -> None:
        for rows in range(max(sure.values(), default=0) + 2):
            if isinstance(threat, Insertions) and len(self.table.labels) + rows > _MOST_ROWS:
                return
            claimants = [door for door, budget in sure.items() if budget >= rows]
            tampered = self._within(replace(threat, rows=rows))
            if tampered is None:
                for door in claimants:
                    self._violation(threat, door, sure[door], f"{rows} rows less leave fewer than K")
                return
            outcome = self._outcome(threat, tampered, to_the_end=bool(claimants))
            for door in claimants:
                self._refute(threat, door, sure[door], outcome, f"with {rows} rows")
            if outcome.broken:
                if not claimants:
                    self.tally.add(threat, "broken by one row more")
                return
            if not claimants and self._is_exact(threat) and outcome.smallest > 0.5 + naive.UNDECIDED:
                self._violation(threat, "all", rows - 1, f"NOT TIGHT: {rows} rows leave {outcome.smallest}")

    def _is_exact(self, threat) -> bool:
        """Two classes, and one row more than certified changes the prediction (docs/threats.md)."""
        # Where labels are free and K is even, a label that sorts first would win ties: nobody has it here.
        lowest = self.label == int(self.table.labels.min())
        free = not isinstance(threat, Deletions) and lowest and self.table.n_neighbors % 2 == 0
        return self.n_labels_seen == 2 and not free

    def fixed_budget(self, threat) -> None:
        """Ask whether a budget is certified, and try everything within it; and what is left at worst."""
        self.tally.add(threat, "certificates at a budget")
        certificate = self.classifier.certify(self.table.query[None], threat)
        certified = not certificate.abstained[0]
        if self.names.index(certificate.label[0]) != self.label:
            return  # as in `_claims`
        tampered = self._within(threat)
        if tampered is None:
            if certified:
                self._violation(threat, "certify", "certified", "fewer than K rows are left")
            return
        outcome = self._outcome(threat, tampered, to_the_end=certified)
        if certified:
            self._refute(threat, "certify", "certified", outcome, "at the budget that was asked for")
        functional = worst_case_probability(*self._functional(), threat, **self._settings())
        for bound, door in (
            (certificate.worst_probability[0], "worst_probability"),
            (functional, "worst_case_probability"),
        ):
            self._compare(threat, door, float(bound), outcome)

    def _claims(self, threat) -> Iterator[tuple[str, float | int | None]]:
        certificate = self.classifier.certify(self.table.query[None], threat)
        label = self.names.index(certificate.label[0])
        if label != self.label:
            if not certificate.abstained[0]:
                self._violation(threat, "certify", "label", f"the prediction is {self.names[self.label]!r}")
            return  # a tie of probabilities, decided by rounding, and not certified
        yield "certify", None if certificate.abstained[0] else certificate.budget[0].item()
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

    def _within(self, threat) -> Tampered | None:
        """Tables within the budget, as the query sees them; None where too few rows would be left."""
        table, limit, rng = self.table, self.limit, self.rng
        if isinstance(threat, BlackBoxBall):
            raise TypeError("the ball has no budget; see _try")
        if not isinstance(threat, QueryShift):
            return rows_tampered(table, threat, limit, rng)
        queries = list(naive.moved_queries(table, threat.radius))
        limit = max(40, limit // len(queries))
        parts = [rows_tampered(moved, threat.training, limit, rng) for moved in queries]
        if None in parts:
            return None
        return Tampered(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _try(self, threat, door: str, radius: float) -> None:
        if not isinstance(threat, BlackBoxBall):
            tampered = self._within(replace(threat, radius=radius))
        elif threat.rows is None:
            tampered = naive.in_a_ball(self.table, radius, self.limit, self.rng)
        else:
            tampered = naive.moved(self.table, threat.rows, radius, self.limit, self.rng)
        if tampered is None:
            self._violation(threat, door, radius, "fewer than K rows are left")
            return
        self._refute(threat, door, radius, self._outcome(threat, tampered), f"within {radius}")

    def _outcome(self, threat, tampered: Tampered, *, to_the_end: bool = True) -> naive.Outcome:
        outcome = naive.outcome(self.table, tampered, self.label, to_the_end=to_the_end)
        self.tally.add(threat, "undecided by doubles", outcome.n_undecided if to_the_end else 0)
        self.tally.add(threat, "tampered tables", outcome.n_tables)
        return outcome

    # --------------------------------------------------------------------------------- the other questions

    def influence(self) -> None:
        """The largest effects of removing one row are those of removing each of them."""
        table, n = self.table, len(self.table.labels)
        if n == table.n_neighbors:
            return
        self.tally.add("influence", "certificates")
        found = self.classifier.influence(table.query[None], top=n)
        if self.names.index(found.label[0]) != self.label:
            return
        without = [np.delete(np.arange(n), row) for row in range(n)]
        tampered = Tampered(table.distances[without], table.labels[without])
        (before,) = naive.probabilities(table, Tampered(table.distances[None], table.labels[None]))[:, self.label]
        change = naive.probabilities(table, tampered)[:, self.label] - before
        self.tally.add("influence", "tampered tables", n)
        rows, claimed = found.rows[0], found.change[0]
        largest = np.sort(change)[: len(rows)]
        if np.abs(claimed - largest).max() > _CLOSE or np.abs(claimed - change[rows]).max() > _CLOSE:
            self._violation(
                "influence", "influence", claimed.tolist(), f"rows {rows.tolist()}, the removals change {change.tolist()}"
            )

    def falsify(self, threat) -> None:
        """What is found is within the budget, and another prediction; it is found where certificates are exact."""
        self.tally.add("falsify", "certificates")
        found = self.classifier.falsify(self.table.query[None], threat)
        example, budget, certified = found.counterexamples[0], found.budget[0], found.certified[0]
        if self.names.index(found.label[0]) != self.label:
            return
        if example is None:
            return
        self.tally.add("falsify", "broken by one row more")
        X, y = example.apply(self.table.rows, self.y)
        after = self.table._replace(rows=X, query=example.query)
        labels = np.array([self.names.index(value) for value in y])
        after_label = naive.predicted(after, after.distances, labels)
        why = f"falsify has {X.tolist()}, {y.tolist()}, {example.query.tolist()}"
        if after_label == self.label or self.names[after_label] != example.label:
            self._violation(threat, "falsify", budget, f"{why}, and the prediction {self.names[after_label]!r}")
        if budget <= certified:
            self._violation(threat, "falsify", budget, f"{why}, within the certified {certified}")

    # ----------------------------------------------------------------------------------------- judgements

    def _refute(self, threat, door: str, claimed, outcome: naive.Outcome, where: str) -> None:
        if outcome.broken:
            distances, labels = outcome.broken[0]
            p = naive.probabilities(self.table, Tampered(distances[None], labels[None]))[0]
            labels = [self.names[label] for label in labels]
            self._violation(
                threat,
                door,
                claimed,
                f"{where} distances {distances.tolist()} with labels {labels} have probabilities {p.tolist()}",
            )

    def _compare(self, threat, door: str, bound: float, outcome: naive.Outcome) -> None:
        """A lower bound must not exceed the least that was found."""
        excess = bound - outcome.smallest
        if excess <= -_CLOSE:
            return
        if excess <= _CLOSE:
            if self.digits <= 0:
                return
            self.digits -= 1
            self.tally.add(threat, "bounds compared in 30 digits")
            exact = naive.exact_probabilities(self.table, *outcome.at_smallest)[self.label]
            if mpf(bound) <= exact:
                return
            excess = float(mpf(bound) - exact)
        distances, labels = (column.tolist() for column in outcome.at_smallest)
        self._violation(threat, door, bound, f"{excess:.1e} less is left at distances {distances}, labels {labels}")

    def _violation(self, threat, door: str, claimed, why: str) -> None:
        self.tally.add(threat, "violations")
        self.tally.violations.append(Violation(threat, door, claimed, why, self.table, self.names))


def rows_tampered(table: Table, threat, limit: int, rng) -> Tampered | None:
    """What a threat to the training rows, or none, leaves of a table; None where too few rows would be left."""
    if threat is None:
        return Tampered(table.distances[None], table.labels[None])
    if isinstance(threat, RowShift):
        return naive.moved(table, threat.rows, threat.radius, limit, rng, relabel=threat.relabel)
    return ROW_THREATS[type(threat)](table, threat.rows, limit, rng)
