"""Many small nets: one after the other, as stacks, in one process a core: how fast, and are they the same?

Run ``python -m benchmarks.nets.stacked_training [--device cuda] [--save]`` in a source checkout with
the extra torch.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from knn_cert import show_config
from knn_cert.montecarlo import SmoothedEnsemble

from ..common.command import parse, report_on, study_parser
from ..common.report import SEED, Report, duration, load_average, require

_STACKS = {"cpu": (4, 16), "cuda": (10, 50, 200)}


def main(argv: list[str] | None = None) -> int:
    parser = study_parser("nets.stacked_training", __doc__)
    parser.add_argument("--device", default="cpu", help="(default: %(default)s)")
    parser.add_argument("--rows", type=int, default=6400, help="training rows (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=128, help="rows of an update (default: %(default)s)")
    parser.add_argument(
        "--runs", type=int, default=3, help="of which the median counts (default: %(default)s)"
    )
    options = parse(parser, argv)
    if options.quick:
        options.rows, options.runs = 128, 1
    return report_on(lambda report: _run(report, options), options, "stacked_training")


def _run(report: Report, options: argparse.Namespace) -> None:
    from knn_cert.deep import TorchTrainer, mnist_cnn

    kind = options.device.split(":")[0]
    report.opening("Training many small nets of the size of MNIST", SEED)
    report.text(f"Load average of the machine when it began: {load_average()}.")
    report.text(f"Device: {_device(options.device)}.")
    rng = np.random.default_rng(SEED)
    y = np.arange(options.rows) % 10
    X = rng.random((10, 784))[y] + 0.3 * rng.standard_normal((options.rows, 784))

    def trainer(models_at_once: int):
        return TorchTrainer(
            mnist_cnn,
            image_shape=(28, 28),
            epochs=1,
            batch_size=options.batch,
            learning_rate=0.05,
            models_at_once=models_at_once,
            device=options.device,
        )

    largest = max(_STACKS[kind])
    seeds = list(range(largest))
    noised = [X + rng.standard_normal(X.shape) for _ in range(min(largest, 16))]
    tables = [noised[k % len(noised)] for k in range(largest)]
    single, n_single = trainer(1), 4 if kind == "cpu" else 20
    _check(trainer(4), single, tables, y)

    ways: dict[str, Callable[[], int]] = {
        "one after the other": lambda: _train(single, tables[:n_single], y, seeds)
    }
    for size in _STACKS[kind]:
        ways[f"stacks of {size}"] = lambda size=size: _train(trainer(size), tables[:size], y, seeds)
    if kind == "cpu":
        # starting processes is most of the time of a quick run
        cores = 1 if options.quick else show_config("dict")["threads"]
        ways[f"{cores} processes, one thread each"] = lambda: _in_processes(single, X, y, cores)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for run in range(options.runs + 1):
        for name, way in ways.items():  # in turn: what slows the machine for a while slows all of them
            began = time.perf_counter()
            n_models = way()
            if run:  # the first run starts processes and compiles
                seconds[name].append((time.perf_counter() - began) / n_models)
    base = statistics.median(seconds["one after the other"])
    report.text(
        f"mnist_cnn, {options.rows:,} rows, one epoch, batches of {options.batch}; medians of {options.runs} "
        "runs in turn. Checked first: nets trained in a stack have the parameters of nets trained alone "
        "within 1e-3 and the same answers on 99.5 % of the rows."
    )
    report.table(
        ["way", "a net", "a row", "times the throughput of one after the other"],
        [
            [
                name,
                duration(statistics.median(values)),
                duration(statistics.median(values) / options.rows),
                f"{base / statistics.median(values):.2f}",
            ]
            for name, values in seconds.items()
        ],
    )
    if kind == "cpu":
        report.text(
            "On a CPU one small net keeps the arithmetic units busy by itself: a row costs about 7 million "
            "operations forward and back, and the throughput above is a good part of what the cores can do. "
            "A stack saves calls, not arithmetic, so it cannot be several times faster here; a goal of five "
            "times is one for GPUs, on which a single net of this size leaves nearly everything idle."
        )


def _check(stacked, single, tables, y) -> None:
    """Stacked training gives the nets of single training, but for rounding."""
    rows = [table[:1280] for table in tables[:4]]
    together = stacked.train_many(rows, y[:1280], list(range(4)))
    for k, net in enumerate(together):
        alone = single(rows[k], y[:1280], k)
        for name, array in alone.canonical_parameters().items():
            gap = float(np.abs(array - net.canonical_parameters()[name]).max())
            require(gap <= 1e-3, f"net {k}: {name} differs by {gap:.1e} when trained in a stack")
        same = np.mean(alone.predict(rows[k]) == net.predict(rows[k]))
        require(same >= 0.995, f"net {k} answers {1 - same:.1%} of the rows otherwise in a stack")


def _train(trainer, tables, y, seeds) -> int:
    trainer.train_many(tables, y, seeds[: len(tables)])
    return len(tables)


def _in_processes(trainer, X, y, cores: int) -> int:
    n_models = 6 * cores
    SmoothedEnsemble(trainer, sigma=1.0, n_models=n_models, alpha=0.4, random_state=0, n_jobs=cores).fit(X, y)
    return n_models


def _device(name: str) -> str:
    import torch

    if name.startswith("cuda"):
        return torch.cuda.get_device_name(name)
    return f"cpu, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    sys.exit(main())
