"""Worst cases over an attacker's budget: enumeration of every attack, no slack on the unsafe side."""

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
    Overlap,
    TradeOff,
    WorstCase,
    deletion,
    masking,
    vocabulary_noise,
    worst_by_enumeration,
    worst_by_envelopes,
    worst_by_hull,
    worst_by_total_variation,
    worst_case,
    worst_overlaps,
)

F = Fraction
PAIRS_OF_BOUNDS = [(F(9, 10), F(1, 10)), (F(99, 100), F(0)), (F(7, 10), F(1, 4)), (F(1), F(0))]

shares = st.sampled_from([F(i, 12) for i in range(4, 13)])
equal_overlaps = shares.map(lambda o: Overlap(o, o))
overlaps = st.builds(Overlap, shares, shares)


def positions(choices, most_positions=4, most_choices=3):
    return st.lists(st.lists(choices, max_size=most_choices), min_size=1, max_size=most_positions)


def normalised(weights):
    total = sum(weights)
    return {z: F(w, total) for z, w in enumerate(weights) if w}


weights = st.lists(st.integers(0, 5), min_size=2, max_size=4).filter(any)
budgets = st.integers(0, 3)


@st.composite
def laws_by_position(draw):
    """For each position the observed law and those that it may be changed to."""
    n = draw(st.integers(1, 3))
    return [
        (normalised(draw(weights)), [normalised(w) for w in draw(st.lists(weights, max_size=2))])
        for _ in range(n)
    ]


def options_of(laws):
    return [[Atoms.from_laws(observed, other) for other in others] for observed, others in laws]


def true_margin(laws, budget, p_a, p_b):
    """The worst margin over every attack on at most ``budget`` positions, by enumerated laws."""
    options = [[(observed, other) for other in others] for observed, others in laws]
    margins = []
    for attack in naive.attacks(options, budget):
        p0, p1 = (naive.product(*side) for side in zip(*attack, strict=True)) if attack else ({0: 1}, {0: 1})
        clipped = min(p_b, 1 - p_a)
        margins.append(naive.trade_off(p0, p1, p_a) + naive.trade_off(p0, p1, 1 - clipped) - 1)
    return min(margins)


# --- overlap pairs ---


@given(positions(equal_overlaps), budgets)
def test_equal_overlaps_are_worst_where_they_are_smallest(options, budget):
    worst = worst_overlaps(options, budget)
    assert worst.tight and worst.method == "sorted overlaps"
    assert_worst_of_all_attacks(worst, options, budget)


@given(positions(overlaps), budgets)
def test_unequal_overlaps_are_worst_at_a_pareto_minimal_product(options, budget):
    worst = worst_overlaps(options, budget)
    assert worst.tight
    assert_worst_of_all_attacks(worst, options, budget)


def assert_worst_of_all_attacks(worst, options, budget):
    every = [math.prod(attack, start=Overlap(1, 1)) for attack in naive.attacks(options, budget)]
    for p_a, p_b in PAIRS_OF_BOUNDS:
        assert worst.margin(p_a, p_b) == min(pair.margin(p_a, p_b) for pair in every)
        assert worst.lower(p_a) == min(pair.lower(p_a) for pair in every)
        assert worst.upper(p_b) == max(pair.upper(p_b) for pair in every)
    assert worst.least_p_a == max(pair.least_p_a for pair in every)
    assert worst.total_variation == max(pair.total_variation for pair in every)


@given(positions(overlaps, most_positions=3), st.lists(overlaps, max_size=2), budgets, st.integers(0, 2))
def test_rows_are_the_positions_of_a_second_round(row, other, words, rows):
    tables = [row, [other], row[:1]]
    worst = worst_overlaps([worst_overlaps(table, words).pairs for table in tables], rows)
    every = [
        math.prod(itertools.chain(*attack), start=Overlap(1, 1))
        for attack in naive.attacks([list(naive.attacks(table, words)) for table in tables], rows)
    ]
    for p_a, p_b in PAIRS_OF_BOUNDS:
        assert worst.margin(p_a, p_b) == min(pair.margin(p_a, p_b) for pair in every)


def test_too_many_pareto_minimal_products_are_coarsened_soundly():
    options = [[Overlap(F(50 + i, 100), 1 - F(i, 100)) for i in range(0, 40, 3)] for _ in range(4)]
    exact, coarse = worst_overlaps(options, 2), worst_overlaps(options, 2, most=5)
    assert exact.tight and not coarse.tight
    assert len(exact.pairs) > 5 >= len(coarse.pairs)
    for p_a, p_b in PAIRS_OF_BOUNDS:
        assert coarse.margin(p_a, p_b) <= exact.margin(p_a, p_b)


def test_many_rows_are_sorted_fast():
    rows = [[deletion(0.9, only_observed=1 + i % 3)] for i in range(6920)]
    worst = worst_overlaps(rows, 69)
    assert worst.pairs[0].o0 == pytest.approx(0.9 ** (3 * 69), rel=1e-12)
    assert worst.pairs[0].o1 == 1.0


def test_many_rows_of_a_few_kinds_that_no_order_serves_are_affordable():
    kinds = [deletion(0.99, only_observed=2), deletion(0.99, only_other=1), deletion(0.992, substituted=1)]
    worst = worst_overlaps([[kinds[i % 3]] for i in range(6920)], 20)
    assert worst.tight and worst.method == "Pareto-minimal overlaps"
    every = [
        kinds[0] ** i * kinds[1] ** j * kinds[2] ** (20 - i - j) for i in range(21) for j in range(21 - i)
    ]
    for p_a in (0.7, 0.9, 0.99):
        assert worst.margin(p_a) == pytest.approx(min(pair.margin(p_a) for pair in every), abs=1e-12)


def test_floats_of_overlaps_are_never_above_exact_arithmetic():
    rng = np.random.default_rng(5)
    for _ in range(20):
        shares = rng.uniform(0.3, 1.0, (4, 2, 2)).tolist()
        rounded = worst_overlaps([[Overlap(*o) for o in row] for row in shares], 3)
        exact = worst_overlaps([[Overlap(F(a), F(b)) for a, b in row] for row in shares], 3)
        for p_a, p_b in PAIRS_OF_BOUNDS:
            margin = exact.margin(p_a, p_b)
            assert margin - F(1e-13) <= F(rounded.margin(p_a, p_b)) <= margin


# --- general laws ---


@given(laws_by_position(), budgets)
def test_enumeration_is_the_worst_margin_of_every_attack(laws, budget):
    worst = worst_by_enumeration(options_of(laws), budget)
    assert worst.tight
    for p_a, p_b in PAIRS_OF_BOUNDS:
        assert worst.margin(p_a, p_b) == true_margin(laws, budget, p_a, p_b)


@given(laws_by_position(), budgets)
def test_bounds_are_never_above_the_worst_attack_and_ordered(laws, budget):
    options = options_of(laws)
    changeable = sum(map(bool, options))
    exact = worst_by_enumeration(options, budget)
    envelopes = worst_by_envelopes(options, budget)
    hull = worst_by_hull(itertools.chain(*options), min(budget, changeable))
    grid = worst_by_hull(itertools.chain(*options), min(budget, changeable), step=0.02)
    chosen = worst_case(options, budget)
    distances = worst_by_total_variation(options, budget)
    assert not hull.tight and not grid.tight and not distances.tight
    assert chosen.tight
    for p_a, p_b in PAIRS_OF_BOUNDS:
        truth = exact.margin(p_a, p_b)
        assert chosen.margin(p_a, p_b) == truth
        assert grid.margin(p_a, p_b) <= hull.margin(p_a, p_b) <= envelopes.margin(p_a, p_b) <= truth
        assert distances.margin(p_a, p_b) <= truth
        assert not envelopes.tight or envelopes.margin(p_a, p_b) == truth
    assert exact.atoms().dominates(max(exact.pairs, key=lambda pair: pair.least_p_a))


@given(laws_by_position(), budgets)
def test_no_single_attack_is_worse_than_the_worst_case(laws, budget):
    options = options_of(laws)
    worst = worst_case(options, budget)
    rounded = worst_case([[pair.rounded() for pair in choices] for choices in options], budget)
    for attack in naive.attacks(options, budget):
        pair = math.prod(attack, start=IDENTICAL)
        for p_a, p_b in PAIRS_OF_BOUNDS:
            assert worst.margin(p_a, p_b) <= pair.margin(p_a, p_b)
            assert F(rounded.margin(p_a, p_b)) <= pair.margin(p_a, p_b)
            assert worst.lower(p_a) <= pair.lower(p_a)


@given(laws_by_position(), budgets)
def test_a_larger_budget_never_helps_the_defender(laws, budget):
    options = options_of(laws)
    less, more = worst_case(options, budget), worst_case(options, budget + 1)
    for p_a, p_b in PAIRS_OF_BOUNDS:
        assert more.margin(p_a, p_b) <= less.margin(p_a, p_b)


def test_texts_of_equal_words_are_nested_and_need_no_enumeration():
    words = [[vocabulary_noise(50, F(2, 5))] for _ in range(60)]
    worst = worst_case(words, 5)
    assert worst.tight and worst.method == "nested envelopes"
    assert worst.pairs[0].vertices() == (vocabulary_noise(50, F(2, 5)) ** 5).vertices()


def test_what_is_too_much_for_enumeration_falls_back_to_envelopes_and_then_to_the_hull():
    def crossing(i):
        # L of the first starts later and is steeper; neither dominates, and no two positions are nested
        return [Overlap(F(60 + i, 100), 1).atoms(), Overlap(1, F(90 - i, 100)).atoms()]

    options = [crossing(i) for i in range(6)]
    exact = worst_case(options, 3)
    envelopes = worst_case(options, 3, most=20)
    hull = worst_case(options, 3, most=1)
    grid = worst_case(options, 3, most=1, step=0.01)
    methods = [w.method for w in (exact, envelopes, hull, grid)]
    assert methods[:2] == ["enumeration", "envelopes of positions"]
    assert methods[2] == "envelope of all changes" and "grid" in methods[3]
    margins = [float(w.margin(0.95, 0.05)) for w in (exact, envelopes, hull, grid)]
    assert margins == sorted(margins, reverse=True)


def test_the_worst_case_of_a_row_multiplies_with_noise_elsewhere():
    row = worst_overlaps([[masking(F(9, 10))], [deletion(F(8, 10), only_other=1)]], 1)
    token = vocabulary_noise(3, F(3, 5))
    joint = row * token
    assert joint.tight
    for p_a, p_b in PAIRS_OF_BOUNDS:
        assert joint.margin(p_a, p_b) == min((pair * token).margin(p_a, p_b) for pair in row.pairs)
        assert (joint * row).margin(p_a, p_b) <= joint.margin(p_a, p_b)
        assert (token * row).margin(p_a, p_b) <= joint.margin(p_a, p_b)


def test_a_position_without_options_cannot_be_changed_and_a_budget_of_nothing_changes_nothing():
    worst = worst_case([[], [Atoms.from_laws([1, 0], [F(1, 2), F(1, 2)])], []], 3)
    assert worst.lower(1) == F(1, 2)
    for nothing in (
        worst_case([[vocabulary_noise(3, F(3, 5))]], 0),
        worst_case([], 4),
        worst_by_hull([], 4),
        worst_by_hull([vocabulary_noise(3, F(3, 5))], 0),
    ):
        assert nothing.lower(F(3, 4)) == F(3, 4)


def test_arrays_of_probabilities_have_the_answers_of_scalars():
    worst = worst_overlaps([[Overlap(0.5, 0.9), Overlap(0.8, 0.7)]], 1)
    p_a = np.array([0.6, 0.9, 0.99])
    assert isinstance(worst, TradeOff)
    assert worst.margin(p_a).tolist() == [worst.margin(p) for p in p_a]
    assert worst.certified(p_a, 0.01).tolist() == [worst.certified(p, 0.01) for p in p_a]


def test_the_worst_of_rationals_and_floats_is_rounded_to_the_safe_side():
    pairs = [Overlap(F(5, 6), F(5, 6)), Overlap(0.9, 0.9)]
    worst = WorstCase(tuple(pairs), True, "both")
    for p in np.random.default_rng(0).uniform(0.0, 1.0, 200).tolist():
        exact = [Overlap(F(pair.o0), F(pair.o1)) for pair in pairs]
        assert F(worst.lower(p)) <= min(pair.lower(F(p)) for pair in exact)
        assert F(worst.upper(p)) >= max(pair.upper(F(p)) for pair in exact)
        assert isinstance(worst.upper(p), float)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: worst_overlaps([[IDENTICAL]], 1), TypeError, "options must hold Overlap"),
        (lambda: worst_overlaps([[masking(0.9)]], -1), ValueError, "budget must be at least 0"),
        (lambda: worst_overlaps([[masking(0.9)]], 1.0), TypeError, "budget must be a whole number"),
        (lambda: worst_overlaps([[masking(0.9)]], 1, most=1), ValueError, "most must be at least 2"),
        (
            lambda: worst_by_enumeration([[vocabulary_noise(3, 0.5)]] * 30, 10),
            ValueError,
            "use worst_by_envelopes",
        ),
        (
            lambda: worst_by_envelopes(
                [[Overlap(F(1, 2), 1)], [Overlap(1, F(1, 2))], [Overlap(F(1, 3), 1)]], 2, most=2
            ),
            ValueError,
            "use worst_by_hull",
        ),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
