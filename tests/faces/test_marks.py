from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.faces.marks import (
    LEAST_EYE_DISTANCE,
    LEAST_SHARPNESS,
    MOST_HIDDEN,
    MOST_YAW,
    marks_of,
)
from gestalt_space.faces.quality import eye_distance
from gestalt_space.types import Landmarks, Quality

GOOD = Quality(sharpness=LEAST_SHARPNESS + 100, size=200, yaw=0, roll=0)


def landmarks(eyes: float) -> Landmarks:
    """Of a face with so many pixels between the eyes."""
    return (TEMPLATE * np.float32(eyes / eye_distance(TEMPLATE))).astype(np.float32)


def kinds(eyes: float, **changed: float) -> list[str]:
    of = {"sharpness": GOOD.sharpness, "size": 200.0, "yaw": 0.0, "roll": 0.0, **changed}
    return [mark.kind for mark in marks_of(landmarks(eyes), Quality(**of))]


def test_a_good_face_has_no_mark():
    assert marks_of(landmarks(100), GOOD) == ()
    assert kinds(LEAST_EYE_DISTANCE, sharpness=LEAST_SHARPNESS, yaw=MOST_YAW) == []


def test_a_mark_says_what_is_wrong_and_by_how_much():
    (mark,) = marks_of(landmarks(LEAST_EYE_DISTANCE - 2), GOOD)
    assert (mark.kind, mark.value, mark.limit) == (
        "small",
        LEAST_EYE_DISTANCE - 2,
        LEAST_EYE_DISTANCE,
    )
    assert f"{LEAST_EYE_DISTANCE - 2} pixels between the eyes" in mark.reason


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_face_may_be_turned_either_way_and_blurred(sign: int):
    assert kinds(100, yaw=sign * (MOST_YAW + 1)) == ["turned"]
    both = kinds(100, yaw=sign * (MOST_YAW + 1), sharpness=LEAST_SHARPNESS - 1)
    assert both == ["blurred", "turned"]


def test_a_small_face_is_not_called_blurred_as_well():
    assert kinds(LEAST_EYE_DISTANCE - 1, sharpness=0) == ["small"]


def test_what_is_told_is_what_is_compared():
    """A value that is shown as the limit is not called beyond it."""
    assert kinds(LEAST_EYE_DISTANCE - 0.4, yaw=MOST_YAW + 0.4) == []


def test_a_covered_face_is_marked_and_an_unknown_cover_is_not():
    assert kinds(100, hidden=MOST_HIDDEN / 100) == []
    assert kinds(100, hidden=(MOST_HIDDEN + 0.4) / 100) == []
    assert kinds(100, hidden=(MOST_HIDDEN + 1) / 100) == ["covered"]
    (mark,) = marks_of(landmarks(100), Quality(100, 200, 0, 0, hidden=0.31))
    assert "about 31 % of the face" in mark.reason
    assert marks_of(landmarks(100), Quality(100, 200, 0, 0, hidden=None)) == ()
