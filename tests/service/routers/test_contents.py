from __future__ import annotations

from starlette.testclient import TestClient

from gestalt_space.documents.contents import contents_document
from gestalt_space.documents.spaces import spaces_document
from gestalt_space.gallery.trail import head_text
from gestalt_space.home import Gallery
from tests.service.conftest import SignIn


def test_statistics_spaces_and_models(client: TestClient, gallery: Gallery) -> None:
    assert client.get("/api/v1/statistics").json() == contents_document(gallery.stats())
    assert client.get("/api/v1/spaces").json() == spaces_document(gallery.spaces())
    models = client.get("/api/v1/models").json()
    assert "tiny" in [one["name"] for one in models["installed"]]
    used = client.put("/api/v1/spaces/default", json={"name": "tiny"})
    assert (used.status_code, used.json()["space"]["default"]) == (200, True)
    assert client.put("/api/v1/spaces/default", json={"name": "none"}).status_code == 404


def test_the_trail_is_read_from_its_end_page_by_page(client: TestClient, gallery: Gallery) -> None:
    for sex in ("male", "female", "other"):
        client.patch("/api/v1/patients/P3", json={"sex": sex})
    ids: list[int] = []
    before = None
    while True:
        asked = {"limit": 2} | ({} if before is None else {"before": before})
        page = client.get("/api/v1/audit", params=asked).json()
        ids = [one["id"] for one in page["events"]] + ids
        before = page["next"]
        if before is None:
            break
    assert ids == [one.id for one in gallery.log()]
    of_one = client.get("/api/v1/audit", params={"patient": "P3", "limit": 3}).json()
    assert [one["action"] for one in of_one["events"]] == ["set", "set", "set"]
    assert client.get("/api/v1/audit", params={"patient": "nobody"}).status_code == 404


def test_the_trail_is_checked(client: TestClient, gallery: Gallery) -> None:
    head = client.get("/api/v1/audit/head").json()["head"]
    assert head == head_text(gallery.trail_head())
    client.patch("/api/v1/patients/P3", json={"sex": "male"})
    ask = "/api/v1/audit/check"
    assert client.get(ask, params={"head": head}).json()["problems"] == []
    other = f"{head.partition(':')[0]}:{'0' * 64}"
    assert len(client.get(ask, params={"head": other}).json()["problems"]) == 1
    assert client.get(ask, params={"head": "nonsense"}).status_code == 400


def test_measures_name_no_patient(client: TestClient, photo: tuple[str, bytes]) -> None:
    client.get("/api/v1/patients/P0")
    client.get("/api/v1/patients/SECRET-7")
    client.get("/SECRET-8")
    client.request("SECRET-9", "/api/v1/patients")
    client.post("/api/v1/match", files={"photo": photo})
    answer = client.get("/metrics")
    lines = answer.text.splitlines()
    assert answer.headers["content-type"].startswith("text/plain; version=")
    shown = 'gestalt_requests_total{method="GET",route="/api/v1/patients/{patient:path}",status='
    assert f'{shown}"200"}} 1.0' in lines
    assert f'{shown}"404"}} 1.0' in lines
    assert 'gestalt_requests_total{method="GET",route="none",status="404"} 1.0' in lines
    assert "gestalt_patients 4.0" in lines
    assert "gestalt_photos 4.0" in lines
    assert "gestalt_photo_requests 0.0" in lines
    assert "SECRET" not in answer.text


def test_measures_are_for_admins(client: TestClient, sign_in: SignIn) -> None:
    assert client.get("/metrics", headers=sign_in("curator")).status_code == 403
