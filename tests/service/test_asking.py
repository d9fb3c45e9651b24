"""The service asks other hospitals, on behalf of those who may, and only those that it knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gestalt_space.home import Gallery
from gestalt_space.store.accounts import Role
from gestalt_space.weights.store import ModelStore
from tests.documents.validation import assert_valid
from tests.hospitals import (
    SHARED,
    Hospital,
    dead_address,
    fill,
    hospital,
    http_answer,
    patient,
    pretender,
)
from tests.pages.conftest import NASTY
from tests.pages.parsed import Page
from tests.service.conftest import Serve, SignIn

A = "OMIM:147920"
Photo = tuple[str, bytes]


@pytest.fixture
def other(
    tmp_path: Path, tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hospital]:
    """Another hospital, `b` in the settings; `c` is dead, and `d` has no token."""
    monkeypatch.setenv("GESTALT_SITE_CONSENTS", f'["{SHARED}"]')
    monkeypatch.setenv("GESTALT_SITE_TIMEOUT", "50")
    photos = [patient(f"Q{n}", A, 0.3, n) for n in range(6)]
    with hospital(fill(tmp_path / "b", tiny_store, photos)) as found:
        file = tmp_path / "b.token"
        file.touch(0o600)
        file.write_text(found.token)
        sites = {
            "b": {"address": found.address, "token_file": str(file)},
            "c": {"address": dead_address(), "token_file": str(file)},
            "d": {"address": found.address, "token_file": str(tmp_path / "missing")},
        }
        monkeypatch.setenv("GESTALT_SITES", json.dumps(sites))
        yield found


@pytest.fixture
def home(other: Hospital, home: Path) -> Path:
    """That of the service, which is opened with these settings."""
    return home


def test_a_match_with_other_hospitals(
    client: TestClient, sign_in: SignIn, photo: Photo, gallery: Gallery, other: Hospital
) -> None:
    headers = sign_in("contributor")
    form = {"ask": ["b", "c"], "top": "3"}
    answer = client.post("/api/v1/match", files={"photo": photo}, data=form, headers=headers)
    assert answer.status_code == 200, answer.text
    assert_valid(answer.json(), "match")
    (probe,) = answer.json()["probes"]
    assert [(one["site"], one["state"]) for one in probe["sites"]] == [
        ("b", "answered"),
        ("c", "unreachable"),
    ]
    assert A in {line["id"] for line in probe["combined"]}
    events = gallery.log(newest=4)
    assert [event.action for event in events] == ["match", "ask", "ask", "asked"]
    assert {event.actor for event in gallery.log(newest=3)} == {"the contributor"}
    assert other.gallery.log(newest=1)[0].actor == "hospital-a"


@pytest.mark.parametrize("address", ["/api/v1/match", "/ask", "/ask/report"])
@pytest.mark.parametrize(
    ("role", "name", "status"),
    [
        ("reader", "b", 403),
        ("contributor", "https://elsewhere.example", 400),
        ("contributor", "nobody", 400),
        ("contributor", "d", 400),
    ],
)
def test_who_may_ask_whom(
    client: TestClient,
    sign_in: SignIn,
    photo: Photo,
    other: Hospital,
    address: str,
    role: Role,
    name: str,
    status: int,
) -> None:
    headers = sign_in(role)
    answer = client.post(address, files={"photo": photo}, data={"ask": name}, headers=headers)
    assert answer.status_code == status
    assert "missing" not in answer.text
    assert other.gallery.log(newest=1)[0].action != "answer"


def test_the_page_offers_hospitals_to_those_who_may_ask(
    client: TestClient, sign_in: SignIn
) -> None:
    contributor = Page(client.get("/", headers=sign_in("contributor")).text)
    offered = [one["value"] for one in contributor.of("input") if one.get("name") == "ask"]
    assert offered == ["b", "c", "d"]
    reader = {"Authorization": sign_in("reader")["Authorization"]}
    assert 'name="ask"' not in client.get("/", headers=reader).text


@pytest.mark.parametrize("address", ["/ask", "/ask/report"])
def test_the_page_shows_lines_of_each_hospital(
    client: TestClient, photo: Photo, address: str
) -> None:
    form = {"ask": ["b", "c"]}
    german = {"Accept-Language": "de"}
    answer = client.post(address, files={"photo": photo}, data=form, headers=german)
    page = Page(answer.text)
    assert answer.status_code == 200
    for said in (f"name of {A}", "Andere Kliniken", "nicht erreichbar", "hier", "≥ 5"):
        assert said in page.text
    alone = client.post(address, files={"photo": photo}, headers=german)
    assert "Andere Kliniken" not in alone.text


def test_what_is_hostile_in_an_answer_is_text(
    serve: Serve, gallery: Gallery, photo: Photo, tmp_path: Path
) -> None:
    line = {
        "rank": 1,
        "id": A,
        "name": NASTY,
        "similarity": 0.5,
        "percentile": None,
        "likelihood_ratio": None,
        "patients_at_least": 5,
        "photos_at_least": 5,
    }
    document = {
        "document": "site-answer",
        "version": 1,
        "space": gallery.space.fingerprint,
        "by": "disorder",
        "least_patients": 5,
        "patients_at_least": 5,
        "verdict": "close match",
        "lines": [line],
    }
    error = {"error": {"code": "x", "message": NASTY}}
    good, bad = (
        http_answer(json.dumps(document).encode()),
        http_answer(json.dumps(error).encode(), "403 Forbidden"),
    )
    with pretender(good) as one, pretender(bad) as two:
        sites = gallery.settings.sites
        changed = {
            name: sites["b"].model_copy(update={"address": there.address})
            for name, there in (("one", one), (NASTY, two))
        }
        gallery.settings = gallery.settings.model_copy(update={"sites": changed})
        client = serve()
        form = {"ask": ["one", NASTY]}
        answer = client.post("/ask", files={"photo": photo}, data=form)
    page = Page(answer.text)
    assert answer.status_code == 200
    assert page.text.count(NASTY.split("\n")[0][:8]) >= 2
    assert "<script>alert" not in answer.text
    assert not page.of("script")
