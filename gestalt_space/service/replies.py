"""What the service answers: documents as JSON, and errors in one shape, with a status that fits.
Where a browser opened a page, an error is a page."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gestalt_space.documents.parts import ErrorDocument, error_document
from gestalt_space.errors import (
    BodyTooLarge,
    Fault,
    GalleryMissing,
    GestaltError,
    NotAuthenticated,
    OutputError,
    ServiceBusy,
    TooManyRequests,
    UsageError,
)
from gestalt_space.gallery.archives.restoring import is_being_restored
from gestalt_space.service.hints import in_fields
from gestalt_space.service.places import Places
from gestalt_space.settings import Settings

RESTORE_WAIT = 10.0
"""Seconds after which to ask again for a gallery that is being restored."""
_LOG = logging.getLogger("gestalt_space.service")
SEE = "See /api/v1/openapi.json."
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorDocument, "description": "What was wrong, and what would be right."},
    "5XX": {"model": ErrorDocument, "description": "What failed here, and what helps."},
}
"""What every address may answer beside its document, for the description of the API."""


class DocumentReply(Response):
    """A document as JSON, as the command line writes it."""

    media_type = "application/json"

    def render(self, content: Mapping[str, Any]) -> bytes:
        """The document in UTF-8."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def error_reply(error: GestaltError) -> DocumentReply:
    """An error with its status, and the headers that tell programs what to do."""
    headers = {}
    if isinstance(error, ServiceBusy | TooManyRequests):
        headers["Retry-After"] = str(max(1, math.ceil(error.wait)))
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="gestalt-space"'
    return DocumentReply(error_document(in_fields(error)), error.http_status, headers)


def error_of(problem: Exception, settings: Settings) -> GestaltError:
    """An exception of the framework or the system as one of ours; and a gallery that is not there
    yet as one that is being restored. `settings`: the gallery's."""
    match problem:
        case GalleryMissing() if is_being_restored(settings):
            return ServiceBusy(
                "The gallery is being restored.", "Try again when that is done.", RESTORE_WAIT
            )
        case GestaltError():
            return problem
        case RequestValidationError():
            return _wrong_values(problem)
        case HTTPException():
            return _of_framework(problem)
        case OSError():
            return OutputError(
                f"The system refused: {problem.strerror or type(problem).__name__}.",
                "Check the free space of the service's disk.",
            )
        case _:
            return Fault(
                "A fault of gestalt-space; the service's log has the details.",
                "Try again. If it stays, report it.",
            )


ErrorPage = Callable[[Request, GestaltError], Response | None]
"""An error as a page; None where no page was asked for."""


class Replies:
    """Lets every error leave in the one shape, or as a page. `page`: what makes one; `places`: what
    no error tells; `routes`: all there are."""

    def __init__(self, page: ErrorPage, places: Places, routes: Iterable[BaseRoute]) -> None:
        self._page = page
        self._places = places
        self._routes = tuple(routes)

    async def reply(self, request: Request, problem: Exception) -> Response:
        """The answer to a request that ended in an exception, which is noted where we are to
        blame."""
        error = error_of(problem, request.app.state.parts.gallery.settings)
        if error.http_status >= 500 and not isinstance(error, ServiceBusy):
            _LOG.error("%s: %s", error.code, where_raised(problem))
        told = self._places.hidden_in_error(error)
        answer = self._page(request, told) or error_reply(told)
        if error.http_status == 405:
            answer.headers["Allow"] = ", ".join(sorted(self._methods_of(request.scope)))
        return answer

    def _methods_of(self, scope: Scope) -> set[str]:
        """The methods that an address takes."""
        found = {
            method
            for route in self._routes
            if route.matches(scope)[0] is not Match.NONE
            for method in getattr(route, "methods", ())
        }
        return found | {"HEAD"} if "GET" in found else found

    def handle_errors_of(self, app: FastAPI) -> None:
        """Answer what the framework catches."""
        for kind in (GestaltError, RequestValidationError, HTTPException, OSError, Exception):
            app.add_exception_handler(kind, self.reply)


class Faults:
    """Answers what nobody expected. The framework would do so outside of all that surrounds a
    request, and its server would write the message of the exception to the log."""

    def __init__(self, app: ASGIApp, replies: Replies) -> None:
        self._app = app
        self._replies = replies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as problem:
            if has_begun or scope["type"] != "http":
                raise
            answer = await self._replies.reply(Request(scope), problem)
            await answer(scope, receive, send)


def where_raised(problem: Exception) -> str:
    """Where an exception came from, for the log: kind, file and line, without its text, which may
    quote what it was given."""
    trace, place = problem.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename}:{trace.tb_lineno} ({code.co_name})"
        trace = trace.tb_next
    return f"{type(problem).__name__} at {place}"


def _wrong_values(problem: RequestValidationError) -> UsageError:
    wrong = [
        f"{'.'.join(str(part) for part in one['loc'][1:]) or 'the request'}: {one['msg']}"
        for one in problem.errors()
    ]
    return UsageError(f"The request does not fit: {'; '.join(wrong)}.", SEE)


def _of_framework(problem: HTTPException) -> GestaltError:
    if problem.status_code == 413:
        return BodyTooLarge("The request has more bytes than the service takes.", "Send less.")
    if "Too many files" in str(problem.detail):
        return BodyTooLarge(f"{problem.detail}", "Send fewer photos at once.")
    told = {
        404: "There is no such address.",
        405: "The address does not take this method.",
    }
    error = UsageError(told.get(problem.status_code, f"{problem.detail}"), SEE)
    # The framework's own status says more than that of its kind.
    error.http_status = problem.status_code  # type: ignore[misc]
    return error
