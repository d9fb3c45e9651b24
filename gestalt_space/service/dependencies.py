"""What routes are given: who asks, on whose behalf the gallery works, and where photos are worked
on. Everything that a route depends on is declared here, once.

What only computes is `async`: FastAPI hands everything else to a thread, which takes longer.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request
from limits import RateLimitItemPerDay, RateLimitItemPerMinute

from gestalt_space.errors import NotAllowed, NotAuthenticated
from gestalt_space.home import Gallery
from gestalt_space.service.access import Access, Principal
from gestalt_space.service.configuration import ServiceOptions
from gestalt_space.service.jobs.runner import Runner
from gestalt_space.service.measures import Measures
from gestalt_space.service.places import Places
from gestalt_space.service.protection import SAFE_METHODS
from gestalt_space.service.rates import Rates
from gestalt_space.service.secrets import is_csrf
from gestalt_space.service.workshop import Workshop
from gestalt_space.store.accounts import Role

if TYPE_CHECKING:
    from fastapi import FastAPI

COOKIE = "gestalt_login"
CSRF_HEADER = "x-csrf-token"
PRINCIPAL = "gestalt_space.principal"
"""In the scope of a request: who asks, where that is known."""
_FORWARDED = re.compile("forwarded|via|x-real-ip|x-forwarded-.+")
"""Headers that a proxy adds."""


class Parts:
    """What one service is made of."""

    def __init__(self, gallery: Gallery, options: ServiceOptions) -> None:
        self.gallery = gallery
        self.options = options
        self.access = Access(gallery.database, options)
        self.places = Places(gallery)
        self.rates = Rates(RateLimitItemPerMinute(options.per_minute))
        self.site_rates = Rates(RateLimitItemPerDay(gallery.settings.site_questions_per_day))
        self.workshop = Workshop(options.working_threads, options.waiting)
        self.measures = Measures(gallery, self.workshop)
        self.runner = Runner(gallery, backups=options.backups)

    def start(self) -> None:
        """Begin to work on jobs."""
        self.runner.start()

    def close(self) -> None:
        """End when the requests at work are done; a job at work waits for the next start."""
        self.workshop.close()
        self.runner.close()


def parts_of(app: FastAPI) -> Parts:
    """What a service is made of."""
    return cast("Parts", app.state.parts)


async def _parts(request: Request) -> Parts:
    return parts_of(request.app)


def client_of(request: Request) -> str:
    """By what requests of somebody are counted of whom nothing else is known: an address; of IPv6
    its network, whose other addresses are theirs as well."""
    host = request.client.host if request.client else "unknown"
    if ":" in host:
        host = str(ipaddress.ip_network((host.partition("%")[0], 64), strict=False))
    return f"address {host}"


def principal_of(request: Request) -> Principal:
    """Who asks, found out once. Raises `NotAuthenticated`, `TooManyRequests`, and `NotAllowed` for
    a page that is not ours."""
    known: Principal | None = request.scope.get(PRINCIPAL)
    if known is not None:
        return known
    parts = parts_of(request.app)
    client = client_of(request)
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    secret = request.cookies.get(COOKIE)
    if kind.lower() == "bearer":
        parts.rates.check(client)
        principal = parts.access.by_token(given.strip())
    elif kind.lower() == "basic":
        parts.rates.check(client)
        principal = parts.access.by_password(*_basic(given), client)
    elif secret is not None:
        principal = parts.access.by_login(secret)
        _check_csrf(request, secret)
    else:
        if any(map(_FORWARDED.fullmatch, request.headers)):
            # A proxy on this machine lets others in: they are not "everybody on this machine".
            raise NotAuthenticated(
                "Say who asks: the request came through a proxy.",
                "Add users: `gestalt user add NAME --role admin`.",
            )
        principal = parts.access.anybody()
    parts.rates.check(principal.key)
    return principal


def _basic(given: str) -> tuple[str, str]:
    try:
        name, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
    except ValueError:  # as binascii.Error is, and what other letters raise
        name, colon, password = "", "", ""
    if not colon:
        raise NotAuthenticated("The credentials cannot be read.", "Send HTTP Basic, or a token.")
    return name, password


def _check_csrf(request: Request, secret: str) -> None:
    """What a browser that is logged in sends has to come from a page of this login. Raises
    `NotAllowed`."""
    if request.method in SAFE_METHODS:
        return
    if not is_csrf(request.headers.get(CSRF_HEADER, ""), secret):
        raise NotAllowed("The page is too old, or not of this service.", "Load the page again.")


def _with_role(role: Role) -> Callable[[Principal], Awaitable[Principal]]:
    async def allowed(principal: Annotated[Principal, Depends(principal_of)]) -> Principal:
        principal.require(role)
        return principal

    return allowed


def _gallery_for(role: Role) -> Callable[[Parts, Principal], Awaitable[Gallery]]:
    async def acting(
        parts: PartsOf, principal: Annotated[Principal, Depends(principal_of)]
    ) -> Gallery:
        principal.require(role)
        return parts.gallery.acting_for(principal.name)

    return acting


async def _site(principal: Annotated[Principal, Depends(principal_of)]) -> Principal:
    principal.require_site()
    return principal


PartsOf = Annotated[Parts, Depends(_parts)]
Reader = Annotated[Principal, Depends(_with_role("reader"))]
Contributor = Annotated[Principal, Depends(_with_role("contributor"))]
Admin = Annotated[Principal, Depends(_with_role("admin"))]
ReaderGallery = Annotated[Gallery, Depends(_gallery_for("reader"))]
ContributorGallery = Annotated[Gallery, Depends(_gallery_for("contributor"))]
CuratorGallery = Annotated[Gallery, Depends(_gallery_for("curator"))]
AdminGallery = Annotated[Gallery, Depends(_gallery_for("admin"))]
"""The gallery, on behalf of somebody with that role."""
AskingSite = Annotated[Principal, Depends(_site)]
"""Another hospital."""
