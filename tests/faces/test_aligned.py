from __future__ import annotations

import cv2
import numpy as np
import pytest

from gestalt_space.errors import FaceError, NoFace
from gestalt_space.faces.aligned import AlignedDetector
from gestalt_space.faces.detection import find_faces
from gestalt_space.types import Photo, Pixels
from tests import made


def photo(pixels: Pixels) -> Photo:
    return Photo("crop.png", pixels, "0" * 64, "PNG")


def test_a_crop_of_112_pixels_is_kept_exactly():
    noise = np.random.default_rng(1).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    (face,) = find_faces(photo(noise), AlignedDetector())
    assert np.array_equal(face.crop, noise)
    assert (face.detector, face.step, face.score) == ("aligned", "aligned", 1.0)
    assert face.box.tolist() == [0, 0, 112, 112]


@pytest.mark.parametrize("size", [56, 111, 160, 224, 256, 500])
def test_a_crop_of_another_size_is_scaled_about_its_middle(size: int):
    whole = made.crop(2, size)
    (face,) = find_faces(photo(whole), AlignedDetector())
    scaled = cv2.resize(whole, (112, 112), interpolation=cv2.INTER_LINEAR)
    inside = slice(2, -2)
    gap = np.abs(face.crop[inside, inside].astype(int) - scaled[inside, inside])
    assert gap.max() <= 4


def test_a_mirrored_crop_gives_the_mirrored_face():
    whole = made.crop(3, 224)
    (face,) = find_faces(photo(whole), AlignedDetector())
    (mirrored,) = find_faces(photo(np.ascontiguousarray(whole[:, ::-1])), AlignedDetector())
    gap = np.abs(mirrored.crop[:, ::-1].astype(int) - face.crop)
    assert gap[2:-2, 2:-2].max() <= 4


@pytest.mark.parametrize("shape", [(112, 113, 3), (40, 60, 3)])
def test_a_photo_that_is_not_square_is_no_aligned_crop(shape: tuple[int, int, int]):
    with pytest.raises(NoFace, match="square"):
        find_faces(photo(np.zeros(shape, np.uint8)), AlignedDetector())


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.full((112, 112, 3), 200, np.uint8), "only one colour"),
        (made.crop(1, 20), "The face is 20 px wide"),
        (made.crop(1, 1), "The face is 1 px wide"),
    ],
)
def test_an_empty_or_tiny_crop_is_no_face(pixels: Pixels, words: str):
    with pytest.raises(FaceError, match=words):
        find_faces(photo(pixels), AlignedDetector())
