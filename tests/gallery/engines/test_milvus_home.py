"""Milvus in a home: its folder, its token, and what is left of what was erased."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from gestalt_space.errors import EngineUnsuitable, ErasureUnfinished, UsageError
from gestalt_space.gallery.archives.restoring import restore
from gestalt_space.gallery.engines import measuring
from gestalt_space.gallery.engines.recorded import read_engines, write_engines
from gestalt_space.gallery.erasure.places import places_of
from gestalt_space.home import Gallery
from gestalt_space.index.engines.contract import CollectionPlace
from gestalt_space.match.question import Question
from gestalt_space.settings import load_settings
from gestalt_space.store import tables as t
from gestalt_space.store.gallery_id import renew_gallery_id
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, make_home, open_gallery, row
from tests.many import fill_gallery

pytest.importorskip("milvus_lite")

PHOTOS = 60


@pytest.fixture
def home(
    tmp_path: Path,
    tiny_store: ModelStore,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    monkeypatch.setattr(measuring, "MEASURED", 5)
    home = make_home(tmp_path / "home", tiny_store)
    with open_gallery(home) as gallery:
        fill_gallery(gallery, np.arange(PHOTOS) // 2, made.unit(rng, PHOTOS, 16), 10)
    return home


@pytest.fixture
def gallery(home: Path) -> Iterator[Gallery]:
    with open_gallery(home) as gallery:
        yield gallery


def files_with(folder: Path, piece: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and piece in path.read_bytes()]


def test_without_an_address_it_is_a_folder_of_the_home(gallery: Gallery, home: Path):
    gallery.add_engine("milvus")
    assert (home / "milvus" / "collections").is_dir()
    assert (home / "milvus").stat().st_mode & 0o777 == 0o700
    (engine,) = json.loads((home / "engines.json").read_text())["engines"]
    assert engine["address"] is None


@pytest.mark.parametrize("name", ["photo.jpg", "LOCK.jpg", ".hidden"])
def test_a_folder_with_other_files_is_refused_and_left_as_it_is(
    gallery: Gallery, tmp_path: Path, name: str
):
    place = tmp_path / "photos"
    (place / "collections").mkdir(parents=True)
    (place / name).write_bytes(b"photo")
    for anew in (False, True):
        with pytest.raises(EngineUnsuitable, match="other files") as error:
            gallery.add_engine("milvus", address=str(place), anew=anew)
        assert "--address" in error.value.hint
    assert {path.name for path in place.iterdir()} == {"collections", name}
    assert gallery.engines() == []


def test_an_empty_folder_one_of_milvus_lite_and_one_that_was_begun_are_used(
    gallery: Gallery, tmp_path: Path
):
    place = tmp_path / "lite"
    (place / "collections").mkdir(parents=True)
    gallery.add_engine("milvus", address=str(place))
    assert gallery.remove_engine("milvus").left == str(place)
    # Photos that came later do not keep anybody from the descriptors that are there.
    (place / "photo.jpg").write_bytes(b"photo")
    gallery.add_engine("milvus", address=str(place))
    check_whole(gallery)
    assert gallery.remove_engine("milvus", forget=True).left is None
    (tmp_path / "empty").mkdir()
    gallery.add_engine("milvus", address=str(tmp_path / "empty"))
    check_whole(gallery)


def test_what_is_erased_is_in_no_file_of_milvus(
    tmp_path: Path, tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(measuring, "MEASURED", 5)
    home = make_home(tmp_path / "home", tiny_store)
    photos = [made.photo_file(tmp_path / f"p{n}.png", n) for n in range(8)]
    with open_gallery(home) as gallery:
        add(gallery, *(row(photo, f"P{n // 2}", "A") for n, photo in enumerate(photos)))
        gallery.add_engine("milvus")
    # As after another command: rows are in files of their own.
    with open_gallery(home) as gallery:
        state = gallery.state()
        is_gone = state.patients == state.patients[0]
        gone, left = (state.vectors_at(np.flatnonzero(one)) for one in (is_gone, ~is_gone))
        assert (len(gone), len(left)) == (2, 6)
        assert all(files_with(home / "milvus", vector.tobytes()) for vector in gone)
        gallery.erase(["P0"])
        assert not any(files_with(home, vector.tobytes()) for vector in gone)
        assert all(files_with(home / "milvus", vector.tobytes()) for vector in left)
        match = gallery.match_patient("P1", Question(index="milvus", by="patient"))
        assert {line.patient for line in match.lines} == {"P2", "P3"}


@pytest.fixture
def other(home: Path, tmp_path: Path, tiny_store: ModelStore, rng: np.random.Generator):
    """Another gallery with as many photos, as many patients and as many changes."""
    other = make_home(tmp_path / "other", tiny_store)
    with open_gallery(other) as gallery:
        fill_gallery(gallery, np.arange(PHOTOS) // 2, made.unit(rng, PHOTOS, 16), 10)
        with gallery.database.writing() as session:
            renew_gallery_id(session)  # databases of the tests are copies of one
        yield gallery


def check_whole(gallery: Gallery) -> None:
    (state,) = gallery.engines()
    assert state.error is None
    assert state.position is not None
    assert (state.position.rows, state.newer) == (PHOTOS, 0)
    asked = [Question(index=index, by="patient") for index in ("milvus", "exact")]
    found, exact = (gallery.match_patient("P000001", one) for one in asked)
    assert found.lines == exact.lines


def test_two_galleries_with_as_many_photos_are_told_apart(
    gallery: Gallery, other: Gallery, tmp_path: Path
):
    place = str(tmp_path / "shared")
    gallery.add_engine("milvus", address=place)
    with pytest.raises(EngineUnsuitable, match="another gallery") as error:
        other.add_engine("milvus", address=place)
    assert "--address" in error.value.hint
    assert "--anew" in error.value.hint
    assert other.engines() == []
    check_whole(gallery)

    # A home whose file says so all the same neither uses, fills nor deletes it.
    copied = other.settings.engines_file
    copied.write_bytes(gallery.settings.engines_file.read_bytes())
    (listed,) = other.engines()
    assert isinstance(listed.error, EngineUnsuitable)
    assert listed.position is None
    for ask in (
        lambda: other.view(Question(index="milvus")),
        lambda: other.sync_engine("milvus"),
        lambda: other.remove_engine("milvus"),
    ):
        with pytest.raises(EngineUnsuitable, match="another gallery"):
            ask()
    other.remove(patients=["P000003"])
    check_whole(gallery)
    with pytest.raises(EngineUnsuitable) as error:
        other.remove_engine("milvus")
    assert "--forget" in error.value.hint
    other.remove_engine("milvus", forget=True)
    check_whole(gallery)


def test_a_restored_backup_takes_the_collection_over_only_when_told(
    gallery: Gallery, tmp_path: Path, tiny_store: ModelStore
):
    place = str(tmp_path / "shared")
    gallery.add_engine("milvus", address=place)
    gallery.back_up(tmp_path / "backup")
    home = make_home(tmp_path / "restored", tiny_store)
    restore(tmp_path / "backup", load_settings(home))
    with open_gallery(home) as restored:
        with pytest.raises(EngineUnsuitable, match="another gallery") as error:
            restored.add_engine("milvus", address=place)
        assert "restored from its backup" in error.value.hint
        check_whole(gallery)
        restored.add_engine("milvus", address=place, anew=True)
        check_whole(restored)
        (listed,) = gallery.engines()
        assert isinstance(listed.error, EngineUnsuitable)
        with pytest.raises(EngineUnsuitable, match="another gallery"):
            gallery.view(Question(index="milvus"))
        # Nothing of the first gallery is there any more: its removals need not wait for it.
        gallery.remove(patients=["P000003"])
        check_whole(restored)
        gallery.sync_engine("milvus", anew=True)
        (state,) = gallery.engines()
        assert state.position is not None
        assert state.position.rows == PHOTOS - 2
        assert isinstance(restored.engines()[0].error, EngineUnsuitable)


@pytest.mark.parametrize("within", [False, True])
def test_an_erasure_says_that_another_gallery_took_the_folder_over_and_has_the_photos(
    tmp_path: Path, tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch, *, within: bool
):
    monkeypatch.setattr(measuring, "MEASURED", 2)
    home = make_home(tmp_path / "home", tiny_store)
    place = home / "milvus" if within else tmp_path / "shared"
    photos = [made.photo_file(tmp_path / f"p{n}.png", n) for n in range(4)]
    with open_gallery(home) as gallery:
        add(gallery, *(row(photo, f"P{n}", "A") for n, photo in enumerate(photos)))
        gallery.add_engine("milvus", address=str(place))
        gallery.back_up(tmp_path / "backup")
    restored = make_home(tmp_path / "restored", tiny_store)
    restore(tmp_path / "backup", load_settings(restored))
    with open_gallery(restored) as other:
        other.add_engine("milvus", address=str(place), anew=True)
    # As after another command: rows are in files of their own.
    with open_gallery(restored) as other:
        assert other.engines()[0].error is None
    with open_gallery(home) as gallery:
        with pytest.raises(ErasureUnfinished, match="another gallery") as error:
            gallery.erase(["P0"])
        assert "and these photos may be among them" in error.value.message
        assert "Erase the patients in that gallery, too" in error.value.hint
        assert "gestalt index erase --resume" in error.value.hint
        assert ("outside this home" if within else "engine remove milvus --forget") in (
            error.value.hint
        )
        if within:
            with open_gallery(restored) as other:
                other.erase(["P0"])
        else:
            gallery.remove_engine("milvus", forget=True)
        assert len(gallery.resume_erasures()) == 1


def test_a_dropped_space_does_not_delete_the_collection_of_another_gallery(
    gallery: Gallery, other: Gallery, tmp_path: Path
):
    place = str(tmp_path / "shared")
    gallery.add_engine("milvus", address=place)
    other.settings.engines_file.write_bytes(gallery.settings.engines_file.read_bytes())
    with other.database.writing() as session:
        session.execute(sa.update(t.Space).values(fingerprint="ef" * 32))
    other.search_engines.take_out()
    assert other.engines() == []
    check_whole(gallery)


def test_an_erasure_also_searches_a_folder_elsewhere_and_says_that_it_cannot_search_a_server(
    gallery: Gallery, home: Path, tmp_path: Path
):
    gallery.add_engine("milvus", address=str(tmp_path / "elsewhere"))
    gallery.close()
    with open_gallery(home) as again:
        files = places_of(again.settings, again.database).files
        mine = [path for path in files if path.is_relative_to(tmp_path / "elsewhere")]
        assert any(path.suffix == ".parquet" for path in mine)
        (record,) = read_engines(again.settings.engines_file)
        address = "http://host:19530/clinic"
        write_engines(again.settings.engines_file, [replace(record, address=address)])
        passed = places_of(again.settings, again.database).passed_over
        assert f"the files of Milvus at {address}: they are on the server" in passed


def test_a_token_comes_from_the_settings_and_goes_to_the_server_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    places: list[CollectionPlace] = []

    def opened(name: str, place: CollectionPlace) -> object:
        places.append(place)
        raise UsageError("That is all.")

    monkeypatch.setenv("GESTALT_MILVUS_TOKEN", "user:s3cret")
    monkeypatch.setattr("gestalt_space.gallery.engines.opened.open_engine", opened)
    with open_gallery(home) as gallery:
        assert "s3cret" not in repr(gallery.settings)
        with pytest.raises(UsageError, match="That is all"):
            gallery.add_engine("milvus", address="http://host:19530/clinic")
    assert places[0].address == "http://user:s3cret@host:19530/clinic"
    assert not files_with(home, b"s3cret")
