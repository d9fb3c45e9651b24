"""Works on the jobs of a service, one after another: starts the command, follows how far it has
come, ends it when somebody cancels it, and keeps what it gives."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from gestalt_space.atomic_files import make_private_folder
from gestalt_space.documents.parts import error_form
from gestalt_space.errors import Fault, GestaltError
from gestalt_space.file_lock import try_lock
from gestalt_space.home import Gallery
from gestalt_space.service.jobs.kinds import OUTPUTS, kind_of
from gestalt_space.service.places import Places
from gestalt_space.service.replies import error_of, where_raised
from gestalt_space.store import jobs
from gestalt_space.store.jobs import JobRecord

FOLDER = "jobs"
"""In the home: what the job at work reads and makes, until it is in the database."""
PROGRAM = (sys.executable, "-m", "gestalt_cli")
KEPT_FOR = timedelta(days=30)
LOOKS_EVERY = 5.0
"""Seconds between two looks for jobs, which another service of the home may have been given."""
NOTED_EVERY = 0.5
"""Seconds between two looks at a job at work."""
ENDS_WITHIN = 10.0
"""Seconds that a command may take to end after it was asked to."""
_LOG = logging.getLogger("gestalt_space.service")


class Runner:
    """A thread that works on the jobs of a home, from `start` to `close`. Of several services on
    one home one does. `program`: what runs a command, by its words; `backups`: where backups are
    written, None where there are none."""

    def __init__(
        self, gallery: Gallery, program: Sequence[str] = PROGRAM, *, backups: Path | None = None
    ) -> None:
        self._gallery = gallery
        self._program = program
        self._backups = None if backups is None else backups.absolute()
        self._folder = gallery.settings.home / FOLDER
        self._places = Places(gallery)
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin: what was at work when the service ended is worked on again."""
        self._thread.start()

    def wake(self) -> None:
        """There is a new job, or one was cancelled."""
        self._wake.set()

    def close(self) -> None:
        """End. The job at work waits for the next start."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def home(self) -> str:
        """By which jobs of this home are known."""
        return self._gallery.own_home() or str(self._gallery.settings.home)

    def _run(self) -> None:
        told = ""
        while not self._ended.is_set():
            try:
                self._work_on_all()
                told = ""
            except Exception as problem:  # noqa: BLE001 - the thread stays for later jobs
                # The database or the disk is away, say: later again, and said once.
                if told != (told := where_raised(problem)):
                    _LOG.warning("jobs wait: %s", told)
            self._wake.wait(LOOKS_EVERY)
            self._wake.clear()

    def _work_on_all(self) -> None:
        """Work on all jobs that wait, unless another service of this home does."""
        if not self._gallery.exists:
            return
        make_private_folder(self._folder)
        with try_lock(self._folder) as is_alone:
            if is_alone is False:
                return
            self._take_up()
            while not self._ended.is_set() and (claimed := self._claim()) is not None:
                self._work(claimed)

    def _take_up(self) -> None:
        """Nobody is at work in this home: what is left of others who were goes, and their jobs wait
        again."""
        for left in self._folder.iterdir():
            shutil.rmtree(left, ignore_errors=True)
        with self._gallery.database.writing() as session:
            jobs.requeue_jobs(session, self.home)
            jobs.forget_old_jobs(session, KEPT_FOR)

    def _claim(self) -> JobRecord | None:
        with self._gallery.database.writing() as session:
            return jobs.claim_job(session, self.home)

    def _work(self, job: JobRecord) -> None:
        try:
            with TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as made:
                folder = Path(made)
                (folder / OUTPUTS).mkdir()
                result = self._result(job, folder)
                if result is None:
                    return
                files = {
                    path.relative_to(folder / OUTPUTS).as_posix(): path.read_bytes()
                    for path in sorted((folder / OUTPUTS).rglob("*"))
                    if path.is_file()
                }
            with self._gallery.database.writing() as session:
                jobs.finish_job(session, job.id, result, files)
        except Exception as problem:  # noqa: BLE001 - it is this job's; the next one may be done
            _LOG.warning("a job failed: %s", where_raised(problem))
            with self._gallery.database.writing() as session:
                error = self._places.hidden_in_error(error_of(problem, self._gallery.settings))
                jobs.fail_job(session, job.id, error_form(error))

    def _result(self, job: JobRecord, folder: Path) -> str | None:
        """The document of a job's command; None where it was cancelled, or the service ends, or it
        failed, which is kept."""
        words = kind_of(job.kind).words(job.request, folder, self._backups)
        environment = {
            **os.environ,
            "GESTALT_HOME": str(self._gallery.settings.home.resolve()),
            "GESTALT_PROGRESS": "lines",
        }
        with (folder / "document.json").open("wb") as document:
            process = subprocess.Popen(  # noqa: S603 - our own command, by options that were checked
                [*self._program, *words],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=document,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
            try:
                if not self._followed(job, process):
                    return None
            finally:
                _end(process)
        text = (folder / "document.json").read_text(encoding="utf-8")
        if process.returncode == 0:
            return text
        with self._gallery.database.writing() as session:
            jobs.fail_job(session, job.id, _error_in(self._places.hidden_in(text)))
        return None

    def _followed(self, job: JobRecord, process: subprocess.Popen[str]) -> bool:
        """Whether a command came to its end; False where it was made to end."""
        lines: SimpleQueue[str] = SimpleQueue()
        reader = threading.Thread(target=_read, args=(process.stderr, lines.put), daemon=True)
        reader.start()
        told: dict[str, Any] = {}
        state = job.state
        while True:
            with suppress(subprocess.TimeoutExpired):
                process.wait(NOTED_EVERY)
            told = _newest(lines) or told
            is_running = process.poll() is None
            # While the database cannot be written the command goes on.
            with suppress(GestaltError), self._gallery.database.writing() as session:
                state = jobs.note_progress(
                    session,
                    job.id,
                    str(told.get("step", "")),
                    int(told.get("done") or 0),
                    int(told.get("whole") or 0),
                )
            if not is_running:
                return state == "running"
            if state != "running" or self._ended.is_set():
                return False


def _read(stream: Any, put: Callable[[str], object]) -> None:
    for line in stream:
        put(line)
    stream.close()


def _newest(lines: SimpleQueue[str]) -> dict[str, Any] | None:
    found = None
    with suppress(Empty):
        while True:
            with suppress(ValueError):
                told = json.loads(lines.get_nowait())
                found = told if isinstance(told, dict) else found
    return found


def _end(process: subprocess.Popen[str]) -> None:
    """Let a command end, if it has not."""
    process.terminate()
    try:
        process.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _error_in(text: str) -> dict[str, Any]:
    """The error in the document of a command that failed."""
    with suppress(ValueError, KeyError, TypeError):
        error: dict[str, Any] = json.loads(text)["error"]
        return error
    return dict(error_form(Fault("The job ended without an answer.", "Start it again.")))
