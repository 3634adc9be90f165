import numpy as np
from numpy.typing import NDArray

_Doubles = NDArray[np.float64]
_Integers = NDArray[np.int64]
_Summaries = tuple[
    _Doubles, _Integers, _Doubles, _Integers, _Integers, _Integers, _Integers, _Integers, _Doubles, _Doubles
]

def ncx2_cdf(x: _Doubles, dof: _Doubles, nonc: _Doubles) -> _Doubles: ...
def ncx2_sf(x: _Doubles, dof: _Doubles, nonc: _Doubles) -> _Doubles: ...
def ncx2_logcdf(x: _Doubles, dof: _Doubles, nonc: _Doubles) -> _Doubles: ...
def ncx2_logsf(x: _Doubles, dof: _Doubles, nonc: _Doubles) -> _Doubles: ...
def vote(
    distances: _Doubles,
    labels: _Integers,
    *,
    n_classes: int,
    n_neighbors: int,
    sigma: float,
    dof: float,
    recurrence: bool = False,
    n_threads: int,
) -> tuple[_Doubles, _Doubles]: ...
def vote_scan(
    queries: _Doubles,
    rows: _Doubles,
    labels: _Integers,
    *,
    n_classes: int,
    n_neighbors: _Integers,
    sigma: _Doubles,
    dof: float,
    n_threads: int,
) -> tuple[_Doubles, _Doubles, _Doubles]: ...
def vote_bucketed(
    distances: _Doubles,
    labels: _Integers,
    *,
    n_classes: int,
    n_neighbors: int,
    sigma: float,
    dof: float,
    edges: _Doubles,
    n_threads: int,
) -> tuple[_Doubles, _Doubles]: ...
def race(
    distances_a: _Doubles,
    m_a: int,
    distances_b: _Doubles,
    m_b: int,
    *,
    sigma: float,
    dof: float,
    recurrence: bool = False,
) -> tuple[float, float, float]: ...
def race_families(
    distances: _Doubles,
    first: _Integers,
    end: _Integers,
    start: _Integers,
    n_members: _Integers,
    m_a: _Integers,
    m_b: _Integers,
    *,
    sigma: float,
    dof: float,
    tolerance: float,
    recurrence: bool = False,
    far: tuple[_Summaries, _Integers] | None = None,
    far_kind: str = "counting",
    n_threads: int,
) -> tuple[_Doubles, _Doubles]: ...
def check_summaries(summaries: _Summaries, *, n_classes: int) -> int: ...
def needs_of_vote(n_lists: int, n_neighbors: int) -> tuple[int, bool]: ...
def summarise(
    queries: _Doubles,
    rows: _Doubles,
    labels: _Integers,
    *,
    n_classes: int,
    n_near: int,
    far_kind: str,
    sigma: float,
    dof: float,
    before: _Summaries | None = None,
    n_threads: int,
) -> _Summaries: ...
def merge_summaries(
    parts: list[_Summaries], *, n_near: int, far_kind: str, dof: float, n_threads: int
) -> _Summaries: ...
def vote_summaries(
    summaries: _Summaries,
    *,
    n_classes: int,
    n_neighbors: int,
    far_kind: str,
    dof: float,
    dim: int,
    n_threads: int,
) -> tuple[_Doubles, _Doubles, _Integers]: ...
def moved_races(
    distances: _Doubles,
    start: _Integers,
    m_a: _Integers,
    m_b: _Integers,
    rows: _Integers,
    radius: _Doubles,
    *,
    sigma: float,
    dof: float,
    above: float,
    n_threads: int,
) -> tuple[_Doubles, _Doubles, _Doubles, _Integers]: ...
def pair_families(
    distances: _Doubles,
    first: _Integers,
    end: _Integers,
    start: _Integers,
    n_members: _Integers,
    lead: _Integers,
    *,
    n_neighbors: int,
    sigma: float,
    dof: float,
    tolerance: float,
    n_threads: int,
) -> tuple[_Doubles, _Doubles]: ...
def rival_scores(
    distances: _Doubles,
    labels: _Integers,
    caps: _Integers,
    *,
    n_classes: int,
    n_neighbors: int,
    target: int,
    deletions: bool,
    sigma: float,
    dof: float,
) -> _Doubles: ...
def distances(queries: _Doubles, rows: _Doubles, *, n_threads: int) -> _Doubles: ...
def distances_csr(
    q_indptr: _Integers,
    q_indices: _Integers,
    q_data: _Doubles,
    r_indptr: _Integers,
    r_indices: _Integers,
    r_data: _Doubles,
    *,
    n_threads: int,
) -> _Doubles: ...
def simd_level() -> str: ...
def simd_levels() -> list[str]: ...
def force_simd_level(name: str) -> None: ...
def compiler() -> str: ...
