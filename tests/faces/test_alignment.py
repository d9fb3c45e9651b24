from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gestalt_space.errors import FaceError
from gestalt_space.faces.alignment import SIZE, TEMPLATE, align, similarity_transform
from gestalt_space.types import Landmarks, Pixels
from tests import made


def insightface_crop(pixels: Pixels, landmarks: Landmarks) -> Pixels:
    from insightface.utils.face_align import norm_crop

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return norm_crop(pixels, landmarks, image_size=112)


def random_landmarks(rng: np.random.Generator, *, mirrored: bool) -> Landmarks:
    angle, scale = rng.uniform(-np.pi, np.pi), rng.uniform(0.3, 4)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = TEMPLATE.astype(float) - 56
    if mirrored:
        points = points * [-1, 1]
    points = points @ turn.T + rng.uniform(0, 300, 2) + rng.normal(0, 6 * scale, (5, 2))
    return points.astype(np.float32)


@pytest.mark.parametrize("mirrored", [False, True])
def test_an_aligned_face_is_insightfaces_to_the_pixel(mirrored: bool):
    rng = np.random.default_rng(11)
    photo = rng.integers(0, 256, (260, 310, 3), dtype=np.uint8)
    for _ in range(150):
        landmarks = random_landmarks(rng, mirrored=mirrored)
        assert np.array_equal(align(photo, landmarks), insightface_crop(photo, landmarks))


def test_landmarks_of_pure_chance_align_as_insightface_does():
    rng = np.random.default_rng(12)
    photo = made.crop(1, 256)
    for _ in range(100):
        landmarks = rng.uniform(0, 256, (5, 2)).astype(np.float32)
        assert np.array_equal(align(photo, landmarks), insightface_crop(photo, landmarks))


def test_landmarks_on_a_line_align_as_insightface_does_to_a_few_levels():
    photo = made.crop(1, 256)
    landmarks = np.array([[10, 10], [40, 40], [60, 60], [90, 90], [120, 120]], np.float32)
    gap = align(photo, landmarks).astype(int) - insightface_crop(photo, landmarks)
    assert np.abs(gap).max() <= 8


def test_double_precision_landmarks_align_as_insightface_does():
    rng = np.random.default_rng(13)
    photo = made.crop(2, 256)
    for _ in range(50):
        landmarks = random_landmarks(rng, mirrored=False).astype(np.float64)
        assert np.array_equal(align(photo, landmarks), insightface_crop(photo, landmarks))


def test_a_face_that_lies_in_the_template_is_kept_to_the_pixel():
    photo = made.crop(3)
    assert np.array_equal(align(photo, TEMPLATE), photo)


def test_beyond_the_photo_the_crop_is_black():
    white = np.full((112, 112, 3), 255, np.uint8)
    crop = align(white, TEMPLATE + np.float32(56))
    assert crop.shape == (SIZE, SIZE, 3)
    assert crop.dtype == np.uint8
    assert (crop[:55, :55] == 255).all()
    assert not crop[57:].any()


@given(
    angle=st.floats(-3.1, 3.1),
    scale=st.floats(0.2, 5),
    shift=arrays(float, 2, elements=st.floats(-500, 500)),
)
@settings(max_examples=60, deadline=None)
def test_a_similarity_transform_is_found_again(angle: float, scale: float, shift: np.ndarray):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    source = TEMPLATE.astype(np.float64)
    matrix = similarity_transform(source, source @ turn.T + shift)
    assert np.allclose(matrix, np.column_stack([turn, shift]), atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_landmarks_that_are_not_finite_are_refused(value: float):
    landmarks = TEMPLATE.copy()
    landmarks[2, 0] = value
    with pytest.raises(FaceError, match="not finite"):
        align(made.crop(1), landmarks)


@pytest.mark.parametrize("point", [(0.0, 0.0), (56.0, 40.0), (0.1, 0.7), (3000.3, 1234.7)])
def test_landmarks_on_one_point_are_refused(point: tuple[float, float]):
    landmarks = np.array([point] * 5, np.float32)
    with pytest.raises(FaceError, match="the same point"):
        align(made.crop(1), landmarks)
