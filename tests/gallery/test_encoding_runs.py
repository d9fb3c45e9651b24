"""What a gallery's descriptors are made with: float32 unless asked, recorded, and mended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.devices import Precision
from gestalt_space.encoders import precision as precisions
from gestalt_space.errors import GalleryChanged
from gestalt_space.gallery.filling import Filled
from gestalt_space.gallery.spaces import mixed_precisions
from gestalt_space.home import Gallery
from gestalt_space.machine.doctor import examine
from gestalt_space.settings import load_settings
from gestalt_space.store import tables as t
from gestalt_space.types import Descriptors
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, make_home, open_gallery, row

MACHINES: tuple[tuple[Precision, ...], ...] = (("float32",), ("float32", "bf16"))


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore) -> Path:
    return make_home(tmp_path / "home", tiny_store)


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that multiplies in bfloat16."""
    monkeypatch.setattr(precisions, "processor_precisions", lambda: ("float32", "bf16"))


def photos(folder: Path, count: int = 4) -> list[Path]:
    folder.mkdir(exist_ok=True)
    return [made.photo_file(folder / f"{n}.png", n) for n in range(count)]


def fill_home(home: Path, tmp_path: Path, **options: object) -> None:
    with open_gallery(home, **options) as gallery:
        rows = [row(p, f"P{n}", "A") for n, p in enumerate(photos(tmp_path / "photos"))]
        assert {one.status for one in add(gallery, *rows)} == {"added"}


def vectors(gallery: Gallery) -> tuple[list[int], Descriptors]:
    state = gallery.state()
    rows = np.flatnonzero(state.patients >= 0)
    order = rows[np.argsort(state.ids[rows])]
    return state.ids[order].tolist(), state.vectors_at(order)


def precisions_of(gallery: Gallery) -> dict[str, int]:
    return {run.precision: count for run, count in gallery.runs() if run is not None}


def test_every_machine_makes_the_same_descriptors_in_float32(
    tmp_path: Path, tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    made_there = []
    for number, able in enumerate(MACHINES):
        monkeypatch.setattr(precisions, "processor_precisions", lambda able=able: able)
        home = make_home(tmp_path / f"home{number}", tiny_store)
        fill_home(home, tmp_path)
        with open_gallery(home) as gallery:
            assert precisions_of(gallery) == {"float32": 4}
            made_there.append(vectors(gallery)[1])
    assert np.array_equal(*made_there)


def test_the_settings_name_a_precision_and_the_option_wins(
    home: Path, tmp_path: Path, able: None, monkeypatch: pytest.MonkeyPatch
):
    toml = tmp_path / "settings.toml"
    toml.write_text('[precisions]\n"tiny" = "bf16"\n')
    monkeypatch.setenv("GESTALT_SETTINGS", str(toml))
    with open_gallery(home) as gallery:
        assert gallery.pipeline.encoder.run.precision == "bf16"
    with open_gallery(home, precision="float32") as gallery:
        assert gallery.pipeline.encoder.run.precision == "float32"
    monkeypatch.setenv("GESTALT_PRECISIONS", '{"tiny": "float32"}')
    with open_gallery(home) as gallery:
        assert gallery.precision == "float32"


def test_a_probe_of_another_precision_is_noticed(home: Path, tmp_path: Path, able: None):
    fill_home(home, tmp_path)
    with open_gallery(home) as gallery:
        assert gallery.encoded().otherwise is None
    with open_gallery(home, precision="bf16") as gallery:
        told = gallery.encoded().otherwise
        assert told is not None
        assert "bf16" in told
        assert "4 descriptors" in told
        assert gallery.encoded(photos=False).otherwise is None


def test_descriptors_of_before_are_not_judged(home: Path, tmp_path: Path, able: None):
    fill_home(home, tmp_path)
    with open_gallery(home, precision="bf16") as gallery:
        with gallery.database.writing() as session:
            for one in session.query(t.Descriptor):
                one.run_id = None
        assert gallery.runs() == ((None, 4),)
        assert gallery.encoded().otherwise is None


def test_encoding_again_replaces_descriptors_and_readers_follow(
    home: Path, tmp_path: Path, able: None
):
    fill_home(home, tmp_path)
    with open_gallery(home) as gallery:
        held = gallery.snapshot()
        before = held.descriptors
        ids, _ = vectors(gallery)
    with open_gallery(home, precision="bf16") as gallery:
        assert gallery.faces_to_fill() == 0
        assert gallery.faces_to_fill(again=True) == 4
        assert [one.error for one in gallery.fill(again=True).faces] == [None] * 4
        assert precisions_of(gallery) == {"bf16": 4}
        new_ids, new = vectors(gallery)
        assert min(new_ids) > max(ids)
        assert 0.999 < (new * before).sum(axis=1).min() < 1 - 1e-7
        assert "no problem found" in gallery.check_index()["tiny"]
        assert gallery.fill(again=True).faces == ()
    with pytest.raises(GalleryChanged):
        held.descriptors  # noqa: B018 - they are overwritten, and nobody takes that for numbers


def test_encoding_again_goes_on_where_it_was_interrupted(
    home: Path, tmp_path: Path, able: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gestalt_space.gallery.filling.WRITE_BATCH", 1)
    fill_home(home, tmp_path)
    with open_gallery(home, precision="bf16") as gallery:
        told: list[Filled] = []

        def interrupt(one: Filled) -> None:
            told.append(one)
            if len(told) == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            gallery.fill(again=True, progress=interrupt)
        assert precisions_of(gallery) == {"float32": 2, "bf16": 2}
        assert "2 in" in (mixed_precisions(gallery.runs()) or "")
        assert len(vectors(gallery)[0]) == 4
    notes = {one.subject: one for one in examine(load_settings(home))}
    assert notes["descriptors"].state == "note"
    assert "fill --again" in notes["descriptors"].hint
    with open_gallery(home, precision="bf16") as gallery:
        assert len(gallery.fill(again=True).faces) == 2
        assert precisions_of(gallery) == {"bf16": 4}
        assert mixed_precisions(gallery.runs()) is None


def test_a_face_without_a_crop_keeps_its_descriptor(home: Path, tmp_path: Path, able: None):
    (photo,) = photos(tmp_path / "photos", 1)
    with open_gallery(home) as gallery:
        add(gallery, row(photo, "P0", "A"), keep_crops=False)
    with open_gallery(home, precision="bf16") as gallery:
        (one,) = gallery.fill(again=True).faces
        assert one.error is not None
        assert precisions_of(gallery) == {"float32": 1}
        assert len(vectors(gallery)[0]) == 1
