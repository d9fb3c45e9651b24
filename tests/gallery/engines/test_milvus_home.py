"""Milvus in a home: its folder, its token, and what is left of what was erased."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.gallery.engines import measuring
from gestalt_space.gallery.engines.recorded import read_engines, write_engines
from gestalt_space.gallery.erasure.places import places_of
from gestalt_space.home import Gallery
from gestalt_space.index.engines.contract import CollectionPlace
from gestalt_space.match.question import Question
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
