from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from gestalt_space.documents.evidence import evidence_document
from gestalt_space.documents.matches import match_document
from gestalt_space.documents.patients import patient_document
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from tests import made
from tests.service.conftest import SignIn

PATIENTS = "/api/v1/patients"


def test_patients_are_listed_page_by_page(client: TestClient) -> None:
    pages, after = [], ""
    while True:
        answer = client.get(PATIENTS, params={"limit": 3, "after": after}).json()
        pages.append([one["patient"] for one in answer["patients"]])
        if answer["next"] is None:
            break
        after = answer["next"]
    assert pages == [["P0", "P1", "P2"], ["P3"]]
    some = client.get(PATIENTS, params={"disorder": "OMIM:122470", "limit": 2}).json()
    assert ([one["patient"] for one in some["patients"]], some["next"]) == (["P0", "P1"], None)
    none = client.get(PATIENTS, params={"disorder": "unknown"}).json()
    assert [one["patient"] for one in none["patients"]] == ["P3"]
    assert client.get(PATIENTS, params={"limit": 501}).status_code == 400


def test_each_look_at_a_patient_stands_in_the_trail(
    client: TestClient, sign_in: SignIn, gallery: Gallery
) -> None:
    headers = sign_in("reader")
    answer = client.get(f"{PATIENTS}/P0", headers=headers)
    assert answer.json() == patient_document(gallery.patient("P0"))
    client.get(PATIENTS, params={"limit": 2}, headers=headers)
    client.get("/api/v1/faces/P1/crop", params={"photo": "p1.png"}, headers=headers)
    client.post("/api/v1/patients/match", json={"patient": "P0"}, headers=headers)
    events = gallery.log(newest=4)
    assert {one.actor for one in events} == {"the reader"}
    assert [(one.action, one.patients) for one in events] == [
        ("look", ("P0",)),
        ("look", ("P0", "P1")),
        ("look", ("P1",)),
        ("match", ("P0",)),
    ]
    assert client.get(f"{PATIENTS}/nobody", headers=headers).status_code == 404
    assert gallery.log(newest=1)[0].action == "match"


def test_facts_are_corrected_as_by_the_command(client: TestClient, gallery: Gallery) -> None:
    facts = {
        "sex": "female",
        "gene": ["kmt2d"],
        "hpo": ["HP:0000664"],
        "hpo_absent": ["HP:0000252"],
    }
    answer = client.patch(f"{PATIENTS}/P3", json=facts)
    assert answer.status_code == 200
    assert answer.json()["document"] == "corrected"
    told = gallery.patient("P3")
    assert (told.sex, told.genes, told.hpo) == ("female", ("KMT2D",), ("HP:0000664",))
    client.patch(f"{PATIENTS}/P3", json={"clear": ["gene"], "photo": "p3.png", "age": "4y6m"})
    told = gallery.patient("P3")
    assert (told.genes, told.photos[0].age) == ((), 4.5)


@pytest.mark.parametrize(
    ("patient", "facts", "status", "code"),
    [
        ("P3", {}, 400, "usage"),
        ("P3", {"sex": "both"}, 400, "usage"),
        ("P3", {"sex": ""}, 400, "usage"),
        ("P3", {"shoe_size": 4}, 400, "usage"),
        ("P3", {"ancestry": "a\x00b"}, 400, "usage"),
        ("P3", {"photo": "other.png", "age": "4"}, 404, "not_in_gallery"),
        ("nobody", {"sex": "male"}, 404, "not_in_gallery"),
    ],
)
def test_facts_that_cannot_be_are_refused(
    client: TestClient, patient: str, facts: dict[str, object], status: int, code: str
) -> None:
    answer = client.patch(f"{PATIENTS}/{patient}", json=facts)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_of_two_curators_the_second_is_told(client: TestClient, gallery: Gallery) -> None:
    seen = client.get(f"{PATIENTS}/P3").headers["etag"]

    def correct(facts: dict[str, object], version: str) -> tuple[str, str]:
        answer = client.patch(f"{PATIENTS}/P3", json=facts, headers={"If-Match": version}).json()
        return answer["document"], answer.get("error", {}).get("code", "")

    # No index has HPO terms, and they count as well.
    assert correct({"hpo": ["HP:0000664"]}, seen) == ("corrected", "")
    assert correct({"sex": "male"}, seen) == ("error", "changed_meanwhile")
    assert gallery.patient("P3").sex is None
    now = client.get(f"{PATIENTS}/P3").headers["etag"]
    assert now != seen
    assert client.get(f"{PATIENTS}/P3").headers["etag"] == now, "a look changes nothing"
    assert correct({"sex": "male"}, f"W/{now}") == ("corrected", "")
    assert correct({"sex": "female"}, "*") == ("corrected", "")
    assert correct({"sex": "male"}, "no tag") == ("error", "usage")


def test_of_many_at_once_one_curator_wins(client: TestClient, gallery: Gallery) -> None:
    headers = {"If-Match": client.get(f"{PATIENTS}/P3").headers["etag"]}

    def correct(number: int) -> int:
        facts = {"ancestry": f"ancestry {number}"}
        return client.patch(f"{PATIENTS}/P3", json=facts, headers=headers).status_code

    with ThreadPoolExecutor(6) as threads:
        assert sorted(threads.map(correct, range(6))) == [200, *[409] * 5]


def test_an_identifier_may_have_a_slash_and_blanks(
    client: TestClient, gallery: Gallery, tmp_path: Path
) -> None:
    name = "Klinik 1/Pat 7 ü"
    data = made.photo_file(tmp_path / "x.png", 77).read_bytes()
    added = client.post(PATIENTS, files={"photo": ("x.png", data)}, data={"patient": name})
    assert added.json()["counts"]["added"] == 1
    assert client.get(f"{PATIENTS}/{name}").json()["patient"]["patient"] == name
    crop = client.get(f"/api/v1/faces/{name}/crop", params={"photo": "x.png"})
    assert crop.status_code == 200


def test_photos_are_added_with_facts(client: TestClient, gallery: Gallery, tmp_path: Path) -> None:
    files = [
        ("photo", (f"{n}.png", made.photo_file(tmp_path / f"{n}.png", n).read_bytes()))
        for n in (50, 51)
    ]
    files.append(("photo", ("bad.png", b"no photo")))
    facts = {"patient": "P9", "disorder": ["OMIM:122470"], "sex": "male", "age": "3y"}
    answer = client.post(PATIENTS, files=files, data=facts).json()
    assert [one["status"] for one in answer["photos"]] == ["added", "added", "failed"]
    assert answer["photos"][2]["error"]["code"] == "photo_format"
    told = gallery.patient("P9")
    assert ([d for d, _ in told.disorders], told.sex) == (["OMIM:122470"], "male")
    assert [one.age for one in told.photos] == [3.0, 3.0]
    again = client.post(PATIENTS, files=files[:1], data=facts).json()
    assert again["counts"] == {"added": 0, "already": 1, "updated": 0, "failed": 0}


def test_a_contributor_replaces_nothing(
    client: TestClient, sign_in: SignIn, gallery: Gallery, tmp_path: Path
) -> None:
    photo = ("p0.png", made.photo_file(tmp_path / "p0.png", 0).read_bytes())
    headers = sign_in("contributor")
    data = {"patient": "P0", "disorder": "OMIM:1"}
    update = client.post(
        PATIENTS, files={"photo": photo}, data={**data, "update": "true"}, headers=headers
    )
    assert (update.status_code, update.json()["error"]["code"]) == (403, "not_allowed")
    assert [code for code, _ in gallery.patient("P0").disorders] == ["OMIM:122470"]


def test_a_crop_is_the_face_and_not_shown_without_consent(
    client: TestClient, gallery: Gallery
) -> None:
    answer = client.get("/api/v1/faces/P1/crop", params={"photo": "p1.png"})
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert np.array_equal(picture[:, :, ::-1], made.crop(1))
    client.post("/api/v1/consents", json={"patient": "P1", "consent": "withdrawn"})
    refused = client.get("/api/v1/faces/P1/crop", params={"photo": "p1.png"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "consent_withdrawn")
    missing = client.get("/api/v1/faces/P0/crop", params={"photo": "p9.png"})
    assert missing.status_code == 404


def test_a_stored_patient_is_matched(client: TestClient, gallery: Gallery) -> None:
    asked = {"patient": "P0", "top": 3, "by": "patient", "without": ["P2"]}
    answer = client.post(f"{PATIENTS}/match", json=asked)
    question = Question(k=3, by="patient", without=("P2",))
    expected = match_document(
        gallery.space,
        gallery.view(question),
        [gallery.match_patient("P0", question)],
        gallery.encoded(photos=False),
        gallery.calibration(),
    )
    assert answer.json() == expected
    assert client.post(f"{PATIENTS}/match", json={"patient": "P0", "top": 0}).status_code == 400


def test_evidence_is_that_of_the_command(
    client: TestClient, gallery: Gallery, photo: tuple[str, bytes]
) -> None:
    ask = "/api/v1/evidence"
    answer = client.post(ask, files={"photo": photo}, data={"wanted": "OMIM:122470"})
    name, data = photo
    ((probe,),) = gallery.probes([PhotoSource(name, data, largest=True)])
    found = gallery.evidence(probe, Question(), "OMIM:122470")
    assert answer.json() == evidence_document(
        gallery.space, probe, "OMIM:122470", found, gallery.encoded()
    )
    event = gallery.log(newest=1)[0]
    assert (event.action, event.patients) == ("match", ("P0", "P1"))
    stored = client.post(ask, data={"wanted": "P1", "patient": "P0"}).json()
    assert (stored["left_out"], stored["explained"]) == ("P0", "P1")
    for wrong in ({"wanted": "P1"}, {"patient": "P0"}):
        assert client.post(ask, data=wrong).status_code == 400
    two = [("photo", photo), ("photo", photo)]
    assert client.post(ask, files=two, data={"wanted": "P1"}).status_code == 400
