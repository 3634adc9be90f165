"""The gate: what it lets through is what kernels take, and what it refuses is named."""

from __future__ import annotations

import ast
import inspect
import os
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from knn_cert import (
    SmoothedKNNClassifier,
    gate,
    largest_budget,
    race_probability,
    vote_probabilities,
    worst_case_probability,
)
from knn_cert.gate.arrays import reject_text_columns
from knn_cert.gate.distances import check_edges, check_scale, check_sq_distances
from knn_cert.gate.errors import InvalidInput
from knn_cert.gate.labels import check_labels, check_n_classes, number_classes
from knn_cert.gate.numbers import (
    as_flag,
    as_real_within,
    as_whole_number,
    check_dof,
    check_n_neighbors,
    check_n_threads,
    check_rank,
    check_sigma,
)
from knn_cert.threats import LabelFlips, QueryShift, RowShift


@given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=2, max_side=5), elements=st.floats(0.0, 1e300)))
def test_finite_distances_pass_unchanged(array):
    checked = check_sq_distances(array)
    assert checked.dtype == np.float64
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, array)


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a.astype(np.float32),
        lambda a: a.astype(np.int16),
        lambda a: a.astype(object),
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        lambda a: a[::-1][::-1],
        lambda a: a.tolist(),
    ],
    ids=["float32", "int16", "object", "fortran", "strided", "reversed twice", "list"],
)
def test_any_layout_and_number_type_becomes_c_contiguous_float64(make):
    array = np.arange(12.0).reshape(3, 4)
    checked = check_sq_distances(make(array))
    assert checked.dtype == np.float64
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, array)


def test_a_read_only_array_passes_without_a_copy():
    array = np.arange(4.0)
    array.flags.writeable = False
    assert np.shares_memory(check_sq_distances(array), array)


def test_negative_zero_becomes_zero_and_the_caller_keeps_his_own():
    array = np.array([-0.0, 1.0])
    assert not np.signbit(check_sq_distances(array)).any()
    assert np.signbit(array[0])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, np.nan]], r"must be finite, got nan at query 0, row 1"),
        ([1.0, np.inf], r"must be finite, got inf at position 1"),
        ([[1.0, 2.0], [-np.inf, 3.0]], r"must be finite, got -inf at query 1, row 0"),
        ([1.0, -1e-300], r"must be >= 0, got -1e-300 at position 1.*direct differences"),
        ([1.0, None], r"must be finite, got nan"),
    ],
)
def test_impossible_distances_are_named_with_their_place(values, message):
    with pytest.raises(ValueError, match=message):
        check_sq_distances(values)


@pytest.mark.parametrize(
    "values", ["text", ["a", "b"], [1.0, "b"], [1j], [True, False], None, [[1.0], [1.0, 2.0]]]
)
def test_what_is_no_array_of_real_numbers_is_a_type_error(values):
    with pytest.raises(TypeError, match="sq_distances"):
        check_sq_distances(values)


def test_sparse_distances_are_refused_with_the_remedy():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"dense.*toarray"):
        check_sq_distances(sparse.csr_array(np.eye(2)))


@pytest.mark.parametrize(
    "labels", [[0, 1, 1], (0, 1, 1), np.array([0, 1, 1], np.uint64), [False, True, True]]
)
def test_labels_of_every_integer_type_become_int64(labels):
    checked = check_labels(labels, 3)
    assert checked.dtype == np.int64
    assert checked.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (None, TypeError, r"labels are missing.*3 training rows"),
        ([0.0, 1.0, 1.0], TypeError, r"integers 0\.\.C-1, got dtype float64.*return_inverse"),
        (["a", "b", "b"], TypeError, r"integers 0\.\.C-1.*return_inverse"),
        ([0, 1], ValueError, r"shape \(3,\).*got \(2,\)"),
        ([[0], [1], [1]], ValueError, r"shape \(3,\).*got \(3, 1\)"),
        ([0, -1, 1], ValueError, r"0\.\.C-1, got -1 at position 1"),
        (np.array([0, 1, 2**63], np.uint64), ValueError, r"0\.\.C-1, got 9223372036854775808"),
    ],
)
def test_wrong_labels_say_what_was_expected(labels, error, message):
    with pytest.raises(error, match=message):
        check_labels(labels, 3)


@pytest.mark.parametrize(
    ("n_classes", "labels", "expected"), [(None, [0, 2], 3), (2, [0, 0], 2), (np.int32(5), [1, 0], 5)]
)
def test_the_number_of_classes_covers_the_labels(n_classes, labels, expected):
    assert check_n_classes(n_classes, np.array(labels)) == expected


@pytest.mark.parametrize(
    ("n_classes", "labels", "error", "message"),
    [
        (None, [0, 0], ValueError, "at least 2 classes.*got 1.*n_classes=2"),
        (2, [0, 2], ValueError, "n_classes = 2, got label 2; pass n_classes=3"),
        (2.0, [0, 1], TypeError, "n_classes must be a whole number, got 2.0"),
    ],
)
def test_a_wrong_number_of_classes_is_refused(n_classes, labels, error, message):
    with pytest.raises(error, match=message):
        check_n_classes(n_classes, np.array(labels))


@pytest.mark.parametrize("label", [10_040, 10**8, 2**31 - 1])
def test_labels_far_beyond_the_number_of_rows_are_refused_before_memory_is_taken(label):
    message = f"at most C = 10040 classes for 4 rows, got label {label}; numpy.unique"
    distances, labels = [1.0, 2.0, 3.0, 4.0], [0, 1, 1, label]
    with pytest.raises(ValueError, match=message):
        vote_probabilities(distances, labels, n_neighbors=1, sigma=1.0, dof=3)
    with pytest.raises(ValueError, match=message):
        worst_case_probability(
            distances, labels, LabelFlips(1), target_class=0, n_neighbors=1, sigma=1.0, dof=3
        )


def test_a_number_of_classes_far_beyond_the_number_of_rows_is_refused():
    assert check_n_classes(10_030, np.array([0, 1, 1])) == 10_030
    assert check_n_classes(None, np.array([0, 1, 10_029])) == 10_030
    for n_classes in (10_031, 10**20):
        with pytest.raises(ValueError, match=f"n_classes must be at most 10030 for 3 rows, got {n_classes}"):
            check_n_classes(n_classes, np.array([0, 1, 1]))


@pytest.mark.parametrize("value", [10**400, -(10**400), Fraction(10**400, 3)], ids=["large", "low", "ratio"])
def test_numbers_beyond_double_precision_are_refused_by_name(value):
    with pytest.raises(ValueError, match="sigma must be a number of double precision, at most 1.79769e.308"):
        check_sigma(value)
    with pytest.raises(ValueError, match="sq_distances_a must be numbers of double precision"):
        race_probability([value], 1, [1.0], 1, sigma=1.0, dof=3)


@pytest.mark.parametrize("value", [10**40, -(10**40), 10**5000], ids=["long", "low", "longest"])
def test_whole_numbers_of_any_length_are_refused_by_name(value):
    for name, check in {
        "n_threads": check_n_threads,
        "n_neighbors": lambda value: check_n_neighbors(value, 5),
        "n_classes": lambda value: check_n_classes(value, np.array([0, 1])),
        "rank": lambda value: check_rank(value, "rank"),
    }.items():
        with pytest.raises(
            InvalidInput, match=f"{name} must (have at most 30 digits|be at least ., got -1000)"
        ):
            check(value)
    with pytest.raises(InvalidInput, match="rows must be at least 0, got"):
        as_whole_number(-abs(value), "rows", least=0)


def test_every_refusal_of_a_value_is_marked_as_the_callers():
    rooms = [gate.arrays, gate.distances, gate.labels, gate.numbers]
    nodes = [node for room in rooms for node in ast.walk(ast.parse(inspect.getsource(room)))]
    names = {node.exc.func.id for node in nodes if isinstance(node, ast.Raise)}
    assert names == {"InvalidInput", "TypeError"}
    assert issubclass(InvalidInput, ValueError)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.25), np.int64(3), Fraction(1, 2), 1e-140, 1e140])
def test_every_real_number_can_be_sigma(value):
    assert check_sigma(value) == float(value)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0.0, ValueError, "> 0, got 0.0.*units"),
        (-1.0, ValueError, "> 0, got -1.0"),
        (np.nan, ValueError, "finite"),
        (np.inf, ValueError, "finite"),
        (1e-141, ValueError, "sigma must be from 1e-140 to 1e.140.*divide"),
        (2e143, ValueError, "sigma must be from 1e-140 to 1e.140.*divide"),
        ("1", TypeError, "real number, got '1' of type str"),
        (True, TypeError, "of type bool"),
        (None, TypeError, "of type NoneType"),
        (1j, TypeError, "of type complex"),
    ],
)
def test_wrong_sigma_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        check_sigma(value)


def test_whole_degrees_of_freedom_are_an_int_and_others_stay():
    assert check_dof(np.float64(56.0)) == 56
    assert isinstance(check_dof(56.0), int)
    assert check_dof(2.5) == 2.5


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-3, ValueError),
        (np.inf, ValueError),
        (np.nan, ValueError),
        ("3", TypeError),
        # the bounds of the integral are proven for one feature and more, and nothing was checked beyond 1e9
        (1e-3, ValueError),
        (0.999, ValueError),
        (1e12, ValueError),
    ],
)
def test_wrong_degrees_of_freedom_are_refused(value, error):
    with pytest.raises(error, match="dof"):
        check_dof(value)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, "at least 1, got 0"),
        (6, ValueError, "n_neighbors = 6 is more than the 5 training rows"),
        (3.0, TypeError, "must be a whole number, got 3.0 of type float"),
        (True, TypeError, "must be a whole number"),
        ("3", TypeError, "must be a whole number"),
    ],
)
def test_wrong_numbers_of_neighbours_are_refused(value, error, message):
    with pytest.raises(error, match=message):
        check_n_neighbors(value, 5)


def test_every_number_of_neighbours_up_to_n_is_taken():
    assert [check_n_neighbors(np.int8(k), 3) for k in (1, 2, 3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("edges", "error", "message"),
    [
        ([], ValueError, r"1-D.*at least one.*got shape \(0,\)"),
        ([[1.0, 2.0]], ValueError, r"1-D.*got shape \(1, 2\)"),
        (3.0, ValueError, r"1-D.*got shape \(\)"),
        ([1.0, np.nan], ValueError, "finite and > 0, got .*nan.* at position 1"),
        ([1.0, np.inf], ValueError, "finite and > 0"),
        ([0.0, 1.0], ValueError, "finite and > 0, got .*0.0.* at position 0"),
        ([1.0, 2.0, 2.0], ValueError, "strictly increasing, got .*2.0.* followed by .*2.0.* at position 2"),
        ([3.0, 2.0], ValueError, "strictly increasing.*numpy.unique"),
        (["a"], TypeError, "edges must be an array of real numbers"),
    ],
)
def test_wrong_edges_are_refused(edges, error, message):
    with pytest.raises(error, match=message):
        check_edges(edges)


def test_checked_edges_do_not_follow_later_changes_by_the_caller():
    edges = np.array([1.0, 2.0])
    checked = check_edges(edges)
    edges[0] = 1.5
    assert checked.tolist() == [1.0, 2.0]


def test_no_number_of_threads_means_every_core_of_this_process():
    expected = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert check_n_threads(None) == expected
    assert check_n_threads(np.int64(3)) == 3


@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-1, ValueError), (10**9, ValueError), (2.0, TypeError)]
)
def test_wrong_numbers_of_threads_are_refused(value, error):
    with pytest.raises(error, match="n_threads"):
        check_n_threads(value)


@pytest.mark.parametrize(("square", "sigma"), [(np.inf, 1.0), (1e308, 0.1), (1e30, 1e-140)])
def test_squares_that_overflow_are_refused_with_the_remedy(square, sigma):
    with pytest.raises(ValueError, match=r"overflow.*divide the features and sigma by the same number"):
        check_scale(square, sigma)


def test_large_squares_that_do_not_overflow_pass():
    check_scale(1e308, 1.0)
    check_scale(1e308, 1e100)


def test_text_columns_of_a_frame_are_named():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": [1, 2], "city": ["x", "y"], "flag": [True, False], "name": ["p", "q"]})
    with pytest.raises(ValueError, match="columns are not: city, name; drop them or encode"):
        reject_text_columns(frame)
    reject_text_columns(frame[["age", "flag"]])
    reject_text_columns(np.array([["a"]]))  # no names to give: scikit-learn's own check speaks


def test_dates_are_no_features():
    pd = pytest.importorskip("pandas")
    days = pd.date_range("2024-03-01", periods=2)
    for dates in (days, days - days[0], days.tz_localize("UTC"), days.to_period("D")):
        with pytest.raises(ValueError, match="columns are not: day; .*days since a fixed day"):
            reject_text_columns(pd.DataFrame({"age": [1, 2], "day": dates}))
    with pytest.raises(ValueError, match="the array holds dates or times"):
        reject_text_columns(days.to_numpy().reshape(-1, 1))
    with pytest.raises(ValueError, match="columns are not: a;"):
        reject_text_columns(pd.DataFrame({"a": [1j]}))


def test_names_of_columns_are_printable_and_may_repeat():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame([["x", 1, "y"]], columns=["a\x1b[2J", "b", "b"])
    with pytest.raises(ValueError, match=r"columns are not: a\\x1b\[2J, b;"):
        reject_text_columns(frame)


def test_one_class_of_an_attacker_is_named_printably():
    with pytest.raises(ValueError, match=r"got one class: 'a\\x1b\\n'"):
        number_classes(np.array(["a\x1b\n"] * 3))


@given(st.floats(-2.0, 2.0), st.sampled_from(["[]", "[)", "(]", "()"]))
def test_a_round_bracket_leaves_its_end_out_of_an_interval(value, ends):
    inside = (value > 0 or (ends[0] == "[" and value == 0)) and (value < 1 or (ends[1] == "]" and value == 1))
    if inside:
        assert as_real_within(value, "share", 0, 1, ends=ends) == value
    else:
        with pytest.raises(InvalidInput, match="share must lie in .0, 1., got"):
            as_real_within(value, "share", 0, 1, ends=ends)


@pytest.mark.parametrize("end", [0.0, 1.0])
@pytest.mark.parametrize("ends", ["[]", "()"])
def test_the_ends_of_an_interval_are_in_it_or_not(end, ends):
    if ends == "[]":
        assert as_real_within(end, "share", 0, 1, ends=ends) == end
    else:
        with pytest.raises(InvalidInput, match=r"share must lie in \(0, 1\), got [01].0; halve it"):
            as_real_within(end, "share", 0, 1, ends=ends, remedy="halve it")


def test_a_fraction_next_to_an_end_is_on_its_own_side_of_it():
    near = 1 - Fraction(1, 10**30)
    assert float(near) == 1.0
    assert as_real_within(near, "share", 0, 1, ends="[)") == 1.0
    with pytest.raises(InvalidInput, match="must lie in"):
        as_real_within(2 - near, "share", 0, 1)


@pytest.mark.parametrize("value", [True, np.True_, "0.5", None, 1j])
def test_what_is_no_real_number_is_in_no_interval(value):
    with pytest.raises(TypeError, match="share must be a real number"):
        as_real_within(value, "share", 0, 1)
    with pytest.raises(InvalidInput, match="must lie in"):
        as_real_within(float("nan"), "share", -np.inf, np.inf)


def test_only_true_and_false_are_flags():
    assert as_flag(np.False_, "flag") is False and as_flag(True, "flag") is True
    for value in (0, 1, "yes", None):
        with pytest.raises(TypeError, match="flag must be True or False, got"):
            as_flag(value, "flag")


def test_whole_numbers_without_a_least_one_may_be_negative_but_not_endless():
    assert as_whole_number(np.int64(-7), "place", least=None) == -7
    with pytest.raises(InvalidInput, match="at most 30 digits"):
        as_whole_number(-(10**31), "place", least=None)


def test_a_radius_is_kept_as_the_float_that_it_is_read_as():
    for radius in (Fraction(1, 2), np.longdouble(0.5), np.float32(0.5), 0.5):
        assert RowShift(1, radius) == RowShift(1, 0.5)
        assert QueryShift(radius) == QueryShift(0.5)
        assert type(RowShift(1, radius).radius) is float
    with pytest.raises(InvalidInput, match="double precision"):
        RowShift(1, 10**400)


@pytest.mark.parametrize("share", [np.float16(0.1), np.float32(0.1), np.longdouble("0.1")])
def test_shares_are_the_decimal_numbers_that_were_written(share):
    with pytest.raises(TypeError, match="rows must be a whole number or a share"):
        LabelFlips(share)


def test_a_flag_is_true_or_false():
    with pytest.raises(TypeError, match="relabel must be True or False, got 'no'"):
        RowShift(1, 0.1, relabel="no")


def test_spans_of_time_are_no_numbers():
    with pytest.raises(TypeError, match="n_neighbors must be a whole number"):
        check_n_neighbors(np.timedelta64(3), 5)
    with pytest.raises(TypeError, match="sigma must be a real number"):
        check_sigma(np.timedelta64(3))


@pytest.mark.parametrize("radius", [1e200, 1e308, float("inf")])
def test_radii_beyond_all_squares_are_answered(radius, backend):
    X, y = [[0.0], [0.5], [1.0], [4.0], [4.5], [5.0]], [0, 0, 0, 1, 1, 1]
    clf = SmoothedKNNClassifier(n_neighbors=3, sigma=0.5, backend=backend).fit(X, y)
    cert = clf.certify([[0.2]], RowShift(1, radius))
    assert cert.abstained.tolist() == clf.certify([[0.2]], RowShift(1, 1e9)).abstained.tolist()
    assert clf.certify([[0.2]], RowShift(0, radius)).abstained.tolist() == [False]
    assert (
        largest_budget(
            [0.04, 0.09, 0.64, 14.44, 18.49, 23.04],
            y,
            RowShift(0),
            target_class=0,
            n_neighbors=3,
            sigma=0.5,
            dof=1,
            backend=backend,
        )
        == np.inf
    )
