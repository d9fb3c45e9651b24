"""Every address of the pages, and from which role on it answers: whoever adds one says it here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.routing import BaseRoute, Route
from starlette.testclient import TestClient

from gestalt_space.service import users
from gestalt_space.service.protection import SAFE_METHODS
from gestalt_space.store.accounts import Role
from gestalt_space.store.service_tables import ROLES
from tests.service.conftest import PASSWORD, SignIn

ROUTES: dict[tuple[str, str], Role | None] = {
    ("GET", "/api/v1/openapi.json"): None,
    ("GET", "/static/{digest}/{name}"): None,
    ("GET", "/login"): None,
    ("POST", "/login"): None,
    ("GET", "/language/{name}"): None,
    ("GET", "/"): "reader",
    ("POST", "/ask"): "reader",
    ("POST", "/ask/faces"): "reader",
    ("POST", "/ask/report"): "reader",
    ("POST", "/ask/comparison"): "reader",
    ("GET", "/ask/composite"): "reader",
    ("GET", "/ask/terms"): "reader",
    ("GET", "/ask/terms/{term}"): "reader",
    ("GET", "/gallery"): "reader",
    ("GET", "/gallery/patient"): "reader",
    ("POST", "/gallery/match"): "reader",
    ("GET", "/gallery/undiagnosed"): "reader",
    ("POST", "/gallery/undiagnosed"): "reader",
    ("GET", "/cohorts"): "reader",
    ("POST", "/cohorts"): "reader",
    ("GET", "/cohorts/jobs"): "reader",
    ("GET", "/cohorts/jobs/{key}"): "reader",
    ("POST", "/cohorts/jobs/{key}/cancel"): "reader",
    ("GET", "/account"): "reader",
    ("POST", "/account/password"): "reader",
    ("POST", "/account/tokens"): "reader",
    ("GET", "/gallery/import"): "contributor",
    ("POST", "/gallery/import"): "contributor",
    ("POST", "/gallery/import/preview"): "contributor",
    ("POST", "/gallery/facts"): "curator",
    ("POST", "/gallery/photo"): "curator",
    ("POST", "/gallery/move"): "curator",
    ("GET", "/gallery/merging"): "curator",
    ("POST", "/gallery/merge"): "curator",
    ("POST", "/gallery/split"): "curator",
    ("POST", "/gallery/undo"): "curator",
    ("POST", "/gallery/removal"): "curator",
    ("POST", "/gallery/erasure"): "curator",
    ("GET", "/admin"): "admin",
    ("GET", "/admin/audit"): "admin",
    ("GET", "/admin/backups"): "admin",
    ("POST", "/admin/backups"): "admin",
}


def hidden(routes: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Addresses that the description of the API does not have."""
    for route in routes:
        if isinstance(route, Route) and not route.include_in_schema:
            yield from ((method, route.path) for method in (route.methods or set()) - {"HEAD"})
        yield from hidden(getattr(route, "routes", None) or [])


def test_every_address_of_the_pages_is_here(client: TestClient) -> None:
    assert {*hidden(client.app.routes)} == {*ROUTES}  # type: ignore[attr-defined]


@pytest.mark.parametrize("below", [None, *ROLES[:-1]])
def test_nobody_below_the_role_of_an_address_is_answered(
    client: TestClient, sign_in: SignIn, below: Role | None
) -> None:
    who = sign_in(below or "reader")
    headers = {} if below is None else who
    rank = -1 if below is None else ROLES.index(below)
    refused = [way for way, role in ROUTES.items() if role and ROLES.index(role) > rank]
    assert refused
    for method, path in refused:
        answer = client.request(method, path, headers=headers)
        error = answer.json()["error"]["code"]
        expected = (401, "not_authenticated") if below is None else (403, "not_allowed")
        assert (answer.status_code, error) == expected, (method, path)


def test_a_login_alone_sends_no_form(client: TestClient, sign_in: SignIn) -> None:
    """A page of another site has the cookie of a login, and not its token."""
    sign_in("reader")
    users.change_user(client.app.state.parts.gallery.database, "root", password=PASSWORD)  # type: ignore[attr-defined]
    login = {"name": "root", "password": PASSWORD}
    assert client.post("/login", data=login, follow_redirects=False).status_code == 303
    for method, path in ROUTES:
        if method not in SAFE_METHODS and path != "/login":
            answer = client.request(method, path)
            assert answer.status_code == 403, (method, path)
            assert "The page is too old" in answer.json()["error"]["message"]
