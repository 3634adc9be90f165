"""Triggers change what they say by as much as they say; poisoning leaves everything else alone."""

from __future__ import annotations

import numpy as np
import pytest

from knn_cert.attacks import (
    Trigger,
    apply_trigger,
    blending,
    four_dimension,
    four_pixel,
    one_dimension,
    one_pixel,
    poison,
)

GREY, COLOUR = (9, 7), (9, 7, 3)

TRIGGERS = {
    "one pixel, grey": (one_pixel(GREY, 0.3), 1),
    "one pixel, colour": (one_pixel(COLOUR, 0.3), 3),
    "four pixels, grey": (four_pixel(GREY, 0.3), 4),
    "four pixels, colour": (four_pixel(COLOUR, 0.3), 12),
    "one dimension": (one_dimension(56, 0.3), 1),
    "four dimensions": (four_dimension(56, 0.3), 4),
    "blending, image": (blending(COLOUR, 0.3), 9 * 7 * 3),
    "blending, table": (blending(56, 0.3), 56),
}
all_triggers = pytest.mark.parametrize(("trigger", "touched"), TRIGGERS.values(), ids=TRIGGERS)


def rows_for(trigger, n=5):
    return np.random.default_rng(0).uniform(0.2, 0.5, size=(n, *trigger.pattern.shape))


def small_table():
    rng = np.random.default_rng(3)
    X, y = rng.uniform(size=(40, 6)), np.repeat(["ham", "spam"], [25, 15])
    return X, y, one_dimension(6, 2.0)


@all_triggers
def test_without_clipping_every_row_changes_by_the_norm_asked_for(trigger, touched):
    X = rows_for(trigger)
    triggered = apply_trigger(X, trigger)
    np.testing.assert_allclose(triggered.norms, 0.3, rtol=1e-12)
    np.testing.assert_allclose(trigger.norm, 0.3, rtol=1e-14)
    assert np.count_nonzero(triggered.X != X) == touched * len(X)


@all_triggers
def test_flattened_rows_get_the_same_trigger_and_stay_flattened(trigger, touched):
    X = rows_for(trigger)
    flat = apply_trigger(X.reshape(len(X), -1), trigger)
    assert flat.X.shape == (len(X), trigger.pattern.size)
    np.testing.assert_array_equal(flat.X, apply_trigger(X, trigger).X.reshape(len(X), -1))


def test_the_pixel_in_the_middle_changes_and_all_its_channels_alike():
    X = rows_for(one_pixel(COLOUR, 0.3))
    changed = apply_trigger(X, one_pixel(COLOUR, 0.3)).X - X
    np.testing.assert_allclose(changed[:, 4, 3], 0.3 / np.sqrt(3.0), rtol=1e-12)
    changed[:, 4, 3] = 0.0
    assert not changed.any()


def test_the_four_pixels_lie_around_the_place_named():
    pattern = four_pixel(GREY, 1.0, center=(2, 5)).pattern
    assert sorted(zip(*np.nonzero(pattern), strict=True)) == [(1, 6), (2, 5), (3, 4), (3, 6)]
    np.testing.assert_allclose(pattern[pattern != 0.0], 0.5)


def test_a_pixel_and_columns_can_be_named():
    assert one_pixel(GREY, 1.0, position=(8, 0)).pattern[8, 0] == 1.0
    assert one_dimension(56, 1.0, dimension=25).pattern[25] == 1.0
    assert np.flatnonzero(four_dimension(56, 1.0, dimensions=(25, 26, 27, 50)).pattern).tolist() == [
        25,
        26,
        27,
        50,
    ]
    assert np.flatnonzero(one_dimension(56, 1.0).pattern).tolist() == [55]
    assert np.flatnonzero(four_dimension(56, 1.0).pattern).tolist() == [52, 53, 54, 55]


def test_what_clipping_leaves_of_the_trigger_is_the_norm_reported():
    X = np.zeros((3, *GREY))
    X[:, 4, 3] = [0.0, 0.9, 1.0]  # black, nearly white, white: the trigger is seen, hardly seen, not seen
    triggered = apply_trigger(X, one_pixel(GREY, 0.5, low=0.0, high=1.0))
    np.testing.assert_allclose(triggered.norms, [0.5, 0.1, 0.0], rtol=1e-12)
    np.testing.assert_allclose(triggered.X[:, 4, 3], [0.5, 1.0, 1.0])
    np.testing.assert_allclose(np.linalg.norm((triggered.X - X).reshape(3, -1), axis=1), triggered.norms)


def test_a_negative_trigger_shows_on_white():
    trigger = one_pixel(GREY, 0.5, low=0.0, high=1.0)
    white = np.ones((1, *GREY))
    assert apply_trigger(white, trigger).norms == [0.0]
    assert apply_trigger(white, Trigger(-trigger.pattern, 0.0, 1.0)).norms == [0.5]


def test_noise_is_fixed_by_its_seed():
    again = blending(GREY, 0.7, random_state=4)
    np.testing.assert_array_equal(blending(GREY, 0.7, random_state=4).pattern, again.pattern)
    assert (blending(GREY, 0.7, random_state=5).pattern != again.pattern).all()
    # One pattern for all rows, whatever is asked for first.
    X = np.zeros((2, *GREY))
    np.testing.assert_array_equal(*apply_trigger(X, again).X)


def test_the_pattern_of_a_trigger_cannot_change_afterwards():
    pattern = np.array([0.0, 1.0])
    trigger = Trigger(pattern)
    pattern[0] = 5.0
    assert trigger.pattern[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        trigger.pattern[0] = 5.0


def test_integer_images_are_taken_in_their_own_units():
    images = np.full((2, *GREY), 250, dtype=np.uint8)
    triggered = apply_trigger(images, one_pixel(GREY, 20.0, high=255))
    assert triggered.X.max() == 255.0
    np.testing.assert_allclose(triggered.norms, 5.0)


def test_appended_rows_are_triggered_copies_of_the_source_class_with_the_label_of_the_target():
    X, y, trigger = small_table()
    bad = poison(X, y, trigger, source_class="spam", target_class="ham", ratio=0.2)
    assert len(bad.rows) == round(0.2 * 40) == 8
    np.testing.assert_array_equal(bad.rows, np.arange(40, 48))
    np.testing.assert_array_equal(bad.X[:40], X)
    np.testing.assert_array_equal(bad.y[:40], y)
    assert (bad.y[bad.rows] == "ham").all() and (y[bad.clean_rows] == "spam").all()
    assert len(set(bad.clean_rows.tolist())) == 8
    np.testing.assert_array_equal(bad.X[bad.rows], apply_trigger(X[bad.clean_rows], trigger).X)
    np.testing.assert_allclose(bad.norms, 2.0, rtol=1e-12)


def test_poisoning_in_place_changes_the_rows_it_names_and_no_other():
    X, y, trigger = small_table()
    bad = poison(X, y, trigger, source_class="spam", target_class="ham", ratio=0.2, in_place=True)
    assert bad.X.shape == X.shape and len(bad.rows) == 8
    np.testing.assert_array_equal(np.unique(np.nonzero(bad.X != X)[0]), np.sort(bad.rows))
    np.testing.assert_array_equal(np.flatnonzero(bad.y != y), np.sort(bad.rows))
    np.testing.assert_allclose(np.linalg.norm(bad.X[bad.rows] - X[bad.clean_rows], axis=1), bad.norms)


@pytest.mark.parametrize("in_place", [False, True])
def test_the_clean_table_stays_as_it_was(in_place):
    X, y, trigger = small_table()
    before = X.copy(), y.copy()
    poison(X, y, trigger, source_class="ham", target_class="spam", ratio=0.5, in_place=in_place)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_the_seed_decides_which_rows_are_poisoned():
    X, y, trigger = small_table()

    def chosen(seed):
        options = {"source_class": "ham", "target_class": "spam", "ratio": 0.25, "random_state": seed}
        return poison(X, y, trigger, **options).clean_rows.tolist()

    assert chosen(1) == chosen(1) != chosen(2)


def test_no_row_is_poisoned_at_ratio_zero():
    X, y, trigger = small_table()
    bad = poison(X, y, trigger, source_class="ham", target_class="spam", ratio=0.0)
    assert len(bad.rows) == 0 and len(bad.norms) == 0
    np.testing.assert_array_equal(bad.X, X)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"ratio": 0.5}, ValueError, "20, but the source class 'spam' has 15; choose ratio <= 0.375"),
        ({"ratio": 1.5}, ValueError, r"ratio must lie in \[0, 1\]"),
        ({"ratio": 0.001}, ValueError, "poisoned set would be empty; choose ratio >= 0.025"),
        ({"ratio": float("nan")}, ValueError, r"ratio must lie in \[0, 1\]"),
        ({"ratio": "much"}, TypeError, "ratio must be a real number"),
        ({"source_class": "eggs"}, ValueError, "source_class 'eggs' does not occur"),
        ({"target_class": "eggs"}, ValueError, "target_class 'eggs' does not occur"),
        ({"target_class": "spam"}, ValueError, "must differ"),
        ({"y": ["ham"]}, ValueError, "labels y of shape"),
        ({"trigger": 0.3}, TypeError, "must be a knn_cert.attacks.Trigger"),
        ({"trigger": one_dimension(7, 1.0)}, ValueError, r"shape \(n, 7\) of the trigger, got \(4, 6\)"),
    ],
)
def test_a_poisoning_that_cannot_be_is_refused(options, error, message):
    X, y, trigger = small_table()
    arguments = {"X": X, "y": y, "trigger": trigger, "source_class": "spam", "target_class": "ham"}
    with pytest.raises(error, match=message):
        poison(**{**arguments, "ratio": 0.1, **options})


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: one_pixel(GREY, 0.0), ValueError, "norm must be finite and > 0"),
        (lambda: one_pixel(GREY, "big"), TypeError, "norm must be a real number"),
        (lambda: one_pixel(GREY, 1.0, position=(9, 0)), ValueError, "outside of the image of 9 x 7"),
        (lambda: one_pixel(GREY, 1.0, position=(-1, 0)), ValueError, "outside of the image"),
        (lambda: one_pixel(GREY, 1.0, position=(1.5, 0)), TypeError, "position must be a whole number"),
        (lambda: one_pixel(63, 1.0), TypeError, r"must be \(H, W\)"),
        (lambda: one_pixel((9,), 1.0), ValueError, r"must be \(H, W\)"),
        (lambda: four_pixel(GREY, 1.0, center=(0, 3)), ValueError, "outside of the image"),
        (lambda: one_dimension(5, 1.0, dimension=5), ValueError, "must lie between -5 and 4, got 5"),
        (lambda: one_dimension(0, 1.0), ValueError, "n_features must be at least 1, got 0"),
        (lambda: four_dimension(5, 1.0, dimensions=(0, 1, 2)), ValueError, "four columns, got 3"),
        (lambda: four_dimension(5, 1.0, dimensions=(0, 1, 4, -1)), ValueError, "different columns"),
        (lambda: blending((2, 2, 2, 2), 1.0), ValueError, r"must be \(H, W\)"),
        (lambda: blending(5, float("inf")), ValueError, "norm must be finite"),
        (lambda: one_pixel(GREY, 1.0, low=1.0, high=0.0), ValueError, "low must be below high"),
        (lambda: one_pixel(GREY, 1.0, high=float("nan")), ValueError, "got NaN"),
        (lambda: Trigger(np.array([np.nan])), ValueError, "pattern must be finite"),
        (lambda: Trigger(np.array(1.0)), ValueError, "shape"),
    ],
)
def test_a_trigger_that_cannot_be_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.full((2, 9, 7), np.nan), ValueError, "must be finite"),
        (np.full((2, 9, 7), 7.0), ValueError, "outside of the bounds"),
        (np.zeros((2, 7, 9)), ValueError, r"shape \(n, 9, 7\) or, flattened, \(n, 63\)"),
        (np.zeros(63), ValueError, "shape"),
        ([["a"]], TypeError, "real numbers"),
    ],
)
def test_rows_that_cannot_carry_the_trigger_are_refused(X, error, message):
    with pytest.raises(error, match=message):
        apply_trigger(X, one_pixel(GREY, 0.5, low=0.0, high=1.0))
