"""The families of oracle/certificates.json that ask for Theorem 1 of discrete laws, to 1e-9."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction

import pytest

from knn_cert.bounds import (
    Atoms,
    Grid,
    Overlap,
    deletion,
    drop_then_delete,
    fixed_keep,
    hoeffding_epsilon,
    label_noise,
    largest_fixed_keep_budget,
    masking,
    row_dropping,
    uniform_sets,
    vocabulary_noise,
    worst_by_enumeration,
    worst_by_envelopes,
    worst_by_hull,
    worst_by_total_variation,
    worst_case,
)

F = Fraction
CLOSE = 1e-9


@pytest.fixture(scope="module")
def families(oracle_folder):
    return json.loads((oracle_folder / "certificates.json").read_text())["families"]


def rational(number):
    """The rational number that was written down in decimals."""
    return F(str(number))


def law(weights):
    total = sum(weights.values())
    return {z: F(w, total) for z, w in weights.items()}


def agree(values, out, where):
    """Every value is in the file, and the numbers agree; the rest of the file's values is returned."""
    for name, value in values.items():
        truth = out[name]
        if isinstance(truth, bool):
            assert value is truth, (where, name)
        elif truth is None:
            assert value == math.inf, (where, name)
        else:
            assert float(value) == pytest.approx(truth, rel=CLOSE, abs=CLOSE), (where, name)
    return {name: truth for name, truth in out.items() if name not in values}


def both(pair):
    """A pair as it is and in floats, which may not say more."""
    rounded = pair.rounded()
    assert pair.exact and not rounded.exact
    return pair, rounded


def test_uniform_sets(families):
    cases = families["uniform_sets"]["cases"]
    for case in cases:
        p_a, p_b = rational(case["in"]["pA"]), rational(case["in"]["pB"])
        exact = math.prod(
            (uniform_sets(*sizes) for sizes in case["in"]["positions_S0_S1_cap"]), start=Overlap(1, 1)
        )
        for pair in both(exact):
            distance = pair.total_variation
            values = {
                "O0": pair.o0,
                "O1": pair.o1,
                "T": pair.threshold,
                "beta_star_1mpA": pair.lower(p_a),
                "beta_star_pB": pair.lower(1 - p_b),
                "L_pA": pair.lower(p_a),
                "U_pB": pair.upper(p_b),
                "certified": pair.certified(p_a, p_b),
                "TV": distance,
                "certified_by_TV_bound": Overlap(1 - distance, 1 - distance).certified(p_a, p_b),
            }
            assert not agree(values, case["out"], case)
    assert len(cases) == 9


def test_weighted_product(families):
    cases = families["weighted_product"]["cases"]
    for case in cases:
        p_a, p_b = rational(case["in"]["pA"]), rational(case["in"]["pB"])
        positions = [Atoms.from_laws(law(w0), law(w1)) for w0, w1 in case["in"]["positions_w0_w1"]]
        spent = worst_by_total_variation([[pair] for pair in positions], len(positions))
        for pair in both(math.prod(positions[1:], start=positions[0])):
            values = {
                "beta_star_1mpA": pair.lower(p_a),
                "beta_star_pB": pair.lower(1 - p_b),
                "U_pB": pair.upper(p_b),
                # the file's margin is not clipped to p_b <= 1 - p_a, the package's is
                "margin": pair.lower(p_a) - pair.upper(p_b),
                "certified": pair.certified(p_a, p_b),
                "TV_product": pair.total_variation,
                "TV_coupling_bound": spent.total_variation,
                # the file counts ratio 0 as well
                "n_atoms_finite": len(pair) + (pair.mass_at_zero > CLOSE),
            }
            assert not agree(values, case["out"], case)
            clipped = float(pair.margin(p_a, p_b))
            assert clipped == pytest.approx(float(values["margin"]), abs=CLOSE) or p_a + p_b > 1
            assert clipped >= values["margin"] - CLOSE
    assert len(cases) == 9


def test_worst_case_attacker(families):
    cases = families["worst_case_attacker"]["cases"]
    for case in cases:
        p_a, p_b, budget = rational(case["in"]["pA"]), rational(case["in"]["pB"]), case["in"]["R"]
        options = [
            [Atoms.from_laws(law(position["null"]), law(other)) for other in position["alternatives"]]
            for position in case["in"]["positions"]
        ]
        out = case["out"]
        for choices in (options, [[pair.rounded() for pair in one] for one in options]):
            values = {
                "exact_worst_margin": worst_by_enumeration(choices, budget),
                "envelope_per_position_margin": worst_by_envelopes(choices, budget),
                "envelope_global_margin": worst_by_hull(itertools.chain(*choices), budget),
                "tv_condition_pA_pB_minus_2TV": worst_by_total_variation(choices, budget),
            }
            values = {name: worst.margin(p_a, p_b) for name, worst in values.items()}
            assert agree(values, out, case).keys() == {"worst_positions", "worst_choice"}
            assert float(worst_case(choices, budget).margin(p_a, p_b)) == pytest.approx(
                out["exact_worst_margin"], abs=CLOSE
            )
        named = [options[i][j] for i, j in zip(out["worst_positions"], out["worst_choice"], strict=True)]
        named = math.prod(named[1:], start=named[0])
        assert named.margin(p_a, p_b) == worst_by_enumeration(options, budget).margin(p_a, p_b)
    assert len(cases) == 8


def test_random_masking(families):
    cases = families["random_masking"]["cases"]
    for case in cases:
        given, p_a, p_b = case["in"], rational(case["in"]["pA"]), rational(case["in"]["pB"])
        if given["scheme"] == "bernoulli":
            pairs = [
                (masking(rho, given["R"]), masking(rho).largest_budget(p_a, p_b))
                for rho in (rational(given["rho"]), given["rho"])
            ]
        else:
            largest = largest_fixed_keep_budget(given["n"], given["keep"], p_a, p_b)
            pairs = [(pair, largest) for pair in both(fixed_keep(given["n"], given["keep"], given["R"]))]
        for pair, largest in pairs:
            values = {
                "overlap": pair.o0,
                "L_pA": pair.lower(p_a),
                "U_pB": pair.upper(p_b),
                "certified": pair.certified(p_a, p_b),
                "max_R": largest,
            }
            assert not agree(values, case["out"], case)
    assert len(cases) == 9


def test_random_deletion(families):
    cases = families["random_deletion"]["cases"]
    for case in cases:
        given, p_a, p_b = case["in"], rational(case["in"]["pA"]), rational(case["in"]["pB"])
        for p in (rational(given["p_del"]), given["p_del"]):
            pair = deletion(
                p,
                substituted=given["subs"],
                only_observed=given["only_in_observed"],
                only_other=given["only_in_other"],
            )
            values = {
                "O0": pair.o0,
                "O1": pair.o1,
                "T": pair.threshold,
                "L_pA": pair.lower(p_a),
                "U_pB": pair.upper(p_b),
                "certified": pair.certified(p_a, p_b),
                "max_R_edit": deletion(p, substituted=1).largest_budget(p_a, p_b),
                "max_R_only_in_observed": deletion(p, only_observed=1).largest_budget(p_a, p_b),
                "max_R_only_in_other": deletion(p, only_other=1).largest_budget(p_a, p_b),
            }
            assert not agree(values, case["out"], case)
    assert len(cases) == 9


def test_training_set(families):
    cases = families["training_set"]["cases"]
    for case in cases:
        given, p_a, p_b = case["in"], rational(case["in"]["pA"]), rational(case["in"]["pB"])
        words, rows = given["R"], given["r"]
        if given["noise"] == "drop_then_delete":
            assert given["direction"] == "insert_observed_poisoned"
            for number in (rational, float):
                row = drop_then_delete(number(given["pi"]), number(given["p_del"]), only_observed=words)
                pair = row**rows
                values = {
                    "beta_star_1mpA": pair.lower(p_a),
                    "beta_star_pB": pair.lower(1 - p_b),
                    "certified": pair.certified(p_a, p_b),
                    "min_pA_binary": pair.least_p_a,
                    "TV": pair.total_variation,
                }
                assert len(pair) == rows + 1
                assert not agree(values, case["out"], case)
            continue
        for p in (rational(given["param"]), given["param"]):
            scheme, changed = {
                "insert_observed_poisoned": (deletion, {"only_observed": words}),
                "insert_observed_clean": (deletion, {"only_other": words}),
                "substitute": (deletion, {"substituted": words}),
                "remove_rows": (row_dropping, {"only_observed": 1}),
                "modify_rows": (row_dropping, {"modified": 1}),
            }[given["direction"]]
            row = scheme(p, **changed)
            pair = row**rows
            values = {
                "O0": pair.o0,
                "O1": pair.o1,
                "T": pair.threshold,
                "L_pA": pair.lower(p_a),
                "U_pB": pair.upper(p_b),
                "certified": pair.certified(p_a, p_b),
                "max_r": row.largest_budget(p_a, p_b),
            }
            assert not agree(values, case["out"], case)
    assert len(cases) == 10


def test_vocabulary_noise(families):
    cases = families["vocabulary_noise"]["cases"]
    for case in cases:
        given, p_a, p_b = case["in"], rational(case["in"]["pA"]), rational(case["in"]["pB"])
        for keep in (rational(given["keep"]), given["keep"]):
            pair = vocabulary_noise(given["V"], keep) ** given["R"]
            assert not agree(several(pair, p_a, p_b), case["out"], case)
    assert len(cases) == 8


def test_label_flip_plus_masking(families):
    cases = families["label_flip_plus_masking"]["cases"]
    for case in cases:
        given, p_a, p_b = case["in"], rational(case["in"]["pA"]), rational(case["in"]["pB"])
        for number in (rational, float):
            label = label_noise(given["classes"], number(given["label_noise"]))
            pair = (label * masking(number(given["mask_rho"]), given["R"])) ** given["r_flipped"]
            values = several(pair, p_a, p_b)
            del values["margin"]
            assert not agree(values, case["out"], case)
    assert len(cases) == 6


def several(pair, p_a, p_b):
    return {
        "beta_star_1mpA": pair.lower(p_a),
        "beta_star_pB": pair.lower(1 - p_b),
        "margin": pair.margin(p_a, p_b),
        "certified": pair.certified(p_a, p_b),
        "min_pA_binary": pair.least_p_a,
    }


def test_grid_accountant(families):
    cases = families["grid_accountant"]["cases"]
    for case in cases:
        given = case["in"]
        pair, p = Atoms.from_laws(law(given["w0"]), law(given["w1"])), rational(given["p"])
        exact = (pair ** given["R"]).lower(p)
        assert float(exact) == pytest.approx(case["out"]["exact_L"], abs=CLOSE)
        for step, reference in case["out"]["reference_grid_lower_bounds"].items():
            value = F((Grid.of(pair, float(step)) ** given["R"]).lower(p))
            assert exact - F(2, 100) <= value <= exact
            assert float(value) == pytest.approx(reference, abs=CLOSE)
    assert len(cases) == 5


def test_the_released_sampler_of_crowd_has_its_true_worst_case(families):
    cases = families["crowd_code_counterexample"]["cases"]
    for case in cases:
        out = case["out"]
        word = Atoms.from_laws(out["P_given_a"], out["P_given_other"])
        assert word.total_variation == pytest.approx(out["TV_per_word"], abs=CLOSE)
        pair = word ** case["in"]["k"]
        assert pair.lower(case["in"]["pA"]) == pytest.approx(out["worst_pA_after"], abs=CLOSE)
    assert len(cases) == 5


def test_must_not_certify(families):
    cases = {case["name"]: case for case in families["must_not_certify"]["cases"]}
    met = set()

    def asked(start):
        (name,) = (name for name in cases if name.startswith(start))
        met.add(name)
        return cases[name]["in"], cases[name].get("wrong_claim"), cases[name]["truth"]

    _, _, truth = asked("inserted trigger")
    lengths = Overlap(0, 0)
    assert lengths.lower(1) == truth["L(1)"] and lengths.certified(1) is truth["certified"]

    given, _, truth = asked("trigger word outside")
    common = len(set(given["S0"]) & set(given["S1"]))
    pair = uniform_sets(len(given["S0"]), len(given["S1"]), common)
    assert pair.lower(1) == truth["L(1)"] and pair.certified(1) is truth["certified"]

    given, wrong, truth = asked("RanMASK lambda")
    pair, p_a = fixed_keep(given["n"], given["keep"], given["R"]), rational(given["pA"])
    assert float(pair.lower(p_a)) == pytest.approx(truth["sound_lower_bound"], abs=CLOSE)
    assert pair.lower(p_a) < rational(wrong["lower_bound"])
    assert pair.certified(p_a) is truth["certified"]

    given, wrong, truth = asked("two-level drop+delete")
    rows = (
        drop_then_delete(rational(given["pi"]), rational(given["p_del"]), only_observed=given["R"])
        ** given["r"]
    )
    for pair in both(rows):
        assert float(pair.least_p_a) == pytest.approx(truth["min_pA"], abs=CLOSE)
        assert not pair.certified(rational(wrong["min_pA"]) + F(1, 100))

    given, wrong, truth = asked("RS-Del")
    token = deletion(rational(given["p_del"]), only_other=1)
    mu = rational(given["mu"])
    assert token.largest_budget(mu) == truth["radius"] < wrong["radius"]
    assert float((token ** wrong["radius"]).lower(mu)) == pytest.approx(truth["q_after_58"], abs=CLOSE)
    assert not (token ** wrong["radius"]).certified(mu)

    given, wrong, truth = asked("SAFER/CROWD table")
    pair, p_a = uniform_sets(given["S0"], given["S1"], given["cap"]), rational(given["pA"])
    assert (pair.total_variation, float(pair.lower(p_a))) == (truth["TV"], truth["L_pA"])
    assert not pair.certified(p_a) and Overlap(wrong["overlap"], wrong["overlap"]).certified(p_a)

    given, _, truth = asked("CROWD mc_error")
    failure = math.exp(-2 * given["n"] * given["eps"] ** 2)
    assert failure == pytest.approx(truth["hoeffding_failure_probability"], abs=CLOSE)
    for alpha in (0.01, 0.001):
        needed = hoeffding_epsilon(given["n"], alpha)
        assert needed == pytest.approx(truth[f"eps_needed_alpha_{alpha}"], abs=CLOSE)
        assert needed > given["eps"]

    assert met == cases.keys()
