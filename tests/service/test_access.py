from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from gestalt_space.errors import (
    DatabaseError,
    NotAuthenticated,
    TooManyRequests,
    UsageError,
    UserError,
)
from gestalt_space.home import Gallery
from gestalt_space.service import users
from gestalt_space.service.access import Access
from gestalt_space.service.configuration import ServiceOptions
from gestalt_space.store import accounts
from gestalt_space.store.tables import ApiToken
from tests.service.conftest import PASSWORD, Serve, SignIn

ASK = "/api/v1/faces"
HERE = "address 192.0.2.7"


def test_on_this_machine_nobody_logs_in_until_there_is_a_user(
    client: TestClient, photo: tuple[str, bytes], gallery: Gallery
) -> None:
    assert client.post(ASK, files={"photo": photo}).status_code == 200
    users.add_user(gallery.database, "anna", "admin", None)
    answer = client.post(ASK, files={"photo": photo})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_service_for_others_lets_nobody_in_without_users(
    serve: Serve, photo: tuple[str, bytes]
) -> None:
    assert serve(host="0.0.0.0").post(ASK, files={"photo": photo}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-Host": "gestalt.example"},
        {"X-Real-IP": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"Via": "1.1 proxy"},
    ],
)
def test_who_comes_through_a_proxy_is_not_somebody_on_this_machine(
    client: TestClient, photo: tuple[str, bytes], headers: dict[str, str]
) -> None:
    assert client.post(ASK, files={"photo": photo}, headers=headers).status_code == 401


def test_a_token_lets_in_until_it_is_revoked(
    client: TestClient, sign_in: SignIn, gallery: Gallery, photo: tuple[str, bytes]
) -> None:
    header = sign_in("reader")
    assert client.post(ASK, files={"photo": photo}, headers=header).status_code == 200
    (token,) = users.tokens(gallery.database, "the reader")
    assert token.last_used_at is not None
    users.revoke_token(gallery.database, token.id)
    assert client.post(ASK, files={"photo": photo}, headers=header).status_code == 401


def test_a_token_that_has_expired_lets_nobody_in(
    client: TestClient, sign_in: SignIn, gallery: Gallery, photo: tuple[str, bytes]
) -> None:
    header = sign_in("reader")
    with gallery.database.writing() as session:
        for row in session.query(ApiToken):
            row.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert client.post(ASK, files={"photo": photo}, headers=header).status_code == 401


def test_a_disabled_user_is_not_let_in(
    client: TestClient, sign_in: SignIn, gallery: Gallery, photo: tuple[str, bytes]
) -> None:
    header = sign_in("reader")
    users.change_user(gallery.database, "the reader", disabled=True)
    assert client.post(ASK, files={"photo": photo}, headers=header).status_code == 401


def test_wrong_passwords_are_answered_alike_whether_or_not_somebody_has_the_name(
    serve: Serve, gallery: Gallery, photo: tuple[str, bytes]
) -> None:
    users.add_user(gallery.database, "anna", "admin", PASSWORD)
    client = serve(most_failures=2)

    def ask(name: str) -> tuple[int, str, str | None]:
        answer = client.post(ASK, files={"photo": photo}, auth=(name, "wrong"))
        return answer.status_code, answer.text, answer.headers.get("retry-after")

    known, unknown = [ask("anna") for _ in range(3)], [ask("nobody") for _ in range(3)]
    assert [status for status, _, _ in known] == [401, 401, 429]
    assert known == unknown


def test_no_address_locks_another_one_out(
    serve: Serve, gallery: Gallery, photo: tuple[str, bytes]
) -> None:
    users.add_user(gallery.database, "anna", "admin", PASSWORD)
    attacker = serve(most_failures=2)
    known = TestClient(attacker.app, base_url="http://localhost", client=("192.0.2.1", 50_000))
    guesses = [
        attacker.post("/api/v1/session", json={"name": "anna", "password": "wrong"})
        for _ in range(3)
    ]
    assert [answer.status_code for answer in guesses] == [401, 401, 429]
    login = {"name": "anna", "password": PASSWORD}
    assert attacker.post("/api/v1/session", json=login).status_code == 429
    assert known.post("/api/v1/session", json=login).status_code == 201
    told = [change for entry in gallery.log(newest=5) for change in entry.told]
    assert any("2 wrong passwords before the right one" in one for one in told), told


def test_a_disabled_user_with_the_right_password_is_answered_as_anybody(gallery: Gallery) -> None:
    users.add_user(gallery.database, "root", "admin", None)
    users.add_user(gallery.database, "anna", "reader", PASSWORD)
    users.change_user(gallery.database, "anna", disabled=True)
    service = Access(gallery.database, ServiceOptions(most_failures=1))
    with pytest.raises(NotAuthenticated):
        service.by_password("anna", PASSWORD, HERE)
    with pytest.raises(TooManyRequests):
        service.by_password("anna", PASSWORD, HERE)


def test_the_addresses_of_an_ipv6_network_count_as_one(
    serve: Serve, gallery: Gallery, photo: tuple[str, bytes]
) -> None:
    users.add_user(gallery.database, "anna", "admin", PASSWORD)
    app = serve(most_failures=2).app
    statuses = [
        TestClient(app, base_url="http://localhost", client=(address, 50_000))
        .post(ASK, files={"photo": photo}, auth=("anna", "wrong"))
        .status_code
        for address in ("2001:db8::1", "2001:db8::2:2", "2001:db8::3", "2001:db8:0:1::1")
    ]
    assert statuses == [401, 401, 429, 401]


def test_a_right_password_forgets_the_wrong_ones_before(gallery: Gallery) -> None:
    users.add_user(gallery.database, "anna", "admin", PASSWORD)
    service = Access(gallery.database, ServiceOptions(most_failures=2))
    for _ in range(3):
        with pytest.raises(NotAuthenticated):
            service.by_password("anna", "wrong", HERE)
        assert service.by_password("anna", PASSWORD, HERE).name == "anna"


def test_a_password_that_was_changed_is_not_remembered(gallery: Gallery) -> None:
    users.add_user(gallery.database, "anna", "admin", PASSWORD)
    service = Access(gallery.database, ServiceOptions())
    assert service.by_password("anna", PASSWORD, HERE).role == "admin"
    users.change_user(gallery.database, "anna", password="another long password")
    with pytest.raises(NotAuthenticated):
        service.by_password("anna", PASSWORD, HERE)


def test_a_login_ends_when_it_is_idle_or_its_password_changes(gallery: Gallery) -> None:
    users.add_user(gallery.database, "anna", "admin", PASSWORD)
    service = Access(gallery.database, ServiceOptions())
    secret = service.log_in("anna", PASSWORD, HERE)
    assert service.by_login(secret).name == "anna"
    idle = Access(gallery.database, ServiceOptions(login_idle=timedelta(seconds=-1)))
    with pytest.raises(NotAuthenticated):
        idle.by_login(secret)
    users.change_user(gallery.database, "anna", password="another long password")
    with pytest.raises(NotAuthenticated):
        service.by_login(secret)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
    ],
)
def test_a_page_of_another_site_cannot_ask(
    client: TestClient, photo: tuple[str, bytes], headers: dict[str, str]
) -> None:
    answer = client.post(ASK, files={"photo": photo}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "[::1", "[::2]"])
def test_another_name_for_this_machine_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/health/live", headers={"Host": host})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]", "[::1]:8"])
def test_its_own_names_are_taken(client: TestClient, host: str) -> None:
    assert client.get("/health/live", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "credentials",
    [
        b"Basic \xff",
        b"Basic " + base64.b64encode(b"no colon"),
        b"Basic " + base64.b64encode(b"\xff:\xff"),
        b"Basic \xc3\xa4",
        b"Bearer \xff",
        b"\xff",
    ],
)
def test_credentials_that_cannot_be_read_let_nobody_in(
    client: TestClient, sign_in: SignIn, credentials: bytes
) -> None:
    sign_in("reader")
    answer = client.get("/api/v1/session", headers={b"Authorization": credentials})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")


def test_wrong_passwords_do_not_tell_which_users_there_are(
    serve: Serve, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.add_user(gallery.database, "anna", "admin", PASSWORD)
    client = serve(most_failures=2)

    def ask(name: str) -> tuple[int, str]:
        answer = client.post("/api/v1/session", json={"name": name, "password": "wrong"})
        return answer.status_code, answer.text

    for _ in range(4):
        assert ask("anna") == ask("nobody")
    assert ask("nobody")[0] == 429
    assert "nobody" not in {one.name for one in users.users(gallery.database)}


def test_who_is_locked_out_is_told_no_shorter_time_than_there_is(gallery: Gallery) -> None:
    users.add_user(gallery.database, "anna", "admin", PASSWORD)
    for seconds, told in ((20, "20 seconds"), (95, "2 minutes")):
        options = ServiceOptions(most_failures=1, lock_out=timedelta(seconds=seconds))
        service = Access(gallery.database, options)
        with pytest.raises(NotAuthenticated):
            service.by_password("anna", "wrong", "192.0.2.1")
        with pytest.raises(TooManyRequests) as caught:
            service.by_password("anna", PASSWORD, "192.0.2.1")
        assert caught.value.hint == f"Try again in {told}."


def test_a_database_that_takes_no_change_still_knows_who_asks(
    client: TestClient, sign_in: SignIn, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = sign_in("reader")
    users.change_user(gallery.database, "the reader", password=PASSWORD)
    service = Access(gallery.database, ServiceOptions())
    secret = service.log_in("the reader", PASSWORD, "192.0.2.1")

    def refused(*_: object) -> None:
        raise DatabaseError("The disk is full.", "Free some space.")

    monkeypatch.setattr(accounts, "note_use", refused)
    monkeypatch.setattr(accounts, "note_seen", refused)
    monkeypatch.setattr(accounts, "_SEEN_EVERY", timedelta())
    assert client.get("/api/v1/session", headers=header).status_code == 200
    assert service.by_login(secret).name == "the reader"


def test_a_flood_is_told_to_wait(serve: Serve, photo: tuple[str, bytes]) -> None:
    client = serve(per_minute=2)
    answers = [client.post(ASK, files={"photo": photo}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_the_first_user_and_the_last_admin_are_admins(gallery: Gallery) -> None:
    with pytest.raises(UsageError, match="first user") as refused:
        users.add_user(gallery.database, "hospital-b", "site", None)
    # Another hospital is never to be made the admin.
    assert "gestalt user add NAME --role admin" in refused.value.hint
    users.add_user(gallery.database, "anna", "admin", None)
    users.add_user(gallery.database, "ben", "reader", None)
    for change in ({"role": "reader"}, {"disabled": True}):
        with pytest.raises(UserError, match="only admin"):
            users.change_user(gallery.database, "anna", **change)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="only admin"):
        users.remove_user(gallery.database, "anna")
