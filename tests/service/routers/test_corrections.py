from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gestalt_space.errors import NotInGallery
from gestalt_space.home import Gallery
from tests import made
from tests.galleries import add, files_with, row
from tests.service.conftest import SignIn


def test_a_patient_or_a_photo_is_removed(client: TestClient, gallery: Gallery) -> None:
    answer = client.post("/api/v1/removals", json={"patients": ["P0"], "photos": ["p1.png"]})
    assert answer.json()["removed"] == {"patients": 2, "photos": 2}
    assert [one.patient for one in gallery.patients()] == ["P2", "P3"]
    assert client.post("/api/v1/removals", json={}).status_code == 400
    gone = client.post("/api/v1/removals", json={"patients": ["P0"]})
    assert gone.json()["error"]["code"] == "not_in_gallery"


def test_photos_move_patients_merge_and_split_and_it_is_undone(
    client: TestClient, gallery: Gallery, tmp_path: Path
) -> None:
    def done(what: str, **asked: object) -> list[str]:
        answer = client.post(f"/api/v1/{what}", json=asked)
        assert answer.status_code == 200, answer.text
        return [one["action"] for one in answer.json()["undone"]]

    def photos() -> dict[str, int]:
        return {one.patient: one.photos for one in gallery.patients()}

    add(gallery, row(made.photo_file(tmp_path / "p4.png", 4), "P0"))
    done("moves", photo="p4.png", of="P0", to="P1")
    assert photos() == {"P0": 1, "P1": 2, "P2": 1, "P3": 1}
    done("merges", into="P0", other="P1")
    assert photos() == {"P0": 3, "P2": 1, "P3": 1}
    done("splits", patient="P0", photos=["p4.png"], to="P7")
    assert photos() == {"P0": 2, "P2": 1, "P3": 1, "P7": 1}
    assert done("undos") == ["split"]
    assert photos() == {"P0": 3, "P2": 1, "P3": 1}
    assert done("undos") == ["merge"]


def test_an_undo_is_not_hindered_by_a_look(client: TestClient, gallery: Gallery) -> None:
    client.patch("/api/v1/patients/P3", json={"sex": "male"})
    client.get("/api/v1/patients/P3")
    assert client.post("/api/v1/undos", json={}).status_code == 200
    assert gallery.patient("P3").sex is None


def test_consent_comes_back_when_somebody_says_so(client: TestClient, gallery: Gallery) -> None:
    client.post("/api/v1/consents", json={"patient": "P0", "consent": "revoked"})
    assert gallery.patient("P0").consent == "withdrawn"
    refused = client.post("/api/v1/undos", json={})
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["patients"]) == (
        409,
        "consent_returns",
        ["P0"],
    )
    again = {"consent_again": error["patients"], "expected": error["events"]}
    assert client.post("/api/v1/undos", json=again).status_code == 200
    assert gallery.patient("P0").consent is None


def test_an_erasure_answers_with_its_receipt(
    client: TestClient, sign_in: SignIn, gallery: Gallery, home: Path, tmp_path: Path
) -> None:
    name = "PAT-2024-0017"
    add(gallery, row(made.photo_file(tmp_path / "x-17.png", 17), name, "OMIM:122470"))
    headers = sign_in("curator")
    client.get(f"/api/v1/patients/{name}", headers=headers)
    client.post("/api/v1/patients/match", json={"patient": name}, headers=headers)
    asked = {"patients": [name, "P3"], "name_patients": True}
    answer = client.post("/api/v1/erasures", json=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    (receipt,) = answer.json()["erased"]
    assert receipt["by"] == "the curator"
    assert (receipt["names"], receipt["search"]["hits"]) == (["P3", name], 0)
    with pytest.raises(NotInGallery):
        gallery.patient(name)
    assert files_with(home, name.encode()) == []
    begun = client.get("/api/v1/erasures", headers=headers).json()
    assert begun == {"document": "erasures", "version": 1, "begun": []}
    wrongs: list[tuple[dict[str, object], int]] = [
        ({"patients": [name]}, 404),
        ({"patients": []}, 400),
        ({"patients": ["P0"], "resume": True}, 400),
    ]
    for wrong, status in wrongs:
        again = client.post("/api/v1/erasures", json=wrong, headers=headers)
        assert again.status_code == status
    done = client.post("/api/v1/erasures", json={"resume": True}, headers=headers).json()
    assert done["erased"] == []
