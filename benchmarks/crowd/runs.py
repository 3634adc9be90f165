"""One poisoned corpus against each defence: accuracy, attack success, certificates, and what was claimed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from knn_cert import Deletions
from knn_cert.datasets import TextDataset
from knn_cert.text import (
    BagOfWords,
    Composition,
    Corpus,
    Deletion,
    Embeddings,
    RowDropping,
    SmoothedTextEnsemble,
    SynonymNetwork,
    TrainingWords,
    UniformSubstitution,
    compose,
    crowd_released,
)
from knn_cert.text.defences import BKI, ONION, RAP, STRIP, NoDefence
from knn_cert.text.encoders import WordVectorEncoder
from knn_cert.text.sampling import Sampler

from ..common.report import require
from ..text.settings import ROWS, TARGET
from .published_rule import claimed, overlaps
from .settings import Attacked

ALPHA = 0.001
SEED = 0
DEFENCES = ("no defence", "BKI", "ONION", "STRIP", "RAP")


@dataclass(frozen=True)
class Options:
    """How much is run.

    Attributes
    ----------
    n_models : int
        Models of an ensemble that certifies.
    n_substituting : int
        Models of an ensemble of a substitution law, which certifies nothing here: enough for its accuracy.
    n_draws : int
        Randomised copies for the published rule; 2000 in the program.
    jobs : int
    """

    n_models: int
    n_substituting: int
    n_draws: int
    jobs: int


@dataclass
class Line:
    """One defence against one attack.

    Attributes
    ----------
    accuracy, success : float
        On benign texts, and of triggered texts that are classified as the target; what a defence rejects
        counts as wrong, and as no success.
    claimed : float or None
        Share of triggered texts that the published rule counts as certified.
    certified : dict of str to float
        Certified accuracy on triggered texts by number of rows, the real one first. Abstained counts as
        wrong.
    seconds : float
    """

    accuracy: float
    success: float
    claimed: float | None = None
    certified: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def empirical(data: TextDataset, bad: Attacked, name: str) -> Line:
    """Train behind an empirical defence, with the dev texts as the clean ones."""
    began = time.perf_counter()
    trainer = BagOfWords()
    defence = {
        "no defence": lambda: NoDefence(trainer),
        "BKI": lambda: BKI(trainer),
        "ONION": lambda: ONION(trainer),
        "STRIP": lambda: STRIP(trainer),
        "RAP": lambda: RAP(trainer, protected_class=TARGET),
    }[name]()
    defence.fit(
        bad.texts, bad.labels, clean_texts=data.dev_texts, clean_labels=data.dev_labels, random_state=SEED
    )
    benign, asked = defence.predict(data.test_texts), defence.predict(bad.queries)
    return Line(
        accuracy=float(np.mean((benign.labels == data.test_labels) & ~benign.rejected)),
        success=float(np.mean((asked.labels == TARGET) & ~asked.rejected)),
        seconds=time.perf_counter() - began,
    )


def substituted(
    data: TextDataset, bad: Attacked, name: str, substitutions: Substitutions, options: Options
) -> Line:
    """Smooth by a substitution law; certified against inserted words: nothing. And what was claimed."""
    began = time.perf_counter()
    law = substitutions.laws[name]
    ensemble = _ensemble(data, law, options.n_substituting, options, BagOfWords())
    ensemble.fit(bad.texts, bad.labels)
    if bad.n_inserted:
        threat = TrainingWords("inserted", bad.n_inserted, rows=1)
        require(not law.covers(threat), f"{law} must certify nothing against {threat}")
    line = _votes(ensemble, data, bad)
    corpus = Corpus.from_texts(bad.texts)
    noised, labels = Sampler(law, corpus.vocabulary).training(
        corpus, bad.labels, len(np.unique(bad.labels)), np.random.default_rng(SEED)
    )
    model = BagOfWords().train_corpus(noised, labels)
    counted = claimed(
        model,
        law,
        Corpus.from_texts(bad.queries),
        bad.truth,
        substitutions.table,
        n_draws=options.n_draws,
    )
    line.claimed = float(np.mean(counted))
    line.certified = dict.fromkeys(_columns(bad), 0.0)
    line.seconds = time.perf_counter() - began
    return line


def certified(data: TextDataset, bad: Attacked, smoothing: Smoothing, options: Options) -> Line:
    """Smooth by a law that covers the attack, and certify the triggered texts against it."""
    began = time.perf_counter()
    law = smoothing.law
    ensemble = _ensemble(data, law, options.n_models, options, smoothing.trainer)
    ensemble.fit(bad.texts, bad.labels)
    line = _votes(ensemble, data, bad)
    threat = threat_of(law, bad)
    if threat is None:
        line.certified = dict.fromkeys(_columns(bad), 0.0)
    else:
        cert = ensemble.certify(bad.queries, threat)
        rows = _columns(bad)
        shares = cert.summary(bad.truth, list(rows.values())).certified_accuracy
        line.certified = dict(zip(rows, map(float, shares), strict=True))
        again = ensemble.certify(bad.queries[:50], threat)
        require(np.array_equal(again.budget, cert.budget[:50]), "budgets must not depend on other queries")
    line.seconds = time.perf_counter() - began
    return line


def threat_of(law: Composition, bad: Attacked):
    """What the law certifies of the attack: inserted words where it can, else whole rows that were added."""
    if bad.n_inserted:
        inserted = TrainingWords("inserted", bad.n_inserted)
        if law.part(Deletion) is not None:
            return inserted
    return Deletions() if law.covers(Deletions()) else None


class Smoothing(NamedTuple):
    """A law that covers inserted words, or whole rows, and what trains the models."""

    law: Composition
    trainer: BagOfWords | Embeddings


def smoothings(encoder: WordVectorEncoder | None) -> dict[str, Smoothing]:
    """What certifies; with word vectors, the models have little to learn from what noise leaves."""
    found = {
        "deletion 0.95": Smoothing(compose(Deletion(0.95)), BagOfWords()),
        "rows dropped 0.98": Smoothing(compose(RowDropping(0.98)), BagOfWords()),
    }
    if encoder is not None:
        both = compose(RowDropping(0.9), Deletion(0.9))
        found |= {
            "deletion 0.98, word vectors": Smoothing(compose(Deletion(0.98)), Embeddings(encoder)),
            "rows dropped 0.98, word vectors": Smoothing(compose(RowDropping(0.98)), Embeddings(encoder)),
            "rows 0.9, deletion 0.9, word vectors": Smoothing(both, Embeddings(encoder)),
        }
    return found


class Substitutions:
    """SAFER's law, and that of CROWD's program, on one network; and the table of the published rule."""

    def __init__(self, network: SynonymNetwork):
        self.laws = {
            "SAFER": compose(UniformSubstitution(network)),
            "CROWD": compose(crowd_released(network)),
        }
        self.table = overlaps(network)


@dataclass(frozen=True)
class Study:
    """What is run against every attack, and how much of it."""

    options: Options
    substitutions: Substitutions | None
    smoothings: dict[str, Smoothing]


def _ensemble(
    data: TextDataset, law: Composition, n_models: int, options: Options, trainer: BagOfWords | Embeddings
) -> SmoothedTextEnsemble:
    classes = list(data.class_names)
    return SmoothedTextEnsemble(trainer, law, n_models, ALPHA, SEED, classes=classes, n_jobs=options.jobs)


def _votes(ensemble: SmoothedTextEnsemble, data: TextDataset, bad: Attacked) -> Line:
    return Line(
        accuracy=float(np.mean(ensemble.predict(data.test_texts) == data.test_labels)),
        success=float(np.mean(ensemble.predict(bad.queries) == TARGET)),
    )


def _columns(bad: Attacked) -> dict[str, int]:
    """Numbers of rows at which certified accuracy is given: the real one, then smaller ones."""
    return {f"r = {bad.n_poisoned} (real)": bad.n_poisoned} | {f"r = {r}": r for r in ROWS}
