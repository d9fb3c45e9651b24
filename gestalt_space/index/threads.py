"""Threads that search at once, and FAISS's settings for the whole process put back after use."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock

from gestalt_space.devices import cores

_BLAS_FROM = 20


def pool() -> ThreadPoolExecutor:
    """The process's threads for searches, one a core; each runs FAISS on itself alone."""
    return _pool_of(os.getpid())


@functools.lru_cache(maxsize=1)
def _pool_of(process: int) -> ThreadPoolExecutor:  # noqa: ARG001 - a fork has no threads of its parent
    return ThreadPoolExecutor(cores(), "index", initializer=_one_thread)


def _one_thread() -> None:
    import faiss

    faiss.omp_set_num_threads(1)


class _Blas:
    """The threshold is the whole process's: the first thread sets it, the last puts it back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._within = 0
        self._before = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        import faiss

        with self._lock:
            if not self._within:
                self._before = faiss.cvar.distance_compute_blas_threshold
                faiss.cvar.distance_compute_blas_threshold = _BLAS_FROM
            self._within += 1
        try:
            yield
        finally:
            with self._lock:
                self._within -= 1
                if not self._within:
                    faiss.cvar.distance_compute_blas_threshold = self._before


matrix_products = _Blas()
"""Let FAISS compare even few probes by matrix products; by itself it does from some hundreds on."""
