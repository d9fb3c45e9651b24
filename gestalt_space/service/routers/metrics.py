"""`/metrics`: what the service does, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from gestalt_space.service.dependencies import Admin, PartsOf
from gestalt_space.service.measures import TYPE
from gestalt_space.service.replies import ERRORS

router = APIRouter(tags=["health"], responses=ERRORS)


@router.get("/metrics")
def metrics(_: Admin, parts: PartsOf) -> Response:
    """Counts and durations of requests, and how much the gallery holds."""
    return Response(parts.measures.text(), media_type=TYPE)
