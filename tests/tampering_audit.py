"""What the package certifies of small tables, held against the oracle that enumerates the tampering.

A violation is a certified budget within which some enumerated table has another most probable label. Nothing is
allowed for on the unsafe side: what doubles cannot tell is computed in many digits.
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
_LOOSE = 1e-9

# The oracle's own rounding in many digits.
_ROUNDING = 1e-24

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
        How many bounds may be compared in many digits.
    """

    def __init__(self, table: Table, names: tuple, tally: Tally, *, limit: int, rng, digits: int = 0):
        self.table, self.names, self.tally = table, names, tally
        self.limit, self.rng, self.digits = limit, rng, digits
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
            self._try(threat, sure)
            return
        self._open_count(threat, claims, sure)

    def _open_count(self, threat, claims: dict, sure: dict) -> None:
        for rows in range(max(sure.values(), default=0) + 2):
            if isinstance(threat, Insertions) and len(self.table.labels) + rows > _MOST_ROWS:
                return
            claimants = [door for door in sure if sure[door] >= rows]
            tampered = self._within(replace(threat, rows=rows))
            if tampered is None:
                for door in claimants:
                    self._violation(threat, door, sure[door], f"{rows} rows less leave fewer than K")
                return
            outcome = self._outcome(threat, tampered, to_the_end=bool(claimants))
            if outcome.broken:
                for door in claimants:
                    self._refute(threat, door, sure[door], outcome, f"with {rows} rows")
                self.tally.add(threat, "broken by one row more", sum(budget == rows - 1 for budget in sure.values()))
                return
            for door in sure:
                if sure[door] == rows - 1 and self._is_exact(threat, door):
                    self._must_break(threat, door, rows, outcome)

    def _is_exact(self, threat, door: str) -> bool:
        """Two classes, and one row more than certified changes the prediction (docs/threats.md)."""
        if self.n_labels_seen > 2 or not isinstance(threat, tuple(ROW_THREATS)):
            return False
        if door != "certify":
            return self.table.n_labels == 2
        # With K even the first class wins ties, but not from a label that comes before it: that is reckoned with,
        # though such a label does not have the rows of the second class.
        wins_ties = self.label == self.table.labels.min() and self.table.n_neighbors % 2 == 0
        return not (wins_ties and not isinstance(threat, Deletions))

    def _must_break(self, threat, door: str, rows: int, outcome: naive.Outcome) -> None:
        self.tally.add(threat, "must break")
        # at one half the first class stays, and what is within its error of one half is not certified
        if outcome.smallest > 0.5 + _LOOSE:
            self._violation(threat, door, rows - 1, f"NOT TIGHT: {rows} rows leave {outcome.smallest}")

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
        bounds["worst_case_probability"] = worst_case_probability(*self._functional(), threat, **self._settings())
        tampered = self._within(threat)
        if tampered is None:
            for door in certified + [door for door in bounds if bounds[door] > 0.0]:
                self._violation(threat, door, bounds[door], "fewer than K rows are left")
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
                self._violation(threat, door, "label", f"the prediction is {self.names[self.label]!r}")
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
                tampered = self._within(replace(threat, radius=radius))
            elif threat.rows is None:
                tampered = naive.in_a_ball(self.table, radius, self.limit, self.rng)
            else:
                tampered = naive.moved(self.table, threat.rows, radius, self.limit, self.rng)
            claimants = [door for door in sure if sure[door] == radius]
            outcome = None if tampered is None else self._outcome(threat, tampered)
            for door in claimants:
                if outcome is None:
                    self._violation(threat, door, radius, "fewer than K rows are left")
                else:
                    self._refute(threat, door, radius, outcome, f"within {radius}")
            if outcome is not None and not outcome.broken:
                return

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
        found = self._some_classifier().influence(table.query[None], top=n)
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
        door = str(self.rng.choice(list(self.classifiers)))
        found = self.classifiers[door].falsify(self.table.query[None], threat)
        example, budget, certified = found.counterexamples[0], found.budget[0], found.certified[0]
        if self.names.index(found.label[0]) != self.label:
            return
        if example is not None:
            self._check_example(threat, example, budget, certified)
        if self._is_exact(threat, door) and certified >= 0 and not budget == certified + 1:
            self._check_missed(threat, int(certified) + 1, budget)

    def _check_example(self, threat, example, budget: float, certified: float) -> None:
        self.tally.add("falsify", "broken by one row more")
        X, y = example.apply(self.table.rows, self.y)
        why = f"falsify has {X.tolist()}, {y.tolist()}, {example.query.tolist()}"
        after = self.table._replace(rows=X, query=example.query)
        label = naive.predicted(after, after.distances, np.array([self.names.index(value) for value in y]))
        if label == self.label or self.names[label] != example.label:
            self._violation(threat, "falsify", budget, f"{why}, and the prediction {self.names[label]!r}")
        if budget <= certified:
            self._violation(threat, "falsify", budget, f"{why}, within the certified {certified}")
        for problem in self._beyond(threat, budget, X, y, example.query):
            self._violation(threat, "falsify", budget, f"{why}: {problem}")

    def _beyond(self, threat, budget: float, X, y, query) -> Iterator[str]:
        """What of a counterexample is not within the budget."""
        if isinstance(threat, QueryShift):
            if np.linalg.norm(query - self.table.query) > budget:
                yield "the query moves farther"
            if threat.training is not None:
                yield from self._beyond(threat.training, getattr(threat.training, "radius", threat.training.rows), X, y, query)
            return
        n = len(self.table.labels)
        rows = threat.rows if isinstance(threat, RowShift) else budget
        if isinstance(threat, (Deletions, Insertions)):
            more = len(y) - n if isinstance(threat, Insertions) else n - len(y)
            if not 0 <= more <= rows:
                yield f"{more} rows"
            return
        moves, other = np.linalg.norm(X - self.table.rows, axis=1), y != self.y
        if np.count_nonzero((moves > 0.0) | other) > rows:
            yield "too many rows are changed"
        if isinstance(threat, RowShift) and moves.max() > budget:
            yield "a row moves farther"
        if isinstance(threat, LabelFlips) and moves.any():
            yield "rows move"
        if isinstance(threat, RowShift) and not threat.relabel and other.any():
            yield "labels change"

    def _check_missed(self, threat, rows: int, budget: float) -> None:
        tampered = self._within(replace(threat, rows=rows))
        if tampered is None:
            return
        outcome = naive.outcome(self.table, tampered, self.label, to_the_end=False)
        if outcome.broken:
            self._violation(threat, "falsify", budget, f"MISSED: {rows} rows leave {outcome.smallest}")

    def _some_classifier(self) -> SmoothedKNNClassifier:
        return self.classifiers[str(self.rng.choice(list(self.classifiers)))]

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
            self.tally.add(threat, "bounds compared in many digits")
            exact = naive.exact_probabilities(self.table, *outcome.at_smallest)[self.label]
            with mp.workdps(DIGITS):
                excess = float(mpf(bound) - exact)
            if excess <= _ROUNDING:
                return
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
