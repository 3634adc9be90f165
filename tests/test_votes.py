"""Votes of models become certificates: what they claim holds, what N and alpha cannot support is refused."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from knn_cert import Certificates
from knn_cert.bounds import fewest_votes, vote_bounds
from knn_cert.montecarlo import certify_votes
from knn_cert.smoothing import Noise, VotingModels
from knn_cert.threats import BlackBoxBall, Deletions

GAUSSIAN, UNIFORM = Noise(0.5), Noise(0.5, "uniform")


def certify(counts, noise=GAUSSIAN, **options):
    options = {"n_features": 3, "n_train": 100} | options
    return certify_votes(np.array(counts, ndmin=2), noise=noise, **options)


def lower_bound(k, n, alpha):
    """Clopper-Pearson from its definition: the q at which P(Binomial(n, q) >= k) is alpha, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if binom.sf(k - 1, n, middle) < alpha else (low, middle)
    return low


def upper_bound(k, n, alpha):
    return 1.0 - lower_bound(n - k, n, alpha)


# --- what is certified ---


def test_two_classes_have_the_radius_of_equation_14_at_half_of_alpha():
    cert = certify([[990, 10], [400, 600]])
    p = lower_bound(990, 1000, 0.0005)
    assert cert.label.tolist() == [0, 1]
    assert cert.radius[0] == pytest.approx(0.5 * NormalDist().inv_cdf(p), rel=1e-9)
    assert cert.p_lower[0] == pytest.approx(p, rel=1e-9)
    assert cert.probabilities.tolist() == [[0.99, 0.01], [0.4, 0.6]]


def test_a_pilot_chooses_the_label_and_leaves_all_of_alpha():
    cert = certify([990, 10], pilot=np.array([[9, 1]]))
    assert cert.p_lower[0] == pytest.approx(lower_bound(990, 1000, 0.001), rel=1e-9)
    assert cert.classifier.n_pilot == 10
    wrong = certify([990, 10], pilot=np.array([[1, 9]]))
    assert wrong.label.tolist() == [1]
    assert wrong.abstained.tolist() == [True]


def test_more_classes_use_the_votes_of_the_runner_up():
    cert = certify([900, 60, 40])
    p_a, p_b = lower_bound(900, 1000, 0.001 / 6), upper_bound(60, 1000, 0.001 / 4)
    expected = 0.25 * (NormalDist().inv_cdf(p_a) - NormalDist().inv_cdf(p_b))
    assert cert.radius[0] == pytest.approx(expected, rel=1e-8)


def test_some_rows_have_the_radius_of_equation_15():
    total, of_nine = certify([990, 10]), certify([990, 10], threat=BlackBoxBall(9))
    assert of_nine.radius[0] == pytest.approx(total.radius[0] / 3, rel=1e-12)


def test_uniform_noise_has_the_radii_of_equations_17_and_18():
    p = lower_bound(990, 1000, 0.0005)
    margin, width = p - 0.5, math.sqrt(12) * 0.5
    assert certify([990, 10], UNIFORM).radius[0] == pytest.approx(width * margin, rel=1e-9)
    share = 1 - (1 - margin) ** (1 / (4 * 3))
    for norm, scale in (("linf", 1.0), ("l2", math.sqrt(3))):
        cert = certify([990, 10], UNIFORM, threat=BlackBoxBall(4, norm))
        assert cert.radius[0] == pytest.approx(width * scale * share, rel=1e-9)
    l1 = certify([990, 10], UNIFORM, threat=BlackBoxBall(4, "l1"))
    assert l1.radius[0] == pytest.approx(width * (1 - (1 - margin) ** (1 / 4)), rel=1e-9)


def test_more_rows_than_there_are_count_as_all_of_them():
    assert (
        certify([990, 10], threat=BlackBoxBall(10**6)).radius
        == certify([990, 10], threat=BlackBoxBall(100)).radius
    )


def test_undecided_votes_are_no_certificate():
    cert = certify([[510, 490], [500, 500]])
    assert cert.abstained.all()
    assert cert.radius.tolist() == [0.0, 0.0]


def test_hoeffding_is_never_better():
    counts = [[990, 10, 0], [700, 200, 100], [1000, 0, 0]]
    assert np.all(certify(counts, method="hoeffding").radius <= certify(counts).radius)


def test_simultaneous_certificates_share_alpha():
    counts = np.array([[990, 10], [995, 5], [1000, 0], [900, 100]])
    together = certify(counts, simultaneous=True)
    np.testing.assert_array_equal(together.p_lower, certify(counts, alpha=0.001 / 4).p_lower)
    assert "for all 4 queries together" in together.guarantee
    assert "for each query" in certify(counts).guarantee


@settings(max_examples=30, deadline=None)
@given(
    st.integers(2, 4).flatmap(lambda c: st.lists(st.floats(0.05, 1.0), min_size=c, max_size=c)),
    st.sampled_from([20, 60]),
    st.booleans(),
)
def test_certificates_are_wrong_no_more_often_than_alpha(weights, n, pilot):
    """Wrong: certified for a class that is not the most probable one, or beyond the true radius."""
    q = np.array(weights) / sum(weights)
    rng = np.random.default_rng(int(1e6 * q[0]) + n)
    runs, alpha = 4000, 0.05
    counts = rng.multinomial(n, q, size=runs)
    pilots = rng.multinomial(15, q, size=runs) if pilot else None
    cert = certify(counts, alpha=alpha, pilot=pilots)
    best = np.sort(q)[::-1]
    true_radius = (
        0.25 * (NormalDist().inv_cdf(best[0]) - NormalDist().inv_cdf(best[1])) if best[0] < 1 else math.inf
    )
    sure = ~cert.abstained
    wrong = sure & ((q[cert.label] < best[0]) | (cert.radius > true_radius))
    # 5 standard deviations of a share of 4000 runs above alpha
    assert wrong.mean() <= alpha + 5 * math.sqrt(alpha * (1 - alpha) / runs)


# --- N and alpha ---


@pytest.mark.parametrize(
    "options", [{}, {"selection": "pilot"}, {"method": "hoeffding"}, {"runner_up": "votes"}]
)
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_fewest_votes_is_where_unanimity_begins_to_certify(n_classes, options):
    n = fewest_votes(n_classes, 0.001, **options)
    label = 0 if "selection" in options else None
    for votes, expected in ((n - 1, False), (n, True)):
        counts = np.zeros(n_classes, dtype=int)
        counts[0] = votes
        bounds = vote_bounds(counts, 0.001, label=label, **options)
        assert (bounds.p_lower > bounds.p_upper) is expected


def test_two_classes_need_eleven_models_at_alpha_one_in_a_thousand():
    # alpha / 2 for the choice: 0.0005^(1/N) > 1/2 from N = 11 on.
    assert fewest_votes(2, 0.001) == 11
    assert certify([11, 0]).abstained.tolist() == [False]


@pytest.mark.parametrize("options", [{}, {"simultaneous": True}, {"pilot": np.array([[5, 0]] * 2)}])
def test_too_few_models_are_said_up_front(options):
    with pytest.raises(
        ValueError, match=r"9 models cannot certify anything.*train at least \d+, or raise alpha"
    ):
        certify([[9, 0], [0, 9]], **options)


# --- the result ---


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_certificates_of_votes_are_kept_in_files(tmp_path, suffix):
    cert = certify([[990, 10], [500, 500]], UNIFORM, classes=["no", "yes"], trainer="a tree", test_noise=True)
    cert.save(tmp_path / f"c{suffix}")
    loaded = Certificates.load(tmp_path / f"c{suffix}")
    assert loaded.classifier == VotingModels(1000, 0.001, trainer="a tree", test_noise=True)
    assert (loaded.noise, loaded.threat) == (UNIFORM, BlackBoxBall(norm="l1"))
    assert loaded.guarantee == cert.guarantee
    np.testing.assert_array_equal(loaded.radius, cert.radius)


def test_the_guarantee_says_what_it_rests_on():
    text = certify([990, 10], trainer="mnist_cnn").guarantee
    for words in ("probability at least 1 - 0.001", "votes of 1000 models", "mnist_cnn", "drawn once"):
        assert words in text


def test_no_queries_have_no_certificates():
    assert len(certify(np.zeros((0, 2), dtype=int))) == 0


@pytest.mark.parametrize(
    ("counts", "options", "error", "message"),
    [
        ([[1.0, 2.0]], {}, TypeError, "whole numbers of votes"),
        ([[5], [5]], {}, ValueError, "C >= 2 classes"),
        ([[20, -1]], {}, ValueError, "must not be negative"),
        ([[20, 0], [0, 19]], {}, ValueError, "votes of the same models, got 19 to 20"),
        ([[0, 0]], {}, ValueError, "at least one vote"),
        ([[20, 0]], {"alpha": 0.0}, ValueError, "alpha"),
        ([[20, 0]], {"classes": ["one"]}, ValueError, "classes must name the 2 columns"),
        ([[20, 0]], {"pilot": np.array([[5, 0, 0]])}, ValueError, "pilot must have the shape"),
        ([[20, 0]], {"threat": Deletions(1)}, TypeError, "threat must be a BlackBoxBall"),
        ([[20, 0]], {"threat": BlackBoxBall(norm="l1")}, ValueError, "use uniform noise"),
        ([[20, 0]], {"noise": UNIFORM, "threat": BlackBoxBall()}, ValueError, "give rows"),
        ([[20, 0]], {"method": "wald"}, ValueError, "method must be"),
    ],
)
def test_what_is_no_question_is_refused(counts, options, error, message):
    with pytest.raises(error, match=message):
        certify(counts, **options)


# --- noise ---


@pytest.mark.parametrize("noise", [GAUSSIAN, UNIFORM])
def test_noise_has_its_standard_deviation_and_kind(noise):
    draws = noise.draw(200_000, np.random.default_rng(3))
    assert abs(draws.mean()) < 5 * 0.5 / math.sqrt(200_000)
    assert draws.std() == pytest.approx(0.5, rel=0.01)
    if noise.kind == "uniform":
        assert np.abs(draws).max() <= noise.width / 2
        assert noise.width == pytest.approx(math.sqrt(12) * 0.5)


def test_noise_on_rows_does_not_depend_on_how_they_are_cut(monkeypatch):
    X = np.arange(60.0).reshape(20, 3)
    whole = GAUSSIAN.add_to(X, np.random.default_rng(1), np.float64)
    monkeypatch.setattr("knn_cert.smoothing._BLOCK", 7)
    np.testing.assert_array_equal(GAUSSIAN.add_to(X, np.random.default_rng(1), np.float64), whole)
    assert GAUSSIAN.add_to(X, np.random.default_rng(1), np.float32).dtype == np.float32


@pytest.mark.parametrize(("sigma", "kind"), [(-1.0, "gaussian"), (1.0, "laplace"), (math.nan, "uniform")])
def test_noise_that_is_none_is_refused(sigma, kind):
    with pytest.raises(ValueError, match="sigma|noise"):
        Noise(sigma, kind)
