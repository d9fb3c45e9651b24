"""The process of a worker, on a machine of the cluster: Ray runs a `Host` in each.

What comes and goes is pickled here, so that the processes between hand on nothing but bytes.
"""

from __future__ import annotations

import os
import pickle
import socket
import traceback
from collections.abc import Callable
from typing import Any

from threadpoolctl import threadpool_limits

from gestalt_space.devices import limit_cores
from gestalt_space.errors import ClusterError, GestaltError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


class Host:
    """Holds the callable that `make_worker` gives, and calls it for one item at a time."""

    def __init__(self, cpus: int, gpus: int) -> None:
        """Libraries use `cpus` threads, and see no GPU without `gpus`."""
        for name in _THREADS:
            os.environ[name] = str(cpus)
        if not gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        threadpool_limits(cpus)
        limit_cores(cpus)
        self._node = socket.gethostname()
        self._work: Callable[[Any], Any] | None = None

    def start(self, make_worker: bytes) -> bytes | None:
        """Make the worker. Returns the pickled error that kept it from being made, or None."""
        try:
            self._work = pickle.loads(make_worker)()  # noqa: S301 - from our own driver
        except Exception as error:  # noqa: BLE001 - the driver raises it
            told = self._told(error)
            told.message = f"On {self._node}: {told.message}"
            told.args = (told.message,)
            return pickle.dumps(told)
        return None

    def run(self, item: bytes) -> tuple[str, bytes]:
        """The name of this machine, and the pickled result of an item or the error."""
        assert self._work is not None, "started first"  # noqa: S101
        try:
            result = self._work(pickle.loads(item))  # noqa: S301 - from our own driver
            return self._node, pickle.dumps((result, None), protocol=5)
        except Exception as error:  # noqa: BLE001 - the driver raises or reports it
            return self._node, pickle.dumps((None, self._told(error)))

    def _told(self, error: Exception) -> GestaltError:
        if isinstance(error, GestaltError):
            error.__cause__ = error.__context__ = None
            return error.with_traceback(None)
        told = ClusterError(
            f"The worker on {self._node} failed ({type(error).__name__}: {error}).",
            "This is a bug if the same command works without --engine ray.",
        )
        told.add_note(traceback.format_exc())
        return told
