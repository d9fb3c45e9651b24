"""Which encoder a gallery takes and keeps, and how it is filled for another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gestalt_space import devices
from gestalt_space.errors import (
    DeviceUnavailable,
    GalleryEmpty,
    ModelNotInstalled,
    SpaceMismatch,
)
from gestalt_space.gallery.adding import WRITE_BATCH
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, make_home, open_gallery, row
from tests.home.asking import interrupt, match


def test_a_new_gallery_takes_the_best_encoder_and_keeps_it(
    home: Path, photo: Callable[[int], Path], other_store: ModelStore
) -> None:
    with open_gallery(home) as gallery:
        assert [gallery.space.chosen] == [True]
        add(gallery, row(photo(0), "P0", "A"))
        assert [gallery.space.chosen] == [False]
    make_home(home, other_store)
    with open_gallery(home) as gallery:
        best = gallery.models.best("encoder")
        assert best is not None
        assert best.name == "other"
        assert gallery.space.model.name == "tiny"
        assert not gallery.space.chosen
        assert match(gallery, photo(1))[0].lines


def test_of_several_encoders_a_new_gallery_takes_the_largest(
    home: Path, other_store: ModelStore
) -> None:
    make_home(home, other_store)
    with open_gallery(home) as gallery:
        assert gallery.space.model.name == "other"
        assert gallery.space.chosen
    with open_gallery(home, space="tiny") as gallery:
        assert gallery.space.model.name == "tiny"
        assert not gallery.space.chosen


def test_a_gallery_whose_encoder_is_gone_says_which_it_was(
    home: Path, photo: Callable[[int], Path], other_store: ModelStore
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, row(photo(0), "P0", "A"))
    make_home(home, other_store)
    ModelStore(home / "models").remove("tiny")
    with open_gallery(home) as gallery:
        with pytest.raises(ModelNotInstalled) as caught:
            match(gallery, photo(1))
        assert "tiny" in caught.value.message
        with pytest.raises(ModelNotInstalled):
            add(gallery, row(photo(1), "P1", "A"))
        assert gallery.stats().counts.photos == 1
        assert gallery.patients()


def test_the_encoder_under_another_name_is_still_the_same_space(
    home: Path, photo: Callable[[int], Path], tiny_onnx: Path
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, row(photo(0), "P0", "A"))
    store = ModelStore(home / "models")
    store.remove("tiny")
    store.add(tiny_onnx, name="renamed", license_name="made by the tests")
    with open_gallery(home) as gallery:
        assert gallery.space.model.name == "renamed"
        assert match(gallery, photo(1))[0].lines[0].id == "A"


def test_other_weights_under_the_same_name_are_never_mixed(
    home: Path, photo: Callable[[int], Path], tmp_path: Path
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, row(photo(0), "P0", "A"))
    made.arcface_onnx(tmp_path / "tiny.onnx", dim=16, seed=99)
    store = ModelStore(home / "models")
    store.remove("tiny")
    store.add(tmp_path / "tiny.onnx", name="tiny", license_name="made by the tests")
    with open_gallery(home, space="tiny") as gallery:
        with pytest.raises(SpaceMismatch) as caught:
            add(gallery, row(photo(1), "P1", "A"))
        assert "tiny" in caught.value.message
        with pytest.raises(SpaceMismatch):
            match(gallery, photo(1))
        with pytest.raises(SpaceMismatch):
            gallery.fill()
    with open_gallery(home) as gallery, pytest.raises((ModelNotInstalled, SpaceMismatch)):
        match(gallery, photo(1))
    with open_gallery(home) as gallery:
        assert gallery.stats().counts.photos == 1


def test_fill_gives_the_same_descriptors_as_adding_would(
    home: Path, photo: Callable[[int], Path], other_store: ModelStore, tmp_path: Path
) -> None:
    rows = [row(photo(n), f"P{n}", f"D{n}") for n in range(5)]
    with open_gallery(home) as gallery:
        add(gallery, *rows)
    make_home(home, other_store)
    with open_gallery(home, space="other") as gallery:
        with pytest.raises(GalleryEmpty) as caught:
            match(gallery, photo(9))
        assert "gestalt index fill --space other" in caught.value.hint
        filled = gallery.fill().faces
        assert [one.error for one in filled] == [None] * 5
        assert gallery.faces_to_fill() == 0
        by_fill = match(gallery, photo(9))
    afresh = make_home(tmp_path / "afresh", other_store)
    with open_gallery(afresh) as gallery:
        add(gallery, *rows)
        by_add = match(gallery, photo(9))
    assert [d.id for d in by_fill[0].lines] == [d.id for d in by_add[0].lines]
    assert [d.similarity for d in by_fill[0].lines] == pytest.approx(
        [d.similarity for d in by_add[0].lines], abs=1e-5
    )


def test_fill_can_be_interrupted_and_run_again(
    home: Path, photo: Callable[[int], Path], other_store: ModelStore
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, *(row(photo(n), f"P{n}", "A") for n in range(WRITE_BATCH + 4)))
    make_home(home, other_store)
    with open_gallery(home, space="other") as gallery, pytest.raises(KeyboardInterrupt):
        gallery.fill(progress=interrupt)
    with open_gallery(home, space="other") as gallery:
        assert len(gallery.fill().faces) == 4
        assert gallery.fill().faces == ()
        assert {space.model: count for space, count in gallery.stats().spaces} == {
            "tiny": WRITE_BATCH + 4,
            "other": WRITE_BATCH + 4,
        }


def test_the_gallery_s_own_space_changes_only_when_asked(
    home: Path, photo: Callable[[int], Path], other_store: ModelStore
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, row(photo(0), "P0", "A"))
    make_home(home, other_store)
    with open_gallery(home, space="other") as gallery:
        gallery.fill()
    with open_gallery(home) as gallery:
        assert gallery.space.model.name == "tiny"
    with open_gallery(home, space="other") as gallery:
        gallery.fill(make_default=True)
    with open_gallery(home) as gallery:
        assert gallery.space.model.name == "other"
        assert match(gallery, photo(1))[0].lines
    ModelStore(home / "models").remove("tiny")
    with open_gallery(home) as gallery:
        assert match(gallery, photo(1))[0].lines


def test_without_crops_a_photo_cannot_be_filled_and_says_so(
    home: Path, photo: Callable[[int], Path], other_store: ModelStore
) -> None:
    with open_gallery(home) as gallery:
        add(gallery, row(photo(0), "P0", "A"), keep_crops=False)
        add(gallery, row(photo(1), "P1", "A"))
        assert gallery.stats().counts.crops == 1
        assert not gallery.patient("P0").photos[0].crop_kept
    make_home(home, other_store)
    with open_gallery(home, space="other") as gallery:
        filled = {one.patient: one.error for one in gallery.fill().faces}
        assert filled["P1"] is None
        assert filled["P0"] is not None
        assert "No crop is stored" in filled["P0"].message
        assert filled["P0"].hint
        assert gallery.faces_to_fill() == 1


def test_a_device_that_is_not_there_is_told_and_no_model_is_blamed(
    home: Path, photo: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = devices.runtime()
    monkeypatch.setattr(runtime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with open_gallery(home, device="cuda") as gallery, pytest.raises(DeviceUnavailable):
        add(gallery, row(photo(0), "P0"))
