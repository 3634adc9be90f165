"""More than two classes, the target against each rival: bounds against listed sets and tampered tables."""

from __future__ import annotations

import json

import naive_rivals as naive
import naive_tampering as tampering
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_nearest_sets import UNDECIDED
from tampering_audit import LABEL_VALUES, Audit, Tally

from knn_cert import SmoothedKNNClassifier, kernels, largest_budget, vote_probabilities
from knn_cert.exact.measured import change_by_shift
from knn_cert.kernels.families import pack_pairs
from knn_cert.threats import (
    Deletions,
    Insertions,
    LabelFlips,
    Replacements,
    RowShift,
)
from knn_cert.threats.worst_pairs import PairRows, Splits

# A sum of the oracle in doubles is this near to the truth.
ORACLE = 1e-11

# With fewer tampered tables than this, all of them are tried.
ALL = 4000


@pytest.fixture(scope="module", params=["native", "reference"])
def fuller_kernel(request):
    """A kernel that has pairs and scores."""
    if request.param not in kernels.available_backends():
        pytest.skip("there is no compiled kernel here")
    return kernels.get_backend(request.param)


def table_of(rng, n_classes, most_rows=7):
    """Sorted distances, labels, K, d; rows of one class alone, ties and rows at the query among them."""
    n = int(rng.integers(3, most_rows + 1))
    distances = np.sort(np.round(4.0 * rng.uniform(0.0, rng.choice([2.0, 4.0]), n)) / 4.0)
    labels = rng.choice(n_classes, size=n, p=rng.dirichlet(np.ones(n_classes)))
    return distances, labels, int(rng.integers(1, min(n, 6))), int(rng.choice([1, 3]))


def pair_rows(distances, labels, a, rival):
    """The lists of a class and a rival, with exact distances."""
    third = distances[(labels != a) & (labels != rival)]
    return PairRows(distances[labels == a], distances[labels == rival], third, third, 1.0, int(rival > a))


def probabilities_of(kernel, families, n_neighbors, n_features, tolerance=0.0):
    """Upper and lower bounds on the rival's probability, of each member of each family."""
    p, error = kernel.pair_families(
        *pack_pairs(families),
        np.array([family.lead for family in families]),
        n_neighbors=n_neighbors,
        sigma=1.0,
        dof=float(n_features),
        tolerance=tolerance,
        n_threads=1,
    )
    return p, error


# ------------------------------------------------------------------------------------------------------------
# The kernel


def test_pairs_are_those_of_the_listed_sets(fuller_kernel):
    rng = np.random.default_rng(3)
    for _ in range(12):
        distances, labels, n_neighbors, n_features = table_of(rng, 3)
        for lead in (0, 1):
            rows = pair_rows(distances, labels, 0, 1)._replace(lead=lead)
            family = LabelFlips().worst_pairs(rows, Splits(np.array([0]), np.array([0])))
            p, error = probabilities_of(fuller_kernel, [family], n_neighbors, n_features)
            given_sets = {"n_neighbors": n_neighbors, "n_features": n_features}
            (expected,) = naive.beaten(distances[None], labels, a=0, rival=1, lead=lead, **given_sets)
            assert np.all(np.abs(p[0] - [1.0 - expected, expected]) <= error[0] + ORACLE)
            assert p[0].sum() == pytest.approx(1.0, abs=1e-10)


def test_members_of_families_of_pairs_are_single_pairs_and_far_rows_count_by_moments():
    native = pytest.importorskip("knn_cert.kernels.native")
    rng = np.random.default_rng(5)
    distances = np.sort(rng.normal(9.0, 1.5, 3000))
    rows = pair_rows(distances, rng.integers(0, 6, 3000), 2, 1)
    own, third = np.array([0, 10, 40]), np.array([35, 20, 0])
    family = LabelFlips().worst_pairs(rows, Splits(own, third))
    together, error = probabilities_of(native, [family], 6, 40)
    for i in range(3):
        one = LabelFlips().worst_pairs(rows, Splits(own[i : i + 1], third[i : i + 1]))
        alone, more_error = probabilities_of(native, [one], 6, 40)
        assert np.all(np.abs(alone[0] - together[i]) <= error[i] + more_error[0])
    rough, rough_error = probabilities_of(native, [family], 6, 40, tolerance=1e-4)
    assert np.all(np.abs(rough - together) <= rough_error + error)
    assert 1e-8 < rough_error.max() < 2e-4


def test_a_pair_of_fewer_rows_than_neighbours_is_the_rivals(fuller_kernel):
    rows = pair_rows(np.array([1.0, 2.0]), np.array([0, 0]), 0, 1)
    family = LabelFlips().worst_pairs(rows, Splits(np.array([0]), np.array([0])))
    p, error = probabilities_of(fuller_kernel, [family], 3, 1)
    assert p.tolist() == [[0.0, 1.0]] and error.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("deletions", [False, True])
def test_scores_are_those_of_the_listed_sets(fuller_kernel, deletions):
    rng = np.random.default_rng(7)
    for _ in range(5):
        n_classes = int(rng.integers(2, 5))
        distances, labels, n_neighbors, n_features = table_of(rng, n_classes, most_rows=6)
        n_neighbors = min(n_neighbors, len(labels) - 1, 3)
        asked = {"target": int(rng.integers(n_classes)), "n_classes": n_classes, "n_neighbors": n_neighbors}
        caps = np.array([1, 2, 50])
        got = fuller_kernel.rival_scores(
            distances, labels, caps, deletions=deletions, sigma=1.0, dof=float(n_features), **asked
        )
        for cap, of_cap in zip(caps, got, strict=True):
            exact = naive.scores(
                distances, labels, n_features=n_features, deletions=deletions, cap=cap, **asked
            )
            assert np.all(of_cap >= exact - ORACLE)
            assert of_cap == pytest.approx(exact, abs=1e-8)


def test_scores_of_rows_that_are_not_scored_are_those_of_a_nearer_one():
    native = pytest.importorskip("knn_cert.kernels.native")
    rng = np.random.default_rng(1)
    distances, labels = np.sort(rng.normal(5.0, 1.0, 900)), rng.integers(0, 3, 900)
    (scores,) = native.rival_scores(
        distances,
        labels,
        np.array([9]),
        n_classes=3,
        n_neighbors=4,
        target=1,
        deletions=True,
        sigma=1.0,
        dof=8.0,
    )
    for of_rival in scores:
        for c in range(3):
            assert np.all(np.diff(of_rival[labels == c]) <= 1e-9)  # no row costs more than a nearer one
    assert scores[1].max() < 1e-8 < scores[0].max()  # the target is no rival of itself


# ------------------------------------------------------------------------------------------------------------
# Bounds on tampered tables


def test_distances_that_are_a_little_wrong_change_a_pair_by_no_more_than_the_shift_of_the_table():
    rng = np.random.default_rng(9)
    largest = 0.0
    for widening in (0.01, 0.1):
        for _ in range(20):
            distances, labels, n_neighbors, n_features = table_of(rng, 3)
            wrong = distances * (1.0 + widening * rng.choice([-1.0, 1.0], size=len(distances)))
            given_sets = {"n_neighbors": n_neighbors, "n_features": n_features}
            p = naive.beaten(np.array([distances, wrong]), labels, a=0, rival=1, lead=1, **given_sets)
            allowed = change_by_shift(distances, widening, 1.0)
            assert abs(p[1] - p[0]) <= allowed
            largest = max(largest, abs(p[1] - p[0]) / allowed if allowed else 0.0)
    assert largest > 0.1


def tampered_tables(rng, n_classes):
    """A random table, and (threat, rows, tampered tables) of small budgets."""
    distances, labels, n_neighbors, n_features = table_of(rng, n_classes, most_rows=6)
    rows = np.zeros((len(labels), n_features))
    rows[:, 0] = distances
    table = tampering.Table(rows, labels, np.zeros(n_features), n_classes, n_neighbors, 1.0)
    radius = float(rng.choice([0.3, 1.0, np.inf]))
    found = []
    for r in (1, 2):
        found += [
            (LabelFlips(), r, tampering.flipped(table, r, ALL, rng)),
            (Deletions(), r, tampering.deleted(table, r, ALL, rng)),
            (Insertions(), r, tampering.inserted(table, r, ALL, rng)),
            (Replacements(), r, tampering.replaced(table, r, ALL, rng)),
            (RowShift(r, radius), r, tampering.moved(table, r, radius, ALL, rng)),
            (RowShift(r, radius, relabel=True), r, tampering.moved(table, r, radius, ALL, rng, relabel=True)),
        ]
    return table, [one for one in found if one[2] is not None]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n_classes=st.integers(3, 4))
def test_no_tampered_table_makes_a_rival_likelier_than_its_worst_pair(seed, n_classes):
    native = pytest.importorskip("knn_cert.kernels.native")
    rng = np.random.default_rng(seed)
    table, attacks = tampered_tables(rng, n_classes)
    a, rival = rng.choice(n_classes, size=2, replace=False).tolist()
    rows = pair_rows(table.distances, table.labels, a, rival)
    given_sets = {"n_neighbors": table.n_neighbors, "n_features": len(table.query)}
    for threat, r, tampered in attacks:
        reached = naive.beaten(*tampered, a=a, rival=rival, lead=rows.lead, **given_sets).max()
        third = np.arange(threat.most_third_rows(r, len(rows.third)), -1, -1)
        family = threat.worst_pairs(rows, Splits(r - third, third))
        p, error = probabilities_of(native, [family], *given_sets.values())
        assert reached <= (p + error)[:, 1].max() + UNDECIDED, (threat, r)
        if isinstance(threat, (LabelFlips, Insertions)):  # attained
            assert (p - error)[:, 1].max() <= reached + UNDECIDED, (threat, r)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n_classes=st.integers(3, 4))
def test_flips_and_deletions_cost_no_more_than_the_largest_scores(seed, n_classes):
    native = pytest.importorskip("knn_cert.kernels.native")
    rng = np.random.default_rng(seed)
    table, attacks = tampered_tables(rng, n_classes)
    target = int(rng.integers(n_classes))
    before = tampering.probabilities(table, tampering.Tampered(table.distances[None], table.labels[None]))[0]
    for threat, r, tampered in attacks:
        if threat.scored_as is None:
            continue
        (scores,) = native.rival_scores(
            table.distances,
            table.labels,
            np.array([r]),
            n_classes=n_classes,
            n_neighbors=table.n_neighbors,
            target=target,
            deletions=threat.scored_as == "deleted",
            sigma=1.0,
            dof=float(len(table.query)),
        )
        after = tampering.probabilities(table, tampered)
        for b in set(range(n_classes)) - {target}:
            cost = before[target] - before[b] - (after[:, target] - after[:, b])
            assert cost.max() <= np.sort(scores[b])[-r:].sum() + UNDECIDED, (threat, r, b)


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 2**32 - 1), n_classes=st.integers(3, 4))
def test_no_tampered_table_refutes_a_certificate(seed, n_classes):
    rng = np.random.default_rng(seed)
    table = tampering.random_table(rng, n_classes=n_classes)
    names = next(values for values in LABEL_VALUES if len(values) >= table.n_labels)
    tally = Tally(0)
    audit = Audit(table, names, tally, limit=200, rng=rng)
    for threat in (LabelFlips(), Deletions(), Insertions(), Replacements()):
        audit.open_budget(threat)
    radius = float(rng.choice([0.25, 1.0])) * table.sigma
    for relabel in (False, True):
        audit.open_budget(RowShift(1, relabel=relabel))
        audit.fixed_budget(RowShift(1, radius, relabel=relabel))
    assert not tally.violations, [str(violation) for violation in tally.violations]


# ------------------------------------------------------------------------------------------------------------
# Certificates


def cases_of_the_oracle(folder):
    return json.loads((folder / "plurality.json").read_text(encoding="utf-8"))


def budget_of(case, threat, backend):
    sq_distances, labels = np.square(case["s"]), np.array(case["y"])
    arguments = {"n_neighbors": case["K"], "sigma": 1.0, "dof": case["dof"], "n_classes": case["C"]}
    asked = {"target_class": case["target"], "backend": backend}
    return largest_budget(sq_distances, labels, threat, **asked, **arguments)


def test_the_probabilities_of_the_oracle(oracle_folder, backend):
    for case in cases_of_the_oracle(oracle_folder)[:: 20 if backend == "reference" else 1]:
        arguments = {"n_neighbors": case["K"], "sigma": 1.0, "dof": case["dof"], "n_classes": case["C"]}
        q = vote_probabilities(np.square(case["s"]), np.array(case["y"]), backend=backend, **arguments)
        assert q == pytest.approx(case["q"], abs=1e-12)


def test_certified_rows_lie_between_those_of_the_oracle_and_the_true_ones(oracle_folder, backend):
    exact = total = 0
    for case in cases_of_the_oracle(oracle_folder)[:: 20 if backend == "reference" else 1]:
        flips = budget_of(case, LabelFlips(), backend)
        deletions = budget_of(case, Deletions(), backend)
        assert min(flips, 4) <= case["flips_true_up_to_4"]  # up to 4 were enumerated
        assert min(deletions, len(case["s"]) - case["K"] - 1) <= case["deletions_true"]  # up to n - K - 1
        exact += min(flips, 4) == case["flips_true_up_to_4"]
        total += 1
        if kernels.get_backend(backend).rival_scores is not None:
            assert flips >= case["flips_certified"]
            assert deletions >= case["deletions_certified"]
    if kernels.get_backend(backend).rival_scores is not None:
        assert exact == total


def plain_and_smoothed(threat, rng, sigma):
    """Budgets of plain K-NN and of little noise, for some queries of a table of four classes."""
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 4, 40)
    X += 2.0 * np.eye(4, 3)[y]
    queries = X[::4] + 0.1
    found = []
    for noise in (0.0, sigma):
        clf = SmoothedKNNClassifier(5, noise, backend="native", classes=np.arange(4)).fit(X, y)
        certified = clf.certify(queries, threat)
        found.append(np.where(certified.abstained, -1, certified.budget))
    return found


@pytest.mark.skipif("native" not in kernels.available_backends(), reason="there is no compiled kernel here")
def test_flips_and_insertions_reach_the_exact_budgets_of_plain_k_nn_as_the_noise_goes():
    for threat in (LabelFlips(), Insertions()):
        plain, smoothed = plain_and_smoothed(threat, np.random.default_rng(2), 1e-4)
        assert np.array_equal(plain, smoothed)
        assert plain.max() > 0


@pytest.mark.skipif("native" not in kernels.available_backends(), reason="there is no compiled kernel here")
def test_deletions_with_little_noise_certify_no_more_than_plain_k_nn_and_some_of_it():
    plain, smoothed = plain_and_smoothed(Deletions(), np.random.default_rng(2), 1e-4)
    assert np.all(smoothed <= plain)
    assert smoothed.sum() > 0.5 * plain.sum()


@pytest.mark.parametrize("threat", [LabelFlips, Deletions])
def test_a_given_number_is_survived_where_the_largest_says_so(threat):
    rng = np.random.default_rng(5)
    y = np.arange(60) % 3
    X = rng.normal(size=(60, 3)) + 1.2 * y[:, None]
    clf = SmoothedKNNClassifier(9, sigma=1.0).fit(X, y)
    queries = rng.normal(size=(12, 3)) + 1.2 * (np.arange(12) % 3)[:, None]
    largest = clf.certify(queries, threat())
    assert largest.budget.max() >= 4
    for rows in range(1, 8):
        given = clf.certify(queries, threat(rows))
        np.testing.assert_array_equal(~given.abstained, largest.certified(rows))
