"""Certificates err on the safe side only, and say what they mean."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest
from certified import certify, four_queries
from hypothesis import assume, given
from hypothesis import strategies as st
from mpmath import mp, mpf

from knn_cert.certificates.issue import Bounds, issue_ball, room_of_builds
from knn_cert.smoothing import Noise
from knn_cert.threats import BlackBoxBall, Deletions, Insertions, LabelFlips


def quantile(p):
    return NormalDist().inv_cdf(p)


@pytest.fixture
def some():
    return four_queries()


# ------------------------------------------------------------------------------------------------------------
# Bounds


def test_the_radius_is_equation_14(some):
    expected = 2.0 / 2 * (quantile(0.7) - quantile(0.2))
    assert some.label[1] == "cat"
    assert some.radius[1] == pytest.approx(expected, rel=1e-12)


def test_the_radius_for_some_rows_is_equation_15():
    radius = certify([0.8, 0.2], sigma=0.5, threat=BlackBoxBall(9)).radius[0]
    assert radius == pytest.approx(0.5 / 2 * (quantile(0.8) - quantile(0.2)) / 3, rel=1e-12)


def test_a_tiny_runner_up_has_its_true_radius():
    # Phi^-1(1e-80) = -18.9916... by mpmath; 1 - 1e-80 is 1.0 in double precision.
    cert = certify([[1.0, 1e-80], [1e-80, 1.0]])
    np.testing.assert_allclose(cert.radius, 18.991635878820071, rtol=1e-11)
    assert cert.label.tolist() == [0, 1]


def test_a_probability_that_underflowed_gives_a_large_radius_but_no_infinite_one():
    cert = certify([1.0, 0.0, 0.0])
    assert 36.0 < cert.radius[0] < 38.0
    assert cert.p_upper[0] > 0.0


def test_a_tie_goes_to_the_first_class_and_is_not_certified():
    cert = certify([0.2, 0.4, 0.4])
    assert cert.label.tolist() == [1]
    assert cert.abstained.tolist() == [True]
    assert cert.radius.tolist() == [0.0]


@pytest.mark.parametrize(
    ("p", "e"),
    [([0.5, 0.5], 0.0), ([0.6, 0.4], 0.1), ([0.6, 0.4], 0.2), ([np.nan, 0.1], 0.0), ([0.9, 0.1], np.nan)],
)
def test_what_the_errors_leave_open_is_not_certified(p, e):
    cert = certify(p, e)
    assert cert.abstained.tolist() == [True]
    assert cert.radius.tolist() == [0.0]


@st.composite
def estimates(draw):
    p = draw(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4))
    e = draw(st.lists(st.floats(0.0, 0.3) | st.floats(0.0, 1e-12), min_size=len(p), max_size=len(p)))
    return p, e


@given(estimates())
def test_bounds_hold_for_every_truth_within_the_errors(estimate):
    p, e = estimate
    cert = certify(p, e)
    winner = p.index(max(p))
    exact_p, exact_e = [Fraction(x) for x in p], [Fraction(x) for x in e]
    others = [exact_p[c] + exact_e[c] for c in range(len(p)) if c != winner]
    # A truth adds up to one: the winner has at least what the others cannot have, and they at most the rest.
    winner_lower = max(exact_p[winner] - exact_e[winner], 1 - sum(others), Fraction(0))
    assert Fraction(cert.p_lower[0]) <= winner_lower
    assert Fraction(cert.tail_upper[0]) >= min(1 - winner_lower, 1)
    assert Fraction(cert.p_upper[0]) >= min(max(others), 1 - winner_lower, 1)


@given(estimates())
def test_bounds_lose_only_rounding(estimate):
    p, e = estimate
    winner = p.index(max(p))
    cert = certify(p, e)
    assert cert.p_lower[0] >= min(1.0, p[winner] - e[winner]) - 4e-16
    others = [p[c] + e[c] for c in range(len(p)) if c != winner]
    assert cert.p_upper[0] <= max(max(others), 1e-300) * (1 + 1e-15)


@given(estimates(), st.floats(0.0, 1.0))
def test_the_radius_is_that_of_the_published_bounds_or_an_abstention(estimate, distance_error):
    cert = certify(*estimate, distance_error=distance_error)
    lower, upper, tail = cert.p_lower[0], cert.p_upper[0], cert.tail_upper[0]
    if lower <= upper:
        assert cert.abstained[0]
        return
    assume(min(upper, tail, 1.0 - tail) > 1e-12)
    expected = 0.5 * (-quantile(tail) - quantile(upper)) - distance_error
    assert cert.radius[0] == pytest.approx(max(expected, 0.0), rel=1e-8, abs=1e-8)
    assert cert.abstained[0] == (cert.radius[0] == 0.0)


def test_larger_errors_never_enlarge_a_radius():
    radii = [certify([0.7, 0.2, 0.1], e).radius[0] for e in (0.0, 1e-12, 1e-6, 1e-3, 0.1, 0.24, 0.25, 0.4)]
    assert radii == sorted(radii, reverse=True)
    assert radii[-2:] == [0.0, 0.0]


def test_a_distance_error_larger_than_the_radius_leaves_nothing():
    cert = certify([[0.9, 0.1]] * 2, distance_error=np.array([1.0, 2.0]))
    assert cert.radius[0] == pytest.approx(quantile(0.9) - 1.0, rel=1e-9)
    assert cert.abstained.tolist() == [False, True]
    assert cert.radius[1] == 0.0


@given(
    st.floats(-30.0, -0.31).map(lambda power: 10.0**power),
    st.floats(0.0, 1.0),
    st.sampled_from([None, 1, 7]),
    st.sampled_from(["gaussian", "uniform"]),
)
def test_what_builds_of_the_libraries_may_differ_by_does_not_reach_the_true_radius(tail, share, rows, kind):
    noise, threat = Noise(1.5, kind), BlackBoxBall(rows, "l2" if kind == "gaussian" else "l1")
    bounds = Bounds(*(np.array([p]) for p in (1.0 - tail, max(share * tail, 1e-40), tail)))
    radius = issue_ball(bounds, noise=noise, threat=threat, n_train=10, n_features=2).budget
    if radius[0] == 0.0:
        return
    room = room_of_builds(bounds, radius, noise=noise, rows=rows)
    with mp.workdps(60):
        upper, tail_exact = mpf(float(bounds.p_upper[0])), mpf(tail)
        if kind == "gaussian":

            def quantile_below(p):
                return mp.sqrt(2) * mp.erfinv(2 * p - 1)

            true = mpf(noise.sigma) / 2 * (-quantile_below(tail_exact) - quantile_below(upper))
            true /= mp.sqrt(rows or 1)
        else:
            margin = (mpf(float(bounds.p_lower[0])) - min(upper, 1 - mpf(float(bounds.p_lower[0])))) / 2
            true = mp.sqrt(12) * mpf(noise.sigma) * (1 - (1 - margin) ** (1 / mpf(rows or 1)))
        assert mpf(float(radius[0])) + mpf(float(room[0])) < true
        assert true - mpf(float(radius[0])) < 64 * mpf(float(room[0]))


# ------------------------------------------------------------------------------------------------------------
# The object


def test_arrays_have_one_entry_a_query_and_cannot_be_changed(some):
    assert len(some) == 4
    for name in ("label", "p_lower", "p_upper", "tail_upper", "budget", "abstained"):
        array = getattr(some, name)
        assert array.shape == (4,)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    assert some.probabilities.shape == (4, 3)
    assert some.abstained.tolist() == [False, False, True, True]


@pytest.mark.parametrize("index", [slice(1, 3), [1, 2], np.array([False, True, True, False])])
def test_a_part_keeps_its_settings(some, index):
    part = some[index]
    assert len(part) == 2
    np.testing.assert_array_equal(part.radius, some.radius[1:3])
    np.testing.assert_array_equal(part.probabilities, some.probabilities[1:3])
    assert part.noise == some.noise


def test_iterating_gives_certificates_of_one_query_each(some):
    assert [one.label.tolist() for one in some] == [[label] for label in some.label.tolist()]
    assert some[-1].radius.tolist() == [some.radius[3]]
    with pytest.raises(IndexError, match="query 4"):
        some[4]


def test_the_threat_says_what_is_covered_and_what_is_not(some):
    for words in (
        "K = 3",
        "continuous",
        "sqrt(sum of ||delta_i||^2) < radius",
        "Eq. (14)",
        "Not covered: changed labels",
    ):
        assert words in some.guarantee
    other = certify([0.9, 0.1], threat=BlackBoxBall(5), edges=np.array([1.0, 2.0]))
    for words in ("at most 5 training rows with changed features", "Eq. (15)", "3 distance buckets"):
        assert words in other.guarantee
    assert "4 queries" in repr(some)


def test_a_number_of_rows_is_no_radius(some):
    cert = dataclasses.replace(some, threat=LabelFlips(), budget=np.array([5, 1, 0, 0]))
    with pytest.raises(AttributeError, match="number of rows"):
        cert.radius  # noqa: B018
    assert cert.certified(1).tolist() == [True, True, False, False]
    summary = cert.summary(["bird", "dog", "bird", "bird"])
    assert summary.budget_name == "rows"
    assert summary.budgets.tolist() == [1, 10]
    assert summary.certified_rate.tolist() == [0.5, 0.0]
    assert summary.certified_accuracy.tolist() == [0.25, 0.0]
    assert "tampered rows r" in str(summary)
    asked = dataclasses.replace(cert, threat=Deletions(0.2), budget=np.array([2, 0, 0, 0]))
    assert asked.summary().budgets.tolist() == [2]  # of the 10 training rows


def test_a_summary_counts_no_more_rows_than_there_are_but_for_those_that_are_added(some):
    budget = np.array([5, 1, 0, 0])
    for threat, rows in ((LabelFlips(), [1]), (Deletions(), [1]), (Insertions(), [1, 10, 100])):
        cert = dataclasses.replace(some, threat=threat, budget=budget, n_train=9)
        assert cert.summary().budgets.tolist() == rows
        assert cert.summary(budgets=[50]).budgets.tolist() == [50]  # who asks gets an answer


@pytest.mark.parametrize("classes", [["b", "a"], [1, 1], [0.0, np.nan]])
def test_classes_that_do_not_increase_are_refused(classes):
    with pytest.raises(ValueError, match="classes must be increasing"):
        certify([[0.9, 0.1]], classes=classes)


# ------------------------------------------------------------------------------------------------------------
# Summary


def test_the_summary_is_table_1_of_the_paper(some):
    radius = some.radius[1]  # the likely one; the certain one is beyond it
    summary = some.summary(["bird", "dog", "bird", "bird"], budgets=[0.0, radius, 100.0])
    assert summary.n_queries == 4
    assert summary.prediction_accuracy == 0.75  # the undecided predictions are predictions, and right
    assert summary.answered_accuracy == 0.5
    assert summary.abstained == 0.5
    # Strictly beyond R: the query with exactly this radius does not count.
    assert summary.certified_rate.tolist() == [0.5, 0.25, 0.0]
    assert summary.certified_accuracy.tolist() == [0.25, 0.25, 0.0]
    assert summary.budgets.tolist() == [0.0, radius, 100.0]


def test_the_summary_reads_as_a_table(some):
    text = str(some.summary(["bird", "cat", "dog", "dog"], budgets=(0.1, 2)))
    lines = text.splitlines()
    assert lines[1].split() == ["accuracy", "0.5000"]
    assert lines[2].split() == ["accuracy,", "not", "abstained", "1.0000"]
    assert lines[4].split() == ["radius", "R", "0.1", "2"]
    assert lines[-1].split() == ["certified", "accuracy", "at", "R", "0.5000", "0.2500"]
    assert len({len(line) for line in lines[4:]}) == 1


def test_without_true_labels_nothing_is_said_about_accuracy(some):
    summary = some.summary()
    assert summary.prediction_accuracy is None
    assert summary.certified_accuracy is None
    assert "accuracy" not in str(summary)
    assert len(summary.budgets) == len(summary.certified_rate)


def test_accuracy_does_not_depend_on_the_budget_that_was_asked_for(some):
    y_true = ["bird", "cat", "bird", "bird"]
    impossible = dataclasses.replace(
        some, threat=LabelFlips(1000), budget=np.zeros(4, dtype=int), abstained=np.ones(4, dtype=bool)
    )
    summary = impossible.summary(y_true)
    assert summary.prediction_accuracy == some.summary(y_true).prediction_accuracy == 1.0
    assert summary.answered_accuracy is None
    assert summary.certified_accuracy.tolist() == [0.0]
    assert str(summary).splitlines()[2].split() == ["accuracy,", "not", "abstained", "-"]


@pytest.mark.parametrize("classes", [["no", "yes", "zz"], [1, 2, 3]], ids=["text", "numbers"])
def test_true_labels_that_no_query_shares_with_the_classifier_are_refused(classes):
    cert = certify([[0.9, 0.1, 0.0]] * 3, classes=classes)
    strange = ["YES", "No", "YES"] if isinstance(classes[0], str) else [0, 10, 0]
    first, last = repr(strange[0]), repr(classes[-1])
    with pytest.raises(ValueError, match=f"does not know: {first}, .*expected .*{last}"):
        cert.summary(strange)
    with pytest.raises(ValueError, match="does not know"):
        cert.summary(np.array(strange, dtype=object))


def test_true_labels_that_the_classifier_does_not_know_are_named_and_count_as_wrong(some):
    with pytest.warns(UserWarning, match=r"does not know: 'CAT', 'b\\x1bird'; .*2 of 4 queries") as caught:
        summary = some.summary(["bird", "CAT", "bird", "b\x1bird"])
    assert caught[0].filename == __file__
    assert summary.prediction_accuracy == 0.5
    many = certify([[0.9, 0.1]] * 20)
    with pytest.warns(UserWarning, match=r"know: 2, 3, 4, 5, 6 and 13 more;"):
        assert many.summary(range(20)).prediction_accuracy == 0.05


def test_true_labels_of_another_type_with_the_same_value_are_known():
    for classes, y_true in (([0, 1], [False, True]), ([False, True], [0, 1]), ([1.0, 2.0], [1, 2])):
        assert certify([[0.9, 0.1], [0.2, 0.8]], classes=classes).summary(y_true).prediction_accuracy == 1.0


@pytest.mark.parametrize(
    ("y_true", "budgets", "error", "message"),
    [
        (["bird"], [0.1], ValueError, r"y_true must have shape \(4,\).*got \(1,\)"),
        ([0, 1, 2, 0], [0.1], TypeError, "never equal"),
        (None, [-0.1], ValueError, "budgets must be"),
        (None, [np.nan], ValueError, "budgets must be"),
        (None, ["a"], TypeError, "budgets must be"),
    ],
)
def test_a_summary_that_would_mislead_is_refused(some, y_true, budgets, error, message):
    with pytest.raises(error, match=message):
        some.summary(y_true, budgets)


def test_a_summary_of_nothing_is_refused(some):
    with pytest.raises(ValueError, match="at least one query"):
        some[:0].summary()
