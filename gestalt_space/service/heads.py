"""HEAD, which asks whether an address answers: as GET does, without the body."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """Answers HEAD as GET. (The framework's routes take what they are declared for alone.)"""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # A copy: the web server looks at its own for whether there is to be a body.
        got = {**scope, "method": "GET"}
        try:
            await self._app(got, receive, headed)
        finally:
            scope["route"] = got.get("route")
