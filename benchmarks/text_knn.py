"""Exact K-NN on fixed sentence embeddings of SST-2, certified against any r tampered sentences.

Run ``python -m benchmarks.text_knn [--save]`` in a source checkout; see benchmarks/README.md.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.linear_model import LogisticRegression

from knn_cert import Certificates, SmoothedKNNClassifier
from knn_cert.attacks import AddSentence, poison_texts, triggered_queries
from knn_cert.datasets import TextDataset, load_corpus
from knn_cert.text import SynonymNetwork
from knn_cert.text.encoders import WordVectorEncoder
from knn_cert.threats import BlackBoxBall, Deletions, LabelFlips, Replacements

from .command import study
from .crowd_settings import ROWS, TARGET
from .data import spread
from .fresh import SEED
from .report import Report, duration, listed, load_average, require, wilson
from .text_vectors import ROUNDS, SIF, WordVectors, rank_weights, synonyms, with_synonyms, word_vectors

_THREATS = {"replaced": Replacements, "deleted": Deletions, "labels flipped": LabelFlips}

# What is tried on the dev set. Sigma is a share of the median distance between two of its sentences.
_NEIGHBORS = (25, 51)
_SIGMAS = (0.25, 0.35, 0.6)
_STRETCHES = (1.0, 4.0, np.inf)

# A setting that gives away more of the accuracy than this is not chosen: with much noise the vote becomes the
# larger class, which nobody can tamper with and nobody needs.
_GIVEN_AWAY = 0.01
# The smallest K wins that is so near to the best: time grows faster than K.
_AS_GOOD = 0.01

_MORE_NEIGHBORS = (11, 25, 51, 101, 201)

# Written down once for "good" and "bad", not looked up in any review; those without a vector are skipped.
_GOOD = (
    "good great best excellent perfect beautiful brilliant love enjoy happy success wonderful strong smart"
    " fun"
).split()
_BAD = ("bad poor worst terrible awful ugly wrong hate boring sad failure horrible weak stupid dull").split()


class _Study(NamedTuple):
    """How much one run looks at."""

    test: int | None = None  # None: all sentences
    dev: int | None = 436
    falsified: int = 5  # queries of each threat
    swept: int = 55
    copied: int = 40
    triggered: int = 200


_FULL, _QUICK = _Study(), _Study(test=60, dev=40, falsified=1, swept=10, copied=5, triggered=20)


@dataclass(frozen=True, eq=False)
class _Space:
    """Rows of all sentences under one fixed map, and the setting that was chosen for it."""

    name: str
    encode: _Map
    train: np.ndarray
    test: np.ndarray
    n_neighbors: int
    sigma: float

    def classifier(self, X, y) -> SmoothedKNNClassifier:
        return SmoothedKNNClassifier(self.n_neighbors, self.sigma, n_threads=1).fit(X, y)


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a figure that must hold does not."""
    return study("text_knn", __doc__, _run, argv, oracle=False)


def _run(report: Report, folder: str | None, *, quick: bool) -> None:
    began = time.perf_counter()
    size = _QUICK if quick else _FULL
    report.opening("Exact K-NN on sentence embeddings", SEED)
    report.text(f"Load average of the machine when it began: {load_average()}. One thread.")
    if quick:
        report.text("QUICK RUN: few sentences; its figures are no measurement.")
    vectors = word_vectors(folder)
    try:
        data = load_corpus("sst2", data_dir=folder, download=False)
    except FileNotFoundError:
        data = None
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
    encoder = _choose_encoder(report, data, vectors, folder, size)
    spaces = _choose_settings(report, data, encoder, size)
    report.heading("3. Attacks")
    report.text(
        "Asserted: no certified prediction falls, and one row more than certified is enough. A run in which "
        "that fails stops here. Every attack is carried out and classified by a classifier that is fitted "
        "anew."
    )
    for space in spaces:
        _check(report, data, space, size)
    _results(report, data, spaces, size)
    report.heading("What the figures show")
    for sentence in _FINDINGS:
        report.text(f"- {sentence}")
    report.text(f"The whole run took {time.perf_counter() - began:.0f} s.")


# --- 1. the encoder -----------------------------------------------------------------------------------------


def _choose_encoder(
    report: Report, data: TextDataset, vectors: WordVectors, folder: str | None, size: _Study
) -> WordVectorEncoder:
    """The preparation of the word vectors that does best on the dev set."""
    report.heading("1. Word vectors")
    dev, truth = spread(np.array(data.dev_texts), size.dev), spread(data.dev_labels, size.dev)
    rows, scores, encoders = [], [], []
    candidates = _candidates(vectors, synonyms(folder))
    for words, table, weights in candidates.values():
        encoder = WordVectorEncoder(words, table, weights=weights, normalize=True)
        X, queries = encoder.encode(data.train_texts), encoder.encode(dev)
        scale = np.median(pdist(queries))
        classifier = SmoothedKNNClassifier(n_threads=1, n_neighbors=1).fit(X, data.train_labels)
        grid = classifier.certify_grid(
            queries,
            n_neighbors=_NEIGHBORS,
            sigma=[share * scale for share in _SIGMAS[:2]],
            threats=[BlackBoxBall()],
        )
        scores.append(float(np.mean([found.label == truth for found in grid.values()])))
        encoders.append(encoder)
        plain = LogisticRegression(max_iter=1000, C=10.0).fit(X, data.train_labels).score(queries, truth)
        cover = encoder.coverage(data.train_texts)
        rows.append(
            [
                list(candidates)[len(rows)],
                f"{len(words):,}",
                f"{cover.known_tokens / cover.tokens:.0%}",
                f"{cover.known_types / cover.types:.0%}",
                str(len(cover.without_known)),
                f"{scores[-1]:.3f}",
                f"{plain:.3f}",
            ]
        )
    best = int(np.argmax(scores))
    report.text(
        "The file holds a part of GloVe, in which most words that judge a film are missing. `synonyms`: a "
        "word without a vector takes the mean of its neighbours' in a table of counter-fitted synonyms, and "
        f"so on for {ROUNDS} rounds. SIF: a word of rank k weighs a / (a + 1 / k), a = {SIF:g}. Columns: "
        "words with a vector; share of the tokens and of the word types of the training sentences that are "
        "among them; training sentences without any, which share one row of zeros (all other rows are "
        f"divided by their own length); accuracy on {len(dev)} dev sentences of smoothed K-NN, mean over K "
        f"in {listed(_NEIGHBORS)} and sigma = {' and '.join(f'{share:g}' for share in _SIGMAS[:2])} times "
        "the median distance between two of them, and of logistic regression on the same rows, which has no "
        "certificate."
    )
    report.table(
        ["word vectors", "words", "tokens", "types", "without", "smoothed K-NN", "logistic regression"], rows
    )
    report.text(f"Chosen: {list(candidates)[best]}. {encoders[best].describe().capitalize()}.")
    return encoders[best]


def _candidates(vectors: WordVectors, network: SynonymNetwork | None) -> dict[str, tuple]:
    """Words, vectors and weights that are tried; none of them has seen a sentence of SST-2."""
    words, raw = vectors
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    weights = rank_weights(words)
    candidates = {
        "as they are": (words, raw, None),
        "of length one": (words, unit, None),
        "of length one, SIF": (words, unit, weights),
        "less their mean and first direction, SIF": (words, _all_but_the_top(raw), weights),
    }
    if network is not None:
        candidates["of length one, SIF, synonyms"] = with_synonyms(words, unit, weights, network)
    return candidates


def _all_but_the_top(vectors: np.ndarray) -> np.ndarray:
    """Mu and Viswanath, ICLR 2018, for one direction: a map of the word vectors, without any text."""
    centred = vectors - vectors.mean(axis=0)
    top = np.linalg.svd(centred, full_matrices=False)[2][0]
    return centred - np.outer(centred @ top, top)


# --- 2. the settings ----------------------------------------------------------------------------------------


def _choose_settings(
    report: Report, data: TextDataset, encoder: WordVectorEncoder, size: _Study
) -> list[_Space]:
    """The K and sigma with the largest mean certified accuracy on the dev set, for each map."""
    report.heading("2. K and sigma")
    axis, used = _axis(encoder)
    dev, truth = spread(np.array(data.dev_texts), size.dev), spread(data.dev_labels, size.dev)
    rows, spaces = [], []
    for stretch in _STRETCHES:
        name = {1.0: "sentence vectors", np.inf: "the axis alone"}.get(stretch, f"axis x {stretch:g}")
        encode = _Map(encoder, axis, stretch)
        X, queries = encode(data.train_texts), encode(dev)
        scale = float(np.median(pdist(queries)))
        # Rounded: a constant that can be written down.
        sigmas = [float(f"{share * scale:.2g}") for share in _SIGMAS]
        classifier = SmoothedKNNClassifier(n_threads=1, n_neighbors=1).fit(X, data.train_labels)
        grid = classifier.certify_grid(
            queries, n_neighbors=_NEIGHBORS, sigma=sigmas, threats=[Replacements()]
        )
        shares = {point[:2]: _certified_accuracy(found, truth) for point, found in grid.items()}
        accuracy = {point[:2]: np.mean(found.label == truth) for point, found in grid.items()}
        least = max(accuracy.values()) - _GIVEN_AWAY
        means = {point: np.mean(shares[point]) for point in shares if accuracy[point] >= least}
        near = [point for point in means if means[point] >= max(means.values()) - _AS_GOOD]
        chosen = min(near, key=lambda point: (point[0], -means[point]))
        for point, cells in zip(grid, shares.values(), strict=True):
            rows.append(
                [
                    name,
                    str(point.n_neighbors),
                    f"{point.sigma:g}",
                    f"{accuracy[point[:2]]:.3f}",
                    *(f"{cell:.3f}" for cell in cells),
                    "chosen" if point[:2] == chosen else "",
                ]
            )
        spaces.append(_Space(name, encode, X, encode(data.test_texts), *chosen))
    report.text(
        "Three maps of the rows, all fixed. `sentence vectors`: the rows themselves, 50 features. `axis x "
        "4`: stretched along one direction, from the mean vector of the words "
        f"{', '.join(used[1])} to that of {', '.join(used[0])}. `the axis alone`: the position along it, 1 "
        "feature. The words say what the classes mean; no sentence or label of SST-2 went into them. "
        f"Accuracy and certified accuracy against r replaced sentences (text and label) on {len(dev)} dev "
        f"sentences. Chosen, of the settings within {_GIVEN_AWAY:g} of the best accuracy of a map: the "
        f"largest mean over r = {', '.join(map(str, ROWS))}, but a smaller K that is within {_AS_GOOD:g} of "
        "it. Without the first rule much noise would win: the vote then is that of the larger class, "
        "whatever the sentence says, and hard to tamper with."
    )
    report.table(["rows", "K", "sigma", "accuracy", *(f"r = {r}" for r in ROWS), ""], rows)
    _more_neighbors(report, data, spaces[0], size)
    return spaces


def _more_neighbors(report: Report, data: TextDataset, space: _Space, size: _Study) -> None:
    """What larger K buy, and what they cost."""
    queries, truth = (
        space.encode(spread(np.array(data.dev_texts), size.swept)),
        spread(data.dev_labels, size.swept),
    )
    rows = []
    for n_neighbors in _MORE_NEIGHBORS:
        classifier = space.classifier(space.train, data.train_labels).set_params(n_neighbors=n_neighbors)
        began = time.perf_counter()
        found = classifier.certify(queries, Replacements())
        seconds = time.perf_counter() - began
        rows.append(
            [
                str(n_neighbors),
                f"{np.mean(found.label == truth):.3f}",
                f"{_certified_accuracy(found, truth)[1]:.3f}",
                f"{np.median(found.budget):g}",
                duration(seconds / len(truth)),
            ]
        )
    report.text(
        f"Larger K on the `{space.name}`, sigma = {space.sigma:g}, {len(truth)} dev sentences, replacements. "
        "`median r`: what half of the predictions survive."
    )
    report.table(["K", "accuracy", f"r = {ROWS[1]}", "median r", "time a query"], rows)


class _Map:
    """Texts to rows: fixed vectors, then a stretch along a fixed direction, each row by itself."""

    def __init__(self, encoder: WordVectorEncoder, axis: np.ndarray, stretch: float):
        self._encoder, self._axis, self._stretch = encoder, axis, stretch

    def __call__(self, texts) -> np.ndarray:
        rows = self._encoder.encode(texts).astype(np.float64)
        # Not a product of matrices, which may round a row by its neighbours.
        along = (rows * self._axis).sum(axis=1)[:, None]
        if np.isinf(self._stretch):
            return along
        return rows + (self._stretch - 1.0) * along * self._axis


def _axis(encoder: WordVectorEncoder) -> tuple[np.ndarray, list[list[str]]]:
    """The direction from the bad words to the good ones, of length one, and the words that have a vector."""
    used = [[word for word in chosen if encoder.coverage([word]).known_tokens] for chosen in (_GOOD, _BAD)]
    good, bad = (encoder.encode(one).mean(axis=0, dtype=np.float64) for one in used)
    return (good - bad) / np.linalg.norm(good - bad), used


def _certified_accuracy(found: Certificates, truth: np.ndarray) -> list[float]:
    return [float(np.mean(found.certified(r) & (found.label == truth))) for r in ROWS]


# --- 3. attacks ---------------------------------------------------------------------------------------------


def _check(report: Report, data: TextDataset, space: _Space, size: _Study) -> None:
    classifier = space.classifier(space.train, data.train_labels)
    looked_at = [_falsify(data, space, classifier, name, threat, size) for name, threat in _THREATS.items()]
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


def _falsify(data, space: _Space, classifier, name: str, threat, size: _Study) -> int:
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


def _copies(data, space: _Space, classifier, r: int, size: _Study) -> tuple[int, int, int, int]:
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


def _backdoor(data: TextDataset, space: _Space, classifier, size: _Study) -> str:
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


# --- 4. results ---------------------------------------------------------------------------------------------


def _results(report: Report, data: TextDataset, spaces: list[_Space], size: _Study) -> None:
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
        for name, threat in _THREATS.items():
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
                        for share in _certified_accuracy(found, truth)
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
