"""Theorem 1 for discrete laws against enumeration and linear programmes, no slack on the unsafe side."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import naive_laws as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knn_cert.bounds import (
    IDENTICAL,
    Atoms,
    Grid,
    Overlap,
    box_noise,
    deletion,
    drop_then_delete,
    envelope,
    fixed_keep,
    label_noise,
    largest_certified,
    largest_fixed_keep_budget,
    mask_or_synonym,
    masking,
    mixture,
    row_dropping,
    uniform_certified,
    uniform_sets,
    vocabulary_noise,
)

F = Fraction
GRID = [F(i, 24) for i in range(25)]


def normalised(weights):
    total = sum(weights)
    return {z: F(w, total) for z, w in enumerate(weights) if w}


weights = st.lists(st.integers(0, 6), min_size=1, max_size=5).filter(any)
laws = st.tuples(weights, weights).map(lambda two: (normalised(two[0]), normalised(two[1])))
pairs = laws.map(lambda two: Atoms.from_laws(*two))
probability = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.5, 0.95, 0.999, 1.0]))


# --- L and U ---


@given(st.lists(laws, min_size=1, max_size=3))
def test_l_of_a_product_is_the_neyman_pearson_value_of_the_enumerated_laws(positions):
    pair = math.prod((Atoms.from_laws(*position) for position in positions), start=IDENTICAL)
    p0, p1 = (naive.product(*side) for side in zip(*positions, strict=True))
    for p in GRID:
        assert pair.lower(p) == naive.trade_off(p0, p1, p)
        assert pair.upper(p) == 1 - naive.trade_off(p0, p1, 1 - p)
    assert pair.total_variation == naive.total_variation(p0, p1)
    assert pair.mass_at_zero == sum(m for z, m in p0.items() if z not in p1)
    assert pair.mass_at_infinity == sum(m for z, m in p1.items() if z not in p0)


@given(laws, laws, probability)
def test_l_is_the_value_of_the_linear_programme(one, two, p):
    pair = Atoms.from_laws(*one) * Atoms.from_laws(*two)
    p0, p1 = naive.product(one[0], two[0]), naive.product(one[1], two[1])
    assert float(pair.lower(p)) == pytest.approx(naive.programme(p0, p1, p), abs=1e-9)


@given(laws, probability, probability)
def test_the_margin_is_the_least_lead_over_all_base_classifiers(law, p_a, p_b):
    # also for p_a + p_b > 1, where the formula with p_b itself would give less
    value = naive.joint_programme(*law, p_a, p_b)
    assert float(Atoms.from_laws(*law).margin(p_a, p_b)) == pytest.approx(value, abs=1e-9)


def test_the_margin_with_p_b_above_one_minus_p_a_is_the_clipped_one():
    pair = Atoms.from_laws([F(1, 2), F(1, 3), F(1, 6)], [F(1, 4), F(1, 4), F(1, 2)])
    assert pair.margin(F(9, 10), F(3, 10)) == pair.margin(F(9, 10)) == 2 * pair.lower(F(9, 10)) - 1
    assert pair.margin(F(9, 10), F(3, 10)) > pair.lower(F(9, 10)) - pair.upper(F(3, 10))


@given(pairs)
def test_l_is_non_decreasing_convex_and_between_p_minus_tv_and_p(pair):
    values = [pair.lower(p) for p in GRID]
    assert all(a <= b for a, b in itertools.pairwise(values))
    assert all(2 * b <= a + c for a, b, c in zip(values, values[1:], values[2:], strict=False))
    for p, value in zip(GRID, values, strict=True):
        assert p - pair.total_variation <= value <= p
        assert p <= pair.upper(p) <= p + pair.total_variation


@given(pairs)
def test_a_label_is_certified_for_two_classes_exactly_above_the_least_p_a(pair):
    least = pair.least_p_a
    assert F(1, 2) <= least <= 1
    assert not pair.certified(least)
    if least < 1:
        assert pair.lower(least) == F(1, 2)
        assert pair.certified(least + F(1, 10**9) * (1 - least))


@given(pairs, st.lists(probability, min_size=1, max_size=6))
def test_probabilities_in_arrays_have_the_answers_of_scalars(pair, p):
    for one in (pair, pair.rounded()):
        together = one.lower(np.array(p).reshape(1, -1, 1))
        assert together.shape == (1, len(p), 1)
        assert together.ravel().tolist() == [one.lower(x) for x in p]
        assert one.certified(np.array(p), 0.01).tolist() == [one.certified(x, 0.01) for x in p]


# --- products, splitting, mixtures, envelopes ---


@given(pairs, pairs, pairs)
def test_a_product_dominates_its_factors_and_products_keep_the_order(a, b, c):
    assert (a * b).dominates(a)
    assert (a * b * c).dominates(a * c)
    assert a.dominates(a)


@given(laws, st.integers(0, 4), st.fractions(0, 1, max_denominator=7), st.fractions(0, 1, max_denominator=7))
def test_splitting_an_atom_only_lowers_l_so_merging_ratios_would_raise_it(law, which, share0, share1):
    p0, p1 = law
    z = which % 5
    m0, m1 = p0.get(z, F(0)), p1.get(z, F(0))
    split0 = {**p0, z: m0 * share0, "rest": m0 * (1 - share0)}
    split1 = {**p1, z: m1 * share1, "rest": m1 * (1 - share1)}
    assert Atoms.from_laws(split0, split1).dominates(Atoms.from_laws(p0, p1))


def test_merging_atoms_of_different_ratios_would_certify_too_much():
    # dropped or deleted, taken for one overlap pair: CERTIFICATES, must_not_certify
    rows = drop_then_delete(F(98, 100), F(7, 10), only_observed=1) ** 10
    common = sum(rows.masses.tolist())
    wrong = Overlap(common, 1)
    assert wrong.least_p_a < rows.least_p_a
    assert wrong.certified(F(54, 100)) and not rows.certified(F(54, 100))
    assert all(wrong.lower(p) >= rows.lower(p) for p in GRID)


@given(pairs, st.integers(0, 5))
def test_a_power_is_the_repeated_product(pair, n):
    repeated = math.prod([pair] * n, start=IDENTICAL)
    power = pair**n
    assert power.ratios.tolist() == repeated.ratios.tolist()
    assert power.masses.tolist() == repeated.masses.tolist()
    k = len(pair)
    assert len(power) <= math.comb(n + k - 1, n) if k else len(power) == (n == 0)


@given(laws, laws, st.fractions(0, 1, max_denominator=9))
def test_a_mixture_is_the_law_of_an_experiment_that_is_seen(one, two, weight):
    pair = mixture([weight, 1 - weight], [Atoms.from_laws(*one), Atoms.from_laws(*two)])
    p0, p1 = (
        {(which, z): w * m for which, law, w in ((0, a, weight), (1, b, 1 - weight)) for z, m in law.items()}
        for a, b in zip(one, two, strict=True)
    )
    for p in GRID:
        assert pair.lower(p) == naive.trade_off(p0, p1, p)


@given(st.lists(pairs, min_size=1, max_size=4), st.booleans())
def test_an_envelope_is_the_largest_convex_function_below_all(choices, exact):
    choices = choices if exact else [pair.rounded() for pair in choices]
    hull = envelope(choices)
    assert hull.exact is exact
    assert all(hull.dominates(pair) for pair in choices)
    if exact:
        # every vertex of the hull is a vertex of one of them or the origin
        vertices = {vertex for pair in choices for vertex in pair.vertices()} | {(0, 0)}
        assert set(hull.vertices()) <= vertices
        assert envelope([hull]).vertices() == hull.vertices()


# --- floats err on the safe side ---


def exact_of(law):
    return Atoms.from_laws(*law)


@given(st.lists(laws, min_size=1, max_size=3), probability, probability)
def test_floats_are_never_above_exact_arithmetic_and_close_to_it(positions, p_a, p_b):
    exact = math.prod(map(exact_of, positions), start=IDENTICAL)
    rounded = math.prod((exact_of(law).rounded() for law in positions), start=IDENTICAL)
    assert not rounded.exact
    assert_below(rounded, exact, p_a, p_b)


@given(laws, st.integers(1, 12), probability, probability)
def test_powers_of_floats_are_never_above_exact_arithmetic_and_close_to_it(law, n, p_a, p_b):
    assert_below(exact_of(law).rounded() ** n, exact_of(law) ** n, p_a, p_b)


def assert_below(pair, exact, p_a, p_b, within=1e-12):
    """No slack on the unsafe side: compared as rational numbers."""
    for p in (p_a, p_b):
        assert 0 <= F(pair.lower(p)) <= exact.lower(p) <= F(pair.lower(p)) + F(within) * (1 + slope(exact))
        assert F(pair.upper(p)) >= exact.upper(p)
    assert F(pair.margin(p_a, p_b)) <= exact.margin(p_a, p_b)
    assert F(pair.margin(p_a)) <= exact.margin(p_a)
    assert not pair.certified(p_a, p_b) or exact.certified(p_a, p_b)
    assert F(pair.least_p_a) >= exact.least_p_a
    assert 1 >= F(pair.total_variation) >= exact.total_variation
    atoms, exact_atoms = pair.atoms(), exact.atoms()
    assert 1 >= F(atoms.mass_at_zero) >= exact_atoms.mass_at_zero
    assert 1 >= F(atoms.mass_at_infinity) >= exact_atoms.mass_at_infinity
    assert F(pair.total_variation) - exact.total_variation <= F(within)


def slope(exact):
    return max(exact.atoms().ratios, default=0)


@given(
    st.lists(st.tuples(st.floats(-300, 250), st.floats(-300, 0)), min_size=1, max_size=6),
    probability,
    probability,
)
def test_extreme_ratios_and_masses_stay_sound(logs, p_a, p_b):
    # powers of ten from 1e-300 to 1e250, most of the mass at ratio 0 and infinity
    atoms = [(10.0**r, min(10.0**m, 10.0**-r) / 8) for r, m in logs]
    pair = Atoms([r for r, _ in atoms], [m for _, m in atoms])
    exact = pair.exactly()
    for one, two in ((pair, exact), (pair**2, exact**2)):
        for p in (p_a, p_b, 1.0):
            assert F(one.lower(p)) <= two.lower(p)
        assert F(one.least_p_a) >= two.least_p_a
        assert F(one.total_variation) >= two.total_variation


def test_laws_of_floats_may_miss_one_by_rounding_and_stand_for_what_is_proportional():
    tenths = [0.1] * 10
    pair = Atoms.from_laws(tenths, [0.55, *[0.05] * 9])
    exact = Atoms.from_laws(
        [F(1, 10)] * 10, [F(0.55) / (F(0.55) + 9 * F(0.05)), *[F(0.05) / (F(0.55) + 9 * F(0.05))] * 9]
    )
    for p in (0.3, 0.9, 0.999, 1.0):
        assert F(pair.lower(p)) <= exact.lower(p) <= F(pair.lower(p)) + F(1e-14)


def test_equal_ratios_that_floats_tell_apart_are_merged_and_lose_almost_nothing():
    law = [0.5, 0.2, 0.15, 0.1, 0.05], [0.2, 0.5, 0.15, 0.1, 0.05]
    power = Atoms.from_laws(*law) ** 40
    assert len(power) == 81
    exact = Atoms.from_laws(*[[F(str(x)) for x in side] for side in law]) ** 40
    for p in (0.99, 0.9999):
        assert 0 <= exact.lower(p) - F(power.lower(p)) < 1e-11


def test_the_same_law_on_both_sides_certifies_any_lead():
    for pair in (IDENTICAL, IDENTICAL.rounded(), Overlap(1, 1), Overlap(1.0, 1.0)):
        assert pair.certified(0.5000001) and pair.certified(0.3, 0.2999999)
        assert not pair.certified(0.5) and not pair.certified(0.3, 0.3)
        assert pair.least_p_a >= 0.5
        assert float(pair.least_p_a) == pytest.approx(0.5, abs=1e-15)


def test_disjoint_laws_certify_nothing():
    for pair in (
        Atoms([], []),
        Atoms([], []).rounded(),
        Overlap(0, 0),
        Overlap(0.0, 0.5),
        Atoms([], []) ** 3,
    ):
        assert pair.lower(1) == 0 and pair.upper(0) == 1
        assert not pair.certified(1.0, 0.0)
        assert pair.least_p_a == 1 and pair.total_variation == 1


# --- overlap pairs ---

overlaps = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 6)).map(
    lambda s: (s[0], s[1], min(s))
)


def sets(size_observed, size_other, common):
    observed = {("both", i): F(1, size_observed) for i in range(common)}
    observed |= {("observed", i): F(1, size_observed) for i in range(size_observed - common)}
    other = {("both", i): F(1, size_other) for i in range(common)}
    other |= {("other", i): F(1, size_other) for i in range(size_other - common)}
    return observed, other


@given(st.lists(overlaps, min_size=1, max_size=3))
def test_overlap_pairs_have_the_values_of_the_enumerated_laws(positions):
    pair = math.prod((uniform_sets(*position) for position in positions), start=Overlap(1, 1))
    p0, p1 = (naive.product(*side) for side in zip(*(sets(*position) for position in positions), strict=True))
    atoms = pair.atoms()
    assert pair.exact
    for p in GRID:
        assert pair.lower(p) == atoms.lower(p) == naive.trade_off(p0, p1, p)
        assert pair.upper(p) == atoms.upper(p)
    assert pair.total_variation == atoms.total_variation == naive.total_variation(p0, p1)
    assert pair.least_p_a == atoms.least_p_a
    for p_a, p_b in itertools.product(GRID[::2], GRID[::3]):
        assert pair.margin(p_a, p_b) == atoms.margin(p_a, p_b)
        assert pair.certified(p_a, p_b) == (p_a - min(p_b, 1 - p_a) > pair.threshold)


@given(
    st.fractions(0, 1), st.fractions(0, 1), st.fractions(0, 1), st.integers(0, 40), probability, probability
)
def test_overlaps_of_floats_are_never_above_exact_arithmetic_and_close_to_it(o0, o1, o, n, p_a, p_b):
    if o0 and o1:
        exact = Overlap(o0, o1) ** n * Overlap(max(o, F(1, 100)), 1)
        rounded = Overlap(o0, o1).rounded() ** n * Overlap(max(o, F(1, 100)), 1).rounded()
        assert not rounded.exact
        if min(exact.o0, exact.o1) > 1e-290:
            assert_below(rounded, exact, p_a, p_b)
        if rounded.o0:
            assert rounded.threshold == math.inf or F(rounded.threshold) >= min(exact.threshold, 1)
            atoms = rounded.atoms()
            assert not atoms.exact
            assert atoms.exactly().lower(F(1)) <= exact.o1
            assert not atoms.certified(p_a, p_b) or exact.certified(p_a, p_b)


@pytest.mark.parametrize(("length", "changed"), [(1, 1), (3, 1), (3, 2), (4, 3)])
@pytest.mark.parametrize("rho", [F(9, 10), F(1, 3), 0.7])
def test_masking_and_deletion_have_the_values_of_all_outcomes(length, changed, rho):
    exactly = F(rho)
    text = tuple(range(length))
    substituted = tuple(-1 - i for i in range(changed)) + text[changed:]
    inserted = tuple(-1 - i for i in range(changed)) + text
    cases = [
        (masking(rho, changed), naive.masked(text, exactly), naive.masked(substituted, exactly)),
        (
            deletion(rho, substituted=changed),
            naive.deleted(text, exactly),
            naive.deleted(substituted, exactly),
        ),
        (
            deletion(rho, only_observed=changed),
            naive.deleted(inserted, exactly),
            naive.deleted(text, exactly),
        ),
        (deletion(rho, only_other=changed), naive.deleted(text, exactly), naive.deleted(inserted, exactly)),
    ]
    for pair, p0, p1 in cases:
        assert pair.exact is isinstance(rho, Fraction)
        for p in map(float, GRID):
            truth = naive.trade_off(p0, p1, F(p))
            assert F(pair.lower(p)) <= truth <= F(pair.lower(p)) + (0 if pair.exact else F(1e-14))


def test_deletion_bounds_texts_with_repeated_tokens_from_below():
    p = F(9, 10)
    for observed, other, only_observed, only_other in [
        ("aaa", "aaaa", 0, 1),
        ("abab", "ba", 2, 0),
        ("ab", "ba", 1, 1),
    ]:
        pair = deletion(p, only_observed=only_observed, only_other=only_other)
        p0, p1 = naive.deleted(observed, p), naive.deleted(other, p)
        assert all(pair.lower(q) <= naive.trade_off(p0, p1, q) for q in GRID)
    # the slack of a^3 -> a^4 at p = .45, CERTIFICATES 3.2, is not claimed
    assert naive.trade_off(naive.deleted("aaa", p), naive.deleted("aaaa", p), F(1, 2)) >= pair.lower(F(1, 2))


@pytest.mark.parametrize(
    ("length", "keep", "changed"), [(5, 1, 1), (5, 2, 2), (6, 3, 1), (4, 0, 4), (4, 2, 3)]
)
def test_a_fixed_number_of_kept_words_has_the_values_of_all_outcomes(length, keep, changed):
    text = tuple(range(length))
    other = tuple(-1 - i for i in range(changed)) + text[changed:]
    p0, p1 = naive.kept(text, keep), naive.kept(other, keep)
    pair = fixed_keep(length, keep, changed)
    assert [pair.lower(p) for p in GRID] == [naive.trade_off(p0, p1, p) for p in GRID]


def test_masking_or_a_synonym_has_the_values_of_all_outcomes():
    rho, size = F(1, 4), 5
    for common in range(size + 1):
        p0, p1 = (
            {None: rho, **{z: (1 - rho) * m for z, m in law.items()}} for law in sets(size, size, common)
        )
        pair = mask_or_synonym(rho, size, common)
        assert [pair.lower(p) for p in GRID] == [naive.trade_off(p0, p1, p) for p in GRID]
    assert mask_or_synonym(0.25, 5, 2).lower(0.9) <= mask_or_synonym(rho, 5, 2).lower(0.9)


def test_dropped_rows_have_the_values_of_all_outcomes():
    pi, rows = F(4, 5), ("kept", "first", "second")

    def dropped(table):
        return naive.deleted(table, pi)

    cases = [
        (row_dropping(pi, only_observed=2), dropped(rows), dropped(rows[:1])),
        (row_dropping(pi, only_other=2), dropped(rows[:1]), dropped(rows)),
        (row_dropping(pi, modified=2), dropped(rows), dropped(("kept", "1st", "2nd"))),
    ]
    for pair, p0, p1 in cases:
        assert [pair.lower(p) for p in GRID] == [naive.trade_off(p0, p1, p) for p in GRID]


def test_box_noise_is_corollary_2_of_rab():
    deltas = [F(1, 4), F(0), F(-1, 10)]
    pair = box_noise(deltas, 2)
    assert pair == Overlap(F(7, 8) * F(19, 20), F(7, 8) * F(19, 20))
    rounded = box_noise([float(d) for d in deltas], 2.0)
    assert not rounded.exact and 0 <= pair.o0 - F(rounded.o0) < 1e-15
    for p_a in np.linspace(0.5, 1.0, 101):
        shifted = rounded.certified(p_a), uniform_certified(p_a, 1.0 - p_a, [[0.25, 0.0, -0.1]], 2.0)
        assert shifted[0] == shifted[1]
    assert not box_noise([1.0, 0.0], 1.0).certified(1.0)


# --- largest budgets ---


@pytest.mark.parametrize("rho", [0.5, 0.7, 0.9, 0.95, 0.999])
@pytest.mark.parametrize(
    ("p_a", "p_b"), [(0.95, 0.05), (0.99, 0.0), (0.6, 0.39), (0.9931160484, 0.0068839516)]
)
def test_largest_budgets_are_the_closed_forms(rho, p_a, p_b):
    gap, log = p_a - p_b, math.log(rho)
    assert masking(rho).largest_budget(p_a, p_b) == math.ceil(math.log(1 - gap / 2) / log) - 1
    assert deletion(rho, substituted=1).largest_budget(p_a, p_b) == math.ceil(math.log(1 - gap / 2) / log) - 1
    assert deletion(rho, only_observed=1).largest_budget(p_a, p_b) == math.ceil(math.log(1 - gap) / log) - 1
    assert deletion(rho, only_other=1).largest_budget(p_a, p_b) == math.ceil(-math.log(1 + gap) / log) - 1


@given(st.integers(1, 40), st.integers(0, 40), st.floats(0.5, 1.0))
def test_the_largest_budget_of_a_fixed_number_of_kept_words_is_the_last_certified_one(length, keep, p_a):
    keep = min(keep, length)
    certified = [fixed_keep(length, keep, budget).certified(p_a) for budget in range(length + 1)]
    assert (
        largest_fixed_keep_budget(length, keep, p_a) == certified.index(False) - 1
        if False in certified
        else length
    )


def test_budgets_at_their_ends():
    assert masking(0.9).largest_budget(0.5) == -1
    assert masking(1).largest_budget(0.6) == math.inf
    assert masking(1).largest_budget(0.5) == -1
    assert masking(0).largest_budget(1.0) == 0
    assert largest_fixed_keep_budget(9, 0, 0.6) == 9
    assert largest_certified(lambda budget: masking(F(9, 10), budget), F(95, 100), most=2) == 2


# --- laws with several ratios ---


@pytest.mark.parametrize("keep", [F(3, 5), F(1, 5), F(0), F(1), F(1, 3)])
@pytest.mark.parametrize(("vocabulary", "changed"), [(2, 3), (3, 2), (4, 2), (3, 1)])
def test_vocabulary_noise_has_the_values_of_all_outcomes(vocabulary, changed, keep):
    p0 = naive.product(*[naive.replaced(0, vocabulary, keep)] * changed)
    p1 = naive.product(*[naive.replaced(1, vocabulary, keep)] * changed)
    p0, p1 = ({z: m for z, m in law.items() if m} for law in (p0, p1))
    pair = vocabulary_noise(vocabulary, keep) ** changed
    assert [pair.lower(p) for p in GRID] == [naive.trade_off(p0, p1, p) for p in GRID]
    assert_below(
        vocabulary_noise(vocabulary, float(keep)), vocabulary_noise(vocabulary, F(float(keep))), 0.9, 0.05
    )


def test_label_noise_is_vocabulary_noise_on_labels():
    assert label_noise(4, F(1, 5)).vertices() == vocabulary_noise(4, F(4, 5)).vertices()
    assert not label_noise(4, 0.2).exact


@pytest.mark.parametrize("direction", ["only_observed", "only_other", "substituted"])
def test_dropping_then_deleting_has_the_values_of_all_outcomes(direction):
    pi, p = F(1, 2), F(4, 5)
    clean, triggered, other = ("a", "b"), ("a", "t", "b"), ("a", "c")
    observed, reference = {
        "only_observed": (triggered, clean),
        "only_other": (clean, triggered),
        "substituted": (clean, other),
    }[direction]
    p0 = naive.dropped_then_deleted([observed] * 2, pi, p)
    p1 = naive.dropped_then_deleted([reference] * 2, pi, p)
    pair = drop_then_delete(pi, p, **{direction: 1}) ** 2
    assert [pair.lower(q) for q in GRID] == [naive.trade_off(p0, p1, q) for q in GRID]
    assert drop_then_delete(0.5, F(4, 5), only_observed=1).exact is False


# --- the theorem itself: a model, its training set and every outcome of the noise ---


def predicted(rows, labels, query):
    """A unigram model: the class whose noised rows hold more of the query's words; class 0 among equals."""
    score = [
        sum(row.count(word) for row, y in zip(rows, labels, strict=True) if y == c for word in query)
        for c in (0, 1)
    ]
    return int(score[1] > score[0])


def votes(rows, labels, query, p):
    """The probability of class 1 over the deletion noise of the training set."""
    law = naive.product(*(naive.deleted(row, p) for row in rows))
    return sum(m for noised, m in law.items() if predicted(noised, labels, query))


def test_a_certified_prediction_is_that_of_the_model_without_the_inserted_words():
    rng = np.random.default_rng(6)
    certified = 0
    for _ in range(40):
        p = F(int(rng.integers(5, 10)), 10)
        labels = [0, 1, 1]
        clean = [tuple("abc"[i] for i in rng.integers(0, 3, 2)) for _ in labels]
        poisoned = [row if i == 0 else ("t", *row) for i, row in enumerate(clean)]
        query = ("t", "abc"[rng.integers(0, 3)])
        one, true = votes(poisoned, labels, query, p), votes(clean, labels, query, p)
        label = int(one > F(1, 2))
        p_a, p_true = (one, true) if label else (1 - one, 1 - true)
        pair = deletion(p, only_observed=1) ** 2
        assert p_true >= pair.lower(p_a)
        assert p_true <= pair.upper(p_a)
        if pair.certified(p_a):
            certified += 1
            assert p_true > F(1, 2)
    assert 5 <= certified < 40


# --- the accountant ---


@given(laws, st.integers(1, 6), st.sampled_from([0.5, 0.1, 0.02, 2.0**-10]), probability, probability)
def test_the_grid_is_never_above_exact_arithmetic(law, n, step, p_a, p_b):
    exact = exact_of(law)
    grid = Grid.of(exact, step) ** n
    exact = exact**n
    for p in (p_a, p_b, 1.0):
        assert F(grid.lower(p)) <= exact.lower(p)
        assert F(grid.upper(p)) >= exact.upper(p)
    assert F(grid.margin(p_a, p_b)) <= exact.margin(p_a, p_b)
    assert F(grid.least_p_a) >= exact.least_p_a
    assert F(grid.total_variation) >= exact.total_variation


@given(laws, laws, probability)
def test_the_grid_of_a_product_is_never_above_it_and_splitting_loses_little(one, two, p):
    exact = exact_of(one) * exact_of(two)
    grid = Grid.of(exact_of(one), 0.01) * Grid.of(exact_of(two), 0.01)
    assert 0 <= exact.lower(p) - F(grid.lower(p)) <= 0.01
    assert (
        0 <= F((Grid.of(exact_of(one), 0.01) * exact_of(two)).total_variation) - exact.total_variation <= 0.01
    )


def test_splitting_preserves_both_masses():
    pair = Atoms([F(1, 3), F(5, 2)], [F(3, 4), F(1, 4)])
    for step in (0.3, 0.01):
        atoms = Grid.of(pair, step).atoms()
        assert 1 - 1e-13 < math.fsum(atoms.masses) <= 1
        assert sum(F(r) * F(m) for r, m in zip(atoms.ratios, atoms.masses, strict=True)) <= F(7, 8)
        assert math.fsum(atoms.ratios * atoms.masses) > 7 / 8 - 1e-13


def test_high_powers_keep_few_bins():
    rows = Grid.of(drop_then_delete(0.98, 0.9, only_observed=1), 2.0**-8) ** 692
    exact = drop_then_delete(0.98, 0.9, only_observed=1).rounded() ** 692
    assert len(rows) < 4000
    assert 0 <= exact.lower(0.93) - rows.lower(0.93) < 0.01
    assert exact.least_p_a == pytest.approx(0.912, abs=1e-3)


def test_a_step_half_as_long_loses_less():
    pair = exact_of((normalised([10, 4, 3, 2, 1]), normalised([4, 10, 3, 2, 2])))
    losses = [
        float((pair**4).lower(0.97)) - (Grid.of(pair, step) ** 4).lower(0.97) for step in (0.4, 0.04, 0.004)
    ]
    assert losses[0] > losses[1] > losses[2] >= 0


# --- bad input ---


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Atoms([1, 2], [1]), ValueError, "one length"),
        (lambda: Atoms([0], [1]), ValueError, "ratios must be positive"),
        (lambda: Atoms([-1.0], [0.5]), ValueError, "ratios must be positive"),
        (lambda: Atoms([1], [-1]), ValueError, "masses must not be negative"),
        (lambda: Atoms([1, 2], [F(1, 2), F(1, 2)]), ValueError, "at most 1 under P0 and under P1"),
        (lambda: Atoms(["1"], [1]), TypeError, "an int, a float or a Fraction"),
        (lambda: Atoms([True], [1]), TypeError, "an int, a float or a Fraction"),
        (lambda: Atoms([math.inf], [0.0]), ValueError, "finite"),
        (lambda: Atoms.from_laws([0.5, 0.5], [1.0]), ValueError, "same outcomes"),
        (lambda: Atoms.from_laws([0.5, 0.4], [0.5, 0.5]), ValueError, "p0 must add up to 1"),
        (lambda: Atoms.from_laws([1, 0], [F(1, 2), F(1, 3)]), ValueError, "p1 must add up to 1"),
        (lambda: Atoms.from_laws([1.5, -0.5], [0.5, 0.5]), ValueError, "p0 must not be negative"),
        (lambda: Atoms.from_laws([math.nan], [1.0]), ValueError, "finite"),
        (lambda: Atoms.from_laws({"a": 1}, [1]), TypeError, "both be sequences or both be mappings"),
        (lambda: IDENTICAL.lower(1.5), ValueError, r"p must lie in \[0, 1\]"),
        (lambda: IDENTICAL.rounded().lower(math.nan), ValueError, r"p must lie in \[0, 1\]"),
        (lambda: IDENTICAL.lower(math.nan), ValueError, "finite"),
        (lambda: IDENTICAL.rounded().margin(F(3, 2)), ValueError, "p_a must lie"),
        (lambda: IDENTICAL.margin(0.9, -0.1), ValueError, "p_b must lie"),
        (lambda: IDENTICAL.lower("0.5"), TypeError, "p must be a real number"),
        (lambda: IDENTICAL**-1, ValueError, "power of a pair must be at least 0"),
        (lambda: IDENTICAL**0.5, TypeError, "power of a pair must be a whole number"),
        (lambda: IDENTICAL * 2, TypeError, "unsupported operand"),
        (lambda: mixture([F(1, 2)], [IDENTICAL, IDENTICAL]), ValueError, "weights must add up to 1"),
        (lambda: mixture([1], [IDENTICAL, IDENTICAL]), ValueError, "one for each pair"),
        (lambda: envelope([]), ValueError, "at least one pair"),
        (lambda: Overlap(1.5, 1), ValueError, r"o0 must lie in \[0, 1\]"),
        (lambda: Overlap(1, None), TypeError, "an int, a float or a Fraction"),
        (lambda: uniform_sets(0, 1, 0), ValueError, "size_observed must be at least 1"),
        (lambda: uniform_sets(3, 2, 3), ValueError, "common must be at most"),
        (lambda: masking(1.5), ValueError, "rho must lie"),
        (lambda: masking(0.5, 1.0), TypeError, "substituted must be a whole number"),
        (lambda: fixed_keep(3, 4, 1), ValueError, "at most length"),
        (lambda: deletion(0.5, only_other=-1), ValueError, "only_other must be at least 0"),
        (lambda: row_dropping(-0.1, modified=1), ValueError, "pi must lie"),
        (lambda: box_noise([0.1], 0.0), ValueError, "width must be positive"),
        (lambda: box_noise([math.nan], 1.0), ValueError, "finite"),
        (lambda: vocabulary_noise(1, 0.5), ValueError, "size must be at least 2"),
        (lambda: label_noise(2, 2), ValueError, "flip must lie"),
        (lambda: drop_then_delete(2, 0.5), ValueError, "pi must lie"),
        (lambda: Grid.of(IDENTICAL, 0.0), ValueError, "step must lie"),
        (lambda: Grid.of(IDENTICAL, "0.1"), TypeError, "step must be a real number"),
        (lambda: Grid.of(IDENTICAL, 0.1) * Grid.of(IDENTICAL, 0.2), ValueError, "same step"),
        (lambda: Grid.of(Atoms([1e-300, 1.0], [0.5, 0.5]), 2.0**-20), ValueError, "larger step"),
        (lambda: largest_certified(masking, 0.9, most=-1), ValueError, "most must be at least 0"),
        (
            lambda: Atoms([F(i + 1, 4096) for i in range(4095)], [F(1, 4095)] * 4095).rounded() ** 2,
            ValueError,
            "use a Grid",
        ),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
