"""Style sheets and scripts of the pages. Their address has a hash of all of them, so that a browser
may keep them for good."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

_FOLDERS = ("gestalt_space.pages", "gestalt_space.service")
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}

router = APIRouter(include_in_schema=False)


@router.get("/static/{digest}/{name}")
async def asset(digest: str, name: str) -> Response:
    """A file of the pages."""
    found = assets().get(name)
    if found is None or digest != assets_digest():
        raise HTTPException(404)
    kind = _KINDS[PurePosixPath(name).suffix]
    return Response(found, headers=_FOR_GOOD, media_type=kind)


@cache
def assets() -> dict[str, bytes]:
    """The files by name: those of reports, on whose style the pages rest, and the pages' own."""
    return {
        one.name: one.read_bytes()
        for package in _FOLDERS
        for one in sorted((files(package) / "static").iterdir(), key=lambda one: one.name)
        if PurePosixPath(one.name).suffix in _KINDS
    }


@cache
def assets_digest() -> str:
    """What changes as soon as any of the files does."""
    whole = hashlib.sha256()
    for name, data in assets().items():
        whole.update(f"{name} {len(data)} ".encode() + data)
    return whole.hexdigest()[:16]
