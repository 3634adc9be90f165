"""Both tails of non-central chi-square against ball arithmetic, high precision and closed forms."""

from __future__ import annotations

import json
import math
from pathlib import Path

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from knn_cert.kernels import reference_loops as reference


def law(kernel, cases):
    """{name: list} of the four functions at (x, dof, nonc) triples."""
    x, dof, nonc = (np.array(column, dtype=np.float64) for column in zip(*cases, strict=True))
    return {
        name: getattr(kernel, f"ncx2_{name}")(x, dof, nonc).tolist()
        for name in ("cdf", "sf", "logcdf", "logsf")
    }


def relative_error(got, wanted):
    return float(abs(mpf(got) - wanted) / abs(wanted))


def assert_close(got, wanted, cases, rtol):
    """Compare where the truth is above 1e-300; name the worst case."""
    errors = [relative_error(g, w) if abs(w) > 1e-300 else 0.0 for g, w in zip(got, wanted, strict=True)]
    worst = int(np.argmax(np.nan_to_num(errors, nan=np.inf)))
    assert errors[worst] <= rtol, (
        f"at (x, dof, nonc) = {cases[worst]}: got {got[worst]!r}, wanted {mp.nstr(wanted[worst], 20)}"
    )


# ------------------------------------------------------------------------------------------------------------
# Reference values


@pytest.fixture(scope="module")
def oracle(oracle_folder):
    return json.loads((oracle_folder / "ncx2.json").read_text())


def triples(oracle):
    return [(case["x"], case["dof"], case["nonc"]) for case in oracle]


@pytest.mark.parametrize("tail", ["cdf", "sf"])
def test_probabilities_match_ball_arithmetic(kernel, oracle, tail):
    assert len(oracle) == 400
    cases = triples(oracle)
    assert_close(law(kernel, cases)[tail], [mpf(case[tail]) for case in oracle], cases, 1e-12)


@pytest.mark.parametrize(("log_tail", "other_tail"), [("logcdf", "sf"), ("logsf", "cdf")])
def test_logarithms_match_ball_arithmetic(kernel, oracle, log_tail, other_tail):
    cases = triples(oracle)
    wanted = []
    for case in oracle:
        other = mpf(case[other_tail])
        # log(1 - u) = -u - u^2/2 - ...: where u is tiny the printed logarithm is the radius of a ball around
        # log(1), not -u (20 cases with u from 1e-136 to 1e-252), while u itself is printed with all digits.
        wanted.append(-other if other < 1e-100 else mpf(case[log_tail]))
    assert_close(law(kernel, cases)[log_tail], wanted, cases, 1e-12)


@pytest.mark.parametrize("tail", ["cdf", "sf"])
def test_any_number_of_features_and_any_distance_keep_twelve_digits(kernel, tail):
    """Own values in ball arithmetic (benchmarks/exact/law_balls.py): dof up to 1e11, rows up to 1e5 sigma."""
    cases = json.loads((Path(__file__).parent / "oracle" / "ncx2_more.json").read_text())["cases"]
    assert len(cases) == 65
    arguments = triples(cases)
    assert_close(law(kernel, arguments)[tail], [mpf(case[tail]) for case in cases], arguments, 1e-12)


def test_a_race_of_ten_million_features_is_decided(kernel):
    # Independently, by Gil-Pelaez: P(X < X') = 1/2 - 1/pi int Im(phi_X(w) phi_X'(-w)) / w dw, with 30 digits.
    wanted = mpf("0.784884560851063725935907923584")
    p, other, error = kernel.race(np.sqrt([2e4]), 1, np.sqrt([2.5e4]), 1, sigma=1.0, dof=1e7)
    assert abs(p - wanted) <= error <= 1e-9
    assert abs(other - (1 - wanted)) <= error


def random_triples(seed, count):
    """Whole dimensions and real ones, rows at the query and far ones, x from one far tail to the other."""
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(count):
        dof = float(rng.choice([1, 2, 3, 4, 5, 10, 57, 0.5, 2.5, 33.3, 300]))
        nonc = float(rng.choice([0.0, 10.0 ** rng.uniform(-12, 0), 10.0 ** rng.uniform(0, 2.7)]))
        x = float(max(1e-9, (math.sqrt(dof + nonc) + rng.uniform(-20, 20)) ** 2 * rng.choice([1.0, 1e-3])))
        cases.append((x, dof, nonc))
    return cases


@pytest.mark.parametrize("seed", range(3))
def test_all_four_functions_match_the_mixture_in_high_precision(kernel, seed):
    cases = random_triples(seed, 60)
    got = law(kernel, cases)
    truth = [naive.ncx2(*case) for case in cases]
    logs = [naive.ncx2_logs(*case) for case in cases]
    assert_close(got["cdf"], [t[0] for t in truth], cases, 1e-12)
    assert_close(got["sf"], [t[1] for t in truth], cases, 1e-12)
    assert_close(got["logcdf"], [t[0] for t in logs], cases, 1e-12)
    assert_close(got["logsf"], [t[1] for t in logs], cases, 1e-12)


def test_tails_survive_where_windows_of_fixed_width_underflow(kernel):
    # scipy 1.15 returns 0.0 for the first of these; the others have t << s, or t or s next to nothing.
    cases = [
        (50.0, 4.0, 1000.0),
        (1e-3, 4.0, 1000.0),
        (1e-6, 1.0, 1e-9),
        (1e-12, 57.0, 0.0),
        (1e-9, 3.0, 1200.0),
        (1300.0, 2.0, 1e-12),
        (900.0, 784.0, 1e-6),
    ]
    got = law(kernel, cases)
    truth = [naive.ncx2(*case) for case in cases]
    assert abs(got["cdf"][0] / 2.17e-134 - 1) < 1e-2
    assert_close(got["cdf"], [t[0] for t in truth], cases, 1e-12)
    assert_close(got["sf"], [t[1] for t in truth], cases, 1e-12)


def test_logarithms_stay_finite_far_beyond_underflow(kernel):
    cases = [(1.0, 3.0, 5e4), (40.0, 57.0, 9e3), (2e4, 5.0, 4.0), (5e3, 1.0, 0.0), (1e-8, 300.0, 10.0)]
    got = law(kernel, cases)
    logs = [naive.ncx2_logs(*case) for case in cases]
    assert all(min(float(low), float(high)) < -800 for low, high in logs)
    assert_close(got["logcdf"], [t[0] for t in logs], cases, 1e-12)
    assert_close(got["logsf"], [t[1] for t in logs], cases, 1e-12)


# ------------------------------------------------------------------------------------------------------------
# Closed forms


def normal_tail(z):
    """P(N > z) as mpf."""
    return mp.erfc(z / mp.sqrt(2)) / 2


@pytest.mark.parametrize("s", [0.0, 1e-6, 0.5, 3.0, 30.0, 200.0, 5e3, 1e5, 1e7])
def test_one_dimension_is_a_normal_law_on_two_sides(kernel, s):
    nonc = s * s
    cases = [((s + z) ** 2, 1.0, nonc) for z in (-30.0, -8.0, -2.0, -0.1, 0.1, 2.0, 8.0, 30.0) if s + z > 0]
    got = law(kernel, cases)
    mean = mp.sqrt(mpf(nonc))
    radii = [mp.sqrt(mpf(x)) for x, _, _ in cases]
    upper = [normal_tail(t - mean) + normal_tail(t + mean) for t in radii]
    # Where the interval (-t, t) lies far from the mean, the lower tail is a difference of two upper tails.
    lower = [normal_tail(mean - t) - normal_tail(mean + t) for t in radii]
    assert_close(got["cdf"], lower, cases, 1e-12)
    assert_close(got["sf"], upper, cases, 1e-12)
    logs = [mp.log1p(-p) if p < 0.5 else mp.log(q) for p, q in zip(lower, upper, strict=True)]
    assert_close(got["logsf"], logs, cases, 1e-12)


@pytest.mark.parametrize("x", [1e-300, 1e-12, 0.3, 1.3, 40.0, 1400.0])
def test_two_dimensions_at_the_query_are_exponential(kernel, x):
    got = law(kernel, [(x, 2.0, 0.0)])
    assert relative_error(got["cdf"][0], -mp.expm1(-mpf(x) / 2)) <= 1e-13
    assert relative_error(got["sf"][0], mp.exp(-mpf(x) / 2)) <= 1e-12
    assert relative_error(got["logsf"][0], -mpf(x) / 2) <= 1e-13
    log_cdf = mp.log(-mp.expm1(-mpf(x) / 2)) if x < 1 else mp.log1p(-mp.exp(-mpf(x) / 2))
    assert relative_error(got["logcdf"][0], log_cdf) <= 1e-13


@pytest.mark.parametrize("dof", [0.5, 1.0, 3.5, 200.0])
def test_far_rows_of_any_dimension_match_the_mixture(kernel, dof):
    s = 1000.0
    cases = [((s + z) ** 2, dof, s * s) for z in (-25.0, -3.0, 0.0, 2.0, 25.0)]
    truth = [naive.ncx2(*case) for case in cases]
    got = law(kernel, cases)
    assert_close(got["cdf"], [t[0] for t in truth], cases, 1e-12)
    assert_close(got["sf"], [t[1] for t in truth], cases, 1e-12)


# ------------------------------------------------------------------------------------------------------------
# Properties

positive = st.floats(min_value=1e-6, max_value=1e4)
dofs = st.sampled_from([1.0, 2.0, 3.0, 7.5, 57.0, 784.0])


@given(x=positive, dof=dofs, nonc=st.floats(min_value=0.0, max_value=1e4))
def test_the_tails_add_up_to_one_and_agree_with_their_logarithms(kernel, x, dof, nonc):
    got = {name: values[0] for name, values in law(kernel, [(x, dof, nonc)]).items()}
    assert 0.0 <= got["cdf"] <= 1.0
    assert 0.0 <= got["sf"] <= 1.0
    assert abs(got["cdf"] + got["sf"] - 1.0) <= 1e-15
    for tail in ("cdf", "sf"):
        log_tail = got[f"log{tail}"]
        assert log_tail <= 0.0
        if got[tail] > 1e-300:
            # The rounding of the logarithm itself is an absolute error in the exponent.
            assert math.exp(log_tail) == pytest.approx(got[tail], rel=1e-13 + 4e-16 * abs(log_tail))
        else:
            assert log_tail < -690.0


@given(x=positive, dof=dofs, nonc=st.floats(min_value=0.0, max_value=1e4), factor=st.floats(1.001, 3.0))
def test_a_farther_row_and_a_smaller_radius_are_less_likely_inside(kernel, x, dof, nonc, factor):
    near, far, smaller = law(kernel, [(x, dof, nonc), (x, dof, nonc * factor), (x / factor, dof, nonc)])[
        "cdf"
    ]
    assert far <= near * (1 + 1e-12)
    assert smaller <= near * (1 + 1e-12)


def test_values_do_not_depend_on_the_company_of_the_other_points(kernel):
    cases = random_triples(11, 37)
    together = law(kernel, cases)
    alone = [law(kernel, [case]) for case in cases]
    for name, values in together.items():
        assert values == [one[name][0] for one in alone]


def test_an_empty_array_gives_an_empty_array(kernel):
    empty = np.empty(0)
    for name in ("ncx2_cdf", "ncx2_sf", "ncx2_logcdf", "ncx2_logsf"):
        assert getattr(kernel, name)(empty, empty, empty).shape == (0,)


# ------------------------------------------------------------------------------------------------------------
# The specification's own lemmas


@pytest.mark.parametrize("dof", [1, 2, 57, 3072])
@pytest.mark.parametrize("z", [-20.0, -4.0, -0.5, 0.5, 4.0, 20.0])
def test_the_mixture_and_the_contour_integral_agree_where_both_apply(dof, z):
    nonc = 1e6
    x = (math.sqrt(nonc + dof) + z) ** 2
    lower = z < 0
    unit, tail, density = reference._contour(dof, nonc / 2, x / 2, (x - nonc - dof) / 2, lower)
    mixture = reference._Mixture(x, dof, nonc)
    other_tail, other_density = mixture.lower() if lower else mixture.upper()
    scale = math.exp(unit - mixture.log_unit)
    assert tail * scale == pytest.approx(other_tail, rel=1e-12)
    assert density * scale == pytest.approx(other_density, rel=1e-12)


@pytest.mark.parametrize(("dof", "nonc"), [(1, 0.0), (2, 3.0), (57, 40.0), (3072, 900.0)])
def test_the_density_is_the_derivative_of_the_distance_law(dof, nonc):
    for z in (-3.0, 0.0, 2.0):
        t = max(0.3, math.sqrt(dof + nonc) + z)
        density = reference.distance_law(t, nonc, dof)[2]
        truth = 2 * mpf(t) * naive.ncx2(mpf(t) ** 2, dof, nonc)[2]
        assert relative_error(density, truth) <= 1e-12


def test_the_reported_rounding_of_the_law_covers_its_true_error(oracle):
    for case in oracle:
        radius = math.sqrt(case["x"])
        got = reference.ncx2_tails(case["x"], case["dof"], case["nonc"])
        for value, tail, log_tail in zip(got[:2], ("cdf", "sf"), ("logcdf", "logsf"), strict=True):
            if mpf(case[tail]) > 1e-300:
                bound = reference.law_rounding(radius, float(case[log_tail]))
                assert relative_error(value, mpf(case[tail])) <= bound
