"""`/api/v1/users` and `/api/v1/tokens`: who may use the service, and their tokens. Admins manage
users; everybody lists, makes and revokes their own tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gestalt_space.documents.users import (
    TokenMadeDocument,
    TokensDocument,
    UsersDocument,
    token_made_document,
    tokens_document,
    users_document,
)
from gestalt_space.errors import NotAllowed, UsageError
from gestalt_space.names import normal_name
from gestalt_space.service import users
from gestalt_space.service.access import Principal
from gestalt_space.service.dependencies import AdminGallery, Reader, ReaderGallery
from gestalt_space.service.replies import ERRORS, DocumentReply
from gestalt_space.service.requests import Name, NewToken, NewUser, Number, UserChange

router = APIRouter(prefix="/api/v1", tags=["users"], responses=ERRORS)


@router.get("/users", response_model=UsersDocument)
def list_users(gallery: AdminGallery) -> DocumentReply:
    """List the users."""
    return DocumentReply(users_document(users.users(gallery.database)))


@router.post("/users", response_model=UsersDocument, status_code=201)
def add_user(gallery: AdminGallery, asked: NewUser) -> DocumentReply:
    """Add a user. The first one is an admin."""
    role = users.parse_role(asked.role)
    user = users.add_user(gallery.database, asked.name, role, asked.password)
    return DocumentReply(users_document([user]), 201)


@router.patch("/users/{name:path}", response_model=UsersDocument)
def change_user(gallery: AdminGallery, name: Name, asked: UserChange) -> DocumentReply:
    """Give a user another role or password, or let them in no more."""
    if asked.role is None and asked.password is None and asked.disabled is None:
        raise UsageError("There is nothing to change.", "Give role, password or disabled.")
    user = users.change_user(
        gallery.database,
        name,
        role=None if asked.role is None else users.parse_role(asked.role),
        password=asked.password,
        disabled=asked.disabled,
    )
    return DocumentReply(users_document([user]))


@router.delete("/users/{name:path}", status_code=204)
def remove_user(gallery: AdminGallery, name: Name) -> Response:
    """Remove a user with their tokens. What they did stays in the audit trail."""
    users.remove_user(gallery.database, name)
    return Response(status_code=204)


@router.get("/tokens", response_model=TokensDocument)
def list_tokens(
    gallery: ReaderGallery,
    principal: Reader,
    user: Annotated[Name | None, Query(description="Whose; an admin may name others.")] = None,
) -> DocumentReply:
    """List one's own tokens, without what they are."""
    return DocumentReply(tokens_document(users.tokens(gallery.database, _whose(principal, user))))


@router.post("/tokens", response_model=TokenMadeDocument, status_code=201)
def add_token(gallery: ReaderGallery, principal: Reader, asked: NewToken) -> DocumentReply:
    """Make a token for a program. It is shown in this answer alone.

    Refused where a token asks: whoever found one could make another that outlives it.
    """
    if principal.by == "token":
        raise NotAllowed("A token cannot make tokens.", "Ask with name and password.")
    lifetime = timedelta(days=asked.days)
    whose = _whose(principal, asked.user)
    made, record = users.add_token(gallery.database, whose, asked.name, lifetime)
    return DocumentReply(token_made_document(made, record), 201)


@router.delete("/tokens/{number}", status_code=204)
def revoke_token(gallery: ReaderGallery, principal: Reader, number: Number) -> Response:
    """Make one of one's own tokens useless from now on; an admin, anybody's."""
    owner = None if principal.role == "admin" else principal.name
    users.revoke_token(gallery.database, number, owner)
    return Response(status_code=204)


def _whose(principal: Principal, user: str | None) -> str:
    name = principal.name if user is None else normal_name(user)
    if name != principal.name:
        principal.require("admin")
    return name
