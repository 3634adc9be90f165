"""Oracle, never importing the package: a class against its rivals, by listing the sets of the nearest rows.

Sets of the K nearest rows are those of `naive_nearest_sets`; with the next row after them, they are listed
here in the same way. Distances are in units of sigma, the law is that of 1 or 3 features.
"""

from __future__ import annotations

import itertools

import numpy as np
from naive_nearest_sets import laws, nearest_sets

_PANEL, _NODES = 0.5, 12  # of Gauss-Legendre, in units of sigma


def beaten(distances, labels, *, a: int, rival: int, lead: int, n_neighbors: int, n_features: int):
    """P(votes of a - votes of the rival + lead <= 0) for many tables, (tables, n) distances and labels."""
    sets = nearest_sets(np.asarray(distances, dtype=np.float64), n_neighbors, n_features)
    labels = np.broadcast_to(labels, np.shape(distances))
    ahead = (labels == a).astype(np.int64) - (labels == rival)
    is_beaten = ahead @ sets.members.T.astype(np.int64) + lead <= 0
    return np.sum(sets.probability * is_beaten, axis=1)


def sets_and_next(distances, n_neighbors: int, n_features: int):
    """Yield (the K nearest rows, the row after them, probability) for every choice of them."""
    s = np.asarray(distances, dtype=np.float64)
    x, w = np.polynomial.legendre.leggauss(_NODES)
    panels = _PANEL * np.arange(np.ceil((s.max() + 10.0) / _PANEL))[:, None]
    t = (panels + 0.5 * _PANEL * (x + 1.0)).ravel()
    weight = np.broadcast_to(0.5 * _PANEL * w, (len(panels), _NODES)).ravel()
    of_row = [laws(t, one, n_features) for one in s]
    rows = range(len(s))
    for inside in itertools.combinations(rows, n_neighbors):
        for after in set(rows) - set(inside):
            mass = weight * of_row[after].density
            for i in rows:
                if i != after:
                    mass = mass * (of_row[i].inside if i in inside else of_row[i].outside)
            yield inside, after, float(mass.sum())


def scores(distances, labels, *, target, n_classes, n_neighbors, n_features, deletions, cap):
    """What each row may cost the target against each rival: (n_classes, n).

    Of a set of nearest rows with winner w a class c passes w only where 2 a + o >= g, a of the tampered rows
    being of w and o of others: that is at most the sum of a slope for each of them.
    """
    out = np.zeros((n_classes, len(labels)))
    for inside, after, mass in sets_and_next(distances, n_neighbors, n_features):
        votes = [sum(labels[i] == c for i in inside) for c in range(n_classes)]
        w, z = int(np.argmax(votes)), labels[after]
        gaps = [votes[w] - votes[c] + (c > w) for c in range(n_classes)]
        if deletions:
            gaps = [gap + 1 - (z == c) + (z == w) for c, gap in enumerate(gaps)]
        touchable = [*inside, after] if deletions else list(inside)
        for b in range(n_classes):
            if b in (target, w):
                continue
            for i in touchable:
                kind = "winner" if labels[i] == w else "rival" if labels[i] == b else "other"
                own = 0.0 if kind == "rival" else _slope(gaps[b], cap, kind)
                if w == target:
                    thirds = [gaps[c] for c in range(n_classes) if c not in (w, b)]
                    third = _slope(min(thirds), cap, kind) if thirds else 0.0
                    own = max(third, 2.0 * own)
                out[b, i] += mass * own
    return out


def _slope(gap: int, cap: int, kind: str) -> float:
    fewest = (gap + 1) // 2
    if fewest > cap:
        return 0.0
    if gap % 2:
        return 1.0 / fewest
    return 2.0 / gap if kind == "winner" else 1.0 / gap
