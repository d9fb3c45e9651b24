"""What another hospital's service is answered over HTTP."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from gestalt_space.home import Gallery
from gestalt_space.service import users
from gestalt_space.store.accounts import Role
from gestalt_space.store.service_tables import ROLES
from gestalt_space.types import Descriptors
from gestalt_space.weights.store import ModelStore
from tests.documents.validation import assert_valid
from tests.hospitals import PROBE, SHARED, fill, patient
from tests.service.conftest import Serve, SignIn
from tests.service.routers.test_roles import ROUTES

A, B = "OMIM:122470", "ORPHA:199"
ADDRESS = "/api/v1/descriptors/match"


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five patients of a disorder, and one of another."""
    monkeypatch.setenv("GESTALT_SITE_CONSENTS", f'["{SHARED}"]')
    monkeypatch.setenv("GESTALT_SITE_QUESTIONS_PER_DAY", "3")
    photos = [patient(f"secret {n}", A, 0.3 + n / 20, n, age=4.0) for n in range(5)]
    return fill(tmp_path / "home", tiny_store, [*photos, patient("secret 9", B, 0.7, 9)])


def asked(gallery: Gallery, descriptor: Descriptors = PROBE, **more: object) -> dict[str, object]:
    text = base64.b64encode(descriptor.astype("<f4").tobytes()).decode()
    return {"space": gallery.space.fingerprint, "descriptor": text, **more}


def test_the_answer_has_lines_and_nobody(
    client: TestClient, sign_in: SignIn, gallery: Gallery
) -> None:
    answer = client.post(ADDRESS, json=asked(gallery, top=5), headers=sign_in("site"))
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert_valid(document, "site-answer")
    assert document["lines"] == [
        {
            "rank": 1,
            "id": A,
            "name": f"name of {A}",
            "similarity": 0.5,
            "percentile": None,
            "likelihood_ratio": None,
            "patients_at_least": 5,
            "photos_at_least": 5,
        }
    ]
    assert "secret" not in answer.text
    event = gallery.log(newest=1)[0]
    assert (event.actor, event.action, event.told[1]) == ("the site", "answer", "1 line")


@pytest.mark.parametrize("role", [None, *ROLES[1:]])
def test_nobody_else_is_answered(
    client: TestClient, sign_in: SignIn, gallery: Gallery, role: Role | None
) -> None:
    headers = sign_in(role or "reader")
    answer = client.post(ADDRESS, json=asked(gallery), headers=headers if role else {})
    assert answer.status_code == (403 if role else 401)


def test_a_service_without_users_answers_no_other_hospital(
    client: TestClient, gallery: Gallery
) -> None:
    answer = client.post(ADDRESS, json=asked(gallery))
    assert answer.status_code == 403
    assert "--role site" in answer.json()["error"]["hint"]


def test_another_hospital_may_do_nothing_else(client: TestClient, sign_in: SignIn) -> None:
    headers = sign_in("site")
    for method, path in [way for way, role in ROUTES.items() if role not in (None, "site")]:
        where = path.replace("{number}", "1").replace("{patient}", "secret 1")
        answer = client.request(method, where, headers=headers, json={})
        assert answer.status_code == 403, (method, path)
    for page in ("/", "/gallery", "/cohorts", "/admin"):
        assert client.get(page, headers=headers).status_code == 403


def test_questions_of_a_day_are_counted_for_all_tokens(
    client: TestClient, sign_in: SignIn, gallery: Gallery
) -> None:
    first = sign_in("site")
    token, _ = users.add_token(gallery.database, "the site", "", timedelta(days=1))
    other = {"Authorization": f"Bearer {token}"}
    answers = [client.post(ADDRESS, json=asked(gallery), headers=of) for of in (first, other) * 2]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert "3 requests in a day" in answers[3].json()["error"]["message"]
    assert int(answers[3].headers["Retry-After"]) > 3600


def test_a_question_that_cannot_be_answered_does_not_count(
    client: TestClient, sign_in: SignIn, gallery: Gallery
) -> None:
    headers = sign_in("site")
    wrong = [
        {"space": "0" * 64},
        {"descriptor": "no base64!"},
        {"descriptor": base64.b64encode(np.zeros(16, "<f4")).decode()},
        {"top": 101},
    ]
    for changed in wrong * 2:
        answer = client.post(ADDRESS, json=asked(gallery) | changed, headers=headers)
        assert answer.status_code in (400, 409, 422), changed
    answers = [client.post(ADDRESS, json=asked(gallery), headers=headers) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    refused = client.post(ADDRESS, json=asked(gallery) | wrong[1], headers=headers)
    assert refused.status_code == 422
    again = client.post(ADDRESS, json=asked(gallery), headers=headers)
    assert again.status_code == 429, "a wrong question in between changes nothing"


def test_questions_at_once_are_counted_before_they_are_answered(
    client: TestClient, sign_in: SignIn, gallery: Gallery
) -> None:
    headers = sign_in("site")
    with ThreadPoolExecutor(8) as threads:
        sent = [
            threads.submit(client.post, ADDRESS, json=asked(gallery), headers=headers)
            for _ in range(8)
        ]
    assert sorted(one.result().status_code for one in sent) == [200] * 3 + [429] * 5
    assert sum(event.action == "answer" for event in gallery.log()) == 3


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"space": "0" * 64}, 409, "space_mismatch"),
        ({"descriptor": "no base64!"}, 422, "descriptor"),
        ({"descriptor": "AAA="}, 422, "descriptor"),
        ({"descriptor": base64.b64encode(np.zeros(16, "<f4")).decode()}, 422, "descriptor"),
        ({"descriptor": base64.b64encode(np.ones(17, "<f4")).decode()}, 422, "descriptor"),
        ({"descriptor": "A" * 2**19}, 400, "usage"),
        ({"descriptor": "A" * 2**21}, 413, "body_too_large"),
        ({"by": "patient"}, 400, "usage"),
        ({"top": 101}, 400, "usage"),
        ({"among": ["age=4y"]}, 400, "usage"),
    ],
)
def test_what_cannot_be_asked(
    client: TestClient,
    sign_in: SignIn,
    gallery: Gallery,
    changed: dict[str, object],
    status: int,
    code: str,
) -> None:
    answer = client.post(ADDRESS, json=asked(gallery) | changed, headers=sign_in("site"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "secret" not in answer.text


def test_a_gallery_that_names_no_consent_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve, sign_in: SignIn, gallery: Gallery
) -> None:
    gallery.settings = gallery.settings.model_copy(update={"site_consents": ()})
    answer = serve().post(ADDRESS, json=asked(gallery), headers=sign_in("site"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_shared")
