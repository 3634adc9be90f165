"""Smoothed classifiers of texts: N models on N noised corpora, and what their votes certify."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..certificates import Certificates
from ..gate.labels import number_classes
from ..montecarlo.copies import Copies
from ..montecarlo.independence import check_alike, check_distinct
from ..montecarlo.models import check_callable, name_of
from ..montecarlo.training import in_turn, model_seeds
from ..montecarlo.voting import VotingEnsemble
from ..threats.words import QueryWords, RowThreat, WordThreat
from .certify import certify_text_votes, check_question, default_threat
from .composition import compose
from .corpus import Corpus, check_texts
from .laws import Deletion
from .sampling import Sampler
from .tokens import normalized, tokenize, tokenizer_name
from .trainers import BagOfWords
from .training import Job, Training, labels_of, train_job

__all__ = ["SmoothedTextEnsemble"]

_CUT_AGAIN = 64  # texts, to see whether the tokeniser makes the same of them
# Models that one process trains in a row: what it is handed, the texts, is then handed over less often.
_MODELS_A_TASK = 16


class SmoothedTextEnsemble(VotingEnsemble):
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
        left. `fit` tries all this, see docs/ensembles.md. None: `BagOfWords`.
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
        trainer=None,
        law=None,
        n_models=1000,
        alpha=0.001,
        random_state=None,
        *,
        n_pilot=0,
        query_noise=False,
        tokenizer=None,
        classes=None,
        simultaneous=False,
        n_jobs=None,
    ):
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
        self, texts: Sequence[str], labels, *, progress: Callable[[int, int], None] | None = None
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
        trainer = BagOfWords() if self.trainer is None else self.trainer
        check_callable(trainer, "trainer", "(texts, labels, seed)")
        law = compose(Deletion(0.7) if self.law is None else self.law)
        self._check_settings()
        if self.query_noise and not law.on_words:
            raise ValueError(
                f"{law} does not touch words, so queries cannot be noised: leave out query_noise, or compose "
                "it with Deletion or Masking"
            )
        texts = check_texts(texts)
        fresh = _copy_of(self._tokenizer)
        corpus = Corpus.from_texts(texts, self._tokenizer)
        _check_tokenizer(fresh, texts, corpus)
        labels = np.asarray(labels)
        if labels.shape != (len(corpus),):
            raise ValueError(
                f"labels must have shape ({len(corpus)},), one for each text, got {labels.shape}"
            )
        self.classes_, numbers = number_classes(labels, self.classes)
        self._labels_are_classes = self.classes is not None
        self._check_enough(len(self.classes_))
        self.n_samples_fit_ = len(corpus)
        self._law, self._words = law, corpus.vocabulary
        seeds = model_seeds(self.random_state, self.n_models + self.n_pilot)
        training = Training(trainer, Sampler(law, corpus.vocabulary), corpus, numbers, self.classes_)
        copies = Copies(trainer)
        probes = training.tried(copies, seeds)
        if progress is not None:
            progress(0, len(seeds))
        # Here, each model is looked at before the next one is trained.
        size = 1 if self.n_jobs in (None, 1) else _MODELS_A_TASK
        jobs = [Job(training, probes, seeds[i : i + size]) for i in range(0, len(seeds), size)]
        # Models that the noise left two classes to tell apart; of others the trainer knows nothing.
        watched, last = training.first_with_classes(seeds), -1 - training.first_with_classes(seeds[::-1])
        compared = last if copies else watched
        again = training._replace(trainer=copies.make())
        jobs.append(Job(again, probes, [seeds[compared]]))
        models, first = [], None
        trained = in_turn(train_job, jobs, self.n_jobs)
        for _ in jobs[:-1]:
            models += next(trained)
            if first is None and len(models) > watched:
                first = probes.look(models[watched])
            if progress is not None:
                progress(len(models), len(seeds))
        ((once_more,),) = trained
        check_distinct(models)
        probes.check_unmoved(models[watched], first, "when the others were trained")
        check_alike(probes.look(models[compared]), probes.look(once_more), fresh=bool(copies))
        self._watch = probes, first, watched
        self.pilot_models_, self.models_ = models[: self.n_pilot], models[self.n_pilot :]
        self._pilot_seeds, self._seeds = seeds[: self.n_pilot], seeds[self.n_pilot :]
        self._trainer_name = name_of(trainer)
        return self

    def votes(
        self,
        texts: Sequence[str],
        *,
        pilot: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> np.ndarray:
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
        check_is_fitted(self, "models_")
        corpus = Corpus.from_texts(texts, self._tokenizer)
        self._warn_of_unknown(corpus)
        self._check_unmoved()
        return self._votes(corpus, pilot, progress)

    def certify(
        self,
        texts: Sequence[str],
        threat: WordThreat | RowThreat | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
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
        check_is_fitted(self, "models_")
        if threat is None:
            threat = default_threat(self._law)
        # What is wrong with the question should show before the models are asked.
        check_question(self._law, threat, query_noise=self.query_noise)
        self._check_classes(threat)
        corpus = Corpus.from_texts(texts, self._tokenizer)
        if not len(corpus):
            raise ValueError("texts must hold at least one query, got none")
        self._warn_of_unknown(corpus)
        self._check_unmoved()
        pilot = self._votes(corpus, True, None) if self.pilot_models_ else None
        return certify_text_votes(
            self._votes(corpus, False, progress),
            law=self._law,
            n_train=self.n_samples_fit_,
            threat=threat,
            queries=[corpus.words(i) for i in range(len(corpus))],
            training_words=self._words,
            query_noise=self.query_noise,
            tokenizer=tokenizer_name(self._tokenizer),
            classes=self.classes_,
            alpha=self.alpha,
            pilot=pilot,
            simultaneous=self.simultaneous,
            trainer=self._trainer_name,
        )

    @property
    def _tokenizer(self):
        return tokenize if self.tokenizer is None else self.tokenizer

    def _check_classes(self, threat: WordThreat | RowThreat) -> None:
        """Raise where a threat may make or wipe out a class, and what that would change is not settled."""
        threat = threat.training if isinstance(threat, QueryWords) else threat
        if isinstance(threat, RowThreat) and not self._labels_are_classes:
            raise ValueError(
                f"{threat!r} may add a class or wipe one out, and models depend on which there are (without "
                "a text that is left they vote for the first one, and LabelNoise draws from all): give the "
                f"ensemble the labels that can occur, classes={self.classes_.tolist()!r} or more of them"
            )

    def _check_unmoved(self) -> None:
        probes, first, watched = self._watch
        models = self.pilot_models_ + self.models_
        probes.check_unmoved(models[watched], first, "since the ensemble was fitted")

    def _warn_of_unknown(self, corpus: Corpus) -> None:
        known = np.isin(corpus.vocabulary, self._words)[corpus.tokens]
        strange = np.flatnonzero(np.bincount(corpus.row_of_token()[known], minlength=len(corpus)) == 0)
        if len(strange):
            warnings.warn(
                f"{len(strange)} of {len(corpus)} texts have no word that occurs in the training texts, text "
                f"{strange[0]} first: {' '.join(corpus.words(strange[0])[:8])!r}",
                stacklevel=3,
            )

    def _votes(self, corpus: Corpus, pilot: bool, progress) -> np.ndarray:
        models, seeds = (self.pilot_models_, self._pilot_seeds) if pilot else (self.models_, self._seeds)
        sampler = Sampler(self._law, corpus.vocabulary) if self.query_noise else None
        texts = None if sampler is not None else corpus.texts()
        counts = np.zeros((len(corpus), len(self.classes_)), dtype=np.int64)
        every = np.arange(len(corpus))
        for number, (model, seed) in enumerate(zip(models, seeds, strict=True)):
            if progress is not None:
                progress(number, len(models))
            queries = corpus if sampler is None else sampler.queries(corpus, seed.query_generator())
            counts[every, labels_of(model, queries, texts, self.classes_)] += 1
        if progress is not None:
            progress(len(models), len(models))
        return counts


def _copy_of(tokenizer):
    """A tokenizer as it is before it has cut a text; itself, if it cannot be copied."""
    try:
        return copy.deepcopy(tokenizer)
    except Exception:  # of what it holds
        return tokenizer


def _check_tokenizer(tokenizer, texts: list[str], corpus: Corpus) -> None:
    """Cut some texts again, the last one first: a token must be a function of its text alone."""
    for i in range(max(0, len(texts) - _CUT_AGAIN), len(texts))[::-1]:
        words = list(tokenizer(normalized(texts[i])))
        if words != corpus.words(i):
            raise ValueError(
                f"the tokenizer must cut a text the same way always, but made {corpus.words(i)[:8]} of "
                f"text {i} and then {words[:8]}; it must not learn from the texts that it cuts"
            )
