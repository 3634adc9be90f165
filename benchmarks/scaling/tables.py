"""Made-up tables of any size, written some rows at a time: two classes of Gaussian rows in float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_ROWS_AT_ONCE = 100_000
_APART = 3.0


def rows(n_rows: int, n_features: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return features and labels."""
    y = rng.integers(0, 2, n_rows)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    X[:, 0] += _APART * y
    return X, y


def write_table(path: Path, n_rows: int, n_features: int, *, seed: int) -> None:
    """Write a table with the label column "kind" as CSV, or as Parquet in row groups of 100,000 rows."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    names = [f"x{j}" for j in range(n_features)]
    writer = None
    for start in range(0, n_rows, _ROWS_AT_ONCE):
        X, y = rows(min(_ROWS_AT_ONCE, n_rows - start), n_features, rng)
        if path.suffix == ".csv":
            frame = pd.DataFrame(X, columns=names).assign(kind=y)
            frame.to_csv(path, index=False, mode="a" if start else "w", header=not start)
            continue
        table = pa.table([*np.ascontiguousarray(X.T), y], names=[*names, "kind"])
        writer = writer or pq.ParquetWriter(path, table.schema, compression="none", use_dictionary=False)
        writer.write_table(table)
    if writer is not None:
        writer.close()
