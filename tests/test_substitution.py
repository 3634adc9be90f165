"""Substitution laws against oracles, exact rationals, the released sampler; budgets against every attack."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import pickle
from collections import Counter
from fractions import Fraction

import naive_laws as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knn_cert.bounds import Atoms, Overlap, envelope, largest_certified, worst_overlaps
from knn_cert.text import swaps
from knn_cert.text.beta_argmax import beta_argmax, fit_beta
from knn_cert.text.corpus import tokenize
from knn_cert.text.substitution import (
    SubstitutionLaw,
    UniformSubstitution,
    beta_cdf,
    beta_race,
    cluster_shared,
    crowd_paper,
    crowd_released,
    floored,
    similarity_power,
    similarity_softmax,
)
from knn_cert.text.substitution.hull import hull_of_laws
from knn_cert.text.swaps import largest_word_budget
from knn_cert.text.synonyms import SynonymNetwork

F = Fraction
CLOSE = 1e-9
GRID = [F(i, 24) for i in range(25)]
ABC = {("a", "b"): 0.9, ("a", "c"): 0.8, ("b", "c"): 0.85}


@pytest.fixture(scope="module")
def families(oracle_folder):
    return json.loads((oracle_folder / "certificates.json").read_text())["families"]


def star(similarities):
    """A network of the word w, similar to itself by 1, and one neighbour for each further similarity."""
    assert similarities[0] == 1
    names = [f"z{i:02}" for i in range(1, len(similarities))]
    given_ = {("w", name): s for name, s in zip(names, similarities[1:], strict=True)}
    return SynonymNetwork.from_pairs(given_, similarities=given_)


def complete(weights):
    return SynonymNetwork.from_pairs(itertools.combinations([f"z{i}" for i in range(len(weights))], 2))


def triangle():
    return SynonymNetwork.from_pairs(ABC, similarities=ABC)


def mapping(law, word):
    """The law as rational numbers, which the doubles are."""
    candidates, probabilities = law.distribution(word)
    return {z: F(p) for z, p in zip(candidates, probabilities.tolist(), strict=True)}


# --- the families of the oracle ---


def test_the_released_sampler_has_the_law_of_the_oracle(families):
    cases = families["crowd_released_sampler"]["cases"]
    for case in cases:
        similarities, out = case["in"]["sims"], case["out"]
        if case["in"]["fit"]:
            alpha, beta = fit_beta(similarities)
            assert (alpha, beta) == pytest.approx((out["alpha"], out["beta"]), rel=CLOSE)
        else:
            alpha, beta = case["in"]["alpha"], case["in"]["beta"]
        probabilities = beta_argmax(similarities, alpha, beta)
        assert probabilities == pytest.approx(out["probs"], abs=1e-10)
        if "exact_rational" in out:
            exact = [float(F(number)) for number in out["exact_rational"]]
            assert probabilities == pytest.approx(exact, abs=1e-12)
        if case["in"]["fit"] and similarities[0] == 1:
            law = crowd_released(star(similarities))
            assert law.distribution("w")[1] == pytest.approx(out["probs"], abs=CLOSE)
    assert len(cases) == 9


def test_weighted_laws_are_those_of_the_oracle(families):
    cases = families["weighted_laws"]["cases"]
    for case in cases:
        given_, probabilities = case["in"], case["out"]["probs"]
        if given_["rule"] == "beta_race":
            alphas = {f"z{i}": alpha for i, alpha in enumerate(given_["alphas"])}
            law = beta_race(complete(alphas), alphas)
            for word in alphas:
                candidates, found = law.distribution(word)
                assert dict(zip(candidates, found, strict=True)) == pytest.approx(
                    dict(zip(alphas, probabilities, strict=True)), abs=CLOSE
                )
            continue
        network = star(given_["sims"])
        if given_["rule"] == "power":
            law = similarity_power(network, given_["param"])
        elif given_["rule"] == "softmax":
            law = similarity_softmax(network, given_["param"])
        else:
            assert given_["rule"] == "beta_cdf"
            law = beta_cdf(network)
        assert law.distribution("w")[1] == pytest.approx(probabilities, abs=CLOSE)
    assert len(cases) == 9


def test_what_the_released_code_certifies_is_not_certified(families):
    cases = families["crowd_code_counterexample"]["cases"]
    law = crowd_released(triangle())
    for case in cases:
        given_, out = case["in"], case["out"]
        other = given_["substitution"][-1]
        assert given_["sims"] == {"".join(edge): s for edge, s in ABC.items()}
        assert [mapping(law, "a")[z] for z in "abc"] == pytest.approx(out["P_given_a"], abs=CLOSE)
        assert [mapping(law, other)[z] for z in "abc"] == pytest.approx(out["P_given_other"], abs=CLOSE)
        pair = law.pairs("a")["bc".index(other)]
        assert pair.total_variation == pytest.approx(out["TV_per_word"], abs=CLOSE)
        left = (pair ** given_["k"]).lower(given_["pA"])
        assert left == pytest.approx(out["worst_pA_after"], abs=CLOSE)
        assert out["crowd_code_says_certified"]
        assert largest_word_budget(law, ["a"] * given_["k"], given_["pA"]) == 0
    assert len(cases) == 5


# --- the released sampler, drawn and integrated by other means ---


def released_draws(similarities, n, generator):
    """The released rule, line by line, n times."""
    s = np.array(similarities)
    mean, variance = np.mean(s), np.var(s)
    k = mean * (1.0 - mean) / variance - 1.0
    p = generator.beta(mean * k, (1.0 - mean) * k, (n, len(s))) * s
    p /= p.sum(axis=1, keepdims=True)
    return np.bincount(p.argmax(axis=1), minlength=len(s))


@pytest.mark.parametrize(
    "similarities",
    [
        (1.0, 0.8),
        (1.0, 0.9, 0.8),
        (1.0, 0.99, 0.5, 0.5),
        (1.0, 0.4, 0.1),
        (1.0, 0.9, 0.2, 0.0),
        tuple(1.0 - i / 60 for i in range(16)),
    ],
)
def test_draws_of_the_released_rule_have_the_law(similarities):
    n = 200_000
    counts = released_draws(similarities, n, np.random.default_rng(20240611))
    _, law = crowd_released(star(similarities)).distribution("w")
    # Six standard deviations: less than 1e-7 for the whole file by chance, and the seed is fixed anyway.
    assert np.all(np.abs(counts - n * law) <= 6.0 * np.sqrt(n * law * (1.0 - law)) + 1e-6)


def test_draws_of_the_printed_rule_are_uniform_whatever_the_similarities():
    s = np.array([1.0, 0.92, 0.88, 0.85, 0.83])
    n, generator = 200_000, np.random.default_rng(20240612)
    theta = generator.beta(22.14286975717439, 2.570154525386313, (n, len(s)))
    counts = np.bincount((theta / theta.sum(axis=1, keepdims=True)).argmax(axis=1), minlength=len(s))
    law = crowd_paper(star(s.tolist()))
    assert isinstance(law, UniformSubstitution)
    assert np.all(np.abs(counts - n * law.distribution("w")[1]) <= 6.0 * np.sqrt(n * 0.2 * 0.8))


def times(p, q):
    result = [F(0)] * (len(p) + len(q) - 1)
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            result[i + j] += a * b
    return result


def integral(p, low, high):
    return sum(a * (high ** (i + 1) - low ** (i + 1)) / (i + 1) for i, a in enumerate(p))


def rational_law(similarities, alpha, beta):
    """P(j) for whole alpha and beta: polynomials between the breakpoints, integrated exactly."""
    density = [F(0)] * (alpha - 1) + [
        F(math.comb(beta - 1, i) * (-1) ** i) * alpha * math.comb(alpha + beta - 1, alpha)
        for i in range(beta)
    ]
    distribution = [F(0)] + [a / (i + 1) for i, a in enumerate(density)]
    law = []
    for j, own in enumerate(similarities):
        others = [own / s for k, s in enumerate(similarities) if k != j]
        ends = sorted({F(0), F(1), *(1 / c for c in others if c > 1)})
        total = F(0)
        for low, high in itertools.pairwise(ends):
            product = density
            for c in others:
                if c * high <= 1:
                    product = times(product, [a * c**i for i, a in enumerate(distribution)])
            total += integral(product, low, high)
        law.append(total)
    return law


def test_the_rationals_of_the_oracle_are_those_of_the_polynomials(families):
    met = 0
    for case in families["crowd_released_sampler"]["cases"]:
        if "exact_rational" in case["out"]:
            given_ = case["in"]
            law = rational_law([F(str(s)) for s in given_["sims"]], given_["alpha"], given_["beta"])
            assert law == [F(number) for number in case["out"]["exact_rational"]]
            met += 1
    assert met == 3


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=4),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_the_quadrature_is_that_of_exact_rationals(tenths, alpha, beta):
    similarities = [F(i, 12) for i in tenths]
    exact = rational_law(similarities, alpha, beta)
    assert sum(exact) == 1
    found = beta_argmax([float(s) for s in similarities], alpha, beta)
    assert found == pytest.approx([float(p) for p in exact], abs=1e-10)


@given(
    st.lists(st.floats(0.3, 1.0), min_size=1, max_size=6),
    st.floats(0.4, 60.0),
    st.floats(0.3, 20.0),
    st.randoms(),
)
def test_the_quadrature_treats_candidates_alike_and_prefers_the_similar(similarities, alpha, beta, random):
    law = beta_argmax(similarities, alpha, beta)
    assert math.fsum(law) == pytest.approx(1.0, abs=1e-10)
    order = random.sample(range(len(similarities)), len(similarities))
    again = beta_argmax([similarities[i] for i in order], alpha, beta)
    assert again == pytest.approx(law[order], abs=1e-13)
    by_similarity = sorted(zip(similarities, law, strict=True))
    assert all(p <= q + 1e-12 for (_, p), (_, q) in itertools.pairwise(by_similarity))
    scaled = beta_argmax([s / 2 for s in similarities], alpha, beta)
    assert scaled == pytest.approx(law, abs=1e-10)


@pytest.mark.parametrize(
    "similarities", [(1.0, 1.0 - 1e-9), (1.0, 1.0 - 1e-9, 1.0 - 3e-9), (1.0, 0.2), (1.0, 1.0, 0.9)]
)
def test_narrow_and_spread_similarities_have_a_law_too(similarities):
    law = beta_argmax(similarities, *fit_beta(similarities))
    n = 100_000
    counts = released_draws(similarities, n, np.random.default_rng(3))
    assert np.all(np.abs(counts - n * law) <= 6.0 * np.sqrt(n * law * (1.0 - law)) + 1e-6)


def test_the_values_of_the_quadrature_do_not_depend_on_its_blocks(monkeypatch):
    s = [1.0 - i / 50 for i in range(12)]
    law = beta_argmax(s, 20.0, 2.5)
    monkeypatch.setattr("knn_cert.text.beta_argmax._QUADRATURE_BLOCK", 1)
    assert beta_argmax(s, 20.0, 2.5) == pytest.approx(law, abs=1e-15)


# --- networks and laws at random ---

WORDS = "abcde"


@st.composite
def networks(draw, words=WORDS):
    edges = draw(st.sets(st.sampled_from(list(itertools.combinations(words, 2))), min_size=1))
    similarities = {edge: draw(st.integers(10, 99)) / 100 for edge in sorted(edges)}
    return SynonymNetwork.from_pairs(sorted(edges), similarities=similarities)


def uneven(word, candidate):
    """Weights that depend on both words: 1 to 7, and one that is 0."""
    return (3 * ord(word) + 5 * ord(candidate)) % 8 if word != candidate else 6


WEIGHTED = {
    "released": crowd_released,
    "power": lambda network: similarity_power(network, 2.0),
    "softmax": lambda network: similarity_softmax(network, 0.5),
    "distribution function": beta_cdf,
    "race": lambda network: beta_race(network, uneven),
    "floor": lambda network: floored(similarity_power(network, 1.0), 0.7),
    "floor of uniform": lambda network: floored(UniformSubstitution(network), 0.5),
}
weighted_laws = st.builds(
    lambda name, network: WEIGHTED[name](network), st.sampled_from(sorted(WEIGHTED)), networks()
)
laws = st.one_of(
    weighted_laws,
    networks().map(UniformSubstitution),
    networks().map(cluster_shared),
    networks().map(lambda network: cluster_shared(network, {w: i + 1 for i, w in enumerate(WORDS)})),
)


@given(laws)
def test_probabilities_are_multiples_of_the_grid_that_add_up_to_one(law):
    for word in "abcdez":
        candidates, probabilities = law.distribution(word)
        assert len(set(candidates)) == len(candidates) and set(candidates) <= set(law.network.component(word))
        exact = [F(p) for p in probabilities.tolist()]
        assert sum(exact) == 1 and min(exact) >= 0
        assert all((p * 2**53).denominator == 1 for p in exact)
        assert not probabilities.flags.writeable
        if not law.network.neighbours(word):
            assert (candidates, exact) == ((word,), [1])


@given(laws, st.permutations(["a", "c", "z", "e"]))
def test_the_table_has_the_laws_of_the_vocabulary(law, vocabulary):
    words, starts, candidates, cumulative = law.table(vocabulary)
    assert words[:4] == tuple(vocabulary) and len(set(words)) == len(words)
    assert starts.shape == (5,) and starts[-1] == len(candidates) == len(cumulative)
    assert candidates.dtype == starts.dtype == np.int64 and cumulative.dtype == np.float64
    for t, word in enumerate(vocabulary):
        part = slice(starts[t], starts[t + 1])
        steps = np.diff(cumulative[part], prepend=0.0)
        found = {words[c]: F(p) for c, p in zip(candidates[part].tolist(), steps.tolist(), strict=True)}
        assert found == mapping(law, word)
        assert cumulative[part][-1] == 1.0 and np.all(steps >= 0.0)


def test_draws_from_the_table_have_the_law():
    law = crowd_released(triangle())
    words, starts, candidates, cumulative = law.table(["c", "a"])
    uniforms, part = np.random.default_rng(1).random(100_000), slice(starts[1], starts[2])
    drawn = candidates[part][np.searchsorted(cumulative[part], uniforms, side="right")]
    counts = Counter(words[c] for c in drawn)
    for z, p in mapping(law, "a").items():
        assert abs(counts[z] - 1e5 * float(p)) <= 6.0 * math.sqrt(1e5 * float(p * (1 - p)))


@given(networks())
def test_the_uniform_law_gives_every_candidate_the_same_chance(network):
    law = UniformSubstitution(network)
    for word in WORDS:
        candidates, probabilities = law.distribution(word)
        assert candidates == network.candidates(word)
        assert probabilities == pytest.approx(1 / len(candidates), abs=1e-15)


@given(networks(), st.sampled_from([0.0, 0.1, 0.7, 1.0]))
def test_a_floor_gives_neighbours_the_whole_component_and_an_overlap(network, eta):
    law = floored(similarity_power(network, 3.0), eta)
    for word in WORDS:
        here = mapping(law, word)
        assert set(here) == set(network.component(word))
        assert min(here.values()) >= F(eta) / len(here) - F(1, 10**15)
        for other in network.neighbours(word):
            there = mapping(law, other)
            assert sum(min(here[z], there[z]) for z in here) >= F(eta) - F(1, 10**15)
    plain = similarity_power(network, 3.0)
    if eta == 0.0:
        positive = {z: p for z, p in mapping(law, "a").items() if p}
        assert positive.keys() == mapping(plain, "a").keys()


@given(networks(), st.data())
def test_words_of_a_component_that_share_a_law_cannot_be_told_apart(network, data):
    law = cluster_shared(network, data.draw(st.sampled_from([None, {w: ord(w) for w in WORDS}, ord])))
    for word in WORDS:
        assert law.distribution(word)[0] == network.component(word)
        for other in network.component(word):
            assert mapping(law, other) == mapping(law, word)
        assert all(pair == Overlap(1, 1) for pair in law.pairs(word))
    words = [word for word in "abcdeabcde" if network.neighbours(word)]
    assert largest_word_budget(law, words, F(51, 100)) == len(words)
    assert law.hull_of(WORDS).certified(F(51, 100))


# --- pairs and hulls ---


def rational_laws(law, word):
    """The laws of the word and of its neighbours, exactly: 1/m for the uniform law."""
    if isinstance(law, UniformSubstitution):
        return lambda w: {z: F(1, len(law.network.candidates(w))) for z in law.network.candidates(w)}
    return lambda w: mapping(law, w)


@given(laws)
def test_pairs_are_of_the_observed_word_and_of_each_word_it_may_have_been_made_from(law):
    for word in "abcdez":
        exactly = rational_laws(law, word)
        pairs = law.pairs(word)
        assert len(pairs) == len(law.network.neighbours(word))
        for other, pair in zip(law.network.neighbours(word), pairs, strict=True):
            truth = [naive.trade_off(exactly(word), exactly(other), p) for p in GRID]
            found = [F(pair.lower(p)) for p in GRID]
            assert all(low <= value for low, value in zip(found, truth, strict=True))
            assert [*map(float, found)] == pytest.approx([*map(float, truth)], abs=1e-12)
            if isinstance(law, UniformSubstitution):
                assert isinstance(pair, Overlap) and found == truth


@given(laws)
def test_a_hull_dominates_every_pair_of_its_word(law):
    for word in "abcdez":
        exactly, hull = rational_laws(law, word), law.hull(word)
        assert (hull is None) == (not law.network.neighbours(word))
        assert law.hull(word) is hull
        if hull is None:
            continue
        exact = [Atoms.from_laws(exactly(word), exactly(other)) for other in law.network.neighbours(word)]
        assert all(hull.atoms().dominates(pair) for pair in exact)
        for other in law.network.neighbours(word):
            for p in GRID:
                assert F(hull.lower(p)) <= naive.trade_off(exactly(word), exactly(other), p)


@given(weighted_laws)
def test_a_hull_in_integers_is_the_envelope_rounded_once(law):
    for word in law.network.words:
        exact = [
            Atoms.from_laws(mapping(law, word), mapping(law, other)) for other in law.network.neighbours(word)
        ]
        assert all(pair.exact for pair in exact)
        expected, hull = envelope(exact).rounded(), law.hull(word)
        assert hull.ratios.tolist() == expected.ratios.tolist()
        assert hull.masses.tolist() == expected.masses.tolist()


def test_a_hull_orders_quotients_that_round_to_the_same_double():
    # (a - 1) / (b - 1) < a / b for a < b, by less than doubles can tell
    a, b, one = 2**52 - 3, 2**52 - 1, 2**53
    rows = [[b, b - 1, one - 2 * b + 1], [a, a - 1, one - 2 * a + 1], [a - 4, a - 5, one - 2 * a + 9]]
    assert a / b == (a - 1) / (b - 1) and F(a, b) > F(a - 1, b - 1)
    exactly = [{z: F(x, one) for z, x in enumerate(row)} for row in rows]
    expected = envelope([Atoms.from_laws(exactly[0], other) for other in exactly[1:]]).rounded()
    for order in itertools.permutations(range(3)):
        null, *alternatives = np.array(rows)[:, [*order]] / one
        hull = hull_of_laws(null, np.array(alternatives))
        assert hull.ratios.tolist() == expected.ratios.tolist()
        assert hull.masses.tolist() == expected.masses.tolist()


@given(laws)
def test_the_hull_of_many_words_dominates_the_hull_of_each(law):
    hull = law.hull_of([*WORDS, "z", "a"])
    hulls = [law.hull(word) for word in WORDS if law.network.neighbours(word)]
    assert all(hull.atoms().dominates(one) for one in hulls)
    distances = [float(one.total_variation) for one in hulls]
    assert float(hull.atoms().total_variation) == pytest.approx(max(distances), abs=1e-12)
    assert law.hull_of(["z"]).lower(F(3, 4)) == F(3, 4)


def test_neighbours_are_told_apart_both_ways():
    # the star of two sets of unlike size: SAFER's table would say 1 where a law of 1/4 loses 3/4
    network = SynonymNetwork.from_pairs([("hub", leaf) for leaf in "xyz"])
    law = UniformSubstitution(network)
    assert law.pairs("x") == [Overlap(1, F(1, 2))]
    assert law.pairs("hub") == [Overlap(F(1, 2), 1)] * 3
    assert law.hull("hub") == Overlap(F(1, 2), 1)


# --- budgets ---


def true_budget(law, tokens, p_a, p_b):
    """Every attack on every number of words, and the Neyman-Pearson value of each."""
    options = []
    for word in tokens:
        exactly = rational_laws(law, word)
        if law.network.neighbours(word):
            options.append([(exactly(word), exactly(other)) for other in law.network.neighbours(word)])
    clipped = 1 - p_a if p_b is None else min(p_b, 1 - p_a)
    # by increasing numbers of changes, so the first attack that succeeds decides
    for attack in naive.attacks(options, len(options)):
        p0, p1 = (naive.product(*side) for side in zip(*attack, strict=True)) if attack else ({0: 1}, {0: 1})
        if naive.trade_off(p0, p1, p_a) + naive.trade_off(p0, p1, 1 - clipped) <= 1:
            return len(attack) - 1
    return len(options)


bounds = st.sampled_from(
    [
        (F(9, 10), None),
        (F(99, 100), None),
        (F(999, 1000), F(1, 2000)),
        (F(7, 10), F(1, 10)),
        (F(95, 100), F(3, 10)),
        (F(1), F(0)),
        (F(1, 2), None),
        (F(3, 10), F(4, 10)),
    ]
)
sentences = st.lists(st.sampled_from("abcdez"), min_size=1, max_size=3)


@given(
    networks("abcd").map(UniformSubstitution),
    st.lists(st.sampled_from("abcdz"), min_size=2, max_size=4),
    bounds,
)
def test_the_budget_of_a_uniform_law_is_that_of_every_attack(law, tokens, probabilities):
    assert largest_word_budget(law, tokens, *probabilities) == true_budget(law, tokens, *probabilities)


@given(weighted_laws, sentences, bounds)
def test_the_budget_of_a_weighted_law_is_never_above_that_of_every_attack(law, tokens, probabilities):
    found = largest_word_budget(law, tokens, *probabilities)
    truth = true_budget(law, tokens, *probabilities)
    assert found <= truth
    # the bounds are the attack itself where no word can be changed, and where nothing is to be kept
    if truth <= 0 or not any(map(law.network.neighbours, tokens)):
        assert found == truth


def near(network, weight=40):
    """A law that mostly ignores the word: bounded ratios, so that several words can be changed."""
    return beta_race(network, lambda word, candidate: weight + uneven(word, candidate))


@given(st.lists(st.sampled_from("abcd"), min_size=2, max_size=3), bounds, st.integers(5, 80))
def test_laws_that_hardly_depend_on_the_word_allow_many_changes(tokens, probabilities, weight):
    law = near(SynonymNetwork.from_pairs(itertools.combinations("abcd", 2)), weight)
    assert largest_word_budget(law, tokens, *probabilities) <= true_budget(law, tokens, *probabilities)


@pytest.mark.parametrize("bound", ["every set", "envelopes", "envelopes on a grid"])
@given(
    st.lists(st.integers(1, 9), min_size=27, max_size=27), st.sampled_from([F(i, 20) for i in range(11, 20)])
)
def test_budgets_of_unlike_words_are_never_above_that_of_every_attack(bound, drawn, p_a):
    # three triangles with weights of their own: which two words are the worst is not seen from single ones
    triangles = ["abc", "def", "ghi"]
    network = SynonymNetwork.from_pairs([pair for t in triangles for pair in itertools.combinations(t, 2)])
    weights = dict(zip([(v, w) for t in triangles for v in t for w in t], drawn, strict=True))
    law = beta_race(network, lambda word, candidate: weights[word, candidate] + 8)
    with pytest.MonkeyPatch.context() as patch:
        if bound != "every set":
            patch.setattr(swaps, "_MOST_SETS", 0)
        if bound == "envelopes on a grid":
            patch.setattr(swaps, "_MOST_ATOMS", 2)
        found = largest_word_budget(law, ["a", "d", "g"], p_a)
    assert found <= true_budget(law, ["a", "d", "g"], p_a, None)


@pytest.mark.parametrize("sets", [0, 500])
def test_two_words_may_be_the_worst_though_another_one_is_worse_alone(monkeypatch, sets):
    monkeypatch.setattr(swaps, "_MOST_SETS", sets)
    mild = Overlap(F(9, 10), F(9, 10)).atoms().rounded()
    other = Atoms.from_laws([F(56, 100), F(44, 100)], [F(44, 100), F(56, 100)]).rounded()
    assert mild.least_p_a < other.least_p_a < F(688, 1000)
    assert (other * mild).certified(0.688) and not (mild * mild).certified(0.688)
    for hulls in ([other, mild, mild], [mild, other, mild]):
        assert swaps._largest_by_hulls(hulls, 0.688, None) == 1
    assert swaps._largest_by_hulls([other, other, mild], 0.688, None) == (2 if sets else 1)


def test_bounds_of_weighted_laws_are_mostly_tight():
    network = SynonymNetwork.from_pairs(itertools.combinations(WORDS, 2))
    lost = Counter()
    for weight, p_a in itertools.product((3, 6, 12), (F(6, 10), F(7, 10), F(8, 10))):
        law = near(network, weight)
        for tokens in itertools.combinations_with_replacement(WORDS, 2):
            truth = true_budget(law, tokens, p_a, None)
            if truth > 0:
                lost[truth - largest_word_budget(law, tokens, p_a)] += 1
    assert lost[0] >= 60 and lost[0] >= 9 * (lost[1] + lost[2]) and min(lost) == 0


@pytest.mark.parametrize("setting", ["grid", "chain"])
def test_coarser_bounds_for_long_texts_stay_below_the_finer_ones(monkeypatch, setting):
    network = SynonymNetwork.from_pairs(itertools.combinations(WORDS, 2))
    laws_ = [near(network, weight) for weight in (25, 100)]
    tokens = list(WORDS) * 2
    fine = [largest_word_budget(law, tokens, p) for law in laws_ for p in (0.9, 0.99)]
    monkeypatch.setattr(swaps, "_MOST_SETS", 0)
    if setting == "grid":
        monkeypatch.setattr(swaps, "_MOST_ATOMS", 4)
    coarse = [largest_word_budget(law, tokens, p) for law in laws_ for p in (0.9, 0.99)]
    assert all(0 < low <= high for low, high in zip(coarse, fine, strict=True))
    assert sum(fine) - sum(coarse) <= 3


@given(laws, st.lists(st.sampled_from("abcdez"), max_size=5), st.floats(0.5, 1.0), st.floats(0.5, 1.0))
def test_the_budget_grows_with_p_a_and_with_what_the_others_lack(law, tokens, one, two):
    low, high = min(one, two), max(one, two)
    assert largest_word_budget(law, tokens, low) <= largest_word_budget(law, tokens, high)
    assert largest_word_budget(law, tokens, low, 1 - low) <= largest_word_budget(law, tokens, low, 1 - high)


@given(laws, st.lists(st.sampled_from("abcdez"), min_size=1, max_size=5), st.randoms(), st.floats(0.5, 1.0))
def test_the_budget_depends_neither_on_the_order_of_the_words_nor_on_those_outside(law, tokens, random, p_a):
    shuffled = random.sample([*tokens, "z", "zz"], len(tokens) + 2)
    assert largest_word_budget(law, shuffled, p_a) == largest_word_budget(law, tokens, p_a)


def test_a_text_without_synonyms_has_a_budget_of_nothing_to_spend():
    law = UniformSubstitution(triangle())
    assert largest_word_budget(law, ["x", "y"], 0.6) == largest_word_budget(law, [], 0.6) == 0
    assert largest_word_budget(law, ["x", "a"], 0.5) == -1
    assert largest_word_budget(law, ["x", "a"], 0.4, 0.5) == -1
    assert largest_word_budget(law, ["x", "a", "b", "c"], 0.6) == 3


def test_an_attack_that_leaves_nothing_at_all_is_decided_exactly():
    law = UniformSubstitution(SynonymNetwork.from_pairs([("a", "b"), ("a", "x"), ("b", "y")]))
    assert law.pairs("a")[0] == Overlap(F(2, 3), F(2, 3))
    # p_a = 5/6 leaves exactly 1/2
    assert largest_word_budget(law, ["a"], F(5, 6)) == true_budget(law, ["a"], F(5, 6), None) == 0
    assert largest_word_budget(law, ["a"], F(5, 6) + F(1, 10**30)) == 1
    # and 69/100 does where two overlaps are 9/10
    options = [[Overlap(F(9, 10), F(9, 10))]] * 3
    assert swaps._largest_by_overlaps(options, F(69, 100), None) == 1
    assert swaps._largest_by_overlaps(options, F(69, 100) + F(1, 10**30), None) == 2


def unpruned_budget(options, p_a):
    return largest_certified(lambda budget: worst_overlaps(options, budget), p_a, most=len(options))


def test_budgets_on_sst2_are_those_of_the_unpruned_overlaps(shared):
    with pytest.warns(UserWarning, match="no reverse entry"):
        network = SynonymNetwork.read(shared / "data" / "synonyms" / "counterfitted_neighbors.json.gz")
    with gzip.open(shared / "data" / "sst2" / "test.tsv.gz", "rt", encoding="utf-8") as file:
        texts = [line.split("\t")[0] for line in file][1:]
    law, found = UniformSubstitution(network), Counter()
    for text in texts:
        tokens = tokenize(text)
        budget = largest_word_budget(law, tokens, 0.99)
        found[budget] += 1
        if budget or len(tokens) < 5:
            options = [law.pairs(word) for word in tokens if word in network and law.pairs(word)]
            assert budget == unpruned_budget(options, 0.99)
    assert found == {0: 1817, 1: 4}


# --- words, records, bad input ---


def test_laws_say_what_they_do_and_survive_pickling():
    network = triangle()
    made = [
        UniformSubstitution(network),
        crowd_paper(network),
        crowd_released(network),
        beta_race(network, {"a": 1, "b": 2, "c": 3}),
        similarity_power(network, 2),
        similarity_softmax(network, 0.1),
        beta_cdf(network),
        cluster_shared(network),
        floored(crowd_released(network), 0.25),
    ]
    assert len({law.name for law in made}) == len({law.describe() for law in made}) == len(made)
    for law in made:
        assert isinstance(law, SubstitutionLaw) and law.name in law.describe() and law.name in repr(law)
        assert network.digest in law.describe() and "inserted" in law.describe()
        again = pickle.loads(pickle.dumps(law))
        assert mapping(again, "a") == mapping(law, "a")
        assert largest_word_budget(again, ["a", "b"], 0.99) == largest_word_budget(law, ["a", "b"], 0.99)


def test_a_word_whose_similarities_are_all_equal_has_no_released_law():
    same = {("w", "v"): 1.0}
    law = crowd_released(SynonymNetwork.from_pairs(same, similarities=same))
    for ask in (law.distribution, law.pairs, law.hull):
        with pytest.raises(
            ValueError, match="'[vw]' has no Beta law: all similarities are equal .*first candidate"
        ):
            ask("w")
    with pytest.raises(ValueError, match="all similarities are equal"):
        largest_word_budget(law, ["w"], 0.9)


@pytest.mark.parametrize(
    ("similarity", "message"),
    [
        (-0.5, "'w' has no Beta law: a similarity is negative"),
        (0.0, "'w' has no Beta law: no Beta law has mean 0.5"),
    ],
)
def test_similarities_that_no_beta_law_has_are_refused_with_the_word(similarity, message):
    law = crowd_released(star([1, similarity]))
    with pytest.raises(ValueError, match=message):
        law.distribution("w")
    with pytest.raises(ValueError, match=message):
        beta_cdf(law.network).distribution("w")


def test_a_beta_law_at_the_ends_is_not_integrated():
    with pytest.raises(ValueError, match="'w' has no law as CROWD released it: .* cannot be integrated"):
        crowd_released(star([1, 1e-6])).distribution("w")


@pytest.mark.parametrize(
    "make", [crowd_released, beta_cdf, lambda n: similarity_power(n, 1), lambda n: similarity_softmax(n, 1)]
)
def test_laws_of_similarities_need_some(make):
    with pytest.raises(ValueError, match="needs a network with similarities"):
        make(SynonymNetwork.from_pairs([("a", "b")]))


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ({"a": 0, "b": 0, "c": 0}, ValueError, "all candidates of 'a' have weight 0.*weight > 0"),
        ({"a": 1, "b": 1}, ValueError, "the weight of the candidate 'c' is missing"),
        ({"a": 1, "b": -1, "c": 1}, ValueError, "weights of 'a' must be finite and >= 0, got -1.0 for 'b'"),
        ({"a": 1, "b": math.inf, "c": 1}, ValueError, "got inf for 'b'"),
        ({"a": 1, "b": math.nan, "c": 1}, ValueError, "got nan for 'b'"),
        ({"a": 1, "b": "much", "c": 1}, TypeError, "weights of 'a' must be real numbers"),
    ],
)
def test_weights_that_make_no_law_are_refused_with_the_word(weights, error, message):
    for law in (beta_race(triangle(), weights), cluster_shared(triangle(), weights)):
        with pytest.raises(error, match=message):
            law.distribution("a")


def test_a_law_of_ones_own_is_checked():
    network = triangle()
    for candidates, weights in ((("a", "b"), [1.0]), (("a", "a"), [1.0, 1.0]), (("a",), [[1.0]])):
        law = SubstitutionLaw(
            network, "own", lambda n, w, c=candidates, v=weights: (c, v), "it becomes something"
        )
        with pytest.raises(ValueError, match="the law of 'b' must have one weight for each"):
            law.distribution("b")
    stray = SubstitutionLaw(network, "own", lambda n, w: ((w, "elsewhere"), [1, 1]), "it may leave")
    with pytest.raises(ValueError, match="'own' puts 'elsewhere' for 'a', which is not in its component"):
        floored(stray, 0.5).distribution("a")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda n: similarity_power(n, -1), ValueError, r"gamma must lie in \[0, inf\), got -1"),
        (lambda n: similarity_power(n, math.inf), ValueError, r"gamma must lie in \[0, inf\), got inf"),
        (lambda n: similarity_power(n, "2"), TypeError, "gamma must be a real number"),
        (lambda n: similarity_softmax(n, 0), ValueError, "tau must be finite and > 0, got 0"),
        (lambda n: similarity_softmax(n, math.nan), ValueError, "tau must be finite"),
        (lambda n: floored(UniformSubstitution(n), 1.5), ValueError, r"eta must lie in \[0, 1\], got 1.5"),
        (lambda n: floored(UniformSubstitution(n), "x"), TypeError, "eta must be a real number, got 'x'"),
        (lambda n: beta_race(n, 3), TypeError, "weights must be callable .* got int"),
        (lambda n: cluster_shared(n, [1, 2]), TypeError, "weights must be callable .* got list"),
        (lambda n: UniformSubstitution(n).table(["a", "b", "a"]), ValueError, "'a' occurs twice"),
        (lambda n: largest_word_budget(UniformSubstitution(n), "a b", 0.9), TypeError, "got one str"),
        (lambda n: largest_word_budget(UniformSubstitution(n), [1, 2], 0.9), TypeError, "got 1 of type int"),
        (lambda n: largest_word_budget(UniformSubstitution(n), ["a"], 1.9), ValueError, "p_a must lie"),
        (
            lambda n: largest_word_budget(UniformSubstitution(n), ["a"], math.nan),
            ValueError,
            "p_a must be finite",
        ),
        (lambda n: largest_word_budget(UniformSubstitution(n), ["a"], "0.9"), TypeError, "p_a must be"),
        (lambda n: fit_beta([]), ValueError, "must be a sequence of numbers"),
        (lambda n: fit_beta([math.nan, 1.0]), ValueError, "no Beta law has mean nan"),
        (lambda n: beta_argmax([0.5, 1.5], 2, 2), ValueError, r"numbers in \[0, 1\]"),
        (lambda n: beta_argmax([0.0, 0.0], 2, 2), ValueError, "not all 0"),
        (lambda n: beta_argmax([0.5, 1.0], 0, 2), ValueError, "alpha must be finite and > 0"),
    ],
)
def test_bad_input_is_refused_with_a_clear_message(call, error, message):
    with pytest.raises(error, match=message):
        call(triangle())


def test_a_table_of_huge_components_is_refused_before_it_is_built(monkeypatch):
    monkeypatch.setattr("knn_cert.text.substitution.law._MOST_ENTRIES", 5)
    with pytest.raises(ValueError, match="the first 2 of 3 words have 6 candidates, more than the 5"):
        cluster_shared(triangle()).table(["a", "b", "c"])
