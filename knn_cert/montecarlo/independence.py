"""Distrust of trainers: votes count only if each model is a function of its own noised rows and its seed.

The bounds on p_A and p_B are those of independent votes. A trainer that hands out one model N times, or keeps
something from one training to the next, gives N copies of one vote, which count as one. No test proves that a
program is a function; these find what happens by accident. Each compares a model with what it should equal:
itself later, itself trained again, or one trained by a copy of the trainer that has never trained before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..fingerprint import parameters_digest
from .models import UnsoundTrainer

__all__ = ["REMEDY", "Probes", "Seen", "Watched", "check_alike", "check_distinct"]

# Queries that a model is also asked one at a time.
_ALONE = 8

REMEDY = (
    "make a new model inside the trainer, such as sklearn.base.clone(model).fit(X, y), take all randomness "
    "from the seed, and keep nothing (no fitted model, no vocabulary, no scaler) from one call to the next"
)


class Seen(NamedTuple):
    """What a model was like when it was looked at.

    Attributes
    ----------
    labels : ndarray of int
        Positions of the labels that it gave to the probes.
    digest : bytes or None
        Of its parameters; None where they have no canonical bytes.
    """

    labels: NDArray[np.int64]
    digest: bytes | None

    def same(self, other: Seen) -> bool:
        """Whether these can be two looks at one model."""
        return self.digest == other.digest and np.array_equal(self.labels, other.labels)

    def difference(self, other: Seen) -> str:
        """Say what differs, for a message."""
        changed = int(np.count_nonzero(self.labels != other.labels))
        if changed:
            return f"{changed} of {len(self.labels)} answers differ"
        return (
            "the answers are the same but not the parameters; if what differs is none, such as a time or a "
            "cache, give the model a method canonical_parameters()"
        )


class Probes:
    """Queries that models are asked again and again, to see whether they stay what they were.

    Parameters
    ----------
    ask : callable (model, rows) -> ndarray of int
        Positions of the labels that a model gives to the probes at these positions, asked in one call.
    n : int
        Number of probes.
    digests_needed : bool
        Whether a model without canonical bytes is an error, since noise on queries is drawn from them.
    """

    def __init__(
        self,
        ask: Callable[[Any, NDArray[np.int64]], NDArray[np.int64]],
        n: int,
        *,
        digests_needed: bool = False,
    ) -> None:
        self._ask, self._n, self.digests_needed = ask, n, digests_needed

    def look(self, model: Any) -> Seen:
        """Ask a model all probes, once."""
        try:
            digest = parameters_digest(model)
        except TypeError:
            if self.digests_needed:
                raise
            digest = None
        return Seen(self._ask(model, np.arange(self._n)), digest)

    def check(self, model: Any) -> Seen:
        """Look at a model, and raise unless its answers are a function of model and query alone.

        Raises
        ------
        UnsoundTrainer
            If it answers otherwise the second time, changes when it is asked, or answers a query alone, or
            with others of its label, otherwise than together with all.
        """
        seen = self.look(model)
        again = self.look(model)
        if not seen.same(again):
            raise UnsoundTrainer(
                "a model must give the same answer whenever it is asked the same, but asked twice of "
                f"{self._n} probes it was not the same model: {seen.difference(again)}. Draw no random "
                "numbers in predict, learn nothing in it, and switch dropout off (torch: model.eval())"
            )
        for row in self._some(seen.labels):
            try:
                (label,) = self._ask(model, np.array([row]))
            except UnsoundTrainer:
                raise
            except Exception as error:
                raise UnsoundTrainer(
                    f"a model must answer each query by itself, but for one alone it fails ({error}); does "
                    "it normalise over the queries of a call (torch: model.eval())?"
                ) from error
            if label != seen.labels[row]:
                raise UnsoundTrainer(
                    "a model's answer to a query must not depend on the other queries of the call, but alone "
                    f"probe {row} gets another label than together with {self._n - 1} others; scale by what "
                    "was fitted in training, not by the queries (torch: model.eval() for batch normalisation)"
                )
        for label in np.unique(seen.labels)[:_ALONE]:
            rows = np.flatnonzero(seen.labels == label)
            if np.any(self._ask(model, rows) != label):
                raise UnsoundTrainer(
                    "a model's answer to a query must not depend on the other queries of the call, but asked "
                    f"about the {len(rows)} probes of one label alone it gives others; scale by what was "
                    "fitted in training, not by the queries (torch: model.eval() for batch normalisation)"
                )
        return seen

    def check_unmoved(self, model: Any, seen: Seen, when: str) -> None:
        """Raise unless a model is still what it was when it was ``seen``.

        Raises
        ------
        UnsoundTrainer
            If it moved; ``when`` says since what, as the rest of a sentence.
        """
        now = self.look(model)
        if not seen.same(now):
            raise UnsoundTrainer(
                f"a trained model must stay as it is, but the first one moved {when} "
                f"({seen.difference(now)}): models share parameters, so their votes are not independent; "
                f"{REMEDY}"
            )

    def _some(self, labels: NDArray[np.int64]) -> list[int]:
        """Return a few probes, of all the labels that were given in turn."""
        order = np.argsort(labels, kind="stable")
        rank = np.arange(len(labels)) - np.searchsorted(labels[order], labels[order])
        return [int(row) for row in order[np.argsort(rank, kind="stable")][:_ALONE]]


class Watched(NamedTuple):
    """A model of an ensemble that has to stay what it was.

    Attributes
    ----------
    probes : Probes
    position : int
        Which of all models it is.
    seen : Seen
        What it was like just after its training.
    """

    probes: Probes
    position: int
    seen: Seen

    def check(self, models: Sequence[Any], when: str) -> None:
        """Raise unless this model, among all of them, is what it was; see `Probes.check_unmoved`."""
        self.probes.check_unmoved(models[self.position], self.seen, when)


def check_distinct(models: Sequence[Any]) -> None:
    """Raise UnsoundTrainer where two models are one object, or methods of one."""
    owners: dict[int, int] = {}
    for number, model in enumerate(models):
        owner = _owner(model)
        twin = owners.setdefault(id(owner), number)
        if twin != number:
            raise UnsoundTrainer(
                f"each training must give a model of its own, but models {twin} and {number} are one object, "
                f"a {type(owner).__name__}: all of its votes are those of its last training; {REMEDY}"
            )


def check_alike(expected: Seen, got: Seen, *, fresh: bool = False) -> None:
    """Raise UnsoundTrainer unless two trainings on the same rows with the same seed gave the same model."""
    if expected.same(got):
        return
    if fresh:
        raise UnsoundTrainer(
            "the trainer keeps something from one training to the next: for the same rows and the same seed, "
            "a copy of it that has never trained before gives another model "
            f"({expected.difference(got)}). What all models share of one noise draw makes their votes "
            f"dependent; {REMEDY}"
        )
    raise UnsoundTrainer(
        "the trainer gave two different models for the same rows and the same seed "
        f"({expected.difference(got)}), so the votes are not of the classifier that would be certified; "
        f"{REMEDY}"
    )


def _owner(model: Any) -> Any:
    """Return what answers come from: the object that a method is bound to, the function of a partial."""
    while True:
        if isinstance(model, functools.partial):
            model = model.func
        elif getattr(model, "__self__", None) is not None and callable(model):
            model = model.__self__
        else:
            return model
