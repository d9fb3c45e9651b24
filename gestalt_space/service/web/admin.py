"""The pages "Admin" and "Account": users, tokens, the audit trail, and how the service does; and
for everybody their own password and tokens."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, Any

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
from gestalt_space.service.routers.jobs import start
from gestalt_space.service.web.cohorts import BACKUP, listed
from gestalt_space.service.web.page import AdminPage, Page, ReaderPage
from gestalt_space.service.web.words import ACTIONS
from gestalt_space.store.copied import copies_made
from gestalt_space.store.service_tables import ROLES

router = APIRouter(include_in_schema=False)

MOST_EVENTS = 50
MOST_COPIES = 10


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
        "admin.html",
        users=accounts,
        tokens=tokens,
        roles=ROLES,
        reason=reason,
        stats=stats,
        backups=page.parts.options.backups,
        copies=_copies(page),
        actions=ACTIONS,
        **_backups(page),
    )


@router.post("/admin/backups")
def back_up(page: AdminPage) -> Response:
    """Start a backup, and show how far it has come."""
    start(page.gallery, page.parts, page.reader, BACKUP, {})
    return list_backups(page)


@router.get("/admin/backups")
def list_backups(page: AdminPage) -> Response:
    """The backups that were started here, as a part of the page."""
    return page.show("jobs.html", **_backups(page))


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
    """The reader's own password and tokens, or how to have any."""
    if page.reader.by == "this machine":
        return page.show("nobody.html")
    return page.show("account.html", tokens=users.tokens(page.gallery.database, page.reader.name))


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
    principal = page.reader
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


def _backups(page: Page) -> dict[str, Any]:
    return listed(page, [BACKUP], "/admin")


def _copies(page: Page) -> list[dict[str, Any]]:
    """The newest backups and exports that the audit trail tells of."""
    made: list[dict[str, str]] = []
    with suppress(GalleryMissing), page.gallery.database.reading() as session:
        made = copies_made(session)
    newest = reversed(made[-MOST_COPIES:])
    return [{**one, "at": datetime.fromisoformat(one["at"])} for one in newest]


def _logged_in(page: Page) -> Principal:
    """Who has an account: on a service without users nobody has."""
    if page.reader.by == "this machine":
        raise NotAllowed("This service has no users.", "An admin adds the first one.")
    return page.reader
