"""Jobs of the service: what was asked, how far it has come, and what it made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from gestalt_space.documents.form import Form, filled, time_text
from gestalt_space.documents.parts import ErrorForm
from gestalt_space.store.jobs import JobRecord


class JobForm(Form):
    """A job. `step`: what it does now, with `done` of `whole`; `ahead`: jobs before it in the
    queue; `files`: names of what it made."""

    id: str
    actor: str
    kind: str
    request: dict[str, Any]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    step: str
    done: int
    whole: int
    ahead: int
    created_at: str
    started_at: str | None
    ended_at: str | None
    error: ErrorForm | None
    files: list[str]


class JobDocument(Form):
    """A job."""

    document: Literal["job"]
    version: Literal[1]
    job: JobForm


class JobsDocument(Form):
    """Jobs, the newest first."""

    document: Literal["jobs"]
    version: Literal[1]
    jobs: list[JobForm]


def job_document(job: JobRecord) -> JobDocument:
    """A job."""
    return {"document": "job", "version": 1, "job": _job(job)}


def jobs_document(jobs: Iterable[JobRecord]) -> JobsDocument:
    """Jobs, the newest first."""
    return {"document": "jobs", "version": 1, "jobs": list(map(_job, jobs))}


def _job(job: JobRecord) -> JobForm:
    times = {
        name: None if (at := getattr(job, name)) is None else time_text(at)
        for name in ("created_at", "started_at", "ended_at")
    }
    return filled(JobForm, job, **times)
