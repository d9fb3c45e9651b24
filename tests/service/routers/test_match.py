from __future__ import annotations

from pathlib import Path
from tempfile import SpooledTemporaryFile

import pytest
from starlette.testclient import TestClient

from gestalt_space.documents.matches import match_document
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from tests import made
from tests.documents.validation import assert_valid
from tests.phenotype.made import write_release
from tests.service.conftest import Serve, SignIn


def test_a_match_is_the_document_of_the_command_line(
    client: TestClient, gallery: Gallery, photo: tuple[str, bytes]
) -> None:
    answer = client.post("/api/v1/match", files={"photo": photo}, data={"top": "2"})
    assert answer.status_code == 200
    name, data = photo
    question = Question(k=2)
    matches = list(gallery.match([PhotoSource(name, data, largest=True)], question))
    expected = match_document(
        gallery.space, gallery.view(question), matches, gallery.encoded(), gallery.calibration()
    )
    assert answer.json() == expected


def test_photos_of_one_patient_are_one_probe(client: TestClient, tmp_path: Path) -> None:
    photos = [made.photo_file(tmp_path / f"{seed}.png", seed).read_bytes() for seed in (20, 21)]
    files = [("photo", (f"{place}.png", data)) for place, data in enumerate(photos)]
    apart = client.post("/api/v1/match", files=files).json()
    as_one = client.post("/api/v1/match", files=files, data={"as_one": "true"}).json()
    assert [len(apart["probes"]), len(as_one["probes"])] == [2, 1]
    assert [one["photo"] for one in as_one["probes"][0]["photos"]] == ["0.png", "1.png"]


def test_filters_and_who_is_left_out_are_asked(
    client: TestClient, photo: tuple[str, bytes]
) -> None:
    data = {"by": "patient", "among": ["disorder=OMIM:122470"], "without": ["P1"]}
    answer = client.post("/api/v1/match", files={"photo": photo}, data=data).json()
    assert [line["id"] for line in answer["probes"][0]["patients"]] == ["P0"]


def test_a_photo_that_is_none_fails_by_itself(client: TestClient, photo: tuple[str, bytes]) -> None:
    files = [("photo", ("bad.jpg", b"not a photo")), ("photo", photo)]
    answer = client.post("/api/v1/match", files=files)
    bad, good = answer.json()["probes"]
    assert answer.status_code == 200
    assert (bad["error"]["code"], good["error"]) == ("photo_format", None)


@pytest.mark.parametrize(
    ("options", "data", "status", "code"),
    [
        ({}, {"top": "0"}, 400, "usage"),
        ({}, {"by": "planet"}, 400, "usage"),
        ({}, {"among": "nonsense"}, 400, "usage"),
        ({}, {"without": "nobody"}, 404, "not_in_gallery"),
        ({"most_files": 0}, {}, 413, "body_too_large"),
        ({"most_bytes": 100}, {}, 413, "body_too_large"),
    ],
)
def test_what_cannot_be_asked_is_an_error_with_a_hint(
    serve: Serve,
    photo: tuple[str, bytes],
    options: dict[str, int],
    data: dict[str, str],
    status: int,
    code: str,
) -> None:
    answer = serve(**options).post("/api/v1/match", files={"photo": photo}, data=data)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert error["message"]
    assert error["hint"]


def test_a_body_that_does_not_tell_its_length_is_cut_off(serve: Serve) -> None:
    def endless() -> object:
        for _ in range(100):
            yield b"x" * 1000

    client = serve(most_bytes=5000)
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = client.post("/api/v1/match", content=endless(), headers=kind)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_no_photo_is_written_to_a_temporary_file(
    client: TestClient, photo: tuple[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("a photo went to a file")

    monkeypatch.setattr(SpooledTemporaryFile, "rollover", refuse)
    large = b"\xff" * 3_000_000
    answer = client.post("/api/v1/match", files=[("photo", photo), ("photo", ("l.jpg", large))])
    assert answer.status_code == 200


def test_a_match_stands_in_the_audit_trail(
    client: TestClient, sign_in: SignIn, gallery: Gallery, photo: tuple[str, bytes]
) -> None:
    client.post("/api/v1/match", files={"photo": photo}, headers=sign_in("reader"))
    event = gallery.log(newest=1)[0]
    assert (event.actor, event.action) == ("the reader", "match")


def test_all_faces_of_a_photo(client: TestClient, photo: tuple[str, bytes]) -> None:
    answer = client.post("/api/v1/faces", files=[("photo", photo), ("photo", ("x", b"no photo"))])
    good, bad = answer.json()["photos"]
    assert len(good["faces"]) == 1
    assert bad["error"]["code"] == "photo_format"


def test_terms_of_a_photo_add_a_fused_ranking(
    client: TestClient,
    photo: tuple[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GESTALT_HPO_RELEASE", str(write_release(tmp_path / "release")))
    data = {"hpo": ["HP:0000011,!HP:0000020", "Eye"], "by": "gene", "sex": "female"}
    answer = client.post("/api/v1/match", files={"photo": photo}, data=data)
    assert answer.status_code == 200
    assert_valid(answer.json(), "match")
    (probe,) = answer.json()["probes"]
    fused = probe["fused"]
    assert (fused["by"], fused["sex"], fused["terms"]["used"]) == ("gene", "female", 3)
    assert fused["genes"][0]["name"] == "AAA1"
    assert {line["id"] for line in probe["disorders"]} == {"OMIM:122470", "ORPHA:199"}
    plain = client.post("/api/v1/match", files={"photo": photo}, data={"hpo": " "}).json()
    assert "fused" not in plain["probes"][0]


@pytest.mark.parametrize(
    ("data", "photos", "status"),
    [
        ({"hpo": "HP:9999999"}, 1, 422),
        ({"hpo": "HP:0000011", "by": "patient"}, 1, 400),
        ({"hpo": "HP:0000011"}, 2, 400),
    ],
)
def test_terms_that_cannot_be_asked(
    client: TestClient,
    photo: tuple[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: dict[str, str],
    photos: int,
    status: int,
) -> None:
    monkeypatch.setenv("GESTALT_HPO_RELEASE", str(write_release(tmp_path / "release")))
    answer = client.post("/api/v1/match", files=[("photo", photo)] * photos, data=data)
    assert answer.status_code == status
    assert answer.json()["error"]["hint"]
