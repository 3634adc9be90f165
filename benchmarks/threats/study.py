"""How much one run of the figures of the threat models looks at."""

from __future__ import annotations

from typing import NamedTuple

from knn_cert import kernels

N_NEIGHBORS, SIGMA = 5, 1.0
RADII = (0.1, 0.25, 0.5, 1.0, 2.0)


class Study(NamedTuple):
    """How much one run looks at."""

    every_backend: bool = True
    accuracy_queries: dict[str, int | None] = {"spambase": None, "mnist-01": 200}  # None: all test rows
    gap_queries: int = 40
    gap_query_shifts: int = 10  # the falsifier is slow there
    label_vectors: int = 40  # of each number of classes and neighbours
    tables: int = 10  # of each label vector
    ten_class_rows: int = 10_000
    ten_class_queries: int = 100
    timed_queries: int | None = None
    runs: int = 3

    def backends(self) -> list[str]:
        """Names of the backends that are compared: all, or the one that is used."""
        names = kernels.available_backends()
        return names if self.every_backend else names[:1]


FULL = Study()
QUICK = Study(
    every_backend=False,
    accuracy_queries={"spambase": 40, "mnist-01": 10},
    gap_queries=3,
    gap_query_shifts=1,
    label_vectors=2,
    tables=3,
    ten_class_rows=2_000,
    ten_class_queries=10,
    timed_queries=60,
    runs=1,
)
