"""Spaces are listed, one is used and one is dropped; the old one serves while another is filled."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gestalt_space.errors import (
    DatabaseError,
    GalleryChanged,
    GalleryError,
    ModelNotInstalled,
    NotInGallery,
    UsageError,
)
from gestalt_space.gallery.inspecting.whole import inspect_gallery
from gestalt_space.gallery.keeper import Keeper
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.store import tables as t
from gestalt_space.store.audit import events
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, files_with, make_home, open_gallery, row
from tests.prepared import Prepared
from tests.processes import Process

PHOTOS = 5


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore, prepared: Prepared) -> Path:
    """A home of five photos in the space `tiny`, with the encoder `other` installed as well."""
    folder = tmp_path / "made"

    def make() -> None:
        home = make_home(folder / "home", tiny_store)
        photos = [made.photo_file(folder / f"p{n}.png", n) for n in range(PHOTOS)]
        with open_gallery(home) as gallery:
            add(gallery, *(row(photo, f"P{n}", "A") for n, photo in enumerate(photos)))
        made.arcface_onnx(folder / "other.onnx", dim=64, seed=5)
        ModelStore(home / "models").add(folder / "other.onnx", license_name="made by the tests")

    return prepared("two-spaces", folder, make) / "home"


def fill(home: Path, **options: Any) -> Any:
    with open_gallery(home, space="other") as gallery:
        return gallery.fill(**options)


def unsound(home: Path) -> list[str]:
    with open_gallery(home) as gallery:
        found = inspect_gallery(gallery.settings, sample=1)
        return [one.subject for one in found if one.state != "ok"]


def nearest(gallery: Gallery, home: Path) -> str:
    source = PhotoSource("p1.png", home.parent / "p1.png")
    (match,) = gallery.using(space=None).match([source])
    return match.lines[0].id


FILL = """
from gestalt_space.gallery import filling
from gestalt_space.home import Gallery
from tests import databases

databases.patch_settings()
filling.WRITE_BATCH = 1
done = []
def follow(one):
    done.append(one.photo)
    if len(done) == 2:
        stop("two are filled")
with Gallery.open(Path(sys.argv[1]), space="other") as gallery:
    gallery.fill(make_default=True, progress=follow)
"""


def test_a_fill_that_was_killed_goes_on_while_the_old_space_serves(home: Path) -> None:
    with open_gallery(home) as gallery:
        assert nearest(gallery, home) == "A"
        with Process(FILL, home) as other:
            assert other.heard() == "two are filled"
            assert nearest(gallery, home) == "A"
            assert gallery.space.model.name == "tiny"
            os.kill(other._process.pid, signal.SIGKILL)
            assert other.ended() == -signal.SIGKILL
        tiny, half = gallery.spaces()
        assert (tiny.is_default, tiny.missing, half.is_default) == (True, 0, False)
        assert half.descriptors in (1, 2)
        assert half.missing == PHOTOS - half.descriptors
        with pytest.raises(GalleryError, match=f"{half.missing} faces have no") as caught:
            gallery.use_space("other")
        assert "gestalt index fill --space other" in caught.value.hint
        filled = fill(home, make_default=True)
        assert len(filled.faces) == half.missing, "what was done is passed over"
        assert (filled.missing, filled.is_default) == (0, True)
        assert gallery.space.model.name == "other"
        assert nearest(gallery, home) == "A"
    assert unsound(home) == []


def test_fill_switches_when_all_is_filled_and_not_before(home: Path) -> None:
    with open_gallery(home) as gallery:
        with gallery.database.writing() as session:
            session.execute(sa.delete(t.Crop).where(t.Crop.face_id == 2))
        filled = fill(home, make_default=True)
        assert (len(filled.failed), filled.missing, filled.is_default) == (1, 1, False)
        assert gallery.space.model.name == "tiny"
        with pytest.raises(GalleryError):
            gallery.use_space("other")
        assert gallery.use_space("other", partly=True).missing == 1
        assert gallery.space.model.name == "other"
        # By its fingerprint, and back.
        tiny, _ = gallery.spaces()
        assert gallery.use_space(tiny.fingerprint[:8]).name == "tiny"
        with gallery.database.reading() as session:
            actions = [event.action for event in events(session)]
        assert actions.count("default") == 2


def test_what_cannot_be_used_is_named(home: Path) -> None:
    fill(home)
    with open_gallery(home) as gallery:
        with pytest.raises(NotInGallery, match="Its spaces are tiny, other") as caught:
            gallery.use_space("nothing")
        assert "gestalt index spaces" in caught.value.hint
        ModelStore(home / "models").remove("other")
        assert [one.is_installed for one in gallery.spaces()] == [True, False]
        with pytest.raises(ModelNotInstalled):
            gallery.use_space("other")
        assert gallery.space.model.name == "tiny"


def test_a_space_that_is_dropped_leaves_rows_and_files(home: Path) -> None:
    fill(home)
    with open_gallery(home) as gallery:
        with pytest.raises(UsageError, match="uses"):
            gallery.drop_space("tiny")
        needles = [d.tobytes() for d in gallery.using(space="other").snapshot().descriptors]
        assert files_with(home, needles[0])
        dropped = gallery.drop_space("other")
        assert (dropped.name, dropped.descriptors, dropped.index_bytes > 0) == ("other", 5, True)
        assert [space.name for space in gallery.spaces()] == ["tiny"]
        assert nearest(gallery, home) == "A"
        with gallery.database.reading() as session:
            *_, last = events(session)
        assert (last.action, last.detail and last.detail["descriptors"]) == ("drop", 5)
    assert [files_with(home, needle) for needle in needles] == [[]] * PHOTOS
    assert not list((home / "index").glob(f"*{dropped.fingerprint[:16]}*"))
    assert unsound(home) == []
    assert len(fill(home).faces) == PHOTOS, "its crops are there"


def test_a_drop_that_was_cut_off_is_finished_when_the_gallery_is_opened(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(home)
    with open_gallery(home) as gallery:
        needle = gallery.using(space="other").snapshot().descriptors[0].tobytes()
        fingerprint = gallery.droppable_space("other").fingerprint

        def killed(*_: object, **__: object) -> None:
            raise DatabaseError("as if the process was killed here")

        with monkeypatch.context() as patched:
            patched.setattr(Keeper, "purge", killed)
            with pytest.raises(DatabaseError):
                gallery.drop_space("other")
    assert list((home / "index").glob(f"{fingerprint[:16]}*"))
    assert {"index files", "removals"} <= {
        one.subject for one in inspect_gallery(gallery.settings, sample=0) if one.state != "ok"
    }
    open_gallery(home).close()
    assert files_with(home, needle) == []
    assert unsound(home) == []


def test_who_fills_a_space_that_is_dropped_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And fills no other space, which may have got its key."""
    monkeypatch.setattr("gestalt_space.gallery.filling.WRITE_BATCH", 2)
    done = []

    def follow(one: object) -> None:
        done.append(one)
        if len(done) == 2:
            with open_gallery(home) as gallery:
                gallery.drop_space("other")
                with gallery.database.writing() as session:
                    space = t.Space(model="new", fingerprint="e" * 64, specification="{}", dim=16)
                    session.add(space)

    with pytest.raises(GalleryChanged, match="was deleted"):
        fill(home, progress=follow)
    with open_gallery(home) as gallery:
        assert [(one.name, one.descriptors) for one in gallery.spaces()] == [
            ("tiny", PHOTOS),
            ("new", 0),
        ]
