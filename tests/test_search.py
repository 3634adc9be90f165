"""The search for the largest number of rows: exact whatever the guess, and few races where that is good."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from knn_cert import SmoothedKNNClassifier, kernels, largest_budget
from knn_cert.exact import worst_case
from knn_cert.exact.mean_race import expected_count
from knn_cert.exact.search import largest_count, largest_counts
from knn_cert.threats import Deletions, Insertions, LabelFlips, Replacements

COUNTED = (LabelFlips, Deletions, Insertions, Replacements)

# Falling functions of the distance from a crossing at 0, in rows: what margins may look like.
SHAPES = {
    "line": lambda x, spread: x / spread,
    "bent": lambda x, spread: np.sinh(np.clip(x / spread, -700.0, 700.0)),
    "flat": lambda x, spread: 1e-3 * np.sign(x),
    "flat on one side": lambda x, spread: np.where(x > 0, 1e-3, x / spread),
    "as good as infinite": lambda x, spread: np.where(x > 0, 37.0, -37.0),
    "quantiles of rounded probabilities": lambda x, spread: ndtri(
        np.clip(np.round(0.5 + 0.4 * np.tanh(x / spread), 3), 1e-300, 1 - 1e-16)
    ),
    "nothing": lambda x, spread: np.where(x > 0, 1.0, np.nan),
}


class Margins:
    """Margins of made-up queries that are positive up to their answers, and what was asked of them."""

    def __init__(self, answers, shape, spread, limit, noise=0.0, seed=0):
        self.answers, self.shape, self.spread, self.limit = answers, SHAPES[shape], spread, limit
        self.noise, self.rng = noise, np.random.default_rng(seed)
        self.n_rounds = 0
        self.n_asked = [0] * len(answers)

    def __call__(self, queries, counts):
        self.n_rounds += 1
        return [self.of(int(i), rows) for i, rows in zip(queries, counts, strict=True)]

    def of(self, i, rows):
        assert len(rows) and np.all(np.diff(rows) > 0) and rows[0] >= 0 and rows[-1] <= self.limit
        self.n_asked[i] += len(rows)
        exact = self.shape(self.answers[i] + 0.5 - rows, self.spread)
        good = rows <= self.answers[i]
        # loose tolerances err, but never about the sign
        erring = np.abs(exact * (1.0 + self.noise * self.rng.normal(size=len(rows)))) + 1e-9
        return np.where(np.isnan(exact), exact, np.where(good, erring, -erring))


@given(
    limit=st.integers(-1, 2_000),
    guess=st.integers(-10, 2_100),
    least=st.integers(-1, 2_000),
    data=st.data(),
)
def test_a_single_count_is_found_from_any_guess_and_at_once_from_a_good_one(limit, guess, least, data):
    limit = max(limit, least)
    answer = data.draw(st.integers(least, limit))
    tried = []

    def holds(number):
        assert least < number <= limit and number not in tried
        tried.append(number)
        return number <= answer

    assert largest_count(holds, limit, guess, least) == answer
    failed = [number for number in tried if number > answer]
    assert (failed[-1:] or [limit + 1]) == [answer + 1]
    # steps of 1, 4, 16, ... until there are two ends, and then halves of what is between them
    distance = abs(guess - answer)
    assert len(tried) <= 4 + 1.5 * math.log2(distance + 1) + 2
    if answer in (guess, guess - 1):
        assert len(tried) <= 2


@given(
    limit=st.integers(0, 20_000),
    shares=st.lists(st.tuples(st.floats(-0.1, 1.1), st.floats(-0.5, 1.5)), min_size=1, max_size=4),
    shape=st.sampled_from(sorted(SHAPES)),
    spread=st.floats(0.05, 1e4),
    noise=st.sampled_from([0.0, 0.01, 0.5]),
    seed=st.integers(0, 9),
)
def test_the_search_finds_the_last_certified_number_whatever_was_expected(
    limit, shares, shape, spread, noise, seed
):
    answers = [int(np.clip(round(share * limit), -1, limit)) for share, _ in shares]
    margins = Margins(answers, shape, spread, limit, noise, seed)
    found = largest_counts(margins, [guess * limit for _, guess in shares], limit)
    assert found.tolist() == answers
    # cut into five parts each time after some rounds, and steps grow fourfold before
    assert margins.n_rounds <= 20


@given(answer=st.integers(-1, 9), limit=st.integers(0, 9), guess=st.sampled_from([-1e9, -1.0, 0.4, 3.0, 1e9]))
def test_short_ranges_are_searched_to_their_ends(answer, limit, guess):
    answer = min(answer, limit)
    assert largest_counts(Margins([answer], "line", 3.0, limit), [guess], limit).tolist() == [answer]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
@pytest.mark.parametrize("answer", [0, 7, 60, 800, 6000])
def test_a_good_guess_and_a_margin_like_a_line_take_three_rounds_and_six_races(answer, share):
    for off in np.linspace(-1.0, 1.0, 9) * max(1.0, 0.01 * answer):
        margins = Margins([answer], "line", max(1.0, share * answer), 10_000)
        assert largest_counts(margins, [answer + off], 10_000).tolist() == [answer]
        assert margins.n_rounds <= 3 and margins.n_asked[0] <= 6


def test_without_any_queries_nothing_is_asked():
    assert largest_counts(Margins([], "line", 1.0, 5), [], 5).tolist() == []


def random_table(rng, n_classes):
    n, d = int(rng.integers(12, 40)), int(rng.integers(1, 5))
    labels = np.concatenate([np.arange(n_classes), rng.choice(n_classes, n - n_classes)])
    rows = rng.normal(size=(n, d)) + 1.5 * labels[:, None] * rng.random()
    rows[: n // 4] = np.round(rows[: n // 4])  # ties
    return rows, labels, rng.normal(size=(3, d)) * 1.5


@pytest.mark.parametrize("seed", range(24))
def test_the_largest_number_is_that_of_an_exhaustive_search(seed):
    """K odd and even, two and three classes, labels that may be new or not; no number is skipped."""
    rng = np.random.default_rng(seed)
    rows, labels, queries = random_table(rng, n_classes=2 + seed % 2)
    n_neighbors = int(rng.integers(1, len(rows) // 2))
    classes = [None, np.unique(labels)][int(rng.integers(2))]
    model = SmoothedKNNClassifier(n_neighbors, float(rng.choice([0.3, 1.0])), classes=classes)
    model.fit(rows, labels)
    for kind in COUNTED:
        found = model.certify(queries, kind()).budget
        for i, budget in enumerate(found.tolist()):
            counts = range(min(budget + 3, len(rows) + 1))
            certified = [not model.certify(queries[i : i + 1], kind(r)).abstained[0] for r in counts if r]
            # an open budget of 0 may also be an abstention: of the query as it is
            assert certified == [r <= budget for r in counts if r], (kind, budget)


@pytest.mark.parametrize("guess", [-1e300, -5.0, 0.0, 3.3, 40.0, 1e300])
def test_the_guess_only_steers(monkeypatch, guess):
    rng = np.random.default_rng(5)
    squares, labels = rng.chisquare(4, size=(6, 60)), rng.integers(0, 2, size=60)
    law = {"target_class": 1, "n_neighbors": 9, "sigma": 0.5, "dof": 4}
    wanted = [largest_budget(squares, labels, kind(), **law).tolist() for kind in COUNTED]
    monkeypatch.setattr(worst_case, "expected_count", lambda *_, **__: guess)
    assert [largest_budget(squares, labels, kind(), **law).tolist() for kind in COUNTED] == wanted


def two_clouds(rng, n, d, n_queries):
    """Squared distances of queries from the first of two overlapping clouds."""
    labels = rng.integers(0, 2, size=n)
    rows = rng.normal(size=(n, d)) + 0.6 * labels[:, None]
    queries = rng.normal(size=(n_queries, d))
    return np.sum((queries[:, None] - rows) ** 2, axis=2), labels


@pytest.mark.parametrize("sigma", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("n_neighbors", [5, 40, 101])
def test_the_mean_counts_guess_well_and_few_races_are_asked_for(monkeypatch, n_neighbors, sigma):
    squares, labels = two_clouds(np.random.default_rng(n_neighbors), 1200, 5, 4)
    native = kernels.get_backend("native")
    guesses, asked = [], []

    def counting(*packed, **arguments):
        asked.append(int(np.sum(packed[4])))
        return native.race_families(*packed, **arguments)

    def listening(*arguments, **law):
        guesses.append(expected_count(*arguments, **law))
        return guesses[-1]

    kernel = SimpleNamespace(
        **{name: getattr(native, name) for name in native.__all__} | {"__name__": native.__name__}
    )
    kernel.race_families = counting
    monkeypatch.setattr(kernels, "get_backend", lambda name: kernel)
    monkeypatch.setattr(worst_case, "expected_count", listening)
    for kind in COUNTED:
        guesses.clear(), asked.clear()
        found = largest_budget(
            squares, labels, kind(), target_class=0, n_neighbors=n_neighbors, sigma=sigma, dof=5
        )
        for guess, budget in zip(guesses, found.tolist(), strict=True):
            assert abs(max(guess, -1.0) - budget) <= 3.0 + 0.03 * abs(budget), kind
        assert sum(asked) <= 7 * len(found), kind


def test_the_mean_counts_stand_rows_that_are_infinitely_far_or_at_the_query():
    ends = np.array([0, 3])
    for a, b in (
        (np.zeros(3), np.zeros(3)),
        (np.array([0.0, 1e160, 1e300]), np.array([1.0, 2.0, 1e300])),
        (np.zeros(0), np.ones(4)),
        (np.ones(4), np.zeros(0)),
    ):
        for kind in COUNTED:
            family = kind().worst_rows(a, b, ends)
            assert not math.isnan(expected_count(family, (2, 2), sigma=1e-3, dof=1.0))
