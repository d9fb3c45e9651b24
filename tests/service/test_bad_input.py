"""What nobody should send, and what happens on the way: the right status, one shape of error, and
nothing lost."""

from __future__ import annotations

import asyncio
import errno
import io
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.testclient import TestClient
from starlette.types import Message

from gestalt_space.errors import DatabaseError, GalleryMissing, GestaltError, OutputError
from gestalt_space.gallery.archives.restoring import restore
from gestalt_space.home import Gallery
from gestalt_space.service.app import create_app
from gestalt_space.store.audit import trail_problems
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.documents.validation import assert_valid
from tests.galleries import make_home, open_gallery
from tests.service.conftest import Serve, SignIn

FUZZ = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)


def refused(reply: object, status: int, code: str) -> None:
    """Hold an answer against the one shape of errors."""
    assert reply.status_code == status, reply.text  # type: ignore[attr-defined]
    document = reply.json()  # type: ignore[attr-defined]
    assert_valid(document)
    assert document["error"]["code"] == code
    assert document["error"]["hint"]


def test_a_body_over_the_cap(serve: Serve) -> None:
    client = serve(most_bytes=1000)
    refused(client.post("/api/v1/match", files={"photo": b"x" * 2000}), 413, "body_too_large")
    chunks = iter([b"x" * 600, b"x" * 600])
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    refused(client.post("/api/v1/match", content=chunks, headers=headers), 413, "body_too_large")


def sent(client: TestClient, path: str, headers: dict[bytes, bytes]) -> tuple[int, int]:
    """The status of a form of 64 MB, and how many MB of it were read."""
    read, answers = 0, []
    start = b"--b\r\nContent-Disposition: form-data; name=photo; filename=a\r\n\r\n"

    async def receive() -> Message:
        nonlocal read
        read += 1
        body = {1: start, 64: b"\r\n--b--\r\n"}.get(read, b"x" * 2**20)
        return {"type": "http.request", "body": body, "more_body": read < 64}

    async def send(message: Message) -> None:
        answers.append(message)

    given = {b"host": b"localhost", b"content-type": b"multipart/form-data; boundary=b", **headers}
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "scheme": "http",
        "query_string": b"", "root_path": "", "headers": list(given.items()),
        "client": ("203.0.113.9", 1), "server": ("localhost", 80), "http_version": "1.1",
        "asgi": {"version": "3.0"},
    }  # fmt: skip
    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    return answers[0]["status"], read


def test_no_photo_is_read_of_somebody_who_may_not_come_in(
    client: TestClient, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = sign_in("reader")["Authorization"].encode()
    kept: list[object] = []

    async def parse(request: Request, *_: object, **__: object) -> FormData:
        kept.append(request)
        return FormData()

    monkeypatch.setattr(Request, "_get_form", parse)
    for headers in ({}, {b"authorization": b"Bearer no"}, {b"cookie": b"gestalt_login=no"}):
        for path in ("/api/v1/match", "/ask", "/predict", "/nowhere"):
            status, read = sent(client, path, headers)
            assert status == 401
            assert read < 40
    assert not kept
    monkeypatch.undo()
    assert sent(client, "/api/v1/match", {b"authorization": token})[1] == 64
    for path in ("/login", "/api/v1/session"):
        status, read = sent(client, path, {b"content-type": b"application/x-www-form-urlencoded"})
        assert status == 413
        assert read < 4


def test_forty_photos_at_once(client: TestClient, photo: tuple[str, bytes]) -> None:
    reply = client.post("/api/v1/match", files=[("photo", photo)] * 40)
    refused(reply, 413, "body_too_large")


def test_a_photo_of_more_than_eighty_megapixels(client: TestClient) -> None:
    stream = io.BytesIO()
    Image.new("1", (10_000, 8_001)).save(stream, "PNG")
    reply = client.post("/api/v1/match", files={"photo": ("big.png", stream.getvalue())})
    assert reply.status_code == 200
    assert reply.json()["probes"][0]["error"]["code"] == "photo_too_large"


def test_a_patient_who_was_erased_between_two_clicks(
    client: TestClient, gallery: Gallery, photo: tuple[str, bytes]
) -> None:
    assert client.get("/api/v1/patients/P3").status_code == 200
    assert client.post("/api/v1/erasures", json={"patients": ["P3"]}).status_code == 200
    for reply in (
        client.get("/api/v1/patients/P3"),
        client.patch("/api/v1/patients/P3", json={"sex": "female"}),
        client.post("/api/v1/patients/match", json={"patient": "P3"}),
        client.post("/api/v1/erasures", json={"patients": ["P3"]}),
    ):
        refused(reply, 404, "not_in_gallery")
    assert gallery.stats().counts.patients == 3


def test_a_full_disk(
    client: TestClient, gallery: Gallery, photo: tuple[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("gestalt_space.home.Gallery.add", full)
        reply = client.post("/api/v1/patients", files={"photo": photo}, data={"patient": "N"})
        refused(reply, 500, "output")
        assert "No space left" in reply.json()["error"]["message"]
    again = client.post("/api/v1/patients", files={"photo": photo}, data={"patient": "N"})
    assert again.status_code == 200
    assert gallery.stats().counts.patients == 5


@pytest.mark.sqlite_only("the file is written to")
def test_no_service_starts_on_a_database_of_another_version(home: Path) -> None:
    connection = sqlite3.connect(home / "gallery.sqlite3")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = 'later'")
    connection.close()
    with pytest.raises(DatabaseError, match="version later"):
        open_gallery(home)


def test_a_gallery_that_is_not_there_yet(tmp_path: Path, tiny_store: ModelStore) -> None:
    with open_gallery(make_home(tmp_path / "restored", tiny_store)) as gallery:
        client = TestClient(create_app(gallery), base_url="http://localhost")
        refused(client.get("/api/v1/patients/P0"), 404, "gallery_missing")
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize("address", ["/", "/gallery", "/api/v1/patients", "/health/live"])
def test_head_is_answered_as_get_without_the_body(client: TestClient, address: str) -> None:
    got, headed = client.get(address), client.head(address)
    assert (headed.status_code, headed.content) == (200, b"")
    for name in ("content-type", "content-length", "cache-control"):
        assert headed.headers[name] == got.headers[name]
    assert f'method="HEAD",route="{address}",status="200"' in client.get("/metrics").text


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "PROPFIND"])
def test_a_method_that_an_address_does_not_take(client: TestClient, method: str) -> None:
    reply = client.request(method, "/api/v1/patients")
    refused(reply, 405, "usage")
    assert reply.headers["allow"] == "GET, HEAD, POST"
    assert client.head("/api/v1/match").headers["allow"] == "POST"


@pytest.mark.sqlite_only("the file is moved")
def test_a_gallery_that_is_moved_or_replaced_while_it_is_served(
    client: TestClient, gallery: Gallery, home: Path, photo: tuple[str, bytes]
) -> None:
    assert client.get("/api/v1/patients/P0").status_code == 200
    away = home.rename(home.with_name("away"))
    replies = [client.get("/api/v1/patients/P0"), client.get("/api/v1/statistics")]
    shutil.copytree(away, home)
    replies.append(client.post("/api/v1/patients", files={"photo": photo}, data={"patient": "N"}))
    replies.append(client.post("/api/v1/erasures", json={"patients": ["P0"]}))
    for reply in replies:
        refused(reply, 503, "database")
        assert "restart" in reply.json()["error"]["hint"].lower()
    assert client.get("/health/ready").status_code == 503
    shutil.rmtree(home)
    away.rename(home)
    assert client.get("/api/v1/patients/P0").status_code == 200
    assert gallery.stats().counts.patients == 4


@pytest.mark.sqlite_only("the file is moved")
def test_who_asks_is_checked_also_while_the_gallery_is_away(
    client: TestClient, sign_in: SignIn, home: Path
) -> None:
    header = sign_in("reader")
    home.rename(home.with_name("away"))
    for headers in ({}, header):
        reply = client.get("/api/v1/session", headers=headers)
        refused(reply, 503, "database")


def test_no_answer_tells_where_files_lie(
    client: TestClient, gallery: Gallery, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(error: GestaltError) -> None:
        def look_at(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr("gestalt_space.home.Gallery.look_at", look_at)

    where = gallery.database.where
    for error in (
        DatabaseError(
            f"The database {where} failed: disk is full.", f"The database {where} is that."
        ),
        GalleryMissing(f"There is no gallery in {home}.", "Check --home."),
        OutputError("Cannot write.", f"{home / 'index' / 'a'} is read-only."),
    ):
        refuse(error)
        for headers in ({}, {"Accept": "text/html"}):
            for address in ("/api/v1/patients/P0", "/gallery/patient?patient=P0"):
                reply = client.get(address, headers=headers)
                assert reply.status_code == error.http_status
                assert str(home) not in reply.text
                assert where not in reply.text


@FUZZ
@given(body=st.binary(max_size=400), boundary=st.sampled_from(["b", "", "é", "b" * 100]))
def test_any_multipart_is_refused_and_no_fault(
    client: TestClient, body: bytes, boundary: str
) -> None:
    told = f"multipart/form-data; boundary={boundary}".encode()
    start = b"--b\r\nContent-Disposition: form-data; name=photo; filename=a\r\n"
    for content in (body, start + body):
        reply = client.post("/api/v1/match", content=content, headers={b"Content-Type": told})
        assert 400 <= reply.status_code < 500, reply.text
        assert_valid(reply.json())


@FUZZ
@given(place=st.integers(0, 3000), new=st.binary(max_size=8), end=st.integers(0, 20_000))
def test_any_damaged_photo_is_answered(
    client: TestClient, tmp_path: Path, place: int, new: bytes, end: int
) -> None:
    whole = made.photo_file(tmp_path / "p.png", 5).read_bytes()
    data = (whole[:place] + new + whole[place + len(new) :])[: end + 1]
    reply = client.post("/api/v1/match", files={"photo": ("p.png", data)})
    assert reply.status_code == 200
    assert_valid(reply.json())


def test_a_gallery_that_is_being_restored(
    home: Path, tmp_path: Path, tiny_store: ModelStore, photo: tuple[str, bytes]
) -> None:
    with open_gallery(home) as gallery:
        gallery.back_up(tmp_path / "backup")
    new = make_home(tmp_path / "new", tiny_store)
    asked: list[int] = []
    with open_gallery(new) as gallery:
        client = TestClient(create_app(gallery), base_url="http://localhost")

        def ask(_: float) -> None:
            for reply in (
                client.get("/api/v1/patients/P0"),
                client.post("/api/v1/match", files={"photo": photo}),
            ):
                asked.append(reply.status_code)
                refused(reply, 503, "service_busy")
                assert int(reply.headers["retry-after"]) >= 1

        refused(client.get("/api/v1/patients/P0"), 404, "gallery_missing")
        restore(tmp_path / "backup", gallery.settings, progress=once(ask))
        assert asked == [503, 503]
        assert client.get("/api/v1/patients/P0").status_code == 200
        assert client.post("/api/v1/match", files={"photo": photo}).status_code == 200


def once(ask: Callable[[float], None]) -> Callable[[float], None]:
    """Calls something the first time only."""
    calls = iter([ask])
    return lambda share: next(calls, lambda _: None)(share)


@pytest.mark.sqlite_only("the file is kept from growing")
def test_a_database_that_cannot_grow_refuses_and_goes_on_later(
    client: TestClient, gallery: Gallery, photo: tuple[str, bytes]
) -> None:
    engine = gallery.database.engine
    with engine.connect() as connection:
        most = [connection.exec_driver_sql("PRAGMA page_count").scalar_one()]

    def keep_small(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {most[-1]}")

    sa.event.listen(engine, "checkout", keep_small)
    answers = [
        client.post(
            "/api/v1/patients",
            files={"photo": (f"n{number}.png", photo[1] + bytes([number]))},
            data={"patient": f"N{number}", "ancestry": "x" * 900},
        )
        for number in range(20)
    ]
    full = [answer for answer in answers if answer.status_code != 200]
    assert full, "the file still had room"
    for answer in full:
        refused(answer, 503, "database")
    kept = [f"N{number}" for number, one in enumerate(answers) if one.status_code == 200]
    most.append(2**30)
    for number, answer in enumerate(answers):
        status = client.get(f"/api/v1/patients/N{number}").status_code
        assert status == (200 if answer.status_code == 200 else 404)
    assert gallery.stats().counts.patients == 4 + len(kept)
    assert client.post("/api/v1/match", files={"photo": photo}).status_code == 200
    with gallery.database.reading() as session:
        assert list(trail_problems(session)) == []
