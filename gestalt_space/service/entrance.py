"""Who sends something is asked before it is read: the framework reads a form first, and keeps all
of it in memory."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gestalt_space.errors import GestaltError
from gestalt_space.service.configuration import MEGABYTE
from gestalt_space.service.dependencies import PRINCIPAL, principal_of
from gestalt_space.service.protection import SAFE_METHODS
from gestalt_space.service.replies import Replies
from gestalt_space.service.uploads import BodyCap

LOGINS = ("/login", "/api/v1/session")
"""Where somebody says who they are in what they send."""
SMALL = (*LOGINS, "/api/v1/descriptors/match")
"""Where little is sent."""
MOST_LET_GO = 32 * MEGABYTE
"""Bytes of a refused request that are taken and dropped."""


class Entrance:
    """Reads what is sent of those alone who may come in."""

    def __init__(self, app: ASGIApp, replies: Replies) -> None:
        self._app = app
        self._capped = BodyCap(app, most=MEGABYTE)
        self._replies = replies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "").rstrip("/"))
        if scope["method"] == "POST" and path in LOGINS:
            await self._capped(scope, receive, send)
            return
        request = Request(scope)
        try:
            scope[PRINCIPAL] = await run_in_threadpool(principal_of, request)
        except GestaltError as error:
            await _let_go(receive)
            answer = await self._replies.reply(request, error)
            await answer(scope, receive, send)
            return
        app = self._capped if path in SMALL else self._app
        await app(scope, receive, send)


async def _let_go(receive: Receive) -> None:
    """Take what is sent and keep none of it: a browser whose connection ends while it sends would
    not see the answer. Not more than some photos have."""
    came = 0
    while came < MOST_LET_GO:
        message = await receive()
        came += len(message.get("body", b""))
        if not message.get("more_body"):
            return
