"""Monte Carlo K-NN: votes of sampled noise, bounded by Clopper-Pearson, the baseline of the exact engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bounds import clopper_pearson_lower, clopper_pearson_upper, vote_bounds
from ..bounds.arguments import check_level
from ..gate.distances import check_scale, check_sq_distances
from ..gate.errors import InvalidInput
from ..gate.labels import check_labels, check_n_classes
from ..gate.numbers import as_whole_number, check_dof, check_n_neighbors, check_sigma, is_whole_number

__all__ = ["MonteCarloVote", "monte_carlo_vote"]

# Distances held at a time, 8 MB: the buffers of a block then stay near the cache and far from the memory's
# end.
_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class MonteCarloVote:
    """Votes of one Monte Carlo run, and what they say about the smoothed probabilities.

    For squared distances of one query (1-D) the leading axis of every array is absent.

    Attributes
    ----------
    counts : array of int, (n_queries, n_classes)
        Votes of the ``n_samples`` estimation draws.
    label : array of int, (n_queries,)
        The class under test: the most voted one of the pilot draws, or of ``counts`` where there were none.
    p_lower, p_upper : array, (n_queries,)
        Bounds of `knn_cert.bounds.vote_bounds` on the probability of ``label`` and on that of every other
        class. Abstain where ``p_lower <= p_upper``.
    interval_lower, interval_upper : array, (n_queries, n_classes)
        Two-sided Clopper-Pearson interval of each class probability, alpha / 2 a side; each holds with
        probability at least 1 - alpha, not all of them together.
    alpha : float
        Probability of error for one query.
    n_samples, n_pilot : int
        Draws for estimation and for choosing the label.
    """

    counts: NDArray[np.int64]
    label: NDArray[np.int64]
    p_lower: NDArray[np.float64]
    p_upper: NDArray[np.float64]
    interval_lower: NDArray[np.float64]
    interval_upper: NDArray[np.float64]
    alpha: float
    n_samples: int
    n_pilot: int


def monte_carlo_vote(
    sq_distances: ArrayLike,
    labels: ArrayLike,
    *,
    n_neighbors: int,
    sigma: float,
    dof: int,
    n_samples: int = 1000,
    n_pilot: int = 100,
    alpha: float = 0.001,
    random_state: int | np.random.SeedSequence | np.random.Generator | None = None,
    n_classes: int | None = None,
) -> MonteCarloVote:
    """With probability at least 1 - alpha over the draws, bounds with ``p_lower > p_upper`` are true.

    Each draw samples the noisy distance of every training row, lets the K nearest vote and counts the winner,
    ties going to the lowest class index: one Bernoulli trial of the smoothed K-NN classifier. The label under
    test comes from the ``n_pilot`` draws, the bounds from ``n_samples`` others. For a statement about m
    queries at once use alpha / m.

    Parameters
    ----------
    sq_distances : array, (n_rows,) or (n_queries, n_rows)
        Squared distances between queries and training rows, without noise.
    labels : array of int, (n_rows,)
        Class 0..C-1 of each training row.
    n_neighbors : int, 1 <= K <= n_rows
        Number of neighbours that vote.
    sigma : float > 0
        Standard deviation of the noise on each feature, in the units of the features.
    dof : int >= 1
        Number of features that carry noise, d.
    n_samples : int >= 1
        Draws for estimation.
    n_pilot : int >= 0
        Draws for choosing the label. With 0 the label comes from the estimation draws, and alpha pays for
        that.
    alpha : float, 0 < alpha < 1
        Probability of error for one query.
    random_state : None, int, numpy.random.SeedSequence or numpy.random.Generator
        Source of the noise. An int fixes the result, which does not depend on how the work is cut into
        blocks; a query's draws depend on its position, not on how many queries follow it.
    n_classes : int, optional
        C; default: one more than the largest label.

    Returns
    -------
    MonteCarloVote
        Counts, label, bounds and intervals.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a value or a shape is wrong, or squared distances over sigma squared overflow.

    Notes
    -----
    The squared noisy distance over sigma^2 is non-central chi-square with d degrees of freedom and
    non-centrality s^2 = ``sq_distances`` / sigma^2: it is sampled as (s + g)^2 + h with g standard normal
    and h chi-square with d - 1 degrees of freedom, whatever d is. Memory beyond the input is a few blocks of
    8 MB, or a few rows where a row is longer.
    """
    sq_distances = check_sq_distances(sq_distances)
    if sq_distances.ndim not in (1, 2) or sq_distances.shape[-1] == 0:
        raise InvalidInput(
            "sq_distances must have shape (n_rows,) or (n_queries, n_rows) with n_rows >= 1, "
            f"got {sq_distances.shape}"
        )
    single = sq_distances.ndim == 1
    sq_distances = np.atleast_2d(sq_distances)
    n_queries, n_rows = sq_distances.shape
    labels = check_labels(labels, n_rows)
    n_classes = check_n_classes(n_classes, labels)
    n_neighbors = check_n_neighbors(n_neighbors, n_rows)
    sigma = check_sigma(sigma)
    degrees = check_dof(dof)
    if n_queries:
        check_scale(sq_distances.max(), sigma)
    distances = np.sqrt(sq_distances)
    alpha = check_level(alpha)
    n_samples = as_whole_number(n_samples, "n_samples", least=1)
    n_pilot = as_whole_number(n_pilot, "n_pilot", least=0)

    counts = np.zeros((n_queries, n_classes), dtype=np.int64)
    pilot = np.zeros((n_queries, n_classes), dtype=np.int64)
    for query, seed in enumerate(_seeds(random_state, n_queries)):
        # Normals and chi-squares from a stream each: either is then consumed in the order (draw, row), in any
        # block.
        normals, squares = (np.random.Generator(np.random.PCG64(child)) for child in seed.spawn(2))
        noise = _Sampler(distances[query] / sigma, labels, n_classes, n_neighbors, degrees, normals, squares)
        pilot[query] = noise.votes(n_pilot)
        counts[query] = noise.votes(n_samples)

    if n_pilot:
        bounds = vote_bounds(counts, alpha, label=np.argmax(pilot, axis=1), selection="pilot")
    else:
        bounds = vote_bounds(counts, alpha, selection="none")

    def given(array: ArrayLike) -> NDArray[Any]:
        """Return an array without its first axis where one query was given without it."""
        return np.asarray(array)[0] if single else np.asarray(array)

    return MonteCarloVote(
        counts=given(counts),
        label=given(bounds.label),
        p_lower=given(bounds.p_lower),
        p_upper=given(bounds.p_upper),
        interval_lower=given(clopper_pearson_lower(counts, n_samples, alpha / 2)),
        interval_upper=given(clopper_pearson_upper(counts, n_samples, alpha / 2)),
        alpha=alpha,
        n_samples=n_samples,
        n_pilot=n_pilot,
    )


class _Sampler:
    """The votes of one query, drawn block by block from its two streams."""

    def __init__(
        self,
        shift: NDArray[np.float64],
        labels: NDArray[np.int64],
        n_classes: int,
        n_neighbors: int,
        dof: float,
        normals: np.random.Generator,
        squares: np.random.Generator,
    ) -> None:
        self.shift = shift
        self.labels = labels
        self.n_classes = n_classes
        self.n_neighbors = n_neighbors
        self.dof = dof
        self.normals = normals
        self.squares = squares

    def votes(self, n_draws: int) -> NDArray[np.int64]:
        """Return the votes by class of ``n_draws`` further draws."""
        counts = np.zeros(self.n_classes, dtype=np.int64)
        block = max(1, _BLOCK // self.shift.size)
        for start in range(0, n_draws, block):
            counts += self._block(min(block, n_draws - start))
        return counts

    def _block(self, n_draws: int) -> NDArray[np.int64]:
        shape = (n_draws, self.shift.size)
        # In units of sigma: dividing every distance by sigma changes no order.
        distances = self.normals.standard_normal(shape)
        distances += self.shift
        np.square(distances, out=distances)
        if self.dof > 1:
            # chi-square with k degrees of freedom is twice a gamma variable of shape k / 2.
            rest = self.squares.standard_gamma(0.5 * (self.dof - 1), shape)
            rest *= 2.0
            distances += rest
        if self.n_neighbors < shape[1]:
            nearest = np.argpartition(distances, self.n_neighbors - 1, axis=1)[:, : self.n_neighbors]
            voters = self.labels[nearest]
        else:
            voters = np.broadcast_to(self.labels, shape)
        cells = np.arange(n_draws)[:, None] * self.n_classes + voters
        tallies = np.bincount(cells.ravel(), minlength=n_draws * self.n_classes).reshape(
            n_draws, self.n_classes
        )
        # argmax takes the first of equals: the lowest class index.
        return np.bincount(np.argmax(tallies, axis=1), minlength=self.n_classes)


def _seeds(
    random_state: int | np.random.SeedSequence | np.random.Generator | None, n_queries: int
) -> list[np.random.SeedSequence]:
    """Return one seed sequence a query; the first m of them are the same for any number of queries."""
    if isinstance(random_state, np.random.Generator):
        root = np.random.SeedSequence(random_state.integers(2**32, size=8, dtype=np.uint64).tolist())
    elif isinstance(random_state, np.random.SeedSequence):
        # A fresh copy: spawning from the caller's own would make a second call draw other noise.
        root = np.random.SeedSequence(random_state.entropy, spawn_key=random_state.spawn_key)
    elif random_state is None or is_whole_number(random_state):
        if random_state is not None and random_state < 0:
            raise InvalidInput(f"random_state must not be negative, got {random_state}")
        root = np.random.SeedSequence(random_state if random_state is None else int(random_state))
    else:
        raise TypeError(
            "random_state must be None, an int, a numpy SeedSequence or a numpy Generator, "
            f"got {type(random_state).__name__}"
        )
    return root.spawn(n_queries)
