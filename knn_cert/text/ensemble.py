"""Smoothed classifiers of texts: N models on N noised corpora, and what their votes certify."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..certificates import Certificates
from ..gate.errors import InvalidInput
from ..gate.labels import number_classes
from ..montecarlo.base import VotingEnsemble
from ..montecarlo.protocols import Progress
from ..montecarlo.seeds import ModelSeed
from ..threats.words import RowThreat, WordThreat
from .composition import Composition, compose
from .corpus import Corpus, check_texts
from .laws import Deletion, TextLaw
from .sampling import Sampler
from .text_protocols import TextTrainer
from .text_queries import TextQueries, labels_of
from .text_training import CheckedTextTrainer, TextTraining
from .text_votes import certify_text_votes, check_question, default_threat
from .tokens import normalized, tokenize, tokenizer_name
from .trainers import BagOfWords

__all__ = ["SmoothedTextEnsemble"]

_CUT_AGAIN = 64  # texts, to see whether the tokeniser makes the same of them


class SmoothedTextEnsemble(VotingEnsemble[TextQueries, WordThreat | RowThreat]):
    """N models trained on independently noised texts, whose votes certify predictions against poisoned texts.

    Each model is a function of its noised texts and a seed. The noise is drawn once for each model and kept,
    and each model has one vote a query (CROWD, with the protocol that makes its votes count).

    Parameters
    ----------
    trainer : callable (texts, labels, seed) -> model, optional
        Trains one model on a list of n noised texts, tokens separated by spaces, maybe some of them empty.
        The model must be a function of these three arguments alone and a new object each time; it must stay
        as it is, and answer each query as it would answer it alone. It has ``predict(texts)``, or is itself
        callable, and gives labels of shape (m,). A scikit-learn pipeline serves as ``lambda texts, labels,
        seed: clone(pipeline).fit(texts, labels)``. The trainer may also have ``train_corpus(corpus, labels,
        seed)``, and its models ``predict_corpus(corpus)``, which take a `Corpus` of the tokens that the noise
        left; and ``description``, what guarantees call it. `fit` tries all this, see docs/ensembles.md. None:
        `BagOfWords`.
    law : law, optional
        `Deletion`, `Masking`, `RowDropping`, `LabelNoise`, a substitution law, or what `compose` makes of
        them. None: ``Deletion(0.7)``. Its parameters must not depend on the training texts.
    n_models : int >= 1
        N, models that vote.
    alpha : float, 0 < alpha < 1
        Probability that a certificate is wrong, over the noise.
    random_state : int or None
        Seed of the noise and of the models' seeds. It must be chosen after the attacker is done.
    n_pilot : int >= 0
        Further models that choose the label to certify. With 0 the N models choose it, and alpha pays.
    query_noise : bool, default=False
        Whether each model sees the query with its words noised too, by a draw of its own: needed to certify
        against tampered queries (`QueryWords`).
    tokenizer : callable (str) -> sequence of str, optional
        What a "word" is to laws, threats and budgets: a token of it. It must be a function of one text, fixed
        beforehand and not learned from the training texts; certificates name it. Texts are brought into the
        normal form NFC of Unicode before. None: `tokenize`. For texts that are tokens already: join them by
        spaces and take ``str.split``.
    classes : array_like of shape (C,), optional
        All labels that training texts can have; `fit` refuses any other. Needed where whole texts or labels
        may be tampered with (`Deletions`, `Insertions`, `Replacements`, `LabelFlips`): models that the noise
        leaves without a text vote for the first class, and `LabelNoise` draws from all of them. None: those
        of the labels.
    simultaneous : bool, default=False
        Whether alpha is for all queries of a call of `certify` together.
    n_jobs : int or None
        Processes that train, one thread each, -1 for one a core; None trains here.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        ``classes`` or, without them, the labels, sorted.
    n_samples_fit_ : int
    models_, pilot_models_ : list

    Examples
    --------
    >>> from knn_cert.text import Deletion, SmoothedTextEnsemble
    >>> from knn_cert.word_threats import TrainingWords
    >>> texts = ["a fine and moving film"] * 30 + ["a dull and lazy film"] * 30
    >>> labels = ["good"] * 30 + ["bad"] * 30
    >>> ensemble = SmoothedTextEnsemble(law=Deletion(0.5), n_models=50, random_state=0).fit(texts, labels)
    >>> cert = ensemble.certify(["a moving film"], TrainingWords("inserted"))
    >>> str(cert.label[0]), cert.budget.tolist()
    ('good', [1])
    """

    def __init__(
        self,
        trainer: TextTrainer | None = None,
        law: TextLaw | Composition | None = None,
        n_models: int = 1000,
        alpha: float = 0.001,
        random_state: int | None = None,
        *,
        n_pilot: int = 0,
        query_noise: bool = False,
        tokenizer: Callable[[str], Sequence[str]] | None = None,
        classes: ArrayLike | None = None,
        simultaneous: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.trainer = trainer
        self.law = law
        self.n_models = n_models
        self.alpha = alpha
        self.random_state = random_state
        self.n_pilot = n_pilot
        self.query_noise = query_noise
        self.tokenizer = tokenizer
        self.classes = classes
        self.simultaneous = simultaneous
        self.n_jobs = n_jobs

    def fit(
        self, texts: Sequence[str], labels: ArrayLike, *, progress: Progress | None = None
    ) -> SmoothedTextEnsemble:
        """Train the models.

        Parameters
        ----------
        texts : sequence of n str
            The observed training texts, poisoned as they may be; none of them empty.
        labels : array_like of shape (n,)
            At least two classes; of ``classes``, if these are given.
        progress : callable (done, total), optional
            Called as models are done; `knn_cert.progress.ProgressBar` draws a bar.

        Returns
        -------
        SmoothedTextEnsemble

        Raises
        ------
        TypeError
            If a text is no str, or the trainer is not callable.
        ValueError
            If a text has no word, lengths differ, there is only one class or a label outside ``classes``, a
            parameter is wrong, or n_models is too small for any certificate at alpha.
        UnsoundTrainer
            If the trainer gives different models for the same texts and seed, one model for different ones,
            or models that move when others are trained, or answer otherwise when they are asked again or
            alone.

        Notes
        -----
        The trainer is tried on at most 64 texts of each class first, then one model more than asked for is
        trained on all texts, by a copy of the trainer, to be compared with the last one.
        """
        self._fit(texts, labels, progress=progress)
        return self

    def votes(
        self,
        texts: Sequence[str],
        *,
        pilot: bool = False,
        progress: Progress | None = None,
    ) -> NDArray[np.int64]:
        """Count the models' votes.

        Parameters
        ----------
        texts : sequence of n_queries str
            None of them empty. Where no word of a text occurs in training there is a warning: what the
            models say of it is up to them.
        pilot : bool, default=False
            Whether the pilot models vote instead.
        progress : callable (done, total), optional
            Called as models have voted.

        Returns
        -------
        ndarray of int64, shape (n_queries, C)

        Raises
        ------
        TypeError, ValueError
            If a text is no str, or has no word.
        UnsoundTrainer
            If a model gives labels that do not occur in training, or the first model is no longer what it was
            when it was trained.
        """
        return self._count(texts, pilot=pilot, progress=progress)

    def certify(
        self,
        texts: Sequence[str],
        threat: WordThreat | RowThreat | None = None,
        *,
        progress: Progress | None = None,
    ) -> Certificates:
        """Certify predictions against tampered training texts, or a tampered query.

        Parameters
        ----------
        texts : sequence of n_queries str
            The queries as they come, triggers included.
        threat : threat, optional
            One of `knn_cert.word_threats`, or `Deletions`, `Insertions`, `Replacements`, `LabelFlips` of
            `knn_cert`; see `certify_text_votes`.
        progress : callable (done, total), optional
            Called as models have voted.

        Returns
        -------
        Certificates
            ``budget`` counts training texts, or words of the query.

        Raises
        ------
        TypeError, ValueError
            As `votes`, and if the law certifies nothing about the threat, or whole texts or labels may be
            tampered with and the ensemble was not given its classes.
        UnsoundTrainer
            As `votes`.
        """
        return self._certify(texts, threat, progress)

    def _read_parameters(self) -> None:
        self._trainer = CheckedTextTrainer(BagOfWords() if self.trainer is None else self.trainer)
        self._law = compose(Deletion(0.7) if self.law is None else self.law)

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.query_noise and not self._law.on_words:
            raise InvalidInput(
                f"{self._law} does not touch words, so queries cannot be noised: leave out query_noise, or "
                "compose it with Deletion or Masking"
            )

    def _training(self, rows: Any, labels: Any) -> TextTraining:
        texts = check_texts(rows)
        fresh = _copy_of(self._tokenizer)
        corpus = Corpus.from_texts(texts, self._tokenizer)
        _check_tokenizer(fresh, texts, corpus)
        labels = np.asarray(labels)
        if labels.shape != (len(corpus),):
            raise InvalidInput(
                f"labels must have shape ({len(corpus)},), one for each text, got {labels.shape}"
            )
        self.classes_, numbers = number_classes(labels, self.classes)
        self._labels_are_classes = self.classes is not None
        self.n_samples_fit_, self._words = len(corpus), corpus.vocabulary
        return TextTraining(
            self._trainer, Sampler(self._law, corpus.vocabulary), corpus, numbers, self.classes_
        )

    def _checked_queries(self, queries: Any, *, least: int) -> TextQueries:
        corpus = Corpus.from_texts(queries, self._tokenizer)
        if len(corpus) < least:
            raise InvalidInput("texts must hold at least one query, got none")
        known = np.isin(corpus.vocabulary, self._words)[corpus.tokens]
        strange = np.flatnonzero(np.bincount(corpus.row_of_token()[known], minlength=len(corpus)) == 0)
        if len(strange):
            warnings.warn(
                f"{len(strange)} of {len(corpus)} texts have no word that occurs in the training texts, text "
                f"{strange[0]} first: {' '.join(corpus.words(strange[0])[:8])!r}",
                stacklevel=4,  # who called `votes` or `certify`, which ask the base
            )
        if self.query_noise:
            return TextQueries(corpus, sampler=Sampler(self._law, corpus.vocabulary))
        return TextQueries(corpus, texts=corpus.texts())

    def _checked_threat(self, threat: WordThreat | RowThreat | None) -> WordThreat | RowThreat:
        threat = default_threat(self._law) if threat is None else threat
        check_question(self._law, threat, query_noise=self.query_noise)
        # What would change where a threat makes or wipes out a class is settled by ``classes`` alone.
        if threat.whole_rows and not self._labels_are_classes:
            raise InvalidInput(
                f"{threat.of_training!r} may add a class or wipe one out, and models depend on which there "
                "are (without a text that is left they vote for the first one, and LabelNoise draws from "
                "all): give the ensemble the labels that can occur, "
                f"classes={self.classes_.tolist()!r} or more of them"
            )
        return threat

    def _answers(
        self, queries: TextQueries, models: Sequence[Any], seeds: Sequence[ModelSeed]
    ) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        for model, seed in zip(models, seeds, strict=True):
            yield slice(None), labels_of(model, queries.seen_by(seed), queries.texts, self.classes_)

    def _issue(
        self,
        counts: NDArray[np.int64],
        pilot: NDArray[np.int64] | None,
        queries: TextQueries,
        threat: WordThreat | RowThreat,
    ) -> Certificates:
        return certify_text_votes(
            counts,
            law=self._law,
            n_train=self.n_samples_fit_,
            threat=threat,
            queries=[queries.corpus.words(i) for i in range(len(queries))],
            training_words=self._words,
            query_noise=self.query_noise,
            tokenizer=tokenizer_name(self._tokenizer),
            classes=self.classes_,
            alpha=self.alpha,
            pilot=pilot,
            simultaneous=self.simultaneous,
            trainer=self._trainer.name,
        )

    @property
    def _tokenizer(self) -> Callable[[str], Sequence[str]]:
        return tokenize if self.tokenizer is None else self.tokenizer


def _copy_of(tokenizer: Callable[[str], Sequence[str]]) -> Callable[[str], Sequence[str]]:
    """Return a tokenizer as it is before it has cut a text; itself, if it cannot be copied."""
    try:
        return copy.deepcopy(tokenizer)
    except Exception:  # of what it holds
        return tokenizer


def _check_tokenizer(tokenizer: Callable[[str], Sequence[str]], texts: list[str], corpus: Corpus) -> None:
    """Cut some texts again, the last one first: a token must be a function of its text alone."""
    for i in range(max(0, len(texts) - _CUT_AGAIN), len(texts))[::-1]:
        words = list(tokenizer(normalized(texts[i])))
        if words != corpus.words(i):
            raise InvalidInput(
                f"the tokenizer must cut a text the same way always, but made {corpus.words(i)[:8]} of "
                f"text {i} and then {words[:8]}; it must not learn from the texts that it cuts"
            )
