"""Tables and queries in parts on a cluster, with Dask; no process ever holds the whole table."""

from __future__ import annotations

try:
    import dask.array  # noqa: F401
    import distributed  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"tables on a cluster need Dask ({error}); install it with pip install 'knn-cert[distributed]'"
    ) from error

from .classifier import DistributedKNNClassifier
from .reading import read_parquet

__all__ = ["DistributedKNNClassifier", "read_parquet"]
