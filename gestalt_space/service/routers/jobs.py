"""`/api/v1/jobs`: cohorts and evaluations, which take longer than a request."""

from __future__ import annotations

import mimetypes
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from starlette.responses import Response

from gestalt_space.documents.jobs import JobDocument, JobsDocument, job_document, jobs_document
from gestalt_space.errors import NotAllowed
from gestalt_space.home import Gallery
from gestalt_space.service.access import Principal
from gestalt_space.service.dependencies import PartsOf, Reader, ReaderGallery
from gestalt_space.service.jobs.kinds import checked_backups, kind_of
from gestalt_space.service.replies import ERRORS, DocumentReply
from gestalt_space.store import jobs
from gestalt_space.store.audit import record_event
from gestalt_space.store.jobs import JobRecord

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], responses=ERRORS)

FILE_POLICY = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data:"
)
"""A page that a job made has its script and style inside. It runs apart from the service: it can
send nothing, and has no cookie."""


@router.post("/{kind}", response_model=JobDocument, status_code=202)
def start(
    gallery: ReaderGallery,
    parts: PartsOf,
    principal: Reader,
    kind: str,
    request: Annotated[dict[str, Any], Body(description="Options of the command, by name.")],
) -> DocumentReply:
    """Start a job; the reply says by which id to ask for it. A backup is for admins."""
    wanted = kind_of(kind)
    principal.require(wanted.role)
    checked = wanted.check(request)
    if wanted.is_backup:
        checked_backups(parts.options.backups)
    gallery.database.require()
    with gallery.database.writing() as session:
        job = jobs.add_job(session, parts.runner.home, principal.name, kind, checked)
        record_event(session, "job", detail={"changes": [kind]})
    parts.runner.wake()
    return DocumentReply(job_document(job), 202)


@router.get("", response_model=JobsDocument)
def list_jobs(
    gallery: ReaderGallery, principal: Reader, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> DocumentReply:
    """The newest jobs: one's own, an admin's are all."""
    with gallery.database.reading() as session:
        whose = None if principal.role == "admin" else principal.name
        return DocumentReply(jobs_document(jobs.jobs(session, actor=whose, limit=limit)))


@router.get("/{key}", response_model=JobDocument)
def show(gallery: ReaderGallery, principal: Reader, key: str) -> DocumentReply:
    """How far a job has come."""
    return DocumentReply(job_document(own_job(gallery, principal, key)))


@router.get("/{key}/result")
def result(gallery: ReaderGallery, principal: Reader, key: str) -> Response:
    """The document that a job gave: that of its command with --json."""
    own_job(gallery, principal, key)
    with gallery.database.reading() as session:
        return Response(jobs.result_of(session, key), media_type="application/json")


@router.get("/{key}/files/{name:path}")
def file(gallery: ReaderGallery, principal: Reader, key: str, name: str) -> Response:
    """A file that a job made: a figure, a table or a page."""
    own_job(gallery, principal, key)
    with gallery.database.reading() as session:
        content = jobs.file_of(session, key, name)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {"Content-Security-Policy": FILE_POLICY}
    return Response(content, media_type=kind, headers=headers)


@router.delete("/{key}", response_model=JobDocument)
def cancel(gallery: ReaderGallery, parts: PartsOf, principal: Reader, key: str) -> DocumentReply:
    """End a job, or delete what an ended one gave."""
    own_job(gallery, principal, key)
    with gallery.database.writing() as session:
        job = jobs.cancel_job(session, key)
    parts.runner.wake()
    return DocumentReply(job_document(job))


def own_job(gallery: Gallery, principal: Principal, key: str) -> JobRecord:
    """A job that somebody may see: their own, an admin any."""
    with gallery.database.reading() as session:
        job = jobs.job(session, key)
    if principal.role != "admin" and job.actor != principal.name:
        raise NotAllowed("The job is another user's.", "An admin can see it.")
    return job
