from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.faces.alignment import SIZE as ALIGNED
from gestalt_space.faces.alignment import TEMPLATE, align, similarity_transform
from gestalt_space.simulate.canvas import (
    EYE_DISTANCE,
    MEAN_LANDMARKS,
    SIZE,
    TEMPLATE_LANDMARKS,
    ZOOM,
    carry,
    gaussians,
    lay_on_canvas,
    reshape,
    values_at,
    warp,
)
from gestalt_space.types import Landmarks
from tests.simulate import blobs


@pytest.fixture
def other(rng: np.random.Generator) -> Landmarks:
    return (MEAN_LANDMARKS + rng.normal(0, 3, (5, 2))).astype(np.float32)


def test_gaussians_are_summed_as_their_formula_says(rng: np.random.Generator):
    centres, widths = rng.uniform(20, 140, (4, 2)), rng.uniform(3, 20, (4, 2))
    amounts = rng.normal(0, 1, (4, 3))
    y, x = np.mgrid[:SIZE, :SIZE]
    expected = sum(
        amount[:, None, None] * np.exp(-0.5 * (((x - cx) / wide) ** 2 + ((y - cy) / tall) ** 2))
        for (cx, cy), (wide, tall), amount in zip(centres, widths, amounts, strict=True)
    )
    found = gaussians(centres, widths, amounts)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-4


def test_landmarks_are_carried_onto_landmarks(other: Landmarks):
    assert np.abs(carry(MEAN_LANDMARKS, MEAN_LANDMARKS, other) - other).max() < 1e-3


def test_what_lies_far_from_a_face_is_not_carried(other: Landmarks):
    far = np.array([[-150.0, -150.0]])
    assert np.abs(carry(far, MEAN_LANDMARKS, other) - far).max() < 1e-3


def test_a_reshaped_picture_has_its_landmarks_where_they_are_wanted(other: Landmarks):
    picture = reshape(blobs.dotted(other), other, MEAN_LANDMARKS)[..., 0].astype(float)
    for landmark in MEAN_LANDMARKS:
        found = blobs.centroid(picture - blobs.GREY, landmark)
        assert np.abs(found - landmark).max() < 0.3


def test_a_warp_takes_each_pixel_from_beside_its_place():
    picture = blobs.dotted(np.array([[60.0, 80.0]]))
    shift = np.zeros((SIZE, SIZE, 2), np.float32)
    shift[..., 0], shift[..., 1] = 3, -5
    assert np.array_equal(
        warp(picture, shift)[10:-10, 10:-10], np.roll(picture, (5, -3), (0, 1))[10:-10, 10:-10]
    )


def test_values_between_pixels_are_interpolated():
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    points = np.array([[10.25, 20.5], [100.75, 3.0]])
    assert values_at(3 * x + y, points) == pytest.approx([51.25, 305.25], abs=0.05)


@pytest.mark.parametrize("zoom", [0.4, 1, 2, 5, 12])
def test_a_photos_face_lies_on_the_canvas_with_its_landmarks(zoom: float):
    """Whatever the photo's size: the middle of a pixel stays the middle of a pixel."""
    size = round(SIZE * zoom)
    places = (MEAN_LANDMARKS + 0.5) * zoom - 0.5
    picture = np.full((size, size), 50.0)
    for place in places:
        across, down = np.exp(-0.5 * ((np.arange(size) - place[:, None]) / (2 * zoom)) ** 2)
        picture += 150 * np.outer(down, across)
    photo = np.repeat(np.rint(picture).astype(np.uint8)[..., None], 3, axis=2)

    canvas, landmarks = lay_on_canvas(photo, places.astype(np.float32))

    assert (canvas.shape, canvas.dtype) == ((SIZE, SIZE, 3), np.uint8)
    matrix = similarity_transform(places.astype(np.float32), TEMPLATE_LANDMARKS)
    assert np.abs(landmarks - (places @ matrix[:, :2].T + matrix[:, 2])).max() < 0.01
    for landmark in landmarks:
        found = blobs.centroid(canvas[..., 0].astype(float) - 50, landmark)
        assert np.abs(found - landmark).max() < 0.1


def test_the_canvas_holds_the_aligned_face():
    """An aligned crop of the canvas is the canvas in the template, a little smaller."""
    canvas = blobs.dotted(TEMPLATE_LANDMARKS)
    crop = align(canvas, TEMPLATE_LANDMARKS)
    corners = np.array([[0, 0], [ALIGNED, ALIGNED]]) * ZOOM + TEMPLATE_LANDMARKS[0]
    corners -= TEMPLATE[0] * ZOOM
    assert corners.min() >= 0
    assert corners.max() <= SIZE
    for place in TEMPLATE:
        bright = np.unravel_index(
            np.where(_near(place), crop[..., 0], 0).argmax(), (ALIGNED, ALIGNED)
        )
        assert np.abs(np.array(bright)[::-1] - place).max() <= 1


def _near(place: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[:ALIGNED, :ALIGNED]
    return np.hypot(x - place[0], y - place[1]) < 8


def test_a_mean_face_is_alike_left_and_right():
    assert MEAN_LANDMARKS[[1, 0, 2, 4, 3]] * [-1, 1] + [SIZE, 0] == pytest.approx(MEAN_LANDMARKS)
    assert EYE_DISTANCE == 45
