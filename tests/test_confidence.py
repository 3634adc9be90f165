"""Confidence bounds: coverage by summing binomials and multinomials in exact arithmetic, never by luck."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from scipy.special import betainc

from knn_cert.bounds import (
    clopper_pearson_lower,
    clopper_pearson_upper,
    fewest_votes,
    hoeffding_epsilon,
    models_needed,
    vote_bounds,
)

ALPHAS = [0.3, 0.05, 1e-3, 1e-9, 1e-20]


def at_least(k, n, q):
    """P(Binomial(n, q) >= k), exact for a Fraction."""
    return sum((math.comb(n, j) * q**j * (1 - q) ** (n - j) for j in range(k, n + 1)), 0 * q)


def at_most(k, n, q):
    return sum((math.comb(n, j) * q**j * (1 - q) ** (n - j) for j in range(k + 1)), 0 * q)


# --- Clopper-Pearson ---


@pytest.mark.parametrize("n", [1, 2, 7, 20])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_lower_bound_covers_in_exact_arithmetic_and_could_not_be_larger(n, alpha):
    assert clopper_pearson_lower(0, n, alpha) == 0.0
    for k in range(1, n + 1):
        bound = Fraction(clopper_pearson_lower(k, n, alpha))
        assert 0 < bound < 1
        assert at_least(k, n, bound) <= Fraction(alpha)
        assert at_least(k, n, min(bound * (1 + Fraction(1, 10**11)), Fraction(1))) > Fraction(alpha)


@pytest.mark.parametrize("n", [1, 2, 7, 20])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_upper_bound_covers_in_exact_arithmetic_and_could_not_be_smaller(n, alpha):
    assert clopper_pearson_upper(n, n, alpha) == 1.0
    for k in range(n):
        bound = Fraction(clopper_pearson_upper(k, n, alpha))
        assert 0 < bound <= 1
        assert at_most(k, n, bound) <= Fraction(alpha)
        assert at_most(k, n, bound * (1 - Fraction(1, 10**11))) > Fraction(alpha)


@pytest.mark.parametrize("n", [1000, 100_000, 10_000_000])
@pytest.mark.parametrize("k", [1, 37, 999])
@pytest.mark.parametrize("alpha", [0.05, 1e-3, 1e-8])
def test_bounds_of_many_votes_cover_where_the_library_inverse_does_not(n, k, alpha):
    with mp.workdps(40):
        assert binomial_tail(k, n, clopper_pearson_lower(k, n, alpha), upward=True) <= alpha
        assert binomial_tail(k, n, clopper_pearson_upper(k, n, alpha), upward=False) <= alpha
        assert binomial_tail(k, n, clopper_pearson_lower(k, n, alpha) * (1 + 1e-8), upward=True) > alpha
        assert binomial_tail(k, n, clopper_pearson_upper(k, n, alpha) * (1 - 1e-8), upward=False) > alpha


def binomial_tail(k, n, q, *, upward):
    """P(X >= k) or P(X <= k) by the series that starts at k and falls."""
    q = mp.mpf(q)
    log_first = (
        mp.loggamma(n + 1)
        - mp.loggamma(k + 1)
        - mp.loggamma(n - k + 1)
        + k * mp.log(q)
        + (n - k) * mp.log(1 - q)
    )
    term = total = mp.mpf(1)
    odds = q / (1 - q)
    j = k
    while term > total * mp.mpf(10) ** -30 and (j < n if upward else j > 0):
        term *= odds * (n - j) / (j + 1) if upward else j / (odds * (n - j + 1))
        j += 1 if upward else -1
        total += term
    return mp.exp(log_first) * total


@pytest.mark.parametrize("n", [15, 40])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_the_bounds_fail_with_probability_at_most_alpha_for_every_q(n, alpha):
    lower = [Fraction(clopper_pearson_lower(k, n, alpha)) for k in range(n + 1)]
    upper = [Fraction(clopper_pearson_upper(k, n, alpha)) for k in range(n + 1)]
    # The error probabilities are largest next to the bounds themselves.
    grid = [Fraction(i, 50) for i in range(51)] + [b - Fraction(1, 10**9) for b in lower[1:]] + upper[:-1]
    for q in grid:
        pmf = [math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(n + 1)]
        assert sum(p for p, b in zip(pmf, lower, strict=True) if b > q) <= Fraction(alpha)
        assert sum(p for p, b in zip(pmf, upper, strict=True) if b < q) <= Fraction(alpha)


def test_unanimous_and_absent_votes_keep_their_digits():
    for n, alpha in ((1, 1e-300), (1000, 1e-3), (10**12, 1e-3)):
        with mp.workdps(60):
            root = mp.mpf(alpha) ** (mp.mpf(1) / n)
            lower, upper = clopper_pearson_lower(n, n, alpha), clopper_pearson_upper(0, n, alpha)
            assert root * (1 - mp.mpf("2e-12")) <= lower <= root
            assert 1 - root <= upper <= min((1 - root) * (1 + mp.mpf("1e-14")), mp.mpf(1))


def test_bounds_take_arrays():
    k = np.array([[0, 3], [9, 10]])
    lower, upper = clopper_pearson_lower(k, 10, 0.01), clopper_pearson_upper(k, 10, 0.01)
    for index in np.ndindex(2, 2):
        assert lower[index] == clopper_pearson_lower(int(k[index]), 10, 0.01)
        assert upper[index] == clopper_pearson_upper(int(k[index]), 10, 0.01)
    assert isinstance(clopper_pearson_lower(3, 10, 0.01), float)


def test_an_inverse_that_fails_gives_a_bound_that_still_covers(monkeypatch):
    from knn_cert.bounds import clopper_pearson

    monkeypatch.setattr(clopper_pearson, "betaincinv", lambda a, b, y: np.full(np.shape(a + b), np.nan))
    for k in range(1, 20):
        bound = clopper_pearson_lower(k, 20, 1e-3)
        assert betainc(k, 20 - k + 1, bound) <= 1e-3


# --- Hoeffding ---


def test_hoeffding_is_rounded_up_and_longer_than_clopper_pearson():
    for n, alpha in itertools.product([1, 10, 1000], [0.3, 0.01, 1e-6]):
        with mp.workdps(40):
            truth = mp.sqrt(-mp.log(mp.mpf(alpha)) / (2 * n))
            assert truth <= hoeffding_epsilon(n, alpha) <= truth * (1 + mp.mpf("1e-14"))
        for k in range(0, n + 1, max(1, n // 7)):
            assert k / n - hoeffding_epsilon(n, alpha) <= clopper_pearson_lower(k, n, alpha)
            assert k / n + hoeffding_epsilon(n, alpha) >= clopper_pearson_upper(k, n, alpha)


# --- votes of several classes: the certificate's error, summed over all outcomes ---


def outcomes(n, n_classes):
    if n_classes == 1:
        yield (n,)
        return
    for first in range(n + 1):
        for rest in outcomes(n - first, n_classes - 1):
            yield (first, *rest)


def chance(counts, q):
    coefficient, left = 1, sum(counts)
    for c in counts:
        coefficient *= math.comb(left, c)
        left -= c
    return coefficient * math.prod(p**c for p, c in zip(q, counts, strict=True))


def wrong(label, p_lower, p_upper, q):
    others = max(p for c, p in enumerate(q) if c != label)
    return p_lower > p_upper and (Fraction(p_lower) > q[label] or Fraction(p_upper) < others)


def probability_of_a_wrong_certificate(n, q, bounds_of):
    return sum(chance(counts, q) for counts in outcomes(n, len(q)) if wrong(*bounds_of(counts), q))


LAWS = [
    [Fraction(1, 2), Fraction(1, 2)],
    [Fraction(51, 100), Fraction(49, 100)],
    [Fraction(9, 10), Fraction(1, 10)],
    [Fraction(49, 100), Fraction(2, 100), Fraction(49, 100)],
    [Fraction(1, 3), Fraction(1, 3), Fraction(1, 3)],
    [Fraction(2, 5), Fraction(1, 5), Fraction(2, 5)],
    [Fraction(3, 20), Fraction(7, 10), Fraction(3, 20)],
]


@pytest.mark.parametrize("q", LAWS, ids=str)
@pytest.mark.parametrize("runner_up", ["complement", "votes"])
@pytest.mark.parametrize("method", ["clopper-pearson", "hoeffding"])
@pytest.mark.parametrize("selection", ["none", "pilot"])
def test_a_certificate_is_wrong_with_probability_at_most_alpha(q, runner_up, method, selection):
    n, alpha = 18, 0.05
    counts = np.array(list(outcomes(n, len(q))))
    for label in range(len(q)) if selection == "pilot" else [None]:
        chosen = None if label is None else np.full(len(counts), label)
        bounds = vote_bounds(
            counts, alpha, label=chosen, selection=selection, method=method, runner_up=runner_up
        )
        errors = sum(
            chance(c.tolist(), q)
            for c, one, low, up in zip(counts, bounds.label, bounds.p_lower, bounds.p_upper, strict=True)
            if wrong(one, low, up, q)
        )
        assert errors <= Fraction(alpha)


def test_choosing_the_label_from_the_same_votes_must_be_paid_for():
    # q = (1/2, 1/2): the larger count is a certificate waiting to go wrong, on either side.
    n, alpha = 18, 0.06
    unpaid = probability_of_a_wrong_certificate(
        n, LAWS[0], lambda counts: vote_bounds(counts, alpha, label=int(np.argmax(counts)), selection="pilot")
    )
    paid = probability_of_a_wrong_certificate(n, LAWS[0], lambda counts: vote_bounds(counts, alpha))
    assert unpaid > Fraction(alpha) >= paid > 0


def test_alpha_is_split_as_the_docstring_says():
    n, alpha, counts = 200, 0.01, [30, 150, 20]
    lower, upper = clopper_pearson_lower, clopper_pearson_upper
    pilot = {"label": 1, "selection": "pilot"}
    assert vote_bounds(counts, alpha, **pilot) == (
        1,
        lower(150, n, alpha / 2),
        min(upper(30, n, alpha / 2), 1 - lower(150, n, alpha / 2)),
    )
    assert vote_bounds(counts, alpha, runner_up="complement", **pilot) == (
        1,
        lower(150, n, alpha),
        1 - lower(150, n, alpha),
    )
    assert vote_bounds(counts, alpha) == (
        1,
        lower(150, n, alpha / 6),
        min(upper(30, n, alpha / 4), 1 - lower(150, n, alpha / 6)),
    )
    assert vote_bounds(counts, alpha, runner_up="complement").p_lower == lower(150, n, alpha / 2)
    assert vote_bounds([40, 160], alpha).p_lower == lower(160, n, alpha / 2)
    assert vote_bounds([40, 160], alpha, **pilot).p_lower == lower(160, n, alpha)


def test_equal_votes_give_the_lowest_index_and_no_certificate():
    bounds = vote_bounds([5, 5, 0], 0.05)
    assert bounds.label == 0
    assert bounds.p_lower < bounds.p_upper


def test_a_pilot_label_with_few_votes_gives_no_certificate():
    bounds = vote_bounds([90, 10], 0.05, label=1, selection="pilot")
    assert bounds.p_lower < 0.1 < 0.9 < bounds.p_upper <= 1.0


def test_queries_in_rows_agree_with_queries_alone():
    counts = np.array([[10, 0, 0], [3, 4, 3], [0, 1, 9]])
    together = vote_bounds(counts, 0.01)
    for i, row in enumerate(counts):
        alone = vote_bounds(row, 0.01)
        assert (together.label[i], together.p_lower[i], together.p_upper[i]) == alone
    assert isinstance(alone.label, int)


# --- number of models ---


@pytest.mark.parametrize(("threshold", "needed"), [(0.9, 135), (0.98, 688)])
def test_models_needed_meets_the_worked_figures(threshold, needed):
    assert models_needed(threshold, 0.001) == needed


@pytest.mark.parametrize("threshold", [0.0, 0.123, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("alpha", [0.2, 0.001, 1e-12])
def test_models_needed_is_the_first_number_whose_unanimity_certifies(threshold, alpha):
    needed = models_needed(threshold, alpha)
    margins = [2.0 * clopper_pearson_lower(n, n, alpha) - 1.0 for n in (max(needed - 1, 1), needed)]
    assert margins[1] > threshold
    assert needed == 1 or margins[0] <= threshold


def test_models_needed_is_strict_where_unanimity_meets_the_threshold_exactly():
    # 0.25**(1/2) is 1/2 and does not exceed it.
    assert models_needed(0.0, 0.25) == 3


# --- the oracle file ---


def test_every_case_of_the_oracle_is_met(oracle_folder):
    cases = json.loads((oracle_folder / "certificates.json").read_text())["families"]["confidence"]["cases"]
    met = 0
    for case in cases:
        n, n_a, n_b, alpha = (case["in"][name] for name in ("N", "nA", "nB", "alpha"))
        out = case["out"]
        rest = n - n_a - n_b
        # The votes of neither class go to classes with at most n_b votes each, which changes no bound.
        counts = [n_a, n_b] + [min(n_b, rest - start) for start in range(0, rest, max(n_b, 1))]
        pair = vote_bounds(counts, alpha, label=0, selection="pilot", runner_up="votes")
        binary = vote_bounds([n_a, n - n_a], alpha, label=0, selection="pilot")
        hoeffding = vote_bounds(
            counts, alpha, label=0, selection="pilot", method="hoeffding", runner_up="votes"
        )
        values = {
            "cp_lower_A_alpha": clopper_pearson_lower(n_a, n, alpha),
            "cp_lower_A_half": clopper_pearson_lower(n_a, n, alpha / 2),
            "cp_upper_B_half": clopper_pearson_upper(n_b, n, alpha / 2),
            "margin_pair": pair.p_lower - pair.p_upper,
            "margin_binary_full_alpha": binary.p_lower - binary.p_upper,
            "hoeffding_eps_alpha": hoeffding_epsilon(n, alpha),
            "hoeffding_lower_A_half": hoeffding.p_lower,
            "hoeffding_upper_B_half": n_b / n + hoeffding_epsilon(n, alpha / 2),
        }
        assert values.keys() == out.keys()
        for name, value in values.items():
            assert value == pytest.approx(out[name], rel=1e-12, abs=1e-13), (case["in"], name)
        met += 1
    assert met == len(cases) >= 9


# --- bad input ---


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: clopper_pearson_lower(11, 10, 0.05), ValueError, "k must lie between 0 and n, got 11 of 10"),
        (lambda: clopper_pearson_upper(-1, 10, 0.05), ValueError, "k must lie between 0 and n"),
        (lambda: clopper_pearson_lower(0, 0, 0.05), ValueError, "n must be at least 1"),
        (lambda: clopper_pearson_lower(1.0, 10, 0.05), TypeError, "k must be a whole number"),
        (lambda: clopper_pearson_lower([1, 2], [1, 2, 3], 0.05), ValueError, "broadcast"),
        (lambda: clopper_pearson_lower(1, 10, 0.0), ValueError, "alpha"),
        (lambda: clopper_pearson_lower(1, 10, 1.0), ValueError, "alpha"),
        (lambda: clopper_pearson_lower(1, 10, math.nan), ValueError, "alpha"),
        (lambda: clopper_pearson_lower(1, 10, "0.05"), TypeError, "alpha"),
        (lambda: hoeffding_epsilon(0, 0.05), ValueError, "n must be at least 1"),
        (lambda: vote_bounds([10], 0.05), ValueError, "two classes"),
        (lambda: vote_bounds([[[1, 2]]], 0.05), ValueError, "shape"),
        (lambda: vote_bounds([10, -1], 0.05), ValueError, "negative"),
        (lambda: vote_bounds([[1, 0], [0, 0]], 0.05), ValueError, "at least one vote"),
        (lambda: vote_bounds([0.9, 0.1], 0.05), TypeError, "counts"),
        (
            lambda: vote_bounds([9, 1], 0.05, selection="pilot"),
            ValueError,
            "label must be the class that the pilot votes chose",
        ),
        (lambda: vote_bounds([9, 1], 0.05, label=0), ValueError, "pilot"),
        (lambda: vote_bounds([9, 1], 0.05, label=2, selection="pilot"), ValueError, r"0\.\.1, got 2"),
        (lambda: vote_bounds([[9, 1]], 0.05, label=0, selection="pilot"), ValueError, "shape"),
        (lambda: vote_bounds([9, 1], 0.05, selection="best"), ValueError, "selection"),
        (lambda: vote_bounds([9, 1], 0.05, method="wald"), ValueError, "method"),
        (lambda: vote_bounds([9, 1], 0.05, runner_up="all"), ValueError, "runner_up"),
        (lambda: models_needed(1.0, 0.05), ValueError, "threshold"),
        (lambda: models_needed("0.9", 0.05), TypeError, "threshold"),
        (lambda: fewest_votes(1, 0.05), ValueError, "n_classes must be at least 2"),
        (lambda: clopper_pearson_lower(np.uint64(2**63), 10, 0.05), ValueError, r"k must be below 2\*\*63"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
