from __future__ import annotations

from starlette.testclient import TestClient

from gestalt_space.home import Gallery
from gestalt_space.service import users
from gestalt_space.service.dependencies import COOKIE
from tests.service.conftest import PASSWORD, Serve, SignIn


def test_an_admin_manages_users(client: TestClient, sign_in: SignIn, gallery: Gallery) -> None:
    headers = sign_in("admin")
    new = {"name": "Anna/ward 3", "role": "reader", "password": PASSWORD}
    added = client.post("/api/v1/users", json=new, headers=headers)
    assert (added.status_code, added.json()["users"][0]["has_password"]) == (201, True)
    assert client.post("/api/v1/users", json=new, headers=headers).status_code == 409
    where = "/api/v1/users/Anna/ward 3"
    changed = client.patch(where, json={"role": "curator", "disabled": True}, headers=headers)
    user = changed.json()["users"][0]
    assert (user["role"], user["is_disabled"]) == ("curator", True)
    listed = client.get("/api/v1/users", headers=headers)
    assert [one["name"] for one in listed.json()["users"]] == ["Anna/ward 3", "root", "the admin"]
    assert PASSWORD not in listed.text
    assert client.patch(where, json={}, headers=headers).status_code == 400
    assert client.patch(where, json={"role": "king"}, headers=headers).status_code == 400
    assert client.delete(where, headers=headers).status_code == 204
    assert client.delete(where, headers=headers).status_code == 409
    told = [one.told for one in gallery.log() if one.actor == "the admin"]
    assert told[-1] == ("user Anna/ward 3", "removed")


def test_everybody_has_their_own_tokens(client: TestClient, gallery: Gallery) -> None:
    users.add_user(gallery.database, "root", "admin", PASSWORD)
    users.add_user(gallery.database, "anna", "reader", PASSWORD)
    anna, root = ("anna", PASSWORD), ("root", PASSWORD)
    ask = "/api/v1/tokens"
    made = client.post(ask, json={"name": "exomes", "days": 30}, auth=anna)
    assert (made.status_code, made.json()["about"]["user"]) == (201, "anna")
    header = {"Authorization": f"Bearer {made.json()['token']}"}
    assert client.get("/api/v1/session", headers=header).json()["user"] == "anna"
    listed = client.get(ask, headers=header)
    assert [one["name"] for one in listed.json()["tokens"]] == ["exomes"]
    assert made.json()["token"] not in listed.text
    more = client.post(ask, json={}, headers=header)
    assert (more.status_code, more.json()["error"]["code"]) == (403, "not_allowed")
    other = client.post(ask, json={"user": "anna"}, auth=root).json()["about"]["number"]
    for_root = client.post(ask, json={}, auth=root).json()["about"]["number"]
    assert client.get(ask, params={"user": "root"}, auth=anna).status_code == 403
    assert client.post(ask, json={"user": "root"}, auth=anna).status_code == 403
    assert client.delete(f"{ask}/{for_root}", auth=anna).status_code == 409
    assert client.delete(f"{ask}/{other}", auth=anna).status_code == 204
    number = made.json()["about"]["number"]
    assert client.delete(f"{ask}/{number}", auth=root).status_code == 204
    assert client.get("/api/v1/session", headers=header).status_code == 401


def test_a_login_is_a_cookie_that_no_script_reads(client: TestClient, gallery: Gallery) -> None:
    users.add_user(gallery.database, "anna", "admin", PASSWORD)
    wrong = client.post("/api/v1/session", json={"name": "anna", "password": "wrong"})
    assert (wrong.status_code, COOKIE in wrong.cookies) == (401, False)
    login = client.post("/api/v1/session", json={"name": "anna", "password": PASSWORD})
    kept = login.headers["set-cookie"].lower()
    assert login.status_code == 201
    assert "httponly" in kept
    assert "samesite=strict" in kept
    assert "path=/;" in kept
    assert "secure" not in kept
    here = client.get("/api/v1/session").json()
    assert here == login.json()
    assert (here["user"], here["role"], here["by"]) == ("anna", "admin", "login")
    body = {"patient": "P3", "consent": "research"}
    assert client.post("/api/v1/consents", json=body).status_code == 403
    csrf = {"X-CSRF-Token": here["csrf"]}
    assert client.post("/api/v1/consents", json=body, headers=csrf).status_code == 200
    assert client.delete("/api/v1/session", headers=csrf).status_code == 204
    assert client.get("/api/v1/session").status_code == 401


def test_over_https_the_cookie_goes_nowhere_else(client: TestClient, gallery: Gallery) -> None:
    users.add_user(gallery.database, "anna", "admin", PASSWORD)
    client = TestClient(client.app, base_url="https://localhost", root_path="/gestalt")
    login = client.post("/api/v1/session", json={"name": "anna", "password": PASSWORD})
    kept = login.headers["set-cookie"]
    assert "; Secure" in kept
    assert "; Path=/gestalt" in kept


def test_logins_are_counted_by_address(serve: Serve) -> None:
    client = serve(per_minute=2)
    body = {"name": "anna", "password": "wrong"}
    codes = [client.post("/api/v1/session", json=body).status_code for _ in range(3)]
    assert codes == [401, 401, 429]


def test_on_this_machine_without_users_one_is_an_admin(client: TestClient) -> None:
    here = client.get("/api/v1/session").json()
    assert (here["role"], here["by"], here["csrf"]) == ("admin", "this machine", None)
    assert client.get("/api/v1/users").json()["users"] == []
