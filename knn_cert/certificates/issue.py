"""From probabilities with errors to what is claimed: bounds, radii, abstentions. Rounded outwards throughout.

A certificate that cannot be justified is not issued: the query is marked as abstained and has radius 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from ..bounds import gaussian_radius, uniform_radius
from ..smoothing import Noise
from ..threats import BlackBoxBall, tampered_rows

__all__ = [
    "Ball",
    "Bounds",
    "default_ball",
    "enclose",
    "issue_ball",
    "room_of_builds",
    "rows_of_ball",
    "tells_apart",
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

    p_lower: np.ndarray
    p_upper: np.ndarray
    tail_upper: np.ndarray


class Ball(NamedTuple):
    """The certified radius of each query, and where there is none: arrays of shape (n_queries,)."""

    radius: np.ndarray
    abstained: np.ndarray


def enclose(
    probabilities: np.ndarray, errors: np.ndarray, chosen: np.ndarray | None = None
) -> tuple[np.ndarray, Bounds]:
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


def tells_apart(bounds: Bounds) -> np.ndarray:
    """Whether the label of each query provably has the largest probability: else nothing is certified."""
    # "greater", never "not less or equal": a NaN anywhere must end here.
    return bounds.p_lower > bounds.p_upper


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
    distance_error: np.ndarray | float = 0.0,
) -> Ball:
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
    return Ball(radius, abstained)


def room_of_builds(bounds: Bounds, radius: np.ndarray, *, noise: Noise, rows: int | None) -> np.ndarray:
    """How far radii of `issue_ball` from the same bounds may lie apart with two builds of the libraries.

    Two builds differ in the last digits of the functions behind a radius and agree bit by bit in all else.
    Gaussian noise: by 4 eps (|z| + 1) a build in each of two quantiles z, which is half of what
    `gaussian_radius` rounds down for. So a radius that exceeds this build's by no more is still below the
    true one. Uniform noise: by 4 eps of the radius a build, of which `uniform_radius` takes off 16 eps.
    """
    if noise.kind == "uniform":
        return 8.0 * _EPS * radius
    z_a, z_b = (np.minimum(np.abs(ndtri(p)), 38.0) for p in (bounds.tail_upper, bounds.p_upper))
    return 4.0 * _EPS * (z_a + z_b + 2.0) * noise.sigma / np.sqrt(1 if rows is None else rows)


def rows_of_ball(threat: BlackBoxBall, n_train: int) -> int | None:
    """How many rows the radius is for; None: the radius is that of the whole table."""
    return None if threat.rows is None else tampered_rows(threat, n_train)


def _ball_radius(bounds: Bounds, noise: Noise, threat: BlackBoxBall, n_train: int, dim: int) -> np.ndarray:
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


def _log_upper(probability: np.ndarray) -> np.ndarray:
    return np.minimum(np.nextafter(np.log(probability), np.inf), 0.0)
