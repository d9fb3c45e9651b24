from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from gestalt_space.errors import FaceError, NoFace, NoSuchFace, SeveralFaces
from gestalt_space.faces.alignment import TEMPLATE, align
from gestalt_space.faces.detection import choose_face, find_faces
from gestalt_space.types import Detection, Face, Photo
from tests import made


class Fixed:
    """Finds what it was given."""

    name = "fixed"

    def __init__(self, *detections: Detection) -> None:
        self.detections = detections

    def find(self, photo: Photo) -> Sequence[Detection]:
        return self.detections


def detection(x: float, y: float, side: float, score: float = 0.9) -> Detection:
    box = np.array([x, y, x + side, y + side], np.float32)
    landmarks = (TEMPLATE * np.float32(side / 112) + np.array([x, y], np.float32)).astype("f4")
    return Detection(box=box, landmarks=landmarks, score=score, step="padded")


@pytest.fixture
def photo() -> Photo:
    return Photo("one.png", made.crop(1, 300), "0" * 64, "PNG")


@pytest.fixture
def faces(photo: Photo) -> tuple[Face, ...]:
    return find_faces(photo, Fixed(detection(0, 0, 50), detection(100, 100, 120)))


def test_faces_are_numbered_from_one_with_the_largest_first(photo: Photo):
    found = [detection(0, 0, 50, 0.99), detection(100, 100, 120), detection(200, 10, 60)]
    faces = find_faces(photo, Fixed(*found))
    assert [face.number for face in faces] == [1, 2, 3]
    assert [face.box[2] - face.box[0] for face in faces] == [120, 60, 50]
    assert {face.count for face in faces} == {3}


def test_the_order_does_not_depend_on_the_detectors(photo: Photo):
    found = [detection(200, 10, 50), detection(0, 100, 50), detection(0, 10, 50)]
    corners = [
        [(face.box[0], face.box[1]) for face in find_faces(photo, Fixed(*order))]
        for order in (found, found[::-1])
    ]
    assert corners == [[(0, 10), (0, 100), (200, 10)]] * 2


def test_a_face_bears_what_the_detector_said_and_its_aligned_crop(photo: Photo):
    given = detection(20, 30, 150)
    (face,) = find_faces(photo, Fixed(given))
    assert (face.detector, face.step, face.score) == ("fixed", "padded", 0.9)
    assert np.array_equal(face.crop, align(photo.pixels, given.landmarks))
    assert face.quality.size == 150


def test_a_photo_without_a_face_says_what_to_do(photo: Photo):
    with pytest.raises(NoFace, match="fixed") as caught:
        find_faces(photo, Fixed())
    assert "--landmarks" in caught.value.hint


def test_a_detector_that_gives_nonsense_raises_a_face_error(photo: Photo):
    nonsense = Detection(np.zeros(4, np.float32), np.full((5, 2), np.nan, np.float32), 0.9)
    with pytest.raises(FaceError):
        find_faces(photo, Fixed(nonsense))


def test_what_cannot_be_a_face_is_passed_over(photo: Photo):
    far = detection(20, 30, 150)
    elsewhere = Detection(far.box, far.landmarks + 5000, 0.99)
    faces = find_faces(photo, Fixed(elsewhere, detection(100, 100, 120)))
    assert [(face.number, face.count, face.score) for face in faces] == [(1, 1, 0.9)]
    with pytest.raises(FaceError, match=r"something that is not a face\. The points are at x"):
        find_faces(photo, Fixed(elsewhere))


def test_a_face_of_one_colour_is_none():
    grey = Photo("grey.png", np.full((300, 300, 3), 90, np.uint8), "0" * 64, "PNG")
    with pytest.raises(FaceError, match="only one colour"):
        find_faces(grey, Fixed(detection(100, 100, 120)))


def test_the_only_face_needs_no_choice(photo: Photo):
    faces = find_faces(photo, Fixed(detection(0, 0, 50)))
    assert choose_face(faces) is faces[0]


def test_of_several_faces_none_is_guessed(faces: tuple[Face, ...]):
    with pytest.raises(SeveralFaces, match="1 at x 100–220, y 100–220, 2 at x 0–50") as caught:
        choose_face(faces)
    assert "--face N" in caught.value.hint


def test_the_largest_face_is_taken_where_that_is_asked(faces: tuple[Face, ...]):
    assert choose_face(faces, largest=True).number == 1


def test_a_number_wins_over_the_largest(faces: tuple[Face, ...]):
    assert choose_face(faces, number=2, largest=True).number == 2


@pytest.mark.parametrize("number", [-1, 0, 3])
def test_a_face_beyond_the_faces_of_the_photo_is_refused(number: int, faces: tuple[Face, ...]):
    with pytest.raises(NoSuchFace, match="it has 2"):
        choose_face(faces, number=number)
