"""STRIP: inputs whose label survives strong perturbation too well are rejected."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...gate.numbers import as_real_within, as_whole_number
from ..corpus import Corpus, tokenize
from .interface import (
    Defence,
    Defended,
    Labelled,
    ProbableVictim,
    Trainer,
    probabilities,
    rejection_threshold,
)

__all__ = ["STRIP"]


class STRIP(Defence):
    """Strong Intentional Perturbation: reject texts whose predictions stay sure however they are mixed.

    Y. Gao et al., "Design and Evaluation of a Multi-Domain Trojan Detection Method on Deep Neural Networks"
    (STRIP-ViTA), IEEE TDSC 2021, for text. Of each input ``n_copies`` copies are made; in each a share of the
    words, at random places, gives way to the words of highest tf-idf of a random clean text. A trigger that
    rules the model keeps the label whatever else the text says, so the mean entropy of the predictions is
    low. Texts below a threshold are rejected; it is chosen so that at most ``false_rejection_rate`` of the
    clean texts would be.

    Adapted: the threshold is an empirical quantile, where the paper fits a normal law to the entropies; the
    share of replaced words is that of the toolkit OpenBackdoor, 0.5, and a clean text that is too short is
    followed by another. Each text draws from a generator seeded with ``random_state`` and the SHA-256 of the
    text, so that its answer does not depend on its company.

    Assumes clean held-out texts of the kind of the inputs, and a trigger that outweighs the words mixed in. A
    copy loses a trigger of one word with the probability of the share replaced. In a model that adds up words
    the entropy measures little but how sure the model is: texts that are clean and clear are rejected first,
    and a trigger that only just turns the label goes through. Labels are those of the unchanged text.

    Parameters
    ----------
    trainer, tokenizer
        See `Defence`; the model must have ``predict_proba``.
    n_copies : int >= 1
        Perturbed copies of each text.
    replaced : float in (0, 1)
        Share of the words of a text that are replaced, at least one word.
    false_rejection_rate : float in [0, 1)
        Share of the clean texts that may be rejected.

    Attributes
    ----------
    model_, kept_, classes_
        See `Defence`; all rows are kept.
    threshold_ : float
        Mean entropy, in nats, below which a text is rejected.
    """

    _needs_clean = True
    _needs_probabilities = True

    def __init__(
        self,
        trainer: Trainer,
        *,
        n_copies: int = 32,
        replaced: float = 0.5,
        false_rejection_rate: float = 0.05,
        tokenizer: Callable[[str], Sequence[str]] = tokenize,
    ) -> None:
        super().__init__(trainer, tokenizer=tokenizer)
        self.n_copies = n_copies
        self.replaced = replaced
        self.false_rejection_rate = false_rejection_rate

    def _check_settings(self) -> None:
        as_whole_number(self.n_copies, "n_copies", least=1)
        as_real_within(self.replaced, "replaced", 0, 1, ends="()")
        as_real_within(self.false_rejection_rate, "false_rejection_rate", 0, 1, ends="[)")

    def _fit(self, train: Labelled, clean: Labelled, seed: int) -> Any:
        self._seed, self._words = seed, _words_by_tf_idf(clean.corpus)
        model = self._train(train.texts, train.labels, seed)
        self.threshold_ = rejection_threshold(
            self._entropies(model, clean.texts, clean.corpus), self.false_rejection_rate
        )
        return model

    def _predict(self, texts: list[str], corpus: Corpus) -> Defended:
        return Defended(self._labels(texts), self._entropies(self.model_, texts, corpus) < self.threshold_)

    def _entropies(self, model: ProbableVictim, texts: list[str], corpus: Corpus) -> NDArray[np.float64]:
        """Return the mean entropy of the predictions on the copies of each text, in nats, shape (n,)."""
        copies = (
            copy
            for i, text in enumerate(texts)
            for copy in self._copies(corpus.words(i), self._generator(text))
        )
        p = probabilities(model, copies)
        entropies = -np.sum(p * np.log(np.where(p > 0.0, p, 1.0)), axis=1)
        means: NDArray[np.float64] = entropies.reshape(len(texts), self.n_copies).mean(axis=1)
        return means

    def _generator(self, text: str) -> np.random.Generator:
        digest = hashlib.sha256(text.encode()).digest()
        return np.random.default_rng([self._seed, int.from_bytes(digest, "big")])

    def _copies(self, words: list[str], rng: np.random.Generator) -> Iterator[str]:
        """Yield perturbed copies of a text."""
        n_replaced = max(1, round(self.replaced * len(words)))
        for _ in range(self.n_copies):
            copy = list(words)
            new: list[str] = []
            while len(new) < n_replaced:
                new += self._words[rng.integers(len(self._words))]
            for place, word in zip(rng.permutation(len(words))[:n_replaced], new, strict=False):
                copy[place] = word
            yield " ".join(copy)


def _words_by_tf_idf(corpus: Corpus) -> list[list[str]]:
    """Return the distinct words of each text, the one with the highest tf-idf first."""
    pairs, counts = np.unique(
        corpus.row_of_token() * len(corpus.vocabulary) + corpus.tokens, return_counts=True
    )
    rows, tokens = np.divmod(pairs, len(corpus.vocabulary))
    documents = np.bincount(tokens, minlength=len(corpus.vocabulary))
    weights = counts * np.log(len(corpus) / documents[tokens])
    words: list[list[str]] = [[] for _ in range(len(corpus))]
    for i in np.lexsort((tokens, -weights, rows)):
        words[rows[i]].append(corpus.vocabulary[tokens[i]])
    return words
