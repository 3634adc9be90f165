"""RadiusSettings: the radius classifier, with or without noise, all but its rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ... import kernels
from ..._types import FloatArray
from ...gate.distances import check_scale, is_resolved
from ...gate.errors import InvalidInput
from ...gate.numbers import check_dof, check_n_threads, check_neighborhood, check_sigma_or_none
from ...kernels.contract import Kernel
from ...smoothing import Noise, RadiusNeighbors
from ..measured import Measured
from ..vote import VoteKey, certain_vote
from .chances import Ball
from .smoothed_vote import smoothed_vote
from .within import certain_leads, count_within

__all__ = ["RadiusSettings"]


@dataclass(frozen=True, eq=False)
class RadiusSettings:
    """The radius classifier: all rows within a radius vote, ties go to the lowest class.

    Where no row is within the radius, the lowest class has as many votes as all others: none. Without noise
    such a query has no certificate.

    Attributes
    ----------
    radius : float > 0
        In the units of the features; rows at this distance vote.
    sigma : float >= 0
        Standard deviation of the noise on each feature; 0 is none.
    dof : int or float
        d, the number of features that carry noise.
    n_classes : int
        C; labels are 0..C-1.
    labels_are_classes : bool
        Whether nobody can bring a label that is none of the classes.
    kernel : Kernel
    n_threads : int
    metric : str
        What distances are; euclidean with noise.
    """

    radius: float
    sigma: float
    dof: int | float
    n_classes: int
    labels_are_classes: bool
    kernel: Kernel
    n_threads: int
    metric: str = "euclidean"

    @classmethod
    def checked(
        cls,
        *,
        radius: object,
        sigma: object,
        dof: object,
        n_classes: int,
        labels_are_classes: bool,
        backend: str,
        n_threads: object = None,
        metric: str = "euclidean",
    ) -> RadiusSettings:
        """Check parameters from outside; ``n_classes`` is that of a checked table.

        Raises
        ------
        TypeError, ValueError, ImportError
            If a parameter is of the wrong type, out of its range, or the backend is missing.
        """
        checked_radius, checked_sigma = check_neighborhood(radius), check_sigma_or_none(sigma)
        if checked_sigma > 0.0:
            if metric != "euclidean":
                raise InvalidInput(f"noise is for metric='euclidean' alone, got {metric!r}; use sigma=0")
            check_scale(checked_radius * checked_radius, checked_sigma, "squares of the radius")
            if not is_resolved(checked_radius, checked_sigma):
                raise InvalidInput(
                    f"sigma is too small against the radius: radius / sigma is "
                    f"{checked_radius / checked_sigma:.3g}, and double precision no longer tells the noise; "
                    "use a larger sigma, or sigma = 0, which the classifier then equals"
                )
        return cls(
            radius=checked_radius,
            sigma=checked_sigma,
            dof=check_dof(dof),
            n_classes=n_classes,
            labels_are_classes=labels_are_classes,
            kernel=kernels.get_backend(backend),
            n_threads=check_n_threads(n_threads),
            metric=metric,
        )

    @property
    def fewest_rows(self) -> int:
        """How many rows a table must have: one, for a radius decides who votes."""
        return 1

    @property
    def key(self) -> VoteKey:
        """What votes by the same distances can differ in: no number of neighbours votes."""
        return VoteKey(0, self.sigma)

    @property
    def noise(self) -> Noise:
        """The noise on the training rows."""
        return Noise(self.sigma)

    @property
    def classifier(self) -> RadiusNeighbors:
        """What certificates call it."""
        backend = kernels.backend_name(self.kernel) if self.sigma > 0.0 else ""
        return RadiusNeighbors(self.radius, self.metric, backend, self.labels_are_classes)

    def check_distances(self, distances: FloatArray) -> None:
        """Raise InvalidInput where distances are too large: finite rows can be infinitely far apart."""
        farthest = float(distances.max(initial=0.0))
        if self.sigma > 0.0:
            check_scale(farthest * farthest, self.sigma)
        elif not np.isfinite(farthest):
            raise InvalidInput(
                "distances overflow: the farthest row is infinitely far away in double precision; divide "
                "the features and the radius by the same number, which changes no vote"
            )

    def vote(self, measured: Measured) -> tuple[FloatArray, FloatArray]:
        """Return (m, C) probabilities of the classes to win, none above 1, and bounds on their errors.

        Without noise they are 1 for the class with the most votes; the errors are 0, or 1 where the distances
        are not exact enough to tell, or where nothing votes.
        """
        if self.sigma > 0.0:
            ball = Ball(self.radius, self.sigma, self.dof, self.kernel)
            return smoothed_vote(ball, measured, self.n_classes)
        counts = count_within(measured, self.radius, self.n_classes)
        winner = np.argmax(counts.nominal, axis=1)  # the first of equals: ties go to the lowest class
        return certain_vote(winner, certain_leads(counts, winner).min(axis=1) >= 1, self.n_classes)

    def support(self, measured: Measured) -> FloatArray:
        """Return (m, C) how near each class is to winning: its share of the table, as votes."""
        if self.sigma > 0.0:
            return self.vote(measured)[0]
        return count_within(measured, self.radius, self.n_classes).nominal / measured.n_rows
