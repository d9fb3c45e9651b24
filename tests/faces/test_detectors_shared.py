"""One contract for every detector that opens a model, on the photos in the wild."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import pytest

from gestalt_space.errors import NoFace
from gestalt_space.faces.detection import Detector, find_faces
from gestalt_space.types import Detection, Photo
from gestalt_space.weights.store import ModelStore
from tests.faces.conftest import Found

pytestmark = pytest.mark.shared

DETECTORS = ("scrfd", "yunet")


def largest(found: Sequence[Detection]) -> Detection:
    return max(found, key=lambda d: (d.box[2] - d.box[0]) * (d.box[3] - d.box[1]))


@pytest.mark.parametrize("name", DETECTORS)
def test_at_least_27_of_28_photos_show_a_face(name: str, found: Found):
    without = [file for file, detections in found(name).items() if not detections]
    assert len(found(name)) == 28
    assert len(without) <= 1, without


@pytest.mark.parametrize("name", DETECTORS)
def test_scores_boxes_and_landmarks_are_within_reason(
    name: str, found: Found, wild_photos: Mapping[str, Photo]
):
    for file, detections in found(name).items():
        height, width = wild_photos[file].pixels.shape[:2]
        for detection in detections:
            assert detection.box.shape == (4,)
            assert detection.landmarks.shape == (5, 2)
            assert detection.box.dtype == detection.landmarks.dtype == np.float32
            assert 0 <= detection.score <= 1
            x0, y0, x1, y1 = detection.box
            assert x0 < x1
            assert y0 < y1
            # A box may reach over the edge of a photo that cuts a face off, by half of itself.
            reach = 0.5 * max(x1 - x0, y1 - y0)
            assert min(x0, y0) >= -reach
            assert x1 <= width + reach
            assert y1 <= height + reach


@pytest.mark.parametrize("name", DETECTORS)
def test_landmarks_lie_in_their_box_grown_by_a_fifth(name: str, found: Found):
    for file, detections in found(name).items():
        for detection in detections:
            corner, extent = detection.box[:2], detection.box[2:] - detection.box[:2]
            assert (detection.landmarks >= corner - 0.2 * extent).all(), file
            assert (detection.landmarks <= corner + 1.2 * extent).all(), file


@pytest.mark.parametrize("name", DETECTORS)
def test_the_same_photo_gives_the_same_faces_twice(
    name: str,
    found: Found,
    real_detector: Callable[[str], Detector],
    wild_photos: Mapping[str, Photo],
):
    for file in ("bulk_kun.jpg", "RD_d1.jpeg", "bulk_r270.jpg"):
        again = real_detector(name).find(wild_photos[file])
        assert len(again) == len(found(name)[file])
        for first, second in zip(found(name)[file], again, strict=True):
            assert np.array_equal(first.box, second.box)
            assert np.array_equal(first.landmarks, second.landmarks)
            assert (first.score, first.step) == (second.score, second.step)


@pytest.mark.parametrize("name", DETECTORS)
def test_the_photo_is_left_as_it_was(
    name: str, real_detector: Callable[[str], Detector], wild_photos: Mapping[str, Photo]
):
    photo = wild_photos["bulk_kun.jpg"]
    before = photo.pixels.copy()
    real_detector(name).find(photo)
    assert np.array_equal(photo.pixels, before)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_picture_of_nothing_has_no_face(name: str, real_detector: Callable[[str], Detector]):
    grey = Photo("grey.png", np.full((240, 320, 3), 128, np.uint8), "0" * 64, "PNG")
    assert real_detector(name).find(grey) == []
    with pytest.raises(NoFace, match=name):
        find_faces(grey, real_detector(name))


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (16, 256), (257, 17), (31, 33)])
def test_small_and_long_photos_are_survived(
    name: str, shape: tuple[int, int], real_detector: Callable[[str], Detector]
):
    noise = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    photo = Photo("noise.png", noise, "0" * 64, "PNG")
    assert all(0 <= face.score <= 1 for face in real_detector(name).find(photo))


@pytest.mark.parametrize("name", DETECTORS)
def test_a_face_that_fills_the_frame_is_found(
    name: str,
    found: Found,
    real_detector: Callable[[str], Detector],
    wild_photos: Mapping[str, Photo],
):
    pixels = wild_photos["bulk_kun.jpg"].pixels
    face = largest(found(name)["bulk_kun.jpg"])
    (x0, y0), (x1, y1) = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
    margin = 0.35 * (x1 - x0)
    left, top = (max(0, int(value - margin)) for value in (x0, y0))
    cut = np.ascontiguousarray(pixels[top : int(y1 + margin), left : int(x1 + margin)])
    within = largest(real_detector(name).find(Photo("cut.png", cut, "0" * 64, "PNG")))
    gap = np.abs(within.landmarks + np.array([left, top]) - face.landmarks).max()
    assert gap < 0.4 * (x1 - x0)


def test_the_two_detectors_see_the_same_face(found: Found):
    agree = 0
    for file, theirs in found("scrfd").items():
        ours = found("yunet")[file]
        if theirs and ours:
            a, b = largest(theirs), largest(ours)
            eyes = float(np.linalg.norm(a.landmarks[1] - a.landmarks[0]))
            agree += float(np.abs(a.landmarks - b.landmarks).mean()) < 0.25 * eyes
    assert agree >= 20


def test_scrfd_sees_what_insightface_sees(
    real_store: ModelStore, found: Found, wild_photos: Mapping[str, Photo]
):
    from insightface.model_zoo import get_model

    model = real_store.get("arcface-mbf")
    file = model.file("detector")
    assert file is not None
    oracle = get_model(str(model.path(file)), providers=["CPUExecutionProvider"])
    oracle.prepare(0, input_size=[(128, 128), (640, 640)], det_thresh=0.5)
    compared = 0
    for name in ("bulk_kun.jpg", "bulk_Rob_Lowe_0001.jpg", "RD_d1.jpeg", "bulk_woman.png"):
        bgr = cv2.cvtColor(wild_photos[name].pixels, cv2.COLOR_RGB2BGR)
        boxes, landmarks = oracle.detect(bgr)
        if len(boxes):
            ours = found("scrfd")[name]
            assert [face.step for face in ours] == ["as is"] * len(boxes)
            assert np.allclose([face.box for face in ours], boxes[:, :4], atol=0.01)
            assert np.allclose([face.landmarks for face in ours], landmarks, atol=0.01)
            compared += 1
    assert compared >= 3
