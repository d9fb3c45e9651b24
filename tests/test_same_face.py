"""Whether two findings in a photo are of one face."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.same_face import is_same_face, landmarks_moved, overlap

BOX = (0.0, 0.0, 112.0, 112.0)


@pytest.mark.parametrize(
    ("other", "share"),
    [
        (BOX, 1.0),
        ((56.0, 0.0, 168.0, 112.0), 1 / 3),
        ((112.0, 0.0, 224.0, 112.0), 0.0),
        ((300.0, 300.0, 400.0, 400.0), 0.0),
        ((0.0, 0.0, 0.0, 0.0), 0.0),
        ((28.0, 28.0, 84.0, 84.0), 0.25),
    ],
)
def test_overlap_is_intersection_over_union(other: tuple[float, ...], share: float) -> None:
    assert overlap(BOX, other) == pytest.approx(share)
    assert overlap(other, BOX) == pytest.approx(share)


def test_no_box_overlaps_itself_where_it_has_no_area() -> None:
    assert overlap((1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0)) == 0.0


def test_a_face_beside_another_is_not_the_same() -> None:
    beside = (112.0, 0.0, 224.0, 112.0)
    assert not is_same_face(BOX, TEMPLATE, beside, TEMPLATE + np.array([112, 0]))


def test_a_detector_that_draws_a_small_box_finds_the_same_face() -> None:
    small = (30.0, 40.0, 80.0, 100.0)
    assert overlap(BOX, small) < 0.3
    assert is_same_face(BOX, TEMPLATE, small, TEMPLATE + 2)


def test_landmarks_move_in_shares_of_the_distance_between_the_eyes() -> None:
    eyes = float(np.linalg.norm(TEMPLATE[1] - TEMPLATE[0]))
    assert landmarks_moved(TEMPLATE, TEMPLATE) == 0.0
    assert landmarks_moved(TEMPLATE, TEMPLATE + np.array([eyes / 10, 0])) == pytest.approx(0.1)
