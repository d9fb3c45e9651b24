"""A page for one reader: in their language, with what their role may see, and with errors that are
pages themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gestalt_space import __version__
from gestalt_space.errors import GestaltError, NotAllowed, NotAuthenticated, UsageError
from gestalt_space.home import Gallery
from gestalt_space.service.access import Principal
from gestalt_space.service.dependencies import Parts, parts_of, principal_of
from gestalt_space.service.hints import in_fields
from gestalt_space.service.secrets import csrf_of
from gestalt_space.service.web.assets import assets_digest
from gestalt_space.service.web.environment import environment
from gestalt_space.service.web.languages import LANGUAGES, Language, language_of, tag_of
from gestalt_space.service.web.words import AGGREGATION_NAMES, N_, explanation, script_words
from gestalt_space.store.accounts import Role

LOGIN = "/login"


@dataclass(frozen=True, slots=True)
class Place:
    """A place of the header: its name, its address, and the least role that sees it."""

    name: str
    address: str
    role: Role


PLACES = (
    Place(N_("Ask"), "/", "reader"),
    Place(N_("Gallery"), "/gallery", "reader"),
    Place(N_("Cohorts"), "/cohorts", "reader"),
    Place(N_("Admin"), "/admin", "admin"),
)


@dataclass(frozen=True, slots=True)
class Page:
    """What a page is made for. `principal`: the reader, None before they have logged in."""

    request: Request
    parts: Parts
    language: Language
    principal: Principal | None

    @property
    def reader(self) -> Principal:
        """The reader of a page that needs a role."""
        assert self.principal is not None, "the page is for anybody"  # noqa: S101
        return self.principal

    @property
    def gallery(self) -> Gallery:
        """The gallery, on behalf of the reader."""
        return self.parts.gallery.acting_for(self.reader.name)

    @property
    def path(self) -> str:
        """The address of the page in the service."""
        path: str = self.request.scope["path"].removeprefix(self.url(""))
        return path or "/"

    @property
    def asked(self) -> str:
        """The address of the page with its query, to come back to."""
        query = self.request.url.query
        return f"{self.path}?{query}" if query else self.path

    def url(self, address: str) -> str:
        """An address of the service as the browser has to ask for it, behind a proxy too."""
        root: str = self.request.scope.get("root_path", "")
        return f"{root.rstrip('/')}{address}"

    def crop_of(self, patient: str, photo: str | None) -> str | None:
        """Where the aligned face of a patient's photo is shown, if it may be; None of no photo."""
        if photo is None:
            return None
        address = f"/api/v1/faces/{quote(patient, safe='')}/crop?photo={quote(photo, safe='')}"
        return self.url(address)

    def may(self, role: Role) -> bool:
        """Whether the reader has a role."""
        if self.principal is None:
            return False
        try:
            self.principal.require(role)
        except NotAllowed:
            return False
        return True

    def show(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        """A template as the answer: a page, or a part of one."""
        return HTMLResponse(self.text(template, **values), status)

    def text(self, template: str, **values: object) -> str:
        """A template in the reader's language. Raises `jinja2.UndefinedError` for a value that is
        missing."""
        login = "" if self.principal is None else self.principal.login
        return (
            environment(self.language)
            .get_template(template)
            .render(
                page=self,
                url=self.url,
                asset=lambda name: self.url(f"/static/{assets_digest()}/{name}"),
                may=self.may,
                explain=lambda code: explanation(code, self.language),
                lang=tag_of(self.language),
                languages=[(name, tag_of(key), key) for key, name in LANGUAGES.items()],
                places=[place for place in PLACES if self.may(place.role)],
                here=self.path,
                asked=self.asked,
                reader=self.principal.name if login and self.principal else None,
                csrf=csrf_of(login) if login else "",
                words=script_words(self.language),
                aggregations=AGGREGATION_NAMES,
                version=__version__,
                **values,
            )
        )


def own_address(address: str) -> str:
    """An address to go on to, the first page where it is none of ours: links of others must not
    lead away from here."""
    parts = urlsplit(address)
    is_own = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_own and not parts.scheme and not parts.netloc else "/"


def _anybody(request: Request) -> Page:
    return Page(request, parts_of(request.app), language_of(request), None)


def _with_role(role: Role) -> Callable[[Request, Principal], Awaitable[Page]]:
    async def page(
        request: Request, principal: Annotated[Principal, Depends(principal_of)]
    ) -> Page:
        principal.require(role)
        return Page(request, parts_of(request.app), language_of(request), principal)

    return page


AnybodysPage = Annotated[Page, Depends(_anybody)]
ReaderPage = Annotated[Page, Depends(_with_role("reader"))]
ContributorPage = Annotated[Page, Depends(_with_role("contributor"))]
CuratorPage = Annotated[Page, Depends(_with_role("curator"))]
AdminPage = Annotated[Page, Depends(_with_role("admin"))]


def problem_page(request: Request, error: GestaltError) -> Response | None:
    """An error as a page in the reader's language; None for scripts, and for what programs ask."""
    page = _anybody(request)
    route = request.scope.get("route")
    is_of_programs = page.path.startswith("/api/") or getattr(route, "include_in_schema", False)
    if is_of_programs or "text/html" not in request.headers.get("accept", ""):
        return None
    if isinstance(error, NotAuthenticated):
        # The query of what was asked may name a patient, and stays in this browser.
        address = f"{page.url(LOGIN)}?next={quote(page.asked, safe='')}"
        return RedirectResponse(address, 303)
    # What failed here may fail again where the reader is looked up.
    if error.http_status < 500:
        with suppress(GestaltError):
            page = replace(page, principal=principal_of(request))
    is_nowhere = error.http_status == 404 and isinstance(error, UsageError)
    told = explanation("no_page" if is_nowhere else error.code, page.language)
    return page.show("problem.html", error.http_status, error=in_fields(error), explanation=told)
