"""Budgets of rows: shares as people mean them, more rows than there are, tables too small for K."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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

X = np.array([[0.0], [0.1], [0.2], [0.3], [0.4], [9.0]])
Y = [0, 0, 0, 0, 0, 1]


def certify(threat, n_neighbors=5, backend="auto"):
    return SmoothedKNNClassifier(n_neighbors, backend=backend).fit(X, Y).certify([[0.0]], threat)


def test_deletions_leave_a_table_with_as_many_rows_as_neighbours(backend):
    assert certify(Deletions(), backend=backend).budget[0] == 1
    assert certify(Deletions(), n_neighbors=6, backend=backend).budget[0] == 0
    assert not certify(Deletions(1), backend=backend).abstained[0]
    for threat in (
        Deletions(2),
        Deletions(0.5),
        QueryShift(0.0, Deletions(2)),
        QueryShift(None, Deletions(2)),
    ):
        assert certify(threat, backend=backend).abstained[0], threat
    with pytest.raises(ValueError, match="n_neighbors"):
        SmoothedKNNClassifier(5).fit(X[2:], Y[2:])


def test_the_functional_door_certifies_no_table_with_fewer_rows_than_neighbours(backend):
    law = {"target_class": 0, "n_neighbors": 5, "sigma": 1.0, "dof": 1, "backend": backend}
    assert largest_budget(X[:, 0] ** 2, Y, Deletions(), **law) == 1
    assert worst_case_probability(X[:, 0] ** 2, Y, Deletions(1), **law) > 0.5
    assert worst_case_probability(X[:, 0] ** 2, Y, Deletions(2), **law) == 0.0
    assert math.isnan(largest_budget(X[:, 0] ** 2, Y, QueryShift(None, Deletions(2)), **law))


@given(numerator=st.integers(1, 1000), n=st.integers(1, 10_000))
def test_a_share_is_the_decimal_number_that_was_written_and_never_fewer_rows(numerator, n):
    share = numerator / 1000
    rows = LabelFlips(share).tampered_rows(n)
    assert rows == math.ceil(Fraction(numerator, 1000) * n)
    assert rows >= share * n * (1 - 1e-15)


def test_seven_per_cent_of_a_hundred_rows_are_seven_and_a_whole_is_all():
    assert LabelFlips(0.07).tampered_rows(100) == 7
    assert LabelFlips(np.float64(0.29)).tampered_rows(100) == 29
    assert RowShift(1.0).tampered_rows(100) == 100
    assert RowShift(1).tampered_rows(100) == 1


def test_all_rows_as_a_share_are_all_rows_as_a_number():
    share, number = certify(RowShift(1.0), 3), certify(RowShift(6), 3)
    np.testing.assert_array_equal(share.budget, number.budget)
    assert share.guarantee != number.guarantee


def test_a_share_of_the_table_is_a_number_of_rows_for_the_ball_too():
    share, number = certify(BlackBoxBall(0.3), 3), certify(BlackBoxBall(2), 3)
    np.testing.assert_array_equal(share.budget, number.budget)
    assert number.budget[0] < certify(BlackBoxBall(1), 3).budget[0]


@pytest.mark.parametrize("rows", [7, 2**63, 2**70, 10**400])
def test_more_rows_than_there_are_are_all_of_them(rows, backend):
    for kind in (LabelFlips, Replacements, lambda r: RowShift(r, 0.5), lambda r: BlackBoxBall(r)):
        many, all_rows = certify(kind(rows), 3, backend), certify(kind(6), 3, backend)
        np.testing.assert_array_equal(many.budget, all_rows.budget)
        np.testing.assert_array_equal(many.abstained, all_rows.abstained)
    assert certify(Insertions(rows), 3, backend).abstained[0]
    assert certify(Deletions(rows), 3, backend).abstained[0]


def test_a_threat_that_was_not_called_is_named_with_the_remedy():
    with pytest.raises(TypeError, match=r"got the class LabelFlips; call it: LabelFlips\(\)"):
        certify(LabelFlips)
    with pytest.raises(TypeError, match=r"got the class BlackBoxBall; call it"):
        certify(BlackBoxBall)
    with pytest.raises(TypeError, match="BlackBoxBall, LabelFlips, Deletions"):
        certify("flips")


def test_shares_are_said_as_shares():
    assert "100 % of the training rows moved" in certify(RowShift(1.0), 3).guarantee
    assert "1 training row moved" in certify(RowShift(1), 3).guarantee
    assert "0.1 % of the training rows" in LabelFlips(0.001).describe()


def test_a_summary_takes_no_share_for_a_number_of_rows():
    with pytest.raises(ValueError, match="whole numbers of rows, got 0.1"):
        certify(LabelFlips(), 3).summary(budgets=[0.1])
    assert certify(BlackBoxBall(), 3).summary(budgets=[0.1]).certified_rate[0] == 1.0
