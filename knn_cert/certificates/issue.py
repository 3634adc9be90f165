"""From probabilities with errors to what is claimed: bounds, radii, abstentions. Rounded outwards throughout.

A certificate that cannot be justified is not issued: the query is marked as abstained and has radius 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from .._types import BoolArray, FloatArray, WholeArray
from ..bounds import gaussian_radius, uniform_radius
from ..smoothing import Noise
from ..threats import BlackBoxBall

__all__ = [
    "Bounds",
    "Claims",
    "RaceBounds",
    "claim_asked",
    "claim_largest",
    "default_ball",
    "enclose",
    "issue_ball",
    "room_of_builds",
    "rows_of_ball",
    "tells_apart",
    "wins",
    "withdraw",
]

# Probabilities are sums of products of many small numbers; below this, factors may have been rounded to zero.
# An upper bound therefore never claims less, which also keeps every radius finite (at most about 37 sigma).
_SMALLEST_CLAIM = 1e-300

_EPS = float(np.finfo(np.float64).eps)


class Bounds(NamedTuple):
    """Bounds on the probabilities of one label, for each query: arrays of shape (n_queries,).

    Attributes
    ----------
    p_lower : ndarray
        Lower bound on the probability of the label.
    p_upper : ndarray
        Upper bound on the largest probability of any other class.
    tail_upper : ndarray
        Upper bound on the probability of all other classes together.
    """

    p_lower: FloatArray
    p_upper: FloatArray
    tail_upper: FloatArray


class RaceBounds(NamedTuple):
    """Bounds on the two outcomes of races, one race for each member of a family.

    Attributes
    ----------
    p, error : ndarray of shape (n, 2)
        Probabilities that list A, or B, comes first, and how far each of them is from the truth.
    """

    p: FloatArray
    error: FloatArray

    def lower(self) -> FloatArray:
        """Lower bound on the probability that A comes first, of each race."""
        return np.nextafter(self.p[:, 0] - self.error[:, 0], -np.inf)

    def upper(self, who: int) -> FloatArray:
        """Upper bound on the probability that A (0) or B (1) comes first, of each race."""
        return np.nextafter(self.p[:, who] + self.error[:, who], np.inf)


class Claims(NamedTuple):
    """What is claimed of each query: arrays of shape (n_queries,), as `Certificates` has them."""

    budget: FloatArray | WholeArray
    worst_probability: FloatArray
    abstained: BoolArray


def enclose(
    probabilities: FloatArray, errors: FloatArray, chosen: WholeArray | None = None
) -> tuple[WholeArray, Bounds]:
    """Position of the most probable class of each query, and bounds on its probability and on the others'.

    Additions and nextafter alone, one after the other: the same bits on every machine, so that whoever reads
    a file can ask for exactly these bounds.

    Parameters
    ----------
    probabilities, errors : ndarray of shape (n_queries, C)
        Class probabilities, and a bound on how far each of them is from the truth.
    chosen : ndarray of int, shape (n_queries,), optional
        Positions of the classes to take in the place of the most probable ones.
    """
    query = np.arange(len(probabilities))
    # argmax takes the first of equals: ties go to the lowest class
    winner = np.argmax(probabilities, axis=1) if chosen is None else chosen
    probability, error = probabilities[query, winner], errors[query, winner]

    # One ulp for each single operation, C ulp for a sum over classes.
    others_upper = np.maximum(np.nextafter(probabilities + errors, np.inf), _SMALLEST_CLAIM)
    others_upper[query, winner] = 0.0
    n_classes = probabilities.shape[1]
    # np.sum may add in another order on another machine; np.cumsum cannot.
    sum_upper = np.cumsum(others_upper, axis=1)[:, -1] * (1.0 + n_classes * _EPS)
    winner_lower = np.clip(np.nextafter(probability - error, -np.inf), 0.0, 1.0)

    # Two bounds on each tail; the sum of the small ones keeps its accuracy where the complement has none
    # left, the complement is the better one where many classes bring their errors to the sum.
    tail_upper = np.minimum(sum_upper, np.nextafter(1.0 - winner_lower, np.inf))
    tail_upper = np.clip(tail_upper, _SMALLEST_CLAIM, 1.0)
    p_lower = np.maximum(winner_lower, np.clip(np.nextafter(1.0 - sum_upper, -np.inf), 0.0, 1.0))
    p_upper = np.minimum(others_upper.max(axis=1), tail_upper)
    return winner, Bounds(p_lower, p_upper, tail_upper)


def tells_apart(bounds: Bounds) -> BoolArray:
    """Whether the label of each query provably has the largest probability: else nothing is certified."""
    return wins(bounds.p_lower, bounds.p_upper)


def wins(p_lower: FloatArray, others_upper: FloatArray | float = 0.5) -> BoolArray:
    """Whether a class provably has the largest probability.

    Parameters
    ----------
    p_lower : ndarray
        Lower bound on its probability.
    others_upper : ndarray or float
        Upper bound on the probability of every other class; one half is one for whoever has more than half.
    """
    # "greater", never "not less or equal": a NaN anywhere must end here.
    return p_lower > others_upper


def claim_largest(largest: FloatArray | WholeArray, undecided: BoolArray | bool = False) -> Claims:
    """Claim the largest certified budget of each query, and nothing where it is NaN or negative.

    Parameters
    ----------
    largest : ndarray of shape (n_queries,)
        A number of rows or words, -1 where not even 0 is certified; or a radius, NaN likewise.
    undecided : ndarray of bool, shape (n_queries,), optional
        Queries whose label is not told apart from the others even without tampering.
    """
    abstained = ~(largest >= 0) | undecided
    return Claims(np.where(abstained, 0, largest), np.full(len(largest), np.nan), abstained)


def claim_asked(
    asked: float | int,
    certified: BoolArray,
    worst_probability: FloatArray,
    undecided: BoolArray | bool = False,
) -> Claims:
    """Claim the budget that was asked for where it is certified, and nothing elsewhere.

    Parameters
    ----------
    asked : float or int
    certified : ndarray of bool, shape (n_queries,)
    worst_probability : ndarray of shape (n_queries,)
        Lower bound on the probability of the label over everything within the budget.
    undecided : ndarray of bool, shape (n_queries,), optional
        As for `claim_largest`.
    """
    abstained = ~certified | undecided
    # a number of rows that is too large for an array is certified for nobody
    budget = 0 if abstained.all() else asked
    return Claims(np.where(abstained, 0, budget), worst_probability, abstained)


def withdraw(claims: Claims, unsure: BoolArray) -> None:
    """Claim nothing, after all, of some queries; the arrays are changed in place."""
    claims.budget[unsure] = 0
    claims.worst_probability[unsure & ~np.isnan(claims.worst_probability)] = 0.0
    claims.abstained[unsure] = True


def default_ball(noise: Noise) -> BlackBoxBall:
    """Any number of rows, in the norm that the noise certifies: Eq. (14) or Eq. (17) of RAB."""
    return BlackBoxBall(norm="l2" if noise.kind == "gaussian" else "l1")


def issue_ball(
    bounds: Bounds,
    *,
    noise: Noise,
    threat: BlackBoxBall,
    n_train: int,
    n_features: int,
    distance_error: FloatArray | float = 0.0,
) -> Claims:
    """Certify labels against all tables within a ball.

    Parameters
    ----------
    bounds : Bounds
    noise, threat, n_train, n_features
        As `Certificates` has them.
    distance_error : ndarray of shape (n_queries,) or float
        How far the table must be moved, in L2 norm over all rows, to have exactly the distances that the
        probabilities were computed from. If that table keeps its prediction within R, the observed one does
        within R - distance_error, by the triangle inequality.

    Raises
    ------
    ValueError
        If the noise has no radius in the norm of the threat.
    """
    threat.check_noise(noise.kind)
    sure = tells_apart(bounds)
    radius = np.zeros(len(sure))
    if sure.any():
        sure_bounds = Bounds(*(bound[sure] for bound in bounds))
        radius[sure] = _ball_radius(sure_bounds, noise, threat, n_train, n_features)
    # With Eq. (15) the radius is per row and only distance_error / sqrt(rows) would be due.
    radius = np.nextafter(radius - distance_error, -np.inf)
    abstained = ~(sure & (radius > 0.0))
    radius[abstained] = 0.0
    return Claims(radius, np.full(len(radius), np.nan), abstained)


def room_of_builds(bounds: Bounds, radius: FloatArray, *, noise: Noise, rows: int | None) -> FloatArray:
    """How far radii of `issue_ball` from the same bounds may lie apart with two builds of the libraries.

    Two builds differ in the last digits of the functions behind a radius and agree bit by bit in all else.
    Gaussian noise: by 4 eps (|z| + 1) a build in each of two quantiles z, which is half of what
    `gaussian_radius` rounds down for. So a radius that exceeds this build's by no more is still below the
    true one. Uniform noise: by 4 eps of the radius a build, of which `uniform_radius` takes off 16 eps.
    """
    if noise.kind == "uniform":
        return 8.0 * _EPS * radius
    z_a, z_b = (np.minimum(np.abs(ndtri(p)), 38.0) for p in (bounds.tail_upper, bounds.p_upper))
    room: FloatArray = 4.0 * _EPS * (z_a + z_b + 2.0) * noise.sigma / np.sqrt(1 if rows is None else rows)
    return room


def rows_of_ball(threat: BlackBoxBall, n_train: int) -> int | None:
    """How many rows the radius is for; None: the radius is that of the whole table."""
    return None if threat.rows is None else threat.tampered_rows(n_train)


def _ball_radius(bounds: Bounds, noise: Noise, threat: BlackBoxBall, n_train: int, dim: int) -> FloatArray:
    rows = rows_of_ball(threat, n_train)
    p_lower, p_upper, tail_upper = bounds
    if noise.kind == "uniform":
        return uniform_radius(p_lower, p_upper, noise.width, norm=threat.norm, rows=rows, dim=dim)
    return gaussian_radius(
        p_lower,
        p_upper,
        noise.sigma,
        rows=rows,
        log_p_b=_log_upper(p_upper),
        log_tail_a=_log_upper(tail_upper),
    )


def _log_upper(probability: FloatArray) -> FloatArray:
    return np.minimum(np.nextafter(np.log(probability), np.inf), 0.0)
