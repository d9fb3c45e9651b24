"""Copies of a picture, saved again, found; pictures of others not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from gestalt_space.errors import GalleryEmpty, NotInGallery
from gestalt_space.gallery.copies import SAME_PICTURE, look_of, picture_correlation
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from gestalt_space.types import Pixels
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, make_home, open_gallery, row


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def smaller(pixels: Pixels) -> Pixels:
    half = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(half, pixels.shape[1::-1]), np.uint8)


def moved(pixels: Pixels) -> Pixels:
    """As another detection of the same face: a pixel or two away, turned and larger."""
    turn = cv2.getRotationMatrix2D((56, 56), 1.5, 1.02)
    turn[:, 2] += (1.5, -1.0)
    return np.asarray(
        cv2.warpAffine(pixels, turn, (112, 112), borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def mirrored(pixels: Pixels) -> Pixels:
    return moved(np.ascontiguousarray(pixels[:, ::-1]))


def brighter(pixels: Pixels) -> Pixels:
    return np.clip(pixels.astype(np.float32) * 1.1 + 10, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("change", [lambda p: jpeg(p, 40), smaller, moved, mirrored, brighter])
def test_a_picture_that_was_saved_again_is_the_same(
    change: Callable[[Pixels], Pixels], seed: int
) -> None:
    picture = made.crop(seed)
    assert picture_correlation(look_of(picture), look_of(change(picture))) > 0.95


def test_pictures_of_others_are_not() -> None:
    looks = [look_of(made.crop(seed)) for seed in range(8)]
    found = [
        picture_correlation(one, other) for one in looks for other in looks if one is not other
    ]
    assert max(found) < SAME_PICTURE - 0.2


def test_a_picture_without_any_detail_is_nobody_s() -> None:
    flat = look_of(np.full((112, 112, 3), 90, np.uint8))
    assert picture_correlation(flat, flat) == 0.0
    assert picture_correlation(flat, look_of(made.crop(1))) == 0.0


# In a gallery


@pytest.fixture
def gallery(tmp_path: Path, tiny_store: ModelStore) -> Iterator[Gallery]:
    with open_gallery(make_home(tmp_path / "home", tiny_store)) as opened:
        yield opened


@pytest.fixture
def files(tmp_path: Path) -> Callable[[str, Pixels], Path]:
    def save(name: str, pixels: Pixels) -> Path:
        path = tmp_path / name
        cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        return path

    return save


Files = Callable[[str, Pixels], Path]


@pytest.mark.parametrize("together", [True, False])
def test_a_copy_under_another_patient_is_added_with_a_note(
    together: bool, gallery: Gallery, files: Files
) -> None:
    picture = made.crop(1)
    first = row(files("p1.png", picture), "A", "D1")
    second = row(files("again.png", jpeg(picture, 80)), "B", "D2")
    other = row(files("p2.png", made.crop(2)), "C", "D3")
    if together:
        results = add(gallery, first, other, second)
    else:
        results = [*add(gallery, first), *add(gallery, other), *add(gallery, second)]
    assert [one.status for one in results] == ["added"] * 3
    assert [len(one.notes) for one in results] == [0, 0, 1]
    (note,) = results[2].notes
    assert "Very similar to the photo p1.png of patient A" in note
    assert "Check whether they are the same patient." in note
    (copy,) = results[2].copies
    assert (copy.patient, copy.photo, copy.proof) == ("A", "p1.png", "crops")
    assert copy.similarity > 0.97


def test_a_copy_of_the_patient_s_own_photo_is_no_news(gallery: Gallery, files: Files) -> None:
    picture = made.crop(1)
    results = add(
        gallery,
        row(files("p1.png", picture), "A", "D1"),
        row(files("again.png", jpeg(picture, 80)), "A", "D1"),
    )
    assert [one.notes for one in results] == [(), ()]


def test_copies_are_found_over_many_batches_of_one_command(
    gallery: Gallery, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gestalt_space.gallery.adding.WRITE_BATCH", 2)
    monkeypatch.setattr("gestalt_space.gallery.adding._BLOCKS", 1)
    pictures = [made.crop(seed) for seed in range(8)]
    rows = [row(files(f"p{n}.png", one), f"P{n}", "D") for n, one in enumerate(pictures)]
    again = [row(files(f"q{n}.png", brighter(one)), f"Q{n}") for n, one in enumerate(pictures)]
    results = add(gallery, *rows, *again)
    assert [[one.patient for one in result.copies] for result in results] == [
        *([] for _ in rows),
        *([f"P{n}"] for n in range(8)),
    ]


def test_where_no_crop_was_kept_the_descriptors_alone_have_to_be_nearer(
    gallery: Gallery, files: Files
) -> None:
    picture = made.crop(1)
    add(gallery, row(files("p1.png", picture), "A", "D1"), keep_crops=False)
    (result,) = add(gallery, row(files("again.png", jpeg(picture, 90)), "B"))
    assert [copy.proof for copy in result.copies] == ["descriptors"]
    assert "crops were not compared" in result.notes[0]
    (far,) = add(gallery, row(files("p2.png", made.crop(2)), "C"))
    assert far.copies == ()


def test_a_match_names_the_photo_that_the_probe_may_be(gallery: Gallery, files: Files) -> None:
    picture = made.crop(1)
    add(
        gallery,
        row(files("p1.png", picture), "A", "D1"),
        row(files("p2.png", made.crop(2)), "B", "D2"),
    )
    probe = PhotoSource("screen.png", files("screen.png", jpeg(picture, 70)))
    (match,) = gallery.match([probe])
    assert [(copy.patient, copy.photo) for copy in match.copies] == [("A", "p1.png")]
    assert match.lines[0].patient == "A"
    assert match.left_out is None
    (left_out,) = gallery.match([probe], Question(without=("A",)))
    assert left_out.copies == ()
    assert [line.patient for line in left_out.lines] == ["B"]
    (other,) = gallery.match([PhotoSource("p3.png", files("p3.png", made.crop(3)))])
    assert other.copies == ()


def test_photos_as_one_are_looked_at_one_by_one(gallery: Gallery, files: Files) -> None:
    picture = made.crop(1)
    add(gallery, row(files("p1.png", picture), "A", "D1"))
    probes = [
        PhotoSource("else.png", files("else.png", made.crop(3))),
        PhotoSource("screen.png", files("screen.png", jpeg(picture, 70))),
    ]
    (match,) = gallery.match(probes, as_one=True)
    assert [copy.patient for copy in match.copies] == ["A"]


def test_a_stored_patient_s_photo_under_another_one_is_named(
    gallery: Gallery, files: Files
) -> None:
    picture = made.crop(1)
    add(
        gallery,
        row(files("p1.png", picture), "A", "D1"),
        row(files("p2.png", made.crop(2)), "A", "D1"),
        row(files("again.png", jpeg(picture, 80)), "B", "D2"),
    )
    match = gallery.match_patient("A", Question())
    assert [(copy.patient, copy.photo) for copy in match.copies] == [("B", "again.png")]


def test_copies_under_several_patients_can_all_be_left_out(gallery: Gallery, files: Files) -> None:
    picture = made.crop(1)
    add(
        gallery,
        row(files("p1.png", picture), "A", "D1"),
        row(files("again.png", jpeg(picture, 80)), "B", "D2"),
        row(files("p3.png", made.crop(3)), "C", "D3"),
    )
    stored = [PhotoSource("p1.png", files("p1.png", picture))]
    (match,) = gallery.match(stored)
    assert (match.left_out, [copy.patient for copy in match.copies]) == ("A", ["B"])
    (match,) = gallery.match(stored, Question(without=("B",)))
    assert (match.left_out, match.copies) == ("A", ())
    assert [line.patient for line in match.lines] == ["C"]
    with pytest.raises(NotInGallery, match="nobody"):
        list(gallery.match(stored, Question(without=("nobody",))))
    with pytest.raises(GalleryEmpty, match="Without A, B, C"):
        list(gallery.match(stored, Question(without=("A", "B", "C"))))
