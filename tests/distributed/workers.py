"""Workers for the tests of the map: found by name, by processes of Ray."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gestalt_space.devices import cores
from gestalt_space.distributed.hosting import this_machine
from gestalt_space.errors import ModelNotInstalled, PhotoDamaged


def doubling(seconds: float = 0.0) -> Callable[[int], tuple[int, int]]:
    """Gives twice the item, and the process."""

    def work(item: int) -> tuple[int, int]:
        time.sleep(seconds)
        return 2 * item, os.getpid()

    return work


def failing() -> Callable[[int], int]:
    """Fails for odd items, as a photo does for 1, as a bug does for 3."""

    def work(item: int) -> int:
        if item == 1:
            raise PhotoDamaged("This one is cut off.", "Copy it again.")
        if item == 3:
            raise ZeroDivisionError("three")
        return item

    return work


def dying(*deadly: int) -> Callable[[int], int]:
    """Its process is killed by some items."""

    def work(item: int) -> int:
        if item in deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    return work


def dying_once(folder: Path) -> Callable[[int], int]:
    """Each third item kills its process the first time; items leave a file each time."""

    def work(item: int) -> int:
        first = not list(folder.glob(f"{item}-*"))
        (folder / f"{item}-{time.time_ns()}").touch()
        if item % 3 == 0 and first:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    return work


def unmade() -> Callable[[int], int]:
    """Cannot be made."""
    raise ModelNotInstalled("This machine has no such model.", "Copy it.")


def dying_at_start() -> Callable[[int], int]:
    """Its process is killed before it is made."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def about() -> Callable[[Any], dict[str, Any]]:
    """Tells of its process."""

    def work(item: Any) -> dict[str, Any]:
        import cv2
        import numpy as np
        from threadpoolctl import threadpool_info

        np.ones((64, 64)) @ np.ones((64, 64))
        return {
            "cores": cores(),
            "cv2": cv2.getNumThreads(),
            "pools": sorted({one["num_threads"] for one in threadpool_info()}),
            "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
        }

    return work


def marking(folder: Path, seconds: float) -> Callable[[int], int]:
    """Leaves a file when an item begins."""
    return partial(_mark, folder, seconds)


def _mark(folder: Path, seconds: float, item: int) -> int:
    (folder / str(item)).touch()
    time.sleep(seconds)
    return item


def gcs_address() -> Callable[[Any], str]:
    """Tells where the head of its Ray listens."""

    def work(item: Any) -> str:
        import ray

        address: str = ray.get_runtime_context().gcs_address
        return address

    return work


def without_package() -> Callable[[Any], Any]:
    """Needs a package that this machine lacks."""
    import no_such_package  # type: ignore[import-not-found]

    work: Callable[[Any], Any] = no_such_package.work
    return work


def secretive() -> Callable[[int], Any]:
    """Gives for odd items what no other process can have."""

    def work(item: int) -> Any:
        return Path(os.devnull).open() if item % 2 else item

    return work


def machine() -> Callable[[Any], str]:
    """Tells what its machine is called."""
    return _machine


def _machine(item: Any) -> str:
    time.sleep(0.05)
    return this_machine()
