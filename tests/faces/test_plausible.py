from __future__ import annotations

import math

import numpy as np
import pytest

from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.faces.plausible import LEAST_WIDTH, implausible, is_blank
from gestalt_space.types import Box, Detection, Landmarks

SIZE = 300
FACE = TEMPLATE + np.float32(90)
"""Of 112 pixels, in the middle of a photo of 300."""


def reason(landmarks: Landmarks, box: Box | None = None, size: tuple[int, int] = (SIZE, SIZE)):
    if box is None:
        corner, opposite = landmarks.min(axis=0), landmarks.max(axis=0)
        around = np.maximum(opposite - corner, 1)
        box = np.concatenate([corner - around / 2, opposite + around / 2])
    return implausible(Detection(box.astype("f4"), landmarks.astype("f4"), 0.9), *size)


def turned(landmarks: Landmarks, degrees: float) -> Landmarks:
    turn = math.radians(degrees)
    matrix = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    middle = landmarks.mean(axis=0)
    return ((landmarks - middle) @ matrix + middle).astype(np.float32)


@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_a_face_may_lie_in_any_way(degrees: int):
    assert reason(turned(FACE, degrees)) == ""


@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_a_mirrored_face_may_not_however_it_lies(degrees: int):
    swapped = FACE[[1, 0, 2, 4, 3]]
    assert "Left and right points are swapped" in reason(turned(swapped, degrees))


@pytest.mark.parametrize(
    ("order", "part"), [([1, 0, 2, 3, 4], "eyes"), ([0, 1, 2, 4, 3], "corners of the mouth")]
)
def test_swapped_eyes_or_corners_of_the_mouth_are_named(order: list[int], part: str):
    assert f"The {part} are swapped" in reason(FACE[order])


@pytest.mark.parametrize("order", [[3, 4, 2, 0, 1], [2, 0, 1, 3, 4]])
def test_points_in_another_order_are_refused(order: list[int]):
    assert reason(FACE[order])


@pytest.mark.parametrize("towards", [-1, 1])
def test_a_profile_is_a_face(towards: int):
    nose = [100 + towards * 22, 120]
    profile = np.array([[100, 100], [101, 100], nose, [103, 140], [104, 140]], np.float32)
    assert reason(profile) == ""


def test_points_of_a_larger_copy_of_the_photo_are_named():
    found = reason(FACE * 8)
    assert "x 1,026–1,308, y 1,132–1,459 px, but the photo has 300 × 300 px" in found
    assert "4.9 times larger or more" in found


def test_points_in_shares_of_the_photo_are_named():
    assert "must be pixels, not shares of the photo" in reason(FACE / SIZE)


def test_points_of_the_photo_before_it_was_turned_are_named():
    assert "to the photo turned on its side" in reason(FACE + np.array([200, 0]), size=(300, 600))


def test_points_before_the_photo_are_refused():
    assert "The points are at x -" in reason(FACE - 400)


@pytest.mark.parametrize("shift", [30, 50])
def test_a_face_that_the_photo_cuts_off_is_legal_up_to_a_share(shift: float):
    assert reason(TEMPLATE - [0, shift], size=(112, 112)) == ""


def test_a_face_of_which_the_photo_shows_little_is_refused():
    strip = TEMPLATE * 3 - [0, 208]
    assert "is outside the photo; the limit is 75%" in reason(strip, size=(336, 72))


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.full((5, 2), 50.0), "in the same place"),
        (np.column_stack([np.arange(5) * 20 + 50, np.arange(5) * 20 + 50]), "on one line"),
        (np.full((5, 2), np.nan), "not finite"),
    ],
)
def test_points_that_span_nothing_are_refused(points: np.ndarray, words: str):
    assert words in reason(points)


def test_the_smallest_face_is_told():
    smallest = TEMPLATE * (LEAST_WIDTH / 112)
    assert reason(smallest * 1.01 + 90) == ""
    assert reason(smallest * 0.5 + 90) == (
        "The face is 12 px wide, less than the minimum of 24 px."
    )


@pytest.mark.parametrize(
    "box", [[0, 0, 40, 40], [250, 250, 290, 290], [130, 130, 150, 150], [-900, -900, 1100, 1100]]
)
def test_a_box_that_has_nothing_to_do_with_the_points_is_refused(box: list[float]):
    assert "The box at x " in reason(FACE, np.array(box, np.float32))


def test_a_crop_of_one_colour_is_blank():
    crop = np.full((112, 112, 3), (9, 8, 7), np.uint8)
    assert is_blank(crop)
    crop[50, 50, 1] = 9
    assert not is_blank(crop)


@pytest.mark.parametrize("y", [30, 200])
def test_a_nose_beyond_eyes_and_mouth_is_no_nose(y: int):
    points = np.array([[60, 80], [120, 80], [90, y], [70, 140], [110, 140]], np.float32)
    box = np.array([40, 20, 140, 180], np.float32)
    reason = implausible(Detection(box=box, landmarks=points, score=1.0), 200, 220)
    assert "nose" in reason
