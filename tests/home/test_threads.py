"""One gallery for many threads, each with options of its own, beside another process's changes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gestalt_space.gallery import models
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.gallery.storing import Added
from gestalt_space.home import Gallery
from gestalt_space.match.answer import Match
from gestalt_space.match.question import Question
from gestalt_space.match.view import GalleryView
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, make_home, open_gallery, row

PHOTOS = 24


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore) -> Path:
    """A home with the encoders `tiny`, its default space, and `other`, and photos in both."""
    made.arcface_onnx(tmp_path / "other.onnx", dim=64, seed=5)
    home = make_home(tmp_path / "home", tiny_store)
    with open_gallery(home) as gallery:
        rows = [
            row(made.photo_file(tmp_path / f"{n}.png", n), f"P{n}", f"D{n % 7}", sex="female")
            for n in range(PHOTOS)
        ]
        add(gallery, *rows)
    ModelStore(home / "models").add(tmp_path / "other.onnx", name="other", license_name="made")
    with open_gallery(home, space="other") as gallery:
        gallery.fill()
    return home


@pytest.fixture
def gallery(home: Path) -> Iterator[Gallery]:
    with open_gallery(home) as opened:
        yield opened


def probe(folder: Path, seed: int) -> PhotoSource:
    return PhotoSource(str(seed), made.photo_file(folder / f"probe{seed}.png", seed), largest=True)


def plain(match: Match) -> Match:
    """A match without its faces: arrays are not compared by `==`."""
    photos = tuple(replace(photo, face=None) for photo in match.photos)
    return replace(match, face=None, photos=photos)


def test_eight_threads_have_the_answers_of_one(gallery: Gallery, tmp_path: Path) -> None:
    """Spaces, aggregations and probes differ from request to request."""
    questions = [
        Question(k=5),
        Question(k=3, by="patient"),
        Question(k=7, aggregation="patient-mean"),
        Question(k=4, aggregation="calibrated"),
    ]
    requests = [
        (probe(tmp_path, 100 + n), questions[n % 4], ("tiny", "other")[n // 4 % 2], n % 3)
        for n in range(48)
    ]

    def answer(request: tuple[PhotoSource, Question, str, int]) -> object:
        source, question, space, kind = request
        mine = gallery.using(space=space)
        if kind == 0:
            return mine.patient(f"P{question.k}"), mine.runs()
        if kind == 1:
            return plain(mine.match_patient(f"P{question.k}", question))
        return [plain(match) for match in mine.match([source, source], question)]

    one_by_one = list(map(answer, requests))
    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(answer, requests))
    assert at_once == one_by_one
    assert len({str(one) for one in one_by_one}) > 24


def test_photos_may_be_added_while_others_are_matched(gallery: Gallery, tmp_path: Path) -> None:
    rows = [
        row(made.photo_file(tmp_path / f"new{n}.png", 200 + n), f"N{n}", "D1") for n in range(40)
    ]
    sources = [probe(tmp_path, n) for n in range(100, 106)]
    with ThreadPoolExecutor(4) as pool:
        adding = pool.submit(gallery.add, rows)
        answers = [pool.submit(lambda s: list(gallery.match([s])), s) for s in sources * 4]
        assert all(answer.result()[0].lines for answer in answers)
        assert adding.result().counts == {"added": 40}
    assert gallery.stats().counts.photos == PHOTOS + 40


def test_a_warm_match_opens_no_model(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = probe(tmp_path, 100)
    (first,) = gallery.match([source])
    for name in ("open_encoder", "detector_factory"):
        monkeypatch.setattr(models, name, None)
    (again,) = gallery.match([source])
    (viewed,) = gallery.using(precision="float32").match([source])
    assert plain(first) == plain(again) == plain(viewed)


def test_options_are_those_of_the_request_and_what_is_left_out_stays(gallery: Gallery) -> None:
    other = gallery.using(space="other")
    builtin = other.using(detector="builtin")
    assert [one.space.model.name for one in (gallery, other, builtin)] == ["tiny", "other", "other"]
    assert [one.pipeline.detector for one in (gallery, other, builtin)] == [
        "aligned",
        "aligned",
        "builtin",
    ]
    assert builtin.using(space=None).space.model.name == "tiny"
    assert other.pinned().using(detector="builtin").space.model.name == "other"
    with pytest.raises(TypeError):
        gallery.using(colour="blue")  # type: ignore[call-arg]


def test_another_default_space_is_seen_and_a_pinned_one_stays(gallery: Gallery, home: Path) -> None:
    assert gallery.space.model.name == "tiny"
    pinned = gallery.pinned()
    with open_gallery(home, space="other") as elsewhere:
        elsewhere.fill(make_default=True)
    assert gallery.space.model.name == "other"
    assert pinned.space.model.name == "tiny"
    assert gallery.using(space="tiny").space.model.name == "tiny"


def test_a_match_keeps_to_one_space_when_the_default_changes_within_it(
    gallery: Gallery, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = probe(tmp_path, 100)
    before = [plain(match) for match in gallery.match([source])]
    whole = Gallery.view

    def overtaken(self: Gallery, *given: Any, **options: Any) -> GalleryView:
        found = whole(self, *given, **options)
        with open_gallery(home, space="other") as elsewhere:
            elsewhere.fill(make_default=True)
        return found

    monkeypatch.setattr(Gallery, "view", overtaken)
    assert [plain(match) for match in gallery.match([source])] == before
    assert gallery.space.model.name == "other"


def test_photos_that_are_added_keep_to_one_space_when_the_default_changes(
    gallery: Gallery, home: Path, tmp_path: Path
) -> None:
    rows = [row(made.photo_file(tmp_path / f"new{n}.png", 200 + n), f"N{n}") for n in range(70)]

    def change(_: Added) -> None:
        if gallery.space.model.name == "tiny":
            with open_gallery(home, space="other") as elsewhere:
                elsewhere.fill(make_default=True)

    gallery.add(rows, progress=change)
    assert gallery.space.model.name == "other"
    held = {space.model: count for space, count in gallery.stats().spaces}
    assert held["tiny"] == PHOTOS + 70
    assert held["other"] < PHOTOS + 70


def test_progress_shows_crops_and_the_result_keeps_none(gallery: Gallery, tmp_path: Path) -> None:
    told: list[Added] = []
    rows = [row(made.photo_file(tmp_path / "new.png", 200), "N", "D1"), row(tmp_path / "no", "N")]
    added = gallery.add(rows, progress=told.append)
    assert [one.status for one in told] == [one.status for one in added.photos]
    assert added.counts == {"added": 1, "failed": 1}
    assert [one.photo for one in added.failed] == ["no"]
    assert told[0].face is not None
    assert told[0].face.crop.shape == (112, 112, 3)
    assert added.photos[0].face is not None
    assert added.photos[0].face.crop.size == 0
