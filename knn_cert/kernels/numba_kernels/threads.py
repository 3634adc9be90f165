"""Independent queries over threads: kernels release the GIL, the first error is raised, Ctrl-C stops all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

# How often the calling thread looks for Ctrl-C, in seconds; some systems do not interrupt a wait without an
# end.
_GLANCE = 0.1


def for_each_query(n_queries: int, n_threads: int, work: Callable[[int], None]) -> None:
    """Call work(query) for every query in range(n_queries); queries are handed out one by one."""
    n_threads = min(n_threads, n_queries)
    if n_threads <= 1:
        for query in range(n_queries):
            work(query)
        return
    queries = iter(range(n_queries))
    lock, stop = threading.Lock(), threading.Event()

    def run() -> None:
        while not stop.is_set():
            with lock:
                query = next(queries, None)
            if query is None:
                return
            try:
                work(query)
            except BaseException:
                stop.set()
                raise

    with ThreadPoolExecutor(n_threads) as pool:
        running = {pool.submit(run) for _ in range(n_threads)}
        try:
            while running:
                finished, running = wait(running, timeout=_GLANCE, return_when=FIRST_EXCEPTION)
                for future in finished:
                    future.result()
        except BaseException:
            stop.set()
            raise
