"""Moved rows: bounds between the lists and the truth, possible attacks, radii that nearly meet them."""

from __future__ import annotations

import itertools
import json
import math

import naive_races
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from knn_cert import SmoothedKNNClassifier, kernels, race_probability, worst_case_probability
from knn_cert.exact.radius_search import Bracket, radii_below_attacks
from knn_cert.kernels.moves import MovedRows, pack_moves
from knn_cert.threats import QueryShift, RowShift

BACKENDS = [name for name in kernels.available_backends() if kernels.get_backend(name).moved_races]

# Sums over nodes and nodes left out: what a bound may lose besides what the theorems lose.
LOST = 1e-6


def test_the_backends_with_moved_races_are_these():
    assert set(kernels.available_backends()) - set(BACKENDS) <= {"numba"}


def moved_race(name, a, b, ranks, rows, radius, *, sigma=1.0, dof=7.0, above=0.0, n_threads=1):
    moves = MovedRows(np.sort(np.asarray(a, float)), np.sort(np.asarray(b, float)), rows, radius)
    kernel = kernels.get_backend(name)
    lower, attack, error, moved = kernel.moved_races(
        *pack_moves([moves], [ranks]), sigma=sigma, dof=dof, above=above, n_threads=n_threads
    )
    return float(lower[0]), float(attack[0]), float(error[0]), moved.astype(bool)


def case_of(case):
    arguments = (case["a"], case["b"], (case["m"], case["m_rest"]), case["r"], case["eps"])
    return arguments, {"sigma": case["sigma"], "dof": float(case["dof"])}


@pytest.mark.parametrize("name", BACKENDS)
def test_the_bound_and_the_attack_enclose_the_worst_case_of_all_subsets(oracle_folder, name):
    cases = json.loads((oracle_folder / "rowshift.json").read_text())["cases"]
    for case in cases if name == "native" else cases[::4]:
        arguments, options = case_of(case)
        lower, attack, error, _ = moved_race(name, *arguments, **options)
        truth = float(case["true_worst"])
        assert lower <= truth <= attack + error


@pytest.mark.parametrize("name", BACKENDS)
def test_the_bound_is_that_of_the_theorems_where_hulls_are_windows(oracle_folder, name):
    cases = json.loads((oracle_folder / "rowshift.json").read_text())["cases"]
    near = 0
    for case in cases if name == "native" else cases[::4]:
        arguments, options = case_of(case)
        lower, *_ = moved_race(name, *arguments, **options)
        bound, truth = float(case["bound"]), float(case["true_worst"])
        if truth - bound <= 1e-9:  # nothing is lost to the width of hulls
            near += 1
            assert lower == pytest.approx(bound, abs=LOST)
        else:
            assert lower >= bound - 2e-3
    assert near >= 5


def test_no_bound_is_below_that_of_the_lists(oracle_folder):
    for case in json.loads((oracle_folder / "rowshift.json").read_text())["cases"]:
        if case["m"] + case["m_rest"] < 3:
            continue
        table = np.array([*case["a"], *case["b"]])
        labels = np.array([0] * len(case["a"]) + [1] * len(case["b"]))
        n_neighbors = case["m"] + case["m_rest"] - 1
        # the race of a vote of two classes: m and m' are those of class 0, or of class 1
        if (case["m"], case["m_rest"]) == ((n_neighbors + 1) // 2, n_neighbors // 2 + 1):
            got = worst_case_probability(
                table**2,
                labels,
                RowShift(case["r"], case["eps"]),
                target_class=0,
                n_neighbors=n_neighbors,
                sigma=case["sigma"],
                dof=case["dof"],
            )
            assert float(case["today"]) * (1.0 - 1e-8) <= got <= float(case["true_worst"])


def race_by_hand(a, b, m_a, m_b, dof):
    """P(the m_a-th of A before the m_b-th of B), sigma 1, by sums over t; it knows nothing of the package."""
    step = 0.04
    t = np.arange(1, 700)[:, None] * step
    if len(a) < m_a or len(b) < m_b:
        return float(len(a) >= m_a)
    fewer_b, _ = naive_races.counts(b, m_b, t, dof)
    _, density_a = naive_races.counts(a, m_a, t, dof)
    return step * float(density_a @ fewer_b)


@st.composite
def small_races(draw):
    n_a, n_b = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    near = st.sampled_from([0.0, 1.0, 2.0, 2.5]) | st.floats(0.0, 6.0)
    a = sorted(draw(st.lists(near, min_size=n_a, max_size=n_a)))
    b = sorted(draw(st.lists(near, min_size=n_b, max_size=n_b)))
    ranks = draw(st.integers(1, n_a)), draw(st.integers(1, n_b))
    rows = draw(st.integers(1, n_a + n_b))
    return (
        np.array(a),
        np.array(b),
        ranks,
        rows,
        draw(st.sampled_from([0.2, 1.0, 2.5])),
        draw(st.sampled_from([5, 12])),
    )


@given(race=small_races())
@settings(max_examples=40)
def test_no_choice_of_rows_beats_the_bound(race):
    a, b, (m_a, m_b), rows, radius, dof = race
    lower, attack, error, moved = moved_race("native", a, b, (m_a, m_b), rows, radius, dof=float(dof))
    worst = math.inf
    for p in range(max(0, rows - len(b)), min(rows, len(a)) + 1):
        for S in itertools.combinations(range(len(a)), p):
            for T in itertools.combinations(range(len(b)), min(rows - p, len(b))):
                far, close = a.copy(), b.copy()
                far[list(S)] += radius
                close[list(T)] = np.maximum(close[list(T)] - radius, 0.0)
                worst = min(worst, race_by_hand(far, close, m_a, m_b, dof))
    assert lower <= worst + 1e-11  # what scipy's law errs by
    assert worst <= attack + error + 1e-9
    far = np.where(moved[: len(a)], a + radius, a)
    close = np.where(moved[len(a) :], np.maximum(b - radius, 0.0), b)
    assert race_by_hand(far, close, m_a, m_b, dof) == pytest.approx(attack, abs=error + 1e-8)


def random_race(n_a, n_b, seed, low=1.0, high=8.0):
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(low, high, n_a)), np.sort(rng.uniform(low, high, n_b))


@pytest.mark.parametrize(
    ("n_a", "n_b", "m", "dof", "sigma", "radius"),
    [
        (700, 500, 3, 57.0, 1.0, 0.8),
        (400, 900, 8, 10.0, 0.5, 0.3),
        (1500, 900, 30, 20.0, 1.0, 0.1),
        (300, 300, 1, 2.0, 0.3, 0.2),
        (250, 250, 3, 784.0, 0.05, 0.05),
        (64, 64, 2, 1.0, 3.0, 40.0),
    ],
)
def test_the_bound_nearly_meets_the_attack_where_there_are_many_rows(n_a, n_b, m, dof, sigma, radius):
    a, b = random_race(n_a, n_b, 5)
    rows = (n_a + n_b) // 10
    lower, attack, error, moved = moved_race("native", a, b, (m, m), rows, radius, sigma=sigma, dof=dof)
    assert moved.sum() <= rows
    assert lower <= attack + error
    assert attack - lower <= 2e-2 * max(attack, 1e-3)
    far = np.where(moved[:n_a], a + radius, a)
    close = np.where(moved[n_a:], np.maximum(b - radius, 0.0), b)
    p = race_probability(far**2, m, close**2, m, sigma=sigma, dof=dof)
    assert attack == pytest.approx(p, abs=error + 1e-12)


def test_answers_depend_neither_on_threads_nor_on_company():
    races = [(*random_race(80 + 40 * k, 60, k), (2, 3), 5 + k, 0.3 * k + 0.1) for k in range(5)]
    moves = [MovedRows(a, b, rows, radius) for a, b, _, rows, radius in races]
    kernel = kernels.get_backend("native")
    options = {"sigma": 1.0, "dof": 9.0, "above": 0.0}
    together = kernel.moved_races(*pack_moves(moves, [(2, 3)] * 5), n_threads=2, **options)
    for k, each in enumerate(moves):
        alone = kernel.moved_races(*pack_moves([each], [(2, 3)]), n_threads=1, **options)
        assert [values[0] for values in alone[:3]] == [values[k] for values in together[:3]]


def test_a_list_that_never_arrives_and_rows_at_the_query_are_answered():
    for name in BACKENDS:
        assert moved_race(name, [1.0], [1.0, 2.0], (2, 1), 1, 0.5)[0] == 0.0
        assert moved_race(name, [1.0, 3.0], [1.0], (1, 2), 1, 0.5)[0] == 1.0
        lower, attack, error, _ = moved_race(name, [0.0] * 4, [0.0] * 4, (2, 2), 3, 1.0)
        assert lower <= attack + error < 0.5


@pytest.mark.parametrize("backend", kernels.available_backends())
def test_moved_rows_of_a_real_number_of_features_are_bounded_by_lists(backend):
    rng = np.random.default_rng(3)
    table, labels = rng.uniform(0.5, 4.0, 12), np.arange(12) % 2
    for dof in (7, 7.5):
        p = worst_case_probability(
            table**2,
            labels,
            RowShift(3, 0.4),
            target_class=0,
            n_neighbors=3,
            sigma=1.0,
            dof=dof,
            backend=backend,
        )
        assert 0.0 < p < 1.0


# The classifier


def two_clouds(n=300, d=6, seed=1):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return rng.normal(size=(n, d)) + 1.5 * y[:, None], y, rng.normal(size=(12, d)) + 0.75


def test_no_certified_radius_is_broken():
    X, y, Q = two_clouds()
    clf = SmoothedKNNClassifier(n_neighbors=5, sigma=0.7).fit(X, y)
    threat = RowShift(0.1)
    certificates = clf.certify(Q, threat)
    found = clf.falsify(Q, threat)
    assert not certificates.abstained.all()
    ratio = found.budget / certificates.budget
    assert (ratio[~np.isnan(ratio)] > 1.0).all()
    assert np.isfinite(ratio).sum() >= 8
    at = np.where(np.isfinite(certificates.budget), certificates.budget, 1.0) * 0.999
    for query, radius, abstained in zip(Q, at, certificates.abstained, strict=True):
        given_radius = clf.certify(query[None], RowShift(0.1, float(radius)))
        assert abstained or not given_radius.abstained[0]


def test_a_moved_query_beside_moved_rows_leaves_less():
    X, y, Q = two_clouds()
    clf = SmoothedKNNClassifier(n_neighbors=5, sigma=0.7).fit(X, y)
    threats = [RowShift(20, 0.2), QueryShift(0.1, training=RowShift(20, 0.2)), QueryShift(0.1)]
    alone, both, moved = (clf.certify(Q, threat).worst_probability for threat in threats)
    assert (both <= np.minimum(alone, moved) + LOST).all()
    assert (both > 0.0).any()


class Planted:
    """Attacks that succeed from some radii on, and bounds that hold up to others."""

    def __init__(self, broken, held):
        self.broken, self.held, self.n_bounds = np.array(broken), np.array(held), 0

    def meet(self, queries, radii, *, bounded):
        self.n_bounds += len(queries) if bounded else 0
        with np.errstate(invalid="ignore"):
            held = np.nan_to_num(np.tanh(self.held[queries] - radii), nan=1.0)
        return held, self.follow(queries, radii)

    def follow(self, queries, radii):
        with np.errstate(invalid="ignore"):
            return np.nan_to_num(np.tanh(self.broken[queries] - radii), nan=1.0)


def test_the_search_below_attacks_asks_for_few_bounds():
    attacks = Planted([1.0, 0.01, 3.0, np.inf, 2.0], [0.9999, 0.00999, 2.99, np.inf, 1.0])
    start = Bracket.from_zero(np.ones(5))
    bracket = radii_below_attacks(attacks, start, 1.0, np.full(5, 1e6))
    assert (bracket.low <= attacks.held).all()
    assert np.isinf(bracket.low[3])
    assert (bracket.high[:4] >= attacks.held[:4]).all()
    assert bracket.open(1.0).tolist() in ([2, 4], [4])
    assert attacks.n_bounds <= 10


def test_what_the_ball_leaves_is_part_of_the_worst_case():
    X, y, Q = two_clouds()
    clf = SmoothedKNNClassifier(n_neighbors=5, sigma=0.7).fit(X, y)
    certificates = clf.certify(Q, RowShift(1, 0.3))
    p = clf.predict_proba(Q).max(axis=1)
    ball = norm.cdf(norm.ppf(p) - 0.3 / 0.7)
    assert (certificates.worst_probability >= ball - 1e-9).all()


def test_no_certificate_rests_on_a_step_that_is_too_coarse_for_another_attack():
    # 250 near rows that must all arrive, moved to the others: a race that is decided in a much shorter time
    at = [8.0175] * 250 + [13.15083804899467] * 5000 + [13.746024332307616] * 20000
    X, y = np.zeros((len(at), 3)), np.array([0] * 5250 + [1] * 20000)
    X[:, 0] = at
    clf = SmoothedKNNClassifier(n_neighbors=499, sigma=1.0).fit(X, y)
    query, threat = np.zeros((1, 3)), RowShift(rows=250, radius=6.0)
    assert clf.predict(query)[0] == 0
    moved = X.copy()
    moved[:250, 0] += 6.0 * (1.0 - 1e-12)
    assert clf.__class__(n_neighbors=499, sigma=1.0).fit(moved, y).predict(query)[0] == 1
    assert clf.certify(query, threat).abstained[0]
