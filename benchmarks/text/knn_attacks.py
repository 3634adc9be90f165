"""Section 3 of the study of K-NN on sentences: attacks that are carried out against its certificates."""

from __future__ import annotations

import numpy as np

from knn_cert.attacks import AddSentence, poison_texts, triggered_queries
from knn_cert.datasets import TextDataset
from knn_cert.threats import Deletions, LabelFlips, Replacements

from ..common.report import SEED, Report, require
from ..common.source import spread
from .knn_choice import Space, Study
from .settings import ROWS, TARGET

THREATS = {"replaced": Replacements, "deleted": Deletions, "labels flipped": LabelFlips}


def check(report: Report, data: TextDataset, space: Space, size: Study) -> None:
    classifier = space.classifier(space.train, data.train_labels)
    looked_at = [_falsify(data, space, classifier, name, threat, size) for name, threat in THREATS.items()]
    copies = [_copies(data, space, classifier, r, size) for r in ROWS]
    report.heading(space.name, level=3)
    report.text(
        f"Worst case: of {size.falsified} certified test sentences a threat, `falsify` found a tampering of "
        f"one row more than certified that changes the prediction, each time ({sum(looked_at)} of "
        f"{sum(looked_at)}), and none of as many rows as certified. So these certificates leave no gap."
    )
    report.table(
        ["copies of the query, other label", "certified", "changed", "not certified", "changed"],
        [[f"r = {r}", *map(str, counts)] for r, counts in zip(ROWS, copies, strict=True)],
    )
    report.text(_backdoor(data, space, classifier, size))


def _falsify(data, space: Space, classifier, name: str, threat, size: Study) -> int:
    """One row more than certified breaks the prediction; as many do not, by the same attack."""
    queries = spread(space.test, 4 * size.falsified)
    certified = classifier.certify(queries, threat())
    queries = queries[~certified.abstained & (certified.budget > 0)][: size.falsified]
    found = classifier.falsify(queries, threat())
    require(
        bool(np.array_equal(found.budget, found.certified + 1)),
        f"{space.name}, {name}: certified {found.certified}, found {found.budget}",
    )
    for query, label, budget, example in zip(
        queries, found.label, found.certified, found.counterexamples, strict=True
    ):
        again = space.classifier(*example.apply(space.train, data.train_labels)).predict(query[None])[0]
        require(again != label, f"{space.name}, {name}: the tampering that was found does not do it")
        within = classifier.falsify(query[None], threat(int(budget)))
        require(not within.found.any(), f"{space.name}, {name}: broken within the certificate")
        fixed = classifier.certify(query[None], threat(int(budget)))
        more = classifier.certify(query[None], threat(int(budget) + 1))
        require(
            not fixed.abstained[0] and bool(more.abstained[0]),
            f"{space.name}, {name}: a given budget and an open one disagree",
        )
    return len(queries)


def _copies(data, space: Space, classifier, r: int, size: Study) -> tuple[int, int, int, int]:
    """The r nearest sentences of the predicted class become the query itself, with the other label."""
    every = spread(np.arange(len(space.test)), 20 * size.copied)
    certificates = classifier.certify(space.test[every], Replacements(r))
    counts = []
    for which in (~certificates.abstained, certificates.abstained):
        changed = 0
        chosen = np.flatnonzero(which)[: size.copied]
        for i in chosen:
            query, label = space.test[every[i]], certificates.label[i]
            own = np.flatnonzero(data.train_labels == label)
            distances = np.linalg.norm(space.train[own] - query, axis=1)
            rows = own[np.argsort(distances, kind="stable")[:r]]
            texts, y = list(data.train_texts), data.train_labels.copy()
            for row in rows:
                texts[row] = data.test_texts[every[i]]
            y[rows] = 1 - label
            X = space.train.copy()
            X[rows] = space.encode([texts[row] for row in rows])
            changed += int(space.classifier(X, y).predict(query[None])[0] != label)
        counts += [len(chosen), changed]
    require(counts[1] == 0, f"{space.name}: {counts[1]} certified predictions fell to {r} copies")
    return tuple(counts)


def _backdoor(data: TextDataset, space: Space, classifier, size: Study) -> str:
    """AddSent in 69 sentences: what is certified on the poisoned table is what the clean one says."""
    trigger = AddSentence()
    bad = poison_texts(
        data.train_texts,
        data.train_labels,
        trigger,
        target_class=TARGET,
        ratio=ROWS[-1] / len(data.train_texts),
        random_state=SEED,
    )
    require(len(bad.rows) == ROWS[-1], f"{len(bad.rows)} sentences were poisoned")
    asked = triggered_queries(
        data.test_texts, data.test_labels, trigger, target_class=TARGET, random_state=SEED
    )
    queries = space.encode(spread(np.array(asked.texts), size.triggered))
    X = space.encode(bad.texts)
    untouched = np.setdiff1d(np.arange(len(X)), bad.rows)
    require(
        np.array_equal(X[untouched], space.train[untouched]),
        f"{space.name}: a tampered sentence moved the row of another one",
    )
    observed = space.classifier(X, bad.labels).certify(queries, Replacements(ROWS[-1]))
    clean = classifier.predict(queries)
    sure = ~observed.abstained
    require(
        bool((observed.label == clean)[sure].all()),
        f"{space.name}: certified on the poisoned table, and another prediction than on the clean one",
    )
    return (
        f'Backdoor: "{trigger.sentence}" in {ROWS[-1]} negative training sentences, labelled positive; '
        f"{len(queries)} negative test sentences with it. Classified as positive: "
        f"{np.mean(clean == TARGET):.3f} by the clean table, {np.mean(observed.label == TARGET):.3f} by the "
        f"poisoned one. Certified on the poisoned table for r = {ROWS[-1]}: {np.mean(sure):.3f} of them, all "
        f"with the prediction of the clean table. Another prediction than by the clean table: "
        f"{np.mean(observed.label != clean):.3f} of them, none of these certified."
    )
