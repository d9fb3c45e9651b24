from __future__ import annotations

from datetime import timedelta

import pytest

from gestalt_space.errors import JobError
from gestalt_space.store import jobs
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database


def begun(database: Database, kind: str = "cohesion") -> str:
    with database.writing() as session:
        key = jobs.add_job(session, "here", "anna", kind, {"patients": ["P2"]}).id
        jobs.claim_job(session, "here")
    return key


def test_jobs_are_claimed_in_order_and_by_their_home_alone(database: Database) -> None:
    with database.writing() as session:
        keys = [jobs.add_job(session, "here", "anna", "map", {}).id for _ in range(3)]
        assert [jobs.job(session, key).ahead for key in keys] == [0, 1, 2]
        assert jobs.claim_job(session, "there") is None
        claimed = [jobs.claim_job(session, "here") for _ in range(4)]
    assert [one and one.id for one in claimed] == [*keys, None]


def test_nothing_is_kept_of_a_job_during_which_somebody_was_removed(database: Database) -> None:
    key = begun(database)
    with database.writing() as session:
        session.query(t.Change).update({"epoch": t.Change.epoch + 1})
    with database.writing() as session:
        assert not jobs.finish_job(session, key, "{}", {"a": b"P2"})
        job = jobs.job(session, key)
    assert (job.state, job.files) == ("queued", ())


def test_a_cancelled_job_keeps_nothing(database: Database) -> None:
    key = begun(database)
    with database.writing() as session:
        jobs.cancel_job(session, key)
        jobs.finish_job(session, key, "{}", {"a": b"1"})
        assert jobs.note_progress(session, key, "Comparing", 1, 2) == "cancelled"
        assert jobs.job(session, key).files == ()
        with pytest.raises(JobError, match="cancelled"):
            jobs.result_of(session, key)


def test_old_jobs_are_deleted_with_their_files(database: Database) -> None:
    key = begun(database)
    with database.writing() as session:
        jobs.finish_job(session, key, "{}", {"a": b"1"})
        jobs.forget_old_jobs(session, timedelta(days=1))
        assert jobs.file_of(session, key, "a") == b"1"
        jobs.forget_old_jobs(session, timedelta(seconds=-1))
        with pytest.raises(JobError):
            jobs.file_of(session, key, "a")
        assert jobs.jobs(session) == []
