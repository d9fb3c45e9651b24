"""The process of a worker, on a machine of the cluster: Ray runs a `Host` in each.

What comes and goes is pickled here, so that the processes between hand on nothing but bytes.
"""

from __future__ import annotations

import os
import pickle
import socket
import traceback
from collections.abc import Callable, Collection
from importlib import metadata
from typing import Any

from threadpoolctl import threadpool_limits

from gestalt_space.devices import limit_cores
from gestalt_space.distributed.resources import machine_name
from gestalt_space.errors import ClusterError, GestaltError

SAME_VERSIONS = (
    "Install the same versions on all machines of the cluster, then run the command again."
)
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")

_machine = ""
"""The name of this machine among those of the cluster; see `this_machine`."""


def own_version() -> str:
    """The version of gestalt-space on this machine."""
    return metadata.version("gestalt-space")


def this_machine() -> str:
    """What messages of a worker call its machine."""
    return _machine or socket.gethostname()


class Host:
    """Holds the callable that `make_worker` gives, and calls it for one item at a time."""

    def __init__(self, cpus: int, gpus: int, repeated: Collection[str]) -> None:
        """Libraries use `cpus` threads, and see no GPU without `gpus`. `repeated`: host names that
        several machines of the cluster have."""
        for name in _THREADS:
            os.environ[name] = str(cpus)
        if not gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        threadpool_limits(cpus)
        limit_cores(cpus)
        _name_machine(repeated)
        self._work: Callable[[Any], Any] | None = None

    def start(self, make_worker: bytes, version: str) -> bytes | None:
        """Make the worker. Returns the pickled error that kept it from being made, or None.

        `version`: of gestalt-space on the machine that asks; another one here is such an error.
        """
        try:
            if version != own_version():
                raise ClusterError(
                    f"gestalt-space is {own_version()} here, and {version} where the command runs.",
                    SAME_VERSIONS,
                )
            self._work = pickle.loads(make_worker)()  # noqa: S301 - from our own driver
        except GestaltError as error:
            error.message = f"On {this_machine()}: {error.message}"
            error.args = (error.message,)
            return pickle.dumps(error)
        except Exception as error:  # noqa: BLE001 - the driver raises it
            return pickle.dumps(_unexpected(error))
        return None

    def run(self, item: bytes) -> tuple[str, bytes]:
        """The name of this machine, and the pickled result of an item or the error."""
        assert self._work is not None, "started first"  # noqa: S101
        try:
            result = self._work(pickle.loads(item))  # noqa: S301 - from our own driver
            return this_machine(), pickle.dumps((result, None), protocol=5)
        except GestaltError as error:
            return this_machine(), pickle.dumps((None, error))
        except Exception as error:  # noqa: BLE001 - the driver raises or reports it
            return this_machine(), pickle.dumps((None, _unexpected(error)))


def _name_machine(repeated: Collection[str]) -> None:
    from ray.util import get_node_ip_address

    global _machine
    _machine = machine_name(socket.gethostname(), get_node_ip_address(), repeated)


def _unexpected(error: Exception) -> GestaltError:
    if isinstance(error, ImportError):
        return ClusterError(f"{this_machine()} lacks a package: {error}.", SAME_VERSIONS)
    told = ClusterError(
        f"The worker on {this_machine()} failed ({type(error).__name__}: {error}).",
        "This is a bug if the same command works without --engine ray.",
    )
    told.add_note(traceback.format_exc())
    return told
