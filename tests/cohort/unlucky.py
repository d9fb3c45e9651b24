"""Workers that are killed, or that see another disk, for tests of matrices on Ray: found by name,
by processes of Ray."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any


class Unlucky:
    """Workers whose work is first done by something else."""

    def __init__(self, workers: Any, how: Callable[..., Any], *given: Any) -> None:
        self._workers, self._how, self._given = workers, how, given

    def handed(self, rows: Any, folder: Path | None = None) -> Any:
        return self._workers.handed(rows, folder)

    def __call__(self, make_work: Any, items: Any) -> Any:
        return self._workers(partial(self._how, make_work, *self._given), items)


def killed_once(make_work: Callable[[], Any], folder: Path) -> Callable[[Any], Any]:
    """Each process is killed at its third tile, after it was written, once for each of the first
    two processes."""
    work, done = make_work(), []

    def unlucky(place: Any) -> Any:
        receipt = work(place)
        done.append(place)
        if len(done) == 3 and len(list(folder.iterdir())) < 2:
            (folder / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return receipt

    return unlucky


def stuck(make_work: Callable[[], Any], tiles: int) -> Callable[[Any], Any]:
    """Each process writes so many tiles and then sleeps."""
    work, done = make_work(), []

    def slow(place: Any) -> Any:
        if len(done) == tiles:
            time.sleep(600)
        done.append(place)
        return work(place)

    return slow


def on_another_disk(make_work: Callable[[], Any], folder: Path) -> Callable[[Any], Any]:
    """What is written is not where the others look."""
    work = make_work()

    def elsewhere(place: Any) -> Any:
        receipt = work(place)
        for one in {place, place[::-1]}:
            shutil.move(work.folder / "c" / str(one[0]) / str(one[1]), folder / "chunk")
        return receipt

    return elsewhere


def without_the_folder(make_work: Callable[[], Any]) -> Callable[[Any], Any]:
    """A machine that has no such folder."""
    work = make_work()
    work.source.unlink(missing_ok=True)
    return work


def full_disk(make_work: Callable[[], Any]) -> Callable[[Any], Any]:
    """The disk fills at the last tile."""
    import errno

    work = make_work()
    write = type(work)._write

    def full(self: Any, place: Any, tile: Any) -> None:
        if place == (1, 1):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, place, tile)

    type(work)._write = full
    return work
