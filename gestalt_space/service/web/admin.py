"""The pages "Admin" and "Account": users, tokens, the audit trail, and how the service does; and
for everybody their own password and tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from gestalt_space.errors import (
    GalleryMissing,
    GestaltError,
    NotAllowed,
    NotAuthenticated,
    UsageError,
)
from gestalt_space.gallery.listing import GalleryStats
from gestalt_space.service import users
from gestalt_space.service.access import Principal
from gestalt_space.service.dependencies import client_of
from gestalt_space.service.requests import MOST_DAYS, Name, Number, Password, Text
from gestalt_space.service.web.page import AdminPage, Page, PageRoute, ReaderPage
from gestalt_space.service.web.words import ACTIONS
from gestalt_space.store.service_tables import ROLES

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_EVENTS = 50


@router.get("/admin")
def show(page: AdminPage) -> Response:
    """Users, tokens, and whether the service can answer."""
    reason, stats = _health(page)
    database = page.gallery.database
    try:
        accounts, tokens = users.users(database), users.tokens(database)
    except GalleryMissing:
        accounts, tokens = [], []
    return page.show(
        "admin.html", users=accounts, tokens=tokens, roles=ROLES, reason=reason, stats=stats
    )


@router.get("/admin/audit")
def audit(
    page: AdminPage,
    before: Annotated[Number | None, Query()] = None,
    patient: Annotated[Text, Query()] = "",
) -> Response:
    """The events of the audit trail, the newest first, page by page."""
    # One more than is shown says whether there are more.
    found = page.gallery.log(patient=patient or None, newest=MOST_EVENTS + 1, before=before)
    events = found[-MOST_EVENTS:]
    return page.show(
        "audit.html",
        events=list(reversed(events)),
        older=events[0].id if len(found) > MOST_EVENTS else None,
        patient=patient,
        before=before,
        actions=ACTIONS,
    )


@router.get("/account")
def account(page: ReaderPage) -> Response:
    """The reader's own password and tokens."""
    principal = _logged_in(page)
    tokens = users.tokens(page.gallery.database, principal.name)
    return page.show("account.html", tokens=tokens)


@router.post("/account/password")
def change_password(
    page: ReaderPage,
    old: Annotated[Password, Form()],
    new: Annotated[Password, Form()],
) -> Response:
    """Give oneself another password, with the old one: a login that was left open is not enough.
    All logins of the reader end."""
    principal = _logged_in(page)
    try:
        page.parts.access.by_password(principal.name, old, client_of(page.request))
    except NotAuthenticated as error:
        raise UsageError("The present password is wrong.", "Type it again.") from error
    users.change_user(page.gallery.database, principal.name, password=new)
    return Response(status_code=204)


@router.post("/account/tokens")
def make_token(
    page: ReaderPage,
    name: Annotated[Text, Form()] = "",
    days: Annotated[int, Form(ge=1, le=MOST_DAYS)] = 365,
    user: Annotated[Name | None, Form()] = None,
) -> Response:
    """Make a token of one's own, an admin anybody's; the answer alone shows it."""
    principal = page.principal
    assert principal is not None, "pages of readers have one"  # noqa: S101
    if principal.by == "token":
        raise NotAllowed("A token cannot make tokens.", "Log in with name and password.")
    whose = user or principal.name
    if whose != principal.name:
        principal.require("admin")
    secret, record = users.add_token(page.gallery.database, whose, name, timedelta(days=days))
    return page.show("token.html", secret=secret, token=record)


def _health(page: Page) -> tuple[str | None, GalleryStats | None]:
    """Why a match would not be answered, None where it would; and what the gallery holds."""
    try:
        page.gallery.state()
        _ = page.gallery.pipeline
        return None, page.gallery.stats()
    except GestaltError as error:
        return error.code, None


def _logged_in(page: Page) -> Principal:
    """Who has an account: on a service without users nobody has."""
    principal = page.principal
    if principal is None or principal.by == "this machine":
        raise NotAllowed("This service has no users.", "An admin adds the first one.")
    return principal
