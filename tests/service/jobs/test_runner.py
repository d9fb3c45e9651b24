from __future__ import annotations

import errno
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from gestalt_space.errors import DatabaseError
from gestalt_space.home import Gallery
from gestalt_space.service.jobs.runner import FOLDER, Runner
from gestalt_space.store import jobs
from gestalt_space.store.jobs import JobRecord

ANSWER = """
import json, pathlib, sys
print(json.dumps({"step": "Comparing", "unit": "pairs", "done": 3, "whole": 4}), file=sys.stderr)
pathlib.Path("outputs/figure.svg").write_text("<svg/>")
print(json.dumps({"words": sys.argv[1:], "patients": pathlib.Path("patients.txt").read_text()}))
"""
REFUSE = """
import sys
print('{"error": {"code": "usage", "message": "No.", "hint": "Yes."}}')
sys.exit(2)
"""
PRINTS = (sys.executable, "-c", ANSWER)
STAY = "import time; time.sleep(60)"
Start = Callable[[str], Runner]


@pytest.fixture
def start(gallery: Gallery) -> Iterator[Start]:
    with ExitStack() as running:

        def begin(script: str) -> Runner:
            runner = Runner(gallery, (sys.executable, "-c", script))
            runner.start()
            running.callback(runner.close)
            return runner

        yield begin


def ask(gallery: Gallery, **request: object) -> str:
    with gallery.database.writing() as session:
        asked = request or {"patients": ["P0", "P 1"], "with_family": True}
        return jobs.add_job(session, gallery.own_home() or "", "anna", "cohesion", asked).id


def waited(gallery: Gallery, key: str, *states: str) -> JobRecord:
    for _ in range(400):
        with gallery.database.reading() as session:
            job = jobs.job(session, key)
        if job.state in states:
            return job
        time.sleep(0.05)
    raise AssertionError(f"the job stays {job.state}")


def test_a_command_gives_a_document_files_and_progress(gallery: Gallery, start: Start) -> None:
    key = ask(gallery)
    start(ANSWER)
    job = waited(gallery, key, "done")
    assert (job.step, job.done, job.whole, job.files) == ("Comparing", 3, 4, ("figure.svg",))
    with gallery.database.reading() as session:
        assert jobs.file_of(session, key, "figure.svg") == b"<svg/>"
        document = jobs.result_of(session, key)
    assert (
        '["cohort", "cohesion", "--patients=patients.txt", "--with-family", "--json"]' in document
    )
    assert "P0\\nP 1\\n" in document
    assert list((gallery.settings.home / FOLDER).iterdir()) == []


def test_a_command_that_fails_says_why(gallery: Gallery, start: Start) -> None:
    key = ask(gallery)
    start(REFUSE)
    job = waited(gallery, key, "failed")
    assert job.error == {"code": "usage", "message": "No.", "hint": "Yes."}


def test_why_a_job_failed_tells_no_place_of_this_machine(gallery: Gallery, start: Start) -> None:
    key = ask(gallery)
    told = {"code": "database", "message": f"No {gallery.database.where}.", "hint": "Yes."}
    start(f"print({json.dumps({'error': told})!r}); raise SystemExit(1)")
    error = waited(gallery, key, "failed").error
    assert error == {"code": "database", "message": "No of the service.", "hint": "Yes."}


def test_a_job_at_work_is_cancelled_and_the_next_one_begins(gallery: Gallery, start: Start) -> None:
    first, second = ask(gallery), ask(gallery)
    start(STAY)
    waited(gallery, first, "running")
    with gallery.database.writing() as session:
        assert jobs.job(session, second).ahead == 1
        jobs.cancel_job(session, first)
    waited(gallery, second, "running")


def test_a_job_at_work_when_the_service_ends_is_worked_on_again(
    gallery: Gallery, start: Start
) -> None:
    key = ask(gallery)
    runner = start(STAY)
    waited(gallery, key, "running")
    runner.close()
    start(ANSWER)
    assert waited(gallery, key, "done").files == ("figure.svg",)


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 2**18])
def test_a_job_that_cannot_be_started_fails_and_the_next_one_is_done(
    gallery: Gallery, start: Start, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = ask(gallery, cohort=[text]), ask(gallery)
    start(ANSWER)
    error = waited(gallery, first, "failed").error
    assert error is not None
    assert error["hint"]
    waited(gallery, second, "done")
    assert text not in caplog.text


def test_a_full_disk_fails_a_job_and_not_the_next_one(
    gallery: Gallery, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> str:
        monkeypatch.undo()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gestalt_space.service.jobs.runner.TemporaryDirectory", full)
    first, second = ask(gallery), ask(gallery)
    start(ANSWER)
    error = waited(gallery, first, "failed").error
    assert error is not None
    assert "No space left" in error["message"]
    waited(gallery, second, "done")


def test_a_job_goes_on_while_the_database_cannot_be_written(
    gallery: Gallery, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> str:
        monkeypatch.undo()
        raise DatabaseError("The database is locked.", "Try again.")

    monkeypatch.setattr(jobs, "note_progress", refused)
    key = ask(gallery)
    start(ANSWER)
    waited(gallery, key, "done")


def test_a_job_whose_end_could_not_be_noted_is_worked_on_again(
    gallery: Gallery, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> bool:
        raise DatabaseError("The database is locked.", "Try again.")

    def refused_once(*_: object) -> bool:
        monkeypatch.undo()
        return refused()

    monkeypatch.setattr(jobs, "finish_job", refused)
    monkeypatch.setattr(jobs, "fail_job", refused_once)
    key = ask(gallery)
    start(ANSWER)
    assert waited(gallery, key, "done").files == ("figure.svg",)


def test_a_second_service_of_a_home_leaves_the_job_at_work_alone(
    gallery: Gallery, start: Start
) -> None:
    first, second = ask(gallery), ask(gallery)
    one = start(STAY)
    waited(gallery, first, "running")
    start(ANSWER)
    time.sleep(1)
    assert waited(gallery, first, "running", "done").state == "running"
    assert waited(gallery, second, "queued", "done").state == "queued"
    assert len(list((gallery.settings.home / FOLDER).iterdir())) == 1
    one.close()
    waited(gallery, first, "done")
    waited(gallery, second, "done")


def test_old_jobs_are_forgotten_while_the_service_runs(
    gallery: Gallery, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ask(gallery)
    runner = start(ANSWER)
    waited(gallery, key, "done")
    monkeypatch.setattr("gestalt_space.service.jobs.runner.KEPT_FOR", timedelta())
    runner.wake()
    for _ in range(200):
        with gallery.database.reading() as session:
            if not jobs.jobs(session):
                return
        time.sleep(0.05)
    raise AssertionError("the job stays")
