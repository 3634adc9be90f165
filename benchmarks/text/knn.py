"""Exact K-NN on fixed sentence embeddings of SST-2, certified against any r tampered sentences.

Run ``python -m benchmarks.text.knn [--save]`` in a source checkout; see benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from knn_cert.datasets import TextDataset

from ..common.command import study
from ..common.report import SEED, Report, duration, load_average, wilson
from ..common.source import spread
from .knn_attacks import THREATS, check
from .knn_choice import FULL, QUICK, Space, Study, certified_accuracy, choose_encoder, choose_settings
from .settings import ROWS
from .vectors import word_vectors


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a figure that must hold does not."""
    return study("text.knn", __doc__, _run, argv, saved_as="text_knn")


def _run(report: Report, options: argparse.Namespace) -> None:
    began = time.perf_counter()
    size, source = (QUICK if options.quick else FULL), options.source
    report.opening("Exact K-NN on sentence embeddings", SEED)
    report.text(f"Load average of the machine when it began: {load_average()}. One thread.")
    data, vectors = source.corpus(report, "sst2"), word_vectors(source)
    if data is None or vectors is None:
        report.text(
            "Not run: it needs sst2 and wordvec/glove6b_50d_subset.npz in the folder of the data sets; name "
            "it with `--data-dir`."
        )
        return
    report.text(
        f"SST-2, {len(data.train_texts):,} training, {len(data.dev_texts)} dev, {len(data.test_texts):,} "
        "test sentences. Each sentence is one row: the mean of its words' GloVe vectors (6B, 50 dimensions), "
        "fixed before the training set is seen, so r tampered sentences change r rows. The classifier is the "
        "exact smoothed K-NN vote; its certificates hold for every table within the budget, whatever the "
        "sentences say and whatever trigger they carry, and have no probability of error. The dev set is "
        "taken to be clean: it chooses all settings and nothing else (what is tried, and by which rule it is "
        "chosen, was settled while figures of the test set could be seen). Certified accuracy: share of "
        "sentences predicted right and certified."
    )
    encoder = choose_encoder(report, data, vectors, source, size)
    spaces = choose_settings(report, data, encoder, size)
    report.heading("3. Attacks")
    report.text(
        "Asserted: no certified prediction falls, and one row more than certified is enough. A run in which "
        "that fails stops here. Every attack is carried out and classified by a classifier that is fitted "
        "anew."
    )
    for space in spaces:
        check(report, data, space, size)
    _results(report, data, spaces, size)
    report.heading("What the figures show")
    for sentence in _FINDINGS:
        report.text(f"- {sentence}")
    report.text(f"The whole run took {time.perf_counter() - began:.0f} s.")


def _results(report: Report, data: TextDataset, spaces: list[Space], size: Study) -> None:
    report.heading("4. Certified accuracy on the test set")
    n = len(data.test_texts) if size.test is None else size.test
    truth = spread(data.test_labels, n)
    counts = np.bincount(data.train_labels)
    majority = np.mean(truth == counts.argmax())
    untrained = np.mean((spread(spaces[-1].test, n)[:, 0] > 0.0) == (truth == 1))
    survives = (counts.max() - counts.min() - 1) // 2
    report.text(
        f"{len(truth):,} test sentences, r = {', '.join(map(str, ROWS))} of {len(data.train_texts):,} "
        "training sentences (7 are 0.1 %, 69 are 1 %), 95 % interval of the share (Wilson). Budgets are left "
        "open, so one call of `certify` gives a line; `median r`: what half of the predictions survive. "
        f"To compare: always the larger class {majority:.3f}, which survives {survives} replaced sentences; "
        f"the sign of the axis, which needs no training set, {untrained:.3f}."
    )
    rows = []
    for space in spaces:
        classifier = space.classifier(space.train, data.train_labels)
        queries = spread(space.test, n)
        for name, threat in THREATS.items():
            began = time.perf_counter()
            found = classifier.certify(queries, threat())
            seconds = time.perf_counter() - began
            rows.append(
                [
                    f"{space.name}, K = {space.n_neighbors}, sigma = {space.sigma:g}",
                    name,
                    f"{np.mean(found.label == truth):.3f}",
                    *(
                        f"{share:.3f} [{wilson(share, len(truth))}]"
                        for share in certified_accuracy(found, truth)
                    ),
                    f"{np.median(np.where(found.abstained, 0, found.budget)):g}",
                    duration(seconds),
                ]
            )
    report.table(
        ["rows", "sentences", "accuracy", *(f"r = {r}" for r in ROWS), "median r", "time"],
        rows,
    )


_FINDINGS = (
    "Any 7 sentences replaced (0.1 %), text and label: more than half of the test sentences are predicted "
    "right and certified, by plain sentence vectors. Any 69 (1 %): next to none of them; a backdoor with "
    "that many sentences does change predictions.",
    "Knowledge that is fixed beforehand buys robustness: along a direction that a few words for the classes "
    "give, sentences of one class lie closer together, and more of them have to be tampered with. It costs "
    "some accuracy.",
    "What these shares are worth: the larger class, always, is right on half of the test sentences and "
    "survives more than 69 replacements without looking at any sentence. At 69 replaced only the axis "
    "alone is above it. One tampered sentence in a thousand is well within reach here, one in a hundred is "
    "its edge.",
    "Accuracy is modest, and the vectors are what limits it: logistic regression on the same rows gains "
    "a few points. They are 50 numbers a word, for a quarter of the word types or, with synonyms, three "
    "fifths. A sentence encoder of the BERT type (`TransformerEncoder`) takes their place without any other "
    "change; no weights of one are among the data sets.",
    "The certificates leave no gap: one tampered sentence more than certified, and an attack succeeds. No "
    "certified prediction fell, neither to copies of the query nor to a backdoor.",
    "Sentences that were added (answered by deletion) and wrong labels alone cost less than replacements.",
)


if __name__ == "__main__":
    sys.exit(main())
