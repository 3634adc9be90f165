"""Sections 1 to 5 of the exact engine's figures: what must hold before anything is timed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binom

from knn_cert import gaussian_radius, kernels, rab_edges, vote_probabilities
from knn_cert.bounds import clopper_pearson_lower, clopper_pearson_upper
from knn_cert.datasets import Dataset

from ..common import fresh
from ..common.fresh import LEVELS
from ..common.report import SEED, Report, listed, require
from ..common.source import Source
from . import agreement, oracles
from .baselines import N_NEIGHBORS, SIGMA, Baselines
from .study import Study

# The limits. Accuracy, sums, agreement and memory are what the project promises.
LAW_RELATIVE = 1e-12
BUCKETED_ABSOLUTE, BUCKETED_RELATIVE = 1e-13, 1e-10
CONTINUOUS_RELATIVE = 1e-10
SUM = 1e-11
AGREEMENT = 2e-12  # each of two backends may err by half of it
MEMORY_MB = 200.0
# Theorem 3 as printed takes tails as complements, each with an error of 1e-16, and multiplies thousands.
LITERAL = 1e-11
# A count of missed intervals with a smaller probability than this is no bad luck.
BAD_LUCK = 1e-6
# A printed logarithm of the reference values may contradict the tail beside it only where both are below.
CONTRADICTIONS_BELOW = 1e-100

# The reference backend is plain Python: a part of a real table is all it can do in seconds.
_REFERENCE_ROWS, _REFERENCE_QUERIES = 100, 2


# ------------------------------------------------------------------------------------------------------------
# 1. Accuracy


def accuracy(report: Report, folder: Path, study: Study) -> None:
    """Compare every backend with the reference values in ``folder``, if they are there."""
    report.heading("1. Accuracy against reference values")
    missing = [name for name in oracles.FILES if not (folder / name).is_file()]
    if missing:
        report.text(f"Skipped: no {', '.join(missing)} here; name their folder with `--oracle-dir`.")
        return
    rows = []

    def check(backend: str, what: str, n_cases: int, kind: str, error: float, limit: float) -> None:
        require(error <= limit, f"{backend}, {what}: worst {kind} error {error:.2e}, limit {limit:.0e}")
        rows.append([backend, what, str(n_cases), kind, f"{error:.1e}", f"{limit:.0e}"])

    for name in study.backends():
        kernel = kernels.get_backend(name)
        law = oracles.law_errors(folder, kernel)
        for function, error in law.worst.items():
            check(name, f"ncx2_{function}", law.n_cases, "relative", error, LAW_RELATIVE)
        errors = oracles.vote_errors(folder, kernel, bucketed=True)
        check(name, "bucketed", errors.n_cases, "absolute", errors.absolute, BUCKETED_ABSOLUTE)
        check(name, "bucketed", errors.n_cases, "relative", errors.relative, BUCKETED_RELATIVE)
        errors = oracles.vote_errors(folder, kernel, bucketed=False)
        check(name, "continuous", errors.n_cases, "relative", errors.relative, CONTINUOUS_RELATIVE)
    require(
        law.largest_contradiction < CONTRADICTIONS_BELOW,
        f"a printed logarithm of magnitude {law.largest_contradiction:.1e} contradicts its other tail",
    )
    report.table(["backend", "what", "cases", "error", "worst", "limit"], rows)
    report.text(
        "Reference values from ball arithmetic and exact enumeration, compared in 60 digits; relative errors "
        "where the truth is above 1e-300 (distance law) or 1e-250 (probabilities). "
        f"{law.n_contradictions} printed logarithms, none above {law.largest_contradiction:.1e} in "
        "magnitude, contradict the other tail printed beside them; there log1p(-tail) is taken for the truth."
    )


# ------------------------------------------------------------------------------------------------------------
# 2. Sums


@dataclass(frozen=True)
class Votes:
    """A few queries to one training table: what `vote_probabilities` is asked."""

    name: str
    sq_distances: np.ndarray
    labels: np.ndarray
    n_classes: int
    dof: int
    origin_of_labels: str


def votes_of_two_and_ten(dataset: Dataset, ten: Dataset | None, n_queries: int) -> list[Votes]:
    """Return the first queries with the two classes of the table, and with ten.

    The ten are those of the table ``ten``, or else random labels on the rows of ``dataset``.
    """
    first = _votes(dataset, dataset.y_train, n_queries, "its own labels")
    if ten is not None:
        own = f"all its classes, first {len(ten.y_train):,} training rows"
        return [first, _votes(ten, ten.y_train, n_queries, own)]
    labels = np.random.default_rng(SEED).integers(0, 10, len(dataset.y_train))
    origin = f"random labels, seed {SEED}"
    return [first, _votes(dataset, labels, n_queries, origin, first.sq_distances)]


def _votes(dataset: Dataset, labels, n_queries: int, origin: str, sq_distances=None) -> Votes:
    if sq_distances is None:
        queries = dataset.X_test[:n_queries]
        sq_distances = kernels.get_backend().distances(queries, dataset.X_train, n_threads=1) ** 2
    classes, numbers = np.unique(labels, return_inverse=True)
    dof = dataset.X_train.shape[1]
    return Votes(dataset.name, sq_distances, numbers, len(classes), dof, origin)


def sums(report: Report, all_votes: list[Votes], study: Study) -> None:
    """Assert that probabilities add up to 1 by themselves."""
    report.heading("2. Sums of the probabilities, not renormalised")
    rows = []
    for votes in all_votes:
        two = votes.n_classes == 2
        n = study.sum_queries
        continuous = [
            (_distance_of_sum_from_one(votes, k, sigma, n), f"K = {k}, sigma = {sigma:g}")
            for sigma in study.sigmas
            for k in study.neighbors
        ]
        n = study.bucketed_queries if two else study.bucketed_queries_ten
        bucketed = [
            (_distance_of_sum_from_one(votes, k, sigma, n, LEVELS), f"K = {k}, sigma = {sigma:g}")
            for sigma in (study.sigmas if two else (1.0,))
            for k in study.bucketed_neighbors
        ]
        for classifier, found in (("continuous", continuous), ("bucketed", bucketed)):
            worst, where = max(found)
            what = f"{votes.name}, C = {votes.n_classes}, {classifier}"
            require(worst <= SUM, f"{what}: |sum - 1| = {worst:.2e} at {where}, limit {SUM:.0e}")
            n_rows, dof, n_classes = f"{len(votes.labels):,}", f"{votes.dof:,}", str(votes.n_classes)
            rows.append([votes.name, n_rows, dof, n_classes, classifier, f"{worst:.1e}", where])
    report.table(["data", "n", "d", "C", "classifier", "worst abs(sum - 1)", "at"], rows)
    report.text(
        f"Limit {SUM:.0e}. Continuous: K in {listed(study.neighbors)}, sigma in {listed(study.sigmas)}, the "
        f"first {study.sum_queries} test rows. Bucketed ({LEVELS} levels, edges of `rab_edges`): K in "
        f"{listed(study.bucketed_neighbors)}; with two classes the same sigma and the first "
        f"{study.bucketed_queries} test rows, with ten sigma = 1 and the first {study.bucketed_queries_ten}."
    )
    ten = [f"{votes.name}: {votes.origin_of_labels}" for votes in all_votes if votes.n_classes > 2]
    report.text(f"The ten classes are, for {'; for '.join(ten)}.")


def _distance_of_sum_from_one(
    votes: Votes, k: int, sigma: float, n_queries: int, levels: int | None = None
) -> float:
    probabilities = vote_probabilities(
        votes.sq_distances[:n_queries],
        votes.labels,
        n_neighbors=k,
        sigma=sigma,
        dof=votes.dof,
        n_classes=votes.n_classes,
        edges=None if levels is None else rab_edges(votes.dof, sigma, levels),
    )
    require(bool(np.isfinite(probabilities).all()), f"{votes.name}: a probability is not a finite number")
    return float(np.abs(probabilities.sum(axis=1) - 1.0).max())


# ------------------------------------------------------------------------------------------------------------
# 3. Agreement


def backends_agree(report: Report, spambase: Dataset | None, study: Study) -> None:
    """Compare every pair of backends on small random problems and on Spambase."""
    report.heading("3. Agreement of the backends")
    names = study.backends()
    n_medium = max(1, study.random_problems // 10)
    rows = []
    for first, second in [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]:
        rng = np.random.default_rng(SEED)
        # Up to 48 rows native evaluates the law row by row, above it takes tables: both must be seen.
        groups = {
            "small": agreement.random_problems(rng, study.random_problems, 8)
            + agreement.random_problems(rng, n_medium, 80)
        }
        if spambase is not None:
            slow = "reference" in (first, second)
            n_rows = _REFERENCE_ROWS if slow else len(spambase.X_train)
            n_queries = _REFERENCE_QUERIES if slow else study.real_problems
            groups[f"Spambase, {n_queries} queries, {n_rows:,} rows"] = _real_problems(
                spambase, n_rows, n_queries
            )
        for group, problems in groups.items():
            differences = agreement.worst_differences(
                kernels.get_backend(first), kernels.get_backend(second), problems, rng
            )
            for function, (absolute, relative) in differences.items():
                pair = f"{first}, {second}"
                require(relative <= AGREEMENT, f"{function} of {pair} differ by {relative:.2e}, {group}")
                if function in ("vote", "vote_bucketed", "race"):
                    rows.append([pair, group, function, f"{absolute:.1e}", f"{relative:.1e}"])
                elif group == "small":
                    what = "random rows" if function == "distances" else "300 points"
                    rows.append([pair, what, function, f"{absolute:.1e}", f"{relative:.1e}"])
    if rows:
        report.table(["backends", "problems", "function", "worst absolute", "worst relative"], rows)
    report.text(
        f"Limit {AGREEMENT:.0e}, relative, where a value is above 1e-40, and a thousand times that down to "
        f"1e-250. Small: {study.random_problems} "
        f"random problems of 2 to 8 rows and {n_medium} of 40 to 80, C from 2 to 4, K from 1 to 7, d from 1 "
        f"to 784, seed {SEED}. Spambase: K = {N_NEIGHBORS}, sigma = {SIGMA:g}."
    )
    for name in ("native", "numba", "reference"):
        if name not in names:
            report.text(f"The {name} backend cannot be imported here and is not compared.")


def _real_problems(spambase: Dataset, n_rows: int, n_queries: int) -> list[dict]:
    distances = kernels.get_backend().distances(
        spambase.X_test[:n_queries], spambase.X_train[:n_rows], n_threads=1
    )
    common = {
        "labels": spambase.y_train[:n_rows],
        "n_classes": 2,
        "n_neighbors": N_NEIGHBORS,
        "sigma": SIGMA,
        "dof": float(spambase.X_train.shape[1]),
    }
    return [{"distances": row[None, :], **common} for row in distances]


# ------------------------------------------------------------------------------------------------------------
# 4. Memory


def memory(report: Report, source: Source, study: Study) -> None:
    """Assert that little is needed beyond the data on a long table."""
    report.heading("4. Memory beyond the data")
    n_rows, rows = study.memory_rows, []
    for bucketed in (False, True):
        got = fresh.measure(
            fresh.peak_memory,
            source,
            n_rows=n_rows,
            n_queries=study.memory_queries,
            bucketed=bucketed,
        )
        beyond, worst = got["beyond"], got["worst_sum"]
        require(beyond < MEMORY_MB, f"{beyond:.0f} MB beyond the data, limit {MEMORY_MB:.0f} MB")
        require(worst <= SUM, f"n = {n_rows:,}: |sum - 1| = {worst:.2e}, limit {SUM:.0e}")
        classifier = f"bucketed, {LEVELS} levels" if bucketed else "continuous"
        data = f"{got['data']:.0f} MB"
        rows.append([classifier, str(got["n_queries"]), data, f"{beyond:.0f} MB", f"{worst:.1e}"])
    report.table(["classifier", "queries", "data", "peak beyond the data", "worst abs(sum - 1)"], rows)
    report.text(
        f"Limit {MEMORY_MB:.0f} MB. n = {n_rows:,}, d = 56: the Spambase training rows repeated, each "
        f"feature moved by N(0, 0.01^2), seed {SEED}; K = 5, sigma = 1, all cores; fit and certify in a "
        "fresh process, largest resident size minus the size with libraries and data loaded."
    )


# ------------------------------------------------------------------------------------------------------------
# 5. Baselines


def baselines_agree(report: Report, baselines: Baselines, study: Study) -> None:
    """Assert that Monte Carlo intervals hold the exact values and that Theorem 3 as printed equals them."""
    report.heading("5. Baselines agree with the exact probabilities")
    truth = baselines.exact(study.coverage_queries)
    samples = {
        1_000: baselines.sampled(study.coverage_queries, 1_000),
        10_000: baselines.sampled(study.radius_queries, 10_000),
    }
    report.table(
        [
            "draws",
            "queries",
            "outside at 99.9 %",
            "outside at 95 %",
            "median width at 99.9 %",
            "largest width",
        ],
        [_coverage(truth, sampled) for sampled in samples.values()],
    )
    undecided = int(((truth[:, 0] > 0.01) & (truth[:, 0] < 0.99)).sum())
    report.text(
        f"Monte Carlo K-NN (`knn_cert.montecarlo`) on the first test rows of Spambase, K = {N_NEIGHBORS}, "
        f"sigma = {SIGMA:g}, seed {SEED}; {undecided} of {len(truth)} queries have probabilities between "
        "0.01 and 0.99. Two-sided Clopper-Pearson intervals; widths are those of the predicted class. At "
        "99.9 % none may be outside."
    )

    n = study.radius_queries
    certificates = baselines.certified(n)
    radii = {"exact": certificates.radius}
    for n_samples, sampled in samples.items():
        p_lower, p_upper = sampled.p_lower[:n], sampled.p_upper[:n]
        radii[f"Monte Carlo, {n_samples:,} draws"] = gaussian_radius(p_lower, p_upper, SIGMA)
    report.table(
        ["method", "abstained", "median radius", "largest radius"],
        [
            [method, str(int((radius == 0.0).sum())), f"{np.median(radius):.3f}", f"{radius.max():.3f}"]
            for method, radius in radii.items()
        ],
    )
    report.text(f"Radii of Eq. (14) of RAB, the first {n} of these queries; Monte Carlo at 99.9 % a query.")

    apart = float(np.abs(baselines.nearest_literal(2) - baselines.nearest_bucketed(2)).max())
    require(apart <= LITERAL, f"Theorem 3 as printed differs by {apart:.2e}, limit {LITERAL:.0e}")
    report.text(
        f"Theorem 3 of RAB for K = 1, {LEVELS} levels, Eqs. (70)-(80) written down in NumPy, on 2 Spambase "
        f"queries: differs from the bucketed engine by at most {apart:.1e} (limit {LITERAL:.0e})."
    )


def _coverage(truth: np.ndarray, sampled) -> list[str]:
    n_queries, n_samples = len(sampled.counts), sampled.n_samples
    # A probability next to 1 may come out a few roundings above it, where no interval reaches.
    truth = np.minimum(truth[:n_queries], 1.0)
    outside = (truth < sampled.interval_lower) | (truth > sampled.interval_upper)
    what = f"Monte Carlo, {n_samples:,} draws"
    require(not outside.any(), f"{what}: {outside.sum()} exact values outside the intervals")
    # The same counts at 95 %, where some ought to be outside: a looser check that can show a bias. With two
    # classes the intervals mirror each other, so one class of a query counts.
    level = 0.05
    lower = clopper_pearson_lower(sampled.counts[:, 0], n_samples, level / 2)
    upper = clopper_pearson_upper(sampled.counts[:, 0], n_samples, level / 2)
    missed = int(((truth[:, 0] < lower) | (truth[:, 0] > upper)).sum())
    require(
        binom.sf(missed - 1, n_queries, level) > BAD_LUCK,
        f"{what}: {missed} of {n_queries} exact values outside 95 % intervals",
    )
    width = (sampled.interval_upper - sampled.interval_lower)[np.arange(n_queries), sampled.label]
    return [
        f"{n_samples:,}",
        str(n_queries),
        f"{int(outside.any(axis=1).sum())} (up to {n_queries * sampled.alpha:.2g} expected)",
        f"{missed} (up to {n_queries * level:.2g} expected)",
        f"{np.median(width):.4f}",
        f"{width.max():.4f}",
    ]
