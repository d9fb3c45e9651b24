"""Processes that work with one gallery and do what a test tells them, or die in the middle of it.

They are forked from a server that has everything imported, so that one that died is soon replaced.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gestalt_space.errors import GestaltError
from gestalt_space.gallery import sealing
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from gestalt_space.store.engine import Database
from gestalt_space.types import Disorder, PhotoRecord
from tests.galleries import open_gallery, row

Deed = Callable[..., Any]
"""A function of a module, whose first argument is the gallery."""

ALL = 10_000
"""More lines than there are."""
CHANGES = {"open", "os.rename", "os.remove", "os.truncate"}
"""Events of Python's that change a file; `open` where it makes one or writes in its middle."""


class Died(Exception):
    """The process was killed before it answered."""


class Worker:
    """A process of its own at a gallery. `sealed_from`: as in `sealing`, so that few photos make
    many segments."""

    def __init__(self, home: Path, *, sealed_from: int = 4) -> None:
        self._words = (str(home), sealed_from)
        self._start()

    def do(self, deed: Deed | None, *words: Any, die_at: int = 0) -> Any:
        """What `deed(gallery, *words)` gives there; None: it opens the gallery anew.

        `die_at`: it is killed at that change of a file, sync or commit, if it comes to it; then
        `Died`. An error of the package is raised as it was.
        """
        self.begin(deed, *words, die_at=die_at)
        return self.end()

    def begin(self, deed: Deed | None, *words: Any, die_at: int = 0) -> None:
        """Tell it what to do; several workers are then at work at once."""
        self._connection.send((deed, words, die_at))

    def end(self) -> Any:
        """Wait for its answer. One that died is started again, at the same gallery."""
        try:
            found = self._connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            assert self._process.exitcode == -signal.SIGKILL, self._process.exitcode
            self._start()
            raise Died from None
        if isinstance(found, BaseException):
            raise found
        return found

    def close(self) -> None:
        self._connection.close()
        self._process.join(60)

    def _start(self) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, *self._words), daemon=True)
        self._process.start()
        theirs.close()


def _work(connection: Connection, home: str, sealed_from: int) -> None:
    os.environ["GESTALT_SETTINGS"] = str(Path(home, "no-settings.toml"))
    sealing.SEALED_FROM = sealed_from
    clock = _Clock(Path(home))
    gallery = open_gallery(Path(home), space="tiny")
    while True:
        try:
            deed, words, die_at = connection.recv()
        except EOFError:
            return
        clock.left = die_at
        try:
            if deed is None:
                gallery.close()
                gallery = open_gallery(Path(home), space="tiny")
                found = None
            else:
                found = deed(gallery, *words)
        except GestaltError as error:
            found = error
        except Exception:  # noqa: BLE001 - the test shall see it, wherever it comes from
            found = AssertionError(traceback.format_exc())
        clock.left = 0
        connection.send(found)


class _Clock:
    """Kills this process at the so-many-th change of a file of a folder; `left` 0: never."""

    def __init__(self, folder: Path) -> None:
        self.left = 0
        self._folder = str(folder)
        sys.addaudithook(self._follow)
        os.fsync = self._around(os.fsync)
        Database.truncate_log = self._around(Database.truncate_log)  # type: ignore[method-assign]
        commit = self._around(sa.orm.SessionTransaction.commit)
        sa.orm.SessionTransaction.commit = commit  # type: ignore[method-assign]

    def _tick(self) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)

    def _follow(self, event: str, words: tuple[Any, ...]) -> None:
        here = event in CHANGES and str(words[0]).startswith(self._folder)
        if here and (event != "open" or words[2] & os.O_EXCL or words[1] == "r+b"):
            self._tick()

    def _around(self, whole: Callable[..., Any]) -> Callable[..., Any]:
        def ticking(*words: Any, **more: Any) -> Any:
            self._tick()
            found = whole(*words, **more)
            self._tick()
            return found

        return ticking


def add(gallery: Gallery, photos: list[tuple[Any, ...]], update: bool) -> list[str]:
    """`photos`: path, patient, disorders and facts of each; their statuses."""
    rows = [row(Path(path), patient, *told, **facts) for path, patient, told, facts in photos]
    return [one.status for one in gallery.add(rows, update=update).photos]


def fill(gallery: Gallery, space: str) -> int:
    return len(gallery.using(space=space).fill().failed)


def dump(gallery: Gallery) -> dict[str, Any]:
    """All that the gallery says of everybody."""
    found = {}
    for one in gallery.patients() if gallery.exists else ():
        known = gallery.patient(one.patient)
        photos = {photo.name: (photo.age, photo.spaces) for photo in known.photos}
        disorders = tuple(code for code, _ in known.disorders)
        found[known.patient] = (known.sex, known.consent, disorders, photos)
    return found


def match(gallery: Gallery, path: str, space: str | None = None) -> list[tuple[Any, ...]]:
    (found,) = gallery.using(space=space).match([PhotoSource("probe", Path(path))], Question(k=ALL))
    if found.error is not None:
        raise found.error
    return [(line.id, line.patient, line.similarity) for line in found.lines]


def check(gallery: Gallery) -> dict[str, str]:
    """What is wrong with the index on disk, or that it is sound, of each space."""
    return gallery.check_index()


def remove(gallery: Gallery, patients: list[str], photos: list[str]) -> None:
    gallery.remove(patients=patients, photos=photos)


def rebuild(gallery: Gallery) -> int:
    return len(gallery.rebuild().indexes)


def erase(gallery: Gallery, patient: str) -> int:
    """How many erasures are not done then. Those that a killed process began are finished first, as
    commands do."""
    gallery.finish_erasures()
    gallery.erase([patient])
    return len(gallery.begun_erasures())


def correct(gallery: Gallery, patient: str, disorders: list[str], sex: str | None) -> None:
    record = PhotoRecord("", patient, tuple(map(Disorder, disorders)), sex=sex)
    gallery.set_facts(record)


def undo(gallery: Gallery) -> None:
    gallery.undo()
