"""Theorem 1 is tight: the worst-case classifier h* of Theorem 2 of RAB, built and evaluated exactly.

P0 is the law of the noised training table that is observed, P1 that of the table without the tampering. Only
the shift between them matters: P0 is noise around 0, P1 the same noise around ``shift``. All that is known of
the smoothed classifier are p_A and p_B. h* sorts the noise by the likelihood ratio dP1 / dP0: the P0-mass p_A
with the lowest ratio is class A (label 0), the mass p_B with the highest is class B (the last label), the
other classes share what lies between, at most p_B each. What is certified for p_A and p_B is certified for h*
too. So A must stay strictly the most probable class under P1 for every shift that is certified, without any
slack; and a shift just outside, further than the radius is rounded down, must make B more probable than A.
"""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from knn_cert.bounds import gaussian_radius, uniform_certified, uniform_radius

DIGITS = 60
A, B = 0, -1
JUST_INSIDE, JUST_OUTSIDE = 1.0 - 1e-9, 1.0 + 1e-9

# What the radii are rounded down by, used on the outside only: less than 1e-13 of themselves, and the
# Gaussian one by 16 eps of each quantile too, which is below 1e-13 sigma for quantiles up to 8.5 and the
# larger part where p_a and p_b are so close that the quantiles cancel.
RELATIVE_ROUNDING = 1e-13
QUANTILE_ROUNDING = 1e-13

# p_a, p_b and the number of classes. Theorem 2 asks for p_a + p_b <= 1 and 1 - p_a - p_b <= (C - 2) p_b.
CASES = [
    (0.6, 1.0 - 0.6, 2),
    (0.9, 1.0 - 0.9, 2),
    (0.999, 1.0 - 0.999, 2),
    (0.5 + 2.0**-20, 0.5 - 2.0**-20, 2),
    (1.0 - 2.0**-30, 2.0**-30, 2),
    (1.0 - 2.0**-53, 2.0**-53, 2),
    (0.6, 0.25, 3),
    (0.4, 0.35, 3),
    (0.4000001, 0.4, 3),
    (0.999, 0.0008, 3),
    (1.0 - 2.0**-40, 2.0**-40, 3),
    (0.7, 0.1, 5),
    (0.98, 0.001, 22),
]
cases = pytest.mark.parametrize(("p_a", "p_b", "n_classes"), CASES)


# --- h* ---


def ends_of_classes(p_a, p_b, n_classes):
    """Where each class but the last ends in P0-mass, from the lowest likelihood ratio; exact fractions."""
    p_a, p_b = Fraction(p_a), Fraction(p_b)
    between = 1 - p_a - p_b
    assert 0 <= between <= (n_classes - 2) * p_b, (
        "Theorem 2 does not cover these p_a, p_b with so few classes"
    )
    return [p_a + between * k / max(n_classes - 2, 1) for k in range(n_classes - 1)]


def masses(ends):
    """What lies between one end and the next, from 0 to 1."""
    ends = [0, *ends, 1]
    return [high - low for low, high in zip(ends[:-1], ends[1:], strict=True)]


class GaussianWorstCase:
    """h* for N(0, sigma^2) noise: slabs across the shift, since the ratio increases along it."""

    def __init__(self, p_a, p_b, n_classes, shift, sigma):
        self.shift, self.sigma = np.ravel(shift), sigma
        ends = ends_of_classes(p_a, p_b, n_classes)
        with mp.workdps(DIGITS):
            # in units of sigma along the shift; Phi^-1(p) = sqrt(2) erfinv(2p - 1)
            self.cuts = [
                mp.sqrt(2) * mp.erfinv(2 * mp.mpf(end.numerator) / end.denominator - 1) for end in ends
            ]
            self.distance = mp.sqrt(mp.fsum(mp.mpf(x) ** 2 for x in self.shift)) / mp.mpf(sigma)

    def observed(self):
        """Class probabilities under P0."""
        return self._masses_around(0)

    def other(self):
        """Class probabilities under P1."""
        return self._masses_around(self.distance)

    def _masses_around(self, centre):
        with mp.workdps(DIGITS):
            return masses([mp.ncdf(cut - centre) for cut in self.cuts])

    def __call__(self, noise):
        """Labels of noise of shape (n, number of features)."""
        along = noise @ self.shift / np.linalg.norm(self.shift) / self.sigma
        return np.searchsorted(np.array(self.cuts, dtype=float), along)


class UniformWorstCase:
    """h* for noise on [0, width]: P0 lives on a box, P1 on the shifted box, the ratio is 0, 1 or infinity.

    It is 0 on the observed box without the other, 1 on their intersection, infinite on the other without the
    observed one. Ties are broken by one coordinate more, of a row that nobody touched: it has the same law
    under P0 and P1 and is independent of the others, so that h* is deterministic and its masses are exact.
    """

    def __init__(self, p_a, p_b, n_classes, shift, width):
        width = Fraction(width)
        self.width = float(width)
        self.shift = [Fraction(float(x)) for x in np.ravel(shift)]
        self.n_classes = n_classes
        common = Fraction(1)
        for x in self.shift:
            low, high = max(x, Fraction(0)), min(x + width, width)
            common *= max(high - low, Fraction(0)) / width
        self.common, self.lost = common, 1 - common
        # The first P0-mass, up to `lost`, is where the ratio is 0. Within a region a class ends at a share of
        # the spare coordinate.
        ends = ends_of_classes(p_a, p_b, n_classes)
        self.ends_in_lost = [min(end / self.lost, Fraction(1)) if self.lost else Fraction(1) for end in ends]
        self.ends_in_common = [max(end - self.lost, Fraction(0)) / common if common else 1 for end in ends]

    def observed(self):
        """Class probabilities under P0."""
        return self._masses(masses(self.ends_in_lost), [0] * self.n_classes)

    def other(self):
        """Class probabilities under P1; what is new there belongs to B."""
        return self._masses([0] * self.n_classes, [*[0] * (self.n_classes - 1), 1])

    def _masses(self, in_lost, in_new):
        # the boxes are equally large: P1 has outside the intersection what P0 has
        in_common = masses(self.ends_in_common)
        return [
            self.common * both + self.lost * (observed + new)
            for both, observed, new in zip(in_common, in_lost, in_new, strict=True)
        ]

    def __call__(self, noise, spare):
        """Labels of noise of shape (n, number of features), with the spare coordinate of shape (n,)."""
        moved = np.array(self.shift, dtype=float)
        in_observed = np.all((noise >= 0.0) & (noise <= self.width), axis=1)
        in_other = np.all((noise >= moved) & (noise <= moved + self.width), axis=1)
        share = spare / self.width
        labels = np.full(len(noise), self.n_classes - 1)
        for region, ends in (
            (in_observed & ~in_other, self.ends_in_lost),
            (in_observed & in_other, self.ends_in_common),
        ):
            labels[region] = np.searchsorted(np.array(ends, dtype=float), share[region])
        return labels


def a_stays(probabilities):
    return probabilities[A] > max(probabilities[1:])


def a_loses_to_b(probabilities):
    return probabilities[A] < probabilities[B]


def is_certified(shift, radius, norm="l2"):
    """Whether the norm of the shift is below the radius, in exact arithmetic."""
    radius = Fraction(radius)
    sizes = [abs(Fraction(float(x))) for x in np.ravel(shift)]
    if norm == "l2":
        return sum(x * x for x in sizes) < radius * radius
    return (sum(sizes) if norm == "l1" else max(sizes)) < radius


def worst_direction(norm, dim):
    """The direction of norm 1 in which a ball of uniform noise is left first, as uniform_radius documents."""
    if norm == "l1":
        return np.eye(dim)[0]
    return np.ones(dim) / (math.sqrt(dim) if norm == "l2" else 1.0)


# --- h* is what the theorem assumes ---


@cases
def test_the_worst_classifier_has_the_probabilities_that_are_known_of_it(p_a, p_b, n_classes):
    gaussian = GaussianWorstCase(p_a, p_b, n_classes, [[0.3, -0.4]], 0.5).observed()
    with mp.workdps(DIGITS):
        assert abs(gaussian[A] - mp.mpf(p_a)) < mp.mpf(10) ** -55
        assert abs(gaussian[B] - mp.mpf(p_b)) < mp.mpf(10) ** -55
        assert all(-(mp.mpf(10) ** -55) < p < mp.mpf(p_b) + mp.mpf(10) ** -55 for p in gaussian[1:])
    # shifted little, by half the width, and out of the box
    for shift in ([[1e-3, 0.0]], [[0.5, 0.0], [0.5, -0.25]], [[0.0, 1.25]]):
        uniform = UniformWorstCase(p_a, p_b, n_classes, shift, 1.0).observed()
        assert sum(uniform) == 1
        assert uniform[A] == Fraction(p_a)
        assert uniform[B] == Fraction(p_b)
        assert all(0 <= p <= Fraction(p_b) for p in uniform[1:])


@pytest.mark.parametrize("noise", ["gaussian", "uniform"])
def test_drawn_labels_have_the_probabilities_that_are_computed(noise):
    n, p_a, p_b, n_classes = 200_000, 0.6, 0.2, 4
    shift = np.array([[0.1, -0.3, 0.2], [0.25, 0.0, -0.1]])
    rng = np.random.default_rng(11)
    if noise == "gaussian":
        worst = GaussianWorstCase(p_a, p_b, n_classes, shift, 0.5)
        drawn = rng.normal(0.0, 0.5, (n, shift.size))
        observed, other = worst(drawn), worst(drawn + shift.ravel())
    else:
        worst = UniformWorstCase(p_a, p_b, n_classes, shift, 2.0)
        drawn, spare = rng.uniform(0.0, 2.0, (n, shift.size)), rng.uniform(0.0, 2.0, n)
        observed, other = worst(drawn, spare), worst(drawn + shift.ravel(), spare)
    for labels, probabilities in ((observed, worst.observed()), (other, worst.other())):
        counts = np.bincount(labels, minlength=n_classes)
        for count, p in zip(counts, map(float, probabilities), strict=True):
            assert abs(count - n * p) <= 5.0 * math.sqrt(n * p * (1.0 - p))


# --- Gaussian ---


@cases
@pytest.mark.parametrize("shape", [(1, 1), (3, 4)])
def test_equation_14_holds_just_inside_the_radius_and_flips_just_outside(p_a, p_b, n_classes, shape):
    sigma = 0.7
    radius = gaussian_radius(p_a, p_b, sigma)
    direction = np.random.default_rng(5).normal(size=shape)
    direction /= np.linalg.norm(direction)
    for factor in (0.0, 0.5, 0.999, JUST_INSIDE):
        shift = factor * radius * direction
        assert is_certified(shift, radius)
        assert a_stays(GaussianWorstCase(p_a, p_b, n_classes, shift, sigma).other())
    last = np.zeros(shape)
    last[-1, -1] = math.nextafter(radius, 0.0)
    assert a_stays(GaussianWorstCase(p_a, p_b, n_classes, last, sigma).other())
    outside = (radius * JUST_OUTSIDE + QUANTILE_ROUNDING * sigma) * direction
    assert a_loses_to_b(GaussianWorstCase(p_a, p_b, n_classes, outside, sigma).other())


@cases
@pytest.mark.parametrize("rows", [2, 7])
def test_equation_15_holds_for_one_pattern_just_inside_the_radius_and_flips_just_outside(
    p_a, p_b, n_classes, rows
):
    sigma = 2.5
    radius = gaussian_radius(p_a, p_b, sigma, rows=rows)
    direction = np.array([0.6, 0.0, -0.8])
    inside = JUST_INSIDE * radius * direction
    assert is_certified(inside, radius)
    assert a_stays(GaussianWorstCase(p_a, p_b, n_classes, [inside] * rows, sigma).other())
    # the pattern in fewer rows is covered too, the same pattern in more rows is not
    assert a_stays(GaussianWorstCase(p_a, p_b, n_classes, [inside] * (rows - 1), sigma).other())
    assert a_loses_to_b(GaussianWorstCase(p_a, p_b, n_classes, [inside] * (rows + 1), sigma).other())
    outside = (radius * JUST_OUTSIDE + QUANTILE_ROUNDING * sigma) * direction
    assert a_loses_to_b(GaussianWorstCase(p_a, p_b, n_classes, [outside] * rows, sigma).other())


# --- uniform ---


@cases
def test_equation_17_holds_for_a_total_just_inside_the_radius_and_flips_just_outside(p_a, p_b, n_classes):
    width = 1.7
    radius = uniform_radius(p_a, p_b, width)
    rng = np.random.default_rng(6)
    for exponent in (0.1, 1.0, 8.0):  # many coordinates alike, or few large ones
        shift = rng.choice([-1.0, 1.0], (2, 3)) * rng.exponential(size=(2, 3)) ** exponent
        shift *= JUST_INSIDE * radius / np.abs(shift).sum()
        assert is_certified(shift, radius, "l1")
        assert a_stays(UniformWorstCase(p_a, p_b, n_classes, shift, width).other())
    one = np.zeros((2, 3))
    for moved in (JUST_INSIDE * radius, math.nextafter(radius, 0.0)):
        one[1, 0] = moved
        assert a_stays(UniformWorstCase(p_a, p_b, n_classes, one, width).other())
    one[1, 0] = JUST_OUTSIDE * radius
    assert a_loses_to_b(UniformWorstCase(p_a, p_b, n_classes, one, width).other())


@cases
@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
@pytest.mark.parametrize(("rows", "dim"), [(1, 1), (1, 3), (4, 1), (3, 5)])
def test_equation_18_holds_for_one_pattern_just_inside_each_ball_and_flips_just_outside(
    p_a, p_b, n_classes, norm, rows, dim
):
    width = 2.0
    radius = uniform_radius(p_a, p_b, width, norm=norm, rows=rows, dim=dim)

    def h_star(pattern):
        return UniformWorstCase(p_a, p_b, n_classes, [pattern] * rows, width).other()

    inside = JUST_INSIDE * radius * worst_direction(norm, dim)
    assert is_certified(inside, radius, norm)
    assert a_stays(h_star(inside))
    rng = np.random.default_rng(7)
    for exponent in (0.1, 1.0, 8.0):
        pattern = rng.choice([-1.0, 1.0], dim) * rng.exponential(size=dim) ** exponent
        pattern *= JUST_INSIDE * radius / np.linalg.norm(pattern, {"l1": 1, "l2": 2, "linf": np.inf}[norm])
        assert is_certified(pattern, radius, norm)
        assert a_stays(h_star(pattern))
    assert a_loses_to_b(h_star(JUST_OUTSIDE * radius * worst_direction(norm, dim)))


@cases
@pytest.mark.parametrize(("rows", "dim"), [(1, 2), (3, 4)])
def test_a_tampering_is_certified_just_as_long_as_the_worst_classifier_keeps_its_class(
    p_a, p_b, n_classes, rows, dim
):
    width = 0.8
    shape = worst_direction("l2", dim) * np.resize([1.0, -1.0], dim)
    reach = uniform_radius(p_a, p_b, width, norm="l2", rows=rows, dim=dim)
    for factor, certified in ((0.0, True), (0.9, True), (JUST_INSIDE, True), (JUST_OUTSIDE, False)):
        pattern = factor * reach * shape
        worst = UniformWorstCase(p_a, p_b, n_classes, [pattern] * rows, width)
        assert a_stays(worst.other()) is certified
        assert uniform_certified(p_a, p_b, [pattern] * rows, width) is certified
        assert uniform_certified(p_a, p_b, pattern, width, rows=rows) is certified


def test_on_the_boundary_itself_both_classes_are_level_and_nothing_is_certified():
    # all of these numbers are exact: the margin (p_a - p_b) / 2 is the share 1/4 of the width that is left
    probabilities = UniformWorstCase(0.75, 0.25, 2, [[0.25]], 1.0).other()
    assert probabilities[A] == probabilities[B] == Fraction(1, 2)
    assert uniform_certified(0.75, 0.25, [[0.25]], 1.0) is False
    assert not uniform_radius(0.75, 0.25, 1.0) > 0.25


def test_noise_that_shares_no_point_with_the_observed_one_leaves_nothing_to_class_a():
    # Proposition 1
    probabilities = UniformWorstCase(1.0 - 2.0**-53, 2.0**-53, 2, [[0.0, 1.0]], 1.0).other()
    assert probabilities == [0, 1]
    assert uniform_certified(1.0, 0.0, [[0.0, 1.0]], 1.0) is False


# --- any probabilities, any shift ---


@st.composite
def known_probabilities(draw):
    """p_a, p_b and the number of classes, as Theorem 2 asks; p_a near 1, near p_b, and between."""
    n_classes = draw(st.integers(2, 6))
    p_a = draw(
        st.one_of(
            st.floats(1.0 / n_classes, 1.0, exclude_max=True),
            st.integers(2, 53).map(lambda k: 1.0 - 2.0**-k),
        )
    )
    if n_classes == 2:
        assume(p_a > 0.5)
        return p_a, 1.0 - p_a, n_classes
    least, most = (1.0 - p_a) / (n_classes - 1), min(p_a, 1.0 - p_a)
    p_b = least + draw(st.floats(0.0, 1.0)) * (most - least)
    between = 1 - Fraction(p_a) - Fraction(p_b)
    assume(p_b < p_a and 0 <= between <= (n_classes - 2) * Fraction(p_b))
    return p_a, p_b, n_classes


near_or_far = st.one_of(
    st.floats(0.0, 3.0),
    st.integers(2, 15).map(lambda k: 1.0 - 10.0**-k),
    st.integers(2, 15).map(lambda k: 1.0 + 10.0**-k),
)
directions = st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=6).filter(lambda x: max(map(abs, x)) > 0.01)


@settings(max_examples=150)
@given(known_probabilities(), directions, st.integers(1, 5), near_or_far, st.floats(1e-3, 1e3))
def test_the_gaussian_answer_is_whether_the_worst_classifier_flips(known, direction, rows, factor, sigma):
    p_a, p_b, n_classes = known
    radius = gaussian_radius(p_a, p_b, sigma, rows=rows)
    direction = np.array(direction)
    pattern = factor * radius / np.linalg.norm(direction) * direction
    stays = a_stays(GaussianWorstCase(p_a, p_b, n_classes, [pattern] * rows, sigma).other())
    if is_certified(pattern, radius):
        assert stays
    elif stays:
        # Not certified although A stays: only within what the radius is rounded down by.
        allowed = radius * (1.0 + RELATIVE_ROUNDING) + QUANTILE_ROUNDING * sigma / math.sqrt(rows)
        assert np.linalg.norm(pattern) <= allowed


@settings(max_examples=150)
@given(known_probabilities(), directions, st.integers(1, 5), near_or_far, st.floats(1e-3, 1e3))
def test_the_uniform_answer_is_whether_the_worst_classifier_flips(known, direction, rows, factor, width):
    p_a, p_b, n_classes = known
    # Shifts whose product in Eq. (18) meets the boundary at factor 1, in any direction.
    budget = -math.log1p(-(p_a - p_b) / 2.0) / rows
    parts = np.abs(direction) / np.sum(np.abs(direction))
    pattern = np.sign(direction) * width * -np.expm1(-factor * budget * parts)
    worst = UniformWorstCase(p_a, p_b, n_classes, [pattern] * rows, width)
    stays = a_stays(worst.other())
    certified = uniform_certified(p_a, p_b, pattern, width, rows=rows)
    assert uniform_certified(p_a, p_b, [pattern] * rows, width) is certified
    if certified:
        assert stays
    elif stays:
        margin = (Fraction(p_a) - Fraction(p_b)) / 2
        assert margin - worst.lost <= RELATIVE_ROUNDING * margin


@settings(max_examples=100)
@given(
    known_probabilities(),
    st.sampled_from(["l1", "l2", "linf"]),
    st.integers(1, 5),
    st.integers(1, 6),
    near_or_far,
    st.floats(1e-3, 1e3),
)
def test_a_ball_of_uniform_noise_ends_where_the_worst_classifier_flips(known, norm, rows, dim, factor, width):
    p_a, p_b, n_classes = known
    radius = uniform_radius(p_a, p_b, width, norm=norm, rows=rows, dim=dim)
    pattern = factor * radius * worst_direction(norm, dim)
    stays = a_stays(UniformWorstCase(p_a, p_b, n_classes, [pattern] * rows, width).other())
    if is_certified(pattern, radius, norm):
        assert stays
    elif stays:
        assert factor <= 1.0 + RELATIVE_ROUNDING
