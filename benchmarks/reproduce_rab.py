"""The tables and figures of RAB about nets, ours beside the printed ones.

Run ``python -m benchmarks.reproduce_rab --table 2 --models 50`` in a source checkout with the extra torch;
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

from .command import RESULTS, report_on, study_parser
from .data import data_dir, load
from .fresh import SEED
from .net_runs import ALPHA, Cell, Options, Runs, Victim
from .net_settings import ATTACKS, TABLES, TASKS
from .paper_values import RAB_TABLE_2, RAB_TABLE_3, RAB_TABLE_4, RAB_TABLE_6, RAB_TABLE_C7, Printed
from .plots import save_lines
from .report import Report, load_average, wilson

_PRINTED = {"2": RAB_TABLE_2, "4": RAB_TABLE_4, "6": RAB_TABLE_6, "C7": RAB_TABLE_C7}
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
    parser = study_parser("reproduce_rab", __doc__)
    parser.add_argument("--table", action="append", choices=TABLES, help="which table (may be repeated)")
    parser.add_argument(
        "--figure", action="append", choices=("3", "4"), help="which figure (may be repeated)"
    )
    parser.add_argument(
        "--models", type=_positive, help="nets an ensemble (default: the paper's 1000 or 200)"
    )
    parser.add_argument(
        "--epochs", type=_positive, help="passes over the rows (default: see net_settings.py)"
    )
    parser.add_argument("--datasets", help=f"some of {', '.join(TASKS)} (default: all of the table)")
    parser.add_argument("--attacks", default=",".join(ATTACKS), help="which (default: %(default)s)")
    parser.add_argument(
        "--limit", type=_positive, help="at most so many test rows of each kind (default: all)"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ... (default: %(default)s)")
    parser.add_argument(
        "--at-once", type=_positive, default=1, help="nets trained as one stack; pays on a GPU (default: 1)"
    )
    parser.add_argument(
        "--jobs", type=_positive, help="processes that train (default: one a core on cpu, else 1)"
    )
    parser.add_argument("--checkpoint", type=Path, help="folder to keep finished nets in, to continue from")
    parser.add_argument("--images", type=Path, help="folder with sub-folders cat, dog and fish of images")
    options = parser.parse_args(argv)
    tables, figures = options.table or [], options.figure or []
    if not tables and not figures:
        parser.error("give --table or --figure")
    for kind, wanted, known in (
        ("data set", options.datasets, TASKS),
        ("attack", options.attacks, ATTACKS),
    ):
        for name in wanted.split(",") if wanted else ():
            if name not in known:
                parser.error(f"unknown {kind} {name!r}; expected some of {', '.join(known)}")
    name = "reproduce_rab" + "".join(f"_{table}" for table in tables) + "".join(f"_f{f}" for f in figures)
    if options.models is not None:
        name += f"_{options.models}_models"
    return report_on(
        lambda report: _run(report, options, tables, figures),
        RESULTS / f"{name}.md" if options.save else None,
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def _run(report: Report, options: argparse.Namespace, tables: list[str], figures: list[str]) -> None:
    began = time.perf_counter()
    report.opening("RAB on nets", SEED, f" alpha = {ALPHA:g}.")
    report.text(f"Load average of the machine when it began: {load_average()}. Device: {options.device}.")
    report.text(_what_is_run())
    runs = Runs(
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
    chosen = None if options.datasets is None else options.datasets.split(",")
    attacks = options.attacks.split(",")
    for table in tables:
        report.heading(_TITLES[table])
        names, settings = TABLES[table]
        for name in _of(names, chosen):
            if runs.data(name) is None:
                continue
            if table == "3":
                _accuracies(report, runs, name)
            else:
                _table(report, runs, table, name, [_FOUR] if table == "6" else attacks, settings)
    for figure in figures:
        for name in _of(TABLES["2"][0], chosen):
            if runs.data(name) is not None:
                if figure == "3":
                    _figure_3(report, runs, name, attacks)
                else:
                    _figure_4(report, runs, name, plot=options.save)
    report.heading("Differences from the paper")
    for sentence in _DIFFERENCES:
        report.text(f"- {sentence}")
    report.text(f"The whole run took {time.perf_counter() - began:.0f} s.")


def _of(names: tuple[str, ...], chosen: list[str] | None) -> list[str]:
    return [name for name in names if chosen is None or name in chosen]


def _loader(report: Report, options: argparse.Namespace):
    folder = data_dir(options.data_dir)

    def load_task(name: str):
        classes = TASKS[name].classes
        if classes is None:
            return load(report, name, folder)
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
    task, private = TASKS[name], table == "4"
    at = "/".join(f"{radius:g}" for radius in task.experiment.radii)
    rows = []
    for attack in attacks:
        for setting in settings:
            victim = runs.victim(name, task, attack, setting, private=private)
            for sigma in task.experiment.sigmas:
                cell = runs.cell(name, task, attack, setting, sigma, private=private)
                where = [ATTACKS[attack], f"{setting[0]:g}, {setting[1]:g}", f"{sigma:g}"]
                rows.append([*where, "here", *_ours(victim, cell)])
                printed = _PRINTED[table].get((name, attack, setting[0], sigma))
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
    task, rows = TASKS[name], []
    for ratio, attack in ((0.0, None), (_SMALL[1], _FOUR)):
        for sigma in (0.0, *task.experiment.sigmas):
            if sigma == 0.0:
                victim = runs.victim(name, task, attack, _SMALL)
                share, n = victim.clean, victim.n_clean
            else:
                cell = runs.cell(name, task, attack, _SMALL, sigma)
                share, n = cell.clean, cell.n_clean
            printed = RAB_TABLE_3.get((name, ratio, sigma))
            paper = "" if printed is None else f"{printed:.3f}"
            rows.append([f"{ratio:g}", f"{sigma:g}", f"{share:.3f} [{wilson(share, n)}]", paper])
    report.text(f"**{task.experiment.title}**; sigma = 0 is one plain net.")
    report.table(["r_p", "sigma", "clean acc", "paper"], rows)


def _figure_3(report: Report, runs: Runs, name: str, attacks: list[str]) -> None:
    """Accuracy on triggered rows of a plain net and of ensembles."""
    task, rows = TASKS[name], []
    for attack in attacks:
        victim = runs.victim(name, task, attack, _SMALL)
        cells = [runs.cell(name, task, attack, _SMALL, sigma) for sigma in task.experiment.sigmas]
        shares = [f"{cell.backdoored:.3f} [{wilson(cell.backdoored, cell.n_backdoored)}]" for cell in cells]
        rows.append([ATTACKS[attack], f"{victim.backdoored:.3f}", *shares])
    report.heading(f"Figure 3: accuracy on triggered rows, {task.experiment.title}")
    report.table(["attack", "plain net", *(f"sigma = {sigma:g}" for sigma in task.experiment.sigmas)], rows)


def _figure_4(report: Report, runs: Runs, name: str, *, plot: bool) -> None:
    """Certified accuracy against the portion of the training rows (a) and against the radius (b)."""
    task = TASKS[name]
    experiment = task.experiment
    at = [f"R = {radius:g}" for radius in experiment.radii]
    report.heading(f"Figure 4: certified accuracy, four-pixel, {experiment.title}")
    by_portion = []
    for portion in _PORTIONS:
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
