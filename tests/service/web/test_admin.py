"""The pages Admin and Account: who sees them, and that forms do what they say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from gestalt_space.errors import NotAuthenticated
from gestalt_space.home import Gallery
from gestalt_space.service import users
from gestalt_space.service.dependencies import parts_of
from tests.pages.conftest import NASTY
from tests.pages.parsed import Page
from tests.service.conftest import PASSWORD, SignIn

HTML = {"Accept": "text/html"}


HERE = "address 192.0.2.7"


def read(client: TestClient, address: str, headers: dict[str, str] | None = None) -> Page:
    answer = client.get(address, headers={**HTML, **(headers or {})})
    assert answer.status_code == 200, answer.text
    assert "<script>alert" not in answer.text
    page = Page(answer.text)
    assert page.open == []
    return page


def test_a_service_without_users_says_how_it_is(client: TestClient):
    page = read(client, "/admin")
    assert "There are no users" in page.text
    assert "Ready: a photo would be compared." in page.text
    assert client.get("/account", headers=HTML).status_code == 403


@pytest.mark.parametrize("address", ["/admin", "/admin/audit"])
def test_admins_alone_see_it(client: TestClient, sign_in: SignIn, address: str):
    curator, admin = sign_in("curator"), sign_in("admin")
    assert client.get(address, headers={**curator, **HTML}).status_code == 403
    read(client, address, admin)
    places = {role: [one["href"] for one in read(client, "/", who).of("a")]
              for role, who in (("curator", curator), ("admin", admin))}  # fmt: skip
    assert "/admin" in places["admin"]
    assert "/admin" not in places["curator"]


def test_what_the_forms_send_changes_a_user(client: TestClient, sign_in: SignIn, gallery: Gallery):
    admin = sign_in("admin")
    new = {"name": "A b/c", "role": "reader", "password": PASSWORD}
    assert client.post("/api/v1/users", json=new, headers=admin).status_code == 201
    actions = [one["action"] for one in read(client, "/admin", admin).of("form")]
    address = "/api/v1/users/A%20b/c"
    assert address in actions
    for change in ({"role": "curator"}, {"disabled": "true"}):
        assert client.patch(address, json=change, headers=admin).status_code == 200
    (found,) = [one for one in users.users(gallery.database) if one.name == "A b/c"]
    assert (found.role, found.is_disabled) == ("curator", True)


def test_hostile_names_are_text(client: TestClient, sign_in: SignIn, gallery: Gallery):
    admin = sign_in("admin")
    name = NASTY.replace(":", "")
    users.add_user(gallery.database, name, "reader", None)
    users.add_token(gallery.database, name, NASTY, timedelta(days=1))
    for address in ("/admin", "/admin/audit"):
        page = read(client, address, admin)
        assert name in "".join(page.texts)
        assert [one for _, one in page.elements if "onload" in one] == []


def test_the_trail_is_read_page_by_page(client: TestClient, gallery: Gallery):
    for _ in range(60):
        gallery.look_at("P0")
    page = read(client, "/admin/audit?patient=P0")
    assert len(page.of("tr")) == 51
    (older,) = [one["href"] for one in page.of("a") if one.get("rel") == "next"]
    rest = read(client, older or "")
    assert 10 < len(rest.of("tr")) < 51
    assert client.get("/admin/audit?patient=nobody", headers=HTML).status_code == 404


def test_a_reader_changes_their_own_password(client: TestClient, gallery: Gallery):
    users.add_user(gallery.database, "Anna", "admin", PASSWORD)
    form = {"old": "wrong", "new": "another long password"}
    access = parts_of(client.app).access  # type: ignore[arg-type]
    asked = {"auth": ("Anna", PASSWORD)}
    refused = client.post("/account/password", data=form, **asked)  # type: ignore[arg-type]
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "usage")
    done = client.post("/account/password", data={**form, "old": PASSWORD}, **asked)  # type: ignore[arg-type]
    assert done.status_code == 204
    assert access.by_password("Anna", form["new"], HERE).name == "Anna"
    with pytest.raises(NotAuthenticated):
        access.by_password("Anna", PASSWORD, HERE)


def test_a_token_is_shown_once(client: TestClient, gallery: Gallery):
    users.add_user(gallery.database, "root", "admin", None)
    users.add_user(gallery.database, "Anna", "reader", PASSWORD)
    asked = {"auth": ("Anna", PASSWORD)}
    made = client.post("/account/tokens", data={"name": "pipeline", "days": "9"}, **asked)  # type: ignore[arg-type]
    secret = Page(made.text).texts
    (token,) = [one for one in secret if len(one) > 30 and " " not in one]
    bearer = {"Authorization": f"Bearer {token}"}
    page = read(client, "/account", bearer)
    assert "pipeline" in page.text
    assert token not in page.text
    assert client.post("/account/tokens", headers=bearer).status_code == 403
    other = client.post("/account/tokens", data={"user": "root"}, **asked)  # type: ignore[arg-type]
    assert other.status_code == 403
