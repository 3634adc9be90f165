"""Exact K-NN, K-NN by Monte Carlo and an ensemble of nets: one attack, what is certified, what it costs.

Run ``python -m benchmarks.nets.knn_and_nets [--save]`` in a source checkout with the extra torch; see
benchmarks/README.md. ``--save`` also draws the plot, if matplotlib is installed.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import NamedTuple

import numpy as np

from knn_cert import Certificates, SmoothedKNNClassifier, kernels, show_config
from knn_cert.montecarlo import certify_votes, monte_carlo_vote
from knn_cert.smoothing import Noise

from ..common.command import parse, report_on, study_parser
from ..common.plots import save_lines
from ..common.report import SEED, Report, duration, load_average, require, wilson
from ..rab.settings import N_NEIGHBORS
from .runs import ALPHA, Options, attacked, fewer_rows, run_ensemble, run_victim
from .settings import ATTACKS, TASKS, quick_task

_DATASETS = ("mnist-01", "cifar-airplane-bird", "mnist-68", "cifar-automobile-dog")


class _Way(NamedTuple):
    name: str
    fit_seconds: float
    seconds: float
    certificates: Certificates


def main(argv: list[str] | None = None) -> int:
    parser = study_parser("nets.knn_and_nets", __doc__)
    parser.add_argument("--dataset", default="mnist-01", choices=_DATASETS, help="(default: %(default)s)")
    parser.add_argument("--attack", default="four", choices=ATTACKS, help="(default: %(default)s)")
    parser.add_argument("--norm", type=float, default=1.0, help="norm of the trigger (default: %(default)s)")
    parser.add_argument("--ratio", type=float, default=0.1, help="r_p (default: %(default)s)")
    parser.add_argument("--sigma", type=float, default=1.0, help="of the noise (default: %(default)s)")
    parser.add_argument("--models", type=int, default=200, help="nets (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=1000, help="Monte Carlo draws (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=200, help="test rows (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="of the nets (default: %(default)s)")
    options = parse(parser, argv)
    if options.quick:
        options.models, options.draws, options.limit = 12, 200, 10
    return report_on(lambda report: _run(report, options), options, "knn_and_nets")


def _run(report: Report, options: argparse.Namespace) -> None:
    report.opening("One attack, three ways to certify", SEED, f" alpha = {ALPHA:g}.")
    report.text(f"Load average of the machine when it began: {load_average()}.")
    data = options.source.table(report, options.dataset)
    if data is None:
        return
    task = TASKS[options.dataset]
    if options.quick:
        data, task = fewer_rows(data), quick_task(task)
    trigger = task.experiment.triggers[options.attack](options.norm)
    attack = attacked(data, task, trigger, options.ratio, options.limit)
    sigma, n_threads = options.sigma, show_config("dict")["threads"]
    nets = Options(options.models, None, 1, n_threads, options.device, options.limit, None)

    began = time.perf_counter()
    classifier = SmoothedKNNClassifier(N_NEIGHBORS, sigma).fit(attack.X, attack.y)
    fitted = time.perf_counter()
    exact = _Way(
        f"exact K-NN, K = {N_NEIGHBORS}",
        fitted - began,
        0.0,
        classifier.certify(attack.queries),
    )._replace(seconds=time.perf_counter() - fitted)

    began = time.perf_counter()
    sampled = _by_draws(attack, sigma, options.draws, n_threads)
    draws = _Way(f"K-NN by Monte Carlo, {options.draws:,} draws", 0.0, time.perf_counter() - began, sampled)
    # Whoever is sure about the exact probability cannot be contradicted by draws, but with probability alpha.
    both = ~exact.certificates.abstained & ~sampled.abstained
    wrong = np.mean((exact.certificates.label != sampled.label)[both]) if both.any() else 0.0
    require(wrong <= 0.02, "draws certify other labels than the exact classifier has")

    victim = run_victim(data, task, attack, nets, private=False)
    cell = run_ensemble(data, task, attack, sigma, nets)
    asked = cell.seconds - cell.fit_seconds
    ways = [exact, draws, _Way(f"{options.models:,} nets", cell.fit_seconds, asked, cell.certificates)]

    radii = task.experiment.radii
    source = task.experiment.source_class
    rows = []
    for way in ways:
        right = way.certificates.label == source
        shares = [float(np.mean(way.certificates.certified(radius) & right)) for radius in radii]
        rows.append(
            [
                way.name,
                f"{np.mean(right):.3f}",
                *(f"{share:.3f} [{wilson(share, len(right))}]" for share in shares),
                duration(way.fit_seconds),
                duration(way.seconds / len(right)),
            ]
        )
    report.text(
        f"{task.experiment.title}, {len(data.y_train):,} training rows, {ATTACKS[options.attack]} trigger of "
        f"norm {options.norm:g} (reached: {attack.norm:.3g}) in {options.ratio:.1%} of them, sigma = "
        f"{sigma:g}; {len(attack.queries)} triggered test rows of the source class. A net without noise "
        f"takes {victim.success:.3f} of them for the target. Certified accuracy at radius R, Eq. (14), with "
        "the 95 % interval of the share (Wilson)."
    )
    report.table(["way", "accuracy", *(f"R = {radius:g}" for radius in radii), "training", "a query"], rows)
    largest = [float(way.certificates.radius.max()) for way in ways]
    report.text(
        "The largest radius: "
        + ", ".join(f"{way.name} {radius:.2f}" for way, radius in zip(ways, largest, strict=True))
        + ". What draws and nets cannot exceed is set by N and alpha, not by the data: unanimous votes give "
        "p_A = (alpha / 2)^(1 / N). The exact certificate has no such limit and no probability of error."
    )
    if options.save:
        lines = {}
        for way in ways:
            right = way.certificates.label == source
            radii = np.sort(np.where(right, way.certificates.radius, 0.0))
            # at R = 0 all right answers that are certified at all, one less from each radius on
            lines[way.name] = (
                np.append(0.0, radii),
                1.0 - np.append(np.sum(radii == 0.0), np.arange(1, len(radii) + 1)) / len(radii),
            )
        save_lines(
            report,
            "knn_and_nets",
            lines,
            x="radius R, L2 over all training rows",
            y="certified accuracy",
            steps=True,
        )


def _by_draws(attack, sigma: float, n_draws: int, n_threads: int) -> Certificates:
    classes, numbers = np.unique(attack.y, return_inverse=True)
    dof = attack.X.shape[1]
    distances = kernels.get_backend().distances(
        np.ascontiguousarray(attack.queries), np.ascontiguousarray(attack.X), n_threads=n_threads
    )
    votes = monte_carlo_vote(
        distances**2,
        numbers,
        n_neighbors=N_NEIGHBORS,
        sigma=sigma,
        dof=dof,
        n_samples=n_draws,
        n_pilot=0,
        alpha=ALPHA,
        random_state=SEED,
        n_classes=len(classes),
    )
    return certify_votes(
        votes.counts, noise=Noise(sigma), n_features=dof, n_train=len(attack.y), classes=classes, alpha=ALPHA
    )


if __name__ == "__main__":
    sys.exit(main())
