"""The page Gallery: what is shown to whom, and that forms do what they say."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gestalt_space.errors import NotInGallery
from gestalt_space.home import Gallery
from gestalt_space.service.web import gallery as web_gallery
from gestalt_space.service.web.gallery import SEEN
from gestalt_space.store.audit import record_event
from gestalt_space.store.correcting import patient_key
from gestalt_space.store.trainings import record_training
from gestalt_space.types import Disorder, PhotoRecord
from tests import made
from tests.galleries import add, row
from tests.pages.conftest import NASTY
from tests.pages.parsed import Page
from tests.service.conftest import SignIn

HTML = {"Accept": "text/html"}


def read(client: TestClient, address: str, **options: object) -> Page:
    answer = client.get(address, headers=HTML, **options)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    page = Page(answer.text)
    assert page.open == []
    return page


def patient_page(client: TestClient, patient: str) -> Page:
    return read(client, "/gallery/patient", params={"patient": patient})


def fields(page: Page) -> dict[str, str]:
    """The facts of a patient as the form has them."""
    sent = {
        one["name"] or "": one.get("value") or ""
        for one in page.of("input")
        if (one.get("id") or "").startswith("fact-") or one["name"] in ("version", "patient")
    }
    return {**sent, "sex": ""}


def based_on(client: TestClient, patient: str) -> dict[str, str]:
    """A patient and their version, as each form has them that changes something."""
    shown = fields(patient_page(client, patient))
    return {name: shown[name] for name in ("patient", "version")}


def undo_last(client: TestClient, patient: str) -> str:
    """Undoes the newest correction of a patient, and says where the reader goes."""
    event = next(one["value"] for one in patient_page(client, patient).of("input")
                 if one["name"] == "event")  # fmt: skip
    undone = client.post("/gallery/undo", data={"patient": patient, "event": event})
    assert undone.status_code == 204, undone.text
    return undone.headers["location"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["P0", "P1", "P2", "P3"]),
        ({"containing": "p1"}, ["P1"]),
        ({"containing": "%"}, []),
        ({"disorder": "122470"}, ["P0", "P1"]),
        ({"disorder": "unknown"}, ["P3"]),
        ({"gene": "NIPBL"}, []),
        ({"cohort": "elsewhere"}, []),
        ({"after": "P1"}, ["P2", "P3"]),
    ],
)
def test_patients_are_found(client: TestClient, asked: dict[str, str], found: list[str]):
    page = read(client, "/gallery", params=asked)
    listed = [one["href"] for one in page.of("a") if "/patient?" in (one["href"] or "")]
    assert listed == [f"/gallery/patient?patient={one}" for one in found]


def test_what_cannot_be_looked_for_is_said_on_the_page(client: TestClient):
    answer = client.get("/gallery", params={"disorder": "OMIM:12"}, headers=HTML)
    assert answer.status_code == 400
    assert [one for one in Page(answer.text).of("div") if one.get("role") == "alert"]


def test_curators_alone_are_shown_what_was_done_and_how_to_change_it(
    client: TestClient, sign_in: SignIn
):
    for role, is_shown in (("contributor", False), ("curator", True)):
        answer = client.get("/gallery/patient?patient=P0", headers={**sign_in(role), **HTML})  # type: ignore[arg-type]
        assert ("facts" in [one.get("id") for one in Page(answer.text).of("form")]) == is_shown
        assert ("photos added" in answer.text) == is_shown


@pytest.mark.parametrize(
    "what", ["facts", "photo", "move", "merge", "split", "undo", "removal", "erasure"]
)
def test_only_curators_change_patients(
    client: TestClient, gallery: Gallery, sign_in: SignIn, what: str
):
    sent = {"patient": "P0", "event": "1", "version": "x", "photo": "x", "to": "N", "other": "P1"}
    sent["other_version"] = "x"
    answer = client.post(f"/gallery/{what}", data=sent, headers=sign_in("contributor"))
    assert answer.status_code == 403
    assert gallery.patient("P0")


def test_facts_are_corrected_and_the_second_of_two_curators_is_told(
    client: TestClient, gallery: Gallery
):
    form = fields(patient_page(client, "P2"))
    first = {**form, "genes": "NIPBL", "sex": "female", "disorder": "", "hpo": "!HP:0000316"}
    assert client.post("/gallery/facts", data=first).status_code == 204
    now = gallery.patient("P2")
    assert (now.genes, now.sex, now.disorders) == (("NIPBL",), "female", ())
    assert (now.hpo, now.hpo_absent) == ((), ("HP:0000316",))
    found = read(client, "/gallery", params={"gene": "nipbl"})
    assert "/gallery/patient?patient=P2" in [one["href"] for one in found.of("a")]
    second = client.post("/gallery/facts", data={**form, "sex": "male"})
    assert (second.status_code, second.json()["error"]["code"]) == (409, "changed_meanwhile")
    nothing = client.post("/gallery/facts", data={**fields(patient_page(client, "P2")),
                                                  "sex": "female"})  # fmt: skip
    assert nothing.status_code == 400


def test_the_facts_of_a_photo_are_corrected_and_it_is_undone(client: TestClient, gallery: Gallery):
    page = patient_page(client, "P0")
    sent = {one["name"]: one.get("value") for one in page.of("input") if one["name"] != "consent"}
    form = {"patient": "P0", "version": sent["version"], "photo": sent["photo"], "age": "4y6m"}
    assert client.post("/gallery/photo", data=form).status_code == 204
    assert gallery.patient("P0").photos[0].age == 4.5
    (event,) = [one["value"] for one in patient_page(client, "P0").of("input")
                if one["name"] == "event"]  # fmt: skip
    undone = client.post("/gallery/undo", data={"patient": "P0", "event": event})
    assert undone.status_code == 204
    assert gallery.patient("P0").photos[0].age is None
    assert client.post("/gallery/photo", data={**form, "photo": "0"}).status_code == 404


def test_consent_that_is_withdrawn_comes_back_only_when_asked_for(
    client: TestClient, gallery: Gallery
):
    assert patient_page(client, "P0").of("img")[1:]
    client.post("/api/v1/consents", json={"patient": "P0", "consent": "withdrawn"})
    page = patient_page(client, "P0")
    assert len(page.of("img")) == 1  # the mark
    (event,) = [one["value"] for one in page.of("input") if one["name"] == "event"]
    form = {"patient": "P0", "event": event or ""}
    assert client.post("/gallery/undo", data=form).status_code == 409
    assert client.post("/gallery/undo", data={**form, "consent": "true"}).status_code == 204
    assert gallery.patient("P0").consent is None


def test_a_photo_and_a_patient_are_removed(client: TestClient, gallery: Gallery):
    sha256 = gallery.patient("P1").photos[0].sha256
    other, form = based_on(client, "P0"), based_on(client, "P1")
    removal = "/gallery/removal"
    assert client.post(removal, data={**other, "photo": sha256}).status_code == 404
    assert client.post(removal, data={**form, "photo": sha256}).status_code == 204
    assert client.post(removal, data=based_on(client, "P2")).status_code == 204
    assert [one.patient for one in gallery.patients()] == ["P0", "P3"]


def test_a_photo_is_moved_to_another_patient_and_back(client: TestClient, gallery: Gallery):
    sha256 = gallery.patient("P1").photos[0].sha256
    form = {**based_on(client, "P1"), "photo": sha256}
    assert client.post("/gallery/move", data={**form, "to": "P1"}).status_code == 400
    done = client.post("/gallery/move", data={**form, "to": "P0"})
    assert done.status_code == 200, done.text
    page = Page(done.text)
    assert "It was the last photo of P1" in page.text
    assert [one["href"] for one in page.of("a")] == ["/gallery/patient?patient=P0", "/gallery"]
    assert len(gallery.patient("P0").photos) == 2
    assert undo_last(client, "P0") == "/gallery/patient?patient=P0"
    assert [one.patient for one in gallery.patients()] == ["P0", "P1", "P2", "P3"]


def test_two_patients_are_merged_and_parted_again(client: TestClient, gallery: Gallery):
    gallery.set_facts(PhotoRecord("-", "P2", sex="male"))
    gallery.set_facts(PhotoRecord("-", "P0", sex="female"))
    page = read(client, "/gallery/merging", params={"patient": "P0", "other": "P2"})
    assert "male" in page.text
    assert "female" in page.text
    assert len([one for one in page.of("img") if "/crop?" in (one["src"] or "")]) == 2
    form = {one["name"]: one["value"] for one in page.of("input")}
    refused = client.post("/gallery/merge", data=form)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "patient_conflict")
    done = client.post("/gallery/merge", data={**form, "keep": "other"})
    assert done.status_code == 200, done.text
    assert (gallery.patient("P0").sex, len(gallery.patient("P0").photos)) == ("male", 2)
    undo_last(client, "P0")
    assert gallery.patient("P0").sex == "female"
    assert len(gallery.patient("P2").photos) == 1


@pytest.mark.parametrize("changed", ["P0", "P2"])
def test_patients_are_merged_only_as_the_curator_saw_them(
    client: TestClient, gallery: Gallery, changed: str
):
    page = read(client, "/gallery/merging", params={"patient": "P0", "other": "P2"})
    form = {one["name"]: one["value"] for one in page.of("input")}
    gallery.set_facts(PhotoRecord("-", changed, sex="male"))
    refused = client.post("/gallery/merge", data=form)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "changed_meanwhile")
    assert len(gallery.patient("P0").photos) == len(gallery.patient("P2").photos) == 1


@pytest.mark.parametrize(("other", "status"), [("P0", 400), ("nobody", 404)])
def test_nobody_is_merged_with_themselves_or_with_nobody(
    client: TestClient, other: str, status: int
):
    answer = client.get("/gallery/merging", params={"patient": "P0", "other": other})
    assert answer.status_code == status


def test_two_patients_beside_each_other_are_text_and_no_face_of_a_withdrawn_one(
    client: TestClient, gallery: Gallery, add_nasty: Callable[[], None]
):
    add_nasty()
    gallery.set_facts(PhotoRecord("-", "P0", consent="withdrawn"))
    answer = client.get("/gallery/merging", params={"patient": "P0", "other": NASTY})
    assert answer.status_code == 200, answer.text
    assert "<script>alert" not in answer.text
    assert len(Page(answer.text).of("img")) == 1


def test_a_patient_is_split_and_whole_again(client: TestClient, gallery: Gallery):
    gallery.merge("P0", "P1")
    photos = [one.sha256 for one in gallery.patient("P0").photos]
    form = {**based_on(client, "P0"), "to": NASTY}
    for wrong in ([], photos):
        refused = client.post("/gallery/split", data={**form, "photo": wrong})
        assert refused.json()["error"]["code"] in ("usage", "patient_conflict")
    done = client.post("/gallery/split", data={**form, "photo": photos[:1]})
    assert done.status_code == 200, done.text
    assert "<script>alert" not in done.text
    new = Page(done.text).of("a")[1]["href"] or ""
    assert client.get(new, headers=HTML).status_code == 200
    assert gallery.patient(NASTY).disorders == gallery.patient("P0").disorders
    assert undo_last(client, NASTY) == "/gallery"
    assert len(gallery.patient("P0").photos) == 2


@pytest.mark.parametrize("what", ["facts", "photo", "move", "merge", "split", "removal", "erasure"])
def test_the_second_of_two_curators_is_told(client: TestClient, gallery: Gallery, what: str):
    photo = gallery.patient("P0").photos[0].sha256
    form = {**fields(patient_page(client, "P0")), "photo": photo, "to": "P9", "other": "P1"}
    form["other_version"] = based_on(client, "P1")["version"]
    gallery.set_facts(PhotoRecord("-", "P0", sex="female"))
    before = gallery.patients()
    refused = client.post(f"/gallery/{what}", data={**form, "genes": "NIPBL", "age": "4y"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "changed_meanwhile")
    assert gallery.patients() == before


def test_an_erasure_gives_the_receipt(client: TestClient, gallery: Gallery):
    form = {**based_on(client, "P0"), "named": "true"}
    answer = client.post("/gallery/erasure", data=form)
    assert answer.status_code == 200, answer.text
    (link,) = [one for one in Page(answer.text).of("a") if "download" in one]
    receipt = json.loads(base64.b64decode((link["href"] or "").partition(",")[2]))
    assert (receipt["document"], receipt["names"]) == ("receipt", ["P0"])
    with pytest.raises(NotInGallery):
        gallery.patient("P0")


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "trained models"), ("de", "trainierte Modelle"), ("zh-TW", "訓練過的模型")],
)
def test_an_erasure_tells_of_models_that_were_trained_on_patients(
    client: TestClient, gallery: Gallery, language: str, said: str
):
    with gallery.database.writing() as session:
        record_training(session, ["P1", "P2"], "/trained/<b>/model")
        record_training(session, ["P1"], "/trained/P1/model", space="f" * 64)
    form = based_on(client, "P1")
    page = client.post("/gallery/erasure", data=form, headers={"Accept-Language": language})
    assert said in page.text
    assert "<code>/trained/&lt;b&gt;/model</code>, <code>/trained/[...]/model</code>" in page.text
    (link,) = [one for one in Page(page.text).of("a") if "download" in one]
    receipt = json.loads(base64.b64decode((link["href"] or "").partition("base64,")[2]))
    assert [one["action"] for one in receipt["not_reached"]["copies"]] == ["train", "train"]
    assert "trained on patients" in receipt["search"]["not_searched"][0]
    admin = client.get("/admin", headers={"Accept-Language": language})
    assert "/trained/[...]/model" in admin.text


def test_a_patient_is_compared_again(client: TestClient):
    answer = client.post("/gallery/match", data={"patient": "P0"})
    assert "ORPHA:199" in Page(answer.text).text
    assert "Score" not in answer.text


def test_a_patient_is_compared_with_relatives_when_asked_for(client: TestClient, gallery: Gallery):
    form = {"patient": "P0", "aggregation": "centroid"}
    assert "with_family" not in [one["name"] for one in patient_page(client, "P0").of("input")]
    for patient in ("P0", "P2"):
        gallery.set_facts(PhotoRecord("-", patient, family="F"))
    assert "with_family" in [one["name"] for one in patient_page(client, "P0").of("input")]
    alone = Page(client.post("/gallery/match", data=form).text)
    assert "ORPHA:199" not in alone.text
    assert "Score" in alone.text
    whole = Page(client.post("/gallery/match", data={**form, "with_family": "true"}).text)
    assert "ORPHA:199" in whole.text
    assert "Relatives are compared, too" in whole.text


def test_what_is_new_for_the_undiagnosed_is_marked(client: TestClient):
    def marked() -> int:
        page = read(client, "/gallery/undiagnosed")
        assert "P3" in page.text
        return len([one for one in page.of("tr") if one.get("class") == "marked"])

    assert marked() == 0
    client.cookies.set(SEEN, (datetime.now(UTC) - timedelta(days=9)).isoformat())
    assert marked() == 1
    client.cookies.clear()
    assert client.post("/gallery/undiagnosed").status_code == 204
    assert marked() == 0
    client.cookies.clear()
    client.cookies.set(SEEN, "nonsense")
    assert marked() == 0


def history(client: TestClient, patient: str, language: str = "en") -> list[str]:
    """Cells of the entries of a patient's history: what, and details."""
    headers = {**HTML, "Accept-Language": language}
    answer = client.get("/gallery/patient", params={"patient": patient}, headers=headers)
    text = answer.text.rpartition("<tbody>")[2]
    rows = text.partition("</tbody>")[0].split("<tr>")[1:]
    return [" ".join(Page(f"<tr>{one}").text.split()) for one in rows]


def test_a_history_tells_of_this_patient_alone(
    client: TestClient, gallery: Gallery, tmp_path: Path
):
    """A batch adds photos of several patients in one event."""
    (entry,) = history(client, "P0")
    assert "photos added" in entry
    assert "Photos:" not in entry
    photos = [made.photo_file(tmp_path / f"{seed}.png", seed) for seed in (50, 51)]
    add(gallery, *(row(one, "P9") for one in photos))
    (entry,) = history(client, "P9")
    assert "Photos: 2" in entry


def test_a_replaced_face_is_not_offered_to_be_undone(client: TestClient, gallery: Gallery):
    def buttons() -> int:
        page = client.get("/gallery/patient", params={"patient": "P1"}, headers=HTML).text
        return page.count('action="/gallery/undo"')

    gallery.set_facts(PhotoRecord("-", "P1", sex="female"))
    assert buttons() == 1
    with gallery.database.writing() as session:
        told = {"photo": "p1.png", "changes": ["p1.png: face 1 → 2"]}
        event = record_event(session, "correct", patients=[patient_key(session, "P1")], detail=told)
    assert client.post("/gallery/undo", data={"event": event, "patient": "P1"}).status_code == 409
    assert buttons() == 1


def test_looks_do_not_hide_a_history(
    client: TestClient, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
):
    gallery.set_facts(PhotoRecord("-", "P1", sex="female"))
    before = history(client, "P1")
    assert len(before) == 2
    monkeypatch.setattr(web_gallery, "MOST_EVENTS", 2)
    for _ in range(21):
        gallery.look_at("P1")
    assert history(client, "P1") == before


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("undone", "facts corrected", "Sex: (empty) → female", "Features of the face:")),
        ("de", ("rückgängig gemacht", "Geschlecht: (leer) → weiblich", "Merkmale des Gesichts: ")),
        ("zh-TW", ("性別: （空白） → 女", "臉部特徵: ")),
    ],
)
def test_a_history_is_in_the_readers_language(
    client: TestClient, gallery: Gallery, language: str, said: tuple[str, ...]
):
    gallery.set_facts(PhotoRecord("-", "P1", sex="female", hpo=("HP:0000316",)))
    gallery.undo()
    entries = " ".join(history(client, "P1", language))
    assert [one for one in said if one not in entries] == []
    assert language == "en" or "facts corrected" not in entries


@pytest.mark.parametrize("language", ["de", "zh-TW"])
def test_every_change_of_a_history_is_in_the_readers_language(
    client: TestClient, gallery: Gallery, language: str
):
    photo = gallery.patient("P1").photos[0].sha256
    gallery.set_facts(PhotoRecord("-", "P1", age=4.0, site="ward"), photo=photo)
    gallery.set_facts(PhotoRecord("-", "P1", disorders=(Disorder("OMIM:122470", "New"),)))
    gallery.merge("P0", "P1", keep="P0")
    gallery.undo()
    gallery.move_photo(photo, of="P1", to="P9")
    for patient in ("P0", "P9"):
        headers = {**HTML, "Accept-Language": language}
        answer = client.get("/gallery/patient", params={"patient": patient}, headers=headers)
        rows = answer.text.rpartition("<tbody>")[2]
        assert "→" in rows
        assert 'lang="en"' not in rows
    form = {**based_on(client, "P9"), "photo": photo, "to": "P1"}
    done = client.post("/gallery/move", data=form, headers={"Accept-Language": language})
    (result,) = done.text.split('<div class="result">')[1].split("</div>")[:1]
    assert 'lang="en"' not in result


def test_features_of_the_face_are_named(client: TestClient, gallery: Gallery):
    gallery.set_facts(PhotoRecord("-", "P0", hpo=("HP:0000316",), hpo_absent=("HP:0000252",)))
    for language, said in (("en", "Hypertelorism"), ("de", "Hypertelorismus")):
        headers = {**HTML, "Accept-Language": language}
        page = Page(client.get("/gallery/patient?patient=P0", headers=headers).text)
        assert f"{said} HP:0000316" in " ".join(page.text.split())
        assert "HP:0000252" in page.text


def test_hostile_names_are_text(client: TestClient, add_nasty: Callable[[], None]):
    add_nasty()
    client.patch(f"/api/v1/patients/{NASTY}", json={"cohort": NASTY, "sex": "male"})
    for address in ("/gallery", "/gallery/undiagnosed", "/gallery/patient"):
        params = {"patient": NASTY, "containing": NASTY}
        answer = client.get(address, params=params, headers=HTML)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert [one for _, one in Page(answer.text).elements if "onload" in one] == []
    assert "".join(Page(answer.text).texts).count(NASTY) >= 3
