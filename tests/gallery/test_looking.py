from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gestalt_space.errors import ConsentWithdrawn, GalleryMissing, NotInGallery
from gestalt_space.home import Gallery
from gestalt_space.types import PhotoRecord
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import fill_once, make_home, open_gallery, row
from tests.prepared import Prepared


@pytest.fixture
def gallery(tmp_path: Path, tiny_store: ModelStore, prepared: Prepared) -> Iterator[Gallery]:
    """P0 and P1, for Anna."""
    rows = [
        row(made.photo_file(tmp_path / f"p{n}.png", n), f"P{n}", "OMIM:122470") for n in range(2)
    ]
    home = fill_once(prepared, "looking", make_home(tmp_path / "home", tiny_store), *rows)
    with open_gallery(home) as gallery:
        yield gallery.acting_for("Anna")


def test_each_look_names_who_looked_and_at_whom(gallery: Gallery) -> None:
    assert gallery.look_at(" P0 ") == gallery.patient("P0")
    page = gallery.look_through(limit=1)
    assert ([one.patient for one in page.patients], page.next) == (["P0"], "P0")
    assert gallery.look_through(after=page.next, limit=1).next is None
    assert gallery.look_at_crop("P1", "p1.png").startswith(b"\x89PNG")
    looks = gallery.log(newest=4)
    assert [(one.actor, one.action, one.patients, one.told) for one in looks] == [
        ("Anna", "look", ("P0",), ()),
        ("Anna", "look", ("P0",), ("1 patient listed",)),
        ("Anna", "look", ("P1",), ("1 patient listed",)),
        ("Anna", "look", ("P1",), ("1 face shown",)),
    ]


def test_what_shows_nothing_is_no_look(gallery: Gallery) -> None:
    before = gallery.trail_head()
    with pytest.raises(NotInGallery):
        gallery.look_at("nobody")
    with pytest.raises(NotInGallery):
        gallery.look_at_crop("P1", "p0.png")
    assert gallery.look_through(after="P9").patients == ()
    assert gallery.trail_head() == before


def test_no_face_is_shown_without_consent_or_crop(gallery: Gallery, tmp_path: Path) -> None:
    plain = made.photo_file(tmp_path / "p2.png", 2)
    gallery.add([row(plain, "P2")], keep_crops=False)
    with pytest.raises(NotInGallery, match="not kept"):
        gallery.look_at_crop("P2", "p2.png")
    gallery.set_facts(PhotoRecord("", "P1", consent="withdrawn"))
    with pytest.raises(ConsentWithdrawn):
        gallery.look_at_crop("P1", "p1.png")
    assert gallery.look_at("P1").consent == "withdrawn"


def test_photos_are_added_from_memory(gallery: Gallery, tmp_path: Path) -> None:
    photo = made.photo_file(tmp_path / "p3.png", 3)
    intake = row(photo, "P3")
    data = photo.read_bytes()
    photo.unlink()
    (added,) = gallery.add(
        [type(intake)("p3.png", Path("p3.png"), intake.record, data=data)]
    ).photos
    assert (added.status, added.photo) == ("added", "p3.png")
    assert gallery.patient("P3").photos[0].crop_kept


@pytest.mark.sqlite_only("a server's database is there")
def test_where_there_is_no_gallery_nothing_is_made(tmp_path: Path) -> None:
    with open_gallery(tmp_path / "none") as gallery:
        for look in (lambda: gallery.look_at("P0"), gallery.look_through):
            with pytest.raises(GalleryMissing):
                look()
    assert not (tmp_path / "none").exists()
