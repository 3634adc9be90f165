"""K-NN without noise, more than two classes: what each rival needs to win, against all sets of K rows."""

from __future__ import annotations

import itertools

import naive_plain_sets
import numpy as np
import pytest
from test_plain_sets import a_case, a_crowd, a_scatter

from knn_cert.exact.measured import Measured
from knn_cert.exact.plain.every_row import inner_and_outer, limits_of_all_moved
from knn_cert.exact.plain.few_rows import Attacked, limit_of_some_moved
from knn_cert.exact.plain.rival_ball import BallRows, least_square_of_rival
from knn_cert.exact.plain.rivals import Rivals

TIGHT = 1e-9
EPS = float(np.finfo(float).eps)


def cases(seed):
    maker = (a_case, a_crowd, a_scatter)[seed % 3]
    distances, labels, n_neighbors, n_classes, target = maker(seed, 7) if maker is a_case else maker(seed)
    return distances[:6], labels, n_neighbors, n_classes, target


def winning_sets(labels, n_neighbors, target, rival):
    """Which sets of K rows give the rival as many votes as it needs against the target."""
    sets = []
    for one in itertools.combinations(range(len(labels)), n_neighbors):
        votes = np.bincount(labels[list(one)], minlength=max(target, rival) + 1)
        if votes[rival] >= votes[target] + (rival > target):
            sets.append(np.isin(np.arange(len(labels)), one))
    return np.array(sets, dtype=bool).reshape(len(sets), len(labels))


def rivals_of(case):
    """The rivals of the target, and for each of them the sets with which it wins."""
    distances, labels, n_neighbors, n_classes, target = case
    targets = np.full(len(distances), target)
    rivals = Rivals.of(Measured(distances, labels, 0.0), targets, n_classes, new_labels=False)
    for column, rival in enumerate(rivals.classes[0].tolist()):
        yield rivals, column, winning_sets(labels, n_neighbors, target, rival)


@pytest.mark.parametrize("seed", range(60))
def test_each_rival_needs_what_its_best_set_needs(seed):
    distances, labels, n_neighbors, n_classes, target = case = cases(seed)
    order = np.argsort(distances, axis=1)
    for rivals, column, inside in rivals_of(case):
        lead, rival = int(rivals.lead[0, column]), int(rivals.classes[0, column])
        limits = naive_plain_sets.shift_limits(distances, inside)
        all_moved = limits_of_all_moved(rivals, n_neighbors, rivals.lead)[:, column]
        wins_now = limits[-1] == 0.0
        assert np.all(all_moved[wins_now] <= 0.0)
        np.testing.assert_allclose(all_moved[~wins_now], limits[-1][~wins_now], rtol=TIGHT)
        balls = naive_plain_sets.ball_limits(distances, inside)
        inner, outer = inner_and_outer(rivals, n_neighbors, rivals.lead)
        for i in np.flatnonzero(~wins_now):
            near = np.sort(distances[i])
            ordered = labels[order[i]]
            own, other = near[ordered == target], near[ordered == rival]
            third = near[(ordered != target) & (ordered != rival)]
            for rows, limit in enumerate(limits[:-1]):
                found = limit_of_some_moved(Attacked(own, other, third, lead), n_neighbors, rows)
                np.testing.assert_allclose(found, limit[i], rtol=TIGHT)
            if np.isfinite(balls[i]):
                h, ell = float(inner[i, column]), float(outer[i, column])
                rows_of_ball = BallRows(own, other, third, third)
                square = least_square_of_rival(rows_of_ball, n_neighbors, lead, h, ell, np.inf)
                # the root is rounded down where it is used
                assert balls[i] * (1.0 - 1e-4) <= np.sqrt(square) * (1.0 - 4.0 * EPS) <= balls[i]
                for share in (0.4, 0.9):  # a bound that is of no use is one all the same
                    square = least_square_of_rival(
                        rows_of_ball, n_neighbors, lead, h, ell, (share * balls[i]) ** 2
                    )
                    assert (share - 1e-9) * balls[i] <= np.sqrt(square) * (1.0 - 4.0 * EPS) <= balls[i]
            else:
                assert np.isposinf(all_moved[i])
