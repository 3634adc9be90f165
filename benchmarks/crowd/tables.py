"""Tables 2, 3 and Figure 2 of CROWD, with certificates that hold beside what its rule counts.

Run ``python -m benchmarks.crowd.tables --table 2`` in a source checkout; see benchmarks/README.md. SynBkd
and StyleBkd need corpora that a generator rewrote: ``--generated FOLDER``, with train-poison.csv,
test-poison.csv and test-clean.csv of OpenBackdoor in FOLDER/sst2/synbkd, likewise for the others.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from knn_cert import show_config
from knn_cert.datasets import TextDataset

from ..common.command import add_choice, parse, report_on, study_parser
from ..common.plots import save_lines
from ..common.report import Report, load_average
from ..common.source import Source
from ..text.settings import ROWS, TARGET
from ..text.vectors import perturbation_network, sentence_encoder, synonyms, word_vectors
from .paper import TABLE_2, TABLE_3
from .runs import (
    ALPHA,
    DEFENCES,
    SEED,
    Line,
    Options,
    Study,
    Substitutions,
    certified,
    empirical,
    smoothings,
    substituted,
)
from .settings import ATTACKS, CORPORA, RATES, attack

_NETWORK_THRESHOLD = 0.8


def main(argv: list[str] | None = None) -> int:
    """Run what was asked for; return 1 if a figure that must hold does not."""
    parser = study_parser("crowd.tables", __doc__)
    parser.add_argument("--table", action="append", choices=("2", "3"), help="which table (may be repeated)")
    parser.add_argument("--figure", action="append", choices=("2",), help="which figure")
    add_choice(parser, "--datasets", list(CORPORA))
    add_choice(parser, "--attacks", list(ATTACKS))
    parser.add_argument("--generated", type=Path, help="folder of corpora that a generator rewrote")
    parser.add_argument(
        "--full", action="store_true", help="1000 models of substitution laws and 2000 draws of the rule too"
    )
    options = parse(parser, argv)
    if options.quick:
        options.table, options.figure = options.table or ["2", "3"], options.figure or ["2"]
        options.datasets, options.attacks = ["sst2"], ["badnets", "synbkd"]
    tables, figures = options.table or [], options.figure or []
    if not tables and not figures:
        parser.error("give --table or --figure")
    name = "reproduce_crowd" + "".join(f"_{t}" for t in tables) + "".join(f"_f{f}" for f in figures)
    return report_on(lambda report: _run(report, options, tables, figures), options, name)


def _run(report: Report, options: argparse.Namespace, tables: list[str], figures: list[str]) -> None:
    began = time.perf_counter()
    report.opening("CROWD", SEED, f" alpha = {ALPHA:g}.")
    report.text(f"Load average of the machine when it began: {load_average()}.")
    report.text(_WHAT_IS_RUN)
    source: Source = options.source
    sizes = Options(
        n_models=1000,
        n_substituting=1000 if options.full else 100,
        n_draws=2000 if options.full else 200,
        jobs=show_config("dict")["threads"],
    )
    rates = RATES
    if options.quick:
        sizes, rates = Options(n_models=20, n_substituting=12, n_draws=4, jobs=1), RATES[-1:]
    vectors = word_vectors(source)
    if vectors is None:
        report.text(
            "Substitution laws and models on word vectors are left out: wordvec/glove6b_50d_subset.npz is "
            "not among the data."
        )
        study = Study(sizes, None, smoothings(None))
    else:
        network = perturbation_network(*vectors, threshold=_NETWORK_THRESHOLD)
        encoder = sentence_encoder(vectors, synonyms(source))
        study = Study(sizes, Substitutions(network), smoothings(encoder))
        report.text(
            f"Synonyms: {len(network)} of {len(vectors[0])} words have a neighbour of cosine "
            f"{_NETWORK_THRESHOLD:g} or more. Word vectors: {encoder.describe()}."
        )
    for table in tables:
        if table == "2":
            for name in options.datasets:
                data = source.corpus(report, name)
                for attacked in options.attacks if data else ():
                    _table_2(report, data, attacked, study, options.generated)
        else:
            data = source.corpus(report, "sst2")
            if data is not None:
                _table_3(report, data, study, rates)
    if figures:
        data = source.corpus(report, "sst2")
        if data is not None:
            _figure_2(report, data, study, rates, plot=options.save)
    report.heading("Differences from the paper")
    for sentence in _DIFFERENCES:
        report.text(f"- {sentence}")
    report.text(f"The whole run took {time.perf_counter() - began:.0f} s.")


def _table_2(report: Report, data: TextDataset, name: str, study: Study, generated: Path | None) -> None:
    rate = ATTACKS[name]
    bad = attack(data, name, rate, generated)
    report.heading(f"Table 2: {CORPORA[data.name]}, {name}, poison rate {rate:g}")
    if bad is None:
        report.text("Not run: it needs a corpus that a generator rewrote (`--generated`).")
        return
    how = f"with {bad.n_inserted} inserted words each" if bad.n_inserted else "rewritten as a whole"
    report.text(
        f"{bad.n_poisoned} of {len(bad.texts)} training texts are poisoned, {how}; {len(bad.queries)} "
        f"triggered queries, {len(data.test_texts)} benign ones."
    )
    benign, success, rule = TABLE_2[data.name, name]
    rows = []
    for column, defence in enumerate(DEFENCES):
        line = empirical(data, bad, defence)
        rows.append(_cells(defence, line, (benign[column], success[column], None)))
    if study.substitutions is not None:
        line = substituted(data, bad, "CROWD", study.substitutions, study.options)
        rows.append(_cells("CROWD (its program's law)", line, (benign[5], success[5], rule)))
    for title, smoothing in study.smoothings.items():
        line = certified(data, bad, smoothing, study.options)
        rows.append(_cells(title, line, (None, None, None)))
    certificates = list(line.certified)
    header = ["", "accuracy (paper)", "attack success (paper)", "claimed by the rule (paper)"]
    report.table([*header, *(f"certified, {column}" for column in certificates), "time"], rows)


def _table_3(report: Report, data: TextDataset, study: Study, rates: tuple[float, ...]) -> None:
    report.heading("Table 3: SST-2, BadNets, by poison rate")
    rows = []
    for rate in rates:
        bad = attack(data, "badnets", rate, None)
        for title in ("SAFER", "CROWD") if study.substitutions is not None else ():
            line = substituted(data, bad, title, study.substitutions, study.options)
            printed = None, None, TABLE_3[title][RATES.index(rate)]
            rows.append([f"{rate:g}", *_cells(title, line, printed)[:4], *_row(line)])
        for title, smoothing in study.smoothings.items():
            line = certified(data, bad, smoothing, study.options)
            rows.append([f"{rate:g}", *_cells(title, line, (None, None, None))[:4], *_row(line)])
    header = ["rate", "", "accuracy", "attack success", "claimed by the rule (paper)"]
    report.table([*header, "certified, real r", *(f"r = {r}" for r in ROWS)], rows)
    report.text(
        "ConvexCertify is not run: it trains a bound into the network, for substitutions in the query. The "
        f"paper has {', '.join(map(str, TABLE_3['ConvexCertify']))} for it."
    )


def _figure_2(
    report: Report, data: TextDataset, study: Study, rates: tuple[float, ...], *, plot: bool
) -> None:
    report.heading("Figure 2: SST-2, BadNets, accuracy and attack success by poison rate")
    lines: dict[str, list[Line]] = {}
    for rate in rates:
        bad = attack(data, "badnets", rate, None)
        for defence in DEFENCES:
            lines.setdefault(defence, []).append(empirical(data, bad, defence))
        if study.substitutions is not None:
            line = substituted(data, bad, "CROWD", study.substitutions, study.options)
            lines.setdefault("CROWD", []).append(line)
        for title, smoothing in study.smoothings.items():
            lines.setdefault(title, []).append(certified(data, bad, smoothing, study.options))
    for what, title in (("accuracy", "accuracy on benign texts"), ("success", "attack success rate")):
        report.table(
            [title, *(f"{rate:g}" for rate in rates)],
            [[name, *(_percent(getattr(one, what)) for one in found)] for name, found in lines.items()],
        )
        if plot:
            save_lines(
                report,
                f"reproduce_crowd_f2_{what}",
                {name: (rates, [getattr(one, what) for one in found]) for name, found in lines.items()},
                x="poison rate",
                y=title,
            )


def _cells(title: str, line: Line, printed: tuple[float | None, ...]) -> list[str]:
    ours = (line.accuracy, line.success, line.claimed)
    shown = [
        _percent(value) + ("" if paper is None else f" ({paper:g})")
        for value, paper in zip(ours, printed, strict=True)
    ]
    return [title, *shown, *_row(line), f"{line.seconds:.0f} s"]


def _row(line: Line) -> list[str]:
    return [_percent(value) for value in line.certified.values()] or ["-"] * 4


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


_WHAT_IS_RUN = (
    "All numbers are in %; those in brackets are printed in the paper, about BERT. *Accuracy* is on "
    "benign test texts, *attack success* the share of triggered test texts of other classes that are "
    f"classified as the target class ({TARGET}). What a defence rejects counts as wrong, and as no "
    "success. *Claimed by the rule*: triggered texts that count as certified by the rule of the "
    "released program (`published_rule.py`), which is no certificate. *Certified*: triggered texts "
    "that are classified correctly, with a certificate that the prediction is the same without the "
    "attack: for laws that delete words, without the inserted words in r training texts; for rows "
    "dropped alone, without r training texts. Models: logistic regression, all classes weighing alike, "
    "on TF-IDF weights of words or, where it says so, on the mean of fixed word vectors; 1000 of them "
    "a certifying ensemble. The dev texts are the clean texts that empirical defences ask for."
)

_DIFFERENCES = (
    "The paper's models are BERT with a trained top layer; here they are linear models on TF-IDF "
    "weights, trained from scratch for every model of an ensemble, which takes no GPU.",
    "CROWD's program noises anew in each epoch and has one model. Here its law is sampled once for "
    "each of N models, which vote; the rule is evaluated on one model as in the program.",
    "Its synonyms come from the word vectors of the training vocabulary. Here they come from a subset"
    " of GloVe (50 dimensions, 6,566 words) that does not depend on the training texts.",
    "Substitution laws have no certificate against inserted words, whatever the votes: a text with an"
    " inserted word and one without have no noised text in common. docs/crowd-erratum.md has the "
    "proof and a counterexample.",
    "RAB's and CROWD's semantics leave flipped labels as they are: a certificate about inserted words"
    " compares with the model that was trained on the same labels without the trigger.",
)


if __name__ == "__main__":
    sys.exit(main())
