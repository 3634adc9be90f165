"""The tables and figures of RAB about nets, ours beside the printed ones.

Run ``python -m benchmarks.nets.rab_tables --table 2 --models 50`` in a source checkout with the extra torch;
see benchmarks/README.md. Without --models it is the paper's full setting, which wants a GPU (``--device cuda
--at-once 50``) or days.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from knn_cert import show_config

from ..common.command import add_choice, parse, positive, report_on, study_parser
from ..common.plots import save_lines
from ..common.report import SEED, Report, load_average, wilson
from ..rab.paper import TABLE_3 as PRINTED_TABLE_3
from ..rab.paper import TABLES as PRINTED
from ..rab.paper import Printed
from .runs import ALPHA, Cell, Options, Runs, Victim, fewer_rows
from .settings import ATTACKS, TABLES, TASKS, quick_task

_TITLES = {
    "2": "Table 2: nets",
    "3": "Table 3: accuracy on clean rows",
    "4": "Table 4: nets trained with DP-SGD",
    "6": "Table 6: ten classes",
    "C7": "Table C.7: other pairs of classes",
}
_PORTIONS = (0.1, 0.25, 0.5, 1.0)
_FOUR = "four"
_SMALL = (0.1, 0.02)


def main(argv: list[str] | None = None) -> int:
    """Run what was asked for; return 1 if a figure that must hold does not."""
    parser = study_parser("nets.rab_tables", __doc__)
    parser.add_argument("--table", action="append", choices=TABLES, help="which table (may be repeated)")
    parser.add_argument(
        "--figure", action="append", choices=("3", "4"), help="which figure (may be repeated)"
    )
    parser.add_argument("--models", type=positive, help="nets an ensemble (default: the paper's 1000 or 200)")
    parser.add_argument(
        "--epochs", type=positive, help="passes over the rows (default: see nets/settings.py)"
    )
    add_choice(parser, "--datasets", list(TASKS))
    add_choice(parser, "--attacks", list(ATTACKS))
    parser.add_argument(
        "--limit", type=positive, help="at most so many test rows of each kind (default: all)"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ... (default: %(default)s)")
    parser.add_argument(
        "--at-once", type=positive, default=1, help="nets trained as one stack; pays on a GPU (default: 1)"
    )
    parser.add_argument(
        "--jobs", type=positive, help="processes that train (default: one a core on cpu, else 1)"
    )
    parser.add_argument("--checkpoint", type=Path, help="folder to keep finished nets in, to continue from")
    parser.add_argument("--images", type=Path, help="folder with sub-folders cat, dog and fish of images")
    options = parse(parser, argv)
    if options.quick:
        _make_quick(options)
    tables, figures = options.table or [], options.figure or []
    if not tables and not figures:
        parser.error("give --table or --figure")
    name = "reproduce_rab" + "".join(f"_{table}" for table in tables) + "".join(f"_f{f}" for f in figures)
    if options.models is not None:
        name += f"_{options.models}_models"
    return report_on(lambda report: _run(report, options, tables, figures), options, name)


def _make_quick(options: argparse.Namespace) -> None:
    """Two data sets, one attack, as few nets as can certify anything among ten classes."""
    options.table = options.table or ["3", "6"]
    options.figure = options.figure or ["3", "4"]
    options.datasets, options.attacks = ["mnist-01", "mnist"], [_FOUR]
    options.models, options.epochs, options.limit, options.jobs = 14, 1, 4, 1


def _run(report: Report, options: argparse.Namespace, tables: list[str], figures: list[str]) -> None:
    began = time.perf_counter()
    report.opening("RAB on nets", SEED, f" alpha = {ALPHA:g}.")
    report.text(f"Load average of the machine when it began: {load_average()}. Device: {options.device}.")
    report.text(_what_is_run())
    runs = Runs(
        {name: quick_task(task) for name, task in TASKS.items()} if options.quick else TASKS,
        _loader(report, options),
        Options(
            n_models=options.models,
            epochs=options.epochs,
            models_at_once=options.at_once,
            jobs=options.jobs or (show_config("dict")["threads"] if options.device == "cpu" else 1),
            device=options.device,
            limit=options.limit,
            checkpoint=options.checkpoint,
        ),
    )
    attacks = options.attacks
    for table in tables:
        report.heading(_TITLES[table])
        names, settings = TABLES[table]
        for name in filter(options.datasets.__contains__, names):
            if runs.data(name) is None:
                continue
            if table == "3":
                _accuracies(report, runs, name)
            else:
                _table(report, runs, table, name, [_FOUR] if table == "6" else attacks, settings)
    for figure in figures:
        for name in filter(options.datasets.__contains__, TABLES["2"][0]):
            if runs.data(name) is not None:
                if figure == "3":
                    _figure_3(report, runs, name, attacks)
                else:
                    _figure_4(
                        report, runs, name, _PORTIONS[-2:] if options.quick else _PORTIONS, plot=options.save
                    )
    report.heading("Differences from the paper")
    for sentence in _DIFFERENCES:
        report.text(f"- {sentence}")
    report.text(f"The whole run took {time.perf_counter() - began:.0f} s.")


def _loader(report: Report, options: argparse.Namespace):
    def load_task(name: str):
        classes = TASKS[name].classes
        if classes is None:
            data = options.source.table(report, name)
            return fewer_rows(data) if options.quick else data
        if options.images is None:
            report.text(f"{name} is left out: name the folder of its images with `--images`.")
            return None
        from knn_cert.datasets import load_image_folder

        return load_image_folder(options.images, classes=classes)

    return load_task


def _what_is_run() -> str:
    return (
        "r_p n rows of the source class get the trigger and the label of the target class where they are. "
        "Success: share of triggered test rows of the source class that one net without noise takes for the "
        "target. Clean accuracy: of the ensemble on all test rows; the other columns are about triggered "
        "test rows of the source class. Certified: by Eq. (14), Clopper-Pearson on the votes; in brackets "
        "the 95 % interval of the share for the number of test rows (Wilson). Each line stands above the one "
        "the paper prints."
    )


def _table(report: Report, runs: Runs, table: str, name: str, attacks: list[str], settings) -> None:
    task, private = runs.task(name), table == "4"
    at = "/".join(f"{radius:g}" for radius in task.experiment.radii)
    rows = []
    for attack in attacks:
        for setting in settings:
            victim = runs.victim(name, task, attack, setting, private=private)
            for sigma in task.experiment.sigmas:
                cell = runs.cell(name, task, attack, setting, sigma, private=private)
                where = [ATTACKS[attack], f"{setting[0]:g}, {setting[1]:g}", f"{sigma:g}"]
                rows.append([*where, "here", *_ours(victim, cell)])
                printed = PRINTED[table].get((name, attack, setting[0], sigma))
                if printed is not None:
                    rows.append([*[""] * len(where), "paper", *_theirs(printed)])
    experiment = task.experiment
    report.text(
        f"**{experiment.title}**, {_named(runs, name, experiment.source_class)} -> "
        f"{_named(runs, name, experiment.target_class)}, {cell.n_models} nets an ensemble, {cell.n_clean:,} "
        f"clean and {cell.n_backdoored:,} triggered test rows."
    )
    report.table(
        [
            "attack",
            "norm, r_p",
            "sigma",
            "",
            "success",
            "clean acc",
            "backdoored acc",
            f"certified acc at R = {at}",
            f"certified rate at R = {at}",
            "seconds",
        ],
        rows,
    )


def _ours(victim: Victim, cell: Cell) -> list[str]:
    return [
        f"{victim.success:.3f}",
        f"{cell.clean:.3f} [{wilson(cell.clean, cell.n_clean)}]",
        f"{cell.backdoored:.3f} [{wilson(cell.backdoored, cell.n_backdoored)}]",
        " / ".join(f"{share:.3f} [{wilson(share, cell.n_backdoored)}]" for share in cell.certified_accuracy),
        " / ".join(f"{share:.3f}" for share in cell.certified_rate),
        f"{cell.seconds:.0f}",
    ]


def _theirs(printed: Printed) -> list[str]:
    return [
        "" if printed.success is None else f"{printed.success:.3f}",
        f"{printed.clean:.3f}",
        f"{printed.backdoored:.3f}",
        " / ".join(f"{share:.3f}" for share in printed.certified_accuracy),
        " / ".join(f"{share:.3f}" for share in printed.certified_rate),
        "",
    ]


def _accuracies(report: Report, runs: Runs, name: str) -> None:
    """Table 3: clean accuracy of a plain net and of ensembles, without and with the small attack."""
    task, rows = runs.task(name), []
    for ratio, attack in ((0.0, None), (_SMALL[1], _FOUR)):
        for sigma in (0.0, *task.experiment.sigmas):
            if sigma == 0.0:
                victim = runs.victim(name, task, attack, _SMALL)
                share, n = victim.clean, victim.n_clean
            else:
                cell = runs.cell(name, task, attack, _SMALL, sigma)
                share, n = cell.clean, cell.n_clean
            printed = PRINTED_TABLE_3.get((name, ratio, sigma))
            paper = "" if printed is None else f"{printed:.3f}"
            rows.append([f"{ratio:g}", f"{sigma:g}", f"{share:.3f} [{wilson(share, n)}]", paper])
    report.text(f"**{task.experiment.title}**; sigma = 0 is one plain net.")
    report.table(["r_p", "sigma", "clean acc", "paper"], rows)


def _figure_3(report: Report, runs: Runs, name: str, attacks: list[str]) -> None:
    """Accuracy on triggered rows of a plain net and of ensembles."""
    task, rows = runs.task(name), []
    for attack in attacks:
        victim = runs.victim(name, task, attack, _SMALL)
        cells = [runs.cell(name, task, attack, _SMALL, sigma) for sigma in task.experiment.sigmas]
        shares = [f"{cell.backdoored:.3f} [{wilson(cell.backdoored, cell.n_backdoored)}]" for cell in cells]
        rows.append([ATTACKS[attack], f"{victim.backdoored:.3f}", *shares])
    report.heading(f"Figure 3: accuracy on triggered rows, {task.experiment.title}")
    report.table(["attack", "plain net", *(f"sigma = {sigma:g}" for sigma in task.experiment.sigmas)], rows)


def _figure_4(report: Report, runs: Runs, name: str, portions: tuple[float, ...], *, plot: bool) -> None:
    """Certified accuracy against the portion of the training rows (a) and against the radius (b)."""
    task = runs.task(name)
    experiment = task.experiment
    at = [f"R = {radius:g}" for radius in experiment.radii]
    report.heading(f"Figure 4: certified accuracy, four-pixel, {experiment.title}")
    by_portion = []
    for portion in portions:
        cell = runs.cell(name, task, _FOUR, _SMALL, experiment.sigmas[0], portion=portion)
        by_portion.append(
            [
                f"{portion:.0%}",
                *(f"{s:.3f} [{wilson(s, cell.n_backdoored)}]" for s in cell.certified_accuracy),
            ]
        )
    report.text(f"(a) portion of the training rows, sigma = {experiment.sigmas[0]:g}")
    report.table(["rows", *at], by_portion)
    cells = {sigma: runs.cell(name, task, _FOUR, _SMALL, sigma).certificates for sigma in experiment.sigmas}
    largest = max(float(cell.radius.max()) for cell in cells.values())
    radii = [largest * step / 50 for step in range(51)]
    shares = {
        f"sigma = {sigma:g}": [
            float(np.mean((cell.label == experiment.source_class) & cell.certified(radius)))
            for radius in radii
        ]
        for sigma, cell in cells.items()
    }
    report.text("(b) radius")
    report.table(
        ["R", *shares],
        [
            [f"{radius:.3f}", *(f"{values[k]:.3f}" for values in shares.values())]
            for k, radius in enumerate(radii)
            if k % 5 == 0
        ],
    )
    if plot:
        save_lines(
            report,
            f"rab_figure_4_{name}",
            {label: (radii, values) for label, values in shares.items()},
            x="radius R",
            y="certified accuracy",
        )


def _named(runs: Runs, name: str, number: int) -> str:
    return runs.data(name).class_names[number]


_DIFFERENCES = (
    "Bounds. The paper uses Hoeffding's inequality, and alpha for each of two bounds; here Clopper-Pearson "
    "with one alpha for both. With fewer nets the largest radius that can be certified is smaller: unanimous "
    "votes of N nets give p_A = (alpha / 2)^(1 / N), at sigma = 1 a radius of 2.43 for N = 1000 and of 1.08 "
    "for N = 50.",
    "Noise at test time is drawn from a generator seeded with the SHA-256 of the parameters; in the released "
    "experiments the seed does not reach the generator that draws it for MNIST and CIFAR.",
    "Nets. Group normalisation instead of batch normalisation in ResNet-20; epochs and rates are ours, the "
    "paper names none. Triggers: places and clipping of the released experiments, another draw of rows and "
    "of noise.",
    "Success. The net without noise is trained longer than those of the ensemble, with the same rate. "
    "Triggers of norm 0.1 do not fool it on MNIST, while the paper prints successes near 0.97 and does not "
    "say how its net was trained. What is certified does not depend on it.",
    "Poisoned rows are changed in place, as in the released experiments; the paper's text adds rows.",
)


if __name__ == "__main__":
    sys.exit(main())
