"""Counterexamples and influence on small tables, held against the oracle that enumerates the tampering."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import naive_tampering as naive
import numpy as np
from naive_tampering import Tampered
from tampering_audit import CLOSE, LOOSE, Audit

from knn_cert.threats import Deletions, Insertions, LabelFlips, QueryShift, RowShift


def influence(audit: Audit) -> None:
    """The largest effects of removing one row are those of removing each, however many are asked for."""
    table, n = audit.table, len(audit.table.labels)
    if n == table.n_neighbors:
        return
    without = [np.delete(np.arange(n), row) for row in range(n)]
    tampered = Tampered(table.distances[without], table.labels[without])
    before = naive.probabilities(table, Tampered(table.distances[None], table.labels[None]))[0, audit.label]
    change = naive.probabilities(table, tampered)[:, audit.label] - before
    audit.tally.add("influence", "tampered tables", n)
    for top in {1, 2, n}:
        audit.tally.add("influence", "certificates")
        found = audit.classifiers[audit.some_door()].influence(table.query[None], top=top)
        if audit.names.index(found.label[0]) != audit.label:
            return
        rows, claimed = found.rows[0], found.change[0]
        # rows whose removal raises the probability only fill up, any of them
        lost, most = np.minimum(claimed, 0.0), np.minimum(np.sort(change)[: len(rows)], 0.0)
        if np.abs(lost - most).max() > CLOSE or np.abs(claimed - change[rows]).max() > CLOSE:
            why = f"rows {rows.tolist()}, the removals change {change.tolist()}"
            audit.violation("influence", f"top={top}", claimed.tolist(), why)


def falsify(audit: Audit, threat) -> None:
    """What is found changes the prediction within its budget; where certificates are exact it is found."""
    audit.tally.add("falsify", "certificates")
    door = audit.some_door()
    found = audit.classifiers[door].falsify(audit.table.query[None], threat)
    example, budget, certified = found.counterexamples[0], found.budget[0], found.certified[0]
    if audit.names.index(found.label[0]) != audit.label:
        return
    if example is not None:
        _check_example(audit, threat, example, budget, certified)
    if audit.is_exact(threat, door) and certified >= 0 and budget != certified + 1:
        _check_missed(audit, threat, int(certified) + 1, budget)


def _check_example(audit: Audit, threat, example, budget: float, certified: float) -> None:
    audit.tally.add("falsify", "broken by one row more")
    X, y = example.apply(audit.table.rows, audit.y)
    why = f"falsify has {X.tolist()}, {y.tolist()}, {example.query.tolist()}"
    after = audit.table._replace(rows=X, query=example.query)
    label = naive.predicted(after, after.distances, np.array([audit.names.index(value) for value in y]))
    if label == audit.label or audit.names[label] != example.label:
        audit.violation(threat, "falsify", budget, f"{why}, and the prediction {audit.names[label]!r}")
    if budget <= certified:
        audit.violation(threat, "falsify", budget, f"{why}, within the certified {certified}")
    for problem in _beyond(audit, threat, budget, X, y, example.query):
        audit.violation(threat, "falsify", budget, f"{why}: {problem}")


def _beyond(audit: Audit, threat, budget: float, X, y, query) -> Iterator[str]:
    """What of a counterexample is not within the budget."""
    if isinstance(threat, QueryShift):
        if np.linalg.norm(query - audit.table.query) > budget:
            yield "the query moves farther"
        if threat.training is not None:
            yield from _beyond(
                audit, threat.training, getattr(threat.training, "radius", threat.training.rows), X, y, query
            )
        return
    n = len(audit.table.labels)
    rows = threat.rows if isinstance(threat, RowShift) else budget
    if isinstance(threat, (Deletions, Insertions)):
        more = len(y) - n if isinstance(threat, Insertions) else n - len(y)
        if not 0 <= more <= rows:
            yield f"{more} rows"
        return
    moves, other = np.linalg.norm(X - audit.table.rows, axis=1), y != audit.y
    if np.count_nonzero((moves > 0.0) | other) > rows:
        yield "too many rows are changed"
    if isinstance(threat, RowShift) and moves.max() > budget:
        yield "a row moves farther"
    if isinstance(threat, LabelFlips) and moves.any():
        yield "rows move"
    if isinstance(threat, RowShift) and not threat.relabel and other.any():
        yield "labels change"


def _check_missed(audit: Audit, threat, rows: int, budget: float) -> None:
    tampered = audit.within(replace(threat, rows=rows))
    if tampered is None:
        return
    outcome = naive.outcome(audit.table, tampered, audit.label, to_the_end=False)
    if outcome.broken and outcome.smallest < 0.5 - LOOSE:  # nearer, the vote is not known well enough
        audit.violation(threat, "falsify", budget, f"MISSED: {rows} rows leave {outcome.smallest}")
