"""What all pages have: logging in and out, the language, headers, errors that are pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from gestalt_space import service
from gestalt_space.home import Gallery
from gestalt_space.service import users
from gestalt_space.service.web.assets import assets_digest
from gestalt_space.service.web.languages import language_named, language_of, tag_of
from gestalt_space.service.web.page import own_address
from tests.pages.conftest import NASTY
from tests.pages.parsed import Page
from tests.service.conftest import PASSWORD

HTML = {"Accept": "text/html"}


@pytest.fixture
def known(client: TestClient, gallery: Gallery) -> TestClient:
    """A service whose only user is an admin."""
    users.add_user(gallery.database, "Anna", "admin", PASSWORD)
    return client


def log_in(client: TestClient, password: str = PASSWORD, onward: str = "/"):
    form = {"name": "Anna", "password": password, "next": onward}
    return client.post("/login", data=form, headers=HTML, follow_redirects=False)


def csrf(client: TestClient) -> dict[str, str]:
    page = Page(client.get("/", headers=HTML).text)
    return {"X-CSRF-Token": page.of("html")[0]["data-csrf"] or ""}


def test_a_service_without_users_needs_no_login(client: TestClient):
    answer = client.get("/login?next=/somewhere", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/somewhere")
    assert client.get("/", headers=HTML).status_code == 200


def test_who_is_not_logged_in_is_sent_to_the_login_and_back(known: TestClient):
    sent = known.get("/?patient=P 1", headers=HTML, follow_redirects=False)
    assert sent.status_code == 303
    form = Page(known.get(sent.headers["location"]).text)
    (onward,) = [one["value"] for one in form.of("input") if one["name"] == "next"]
    answer = log_in(known, onward=onward or "")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?patient=P%201")
    assert known.get("/", headers=HTML).status_code == 200


def test_a_script_that_is_not_logged_in_gets_the_error(known: TestClient):
    answer = known.post("/ask", headers={"Accept": "*/*"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")


def test_an_error_is_a_page_where_a_browser_opens_it(client: TestClient):
    answer = client.get("/ask/terms/HP:1", headers={**HTML, "Accept-Language": "de"})
    assert answer.status_code == 404
    assert "nicht mehr in der Galerie" in Page(answer.text).text
    script = client.get("/ask/terms/HP:1", headers={"Accept": "*/*"})
    assert script.json()["error"]["code"] == "not_in_gallery"


@pytest.mark.parametrize("problem", [RuntimeError(NASTY), OSError(28, NASTY)])
def test_a_fault_is_a_page_where_a_browser_opens_it(
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    problem: Exception,
):
    def broken(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr("gestalt_space.home.Gallery.look_through", broken)
    german = {**HTML, "Accept-Language": "de"}
    answer = client.get("/gallery", headers=german)
    assert answer.status_code == 500
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = Page(answer.text)
    assert (page.open, page.of("html")[0]["lang"]) == ([], "de")
    assert [one for one in page.of("div") if one.get("role") == "alert"]
    assert "<script>alert" not in answer.text
    for address, headers in (("/gallery", {"Accept": "*/*"}), ("/api/v1/patients", german)):
        told = client.get(address, headers=headers)
        assert (told.status_code, told.json()["document"]) == (500, "error")
        assert "default-src 'none'" in told.headers["content-security-policy"]
    assert "test_frame.py" in caplog.text
    assert isinstance(problem, OSError) or NASTY not in caplog.text + answer.text


def test_an_address_that_is_not_there_is_a_page_in_a_browser(client: TestClient):
    german = {**HTML, "Accept-Language": "de"}
    for address in ("/galery", "/static/0/page.js"):
        answer = client.get(address, headers=german)
        assert answer.status_code == 404
        assert "Diese Seite gibt es nicht." in Page(answer.text).text
        assert client.get(address).json()["error"]["code"] == "usage"
    assert client.get("/api/v1/galery", headers=german).json()["error"]["code"] == "usage"
    assert client.post("/predict", headers=german).json()["error"]["code"] == "usage"


def test_a_page_of_an_error_leads_on_for_who_is_logged_in(known: TestClient):
    def places() -> list[str | None]:
        page = Page(known.get("/nowhere", headers=HTML, follow_redirects=False).text)
        return [one["href"] for one in page.of("a") if one["href"] == "/gallery"]

    assert places() == []
    log_in(known)
    assert places() == ["/gallery"]


def test_the_cookie_of_a_login_is_for_this_service_alone(known: TestClient):
    cookie = log_in(known).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert "max-age" not in cookie


def test_a_wrong_password_is_told_in_the_readers_language(known: TestClient):
    known.cookies.set("gestalt_language", "de")
    answer = log_in(known, "wrong")
    assert answer.status_code == 401
    assert "Name oder Passwort ist falsch." in answer.text


@pytest.mark.parametrize(
    "address", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:x", ""]
)
def test_a_login_leads_to_no_other_place(address: str):
    assert own_address(address) == "/"
    assert own_address("/gallery?patient=P%201") == "/gallery?patient=P%201"


def test_another_site_logs_nobody_in(known: TestClient):
    answer = known.post(
        "/login",
        data={"name": "Anna", "password": PASSWORD},
        headers={"Origin": "https://evil.example"},
    )
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_logging_out_needs_the_token_of_the_page_and_ends_the_login(known: TestClient):
    log_in(known)
    assert known.delete("/api/v1/session").status_code == 403
    assert known.get("/", headers=HTML).status_code == 200
    secret = known.cookies["gestalt_login"]
    assert known.delete("/api/v1/session", headers=csrf(known)).status_code == 204
    known.cookies.set("gestalt_login", secret)
    assert known.get("/", headers=HTML, follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("", "en"),
        ("fr", "en"),
        ("de-AT,en;q=0.8", "de"),
        ("fr, en;q=0.4, zh-TW;q=0.9", "zh-Hant"),
        ("zh", "zh-Hant"),
        ("de;q=0, en", "en"),
        ("de;q=nonsense", "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_prefers(wanted: str, language: str):
    scope = {"type": "http", "headers": [(b"accept-language", wanted.encode())]}
    assert tag_of(language_of(Request(scope))) == language


def test_a_language_can_be_chosen(client: TestClient):
    client.get("/language/zh_Hant?next=/")
    answer = client.get("/", headers={**HTML, "Accept-Language": "de"})
    assert Page(answer.text).of("html")[0]["lang"] == "zh-Hant"
    assert language_named("tlh") is None


def test_pages_and_files_have_the_policy_and_hold_nothing_that_it_forbids(client: TestClient):
    answer = client.get("/", headers=HTML)
    page = Page(answer.text)
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert page.of("style") == []
    assert [one for _, one in page.elements for name in one if name.startswith("on")] == []
    assert [one for _, one in page.elements if "style" in one] == []
    for script in page.of("script"):
        assert script.get("src") or script.get("type") == "application/json"


def test_files_are_kept_for_good_under_an_address_that_changes_with_them(client: TestClient):
    page = Page(client.get("/", headers=HTML).text)
    sources = [one["src"] for one in page.of("script") if one.get("src")]
    assert sources
    for source in sources:
        answer = client.get(source or "")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/0000000000000000/page.js").status_code == 404
    assert client.get(f"/static/{assets_digest()}/..%2Fapp.py").status_code == 404


def test_behind_a_proxy_addresses_begin_with_its_path(client: TestClient):
    proxied = TestClient(client.app, base_url="http://localhost", root_path="/clinic")
    page = Page(proxied.get("/clinic/", headers=HTML).text)
    addresses = [one.get("href") or one.get("src") for name, one in page.elements
                 if name in ("a", "link", "script")]  # fmt: skip
    own = [one for one in addresses if one and not one.startswith("#")]
    assert own
    assert all(one.startswith("/clinic/") for one in own)


@pytest.mark.parametrize("address", ["/clinic/gallery", "/clinic/clinic/gallery"])
def test_a_proxy_may_leave_its_path_in_the_address_or_take_it_away(
    client: TestClient, address: str
):
    # The web server puts the path before every address.
    proxied = TestClient(client.app, base_url="http://localhost", root_path="/clinic")
    answer = proxied.get(address, headers=HTML)
    assert answer.status_code == 200
    assert 'method="GET",route="/gallery",status="200"' in client.get("/metrics").text
    assert {"href": "/clinic/gallery", "aria-current": "page"} in Page(answer.text).of("a")


def test_hostile_names_are_text(known: TestClient):
    answer = known.post(
        "/login", data={"name": NASTY, "password": "x", "next": f"/{NASTY}"}, headers=HTML
    )
    page = Page(answer.text)
    values = {one["name"]: one["value"] for one in page.of("input") if one.get("value")}
    assert (values["name"], values["next"]) == (NASTY, f"/{NASTY}")
    assert "<script>alert" not in answer.text


def test_scripts_stay_small():
    scripts = list((Path(service.__file__).parent / "static").glob("*.js"))
    assert scripts
    assert sum(len(one.read_text(encoding="utf-8").splitlines()) for one in scripts) < 500
