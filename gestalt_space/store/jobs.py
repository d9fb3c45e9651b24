"""The jobs of a service, as rows: who asked for what, how far it has come, and what it gave."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import JobError
from gestalt_space.store.service_tables import Job, JobFile
from gestalt_space.store.tail import read_epoch

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job. `step`: what it does now, of which `done` of `whole` is done; `ahead`: jobs that are
    worked on before it; `files`: names of what it made; `has_result`: whether what it gave is
    kept."""

    id: str
    actor: str
    kind: str
    request: dict[str, Any]
    state: State
    step: str
    done: int
    whole: int
    ahead: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    error: dict[str, Any] | None
    files: tuple[str, ...]
    has_result: bool


def add_job(
    session: Session, home: str, actor: str, kind: str, request: Mapping[str, Any]
) -> JobRecord:
    """Put a job behind the others of a home."""
    row = Job(
        id=secrets.token_hex(16),
        home_id=home,
        actor=actor,
        kind=kind,
        request=dict(request),
        state="queued",
        created_at=datetime.now(UTC),
    )
    session.add(row)
    session.flush()
    return _record(session, row)


def jobs(
    session: Session,
    *,
    actor: str | None = None,
    kinds: Collection[str] | None = None,
    limit: int = 100,
) -> list[JobRecord]:
    """The newest jobs first: of one user, or of all; of some kinds, or of all."""
    query = sa.select(Job).order_by(Job.created_at.desc(), Job.id)
    if kinds is not None:
        query = query.where(Job.kind.in_(kinds))
    if actor is not None:
        query = query.where(Job.actor == actor)
    return [_record(session, row) for row in session.scalars(query.limit(limit))]


def job(session: Session, key: str) -> JobRecord:
    """A job by its id. Raises `JobError`."""
    return _record(session, _row(session, key))


def result_of(session: Session, key: str) -> str:
    """The document that a job gave, as JSON. Raises `JobError` where it has none."""
    row = _row(session, key)
    if row.result is None:
        raise _no_result(row)
    return row.result


def file_of(session: Session, key: str, name: str) -> bytes:
    """A file that a job made. Raises `JobError`."""
    content = session.scalar(
        sa.select(JobFile.content).where(JobFile.job_id == key, JobFile.name == name)
    )
    if content is None:
        raise JobError(f"Job {key} has no file {name}.", "Look at the job: it lists its files.")
    return content


def claim_job(session: Session, home: str) -> JobRecord | None:
    """The oldest job of a home that waits, from now on at work; None where none waits."""
    oldest = sa.select(Job).where(Job.home_id == home, Job.state == "queued")
    row = session.scalars(oldest.order_by(Job.created_at, Job.id).limit(1)).first()
    if row is None:
        return None
    row.state, row.started_at, row.epoch = "running", datetime.now(UTC), read_epoch(session)
    row.step, row.done, row.whole = "", 0, 0
    session.flush()
    return _record(session, row)


def note_progress(session: Session, key: str, step: str, done: int, whole: int) -> State:
    """Note how far a job has come; returns its state, which somebody may have changed."""
    row = session.get(Job, key)
    if row is None:
        return "cancelled"
    if row.state == "running":
        row.step, row.done, row.whole = step, done, whole
    return cast("State", row.state)


def finish_job(session: Session, key: str, result: str, files: Mapping[str, bytes]) -> bool:
    """Keep what a job gave. False where patients were removed since it began, whom it may name:
    nothing is kept then, and the job waits again."""
    row = session.get(Job, key)
    if row is None or row.state != "running":
        return True
    if row.epoch != read_epoch(session):
        row.state, row.step, row.done, row.whole = "queued", "", 0, 0
        return False
    row.state, row.result, row.ended_at = "done", result, datetime.now(UTC)
    session.add_all(JobFile(job_id=key, name=name, content=data) for name, data in files.items())
    return True


def fail_job(session: Session, key: str, error: Mapping[str, Any]) -> None:
    """Keep why a job failed."""
    row = session.get(Job, key)
    if row is not None and row.state == "running":
        row.state, row.error, row.ended_at = "failed", dict(error), datetime.now(UTC)


def cancel_job(session: Session, key: str, *, with_result: bool = True) -> JobRecord:
    """End a job that waits or is at work; `with_result`: of one that ended, delete what it gave.
    Raises `JobError`."""
    row = _row(session, key)
    if row.state not in ENDED:
        row.state, row.ended_at = "cancelled", datetime.now(UTC)
    elif with_result:
        session.execute(sa.delete(JobFile).where(JobFile.job_id == key))
        row.result = None
    session.flush()
    return _record(session, row)


def requeue_jobs(session: Session, home: str) -> int:
    """Let jobs wait again that were at work when the service of a home ended; returns how many."""
    begun = session.scalars(sa.select(Job).where(Job.home_id == home, Job.state == "running")).all()
    for row in begun:
        row.state, row.started_at = "queued", None
    return len(begun)


def forget_old_jobs(session: Session, age: timedelta) -> None:
    """Delete jobs that ended longer ago than that, with what they gave."""
    old = sa.select(Job.id).where(Job.ended_at < datetime.now(UTC) - age)
    session.execute(sa.delete(JobFile).where(JobFile.job_id.in_(old)))
    session.execute(sa.delete(Job).where(Job.id.in_(old)))


def forget_jobs(session: Session) -> int:
    """Delete all jobs, as somebody is erased whom they may name; returns how many. One that is at
    work ends."""
    keys = session.scalars(sa.select(Job.id)).all()
    session.execute(sa.delete(JobFile))
    session.execute(sa.delete(Job))
    return len(keys)


def _row(session: Session, key: str) -> Job:
    row = session.get(Job, key)
    if row is None:
        raise JobError(
            f"There is no job {key}.", "It may be old, or somebody was erased whom it could name."
        )
    return row


def _no_result(row: Job) -> JobError:
    hint = "Wait until it is done." if row.state in ("queued", "running") else "Start it again."
    return JobError(f"Job {row.id} has no result: it is {row.state}.", hint)


def _record(session: Session, row: Job) -> JobRecord:
    ahead = 0
    if row.state == "queued":
        before = (
            sa.select(sa.func.count())
            .select_from(Job)
            .where(
                Job.home_id == row.home_id,
                Job.state.in_(("queued", "running")),
                Job.created_at < row.created_at,
            )
        )
        ahead = session.scalar(before) or 0
    names = session.scalars(
        sa.select(JobFile.name).where(JobFile.job_id == row.id).order_by(JobFile.name)
    )
    return JobRecord(
        row.id,
        row.actor,
        row.kind,
        row.request,
        cast("State", row.state),
        row.step,
        row.done,
        row.whole,
        ahead,
        row.created_at,
        row.started_at,
        row.ended_at,
        row.error,
        tuple(names),
        row.result is not None,
    )
