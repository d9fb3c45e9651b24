"""Whether the service lives and can answer, for whoever watches it. It shows nothing of
the gallery, and needs no login."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from gestalt_space.errors import GestaltError
from gestalt_space.service.dependencies import PartsOf
from gestalt_space.service.replies import DocumentReply

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("alive\n")


@router.get("/health/ready")
def ready(parts: PartsOf) -> DocumentReply:
    """A match would be answered: the database, the index and the models are there."""
    try:
        parts.gallery.state()
        _ = parts.gallery.pipeline
    except GestaltError as error:
        return DocumentReply({"ready": False, "reason": error.code}, 503)
    return DocumentReply({"ready": True, "reason": None})
