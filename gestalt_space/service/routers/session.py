"""`/api/v1/session`: to log in with a browser, to ask who one is, and to log out."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from gestalt_space.documents.access import SessionDocument, session_document
from gestalt_space.service.access import Principal
from gestalt_space.service.dependencies import COOKIE, PartsOf, Reader, client_of
from gestalt_space.service.replies import ERRORS, DocumentReply
from gestalt_space.service.requests import Login
from gestalt_space.service.secrets import csrf_of

router = APIRouter(prefix="/api/v1", tags=["session"], responses=ERRORS)


@router.get("/session", response_model=SessionDocument)
def who(principal: Reader) -> DocumentReply:
    """Who asks, and what a request with the cookie has to say in X-CSRF-Token."""
    return DocumentReply(_document(principal))


@router.post("/session", response_model=SessionDocument, status_code=201)
def log_in(request: Request, parts: PartsOf, asked: Login) -> DocumentReply:
    """Log in: the answer sets a cookie that a browser sends from then on."""
    client = client_of(request)
    parts.rates.check(client)
    secret = parts.access.log_in(asked.name, asked.password, client)
    reply = DocumentReply(_document(parts.access.by_login(secret)), 201)
    set_login(reply, request, secret)
    return reply


@router.delete("/session", status_code=204)
def log_out(request: Request, parts: PartsOf, principal: Reader) -> Response:
    """End this login."""
    if principal.login:
        parts.access.log_out(principal.login)
    reply = Response(status_code=204)
    reply.delete_cookie(COOKIE, path=_path(request))
    return reply


def set_login(reply: Response, request: Request, secret: str) -> None:
    """Let a browser be logged in: no script reads the cookie, and no other site's page sends it."""
    reply.set_cookie(
        COOKIE,
        secret,
        path=_path(request),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def _path(request: Request) -> str:
    return request.scope.get("root_path", "") or "/"


def _document(principal: Principal) -> SessionDocument:
    csrf = csrf_of(principal.login) if principal.login else None
    return session_document(principal.name, principal.role, principal.by, csrf)
