"""Oracle of K-NN without noise, never importing the package: every tampering of a small table, tried.

Only distances to the query matter. Rows at equal distances come in any order, so a table is lost for a class
if some choice of K nearest rows does not vote for it. Ties of the vote go to the lowest label.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction


def vote(labels):
    """The label with the most votes, the lowest of equals."""
    counts = Counter(labels)
    return min(counts, key=lambda label: (-counts[label], label))


def predictions(distances, labels, n_neighbors):
    """All predictions that some order of rows at equal distances leads to."""
    last = sorted(distances)[n_neighbors - 1]
    inside = [y for d, y in zip(distances, labels, strict=True) if d < last]
    tied = [y for d, y in zip(distances, labels, strict=True) if d == last]
    choices = itertools.combinations(sorted(tied), n_neighbors - len(inside))
    return {vote(inside + list(chosen)) for chosen in set(choices)}


def may_lose(distances, labels, n_neighbors, target):
    return predictions(distances, labels, n_neighbors) != {target}


def flips(distances, labels, rows, alphabet):
    for chosen in itertools.combinations(range(len(labels)), rows):
        for new in itertools.product(alphabet, repeat=rows):
            changed = list(labels)
            for i, y in zip(chosen, new, strict=True):
                changed[i] = y
            yield distances, changed


def deletions(distances, labels, rows, alphabet):
    n = len(labels)
    for kept in itertools.combinations(range(n), n - rows):
        yield [distances[i] for i in kept], [labels[i] for i in kept]


def insertions(distances, labels, rows, alphabet):
    places = [0, max(distances) + 1]
    for new in itertools.combinations_with_replacement(list(itertools.product(places, alphabet)), rows):
        yield [*distances, *(d for d, _ in new)], [*labels, *(y for _, y in new)]


def replacements(distances, labels, rows, alphabet):
    for rest_distances, rest_labels in deletions(distances, labels, rows, alphabet):
        yield from (
            insertions(rest_distances, rest_labels, rows, alphabet)
            if rest_labels
            else [([0] * rows, list(new)) for new in itertools.combinations_with_replacement(alphabet, rows)]
        )


def most_rows(tamper, distances, labels, n_neighbors, target, alphabet):
    """The largest number of rows with which no tampering makes the target lose, -1 where 0 are too many.

    Tables with fewer than K rows are no tables.
    """
    n = len(labels)
    most = {deletions: n - n_neighbors, insertions: n_neighbors}.get(tamper, n)
    for rows in range(most + 1):
        for changed in tamper(distances, labels, rows, alphabet):
            if may_lose(*changed, n_neighbors, target):
                return rows - 1
    return most


def moves(distances, labels, rows, radius):
    """Tables with at most so many rows moved, each by the whole of the radius.

    That is enough: a row that gains a class something by being out of the way does so from farther out too,
    and one that gains it something by being near does so from nearer too.
    """
    for chosen in itertools.combinations(range(len(labels)), min(rows, len(labels))):
        for signs in itertools.product((-1, 0, 1), repeat=len(chosen)):
            moved = list(distances)
            for i, sign in zip(chosen, signs, strict=True):
                moved[i] = max(distances[i] + sign * radius, 0)
            yield moved, labels


def relabelled_moves(distances, labels, rows, radius, alphabet):
    """Tables with at most so many rows moved and relabelled."""
    for moved, _ in moves(distances, labels, rows, radius):
        touched = [i for i, (new, old) in enumerate(zip(moved, distances, strict=True)) if new != old]
        others = [i for i in range(len(labels)) if i not in touched]
        for more in itertools.combinations(others, max(0, min(rows, len(labels)) - len(touched))):
            chosen = touched + list(more)
            for new in itertools.product(alphabet, repeat=len(chosen)):
                changed = list(labels)
                for i, y in zip(chosen, new, strict=True):
                    changed[i] = y
                yield moved, changed


def can_be_moved(distances, labels, n_neighbors, target, rows, radius):
    """Whether moving so many rows by at most the radius can make the target lose."""
    tables = moves(distances, labels, rows, radius)
    return any(may_lose(*table, n_neighbors, target) for table in tables)


def shift_limit(distances, labels, n_neighbors, target, rows):
    """The least radius with which so many rows can be moved so that the target loses; None if there is none.

    At it one row just reaches another that stays, or that moves as far towards it.
    """
    gaps = {abs(Fraction(one) - Fraction(other)) for one, other in itertools.product(distances, repeat=2)}
    radii = sorted({0} | gaps | {gap / 2 for gap in gaps} | set(map(Fraction, distances)))
    if not can_be_moved(distances, labels, n_neighbors, target, rows, radii[-1] + 1):
        return None
    low, high = -1, len(radii) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if can_be_moved(distances, labels, n_neighbors, target, rows, radii[middle]):
            high = middle
        else:
            low = middle
    return radii[high]


def ball_limit(distances, labels, n_neighbors, target):
    """The least L2 norm of a change of all distances with which the target loses; inf if there is none.

    For every choice of K nearest rows: they move in to some t where they are beyond, the others out to it.
    The sum of squares is quadratic in t between neighbouring distances.
    """
    least = math.inf
    ends = sorted({0.0, *distances})
    for inside in itertools.combinations(range(len(labels)), n_neighbors):
        if vote([labels[i] for i in inside]) != target:
            rows = [(float(d), i in inside) for i, d in enumerate(distances)]
            least = min(least, *(_ball_between(rows, *pair) for pair in itertools.pairwise(ends)), math.inf)
            least = min(least, *(_ball_value(rows, t) for t in ends))
    return math.sqrt(least)


def _ball_value(rows, t):
    return sum(max(d - t if inside else t - d, 0.0) ** 2 for d, inside in rows)


def _ball_between(rows, low, high):
    moved = [d for d, inside in rows if (d >= high if inside else d <= low)]
    if not moved:
        return _ball_value(rows, low)
    return _ball_value(rows, min(max(sum(moved) / len(moved), low), high))


def cheapest_table(own, others, m, m_rest, t):
    """The lists of two classes after the least change that leaves fewer than m of one nearer than t.

    And at least m_rest of the other within t.
    """
    own, others = sorted(own), sorted(others)
    return (
        own[: m - 1] + [max(a, t) for a in own[m - 1 :]],
        [min(b, t) for b in others[:m_rest]] + others[m_rest:],
    )


# ------------------------------------------------------------------------------------------------------------
# Larger tables: K rows within t are chosen by their numbers in each class, the nearest ones of each


def _least_cost(distances, labels, n_neighbors, target, cost_of):
    """The least cost of a choice: g rows of the target, j of a rival, K - g - j of all others."""
    least = math.inf
    for rival in set(labels) - {target}:
        sides = [[], [], []]
        for d, y in zip(distances, labels, strict=True):
            sides[0 if y == target else 1 if y == rival else 2].append(d)
        own, other, third = (
            [cost_of(sorted(rows), number) for number in range(len(rows) + 1)] for rows in sides
        )
        for g, j in itertools.product(range(len(own)), range(len(other))):
            k = n_neighbors - g - j
            if j >= g + (rival > target) and 0 <= k < len(third):
                least = min(least, own[g] + other[j] + third[k])
    return least


def ball_at(distances, labels, n_neighbors, target, t):
    """The least sum of squares of moves with which the target loses, its K nearest rows within t."""

    def squares(rows, number):
        return sum(max(d - t, 0) ** 2 for d in rows[:number]) + sum(max(t - d, 0) ** 2 for d in rows[number:])

    return _least_cost(distances, labels, n_neighbors, target, squares)


def moves_needed(distances, labels, n_neighbors, target, radius):
    """The fewest rows to move by at most the radius for the target to lose; inf if all are too few.

    As rows come and go, t can be taken at a row, or at a row that is moved by the whole radius.
    """
    places = {max(d + sign * radius, 0) for d in distances for sign in (-1, 0, 1)}
    least = math.inf
    for t in places:

        def number_moved(rows, number, t=t):
            come = [d for d in rows[:number] if d > t]
            go = [d for d in rows[number:] if d < t]
            reach = all(d - t <= radius for d in come) and all(t - d <= radius for d in go)
            return len(come) + len(go) if reach else math.inf

        least = min(least, _least_cost(distances, labels, n_neighbors, target, number_moved))
    return least
