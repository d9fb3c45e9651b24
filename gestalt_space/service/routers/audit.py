"""`/api/v1/audit`: who did what, and whether the trail is whole."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from gestalt_space.documents.trail import (
    LogCheckDocument,
    LogDocument,
    LogHeadDocument,
    log_check_document,
    log_document,
    log_head_document,
)
from gestalt_space.gallery.trail import parse_head
from gestalt_space.service.dependencies import AdminGallery
from gestalt_space.service.replies import ERRORS, DocumentReply
from gestalt_space.service.requests import Name, Number, Text

router = APIRouter(prefix="/api/v1", tags=["audit"], responses=ERRORS)

MOST_EVENTS = 1000


@router.get("/audit", response_model=LogDocument)
def events(
    gallery: AdminGallery,
    before: Annotated[Number | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS)] = 100,
    patient: Annotated[Name | None, Query(description="Only what was done to this one.")] = None,
) -> DocumentReply:
    """The newest events, or those before the event of a number; in each page the oldest first."""
    # One more than asked for says whether there are more.
    found = gallery.log(patient=patient, newest=limit + 1, before=before)
    page = found[-limit:]
    return DocumentReply(log_document(page, page[0].id if len(found) > limit else None))


@router.get("/audit/head", response_model=LogHeadDocument)
def head(gallery: AdminGallery) -> DocumentReply:
    """Where the trail ends: to be kept elsewhere, and compared later."""
    return DocumentReply(log_head_document(gallery.trail_head()))


@router.get("/audit/check", response_model=LogCheckDocument)
def check(
    gallery: AdminGallery,
    head: Annotated[Text | None, Query(description="An old head, COUNT:HASH.")] = None,
) -> DocumentReply:
    """Check that nothing in the trail was changed or cut, since an old head if one is given."""
    old = None if head is None else parse_head(head)
    problems, end = gallery.check_trail(old), gallery.trail_head()
    return DocumentReply(log_check_document(end, problems))
