"""Radii of Theorem 1, no slack on the unsafe side: mpmath, exact rationals, the oracle file."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from knn_cert.bounds import gaussian_radius, hoeffding_epsilon, uniform_certified, uniform_radius

DIGITS = 60
probability = st.floats(0.0, 1.0)
inner_probability = st.one_of(
    st.floats(0.0, 1.0, exclude_min=True, exclude_max=True),
    st.floats(-1000.0, -1.0).map(math.exp).filter(lambda p: p > 0.0),
    st.integers(2, 53).map(lambda k: 1.0 - 2.0**-k),
)
few = settings(max_examples=60, deadline=None)


# --- the independent oracle: quantiles by Newton's method in 60 digits ---


def upper_quantile(log_tail):
    """z with log P(N > z) = log_tail, for log_tail <= log(1/2)."""
    log_tail = mp.mpf(log_tail)
    z = mp.sqrt(max(-2 * log_tail - mp.log(-2 * log_tail), mp.mpf(0)))
    for _ in range(200):
        tail = mp.erfc(z / mp.sqrt(2)) / 2
        step = (mp.log(tail) - log_tail) * tail * mp.sqrt(2 * mp.pi) * mp.exp(z * z / 2)
        z += step
        if abs(step) < mp.mpf(10) ** -50 * (1 + abs(z)):
            return z
    raise AssertionError("the oracle did not converge")


def quantile(p):
    """Phi^-1(p) for an exact p strictly between 0 and 1."""
    p = mp.mpf(p)
    return -upper_quantile(mp.log(p)) if p <= mp.mpf(1) / 2 else upper_quantile(mp.log(1 - p))


def quantile_of_log(log_p):
    log_p = mp.mpf(log_p)
    return -upper_quantile(log_p) if log_p <= -mp.log(2) else upper_quantile(mp.log(-mp.expm1(log_p)))


def true_gaussian(z_a, z_b, sigma, rows=1):
    return mp.mpf(sigma) / 2 * (z_a - z_b) / mp.sqrt(rows)


def true_uniform(p_a, p_b, width, norm, rows, dim):
    p_a, p_b = mp.mpf(p_a), mp.mpf(p_b)
    m = (p_a - min(p_b, 1 - p_a)) / 2
    if rows is None:
        return mp.mpf(width) * m
    power = rows if norm == "l1" else rows * dim
    share = 1 - (1 - m) ** (mp.mpf(1) / power)
    return mp.mpf(width) * share * (mp.sqrt(dim) if norm == "l2" else 1)


# --- Gaussian ---


@few
@given(inner_probability, inner_probability, st.floats(1e-3, 1e3), st.integers(1, 10**6))
def test_gaussian_radius_never_exceeds_the_true_one_and_is_close_to_it(p_a, p_b, sigma, rows):
    assume(p_a > p_b)
    with mp.workdps(DIGITS):
        z_a, z_b = quantile(p_a), quantile(p_b)
        truth = true_gaussian(z_a, z_b, sigma, rows)
        radius = gaussian_radius(p_a, p_b, sigma, rows=rows)
        assert 0.0 <= radius <= truth
        assert truth - radius <= 1e-14 * sigma * (abs(z_a) + abs(z_b)) / mp.sqrt(rows) + 1e-320


def test_probabilities_a_few_steps_apart_never_gain_from_the_rounding_of_their_quantiles():
    rng = np.random.default_rng(4)
    middle, high, low = rng.uniform(0.0, 1.0, (3, 100))
    for p_b in [*middle, *(1.0 - 0.01 * high), *10.0 ** (-300.0 * low)]:
        p_a = p_b
        for _ in range(3):
            p_a = math.nextafter(p_a, 1.0)
        with mp.workdps(DIGITS):
            truth = true_gaussian(quantile(p_a), quantile(p_b), 1.0)
        assert 0.0 <= gaussian_radius(p_a, p_b, 1.0) <= truth


@few
@given(st.floats(-1e7, -0.7), st.floats(-1e7, -0.7), st.floats(1e-3, 1e3))
def test_gaussian_radius_of_logarithms_never_exceeds_the_true_one_and_is_close_to_it(log_tail, log_p, sigma):
    with mp.workdps(DIGITS):
        truth = true_gaussian(-quantile_of_log(log_tail), quantile_of_log(log_p), sigma)
        p_a, p_b = -math.expm1(log_tail), math.exp(log_p)
        radius = gaussian_radius(p_a, p_b, sigma, log_p_b=log_p, log_tail_a=log_tail)
        assert 0.0 <= radius <= truth
        assert truth - radius <= 1e-14 * truth + 1e-14 * sigma


@pytest.mark.parametrize("log_p", [-1e-300, -1e-12, -0.1, -0.69, -0.6931471805599453, -0.7, -2.0])
def test_logarithms_on_either_side_of_one_half_are_sound_and_close(log_p):
    with mp.workdps(400):
        truth = true_gaussian(quantile(1 - mp.mpf(2) ** -54), quantile_of_log(log_p), 1.0)
    radius = gaussian_radius(1.0, math.exp(log_p), 1.0, log_p_b=log_p)
    assert radius <= max(truth, 0)
    assert max(truth, 0) - radius < 1e-13


@pytest.mark.parametrize("log_p", [-699.9, -700.1, -745.0, -1e4, -1e12])
def test_far_logarithms_are_sound_and_accurate_on_both_sides_of_the_switch(log_p):
    with mp.workdps(DIGITS):
        truth = true_gaussian(-quantile_of_log(log_p), quantile_of_log(log_p), 1.0)
        radius = gaussian_radius(1.0, 0.0, 1.0, log_p_b=log_p, log_tail_a=log_p)
        assert truth * (1 - 2e-14) <= radius <= truth


@pytest.mark.parametrize("with_tail", [True, False])
@pytest.mark.parametrize("with_logarithm", [True, False])
def test_a_runner_up_of_1e_80_has_its_true_binary_radius(with_tail, with_logarithm):
    log_p = math.log(1e-80)
    tail = {"log_tail_a": log_p} if with_tail else {}
    logarithm = {"log_p_b": log_p} if with_logarithm else {}
    radius = gaussian_radius(1.0, 1e-80, 1.0, **tail, **logarithm)
    with mp.workdps(DIGITS):
        truth = min(upper_quantile(log_p), -quantile(mp.mpf(1e-80)))
        assert truth * (1 - mp.mpf(10) ** -13) <= radius <= truth
    assert radius == pytest.approx(18.99, abs=0.01)


def test_a_certain_class_is_trusted_only_as_far_as_the_small_tail_beside_it():
    assert (
        gaussian_radius(1.0, 1e-3, 1.0) < gaussian_radius(1.0, 1e-80, 1.0) < gaussian_radius(1.0, 1e-300, 1.0)
    )
    # a tail that is stated is never replaced by a smaller one
    assert gaussian_radius(1.0, 1e-80, 1.0, log_tail_a=math.log(1e-20)) < gaussian_radius(1.0, 1e-80, 1.0)
    assert math.isfinite(gaussian_radius(1.0, 0.0, 1.0, log_p_b=-1e6))


def test_one_and_zero_without_logarithms_count_as_what_rounds_to_them():
    with mp.workdps(DIGITS):
        truth = true_gaussian(quantile(1 - mp.mpf(2) ** -54), quantile(mp.mpf(2) ** -1074), 1.0)
        assert truth * (1 - 2e-14) <= gaussian_radius(1.0, 0.0, 1.0) <= truth


def test_a_logarithm_of_minus_infinity_says_no_more_than_the_probability_beside_it():
    minus_infinity = -math.inf
    assert gaussian_radius(
        1.0, 0.0, 1.0, log_p_b=minus_infinity, log_tail_a=minus_infinity
    ) == gaussian_radius(1.0, 0.0, 1.0)
    assert gaussian_radius(
        0.9, 0.1, 1.0, log_p_b=minus_infinity, log_tail_a=minus_infinity
    ) == gaussian_radius(0.9, 0.1, 1.0)


@given(probability, probability)
def test_the_radius_is_zero_unless_p_a_exceeds_p_b(p_a, p_b):
    low, high = sorted((p_a, p_b))
    assert gaussian_radius(low, high, 1.0) == 0.0
    assert uniform_radius(low, max(high, low), 1.0) >= 0.0
    if low <= 0.5:
        assert uniform_radius(low, high, 1.0) == 0.0
        assert uniform_certified(low, high, [[0.0]], 1.0) is False


@pytest.mark.parametrize("sigma", [5e-324, 1e-308, 1e308])
def test_the_radius_is_finite_and_sound_for_extreme_sigma(sigma):
    with mp.workdps(DIGITS):
        truth = true_gaussian(-quantile_of_log(-1e5), quantile_of_log(-1e5), sigma)
        radius = gaussian_radius(1.0, 0.0, sigma, log_p_b=-1e5, log_tail_a=-1e5)
        assert 0.0 < radius <= truth
    assert math.isfinite(radius)


@given(st.floats(-1e308, -1e3))
def test_the_radius_is_finite_for_any_logarithm(log_p):
    radius = gaussian_radius(1.0, 0.0, 1.0, log_p_b=log_p, log_tail_a=log_p)
    assert radius <= math.sqrt(2.0) * math.sqrt(-log_p)
    assert radius == pytest.approx(math.sqrt(2.0) * math.sqrt(-log_p), rel=0.02)


def test_arrays_broadcast_and_agree_with_scalars():
    p_a = np.array([[0.6], [0.9], [1.0]])
    p_b = np.array([0.0, 0.05, 0.4, 0.7])
    rows = np.array([1, 2, 3, 4])
    together = gaussian_radius(p_a, p_b, 0.5, rows=rows)
    assert together.shape == (3, 4)
    for i in range(3):
        for j in range(4):
            alone = gaussian_radius(float(p_a[i, 0]), float(p_b[j]), 0.5, rows=int(rows[j]))
            assert isinstance(alone, float)
            assert together[i, j] == alone


# --- uniform ---


@few
@given(
    probability,
    probability,
    st.floats(1e-3, 1e3),
    st.sampled_from(["l1", "l2", "linf"]),
    st.integers(1, 2000),
    st.integers(1, 5000),
)
def test_uniform_radius_never_exceeds_the_true_one_and_is_close_to_it(p_a, p_b, width, norm, rows, dim):
    assume(p_a > min(p_b, 1.0 - p_a))
    with mp.workdps(400):
        truth = true_uniform(p_a, p_b, width, norm, rows, dim)
        subnormal = mp.mpf("1e-322") * max(width, 1.0) * dim  # what rounding a subnormal margin may cost
        assert (
            truth * (1 - mp.mpf("1e-14")) - subnormal
            <= uniform_radius(p_a, p_b, width, norm=norm, rows=rows, dim=dim)
            <= truth
        )
        total = true_uniform(p_a, p_b, width, "l1", None, None)
        assert total * (1 - mp.mpf("1e-14")) - subnormal <= uniform_radius(p_a, p_b, width) <= total


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
@pytest.mark.parametrize(("rows", "dim"), [(1, 1), (1, 2), (2, 2), (3, 5), (10, 3)])
@pytest.mark.parametrize(("p_a", "p_b"), [(1.0, 0.0), (0.9, 0.1), (0.7, 0.2), (0.501, 0.499)])
def test_every_pattern_inside_the_ball_is_certified_and_the_worst_one_outside_is_not(
    norm, rows, dim, p_a, p_b
):
    radius = uniform_radius(p_a, p_b, 2.0, norm=norm, rows=rows, dim=dim)
    required = 1 - (Fraction(p_a) - Fraction(p_b)) / 2
    order = {"l1": 1, "l2": 2, "linf": np.inf}[norm]
    rng = np.random.default_rng(1)
    # Few coordinates and many: directions of all shapes, among them the worst of each norm.
    directions = rng.exponential(size=(60, dim)) ** rng.choice([0.1, 1.0, 8.0], size=(60, 1))
    directions = np.vstack([directions, np.eye(dim)[:1], np.ones((1, dim))])
    for direction in directions:
        pattern = direction / np.linalg.norm(direction, order) * radius * (1 - 1e-14)
        assert product(pattern, 2.0) ** rows > required
    worst = np.eye(dim)[0] if norm == "l1" else np.ones(dim)
    outside = worst / np.linalg.norm(worst, order) * radius * (1 + 1e-12)
    assert product(outside, 2.0) ** rows < required


def test_total_l1_over_rows_covers_any_split_of_the_budget_over_rows_and_coordinates():
    p_a, p_b = 0.85, 0.1
    radius = uniform_radius(p_a, p_b, 1.5)
    required = 1 - (Fraction(p_a) - Fraction(p_b)) / 2
    rng = np.random.default_rng(2)
    for _ in range(100):
        deltas = rng.exponential(size=(3, 4)) ** rng.choice([0.1, 1.0, 8.0])
        deltas *= radius * (1 - 1e-14) / deltas.sum()
        assert product(deltas, 1.5) > required
    assert product([radius * (1 + 1e-12)], 1.5) < required


def product(deltas, width):
    result = Fraction(1)
    for delta in np.ravel(deltas):
        result *= max(Fraction(0), 1 - abs(Fraction(float(delta))) / Fraction(width))
    return result


@settings(max_examples=200, deadline=None)
@given(
    probability,
    probability,
    st.lists(st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=2), min_size=1, max_size=4),
    st.floats(0.5, 50.0),
)
def test_equation_17_is_never_claimed_where_exact_arithmetic_denies_it(p_a, p_b, deltas, width):
    margin = (Fraction(p_a) - min(Fraction(p_b), 1 - Fraction(p_a))) / 2
    exact = product(deltas, width)
    certified = uniform_certified(p_a, p_b, deltas, width)
    if certified:
        assert 1 - margin < exact
    elif 1 - margin < exact:
        # Denied although true: only within rounding of the boundary, in the units of the smaller side of 1.
        assert margin - (1 - exact) <= Fraction(1, 10**13) * margin + Fraction(1, 10**300)


@settings(max_examples=100, deadline=None)
@given(probability, probability, st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=4), st.integers(1, 30))
def test_equation_18_is_equation_17_with_the_pattern_repeated(p_a, p_b, pattern, rows):
    margin = (Fraction(p_a) - min(Fraction(p_b), 1 - Fraction(p_a))) / 2
    exact = product(pattern, 1.0) ** rows
    certified = uniform_certified(p_a, p_b, pattern, 1.0, rows=rows)
    if certified:
        assert 1 - margin < exact
    elif 1 - margin < exact:
        assert margin - (1 - exact) <= Fraction(1, 10**13) * margin + Fraction(1, 10**300)


def test_the_boundary_of_equation_17_itself_is_not_certified():
    # margin 1/4 and one coordinate moved by exactly a quarter of the width: equality, which the theorem
    # excludes.
    assert uniform_certified(0.75, 0.25, [[0.25]], 1.0) is False
    assert uniform_certified(0.75, 0.25, [[0.25 * (1 - 1e-13)]], 1.0) is True


def test_a_coordinate_moved_by_the_width_or_more_is_never_certified():
    for delta in (1.0, 1.5, 1e300):
        assert uniform_certified(1.0, 0.0, [[delta]], 1.0) is False
    assert uniform_certified(1.0, 0.0, [[1e300]], 1e-300) is False


def test_uniform_answers_are_one_per_query_and_p_b_is_clipped_to_the_complement():
    answers = uniform_certified(
        np.array([0.9, 0.55, 0.9]), np.array([0.1, 0.45, 0.9]), [[0.2, 0.0], [0.0, 0.1]], 1.0
    )
    assert answers.tolist() == [True, False, True]
    assert uniform_radius(0.9, 0.9, 1.0) == uniform_radius(0.9, 1.0 - 0.9, 1.0) > 0.39


# --- the oracle file ---


def test_every_case_of_the_oracle_is_met(oracle_folder):
    cases = json.loads((oracle_folder / "certificates.json").read_text())["families"]["rab_radii"]["cases"]
    met = 0
    for case in cases:
        given_, out = case["in"], case["out"]
        p_a, p_b = given_["pA"], given_["pB"]
        if given_["eq"] == "14/15":
            expected = {
                "R14_total_L2": gaussian_radius(p_a, p_b, given_["sigma"]),
                "R15_per_pattern_L2": gaussian_radius(p_a, p_b, given_["sigma"], rows=given_["r"]),
            }
        elif given_["eq"] == "17/18":
            width, rows, dim = given_["width"], given_["r"], given_["d"]
            expected = {
                "required_product_17": 1.0 - uniform_radius(p_a, p_b, width) / width,
                "L1_total_all_rows": uniform_radius(p_a, p_b, width),
                "L1_per_pattern_18": uniform_radius(p_a, p_b, width, rows=rows),
                "Linf_per_pattern_18": uniform_radius(p_a, p_b, width, norm="linf", rows=rows, dim=dim),
                "L2_per_pattern_18": uniform_radius(p_a, p_b, width, norm="l2", rows=rows, dim=dim),
            }
        else:
            assert uniform_certified(p_a, p_b, given_["deltas"], given_["width"]) is out["certified"]
            met += 1
            continue
        assert expected.keys() == out.keys()
        for name, value in expected.items():
            # 16 printed digits, the rounding downward, and decimal probabilities that binary64 does not hold
            # exactly.
            assert value == pytest.approx(out[name], rel=3e-14), (case, name)
        met += 1
    assert met == len(cases) >= 11


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.int32, np.uint64])
def test_narrow_integers_count_like_wide_ones(kind):
    # the square root of an int8 would be a float of 16 bits, with which the radius exceeds the true one
    for n in (2, 3, 100):
        assert gaussian_radius(0.9, 0.1, 1.0, rows=kind(n)) == gaussian_radius(0.9, 0.1, 1.0, rows=n)
        few = uniform_radius(0.9, 0.1, 1.0, norm="l2", rows=kind(2), dim=kind(n))
        assert few == uniform_radius(0.9, 0.1, 1.0, norm="l2", rows=2, dim=n)
        assert hoeffding_epsilon(kind(n), 0.05) == hoeffding_epsilon(n, 0.05)


# --- bad input ---


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gaussian_radius(1.5, 0.1, 1.0), ValueError, r"p_a must lie in \[0, 1\]"),
        (lambda: gaussian_radius(0.9, -0.1, 1.0), ValueError, "p_b"),
        (lambda: gaussian_radius(float("nan"), 0.1, 1.0), ValueError, "p_a"),
        (lambda: gaussian_radius("0.9", 0.1, 1.0), TypeError, "p_a"),
        (lambda: gaussian_radius(0.9, 0.1, 0.0), ValueError, "sigma"),
        (lambda: gaussian_radius(0.9, 0.1, math.inf), ValueError, "sigma"),
        (lambda: gaussian_radius(0.9, 0.1, 1.0, rows=0), ValueError, "rows"),
        (lambda: gaussian_radius(0.9, 0.1, 1.0, rows=2.0), TypeError, "rows"),
        (lambda: gaussian_radius(0.9, 0.1, 1.0, rows=True), TypeError, "rows"),
        (lambda: gaussian_radius(0.9, 0.1, 1.0, log_p_b=0.5), ValueError, "log_p_b"),
        (lambda: gaussian_radius(0.9, 0.1, 1.0, log_p_b=float("nan")), ValueError, "log_p_b"),
        (lambda: gaussian_radius(0.9, 0.1, 1.0, log_p_b=-50.0), ValueError, "natural logarithm of p_b"),
        (
            lambda: gaussian_radius(0.9, 0.1, 1.0, log_tail_a=-50.0),
            ValueError,
            "natural logarithm of 1 - p_a",
        ),
        (lambda: gaussian_radius([0.9, 0.8], [0.1, 0.1, 0.1], 1.0), ValueError, "broadcast"),
        (lambda: uniform_radius(0.9, 0.1, -1.0), ValueError, "width"),
        (lambda: uniform_radius(0.9, 0.1, 1.0, norm="l3"), ValueError, "norm"),
        (lambda: uniform_radius(0.9, 0.1, 1.0, norm="l2", dim=3), ValueError, "rows"),
        (lambda: uniform_radius(0.9, 0.1, 1.0, norm="linf", rows=3), ValueError, "dim"),
        (lambda: uniform_radius(0.9, 0.1, 1.0, norm="l2", rows=3, dim=0), ValueError, "dim"),
        (lambda: uniform_certified(0.9, 0.1, [0.1, 0.2], 1.0), ValueError, "give rows"),
        (lambda: uniform_certified(0.9, 0.1, [[0.1, 0.2]], 1.0, rows=2), ValueError, "one pattern"),
        (lambda: uniform_certified(0.9, 0.1, [[math.nan]], 1.0), ValueError, "deltas"),
        (lambda: uniform_certified(0.9, 0.1, [[0.1]], [1.0, 2.0]), ValueError, "width"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
