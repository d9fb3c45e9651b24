"""A gallery whose rows come to a GPU while it is open; the processor stands for the GPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import DeviceUnavailable
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.index import accelerator, search
from gestalt_space.match.answer import Match
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, make_home, open_gallery, row
from tests.many import fill_gallery
from tests.prepared import Prepared

pytest.importorskip("torch")
PHOTOS = 600


@pytest.fixture
def home(
    tmp_path: Path, tiny_store: ModelStore, rng: np.random.Generator, prepared: Prepared
) -> Path:
    home, vectors = make_home(tmp_path / "home", tiny_store), made.unit(rng, PHOTOS, 16)

    def fill() -> None:
        with open_gallery(home) as gallery:
            fill_gallery(gallery, np.arange(PHOTOS) // 2, vectors, 40)

    return prepared("searched_on", home, fill)


@pytest.fixture
def gallery(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gallery]:
    monkeypatch.setattr(accelerator, "PLACE", "cpu")
    monkeypatch.setattr(accelerator, "gpu_works", lambda: None)
    monkeypatch.setattr(accelerator, "AFTER", 3)
    monkeypatch.setattr(search, "PLAIN_NUMBERS", 0)
    with open_gallery(home) as opened:
        yield opened


def settle(gallery: Gallery) -> None:
    for one in gallery._reader._accelerators.values():
        if (thread := one._thread) is not None:
            thread.join(30)


def answers(gallery: Gallery, tmp_path: Path) -> list[Match]:
    sources = [
        PhotoSource(str(n), made.photo_file(tmp_path / f"{n}.png", n), largest=True)
        for n in range(900, 904)
    ]
    found = [*gallery.match(sources), gallery.match_patient("P000007")]
    return [
        replace(one, face=None, photos=tuple(replace(p, face=None) for p in one.photos))
        for one in found
    ]


def test_the_answers_are_the_same_before_and_after(gallery: Gallery, tmp_path: Path) -> None:
    first = gallery.state()
    assert first.searched_on == "processor"
    by_codes = answers(gallery, tmp_path)
    settle(gallery)
    assert gallery.state() is first
    assert first.searched_on == "cpu"
    assert answers(gallery, tmp_path) == by_codes


def test_removals_and_additions_are_followed(gallery: Gallery, tmp_path: Path) -> None:
    answers(gallery, tmp_path)
    settle(gallery)
    gallery.remove(patients=["P000003"])
    before = answers(gallery, tmp_path)
    settle(gallery)
    state = gallery.state()
    assert state.searched_on == "cpu"
    (held,) = (one._held for one in gallery._reader._accelerators.values())
    assert held is not None
    assert not held.rows[6:8].any()
    assert held.rows[:6].any(axis=1).all()
    assert answers(gallery, tmp_path) == before
    photo = made.photo_file(tmp_path / "new.png", 900)
    add(gallery, row(photo, "NEW", "D00001"))
    assert gallery.state().searched_on == "cpu"
    assert len(gallery.state()) == PHOTOS + 1


def test_closing_gives_the_memory_back(gallery: Gallery, tmp_path: Path) -> None:
    answers(gallery, tmp_path)
    settle(gallery)
    state = gallery.state()
    gallery.close()
    assert state.searched_on == "processor"
    assert all(one._held is None for one in gallery._reader._accelerators.values())


def test_the_processor_searches_where_the_settings_say_so(gallery: Gallery, tmp_path: Path) -> None:
    settings = gallery.settings.model_copy(update={"search_device": "cpu"})
    with Gallery(settings, detector="aligned") as other:
        answers(other, tmp_path)
        answers(other, tmp_path)
        settle(other)
        assert other.state().searched_on == "processor"


def test_a_gpu_asked_for_by_name_is_used_at_once_or_an_error(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = answers(gallery, tmp_path)
    settings = gallery.settings.model_copy(update={"search_device": "cuda"})
    with Gallery(settings, detector="aligned") as other:
        assert other.state().searched_on == "cpu"
        assert answers(other, tmp_path) == expected
        monkeypatch.setattr(accelerator, "gpu_works", lambda: "there is no NVIDIA driver")
        with pytest.raises(DeviceUnavailable, match="no NVIDIA driver"):
            other.state()
        # What was asked of the gallery's own photos does not need it.
        assert other.remove(patients=["P000003"]).patients == 1
        assert other.stats().counts.patients == PHOTOS // 2 - 1
