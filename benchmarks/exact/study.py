"""How much one run of the exact engine's figures looks at."""

from __future__ import annotations

from typing import NamedTuple

from knn_cert import kernels


class Study(NamedTuple):
    """How much one run looks at."""

    every_backend: bool = True
    neighbors: tuple[int, ...] = (1, 2, 5, 20, 51)
    sigmas: tuple[float, ...] = (0.25, 1.0, 2.0)
    sum_queries: int = 20
    bucketed_neighbors: tuple[int, ...] = (1, 5, 20)
    bucketed_queries: int = 20
    bucketed_queries_ten: int = 2
    random_problems: int = 40
    real_problems: int = 20
    memory_rows: int = 100_000
    memory_queries: int = 200
    coverage_queries: int = 100
    radius_queries: int = 20
    baseline_queries: int = 3
    spambase_queries: int = 921
    cifar_queries: int = 200
    runs: int = 3

    def backends(self) -> list[str]:
        """Names of the backends that are compared; numba alone would take longer than a quick run may."""
        names = kernels.available_backends()
        return names if self.every_backend else [name for name in names if name in (names[0], "reference")]


FULL = Study()
QUICK = Study(
    every_backend=False,
    neighbors=(1, 5),
    sigmas=(1.0,),
    sum_queries=3,
    bucketed_neighbors=(5,),
    bucketed_queries=3,
    bucketed_queries_ten=1,
    random_problems=2,
    real_problems=1,
    memory_rows=20_000,
    memory_queries=20,
    coverage_queries=10,
    radius_queries=3,
    baseline_queries=1,
    spambase_queries=60,
    cifar_queries=20,
    runs=1,
)
