"""Table 5 of RAB on the exact classifier, and what is certified against the very attack that is run.

Run ``python -m benchmarks.rab.table5 [--save]`` in a source checkout; see benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
import time

from ..common.choice import best
from ..common.command import add_choice, parse, positive, report_on, study_parser
from ..common.report import SEED, Report, wilson
from ..frontier.candidates import floor
from ..frontier.study import BELOW_BEST
from ..rivals.tampered_tables import check_counts
from .attack import Outcome, Share, Smoothed, run_attack
from .paper import TABLES, Printed
from .plain import RIGHT, column
from .settings import EXPERIMENTS, N_NEIGHBORS, SETTINGS, Experiment

_ATTACKS = {"one": "one-pixel", "four": "four-pixel", "blending": "blending"}
_CERTIFICATES = {"moved": "moved", "relabelled": "moved, relabelled", "deleted": "deleted"}


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a figure that must hold does not."""
    parser = study_parser("rab.table5", __doc__)
    add_choice(parser, "--datasets", list(EXPERIMENTS))
    add_choice(parser, "--attacks", list(_ATTACKS))
    parser.add_argument(
        "--limit", type=positive, help="at most so many test rows of each kind (default: all)"
    )
    parser.add_argument(
        "--append", action="store_true", help="append the poisoned rows instead of changing rows in place"
    )
    parser.add_argument(
        "--plain", action="store_true", help="only the tables of K-NN without noise, in minutes"
    )
    parser.add_argument("--reverse", action="store_true", help="exchange source and target class")
    parser.add_argument("--threads", type=int, help="threads over queries (default: all cores)")
    options = parse(parser, argv)
    if options.quick:
        options.limit = options.limit or 6
    variant = "_appended" * options.append + "_reversed" * options.reverse + "_plain" * options.plain
    return report_on(lambda report: _run(report, options), options, f"rab_table5{variant}")


def _run(report: Report, options: argparse.Namespace) -> None:
    began = time.perf_counter()
    report.opening("RAB, Table 5: smoothed K-NN under backdoor attacks", SEED, f" K = {N_NEIGHBORS}.")
    if options.plain:
        report.text(
            "Only the tables of K-NN without noise; without `--plain` those of the paper come before."
        )
    if options.limit is not None:
        report.text(f"At most {options.limit} test rows of each kind, evenly over the test set.")
    report.text(_what_is_run(options.append))
    looked_at = check_counts()
    report.text(
        "Checked before the figures of a data set are printed: each certified prediction of each line is the "
        "prediction of the table that its certificate speaks of (without the trigger; with the true labels "
        "too; without the poisoned rows), its probability there is not below the worst case, and "
        f"probabilities add up to 1 within 1e-9; of plain K-NN the same predictions at every K. The count "
        f"certificate held against {looked_at:,} tamperings of small tables."
    )
    for name in options.datasets:
        if (data := options.source.table(report, name)) is None:
            continue
        experiment = EXPERIMENTS[name].reversed() if options.reverse else EXPERIMENTS[name]
        if options.plain:
            experiment = experiment._replace(sigmas=())
        outcomes = {
            (attack, setting): run_attack(
                data,
                experiment,
                attack,
                setting,
                limit=options.limit,
                append=options.append,
                n_threads=options.threads,
            )
            for attack in options.attacks
            for setting in SETTINGS
        }
        source, target = (data.class_names[c] for c in (experiment.source_class, experiment.target_class))
        report.heading(f"{experiment.title}: {source} -> {target}")
        if not options.plain:
            _paper_columns(report, name, experiment, outcomes)
            _attack_columns(report, name, outcomes)
        _best_columns(report, name, outcomes)
    if not options.plain:
        report.heading("Differences from the paper")
        for sentence in _DIFFERENCES:
            report.text(f"- {sentence}")
    report.text(f"The whole run took {time.perf_counter() - began:.0f} s.")


def _what_is_run(append: bool) -> str:
    how = (
        "triggered copies of r_p n rows of the source class are appended with the label of the target class; "
        "the clean table is the observed one less those rows, so the column `deleted` is about the attack run"
        if append
        else "r_p n rows of the source class get the trigger and the label of the target class where they "
        "are, as in the experiments the authors released; the column `moved, relabelled` is about the attack "
        "run"
    )
    return (
        f"The attack: {how}. All accuracies but the clean one, and all certificates, are of the test rows of "
        "the source class with the trigger."
    )


def _paper_columns(report: Report, name: str, experiment: Experiment, outcomes: dict) -> None:
    """Print the columns of the paper, our lines above the printed ones."""
    at = "/".join(f"{radius:g}" for radius in experiment.radii)
    rows = []
    for attack, setting, outcome, smoothed in _lines(outcomes):
        printed = TABLES["5"][name, attack, setting[0], smoothed.sigma]
        where = [_attack_name(name, attack), _setting(setting), f"{smoothed.sigma:g}"]
        rows.append([*where, "here", *_cells(_as_printed(outcome, smoothed))])
        rows.append([*[""] * len(where), "paper", *_cells(printed)])
    report.text("Black box, Eq. (14), at the radii of the paper; each line above the one the paper prints.")
    report.table(
        [
            "attack",
            "norm, r_p",
            "sigma",
            "",
            "success on plain K-NN",
            "clean acc",
            "backdoored acc",
            f"certified acc at R = {at}",
            f"certified rate at R = {at}",
        ],
        rows,
    )


def _attack_columns(report: Report, name: str, outcomes: dict) -> None:
    rows = []
    for attack, setting, outcome, smoothed in _lines(outcomes):
        rows.append(
            [
                _attack_name(name, attack),
                _setting(setting),
                f"{smoothed.sigma:g}",
                f"{outcome.n_rows:,}",
                f"{outcome.norm:.3f}",
                f"{outcome.total_norm:.2f}",
                _both(smoothed.black_box),
                *(_both(smoothed.threats[threat]) for threat in _CERTIFICATES),
                _both(outcome.counted),
            ]
        )
    report.text(
        "Against the attack run: share of the same test rows certified / certified and right, with the "
        "number of poisoned rows and the norms that they reached after clipping."
    )
    report.table(
        [
            "attack",
            "norm, r_p",
            "sigma",
            "rows",
            "largest norm",
            "total norm",
            "black box",
            *_CERTIFICATES.values(),
            f"count, plain K-NN, K = {N_NEIGHBORS}",
        ],
        rows,
    )


def _best_columns(report: Report, name: str, outcomes: dict) -> None:
    """Print what plain K-NN certifies against the attack run, at K = 5 and at the K that was chosen."""
    rows = []
    for (attack, setting), outcome in outcomes.items():
        (default,) = [s for s in outcome.plain if s.setting == f"K = {N_NEIGHBORS}"]
        for threat, title in _CERTIFICATES.items():
            asked = column(threat)
            chosen = best(outcome.plain, asked, floor(outcome.plain))
            assert chosen is not None  # the most accurate one is accurate enough
            share = chosen.certified[asked].judged
            rows.append(
                [
                    _attack_name(name, attack),
                    _setting(setting),
                    title,
                    f"{default.certified[asked].judged:.3f}",
                    f"{default.accuracy.judged:.3f}",
                    chosen.setting,
                    f"{share:.3f} ({wilson(share, outcome.n_judged)})",
                    f"{chosen.certified[RIGHT].judged:.3f}",
                    f"{chosen.accuracy.judged:.3f}",
                ]
            )
    (n_judged,) = {outcome.n_judged for outcome in outcomes.values()}
    report.text(
        "K-NN without noise (sigma = 0) at its best K against the attack run: the K that certifies most of "
        "the rows with the trigger on one half of the test rows, among those whose accuracy on clean rows is "
        f"there at most {BELOW_BEST:g} below the best (without that limit it would be a K that always names "
        f"the source class). Figures are of the other half, {n_judged:,} rows with the trigger, 95 % "
        "intervals by Wilson; clean accuracy is that of both classes there. The classifier is "
        "fitted to the poisoned table. All rows with the trigger are of one class, and a large K favours the "
        "class whose rows lie closer together: certified accuracy of both classes is in `frontier/`."
    )
    report.table(
        [
            "attack",
            "norm, r_p",
            "certificate",
            f"K = {N_NEIGHBORS}: certified and right",
            "clean acc",
            "best K",
            "certified and right",
            "backdoored acc",
            "clean acc",
        ],
        rows,
    )


def _lines(outcomes: dict):
    for (attack, setting), outcome in outcomes.items():
        for smoothed in outcome.smoothed:
            yield attack, setting, outcome, smoothed


def _as_printed(outcome: Outcome, smoothed: Smoothed) -> Printed:
    return Printed(
        outcome.success,
        smoothed.clean,
        smoothed.backdoored,
        tuple(smoothed.accuracy),
        tuple(smoothed.rate),
    )


def _cells(line: Printed) -> list[str]:
    success = "" if line.success is None else f"{line.success:.3f}"
    by_radius = (line.certified_accuracy, line.certified_rate)
    return [
        success,
        f"{line.clean:.3f}",
        f"{line.backdoored:.3f}",
        *(" / ".join(f"{value:.3f}" for value in values) for values in by_radius),
    ]


def _attack_name(name: str, attack: str) -> str:
    title = _ATTACKS[attack]
    return title.replace("pixel", "dimension") if name == "spambase" else title


def _setting(setting: tuple[float, float]) -> str:
    return f"{setting[0]:g}, {setting[1]:g}"


def _both(share: Share) -> str:
    return f"{share.certified:.3f} / {share.right:.3f}"


_DIFFERENCES = (
    "Direction. The paper names pairs. MNIST runs 1 -> 0, as in the experiments the authors released: "
    "only this way are all backdoored rows classified correctly, as printed. Spambase runs not spam -> "
    "spam: the printed accuracies on clean and on backdoored rows are nearly equal and reach 0.91 at "
    "sigma = 2, where spam is mostly lost here. `--reverse` exchanges the classes.",
    "In place or added. The paper says that poisoned instances are added, its theory and the released "
    "experiments change rows of the table. In place comes closest to the printed figures of MNIST; "
    "`--append` adds rows.",
    "Nothing certified at R = 2 on MNIST, sigma = 1, norm 1: no artefact. Of the rows that look like a "
    "query, r_p n / n_source = 0.19 carry the label of the target. Five voters drawn from such a mixture "
    "are right with probability 0.95, and sigma times the normal quantile of that is 1.65. Probabilities "
    "clipped at 1e-12, as theirs are, would end radii at 7 sigma, far beyond the table.",
    "The classifier. Here distances are compared exactly. The paper sorts them into 200 buckets, in which "
    "the order of the table decides, and its code divides by the sum of the probabilities, in single "
    "precision distances. The code released handles K = 1 only, so the printed K = 5 cannot be run again.",
    "Triggers. Places and clipping are those of the released experiments; which rows are poisoned, and "
    "the noise that is blended in, are another draw.",
    "Spambase. The paper's split and scaling are unknown. Here 80 % of the rows, stratified and shuffled, "
    "train, and the features are its 56 without scaling; the released code splits in the order of the "
    "file, which leaves one class to test, and clean accuracies of one class cannot be compared with ours "
    "of both.",
    "The success rate on plain K-NN is the share of triggered rows of the source class that K = 5 without "
    "noise puts into the target class. The paper does not define its own; on MNIST at norm 1 it prints "
    "about half of ours, for which we have no explanation.",
    "Left out where the text of the paper that we have is ambiguous: three success rates. The header of "
    "the Spambase block has five radii and its rows four values; they are read as the first four.",
    "The columns against the attack run. `moved` takes the labels as they are: the attacker moved that "
    "many rows, by at most that norm. `moved, relabelled` lets him choose their labels too, `deleted` "
    "asks what the table without any such rows says. They hold for every attack of that size, not only "
    "for this one, so a low share is no success of the attack. The black box pays for the total norm, and "
    "covers no labels. The count certificate of plain K-NN with K = 5 can never exceed K / 2 = 2 rows: "
    "against relabelled rows a budget is at most K / 2, so that K must be above twice the number of rows.",
)


if __name__ == "__main__":
    sys.exit(main())
