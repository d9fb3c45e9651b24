from __future__ import annotations

import cv2
import numpy as np
import pytest

from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.faces.quality import quality, roll, sharpness, yaw
from gestalt_space.types import Detection, Landmarks
from tests import made


def turned(landmarks: Landmarks, degrees: float) -> Landmarks:
    """Turned clockwise, as the image is seen."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return ((landmarks - 56) @ turn.T + 56).astype(np.float32)


def with_nose_at(share: float) -> Landmarks:
    """Level eyes 40 apart, the nose that share of their distance to the right of the middle."""
    return np.array([[0, 0], [40, 0], [20 + 40 * share, 20], [5, 40], [35, 40]], np.float32)


@pytest.mark.parametrize("degrees", [-170, -90, -30, 0, 12, 90, 179])
def test_roll_is_positive_clockwise(degrees: float):
    assert roll(turned(with_nose_at(0), degrees)) == pytest.approx(degrees, abs=0.01)


def test_the_template_looks_straight_ahead():
    assert yaw(TEMPLATE) == pytest.approx(0, abs=1)
    assert roll(TEMPLATE) == pytest.approx(0, abs=1)


def test_yaw_is_positive_to_the_images_right():
    assert yaw(with_nose_at(0.55)) == pytest.approx(45)
    assert yaw(with_nose_at(-0.55)) == pytest.approx(-45)


@pytest.mark.parametrize("degrees", [-120, -20, 35, 90])
def test_yaw_does_not_depend_on_roll(degrees: float):
    assert yaw(turned(with_nose_at(0.2), degrees)) == pytest.approx(
        yaw(with_nose_at(0.2)), abs=0.01
    )


def test_a_profile_whose_eyes_fall_together_is_at_ninety_degrees():
    profile = np.array([[0, 0], [0, 0], [30, 20], [5, 40], [5, 40]], np.float32)
    assert yaw(profile) == 90
    assert yaw(profile * np.array([-1, 1], np.float32)) == -90


def test_blur_lowers_sharpness_and_a_flat_face_has_none():
    noisy = np.random.default_rng(1).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    assert sharpness(noisy) > sharpness(cv2.GaussianBlur(noisy, (7, 7), 0)) > 0
    assert sharpness(np.full((112, 112, 3), 90, np.uint8)) == 0


def test_quality_gathers_size_sharpness_and_pose():
    crop = made.crop(1)
    box = np.array([10, 20, 110, 90], np.float32)
    found = quality(Detection(box=box, landmarks=TEMPLATE, score=0.9), crop)
    assert found.size == 70
    assert (found.sharpness, found.yaw, found.roll) == (
        sharpness(crop),
        yaw(TEMPLATE),
        roll(TEMPLATE),
    )
