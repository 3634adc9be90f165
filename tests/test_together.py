"""One attack on all queries: bounds hold against every attack on small tables, and many are the truth."""

from __future__ import annotations

import itertools
from fractions import Fraction
from types import SimpleNamespace
from typing import NamedTuple

import naive_together as naive
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from knn_cert import SmoothedKNNClassifier
from knn_cert.certificates import Certificates
from knn_cert.exact import evaluate
from knn_cert.exact.measured import Measured
from knn_cert.exact.table import Table
from knn_cert.exact.together import program as program_module
from knn_cert.exact.together.arrivals import most_changed_by_labels
from knn_cert.exact.together.certify import OpenQueries, certify_together, check_together
from knn_cert.exact.together.program import Program
from knn_cert.exact.together.reach import deletion_demands, flip_demands
from knn_cert.exact.together.search import most_changed
from knn_cert.smoothing import Noise, PlainKNN
from knn_cert.threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
)

ATTACKS = {LabelFlips: naive.flipped, Deletions: naive.deleted, Replacements: naive.replaced}


class Vote(NamedTuple):
    n_neighbors: int
    n_classes: int
    labels_are_classes: bool


class Problem(NamedTuple):
    """A table on a line, some queries, and what the attacker may do."""

    table: naive.Table
    queries: tuple[int, ...]
    vote: Vote
    kind: type
    rows: int

    @property
    def labels(self) -> range:
        """What the attacker may use: also a label before all others, and one after them."""
        outside = 0 if self.vote.labels_are_classes else 1
        return range(-outside, self.vote.n_classes + outside)

    @property
    def targets(self) -> list[int]:
        return [max(naive.predictions(self.table, query, self.vote.n_neighbors)) for query in self.queries]

    @property
    def measured(self) -> Measured:
        places, labels = self.table
        distances = np.abs(np.subtract.outer(np.array(self.queries), np.array(places))).astype(np.float64)
        return Measured(distances, np.array(labels), 0.0)

    def budgets(self) -> list[int]:
        """Largest numbers of rows that the queries survive one by one, up to what is asked for."""
        k, most = self.vote.n_neighbors, self.rows
        if self.kind is Deletions:
            most = min(most, len(self.table[1]) - k)
        return [
            naive.budget(ATTACKS[self.kind], self.table, query, target, k, self.labels, most)
            for query, target in zip(self.queries, self.targets, strict=True)
        ]

    def most_changed(self, targets=None) -> int:
        return naive.most_changed(
            ATTACKS[self.kind],
            self.table,
            self.rows,
            self.vote.n_neighbors,
            self.labels,
            self.queries,
            self.targets if targets is None else targets,
        )


def certificates(targets, budgets, vote, kind, n_rows):
    """Certificates one by one, with the budgets left open."""
    n_queries, budgets = len(targets), np.array(budgets)
    return Certificates(
        query=np.arange(n_queries),
        label=np.array(targets),
        probabilities=np.eye(vote.n_classes)[targets],
        p_lower=np.ones(n_queries),
        p_upper=np.zeros(n_queries),
        tail_upper=np.zeros(n_queries),
        budget=np.maximum(budgets, 0),
        worst_probability=np.full(n_queries, np.nan),
        abstained=budgets < 0,
        classes=np.arange(vote.n_classes),
        classifier=PlainKNN(vote.n_neighbors, labels_are_classes=vote.labels_are_classes),
        noise=Noise(0.0),
        n_features=1,
        n_train=n_rows,
        threat=kind(),
        version="",
    )


def bound_together(alone, parts, vote, threat, y_true=None, seconds=5.0):
    """What is certified of queries whose distances come in parts, from their certificates one by one."""
    queries, start = OpenQueries(vote, threat, alone.n_train), 0
    for part in parts:
        some = slice(start, start + len(part))
        budgets = np.where(alone.abstained, -1, alone.budget)[some].astype(np.int64)
        queries.add(part, np.searchsorted(alone.classes, alone.label)[some], budgets)
        start += len(part)
    return certify_together(alone, queries, y_true, seconds)


def certified(problem, *, y_true=None, seconds=5.0, chunk=None):
    alone = certificates(
        problem.targets, problem.budgets(), problem.vote, problem.kind, len(problem.table[1])
    )
    measured = problem.measured
    chunk = len(measured) if chunk is None else chunk
    parts = [measured.of(slice(start, start + chunk)) for start in range(0, len(measured), chunk)]
    return bound_together(alone, parts, problem.vote, problem.kind(rows=problem.rows), y_true, seconds)


@st.composite
def problems(draw, kinds=tuple(ATTACKS)):
    kind = draw(st.sampled_from(kinds))
    n_rows = draw(st.integers(3, 5 if kind is Replacements else 7))
    n_classes = draw(st.integers(2, 3))
    k = draw(st.integers(1, n_rows))
    known = draw(st.booleans())
    rows = draw(st.integers(1, 2 if kind is Replacements or not known else 3))
    places = tuple(draw(st.lists(st.integers(0, 20), min_size=n_rows, max_size=n_rows)))
    labels = tuple(draw(st.lists(st.integers(0, n_classes - 1), min_size=n_rows, max_size=n_rows)))
    queries = tuple(draw(st.lists(st.integers(-3, 23), min_size=1, max_size=4)))
    return Problem((places, labels), queries, Vote(k, n_classes, known), kind, rows)


def random_problem(rng, kind) -> Problem:
    n_classes = int(rng.integers(2, 4))
    n_rows = int(rng.integers(3, 6 if kind is Replacements else 9))
    return Problem(
        (tuple(rng.integers(0, 40, n_rows).tolist()), tuple(rng.integers(0, n_classes, n_rows).tolist())),
        tuple(rng.integers(-5, 45, int(rng.integers(2, 7))).tolist()),
        Vote(int(rng.integers(1, min(n_rows, 5) + 1)), n_classes, bool(rng.integers(2))),
        kind,
        int(rng.integers(1, 3)),
    )


# ------------------------------------------------------------------------------------------------------------
# Against every attack


@settings(max_examples=200, deadline=None)
@given(problems(), st.data())
def test_no_attack_changes_more_queries_than_the_bound(problem, data):
    y_true = data.draw(
        st.lists(
            st.integers(0, problem.vote.n_classes - 1),
            min_size=len(problem.queries),
            max_size=len(problem.queries),
        )
    )
    found = certified(problem, y_true=y_true)
    truth = problem.most_changed()
    assert found.changed_at_least <= truth <= found.changed_at_most
    assert found.changed_at_most <= np.count_nonzero(np.array(problem.budgets()) < problem.rows)
    if found.is_exact:
        assert found.changed_at_most == truth
    for table in ATTACKS[problem.kind](
        problem.table, problem.rows, problem.vote.n_neighbors, problem.labels, problem.queries
    ):
        right = [
            naive.predictions(table, query, problem.vote.n_neighbors) == {true}
            for query, true in zip(problem.queries, y_true, strict=True)
        ]
        assert sum(right) >= found.right_at_least
    assert found.accuracy_at_least == found.right_at_least / len(problem.queries)


@pytest.mark.parametrize(
    ("kind", "n_classes", "tight", "exact", "fewer"),
    [
        (LabelFlips, 2, 40, 34, 9),
        (LabelFlips, 3, 38, 30, 8),
        (Deletions, 2, 38, 35, 7),
        (Deletions, 3, 30, 25, 7),
        (Replacements, 2, 34, 20, 0),
    ],
)
def test_most_bounds_are_the_truth_and_many_are_known_to_be(kind, n_classes, tight, exact, fewer):
    """Of 40 small tables; "fewer" are better than certificates one by one."""
    rng = np.random.default_rng(5)
    counts = np.zeros(3, dtype=int)
    for problem in itertools.islice(sure_problems(rng, kind, n_classes), 40):
        found, truth = certified(problem), problem.most_changed()
        assert found.changed_at_least <= truth <= found.changed_at_most
        one_by_one = np.count_nonzero(np.array(problem.budgets()) < problem.rows)
        counts += [found.changed_at_most == truth, found.is_exact, found.changed_at_most < one_by_one]
    assert (counts >= [tight, exact, fewer]).all(), counts


def sure_problems(rng, kind, n_classes):
    """Random tables whose predictions are certain without an attack, and that keep K rows under one."""
    while True:
        problem = random_problem(rng, kind)
        spare = len(problem.table[1]) - problem.vote.n_neighbors
        if problem.vote.n_classes == n_classes and min(problem.budgets()) >= 0 and problem.rows <= spare:
            yield problem


@pytest.mark.parametrize("seed", range(150))
def test_every_attack_that_changes_a_query_meets_its_demands(seed):
    """For a single query, many classes and few ties: what a condition asks of the picked rows is there."""
    rng = np.random.default_rng(seed)
    n_rows, n_classes = int(rng.integers(5, 10)), int(rng.integers(2, 5))
    kind = (LabelFlips, Deletions)[seed % 2]
    places, labels = rng.choice(40, n_rows, replace=False), rng.integers(0, n_classes, n_rows)
    k = int(rng.integers(1, n_rows - 1))
    most = min(n_rows - k, 4) if kind is Deletions else 2
    problem = Problem(
        (tuple(places.tolist()), tuple(labels.tolist())),
        (int(rng.choice([-1, 20])),),
        Vote(k, n_classes, bool(rng.integers(2))),
        kind,
        most,
    )
    (budget,), (target,), query = problem.budgets(), problem.targets, problem.queries[0]
    if not 0 <= budget < most:
        return
    arguments = problem.measured, np.array([target]), np.array([budget]), problem.vote
    demands = deletion_demands(*arguments, most) if kind is Deletions else flip_demands(*arguments)
    assert len(demands.owner)
    for number in range(1, most + 1):
        for picked in itertools.combinations(range(n_rows), number):
            rest = [row for row in range(n_rows) if row not in picked]
            tampered = [(tuple(places[rest]), tuple(labels[rest].tolist()))]
            if kind is LabelFlips:
                new = np.tile(labels, (len(problem.labels) ** number, 1))
                new[:, picked] = list(itertools.product(problem.labels, repeat=number))
                tampered = [(tuple(places), tuple(line)) for line in new.tolist()]
            if any(naive.predictions(table, query, k) != {target} for table in tampered):
                for line in demands.conditions.toarray()[:, picked]:
                    assert sum(map(Fraction, line)) >= 1


def test_rows_beyond_the_nearest_come_to_vote_when_others_are_deleted():
    """Without a majority: four of the rows must go, and only three are among the nearest."""
    places, labels = (1, 2, 3, 4, 5, 6, 7), (0, 1, 2, 0, 0, 0, 1)
    problem = Problem((places, labels), (0,), Vote(3, 3, True), Deletions, 4)
    assert problem.budgets() == [3]
    found = certified(problem)
    assert problem.most_changed() == 1 == found.changed_at_most
    assert found.is_exact


def test_an_attack_that_leaves_the_vote_to_the_order_of_tied_rows_proves_nothing():
    problem = Problem(((1, 5, -5), (0, 1, 0)), (0,), Vote(1, 2, True), Deletions, 1)
    found = certified(problem)
    assert problem.most_changed() == 1 == found.changed_at_most
    assert not found.is_exact


def test_nothing_is_certified_where_fewer_than_k_rows_may_be_left():
    problem = Problem(((1, 2, 3, 4, 5), (0, 0, 0, 0, 0)), (0, 1), Vote(3, 2, True), Deletions, 2)
    assert certified(problem).changed_at_most == 0
    found = certified(problem._replace(rows=3), y_true=[0, 0])
    assert (found.changed_at_most, found.right_at_least, found.is_exact) == (2, 0, False)


def test_replaced_rows_come_with_one_label():
    """Two of them can go against one of the classes, and not against both."""
    places = (0, 1, 2, 3, 20, 21, 22, 23)
    problem = Problem((places, (0,) * 4 + (1,) * 4), (8, 9, 14), Vote(3, 2, True), Replacements, 2)
    assert problem.budgets() == [1, 1, 1]
    found = certified(problem, y_true=[0, 0, 1])
    assert found.changed_at_most == 2 == problem.most_changed()
    assert found.right_at_least == 1
    # a label from outside goes against all
    free = problem._replace(vote=Vote(3, 2, False))
    assert certified(free).changed_at_most == 3 == free.most_changed()


@pytest.mark.parametrize("seed", range(20))
def test_labels_are_split_over_the_classes_at_best(seed):
    rng = np.random.default_rng(seed)
    n_classes, rows = int(rng.integers(2, 4)), int(rng.integers(1, 7))
    needed, targets = rng.integers(0, rows + 2, 9), rng.integers(0, n_classes, 9)
    splits = [y for y in itertools.product(range(rows + 1), repeat=n_classes) if sum(y) == rows]
    truth = max(
        sum(need <= rows - y[target] for need, target in zip(needed, targets, strict=True)) for y in splits
    )
    assert most_changed_by_labels(needed, targets, Vote(1, n_classes, True), rows) == truth
    assert most_changed_by_labels(needed, targets, Vote(1, n_classes, False), rows) == sum(needed <= rows)


@settings(max_examples=60, deadline=None)
@given(problems())
def test_no_attack_beats_the_classifier_itself(problem):
    """From the table to the bound, with the classifier's own certificates; labels are words."""
    places, labels = problem.table
    if len(set(labels)) == 1:
        labels = (*labels[:-1], (labels[0] + 1) % problem.vote.n_classes)
    kinds = range(problem.vote.n_classes) if problem.vote.labels_are_classes else sorted(set(labels))
    names = np.array(["-", "a", "b", "c", "d"])
    classifier = SmoothedKNNClassifier(
        problem.vote.n_neighbors,
        sigma=0.0,
        classes=names[1 : problem.vote.n_classes + 1] if problem.vote.labels_are_classes else None,
        n_threads=1,
    ).fit(np.array(places, dtype=float)[:, None], names[np.array(labels) + 1])
    queries = np.array(problem.queries, dtype=float)[:, None]
    found = classifier.certify_together(
        queries, problem.kind(rows=problem.rows), classifier.predict(queries), seconds=1.0
    )
    assert list(found.alone.classes) == list(names[np.array(kinds) + 1])
    targets = [int(np.flatnonzero(names == label)[0]) - 1 for label in found.alone.label]
    truth = problem._replace(table=(places, labels)).most_changed(targets)
    assert found.changed_at_least <= truth <= found.changed_at_most
    assert found.right_at_least == len(queries) - found.changed_at_most
    asked = classifier.certify(queries, problem.kind(rows=problem.rows))
    assert found.changed_at_most <= np.count_nonzero(asked.abstained)


def test_distances_are_measured_once(monkeypatch):
    """By certificates one by one and by what is asked of all, chunk by chunk."""
    rng = np.random.default_rng(0)
    X, y, queries = rng.normal(size=(60, 2)), rng.integers(0, 2, 60), rng.normal(size=(25, 2))
    classifier = SmoothedKNNClassifier(5, sigma=0.0, n_threads=1).fit(X, y)
    whole = classifier.certify_together(queries, LabelFlips(2), seconds=0.0)
    n_measured, measure = [], Table.measured

    def counted(table, some, *how):
        n_measured.append(len(some))
        return measure(table, some, *how)

    monkeypatch.setattr(Table, "measured", counted)
    monkeypatch.setattr(evaluate, "_CHUNK_BYTES", 8 * 60 * 10)
    found = classifier.certify_together(queries, LabelFlips(2), seconds=0.0)
    assert n_measured == [10, 10, 5]
    assert 0 < found.changed_at_most == whole.changed_at_most


def test_other_classifiers_are_refused():
    X, y = [[0.0], [0.5], [4.0], [4.5]], [0, 0, 1, 1]
    for classifier in (SmoothedKNNClassifier(1), SmoothedKNNClassifier(radius=1.0, sigma=0.0)):
        with pytest.raises(ValueError, match="K-NN without noise"):
            classifier.fit(X, y).certify_together([[0.2]], LabelFlips(1))
    with pytest.raises(TypeError, match="QueryShift"):
        SmoothedKNNClassifier(1, sigma=0.0).fit(X, y).certify_together([[0.2]], QueryShift(1.0))


# ------------------------------------------------------------------------------------------------------------
# The program


def random_program(rng, n_queries=5, n_rows=7) -> Program:
    owner = np.sort(np.append(rng.integers(0, n_queries, 3), np.arange(1, n_queries)))
    demands = rng.integers(0, 2, (len(owner), n_rows)) / rng.integers(1, 5, (len(owner), 1))
    return Program(sp.csr_array(demands), owner, n_queries, int(rng.integers(1, n_rows)))


def largest_number(program: Program, weights) -> float:
    """By every choice of rows."""
    demands = program.conditions.toarray()
    best = 0.0
    for rows in itertools.combinations(range(demands.shape[1]), program.rows):
        met = demands[:, list(rows)].sum(axis=1) >= 1.0 - 1e-12
        changed = [all(met[program.owner == query]) for query in range(program.n_queries)]
        best = max(best, float(np.dot(weights, changed)))
    return best


@pytest.mark.parametrize("seed", range(25))
def test_any_duals_prove_a_bound_that_is_rounded_up(seed):
    """The bound is at least the exact value of the theorem, in fractions, and that is above the truth."""
    rng = np.random.default_rng(seed)
    program = random_program(rng)
    weights = rng.integers(1, 30, program.n_queries).astype(float)
    truth = largest_number(program, weights)
    for size in (0.0, 0.3, 10.0):
        duals = size * rng.random(len(program.owner))
        u = [Fraction(dual) for dual in duals]
        demands = [[Fraction(one) for one in line] for line in program.conditions.toarray()]
        of_query = [sum(u[k] for k in np.flatnonzero(program.owner == i)) for i in range(program.n_queries)]
        worth = [sum(u[k] * demands[k][j] for k in range(len(u))) for j in range(len(demands[0]))]
        alone = sum(max(Fraction(w) - of, Fraction(0)) for w, of in zip(weights, of_query, strict=True))
        exact = alone + sum(sorted(worth, reverse=True)[: program.rows])
        bound = program.bound(duals, weights)
        assert (
            truth - 1e-9 <= exact <= Fraction(bound) <= exact * (1 + Fraction(1, 10**11)) + Fraction(1, 10**9)
        )


@pytest.mark.parametrize("seed", range(25))
def test_the_search_ends_at_the_truth_of_small_programs(seed):
    """Or above it, where only fractions of rows reach the bound; a known attack ends it, too."""
    program = random_program(np.random.default_rng(seed))
    truth = int(largest_number(program, np.ones(program.n_queries)))
    found = most_changed(program, lambda priority: 0, 20.0)
    assert truth <= found.at_most <= truth + 1
    assert most_changed(program, lambda priority: truth, 20.0).at_least == truth


def rubbish(*args, A_ub, b_ub, **kwargs):
    rng = np.random.default_rng(0)
    marginals = -(10.0 ** rng.integers(-8, 8, len(b_ub))) * rng.choice([-1.0, 1.0], len(b_ub))
    return SimpleNamespace(
        status=0, x=rng.normal(size=A_ub.shape[1]), ineqlin=SimpleNamespace(marginals=marginals)
    )


def not_a_number(*args, A_ub, b_ub, **kwargs):
    return SimpleNamespace(
        status=0,
        x=np.full(A_ub.shape[1], np.nan),
        ineqlin=SimpleNamespace(marginals=np.full(len(b_ub), np.nan)),
    )


def failure(*args, **kwargs):
    return SimpleNamespace(status=4, x=None)


@pytest.mark.parametrize("solver", [rubbish, not_a_number, failure])
def test_a_solver_that_fails_or_lies_makes_bounds_larger_but_not_wrong(monkeypatch, solver):
    rng = np.random.default_rng(1)
    monkeypatch.setattr(program_module, "linprog", solver)
    for kind in (LabelFlips, Deletions):
        for problem in itertools.islice(sure_problems(rng, kind, 2), 12):
            found = certified(problem, seconds=0.5)
            assert problem.most_changed() <= found.changed_at_most
            assert found.changed_at_most <= np.count_nonzero(np.array(problem.budgets()) < problem.rows)


# ------------------------------------------------------------------------------------------------------------
# Larger tables


def two_clouds(n_queries=40, n_rows=400, k=41, rows=30, known=True):
    """Two overlapping clouds, K-NN without noise, flipped labels; budgets by counting votes."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, n_rows)
    places = rng.normal(size=(n_rows, 2)) + 2.0 * labels[:, None]
    true = rng.integers(0, 2, n_queries)
    queries = rng.normal(size=(n_queries, 2)) + 2.0 * true[:, None]
    distances = np.linalg.norm(queries[:, None] - places, axis=2)
    votes = labels[np.argsort(distances, axis=1)[:, :k]].sum(axis=1)
    targets = (votes > k - votes).astype(int)
    own = np.where(targets == 1, votes, k - votes)
    vote = Vote(k, 2, known)
    alone = certificates(targets, own - k // 2 - 1, vote, LabelFlips, n_rows)
    return alone, Measured(distances, labels, 1e-15), vote, LabelFlips(rows=rows), true


def test_one_attack_changes_far_fewer_queries_than_attacks_one_by_one():
    alone, measured, vote, threat, true = two_clouds()
    found = bound_together(alone, [measured], vote, threat, true, seconds=2.0)
    one_by_one = np.count_nonzero(~alone.certified(30))
    assert one_by_one == 40
    assert found.changed_at_most <= 24
    assert found.changed_at_least >= 8
    # nothing but the first program, and no program at all
    quick = bound_together(alone, [measured], vote, threat, true, seconds=0.0)
    assert found.changed_at_most < quick.changed_at_most < one_by_one


def test_the_answer_does_not_depend_on_chunks_or_the_order_of_rows():
    alone, measured, vote, threat, true = two_clouds(n_queries=15)
    whole = bound_together(alone, [measured], vote, threat, true, seconds=60.0)
    rng = np.random.default_rng(0)
    order = rng.permutation(measured.n_rows)
    shuffled = Measured(measured.distances[:, order], measured.labels[order], measured.relative_error)
    for parts in ([measured.of(slice(i, i + 4)) for i in range(0, 15, 4)], [shuffled]):
        other = bound_together(alone, parts, vote, threat, true, seconds=60.0)
        assert (other.changed_at_most, other.right_at_least) == (whole.changed_at_most, whole.right_at_least)


def test_queries_that_are_certified_one_by_one_never_count():
    alone, measured, vote, _, true = two_clouds()
    for rows in (1, 3, 10, 20):
        found = bound_together(alone, [measured], vote, LabelFlips(rows=rows), true, seconds=0.2)
        assert found.changed_at_most <= np.count_nonzero(~alone.certified(rows))
        assert found.accuracy_at_least >= alone.summary(true, [rows]).certified_accuracy[0]
    assert bound_together(alone, [measured], vote, LabelFlips(rows=0), true).changed_at_most == 0


def test_copies_of_a_query_change_together():
    alone, measured, vote, threat, _ = two_clouds()
    copies = np.zeros(12, dtype=int)
    found = bound_together(
        alone[copies], [Measured(measured.distances[copies], measured.labels, 1e-15)], vote, threat
    )
    assert found.is_exact
    assert found.changed_at_most == 12


def test_what_a_result_says():
    alone, measured, vote, threat, true = two_clouds()
    found = bound_together(alone, [measured], vote, threat, true, seconds=0.5)
    stay = 40 - found.changed_at_most
    assert len(found) == 40
    assert found.alone is alone
    assert f"at most {found.changed_at_most} are not the same" in found.guarantee
    assert f"at least {stay} of them are the predictions of the clean table" in found.guarantee
    assert f"At least {found.right_at_least} are right in every one of these tables." in found.guarantee
    assert "the labels of at most 30 training rows changed" in found.guarantee
    assert "Tables have at least K = 41 rows." in found.guarantee
    assert "accuracy at least 0." in repr(found)
    without = bound_together(alone, [measured], vote, threat, seconds=0.5)
    assert without.accuracy_at_least is None
    assert "right" not in without.guarantee
    with pytest.raises(ValueError, match="at least one query"):
        bound_together(alone[:0], [], vote, threat)
    with pytest.raises(ValueError, match="seconds must be at least 0"):
        bound_together(alone, [measured], vote, threat, seconds=-1.0)
    with pytest.raises(ValueError, match="one label for each query"):
        bound_together(alone, [measured], vote, threat, true[:3])


@pytest.mark.parametrize("threat", [Insertions(3), RowShift(3), QueryShift(1.0), BlackBoxBall()])
def test_other_threats_are_refused_with_a_reason(threat):
    with pytest.raises(TypeError, match=r"LabelFlips, Deletions, Replacements, not .*certify\(\)"):
        check_together(threat)


@pytest.mark.parametrize("kind", ATTACKS)
def test_an_open_number_of_rows_is_refused(kind):
    assert check_together(kind(rows=0.1)) == kind(rows=0.1)
    with pytest.raises(ValueError, match=rf"such as {kind.__name__}\(rows=10\)"):
        check_together(kind())
    with pytest.raises(TypeError, match="call it"):
        check_together(kind)
