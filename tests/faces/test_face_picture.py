from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from gestalt_space.errors import UsageError
from gestalt_space.faces.alignment import TEMPLATE, align
from gestalt_space.faces.face_picture import (
    BOX,
    ENLARGED,
    LONGEST,
    MARGIN,
    MOST_CROPS,
    PAPER,
    POINT,
    face_picture,
    picture_file,
)
from gestalt_space.types import Face, Photo, Pixels, Quality

SIDE = 112 * ENLARGED


def photo(height: int, width: int, grey: int = 90) -> Photo:
    return Photo("P0.png", np.full((height, width, 3), grey, np.uint8), "", "PNG")


def face(scale: float = 1.0, at: tuple[float, float] = (0, 0), number: int = 1) -> Face:
    corner = np.array(at, np.float32)
    return Face(
        number=number,
        count=2,
        detector="made",
        step="as is",
        box=np.concatenate([corner + 10 * scale, corner + 100 * scale]).astype(np.float32),
        landmarks=(TEMPLATE * scale + corner).astype(np.float32),
        score=0.9,
        quality=Quality(1, 1, 0, 0),
        crop=np.zeros((0, 112, 3), np.uint8),
    )


def at(picture: Pixels, x: float, y: float) -> tuple[int, ...]:
    """The colour at a place of the photo in the picture."""
    return tuple(picture[MARGIN + round(y), MARGIN + round(x)].tolist())


def test_the_photo_has_box_and_landmarks_and_the_crop_stands_beside_it():
    shot, found = photo(300, 400), face(2.0, (50, 20))
    picture = face_picture(shot, [found])
    assert picture.shape == (max(300, SIDE) + 2 * MARGIN, 400 + SIDE + 3 * MARGIN, 3)
    assert [at(picture, x, y) for x, y in found.landmarks.tolist()] == [POINT] * 5
    x0, y0, x1, y1 = found.box.tolist()
    assert at(picture, (x0 + x1) / 2, y0) == at(picture, x0, (y0 + y1) / 2) == BOX
    assert at(picture, 300, 150) == (90, 90, 90)
    crop = picture[MARGIN : MARGIN + SIDE, 400 + 2 * MARGIN : 400 + 2 * MARGIN + SIDE]
    np.testing.assert_array_equal(crop[::ENLARGED, ::ENLARGED], align(shot.pixels, found.landmarks))
    assert tuple(picture[0, 0]) == PAPER
    # The photo itself is left as it is.
    assert (shot.pixels == 90).all()


def test_a_large_photo_is_made_smaller_with_what_is_drawn():
    found = face(20.0, (500, 300))
    picture = face_picture(photo(2400, 3200), [found])
    assert picture.shape[1] == LONGEST + SIDE + 3 * MARGIN
    assert [at(picture, *(point / 2)) for point in found.landmarks] == [POINT] * 5


def test_several_faces_have_numbers():
    two = [face(1.0, (10, 30)), face(1.0, (200, 30), number=2)]
    alone, both = (face_picture(photo(300, 400), faces) for faces in (two[:1], two))
    assert len(both) == 2 * SIDE + 3 * MARGIN > len(alone)
    edge = (0, 0, 0)
    # A plate stands above each box, and none above a face that is alone.
    assert at(both, 21, 22) == at(both, 211, 22) == edge
    assert at(alone, 21, 22) == (90, 90, 90)
    many = [face(1.0, (10, 30), number=number) for number in range(1, 10)]
    assert len(face_picture(photo(300, 400), many)) == MOST_CROPS * (SIDE + MARGIN) + MARGIN


def test_a_face_at_the_edge_is_drawn():
    assert face_picture(photo(60, 60), [face(1.0, (-20, -20)), face(1.0, (10, 10))]).size


@pytest.mark.parametrize("ending", [".jpg", ".JPEG", ".png"])
def test_a_file_has_the_pixels_and_nothing_else(ending: str):
    picture = face_picture(photo(120, 160), [face()])
    opened = Image.open(io.BytesIO(picture_file(picture, ending)))
    assert not opened.getexif()
    assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}
    off = np.asarray(opened.convert("RGB"), float) - picture
    assert np.abs(off).mean() < 4


def test_another_ending_is_refused():
    with pytest.raises(UsageError, match=r"\.gif"):
        picture_file(np.zeros((1, 1, 3), np.uint8), ".gif")
