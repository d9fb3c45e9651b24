"""The page Import a table: what is foreseen of each row, and that photos come in parts."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gestalt_space.errors import NotInGallery
from gestalt_space.gallery.intake.tables import read_table_bytes
from gestalt_space.home import Gallery
from gestalt_space.service.app import create_app
from gestalt_space.service.web import importing
from gestalt_space.service.web import page as web_page
from gestalt_space.service.web.importing import photos_by_name
from gestalt_space.types import PhotoRecord
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import make_home, open_gallery
from tests.pages.conftest import NASTY
from tests.pages.parsed import Page
from tests.service.conftest import Serve, SignIn

HTML = {"Accept": "text/html"}
IMPORT = "/gallery/import"
Photo = tuple[str, bytes]


class Cells(HTMLParser):
    """The texts of the cells of a table's body, row by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(text.partition("<tbody>")[2].partition("</tbody>")[0])
        self.rows = [[" ".join(cell.split()) for cell in row] for row in self.rows]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def table(*rows: tuple[str, ...]) -> tuple[str, bytes]:
    text = io.StringIO()
    csv.writer(text).writerows([("photo", "patient", "disorder", "sex", "consent"), *rows])
    return "table.csv", text.getvalue().encode()


def chosen(*photos: Photo) -> tuple[str, bytes]:
    """The list of photos that the script sends."""
    told = [{"name": name, "sha256": sha256(data).hexdigest()} for name, data in photos]
    return "photos.json", json.dumps(told).encode()


def sent(client: TestClient, address: str, files: list[Any], **form: str) -> list[list[str]]:
    """The rows of an answer."""
    answer = client.post(address, files=files, data=form)
    assert answer.status_code == 200, answer.text
    assert "<script>alert" not in answer.text
    assert Page(answer.text).open == []
    return Cells(answer.text).rows


def previewed(client: TestClient, rows: tuple[str, bytes], *photos: Photo) -> list[list[str]]:
    return sent(client, f"{IMPORT}/preview", [("table", rows), ("chosen", chosen(*photos))])


def added(
    client: TestClient, rows: tuple[str, bytes], photos: list[Photo], *part: Photo, first: bool
) -> list[list[str]]:
    files = [("table", rows), ("chosen", chosen(*photos)), *(("photo", one) for one in part)]
    return sent(client, IMPORT, files, first=str(first).lower())


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    """Photos of people who are not in the gallery."""
    paths = [made.photo_file(tmp_path / f"n{seed}.png", 40 + seed) for seed in range(4)]
    return [(path.name, path.read_bytes()) for path in paths]


def test_a_table_is_looked_through_and_added(
    client: TestClient, gallery: Gallery, photos: list[Photo]
):
    rows = table(
        ("folder/n0.png", "N1", "ORPHA:199", "", ""),
        ("n1.png", "N1", "", "", ""),
        ("n3.png", "P0", "", "male", ""),
        ("/etc/hostname", "N2", "", "", ""),
        ("n2.png", NASTY.replace("\n", ""), "", "x", ""),
    )
    before = gallery.patients()
    files = [("table", rows), ("chosen", chosen(*photos, ("left.png", b"")))]
    page = client.post(f"{IMPORT}/preview", files=files).text
    assert "left.png" in page
    assert "3 of 5 rows" in page
    found = previewed(client, rows, *photos)
    assert [one[2] for one in found] == ["error", "error", "new patient", "new photo", "new photo"]
    assert "was not chosen" in found[0][3]
    assert "sex male" in found[4][3]
    assert gallery.patients() == before
    done = added(client, rows, photos, *photos, first=True)
    assert [one[2] for one in done] == ["added", "added", "added", "error", "error"]
    assert gallery.patient("N1").disorders == (("ORPHA:199", ""),)
    with pytest.raises(NotInGallery):
        gallery.patient("N2")
    again = previewed(client, rows, *photos)
    assert [one[2] for one in again] == ["error"] * 2 + ["already there"] * 3


def test_contradictions_with_the_gallery_and_between_rows_are_foreseen(
    client: TestClient, gallery: Gallery, photos: list[Photo]
):
    gallery.set_facts(PhotoRecord("-", "P0", sex="female"))
    gallery.set_facts(PhotoRecord("-", "P1", consent="withdrawn"))
    rows = table(
        ("n0.png", "P0", "", "male", ""),
        ("n1.png", "N1", "", "male", ""),
        ("n2.png", "N1", "", "female", ""),
        ("n3.png", "P1", "", "", ""),
    )
    found = previewed(client, rows, *photos)
    assert [one[2] for one in found] == ["error"] * 4
    assert "sex: female → male" in found[0][3]
    assert all("contradict each other" in one[3] for one in found[1:3])
    assert "withdrawn" in found[3][3]
    done = added(client, rows, photos, *photos, first=True)
    assert [one[3] for one in done] == [one[3] for one in found]


def test_whoever_is_told_of_patients_has_looked_at_them(
    client: TestClient, gallery: Gallery, photos: list[Photo]
):
    def looks(patient: str) -> int:
        return len([one for one in gallery.log(patient=patient) if one.action == "look"])

    gallery.set_facts(PhotoRecord("-", "P0", sex="female"))
    rows = table(("n0.png", "P0", "", "male", ""), ("n1.png", "N1", "", "", ""))
    assert "sex: female" in previewed(client, rows, *photos)[0][3]
    assert (looks("P0"), looks("P1")) == (1, 0)
    assert "sex: female" in added(client, rows, photos, *photos[:2], first=True)[0][3]
    assert (looks("P0"), looks("N1")) == (2, 0)
    facts = {"patient": "P0", "sex": "male"}
    assert "female" in client.post("/api/v1/patients", files={"photo": photos[0]}, data=facts).text
    assert looks("P0") == 3


def test_photos_come_in_parts_and_rows_are_held_against_the_whole_table(
    client: TestClient, gallery: Gallery, photos: list[Photo]
):
    rows = table(
        ("n0.png", "N0", "", "", ""),
        ("n1.png", "N1", "", "male", ""),
        ("n2.png", "N1", "", "female", ""),
        ("n3.png", "N0", "", "", "withdrawn"),
        ("n9.png", "N9", "", "", ""),
    )
    first = added(client, rows, photos, *photos[:2], first=True)
    assert [one[0] for one in first] == ["n0.png", "n1.png", "n2.png", "n9.png"]
    assert [one[2] for one in first] == ["error"] * 4
    assert "withdrawn" in first[0][3]
    rest = added(client, rows, photos, *photos[2:], first=False)
    assert [one[0] for one in rest] == ["n3.png"]
    assert [one.patient for one in gallery.patients()] == ["P0", "P1", "P2", "P3"]


def test_other_requests_do_not_wait_while_a_table_is_read(
    client: TestClient, photos: list[Photo], monkeypatch: pytest.MonkeyPatch
):
    """It takes seconds where it is long, and so does the page that lists the rows."""
    at_work: list[str] = []

    def apart(work: Any) -> Any:
        def working(*given: Any, **options: Any) -> Any:
            with pytest.raises(RuntimeError, match="no running event loop"):
                asyncio.get_running_loop()
            at_work.append(work.__name__)
            return work(*given, **options)

        return working

    monkeypatch.setattr(importing, "read_table_bytes", apart(read_table_bytes))
    monkeypatch.setattr(web_page.Page, "show", apart(web_page.Page.show))
    rows = table(("n0.png", "N0", "", "", ""))
    assert len(previewed(client, rows, *photos)) == 1
    assert len(added(client, rows, photos, photos[0], first=True)) == 1
    assert at_work == ["read_table_bytes", "show"] * 2


def test_names_of_photos_are_counted_once(
    client: TestClient, photos: list[Photo], monkeypatch: pytest.MonkeyPatch
):
    """Not for each row: a table may have thousands."""
    counted: list[int] = []
    monkeypatch.setattr(
        importing, "photos_by_name", lambda photos: counted.append(1) or photos_by_name(photos)
    )
    rows = table(*((name, name, "", "", "") for name, _ in photos))
    assert len(previewed(client, rows, *photos)) == len(photos)
    assert counted == [1]


def test_errors_of_rows_name_no_options(client: TestClient, photos: list[Photo]):
    of_one = table(("n0.png", "N0", "", "", ""))
    of_another = table(("n0.png", "N1", "", "", ""))
    assert added(client, of_one, photos, photos[0], first=True)[0][2] == "added"
    ((*_, told),) = added(client, of_another, photos, photos[0], first=True)
    ((*_, foreseen),) = previewed(client, of_another, *photos)
    for text in (told, foreseen):
        assert "choose the face with `face`" in text
        assert "--face" not in text


def test_two_photos_of_one_name_are_none(client: TestClient, photos: list[Photo]):
    rows = table(("n0.png", "N0", "", "", ""), ("n1.png", "N1", "", "", ""))
    twice = [photos[0], (photos[0][0], photos[2][1]), photos[1]]
    for found in (
        previewed(client, rows, *twice),
        added(client, rows, twice, *twice, first=True),
    ):
        assert "Several photos have the name" in found[0][3]
        assert found[1][2] != "error"


def test_one_request_holds_as_many_photos_as_the_form_says(serve: Serve, photos: list[Photo]):
    client = serve(most_files=4, most_bytes=10**6)
    (form,) = [one for one in Page(client.get(IMPORT).text).of("form") if one["id"] == "import"]
    assert (form["data-most-files"], form["data-most-bytes"]) == ("2", "1000000")
    rows = table(*((name, name, "", "", "") for name, _ in photos))
    assert len(added(client, rows, photos, *photos[:2], first=True)) == 2
    files = [("table", rows), ("chosen", chosen(*photos)), *(("photo", one) for one in photos[:3])]
    refused = client.post(IMPORT, files=files)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "body_too_large")


def test_a_first_table_is_foreseen_where_there_is_no_gallery_yet(
    tmp_path: Path, tiny_store: ModelStore, photos: list[Photo]
):
    with open_gallery(make_home(tmp_path / "new", tiny_store)) as gallery:
        client = TestClient(create_app(gallery), base_url="http://localhost")
        rows = table(("n0.png", "N0", "ORPHA:199", "", ""), ("n0.png", "N0", "", "", ""))
        found = previewed(client, rows, photos[0])
        assert [one[2] for one in found] == ["new patient", "already there"]
        assert not gallery.exists


def test_an_import_needs_a_contributor_and_a_table(client: TestClient, sign_in: SignIn):
    files = {"table": table(), "chosen": chosen()}
    reader, contributor = sign_in("reader"), sign_in("contributor")
    assert client.get(IMPORT, headers=reader).status_code == 403
    assert client.get(IMPORT, headers=contributor).status_code == 200
    wrong = {"table": table(("n.png", "N", "", "", "")), "chosen": ("p", b'[{"name": 1}]')}
    for address in (IMPORT, f"{IMPORT}/preview"):
        assert client.post(address, files=files, headers=reader).status_code == 403
        for one in (files, wrong):
            answer = client.post(address, files=one, headers=contributor)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")
