"""What surrounds every request: headers that keep a page to itself, and a check that a browser does
not ask by another name, or on behalf of another site."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gestalt_space.errors import NotAllowed, UsageError
from gestalt_space.service.replies import error_reply

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # Photos that the reader chose are shown before they are sent.
        "img-src 'self' blob: data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    # Within the service alone: with none at all a browser says of our own form that it is from
    # nowhere, and nobody could log in.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Answers are about patients: no cache of a browser or a proxy keeps them.
    "Cache-Control": "no-store",
}


class Protection:
    """Adds the headers, and refuses what comes by another name than one of `hosts`, as from a site
    that resolves to this machine; and what a page of another site sends: such a page may post a
    form to this machine, though it cannot read the answer."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = {host.strip("[]").lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        if host_of(headers := Headers(scope=scope)) not in self._hosts:
            unknown = UsageError(
                "The service is not known by this name.",
                "An admin starts it with --server-name NAME.",
            )
            await error_reply(unknown)(scope, receive, protected)
            return
        if scope["method"] not in SAFE_METHODS and is_of_another_site(headers):
            error = NotAllowed("A page of another site sent this request.", "Use the page itself.")
            await error_reply(error)(scope, receive, protected)
            return
        await self._app(scope, receive, protected)


def host_of(headers: Headers) -> str:
    """The name of the service that a request gives, without the port; empty where it gives none."""
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def is_of_another_site(headers: Headers) -> bool:
    """Whether a browser says that a page of another site sends this. Programs say nothing."""
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc != headers.get("host", "")
