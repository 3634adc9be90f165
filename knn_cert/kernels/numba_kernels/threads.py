"""Independent queries over threads: kernels release the GIL, the first error is raised, Ctrl-C stops all."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

# How often, in seconds, the calling thread looks for Ctrl-C: some systems do not interrupt an endless wait.
_GLANCE = 0.1


def for_each_query(n_queries: int, n_threads: int, work: Callable[[int], None]) -> None:
    """Call work(query) for every query in range(n_queries); threads take them one by one."""
    if min(n_threads, n_queries) <= 1:
        for query in range(n_queries):
            work(query)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        running = {pool.submit(work, query) for query in range(n_queries)}
        try:
            while running:
                finished, running = wait(running, timeout=_GLANCE, return_when=FIRST_EXCEPTION)
                for future in finished:
                    future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
