from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from gestalt_space.home import Gallery
from gestalt_space.service.jobs import runner
from gestalt_space.service.jobs.runner import FOLDER, Runner
from gestalt_space.store import jobs
from gestalt_space.store.jobs import JobRecord
from tests.galleries import open_gallery

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


def ask(gallery: Gallery) -> str:
    with gallery.database.writing() as session:
        asked = {"patients": ["P0", "P 1"], "with_family": True}
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


def test_of_two_services_on_one_home_one_works_on_the_jobs(
    gallery: Gallery, home: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LOOKS_EVERY", 0.1)
    key = ask(gallery)
    first = start(STAY)
    waited(gallery, key, "running")
    with open_gallery(home) as other, closing(Runner(other, PRINTS)) as second:
        second.start()
        second.wake()
        time.sleep(0.5)
        assert waited(gallery, key, "running").started_at is not None
        assert len(list((gallery.settings.home / FOLDER).iterdir())) == 1
        # The second takes over where the first has ended.
        first.close()
        assert waited(gallery, key, "done").files == ("figure.svg",)
