"""The page Ask, its answers and its reports; what is hostile in them is text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from gestalt_space.cohort.composite import composite
from gestalt_space.cohort.selection import Criteria, select
from gestalt_space.errors import NotInGallery, UsageError
from gestalt_space.faces.crops import crop_to_png
from gestalt_space.gallery.opened import photo_limits
from gestalt_space.gallery.pipeline import PhotoSource, every_face
from gestalt_space.home import Gallery
from gestalt_space.phenotype.obo import parse_obo
from gestalt_space.phenotype.release import installed_ontology
from gestalt_space.service.web import ask, averages
from gestalt_space.service.web import terms as web_terms
from gestalt_space.service.web.finding import ShownFaces, shown_faces
from gestalt_space.service.web.terms import PLAIN, chosen_terms, term_picture, terms
from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.types import PhotoRecord
from tests import made
from tests.galleries import add, row
from tests.genomics import made_vcf
from tests.interop.test_phenopackets import packet
from tests.pages.conftest import NASTY
from tests.pages.parsed import Page
from tests.phenotype.made import write_release
from tests.service.conftest import SignIn

GERMAN = {"Accept-Language": "de"}
Photo = tuple[str, bytes]


def test_an_answer_ranks_in_the_readers_language(client: TestClient, photo: Photo, release):
    release(None)
    form = {"top": "5", "term": ["HP:0000316"], "sex": "female", "age": "4"}
    answer = client.post("/ask", files={"photo": photo}, data=form, headers=GERMAN)
    page = Page(answer.text)
    assert answer.status_code == 200
    assert "OMIM:122470" in page.text
    for said in ("Rangliste", "Hypertelorismus", "nicht für die Rangliste verwendet", "weiblich"):
        assert said in page.text
    faces = [one["src"] or "" for one in page.of("img")]
    assert faces
    assert client.get(faces[0]).headers["content-type"] == "image/png"


def test_each_photo_may_have_a_face_of_its_own(client: TestClient, photo: Photo):
    files = [("photo", photo), ("photo", ("other.png", photo[1]))]
    answer = client.post("/ask", files=files, data={"face": ["", "7"]})
    page = Page(answer.text)
    assert "other.png" in page.text
    assert "The photo has fewer faces than that." in page.text
    assert len([one for one in page.elements if one[0] == "table"]) == 1


def test_faces_are_looked_for_once(
    client: TestClient, gallery: Gallery, photo: Photo, monkeypatch: pytest.MonkeyPatch
):
    files = {"photo": photo}
    (shown,) = client.post("/ask/faces", files=files).json()["photos"]
    assert shown["faces"] == client.post("/api/v1/faces", files=files).json()["photos"][0]["faces"]
    plain = client.post("/ask", files=files)
    detectors = gallery.pipeline.detectors
    monkeypatch.setattr(type(detectors), "lent", lambda *_, **__: pytest.fail("looked again"))
    sent = {"found": json.dumps(shown["found"]), "face": "1"}
    assert client.post("/ask", files=files, data=sent).text == plain.text
    assert client.post("/ask/report", files=files, data=sent).status_code == 200


def test_a_face_is_the_same_to_the_last_digit(gallery: Gallery, photo: Photo):
    limits = photo_limits(gallery.settings)
    source = PhotoSource("a.png", photo[1])
    faces = every_face(source, gallery.pipeline.detectors, limits=limits)
    told = json.loads(json.dumps(shown_faces(sha256(photo[1]).hexdigest(), faces)))
    before = ShownFaces.model_validate(told).found()
    (again,) = every_face(replace(source, found=before), gallery.pipeline.detectors, limits=limits)
    assert again.crop.tobytes() == faces[0].crop.tobytes()
    assert again.landmarks.tobytes() == faces[0].landmarks.tobytes()
    assert (again.detector, again.score, again.quality, again.step) == (
        faces[0].detector, faces[0].score, faces[0].quality, faces[0].step)  # fmt: skip


def test_what_another_detector_found_is_looked_for_again(client: TestClient, photo: Photo):
    found = client.post("/ask/faces", files={"photo": photo}).json()["photos"][0]["found"]
    moved = [{**one, "landmarks": [[0, 0]] * 5} for one in found["faces"]]
    sent = {"found": json.dumps({**found, "detector": "another", "faces": moved})}
    assert "OMIM:122470" in client.post("/ask", files={"photo": photo}, data=sent).text
    sent = {"found": json.dumps({**found, "faces": moved})}
    refused = client.post("/ask", files={"photo": photo}, data=sent)
    assert "OMIM:122470" not in refused.text
    assert refused.status_code == 200
    assert "The face in the photo cannot be used." in refused.text


def test_what_was_found_in_another_photo_is_looked_for_again(
    client: TestClient, photo: Photo, tmp_path: Path
):
    """A page may send a photo that was turned, or photos in another order than what was found."""
    other = made.photo_file(tmp_path / "other.png", 11)
    files = [("photo", photo), ("photo", (other.name, other.read_bytes()))]
    shown = client.post("/ask/faces", files=files).json()["photos"]
    moved = [
        json.dumps({**one["found"], "faces": [{**face, "landmarks": [[0, 0]] * 5}]})
        for one in shown
        for face in one["found"]["faces"]
    ]
    plain = client.post("/ask", files=files).text
    assert client.post("/ask", files=files, data={"found": moved[::-1]}).text == plain
    assert client.post("/ask", files=files, data={"found": moved}).text != plain


@pytest.mark.parametrize("face", ["9" * 5000, "-1", "0", "x", "1.5"])
def test_a_face_that_has_no_number_is_refused(client: TestClient, photo: Photo, face: str):
    answer = client.post("/ask", files={"photo": photo}, data={"face": face})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")


@pytest.mark.parametrize(
    "found",
    ["{", "[]", '{"detector": "x", "faces": []}', '{"detector": "x", "faces": [{"box": [1e99]}]}'],
)
def test_found_faces_that_are_none_are_refused(client: TestClient, photo: Photo, found: str):
    answer = client.post("/ask", files={"photo": photo}, data={"found": found})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")


def test_more_faces_than_a_field_holds_are_not_kept(gallery: Gallery, photo: Photo):
    source = PhotoSource("a.png", photo[1])
    faces = every_face(source, gallery.pipeline.detectors)
    assert shown_faces("0" * 64, faces * 100) is not None
    assert shown_faces("0" * 64, faces * 1000) is None


def test_hostile_names_and_answers_are_text(
    client: TestClient, gallery: Gallery, photo: Photo, add_nasty: Callable[[], None]
):
    add_nasty()
    form = {"by": "patient", "ancestry": NASTY, "without": "P0", "sex": "male", "top": "9"}
    for address in ("/ask", "/ask/report"):
        answer = client.post(address, files={"photo": (NASTY, photo[1])}, data=form)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert 'onload="x' not in answer.text.replace("&#34;", "")
        page = Page(answer.text)
        assert "".join(page.texts).count(NASTY) >= 3  # photo, ancestry, patient


def test_a_report_holds_all_that_it_shows(client: TestClient, photo: Photo):
    answer = client.post("/ask/report", files={"photo": photo}, headers=GERMAN)
    page = Page(answer.text)
    assert page.of("html")[0]["lang"] == "de"
    assert page.of("script") == page.of("link") == []
    assert page.of("img")
    assert all(address.startswith("data:image/png;") for address in page.addresses)
    assert "kein Medizinprodukt" in page.text


@pytest.mark.parametrize("as_one", ["true", "false"])
def test_photos_of_one_name_have_each_their_face_in_a_report(
    client: TestClient, photo: Photo, tmp_path: Path, as_one: str
):
    """Phones call many photos `image.jpg`."""
    other = made.photo_file(tmp_path / "other.png", 11).read_bytes()
    files = [("photo", ("image.png", data)) for data in (photo[1], other)]
    files.insert(1, ("photo", ("image.png", b"none")))
    page = Page(client.post("/ask/report", files=files, data={"as_one": as_one}).text)
    faces = [one["src"] for one in page.of("img") if one.get("class") == "asked-face"]
    alone = [Page(client.post("/ask/report", files=[one]).text).of("img")[0] for one in files[::2]]
    assert faces == [one["src"] for one in alone]
    assert len(set(faces)) == 2


@pytest.mark.parametrize(
    ("form", "code"),
    [({"age": "old"}, "usage"), ({"term": "HP:1"}, "usage"), ({"top": "0"}, "usage")],
)
def test_what_cannot_be_asked_is_an_error_for_the_script(
    client: TestClient, photo: Photo, form: dict[str, str], code: str
):
    answer = client.post("/ask", files={"photo": photo}, data=form)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_two_candidates_stand_beside_each_other(client: TestClient):
    line = {"by": "disorder", "id": "OMIM:122470", "name": NASTY, "patient": "P 0/1",
            "photo": "p0.png", "rank": 1, "similarity": 0.5}  # fmt: skip
    sent = [json.dumps(line), json.dumps({**line, "photo": None, "rank": 2})]
    page = Page(client.post("/ask/comparison", data={"line": sent}).text)
    assert "".join(page.texts).count(NASTY) == 2
    assert page.of("img")[0]["src"] == "/api/v1/faces/P%200%2F1/crop?photo=p0.png"
    wrong = ({"rank": 10**400}, {"rank": -1}, {"similarity": 1e308}, {"similarity": float("nan")})
    for bad in (["{"], *([json.dumps({**line, **one})] for one in wrong), sent * 2):
        refused = client.post("/ask/comparison", data={"line": bad})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "usage")


def test_there_is_no_average_face_of_a_few(client: TestClient):
    answer = client.get("/ask/composite", params={"disorder": "OMIM:122470"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")


def test_an_average_face_is_the_composite_of_those_who_may_be_shown(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for seed in range(8):
        photo = made.photo_file(tmp_path / f"n{seed}.png", 60 + seed)
        add(gallery, row(photo, f"N{seed}", "ORPHA:1", family="F" if seed < 2 else None))
    gallery.set_facts(PhotoRecord("-", "N7", consent="withdrawn"))
    chosen = select(gallery, Criteria(disorders=("ORPHA:1",)))
    assert chosen.patients == tuple(f"N{seed}" for seed in range(7))
    whole = crop_to_png(composite(gallery, chosen).pixels)
    assert averages.average_face(gallery, "orpha 1") == whole
    monkeypatch.setattr(averages, "MOST_PATIENTS", 6)
    with pytest.raises(UsageError, match="4 patients"):
        averages.average_face(gallery, "ORPHA:1")
    with pytest.raises(NotInGallery):
        averages.average_face(gallery, "ORPHA:2")


def test_only_who_may_add_is_shown_how(client: TestClient, sign_in: SignIn):
    for role, is_shown in (("reader", False), ("contributor", True)):
        page = Page(client.get("/", headers=sign_in(role)).text)  # type: ignore[arg-type]
        assert ("adding" in [one.get("id") for one in page.of("form")]) == is_shown


def test_terms_are_those_that_can_be_shown_and_are_found_by_their_synonyms():
    assert {term.id for term in terms("de")} == set(TERMS)
    for term in terms("en"):
        assert term.label == TERMS[term.id].label
    (found,) = [term for term in terms("de") if "makrostomie" in term.search]
    assert "macrostomia" in found.search
    with pytest.raises(UsageError):
        chosen_terms(["HP:1"], "en")


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a release of HPO in the place of the installed one: the text of `hp.obo`, or none."""

    def put(text: str | None) -> None:
        ontology = None if text is None else parse_obo(text)
        for module in (web_terms, ask):
            monkeypatch.setattr(module, "installed_ontology", lambda: ontology)

    return put


def test_all_terms_of_the_release_are_found(client: TestClient, photo: Photo, release):
    release(
        f"data-version: {NASTY.replace(' ', '')}\n"
        f"\n[Term]\nid: HP:0000252\nname: {NASTY}\n"
        "\n[Term]\nid: HP:0000316\nname: Hypertelorism\n"
    )
    assert NASTY.replace(" ", "") in "".join(Page(client.get("/").text).texts)

    def found(text: str) -> list[str | None]:
        answer = client.get("/ask/terms", params={"search": text}, headers=GERMAN)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        return [one["value"] for one in Page(answer.text).of("input")]

    assert found("<SCRIPT>") == ["HP:0000252"]
    assert found("hypertelorism") == []  # It is in the list with faces.
    assert found("hp_0000252") == ["HP:0000252"]
    assert found("HP:0000316") == found("a") == found("") == []
    assert found("HP:0009999") == ["HP:0009999"]
    unknown = client.get("/ask/terms", params={"search": "HP:0009999"}, headers=GERMAN)
    assert "keinen solchen Begriff" in unknown.text
    form = {"term": ["HP:0000252", "HP:0009999"], "by": "patient"}
    answer = client.post("/ask", files={"photo": photo}, data=form)
    assert "<script>alert" not in answer.text
    assert NASTY in "".join(Page(answer.text).texts)
    assert "HP:0009999" in Page(answer.text).text


def test_without_a_release_a_term_is_noted_by_its_identifier(
    client: TestClient, photo: Photo, release
):
    release(None)
    assert "type its identifier" in Page(client.get("/").text).text
    answer = client.get("/ask/terms", params={"search": "HP:0000252"})
    assert [one["value"] for one in Page(answer.text).of("input")] == ["HP:0000252"]
    assert "no such term" not in answer.text
    assert Page(client.get("/ask/terms", params={"search": "nose"}).text).elements == []
    asked = client.post("/ask/report", files={"photo": photo}, data={"term": "HP:0000252"})
    assert "HP:0000252" in Page(asked.text).text


def test_terms_are_for_who_may_ask(client: TestClient, sign_in: SignIn):
    assert client.get("/ask/terms", headers=sign_in("reader")).status_code == 200
    assert client.get("/ask/terms").status_code == 401


def test_lines_are_ranked_as_asked_without_a_family(
    client: TestClient, gallery: Gallery, photo: Photo
):
    gallery.set_facts(PhotoRecord("-", "P2", family=NASTY))
    form = {"aggregation": "patient-mean", "family": NASTY}
    for address in ("/ask", "/ask/report"):
        answer = client.post(address, files={"photo": photo}, data=form, headers=GERMAN)
        assert "<script>alert" not in answer.text
        page = Page(answer.text)
        assert "ORPHA:199" not in page.text
        assert "OMIM:122470" in page.text
        assert NASTY in "".join(page.texts)
        for said in ("Punktwert", "Geordnet nach"):
            assert said in page.text
    plain = client.post("/ask", files={"photo": photo}, headers=GERMAN)
    assert "Punktwert" not in plain.text
    wrong = client.post("/ask", files={"photo": photo}, data={"aggregation": "sum"})
    assert wrong.json()["error"]["code"] == "usage"


def test_a_term_is_shown_by_a_simulated_face():
    plain, wide = (cv2.imdecode(np.frombuffer(term_picture(one), np.uint8), cv2.IMREAD_COLOR)
                   for one in (PLAIN, "HP:0000445"))  # fmt: skip
    assert plain.shape == wide.shape
    assert np.abs(plain.astype(int) - wide).max() > 20
    with pytest.raises(NotInGallery):
        term_picture("HP:1")


@pytest.fixture
def made_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The release of HPO that was made by hand."""
    monkeypatch.setenv("GESTALT_HPO_RELEASE", str(write_release(tmp_path / "release")))
    installed_ontology.cache_clear()
    yield
    installed_ontology.cache_clear()


def test_photo_and_terms_of_one_patient_are_ranked_together(
    client: TestClient, photo: Photo, made_release
):
    form = {"term": "HP:0000011", "by": "gene"}
    for address in ("/ask", "/ask/report"):
        text = client.post(address, files={"photo": photo}, data=form).text
        assert text.index("AAA1") < text.index("Disorder 1</span>")
        assert text.index("Disorder 1</span>") < text.index("OMIM:122470</span>")
        assert "noted, not used for the ranking" not in text
    german = client.post("/ask", files={"photo": photo}, data=form, headers=GERMAN).text
    assert "Alle Hinweise zusammen" in german
    assert "nicht in der Galerie" in german
    two = client.post("/ask", files=[("photo", photo)] * 2, data={"term": "HP:0000011"}).text
    assert "noted, not used for the ranking" in two


def exome_file() -> Photo:
    """Two genes with a candidate variant, one of which HPO does not have."""
    lines = [made_vcf.line(gene="BBB1", cadd=30), made_vcf.line(pos=200, gene="New1", cadd=10)]
    return "exome.vcf", made_vcf.content(lines)


def test_a_phenopacket_and_an_exome_are_ranked_by_with_the_evidence_of_each_part(
    client: TestClient, photo: Photo, made_release
):
    pytest.importorskip("cyvcf2", reason="reading a VCF needs cyvcf2")
    case = ("case.json", json.dumps(packet(subject={"sex": "FEMALES"})).encode())
    files = {"photo": photo, "phenopacket": case, "vcf": exome_file()}
    for address in ("/ask", "/ask/report"):
        answer = client.post(address, files=files, data={"term": "HP:0000013", "sample": ""})
        assert answer.status_code == 200
        shown = " ".join(Page(answer.text).text.split())
        for told in (
            "exome.vcf, P1, GRCh37: 2 variants, 2 genes with candidate variants",
            "The sex 'FEMALES' is not used",
            "BBB1: candidate variant",
            "CADD 30.0",
            "no candidate variant, which says nothing: the VCF has only 2 variants",
            "the gallery has no patient with this disorder",
            "Wide nose",
            "without Photo: 1",
            "Assumed: ",
        ):
            assert told in shown, told
        assert "3 used" in shown
        is_report = address.endswith("report")  # which is printed as it is
        assert ("<details open><summary>Evidence for" in answer.text) == is_report


def test_hostile_phenopackets_and_exomes_are_text(client: TestClient, photo: Photo, made_release):
    pytest.importorskip("cyvcf2", reason="reading a VCF needs cyvcf2")
    bad = "<b>hit</b>"
    terms = [{"type": {"id": one}} for one in ("HP:0000011", bad)]
    case = packet(phenotypicFeatures=terms, subject={"sex": bad})
    lines = [made_vcf.line(gene=bad), made_vcf.line(pos=200, gene="BBB1")]
    files = {
        "photo": photo,
        "phenopacket": (f"{bad}.json", json.dumps(case).encode()),
        "vcf": (f"{bad}.vcf", made_vcf.content(lines, made_vcf.header((bad,)))),
    }
    for address in ("/ask", "/ask/report"):
        answer = client.post(address, files=files)
        assert answer.status_code == 200
        assert "<b>" not in answer.text.lower()
        assert answer.text.count("&lt;b&gt;hit&lt;/b&gt;") >= 5


def test_a_page_without_files_sends_empty_fields(client: TestClient, photo: Photo, made_release):
    """A browser sends a field of files that has none as an empty file without a name."""
    head = 'Content-Disposition: form-data; name="{}"; filename="{}"\r\n\r\n'
    parts = [("photo", *photo), ("phenopacket", "", b""), ("vcf", "", b"")]
    body = b"".join(
        b"--x\r\n" + head.format(field, name).encode() + data + b"\r\n"
        for field, name, data in parts
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/ask", content=body + b"--x--\r\n", headers=kind)
    assert answer.status_code == 200
    assert "All evidence together" not in answer.text


def test_files_are_never_passed_over(client: TestClient, photo: Photo, made_release):
    case = ("case.json", json.dumps(packet()).encode())
    files = [("photo", photo), ("photo", photo), ("phenopacket", case)]
    refused = client.post("/ask", files=files)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "usage")
    by_patient = client.post(
        "/ask", files={"photo": photo, "phenopacket": case}, data={"by": "patient"}
    )
    assert by_patient.status_code == 400


def test_the_form_asks_for_files_only_where_they_can_be_read(
    client: TestClient, made_release, release, monkeypatch: pytest.MonkeyPatch
):
    def fields() -> set[str | None]:
        return {one.get("name") for one in Page(client.get("/").text).of("input")}

    assert {"phenopacket", "vcf"} <= fields()
    monkeypatch.setattr(ask, "find_spec", lambda _: None)
    assert fields() & {"phenopacket", "vcf"} == {"phenopacket"}
    assert "cyvcf2 is not installed" in client.get("/").text
    release(None)
    assert fields() & {"phenopacket", "vcf"} == set()
