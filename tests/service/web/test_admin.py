"""The pages Admin and Account: who sees them, and that forms do what they say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gestalt_space.errors import NotAuthenticated
from gestalt_space.home import Gallery
from gestalt_space.service import users
from gestalt_space.service.dependencies import parts_of
from tests.pages.conftest import NASTY
from tests.pages.parsed import Page
from tests.service.conftest import PASSWORD, Serve, SignIn
from tests.service.routers.test_jobs import ended

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
    account = read(client, "/account")
    assert "There are no users" in account.text
    assert "/admin" in [one["href"] for one in account.of("a") if one.get("class") == "button"]
    change = {"old": PASSWORD, "new": PASSWORD}
    assert client.post("/account/password", data=change).status_code == 403


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


def test_a_user_is_removed_and_the_last_admin_is_not(
    client: TestClient, sign_in: SignIn, gallery: Gallery
):
    admin, name = sign_in("admin"), NASTY.replace(":", "")
    users.add_user(gallery.database, name, "reader", None)
    forms = [one for one in read(client, "/admin", admin).of("form") if one["method"] == "delete"]
    asked = {one["action"]: one["data-confirm"] or "" for one in forms}
    (address,) = [one for one, question in asked.items() if name in question]
    assert client.delete(address or "", headers=sign_in("curator")).status_code == 403
    assert client.delete(address or "", headers=admin).status_code == 204
    assert name not in [one.name for one in users.users(gallery.database)]
    for one in ("root", "the%20admin"):
        last = client.delete(f"/api/v1/users/{one}", headers=admin)
    assert (last.status_code, last.json()["error"]["code"]) == (409, "user")
    assert client.get("/admin", headers={**admin, **HTML}).status_code == 200


def test_a_backup_is_made_on_the_server_by_admins_alone(
    serve: Serve, sign_in: SignIn, tmp_path: Path
):
    place = tmp_path / f"backups {NASTY.replace('/', '')}"
    place.mkdir()
    client, admin, curator = serve(backups=place), sign_in("admin"), sign_in("curator")
    for address in ("/admin/backups", "/api/v1/jobs/backup"):
        assert client.post(address, json={}, headers=curator).status_code == 403
    assert "cannot be downloaded" in read(client, "/admin", admin).text
    begun = client.post("/admin/backups", headers=admin)
    assert begun.status_code == 200, begun.text
    (job,) = client.get("/api/v1/jobs", headers=admin).json()["jobs"]
    done = ended(client, job["id"], headers=admin)
    assert (done["state"], done["error"], done["files"]) == ("done", None, [])
    (made,) = place.iterdir()
    assert (made / "manifest.json").is_file()
    page = read(client, "/admin", admin)
    assert str(made) in "".join(page.texts)
    result = f"/cohorts/jobs/{job['id']}"
    assert result in [one["href"] for one in page.of("a")]
    assert "MB on the disk" in read(client, result, admin).text
    assert client.get(result, headers={**sign_in("reader"), **HTML}).status_code == 403
    assert "Backup" not in client.get("/cohorts/jobs", headers=admin).text


def test_without_a_folder_for_backups_the_page_says_how(client: TestClient):
    page = read(client, "/admin")
    assert "--backups FOLDER" in page.text
    assert "/admin/backups" not in [one["action"] for one in page.of("form")]
    refused = client.post("/admin/backups")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "usage")


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
