"""How commands train the models of an ensemble and ask them: processes, progress, times, and their words."""

from __future__ import annotations

import argparse
import dataclasses
import secrets
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from knn_cert.progress import ProgressBar

from .errors import gate_errors
from .report_parts import duration, plural

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knn_cert.certificates import Certificates
    from knn_cert.certificates.record import Threat
    from knn_cert.smoothing import VotingModels

_SEED_BITS = 32  # as many as --noise-seed takes


class Votes(NamedTuple):
    """Certificates of an ensemble, and what they took, in seconds and processes."""

    certificates: Certificates
    training: float
    voting: float
    jobs: int

    def price(self, noise_seed: int) -> str:
        """Return the times in words, with the seed that repeats the run."""
        voters = _voters(self.certificates)
        each = f"{duration(self.training / (voters.n_models + voters.n_pilot))} a model"
        return (
            f"training {duration(self.training)} ({each}), votes {duration(self.voting)}; "
            f"{plural(self.jobs, 'process')}; --noise-seed {noise_seed} repeats it"
        )


def confidence(certificates: Certificates) -> str:
    """Return how sure certificates from votes are, in words."""
    voters = _voters(certificates)
    scope = "for all queries together" if voters.simultaneous else "for each query"
    return f"with probability 1 - {voters.alpha:g} over the noise, {scope}"


def trainer(certificates: Certificates) -> str:
    """Return what trained the models, in words."""
    return _voters(certificates).trainer


def noise_seed(args: argparse.Namespace) -> int:
    """Return the seed of the noise: a new one, which no attacker can know, unless one was asked for."""
    seed: int | None = args.noise_seed
    return secrets.randbits(_SEED_BITS) if seed is None else seed


def settings(args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Return the parameters that every ensemble has."""
    from knn_cert.gate.numbers import default_n_threads

    return {
        "n_models": args.n_models,
        "n_pilot": args.n_pilot,
        "alpha": args.alpha,
        "simultaneous": args.simultaneous,
        "random_state": seed,
        "n_jobs": default_n_threads() if args.jobs is None else args.jobs,
    }


class Queries(NamedTuple):
    """What is to be certified, and its rows in the table that it was held out of; None: 0, 1, 2, ..."""

    queries: Any
    row_numbers: NDArray[np.int64] | None


def run(
    args: argparse.Namespace, ensemble: Any, train: tuple[Any, Any], asked: Queries, threat: Threat
) -> Votes:
    """Train the models on rows and labels, ask them about queries, and return what the votes certify.

    Raises
    ------
    InputError
        If the ensemble refuses something, or the summary cannot have the budgets that it should.
    """
    from knn_cert.certificates.summary import checked_budgets

    start = time.perf_counter()
    with gate_errors(), ProgressBar("training models", enabled=not args.quiet) as progress:
        if args.budgets is not None:  # not only when all is done
            checked_budgets(args.budgets, threat, len(train[1]))
        ensemble.fit(*train, progress=progress)
    trained = time.perf_counter()
    with gate_errors(), ProgressBar("asking models", enabled=not args.quiet) as progress:
        certificates = ensemble.certify(asked.queries, threat, progress=progress)
    if asked.row_numbers is not None:
        certificates = dataclasses.replace(certificates, query=asked.row_numbers)
    return Votes(certificates, trained - start, time.perf_counter() - trained, ensemble.n_jobs)


def _voters(certificates: Certificates) -> VotingModels:
    from knn_cert.smoothing import VotingModels

    assert isinstance(certificates.classifier, VotingModels)  # as ensembles make them
    return certificates.classifier
