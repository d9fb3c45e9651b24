"""The second family of simulated disorders: repeatable, mild where it should be, never torn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.second_family import (
    Disorder,
    draw_disorders,
    moving_least_squares,
    show,
)
from benchmarks.second_family_calibration import leave_one_out
from gestalt_space.types import Landmarks, Pixels

LANDMARKS = np.array(
    [[57.5, 74.0], [102.2, 73.8], [80.1, 100.5], [60.0, 118.6], [100.3, 118.4]], np.float32
)


def dotted(places: Landmarks) -> Pixels:
    """A grey picture with a bright spot at each landmark."""
    y, x = np.mgrid[:160, :160]
    spots = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / 8) for px, py in places)
    return np.repeat((90 + 120 * np.clip(spots, 0, 1))[..., None], 3, axis=2).astype(np.uint8)


def form_only(disorder: Disorder) -> Disorder:
    """Without what is painted, and with all of its changes of form in every patient."""
    return Disorder(disorder.name, (), 5 * disorder.build)


@pytest.fixture(scope="module")
def disorders() -> list[Disorder]:
    return draw_disorders(np.random.default_rng(7), 40)


def test_disorders_are_drawn_again_alike(disorders: list[Disorder]) -> None:
    again = draw_disorders(np.random.default_rng(7), 40)
    assert [d.signs for d in again] == [d.signs for d in disorders]
    assert all(np.array_equal(a.build, b.build) for a, b in zip(again, disorders, strict=True))
    assert len({d.signs for d in disorders}) == 40


def test_a_patient_is_shown_again_alike_and_the_photo_is_left_alone(
    disorders: list[Disorder],
) -> None:
    pixels = dotted(LANDMARKS)
    before = pixels.copy()
    first = show(disorders[0], np.random.default_rng(3), pixels, LANDMARKS)
    second = show(disorders[0], np.random.default_rng(3), pixels, LANDMARKS)
    other = show(disorders[0], np.random.default_rng(4), pixels, LANDMARKS)
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0], other[0])
    assert np.array_equal(pixels, before)


def test_nothing_happens_at_severity_zero(disorders: list[Disorder]) -> None:
    pixels = dotted(LANDMARKS)
    shown, landmarks = show(disorders[0], np.random.default_rng(3), pixels, LANDMARKS, 0.0)
    assert np.array_equal(shown, pixels)
    assert np.array_equal(landmarks, LANDMARKS)


def test_shapes_types_and_landmarks_within_reason(disorders: list[Disorder]) -> None:
    rng = np.random.default_rng(5)
    moved = []
    for disorder in disorders[:20]:
        pixels, landmarks = show(disorder, rng, dotted(LANDMARKS), LANDMARKS, 1.0)
        assert pixels.shape == (160, 160, 3)
        assert landmarks.shape == (5, 2)
        assert pixels.dtype == np.uint8
        assert landmarks.dtype == np.float32
        moved.append(np.linalg.norm(landmarks - LANDMARKS, axis=1))
    assert 0.5 < np.mean(moved) < 4.0
    assert np.max(moved) < 15.0


def test_landmarks_move_with_the_face(disorders: list[Disorder]) -> None:
    y, x = np.mgrid[:160, :160]
    places = np.dstack([x, y, np.zeros_like(x)]).astype(np.uint8)
    rng = np.random.default_rng(6)
    for disorder in disorders[:12]:
        shown, landmarks = show(form_only(disorder), rng, places, LANDMARKS, 0.8)
        for was, now in zip(LANDMARKS, landmarks, strict=True):
            came_from = cv2.getRectSubPix(shown, (1, 1), now.tolist())[0, 0, :2]
            assert came_from == pytest.approx(was, abs=1.2)


def test_severity_is_how_far_landmarks_move(disorders: list[Disorder]) -> None:
    mean = []
    for severity in (0.25, 0.5, 1.0):
        rng = np.random.default_rng(8)
        shown = [show(d, rng, dotted(LANDMARKS), LANDMARKS, severity)[1] for d in disorders[:8]]
        mean.append(np.abs(np.stack(shown) - LANDMARKS).mean())
    assert mean[0] < mean[1] < mean[2]


def test_the_map_is_exact_at_its_points_and_for_affine_maps() -> None:
    rng = np.random.default_rng(9)
    source = rng.uniform(0, 100, (20, 2))
    target = source + rng.normal(0, 2, (20, 2))
    assert moving_least_squares(source, source, target, 1e-3) == pytest.approx(target, abs=1e-3)
    places = rng.uniform(0, 100, (50, 2))
    turn, shift = np.array([[1.1, 0.2], [-0.1, 0.9]]), np.array([3.0, -4.0])
    mapped = moving_least_squares(places, source, source @ turn + shift, 3.0)
    assert mapped == pytest.approx(places @ turn + shift, abs=1e-3)


def test_ranks_by_hand() -> None:
    angles = np.deg2rad([0, 10, 90, 95, 12, 180])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    labels = np.array([0, 0, 1, 1, 2, 2])
    assert leave_one_out(vectors, labels).tolist() == [1, 2, 1, 1, 3, 2]
