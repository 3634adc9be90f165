"""The trial of a trainer: small tables on which it shows whether its models are functions of their rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .copies import Copies
from .independence import REMEDY, Probes, check_alike, check_distinct
from .models import UnsoundTrainer

__all__ = ["Tables", "check_trainer", "exchange_between", "first_of_each"]


class Tables(NamedTuple):
    """Small tables that a trainer is tried on.

    Attributes
    ----------
    one, other : tables
        With the same seed and different noise.
    plain, exchanged : tables, or None
        With the same seed and labels, the rows of the second exchanged between the classes. Both None where
        that changes nothing.
    """

    one: Any
    other: Any
    plain: Any
    exchanged: Any


def check_trainer(copies: Copies, train: Callable[[Any, Any], Any], probes: Probes, tables: Tables) -> None:
    """Try a trainer on small tables, and raise where it does what would make votes worthless.

    Parameters
    ----------
    copies : Copies
        Of the trainer, which itself is not called where it can be copied.
    train : callable (trainer, table) -> model
    probes : Probes
    tables : Tables

    Raises
    ------
    UnsoundTrainer
        If a model does not answer as `Probes.check` asks, two trainings give one model, a model moves when
        another one is trained, the same table gives another model the second time or to a copy of the
        trainer that has never trained, a training changes what all trainings share, the model is the same
        whatever the rows are, or its parameters are where its answers are not.
    """
    shared = copies.shared()
    trainer = copies.make()
    try:
        first = train(trainer, tables.one)
        seen = probes.check(first)
    except UnsoundTrainer:
        raise
    except Exception as error:
        if not copies:
            raise
        trainer = copies.trainer
        first = train(trainer, tables.one)
        seen = probes.check(first)
        copies.give_up(error)  # what the trainer itself does well, its copy cannot
    second = train(trainer, tables.other)
    check_distinct([first, second])
    probes.check_unmoved(first, seen, "when another one was trained")
    seen_second = probes.look(second)
    third = train(trainer, tables.one)
    check_distinct([first, second, third])
    check_alike(seen, probes.look(third))
    if copies:
        check_alike(probes.look(train(copies.make(), tables.other)), seen_second, fresh=True)
    now = copies.shared()
    changed = sorted(name for name in shared | now if now.get(name) != shared.get(name))
    if changed:
        raise UnsoundTrainer(
            f"the trainer changes {', '.join(changed)} when it trains, which all of its trainings share: "
            f"what one leaves there is what the next one finds; {REMEDY}"
        )
    if tables.exchanged is None:
        return
    plain = seen
    if tables.plain is not tables.one:
        plain = probes.look(train(trainer, tables.plain))
    far = probes.look(train(trainer, tables.exchanged))
    probes.check_unmoved(first, seen, "when another one was trained")
    if seen.same(seen_second) and plain.same(far):
        raise UnsoundTrainer(
            "models must depend on the noised rows that the trainer is given, but with other noise, and even "
            "with the rows of the classes exchanged, it gives the same model: one that was trained before, "
            "or on a table that it has from elsewhere, or on no table at all. Votes of such models say "
            f"nothing about the rows; fit on the arguments of the trainer, and {REMEDY}"
        )
    if probes.digests_needed and plain.digest == far.digest and not plain.same(far):
        raise UnsoundTrainer(
            "models must have different parameters where they give different answers, since noise on queries "
            f"is drawn from the parameters, but a {type(first).__name__} has the same ones whatever it was "
            "trained on: what makes the difference lies outside of it (a global variable, a file), or "
            "canonical_parameters() leaves it out"
        )


def first_of_each(numbers: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return positions of the first rows of every class, in their order: at most so many, or one a class."""
    n_classes = int(numbers.max()) + 1
    each = max(1, most // n_classes) if len(numbers) > most else len(numbers)
    return np.sort(np.concatenate([np.flatnonzero(numbers == c)[:each] for c in range(n_classes)]))


def exchange_between(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a permutation of rows that exchanges those of the first classes with those of the last ones."""
    order = np.argsort(numbers, kind="stable")
    permutation = np.empty_like(order)
    permutation[order] = order[::-1]
    return permutation
