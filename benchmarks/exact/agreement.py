"""How far two backends are apart, function by function, on the same random and real problems."""

from __future__ import annotations

import numpy as np

# As in the comparison with reference values: below this a probability has no relative accuracy to lose.
_SMALLEST = 1e-250

# Probabilities below the first of these are charged fifty times as much for the law; here they may differ by
# so many times as much.
_TINY, _MORE = 1e-40, 1e3

_DIMENSIONS = (1, 2, 3, 10, 57, 784)
_SIGMAS = (0.25, 1.0, 2.0)


def random_problems(rng: np.random.Generator, count: int, n_rows: int) -> list[dict]:
    """Votes on few rows: all classes, even K, rows at the query, equal distances, near and far rows."""
    problems = []
    for _ in range(count):
        n = int(rng.integers(max(2, n_rows // 2), n_rows + 1))
        n_classes = int(rng.integers(2, 5))
        dof = float(rng.choice(_DIMENSIONS))
        sigma = float(rng.choice(_SIGMAS))
        distances = sigma * rng.choice([0.3, 1.0, 4.0]) * np.sqrt(dof) * rng.random(n)
        distances[rng.random(n) < 0.1] = 0.0
        if n > 2:
            distances[-1] = distances[0]
        problems.append(
            {
                "distances": distances[None, :],
                "labels": rng.integers(0, n_classes, n),
                "n_classes": n_classes,
                "n_neighbors": int(rng.integers(1, min(n, 7) + 1)),
                "sigma": sigma,
                "dof": dof,
            }
        )
    return problems


def worst_differences(first, second, problems: list[dict], rng: np.random.Generator) -> dict:
    """Return {function: (largest absolute, largest relative difference)} of two backend modules.

    The problems are voted on with and without 20 buckets between their own extreme distances; two of their
    classes race; 300 points of the distance law go from tail to tail; distances are between random rows.
    """
    differences: dict[str, list[tuple[float, float]]] = {}

    def compare(name, a, b):
        differences.setdefault(name, []).append(_difference(np.asarray(a), np.asarray(b)))

    for problem in problems:
        arrays = (problem["distances"], problem["labels"])
        arguments = {name: problem[name] for name in ("n_classes", "n_neighbors", "sigma", "dof")}
        # The first of the two answers are the probabilities; the second, the errors, are each backend's own.
        compare("vote", *(k.vote(*arrays, n_threads=1, **arguments)[0] for k in (first, second)))
        nearest = np.sqrt(arrays[0].min() ** 2 + 0.2 * problem["sigma"] ** 2 * problem["dof"])
        farthest = np.sqrt(arrays[0].max() ** 2 + 2.0 * problem["sigma"] ** 2 * problem["dof"])
        edges = np.linspace(nearest, farthest, 19) ** 2
        compare(
            "vote_bucketed",
            *(k.vote_bucketed(*arrays, edges=edges, n_threads=1, **arguments)[0] for k in (first, second)),
        )
        zeros = np.ascontiguousarray(arrays[0][0, arrays[1] == 0])
        others = np.ascontiguousarray(arrays[0][0, arrays[1] != 0])
        if zeros.size and others.size:
            ranks = (zeros, (zeros.size + 1) // 2, others, (others.size + 1) // 2)
            law = {"sigma": problem["sigma"], "dof": problem["dof"]}
            compare("race", *(k.race(*ranks, **law)[:2] for k in (first, second)))

    dof = rng.choice(_DIMENSIONS, 300).astype(np.float64)
    nonc = rng.choice([0.0, 1.0], 300, p=[0.1, 0.9]) * 10.0 ** rng.uniform(-3, 3.5, 300)
    x = np.maximum(np.sqrt(dof + nonc) + rng.uniform(-25, 25, 300), 0.01) ** 2
    for name in ("ncx2_cdf", "ncx2_sf", "ncx2_logcdf", "ncx2_logsf"):
        compare(name, *(getattr(k, name)(x, dof, nonc) for k in (first, second)))

    queries, rows = rng.normal(size=(3, 57)), rng.normal(size=(7, 57))
    compare("distances", *(k.distances(queries, rows, n_threads=1) for k in (first, second)))
    return {name: tuple(np.max(pairs, axis=0)) for name, pairs in differences.items()}


def _difference(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf"), float("inf")
    apart, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
    seen = size > _SMALLEST
    size[size < _TINY] *= _MORE
    return float(apart.max()), float((apart[seen] / size[seen]).max(initial=0.0))
