"""Logging in, and choosing a language. Logging out is the API's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.responses import RedirectResponse, Response

from gestalt_space.errors import AccessError
from gestalt_space.service import dependencies
from gestalt_space.service.dependencies import client_of
from gestalt_space.service.routers.session import set_login
from gestalt_space.service.web.languages import COOKIE, language_named
from gestalt_space.service.web.page import LOGIN, AnybodysPage, Page, own_address
from gestalt_space.service.web.words import explanation

router = APIRouter(include_in_schema=False)
_YEAR = 365 * 24 * 3600
Next = Annotated[str, Query(alias="next")]


@router.get(LOGIN)
def login(page: AnybodysPage, onward: Next = "/") -> Response:
    """The form; a service without users has none."""
    if page.parts.access.is_open():
        answer = RedirectResponse(page.url(own_address(onward)), 303)
        # Of another service on this machine, or of a user who is gone.
        answer.delete_cookie(dependencies.COOKIE, path=_path(page))
        return answer
    return page.show("login.html", onward=own_address(onward), name="", error=None)


@router.post(LOGIN)
def log_in(
    page: AnybodysPage,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    onward: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Begin a login. What protects this form of a reader who is nobody yet is the check of where
    it came from."""
    onward = own_address(onward)
    try:
        client = client_of(page.request)
        page.parts.rates.check(client)
        secret = page.parts.access.log_in(name, password, client)
    except AccessError as error:
        told = explanation(
            "wrong_password" if error.code == "not_authenticated" else error.code, page.language
        )
        return page.show(
            "login.html",
            error.http_status,
            onward=onward,
            name=name,
            error={"told": told, "detail": f"{error.message} {error.hint}"},
        )
    answer = RedirectResponse(page.url(onward), 303)
    set_login(answer, page.request, secret)
    return answer


@router.get("/language/{name}")
def choose_language(page: AnybodysPage, name: str, onward: Next = "/") -> Response:
    """Show the pages in a language from now on."""
    answer = RedirectResponse(page.url(own_address(onward)), 303)
    language = language_named(name)
    if language is not None:
        answer.set_cookie(
            COOKIE, language, max_age=_YEAR, path=_path(page), httponly=True, samesite="lax"
        )
    return answer


def _path(page: Page) -> str:
    return page.url("") or "/"
