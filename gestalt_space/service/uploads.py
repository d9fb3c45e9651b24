"""Photos that come with a request: their size is checked first, and they stay in memory."""

from __future__ import annotations

from fastapi import UploadFile
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gestalt_space.errors import BodyTooLarge, UsageError
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.paths import display_name
from gestalt_space.service.replies import error_reply

MOST_FIELDS = 200
LONGEST_FIELD = 2**16


def keep_uploads_in_memory() -> None:
    """Let no form be written to a temporary file, as Starlette does with parts over 1 MB: a photo
    of a patient may not lie there. How much may come is capped before."""
    MultiPartParser.spool_max_size = 2**62


class BodyCap:
    """Refuses a body with more bytes than `most`: before any of it is read where it says how many
    it has, else as soon as it has them. (Starlette's own answers with a plain text.)"""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._most:
            await error_reply(self._too_large())(scope, receive, send)
            return
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._most:
                # One of the framework's, which it passes on from where it reads.
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"The request has more than {self._most / 2**20:,.0f} MB.",
            "Send fewer or smaller photos.",
        )


async def photo_sources(photos: list[UploadFile], *, face: int | None = None) -> list[PhotoSource]:
    """Photos of a form as sources, by their names. `face`: which face of each is meant, else the
    largest. Raises `UsageError` for an empty one."""
    sources = []
    for number, photo in enumerate(photos, start=1):
        data = await photo.read()
        await photo.close()
        name = display_name(photo.filename or f"photo {number}")
        if not data:
            raise UsageError(f"{name} is empty.", "Choose the photo again.")
        sources.append(PhotoSource(name, data, face=face, largest=True))
    return sources
