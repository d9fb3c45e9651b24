from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.faces.alignment import TEMPLATE
from recipes.detector.poses import MIDDLE, NOSE, HeadPose, depth_at, drawn_turn

POINTS = TEMPLATE.astype(np.float64)


def test_a_face_that_is_not_turned_stays():
    assert np.allclose(HeadPose(0.0, 0.0).moved(POINTS), POINTS)


def test_the_tip_of_the_nose_is_the_nearest_landmark():
    assert depth_at(POINTS).argmax() == 2
    below = depth_at(POINTS[2:3]) - depth_at(POINTS[2:3] + np.array([0, 3 * NOSE[2]]))
    assert below > 0.5 * NOSE[0]


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_nose_goes_where_the_face_turns_and_the_far_eye_comes_nearer(sign: int):
    moved = HeadPose(sign * np.radians(30), 0.0).moved(POINTS) - POINTS
    eyes = (moved[0] + moved[1]) / 2
    assert sign * (moved[2, 0] - eyes[0]) > 3
    turned = POINTS + moved
    near, far = (abs(turned[eye, 0] - turned[2, 0]) for eye in ((0, 1) if sign == 1 else (1, 0)))
    assert far < near


def test_a_turn_is_taken_back():
    rng = np.random.default_rng(3)
    points = rng.uniform(20, 92, (200, 2))
    for yaw, pitch in ((0.3, 0.0), (-0.3, 0.2), (0.2, -0.3)):
        turn = HeadPose(yaw, pitch)
        assert np.abs(turn.taken_back(turn.moved(points)) - points).max() < 0.5


def test_turns_are_drawn_to_all_sides_and_not_always():
    rng = np.random.default_rng(1)
    turns = [drawn_turn(rng) for _ in range(300)]
    some = [turn for turn in turns if turn is not None]
    assert 100 < len(some) < 200
    for angles in ([turn.yaw for turn in some], [turn.pitch for turn in some]):
        assert min(angles) < -0.2
        assert max(angles) > 0.2
    assert np.allclose(MIDDLE[0], POINTS[:, 0].mean())
